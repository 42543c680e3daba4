//! `/l/{slug}`: the page of a letter action, with its form.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Form, State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    api::MAX_MESSAGE,
    store::LetterAction,
    submission::{Letters, NewLetter},
    template::{MAX_SUBJECT, Prefilled},
};
use crate::{
    actions::submission::code_pages,
    campaigns::{availability_context, received},
    error::{Code, Error, FieldError, Result},
    kernel::{
        extract::{FORM_LIMIT, PathParams},
        forms::{FormFields, challenge_context, field_of, form_errors},
        markdown,
        pages::{Visitor, private},
        rate_limit::{Proof, Source},
        text::{LocaleTag, clean_line, clean_text},
    },
    people::{Consents, PERSON_FORM_FIELDS, PersonBody},
};

/// Fields of the form besides those of a person, by the segments of JSON pointers into the API's body.
pub const FORM_FIELDS: &FormFields =
    &[("subject", "subject"), ("message", "message"), ("muster:show_email", "show_email")];

/// Routes of the pages.
pub fn pages(state: Letters) -> Router {
    let code_pages = code_pages(state.submissions.clone());
    Router::new()
        .route("/l/{slug}", get(show).post(submit))
        .with_state(state)
        .merge(code_pages)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
}

/// The form as it is posted, and as it is shown again after an error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct LetterForm {
    given_name: String,
    family_name: String,
    email: String,
    postal_code: String,
    city: String,
    subject: String,
    message: String,
    show_email: String,
    updates: String,
    locale: String,
    source: String,
    #[serde(skip_serializing)]
    website: String,
    #[serde(skip_serializing)]
    altcha: String,
    #[serde(skip_serializing)]
    wait_ticket: String,
}

impl LetterForm {
    /// The validated letter of a form. A text that is unchanged from `prefilled` is left empty, so that the template
    /// is used.
    fn read(&self, letter: &LetterAction, prefilled: &Prefilled, locale: LocaleTag) -> Result<NewLetter> {
        let body: PersonBody = serde_json::from_value(serde_json::json!({
            "given_name": self.given_name,
            "family_name": self.family_name,
            "email_addresses": [{"address": self.email}],
            "postal_addresses": [{"postal_code": self.postal_code, "locality": self.city}],
            "preferred_language": locale.as_str(),
        }))
        .map_err(Error::internal)?;
        let mut errors: Vec<FieldError> = Vec::new();
        let subject = clean_line(&self.subject, MAX_SUBJECT);
        let subject =
            subject.map_err(|e| errors.push(FieldError::new("/subject", e.code, e.detail))).unwrap_or_default();
        let message = clean_text(&self.message, MAX_MESSAGE.max(prefilled.message.chars().count()));
        let message =
            message.map_err(|e| errors.push(FieldError::new("/message", e.code, e.detail))).unwrap_or_default();
        let edited = prefilled.edited_text(subject, message);
        let new = body.parse("/person").and_then(|person| {
            let new = NewLetter {
                person,
                subject: edited.subject,
                message: edited.message,
                greeting: edited.greeting,
                variant: edited.variant,
                show_email: !self.show_email.is_empty(),
                consents: Consents { updates: !self.updates.is_empty(), ..Consents::default() },
                source: Some(self.source.clone()),
            };
            new.check(letter).map(|()| new)
        });
        match new {
            Err(Error::Fields(more)) => Err(Error::Fields(more.into_iter().chain(errors).collect())),
            Ok(_) if !errors.is_empty() => Err(Error::Fields(errors)),
            other => other,
        }
    }
}

/// Values and errors of a form that is shown again.
#[derive(Default)]
struct FormState {
    values: Option<LetterForm>,
    errors: Vec<FieldError>,
    challenge: Option<Value>,
}

