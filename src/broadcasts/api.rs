//! Handlers of `/api/v1/broadcasts`: draft, audience size, test mail, send, pause, resume, cancel, recipients.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{PgConnection, types::Json as Stored};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    Broadcasts,
    mail::TestBroadcast,
    ops,
    states::{BroadcastState, RecipientState},
    store::{self, Broadcast, Text},
};
use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        jobs::{self, JobResource, JobStatus},
        paging::{Listed, Page},
        patch::{NewBody, Patch},
        text::{LocaleTag, clean_text, required_line},
        transaction::Transaction,
    },
    mail::{self, Class, NewEmail},
    organizers::{Actor, Scope, audit, postal_address},
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Broadcasts> {
    OpenApiRouter::new()
        .routes(routes!(list_broadcasts, post_broadcast))
        .routes(routes!(get_broadcast, put_broadcast, delete_broadcast))
        .routes(routes!(send_test_broadcast))
        .routes(routes!(send_broadcast))
        .routes(routes!(pause_broadcast))
        .routes(routes!(resume_broadcast))
        .routes(routes!(cancel_broadcast))
        .routes(routes!(list_recipients))
}

/// Who gets it: those who agreed to news and took part in one of the actions, or have one of the tags, or both where both
/// are given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct Audience {
    /// Ids or slugs of petitions, events and letter actions; none of them protected. Answers have ids. Needed if there are no
    /// tags.
    #[validate(length(max = 50))]
    actions: Vec<String>,
    /// Only who has one of these tags.
    #[validate(length(max = 50))]
    tags: Vec<String>,
    /// Only who reads one of these languages.
    #[validate(length(max = 10))]
    locales: Vec<String>,
    /// Only who signed from one of these (`CA-ON`).
    #[validate(length(max = 100))]
    regions: Vec<String>,
    /// Only who came by one of these registered words.
    #[validate(length(max = 100))]
    sources: Vec<String>,
}

/// What can be written of a broadcast. In a PUT, absent members stay.
#[expect(clippy::struct_field_names, reason = "the prefix stands for `muster:`")]
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct BroadcastDocument {
    /// Subject and body (Markdown) by language tag: `{"en": {"subject", "body"}}`.
    #[serde(rename = "muster:texts")]
    muster_texts: BTreeMap<String, Text>,
    /// The language for readers whose own has no text; the first text's if absent.
    #[serde(default, rename = "muster:locale")]
    muster_locale: Option<String>,
    /// Who gets it.
    #[serde(rename = "muster:audience")]
    #[validate(nested)]
    muster_audience: Audience,
}

impl BroadcastDocument {
    fn of(b: &Broadcast) -> Self {
        Self {
            muster_texts: b.texts.0.clone(),
            muster_locale: Some(b.locale.clone()),
            muster_audience: Audience {
                actions: b.actions.iter().map(Uuid::to_string).collect(),
                tags: b.tags.clone(),
                locales: b.locales.clone(),
                regions: b.regions.clone(),
                sources: b.sources.clone(),
            },
        }
    }
}

/// A broadcast: an email update to those who took part in an action and agreed to news.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BroadcastResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// When the draft was made.
    created_date: DateTime<Utc>,
    /// The members that can be written.
    #[serde(flatten)]
    document: BroadcastDocument,
    /// Size of the audience; null while it is being counted.
    #[serde(rename = "muster:recipients")]
    muster_recipients: Option<i64>,
    /// When it was counted: of a draft the last time, later at the start of sending.
    #[serde(rename = "muster:recipients_counted_date")]
    muster_recipients_counted_date: Option<DateTime<Utc>>,
    /// The job that sends it or counts its audience, while there is one.
    #[serde(rename = "muster:job")]
    muster_job: Option<JobResource>,
    /// Its state.
    #[serde(rename = "muster:state")]
    muster_state: BroadcastState,
    /// When sending begins.
    #[serde(rename = "muster:due_at")]
    muster_due_at: Option<DateTime<Utc>>,
    /// When sending began.
    #[serde(rename = "muster:started_date")]
    muster_started_date: Option<DateTime<Utc>>,
    /// When it was done or cancelled.
    #[serde(rename = "muster:finished_date")]
    muster_finished_date: Option<DateTime<Utc>>,
    /// Number of recipients by the state of their mail; states that nobody has are left out.
    #[serde(rename = "muster:progress")]
    muster_progress: BTreeMap<RecipientState, i64>,
    #[serde(rename = "_links")]
    links: Links,
}

