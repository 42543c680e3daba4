//! `GET /api/v1/audit`: the audit trail of an organization.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{actor::Actor, auth::Authenticator, scope::Scope, store};
use crate::{
    error::Result,
    kernel::{
        extract::ListQuery,
        hal,
        paging::{Listed, Page},
    },
};

/// API routes of this slice.
pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// An entry of the audit trail: one change by an organizer, the command line or the service.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// `muster:<uuid>`.
    pub identifiers: Vec<String>,
    /// When it was done.
    pub created_date: DateTime<Utc>,
    /// What was done: `petition.publish`, `signatures.export`, ...
    pub verb: String,
    /// Id of the organizer who did it; null: the command line or the service itself.
    pub organizer_id: Option<Uuid>,
    /// Id of the API token used; null: at the console.
    pub api_token_id: Option<Uuid>,
    /// Id of the changed object; for a person, or something a person did, a hash of the id (SHA-256 of `audit` and its 16 bytes,
    /// as a UUID of version 8).
    pub object_id: Option<Uuid>,
    /// Numbers and ids; which ones depends on the verb.
    #[schema(value_type = Object)]
    pub detail: Value,
}

impl From<store::AuditRow> for AuditEntry {
    fn from(row: store::AuditRow) -> Self {
        Self {
            identifiers: hal::identifiers(row.id),
            created_date: row.created_at,
            verb: row.verb,
            organizer_id: row.organizer_id,
            api_token_id: row.api_token_id,
            object_id: row.object_id,
            detail: row.detail,
        }
    }
}

impl Listed for AuditEntry {
    const REL: &str = "muster:audit";
}

/// The audit trail, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "audit",
    params(
        ("page" = Option<u64>, Query, description = "From 1."),
        ("after" = Option<String>, Query, description = "As the `next` link of a page has it."),
        ("per_page" = Option<u32>, Query, description = "1 to 100; 25 unless told."),
        (
            "filter" = Option<String>,
            Query,
            description = "OData over `verb`, `created_date`, `organizer_id`, `object_id`.",
        ),
    ),
    responses(
        (
            status = 200,
            content_type = "application/hal+json",
            body = Page<AuditEntry>,
            description = "A page; its entries stand in `_embedded[\"muster:audit\"]`. Scope `audit:read`.",
        ),
        (status = 401, description = "No token or session."),
        (status = 403, description = "Without the scope."),
    ),
)]
async fn list_audit(State(authenticator): State<Authenticator>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::AuditRead)?;
    let kernel = authenticator.kernel();
    let filter = query.filter(store::AUDIT_FIELDS)?;
    let mut conn = kernel.db.acquire().await?;
    let (rows, extent) = store::list_audit(&mut conn, actor.organization_id, filter.as_ref(), &query.page).await?;
    let url = kernel.url("/api/v1/audit");
    let entries: Vec<AuditEntry> = rows.into_iter().map(AuditEntry::from).collect();
    let page = Page::new(&url, &query.raw, &query.page, &extent, entries);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
