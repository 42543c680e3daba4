//! Processing of bounces and complaints: the mail's state, suppression of the address, and the slice's callback.

use super::{
    bounce_cause::FailureCause,
    bounce_reader,
    bounce_report::{self, BounceReport, ParsedBounce},
    kinds::{Addressee, Class, DeliveryStatus, MailKind, MailKinds, QueuedEmail},
    message::Sender,
    provider_counts::provider,
    retry_policy::failure,
    smtp::without_locals,
    store,
    suppression::{self, SuppressionReason},
};
use crate::{error::Result, kernel::Kernel};

use chrono::{DateTime, TimeDelta};
use sqlx::PgConnection;
use uuid::Uuid;

/// Result of processing a returned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceOutcome {
    /// Classification of the message.
    pub report: BounceReport,
    /// Was the mail found that it is about? Mails can be found for seven days, for a complaint as long as their row
    /// exists; those of protected actions for 72 hours.
    pub is_known: bool,
}

/// Time after settling within which a report of a failure is followed.
const BOUNCE_AGE: TimeDelta = TimeDelta::days(7);
/// Number of different letters to one mailbox that must be reported as undeliverable within [`BOUNCE_WINDOW`] before
/// its lane is paused. More than one, because the letter contains the return token: its reader, or a gateway of the
/// ministry, can forge a report about it.
const BOUNCES_BEFORE_PAUSE: i64 = 3;
/// Time in which the bounces of [`BOUNCES_BEFORE_PAUSE`] are counted.
const BOUNCE_WINDOW: TimeDelta = TimeDelta::days(1);

/// Processes a returned message (RFC 5322) in one transaction. Idempotent. `recipient` is the envelope recipient,
/// where the caller knows it.
///
/// # Errors
/// `unavailable` while the mail is still being sent or the database is not available: submit it again later. 422 for
/// one that cannot be parsed.
pub async fn process_bounce(
    kernel: &Kernel,
    kinds: &MailKinds,
    raw: &[u8],
    recipient: Option<&str>,
) -> Result<BounceOutcome> {
    let ParsedBounce { report, token, message_ids } = bounce_reader::read(raw).await?;
    let token = recipient.and_then(|to| bounce_report::token_in(to.as_bytes())).or(token);
    metrics::counter!("muster_mail_bounces", "kind" => report.as_str()).increment(1);
    let sender = Sender::of(kernel);
    let of_token = token.and_then(|token| sender.of_return_token(&token));
    let ids: Vec<Uuid> =
        of_token.into_iter().chain(message_ids.iter().filter_map(|id| sender.of_message_id(id))).collect();
    let now = kernel.env.now();
    // what a reader complained about is looked for as long as its row exists
    let since = if report == BounceReport::Complaint { DateTime::UNIX_EPOCH } else { now - BOUNCE_AGE };
    let mut tx = kernel.work.begin().await?;
    let mut found = None;
    for id in ids {
        if found.is_none() {
            found = store::find_sent(&mut tx, id, since, now).await?;
        }
    }
    let Some(email) = found else { return Ok(BounceOutcome { report, is_known: false }) };
    let (status, text) = match &report {
        BounceReport::Failed { text, status, .. } => {
            (DeliveryStatus::Bounced, status.map_or_else(|| text.clone(), |status| format!("{status} {text}")))
        }
        BounceReport::Complaint => (DeliveryStatus::Complained, "its reader called it spam".to_owned()),
        BounceReport::InProgress | BounceReport::AutoReply | BounceReport::Other => {
            return Ok(BounceOutcome { report, is_known: true });
        }
    };
    let kind = kinds.get(&email.kind);
    let recipient = match kind {
        Some(kind) => kind.addressee(&mut tx, &email).await?,
        None => None,
    };
    let text = match &recipient {
        Some(recipient) => failure(&without_locals(&text, &[recipient.address.local()])),
        None => text,
    };
    if !store::set_bounced(&mut tx, &email, status, &text).await? {
        return Ok(BounceOutcome { report, is_known: true });
    }
    if let Some(kind) = kind {
        match &report {
            BounceReport::Failed { cause: FailureCause::Dead, .. } => {
                handle_reported_bounce(kernel, kind, &mut tx, &email, SuppressionReason::Bounced).await?;
            }
            BounceReport::Failed { cause: FailureCause::Doubtful, .. } => {
                suppression::strike_addressee(kernel, kind, &mut tx, &email).await?;
            }
            BounceReport::Complaint => {
                handle_reported_bounce(kernel, kind, &mut tx, &email, SuppressionReason::Complained).await?;
            }
            _ => {}
        }
        if !email.is_copy() {
            kind.on_settled(&mut tx, &[(&email, status)]).await?;
        }
        if let Some(recipient) = recipient {
            let day = kernel.env.now().date_naive();
            store::count_bounce(
                &mut tx,
                day,
                provider(recipient.address.domain()),
                status == DeliveryStatus::Complained,
            )
            .await?;
        }
    }
    tx.commit().await?;
    Ok(BounceOutcome { report, is_known: true })
}

/// Consequences of a report that an address does not accept mail, or does not want it. The report came by mail, which
/// anybody may write, so an official's mailbox is paused only after several letters ([`BOUNCES_BEFORE_PAUSE`]).
async fn handle_reported_bounce(
    kernel: &Kernel,
    kind: &dyn MailKind,
    conn: &mut PgConnection,
    email: &QueuedEmail,
    reason: SuppressionReason,
) -> Result<()> {
    if email.class == Class::Letter && !email.lane.is_empty() {
        let at = kernel.env.recorded_now(email.protected);
        let since = kernel.env.now() - BOUNCE_WINDOW;
        let reports = store::record_lane_bounce(conn, &email.lane, email.id, at, since).await?;
        metrics::counter!("muster_mail_letter_bounces", "reason" => reason.as_str()).increment(1);
        if reports < BOUNCES_BEFORE_PAUSE {
            tracing::warn!(
                event = "lane.letter_bounced",
                lane = email.lane,
                reason = reason.as_str(),
                reports,
                "a letter to an official bounced; the lane is paused after {BOUNCES_BEFORE_PAUSE} bounces within a day"
            );
            return Ok(());
        }
    }
    suppress_dead_address(kernel, kind, conn, email, reason).await
}

/// Suppresses an address that accepts no mail: a supporter's within its vault; an official's mailbox is paused until
/// a human has looked. Called for permanent refusals by the relay itself, and for reports that
/// [`handle_reported_bounce`] trusts.
pub(super) async fn suppress_dead_address(
    kernel: &Kernel,
    kind: &dyn MailKind,
    conn: &mut PgConnection,
    email: &QueuedEmail,
    reason: SuppressionReason,
) -> Result<()> {
    if email.class == Class::Letter {
        if !email.lane.is_empty() && store::pause_lane(conn, &email.lane, reason.as_str()).await? {
            tracing::error!(
                event = "lane.paused",
                lane = email.lane,
                reason = reason.as_str(),
                "lane paused: the address of an official bounces, and somebody must look at it"
            );
        }
        return Ok(());
    }
    if let Some(Addressee { address, vault }) = kind.addressee(conn, email).await? {
        suppression::suppress(conn, kernel, &vault, &address, reason, email.protected).await?;
    }
    Ok(())
}
