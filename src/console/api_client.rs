//! The console as a client of the API: pages read its answers, and forms are converted into requests, in process, with
//! the session's cookie. So validation, authorisation and limits are implemented once. [`super::forms`] has the forms
//! that people type into.
//!
//! A button posts to `/console/act`. The fields of its form:
//! - `csrf`: must be the first field; checked before anything else is read;
//! - `method`, `path`: of the API request; `back`: page of the console to redirect to;
//! - `show`: name of a number in the answer, which the page then shows;
//! - a JSON pointer: a member of the request body, as text unless a type follows: `/muster:goal|number`, `|numbers`,
//!   `|lines`, `|flag`, `|time`, `|text`. An empty field with one of these types is left out, except that `|numbers`
//!   and `|lines` make an empty array;
//! - `?name`: a query parameter;
//! - a file: becomes the request body and is streamed. With `then` (a path of the API) and `then_member`, a PUT to that
//!   path afterwards sets the member to the id of the created resource.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, BodyDataStream, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, StreamExt};
use minijinja::context;
use serde_json::{Map, Value};
use tower::ServiceExt;

use super::{Console, accounts::confirm_url, forms, frame::Page};
use crate::{
    error::{Code, Error, Result},
    kernel::pages::{Visitor, private, see_other},
    organizers::{MaybeSession, Session, session_cookie_pair},
};

/// Maximum size of a form without its file, in bytes.
const MAX_FORM_BYTES: usize = 256 * 1024;
/// Maximum size of a field, in bytes; also the maximum read before the CSRF token is checked.
const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Maximum number of fields of a form.
const MAX_FIELDS: usize = 600;
/// Maximum depth of a JSON pointer in a field's name.
const MAX_POINTER_DEPTH: usize = 8;
/// Maximum size of a file, in bytes: that of imports, the largest kind. The API applies its own limits.
const MAX_FILE_BYTES: usize = 200 * 1024 * 1024;
/// Maximum size of a piece of a form that is passed to the parser, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;
/// Maximum size of an answer of the API that a page reads, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// State of the pages that call the API.
#[derive(Clone, Debug)]
pub struct ApiClient {
    /// State of the console.
    pub console: Console,
    /// Router of the API.
    pub api: Router,
}

impl ApiClient {
    /// Sends a request to the API with the session's cookie and our own origin.
    ///
    /// # Errors
    /// `not_found` for a path that is none.
    pub async fn call(&self, session: &Session, method: Method, uri: &str, kind: &str, body: Body) -> Result<Response> {
        let cookie = session_cookie_pair(&self.console.kernel, &session.token);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::COOKIE, cookie)
            .header(header::ORIGIN, self.console.kernel.settings.http.public_url.trim_end_matches('/'))
            .header(header::CONTENT_TYPE, kind)
            .body(body)
            .map_err(|_| Error::not_found())?;
        Ok(self.api.clone().oneshot(request).await.unwrap_or_else(|never| match never {}))
    }

    /// The answer to a GET; null where the API answers 403.
    ///
    /// # Errors
    /// `not_found` where the API answers so; `internal` for an answer that is not JSON or too large.
    pub async fn get(&self, session: &Session, path: &str) -> Result<Value> {
        let response = self.call(session, Method::GET, path, "application/json", Body::empty()).await?;
        match response.status() {
            StatusCode::FORBIDDEN => Ok(Value::Null),
            StatusCode::NOT_FOUND => Err(Error::not_found()),
            _ => json(response).await,
        }
    }

    /// The answer to a POST without a body; null for an error.
    ///
    /// # Errors
    /// As [`ApiClient::get`].
    pub async fn post(&self, session: &Session, path: &str) -> Result<Value> {
        let response = self.call(session, Method::POST, path, "application/json", Body::empty()).await?;
        if response.status().is_success() { json(response).await } else { Ok(Value::Null) }
    }
}

pub(super) async fn json(response: Response) -> Result<Value> {
    let bytes = axum::body::to_bytes(response.into_body(), MAX_ANSWER_BYTES).await.map_err(Error::internal)?;
    serde_json::from_slice(&bytes).map_err(Error::internal)
}

