//! Where mail goes: a relay, or files on this machine.

use std::sync::Arc;

use super::{
    mailbox::Mailbox,
    smtp::{Accepted, Envelope, Pool, PoolConfig, SendError, SmtpSettings},
};
use crate::{
    config,
    error::{Error, Result},
    kernel::Kernel,
};

/// Where mail goes.
#[derive(Debug)]
pub enum Transport {
    /// To a relay.
    Smtp(Arc<Pool>),
    /// To files on this machine.
    Mailbox(Mailbox),
}

impl Transport {
    /// The transport of these settings.
    ///
    /// # Errors
    /// `internal` when `mail.smtp_url` is not understood or the mailbox folder cannot be made.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        let settings = &kernel.settings.mail;
        match settings.transport {
            config::Transport::Mailbox => Ok(Self::Mailbox(Mailbox::open(&kernel.settings, &kernel.cx)?)),
            config::Transport::Smtp => {
                let relay = SmtpSettings::parse(&settings.smtp_url).map_err(Error::internal)?;
                let pool = PoolConfig { size: settings.connections, ..PoolConfig::default() };
                let cx = kernel.cx.clone();
                let clock = Arc::new(move || cx.instant());
                Ok(Self::Smtp(Arc::new(Pool::new(relay.hello(&settings.from_domain), pool, clock))))
            }
        }
    }

    /// Sends one message.
    pub(super) async fn send(&self, kind: &str, envelope: Envelope<'_>, raw: &[u8]) -> Result<(), SendError> {
        match self {
            Self::Smtp(pool) => pool.send(envelope, raw).await.map(|Accepted { .. }| ()),
            Self::Mailbox(mailbox) => {
                mailbox.deliver(kind, raw).await.map_err(|e| SendError::Refused { text: e.to_string() })
            }
        }
    }
}
