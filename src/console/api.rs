//! `GET /api/v1/mail`: the mail queue without addresses. [`mail_controls`] has the operations on it, [`saved_filters`]
//! the filters of the console's lists.

mod mail_controls;
mod saved_filters;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

pub(super) use saved_filters::CONDITIONS as SAVED_CONDITIONS;

use super::{Console, store};
use crate::{
    error::Result,
    kernel::{
        extract::ListQuery,
        hal,
        paging::{Listed, Page},
    },
    mail::{Class, EmailState},
    organizers::{Actor, Scope},
};

/// API routes of this slice.
pub fn router() -> OpenApiRouter<Console> {
    OpenApiRouter::new().routes(routes!(list_mail)).merge(mail_controls::router()).merge(saved_filters::router())
}

/// A mail in the queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailResource {
    /// The mail's id.
    pub id: Uuid,
    /// `muster:<uuid>`.
    pub identifiers: Vec<String>,
    /// Its priority.
    pub class: Class,
    /// Name of the kind of mail: `petition_confirm`, ...
    pub kind: String,
    /// Its state.
    pub state: EmailState,
    /// Earliest time of the next attempt; of a settled mail, of the last one.
    pub due_at: DateTime<Utc>,
    /// Number of counted attempts.
    pub attempts: i16,
    /// Letters: id of the mailbox in whose lane they wait; others: empty.
    pub lane: String,
    /// Why the last attempt failed, usually the relay's reply, without addresses.
    pub failure: Option<String>,
    /// When it was queued.
    pub created_date: DateTime<Utc>,
    /// The same as `created_date`.
    pub created_at: DateTime<Utc>,
}

impl From<store::MailRow> for MailResource {
    fn from(row: store::MailRow) -> Self {
        Self {
            id: row.id,
            identifiers: hal::identifiers(row.id),
            class: row.class,
            kind: row.kind,
            state: row.state,
            due_at: row.due_at,
            attempts: row.attempts,
            lane: row.lane,
            failure: row.failure,
            created_date: row.created_at,
            created_at: row.created_at,
        }
    }
}

impl Listed for MailResource {
    const REL: &str = "muster:mail";
}

/// The mail queue, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/mail",
    tag = "mail",
    params(
        ("page" = Option<u64>, Query, description = "From 1."),
        ("after" = Option<String>, Query, description = "As the `next` link of a page has it."),
        ("per_page" = Option<u32>, Query, description = "1 to 100; 25 unless told."),
        (
            "filter" = Option<String>,
            Query,
            description = "OData over `state`, `class`, `kind`, `lane`, `created_date`.",
        ),
    ),
    responses(
        (
            status = 200,
            content_type = "application/hal+json",
            body = Page<MailResource>,
            description = "A page; its mails stand in `_embedded[\"muster:mail\"]`. Scope `mail:manage`.",
        ),
        (status = 401, description = "No token or session."),
        (status = 403, description = "Without the scope."),
    ),
)]
async fn list_mail(State(console): State<Console>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let filter = query.filter(store::MAIL_FIELDS)?;
    let mut conn = console.kernel.db.acquire().await?;
    let (rows, extent) = store::mails(&mut conn, actor.organization_id, filter.as_ref(), &query.page).await?;
    let url = console.kernel.url("/api/v1/mail");
    let items: Vec<MailResource> = rows.into_iter().map(MailResource::from).collect();
    let page = Page::new(&url, &query.raw, &query.page, &extent, items);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
