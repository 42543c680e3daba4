//! The error type: what the client is told (RFC 9457 problem+json with a closed list of codes), and separately the
//! cause for the log. Neither ever contains personal data.

mod sqlstate;

use std::{borrow::Cow, cell::Cell, fmt};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use sqlstate::{
    Effect, ErrorClass, breaks_connections, connections_lost, is_disk_full, is_suspect, note_broken_connection,
    note_disk_full, note_lost_connections,
};

/// A result with Muster's error type.
///
/// Any function that returns it and uses the database may return a converted database error ([`ErrorClass`] says with
/// which code). `# Errors` sections name only other errors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The closed list of problem codes. Clients match on these; titles and details may be reworded.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    ToSchema,
    strum::EnumCount,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Code {
    /// 400: a query parameter or a header is unknown, missing, out of range or malformed.
    InvalidParameter,
    /// 400: `filter` cannot be parsed.
    InvalidFilter,
    /// 401: no token or session, or one that is no longer valid.
    Unauthorized,
    /// 403: signed in, but without the scope or role for this.
    Forbidden,
    /// 403: signed in, but the password must be typed once more at the console (`/console/confirm`).
    ConfirmationRequired,
    /// 404: it does not exist, or not for this client.
    NotFound,
    /// 405: the resource does not support this method.
    MethodNotAllowed,
    /// 409: the action accepts no submissions now; `detail` says why.
    ActionClosed,
    /// 409: a name is taken, or the current state does not allow this.
    Conflict,
    /// 410: a mailed link that has expired or was replaced.
    LinkExpired,
    /// The link of a mail was not copied whole, or never was one of ours.
    LinkIncomplete,
    /// 410: the action has ended, and the data of those who took part was or is being deleted.
    ActionEnded,
    /// 412: the change was to be made of a certain version only (`If-Match`), and there is none to compare with.
    PreconditionFailed,
    /// 413: the body is larger than 64 KiB.
    PayloadTooLarge,
    /// 415: the body is not JSON (or, on a page, not a form), or is compressed.
    UnsupportedMediaType,
    /// 422: `errors` names each field.
    ValidationFailed,
    /// 422: the `Idempotency-Key` was used for another request.
    IdempotencyMismatch,
    /// 428: solve the challenge in `muster:challenge` and send it again.
    ChallengeRequired,
    /// 429: too many attempts at a password, a code or the own page.
    TooManyRequests,
    /// 500: an error of Muster; the log has the cause under `request_id`.
    Internal,
    /// 503: try again after `Retry-After`; no acknowledged act was lost.
    Unavailable,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; <Self as strum::EnumCount>::COUNT] =
        *<Self as strum::VariantArray>::VARIANTS.first_chunk().unwrap();

    /// The HTTP status of the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidParameter | Self::InvalidFilter => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ConfirmationRequired => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ActionClosed | Self::Conflict => StatusCode::CONFLICT,
            Self::LinkExpired | Self::LinkIncomplete | Self::ActionEnded => StatusCode::GONE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ValidationFailed | Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::ChallengeRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code as written in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The short title of problems with this code.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidParameter => "A query parameter is not understood",
            Self::InvalidFilter => "The filter is not understood",
            Self::Unauthorized => "Sign in or send a token",
            Self::Forbidden => "Not allowed",
            Self::ConfirmationRequired => "Type your password once more",
            Self::NotFound => "Nothing here",
            Self::MethodNotAllowed => "Method not allowed",
            Self::ActionClosed => "Not open at present",
            Self::Conflict => "Conflict with the present state",
            Self::LinkExpired => "This link does not work any more",
            Self::LinkIncomplete => "This link is not complete",
            Self::ActionEnded => "This action has ended",
            Self::PreconditionFailed => "The condition does not hold",
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

/// A refused field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body: `/person/email_addresses/0/address`.
    pub pointer: String,
    /// A stable code: `required`, `too_long`, `unknown_value`, ...
    pub code: Cow<'static, str>,
    /// What is wrong, in one English sentence.
    pub detail: String,
}

