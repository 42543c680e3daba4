//! All SQL over broadcasts and their recipients.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, QueryBuilder, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        paging::PageParams,
        text::EmailAddress,
        vault::Vault,
    },
    people::{Details, PEOPLE},
};

/// What a broadcast says in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Text {
    /// The mail's subject.
    pub subject: String,
    /// Markdown.
    pub body: String,
}

/// A broadcast.
#[derive(Clone, Debug)]
pub struct Broadcast {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub texts: Json<BTreeMap<String, Text>>,
    pub locale: String,
    pub actions: Vec<Uuid>,
    pub locales: Vec<String>,
    pub regions: Vec<String>,
    pub sources: Vec<String>,
    pub state: String,
    pub due_at: Option<DateTime<Utc>>,
    pub gathered: bool,
    pub recipients: i64,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl Broadcast {
    /// The text for a reader of this language.
    pub fn text(&self, locale: &str) -> Option<(&str, &Text)> {
        self.texts
            .get_key_value(locale)
            .or_else(|| self.texts.get_key_value(&self.locale))
            .map(|(l, t)| (l.as_str(), t))
    }
}

/// Writes a new draft, or another text and audience over one.
///
/// # Errors
/// A database error.
pub async fn save(conn: &mut PgConnection, b: &Broadcast, organizer: Uuid) -> Result<()> {
    sqlx::query!(
        "INSERT INTO broadcasts (id, organization_id, organizer_id, texts, locale, actions, locales, regions, sources, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET texts = excluded.texts, locale = excluded.locale, actions = excluded.actions,
             locales = excluded.locales, regions = excluded.regions, sources = excluded.sources",
        b.id,
        b.organization_id,
        organizer,
        &b.texts as _,
        b.locale,
        &b.actions,
        &b.locales,
        &b.regions,
        &b.sources,
        b.created_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An organization's broadcasts, newest first; or the one of this id. `lock` holds them for a change.
///
/// # Errors
/// A database error.
pub async fn broadcasts(
    conn: &mut PgConnection,
    organization: Uuid,
    id: Option<Uuid>,
    lock: bool,
) -> Result<Vec<Broadcast>> {
    if lock {
        sqlx::query!("SELECT FROM broadcasts WHERE id = $1 AND organization_id = $2 FOR UPDATE", id, organization)
            .fetch_optional(&mut *conn)
            .await?;
    }
    Ok(sqlx::query_as!(
        Broadcast,
        r#"SELECT id, organization_id, texts AS "texts: Json<BTreeMap<String, Text>>", locale, actions, locales, regions, sources, state, due_at,
                  gathered, recipients, created_at, started_at, finished_at
           FROM broadcasts WHERE organization_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id DESC LIMIT 200"#,
        organization,
        id
    )
    .fetch_all(conn)
    .await?)
}

/// Gives a broadcast a state; `due_at` and `finished_at` stay where they are `None`.
///
/// # Errors
/// A database error.
pub async fn set_state(
    conn: &mut PgConnection,
    id: Uuid,
    state: &str,
    due_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE broadcasts SET state = $2, due_at = coalesce($3, due_at), finished_at = coalesce($4, finished_at) WHERE id = $1",
        id,
        state,
        due_at,
        finished_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a draft.
///
/// # Errors
/// A database error.
pub async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM broadcasts WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// How many would get it now, before the list of those who never want mail is asked.
///
/// # Errors
/// A database error.
pub async fn audience(conn: &mut PgConnection, vault: Uuid, b: &Broadcast) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM broadcast_audience($1, $2, $3, $4, $5)"#,
        vault,
        &b.actions,
        &b.locales,
        &b.regions,
        &b.sources
    )
    .fetch_one(conn)
    .await?)
}

/// Broadcasts about one of these actions that began, or will, since a moment; other than this one.
///
/// # Errors
/// A database error.
pub async fn about(conn: &mut PgConnection, b: &Broadcast, since: DateTime<Utc>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM broadcasts
           WHERE organization_id = $1 AND id <> $2 AND actions && $3 AND state IN ('scheduled', 'sending', 'paused', 'done') AND due_at >= $4"#,
        b.organization_id,
        b.id,
        &b.actions,
        since
    )
    .fetch_one(conn)
    .await?)
}

