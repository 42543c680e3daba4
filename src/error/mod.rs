//! The one error type: what went wrong for the reader (RFC 9457 problem+json with a closed list of codes), and apart from
//! that what the log says. Neither ever carries a person's data.

mod sqlstate;

use std::{borrow::Cow, cell::Cell, fmt};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

pub use sqlstate::{ErrorClass, breaks_connections, is_suspect, note_broken_connection};

/// A result with Muster's error type.
///
/// Any function that returns it and is given a connection, a pool or a transaction may answer with a converted database error
/// ([`ErrorClass`] says as which code). `# Errors` sections name only what else can go wrong.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The closed list of problem codes. Clients match on these; titles and details may be reworded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: a query parameter is unknown, out of range or not understood.
    InvalidParameter,
    /// 400: `filter` is not understood.
    InvalidFilter,
    /// 401: no token or session, or one that does not count any more.
    Unauthorized,
    /// 403: signed in, but without the scope or role for this.
    Forbidden,
    /// 404: nothing here (or nothing that you may know of).
    NotFound,
    /// 405: the resource does not take this method.
    MethodNotAllowed,
    /// 409: the action takes nobody now; `detail` says why.
    ActionClosed,
    /// 409: a name is taken, or the present state does not allow this.
    Conflict,
    /// 410: a mailed link that has expired or was replaced.
    LinkExpired,
    /// 413: the body is larger than 64 KiB.
    PayloadTooLarge,
    /// 415: the body is not JSON (or, on a page, not a form).
    UnsupportedMediaType,
    /// 422: `errors` names each field.
    ValidationFailed,
    /// 422: the `Idempotency-Key` was used for another request.
    IdempotencyMismatch,
    /// 428: solve the challenge in `muster:challenge` and send it again.
    ChallengeRequired,
    /// 429: too many attempts to sign in.
    TooManyRequests,
    /// 500: our fault; the log knows more under `request_id`.
    Internal,
    /// 503: try again after `Retry-After`; nothing was lost that was acknowledged.
    Unavailable,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::InvalidParameter,
        Self::InvalidFilter,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::ActionClosed,
        Self::Conflict,
        Self::LinkExpired,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::ValidationFailed,
        Self::IdempotencyMismatch,
        Self::ChallengeRequired,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The HTTP status that goes with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidParameter | Self::InvalidFilter => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ActionClosed | Self::Conflict => StatusCode::CONFLICT,
            Self::LinkExpired => StatusCode::GONE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ValidationFailed | Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::ChallengeRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParameter => "invalid_parameter",
            Self::InvalidFilter => "invalid_filter",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::ActionClosed => "action_closed",
            Self::Conflict => "conflict",
            Self::LinkExpired => "link_expired",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ValidationFailed => "validation_failed",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::ChallengeRequired => "challenge_required",
            Self::TooManyRequests => "too_many_requests",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
        }
    }

    /// The short title of problems with this code.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidParameter => "A query parameter is not understood",
            Self::InvalidFilter => "The filter is not understood",
            Self::Unauthorized => "Sign in or send a token",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Nothing here",
            Self::MethodNotAllowed => "Method not allowed",
            Self::ActionClosed => "Not open at present",
            Self::Conflict => "Conflict with the present state",
            Self::LinkExpired => "This link does not work any more",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body's type is not supported",
            Self::ValidationFailed => "Some fields need another look",
            Self::IdempotencyMismatch => "This Idempotency-Key belongs to another request",
            Self::ChallengeRequired => "A proof of work is needed",
            Self::TooManyRequests => "Too many attempts",
            Self::Internal => "Something went wrong on our side",
            Self::Unavailable => "Busy or under maintenance; try again soon",
        }
    }
}

/// One field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body: `/person/email_addresses/0/address`.
    pub pointer: String,
    /// Why, in one stable word: `required`, `too_long`, `unknown_value`, ...
    pub code: Cow<'static, str>,
    /// Why, for a person.
    pub detail: String,
}

impl FieldError {
    /// A refused field.
    pub fn new(pointer: impl Into<String>, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// Anything the caller can do something about.
    Problem {
        /// Which.
        code: Code,
        /// For the reader.
        detail: Cow<'static, str>,
    },
    /// 422 with its fields.
    Fields(Vec<FieldError>),
    /// 428 with the challenge to solve.
    Challenge(serde_json::Value),
    /// 503: the database or the queue cannot take it now.
    Unavailable {
        /// Seconds after which to try again.
        retry_after: u32,
        /// For the log.
        cause: String,
    },
    /// 500: only the log is told why.
    Internal(anyhow::Error),
}

impl Error {
    /// A problem with its detail.
    pub fn problem(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Problem { code, detail: detail.into() }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::problem(Code::NotFound, "There is nothing at this address.")
    }

    /// 422 for one field.
    pub fn field(pointer: impl Into<String>, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::Fields(vec![FieldError::new(pointer, code, detail)])
    }

    /// 500 with a cause for the log.
    pub fn internal(cause: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::Internal(anyhow::Error::msg(cause))
    }

