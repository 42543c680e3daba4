//! Outgoing SMTP: messages to one mailbox each, through a relay of `mail.smtp_url`.
//!
//! The messages' way: [`Pool::send`] takes an idle connection or opens one (`connection`), runs MAIL, RCPT, DATA and
//! the content of one after the other, and answers [`Accepted`] or a [`SendError`] that says what the queue has to know:
//! was the mail refused, is the relay away, or is the outcome uncertain. `settings` reads the URL, `stream` begins TLS,
//! `text` cleans what relays write, so that no e-mail address gets from a reply into a table or a log.
//!
//! It must not retry (the queue does), must not know the queue, and never logs a line of a conversation.
//!
//! Why an own pool: lettre's sends content and final dot as two small writes on a socket with Nagle's algorithm on,
//! which with delayed acknowledgements gives 22 mails a second per connection. Here `TCP_NODELAY` is set first.

mod connection;
mod pool;
mod relays;
mod settings;
mod stream;
mod text;

use std::fmt;

pub use self::{
    pool::{Clock, Pool, PoolConfig, Timeouts},
    relays::{RelayQuotas, Relays},
    settings::{SettingsError, SmtpSettings, TlsMode},
    text::{EnhancedCode, without_addresses, without_locals},
};

/// A message, and who it is from and whom it goes to on the wire (RFC 5321 section 2.3.1); its headers do not matter here.
///
/// One recipient only: with several, a relay may take some and refuse others, and no letter would have one state.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// What it is, for whoever keeps it on this machine; nothing that goes over the wire.
    pub kind: &'a str,
    /// The reverse path, where bounces go; empty for the null path `<>`.
    pub from: &'a str,
    /// The mailbox.
    pub to: &'a str,
    /// The whole message (RFC 5322); bare line feeds become CRLF, leading dots are doubled.
    pub raw: &'a [u8],
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message { .. }")
    }
}

/// Asked before each message, and again right before its content goes out: may it still?
pub type LeaseCheck<'a> = &'a (dyn Fn() -> bool + Sync);

/// Hands messages out to whoever has a connection free, and is told what became of each. They go by their place in the slice
/// that comes along.
pub trait Outbox: Send {
    /// The next message; `None` when there is none, or none for the present. One that `waits` begins behind another, so it is
    /// not handed out where a connection may be free for it.
    fn next(&mut self, waits: bool) -> Option<usize>;

    /// What became of a message that was handed out.
    fn answer(&mut self, message: usize, answer: Result<Accepted, SendError>);

    /// May this relay be given a message now?
    fn allows(&mut self, relay: &str) -> bool {
        let _ = relay;
        true
    }

    /// The answer that comes next is this relay's.
    fn answered_by(&mut self, relay: &str) {
        let _ = relay;
    }

    /// This relay was not available, or takes no mail from us: what was handed out goes to the next relay. `begun` is the
    /// message that it was offered first.
    fn refused_by(&mut self, relay: &str, begun: Option<usize>, error: &SendError) {
        let _ = (relay, begun, error);
    }
}

/// The relay has taken responsibility for the message (RFC 5321 section 4.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The reply code, 250 in practice.
    pub code: u16,
    /// What the relay said, often its queue id; without addresses.
    pub text: String,
}

/// Why a message was not (or perhaps not) taken. All texts have passed [`without_addresses`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A 4xx reply: this message, later (RFC 5321 section 4.2.1).
    #[error("refused for now: {}", line(*.code, *.enhanced, .text))]
    Temporary {
        /// Reply code.
        code: u16,
        /// Enhanced status code, when the relay gave one.
        enhanced: Option<EnhancedCode>,
        /// The reply's text.
        text: String,
    },
    /// A 5xx reply, or an address or content that this relay cannot carry. See [`SendError::retryable`].
    #[error("refused: {}", line(*.code, *.enhanced, .text))]
    Permanent {
        /// Reply code; 553, 550 or 554 as RFC 5321 and 6531 assign them when the message never left.
        code: u16,
        /// Enhanced status code, when there is one.
        enhanced: Option<EnhancedCode>,
        /// The reply's text.
        text: String,
    },
    /// No usable connection: refused, timed out, TLS or sign-in failed; or a 5xx reply to MAIL, which speaks of the sender
    /// and never of a recipient. Nothing was delivered; no message is to blame.
    #[error("relay not available: {text}")]
    Refused {
        /// What went wrong.
        text: String,
    },
    /// The connection was lost, timed out, or closed with 421 while nothing was delivered. It is dropped already.
    #[error("connection lost before delivery: {text}")]
    Broken {
        /// What went wrong.
        text: String,
    },
    /// There was no leave any more when the relay was ready for the content: nothing was delivered.
    #[error("held back before the content")]
    LeaseLost,
    /// The connection broke or timed out after the content began to be transmitted: the relay may have the message
    /// or not (RFC 5321 section 4.5.3.2.6; RFC 1047).
    #[error("outcome uncertain: {text}")]
    Unknown {
        /// What went wrong.
        text: String,
    },
}

/// How a refusal reads in one line.
fn line(code: u16, enhanced: Option<EnhancedCode>, text: &str) -> String {
    match enhanced {
        Some(enhanced) => format!("{code} {enhanced} {text}"),
        None => format!("{code} {text}"),
    }
}

impl SendError {
    /// Whether the same message may simply go again later.
    ///
    /// True for all 4xx, for a relay that is away, and for the two refusals that are final by number but pass by
    /// themselves: a full mailbox (5.2.2, RFC 3463 section 3.3, or 552 without an enhanced code) and a 5.7.0 that
    /// speaks of a quota or a rate. False for [`SendError::Unknown`]: there the kind of mail decides.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Temporary { .. } | Self::Refused { .. } | Self::Broken { .. } | Self::LeaseLost => true,
            Self::Unknown { .. } => false,
            Self::Permanent { code, enhanced, text } => match enhanced {
                Some(EnhancedCode { class: 5, subject: 2, detail: 2 }) => true,
                Some(EnhancedCode { class: 5, subject: 7, detail: 0 }) => text::speaks_of_quota(text),
                None => *code == 552 && text::speaks_of_quota(text),
                Some(_) => false,
            },
        }
    }

    /// Whether a relay said for good (5xx, at the greeting, when signing in or at MAIL) that it takes no mail from us.
    pub fn is_account_refused(&self) -> bool {
        matches!(self, Self::Refused { text } if text.starts_with('5') && text.as_bytes().get(3) == Some(&b' '))
    }

    /// Whether no relay was asked: the address is none, or this relay lacks the extension that the message needs.
    pub fn is_unsendable(&self) -> bool {
        matches!(self, Self::Permanent { text, .. } if connection::UNSENDABLE.contains(&text.as_str()))
    }

    /// The reply code, when the relay judged the message.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Temporary { code, .. } | Self::Permanent { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The enhanced status code, when the relay gave one (RFC 3463).
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        match self {
            Self::Temporary { enhanced, .. } | Self::Permanent { enhanced, .. } => *enhanced,
            _ => None,
        }
    }

    /// The text, free of addresses and at most 500 characters.
    pub fn text(&self) -> &str {
        match self {
            Self::Temporary { text, .. }
            | Self::Permanent { text, .. }
            | Self::Refused { text }
            | Self::Broken { text }
            | Self::Unknown { text } => text,
            Self::LeaseLost => "",
        }
    }
}
