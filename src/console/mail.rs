//! The console's pages about mail: the queue, and email updates (broadcasts).

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use minijinja::{context, value::Serde};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api_client::{ApiClient, flash_from_query, page_from_query};
use crate::{
    broadcasts::BroadcastState,
    campaigns::{Kind, Privacy},
    error::{Error, Result},
    kernel::{
        extract::PathParams,
        pages::{Visitor, private, see_other},
    },
    organizers::{MaybeSession, Scope, Session},
};

/// Number of mails, recipients or broadcasts shown on a page.
const ROWS_PER_PAGE: u32 = 50;

/// `GET /console/mail`
pub(super) async fn queue(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::MailManage)?;
    let unhappy = format!(
        "/api/v1/mail?per_page={ROWS_PER_PAGE}&filter=state%20eq%20%27failed%27%20or%20state%20eq%20%27uncertain%27%20or%20state%20eq%20%27bounced%27"
    );
    let (done, told_n) = flash_from_query(query.as_deref());
    let page = context! {
        csrf => session.csrf.as_str(), back => "/console/mail", done, told_n,
        summary => Serde(&api_client.get(&session, "/api/v1/mail/summary").await?),
        unhappy => Serde(&api_client.get(&session, &unhappy).await?),
    };
    api_client.console.kernel.pages.page("console/mail.html", &visitor, "", page).map(private)
}

/// The actions that an email update can be about: `{id, slug, title}`, without protected ones, the newest 100 of each
/// kind.
async fn actions(api_client: &ApiClient, session: &Session) -> Result<Value> {
    let mut actions = Vec::new();
    for kind in Kind::ALL.map(Kind::collection) {
        let list = api_client.get(session, &format!("/api/v1/{kind}?per_page=100")).await?;
        for action in list["_embedded"][format!("osdi:{kind}")].as_array().into_iter().flatten() {
            if action["muster:privacy"] != Privacy::Protected.as_str() {
                let id = action["identifiers"][0].as_str().unwrap_or_default().trim_start_matches("muster:");
                actions.push(json!({"id": id, "slug": action["muster:slug"], "title": action["title"]}));
            }
        }
    }
    Ok(Value::Array(actions))
}

/// `GET /console/broadcasts`
pub(super) async fn broadcasts(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::MailManage)?;
    let (done, _) = flash_from_query(query.as_deref());
    let number = page_from_query(query.as_deref(), "page");
    let list = api_client.get(&session, &format!("/api/v1/broadcasts?page={number}&per_page={ROWS_PER_PAGE}")).await?;
    let page = context! {
        csrf => session.csrf.as_str(), back => "/console/broadcasts", done, language => visitor.locale.as_str(),
        actions => Serde(&actions(&api_client, &session).await?),
        broadcasts => Serde(&list["_embedded"]["muster:broadcasts"]),
        pages => context! { page => context! { page => number, total_pages => list["total_pages"].as_u64() } },
    };
    api_client.console.kernel.pages.page("console/broadcasts.html", &visitor, "", page).map(private)
}

/// `GET /console/broadcasts/{id}`
pub(super) async fn broadcast(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    PathParams(id): PathParams<Uuid>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::MailManage)?;
    let base = format!("/api/v1/broadcasts/{id}");
    let (done, _) = flash_from_query(query.as_deref());
    let mut broadcast = api_client.get(&session, &base).await?;
    let actions = actions(&api_client, &session).await?;
    // the form shows slugs instead of ids
    let slug_of = |id: &Value| {
        let known = actions.as_array().into_iter().flatten().find(|action| action["id"] == *id);
        known.map_or_else(|| id.clone(), |action| action["slug"].clone())
    };
    let slugs = broadcast["muster:audience"]["actions"].as_array().into_iter().flatten().map(slug_of).collect();
    broadcast["muster:audience"]["actions"] = slugs;
    let state = BroadcastState::deserialize(&broadcast["muster:state"]).map_err(Error::internal)?;
    let is_busy = matches!(state, BroadcastState::Scheduled | BroadcastState::Sending);
    let unhappy = "muster%3Astate%20eq%20%27failed%27%20or%20muster%3Astate%20eq%20%27bounced%27%20or%20muster%3Astate%20eq%20%27complained%27";
    let page = context! {
        csrf => session.csrf.as_str(), back => format!("/console/broadcasts/{id}"), base => base.as_str(), done, busy => is_busy, id => id.to_string(),
        may_see => session.actor.allows(Scope::ContactsRead),
        broadcast => Serde(&broadcast), actions => Serde(&actions),
        unhappy => Serde(&api_client.get(&session, &format!("{base}/recipients?per_page={ROWS_PER_PAGE}&filter={unhappy}")).await?),
    };
    api_client.console.kernel.pages.page("console/broadcast.html", &visitor, "", page).map(private)
}
