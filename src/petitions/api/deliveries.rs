//! `petitions/{id}/deliveries`: planned and done deliveries, with a statement that fixes the number.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    campaigns::{self, Action, Kind},
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::{NewBody, Patch},
        text::{clean_line, clean_text},
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions, petition_delivery,
        state::PetitionDeliveryStatus,
        store::{
            self, Petition,
            deliveries::{self, DeliveryRecord, PetitionDelivery},
        },
    },
};

/// Routes of deliveries.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_deliveries, create_delivery))
        .routes(routes!(update_delivery, delete_delivery))
        .routes(routes!(create_delivery_statement))
}

/// What organizers write of a delivery. A PUT lays its members over the document as it is; absent members stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct DeliveryDocument {
    /// The day.
    date: NaiveDate,
    /// Where, at most 200 characters.
    #[serde(default)]
    #[validate(length(max = 200))]
    place: String,
    /// Who took it, at most 200 characters.
    #[serde(default)]
    #[validate(length(max = 200))]
    received_by: String,
    /// What happened, at most 5,000 characters; public once it is done.
    #[serde(default)]
    #[validate(length(max = 5000))]
    note: String,
    /// Planned if absent.
    #[serde(default, rename = "muster:status")]
    muster_status: PetitionDeliveryStatus,
    /// Slug of the event it is part of (an id is accepted, too); null: none. Shown while the event is public.
    #[serde(default, rename = "muster:event")]
    #[validate(length(max = 100))]
    muster_event: Option<String>,
    /// Id of an image of the organization (see `POST /api/v1/images`); null: none.
    #[serde(default, rename = "muster:image")]
    muster_image: Option<Uuid>,
}

impl DeliveryDocument {
    fn of(d: &PetitionDelivery) -> Self {
        Self {
            date: d.date,
            place: d.place.clone(),
            received_by: d.received_by.clone(),
            note: d.note.clone(),
            muster_status: d.status,
            muster_event: d.event.as_ref().map(|(slug, _)| slug.clone()),
            muster_image: d.image.as_ref().map(|image| image.id),
        }
    }
}

/// The number of a delivery, fixed at one moment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DeliveryStatement {
    /// The moment.
    created_date: DateTime<Utc>,
    /// Signatures given here: `receipts` and `erased`.
    total: i64,
    /// Signatures that each have a line in the list of receipts.
    receipts: i64,
    /// Signatures that counted and whose owners had them erased.
    erased: i64,
    /// Signatures on paper, not part of the total.
    paper: i64,
    /// Signatures by country and region (`CA-ON`); small numbers are merged under `other`.
    regions: BTreeMap<String, i64>,
    /// SHA-256 of the list of receipts as a text file, in hexadecimal digits.
    receipts_sha256: String,
}

/// A delivery of a petition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryResource {
    /// `muster:` and the UUID.
    identifiers: Vec<String>,
    /// What organizers write.
    #[serde(flatten)]
    document: DeliveryDocument,
    /// Once the number is fixed.
    #[serde(rename = "muster:statement")]
    muster_statement: Option<DeliveryStatement>,
    /// URL of the public statement, once it is delivered.
    browser_url: Option<String>,
    /// `self`, and `muster:receipts`: the list of receipts.
    #[serde(rename = "_links")]
    links: Links,
}

impl DeliveryResource {
    /// A delivery, for organizers and, once it is done, for everybody.
    pub(crate) fn new(kernel: &Kernel, action: &Action, d: &PetitionDelivery) -> Self {
        let page = kernel.url(&format!("{}/deliveries/{}", action.path(), d.id));
        let links = Links::to_self(kernel.url(&format!("{}/deliveries/{}", action.api_path(), d.id)))
            .to("muster:receipts", format!("{page}/receipts.txt"))
            .with_curies();
        Self {
            identifiers: identifiers(d.id),
            document: DeliveryDocument::of(d),
            muster_statement: d.statement.as_ref().map(|s| DeliveryStatement {
                created_date: s.at,
                total: s.total(),
                receipts: s.receipts,
                erased: s.erased,
                paper: s.paper,
                regions: s.regions.clone(),
                receipts_sha256: data_encoding::HEXLOWER.encode(&s.sha256),
            }),
            browser_url: d.is_delivered().then_some(page),
            links,
        }
    }
}

