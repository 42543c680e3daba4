//! The SQL of the dashboard and of the mail queue's list. Queries are scoped by organization, except the counts by
//! provider. The numbers of protected actions are the published ones (`Action::shows_exact_numbers`).

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::State,
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
    mail::{Class, EmailState},
};

use super::filtered_list::FilteredList;

/// A petition with its exact count: the folded count plus the deltas that are not folded yet.
pub(super) struct PetitionRow {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub state: State,
    pub is_protected: bool,
    pub total: i64,
    pub published_total: i64,
}

pub(super) async fn petitions(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<PetitionRow>> {
    Ok(sqlx::query_as!(
        PetitionRow,
        r#"SELECT a.id, a.slug, a.title, a.state AS "state: State", a.privacy = 'protected' AS "is_protected!", a.published_count AS published_total,
                  CASE a.privacy WHEN 'protected' THEN a.published_count ELSE
                      coalesce((SELECT c.value FROM action_counts c WHERE c.action_id = a.id AND c.dimension = 'total' AND c.key = ''), 0)
                      + coalesce((SELECT sum(d.delta) FROM action_count_deltas d WHERE d.action_id = a.id AND d.dimension = 'total'), 0)
                  END::bigint AS "total!"
           FROM actions a
           WHERE a.id = ANY (ARRAY(SELECT id FROM actions WHERE organization_id = $1 AND kind = 'petition' AND state <> 'archived'
                                   ORDER BY created_at DESC, id LIMIT 10))
           ORDER BY a.created_at DESC, a.id"#,
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// An event with its exact numbers of seats, taken and on the waitlist.
pub(super) struct EventRow {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub is_protected: bool,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub timezone: String,
    pub capacity: Option<i32>,
    pub accepted: i64,
    pub waitlisted: Option<i32>,
}

pub(super) async fn events(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<EventRow>> {
    Ok(sqlx::query_as!(
        EventRow,
        r#"SELECT a.id, a.slug, a.title, a.privacy = 'protected' AS "is_protected!", e.starts_at, e.ends_at, e.timezone, e.capacity,
                  CASE a.privacy WHEN 'protected' THEN a.published_count ELSE e.seats_taken END AS "accepted!",
                  CASE WHEN a.privacy <> 'protected' THEN e.waiting_seats END AS waitlisted
           FROM actions a JOIN events e ON e.id = a.id
           WHERE a.id = ANY (ARRAY(SELECT id FROM actions WHERE organization_id = $1 AND kind = 'event' AND state <> 'archived'
                                   ORDER BY ends_at DESC LIMIT 10))
           ORDER BY e.starts_at DESC, a.id"#,
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// A letter action with the number of its letters, and of sent and failed outreaches.
pub(super) struct LetterRow {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub is_protected: bool,
    pub live: bool,
    pub total: i64,
    pub sent: Option<i64>,
    pub failed: Option<i64>,
}

pub(super) async fn letters(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<LetterRow>> {
    Ok(sqlx::query_as!(
        LetterRow,
        r#"SELECT a.id, a.slug, a.title, a.privacy = 'protected' AS "is_protected!", l.live,
                  CASE a.privacy WHEN 'protected' THEN a.published_count ELSE
                      coalesce((SELECT c.value FROM action_counts c WHERE c.action_id = a.id AND c.dimension = 'total' AND c.key = ''), 0)
                      + coalesce((SELECT sum(d.delta) FROM action_count_deltas d WHERE d.action_id = a.id AND d.dimension = 'total'), 0)
                  END::bigint AS "total!",
                  CASE WHEN a.privacy <> 'protected' THEN o.sent END AS sent,
                  CASE WHEN a.privacy <> 'protected' THEN o.failed END AS failed
           FROM actions a JOIN letter_actions l ON l.id = a.id
           CROSS JOIN LATERAL (
               SELECT coalesce(sum(c.n) FILTER (WHERE c.key = 'sent'), 0)::bigint AS sent,
                      coalesce(sum(c.n) FILTER (WHERE c.key IN ('failed', 'bounced')), 0)::bigint AS failed
               FROM (SELECT key, value AS n FROM action_counts WHERE action_id = a.id AND dimension = 'state'
                     UNION ALL SELECT key, delta FROM action_count_deltas WHERE action_id = a.id AND dimension = 'state') c
           ) o
           WHERE a.id = ANY (ARRAY(SELECT id FROM actions WHERE organization_id = $1 AND kind = 'letter' AND state <> 'archived'
                                   ORDER BY created_at DESC, id LIMIT 10))
           ORDER BY a.created_at DESC, a.id"#,
        organization
    )
    .fetch_all(conn)
    .await?)
}

/// Maximum number of rows that are counted for what needs attention.
pub(super) const MAX_COUNTED: i64 = 1_000;

/// What of a petition waits for somebody's decision.
pub(super) struct WaitingRow {
    pub id: Uuid,
    pub title: String,
    /// Signatures held for review, at most [`MAX_COUNTED`].
    pub held: i64,
    /// Comments to moderate, at most [`MAX_COUNTED`].
    pub comments: i64,
    /// Imported files of which nobody has said yet what to do with them.
    pub imports: i64,
}

/// The newest 50 petitions of an organization of which something waits. Counted by partial indexes over the rare
/// states.
pub(super) async fn waiting(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<WaitingRow>> {
    Ok(sqlx::query_as!(
        WaitingRow,
        r#"SELECT a.id, a.title, h.n AS "held!", c.n AS "comments!", i.n AS "imports!"
           FROM (SELECT id, title, privacy, created_at FROM actions WHERE organization_id = $1 AND kind = 'petition' AND state NOT IN ('archived', 'ended')
                 ORDER BY created_at DESC, id LIMIT 50) a
           CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM signatures s WHERE s.petition_id = a.id AND s.state = 'quarantined' LIMIT $2) x) h
           CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM signatures s WHERE s.petition_id = a.id AND s.comment_state = 'waiting'
                                                            AND a.privacy <> 'protected' LIMIT $2) x) c
           CROSS JOIN LATERAL (SELECT count(*) AS n FROM imports m WHERE m.petition_id = a.id AND m.state IN ('uploaded', 'checked')) i
           WHERE h.n > 0 OR c.n > 0 OR i.n > 0
           ORDER BY a.created_at DESC, a.id"#,
        organization,
        MAX_COUNTED
    )
    .fetch_all(conn)
    .await?)
}

/// Number of an organization's mailboxes whose letters are paused.
pub(super) async fn paused_mailboxes(conn: &mut PgConnection, organization: Uuid) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(DISTINCT l.lane) AS "n!" FROM offices o
           JOIN office_mailboxes m ON m.office_id = o.id AND m.position = 0
           JOIN mail_lanes l ON l.lane = m.mailbox_id::text AND l.paused
           WHERE o.organization_id = $1"#,
        organization
    )
    .fetch_one(conn)
    .await?)
}

/// How many took part, by day or by source.
pub(super) struct CountRow {
    pub dimension: String,
    /// A day, or a word of origin.
    pub key: String,
    /// Signatures.
    pub signatures: i64,
    /// Letters.
    pub letters: i64,
}

/// The counts by day since one, and by source, of an organization's newest 30 standard actions. Of counters, not of
/// rows; those of protected actions are not among them.
pub(super) async fn counts_of_days(
    conn: &mut PgConnection,
    organization: Uuid,
    since: NaiveDate,
) -> Result<Vec<CountRow>> {
    Ok(sqlx::query_as!(
        CountRow,
        r#"SELECT c.dimension, c.key, coalesce(sum(c.value) FILTER (WHERE a.kind = 'petition'), 0)::bigint AS "signatures!",
                  coalesce(sum(c.value) FILTER (WHERE a.kind = 'letter'), 0)::bigint AS "letters!"
           FROM (SELECT id, kind FROM actions WHERE organization_id = $1 AND privacy <> 'protected' AND kind IN ('petition', 'letter')
                                                AND state NOT IN ('archived', 'ended')
                 ORDER BY created_at DESC, id LIMIT 30) a
           JOIN action_counts c ON c.action_id = a.id AND (c.dimension = 'source' OR c.dimension = 'day' AND c.key >= to_char($2::date, 'YYYY-MM-DD'))
           WHERE c.value > 0
           GROUP BY c.dimension, c.key"#,
        organization,
        since
    )
    .fetch_all(conn)
    .await?)
}

/// A mail of the queue, without its recipient.
pub struct MailRow {
    pub id: Uuid,
    pub class: Class,
    pub kind: String,
    pub state: EmailState,
    pub due_at: DateTime<Utc>,
    pub attempts: i16,
    pub lane: String,
    pub failure: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Fields by which the mail queue can be filtered.
pub(super) const MAIL_FIELDS: FieldSet = FieldSet(&[
    Field { name: "state", column_sql: "state", kind: FieldKind::Enum(EmailState::NAMES) },
    Field { name: "class", column_sql: "class", kind: FieldKind::Enum(Class::NAMES) },
    Field { name: "kind", column_sql: "kind", kind: FieldKind::Text },
    Field { name: "lane", column_sql: "lane", kind: FieldKind::Text },
    Field { name: "created_date", column_sql: "created_at", kind: FieldKind::Timestamp },
]);

/// Indexes over mail: partial ones, over the rare states.
const MAIL_INDEXES: &[Index] = &[Index::values(
    "state",
    &[
        EmailState::Failed.as_str(),
        EmailState::Uncertain.as_str(),
        EmailState::Cancelled.as_str(),
        EmailState::Bounced.as_str(),
        EmailState::Complained.as_str(),
        EmailState::Sending.as_str(),
    ],
)];

/// A page of an organization's mails, newest first.
pub(super) async fn mails(
    conn: &mut PgConnection,
    organization: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<MailRow>, Extent)> {
    let list = KeysetList {
        table: "emails",
        filtered: "emails",
        key: &[KeyColumn { sql: "id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: MAIL_INDEXES,
        // the queue itself has no index over organizations: each claim would have to keep it, too
        scope: &[("organization_id", ScopeValue::Unindexed(organization))],
        extra_condition: "",
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        MailRow,
        r#"SELECT id AS "id!", class AS "class!: Class", kind AS "kind!", state AS "state!: EmailState", due_at AS "due_at!",
                  attempts AS "attempts!", lane AS "lane!", failure, created_at AS "created_at!"
           FROM emails WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// A request to queue failed mails again.
pub(super) struct NewRetry<'a> {
    pub organization: Uuid,
    /// As requested.
    pub filter: &'a str,
    pub now: DateTime<Utc>,
}

pub(super) async fn insert_retry(conn: &mut PgConnection, id: Uuid, new: &NewRetry<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mail_retries (id, organization_id, filter, asked_at) VALUES ($1, $2, $3, $4)",
        id,
        new.organization,
        new.filter,
        new.now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Parameters of a job that queues failed mails again.
pub(super) struct RetryRow {
    pub filter: String,
    pub asked_at: DateTime<Utc>,
}

pub(super) async fn retry(conn: &mut PgConnection, id: Uuid) -> Result<Option<RetryRow>> {
    Ok(sqlx::query_as!(RetryRow, "SELECT filter, asked_at FROM mail_retries WHERE id = $1", id)
        .fetch_optional(conn)
        .await?)
}

pub(super) async fn delete_retry(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM mail_retries WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// Counts of mail to a provider.
pub(super) struct DomainRow {
    pub domain: String,
    pub sent: i64,
    pub failed: i64,
    pub bounced: i64,
    pub complained: i64,
}

/// Delivery results by provider since a day, of the whole installation.
pub(super) async fn domains(conn: &mut PgConnection, since: NaiveDate) -> Result<Vec<DomainRow>> {
    Ok(sqlx::query_as!(
        DomainRow,
        r#"SELECT provider AS domain, sum(sent)::bigint AS "sent!", sum(failed)::bigint AS "failed!", sum(bounced)::bigint AS "bounced!", sum(complained)::bigint AS "complained!"
           FROM mail_provider_counts WHERE day >= $1 GROUP BY provider ORDER BY 2 DESC, 1"#,
        since
    )
    .fetch_all(conn)
    .await?)
}

/// Does this mail exist and belong to the organization?
pub(super) async fn has_mail(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM emails WHERE id = $1 AND organization_id = $2) AS "found!""#,
        id,
        organization
    )
    .fetch_one(conn)
    .await?)
}

/// The titles of an organization's offices by the lane in which letters to them wait.
pub(super) async fn offices_of_lanes(
    conn: &mut PgConnection,
    organization: Uuid,
    lanes: &[String],
) -> Result<HashMap<String, Vec<String>>> {
    let rows = sqlx::query!(
        r#"SELECT m.mailbox_id::text AS "lane!", array_agg(o.title ORDER BY o.title) AS "titles!"
           FROM office_mailboxes m JOIN offices o ON o.id = m.office_id
           WHERE m.position = 0 AND o.organization_id = $1 AND m.mailbox_id::text = ANY ($2) GROUP BY 1"#,
        organization,
        lanes
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.lane, row.titles)).collect())
}

/// A filter that is kept under a name.
pub(super) struct SavedFilterRow {
    pub id: Uuid,
    pub list: FilteredList,
    pub name: String,
    /// Values by the names of the conditions.
    pub conditions: serde_json::Value,
    pub created_at: DateTime<Utc>,
}

/// A page of an organization's saved filters, by name.
pub(super) async fn saved_filters(
    conn: &mut PgConnection,
    organization: Uuid,
    page: &PageParams,
) -> Result<(Vec<SavedFilterRow>, Extent)> {
    let key = &[KeyColumn { sql: "f.name", kind: KeyKind::Text }, KeyColumn { sql: "f.id", kind: KeyKind::Uuid }];
    let scope = [("f.organization_id", ScopeValue::Id(organization))];
    let list = KeysetList { is_ascending: true, ..KeysetList::new("saved_filters f", key, &scope) };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(
        SavedFilterRow,
        r#"SELECT id, list AS "list: FilteredList", name, conditions, created_at FROM saved_filters WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// Keeps a filter, unless the organization has `most` already (false).
pub(super) async fn insert_saved_filter(
    conn: &mut PgConnection,
    organization: Uuid,
    row: &SavedFilterRow,
    most: i64,
) -> Result<bool, sqlx::Error> {
    let added = sqlx::query!(
        "INSERT INTO saved_filters (id, organization_id, list, name, conditions, created_at)
         SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM saved_filters WHERE organization_id = $2) < $7",
        row.id,
        organization,
        row.list as FilteredList,
        row.name,
        row.conditions,
        row.created_at,
        most
    )
    .execute(conn)
    .await?;
    Ok(added.rows_affected() > 0)
}

/// Deletes a saved filter; false: there was none.
pub(super) async fn delete_saved_filter(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<bool> {
    let deleted = sqlx::query!("DELETE FROM saved_filters WHERE id = $1 AND organization_id = $2", id, organization)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() > 0)
}
