//! Whether an address may be written to at all: suppressions, and the daily cap on unrequested confirmations.
//!
//! Anyone can type anyone's address into a form; these two keep the form from becoming a weapon. The cap is kept under a
//! key that is thrown away with the day, in tables that are never written to the log or a backup.

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::kinds::QueuedEmail;
use crate::{
    error::Result,
    kernel::{Kernel, crypto::Key, day_secret, text::EmailAddress, vault::Vault},
};

/// The index of an address in the list of those that nobody here ever mails again (`suppressions.vault_id` null).
pub fn everywhere_index(kernel: &Kernel, address: &EmailAddress) -> Vec<u8> {
    kernel.suppressions_key.mac(&[b"email", address.index_form().as_bytes()]).to_vec()
}

/// Is the address suppressed, everywhere or within this vault? For news and notices (whether news are wanted is a consent); see
/// [`may_confirm`] for the first mail to an address.
///
/// # Errors
/// A database error.
pub async fn is_suppressed(kernel: &Kernel, address: &EmailAddress, vault: &Vault) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM suppressions
                          WHERE (vault_id IS NULL AND address_index = $1) OR (vault_id = $2 AND address_index = $3)) AS "found!""#,
        everywhere_index(kernel, address),
        vault.id,
        vault.email_index(address)
    )
    .fetch_one(&kernel.db)
    .await?)
}

/// The owner of an address wants no mail from this installation, ever: not even a confirmation.
///
/// # Errors
/// A database error.
pub async fn never_again(
    conn: &mut PgConnection,
    kernel: &Kernel,
    address: &EmailAddress,
    protected: bool,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO suppressions (id, vault_id, address_index, reason, created_at) VALUES ($1, NULL, $2, 'never_again', $3)
         ON CONFLICT (address_index) WHERE vault_id IS NULL DO UPDATE SET reason = excluded.reason",
        kernel.cx.recorded_id(protected),
        everywhere_index(kernel, address),
        kernel.cx.recorded_now(protected)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An address within a vault gets no more news and notices, for this reason. A stronger reason that stands there stays.
///
/// # Errors
/// A database error.
pub async fn suppress(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    address: &EmailAddress,
    reason: &'static str,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO suppressions AS s (id, vault_id, address_index, reason, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (vault_id, address_index) WHERE vault_id IS NOT NULL DO UPDATE SET reason = excluded.reason
         WHERE s.reason = 'unsubscribed' OR (s.reason = 'bounced' AND excluded.reason = 'complained')",
        kernel.cx.id(),
        vault.id,
        vault.email_index(address),
        reason,
        kernel.cx.now()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// May this mail, which asks an address to confirm something it has perhaps never heard of, be sent?
///
/// No, when the address wants no mail or has had its mails of the day. Whoever unsubscribed from news may still confirm.
/// Counts each mail once, however often it is tried. Not for join, change or cancel mails, which their owner asked for.
///
/// # Errors
/// A database error.
pub async fn may_confirm(kernel: &Kernel, email: &QueuedEmail, to: &EmailAddress, vault: &Vault) -> Result<bool> {
    let day = kernel.cx.now().date_naive();
    let known = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM suppressions
                          WHERE ((vault_id IS NULL AND address_index = $1) OR (vault_id = $2 AND address_index = $3))
                            AND reason <> 'unsubscribed') AS "suppressed!",
                  (SELECT secret FROM day_secrets WHERE day = $4) AS secret"#,
        everywhere_index(kernel, to),
        vault.id,
        vault.email_index(to),
        day
    )
    .fetch_one(&kernel.db)
    .await?;
    if known.suppressed {
        return Ok(false);
    }
    if email.attempts > 1 {
        return Ok(true);
    }
    let secret = match known.secret.as_deref().and_then(Key::from_slice) {
        Some(secret) => secret,
        None => day_secret::of(&kernel.db, &kernel.cx, day).await?,
    };
    count(kernel, day, &secret, email.id, to).await
}

/// Counts the mail against its address unless it was counted before; an attempt that the relay never saw is not counted
/// on the mail's row, so the mail leaves a mark of its own here.
async fn count(kernel: &Kernel, day: NaiveDate, secret: &Key, email: Uuid, to: &EmailAddress) -> Result<bool> {
    let mark = secret.mac(&[b"mail", email.as_bytes()]);
    let address = secret.mac(&[b"address", to.index_form().as_bytes()]);
    Ok(sqlx::query_scalar!(
        r#"WITH known AS (
               SELECT FROM confirmation_caps WHERE day = $1 AND address_hash = $2
           ), counted AS (
               INSERT INTO confirmation_caps AS c (day, address_hash, sent)
               SELECT $1, $3, 1 WHERE $4::smallint > 0 AND NOT EXISTS (SELECT FROM known)
               ON CONFLICT (day, address_hash) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < $4
               RETURNING c.day
           ), marked AS (
               INSERT INTO confirmation_caps (day, address_hash, sent) SELECT day, $2, 1 FROM counted ON CONFLICT DO NOTHING
           )
           SELECT EXISTS (SELECT FROM known) OR EXISTS (SELECT FROM counted) AS "allowed!""#,
        day,
        &mark as &[u8],
        &address as &[u8],
        kernel.settings.mail.confirmations_per_day
    )
    .fetch_one(&kernel.db)
    .await?)
}
