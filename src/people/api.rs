//! `people` in the API (OSDI person, `person_signup_helper`).

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{details::PersonBody, ops, store};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, ValidWithBytes},
        hal::{curies, identifiers, link},
        idempotency::{self, KeyClaim},
        paging::Listing,
        vault::Vault,
    },
    organizers::{self, Actor, Authenticator, Scope, audit},
};

/// What this slice's handlers share.
#[derive(Clone, Debug, FromRef)]
pub struct People {
    /// Tools.
    pub kernel: Arc<Kernel>,
    /// Who is asking.
    pub authenticator: Authenticator,
}

/// Routes of this slice.
pub fn router() -> OpenApiRouter<People> {
    OpenApiRouter::new().routes(routes!(list_people, create_person)).routes(routes!(get_person, update_person))
}

/// OSDI `person_signup_helper`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct SignupBody {
    /// The person.
    #[validate(nested)]
    pub person: PersonBody,
}

async fn vault_of(people: &People, actor: &Actor) -> Result<Arc<Vault>> {
    let mut conn = people.kernel.db.acquire().await?;
    let id = people.kernel.vaults.of_organization(&mut conn, actor.organization_id).await?;
    people.kernel.vaults.open(id).await
}

fn resource(kernel: &Kernel, vault: &Vault, row: &store::PersonRow) -> Result<Value> {
    let mut person = row.details(vault)?.to_osdi();
    person["identifiers"] = json!(identifiers(row.id));
    person["preferred_language"] = json!(row.locale);
    person["created_date"] = json!(row.created_at);
    person["modified_date"] = json!(row.modified_at);
    person["_links"] = json!({"self": link(kernel.url(&format!("/api/v1/people/{}", row.id))), "curies": curies()});
    Ok(person)
}

/// People of the organization who confirmed something or were added by an organizer, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/people",
    tag = "people",
    responses((status = 200, description = "A page of people", body = Value), (status = 401), (status = 403)),
)]
async fn list_people(State(people): State<People>, actor: Actor, query: ListQuery) -> Result<Json<Value>> {
    actor.require(Scope::ContactsRead)?;
    let vault = vault_of(&people, &actor).await?;
    let mut filter = query.filter(store::FIELDS)?;
    let mut conn = people.kernel.db.acquire().await?;
    if let Some(filter) = &mut filter {
        ops::resolve_addresses(&mut conn, &vault, filter).await?;
    }
    let (rows, extent) = store::list(&mut conn, vault.id, filter.as_ref(), &query.page).await?;
    let items = rows.iter().map(|row| resource(&people.kernel, &vault, row)).collect::<Result<_>>()?;
    let url = people.kernel.url("/api/v1/people");
    Ok(Json(Listing::new(&url, "osdi:people", &query.page, extent).keep_query(&query.raw).body(items)))
}

/// One person.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The person", body = Value), (status = 404)),
)]
async fn get_person(
    State(people): State<People>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsRead)?;
    let vault = vault_of(&people, &actor).await?;
    let mut conn = people.kernel.db.acquire().await?;
    let row = store::get(&mut conn, vault.id, id).await?;
    Ok(Json(resource(&people.kernel, &vault, &row)?))
}

/// Adds a person, or completes the one with this address (`person_signup_helper`).
#[utoipa::path(
    post,
    path = "/api/v1/people",
    tag = "people",
    request_body = SignupBody,
    responses(
        (status = 201, description = "Added", body = Value),
        (status = 200, description = "Completed", body = Value),
        (status = 422),
    ),
)]
async fn create_person(
    State(people): State<People>,
    actor: Actor,
    headers: HeaderMap,
    ValidWithBytes(body, bytes): ValidWithBytes<SignupBody>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let person = body.person.parse("/person")?;
    let vault = vault_of(&people, &actor).await?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/people", &bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let (id, is_new) = ops::upsert_vouched_person(&mut tx, kernel, &vault, &person).await?;
    let (id, is_new) = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Fresh => {
            audit(&mut tx, &kernel.env, &actor, "person.add", Some(id), json!({})).await?;
            if !is_new {
                idempotency::mark_as_existing(&mut tx, key.as_ref()).await?;
            }
            tx.commit().await?;
            (id, is_new)
        }
        KeyClaim::Replayed(id) => {
            let was_new = idempotency::was_created(&mut tx, key.as_ref()).await?;
            tx.rollback().await?;
            (id, was_new)
        }
    };
    let mut conn = kernel.db.acquire().await?;
    let row = store::get(&mut conn, vault.id, id).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(resource(kernel, &vault, &row)?)).into_response())
}

/// Merges details into a person: what is absent or empty stays.
#[utoipa::path(
    put,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Uuid, Path)),
    request_body = PersonBody,
    responses((status = 200, description = "Merged", body = Value), (status = 404), (status = 422)),
)]
async fn update_person(
    State(people): State<People>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    ValidWithBytes(mut body, _): ValidWithBytes<PersonBody>,
) -> Result<Json<Value>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let vault = vault_of(&people, &actor).await?;
    let mut tx = kernel.db.begin().await?;
    let known = store::get(&mut tx, vault.id, id).await?.details(&vault)?;
    let given = body.email_addresses.first().map(|e| e.address.clone());
    if given.is_none() {
        body.email_addresses.push(super::details::EmailBody { address: known.email.clone(), primary: true });
    }
    let person = body.parse("")?;
    if given.is_some() && known.address().is_some_and(|address| address.index_form() != person.email.index_form()) {
        return Err(Error::field(
            "/email_addresses/0/address",
            "invalid_value",
            "A person's address cannot be changed; add the person under the new one.",
        ));
    }
    ops::merge_confirmed_details(
        &mut tx,
        kernel,
        &vault,
        id,
        person.details,
        person.locale.map(crate::kernel::text::LocaleTag::as_str),
        false,
    )
    .await?;
    audit(&mut tx, &kernel.env, &actor, "person.merge", Some(id), json!({})).await?;
    tx.commit().await?;
    let mut conn = kernel.db.acquire().await?;
    let row = store::get(&mut conn, vault.id, id).await?;
    Ok(Json(resource(kernel, &vault, &row)?))
}
