//! `/api/v1/mail`: the queue as organizers may see it, without anybody's address; what they may do about it stands in
//! [`mail_controls`].

mod mail_controls;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Console, store};
use crate::{
    error::Result,
    kernel::{extract::ListQuery, hal, paging::Listing},
    organizers::{Actor, Scope},
};

/// The API's routes of this slice.
pub fn router() -> OpenApiRouter<Console> {
    OpenApiRouter::new().routes(routes!(list_mail)).merge(mail_controls::router())
}

/// A mail in the queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailItem {
    /// Its row.
    pub id: Uuid,
    /// `muster:<uuid>`.
    pub identifiers: Vec<String>,
    /// `confirmation`, `urgent`, `letter`, `notice` or `update`.
    pub class: String,
    /// Which message: `petition_confirm`, ...
    pub kind: String,
    /// `queued`, `sending`, `sent`, `failed`, `uncertain`, `cancelled`, `bounced` or `complained`.
    pub state: String,
    /// When it goes, or went, out at the earliest.
    pub due_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i16,
    /// Letters: the mailbox they wait for; else "".
    pub lane: String,
    /// What the relay said last.
    pub failure: Option<String>,
    /// When it was queued.
    pub created_date: DateTime<Utc>,
    /// The same, under the queue's own name.
    pub created_at: DateTime<Utc>,
}

impl From<store::MailRow> for MailItem {
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
            body = [MailItem],
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
    let items = rows.into_iter().map(|row| json!(MailItem::from(row))).collect();
    let body = Listing::new(&url, "muster:mail", &query.page, extent).keep_query(&query.raw).body(items);
    let headers = [(header::CONTENT_TYPE, "application/hal+json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, body.to_string()).into_response())
}
