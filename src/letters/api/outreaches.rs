//! `/api/v1/advocacy_campaigns/{id}/outreaches`: a letter has one outreach for each target.

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

use super::actions::OutreachType;
use crate::{
    actions::submission::add_identifiers,
    campaigns::{Action, ReceivedResource, SubmissionOutcome},
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, texts},
        hal::{Links, identifiers},
        paging::{Listed, Page},
        patch::HelperBody,
        rate_limit::{Proof, Source},
        text::{LocaleTag, clean_line, clean_text},
        vault::Vault,
    },
    letters::{
        kind::LetterKind,
        ops,
        state::OutreachState,
        store::{self, LetterAction, OutreachRow},
        submission::{Letters, NewLetter},
        template::{MAX_MESSAGE, MAX_SUBJECT},
    },
    organizers::{self, Actor, MaybeActor, Scope, admit_reading, audit, person_object},
    people::{self, Consents, ContactDetails, PersonBody, PersonLinks},
};

/// A letter to send. An absent subject or message is taken from the action's template.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewOutreachBody {
    /// The writer; given and family name are required.
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
    /// With a token: identifiers in other systems, such as `newsletter:17`, at most 100; its outreaches share them.
    #[serde(default)]
    pub identifiers: Vec<String>,
    /// The subject.
    #[serde(default)]
    #[validate(length(max = 200))]
    pub subject: Option<String>,
    /// The text; sent as it was typed.
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
    /// Consent boxes.
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
pub(super) struct ReferrerBody {
    /// A registered word.
    #[validate(length(max = 100))]
    pub source: Option<String>,
    /// Ignored: no raw referrer is kept.
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

impl NewOutreachBody {
    fn check(&self, person: &PersonBody, letter: &LetterAction) -> Result<NewLetter> {
        let mut errors: Vec<FieldError> = Vec::new();
        let mut take = |pointer: &str, parsed: Result<String, crate::kernel::text::TextError>| {
            parsed.unwrap_or_else(|e| {
                errors.push(FieldError::new(pointer, e.code, e.detail));
                String::new()
            })
        };
        let subject = take("/subject", clean_line(self.subject.as_deref().unwrap_or(""), MAX_SUBJECT));
        let message = take("/message", clean_text(self.message.as_deref().unwrap_or(""), MAX_MESSAGE));
        let person = match person.parse("/person") {
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

/// One target of a letter (OSDI outreach). What was written and by whom is shown to tokens with `contacts:read`,
/// except for protected actions and where the contact was erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OutreachResource {
    /// `muster:<uuid>`, then those of the letter in other systems.
    identifiers: Vec<String>,
    /// Only e-mail.
    #[serde(rename = "type")]
    kind: OutreachType,
    /// When the letter was written (RFC 3339).
    created_date: DateTime<Utc>,
    /// When it was sent, or else written (RFC 3339).
    modified_date: DateTime<Utc>,
    /// The office.
    targets: Vec<OutreachTarget>,
    /// The office's slug.
    #[serde(rename = "muster:office")]
    muster_office: String,
    /// Who held the office when it was sent, as `muster:<uuid>`; null before, and for a vacant office.
    #[serde(rename = "muster:official")]
    muster_official: Option<String>,
    /// Id of the letter, which all its outreaches share.
    #[serde(rename = "muster:letter")]
    muster_letter: Uuid,
    /// How far it has come.
    #[serde(rename = "muster:state")]
    muster_state: OutreachState,
    /// When the relay took it (RFC 3339); null before.
    #[serde(rename = "muster:sent_date")]
    muster_sent_date: Option<DateTime<Utc>>,
    /// The subject as its reader sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The text as its reader sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// May the office see the writer's own address?
    #[serde(rename = "muster:show_email", skip_serializing_if = "Option::is_none")]
    muster_show_email: Option<bool>,
    /// Language of the letter.
    #[serde(rename = "muster:locale", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    muster_locale: Option<LocaleTag>,
    /// Where the writer came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer_data: Option<OutreachSource>,
    #[serde(rename = "_links")]
    links: Links,
    /// The writer.
    #[serde(rename = "_embedded", skip_serializing_if = "Option::is_none")]
    embedded: Option<EmbeddedWriter>,
}

/// The office of an outreach.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OutreachTarget {
    /// The office's title.
    title: String,
    /// The office's slug.
    #[serde(rename = "muster:office")]
    muster_office: String,
}

/// OSDI `referrer_data`, as far as it is kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OutreachSource {
    /// A registered word, `other`, or null where nothing was said.
    source: Option<String>,
}

/// Who wrote the letter of an outreach.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EmbeddedWriter {
    /// The writer's details as they were typed.
    #[serde(rename = "osdi:person")]
    person: Writer,
}

/// The writer of a letter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Writer {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    #[serde(flatten)]
    contact: ContactDetails,
}

