//! What an event is beyond an action: when, where and how it takes place, and how many may come.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    campaigns::{Action, State},
    error::{Error, Result},
    kernel::{
        i18n,
        text::LocaleTag,
        zones::{self, Zone},
    },
};

/// How long an event lasts that names no end.
pub const DEFAULT_LENGTH: TimeDelta = TimeDelta::hours(2);

/// `muster:kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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

/// `muster:format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// At a place.
    #[default]
    InPerson,
    /// By a link that only registered people get.
    Online,
    /// Both.
    Hybrid,
}

/// The word of an enum in JSON and in the database.
pub fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Reads what [`word`] writes.
///
/// # Errors
/// `internal` for a word the CHECK constraint would not allow.
pub fn from_word<T: DeserializeOwned>(text: String) -> Result<T> {
    serde_json::from_value(text.into()).map_err(Error::internal)
}

/// A text that no log may show: the join link.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Private(pub String);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(..)")
    }
}

/// Where it takes place; empty strings were not given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "OSDI's location")]
pub struct Venue {
    pub venue: String,
    /// Lines, one below the other.
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

/// Somebody of the hosts who agreed to be named.
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

/// The columns of `events` that an organizer sets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in migrations/0007_events.sql")]
pub struct Plan {
    pub kind: EventKind,
    pub format: Format,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// False: the start is a placeholder that nobody chose.
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
}

impl Plan {
    /// A plan that says nothing yet.
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
        }
    }

    /// Must those who come be told of the difference between the two plans?
    pub fn moves(&self, newer: &Self) -> bool {
        let told = |plan: &Self| {
            (plan.starts_at, plan.ends_at, plan.zone, plan.format, plan.place.clone(), plan.instructions.clone())
        };
        told(self) != told(newer)
    }
}

/// An event: its action, its plan, its seats.
#[derive(Clone, Debug)]
pub struct Event {
    /// What all actions share.
    pub action: Action,
    /// When, where and how.
    pub plan: Plan,
    /// Seats taken, exact; for organizers only.
    pub seats_taken: i32,
    /// What the public sees: `open`, `waitlist` or `closed`; moves on the tick only.
    pub published_status: String,
    /// iCalendar's SEQUENCE.
    pub calendar_sequence: i32,
}

impl Event {
    /// Is it over?
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.plan.ends_at <= now
    }

    /// Is this one of the days on which it takes place, and not over? Only then do pages show the join link.
    pub fn is_today(&self, now: DateTime<Utc>) -> bool {
        let day = |at: DateTime<Utc>| at.with_timezone(&self.plan.zone).date_naive();
        day(self.plan.starts_at) <= day(now) && !self.is_over(now)
    }

    /// Is it worth telling anybody who registered of? Not when called off, put away or over.
    pub fn is_on(&self, now: DateTime<Utc>) -> bool {
        !self.is_over(now) && !matches!(self.action.state, State::Draft | State::Cancelled | State::Archived)
    }

    /// What the public sees: `open`, `waitlist`, `closed`, `cancelled` or `past`.
    pub fn status(&self, now: DateTime<Utc>) -> &'static str {
        match (self.action.state, self.published_status.as_str()) {
            (State::Cancelled, _) => "cancelled",
            _ if self.is_over(now) => "past",
            (State::Published, "open") => "open",
            (State::Published, "waitlist") => "waitlist",
            _ => "closed",
        }
    }

    /// `muster:availability`: `open`, `waitlist` or `closed`.
    pub fn availability(&self, now: DateTime<Utc>) -> &'static str {
        match self.status(now) {
            "cancelled" | "past" => "closed",
            status => status,
        }
    }

    /// Could a party of this size ever come? Not one that is larger than the whole room.
    pub fn can_seat(&self, party_size: i16) -> bool {
        self.plan.capacity.is_none_or(|capacity| i32::from(party_size) <= capacity)
    }

    /// When it takes place, in words and in its zone.
    pub fn when(&self, locale: LocaleTag) -> String {
        i18n::period(locale, self.plan.starts_at, self.plan.ends_at, self.plan.zone)
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
