//! `campaigns` in the API.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    action::{Texts, parse_texts},
    images, ops,
    pages::CampaignLink,
    sources,
    store::{self, PartnerBox},
    updates,
};
use crate::{
    error::{Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        cache::{Cache, SharedCache},
        cache_invalidation::CacheInvalidation,
        extract::{ListQuery, MergePatch, PathParams, Valid, ValidWithBytes},
        hal::{curies, identifiers, link},
        idempotency::{self, KeyClaim},
        paging::Listing,
        text::{LocaleTag, Slug, clean_text, required_line},
    },
    organizers::{self, Actor, Authenticator, MaybeActor, Scope, audit},
};

/// What this slice's handlers share, and what the slices above ask it.
#[derive(Clone, Debug, FromRef)]
pub struct Campaigns {
    /// Tools.
    pub kernel: Arc<Kernel>,
    /// Who is asking.
    pub authenticator: Authenticator,
    sources: SharedCache<(Uuid, String), String>,
    links: SharedCache<(Uuid, LocaleTag, u32), Option<Arc<CampaignLink>>>,
    partners: SharedCache<(Uuid, LocaleTag), Arc<Vec<PartnerBox>>>,
}

impl Campaigns {
    /// The slice over these tools.
    pub fn new(kernel: Arc<Kernel>, authenticator: Authenticator) -> Self {
        let env = || kernel.env.clone();
        Self {
            partners: Cache::invalidated_by(env(), &kernel.cache_invalidator, |_, _, change| {
                change == CacheInvalidation::All
            }),
            sources: Cache::invalidated_by(env(), &kernel.cache_invalidator, |_, _, change| {
                change == CacheInvalidation::All
            }),
            links: Cache::invalidated_by(
                env(),
                &kernel.cache_invalidator,
                |(campaign, ..): &(Uuid, _, _), _, change| change.affects(*campaign),
            ),
            kernel,
            authenticator,
        }
    }

    /// The word under which an act's source is counted: a registered one, "other", or nothing where nothing was said.
    ///
    /// # Errors
    /// A database error.
    pub async fn source_word(&self, organization: Uuid, input: Option<&str>) -> Result<Option<String>> {
        let Some(input) = input.map(str::trim).filter(|t| !t.is_empty() && t.len() <= 100) else { return Ok(None) };
        let load = async || ops::registered_source(&mut *self.kernel.db.acquire().await?, organization, input).await;
        self.sources.get(&(organization, input.to_owned()), load).await.map(Some)
    }

    /// The consent boxes of an organization's partners.
    ///
    /// # Errors
    /// A database error.
    pub async fn partner_boxes(&self, organization: Uuid, locale: LocaleTag) -> Result<Arc<Vec<PartnerBox>>> {
        let load = async || {
            let mut conn = self.kernel.db.acquire().await?;
            store::partner_boxes(&mut conn, organization, locale.as_str()).await.map(Arc::new)
        };
        self.partners.get(&(organization, locale), load).await
    }

    /// The campaign of an action and its newest updates, for the action's page.
    ///
    /// # Errors
    /// A database error.
    pub async fn link(
        &self,
        campaign: Option<Uuid>,
        locale: LocaleTag,
        updates: u32,
    ) -> Result<Option<Arc<CampaignLink>>> {
        let Some(campaign) = campaign else { return Ok(None) };
        let load = async || {
            let mut conn = self.kernel.db.acquire().await?;
            CampaignLink::of(&mut conn, campaign, locale, updates).await.map(|link| link.map(Arc::new))
        };
        self.links.get(&(campaign, locale, updates), load).await
    }
}

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Campaigns> {
    OpenApiRouter::new()
        .routes(routes!(list_campaigns, create_campaign))
        .routes(routes!(get_campaign, update_campaign, delete_campaign))
        .merge(updates::router())
        .merge(images::router())
        .merge(sources::router())
}

/// A campaign to create: the umbrella that groups actions. In a PUT, absent members stay.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewCampaign {
    /// Title.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// One or two sentences.
    #[serde(default, rename = "muster:summary")]
    #[validate(length(max = 1000))]
    pub muster_summary: String,
    /// Markdown.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub description: String,
    /// Address of the page; made from the title if absent.
    #[serde(default, rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Language of the texts.
    #[serde(default, rename = "muster:locale")]
    #[validate(length(max = 35))]
    pub muster_locale: Option<String>,
    /// Title and summary in other languages.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: Texts,
    /// Draft or published (the default).
    #[serde(default, rename = "muster:status")]
    pub muster_status: CampaignState,
}

/// `muster:status` of a campaign.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Seen by organizers only.
    Draft,
    /// Seen by all.
    #[default]
    Published,
    /// Put away.
    Archived,
}

/// A campaign that passed.
struct ValidatedCampaign {
    title: String,
    summary: String,
    description: String,
    slug: Slug,
    locale: LocaleTag,
    texts: Texts,
    state: &'static str,
}

