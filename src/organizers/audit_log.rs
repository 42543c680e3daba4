//! `/api/v1/audit`: the audit trail of an organization: its list, the same as CSV, and the verification of the chain.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use csv::{Terminator, WriterBuilder};
use futures_util::stream::try_unfold;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{actor::Actor, audit_chain::verify_audit, auth::Authenticator, ops::audit, scope::Scope, store};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        extract::ListQuery,
        filter::Filter,
        formulas::guard,
        hal,
        http_cache::private_json,
        paging::{Cursor, Listed, MAX_PER_PAGE, Page, PageParams},
    },
};

/// API routes of this slice.
pub(super) fn router() -> OpenApiRouter<Authenticator> {
    OpenApiRouter::new().routes(routes!(list_audit)).routes(routes!(export_audit)).routes(routes!(verify))
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

/// Names of the columns of the CSV file.
const COLUMNS: [&str; 7] = ["id", "created_date", "verb", "organizer_id", "api_token_id", "object_id", "detail"];

/// The audit trail as CSV, newest first. The export is an entry of it.
#[utoipa::path(
    get,
    path = "/api/v1/audit/entries.csv",
    tag = "audit",
    params(
        (
            "filter" = Option<String>,
            Query,
            description = "OData over `verb`, `created_date`, `organizer_id`, `object_id`.",
        ),
    ),
    responses(
        (
            status = 200,
            description = "A header and one line for each entry. Scope `audit:read`.",
            body = String,
            content_type = "text/csv",
        ),
        (status = 400, description = "An unknown parameter or field"),
        (status = 401, description = "No token or session."),
        (status = 403, description = "Without the scope."),
    ),
)]
async fn export_audit(State(authenticator): State<Authenticator>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::AuditRead)?;
    let kernel = authenticator.kernel().clone();
    let filter = query.filter(store::AUDIT_FIELDS)?.map(Arc::new);
    audit(&mut *kernel.db.acquire().await?, &kernel.env, &actor, "audit.export", None, json!({})).await?;
    let day = kernel.env.now().date_naive();
    let organization = actor.organization_id;
    let start = Some(PageParams::first(MAX_PER_PAGE));
    // each page is a short query of its own, so that a long download keeps no snapshot open
    let lines = try_unfold((kernel, filter, start), move |(kernel, filter, page)| async move {
        let Some(page) = page else { return Ok::<_, Error>(None) };
        let (bytes, next) = csv_page(&kernel, organization, filter.as_deref(), &page).await?;
        let next = next.as_ref().map(next_page).transpose()?;
        Ok(Some((bytes, (kernel, filter, next))))
    });
    let name = HeaderValue::try_from(format!("attachment; filename=\"audit-{day}.csv\"")).map_err(Error::internal)?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn next_page(cursor: &Cursor) -> Result<PageParams> {
    PageParams::from_query(&format!("page=2&per_page={MAX_PER_PAGE}&after={}", cursor.encode()))
        .map_err(Error::internal)
}

/// The lines of a page, with the header before the first one.
async fn csv_page(
    kernel: &Kernel,
    organization: Uuid,
    filter: Option<&Filter>,
    page: &PageParams,
) -> Result<(Bytes, Option<Cursor>)> {
    let (rows, extent) = store::list_audit(&mut *kernel.db.acquire().await?, organization, filter, page).await?;
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    if page.after().is_none() {
        writer.write_record(COLUMNS).map_err(Error::internal)?;
    }
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    for row in rows {
        let cells = [
            row.id.to_string(),
            row.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            row.verb,
            id(row.organizer_id),
            id(row.api_token_id),
            id(row.object_id),
            guard(&row.detail.to_string()).into_owned(),
        ];
        writer.write_record(cells).map_err(Error::internal)?;
    }
    let bytes = writer.into_inner().map_err(|_| Error::internal("a CSV buffer could not be finished"))?;
    Ok((bytes.into(), extent.next))
}

/// What a verification of the audit trail has found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditVerificationResource {
    /// Is every entry as it was written?
    is_whole: bool,
    /// Number of chained entries of the installation.
    entries: i64,
    /// The newest hash, in hexadecimal: keep it elsewhere, and give it to `muster audit verify --head` later.
    head: String,
    /// What is wrong, one sentence each, at most 20.
    faults: Vec<String>,
}

/// Verifies that no entry was changed, removed or slipped in since it was written.
#[utoipa::path(
    post,
    path = "/api/v1/audit/verify",
    tag = "audit",
    responses(
        (status = 200, description = "What was found. Scope `audit:read`.", body = AuditVerificationResource),
        (status = 401, description = "No token or session."),
        (status = 403, description = "Without the scope."),
    ),
)]
async fn verify(State(authenticator): State<Authenticator>, actor: Actor) -> Result<Response> {
    actor.require(Scope::AuditRead)?;
    let found = verify_audit(&mut *authenticator.kernel().work.acquire().await?, None).await?;
    let resource = AuditVerificationResource {
        is_whole: found.faults.is_empty(),
        entries: found.entries,
        head: found.head,
        faults: found.faults,
    };
    Ok(private_json(StatusCode::OK, &resource))
}
