//! All SQL over `actions`, `campaigns`, `updates`, `partners`, `sources`, `short_links` and the counts.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::action::{Action, Kind, NewAction, State, Texts};
use crate::{
    error::{Error, Result},
    kernel::{filter::Filter, paging::PageParams, text::LocaleTag},
};

struct ActionRow {
    id: Uuid,
    organization_id: Uuid,
    organization_name: String,
    campaign_id: Option<Uuid>,
    vault_id: Uuid,
    kind: String,
    slug: String,
    locale: String,
    title: String,
    summary: String,
    description: String,
    texts: Value,
    button: String,
    thanks: String,
    hosted_by: String,
    privacy: String,
    confirmation: String,
    state: String,
    send_thanks: bool,
    published_count: i64,
    published_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

impl TryFrom<ActionRow> for Action {
    type Error = Error;

    fn try_from(row: ActionRow) -> Result<Self> {
        Ok(Self {
            kind: serde_json::from_value(row.kind.into()).map_err(Error::internal)?,
            locale: LocaleTag::parse(&row.locale).unwrap_or_default(),
            texts: serde_json::from_value(row.texts).map_err(Error::internal)?,
            protected: row.privacy == "protected",
            confirms: row.confirmation == "email",
            state: State::parse(&row.state)?,
            id: row.id,
            organization_id: row.organization_id,
            organization_name: row.organization_name,
            campaign_id: row.campaign_id,
            vault_id: row.vault_id,
            slug: row.slug,
            title: row.title,
            summary: row.summary,
            description: row.description,
            button: row.button,
            thanks: row.thanks,
            hosted_by: row.hosted_by,
            send_thanks: row.send_thanks,
            published_count: row.published_count,
            published_at: row.published_at,
            created_at: row.created_at,
            modified_at: row.modified_at,
        })
    }
}

/// An action of a kind by id or slug.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn by_key(conn: &mut PgConnection, kind: Kind, key: &str) -> Result<Action> {
    let id = Uuid::parse_str(key).ok();
    find(conn, id, Some(kind), if id.is_none() { Some(key) } else { None }).await
}

/// An action by id.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> Result<Action> {
    find(conn, Some(id), None, None).await
}

/// Locks an action for a change.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("SELECT id FROM actions WHERE id = $1 FOR NO KEY UPDATE", id).fetch_one(conn).await?;
    Ok(())
}

async fn find(conn: &mut PgConnection, id: Option<Uuid>, kind: Option<Kind>, slug: Option<&str>) -> Result<Action> {
    sqlx::query_as!(
        ActionRow,
        "SELECT a.id, a.organization_id, o.name AS organization_name, a.campaign_id, a.vault_id, a.kind, a.slug, a.locale, a.title, a.summary,
                a.description, a.texts, a.button, a.thanks, a.hosted_by, a.privacy, a.confirmation, a.state, a.send_thanks, a.published_count,
                a.published_at, a.created_at, a.modified_at
         FROM actions a JOIN organizations o ON o.id = a.organization_id
         WHERE (a.id = $1 OR ($1 IS NULL AND a.slug = $3)) AND ($2::text IS NULL OR a.kind = $2)",
        id,
        kind.map(Kind::as_str),
        slug
    )
    .fetch_one(conn)
    .await?
    .try_into()
}

/// Ids of one page of actions of a kind, newest first, and how many there are: an organization's, or the public ones.
/// `kind` is the kind's own table, joined as `k`, so that a filter may name its columns; actions are `a`.
///
/// # Errors
/// A database error.
pub async fn page_of_ids(
    conn: &mut PgConnection,
    kind: &'static str,
    organization: Option<Uuid>,
    filter: Option<&Filter>,
    page: PageParams,
) -> Result<(Vec<Uuid>, i64)> {
    let scope = |query: &mut QueryBuilder<Postgres>| {
        query.push(" FROM actions a JOIN ").push(kind).push(" k ON k.id = a.id WHERE ");
        match organization {
            Some(organization) => query.push("a.organization_id = ").push_bind(organization),
            None => query.push("a.state NOT IN ('draft', 'archived')"),
        };
        if let Some(filter) = filter {
            query.push(" AND ");
            filter.push_sql(query);
        }
    };
    let mut count = QueryBuilder::new("SELECT count(*)");
    scope(&mut count);
    let total: i64 = count.build_query_scalar().fetch_one(&mut *conn).await?;
    let mut ids = QueryBuilder::new("SELECT a.id");
    scope(&mut ids);
    ids.push(" ORDER BY a.id DESC LIMIT ").push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
    Ok((ids.build_query_scalar().fetch_all(conn).await?, total))
}

/// Writes a new action.
///
/// # Errors
/// A breach of `actions_kind_slug_key`, or another database error.
#[expect(clippy::too_many_arguments, reason = "one for each part")]
pub async fn insert_action(
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
                              hosted_by, privacy, confirmation, state, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)",
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
        if new.privacy == super::Privacy::Protected { "protected" } else { "standard" },
        if new.confirmation == super::Confirmation::Email { "email" } else { "none" },
        new.state.as_str(),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the editorial columns of an action.
