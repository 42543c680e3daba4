//! The mail queue: enqueue, claim, compose, send, settle. It has no routes and knows no other slice.
//!
//! A mail is a row of ids (`emails`), written in the transaction of what it is about: acknowledged means queued. The
//! queue never holds an address, a name, a subject or a text. A [`MailKind`] of the slice that the mail belongs to
//! composes it when it is sent, and gets its delivery status in the transaction that settles it.
//!
//! The life of a mail, driven by the [`Engine`]. Each step works on a batch, so that no mail needs a query of its own:
//! 1. `queued` → `sending`: *claimed* with a short lease and a token; the attempt is counted; committed (`engine`,
//!    `store::claims`). The claim size follows from the duration of the last round, so that more urgent mail, which is
//!    claimed by the next round, does not wait long.
//! 2. *Composed* from its ids, together with others of its kind (`compose`), and *sent* (`send_round`) over a few
//!    connections, many messages on each; with SMTP pipelining the commands of the next message go in the write that
//!    ends the one before. A heartbeat renews the lease; a process whose lease has expired by its own clock sends
//!    nothing more. For letters, `data_at` is set under the claim's token before any content is transmitted.
//! 3. *Settled*, guarded by the token (`settle`): `sent`, `failed`, `uncertain` or `cancelled`; or put back to
//!    `queued`. Of those, a temporary refusal and a mail that could not be composed for a fault of ours count as an
//!    attempt (the delay grows, for about three days); an unavailable relay does not. A relay that refuses our
//!    account, or everything, counts as unavailable (`circuit_breaker`). A settlement callback that fails is retried
//!    later. The further recipients of a letter get copies, which are mails of their own.
//! 4. A process that died leaves a lease to expire: a letter whose content had begun is then `uncertain`, everything
//!    else is sent again with the same Message-ID (`retry_policy::after_expiry`).
//!
//! Waiting mail is in the partition `emails_waiting`, settled mail in one partition per month, which is dropped as a
//! whole (`maintenance`). Rows of protected actions are deleted when sent or cancelled; `mail_bounce_lookups` keeps
//! their ids for 72 hours. `bounced` and `complained` come later: returned mail comes from a folder (`bounce_spool`)
//! or the API, is parsed (`bounce_reader`, `mime`), classified (`bounce_report`; without machine-readable parts
//! `bounce_words`; why a mail was refused, `bounce_cause`) and matched by the token in the envelope sender or in
//! `List-Unsubscribe`, or by its Message-ID
//! (`bounces`). A dead address of a supporter is suppressed for 90 days; an official's mailbox is paused until a
//! human has looked.
//!
//! Letters are in *lanes*, one for each official's mailbox. Lanes and relays have a rate, and lanes have hours,
//! shared by all processes (`store::lanes`, `store::relays`); leases and due times go by the database's clock. A
//! database that was restored from a backup sends nothing until an organizer allows it (`restore_guard`).
//! `provider_counts` counts results by provider, `send_basis` and `suppression` decide whether an address may be
//! written to, `message` builds the bytes, `render` the texts. `transport` is SMTP (`smtp`), or files for demo and
//! development (`file_mailbox`).

mod bounce_cause;
mod bounce_reader;
mod bounce_report;
mod bounce_spool;
mod bounce_words;
mod bounces;
mod circuit_breaker;
mod compose;
mod engine;
mod erasure;
mod file_mailbox;
mod jobs;
mod kinds;
mod maintenance;
mod message;
mod mime;
mod monitoring;
mod paused;
mod progress;
mod provider_counts;
mod render;
mod restore_guard;
mod retry_policy;
mod send_basis;
mod send_round;
mod settle;
pub mod smtp;
mod smtputf8;
mod store;
mod suppression;
mod transport;
mod unsuppress;

use crate::config::{Settings, Transport as TransportSetting};

