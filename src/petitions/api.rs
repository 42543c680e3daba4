//! `petitions` in the API (OSDI petition); their signatures, counts and lives have rooms of their own.

mod abuse;
mod counts;
mod deliveries;
mod history;
mod imports;
mod invalidations;
mod paper;
mod preview;
mod short_links;
mod signatures;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    ops::{self, NewPetition, target_names},
    questions::{self, Fields, Question},
    store::{self, Petition},
    submission::Petitions,
};
use crate::{
    campaigns::{self, ActionChanges, ActionFields, Kind},
    error::{Error, Result},
    kernel::{
        extract::{ListQuery, PathParams, ValidWithBytes, parse},
        hal::{curies, identifiers, link},
        http_cache::{CachedResponse, IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        paging::Listing,
        text::clean_text,
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
        .merge(history::router())
        .merge(preview::router())
        .merge(short_links::router())
        .merge(paper::router())
        .merge(deliveries::router())
        .merge(imports::router())
        .merge(abuse::router())
        .merge(invalidations::router())
}

/// A PUT on a petition; absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct PetitionChanges {
    /// What is signed (Markdown).
    #[validate(length(max = 40_000))]
    pub petition_text: Option<String>,
    /// Whom it is addressed to.
    #[validate(length(max = 20), nested)]
    pub target: Option<Vec<ops::Target>>,
    /// What is demanded, one sentence each.
    #[serde(rename = "muster:demands")]
    #[validate(length(max = 20))]
    pub muster_demands: Option<Vec<String>>,
    /// How many signatures it wants.
    #[serde(rename = "muster:goal")]
    #[validate(range(min = 1, max = 100_000_000))]
    pub muster_goal: Option<i64>,
    /// False: every contact is dropped right after confirmation, from now on.
    #[serde(rename = "muster:keeps_contacts")]
    pub muster_keeps_contacts: Option<bool>,
    /// Does the public see breakdowns of the counts?
    #[serde(rename = "muster:shows_breakdowns")]
    pub muster_shows_breakdowns: Option<bool>,
    /// May people of different names sign with one e-mail address?
    #[serde(rename = "muster:shares_addresses")]
    pub muster_shares_addresses: Option<bool>,
    /// Which of the usual fields the form asks for.
    #[serde(rename = "muster:fields")]
    pub muster_fields: Option<Fields>,
    /// What it asks besides; takes the place of all questions there are. Answers given before stay with their signatures.
    #[serde(rename = "muster:questions")]
    #[validate(nested)]
    pub muster_questions: Option<Vec<Question>>,
    /// Steps of the organizers' own, beside the quarters of the goal: organizers are told when they are reached.
    #[serde(rename = "muster:milestones")]
    #[validate(custom(function = "ops::check_steps"))]
    pub muster_milestones: Option<Vec<i64>>,
    /// Is the goal raised to the next round number once it is reached?
    #[serde(rename = "muster:raises_goal")]
    pub muster_raises_goal: Option<bool>,
}

/// The petition as its own organizers see it, with the exact total.
async fn organizer_resource(petitions: &Petitions, conn: &mut PgConnection, petition: &Petition) -> Result<Value> {
    Ok(organizer_resources(petitions, conn, std::slice::from_ref(petition)).await?.pop().unwrap_or_default())
}

/// Petitions as their own organizers see them, with the exact totals.
async fn organizer_resources(petitions: &Petitions, conn: &mut PgConnection, rows: &[Petition]) -> Result<Vec<Value>> {
    let ids: Vec<Uuid> = rows.iter().map(|petition| petition.action.id).collect();
    let totals = campaigns::exact_totals(conn, &ids).await?;
    let mut reached = store::milestones::of_petitions(conn, &ids).await?;
    let each = rows.iter().map(|petition| {
        let id = petition.action.id;
        let mut resource = resource(petitions, petition, totals.get(&id).copied().unwrap_or(0));
        resource["muster:milestones"] = json!(petition.milestones);
        resource["muster:raises_goal"] = json!(petition.raises_goal);
        resource["muster:milestones_reached"] = reached
            .remove(&id)
            .unwrap_or_default()
            .into_iter()
            .map(|(step, at)| json!({"step": step, "reached_date": at}))
            .collect();
        resource
    });
    Ok(each.collect())
}

/// The petition as JSON; the public sees the published total.
fn resource(petitions: &Petitions, petition: &Petition, total: i64) -> Value {
    let kernel = &petitions.kernel;
    let action = &petition.action;
    json!({
        "identifiers": identifiers(action.id),
        "title": action.title,
        "description": action.description,
        "petition_text": petition.petition_text,
        "target": petition.targets.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "browser_url": kernel.url(&action.path()),
        "total_signatures": total,
        "created_date": action.created_at,
        "modified_date": action.modified_at,
        "muster:slug": action.slug,
        "muster:demands": petition.demands,
        "muster:share_text": action.share_text,
        "muster:image": action.image.as_ref().map(|image| image.id),
        "featured_image_url": action.image.as_ref().map(|image| kernel.url(&image.url)),
        "muster:image_alt": action.image.as_ref().map(|image| image.alt.as_str()),
        "muster:summary": action.summary,
        "muster:goal": petition.goal,
        "muster:extra": petition.paper_count,
        "muster:status": action.state,
        "muster:status_reason": action.state_reason,
        "muster:opens_at": action.opens_at,
        "muster:closes_at": action.closes_at,
        "muster:next_action": action.next.as_ref().map(campaigns::NextAction::path),
        "muster:confirmation": if action.confirms { "email" } else { "none" },
        "muster:privacy": if action.protected { "protected" } else { "standard" },
        "muster:locale": action.locale,
        "muster:texts": action.texts,
        "muster:button": action.button,
        "muster:keeps_contacts": petition.keeps_contacts && !action.protected,
        "muster:shares_addresses": petition.shares_addresses,
        "muster:fields": petition.fields,
        "muster:questions": petition.questions,
        "muster:deliveries": deliveries::public(kernel, petition),
        "muster:hosted_by": action.hosted_by,
        "muster:letter": petition.letter_action_id.map(|id| kernel.url(&format!("/api/v1/advocacy_campaigns/{id}"))),
        "_links": {
            "self": link(kernel.url(&action.api_path())),
            "osdi:signatures": link(kernel.url(&format!("{}/signatures", action.api_path()))),
            "osdi:record_signature_helper": link(kernel.url(&format!("{}/signatures", action.api_path()))),
            "curies": curies(),
        },
    })
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
    responses((status = 200, description = "A page of petitions", body = Value), (status = 400)),
)]
async fn list_petitions(
    State(petitions): State<Petitions>,
    reader: MaybeActor,
    asked: IfNoneMatch,
    query: ListQuery,
) -> Result<Response> {
    let actor = reader.reader();
    let filter = query.filter(store::PETITION_FIELDS)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let (rows, extent) =
        store::list(&mut conn, actor.as_ref().map(|a| a.organization_id), filter.as_ref(), &query.page).await?;
    let items = match &actor {
        Some(_) => organizer_resources(&petitions, &mut conn, &rows).await?,
        None => rows.iter().map(|row| resource(&petitions, row, row.action.published_count)).collect(),
    };
    let url = petitions.kernel.url("/api/v1/petitions");
    let body = Listing::new(&url, "osdi:petitions", &query.page, extent).keep_query(&query.raw).body(items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One petition.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The petition", body = Value), (status = 404)),
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
        return Ok(private_json(StatusCode::OK, &organizer_resource(&petitions, &mut conn, &petition).await?));
    }
    let petition = petitions.petition(&key).await?;
    ensure_visible(None, &petition)?;
    let public = || CachedResponse::new(&resource(&petitions, &petition, petition.action.published_count));
    Ok(petition.public.get_or_init(public).respond(&asked))
}

