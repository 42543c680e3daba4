//! People: the sealed personal data of supporters, and their consents.
//!
//! A public act inserts at most an unconfirmed row here (vault and address index, no details). Details are written when
//! the owner of the address confirms ([`ops::merge_confirmed_details`]) or an organizer vouches. Lists show only people
//! with details, of the organization's own vault.
//!
//! Modules: `details` (what is sealed, and its form in requests and answers), `records` (what all slices keep about a person:
//! shown, and erased), `erasure_log` (who was erased, for databases that are put back), `links` (the same, by the links on own pages), `rewrite` (rows of protected actions, each night), `store`, `ops`, `api`.
//!
//! # Lock order
//!
//! Transactions that lock rows of several of these tables lock them in this order, to avoid deadlocks (SQLSTATE 40P01):
//! 1. idempotency keys, by key; the row of a long job (an import, an invalidation);
//! 2. people, by vault and address index ([`lock_people`], `upsert_people`);
//! 3. acts: signatures, pending registrations, letters; those of several people by id. Those of one person in any
//!    order, since the person's row is locked;
//! 4. actions, by id; then the rows of their kind: `events`, `letter_actions`, `petitions`;
//! 5. registrations with a seat or on the waitlist, and outreaches, by id;
//! 6. `jobs`, the mail queue, counts.
//!
//! Erasing a person takes the mails about her before her acts, as settling a mail does.
//!
//! Maintenance needs no particular row and skips locked ones (`SKIP LOCKED`).

mod api;
mod details;
mod erasure_log;
mod labels;
mod links;
mod ops;
mod records;
mod rewrite;
mod store;

pub use api::{People, router};
pub use details::{
    Consents, ContactDetails, CustomValue, Details, NewPerson, PERSON_FORM_FIELDS, PersonBody, PersonLinks,
};
pub use erasure_log::{has_erasure_log, record as record_erasure, replay_erasures};
pub use labels::{Extras, Labels, add as add_labels, other_identifiers, parse_identifiers, plain_index, tag_index};
pub use links::{ERASE_PERSON, MY_DATA, VOID_LINKS, open, own_links, register_links};
pub use ops::{
    ConsentContext, GivenConsents, LocatedPerson, VouchedPerson, append_all_consents, append_consents, apply_extras,
    index_submission, locate, locate_by_address, merge_confirmed_details, prepare_vouched_person, resolve_filter,
    rounds, set_updates_consent, submitted_person,
};
pub use records::{AllRecords, PersonRecord, PersonRecords, UnreadRows, require_links};
pub use store::TABLE as PEOPLE;
pub use store::{
    Consent, DetailsChange, PersonRow, by_ids, consents, delete_ended_submissions, delete_people_of_vault,
    delete_unconfirmed, delete_unconfirmed_people, find_by_address, forget_rewrites, lock as lock_person,
    lock_ended_submissions, lock_people, organization_vaults, save_details, tables_about_people,
};

/// Registers the background jobs of this slice.
pub fn register_jobs(
    kernel: &std::sync::Arc<crate::kernel::Kernel>,
    records: &AllRecords,
    jobs: &mut crate::kernel::background::Jobs,
) {
    erasure_log::register_jobs(kernel, records, jobs);
    rewrite::register_jobs(kernel, jobs);
}
