//! Pages of signers that need no link: confirming with the code from the mail, and requesting the link of the own
//! page. Both answer alike for every address.

use axum::{
    Router,
    extract::{Form, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    confirmation::{Credential, SignatureConfirmation},
    links::{CONFIRM_SIGNATURE, confirmed},
    mail::OwnPageMail,
    ops::LoadedSignature,
    store::{Petition, SignatureRow, signers},
    submission::Petitions,
};
use crate::{
    campaigns::link_page,
    error::{Code, Error, FieldError, Result},
    kernel::{
        Kernel,
        extract::PathParams,
        forms::{FormFields, challenge_context, field_of, form_errors},
        pages::{Visitor, private},
        rate_limit::{Attempt, AttemptPurpose, Proof, Source},
        text::EmailAddress,
    },
    mail::{self, Class, NewEmail},
    people::PERSON_FORM_FIELDS,
};

/// Fields of the forms besides those of a person, by JSON pointers as the API has them.
const FORM_FIELDS: &FormFields = &[("muster:code", "code")];

/// Routes of these pages.
pub(super) fn routes() -> Router<Petitions> {
    Router::new()
        .route("/p/{slug}/code", get(show_code).post(submit_code))
        .route("/my", get(show_my_page).post(request_own_page_mail))
}

/// Name of the form field of a JSON pointer.
fn field(pointer: &str) -> String {
    field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS])
}

/// Context of a form that is shown again.
struct FormState {
    errors: Vec<FieldError>,
    /// Challenge to solve, or time to wait, before the next attempt.
    challenge: Value,
}

impl Default for FormState {
    fn default() -> Self {
        Self { errors: Vec::new(), challenge: Value::from(()) }
    }
}

impl FormState {
    fn from_error(error: FieldError) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }
}

/// The form again when the rate limit is reached: 429, with what to do. Other errors are returned.
fn rate_limited_page(
    kernel: &Kernel,
    error: Error,
    page: impl FnOnce(&FormState) -> Result<Response>,
) -> Result<Response> {
    let (seconds, feedback) = match error {
        Error::Challenge(challenge) => (
            challenge["wait_seconds"].as_i64().unwrap_or_default(),
            FormState {
                challenge: challenge_context(&challenge),
                ..FormState::from_error(FieldError::new("", "attempt_needs_proof", ""))
            },
        ),
        error if error.code() == Code::TooManyRequests => (
            kernel.rate_limiter.seconds_until_next_window(),
            FormState::from_error(FieldError::new("", "too_many_attempts", "")),
        ),
        error => return Err(error),
    };
    let mut response = (StatusCode::TOO_MANY_REQUESTS, page(&feedback)?).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Ok(response)
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct CodeForm {
    email: String,
    code: String,
    #[serde(skip_serializing)]
    altcha: String,
    #[serde(skip_serializing)]
    wait_ticket: String,
}

fn code_page(
    petitions: &Petitions,
    visitor: &Visitor,
    path: &str,
    form: &CodeForm,
    feedback: &FormState,
) -> Result<Response> {
    let page = context! {
        form => context! { action => path, values => Serde(form), errors => Serde(form_errors(visitor.locale, &feedback.errors, field)), locale => visitor.locale.as_str() },
        challenge => feedback.challenge.clone(),
    };
    Ok(private(petitions.kernel.pages.page("pages/code.html", visitor, "", page)?))
}

async fn show_code(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    code_page(&petitions, &visitor, &format!("/p/{slug}/code"), &CodeForm::default(), &FormState::default())
}

/// Confirms a signature with the code from the mail, like the mailed link.
async fn submit_code(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    source: Source,
    PathParams(slug): PathParams<String>,
    Form(form): Form<CodeForm>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let path = format!("/p/{slug}/code");
    let page = |feedback: &FormState| code_page(&petitions, &visitor, &path, &form, feedback);
    let refused = |error: FieldError| -> Result<Response> {
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&FormState::from_error(error))?).into_response())
    };
    let address = match EmailAddress::parse(&form.email) {
        Ok(address) => address,
        Err(e) => return refused(FieldError::new("/email_addresses", e.code, e.detail)),
    };
    let petition = petitions.petition(&slug).await?;
    if !petition.action.state.is_public() || petition.action.protected {
        return Err(Error::not_found());
    }
    let subject = address.index_form();
    let attempt = Attempt {
        purpose: AttemptPurpose::TypedCode,
        subject: &subject,
        source,
        known_device: None,
        proof: Proof::of_form(&form.altcha, &form.wait_ticket),
    };
    let counted = match kernel.rate_limiter.begin(attempt).await {
        Ok(counted) => counted,
        Err(error) => return rate_limited_page(kernel, error, page),
    };
    match confirm_by_code(&petitions, &petition, &address, &form.code).await {
        Ok(Some(c)) => {
            counted.succeeded().await;
            link_page(kernel, &confirmed(&c, &petitions))
        }
        Ok(None) => refused(FieldError::new("/muster:code", "wrong_code", "")),
        Err(error) => {
            counted.cancel().await;
            Err(error)
        }
    }
}

