//! What follows when a mail comes back: its state, the address's, and the slice's own.

use super::{
    consent,
    domains::provider,
    kinds::{Addressee, Class, Fate, MailKind, MailKinds, QueuedEmail},
    message::Sender,
    report::{self, Report},
    store,
};
use crate::{error::Result, kernel::Kernel};

use sqlx::PgConnection;

/// What became of a message that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What it says.
    pub report: Report,
    /// Was the mail found that it is about? It is known for seven days; mail of protected actions for three.
    pub is_known: bool,
}

/// Takes a message that came back (RFC 5322) and writes down what follows from it, in one transaction. The same one twice
/// changes nothing more. `recipient` is the envelope's, where whoever hands it over knows it.
///
/// # Errors
/// `unavailable` while the mail is still being sent or the database is away: hand it over again.
pub async fn take_back(kernel: &Kernel, kinds: &MailKinds, raw: &[u8], recipient: Option<&str>) -> Result<Taken> {
    let report = report::read(raw);
    let token = recipient.and_then(|to| report::token_in(to.as_bytes())).or_else(|| report::token_of(raw));
    metrics::counter!("muster_mail_returned", "what" => report.as_str()).increment(1);
    let unknown = |report| Ok(Taken { report, is_known: false });
    let Some(id) = token.and_then(|token| Sender::of(kernel).of_return_token(&token)) else { return unknown(report) };
    let mut tx = kernel.db.begin().await?;
    let Some(email) = store::gone_out(&mut tx, id, kernel.cx.now()).await? else { return unknown(report) };
    let (fate, text) = match &report {
        Report::Failed { text, status, .. } => {
            (Fate::Bounced, status.map_or_else(|| text.clone(), |status| format!("{status} {text}")))
        }
        Report::Complaint => (Fate::Complained, "its reader called it spam".to_owned()),
        Report::Underway | Report::AutoReply | Report::Other => return Ok(Taken { report, is_known: true }),
    };
    if !store::bounce(&mut tx, &email, fate.as_str(), &text).await? {
        return Ok(Taken { report, is_known: true });
    }
    if let Some(kind) = kinds.get(&email.kind) {
        match &report {
            Report::Failed { is_dead: true, .. } => bury(kernel, kind, &mut tx, &email, "bounced").await?,
            Report::Complaint => bury(kernel, kind, &mut tx, &email, "complained").await?,
            _ => {}
        }
        kind.settled(&mut tx, &[(&email, fate)]).await?;
        if let Some(whom) = kind.addressee(&mut tx, &email).await? {
            let day = kernel.cx.now().date_naive();
            store::add_returned(&mut tx, day, provider(whom.address.domain()), fate == Fate::Complained).await?;
        }
    }
    tx.commit().await?;
    Ok(Taken { report, is_known: true })
}

/// An address that takes no mail any more: a supporter's is suppressed within its vault, an official's mailbox is paused
/// until a human has looked.
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
