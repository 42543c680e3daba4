//! The console's pages about mail: how the queue goes and what holds it up, and news to those who agreed.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use minijinja::{context, value::Serde};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, told};
use crate::{
    error::Result,
    kernel::{
        extract::PathParams,
        pages::{Visitor, private, see_other},
    },
    organizers::{MaybeSession, Scope, Session},
};

/// Mails, and recipients, on a page at a time.
const ROWS: u32 = 50;

/// `GET /console/mail`
pub async fn queue(
    State(desk): State<Desk>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::MailManage)?;
    let unhappy = format!(
        "/api/v1/mail?per_page={ROWS}&filter=state%20eq%20%27failed%27%20or%20state%20eq%20%27uncertain%27%20or%20state%20eq%20%27bounced%27"
    );
    let (done, told_n) = told(query.as_deref());
    let page = context! {
        csrf => session.csrf.as_str(), back => "/console/mail", done, told_n,
        summary => Serde(&desk.read(&session, "/api/v1/mail/summary").await?),
        unhappy => Serde(&desk.read(&session, &unhappy).await?),
    };
    desk.console.kernel.pages.page("console/mail.html", &visitor, "", page).map(private)
}

/// The actions that news can be about, protected ones left out: `{id, slug, title}` each, the newest of each kind.
async fn actions(desk: &Desk, session: &Session) -> Result<Value> {
    let mut actions = Vec::new();
    for kind in ["petitions", "events", "advocacy_campaigns"] {
        let list = desk.read(session, &format!("/api/v1/{kind}?per_page=100")).await?;
        for action in list["_embedded"][format!("osdi:{kind}")].as_array().into_iter().flatten() {
            if action["muster:privacy"] != "protected" {
                let id = action["identifiers"][0].as_str().unwrap_or_default().trim_start_matches("muster:");
                actions.push(json!({"id": id, "slug": action["muster:slug"], "title": action["title"]}));
            }
        }
    }
    Ok(Value::Array(actions))
}

/// `GET /console/broadcasts`
pub async fn broadcasts(
    State(desk): State<Desk>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::MailManage)?;
    let (done, _) = told(query.as_deref());
    let page = context! {
        csrf => session.csrf.as_str(), back => "/console/broadcasts", done, language => visitor.locale.as_str(),
        actions => Serde(&actions(&desk, &session).await?),
        broadcasts => Serde(&desk.read(&session, "/api/v1/broadcasts").await?["muster:broadcasts"]),
    };
    desk.console.kernel.pages.page("console/broadcasts.html", &visitor, "", page).map(private)
}

/// `GET /console/broadcasts/{id}`
pub async fn broadcast(
    State(desk): State<Desk>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    PathParams(id): PathParams<Uuid>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    session.actor.require(Scope::MailManage)?;
    let base = format!("/api/v1/broadcasts/{id}");
    let (done, _) = told(query.as_deref());
    let mut broadcast = desk.read(&session, &base).await?;
    let actions = actions(&desk, &session).await?;
    // people know an action by its address
    let slug_of = |id: &Value| {
        let known = actions.as_array().into_iter().flatten().find(|action| action["id"] == *id);
        known.map_or_else(|| id.clone(), |action| action["slug"].clone())
    };
    let slugs = broadcast["muster:audience"]["actions"].as_array().into_iter().flatten().map(slug_of).collect();
    broadcast["muster:audience"]["actions"] = slugs;
    let is_busy = matches!(broadcast["muster:state"].as_str(), Some("scheduled" | "sending"));
    let unhappy = "muster%3Astate%20eq%20%27failed%27%20or%20muster%3Astate%20eq%20%27bounced%27%20or%20muster%3Astate%20eq%20%27complained%27";
    let page = context! {
        csrf => session.csrf.as_str(), back => format!("/console/broadcasts/{id}"), base => base.as_str(), done, busy => is_busy, id => id.to_string(),
        may_see => session.actor.allows(Scope::ContactsRead),
        broadcast => Serde(&broadcast), actions => Serde(&actions),
        unhappy => Serde(&desk.read(&session, &format!("{base}/recipients?per_page={ROWS}&filter={unhappy}")).await?),
    };
    desk.console.kernel.pages.page("console/broadcast.html", &visitor, "", page).map(private)
}
