//! Requests to the API: validated bodies, list queries, path parameters.

use std::{borrow::Cow, fmt};

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use utoipa::IntoParams;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use super::{
    body::{self, Members, escape},
    filter::{FieldSet, Filter},
    paging::PageParams,
};
use crate::error::{Code, Error, FieldError, Result};

/// Maximum size of a request body, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Maximum size of a page's form, in bytes: 10,000 characters of any script, percent-encoded.
pub const FORM_LIMIT: usize = 256 * 1024;

/// Reads a request's body: a JSON object, or a form where `takes_forms`, together with its bytes, by which repeated
/// requests are compared. A form under the type of JSON is read as what it is: HTTP libraries send one by mistake.
///
/// # Errors
/// 413 for more than 64 KiB, 415 for another type, 422 for broken JSON and for what is no object.
pub(super) async fn read_body<S: Send + Sync>(
    request: Request,
    state: &S,
    takes_forms: bool,
) -> Result<(Members, Bytes)> {
    let kind = media_type(request.headers());
    let is_form = kind == "application/x-www-form-urlencoded";
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    if !(is_json || is_form && takes_forms) {
        return Err(Error::problem(Code::UnsupportedMediaType, "Send the body as application/json."));
    }
    let bytes = Bytes::from_request(request, state).await.map_err(too_large)?;
    let members = if is_form || body::is_form(&bytes) { Members::of_form(&bytes) } else { Members::of_json(&bytes)? };
    Ok((members, bytes))
}

/// Parses and validates a JSON body.
///
/// # Errors
/// 422 with a JSON pointer for each refused field.
pub fn parse<T: DeserializeOwned + Validate>(bytes: &[u8]) -> Result<T> {
    convert(&Members::of_json(bytes)?)
}

/// Converts and validates a body.
///
/// # Errors
/// 422 with a JSON pointer for each refused field.
pub(super) fn convert<T: DeserializeOwned + Validate>(members: &Members) -> Result<T> {
    let value: T = body::convert(members)?;
    value.validate().map_err(|e| {
        let mut fields = Vec::new();
        collect(&e, "", &mut fields);
        fields.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        Error::Fields(fields)
    })?;
    Ok(value)
}

/// Converts axum's rejection of a body: 413 when it is too large, otherwise 422.
#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
pub fn too_large(rejection: BytesRejection) -> Error {
    if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        Error::problem(Code::PayloadTooLarge, "A body may have 64 KiB.")
    } else {
        Error::field("", "invalid_json", "The body broke off.")
    }
}

/// The media type of a body, in small letters; JSON if there is none.
fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/json");
    kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The JSON name of a Rust field: members of Muster's own have the prefix `muster:`, in Rust `muster_`.
fn json_name(field: &str) -> String {
    field.strip_prefix("muster_").map_or_else(|| field.to_owned(), |rest| format!("muster:{rest}"))
}

fn collect(errors: &ValidationErrors, at: &str, into: &mut Vec<FieldError>) {
    for (field, kind) in errors.errors() {
        let pointer = if field == "__all__" { at.to_owned() } else { format!("{at}/{}", escape(&json_name(field))) };
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, &pointer, into),
            ValidationErrorsKind::List(items) => {
                for (i, inner) in items {
                    collect(inner, &format!("{pointer}/{i}"), into);
                }
            }
            ValidationErrorsKind::Field(found) => {
                for one in found {
                    let detail = one.message.clone().unwrap_or_else(|| describe(one));
                    into.push(FieldError::new(pointer.clone(), code_of(one), detail));
                }
            }
        }
    }
}

fn code_of(error: &validator::ValidationError) -> Cow<'static, str> {
    match error.code.as_ref() {
        "length"
            if error
                .params
                .get("value")
                .is_some_and(|v| v.as_str() == Some("") || v.as_array().is_some_and(Vec::is_empty)) =>
        {
            "required".into()
        }
        "length" => "too_long".into(),
        "range" => "out_of_range".into(),
        _ => error.code.clone(),
    }
}

fn describe(error: &validator::ValidationError) -> Cow<'static, str> {
    match (error.params.get("min"), error.params.get("max")) {
        (Some(min), Some(max)) => format!("Must lie between {min} and {max}.").into(),
        (None, Some(max)) => format!("At most {max}.").into(),
        (Some(min), None) => format!("At least {min}.").into(),
        _ => "This value is not accepted.".into(),
    }
}

/// `page`, `per_page`, `after` and `filter` of a list; any other parameter is a 400 that names it.
#[derive(Debug)]
pub struct ListQuery {
    /// The requested page.
    pub page: PageParams,
    /// The filter expression, percent-decoded.
    pub filter: Option<String>,
    /// The query string as received, for the links between pages.
    pub raw: String,
}

impl ListQuery {
    /// The parsed filter over these fields.
    ///
    /// # Errors
    /// `invalid_filter` (400), naming the position of the error.
    pub fn filter(&self, fields: FieldSet) -> Result<Option<Filter>> {
        self.filter.as_deref().map(|text| Filter::parse(text, fields)).transpose().map_err(|e| {
            Error::problem(Code::InvalidFilter, format!("filter, at character {}: {}", e.position, e.detail))
        })
    }

