//! The frame of the console's pages: who asks for what, the navigation, and how a page is answered.

use axum::{
    body::Body,
    extract::{FromRequestParts, RawPathParams},
    http::{Method, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use minijinja::{
    context,
    value::{Serde, Value as Template},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    api_client::{ApiClient, json, with_flash},
    forms,
};
use crate::{
    error::{Error, Result},
    kernel::{
        i18n,
        pages::{Visitor, private, see_other},
    },
    organizers::{MaybeSession, Scope, Session},
};

/// A request for a page of the console by somebody who is signed in; all others are led to the sign-in page.
pub(super) struct Page {
    /// For requests to the API.
    pub client: ApiClient,
    /// Who asks.
    pub session: Session,
    /// In which language, at which path.
    pub visitor: Visitor,
    /// The parts of the address that stand for something, by name.
    parts: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl FromRequestParts<ApiClient> for Page {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, client: &ApiClient) -> Result<Self, Response> {
        let session = MaybeSession::from_request_parts(parts, client).await.map_err(IntoResponse::into_response)?;
        let Some(session) = session.0 else { return Err(private(see_other("/console/sign-in"))) };
        let visitor = Visitor::of(&parts.uri, &parts.headers);
        let mut page = Self::new(client.clone(), session, visitor);
        if let Ok(named) = RawPathParams::from_request_parts(parts, client).await {
            page.parts = named.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        page.query = query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok(page)
    }
}

impl Page {
    /// A page without parts and query.
    pub(super) fn new(client: ApiClient, session: Session, visitor: Visitor) -> Self {
        Self { client, session, visitor, parts: Vec::new(), query: Vec::new() }
    }

    /// The same with names that the address does not hold.
    pub(super) fn with(mut self, names: &[(&str, &str)]) -> Self {
        self.parts.extend(names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// All parameters of the query, in order.
    pub(super) fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// The number of a list's page, from a parameter of the query; 1 if there is none.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.query(name).and_then(|number| number.parse().ok()).unwrap_or(1).max(1)
    }

    /// A path with the parts of this page's address in place of their names.
    ///
    /// # Errors
    /// `not_found` as [`checked`].
    pub(super) fn path(&self, pattern: &str) -> Result<String> {
        let mut path = pattern.to_owned();
        for (name, value) in &self.parts {
            let name = format!("{{{name}}}");
            if path.contains(&name) {
                path = path.replace(&name, &checked(value)?);
            }
        }
        Ok(path)
    }

    /// The path of an operation as the API's document names it.
    pub(super) fn pattern(&self, pattern: &str) -> String {
        let collection = self.parts.iter().find(|(name, _)| name == "collection").map_or("", |(_, name)| name);
        pattern.replace("{collection}", collection)
    }

    /// What the API answers; null where it answers 403.
    ///
    /// # Errors
    /// As [`ApiClient::get`].
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.client.get(&self.session, path).await
    }

    /// The answer to a GET of a list, and why there is none, in the reader's language; empty: there is one.
    ///
    /// # Errors
    /// As [`ApiClient::get`].
    pub(super) async fn list(&self, path: &str) -> Result<(Value, String)> {
        let answer = self.client.call(&self.session, Method::GET, path, "application/json", Body::empty()).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Err(Error::not_found()),
            status if status.is_success() => Ok((json(answer).await?, String::new())),
            _ => {
                let refused = forms::refusals(self.visitor.locale, &json(answer).await?);
                let messages: Vec<String> = refused.into_iter().map(|refusal| refusal.message).collect();
                Ok((Value::Null, messages.join(" ")))
            }
        }
    }

    /// Leads on to a page after a success; `{new}` is what was created, `told` a number that the page tells.
    ///
    /// # Errors
    /// As [`Page::path`].
    pub(super) fn done(&self, then: &str, created: &str, told: Option<i64>) -> Result<Response> {
        let address = self.path(&then.replace("{new}", created))?;
        Ok(private(see_other(&with_flash(&address, told))))
    }

    /// May its reader do this?
    pub(super) fn allows(&self, scope: Scope) -> bool {
        self.session.actor.allows(scope)
    }

    /// The page in its frame.
    ///
    /// # Errors
    /// `internal` for a template that fails.
    pub(super) fn render(&self, template: &str, page: Template) -> Result<Response> {
        let actor = &self.session.actor;
        let locale = self.visitor.locale;
        let entry = |(href, key, scope): &Link| {
            let label = i18n::text(locale, key);
            actor.allows(*scope).then_some(Entry { href, label, is_current: false })
        };
        let mut nav: Vec<Entry> = NAVIGATION.iter().filter_map(|(entries, _)| entry(entries)).collect();
        let section = section_of(&self.visitor.path);
        for entry in &mut nav {
            entry.is_current = entry.href == section;
        }
        let new: Vec<Entry> = NEW.iter().filter_map(entry).collect();
        let frame = context! {
            nav => Serde(&nav), new => Serde(&new), csrf => self.session.csrf.as_str(),
            organizer => context! { name => &*actor.name, role => actor.role.as_str() },
            done => self.query("done").unwrap_or_default(),
            told_n => self.query("n").and_then(|n| n.parse::<i64>().ok()),
        };
        let pages = &self.client.console.kernel.pages;
        pages.page(template, &self.visitor, "", context! { ..page, ..frame }).map(private)
    }
}

/// A part of an address, as it may stand in a path.
///
/// # Errors
/// `not_found` for what is neither an id nor a name.
pub(super) fn checked(part: &str) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if part.is_empty() || part.contains("..") || !part.chars().all(is_plain) {
        return Err(Error::not_found());
    }
    Ok(part.to_owned())
}

/// The id in an answer of the API, else the word or slug that names the resource.
pub(super) fn id_of(document: &Value) -> String {
    let id = document["identifiers"][0].as_str().map(|id| id.trim_start_matches("muster:"));
    let name = || ["id", "word", "muster:slug", "lane", "relay"].iter().find_map(|name| document[*name].as_str());
    id.or_else(name).unwrap_or_default().to_owned()
}

/// Address, key of the text, and the scope without which it is not shown.
type Link = (&'static str, &'static str, Scope);

/// A link of the navigation.
#[derive(Debug, Serialize)]
struct Entry {
    href: &'static str,
    label: String,
    is_current: bool,
}

/// The sections: address, key of the name, the scope without which it is not shown; and the beginnings of the
/// addresses of its other pages.
const NAVIGATION: [(Link, &[&str]); 11] = [
    (("/console", "nav-overview", Scope::ActionsRead), &[]),
    (("/console/campaigns", "nav-campaigns", Scope::ActionsRead), &[]),
    (("/console/petitions", "console-petitions", Scope::ActionsRead), &[]),
    (("/console/events", "console-events", Scope::ActionsRead), &[]),
    (("/console/letters", "console-letters", Scope::ActionsRead), &["/console/offices"]),
    (("/console/calls", "console-calls", Scope::ActionsRead), &[]),
    (("/console/updates", "nav-updates", Scope::ActionsRead), &[]),
    (("/console/people", "nav-people", Scope::ContactsRead), &[]),
    (("/console/exports", "export-title", Scope::ContactsExport), &[]),
    (("/console/broadcasts", "nav-email", Scope::MailManage), &["/console/mail"]),
    (
        ("/console/settings", "nav-settings", Scope::ActionsRead),
        &[
            "/console/retention",
            "/console/sources",
            "/console/partners",
            "/console/spam",
            "/console/account",
            "/console/team",
            "/console/tokens",
            "/console/audit",
            "/console/organization",
        ],
    ),
];

/// What can be made new from every page.
const NEW: [Link; 8] = [
    ("/console/campaigns/new", "new-campaign", Scope::ActionsWrite),
    ("/console/petitions/new", "new-petition", Scope::ActionsWrite),
    ("/console/events/new", "new-event", Scope::ActionsWrite),
    ("/console/letters/new", "new-letter", Scope::ActionsWrite),
    ("/console/calls/new", "new-call", Scope::ActionsWrite),
    ("/console/offices/new", "new-office", Scope::ActionsWrite),
    ("/console/updates/new", "new-update", Scope::ActionsWrite),
    ("/console/broadcasts/new", "new-broadcast", Scope::MailManage),
];

/// Address of the section that a page belongs to.
fn section_of(path: &str) -> &'static str {
    let is_in = |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = NAVIGATION[1..].iter().find(|((href, ..), more)| is_in(href) || more.iter().any(|start| is_in(start)));
    found.map_or("/console", |((href, ..), _)| href)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_belong_to_sections() {
        for (path, section) in [
            ("/console", "/console"),
            ("/console/petitions/x/edit", "/console/petitions"),
            ("/console/offices", "/console/letters"),
            ("/console/mail", "/console/broadcasts"),
            ("/console/spam/allowlist", "/console/settings"),
            ("/console/peoples", "/console"),
        ] {
            assert_eq!(section_of(path), section, "{path}");
        }
    }
}
