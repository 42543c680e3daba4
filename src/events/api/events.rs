//! `events`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::ensure_visible;
use crate::{
    campaigns::{self, ActionChanges, ActionFields, Kind},
    error::Result,
    events::{
        fields::{EventFields, NewEvent, both},
        ops,
        plan::Event,
        store,
        submission::Events,
    },
    kernel::{
        extract::{ListQuery, PathParams, ValidWithBytes, parse},
        hal::{curies, identifiers, link},
        http_cache::{IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        paging::Listing,
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// The event as JSON: seats and the private link for its own organizers only.
async fn resource(events: &Events, conn: Option<&mut PgConnection>, event: &Event) -> Result<Value> {
    let (kernel, action, plan) = (&events.kernel, &event.action, &event.plan);
    let now = kernel.env.now();
    let sessions: Vec<Value> = plan
        .sessions
        .iter()
        .map(|s| json!({"title": s.title, "start_date": s.starts_at, "end_date": s.ends_at, "rrule": s.rrule}))
        .collect();
    let place = &plan.place;
    let mut body = json!({
        "identifiers": identifiers(action.id),
        "title": action.title,
        "summary": action.summary,
        "description": action.description,
        "browser_url": kernel.url(&action.path()),
        "start_date": plan.starts_at,
        "end_date": plan.ends_at,
        "timezone_identifier": plan.zone.name(),
        "status": if action.state == campaigns::State::Cancelled { "cancelled" } else { "confirmed" },
        "location": {
            "venue": place.venue,
            "address_lines": place.address.lines().collect::<Vec<_>>(),
            "locality": place.locality,
            "region": place.region,
            "postal_code": place.postal_code,
            "country": place.country,
        },
        "created_date": action.created_at,
        "modified_date": action.modified_at,
        "muster:slug": action.slug,
        "muster:summary": action.summary,
        "muster:kind": plan.kind,
        "muster:format": plan.format,
        "muster:status": action.state,
        "muster:availability": event.availability(now),
        "muster:confirmation": if action.confirms { "email" } else { "none" },
        "muster:privacy": if action.protected { "protected" } else { "standard" },
        "muster:locale": action.locale,
        "muster:texts": action.texts,
        "muster:hosted_by": action.hosted_by,
        "muster:waitlist": plan.waitlist,
        "muster:contacts": plan.contacts,
        "muster:map_url": plan.map_url,
        "muster:accessibility": plan.accessibility,
        "muster:sessions": sessions,
        "muster:interpretation": plan.interpretation,
        "_links": {
            "self": link(kernel.url(&action.api_path())),
            "osdi:attendances": link(kernel.url(&format!("{}/attendances", action.api_path()))),
            "osdi:record_attendance_helper": link(kernel.url(&format!("{}/attendances", action.api_path()))),
            "curies": curies(),
        },
    });
    if let Some(conn) = conn {
        body["capacity"] = json!(plan.capacity);
        body["instructions"] = json!(plan.instructions.0);
        body["total_accepted"] = json!(event.seats_taken);
        let (waiting, too_large) = store::waiting_parties(conn, action.id).await?;
        body["muster:waitlisted"] = json!(waiting);
        // parties that registered before the capacity was lowered below their size: they keep their place in the line, but
        // get seats only once there is room for them again
        body["muster:waitlisted_too_large"] = json!(too_large);
        body["muster:waitlist_smaller_parties"] = json!(plan.allow_smaller_parties_first);
    }
    Ok(body)
}

/// Events, newest first: all of the organization's with a token, the public ones without.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    responses((status = 200, description = "A page of events", body = Value), (status = 400)),
)]
pub async fn list_events(
    State(events): State<Events>,
    reader: MaybeActor,
    asked: IfNoneMatch,
    query: ListQuery,
) -> Result<Response> {
    let actor = reader.reader();
    let filter = query.filter(store::EVENT_FIELDS)?;
    let mut conn = events.kernel.db.acquire().await?;
    let (rows, extent) =
        store::list(&mut conn, actor.as_ref().map(|a| a.organization_id), filter.as_ref(), &query.page).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(resource(&events, actor.is_some().then_some(&mut *conn), row).await?);
    }
    let url = events.kernel.url("/api/v1/events");
    let body = Listing::new(&url, "osdi:events", &query.page, extent).keep_query(&query.raw).body(items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One event.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The event", body = Value), (status = 404)),
)]
pub async fn get_event(
    State(events): State<Events>,
    reader: MaybeActor,
    asked: IfNoneMatch,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    let actor = reader.reader();
    if actor.is_some() {
        let mut conn = events.kernel.db.acquire().await?;
        let event = store::by_key(&mut conn, &key).await?;
        ensure_visible(actor.as_ref(), &event)?;
        return Ok(private_json(StatusCode::OK, &resource(&events, Some(&mut conn), &event).await?));
    }
    let event = events.event(&key).await?;
    ensure_visible(None, &event)?;
    Ok(cacheable_json(&asked, &resource(&events, None, &event).await?))
}