impl BroadcastResource {
    async fn read(kernel: &Kernel, conn: &mut PgConnection, b: &Broadcast) -> Result<Self> {
        let base = kernel.url(&format!("/api/v1/broadcasts/{}", b.id));
        let jobs = jobs::statuses(conn, ops::JOB, &[b.id]).await?;
        let counting = jobs::statuses(conn, ops::AUDIENCE_JOB, &[b.id]).await?;
        // before the audience is frozen: its size at the last count
        let (audience, counted_at) =
            if b.audience_frozen { (Some(b.recipients), b.started_at) } else { (b.audience, b.audience_at) };
        Ok(Self {
            identifiers: identifiers(b.id),
            created_date: b.created_at,
            document: BroadcastDocument::of(b),
            muster_recipients: audience,
            muster_recipients_counted_date: counted_at,
            muster_job: jobs.get(&b.id).or_else(|| counting.get(&b.id)).map(JobStatus::resource),
            muster_state: b.state,
            muster_due_at: b.due_at,
            muster_started_date: b.started_at,
            muster_finished_date: b.finished_at,
            muster_progress: store::progress(conn, b.id).await?,
            links: Links::to_self(&base)
                .to("muster:test", format!("{base}/test"))
                .to("muster:send", format!("{base}/send"))
                .to("muster:pause", format!("{base}/pause"))
                .to("muster:resume", format!("{base}/resume"))
                .to("muster:cancel", format!("{base}/cancel"))
                .to("muster:recipients", format!("{base}/recipients"))
                .with_curies(),
        })
    }
}

/// A broadcast in the list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BroadcastSummary {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// When the draft was made.
    created_date: DateTime<Utc>,
    /// Its state.
    #[serde(rename = "muster:state")]
    muster_state: BroadcastState,
    /// When sending begins.
    #[serde(rename = "muster:due_at")]
    muster_due_at: Option<DateTime<Utc>>,
    /// The subject in the broadcast's own language.
    subject: Option<String>,
    /// Size of the audience; null while it is being counted.
    #[serde(rename = "muster:recipients")]
    muster_recipients: Option<i64>,
    #[serde(rename = "_links")]
    links: Links,
}

impl BroadcastSummary {
    fn of(kernel: &Kernel, b: &Broadcast) -> Self {
        Self {
            identifiers: identifiers(b.id),
            created_date: b.created_at,
            muster_state: b.state,
            muster_due_at: b.due_at,
            subject: b.text(&b.locale).map(|(_, text)| text.subject.clone()),
            muster_recipients: if b.audience_frozen { Some(b.recipients) } else { b.audience },
            links: Links::to_self(kernel.url(&format!("/api/v1/broadcasts/{}", b.id))),
        }
    }
}

impl Listed for BroadcastSummary {
    const REL: &str = "muster:broadcasts";
    const IS_ALSO_MEMBER: bool = true;

    fn links(&self) -> &Links {
        &self.links
    }
}

type BroadcastPage = Page<BroadcastSummary>;

/// A recipient of a broadcast; the person by a link, for those who may see people.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecipientResource {
    /// State of the mail.
    #[serde(rename = "muster:state")]
    muster_state: RecipientState,
    #[serde(rename = "_links")]
    links: Links,
}

impl Listed for RecipientResource {
    const REL: &str = "muster:recipients";

    fn links(&self) -> &Links {
        &self.links
    }
}

async fn find(conn: &mut PgConnection, actor: &Actor, id: Uuid, lock: bool) -> Result<Broadcast> {
    let found = if lock {
        store::lock(conn, actor.organization_id, id).await?
    } else {
        store::broadcast(conn, actor.organization_id, id).await?
    };
    found.ok_or_else(Error::not_found)
}

