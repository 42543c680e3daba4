//! The page of a petition and its form.

use axum::{
    Router,
    extract::{Form, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{
    signing::{Display, NewSignature, Petitions},
    store::Petition,
};
use crate::{
    campaigns::{self, CampaignLink, State as Life},
    error::{Error, Result},
    kernel::{
        extract::Segments,
        forms::{FormError, challenge_context, form_errors},
        guard::{Proof, Source},
        markdown,
        pages::{Visitor, language_name},
        text::{LocaleTag, clean_text},
    },
    people::{Consents, PersonBody},
};

/// Updates shown below a petition.
const UPDATES: i64 = 5;

/// Routes of the pages.
pub fn pages(state: Petitions) -> Router {
    Router::new().route("/p/{slug}", get(show).post(sign)).with_state(state)
}

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct SignForm {
    given_name: String,
    family_name: String,
    email: String,
    postal_code: String,
    country: String,
    comments: String,
    display: String,
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

async fn show(State(petitions): State<Petitions>, visitor: Visitor, Segments(slug): Segments<String>) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    let form = SignForm { country: "CA".to_owned(), ..SignForm::default() };
    render(&petitions, &petition, &visitor, &form, &[], Value::from(())).await
}

async fn render(petitions: &Petitions, petition: &Petition, visitor: &Visitor, form: &SignForm, errors: &[FormError], challenge: Value) -> Result<Response> {
    let (kernel, action) = (&petitions.kernel, &petition.action);
    if !action.state.is_public() {
        return Err(Error::not_found());
    }
    let (campaign, updates) = CampaignLink::of(&mut *kernel.db.acquire().await?, action.campaign_id, visitor.locale, UPDATES).await?;
    let (text, fell_back) = action.text(visitor.locale, &petition.petition_text);
    let state = match action.state {
        Life::Published => "published",
        Life::Paused => "paused",
        _ => "closed",
    };
    let count = action.published_count;
    let page = context! {
        petition => context! {
            title => text.title.as_str(),
            summary => text.summary.as_str(),
            description_html => markdown::render(&text.description),
            text_html => markdown::render(&text.body),
            targets => petition.targets.clone(),
            url => action.path(),
            count,
            goal => petition.goal,
            percent => petition.goal.map_or(0, |goal| (count * 100 / goal.max(1)).min(100)),
            state,
            protected => action.protected,
            confirmation => if action.confirms { "email" } else { "none" },
            fallback_language => fell_back.then(|| language_name(action.locale)),
            hosted_by => action.hosted_by.as_str(),
            button => text.button.as_str(),
        },
        updates => Serde(updates),
        campaign => Serde(campaign),
        form => context! { action => action.path(), values => Serde(form), errors => Serde(errors), locale => visitor.locale.as_str() },
        challenge,
    };
    kernel.pages.page("pages/petition.html", visitor, &kernel.url(&action.path()), page)
}

async fn sign(State(petitions): State<Petitions>, mut visitor: Visitor, source: Source, Segments(slug): Segments<String>, Form(form): Form<SignForm>) -> Result<Response> {
    let kernel = &petitions.kernel;
    // the language of the page that carried the form
    visitor.locale = LocaleTag::parse(&form.locale).unwrap_or(visitor.locale);
    let petition = petitions.petition(&slug).await?;
    if !petition.action.state.is_public() {
        return Err(Error::not_found());
    }
    petition.action.require_open()?;
    let done = |petition: &Petition| campaigns::received(kernel, &visitor, &petition.action, &petition.action.text(visitor.locale, "").0.title);
    if !form.website.is_empty() {
        // a box that no person sees was filled in: nothing is written, and the machine is told what everybody is told
        return done(&petition);
    }
    let outcome = async {
        let new = accept(&form, visitor.locale, petition.action.protected)?;
        let proof = Proof { altcha: Some(form.altcha.as_str()).filter(|a| !a.is_empty()), ticket: Some(form.wait_ticket.as_str()).filter(|t| !t.is_empty()) };
        kernel.guard.admit(source, proof).await?;
        petitions.sign(&petition, new).await
    };
    match outcome.await {
        Ok(()) => done(&petition),
        Err(Error::Fields(fields)) => {
            let page = render(&petitions, &petition, &visitor, &form, &form_errors(visitor.locale, &fields), Value::from(())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(Error::Challenge(challenge)) => {
            let page = render(&petitions, &petition, &visitor, &form, &[], challenge_context(&challenge)).await?;
            Ok((StatusCode::PRECONDITION_REQUIRED, page).into_response())
        }
        Err(error) => Err(error),
    }
}

fn accept(form: &SignForm, locale: LocaleTag, protected: bool) -> Result<NewSignature> {
    let mut person = PersonBody::of_form(&form.given_name, &form.family_name, &form.email, locale);
    if !protected {
        person = person.with_postal(&form.postal_code, "", &form.country);
    }
    let person = person.parse("")?;
    if !protected && person.details.given_name.is_empty() {
        return Err(Error::field("/given_name", "required", ""));
    }
    let comments = clean_text(&form.comments, 5000).map_err(|e| Error::field("/comments", e.code, e.detail))?;
    let display: Display = serde_json::from_value(form.display.clone().into()).unwrap_or_default();
    Ok(NewSignature {
        person,
        comments: if protected { String::new() } else { comments },
        display,
        consents: Consents { updates: form.updates == "true", ..Consents::default() },
        source: Some(form.source.clone()).filter(|s| !s.is_empty()),
    })
}
