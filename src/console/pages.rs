//! The console's pages: sign-in, sign-out, dashboard.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use minijinja::{
    context,
    value::{Serde, Value},
};
use serde::Deserialize;

use super::{Console, dashboard::Dashboard, frame::Page};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        crypto::{Key, base32},
        forms::challenge_context,
        i18n,
        pages::{Visitor, private, see_other},
        rate_limit::{Proof, Source},
    },
    organizers::{self, Credentials, MaybeSession, Scope, SessionStage, SignedIn},
};

/// Cookie of the sign-in form, for CSRF protection before there is a session (double submit).
const FORM_COOKIE: &str = "muster_form";
/// Lifetime of that cookie, in seconds.
const FORM_COOKIE_SECONDS: u64 = 3600;

/// `GET /console`
pub(super) async fn dashboard(page: Page) -> Result<Response> {
    let console = &page.client.console;
    let mut conn = console.kernel.db.acquire().await?;
    let organization = organizers::profile(&mut conn, &page.session.actor).await?.organization;
    let now = console.kernel.env.now();
    let tables = Dashboard::read(&mut conn, &page.session.actor, page.visitor.locale, now).await?;
    drop(conn);
    let campaigns = page.get("/api/v1/campaigns?per_page=1").await?;
    let offices = page.get("/api/v1/offices?per_page=1").await?;
    let has = |list: &serde_json::Value| list["total_records"].as_i64().unwrap_or_default() > 0;
    let steps = tables.first_steps(has(&campaigns), has(&offices));
    let template = context! {
        organization, may_mail => page.allows(Scope::MailManage), may_write => page.allows(Scope::ActionsWrite),
        steps => Serde(&steps),
    };
    page.render("console/dashboard.html", context! { ..template, ..Value::from(Serde(&tables)) })
}

/// `GET /console/sign-in`
pub(super) async fn sign_in_form(
    State(console): State<Console>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response> {
    if session.is_some() {
        return Ok(private(see_other("/console")));
    }
    sign_in_page(&console.kernel, &visitor, &headers, "", &SignInError::new(StatusCode::OK, ""))
}

/// Fields of the sign-in form.
#[derive(Deserialize)]
pub(super) struct SignIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    altcha: String,
    #[serde(default)]
    wait_ticket: String,
}