/// Validates a request body and copies it into a broadcast.
async fn fill(conn: &mut PgConnection, b: &mut Broadcast, body: BroadcastDocument) -> Result<()> {
    let mut errors = Vec::new();
    let mut texts = BTreeMap::new();
    for (locale, text) in body.muster_texts {
        let at = format!("/muster:texts/{}", locale.replace('~', "~0").replace('/', "~1"));
        if LocaleTag::parse(&locale).is_err() {
            errors.push(FieldError::new(&at, "unknown_value", "There are no pages in this language."));
            continue;
        }
        let subject = required_line(&text.subject, 200)
            .map_err(|e| errors.push(FieldError::new(format!("{at}/subject"), e.code, e.detail)));
        let typed = clean_text(&text.body, 40_000)
            .map_err(|e| (e.code, e.detail))
            .and_then(|typed| if typed.is_empty() { Err(("required", "This is needed.".into())) } else { Ok(typed) });
        let typed = typed.map_err(|(code, detail)| errors.push(FieldError::new(format!("{at}/body"), code, detail)));
        if let (Ok(subject), Ok(body)) = (subject, typed) {
            texts.insert(locale, Text { subject, body });
        }
    }
    if texts.is_empty() && errors.is_empty() {
        errors.push(FieldError::new("/muster:texts", "required", "At least one text is needed."));
    }
    let locale = body.muster_locale.or_else(|| texts.keys().next().cloned()).unwrap_or_default();
    if errors.is_empty() && !texts.contains_key(&locale) {
        errors.push(FieldError::new("/muster:locale", "unknown_value", "There is no text in this language."));
    }
    let audience = body.muster_audience;
    if audience.actions.is_empty() && audience.tags.is_empty() {
        errors.push(FieldError::new("/muster:audience/actions", "required", "Actions or tags are needed."));
    }
    if audience.actions.is_empty() && !(audience.regions.is_empty() && audience.sources.is_empty()) {
        let detail = "Regions and sources are those of what people did: name the actions.";
        errors.push(FieldError::new("/muster:audience/actions", "required", detail));
    }
    let mut tags = Vec::new();
    for (i, tag) in audience.tags.iter().enumerate() {
        match required_line(tag, 200) {
            Ok(tag) => tags.push(tag),
            Err(e) => errors.push(FieldError::new(format!("/muster:audience/tags/{i}"), e.code, e.detail)),
        }
    }
    let known = store::resolve_actions(conn, b.organization_id, &audience.actions).await?;
    for (i, key) in audience.actions.iter().enumerate() {
        if !known.iter().any(|(k, _)| k == key) {
            let detail = "There is no such action, or it is protected: nobody is written to because of it.";
            errors.push(FieldError::new(format!("/muster:audience/actions/{i}"), "unknown_value", detail));
        }
    }
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    b.texts = Stored(texts);
    b.locale = locale;
    let id_of = |key: &String| known.iter().find(|(k, _)| k == key).map(|(_, id)| *id);
    b.actions = audience.actions.iter().filter_map(id_of).collect();
    b.tags = tags;
    (b.locales, b.regions, b.sources) = (audience.locales, audience.regions, audience.sources);
    Ok(())
}

/// The broadcasts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/broadcasts",
    tag = "broadcasts",
    params(
        PagingParams,
        ("filter" = Option<String>, Query, description = "OData over `identifier`, `created_date`, `muster:state`."),
    ),
    responses(
        (status = 200, description = "A page of broadcasts", body = BroadcastPage),
        (status = 400),
        (status = 401),
        (status = 403),
    ),
)]
async fn list_broadcasts(State(broadcasts): State<Broadcasts>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let filter = query.filter(store::BROADCAST_FIELDS)?;
    let kernel = &broadcasts.kernel;
    let mut conn = kernel.db.acquire().await?;
    let (rows, extent) = store::list(&mut conn, actor.organization_id, filter.as_ref(), &query.page).await?;
    let items = rows.iter().map(|b| BroadcastSummary::of(kernel, b)).collect();
    let page = Page::new(&kernel.url("/api/v1/broadcasts"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// Writes a draft; how many would get it is counted then, and stands in `muster:recipients` once that is known.
#[utoipa::path(
    post,
    path = "/api/v1/broadcasts",
    tag = "broadcasts",
    request_body = BroadcastDocument,
    responses(
        (status = 201, description = "The draft", body = BroadcastResource),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn post_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    body: NewBody<BroadcastResource>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &broadcasts.kernel;
    let mut tx = kernel.db.begin().await?;
    let mut b = Broadcast {
        id: kernel.env.id(),
        organization_id: actor.organization_id,
        texts: Stored(BTreeMap::new()),
        locale: String::new(),
        actions: Vec::new(),
        tags: Vec::new(),
        locales: Vec::new(),
        regions: Vec::new(),
        sources: Vec::new(),
        state: BroadcastState::Draft,
        due_at: None,
        audience: None,
        audience_at: None,
        audience_cursor: None,
        audience_frozen: false,
        freeze_cursor: None,
        recipients: 0,
        enqueue_cursor: None,
        requeues_given_up: false,
        created_at: kernel.env.now(),
        started_at: None,
        finished_at: None,
    };
    fill(&mut tx, &mut b, body.part()?).await?;
    store::save(&mut tx, &b, actor.organizer_id).await?;
    ops::schedule_audience_count(&mut tx, kernel, &b).await?;
    audit(&mut tx, &kernel.env, &actor, "broadcast.create", Some(b.id), json!({})).await?;
    let body = BroadcastResource::read(kernel, &mut tx, &b).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// One broadcast with its progress: recipients by the state of their mail.
#[utoipa::path(
    get,
    path = "/api/v1/broadcasts/{id}",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The broadcast", body = BroadcastResource), (status = 401), (status = 404)),
)]
async fn get_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let mut conn = broadcasts.kernel.db.acquire().await?;
    let b = find(&mut conn, &actor, id, false).await?;
    Ok(private_json(StatusCode::OK, &BroadcastResource::read(&broadcasts.kernel, &mut conn, &b).await?))
}

/// Changes a draft; absent members stay.
#[utoipa::path(
    put,
    path = "/api/v1/broadcasts/{id}",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    request_body = BroadcastDocument,
    responses(
        (status = 200, description = "The draft", body = BroadcastResource),
        (status = 401),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
async fn put_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    changes: Patch<BroadcastResource>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &broadcasts.kernel;
    let mut tx = kernel.db.begin().await?;
    let mut b = find(&mut tx, &actor, id, true).await?;
    b.state.require_draft()?;
    let document = changes.apply(&BroadcastDocument::of(&b))?;
    let before = b.clone();
    fill(&mut tx, &mut b, document).await?;
    if !b.has_same_document(&before) {
        store::save(&mut tx, &b, actor.organizer_id).await?;
        (b.audience, b.audience_at) = (None, None);
        ops::schedule_audience_count(&mut tx, kernel, &b).await?;
        audit(&mut tx, &kernel.env, &actor, "broadcast.edit", Some(id), json!({})).await?;
    }
    let body = BroadcastResource::read(kernel, &mut tx, &b).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &body))
}

