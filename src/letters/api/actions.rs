//! `advocacy_campaigns`: letter actions.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use validator::Validate;

use super::reader;
use crate::{
    campaigns::{self, ActionChanges, ActionFields, Kind, State as ActionState},
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, ValidWithBytes, parse},
        hal::{curies, identifiers, link},
        http_cache::{IfNoneMatch, cacheable_json, private_json},
        idempotency::{self, KeyClaim},
        paging::Listing,
        text::{LocaleTag, required_line, required_text},
    },
    letters::{
        dispatch,
        ops::{self, NewLetterAction},
        store::{self, LetterAction, TemplateText},
        submission::Letters,
        template::{self, MAX_BODY, MAX_SUBJECT},
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
};

/// What a letter action has beside what all actions share (`ActionFields`); the same members change it.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct LetterActionBody {
    /// Only "email".
    #[serde(rename = "type")]
    pub kind: OutreachType,
    /// Office or official ids, or offices' slugs.
    #[serde(rename = "muster:targets")]
    #[validate(length(max = 100))]
    pub muster_targets: Option<Vec<String>>,
    /// What the letter says, one entry for each language.
    #[serde(rename = "muster:letters")]
    #[validate(length(max = 20), nested)]
    pub muster_letters: Option<Vec<LetterTemplateBody>>,
    /// May supporters change the text? Yes if absent.
    #[serde(rename = "muster:editable")]
    pub muster_editable: Option<bool>,
    /// Do letters go out to officials? (PUT only, scope `letters:golive`.)
    #[serde(rename = "muster:live")]
    pub muster_live: Option<bool>,
}

/// OSDI's `type` of an advocacy campaign.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutreachType {
    /// Letters by e-mail.
    #[default]
    Email,
}

/// What a letter says in one language.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
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

/// Checks the texts of a letter, each by rendering it.
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

/// A letter action as JSON.
async fn resource(conn: &mut PgConnection, kernel: &Kernel, letter: &LetterAction, exact: bool) -> Result<Value> {
    let action = &letter.action;
    let total = if exact { campaigns::exact_total(conn, action.id).await? } else { action.published_count };
    let targets: Vec<Value> = letter
        .targets
        .iter()
        .map(|t| {
            json!({
                "title": t.title,
                "given_name": t.holder.as_ref().map(|h| &h.given_name),
                "family_name": t.holder.as_ref().map(|h| &h.family_name),
                "honorific_prefix": t.holder.as_ref().map(|h| &h.honorific_prefix),
                "muster:office": t.slug,
            })
        })
        .collect();
    let progress = if exact { dispatch::progress(conn, action.id, letter.is_sending()).await? } else { Value::Null };
    let letters: Vec<Value> =
        letter.templates.iter().map(|t| json!({"locale": t.locale, "subjects": t.subjects, "body": t.body})).collect();
    let mut resource = json!({
        "identifiers": identifiers(action.id),
        "title": action.title,
        "description": action.description,
        "type": "email",
        "targets": targets,
        "total_outreaches": total,
        "browser_url": kernel.url(&action.path()),
        "created_date": action.created_at,
        "modified_date": action.modified_at,
        "muster:slug": action.slug,
        "muster:summary": action.summary,
        "muster:status": action.state,
        "muster:privacy": if action.protected { "protected" } else { "standard" },
        "muster:confirmation": "email",
        "muster:locale": action.locale,
        "muster:texts": action.texts,
        "muster:button": action.button,
        "muster:thanks": action.thanks,
        "muster:hosted_by": action.hosted_by,
        "muster:targets": letter.targets.iter().map(|t| &t.slug).collect::<Vec<_>>(),
        "muster:letters": letters,
        "muster:editable": letter.editable,
        "muster:live": letter.live,
        "_links": {
            "self": link(kernel.url(&action.api_path())),
            "osdi:outreaches": link(kernel.url(&format!("{}/outreaches", action.api_path()))),
            "curies": curies(),
        },
    });
    if exact {
        resource["muster:held"] = progress["held"].clone();
        resource["muster:held_is_minimum"] = progress["held_is_minimum"].clone();
        resource["muster:job"] = progress["job"].clone();
    }
    Ok(resource)
}

/// Letter actions, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns",
    tag = "advocacy_campaigns",
    responses((status = 200, description = "A page of letter actions", body = Value)),
)]
pub(super) async fn list_letter_actions(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    asked: IfNoneMatch,
    query: ListQuery,
) -> Result<Response> {
    let (kernel, actor) = (&letters.kernel, reader(actor));
    let filter = query.filter(store::ACTION_FIELDS)?;
    let mut conn = kernel.db.acquire().await?;
    let organization = actor.as_ref().map(|a| a.organization_id);
    let (rows, extent) = store::list(&mut conn, organization, filter.as_ref(), &query.page, letters.today()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(resource(&mut conn, kernel, row, actor.is_some()).await?);
    }
    let url = kernel.url("/api/v1/advocacy_campaigns");
    let list = Listing::new(&url, "osdi:advocacy_campaigns", &query.page, extent);
    let body = list.keep_query(&query.raw).body(items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable_json(&asked, &body) })
}

