//! `/api/v1/phone_campaigns`: call actions (OSDI advocacy campaigns of `type: phone`), and the calls that people made (OSDI
//! outreaches).

use std::{collections::BTreeMap, sync::Arc};

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
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    kind::{CallKind, CallPayload},
    state::{CallResult, CallState},
    store::{self, CallAction, CallRow, CallTarget},
    submission::{Calls, MAX_POINTS, NewCall, write},
};
use crate::{
    actions::{
        api as action_api,
        submission::{
            self as submissions, SubmissionBody, SubmissionReferrer, SubmittedPerson, Submitter, add_identifiers, vouch,
        },
    },
    campaigns::{self, Action, ActionDocument, ActionResource, Kind, ReceivedResource, SubmissionOutcome},
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams},
        hal::{Links, Notice, identifiers},
        http_cache::{IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        keyset_pagination::in_order,
        paging::{Listed, Page},
        patch::{HelperBody, NewBody, Patch, both},
        rate_limit::Source,
        text::{LocaleTag, TextError, clean_text},
        vault::Vault,
    },
    letters::{self, OfficeHours, Target},
    organizers::{self, Actor, MaybeActor, Scope, admit_reading, audit, person_object},
    people,
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Calls> {
    OpenApiRouter::new()
        .merge(action_api::router(Kind::Call))
        .routes(routes!(list_call_actions, create_call_action))
        .routes(routes!(get_call_action, update_call_action, delete_call_action))
        .routes(routes!(list_calls, create_call))
        .routes(routes!(get_call))
}

/// OSDI's `type` of an advocacy campaign and of an outreach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CallType {
    /// Telephone calls.
    #[default]
    Phone,
}

/// What may be written of a call action beside what all actions share.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
struct CallActionDocument {
    /// Only "phone".
    #[serde(rename = "type")]
    kind: CallType,
    /// Whom to call: slugs of offices (ids of offices and officials are accepted, too), in order.
    #[serde(rename = "muster:targets")]
    #[validate(length(max = 100))]
    muster_targets: Vec<String>,
    /// What to say (Markdown), at most 40,000 characters, in the action's language; in others: `body` in `muster:texts`.
    #[serde(rename = "muster:script")]
    #[validate(length(max = 40_000))]
    muster_script: String,
}

fn refused(pointer: &'static str) -> impl Fn(TextError) -> Error {
    move |e| Error::field(pointer, e.code, e.detail)
}

impl CallActionDocument {
    fn of(call: &CallAction) -> Self {
        let muster_targets = call.targets.iter().map(|target| target.office.slug.clone()).collect();
        Self { kind: CallType::Phone, muster_targets, muster_script: call.script.clone() }
    }

    fn script(&self) -> Result<String> {
        clean_text(&self.muster_script, 40_000).map_err(refused("/muster:script"))
    }
}

/// The body of a POST or PUT: the members of every action, and those of a call action.
#[derive(Serialize, ToSchema)]
struct CallActionInput {
    #[serde(flatten)]
    shared: ActionDocument,
    #[serde(flatten)]
    call: CallActionDocument,
}

/// A call action (OSDI advocacy campaign).
#[derive(Debug, Serialize, ToSchema)]
struct CallActionResource {
    #[serde(flatten)]
    action: ActionResource,
    #[serde(flatten)]
    shared: ActionDocument,
    #[serde(flatten)]
    call: CallActionDocument,
    /// Whom to call, in order.
    targets: Vec<CallTargetResource>,
    /// Calls that count; the public sees the published number.
    total_outreaches: i64,
    /// Calls that count by how they went. Organizers only.
    #[serde(rename = "muster:outcomes", skip_serializing_if = "Option::is_none")]
    muster_outcomes: Option<BTreeMap<String, i64>>,
}

