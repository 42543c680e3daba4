//! The console's pages of one event, letter action and call action, and what those of all actions show: whether it is
//! ready, what can be done next, its links.

use axum::response::Response;
use minijinja::{
    context,
    value::{Serde, Value as Template},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    exports,
    frame::Page,
    lists::{Column, Shape, cells},
    participants::address_of,
};
use crate::{
    campaigns::{Kind, Privacy, State},
    error::Result,
    kernel::{i18n, pages::language_name, text::LocaleTag},
    organizers::Scope,
};

/// Number of rows of a list on the page.
const ROWS_PER_PAGE: u32 = 25;

const EVENT_FACTS: &[Column] = &[
    ("console-col-when", "/start_date", Shape::Moment),
    ("console-col-accepted", "/total_accepted", Shape::Number),
    ("console-col-waitlisted", "/muster:waitlisted", Shape::Number),
    ("console-col-capacity", "/capacity", Shape::Number),
];
const LETTER_FACTS: &[Column] = &[
    ("console-col-live", "/muster:live", Shape::State("form-live-")),
    ("console-col-written", "/total_outreaches", Shape::Number),
    ("form-letters-held", "/muster:held", Shape::Number),
];
const CALL_FACTS: &[Column] = &[
    ("console-col-calls", "/total_outreaches", Shape::Number),
    ("call-outcome-reached", "/muster:outcomes/reached", Shape::Number),
    ("call-outcome-message", "/muster:outcomes/message", Shape::Number),
    ("call-outcome-no_answer", "/muster:outcomes/no_answer", Shape::Number),
    ("call-outcome-busy", "/muster:outcomes/busy", Shape::Number),
    ("call-outcome-other", "/muster:outcomes/other", Shape::Number),
];

/// A button that changes an action at once.
#[derive(Debug, Serialize)]
struct Act {
    label: String,
    method: &'static str,
    path: String,
    /// Name and value of the request's one member; empty: none.
    member: (&'static str, &'static str),
    is_main: bool,
    /// The page that follows.
    back: String,
}

/// What the head of an action's page shows: `head` in the template.
///
/// # Errors
/// As [`Page::get`].
pub(super) async fn head(page: &Page, kind: Kind, id: &str, action: &Value) -> Result<Template> {
    let locale = page.visitor.locale;
    let text = |key: &str| i18n::text(locale, key);
    let base = format!("/api/v1/{}/{id}", kind.collection());
    let here = format!("/console/{}/{id}", kind.section());
    let status = action["muster:status"].as_str().unwrap_or_default();
    let state = State::deserialize(&action["muster:status"]).ok();
    let is_open = !matches!(state, Some(State::Archived | State::Ended) | None);
    let may_write = page.allows(Scope::ActionsWrite) && is_open;
    let mut acts = Vec::new();
    let mut act = |key: &str, to: State, is_main| {
        let member = ("/muster:status", to.as_str());
        let back = format!("{here}#status");
        acts.push(Act { label: text(key), method: "PUT", path: base.clone(), member, is_main, back });
    };
    match state {
        _ if !may_write => {}
        Some(State::Draft) => act("form-publish", State::Published, true),
        Some(State::Published) => {
            act("act-pause", State::Paused, false);
            act("act-close", State::Closed, false);
        }
        Some(State::Paused) => {
            act("act-resume", State::Published, true);
            act("act-close", State::Closed, false);
        }
        Some(State::Closed) => act("act-reopen", State::Published, false),
        _ => {}
    }
    if kind == Kind::Letter && is_open && page.allows(Scope::LettersGolive) {
        let is_live = action["muster:live"] == true;
        acts.push(Act {
            label: text(if is_live { "act-hold" } else { "act-go-live" }),
            method: "PUT",
            path: base.clone(),
            member: ("/muster:live|flag", if is_live { "false" } else { "true" }),
            is_main: !is_live && state == Some(State::Published),
            back: format!("{here}#status"),
        });
    }
    let preview = page.client.post(&page.session, &format!("{base}/preview")).await?;
    let mut more = Vec::new();
    if may_write {
        for (key, method, path, back) in [
            ("console-recount", "POST", "/recount", format!("{here}#status")),
            ("act-revoke-previews", "DELETE", "/preview", format!("{here}#status")),
            ("form-archive", "DELETE", "", format!("/console/{}", kind.section())),
        ] {
            let path = format!("{base}{path}");
            more.push(Act { label: text(key), method, path, member: ("", ""), is_main: false, back });
        }
    }
    let numbers = page.number("links");
    let links = page.get(&format!("{base}/short_links?page={numbers}&per_page={ROWS_PER_PAGE}")).await?;
    let is_live = matches!(state, Some(State::Draft | State::Published | State::Paused));
    Ok(context! {
        here, base, status, roster_url => address_of(kind, id), section => kind.section(), id, may_write,
        title => action["title"].as_str(), note => action["muster:status_reason"].as_str(),
        public_url => action["browser_url"].as_str().filter(|_| state != Some(State::Draft) && is_open),
        preview_url => preview["muster:preview_url"].as_str(), last_day => action["muster:destroy_after"].as_str(),
        image => action["muster:image"].as_str(), image_alt => action["muster:image_alt"].as_str(),
        acts => Serde(&acts), more => Serde(&more),
        ready => if is_live { missing(locale, kind, action) } else { Vec::new() },
        is_owner => page.session.actor.require_owner().is_ok(),
        links => Serde(&links["_embedded"]["muster:short_links"]),
        links_page => context! { links => context! { page => numbers, total_pages => links["total_pages"].as_u64() } },
    })
}

