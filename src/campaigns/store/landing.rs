//! SQL of landing pages, partners and sources.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::action::{Kind, State};
use crate::error::Result;

/// An action on a landing page.
#[derive(Clone, Debug)]
pub struct LandingRow {
    pub kind: Kind,
    pub slug: String,
    pub locale: String,
    pub title: String,
    pub summary: String,
    pub texts: Value,
    pub state: State,
    pub published_count: i64,
    pub goal: Option<i64>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub timezone: Option<String>,
    pub place: Option<String>,
    /// Does it take submissions? That of an event: `open`, `waitlist` or `closed`; of others `open`.
    pub availability: String,
}

/// Public actions of one campaign or of all that are open or upcoming, at most 200 of each kind; of events those that
/// end first.
pub async fn landing_rows(
    conn: &mut PgConnection,
    campaign: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<LandingRow>> {
    let ids = match campaign {
        Some(campaign) => sqlx::query_scalar!(
            r#"SELECT id AS "id!" FROM (VALUES ('petition'), ('letter')) k (kind)
               CROSS JOIN LATERAL (SELECT a.id FROM actions a WHERE a.campaign_id = $1 AND a.kind = k.kind AND a.ends_at IS NULL
                                   AND a.state IN ('published', 'paused', 'won', 'cancelled') ORDER BY a.kind, a.ends_at, a.id LIMIT 200) open
               UNION ALL
               (SELECT a.id FROM actions a WHERE a.campaign_id = $1 AND a.kind = 'event' AND a.ends_at > $2
                AND a.state IN ('published', 'paused', 'won', 'cancelled') ORDER BY a.ends_at, a.id LIMIT 200)"#,
            campaign,
            now
        )
        .fetch_all(&mut *conn)
        .await?,
        None => sqlx::query_scalar!(
            r#"SELECT id AS "id!" FROM (VALUES ('petition'), ('letter')) k (kind)
               CROSS JOIN LATERAL (SELECT a.id FROM actions a WHERE a.kind = k.kind AND a.ends_at IS NULL
                                   AND a.state IN ('published', 'paused', 'won', 'cancelled') ORDER BY a.kind, a.ends_at, a.id LIMIT 200) open
               UNION ALL
               (SELECT a.id FROM actions a WHERE a.kind = 'event' AND a.ends_at > $1
                AND a.state IN ('published', 'paused', 'won', 'cancelled') ORDER BY a.ends_at, a.id LIMIT 200)"#,
            now
        )
        .fetch_all(&mut *conn)
        .await?,
    };
    Ok(sqlx::query_as!(
        LandingRow,
        r#"SELECT a.kind AS "kind: Kind", a.slug, a.locale, a.title, a.summary, a.texts, a.state AS "state: State", a.published_count, p.goal AS "goal?",
                  e.starts_at AS "starts_at?", e.ends_at AS "ends_at?", e.timezone AS "timezone?",
                  CASE WHEN e.format = 'online' THEN NULL ELSE concat_ws(', ', nullif(e.venue, ''), nullif(e.locality, '')) END AS place,
                  coalesce(e.published_status, 'open') AS "availability!"
           FROM actions a LEFT JOIN petitions p ON p.id = a.id LEFT JOIN events e ON e.id = a.id
           WHERE a.id = ANY ($1)
           ORDER BY CASE a.kind WHEN 'petition' THEN 0 WHEN 'letter' THEN 1 ELSE 2 END, e.starts_at, a.id"#,
        &ids
    )
    .fetch_all(conn)
    .await?)
}

/// The name shown on the home page while one organization runs this installation.
pub async fn only_organization(conn: &mut PgConnection) -> Result<Option<String>> {
    let mut names = sqlx::query_scalar!("SELECT name FROM organizations LIMIT 2").fetch_all(conn).await?;
    Ok(if names.len() == 1 { names.pop() } else { None })
}

/// Inserts or updates a partner, its wording and its word of origin.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub async fn upsert_partner(
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
pub async fn partner_boxes(conn: &mut PgConnection, organization: Uuid, locale: &str) -> Result<Vec<PartnerBox>> {
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
pub async fn source_words(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!("SELECT word FROM sources WHERE organization_id = $1", organization).fetch_all(conn).await?)
}

/// Slug and title of a campaign, for links from its actions.
pub async fn link_to_campaign(conn: &mut PgConnection, id: Uuid) -> Result<Option<(String, String, Value)>> {
    let row = sqlx::query!("SELECT slug, title, texts FROM campaigns WHERE id = $1 AND state = 'published'", id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|r| (r.slug, r.title, r.texts)))
}
