//! The console's pages behind mailed links: accepting an invitation, asking for a new password and setting it. They work
//! without a session; the links' tokens are the secret. Opening them changes nothing.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};

use super::{
    Console,
    accounts::{refusals, refused_status},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        extract::PathParams,
        forms::{FormInput, challenge_context},
        i18n,
        pages::{Visitor, private, see_other},
        rate_limit::Source,
    },
    organizers::{self, Invitation},
};

/// `GET /console/forgot`
pub(super) async fn forgot_form(State(console): State<Console>, visitor: Visitor) -> Result<Response> {
    forgot_page(&console, &visitor, "", &[], Value::from(()), false)
}

fn forgot_page(
    console: &Console,
    visitor: &Visitor,
    email: &str,
    errors: &[String],
    challenge: Value,
    asked: bool,
) -> Result<Response> {
    let page = context! { email, errors => Serde(errors), challenge, asked };
    console.kernel.pages.page("console/forgot.html", visitor, "", page).map(private)
}

/// `POST /console/forgot`: the same answer for every address.
pub(super) async fn forgot(
    State(console): State<Console>,
    visitor: Visitor,
    source: Source,
    form: FormInput,
) -> Result<Response> {
    let (kernel, email) = (&console.kernel, form.text("email"));
    let again = |errors: &[String], challenge| forgot_page(&console, &visitor, email, errors, challenge, false);
    match organizers::request_reset(kernel, email, source, form.proof(), visitor.locale).await {
        Ok(()) => forgot_page(&console, &visitor, "", &[], Value::from(()), true),
        Err(Error::Challenge(challenge)) => {
            let wait = challenge["wait_seconds"].as_i64().unwrap_or_default();
            let errors = [i18n::text(visitor.locale, "field-error-attempt_needs_proof")];
            let page = again(&errors, challenge_context(&challenge))?;
            Ok(wait_for((StatusCode::TOO_MANY_REQUESTS, page).into_response(), wait))
        }
        Err(error) => {
            let (status, code) = (refused_status(&error), error.code());
            let page = again(&refusals(visitor.locale, error)?, Value::from(()))?;
            let response = (status, page).into_response();
            Ok(match code {
                Code::TooManyRequests => wait_for(response, kernel.rate_limiter.seconds_until_next_window()),
                _ => response,
            })
        }
    }
}

fn wait_for(mut response: Response, seconds: i64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn password_page(console: &Console, visitor: &Visitor, errors: &[String]) -> Result<Response> {
    console
        .kernel
        .pages
        .page("console/new_password.html", visitor, "", context! { errors => Serde(errors) })
        .map(private)
}

/// `GET /console/password/{token}`
pub(super) async fn new_password_form(
    State(console): State<Console>,
    visitor: Visitor,
    PathParams(token): PathParams<String>,
) -> Result<Response> {
    organizers::open_reset(&console.kernel, &token).await?;
    password_page(&console, &visitor, &[])
}

/// `POST /console/password/{token}`: leads to signing in.
pub(super) async fn new_password(
    State(console): State<Console>,
    visitor: Visitor,
    PathParams(token): PathParams<String>,
    form: FormInput,
) -> Result<Response> {
    match organizers::reset_password(&console.kernel, &token, form.text("password").to_owned().into()).await {
        Ok(()) => Ok(private(see_other("/console/sign-in"))),
        Err(error) => {
            let status = refused_status(&error);
            let page = password_page(&console, &visitor, &refusals(visitor.locale, error)?)?;
            Ok((status, page).into_response())
        }
    }
}

fn invitation_page(
    console: &Console,
    visitor: &Visitor,
    invitation: &Invitation,
    name: &str,
    errors: &[String],
) -> Result<Response> {
    let page = context! {
        organization => invitation.organization.as_str(), role => invitation.role.as_str(),
        email => invitation.email.as_str(), name, errors => Serde(errors),
    };
    console.kernel.pages.page("console/invitation.html", visitor, "", page).map(private)
}

/// `GET /console/invitation/{token}`
pub(super) async fn invitation_form(
    State(console): State<Console>,
    visitor: Visitor,
    PathParams(token): PathParams<String>,
) -> Result<Response> {
    let invitation = organizers::open_invitation(&console.kernel, &token).await?;
    invitation_page(&console, &visitor, &invitation, &invitation.name, &[])
}

/// `POST /console/invitation/{token}`: makes the account, and leads to signing in with it.
pub(super) async fn accept_invitation(
    State(console): State<Console>,
    visitor: Visitor,
    PathParams(token): PathParams<String>,
    form: FormInput,
) -> Result<Response> {
    let kernel = &console.kernel;
    let invitation = organizers::open_invitation(kernel, &token).await?;
    let (name, password) = (form.text("name"), form.text("password").to_owned().into());
    match organizers::accept_invitation(kernel, &token, name, password).await {
        Ok(()) => Ok(private(see_other("/console/sign-in"))),
        Err(error) => {
            let status = refused_status(&error);
            let errors = refusals(visitor.locale, error)?;
            Ok((status, invitation_page(&console, &visitor, &invitation, name, &errors)?).into_response())
        }
    }
}
