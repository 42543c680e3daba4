//! The limit on first mails to an address: what an abused form could make the whole installation send.

use chrono::{DateTime, Utc};
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::Claim;
use crate::error::Result;

/// Stands on the row of a mail that waits for the limit.
const WAITING_FOR_LIMIT: &str = "waits: the first-contact limit of this hour was reached";

/// How the limit stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstContacts {
    /// First mails to an address that were let through in the present hour.
    pub this_hour: i64,
    /// At most so many an hour, where organizers have set it; `None`: as in the settings.
    pub per_hour: Option<i64>,
    /// Those that wait for a later hour.
    pub held: i64,
}

/// How the limit stands.
pub async fn first_contacts(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<FirstContacts> {
    Ok(sqlx::query_as!(
        FirstContacts,
        r#"SELECT coalesce((SELECT sent FROM first_contacts WHERE hour = date_trunc('hour', $1::timestamptz, 'UTC')), 0) AS "this_hour!",
                  (SELECT first_contacts_per_hour FROM mail_controls) AS per_hour,
                  (SELECT count(*) FROM emails_waiting
                   WHERE state = 'queued' AND lane = '' AND class = 'confirmation' AND due_at > $1 AND failure = $2) AS "held!""#,
        now,
        WAITING_FOR_LIMIT
    )
    .fetch_one(conn)
    .await?)
}

/// Sets the limit for the whole installation; `None`: as in the settings. What waits for it goes when the present hour is
/// over, or at once where the limit was raised or removed.
pub async fn set_first_contacts(conn: &mut PgConnection, per_hour: Option<i64>, now: DateTime<Utc>) -> Result<()> {
    let before = sqlx::query_scalar!("SELECT first_contacts_per_hour FROM mail_controls FOR UPDATE")
        .fetch_one(&mut *conn)
        .await?;
    sqlx::query!("UPDATE mail_controls SET first_contacts_per_hour = $1", per_hour).execute(&mut *conn).await?;
    if before != per_hour {
        // in their order, and those that are still too many are put back
        sqlx::query!(
            "UPDATE emails_waiting SET due_at = $1::timestamptz - interval '20 seconds' + (due_at - $1) / 100000
             WHERE state = 'queued' AND lane = '' AND class = 'confirmation' AND due_at > $1 AND failure = $2",
            now,
            WAITING_FOR_LIMIT
        )
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Counts mails into the present hour, up to the limit (`default` where organizers have set none). The others go back into
/// the queue until the next hour, in which those that were queued first are due first, and before any that come then.
/// Returns which, and the limit. Each is counted once: `first` are those not counted yet, oldest first.
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