/// The fields of a form, as described above.
#[derive(Debug, Default)]
struct SubmittedForm {
    method: String,
    path: String,
    back: String,
    show: String,
    then: String,
    then_member: String,
    query: Vec<(String, String)>,
    body: Map<String, Value>,
}

impl SubmittedForm {
    fn of(fields: Vec<(String, String)>) -> Result<Self> {
        let mut form = Self::default();
        for (name, value) in fields {
            form.take(&name, value)?;
        }
        Ok(form)
    }

    /// Adds a field.
    fn take(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            "csrf" => {}
            "method" => self.method = value,
            "path" => self.path = value,
            "back" => self.back = value,
            "show" => self.show = value,
            "then" => self.then = value,
            "then_member" => self.then_member = value,
            _ => {
                if let Some(name) = name.strip_prefix('?') {
                    self.query.push((name.to_owned(), value));
                } else if let Some((pointer, kind)) =
                    name.strip_prefix('/').map(|n| n.split_once('|').unwrap_or((n, "")))
                    && let Some(value) = parse_value(kind, value)
                {
                    if pointer.matches('/').count() >= MAX_POINTER_DEPTH {
                        return Err(invalid_form());
                    }
                    put(&mut self.body, pointer, value);
                }
            }
        }
        Ok(())
    }

    /// Redirect target.
    fn back(&self) -> &str {
        back_in_console(&self.back)
    }

    fn uri(&self) -> Result<String> {
        if !self.path.starts_with("/api/v1/") || !(self.then.is_empty() || self.then.starts_with("/api/v1/")) {
            return Err(Error::not_found());
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        Ok(if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) })
    }
}

/// A redirect target: always a page of the console, against open redirects.
pub(super) fn back_in_console(back: &str) -> &str {
    if back == "/console" || back.starts_with("/console/") { back } else { "/console" }
}

/// The JSON value of a field; `None`: the member is left out.
fn parse_value(kind: &str, value: String) -> Option<Value> {
    let text = value.trim();
    let numbers =
        || text.split(|c: char| c == ',' || c.is_whitespace()).filter(|n| !n.is_empty()).map(number).collect();
    Some(match kind {
        "" => Value::String(value),
        "numbers" => Value::Array(numbers()),
        "lines" => text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().into(),
        _ if text.is_empty() => return None,
        "number" => number(text),
        "flag" => (text == "true").into(),
        // `datetime-local` has no time zone; the page says that it is UTC
        "time" => format!("{text}{}Z", if text.len() == 16 { ":00" } else { "" }).into(),
        _ => text.into(),
    })
}

/// A number, or else the text as it is, which the API then refuses with its pointer.
fn number(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}

