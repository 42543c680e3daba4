//! Broadcasts: news to those who took part and agreed to it, and the page on which they change their mind.
//!
//! A broadcast is written ([`api`]), tried on oneself, and sent, at once or later. A job ([`ops`]) counts who would get it, and
//! when it is sent gathers the recipients in steps and feeds the mail queue a little at a time; [`mail`] composes each in the
//! reader's language and asks once more whether it may go. When it is paused, what waits in the queue is taken back, however
//! long the pause; when it goes on, all who did not get it are asked again. Every one carries one-click unsubscribing (RFC 8058) and a link to
//! the preferences ([`links`]). Nobody is counted opening or clicking anything.
//!
//! Only people of the organization's own vault are written to: whoever took part in a protected action gets no news by it.

mod api;
mod links;
mod mail;
mod ops;
mod store;

use std::sync::Arc;

use axum::extract::FromRef;

pub use api::router;
pub use ops::{AudienceCountJob, SendJob};

use crate::{
    kernel::{Kernel, links::LinkHandlers},
    mail::MailKinds,
    organizers::Authenticator,
};

/// What this slice's handlers share.
#[derive(Clone, Debug, FromRef)]
pub struct Broadcasts {
    /// Tools.
    pub kernel: Arc<Kernel>,
    /// Who is asking.
    pub authenticator: Authenticator,
}

impl Broadcasts {
    /// The slice over these tools.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator) -> Self {
        Self { kernel, authenticator }
    }
}

/// Registers the messages of this slice.
pub fn register_mail(kernel: &Arc<Kernel>, kinds: &mut MailKinds) {
    kinds.register(mail::Broadcast(kernel.clone()));
    kinds.register(mail::TestBroadcast(kernel.clone()));
}

/// Registers what the links of this slice do.
pub fn register_links(kernel: &Arc<Kernel>, purposes: &mut LinkHandlers) {
    purposes.register(links::Unsubscribe(kernel.clone()));
    purposes.register(links::Preferences(kernel.clone()));
}
