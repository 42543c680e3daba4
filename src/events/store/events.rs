//! The table `events`: the columns of an event beyond its action.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    campaigns::{self, Action, Kind, State},
    error::Result,
    events::{
        plan::{Contact, Event, EventKind, Format, Known, Plan, PlanChange, Private, Session, Venue},
        state::SeatStatus,
    },
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        paging::{Extent, PageParams},
        zones::Zone,
    },
};

/// Fields of `filter` in the list of events.
pub(crate) const EVENT_FIELDS: FieldSet = FieldSet(&[
    campaigns::IDENTIFIER_FIELD,
    Field { name: "title", column_sql: "a.title", kind: FieldKind::Text },
    Field { name: "start_date", column_sql: "k.starts_at", kind: FieldKind::Timestamp },
    Field { name: "end_date", column_sql: "k.ends_at", kind: FieldKind::Timestamp },
    Field { name: "created_date", column_sql: "a.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "a.modified_at", kind: FieldKind::Timestamp },
    Field { name: "muster:slug", column_sql: "a.slug", kind: FieldKind::Text },
    Field { name: "muster:kind", column_sql: "k.event_kind", kind: FieldKind::Text },
    Field { name: "muster:status", column_sql: "a.state", kind: FieldKind::Enum(State::NAMES) },
]);

/// Loads the event of an action.
///
/// # Errors
/// `not_found`.
pub(super) async fn load_for_action(conn: &mut PgConnection, action: Action) -> Result<Event> {
    let row = sqlx::query!(
        r#"SELECT event_kind AS "event_kind: EventKind", format AS "format: Format", starts_at, ends_at, has_date, timezone, venue, address_line, locality, region, postal_code, country, map_url, accessibility,
                instructions, contacts AS "contacts: Json<Vec<Contact>>", sessions AS "sessions: Json<Vec<Session>>", interpretation, capacity, seats_taken,
                waitlist, allow_smaller_parties_first, published_status AS "published_status: SeatStatus", calendar_sequence,
                joining, joining_opens_minutes, reminders, reminded_until, follow_up, known AS "known: Json<Known>", dropped_sessions AS "dropped_sessions: Json<Vec<Session>>"
         FROM events WHERE id = $1"#,
        action.id
    )
    .fetch_one(conn)
    .await?;
    let plan = Plan {
        kind: row.event_kind,
        format: row.format,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        has_date: row.has_date,
        zone: Zone::stored(&row.timezone),
        place: Venue {
            venue: row.venue,
            address: row.address_line,
            locality: row.locality,
            region: row.region,
            postal_code: row.postal_code,
            country: row.country,
        },
        map_url: row.map_url,
        accessibility: row.accessibility,
        instructions: Private(row.instructions),
        contacts: row.contacts.0,
        sessions: row.sessions.0,
        interpretation: row.interpretation,
        capacity: row.capacity,
        waitlist: row.waitlist,
        allow_smaller_parties_first: row.allow_smaller_parties_first,
        reminders: row.reminders,
        follow_up: row.follow_up,
    };
    Ok(Event {
        action,
        plan,
        seats_taken: row.seats_taken,
        published_status: row.published_status,
        calendar_sequence: row.calendar_sequence,
        joining: row.joining,
        joining_opens: TimeDelta::minutes(row.joining_opens_minutes.into()),
        reminded_until: row.reminded_until,
        known: row.known.map(|known| known.0),
        dropped_sessions: row.dropped_sessions.0,
    })
}

/// An event by id.
///
/// # Errors
/// `not_found`.
pub(crate) async fn event(conn: &mut PgConnection, id: Uuid) -> Result<Event> {
    let action = campaigns::by_id(conn, id).await?;
    load_for_action(conn, action).await
}

/// The events with these ids that exist, in no order.
pub(crate) async fn events_by_id(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Event>> {
    let mut events = Vec::with_capacity(ids.len());
    for action in campaigns::by_ids(conn, ids).await? {
        events.push(load_for_action(conn, action).await?);
    }
    Ok(events)
}

/// An event by id or slug.
///
/// # Errors
/// `not_found`.
pub(crate) async fn by_key(conn: &mut PgConnection, key: &str) -> Result<Event> {
    let action = campaigns::by_key(conn, Kind::Event, key).await?;
    load_for_action(conn, action).await
}

/// One page of events, newest first: an organization's, or the public ones.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn list(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Event>, Extent)> {
    let filtered = "actions a JOIN events k ON k.id = a.id";
    let (actions, extent) = campaigns::page_of_actions(conn, Kind::Event, filtered, organization, filter, page).await?;
    let mut events = Vec::with_capacity(actions.len());
    for action in actions {
        events.push(load_for_action(conn, action).await?);
    }
    Ok((events, extent))
}

/// Inserts the `events` row of a new event.
pub(crate) async fn insert(conn: &mut PgConnection, id: Uuid, plan: &Plan, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO events (id, starts_at, ends_at, timezone, reminded_until) VALUES ($1, $2, $3, $4, $5)",
        id,
        plan.starts_at,
        plan.ends_at,
        plan.zone.name(),
        now
    )
    .execute(&mut *conn)
    .await?;
    Ok(save(conn, id, plan, &[], &[]).await?)
}

