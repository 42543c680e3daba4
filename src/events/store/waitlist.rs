//! Promotion of the waitlist, by the SQL function of the migration.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{error::Result, kernel::db::force_index_plan};

/// Gives free seats to waitlisted parties, first come first served, and queues their mails. Returns the number of
/// parties. Every operation that frees seats, shortens the waitlist or changes an event's rules ends with this.
pub(crate) async fn promote_waitlist(
    conn: &mut PgConnection,
    event: Uuid,
    now: DateTime<Utc>,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT promote_waitlist($1, $2) AS "n!""#, event, now).fetch_one(conn).await
}

/// Events with a waitlisted party that fits the free seats.
pub(crate) async fn events_to_promote(tx: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    force_index_plan(tx).await?;
    let mut found = sqlx::query_scalar!(
        "SELECT e.id FROM events e
         WHERE e.over_at > $1 AND (e.capacity IS NULL OR e.seats_taken + e.repeated_seats + held_seats(e.id, $1) < e.capacity)
           AND (SELECT a.state FROM actions a WHERE a.id = e.id) NOT IN ('draft', 'cancelled', 'archived', 'ended')
           AND CASE WHEN e.allow_smaller_parties_first OR e.capacity IS NULL
               THEN EXISTS (SELECT FROM attendances w WHERE w.event_id = e.id AND w.state = 'waitlisted'
                            AND (e.capacity IS NULL OR w.party_size <= e.capacity - e.seats_taken - e.repeated_seats - held_seats(e.id, $1)))
               ELSE (SELECT w.party_size FROM attendances w WHERE w.event_id = e.id AND w.state = 'waitlisted'
                     AND w.party_size <= e.capacity ORDER BY w.waitlist_position LIMIT 1) <= e.capacity - e.seats_taken - e.repeated_seats - held_seats(e.id, $1) END",
        now
    )
    .fetch_all(tx)
    .await?;
    // not by the statement: the plan would walk the primary key
    found.sort_unstable();
    Ok(found)
}
