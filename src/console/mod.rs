//! The organizers' console, the list of the mail queue, and the mailbox of the demo.
//!
//! The first page shows numbers only; lists of people leave through `exports`. The pages of one action are clients of the
//! API ([`desk`]), so that what an organizer may do is decided in one place. A session begins at `/console/sign-in` and
//! lives in a cookie; every form carries a token that only its own session can know. The mailbox shows the mails that the
//! demo keeps instead of sending, and does not exist under any other transport.

mod api;
mod dashboard;
mod desk;
mod mail;
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

use crate::{kernel::Kernel, mail::MailKinds, organizers::Access};

/// What the console's handlers share.
#[derive(Clone, Debug)]
pub struct Console {
    /// The tools.
    pub kernel: Arc<Kernel>,
    /// The door.
    pub access: Access,
    /// What composes mail, and is told of its fate.
    pub kinds: MailKinds,
}

impl Console {
    /// A console behind this door.
    pub fn new(access: Access, kinds: MailKinds) -> Self {
        Self { kernel: access.kernel().clone(), access, kinds }
    }
}

impl FromRef<desk::Desk> for Access {
    fn from_ref(desk: &desk::Desk) -> Self {
        desk.console.access.clone()
    }
}

impl FromRef<Console> for Access {
    fn from_ref(console: &Console) -> Self {
        console.access.clone()
    }
}

/// The pages; those about one action are clients of the API.
pub fn router(state: Console, api: Router) -> Router {
    let desk = Router::new()
        .route("/console/act", post(desk::act))
        .route("/console/petitions/{id}", get(petition::show))
        .route("/console/petitions/{id}/deliveries/{delivery}", get(petition::sheet))
        .route("/console/mail", get(mail::queue))
        .route("/console/broadcasts", get(mail::broadcasts))
        .route("/console/broadcasts/{id}", get(mail::broadcast))
        .layer(DefaultBodyLimit::disable())
        .with_state(desk::Desk { console: state.clone(), api });
    Router::new()
        .merge(desk)
        .route("/console", get(pages::dashboard))
        .route("/console/sign-in", get(pages::sign_in_form).post(pages::sign_in))
        .route("/console/sign-out", post(pages::sign_out))
        .route("/mailbox", get(mailbox::list))
        .route("/mailbox/{id}", get(mailbox::show))
        .route("/mailbox/{id}/html", get(mailbox::html))
        .route("/mailbox/{id}/files/{number}", get(mailbox::file))
        .with_state(state)
}
