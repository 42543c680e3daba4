//! Events as they are typed into the API: one body for creating and changing, each member checked once.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    plan::{Contact, DEFAULT_LENGTH, EventKind, Format, Plan, Private, Session, Venue},
    times,
};
use crate::{
    campaigns::{ActionFields, Kind, NewAction},
    error::{Error, FieldError, Result},
    kernel::{
        extract::{self, nullable},
        text::{EmailAddress, TextError, clean_line, clean_text, required_line},
        zones::Zone,
    },
};

/// The most seats an event can have.
const MAX_CAPACITY: i64 = 1_000_000;
const MAX_CONTACTS: usize = 10;
const MAX_SESSIONS: usize = 100;
const MAX_LANGUAGES: usize = 20;
const MAX_ADDRESS_LINES: usize = 5;

/// What makes an event, beside what all actions have. For a new one, what is absent has its default; for a change, it
/// stays.
#[derive(Clone, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct EventFields {
    /// RFC 3339, or `YYYY-MM-DD HH:MM:SS` in the event's zone; fractions of a second are dropped. A draft without one gets noon of the next day until
    /// somebody says; publishing needs one.
    pub start_date: Option<String>,
    /// Likewise; two hours after the start if absent.
    pub end_date: Option<String>,
    /// IANA name; America/Toronto if absent.
    pub timezone_identifier: Option<String>,
    /// Seats, 1 to 1,000,000; null: no limit.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    pub capacity: Option<Option<i64>>,
    /// OSDI's location; replaces the whole of it.
    pub location: Option<LocationBody>,
    /// The join link and the like: mailed to the registered, never on a public page.
    pub instructions: Option<String>,
    /// What it is.
    #[serde(rename = "muster:kind")]
    pub muster_kind: Option<EventKind>,
    /// In person if absent.
    #[serde(rename = "muster:format")]
    pub muster_format: Option<Format>,
    /// May people wait for a seat? Yes, if absent.
    #[serde(rename = "muster:waitlist")]
    pub muster_waitlist: Option<bool>,
    /// May a party that fits pass a larger one that waits? No, if absent.
    #[serde(rename = "muster:waitlist_smaller_parties")]
    pub muster_waitlist_smaller_parties: Option<bool>,
    /// Hosts who agreed to be named.
    #[serde(rename = "muster:contacts")]
    pub muster_contacts: Option<Vec<Contact>>,
    /// A map, http(s).
    #[serde(rename = "muster:map_url")]
    pub muster_map_url: Option<String>,
    /// Steps, sign language, childcare, ...
    #[serde(rename = "muster:accessibility")]
    pub muster_accessibility: Option<String>,
    /// The programme.
    #[serde(rename = "muster:sessions")]
    pub muster_sessions: Option<Vec<SessionBody>>,
    /// Languages that are interpreted (BCP 47).
    #[serde(rename = "muster:interpretation")]
    pub muster_interpretation: Option<Vec<String>>,
}

/// OSDI's `location`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LocationBody {
    /// Name of the place.
    pub venue: String,
    /// Street and number, up to five lines.
    pub address_lines: Vec<String>,
    /// City.
    pub locality: String,
    /// Province or state.
    pub region: String,
    /// Postal code.
    pub postal_code: String,
    /// Two letters (ISO 3166-1); CA if absent.
    pub country: String,
}

/// A part of the programme.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionBody {
    /// Title.
    pub title: String,
    /// As the event's.
    pub start_date: String,
    /// As the event's; the start if absent.
    #[serde(default)]
    pub end_date: Option<String>,
    /// How it repeats (RFC 5545): `FREQ=WEEKLY;COUNT=6`.
    #[serde(default)]
    pub rrule: Option<String>,
}

/// A checked event to create.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub(super) action: NewAction,
    pub(super) plan: Plan,
}

impl NewEvent {
    /// Reads and checks the JSON body of `POST /api/v1/events`.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn parse(body: &[u8], now: DateTime<Utc>) -> Result<Self> {
        let (action, fields) = both(extract::parse::<ActionFields>(body), extract::parse::<EventFields>(body))?;
        let has_private_link = fields.instructions.as_deref().is_some_and(|text| !text.trim().is_empty());
        let (mut action, plan) =
            both(action.parse(Kind::Event, !has_private_link), fields.apply(Plan::empty(now), now))?;
        if action.state.is_public() {
            require_date(&plan)?;
        }
        action.over_on = plan.has_date.then(|| plan.ends_at.with_timezone(&plan.zone).date_naive());
        Ok(Self { action, plan })
    }
}

