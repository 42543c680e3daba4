//! Exports of lists of contacts, as CSV streams and as a workbook.
//!
//! [`api`] requires the scope, finds the organization's action, writes the audit entry, and only then sends the first
//! byte. [`lists`] has the columns of each list and reads it in batches: each batch is a short query of its own,
//! continued by id ([`keyset_pages`]), so that a download of an hour keeps no snapshot open and at most two batches in
//! memory. The vault is opened again for each batch: once it is destroyed, the download is aborted. [`name_list`]
//! exports the names that are handed over with a petition. [`csv_writer`] guards cells against formula injection.
//!
//! Contacts of protected actions are not exported.

mod api;
mod csv_writer;
mod keyset_pages;
mod lists;
mod name_list;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::FromRef;

pub use api::router;
pub use name_list::{Name, names};

use crate::{kernel::Kernel, organizers::Authenticator};

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