/// The whole document of a POST: an event's own members beside those of every action.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body in the OpenAPI document; the two parts are parsed one after the other"
)]
struct EventDocument {
    #[schema(inline)]
    #[serde(flatten)]
    action: ActionFields,
    #[schema(inline)]
    #[serde(flatten)]
    event: EventFields,
}

/// The whole document of a PUT.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as EventDocument")]
struct EventChangesDocument {
    #[schema(inline)]
    #[serde(flatten)]
    action: ActionChanges,
    #[schema(inline)]
    #[serde(flatten)]
    event: EventFields,
}

/// Creates an event; a draft unless it says otherwise. Only `title` is required, and `start_date` to publish.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    tag = "events",
    request_body(content = inline(EventDocument)),
    responses((status = 201, description = "Created", body = Value), (status = 401), (status = 403), (status = 422)),
)]
pub async fn create_event(
    State(events): State<Events>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(_object, bytes): ValidWithBytes<RawObject>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &events.kernel;
    let new = NewEvent::parse(&bytes, kernel.env.now())?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/events", &bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            ops::create_event(&mut tx, kernel, actor.organization_id, id, new).await?;
            let state = store::event(&mut tx, id).await?.action.state;
            campaigns::log_state(&mut tx, &kernel.env, id, state, "", Some(actor.organizer_id)).await?;
            audit(&mut tx, &kernel.env, &actor, "event.create", Some(id), json!({})).await?;
            id
        }
    };
    let event = store::event(&mut tx, id).await?;
    let body = resource(&events, Some(&mut tx), &event).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// Changes an event; absent members stay. Those who have a place are mailed when time or place moves.
#[utoipa::path(
    put,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body(content = inline(EventChangesDocument)),
    responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 409), (status = 422)),
)]
pub async fn update_event(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    ValidWithBytes(_object, bytes): ValidWithBytes<RawObject>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &events.kernel;
    let (changes, fields) = both(parse::<ActionChanges>(&bytes), parse::<EventFields>(&bytes))?;
    let mut tx = kernel.db.begin().await?;
    // read under both its locks, so that two changes at once do not undo each other
    let action = campaigns::find_to_change(&mut tx, Kind::Event, &key, &actor).await?;
    store::lock_seats(&mut tx, action.id).await?;
    let event = store::event(&mut tx, action.id).await?;
    let event = ops::update_event(&mut tx, kernel, &actor, event, changes, fields).await?;
    let body = resource(&events, Some(&mut tx), &event).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Puts an event away; its registrations stay.
#[utoipa::path(
    delete,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Value), (status = 404)),
)]
pub async fn delete_event(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = events.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Event, &key, &actor).await?;
    let event = store::event(&mut tx, action.id).await?;
    let changes = ActionChanges { muster_status: Some(campaigns::State::Archived), ..ActionChanges::default() };
    campaigns::update_action(&mut tx, &events.kernel, &actor, event.action.clone(), changes).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This event was archived. Its registrations are kept."})))
}

/// Any JSON object: its two halves are parsed, each by itself, from the same bytes.
#[derive(Clone, Copy, Debug, serde::Deserialize, validator::Validate)]
pub struct RawObject {}
