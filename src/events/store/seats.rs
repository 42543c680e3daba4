//! What moves seats and the waiting line: under the event's lock, here or in the SQL functions of the migration.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Result;

/// Locks an event: whoever holds this lock alone moves its seats and its waiting line. Returns its capacity.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock_seats(conn: &mut PgConnection, event: Uuid) -> Result<Option<i32>> {
    Ok(sqlx::query_scalar!("SELECT capacity FROM events WHERE id = $1 FOR NO KEY UPDATE", event)
        .fetch_one(conn)
        .await?)
}

/// Gives pending registrations of an event their seats, in this order; returns what became of each that is there. `at` is
/// the time to be written down, `now` the present one.
///
/// # Errors
/// A database error.
pub async fn seat(
    conn: &mut PgConnection,
    event: Uuid,
    ids: &[Uuid],
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, String)>> {
    sqlx::query!("SELECT seat_attendances($1, $2, $3, $4)", event, ids, at, now).execute(&mut *conn).await?;
    let rows = sqlx::query!("SELECT id, state FROM attendances WHERE id = ANY ($1)", ids).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.state)).collect())
}

/// Gives free seats to those who wait, first come first, and queues the mail that tells them. Returns how many parties got
/// theirs. Whatever frees seats, shortens the line or changes an event's rules ends with this.
///
/// # Errors
/// A database error.
pub async fn promote(conn: &mut PgConnection, event: Uuid, now: DateTime<Utc>) -> Result<i32> {
    Ok(sqlx::query_scalar!(r#"SELECT promote_waiting($1, $2) AS "n!""#, event, now).fetch_one(conn).await?)
}

/// Events at which somebody waits whom a free seat fits.
///
/// # Errors
/// A database error.
pub async fn promotable(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT e.id FROM events e JOIN actions a ON a.id = e.id
         WHERE a.state NOT IN ('draft', 'cancelled', 'archived') AND e.ends_at > $1
           AND (e.capacity IS NULL OR e.seats_taken < e.capacity)
           AND CASE WHEN e.smaller_may_pass OR e.capacity IS NULL
               THEN EXISTS (SELECT FROM attendances w WHERE w.event_id = e.id AND w.state = 'waitlisted'
                            AND (e.capacity IS NULL OR w.party_size <= e.capacity - e.seats_taken))
               ELSE (SELECT w.party_size FROM attendances w WHERE w.event_id = e.id AND w.state = 'waitlisted'
                     AND w.party_size <= e.capacity ORDER BY w.place_since LIMIT 1) <= e.capacity - e.seats_taken END
         ORDER BY e.id",
        now
    )
    .fetch_all(conn)
    .await?)
}

/// Counts seats as taken (or, below zero, as free again). Under the event's lock.
///
/// # Errors
/// A breach of `events_seats_check`, or another database error.
pub async fn add_seats(conn: &mut PgConnection, event: Uuid, seats: i32) -> Result<(), sqlx::Error> {
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

/// Cancels a registration that nobody confirmed; needs no lock, as it holds no seat. True if there was one.
///
/// # Errors
/// A database error.
pub async fn cancel_pending(conn: &mut PgConnection, id: Uuid, at: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!("UPDATE attendances SET state = 'cancelled', ended_at = $2, confirm_expires_at = NULL WHERE id = $1 AND state = 'pending'", id, at).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Cancels a place, held or waited for; returns the seats it held. Under the event's lock.
///
/// # Errors
/// A database error.
pub async fn cancel_active(conn: &mut PgConnection, id: Uuid, at: DateTime<Utc>) -> Result<Option<i32>> {
    let row = sqlx::query!(
        r#"UPDATE attendances a SET state = 'cancelled', ended_at = $2
           FROM (SELECT id, state, party_size FROM attendances WHERE id = $1 AND state IN ('accepted', 'waitlisted') FOR UPDATE) o
           WHERE a.id = o.id RETURNING CASE WHEN o.state = 'accepted' THEN o.party_size::integer ELSE 0 END AS "seats!""#,
        id,
        at
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| r.seats))
}

/// Changes the size of a party; one that grows while it waits goes to the end of the line. Under the event's lock.
///
/// # Errors
/// A database error.
pub async fn resize(conn: &mut PgConnection, id: Uuid, party_size: i16) -> Result<()> {
    sqlx::query!(
        "WITH taken AS (
             UPDATE events e SET next_place = next_place + 1 FROM attendances a
             WHERE a.id = $1 AND e.id = a.event_id AND a.state = 'waitlisted' AND $2 > a.party_size
             RETURNING e.next_place - 1 AS place
         )
         UPDATE attendances SET party_size = $2, place_since = coalesce((SELECT place FROM taken), place_since) WHERE id = $1",
        id,
        party_size
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A validated and sealed act: the composite type `attendance_act`, member by member.
#[derive(Clone, Debug, sqlx::Type)]
#[sqlx(type_name = "attendance_act")]
pub struct AttendanceAct {
    pub id: Uuid,
    pub event_id: Uuid,
    pub vault_id: Uuid,
    pub person_id: Uuid,
    pub email_index: Vec<u8>,
    pub person_sealed: Option<Vec<u8>>,
    pub wish: String,
    pub party_size: i16,
    pub sealed: Vec<u8>,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub created_at: DateTime<Utc>,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub email_id: Option<Uuid>,
    pub organization_id: Uuid,
    pub protected: bool,
    pub idempotency_key: Option<Vec<u8>>,
    pub idempotency_request: Option<Vec<u8>>,
}

/// What became of an act in a batch.
#[derive(Clone, Debug)]
pub struct Written {
    /// The act.
    pub act_id: Uuid,
    /// The row to show.
    pub attendance_id: Uuid,
    /// Vouched acts: the person the registration belongs to.
    pub holder_id: Option<Uuid>,
    /// The registration's state, 'replayed' or 'mismatch'.
    pub outcome: String,
}

/// Writes a batch of acts: one round trip, one commit.
///
/// # Errors
/// A database error; then nothing of the batch is written.
pub async fn register_batch(
    db: &PgPool,
    acts: &[AttendanceAct],
    now: DateTime<Utc>,
) -> Result<Vec<Written>, sqlx::Error> {
    sqlx::query_as!(
        Written,
        r#"SELECT act_id AS "act_id!", attendance_id AS "attendance_id!", holder_id, outcome AS "outcome!" FROM register_attendances($1, $2)"#,
        acts as _,
        now
    )
    .fetch_all(db)
    .await
}
