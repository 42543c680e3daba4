//! The mail queue: enqueue, claim, send, settle. No routes; knows no other slice.
//!
//! A mail is a row of ids (`emails`), written in the transaction of what it is about: acknowledged means queued. Never in
//! the queue: an address, a name, a subject, a text. A [`MailKind`] of the slice that the mail belongs to composes it
//! when it is sent, and learns of its fate in the transaction that settles it.
//!
//! A mail's way, driven by the [`Engine`], a batch at a time so that a mail costs a share of a query and no query of its own:
//! 1. `queued` → `sending`: *claimed* with a short lease and a token, the attempt counted, and committed (`engine`).
//!    How many a round claims follows from how long the last one took, so that what is more urgent soon gets its turn.
//! 2. *Composed* from its ids, those of a kind together, and *sent* (`send_round`), over a few connections a run of them on each, where
//!    the next begins in the same write that ends the one before; a heartbeat prolongs the lease, and a process whose lease ran
//!    out by its own clock sends nothing any more. Letters note first, under their token, that content is about to go out
//!    (`data_at`).
//! 3. *Settled*, guarded by the token (`settle`): `sent`, `failed`, `uncertain`, `cancelled`; or back to `queued`: refused
//!    for now or not composed for a fault of ours (the attempt counts, waiting times grow for three days), or the relay was away
//!    (it does not). A relay that refuses our account, or everything, is away as well (`circuit_breaker`). A slice that cannot be told
//!    of a mail's end is told later. The further recipients of a letter get copies, which are mails of their own.
//! 4. A process that died leaves a lease to run out: a letter whose content had begun is `uncertain`, everything else
//!    goes again with the same Message-ID.
//!
//! What waits lies in the partition `emails_waiting`, what is settled in one for its month, which is dropped whole (`maintenance`).
//! Rows of protected actions are deleted when sent or cancelled; for 72 hours `mail_bounce_lookups` knows their ids. `bounced` and
//! `complained` come later: what comes back is read (`bounce_reader`, `mime`, `bounce_report`) and found by the token in the envelope's sender (`bounces`), from
//! a folder (`bounce_spool`) or by the API; a dead address of a supporter is suppressed for a while, an official's mailbox is paused
//! for a human.
//!
//! Letters stand in *lanes*, one for each official's mailbox; lanes and relays have a pace, and lanes hours, that all processes
//! share (`store`); leases and due times go by the database's clock. A database that was restored from a copy sends nothing
//! until an organizer says so (`restore_guard`). `provider_counts`
//! counts by provider. `send_basis` and `suppression` ask whether addresses may be written to, `message` builds bytes, `render` texts,
//! `file_mailbox` is the transport of demo and development, `smtp` the one of everybody else.

mod bounce_reader;
mod bounce_report;
mod bounce_spool;
mod bounces;
mod circuit_breaker;
mod compose;
mod engine;
mod file_mailbox;
mod kinds;
mod maintenance;
mod message;
mod mime;
mod monitoring;
mod progress;
mod provider_counts;
mod render;
mod restore_guard;
mod retry_policy;
mod send_basis;
mod send_round;
mod settle;
pub mod smtp;
mod store;
mod suppression;
mod transport;
mod unsuppress;

use crate::config::{Settings, Transport as TransportSetting};

#[cfg(test)]
pub use self::kinds::compose_one;
pub use self::{
    bounce_report::{BounceReport, ParsedBounce, parse as parse_bounce},
    bounce_spool::process_bounce_spool,
    bounces::{BounceOutcome, process_bounce},
    engine::Engine,
    file_mailbox::{FileMailbox, Mail, MailFile, MailHeader},
    kinds::{Addressee, Class, Composition, DeliveryStatus, MailKind, MailKinds, QueuedEmail, one_by_one, paused},
    maintenance::delete_expired,
    message::{Attachment, Composed, LETTERS_LOCAL_PART, NO_REPLY_LOCAL_PART, Sender},
    progress::Progress,
    render::{Rendered, render},
    restore_guard::{EpochStatus, accept_epoch, epoch},
    send_basis::{Draft, SendBasis, compose_permitted},
    store::{
        FirstContacts, Hours, Lane, LaneLimits, MailCount, MailCounts, NewEmail, Pause, QueueLength, RelayStatus,
        Retry, cancel, enqueue, first_contacts, fold_counts, lanes, mail_counts, pause, pauses, queue_length, relays,
        requeue, resume, resume_at, retry_all, sent_since, set_first_contacts, set_lane, set_relay,
    },
    suppression::{
        Recipient, global_suppression_key, global_suppression_keys, may_send_confirmation, suppress_globally,
        suppressed,
    },
    transport::{Transport, probe_relays},
    unsuppress::{Lifted, unsuppress},
};

/// What is wrong with the mail settings, one line for each fault, each naming its key.
pub fn validate_settings(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    if settings.mail.transport == TransportSetting::Smtp
        && let Err(error) = transport::relays(&settings.mail)
    {
        problems.push(error);
    }
    if lettre::Address::new(NO_REPLY_LOCAL_PART, &settings.mail.from_domain).is_err() {
        problems.push("mail.from_domain: is not a mail domain".to_owned());
    }
    problems
}

/// What is possible but unwise about the mail settings.
pub fn settings_warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    if settings.mail.transport != TransportSetting::Smtp {
        return warnings;
    }
    for relay in smtp::Relays::settings(&settings.mail.smtp_url).unwrap_or_default() {
        let host = relay.host();
        let stays_here =
            host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !stays_here && matches!(relay.tls(), smtp::TlsMode::None | smtp::TlsMode::Opportunistic) {
            warnings.push(
                "mail.smtp_url: mail can be read on its way to the relay; use smtps:// or ?tls=required".to_owned(),
            );
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_judged() {
        let mut settings = Settings::read("test", &[]).expect("settings");
        assert!(validate_settings(&settings).is_empty() && settings_warnings(&settings).is_empty());
        settings.mail.transport = TransportSetting::Smtp;
        for (url, wrong, unwise) in [
            ("smtp://127.0.0.1:25", 0, 0),
            ("smtp://[::1]:25", 0, 0),
            ("smtp://relay.example.org", 0, 1),
            ("smtp://relay.example.org?tls=opportunistic", 0, 1),
            ("smtp://relay.example.org?tls=required", 0, 0),
            ("smtps://user:word@relay.example.org", 0, 0),
            ("http://relay.example.org", 1, 0),
        ] {
            url.clone_into(&mut settings.mail.smtp_url);
            assert_eq!(
                (validate_settings(&settings).len(), settings_warnings(&settings).len()),
                (wrong, unwise),
                "{url}"
            );
        }
        settings.mail.from_domain = "not a domain".to_owned();
        assert_eq!(validate_settings(&settings).len(), 2);
    }
}