/// Removes a draft.
#[utoipa::path(
    delete,
    path = "/api/v1/broadcasts/{id}",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404), (status = 409)),
)]
async fn delete_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::MailManage)?;
    let kernel = &broadcasts.kernel;
    let mut tx = kernel.db.begin().await?;
    find(&mut tx, &actor, id, true).await?.state.require_draft()?;
    store::delete(&mut tx, id).await?;
    jobs::remove(&mut tx, ops::AUDIENCE_JOB, id).await?;
    audit(&mut tx, &kernel.env, &actor, "broadcast.delete", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This draft is gone." }))
}

/// Mails the broadcast to the organizer who asks, once for each of its languages.
#[utoipa::path(
    post,
    path = "/api/v1/broadcasts/{id}/test",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Queued", body = Notice), (status = 401), (status = 404)),
)]
async fn send_test_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::MailManage)?;
    let kernel = &broadcasts.kernel;
    let mut tx = kernel.db.begin().await?;
    let b = find(&mut tx, &actor, id, false).await?;
    for locale in b.texts.keys() {
        let email = NewEmail {
            organization_id: b.organization_id,
            class: Class::Notice,
            kind: TestBroadcast::KIND,
            lane: "",
            refs: json!({"broadcast": id, "organizer": actor.organizer_id, "locale": locale}),
            protected: false,
            due_at: None,
        };
        mail::enqueue(&mut tx, &kernel.env, email).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "broadcast.test", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "It is on its way to you." }))
}

/// When to send.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct SendBody {
    /// Not before; at once if absent.
    at: Option<DateTime<Utc>>,
}

/// Sends a draft, at once or later.
#[utoipa::path(
    post,
    path = "/api/v1/broadcasts/{id}/send",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    request_body = SendBody,
    responses(
        (status = 202, description = "Scheduled", body = BroadcastResource),
        (status = 401),
        (status = 404),
        (status = 409, description = "No draft, no postal address of the organization, or those of one of its actions have had their broadcasts of the month"),
    ),
)]
async fn send_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    body: NewBody<SendBody>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let body: SendBody = body.part()?;
    let kernel = &broadcasts.kernel;
    let mut tx = kernel.db.begin().await?;
    let mut b = find(&mut tx, &actor, id, true).await?;
    b.state.require_transition(BroadcastState::Scheduled)?;
    if postal_address(&mut tx, actor.organization_id).await?.is_empty() {
        let detail = "An email update says where its sender is: set the organization's `postal_address` first.";
        return Err(Error::problem(Code::Conflict, detail));
    }
    let due_at = body.at.unwrap_or(kernel.env.now());
    let most = kernel.settings.mail.broadcasts_per_month;
    if store::count_recent(&mut tx, &b, due_at - TimeDelta::days(30)).await? >= most {
        let detail = format!("Those who took part in one action get {most} broadcasts in thirty days at most.");
        return Err(Error::problem(Code::Conflict, detail));
    }
    store::set_state(&mut tx, id, BroadcastState::Scheduled, Some(due_at), None).await?;
    b.due_at = Some(due_at);
    ops::schedule_send(&mut tx, kernel, &b).await?;
    audit(&mut tx, &kernel.env, &actor, "broadcast.send", Some(id), json!({"at": due_at})).await?;
    answer(kernel, tx, &actor, id, StatusCode::ACCEPTED).await
}