async fn page(letters: &Letters, visitor: &Visitor, letter: &LetterAction, state: FormState) -> Result<Response> {
    let kernel = &letters.kernel;
    let (action, locale) = (&letter.action, visitor.locale);
    let prefilled = Prefilled::of(letter, locale)?;
    let campaign = letters.campaigns.link(action.campaign_id, locale, 0).await?;
    let (text, _) = action.text(locale, "");
    let targets: Vec<Value> = letter
        .targets
        .iter()
        .zip(&prefilled.greetings)
        .map(|(t, greeting)| serde_json::json!({"office": t.title_in(locale), "holder": t.holder_line(), "greeting": greeting}))
        .collect();
    let values = state.values.unwrap_or_else(|| LetterForm {
        // a random suggestion for each visitor: mail gateways filter many identical letters
        subject: pick(&prefilled.subjects, kernel.env.fraction()),
        message: prefilled.message.clone(),
        ..LetterForm::default()
    });
    let challenge = state.challenge.as_ref().map(challenge_context);
    let own_url = kernel.url(&action.path());
    let field = |pointer: &str| field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS]);
    let context = context! {
        letter => context! {
            title => text.title, summary => text.summary, description_html => markdown::render(&text.description), url => own_url.as_str(),
            count => action.published_count, editable => letter.editable, live => letter.live, protected => action.protected,
            targets => Serde(targets), subjects => Serde(&prefilled.subjects),
        },
        campaign => Serde(campaign.as_deref()),
        form => context! {
            action => format!("{}?lang={}", action.path(), locale.as_str()), values => Serde(&values),
            errors => Serde(form_errors(locale, &state.errors, field)), locale => locale.as_str(),
        },
        standing => availability_context(action, locale, kernel.env.now()),
        challenge,
        organization => action.organization_name.as_str(),
    };
    kernel.pages.page("pages/letter.html", visitor, &own_url, context)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a handful of subjects"
)]
fn pick(subjects: &[String], fraction: f64) -> String {
    subjects.get((fraction * subjects.len() as f64) as usize).cloned().unwrap_or_default()
}

async fn visible(letters: &Letters, slug: &str) -> Result<std::sync::Arc<LetterAction>> {
    let letter = letters.letter(slug).await?;
    if letter.action.state.is_public() { Ok(letter) } else { Err(Error::not_found()) }
}

async fn show(
    State(letters): State<Letters>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    let letter = visible(&letters, &slug).await?;
    page(&letters, &visitor, &letter, FormState::default()).await
}

async fn submit(
    State(letters): State<Letters>,
    mut visitor: Visitor,
    source: Source,
    PathParams(slug): PathParams<String>,
    form: Result<Form<LetterForm>, FormRejection>,
) -> Result<Response> {
    let kernel = &letters.kernel;
    let Form(form) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::problem(Code::PayloadTooLarge, "The letter is too long."),
        _ => Error::problem(Code::UnsupportedMediaType, "Send the form as it is."),
    })?;
    if let Ok(locale) = LocaleTag::parse(&form.locale) {
        visitor.locale = locale;
    }
    let letter = visible(&letters, &slug).await?;
    letter.action.require_open(letters.kernel.env.now())?;
    let prefilled = Prefilled::of(&letter, visitor.locale)?;
    let (title, _) = letter.action.text(visitor.locale, "");
    let new = match form.read(&letter, &prefilled, visitor.locale) {
        Ok(new) => new,
        Err(Error::Fields(errors)) => {
            let state = FormState { values: Some(form), errors, challenge: None };
            return page_with_status(&letters, &visitor, &letter, state, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        Err(error) => return Err(error),
    };
    if form.website.is_empty() {
        let proof = Proof {
            altcha: Some(form.altcha.as_str()).filter(|p| !p.is_empty()),
            ticket: Some(form.wait_ticket.as_str()).filter(|p| !p.is_empty()),
        };
        match kernel.rate_limiter.admit(source, proof).await {
            Ok(()) => letters.submit(&letter, new).await?,
            Err(Error::Challenge(challenge)) => {
                let state = FormState { values: Some(form), errors: Vec::new(), challenge: Some(challenge) };
                return page_with_status(&letters, &visitor, &letter, state, StatusCode::PRECONDITION_REQUIRED).await;
            }
            Err(error) => return Err(error),
        }
    }
    received(kernel, &visitor, &letter.action, &title.title)
}

async fn page_with_status(
    letters: &Letters,
    visitor: &Visitor,
    letter: &LetterAction,
    state: FormState,
    status: StatusCode,
) -> Result<Response> {
    let mut response = page(letters, visitor, letter, state).await?.into_response();
    *response.status_mut() = status;
    Ok(private(response))
}
