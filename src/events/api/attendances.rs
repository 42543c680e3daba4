//! `attendances`: registering, which is also the public act, and what organizers see and change of it.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    error::{Error, Result},
    events::{
        ops,
        plan::Event,
        store::{self, ATTENDANCES, AttendanceRow},
        submission::{Events, NewAttendance, access_needs, interpretation, party_size},
    },
    kernel::{
        extract::{ListQuery, PathParams, Valid, ValidWithBytes},
        hal::{curies, identifiers, link},
        http_cache::private_json,
        paging::Listing,
        rate_limit::{Proof, Source},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
    people::{self, Consents, PersonBody},
};

/// OSDI `record_attendance_helper`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct AttendanceBody {
    /// Who comes.
    #[validate(nested)]
    pub person: PersonBody,
    /// How many people, this one included: 1 to 10, and no more than the event has seats; they get places together or not
    /// at all.
    #[serde(default = "default_party_size", rename = "muster:party_size")]
    pub muster_party_size: i64,
    /// A language to be interpreted: one of the event's.
    #[serde(default, rename = "muster:interpretation")]
    #[validate(length(max = 40))]
    pub muster_interpretation: Option<String>,
    /// What the person needs to take part.
    #[serde(default, rename = "muster:access_needs")]
    pub muster_access_needs: Option<String>,
    /// Where the person comes from.
    #[serde(default)]
    #[validate(nested)]
    pub referrer_data: EventReferrer,
    /// What was ticked.
    #[serde(default, rename = "muster:consents")]
    pub muster_consents: Consents,
    /// The solution of a challenge (ALTCHA payload, base64), or its waiting ticket.
    #[serde(default, rename = "muster:challenge")]
    #[validate(length(max = 4000))]
    pub muster_challenge: Option<String>,
}

fn default_party_size() -> i64 {
    1
}

/// OSDI `referrer_data`.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct EventReferrer {
    /// A registered word; anything else counts as "other".
    #[validate(length(max = 200))]
    pub source: Option<String>,
    /// Not kept.
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

/// A PUT on a registration; absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the prefix stands for `muster:`")]
pub struct AttendanceChanges {
    /// How many people, 1 to 10, and no more than the event has seats.
    #[serde(rename = "muster:party_size")]
    pub muster_party_size: Option<i64>,
    /// A language to be interpreted, or "".
    #[serde(rename = "muster:interpretation")]
    #[validate(length(max = 40))]
    pub muster_interpretation: Option<String>,
    /// What the person needs to take part, or "".
    #[serde(rename = "muster:access_needs")]
    pub muster_access_needs: Option<String>,
}

/// OSDI's word for a state.
fn osdi_status(state: &str) -> &'static str {
    match state {
        "accepted" => "accepted",
        "waitlisted" => "tentative",
        "pending" => "needs action",
        _ => "declined",
    }
}

/// A registration; with its person where the token may see contacts. Of a protected event none leaves by token: what is
/// shown is the row's state, size and day.
async fn visible_resource(events: &Events, event: &Event, row: &AttendanceRow, actor: &Actor) -> Result<Value> {
    let kernel = &events.kernel;
    let base = event.action.api_path();
    let mut attendance = json!({
        "identifiers": identifiers(row.id),
        "created_date": row.created_at,
        "modified_date": row.ended_at.or(row.accepted_at).unwrap_or(row.created_at),
        "status": osdi_status(&row.state),
        "muster:state": row.state,
        "muster:party_size": row.party_size,
        "_links": {
            "self": link(kernel.url(&format!("{base}/attendances/{}", row.id))),
            "osdi:event": link(kernel.url(&base)),
            "curies": curies(),
        },
    });
    if event.action.protected {
        return Ok(attendance);
    }
    attendance["referrer_data"] = json!({"source": row.source});
    attendance["_links"]["osdi:person"] = link(kernel.url(&format!("/api/v1/people/{}", row.person_id)));
    if actor.allows(Scope::ContactsRead) {
        let payload = ops::open_payload(&*kernel.vaults.open(event.action.vault_id).await?, row)?;
        attendance["person"] = payload.details.to_osdi();
        attendance["muster:interpretation"] = json!(payload.interpretation);
        attendance["muster:access_needs"] = json!(payload.access_needs);
    }
    Ok(attendance)
}

