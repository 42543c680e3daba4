//! Forms on pages: what was typed, and field errors and challenges as templates render them.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::header,
};
use minijinja::{Value, context};
use serde::Serialize;

use super::{
    body::as_utf8,
    extract::too_large,
    i18n,
    rate_limit::Proof,
    text::{LocaleTag, TextError},
};
use crate::error::{Code, Error, FieldError, Result};

/// Field of the form's language.
pub const LOCALE_FIELD: &str = "locale";
/// Anchor of what a page says about a form that was sent: its errors, its challenge, its receipt.
pub const ANSWER_ANCHOR: &str = "form-answer";
/// Honeypot: a field that people do not see and programs fill in. Browsers may, too.
pub const HONEYPOT_FIELD: &str = "website";
/// Fields with the answer to a challenge of the rate limiter.
const PROOF_FIELDS: [&str; 2] = ["altcha", "wait_ticket"];

/// The fields of a posted form, by name. Of a name that was sent twice the last value counts.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct FormInput(BTreeMap<String, String>);

impl FormInput {
    /// Parses an `application/x-www-form-urlencoded` body.
    pub fn of(form: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(&as_utf8(form)).into_owned().collect())
    }

    /// A field's value; empty when it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// A field's value, if it was sent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A field's value, unless it is empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Was this checkbox ticked? The value of checkboxes is `true`.
    pub fn ticked(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Fields whose names start with `prefix`: the rest of the name, and the value.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// Fills in a field.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Only these fields.
    #[must_use]
    pub fn only(&self, fields: &[&str]) -> Self {
        let kept = fields.iter().filter_map(|name| Some(((*name).to_owned(), self.get(name)?.to_owned())));
        Self(kept.collect())
    }

    /// The language of the page that had the form.
    pub fn locale(&self) -> Option<LocaleTag> {
        LocaleTag::parse(self.text(LOCALE_FIELD)).ok()
    }

    /// The answer to a challenge.
    pub fn proof(&self) -> Proof<'_> {
        let [altcha, ticket] = PROOF_FIELDS;
        Proof::of_form(self.text(altcha), self.text(ticket))
    }

    /// What the form shows when it is shown again: everything that was typed, and each of `fields`.
    #[must_use]
    pub fn to_show(mut self, fields: &[&str]) -> Self {
        self.0.retain(|name, _| name != HONEYPOT_FIELD && !PROOF_FIELDS.contains(&name.as_str()));
        for field in fields {
            self.0.entry((*field).to_owned()).or_default();
        }
        self
    }
}

impl<S: Send + Sync> FromRequest<S> for FormInput {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let detail = "Send the form as application/x-www-form-urlencoded.";
            return Err(Error::problem(Code::UnsupportedMediaType, detail));
        }
        Ok(Self::of(&Bytes::from_request(request, state).await.map_err(too_large)?))
    }
}

/// A field error of a form.
#[derive(Clone, Debug, Serialize)]
pub struct FormError {
    /// Name of the form field; empty for the form as a whole.
    pub field: String,
    /// The field's label; empty if the form has no such field.
    pub label: String,
    /// What to do about it, in the page's language.
    pub message: String,
}

/// The refused fields of several checks, so that a form says everything at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Notes a refused field.
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Notes a field that must not be empty.
    pub fn require(&mut self, pointer: &str, is_given: bool) {
        if !is_given {
            self.push(FieldError::new(pointer, "required", "This field must not be empty."));
        }
    }

    /// What a check has made of a field, else `None` and its error is noted.
    pub fn field<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.push(error)).ok()
    }

    /// A cleaned text; empty if it was refused.
    pub fn text(&mut self, pointer: &str, cleaned: Result<String, TextError>) -> String {
        let refused = |error: TextError| FieldError::new(pointer, error.code, error.detail);
        self.field(cleaned.map_err(refused)).unwrap_or_default()
    }

    /// What a check has made of several fields, else `None` and their errors are noted.
    ///
    /// # Errors
    /// Those that are not about fields.
    pub fn fields<T>(&mut self, checked: Result<T>) -> Result<Option<T>> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(Error::Fields(errors)) => {
                self.0.extend(errors);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// 422 with all refused fields, or the value.
    ///
    /// # Errors
    /// 422, also where there is neither.
    pub fn finish<T>(self, value: Option<T>) -> Result<T> {
        value.filter(|_| self.0.is_empty()).ok_or(Error::Fields(self.0))
    }
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
    let text = |key: &str| Some(i18n::text(locale, key)).filter(|text| text != key);
    let of = |error: &FieldError| {
        let field = field(&error.pointer);
        let message = text(&format!("field-error-{}", error.code));
        FormError {
            label: text(&format!("field-{field}")).filter(|_| !field.is_empty()).unwrap_or_default(),
            message: message.unwrap_or_else(|| i18n::text(locale, "field-error-unknown_value")),
            field,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_shown_again_without_proofs() {
        let form =
            FormInput::of(b"given_name=Ana+Mar%C3%ADa&website=x&altcha=a&wait_ticket=t&partner-union=true&updates=");
        assert_eq!((form.text("given_name"), form.text("email")), ("Ana Mar\u{ed}a", ""));
        assert_eq!(FormInput::of(b"name=Zo%E9+M\xFCller+%80").text("name"), "Zoé Müller €");
        assert_eq!((form.given("updates"), form.ticked("partner-union")), (None, true));
        assert_eq!(form.with_prefix("partner-").collect::<Vec<_>>(), [("union", "true")]);
        let names: Vec<String> = form.to_show(&["email"]).0.into_keys().collect();
        assert_eq!(names, ["email", "given_name", "partner-union", "updates"]);
    }
}
