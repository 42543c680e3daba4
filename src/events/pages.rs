//! `/e/{slug}`: the page of an event with its form; `/e/{slug}.ics`: its calendar file.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Form, State, rejection::FormRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    ics,
    plan::Event,
    submission::{Events, NewAttendance, access_needs, interpretation, party_size},
};
use crate::{
    actions::submission::code_pages,
    campaigns,
    error::{Code, Error, FieldError, Result},
    kernel::{
        extract::{FORM_LIMIT, PathParams},
        forms::{FormError, FormFields, challenge_context, field_of, form_errors},
        i18n, markdown,
        pages::{Visitor, language_name},
        rate_limit::{Proof, Source},
        text::LocaleTag,
    },
    people::{Consents, PERSON_FORM_FIELDS, PersonBody},
};

/// Fields of the form besides those of a person, by the segments of JSON pointers into the API's body.
const FORM_FIELDS: &FormFields = &[
    ("muster:party_size", "party_size"),
    ("muster:interpretation", "interpretation"),
    ("muster:access_needs", "access_needs"),
];

/// Routes of the pages.
pub fn pages(state: Events) -> Router {
    let code_pages = code_pages(state.submissions.clone());
    Router::new()
        .route("/e/{slug}", get(show).post(submit))
        .with_state(state)
        .merge(code_pages)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
}

/// The form as it is posted, and as it is shown again after an error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct RegisterForm {
    given_name: String,
    family_name: String,
    email: String,
    phone: String,
    party_size: String,
    interpretation: String,
    access_needs: String,
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

async fn public(events: &Events, slug: &str) -> Result<std::sync::Arc<Event>> {
    let event = events.event(slug).await?;
    if event.action.state.is_public() { Ok(event) } else { Err(Error::not_found()) }
}

async fn show(
    State(events): State<Events>,
    visitor: Visitor,
    PathParams(slug): PathParams<String>,
) -> Result<Response> {
    // slugs have no dot, so `.ics` cannot be part of one
    if let Some(slug) = slug.strip_suffix(".ics") {
        return calendar(&events, &*public(&events, slug).await?, &visitor);
    }
    let event = public(&events, &slug).await?;
    render(&events, &event, &visitor, &RegisterForm::default(), &[], Value::from(())).await
}

fn calendar(events: &Events, event: &Event, visitor: &Visitor) -> Result<Response> {
    let kernel = &events.kernel;
    let text = ics::calendar(
        event,
        visitor.locale,
        &kernel.settings.mail.from_domain,
        &kernel.url(&event.action.path()),
        kernel.env.now(),
    );
    let name = HeaderValue::try_from(format!("attachment; filename=\"{}.ics\"", event.action.slug))
        .map_err(Error::internal)?;
    Ok((
        [(header::CONTENT_TYPE, HeaderValue::from_static(ics::CONTENT_TYPE)), (header::CONTENT_DISPOSITION, name)],
        text,
    )
        .into_response())
}

/// The name of a language in that language, also for those without texts here.
fn name_of_language(tag: &str) -> String {
    const NAMES: [(&str, &str); 26] = [
        ("am", "አማርኛ"),
        ("ar", "العربية"),
        ("asl", "American Sign Language (ASL)"),
        ("bn", "বাংলা"),
        ("de", "Deutsch"),
        ("en", "English"),
        ("es", "Español"),
        ("fa", "فارسی"),
        ("fr", "Français"),
        ("gu", "ગુજરાતી"),
        ("hi", "हिन्दी"),
        ("ht", "Kreyòl ayisyen"),
        ("lsq", "Langue des signes québécoise (LSQ)"),
        ("pa", "ਪੰਜਾਬੀ"),
        ("pt", "Português"),
        ("ru", "Русский"),
        ("so", "Soomaali"),
        ("sw", "Kiswahili"),
        ("ta", "தமிழ்"),
        ("ti", "ትግርኛ"),
        ("tl", "Tagalog"),
        ("tr", "Türkçe"),
        ("uk", "Українська"),
        ("ur", "اردو"),
        ("vi", "Tiếng Việt"),
        ("zh", "中文"),
    ];
    let known = NAMES.iter().find(|(code, _)| *code == tag).map(|(_, name)| *name);
    known
        .or_else(|| LocaleTag::parse(tag).ok().filter(|l| l.as_str() == tag).map(language_name))
        .unwrap_or(tag)
        .to_owned()
}

