//! Exports of lists of contacts, as CSV, JSON Lines and workbooks ([`mod@format`]).
//!
//! [`api`] requires the scope, finds the organization's action, writes the audit entry, and only then sends the first
//! byte. [`lists`] has the columns of each list and reads it in batches: each batch is a short query of its own,
//! continued by id ([`keyset_pages`]), so that a download of an hour keeps no snapshot open and at most two batches in
//! memory. [`organization_lists`] are those of no single action: people and consents. The vault is opened again for
//! each batch: once it is destroyed, the download is aborted. [`name_list`] exports the names that are handed over
//! with a petition. [`csv_writer`] guards cells against formula injection.
//!
//! Contacts of protected actions are not exported.

mod api;
mod csv_writer;
mod format;
mod keyset_pages;
mod lists;
mod name_list;
mod organization_lists;
mod query;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::FromRef;

pub use api::router;
pub use name_list::{Name, names};

use self::{
    lists::{ActionList, Attendances, Calls, List, Outreaches, Signatures},
    organization_lists::{Consents, People},
};
use crate::{campaigns::Kind, kernel::Kernel, organizers::Authenticator};

/// A list that can be exported, as a page offers it.
#[derive(Clone, Copy, Debug)]
pub struct ExportedList {
    /// Its name in the API's paths.
    pub name: &'static str,
    /// The kind of action that it belongs to; none: the organization's.
    pub kind: Option<Kind>,
    /// Names of its columns.
    pub columns: &'static [&'static str],
    /// The states of its rows.
    pub states: &'static [&'static str],
    /// Have its rows a word of origin?
    pub has_source: bool,
    /// Can it be made for a partner?
    pub has_partners: bool,
}

/// All lists that can be exported.
pub fn exported_lists() -> [ExportedList; 6] {
    const fn list<L: List>(kind: Option<Kind>) -> ExportedList {
        ExportedList {
            name: L::NAME,
            kind,
            columns: L::COLUMNS,
            states: L::STATES,
            has_source: L::HAS_SOURCE,
            has_partners: false,
        }
    }
    [
        list::<Signatures>(Some(Signatures::KIND)),
        list::<Attendances>(Some(Attendances::KIND)),
        list::<Outreaches>(Some(Outreaches::KIND)),
        list::<Calls>(Some(Calls::KIND)),
        ExportedList { has_partners: true, ..list::<People>(None) },
        list::<Consents>(None),
    ]
}

/// State of this slice's handlers.
#[derive(Clone, Debug, FromRef)]
pub struct Exports {
    /// Settings, database pools, clock, vaults, templates.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
}

impl Exports {
    /// The state of the slice.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator) -> Self {
        Self { kernel, authenticator }
    }
}
