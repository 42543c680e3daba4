//! The page of a petition and its form.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Form, RawQuery, State, rejection::FormRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    abuse::RequestSignals,
    links::PREVIEW_PETITION,
    live_count, petition_delivery_page, questions,
    store::{self, Petition},
    submission::{AttachedLetterInput, Display, NewSignature, Petitions},
};
use crate::{
    actions::submission::code_pages,
    campaigns,
    error::{Code, Error, Result},
    kernel::{
        extract::{FORM_LIMIT, PathParams},
        forms::{FormError, FormFields, challenge_context, field_of, form_errors},
        i18n,
        links::expired,
        markdown,
        pages::{Visitor, moved, not_indexed, private},
        rate_limit::{Proof, Source},
        text::{LocaleTag, clean_line, clean_text},
    },
    letters::{self, LetterAction, Prefilled},
    people::{Consents, PERSON_FORM_FIELDS, PersonBody},
};

/// Fields of the form besides those of a person and a letter, by the segments of JSON pointers into the API's body.
const FORM_FIELDS: &FormFields =
    &[("comments", "comments"), ("muster:display", "display"), ("muster:keep_nothing", "keep_nothing")];

/// Number of updates on a petition's page.
const UPDATES: u32 = 5;

/// Routes of the pages.
pub fn pages(state: Petitions) -> Router {
    let code_pages = code_pages(state.submissions.clone());
    Router::new()
        .route("/p/{slug}", get(show).post(submit))
        .route("/p/{slug}/preview/{token}", get(preview))
        .route("/p/{slug}/live", get(live_count::live_count))
        .route("/p/{slug}/poster.svg", get(poster))
        .merge(petition_delivery_page::routes())
        .with_state(state)
        .merge(code_pages)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
}

/// Fields of the form.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct SignForm {
    given_name: String,
    family_name: String,
    email: String,
    postal_code: String,
    country: String,
    phone: String,
    comments: String,
    display: String,
    city: String,
    subject: String,
    message: String,
    show_email: String,
    updates: String,
    keep_nothing: String,
    deliver_name: String,
    locale: String,
    source: String,
    /// `partner-{slug}`: the boxes of partner organizations; `answer-{key}`: the petition's own questions.
    #[serde(flatten)]
    more: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    website: String,
    #[serde(skip_serializing)]
    seconds: String,
    #[serde(skip_serializing)]
    altcha: String,
    #[serde(skip_serializing)]
    wait_ticket: String,
}

async fn show(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let petition = petitions.petition(&slug).await?;
    if petition.action.slug != slug && petition.action.state.is_public() {
        return Ok(moved(&petition.action.path(), query.as_deref()));
    }
    let mut form = SignForm::empty(&petitions, &petition, visitor.locale).await?;
    let asked = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    form.source =
        asked.filter(|(name, _)| name == "source").map(|(_, word)| word.into_owned()).next().unwrap_or_default();
    render(&petitions, &petition, &visitor, &form, &[], Value::from(()), false).await
}

/// Name of the form field of a JSON pointer.
fn field(pointer: &str) -> String {
    match pointer.strip_prefix("/muster:answers/") {
        Some(question) => format!("answer-{question}"),
        None => field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS, letters::FORM_FIELDS]),
    }
}

/// The page behind a preview link, for any state of the petition.
async fn preview(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    PathParams((slug, token)): PathParams<(String, String)>,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let token = kernel.links.parse(&token).filter(|t| t.purpose == PREVIEW_PETITION).ok_or_else(expired)?;
    let petition = store::by_key(&mut *kernel.db.acquire().await?, &slug).await?;
    if token.row != petition.action.id {
        return Err(expired());
    }
    token.check(petition.action.preview_generation)?;
    let form = SignForm::empty(&petitions, &petition, visitor.locale).await?;
    Ok(private(render(&petitions, &petition, &visitor, &form, &[], Value::from(()), true).await?))
}

impl SignForm {
    /// The empty form.
    async fn empty(petitions: &Petitions, petition: &Petition, locale: LocaleTag) -> Result<Self> {
        let mut form = Self { country: "CA".to_owned(), ..Self::default() };
        if let Some((_, prefilled)) = attached_letter(petitions, petition, locale).await? {
            form.subject = prefilled.subjects.first().cloned().unwrap_or_default();
            form.message = prefilled.message;
        }
        Ok(form)
    }
}

