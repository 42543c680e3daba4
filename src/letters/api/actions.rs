//! `/api/v1/advocacy_campaigns`: letter actions.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use validator::Validate;

use super::reader;
use crate::{
    campaigns::{self, ActionDocument, ActionResource, Kind},
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams},
        hal::{Links, Notice},
        http_cache::{IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{NewBody, Patch, both},
        text::{LocaleTag, required_line, required_text},
    },
    letters::{
        dispatch::{self, DispatchJobResource},
        ops::{self, NewLetterAction},
        store::{self, LetterAction, Target, TemplateText},
        submission::Letters,
        template::{self, MAX_BODY, MAX_SUBJECT},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// What may be written of a letter action beside what all actions share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct LetterActionDocument {
    /// Only "email".
    #[serde(rename = "type")]
    pub kind: OutreachType,
    /// Where letters go: slugs of offices (ids of offices and officials are accepted, too), in order.
    #[serde(rename = "muster:targets")]
    #[validate(length(max = 100))]
    pub muster_targets: Vec<String>,
    /// What the letter says, one entry for each language.
    #[serde(rename = "muster:letters")]
    #[validate(length(max = 20), nested)]
    pub muster_letters: Vec<LetterTemplateBody>,
    /// May supporters change the text?
    #[serde(rename = "muster:editable")]
    pub muster_editable: bool,
    /// Do letters go out to officials? False when it is created; a change needs the scope `letters:golive`.
    #[serde(rename = "muster:live")]
    pub muster_live: bool,
}

impl Default for LetterActionDocument {
    fn default() -> Self {
        Self {
            kind: OutreachType::Email,
            muster_targets: Vec::new(),
            muster_letters: Vec::new(),
            muster_editable: true,
            muster_live: false,
        }
    }
}

impl LetterActionDocument {
    fn of(letter: &LetterAction) -> Self {
        let text = |template: &TemplateText| LetterTemplateBody {
            locale: Some(template.locale.as_str().to_owned()),
            subjects: template.subjects.clone(),
            body: template.body.clone(),
        };
        Self {
            kind: OutreachType::Email,
            muster_targets: letter.targets.iter().map(|target| target.slug.clone()).collect(),
            muster_letters: letter.templates.iter().map(text).collect(),
            muster_editable: letter.editable,
            muster_live: letter.live,
        }
    }
}

/// The body of a POST or PUT: the members of every action, and those of a letter action.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LetterActionInput {
    #[serde(flatten)]
    shared: ActionDocument,
    #[serde(flatten)]
    letter: LetterActionDocument,
}

/// A letter action (OSDI advocacy campaign).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LetterActionResource {
    #[serde(flatten)]
    action: ActionResource,
    #[serde(flatten)]
    shared: ActionDocument,
    #[serde(flatten)]
    letter: LetterActionDocument,
    /// Where letters go, in order.
    targets: Vec<TargetResource>,
    /// Outreaches of confirmed letters; the public sees the published number.
    total_outreaches: i64,
    /// Outreaches that are held, counted up to 10,000. Organizers only.
    #[serde(rename = "muster:held", skip_serializing_if = "Option::is_none")]
    muster_held: Option<i64>,
    /// True where more are held than were counted. Organizers only.
    #[serde(rename = "muster:held_is_minimum", skip_serializing_if = "Option::is_none")]
    muster_held_is_minimum: Option<bool>,
    /// The job that releases or holds letters at present; null where there is none. Organizers only.
    #[serde(rename = "muster:job", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DispatchJobResource>)]
    #[expect(clippy::option_option, reason = "null where there is no job, absent for the public")]
    muster_job: Option<Option<DispatchJobResource>>,
}

/// An office that letters go to, and who holds it today.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TargetResource {
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
}

impl TargetResource {
    fn of(target: &Target) -> Self {
        let holder = target.holder.as_ref();
        Self {
            title: target.title.clone(),
            given_name: holder.map(|holder| holder.given_name.clone()),
            family_name: holder.map(|holder| holder.family_name.clone()),
            honorific_prefix: holder.map(|holder| holder.honorific_prefix.clone()),
            muster_office: target.slug.clone(),
        }
    }
}

impl Listed for LetterActionResource {
    const REL: &'static str = "osdi:advocacy_campaigns";

    fn links(&self) -> &Links {
        &self.action.links
    }
}

/// A page of letter actions.
type LetterActionPage = Page<LetterActionResource>;

/// OSDI's `type` of an advocacy campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutreachType {
    /// Letters by e-mail.
    #[default]
    Email,
}

/// What a letter says in one language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
pub struct LetterTemplateBody {
    /// The language; the action's if absent.
    #[serde(default)]
    #[validate(length(max = 35))]
    pub locale: Option<String>,
    /// Subjects, of which each letter takes one.
    #[validate(length(min = 1, max = 20))]
    pub subjects: Vec<String>,
    /// The text, with the placeholders `{{ target.salutation }}`, `target.name`, `target.title`, `target.office`.
    #[validate(length(min = 1, max = 20_000))]
    pub body: String,
}

