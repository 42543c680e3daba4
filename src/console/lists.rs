//! The console's lists, one page for each kind of thing, as data: where the API has it, its columns, and what can be
//! made.

use axum::{Router, response::Response, routing::get};
use chrono::DateTime;
use minijinja::{context, value::Serde};
use serde::Serialize;
use serde_json::Value;

use super::{
    api_client::ApiClient,
    frame::{Page, id_of},
};
use crate::{
    error::Result,
    kernel::{
        i18n,
        text::LocaleTag,
        zones::{self, Zone},
    },
    organizers::Scope,
};

/// Number of rows on a page.
const ROWS_PER_PAGE: u32 = 50;

/// A list's page.
struct List {
    address: &'static str,
    /// Key of the heading.
    title: &'static str,
    /// Key of a hint; empty: none.
    hint: &'static str,
    /// What to do while it is empty.
    empty: &'static str,
    path: &'static str,
    rel: &'static str,
    scope: Scope,
    /// Address and key of the form that adds to it, and the scope that it needs.
    new: (&'static str, &'static str, Scope),
    /// Related pages: address and key.
    related: &'static [(&'static str, &'static str)],
    /// Pointer of a row's name.
    name: &'static str,
    /// The page that a row leads to, with `{id}`; empty: none.
    row: &'static str,
    /// Path at which a row is deleted, with `{id}`; empty: not here.
    removes: &'static str,
    columns: &'static [Column],
}

/// A column: key of its heading, pointer of its value, how that is shown.
pub(super) type Column = (&'static str, &'static str, Shape);

/// How a value is shown.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Number,
    /// A badge; the text's key begins with the prefix.
    State(&'static str),
    /// A day and time in the resource's own zone.
    Moment,
}

/// A value as a template shows it.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    label: String,
    text: String,
    is_number: bool,
    is_badge: bool,
}

/// The values of a resource.
pub(super) fn cells(locale: LocaleTag, columns: &[Column], document: &Value) -> Vec<Cell> {
    let zone = document["timezone_identifier"].as_str().map_or(*zones::DEFAULT, Zone::stored);
    let cell = |(label, pointer, shape): &Column| {
        let value = document.pointer(pointer).unwrap_or(&Value::Null);
        let plain = || {
            value
                .as_str()
                .map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, ToOwned::to_owned)
        };
        let text = match shape {
            Shape::Text => plain(),
            Shape::Number => value.as_i64().map_or_else(String::new, |n| i18n::number(locale, n)),
            Shape::State(_) if value.is_null() => String::new(),
            Shape::State(prefix) => i18n::text(locale, &format!("{prefix}{}", plain())),
            Shape::Moment => {
                let at = value.as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
                at.map_or_else(plain, |at| i18n::date_time(locale, at.to_utc(), zone))
            }
        };
        Cell {
            label: i18n::text(locale, label),
            text,
            is_number: matches!(shape, Shape::Number),
            is_badge: matches!(shape, Shape::State(_)),
        }
    };
    columns.iter().map(cell).collect()
}

const STATE: Column = ("console-col-state", "/muster:status", Shape::State("state-"));

