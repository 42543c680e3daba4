//! The pages of a signer that need no link: the code to type instead of following one, and asking for the own page.
//! Both answer alike whatever address is typed.

use axum::{
    Router,
    extract::{Form, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    links::confirmed,
    ops,
    signing::Petitions,
    store::{self, signers},
};
use crate::{
    campaigns::link_page,
    error::{Error, FieldError, Result},
    kernel::{
        extract::Segments,
        forms::form_errors,
        guard::Source,
        links::Purpose,
        pages::{Visitor, private},
        text::EmailAddress,
    },
    mail::{self, Class, NewEmail},
    people,
};

/// Routes of these pages.
pub fn routes() -> Router<Petitions> {
    Router::new().route("/p/{slug}/code", get(show_code).post(try_code)).route("/my", get(show_my).post(ask_my))
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct CodeForm {
    email: String,
    code: String,
}

fn code_page(
    petitions: &Petitions,
    visitor: &Visitor,
    path: &str,
    form: &CodeForm,
    errors: &[FieldError],
) -> Result<Response> {
    let page = context! {
        form => context! { action => path, values => Serde(form), errors => Serde(form_errors(visitor.locale, errors)), locale => visitor.locale.as_str() },
    };
    Ok(private(petitions.kernel.pages.page("pages/code.html", visitor, "", page)?))
}

async fn show_code(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    Segments(slug): Segments<String>,
) -> Result<Response> {
    code_page(&petitions, &visitor, &format!("/p/{slug}/code"), &CodeForm::default(), &[])
}

/// Does what the button behind the mailed link does, for whoever types the code of that mail.
async fn try_code(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    source: Source,
    Segments(slug): Segments<String>,
    Form(form): Form<CodeForm>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let path = format!("/p/{slug}/code");
    let again = |errors: &[FieldError]| -> Result<Response> {
        Ok((StatusCode::UNPROCESSABLE_ENTITY, code_page(&petitions, &visitor, &path, &form, errors)?).into_response())
    };
    let address = match EmailAddress::parse(&form.email) {
        Ok(address) => address,
        Err(e) => return again(&[FieldError::new("/email_addresses", e.code, e.detail)]),
    };
    kernel.guard.admit_attempt(source, &format!("code {}", address.index_form()))?;
    let petition = petitions.petition(&slug).await?;
    if !petition.action.state.is_public() || petition.action.protected {
        return Err(Error::not_found());
    }
    let vault = kernel.vaults.open(petition.action.vault_id).await?;
    let mut tx = kernel.db.begin().await?;
    let rows = signers::by_address(&mut tx, petition.action.id, vault.id, &vault.email_index(&address)).await?;
    let fits = |row: &store::SignatureRow| {
        kernel.links.is_code(&form.code, Purpose::ConfirmSignature, row.id, row.link_generation)
    };
    let Some(row) = rows.iter().find(|row| fits(row)) else {
        return again(&[FieldError::new("/muster:code", "unknown_value", "")]);
    };
    // person first, then the act: the order in which batches lock them
    people::lock_person(&mut tx, row.person_id).await?;
    let row = store::lock_signature(&mut tx, row.id).await?;
    let id = row.id;
    let c = ops::context(&petitions, &mut tx, row).await?;
    ops::confirm(&petitions, &mut tx, &c).await?;
    tx.commit().await?;
    let mut conn = kernel.db.acquire().await?;
    let row = store::signature(&mut conn, id).await?;
    let c = ops::context(&petitions, &mut conn, row).await?;
    petitions.renewed(&c);
    link_page(kernel, &confirmed(&c, &petitions))
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct MyForm {
    email: String,
}

fn my_page(
    petitions: &Petitions,
    visitor: &Visitor,
    form: &MyForm,
    errors: &[FieldError],
    asked: bool,
) -> Result<Response> {
    let page = context! {
        asked,
        form => context! { action => "/my", values => Serde(form), errors => Serde(form_errors(visitor.locale, errors)), locale => visitor.locale.as_str() },
        challenge => Value::from(()),
    };
    Ok(private(petitions.kernel.pages.page("pages/my.html", visitor, "", page)?))
}

async fn show_my(State(petitions): State<Petitions>, visitor: Visitor) -> Result<Response> {
    my_page(&petitions, &visitor, &MyForm::default(), &[], false)
}

/// Mails the link of the own page to the owner of an address, if there is anything to show.
async fn ask_my(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    source: Source,
    Form(form): Form<MyForm>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let address = match EmailAddress::parse(&form.email) {
        Ok(address) => address,
        Err(e) => {
            let errors = [FieldError::new("/email_addresses", e.code, e.detail)];
            let page = my_page(&petitions, &visitor, &form, &errors, false)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    kernel.guard.admit_attempt(source, &format!("my {}", address.index_form()))?;
    let mut tx = kernel.db.begin().await?;
    for (vault_id, organization_id) in signers::organization_vaults(&mut tx).await? {
        let vault = kernel.vaults.open(vault_id).await?;
        let found = signers::newest_counted(&mut tx, vault.id, &vault.email_index(&address)).await?;
        // a mail is queued in any case, so that the work tells nothing; one that leads nowhere is not sent
        let email = NewEmail {
            organization_id,
            class: Class::Confirmation,
            kind: "petition_own_page",
            lane: "",
            refs: json!({"signature": found.unwrap_or_else(|| kernel.cx.id())}),
            protected: false,
            due_at: None,
        };
        mail::enqueue(&mut tx, &kernel.cx, email).await?;
    }
    tx.commit().await?;
    my_page(&petitions, &visitor, &MyForm::default(), &[], true)
}
