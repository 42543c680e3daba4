//! Events as the API reads and shows them: one document for POST, PUT and GET, each member checked once.

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    plan::{Contact, DEFAULT_LENGTH, EventKind, Format, Plan, Private, Session, Venue},
    times,
};
use crate::{
    campaigns::{ActionDocument, Kind, NewAction},
    error::{Error, FieldError, Result},
    kernel::{
        countries,
        extract::{self, nullable},
        patch::{Patch, both},
        text::{EmailAddress, TextError, clean_line, clean_text, required_line},
        zones::Zone,
    },
};

/// Maximum capacity.
const MAX_CAPACITY: i64 = 1_000_000;
const MAX_CONTACTS: usize = 10;
const MAX_SESSIONS: usize = 100;
const MAX_LANGUAGES: usize = 20;
const MAX_ADDRESS_LINES: usize = 5;
const MAX_REMINDERS: usize = 5;
/// A mail takes its time.
const MIN_REMINDER_MINUTES: i32 = 5;
/// A week.
const MAX_REMINDER_MINUTES: i32 = 10_080;

/// What organizers write of an event beside what all actions have: the same members in POST, PUT and GET.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub struct EventDocument {
    /// RFC 3339, or `YYYY-MM-DD HH:MM:SS` in the event's zone; fractions of a second are dropped. A draft without one
    /// gets noon of the next day until somebody says; publishing needs one.
    pub start_date: Option<String>,
    /// Likewise; two hours after the start if absent. A new start without a new end moves the end along.
    pub end_date: Option<String>,
    /// IANA name; America/Toronto if absent.
    pub timezone_identifier: Option<String>,
    /// Seats, 1 to 1,000,000; null: no limit. Shown to organizers only.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub capacity: Option<Option<i64>>,
    /// OSDI's location; replaced as a whole.
    pub location: LocationDocument,
    /// What only the registered are told, at most 5,000 characters: mailed to them, never on a public page. Shown to
    /// organizers only. A join link stands better in `…/joining`, which shows it nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// What it is.
    #[serde(rename = "muster:kind")]
    pub muster_kind: EventKind,
    /// In person if absent.
    #[serde(rename = "muster:format")]
    pub muster_format: Format,
    /// May people wait for a seat? Yes, if absent.
    #[serde(rename = "muster:waitlist")]
    pub muster_waitlist: bool,
    /// May a party that fits pass a larger one that waits? No, if absent. Shown to organizers only.
    #[serde(rename = "muster:waitlist_smaller_parties", skip_serializing_if = "Option::is_none")]
    pub muster_waitlist_smaller_parties: Option<bool>,
    /// Hosts who agreed to be named, at most 10.
    #[serde(rename = "muster:contacts")]
    pub muster_contacts: Vec<Contact>,
    /// A map, http(s), or "".
    #[serde(rename = "muster:map_url")]
    pub muster_map_url: String,
    /// Steps, sign language, childcare, ...; at most 2,000 characters.
    #[serde(rename = "muster:accessibility")]
    pub muster_accessibility: String,
    /// The programme, at most 100 sessions. A new start without sessions moves them along; the event is over when the last
    /// of them is.
    #[serde(rename = "muster:sessions")]
    pub muster_sessions: Vec<SessionDocument>,
    /// Languages that are interpreted (BCP 47), at most 20.
    #[serde(rename = "muster:interpretation")]
    pub muster_interpretation: Vec<String>,
    /// Minutes before the first start of each day at which the registered are reminded: at most 5, from 5 to 10,080 (a
    /// week). A day and an hour, if absent; none, if empty. Shown to organizers only.
    #[serde(rename = "muster:reminders", skip_serializing_if = "Option::is_none")]
    pub muster_reminders: Option<Vec<i64>>,
    /// What the registered are mailed an hour after the end, with the next action; at most 5,000 characters. Nothing, if
    /// empty. Shown to organizers only.
    #[serde(rename = "muster:follow_up", skip_serializing_if = "Option::is_none")]
    pub muster_follow_up: Option<String>,
}

impl Default for EventDocument {
    fn default() -> Self {
        Self {
            start_date: None,
            end_date: None,
            timezone_identifier: None,
            capacity: None,
            location: LocationDocument::default(),
            instructions: None,
            muster_kind: EventKind::default(),
            muster_format: Format::default(),
            muster_waitlist: true,
            muster_waitlist_smaller_parties: None,
            muster_contacts: Vec::new(),
            muster_map_url: String::new(),
            muster_accessibility: String::new(),
            muster_sessions: Vec::new(),
            muster_interpretation: Vec::new(),
            muster_reminders: None,
            muster_follow_up: None,
        }
    }
}

