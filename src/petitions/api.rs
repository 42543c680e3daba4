//! `petitions` and their `signatures` in the API (OSDI petition, signature, `record_signature_helper`).

mod counts;
mod life;

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
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    ops::{self, NewPetition, create_petition, target_names},
    signing::{Display, LetterWords, NewSignature, Petitions},
    store::{self, Petition, SignatureRow},
};
use crate::{
    campaigns::{self, ActionChanges, ActionFields, Kind},
    error::{Error, Result},
    kernel::{
        caching::{Kept, cacheable, private_json},
        extract::{ListQuery, Segments, Valid, ValidWithBytes, parse},
        guard::{Proof, Source},
        hal::{curies, identifiers, link},
        idempotency::{self, Claim},
        paging::Listing,
        text::{EmailAddress, clean_line, clean_text},
    },
    letters::Changed,
    organizers::{self, Actor, MaybeActor, Scope, audit},
    people::{Consents, Details, PersonBody},
};

/// Routes of this slice.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_petitions, post_petition))
        .routes(routes!(get_petition, put_petition, delete_petition))
        .routes(routes!(list_signatures, post_signature))
        .routes(routes!(get_signature, put_signature, delete_signature))
        .merge(counts::router())
        .merge(life::router())
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
    /// What the signer changes of the letter that the petition carries.
    #[serde(default, rename = "muster:letter")]
    #[validate(nested)]
    pub muster_letter: LetterBody,
    /// A solved challenge (ALTCHA payload, base64), or the ticket of one that was waited for.
    #[serde(default, rename = "muster:challenge")]
    #[validate(length(max = 4000))]
    pub muster_challenge: Option<String>,
}

/// The signer's own words in the letter that a petition carries; absent: the template speaks.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = CarriedLetter)]
pub struct LetterBody {
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

/// A PUT on a petition; absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct PetitionChanges {
    /// What is signed (Markdown).
    #[validate(length(max = 40_000))]
    pub petition_text: Option<String>,
    /// Whom it is addressed to.
    #[validate(length(max = 20), nested)]
    pub target: Option<Vec<ops::Target>>,
    /// How many signatures it wants.
    #[serde(rename = "muster:goal")]
    #[validate(range(min = 1, max = 100_000_000))]
    pub muster_goal: Option<i64>,
    /// False: every contact is dropped right after confirmation, from now on.
    #[serde(rename = "muster:keeps_contacts")]
    pub muster_keeps_contacts: Option<bool>,
    /// Does the public see breakdowns of the counts?
    #[serde(rename = "muster:shows_breakdowns")]
    pub muster_shows_breakdowns: Option<bool>,
}

/// The petition as its own organizers see it, with the exact total.
async fn own_resource(petitions: &Petitions, conn: &mut PgConnection, petition: &Petition) -> Result<Value> {
    let total = campaigns::exact_total(conn, petition.action.id).await?;
    Ok(resource(petitions, petition, total))
}

/// The petition as JSON; the public sees the published total.
fn resource(petitions: &Petitions, petition: &Petition, total: i64) -> Value {
    let kernel = &petitions.kernel;
    let action = &petition.action;
    json!({
        "identifiers": identifiers(action.id),
        "title": action.title,
        "description": action.description,
        "petition_text": petition.petition_text,
        "target": petition.targets.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "browser_url": kernel.url(&action.path()),
        "total_signatures": total,
        "created_date": action.created_at,
        "modified_date": action.modified_at,
        "muster:slug": action.slug,
        "muster:summary": action.summary,
        "muster:goal": petition.goal,
        "muster:status": action.state,
        "muster:status_reason": action.state_reason,
        "muster:opens_at": action.opens_at,
        "muster:closes_at": action.closes_at,
        "muster:next_action": action.next.as_ref().map(campaigns::NextAction::path),
        "muster:confirmation": if action.confirms { "email" } else { "none" },
        "muster:privacy": if action.protected { "protected" } else { "standard" },
        "muster:locale": action.locale,
        "muster:texts": action.texts,
        "muster:button": action.button,
        "muster:keeps_contacts": petition.keeps_contacts && !action.protected,
        "muster:hosted_by": action.hosted_by,
        "muster:letter": petition.letter_action_id.map(|id| kernel.url(&format!("/api/v1/advocacy_campaigns/{id}"))),
        "_links": {
            "self": link(kernel.url(&action.api_path())),
            "osdi:signatures": link(kernel.url(&format!("{}/signatures", action.api_path()))),
            "osdi:record_signature_helper": link(kernel.url(&format!("{}/signatures", action.api_path()))),
            "curies": curies(),
        },
    })
}

