//! SQL of partners and sources, and of what pages show besides actions.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Result;

/// The name shown on the home page while one organization runs this installation.
pub(crate) async fn only_organization(conn: &mut PgConnection) -> Result<Option<String>> {
    let mut names = sqlx::query_scalar!("SELECT name FROM organizations LIMIT 2").fetch_all(conn).await?;
    Ok(if names.len() == 1 { names.pop() } else { None })
}

/// Inserts or updates a partner, its wording and its word of origin.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub(crate) async fn upsert_partner(
    conn: &mut PgConnection,
    ids: (Uuid, Uuid),
    organization: Uuid,
    slug: &str,
    name: &str,
    wording: &Value,
    source: &str,
    at: DateTime<Utc>,
) -> Result<()> {
    let partner = sqlx::query_scalar!(
        "INSERT INTO partners (id, organization_id, slug, name, wording, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organization_id, slug) DO UPDATE SET name = excluded.name, wording = excluded.wording RETURNING id",
        ids.0,
        organization,
        slug,
        name,
        wording,
        at
    )
    .fetch_one(&mut *conn)
    .await?;
    super::upsert_source(conn, ids.1, organization, source, Some(partner)).await
}

/// A partner's consent box.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PartnerBox {
    /// The partner.
    pub slug: String,
    /// The sentence beside the box, in the reader's language if it is translated.
    pub wording: String,
}

/// The consent boxes of an organization's partners.
pub(crate) async fn partner_boxes(
    conn: &mut PgConnection,
    organization: Uuid,
    locale: &str,
) -> Result<Vec<PartnerBox>> {
    Ok(sqlx::query_as!(
        PartnerBox,
        r#"SELECT slug, coalesce(wording ->> $2, wording ->> 'en', name) AS "wording!" FROM partners WHERE organization_id = $1 ORDER BY name"#,
        organization,
        locale
    )
    .fetch_all(conn)
    .await?)
}

/// The registered words of origin of an organization.
pub(crate) async fn source_words(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!("SELECT word FROM sources WHERE organization_id = $1", organization).fetch_all(conn).await?)
}

/// Slug and title of a campaign, for links from its actions.
pub(crate) async fn link_to_campaign(conn: &mut PgConnection, id: Uuid) -> Result<Option<(String, String, Value)>> {
    let row = sqlx::query!("SELECT slug, title, texts FROM campaigns WHERE id = $1 AND state = 'published'", id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|r| (r.slug, r.title, r.texts)))
}
