//! Petitions: people sign, each signature counts once, and nobody can find out who did.
//!
//! The way of a signature: [`api`] or [`mod@pages`] validates what was typed, seals it on the signature's own row and
//! hands the act to [`batch`], which writes it in a batch with its mail (`submit_signatures` in the migrations).
//! Where a confirmation is asked, [`links`] shows the mailed page and [`confirmation`] makes it count, many at once.
//! [`mail`] composes the messages. Numbers come from the counts of `campaigns`, never from counting rows;
//! [`counts`] compares the two at night, [`breakdowns`] says when the public's are published. [`own_page_links`] changes how a
//! name is shown; [`questions`] is what the form asks. [`comments`] and [`live_count`] are what the
//! page shows besides. [`abuse`] holds floods back, [`invalidation`] takes out what does not belong, [`import`] brings
//! in what was signed elsewhere, [`petition_delivery`] fixes the number that is handed over.

mod abuse;
mod api;
mod batch;
mod breakdowns;
mod comments;
mod confirmation;
mod counts;
mod csv_reader;
mod document;
mod import;
mod import_cells;
mod import_columns;
mod import_dates;
mod import_erasure;
mod import_headers;
mod invalidation;
mod jobs;
mod kind;
mod links;
mod live_count;
mod mail;
mod milestones;
mod ops;
mod own_page_links;
mod pages;
mod petition_delivery;
mod petition_delivery_page;
mod questions;
mod rule_erasure;
mod signer_file;
mod state;
mod store;
mod submission;
mod workbook;

pub use api::router;
pub use csv_reader::{ReadResult, read_rows};
pub use document::NewPetition;
pub use invalidation::Effect;
pub use jobs::register_jobs;
pub use kind::SignatureKind;
pub use links::{CONFIRM_SIGNATURE, MANAGE_SIGNATURE, REJECT_SIGNATURE, SHOW_NAME, WAITING_SIGNATURES};
pub use ops::create_petition;
pub use pages::pages;
pub use petition_delivery::{DeliveryCounts, delivery_counts, find as find_petition_delivery};
pub use questions::GivenAnswer;
pub use signer_file::{
    FileFormat, FileProblem, FileReader,
    sheet::{SheetPiece, read_workbook},
};
pub use state::{
    CommentState, ImportState, InvalidationState, PetitionDeliveryStatus, QuarantineReason, SignatureState, Vetting,
};
pub use store::abuse::AllowanceKind;
pub use store::counts::Signatures;
pub use store::deliveries::PetitionDelivery;
pub use store::{Petition, SignatureRow, load_for_action, question_keys};
pub use submission::{Display, Petitions, SIGNATURES, SignaturePayload};

use crate::{actions, kernel::links::LinkHandlers, mail::MailKinds, people::AllRecords};

/// Registers what this slice deletes when an action's data ends.
pub fn register_ended(kinds: &mut actions::retention::EndedKinds) {
    kinds.register::<SignatureKind>();
}

/// Registers what this slice keeps about people.
pub fn register_records(petitions: &Petitions, records: &mut AllRecords) {
    actions::submission::register_records::<SignatureKind>(&petitions.kernel, records);
    records.register(import_erasure::ImportRecords(petitions.clone()));
    records.register(rule_erasure::RuleRecords(petitions.clone()));
}

/// Registers the messages of this slice.
pub fn register_mail(petitions: &Petitions, records: &AllRecords, kinds: &mut MailKinds) {
    actions::submission::register_mail::<SignatureKind>(&petitions.kernel, records, kinds);
    kinds.register(mail::ThanksMail(petitions.clone()));
    kinds.register(mail::MilestoneMail(petitions.clone()));
}

/// Registers what the links of this slice do.
pub fn register_links(petitions: &Petitions, records: &AllRecords, purposes: &mut LinkHandlers) {
    actions::submission::register_links(&petitions.submissions, records, purposes);
    purposes.register(own_page_links::ShowName(petitions.clone()));
}