/// Sets the value at a pointer such as `a/b`, creating objects on the way.
fn put(body: &mut Map<String, Value>, pointer: &str, value: Value) {
    match pointer.split_once('/') {
        None => {
            body.insert(pointer.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = body.entry(first).or_insert_with(|| Map::new().into());
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

/// `POST /console/act`
pub(super) async fn submit_form(
    State(api_client): State<ApiClient>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    request: Request,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    let (fields, file) = read_request(request, &session).await?;
    let mut form = SubmittedForm::of(fields)?;
    let method = match &*form.method {
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => Method::POST,
    };
    let mut answer = if let Some(file) = file {
        form.query.push(("name".to_owned(), file.name));
        api_client.call(&session, method, &form.uri()?, &file.kind, Body::from_stream(file.content)).await?
    } else {
        let body = Value::Object(std::mem::take(&mut form.body)).to_string();
        api_client.call(&session, method, &form.uri()?, "application/json", body.into()).await?
    };
    if answer.status().is_success() && !form.then.is_empty() {
        let created = json(answer).await?;
        let id = created["identifiers"][0].as_str().unwrap_or("").trim_start_matches("muster:");
        let body = Value::Object(Map::from_iter([(form.then_member.clone(), id.into())])).to_string();
        answer = api_client.call(&session, Method::PUT, &form.then, "application/json", body.into()).await?;
    }
    let status = answer.status();
    if status.is_success() {
        let n = match &*form.show {
            "" => None,
            show => json(answer).await?.get(show).and_then(Value::as_i64),
        };
        return Ok(private(see_other(&with_flash(form.back(), n))));
    }
    let problem = json(answer).await?;
    if problem["code"] == Code::ConfirmationRequired.as_str() {
        return Ok(private(see_other(&confirm_url(form.back()))));
    }
    let messages: Vec<String> = forms::refusals(visitor.locale, &problem).into_iter().map(|r| r.message).collect();
    let page = context! { back => form.back(), messages };
    let page = Page::new(api_client, session, visitor).render("console/refused.html", page)?;
    Ok((status, private(page)).into_response())
}

/// The address of a page, such that it tells of a success in the section that its anchor names: `done` is the anchor,
/// or `page` without one; `n` the number to be told.
pub(super) fn with_flash(address: &str, n: Option<i64>) -> String {
    let (path, anchor) = address.split_once('#').unwrap_or((address, ""));
    let done = if anchor.is_empty() { "page" } else { anchor };
    let n = n.map_or_else(String::new, |n| format!("&n={n}"));
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}done={done}{n}{}{anchor}", if anchor.is_empty() { "" } else { "#" })
}

/// A file in a form.
pub(super) struct UploadedFile {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub kind: String,
    /// What is in it.
    pub content: multer::Field<'static>,
}

/// The fields of a form, and its file if it has one.
type Submitted = (Vec<(String, String)>, Option<UploadedFile>);

/// Reads the form that a request brings.
///
/// # Errors
/// `forbidden` without the session's CSRF token; `payload_too_large`; `unsupported_media_type` for half a form.
pub(super) async fn read_request(request: Request, session: &Session) -> Result<Submitted> {
    if let Some(boundary) = boundary_of(&request) {
        return read_multipart(request.into_body(), boundary, session).await;
    }
    let fields = read_form(request.into_body()).await?;
    check_form(&fields, session)?;
    Ok((fields, None))
}

/// Reads a form without a file (`application/x-www-form-urlencoded`), whoever sent it.
///
/// # Errors
/// `payload_too_large`.
pub(super) async fn read_form(body: Body) -> Result<Vec<(String, String)>> {
    let bytes = axum::body::to_bytes(body, MAX_FORM_BYTES).await.map_err(|_| too_large())?;
    let fields = url::form_urlencoded::parse(&bytes).take(MAX_FIELDS + 1);
    let fields: Vec<_> = fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if fields.len() > MAX_FIELDS { Err(too_large()) } else { Ok(fields) }
}

/// Does a form have the session's CSRF token?
///
/// # Errors
/// `forbidden`.
pub(super) fn check_form(fields: &[(String, String)], session: &Session) -> Result<()> {
    session.check(fields.iter().find(|(name, _)| name == "csrf").map_or("", |(_, token)| token))
}

/// The boundary of a form that may have a file; none of another.
pub(super) fn boundary_of(request: &Request) -> Option<String> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    multer::parse_boundary(kind).ok()
}

/// Reads a form that may have a file (`multipart/form-data`). The CSRF token is the first field: without it nothing
/// else is read. The file is the last one, so that the request is known before the file is streamed.
async fn read_multipart(body: Body, boundary: String, session: &Session) -> Result<Submitted> {
    let allowed = ByteBudget::new(MAX_FIELD_BYTES);
    let mut parts = multer::Multipart::new(MeteredBody::new(body, allowed.clone()), boundary);
    let refused = |_| if allowed.is_spent() { too_large() } else { invalid_form() };
    let mut fields: Vec<(String, String)> = Vec::new();
    while let Some(mut part) = parts.next_field().await.map_err(refused)? {
        let name = part.name().unwrap_or("").to_owned();
        if fields.is_empty() && name != "csrf" {
            session.check("")?;
        }
        if let Some(file) = part.file_name().filter(|_| !fields.is_empty()) {
            let kind = part.content_type().map_or("application/octet-stream".to_owned(), ToString::to_string);
            let name = file.to_owned();
            // a file field that was left empty is a file without name and content
            if name.is_empty() {
                continue;
            }
            allowed.set(MAX_FILE_BYTES);
            return Ok((fields, Some(UploadedFile { name, kind, content: part })));
        }
        let mut value = Vec::new();
        while let Some(piece) = part.chunk().await.map_err(refused)? {
            if value.len() + piece.len() > MAX_FIELD_BYTES {
                return Err(too_large());
            }
            value.extend_from_slice(&piece);
        }
        let value = String::from_utf8_lossy(&value).into_owned();
        if fields.is_empty() {
            session.check(&value)?;
            allowed.set(MAX_FORM_BYTES);
        }
        fields.push((name, value));
        if fields.len() > MAX_FIELDS {
            return Err(too_large());
        }
    }
    // a form without fields has no CSRF token
    if fields.is_empty() {
        session.check("")?;
    }
    Ok((fields, None))
}

/// Number of bytes that may still be read.
#[derive(Clone)]
struct ByteBudget(Arc<AtomicU64>);

impl ByteBudget {
    fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicU64::new(bytes as u64)))
    }

    /// Sets the number of bytes.
    fn set(&self, bytes: usize) {
        // the multipart parser has read up to one piece ahead
        self.0.store((bytes + CHUNK_BYTES) as u64, Ordering::Relaxed);
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Subtracts bytes. False when fewer are left; the budget is then zero.
    fn spend(&self, bytes: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes as u64);
        self.0.store(left.unwrap_or(0), Ordering::Relaxed);
        left.is_some()
    }
}

