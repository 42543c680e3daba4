//! People: who somebody is, sealed in a vault, and what they agreed to.
//!
//! A public act makes at most a bare row here (vault and blind index); the details come in when the owner of the address
//! confirms ([`ops::merge_confirmed_details`]) or an organizer vouches. Lists show only such people, of the organization's own vault.
//! Rooms: `details` (what is sealed, and how it is typed), `store`, `ops`, `api`.
//!
//! # The order of locks
//!
//! Whoever locks rows of several of these locks them in this order, so that nobody waits in a circle (SQLSTATE 40P01):
//! 1. idempotency keys, by key; the row of a long job (an import, an invalidation);
//! 2. people, by vault and address index ([`lock_person`], `upsert_people`);
//! 3. what a person did: a signature, a registration that is pending, a letter; of several people by id. Her own in any order:
//!    that is under her lock;
//! 4. actions, by id; then what belongs to an action: `events`, `letter_actions`, `petitions`;
//! 5. what depends on that: registrations that hold a place or wait for one, the parts of letters, by id;
//! 6. `jobs`, the mail queue, counts.
//!
//! Maintenance, which needs no particular row, passes over those that are locked (`SKIP LOCKED`).

mod api;
mod details;
mod ops;
mod store;

pub use api::{People, router};
pub use details::{Consents, Details, NewPerson, PersonBody};
pub use ops::{
    ConsentContext, VouchedPerson, append_consents, merge_confirmed_details, prepare_vouched_person, resolve_addresses,
    set_updates_consent,
};
pub use store::TABLE as PEOPLE;
pub use store::{Consent, consents, delete_unconfirmed, delete_unconfirmed_people, lock as lock_person};
