//! The page on which a signer asks for the link of the own page. It answers alike for every address.

use axum::{
    Router,
    extract::{Form, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::context;
use serde_json::json;

use super::{mail::OwnPageMail, store::signers, submission::Petitions};
use crate::{
    actions::submission::{AttemptForm, FormState, form_page, rate_limited_page},
    error::{FieldError, Result},
    kernel::{
        pages::Visitor,
        rate_limit::{Attempt, AttemptPurpose, Source},
        text::EmailAddress,
    },
    mail::{self, Class, NewEmail},
};

/// Routes of these pages.
pub(super) fn routes() -> Router<Petitions> {
    Router::new().route("/my", get(show_my_page).post(request_own_page_mail))
}

fn my_page(
    petitions: &Petitions,
    visitor: &Visitor,
    form: &AttemptForm,
    state: &FormState,
    asked: bool,
) -> Result<Response> {
    form_page(&petitions.kernel, visitor, "pages/my.html", "/my", form, state, context! { asked })
}

async fn show_my_page(State(petitions): State<Petitions>, visitor: Visitor) -> Result<Response> {
    my_page(&petitions, &visitor, &AttemptForm::default(), &FormState::default(), false)
}

/// Enqueues a mail with the link of the own page, if the address has a signature.
async fn request_own_page_mail(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    source: Source,
    Form(form): Form<AttemptForm>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let page = |state: &FormState| my_page(&petitions, &visitor, &form, state, false);
    let address = match EmailAddress::parse(&form.email) {
        Ok(address) => address,
        Err(e) => {
            let page = page(&FormState::from(FieldError::new("/email_addresses", e.code, e.detail)))?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let subject = address.index_form();
    let attempt = Attempt {
        purpose: AttemptPurpose::OwnPage,
        subject: &subject,
        source,
        known_device: None,
        proof: form.proof(),
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
    my_page(&petitions, &visitor, &AttemptForm::default(), &FormState::default(), true)
}
