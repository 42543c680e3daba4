//! May the part of an address before the @ have other letters than ASCII? Mail to it needs SMTPUTF8 (RFC 6531), which
//! many relays lack: it would be refused when it is sent, and whoever waits for it would never learn of it. So such an
//! address is refused where it is typed, unless it is known that all relays take it.
//!
//! Known by the setting `mail.smtputf8`, or learned by the mail engine from the relays' replies to EHLO and read by
//! every process (`mail::smtputf8`). Until then nothing is known, and such addresses are refused.

use std::sync::atomic::{AtomicBool, Ordering};

use super::text::EmailAddress;
use crate::{
    config::{Mail, Smtputf8, Transport},
    error::{Error, Result},
};

/// Whether such addresses are accepted now.
#[derive(Debug)]
pub struct Utf8Addresses(AtomicBool);

impl Utf8Addresses {
    /// By the settings; files of the development transport take any address.
    pub(super) fn new(settings: &Mail) -> Self {
        let accepts = settings.smtputf8 == Smtputf8::On
            || (settings.smtputf8 == Smtputf8::Auto && settings.transport == Transport::Mailbox);
        Self(AtomicBool::new(accepts))
    }

    /// Notes what the relays offer.
    pub fn set(&self, accepts: bool) {
        self.0.store(accepts, Ordering::Relaxed);
    }

    /// Checks an address that somebody gives to be written to.
    ///
    /// # Errors
    /// `unsupported_email` (422) at `/email_addresses/0/address`.
    pub fn check(&self, address: &EmailAddress) -> Result<()> {
        if address.local().is_ascii() || self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let detail = "Our mail system cannot send to addresses with accents or letters other than a to z before the @. Give \
                      another address.";
        Err(Error::field("/email_addresses/0/address", "unsupported_email", detail))
    }
}
