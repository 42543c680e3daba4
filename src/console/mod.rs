//! The organizers' console, the API's routes about mail, and the demo mailbox.
//!
//! The overview shows numbers only; lists of contacts are exported by `exports`. All other pages call the API
//! ([`api_client`]), so that authorisation and rules are in one place; [`forms`] and [`lists`] are declared as data,
//! and [`frame`] is around all of them. A session is created at `/console/sign-in` and kept in a cookie; each form
//! has a CSRF token of the session. The mailbox shows the mails that the transport `mailbox` stores instead of
//! sending; under any other transport it answers 404.

mod account_links;
mod accounts;
mod actions;
mod api;
mod api_client;
mod audit;
mod dashboard;
mod door;
mod exports;
mod filtered_list;
mod forms;
mod frame;
mod lists;
mod mail;
mod mail_retry;
mod mailbox;
mod pages;
mod participants;
mod people;
mod petition;
mod retention;
mod second_factor;
mod settings;
mod store;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    routing::{get, post},
};

pub use api::{MailResource, router as api_router};
pub use filtered_list::FilteredList;
pub use mail_retry::drop_retries;

use crate::{
    kernel::{Kernel, background::Jobs},
    mail::MailKinds,
    organizers::Authenticator,
};

/// State of the console's handlers.
#[derive(Clone, Debug)]
pub struct Console {
    /// Settings, database pools, clock, vaults, templates.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
    /// Registry of mail kinds, for processing bounces.
    pub kinds: MailKinds,
}

impl Console {
    /// The state of the console.
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

/// Routes of the pages; those of one action and of mail call `api`.
pub fn router(state: Console, api: Router) -> Router {
    let pages = forms::router()
        .merge(lists::router())
        .merge(participants::router())
        .route("/console", get(pages::dashboard))
        .route("/console/act", post(api_client::submit_form))
        .route("/console/petitions/{id}", get(petition::show))
        .route("/console/petitions/{id}/deliveries/{delivery}", get(petition::delivery_sheet))
        .route("/console/events/{id}", get(actions::event))
        .route("/console/events/{id}/door", get(door::show).post(door::send))
        .route("/console/events/{id}/door.json", get(door::token))
        .route("/console/door-worker.js", get(door::worker))
        .route("/console/letters/{id}", get(actions::letter))
        .route("/console/calls/{id}", get(actions::call))
        .route("/console/people", get(people::list))
        .route("/console/people/{id}", get(people::person))
        .route("/console/settings", get(settings::show))
        .route("/console/retention", get(retention::list))
        .route("/console/retention/{id}", get(retention::destroy_form).post(retention::destroy))
        .route("/console/mail", get(mail::queue))
        .route("/console/broadcasts", get(mail::broadcasts))
        .route("/console/broadcasts/{id}", get(mail::broadcast))
        .layer(DefaultBodyLimit::disable())
        .route("/console/exports", get(exports::show).post(exports::start))
        .route("/console/audit", get(audit::show).post(audit::verify))
        .route("/console/account", get(accounts::account))
        .route("/console/team", get(accounts::team))
        .route("/console/tokens", get(accounts::tokens).post(accounts::create_token))
        .route("/console/confirm", get(accounts::confirm_form).post(accounts::confirm))
        .with_state(api_client::ApiClient { console: state.clone(), api });
    Router::new()
        .merge(pages)
        .route("/console/sign-in", get(pages::sign_in_form).post(pages::sign_in))
        .route("/console/sign-out", post(pages::sign_out))
        .route("/console/code", get(second_factor::code_form).post(second_factor::give_code))
        .route("/console/second-factor", get(second_factor::enrolment_form).post(second_factor::enrol))
        .route("/console/second-factor/remove", post(second_factor::remove))
        .route("/console/forgot", get(account_links::forgot_form).post(account_links::forgot))
        .route("/console/password/{token}", get(account_links::new_password_form).post(account_links::new_password))
        .route(
            "/console/invitation/{token}",
            get(account_links::invitation_form).post(account_links::accept_invitation),
        )
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
