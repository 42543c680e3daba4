//! `sources` and `partners` in the API: registered words of origin (as `utm_source` elsewhere). Links carry them as
//! `?source={word}`; any other word counts as `other`.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{api::Campaigns, document::slug_of_title, ops::register_partner, store};
use crate::{
    error::{Error, Result},
    kernel::{
        extract::{ListQuery, PagingParams, PathParams},
        hal::Notice,
        http_cache::private_json,
        paging::{Listed, MAX_PER_PAGE, Page, PageParams},
        patch::NewBody,
        text::{LocaleTag, Slug, TextError, required_line},
    },
    organizers::{Actor, Scope, audit},
};

/// Routes of sources.
pub(super) fn router() -> OpenApiRouter<Campaigns> {
    OpenApiRouter::new()
        .routes(routes!(list_sources, create_source))
        .routes(routes!(delete_source))
        .routes(routes!(list_partners, create_partner))
        .routes(routes!(delete_partner))
}

/// A partner organization: its consent box in forms, and its word of origin.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewPartner)]
pub(super) struct PartnerBody {
    /// Its name, at most 200 characters.
    #[validate(length(min = 1, max = 200))]
    name: String,
    /// Small letters, digits and hyphens; made from the name if absent. Also its word of origin.
    #[serde(default, rename = "muster:slug")]
    #[validate(length(max = 80))]
    muster_slug: Option<String>,
    /// The sentence beside the box, by language. Changing it makes a new version; given consents keep the old one.
    #[serde(rename = "muster:wording")]
    #[validate(length(min = 1, max = 10))]
    muster_wording: BTreeMap<String, String>,
}

/// A partner organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PartnerResource {
    /// Its name, at most 200 characters.
    name: String,
    /// Its slug, and its word of origin.
    #[serde(rename = "muster:slug")]
    muster_slug: String,
    /// The sentence beside the consent box, by BCP 47 tag.
    #[serde(rename = "muster:wording")]
    muster_wording: BTreeMap<String, String>,
}

impl Listed for PartnerResource {
    const REL: &str = "muster:partners";
    const IS_ALSO_MEMBER: bool = true;
}

type PartnerPage = Page<PartnerResource>;

async fn page_of_partners(
    campaigns: &Campaigns,
    actor: &Actor,
    raw_query: &str,
    page: &PageParams,
) -> Result<PartnerPage> {
    let kernel = &campaigns.kernel;
    let (partners, extent) = store::partners(&mut *kernel.db.acquire().await?, actor.organization_id, page).await?;
    let each = |p: store::PartnerRow| {
        let muster_wording = serde_json::from_value(p.wording).map_err(Error::internal)?;
        Ok(PartnerResource { name: p.name, muster_slug: p.slug, muster_wording })
    };
    let items = partners.into_iter().map(each).collect::<Result<_>>()?;
    Ok(Page::new(&kernel.url("/api/v1/partners"), raw_query, page, &extent, items))
}

/// The partners of the organization, by name.
#[utoipa::path(
    get,
    path = "/api/v1/partners",
    tag = "sources",
    params(PagingParams),
    responses((status = 200, description = "A page of partners", body = PartnerPage), (status = 400), (status = 401)),
)]
async fn list_partners(State(campaigns): State<Campaigns>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let page = page_of_partners(&campaigns, &actor, &query.raw, &query.page).await?;
    Ok(private_json(StatusCode::OK, &page))
}

/// Adds a partner, or changes the one of this slug.
#[utoipa::path(
    post,
    path = "/api/v1/partners",
    tag = "sources",
    request_body = PartnerBody,
    responses((status = 201, description = "The first hundred partners", body = PartnerPage), (status = 401), (status = 422)),
)]
async fn create_partner(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    body: NewBody<PartnerBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: PartnerBody = body.part()?;
    let kernel = &campaigns.kernel;
    let name = required_line(&body.name, 200).map_err(|e| Error::field("/name", e.code, e.detail))?;
    let slug = match &body.muster_slug {
        Some(input) => Slug::parse(input),
        None => slug_of_title(&name, "partner"),
    };
    let slug = slug.map_err(|e| Error::field("/muster:slug", e.code, e.detail))?;
    if slug.as_str() == "other" {
        return Err(Error::field("/muster:slug", "not_allowed", "\"other\" stands for what is not registered."));
    }
    let mut wording = serde_json::Map::new();
    for (tag, sentence) in &body.muster_wording {
        let refuse =
            |e: TextError| Error::field(format!("/muster:wording/{}", tag.replace('/', "~1")), e.code, e.detail);
        let locale = LocaleTag::parse(tag).map_err(refuse)?;
        wording.insert(locale.as_str().to_owned(), required_line(sentence, 500).map_err(refuse)?.into());
    }
    let mut tx = kernel.db.begin().await?;
    let wording = Value::Object(wording);
    register_partner(&mut tx, kernel, actor.organization_id, slug.as_str(), &name, &wording, slug.as_str()).await?;
    audit(&mut tx, &kernel.env, &actor, "partner.save", None, json!({"slug": slug.as_str()})).await?;
    tx.commit().await?;
    let page = page_of_partners(&campaigns, &actor, "", &PageParams::first(MAX_PER_PAGE)).await?;
    Ok(private_json(StatusCode::CREATED, &page))
}

