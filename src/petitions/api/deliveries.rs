//! `petitions/{id}/deliveries`: handing over, planned and done, with a statement that fixes the number.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
        extract::{MergePatch, PathParams, Valid},
        hal::{curies, identifiers, link},
        http_cache::private_json,
        text::{clean_line, clean_text},
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions, petition_delivery,
        store::{
            self, Petition,
            deliveries::{self, DeliveryRecord, PetitionDelivery},
        },
    },
};

/// Routes of deliveries.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(list_deliveries, create_delivery))
        .routes(routes!(update_delivery, delete_delivery))
        .routes(routes!(create_delivery_statement))
}

/// Is it done?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PetitionDeliveryStatus {
    /// It will be; only organizers see it.
    #[default]
    Planned,
    /// It was; the petition's page says so, and the statement is public. The number is fixed if it was not before.
    Delivered,
}

/// A delivery to write. In a PUT, absent members stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewDelivery)]
pub struct DeliveryBody {
    /// The day.
    date: NaiveDate,
    /// Where.
    #[serde(default)]
    #[validate(length(max = 200))]
    place: String,
    /// Who took it.
    #[serde(default)]
    #[validate(length(max = 200))]
    received_by: String,
    /// What happened; public once it is done.
    #[serde(default)]
    #[validate(length(max = 5000))]
    note: String,
    /// Planned if absent.
    #[serde(default, rename = "muster:status")]
    muster_status: PetitionDeliveryStatus,
    /// Slug or id of the event it is part of.
    #[serde(default, rename = "muster:event")]
    muster_event: Option<String>,
    /// Id of a picture of the organization (see `POST /api/v1/images`).
    #[serde(default, rename = "muster:image")]
    muster_image: Option<Uuid>,
}

fn delivery_path(action: &Action, delivery: &PetitionDelivery) -> String {
    format!("{}/deliveries/{}", action.api_path(), delivery.id)
}

fn delivery_resource(kernel: &Kernel, action: &Action, d: &PetitionDelivery) -> Value {
    let statement = d.statement.as_ref().map(|s| {
        json!({
            "created_date": s.at, "total": s.total(), "receipts": s.receipts, "erased": s.erased, "paper": s.paper,
            "regions": s.regions, "receipts_sha256": data_encoding::HEXLOWER.encode(&s.sha256),
        })
    });
    let page = kernel.url(&format!("{}/deliveries/{}", action.path(), d.id));
    json!({
        "identifiers": identifiers(d.id), "date": d.date, "place": d.place, "received_by": d.received_by, "note": d.note,
        "muster:status": if d.delivered { PetitionDeliveryStatus::Delivered } else { PetitionDeliveryStatus::Planned },
        "muster:event": d.event.as_ref().map(|(slug, _)| slug),
        "muster:image": d.image.as_ref().map(|image| image.id),
        "muster:statement": statement,
        "browser_url": d.delivered.then_some(&page),
        "_links": {
            "self": link(kernel.url(&delivery_path(action, d))),
            "muster:receipts": link(format!("{page}/receipts.txt")),
            "curies": curies(),
        },
    })
}

/// The deliveries that the public sees, newest first.
pub fn public(kernel: &Kernel, petition: &Petition) -> Vec<Value> {
    petition.deliveries.iter().map(|d| delivery_resource(kernel, &petition.action, d)).collect()
}

/// The deliveries of a petition, newest first. Those that are done stand in the petition itself for everyone.
#[utoipa::path(
    get,
    path = "/api/v1/petitions/{id}/deliveries",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    responses((status = 200, description = "The deliveries", body = Value), (status = 401), (status = 404)),
)]
async fn list_deliveries(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let action = campaigns::find_for(&mut conn, Kind::Petition, &key, Some(&actor)).await?;
    let all = deliveries::deliveries(&mut conn, action.id, None).await?;
    let body = json!({
        "muster:deliveries": all.iter().map(|d| delivery_resource(kernel, &action, d)).collect::<Vec<_>>(),
        "_links": {"self": link(kernel.url(&format!("{}/deliveries", action.api_path()))), "curies": curies()},
    });
    Ok(private_json(StatusCode::OK, &body))
}

