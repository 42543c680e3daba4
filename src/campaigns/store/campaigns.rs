//! `campaigns` and `updates`.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::action::Texts;
use crate::{error::Result, kernel::text::LocaleTag};

/// A campaign's row.
#[derive(Clone, Debug)]
pub struct CampaignRow {
    pub id: Uuid,
    pub slug: String,
    pub locale: String,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub texts: Value,
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// A campaign by id or slug: of one organization, or a public one for `None`.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn campaign(conn: &mut PgConnection, organization: Option<Uuid>, key: &str) -> Result<CampaignRow> {
    let id = Uuid::parse_str(key).ok();
    Ok(sqlx::query_as!(
        CampaignRow,
        "SELECT id, slug, locale, title, summary, description, texts, state, created_at, modified_at FROM campaigns
         WHERE (id = $1 OR ($1 IS NULL AND slug = $2)) AND (organization_id = $3 OR ($3 IS NULL AND state = 'published'))",
        id,
        key,
        organization
    )
    .fetch_one(conn)
    .await?)
}

/// Has the organization a campaign of this slug?
///
/// # Errors
/// A database error.
pub async fn campaign_exists(conn: &mut PgConnection, organization: Uuid, slug: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM campaigns WHERE organization_id = $1 AND slug = $2) AS "found!""#,
        organization,
        slug
    )
    .fetch_one(conn)
    .await?)
}

/// One page of campaigns, newest first, and how many there are.
///
/// # Errors
/// A database error.
pub async fn campaigns(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<CampaignRow>, i64)> {
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM campaigns WHERE organization_id = $1 OR ($1 IS NULL AND state = 'published')"#,
        organization
    )
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        CampaignRow,
        "SELECT id, slug, locale, title, summary, description, texts, state, created_at, modified_at FROM campaigns
         WHERE organization_id = $1 OR ($1 IS NULL AND state = 'published') ORDER BY id DESC LIMIT $2 OFFSET $3",
        organization,
        limit,
        offset
    )
    .fetch_all(conn)
    .await?;
    Ok((rows, total))
}

/// Writes a new campaign.
///
/// # Errors
/// A breach of `campaigns_slug_key`, or another database error.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub async fn insert_campaign(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    slug: &str,
    locale: LocaleTag,
    title: &str,
    summary: &str,
    description: &str,
    texts: &Texts,
    state: &str,
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
        state,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An update's row.
#[derive(Clone, Debug)]
pub struct UpdateRow {
    pub id: Uuid,
    pub campaign_id: Uuid,
    pub campaign_slug: String,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub texts: Value,
    pub happened_on: NaiveDate,
    pub figures: Value,
    pub source_url: String,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// Updates, newest first: of one campaign, of one organization, or all public ones; and how many there are.
///
/// # Errors
/// A database error.
pub async fn updates(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    campaign: Option<Uuid>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<UpdateRow>, i64)> {
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "n!" FROM updates u JOIN campaigns c ON c.id = u.campaign_id
           WHERE (u.organization_id = $1 OR ($1 IS NULL AND c.state = 'published')) AND ($2::uuid IS NULL OR u.campaign_id = $2)"#,
        organization,
        campaign
    )
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        UpdateRow,
        "SELECT u.id, u.campaign_id, c.slug AS campaign_slug, u.kind, u.title, u.body, u.texts, u.happened_on, u.figures, u.source_url, u.created_at, u.modified_at
         FROM updates u JOIN campaigns c ON c.id = u.campaign_id
         WHERE (u.organization_id = $1 OR ($1 IS NULL AND c.state = 'published')) AND ($2::uuid IS NULL OR u.campaign_id = $2)
         ORDER BY u.happened_on DESC, u.id DESC LIMIT $3 OFFSET $4",
        organization,
        campaign,
        limit,
        offset
    )
    .fetch_all(conn)
    .await?;
    Ok((rows, total))
}

/// One update.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn update(conn: &mut PgConnection, organization: Option<Uuid>, id: Uuid) -> Result<UpdateRow> {
    Ok(sqlx::query_as!(
        UpdateRow,
        "SELECT u.id, u.campaign_id, c.slug AS campaign_slug, u.kind, u.title, u.body, u.texts, u.happened_on, u.figures, u.source_url, u.created_at, u.modified_at
         FROM updates u JOIN campaigns c ON c.id = u.campaign_id
         WHERE u.id = $2 AND (u.organization_id = $1 OR ($1 IS NULL AND c.state = 'published'))",
        organization,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// Writes a new update.
///
/// # Errors
/// A breach of `updates_campaign_title_key`, or another database error.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub async fn insert_update(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    campaign: Uuid,
    kind: &str,
    title: &str,
    body: &str,
    texts: &Texts,
    happened_on: NaiveDate,
    figures: &Value,
    source_url: &str,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO updates (id, organization_id, campaign_id, kind, title, body, texts, happened_on, figures, source_url, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        id,
        organization,
        campaign,
        kind,
        title,
        body,
        serde_json::to_value(texts).unwrap_or_default(),
        happened_on,
        figures,
        source_url,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}