/// Which of these actions are the organization's, and not protected.
///
/// # Errors
/// A database error.
pub async fn open_actions(conn: &mut PgConnection, organization: Uuid, keys: &[String]) -> Result<Vec<(String, Uuid)>> {
    let rows = sqlx::query!(
        r#"SELECT k.key AS "key!", a.id FROM unnest($2::text[]) k (key)
           JOIN actions a ON (a.slug = k.key OR a.id::text = k.key) AND a.organization_id = $1 AND a.privacy = 'standard'"#,
        organization,
        keys
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.id)).collect())
}

/// Recipients by state.
///
/// # Errors
/// A database error.
pub async fn progress(conn: &mut PgConnection, id: Uuid) -> Result<BTreeMap<String, i64>> {
    let rows = sqlx::query!(
        r#"SELECT state, count(*) AS "n!" FROM broadcast_recipients WHERE broadcast_id = $1 GROUP BY state"#,
        id
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.n)).collect())
}

/// What recipients can be filtered by.
pub const RECIPIENT_FIELDS: FieldSet = FieldSet(&[Field {
    name: "muster:state",
    column_sql: "state",
    kind: FieldKind::Enum(&["waiting", "queued", "sent", "failed", "uncertain", "cancelled", "bounced", "complained"]),
}]);

/// A page of a broadcast's recipients with the state of their mail, and how many there are.
///
/// # Errors
/// A database error.
pub async fn recipients(
    conn: &mut PgConnection,
    broadcast: Uuid,
    filter: Option<&Filter>,
    page: PageParams,
) -> Result<(Vec<(Uuid, String)>, i64)> {
    let query = |what: &'static str| {
        let mut query = QueryBuilder::<Postgres>::new(what);
        query.push(" FROM broadcast_recipients WHERE broadcast_id = ").push_bind(broadcast);
        if let Some(filter) = filter {
            query.push(" AND ");
            filter.push_sql(&mut query);
        }
        query
    };
    let total = query("SELECT count(*)").build_query_scalar().fetch_one(&mut *conn).await?;
    let mut rows = query("SELECT person_id, state");
    rows.push(" ORDER BY person_id LIMIT ").push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
    Ok((rows.build_query_as().fetch_all(conn).await?, total))
}

/// Begins what is due, and takes one that is being sent, for this transaction alone.
///
/// # Errors
/// A database error.
pub async fn take(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Option<Broadcast>> {
    sqlx::query!(
        "UPDATE broadcasts SET state = 'sending', started_at = $1 WHERE state = 'scheduled' AND due_at <= $1",
        now
    )
    .execute(&mut *conn)
    .await?;
    let taken = sqlx::query!(
        "SELECT id, organization_id FROM broadcasts WHERE state = 'sending' ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    Ok(broadcasts(conn, taken.organization_id, Some(taken.id), false).await?.pop())
}

/// Finds the recipients, all at once and without bringing them here.
///
/// # Errors
/// A database error.
pub async fn gather(conn: &mut PgConnection, vault: Uuid, b: &Broadcast) -> Result<()> {
    sqlx::query!(
        "WITH found AS (
             INSERT INTO broadcast_recipients (broadcast_id, person_id)
             SELECT $1, person FROM broadcast_audience($2, $3, $4, $5, $6) AS person
             ON CONFLICT DO NOTHING RETURNING 1
         )
         UPDATE broadcasts SET gathered = true, recipients = (SELECT count(*) FROM found) WHERE id = $1",
        b.id,
        vault,
        &b.actions,
        &b.locales,
        &b.regions,
        &b.sources
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Queues mail for some who wait, up to `window` mails of this broadcast in the queue. Returns how many were queued, and how many are
/// in the queue.
///
/// # Errors
/// A database error.
pub async fn feed(conn: &mut PgConnection, b: &Broadcast, window: i64, now: DateTime<Utc>) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"WITH there AS (
               SELECT count(*) AS n FROM broadcast_recipients WHERE broadcast_id = $1 AND state = 'queued'
           ), picked AS (
               SELECT person_id FROM broadcast_recipients WHERE broadcast_id = $1 AND state = 'waiting'
               LIMIT (SELECT greatest($3 - n, 0) FROM there) FOR UPDATE
           ), marked AS (
               UPDATE broadcast_recipients r SET state = 'queued' FROM picked p WHERE r.broadcast_id = $1 AND r.person_id = p.person_id
               RETURNING r.person_id
           ), mails AS (
               INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
               SELECT uuid_v7($4), $2, 'update', 'broadcast', jsonb_build_object('broadcast', $1::uuid, 'person', m.person_id), 'queued', $4, $4
               FROM marked m RETURNING 1
           )
           SELECT (SELECT count(*) FROM mails) AS "queued!", (SELECT n FROM there) AS "there!""#,
        b.id,
        b.organization_id,
        window,
        now
    )
    .fetch_one(conn)
    .await?;
    Ok((row.queued, row.there))
}

