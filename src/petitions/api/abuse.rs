//! `integrity`: limits and switches of abuse detection, and allowances.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, Notice},
        http_cache::private_json,
        network::Network,
        paging::{Listed, MAX_PER_PAGE, Page, PageParams},
        patch::{NewBody, Patch},
        text::{EmailAddress, TextError, clean_line},
    },
    organizers::{Actor, Scope, audit},
    petitions::{
        Petitions,
        abuse::AbuseLimits,
        store::abuse::{self, Allowance, AllowanceKind},
    },
};

/// Minimum prefix length of allowed networks, of IPv4 and IPv6: a campus, not a country.
const MIN_PREFIX_BITS: [u8; 2] = [12, 24];

/// Routes of limits and allowances.
pub(super) fn router() -> OpenApiRouter<Petitions> {
    OpenApiRouter::new()
        .routes(routes!(get_abuse_settings, update_abuse_settings))
        .routes(routes!(list_allowances, create_allowance))
        .routes(routes!(delete_allowance))
}

/// The limits and switches that organizers set. A PUT lays its members over them as they are; absent members stay.
#[expect(clippy::struct_field_names, reason = "the prefix stands for `muster:`")]
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct AbuseSettingsDocument {
    /// Signatures of one network in an hour before the next ones are quarantined.
    #[serde(rename = "muster:per_network_hour")]
    #[validate(range(min = 1, max = 1_000_000_000))]
    muster_per_network_hour: u32,
    /// Signatures of one mail domain in an hour before the next ones are quarantined.
    #[serde(rename = "muster:per_domain_hour")]
    #[validate(range(min = 1, max = 1_000_000_000))]
    muster_per_domain_hour: u32,
    /// Seconds below which no person fills the form in, at most 60; 0 switches this off.
    #[serde(rename = "muster:least_form_seconds")]
    #[validate(range(max = 60))]
    muster_least_form_seconds: u32,
    /// No petition takes signatures for the moment.
    #[serde(rename = "muster:signing_paused")]
    muster_signing_paused: bool,
    /// The public sees no breakdowns of any petition.
    #[serde(rename = "muster:breakdowns_paused")]
    muster_breakdowns_paused: bool,
}

impl AbuseSettingsDocument {
    fn of(limits: &AbuseLimits) -> Self {
        Self {
            muster_per_network_hour: limits.per_network_hour,
            muster_per_domain_hour: limits.per_domain_hour,
            muster_least_form_seconds: limits.least_form_seconds,
            muster_signing_paused: limits.signing_paused,
            muster_breakdowns_paused: limits.breakdowns_paused,
        }
    }
}

/// A network or mail domain whose signatures are never quarantined for their number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllowanceResource {
    /// Its id.
    id: Uuid,
    /// What it is.
    kind: AllowanceKind,
    /// The network (CIDR) or the domain.
    value: String,
    /// Note, such as the name of the place; at most 200 characters.
    note: String,
}

impl AllowanceResource {
    fn of(a: Allowance) -> Self {
        Self { id: a.id, kind: a.kind, value: a.value, note: a.note }
    }
}

impl Listed for AllowanceResource {
    const REL: &str = "muster:allowances";
}

type AllowancePage = Page<AllowanceResource>;

/// Limits, switches and allowances of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AbuseSettingsResource {
    /// What organizers set.
    #[serde(flatten)]
    document: AbuseSettingsDocument,
    /// The first hundred, by kind and value; all of them are at the link `muster:allowances`.
    #[serde(rename = "muster:allowances")]
    muster_allowances: Vec<AllowanceResource>,
    /// `self`, and `muster:allowances`.
    #[serde(rename = "_links")]
    links: Links,
}

async fn resource(petitions: &Petitions, actor: &Actor) -> Result<AbuseSettingsResource> {
    let mut conn = petitions.kernel.db.acquire().await?;
    let limits = abuse::limits(&mut conn, actor.organization_id).await?;
    let first = PageParams::first(MAX_PER_PAGE);
    let (allowances, _) = abuse::page_of_allowances(&mut conn, actor.organization_id, &first).await?;
    let url = petitions.kernel.url("/api/v1/integrity");
    Ok(AbuseSettingsResource {
        document: AbuseSettingsDocument::of(&limits),
        muster_allowances: allowances.into_iter().map(AllowanceResource::of).collect(),
        links: Links::to_self(&url).to("muster:allowances", format!("{url}/allowances")).with_curies(),
    })
}

/// Limits, switches and allowances of the organization.
#[utoipa::path(
    get,
    path = "/api/v1/integrity",
    tag = "integrity",
    responses((status = 200, description = "The settings", body = AbuseSettingsResource), (status = 401)),
)]
async fn get_abuse_settings(State(petitions): State<Petitions>, actor: Actor) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    Ok(private_json(StatusCode::OK, &resource(&petitions, &actor).await?))
}

