//! The schema and how it changes: versioned migrations, and the functions and triggers in `migrations/functions/`, which
//! are created again whenever their text changes (`docs/adr/0020-migrations.md`). With separate roles an administrator creates those of
//! the audit trail (`docs/adr/0022-database-roles.md`).

use std::{sync::LazyLock, time::Duration};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::{
    Connection, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
use tokio::time::{sleep, timeout};

use super::{
    database_roles::{self, AuditFunctions},
    db::{PING_TIMEOUT, apply_settings, options},
};
use crate::error::{Error, Result};

/// `lock_timeout` of migrations: everybody who queues behind a waiting `ALTER TABLE` waits no longer than this.
const LOCK_TIMEOUT: &str = "5s";
/// Attempts to migrate, two seconds apart, when locks or the database are unavailable.
const MAX_ATTEMPTS: u32 = 60;
/// Timeout of one attempt to run all pending migrations.
const MIGRATION_TIMEOUT: Duration = Duration::from_hours(1);

/// Versions from here on are those of functions and triggers; numbered migrations have lower ones.
pub const FUNCTIONS_FROM: i64 = 1 << 62;

macro_rules! function_files {
    ($($name:literal),+ $(,)?) => {
        /// Names of the files in `migrations/functions/`, in the order in which they are run after `audit`.
        #[cfg(test)]
        const FUNCTION_FILES: &[&str] = &[$($name),+];
        /// Their text. Bodies are not checked while they are created, since they may call what a later file creates.
        const FUNCTIONS: &str = concat!(
            "SET LOCAL check_function_bodies = off;\n",
            $(include_str!(concat!("../../migrations/functions/", $name, ".sql")), "\n"),+
        );
    };
}
function_files!(
    "broadcasts",
    "calls",
    "campaigns",
    "events",
    "letters",
    "mail",
    "organizations",
    "people",
    "petitions",
    "requests",
    "statistics",
    "triggers",
);

/// The functions and triggers of the audit trail.
const AUDIT_FUNCTIONS: &str =
    concat!("SET LOCAL check_function_bodies = off;\n", include_str!("../../migrations/functions/audit.sql"),);
/// Set in the version of the other functions, which come after those of the audit trail.
const AFTER_AUDIT: i64 = 1 << 56;

/// All migrations, compiled into the binary. The last two create functions and triggers; their version is a hash of their
/// text and of the newest numbered migration, so that they are run again when it changes.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let numbered = sqlx::migrate!();
    let newest = numbered.iter().map(|migration| migration.version).max().unwrap_or(0);
    let mut migrations = numbered.migrations.into_owned();
    for (part, name, text) in
        [(0, AUDIT_DESCRIPTION, AUDIT_FUNCTIONS), (AFTER_AUDIT, "functions and triggers", FUNCTIONS)]
    {
        let version = FUNCTIONS_FROM | part | functions_hash(newest, text);
        migrations.push(Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false));
    }
    migrator_of(migrations)
});

const AUDIT_DESCRIPTION: &str = "functions of the audit trail";

/// What the service's role may run where it does not own the audit trail.
static WITHOUT_AUDIT: LazyLock<Migrator> = LazyLock::new(|| {
    migrator_of(MIGRATOR.iter().filter(|migration| migration.description != AUDIT_DESCRIPTION).cloned().collect())
});

fn migrator_of(migrations: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    // those of other releases: of their functions, and of a newer schema that this release may run on
    migrator.set_ignore_missing(true);
    migrator
}

/// 56 bits of the hash of functions' text and the newest numbered migration.
fn functions_hash(newest: i64, text: &str) -> i64 {
    let digest = Sha256::new().chain_update(newest.to_be_bytes()).chain_update(text).finalize();
    digest.iter().take(7).fold(0, |number, &byte| number << 8 | i64::from(byte))
}

/// The functions of the audit trail of this release.
fn audit_functions() -> AuditFunctions {
    AuditFunctions { text: AUDIT_FUNCTIONS, version: HEXLOWER.encode(&Sha256::digest(AUDIT_FUNCTIONS)[..8]) }
}

/// The newest numbered migration that this release knows.
pub fn newest() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).filter(|version| *version < FUNCTIONS_FROM).max().unwrap_or(0)
}

/// Runs the pending migrations; several processes may call it at once. Waits for locks only [`LOCK_TIMEOUT`] at a time,
/// so that statements that queue behind a migration are not blocked for long. Needs a direct connection: the advisory lock
/// that excludes concurrent migrations belongs to a session. On the schema of a newer release it changes nothing.
///
/// `administrator`: the URL of a role that may separate the roles ([`database_roles`]); without one they stay as they are.
///
/// # Errors
/// `unavailable` while the database cannot be reached or its locks are taken; `internal` when a migration fails or was
/// edited after it ran, when the schema is newer than this release may run on, or when only an administrator can go on.
pub async fn migrate(url: &str, administrator: Option<&str>) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut conn = timeout(Duration::from_secs(10), PgConnection::connect_with(&options(url)?))
            .await
            .map_err(|_| Error::not_done(5, "no connection in time"))??;
        let mut administrator = match administrator {
            Some(url) => Some(database_roles::connect(url).await?),
            None => None,
        };
        for conn in [Some(&mut conn), administrator.as_mut()].into_iter().flatten() {
            apply_settings(conn, &[("lock_timeout", LOCK_TIMEOUT), ("timezone", "UTC")], "0").await?;
        }
        let migrating = migrate_on(&mut conn, administrator.as_mut());
        let migrated = timeout(MIGRATION_TIMEOUT, migrating)
            .await
            .unwrap_or_else(|_| Err(Error::uncertain(60, "the migration did not end in time")));
        for conn in [Some(conn), administrator].into_iter().flatten() {
            let _ = timeout(PING_TIMEOUT, conn.close()).await;
        }
        match migrated {
            Err(Error::Unavailable { cause, .. }) if tries < MAX_ATTEMPTS => {
                tracing::warn!(
                    event = "migration.waiting",
                    cause,
                    "migration: the database or a lock is unavailable; it is retried"
                );
                sleep(Duration::from_secs(2)).await;
            }
            other => return other,
        }
    }
}

