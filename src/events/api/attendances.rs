//! `/api/v1/events/{id}/attendances`: registering (publicly, or vouched by token), and what organizers see and
//! change of it.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    actions::submission::{IdentifiersMember, add_identifiers},
    campaigns::{self, ReceivedResource},
    error::{Error, FieldError, Result},
    events::{
        kind::AttendanceKind,
        ops,
        plan::Event,
        state::{AttendanceState, AttendanceStatus},
        store::{self, ATTENDANCES, AttendanceRow},
        submission::{Events, NewAttendance, access_needs, interpretation, party_size},
    },
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, texts},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::{HelperBody, Patch},
        rate_limit::{Proof, Source},
    },
    organizers::{self, Actor, MaybeActor, Scope, admit_reading, audit, person_object},
    people::{self, Consents, ContactDetails, PersonBody, PersonLinks},
};

/// OSDI `record_attendance_helper`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewAttendanceBody {
    /// The person who registers.
    #[validate(nested)]
    #[schema(value_type = PersonBody)]
    pub person: Option<PersonBody>,
    /// With a token, a person of the organization instead of `person`.
    #[serde(rename = "_links")]
    #[validate(nested)]
    pub links: Option<PersonLinks>,
    /// With a token: tags to add to the person.
    #[serde(default, deserialize_with = "texts")]
    pub add_tags: Vec<String>,
    /// With a token: identifiers in other systems, such as `newsletter:17`, at most 100; added to those that are there.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// OSDI's `status`: absent or `accepted`. Nobody is entered as somebody who does not come.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "accepted")]
    #[validate(length(max = 40))]
    pub status: Option<String>,
    /// How many people, this one included: 1 to 10, and no more than the event has seats; they get places together or
    /// not at all.
    #[serde(default = "default_party_size", rename = "muster:party_size")]
    pub muster_party_size: i64,
    /// A language to be interpreted: one of the event's.
    #[serde(default, rename = "muster:interpretation")]
    #[validate(length(max = 40))]
    pub muster_interpretation: Option<String>,
    /// What the person needs to take part, at most 1,000 characters.
    #[serde(default, rename = "muster:access_needs")]
    pub muster_access_needs: Option<String>,
    /// Where the person comes from.
    #[serde(default)]
    #[validate(nested)]
    pub referrer_data: EventReferrer,
    /// Consent boxes.
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
pub(super) struct EventReferrer {
    /// A registered word; anything else counts as "other".
    #[validate(length(max = 200))]
    pub source: Option<String>,
    /// Not kept.
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

/// What organizers may change of a registration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the prefix stands for `muster:`")]
pub(super) struct AttendanceDocument {
    /// How many people, 1 to 10, and no more than the event has seats.
    #[serde(rename = "muster:party_size")]
    pub muster_party_size: i64,
    /// A language to be interpreted: one of the event's, or "". Needs `contacts:read` to be shown.
    #[serde(default, rename = "muster:interpretation", skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 40))]
    pub muster_interpretation: Option<String>,
    /// What the person needs to take part, at most 1,000 characters, or "". Needs `contacts:read` to be shown.
    #[serde(default, rename = "muster:access_needs", skip_serializing_if = "Option::is_none")]
    pub muster_access_needs: Option<String>,
    /// May it join online, where that is possible? `false` takes the join link away from it.
    #[serde(default = "may_join", rename = "muster:may_join")]
    pub muster_may_join: bool,
}

const fn may_join() -> bool {
    true
}

/// The member `status` of a PUT.
#[derive(Serialize, Deserialize, Validate)]
struct StatusMember {
    status: AttendanceStatus,
}

/// A registration (OSDI attendance). The members about the person need `contacts:read`; of a protected event only
/// state, party size and days are shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AttendanceResource {
    /// `muster:<uuid>`, then those in other systems; in the answer to a token without `contacts:read` what was sent.
    identifiers: Vec<String>,
    #[serde(flatten)]
    attendance: AttendanceDocument,
    /// When it was made (RFC 3339).
    created_date: DateTime<Utc>,
    /// When it last changed its state (RFC 3339).
    modified_date: DateTime<Utc>,
    /// OSDI's word for the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<AttendanceStatus>,
    /// The state.
    #[serde(rename = "muster:state", skip_serializing_if = "Option::is_none")]
    muster_state: Option<AttendanceState>,
    /// Where the person comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer_data: Option<SourceResource>,
    /// The person's details as they were typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<ContactDetails>,
    #[serde(rename = "_links")]
    links: Links,
}

/// A page of registrations.
type AttendancePage = Page<AttendanceResource>;

