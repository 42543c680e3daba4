//! The recount: whether the counts of a letter action are what its rows say.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::store::Outreaches;
use crate::{
    campaigns::recount::{self, Repair},
    error::Result,
};

/// Compares the counts of the letter action that was verified longest ago with its rows, repairs them and notes the time
/// ([`recount`]). `None` when all were verified after `since`.
///
/// # Errors
/// A database error.
pub async fn verify_next(db: &PgPool, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Repair>> {
    recount::verify_next(db, &Outreaches, since, now).await
}