/// OSDI's `location`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LocationDocument {
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
    /// Two letters (ISO 3166-1), or a name or three letters, which become those; CA if absent.
    pub country: String,
}

/// A part of the programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionDocument {
    /// Title.
    pub title: String,
    /// As the event's.
    pub start_date: String,
    /// As the event's; the start if absent.
    #[serde(default)]
    pub end_date: Option<String>,
    /// How it repeats (RFC 5545): `FREQ=WEEKLY;COUNT=6`, or "".
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
        let (action, event) = both(extract::parse::<ActionDocument>(body), extract::parse::<EventDocument>(body))?;
        let has_private_link = event.instructions.as_deref().is_some_and(|text| !text.trim().is_empty());
        let (mut action, plan) =
            both(action.parse(Kind::Event, !has_private_link), event.parse(&Plan::empty(now), now))?;
        if action.state.is_public() {
            require_date(&plan)?;
        }
        set_dates(&mut action, &plan);
        Ok(Self { action, plan })
    }
}

/// Adds the dates of the plan to those of the action.
pub(super) fn set_dates(action: &mut NewAction, plan: &Plan) {
    action.zone = plan.zone;
    if plan.has_date {
        action
            .dates
            .extend([("/start_date", plan.starts_at), ("/end_date", plan.ends_at)].map(|(p, at)| (p.to_owned(), at)));
    }
    let sessions = plan.sessions.iter().enumerate();
    action.dates.extend(sessions.map(|(i, session)| {
        let member = if session.rrule.is_empty() { "end_date" } else { "rrule" };
        (format!("/muster:sessions/{i}/{member}"), session.last_end(plan.zone))
    }));
}