/// OSDI `referrer_data`, as far as it is kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AttendanceSource)]
pub(super) struct SourceResource {
    /// A registered word, `other`, or null where nothing was said.
    source: Option<String>,
}

impl Listed for AttendanceResource {
    const REL: &'static str = "osdi:attendances";

    fn links(&self) -> &Links {
        &self.links
    }
}

impl AttendanceResource {
    /// What somebody sent who may not read contacts: it tells neither whether the person was there before nor whether a seat
    /// was left.
    /// `is_described`: the person was described, and not named by a link.
    fn as_sent(
        events: &Events,
        event: &Event,
        new: &NewAttendance,
        is_described: bool,
        identifiers: Vec<String>,
    ) -> Self {
        let kernel = &events.kernel;
        Self {
            identifiers,
            attendance: AttendanceDocument {
                muster_party_size: new.party_size.into(),
                muster_interpretation: Some(new.interpretation.clone()),
                muster_access_needs: Some(new.access_needs.clone()),
                muster_may_join: true,
            },
            created_date: kernel.env.now(),
            modified_date: kernel.env.now(),
            status: None,
            muster_state: None,
            referrer_data: Some(SourceResource { source: new.source.clone() }),
            person: is_described.then(|| new.person.details.contact()),
            links: Links::default().to("osdi:event", kernel.url(&event.action.api_path())).with_curies(),
        }
    }
}