/// An office to call, and who holds it today.
#[derive(Debug, Serialize, ToSchema)]
struct CallTargetResource {
    /// The office's title.
    title: String,
    /// The holder's given name; null for a vacant office.
    given_name: Option<String>,
    /// The holder's family name; null for a vacant office.
    family_name: Option<String>,
    /// "The Honourable"; null for a vacant office.
    honorific_prefix: Option<String>,
    /// The office's slug.
    #[serde(rename = "muster:office")]
    muster_office: String,
    /// Its public telephone number; empty where none is known.
    #[serde(rename = "muster:phone")]
    muster_phone: String,
    /// When somebody answers the phone.
    #[serde(rename = "muster:hours")]
    muster_hours: OfficeHours,
    /// Calls to it that count. Organizers only.
    #[serde(rename = "muster:total_outreaches", skip_serializing_if = "Option::is_none")]
    muster_total_outreaches: Option<i64>,
}

impl CallTargetResource {
    fn of(CallTarget { office, phone }: &CallTarget, total: Option<i64>) -> Self {
        let holder = office.holder.as_ref();
        Self {
            title: office.title.clone(),
            given_name: holder.map(|holder| holder.given_name.clone()),
            family_name: holder.map(|holder| holder.family_name.clone()),
            honorific_prefix: holder.map(|holder| holder.honorific_prefix.clone()),
            muster_office: office.slug.clone(),
            muster_phone: phone.phone.clone(),
            muster_hours: phone.hours.clone(),
            muster_total_outreaches: total,
        }
    }
}

impl Listed for CallActionResource {
    const REL: &'static str = "osdi:advocacy_campaigns";

    fn links(&self) -> &Links {
        &self.action.links
    }
}

type CallActionPage = Page<CallActionResource>;

/// The actor, if the token may see drafts and exact numbers; everybody else gets the public answer.
fn reader(actor: Option<Actor>) -> Option<Actor> {
    actor.filter(|a| a.allows(Scope::ActionsRead) || a.allows(Scope::ActionsWrite))
}

/// A call action as its own organizers (`actor`) or the public see it.
async fn resource(
    conn: &mut PgConnection,
    kernel: &Kernel,
    call: &CallAction,
    actor: Option<&Actor>,
) -> Result<CallActionResource> {
    let action = &call.action;
    let links = Links::to_self(kernel.url(&action.api_path()))
        .to("osdi:outreaches", kernel.url(&format!("{}/outreaches", action.api_path())))
        .with_curies();
    let (mut total_outreaches, mut counts) = (action.published_count, None);
    if actor.is_some_and(|actor| action.shows_exact_numbers(actor)) {
        total_outreaches = campaigns::exact_total(conn, action.id).await?;
        counts = Some(store::counts(conn, action.id).await?);
    }
    let cells = |by: &str| -> Option<BTreeMap<String, i64>> {
        let of = counts.as_ref()?.iter().filter(|(dimension, _, n)| dimension == by && *n != 0);
        Some(of.map(|(_, key, n)| (key.clone(), *n)).collect())
    };
    let by_office = cells("office");
    let total_of = |id: Uuid| by_office.as_ref().map(|cells| cells.get(&id.to_string()).copied().unwrap_or_default());
    Ok(CallActionResource {
        action: ActionResource::new(kernel, action, links),
        shared: ActionDocument::of(action, actor.is_some()),
        call: CallActionDocument::of(call),
        targets: call.targets.iter().map(|t| CallTargetResource::of(t, total_of(t.office.office_id))).collect(),
        total_outreaches,
        muster_outcomes: cells("outcome"),
    })
}

async fn find(calls: &Calls, conn: &mut PgConnection, key: &str, actor: Option<&Actor>) -> Result<CallAction> {
    let action = campaigns::find_for(conn, Kind::Call, key, actor).await?;
    store::load(conn, action, calls.today()).await
}

