//! Registrations: one, many, and what is told to whom.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::{
    campaigns::Action,
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        paging::PageParams,
    },
    mail::Class,
    people::forget_bare_people,
};

/// Name of the table of registrations, part of what a sealed value is bound to.
pub const ATTENDANCES: &str = "attendances";

const STATES: FieldKind = FieldKind::Enum(&["pending", "accepted", "waitlisted", "cancelled", "declined"]);

/// What registrations can be filtered by.
pub const ATTENDANCE_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "'muster:' || t.id", kind: FieldKind::Text },
    Field { name: "created_date", column_sql: "t.created_at", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "t.state", kind: STATES },
    Field { name: "muster:party_size", column_sql: "t.party_size", kind: FieldKind::Integer },
    Field { name: "muster:source", column_sql: "t.source", kind: FieldKind::Text },
    Field { name: "email_address", column_sql: "p.email_index", kind: FieldKind::Virtual },
]);

/// What registrations for a protected event can be filtered by: nothing that could find somebody.
pub const PROTECTED_ATTENDANCE_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "'muster:' || t.id", kind: FieldKind::Text },
    Field { name: "created_date", column_sql: "t.created_at", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "t.state", kind: STATES },
]);

/// A row of `attendances`.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in migrations/0007_events.sql")]
pub struct AttendanceRow {
    pub id: Uuid,
    pub event_id: Uuid,
    pub person_id: Uuid,
    pub state: String,
    pub party_size: i16,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    pub source: Option<String>,
    pub link_generation: i16,
    pub confirm_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// A registration by id.
///
/// # Errors
/// A database error.
pub async fn attendance(conn: &mut PgConnection, id: Uuid) -> Result<Option<AttendanceRow>> {
    Ok(attendances_by_id(conn, &[id]).await?.pop())
}

/// Those of the registrations that are there, in no order.
///
/// # Errors
/// A database error.
pub async fn attendances_by_id(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<AttendanceRow>> {
    Ok(sqlx::query_as!(
        AttendanceRow,
        "SELECT id, event_id, person_id, state, party_size, sealed, locale, source, link_generation, confirm_expires_at, created_at, accepted_at, ended_at
         FROM attendances WHERE id = ANY ($1)",
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// A registration by id, locked for a change.
///
/// # Errors
/// A database error.
pub async fn lock_attendance(conn: &mut PgConnection, id: Uuid) -> Result<Option<AttendanceRow>> {
    Ok(sqlx::query_as!(
        AttendanceRow,
        "SELECT id, event_id, person_id, state, party_size, sealed, locale, source, link_generation, confirm_expires_at, created_at, accepted_at, ended_at
         FROM attendances WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// The place that a person holds or waits for.
///
/// # Errors
/// A database error.
pub async fn active(conn: &mut PgConnection, event: Uuid, person: Uuid) -> Result<Option<AttendanceRow>> {
    Ok(sqlx::query_as!(
        AttendanceRow,
        "SELECT id, event_id, person_id, state, party_size, sealed, locale, source, link_generation, confirm_expires_at, created_at, accepted_at, ended_at
         FROM attendances WHERE event_id = $1 AND person_id = $2 AND state IN ('accepted', 'waitlisted')",
        event,
        person
    )
    .fetch_optional(conn)
    .await?)
}

/// Locks the person of a registration. A batch locks people before registrations; so does who confirms.
///
/// # Errors
/// A database error.
pub async fn lock_person(conn: &mut PgConnection, person: Uuid) -> Result<()> {
    sqlx::query_scalar!("SELECT id FROM people WHERE id = $1 FOR NO KEY UPDATE", person).fetch_optional(conn).await?;
    Ok(())
}

/// One page of an event's registrations, newest first, and how many there are.
///
/// # Errors
/// A database error.
pub async fn attendances(
    conn: &mut PgConnection,
    event: Uuid,
    filter: Option<&Filter>,
    page: PageParams,
) -> Result<(Vec<AttendanceRow>, i64)> {
    let scope = |query: &mut QueryBuilder<Postgres>| {
        query.push(" FROM attendances t JOIN people p ON p.id = t.person_id WHERE t.event_id = ").push_bind(event);
        if let Some(filter) = filter {
            query.push(" AND ");
            filter.push_sql(query);
        }
    };
    let mut count = QueryBuilder::new("SELECT count(*)");
    scope(&mut count);
    let total: i64 = count.build_query_scalar().fetch_one(&mut *conn).await?;
    let mut rows = QueryBuilder::new(
        "SELECT t.id, t.event_id, t.person_id, t.state, t.party_size, t.sealed, t.locale, t.source, t.link_generation, t.confirm_expires_at, t.created_at, t.accepted_at, t.ended_at",
    );
    scope(&mut rows);
    rows.push(" ORDER BY t.id DESC LIMIT ").push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
    Ok((rows.build_query_as().fetch_all(conn).await?, total))
}

/// How many parties wait for a place.
///
/// # Errors
/// A database error.
pub async fn waitlisted(conn: &mut PgConnection, event: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM attendances WHERE event_id = $1 AND state = 'waitlisted'"#,
        event
    )
    .fetch_one(conn)
    .await?)
}

/// Replaces what is sealed on a registration; `None` drops it.
///
/// # Errors
/// A database error.
pub async fn set_sealed(conn: &mut PgConnection, id: Uuid, sealed: Option<&[u8]>) -> Result<()> {
    sqlx::query!("UPDATE attendances SET sealed = $2 WHERE id = $1", id, sealed).execute(conn).await?;
    Ok(())
}

/// Deletes a pending registration ("this was not me").
///
/// # Errors
/// A database error.
pub async fn delete_pending(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM attendances WHERE id = $1 AND state = 'pending'", id).execute(conn).await?;
    Ok(())
}

/// Ids of those who have a place.
///
/// # Errors
/// A database error.
pub async fn accepted_ids(conn: &mut PgConnection, event: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM attendances WHERE event_id = $1 AND state = 'accepted'", event)
        .fetch_all(conn)
        .await?)
}

/// Queues one mail for each of these registrations, in one statement: an event has thousands.
///
/// # Errors
/// A database error.
pub async fn enqueue_all(
    conn: &mut PgConnection,
    action: &Action,
    class: Class,
    kind: &str,
    mails: &[(Uuid, Uuid)],
    at: DateTime<Utc>,
) -> Result<()> {
    let (email_ids, attendance_ids): (Vec<Uuid>, Vec<Uuid>) = mails.iter().copied().unzip();
    sqlx::query!(
        "INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
         SELECT m.id, $1, $2, $3, jsonb_build_object('attendance', m.attendance), $4, 'queued', $5, $5 FROM unnest($6::uuid[], $7::uuid[]) AS m (id, attendance)",
        action.organization_id,
        class.as_str(),
        kind,
        action.protected,
        at,
        &email_ids,
        &attendance_ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes registrations that nobody confirmed in time, some thousands at a time. Returns how many.
///
/// # Errors
/// A database error.
pub async fn forget_unconfirmed(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let mut tx = db.begin().await?;
    let people = sqlx::query_scalar!(
        "DELETE FROM attendances WHERE id IN (SELECT id FROM attendances WHERE state = 'pending' AND confirm_expires_at < $1 LIMIT 10000) RETURNING person_id",
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    forget_bare_people(&mut tx, &people).await?;
    tx.commit().await?;
    Ok(people.len() as u64)
}
