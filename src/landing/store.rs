//! SQL of landing pages.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::{Kind, State},
    error::Result,
};

/// An action on a landing page.
#[derive(Clone, Debug)]
pub(super) struct LandingRow {
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
pub(super) async fn landing_rows(
    conn: &mut PgConnection,
    campaign: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<LandingRow>> {
    let ids = match campaign {
        Some(campaign) => sqlx::query_scalar!(
            r#"SELECT id AS "id!" FROM (VALUES ('petition'), ('letter'), ('call')) k (kind)
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
            r#"SELECT id AS "id!" FROM (VALUES ('petition'), ('letter'), ('call')) k (kind)
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
           ORDER BY CASE a.kind WHEN 'petition' THEN 0 WHEN 'letter' THEN 1 WHEN 'call' THEN 2 ELSE 3 END, e.starts_at, a.id"#,
        &ids
    )
    .fetch_all(conn)
    .await?)
}