///
/// # Errors
/// A database error.
pub async fn save_action(conn: &mut PgConnection, action: &Action, at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE actions SET title = $2, summary = $3, description = $4, texts = $5, button = $6, thanks = $7, state = $8, modified_at = $9 WHERE id = $1",
        action.id,
        action.title,
        action.summary,
        action.description,
        serde_json::to_value(&action.texts).unwrap_or_default(),
        action.button,
        action.thanks,
        action.state.as_str(),
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Id and language of an organization.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn organization_locale(conn: &mut PgConnection, organization: Uuid) -> Result<LocaleTag> {
    let tag =
        sqlx::query_scalar!("SELECT locale FROM organizations WHERE id = $1", organization).fetch_one(conn).await?;
    Ok(LocaleTag::parse(&tag).unwrap_or_default())
}

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

/// An action as landing pages show it.
#[derive(Clone, Debug)]
pub struct LandingRow {
    pub kind: String,
    pub slug: String,
    pub locale: String,
    pub title: String,
    pub summary: String,
    pub texts: Value,
    pub state: String,
    pub published_count: i64,
    pub goal: Option<i64>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub timezone: Option<String>,
    pub place: Option<String>,
    pub published_status: Option<String>,
}

/// Public actions, of one campaign or of all: what is still ahead or open.
///
/// # Errors
/// A database error.
pub async fn landing_rows(
    conn: &mut PgConnection,
    campaign: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<LandingRow>> {
    Ok(sqlx::query_as!(
        LandingRow,
        r#"SELECT a.kind, a.slug, a.locale, a.title, a.summary, a.texts, a.state, a.published_count, p.goal AS "goal?",
                  e.starts_at AS "starts_at?", e.ends_at AS "ends_at?", e.timezone AS "timezone?",
                  CASE WHEN e.format = 'online' THEN NULL ELSE concat_ws(', ', nullif(e.venue, ''), nullif(e.locality, '')) END AS place,
                  e.published_status AS "published_status?"
           FROM actions a LEFT JOIN petitions p ON p.id = a.id LEFT JOIN events e ON e.id = a.id
           WHERE a.state IN ('published', 'paused', 'won', 'cancelled') AND ($1::uuid IS NULL OR a.campaign_id = $1)
             AND (e.ends_at IS NULL OR e.ends_at > $2)
           ORDER BY CASE a.kind WHEN 'petition' THEN 0 WHEN 'letter' THEN 1 ELSE 2 END, e.starts_at, a.id LIMIT 200"#,
        campaign,
        now
    )
    .fetch_all(conn)
    .await?)
}

/// The name shown on the home page while one organization runs this installation.
///
/// # Errors
/// A database error.
pub async fn only_organization(conn: &mut PgConnection) -> Result<Option<String>> {
    let mut names = sqlx::query_scalar!("SELECT name FROM organizations LIMIT 2").fetch_all(conn).await?;
    Ok(if names.len() == 1 { names.pop() } else { None })
}

/// Where a short link leads: kind and slug.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn short_link(conn: &mut PgConnection, word: &str) -> Result<(String, String)> {
    let row = sqlx::query!("SELECT a.kind, a.slug FROM short_links s JOIN actions a ON a.id = s.action_id WHERE s.word = $1 AND a.state NOT IN ('draft', 'archived')", word).fetch_one(conn).await?;
    Ok((row.kind, row.slug))
}

/// Makes a short link, or points one of the same organization elsewhere. False: another organization has the word.
///
/// # Errors
/// A database error.
pub async fn upsert_short_link(conn: &mut PgConnection, word: &str, action: Uuid, at: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO short_links AS s (word, action_id, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (word) DO UPDATE SET action_id = excluded.action_id
         WHERE (SELECT organization_id FROM actions WHERE id = s.action_id) = (SELECT organization_id FROM actions WHERE id = excluded.action_id)",
        word,
        action,
        at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a partner with its wording, and its source word.
///
/// # Errors
/// A database error.
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
    sqlx::query!(
        "INSERT INTO sources (id, organization_id, word, partner_id) VALUES ($1, $2, $3, $4) ON CONFLICT (organization_id, word) DO UPDATE SET partner_id = excluded.partner_id",
        ids.1,
        organization,
        source,
        partner
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The registered source words of an organization.
///
/// # Errors
/// A database error.
pub async fn source_words(conn: &mut PgConnection, organization: Uuid) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!("SELECT word FROM sources WHERE organization_id = $1", organization).fetch_all(conn).await?)
}

/// Slug and title of a campaign, for links from its actions.
///
/// # Errors
/// A database error.
pub async fn link_to_campaign(conn: &mut PgConnection, id: Option<Uuid>) -> Result<Option<(String, String, Value)>> {
    let Some(id) = id else { return Ok(None) };
    let row = sqlx::query!("SELECT slug, title, texts FROM campaigns WHERE id = $1 AND state = 'published'", id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|r| (r.slug, r.title, r.texts)))
}
