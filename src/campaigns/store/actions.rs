//! SQL over `actions`.

use chrono::{DateTime, Months, NaiveDate, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{
    action::{Action, ActionCampaign, Confirmation, Kind, Privacy, State},
    document::NewAction,
    images::ActionImage,
    lifecycle::NextAction,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        filter::{Field, FieldKind, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        text::LocaleTag,
        zones::{self, Zone},
    },
};

struct ActionRow {
    id: Uuid,
    organization_id: Uuid,
    organization_name: String,
    campaign_id: Option<Uuid>,
    campaign_slug: Option<String>,
    campaign_is_public: Option<bool>,
    vault_id: Uuid,
    vault_destroy_after: Option<NaiveDate>,
    chosen_destroy_after: Option<NaiveDate>,
    retention_months: i16,
    ends_at: Option<DateTime<Utc>>,
    timezone: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    kind: Kind,
    slug: String,
    locale: String,
    title: String,
    summary: String,
    description: String,
    texts: Value,
    button: String,
    thanks: String,
    share_text: String,
    image_id: Option<Uuid>,
    image_alt: Option<String>,
    image_width: Option<i32>,
    image_height: Option<i32>,
    hosted_by: String,
    privacy: Privacy,
    confirmation: Confirmation,
    state: State,
    state_reason: String,
    state_since: Option<DateTime<Utc>>,
    identifiers: Vec<String>,
    opens_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    next_kind: Option<Kind>,
    next_slug: Option<String>,
    next_title: Option<String>,
    preview_generation: i16,
    send_thanks: bool,
    published_count: i64,
    published_at: Option<DateTime<Utc>>,
    verified_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

impl TryFrom<ActionRow> for Action {
    type Error = Error;

    fn try_from(row: ActionRow) -> Result<Self> {
        let zone = row.timezone.as_deref().map_or(*zones::DEFAULT, Zone::stored);
        let fixed_end = row.vault_destroy_after.or(row.chosen_destroy_after);
        let default_end = over_at(&row)
            .map(|at| at.with_timezone(&zone).date_naive() + Months::new(row.retention_months.unsigned_abs().into()));
        Ok(Self {
            zone,
            destroy_after: fixed_end.or(default_end),
            fixed_end,
            ended_at: row.ended_at,
            kind: row.kind,
            locale: LocaleTag::parse(&row.locale).unwrap_or_default(),
            texts: serde_json::from_value(row.texts).map_err(Error::internal)?,
            protected: row.privacy == Privacy::Protected,
            confirms: row.confirmation == Confirmation::Email,
            state: row.state,
            state_reason: row.state_reason,
            state_since: row.state_since,
            identifiers: row.identifiers,
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            next: match (row.next_kind, row.next_slug, row.next_title) {
                (Some(kind), Some(slug), Some(title)) => Some(NextAction { kind, slug, title }),
                _ => None,
            },
            preview_generation: row.preview_generation,
            id: row.id,
            organization_id: row.organization_id,
            organization_name: row.organization_name,
            campaign_id: row.campaign_id,
            campaign: row
                .campaign_slug
                .map(|slug| ActionCampaign { slug, is_public: row.campaign_is_public == Some(true) }),
            vault_id: row.vault_id,
            slug: row.slug,
            title: row.title,
            summary: row.summary,
            description: row.description,
            button: row.button,
            thanks: row.thanks,
            share_text: row.share_text,
            image: ActionImage::of(row.image_id, row.image_alt, row.image_width, row.image_height),
            hosted_by: row.hosted_by,
            send_thanks: row.send_thanks,
            published_count: row.published_count,
            published_at: row.published_at,
            verified_at: row.verified_at,
            created_at: row.created_at,
            modified_at: row.modified_at,
        })
    }
}

/// When a standard action was or will be over, from which its retention counts: one that takes submissions at the end of
/// the event or its closing date; another one when it got its state (a draft: when it was last changed), unless a date comes
/// after that.
fn over_at(row: &ActionRow) -> Option<DateTime<Utc>> {
    let since = match row.state {
        State::Published => return row.ends_at.or(row.closes_at),
        State::Draft => row.modified_at,
        _ => row.state_since.unwrap_or(row.created_at),
    };
    [row.ends_at, row.closes_at].into_iter().flatten().chain([since]).max()
}

/// An action of a kind by id or slug; a former slug finds it too.
///
/// # Errors
/// `not_found`.
pub async fn by_key(conn: &mut PgConnection, kind: Kind, key: &str) -> Result<Action> {
    if let Ok(id) = Uuid::parse_str(key) {
        return find(conn, Some(id), Some(kind), None).await;
    }
    match find(conn, None, Some(kind), Some(key)).await {
        Err(error) if error.code() == Code::NotFound => {
            let renamed = super::former_slug(conn, kind, key).await?.ok_or(error)?;
            find(conn, Some(renamed), Some(kind), None).await
        }
        found => found,
    }
}

/// An action by id.
///
/// # Errors
/// `not_found`.
pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> Result<Action> {
    find(conn, Some(id), None, None).await
}

/// Locks an action for a change.
///
/// # Errors
/// `not_found`.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("SELECT id FROM actions WHERE id = $1 FOR NO KEY UPDATE", id).fetch_one(conn).await?;
    Ok(())
}

/// Locks an action for a change, unless another transaction holds it: false then.
pub async fn try_lock(conn: &mut PgConnection, id: Uuid) -> Result<bool> {
    let locked = sqlx::query_scalar!("SELECT id FROM actions WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED", id)
        .fetch_optional(conn)
        .await?;
    Ok(locked.is_some())
}

async fn find(conn: &mut PgConnection, id: Option<Uuid>, kind: Option<Kind>, slug: Option<&str>) -> Result<Action> {
    sqlx::query_as!(
        ActionRow,
        r#"SELECT a.id, a.organization_id, o.name AS organization_name, a.campaign_id, c.slug AS "campaign_slug?",
                c.state = 'published' AS "campaign_is_public?", a.vault_id, v.destroy_after AS "vault_destroy_after?", a.destroy_after AS chosen_destroy_after, o.retention_months, a.ends_at, a.timezone, e.ended_at AS "ended_at?", a.kind AS "kind: Kind", a.slug, a.locale, a.title, a.summary,
                a.description, a.texts, a.button, a.thanks, a.share_text, a.image_id, i.alt AS "image_alt?", i.width AS "image_width?", i.height AS "image_height?", a.hosted_by, a.privacy AS "privacy: Privacy", a.confirmation AS "confirmation: Confirmation", a.state AS "state: State", a.state_reason,
                (SELECT max(c.created_at) FROM action_state_changes c WHERE c.action_id = a.id) AS state_since, a.identifiers, a.opens_at, a.closes_at,
                n.kind AS "next_kind?: Kind", n.slug AS "next_slug?", n.title AS "next_title?", a.preview_generation,
                a.send_thanks, a.published_count, a.published_at, a.verified_at, a.created_at, a.modified_at
         FROM actions a JOIN organizations o ON o.id = a.organization_id
              LEFT JOIN images i ON i.id = a.image_id
              LEFT JOIN campaigns c ON c.id = a.campaign_id
              LEFT JOIN vaults v ON v.id = a.vault_id
              LEFT JOIN action_ends e ON e.action_id = a.id
              LEFT JOIN actions n ON n.id = a.next_action_id AND n.state = 'published'
         WHERE (a.id = $1 OR ($1 IS NULL AND a.slug = $3)) AND ($2::text IS NULL OR a.kind = $2)"#,
        id,
        kind.map(Kind::as_str),
        slug
    )
    .fetch_one(conn)
    .await?
    .try_into()
}

/// Actions by their ids, in that order; those that do not exist are left out.
pub async fn by_ids(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Action>> {
    let rows = sqlx::query_as!(
        ActionRow,
        r#"SELECT a.id AS "id!", a.organization_id AS "organization_id!", o.name AS "organization_name!", a.campaign_id, c.slug AS "campaign_slug?",
                c.state = 'published' AS "campaign_is_public?", a.vault_id AS "vault_id!", v.destroy_after AS "vault_destroy_after?", a.destroy_after AS chosen_destroy_after, o.retention_months AS "retention_months!", a.ends_at, a.timezone, e.ended_at AS "ended_at?", a.kind AS "kind!: Kind", a.slug AS "slug!", a.locale AS "locale!", a.title AS "title!", a.summary AS "summary!",
                a.description AS "description!", a.texts AS "texts!", a.button AS "button!", a.thanks AS "thanks!", a.share_text AS "share_text!", a.image_id, i.alt AS "image_alt?", i.width AS "image_width?", i.height AS "image_height?", a.hosted_by AS "hosted_by!", a.privacy AS "privacy!: Privacy", a.confirmation AS "confirmation!: Confirmation", a.state AS "state!: State", a.state_reason AS "state_reason!",
                (SELECT max(c.created_at) FROM action_state_changes c WHERE c.action_id = a.id) AS state_since, a.identifiers AS "identifiers!", a.opens_at, a.closes_at,
                n.kind AS "next_kind?: Kind", n.slug AS "next_slug?", n.title AS "next_title?", a.preview_generation AS "preview_generation!",
                a.send_thanks AS "send_thanks!", a.published_count AS "published_count!", a.published_at, a.verified_at, a.created_at AS "created_at!", a.modified_at AS "modified_at!"
         FROM actions a JOIN organizations o ON o.id = a.organization_id
              LEFT JOIN images i ON i.id = a.image_id
              LEFT JOIN campaigns c ON c.id = a.campaign_id
              LEFT JOIN vaults v ON v.id = a.vault_id
              LEFT JOIN action_ends e ON e.action_id = a.id
              LEFT JOIN actions n ON n.id = a.next_action_id AND n.state = 'published'
         WHERE a.id = ANY ($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    in_order(rows, ids, |row| row.id).into_iter().map(Action::try_from).collect()
}

/// The filter field of the identifiers of an action.
pub const IDENTIFIER_FIELD: Field = Field {
    name: "identifier",
    column_sql: "a.id",
    kind: FieldKind::Identifiers("unnest(a.identifiers) i WHERE convert_to(lower(i), 'UTF8')"),
};

/// Newest first.
const KEY: &[KeyColumn] = &[KeyColumn { sql: "a.id", kind: KeyKind::Uuid }];

/// Indexes over the actions of an organization.
const OWN_INDEXES: &[Index] = &[
    Index::equal("a.id"),
    Index::equal("a.slug"),
    Index::equal("a.state"),
    Index::ordered("a.title"),
    Index::ordered("a.created_at"),
    Index::ordered("a.modified_at"),
];

/// Indexes over the public actions of all organizations.
const PUBLIC_INDEXES: &[Index] = &[Index::equal("a.id"), Index::equal("a.slug")];

/// One page of actions of a kind, newest first: an organization's, or the public ones. `filtered` is the kind's own table
/// (`k` in filters) joined to `actions a`.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub async fn page_of_actions(
    conn: &mut PgConnection,
    kind: Kind,
    filtered: &'static str,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<Action>, Extent)> {
    let mut scope: Vec<_> = organization.map(|id| ("a.organization_id", ScopeValue::Id(id))).into_iter().collect();
    scope.push(("a.kind", ScopeValue::Text(kind.as_str())));
    let list = KeysetList {
        table: "actions a",
        filtered,
        key: KEY,
        is_ascending: false,
        indexes: if organization.is_some() { OWN_INDEXES } else { PUBLIC_INDEXES },
        scope: &scope,
        extra_condition: if organization.is_some() { "" } else { "a.state NOT IN ('draft', 'archived')" },
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    Ok((by_ids(conn, &ids).await?, extent))
}

/// Inserts an action.
///
/// # Errors
/// A breach of `actions_kind_slug_key`.
#[expect(clippy::too_many_arguments, reason = "one for each part")]
pub(crate) async fn insert_action(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    vault: Uuid,
    campaign: Option<Uuid>,
    locale: LocaleTag,
    new: &NewAction,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO actions (id, organization_id, campaign_id, vault_id, kind, slug, locale, title, summary, description, texts, button, thanks,
                              hosted_by, privacy, confirmation, state, opens_at, closes_at, created_at, modified_at, share_text, image_id, state_reason, destroy_after, identifiers)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20, $21, $22, $23, $24, $25)",
        id,
        organization,
        campaign,
        vault,
        new.kind.as_str(),
        new.slug.as_str(),
        locale.as_str(),
        new.title,
        new.summary,
        new.description,
        serde_json::to_value(&new.texts).unwrap_or_default(),
        new.button,
        new.thanks,
        new.hosted_by,
        new.privacy.as_str(),
        new.confirmation.as_str(),
        new.state.as_str(),
        new.opens_at,
        new.closes_at,
        at,
        new.share_text,
        new.image,
        new.state_reason,
        new.destroy_after.filter(|_| new.privacy == Privacy::Standard),
        &new.identifiers
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Updates all columns of an action that organizers set, except its slug and its next action. `chosen_end`: the last day
/// of the data of a standard action, if an organizer chose one now.
pub(crate) async fn save_action(
    conn: &mut PgConnection,
    id: Uuid,
    campaign: Option<Uuid>,
    new: &NewAction,
    chosen_end: Option<NaiveDate>,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE actions SET title = $2, summary = $3, description = $4, texts = $5, button = $6, thanks = $7, state = $8, state_reason = $9,
                            opens_at = $10, closes_at = $11, modified_at = $12, share_text = $13, image_id = $14, hosted_by = $15,
                            campaign_id = $16, destroy_after = CASE WHEN privacy = 'standard' THEN coalesce($17, destroy_after) END,
                            identifiers = $18
         WHERE id = $1",
        id,
        new.title,
        new.summary,
        new.description,
        serde_json::to_value(&new.texts).unwrap_or_default(),
        new.button,
        new.thanks,
        new.state.as_str(),
        new.state_reason,
        new.opens_at,
        new.closes_at,
        at,
        new.share_text,
        new.image,
        new.hosted_by,
        campaign,
        chosen_end,
        &new.identifiers
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets the next action of an action.
pub(crate) async fn set_next(conn: &mut PgConnection, action: Uuid, next: Option<Uuid>) -> Result<()> {
    sqlx::query!("UPDATE actions SET next_action_id = $2 WHERE id = $1", action, next).execute(conn).await?;
    Ok(())
}

/// Language of an organization.
///
/// # Errors
/// `not_found`.
pub(crate) async fn organization_locale(conn: &mut PgConnection, organization: Uuid) -> Result<LocaleTag> {
    let tag =
        sqlx::query_scalar!("SELECT locale FROM organizations WHERE id = $1", organization).fetch_one(conn).await?;
    Ok(LocaleTag::parse(&tag).unwrap_or_default())
}
