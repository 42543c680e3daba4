//! The recount: whether the seats of an event, and its total, are what its registrations say.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::store::{self, Attendances};
use crate::{
    campaigns::recount::{self, Repair},
    error::{Error, Result},
};

/// Compares the seats and the total of the event that was verified longest ago with its registrations, repairs them and
/// notes the time ([`recount`]). `None` when all were verified after `since`.
///
/// # Errors
/// A database error.
pub async fn verify_next(db: &PgPool, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Repair>> {
    let Some(repair) = recount::verify_next(db, &Attendances, since, now).await? else { return Ok(None) };
    match store::verify_seats(db, repair.action).await {
        Ok(0) => {}
        Ok(off) => {
            metrics::counter!("muster_counts_repaired").increment(1);
            tracing::error!(event = %repair.action, off, "seat count repaired");
        }
        Err(sqlx::Error::Database(e)) if e.constraint() == Some("events_seats_check") => {
            tracing::error!(event = %repair.action, "more seats are taken than the capacity; raise the capacity or cancel some");
        }
        Err(error) => return Err(Error::from(error)),
    }
    Ok(Some(repair))
}