impl Listed for OutreachResource {
    const REL: &'static str = "osdi:outreaches";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// A page of outreaches.
type OutreachPage = Page<OutreachResource>;

/// A letter that an organizer vouched for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct VouchedLetterResource {
    /// `muster:<uuid>` of the outreach to the first target; none for a token without `contacts:read`.
    identifiers: Vec<String>,
    /// Id of the letter.
    #[serde(rename = "muster:letter", skip_serializing_if = "Option::is_none")]
    muster_letter: Option<Uuid>,
    #[serde(rename = "_links")]
    links: Links,
    /// Its outreaches.
    #[serde(rename = "_embedded")]
    embedded: EmbeddedOutreaches,
}

impl VouchedLetterResource {
    /// For a token that may not read contacts: that it was received.
    fn as_sent(kernel: &Kernel, action: &Action) -> Self {
        let links = Links::default().to("osdi:advocacy_campaign", kernel.url(&action.api_path())).with_curies();
        let embedded = EmbeddedOutreaches { outreaches: Vec::new() };
        Self { identifiers: Vec::new(), muster_letter: None, links, embedded }
    }
}

/// The outreaches of one letter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EmbeddedOutreaches {
    /// One for each target, in the order of the action's targets.
    #[serde(rename = "osdi:outreaches")]
    outreaches: Vec<OutreachResource>,
}

/// Makes the answers for outreaches; `vault` only where the contact may be shown.
struct View<'a> {
    letters: &'a Letters,
    letter: &'a LetterAction,
    vault: Option<&'a Vault>,
}

impl View<'_> {
    async fn resource(&self, conn: &mut PgConnection, row: &OutreachRow) -> Result<OutreachResource> {
        let kernel = &self.letters.kernel;
        let own = format!("{}/outreaches/{}", self.letter.action.api_path(), row.id);
        let links = Links::to_self(kernel.url(&own))
            .to("osdi:advocacy_campaign", kernel.url(&self.letter.action.api_path()))
            .with_curies();
        let target = OutreachTarget { title: row.office_title.clone(), muster_office: row.office_slug.clone() };
        let mut outreach = OutreachResource {
            identifiers: identifiers(row.id),
            kind: OutreachType::Email,
            created_date: row.created_at,
            modified_date: row.sent_at.unwrap_or(row.created_at),
            targets: vec![target],
            muster_office: row.office_slug.clone(),
            muster_official: row.official_id.map(|id| format!("muster:{id}")),
            muster_letter: row.letter_id,
            muster_state: row.state,
            muster_sent_date: row.sent_at,
            subject: None,
            message: None,
            muster_show_email: None,
            muster_locale: None,
            referrer_data: None,
            links,
            embedded: None,
        };
        let Some(vault) = self.vault else { return Ok(outreach) };
        let Some(sealed) = row.sealed.as_deref() else { return Ok(outreach) };
        let payload = self.letters.open_payload(vault.id, row.letter_id, Some(sealed)).await?;
        let target = store::target(conn, row.office_id, self.letters.today()).await?;
        let (subject, message) = payload.compose(self.letter, row.variant, &target)?;
        let person = Writer { identifiers: identifiers(row.person_id), contact: payload.details.contact() };
        outreach.identifiers.extend(payload.identifiers.iter().cloned());
        outreach.subject = Some(subject);
        outreach.message = Some(message);
        outreach.muster_show_email = Some(payload.show_email);
        outreach.muster_locale = Some(payload.locale);
        outreach.referrer_data = Some(OutreachSource { source: row.source.clone() });
        outreach.links = outreach.links.to("osdi:person", kernel.url(&format!("/api/v1/people/{}", row.person_id)));
        outreach.embedded = Some(EmbeddedWriter { person });
        Ok(outreach)
    }
}

/// The action and, where contacts may be shown to this actor, its vault; never for a protected action.
async fn open(
    letters: &Letters,
    conn: &mut PgConnection,
    key: &str,
    actor: &Actor,
) -> Result<(LetterAction, Option<std::sync::Arc<Vault>>)> {
    let letter = ops::find_for(conn, &letters.kernel, key, Some(actor)).await?;
    if letter.action.protected || letter.action.ended_at.is_some() || !actor.allows(Scope::ContactsRead) {
        return Ok((letter, None));
    }
    let vault = letter.action.open_vault(&letters.kernel).await?;
    Ok((letter, Some(vault)))
}