fn own(actor: Option<&Actor>, petition: &Petition) -> Result<()> {
    let visible = match actor {
        Some(actor) => actor.organization_id == petition.action.organization_id,
        None => petition.action.state.is_public(),
    };
    if visible { Ok(()) } else { Err(Error::not_found()) }
}

/// Petitions, newest first: all of the organization's with a token, the public ones without.
#[utoipa::path(get, path = "/api/v1/petitions", tag = "petitions", responses((status = 200, description = "A page of petitions", body = Value), (status = 400)))]
async fn list_petitions(
    State(petitions): State<Petitions>,
    reader: MaybeActor,
    headers: HeaderMap,
    query: ListQuery,
) -> Result<Response> {
    let actor = reader.reader();
    let filter = query.filter(store::PETITION_FIELDS)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let (rows, total) =
        store::list(&mut conn, actor.as_ref().map(|a| a.organization_id), filter.as_ref(), query.page).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(match &actor {
            Some(_) => own_resource(&petitions, &mut conn, row).await?,
            None => resource(&petitions, row, row.action.published_count),
        });
    }
    let url = petitions.kernel.url("/api/v1/petitions");
    let body =
        Listing::new(&url, "osdi:petitions", query.page, total.unsigned_abs()).keep_query(&query.raw).body(items);
    Ok(if actor.is_some() { private_json(StatusCode::OK, &body) } else { cacheable(&headers, &body) })
}

/// One petition.
#[utoipa::path(get, path = "/api/v1/petitions/{id}", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "The petition", body = Value), (status = 404)))]
async fn get_petition(
    State(petitions): State<Petitions>,
    reader: MaybeActor,
    headers: HeaderMap,
    Segments(key): Segments<String>,
) -> Result<Response> {
    let actor = reader.reader();
    if let Some(actor) = &actor {
        let mut conn = petitions.kernel.db.acquire().await?;
        let petition = store::by_key(&mut conn, &key).await?;
        own(Some(actor), &petition)?;
        return Ok(private_json(StatusCode::OK, &own_resource(&petitions, &mut conn, &petition).await?));
    }
    let petition = petitions.petition(&key).await?;
    own(None, &petition)?;
    let public = || Kept::new(&resource(&petitions, &petition, petition.action.published_count));
    Ok(petition.public.get_or_init(public).answer(&headers))
}

/// Creates a petition; a draft unless it says otherwise.
#[utoipa::path(post, path = "/api/v1/petitions", tag = "petitions", request_body(content = inline(PetitionDocument)), responses((status = 201, description = "Created", body = Value), (status = 401), (status = 403), (status = 422)))]
async fn post_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(new, bytes): ValidWithBytes<NewPetition>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let fields: ActionFields = parse(&bytes)?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/petitions", &bytes)?;
    let mut tx = kernel.db.begin().await?;
    let id = kernel.cx.id();
    let id = match idempotency::claim(&mut tx, &kernel.cx, key.as_ref(), id).await? {
        Claim::Replayed(id) => id,
        Claim::Fresh => {
            let state = fields.muster_status;
            create_petition(&mut tx, kernel, actor.organization_id, id, fields, new).await?;
            campaigns::log_state(&mut tx, &kernel.cx, id, state, "", Some(actor.organizer_id)).await?;
            audit(&mut tx, &kernel.cx, &actor, "petition.create", Some(id), json!({})).await?;
            id
        }
    };
    let petition = store::petition(&mut tx, id).await?;
    let body = own_resource(&petitions, &mut tx, &petition).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &body))
}

