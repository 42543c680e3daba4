//! The console's page of exports: which list, of which action, which columns, in which format, and why. The API makes
//! the file, in whose audit entry the reason stands.

use std::collections::BTreeMap;

use axum::{extract::Request, response::Response};
use minijinja::{context, value::Serde};
use serde_json::Value;

use super::{
    accounts::confirm_url,
    api_client::{check_form, read_form},
    frame::{Page, checked},
    mail::actions,
};
use crate::{
    campaigns::Kind,
    error::{Code, Result},
    exports::{ExportedList, exported_lists},
    kernel::{
        i18n,
        pages::{private, see_other},
    },
    organizers::Scope,
};

/// The formats: name in the API, key of the label.
const FORMATS: [(&str, &str); 3] =
    [("csv", "console-export-csv"), ("xlsx", "console-export-xlsx"), ("jsonl", "console-export-jsonl")];

/// Address at which a list of an action is exported.
pub(super) fn address_of(kind: Kind, id: &str) -> String {
    let list = exported_lists().into_iter().find(|list| list.kind == Some(kind)).map_or("", |list| list.name);
    format!("/console/exports?list={list}&action={id}")
}

/// What was filled in.
struct Filled(Vec<(String, String)>);

impl Filled {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The same as a query of the page, without the form's own fields.
    fn query(&self) -> String {
        let kept = self.0.iter().filter(|(name, value)| name != "csrf" && !value.is_empty());
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}

/// `GET /console/exports`: `?list=`, `?action=`, and what else was filled in before.
pub(super) async fn show(page: Page) -> Result<Response> {
    let filled = Filled(page.query_pairs().to_vec());
    render(&page, &filled, Vec::new()).await
}

/// `POST /console/exports`: leads on to the file.
pub(super) async fn start(page: Page, request: Request) -> Result<Response> {
    page.session.actor.require(Scope::ContactsExport)?;
    let fields = read_form(request.into_body()).await?;
    check_form(&fields, &page.session)?;
    let locale = page.visitor.locale;
    let filled = Filled(fields);
    let list = exported_lists().into_iter().find(|list| list.name == filled.get("list"));
    let Some(list) = list else { return Ok(private(see_other("/console/exports"))) };
    let mut errors = Vec::new();
    if filled.get("reason").trim().is_empty() {
        errors.push(("reason", i18n::text(locale, "export-reason-missing")));
    }
    if filled.get("reason").contains('@') {
        errors.push(("reason", i18n::text(locale, "export-reason-address")));
    }
    if list.kind.is_some() && filled.get("action").is_empty() {
        errors.push(("action", i18n::text(locale, "field-error-required")));
    }
    if filled.all("column").is_empty() {
        errors.push(("column", i18n::text(locale, "field-error-required")));
    }
    if !errors.is_empty() {
        return render(&page, &filled, errors).await;
    }
    let now = page.client.console.kernel.env.now();
    match page.session.actor.require_confirmed(now) {
        Err(error) if error.code() == Code::ConfirmationRequired => {
            let back = format!("/console/exports?{}", filled.query());
            return Ok(private(see_other(&confirm_url(&back))));
        }
        confirmed => confirmed?,
    }
    let path = match list.kind {
        Some(kind) => format!("{}/{}/{}", kind.collection(), checked(filled.get("action"))?, list.name),
        None => list.name.to_owned(),
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let is_csv = filled.get("format") == "csv";
    query.append_pair("format", filled.get("format"));
    for name in ["state", "source", "from", "until", "partner"] {
        let value = filled.get(name).trim();
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    let columns = filled.all("column");
    if columns.len() < list.columns.len() && filled.get("partner").is_empty() {
        query.append_pair("columns", &columns.join(","));
    }
    query.append_pair("reason", filled.get("reason").trim());
    if is_csv {
        query.append_pair("bom", "1");
    }
    Ok(private(see_other(&format!("/api/v1/exports/{path}?{}", query.finish()))))
}

async fn render(page: &Page, filled: &Filled, errors: Vec<(&str, String)>) -> Result<Response> {
    page.session.actor.require(Scope::ContactsExport)?;
    let locale = page.visitor.locale;
    let name = |list: &ExportedList| i18n::text(locale, &format!("export-list-{}", list.name));
    let lists: Vec<(&str, String)> = exported_lists().iter().map(|list| (list.name, name(list))).collect();
    let Some(list) = exported_lists().into_iter().find(|list| list.name == filled.get("list")) else {
        let template = context! { lists => Serde(&lists), list => "" };
        return page.render("console/exports.html", template);
    };
    let mut offered: Vec<(String, String)> = Vec::new();
    if let Some(kind) = list.kind {
        let section = kind.section();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = actions(page).await?;
        let of_kind = found.iter().filter(|action| action["section"] == section);
        offered.extend(of_kind.map(|action| (text(&action["id"]), text(&action["title"]))));
        let asked = filled.get("action");
        // one that is older than those which are offered
        if !asked.is_empty() && !offered.iter().any(|(id, _)| id == asked) {
            let action = page.get(&format!("/api/v1/{}/{}", kind.collection(), checked(asked)?)).await?;
            offered.push((asked.to_owned(), text(&action["title"])));
        }
    }
    let listed = async |path: &str, rel: &str, value: &str, label: &str| -> Result<Vec<(String, String)>> {
        let found = page.get(path).await?;
        let text = |of: &Value, member: &str| of[member].as_str().unwrap_or_default().to_owned();
        let entries = found["_embedded"][rel].as_array().into_iter().flatten();
        Ok(entries.map(|entry| (text(entry, value), text(entry, label))).collect())
    };
    let sources = if list.has_source {
        listed("/api/v1/sources?per_page=100", "muster:sources", "word", "word").await?
    } else {
        Vec::new()
    };
    let partners = if list.has_partners {
        listed("/api/v1/partners?per_page=100", "muster:partners", "muster:slug", "name").await?
    } else {
        Vec::new()
    };
    let states = list.states.iter().map(|state| {
        let prefix = list.kind.map_or("", super::participants::states_of);
        ((*state).to_owned(), i18n::text(locale, &format!("{prefix}{state}")))
    });
    let chosen = filled.all("column");
    let columns: Vec<(&str, bool)> =
        list.columns.iter().map(|&column| (column, chosen.is_empty() || chosen.contains(&column))).collect();
    let formats: Vec<_> = FORMATS.iter().map(|(format, key)| (*format, i18n::text(locale, key))).collect();
    let values = ["action", "state", "source", "from", "until", "partner", "reason", "format"];
    let values: BTreeMap<&str, &str> = values.into_iter().map(|name| (name, filled.get(name))).collect();
    let mut refused = BTreeMap::from(["action", "column", "reason"].map(|name| (name, String::new())));
    let has_errors = !errors.is_empty();
    refused.extend(errors);
    let template = context! {
        lists => Serde(&lists), list => list.name, heading => name(&list), is_of_action => list.kind.is_some(),
        actions => Serde(&offered), states => Serde(states.collect::<Vec<_>>()), sources => Serde(&sources),
        partners => Serde(&partners), columns => Serde(&columns), formats => Serde(&formats),
        values => Serde(&values), errors => Serde(&refused), has_errors,
    };
    page.render("console/exports.html", template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::text::LocaleTag;

    #[test]
    fn every_list_and_format_has_its_name() {
        let lists = exported_lists().map(|list| format!("export-list-{}", list.name));
        for key in lists.into_iter().chain(FORMATS.iter().map(|(_, key)| (*key).to_owned())) {
            assert_ne!(i18n::text(LocaleTag::En, &key), key);
        }
    }
}
