//! The recount: whether the seats of an event, its waitlist and its total are what its registrations say.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::store::Attendances;
use crate::{
    campaigns::recount::{self, Repair},
    error::Result,
};

/// Compares the seats, the waitlist and the total of the event that was verified longest ago with its registrations,
/// repairs them and notes the time ([`recount`]). `None` when all were verified after `since`.
///
/// # Errors
/// A database error.
pub async fn verify_next(db: &PgPool, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Repair>> {
    recount::verify_next(db, &Attendances, since, now).await
}