/// Refuses to publish an event whose start nobody chose.
///
/// # Errors
/// 422 at `/start_date`.
pub fn require_date(plan: &Plan) -> Result<()> {
    if plan.has_date {
        Ok(())
    } else {
        Err(Error::field("/start_date", "required", "An event needs a start before it is published."))
    }
}

/// Two results of one body: the faults of both together.
pub fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Error::Fields(mut a)), Err(Error::Fields(b))) => {
            let more: Vec<FieldError> = b.into_iter().filter(|fault| !a.contains(fault)).collect();
            a.extend(more);
            Err(Error::Fields(a))
        }
        // what is no fault of a field goes first
        (Err(Error::Fields(_)) | Ok(_), Err(e)) | (Err(e), _) => Err(e),
    }
}

#[derive(Default)]
struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, code, detail));
    }

    fn text(&mut self, pointer: impl Into<String>, parsed: Result<String, TextError>) -> String {
        parsed.unwrap_or_else(|e| {
            self.add(pointer, e.code, e.detail);
            String::new()
        })
    }

    fn time(&mut self, pointer: impl Into<String>, text: &str, zone: Zone) -> Option<DateTime<Utc>> {
        times::parse(text, zone).map_err(|detail| self.add(pointer, "invalid_value", detail)).ok()
    }

    fn count(&mut self, pointer: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.add(pointer, "too_long", format!("At most {most}."));
        }
        count <= most
    }
}

impl EventFields {
    /// The plan with these members in it.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn apply(self, mut plan: Plan, now: DateTime<Utc>) -> Result<Plan> {
        let mut errors = FieldErrors::default();
        self.apply_times(&mut plan, now, &mut errors);
        match self.capacity {
            None => {}
            Some(None) => plan.capacity = None,
            Some(Some(seats)) => match i32::try_from(seats) {
                Ok(seats) if (1..=MAX_CAPACITY).contains(&seats.into()) => plan.capacity = Some(seats),
                _ => errors.add("/capacity", "out_of_range", "Must lie between 1 and 1000000."),
            },
        }
        plan.kind = self.muster_kind.unwrap_or(plan.kind);
        plan.format = self.muster_format.unwrap_or(plan.format);
        plan.waitlist = self.muster_waitlist.unwrap_or(plan.waitlist);
        plan.allow_smaller_parties_first =
            self.muster_waitlist_smaller_parties.unwrap_or(plan.allow_smaller_parties_first);
        if let Some(location) = self.location {
            plan.place = location.parse(&mut errors);
        }
        if let Some(text) = self.instructions {
            plan.instructions = Private(errors.text("/instructions", clean_text(&text, 5000)));
        }
        if let Some(text) = self.muster_accessibility {
            plan.accessibility = errors.text("/muster:accessibility", clean_text(&text, 2000));
        }
        if let Some(address) = self.muster_map_url {
            let address = errors.text("/muster:map_url", clean_line(&address, 500));
            let is_web =
                address.is_empty() || url::Url::parse(&address).is_ok_and(|u| matches!(u.scheme(), "http" | "https"));
            if !is_web {
                errors.add("/muster:map_url", "invalid_value", "Must be an address that starts with https://.");
            }
            plan.map_url = address;
        }
        if let Some(contacts) = self.muster_contacts
            && errors.count("/muster:contacts", contacts.len(), MAX_CONTACTS)
        {
            plan.contacts =
                contacts.iter().enumerate().map(|(i, contact)| parse_contact(contact, i, &mut errors)).collect();
        }
        if let Some(sessions) = self.muster_sessions
            && errors.count("/muster:sessions", sessions.len(), MAX_SESSIONS)
        {
            let zone = plan.zone;
            plan.sessions =
                sessions.iter().enumerate().filter_map(|(i, session)| session.parse(i, zone, &mut errors)).collect();
        }
        if let Some(languages) = self.muster_interpretation
            && errors.count("/muster:interpretation", languages.len(), MAX_LANGUAGES)
        {
            plan.interpretation = parse_languages(&languages, &mut errors);
        }
        if errors.0.is_empty() { Ok(plan) } else { Err(Error::Fields(errors.0)) }
    }

    fn apply_times(&self, plan: &mut Plan, now: DateTime<Utc>, errors: &mut FieldErrors) {
        if let Some(name) = &self.timezone_identifier {
            let Ok(zone) = name.trim().parse() else {
                errors.add(
                    "/timezone_identifier",
                    "unknown_value",
                    "Must be a name of the IANA time zone database, such as America/Toronto.",
                );
                return;
            };
            plan.zone = zone;
        }
        let length = if plan.has_date { plan.ends_at - plan.starts_at } else { DEFAULT_LENGTH };
        let starts_at = self.start_date.as_deref().map(|text| errors.time("/start_date", text, plan.zone));
        let ends_at = self.end_date.as_deref().map(|text| errors.time("/end_date", text, plan.zone));
        if matches!(starts_at, Some(None)) || matches!(ends_at, Some(None)) {
            return;
        }
        match starts_at.flatten() {
            Some(at) => {
                (plan.starts_at, plan.ends_at, plan.has_date) = (at, at + length, true);
            }
            None if !plan.has_date => {
                plan.starts_at = times::placeholder(now, plan.zone);
                plan.ends_at = plan.starts_at + length;
                if ends_at.is_some() {
                    errors.add("/start_date", "required", "An end needs a start.");
                }
            }
            None => {}
        }
        if let Some(at) = ends_at.flatten() {
            if at < plan.starts_at && plan.has_date {
                errors.add("/end_date", "out_of_range", "An event does not end before it starts.");
            }
            plan.ends_at = at;
        }
    }
}

