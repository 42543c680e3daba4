//! When somebody answers the phone of an office, in the office's own time zone.

use std::{collections::HashMap, fmt::Write as _};

use chrono::{DateTime, Datelike, NaiveTime, Utc, Weekday};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    error::FieldError,
    kernel::{i18n, text::LocaleTag, zones::Zone},
};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "days of the week")]
pub enum OfficeDay {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

crate::kernel::text_enum!(OfficeDay);

impl OfficeDay {
    const fn of(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Monday,
            Weekday::Tue => Self::Tuesday,
            Weekday::Wed => Self::Wednesday,
            Weekday::Thu => Self::Thursday,
            Weekday::Fri => Self::Friday,
            Weekday::Sat => Self::Saturday,
            Weekday::Sun => Self::Sunday,
        }
    }

    fn name(self, locale: LocaleTag) -> String {
        i18n::text(locale, &format!("weekday-{}", self as usize + 1))
    }
}

/// Hours on some days of the week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub struct OfficePeriod {
    /// On which days.
    #[validate(length(min = 1, max = 7))]
    pub days: Vec<OfficeDay>,
    /// From this time of day, such as `09:00`.
    #[validate(length(max = 5))]
    pub opens: String,
    /// Until this time of the same day.
    #[validate(length(max = 5))]
    pub closes: String,
}

impl OfficePeriod {
    fn times(&self) -> Option<(NaiveTime, NaiveTime)> {
        let time = |typed: &str| NaiveTime::parse_from_str(typed.trim(), "%H:%M").ok();
        Some((time(&self.opens)?, time(&self.closes)?)).filter(|(opens, closes)| opens < closes)
    }
}

/// When somebody answers the phone of an office: `offices.hours`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub struct OfficeHours {
    /// IANA time zone in which the hours are read.
    #[validate(length(max = 60))]
    pub timezone_identifier: String,
    /// Hours; none: they are not known.
    #[validate(length(max = 14), nested)]
    pub periods: Vec<OfficePeriod>,
}

impl OfficeHours {
    /// Checks and normalises; `at` is the JSON pointer of this object.
    #[must_use]
    pub fn checked(mut self, at: &str, errors: &mut Vec<FieldError>) -> Self {
        let is_empty = self.timezone_identifier.is_empty() && self.periods.is_empty();
        if !is_empty && Zone::find(&self.timezone_identifier).is_none() {
            let pointer = format!("{at}/timezone_identifier");
            errors.push(FieldError::new(pointer, "unknown_value", "Not a name of the IANA time zone database."));
        }
        for (i, period) in self.periods.iter_mut().enumerate() {
            let Some((opens, closes)) = period.times() else {
                let detail = "Two times of one day, such as 09:00 and 17:00, the later one second.";
                errors.push(FieldError::new(format!("{at}/periods/{i}/opens"), "invalid_format", detail));
                continue;
            };
            period.opens = opens.format("%H:%M").to_string();
            period.closes = closes.format("%H:%M").to_string();
            period.days.sort_unstable();
            period.days.dedup();
        }
        self
    }

    /// Is it open? `None` where its hours are not known.
    pub fn is_open(&self, now: DateTime<Utc>) -> Option<bool> {
        if self.periods.is_empty() {
            return None;
        }
        let local = now.with_timezone(&Zone::stored(&self.timezone_identifier));
        let (day, time) = (OfficeDay::of(local.weekday()), local.time());
        let is_in = |period: &OfficePeriod| {
            period.days.contains(&day) && period.times().is_some_and(|(opens, closes)| (opens..closes).contains(&time))
        };
        Some(self.periods.iter().any(is_in))
    }

    /// The hours as people read them: "Monday, Tuesday and Friday: 9:00 a.m. – 5:00 p.m. (Toronto)".
    pub fn lines(&self, locale: LocaleTag) -> Vec<String> {
        let place = self.periods.first().and_then(|_| Zone::stored(&self.timezone_identifier).city());
        let line = |period: &OfficePeriod| {
            let (opens, closes) = period.times()?;
            let days: Vec<String> = period.days.iter().map(|day| day.name(locale)).collect();
            let arguments = HashMap::from([
                ("days".into(), i18n::list(locale, &days).into()),
                ("opens".into(), i18n::time_of_day(locale, opens).into()),
                ("closes".into(), i18n::time_of_day(locale, closes).into()),
            ]);
            let mut line = i18n::text_with(locale, "office-hours", &arguments);
            if let Some(place) = &place {
                let _ = write!(line, " ({place})");
            }
            Some(line)
        };
        self.periods.iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekdays(opens: &str, closes: &str) -> OfficeHours {
        use OfficeDay::{Friday, Monday, Thursday, Tuesday, Wednesday};
        let days = vec![Friday, Monday, Tuesday, Wednesday, Thursday, Monday];
        let period = OfficePeriod { days, opens: opens.to_owned(), closes: closes.to_owned() };
        OfficeHours { timezone_identifier: "America/St_Johns".to_owned(), periods: vec![period] }
    }

    #[test]
    fn an_office_is_open_in_its_own_time_zone() {
        let hours = weekdays("9:00", "17:00");
        for (at, is_open) in [
            ("2026-11-30T12:29:59Z", false), // Monday, a second before nine in St. John's (UTC-3:30)
            ("2026-11-30T12:30:00Z", true),
            ("2026-11-30T20:29:59Z", true),
            ("2026-11-30T20:30:00Z", false),
            ("2026-07-06T11:30:00Z", true),  // summer time
            ("2026-11-29T15:00:00Z", false), // Sunday
        ] {
            let now = DateTime::parse_from_rfc3339(at).unwrap().to_utc();
            assert_eq!(hours.is_open(now), Some(is_open), "{at}");
        }
        assert_eq!(OfficeHours::default().is_open(DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn hours_are_checked_and_read() {
        let mut errors = Vec::new();
        let checked = weekdays("9:00", "17:00").checked("", &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!((checked.periods[0].opens.as_str(), checked.periods[0].days.len()), ("09:00", 5));
        let line = checked.lines(LocaleTag::En)[0].replace('\u{a0}', " ");
        assert!(line.starts_with("Monday, Tuesday, ") && line.contains("and Friday: 9:00 a.m. – 5:00 p.m."), "{line}");
        let line = &checked.lines(LocaleTag::Fr)[0];
        assert!(line.contains("et vendredi\u{a0}: 9"), "{line}");
        for wrong in [weekdays("17:00", "09:00"), weekdays("noon", "17:00"), weekdays("", "")] {
            let mut errors = Vec::new();
            let _ = wrong.checked("/muster:hours", &mut errors);
            assert_eq!(errors[0].pointer, "/muster:hours/periods/0/opens");
        }
        let mut errors = Vec::new();
        let _ = OfficeHours { timezone_identifier: "Mars".to_owned(), ..weekdays("9:00", "17:00") }
            .checked("", &mut errors);
        assert_eq!(errors[0].pointer, "/timezone_identifier");
    }
}