/// Changes limits and switches; they take effect at once, in every process.
#[utoipa::path(
    put,
    path = "/api/v1/integrity",
    tag = "integrity",
    request_body = AbuseSettingsDocument,
    responses((status = 200, description = "The settings", body = AbuseSettingsResource), (status = 401), (status = 422)),
)]
async fn update_abuse_settings(
    State(petitions): State<Petitions>,
    actor: Actor,
    changes: Patch<AbuseSettingsResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    let mut limits = abuse::limits(&mut tx, actor.organization_id).await?;
    let document = changes.apply(&AbuseSettingsDocument::of(&limits))?;
    limits = AbuseLimits {
        per_network_hour: document.muster_per_network_hour,
        per_domain_hour: document.muster_per_domain_hour,
        least_form_seconds: document.muster_least_form_seconds,
        signing_paused: document.muster_signing_paused,
        breakdowns_paused: document.muster_breakdowns_paused,
    };
    abuse::save_limits(&mut tx, actor.organization_id, &limits).await?;
    audit(&mut tx, &kernel.env, &actor, "integrity.change", None, json!(limits)).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &resource(&petitions, &actor).await?))
}

/// An allowance to add: a network or a mail domain where many people sign.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = NewAllowance)]
pub(super) struct AllowanceBody {
    /// `203.0.113.0/24`; at least /12, or /24 of IPv6.
    #[serde(default)]
    #[validate(length(max = 50))]
    network: Option<String>,
    /// `union.example`
    #[serde(default)]
    #[validate(length(max = 253))]
    domain: Option<String>,
    /// Note, such as the name of the place; at most 200 characters.
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

/// The allowances of the organization, by kind and value.
#[utoipa::path(
    get,
    path = "/api/v1/integrity/allowances",
    tag = "integrity",
    params(PagingParams),
    responses((status = 200, description = "A page of allowances", body = AllowancePage), (status = 400), (status = 401)),
)]
async fn list_allowances(State(petitions): State<Petitions>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    query.refuse_filter()?;
    let kernel = &petitions.kernel;
    let mut conn = kernel.db.acquire().await?;
    let (rows, extent) = abuse::page_of_allowances(&mut conn, actor.organization_id, &query.page).await?;
    let items = rows.into_iter().map(AllowanceResource::of).collect();
    let page = Page::new(&kernel.url("/api/v1/integrity/allowances"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// Allows a network or a mail domain: its signatures are never quarantined for their number.
#[utoipa::path(
    post,
    path = "/api/v1/integrity/allowances",
    tag = "integrity",
    request_body = AllowanceBody,
    responses((status = 201, description = "The settings", body = AbuseSettingsResource), (status = 401), (status = 422)),
)]
async fn create_allowance(
    State(petitions): State<Petitions>,
    actor: Actor,
    body: NewBody<AllowanceBody>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let body: AllowanceBody = body.part()?;
    let kernel = &petitions.kernel;
    let note = clean_line(&body.note, 200).map_err(|e| Error::field("/note", e.code, e.detail))?;
    let (kind, value) = match (&body.network, &body.domain) {
        (Some(input), None) => {
            (AllowanceKind::Network, network(input).map_err(|e| Error::field("/network", e.code, e.detail))?)
        }
        (None, Some(input)) => {
            (AllowanceKind::Domain, domain(input).map_err(|e| Error::field("/domain", e.code, e.detail))?)
        }
        _ => {
            let error = FieldError::new("/network", "required", "Give either a network or a domain.");
            return Err(Error::Fields(vec![error]));
        }
    };
    let mut tx = kernel.db.begin().await?;
    let new = Allowance { id: kernel.env.id(), kind, value, note };
    abuse::upsert_allowance(&mut tx, actor.organization_id, &new, kernel.env.now()).await?;
    audit(&mut tx, &kernel.env, &actor, "integrity.allow", None, json!({"kind": new.kind, "value": new.value})).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &resource(&petitions, &actor).await?))
}

/// Deletes an allowance.
#[utoipa::path(
    delete,
    path = "/api/v1/integrity/allowances/{allowance}",
    tag = "integrity",
    params(("allowance" = Uuid, Path)),
    responses((status = 200, description = "Removed", body = Notice), (status = 401), (status = 404)),
)]
async fn delete_allowance(
    State(petitions): State<Petitions>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = &petitions.kernel;
    let mut tx = kernel.db.begin().await?;
    if !abuse::delete_allowance(&mut tx, actor.organization_id, id).await? {
        return Err(Error::not_found());
    }
    audit(&mut tx, &kernel.env, &actor, "integrity.disallow", None, json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This allowance is gone." }))
}