/// The form is larger than its byte budget.
#[derive(Debug, thiserror::Error)]
#[error("the form is too large")]
struct BudgetExceeded;

/// Limits a form's body to its byte budget, and passes it on in pieces, pending after each: the multipart parser
/// buffers whatever is ready before it parses, which from a fast client is the whole file.
struct MeteredBody {
    body: BodyDataStream,
    rest: Bytes,
    allowed: ByteBudget,
    handed_out: bool,
}

impl MeteredBody {
    fn new(body: Body, allowed: ByteBudget) -> Self {
        Self { body: body.into_data_stream(), rest: Bytes::new(), allowed, handed_out: false }
    }
}

impl Stream for MeteredBody {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.handed_out) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match self.body.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(Some(Ok(bytes))) => self.rest = bytes,
            }
        }
        let length = self.rest.len().min(CHUNK_BYTES);
        let piece = self.rest.split_to(length);
        if !self.allowed.spend(length) {
            return Poll::Ready(Some(Err(BudgetExceeded.into())));
        }
        self.handed_out = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

fn too_large() -> Error {
    Error::problem(
        Code::PayloadTooLarge,
        "A form may have 600 fields of at most 64 KiB, 256 KiB together, and a file of at most 200 MiB.",
    )
}

fn invalid_form() -> Error {
    Error::problem(Code::UnsupportedMediaType, "This form did not come in whole. Go back and send it again.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn form_fields_become_a_json_body() {
        let mut form = SubmittedForm::default();
        for (name, value) in [
            ("csrf", "x"),
            ("/title", "  T "),
            ("/muster:goal|number", "500"),
            ("/muster:milestones|numbers", "10, 20  30"),
            ("/muster:demands|lines", "One\r\n\r\nTwo "),
            ("/muster:raises_goal|flag", "false"),
            ("/rule/domain|text", ""),
            ("/rule/country|text", "CA"),
            ("/muster:opens_at|time", "2026-12-01T08:00"),
            ("/limit|number", "many"),
            ("?alt", "a b"),
            ("website", "ignored"),
        ] {
            form.take(name, value.to_owned()).unwrap();
        }
        let body = json!({
            "title": "  T ", "muster:goal": 500, "muster:milestones": [10, 20, 30], "muster:demands": ["One", "Two"],
            "muster:raises_goal": false, "rule": {"country": "CA"}, "muster:opens_at": "2026-12-01T08:00:00Z", "limit": "many",
        });
        assert_eq!(Value::Object(form.body.clone()), body);
        assert!(form.take(&"/a".repeat(100_000), String::new()).is_err(), "names say little");
        assert!(form.uri().is_err(), "only the API is called");
        form.path = "/api/v1/images".to_owned();
        assert_eq!(form.uri().unwrap(), "/api/v1/images?alt=a+b");
    }

    #[test]
    fn redirect_target_stays_in_the_console() {
        let back = |to: &str| SubmittedForm { back: to.to_owned(), ..SubmittedForm::default() }.back().to_owned();
        assert_eq!(back("/console/petitions/x#held"), "/console/petitions/x#held");
        for elsewhere in ["", "https://evil.example", "//evil.example", "/consoles", "/p/x"] {
            assert_eq!(back(elsewhere), "/console");
        }
    }
}
