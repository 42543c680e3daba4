//! The mail transport: SMTP relays, or files on this machine.
//!
//! [`MailTransport`] is all that the queue knows of it. What an attempt may end with ([`SendError`]) is in the terms of
//! SMTP, since every next state of a mail follows from them. Why SMTP is our own: `docs/adr/0004-own-mail-transport.md`.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

pub(super) use super::smtp::{Accepted, LeaseCheck, Message, Outbox, RelayQuotas, SendError};
use super::{
    file_mailbox::FileMailbox,
    smtp::{PoolConfig, Relays, SmtpSettings, Timeouts},
};
use crate::{
    config,
    error::{Error, Result},
    kernel::{Kernel, env::Env},
};

/// What the queue needs of a transport.
pub trait MailTransport: fmt::Debug + Send + Sync {
    /// The names of the relays (`host:port`), as in `mail_relays.relay`; none where there is nothing to pace.
    fn relays(&self) -> Vec<String> {
        Vec::new()
    }

    /// Sends messages, one after the other, over one connection of a relay with quota left. Takes each from the outbox
    /// and gives it an answer that tells the phase in which it failed: before the content nothing was delivered;
    /// after it began, only the relay knows ([`SendError::Unknown`]). Asks `lease_held` before each message and again
    /// before its content. Does not retry.
    ///
    /// Ends when the outbox has no more, or nothing accepts more; then at least one message is answered with
    /// [`SendError::Refused`].
    fn send<'a>(
        &'a self,
        messages: &'a [Message<'a>],
        outbox: &'a mut (dyn Outbox + 'a),
        lease_held: LeaseCheck<'a>,
        quotas: &'a RelayQuotas,
    ) -> BoxFuture<'a, ()>;

    /// Whether relays offered SMTPUTF8 at the last connection, by their names; those that were connected to.
    fn offers_smtputf8(&self) -> Vec<(String, bool)> {
        Vec::new()
    }

    /// Closes connections that have been idle for too long.
    fn sweep(&self) {}

    /// Closes all connections.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The transport selected by the setting `mail.transport`.
#[derive(Debug)]
pub enum Transport {
    /// SMTP, to one or more relays.
    Smtp(Relays),
    /// Files on this machine, for demo and development.
    Mailbox(FileMailbox),
}

impl Transport {
    /// The transport of the kernel's settings.
    ///
    /// # Errors
    /// `internal` when `mail.smtp_url` is not valid or the mailbox folder cannot be created.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        let settings = &kernel.settings.mail;
        match settings.transport {
            config::Transport::Mailbox => Ok(Self::Mailbox(FileMailbox::open(&kernel.settings, &kernel.env)?)),
            config::Transport::Smtp => {
                let relays = relays(settings).map_err(Error::internal)?;
                let relays = relays.into_iter().map(|relay| relay.hello(&settings.from_domain)).collect();
                let pool = PoolConfig {
                    size: settings.connections,
                    messages_per_connection: settings.messages_per_connection.max(1),
                    idle: Duration::from_secs(settings.idle_seconds),
                    ..PoolConfig::default()
                };
                let env = kernel.env.clone();
                let clock = Arc::new(move || env.instant());
                Ok(Self::Smtp(Relays::new(relays, pool, clock)))
            }
        }
    }

    /// What the queue sees of it.
    pub(super) fn as_dyn(&self) -> &dyn MailTransport {
        match self {
            Self::Smtp(relays) => relays,
            Self::Mailbox(mailbox) => mailbox,
        }
    }
}

/// Opens a connection to each configured relay, with TLS and AUTH, and closes it with QUIT. Returns the result by
/// relay name.
pub async fn probe_relays(settings: &config::Mail, limit: Duration) -> Vec<(String, Result<(), String>)> {
    let relays = match relays(settings) {
        Ok(relays) => relays.into_iter().map(|relay| relay.hello(&settings.from_domain)).collect(),
        Err(error) => return vec![("mail.smtp_url".to_owned(), Err(error))],
    };
    let timeouts = Timeouts { connect: limit, greeting: limit, ..Timeouts::default() };
    let env = Env::system();
    let clock = Arc::new(move || env.instant());
    let relays = Relays::new(relays, PoolConfig { timeouts, ..PoolConfig::default() }, clock);
    let answers = relays.probe().await;
    answers.into_iter().map(|(name, answer)| (name, answer.map_err(|error| error.to_string()))).collect()
}

/// The names of the relays of the settings.
///
/// # Errors
/// As [`relays`].
pub(super) fn relay_names(settings: &config::Mail) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = relays(settings)?.iter().map(SmtpSettings::name).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The relays of the settings.
///
/// # Errors
/// A message that names the invalid setting.
pub(super) fn relays(settings: &config::Mail) -> Result<Vec<SmtpSettings>, String> {
    let relays = Relays::settings(&settings.smtp_url).map_err(|error| error.to_string())?;
    if settings.smtp_ca_file.is_empty() {
        return Ok(relays);
    }
    let pem = std::fs::read(&settings.smtp_ca_file).map_err(|error| format!("mail.smtp_ca_file: {error}"))?;
    let trusted = relays.into_iter().map(|relay| relay.trust(&pem));
    trusted.collect::<Result<_, _>>().map_err(|_| "mail.smtp_ca_file: is no PEM certificate".to_owned())
}
