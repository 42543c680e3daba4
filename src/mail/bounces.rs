//! What follows when a mail comes back: its state, the address's, and the slice's own.

use super::{
    consent,
    domains::provider,
    intake,
    kinds::{Addressee, Class, Fate, MailKind, MailKinds, QueuedEmail},
    message::Sender,
    report::{self, Reading, Report},
    smtp::without_locals,
    store,
    verdict::{self, failure},
};
use crate::{error::Result, kernel::Kernel};

use chrono::TimeDelta;
use sqlx::PgConnection;

/// What became of a message that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What it says.
    pub report: Report,
    /// Was the mail found that it is about? It is known for seven days; mail of protected actions for three.
    pub is_known: bool,
}

/// Letters of one mailbox that must be reported as undeliverable within [`REPORTED_WITHIN`] before it is paused: their token
/// stands in the letter, so its reader, or a gateway of the ministry's, can forge a report about it.
const REPORTS: i64 = 3;
/// See [`REPORTS`].
const REPORTED_WITHIN: TimeDelta = TimeDelta::days(1);

/// Takes a message that came back (RFC 5322) and writes down what follows from it, in one transaction. The same one twice
/// changes nothing more. `recipient` is the envelope's, where whoever hands it over knows it.
///
/// # Errors
/// `unavailable` while the mail is still being sent or the database is away: hand it over again. 422 for one that cannot be
/// read.
pub async fn take_back(kernel: &Kernel, kinds: &MailKinds, raw: &[u8], recipient: Option<&str>) -> Result<Taken> {
    let Reading { report, token } = intake::read(raw).await?;
    let token = recipient.and_then(|to| report::token_in(to.as_bytes())).or(token);
    metrics::counter!("muster_mail_returned", "what" => report.as_str()).increment(1);
    let unknown = |report| Ok(Taken { report, is_known: false });
    let Some(id) = token.and_then(|token| Sender::of(kernel).of_return_token(&token)) else { return unknown(report) };
    let mut tx = kernel.work.begin().await?;
    let Some(email) = store::gone_out(&mut tx, id, kernel.cx.now()).await? else { return unknown(report) };
    let (fate, text) = match &report {
        Report::Failed { text, status, .. } => {
            (Fate::Bounced, status.map_or_else(|| text.clone(), |status| format!("{status} {text}")))
        }
        Report::Complaint => (Fate::Complained, "its reader called it spam".to_owned()),
        Report::Underway | Report::AutoReply | Report::Other => return Ok(Taken { report, is_known: true }),
    };
    let kind = kinds.get(&email.kind);
    let whom = match kind {
        Some(kind) => kind.addressee(&mut tx, &email).await?,
        None => None,
    };
    let text = match &whom {
        Some(whom) => failure(&without_locals(&text, &[whom.address.local()])),
        None => text,
    };
    if !store::bounce(&mut tx, &email, fate.as_str(), &text).await? {
        return Ok(Taken { report, is_known: true });
    }
    if let Some(kind) = kind {
        match &report {
            Report::Failed { is_dead: true, .. } => reported(kernel, kind, &mut tx, &email, "bounced").await?,
            Report::Failed { status, .. } if verdict::is_strike(*status) => {
                consent::strike_addressee(kernel, kind, &mut tx, &email).await?;
            }
            Report::Complaint => reported(kernel, kind, &mut tx, &email, "complained").await?,
            _ => {}
        }
        if !email.is_copy() {
            kind.settled(&mut tx, &[(&email, fate)]).await?;
        }
        if let Some(whom) = whom {
            let day = kernel.cx.now().date_naive();
            store::add_returned(&mut tx, day, provider(whom.address.domain()), fate == Fate::Complained).await?;
        }
    }
    tx.commit().await?;
    Ok(Taken { report, is_known: true })
}

/// A report says that an address takes no mail, or wants none. It came by mail, which anybody may write: an official's mailbox
/// is paused only when several letters to it came back.
async fn reported(
    kernel: &Kernel,
    kind: &dyn MailKind,
    conn: &mut PgConnection,
    email: &QueuedEmail,
    reason: &'static str,
) -> Result<()> {
    if email.class == Class::Letter && !email.lane.is_empty() {
        let at = kernel.cx.recorded_now(email.protected);
        let since = kernel.cx.now() - REPORTED_WITHIN;
        let reports = store::report_lane(conn, &email.lane, email.id, at, since).await?;
        metrics::counter!("muster_mail_letters_returned", "reason" => reason).increment(1);
        if reports < REPORTS {
            tracing::warn!(
                lane = email.lane,
                reason,
                reports,
                "a letter to an official came back; the mailbox goes on until {REPORTS} did within a day"
            );
            return Ok(());
        }
    }
    bury(kernel, kind, conn, email, reason).await
}

/// An address that takes no mail any more: a supporter's is suppressed within its vault, an official's mailbox is paused
/// until a human has looked. For what the relay itself answered, and for what [`reported`] believes.
pub(super) async fn bury(
    kernel: &Kernel,
    kind: &dyn MailKind,
    conn: &mut PgConnection,
    email: &QueuedEmail,
    reason: &'static str,
) -> Result<()> {
    if email.class == Class::Letter {
        if !email.lane.is_empty() && store::pause_lane(conn, &email.lane, reason).await? {
            tracing::error!(
                lane = email.lane,
                reason,
                "an official's mailbox is paused: somebody must look at the address"
            );
        }
        return Ok(());
    }
    if let Some(Addressee { address, vault }) = kind.addressee(conn, email).await? {
        consent::suppress(conn, kernel, &vault, &address, reason, email.protected).await?;
    }
    Ok(())
}
