//! An event beyond its action: time, place, format and capacity.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rrule,
    state::{EventStatus, SeatStatus},
};
use crate::{
    campaigns::{Action, Availability, State},
    kernel::{
        i18n,
        text::LocaleTag,
        zones::{self, Zone},
    },
};

/// Dropped calendar entries that are kept.
const MAX_DROPPED: usize = 100;

/// Duration of an event without an end.
pub(super) const DEFAULT_LENGTH: TimeDelta = TimeDelta::hours(2);

/// Reminders of an event for which nobody chose any: a day and an hour before. Also the column's default.
const DEFAULT_REMINDERS: [i32; 2] = [1440, 60];

/// `muster:kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum EventKind {
    Rally,
    March,
    Assembly,
    Vigil,
    Workshop,
    Training,
    Camp,
    Delivery,
    Meeting,
    Picnic,
    #[default]
    Other,
}

crate::kernel::text_enum!(EventKind);

/// `muster:format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Format {
    /// At a place.
    #[default]
    InPerson,
    /// By a link to which only accepted registrations get.
    Online,
    /// Both.
    Hybrid,
}

crate::kernel::text_enum!(Format);

/// A text that is never logged: what only the registered are told.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private(pub String);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(..)")
    }
}

/// Place of an event; parts that were not given are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "OSDI's location")]
pub struct Venue {
    pub venue: String,
    /// Lines separated by newlines.
    pub address: String,
    pub locality: String,
    pub region: String,
    pub postal_code: String,
    /// Two letters (ISO 3166-1).
    pub country: String,
}

impl Default for Venue {
    fn default() -> Self {
        let none = String::new;
        Self {
            venue: none(),
            address: none(),
            locality: none(),
            region: none(),
            postal_code: none(),
            country: "CA".to_owned(),
        }
    }
}

impl Venue {
    /// In one line; "" when nothing but the country is known.
    pub fn line(&self) -> String {
        let address = self.address.replace('\n', ", ");
        let region = format!("{} {}", self.region, self.postal_code);
        let parts = [self.venue.as_str(), &address, &self.locality, region.trim()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// A host who agreed to be named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Contact {
    /// Name.
    pub name: String,
    /// Telephone number.
    pub phone: String,
    /// E-mail address.
    pub email: String,
}

/// A part of the programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The same for as long as the session stands, whatever changes: calendars know it by this.
    pub id: Uuid,
    /// Title.
    pub title: String,
    /// Its start.
    pub starts_at: DateTime<Utc>,
    /// Its end.
    pub ends_at: DateTime<Utc>,
    /// How it repeats (RFC 5545 section 3.3.10), or "".
    #[serde(default)]
    pub rrule: String,
}

impl Session {
    /// The end of its last repetition.
    pub fn last_end(&self, zone: Zone) -> DateTime<Utc> {
        let first = self.starts_at.with_timezone(&zone).date_naive();
        let last = rrule::last_day(&self.rrule, self.starts_at, zone).unwrap_or(first);
        self.ends_at + (last - first)
    }
}

/// What attendees are told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PlanChange {
    /// Start, end or time zone.
    Time,
    /// Place.
    Place,
    /// At a place, online, or both.
    Format,
    /// Sessions.
    Program,
    /// The private link or instructions.
    Join,
}

crate::kernel::text_enum!(PlanChange);

/// The columns of `events` that an organizer sets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in migrations/0001_baseline.sql")]
pub struct Plan {
    pub kind: EventKind,
    pub format: Format,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// False: the start is a placeholder, see `times::placeholder`.
    pub has_date: bool,
    pub zone: Zone,
    pub place: Venue,
    pub map_url: String,
    pub accessibility: String,
    pub instructions: Private,
    pub contacts: Vec<Contact>,
    pub sessions: Vec<Session>,
    pub interpretation: Vec<String>,
    pub capacity: Option<i32>,
    pub waitlist: bool,
    pub allow_smaller_parties_first: bool,
    /// Minutes before a start, the longest first.
    pub reminders: Vec<i32>,
    pub follow_up: String,
}

impl Plan {
    /// A plan with all defaults.
    pub fn empty(now: DateTime<Utc>) -> Self {
        let starts_at = super::times::placeholder(now, *zones::DEFAULT);
        Self {
            kind: EventKind::default(),
            format: Format::default(),
            starts_at,
            ends_at: starts_at + DEFAULT_LENGTH,
            has_date: false,
            zone: *zones::DEFAULT,
            place: Venue::default(),
            map_url: String::new(),
            accessibility: String::new(),
            instructions: Private::default(),
            contacts: Vec::new(),
            sessions: Vec::new(),
            interpretation: Vec::new(),
            capacity: None,
            waitlist: true,
            allow_smaller_parties_first: false,
            reminders: DEFAULT_REMINDERS.to_vec(),
            follow_up: String::new(),
        }
    }