/// Confirmed letters, one outreach for each target, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns/{id}/outreaches",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "A page of outreaches", body = OutreachPage), (status = 401), (status = 403)),
)]
pub(super) async fn list_outreaches(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Json<OutreachPage>> {
    actor.require(Scope::ContactsRead)?;
    let kernel = &letters.kernel;
    let mut filter = query.filter(store::OUTREACH_FIELDS)?;
    let mut conn = kernel.db.acquire().await?;
    let (letter, vault) = open(&letters, &mut conn, &key, &actor).await?;
    if let (Some(filter), Some(vault)) = (&mut filter, &vault) {
        people::resolve_filter(&mut conn, vault, filter).await?;
    }
    let (rows, extent) = store::outreaches(&mut conn, letter.action.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    admit_reading(kernel, &actor, "outreaches", Some(letter.action.id), rows.len()).await?;
    let mut conn = kernel.db.acquire().await?;
    let view = View { letters: &letters, letter: &letter, vault: vault.as_deref() };
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(view.resource(&mut conn, row).await?);
    }
    let url = kernel.url(&format!("{}/outreaches", letter.action.api_path()));
    Ok(Json(Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One outreach.
#[utoipa::path(
    get,
    path = "/api/v1/advocacy_campaigns/{id}/outreaches/{outreach}",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug"), ("outreach" = Uuid, Path)),
    responses((status = 200, description = "The outreach", body = OutreachResource), (status = 404)),
)]
pub(super) async fn get_outreach(
    State(letters): State<Letters>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<OutreachResource>> {
    actor.require(Scope::ContactsRead)?;
    let mut conn = letters.kernel.db.acquire().await?;
    let (letter, vault) = open(&letters, &mut conn, &key, &actor).await?;
    let row = store::outreach(&mut conn, letter.action.id, id).await?;
    drop(conn);
    admit_reading(&letters.kernel, &actor, "outreaches", Some(person_object(id)), 1).await?;
    let mut conn = letters.kernel.db.acquire().await?;
    let view = View { letters: &letters, letter: &letter, vault: vault.as_deref() };
    Ok(Json(view.resource(&mut conn, &row).await?))
}

/// Writes a letter. Without a token this is the public act, with the same answer for everybody; with one the
/// organizer vouches, and the answer embeds one outreach for each target. A protected action refuses that.
#[utoipa::path(
    post,
    path = "/api/v1/advocacy_campaigns/{id}/outreaches",
    tag = "advocacy_campaigns",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = NewOutreachBody,
    responses(
        (status = 202, description = "Received (without a token)", body = ReceivedResource),
        (status = 201, description = "Confirmed (with a token)", body = VouchedLetterResource),
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
    body: HelperBody<NewOutreachBody>,
) -> Result<Response> {
    let (bytes, body) = (&body.bytes, body.part::<NewOutreachBody>()?);
    if let Some(actor) = actor {
        return vouch(&letters, &actor, &headers, &key, &body, bytes).await;
    }
    let kernel = &letters.kernel;
    let letter = letters.letter(&key).await?;
    if !letter.action.state.is_public() {
        return Err(Error::not_found());
    }
    let person = people::submitted_person(kernel, None, body.person.clone(), None).await?;
    let new = body.check(&person, &letter)?;
    letter.action.require_open(letters.kernel.env.now())?;
    let proof = body.muster_challenge.as_deref();
    kernel.rate_limiter.admit(source, Proof::of_body(proof), false).await?;
    letters.submit(&letter, new).await?;
    Ok((StatusCode::ACCEPTED, Json(ReceivedResource::new(kernel, &letter.action))).into_response())
}

async fn vouch(
    letters: &Letters,
    actor: &Actor,
    headers: &HeaderMap,
    key: &str,
    body: &NewOutreachBody,
    bytes: &[u8],
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    actor.require(Scope::ContactsWrite)?;
    let kernel = &letters.kernel;
    let mut conn = kernel.db.acquire().await?;
    let letter = ops::find_for(&mut conn, kernel, key, Some(actor)).await?;
    drop(conn);
    let action = &letter.action;
    let person = people::submitted_person(kernel, Some(actor), body.person.clone(), body.links.as_ref()).await?;
    let mut new = body.check(&person, &letter)?;
    new.person.extras.add_tags(&body.add_tags)?;
    let others = people::parse_identifiers(&body.identifiers)?;
    let extras = new.person.extras.clone();
    let path = format!("{}/outreaches", action.api_path());
    let idempotency = organizers::idempotency(kernel, headers, actor, &Method::POST, &path, bytes).await?;
    let written = letters.submit_vouched(&letter, new, idempotency).await?;
    let mut conn = kernel.db.acquire().await?;
    if written.outcome == SubmissionOutcome::Created {
        audit(&mut conn, &kernel.env, actor, "letter.vouch", Some(person_object(written.letter_id)), json!({})).await?;
    }
    let vault = action.open_vault(kernel).await?;
    add_identifiers::<LetterKind>(kernel, &mut conn, &vault, written.letter_id, &others).await?;
    let view = View { letters, letter: &letter, vault: Some(&vault) };
    let mut outreaches = Vec::new();
    let rows = store::outreaches_of(&mut conn, action.id, written.letter_id).await?;
    if let Some(row) = rows.first() {
        people::apply_extras(&mut conn, kernel, &vault, row.person_id, &extras).await?;
    }
    if !actor.allows(Scope::ContactsRead) {
        return Ok((StatusCode::CREATED, Json(VouchedLetterResource::as_sent(kernel, action))).into_response());
    }
    for row in &rows {
        outreaches.push(view.resource(&mut conn, row).await?);
    }
    // those of the first target's outreach, which clients look for under this id
    let (first, links) = match outreaches.first() {
        Some(first) => (first.identifiers.clone(), first.links.clone()),
        None => (identifiers(written.letter_id), Links::to_self(kernel.url(&path)).with_curies()),
    };
    let answer = VouchedLetterResource {
        identifiers: first,
        muster_letter: Some(written.letter_id),
        links,
        embedded: EmbeddedOutreaches { outreaches },
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
