//! The mail transport: SMTP relays, or files on this machine.

use std::{sync::Arc, time::Duration};

use super::{
    file_mailbox::FileMailbox,
    smtp::{Accepted, LeaseCheck, Message, Outbox, PoolConfig, RelayQuotas, Relays, SendError, SmtpSettings, Timeouts},
};
use crate::{
    config,
    error::{Error, Result},
    kernel::{Kernel, env::Env},
};

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

    /// The names of the relays (`host:port`), as in `mail_relays.relay`.
    pub(super) fn relays(&self) -> Vec<String> {
        match self {
            Self::Smtp(relays) => relays.names(),
            Self::Mailbox(_) => Vec::new(),
        }
    }

    /// Sends messages, one after the other, by a relay with quota left; as [`Relays::send`].
    pub(super) async fn send(
        &self,
        messages: &[Message<'_>],
        outbox: &mut dyn Outbox,
        lease_held: LeaseCheck<'_>,
        quotas: &RelayQuotas,
    ) {
        match self {
            Self::Smtp(relays) => relays.send(messages, outbox, lease_held, quotas).await,
            Self::Mailbox(mailbox) => {
                while let Some(n) = outbox.next(false) {
                    let delivered = mailbox.deliver(messages[n].kind, messages[n].raw).await;
                    let accepted = delivered.map(|()| Accepted { code: 250, text: String::new() });
                    outbox.answer(n, accepted.map_err(|error| SendError::Refused { text: error.to_string() }));
                }
            }
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
