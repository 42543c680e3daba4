//! `people` in the API (OSDI person, `person_signup_helper`).

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, Method},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::{
    details::{Details, NewPerson, PersonBody},
    ops,
    records::AllRecords,
    store,
};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PathParams, texts},
        hal::{Links, Notice, identifiers},
        idempotency::{self, KeyClaim},
        paging::{Listed, Page},
        patch::{HelperBody, Patch},
        text::LocaleTag,
        vault::Vault,
    },
    organizers::{self, Actor, Authenticator, Scope, admit_reading, audit, person_object},
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
    /// Tags to add.
    #[serde(default, deserialize_with = "texts")]
    pub add_tags: Vec<String>,
}

async fn vault_of(people: &People, actor: &Actor) -> Result<Arc<Vault>> {
    let mut conn = people.kernel.db.acquire().await?;
    let id = people.kernel.vaults.of_organization(&mut conn, actor.organization_id).await?;
    people.kernel.vaults.open(id).await
}

/// A person of the organization (OSDI `person`).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonResource {
    /// `muster:<uuid>`, then those in other systems.
    identifiers: Vec<String>,
    /// The members that can be written.
    #[serde(flatten)]
    person: PersonBody,
    /// Tags. Writing takes `add_tags` and `remove_tags`.
    #[serde(rename = "muster:tags")]
    muster_tags: Vec<String>,
    /// When the address was first heard of.
    created_date: DateTime<Utc>,
    /// When the details last changed.
    modified_date: DateTime<Utc>,
    #[serde(rename = "_links")]
    links: Links,
}

impl PersonResource {
    /// These people, with whether they want updates.
    async fn read(
        kernel: &Kernel,
        conn: &mut PgConnection,
        vault: &Vault,
        rows: &[store::PersonRow],
    ) -> Result<Vec<Self>> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let wishes = store::wishes(conn, &ids).await?;
        rows.iter().map(|row| Self::new(kernel, vault, row, wishes.get(&row.id).copied())).collect()
    }

    fn new(kernel: &Kernel, vault: &Vault, row: &store::PersonRow, wants_updates: Option<bool>) -> Result<Self> {
        let details = row.details(vault)?;
        let mut person = PersonBody::of_details(&details, row.locale.as_deref());
        for email in &mut person.email_addresses {
            email.status = wants_updates.map(|wants| if wants { "subscribed" } else { "unsubscribed" }.to_owned());
        }
        Ok(Self {
            identifiers: identifiers(row.id).into_iter().chain(details.labels.identifiers).collect(),
            person,
            muster_tags: details.labels.tags,
            created_date: row.created_at,
            modified_date: row.modified_at,
            links: Links::to_self(kernel.url(&format!("/api/v1/people/{}", row.id))).with_curies(),
        })
    }
}

impl PersonResource {
    /// What somebody sent who may not read contacts: it does not tell whether the person was known, nor what of.
    fn as_sent(kernel: &Kernel, sent: &NewPerson, links: Links) -> Self {
        let details = Details { labels: sent.extras.labels.clone(), ..sent.details.clone() };
        Self {
            identifiers: details.labels.identifiers.clone(),
            person: PersonBody::of_details(&details, sent.locale.map(LocaleTag::as_str)),
            muster_tags: details.labels.tags,
            created_date: kernel.env.now(),
            modified_date: kernel.env.now(),
            links: links.with_curies(),
        }
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
        ops::resolve_filter(&mut conn, &vault, filter).await?;
    }
    let (rows, extent) = store::list(&mut conn, vault.id, filter.as_ref(), &query.page).await?;
    let items = PersonResource::read(&people.kernel, &mut conn, &vault, &rows).await?;
    drop(conn);
    admit_reading(&people.kernel, &actor, "people", None, items.len()).await?;
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
    let mut conn = people.kernel.db.acquire().await?;
    let person = one(&people, &mut conn, &vault, id).await?;
    drop(conn);
    admit_reading(&people.kernel, &actor, "people", Some(person_object(id)), 1).await?;
    Ok(person)
}

/// A person of the organization.
async fn one(people: &People, conn: &mut PgConnection, vault: &Vault, id: Uuid) -> Result<Json<PersonResource>> {
    let row = store::get(conn, vault.id, id).await?;
    let read = PersonResource::read(&people.kernel, conn, vault, &[row]).await?.pop();
    read.map(Json).ok_or_else(Error::not_found)
}

