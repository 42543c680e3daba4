//! The history of a petition: each state with date, organizer and reason.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    campaigns::{self, Kind},
    error::Result,
    kernel::{extract::PathParams, http_cache::private_json},
    organizers::{Actor, Scope},
    petitions::Petitions,
};

/// Routes of a petition's history.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(get_history))
}

/// What became of the petition: each state with date, organizer and reason, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/history",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The states", body = Value), (status = 401), (status = 404)),
)]
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
