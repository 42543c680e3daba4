//! SQL over `updates`. Public are the updates of published campaigns, after their embargo.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::updates::UpdateKind;
use crate::{
    error::Result,
    kernel::{
        keyset_pagination::{KeyColumn, KeyKind, KeysetList, ScopeValue, in_order},
        paging::{Extent, PageParams},
    },
};

/// A row of `updates`.
#[derive(Clone, Debug)]
pub(crate) struct UpdateRow {
    pub id: Uuid,
    pub campaign_id: Uuid,
    pub campaign_slug: String,
    pub kind: UpdateKind,
    pub title: String,
    pub body: String,
    pub texts: Value,
    pub happened_on: NaiveDate,
    pub figures: Value,
    pub source_url: String,
    pub image_id: Option<Uuid>,
    pub image_alt: Option<String>,
    pub image_width: Option<i32>,
    pub image_height: Option<i32>,
    pub embargo_until: Option<DateTime<Utc>>,
    pub media_contact: String,
    pub quotes: Value,
    pub pseudonym: String,
    pub consent_scope: String,
    pub consent_on: Option<NaiveDate>,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// One page of updates, newest first: of one organization, or the public ones of one campaign or of all.
///
/// # Errors
/// `invalid_parameter` for a page that is not found by its number.
pub(crate) async fn updates(
    conn: &mut PgConnection,
    organization: Option<Uuid>,
    campaign: Option<Uuid>,
    page: &PageParams,
) -> Result<(Vec<UpdateRow>, Extent)> {
    const PUBLIC: &str = "updates u JOIN campaigns c ON c.id = u.campaign_id";
    let scope = organization.map(|id| ("u.organization_id", id)).or(campaign.map(|id| ("u.campaign_id", id)));
    let scope: Vec<_> = scope.map(|(column, id)| (column, ScopeValue::Id(id))).into_iter().collect();
    let table = if organization.is_some() { "updates u" } else { PUBLIC };
    let list = KeysetList {
        table,
        filtered: table,
        key: &[KeyColumn { sql: "u.happened_on", kind: KeyKind::Date }, KeyColumn { sql: "u.id", kind: KeyKind::Uuid }],
        is_ascending: false,
        indexes: &[],
        scope: &scope,
        extra_condition: if organization.is_some() {
            ""
        } else {
            "c.state = 'published' AND (u.embargo_until IS NULL OR u.embargo_until <= now())"
        },
    };
    let (ids, extent) = list.page(conn, None, page).await?;
    let rows = sqlx::query_as!(
        UpdateRow,
        r#"SELECT u.id AS "id!", u.campaign_id AS "campaign_id!", c.slug AS "campaign_slug!", u.kind AS "kind!: UpdateKind", u.title AS "title!", u.body AS "body!",
                  u.texts AS "texts!", u.happened_on AS "happened_on!", u.figures AS "figures!", u.source_url AS "source_url!", u.image_id,
                  i.alt AS "image_alt?", i.width AS "image_width?", i.height AS "image_height?", u.embargo_until, u.media_contact AS "media_contact!",
                  u.quotes AS "quotes!", u.pseudonym AS "pseudonym!", u.consent_scope AS "consent_scope!", u.consent_on, u.created_at AS "created_at!",
                  u.modified_at AS "modified_at!"
           FROM updates u JOIN campaigns c ON c.id = u.campaign_id LEFT JOIN images i ON i.id = u.image_id
           WHERE u.id = ANY ($1)"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok((in_order(rows, &ids, |row| row.id), extent))
}

/// One update.
///
/// # Errors
/// `not_found`.
pub(crate) async fn update(conn: &mut PgConnection, organization: Option<Uuid>, id: Uuid) -> Result<UpdateRow> {
    Ok(sqlx::query_as!(
        UpdateRow,
        r#"SELECT u.id, u.campaign_id, c.slug AS campaign_slug, u.kind AS "kind: UpdateKind", u.title, u.body, u.texts, u.happened_on, u.figures, u.source_url, u.image_id, i.alt AS "image_alt?", i.width AS "image_width?", i.height AS "image_height?", u.embargo_until, u.media_contact, u.quotes, u.pseudonym, u.consent_scope, u.consent_on, u.created_at, u.modified_at
           FROM updates u JOIN campaigns c ON c.id = u.campaign_id LEFT JOIN images i ON i.id = u.image_id
           WHERE u.id = $2 AND (u.organization_id = $1 OR ($1 IS NULL AND c.state = 'published' AND (u.embargo_until IS NULL OR u.embargo_until <= now())))"#,
        organization,
        id
    )
    .fetch_one(conn)
    .await?)
}

/// The columns of an update that an organizer writes.
#[derive(Clone, Debug)]
pub(crate) struct UpdateColumns {
    pub campaign_id: Uuid,
    pub kind: UpdateKind,
    pub title: String,
    pub body: String,
    pub texts: Value,
    pub happened_on: NaiveDate,
    pub figures: Value,
    pub source_url: String,
    pub image_id: Option<Uuid>,
    pub embargo_until: Option<DateTime<Utc>>,
    pub media_contact: String,
    pub quotes: Value,
    pub pseudonym: String,
    pub consent_scope: String,
    pub consent_on: Option<NaiveDate>,
}

/// Inserts or replaces an update.
///
/// # Errors
/// A breach of `updates_campaign_title_key`.
pub(crate) async fn save_update(
    conn: &mut PgConnection,
    id: Uuid,
    organization: Uuid,
    row: &UpdateColumns,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO updates (id, organization_id, campaign_id, kind, title, body, texts, happened_on, figures, source_url, image_id,
                              embargo_until, media_contact, quotes, pseudonym, consent_scope, consent_on, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)
         ON CONFLICT (id) DO UPDATE SET campaign_id = excluded.campaign_id, kind = excluded.kind, title = excluded.title, body = excluded.body,
             texts = excluded.texts, happened_on = excluded.happened_on, figures = excluded.figures, source_url = excluded.source_url,
             image_id = excluded.image_id, embargo_until = excluded.embargo_until, media_contact = excluded.media_contact,
             quotes = excluded.quotes, pseudonym = excluded.pseudonym, consent_scope = excluded.consent_scope,
             consent_on = excluded.consent_on, modified_at = excluded.modified_at",
        id,
        organization,
        row.campaign_id,
        row.kind.as_str(),
        row.title,
        row.body,
        row.texts,
        row.happened_on,
        row.figures,
        row.source_url,
        row.image_id,
        row.embargo_until,
        row.media_contact,
        row.quotes,
        row.pseudonym,
        row.consent_scope,
        row.consent_on,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The update of a campaign with this day and title.
pub(crate) async fn update_titled(
    conn: &mut PgConnection,
    campaign: Uuid,
    day: NaiveDate,
    title: &str,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM updates WHERE campaign_id = $1 AND happened_on = $2 AND title = $3",
        campaign,
        day,
        title
    )
    .fetch_optional(conn)
    .await?)
}

/// Deletes an update.
pub(crate) async fn delete_update(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM updates WHERE id = $1", id).execute(conn).await?;
    Ok(())
}
