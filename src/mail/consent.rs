//! Whether an address may be written to at all: suppressions, and the daily cap on unrequested confirmations.
//!
//! Anyone can type anyone's address into a form; these two keep the form from becoming a weapon. The cap is kept under a
//! key that is thrown away with the day, in tables that are never written to the log or a backup.

use std::collections::{BTreeMap, BTreeSet, HashSet};

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

/// An address and the vault in which it is written to.
pub type Whom<'a> = (&'a EmailAddress, &'a Vault);

/// Which of these may not get news and notices, because their address is suppressed everywhere or within the vault? (Whether
/// news are wanted is a consent.) See [`may_confirm`] for the first mail to an address.
///
/// # Errors
/// A database error.
pub async fn suppressed(kernel: &Kernel, whom: &[Whom<'_>]) -> Result<Vec<bool>> {
    Ok(standing(kernel, whom).await?.into_iter().map(|standing| standing != Standing::Free).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Free,
    /// No news, but whoever unsubscribed may still confirm.
    Unsubscribed,
    Suppressed,
}

async fn standing(kernel: &Kernel, whom: &[Whom<'_>]) -> Result<Vec<Standing>> {
    let mut all = vec![Standing::Free; whom.len()];
    let everywhere: Vec<Vec<u8>> = whom.iter().map(|(address, _)| everywhere_index(kernel, address)).collect();
    let vaults: Vec<Uuid> = whom.iter().map(|(_, vault)| vault.id).collect();
    let within: Vec<Vec<u8>> = whom.iter().map(|(address, vault)| vault.email_index(address)).collect();
    let rows = sqlx::query!(
        r#"SELECT w.n AS "n!", s.reason FROM unnest($1::bytea[], $2::uuid[], $3::bytea[]) WITH ORDINALITY AS w (everywhere, vault, within, n)
           CROSS JOIN LATERAL (
               SELECT reason FROM suppressions WHERE vault_id IS NULL AND address_index = w.everywhere
               UNION ALL
               SELECT reason FROM suppressions WHERE vault_id = w.vault AND address_index = w.within) AS s"#,
        &everywhere,
        &vaults,
        &within
    )
    .fetch_all(&kernel.db)
    .await?;
    for row in rows {
        let Some(standing) = usize::try_from(row.n - 1).ok().and_then(|n| all.get_mut(n)) else { continue };
        if row.reason.as_deref() != Some("unsubscribed") {
            *standing = Standing::Suppressed;
        } else if *standing == Standing::Free {
            *standing = Standing::Unsubscribed;
        }
    }
    Ok(all)
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
    protected: bool,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO suppressions AS s (id, vault_id, address_index, reason, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (vault_id, address_index) WHERE vault_id IS NOT NULL DO UPDATE SET reason = excluded.reason
         WHERE s.reason = 'unsubscribed' OR (s.reason = 'bounced' AND excluded.reason = 'complained')",
        kernel.cx.recorded_id(protected),
        vault.id,
        vault.email_index(address),
        reason,
        kernel.cx.recorded_now(protected)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which of these mails, each asking an address to confirm something it has perhaps never heard of, may be sent?
///
/// Not when the address wants no mail or has had its mails of the day. Whoever unsubscribed from news may still confirm.
/// Counts each mail once, however often it is tried. Not for join, change or cancel mails, which their owner asked for.
///
/// # Errors
/// A database error.
pub async fn may_confirm(kernel: &Kernel, mails: &[(&QueuedEmail, Whom<'_>)]) -> Result<Vec<bool>> {
    let whom: Vec<Whom<'_>> = mails.iter().map(|(_, whom)| *whom).collect();
    let mut may: Vec<bool> =
        standing(kernel, &whom).await?.into_iter().map(|standing| standing != Standing::Suppressed).collect();
    // one that goes again was counted at its first attempt
    let counted: Vec<usize> = (0..mails.len()).filter(|&n| may[n] && mails[n].0.attempts <= 1).collect();
    if counted.is_empty() {
        return Ok(may);
    }
    let day = kernel.cx.now().date_naive();
    let secret =
        sqlx::query_scalar!("SELECT secret FROM day_secrets WHERE day = $1", day).fetch_optional(&kernel.db).await?;
    let secret = match secret.as_deref().and_then(Key::from_slice) {
        Some(secret) => secret,
        None => day_secret::of(&kernel.db, &kernel.cx, day).await?,
    };
    // an attempt that the relay never saw is not counted on the mail's row, so the mail leaves a mark of its own
    let acts: Vec<Counted> = counted
        .iter()
        .map(|&n| Counted {
            mark: secret.mac(&[b"mail", mails[n].0.id.as_bytes()]).to_vec(),
            address: secret.mac(&[b"address", mails[n].1.0.index_form().as_bytes()]).to_vec(),
        })
        .collect();
    for (n, allowed) in counted.into_iter().zip(count(kernel, day, &acts).await?) {
        may[n] = allowed;
    }
    Ok(may)
}

/// A mail and its address as the day's counts know them.
struct Counted {
    mark: Vec<u8>,
    address: Vec<u8>,
}

/// Counts mails against their addresses, except those that were counted before; which of them are within the cap?
async fn count(kernel: &Kernel, day: NaiveDate, mails: &[Counted]) -> Result<Vec<bool>> {
    let cap = kernel.settings.mail.confirmations_per_day;
    let marks: Vec<Vec<u8>> = mails.iter().map(|mail| mail.mark.clone()).collect();
    let mut tx = kernel.db.begin().await?;
    let known = sqlx::query_scalar!(
        "SELECT address_hash FROM confirmation_caps WHERE day = $1 AND address_hash = ANY ($2)",
        day,
        &marks
    )
    .fetch_all(&mut *tx)
    .await?;
    let known: HashSet<Vec<u8>> = known.into_iter().collect();
    let addresses: BTreeSet<&[u8]> =
        mails.iter().filter(|mail| !known.contains(&mail.mark)).map(|mail| mail.address.as_slice()).collect();
    // in one order for everybody: this locks them
    let addresses: Vec<Vec<u8>> = addresses.into_iter().map(<[u8]>::to_vec).collect();
    let rows = sqlx::query!(
        "INSERT INTO confirmation_caps AS c (day, address_hash, sent) SELECT $1, a, 0 FROM unnest($2::bytea[]) WITH ORDINALITY u (a, n) ORDER BY n
         ON CONFLICT (day, address_hash) DO UPDATE SET sent = c.sent RETURNING address_hash, sent",
        day,
        &addresses
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut sent: BTreeMap<Vec<u8>, i16> = rows.into_iter().map(|row| (row.address_hash, row.sent)).collect();
    let (mut allowed, mut new_marks) = (Vec::with_capacity(mails.len()), Vec::new());
    for mail in mails {
        let is_known = known.contains(&mail.mark);
        let fits = !is_known && sent.get(&mail.address).is_some_and(|&sent| sent < cap);
        if fits {
            sent.entry(mail.address.clone()).and_modify(|sent| *sent += 1);
            new_marks.push(mail.mark.clone());
        }
        allowed.push(is_known || fits);
    }
    let (hashes, numbers): (Vec<Vec<u8>>, Vec<i16>) = sent.into_iter().unzip();
    sqlx::query!(
        "UPDATE confirmation_caps c SET sent = u.sent FROM unnest($2::bytea[], $3::smallint[]) u (a, sent)
         WHERE c.day = $1 AND c.address_hash = u.a AND c.sent <> u.sent",
        day,
        &hashes,
        &numbers
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO confirmation_caps (day, address_hash, sent) SELECT $1, m, 1 FROM unnest($2::bytea[]) m ON CONFLICT DO NOTHING",
        day,
        &new_marks
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(allowed)
}
