//! Broadcasts: email updates to those who took part in an action and agreed to news, with unsubscribing and
//! preferences.
//!
//! A broadcast is drafted ([`api`]), sent to its author as a test, and sent, at once or later. Jobs ([`ops`]) count
//! the audience of a draft; when it is sent, they determine the recipients in steps (freezing the audience) and fill
//! the mail queue up to a window. [`mail`] composes each mail in the reader's language and checks consent and
//! suppressions again. Pausing withdraws queued mails from the queue, however long the pause; after resuming,
//! everybody who did not get the broadcast is checked and queued again. Each mail has one-click unsubscribing (RFC
//! 8058) and a link to the preferences ([`links`]). Opens and clicks are not tracked.
//!
//! Recipients are people of the organization's own vault only: who took part in a protected action gets no news
//! because of it.

mod api;
mod links;
mod mail;
mod ops;
mod records;
mod states;
mod store;

use std::sync::Arc;

use axum::extract::FromRef;

pub use api::router;
pub use links::{PREFERENCES, UNSUBSCRIBE};
pub use ops::stop_begun;
pub use records::register_records;
pub use states::{BroadcastState, RecipientState};

use crate::{
    kernel::{Kernel, background::Jobs, links::LinkHandlers},
    mail::MailKinds,
    organizers::Authenticator,
};

/// State of this slice's handlers.
#[derive(Clone, Debug, FromRef)]
pub struct Broadcasts {
    /// Settings, database pools, clock, vaults, templates.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
}

impl Broadcasts {
    /// The state of the slice.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator) -> Self {
        Self { kernel, authenticator }
    }
}

/// Registers the mail kinds of this slice.
pub fn register_mail(kernel: &Arc<Kernel>, kinds: &mut MailKinds) {
    kinds.register(mail::Broadcast(kernel.clone()));
    kinds.register(mail::TestBroadcast(kernel.clone()));
}

/// Registers the link handlers of this slice.
pub fn register_links(kernel: &Arc<Kernel>, purposes: &mut LinkHandlers) {
    purposes.register(links::Unsubscribe(kernel.clone()));
    purposes.register(links::Preferences(kernel.clone()));
}

/// Registers the background jobs of this slice.
pub fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    jobs.add_queue(ops::AudienceCountJob(kernel.clone()), "counts the audience of a draft", "2,500 people");
    jobs.add_queue(
        ops::SendJob(kernel.clone()),
        "determines the recipients of a broadcast, feeds the mail queue, withdraws mails after a pause",
        "2,500 people, 5,000 mails in the queue, 1,000 withdrawn",
    );
}