/// Confirms the signature of an address to which this code belongs, if there is one.
async fn confirm_by_code(
    petitions: &Petitions,
    petition: &Petition,
    address: &EmailAddress,
    code: &str,
) -> Result<Option<LoadedSignature>> {
    let kernel = &petitions.kernel;
    let vault = kernel.vaults.open(petition.action.vault_id).await?;
    let mut conn = kernel.public.acquire().await?;
    let rows = signers::by_address(&mut conn, petition.action.id, vault.id, &vault.email_index(address)).await?;
    drop(conn);
    let fits = |row: &&SignatureRow| kernel.links.is_code(code, CONFIRM_SIGNATURE, row.id, row.link_generation);
    let Some(row) = rows.iter().find(fits) else { return Ok(None) };
    let credential = Credential::Code(code.to_owned());
    petitions.confirm(SignatureConfirmation { id: row.id, credential }).await.map(Some)
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct MyForm {
    email: String,
    #[serde(skip_serializing)]
    altcha: String,
    #[serde(skip_serializing)]
    wait_ticket: String,
}

fn my_page(
    petitions: &Petitions,
    visitor: &Visitor,
    form: &MyForm,
    feedback: &FormState,
    asked: bool,
) -> Result<Response> {
    let page = context! {
        asked,
        form => context! { action => "/my", values => Serde(form), errors => Serde(form_errors(visitor.locale, &feedback.errors, field)), locale => visitor.locale.as_str() },
        challenge => feedback.challenge.clone(),
    };
    Ok(private(petitions.kernel.pages.page("pages/my.html", visitor, "", page)?))
}

async fn show_my_page(State(petitions): State<Petitions>, visitor: Visitor) -> Result<Response> {
    my_page(&petitions, &visitor, &MyForm::default(), &FormState::default(), false)
}

/// Enqueues a mail with the link of the own page, if the address has a signature.
async fn request_own_page_mail(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    source: Source,
    Form(form): Form<MyForm>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let page = |feedback: &FormState| my_page(&petitions, &visitor, &form, feedback, false);
    let address = match EmailAddress::parse(&form.email) {
        Ok(address) => address,
        Err(e) => {
            let page = page(&FormState::from_error(FieldError::new("/email_addresses", e.code, e.detail)))?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let subject = address.index_form();
    let attempt = Attempt {
        purpose: AttemptPurpose::OwnPage,
        subject: &subject,
        source,
        known_device: None,
        proof: Proof::of_form(&form.altcha, &form.wait_ticket),
    };
    // whether the owner requested it is unknown, so each request counts against the limit
    let _counted = match kernel.rate_limiter.begin(attempt).await {
        Ok(counted) => counted,
        Err(error) => return rate_limited_page(kernel, error, page),
    };
    let mut tx = kernel.db.begin().await?;
    for (vault_id, organization_id) in signers::organization_vaults(&mut tx).await? {
        let vault = kernel.vaults.open(vault_id).await?;
        let found = signers::newest_effective(&mut tx, vault.id, &vault.email_index(&address)).await?;
        // enqueued in any case, so that response times tell nothing; without a signature it is not sent
        let email = NewEmail {
            organization_id,
            class: Class::Confirmation,
            kind: OwnPageMail::KIND,
            lane: "",
            refs: json!({"signature": found.unwrap_or_else(|| kernel.env.id())}),
            protected: false,
            due_at: None,
        };
        mail::enqueue(&mut tx, &kernel.env, email).await?;
    }
    tx.commit().await?;
    my_page(&petitions, &visitor, &MyForm::default(), &FormState::default(), true)
}
