//! What the queue forgets and tidies, and when. The worker runs it now and then; twice does no harm.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use super::{store, suppression};
use crate::error::Result;

/// Rows that one call forgets at most of each sort, so that no transaction grows long.
const DELETE_BATCH_SIZE: i64 = 5000;

/// Forgets what is old: mail of protected actions that may have come back (72 hours), months of settled mails that ended `keep`
/// ago, the days' caps and their keys, bounces that have expired; and makes room for the months to come. Returns how many single rows were deleted; call
/// again while it is not 0.
///
/// # Errors
/// A database error; that of a lock not had in time passes.
pub async fn delete_expired(conn: &mut PgConnection, now: DateTime<Utc>, keep: TimeDelta) -> Result<u64> {
    let today = now.date_naive();
    sqlx::query!("DELETE FROM day_secrets WHERE day < $1", today).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM confirmation_caps WHERE day < $1", today).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM first_contacts WHERE hour < $1", now - TimeDelta::hours(2)).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM mail_provider_counts WHERE day < $1", today - TimeDelta::days(90)).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM mail_bounce_lookups WHERE forget_on <= $1", today).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM mail_pauses_ended WHERE ended_at < $1", now - TimeDelta::days(30))
        .execute(&mut *conn)
        .await?;
    suppression::delete_expired_bounces(conn, now).await?;
    sqlx::query!("DELETE FROM mail_lane_bounces WHERE bounced_at < $1", now - TimeDelta::days(2))
        .execute(&mut *conn)
        .await?;
    store::maintain_partitions(conn, today, (now - keep).date_naive()).await?;
    store::forget_counts(conn, (now - keep).date_naive(), now).await?;
    let deleted = sqlx::query!(
        "DELETE FROM emails_settled_other WHERE ctid IN (SELECT ctid FROM emails_settled_other WHERE settled_at < $1 LIMIT $2)",
        now - keep,
        DELETE_BATCH_SIZE
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Gives the place of settled mails back to the queue's table, so that it stays as small as the queue is: too many go through
/// it in a minute to wait for the database's own rounds.
pub(super) async fn vacuum_queue(db: &PgPool) -> Result<()> {
    // not a statement that can be prepared
    sqlx::raw_sql("VACUUM (SKIP_LOCKED, TRUNCATE FALSE) emails_waiting").execute(db).await?;
    Ok(())
}
