//! The database: pools and migrations.

use std::{str::FromStr, time::Duration};

use futures_util::future::join_all;
use sqlx::{
    Connection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    config,
    error::{Error, Result},
};

/// All migrations, compiled in.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Time for which a connection that nobody used is taken to be there still; after it, it is asked.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A pool that connects when first used, and again by itself after the database was away.
///
/// # Errors
/// `internal` when the URL is not understood; the message does not repeat it.
pub fn pool(settings: &config::Database, url: &str) -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(settings.pool_size)
        .acquire_timeout(Duration::from_secs(settings.acquire_timeout_seconds))
        // sqlx would ask before every use, which is a round trip for each
        .test_before_acquire(false)
        .before_acquire(|conn, connection| {
            Box::pin(async move {
                if connection.idle_for >= TRUSTED_FOR {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options(url)?))
}

/// How to connect to `url`.
///
/// # Errors
/// As [`pool`].
pub fn options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::internal("database.url: not a Postgres URL"))?
        .application_name("muster");
    // an answer means durable, whatever the server's default; and no statement of ours runs long enough to be worth compiling,
    // but plans that are kept from reading whole tables (enable_seqscan) look so expensive that they would be
    Ok(options.options([("synchronous_commit", "on"), ("timezone", "UTC"), ("jit", "off")]))
}

/// Refuses a database that cannot keep what Muster promises: one that answers before a commit is on disk, or a pooler that
/// mixes up the prepared statements of its clients.
///
/// # Errors
/// `internal` saying what to set, or a database error.
pub async fn check(pool: &PgPool) -> Result<()> {
    let ask = async || {
        sqlx::query_scalar!(r#"SELECT current_setting('synchronous_commit') AS "mode!""#).fetch_one(pool).await
    };
    // side by side and again, so that a pooler in transaction mode moves them from one server connection to another
    let answers = [join_all((0..4).map(|_| ask())).await, join_all((0..4).map(|_| ask())).await];
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(mode) if mode == "off" || mode == "local" => {
                return Err(Error::internal(format!(
                    "database.url: synchronous_commit is {mode:?}, so an acknowledged act could be lost; set it to on"
                )));
            }
            Ok(_) => {}
            Err(sqlx::Error::Database(e)) if matches!(e.code().as_deref(), Some("26000" | "42P05" | "08P01")) => {
                return Err(Error::internal(format!(
                    "database.url: its pooler does not carry prepared statements ({}); PgBouncer does from 1.21 on with max_prepared_statements",
                    e.message()
                )));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Brings the schema up to date; several processes may call it at once.
///
/// # Errors
/// `unavailable` while the database is away, `internal` when a migration fails or was changed after it ran.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    match MIGRATOR.run(pool).await {
        Ok(()) => Ok(()),
        Err(sqlx::migrate::MigrateError::Execute(error)) => Err(error.into()),
        Err(error) => Err(Error::internal(error)),
    }
}
