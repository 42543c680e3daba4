//! Retention of mail data and VACUUM of the queue. Run periodically by the worker; idempotent.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use super::{store, suppression};
use crate::error::Result;

/// Maximum number of rows of each table that one call deletes one by one, so that the transaction stays short.
const DELETE_BATCH_SIZE: i64 = 5000;

/// Deletes expired data: lookups of bounces of protected actions (72 hours), partitions of settled mail whose month
/// ended `keep` ago, daily confirmation caps and their secrets, first-contact counts (2 hours), provider counts (90
/// days), ended pauses (30 days), expired bounces and strikes, lane bounces (2 days), counts of deleted months.
/// Creates the partitions of this month and the next. Returns how many rows were deleted of what is deleted
/// in batches (confirmation caps, lookups, settled mail outside monthly partitions); call again while it is not 0.
///
/// # Errors
/// `unavailable` when the lock for the partitions is not granted in time; the next call tries again.
pub async fn delete_expired(conn: &mut PgConnection, now: DateTime<Utc>, keep: TimeDelta) -> Result<u64> {
    let today = now.date_naive();
    sqlx::query!("DELETE FROM day_secrets WHERE day < $1", today).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM first_contacts WHERE hour < $1", now - TimeDelta::hours(2)).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM mail_provider_counts WHERE day < $1", today - TimeDelta::days(90))
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM mail_pauses_ended WHERE ended_at < $1", now - TimeDelta::days(30))
        .execute(&mut *conn)
        .await?;
    suppression::delete_expired_bounces(conn, now).await?;
    sqlx::query!("DELETE FROM mail_lane_bounces WHERE bounced_at < $1", now - TimeDelta::days(2))
        .execute(&mut *conn)
        .await?;
    store::maintain_partitions(conn, today, (now - keep).date_naive()).await?;
    store::forget_counts(conn, (now - keep).date_naive(), now).await?;
    let caps = sqlx::query!(
        "DELETE FROM confirmation_caps WHERE ctid = ANY (ARRAY(SELECT ctid FROM confirmation_caps WHERE day < $1 LIMIT $2))",
        today,
        DELETE_BATCH_SIZE
    )
    .execute(&mut *conn)
    .await?;
    let lookups = sqlx::query!(
        "DELETE FROM mail_bounce_lookups WHERE id = ANY (ARRAY(SELECT id FROM mail_bounce_lookups WHERE forget_on <= $1 LIMIT $2))",
        today,
        DELETE_BATCH_SIZE
    )
    .execute(&mut *conn)
    .await?;
    let settled = sqlx::query!(
        "DELETE FROM emails_settled_other WHERE ctid IN (SELECT ctid FROM emails_settled_other WHERE settled_at < $1 LIMIT $2)",
        now - keep,
        DELETE_BATCH_SIZE
    )
    .execute(conn)
    .await?;
    Ok([caps, lookups, settled].iter().map(sqlx::postgres::PgQueryResult::rows_affected).sum())
}

/// Runs VACUUM on `emails_waiting`, so that the table stays as small as the queue is: too many rows pass through it
/// in a minute to wait for autovacuum.
pub(super) async fn vacuum_queue(db: &PgPool) -> Result<()> {
    // VACUUM cannot be a prepared statement
    sqlx::raw_sql("VACUUM (SKIP_LOCKED, TRUNCATE FALSE) emails_waiting").execute(db).await?;
    Ok(())
}
