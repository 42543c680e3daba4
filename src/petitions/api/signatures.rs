//! The `signatures` of a petition in the API (OSDI signature, `record_signature_helper`).

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    actions::submission::{IdentifiersMember, SubmissionKind, add_identifiers},
    campaigns::{self, Kind, ReceivedResource, SubmissionOutcome},
    error::{Error, Result},
    kernel::{
        extract::{ListQuery, PathParams, texts},
        forms::FieldErrors,
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        idempotency,
        paging::{Listed, Page},
        patch::{HelperBody, Patch},
        rate_limit::{Proof, Source},
        text::{clean_line, clean_text},
    },
    letters::{EditedText, MAX_MESSAGE, MAX_SUBJECT},
    organizers::{self, Actor, MaybeActor, Scope, admit_reading, audit, person_object},
    people::{self, Consents, ContactDetails, PersonBody, PersonLinks},
    petitions::{
        abuse::RequestSignals,
        invalidation,
        kind::SignatureKind,
        ops, questions,
        state::{CommentState, QuarantineReason, SignatureState, Vetting},
        store::{self, Petition, SignatureRow},
        submission::{AttachedLetterInput, Display, MAX_COMMENT, NewSignature, Petitions, SignaturePayload},
    },
};

/// Routes of signatures.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(list_signatures, create_signature)).routes(routes!(
        get_signature,
        update_signature,
        delete_signature
    ))
}

/// OSDI `record_signature_helper`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct SignatureBody {
    /// Who signs.
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
    /// A comment, at most 5,000 characters; shown only after an organizer has approved it.
    #[serde(default)]
    #[validate(length(max = 5000))]
    pub comments: String,
    /// Where the person comes from.
    #[serde(default)]
    #[validate(nested)]
    pub referrer_data: ReferrerData,
    /// How the name is shown; hidden if absent.
    #[serde(default, rename = "muster:display")]
    pub muster_display: Display,
    /// Consents.
    #[serde(default, rename = "muster:consents")]
    pub muster_consents: Consents,
    /// "Count me, keep nothing": the contact is erased right after confirmation. Not together with consents.
    #[serde(default, rename = "muster:keep_nothing")]
    pub muster_keep_nothing: bool,
    /// Answers to the petition's own questions, by key: a text, the value of a choice, or true.
    #[serde(default, rename = "muster:answers")]
    #[schema(value_type = BTreeMap<String, questions::GivenAnswer>)]
    pub muster_answers: BTreeMap<String, Value>,
    /// May the name be part of deliveries?
    #[serde(default, rename = "muster:deliver_name")]
    pub muster_deliver_name: bool,
    /// What the signer changes of the attached letter.
    #[serde(default, rename = "muster:letter")]
    #[validate(nested)]
    pub muster_letter: AttachedLetterBody,
    /// A solved challenge (ALTCHA payload, base64), or the ticket of one that was waited for.
    #[serde(default, rename = "muster:challenge")]
    #[validate(length(max = 4000))]
    pub muster_challenge: Option<String>,
    /// Seconds from opening the form to submitting it, as measured by the form's script.
    #[serde(default, rename = "muster:form_seconds")]
    pub muster_form_seconds: Option<u32>,
}

/// Edited subject and text of the attached letter; empty: those of the template.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = AttachedLetter)]
pub(super) struct AttachedLetterBody {
    /// Subject.
    #[validate(length(max = 200))]
    pub subject: String,
    /// Text, at most 10,000 characters; sent as typed.
    #[validate(length(max = 10_000))]
    pub message: String,
    /// May the office see the writer's own address?
    pub show_email: bool,
}

/// OSDI `referrer_data`.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct ReferrerData {
    /// A registered word of origin; anything else counts as `other`.
    #[validate(length(max = 200))]
    pub source: Option<String>,
    /// Not stored.
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

/// Where a signature comes from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignatureSource {
    /// A registered word, or `other`; null: nothing was said.
    source: Option<String>,
}