async fn validate(conn: &mut PgConnection, organization: Uuid, new: NewCampaign) -> Result<ValidatedCampaign> {
    let mut errors: Vec<FieldError> = Vec::new();
    let title = required_line(&new.title, 300).map_err(|e| Error::field("/title", e.code, e.detail))?;
    let summary =
        clean_text(&new.muster_summary, 1000).map_err(|e| Error::field("/muster:summary", e.code, e.detail))?;
    let description =
        clean_text(&new.description, 40_000).map_err(|e| Error::field("/description", e.code, e.detail))?;
    let slug = match &new.muster_slug {
        Some(input) => Slug::parse(input).map_err(|e| Error::field("/muster:slug", e.code, e.detail))?,
        None => Slug::from_title(&title).ok_or_else(|| {
            Error::field("/muster:slug", "required", "No address can be made from this title; give one.")
        })?,
    };
    let locale = match new.muster_locale.as_deref().map(LocaleTag::parse).transpose() {
        Ok(Some(locale)) => locale,
        Ok(None) => store::organization_locale(conn, organization).await?,
        Err(e) => return Err(Error::field("/muster:locale", "unknown_value", e.detail)),
    };
    let texts = parse_texts(new.muster_texts, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let state = match new.muster_status {
        CampaignState::Draft => "draft",
        CampaignState::Published => "published",
        CampaignState::Archived => "archived",
    };
    Ok(ValidatedCampaign { title, summary, description, slug, locale, texts, state })
}

fn taken() -> Error {
    Error::field("/muster:slug", "taken", "This address is taken.")
}

/// Creates a campaign.
///
/// # Errors
/// 422 naming the field, or a database error.
pub async fn save_new_campaign(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: NewCampaign,
) -> Result<()> {
    let ValidatedCampaign { title, summary, description, slug, locale, texts, state } =
        validate(conn, organization, new).await?;
    let at = kernel.env.now();
    store::insert_campaign(
        conn,
        id,
        organization,
        slug.as_str(),
        locale,
        &title,
        &summary,
        &description,
        &texts,
        state,
        at,
    )
    .await
    .on_constraint("campaigns_slug_key", taken)
}

fn campaign_resource(kernel: &Kernel, row: &store::CampaignRow) -> Value {
    json!({
        "identifiers": identifiers(row.id),
        "title": row.title,
        "description": row.description,
        "browser_url": kernel.url(&format!("/c/{}", row.slug)),
        "created_date": row.created_at,
        "modified_date": row.modified_at,
        "muster:slug": row.slug,
        "muster:summary": row.summary,
        "muster:status": row.state,
        "muster:locale": row.locale,
        "muster:texts": row.texts,
        "_links": {"self": link(kernel.url(&format!("/api/v1/campaigns/{}", row.id))), "curies": curies()},
    })
}

/// Campaigns, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    responses((status = 200, description = "A page of campaigns", body = Value)),
)]
async fn list_campaigns(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    query: ListQuery,
) -> Result<Json<Value>> {
    no_filter(&query)?;
    let mut conn = campaigns.kernel.db.acquire().await?;
    let organization = reader.reader().map(|a| a.organization_id);
    let (rows, extent) = store::campaigns(&mut conn, organization, &query.page).await?;
    let items = rows.iter().map(|row| campaign_resource(&campaigns.kernel, row)).collect();
    let url = campaigns.kernel.url("/api/v1/campaigns");
    Ok(Json(Listing::new(&url, "osdi:campaigns", &query.page, extent).keep_query(&query.raw).body(items)))
}

/// Nothing here can be filtered by.
pub(super) fn no_filter(query: &ListQuery) -> Result<()> {
    query.filter(crate::kernel::filter::FieldSet(&[])).map(|_| ())
}

/// One campaign.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The campaign", body = Value), (status = 404)),
)]
async fn get_campaign(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    let mut conn = campaigns.kernel.db.acquire().await?;
    let row = store::campaign(&mut conn, reader.reader().map(|a| a.organization_id), &key).await?;
    Ok(Json(campaign_resource(&campaigns.kernel, &row)))
}

/// Creates a campaign.
#[utoipa::path(
    post,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    request_body = NewCampaign,
    responses((status = 201, description = "Created", body = Value), (status = 422)),
)]
async fn create_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<NewCampaign>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/campaigns", &bytes).await?;
    let id = kernel.env.id();
    let mut tx = kernel.db.begin().await?;
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            save_new_campaign(&mut tx, kernel, actor.organization_id, id, body).await?;
            audit(&mut tx, &kernel.env, &actor, "campaign.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::campaign(&mut tx, Some(actor.organization_id), &id.to_string()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(campaign_resource(kernel, &row))).into_response())
}

/// Changes a campaign; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = NewCampaign,
    responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 422)),
)]
async fn update_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    Valid(Json(changes)): Valid<Json<MergePatch>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::campaign(&mut tx, Some(actor.organization_id), &key).await?;
    let new: NewCampaign = changes.apply_to(campaign_resource(kernel, &row))?;
    let ValidatedCampaign { title, summary, description, slug, locale, texts, state } =
        validate(&mut tx, actor.organization_id, new).await?;
    let at = kernel.env.now();
    store::save_campaign(&mut tx, row.id, slug.as_str(), locale, &title, &summary, &description, &texts, state, at)
        .await
        .on_constraint("campaigns_slug_key", taken)?;
    audit(&mut tx, &kernel.env, &actor, "campaign.edit", Some(row.id), json!({})).await?;
    let row = store::campaign(&mut tx, Some(actor.organization_id), &row.id.to_string()).await?;
    tx.commit().await?;
    Ok(Json(campaign_resource(kernel, &row)).into_response())
}

/// Puts a campaign away; its actions and updates stay.
#[utoipa::path(
    delete,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Value), (status = 404)),
)]
async fn delete_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::campaign(&mut tx, Some(actor.organization_id), &key).await?;
    store::archive_campaign(&mut tx, row.id, kernel.env.now()).await?;
    audit(&mut tx, &kernel.env, &actor, "campaign.archive", Some(row.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This campaign was archived. Its actions and updates are kept."})))
}