impl FieldError {
    /// A refused field.
    pub fn new(pointer: impl Into<String>, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

/// An error of an operation, with the HTTP status it is answered with.
#[derive(Debug)]
pub enum Error {
    /// An error that the client can do something about.
    Problem {
        /// Its code, which determines the status.
        code: Code,
        /// What is wrong, for the client.
        detail: Cow<'static, str>,
    },
    /// A file that is refused as a whole.
    File {
        /// Its code, which determines the status.
        code: Code,
        /// What the file is or lacks, in a word: `old_excel`.
        reason: &'static str,
        /// What is wrong and what to do, for the client.
        detail: String,
    },
    /// 422 with the refused fields.
    Fields(Vec<FieldError>),
    /// 428 with the challenge to solve.
    Challenge(serde_json::Value),
    /// 503: the database or the queue is temporarily unavailable.
    Unavailable {
        /// Value of `Retry-After`, in seconds.
        retry_after: u32,
        /// May the request have been done all the same?
        effect: Effect,
        /// The cause, for the log only.
        cause: String,
    },
    /// 500, with the cause for the log only.
    Internal(anyhow::Error),
}

impl Error {
    /// A problem with this code and detail.
    pub fn problem(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Problem { code, detail: detail.into() }
    }

    /// A 503 of something that was not begun; `retry_after` in seconds.
    pub fn not_done(retry_after: u32, cause: impl Into<String>) -> Self {
        Self::Unavailable { retry_after, effect: Effect::None, cause: cause.into() }
    }

    /// A 503 of something that may have been done; `retry_after` in seconds.
    pub fn uncertain(retry_after: u32, cause: impl Into<String>) -> Self {
        Self::Unavailable { retry_after, effect: Effect::Unknown, cause: cause.into() }
    }

    /// A 404.
    pub fn not_found() -> Self {
        Self::problem(Code::NotFound, "There is nothing at this address.")
    }

    /// A 422 for one field.
    pub fn field(pointer: impl Into<String>, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::Fields(vec![FieldError::new(pointer, code, detail)])
    }

    /// A 500 with its cause for the log.
    pub fn internal(cause: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::Internal(anyhow::Error::msg(cause))
    }

    /// The same error for another request.
    #[must_use]
    pub fn repeated(&self) -> Self {
        match self {
            Self::Problem { code, detail } => Self::Problem { code: *code, detail: detail.clone() },
            Self::File { code, reason, detail } => Self::File { code: *code, reason, detail: detail.clone() },
            Self::Fields(fields) => Self::Fields(fields.clone()),
            Self::Challenge(challenge) => Self::Challenge(challenge.clone()),
            Self::Unavailable { retry_after, effect, cause } => {
                Self::Unavailable { retry_after: *retry_after, effect: *effect, cause: cause.clone() }
            }
            Self::Internal(cause) => Self::internal(format!("{cause:#}")),
        }
    }

    /// The problem's code.
    pub fn code(&self) -> Code {
        match self {
            Self::Problem { code, .. } | Self::File { code, .. } => *code,
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
            Self::File { code, detail, .. } => write!(f, "{}: {detail}", code.as_str()),
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
    /// See [`ErrorClass`]: an unreachable, read-only, slow or differently migrated database answers 503, not 500.
    fn from(error: sqlx::Error) -> Self {
        record_database_error(&error);
        match ErrorClass::of(&error) {
            ErrorClass::NotFound => Self::not_found(),
            ErrorClass::Retry | ErrorClass::Outage => {
                Self::Unavailable { retry_after: 5, effect: Effect::of(&error), cause: error.to_string() }
            }
            ErrorClass::Data | ErrorClass::Program => Self::Internal(error.into()),
        }
    }
}

/// Counts a database error by its SQLSTATE; if it shows that connections are broken, records that, too.
pub fn record_database_error(error: &sqlx::Error) {
    let state = match error {
        sqlx::Error::RowNotFound => return,
        sqlx::Error::Database(e) => e.code().map_or_else(|| "none".to_owned(), std::borrow::Cow::into_owned),
        sqlx::Error::PoolTimedOut => "pool_timed_out".to_owned(),
        _ => "connection".to_owned(),
    };
    metrics::counter!("muster_database_errors", "sqlstate" => state).increment(1);
    if error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "53100") {
        note_disk_full(true);
    }
    if breaks_connections(error) {
        note_broken_connection();
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// Converts the violation of a named constraint into a client error, instead of a look-up before each write.
pub trait OnConstraint<T> {
    /// Maps the violation of constraint `name` with `to`; other errors are converted as usual.
    ///
    /// # Errors
    /// The result of `to`, or the converted database error.
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

/// An error that may contain a database error.
pub trait AsSqlx {
    /// The database error inside, if there is one.
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

/// Runs a request with its id in a task-local, from which problems take it. Log lines have it from the request's span.
pub async fn with_request_id<F: Future>(id: Uuid, request: F) -> F::Output {
    REQUEST.scope(Cell::new(id), request).await
}

fn request_id() -> Option<Uuid> {
    REQUEST.try_with(Cell::get).ok()
}

/// A problem as it was answered, kept in the response's extensions so that pages can render it as HTML.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The problem's code.
    pub code: Code,
    /// The problem's detail.
    pub detail: String,
    /// Id of the request.
    pub request_id: Option<Uuid>,
}

/// `muster:challenge` of a problem: an ALTCHA challenge, and a ticket for clients without JavaScript.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeBody {
    /// The hash function, such as `SHA-256`.
    pub algorithm: String,
    /// Hash of the salt and the number to find, in hexadecimal digits.
    pub challenge: String,
    /// Largest possible number.
    pub maxnumber: u64,
    /// The salt, with the time of expiry.
    pub salt: String,
    /// HMAC of the challenge, in hexadecimal digits.
    pub signature: String,
    /// A ticket that is accepted instead of a solution after `wait_seconds`.
    pub wait_ticket: String,
    /// Seconds until the ticket is accepted.
    pub wait_seconds: i64,
}

/// The body of every error: a problem (RFC 9457) with a code from a closed list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// A URI reference of the code in `GET /api/v1/problems`.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means.
    title: Cow<'a, str>,
    /// The HTTP status.
    status: u16,
    /// One of the codes in `GET /api/v1/problems`.
    code: Code,
    /// What is wrong here, for people.
    detail: Cow<'a, str>,
    /// The request's id, as in the logs.
    request_id: Option<Uuid>,
    /// The refused fields (code `validation_failed`).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    errors: &'a [FieldError],
    /// What a file is that was refused as a whole, in a word: `old_excel`, `password`, `pdf`.
    #[serde(rename = "muster:reason", skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    reason: Option<&'static str>,
    /// A proof of work to solve (code `challenge_required`): the members of an ALTCHA challenge.
    #[serde(rename = "muster:challenge", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChallengeBody>)]
    challenge: Option<&'a serde_json::Value>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = self.code();
        let request_id = request_id();
        match &self {
            Self::Internal(_) => tracing::error!(event = "http.internal_error", "{self}"),
            // an outage produces thousands of these a second: at most one per second is logged
            Self::Unavailable { .. } => {
                metrics::counter!("muster_http_unavailable").increment(1);
                if let Some(more) = sqlstate::once_a_second() {
                    tracing::warn!(event = "http.unavailable", more, "{self}");
                }
            }
            _ => {}
        }
        let detail: Cow<'static, str> = match &self {
            Self::Problem { detail, .. } => detail.clone(),
            Self::File { detail, .. } => detail.clone().into(),
            Self::Fields(_) => "See `errors`: each names a field by its JSON pointer.".into(),
            Self::Challenge(_) => {
                "Many requests come from where you are. Solve the challenge and send it in `muster:challenge`.".into()
            }
            Self::Unavailable { effect: Effect::None, .. } => "This was not done. Please try again in a moment.".into(),
            Self::Unavailable { .. } => "It is not certain that this was done. Please try again in a moment.".into(),
            Self::Internal(_) => "It has been noted. Please try again, and quote the request id if it stays.".into(),
        };
        let body = ProblemBody {
            kind: format!("/api/v1/problems#{}", code.as_str()),
            title: code.title().into(),
            status: code.status().as_u16(),
            code,
            detail: detail.clone(),
            request_id,
            errors: if let Self::Fields(fields) = &self { fields } else { &[] },
            reason: if let Self::File { reason, .. } = &self { Some(reason) } else { None },
            challenge: if let Self::Challenge(challenge) = &self { Some(challenge) } else { None },
        };
        let mut response = (
            code.status(),
            [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")],
            serde_json::to_string(&body).unwrap_or_default(),
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