/// Checks the templates of a letter, each by rendering it with sample values.
///
/// # Errors
/// 422 with a pointer for each refused text, naming the line.
pub fn check_templates(letters: Vec<LetterTemplateBody>, default: LocaleTag) -> Result<Vec<TemplateText>> {
    let (mut templates, mut errors): (Vec<TemplateText>, Vec<FieldError>) = (Vec::new(), Vec::new());
    for (i, letter) in letters.into_iter().enumerate() {
        let at = format!("/muster:letters/{i}");
        let mut refuse = |rest: &str, code: &'static str, detail: String| {
            errors.push(FieldError::new(format!("{at}{rest}"), code, detail));
        };
        let locale = letter.locale.as_deref().map_or(Ok(default), LocaleTag::parse).unwrap_or_else(|e| {
            refuse("/locale", "unknown_value", e.detail);
            default
        });
        if templates.iter().any(|t| t.locale == locale) {
            refuse("/locale", "taken", "There are two letters in this language.".to_owned());
        }
        let body = required_text(&letter.body, MAX_BODY).unwrap_or_else(|e| {
            refuse("/body", e.code, e.detail);
            String::new()
        });
        if let Err(error) = template::check(&body) {
            refuse("/body", "invalid_template", error.to_string());
        }
        let mut subjects = Vec::new();
        for (j, subject) in letter.subjects.iter().enumerate() {
            match required_line(subject, MAX_SUBJECT) {
                Err(e) => refuse(&format!("/subjects/{j}"), e.code, e.detail),
                Ok(subject) => {
                    if let Err(error) = template::check(&subject) {
                        refuse(&format!("/subjects/{j}"), "invalid_template", error.to_string());
                    }
                    subjects.push(subject);
                }
            }
        }
        templates.push(TemplateText { locale, subjects, body });
    }
    if errors.is_empty() { Ok(templates) } else { Err(Error::Fields(errors)) }
}

/// A letter action as its own organizers (`actor`) or the public see it.
async fn resource(
    conn: &mut PgConnection,
    kernel: &Kernel,
    letter: &LetterAction,
    actor: Option<&Actor>,
) -> Result<LetterActionResource> {
    let action = &letter.action;
    let links = Links::to_self(kernel.url(&action.api_path()))
        .to("osdi:outreaches", kernel.url(&format!("{}/outreaches", action.api_path())))
        .with_curies();
    let shows_exact = actor.is_some_and(|actor| action.shows_exact_numbers(actor));
    let total_outreaches =
        if shows_exact { campaigns::exact_total(conn, action.id).await? } else { action.published_count };
    let progress = match actor {
        Some(_) => Some(dispatch::progress(conn, action.id, letter.is_sending()).await?),
        None => None,
    };
    let held = progress.as_ref().filter(|_| shows_exact);
    Ok(LetterActionResource {
        action: ActionResource::new(kernel, action, links),
        shared: ActionDocument::of(action, actor.is_some()),
        letter: LetterActionDocument::of(letter),
        targets: letter.targets.iter().map(TargetResource::of).collect(),
        total_outreaches,
        muster_held: held.map(|progress| progress.held),
        muster_held_is_minimum: held.map(|progress| progress.held_is_minimum),
        muster_job: progress.map(|progress| progress.job),
    })
}

/// Letter actions, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns",
    tag = "advocacy_campaigns",
    responses((status = 200, description = "A page of letter actions", body = LetterActionPage)),
)]
pub(super) async fn list_letter_actions(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    asked: IfNoneMatch,
    query: ListQuery,
) -> Result<Response> {
    let (kernel, actor) = (&letters.kernel, reader(actor));
    let filter = campaigns::action_filter(&query, store::ACTION_FIELDS, actor.as_ref())?;
    let mut conn = kernel.db.acquire().await?;
    let organization = actor.as_ref().map(|a| a.organization_id);
    let (rows, extent) = store::list(&mut conn, organization, filter.as_ref(), &query.page, letters.today()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(resource(&mut conn, kernel, row, actor.as_ref()).await?);
    }
    let url = kernel.url("/api/v1/advocacy_campaigns");
    let body = Page::new(&url, &query.raw, &query.page, &extent, items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One letter action.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns/{id}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The letter action", body = LetterActionResource), (status = 404)),
)]
pub(super) async fn get_letter_action(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    asked: IfNoneMatch,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    let (kernel, actor) = (&letters.kernel, reader(actor));
    let mut conn = kernel.db.acquire().await?;
    let letter = ops::find_for(&mut conn, kernel, &key, actor.as_ref()).await?;
    let value = resource(&mut conn, kernel, &letter, actor.as_ref()).await?;
    Ok(if actor.is_some() { private_json(StatusCode::OK, &value) } else { cacheable_json(&asked, &value) })
}