    /// Refuses a filter where the list has none.
    ///
    /// # Errors
    /// `invalid_filter` (400).
    pub fn refuse_filter(&self) -> Result<()> {
        self.filter(FieldSet(&[])).map(drop)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ListQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let raw = parts.uri.query().unwrap_or("").to_owned();
        let page = PageParams::from_query(&raw)
            .map_err(|e| Error::problem(Code::InvalidParameter, format!("{}: {}", e.parameter, e.detail)))?;
        let mut filter = None;
        for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            match name.as_ref() {
                "page" | "per_page" | "after" => {}
                "filter" => filter = Some(value.into_owned()),
                // OSDI clients may still send their token as a parameter; it is not accepted, since URLs end up in logs
                other => {
                    return Err(Error::problem(
                        Code::InvalidParameter,
                        format!("`{}` is not a parameter of this list.", other.chars().take(40).collect::<String>()),
                    ));
                }
            }
        }
        Ok(Self { page, filter: filter.filter(|f| !f.trim().is_empty()), raw })
    }
}

/// The parameters of every list, for its description; [`ListQuery`] reads them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the derive only")]
pub struct PagingParams {
    /// From 1.
    page: Option<u64>,
    /// As the `next` link of a page has it.
    after: Option<String>,
    /// 1 to 100; 25 unless told.
    per_page: Option<u32>,
}

/// Path parameters: one value or a tuple of two. A malformed one answers 404.
#[derive(Clone, Debug)]
pub struct PathParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        // Postgres accepts no NUL in text, and no valid parameter contains one
        if parts.uri.path().contains("%00") {
            return Err(Error::not_found());
        }
        Path::<T>::from_request_parts(parts, state).await.map(|Path(value)| Self(value)).map_err(|_| Error::not_found())
    }
}

/// Distinguishes an explicit `null` (`Some(None)`) from an absent member (`None`), for an `Option<Option<T>>` with
/// `#[serde(default, deserialize_with = "nullable")]`.
///
/// # Errors
/// When the member is neither `null` nor a `T`.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A list in which null stands for an empty entry: it keeps its place, so that pointers count entries as the client does.
///
/// # Errors
/// When the member is no list, or an entry neither `null` nor a `T`.
pub fn entries<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let entries = Vec::<Option<T>>::deserialize(deserializer)?;
    Ok(entries.into_iter().map(Option::unwrap_or_default).collect())
}

/// A list of texts as [`entries`], or one text.
///
/// # Errors
/// When the member is neither.
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Texts;

    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = seq.next_element::<Option<String>>()? {
                texts.push(text.unwrap_or_default());
            }
            Ok(texts)
        }
    }

    deserializer.deserialize_any(Texts)
}

/// A text that may be a number: spreadsheets and data frames make numbers of telephone numbers and postal codes.
///
/// # Errors
/// When the member is neither.
pub fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_f64<E>(self, number: f64) -> Result<String, E> {
            // 4165550142.0
            Ok(number.to_string())
        }
    }

    deserializer.deserialize_any(Text)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    struct Body {
        #[validate(length(min = 1, max = 5))]
        title: String,
        #[serde(rename = "muster:goal")]
        #[validate(range(min = 1, max = 10))]
        muster_goal: Option<i64>,
        #[serde(default)]
        #[validate(nested)]
        people: Vec<Person>,
        #[serde(default)]
        color: Color,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Color {
        #[default]
        Red,
        Blue,
    }

    #[derive(Debug, Deserialize, Validate)]
    struct Person {
        #[validate(length(max = 3))]
        name: String,
    }

    fn fields(json: &str) -> Vec<(String, String)> {
        match parse::<Body>(json.as_bytes()) {
            Err(Error::Fields(fields)) => fields.into_iter().map(|f| (f.pointer, f.code.into_owned())).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_fault_is_named_by_its_pointer() {
        let one = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
        assert_eq!(fields("{"), one("", "invalid_json"));
        assert_eq!(fields(r#"{"title":"a"} x"#), one("", "invalid_json"));
        assert_eq!(fields("{}"), one("/title", "required"));
        assert_eq!(fields(r#"{"title":""}"#), one("/title", "required"));
        assert_eq!(fields(r#"{"title":7}"#), one("/title", "invalid_type"));
        assert_eq!(fields(r#"{"title":"a","muster:goal":"many"}"#), one("/muster:goal", "invalid_type"));
        assert_eq!(fields(r#"{"title":"a","muster:goal":11}"#), one("/muster:goal", "out_of_range"));
        assert_eq!(fields(r#"{"title":"a","color":"green"}"#), one("/color", "unknown_value"));
        assert_eq!(
            fields(r#"{"title":"a","people":[{"name":"ok"},{"name":"long one"}]}"#),
            one("/people/1/name", "too_long")
        );
        assert_eq!(fields(r#"{"title":"a","people":[{}]}"#), one("/people/0/name", "required"));
        assert_eq!(fields(r#"{"title":"too long","muster:goal":0}"#).len(), 2);
        let body = parse::<Body>(br#"{"title":"a","unknown":1,"color":"blue"}"#).unwrap();
        assert!(
            matches!(body.color, Color::Blue)
                && body.title == "a"
                && body.people.is_empty()
                && body.muster_goal.is_none()
        );
    }
}
