//! `/api/v1/events/{id}/door`: what a device at the door needs, and what it has done. A device holds hashes of tickets, works
//! without a network, and sends what it has when it can: as often as it likes, since nothing counts twice.

use std::collections::{BTreeSet, HashMap};

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    error::{Code, Error, Result},
    events::{
        plan::Event,
        store::{self, TicketRow},
        submission::Events,
        tickets,
    },
    kernel::{extract::PathParams, http_cache::private_json, patch::NewBody},
    organizers::{Actor, Scope, audit},
};

/// Devices that may count people at one event.
const MAX_DEVICES: i64 = 200;
/// People that one device may have counted.
const MAX_PEOPLE: i64 = 1_000_000;

/// What a device has done so far.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct DoorBody {
    /// Id that the device has drawn for itself.
    device: Uuid,
    /// Hashes of tickets that were shown to it, at most 1,000; those that it has sent before may be among them.
    #[serde(default)]
    #[validate(length(max = 1000))]
    tickets: Vec<String>,
    /// How many people without a ticket it has counted in all; absent: as before.
    #[serde(default)]
    walk_ins: Option<i64>,
}

/// The door of an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DoorResource {
    /// The event's id: the salt of the hashes.
    event: Uuid,
    /// Are there tickets? At a protected event people are only counted.
    has_tickets: bool,
    /// Those of the accepted registrations, at most 20,000.
    tickets: Vec<TicketResource>,
    /// People who are registered; null at a protected event.
    expected: Option<i64>,
    /// People whose ticket was shown.
    checked_in: i64,
    /// People without a ticket, counted by all devices.
    walk_ins: i64,
    /// Hashes of the request that belong to no accepted registration: it was cancelled, or is of another event.
    unknown: Vec<String>,
}

/// A ticket, as its hash.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TicketResource {
    /// The first 32 hexadecimal digits of the SHA-256 of `muster-ticket:{event}:{code}`, the code without its hyphens.
    hash: String,
    /// People who come with it.
    party_size: i16,
    /// Was it shown before?
    checked_in: bool,
}

/// The event, if somebody may stand at its door.
async fn find(conn: &mut PgConnection, actor: &Actor, key: &str) -> Result<Event> {
    actor.require(Scope::EventsCheckIn)?;
    let event = store::by_key(conn, key).await?;
    ensure_visible(Some(actor), &event)?;
    // the number of tickets is the exact number of registrations
    if !event.action.protected && !event.action.shows_exact_numbers(actor) {
        actor.require(Scope::ContactsRead)?;
    }
    Ok(event)
}

async fn resource(
    events: &Events,
    conn: &mut PgConnection,
    event: &Event,
    rows: &[TicketRow],
    unknown: Vec<String>,
) -> Result<DoorResource> {
    let (id, links) = (event.action.id, &events.kernel.links);
    let people = |rows: &mut dyn Iterator<Item = &TicketRow>| rows.map(|row| i64::from(row.party_size)).sum::<i64>();
    let of_row = |row: &TicketRow| {
        let (party_size, checked_in) = (row.party_size, row.checked_in);
        tickets::hashes(links, id, row).into_iter().map(move |hash| TicketResource { hash, party_size, checked_in })
    };
    Ok(DoorResource {
        event: id,
        has_tickets: !event.action.protected,
        tickets: rows.iter().flat_map(of_row).collect(),
        expected: (!event.action.protected).then(|| people(&mut rows.iter())),
        checked_in: people(&mut rows.iter().filter(|row| row.checked_in)),
        walk_ins: store::walk_ins(conn, id).await?,
        unknown,
    })
}

/// The tickets that may be shown, as hashes; none of a protected event.
async fn ticket_rows(conn: &mut PgConnection, event: &Event) -> Result<Vec<TicketRow>> {
    if event.action.protected { Ok(Vec::new()) } else { store::tickets(conn, event.action.id).await }
}

/// What a device at the door needs: hashes of the tickets, and the numbers.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/door",
    tag = "attendances",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The door", body = DoorResource), (status = 403), (status = 404)),
)]
pub(super) async fn get_door(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    let mut conn = events.kernel.db.acquire().await?;
    let event = find(&mut conn, &actor, &key).await?;
    let rows = ticket_rows(&mut conn, &event).await?;
    Ok(private_json(StatusCode::OK, &resource(&events, &mut conn, &event, &rows, Vec::new()).await?))
}

/// Takes what a device at the door has done. It may be sent again, whole or in part, by several devices and in any order: a ticket is
/// checked in once, and the number of people is the one that the device said last.
#[utoipa::path(
    post,
    path = "/api/v1/events/{id}/door",
    tag = "attendances",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = DoorBody,
    responses(
        (status = 200, description = "The door", body = DoorResource),
        (status = 403),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
pub(super) async fn update_door(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<DoorBody>,
) -> Result<Response> {
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    let event = find(&mut tx, &actor, &key).await?;
    let body: DoorBody = body.part()?;
    let id = event.action.id;
    event.action.require_not_ended()?;
    if event.is_called_off() {
        return Err(Error::problem(Code::ActionClosed, "cancelled: it was called off."));
    }
    if event.action.protected && !body.tickets.is_empty() {
        return Err(Error::field("/tickets", "not_allowed", "At this event people are only counted."));
    }
    if let Some(people) = body.walk_ins {
        let people = i32::try_from(people).ok().filter(|people| (0..=MAX_PEOPLE).contains(&i64::from(*people)));
        let refused = || Error::field("/walk_ins", "out_of_range", "Must lie between 0 and 1000000.");
        let is_taken =
            store::count_walk_ins(&mut tx, id, body.device, people.ok_or_else(refused)?, MAX_DEVICES).await?;
        if !is_taken {
            return Err(Error::field("/device", "out_of_range", "At most 200 devices count people at an event."));
        }
    }
    let mut rows = ticket_rows(&mut tx, &event).await?;
    let by_hash: HashMap<String, Uuid> = rows
        .iter()
        .flat_map(|row| tickets::hashes(&kernel.links, id, row).into_iter().map(|hash| (hash, row.id)))
        .collect();
    let (known, unknown): (Vec<String>, Vec<String>) =
        body.tickets.into_iter().partition(|hash| by_hash.contains_key(hash));
    let shown: BTreeSet<Uuid> = known.iter().filter_map(|hash| by_hash.get(hash).copied()).collect();
    let ids: Vec<Uuid> = shown.iter().copied().collect();
    let new = store::check_in(&mut tx, id, &ids, kernel.env.now()).await?;
    if new > 0 {
        audit(&mut tx, &kernel.env, &actor, "event.check_in", Some(id), json!({"tickets": new})).await?;
    }
    for row in rows.iter_mut().filter(|row| shown.contains(&row.id)) {
        row.checked_in = true;
    }
    let answer = resource(&events, &mut tx, &event, &rows, unknown).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &answer))
}