/// Call actions, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/phone_campaigns",
    tag = "phone_campaigns",
    responses((status = 200, description = "A page of call actions", body = CallActionPage)),
)]
async fn list_call_actions(
    State(calls): State<Calls>,
    MaybeActor(actor): MaybeActor,
    asked: IfNoneMatch,
    query: ListQuery,
) -> Result<Response> {
    let (kernel, actor) = (&calls.kernel, reader(actor));
    let filter = campaigns::action_filter(&query, store::ACTION_FIELDS, actor.as_ref())?;
    let mut conn = kernel.db.acquire().await?;
    let organization = actor.as_ref().map(|a| a.organization_id);
    let (rows, extent) = store::list(&mut conn, organization, filter.as_ref(), &query.page, calls.today()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(resource(&mut conn, kernel, row, actor.as_ref()).await?);
    }
    let body = Page::new(&kernel.url("/api/v1/phone_campaigns"), &query.raw, &query.page, &extent, items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One call action.
#[utoipa::path(
    get,
    path = "/api/v1/phone_campaigns/{id}",
    tag = "phone_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The call action", body = CallActionResource), (status = 404)),
)]
async fn get_call_action(
    State(calls): State<Calls>,
    MaybeActor(actor): MaybeActor,
    asked: IfNoneMatch,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    let (kernel, actor) = (&calls.kernel, reader(actor));
    let mut conn = kernel.db.acquire().await?;
    let call = find(&calls, &mut conn, &key, actor.as_ref()).await?;
    let value = resource(&mut conn, kernel, &call, actor.as_ref()).await?;
    Ok(if actor.is_some() { private_json(StatusCode::OK, &value) } else { cacheable_json(&asked, &value) })
}

/// Creates a call action.
#[utoipa::path(
    post,
    path = "/api/v1/phone_campaigns",
    tag = "phone_campaigns",
    request_body = CallActionInput,
    responses((status = 201, description = "Created", body = CallActionResource), (status = 422)),
)]
async fn create_call_action(
    State(calls): State<Calls>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<CallActionResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &calls.kernel;
    let (shared, document) = both(body.part::<ActionDocument>(), body.part::<CallActionDocument>())?;
    let (shared, script) = both(shared.parse(Kind::Call, true), document.script())?;
    let path = "/api/v1/phone_campaigns";
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, path, &body.bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let mut id = kernel.env.id();
    match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(first) => id = first,
        KeyClaim::Fresh => {
            let (organization, targets) = (actor.organization_id, &document.muster_targets);
            store::create_call_action(&mut tx, kernel, organization, id, &shared, &script, targets).await?;
            campaigns::log_state(&mut tx, &kernel.env, id, shared.state, "", Some(actor.organizer_id)).await?;
            audit(&mut tx, &kernel.env, &actor, "call.create", Some(id), json!({})).await?;
        }
    }
    let call = find(&calls, &mut tx, &id.to_string(), Some(&actor)).await?;
    let value = resource(&mut tx, kernel, &call, Some(&actor)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// Changes a call action.
#[utoipa::path(
    put,
    path = "/api/v1/phone_campaigns/{id}",
    tag = "phone_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = CallActionInput,
    responses(
        (status = 200, description = "Changed", body = CallActionResource),
        (status = 403),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
async fn update_call_action(
    State(calls): State<Calls>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    patch: Patch<CallActionResource>,
) -> Result<Json<CallActionResource>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &calls.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Call, &key, &actor).await?;
    let id = action.id;
    let before = CallActionDocument::of(&store::load(&mut tx, action.clone(), calls.today()).await?);
    let (shared, after) = both(ActionDocument::patched(&action, &patch), patch.apply(&before))?;
    let (shared, script) = both(shared.parse(Kind::Call, true), after.script())?;
    campaigns::put_action(&mut tx, kernel, &actor, &action, shared).await?;
    store::set_script(&mut tx, id, &script).await?;
    // unchanged targets are not resolved again
    if after.muster_targets != before.muster_targets {
        let targets = &after.muster_targets;
        let offices = letters::resolve_offices(&mut tx, kernel, actor.organization_id, targets).await?;
        store::set_targets(&mut tx, id, &offices).await?;
    }
    let call = find(&calls, &mut tx, &id.to_string(), Some(&actor)).await?;
    let value = resource(&mut tx, kernel, &call, Some(&actor)).await?;
    tx.commit().await?;
    Ok(Json(value))
}

