//! `campaigns` in the API.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    action::{ActionText, CampaignState, Texts},
    document::CommonMembers,
    images, ops,
    pages::CampaignLink,
    retention, sources,
    store::{self, PartnerBox},
    updates,
};
use crate::{
    error::{Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        cache::{Cache, SharedCache},
        cache_invalidation::CacheInvalidation,
        extract::{ListQuery, PathParams},
        filter::{FieldSet, Filter},
        hal::{Links, Notice, identifiers},
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{NewBody, Patch},
        text::{LocaleTag, Slug},
    },
    organizers::{self, Actor, Authenticator, MaybeActor, Scope, audit},
    people::plain_index,
};

/// The filter of a list of actions. Identifiers in other systems are compared for organizers only: what the public reads does not
/// show them.
///
/// # Errors
/// `invalid_filter` (400).
pub fn action_filter(query: &ListQuery, fields: FieldSet, reader: Option<&Actor>) -> Result<Option<Filter>> {
    let mut filter = query.filter(fields)?;
    if let Some(filter) = filter.as_mut().filter(|_| reader.is_some()) {
        filter.resolve_labels(|_, typed| plain_index(typed));
    }
    Ok(filter)
}

/// State of this slice's handlers, and what other slices use of it.
#[derive(Clone, Debug, FromRef)]
pub struct Campaigns {
    /// Shared runtime state.
    pub kernel: Arc<Kernel>,
    /// Authentication of requests.
    pub authenticator: Authenticator,
    sources: SharedCache<(Uuid, String), String>,
    links: SharedCache<(Uuid, LocaleTag, u32), Option<Arc<CampaignLink>>>,
    partners: SharedCache<(Uuid, LocaleTag), Arc<Vec<PartnerBox>>>,
}

impl Campaigns {
    /// The slice with empty caches.
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

    /// The word of origin under which a submission is counted: the registered one, else `other`; `None` if it has none.
    pub async fn source_word(&self, organization: Uuid, input: Option<&str>) -> Result<Option<String>> {
        let Some(input) = input.map(str::trim).filter(|t| !t.is_empty() && t.len() <= 100) else { return Ok(None) };
        let load = async || ops::registered_source(&mut *self.kernel.db.acquire().await?, organization, input).await;
        self.sources.get(&(organization, input.to_owned()), load).await.map(Some)
    }

    /// The consent boxes of an organization's partners.
    pub async fn partner_boxes(&self, organization: Uuid, locale: LocaleTag) -> Result<Arc<Vec<PartnerBox>>> {
        let load = async || {
            let mut conn = self.kernel.db.acquire().await?;
            store::partner_boxes(&mut conn, organization, locale.as_str()).await.map(Arc::new)
        };
        self.partners.get(&(organization, locale), load).await
    }

    /// The campaign of an action and its newest updates, for the action's page.
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
        .merge(retention::router())
}

/// What organizers write of a campaign, which groups actions. A PUT lays its members over the document as it is;
/// absent members stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct CampaignDocument {
    /// Title, one line of at most 300 characters.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// One or two sentences, at most 1,000 characters.
    #[serde(default, rename = "muster:summary")]
    #[validate(length(max = 1000))]
    pub muster_summary: String,
    /// Markdown, at most 40,000 characters.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub description: String,
    /// Last part of the page's address; made from the title if absent.
    #[serde(default, rename = "muster:slug")]
    #[validate(length(max = 80))]
    pub muster_slug: Option<String>,
    /// Language of the texts, as a BCP 47 tag; the organization's if absent.
    #[serde(default, rename = "muster:locale")]
    #[validate(length(max = 35))]
    pub muster_locale: Option<String>,
    /// Title and summary in other languages, by BCP 47 tag; replaced as a whole.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: BTreeMap<String, ActionText>,
    /// Published if absent.
    #[serde(default, rename = "muster:status")]
    pub muster_status: CampaignState,
}

impl CampaignDocument {
    fn of(row: &store::CampaignRow) -> Result<Self> {
        Ok(Self {
            title: row.title.clone(),
            muster_summary: row.summary.clone(),
            description: row.description.clone(),
            muster_slug: Some(row.slug.clone()),
            muster_locale: Some(row.locale.clone()),
            muster_texts: serde_json::from_value(row.texts.clone()).map_err(Error::internal)?,
            muster_status: row.state,
        })
    }
}

/// A campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CampaignResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// What organizers write.
    #[serde(flatten)]
    document: CampaignDocument,
    /// URL of the page.
    browser_url: String,
    /// When it was created.
    created_date: DateTime<Utc>,
    /// When an organizer last changed it.
    modified_date: DateTime<Utc>,
    /// `self`.
    #[serde(rename = "_links")]
    links: Links,
}

impl CampaignResource {
    fn new(kernel: &Kernel, row: &store::CampaignRow) -> Result<Self> {
        Ok(Self {
            identifiers: identifiers(row.id),
            document: CampaignDocument::of(row)?,
            browser_url: kernel.url(&format!("/c/{}", row.slug)),
            created_date: row.created_at,
            modified_date: row.modified_at,
            links: Links::to_self(kernel.url(&format!("/api/v1/campaigns/{}", row.id))).with_curies(),
        })
    }
}

