//! `tokens` in the API: API tokens of the own account; owners see and revoke those of all colleagues.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Links, Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::NewBody,
    },
    organizers::{
        actor::Actor,
        auth::Authenticator,
        scope::Scope,
        store::accounts as sql,
        tokens::{Token, TokenPreset, WantedToken, create_token, revoke_own_token, tokens_of},
    },
};

pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new().routes(routes!(list_api_tokens, create_api_token)).routes(routes!(revoke_api_token))
}

/// A token to make.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[schema(as = NewApiToken)]
pub struct NewToken {
    /// What it is for.
    #[validate(length(min = 1, max = 200))]
    pub name: String,
    /// The scopes for a kind of program; instead of `scopes`.
    #[serde(default)]
    pub preset: Option<TokenPreset>,
    /// Its scopes, each within the role.
    #[serde(default)]
    #[validate(length(max = 20))]
    pub scopes: Vec<Scope>,
    /// Its last day (UTC), at most ten years from now; 90 days from now if absent.
    #[serde(default)]
    pub expires_date: Option<NaiveDate>,
}

/// An API token, without its secret, which is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// What it is for.
    name: String,
    /// Address of the organizer for whom it acts.
    organizer: String,
    /// Its scopes.
    scopes: Vec<String>,
    /// `valid`, `revoked`, `expired`, or `disabled`: its organizer is.
    state: &'static str,
    /// When it was made.
    created_date: DateTime<Utc>,
    /// When it ends; null: never.
    expires_date: Option<DateTime<Utc>>,
    /// When it was revoked.
    revoked_date: Option<DateTime<Utc>>,
    /// The day of its last use (UTC).
    last_used_date: Option<NaiveDate>,
    #[serde(rename = "_links")]
    links: Links,
}

impl TokenResource {
    fn new(kernel: &Kernel, row: Token) -> Self {
        Self {
            identifiers: identifiers(row.id),
            state: row.state(kernel.env.now()),
            links: Links::to_self(kernel.url(&format!("/api/v1/tokens/{}", row.id))).with_curies(),
            name: row.name,
            organizer: row.organizer,
            scopes: row.scopes,
            created_date: row.created_at,
            expires_date: row.expires_at,
            revoked_date: row.revoked_at,
            last_used_date: row.last_used_on,
        }
    }
}

impl Listed for TokenResource {
    const REL: &str = "muster:tokens";

    fn links(&self) -> &Links {
        &self.links
    }
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    /// The token itself: shown now and never again.
    pub token: String,
    #[serde(flatten)]
    resource: TokenResource,
}

/// The own tokens, newest first; for owners those of all colleagues. At the console.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "accounts",
    params(PagingParams),
    responses(
        (status = 200, description = "A page of tokens", body = Page<TokenResource>),
        (status = 400),
        (status = 401),
        (status = 403),
    ),
    security(("console_session" = [])),
)]
async fn list_api_tokens(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    query: ListQuery,
) -> Result<Response> {
    actor.require_session()?;
    query.refuse_filter()?;
    let kernel = authenticator.kernel();
    let mut conn = kernel.db.acquire().await?;
    let (rows, extent) = sql::list_tokens(&mut conn, tokens_of(&actor), &query.page).await?;
    let items = rows.into_iter().map(|row| TokenResource::new(kernel, row)).collect();
    let page = Page::new(&kernel.url("/api/v1/tokens"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// Makes a token of the own account and tells the owners by mail. At the console, with the password typed within ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "accounts",
    request_body = NewToken,
    responses(
        (status = 201, description = "Made; the answer shows the token, once", body = CreatedToken),
        (status = 403),
        (status = 422),
    ),
    security(("console_session" = [])),
)]
async fn create_api_token(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    body: NewBody<NewToken>,
) -> Result<Response> {
    let new: NewToken = body.part()?;
    Ok(private_json(StatusCode::CREATED, &make_token(authenticator.kernel(), &actor, &new).await?))
}

/// Makes a token of the own account, as `POST /api/v1/tokens` does.
///
/// # Errors
/// 422 for what is refused; `forbidden` (403) for a token; `confirmation_required` (403).
pub async fn make_token(kernel: &Kernel, actor: &Actor, new: &NewToken) -> Result<CreatedToken> {
    actor.require_session()?;
    actor.require_confirmed(kernel.env.now())?;
    let scopes = match new.preset {
        Some(_) if !new.scopes.is_empty() => {
            return Err(Error::field("/scopes", "not_allowed", "Say either `preset` or `scopes`."));
        }
        Some(preset) => preset.scopes(),
        None => &new.scopes,
    };
    let wanted = WantedToken { name: &new.name, scopes, last_day: new.expires_date };
    let mut tx = kernel.db.begin().await?;
    let (id, token) = create_token(&mut tx, kernel, actor, &wanted).await?;
    let row = sql::token(&mut tx, tokens_of(actor), id).await?.ok_or_else(Error::not_found)?;
    tx.commit().await?;
    Ok(CreatedToken { token, resource: TokenResource::new(kernel, row) })
}

/// Revokes one of the own tokens; owners any of the organization. At the console.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "accounts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Revoked", body = Notice), (status = 403), (status = 404)),
    security(("console_session" = [])),
)]
async fn revoke_api_token(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    actor.require_session()?;
    let kernel = authenticator.kernel();
    let mut tx = kernel.db.begin().await?;
    revoke_own_token(&mut tx, kernel, &actor, id).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This token was revoked." }))
}
