//! What the page of an event has beside those of all actions; `/e/{slug}.ics`: its calendar file.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};
use serde_json::json;

use super::{
    ics,
    kind::{AttendanceKind, AttendanceSubmissions},
    links::JOIN_AT_ONCE,
    plan::Event,
    state::EventStatus,
    submission::{Events, NewAttendance, access_needs, interpretation, party_size},
};
use crate::{
    actions::{ActionPage, action_pages},
    campaigns::{ActionText, Campaigns, State},
    error::{Error, Result},
    kernel::{
        Kernel,
        forms::{FieldErrors, FormFields, FormInput, field_of},
        http_cache::etag,
        i18n,
        pages::{Visitor, language_name},
        rate_limit::Source,
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
pub fn pages(events: Events) -> Router {
    action_pages(events, Router::new())
}

impl ActionPage for Events {
    type Kind = AttendanceKind;
    type New = NewAttendance;
    const TEMPLATE: &'static str = "pages/event.html";
    const FIELDS: &'static [&'static str] = &[
        "given_name",
        "family_name",
        "email",
        "phone",
        "party_size",
        "interpretation",
        "access_needs",
        "updates",
        "source",
    ];

    fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    fn campaigns(&self) -> &Campaigns {
        &self.campaigns
    }

    fn submissions(&self) -> &AttendanceSubmissions {
        &self.submissions
    }

    async fn find(&self, key: &str) -> Result<Arc<Event>> {
        self.event(key).await
    }

    async fn require_open(&self, event: &Event) -> Result<()> {
        self.ensure_open(event)
    }

    async fn prefill(&self, _: &Event, _: LocaleTag, form: &mut FormInput) -> Result<()> {
        form.set("party_size", "1");
        Ok(())
    }

    async fn context(&self, event: &Event, _: &ActionText, locale: LocaleTag) -> Result<Value> {
        let plan = &event.plan;
        // the preview of a draft shows what will be seen once it is published
        let is_draft = event.action.state == State::Draft;
        let status = if is_draft { EventStatus::Open } else { event.status(self.kernel.env.now()) };
        let local = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&plan.zone).to_rfc3339();
        let sessions: Vec<serde_json::Value> = plan
            .sessions
            .iter()
            .map(|s| json!({"title": s.title, "when": event.when_session(s, locale, self.kernel.env.now())}))
            .collect();
        let languages: Vec<serde_json::Value> =
            plan.interpretation.iter().map(|tag| json!({"code": tag, "name": name_of_language(tag)})).collect();
        Ok(context! {
            event => context! {
                when => event.when(locale),
                when_iso => local(plan.starts_at),
                end_iso => local(plan.ends_at),
                city => plan.zone.city().unwrap_or_default(),
                place => event.place(),
                map_url => plan.map_url.as_str(),
                accessibility => plan.accessibility.as_str(),
                contacts => Serde(&plan.contacts),
                sessions => Serde(sessions),
                kind_label => i18n::text(locale, &format!("event-kind-{}", plan.kind.as_str())),
                format => plan.format.as_str(),
                private_link => !plan.instructions.0.is_empty() || event.has_joining(),
                status => Serde(status),
                ics_url => format!("{}.ics", event.action.path()),
                interpretation_languages => Serde(languages),
            },
        })
    }

    fn field(pointer: &str) -> String {
        field_of(pointer, &[PERSON_FORM_FIELDS, FORM_FIELDS])
    }

    async fn read(&self, event: &Event, form: &FormInput, locale: LocaleTag, from: Source) -> Result<NewAttendance> {
        let mut errors = FieldErrors::default();
        let body = if event.action.protected {
            // a protected event ignores fields that its form does not have
            PersonBody::of_form(&form.only(&["given_name", "email"]), locale)
        } else {
            errors.require("/given_name", !form.text("given_name").trim().is_empty());
            PersonBody::of_form(&form.only(&["given_name", "family_name", "email", "phone"]), locale)
        };
        let person = errors.fields(body.parse(""))?;
        let size = form.given("party_size").map_or(1, |size| size.trim().parse().unwrap_or(0));
        let party_size = errors.field(party_size(event, size)).unwrap_or_default();
        let interpretation = errors.field(interpretation(event, form.text("interpretation"))).unwrap_or_default();
        let access_needs = errors.field(access_needs(form.text("access_needs"))).unwrap_or_default();
        errors.finish(person.map(|person| NewAttendance {
            person,
            party_size,
            interpretation,
            access_needs,
            consents: Consents::of_form(form),
            source: form.given("source").map(str::to_owned),
            from: Some(from),
        }))
    }

    async fn submit(&self, event: &Event, new: NewAttendance) -> Result<()> {
        self.submit_here(event, new).await.map(|_| ())
    }

    async fn submit_here(&self, event: &Event, new: NewAttendance) -> Result<Option<String>> {
        let joins = Events::submit(self, event, new).await?;
        Ok(joins.map(|id| format!("/t/{}", self.kernel.links.token(JOIN_AT_ONCE, id, 0))))
    }

    fn file(&self, event: &Event, extension: &str, visitor: &Visitor) -> Option<Result<Response>> {
        (extension == "ics").then(|| calendar(self, event, visitor))
    }
}

fn calendar(events: &Events, event: &Event, visitor: &Visitor) -> Result<Response> {
    let kernel = &events.kernel;
    let text =
        ics::calendar(event, visitor.locale, &kernel.settings.mail.from_domain, &kernel.url(&event.action.path()));
    let header = |value: String| HeaderValue::try_from(value).map_err(Error::internal);
    let name = if event.action.protected { "calendar" } else { &event.action.slug };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(ics::CONTENT_TYPE)),
        (header::CONTENT_DISPOSITION, header(format!("attachment; filename=\"{name}.ics\""))?),
        // calendars poll
        (header::ETAG, header(etag(text.as_bytes()))?),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::VARY, HeaderValue::from_static("accept-language")),
    ];
    Ok((headers, text).into_response())
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
