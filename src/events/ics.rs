//! Calendar files (RFC 5545): VEVENTs in the event's own zone, with a VTIMEZONE, so that times stay right across
//! changes of daylight saving time.
//!
//! Never in a calendar file: the join link (calendars are synced to other devices and people), and attendees. That of a
//! protected event says when, and nothing else.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use icalendar::{Calendar, CalendarDateTime, Component, Event as Entry, EventLike, EventStatus, Property};

use super::{
    plan::{Event, Session},
    rrule::day_code,
};
use crate::kernel::{
    i18n,
    text::LocaleTag,
    zones::{Transition, Zone},
};

/// Media type of a calendar file in HTTP and mail.
pub(super) const CONTENT_TYPE: &str = "text/calendar; charset=utf-8; method=PUBLISH";

/// The calendar file of an event: an entry for each of its sessions with the rule by which it repeats, and one for the
/// event unless a session is as long; and those that no longer belong to it, as cancelled. `domain` is the right-hand side of
/// the UIDs; `page` is the URL of the event's page.
pub(super) fn calendar(event: &Event, locale: LocaleTag, domain: &str, page: &str) -> String {
    let plan = &event.plan;
    let neutral = event.action.protected;
    let (mut text, _) = event.action.text(locale, "");
    if neutral {
        text.title = i18n::text(locale, "event-calendar-neutral");
    }
    let mut calendar = Calendar::empty();
    for (name, value) in
        [("VERSION", "2.0"), ("PRODID", "-//Muster//Muster//EN"), ("CALSCALE", "GREGORIAN"), ("METHOD", "PUBLISH")]
    {
        calendar.append_property(Property::new(name, value));
    }
    let description = if text.summary.is_empty() { page.to_owned() } else { format!("{}\n\n{page}", text.summary) };
    let place = event.place();
    let entry = |session: &Session, is_cancelled: bool| {
        let id = session.id;
        let uid = if neutral { id.to_string() } else { format!("{id}@{domain}") };
        let title = if neutral || session.title.is_empty() {
            text.title.clone()
        } else {
            format!("{} – {}", text.title, session.title)
        };
        let mut entry = Entry::with_uid(&uid);
        entry
            // when this copy came to be, so that a file that did not change is the same file
            .timestamp(event.action.modified_at)
            .sequence(event.calendar_sequence.unsigned_abs())
            .summary(&title)
            .starts(in_zone(session.starts_at, plan.zone))
            .status(if is_cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed });
        // an end must be later than the start (RFC 5545, section 3.8.2.2)
        if session.ends_at > session.starts_at {
            entry.ends(in_zone(session.ends_at, plan.zone));
        }
        if !session.rrule.is_empty() {
            entry.append_property(Property::new("RRULE", &session.rrule));
        }
        if !neutral {
            entry.url(page).description(&description);
            if !place.is_empty() {
                entry.location(&place);
            }
        }
        entry.done()
    };
    let entries = event.calendar_entries(plan);
    for session in &entries {
        calendar.push(entry(session, event.is_called_off()));
    }
    for dropped in &event.dropped_sessions {
        calendar.push(entry(dropped, true));
    }
    let first = entries.iter().map(|entry| entry.starts_at).fold(plan.starts_at, DateTime::min);
    let text = folded(&calendar.to_string());
    if is_utc(plan.zone) {
        return text;
    }
    // inserted as text: the library writes a UID into every component, which a VTIMEZONE must not have
    let rules = timezone(plan.zone, first, plan.last_end());
    text.replacen("BEGIN:VEVENT\r\n", &format!("{rules}BEGIN:VEVENT\r\n"), 1)
}

/// The lines folded after 75 octets at most (RFC 5545, section 3.1): the library counts the space that a continued line begins
/// with only sometimes.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for mut line in text.replace("\r\n ", "").split_inclusive("\r\n") {
        let mut limit = 75;
        while line.trim_end_matches("\r\n").len() > limit {
            let (piece, rest) = line.split_at(line.floor_char_boundary(limit));
            out.push_str(piece);
            out.push_str("\r\n ");
            line = rest;
            limit = 74;
        }
        out.push_str(line);
    }
    out
}

/// A zone without known rules is written in UTC.
fn is_utc(zone: Zone) -> bool {
    zone == Zone::UTC || !zone.is_known()
}