/// What an organizer may decide about a signature. A PUT lays its members over the document as it is; absent members
/// stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the members")]
pub(super) struct SignatureDocument {
    /// Whether its comment is shown: organizers set `shown` or `hidden`.
    #[serde(rename = "muster:comment_state")]
    muster_comment_state: CommentState,
    /// How its name is shown: organizers set `hidden`; only its owner shows it.
    #[serde(rename = "muster:display")]
    muster_display: Display,
    /// What a look at it has shown.
    #[serde(rename = "muster:vetted")]
    muster_vetted: Vetting,
    /// Its state: organizers set `counted`, `quarantined` or `invalid`.
    #[serde(rename = "muster:state")]
    muster_state: SignatureState,
}

/// A signature (OSDI signature). Members that tell something about the person are left out for a protected petition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignatureResource {
    /// `muster:` and the UUID, then those in other systems; in the answer to a token without `contacts:read` what was sent.
    identifiers: Vec<String>,
    /// When it was given; of a protected petition, the day only.
    created_date: DateTime<Utc>,
    /// When it was first counted or quarantined, or else `created_date`.
    modified_date: DateTime<Utc>,
    /// Its state.
    #[serde(rename = "muster:state", skip_serializing_if = "Option::is_none")]
    muster_state: Option<SignatureState>,
    /// The comment; empty without the scope `contacts:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    comments: Option<String>,
    /// May the name be part of deliveries?
    #[serde(rename = "muster:deliver_name", skip_serializing_if = "Option::is_none")]
    muster_deliver_name: Option<bool>,
    /// How the name is shown.
    #[serde(rename = "muster:display", skip_serializing_if = "Option::is_none")]
    muster_display: Option<Display>,
    /// Whether the comment is shown.
    #[serde(rename = "muster:comment_state", skip_serializing_if = "Option::is_none")]
    muster_comment_state: Option<CommentState>,
    /// What a look at it has shown.
    #[serde(rename = "muster:vetted", skip_serializing_if = "Option::is_none")]
    muster_vetted: Option<Vetting>,
    /// Why it was quarantined; null: it was not.
    #[serde(rename = "muster:suspicion", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<QuarantineReason>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    muster_suspicion: Option<Option<QuarantineReason>>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer_data: Option<SignatureSource>,
    /// Who signed. Scope `contacts:read` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<ContactDetails>,
    /// Answers to the petition's own questions, by key. Scope `contacts:read` only.
    #[serde(rename = "muster:answers", skip_serializing_if = "Option::is_none")]
    muster_answers: Option<BTreeMap<String, String>>,
    /// `self`, the petition, the person.
    #[serde(rename = "_links")]
    links: Links,
}

impl Listed for SignatureResource {
    const REL: &str = "osdi:signatures";

    fn links(&self) -> &Links {
        &self.links
    }
}

impl SignatureResource {
    fn new(petitions: &Petitions, petition: &Petition, row: &SignatureRow, payload: Option<&SignaturePayload>) -> Self {
        let kernel = &petitions.kernel;
        let base = petition.action.api_path();
        let is_shown = !petition.action.protected;
        let person = is_shown.then(|| kernel.url(&format!("/api/v1/people/{}", row.person_id)));
        Self {
            identifiers: identifiers(row.id)
                .into_iter()
                .chain(payload.iter().flat_map(|t| t.identifiers.clone()))
                .collect(),
            created_date: row.created_at,
            modified_date: row.counted_at.unwrap_or(row.created_at),
            muster_state: Some(row.state),
            comments: is_shown.then(|| payload.map(|t| t.comments.clone()).unwrap_or_default()),
            muster_deliver_name: is_shown.then_some(row.delivers_name),
            muster_display: is_shown.then_some(row.display),
            muster_comment_state: is_shown.then_some(row.comment_state),
            muster_vetted: is_shown.then_some(row.vetted),
            muster_suspicion: is_shown.then_some(row.quarantine_reason),
            referrer_data: is_shown.then(|| SignatureSource { source: row.source.clone() }),
            person: payload.map(|t| t.details.contact()),
            muster_answers: payload.map(|t| t.answers.clone()),
            links: Links::to_self(kernel.url(&format!("{base}/signatures/{}", row.id)))
                .to("osdi:petition", kernel.url(&base))
                .to_optional("osdi:person", person)
                .with_curies(),
        }
    }
}