/// What an action should have before it is published, and does not have, in words.
fn missing(locale: LocaleTag, kind: Kind, action: &Value) -> Vec<String> {
    let is_empty = |pointer: &str| match action.pointer(pointer) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(all)) => all.is_empty(),
        Some(_) => false,
    };
    let wanted: &[(&str, bool)] = match kind {
        Kind::Petition => &[
            ("ready-no-text", is_empty("/petition_text")),
            ("ready-no-target", is_empty("/target")),
            ("ready-no-goal", is_empty("/muster:goal")),
            ("ready-no-end", is_empty("/muster:closes_at")),
        ],
        Kind::Event => &[
            ("ready-no-place", is_empty("/location/venue") && action["muster:format"] != "online"),
            ("ready-no-accessibility", is_empty("/muster:accessibility")),
        ],
        Kind::Letter => &[
            ("ready-no-offices", is_empty("/muster:targets")),
            ("ready-no-letter", is_empty("/muster:letters")),
            ("ready-not-live", action["muster:live"] != true),
        ],
        Kind::Call => &[
            ("ready-no-offices", is_empty("/muster:targets")),
            ("ready-no-phone", action["targets"].as_array().into_iter().flatten().any(|t| t["muster:phone"] == "")),
            ("ready-no-script", is_empty("/muster:script")),
        ],
    };
    let mut found: Vec<String> = wanted.iter().filter(|(_, is)| *is).map(|(key, _)| i18n::text(locale, key)).collect();
    if is_empty("/muster:summary") {
        found.push(i18n::text(locale, "ready-no-summary"));
    }
    let main = action["muster:locale"].as_str().unwrap_or_default();
    let has = |language: &LocaleTag| {
        language.as_str() == main || !is_empty(&format!("/muster:texts/{}/title", language.as_str()))
    };
    let without: Vec<&str> = LocaleTag::ALL.into_iter().filter(|language| !has(language)).map(language_name).collect();
    if !without.is_empty() {
        found.push(i18n::text_of(locale, "ready-languages", "languages", without.join(", ")));
    }
    found
}

/// `GET /console/events/{id}`
pub(super) async fn event(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::ActionsRead)?;
    let id = page.path("{id}")?;
    let event = page.get(&format!("/api/v1/events/{id}")).await?;
    let number = page.number("registrations");
    let registrations = if page.allows(Scope::ContactsRead) && event["muster:privacy"] != Privacy::Protected.as_str() {
        page.get(&format!("/api/v1/events/{id}/attendances?page={number}&per_page={ROWS_PER_PAGE}")).await?
    } else {
        Value::Null
    };
    let joining = page.get(&format!("/api/v1/events/{id}/joining")).await?;
    let door = if page.allows(Scope::EventsCheckIn) {
        page.get(&format!("/api/v1/events/{id}/door")).await?
    } else {
        Value::Null
    };
    let no_shows = door["expected"].as_i64().zip(door["checked_in"].as_i64()).map(|(all, came)| all - came);
    let template = context! {
        head => head(&page, Kind::Event, &id, &event).await?,
        door => Serde(&door), no_shows,
        joining => Serde(&joining), is_online => event["muster:format"] != "in_person",
        facts => Serde(cells(page.visitor.locale, EVENT_FACTS, &event)),
        back => format!("/console/events/{id}"),
        registrations => Serde(&registrations["_embedded"]["osdi:attendances"]),
        pages => context! { registrations => context! { page => number, total_pages => registrations["total_pages"].as_u64() } },
        may_decide => page.allows(Scope::ContactsWrite) && !registrations.is_null(),
        export_url => export(&page, Kind::Event, &id, &event),
    };
    page.render("console/action.html", template)
}

/// `GET /console/letters/{id}`
pub(super) async fn letter(page: Page) -> Result<Response> {
    to_offices(page, Kind::Letter, LETTER_FACTS).await
}

/// `GET /console/calls/{id}`
pub(super) async fn call(page: Page) -> Result<Response> {
    to_offices(page, Kind::Call, CALL_FACTS).await
}

/// The page of an action by which people turn to offices.
async fn to_offices(page: Page, kind: Kind, facts: &[Column]) -> Result<Response> {
    page.session.actor.require(Scope::ActionsRead)?;
    let id = page.path("{id}")?;
    let action = page.get(&format!("/api/v1/{}/{id}", kind.collection())).await?;
    let template = context! {
        head => head(&page, kind, &id, &action).await?,
        facts => Serde(cells(page.visitor.locale, facts, &action)),
        back => format!("/console/{}/{id}", kind.section()), targets => Serde(&action["targets"]),
        registrations => (), pages => context! { registrations => context! { page => () } }, may_decide => false,
        export_url => export(&page, kind, &id, &action),
    };
    page.render("console/action.html", template)
}

/// Address at which the list of those who took part is exported; empty where it may not be.
pub(super) fn export(page: &Page, kind: Kind, id: &str, action: &Value) -> String {
    let may = page.allows(Scope::ContactsExport) && action["muster:privacy"] != Privacy::Protected.as_str();
    if may { exports::address_of(kind, id) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_action_lacks_is_named() {
        let bare = json!({"muster:locale": "en", "petition_text": " ", "target": [], "muster:goal": null});
        let found = missing(LocaleTag::En, Kind::Petition, &bare);
        assert_eq!(found.len(), 6, "{found:?}");
        let whole = json!({
            "muster:locale": "en", "muster:summary": "S", "petition_text": "T", "target": [{"name": "M"}], "muster:goal": 5,
            "muster:closes_at": "2026-12-31T05:00:00Z",
            "muster:texts": {"fr": {"title": "T"}, "es": {"title": "T"}, "pa": {"title": ""}},
        });
        let found = missing(LocaleTag::En, Kind::Petition, &whole);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("ਪੰਜਾਬੀ") && !found[0].contains("Français"), "{found:?}");
    }
}