/// Archives a call action: the public no longer sees it, its calls are kept.
#[utoipa::path(
    delete,
    path = "/api/v1/phone_campaigns/{id}",
    tag = "phone_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Notice), (status = 404)),
)]
async fn delete_call_action(
    State(calls): State<Calls>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = calls.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Call, &key, &actor).await?;
    campaigns::archive_action(&mut tx, &calls.kernel, &actor, &action).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This call action was archived." }))
}

/// What a call has beside what every submission has.
#[derive(Debug, Deserialize, Serialize, Validate, ToSchema)]
struct CallDocument {
    /// Slug of the office that was called; may be left out where the action has only one.
    #[serde(default, rename = "muster:office")]
    #[validate(length(max = 80))]
    muster_office: String,
    /// How it went; `other` if absent.
    #[serde(default, rename = "muster:outcome")]
    muster_outcome: CallResult,
    /// The caller's own points.
    #[serde(default)]
    #[validate(length(max = 4000))]
    message: String,
}

/// A call that was made.
#[derive(Serialize, ToSchema)]
struct NewCallBody {
    #[serde(flatten)]
    shared: SubmissionBody,
    #[serde(flatten)]
    call: CallDocument,
}

/// A call (OSDI outreach). Who called and the own points are shown to tokens with `contacts:read`, except for protected
/// actions and calls that do not count any more.
#[derive(Debug, Serialize, ToSchema)]
struct CallResource {
    /// `muster:<uuid>`, then those in other systems.
    identifiers: Vec<String>,
    /// Only "phone".
    #[serde(rename = "type")]
    kind: CallType,
    /// When it was reported (RFC 3339).
    created_date: DateTime<Utc>,
    /// When it began to count, or else was reported (RFC 3339).
    modified_date: DateTime<Utc>,
    /// The office.
    targets: Vec<CalledOffice>,
    /// The office's slug.
    #[serde(rename = "muster:office")]
    muster_office: String,
    /// How it went.
    #[serde(rename = "muster:outcome")]
    muster_outcome: CallResult,
    /// Does it count?
    #[serde(rename = "muster:state")]
    muster_state: CallState,
    /// The caller's own points.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Language of the form.
    #[serde(rename = "muster:locale", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    muster_locale: Option<LocaleTag>,
    /// Where the caller came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer_data: Option<SubmissionReferrer>,
    #[serde(rename = "_links")]
    links: Links,
    /// The caller.
    #[serde(rename = "_embedded", skip_serializing_if = "Option::is_none")]
    embedded: Option<SubmittedPerson>,
}

/// The office of a call.
#[derive(Debug, Serialize, ToSchema)]
struct CalledOffice {
    /// The office's title.
    title: String,
}

impl Listed for CallResource {
    const REL: &'static str = "osdi:outreaches";

    fn links(&self) -> &Links {
        &self.links
    }
}

type CallPage = Page<CallResource>;

/// A confirmed call of an action.
///
/// # Errors
/// `not_found`.
async fn confirmed(conn: &mut PgConnection, action: Uuid, id: Uuid) -> Result<CallRow> {
    let row: Option<CallRow> = submissions::rows::<CallKind, _>(conn, &[id]).await?.pop();
    let is_shown = |row: &CallRow| row.call_action_id == action && row.state != CallState::Pending;
    row.filter(is_shown).ok_or_else(Error::not_found)
}

/// The vault of an action where contacts may be shown to this actor; never of a protected action.
async fn readable_vault(kernel: &Kernel, action: &Action, actor: &Actor) -> Result<Option<Arc<Vault>>> {
    if action.protected || action.ended_at.is_some() || !actor.allows(Scope::ContactsRead) {
        return Ok(None);
    }
    action.open_vault(kernel).await.map(Some)
}

