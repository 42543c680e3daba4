//! What organizers do with a petition's life: read its history, hand out previews, make short links.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use crate::{
    campaigns::{self, Action, Kind, ShortLink},
    error::{Error, Result},
    kernel::{
        extract::{PathParams, Valid},
        http_cache::private_json,
        links::Purpose,
    },
    organizers::{Actor, Scope, audit},
    petitions::Petitions,
};

/// Routes of a petition's life.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(get_history))
        .routes(routes!(post_preview, delete_preview))
        .routes(routes!(get_short_links, post_short_link))
        .routes(routes!(delete_short_link))
}

/// What became of the petition: each state with date, organizer and reason, oldest first.
#[utoipa::path(get, path = "/api/v1/petitions/{id}/history", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "The states", body = Value), (status = 401), (status = 404)))]
async fn get_history(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let changes: Vec<Value> = campaigns::state_changes(&mut conn, action.id)
        .await?
        .into_iter()
        .map(|c| json!({"status": c.state, "reason": c.reason, "organizer": c.organizer, "created_date": c.created_at}))
        .collect();
    Ok(private_json(StatusCode::OK, &json!({"muster:history": changes})))
}

/// A link that shows the petition before the public sees it.
#[utoipa::path(post, path = "/api/v1/petitions/{id}/preview", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "The link", body = Value), (status = 401), (status = 404)))]
async fn post_preview(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &petitions.kernel;
    let action = campaigns::find_for(&mut *kernel.db.acquire().await?, Kind::Petition, &key, Some(&actor)).await?;
    let token = kernel.links.token(Purpose::PreviewAction, action.id, action.preview_generation);
    let url = kernel.url(&format!("{}/preview/{token}", action.path()));
    Ok(private_json(StatusCode::OK, &json!({"muster:preview_url": url})))
}

/// Voids all preview links that were given out.
#[utoipa::path(delete, path = "/api/v1/petitions/{id}/preview", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "Voided", body = Value), (status = 401), (status = 404)))]
async fn delete_preview(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    campaigns::void_previews(&mut tx, action.id).await?;
    audit(&mut tx, &kernel.env, &actor, "petition.void_previews", Some(action.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "The preview links given out so far do not work any more."})))
}

fn links(petitions: &Petitions, action: &Action, links: &[ShortLink]) -> Value {
    let kernel = &petitions.kernel;
    let each = |l: &ShortLink| json!({"word": l.word, "url": kernel.url(&format!("/go/{}", l.word)), "hits": l.hits, "created_date": l.created_at});
    json!({"muster:short_links": links.iter().map(each).collect::<Vec<_>>(), "browser_url": kernel.url(&action.path())})
}

/// The petition's short links, with how often each was followed.
#[utoipa::path(get, path = "/api/v1/petitions/{id}/short_links", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "The links", body = Value), (status = 401), (status = 404)))]
async fn get_short_links(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let found = campaigns::short_links(&mut conn, action.id).await?;
    Ok(private_json(StatusCode::OK, &links(&petitions, &action, &found)))
}

/// A short link to make.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewShortLink)]
pub struct ShortLinkBody {
    /// Small letters, digits and hyphens.
    #[validate(length(min = 1, max = 40))]
    word: String,
}

/// Makes a short link, or points one of the organization's here.
#[utoipa::path(post, path = "/api/v1/petitions/{id}/short_links", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), request_body = ShortLinkBody, responses((status = 201, description = "The links", body = Value), (status = 401), (status = 404), (status = 422)))]
async fn post_short_link(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    Valid(Json(body)): Valid<Json<ShortLinkBody>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
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
    let found = campaigns::short_links(&mut tx, action.id).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &links(&petitions, &action, &found)).into_response())
}

/// Removes a short link.
#[utoipa::path(delete, path = "/api/v1/petitions/{id}/short_links/{word}", tag = "petitions", params(("id" = String, Path, description = "UUID or slug"), ("word" = String, Path)), responses((status = 200, description = "Removed", body = Value), (status = 401), (status = 404)))]
async fn delete_short_link(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, word)): PathParams<(String, String)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    if !campaigns::delete_short_link(&mut tx, action.id, &word).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "short_link.delete", Some(action.id), json!({"word": word})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This short link is gone."})))
}
