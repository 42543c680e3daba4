//! `/api/v1/events`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::ensure_visible;
use crate::{
    campaigns::{self, ActionDocument, ActionResource, Kind},
    error::Result,
    events::{
        fields::{EventDocument, NewEvent},
        ops,
        plan::Event,
        state::SeatStatus,
        store,
        submission::Events,
    },
    kernel::{
        extract::{ListQuery, PathParams},
        hal::{Links, Notice},
        http_cache::{IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{NewBody, Patch, both},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// The body of a POST or PUT: the members of every action, and those of an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventInput {
    #[serde(flatten)]
    shared: ActionDocument,
    #[serde(flatten)]
    event: EventDocument,
}

/// An event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventResource {
    #[serde(flatten)]
    action: ActionResource,
    #[serde(flatten)]
    shared: ActionDocument,
    #[serde(flatten)]
    event: EventDocument,
    /// `muster:summary` under OSDI's name.
    summary: String,
    /// Does it take place?
    status: EventConfirmation,
    /// What somebody who registers would get.
    #[serde(rename = "muster:availability")]
    muster_availability: SeatStatus,
    /// Seats that are taken. Organizers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_accepted: Option<i32>,
    /// Parties on the waitlist. Organizers only.
    #[serde(rename = "muster:waitlisted", skip_serializing_if = "Option::is_none")]
    muster_waitlisted: Option<i64>,
    /// Those of them that registered before the capacity was lowered below their size: they keep their place in the
    /// line, but get seats only once there is room for them again. Organizers only.
    #[serde(rename = "muster:waitlisted_too_large", skip_serializing_if = "Option::is_none")]
    muster_waitlisted_too_large: Option<i64>,
}

/// OSDI's `status` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventConfirmation {
    /// It takes place, or has.
    Confirmed,
    /// It was called off.
    Cancelled,
}

impl Listed for EventResource {
    const REL: &'static str = "osdi:events";

    fn links(&self) -> &Links {
        &self.action.links
    }
}

/// A page of events.
type EventPage = Page<EventResource>;

/// The event: seats and the private link only where its own organizers ask, with a connection.
async fn resource(events: &Events, conn: Option<&mut PgConnection>, event: &Event) -> Result<EventResource> {
    let (kernel, action) = (&events.kernel, &event.action);
    let attendances = kernel.url(&format!("{}/attendances", action.api_path()));
    let links = Links::to_self(kernel.url(&action.api_path()))
        .to("osdi:attendances", attendances.clone())
        .to("osdi:record_attendance_helper", attendances)
        .with_curies();
    let is_organizer = conn.is_some();
    let waiting = match conn {
        Some(conn) => Some(store::waiting_parties(conn, action.id).await?),
        None => None,
    };
    Ok(EventResource {
        action: ActionResource::new(kernel, action, links),
        shared: ActionDocument::of(action, is_organizer),
        event: EventDocument::of(&event.plan, is_organizer),
        summary: action.summary.clone(),
        status: if action.state == campaigns::State::Cancelled {
            EventConfirmation::Cancelled
        } else {
            EventConfirmation::Confirmed
        },
        muster_availability: event.availability(kernel.env.now()),
        total_accepted: is_organizer.then_some(event.seats_taken),
        muster_waitlisted: waiting.map(|(parties, _)| parties),
        muster_waitlisted_too_large: waiting.map(|(_, too_large)| too_large),
    })
}

/// Events, newest first: all of the organization's with a token, the public ones without.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    responses((status = 200, description = "A page of events", body = EventPage), (status = 400)),
)]
pub(super) async fn list_events(
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
    let body = Page::new(&url, &query.raw, &query.page, &extent, items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One event.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The event", body = EventResource), (status = 404)),
)]
pub(super) async fn get_event(
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

/// Creates an event; a draft unless it says otherwise. Only `title` is required, and `start_date` to publish.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    tag = "events",
    request_body = EventInput,
    responses(
        (status = 201, description = "Created", body = EventResource),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
pub(super) async fn create_event(
    State(events): State<Events>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<EventResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &events.kernel;
    let new = NewEvent::parse(body.json(), kernel.env.now())?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/events", &body.bytes).await?;
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

/// Changes an event; absent members stay. Those who are registered or wait are mailed when time, place or join link change, or
/// it is called off.
#[utoipa::path(
    put,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = EventInput,
    responses(
        (status = 200, description = "Changed", body = EventResource),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
pub(super) async fn update_event(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    patch: Patch<EventResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    // read under the locks of action and event, so that concurrent changes do not undo each other
    let action = campaigns::find_to_change(&mut tx, Kind::Event, &key, &actor).await?;
    store::lock_seats(&mut tx, action.id).await?;
    let event = store::event(&mut tx, action.id).await?;
    let (action, document) =
        both(ActionDocument::patched(&event.action, &patch), EventDocument::patched(&event.plan, &patch))?;
    let event = ops::update_event(&mut tx, kernel, &actor, event, action, document).await?;
    let body = resource(&events, Some(&mut tx), &event).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Archives an event; its registrations are kept.
#[utoipa::path(
    delete,
    path = "/api/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Notice), (status = 404)),
)]
pub(super) async fn delete_event(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = events.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Event, &key, &actor).await?;
    store::lock_seats(&mut tx, action.id).await?;
    let event = store::event(&mut tx, action.id).await?;
    ops::archive_event(&mut tx, &events.kernel, &actor, &event).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This event was archived. Its registrations are kept." }))
}
