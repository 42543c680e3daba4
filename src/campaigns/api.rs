//! `campaigns` and `updates` in the API.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    action::{Texts, parse_texts},
    ops,
    pages::CampaignLink,
    sources,
    store::{self, PartnerBox},
};
use crate::{
    error::{Error, FieldError, OnConstraint, Result},
    kernel::{
        Kernel,
        cache::{Cache, SharedCache},
        changes::Change,
        extract::{ListQuery, Segments, ValidWithBytes},
        hal::{curies, identifiers, link},
        idempotency::{self, Claim},
        paging::Listing,
        text::{LocaleTag, Slug, clean_line, clean_text, required_line},
    },
    organizers::{self, Access, Actor, MaybeActor, Scope, audit},
};

/// What this slice's handlers share, and what the slices above ask it.
#[derive(Clone, Debug, FromRef)]
pub struct Campaigns {
    /// Tools.
    pub kernel: Arc<Kernel>,
    /// Who is asking.
    pub access: Access,
    sources: SharedCache<(Uuid, String), String>,
    links: SharedCache<(Uuid, LocaleTag, i64), Option<Arc<CampaignLink>>>,
    partners: SharedCache<(Uuid, LocaleTag), Arc<Vec<PartnerBox>>>,
}

impl Campaigns {
    /// The slice over these tools.
    pub fn new(kernel: Arc<Kernel>, access: Access) -> Self {
        let cx = || kernel.cx.clone();
        Self {
            partners: Cache::watching(cx(), &kernel.changes, |_, _, change| change == Change::Any),
            sources: Cache::watching(cx(), &kernel.changes, |_, _, change| change == Change::Any),
            links: Cache::watching(cx(), &kernel.changes, |(campaign, ..): &(Uuid, _, _), _, change| {
                change.concerns(*campaign)
            }),
            kernel,
            access,
        }
    }

    /// The word under which an act's source is counted: a registered one, "other", or nothing where nothing was said.
    ///
    /// # Errors
    /// A database error.
    pub async fn source_word(&self, organization: Uuid, typed: Option<&str>) -> Result<Option<String>> {
        let Some(typed) = typed.map(str::trim).filter(|t| !t.is_empty() && t.len() <= 100) else { return Ok(None) };
        let load = async || ops::registered_source(&mut *self.kernel.db.acquire().await?, organization, typed).await;
        self.sources.get(&(organization, typed.to_owned()), load).await.map(Some)
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
        updates: i64,
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
        .routes(routes!(list_campaigns, post_campaign))
        .routes(routes!(get_campaign))
        .routes(routes!(list_updates, post_update))
        .routes(routes!(get_update))
        .merge(sources::router())
}

/// A campaign to create: the umbrella that groups actions.
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

/// A timeline post to create.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
pub struct NewUpdate {
    /// Title.
    #[validate(length(min = 1, max = 300))]
    pub title: String,
    /// Markdown.
    #[serde(default)]
    #[validate(length(max = 40_000))]
    pub body: String,
    /// Id or slug of the campaign.
    #[serde(rename = "muster:campaign")]
    #[validate(length(min = 1, max = 80))]
    pub muster_campaign: String,
    /// News if absent.
    #[serde(default, rename = "muster:kind")]
    pub muster_kind: UpdateKind,
    /// The day it is about; today if absent.
    #[serde(default)]
    pub date: Option<NaiveDate>,
    /// Numbers for the chart.
    #[serde(default)]
    #[validate(length(max = 50), nested)]
    pub figures: Vec<Figure>,
    /// Where the numbers come from.
    #[serde(default)]
    #[validate(length(max = 500))]
    pub source_url: String,
    /// Titles in other languages.
    #[serde(default, rename = "muster:texts")]
    pub muster_texts: Texts,
}

/// The kinds of update.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    #[default]
    News,
    Win,
    Deadline,
    Draw,
    Press,
    Story,
}

/// One number of a series.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
pub struct Figure {
    /// Which series: "Invitations".
    #[validate(length(min = 1, max = 100))]
    pub series: String,
    /// The number.
    pub value: f64,
    /// Its unit: "people".
    #[serde(default)]
    #[validate(length(max = 40))]
    pub unit: String,
}

