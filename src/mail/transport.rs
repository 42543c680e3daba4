//! Where mail goes: a relay, or files on this machine.

use std::sync::Arc;

use super::{
    mailbox::Mailbox,
    smtp::{Accepted, Envelope, PoolConfig, Relays, SendError},
};
use crate::{
    config,
    error::{Error, Result},
    kernel::Kernel,
};

/// Where mail goes.
#[derive(Debug)]
pub enum Transport {
    /// To relays.
    Smtp(Relays),
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
                let relays = Relays::settings(&settings.smtp_url).map_err(Error::internal)?;
                let relays = relays.into_iter().map(|relay| relay.hello(&settings.from_domain)).collect();
                let pool = PoolConfig { size: settings.connections, ..PoolConfig::default() };
                let cx = kernel.cx.clone();
                let clock = Arc::new(move || cx.instant());
                Ok(Self::Smtp(Relays::new(relays, pool, clock)))
            }
        }
    }

    /// Sends one message.
    pub(super) async fn send(
        &self,
        kernel: &Kernel,
        kind: &str,
        envelope: Envelope<'_>,
        raw: &[u8],
    ) -> Result<(), SendError> {
        match self {
            Self::Smtp(relays) => relays.send(kernel.cx.fraction(), envelope, raw).await.map(|Accepted { .. }| ()),
            Self::Mailbox(mailbox) => {
                mailbox.deliver(kind, raw).await.map_err(|e| SendError::Refused { text: e.to_string() })
            }
        }
    }
}