/// Creates a letter action. Letters to it are held until it goes live.
#[utoipa::path(
    post,
    path = "/api/v1/advocacy_campaigns",
    tag = "advocacy_campaigns",
    request_body = LetterActionInput,
    responses((status = 201, description = "Created", body = LetterActionResource), (status = 422)),
)]
pub(super) async fn create_letter_action(
    State(letters): State<Letters>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<LetterActionResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let (shared, document) = both(body.part::<ActionDocument>(), body.part::<LetterActionDocument>())?;
    let shared = shared.parse(Kind::Letter, false)?;
    if document.muster_live {
        return Err(Error::field("/muster:live", "not_allowed", "Create it first; then go live with PUT."));
    }
    let new = NewLetterAction {
        editable: document.muster_editable,
        targets: document.muster_targets,
        templates: check_templates(document.muster_letters, shared.locale.unwrap_or_default())?,
    };
    let key =
        organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/advocacy_campaigns", &body.bytes)
            .await?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.env.id();
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Replayed(id) => id,
        KeyClaim::Fresh => {
            ops::create_letter_action(&mut tx, kernel, actor.organization_id, id, &shared, &new).await?;
            campaigns::log_state(&mut tx, &kernel.env, id, shared.state, "", Some(actor.organizer_id)).await?;
            audit(&mut tx, &kernel.env, &actor, "letter.create", Some(id), json!({})).await?;
            id
        }
    };
    let letter = ops::find_for(&mut tx, kernel, &id.to_string(), Some(&actor)).await?;
    let value = resource(&mut tx, kernel, &letter, Some(&actor)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// Changes a letter action; `muster:live` starts and stops sending.
#[utoipa::path(
    put,
    path = "/api/v1/advocacy_campaigns/{id}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = LetterActionInput,
    responses(
        (status = 200, description = "Changed", body = LetterActionResource),
        (status = 403),
        (status = 404),
        (status = 409),
        (status = 422),
    ),
)]
pub(super) async fn update_letter_action(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    patch: Patch<LetterActionResource>,
) -> Result<Json<LetterActionResource>> {
    let kernel = &letters.kernel;
    let only_switches = patch.has("muster:live") && !patch.has_others_than("muster:live");
    actor.require(if only_switches { Scope::LettersGolive } else { Scope::ActionsWrite })?;
    let mut tx = kernel.db.begin().await?;
    let letter = ops::find_to_change(&mut tx, kernel, &key, &actor).await?;
    let id = letter.action.id;
    let before = LetterActionDocument::of(&letter);
    let (shared, after) = both(ActionDocument::patched(&letter.action, &patch), patch.apply(&before))?;
    let switches = only_switches || after.muster_live != before.muster_live;
    if switches {
        actor.require(Scope::LettersGolive)?;
        if after.muster_live {
            actor.require_confirmed(kernel.env.now())?;
        }
    }
    if !only_switches {
        let templates = check_templates(after.muster_letters, letter.action.locale)?;
        campaigns::put_action(&mut tx, kernel, &actor, &letter.action, shared.parse(Kind::Letter, false)?).await?;
        store::set_editable(&mut tx, id, after.muster_editable).await?;
        // unchanged targets are not resolved again
        if after.muster_targets != before.muster_targets {
            ops::set_targets(&mut tx, kernel, actor.organization_id, id, &after.muster_targets).await?;
        }
        store::set_templates(&mut tx, id, &templates).await?;
        dispatch::apply_sending_state(&mut tx, kernel, id).await?;
    }
    if switches {
        ops::set_live(&mut tx, kernel, id, after.muster_live).await?;
        let verb = if after.muster_live { "letter.golive" } else { "letter.hold" };
        audit(&mut tx, &kernel.env, &actor, verb, Some(id), json!({})).await?;
    }
    let letter = ops::find_for(&mut tx, kernel, &id.to_string(), Some(&actor)).await?;
    let value = resource(&mut tx, kernel, &letter, Some(&actor)).await?;
    tx.commit().await?;
    Ok(Json(value))
}

/// Archives a letter action: the public no longer sees it, its letters are kept.
#[utoipa::path(
    delete,
    path = "/api/v1/advocacy_campaigns/{id}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Notice), (status = 404)),
)]
pub(super) async fn delete_letter_action(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let mut tx = kernel.db.begin().await?;
    let letter = ops::find_to_change(&mut tx, kernel, &key, &actor).await?;
    campaigns::archive_action(&mut tx, kernel, &actor, &letter.action).await?;
    dispatch::apply_sending_state(&mut tx, kernel, letter.action.id).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This letter action was archived." }))
}
