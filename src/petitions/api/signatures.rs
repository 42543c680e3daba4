//! The `signatures` of a petition in the API (OSDI signature, `record_signature_helper`).

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::ensure_visible;
use crate::{
    campaigns::{self, Kind},
    error::{Error, Result},
    kernel::{
        extract::{ListQuery, PathParams, Valid, ValidWithBytes},
        hal::{curies, identifiers, link},
        http_cache::private_json,
        idempotency,
        paging::Listing,
        rate_limit::{Proof, Source},
        text::{clean_line, clean_text},
    },
    letters::EditedText,
    organizers::{self, Actor, MaybeActor, Scope, audit},
    people::{self, Consents, PersonBody},
    petitions::{
        abuse::RequestSignals,
        invalidation, ops, questions,
        store::{self, Petition, SignatureRow},
        submission::{AttachedLetterInput, Display, NewSignature, Petitions, SignaturePayload},
    },
};

/// Routes of signatures.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new().routes(routes!(list_signatures, create_signature)).routes(routes!(
        get_signature,
        update_signature,
        delete_signature
    ))
}

/// OSDI `record_signature_helper`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct SignatureBody {
    /// Who signs.
    #[validate(nested)]
    pub person: PersonBody,
    /// A comment; shown only after an organizer has read it.
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
    /// What was ticked.
    #[serde(default, rename = "muster:consents")]
    pub muster_consents: Consents,
    /// Count me, keep nothing: the contact is dropped right after confirmation. Not together with consents.
    #[serde(default, rename = "muster:keep_nothing")]
    pub muster_keep_nothing: bool,
    /// Answers to the petition's own questions, by key: a text, the value of a choice, or true.
    #[serde(default, rename = "muster:answers")]
    #[schema(value_type = Object)]
    pub muster_answers: BTreeMap<String, Value>,
    /// May the name be handed over with the petition?
    #[serde(default, rename = "muster:deliver_name")]
    pub muster_deliver_name: bool,
    /// What the signer changes of the letter that the petition carries.
    #[serde(default, rename = "muster:letter")]
    #[validate(nested)]
    pub muster_letter: AttachedLetterBody,
    /// A solved challenge (ALTCHA payload, base64), or the ticket of one that was waited for.
    #[serde(default, rename = "muster:challenge")]
    #[validate(length(max = 4000))]
    pub muster_challenge: Option<String>,
    /// Seconds from opening the form to sending it, where the form's script knows.
    #[serde(default, rename = "muster:form_seconds")]
    pub muster_form_seconds: Option<u32>,
}

/// The signer's own words in the letter that a petition carries; absent: the template speaks.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = AttachedLetter)]
pub struct AttachedLetterBody {
    /// Subject.
    #[validate(length(max = 200))]
    pub subject: String,
    /// Text; arrives as typed.
    #[validate(length(max = 10_000))]
    pub message: String,
    /// May the office see the writer's own address?
    pub show_email: bool,
}

/// OSDI `referrer_data`.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct ReferrerData {
    /// A registered word; anything else counts as "other".
    #[validate(length(max = 200))]
    pub source: Option<String>,
    /// Not kept.
    #[validate(length(max = 2000))]
    pub website: Option<String>,
}

fn signature_resource(
    petitions: &Petitions,
    petition: &Petition,
    row: &SignatureRow,
    payload: Option<&SignaturePayload>,
) -> Value {
    let kernel = &petitions.kernel;
    let base = petition.action.api_path();
    let mut signature = json!({
        "identifiers": identifiers(row.id),
        "created_date": row.created_at,
        "modified_date": row.counted_at.unwrap_or(row.created_at),
        "muster:state": row.state,
        "_links": {
            "self": link(kernel.url(&format!("{base}/signatures/{}", row.id))),
            "osdi:petition": link(kernel.url(&base)),
            "curies": curies(),
        },
    });
    if !petition.action.protected {
        signature["comments"] = json!(payload.map_or("", |t| &*t.comments));
        signature["muster:deliver_name"] = json!(row.delivers_name);
        signature["muster:display"] = json!(row.display);
        signature["muster:comment_state"] = json!(row.comment_state);
        signature["muster:vetted"] = json!(row.vetted);
        signature["muster:suspicion"] = json!(row.quarantine_reason);
        signature["referrer_data"] = json!({"source": row.source});
        signature["_links"]["osdi:person"] = link(kernel.url(&format!("/api/v1/people/{}", row.person_id)));
    }
    if let Some(payload) = payload {
        signature["person"] = payload.details.to_osdi();
        signature["muster:answers"] = json!(payload.answers);
    }
    signature
}

/// A signature with its person where the token may see contacts; those of protected petitions never leave by token.
async fn visible_resource(
    petitions: &Petitions,
    petition: &Petition,
    row: &SignatureRow,
    actor: &Actor,
) -> Result<Value> {
    if petition.action.protected || !actor.allows(Scope::ContactsRead) {
        return Ok(signature_resource(petitions, petition, row, None));
    }
    let payload = petitions.open_payload(petition.action.vault_id, row.id, row.sealed.as_deref()).await?;
    Ok(signature_resource(petitions, petition, row, Some(&payload)))
}

