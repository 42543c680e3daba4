//! The SMTP client: sends messages, each to one recipient, through a relay of the setting `mail.smtp_url`.
//!
//! [`Pool::send`] takes an idle connection or opens one (`connection`), runs MAIL, RCPT, DATA and the content of one
//! message after the other, and answers each with [`Accepted`] or a [`SendError`] that tells the queue whether the
//! mail was refused, the relay is not available, or the outcome is uncertain. `settings` parses the URL, `stream`
//! starts TLS, `text` cleans replies, so that no e-mail address gets from a reply into a table or a log.
//!
//! This module does not retry (the queue does), does not know the queue, and never logs a line of an SMTP conversation.
//!
//! Why not lettre's pool: it sends content and final dot as two small writes on a socket with Nagle's algorithm on,
//! which with delayed acknowledgements gives 22 mails a second per connection. Here `TCP_NODELAY` is set
//! (`docs/adr/0004-own-mail-transport.md`).

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

/// A message with its SMTP envelope (RFC 5321 section 2.3.1); its headers do not matter here.
///
/// One recipient only: of several, a relay may accept some and refuse others, and a letter would not have one state.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// Name of the mail kind, for the file transport only; not sent.
    pub kind: &'a str,
    /// Envelope sender (reverse-path), to which bounces are sent; empty for the null path `<>`.
    pub from: &'a str,
    /// Envelope recipient.
    pub to: &'a str,
    /// The whole message (RFC 5322). When sent, bare line feeds become CRLF and leading dots are doubled.
    pub raw: &'a [u8],
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message { .. }")
    }
}

/// Called with the position of a message before it is begun, and again right before its content is transmitted: may it
/// still be sent, that is, is the lease still held, and is its class not paused?
pub type LeaseCheck<'a> = &'a (dyn Fn(usize) -> bool + Sync);

/// Source of messages for a connection, and receiver of their results. Messages are identified by their position in
/// the slice that is passed along.
pub trait Outbox: Send {
    /// The next message; `None` when there is none, or none at present. `waits`: it would be pipelined behind another
    /// message, so it is not handed out while a free connection may take it.
    fn next(&mut self, waits: bool) -> Option<usize>;

    /// Result of a message that was handed out.
    fn answer(&mut self, message: usize, answer: Result<Accepted, SendError>);

    /// May this relay be given a message now?
    fn allows(&mut self, relay: &str) -> bool {
        let _ = relay;
        true
    }

    /// The next result comes from this relay.
    fn answered_by(&mut self, relay: &str) {
        let _ = relay;
    }

    /// This relay was not available, or refuses our account: messages that were handed out go to the next relay.
    /// `begun` is the first message that it was offered.
    fn refused_by(&mut self, relay: &str, begun: Option<usize>, error: &SendError) {
        let _ = (relay, begun, error);
    }
}

/// The relay has taken responsibility for the message (RFC 5321 section 4.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The reply code, 250 in practice.
    pub code: u16,
    /// The reply's text, often the relay's queue id; without addresses.
    pub text: String,
}

/// Why a message was not, or perhaps not, accepted. All texts have passed [`without_addresses`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A 4xx reply: temporary refusal of this message (RFC 5321 section 4.2.1).
    #[error("refused for now: {}", line(*.code, *.enhanced, .text))]
    Temporary {
        /// Reply code.
        code: u16,
        /// Enhanced status code, when the relay gave one.
        enhanced: Option<EnhancedCode>,
        /// The reply's text.
        text: String,
    },
    /// A 5xx reply, or an address or content that this relay cannot transport. See [`SendError::retryable`].
    #[error("refused: {}", line(*.code, *.enhanced, .text))]
    Permanent {
        /// Reply code; 553, 550 or 554, as RFC 5321 and 6531 assign them, when the message was not offered to the
        /// relay.
        code: u16,
        /// Enhanced status code, when there is one.
        enhanced: Option<EnhancedCode>,
        /// The reply's text.
        text: String,
    },
    /// No usable connection: refused, timed out, TLS or AUTH failed; or a 5xx reply to MAIL, which is about the
    /// sender and never about a recipient. Nothing was delivered, and the message is not the cause.
    #[error("relay not available: {text}")]
    Refused {
        /// The relay's reply, or the error of the connection.
        text: String,
    },
    /// The connection was lost, timed out, or was closed with 421 before anything was delivered. It is already dropped.
    #[error("connection lost before delivery: {text}")]
    Broken {
        /// The relay's reply, or the error of the connection.
        text: String,
    },
    /// The lease was not held any more ([`LeaseCheck`]) when the relay was ready for the content: nothing was
    /// delivered.
    #[error("held back before the content")]
    LeaseLost,
    /// The connection broke or timed out after transmission of the content began: the relay may or may not have the
    /// message (RFC 5321 section 4.5.3.2.6; RFC 1047).
    #[error("outcome uncertain: {text}")]
    Unknown {
        /// The error of the connection.
        text: String,
    },
}

/// A refusal on one line: code, enhanced code, text.
fn line(code: u16, enhanced: Option<EnhancedCode>, text: &str) -> String {
    match enhanced {
        Some(enhanced) => format!("{code} {enhanced} {text}"),
        None => format!("{code} {text}"),
    }
}

impl SendError {
    /// Whether the same message may be retried unchanged.
    ///
    /// True for all 4xx, for an unavailable relay, and for refusals whose code is permanent but whose cause is
    /// temporary: a full mailbox (5.2.2, RFC 3463 section 3.3, or 552 without an enhanced code) and a 5.7.0 about a
    /// quota or rate. False for [`SendError::Unknown`]: there the class of the mail decides.
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

    /// Whether a relay refused our account permanently: 5xx at the greeting, to AUTH or to MAIL.
    pub fn is_account_refused(&self) -> bool {
        matches!(self, Self::Refused { text } if text.starts_with('5') && text.as_bytes().get(3) == Some(&b' '))
    }

    /// Whether the message was not offered to the relay: the address is not valid, or the relay lacks an extension it
    /// needs.
    pub fn is_unsendable(&self) -> bool {
        matches!(self, Self::Permanent { text, .. } if connection::UNSENDABLE.contains(&text.as_str()))
    }

    /// The reply code, when the relay refused the message.
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