    /// Which differences between the plans do attendees need to know of?
    pub fn changes(&self, newer: &Self) -> Vec<PlanChange> {
        let time = |plan: &Self| (plan.starts_at, plan.ends_at, plan.zone);
        let differs = [
            (PlanChange::Time, time(self) != time(newer)),
            (PlanChange::Program, self.sessions != newer.sessions),
            (PlanChange::Place, self.place != newer.place),
            (PlanChange::Format, self.format != newer.format),
            (PlanChange::Join, self.instructions != newer.instructions),
        ];
        differs.into_iter().filter_map(|(change, differs)| differs.then_some(change)).collect()
    }

    /// Gives each session its id: that of the earlier session that it stands for, by its title and start, by its title, or by its
    /// start; else a new one.
    pub fn identify_sessions<'a>(
        &mut self,
        earlier: impl Iterator<Item = &'a Session>,
        mut new_id: impl FnMut() -> Uuid,
    ) {
        let mut left: Vec<&Session> = earlier.collect();
        let same: [fn(&Session, &Session) -> bool; 3] = [
            |a, b| a.title == b.title && a.starts_at == b.starts_at,
            |a, b| a.title == b.title,
            |a, b| a.starts_at == b.starts_at,
        ];
        for session in &mut self.sessions {
            session.id = Uuid::nil();
        }
        for same in same {
            for session in self.sessions.iter_mut().filter(|session| session.id.is_nil()) {
                if let Some(found) = left.iter().position(|earlier| same(earlier, session)) {
                    session.id = left.remove(found).id;
                }
            }
        }
        for session in self.sessions.iter_mut().filter(|session| session.id.is_nil()) {
            session.id = new_id();
        }
    }

    /// Is a session as long as the event? Then calendars need no further entry for the event.
    pub fn has_session_throughout(&self) -> bool {
        self.sessions.iter().any(|session| session.starts_at <= self.starts_at && session.ends_at >= self.ends_at)
    }

    /// When all of it is over: its end, or that of its last session. A repetition without an end is taken to last a year.
    pub fn last_end(&self) -> DateTime<Utc> {
        self.sessions.iter().map(|session| session.last_end(self.zone)).fold(self.ends_at, DateTime::max)
    }
}

/// An event: its action, its plan, its seats.
#[derive(Clone, Debug)]
pub struct Event {
    /// What all actions share.
    pub action: Action,
    /// When, where and how.
    pub plan: Plan,
    /// Number of taken seats, exact; for organizers only.
    pub seats_taken: i32,
    /// What the public sees; written by the tick only.
    pub published_status: SeatStatus,
    /// iCalendar's SEQUENCE.
    pub calendar_sequence: i32,
    /// What its registered join with online, sealed: see `joining`.
    pub joining: Option<Vec<u8>>,
    /// How long before each start they can join.
    pub joining_opens: TimeDelta,
    /// Reminders that were due until then are queued, or of no use any more.
    pub reminded_until: DateTime<Utc>,
    /// What those who are registered know of it, until they are told of a change; `None`: they know it as it is.
    pub known: Option<Known>,
    /// Calendar entries that were public and are no longer part of it: its files say that they are cancelled.
    pub dropped_sessions: Vec<Session>,
}

/// What those who are registered know of an event: `events.known`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// It does not take place.
    pub called_off: bool,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    timezone: String,
    format: Format,
    place: Venue,
    instructions: Private,
    sessions: Vec<Session>,
    #[serde(default)]
    has_joining: bool,
}

impl Known {
    /// All that there is to know.
    pub fn of(event: &Event) -> Self {
        let plan = event.plan.clone();
        Self {
            called_off: event.is_called_off(),
            starts_at: plan.starts_at,
            ends_at: plan.ends_at,
            timezone: plan.zone.name().to_owned(),
            format: plan.format,
            place: plan.place,
            instructions: plan.instructions,
            sessions: plan.sessions,
            has_joining: event.has_joining(),
        }
    }

    /// The same, and that it does not take place.
    #[must_use]
    pub fn with_call_off(self) -> Self {
        Self { called_off: true, ..self }
    }

    /// What of an event is other than known. A join link that is replaced is none: the button leads to the new one.
    pub fn changes(&self, event: &Event) -> Vec<PlanChange> {
        let (known, plan) = (self.clone(), &event.plan);
        let known = Plan {
            starts_at: known.starts_at,
            ends_at: known.ends_at,
            zone: Zone::stored(&known.timezone),
            format: known.format,
            place: known.place,
            instructions: known.instructions,
            sessions: known.sessions,
            ..plan.clone()
        };
        let mut changes = known.changes(plan);
        if event.has_joining() && !self.has_joining && !changes.contains(&PlanChange::Join) {
            changes.push(PlanChange::Join);
        }
        changes
    }

