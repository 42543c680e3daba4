//! The console's pages about mail: the queue, and email updates (broadcasts).

use axum::response::Response;
use minijinja::{context, value::Serde};
use serde::Deserialize;
use serde_json::{Value, json};

use super::frame::{Page, id_of};
use crate::{
    broadcasts::BroadcastState,
    campaigns::{Kind, Privacy},
    error::{Error, Result},
    organizers::Scope,
};

/// Number of mails, recipients or broadcasts shown on a page.
const ROWS_PER_PAGE: u32 = 50;

/// `GET /console/mail`
pub(super) async fn queue(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::MailManage)?;
    let unhappy = format!(
        "/api/v1/mail?per_page={ROWS_PER_PAGE}&filter=state%20eq%20%27failed%27%20or%20state%20eq%20%27uncertain%27%20or%20state%20eq%20%27bounced%27"
    );
    // no index finds what waits; the newest are enough for somebody who takes one back
    let waiting = format!("/api/v1/mail?per_page={ROWS_PER_PAGE}");
    let template = context! {
        back => "/console/mail", is_operator => page.session.actor.is_operator,
        summary => Serde(&page.get("/api/v1/mail/summary").await?), unhappy => Serde(&page.get(&unhappy).await?),
        waiting => Serde(&page.get(&waiting).await?),
    };
    page.render("console/mail.html", template)
}

/// The actions that an email update can be about: `{id, page, title}`, without protected ones, the newest 100 of each
/// kind. `page` is the path of the public page.
pub(super) async fn actions(page: &Page) -> Result<Vec<Value>> {
    let mut actions = Vec::new();
    for kind in Kind::ALL {
        let collection = kind.collection();
        let list = page.get(&format!("/api/v1/{collection}?per_page=100")).await?;
        for action in list["_embedded"][format!("osdi:{collection}")].as_array().into_iter().flatten() {
            if action["muster:privacy"] != Privacy::Protected.as_str() {
                let path = format!("{}{}", kind.page_prefix(), action["muster:slug"].as_str().unwrap_or_default());
                actions.push(
                    json!({"id": id_of(action), "page": path, "title": action["title"], "section": kind.section()}),
                );
            }
        }
    }
    Ok(actions)
}

/// `GET /console/broadcasts`
pub(super) async fn broadcasts(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::MailManage)?;
    let number = page.number("page");
    let list = page.get(&format!("/api/v1/broadcasts?page={number}&per_page={ROWS_PER_PAGE}")).await?;
    let template = context! {
        back => "/console/broadcasts", broadcasts => Serde(&list["_embedded"]["muster:broadcasts"]),
        pages => context! { page => context! { page => number, total_pages => list["total_pages"].as_u64() } },
    };
    page.render("console/broadcasts.html", template)
}

/// `GET /console/broadcasts/{id}`
pub(super) async fn broadcast(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::MailManage)?;
    let id = page.path("{id}")?;
    let base = format!("/api/v1/broadcasts/{id}");
    let broadcast = page.get(&base).await?;
    let known = actions(&page).await?;
    // the page shows titles instead of ids
    let audience = broadcast["muster:audience"]["actions"].as_array().into_iter().flatten();
    let audience: Vec<Value> = audience
        .map(|id| known.iter().find(|action| action["id"] == *id).cloned().unwrap_or_else(|| json!({"title": id})))
        .collect();
    let state = BroadcastState::deserialize(&broadcast["muster:state"]).map_err(Error::internal)?;
    let is_busy = matches!(state, BroadcastState::Scheduled | BroadcastState::Sending);
    let unhappy = "muster%3Astate%20eq%20%27failed%27%20or%20muster%3Astate%20eq%20%27bounced%27%20or%20muster%3Astate%20eq%20%27complained%27";
    let organization = page.get("/api/v1/organization").await?;
    let template = context! {
        needs_address => organization["postal_address"].as_str().unwrap_or_default().is_empty(),
        back => format!("/console/broadcasts/{id}"), base => base.as_str(), busy => is_busy, id,
        may_see => page.allows(Scope::ContactsRead), broadcast => Serde(&broadcast), audience => Serde(&audience),
        unhappy => Serde(&page.get(&format!("{base}/recipients?per_page={ROWS_PER_PAGE}&filter={unhappy}")).await?),
    };
    page.render("console/broadcast.html", template)
}