async fn parse_record(conn: &mut PgConnection, actor: &Actor, body: &DeliveryBody) -> Result<DeliveryRecord> {
    let line =
        |text: &str, pointer: &'static str| clean_line(text, 200).map_err(|e| Error::field(pointer, e.code, e.detail));
    let event = match body.muster_event.as_deref() {
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

/// Writes the record, in the caller's transaction; the status follows ([`apply_status`]). Returns the delivery's id.
async fn save(
    petitions: &Petitions,
    conn: &mut PgConnection,
    actor: &Actor,
    petition: &Petition,
    before: Option<&PetitionDelivery>,
    body: &DeliveryBody,
) -> Result<Uuid> {
    let kernel = &petitions.kernel;
    let id = before.map_or_else(|| kernel.env.id(), |d| d.id);
    let record = parse_record(conn, actor, body).await?;
    deliveries::save(conn, petition.action.id, id, &record, kernel.env.now()).await?;
    if body.muster_status == PetitionDeliveryStatus::Planned {
        deliveries::set_delivered(conn, id, false).await?;
    }
    let verb = if before.is_none() { "delivery.create" } else { "delivery.edit" };
    let details = json!({"delivery": id, "status": body.muster_status});
    audit(conn, &kernel.env, actor, verb, Some(petition.action.id), details).await?;
    Ok(id)
}

/// Does what the status of a delivery asks for that was written: the number is fixed if it was not, and the delivery is
/// public. Answers 202 when the number takes longer; the delivery is planned until somebody says again that it was done.
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
    if status == PetitionDeliveryStatus::Delivered && !saved.delivered {
        if saved.statement.is_none() && !petition_delivery::fix_count(petitions, action, id).await? {
            code = StatusCode::ACCEPTED;
        } else {
            let mut tx = kernel.db.begin().await?;
            deliveries::set_delivered(&mut tx, id, true).await?;
            tx.commit().await?;
        }
        saved = petition_delivery::find(&mut *kernel.db.acquire().await?, petition, id).await?;
    }
    Ok(private_json(code, &delivery_resource(kernel, action, &saved)))
}

/// Enters a delivery.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/deliveries",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug")),
    request_body = DeliveryBody,
    responses(
        (status = 201, description = "The delivery", body = Value),
        (status = 202, description = "It is entered as planned while its number is being fixed", body = Value),
        (status = 401),
        (status = 404),
        (status = 422),
    ),
)]
async fn create_delivery(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(key): PathParams<String>,
    Valid(Json(body)): Valid<Json<DeliveryBody>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
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
    request_body = DeliveryBody,
    responses(
        (status = 200, description = "The delivery", body = Value),
        (status = 202, description = "It stays planned while its number is being fixed", body = Value),
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
    Valid(Json(changes)): Valid<Json<MergePatch>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    let petition = store::load_for_action(&mut tx, action).await?;
    let before = petition_delivery::find(&mut tx, &petition, id).await?;
    let body: DeliveryBody = changes.apply_to(delivery_resource(kernel, &petition.action, &before))?;
    let id = save(&petitions, &mut tx, &actor, &petition, Some(&before), &body).await?;
    tx.commit().await?;
    apply_status(&petitions, &petition, id, body.muster_status, StatusCode::OK).await
}

/// Removes a delivery with its statement.
#[utoipa::path(
    delete,
    path = "/api/v1/petitions/{id}/deliveries/{delivery}",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("delivery" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Value), (status = 401), (status = 404)),
)]
async fn delete_delivery(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams((key, id)): PathParams<(String, Uuid)>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let action = campaigns::find_to_change(&mut tx, Kind::Petition, &key, &actor).await?;
    if !deliveries::delete(&mut tx, action.id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "delivery.delete", Some(action.id), json!({"delivery": id})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This delivery is gone, and its statement with it."})))
}

/// Fixes the number of a planned delivery as it is now, so that it can be printed. Until it is delivered this can be
/// repeated; afterwards the number stays.
#[utoipa::path(
    post,
    path = "/api/v1/petitions/{id}/deliveries/{delivery}/statement",
    tag = "petitions",
    params(("id" = String, Path, description = "UUID or slug"), ("delivery" = Uuid, Path)),
    responses(
        (status = 200, description = "The delivery", body = Value),
        (status = 202, description = "It takes longer; the statement is there when it is done", body = Value),
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
    if petition_delivery::find(&mut tx, &petition, id).await?.delivered {
        return Err(Error::problem(Code::Conflict, "It was handed over with the number it has."));
    }
    audit(&mut tx, &kernel.env, &actor, "delivery.state", Some(petition.action.id), json!({"delivery": id})).await?;
    tx.commit().await?;
    let is_made = petition_delivery::fix_count(&petitions, &petition.action, id).await?;
    let stated = petition_delivery::find(&mut *kernel.db.acquire().await?, &petition, id).await?;
    let code = if is_made { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(private_json(code, &delivery_resource(kernel, &petition.action, &stated)))
}
