//! `petitions/{id}/paper_batches`: signatures on paper, counted by hand and shown separately.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    campaigns::{self, Action, Kind},
    error::{Error, OnConstraint, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        filter::Filter,
        hal::{Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, MAX_PER_PAGE, Page, PageParams},
        patch::NewBody,
        text::{clean_line, required_line},
    },
    organizers::{Actor, Scope, audit},
    petitions::{Petitions, store::paper},
};

/// Routes of paper sheets.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(list_paper_batches, create_paper_batch)).routes(routes!(delete_paper_batch))
}

/// What organizers write of a batch of paper sheets.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct PaperBatchDocument {
    /// Reference of the folder, unique within the petition; at most 100 characters.
    #[validate(length(min = 1, max = 100))]
    reference: String,
    /// Number of sheets.
    #[validate(range(min = 1, max = 100_000))]
    sheets: i32,
    /// Number of signatures.
    #[validate(range(min = 1, max = 10_000_000))]
    count: i64,
    /// When they were collected.
    #[serde(default)]
    collected_on: Option<NaiveDate>,
    /// Note, at most 500 characters.
    #[serde(default)]
    #[validate(length(max = 500))]
    note: String,
}

/// A batch of paper sheets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaperBatchResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// What organizers write.
    #[serde(flatten)]
    document: PaperBatchDocument,
    /// When it was entered.
    created_date: DateTime<Utc>,
}

impl Listed for PaperBatchResource {
    const REL: &str = "muster:paper_batches";
    const IS_ALSO_MEMBER: bool = true;
}

/// A page of batches of paper sheets of a petition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaperBatchList {
    /// Signatures on all batches of the petition.
    #[serde(rename = "muster:extra")]
    muster_extra: i64,
    /// The batches.
    #[serde(flatten)]
    page: Page<PaperBatchResource>,
}

async fn list(
    kernel: &Kernel,
    conn: &mut PgConnection,
    action: &Action,
    raw_query: &str,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<PaperBatchList> {
    let (batches, extent) = paper::batches(conn, action.id, filter, page).await?;
    let each = |b: paper::PaperBatch| PaperBatchResource {
        identifiers: identifiers(b.id),
        document: PaperBatchDocument {
            reference: b.reference,
            sheets: b.sheets,
            count: b.count,
            collected_on: b.collected_on,
            note: b.note,
        },
        created_date: b.created_at,
    };
    let url = kernel.url(&format!("{}/paper_batches", action.api_path()));
    let page = Page::new(&url, raw_query, page, &extent, batches.into_iter().map(each).collect());
    Ok(PaperBatchList { muster_extra: paper::signatures(conn, action.id).await?, page })
}

/// The batches of paper sheets, newest first, and their sum.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/paper_batches",
    tag = "petitions",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        PagingParams,
        ("filter" = Option<String>, Query, description = "OData over `identifier`, `reference`, `created_date`."),
    ),
    responses(
        (status = 200, description = "A page of batches", body = PaperBatchList),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_paper_batches(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let filter = query.filter(paper::FIELDS)?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let body = list(kernel, &mut conn, &action, &query.raw, filter.as_ref(), &query.page).await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Adds a batch of paper sheets.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/paper_batches",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = PaperBatchDocument,
    responses(
        (status = 201, description = "The newest hundred batches", body = PaperBatchList),
        (status = 401),
        (status = 404),
        (status = 422),
    ),
)]
async fn create_paper_batch(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<PaperBatchResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: PaperBatchDocument = body.part()?;
    let kernel = &petitions.kernel;
    let batch = paper::PaperBatch {
        id: kernel.env.id(),
        reference: required_line(&body.reference, 100).map_err(|e| Error::field("/reference", e.code, e.detail))?,
        sheets: body.sheets,
        count: body.count,
        collected_on: body.collected_on,
        note: clean_line(&body.note, 500).map_err(|e| Error::field("/note", e.code, e.detail))?,
        created_at: kernel.env.now(),
    };
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    paper::insert(&mut tx, action.id, &batch, actor.organizer_id)
        .await
        .on_constraint("paper_batches_reference_key", || {
            Error::field("/reference", "taken", "A batch of this reference was entered before.")
        })?;
    let details = json!({"reference": batch.reference, "count": batch.count});
    audit(&mut tx, &kernel.env, &actor, "paper.enter", Some(action.id), details).await?;
    let body = list(kernel, &mut tx, &action, "", None, &PageParams::first(MAX_PER_PAGE)).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Deletes a batch.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/paper_batches/{batch}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("batch" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_paper_batch(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, batch)): PathParams<(String, Uuid)>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    if !paper::delete(&mut tx, action.id, batch).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "paper.remove", Some(action.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This batch is gone." }))
}