async fn render(
    events: &Events,
    event: &Event,
    visitor: &Visitor,
    form: &RegisterForm,
    errors: &[FormError],
    challenge: Value,
) -> Result<Response> {
    let (kernel, action, plan) = (&events.kernel, &event.action, &event.plan);
    let locale = visitor.locale;
    let campaign = events.campaigns.link(action.campaign_id, locale, 0).await?;
    let (text, _) = action.text(locale, "");
    let local = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&plan.zone).to_rfc3339();
    let sessions: Vec<serde_json::Value> = plan
        .sessions
        .iter()
        .map(|s| json!({"title": s.title, "when": i18n::period(locale, s.starts_at, s.ends_at, plan.zone)}))
        .collect();
    let languages: Vec<serde_json::Value> =
        plan.interpretation.iter().map(|tag| json!({"code": tag, "name": name_of_language(tag)})).collect();
    let page = context! {
        event => context! {
            title => text.title.as_str(),
            summary => text.summary.as_str(),
            description_html => markdown::render(&text.description),
            when => event.when(locale),
            when_iso => local(plan.starts_at),
            end_iso => local(plan.ends_at),
            city => plan.zone.city(),
            place => event.place(),
            map_url => plan.map_url.as_str(),
            accessibility => plan.accessibility.as_str(),
            hosted_by => action.hosted_by.as_str(),
            contacts => Serde(&plan.contacts),
            sessions => Serde(sessions),
            kind_label => i18n::text(locale, &format!("event-kind-{}", plan.kind.as_str())),
            format => plan.format.as_str(),
            private_link => !plan.instructions.0.is_empty(),
            status => Serde(event.status(kernel.env.now())),
            protected => action.protected,
            ics_url => format!("{}.ics", action.path()),
            url => action.path(),
        },
        campaign => Serde(campaign.as_deref()),
        form => context! {
            action => action.path(),
            values => Serde(form),
            errors => Serde(errors),
            locale => locale.as_str(),
            interpretation_languages => Serde(languages),
        },
        challenge,
    };
    kernel.pages.page("pages/event.html", visitor, &kernel.url(&action.path()), page)
}

async fn submit(
    State(events): State<Events>,
    mut visitor: Visitor,
    source: Source,
    PathParams(slug): PathParams<String>,
    form: Result<Form<RegisterForm>, FormRejection>,
) -> Result<Response> {
    let Form(form) = form.map_err(not_a_form)?;
    let kernel = &events.kernel;
    // the language of the page with the form
    visitor.locale = LocaleTag::parse(&form.locale).unwrap_or(visitor.locale);
    let event = public(&events, &slug).await?;
    events.ensure_open(&event)?;
    let done = || campaigns::received(kernel, &visitor, &event.action, &event.title(visitor.locale));
    if !form.website.is_empty() {
        // honeypot: a field that people do not see was filled in; nothing is written, and the answer is the usual one
        return done();
    }
    let outcome = async {
        let new = parse_form(&event, &form, visitor.locale)?;
        let given = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        let (altcha, ticket) = (given(&form.altcha), given(&form.wait_ticket));
        kernel.rate_limiter.admit(source, Proof { altcha: altcha.as_deref(), ticket: ticket.as_deref() }).await?;
        events.submit(&event, new).await
    };
    match outcome.await {
        Ok(()) => done(),
        Err(Error::Fields(fields)) => {
            let field = |pointer: &str| field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS]);
            let errors = form_errors(visitor.locale, &fields, field);
            let page = render(&events, &event, &visitor, &form, &errors, Value::from(())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(Error::Challenge(challenge)) => {
            let page = render(&events, &event, &visitor, &form, &[], challenge_context(&challenge)).await?;
            Ok((StatusCode::PRECONDITION_REQUIRED, page).into_response())
        }
        Err(error) => Err(error),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn not_a_form(rejection: FormRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Error::problem(Code::PayloadTooLarge, "This form is too large.");
    }
    Error::problem(Code::UnsupportedMediaType, "Send the form as application/x-www-form-urlencoded.")
}

fn parse_form(event: &Event, form: &RegisterForm, locale: LocaleTag) -> Result<NewAttendance> {
    let protected = event.action.protected;
    // a protected event ignores fields that its form does not have
    let family_name = if protected { "" } else { form.family_name.as_str() };
    let mut person = PersonBody::of_form(&form.given_name, family_name, &form.email, locale);
    if !protected {
        person = person.with_phone(&form.phone);
    }
    let mut errors = Vec::new();
    let person = match person.parse("") {
        Ok(person) => Some(person),
        Err(Error::Fields(fields)) => {
            errors.extend(fields);
            None
        }
        Err(error) => return Err(error),
    };
    if !protected && form.given_name.trim().is_empty() {
        errors.push(FieldError::new("/given_name", "required", ""));
    }
    let input = form.party_size.trim();
    let size = party_size(event, if input.is_empty() { 1 } else { input.parse().unwrap_or(0) })
        .map_err(|e| errors.push(e))
        .ok();
    let language = interpretation(event, &form.interpretation).map_err(|e| errors.push(e)).ok();
    let needs = access_needs(&form.access_needs).map_err(|e| errors.push(e)).ok();
    match (person, size, language, needs) {
        (Some(person), Some(party_size), Some(interpretation), Some(access_needs)) if errors.is_empty() => {
            Ok(NewAttendance {
                person,
                party_size,
                interpretation,
                access_needs,
                consents: Consents { updates: form.updates == "true", ..Consents::default() },
                source: Some(form.source.clone()).filter(|s| !s.is_empty()),
            })
        }
        _ => Err(Error::Fields(errors)),
    }
}