async fn migrate_on(conn: &mut PgConnection, administrator: Option<&mut PgConnection>) -> Result<()> {
    let (service, functions) = (database_roles::role_of(conn).await?, audit_functions());
    let mut separating = None;
    if let Some(administrator) = administrator {
        database_roles::lock(administrator).await?;
        if !database_roles::is_set_up(conn, &functions).await? {
            database_roles::prepare(administrator, &service).await?;
            separating = Some(administrator);
        }
    }
    if is_newer(conn).await? {
        return Ok(());
    }
    run(conn).await?;
    if let Some(administrator) = separating {
        database_roles::take_over(administrator, &service, &functions).await?;
        let warning = database_roles::warning_on(conn).await?;
        return warning.map_or(Ok(()), |warning| {
            Err(Error::internal(format!("the roles were separated, but to no effect: {warning}")))
        });
    }
    if database_roles::are_separate(conn).await? && !database_roles::has_functions(conn, &functions).await? {
        return Err(Error::internal(
            "the functions of the audit trail are those of another release; run `muster migrate` with database.migrate_url, the URL \
             of an administrator",
        ));
    }
    Ok(())
}

async fn run(conn: &mut PgConnection) -> Result<()> {
    let migrator = if database_roles::are_separate(conn).await? { &WITHOUT_AUDIT } else { &MIGRATOR };
    match migrator.run(conn).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(error.into()),
        Err(error) => Err(Error::internal(error)),
    }
}

/// Does the schema have migrations that this release does not know?
///
/// # Errors
/// `internal` when the newer release said that this one may not run on its schema.
async fn is_newer(conn: &mut PgConnection) -> Result<bool> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT to_regclass('public._sqlx_migrations') IS NOT NULL AND to_regclass('public.schema_compatibility') IS NOT NULL",
    )
    .fetch_one(&mut *conn)
    .await?;
    if !is_there {
        return Ok(false);
    }
    let (applied, oldest): (i64, i64) = sqlx::query_as(
        "SELECT coalesce((SELECT max(version) FROM _sqlx_migrations WHERE success AND version < $1), 0),
                (SELECT oldest_release FROM schema_compatibility)",
    )
    .bind(FUNCTIONS_FROM)
    .fetch_one(conn)
    .await?;
    if oldest > newest() {
        return Err(Error::internal(format!(
            "the schema (migration {applied}) is newer than this release can run on: it knows migrations up to {}, and {oldest} \
             is the least; install the newer release",
            newest()
        )));
    }
    Ok(applied > newest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_functions_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/functions");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .map(|file| {
                file.expect("it can be read").path().file_stem().expect("a name").to_string_lossy().into_owned()
            })
            .collect();
        there.sort();
        assert_eq!(there, [&["audit"], FUNCTION_FILES].concat());
    }

    #[test]
    fn functions_can_be_created_again() {
        for line in
            [AUDIT_FUNCTIONS, FUNCTIONS].iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("CREATE"))
        {
            assert!(line.starts_with("CREATE OR REPLACE "), "{line}");
        }
    }

    async fn applied(conn: &mut PgConnection) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(conn).await.expect("a number")
    }

    #[sqlx::test(migrator = "MIGRATOR")]
    async fn another_release_may_run_on_a_newer_schema_only_where_it_says_so(pool: sqlx::PgPool) {
        let mut conn = pool.acquire().await.expect("a connection");
        assert!(!is_newer(&mut conn).await.expect("it is ours"));
        let before = applied(&mut conn).await;
        // the next release has one migration more, and functions of its own
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES ($1, 'newer', true, '', 0), ($2, 'its functions', true, '', 0)",
        )
        .bind(newest() + 1)
        .bind(FUNCTIONS_FROM)
        .execute(&mut *conn)
        .await
        .expect("written");
        assert!(is_newer(&mut conn).await.expect("allowed"));
        migrate_on(&mut conn, None).await.expect("nothing to do");
        assert_eq!(applied(&mut conn).await, before + 2);
        sqlx::query("UPDATE schema_compatibility SET oldest_release = $1")
            .bind(newest() + 1)
            .execute(&mut *conn)
            .await
            .expect("written");
        let refused = migrate_on(&mut conn, None).await.expect_err("too new").to_string();
        assert!(refused.contains("install the newer release"), "{refused}");
    }

    #[sqlx::test(migrator = "MIGRATOR")]
    async fn changed_functions_are_created_again(pool: sqlx::PgPool) {
        let mut conn = pool.acquire().await.expect("a connection");
        // as after an earlier release with another text
        sqlx::raw_sql(
            "CREATE OR REPLACE FUNCTION uuid_v7(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT NULL::uuid $$",
        )
        .execute(&mut *conn)
        .await
        .expect("replaced");
        let of_functions = "UPDATE _sqlx_migrations SET version = version - 1 WHERE version >= $1";
        sqlx::query(of_functions).bind(FUNCTIONS_FROM).execute(&mut *conn).await.expect("written");
        migrate_on(&mut conn, None).await.expect("migrated");
        let id: Option<uuid::Uuid> =
            sqlx::query_scalar("SELECT uuid_v7(now())").fetch_one(&mut *conn).await.expect("an id");
        assert!(id.is_some());
    }
}
