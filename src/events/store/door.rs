//! At the door: which registrations have come, and how many people were counted besides.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// Tickets of an event that one answer has.
pub(crate) const MAX_TICKETS: i64 = 20_000;

/// A registration as its ticket needs it.
#[derive(Clone, Debug)]
pub(crate) struct TicketRow {
    pub id: Uuid,
    pub link_generation: i16,
    pub party_size: i16,
    pub checked_in: bool,
}

/// The accepted registrations of an event.
pub(crate) async fn tickets(conn: &mut PgConnection, event: Uuid) -> Result<Vec<TicketRow>> {
    Ok(sqlx::query_as!(
        TicketRow,
        r#"SELECT id, link_generation, party_size, checked_in_at IS NOT NULL AS "checked_in!" FROM attendances
           WHERE event_id = $1 AND state = 'accepted' ORDER BY id LIMIT $2"#,
        event,
        MAX_TICKETS
    )
    .fetch_all(conn)
    .await?)
}

/// Notes that registrations have come; returns how many of them had not before.
pub(crate) async fn check_in(conn: &mut PgConnection, event: Uuid, ids: &[Uuid], at: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "UPDATE attendances SET checked_in_at = $3
         WHERE event_id = $1 AND id = ANY ($2) AND state = 'accepted' AND checked_in_at IS NULL",
        event,
        ids,
        at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Notes how many people a device has counted; a device that is new although there are `most` already is not taken, and false.
pub(crate) async fn count_walk_ins(
    conn: &mut PgConnection,
    event: Uuid,
    device: Uuid,
    people: i32,
    most: i64,
) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO event_walk_ins (event_id, device, people)
         SELECT $1, $2, $3 WHERE EXISTS (SELECT FROM event_walk_ins WHERE event_id = $1 AND device = $2)
                              OR (SELECT count(*) FROM event_walk_ins WHERE event_id = $1) < $4
         ON CONFLICT (event_id, device) DO UPDATE SET people = excluded.people",
        event,
        device,
        people,
        most
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many people were counted, by all devices.
pub(crate) async fn walk_ins(conn: &mut PgConnection, event: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(sum(people), 0) AS "people!" FROM event_walk_ins WHERE event_id = $1"#,
        event
    )
    .fetch_one(conn)
    .await?)
}
