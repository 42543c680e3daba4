//! The console's pages of the second factor: giving a code when signing in, setting one up, removing it.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use minijinja::{context, value::Serde};

use super::{
    Console,
    accounts::{confirm_url, refusals, refused_status},
    pages::{set_cookies, signed_in_at},
};
use crate::{
    error::{Code, Result},
    kernel::{
        forms::FormInput,
        i18n,
        pages::{Visitor, private, see_other},
        rate_limit::Source,
    },
    organizers::{self, MaybeSession, PendingSession, Session, SessionStage},
};

/// Side of the QR code on the page, in pixels.
const QR_SIDE: u32 = 260;
/// Characters of a group in which keys and recovery codes are shown.
const GROUP_CHARS: usize = 4;

/// A key or code in groups, so that it can be typed.
fn grouped(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(GROUP_CHARS).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn sign_in_again() -> Response {
    private(see_other("/console/sign-in"))
}

fn code_page(console: &Console, visitor: &Visitor, csrf: &str, errors: &[String]) -> Result<Response> {
    console.kernel.pages.page("console/code.html", visitor, "", context! { csrf, errors => Serde(errors) }).map(private)
}

/// `GET /console/code`
pub(super) async fn code_form(
    State(console): State<Console>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response> {
    let pending = PendingSession::of(&console.authenticator, &headers).await?;
    let Some(pending) = pending.filter(|found| found.row.stage == SessionStage::Challenge) else {
        return Ok(sign_in_again());
    };
    code_page(&console, &visitor, &pending.csrf, &[])
}

/// `POST /console/code`
pub(super) async fn give_code(
    State(console): State<Console>,
    visitor: Visitor,
    source: Source,
    headers: HeaderMap,
    form: FormInput,
) -> Result<Response> {
    let Some(pending) = PendingSession::of(&console.authenticator, &headers).await? else {
        return Ok(sign_in_again());
    };
    pending.check(form.text("csrf"))?;
    let (kernel, device) = (&console.kernel, organizers::device_token_from(&console.kernel, &headers));
    match organizers::give_code(kernel, &pending.row, form.text("code"), device.as_deref(), source).await {
        Ok(signed_in) => signed_in_at(kernel, &signed_in),
        Err(error) if error.code() == Code::Unauthorized => Ok(sign_in_again()),
        Err(error) => {
            let status = refused_status(&error);
            let page = code_page(&console, &visitor, &pending.csrf, &refusals(visitor.locale, error)?)?;
            Ok((status, page).into_response())
        }
    }
}

/// Who sets up a second factor: somebody signed in, or somebody who may not be before.
enum Enrolling {
    Open(Box<Session>, String),
    Pending(PendingSession),
}

impl Enrolling {
    /// Who it is; `None` for nobody who may.
    ///
    /// # Errors
    /// `confirmation_required` (403) in an open session.
    async fn of(console: &Console, headers: &HeaderMap) -> Result<Option<Self>> {
        if let MaybeSession(Some(session)) = MaybeSession::of(&console.authenticator, headers).await? {
            session.actor.require_confirmed(console.kernel.env.now())?;
            let profile = organizers::profile(&mut *console.kernel.db.acquire().await?, &session.actor).await?;
            return Ok(Some(Self::Open(Box::new(session), profile.email)));
        }
        let pending = PendingSession::of(&console.authenticator, headers).await?;
        Ok(pending.filter(|found| found.row.stage == SessionStage::Enrolment).map(Self::Pending))
    }

    fn page(&self, console: &Console, visitor: &Visitor, errors: &[String]) -> Result<Response> {
        let kernel = &console.kernel;
        let (csrf, organizer, session, email) = match self {
            Self::Open(session, email) => {
                let id = session.actor.require_session()?.id;
                (&session.csrf, session.actor.organizer_id, id, email)
            }
            Self::Pending(pending) => (&pending.csrf, pending.row.organizer_id, pending.row.id, &pending.row.email),
        };
        let enrolment = organizers::enrolment(kernel, organizer, session, email)?;
        let label = i18n::text(visitor.locale, "console-second-factor");
        let page = context! {
            csrf => csrf.as_str(), errors => Serde(errors), secret => grouped(&enrolment.secret), qr => enrolment.qr.picture(QR_SIDE, &label),
            is_required => matches!(self, Self::Pending(_)), is_open => matches!(self, Self::Open(..)),
        };
        kernel.pages.page("console/second_factor.html", visitor, "", page).map(private)
    }
}

/// Leads to the form for the password, where it is missing.
fn unless_confirmed<T>(found: Result<T>) -> Result<Result<T, Response>> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error) if error.code() == Code::ConfirmationRequired => {
            Ok(Err(private(see_other(&confirm_url("/console/second-factor")))))
        }
        Err(error) => Err(error),
    }
}