/// Creates a petition; a draft unless it says otherwise.
#[utoipa::path(
    post,
    path = "/api/v1/petitions",
    tag = "petitions",
    request_body(content = inline(PetitionDocument)),
    responses((status = 201, description = "Created", body = Value), (status = 401), (status = 403), (status = 422)),
)]
async fn create_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(new, bytes): ValidWithBytes<NewPetition>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let fields: ActionFields = parse(&bytes)?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/petitions", &bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            let state = fields.muster_status;
            ops::create_petition(&mut tx, kernel, actor.organization_id, id, fields, new).await?;
            campaigns::log_state(&mut tx, &kernel.env, id, state, "", Some(actor.organizer_id)).await?;
            audit(&mut tx, &kernel.env, &actor, "petition.create", Some(id), json!({})).await?;
            id
        }
    };
    let petition = store::petition(&mut tx, id).await?;
    let body = organizer_resource(&petitions, &mut tx, &petition).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// The whole document of a POST: a petition's own members beside those of every action.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body in the OpenAPI document; the two parts are parsed one after the other"
)]
struct PetitionDocument {
    #[schema(inline)]
    #[serde(flatten)]
    action: ActionFields,
    #[schema(inline)]
    #[serde(flatten)]
    petition: NewPetition,
}

/// Changes a petition; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/petitions/{id}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = PetitionChanges,
    responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 409), (status = 422)),
)]
async fn update_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    ValidWithBytes(changes, bytes): ValidWithBytes<PetitionChanges>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let shared: ActionChanges = parse(&bytes)?;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let id = action.id;
    let text = changes
        .petition_text
        .map(|t| clean_text(&t, 40_000))
        .transpose()
        .map_err(|e| Error::field("/petition_text", e.code, e.detail))?;
    let targets = changes.target.map(|t| target_names(&t)).transpose()?;
    let questions = changes.muster_questions.map(|q| questions::parse(q, action.protected)).transpose()?;
    campaigns::update_action(&mut tx, kernel, &actor, action, shared).await?;
    if let Some(input) = &changes.muster_demands {
        store::set_demands(&mut tx, id, &ops::demands(input)?).await?;
    }
    store::set_form(&mut tx, id, changes.muster_fields.as_ref(), questions.as_deref()).await?;
    store::milestones::set(&mut tx, id, changes.muster_milestones.as_deref(), changes.muster_raises_goal).await?;
    store::save(&mut tx, id, text.as_deref(), targets.as_deref(), changes.muster_goal).await?;
    store::set_options(
        &mut tx,
        id,
        changes.muster_keeps_contacts,
        changes.muster_shows_breakdowns,
        changes.muster_shares_addresses,
    )
    .await?;
    let petition = store::petition(&mut tx, id).await?;
    let body = organizer_resource(&petitions, &mut tx, &petition).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Puts a petition away; its signatures stay.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Value), (status = 404)),
)]
async fn delete_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = petitions.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let changes = ActionChanges { muster_status: Some(campaigns::State::Archived), ..ActionChanges::default() };
    campaigns::update_action(&mut tx, &petitions.kernel, &actor, action, changes).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This petition was archived. Its signatures are kept."})))
}
