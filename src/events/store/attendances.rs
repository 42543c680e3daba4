//! The table `attendances`: reading, listing and erasing registrations; queuing mails about them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    actions::submission::{DueReminder, SubmissionKey},
    error::Result,
    events::state::AttendanceState,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
};

/// Table name that sealed values are bound to (associated data).
pub(crate) const ATTENDANCES: &str = "attendances";

const STATES: FieldKind = FieldKind::Enum(AttendanceState::NAMES);

/// Fields of `filter` in the list of registrations.
pub(crate) const ATTENDANCE_FIELDS: FieldSet = FieldSet(&[
    Field {
        name: "identifier",
        column_sql: "t.id",
        kind: FieldKind::Identifiers("submission_labels i WHERE i.submission_id = t.id AND i.label_index"),
    },
    Field { name: "created_date", column_sql: "t.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: MODIFIED, kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "t.state", kind: STATES },
    Field { name: "muster:party_size", column_sql: "t.party_size", kind: FieldKind::Integer },
    Field { name: "muster:source", column_sql: "t.source", kind: FieldKind::Text },
    Field { name: "email_address", column_sql: "t.person_id", kind: FieldKind::Virtual },
]);

/// When a registration last changed its state.
const MODIFIED: &str = "coalesce(t.ended_at, t.accepted_at, t.created_at)";

/// Fields of `filter` for protected events: none that identifies a person.
pub(crate) const PROTECTED_ATTENDANCE_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "t.id", kind: FieldKind::Identifier },
    Field { name: "created_date", column_sql: "t.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: MODIFIED, kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "t.state", kind: STATES },
]);

/// A row of `attendances`. The columns are described in `migrations/0001_baseline.sql`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AttendanceRow {
    pub id: Uuid,
    pub event_id: Uuid,
    pub person_id: Uuid,
    pub state: AttendanceState,
    pub party_size: i16,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub link_generation: i16,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub vouched: bool,
    pub may_join: bool,
    pub checked_in_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// A registration by id.
pub(crate) async fn attendance(conn: &mut PgConnection, id: Uuid) -> Result<Option<AttendanceRow>> {
    Ok(attendances_by_id(conn, &[id]).await?.pop())
}

