//! Letters: supporters write to the holders of offices; each outreach has a state that says how far it has come
//! ([`state`]).
//!
//! A letter: [`api`] or [`mod@pages`] validates the input, [`submission`] seals it on the letter's own row and hands
//! it to [`batch`], which writes it with one outreach for each office and the confirmation mail (`submit_letters` in
//! the migrations). [`links`] shows the mailed page; its button calls [`confirmation`], which queues the outreaches,
//! or holds them until an organizer switches the action live, when a job releases them ([`dispatch`]). [`mail`]
//! composes each letter when it is sent, for whoever holds the office on that day, and saves the result.
//!
//! Organizers' texts are templates ([`template`]); what supporters write is data and never becomes a template.

mod api;
mod attached;
mod batch;
mod confirmation;
mod counts;
mod dispatch;
mod honorifics;
mod hours;
mod kind;
mod links;
mod mail;
mod ops;
mod pages;
mod state;
mod store;
mod submission;
mod template;
#[cfg(test)]
mod tests;

pub use api::{LetterTemplateBody, check_templates, router};
pub use attached::{attached_letter_details, confirm_attached_letters, drop_attached_letter, withdraw_attached_letter};
pub use batch::PreparedLetter;
pub use dispatch::{dispatch_jobs, stop_releasing};
pub use hours::{OfficeDay, OfficeHours};
pub use kind::LetterKind;
pub use links::{CONFIRM_LETTER, MANAGE_LETTER, REJECT_LETTER, WAITING_LETTERS};
pub use ops::{
    Holder, NewLetterAction, NewOffice, create_letter_action, create_office, find, find_for, resolve_offices, set_live,
};
pub use pages::{FORM_FIELDS, pages};
pub use state::{LetterState, OutreachState};
pub use store::{
    LetterAction, LetterRow, LetterSubmission, LetterSubmissionTarget, OfficePhone, OfficialName, Target, TemplateText,
    office_exists, office_phones, set_office_phone, targets,
};
pub use submission::{LETTERS, LetterPayload, LetterSender, Letters, NewLetter};
pub use template::{EditedText, Prefilled, TemplateError, check as check_template};
pub(crate) use template::{MAX_MESSAGE, MAX_SUBJECT};

use crate::{
    actions,
    kernel::{
        background::{JobInfo, Jobs, Progress, Stage, TURN_LIMIT},
        links::LinkHandlers,
    },
    mail::MailKinds,
    people::AllRecords,
};

/// Registers what this slice deletes when an action's data ends.
pub fn register_ended(kinds: &mut actions::retention::EndedKinds) {
    kinds.register::<LetterKind>();
}

/// Registers what this slice keeps about people.
pub fn register_records(letters: &Letters, records: &mut AllRecords) {
    actions::submission::register_records::<LetterKind>(&letters.kernel, records);
}

/// Registers the kinds of mail of this slice.
pub fn register_mail(letters: &Letters, records: &AllRecords, kinds: &mut MailKinds) {
    actions::submission::register_mail::<LetterKind>(&letters.kernel, records, kinds);
    kinds.register(mail::LetterMail(letters.clone()));
    kinds.register(mail::ThanksMail(letters.clone()));
}

/// Registers the handlers of this slice's mailed links.
pub fn register_links(letters: &Letters, records: &AllRecords, purposes: &mut LinkHandlers) {
    actions::submission::register_links(&letters.submissions, records, purposes);
}

/// Registers the background jobs of this slice.
pub fn register_jobs(letters: &Letters, jobs: &mut Jobs) {
    let kernel = &letters.kernel;
    jobs.add_queue(
        dispatch::DispatchJob(letters.clone()),
        "releases held letters of an action, or holds again what waits in the queue",
        "1,000 released, or 1,000 held of 10,000 looked at",
    );
    let closed = JobInfo::tick(
        "apply_sending_states",
        Stage::Change,
        "starts the job `letters` of actions that closed by themselves, so that what still waits is held",
        "",
    );
    jobs.add(closed, kernel, async |kernel, _| {
        dispatch::apply_changed_sending_states(&kernel).await?;
        Ok(Progress::Done)
    });
    actions::submission::register_jobs::<LetterKind>(kernel, jobs);
    let held = JobInfo::maintenance(
        "release_held_letters",
        "starts the job `letters` of actions that go out and still have held letters",
        "",
    );
    jobs.add(held.with_limit(TURN_LIMIT), kernel, async |kernel, _| {
        dispatch::release_unreleased(&kernel).await?;
        Ok(Progress::Done)
    });
    counts::register_job(kernel, jobs);
}