const LISTS: [List; 10] = [
    List {
        address: "/console/campaigns",
        title: "nav-campaigns",
        hint: "form-campaign-hint",
        empty: "empty-campaigns",
        path: "/api/v1/campaigns",
        rel: "osdi:campaigns",
        scope: Scope::ActionsRead,
        new: ("/console/campaigns/new", "new-campaign", Scope::ActionsWrite),
        related: &[],
        name: "/title",
        row: "/console/campaigns/{id}",
        removes: "",
        columns: &[STATE],
    },
    List {
        address: "/console/petitions",
        title: "console-petitions",
        hint: "console-protected-numbers",
        empty: "empty-petitions",
        path: "/api/v1/petitions",
        rel: "osdi:petitions",
        scope: Scope::ActionsRead,
        new: ("/console/petitions/new", "new-petition", Scope::ActionsWrite),
        related: &[("/console/sources", "nav-sources"), ("/console/spam", "console-spam-protection")],
        name: "/title",
        row: "/console/petitions/{id}",
        removes: "",
        columns: &[
            STATE,
            ("console-col-counted", "/total_signatures", Shape::Number),
            ("console-goal", "/muster:goal", Shape::Number),
            ("form-closes", "/muster:closes_at", Shape::Moment),
        ],
    },
    List {
        address: "/console/events",
        title: "console-events",
        hint: "",
        empty: "empty-events",
        path: "/api/v1/events",
        rel: "osdi:events",
        scope: Scope::ActionsRead,
        new: ("/console/events/new", "new-event", Scope::ActionsWrite),
        related: &[],
        name: "/title",
        row: "/console/events/{id}",
        removes: "",
        columns: &[
            STATE,
            ("console-col-when", "/start_date", Shape::Moment),
            ("console-col-accepted", "/total_accepted", Shape::Number),
            ("console-col-waitlisted", "/muster:waitlisted", Shape::Number),
            ("console-col-capacity", "/capacity", Shape::Number),
        ],
    },
    List {
        address: "/console/letters",
        title: "console-letters",
        hint: "",
        empty: "empty-letters",
        path: "/api/v1/advocacy_campaigns",
        rel: "osdi:advocacy_campaigns",
        scope: Scope::ActionsRead,
        new: ("/console/letters/new", "new-letter", Scope::ActionsWrite),
        related: &[("/console/offices", "nav-offices")],
        name: "/title",
        row: "/console/letters/{id}",
        removes: "",
        columns: &[
            STATE,
            ("console-col-live", "/muster:live", Shape::State("form-live-")),
            ("console-col-written", "/total_outreaches", Shape::Number),
        ],
    },
    List {
        address: "/console/calls",
        title: "console-calls",
        hint: "",
        empty: "empty-calls",
        path: "/api/v1/phone_campaigns",
        rel: "osdi:advocacy_campaigns",
        scope: Scope::ActionsRead,
        new: ("/console/calls/new", "new-call", Scope::ActionsWrite),
        related: &[("/console/offices", "nav-offices")],
        name: "/title",
        row: "/console/calls/{id}",
        removes: "",
        columns: &[STATE, ("console-col-calls", "/total_outreaches", Shape::Number)],
    },
    List {
        address: "/console/offices",
        title: "nav-offices",
        hint: "form-office-hint",
        empty: "empty-offices",
        path: "/api/v1/offices",
        rel: "muster:offices",
        scope: Scope::ActionsRead,
        new: ("/console/offices/new", "new-office", Scope::ActionsWrite),
        related: &[("/console/officials/new", "form-official")],
        name: "/title",
        row: "/console/offices/{id}",
        removes: "",
        columns: &[
            ("form-holder-family-name", "/muster:holder/family_name", Shape::Text),
            ("console-email", "/muster:mailboxes/0", Shape::Text),
        ],
    },
    List {
        address: "/console/updates",
        title: "nav-updates",
        hint: "form-update-hint",
        empty: "empty-updates",
        path: "/api/v1/updates",
        rel: "muster:updates",
        scope: Scope::ActionsRead,
        new: ("/console/updates/new", "new-update", Scope::ActionsWrite),
        related: &[],
        name: "/title",
        row: "/console/updates/{id}",
        removes: "",
        columns: &[
            ("form-update-kind", "/muster:kind", Shape::State("update-kind-")),
            ("delivery-date", "/date", Shape::Text),
            ("form-campaign", "/muster:campaign", Shape::Text),
        ],
    },
    List {
        address: "/console/sources",
        title: "nav-sources",
        hint: "form-source-hint",
        empty: "console-none",
        path: "/api/v1/sources",
        rel: "muster:sources",
        scope: Scope::ActionsRead,
        new: ("/console/sources/new", "console-source-new", Scope::ActionsWrite),
        related: &[],
        name: "/word",
        row: "",
        removes: "/api/v1/sources/{id}",
        columns: &[("form-partner", "/muster:partner", Shape::Text)],
    },
    List {
        address: "/console/partners",
        title: "nav-partners",
        hint: "form-partner-hint",
        empty: "console-none",
        path: "/api/v1/partners",
        rel: "muster:partners",
        scope: Scope::ActionsRead,
        new: ("/console/partners/new", "form-partner-new", Scope::ActionsWrite),
        related: &[],
        name: "/name",
        row: "",
        removes: "/api/v1/partners/{id}",
        columns: &[("form-slug", "/muster:slug", Shape::Text)],
    },
    List {
        address: "/console/spam/allowlist",
        title: "console-allowlist",
        hint: "console-allowlist-hint",
        empty: "console-none",
        path: "/api/v1/integrity/allowances",
        rel: "muster:allowances",
        scope: Scope::ActionsRead,
        new: ("/console/spam/allowlist/new", "console-add", Scope::ActionsWrite),
        related: &[("/console/spam", "console-spam-protection")],
        name: "/value",
        row: "",
        removes: "/api/v1/integrity/allowances/{id}",
        columns: &[("console-note", "/note", Shape::Text)],
    },
];

/// Routes of all lists.
pub(super) fn router() -> Router<ApiClient> {
    static ALL: [List; 10] = LISTS;
    ALL.iter().fold(Router::new(), |router, list| {
        router.route(list.address, get(move |page: Page| async move { show(list, page).await }))
    })
}

/// A row.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    href: String,
    /// Path at which it is deleted; empty: not here.
    removes: String,
    cells: Vec<Cell>,
}

async fn show(list: &List, page: Page) -> Result<Response> {
    page.session.actor.require(list.scope)?;
    let locale = page.visitor.locale;
    let number = page.number("page");
    let found = page.get(&format!("{}?page={number}&per_page={ROWS_PER_PAGE}", list.path)).await?;
    let row = |document: &Value| {
        let id = id_of(document);
        let name = document.pointer(list.name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Row {
            href: list.row.replace("{id}", &id),
            removes: list.removes.replace("{id}", &id),
            cells: cells(locale, list.columns, document),
            name,
        }
    };
    let rows: Vec<Row> = found["_embedded"][list.rel].as_array().into_iter().flatten().map(row).collect();
    let text = |key: &str| if key.is_empty() { String::new() } else { i18n::text(locale, key) };
    let (new, label, scope) = list.new;
    let related: Vec<_> = list.related.iter().map(|(href, key)| (*href, text(key))).collect();
    let heads: Vec<_> =
        list.columns.iter().map(|(key, _, shape)| (text(key), matches!(shape, Shape::Number))).collect();
    let template = context! {
        heading => text(list.title), hint => text(list.hint), empty => text(list.empty), back => list.address,
        add => if page.allows(scope) { new } else { "" }, add_label => text(label), may_write => page.allows(Scope::ActionsWrite),
        related => Serde(&related), heads => Serde(&heads), rows => Serde(&rows),
        pages => context! { page => context! { page => number, total_pages => found["total_pages"].as_u64() } },
    };
    page.render("console/list.html", template)
}
