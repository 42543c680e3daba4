//! Backups of the database: `muster backup`, `muster restore` (docs/operations.md, docs/adr/0018-backups.md).
//!
//! A backup, top to bottom: one snapshot of the database is exported; the manifest is read in it ([`mod@create`]); `pg_dump` of the
//! same snapshot runs as a child ([`postgres`]), and what it writes goes through an archive ([`archive`]) that is encrypted for public
//! keys, into a file with a temporary name, which gets its own when everything is on disk. Nothing is ever in the clear on disk, and
//! the memory does not grow with the database.
//!
//! A restore: the whole file is verified first; the database is emptied and marked; `pg_restore` runs in one transaction; the schema
//! is brought up to date; what may have been sent since is set aside, all mail is paused, erasures are made again; only then the mark
//! goes ([`mod@restore`]).
//!
//! Keys are in no backup: neither the key files, nor what would open them.

pub mod archive;
mod create;
mod postgres;
mod restore;

pub use create::{Created, create, make_identity};
pub use restore::{RestoreOptions, Restored, check, keys_of, restore, verify};
