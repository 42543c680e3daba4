//! `people` in the API (OSDI person, `person_signup_helper`).

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{details::PersonBody, ops, records::AllRecords, store};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams},
        hal::{Links, Notice, identifiers},
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{NewBody, Patch},
        text::LocaleTag,
        vault::Vault,
    },
    organizers::{self, Actor, Authenticator, Scope, admit_reading, audit},
};

/// State of this slice's handlers.
#[derive(Clone, Debug, FromRef)]
pub struct People {
    /// Settings, database pools, clock, vaults, templates.
    pub kernel: Arc<Kernel>,
    /// Authenticates requests.
    pub authenticator: Authenticator,
    /// What the slices keep about people.
    #[from_ref(skip)]
    pub records: AllRecords,
}

/// Routes of this slice.
pub fn router() -> OpenApiRouter<People> {
    OpenApiRouter::new().routes(routes!(list_people, create_person)).routes(routes!(
        get_person,
        update_person,
        delete_person
    ))
}

/// OSDI `person_signup_helper`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct SignupBody {
    /// The person.
    #[validate(nested)]
    pub person: PersonBody,
}

async fn vault_of(people: &People, actor: &Actor) -> Result<Arc<Vault>> {
    let mut conn = people.kernel.db.acquire().await?;
    let id = people.kernel.vaults.of_organization(&mut conn, actor.organization_id).await?;
    people.kernel.vaults.open(id).await
}

/// A person of the organization (OSDI `person`).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// The members that can be written.
    #[serde(flatten)]
    person: PersonBody,
    /// When the address was first heard of.
    created_date: DateTime<Utc>,
    /// When the details last changed.
    modified_date: DateTime<Utc>,
    #[serde(rename = "_links")]
    links: Links,
}

impl PersonResource {
    fn new(kernel: &Kernel, vault: &Vault, row: &store::PersonRow) -> Result<Self> {
        Ok(Self {
            identifiers: identifiers(row.id),
            person: PersonBody::of_details(&row.details(vault)?, row.locale.as_deref()),
            created_date: row.created_at,
            modified_date: row.modified_at,
            links: Links::to_self(kernel.url(&format!("/api/v1/people/{}", row.id))).with_curies(),
        })
    }
}

impl Listed for PersonResource {
    const REL: &str = "osdi:people";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// People of the organization who confirmed something or were added by an organizer, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/people",
    tag = "people",
    responses(
        (status = 200, description = "A page of people", body = Page<PersonResource>),
        (status = 401),
        (status = 403),
    ),
)]
async fn list_people(
    State(people): State<People>,
    actor: Actor,
    query: ListQuery,
) -> Result<Json<Page<PersonResource>>> {
    actor.require(Scope::ContactsRead)?;
    let vault = vault_of(&people, &actor).await?;
    let mut filter = query.filter(store::FIELDS)?;
    let mut conn = people.kernel.db.acquire().await?;
    if let Some(filter) = &mut filter {
        ops::resolve_addresses(&mut conn, &vault, filter).await?;
    }
    let (rows, extent) = store::list(&mut conn, vault.id, filter.as_ref(), &query.page).await?;
    drop(conn);
    admit_reading(&people.kernel, &actor, "people", None, rows.len()).await?;
    let items = rows.iter().map(|row| PersonResource::new(&people.kernel, &vault, row)).collect::<Result<_>>()?;
    let url = people.kernel.url("/api/v1/people");
    Ok(Json(Page::new(&url, &query.raw, &query.page, &extent, items)))
}

/// One person.
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The person", body = PersonResource), (status = 404)),
)]
async fn get_person(
    State(people): State<People>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<PersonResource>> {
    actor.require(Scope::ContactsRead)?;
    let vault = vault_of(&people, &actor).await?;
    let row = store::get(&mut *people.kernel.db.acquire().await?, vault.id, id).await?;
    admit_reading(&people.kernel, &actor, "people", Some(id), 1).await?;
    Ok(Json(PersonResource::new(&people.kernel, &vault, &row)?))
}

/// Adds a person, or merges the details into the person with this address (`person_signup_helper`).
#[utoipa::path(
    post,
    path = "/api/v1/people",
    tag = "people",
    request_body = SignupBody,
    responses(
        (status = 201, description = "Added", body = PersonResource),
        (status = 200, description = "Completed", body = PersonResource),
        (status = 422),
    ),
)]
async fn create_person(
    State(people): State<People>,
    actor: Actor,
    headers: HeaderMap,
    body: NewBody<SignupBody>,
) -> Result<Response> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let person = body.part::<SignupBody>()?.person.parse("/person")?;
    let vault = vault_of(&people, &actor).await?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/people", &body.bytes).await?;
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
    Ok((status, Json(PersonResource::new(kernel, &vault, &row)?)).into_response())
}

/// Erases a person: details, consents, and everything the person did. What was counted stays counted, letters that were sent
/// cannot be recalled.
#[utoipa::path(
    delete,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Erased", body = Notice), (status = 404)),
)]
async fn delete_person(
    State(people): State<People>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let vault = vault_of(&people, &actor).await?;
    let mut tx = kernel.db.begin().await?;
    store::get(&mut tx, vault.id, id).await?;
    people.records.erase(&mut tx, id).await?;
    // without the id, which tells when the person was first in touch
    audit(&mut tx, &kernel.env, &actor, "person.erase", None, json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This person was erased." }))
}

/// Merges details into a person: what is absent or empty stays.
#[utoipa::path(
    put,
    path = "/api/v1/people/{id}",
    tag = "people",
    params(("id" = Uuid, Path)),
    request_body = PersonBody,
    responses((status = 200, description = "Merged", body = PersonResource), (status = 404), (status = 422)),
)]
async fn update_person(
    State(people): State<People>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    changes: Patch<PersonResource>,
) -> Result<Json<PersonResource>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let vault = vault_of(&people, &actor).await?;
    let mut tx = kernel.db.begin().await?;
    store::get(&mut tx, vault.id, id).await?;
    let row = store::lock(&mut tx, id).await?;
    let known = row.details(&vault)?;
    let mut body = changes.apply(&PersonBody::of_details(&known, row.locale.as_deref()))?;
    if body.email_addresses.is_empty() {
        body.email_addresses = known.contact().email_addresses;
    }
    let person = body.parse("")?;
    if known.address().is_some_and(|address| address.index_form() != person.email.index_form()) {
        return Err(Error::field(
            "/email_addresses/0/address",
            "invalid_value",
            "A person's address cannot be changed; add the person under the new one.",
        ));
    }
    let locale = person.locale.map(LocaleTag::as_str);
    if known.clone().merged(person.details.clone()) != known || locale.is_some() && locale != row.locale.as_deref() {
        ops::merge_confirmed_details(&mut tx, kernel, &vault, id, person.details, locale, false).await?;
        audit(&mut tx, &kernel.env, &actor, "person.merge", Some(id), json!({})).await?;
    }
    tx.commit().await?;
    let mut conn = kernel.db.acquire().await?;
    let row = store::get(&mut conn, vault.id, id).await?;
    Ok(Json(PersonResource::new(kernel, &vault, &row)?))
}
