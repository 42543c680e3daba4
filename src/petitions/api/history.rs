//! The history of a petition: each state with date, organizer and reason.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
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

/// A state that a petition was given.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// The state.
    status: campaigns::State,
    /// Why, as the page says it.
    reason: String,
    /// Name of the organizer; null: the closing date was reached.
    organizer: Option<String>,
    /// When.
    created_date: DateTime<Utc>,
}

/// The states of a petition.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// Oldest first.
    #[serde(rename = "muster:history")]
    muster_history: Vec<HistoryEntry>,
}

/// What became of the petition: each state with date, organizer and reason, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/history",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The states", body = History), (status = 401), (status = 404)),
)]
async fn get_history(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let changes = campaigns::state_changes(&mut conn, action.id).await?.into_iter();
    let muster_history = changes
        .map(|c| HistoryEntry { status: c.state, reason: c.reason, organizer: c.organizer, created_date: c.created_at })
        .collect();
    Ok(private_json(StatusCode::OK, &History { muster_history }))
}