/// `GET /console/second-factor`
pub(super) async fn enrolment_form(
    State(console): State<Console>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response> {
    match unless_confirmed(Enrolling::of(&console, &headers).await)? {
        Ok(Some(enrolling)) => enrolling.page(&console, &visitor, &[]),
        Ok(None) => Ok(sign_in_again()),
        Err(response) => Ok(response),
    }
}

/// `POST /console/second-factor`: with the right code it is set up, and the recovery codes are shown, once.
pub(super) async fn enrol(
    State(console): State<Console>,
    visitor: Visitor,
    source: Source,
    headers: HeaderMap,
    form: FormInput,
) -> Result<Response> {
    let enrolling = match unless_confirmed(Enrolling::of(&console, &headers).await)? {
        Ok(Some(enrolling)) => enrolling,
        Ok(None) => return Ok(sign_in_again()),
        Err(response) => return Ok(response),
    };
    let (kernel, typed) = (&console.kernel, form.text("code"));
    let done = match &enrolling {
        Enrolling::Open(session, email) => {
            session.check(form.text("csrf"))?;
            let codes = organizers::enrol_own(kernel, &session.actor, email, typed, source).await;
            codes.map(|codes| (None, codes))
        }
        Enrolling::Pending(pending) => {
            pending.check(form.text("csrf"))?;
            let device = organizers::device_token_from(kernel, &headers);
            let done = organizers::enrol_pending(kernel, &pending.row, typed, device.as_deref(), source).await;
            done.map(|(signed_in, codes)| (Some(signed_in), codes))
        }
    };
    match done {
        Ok((signed_in, codes)) => {
            let codes: Vec<String> = codes.iter().map(|code| grouped(code)).collect();
            let page =
                kernel.pages.page("console/recovery_codes.html", &visitor, "", context! { codes => Serde(&codes) });
            let mut response = page.map(private)?;
            if let Some(signed_in) = signed_in {
                set_cookies(kernel, &mut response, &signed_in)?;
            }
            Ok(response)
        }
        Err(error) if error.code() == Code::Unauthorized => Ok(sign_in_again()),
        Err(error) => {
            let status = refused_status(&error);
            Ok((status, enrolling.page(&console, &visitor, &refusals(visitor.locale, error)?)?).into_response())
        }
    }
}

/// `POST /console/second-factor/remove`
pub(super) async fn remove(
    State(console): State<Console>,
    MaybeSession(session): MaybeSession,
    form: FormInput,
) -> Result<Response> {
    let Some(session) = session else { return Ok(sign_in_again()) };
    session.check(form.text("csrf"))?;
    match organizers::remove_own(&console.kernel, &session.actor).await {
        Ok(()) => Ok(private(see_other("/console/account?done=second-factor#second-factor"))),
        Err(error) if error.code() == Code::ConfirmationRequired => {
            Ok(private(see_other(&confirm_url("/console/account#second-factor"))))
        }
        Err(error) => Err(error),
    }
}