/// The whole document of a POST: a petition's own members beside those of every action.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body in the OpenAPI document; the two parts are parsed one after the other"
)]
struct PetitionDocument {
    #[schema(inline)]
    #[serde(flatten)]
    action: ActionFields,
    #[schema(inline)]
    #[serde(flatten)]
    petition: NewPetition,
}

/// Changes a petition; absent members stay.
#[utoipa::path(put, path = "/api/v1/petitions/{id}", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), request_body = PetitionChanges, responses((status = 200, description = "Changed", body = Value), (status = 404), (status = 409), (status = 422)))]
async fn put_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    Segments(key): Segments<String>,
    ValidWithBytes(changes, bytes): ValidWithBytes<PetitionChanges>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let shared: ActionChanges = parse(&bytes)?;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let id = action.id;
    let text = changes
        .petition_text
        .map(|t| clean_text(&t, 40_000))
        .transpose()
        .map_err(|e| Error::field("/petition_text", e.code, e.detail))?;
    let targets = changes.target.map(|t| target_names(&t)).transpose()?;
    campaigns::update_action(&mut tx, kernel, &actor, action, shared).await?;
    store::save(&mut tx, id, text.as_deref(), targets.as_deref(), changes.muster_goal).await?;
    store::switch(&mut tx, id, changes.muster_keeps_contacts, changes.muster_shows_breakdowns).await?;
    let petition = store::petition(&mut tx, id).await?;
    let body = own_resource(&petitions, &mut tx, &petition).await?;
    tx.commit().await?;
    petitions.forget(&petition);
    Ok(private_json(StatusCode::OK, &body))
}

/// Puts a petition away; its signatures stay.
#[utoipa::path(delete, path = "/api/v1/petitions/{id}", tag = "petitions", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "Archived", body = Value), (status = 404)))]
async fn delete_petition(
    State(petitions): State<Petitions>,
    actor: Actor,
    Segments(key): Segments<String>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = petitions.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let changes = ActionChanges { muster_status: Some(campaigns::State::Archived), ..ActionChanges::default() };
    let action = campaigns::update_action(&mut tx, &petitions.kernel, &actor, action, changes).await?;
    let petition = store::complete(&mut tx, action).await?;
    tx.commit().await?;
    petitions.forget(&petition);
    Ok(Json(json!({"notice": "This petition was archived. Its signatures are kept."})))
}

fn signature_resource(
    petitions: &Petitions,
    petition: &Petition,
    row: &SignatureRow,
    details: Option<&Details>,
    comments: &str,
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
        signature["comments"] = json!(comments);
        signature["muster:display"] = json!(row.display);
        signature["muster:comment_state"] = json!(row.comment_state);
        signature["muster:vetted"] = json!(row.vetted);
        signature["referrer_data"] = json!({"source": row.source});
        signature["_links"]["osdi:person"] = link(kernel.url(&format!("/api/v1/people/{}", row.person_id)));
    }
    if let Some(details) = details {
        signature["person"] = details.to_osdi();
    }
    signature
}

/// A signature with its person where the token may see contacts; those of protected petitions never leave by token.
async fn shown(petitions: &Petitions, petition: &Petition, row: &SignatureRow, actor: &Actor) -> Result<Value> {
    if petition.action.protected || !actor.allows(Scope::ContactsRead) {
        return Ok(signature_resource(petitions, petition, row, None, ""));
    }
    let typed = petitions.typed(petition.action.vault_id, row.id, row.sealed.as_deref()).await?;
    Ok(signature_resource(petitions, petition, row, Some(&typed.details), &typed.comments))
}