impl LocationBody {
    fn parse(&self, errors: &mut FieldErrors) -> Venue {
        let mut lines = Vec::new();
        if errors.count("/location/address_lines", self.address_lines.len(), MAX_ADDRESS_LINES) {
            lines.extend(
                self.address_lines
                    .iter()
                    .enumerate()
                    .map(|(i, line)| errors.text(format!("/location/address_lines/{i}"), clean_line(line, 200))),
            );
        }
        lines.retain(|line| !line.is_empty());
        let country = self.country.trim().to_ascii_uppercase();
        let is_code = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        if !(is_code || country.is_empty()) {
            errors.add("/location/country", "unknown_value", "A country has two letters, such as CA.");
        }
        Venue {
            venue: errors.text("/location/venue", clean_line(&self.venue, 200)),
            address: lines.join("\n"),
            locality: errors.text("/location/locality", clean_line(&self.locality, 100)),
            region: errors.text("/location/region", clean_line(&self.region, 100)),
            postal_code: errors.text("/location/postal_code", clean_line(&self.postal_code, 20)),
            country: if country.is_empty() { "CA".to_owned() } else { country },
        }
    }
}

impl SessionBody {
    fn parse(&self, i: usize, zone: Zone, errors: &mut FieldErrors) -> Option<Session> {
        let at = |name: &str| format!("/muster:sessions/{i}/{name}");
        let title = errors.text(at("title"), required_line(&self.title, 200));
        let starts_at = errors.time(at("start_date"), &self.start_date, zone);
        let ends_at = match &self.end_date {
            Some(text) => errors.time(at("end_date"), text, zone),
            None => starts_at,
        };
        let rrule = errors.text(at("rrule"), clean_line(self.rrule.as_deref().unwrap_or(""), 200)).to_ascii_uppercase();
        if !rrule.is_empty() && !is_rrule(&rrule) {
            errors.add(at("rrule"), "invalid_value", "Must be a rule such as FREQ=WEEKLY;COUNT=6.");
        }
        let (starts_at, ends_at) = (starts_at?, ends_at?);
        if ends_at < starts_at {
            errors.add(at("end_date"), "out_of_range", "A session does not end before it starts.");
        }
        Some(Session { title, starts_at, ends_at, rrule })
    }
}

/// `NAME=value` pairs, of which one says how often.
fn is_rrule(rule: &str) -> bool {
    let part = |part: &str| {
        part.split_once('=').is_some_and(|(name, value)| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_uppercase())
                && !value.is_empty()
                && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b",+-".contains(&b))
        })
    };
    rule.split(';').all(part)
        && ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"].iter().any(|f| rule.split(';').any(|p| p == format!("FREQ={f}")))
}

fn parse_contact(contact: &Contact, i: usize, errors: &mut FieldErrors) -> Contact {
    let at = |name: &str| format!("/muster:contacts/{i}/{name}");
    let name = errors.text(at("name"), required_line(&contact.name, 100));
    let phone = errors.text(at("phone"), clean_line(&contact.phone, 40));
    let email = if contact.email.trim().is_empty() {
        Ok(String::new())
    } else {
        EmailAddress::parse(&contact.email).map(|e| e.as_str().to_owned())
    };
    Contact { name, phone, email: errors.text(at("email"), email) }
}

fn parse_languages(input: &[String], errors: &mut FieldErrors) -> Vec<String> {
    let mut languages: Vec<String> = Vec::new();
    for (i, tag) in input.iter().enumerate() {
        match language(tag) {
            Some(tag) if languages.contains(&tag) => {}
            Some(tag) => languages.push(tag),
            None => errors.add(
                format!("/muster:interpretation/{i}"),
                "unknown_value",
                "Must be a language tag such as es or zh-Hant.",
            ),
        }
    }
    languages
}