/// The answer for a registration; with its person where the token has `contacts:read`, never for a protected event.
async fn resource(events: &Events, event: &Event, row: &AttendanceRow, actor: &Actor) -> Result<AttendanceResource> {
    let kernel = &events.kernel;
    let base = event.action.api_path();
    let links = Links::to_self(kernel.url(&format!("{base}/attendances/{}", row.id)))
        .to("osdi:event", kernel.url(&base))
        .with_curies();
    let attendance = AttendanceDocument {
        muster_party_size: row.party_size.into(),
        muster_interpretation: None,
        muster_access_needs: None,
        muster_may_join: row.may_join,
    };
    let mut resource = AttendanceResource {
        identifiers: identifiers(row.id),
        attendance,
        created_date: row.created_at,
        modified_date: row.ended_at.or(row.accepted_at).unwrap_or(row.created_at),
        status: Some(row.state.osdi_status()),
        muster_state: Some(row.state),
        referrer_data: None,
        person: None,
        links,
    };
    if event.action.protected {
        return Ok(resource);
    }
    resource.referrer_data = Some(SourceResource { source: row.source.clone() });
    resource.links = resource.links.to("osdi:person", kernel.url(&format!("/api/v1/people/{}", row.person_id)));
    if actor.allows(Scope::ContactsRead) {
        let payload = ops::open_payload(&*event.action.open_vault(kernel).await?, row)?;
        resource.identifiers.extend(payload.identifiers);
        resource.person = Some(payload.details.contact());
        resource.attendance.muster_interpretation = Some(payload.interpretation);
        resource.attendance.muster_access_needs = Some(payload.access_needs);
    }
    Ok(resource)
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
        (status = 200, description = "A page of registrations", body = AttendancePage),
        (status = 401),
        (status = 403),
        (status = 404),
    ),
)]
pub(super) async fn list_attendances(
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
        let vault = event.action.open_vault(kernel).await?;
        people::resolve_filter(&mut conn, &vault, filter).await?;
    }
    let (rows, extent) = store::attendances(&mut conn, event.action.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    admit_reading(kernel, &actor, "attendances", Some(event.action.id), rows.len()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(resource(&events, &event, row, &actor).await?);
    }
    let url = kernel.url(&format!("{}/attendances", event.action.api_path()));
    Ok(private_json(StatusCode::OK, &Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One registration.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/attendances/{attendance}",
    tag = "attendances",
    params(("id" = String, Path), ("attendance" = Uuid, Path)),
    responses((status = 200, description = "The registration", body = AttendanceResource), (status = 404)),
)]
pub(super) async fn get_attendance(
    State(events): State<Events>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let (event, row) = find_attendance(&mut *events.kernel.db.acquire().await?, &actor, &key, id).await?;
    admit_reading(&events.kernel, &actor, "attendances", Some(person_object(id)), 1).await?;
    Ok(private_json(StatusCode::OK, &resource(&events, &event, &row, &actor).await?))
}

fn parse_attendance(event: &Event, person: &PersonBody, body: NewAttendanceBody) -> Result<NewAttendance> {
    let mut errors = Vec::new();
    let person = match person.parse("/person") {
        Ok(person) => Some(person),
        Err(Error::Fields(fields)) => {
            errors.extend(fields);
            None
        }
        Err(error) => return Err(error),
    };
    if body.status.as_deref().is_some_and(|status| !status.trim().eq_ignore_ascii_case("accepted")) {
        let detail =
            "Only `accepted` registers somebody: leave the others out, and change a registration to `declined`.";
        errors.push(FieldError::new("/status", "not_allowed", detail));
    }
    let size = party_size(event, body.muster_party_size).map_err(|e| errors.push(e)).ok();
    let language =
        interpretation(event, body.muster_interpretation.as_deref().unwrap_or("")).map_err(|e| errors.push(e)).ok();
    let needs = access_needs(body.muster_access_needs.as_deref().unwrap_or("")).map_err(|e| errors.push(e)).ok();
    let (Some(person), Some(party_size), Some(interpretation), Some(access_needs)) = (person, size, language, needs)
    else {
        return Err(Error::Fields(errors));
    };
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let (consents, source) = (body.muster_consents.cleaned(), body.referrer_data.source);
    Ok(NewAttendance { person, party_size, interpretation, access_needs, consents, source, from: None })
}

/// Registers. Without a token this is the public act, with the same answer for everybody; with one the organizer
/// vouches, which a protected event refuses.
#[utoipa::path(
    post,
    path = "/api/v1/events/{id}/attendances",
    tag = "attendances",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = NewAttendanceBody,
    responses(
        (status = 202, description = "Received (public act)", body = ReceivedResource),
        (status = 201, description = "Registered (with a token); without `contacts:read` also where the person was there \
            already, and with nothing but what was sent", body = AttendanceResource),
        (status = 200, description = "Was there already (with a token)", body = AttendanceResource),
        (status = 403),
        (status = 409),
        (status = 422),
        (status = 428),
        (status = 503),
    ),
)]
pub(super) async fn create_attendance(
    State(events): State<Events>,
    MaybeActor(actor): MaybeActor,
    source: Source,
    headers: HeaderMap,
    PathParams(key): PathParams<String>,
    body: HelperBody<NewAttendanceBody>,
) -> Result<Response> {
    let kernel = &events.kernel;
    let (bytes, mut body) = (&body.bytes, body.part::<NewAttendanceBody>()?);
    let event = events.event(&key).await?;
    ensure_visible(actor.as_ref(), &event)?;
    let (challenge, add_tags) = (body.muster_challenge.clone(), std::mem::take(&mut body.add_tags));
    let others = std::mem::take(&mut body.identifiers);
    let is_described = body.person.is_some();
    let person = people::submitted_person(kernel, actor.as_ref(), body.person.take(), body.links.as_ref()).await?;
    let mut new = parse_attendance(&event, &person, body)?;
    let Some(actor) = actor else {
        events.ensure_open(&event)?;
        kernel.rate_limiter.admit(source, Proof::of_body(challenge.as_deref()), false).await?;
        events.submit(&event, NewAttendance { from: Some(source), ..new }).await?;
        return Ok((StatusCode::ACCEPTED, Json(ReceivedResource::new(kernel, &event.action))).into_response());
    };
    actor.require(Scope::ContactsWrite)?;
    if event.action.state == campaigns::State::Cancelled {
        // nobody can come, whoever says so
        event.action.require_open(kernel.env.now())?;
    }
    new.person.extras.add_tags(&add_tags)?;
    let others = people::parse_identifiers(&others)?;
    let extras = new.person.extras.clone();
    let sent = AttendanceResource::as_sent(&events, &event, &new, is_described, others.clone());
    let path = format!("{}/attendances", event.action.api_path());
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, &path, bytes).await?;
    let registered = events.submit_vouched(&event, new, key).await?;
    let mut conn = kernel.db.acquire().await?;
    let vault = event.action.open_vault(kernel).await?;
    add_identifiers::<AttendanceKind>(kernel, &mut conn, &vault, registered.attendance, &others).await?;
    let row = store::attendance(&mut conn, registered.attendance).await?.ok_or_else(Error::not_found)?;
    people::apply_extras(&mut conn, kernel, &vault, row.person_id, &extras).await?;
    drop(conn);
    if !actor.allows(Scope::ContactsRead) {
        return Ok(private_json(StatusCode::CREATED, &sent));
    }
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(private_json(status, &resource(&events, &event, &row, &actor).await?))
}