impl SignatureResource {
    /// What somebody sent who may not read contacts: it does not tell whether the person has signed before.
    /// `is_described`: the person was described, and not named by a link.
    fn as_sent(
        petitions: &Petitions,
        petition: &Petition,
        new: &NewSignature,
        is_described: bool,
        identifiers: Vec<String>,
    ) -> Self {
        let (kernel, base) = (&petitions.kernel, petition.action.api_path());
        Self {
            identifiers,
            created_date: kernel.env.now(),
            modified_date: kernel.env.now(),
            muster_state: None,
            comments: Some(new.comments.clone()),
            muster_deliver_name: Some(new.delivers_name),
            muster_display: Some(new.display),
            muster_comment_state: None,
            muster_vetted: None,
            muster_suspicion: None,
            referrer_data: Some(SignatureSource { source: new.source.clone() }),
            person: is_described.then(|| new.person.details.contact()),
            muster_answers: Some(new.answers.clone()),
            links: Links::default().to("osdi:petition", kernel.url(&base)).with_curies(),
        }
    }
}

/// A signature, with its person if the token has `contacts:read` and the petition is not protected.
async fn visible_resource(
    petitions: &Petitions,
    petition: &Petition,
    row: &SignatureRow,
    actor: &Actor,
) -> Result<SignatureResource> {
    if petition.action.protected || !actor.allows(Scope::ContactsRead) {
        return Ok(SignatureResource::new(petitions, petition, row, None));
    }
    let payload = petitions.open_payload(petition.action.vault_id, row.id, row.sealed.as_deref()).await?;
    Ok(SignatureResource::new(petitions, petition, row, Some(&payload)))
}