impl Listed for DeliveryResource {
    const REL: &str = "muster:deliveries";
    const IS_ALSO_MEMBER: bool = true;

    fn links(&self) -> &Links {
        &self.links
    }
}

type DeliveryPage = Page<DeliveryResource>;

/// The deliveries of a petition, the latest day first. Those that are done are also part of the public petition.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/deliveries",
    tag = "petitions",
    params(
        ("id" = String, Path, description = "UUID or slug"),
        PagingParams,
        ("filter" = Option<String>, Query, description = "OData over `identifier`, `muster:status`."),
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryPage),
        (status = 400),
        (status = 401),
        (status = 404),
    ),
)]
async fn list_deliveries(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    query: ListQuery,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let filter = query.filter(deliveries::FIELDS)?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let (rows, extent) = deliveries::deliveries(&mut conn, action.id, filter.as_ref(), &query.page).await?;
    let items = rows.iter().map(|d| DeliveryResource::new(kernel, &action, d)).collect();
    let url = kernel.url(&format!("{}/deliveries", action.api_path()));
    Ok(private_json(StatusCode::OK, &Page::new(&url, &query.raw, &query.page, &extent, items)))
}

async fn parse_record(
    conn: &mut PgConnection,
    actor: &Actor,
    before: Option<&PetitionDelivery>,
    body: &DeliveryDocument,
) -> Result<DeliveryRecord> {
    let line =
        |text: &str, pointer: &'static str| clean_line(text, 200).map_err(|e| Error::field(pointer, e.code, e.detail));
    // an event that is not public is not shown, and kept
    let kept = before.filter(|d| d.event.as_ref().map(|(slug, _)| slug) == body.muster_event.as_ref());
    let event = match body.muster_event.as_deref() {
        _ if kept.is_some() => kept.and_then(|d| d.event_id),
        None | Some("") => None,
        Some(key) => {
            let unknown = |e: Error| match e.code() {
                Code::NotFound => Error::field("/muster:event", "unknown_value", "There is no such event."),
                _ => e,
            };
            Some(campaigns::find_for(conn, Kind::Event, key, Some(actor)).await.map_err(unknown)?.id)
        }
    };
    if let Some(image) = body.muster_image {
        campaigns::organization_image(conn, actor.organization_id, image).await?;
    }
    Ok(DeliveryRecord {
        date: body.date,
        place: line(&body.place, "/place")?,
        received_by: line(&body.received_by, "/received_by")?,
        note: clean_text(&body.note, 5000).map_err(|e| Error::field("/note", e.code, e.detail))?,
        event,
        image: body.muster_image,
    })
}

/// Saves all but the status `delivered` (see [`apply_status`]), in the caller's transaction. Returns the delivery's id.
async fn save(
    petitions: &Petitions,
    conn: &mut PgConnection,
    actor: &Actor,
    petition: &Petition,
    before: Option<&PetitionDelivery>,
    body: &DeliveryDocument,
) -> Result<Uuid> {
    let kernel = &petitions.kernel;
    let id = before.map_or_else(|| kernel.env.id(), |d| d.id);
    let record = parse_record(conn, actor, before, body).await?;
    deliveries::save(conn, petition.action.id, id, &record, kernel.env.now()).await?;
    if body.muster_status == PetitionDeliveryStatus::Planned {
        deliveries::set_status(conn, id, PetitionDeliveryStatus::Planned).await?;
    }
    let verb = if before.is_none() { "delivery.create" } else { "delivery.edit" };
    let details = json!({"delivery": id, "status": body.muster_status});
    audit(conn, &kernel.env, actor, verb, Some(petition.action.id), details).await?;
    Ok(id)
}

