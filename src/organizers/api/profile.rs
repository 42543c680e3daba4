//! `profile` in the API: the own account, its password and sessions.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    error::Result,
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::{NewBody, Patch},
        rate_limit::Source,
    },
    organizers::{
        accounts::OpenSession,
        actor::Actor,
        auth::Authenticator,
        ops,
        own_account::{change_password, end_other_sessions, end_own_session, rename},
        scope::Role,
        store::sessions as sql,
    },
};

pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new()
        .routes(routes!(get_profile, update_profile))
        .routes(routes!(update_password))
        .routes(routes!(list_own_sessions, delete_other_sessions))
        .routes(routes!(delete_own_session))
}

/// What organizers may change of their own profile.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct ProfileDocument {
    /// Name shown to colleagues.
    #[validate(length(min = 1, max = 200))]
    name: String,
}

/// The own account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// The members that can be written.
    #[serde(flatten)]
    document: ProfileDocument,
    /// Address to sign in with.
    email: String,
    /// The role in the organization.
    role: Role,
    /// Name of the organization.
    organization: String,
    /// May it change what concerns every organization?
    is_operator: bool,
    #[serde(rename = "_links")]
    links: Links,
}

async fn own_profile(kernel: &Kernel, actor: &Actor, name: &str) -> Result<Response> {
    let profile = ops::profile(&mut *kernel.db.acquire().await?, actor).await?;
    let resource = ProfileResource {
        identifiers: identifiers(actor.organizer_id),
        document: ProfileDocument { name: name.to_owned() },
        email: profile.email,
        role: actor.role,
        organization: profile.organization,
        is_operator: actor.is_operator,
        links: Links::to_self(kernel.url("/api/v1/profile"))
            .to("muster:sessions", kernel.url("/api/v1/profile/sessions"))
            .to("muster:tokens", kernel.url("/api/v1/tokens"))
            .with_curies(),
    };
    Ok(private_json(StatusCode::OK, &resource))
}

/// The own account; with a token, that of the organizer for whom it acts.
#[utoipa::path(
    get,
    path = "/api/v1/profile",
    tag = "accounts",
    responses((status = 200, description = "The account", body = ProfileResource), (status = 401)),
)]
async fn get_profile(State(authenticator): State<Authenticator>, actor: Actor) -> Result<Response> {
    own_profile(authenticator.kernel(), &actor, &actor.name).await
}

/// Changes the own name. At the console.
#[utoipa::path(
    put,
    path = "/api/v1/profile",
    tag = "accounts",
    request_body = ProfileDocument,
    responses((status = 200, description = "Changed", body = ProfileResource), (status = 403), (status = 422)),
    security(("console_session" = [])),
)]
async fn update_profile(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    changes: Patch<ProfileResource>,
) -> Result<Response> {
    actor.require_session()?;
    let kernel = authenticator.kernel();
    let wanted = changes.apply(&ProfileDocument { name: actor.name.to_string() })?;
    rename(kernel, &actor, &wanted.name).await?;
    own_profile(kernel, &actor, wanted.name.trim()).await
}

/// A new password.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct PasswordBody {
    /// The password up to now.
    #[validate(length(min = 1, max = 1024))]
    current_password: String,
    /// The new one: at least 12 characters, and none of the most common.
    #[validate(length(min = 1, max = 1024))]
    password: String,
}

/// Changes the own password. All other sessions end. At the console.
#[utoipa::path(
    put,
    path = "/api/v1/profile/password",
    tag = "accounts",
    request_body = PasswordBody,
    responses((status = 200, description = "Changed", body = Notice), (status = 403), (status = 422), (status = 429)),
    security(("console_session" = [])),
)]
async fn update_password(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    source: Source,
    body: NewBody<PasswordBody>,
) -> Result<Json<Notice>> {
    actor.require_session()?;
    let PasswordBody { current_password, password } = body.part()?;
    change_password(authenticator.kernel(), &actor, &current_password, password.into(), source).await?;
    Ok(Json(Notice { notice: "Your password was changed, and your other sessions have ended." }))
}

/// A session of the console.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// Kind of browser and system, as the browser said; empty: unknown.
    device: String,
    /// Is it the one of this request?
    is_current: bool,
    /// When it was begun.
    created_date: DateTime<Utc>,
    /// When it was last used, to the minute. It ends after 30 minutes without use.
    last_used_date: DateTime<Utc>,
    /// When it ends even if it is used.
    expires_date: DateTime<Utc>,
    #[serde(rename = "_links")]
    links: Links,
}

impl SessionResource {
    fn new(kernel: &Kernel, actor: &Actor, row: OpenSession) -> Self {
        Self {
            identifiers: identifiers(row.id),
            is_current: actor.session.is_some_and(|session| session.id == row.id),
            links: Links::to_self(kernel.url(&format!("/api/v1/profile/sessions/{}", row.id))).with_curies(),
            device: row.device,
            created_date: row.created_at,
            last_used_date: row.last_used_at,
            expires_date: row.expires_at,
        }
    }
}

impl Listed for SessionResource {
    const REL: &str = "muster:sessions";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// The own sessions, newest first; the total may count some that have just ended. At the console.
#[utoipa::path(
    get,
    path = "/api/v1/profile/sessions",
    tag = "accounts",
    params(PagingParams),
    responses(
        (status = 200, description = "A page of sessions", body = Page<SessionResource>),
        (status = 400),
        (status = 401),
        (status = 403),
    ),
    security(("console_session" = [])),
)]
async fn list_own_sessions(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    query: ListQuery,
) -> Result<Response> {
    actor.require_session()?;
    query.refuse_filter()?;
    let kernel = authenticator.kernel();
    let (mut conn, now) = (kernel.db.acquire().await?, kernel.env.now());
    let (rows, extent) = sql::list_sessions(&mut conn, actor.organizer_id, &query.page).await?;
    let open = rows.into_iter().filter(|row| row.is_open(now));
    let items = open.map(|row| SessionResource::new(kernel, &actor, row)).collect();
    let page = Page::new(&kernel.url("/api/v1/profile/sessions"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// Ends one of the own sessions. At the console.
#[utoipa::path(
    delete,
    path = "/api/v1/profile/sessions/{session}",
    tag = "accounts",
    params(("session" = Uuid, Path)),
    responses((status = 200, description = "Ended", body = Notice), (status = 403), (status = 404)),
    security(("console_session" = [])),
)]
async fn delete_own_session(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    PathParams(session): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require_session()?;
    end_own_session(authenticator.kernel(), &actor, session).await?;
    Ok(Json(Notice { notice: "This session has ended." }))
}

/// Ends all own sessions but the one of this request. At the console.
#[utoipa::path(
    delete,
    path = "/api/v1/profile/sessions",
    tag = "accounts",
    responses((status = 200, description = "Ended", body = Notice), (status = 403)),
    security(("console_session" = [])),
)]
async fn delete_other_sessions(State(authenticator): State<Authenticator>, actor: Actor) -> Result<Json<Notice>> {
    end_other_sessions(authenticator.kernel(), &actor).await?;
    Ok(Json(Notice { notice: "All your other sessions have ended." }))
}
