//! `petitions/{id}/invalidations`: jobs that make signatures invalid by a rule, or let held ones count.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    error::{Error, Result},
    kernel::{
        extract::{PathParams, Valid},
        hal::{curies, identifiers, link},
        http_cache::private_json,
        jobs::{self, JobStatus},
        text::required_line,
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions,
        invalidation::{self, Effect, Rule},
        store::{
            self, Petition,
            invalidations::{self, Invalidation},
        },
    },
};

/// Routes of these jobs.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_invalidations, create_invalidation))
        .routes(routes!(cancel_invalidation))
        .routes(routes!(undo_invalidation))
}

/// A job to begin.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewInvalidation)]
pub struct InvalidationBody {
    /// What to do; invalidate if absent.
    #[serde(default = "invalidate")]
    effect: Effect,
    /// Which signatures.
    #[serde(default)]
    #[validate(nested)]
    rule: Rule,
    /// Why; for the record.
    #[validate(length(min = 1, max = 500))]
    reason: String,
    /// Only count what would be changed.
    #[serde(default)]
    dry_run: bool,
}

fn invalidate() -> Effect {
    Effect::Invalidate
}

async fn resource(
    petitions: &Petitions,
    petition: &Petition,
    job: &Invalidation,
    standing: Option<&JobStatus>,
) -> Result<Value> {
    let kernel = &petitions.kernel;
    // the rules of a vault that was destroyed are gone with it
    let rule = match kernel.vaults.open(petition.action.vault_id).await {
        Ok(vault) => invalidation::open_rule(&vault, job).unwrap_or_default(),
        Err(_) => Rule::default(),
    };
    let base = kernel.url(&format!("{}/invalidations/{}", petition.action.api_path(), job.id));
    Ok(json!({
        "identifiers": identifiers(job.id),
        "created_date": job.created_at,
        "effect": job.effect,
        "rule": rule,
        "reason": job.reason,
        "muster:state": job.state,
        "muster:finished_date": job.finished_at,
        "muster:job": standing.map(JobStatus::body),
        // counted first
        "muster:progress": {"seen": job.seen, "total": job.is_counted.then_some(job.total), "changed": job.changed},
        "_links": {"muster:cancel": link(format!("{base}/cancel")), "muster:undo": link(format!("{base}/undo")), "curies": curies()},
    }))
}

async fn find_petition(petitions: &Petitions, actor: &Actor, key: &str) -> Result<Petition> {
    let petition = store::by_key(&mut *petitions.kernel.db.acquire().await?, key).await?;
    ensure_visible(Some(actor), &petition)?;
    Ok(petition)
}

/// The jobs of a petition, newest first, with their progress.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/invalidations",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The jobs", body = Value), (status = 401), (status = 404)),
)]
async fn list_invalidations(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let petition = find_petition(&petitions, &actor, &key).await?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let found = invalidations::of_petition(&mut conn, petition.action.id).await?;
    let ids: Vec<Uuid> = found.iter().map(|job| job.id).collect();
    let standings = jobs::statuses(&mut conn, invalidation::JOB, &ids).await?;
    drop(conn);
    let mut items = Vec::with_capacity(found.len());
    for job in &found {
        items.push(resource(&petitions, &petition, job, standings.get(&job.id)).await?);
    }
    Ok(private_json(StatusCode::OK, &json!({"muster:invalidations": items})))
}

/// Begins a job; with `dry_run` only says how many signatures it would change, or how many at least where there are very many.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/invalidations",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = InvalidationBody,
    responses(
        (status = 202, description = "Begun", body = Value),
        (status = 200, description = "Counted only", body = Value),
        (status = 401),
        (status = 404),
        (status = 422),
    ),
)]
async fn create_invalidation(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    Valid(Json(body)): Valid<Json<InvalidationBody>>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let reason = required_line(&body.reason, 500).map_err(|e| Error::field("/reason", e.code, e.detail))?;
    let petition = find_petition(&petitions, &actor, &key).await?;
    let mut tx = kernel.db.begin().await?;
    let rule = body.rule.parse(&mut tx, &petition, body.effect).await?;
    if body.dry_run {
        drop(tx);
        let (would, is_all) = invalidation::preview_count(&petitions, &petition, &rule, body.effect).await?;
        let answer = json!({"muster:would_change": would, "muster:would_change_is_minimum": !is_all});
        return Ok(private_json(StatusCode::OK, &answer));
    }
    let job =
        invalidation::begin(&petitions, &mut tx, &petition, actor.organizer_id, rule, body.effect, reason).await?;
    let details = json!({"effect": job.effect, "job": job.id});
    audit(&mut tx, &kernel.env, &actor, "signatures.invalidate", Some(petition.action.id), details).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::ACCEPTED, &resource(&petitions, &petition, &job, None).await?))
}

/// Stops a running job; what it has changed stays changed.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/invalidations/{job}/cancel",
    tag = "signatures",
    params(("id" = String, Path), ("job" = Uuid, Path)),
    responses((status = 200, description = "Cancelled", body = Value), (status = 401), (status = 404), (status = 409)),
)]
async fn cancel_invalidation(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, job)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    let now = petitions.kernel.env.now();
    change_invalidation(&petitions, &actor, &key, job, "signatures.invalidate.cancel", |job| {
        invalidation::cancel(job, now)
    })
    .await
}

/// Takes a job back: every signature it changed gets its state back.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/invalidations/{job}/undo",
    tag = "signatures",
    params(("id" = String, Path), ("job" = Uuid, Path)),
    responses(
        (status = 200, description = "Being taken back", body = Value),
        (status = 401),
        (status = 404),
        (status = 409),
    ),
)]
async fn undo_invalidation(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, job)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    change_invalidation(&petitions, &actor, &key, job, "signatures.invalidate.undo", invalidation::undo).await
}

async fn change_invalidation(
    petitions: &Petitions,
    actor: &Actor,
    key: &str,
    job: Uuid,
    verb: &'static str,
    change: impl FnOnce(&mut Invalidation) -> Result<()>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let petition = find_petition(petitions, actor, key).await?;
    let mut tx = petitions.kernel.db.begin().await?;
    let mut job = invalidations::lock(&mut tx, petition.action.id, job).await?;
    change(&mut job)?;
    invalidations::save(&mut tx, &job).await?;
    if job.state == "undoing" {
        jobs::enqueue(&mut tx, invalidation::JOB, petition.action.organization_id, job.id, petitions.kernel.env.now())
            .await?;
    } else {
        jobs::remove(&mut tx, invalidation::JOB, job.id).await?;
    }
    audit(&mut tx, &petitions.kernel.env, actor, verb, Some(petition.action.id), json!({"job": job.id})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &resource(petitions, &petition, &job, None).await?))
}
