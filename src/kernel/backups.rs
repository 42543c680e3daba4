//! What the database knows of its backups (`crate::backup`): when the last ones were made, for the metrics; and whether it is
//! itself a backup that is being restored.
//!
//! A restore begins with a table of its own in an empty database, and ends by dropping it. Wherever the process is killed in
//! between, no other command uses the database.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Acquire, PgConnection, PgPool};
use uuid::Uuid;

use super::{
    Kernel,
    background::{JobInfo, Jobs, Progress, RunsIn},
    migrations::FUNCTIONS_FROM,
};
use crate::error::Result;

/// For how long it is kept that a backup was made.
const KEPT: TimeDelta = TimeDelta::days(90);

/// A backup that is complete.
#[derive(Clone, Copy, Debug)]
pub struct BackupMade {
    /// When its snapshot was taken, by the database's clock.
    pub taken_at: DateTime<Utc>,
    /// When the file was complete.
    pub finished_at: DateTime<Utc>,
    /// Size of the file.
    pub bytes: u64,
}

/// Records that a backup was made.
pub async fn record(conn: &mut PgConnection, backup: BackupMade) -> Result<()> {
    sqlx::query!(
        "WITH old AS (DELETE FROM backups WHERE taken_at < $4)
         INSERT INTO backups (taken_at, finished_at, bytes) VALUES ($1, greatest($1, $2::timestamptz), $3)",
        backup.taken_at,
        backup.finished_at,
        i64::try_from(backup.bytes).unwrap_or(i64::MAX),
        backup.taken_at - KEPT
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// When the snapshot of the newest backup was taken; `None`: within 90 days there was none.
pub async fn newest(conn: &mut PgConnection) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!("SELECT max(taken_at) FROM backups").fetch_one(conn).await?)
}

/// Time between two updates of the gauge.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Registers the report of the newest backup.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let info = JobInfo::every(
        REPORT_INTERVAL,
        RunsIn::EachWorker,
        "report_backups",
        "sets the gauge of the newest backup",
        "",
        REPORT_INTERVAL,
    );
    jobs.add(info, kernel, async |kernel, _| {
        report(&kernel.work).await?;
        Ok(Progress::Done)
    });
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
async fn report(db: &PgPool) -> Result<()> {
    let newest = newest(&mut *db.acquire().await?).await?;
    metrics::gauge!("muster_backup_last_success_seconds").set(newest.map_or(0, |at| at.timestamp()) as f64);
    Ok(())
}

/// A database to be backed up, as its snapshot shows it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the exported snapshot, for `pg_dump`; valid until the transaction ends.
    pub snapshot: String,
    /// When it was taken, by the database's clock.
    pub taken_at: DateTime<Utc>,
    /// Identifies the database among others.
    pub database: Uuid,
    /// The numbered migrations that it has: version, and checksum in hexadecimal digits.
    pub migrations: Vec<(i64, String)>,
}

/// Exports the snapshot of the present transaction, which has to be one with `REPEATABLE READ`, and reads what describes it.
pub async fn export_snapshot(tx: &mut PgConnection) -> Result<Source> {
    let row = sqlx::query!(
        r#"SELECT pg_export_snapshot() AS "snapshot!", clock_timestamp() AS "taken_at!", (SELECT id FROM keyring_database) AS "database!""#
    )
    .fetch_one(&mut *tx)
    .await?;
    let applied = sqlx::query_as::<_, (i64, String)>(
        "SELECT version, encode(checksum, 'hex') FROM _sqlx_migrations WHERE success AND version < $1 ORDER BY version",
    )
    .bind(FUNCTIONS_FROM);
    let migrations = applied.fetch_all(tx).await?;
    Ok(Source { snapshot: row.snapshot, taken_at: row.taken_at, database: row.database, migrations })
}

/// The server's version, as `160002` for 16.2.
pub async fn server_version(conn: &mut PgConnection) -> Result<u32> {
    let version =
        sqlx::query_scalar!(r#"SELECT current_setting('server_version_num')::integer AS "n!""#).fetch_one(conn).await?;
    Ok(u32::try_from(version).unwrap_or(0))
}

/// What is in a database into which a backup is to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// It has no tables, views or sequences.
    pub is_empty: bool,
    /// A restore of it was begun, and not ended.
    pub is_unfinished: bool,
    /// Sessions in it other than this one.
    pub sessions: i64,
}

/// Looks at a database into which a backup is to be restored.
pub async fn target(conn: &mut PgConnection) -> Result<Target> {
    Ok(sqlx::query_as!(
        Target,
        r#"SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                              WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')) AS "is_empty!",
                  to_regclass('public.restore_unfinished') IS NOT NULL AS "is_unfinished!",
                  (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                   AND backend_type IS NOT DISTINCT FROM 'client backend') AS "sessions!""#
    )
    .fetch_one(conn)
    .await?)
}

/// Was a restore of this database begun, and not ended?
pub async fn is_unfinished(conn: &mut PgConnection) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"SELECT to_regclass('public.restore_unfinished') IS NOT NULL AS "is_unfinished!""#)
        .fetch_one(conn)
        .await?)
}

/// Begins a restore: empties the database, and marks it as being restored. `service`: the role of the service, into whose hands it is
/// given; `conn` is its own or an administrator's.
pub async fn begin_restore(conn: &mut PgConnection, service: &str) -> Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query("SELECT set_config('muster.service_role', $1, true)").bind(service).execute(&mut *tx).await?;
    sqlx::raw_sql(
        "SET LOCAL statement_timeout = 0;
         DROP SCHEMA public CASCADE;
         CREATE SCHEMA public;
         CREATE TABLE public.restore_unfinished ();
         DO $$ BEGIN
             EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', current_setting('muster.service_role'));
             EXECUTE format('ALTER TABLE public.restore_unfinished OWNER TO %I', current_setting('muster.service_role'));
         END $$",
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a restore: the database can be used.
pub async fn end_restore(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql("DROP TABLE public.restore_unfinished").execute(conn).await?;
    Ok(())
}
