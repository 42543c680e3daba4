//! SQL of pending settlement callbacks: those that failed when their mail was settled, and are retried.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    error::Result,
    mail::kinds::{Class, DeliveryStatus, EmailState, QueuedEmail},
};

/// A settled mail whose callback is still to be run.
#[derive(Clone, Debug)]
pub(in crate::mail) struct PendingCallback {
    pub(in crate::mail) email: QueuedEmail,
    /// The mail's present state.
    pub(in crate::mail) state: EmailState,
    /// What the result means for the address.
    pub(in crate::mail) address_effect: AddressEffect,
}

/// What a mail's result means for its address: `mail_pending_callbacks.address_effect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(in crate::mail) enum AddressEffect {
    /// Nothing.
    #[strum(serialize = "")]
    None,
    /// One strike: the second one, days later, suppresses it.
    Strike,
    /// It accepts no mail and is suppressed.
    Dead,
}

crate::kernel::text_enum!(AddressEffect);

/// Records, in the settling transaction, that a callback is still to be run.
pub(in crate::mail) async fn add_pending_callback(
    conn: &mut PgConnection,
    email: &QueuedEmail,
    status: DeliveryStatus,
    address_effect: AddressEffect,
    due_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_pending_callbacks (email_id, organization_id, class, kind, lane, refs, protected, status, address_effect, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (email_id) DO UPDATE SET status = excluded.status, address_effect = excluded.address_effect, due_at = excluded.due_at",
        email.id,
        email.organization_id,
        email.class.as_str(),
        email.kind,
        email.lane,
        email.refs,
        email.protected,
        status.as_str(),
        address_effect.as_str(),
        due_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks callbacks that are due, with the present status of their mails: one that bounced since has another, and for
/// one that was queued again the callback waits until it is settled.
pub(in crate::mail) async fn pending_callbacks(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<PendingCallback>> {
    let rows = sqlx::query!(
        r#"SELECT u.email_id AS id, u.organization_id, u.class AS "class: Class", u.kind, u.lane, u.refs, u.protected,
                  1::smallint AS "attempts!", u.due_at AS created_at, u.due_at,
                  coalesce((SELECT e.state FROM emails_settled e WHERE e.id = u.email_id ORDER BY e.settled_at DESC LIMIT 1), u.status)
                      AS "state!: EmailState",
                  u.address_effect AS "address_effect: AddressEffect"
           FROM mail_pending_callbacks u WHERE u.due_at <= $1 AND NOT EXISTS (SELECT FROM emails_waiting w WHERE w.id = u.email_id)
           ORDER BY u.due_at LIMIT $2 FOR UPDATE OF u SKIP LOCKED"#,
        now,
        limit
    )
    .fetch_all(conn)
    .await?;
    let callbacks = rows.into_iter().map(|row| {
        let (state, address_effect) = (row.state, row.address_effect);
        PendingCallback { email: queued_email!(row), state, address_effect }
    });
    Ok(callbacks.collect())
}

/// Deletes callbacks that have succeeded.
pub(in crate::mail) async fn delete_callbacks(conn: &mut PgConnection, ids: &[Uuid]) -> Result<()> {
    sqlx::query!("DELETE FROM mail_pending_callbacks WHERE email_id = ANY ($1)", ids).execute(conn).await?;
    Ok(())
}

/// Postpones callbacks that failed again: the delay doubles from one minute up to an hour. Returns how many callbacks
/// are pending in all, counted up to ten thousand.
pub(in crate::mail) async fn postpone_callbacks(
    conn: &mut PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<i64> {
    sqlx::query!(
        "UPDATE mail_pending_callbacks SET attempts = attempts + 1,
                due_at = $2::timestamptz + least(power(2, least(attempts, 10)), 60) * interval '1 minute'
         WHERE email_id = ANY ($1)",
        ids,
        now
    )
    .execute(&mut *conn)
    .await?;
    let pending =
        sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM (SELECT FROM mail_pending_callbacks LIMIT 10000) u"#);
    Ok(pending.fetch_one(conn).await?)
}