/// Applies the status of a saved delivery: fixes the number if it was not, and makes the delivery public. Answers 202
/// when fixing the number takes longer; the delivery then stays planned until its status is set again.
async fn apply_status(
    petitions: &Petitions,
    petition: &Petition,
    id: Uuid,
    status: PetitionDeliveryStatus,
    ok: StatusCode,
) -> Result<Response> {
    let (kernel, action) = (&petitions.kernel, &petition.action);
    let mut conn = kernel.db.acquire().await?;
    let mut saved = petition_delivery::find(&mut conn, petition, id).await?;
    drop(conn);
    let mut code = ok;
    if status == PetitionDeliveryStatus::Delivered && !saved.is_delivered() {
        if saved.statement.is_none() && !petition_delivery::fix_count(petitions, action, id).await? {
            code = StatusCode::ACCEPTED;
        } else {
            let mut tx = kernel.db.begin().await?;
            deliveries::set_status(&mut tx, id, PetitionDeliveryStatus::Delivered).await?;
            tx.commit().await?;
        }
        saved = petition_delivery::find(&mut *kernel.db.acquire().await?, petition, id).await?;
    }
    Ok(private_json(code, &DeliveryResource::new(kernel, action, &saved)))
}

/// Creates a delivery.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/deliveries",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = DeliveryDocument,
    responses(
        (status = 201, description = "The delivery", body = DeliveryResource),
        (status = 202, description = "It is entered as planned while its number is being fixed", body = DeliveryResource),
        (status = 401),
        (status = 404),
        (status = 422),
    ),
)]
async fn create_delivery(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    body: NewBody<DeliveryResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: DeliveryDocument = body.part()?;
    let mut tx = petitions.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let petition = store::load_for_action(&mut tx, action).await?;
    let id = save(&petitions, &mut tx, &actor, &petition, None, &body).await?;
    tx.commit().await?;
    apply_status(&petitions, &petition, id, body.muster_status, StatusCode::CREATED).await
}

/// Changes a delivery; absent members stay. The number stays as it was fixed.
#[utoipa::path(
    put,
    path = "/api/v1/petitions/{id}/deliveries/{delivery}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("delivery" = Uuid, Path)),
    request_body = DeliveryDocument,
    responses(
        (status = 200, description = "The delivery", body = DeliveryResource),
        (status = 202, description = "It stays planned while its number is being fixed", body = DeliveryResource),
        (status = 401),
        (status = 404),
        (status = 409, description = "Its number is being fixed already"),
        (status = 422),
    ),
)]
async fn update_delivery(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
    changes: Patch<DeliveryResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let mut tx = petitions.kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let petition = store::load_for_action(&mut tx, action).await?;
    let before = petition_delivery::find(&mut tx, &petition, id).await?;
    let body = changes.apply(&DeliveryDocument::of(&before))?;
    let id = save(&petitions, &mut tx, &actor, &petition, Some(&before), &body).await?;
    tx.commit().await?;
    apply_status(&petitions, &petition, id, body.muster_status, StatusCode::OK).await
}

/// Deletes a delivery with its statement.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/deliveries/{delivery}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("delivery" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_delivery(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    if !deliveries::delete(&mut tx, action.id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "delivery.delete", Some(action.id), json!({"delivery": id})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This delivery is gone, and its statement with it." }))
}

/// Fixes the number of a planned delivery as it is now, so that it can be printed. Until it is delivered this can be
/// repeated; afterwards the number stays.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/deliveries/{delivery}/statement",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("delivery" = Uuid, Path)),
    responses(
        (status = 200, description = "The delivery", body = DeliveryResource),
        (status = 202, description = "It takes longer; the statement is there when it is done", body = DeliveryResource),
        (status = 401),
        (status = 404),
        (status = 409, description = "It was delivered, or its number is being fixed already"),
    ),
)]
async fn create_delivery_statement(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let petition = store::load_for_action(&mut tx, action).await?;
    if petition_delivery::find(&mut tx, &petition, id).await?.is_delivered() {
        return Err(Error::problem(Code::Conflict, "It was handed over with the number it has."));
    }
    audit(&mut tx, &kernel.env, &actor, "delivery.state", Some(petition.action.id), json!({"delivery": id})).await?;
    tx.commit().await?;
    let is_made = petition_delivery::fix_count(&petitions, &petition.action, id).await?;
    let stated = petition_delivery::find(&mut *kernel.db.acquire().await?, &petition, id).await?;
    let code = if is_made { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(private_json(code, &DeliveryResource::new(kernel, &petition.action, &stated)))
}
