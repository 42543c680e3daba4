//! `/api/v1/saved_filters`: filters of the console's lists that an organization keeps under a name. They hold words,
//! codes and days, never something about a person: conditions are known by name, and an address is refused wherever it
//! stands.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    console::{Console, filtered_list::FilteredList, store},
    error::{Code, Error, FieldError, OnConstraint, Result},
    kernel::{
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::NewBody,
        text::required_line,
    },
    organizers::{Actor, Scope, audit},
};

/// Maximum number of saved filters of an organization.
const MAX_FILTERS: i64 = 100;
/// Maximum length of a condition's value, in characters.
const MAX_VALUE: usize = 100;
/// The conditions that can be kept.
pub(in crate::console) const CONDITIONS: [&str; 9] =
    ["state", "comments", "source", "country", "region", "language", "office", "from", "until"];

pub(super) fn router() -> OpenApiRouter<Console> {
    OpenApiRouter::new().routes(routes!(list_saved_filters, create_saved_filter)).routes(routes!(delete_saved_filter))
}

/// A filter to keep.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewSavedFilter)]
pub(super) struct SavedFilterBody {
    /// Its name, at most 100 characters, without an address.
    #[validate(length(min = 1, max = 100))]
    name: String,
    /// The list that it is for.
    list: FilteredList,
    /// `state`, `comments`, `source`, `country`, `region`, `language`, `office`, `from`, `until` (days), each with
    /// what it asks for; one at least.
    conditions: BTreeMap<String, String>,
}

/// A saved filter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SavedFilter {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// When it was saved.
    created_date: DateTime<Utc>,
    /// Its name.
    name: String,
    /// The list that it is for.
    list: FilteredList,
    /// What it asks for, by the name of the condition.
    conditions: BTreeMap<String, String>,
}

impl Listed for SavedFilter {
    const REL: &str = "muster:saved_filters";
}

type SavedFilterPage = Page<SavedFilter>;

impl SavedFilter {
    fn of(row: store::SavedFilterRow) -> Result<Self> {
        Ok(Self {
            identifiers: identifiers(row.id),
            created_date: row.created_at,
            name: row.name,
            list: row.list,
            conditions: serde_json::from_value(row.conditions).map_err(Error::internal)?,
        })
    }
}

/// The organization's saved filters, by name.
#[utoipa::path(
    get,
    path = "/api/v1/saved_filters",
    tag = "saved_filters",
    params(PagingParams),
    responses(
        (status = 200, description = "A page of filters", body = SavedFilterPage),
        (status = 400),
        (status = 401),
    ),
)]
async fn list_saved_filters(State(console): State<Console>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let kernel = &console.kernel;
    let (rows, extent) =
        store::saved_filters(&mut *kernel.db.acquire().await?, actor.organization_id, &query.page).await?;
    let items = rows.into_iter().map(SavedFilter::of).collect::<Result<Vec<_>>>()?;
    let page = Page::new(&kernel.url("/api/v1/saved_filters"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// Saves a filter.
#[utoipa::path(
    post,
    path = "/api/v1/saved_filters",
    tag = "saved_filters",
    request_body = SavedFilterBody,
    responses(
        (status = 201, description = "Saved", body = SavedFilter),
        (status = 401),
        (status = 409, description = "There is one of this name, or there are 100"),
        (status = 422),
    ),
)]
async fn create_saved_filter(
    State(console): State<Console>,
    actor: Actor,
    body: NewBody<SavedFilterBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: SavedFilterBody = body.part()?;
    let conditions = checked(&body.conditions)?;
    let name = required_line(&body.name, 100).map_err(|e| Error::field("/name", e.code, e.detail))?;
    if name.contains('@') {
        return Err(Error::field("/name", "not_allowed", NO_ADDRESS));
    }
    let kernel = &console.kernel;
    let row = store::SavedFilterRow {
        id: kernel.env.id(),
        list: body.list,
        name,
        conditions: json!(conditions),
        created_at: kernel.env.now(),
    };
    let mut tx = kernel.db.begin().await?;
    let is_added = store::insert_saved_filter(&mut tx, actor.organization_id, &row, MAX_FILTERS)
        .await
        .on_constraint("saved_filters_organization_id_list_name_key", || {
            Error::problem(Code::Conflict, "There is a saved filter of this name for this list.")
        })?;
    if !is_added {
        return Err(Error::problem(Code::Conflict, "An organization keeps at most 100 saved filters."));
    }
    audit(&mut tx, &kernel.env, &actor, "saved_filter.create", Some(row.id), json!({"list": body.list})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &SavedFilter::of(row)?))
}

const NO_ADDRESS: &str = "A saved filter holds nothing about a person: no address.";

/// The conditions without empty ones.
fn checked(conditions: &BTreeMap<String, String>) -> Result<BTreeMap<&str, &str>> {
    let mut errors = Vec::new();
    let mut kept = BTreeMap::new();
    for (name, value) in conditions {
        let value = value.trim();
        let pointer = format!("/conditions/{name}");
        if !CONDITIONS.contains(&name.as_str()) {
            errors.push(FieldError::new(pointer, "not_allowed", NO_ADDRESS));
        } else if value.chars().count() > MAX_VALUE {
            errors.push(FieldError::new(pointer, "too_long", "At most 100 characters."));
        } else if !value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            errors.push(FieldError::new(pointer, "invalid_value", "A word, a code or a day."));
        } else if !value.is_empty() {
            kept.insert(name.as_str(), value);
        }
    }
    if errors.is_empty() && kept.is_empty() {
        errors.push(FieldError::new("/conditions", "required", "Say what it asks for: one condition at least."));
    }
    if errors.is_empty() { Ok(kept) } else { Err(Error::Fields(errors)) }
}

/// Deletes a saved filter.
#[utoipa::path(
    delete,
    path = "/api/v1/saved_filters/{saved_filter}",
    tag = "saved_filters",
    params(("saved_filter" = Uuid, Path)),
    responses((status = 200, description = "Deleted", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_saved_filter(
    State(console): State<Console>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    if !store::delete_saved_filter(&mut tx, actor.organization_id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "saved_filter.delete", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "The filter is deleted." }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_about_a_person_is_not_kept() {
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert_eq!(checked(&map("state", " counted ")).unwrap(), BTreeMap::from([("state", "counted")]));
        for (name, value) in [
            ("email", "ana@example.org"),
            ("source", "ana@example.org"),
            ("name", "Ana"),
            ("state", ""),
            ("region", "Ana Bela"),
        ] {
            assert!(checked(&map(name, value)).is_err(), "{name} {value}");
        }
    }
}
