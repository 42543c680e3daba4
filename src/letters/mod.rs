//! Letters: people write to those who hold an office, and every letter has an honest state.
//!
//! The way of a letter: [`api`] or [`mod@pages`] validates what was typed, [`writing`] seals it on the letter's own row and
//! hands it to [`ingest`], which writes it in a batch with one outreach for each office and the mail that asks to confirm
//! (`write_letters` in the migrations). [`links`] shows that mail's page; its button lets [`ops::confirm`] send the
//! outreaches on their way: into the queue, or held until an organizer lets the action go live, when a job releases them
//! ([`dispatch`]). [`mail`] composes each
//! letter when its turn comes, for whoever holds the office that day, and notes what became of it.
//!
//! Organizers' texts are templates ([`template`]); what supporters write is data and never becomes one.

mod api;
mod carried;
mod counts;
mod dispatch;
mod ingest;
mod links;
mod mail;
mod ops;
mod pages;
mod store;
mod template;
#[cfg(test)]
mod tests;
mod writing;

pub use api::{LetterBody, check_templates, router};
pub use carried::{confirm_carried, drop_carried, withdraw_carried};
pub use counts::verify_next;
pub use dispatch::{Dispatching, dispatching, release_left_behind, settle_changed};
pub use ingest::NewLetterAct;
pub use ops::{Holder, NewLetterAction, NewOffice, create_letter_action, create_office, find, find_for, set_live};
pub use pages::pages;
pub use store::{
    LetterAct, LetterActTarget, LetterAction, LetterRow, OfficialName, Target, TemplateText,
    delete_expired as forget_unconfirmed, office_exists,
};
pub use template::{Changed, Fault, Prefilled, check as check_template};
pub use writing::{Carrier, LETTERS, Letters, NewLetter, Typed};

use crate::{kernel::links::LinkHandlers, mail::MailKinds};

/// Registers the messages of this slice.
pub fn register_mail(letters: &Letters, kinds: &mut MailKinds) {
    kinds.register(mail::Confirm(letters.clone()));
    kinds.register(mail::Deliver(letters.clone()));
    kinds.register(mail::Thanks(letters.clone()));
}

/// Registers what the links of this slice do.
pub fn register_links(letters: &Letters, purposes: &mut LinkHandlers) {
    purposes.register(links::Confirm(letters.clone()));
    purposes.register(links::Manage(letters.clone()));
    purposes.register(links::Reject(letters.clone()));
}
