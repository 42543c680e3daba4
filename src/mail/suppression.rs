//! Suppression: whether an address may be written to, and the daily number of unrequested confirmations.
//!
//! Anybody can type anybody's address into a form; suppressions and cap keep forms from being used to flood a person
//! with mail. The cap counts keyed hashes under a secret that is deleted with the day, in unlogged tables, which are
//! in no WAL and no backup.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kinds::{Addressee, Class, MailKind, QueuedEmail},
    send_basis::MergedWith,
};
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

/// May a mail be sent now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// Yes.
    Send,
    /// No: the address is suppressed, or the mail was merged into another one.
    Refuse,
    /// The next day: the address has got its daily number of mails.
    PutOff,
}

/// A mail to an address that nobody has confirmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstContactMail<'a> {
    /// The mail.
    pub email: &'a QueuedEmail,
    /// Its recipient.
    pub recipient: Recipient<'a>,
    /// The action or organization that it is about.
    pub about: Uuid,
    /// With what it is merged.
    pub merged_with: MergedWith,
}

/// Which of these mails, to addresses that nobody has confirmed, may be sent? None to a suppressed address; unsubscribed
/// ones get them. Over the daily number of an address (`mail.confirmations_per_day`) only the first of each action, up to
/// [`MOST_PER_DAY`]; the others are put off to the next day, where the first of them is sent for all that it is
/// [`merged_with`](FirstContactMail::merged_with). So nobody can be flooded, and nobody can be cut off from confirming
/// by acts of others. A mail to an address that bounced is the probe of it.
pub(super) async fn may_send_confirmation(kernel: &Kernel, mails: &[FirstContactMail<'_>]) -> Result<Vec<Permission>> {
    let recipients: Vec<Recipient<'_>> = mails.iter().map(|mail| mail.recipient).collect();
    let status = status(kernel, &recipients).await?;
    let now = kernel.env.now();
    let may_try = |(status, mail): (&SuppressionStatus, &FirstContactMail<'_>)| match status {
        SuppressionStatus::Clear | SuppressionStatus::Unsubscribed => true,
        SuppressionStatus::OnProbe(trial) => trial.mail == mail.email.id || now - trial.at >= PROBE_PERIOD,
        SuppressionStatus::Bounced { may_try, .. } => *may_try,
        SuppressionStatus::Suppressed => false,
    };
    let permission = |may| if may { Permission::Send } else { Permission::Refuse };
    let mut permissions: Vec<Permission> = status.iter().zip(mails).map(may_try).map(permission).collect();
    apply_daily_number(kernel, mails, &mut permissions).await?;
    for (n, status) in status.iter().enumerate() {
        if let SuppressionStatus::Bounced { suppression, .. } = status
            && permissions[n] == Permission::Send
        {
            permissions[n] = permission(begin_probe(kernel, *suppression, mails[n].email).await?);
        }
    }
    Ok(permissions)
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

/// Maximum number of first contacts of a mailbox in a day, also where each is the first of its action.
const MOST_PER_DAY: i16 = 12;

/// Applies the daily numbers to the mails that would be sent.
async fn apply_daily_number(
    kernel: &Kernel,
    mails: &[FirstContactMail<'_>],
    permissions: &mut [Permission],
) -> Result<()> {
    // a retried mail was counted at its first attempt
    let is_counted = |&n: &usize| permissions[n] == Permission::Send && mails[n].email.attempts <= 1;
    let counted: Vec<usize> = (0..mails.len()).filter(is_counted).collect();
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
    let marks: Vec<FirstContactMarks> = counted.iter().map(|&n| FirstContactMarks::of(&secret, &mails[n])).collect();
    for (n, permission) in counted.into_iter().zip(count(kernel, day, &marks).await?) {
        permissions[n] = permission;
    }
    Ok(())
}

/// What is counted and remembered of a mail for a day: hashes under the secret of the day.
struct FirstContactMarks {
    /// Of the mailbox; tags and dots in its address make no other one.
    mailbox: Vec<u8>,
    /// Of the mailbox and the action: a mail about it was sent today.
    action: Vec<u8>,
    /// Of the mail: it was counted. `attempts` may be 1 again after an attempt that did not count.
    mail: Vec<u8>,
    /// Of a mail that was put off: the exact address and what it is merged with. One of them was sent today.
    merged: Option<Vec<u8>>,
}

impl FirstContactMarks {
    fn of(secret: &Key, mail: &FirstContactMail<'_>) -> Self {
        let (address, vault) = mail.recipient;
        let mailbox = address.mailbox();
        let (mailbox, about) = (mailbox.as_bytes(), mail.about.as_bytes().as_slice());
        let scope = match mail.merged_with {
            MergedWith::Vault => vault.id.as_bytes().as_slice(),
            MergedWith::Same => about,
        };
        let merged = || secret.mac(&[b"merged", scope, address.as_str().as_bytes()]).to_vec();
        Self {
            mailbox: secret.mac(&[b"address", mailbox]).to_vec(),
            action: secret.mac(&[b"action", about, mailbox]).to_vec(),
            mail: secret.mac(&[b"mail", mail.email.id.as_bytes()]).to_vec(),
            merged: mail.email.is_put_off().then(merged),
        }
    }

    /// Those that say that something was done today.
    fn done(&self) -> impl Iterator<Item = &Vec<u8>> {
        [&self.action, &self.mail].into_iter().chain(&self.merged)
    }
}

/// Counts mails against the daily numbers of their mailboxes, except those counted before.
async fn count(kernel: &Kernel, day: NaiveDate, mails: &[FirstContactMarks]) -> Result<Vec<Permission>> {
    let per_day = kernel.settings.mail.confirmations_per_day;
    let asked: Vec<Vec<u8>> = mails.iter().flat_map(FirstContactMarks::done).cloned().collect();
    let mut tx = kernel.work.begin().await?;
    // sorted: the rows are locked in the same order by all processes, against deadlocks
    let mailboxes: BTreeSet<&Vec<u8>> = mails.iter().map(|mail| &mail.mailbox).collect();
    let mailboxes: Vec<Vec<u8>> = mailboxes.into_iter().cloned().collect();
    let rows = sqlx::query!(
        "INSERT INTO confirmation_caps AS c (day, address_hash, sent) SELECT $1, a, 0 FROM unnest($2::bytea[]) WITH ORDINALITY u (a, n) ORDER BY n
         ON CONFLICT (day, address_hash) DO UPDATE SET sent = c.sent RETURNING address_hash, sent",
        day,
        &mailboxes
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut sent: BTreeMap<Vec<u8>, i16> = rows.into_iter().map(|row| (row.address_hash, row.sent)).collect();
    // read under the locks of their mailboxes
    let done = sqlx::query_scalar!(
        "SELECT address_hash FROM confirmation_caps WHERE day = $1 AND address_hash = ANY ($2)",
        day,
        &asked
    )
    .fetch_all(&mut *tx)
    .await?;
    let before: HashSet<Vec<u8>> = done.into_iter().collect();
    let mut done = before.clone();
    let mut decide = |mail: &FirstContactMarks| {
        if done.contains(&mail.mail) {
            return Permission::Send;
        }
        if mail.merged.as_ref().is_some_and(|merged| done.contains(merged)) {
            return Permission::Refuse;
        }
        let sent = sent.entry(mail.mailbox.clone()).or_default();
        if *sent >= per_day && (done.contains(&mail.action) || *sent >= MOST_PER_DAY) {
            return Permission::PutOff;
        }
        *sent += 1;
        done.extend(mail.done().cloned());
        Permission::Send
    };
    let permissions: Vec<Permission> = mails.iter().map(&mut decide).collect();
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
    let new: Vec<Vec<u8>> = done.difference(&before).cloned().collect();
    sqlx::query!(
        "INSERT INTO confirmation_caps (day, address_hash, sent) SELECT $1, m, 1 FROM unnest($2::bytea[]) m ON CONFLICT DO NOTHING",
        day,
        &new
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let put_off = permissions.iter().filter(|permission| **permission == Permission::PutOff).count();
    metrics::counter!("muster_mail_put_off_total").increment(put_off.try_into().unwrap_or(u64::MAX));
    Ok(permissions)
}