/// Updates all columns that organizers set, and the entries that calendars are to drop; a change that attendees need to know of
/// raises iCalendar's SEQUENCE.
///
/// # Errors
/// A breach of `events_seats_check` when fewer seats remain than are taken.
pub(crate) async fn save(
    conn: &mut PgConnection,
    id: Uuid,
    plan: &Plan,
    dropped_sessions: &[Session],
    changes: &[PlanChange],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE events SET event_kind = $2, format = $3, starts_at = $4, ends_at = $5, has_date = $6, timezone = $7, venue = $8, address_line = $9,
                           locality = $10, region = $11, postal_code = $12, country = $13, map_url = $14, accessibility = $15, instructions = $16,
                           contacts = $17, sessions = $18, interpretation = $19, capacity = $20, waitlist = $21, allow_smaller_parties_first = $22,
                           sessions_end_at = $23, dropped_sessions = $24, calendar_sequence = calendar_sequence + $25, reminders = $26, follow_up = $27
         WHERE id = $1",
        id,
        plan.kind as EventKind,
        plan.format as Format,
        plan.starts_at,
        plan.ends_at,
        plan.has_date,
        plan.zone.name(),
        plan.place.venue,
        plan.place.address,
        plan.place.locality,
        plan.place.region,
        plan.place.postal_code,
        plan.place.country,
        plan.map_url,
        plan.accessibility,
        plan.instructions.0,
        Json(&plan.contacts) as _,
        Json(&plan.sessions) as _,
        &plan.interpretation,
        plan.capacity,
        plan.waitlist,
        plan.allow_smaller_parties_first,
        plan.last_end(),
        Json(dropped_sessions) as _,
        i32::from(!changes.is_empty()),
        &plan.reminders,
        plan.follow_up
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Raises iCalendar's SEQUENCE, so that calendars take the new copy (RFC 5546, section 2.1.4).
pub(crate) async fn raise_sequence(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("UPDATE events SET calendar_sequence = calendar_sequence + 1 WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// Replaces how an event is joined online.
pub(crate) async fn save_joining(
    conn: &mut PgConnection,
    id: Uuid,
    joining: Option<&[u8]>,
    opens: TimeDelta,
) -> Result<()> {
    sqlx::query!(
        "UPDATE events SET joining = $2, joining_opens_minutes = $3 WHERE id = $1",
        id,
        joining,
        i32::try_from(opens.num_minutes()).unwrap_or(i32::MAX)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that reminders that were due until then are queued, or are of no use any more.
pub(crate) async fn save_reminded(conn: &mut PgConnection, id: Uuid, until: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE events SET reminded_until = $2 WHERE id = $1", id, until).execute(conn).await?;
    Ok(())
}

/// Takes all reminders that were due until now as sent.
pub(crate) async fn forget_reminders(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE events SET reminded_until = $1 WHERE reminded_until < $1 AND over_at > $1", now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes what those who are registered know of an event, or, with `None`, that they know it as it is.
pub(crate) async fn save_known(conn: &mut PgConnection, id: Uuid, known: Option<&Known>) -> Result<()> {
    sqlx::query!("UPDATE events SET known = $2 WHERE id = $1", id, known.map(Json) as _).execute(conn).await?;
    Ok(())
}

/// Takes all events as known as they are.
pub(crate) async fn forget_known(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("UPDATE events SET known = NULL WHERE known IS NOT NULL").execute(conn).await?;
    Ok(())
}

/// Reschedules an event that is over (the demo campaign's, which always lies ahead). True if it was over.
pub(crate) async fn move_if_past(
    conn: &mut PgConnection,
    id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE events SET starts_at = $2, ends_at = $3, calendar_sequence = calendar_sequence + 1 WHERE id = $1 AND over_at < $4",
        id,
        starts_at,
        ends_at,
        now
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
