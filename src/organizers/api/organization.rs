//! `organization` in the API: what is said of an organization wherever it writes to people.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        hal::{Links, identifiers},
        http_cache::private_json,
        patch::Patch,
        text::clean_text,
    },
    organizers::{
        actor::Actor,
        auth::Authenticator,
        ops::{audit, organization_name, postal_address, set_postal_address},
        scope::Scope,
    },
};

/// Maximum length of an address, in characters.
const MAX_ADDRESS: usize = 500;

pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new().routes(routes!(get_organization, update_organization))
}

/// What can be changed of an organization. A PUT lays its members over them as they are; absent members stay.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct OrganizationDocument {
    /// Its postal address, at most 500 characters: stands in every email update, without which none is sent.
    #[validate(length(max = 500))]
    postal_address: String,
}

/// The organization of whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizationResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// Its name.
    name: String,
    #[serde(flatten)]
    document: OrganizationDocument,
    #[serde(rename = "_links")]
    links: Links,
}

async fn answer(kernel: &Kernel, actor: &Actor) -> Result<Response> {
    let mut conn = kernel.db.acquire().await?;
    let organization = actor.organization_id;
    let resource = OrganizationResource {
        identifiers: identifiers(organization),
        name: organization_name(&mut conn, organization).await?,
        document: OrganizationDocument { postal_address: postal_address(&mut conn, organization).await? },
        links: Links::to_self(kernel.url("/api/v1/organization")),
    };
    Ok(private_json(StatusCode::OK, &resource))
}

/// The organization.
#[utoipa::path(
    get,
    path = "/api/v1/organization",
    tag = "accounts",
    responses((status = 200, description = "The organization", body = OrganizationResource), (status = 401)),
)]
async fn get_organization(State(authenticator): State<Authenticator>, actor: Actor) -> Result<Response> {
    actor.require(Scope::ActionsRead)?;
    answer(authenticator.kernel(), &actor).await
}

/// Changes what is said of the organization.
#[utoipa::path(
    put,
    path = "/api/v1/organization",
    tag = "accounts",
    request_body = OrganizationDocument,
    responses((status = 200, description = "Changed", body = OrganizationResource), (status = 401), (status = 422)),
)]
async fn update_organization(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    changes: Patch<OrganizationResource>,
) -> Result<Response> {
    actor.require(Scope::ActionsWrite)?;
    let kernel = authenticator.kernel();
    let mut tx = kernel.db.begin().await?;
    let before = OrganizationDocument { postal_address: postal_address(&mut tx, actor.organization_id).await? };
    let after = changes.apply(&before)?;
    let address = clean_text(&after.postal_address, MAX_ADDRESS)
        .map_err(|e| Error::field("/postal_address", e.code, e.detail))?;
    set_postal_address(&mut tx, actor.organization_id, &address).await?;
    audit(&mut tx, &kernel.env, &actor, "organization.edit", Some(actor.organization_id), json!({})).await?;
    tx.commit().await?;
    answer(kernel, &actor).await
}