/// A call to an office, without what tells who called.
fn bare(kernel: &Kernel, action: &Action, office: &Target, outcome: CallResult, at: DateTime<Utc>) -> CallResource {
    CallResource {
        identifiers: Vec::new(),
        kind: CallType::Phone,
        created_date: at,
        modified_date: at,
        targets: vec![CalledOffice { title: office.title.clone() }],
        muster_office: office.slug.clone(),
        muster_outcome: outcome,
        muster_state: CallState::Counted,
        message: None,
        muster_locale: None,
        referrer_data: None,
        links: Links::default().to("osdi:advocacy_campaign", kernel.url(&action.api_path())).with_curies(),
        embedded: None,
    }
}

/// The answers for calls; `vault` only where the contact may be shown.
async fn call_resources(
    calls: &Calls,
    conn: &mut PgConnection,
    action: &Action,
    vault: Option<&Vault>,
    rows: Vec<CallRow>,
) -> Result<Vec<CallResource>> {
    let kernel = &calls.kernel;
    let offices: Vec<Uuid> = rows.iter().map(|row| row.office_id).collect();
    let offices = letters::targets(conn, &offices, calls.today()).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let office = offices.iter().find(|office| office.office_id == row.office_id).ok_or_else(Error::not_found)?;
        let own = kernel.url(&format!("{}/outreaches/{}", action.api_path(), row.id));
        let mut call = CallResource {
            identifiers: identifiers(row.id),
            modified_date: row.counted_at.unwrap_or(row.created_at),
            muster_state: row.state,
            links: Links::to_self(own).to("osdi:advocacy_campaign", kernel.url(&action.api_path())).with_curies(),
            ..bare(kernel, action, office, row.outcome, row.created_at)
        };
        if let (Some(vault), Some(sealed)) = (vault, row.sealed.as_deref()) {
            let payload: CallPayload = vault.open("calls", row.id, sealed)?;
            call.identifiers.extend(payload.identifiers);
            call.message = Some(payload.points);
            call.muster_locale = Some(payload.locale);
            call.referrer_data = Some(SubmissionReferrer { source: row.source, website: None });
            call.links = call.links.to("osdi:person", kernel.url(&format!("/api/v1/people/{}", row.person_id)));
            call.embedded = Some(SubmittedPerson::new(row.person_id, &payload.details));
        }
        all.push(call);
    }
    Ok(all)
}