/// Changes a registration that is accepted or waitlisted. The `status` `declined` cancels it.
#[utoipa::path(
    put,
    path = "/api/v1/events/{id}/attendances/{attendance}",
    tag = "attendances",
    params(("id" = String, Path), ("attendance" = Uuid, Path)),
    request_body = AttendanceDocument,
    responses(
        (status = 200, description = "Changed", body = AttendanceResource),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
pub(super) async fn update_attendance(
    State(events): State<Events>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
    patch: Patch<AttendanceResource>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &events.kernel;
    let IdentifiersMember { identifiers } = patch.apply(&IdentifiersMember::default())?;
    let others = people::parse_identifiers(&identifiers)?;
    let mut tx = kernel.db.begin().await?;
    let (event, _) = find_attendance(&mut tx, &actor, &key, id).await?;
    if !others.is_empty() && !event.action.protected {
        let vault = event.action.open_vault(kernel).await?;
        add_identifiers::<AttendanceKind>(kernel, &mut tx, &vault, id, &others).await?;
        tx.commit().await?;
        tx = kernel.db.begin().await?;
    }
    let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
    let asked = patch.apply(&StatusMember { status: row.state.osdi_status() })?.status;
    if asked == AttendanceStatus::Declined && row.state.osdi_status() == asked && !patch.has_others_than("status") {
        return Ok(private_json(StatusCode::OK, &resource(&events, &event, &row, &actor).await?));
    }
    row.state.require_active()?;
    // read again under both locks: the capacity or the state may have changed meanwhile
    store::lock_seats(&mut tx, event.action.id).await?;
    store::lock_attendance(&mut tx, row.id).await?;
    let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
    row.state.require_active()?;
    if asked == AttendanceStatus::Declined {
        cancel(&mut tx, kernel, &actor, &event, id).await?;
        let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
        tx.commit().await?;
        return Ok(private_json(StatusCode::OK, &resource(&events, &event, &row, &actor).await?));
    }
    if patch.has("status") && asked != row.state.osdi_status() {
        let detail = "Only `declined` changes it: a place is given by the event's seats.";
        return Err(Error::field("/status", "not_allowed", detail));
    }
    let vault = event.action.open_vault(kernel).await?;
    let mut payload = ops::open_payload(&vault, &row)?;
    let before = AttendanceDocument {
        muster_party_size: row.party_size.into(),
        muster_interpretation: Some(payload.interpretation.clone()),
        muster_access_needs: Some(payload.access_needs.clone()),
        muster_may_join: row.may_join,
    };
    let after: AttendanceDocument = patch.apply(&before)?;
    if after == before {
        return Ok(private_json(StatusCode::OK, &resource(&events, &event, &row, &actor).await?));
    }
    // what stays is not checked again: the event may offer fewer languages or seats by now
    let field = |e| Error::Fields(vec![e]);
    if let Some(language) = after.muster_interpretation.filter(|language| *language != payload.interpretation) {
        payload.interpretation = interpretation(&event, &language).map_err(field)?;
    }
    if let Some(needs) = &after.muster_access_needs {
        payload.access_needs = access_needs(needs).map_err(field)?;
    }
    if after.muster_party_size != before.muster_party_size {
        ops::resize(&mut tx, kernel, &event, &row, party_size(&event, after.muster_party_size).map_err(field)?).await?;
    }
    if after.muster_may_join != before.muster_may_join {
        store::set_may_join(&mut tx, id, after.muster_may_join).await?;
    }
    if row.sealed.is_some() {
        store::replace_sealed(&mut tx, id, &vault.seal(&kernel.env, ATTENDANCES, id, &payload)).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "attendance.edit", Some(person_object(id)), json!({})).await?;
    let (event, row) = find_attendance(&mut tx, &actor, &key, id).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &resource(&events, &event, &row, &actor).await?))
}

/// Cancels a registration on behalf of its person, unless it has ended.
async fn cancel(conn: &mut PgConnection, kernel: &Kernel, actor: &Actor, event: &Event, id: Uuid) -> Result<()> {
    if ops::cancel(conn, kernel, event, id).await? {
        audit(conn, &kernel.env, actor, "attendance.cancel", Some(person_object(id)), json!({})).await?;
    }
    Ok(())
}

/// Cancels a registration on behalf of its person; free seats go to the waitlist.
#[utoipa::path(
    delete,
    path = "/api/v1/events/{id}/attendances/{attendance}",
    tag = "attendances",
    params(("id" = String, Path), ("attendance" = Uuid, Path)),
    responses((status = 200, description = "Cancelled", body = Notice), (status = 404)),
)]
pub(super) async fn delete_attendance(
    State(events): State<Events>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &events.kernel;
    let mut tx = kernel.db.begin().await?;
    let (event, _) = find_attendance(&mut tx, &actor, &key, id).await?;
    cancel(&mut tx, kernel, &actor, &event, id).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This registration was cancelled." }))
}