/// A language tag by its shape (BCP 47), its language in lower case.
pub fn language(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let (language, rest) = tag.split_once('-').map_or((tag.as_str(), None), |(l, r)| (l, Some(r)));
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
    let is_rest = rest.is_none_or(|r| {
        r.len() <= 30
            && r.split('-').all(|s| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()))
    });
    let language = language.to_ascii_lowercase();
    (is_language && is_rest).then(|| rest.map_or_else(|| language.clone(), |rest| format!("{language}-{rest}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-22T12:00:00Z").unwrap().to_utc()
    }

    fn new(body: &Value) -> Result<NewEvent> {
        NewEvent::parse(body.to_string().as_bytes(), now())
    }

    fn error_codes(body: &Value) -> Vec<(String, String)> {
        match new(body) {
            Err(Error::Fields(fields)) => fields.into_iter().map(|f| (f.pointer, f.code.into_owned())).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_title_is_required_of_a_draft() {
        let event = new(&json!({"title": "Assembly"})).unwrap();
        assert!(!event.plan.has_date && event.action.over_on.is_none());
        assert_eq!(event.plan.starts_at.to_rfc3339(), "2026-11-23T17:00:00+00:00");
        assert_eq!(event.plan.ends_at - event.plan.starts_at, DEFAULT_LENGTH);
        assert_eq!(
            error_codes(&json!({"title": "Assembly", "muster:status": "published"})),
            [("/start_date".to_owned(), "required".to_owned())]
        );
        assert_eq!(error_codes(&json!({}))[0], ("/title".to_owned(), "required".to_owned()));
    }

    #[test]
    fn local_times_follow_the_zone() {
        let event = new(&json!({"title": "March", "start_date": "2026-12-06 14:00:00", "timezone_identifier": "America/Vancouver", "muster:status": "published"})).unwrap();
        // the clocks of British Columbia stay on summer time since 2026
        assert_eq!(event.plan.starts_at.to_rfc3339(), "2026-12-06T21:00:00+00:00");
        assert_eq!(
            error_codes(&json!({"title": "March", "timezone_identifier": "Mars/Base"}))[0].0,
            "/timezone_identifier"
        );
        assert_eq!(
            error_codes(
                &json!({"title": "March", "start_date": "2026-12-06 14:00:00", "end_date": "2026-12-06 13:00:00"})
            )[0]
            .0,
            "/end_date"
        );
    }

    #[test]
    fn a_private_link_always_asks_for_confirmation() {
        let body =
            json!({"title": "Call", "instructions": "https://meet.example.org/x", "muster:confirmation": "none"});
        assert_eq!(error_codes(&body)[0].0, "/muster:confirmation");
        assert!(
            !format!("{:?}", new(&json!({"title": "Call", "instructions": "https://meet.example.org/x"})).unwrap())
                .contains("meet.example")
        );
    }

    #[test]
    fn errors_of_both_halves_are_reported_together() {
        let body = json!({
            "title": "x", "muster:slug": "No Slug!", "capacity": 0, "muster:map_url": "javascript:alert(1)", "location": {"country": "Canada"},
            "muster:contacts": [{"name": ""}, {"name": "Ana", "email": "nobody"}], "muster:interpretation": ["es", "english!"],
            "muster:sessions": [{"title": "a", "start_date": "never"}, {"title": "b", "start_date": "2026-12-06 14:00", "rrule": "hello"}],
        });
        let pointers: Vec<String> = error_codes(&body).into_iter().map(|(pointer, _)| pointer).collect();
        for pointer in [
            "/muster:slug",
            "/capacity",
            "/muster:map_url",
            "/location/country",
            "/muster:contacts/0/name",
            "/muster:contacts/1/email",
            "/muster:interpretation/1",
            "/muster:sessions/0/start_date",
            "/muster:sessions/1/rrule",
        ] {
            assert!(pointers.iter().any(|p| p == pointer), "{pointer} {pointers:?}");
        }
    }

    #[test]
    fn put_keeps_absent_members() {
        let plan = new(&json!({"title": "x", "start_date": "2026-12-06 14:00:00", "end_date": "2026-12-06 17:00:00", "capacity": 30})).unwrap().plan;
        let change =
            |body: &str| extract::parse::<EventFields>(body.as_bytes()).unwrap().apply(plan.clone(), now()).unwrap();
        assert_eq!(change("{}"), plan);
        assert_eq!(change(r#"{"capacity":null}"#).capacity, None);
        let moved = change(r#"{"start_date":"2026-12-07 10:00:00"}"#);
        assert_eq!(moved.ends_at - moved.starts_at, plan.ends_at - plan.starts_at);
        assert!(plan.moves(&moved) && !plan.moves(&change(r#"{"capacity":31}"#)));
    }
}
