//! People: who somebody is, sealed in a vault, and what they agreed to.
//!
//! A public act makes at most a bare row here (vault and blind index); the details come in when the owner of the address
//! confirms ([`ops::merge_confirmed_details`]) or an organizer vouches. Lists show only such people, of the organization's own vault.
//! Rooms: `details` (what is sealed, and how it is typed), `store`, `ops`, `api`.

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
pub use store::{Consent, consents, delete_unconfirmed_people, lock as lock_person};
