//! SQL of broadcasts; that of their recipients is in `recipients`.

mod recipients;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) use recipients::*;

use crate::{
    broadcasts::states::BroadcastState,
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        text::EmailAddress,
        vault::Vault,
    },
    people::{Details, PEOPLE, tag_index},
};

/// Filter fields of broadcasts.
pub(super) const BROADCAST_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "b.id", kind: FieldKind::Identifier },
    Field { name: "created_date", column_sql: "b.created_at", kind: FieldKind::Timestamp },
    Field { name: "muster:state", column_sql: "b.state", kind: FieldKind::Enum(BroadcastState::NAMES) },
]);

/// What a broadcast says in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Text {
    /// The mail's subject.
    pub subject: String,
    /// Markdown.
    pub body: String,
}

/// A row of `broadcasts`; the columns are described in `migrations/0001_baseline.sql`.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub texts: Json<BTreeMap<String, Text>>,
    pub locale: String,
    pub actions: Vec<Uuid>,
    pub tags: Vec<String>,
    pub locales: Vec<String>,
    pub regions: Vec<String>,
    pub sources: Vec<String>,
    pub state: BroadcastState,
    pub due_at: Option<DateTime<Utc>>,
    /// Size of the audience at the last count; `None` while it is being counted.
    pub audience: Option<i64>,
    /// Time of that count.
    pub audience_at: Option<DateTime<Utc>>,
    pub audience_cursor: Option<Vec<u8>>,
    pub audience_frozen: bool,
    pub freeze_cursor: Option<Vec<u8>>,
    pub recipients: i64,
    pub enqueue_cursor: Option<Uuid>,
    pub requeues_given_up: bool,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl Broadcast {
    /// The text for a reader of this language, else that in the broadcast's own; with the language it is in.
    pub(super) fn text(&self, locale: &str) -> Option<(&str, &Text)> {
        self.texts
            .get_key_value(locale)
            .or_else(|| self.texts.get_key_value(&self.locale))
            .map(|(l, t)| (l.as_str(), t))
    }
}

impl Broadcast {
    /// The keyed indexes of its tags.
    fn tag_indexes(&self, vault: &Vault) -> Vec<Vec<u8>> {
        self.tags.iter().map(|tag| tag_index(vault, tag)).collect()
    }

    /// Do both say the same, in the same languages, to the same audience?
    pub(super) fn has_same_document(&self, other: &Self) -> bool {
        self.texts.0 == other.texts.0
            && self.locale == other.locale
            && self.actions == other.actions
            && self.tags == other.tags
            && (&self.locales, &self.regions, &self.sources) == (&other.locales, &other.regions, &other.sources)
    }
}