/// The organizer's own event and one of its registrations.
async fn find_attendance(
    conn: &mut PgConnection,
    actor: &Actor,
    key: &str,
    id: Uuid,
) -> Result<(Event, AttendanceRow)> {
    let event = store::by_key(conn, key).await?;
    ensure_visible(Some(actor), &event)?;
    let row = store::attendance(conn, id)
        .await?
        .filter(|row| row.event_id == event.action.id)
        .ok_or_else(Error::not_found)?;
    Ok((event, row))
}

/// The registrations for an event, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/attendances",
    tag = "attendances",
    params(("id" = String, Path, description = "UUID or slug")),
    responses(
        (status = 200, description = "A page of registrations", body = Value),
        (status = 401),
        (status = 403),
        (status = 404),
    ),
)]
pub async fn list_attendances(
    State(events): State<Events>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let kernel = &events.kernel;
    let mut conn = kernel.db.acquire().await?;
    let event = store::by_key(&mut conn, &key).await?;
    ensure_visible(Some(&actor), &event)?;
    let fields = if event.action.protected { store::PROTECTED_ATTENDANCE_FIELDS } else { store::ATTENDANCE_FIELDS };
    let mut filter = query.filter(fields)?;
    if let Some(filter) = &mut filter {
        let vault = kernel.vaults.open(event.action.vault_id).await?;
        people::resolve_addresses(&mut conn, &vault, filter).await?;
    }
    let (rows, extent) = store::attendances(&mut conn, event.action.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(visible_resource(&events, &event, row, &actor).await?);
    }
    let url = kernel.url(&format!("{}/attendances", event.action.api_path()));
    Ok(private_json(
        StatusCode::OK,
        &Listing::new(&url, "osdi:attendances", &query.page, extent).keep_query(&query.raw).body(items),
    ))
}

/// One registration.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/attendances/{attendance}",
    tag = "attendances",
    params(("id" = String, Path), ("attendance" = Uuid, Path)),
    responses((status = 200, description = "The registration", body = Value), (status = 404)),
)]
pub async fn get_attendance(
    State(events): State<Events>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let (event, row) = find_attendance(&mut *events.kernel.db.acquire().await?, &actor, &key, id).await?;
    Ok(private_json(StatusCode::OK, &visible_resource(&events, &event, &row, &actor).await?))
}

fn parse_attendance(event: &Event, body: AttendanceBody) -> Result<NewAttendance> {
    let mut errors = Vec::new();
    let person = match body.person.parse("/person") {
        Ok(person) => Some(person),
        Err(Error::Fields(fields)) => {
            errors.extend(fields);
            None
        }
        Err(error) => return Err(error),
    };
    let size = party_size(event, body.muster_party_size).map_err(|e| errors.push(e)).ok();
    let language =
        interpretation(event, body.muster_interpretation.as_deref().unwrap_or("")).map_err(|e| errors.push(e)).ok();
    let needs = access_needs(body.muster_access_needs.as_deref().unwrap_or("")).map_err(|e| errors.push(e)).ok();
    let (Some(person), Some(party_size), Some(interpretation), Some(access_needs)) = (person, size, language, needs)
    else {
        return Err(Error::Fields(errors));
    };
    let consents = body.muster_consents.cleaned();
    Ok(NewAttendance { person, party_size, interpretation, access_needs, consents, source: body.referrer_data.source })
}

