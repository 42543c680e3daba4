//! Changes of seats and of the waitlist: under the event's lock, here or in the SQL functions of the migration.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{campaigns::Confirmation, error::Result, events::state::AttendanceState, kernel::db::force_index_plan};

/// Locks an event's row, which every change of its seats and waitlist holds. Returns its capacity.
///
/// # Errors
/// `not_found`.
pub(crate) async fn lock_seats(conn: &mut PgConnection, event: Uuid) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!("SELECT capacity FROM events WHERE id = $1 FOR NO KEY UPDATE", event).fetch_one(conn).await
}

/// Allocates seats to pending registrations of an event, in this order; returns the state of each that exists. `at`
/// is the time to write (floored to the day for protected events), `now` the present time.
pub(crate) async fn allocate_seats(
    conn: &mut PgConnection,
    event: Uuid,
    ids: &[Uuid],
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, AttendanceState)>, sqlx::Error> {
    sqlx::query!("SELECT allocate_seats($1, $2, $3, $4)", event, ids, at, now).execute(&mut *conn).await?;
    let rows =
        sqlx::query!(r#"SELECT id, state AS "state: AttendanceState" FROM attendances WHERE id = ANY ($1)"#, ids)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.state)).collect())
}

/// Adds to the number of taken seats (negative: frees them). The caller holds the event's lock.
///
/// # Errors
/// A breach of `events_seats_check`.
pub(crate) async fn add_seats(conn: &mut PgConnection, event: Uuid, seats: i32) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH seated AS (UPDATE events SET seats_taken = seats_taken + $2 WHERE id = $1 AND $2 <> 0 RETURNING id)
         INSERT INTO action_count_deltas (action_id, dimension, key, delta) SELECT id, 'total', '', $2 FROM seated",
        event,
        seats
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Cancels a pending registration and erases what was typed; needs no lock, as it holds no seat. True if it was pending.
pub(crate) async fn cancel_pending(conn: &mut PgConnection, id: Uuid, at: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "WITH cancelled AS (
             UPDATE attendances SET state = 'cancelled', ended_at = $2, confirm_expires_at = NULL, sealed = NULL WHERE id = $1 AND state = 'pending'
             RETURNING event_id, id
         ), released AS (
             DELETE FROM seat_holds h USING cancelled c WHERE h.event_id = c.event_id AND h.attendance_id = c.id
         )
         SELECT FROM cancelled",
        id,
        at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Cancels an active registration, erases what was typed, and takes it off the waitlist; returns the seats it held, `None` if it was not
/// active. The caller holds the event's lock.
pub(crate) async fn cancel_active(
    conn: &mut PgConnection,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<Option<i32>, sqlx::Error> {
    let row = sqlx::query!(
        r#"WITH ended AS (
               UPDATE attendances a SET state = 'cancelled', ended_at = $2, sealed = NULL
               FROM (SELECT id, state, party_size FROM attendances WHERE id = $1 AND state IN ('accepted', 'waitlisted') FOR UPDATE) o
               WHERE a.id = o.id RETURNING a.event_id, o.state, o.party_size::integer AS seats
           ), waitlist AS (
               UPDATE events e SET waiting_parties = e.waiting_parties - 1, waiting_seats = e.waiting_seats - x.seats
               FROM ended x WHERE e.id = x.event_id AND x.state = 'waitlisted'
           )
           SELECT CASE WHEN state = 'accepted' THEN seats ELSE 0 END AS "seats!" FROM ended"#,
        id,
        at
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| r.seats))
}

/// Changes a party size; a waitlisted party that grows goes to the end of the waitlist. The caller holds the event's
/// lock.
pub(crate) async fn resize(conn: &mut PgConnection, id: Uuid, party_size: i16) -> Result<()> {
    sqlx::query!(
        "WITH waiting AS (
             UPDATE events e SET next_waitlist_position = e.next_waitlist_position + ($2 > a.party_size)::integer, waiting_seats = e.waiting_seats + $2 - a.party_size
             FROM attendances a WHERE a.id = $1 AND e.id = a.event_id AND a.state = 'waitlisted'
             RETURNING CASE WHEN $2 > a.party_size THEN e.next_waitlist_position - 1 END AS position
         )
         UPDATE attendances SET party_size = $2, waitlist_position = coalesce((SELECT position FROM waiting), waitlist_position) WHERE id = $1",
        id,
        party_size
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Publishes whether there are seats at the events with this confirmation that are not over. Returns how many changed.
pub(crate) async fn publish_seat_status(db: &PgPool, confirmation: Confirmation, now: DateTime<Utc>) -> Result<u64> {
    let mut tx = db.begin().await?;
    force_index_plan(&mut tx).await?;
    let events = sqlx::query!(
        "UPDATE events e SET published_status = event_status(e, $2)
         WHERE e.over_at > $2 AND e.published_status <> event_status(e, $2)
           AND (SELECT a.confirmation FROM actions a WHERE a.id = e.id) = $1",
        confirmation.as_str(),
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(events.rows_affected())
}

/// Frees the seats of an event that are kept for people who registered again without confirmation. The caller promotes the
/// waitlist.
pub(crate) async fn release_repeated_seats(conn: &mut PgConnection, event: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE events SET repeated_seats = 0 WHERE id = $1", event).execute(conn).await?;
    Ok(())
}

/// Events that keep such seats.
pub(crate) async fn events_with_repeated_seats(conn: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM events WHERE repeated_seats > 0 ORDER BY id").fetch_all(conn).await?)
}
