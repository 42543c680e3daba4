//! `/api/v1/events`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use validator::Validate;

use super::ensure_visible;
use crate::{
    campaigns::{self, ActionDocument, ActionResource, Kind},
    error::{Error, Result},
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
    /// Does it take place? A PUT of `cancelled` calls it off, unless it has `muster:status`, too.
    status: EventConfirmation,
    /// What somebody who registers would get.
    #[serde(rename = "muster:availability")]
    muster_availability: SeatStatus,
    /// Seats that are taken; of a protected event the published number, which moves once a day and in tens. Organizers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_accepted: Option<i64>,
    /// Parties on the waitlist. Organizers only.
    #[serde(rename = "muster:waitlisted", skip_serializing_if = "Option::is_none")]
    muster_waitlisted: Option<i64>,
    /// Those of them that registered before the capacity was lowered below their size: they keep their place in the
    /// line, but get seats only once there is room for them again. Organizers only.
    #[serde(rename = "muster:waitlisted_too_large", skip_serializing_if = "Option::is_none")]
    muster_waitlisted_too_large: Option<i64>,
}

/// OSDI's `status` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventConfirmation {
    /// A draft, which no page shows.
    Tentative,
    /// It takes place, or has.
    Confirmed,
    /// It was called off.
    Cancelled,
}

impl EventConfirmation {
    fn of(event: &Event) -> Self {
        match event.action.state {
            campaigns::State::Draft => Self::Tentative,
            campaigns::State::Cancelled => Self::Cancelled,
            _ => Self::Confirmed,
        }
    }
}

/// The member `status` of a PUT.
#[derive(Serialize, Deserialize, Validate)]
struct StatusMember {
    status: EventConfirmation,
}

/// Lets the `status` of a PUT call an event off.
///
/// # Errors
/// 422 for another change: what is published is said with `muster:status`.
fn apply_status(event: &Event, patch: &Patch<EventResource>, action: &mut ActionDocument) -> Result<()> {
    if patch.has("muster:status") {
        return Ok(());
    }
    let before = StatusMember { status: EventConfirmation::of(event) };
    let after = patch.apply(&before)?;
    if after.status == before.status {
        return Ok(());
    }
    if after.status != EventConfirmation::Cancelled {
        let detail = "Only `cancelled` changes it; an event is published with `muster:status`.";
        return Err(Error::field("/status", "not_allowed", detail));
    }
    action.muster_status = campaigns::State::Cancelled;
    if !patch.has("muster:status_reason") {
        action.muster_status_reason.clear();
    }
    Ok(())
}

impl Listed for EventResource {
    const REL: &'static str = "osdi:events";

    fn links(&self) -> &Links {
        &self.action.links
    }
}

/// A page of events.
type EventPage = Page<EventResource>;

/// The event as the public sees it.
fn public_resource(events: &Events, event: &Event) -> EventResource {
    event_resource(events, event, false)
}

/// The event as its own organizers see it: with the private link, and with its numbers of seats. Those of a protected event are
/// the published ones.
async fn organizer_resource(
    events: &Events,
    conn: &mut PgConnection,
    actor: &Actor,
    event: &Event,
) -> Result<EventResource> {
    let mut resource = event_resource(events, event, true);
    if event.action.shows_exact_numbers(actor) {
        let (parties, too_large) = store::waiting_parties(conn, event.action.id).await?;
        resource.total_accepted = Some(event.seats_taken.into());
        resource.muster_waitlisted = Some(parties);
        resource.muster_waitlisted_too_large = Some(too_large);
    } else {
        resource.total_accepted = Some(event.action.published_count);
    }
    Ok(resource)
}

fn event_resource(events: &Events, event: &Event, is_organizer: bool) -> EventResource {
    let (kernel, action) = (&events.kernel, &event.action);
    let attendances = kernel.url(&format!("{}/attendances", action.api_path()));
    let links = Links::to_self(kernel.url(&action.api_path()))
        .to("osdi:attendances", attendances.clone())
        .to("osdi:record_attendance_helper", attendances)
        .with_curies();
    EventResource {
        action: ActionResource::new(kernel, action, links),
        shared: ActionDocument::of(action, is_organizer),
        event: EventDocument::of(&event.plan, is_organizer),
        summary: action.summary.clone(),
        status: EventConfirmation::of(event),
        muster_availability: event.availability(kernel.env.now()),
        total_accepted: None,
        muster_waitlisted: None,
        muster_waitlisted_too_large: None,
    }
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
    let filter = campaigns::action_filter(&query, store::EVENT_FIELDS, actor.as_ref())?;
    let mut conn = events.kernel.db.acquire().await?;
    let (rows, extent) =
        store::list(&mut conn, actor.as_ref().map(|a| a.organization_id), filter.as_ref(), &query.page).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(match &actor {
            Some(actor) => organizer_resource(&events, &mut conn, actor, row).await?,
            None => public_resource(&events, row),
        });
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
    if let Some(actor) = &actor {
        let mut conn = events.kernel.db.acquire().await?;
        let event = store::by_key(&mut conn, &key).await?;
        ensure_visible(Some(actor), &event)?;
        return Ok(private_json(StatusCode::OK, &organizer_resource(&events, &mut conn, actor, &event).await?));
    }
    let event = events.event(&key).await?;
    ensure_visible(None, &event)?;
    Ok(cacheable_json(&asked, &public_resource(&events, &event)))
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
    let new = NewEvent::parse(&body.json(), kernel.env.now())?;
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
    let body = organizer_resource(&events, &mut tx, &actor, &event).await?;
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
    let (mut action, document) =
        both(ActionDocument::patched(&event.action, &patch), EventDocument::patched(&event.plan, &patch))?;
    apply_status(&event, &patch, &mut action)?;
    let event = ops::update_event(&mut tx, kernel, &actor, event, action, document).await?;
    let body = organizer_resource(&events, &mut tx, &actor, &event).await?;
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