    /// Is the event as it is known?
    pub fn is_of(&self, event: &Event) -> bool {
        self.called_off == event.is_called_off() && self.changes(event).is_empty()
    }
}

impl Event {
    /// Is it over, with its last session?
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.plan.last_end() <= now
    }

    /// Is this a day on which it takes place, and is it not over? Only then pages show the join link.
    pub fn is_today(&self, now: DateTime<Utc>) -> bool {
        let day = |at: DateTime<Utc>| at.with_timezone(&self.plan.zone).date_naive();
        day(self.plan.starts_at) <= day(now) && !self.is_over(now)
    }

    /// Are mails about it still of use? Not when it is a draft, cancelled, archived or over.
    pub fn is_on(&self, now: DateTime<Utc>) -> bool {
        !self.is_over(now)
            && !matches!(self.action.state, State::Draft | State::Cancelled | State::Archived | State::Ended)
    }

    /// Was it called off, after it was public?
    pub fn is_called_off(&self) -> bool {
        matches!(self.action.state, State::Cancelled | State::Archived)
    }

    /// Its entries in a calendar: its sessions, and itself unless a session is as long.
    pub fn calendar_entries(&self, plan: &Plan) -> Vec<Session> {
        let mut entries = plan.sessions.clone();
        if !plan.has_session_throughout() {
            let (title, rrule) = (String::new(), String::new());
            let (id, starts_at, ends_at) = (self.action.id, plan.starts_at, plan.ends_at);
            entries.push(Session { id, title, starts_at, ends_at, rrule });
        }
        entries
    }

    /// The entries that calendars are to drop once this plan is in force: those that were public, and are not over.
    pub fn dropped_by(&self, newer: &Plan, now: DateTime<Utc>) -> Vec<Session> {
        if self.action.state == State::Draft {
            return Vec::new();
        }
        let kept = self.calendar_entries(newer);
        let mut dropped = self.dropped_sessions.clone();
        dropped.extend(self.calendar_entries(&self.plan));
        dropped.retain(|entry| !kept.iter().any(|kept| kept.id == entry.id) && entry.last_end(self.plan.zone) > now);
        dropped.drain(..dropped.len().saturating_sub(MAX_DROPPED));
        dropped
    }

    /// What its page says of it.
    pub fn status(&self, now: DateTime<Utc>) -> EventStatus {
        match (self.action.state, self.published_status) {
            (State::Cancelled, _) => EventStatus::Cancelled,
            _ if self.is_over(now) => EventStatus::Past,
            (State::Published, SeatStatus::Open) => EventStatus::Open,
            (State::Published, SeatStatus::Waitlist) => EventStatus::Waitlist,
            _ => EventStatus::Closed,
        }
    }

    /// `muster:availability`.
    pub fn availability(&self, now: DateTime<Utc>) -> SeatStatus {
        match self.status(now) {
            _ if self.action.availability(now) != Some(Availability::Open) => SeatStatus::Closed,
            EventStatus::Open => SeatStatus::Open,
            EventStatus::Waitlist => SeatStatus::Waitlist,
            EventStatus::Closed | EventStatus::Cancelled | EventStatus::Past => SeatStatus::Closed,
        }
    }

    /// Is the capacity large enough for a party of this size?
    pub fn can_seat(&self, party_size: i16) -> bool {
        self.plan.capacity.is_none_or(|capacity| i32::from(party_size) <= capacity)
    }

    /// When it takes place, in words and in its zone.
    pub fn when(&self, locale: LocaleTag) -> String {
        i18n::period(locale, self.plan.starts_at, self.plan.ends_at, self.plan.zone)
    }

    /// When a session takes place, and how it repeats.
    pub fn when_session(&self, session: &Session, locale: LocaleTag, now: DateTime<Utc>) -> String {
        let zone = self.plan.zone;
        let when = i18n::period(locale, session.starts_at, session.ends_at, zone);
        let repeats = rrule::in_words(&session.rrule, session.starts_at, zone, locale, now);
        if repeats.is_empty() { when } else { format!("{when}, {repeats}") }
    }

    /// Where it takes place, or "".
    pub fn place(&self) -> String {
        if self.plan.format == Format::Online { String::new() } else { self.plan.place.line() }
    }

    /// Its title in a language.
    pub fn title(&self, locale: LocaleTag) -> String {
        self.action.text(locale, "").0.title
    }
}
