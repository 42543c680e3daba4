//! The recount: whether the counts of a petition are what its rows say.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::store::counts::Signatures;
use crate::{
    campaigns::recount::{self, Repair},
    error::Result,
};

/// Compares the counts of the petition that was verified longest ago with its rows, repairs them and notes the time
/// ([`recount`]). `None` when all were verified after `since`.
///
/// # Errors
/// A database error.
pub async fn verify_next(db: &PgPool, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Repair>> {
    recount::verify_next(db, &Signatures, since, now).await
}