/// Removes a partner's box and its word of origin; given consents stay on record.
#[utoipa::path(
    delete,
    path = "/api/v1/partners/{slug}",
    tag = "sources",
    params(("slug" = String, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_partner(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(slug): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    if !store::delete_partner(&mut tx, actor.organization_id, &slug).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "partner.delete", None, json!({"slug": slug})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This partner's box is gone. Consents that were given stay on record." }))
}

/// A word to register.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewSource)]
pub(super) struct SourceBody {
    /// Small letters, digits and hyphens.
    #[validate(length(min = 1, max = 80))]
    word: String,
    /// Slug of the partner organization that it stands for.
    #[serde(default, rename = "muster:partner")]
    #[validate(length(max = 80))]
    muster_partner: Option<String>,
}

/// A registered word of origin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceResource {
    /// The word.
    word: String,
    /// Slug of the partner organization that it stands for.
    #[serde(rename = "muster:partner")]
    muster_partner: Option<String>,
}

impl Listed for SourceResource {
    const REL: &str = "muster:sources";
    const IS_ALSO_MEMBER: bool = true;
}

type SourcePage = Page<SourceResource>;

async fn page_of_sources(
    campaigns: &Campaigns,
    actor: &Actor,
    raw_query: &str,
    page: &PageParams,
) -> Result<SourcePage> {
    let kernel = &campaigns.kernel;
    let (words, extent) = store::sources(&mut *kernel.db.acquire().await?, actor.organization_id, page).await?;
    let each = |s: store::SourceRow| SourceResource { word: s.word, muster_partner: s.partner };
    let items = words.into_iter().map(each).collect();
    Ok(Page::new(&kernel.url("/api/v1/sources"), raw_query, page, &extent, items))
}

/// The registered words of the organization, in their order.
#[utoipa::path(
    get,
    path = "/api/v1/sources",
    tag = "sources",
    params(PagingParams),
    responses((status = 200, description = "A page of words", body = SourcePage), (status = 400), (status = 401)),
)]
async fn list_sources(State(campaigns): State<Campaigns>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let page = page_of_sources(&campaigns, &actor, &query.raw, &query.page).await?;
    Ok(private_json(StatusCode::OK, &page))
}

/// Registers a word, or says for which partner it stands.
#[utoipa::path(
    post,
    path = "/api/v1/sources",
    tag = "sources",
    request_body = SourceBody,
    responses((status = 201, description = "The first hundred words", body = SourcePage), (status = 401), (status = 422)),
)]
async fn create_source(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    body: NewBody<SourceBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: SourceBody = body.part()?;
    let kernel = &campaigns.kernel;
    let word = Slug::parse(&body.word).map_err(|e| Error::field("/word", e.code, e.detail))?;
    if word.as_str() == "other" {
        return Err(Error::field("/word", "not_allowed", "\"other\" stands for what is not registered."));
    }
    let mut tx = kernel.db.begin().await?;
    let partner = match &body.muster_partner {
        None => None,
        Some(slug) => Some(
            store::partner_id(&mut tx, actor.organization_id, slug)
                .await?
                .ok_or_else(|| Error::field("/muster:partner", "unknown_value", "There is no such partner."))?,
        ),
    };
    store::upsert_source(&mut tx, kernel.env.id(), actor.organization_id, word.as_str(), partner).await?;
    audit(&mut tx, &kernel.env, &actor, "source.create", None, json!({"word": word.as_str()})).await?;
    tx.commit().await?;
    let page = page_of_sources(&campaigns, &actor, "", &PageParams::first(MAX_PER_PAGE)).await?;
    Ok(private_json(StatusCode::CREATED, &page))
}

/// Removes a word; what was counted under it stays counted.
#[utoipa::path(
    delete,
    path = "/api/v1/sources/{word}",
    tag = "sources",
    params(("word" = String, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_source(
    State(campaigns): State<Campaigns>,
    actor: Actor,
    PathParams(word): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &campaigns.kernel;
    let mut tx = kernel.db.begin().await?;
    if !store::delete_source(&mut tx, actor.organization_id, &word).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "source.delete", None, json!({"word": word})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This word counts as \"other\" from now on." }))
}