/// The registrations with these ids that exist, in no order.
pub(crate) async fn attendances_by_id(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<AttendanceRow>> {
    Ok(sqlx::query_as!(
        AttendanceRow,
        r#"SELECT id, event_id, person_id, state AS "state: AttendanceState", party_size, sealed, locale, source, link_generation, confirm_expires_at, vouched, may_join, checked_in_at, created_at, accepted_at, ended_at
         FROM attendances WHERE id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// The keys of registrations that exist.
pub(crate) async fn keys(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SubmissionKey>, sqlx::Error> {
    sqlx::query_as!(SubmissionKey, "SELECT id, person_id, link_generation FROM attendances WHERE id = ANY ($1)", ids)
        .fetch_all(conn)
        .await
}

/// The newest registrations of an address for an event that a code may confirm.
pub(crate) async fn by_address(
    conn: &mut PgConnection,
    event: Uuid,
    vault: Uuid,
    email_index: &[u8],
) -> Result<Vec<SubmissionKey>> {
    Ok(sqlx::query_as!(
        SubmissionKey,
        "SELECT t.id, t.person_id, t.link_generation FROM people p JOIN attendances t ON t.person_id = p.id
         WHERE p.vault_id = $1 AND p.email_index = $2 AND t.event_id = $3 AND t.state <> 'cancelled'
         ORDER BY t.attempt DESC LIMIT 201",
        vault,
        email_index,
        event
    )
    .fetch_all(conn)
    .await?)
}

/// All registrations of a person.
pub(crate) async fn of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM attendances WHERE person_id = $1", person).fetch_all(conn).await?)
}

/// Voids the links mailed about the registrations of a person that came before a time, except of those that wait to be
/// confirmed. The caller holds the lock of the person's row.
pub(crate) async fn void_links(conn: &mut PgConnection, person: Uuid, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE attendances SET link_generation = least(link_generation + 1, 32767)
         WHERE person_id = $1 AND state <> 'pending' AND created_at < $2",
        person,
        before
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Those of a person that have a seat or wait for one: event and registration, by event.
pub(crate) async fn active_of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT event_id, id FROM attendances WHERE person_id = $1 AND state IN ('accepted', 'waitlisted') ORDER BY event_id",
        person
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.event_id, row.id)).collect())
}

/// Deletes the registrations of a person; none has a seat.
pub(crate) async fn delete_of_person(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    sqlx::query!(
        "WITH deleted AS (DELETE FROM attendances WHERE person_id = $1 RETURNING event_id, id)
         DELETE FROM seat_holds h USING deleted d WHERE h.event_id = d.event_id AND h.attendance_id = d.id",
        person
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the single reminder of registrations that have been pending for a while: for the newest of each person and event,
/// while the event takes place and the person has no active registration for it.
pub(crate) async fn take_due_reminders(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<DueReminder>)> {
    let looked = sqlx::query!(
        r#"WITH due AS (
               SELECT t.id, t.event_id, t.person_id, t.attempt FROM attendances t
               WHERE t.state = 'pending' AND NOT t.reminded AND t.created_at < $1 AND t.confirm_expires_at > $2
               ORDER BY t.created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
           ), marked AS (
               UPDATE attendances t SET reminded = true FROM due WHERE t.id = due.id
           )
           SELECT d.id, a.organization_id, a.privacy = 'protected' AS "protected!",
                  a.state = 'published' AND e.over_at > $2
                  AND NOT EXISTS (SELECT FROM attendances o WHERE o.person_id = d.person_id AND o.event_id = d.event_id
                                  AND (o.state IN ('accepted', 'waitlisted') OR (o.state = 'pending' AND (o.attempt > d.attempt OR o.reminded)))) AS "remind!"
           FROM due d JOIN actions a ON a.id = d.event_id JOIN events e ON e.id = d.event_id"#,
        before,
        now
    )
    .fetch_all(conn)
    .await?;
    let due = looked.iter().filter(|row| row.remind);
    let due =
        due.map(|row| DueReminder { submission: row.id, organization: row.organization_id, protected: row.protected });
    Ok((looked.len() as u64, due.collect()))
}

/// A registration by id, locked for a change.
pub(crate) async fn lock_attendance(conn: &mut PgConnection, id: Uuid) -> Result<Option<AttendanceRow>> {
    Ok(lock_attendances(conn, &[id]).await?.pop())
}

/// Registrations, locked for a change; those that exist.
pub(crate) async fn lock_attendances(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<AttendanceRow>, sqlx::Error> {
    sqlx::query_as!(
        AttendanceRow,
        r#"SELECT id, event_id, person_id, state AS "state: AttendanceState", party_size, sealed, locale, source, link_generation, confirm_expires_at, vouched, may_join, checked_in_at, created_at, accepted_at, ended_at
         FROM attendances WHERE id = ANY ($1) ORDER BY id FOR UPDATE"#,
        ids
    )
    .fetch_all(conn)
    .await
}

/// The active registration of a person; at most one (`attendances_active_key`).
pub(crate) async fn active(conn: &mut PgConnection, event: Uuid, person: Uuid) -> Result<Option<AttendanceRow>> {
    Ok(sqlx::query_as!(
        AttendanceRow,
        r#"SELECT id, event_id, person_id, state AS "state: AttendanceState", party_size, sealed, locale, source, link_generation, confirm_expires_at, vouched, may_join, checked_in_at, created_at, accepted_at, ended_at
         FROM attendances WHERE event_id = $1 AND person_id = $2 AND state IN ('accepted', 'waitlisted')"#,
        event,
        person
    )
    .fetch_optional(conn)
    .await?)
}

/// Indexes that filters on the registrations of an event can use.
const INDEXES: &[Index] = &[
    Index::equal("t.id"),
    Index::equal("t.person_id"),
    Index::values(
        "t.state",
        &[
            AttendanceState::Waitlisted.as_str(),
            AttendanceState::Cancelled.as_str(),
            AttendanceState::Declined.as_str(),
        ],
    ),
    Index::ordered("t.created_at"),
];

/// One page of an event's registrations, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn attendances(
    conn: &mut PgConnection,
    event: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<AttendanceRow>, Extent)> {
    let list = KeysetList {
        table: "attendances t",
        filtered: "attendances t",
        key: &[KeyColumn { sql: "t.id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: INDEXES,
        scope: &[("t.event_id", ScopeValue::Id(event))],
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = attendances_by_id(conn, &ids).await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Number of waitlisted parties, and of those larger than the capacity; the latter counted up to 1,000.
pub(crate) async fn waiting_parties(conn: &mut PgConnection, event: Uuid) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT e.waiting_parties,
                  (SELECT count(*) FROM generate_series(e.capacity + 1, 10) s (size)
                   CROSS JOIN LATERAL (SELECT FROM attendances w WHERE w.event_id = e.id AND w.party_size = s.size AND w.state = 'waitlisted'
                                       LIMIT 1000) w) AS "too_large!"
           FROM events e WHERE e.id = $1"#,
        event
    )
    .fetch_one(conn)
    .await?;
    Ok((row.waiting_parties.into(), row.too_large.min(1000)))
}

/// Replaces the sealed content of a registration; false when it has ended meanwhile, and keeps none.
pub(crate) async fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<bool> {
    let replaced = sqlx::query!(
        "UPDATE attendances SET sealed = $2 WHERE id = $1 AND state IN ('accepted', 'waitlisted')",
        id,
        sealed
    )
    .execute(conn)
    .await?;
    Ok(replaced.rows_affected() == 1)
}

/// Gives the join link to a registration, or takes it away.
pub(crate) async fn set_may_join(conn: &mut PgConnection, id: Uuid, may_join: bool) -> Result<()> {
    sqlx::query!("UPDATE attendances SET may_join = $2 WHERE id = $1", id, may_join).execute(conn).await?;
    Ok(())
}

/// Erases the sealed content of those of these registrations that were declined.
pub(crate) async fn erase_declined(conn: &mut PgConnection, ids: &[Uuid]) -> Result<()> {
    sqlx::query!("UPDATE attendances SET sealed = NULL WHERE id = ANY ($1) AND state = 'declined'", ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes a pending registration ("this was not me").
pub(crate) async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!(
        "WITH deleted AS (DELETE FROM attendances WHERE id = $1 AND state = 'pending' RETURNING event_id, id)
         DELETE FROM seat_holds h USING deleted d WHERE h.event_id = d.event_id AND h.attendance_id = d.id",
        id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The party sizes of the active registrations of the same people for the same events, by these registrations.
pub(crate) async fn parties_kept(conn: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, i16>> {
    let rows = sqlx::query!(
        "SELECT n.id, o.party_size FROM attendances n
         JOIN attendances o ON o.event_id = n.event_id AND o.person_id = n.person_id AND o.state IN ('accepted', 'waitlisted')
         WHERE n.id = ANY ($1)",
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.party_size)).collect())
}

/// Those with this state or that among the next `most` registrations after an id, and the last id that was read if there may be more.
async fn with_states_after(
    conn: &mut PgConnection,
    event: Uuid,
    states: &[AttendanceState],
    after: Uuid,
    most: i64,
) -> Result<(Vec<Uuid>, Option<Uuid>)> {
    let states: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT id, state = ANY ($4) AS "matches!" FROM attendances WHERE event_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
        event,
        after,
        most,
        &states
    )
    .fetch_all(conn)
    .await?;
    let next = rows.last().filter(|_| i64::try_from(rows.len()).is_ok_and(|read| read >= most)).map(|row| row.id);
    Ok((rows.into_iter().filter(|row| row.matches).map(|row| row.id).collect(), next))
}

/// Those that are registered or wait.
pub(crate) async fn active_after(
    conn: &mut PgConnection,
    event: Uuid,
    after: Uuid,
    most: i64,
) -> Result<(Vec<Uuid>, Option<Uuid>)> {
    let states = [AttendanceState::Accepted, AttendanceState::Waitlisted];
    with_states_after(conn, event, &states, after, most).await
}

/// Those that are registered.
pub(crate) async fn accepted_after(
    conn: &mut PgConnection,
    event: Uuid,
    after: Uuid,
    most: i64,
) -> Result<(Vec<Uuid>, Option<Uuid>)> {
    with_states_after(conn, event, &[AttendanceState::Accepted], after, most).await
}
