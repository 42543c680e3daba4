//! What the queue forgets, and when. The worker runs it now and then; twice does no harm.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::error::Result;

/// Rows that one call forgets at most of each sort, so that no transaction grows long.
const AT_ONCE: i64 = 5000;

/// Forgets what is old: return tokens (7 days; protected: 72 hours), settled mails (30 days), the days' caps and their
/// keys. Returns how many mail rows were deleted; call again while it is not 0.
///
/// # Errors
/// A database error.
pub async fn forget(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64> {
    sqlx::query!(
        "UPDATE emails SET return_token = NULL
         WHERE return_token IS NOT NULL AND settled_at < $2 AND (protected OR settled_at < $1)",
        now - TimeDelta::days(7),
        now - TimeDelta::hours(72)
    )
    .execute(&mut *conn)
    .await?;
    let today = now.date_naive();
    sqlx::query!("DELETE FROM day_secrets WHERE day < $1", today).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM confirmation_caps WHERE day < $1", today).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM first_contacts WHERE hour < $1", now - TimeDelta::hours(2)).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM mail_domains WHERE day < $1", today - TimeDelta::days(90)).execute(&mut *conn).await?;
    let deleted = sqlx::query!(
        "DELETE FROM emails WHERE id IN (SELECT id FROM emails WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)",
        now - TimeDelta::days(30),
        AT_ONCE
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
