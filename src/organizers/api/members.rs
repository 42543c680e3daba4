//! `organizers` in the API: the colleagues of an organization, for its owners.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::require_owner_at_console;
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::Patch,
    },
    organizers::{
        accounts::{Account, AccountChange, ChangedBy, apply_change, lock_account},
        actor::Actor,
        auth::Authenticator,
        ops::unused_since,
        scope::Role,
        store::accounts as sql,
    },
};

pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new()
        .routes(routes!(list_organizers))
        .routes(routes!(get_organizer, update_organizer))
        .routes(routes!(end_organizer_sessions))
}

/// What an owner may change of a colleague.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct OrganizerDocument {
    /// The role. Changing it ends all sessions; tokens are limited to what the new role allows.
    role: Role,
    /// May not sign in, and all tokens are refused.
    is_disabled: bool,
}

/// An organizer of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizerResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// Name shown to colleagues.
    name: String,
    /// Address to sign in with.
    email: String,
    /// The members that can be written.
    #[serde(flatten)]
    document: OrganizerDocument,
    /// May change what concerns every organization.
    is_operator: bool,
    /// Number of sessions that have not ended.
    sessions: i64,
    /// Number of API tokens that are neither revoked nor expired.
    tokens: i64,
    /// When the account was made.
    created_date: DateTime<Utc>,
    /// Since when it is disabled.
    disabled_date: Option<DateTime<Utc>>,
    #[serde(rename = "_links")]
    links: Links,
}

impl OrganizerResource {
    fn new(kernel: &Kernel, account: Account) -> Self {
        Self {
            identifiers: identifiers(account.id),
            links: Links::to_self(kernel.url(&format!("/api/v1/organizers/{}", account.id))).with_curies(),
            name: account.name,
            email: account.email,
            document: OrganizerDocument { role: account.role, is_disabled: account.disabled_at.is_some() },
            is_operator: account.is_operator,
            sessions: account.sessions,
            tokens: account.tokens,
            created_date: account.created_at,
            disabled_date: account.disabled_at,
        }
    }
}

impl Listed for OrganizerResource {
    const REL: &str = "muster:organizers";

    fn links(&self) -> &Links {
        &self.links
    }
}

async fn one(kernel: &Kernel, actor: &Actor, id: Uuid) -> Result<Response> {
    let (mut conn, now) = (kernel.db.acquire().await?, kernel.env.now());
    let account = sql::one(&mut conn, actor.organization_id, id, now, unused_since(now)).await?;
    Ok(private_json(StatusCode::OK, &OrganizerResource::new(kernel, account.ok_or_else(Error::not_found)?)))
}

/// The organizers of the organization, newest first. Owners, at the console.
#[utoipa::path(
    get,
    path = "/api/v1/organizers",
    tag = "accounts",
    params(PagingParams),
    responses(
        (status = 200, description = "A page of organizers", body = Page<OrganizerResource>),
        (status = 400),
        (status = 401),
        (status = 403),
    ),
    security(("console_session" = [])),
)]
async fn list_organizers(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    query: ListQuery,
) -> Result<Response> {
    require_owner_at_console(&actor)?;
    query.refuse_filter()?;
    let kernel = authenticator.kernel();
    let (mut conn, now) = (kernel.db.acquire().await?, kernel.env.now());
    let (rows, extent) = sql::page(&mut conn, actor.organization_id, &query.page, now, unused_since(now)).await?;
    let items = rows.into_iter().map(|row| OrganizerResource::new(kernel, row)).collect();
    let page = Page::new(&kernel.url("/api/v1/organizers"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// One organizer. Owners, at the console.
#[utoipa::path(
    get,
    path = "/api/v1/organizers/{id}",
    tag = "accounts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The organizer", body = OrganizerResource), (status = 403), (status = 404)),
    security(("console_session" = [])),
)]
async fn get_organizer(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Response> {
    require_owner_at_console(&actor)?;
    one(authenticator.kernel(), &actor, id).await
}

/// Changes a role, disables or enables. All sessions of the organizer end. Owners, at the console, with the password typed
/// within ten minutes. The last owner who may sign in stays one.
#[utoipa::path(
    put,
    path = "/api/v1/organizers/{id}",
    tag = "accounts",
    params(("id" = Uuid, Path)),
    request_body = OrganizerDocument,
    responses(
        (status = 200, description = "Changed", body = OrganizerResource),
        (status = 403),
        (status = 404),
        (status = 409, description = "This is the last owner"),
        (status = 422),
    ),
    security(("console_session" = [])),
)]
async fn update_organizer(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
    changes: Patch<OrganizerResource>,
) -> Result<Response> {
    require_owner_at_console(&actor)?;
    let kernel = authenticator.kernel();
    actor.require_confirmed(kernel.env.now())?;
    let mut tx = kernel.db.begin().await?;
    let mut known = lock_account(&mut tx, &actor, id).await?;
    let wanted = changes.apply(&OrganizerDocument { role: known.role, is_disabled: known.is_disabled })?;
    let by = ChangedBy::Actor(&actor);
    if wanted.role != known.role {
        apply_change(&mut tx, kernel, by, &known, AccountChange::Role(wanted.role)).await?;
        known.role = wanted.role;
    }
    if wanted.is_disabled != known.is_disabled {
        let change = if wanted.is_disabled { AccountChange::Disable } else { AccountChange::Enable };
        apply_change(&mut tx, kernel, by, &known, change).await?;
    }
    tx.commit().await?;
    one(kernel, &actor, id).await
}

/// Ends all sessions of an organizer, who may sign in again. Owners, at the console.
#[utoipa::path(
    delete,
    path = "/api/v1/organizers/{id}/sessions",
    tag = "accounts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Ended", body = Notice), (status = 403), (status = 404)),
    security(("console_session" = [])),
)]
async fn end_organizer_sessions(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    require_owner_at_console(&actor)?;
    let kernel = authenticator.kernel();
    let mut tx = kernel.db.begin().await?;
    let known = lock_account(&mut tx, &actor, id).await?;
    apply_change(&mut tx, kernel, ChangedBy::Actor(&actor), &known, AccountChange::EndSessions(None)).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "All sessions of this organizer have ended." }))
}