/// The signatures of a petition, newest first.
#[utoipa::path(get, path = "/api/v1/petitions/{id}/signatures", tag = "signatures", params(("id" = String, Path, description = "UUID or slug")), responses((status = 200, description = "A page of signatures", body = Value), (status = 401), (status = 404)))]
async fn list_signatures(
    State(petitions): State<Petitions>,
    actor: Actor,
    Segments(key): Segments<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let petition = store::by_key(&mut conn, &key).await?;
    own(Some(&actor), &petition)?;
    let mut filter = query.filter(store::SIGNATURE_FIELDS)?;
    if let Some(filter) = &mut filter {
        actor.require(Scope::ContactsRead)?;
        let vault = kernel.vaults.open(petition.action.vault_id).await?;
        // a protected petition answers no question about one person
        filter.resolve_virtual(|_, typed| {
            EmailAddress::parse(typed)
                .ok()
                .filter(|_| !petition.action.protected)
                .map(|address| vault.email_index(&address))
        });
    }
    let (rows, total) = store::signatures(&mut conn, petition.action.id, filter.as_ref(), query.page).await?;
    drop(conn);
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(shown(&petitions, &petition, row, &actor).await?);
    }
    let url = kernel.url(&format!("{}/signatures", petition.action.api_path()));
    Ok(private_json(
        StatusCode::OK,
        &Listing::new(&url, "osdi:signatures", query.page, total.unsigned_abs()).keep_query(&query.raw).body(items),
    ))
}

/// One signature.
#[utoipa::path(get, path = "/api/v1/petitions/{id}/signatures/{signature}", tag = "signatures", params(("id" = String, Path), ("signature" = Uuid, Path)), responses((status = 200, description = "The signature", body = Value), (status = 404)))]
async fn get_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    Segments((key, id)): Segments<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let mut conn = petitions.kernel.db.acquire().await?;
    let petition = store::by_key(&mut conn, &key).await?;
    own(Some(&actor), &petition)?;
    let row = store::signature(&mut conn, id).await?;
    drop(conn);
    if row.petition_id != petition.action.id {
        return Err(Error::not_found());
    }
    Ok(private_json(StatusCode::OK, &shown(&petitions, &petition, &row, &actor).await?))
}

/// Signs. Without a token this is the public act, answered alike for everybody; with one the organizer vouches.
#[utoipa::path(post, path = "/api/v1/petitions/{id}/signatures", tag = "signatures", params(("id" = String, Path, description = "UUID or slug")), request_body = SignatureBody,
    responses((status = 202, description = "Received (public act)", body = Value), (status = 201, description = "Signed (with a token)", body = Value), (status = 200, description = "Was there already (with a token)", body = Value), (status = 409), (status = 422), (status = 428), (status = 503)))]
async fn post_signature(
    State(petitions): State<Petitions>,
    MaybeActor(actor): MaybeActor,
    source: Source,
    headers: HeaderMap,
    Segments(key): Segments<String>,
    ValidWithBytes(body, bytes): ValidWithBytes<SignatureBody>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let petition = petitions.petition(&key).await?;
    own(actor.as_ref(), &petition)?;
    let challenge = body.muster_challenge.clone();
    let new = accept(body)?;
    let Some(actor) = actor else {
        petition.action.require_open(kernel.cx.now())?;
        let letter = petitions.letter_of(&petition, &new).await?;
        kernel.guard.admit(source, Proof { altcha: challenge.as_deref(), ticket: challenge.as_deref() }).await?;
        petitions.sign(&petition, new, letter).await?;
        return Ok(
            (StatusCode::ACCEPTED, Json(petition.action.received(&kernel.settings.http.public_url))).into_response()
        );
    };
    actor.require(Scope::ContactsWrite)?;
    let path = format!("{}/signatures", petition.action.api_path());
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, &path, &bytes)?;
    let written = petitions.sign_vouched(&petition, new, key.clone()).await?;
    let mut conn = kernel.db.acquire().await?;
    let row = store::signature(&mut conn, written.signature_id).await?;
    let is_new = match written.outcome.as_str() {
        "duplicate" => false,
        "replayed" => idempotency::was_created(&mut conn, key.as_ref()).await?,
        _ => true,
    };
    drop(conn);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(private_json(status, &shown(&petitions, &petition, &row, &actor).await?))
}