/// `POST /console/sign-in`
pub(super) async fn sign_in(
    State(console): State<Console>,
    source: Source,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response> {
    let kernel = &console.kernel;
    let Form(form) = form.map_err(|_| not_a_form())?;
    let cookie = form_cookie(kernel, &headers).ok_or_else(expired)?;
    if !is_form_token(kernel, &cookie, &form.csrf) {
        return Err(expired());
    }
    let device = organizers::device_token_from(kernel, &headers);
    let device_name = organizers::device_name(&headers);
    let credentials = Credentials {
        email: &form.email,
        password: &form.password,
        source,
        device: device.as_deref(),
        device_name: &device_name,
        proof: Proof::of_form(&form.altcha, &form.wait_ticket),
    };
    let answer = match organizers::sign_in(kernel, credentials).await {
        Ok(signed_in) => {
            // an earlier session of this browser is ended, against session fixation
            if let MaybeSession(Some(old)) = MaybeSession::of(&console.authenticator, &headers).await? {
                console.authenticator.end_session(&old.token).await?;
            }
            return signed_in_at(kernel, &signed_in);
        }
        Err(error) if error.code() == Code::Unauthorized => {
            SignInError::new(StatusCode::UNAUTHORIZED, "console-sign-in-failed")
        }
        Err(error) if error.code() == Code::TooManyRequests => SignInError {
            retry_after: Some(kernel.rate_limiter.seconds_until_next_window()),
            ..SignInError::new(StatusCode::TOO_MANY_REQUESTS, "console-sign-in-locked")
        },
        Err(Error::Challenge(challenge)) => SignInError {
            retry_after: challenge["wait_seconds"].as_i64(),
            challenge: challenge_context(&challenge),
            ..SignInError::new(StatusCode::TOO_MANY_REQUESTS, "console-sign-in-check")
        },
        Err(error) => return Err(error),
    };
    sign_in_page(kernel, &visitor, &headers, &form.email, &answer)
}

/// Leads a browser with a new session to the console, or to the second step of signing in.
pub(super) fn signed_in_at(kernel: &Kernel, signed_in: &SignedIn) -> Result<Response> {
    let to = match signed_in.stage {
        SessionStage::Open => "/console",
        SessionStage::Challenge => "/console/code",
        SessionStage::Enrolment => "/console/second-factor",
    };
    let mut response = private(see_other(to));
    set_cookies(kernel, &mut response, signed_in)?;
    Ok(response)
}

/// Sets the cookies of a new session.
pub(super) fn set_cookies(kernel: &Kernel, response: &mut Response, signed_in: &SignedIn) -> Result<()> {
    let cookies = response.headers_mut();
    cookies.append(header::SET_COOKIE, organizers::session_cookie(kernel, &signed_in.session)?);
    if !signed_in.device.is_empty() {
        cookies.append(header::SET_COOKIE, organizers::device_cookie(kernel, &signed_in.device)?);
    }
    Ok(())
}

/// Fields of the sign-out form.
#[derive(Deserialize)]
pub(super) struct SignOut {
    #[serde(default)]
    csrf: String,
}

/// `POST /console/sign-out`
pub(super) async fn sign_out(
    State(console): State<Console>,
    MaybeSession(session): MaybeSession,
    form: Result<Form<SignOut>, FormRejection>,
) -> Result<Response> {
    let Form(form) = form.map_err(|_| not_a_form())?;
    if let Some(session) = session {
        session.check(&form.csrf)?;
        console.authenticator.end_session(&session.token).await?;
    }
    let mut response = private(see_other("/console/sign-in"));
    response.headers_mut().append(header::SET_COOKIE, organizers::clear_session_cookie(&console.kernel)?);
    Ok(response)
}

/// Status and message of the sign-in page.
struct SignInError {
    status: StatusCode,
    /// Key of the error's text; empty without an error.
    error: &'static str,
    /// Proof of work or wait ticket for the next attempt, as the template needs it; none where nothing is asked for.
    challenge: Value,
    /// Value of `Retry-After`, in seconds.
    retry_after: Option<i64>,
}

impl SignInError {
    fn new(status: StatusCode, error: &'static str) -> Self {
        Self { status, error, challenge: Value::from(()), retry_after: None }
    }
}

fn sign_in_page(
    kernel: &Kernel,
    visitor: &Visitor,
    headers: &HeaderMap,
    email: &str,
    answer: &SignInError,
) -> Result<Response> {
    // an existing cookie is kept, so that a second tab does not invalidate the first
    let cookie = form_cookie(kernel, headers).unwrap_or_else(|| base32(&kernel.env.random::<20>()));
    let error = if answer.error.is_empty() { String::new() } else { i18n::text(visitor.locale, answer.error) };
    let csrf = form_token(&kernel.requests_key.derive("csrf").current(), &cookie);
    let page = context! { error, email, csrf, challenge => answer.challenge.clone() };
    let mut response = kernel.pages.page("console/sign_in.html", visitor, "", page).map(private)?;
    let set_cookie = organizers::set_cookie(kernel, FORM_COOKIE, &cookie, FORM_COOKIE_SECONDS)?;
    response.headers_mut().append(header::SET_COOKIE, set_cookie);
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    *response.status_mut() = answer.status;
    Ok(response)
}

fn form_cookie(kernel: &Kernel, headers: &HeaderMap) -> Option<String> {
    let value = organizers::cookie_value(kernel, headers, FORM_COOKIE)?;
    // the value is written into a header, so only what we generate is accepted
    Some(value).filter(|value| value.len() == 32 && value.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn form_token(key: &Key, cookie: &str) -> String {
    base32(&key.mac(&[b"sign-in", cookie.as_bytes()]))
}

fn is_form_token(kernel: &Kernel, cookie: &str, token: &str) -> bool {
    let is_of = |key: &Key| -> bool {
        subtle::ConstantTimeEq::ct_eq(form_token(key, cookie).as_bytes(), token.as_bytes()).into()
    };
    kernel.requests_key.derive("csrf").all().iter().any(is_of)
}

fn expired() -> Error {
    Error::problem(Code::Forbidden, "This form has expired. Load the page again.")
}

fn not_a_form() -> Error {
    Error::problem(Code::UnsupportedMediaType, "Send the form as application/x-www-form-urlencoded.")
}