/// The attached letter in a language, as the form shows it first.
async fn attached_letter(
    petitions: &Petitions,
    petition: &Petition,
    locale: LocaleTag,
) -> Result<Option<(Arc<LetterAction>, Prefilled)>> {
    let Some(letter) = petitions.attached_letter(petition).await? else { return Ok(None) };
    let prefilled = Prefilled::of(&letter, locale)?;
    Ok(Some((letter, prefilled)))
}

async fn render(
    petitions: &Petitions,
    petition: &Petition,
    visitor: &Visitor,
    form: &SignForm,
    errors: &[FormError],
    challenge: Value,
    preview: bool,
) -> Result<Response> {
    let (kernel, action) = (&petitions.kernel, &petition.action);
    if !preview && !action.state.is_public() {
        return Err(Error::not_found());
    }
    let campaign = petitions.campaigns.link(action.campaign_id, visitor.locale, UPDATES).await?;
    let (text, fell_back) = action.text(visitor.locale, &petition.petition_text);
    let count = action.published_count;
    let letter = attached_letter(petitions, petition, visitor.locale).await?.map(|(letter, prefilled)| {
        let targets = letter.targets.iter().zip(&prefilled.greetings);
        let targets = targets.map(|(t, greeting)| json!({"office": t.title_in(visitor.locale), "holder": t.holder_line(), "greeting": greeting}));
        json!({"editable": letter.editable, "live": letter.live, "targets": targets.collect::<Vec<_>>(), "subjects": prefilled.subjects})
    });
    let mut standing = campaigns::availability_context(action, visitor.locale, kernel.env.now());
    if standing.is_none() && petitions.abuse(action.organization_id).await?.limits.signing_paused {
        standing = context! { state => campaigns::State::Paused.as_str(), opens => "", reason => "", since => "", next => Value::from(()) };
    }
    let comments = petitions.comments(petition).await?;
    let names_somebody = comments.iter().any(|comment| !comment.name.is_empty());
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
            extra => petition.paper_count,
            percent => petition.percent(),
            preview,
            protected => action.protected,
            keeps_contacts => petition.keeps_contacts,
            confirmation => action.confirmation().as_str(),
            fallback_language => fell_back.then(|| i18n::text(visitor.locale, &format!("language-{}", action.locale.as_str()))),
            hosted_by => action.hosted_by.as_str(),
            button => text.button.as_str(),
            image => Serde(&action.image),
            demands => petition.demands.clone(),
            deliveries => Serde(petition_delivery_page::delivery_entries(petition, visitor.locale)),
            share => Serde(campaigns::share_links(action, &kernel.url(&action.path()), visitor.locale)),
            fields => Serde(petition.fields.shown(action.protected)),
            questions => Serde(petition.questions.iter().map(|q| q.shown(visitor.locale)).collect::<Vec<_>>()),
        },
        updates => Serde(campaign.as_ref().map_or(&[][..], |c| &c.updates)),
        campaign => Serde(campaign.as_deref()),
        letter => Serde(letter),
        form => context! { action => action.path(), values => Serde(form), errors => Serde(errors), locale => visitor.locale.as_str() },
        partners => Serde(petitions.campaigns.partner_boxes(action.organization_id, visitor.locale).await?.as_ref()),
        comments => Serde(comments.as_ref()),
        standing,
        challenge,
    };
    let page = kernel.pages.page("pages/petition.html", visitor, &kernel.url(&action.path()), page)?;
    Ok(if names_somebody { not_indexed(page) } else { page })
}

/// A poster with a QR code of the page: `?paper=a4|letter`, `?lang=`, `?source=`.
async fn poster(
    State(petitions): State<Petitions>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let kernel = &petitions.kernel;
    let petition = petitions.petition(&slug).await?;
    if !petition.action.state.is_public() {
        return Err(Error::not_found());
    }
    let asked = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let paper = asked("paper")
        .map_or(Ok(campaigns::PaperSize::Letter), |size| size.parse())
        .map_err(|_| Error::problem(Code::InvalidParameter, "paper: a4 or letter."))?;
    let mut url = kernel.url(&petition.action.path());
    if let Some(source) = asked("source") {
        let word = petitions.campaigns.source_word(petition.action.organization_id, Some(&source)).await?;
        url.extend(word.map(|word| format!("?source={word}")));
    }
    let svg = campaigns::poster(&petition.action, &url, visitor.locale, paper)?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::VARY, "accept-language"),
    ];
    Ok((headers, svg).into_response())
}

