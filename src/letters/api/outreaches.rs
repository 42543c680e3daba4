//! `outreaches`: one person's letter to one target each.

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

use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        extract::{ListQuery, PathParams, ValidWithBytes},
        hal::{curies, identifiers, link},
        paging::Listing,
        rate_limit::{Proof, Source},
        text::{clean_line, clean_text},
        vault::Vault,
    },
    letters::{
        ops,
        store::{self, LetterAction, OutreachRow},
        submission::{Letters, NewLetter},
        template::MAX_SUBJECT,
    },
    organizers::{self, Actor, MaybeActor, Scope, audit},
    people::{self, Consents, PersonBody},
};

/// Characters that a supporter's text may have.
pub const MAX_MESSAGE: usize = 10_000;

/// A letter to send. Where subject or message is absent, the action's template speaks.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct OutreachBody {
    /// The writer; given and family name are required.
    #[validate(nested)]
    pub person: PersonBody,
    /// The subject.
    #[serde(default)]
    #[validate(length(max = 200))]
    pub subject: Option<String>,
    /// The text; it arrives as it was typed.
    #[serde(default)]
    #[validate(length(max = 10_000))]
    pub message: Option<String>,
    /// May the office see the writer's own address?
    #[serde(default, rename = "muster:show_email")]
    pub muster_show_email: bool,
    /// Where the writer came from.
    #[serde(default)]
    #[validate(nested)]
    pub referrer_data: Option<ReferrerBody>,
    /// What was ticked.
    #[serde(default, rename = "muster:consents")]
    pub muster_consents: Consents,
    /// A solved challenge, or the ticket of one that was waited for.
    #[serde(default, rename = "muster:challenge")]
    #[validate(length(max = 4096))]
    pub muster_challenge: Option<String>,
}

/// OSDI `referrer_data`.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct ReferrerBody {
    /// A registered word.
    #[validate(length(max = 100))]
    pub source: Option<String>,
    /// Ignored: no raw referrer is kept.
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

impl OutreachBody {
    fn check(&self, letter: &LetterAction) -> Result<NewLetter> {
        let mut errors: Vec<FieldError> = Vec::new();
        let mut take = |pointer: &str, parsed: Result<String, crate::kernel::text::TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(pointer, e.code, e.detail));
                String::new()
            })
        };
        let subject = take("/subject", clean_line(self.subject.as_deref().unwrap_or(""), MAX_SUBJECT));
        let message = take("/message", clean_text(self.message.as_deref().unwrap_or(""), MAX_MESSAGE));
        let person = match self.person.parse("/person") {
            Ok(person) => person,
            Err(Error::Fields(more)) => return Err(Error::Fields(more.into_iter().chain(errors).collect())),
            Err(error) => return Err(error),
        };
        if !errors.is_empty() {
            return Err(Error::Fields(errors));
        }
        let new = NewLetter {
            person,
            subject,
            message,
            greeting: false,
            variant: None,
            show_email: self.muster_show_email,
            consents: self.muster_consents.clone().cleaned(),
            source: self.referrer_data.as_ref().and_then(|r| r.source.clone()),
        };
        new.check(letter)?;
        Ok(new)
    }
}

/// Sees outreaches as JSON; `vault` only where the contact may be shown.
struct View<'a> {
    letters: &'a Letters,
    letter: &'a LetterAction,
    vault: Option<&'a Vault>,
}

impl View<'_> {
    async fn resource(&self, conn: &mut PgConnection, row: &OutreachRow) -> Result<Value> {
        let kernel = &self.letters.kernel;
        let own = format!("{}/outreaches/{}", self.letter.action.api_path(), row.id);
        let mut outreach = json!({
            "identifiers": identifiers(row.id),
            "type": "email",
            "created_date": row.created_at,
            "modified_date": row.sent_at.unwrap_or(row.created_at),
            "targets": [{"title": row.office_title, "muster:office": row.office_slug}],
            "muster:office": row.office_slug,
            "muster:official": row.official_id.map(|id| format!("muster:{id}")),
            "muster:letter": row.letter_id,
            "muster:state": row.state,
            "muster:sent_date": row.sent_at,
            "_links": {
                "self": link(kernel.url(&own)),
                "osdi:advocacy_campaign": link(kernel.url(&self.letter.action.api_path())),
                "curies": curies(),
            },
        });
        let Some(vault) = self.vault else { return Ok(outreach) };
        let Some(sealed) = row.sealed.as_deref() else { return Ok(outreach) };
        let payload = self.letters.open_payload(vault.id, row.letter_id, Some(sealed)).await?;
        let target = store::target(conn, row.office_id, self.letters.today()).await?;
        let (subject, message) = payload.compose(self.letter, row.variant, &target)?;
        let mut person = payload.details.to_osdi();
        person["identifiers"] = json!(identifiers(row.person_id));
        outreach["subject"] = json!(subject);
        outreach["message"] = json!(message);
        outreach["muster:show_email"] = json!(payload.show_email);
        outreach["muster:locale"] = json!(payload.locale);
        outreach["referrer_data"] = json!({"source": row.source});
        outreach["_links"]["osdi:person"] = link(kernel.url(&format!("/api/v1/people/{}", row.person_id)));
        outreach["_embedded"] = json!({"osdi:person": person});
        Ok(outreach)
    }
}