/// One letter action.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns/{id}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The letter action", body = Value), (status = 404)),
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
    let value = resource(&mut conn, kernel, &letter, actor.is_some()).await?;
    Ok(if actor.is_some() { private_json(StatusCode::OK, &value) } else { cacheable_json(&asked, &value) })
}

/// Creates a letter action. Letters to it are held until it goes live.
#[utoipa::path(
    post,
    path = "/api/v1/advocacy_campaigns",
    tag = "advocacy_campaigns",
    request_body = LetterActionBody,
    responses((status = 201, description = "Created", body = Value), (status = 422)),
)]
pub(super) async fn create_letter_action(
    State(letters): State<Letters>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<LetterActionBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let shared = parse::<ActionFields>(&bytes)?.parse(Kind::Letter, false)?;
    if body.muster_live.is_some_and(|live| live) {
        return Err(Error::field("/muster:live", "not_allowed", "Create it first; then go live with PUT."));
    }
    let new = NewLetterAction {
        editable: body.muster_editable.unwrap_or(true),
        targets: body.muster_targets.unwrap_or_default(),
        templates: check_templates(body.muster_letters.unwrap_or_default(), shared.locale.unwrap_or_default())?,
    };
    let key =
        organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/advocacy_campaigns", &bytes).await?;
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
    let value = resource(&mut tx, kernel, &letter, true).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// Changes a letter action, or lets its letters go.
#[utoipa::path(
    put,
    path = "/api/v1/advocacy_campaigns/{id}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = LetterActionBody,
    responses((status = 200, description = "Changed", body = Value), (status = 403), (status = 404), (status = 422)),
)]
pub(super) async fn update_letter_action(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    ValidWithBytes(body, bytes): ValidWithBytes<LetterActionBody>,
) -> Result<Json<Value>> {
    let kernel = &letters.kernel;
    if body.muster_live.is_some() {
        actor.require(Scope::LettersGolive)?;
    }
    let members: serde_json::Map<String, Value> = serde_json::from_slice(&bytes).map_err(Error::internal)?;
    let edits = body.muster_live.is_none() || members.keys().any(|name| name != "muster:live");
    if edits {
        actor.require(Scope::ActionsWrite)?;
    }
    let changes = parse::<ActionChanges>(&bytes)?;
    let mut tx = kernel.db.begin().await?;
    let letter = ops::find_to_change(&mut tx, kernel, &key, &actor).await?;
    let id = letter.action.id;
    if edits {
        let locale = letter.action.locale;
        campaigns::update_action(&mut tx, kernel, &actor, letter.action.clone(), changes).await?;
        if let Some(editable) = body.muster_editable {
            store::set_editable(&mut tx, id, editable).await?;
        }
        if let Some(targets) = &body.muster_targets {
            ops::set_targets(&mut tx, kernel, actor.organization_id, id, targets).await?;
        }
        if let Some(texts) = body.muster_letters {
            store::set_templates(&mut tx, id, &check_templates(texts, locale)?).await?;
        }
        dispatch::apply_sending_state(&mut tx, kernel, id).await?;
    }
    if let Some(live) = body.muster_live {
        ops::set_live(&mut tx, kernel, id, live).await?;
        let verb = if live { "letter.golive" } else { "letter.hold" };
        audit(&mut tx, &kernel.env, &actor, verb, Some(id), json!({})).await?;
    }
    let letter = ops::find_for(&mut tx, kernel, &id.to_string(), Some(&actor)).await?;
    let value = resource(&mut tx, kernel, &letter, true).await?;
    tx.commit().await?;
    Ok(Json(value))
}

/// Archives a letter action: nobody sees it any more, and what was written stays.
#[utoipa::path(
    delete,
    path = "/api/v1/advocacy_campaigns/{id}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "Archived", body = Value), (status = 404)),
)]
pub(super) async fn delete_letter_action(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &letters.kernel;
    let mut tx = kernel.db.begin().await?;
    let letter = ops::find_to_change(&mut tx, kernel, &key, &actor).await?;
    let changes = ActionChanges { muster_status: Some(ActionState::Archived), ..ActionChanges::default() };
    campaigns::update_action(&mut tx, kernel, &actor, letter.action.clone(), changes).await?;
    dispatch::apply_sending_state(&mut tx, kernel, letter.action.id).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This letter action was archived."})))
}