#[cfg(test)]
pub use self::kinds::compose_one;
pub use self::{
    bounce_cause::FailureCause,
    bounce_report::{BounceReport, ParsedBounce, parse as parse_bounce},
    bounce_spool::process_bounce_spool,
    bounces::{BounceOutcome, process_bounce},
    engine::Engine,
    erasure::{
        MailAbout, SuppressionOf, erase_address_history, erase_subjects, mails_about, rewrite_bounce_lookups,
        suppressions_of,
    },
    file_mailbox::{FileMailbox, Mail, MailFile, MailHeader},
    jobs::register_jobs,
    kinds::{
        Addressee, Class, Composition, DeliveryStatus, EmailState, MailKind, MailKinds, QueuedEmail, one_by_one, paused,
    },
    maintenance::delete_expired,
    message::{Attachment, Composed, LETTERS_LOCAL_PART, NO_REPLY_LOCAL_PART, Sender},
    progress::Progress,
    render::{Rendered, render},
    restore_guard::{
        DatabaseIdentity, EpochStatus, accept_epoch, epoch, identity, is_newest, pause_restored,
        warning as restore_guard_warning,
    },
    send_basis::{Draft, MergedWith, SendBasis, compose_permitted},
    smtputf8::register_process_jobs,
    store::{
        EVERYTHING, FirstContacts, Hours, Lane, LaneLimits, MailCount, MailCounts, NewEmail, OrganizationPause, Pause,
        RelayStatus, Release, Retried, Retry, SetAside, cancel, enqueue, enqueue_all, first_contacts, fold_counts,
        forget_mail_about, forget_vault, lanes, mail_counts, organization_pauses, pause, pause_organization, pauses,
        relays, release_first_contacts, release_set_aside, requeue, resume, resume_at, resume_organization, retry_all,
        retry_some, sent_since, set_aside, set_aside_waiting, set_first_contacts, set_lane, set_relay,
    },
    suppression::{
        Recipient, SuppressionReason, global_suppression_key, global_suppression_keys, suppress_globally, suppressed,
    },
    transport::{MailTransport, Transport, probe_relays},
    unsuppress::{Lifted, unsuppress},
};

/// Errors in the mail settings, one line each, naming the key. Empty: valid.
pub fn validate_settings(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    if settings.mail.transport == TransportSetting::Smtp
        && let Err(error) = transport::relays(&settings.mail)
    {
        problems.push(error);
    }
    if settings.is_production() && sends_in_clear(settings) {
        problems.push(format!("{SENT_IN_CLEAR}; production sends to another machine over TLS only"));
    }
    if lettre::Address::new(NO_REPLY_LOCAL_PART, &settings.mail.from_domain).is_err() {
        problems.push("mail.from_domain: is not a mail domain".to_owned());
    }
    problems
}

const SENT_IN_CLEAR: &str = "mail.smtp_url: mail can be read on its way to the relay; use smtps:// or ?tls=required";

/// Warnings about mail settings that work but are unsafe, one line each.
pub fn settings_warnings(settings: &Settings) -> Vec<String> {
    sends_in_clear(settings).then(|| SENT_IN_CLEAR.to_owned()).into_iter().collect()
}

/// May mail go to a relay on another machine without TLS?
fn sends_in_clear(settings: &Settings) -> bool {
    let is_open = |relay: &smtp::SmtpSettings| {
        let host = relay.host();
        let stays_here =
            host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        !stays_here && matches!(relay.tls(), smtp::TlsMode::None | smtp::TlsMode::Opportunistic)
    };
    settings.mail.transport == TransportSetting::Smtp
        && smtp::Relays::settings(&settings.mail.smtp_url).unwrap_or_default().iter().any(is_open)
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
        for (url, wrong) in [
            ("smtp://127.0.0.1:25", 0),
            ("smtp://relay.example.org", 1),
            ("smtps://one.example.org smtp://relay.example.org?tls=opportunistic", 1),
            ("smtp://relay.example.org?tls=required", 0),
        ] {
            let mut settings = Settings { profile: "production".to_owned(), ..settings.clone() };
            url.clone_into(&mut settings.mail.smtp_url);
            assert_eq!(validate_settings(&settings).len(), wrong, "{url}");
        }
        settings.mail.from_domain = "not a domain".to_owned();
        assert_eq!(validate_settings(&settings).len(), 2);
    }
}