/// The signatures of a petition, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/signatures",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "A page of signatures", body = Value), (status = 401), (status = 404)),
)]
async fn list_signatures(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let petition = store::by_key(&mut conn, &key).await?;
    ensure_visible(Some(&actor), &petition)?;
    let mut filter = query.filter(store::SIGNATURE_FIELDS)?;
    if let Some(filter) = &mut filter {
        actor.require(Scope::ContactsRead)?;
        // a protected petition answers no question about one person
        if !petition.action.protected {
            let vault = kernel.vaults.open(petition.action.vault_id).await?;
            people::resolve_addresses(&mut conn, &vault, filter).await?;
        }
    }
    let (rows, extent) = store::signatures(&mut conn, petition.action.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(visible_resource(&petitions, &petition, row, &actor).await?);
    }
    let url = kernel.url(&format!("{}/signatures", petition.action.api_path()));
    Ok(private_json(
        StatusCode::OK,
        &Listing::new(&url, "osdi:signatures", &query.page, extent).keep_query(&query.raw).body(items),
    ))
}

/// One signature.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/signatures/{signature}",
    tag = "signatures",
    params(("id" = String, Path), ("signature" = Uuid, Path)),
    responses((status = 200, description = "The signature", body = Value), (status = 404)),
)]
async fn get_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let petition = store::by_key(&mut conn, &key).await?;
    ensure_visible(Some(&actor), &petition)?;
    let row = store::signature(&mut conn, id).await?;
    drop(conn);
    if row.petition_id != petition.action.id {
        return Err(Error::not_found());
    }
    Ok(private_json(StatusCode::OK, &visible_resource(&petitions, &petition, &row, &actor).await?))
}

/// Signs. Without a token this is the public act, answered alike for everybody; with one the organizer vouches.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/signatures",
    tag = "signatures",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = SignatureBody,
    responses(
        (status = 202, description = "Received (public act)", body = Value),
        (status = 201, description = "Signed (with a token)", body = Value),
        (status = 200, description = "Was there already (with a token)", body = Value),
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
    ValidWithBytes(body, bytes): ValidWithBytes<SignatureBody>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let petition = petitions.petition(&key).await?;
    ensure_visible(actor.as_ref(), &petition)?;
    let challenge = body.muster_challenge.clone();
    let mut new = parse_signature(body)?;
    questions::check(&petition, &mut new, actor.is_none())?;
    let Some(actor) = actor else {
        new.signals.source = Some(source);
        petitions.ensure_open(&petition).await?;
        let letter = petitions.prepare_attached_letter(&petition, &new).await?;
        kernel.rate_limiter.admit(source, Proof { altcha: challenge.as_deref(), ticket: challenge.as_deref() }).await?;
        petitions.submit(&petition, new, letter).await?;
        return Ok(
            (StatusCode::ACCEPTED, Json(petition.action.received(&kernel.settings.http.public_url))).into_response()
        );
    };
    actor.require(Scope::ContactsWrite)?;
    let path = format!("{}/signatures", petition.action.api_path());
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, &path, &bytes).await?;
    let written = petitions.submit_vouched(&petition, new, key.clone()).await?;
    let mut conn = kernel.db.acquire().await?;
    let row = store::signature(&mut conn, written.signature_id).await?;
    let is_new = match written.outcome.as_str() {
        "duplicate" => false,
        "replayed" => idempotency::was_created(&mut conn, key.as_ref()).await?,
        _ => true,
    };
    drop(conn);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(private_json(status, &visible_resource(&petitions, &petition, &row, &actor).await?))
}

fn parse_signature(body: SignatureBody) -> Result<NewSignature> {
    let person = body.person.parse("/person");
    let comments = clean_text(&body.comments, 5000).map_err(|e| Error::field("/comments", e.code, e.detail));
    let (person, comments) = match (person, comments) {
        (Ok(person), Ok(comments)) => (person, comments),
        (Err(Error::Fields(mut one)), Err(Error::Fields(other))) => {
            one.extend(other);
            return Err(Error::Fields(one));
        }
        (Err(e), _) | (_, Err(e)) => return Err(e),
    };
    let subject = clean_line(&body.muster_letter.subject, 200)
        .map_err(|e| Error::field("/muster:letter/subject", e.code, e.detail))?;
    let message = clean_text(&body.muster_letter.message, 10_000)
        .map_err(|e| Error::field("/muster:letter/message", e.code, e.detail))?;
    let letter = AttachedLetterInput {
        text: EditedText { subject, message, ..EditedText::default() },
        show_email: body.muster_letter.show_email,
    };
    let signals = RequestSignals { form_seconds: body.muster_form_seconds, ..RequestSignals::default() };
    Ok(NewSignature {
        given_answers: body.muster_answers,
        answers: BTreeMap::new(),
        delivers_name: body.muster_deliver_name,
        signals,
        person,
        comments,
        display: body.muster_display,
        consents: body.muster_consents.cleaned(),
        keep_nothing: body.muster_keep_nothing,
        source: body.referrer_data.source,
        letter,
    })
}