/// Adds a person, or merges the details into the person with this address (`person_signup_helper`).
#[utoipa::path(
    post,
    path = "/api/v1/people",
    tag = "people",
    request_body = SignupBody,
    responses(
        (status = 200, description = "Added or completed; which of them is not told. Without `contacts:read` the answer has what \
            was sent, and nothing that is known", body = PersonResource),
        (status = 422),
    ),
)]
async fn create_person(
    State(people): State<People>,
    actor: Actor,
    headers: HeaderMap,
    body: HelperBody<SignupBody>,
) -> Result<Json<PersonResource>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let SignupBody { person, add_tags } = body.part()?;
    let mut person = person.parse("/person")?;
    person.extras.add_tags(&add_tags)?;
    let vault = vault_of(&people, &actor).await?;
    let key = organizers::idempotency(kernel, &headers, &actor, &Method::POST, "/api/v1/people", &body.bytes).await?;
    let mut tx = kernel.db.begin().await?;
    let id = ops::upsert_vouched_person(&mut tx, kernel, &vault, &person).await?;
    let sent = PersonResource::as_sent(kernel, &person, Links::default());
    let id = match idempotency::claim(&mut tx, &kernel.env, key.as_ref(), id).await? {
        KeyClaim::Fresh => {
            audit(&mut tx, &kernel.env, &actor, "person.add", Some(person_object(id)), json!({})).await?;
            tx.commit().await?;
            id
        }
        KeyClaim::Replayed(id) => {
            tx.rollback().await?;
            id
        }
    };
    if !actor.allows(Scope::ContactsRead) {
        return Ok(Json(sent));
    }
    let mut conn = kernel.db.acquire().await?;
    one(&people, &mut conn, &vault, id).await
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
    people.records.erase(kernel, &mut tx, id).await?;
    // without the id, which tells when the person was first in touch
    audit(&mut tx, &kernel.env, &actor, "person.erase", None, json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This person was erased." }))
}

/// Merges details into a person: what is absent or empty stays. U+2400 empties a name, the telephone number or a part of the
/// postal address. Without `contacts:read` the answer has what was sent, and an address cannot be.
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
    mut changes: Patch<PersonResource>,
) -> Result<Json<PersonResource>> {
    actor.require(Scope::ContactsWrite)?;
    let kernel = &people.kernel;
    let vault = vault_of(&people, &actor).await?;
    let mut tx = kernel.db.begin().await?;
    store::get(&mut tx, vault.id, id).await?;
    let row = store::lock(&mut tx, id).await?;
    let known = row.details(&vault)?;
    // what a client does not have it sends as null
    changes.drop_nulls();
    let may_read = actor.allows(Scope::ContactsRead);
    let sent: PersonBody = changes.apply(&PersonBody::default())?;
    if !may_read && sent.email_addresses.iter().any(|email| !email.address.is_empty()) {
        let detail = "Whether an address is a person's is told to those who may read contacts: leave it out.";
        return Err(Error::field("/email_addresses/0/address", "not_allowed", detail));
    }
    let mut body = changes.apply(&PersonBody::of_details(&known, row.locale.as_deref()))?;
    if body.email_addresses.iter().all(|email| email.address.is_empty()) {
        body.email_addresses.extend(known.contact().email_addresses);
    }
    let person = body.parse("")?;
    if known.address().is_some_and(|address| address.index_form() != person.email.index_form()) {
        return Err(Error::field(
            "/email_addresses/0/address",
            "invalid_value",
            "A person's address cannot be changed; add the person under the new one.",
        ));
    }
    if ops::merge_vouched_details(&mut tx, kernel, &vault, &row, &person).await? {
        audit(&mut tx, &kernel.env, &actor, "person.merge", Some(person_object(id)), json!({})).await?;
    }
    tx.commit().await?;
    if !may_read {
        let links = Links::to_self(kernel.url(&format!("/api/v1/people/{id}"))).with_curies();
        let (identifiers, now) = (identifiers(id), kernel.env.now());
        let sent = PersonResource {
            identifiers,
            person: sent,
            muster_tags: Vec::new(),
            created_date: now,
            modified_date: now,
            links,
        };
        return Ok(Json(sent));
    }
    let mut conn = kernel.db.acquire().await?;
    one(&people, &mut conn, &vault, id).await
}
