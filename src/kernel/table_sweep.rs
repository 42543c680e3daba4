//! Writes tables anew from which data was deleted that must end: VACUUM frees the space of a row, but its bytes stay in
//! the file until other rows need the space, and an index keeps its entry's bytes likewise.
//!
//! A slice asks for it in the transaction that deleted ([`request`]); the job `sweep_tables` does it as soon as no older
//! snapshot can see the rows, since those would be copied. Writing anew needs the table for itself: it is done only
//! when nobody uses the table at that moment (`SKIP_LOCKED` never waits, so nobody queues behind it), and only for tables
//! up to [`REWRITE_LIMIT`]. A larger one is vacuumed (docs/adr/0016-retention.md).

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

use super::{
    Kernel,
    background::{JobInfo, Jobs, Progress, TURN_LIMIT},
};
use crate::error::Result;

/// Size in bytes, with TOAST and indexes, up to which a table is written anew: a few seconds.
const REWRITE_LIMIT: i64 = 256 * 1024 * 1024;
/// Time limit of writing a table anew, while nobody else can use it.
const REWRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks for these tables to be written anew after the transaction has committed.
pub async fn request(conn: &mut PgConnection, tables: &[String], now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO table_sweeps AS t (name, deleted_by, since) SELECT DISTINCT n, pg_current_xact_id(), $2::timestamptz
         FROM unnest($1::text[]) n ORDER BY n
         ON CONFLICT (name) DO UPDATE SET deleted_by = excluded.deleted_by",
        tables,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Vacuums these tables, but those that another VACUUM works on.
pub async fn vacuum(db: &PgPool, tables: &[String]) -> Result<()> {
    for table in tables {
        run_vacuum(db, "SKIP_LOCKED", table, TURN_LIMIT).await?.close().await?;
    }
    Ok(())
}

/// Runs VACUUM with these options. `table`: its name as Postgres writes it, quoted where that is needed. Returns the connection, which is
/// closed when it is dropped: VACUUM cannot be in a transaction, so its limits are the session's.
async fn run_vacuum(db: &PgPool, options: &str, table: &str, limit: Duration) -> Result<PoolConnection<Postgres>> {
    let mut conn = db.acquire().await?;
    conn.close_on_drop();
    let limit = format!("{}s", limit.as_secs());
    sqlx::query!("SELECT set_config('statement_timeout', $1, false)", limit).fetch_one(&mut *conn).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("VACUUM ({options}) {table}"))).execute(&mut *conn).await?;
    Ok(conn)
}

/// Forgets what waits: in a database that was just restored every table is written anew, and the ids of transactions are those of
/// another server.
pub async fn forget(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("DELETE FROM table_sweeps").execute(conn).await?;
    Ok(())
}

/// Number of tables that have waited since before a time.
pub async fn waiting_since(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM table_sweeps WHERE since < $1"#, before)
        .fetch_one(conn)
        .await?)
}

/// Registers the job.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let info = JobInfo::maintenance(
        "sweep_tables",
        "writes the tables anew from which data of ended actions was deleted, so that no file keeps its bytes; not while \
         somebody uses the table",
        "each table up to 256 MiB in 30 s; a larger one is vacuumed",
    );
    jobs.add(info.with_limit(TURN_LIMIT), kernel, async |kernel, _| {
        sweep(&kernel.work).await?;
        Ok(Progress::Done)
    });
}

/// Writes the tables anew that wait for it and can be. Returns how many are done.
pub(super) async fn sweep(db: &PgPool) -> Result<u64> {
    let waiting = sqlx::query!(
        r#"SELECT w.name, c.oid::regclass::text AS "sql_name!", pg_total_relation_size(c.oid) AS "bytes!",
                  pg_relation_filenode(c.oid)::bigint AS "file!", w.deleted_by::text AS "deleted_by!"
           FROM table_sweeps w JOIN pg_class c ON c.oid = to_regclass(w.name)
           WHERE NOT EXISTS (SELECT FROM pg_stat_activity a
                             WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                               AND age(a.backend_xmin) >= age(w.deleted_by::text::xid8::xid))
           ORDER BY w.name"#
    )
    .fetch_all(db)
    .await?;
    let mut done = 0;
    for table in waiting {
        let is_small = table.bytes <= REWRITE_LIMIT;
        let limit = if is_small { REWRITE_TIMEOUT } else { TURN_LIMIT };
        // ANALYZE: the planner's statistics hold samples of values
        let how = if is_small { "FULL, ANALYZE, SKIP_LOCKED" } else { "ANALYZE, SKIP_LOCKED" };
        let mut conn = run_vacuum(db, how, &table.sql_name, limit).await?;
        // skipped while somebody used it: the file is the same, and the next round tries again
        let swept = sqlx::query!(
            "DELETE FROM table_sweeps WHERE name = $1 AND deleted_by = $2::text::xid8
             AND (NOT $3 OR pg_relation_filenode(to_regclass(name)) IS DISTINCT FROM $4::bigint::oid)",
            table.name,
            table.deleted_by,
            is_small,
            table.file
        )
        .execute(&mut *conn)
        .await?;
        done += swept.rows_affected();
    }
    Ok(done)
}
