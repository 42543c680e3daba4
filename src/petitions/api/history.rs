//! The history of a petition: each state with date, organizer and reason.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    campaigns::{self, Kind},
    error::Result,
    kernel::{
        extract::{ListQuery, PagingParams, PathParams},
        http_cache::private_json,
        paging::{Listed, Page},
    },
    organizers::{Actor, Scope},
    petitions::Petitions,
};

/// Routes of a petition's history.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(get_history))
}

/// A state that a petition was given.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryEntry {
    /// The state.
    status: campaigns::State,
    /// Why, as the page says it.
    reason: String,
    /// Name of the organizer; null: the closing date was reached.
    organizer: Option<String>,
    /// When.
    created_date: DateTime<Utc>,
}

impl Listed for HistoryEntry {
    const REL: &str = "muster:history";
    const IS_ALSO_MEMBER: bool = true;
}

type HistoryPage = Page<HistoryEntry>;

/// What became of the petition: each state with date, organizer and reason, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/history",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), PagingParams),
    responses(
        (status = 200, description = "A page of states", body = HistoryPage),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn get_history(
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
    let (changes, extent) = campaigns::state_changes(&mut conn, action.id, &query.page).await?;
    let items = changes
        .into_iter()
        .map(|c| HistoryEntry { status: c.state, reason: c.reason, organizer: c.organizer, created_date: c.created_at })
        .collect();
    let url = kernel.url(&format!("{}/history", action.api_path()));
    Ok(private_json(StatusCode::OK, &Page::new(&url, &query.raw, &query.page, &extent, items)))
}
