//! When people meet at an event: at itself, at its sessions, and at each repetition of those.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};

use super::{
    plan::{Event, Session},
    rrule,
};

/// One gathering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gathering {
    /// Its start.
    pub starts_at: DateTime<Utc>,
    /// Its end.
    pub ends_at: DateTime<Utc>,
}

impl Event {
    /// Its gatherings that end after `from` and begin at `until` or before, the earliest first.
    pub(super) fn gatherings(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Gathering> {
        let until = until.min(self.plan.last_end());
        let entries = self.calendar_entries(&self.plan);
        let mut all: Vec<Gathering> = entries.iter().flat_map(|entry| self.repetitions(entry, until)).collect();
        all.retain(|gathering| gathering.ends_at > from && gathering.starts_at <= until);
        all.sort_unstable();
        all.dedup();
        all
    }

    fn repetitions(&self, entry: &Session, until: DateTime<Utc>) -> Vec<Gathering> {
        let zone = self.plan.zone;
        let length = entry.ends_at - entry.starts_at;
        let time = entry.starts_at.with_timezone(&zone).time();
        if entry.rrule.is_empty() {
            return vec![Gathering { starts_at: entry.starts_at, ends_at: entry.ends_at }];
        }
        let at = |day: NaiveDate| {
            let local = day.and_time(time);
            // an hour that the clocks skip is an hour later (RFC 5545, section 3.3.5)
            let skipped = || zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest();
            let starts_at = zone.from_local_datetime(&local).earliest().or_else(skipped)?.to_utc();
            Some(Gathering { starts_at, ends_at: starts_at + length })
        };
        rrule::days_until(&entry.rrule, entry.starts_at, zone, until).into_iter().filter_map(at).collect()
    }

    /// The first start of each day on which it gathers, in its zone, from `from` to `until`.
    pub(super) fn first_starts(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let mut days: BTreeMap<NaiveDate, DateTime<Utc>> = BTreeMap::new();
        // from a day before: the first start of a day decides, also when it lies before `from`
        for gathering in self.gatherings(from - TimeDelta::days(1), until) {
            let day = gathering.starts_at.with_timezone(&self.plan.zone).date_naive();
            days.entry(day).or_insert(gathering.starts_at);
        }
        days.into_values().filter(|start| *start > from).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{events::tests::event, kernel::zones::Zone};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A camp of ten days in Toronto around the end of daylight saving time, with a gathering each evening at seven.
    fn camp(rrule: &str) -> Event {
        let mut camp = event();
        camp.plan.zone = Zone::find("America/Toronto").unwrap();
        (camp.plan.starts_at, camp.plan.ends_at) = (at("2027-11-03T16:00:00Z"), at("2027-11-13T17:00:00Z"));
        camp.plan.sessions = vec![Session {
            id: Uuid::from_u128(9),
            title: "Evening".into(),
            starts_at: at("2027-11-03T23:00:00Z"),
            ends_at: at("2027-11-04T00:00:00Z"),
            rrule: rrule.into(),
        }];
        camp
    }

    #[test]
    fn repetitions_follow_the_clock_on_the_wall() {
        let camp = camp("FREQ=DAILY;COUNT=10");
        let starts: Vec<String> = camp
            .gatherings(at("2027-11-05T23:30:00Z"), at("2027-11-09T12:00:00Z"))
            .iter()
            .map(|gathering| gathering.starts_at.format("%d %H:%M").to_string())
            .collect();
        // the camp itself, and the evenings: from the 7th on Toronto is five hours behind
        assert_eq!(starts, ["03 16:00", "05 23:00", "06 23:00", "08 00:00", "09 00:00"]);
        assert!(camp.gatherings(at("2027-11-14T01:00:00Z"), at("2028-11-14T00:00:00Z")).is_empty());
    }

    #[test]
    fn each_day_has_one_first_start() {
        let camp = camp("FREQ=DAILY;COUNT=3");
        let starts = camp.first_starts(at("2027-11-01T00:00:00Z"), at("2027-12-01T00:00:00Z"));
        let starts: Vec<String> = starts.iter().map(|start| start.format("%d %H:%M").to_string()).collect();
        assert_eq!(starts, ["03 16:00", "04 23:00", "05 23:00"]);
        // that the first has begun does not make the second one the first
        assert!(camp.first_starts(at("2027-11-03T17:00:00Z"), at("2027-11-04T01:00:00Z")).is_empty());
    }
}
