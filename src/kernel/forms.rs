//! Forms on pages: field errors and challenges, as templates render them.

use minijinja::{Value, context};
use serde::Serialize;

use super::{i18n, text::LocaleTag};
use crate::error::FieldError;

/// A field error of a form.
#[derive(Clone, Debug, Serialize)]
pub struct FormError {
    /// Name of the form field; empty for the form as a whole.
    pub field: String,
    /// What to do about it, in the page's language.
    pub message: String,
}

/// Segments of JSON pointers, and the names of the form fields for them.
const FIELDS: [(&str, &str); 17] = [
    ("given_name", "given_name"),
    ("family_name", "family_name"),
    ("email_addresses", "email"),
    ("postal_code", "postal_code"),
    ("country", "country"),
    ("locality", "city"),
    ("phone_numbers", "phone"),
    ("comments", "comments"),
    ("muster:party_size", "party_size"),
    ("muster:interpretation", "interpretation"),
    ("muster:access_needs", "access_needs"),
    ("subject", "subject"),
    ("message", "message"),
    ("muster:display", "display"),
    ("muster:show_email", "show_email"),
    ("muster:code", "code"),
    ("muster:keep_nothing", "keep_nothing"),
];

/// Converts the API's field errors into those of the equivalent form.
pub fn form_errors(locale: LocaleTag, fields: &[FieldError]) -> Vec<FormError> {
    fields
        .iter()
        .map(|field| {
            let known = FIELDS.iter().find(|(pointer, _)| field.pointer.split('/').any(|part| part == *pointer));
            let name = match field.pointer.strip_prefix("/muster:answers/") {
                Some(question) => format!("answer-{question}"),
                None => known.map_or("", |(_, name)| *name).to_owned(),
            };
            let key = format!("field-error-{}", field.code);
            let message = i18n::text(locale, &key);
            FormError {
                field: name,
                message: if message == key { i18n::text(locale, "field-error-unknown_value") } else { message },
            }
        })
        .collect()
}

/// A challenge of the rate limiter, as the form's template takes it.
pub fn challenge_context(challenge: &serde_json::Value) -> Value {
    let wait = challenge["wait_seconds"].as_i64().unwrap_or(5);
    let ticket = challenge["wait_ticket"].as_str().unwrap_or_default().to_owned();
    let puzzle: serde_json::Map<String, serde_json::Value> = challenge
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !key.starts_with("wait_"))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    context! { json => serde_json::Value::Object(puzzle).to_string(), wait_ticket => ticket, wait_seconds => wait }
}
