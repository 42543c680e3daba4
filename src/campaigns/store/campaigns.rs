//! SQL over `campaigns`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::action::{CampaignState, Texts};
use crate::{
    error::Result,
    kernel::{
        filter::{Field, FieldKind, FieldSet, Filter, Index},
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
        text::{LocaleTag, Slug},
    },
};

/// Fields by which campaigns can be filtered.
pub(crate) const CAMPAIGN_FIELDS: FieldSet = FieldSet(&[
    Field { name: "identifier", column_sql: "c.id", kind: FieldKind::Identifier },
    Field { name: "title", column_sql: "c.title", kind: FieldKind::Text },
    Field { name: "muster:slug", column_sql: "c.slug", kind: FieldKind::Text },
    Field { name: "muster:status", column_sql: "c.state", kind: FieldKind::Enum(CampaignState::NAMES) },
    Field { name: "created_date", column_sql: "c.created_at", kind: FieldKind::Timestamp },
    Field { name: "modified_date", column_sql: "c.modified_at", kind: FieldKind::Timestamp },
]);

/// Indexes over campaigns.
const CAMPAIGN_INDEXES: &[Index] = &[Index::equal("c.id")];

/// A campaign's row.
#[derive(Clone, Debug)]
pub(crate) struct CampaignRow {
    pub id: Uuid,
    pub slug: String,
    pub locale: String,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub texts: Value,
    pub state: CampaignState,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// A campaign by id or slug: of one organization, or a public one for `None`.
///
/// # Errors
/// `not_found`.
pub(crate) async fn campaign(conn: &mut PgConnection, organization: Option<Uuid>, key: &str) -> Result<CampaignRow> {
    let id = Uuid::parse_str(key).ok();
    Ok(sqlx::query_as!(
        CampaignRow,
        r#"SELECT id, slug, locale, title, summary, description, texts, state AS "state: CampaignState", created_at, modified_at FROM campaigns
           WHERE (id = $1 OR ($1 IS NULL AND slug = $2)) AND (organization_id = $3 OR ($3 IS NULL AND state = 'published'))"#,
        id,
        key,
        organization
    )
    .fetch_one(conn)
    .await?)
}

/// Has the organization a campaign of this slug?
pub async fn campaign_exists(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM campaigns WHERE organization_id = $1 AND slug = $2) AS "found!""#,
        organization,
        slug
    )
    .fetch_one(conn)
    .await?)
}

/// One page of campaigns, newest first: an organization's, or the public ones.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn campaigns(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Vec<CampaignRow>, Extent)> {
    let scope: Vec<_> = organization.map(|id| ("c.organization_id", ScopeValue::Id(id))).into_iter().collect();
    let list = KeysetList {
        table: "campaigns c",
        filtered: "campaigns c",
        key: &[KeyColumn { sql: "c.id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: CAMPAIGN_INDEXES,
        scope: &scope,
        extra_condition: if organization.is_some() { "" } else { "c.state = 'published'" },
    };
    let (ids, extent) = list.page(conn, filter, page).await?;
    let rows = sqlx::query_as!(
        CampaignRow,
        r#"SELECT id, slug, locale, title, summary, description, texts, state AS "state: CampaignState", created_at, modified_at FROM campaigns
           WHERE id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// The slugs of campaigns that begin as this one does ([`Slug::first_free`]).
pub(crate) async fn similar_campaign_slugs(conn: &mut PgConnection, slug: &Slug) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!("SELECT slug FROM campaigns WHERE starts_with(slug, left($1::text, 70))", slug.as_str())
        .fetch_all(conn)
        .await?)
}

/// Inserts a campaign.
///
/// # Errors
/// A breach of `campaigns_slug_key`.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub(crate) async fn insert_campaign(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    slug: &str,
    locale: LocaleTag,
    title: &str,
    summary: &str,
    description: &str,
    texts: &Texts,
    state: CampaignState,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO campaigns (id, organization_id, slug, locale, title, summary, description, texts, state, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        id,
        organization,
        slug,
        locale.as_str(),
        title,
        summary,
        description,
        serde_json::to_value(texts).unwrap_or_default(),
        state.as_str(),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Updates a campaign.
///
/// # Errors
/// A breach of `campaigns_slug_key`.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub(crate) async fn save_campaign(
    conn: &mut PgConnection,
    id: Uuid,
    slug: &str,
    locale: LocaleTag,
    title: &str,
    summary: &str,
    description: &str,
    texts: &Texts,
    state: CampaignState,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE campaigns SET slug = $2, locale = $3, title = $4, summary = $5, description = $6, texts = $7, state = $8, modified_at = $9
         WHERE id = $1",
        id,
        slug,
        locale.as_str(),
        title,
        summary,
        description,
        serde_json::to_value(texts).unwrap_or_default(),
        state.as_str(),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Archives a campaign.
pub(crate) async fn archive_campaign(conn: &mut PgConnection, id: Uuid, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!("UPDATE campaigns SET state = 'archived', modified_at = $2 WHERE id = $1", id, at)
        .execute(conn)
        .await?;
    Ok(())
}