/// What an organizer may decide about a signature; absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct SignatureChanges {
    /// Show the comment, or hide it.
    #[serde(rename = "muster:comment_state")]
    comment_state: Option<CommentDecision>,
    /// `hidden` only: an organizer may hide a name; only its owner shows it.
    #[serde(rename = "muster:display")]
    display: Option<Display>,
    /// What a look at it has shown.
    #[serde(rename = "muster:vetted")]
    vetted: Option<Vetted>,
    /// Lets it count, holds it back, or makes it invalid; what its signer has withdrawn stays withdrawn.
    #[serde(rename = "muster:state")]
    state: Option<StateDecision>,
}

/// The states that an organizer may give a signature.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateDecision {
    /// It counts.
    Counted,
    /// It waits.
    Quarantined,
    /// It does not count.
    Invalid,
}

/// What becomes of a comment that an organizer has read.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommentDecision {
    /// It may be shown.
    Shown,
    /// It may not.
    Hidden,
}

/// What a look at a signature has shown.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vetted {
    /// A real person's.
    Genuine,
    /// Perhaps not.
    Doubtful,
}

/// Decides about a signature: its comment, its name, whether it is genuine.
#[utoipa::path(
    put,
    path = "/api/v1/petitions/{id}/signatures/{signature}",
    tag = "signatures",
    params(("id" = String, Path), ("signature" = Uuid, Path)),
    request_body = SignatureChanges,
    responses((status = 200, description = "Decided", body = Value), (status = 404), (status = 409), (status = 422)),
)]
async fn update_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
    Valid(Json(changes)): Valid<Json<SignatureChanges>>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let petition = store::by_key(&mut tx, &key).await?;
    ensure_visible(Some(&actor), &petition)?;
    let row = ops::lock(&mut tx, id).await?;
    if row.petition_id != petition.action.id {
        return Err(Error::not_found());
    }
    let hide = match changes.display {
        None => false,
        Some(Display::Hidden) => true,
        Some(_) => return Err(Error::field("/muster:display", "not_allowed", "Only its owner shows a name.")),
    };
    if changes.comment_state.is_some() && row.comment_state == "none" {
        return Err(Error::field("/muster:comment_state", "not_allowed", "This signature has no comment."));
    }
    let decision = changes.comment_state.map(|d| match d {
        CommentDecision::Shown => "shown",
        CommentDecision::Hidden => "hidden",
    });
    let vetted = changes.vetted.map(|v| match v {
        Vetted::Genuine => "genuine",
        Vetted::Doubtful => "doubtful",
    });
    let ruling = changes.state.map(|r| match r {
        StateDecision::Counted => "counted",
        StateDecision::Quarantined => "quarantined",
        StateDecision::Invalid => "invalid",
    });
    if let Some(to) = ruling.filter(|to| *to != row.state) {
        let may = row.counted_at.is_some() || (to == "invalid" && row.state == "pending");
        let done = may
            && invalidation::change_signature_state(&petitions, &mut tx, &row, to, petition.action.protected)
                .await?
                .is_some();
        if !done {
            let detail =
                "A signature that waits to be confirmed, or that its signer took back, cannot be given this state.";
            return Err(Error::field("/muster:state", "not_allowed", detail));
        }
    }
    store::comments::save_moderation(&mut tx, id, decision, vetted, hide).await?;
    store::comments::notify_changed(&mut tx, petition.action.id).await?;
    let details = json!({"comment": decision, "vetted": vetted, "name_hidden": hide, "state": ruling});
    audit(&mut tx, &kernel.env, &actor, "signature.decide", Some(id), details).await?;
    let row = store::signature(&mut tx, id).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &visible_resource(&petitions, &petition, &row, &actor).await?))
}

/// Withdraws a signature on behalf of its signer.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/signatures/{signature}",
    tag = "signatures",
    params(("id" = String, Path), ("signature" = Uuid, Path)),
    responses((status = 200, description = "Withdrawn", body = Value), (status = 404)),
)]
async fn delete_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_for(&mut tx, Kind::Petition, &key, Some(&actor)).await?;
    let row = ops::lock(&mut tx, id).await?;
    if row.petition_id != action.id {
        return Err(Error::not_found());
    }
    if row.state == "pending" {
        ops::drop_pending(&mut tx, &row).await?;
    } else {
        ops::withdraw(&mut tx, kernel, &row, action.protected).await?;
    }
    audit(&mut tx, &kernel.env, &actor, "signature.withdraw", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This signature was withdrawn."})))
}
