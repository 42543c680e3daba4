//! Letters: people write to those who hold an office, and every letter has an honest state.
//!
//! The way of a letter: [`api`] or [`mod@pages`] validates what was typed, [`submission`] seals it on the letter's own row and
//! hands it to [`batch`], which writes it in a batch with one outreach for each office and the mail that asks to confirm
//! (`submit_letters` in the migrations). [`links`] shows that mail's page; its button lets [`ops::confirm`] send the
//! outreaches on their way: into the queue, or held until an organizer lets the action go live, when a job releases them
//! ([`dispatch`]). [`mail`] composes each
//! letter when its turn comes, for whoever holds the office that day, and notes what became of it.
//!
//! Organizers' texts are templates ([`template`]); what supporters write is data and never becomes one.

mod api;
mod attached;
mod batch;
mod counts;
mod dispatch;
mod links;
mod mail;
mod ops;
mod pages;
mod store;
mod submission;
mod template;
#[cfg(test)]
mod tests;

pub use api::{LetterTemplateBody, check_templates, router};
pub use attached::{confirm_attached_letter, drop_attached_letter, withdraw_attached_letter};
pub use batch::PreparedLetter;
pub use counts::verify_next;
pub use dispatch::{DispatchJob, apply_changed_sending_states, dispatch_jobs, release_unreleased};
pub use ops::{Holder, NewLetterAction, NewOffice, create_letter_action, create_office, find, find_for, set_live};
pub use pages::pages;
pub use store::{
    LetterAction, LetterRow, LetterSubmission, LetterSubmissionTarget, OfficialName, Target, TemplateText,
    office_exists,
};
pub use submission::{LETTERS, LetterPayload, LetterSender, Letters, NewLetter};
pub use template::{EditedText, Prefilled, TemplateError, check as check_template};

use crate::{kernel::links::LinkHandlers, mail::MailKinds};

/// Registers the messages of this slice.
pub fn register_mail(letters: &Letters, kinds: &mut MailKinds) {
    kinds.register(mail::ConfirmMail(letters.clone()));
    kinds.register(mail::LetterMail(letters.clone()));
    kinds.register(mail::ThanksMail(letters.clone()));
}

/// Registers what the links of this slice do.
pub fn register_links(letters: &Letters, purposes: &mut LinkHandlers) {
    purposes.register(links::ConfirmLink(letters.clone()));
    purposes.register(links::ManageLink(letters.clone()));
    purposes.register(links::RejectLink(letters.clone()));
}
