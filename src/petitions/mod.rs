//! Petitions: people sign, each signature counts once, and nobody can find out who did.
//!
//! The way of a signature: [`api`] or [`mod@pages`] validates what was typed, seals it on the signature's own row and hands
//! the act to [`ingest`], which writes it in a batch with its mail (`sign_petitions` in the migrations). Where a
//! confirmation is asked, [`links`] shows the mailed page and [`ops::confirm`] makes it count. [`mail`] composes the
//! messages. Numbers come from the counts of `campaigns`, never from counting rows; [`counts`] compares the two at night.
//! What a signer can do alone stands in [`own_links`] (behind mailed links) and [`own_page`] (by address); [`questions`] is what
//! the form asks. [`comments`] and
//! [`live`] are what the page shows besides. [`integrity`] holds floods back, [`invalidation`] takes out what
//! does not belong, [`import`] brings in what was signed elsewhere, [`delivery`] fixes the number that is handed over.

mod api;
mod comments;
mod counts;
mod csv_lines;
mod delivery;
mod delivery_page;
mod import;
mod ingest;
mod integrity;
mod invalidation;
mod links;
mod live;
mod mail;
mod milestones;
mod ops;
mod own_links;
mod own_page;
mod pages;
mod questions;
mod signing;
mod store;

pub use api::router;
pub use counts::verify_next;
pub use csv_lines::{beginning as beginning_of_file, read as read_lines};
pub use delivery::{Figures, figures, find as find_delivery};
pub use import::{ImportFiles, Imports, forget as forget_uploads};
pub use invalidation::{Invalidations, forget as forget_invalid};
pub use milestones::mark as mark_milestones;
pub use ops::{NewPetition, create_petition};
pub use pages::pages;
pub use signing::{Petitions, SIGNATURES, Typed};
pub use store::counts::Signatures;
pub use store::deliveries::Delivery;
pub use store::integrity::{forget_bursts, forget_signals};
pub use store::signers::remind;
pub use store::{Petition, SignatureRow, complete, delete_expired as forget_unconfirmed, question_keys};

use crate::{kernel::links::LinkHandlers, mail::MailKinds};

/// Registers the messages of this slice.
pub fn register_mail(petitions: &Petitions, kinds: &mut MailKinds) {
    kinds.register(mail::Confirm(petitions.clone()));
    kinds.register(mail::Thanks(petitions.clone()));
    kinds.register(mail::Reminder(petitions.clone()));
    kinds.register(mail::OwnPage(petitions.clone()));
    kinds.register(mail::Milestone(petitions.clone()));
}

/// Registers what the links of this slice do.
pub fn register_links(petitions: &Petitions, purposes: &mut LinkHandlers) {
    purposes.register(links::Confirm(petitions.clone()));
    purposes.register(links::Manage(petitions.clone()));
    purposes.register(links::Reject(petitions.clone()));
    purposes.register(own_links::ShowName(petitions.clone()));
    purposes.register(own_links::MyData(petitions.clone()));
    purposes.register(own_links::EraseSigner(petitions.clone()));
}
