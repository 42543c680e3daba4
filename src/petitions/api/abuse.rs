//! `abuse`: the limits and switches that hold floods back, and the places where many sign at once.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        extract::{PathParams, Valid},
        hal::{curies, link},
        http_cache::private_json,
        network::Network,
        text::{EmailAddress, TextError, clean_line},
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions,
        store::abuse::{self, Allowance},
    },
};

/// The widest networks that may be allowed: a campus, not a country.
const MIN_PREFIX_BITS: [u8; 2] = [12, 24];

/// Routes of limits and allowances.
pub fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(get_abuse_settings, update_abuse_settings))
        .routes(routes!(create_allowance))
        .routes(routes!(delete_allowance))
}

async fn document(petitions: &Petitions, actor: &Actor) -> Result<Value> {
    let mut conn = petitions.kernel.db.acquire().await?;
    let known = abuse::load(&mut conn, actor.organization_id).await?;
    let allowances = abuse::allowances(&mut conn, actor.organization_id).await?;
    let limits = &known.limits;
    Ok(json!({
        "muster:per_network_hour": limits.per_network_hour,
        "muster:per_domain_hour": limits.per_domain_hour,
        "muster:least_form_seconds": limits.least_form_seconds,
        "muster:signing_paused": limits.signing_paused,
        "muster:breakdowns_paused": limits.breakdowns_paused,
        "muster:allowances": allowances.iter().map(|a| json!({"id": a.id, "kind": a.kind, "value": a.value, "note": a.note})).collect::<Vec<_>>(),
        "_links": {"self": link(petitions.kernel.url("/api/v1/integrity")), "curies": curies()},
    }))
}

/// Limits, switches and allowances of the organization.
#[utoipa::path(
    get,
    path = "/api/v1/integrity",
    tag = "integrity",
    responses((status = 200, description = "The settings", body = Value), (status = 401)),
)]
async fn get_abuse_settings(State(petitions): State<Petitions>, actor: Actor) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    Ok(private_json(StatusCode::OK, &document(&petitions, &actor).await?))
}

/// A PUT on the limits; absent members stay.
#[expect(clippy::struct_field_names, reason = "the prefix stands for `muster:`")]
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct AbuseSettingsChanges {
    /// Signatures of one network in an hour before the next ones are held.
    #[serde(rename = "muster:per_network_hour")]
    #[validate(range(min = 1, max = 1_000_000_000))]
    muster_per_network_hour: Option<u32>,
    /// Signatures of one mail domain in an hour, likewise.
    #[serde(rename = "muster:per_domain_hour")]
    #[validate(range(min = 1, max = 1_000_000_000))]
    muster_per_domain_hour: Option<u32>,
    /// Seconds below which nobody fills the form in; 0 switches this off.
    #[serde(rename = "muster:least_form_seconds")]
    #[validate(range(max = 60))]
    muster_least_form_seconds: Option<u32>,
    /// Takes no signatures at all for the moment.
    #[serde(rename = "muster:signing_paused")]
    muster_signing_paused: Option<bool>,
    /// Shows no breakdowns of any petition.
    #[serde(rename = "muster:breakdowns_paused")]
    muster_breakdowns_paused: Option<bool>,
}

/// Changes limits and switches; they take effect at once, on every node.
#[utoipa::path(
    put,
    path = "/api/v1/integrity",
    tag = "integrity",
    request_body = AbuseSettingsChanges,
    responses((status = 200, description = "The settings", body = Value), (status = 401), (status = 422)),
)]
async fn update_abuse_settings(
    State(petitions): State<Petitions>,
    actor: Actor,
    Valid(Json(changes)): Valid<Json<AbuseSettingsChanges>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let mut limits = abuse::load(&mut tx, actor.organization_id).await?.limits;
    limits.per_network_hour = changes.muster_per_network_hour.unwrap_or(limits.per_network_hour);
    limits.per_domain_hour = changes.muster_per_domain_hour.unwrap_or(limits.per_domain_hour);
    limits.least_form_seconds = changes.muster_least_form_seconds.unwrap_or(limits.least_form_seconds);
    limits.signing_paused = changes.muster_signing_paused.unwrap_or(limits.signing_paused);
    limits.breakdowns_paused = changes.muster_breakdowns_paused.unwrap_or(limits.breakdowns_paused);
    abuse::save_limits(&mut tx, actor.organization_id, &limits).await?;
    audit(&mut tx, &kernel.env, &actor, "integrity.change", None, json!(limits)).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &document(&petitions, &actor).await?))
}

/// A place where many sign at once: a network or a mail domain.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewAllowance)]
pub struct AllowanceBody {
    /// `203.0.113.0/24`; at least /12, or /24 of IPv6.
    #[serde(default)]
    #[validate(length(max = 50))]
    network: Option<String>,
    /// `union.example`
    #[serde(default)]
    #[validate(length(max = 253))]
    domain: Option<String>,
    /// What place it is.
    #[serde(default)]
    #[validate(length(max = 200))]
    note: String,
}

fn network(input: &str) -> Result<String, TextError> {
    let network: Network = input.parse()?;
    let widest = if network.bytes().len() == 4 { MIN_PREFIX_BITS[0] } else { MIN_PREFIX_BITS[1] };
    if network.prefix() < widest {
        let detail = format!("This network is too wide: /{widest} at the widest.");
        return Err(TextError { code: "out_of_range", detail });
    }
    Ok(network.to_string())
}

fn domain(input: &str) -> Result<String, TextError> {
    EmailAddress::parse(&format!("a@{}", input.trim().trim_start_matches('@'))).map(|a| a.domain().to_owned())
}

/// Allows a network or a mail domain: its signatures are never held as a burst.
#[utoipa::path(
    post,
    path = "/api/v1/integrity/allowances",
    tag = "integrity",
    request_body = AllowanceBody,
    responses((status = 201, description = "The settings", body = Value), (status = 401), (status = 422)),
)]
async fn create_allowance(
    State(petitions): State<Petitions>,
    actor: Actor,
    Valid(Json(body)): Valid<Json<AllowanceBody>>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let note = clean_line(&body.note, 200).map_err(|e| Error::field("/note", e.code, e.detail))?;
    let (kind, value) = match (&body.network, &body.domain) {
        (Some(input), None) => ("network", network(input).map_err(|e| Error::field("/network", e.code, e.detail))?),
        (None, Some(input)) => ("domain", domain(input).map_err(|e| Error::field("/domain", e.code, e.detail))?),
        _ => {
            let error = FieldError::new("/network", "required", "Give either a network or a domain.");
            return Err(Error::Fields(vec![error]));
        }
    };
    let mut tx = kernel.db.begin().await?;
    let new = Allowance { id: kernel.env.id(), kind: kind.to_owned(), value, note };
    abuse::upsert_allowance(&mut tx, actor.organization_id, &new, kernel.env.now()).await?;
    audit(&mut tx, &kernel.env, &actor, "integrity.allow", None, json!({"kind": new.kind, "value": new.value})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &document(&petitions, &actor).await?))
}

/// Takes an allowance back.
#[utoipa::path(
    delete,
    path = "/api/v1/integrity/allowances/{allowance}",
    tag = "integrity",
    params(("allowance" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Value), (status = 401), (status = 404)),
)]
async fn delete_allowance(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    if !abuse::delete_allowance(&mut tx, actor.organization_id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "integrity.disallow", None, json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This allowance is gone."})))
}
