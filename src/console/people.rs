//! The console's pages about people: search, and everything about one of them. The API opens the vault, and counts who
//! reads how many.

use axum::response::Response;
use minijinja::{context, value::Serde};
use serde_json::Value;

use super::frame::{Page, id_of};
use crate::{error::Result, kernel::i18n, organizers::Scope};

/// Number of people on a page.
const ROWS_PER_PAGE: u32 = 25;

/// `GET /console/people`: `?q=` with an email address, a tag or an identifier.
pub(super) async fn list(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::ContactsRead)?;
    let asked = page.query("q").unwrap_or_default();
    let number = page.number("page");
    let mut query = vec![("page", number.to_string()), ("per_page", ROWS_PER_PAGE.to_string())];
    if !asked.trim().is_empty() {
        let word = asked.trim().replace('\'', "''");
        let field = if word.contains('@') { "email_address" } else { "muster:tags" };
        query.push(("filter", format!("{field} eq '{word}'")));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let found = page.get(&format!("/api/v1/people?{query}")).await?;
    let people: Vec<(String, String, String)> = found["_embedded"]["osdi:people"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|person| {
            let text = |pointer: &str| person.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let name = format!("{} {}", text("/given_name"), text("/family_name")).trim().to_owned();
            (id_of(person), name, text("/email_addresses/0/address").to_owned())
        })
        .collect();
    let template = context! {
        q => asked, back => "/console/people", people => Serde(&people), may_write => page.allows(Scope::ContactsWrite),
        pages => context! { page => context! { page => number, total_pages => found["total_pages"].as_u64() } },
    };
    page.render("console/people.html", template)
}

/// `GET /console/people/{id}`
pub(super) async fn person(page: Page) -> Result<Response> {
    page.session.actor.require(Scope::ContactsRead)?;
    let locale = page.visitor.locale;
    let id = page.path("{id}")?;
    let person = page.get(&format!("/api/v1/people/{id}")).await?;
    let text = |pointer: &str| person.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let words = |pointer: &str| {
        let all = person.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        all.collect::<Vec<_>>().join(", ")
    };
    let address =
        ["locality", "region", "postal_code", "country"].map(|part| text(&format!("/postal_addresses/0/{part}")));
    let address = address.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ");
    let fields = person["custom_fields"].as_object().into_iter().flatten();
    let fields =
        fields.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)));
    let facts = [
        ("console-email", text("/email_addresses/0/address")),
        ("import-field-phone", text("/phone_numbers/0/number")),
        ("form-group-address", address),
        ("import-field-language", text("/preferred_language")),
        ("form-languages-spoken", words("/languages_spoken")),
        ("form-tags", words("/muster:tags")),
        ("form-identifiers", words("/identifiers")),
    ];
    let facts = facts.into_iter().map(|(key, value)| (i18n::text(locale, key), value)).chain(fields);
    let facts: Vec<(String, String)> = facts.filter(|(_, value)| !value.is_empty()).collect();
    let name = format!("{} {}", text("/given_name"), text("/family_name"));
    let template = context! {
        name => name.trim(), id, facts => Serde(&facts), may_write => page.allows(Scope::ContactsWrite),
    };
    page.render("console/person.html", template)
}