/// The action and, where contacts may be shown to this actor, its vault: those of protected actions never leave here.
async fn open(
    letters: &Letters,
    conn: &mut PgConnection,
    key: &str,
    actor: &Actor,
) -> Result<(LetterAction, Option<std::sync::Arc<Vault>>)> {
    let letter = ops::find_for(conn, &letters.kernel, key, Some(actor)).await?;
    if letter.action.protected || !actor.allows(Scope::ContactsRead) {
        return Ok((letter, None));
    }
    let vault = letters.kernel.vaults.open(letter.action.vault_id).await?;
    Ok((letter, Some(vault)))
}

/// Confirmed letters, one outreach for each target, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns/{id}/outreaches",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "A page of outreaches", body = Value), (status = 401), (status = 403)),
)]
pub(super) async fn list_outreaches(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsRead)?;
    let kernel = &letters.kernel;
    let mut filter = query.filter(store::OUTREACH_FIELDS)?;
    let mut conn = kernel.db.acquire().await?;
    let (letter, vault) = open(&letters, &mut conn, &key, &actor).await?;
    if let (Some(filter), Some(vault)) = (&mut filter, &vault) {
        people::resolve_addresses(&mut conn, vault, filter).await?;
    }
    let (rows, extent) = store::outreaches(&mut conn, letter.action.id, filter.as_ref(), &query.page).await?;
    let view = View { letters: &letters, letter: &letter, vault: vault.as_deref() };
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(view.resource(&mut conn, row).await?);
    }
    let url = kernel.url(&format!("{}/outreaches", letter.action.api_path()));
    Ok(Json(Listing::new(&url, "osdi:outreaches", &query.page, extent).keep_query(&query.raw).body(items)))
}

/// One outreach.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns/{id}/outreaches/{outreach}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug"), ("outreach" = Uuid, Path)),
    responses((status = 200, description = "The outreach", body = Value), (status = 404)),
)]
pub(super) async fn get_outreach(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsRead)?;
    let mut conn = letters.kernel.db.acquire().await?;
    let (letter, vault) = open(&letters, &mut conn, &key, &actor).await?;
    let row = store::outreach(&mut conn, letter.action.id, id).await?;
    let view = View { letters: &letters, letter: &letter, vault: vault.as_deref() };
    Ok(Json(view.resource(&mut conn, &row).await?))
}

/// Writes a letter. Without a token: the public action, answered alike for everyone. With one, the organizer vouches, and
/// the answer embeds one outreach for each target.
#[utoipa::path(
    post,
    path = "/api/v1/advocacy_campaigns/{id}/outreaches",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = OutreachBody,
    responses(
        (status = 202, description = "Received (without a token)", body = Value),
        (status = 201, description = "Confirmed (with a token)", body = Value),
        (status = 409),
        (status = 422),
        (status = 428),
    ),
)]
pub(super) async fn create_outreach(
    State(letters): State<Letters>,
    MaybeActor(actor): MaybeActor,
    source: Source,
    headers: HeaderMap,
    PathParams(key): PathParams<String>,
    ValidWithBytes(body, bytes): ValidWithBytes<OutreachBody>,
) -> Result<Response> {
    if let Some(actor) = actor {
        return vouch(&letters, &actor, &headers, &key, &body, &bytes).await;
    }
    let kernel = &letters.kernel;
    let letter = letters.letter(&key).await?;
    if !letter.action.state.is_public() {
        return Err(Error::not_found());
    }
    let new = body.check(&letter)?;
    letter.action.require_open(letters.kernel.env.now())?;
    let proof = body.muster_challenge.as_deref();
    kernel.rate_limiter.admit(source, Proof { altcha: proof, ticket: proof }).await?;
    letters.submit(&letter, new).await?;
    Ok((StatusCode::ACCEPTED, Json(letter.action.received(&kernel.settings.http.public_url))).into_response())
}

async fn vouch(
    letters: &Letters,
    actor: &Actor,
    headers: &HeaderMap,
    key: &str,
    body: &OutreachBody,
    bytes: &[u8],
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    actor.require(Scope::ContactsWrite)?;
    let kernel = &letters.kernel;
    let mut conn = kernel.db.acquire().await?;
    let letter = ops::find_for(&mut conn, kernel, key, Some(actor)).await?;
    drop(conn);
    let action = &letter.action;
    let new = body.check(&letter)?;
    let path = format!("{}/outreaches", action.api_path());
    let idempotency = organizers::idempotency(kernel, headers, actor, &Method::POST, &path, bytes).await?;
    let written = letters.submit_vouched(&letter, new, idempotency).await?;
    let mut conn = kernel.db.acquire().await?;
    if written.outcome == "created" {
        audit(&mut conn, &kernel.env, actor, "letter.vouch", Some(written.letter_id), json!({})).await?;
    }
    let vault = if action.protected { None } else { Some(kernel.vaults.open(action.vault_id).await?) };
    let view = View { letters, letter: &letter, vault: vault.as_deref() };
    let mut outreaches = Vec::new();
    for row in &store::outreaches_of(&mut conn, action.id, written.letter_id).await? {
        outreaches.push(view.resource(&mut conn, row).await?);
    }
    let answer = json!({
        "_embedded": {"osdi:outreaches": outreaches},
        "identifiers": identifiers(written.letter_id),
        "muster:letter": written.letter_id,
        "_links": {
            "self": link(kernel.url(&path)),
            "osdi:advocacy_campaign": link(kernel.url(&action.api_path())),
            "curies": curies(),
        },
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