fn accept(body: SignatureBody) -> Result<NewSignature> {
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
    let letter = LetterWords {
        changed: Changed { subject, message, ..Changed::default() },
        show_email: body.muster_letter.show_email,
    };
    Ok(NewSignature {
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
    muster_comment_state: Option<CommentDecision>,
    /// `hidden` only: an organizer may hide a name; only its owner shows it.
    #[serde(rename = "muster:display")]
    muster_display: Option<Display>,
    /// What a look at it has shown.
    #[serde(rename = "muster:vetted")]
    muster_vetted: Option<Vetted>,
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
#[utoipa::path(put, path = "/api/v1/petitions/{id}/signatures/{signature}", tag = "signatures", params(("id" = String, Path), ("signature" = Uuid, Path)), request_body = SignatureChanges, responses((status = 200, description = "Decided", body = Value), (status = 404), (status = 409), (status = 422)))]
async fn put_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    Segments((key, id)): Segments<(String, Uuid)>,
    Valid(Json(changes)): Valid<Json<SignatureChanges>>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let petition = store::by_key(&mut tx, &key).await?;
    own(Some(&actor), &petition)?;
    let row = store::lock_signature(&mut tx, id).await?;
    if row.petition_id != petition.action.id {
        return Err(Error::not_found());
    }
    let hide = match changes.muster_display {
        None => false,
        Some(Display::Hidden) => true,
        Some(_) => return Err(Error::field("/muster:display", "not_allowed", "Only its owner shows a name.")),
    };
    if changes.muster_comment_state.is_some() && row.comment_state == "none" {
        return Err(Error::field("/muster:comment_state", "not_allowed", "This signature has no comment."));
    }
    let decision = changes.muster_comment_state.map(|d| match d {
        CommentDecision::Shown => "shown",
        CommentDecision::Hidden => "hidden",
    });
    let vetted = changes.muster_vetted.map(|v| match v {
        Vetted::Genuine => "genuine",
        Vetted::Doubtful => "doubtful",
    });
    store::comments::moderate(&mut tx, id, decision, vetted, hide).await?;
    store::comments::announce(&mut tx, petition.action.id).await?;
    let details = json!({"comment": decision, "vetted": vetted, "name_hidden": hide});
    audit(&mut tx, &kernel.cx, &actor, "signature.decide", Some(id), details).await?;
    let row = store::signature(&mut tx, id).await?;
    tx.commit().await?;
    petitions.forget(&petition);
    Ok(private_json(StatusCode::OK, &shown(&petitions, &petition, &row, &actor).await?))
}

/// Withdraws a signature on behalf of its signer.
#[utoipa::path(delete, path = "/api/v1/petitions/{id}/signatures/{signature}", tag = "signatures", params(("id" = String, Path), ("signature" = Uuid, Path)), responses((status = 200, description = "Withdrawn", body = Value), (status = 404)))]
async fn delete_signature(
    State(petitions): State<Petitions>,
    actor: Actor,
    Segments((key, id)): Segments<(String, Uuid)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_for(&mut tx, Kind::Petition, &key, Some(&actor)).await?;
    let row = store::lock_signature(&mut tx, id).await?;
    if row.petition_id != action.id {
        return Err(Error::not_found());
    }
    if row.state == "pending" {
        ops::drop_pending(&mut tx, &row).await?;
    } else {
        ops::withdraw(&mut tx, kernel, &row, action.protected).await?;
    }
    audit(&mut tx, &kernel.cx, &actor, "signature.withdraw", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This signature was withdrawn."})))
}
