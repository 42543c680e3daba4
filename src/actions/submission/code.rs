//! The page on which the owner of an address types the code of a mail instead of following its link. It answers alike
//! for every address.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::context;

use super::{
    Submissions,
    attempt_form::{FormState, form_page, rate_limited_page},
    kind::{SubmissionKey, SubmissionKind},
    owner_acts::Credential,
};
use crate::{
    campaigns::{self, Action, link_page},
    error::{Error, FieldError, Result},
    kernel::{
        extract::PathParams,
        forms::FormInput,
        pages::Visitor,
        rate_limit::{Attempt, AttemptPurpose, Source},
        text::EmailAddress,
    },
};

/// The page of a kind: `/p/{slug}/code`.
pub fn code_pages<K: SubmissionKind>(submissions: Submissions<K>) -> Router {
    let path = format!("{}{{slug}}/code", K::KIND.page_prefix());
    Router::new().route(&path, get(show::<K>).post(submit::<K>)).with_state(submissions)
}

fn page<K: SubmissionKind>(
    submissions: &Submissions<K>,
    visitor: &Visitor,
    slug: &str,
    form: &FormInput,
    state: &FormState,
) -> Result<Response> {
    let path = format!("{}{slug}/code", K::KIND.page_prefix());
    form_page(&submissions.kernel, visitor, "pages/code.html", &path, form, state, context! {})
}

async fn show<K: SubmissionKind>(
    State(submissions): State<Submissions<K>>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    page(&submissions, &visitor, &slug, &FormInput::default(), &FormState::default())
}

/// Confirms a submission with the code from the mail, like the mailed link.
async fn submit<K: SubmissionKind>(
    State(submissions): State<Submissions<K>>,
    visitor: Visitor,
    source: Source,
    PathParams(slug): PathParams<String>,
    form: FormInput,
) -> Result<Response> {
    let kernel = &submissions.kernel;
    let page = |state: &FormState| page(&submissions, &visitor, &slug, &form, state);
    let refused = |error: FieldError| -> Result<Response> {
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&error.into())?).into_response())
    };
    let address = match EmailAddress::parse(form.text("email")) {
        Ok(address) => address,
        Err(e) => return refused(FieldError::new("/email_addresses", e.code, e.detail)),
    };
    let action = campaigns::find_for(&mut *kernel.public.acquire().await?, K::KIND, &slug, None).await?;
    if action.protected {
        return Err(Error::not_found());
    }
    let subject = address.index_form();
    let attempt = Attempt {
        purpose: AttemptPurpose::TypedCode,
        subject: &subject,
        source,
        known_device: None,
        proof: form.proof(),
    };
    let counted = match kernel.rate_limiter.begin(attempt).await {
        Ok(counted) => counted,
        Err(error) => return rate_limited_page(kernel, error, page),
    };
    match confirm(&submissions, &action, &address, form.text("code")).await {
        Ok(Some(confirmed)) => {
            counted.succeeded().await;
            link_page(kernel, &K::confirmed_page(kernel, &confirmed))
        }
        Ok(None) => refused(FieldError::new("/muster:code", "wrong_code", "")),
        Err(error) => {
            counted.cancel().await;
            Err(error)
        }
    }
}

/// Confirms the submission of an address to which this code belongs, if there is one.
async fn confirm<K: SubmissionKind>(
    submissions: &Submissions<K>,
    action: &Action,
    address: &EmailAddress,
    code: &str,
) -> Result<Option<K::Confirmed>> {
    let kernel = &submissions.kernel;
    let vault = action.open_vault(kernel).await?;
    let mut conn = kernel.public.acquire().await?;
    let keys = K::by_address(&mut conn, action.id, vault.id, &vault.email_index(address)).await?;
    drop(conn);
    let fits = |key: &&SubmissionKey| kernel.links.is_code(code, K::CONFIRM_LINK, key.id, key.link_generation);
    let Some(key) = keys.iter().find(fits) else { return Ok(None) };
    submissions.confirm(key.id, Credential::Code(code.to_owned())).await.map(Some)
}