/// Confirmed calls, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/phone_campaigns/{id}/outreaches",
    tag = "phone_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "A page of calls", body = CallPage), (status = 401), (status = 403)),
)]
async fn list_calls(
    State(calls): State<Calls>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Json<CallPage>> {
    actor.require(Scope::ContactsRead)?;
    let kernel = &calls.kernel;
    let mut filter = query.filter(store::CALL_FIELDS)?;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Call, &key, Some(&actor)).await?;
    let vault = readable_vault(kernel, &action, &actor).await?;
    if let (Some(filter), Some(vault)) = (&mut filter, &vault) {
        people::resolve_filter(&mut conn, vault, filter).await?;
    }
    let (ids, extent) = store::page(&mut conn, action.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    admit_reading(kernel, &actor, "outreaches", Some(action.id), ids.len()).await?;
    let mut conn = kernel.db.acquire().await?;
    let rows = in_order(submissions::rows::<CallKind, _>(&mut conn, &ids).await?, &ids, |row: &CallRow| row.id);
    let items = call_resources(&calls, &mut conn, &action, vault.as_deref(), rows).await?;
    let url = kernel.url(&format!("{}/outreaches", action.api_path()));
    Ok(Json(Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One call.
#[utoipa::path(
    get,
    path = "/api/v1/phone_campaigns/{id}/outreaches/{outreach}",
    tag = "phone_campaigns",
    params(("id" = String, Path, description = "UUID or slug"), ("outreach" = Uuid, Path)),
    responses((status = 200, description = "The call", body = CallResource), (status = 404)),
)]
async fn get_call(
    State(calls): State<Calls>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<CallResource>> {
    actor.require(Scope::ContactsRead)?;
    let kernel = &calls.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Call, &key, Some(&actor)).await?;
    let row = confirmed(&mut conn, action.id, id).await?;
    drop(conn);
    admit_reading(kernel, &actor, "outreaches", Some(person_object(id)), 1).await?;
    let vault = readable_vault(kernel, &action, &actor).await?;
    let mut conn = kernel.db.acquire().await?;
    let shown = call_resources(&calls, &mut conn, &action, vault.as_deref(), vec![row]).await?;
    shown.into_iter().next().map(Json).ok_or_else(Error::not_found)
}

/// Reports a call. Without a token this is the public act, with the same answer for everybody; with one the organizer
/// vouches, which a protected action refuses. A later call of the same person to the same office takes the place of this one.
#[utoipa::path(
    post,
    path = "/api/v1/phone_campaigns/{id}/outreaches",
    tag = "phone_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = NewCallBody,
    responses(
        (status = 202, description = "Received (without a token)", body = ReceivedResource),
        (status = 201, description = "Counted (with a token); without `contacts:read` only what was sent", body = CallResource),
        (status = 403),
        (status = 409),
        (status = 422),
        (status = 428),
    ),
)]
async fn create_call(
    State(calls): State<Calls>,
    MaybeActor(actor): MaybeActor,
    source: Source,
    headers: HeaderMap,
    PathParams(key): PathParams<String>,
    body: HelperBody<NewCallBody>,
) -> Result<Response> {
    let kernel = &calls.kernel;
    let (shared, document) = both(body.part::<SubmissionBody>(), body.part::<CallDocument>())?;
    if let Some(actor) = &actor {
        actor.require(Scope::ActionsWrite)?;
        actor.require(Scope::ContactsWrite)?;
    }
    let call = calls.find(&key).await?;
    let action = &call.action;
    let is_visible = match &actor {
        Some(actor) => actor.organization_id == action.organization_id,
        None => action.state.is_public(),
    };
    if !is_visible {
        return Err(Error::not_found());
    }
    let person = shared.person(kernel, actor.as_ref()).await;
    let points = clean_text(&document.message, MAX_POINTS).map_err(refused("/message"));
    let office = call.called(&document.muster_office).map_err(|error: FieldError| Error::Fields(vec![error]));
    let (person, (office_id, points)) = both(person, both(office, points))?;
    let source_word = shared.source();
    let consents = shared.muster_consents.clone().cleaned();
    let new = NewCall { person, office_id, outcome: document.muster_outcome, points, consents, source: source_word };
    let Some(actor) = actor else {
        action.require_open(kernel.env.now())?;
        kernel.rate_limiter.admit(source, shared.proof(), false).await?;
        write(&calls, &call, &new, Submitter::public(kernel, action, &new.person)?).await?;
        return Ok((StatusCode::ACCEPTED, Json(ReceivedResource::new(kernel, action))).into_response());
    };
    let others = people::parse_identifiers(&shared.identifiers)?;
    let path = format!("{}/outreaches", action.api_path());
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, &path, &body.bytes).await?;
    let submit = |by| write(&calls, &call, &new, by);
    let written = vouch(kernel, action, &new.person, &new.consents, key, submit).await?;
    let id = written.row_id;
    let mut conn = kernel.db.acquire().await?;
    if written.outcome == SubmissionOutcome::Created {
        audit(&mut conn, &kernel.env, &actor, "call.vouch", Some(person_object(id)), json!({})).await?;
    }
    let vault = action.open_vault(kernel).await?;
    add_identifiers::<CallKind>(kernel, &mut conn, &vault, id, &others).await?;
    if !actor.allows(Scope::ContactsRead) {
        let office = call.targets.iter().find(|target| target.office.office_id == office_id);
        let sent = office.map(|target| bare(kernel, action, &target.office, new.outcome, kernel.env.now()));
        return Ok((StatusCode::CREATED, Json(sent)).into_response());
    }
    let row = confirmed(&mut conn, action.id, id).await?;
    let shown = call_resources(&calls, &mut conn, action, Some(&vault), vec![row]).await?;
    Ok((StatusCode::CREATED, Json(shown.into_iter().next())).into_response())
}
