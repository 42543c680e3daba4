//! `petitions/{id}/paper_batches`: signatures on paper, counted by hand and shown apart from the others.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    campaigns::{self, Action, Kind},
    error::{Error, OnConstraint, Result},
    kernel::{
        Kernel,
        extract::{PathParams, Valid},
        hal::{curies, identifiers, link},
        http_cache::private_json,
        text::{clean_line, required_line},
    },
    organizers::{Actor, Scope, audit},
    petitions::{Petitions, store::paper},
};

/// Routes of paper sheets.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(list_paper_batches, create_paper_batch)).routes(routes!(delete_paper_batch))
}

/// A batch of paper sheets to enter.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewPaperBatch)]
pub struct PaperBatchBody {
    /// What is written on the folder; once for each petition.
    #[validate(length(min = 1, max = 100))]
    reference: String,
    /// Sheets of paper.
    #[validate(range(min = 1, max = 100_000))]
    sheets: i32,
    /// Signatures on them.
    #[validate(range(min = 1, max = 10_000_000))]
    count: i64,
    /// When they were collected.
    #[serde(default)]
    collected_on: Option<NaiveDate>,
    /// Anything else.
    #[serde(default)]
    #[validate(length(max = 500))]
    note: String,
}

fn document(kernel: &Kernel, action: &Action, batches: &[paper::PaperBatch]) -> Value {
    let each = |b: &paper::PaperBatch| {
        json!({
            "identifiers": identifiers(b.id), "reference": b.reference, "sheets": b.sheets, "count": b.count,
            "collected_on": b.collected_on, "note": b.note, "created_date": b.created_at,
        })
    };
    json!({
        "muster:extra": batches.iter().map(|b| b.count).sum::<i64>(),
        "muster:paper_batches": batches.iter().map(each).collect::<Vec<_>>(),
        "_links": {"self": link(kernel.url(&format!("{}/paper_batches", action.api_path()))), "curies": curies()},
    })
}

/// The batches of paper sheets, newest first, and their sum.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/paper_batches",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The batches", body = Value), (status = 401), (status = 404)),
)]
async fn list_paper_batches(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let batches = paper::batches(&mut conn, action.id).await?;
    Ok(private_json(StatusCode::OK, &document(&petitions.kernel, &action, &batches)))
}

/// Enters a batch of paper sheets.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/paper_batches",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = PaperBatchBody,
    responses(
        (status = 201, description = "The batches", body = Value),
        (status = 401),
        (status = 404),
        (status = 422),
    ),
)]
async fn create_paper_batch(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    Valid(Json(body)): Valid<Json<PaperBatchBody>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
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
    let batches = paper::batches(&mut tx, action.id).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &document(kernel, &action, &batches)))
}

/// Removes a batch that was entered by mistake.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/paper_batches/{batch}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("batch" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Value), (status = 401), (status = 404)),
)]
async fn delete_paper_batch(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, batch)): PathParams<(String, Uuid)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    if !paper::delete(&mut tx, action.id, batch).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "paper.remove", Some(action.id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This batch is gone."})))
}
