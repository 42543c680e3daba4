//! Short links of a petition (`/go/{word}`), with their clicks.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use crate::{
    campaigns::{self, Action, Kind, ShortLink},
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        hal::Notice,
        http_cache::private_json,
        paging::{Listed, MAX_PER_PAGE, Page, PageParams},
        patch::NewBody,
    },
    organizers::{Actor, Scope, audit},
    petitions::Petitions,
};

/// Routes of a petition's short links.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(list_short_links, create_short_link)).routes(routes!(delete_short_link))
}

/// A short link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShortLinkResource {
    /// The last part of its address.
    word: String,
    /// URL.
    url: String,
    /// How often it was followed.
    hits: i64,
    /// When it was made.
    created_date: DateTime<Utc>,
}

impl Listed for ShortLinkResource {
    const REL: &str = "muster:short_links";
    const IS_ALSO_MEMBER: bool = true;
}

/// A page of short links of a petition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShortLinkList {
    /// The links.
    #[serde(flatten)]
    page: Page<ShortLinkResource>,
    /// URL of the page to which they lead.
    browser_url: String,
}

async fn list(
    kernel: &Kernel,
    conn: &mut PgConnection,
    action: &Action,
    raw_query: &str,
    page: &PageParams,
) -> Result<ShortLinkList> {
    let (links, extent) = campaigns::short_links(conn, action.id, page).await?;
    let each = |l: ShortLink| ShortLinkResource {
        url: kernel.url(&format!("/go/{}", l.word)),
        word: l.word,
        hits: l.clicks,
        created_date: l.created_at,
    };
    let url = kernel.url(&format!("{}/short_links", action.api_path()));
    let page = Page::new(&url, raw_query, page, &extent, links.into_iter().map(each).collect());
    Ok(ShortLinkList { page, browser_url: kernel.url(&action.path()) })
}

/// The petition's short links with their clicks, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/short_links",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), PagingParams),
    responses(
        (status = 200, description = "A page of links", body = ShortLinkList),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_short_links(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    Ok(private_json(StatusCode::OK, &list(kernel, &mut conn, &action, &query.raw, &query.page).await?))
}

/// A short link to create.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewShortLink)]
pub(super) struct ShortLinkBody {
    /// Lower-case letters, digits and hyphens, at most 40.
    #[validate(length(min = 1, max = 40))]
    word: String,
}

/// Creates a short link, or makes one of the organization lead to this petition.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/short_links",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = ShortLinkBody,
    responses((status = 201, description = "The first hundred links", body = ShortLinkList), (status = 401), (status = 404), (status = 422)),
)]
async fn create_short_link(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<ShortLinkBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: ShortLinkBody = body.part()?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    campaigns::register_short_link(&mut tx, kernel, &body.word, action.id).await.map_err(|error| match error {
        Error::Fields(mut fields) => {
            for field in &mut fields {
                "/word".clone_into(&mut field.pointer);
            }
            Error::Fields(fields)
        }
        error => error,
    })?;
    audit(&mut tx, &kernel.env, &actor, "short_link.create", Some(action.id), json!({"word": body.word})).await?;
    let body = list(kernel, &mut tx, &action, "", &PageParams::first(MAX_PER_PAGE)).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Deletes a short link.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/short_links/{word}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("word" = String, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_short_link(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, word)): PathParams<(String, String)>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    if !campaigns::delete_short_link(&mut tx, action.id, &word).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "short_link.delete", Some(action.id), json!({"word": word})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This short link is gone." }))
}
