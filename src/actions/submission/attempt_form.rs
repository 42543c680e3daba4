//! Forms whose attempts are limited by address and network: an address, and the answer to a challenge.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};

use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::{
        Kernel,
        forms::{ANSWER_ANCHOR, FormFields, FormInput, challenge_context, field_of, form_errors},
        pages::{Visitor, private},
    },
    people::PERSON_FORM_FIELDS,
};

/// Fields of the forms besides those of a person, by JSON pointers as the API has them.
const FORM_FIELDS: &FormFields = &[("muster:code", "code")];

/// Fields of the forms.
const FIELDS: &[&str] = &["email", "code"];

/// What a form says when it is shown again.
pub struct FormState {
    /// Errors of its fields.
    pub errors: Vec<FieldError>,
    /// Challenge to solve, or time to wait, before the next attempt.
    pub challenge: Value,
}

impl Default for FormState {
    fn default() -> Self {
        Self { errors: Vec::new(), challenge: Value::from(()) }
    }
}

impl From<FieldError> for FormState {
    fn from(error: FieldError) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }
}

/// A page with the form; `page` has its further variables.
///
/// # Errors
/// `internal` when the template does not render.
pub fn form_page(
    kernel: &Kernel,
    visitor: &Visitor,
    template: &str,
    path: &str,
    form: &FormInput,
    state: &FormState,
    page: Value,
) -> Result<Response> {
    let field = |pointer: &str| field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS]);
    let errors = Serde(form_errors(visitor.locale, &state.errors, field));
    let form = context! { action => path, answer => ANSWER_ANCHOR, values => Serde(form.clone().to_show(FIELDS)), errors, locale => visitor.locale.as_str() };
    let page = context! { form, challenge => state.challenge.clone(), ..page };
    Ok(private(kernel.pages.page(template, visitor, "", page)?))
}

/// The form again when the rate limit is reached: 429, with what to do. Other errors are returned.
///
/// # Errors
/// Those of `page`, and `error` if it is no limit.
pub fn rate_limited_page(
    kernel: &Kernel,
    error: Error,
    page: impl FnOnce(&FormState) -> Result<Response>,
) -> Result<Response> {
    let (seconds, state) = match error {
        Error::Challenge(challenge) => (
            challenge["wait_seconds"].as_i64().unwrap_or_default(),
            FormState {
                challenge: challenge_context(&challenge),
                ..FormState::from(FieldError::new("", "attempt_needs_proof", ""))
            },
        ),
        error if error.code() == Code::TooManyRequests => (
            kernel.rate_limiter.seconds_until_next_window(),
            FormState::from(FieldError::new("", "too_many_attempts", "")),
        ),
        error => return Err(error),
    };
    let mut response = (StatusCode::TOO_MANY_REQUESTS, page(&state)?).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Ok(response)
}
