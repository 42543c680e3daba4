//! `petitions` in the API (OSDI petition). What belongs to a petition is in the modules below.

mod abuse;
mod counts;
mod deliveries;
mod import_upload;
mod imports;
mod invalidations;
mod paper;
mod signatures;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde_json::json;
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

pub(super) use deliveries::DeliveryResource;

use super::{
    document::{NewPetition, PetitionDocument, PetitionResource},
    ops,
    store::{self, Petition},
    submission::Petitions,
};
use crate::{
    actions,
    campaigns::{self, Kind},
    error::{Error, Result},
    kernel::{
        extract::{ListQuery, PathParams},
        hal::Notice,
        http_cache::{IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        paging::Page,
        patch::{NewBody, Patch},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_petitions, create_petition))
        .routes(routes!(get_petition, update_petition, delete_petition))
        .merge(signatures::router())
        .merge(counts::router())
        .merge(actions::api::router(Kind::Petition))
        .merge(paper::router())
        .merge(deliveries::router())
        .merge(imports::router())
        .merge(abuse::router())
        .merge(invalidations::router())
}

/// The petition as its own organizers see it, with the exact total if the actor may see that.
async fn organizer_resource(
    petitions: &Petitions,
    conn: &mut PgConnection,
    actor: &Actor,
    petition: &Petition,
) -> Result<PetitionResource> {
    organizer_resources(petitions, conn, actor, std::slice::from_ref(petition))
        .await?
        .pop()
        .ok_or_else(Error::not_found)
}

/// Petitions as their own organizers see them, with the exact totals where the actor may see them.
async fn organizer_resources(
    petitions: &Petitions,
    conn: &mut PgConnection,
    actor: &Actor,
    rows: &[Petition],
) -> Result<Vec<PetitionResource>> {
    let ids: Vec<Uuid> = rows.iter().map(|petition| petition.action.id).collect();
    let shown_exactly: Vec<Uuid> =
        rows.iter().filter(|row| row.action.shows_exact_numbers(actor)).map(|row| row.action.id).collect();
    let totals = campaigns::exact_totals(conn, &shown_exactly).await?;
    let mut reached = store::milestones::of_petitions(conn, &ids).await?;
    let each = rows.iter().map(|petition| {
        let id = petition.action.id;
        let published = petition.action.published_count;
        let total = if shown_exactly.contains(&id) { totals.get(&id).copied().unwrap_or(0) } else { published };
        PetitionResource::own(&petitions.kernel, petition, total, reached.remove(&id).unwrap_or_default())
    });
    Ok(each.collect())
}

fn ensure_visible(actor: Option<&Actor>, petition: &Petition) -> Result<()> {
    let visible = match actor {
        Some(actor) => actor.organization_id == petition.action.organization_id,
        None => petition.action.state.is_public(),
    };
    if visible { Ok(()) } else { Err(Error::not_found()) }
}

/// Petitions, newest first: all of the organization's with a token, the public ones without.
#[utoipa::path(
    get,
    path = "/api/v1/petitions",
    tag = "petitions",
    responses((status = 200, description = "A page of petitions", body = Page<PetitionResource>), (status = 400)),
)]
async fn list_petitions(
    State(petitions): State<Petitions>,
    reader: MaybeActor,
    asked: IfNoneMatch,
    query: ListQuery,
) -> Result<Response> {
    let actor = reader.reader();
    let filter = campaigns::action_filter(&query, store::PETITION_FIELDS, actor.as_ref())?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let (rows, extent) =
        store::list(&mut conn, actor.as_ref().map(|a| a.organization_id), filter.as_ref(), &query.page).await?;
    let items = match &actor {
        Some(actor) => organizer_resources(&petitions, &mut conn, actor, &rows).await?,
        None => rows.iter().map(|row| PetitionResource::public(&petitions.kernel, row)).collect(),
    };
    let url = petitions.kernel.url("/api/v1/petitions");
    let body = Page::new(&url, &query.raw, &query.page, &extent, items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One petition.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The petition", body = PetitionResource), (status = 404)),
)]
async fn get_petition(
    State(petitions): State<Petitions>,
    reader: MaybeActor,
    asked: IfNoneMatch,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    let actor = reader.reader();
    if let Some(actor) = &actor {
        let mut conn = petitions.kernel.db.acquire().await?;
        let petition = store::by_key(&mut conn, &key).await?;
        ensure_visible(Some(actor), &petition)?;
        return Ok(private_json(StatusCode::OK, &organizer_resource(&petitions, &mut conn, actor, &petition).await?));
    }
    let petition = petitions.petition(&key).await?;
    ensure_visible(None, &petition)?;
    petition.public.respond(&asked, || PetitionResource::public(&petitions.kernel, &petition))
}

/// Creates a petition; a draft unless it says otherwise.
#[utoipa::path(
    post,
    path = "/api/v1/petitions",
    tag = "petitions",
    request_body = NewPetition,
    responses((status = 201, description = "Created", body = PetitionResource), (status = 401), (status = 403), (status = 422)),
)]
async fn create_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<NewPetition>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let new = NewPetition::parse(&body.json())?;
    let key =
        organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/petitions", &body.bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            let (state, reason) = (new.document.action.muster_status, new.document.action.muster_status_reason.clone());
            ops::create_petition(&mut tx, kernel, actor.organization_id, id, new).await?;
            campaigns::log_state(&mut tx, &kernel.env, id, state, &reason, Some(actor.organizer_id)).await?;
            audit(&mut tx, &kernel.env, &actor, "petition.create", Some(id), json!({})).await?;
            id
        }
    };
    let petition = store::petition(&mut tx, id).await?;
    let body = organizer_resource(&petitions, &mut tx, &actor, &petition).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Changes a petition; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/petitions/{id}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = PetitionDocument,
    responses((status = 200, description = "Changed", body = PetitionResource), (status = 404), (status = 409), (status = 422)),
)]
async fn update_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    changes: Patch<PetitionResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let id = action.id;
    store::lock_petition(&mut tx, id).await?;
    let before = store::load_for_action(&mut tx, action).await?;
    let (action, columns) = PetitionDocument::patched(kernel, &before, &changes)?;
    campaigns::put_action(&mut tx, kernel, &actor, &before.action, action).await?;
    store::save(&mut tx, id, &columns).await?;
    let petition = store::petition(&mut tx, id).await?;
    let body = organizer_resource(&petitions, &mut tx, &actor, &petition).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Archives a petition; its signatures are kept.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Notice), (status = 404)),
)]
async fn delete_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = petitions.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    campaigns::archive_action(&mut tx, &petitions.kernel, &actor, &action).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This petition was archived. Its signatures are kept." }))
}