async fn answer(
    kernel: &Kernel,
    mut tx: Transaction<'_>,
    actor: &Actor,
    id: Uuid,
    status: StatusCode,
) -> Result<Response> {
    let b = find(&mut tx, actor, id, false).await?;
    let body = BroadcastResource::read(kernel, &mut tx, &b).await?;
    tx.commit().await?;
    Ok(private_json(status, &body))
}

/// Pauses, resumes or cancels a broadcast.
async fn change_state(broadcasts: &Broadcasts, actor: &Actor, id: Uuid, to: BroadcastState) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &broadcasts.kernel;
    let mut tx = kernel.db.begin().await?;
    let b = find(&mut tx, actor, id, true).await?;
    // only its job sends one that is scheduled
    if b.state == BroadcastState::Scheduled && to == BroadcastState::Sending {
        return Err(b.state.conflict());
    }
    b.state.require_transition(to)?;
    let ended = (to == BroadcastState::Cancelled).then(|| kernel.env.now());
    store::set_state(&mut tx, id, to, None, ended).await?;
    if to == BroadcastState::Sending {
        store::restart_enqueueing(&mut tx, id, true).await?;
    }
    ops::schedule_send(&mut tx, kernel, &Broadcast { due_at: None, ..b }).await?;
    audit(&mut tx, &kernel.env, actor, &format!("broadcast.{}", to.as_str()), Some(id), json!({})).await?;
    answer(kernel, tx, actor, id, StatusCode::OK).await
}

/// Stops a broadcast under way; what is being sent at this moment goes out.
#[utoipa::path(
    post,
    path = "/api/v1/broadcasts/{id}/pause",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Paused", body = BroadcastResource),
        (status = 401),
        (status = 404),
        (status = 409),
    ),
)]
async fn pause_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    change_state(&broadcasts, &actor, id, BroadcastState::Paused).await
}

/// Goes on with a broadcast that was paused or that failed; whose mail was given up meanwhile is asked again.
#[utoipa::path(
    post,
    path = "/api/v1/broadcasts/{id}/resume",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Goes on", body = BroadcastResource),
        (status = 401),
        (status = 404),
        (status = 409),
    ),
)]
async fn resume_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    change_state(&broadcasts, &actor, id, BroadcastState::Sending).await
}

/// Ends a broadcast for good; who has not had it yet does not get it.
#[utoipa::path(
    post,
    path = "/api/v1/broadcasts/{id}/cancel",
    tag = "broadcasts",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Cancelled", body = BroadcastResource),
        (status = 401),
        (status = 404),
        (status = 409),
    ),
)]
async fn cancel_broadcast(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    change_state(&broadcasts, &actor, id, BroadcastState::Cancelled).await
}

/// To whom a broadcast goes, with what became of each mail: people by id, whom `/api/v1/people` shows to those who
/// may see them.
#[utoipa::path(
    get,
    path = "/api/v1/broadcasts/{id}/recipients",
    tag = "broadcasts",
    params(
        ("id" = Uuid, Path),
        ("page" = Option<u64>, Query, description = "From 1."),
        ("after" = Option<String>, Query, description = "As the `next` link of a page has it."),
        ("per_page" = Option<u32>, Query, description = "1 to 100; 25 unless told."),
        ("filter" = Option<String>, Query, description = "OData over `muster:state`."),
    ),
    responses(
        (status = 200, description = "A page of recipients", body = Page<RecipientResource>),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_recipients(
    State(broadcasts): State<Broadcasts>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let filter = query.filter(store::RECIPIENT_FIELDS)?;
    let kernel = &broadcasts.kernel;
    let mut conn = kernel.db.acquire().await?;
    let b = find(&mut conn, &actor, id, false).await?;
    let (rows, extent) = store::recipients(&mut conn, b.id, filter.as_ref(), &query.page).await?;
    let items = rows.into_iter().map(|(person, state)| RecipientResource {
        muster_state: state,
        links: Links::default().to("osdi:person", kernel.url(&format!("/api/v1/people/{person}"))),
    });
    let url = kernel.url(&format!("/api/v1/broadcasts/{id}/recipients"));
    let page = Page::new(&url, &query.raw, &query.page, &extent, items.collect());
    Ok(private_json(StatusCode::OK, &page))
}