    /// The problem code.
    pub fn code(&self) -> Code {
        match self {
            Self::Problem { code, .. } => *code,
            Self::Fields(_) => Code::ValidationFailed,
            Self::Challenge(_) => Code::ChallengeRequired,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem { code, detail } => write!(f, "{}: {detail}", code.as_str()),
            Self::Fields(fields) => {
                write!(f, "validation_failed:")?;
                fields.iter().try_for_each(|e| write!(f, " {} {};", e.pointer, e.code))
            }
            Self::Challenge(_) => f.write_str("challenge_required"),
            Self::Unavailable { cause, .. } => write!(f, "unavailable: {cause}"),
            Self::Internal(cause) => write!(f, "internal: {cause:#}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    /// See [`ErrorClass`]: nobody is answered 500 because the database was away, read-only, slow or of another version.
    fn from(error: sqlx::Error) -> Self {
        record_database_error(&error);
        match ErrorClass::of(&error) {
            ErrorClass::NotFound => Self::not_found(),
            ErrorClass::Retry | ErrorClass::Outage => Self::Unavailable { retry_after: 5, cause: error.to_string() },
            ErrorClass::Data | ErrorClass::Program => Self::Internal(error.into()),
        }
    }
}

/// Counts a database error by its SQLSTATE, and notes it when it speaks against the connections.
pub fn record_database_error(error: &sqlx::Error) {
    let state = match error {
        sqlx::Error::RowNotFound => return,
        sqlx::Error::Database(e) => e.code().map_or_else(|| "none".to_owned(), std::borrow::Cow::into_owned),
        sqlx::Error::PoolTimedOut => "pool_timed_out".to_owned(),
        _ => "connection".to_owned(),
    };
    metrics::counter!("muster_database_errors", "sqlstate" => state).increment(1);
    if breaks_connections(error) {
        note_broken_connection();
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// Turns the breach of a named constraint into a client's error, instead of a look-up before each write.
pub trait OnConstraint<T> {
    /// Maps the breach of constraint `name` with `to`; other errors go on as they are.
    ///
    /// # Errors
    /// What `to` makes of the breach, or the converted database error.
    fn on_constraint(self, name: &str, to: impl FnOnce() -> Error) -> Result<T>;
}

impl<T, E: Into<Error> + AsSqlx> OnConstraint<T> for Result<T, E> {
    fn on_constraint(self, name: &str, to: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|error| match error.as_sqlx() {
            Some(sqlx::Error::Database(e)) if e.constraint() == Some(name) => to(),
            _ => error.into(),
        })
    }
}

/// An error that may be a database error.
pub trait AsSqlx {
    /// The database error inside, if it is one.
    fn as_sqlx(&self) -> Option<&sqlx::Error>;
}

impl AsSqlx for sqlx::Error {
    fn as_sqlx(&self) -> Option<&sqlx::Error> {
        Some(self)
    }
}

impl AsSqlx for Error {
    fn as_sqlx(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Internal(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

tokio::task_local! {
    static REQUEST: Cell<Uuid>;
}

/// Runs a request under its id, which problems and log lines of that request then carry.
pub async fn with_request_id<F: Future>(id: Uuid, request: F) -> F::Output {
    REQUEST.scope(Cell::new(id), request).await
}

fn request_id() -> Option<Uuid> {
    REQUEST.try_with(Cell::get).ok()
}

/// A problem as it was answered, kept with the response so that pages can show it as HTML.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its code.
    pub code: Code,
    /// Its detail.
    pub detail: String,
    /// The request's id.
    pub request_id: Option<Uuid>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = self.code();
        let request_id = request_id();
        match &self {
            Self::Internal(_) => tracing::error!(request_id = ?request_id, "{self}"),
            // in an outage there are thousands a second: one line of each second says why
            Self::Unavailable { .. } => {
                metrics::counter!("muster_http_unavailable").increment(1);
                if let Some(more) = sqlstate::once_a_second() {
                    tracing::warn!(request_id = ?request_id, more, "{self}");
                }
            }
            _ => {}
        }
        let mut body = json!({
            "type": format!("/api/v1/problems#{}", code.as_str()),
            "title": code.title(),
            "status": code.status().as_u16(),
            "code": code.as_str(),
            "request_id": request_id,
        });
        let detail: Cow<'static, str> = match &self {
            Self::Problem { detail, .. } => detail.clone(),
            Self::Fields(fields) => {
                body["errors"] = json!(fields);
                "See `errors`: each names a field by its JSON pointer.".into()
            }
            Self::Challenge(challenge) => {
                body["muster:challenge"] = challenge.clone();
                "Many requests come from where you are. Solve the challenge and send it in `muster:challenge`.".into()
            }
            Self::Unavailable { .. } => "It is not certain that this was done. Please try again in a moment.".into(),
            Self::Internal(_) => "It has been noted. Please try again, and quote the request id if it stays.".into(),
        };
        body["detail"] = json!(detail);
        let mut response = (
            code.status(),
            [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")],
            body.to_string(),
        )
            .into_response();
        if let Self::Unavailable { retry_after, .. } = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
        }
        if code == Code::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Problem { code, detail: detail.into_owned(), request_id });
        response
    }
}