/// The signatures of a petition, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/signatures",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "A page of signatures", body = Page<SignatureResource>), (status = 401), (status = 404)),
)]
async fn list_signatures(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let petition = store::by_key(&mut conn, &key).await?;
    ensure_visible(Some(&actor), &petition)?;
    let mut filter = query.filter(store::SIGNATURE_FIELDS)?;
    if let Some(filter) = &mut filter {
        // a protected petition answers no query about a person
        if !petition.action.protected {
            let vault = petition.action.open_vault(kernel).await?;
            people::resolve_filter(&mut conn, &vault, filter).await?;
        }
    }
    let (rows, extent) = store::signatures(&mut conn, petition.action.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    admit_reading(kernel, &actor, "signatures", Some(petition.action.id), rows.len()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(visible_resource(&petitions, &petition, row, &actor).await?);
    }
    let url = kernel.url(&format!("{}/signatures", petition.action.api_path()));
    Ok(private_json(StatusCode::OK, &Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One signature.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/signatures/{signature}",
    tag = "signatures",
    params(("id" = String, Path), ("signature" = Uuid, Path)),
    responses((status = 200, description = "The signature", body = SignatureResource), (status = 404)),
)]
async fn get_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ContactsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let petition = store::by_key(&mut conn, &key).await?;
    ensure_visible(Some(&actor), &petition)?;
    let row = store::signature(&mut conn, id).await?;
    drop(conn);
    if row.petition_id != petition.action.id {
        return Err(Error::not_found());
    }
    admit_reading(&petitions.kernel, &actor, "signatures", Some(person_object(id)), 1).await?;
    Ok(private_json(StatusCode::OK, &visible_resource(&petitions, &petition, &row, &actor).await?))
}

/// Signs. Without a token this is the public form, answered alike for everybody; with one the organizer vouches for
/// the signer, which a protected petition refuses.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/signatures",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = SignatureBody,
    responses(
        (status = 202, description = "Received (public act)", body = ReceivedResource),
        (status = 201, description = "Signed (with a token); without `contacts:read` also where the person was there \
            already, and with nothing but what was sent", body = SignatureResource),
        (status = 200, description = "Was there already (with a token)", body = SignatureResource),
        (status = 403),
        (status = 409),
        (status = 422),
        (status = 428),
        (status = 503),
    ),
)]
async fn create_signature(
    State(petitions): State<Petitions>,
    MaybeActor(actor): MaybeActor,
    source: Source,
    headers: HeaderMap,
    PathParams(key): PathParams<String>,
    body: HelperBody<SignatureBody>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let bytes = body.bytes.clone();
    let mut body: SignatureBody = body.part()?;
    let petition = petitions.petition(&key).await?;
    ensure_visible(actor.as_ref(), &petition)?;
    let (challenge, add_tags) = (body.muster_challenge.clone(), std::mem::take(&mut body.add_tags));
    let others = std::mem::take(&mut body.identifiers);
    let is_described = body.person.is_some();
    let person = people::submitted_person(kernel, actor.as_ref(), body.person.take(), body.links.as_ref()).await?;
    let mut new = parse_signature(&petition, &person, body, actor.is_none().then_some(source))?;
    let Some(actor) = actor else {
        petitions.ensure_open(&petition).await?;
        let letter = petitions.prepare_attached_letter(&petition, &new).await?;
        kernel.rate_limiter.admit(source, Proof::of_body(challenge.as_deref()), false).await?;
        petitions.submit(&petition, new, letter).await?;
        return Ok((StatusCode::ACCEPTED, Json(ReceivedResource::new(kernel, &petition.action))).into_response());
    };
    actor.require(Scope::ContactsWrite)?;
    new.person.extras.add_tags(&add_tags)?;
    let others = people::parse_identifiers(&others)?;
    let extras = new.person.extras.clone();
    let sent = SignatureResource::as_sent(&petitions, &petition, &new, is_described, others.clone());
    let path = format!("{}/signatures", petition.action.api_path());
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, &path, &bytes).await?;
    let written = petitions.submit_vouched(&petition, new, key.clone()).await?;
    let mut conn = kernel.db.acquire().await?;
    let vault = petition.action.open_vault(kernel).await?;
    add_identifiers::<SignatureKind>(kernel, &mut conn, &vault, written.signature_id, &others).await?;
    let row = store::signature(&mut conn, written.signature_id).await?;
    people::apply_extras(&mut conn, kernel, &vault, row.person_id, &extras).await?;
    if !actor.allows(Scope::ContactsRead) {
        return Ok(private_json(StatusCode::CREATED, &sent));
    }
    let is_new = match written.outcome {
        SubmissionOutcome::Duplicate => false,
        SubmissionOutcome::Replayed => idempotency::was_created(&mut conn, key.as_ref()).await?,
        _ => true,
    };
    drop(conn);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(private_json(status, &visible_resource(&petitions, &petition, &row, &actor).await?))
}

fn parse_signature(
    petition: &Petition,
    person: &PersonBody,
    body: SignatureBody,
    source: Option<Source>,
) -> Result<NewSignature> {
    let mut errors = FieldErrors::default();
    let person = errors.fields(person.parse("/person"))?;
    let comments = errors.text("/comments", clean_text(&body.comments, MAX_COMMENT));
    let letter = body.muster_letter;
    let text = EditedText {
        subject: errors.text("/muster:letter/subject", clean_line(&letter.subject, MAX_SUBJECT)),
        message: errors.text("/muster:letter/message", clean_text(&letter.message, MAX_MESSAGE)),
        ..EditedText::default()
    };
    let Some(person) = person else { return errors.finish(None) };
    let mut new = NewSignature {
        delivers_name: body.muster_deliver_name,
        signals: RequestSignals { source, form_seconds: body.muster_form_seconds, ..RequestSignals::default() },
        comments,
        display: body.muster_display,
        consents: body.muster_consents.cleaned(),
        keep_nothing: body.muster_keep_nothing,
        source: body.referrer_data.source,
        letter: AttachedLetterInput { text, show_email: letter.show_email },
        ..NewSignature::of(person)
    };
    errors.fields(questions::check(petition, &mut new, &body.muster_answers, source.is_some()))?;
    errors.finish(Some(new))
}

