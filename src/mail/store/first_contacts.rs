//! The rate limit on first contacts (first mails to addresses that anybody may have typed into a form), which limits
//! what an abused form can make the installation send.

use chrono::{DateTime, Utc};
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::{Claim, controls::MAX_COUNTED};
use crate::error::Result;

/// Value of `emails.failure` of a mail that waits for the limit.
const WAITING_FOR_LIMIT: &str = "waits: the first-contact limit of this hour was reached";

/// State of the rate limit on first contacts.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstContacts {
    /// First contacts sent in the present hour (UTC).
    pub this_hour: i64,
    /// The limit per hour, if organizers have set one; `None`: the setting `mail.first_contacts_per_hour` applies.
    pub per_hour: Option<i64>,
    /// First contacts that wait for a later hour, counted up to 50,000.
    pub held: i64,
}

/// Reads the state of the rate limit.
pub async fn first_contacts(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<FirstContacts> {
    Ok(sqlx::query_as!(
        FirstContacts,
        r#"SELECT coalesce((SELECT sent FROM first_contacts WHERE hour = date_trunc('hour', $1::timestamptz, 'UTC')), 0) AS "this_hour!",
                  (SELECT first_contacts_per_hour FROM mail_controls) AS per_hour,
                  (SELECT count(*) FROM (SELECT failure FROM emails_waiting WHERE state = 'queued' AND lane = '' AND class = 'confirmation' AND due_at > $1
                                         ORDER BY due_at LIMIT $3) later WHERE failure = $2) AS "held!""#,
        now,
        WAITING_FOR_LIMIT,
        MAX_COUNTED
    )
    .fetch_one(conn)
    .await?)
}

/// Maximum number of mails that one call of [`release_first_contacts`] makes due.
const RELEASE_BATCH_SIZE: i64 = 5_000;

/// Sets the limit for the whole installation; `None`: that of the settings. When it changes, the first of the mails
/// that wait for it become due at once; those beyond the new limit are put back by the next claim. True when there may
/// be more: call [`release_first_contacts`] until it returns false.
pub async fn set_first_contacts(conn: &mut PgConnection, per_hour: Option<i64>, now: DateTime<Utc>) -> Result<bool> {
    let before = sqlx::query_scalar!("SELECT first_contacts_per_hour FROM mail_controls FOR UPDATE")
        .fetch_one(&mut *conn)
        .await?;
    sqlx::query!("UPDATE mail_controls SET first_contacts_per_hour = $1", per_hour).execute(&mut *conn).await?;
    if before == per_hour { Ok(false) } else { release_first_contacts(conn, now).await }
}

/// Makes the next of the mails that wait for a later hour due at once, in their order. True when there may be more.
pub async fn release_first_contacts(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<bool> {
    // the division keeps their order
    let released = sqlx::query!(
        "UPDATE emails_waiting SET due_at = $1::timestamptz - interval '20 seconds' + (due_at - $1) / 100000
         WHERE id = ANY (ARRAY(SELECT id FROM (SELECT id, failure, due_at FROM emails_waiting WHERE state = 'queued' AND lane = '' AND class = 'confirmation'
                                                AND due_at > $1 ORDER BY due_at LIMIT $3) later WHERE failure = $2))
           AND state = 'queued'",
        now,
        WAITING_FOR_LIMIT,
        RELEASE_BATCH_SIZE
    )
    .execute(conn)
    .await?;
    Ok(released.rows_affected() > 0)
}

/// Counts first contacts in the present hour, up to the limit (`default` if organizers have set none). The others are
/// put back until the next hour, ordered by their time of queueing and before mails that are queued in that hour.
/// Returns the ids of those put back, and the limit. Each mail is counted once: `first` are those not counted yet,
/// oldest first.
pub(in crate::mail) async fn reserve_first_contacts(
    conn: &mut PgConnection,
    claim: Claim,
    first: &[Uuid],
    default: i64,
) -> Result<(Vec<Uuid>, i64)> {
    let mut tx = conn.begin().await?;
    let many = i64::try_from(first.len()).unwrap_or(i64::MAX);
    let row = sqlx::query!(
        r#"INSERT INTO first_contacts AS f (hour, sent) VALUES (date_trunc('hour', $1, 'UTC'), $2)
           ON CONFLICT (hour) DO UPDATE SET sent = f.sent + excluded.sent
           RETURNING sent, (SELECT first_contacts_per_hour FROM mail_controls) AS per_hour"#,
        claim.now,
        many
    )
    .fetch_one(&mut *tx)
    .await?;
    let most = row.per_hour.unwrap_or(default);
    let over = usize::try_from((row.sent - most).clamp(0, many)).unwrap_or_default();
    let held = &first[first.len() - over..];
    if over > 0 {
        sqlx::query!(
            "UPDATE first_contacts SET sent = sent - $2 WHERE hour = date_trunc('hour', $1, 'UTC')",
            claim.now,
            i64::try_from(over).unwrap_or_default()
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE emails_waiting SET state = 'queued', claim_token = NULL, lease_until = NULL, attempts = greatest(attempts - 1, 0),
                    failure = $4, due_at = date_trunc('hour', $1, 'UTC') + interval '1 hour'
                                 + greatest(interval '0', interval '20 seconds' + (created_at - date_trunc('hour', $1, 'UTC')) / 100000)
             WHERE id = ANY ($2) AND claim_token = $3",
            claim.now,
            held,
            claim.token,
            WAITING_FOR_LIMIT
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok((held.to_vec(), most))
}
