//! The organizers' console, the list of the mail queue, and the mailbox of the demo.
//!
//! The first page shows numbers only; lists of people leave through `exports`. The pages of one action are clients of the
//! API ([`api_client`]), so that what an organizer may do is decided in one place. A session begins at `/console/sign-in` and
//! lives in a cookie; every form carries a token that only its own session can know. The mailbox shows the mails that the
//! demo keeps instead of sending, and does not exist under any other transport.

mod api;
mod api_client;
mod dashboard;
mod mail;
mod mail_retry;
mod mailbox;
mod pages;
mod petition;
mod store;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    routing::{get, post},
};

pub use api::{MailItem, router as api_router};

use crate::{
    kernel::{Kernel, background::Jobs},
    mail::MailKinds,
    organizers::Authenticator,
};

/// What the console's handlers share.
#[derive(Clone, Debug)]
pub struct Console {
    /// The tools.
    pub kernel: Arc<Kernel>,
    /// The door.
    pub authenticator: Authenticator,
    /// What composes mail, and is told of its fate.
    pub kinds: MailKinds,
}

impl Console {
    /// A console behind this door.
    pub fn new(authenticator: Authenticator, kinds: MailKinds) -> Self {
        Self { kernel: authenticator.kernel().clone(), authenticator, kinds }
    }
}

impl FromRef<api_client::ApiClient> for Authenticator {
    fn from_ref(api_client: &api_client::ApiClient) -> Self {
        api_client.console.authenticator.clone()
    }
}

impl FromRef<Console> for Authenticator {
    fn from_ref(console: &Console) -> Self {
        console.authenticator.clone()
    }
}

/// The pages; those about one action are clients of the API.
pub fn router(state: Console, api: Router) -> Router {
    let pages = Router::new()
        .route("/console/act", post(api_client::submit_form))
        .route("/console/petitions/{id}", get(petition::show))
        .route("/console/petitions/{id}/deliveries/{delivery}", get(petition::delivery_sheet))
        .route("/console/mail", get(mail::queue))
        .route("/console/broadcasts", get(mail::broadcasts))
        .route("/console/broadcasts/{id}", get(mail::broadcast))
        .layer(DefaultBodyLimit::disable())
        .with_state(api_client::ApiClient { console: state.clone(), api });
    Router::new()
        .merge(pages)
        .route("/console", get(pages::dashboard))
        .route("/console/sign-in", get(pages::sign_in_form).post(pages::sign_in))
        .route("/console/sign-out", post(pages::sign_out))
        .route("/mailbox", get(mailbox::list))
        .route("/mailbox/{id}", get(mailbox::show))
        .route("/mailbox/{id}/html", get(mailbox::html))
        .route("/mailbox/{id}/files/{number}", get(mailbox::file))
        .with_state(state)
}

/// Registers the background jobs of this slice.
pub fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    jobs.add_queue(
        mail_retry::MailRetryJob(kernel.clone()),
        "queues failed mails again that were too many for one request",
        "2,000 mails",
    );
}
