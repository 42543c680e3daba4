//! Suppression: whether an address may be written to, and the daily cap on unrequested confirmations.
//!
//! Anybody can type anybody's address into a form; suppressions and cap keep forms from being used to flood a person
//! with mail. The cap counts keyed hashes under a secret that is deleted with the day, in unlogged tables, which are
//! in no WAL and no backup.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::kinds::{Addressee, Class, MailKind, QueuedEmail};
use crate::{
    error::Result,
    kernel::{Kernel, crypto::Key, day_secret, text::EmailAddress, vault::Vault},
};

/// Keyed hash of an address in the global suppression list ("never mail me again": `suppressions.vault_id` null).
pub fn global_suppression_key(kernel: &Kernel, address: &EmailAddress) -> Vec<u8> {
    kernel.suppressions_key.mac(&[b"email", address.index_form().as_bytes()]).to_vec()
}

/// The same hash under every key of the keyring: the list has entries from before a key rotation.
pub fn global_suppression_keys(kernel: &Kernel, address: &EmailAddress) -> Vec<Vec<u8>> {
    let index = |key: &Key| key.mac(&[b"email", address.index_form().as_bytes()]).to_vec();
    kernel.suppressions_key.all().iter().map(index).collect()
}

/// An address, and the vault of the person it belongs to.
pub type Recipient<'a> = (&'a EmailAddress, &'a Vault);

/// Which of these may not get news and notices, because their address is suppressed globally or within the vault?
/// (Whether news are wanted is a consent and not checked here.) For the first mail to an address see
/// [`may_send_confirmation`].
pub async fn suppressed(kernel: &Kernel, recipients: &[Recipient<'_>]) -> Result<Vec<bool>> {
    let may = |status| {
        matches!(status, SuppressionStatus::Clear | SuppressionStatus::OnProbe(BounceProbe { unsubscribed: false, .. }))
    };
    Ok(status(kernel, recipients).await?.into_iter().map(|status| !may(status)).collect())
}

/// Why an address gets no mail: `suppressions.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SuppressionReason {
    /// Its owner wants no mail of this installation ever again (global list only).
    NeverAgain,
    /// Its owner unsubscribed from updates.
    Unsubscribed,
    /// It accepts no mail.
    Bounced,
    /// Its owner reported a mail as spam.
    Complained,
    /// An organizer entered it.
    Organizer,
}

crate::kernel::text_enum!(SuppressionReason);

#[derive(Clone, Copy, PartialEq, Eq)]
enum SuppressionStatus {
    Clear,
    /// Unsubscribed: no news and notices, but confirmations.
    Unsubscribed,
    /// It bounced; since then somebody has used it again, and one new confirmation was sent, which has not bounced.
    OnProbe(BounceProbe),
    /// It bounced. `may_try`: one new confirmation may be sent as a probe, because none was since.
    Bounced {
        suppression: Uuid,
        may_try: bool,
    },
    Suppressed,
}

/// A probe: the new confirmation to an address that had bounced.
#[derive(Clone, Copy, PartialEq, Eq)]
struct BounceProbe {
    mail: Uuid,
    at: DateTime<Utc>,
    unsubscribed: bool,
}

