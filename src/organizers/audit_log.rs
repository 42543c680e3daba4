//! `GET /api/v1/audit`: who did what.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{actor::Actor, auth::Authenticator, scope::Scope, store};
use crate::{
    error::Result,
    kernel::{extract::ListQuery, hal, paging::Listing},
};

/// The routes of this slice.
pub fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// One thing that was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// `muster:<uuid>`.
    pub identifiers: Vec<String>,
    /// When.
    pub created_date: DateTime<Utc>,
    /// What: `petition.publish`, `signatures.export`, ...
    pub verb: String,
    /// By whom; null: by the command line or the service itself.
    pub organizer_id: Option<Uuid>,
    /// With which token; null: at the console.
    pub api_token_id: Option<Uuid>,
    /// To what.
    pub object_id: Option<Uuid>,
    /// Numbers and ids.
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
            body = [AuditEntry],
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
    let entries = rows.into_iter().map(|row| json!(AuditEntry::from(row))).collect();
    let body = Listing::new(&url, "muster:audit", &query.page, extent).keep_query(&query.raw).body(entries);
    let headers = [(header::CONTENT_TYPE, "application/hal+json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, body.to_string()).into_response())
}