fn in_zone(at: DateTime<Utc>, zone: Zone) -> CalendarDateTime {
    let local = at.with_timezone(&zone).naive_local();
    // a repeated local time is read as its first occurrence (RFC 5545 section 3.3.5)
    if is_utc(zone) || zone.is_ambiguous(local) {
        return CalendarDateTime::Utc(at);
    }
    CalendarDateTime::WithTimezone { date_time: local, tzid: zone.name().to_owned() }
}

/// One STANDARD or DAYLIGHT component of a VTIMEZONE.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Observance {
    /// Its onset, in the local time before it.
    onset: NaiveDateTime,
    /// Offset before and after, in seconds east of UTC.
    from: i32,
    to: i32,
    is_summer: bool,
    name: String,
}

impl From<Transition> for Observance {
    fn from(change: Transition) -> Self {
        let onset = change.at.naive_utc() + TimeDelta::seconds(change.from.into());
        Self { onset, from: change.from, to: change.to, is_summer: change.is_summer, name: change.name }
    }
}

/// The VTIMEZONE of a zone around an event: yearly rules where the surrounding years follow one, else each change by
/// its date, preceded by the offset before the first.
fn timezone(zone: Zone, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> String {
    let midnight = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
    let (first, last) = (starts_at.year() - 2, ends_at.year() + 2);
    let begin = midnight(first).and_utc();
    let changes: Vec<Observance> =
        zone.transitions(begin, midnight(last + 1).and_utc()).into_iter().map(Observance::from).collect();
    let mut out = format!("BEGIN:VTIMEZONE\r\nTZID:{}\r\n", zone.name());
    if let Some(rules) = yearly(&changes, last - first + 1) {
        for (change, rule) in rules {
            observance(&mut out, &change, Some(&rule));
        }
    } else {
        let offset = zone.offset_from_utc_datetime(&begin.naive_utc());
        let seconds = offset.fix().local_minus_utc();
        let name = offset.to_string();
        let before = Observance { onset: midnight(1970), from: seconds, to: seconds, is_summer: false, name };
        observance(&mut out, &before, None);
        for change in changes {
            observance(&mut out, &change, None);
        }
    }
    out.push_str("END:VTIMEZONE\r\n");
    out
}

fn observance(out: &mut String, change: &Observance, rule: Option<&str>) {
    let kind = if change.is_summer { "DAYLIGHT" } else { "STANDARD" };
    let mut line = |line: String| {
        out.push_str(&line);
        out.push_str("\r\n");
    };
    line(format!("BEGIN:{kind}"));
    line(format!("DTSTART:{}", change.onset.format("%Y%m%dT%H%M%S")));
    if let Some(rule) = rule {
        line(format!("RRULE:{rule}"));
    }
    line(format!("TZOFFSETFROM:{}", offset(change.from)));
    line(format!("TZOFFSETTO:{}", offset(change.to)));
    if !change.name.is_empty() {
        line(format!("TZNAME:{}", change.name));
    }
    line(format!("END:{kind}"));
}

fn offset(seconds: i32) -> String {
    let (sign, s) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let rest = if s % 60 == 0 { String::new() } else { format!("{:02}", s % 60) };
    format!("{sign}{:02}{:02}{rest}", s / 3600, s / 60 % 60)
}

/// The two yearly rules, if every year follows them.
fn yearly(changes: &[Observance], years: i32) -> Option<Vec<(Observance, String)>> {
    let halves = [true, false].map(|summer| changes.iter().filter(|c| c.is_summer == summer).collect::<Vec<_>>());
    let mut rules = Vec::new();
    for half in halves {
        let first = *half.first()?;
        let alike = half.iter().all(|c| {
            (c.onset.month(), c.onset.weekday(), c.onset.time(), c.from, c.to)
                == (first.onset.month(), first.onset.weekday(), first.onset.time(), first.from, first.to)
        });
        if !alike || i32::try_from(half.len()) != Ok(years) {
            return None;
        }
        let nth = |c: &&Observance| (c.onset.day() - 1) / 7 + 1;
        let is_last = |c: &&Observance| (c.onset + TimeDelta::days(7)).month() != c.onset.month();
        let which = if half.iter().all(is_last) {
            "-1".to_owned()
        } else if half.iter().all(|c| nth(c) == nth(&first)) {
            nth(&first).to_string()
        } else {
            return None;
        };
        rules.push((
            first.clone(),
            format!("FREQ=YEARLY;BYMONTH={};BYDAY={which}{}", first.onset.month(), day_code(first.onset.weekday())),
        ));
    }
    Some(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaigns::State;

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn rules(name: &str, text: &str) -> String {
        timezone(zone(name), at(text), at(text))
    }

    #[test]
    fn toronto_has_its_rules_of_march_and_november() {
        let text = rules("America/Toronto", "2026-12-06T19:00:00Z");
        let summer = "BEGIN:DAYLIGHT\r\nDTSTART:20240310T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0400\r\nTZNAME:EDT\r\nEND:DAYLIGHT\r\n";
        let winter = "BEGIN:STANDARD\r\nDTSTART:20241103T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nTZNAME:EST\r\nEND:STANDARD\r\n";
        assert_eq!(text, format!("BEGIN:VTIMEZONE\r\nTZID:America/Toronto\r\n{summer}{winter}END:VTIMEZONE\r\n"));
    }

    #[test]
    fn other_zones_have_theirs() {
        assert!(rules("Europe/Paris", "2026-06-01T00:00:00Z").contains("BYMONTH=3;BYDAY=-1SU"));
        let regina = rules("America/Regina", "2026-06-01T00:00:00Z");
        assert!(
            regina.contains("DTSTART:19700101T000000\r\nTZOFFSETFROM:-0600\r\nTZOFFSETTO:-0600")
                && !regina.contains("DAYLIGHT")
        );
        assert!(rules("Asia/Kolkata", "2026-06-01T00:00:00Z").contains("TZOFFSETTO:+0530"));
        // Morocco changes its offset around Ramadan: no yearly rule, each change by its date
        let casablanca = rules("Africa/Casablanca", "2026-06-01T00:00:00Z");
        assert!(!casablanca.contains("RRULE") && casablanca.matches("DTSTART").count() >= 8);
    }

    /// The offset at a time, computed from the text of a VTIMEZONE without rules (RFC 5545 section 3.6.5).
    fn offset_by(text: &str, at: DateTime<Utc>) -> String {
        let value = |part: &str, name: &str| {
            let line = part.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().to_owned()
        };
        let mut in_force = (NaiveDateTime::MIN, String::new());
        for part in text.split("BEGIN:").skip(2) {
            let onset = NaiveDateTime::parse_from_str(&value(part, "DTSTART"), "%Y%m%dT%H%M%S").unwrap();
            let from: i64 = value(part, "TZOFFSETFROM").parse().unwrap();
            let begins = onset - TimeDelta::minutes(from / 100 * 60 + from % 100);
            if begins <= at.naive_utc() && begins >= in_force.0 {
                in_force = (begins, value(part, "TZOFFSETTO"));
            }
        }
        in_force.1
    }

    #[test]
    fn the_rules_of_2026_are_in_the_file() {
        for (name, before, after) in [
            ("America/Vancouver", "-0800", "-0700"),
            ("America/Edmonton", "-0700", "-0600"),
            ("America/Winnipeg", "-0600", "-0500"),
        ] {
            for (event, winter, expected) in [
                ("2026-12-06T22:00:00Z", "2026-12-06T22:00:00Z", after),
                ("2027-03-02T01:00:00Z", "2027-03-02T01:00:00Z", after),
                ("2026-02-01T20:00:00Z", "2026-02-01T20:00:00Z", before),
                ("2040-01-15T20:00:00Z", "2040-01-15T20:00:00Z", after),
            ] {
                assert_eq!(offset_by(&rules(name, event), at(winter)), expected, "{name} {event}");
            }
        }
    }

    #[test]
    fn an_hour_that_the_clocks_repeat_is_written_in_utc() {
        let mut event = super::super::tests::event();
        (event.plan.starts_at, event.plan.ends_at) = (at("2027-11-07T06:30:00Z"), at("2027-11-07T08:30:00Z"));
        let file = |event: &Event| calendar(event, LocaleTag::En, "example.org", "https://example.org/e/x");
        let text = file(&event);
        assert!(text.contains("DTSTART:20271107T063000Z\r\n"), "{text}");
        assert!(text.contains("DTEND;TZID=America/Toronto:20271107T033000\r\n"), "{text}");
        // a zone without known rules
        event.plan.zone = Zone::stored("America/Atlantis");
        let text = file(&event);
        assert!(text.contains("DTEND:20271107T083000Z\r\n") && !text.contains("TZID"), "{text}");
    }

    #[test]
    fn no_line_is_longer_than_75_octets_and_none_is_changed() {
        for (letter, tail) in [("x", ""), ("é", "é"), ("🎉", "x"), (" ", "x")] {
            for length in 60..240 {
                let line = format!("SUMMARY:{}{tail}\r\nEND:VEVENT\r\n", letter.repeat(length / letter.len()));
                let folded = folded(&line);
                assert!(folded.split("\r\n").all(|line| line.len() <= 75), "{length} {letter}: {folded}");
                assert_eq!(folded.replace("\r\n ", ""), line);
                assert_eq!(super::folded(&folded), folded);
            }
        }
    }

    #[test]
    fn an_event_is_a_whole_calendar_in_its_zone() {
        let mut event = super::super::tests::event();
        (event.plan.starts_at, event.plan.ends_at) = (at("2026-03-08T18:00:00Z"), at("2026-03-08T20:00:00Z"));
        event.action.title = format!("Asamblea; con todxs, {}", "ñandú ".repeat(30));
        event.plan.instructions.0 = "https://meet.example.org/secret".to_owned();
        event.calendar_sequence = 2;
        event.action.modified_at = at("2026-01-01T00:00:00Z");
        let text = calendar(&event, LocaleTag::En, "mail.example.org", "https://muster.example.org/e/x");
        assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"));
        assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
        let lines = text.replace("\r\n ", "");
        // the day on which daylight saving time begins: 14:00 is in it
        for line in [
            "METHOD:PUBLISH",
            "DTSTART;TZID=America/Toronto:20260308T140000",
            "DTEND;TZID=America/Toronto:20260308T160000",
            "SEQUENCE:2",
            "DTSTAMP:20260101T000000Z",
            "STATUS:CONFIRMED",
            "BEGIN:VTIMEZONE",
            &format!("UID:{}@mail.example.org", event.action.id),
            &format!("SUMMARY:Asamblea\\; con todxs\\, {}", "ñandú ".repeat(30)),
        ] {
            assert!(lines.split("\r\n").any(|l| l == line), "{line}\n{lines}");
        }
        assert!(!text.contains("meet.example") && !text.contains("ATTENDEE"));
        assert_eq!((text.matches("UID:").count(), text.matches("DTSTAMP").count()), (1, 1));
    }

    #[test]
    fn entry_without_a_length_has_no_end() {
        let mut event = super::super::tests::event();
        event.plan.ends_at = event.plan.starts_at;
        let text = calendar(&event, LocaleTag::En, "example.org", "https://example.org/e/x");
        assert!(text.contains("DTSTART") && !text.contains("DTEND"), "{text}");
    }

    #[test]
    fn sessions_are_entries_with_their_rules() {
        let mut event = super::super::tests::event();
        let session = |title: &str, rrule: &str| Session {
            id: uuid::Uuid::from_u128(title.len() as u128),
            title: title.to_owned(),
            starts_at: at("2026-12-06T19:00:00Z"),
            ends_at: at("2026-12-06T21:00:00Z"),
            rrule: rrule.to_owned(),
        };
        (event.plan.starts_at, event.plan.ends_at) = (at("2026-12-06T19:00:00Z"), at("2026-12-06T21:00:00Z"));
        event.plan.sessions = vec![session("Opening", ""), session("Vigil", "FREQ=WEEKLY;COUNT=6")];
        event.action.state = State::Cancelled;
        let text = calendar(&event, LocaleTag::En, "example.org", "https://example.org/e/x").replace("\r\n ", "");
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 2, "{text}");
        assert_eq!(text.matches("STATUS:CANCELLED").count(), 2);
        for line in [format!("UID:{}@example.org", event.plan.sessions[0].id), "RRULE:FREQ=WEEKLY;COUNT=6".to_owned()] {
            assert!(text.split("\r\n").any(|found| found == line), "{line}\n{text}");
        }
    }
}