impl Listed for CampaignResource {
    const REL: &str = "osdi:campaigns";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// A validated campaign.
struct ValidatedCampaign {
    title: String,
    summary: String,
    description: String,
    slug: Slug,
    locale: LocaleTag,
    texts: Texts,
    state: CampaignState,
}

async fn validate(conn: &mut PgConnection, organization: Uuid, new: CampaignDocument) -> Result<ValidatedCampaign> {
    let mut errors: Vec<FieldError> = Vec::new();
    let CommonMembers { title, summary, description, slug, locale, texts } = CommonMembers::parse(
        "campaign",
        [&new.title, &new.muster_summary, &new.description],
        new.muster_slug.as_deref(),
        new.muster_locale.as_deref(),
        new.muster_texts,
        &mut errors,
    );
    let Some(slug) = slug.filter(|_| errors.is_empty()) else { return Err(Error::Fields(errors)) };
    let locale = match locale {
        Some(locale) => locale,
        None => store::organization_locale(conn, organization).await?,
    };
    let state = new.muster_status;
    Ok(ValidatedCampaign { title, summary, description, slug, locale, texts, state })
}

fn taken() -> Error {
    Error::field("/muster:slug", "taken", "This address is taken.")
}

/// Creates a campaign.
///
/// # Errors
/// 422 naming the field.
pub async fn save_new_campaign(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: CampaignDocument,
) -> Result<()> {
    let slug_is_made = new.muster_slug.is_none();
    let ValidatedCampaign { title, summary, description, mut slug, locale, texts, state } =
        validate(conn, organization, new).await?;
    if slug_is_made {
        let similar = store::similar_campaign_slugs(conn, &slug).await?;
        slug = slug.first_free(&similar);
    }
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

/// Campaigns, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    responses((status = 200, description = "A page of campaigns", body = Page<CampaignResource>)),
)]
async fn list_campaigns(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    query: ListQuery,
) -> Result<Json<Page<CampaignResource>>> {
    let filter = query.filter(store::CAMPAIGN_FIELDS)?;
    let mut conn = campaigns.kernel.db.acquire().await?;
    let organization = reader.reader().map(|a| a.organization_id);
    let (rows, extent) = store::campaigns(&mut conn, organization, filter.as_ref(), &query.page).await?;
    let items = rows.iter().map(|row| CampaignResource::new(&campaigns.kernel, row)).collect::<Result<_>>()?;
    let url = campaigns.kernel.url("/api/v1/campaigns");
    Ok(Json(Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One campaign.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The campaign", body = CampaignResource), (status = 404)),
)]
async fn get_campaign(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    PathParams(key): PathParams<String>,
) -> Result<Json<CampaignResource>> {
    let mut conn = campaigns.kernel.db.acquire().await?;
    let row = store::campaign(&mut conn, reader.reader().map(|a| a.organization_id), &key).await?;
    Ok(Json(CampaignResource::new(&campaigns.kernel, &row)?))
}

/// Creates a campaign.
#[utoipa::path(
    post,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    request_body = CampaignDocument,
    responses((status = 201, description = "Created", body = CampaignResource), (status = 422)),
)]
async fn create_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<CampaignResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let new: CampaignDocument = body.part()?;
    let key =
        organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/campaigns", &body.bytes).await?;
    let id = kernel.env.id();
    let mut tx = kernel.db.begin().await?;
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            save_new_campaign(&mut tx, kernel, actor.organization_id, id, new).await?;
            audit(&mut tx, &kernel.env, &actor, "campaign.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::campaign(&mut tx, Some(actor.organization_id), &id.to_string()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(CampaignResource::new(kernel, &row)?)).into_response())
}

/// Changes a campaign; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = CampaignDocument,
    responses((status = 200, description = "Changed", body = CampaignResource), (status = 404), (status = 422)),
)]
async fn update_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    changes: Patch<CampaignResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::campaign(&mut tx, Some(actor.organization_id), &key).await?;
    let new = changes.apply(&CampaignDocument::of(&row)?)?;
    let ValidatedCampaign { title, summary, description, slug, locale, texts, state } =
        validate(&mut tx, actor.organization_id, new).await?;
    let at = kernel.env.now();
    store::save_campaign(&mut tx, row.id, slug.as_str(), locale, &title, &summary, &description, &texts, state, at)
        .await
        .on_constraint("campaigns_slug_key", taken)?;
    audit(&mut tx, &kernel.env, &actor, "campaign.edit", Some(row.id), json!({})).await?;
    let row = store::campaign(&mut tx, Some(actor.organization_id), &row.id.to_string()).await?;
    tx.commit().await?;
    Ok(Json(CampaignResource::new(kernel, &row)?).into_response())
}

/// Archives a campaign; its actions and updates are kept.
#[utoipa::path(
    delete,
    path = "/api/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Notice), (status = 404)),
)]
async fn delete_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    let row = store::campaign(&mut tx, Some(actor.organization_id), &key).await?;
    store::archive_campaign(&mut tx, row.id, kernel.env.now()).await?;
    audit(&mut tx, &kernel.env, &actor, "campaign.archive", Some(row.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This campaign was archived. Its actions and updates are kept." }))
}
