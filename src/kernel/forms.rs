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
pub type FormFields = [(&'static str, &'static str)];

/// Name of the form field that a JSON pointer is about; empty if there is none.
pub fn field_of(pointer: &str, fields: &[&FormFields]) -> String {
    let mut known = fields.iter().flat_map(|fields| fields.iter());
    let field = known.find(|(segment, _)| pointer.split('/').any(|part| part == *segment));
    field.map_or("", |(_, name)| *name).to_owned()
}

/// Converts the API's field errors into those of the equivalent form. `field` names the form field of a JSON pointer.
pub fn form_errors(locale: LocaleTag, errors: &[FieldError], field: impl Fn(&str) -> String) -> Vec<FormError> {
    let of = |error: &FieldError| {
        let key = format!("field-error-{}", error.code);
        let message = i18n::text(locale, &key);
        FormError {
            field: field(&error.pointer),
            message: if message == key { i18n::text(locale, "field-error-unknown_value") } else { message },
        }
    };
    errors.iter().map(of).collect()
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
