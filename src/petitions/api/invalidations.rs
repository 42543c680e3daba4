//! `petitions/{id}/invalidations`: jobs that make signatures invalid by a rule, or release quarantined ones.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    error::{Error, Result},
    kernel::{
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, identifiers},
        http_cache::private_json,
        jobs::{self, JobResource, JobStatus},
        paging::{Listed, Page},
        patch::NewBody,
        text::required_line,
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions,
        invalidation::{self, Effect, Rule},
        state::InvalidationState,
        store::{
            self, Petition,
            invalidations::{self, Invalidation},
        },
    },
};

/// Routes of these jobs.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_invalidations, create_invalidation))
        .routes(routes!(cancel_invalidation))
        .routes(routes!(undo_invalidation))
}

/// A job to begin.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewInvalidation)]
pub(super) struct InvalidationBody {
    /// What to do; invalidate if absent.
    #[serde(default = "invalidate")]
    effect: Effect,
    /// Which signatures.
    #[serde(default)]
    #[validate(nested)]
    rule: Rule,
    /// Why, at most 500 characters.
    #[validate(length(min = 1, max = 500))]
    reason: String,
    /// Only count what would be changed.
    #[serde(default)]
    dry_run: bool,
}

fn invalidate() -> Effect {
    Effect::Invalidate
}

/// How far a job is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvalidationProgress {
    /// Signatures that it has looked at.
    seen: i64,
    /// Signatures that it looks at; null while they are counted.
    total: Option<i64>,
    /// Signatures that it has changed.
    changed: i64,
}

/// A job that changes the states of many signatures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvalidationResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// When it was begun.
    created_date: DateTime<Utc>,
    /// What it does.
    effect: Effect,
    /// Which signatures; empty once the petition's data is destroyed.
    rule: Rule,
    /// Why.
    reason: String,
    /// Its state.
    #[serde(rename = "muster:state")]
    muster_state: InvalidationState,
    /// When it ended.
    #[serde(rename = "muster:finished_date")]
    muster_finished_date: Option<DateTime<Utc>>,
    /// The job that works on it.
    #[serde(rename = "muster:job")]
    muster_job: Option<JobResource>,
    /// How far it is.
    #[serde(rename = "muster:progress")]
    muster_progress: InvalidationProgress,
    /// What can be done with it.
    #[serde(rename = "_links")]
    links: Links,
}

impl Listed for InvalidationResource {
    const REL: &str = "muster:invalidations";
    const IS_ALSO_MEMBER: bool = true;
}

type InvalidationPage = Page<InvalidationResource>;

/// What a job would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvalidationPreview {
    /// Number of signatures that it would change.
    #[serde(rename = "muster:would_change")]
    muster_would_change: i64,
    /// There may be more: counting was stopped.
    #[serde(rename = "muster:would_change_is_minimum")]
    muster_would_change_is_minimum: bool,
}

async fn resource(
    petitions: &Petitions,
    petition: &Petition,
    job: &Invalidation,
    status: Option<&JobStatus>,
) -> InvalidationResource {
    let kernel = &petitions.kernel;
    // after the vault was destroyed the rule cannot be decrypted any more
    let rule = match petition.action.open_vault(kernel).await {
        Ok(vault) => invalidation::open_rule(&vault, job).unwrap_or_default(),
        Err(_) => Rule::default(),
    };
    let base = kernel.url(&format!("{}/invalidations/{}", petition.action.api_path(), job.id));
    InvalidationResource {
        identifiers: identifiers(job.id),
        created_date: job.created_at,
        effect: job.effect,
        rule,
        reason: job.reason.clone(),
        muster_state: job.state,
        muster_finished_date: job.finished_at,
        muster_job: status.map(JobStatus::resource),
        muster_progress: InvalidationProgress {
            seen: job.seen,
            total: job.is_counted.then_some(job.total),
            changed: job.changed,
        },
        links: Links::default()
            .to("muster:cancel", format!("{base}/cancel"))
            .to("muster:undo", format!("{base}/undo"))
            .with_curies(),
    }
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
    params(
        ("id" = String, Path, description = "UUID or slug"),
        PagingParams,
        ("filter" = Option<String>, Query, description = "OData over `identifier`, `created_date`, `effect`, `muster:state`."),
    ),
    responses(
        (status = 200, description = "A page of jobs", body = InvalidationPage),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_invalidations(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let filter = query.filter(invalidations::FIELDS)?;
    let petition = find_petition(&petitions, &actor, &key).await?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let (found, extent) =
        invalidations::of_petition(&mut conn, petition.action.id, filter.as_ref(), &query.page).await?;
    let ids: Vec<Uuid> = found.iter().map(|job| job.id).collect();
    let standings = jobs::statuses(&mut conn, invalidation::JOB, &ids).await?;
    drop(conn);
    let mut items = Vec::with_capacity(found.len());
    for job in &found {
        items.push(resource(&petitions, &petition, job, standings.get(&job.id)).await);
    }
    let url = petitions.kernel.url(&format!("{}/invalidations", petition.action.api_path()));
    Ok(private_json(StatusCode::OK, &Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// Begins a job; with `dry_run` only answers how many signatures it would change, or how many at least if there are
/// very many.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/invalidations",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = InvalidationBody,
    responses(
        (status = 202, description = "Begun", body = InvalidationResource),
        (status = 200, description = "Counted only", body = InvalidationPreview),
        (status = 401),
        (status = 404),
        (status = 422),
    ),
)]
async fn create_invalidation(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<InvalidationBody>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let body: InvalidationBody = body.part()?;
    let kernel = &petitions.kernel;
    let reason = required_line(&body.reason, 500).map_err(|e| Error::field("/reason", e.code, e.detail))?;
    let petition = find_petition(&petitions, &actor, &key).await?;
    let mut tx = kernel.db.begin().await?;
    let rule = body.rule.parse(&mut tx, &petition, body.effect).await?;
    if body.dry_run {
        drop(tx);
        let (would, is_all) = invalidation::preview_count(&petitions, &petition, &rule, body.effect).await?;
        let preview = InvalidationPreview { muster_would_change: would, muster_would_change_is_minimum: !is_all };
        return Ok(private_json(StatusCode::OK, &preview));
    }
    let job =
        invalidation::begin(&petitions, &mut tx, &petition, actor.organizer_id, rule, body.effect, reason).await?;
    let details = json!({"effect": job.effect, "job": job.id});
    audit(&mut tx, &kernel.env, &actor, "signatures.invalidate", Some(petition.action.id), details).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::ACCEPTED, &resource(&petitions, &petition, &job, None).await))
}

/// Stops a running job; what it has changed stays changed.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/invalidations/{job}/cancel",
    tag = "signatures",
    params(("id" = String, Path), ("job" = Uuid, Path)),
    responses((status = 200, description = "Cancelled", body = InvalidationResource), (status = 401), (status = 404), (status = 409)),
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

/// Undoes a job: every signature it changed gets its former state back.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/invalidations/{job}/undo",
    tag = "signatures",
    params(("id" = String, Path), ("job" = Uuid, Path)),
    responses(
        (status = 200, description = "Being taken back", body = InvalidationResource),
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
    if job.state == InvalidationState::Undoing {
        jobs::enqueue(&mut tx, invalidation::JOB, petition.action.organization_id, job.id, petitions.kernel.env.now())
            .await?;
    } else {
        jobs::remove(&mut tx, invalidation::JOB, job.id).await?;
    }
    audit(&mut tx, &petitions.kernel.env, actor, verb, Some(petition.action.id), json!({"job": job.id})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &resource(petitions, &petition, &job, None).await))
}
