//! Mail that came back.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Row;
use crate::{
    error::{Error, Result},
    mail::kinds::QueuedEmail,
};

/// The mail whose envelope's sender had this token, locked.
///
/// # Errors
/// `unavailable` while it is being sent: its sender will settle it.
pub(in crate::mail) async fn by_return_token(conn: &mut PgConnection, token: &str) -> Result<Option<QueuedEmail>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, organization_id, class, kind, lane, refs, protected, attempts, created_at, due_at
         FROM emails WHERE return_token = $1 AND state <> 'sending' FOR UPDATE",
        token
    )
    .fetch_optional(&mut *conn)
    .await?;
    if row.is_none() && is_being_sent(conn, token).await? {
        return Err(Error::Unavailable { retry_after: 60, cause: "this mail is still being sent".to_owned() });
    }
    row.map(Row::into_email).transpose()
}

async fn is_being_sent(conn: &mut PgConnection, token: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM emails WHERE return_token = $1) AS "found!""#, token)
        .fetch_one(conn)
        .await?)
}

/// Gives a mail that had gone out the state `bounced` or `complained`; false when it has it, or never went out.
pub(in crate::mail) async fn bounce(
    conn: &mut PgConnection,
    id: Uuid,
    state: &str,
    text: &str,
    at: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE emails SET state = $2, failure = $3, settled_at = $4
         WHERE id = $1 AND (state IN ('sent', 'uncertain') OR (state = 'bounced' AND $2 = 'complained'))",
        id,
        state,
        text,
        at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts a mail that came back from a provider.
pub(in crate::mail) async fn add_returned(
    conn: &mut PgConnection,
    day: NaiveDate,
    domain: &str,
    complained: bool,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_domains AS d (day, domain, bounced, complained) VALUES ($1, $2, $3, $4)
         ON CONFLICT (day, domain) DO UPDATE SET bounced = d.bounced + excluded.bounced, complained = d.complained + excluded.complained",
        day,
        domain,
        i64::from(!complained),
        i64::from(complained)
    )
    .execute(conn)
    .await?;
    Ok(())
}