/// Creates a campaign.
///
/// # Errors
/// 422 naming the field, or a database error.
pub async fn create_campaign(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: NewCampaign,
) -> Result<()> {
    let mut errors: Vec<FieldError> = Vec::new();
    let title = required_line(&new.title, 300).map_err(|e| Error::field("/title", e.code, e.detail))?;
    let summary =
        clean_text(&new.muster_summary, 1000).map_err(|e| Error::field("/muster:summary", e.code, e.detail))?;
    let description =
        clean_text(&new.description, 40_000).map_err(|e| Error::field("/description", e.code, e.detail))?;
    let slug = match &new.muster_slug {
        Some(typed) => Slug::parse(typed).map_err(|e| Error::field("/muster:slug", e.code, e.detail))?,
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
        kernel.cx.now(),
    )
    .await
    .on_constraint("campaigns_slug_key", || Error::field("/muster:slug", "taken", "This address is taken."))
}

/// Creates an update.
///
/// # Errors
/// 422 naming the field, or a database error.
pub async fn create_update(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: NewUpdate,
) -> Result<()> {
    let mut errors: Vec<FieldError> = Vec::new();
    let title = required_line(&new.title, 300).map_err(|e| Error::field("/title", e.code, e.detail))?;
    let body = clean_text(&new.body, 40_000).map_err(|e| Error::field("/body", e.code, e.detail))?;
    if !new.source_url.is_empty() && !new.source_url.starts_with("https://") && !new.source_url.starts_with("http://") {
        return Err(Error::field("/source_url", "invalid_value", "Must start with https://."));
    }
    for (i, figure) in new.figures.iter().enumerate() {
        if !figure.value.is_finite() {
            errors.push(FieldError::new(format!("/figures/{i}/value"), "out_of_range", "Must be a finite number."));
        }
        for (name, text, most) in [("series", &figure.series, 100), ("unit", &figure.unit, 40)] {
            if let Err(e) = clean_line(text, most) {
                errors.push(FieldError::new(format!("/figures/{i}/{name}"), e.code, e.detail));
            }
        }
    }
    let texts = parse_texts(new.muster_texts, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let campaign =
        store::campaign(conn, Some(organization), &new.muster_campaign).await.map_err(|e| match e.code() {
            crate::error::Code::NotFound => {
                Error::field("/muster:campaign", "unknown_value", "There is no such campaign.")
            }
            _ => e,
        })?;
    let day = new.date.unwrap_or_else(|| kernel.cx.now().date_naive());
    if !(1900..=2200).contains(&day.year()) {
        return Err(Error::field("/date", "out_of_range", "Must lie between 1900 and 2200."));
    }
    let kind = serde_json::to_value(new.muster_kind).unwrap_or_default();
    store::insert_update(
        conn,
        id,
        organization,
        campaign.id,
        kind.as_str().unwrap_or("news"),
        &title,
        &body,
        &texts,
        day,
        &json!(new.figures),
        &new.source_url,
        kernel.cx.now(),
    )
    .await
    .on_constraint("updates_campaign_title_key", || {
        Error::field("/title", "taken", "There is an update of that day with this title.")
    })
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

fn update_resource(kernel: &Kernel, row: &store::UpdateRow) -> Value {
    json!({
        "identifiers": identifiers(row.id),
        "title": row.title,
        "body": row.body,
        "date": row.happened_on,
        "figures": row.figures,
        "source_url": row.source_url,
        "created_date": row.created_at,
        "modified_date": row.modified_at,
        "muster:kind": row.kind,
        "muster:campaign": row.campaign_slug,
        "muster:texts": row.texts,
        "_links": {
            "self": link(kernel.url(&format!("/api/v1/updates/{}", row.id))),
            "osdi:campaign": link(kernel.url(&format!("/api/v1/campaigns/{}", row.campaign_id))),
            "curies": curies(),
        },
    })
}

/// Campaigns, newest first.
#[utoipa::path(get, path = "/api/v1/campaigns", tag = "campaigns", responses((status = 200, description = "A page of campaigns", body = Value)))]
async fn list_campaigns(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    query: ListQuery,
) -> Result<Json<Value>> {
    no_filter(&query)?;
    let mut conn = campaigns.kernel.db.acquire().await?;
    let (rows, total) = store::campaigns(
        &mut conn,
        reader.reader().map(|a| a.organization_id),
        query.page.limit(),
        query.page.offset(),
    )
    .await?;
    let items = rows.iter().map(|row| campaign_resource(&campaigns.kernel, row)).collect();
    let url = campaigns.kernel.url("/api/v1/campaigns");
    Ok(Json(Listing::new(&url, "osdi:campaigns", query.page, total.unsigned_abs()).keep_query(&query.raw).body(items)))
}

fn no_filter(query: &ListQuery) -> Result<()> {
    query.filter(crate::kernel::filter::FieldSet(&[])).map(|_| ())
}

/// One campaign.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "The campaign", body = Value), (status = 404)))]
async fn get_campaign(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    Segments(key): Segments<String>,
) -> Result<Json<Value>> {
    let mut conn = campaigns.kernel.db.acquire().await?;
    let row = store::campaign(&mut conn, reader.reader().map(|a| a.organization_id), &key).await?;
    Ok(Json(campaign_resource(&campaigns.kernel, &row)))
}

/// Creates a campaign.
#[utoipa::path(post, path = "/api/v1/campaigns", tag = "campaigns", request_body = NewCampaign, responses((status = 201, description = "Created", body = Value), (status = 422)))]
async fn post_campaign(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<NewCampaign>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/campaigns", &bytes)?;
    let id = kernel.cx.id();
    let mut tx = kernel.db.begin().await?;
    let id = match idempotency::claim(&mut tx, &kernel.cx, key.as_ref(), id).await? {
        Claim::Replayed(id) => id,
        Claim::Fresh => {
            create_campaign(&mut tx, kernel, actor.organization_id, id, body).await?;
            audit(&mut tx, &kernel.cx, &actor, "campaign.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::campaign(&mut tx, Some(actor.organization_id), &id.to_string()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(campaign_resource(kernel, &row))).into_response())
}

/// Updates, newest first.
#[utoipa::path(get, path = "/api/v1/updates", tag = "updates", responses((status = 200, description = "A page of updates", body = Value)))]
async fn list_updates(State(campaigns): State<Campaigns>, reader: MaybeActor, query: ListQuery) -> Result<Json<Value>> {
    no_filter(&query)?;
    let mut conn = campaigns.kernel.db.acquire().await?;
    let (rows, total) = store::updates(
        &mut conn,
        reader.reader().map(|a| a.organization_id),
        None,
        query.page.limit(),
        query.page.offset(),
    )
    .await?;
    let items = rows.iter().map(|row| update_resource(&campaigns.kernel, row)).collect();
    let url = campaigns.kernel.url("/api/v1/updates");
    Ok(Json(Listing::new(&url, "muster:updates", query.page, total.unsigned_abs()).keep_query(&query.raw).body(items)))
}

/// One update.
#[utoipa::path(get, path = "/api/v1/updates/{id}", tag = "updates", params(("id" = Uuid, Path)), responses((status = 200, description = "The update", body = Value), (status = 404)))]
async fn get_update(
    State(campaigns): State<Campaigns>,
    reader: MaybeActor,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    let mut conn = campaigns.kernel.db.acquire().await?;
    let row = store::update(&mut conn, reader.reader().map(|a| a.organization_id), id).await?;
    Ok(Json(update_resource(&campaigns.kernel, &row)))
}

/// Creates an update.
#[utoipa::path(post, path = "/api/v1/updates", tag = "updates", request_body = NewUpdate, responses((status = 201, description = "Created", body = Value), (status = 422)))]
async fn post_update(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<NewUpdate>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/updates", &bytes)?;
    let id = kernel.cx.id();
    let mut tx = kernel.db.begin().await?;
    let id = match idempotency::claim(&mut tx, &kernel.cx, key.as_ref(), id).await? {
        Claim::Replayed(id) => id,
        Claim::Fresh => {
            create_update(&mut tx, kernel, actor.organization_id, id, body).await?;
            audit(&mut tx, &kernel.cx, &actor, "update.create", Some(id), json!({})).await?;
            id
        }
    };
    let row = store::update(&mut tx, Some(actor.organization_id), id).await?;
    tx.commit().await?;
    kernel.changes.tell(Change::One(row.campaign_id));
    Ok((StatusCode::CREATED, Json(update_resource(kernel, &row))).into_response())
}
