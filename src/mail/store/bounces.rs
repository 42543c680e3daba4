//! SQL of bounces: finds the mail a report is about and changes its state.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    mail::kinds::{Class, DeliveryStatus, EmailState, QueuedEmail},
};

/// Finds and locks a mail that was settled after `since`, or, of a protected action, sent within 72 hours.
///
/// # Errors
/// `unavailable` while it is being sent: it will be settled soon.
pub(in crate::mail) async fn find_sent(
    conn: &mut PgConnection,
    id: Uuid,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<QueuedEmail>> {
    let state = sqlx::query_scalar!(r#"SELECT state AS "state: EmailState" FROM emails_waiting WHERE id = $1"#, id)
        .fetch_optional(&mut *conn)
        .await?;
    if state == Some(EmailState::Sending) {
        return Err(Error::not_done(60, "this mail is still being sent"));
    }
    let settled = sqlx::query_as!(
        QueuedEmail,
        r#"SELECT id, organization_id, class AS "class: Class", kind, lane, refs, protected, attempts, created_at, due_at
           FROM emails_settled WHERE id = $1 AND settled_at > $2 FOR UPDATE"#,
        id,
        since
    )
    .fetch_optional(&mut *conn)
    .await?;
    if settled.is_some() {
        return Ok(settled);
    }
    Ok(sqlx::query_as!(
        QueuedEmail,
        r#"SELECT id, organization_id, class AS "class: Class", kind, lane, refs, true AS "protected!", 1::smallint AS "attempts!",
                  $2::timestamptz AS "created_at!", $2::timestamptz AS "due_at!"
           FROM mail_bounce_lookups WHERE id = $1 AND forget_on > $3 FOR UPDATE"#,
        id,
        now,
        now.date_naive()
    )
    .fetch_optional(conn)
    .await?)
}

/// Sets the state of a sent mail to `bounced` or `complained`. False when it has that state, or was not sent. For a
/// mail of a protected action the lookup row is deleted instead.
pub(in crate::mail) async fn set_bounced(
    conn: &mut PgConnection,
    email: &QueuedEmail,
    status: DeliveryStatus,
    text: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE emails_settled SET state = $2, failure = $3
         WHERE id = $1 AND (state IN ('sent', 'uncertain') OR (state = 'bounced' AND $2 = 'complained'))",
        email.id,
        status.as_str(),
        text
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 1 || !email.protected {
        return Ok(done.rows_affected() == 1);
    }
    let done = sqlx::query!("DELETE FROM mail_bounce_lookups WHERE id = $1", email.id).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Adds one to the count of bounces or complaints of a provider and day.
pub(in crate::mail) async fn count_bounce(
    conn: &mut PgConnection,
    day: NaiveDate,
    domain: &str,
    complained: bool,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_provider_counts AS d (day, provider, bounced, complained) VALUES ($1, $2, $3, $4)
         ON CONFLICT (day, provider) DO UPDATE SET bounced = d.bounced + excluded.bounced, complained = d.complained + excluded.complained",
        day,
        domain,
        i64::from(!complained),
        i64::from(complained)
    )
    .execute(conn)
    .await?;
    Ok(())
}
