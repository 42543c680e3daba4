//! Exports: the lists of people, taken out as CSV by whoever may.
//!
//! A request's way: [`api`] asks for the scope, finds the organization's own action, writes the audit row and only then
//! lets the first byte out. [`lists`] says what a row of each list looks like and reads it batch by batch: each batch is a
//! short query of its own, continued by id ([`keyset_pages`]), so that a download of an hour holds no snapshot open, and no more than one
//! batch in memory. The vault is asked for again with each batch: when it is destroyed meanwhile, the download breaks off.
//! [`name_list`] are those handed over with a petition, whose owners said so. [`csv_writer`] writes the cells so that no spreadsheet takes what somebody typed for a formula.
//!
//! Contacts of protected actions do not leave here at all.

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

/// What this slice's handlers share.
#[derive(Clone, Debug, FromRef)]
pub struct Exports {
    /// Tools.
    pub kernel: Arc<Kernel>,
    /// Who is asking.
    pub authenticator: Authenticator,
}

impl Exports {
    /// The slice over these tools.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator) -> Self {
        Self { kernel, authenticator }
    }
}
