//! `invitations` in the API: who was invited to the organization and has not accepted yet, for its owners.

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
        extract::{ListQuery, PagingParams, PathParams},
        hal::{Notice, identifiers},
        http_cache::private_json,
        paging::{Listed, Page},
        patch::NewBody,
        text::LocaleTag,
    },
    organizers::{
        actor::Actor,
        auth::Authenticator,
        invitations::{Invitation, Invitee, invite, withdraw_invitation},
        scope::Role,
        store::invitations as sql,
    },
};

pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new().routes(routes!(list_invitations, create_invitation)).routes(routes!(delete_invitation))
}

/// Somebody to invite.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewInvitation {
    /// The address to which the link goes, and with which is signed in later.
    #[validate(length(min = 1, max = 254))]
    email: String,
    /// The name as colleagues see it; whoever accepts can change it.
    #[validate(length(min = 1, max = 200))]
    name: String,
    /// The role to come.
    role: Role,
    /// BCP 47 tag of the mail's language; the organization's if absent.
    #[serde(default)]
    #[validate(length(max = 35))]
    locale: Option<String>,
}

/// An invitation that was not accepted yet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitationResource {
    /// `muster:<uuid>`.
    identifiers: Vec<String>,
    /// Address of who is invited.
    email: String,
    /// Name of who is invited.
    name: String,
    /// The role to come.
    role: Role,
    /// BCP 47 tag of the mail's language.
    locale: String,
    /// Name of who invites.
    invited_by: String,
    /// When it was made, or last renewed.
    created_date: DateTime<Utc>,
    /// When its link ends.
    expires_date: DateTime<Utc>,
}

impl From<Invitation> for InvitationResource {
    fn from(row: Invitation) -> Self {
        Self {
            identifiers: identifiers(row.id),
            email: row.email,
            name: row.name,
            role: row.role,
            locale: row.locale,
            invited_by: row.invited_by,
            created_date: row.created_at,
            expires_date: row.expires_at,
        }
    }
}

impl Listed for InvitationResource {
    const REL: &str = "muster:invitations";
}

/// Invitations that were not accepted yet, newest first. Owners, at the console.
#[utoipa::path(
    get,
    path = "/api/v1/invitations",
    tag = "accounts",
    params(PagingParams),
    responses(
        (status = 200, description = "A page of invitations", body = Page<InvitationResource>),
        (status = 400),
        (status = 401),
        (status = 403),
    ),
    security(("console_session" = [])),
)]
async fn list_invitations(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    query: ListQuery,
) -> Result<Response> {
    require_owner_at_console(&actor)?;
    query.refuse_filter()?;
    let kernel = authenticator.kernel();
    let mut conn = kernel.db.acquire().await?;
    let (rows, extent) = sql::list_invitations(&mut conn, actor.organization_id, &query.page).await?;
    let items = rows.into_iter().map(InvitationResource::from).collect();
    let page = Page::new(&kernel.url("/api/v1/invitations"), &query.raw, &query.page, &extent, items);
    Ok(private_json(StatusCode::OK, &page))
}

/// Invites somebody by mail: the link works once, within seven days. Inviting the same address again sends a new link and voids
/// the one before. Owners, at the console, with the password typed within ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/invitations",
    tag = "accounts",
    request_body = NewInvitation,
    responses(
        (status = 201, description = "Invited", body = InvitationResource),
        (status = 403),
        (status = 409, description = "The address is that of a colleague"),
        (status = 422),
    ),
    security(("console_session" = [])),
)]
async fn create_invitation(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    body: NewBody<NewInvitation>,
) -> Result<Response> {
    require_owner_at_console(&actor)?;
    let kernel = authenticator.kernel();
    actor.require_confirmed(kernel.env.now())?;
    let new: NewInvitation = body.part()?;
    let locale = new.locale.as_deref().map(LocaleTag::parse).transpose();
    let locale = locale.map_err(|e| Error::field("/locale", e.code, e.detail))?;
    let mut tx = kernel.db.begin().await?;
    let invitee = Invitee { email: &new.email, name: &new.name, role: new.role, locale };
    let invitation = invite(&mut tx, kernel, &actor, &invitee).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::CREATED, &InvitationResource::from(invitation)))
}

/// Withdraws an invitation: its link is void. Owners, at the console.
#[utoipa::path(
    delete,
    path = "/api/v1/invitations/{id}",
    tag = "accounts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Withdrawn", body = Notice), (status = 403), (status = 404)),
    security(("console_session" = [])),
)]
async fn delete_invitation(
    State(authenticator): State<Authenticator>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Notice>> {
    require_owner_at_console(&actor)?;
    let kernel = authenticator.kernel();
    let mut tx = kernel.db.begin().await?;
    withdraw_invitation(&mut tx, kernel, &actor, id).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This invitation was withdrawn; its link is void." }))
}