/// Refuses to publish an event without a chosen start.
///
/// # Errors
/// 422 at `/start_date`.
pub(super) fn require_date(plan: &Plan) -> Result<()> {
    if plan.has_date {
        Ok(())
    } else {
        Err(Error::field("/start_date", "required", "An event needs a start before it is published."))
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

/// A time as answers show it.
fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl EventDocument {
    /// The document of a plan; members for organizers are left out for the public.
    pub fn of(plan: &Plan, is_organizer: bool) -> Self {
        Self {
            start_date: Some(rfc3339(plan.starts_at)),
            end_date: Some(rfc3339(plan.ends_at)),
            timezone_identifier: Some(plan.zone.name().to_owned()),
            capacity: is_organizer.then(|| plan.capacity.map(i64::from)),
            location: LocationDocument::of(&plan.place),
            instructions: is_organizer.then(|| plan.instructions.0.clone()),
            muster_kind: plan.kind,
            muster_format: plan.format,
            muster_waitlist: plan.waitlist,
            muster_waitlist_smaller_parties: is_organizer.then_some(plan.allow_smaller_parties_first),
            muster_contacts: plan.contacts.clone(),
            muster_map_url: plan.map_url.clone(),
            muster_accessibility: plan.accessibility.clone(),
            muster_sessions: plan.sessions.iter().map(SessionDocument::of).collect(),
            muster_interpretation: plan.interpretation.clone(),
            muster_reminders: is_organizer.then(|| plan.reminders.iter().copied().map(i64::from).collect()),
            muster_follow_up: is_organizer.then(|| plan.follow_up.clone()),
        }
    }

    /// The document of a plan with the members of a PUT laid over it. A new start without a new end moves the end
    /// along. Null for a member that is derived when an event is created (`start_date`, `end_date`,
    /// `timezone_identifier`) leaves it as it is.
    ///
    /// # Errors
    /// 422 with a pointer for each refused member.
    pub fn patched<R>(plan: &Plan, patch: &Patch<R>) -> Result<Self> {
        let shown = Self::of(plan, true);
        let mut before = shown.clone();
        if !plan.has_date {
            (before.start_date, before.end_date) = (None, None);
        }
        let mut after: Self = patch.apply(&before)?;
        // an answer that is sent back does not choose the placeholder that it shows
        let is_answer = patch.has("identifiers");
        if !plan.has_date && is_answer && (&after.start_date, &after.end_date) == (&shown.start_date, &shown.end_date) {
            (after.start_date, after.end_date) = (None, None);
        }
        let moves_start = after.start_date.is_some() && after.start_date != before.start_date;
        if moves_start && !patch.has("end_date") {
            after.end_date = None;
        } else {
            after.end_date = after.end_date.or(if moves_start { None } else { before.end_date });
        }
        after.start_date = after.start_date.or(before.start_date);
        after.timezone_identifier = after.timezone_identifier.or(before.timezone_identifier);
        if moves_start && plan.has_date && !patch.has("muster:sessions") {
            after.move_sessions(plan);
        }
        Ok(after)
    }

    /// Moves the sessions as far from those of a plan as the start is from its start, by the clocks of the two zones.
    fn move_sessions(&mut self, plan: &Plan) {
        let zone = self.timezone_identifier.as_deref().and_then(|name| name.trim().parse::<Zone>().ok());
        let (Some(zone), Some(start)) = (zone, &self.start_date) else { return };
        let Ok(starts_at) = times::parse(start, zone) else { return };
        let local = |at: DateTime<Utc>| at.with_timezone(&plan.zone).naive_local();
        let distance = starts_at.with_timezone(&zone).naive_local() - local(plan.starts_at);
        if distance.is_zero() {
            return;
        }
        let moved = |at: DateTime<Utc>| local(at) + distance;
        let time = |at| moved(at).format("%Y-%m-%d %H:%M:%S").to_string();
        let until = |at: DateTime<Utc>| {
            let local = moved(at);
            zone.from_local_datetime(&local).latest().map_or_else(|| local.and_utc(), |at| at.to_utc())
        };
        let document = |session: &Session| SessionDocument {
            title: session.title.clone(),
            start_date: time(session.starts_at),
            end_date: Some(time(session.ends_at)),
            rrule: Some(super::rrule::moved(&session.rrule, plan.zone, until)),
        };
        self.muster_sessions = plan.sessions.iter().map(document).collect();
    }

    /// Checks and normalises. Members that the document leaves out are as in `before`.
    ///
    /// # Errors
    /// 422 with a pointer for each refused field.
    pub fn parse(self, before: &Plan, now: DateTime<Utc>) -> Result<Plan> {
        let mut errors = FieldErrors::default();
        let mut plan = before.clone();
        self.apply_times(&mut plan, now, &mut errors);
        match self.capacity {
            None => {}
            Some(None) => plan.capacity = None,
            Some(Some(seats)) => match i32::try_from(seats) {
                Ok(seats) if (1..=MAX_CAPACITY).contains(&seats.into()) => plan.capacity = Some(seats),
                _ => errors.add("/capacity", "out_of_range", "Must lie between 1 and 1000000."),
            },
        }
        plan.kind = self.muster_kind;
        plan.format = self.muster_format;
        plan.waitlist = self.muster_waitlist;
        plan.allow_smaller_parties_first =
            self.muster_waitlist_smaller_parties.unwrap_or(plan.allow_smaller_parties_first);
        plan.place = self.location.parse(&mut errors);
        if let Some(text) = self.instructions {
            plan.instructions = Private(errors.text("/instructions", clean_text(&text, 5000)));
        }
        if let Some(reminders) = &self.muster_reminders {
            plan.reminders = parse_reminders(reminders, &mut errors);
        }
        if let Some(text) = self.muster_follow_up {
            plan.follow_up = errors.text("/muster:follow_up", clean_text(&text, 5000));
        }
        plan.accessibility = errors.text("/muster:accessibility", clean_text(&self.muster_accessibility, 2000));
        plan.map_url = errors.text("/muster:map_url", clean_line(&self.muster_map_url, 500));
        let is_web = plan.map_url.is_empty()
            || url::Url::parse(&plan.map_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_web {
            errors.add("/muster:map_url", "invalid_value", "Must be an address that starts with https://.");
        }
        if errors.count("/muster:contacts", self.muster_contacts.len(), MAX_CONTACTS) {
            let contacts = self.muster_contacts.iter().enumerate();
            plan.contacts = contacts.map(|(i, contact)| parse_contact(contact, i, &mut errors)).collect();
        }
        if errors.count("/muster:sessions", self.muster_sessions.len(), MAX_SESSIONS) {
            let (zone, sessions) = (plan.zone, self.muster_sessions.iter().enumerate());
            plan.sessions = sessions.filter_map(|(i, session)| session.parse(i, zone, &mut errors)).collect();
        }
        if errors.count("/muster:interpretation", self.muster_interpretation.len(), MAX_LANGUAGES) {
            plan.interpretation = parse_languages(&self.muster_interpretation, &mut errors);
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

impl LocationDocument {
    fn of(place: &Venue) -> Self {
        Self {
            venue: place.venue.clone(),
            address_lines: place.address.lines().map(str::to_owned).collect(),
            locality: place.locality.clone(),
            region: place.region.clone(),
            postal_code: place.postal_code.clone(),
            country: place.country.clone(),
        }
    }

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
        let country = errors.text("/location/country", countries::parse(&self.country));
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

impl SessionDocument {
    fn of(session: &Session) -> Self {
        Self {
            title: session.title.clone(),
            start_date: rfc3339(session.starts_at),
            end_date: Some(rfc3339(session.ends_at)),
            rrule: Some(session.rrule.clone()),
        }
    }

    fn parse(&self, i: usize, zone: Zone, errors: &mut FieldErrors) -> Option<Session> {
        let at = |name: &str| format!("/muster:sessions/{i}/{name}");
        let title = errors.text(at("title"), required_line(&self.title, 200));
        let starts_at = errors.time(at("start_date"), &self.start_date, zone);
        let ends_at = match &self.end_date {
            Some(text) => errors.time(at("end_date"), text, zone),
            None => starts_at,
        };
        let mut rrule = errors.text(at("rrule"), clean_line(self.rrule.as_deref().unwrap_or(""), 200));
        let (starts_at, ends_at) = (starts_at?, ends_at?);
        if !rrule.is_empty() {
            match super::rrule::canonical(&rrule, starts_at, zone) {
                Ok(canonical) => rrule = canonical,
                Err(why) => errors.add(at("rrule"), "invalid_value", why),
            }
        }
        if ends_at < starts_at {
            errors.add(at("end_date"), "out_of_range", "A session does not end before it starts.");
        }
        // its id is set once it is known which earlier one it stands for
        Some(Session { id: Uuid::nil(), title, starts_at, ends_at, rrule })
    }
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

/// Reminders, the longest first.
fn parse_reminders(input: &[i64], errors: &mut FieldErrors) -> Vec<i32> {
    let mut reminders = Vec::new();
    if errors.count("/muster:reminders", input.len(), MAX_REMINDERS) {
        for (i, minutes) in input.iter().enumerate() {
            match i32::try_from(*minutes) {
                Ok(minutes) if (MIN_REMINDER_MINUTES..=MAX_REMINDER_MINUTES).contains(&minutes) => {
                    reminders.push(minutes);
                }
                _ => errors.add(format!("/muster:reminders/{i}"), "out_of_range", "Must lie between 5 and 10080."),
            }
        }
    }
    reminders.sort_unstable_by(|a, b| b.cmp(a));
    reminders.dedup();
    reminders
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

/// A language tag, checked by shape only (BCP 47); the primary language in lower case.
pub(super) fn language(tag: &str) -> Option<String> {
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
        assert!(!event.plan.has_date && event.action.dates.is_empty());
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
        // British Columbia has daylight saving time all year since 2026
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
            "title": "x", "muster:slug": "No Slug!", "capacity": 0, "muster:map_url": "javascript:alert(1)", "location": {"country": "Atlantis"},
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
        let change = |body: &str| {
            let patch = Patch::<EventDocument>::of(serde_json::from_str(body).unwrap());
            EventDocument::patched(&plan, &patch).unwrap().parse(&plan, now()).unwrap()
        };
        assert_eq!(change("{}"), plan);
        assert_eq!(change(r#"{"capacity":null}"#).capacity, None);
        let moved = change(r#"{"start_date":"2026-12-07 10:00:00"}"#);
        assert_eq!(moved.ends_at - moved.starts_at, plan.ends_at - plan.starts_at);
        assert!(!plan.changes(&moved).is_empty() && plan.changes(&change(r#"{"capacity":31}"#)).is_empty());
        assert_eq!(change(r#"{"start_date":null,"end_date":null,"timezone_identifier":null}"#), plan);
        let longer = change(r#"{"start_date":"2026-12-06 13:00:00","end_date":"2026-12-06 17:00:00"}"#);
        assert_eq!((longer.ends_at, longer.starts_at < plan.starts_at), (plan.ends_at, true));
    }

    #[test]
    fn an_answer_that_is_sent_back_chooses_no_date() {
        let plan = new(&json!({"title": "x"})).unwrap().plan;
        let shown = EventDocument::of(&plan, true);
        let change = |body: Value| {
            let patch = Patch::<EventDocument>::of(body);
            EventDocument::patched(&plan, &patch).unwrap().parse(&plan, now()).unwrap()
        };
        let mut answer = serde_json::to_value(&shown).unwrap();
        assert!(change(answer.clone()).has_date, "whoever sends these dates by themselves chooses them");
        answer["identifiers"] = json!(["muster:1"]);
        assert_eq!(change(answer.clone()), plan);
        answer["start_date"] = json!("2026-12-06 13:00:00");
        answer["end_date"] = json!("2026-12-06 17:00:00");
        assert!(change(answer).has_date);
    }
}