async fn submit(
    State(petitions): State<Petitions>,
    mut visitor: Visitor,
    source: Source,
    PathParams(slug): PathParams<String>,
    form: Result<Form<SignForm>, FormRejection>,
) -> Result<Response> {
    let Form(form) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::problem(Code::PayloadTooLarge, "The form is too long."),
        _ => Error::problem(Code::UnsupportedMediaType, "Send the form as it is."),
    })?;
    let kernel = &petitions.kernel;
    // the language of the page that carried the form
    visitor.locale = LocaleTag::parse(&form.locale).unwrap_or(visitor.locale);
    let petition = petitions.petition(&slug).await?;
    if !petition.action.state.is_public() {
        return Err(Error::not_found());
    }
    petitions.ensure_open(&petition).await?;
    let done = |petition: &Petition| {
        campaigns::received(kernel, &visitor, &petition.action, &petition.action.text(visitor.locale, "").0.title)
    };
    let outcome = async {
        let prefilled = attached_letter(&petitions, &petition, visitor.locale).await?.map(|(_, prefilled)| prefilled);
        let mut new = parse_form(&form, visitor.locale, petition.action.protected, prefilled)?;
        questions::check(&petition, &mut new, true)?;
        new.signals.source = Some(source);
        let letter = petitions.prepare_attached_letter(&petition, &new).await?;
        let proof = Proof {
            altcha: Some(form.altcha.as_str()).filter(|a| !a.is_empty()),
            ticket: Some(form.wait_ticket.as_str()).filter(|t| !t.is_empty()),
        };
        kernel.rate_limiter.admit(source, proof).await?;
        petitions.submit(&petition, new, letter).await
    };
    match outcome.await {
        Ok(()) => done(&petition),
        Err(Error::Fields(fields)) => {
            let page = render(
                &petitions,
                &petition,
                &visitor,
                &form,
                &form_errors(visitor.locale, &fields, field),
                Value::from(()),
                false,
            )
            .await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(Error::Challenge(challenge)) => {
            let page =
                render(&petitions, &petition, &visitor, &form, &[], challenge_context(&challenge), false).await?;
            Ok((StatusCode::PRECONDITION_REQUIRED, page).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The boxes of partners that were ticked, by slug.
fn partners(form: &SignForm) -> BTreeMap<String, bool> {
    let ticked = form.more.iter().filter(|(_, value)| *value == "true");
    ticked.filter_map(|(name, _)| Some((name.strip_prefix("partner-")?.to_owned(), true))).collect()
}

fn parse_form(
    form: &SignForm,
    locale: LocaleTag,
    protected: bool,
    prefilled: Option<Prefilled>,
) -> Result<NewSignature> {
    let mut person = PersonBody::of_form(&form.given_name, &form.family_name, &form.email, locale);
    if !protected {
        person = person.with_postal(&form.postal_code, &form.city, &form.country).with_phone(&form.phone);
    }
    let person = person.parse("")?;
    if !protected && person.details.given_name.is_empty() {
        return Err(Error::field("/given_name", "required", ""));
    }
    let comments = clean_text(&form.comments, 5000).map_err(|e| Error::field("/comments", e.code, e.detail))?;
    let letter = match prefilled {
        Some(prefilled) => {
            let subject = clean_line(&form.subject, 200).map_err(|e| Error::field("/subject", e.code, e.detail))?;
            let most = prefilled.message.chars().count().max(10_000);
            let message = clean_text(&form.message, most).map_err(|e| Error::field("/message", e.code, e.detail))?;
            AttachedLetterInput { text: prefilled.edited_text(subject, message), show_email: form.show_email == "true" }
        }
        None => AttachedLetterInput::default(),
    };
    let display: Display = serde_json::from_value(form.display.clone().into()).unwrap_or_default();
    // the honeypot may be filled in by a browser, too: the signature is quarantined, not dropped
    let signals = RequestSignals {
        source: None,
        form_seconds: form.seconds.parse().ok(),
        honeypot_filled: !form.website.is_empty(),
    };
    let answers = form.more.iter().filter_map(|(name, value)| Some((name.strip_prefix("answer-")?, value)));
    Ok(NewSignature {
        given_answers: answers.map(|(key, value)| (key.to_owned(), value.clone().into())).collect(),
        answers: BTreeMap::new(),
        delivers_name: form.deliver_name == "true",
        signals,
        person,
        comments: if protected { String::new() } else { comments },
        display,
        consents: Consents { updates: form.updates == "true", partners: partners(form) }.cleaned(),
        keep_nothing: form.keep_nothing == "true",
        source: Some(form.source.clone()).filter(|s| !s.is_empty()),
        letter,
    })
}
