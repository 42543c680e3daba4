//! The console's pages: sign in, sign out, the numbers.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use axum_extra::extract::cookie::CookieJar;
use minijinja::{
    context,
    value::{Serde, Value},
};
use serde::Deserialize;

use super::{Console, dashboard::Dashboard};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        crypto::base32,
        guard::Source,
        i18n,
        pages::{Visitor, private, see_other},
    },
    organizers::{self, MaybeSession, Scope},
};

/// The cookie that proves, before there is a session, that a form came from our own page (double submit).
const FORM_COOKIE: &str = "muster_form";
/// Seconds in which a sign-in form can be sent.
const FORM_SECONDS: u32 = 3600;

/// `GET /console`
pub async fn dashboard(
    State(console): State<Console>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
) -> Result<Response> {
    let Some(session) = session else { return Ok(private(see_other("/console/sign-in"))) };
    let mut conn = console.kernel.db.acquire().await?;
    let profile = organizers::profile(&mut conn, &session.actor).await?;
    let tables = Dashboard::read(&mut conn, &session.actor, visitor.locale).await?;
    drop(conn);
    let organizer = context! {
        name => &*session.actor.name,
        email => profile.email,
        role => session.actor.role.as_str(),
    };
    let may_mail = session.actor.allows(Scope::MailManage);
    let frame = context! { organizer, organization => profile.organization, csrf => session.csrf, may_mail };
    let page = context! { ..frame, ..Value::from(Serde(&tables)) };
    console.kernel.pages.page("console/dashboard.html", &visitor, "", page).map(private)
}

/// `GET /console/sign-in`
pub async fn sign_in_form(
    State(console): State<Console>,
    MaybeSession(session): MaybeSession,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response> {
    if session.is_some() {
        return Ok(private(see_other("/console")));
    }
    sign_in_page(&console.kernel, &visitor, &headers, "", "", StatusCode::OK)
}

/// The sign-in form as sent.
#[derive(Deserialize)]
pub struct SignIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    csrf: String,
}

/// `POST /console/sign-in`
pub async fn sign_in(
    State(console): State<Console>,
    source: Source,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response> {
    let kernel = &console.kernel;
    let Form(form) = form.map_err(|_| not_a_form())?;
    let cookie = form_cookie(&headers).ok_or_else(expired)?;
    if !bool::from(subtle::ConstantTimeEq::ct_eq(form_token(kernel, &cookie).as_bytes(), form.csrf.as_bytes())) {
        return Err(expired());
    }
    // counted under one spelling, so that capitals win no further attempts
    let account = form.email.trim().to_lowercase();
    if kernel.guard.admit_attempt(source, &account).is_err() {
        let text = "console-sign-in-locked";
        return sign_in_page(kernel, &visitor, &headers, text, &form.email, StatusCode::TOO_MANY_REQUESTS);
    }
    match organizers::sign_in(kernel, &form.email, &form.password).await {
        Ok((_, token)) => {
            // a session that this browser had before ends, so that no cookie planted earlier lives on
            if let MaybeSession(Some(old)) = MaybeSession::of(&console.access, &headers).await? {
                console.access.end_session(&old.token).await?;
            }
            let mut response = private(see_other("/console"));
            response.headers_mut().append(header::SET_COOKIE, organizers::session_cookie(kernel, &token)?);
            Ok(response)
        }
        Err(error) if error.code() == Code::Unauthorized => {
            let text = "console-sign-in-failed";
            sign_in_page(kernel, &visitor, &headers, text, &form.email, StatusCode::UNAUTHORIZED)
        }
        Err(error) => Err(error),
    }
}

/// The one field of the sign-out form.
#[derive(Deserialize)]
pub struct SignOut {
    #[serde(default)]
    csrf: String,
}

/// `POST /console/sign-out`
pub async fn sign_out(
    State(console): State<Console>,
    MaybeSession(session): MaybeSession,
    form: Result<Form<SignOut>, FormRejection>,
) -> Result<Response> {
    let Form(form) = form.map_err(|_| not_a_form())?;
    if let Some(session) = session {
        session.check(&form.csrf)?;
        console.access.end_session(&session.token).await?;
    }
    let mut response = private(see_other("/console/sign-in"));
    response.headers_mut().append(header::SET_COOKIE, organizers::clear_session_cookie(&console.kernel)?);
    Ok(response)
}

fn sign_in_page(
    kernel: &Kernel,
    visitor: &Visitor,
    headers: &HeaderMap,
    error: &str,
    email: &str,
    status: StatusCode,
) -> Result<Response> {
    // the cookie of an open form stays, so that a second tab does not void the first
    let cookie = form_cookie(headers).unwrap_or_else(|| base32(&kernel.cx.random::<20>()));
    let error = if error.is_empty() { String::new() } else { i18n::text(visitor.locale, error) };
    let page = context! { error, email, csrf => form_token(kernel, &cookie) };
    let mut response = kernel.pages.page("console/sign_in.html", visitor, "", page).map(private)?;
    let secure = if kernel.settings.http.public_url.starts_with("https:") { "; Secure" } else { "" };
    let set_cookie =
        format!("{FORM_COOKIE}={cookie}; Path=/console; Max-Age={FORM_SECONDS}; HttpOnly; SameSite=Strict{secure}");
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::try_from(set_cookie).map_err(Error::internal)?);
    *response.status_mut() = status;
    Ok(response)
}

fn form_cookie(headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    let value = jar.get(FORM_COOKIE)?.value();
    // it is written back into a header, so nothing else than what we make is taken
    (value.len() == 32 && value.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| value.to_owned())
}

fn form_token(kernel: &Kernel, cookie: &str) -> String {
    base32(&kernel.requests_key.derive("csrf").mac(&[b"sign-in", cookie.as_bytes()]))
}

fn expired() -> Error {
    Error::problem(Code::Forbidden, "This form has expired. Load the page again.")
}

fn not_a_form() -> Error {
    Error::problem(Code::UnsupportedMediaType, "Send the form as application/x-www-form-urlencoded.")
}