async fn status(kernel: &Kernel, recipients: &[Recipient<'_>]) -> Result<Vec<SuppressionStatus>> {
    let mut all = vec![SuppressionStatus::Clear; recipients.len()];
    let (places, everywhere): (Vec<i64>, Vec<Vec<u8>>) = (1..)
        .zip(recipients)
        .flat_map(|(n, (address, _))| global_suppression_keys(kernel, address).into_iter().map(move |index| (n, index)))
        .unzip();
    let vaults: Vec<Uuid> = recipients.iter().map(|(_, vault)| vault.id).collect();
    let within: Vec<Vec<u8>> = recipients.iter().map(|(address, vault)| vault.email_index(address)).collect();
    let rows = sqlx::query!(
        r#"SELECT w.n AS "n!", s.id AS "id!", s.reason AS "reason!: SuppressionReason", s.bounces AS "bounces!", s.tried_at, s.trial,
                  s.unsubscribed AS "unsubscribed!"
           FROM unnest($1::bigint[], $2::bytea[]) AS w (n, everywhere)
           JOIN suppressions s ON s.vault_id IS NULL AND s.address_index = w.everywhere
           UNION ALL
           SELECT w.n, s.id, s.reason, s.bounces, s.tried_at, s.trial, s.unsubscribed
           FROM unnest($3::uuid[], $4::bytea[]) WITH ORDINALITY AS w (vault, within, n)
           CROSS JOIN LATERAL (
               SELECT id, CASE WHEN is_over THEN 'unsubscribed' ELSE reason END AS reason, bounces, tried_at, trial, unsubscribed FROM (
                   SELECT *, reason = 'bounced' AND coalesce(expires_at, created_at + interval '90 days') <= $5 AS is_over FROM suppressions
                   WHERE vault_id = w.vault AND address_index = w.within) AS known
               WHERE unsubscribed OR NOT is_over) AS s"#,
        &places,
        &everywhere,
        &vaults,
        &within,
        kernel.env.now()
    )
    .fetch_all(&kernel.work)
    .await?;
    for row in rows {
        let Some(status) = usize::try_from(row.n - 1).ok().and_then(|n| all.get_mut(n)) else { continue };
        if *status == SuppressionStatus::Suppressed {
            continue;
        }
        *status = match (row.reason, row.trial.zip(row.tried_at)) {
            (SuppressionReason::Unsubscribed, _) => SuppressionStatus::Unsubscribed,
            (SuppressionReason::Bounced, Some((mail, at))) if row.bounces == 0 => {
                SuppressionStatus::OnProbe(BounceProbe { mail, at, unsubscribed: row.unsubscribed })
            }
            (SuppressionReason::Bounced, trial) => {
                SuppressionStatus::Bounced { suppression: row.id, may_try: trial.is_none() }
            }
            _ => SuppressionStatus::Suppressed,
        };
    }
    Ok(all)
}

/// Adds an address to the global suppression list: its owner wants no mail from this installation, not even a
/// confirmation.
pub async fn suppress_globally(
    conn: &mut PgConnection,
    kernel: &Kernel,
    address: &EmailAddress,
    protected: bool,
) -> Result<()> {
    let index = global_suppression_key(kernel, address);
    // replaces an entry under an older key
    let mut older = global_suppression_keys(kernel, address);
    older.retain(|other| *other != index);
    sqlx::query!("DELETE FROM suppressions WHERE vault_id IS NULL AND address_index = ANY ($1)", &older)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "INSERT INTO suppressions (id, vault_id, address_index, reason, created_at) VALUES ($1, NULL, $2, 'never_again', $3)
         ON CONFLICT (address_index) WHERE vault_id IS NULL DO UPDATE SET reason = excluded.reason",
        kernel.env.recorded_id(protected),
        index,
        kernel.env.recorded_now(protected)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How long a bounce suppresses an address; after that it may exist again.
const BOUNCE_SUPPRESSION: TimeDelta = TimeDelta::days(90);
/// Minimum interval between two strikes for the address to count as dead.
const MIN_STRIKE_INTERVAL: TimeDelta = TimeDelta::days(2);
/// A probe that has not bounced within this time counts as delivered, and further confirmations may be sent.
const PROBE_PERIOD: TimeDelta = TimeDelta::days(2);

/// Suppresses an address within a vault, for this reason. Replaces only the reasons `unsubscribed` and `bounced`; the
/// others stay. A bounce suppresses for 90 days from the newest bounce, and remembers an unsubscription that it
/// replaces.
pub(super) async fn suppress(
    conn: &mut PgConnection,
    kernel: &Kernel,
    vault: &Vault,
    address: &EmailAddress,
    reason: SuppressionReason,
    protected: bool,
) -> Result<()> {
    let now = kernel.env.recorded_now(protected);
    let expires_at = (reason == SuppressionReason::Bounced).then(|| now + BOUNCE_SUPPRESSION);
    sqlx::query!(
        "INSERT INTO suppressions AS s (id, vault_id, address_index, reason, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (vault_id, address_index) WHERE vault_id IS NOT NULL DO UPDATE
             SET reason = excluded.reason, created_at = excluded.created_at, expires_at = excluded.expires_at,
                 bounces = least(s.bounces + 1, 1000), unsubscribed = excluded.reason = 'bounced' AND (s.unsubscribed OR s.reason = 'unsubscribed'),
                 tried_at = CASE WHEN excluded.reason = 'bounced' THEN s.tried_at END,
                 trial = CASE WHEN excluded.reason = 'bounced' THEN s.trial END
         WHERE s.reason = 'unsubscribed' OR s.reason = 'bounced'",
        kernel.env.recorded_id(protected),
        vault.id,
        vault.email_index(address),
        reason.as_str(),
        now,
        expires_at
    )
    .execute(&mut *conn)
    .await?;
    delete_strikes(conn, vault, address).await
}

async fn delete_strikes(conn: &mut PgConnection, vault: &Vault, address: &EmailAddress) -> Result<()> {
    sqlx::query!(
        "DELETE FROM address_strikes WHERE vault_id = $1 AND address_index = $2",
        vault.id,
        vault.email_index(address)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records a strike: a bounce that may be temporary. The second one, two or more days after the first, suppresses the
/// address. Does nothing for mail to officials and organizers.
///
/// # Errors
/// That of [`MailKind::addressee`].
pub(super) async fn strike_addressee(
    kernel: &Kernel,
    kind: &dyn MailKind,
    conn: &mut PgConnection,
    email: &QueuedEmail,
) -> Result<()> {
    if email.class == Class::Letter {
        return Ok(());
    }
    let Some(Addressee { address, vault }) = kind.addressee(conn, email).await? else { return Ok(()) };
    let now = kernel.env.recorded_now(email.protected);
    let first = sqlx::query_scalar!(
        "INSERT INTO address_strikes AS s (vault_id, address_index, struck_at) VALUES ($1, $2, $3)
         ON CONFLICT (vault_id, address_index) DO UPDATE
             SET struck_at = CASE WHEN s.struck_at < $4 THEN excluded.struck_at ELSE s.struck_at END
         RETURNING struck_at",
        vault.id,
        vault.email_index(&address),
        now,
        now - BOUNCE_SUPPRESSION
    )
    .fetch_one(&mut *conn)
    .await?;
    if now - first >= MIN_STRIKE_INTERVAL {
        suppress(conn, kernel, &vault, &address, SuppressionReason::Bounced, email.protected).await?;
    }
    Ok(())
}

/// Lifts a suppression for bouncing within a vault. False when there was none. Other reasons stay; an unsubscription
/// that was replaced by the bounce applies again.
pub(super) async fn lift_bounce(conn: &mut PgConnection, vault: &Vault, address: &EmailAddress) -> Result<bool> {
    delete_strikes(conn, vault, address).await?;
    let lifted = sqlx::query_scalar!(
        r#"WITH kept AS (
               UPDATE suppressions SET reason = 'unsubscribed', unsubscribed = false, bounces = 1, expires_at = NULL, tried_at = NULL, trial = NULL
               WHERE vault_id = $1 AND address_index = $2 AND reason = 'bounced' AND unsubscribed RETURNING id
           ), gone AS (
               DELETE FROM suppressions WHERE vault_id = $1 AND address_index = $2 AND reason = 'bounced' AND NOT unsubscribed RETURNING id
           )
           SELECT (SELECT count(*) FROM kept) + (SELECT count(*) FROM gone) > 0 AS "lifted!""#,
        vault.id,
        vault.email_index(address)
    )
    .fetch_one(conn)
    .await?;
    Ok(lifted)
}

/// Deletes suppressions for bounces that have expired or whose probe has not bounced for seven days, and strikes
/// older than [`BOUNCE_SUPPRESSION`].
pub(super) async fn delete_expired_bounces(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    let arrived = now - TimeDelta::days(7);
    sqlx::query!(
        "UPDATE suppressions SET reason = 'unsubscribed', unsubscribed = false, bounces = 1, expires_at = NULL, tried_at = NULL, trial = NULL
         WHERE expires_at IS NOT NULL AND unsubscribed AND (expires_at <= $1 OR (bounces = 0 AND tried_at < $2))",
        now,
        arrived
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM suppressions
         WHERE expires_at IS NOT NULL AND NOT unsubscribed AND (expires_at <= $1 OR (bounces = 0 AND tried_at < $2))",
        now,
        arrived
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM address_strikes WHERE struck_at < $1", now - BOUNCE_SUPPRESSION).execute(conn).await?;
    Ok(())
}

/// Which of these unrequested confirmations, to addresses whose owners may know nothing of the act, may be sent?
///
/// Not to a suppressed address, nor beyond the daily cap of the address (`mail.confirmations_per_day`). Unsubscribed
/// addresses may still confirm; to an address that bounced one new confirmation is sent as a probe. Each mail is
/// counted once, however often it is tried. Not for join, change or cancel mails, which the owner requested.
pub async fn may_send_confirmation(kernel: &Kernel, mails: &[(&QueuedEmail, Recipient<'_>)]) -> Result<Vec<bool>> {
    let recipients: Vec<Recipient<'_>> = mails.iter().map(|(_, recipients)| *recipients).collect();
    let status = status(kernel, &recipients).await?;
    let now = kernel.env.now();
    let may_try = |(status, (email, _)): (&SuppressionStatus, &(&QueuedEmail, Recipient<'_>))| match status {
        SuppressionStatus::Clear | SuppressionStatus::Unsubscribed => true,
        SuppressionStatus::OnProbe(trial) => trial.mail == email.id || now - trial.at >= PROBE_PERIOD,
        SuppressionStatus::Bounced { may_try, .. } => *may_try,
        SuppressionStatus::Suppressed => false,
    };
    let mut may: Vec<bool> = status.iter().zip(mails).map(may_try).collect();
    apply_daily_cap(kernel, mails, &mut may).await?;
    for (n, status) in status.iter().enumerate() {
        if let SuppressionStatus::Bounced { suppression, .. } = status
            && may[n]
        {
            may[n] = begin_probe(kernel, *suppression, mails[n].0).await?;
        }
    }
    Ok(may)
}

/// Makes a mail the probe to an address that bounced. False when another mail already is.
async fn begin_probe(kernel: &Kernel, suppression: Uuid, email: &QueuedEmail) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE suppressions SET trial = $2, tried_at = $3, bounces = 0 WHERE id = $1 AND reason = 'bounced' AND trial IS NULL",
        suppression,
        email.id,
        kernel.env.recorded_now(email.protected)
    )
    .execute(&kernel.work)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Applies the daily cap: sets `may` to false for mails beyond the cap of their address.
async fn apply_daily_cap(kernel: &Kernel, mails: &[(&QueuedEmail, Recipient<'_>)], may: &mut [bool]) -> Result<()> {
    // a retried mail was counted at its first attempt
    let counted: Vec<usize> = (0..mails.len()).filter(|&n| may[n] && mails[n].0.attempts <= 1).collect();
    if counted.is_empty() {
        return Ok(());
    }
    let day = kernel.env.now().date_naive();
    let secret =
        sqlx::query_scalar!("SELECT secret FROM day_secrets WHERE day = $1", day).fetch_optional(&kernel.work).await?;
    let secret = match secret.as_deref().and_then(Key::from_slice) {
        Some(secret) => secret,
        None => day_secret::for_day(&mut *kernel.work.acquire().await?, &kernel.env, day).await?,
    };
    // `attempts` may be 1 again after an uncounted attempt, so each counted mail is recorded, too, by a hash of its id
    let acts: Vec<CountedConfirmation> = counted
        .iter()
        .map(|&n| CountedConfirmation {
            mark: secret.mac(&[b"mail", mails[n].0.id.as_bytes()]).to_vec(),
            address: secret.mac(&[b"address", mails[n].1.0.index_form().as_bytes()]).to_vec(),
        })
        .collect();
    for (n, allowed) in counted.into_iter().zip(count(kernel, day, &acts).await?) {
        may[n] = allowed;
    }
    Ok(())
}

/// Keyed hashes of a mail's id and of its address, under the secret of the day.
struct CountedConfirmation {
    mark: Vec<u8>,
    address: Vec<u8>,
}

/// Counts mails against the cap of their addresses, except those counted before. Returns which are within the cap.
async fn count(kernel: &Kernel, day: NaiveDate, mails: &[CountedConfirmation]) -> Result<Vec<bool>> {
    let cap = kernel.settings.mail.confirmations_per_day;
    let marks: Vec<Vec<u8>> = mails.iter().map(|mail| mail.mark.clone()).collect();
    let mut tx = kernel.work.begin().await?;
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
    // sorted: the rows are locked in the same order by all processes, against deadlocks
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
