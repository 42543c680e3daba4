//! Preview links: they show a draft to whoever has the link.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    campaigns::{self, Kind},
    error::Result,
    kernel::{extract::PathParams, hal::Notice, http_cache::private_json},
    organizers::{Actor, Scope, audit},
    petitions::{PREVIEW_PETITION, Petitions},
};

/// Routes of a petition's preview links.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(create_preview, delete_preview))
}

/// A preview link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewLink {
    /// URL of the page as it is, for whoever has the link.
    #[serde(rename = "muster:preview_url")]
    muster_preview_url: String,
}

/// A link that shows the petition before it is public.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/preview",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The link", body = PreviewLink), (status = 401), (status = 404)),
)]
async fn create_preview(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &petitions.kernel;
    let action = campaigns::find_for(&mut *kernel.db.acquire().await?, Kind::Petition, &key, Some(&actor)).await?;
    let token = kernel.links.token(PREVIEW_PETITION, action.id, action.preview_generation);
    let muster_preview_url = kernel.url(&format!("{}/preview/{token}", action.path()));
    Ok(private_json(StatusCode::OK, &PreviewLink { muster_preview_url }))
}

/// Revokes all preview links.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/preview",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Voided", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_preview(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    campaigns::void_previews(&mut tx, action.id).await?;
    audit(&mut tx, &kernel.env, &actor, "petition.void_previews", Some(action.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "The preview links given out so far do not work any more." }))
}