/// Registers. Without a token this is the public act, answered alike for everybody; with one the organizer vouches.
#[utoipa::path(
    post,
    path = "/api/v1/events/{id}/attendances",
    tag = "attendances",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = AttendanceBody,
    responses(
        (status = 202, description = "Received (public act)", body = Value),
        (status = 201, description = "Registered (with a token)", body = Value),
        (status = 200, description = "Was there already (with a token)", body = Value),
        (status = 409),
        (status = 422),
        (status = 428),
        (status = 503),
    ),
)]
pub async fn create_attendance(
    State(events): State<Events>,
    MaybeActor(actor): MaybeActor,
    source: Source,
    headers: HeaderMap,
    PathParams(key): PathParams<String>,
    ValidWithBytes(body, bytes): ValidWithBytes<AttendanceBody>,
) -> Result<Response> {
    let kernel = &events.kernel;
    let event = events.event(&key).await?;
    ensure_visible(actor.as_ref(), &event)?;
    let challenge = body.muster_challenge.clone();
    let new = parse_attendance(&event, body)?;
    let Some(actor) = actor else {
        events.ensure_open(&event)?;
        kernel.rate_limiter.admit(source, Proof { altcha: challenge.as_deref(), ticket: challenge.as_deref() }).await?;
        events.submit(&event, new).await?;
        return Ok(
            (StatusCode::ACCEPTED, Json(event.action.received(&kernel.settings.http.public_url))).into_response()
        );
    };
    actor.require(Scope::ContactsWrite)?;
    let path = format!("{}/attendances", event.action.api_path());
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, &path, &bytes).await?;
    let registered = events.submit_vouched(&event, new, key).await?;
    let row = store::attendance(&mut *kernel.db.acquire().await?, registered.attendance)
        .await?
        .ok_or_else(Error::not_found)?;
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(private_json(status, &visible_resource(&events, &event, &row, &actor).await?))
}

/// Changes a registration that has a place or waits for one.
#[utoipa::path(
    put,
    path = "/api/v1/events/{id}/attendances/{attendance}",
    tag = "attendances",
    params(("id" = String, Path), ("attendance" = Uuid, Path)),
    request_body = AttendanceChanges,
    responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 409), (status = 422)),
)]
pub async fn update_attendance(
    State(events): State<Events>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
    Valid(Json(changes)): Valid<Json<AttendanceChanges>>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
    if !matches!(row.state.as_str(), "accepted" | "waitlisted") {
        return Err(ops::not_active());
    }
    // read again under their locks: the capacity may have changed, or the registration have ended, meanwhile
    store::lock_seats(&mut tx, event.action.id).await?;
    store::lock_attendance(&mut tx, row.id).await?;
    let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
    if !matches!(row.state.as_str(), "accepted" | "waitlisted") {
        return Err(ops::not_active());
    }
    let field = |e| Error::Fields(vec![e]);
    let vault = kernel.vaults.open(event.action.vault_id).await?;
    let mut payload = ops::open_payload(&vault, &row)?;
    if let Some(language) = &changes.muster_interpretation {
        payload.interpretation = interpretation(&event, language).map_err(field)?;
    }
    if let Some(needs) = &changes.muster_access_needs {
        payload.access_needs = access_needs(needs).map_err(field)?;
    }
    if let Some(size) = changes.muster_party_size {
        ops::resize(&mut tx, kernel, &event, &row, party_size(&event, size).map_err(field)?).await?;
    }
    if row.sealed.is_some() {
        store::set_sealed(&mut tx, id, Some(&vault.seal(&kernel.env, ATTENDANCES, id, &payload))).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "attendance.edit", Some(id), json!({})).await?;
    let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &visible_resource(&events, &event, &row, &actor).await?))
}

/// Cancels a registration on behalf of its person; the seats go to those who wait.
#[utoipa::path(
    delete,
    path = "/api/v1/events/{id}/attendances/{attendance}",
    tag = "attendances",
    params(("id" = String, Path), ("attendance" = Uuid, Path)),
    responses((status = 200, description = "Cancelled", body = Value), (status = 404)),
)]
pub async fn delete_attendance(
    State(events): State<Events>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    let (event, _) = find_attendance(&mut tx, &actor, &key, id).await?;
    if ops::cancel(&mut tx, kernel, &event, id).await? {
        // no message goes out, so the contents are needed no more
        store::set_sealed(&mut tx, id, None).await?;
        audit(&mut tx, &kernel.env, &actor, "attendance.cancel", Some(id), json!({})).await?;
    }
    tx.commit().await?;
    Ok(Json(json!({"notice": "This registration was cancelled."})))
}