/// Inserts a draft, or replaces the texts and the audience of one; the audience is then counted anew.
pub(super) async fn save(conn: &mut PgConnection, b: &Broadcast, organizer: Uuid) -> Result<()> {
    sqlx::query!(
        "INSERT INTO broadcasts (id, organization_id, organizer_id, texts, locale, actions, locales, regions, sources, created_at, tags)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE SET texts = excluded.texts, locale = excluded.locale, actions = excluded.actions, tags = excluded.tags,
             locales = excluded.locales, regions = excluded.regions, sources = excluded.sources,
             audience = NULL, audience_at = NULL, audience_counted = 0, audience_cursor = NULL",
        b.id,
        b.organization_id,
        organizer,
        &b.texts as _,
        b.locale,
        &b.actions,
        &b.locales,
        &b.regions,
        &b.sources,
        b.created_at,
        &b.tags
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Reads and locks a broadcast, for a step of its jobs.
pub(super) async fn lock(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<Option<Broadcast>> {
    sqlx::query!("SELECT FROM broadcasts WHERE id = $1 AND organization_id = $2 FOR NO KEY UPDATE", id, organization)
        .fetch_optional(&mut *conn)
        .await?;
    broadcast(conn, organization, id).await
}

/// One page of an organization's broadcasts, newest first.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(super) async fn list(
    conn: &mut PgConnection,
    organization: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Broadcast>, Extent)> {
    let scope = [("b.organization_id", ScopeValue::Id(organization))];
    let list = KeysetList::new("broadcasts b", &[KeyColumn { sql: "b.id", kind: KeyKind::Uuid }], &scope);
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = by_ids(conn, organization, &ids).await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// An organization's broadcast.
pub(super) async fn broadcast(conn: &mut PgConnection, organization: Uuid, id: Uuid) -> Result<Option<Broadcast>> {
    Ok(by_ids(conn, organization, &[id]).await?.pop())
}

async fn by_ids(conn: &mut PgConnection, organization: Uuid, ids: &[Uuid]) -> Result<Vec<Broadcast>> {
    Ok(sqlx::query_as!(
        Broadcast,
        r#"SELECT id, organization_id, texts AS "texts: Json<BTreeMap<String, Text>>", locale, actions, tags, locales, regions, sources,
                  state AS "state: BroadcastState", due_at, audience, audience_at, audience_cursor, audience_frozen, freeze_cursor, recipients, enqueue_cursor, requeues_given_up, created_at, started_at, finished_at
           FROM broadcasts WHERE organization_id = $1 AND id = ANY ($2)"#,
        organization,
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// Sets the state of a broadcast. `due_at` and `finished_at` are not changed where they are `None`.
pub(super) async fn set_state(
    conn: &mut PgConnection,
    id: Uuid,
    state: BroadcastState,
    due_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE broadcasts SET state = $2, due_at = coalesce($3, due_at), finished_at = coalesce($4, finished_at) WHERE id = $1",
        id,
        state.as_str(),
        due_at,
        finished_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks the broadcasts that are being sent, or are due by `until`.
pub(super) async fn lock_begun(conn: &mut PgConnection, until: DateTime<Utc>) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM broadcasts WHERE state = 'sending' OR (state = 'scheduled' AND (due_at IS NULL OR due_at <= $1))
         ORDER BY id FOR UPDATE",
        until
    )
    .fetch_all(conn)
    .await?)
}

/// Deletes a draft.
pub(super) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM broadcasts WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// End of the next range of people of a vault: the address index of the person number `most` after `after`; `None`
/// when there are fewer. It limits how many people a statement examines.
pub(super) async fn range_end(
    conn: &mut PgConnection,
    vault: Uuid,
    after: &[u8],
    most: i64,
) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT email_index AS "email_index!" FROM people WHERE vault_id = $1 AND email_index > $2 ORDER BY email_index OFFSET $3 LIMIT 1"#,
        vault,
        after,
        most - 1
    )
    .fetch_optional(conn)
    .await?)
}

/// Adds those in a range of people who belong to the audience to its count. The global suppression list is not
/// applied: it is checked when each mail is composed. After the last range (`up_to` is `None`) the result is stored
/// with its time.
pub(super) async fn count_audience(
    conn: &mut PgConnection,
    vault: &Vault,
    b: &Broadcast,
    up_to: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<()> {
    let after = b.audience_cursor.as_deref().unwrap_or_default();
    sqlx::query!(
        "WITH found AS (SELECT count(*) AS n FROM broadcast_audience($2, $3, $4, $5, $6, $7, $8, $10))
         UPDATE broadcasts b SET audience_counted = b.audience_counted + f.n, audience_cursor = $8,
             audience = CASE WHEN $8::bytea IS NULL THEN b.audience_counted + f.n END, audience_at = CASE WHEN $8::bytea IS NULL THEN $9::timestamptz END
         FROM found f WHERE b.id = $1",
        b.id,
        vault.id,
        &b.actions,
        &b.locales,
        &b.regions,
        &b.sources,
        after,
        up_to,
        now,
        &b.tag_indexes(vault)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Number of other broadcasts of the organization about any of the same actions that were or will be due since `since`.
pub(super) async fn count_recent(conn: &mut PgConnection, b: &Broadcast, since: DateTime<Utc>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM broadcasts
           WHERE organization_id = $1 AND id <> $2 AND actions && $3 AND state IN ('scheduled', 'sending', 'paused', 'done', 'failed') AND due_at >= $4"#,
        b.organization_id,
        b.id,
        &b.actions,
        since
    )
    .fetch_one(conn)
    .await?)
}

/// Resolves slugs or ids of actions of the organization. Unknown and protected ones are left out.
pub(super) async fn resolve_actions(
    conn: &mut PgConnection,
    organization: Uuid,
    keys: &[String],
) -> Result<Vec<(String, Uuid)>> {
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

/// Sets a scheduled broadcast to `sending`.
pub(super) async fn start(conn: &mut PgConnection, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE broadcasts SET state = 'sending', started_at = $2 WHERE id = $1 AND state = 'scheduled'",
        id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A person, as needed for a mail or the preferences page.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// The person's id.
    pub id: Uuid,
    pub vault_id: Uuid,
    pub organization_name: String,
    /// Of the organization.
    pub postal_address: String,
    pub sealed: Option<Vec<u8>>,
    pub locale: Option<String>,
    /// The latest consent to news is granted.
    pub wants_news: bool,
}

impl Reader {
    /// The decrypted address; `None` when no details are kept.
    ///
    /// # Errors
    /// `internal` when it cannot be decrypted with the vault's key.
    pub(super) fn address(&self, vault: &Vault) -> Result<Option<EmailAddress>> {
        let details: Option<Details> =
            self.sealed.as_deref().map(|sealed| vault.open(PEOPLE, self.id, sealed)).transpose()?;
        Ok(details.and_then(|details| details.address()))
    }
}

/// Reads a person of an organization's own vault; `None` for one of a protected action's vault.
pub(super) async fn reader(conn: &mut PgConnection, person: Uuid) -> Result<Option<Reader>> {
    Ok(readers(conn, &[person]).await?.pop())
}

/// Reads those of the people who are in an organization's own vault, in no order.
pub(super) async fn readers(conn: &mut PgConnection, people: &[Uuid]) -> Result<Vec<Reader>> {
    Ok(sqlx::query_as!(
        Reader,
        r#"SELECT p.id, p.vault_id, o.name AS organization_name, o.postal_address, p.sealed, p.locale,
                  coalesce((SELECT c.granted FROM consents c WHERE c.person_id = p.id AND c.purpose = 'updates'
                            ORDER BY c.created_at DESC, c.id DESC LIMIT 1), false) AS "wants_news!"
           FROM people p JOIN vaults v ON v.id = p.vault_id JOIN organizations o ON o.id = v.organization_id
           WHERE p.id = ANY ($1) AND v.kind = 'organization'"#,
        people
    )
    .fetch_all(conn)
    .await?)
}