/// Decides about a signature: its comment, its name, whether it is genuine.
#[utoipa::path(
    put,
    path = "/api/v1/petitions/{id}/signatures/{signature}",
    tag = "signatures",
    params(("id" = String, Path), ("signature" = Uuid, Path)),
    request_body = SignatureDocument,
    responses((status = 200, description = "Decided", body = SignatureResource), (status = 404), (status = 409), (status = 422)),
)]
async fn update_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
    changes: Patch<SignatureResource>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let IdentifiersMember { identifiers } = changes.apply(&IdentifiersMember::default())?;
    let others = people::parse_identifiers(&identifiers)?;
    let mut tx = kernel.db.begin().await?;
    let petition = store::by_key(&mut tx, &key).await?;
    ensure_visible(Some(&actor), &petition)?;
    if store::signature(&mut tx, id).await?.petition_id == petition.action.id && !petition.action.protected {
        let vault = petition.action.open_vault(kernel).await?;
        add_identifiers::<SignatureKind>(kernel, &mut tx, &vault, id, &others).await?;
    }
    let row = ops::lock(&mut tx, id).await?;
    if row.petition_id != petition.action.id {
        return Err(Error::not_found());
    }
    let decided = changes.apply(&SignatureDocument {
        muster_comment_state: row.comment_state,
        muster_display: row.display,
        muster_vetted: row.vetted,
        muster_state: row.state,
    })?;
    let to = decided.muster_state;
    check_decision(&row, &decided)?;
    if to != row.state {
        let done = row.state.may_be_set_to(to, row.counted_at.is_some())
            && invalidation::change_signature_state(&petitions, &mut tx, &row, to, petition.action.protected)
                .await?
                .is_some();
        if !done {
            let detail =
                "A signature that waits to be confirmed, or that its signer took back, cannot be given this state.";
            return Err(Error::field("/muster:state", "not_allowed", detail));
        }
    }
    let SignatureDocument { muster_comment_state: comment, muster_display: display, muster_vetted: vetted, .. } =
        decided;
    store::comments::save_moderation(&mut tx, id, comment, vetted, display).await?;
    store::comments::notify_changed(&mut tx, petition.action.id).await?;
    let details = json!({
        "comment": (comment != row.comment_state).then_some(comment),
        "vetted": (vetted != row.vetted).then_some(vetted),
        "name_hidden": display != row.display,
        "state": (to != row.state).then_some(to),
    });
    audit(&mut tx, &kernel.env, &actor, "signature.decide", Some(person_object(id)), details).await?;
    let row = store::signature(&mut tx, id).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &visible_resource(&petitions, &petition, &row, &actor).await?))
}

/// Refuses what an organizer may not decide about a signature.
fn check_decision(row: &SignatureRow, decided: &SignatureDocument) -> Result<()> {
    if decided.muster_display != row.display && decided.muster_display != Display::Hidden {
        return Err(Error::field("/muster:display", "not_allowed", "Only its owner shows a name."));
    }
    if decided.muster_vetted != row.vetted && decided.muster_vetted == Vetting::Unvetted {
        return Err(Error::field("/muster:vetted", "unknown_value", "Expected `genuine` or `doubtful`."));
    }
    let comment = decided.muster_comment_state;
    if comment == row.comment_state || row.comment_state.may_become(comment) {
        return Ok(());
    }
    if row.comment_state == CommentState::None {
        return Err(Error::field("/muster:comment_state", "not_allowed", "This signature has no comment."));
    }
    Err(Error::field("/muster:comment_state", "unknown_value", "Expected `shown` or `hidden`."))
}

/// Withdraws a signature on behalf of its signer.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/signatures/{signature}",
    tag = "signatures",
    params(("id" = String, Path), ("signature" = Uuid, Path)),
    responses((status = 200, description = "Withdrawn", body = Notice), (status = 404)),
)]
async fn delete_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_for(&mut tx, Kind::Petition, &key, Some(&actor)).await?;
    let row = ops::lock(&mut tx, id).await?;
    if row.petition_id != action.id {
        return Err(Error::not_found());
    }
    if row.state == SignatureState::Pending {
        SignatureKind::delete_pending(&mut tx, &row).await?;
        people::delete_unconfirmed_people(&mut tx, &[row.person_id]).await?;
    } else {
        ops::withdraw(&mut tx, kernel, &row, action.protected).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "signature.withdraw", Some(person_object(id)), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This signature was withdrawn." }))
}