/// What became of recipients' mails: broadcast, person, state.
///
/// # Errors
/// A database error.
pub async fn settle(conn: &mut PgConnection, settled: &[(Uuid, Uuid, &'static str)]) -> Result<()> {
    let mut settled = settled.to_vec();
    settled.sort_unstable();
    let broadcasts: Vec<Uuid> = settled.iter().map(|s| s.0).collect();
    let people: Vec<Uuid> = settled.iter().map(|s| s.1).collect();
    let states: Vec<String> = settled.iter().map(|s| s.2.to_owned()).collect();
    sqlx::query!(
        "UPDATE broadcast_recipients r SET state = v.state FROM unnest($1::uuid[], $2::uuid[], $3::text[]) v (broadcast, person, state)
         WHERE r.broadcast_id = v.broadcast AND r.person_id = v.person",
        &broadcasts,
        &people,
        &states
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A reader, as a mail or a page of preferences needs one.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The person.
    pub id: Uuid,
    pub vault_id: Uuid,
    pub organization_name: String,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    /// The latest word on news is yes.
    pub wants_news: bool,
}

impl Reader {
    /// The address, opened; `None` when nothing is kept.
    ///
    /// # Errors
    /// `internal` when the vault does not open it.
    pub fn address(&self, vault: &Vault) -> Result<Option<EmailAddress>> {
        let details: Option<Details> =
            self.sealed.as_deref().map(|sealed| vault.open(PEOPLE, self.id, sealed)).transpose()?;
        Ok(details.and_then(|details| details.address()))
    }
}

/// A person of an organization's own vault; nobody of another.
///
/// # Errors
/// A database error.
pub async fn reader(conn: &mut PgConnection, person: Uuid) -> Result<Option<Reader>> {
    Ok(readers(conn, &[person]).await?.pop())
}

/// Those of the people who are of an organization's own vault, in no order.
///
/// # Errors
/// A database error.
pub async fn readers(conn: &mut PgConnection, people: &[Uuid]) -> Result<Vec<Reader>> {
    Ok(sqlx::query_as!(
        Reader,
        r#"SELECT p.id, p.vault_id, o.name AS organization_name, p.sealed, p.locale,
                  coalesce((SELECT c.granted FROM consents c WHERE c.person_id = p.id AND c.purpose = 'updates'
                            ORDER BY c.created_at DESC, c.id DESC LIMIT 1), false) AS "wants_news!"
           FROM people p JOIN vaults v ON v.id = p.vault_id JOIN organizations o ON o.id = v.organization_id
           WHERE p.id = ANY ($1) AND v.kind = 'organization'"#,
        people
    )
    .fetch_all(conn)
    .await?)
}
