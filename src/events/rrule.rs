//! Recurrence rules (RFC 5545, section 3.3.10): which are valid, and what pages say of them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};

use crate::kernel::{
    i18n::{self, Arguments, text_with},
    text::LocaleTag,
    zones::Zone,
};

/// The most repetitions: one a day for ten years.
const MAX_COUNT: u32 = 3660;

/// Units of repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Frequency {
    fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "DAILY" => Self::Daily,
            "WEEKLY" => Self::Weekly,
            "MONTHLY" => Self::Monthly,
            "YEARLY" => Self::Yearly,
            // more often than daily: no programme repeats like that
            _ => return None,
        })
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Daily => "repeats-daily",
            Self::Weekly => "repeats-weekly",
            Self::Monthly => "repeats-monthly",
            Self::Yearly => "repeats-yearly",
        }
    }
}

/// What a page says of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    frequency: Frequency,
    interval: u32,
    count: Option<u32>,
    until: Option<NaiveDate>,
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A list of numbers in a range; negative ones count from the end where `signed`.
fn numbers(value: &str, most: i32, least: i32, signed: bool) -> bool {
    value.split(',').all(|number| {
        number.parse().is_ok_and(|n: i32| (least..=most).contains(&n) || (signed && (-most..=-1).contains(&n)))
    })
}

fn weekdays(value: &str) -> bool {
    value.split(',').all(|day| {
        let (nth, day) = day.split_at_checked(day.len().saturating_sub(2)).unwrap_or_default();
        DAYS.contains(&day) && (nth.is_empty() || numbers(nth.trim_start_matches('+'), 53, 1, true))
    })
}

fn until(value: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(value, "%Y%m%d").ok();
    let time = || NaiveDateTime::parse_from_str(value.trim_end_matches('Z'), "%Y%m%dT%H%M%S").ok();
    day.or_else(|| time().map(|time| time.date()))
}

/// The days that the longest month of each number has.
const DAYS_OF_MONTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The parts that stand beside a frequency only where RFC 5545 lets them, and name a day that comes.
fn fit_together(frequency: Frequency, parts: &[(&str, &str)]) -> bool {
    let value = |name: &str| parts.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let has = |name: &str| value(name).is_some();
    let counts_days = value("BYDAY").is_some_and(|days| days.contains(|c: char| c.is_ascii_digit()));
    let days_of_month = value("BYMONTHDAY").map(|days| days.split(',').filter_map(|day| day.parse::<i32>().ok()));
    let months = value("BYMONTH").map_or_else(
        || (1..=12).collect(),
        |months| months.split(',').filter_map(|month| month.parse::<usize>().ok()).collect::<Vec<_>>(),
    );
    let longest = months.iter().filter_map(|month| DAYS_OF_MONTHS.get(month - 1)).max().copied().unwrap_or(31);
    (!counts_days || matches!(frequency, Frequency::Monthly | Frequency::Yearly) && !has("BYWEEKNO"))
        && (!has("BYMONTHDAY") || frequency != Frequency::Weekly)
        && (!has("BYYEARDAY") || frequency == Frequency::Yearly)
        && (!has("BYWEEKNO") || frequency == Frequency::Yearly)
        && (!has("BYSETPOS") || parts.iter().any(|(name, _)| name.starts_with("BY") && *name != "BYSETPOS"))
        && days_of_month.is_none_or(|mut days| days.any(|day| day.unsigned_abs() <= longest))
}

fn parse(rule: &str) -> Option<Rule> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let (mut frequency, mut interval, mut count, mut last) = (None, 1, None, None);
    for part in rule.split(';') {
        let (name, value) = part.split_once('=')?;
        if seen.iter().any(|(n, _)| *n == name) {
            return None;
        }
        seen.push((name, value));
        let is_valid = match name {
            "FREQ" => {
                frequency = Frequency::parse(value);
                frequency.is_some()
            }
            "INTERVAL" => {
                interval = value.parse().ok()?;
                interval > 0
            }
            "COUNT" => {
                count = Some(value.parse().ok()?);
                count > Some(0) && count <= Some(MAX_COUNT)
            }
            "UNTIL" => {
                last = until(value);
                last.is_some()
            }
            "BYDAY" => weekdays(value),
            "WKST" => DAYS.contains(&value),
            "BYMONTH" => numbers(value, 12, 1, false),
            "BYMONTHDAY" => numbers(value, 31, 1, true),
            "BYYEARDAY" | "BYSETPOS" => numbers(value, 366, 1, true),
            "BYWEEKNO" => numbers(value, 53, 1, true),
            "BYHOUR" => numbers(value, 23, 0, false),
            "BYMINUTE" => numbers(value, 59, 0, false),
            "BYSECOND" => numbers(value, 60, 0, false),
            _ => false,
        };
        if !is_valid {
            return None;
        }
    }
    // RFC 5545: not both
    if count.is_some() && last.is_some() || !fit_together(frequency?, &seen) {
        return None;
    }
    Some(Rule { frequency: frequency?, interval, count, until: last })
}

/// A rule as calendar files have it: without its name, spaces and an empty last part, and with the end of a last day as a time, since
/// sessions have times (RFC 5545, section 3.3.10).
///
/// # Errors
/// Why it is none, for whoever typed it.
pub(super) fn canonical(rule: &str, starts_at: DateTime<Utc>, zone: Zone) -> Result<String, &'static str> {
    let rule: String = rule.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(&rule).trim_end_matches(';');
    let parsed = parse(rule).ok_or("Must be a rule such as FREQ=WEEKLY;COUNT=6.")?;
    let Some(last) = parsed.until else { return Ok(rule.to_owned()) };
    if last < starts_at.with_timezone(&zone).date_naive() {
        return Err("Its last day (UNTIL) is before the session.");
    }
    let parts = rule.split(';').map(|part| match part.strip_prefix("UNTIL=") {
        Some(day) if !day.contains('T') => {
            let end = last.and_hms_opt(23, 59, 59).and_then(|end| zone.from_local_datetime(&end).latest());
            end.map_or_else(|| part.to_owned(), |end| end.to_utc().format("UNTIL=%Y%m%dT%H%M%SZ").to_string())
        }
        _ => part.to_owned(),
    });
    Ok(parts.collect::<Vec<_>>().join(";"))
}

/// How a rule repeats: "every 2 weeks, 6 times"; empty without one.
pub(super) fn in_words(rule: &str, locale: LocaleTag) -> String {
    let Some(rule) = parse(rule) else { return String::new() };
    let number =
        |n: u32| Arguments::from([("count".into(), n.into()), ("n".into(), i18n::number(locale, n.into()).into())]);
    let mut words = text_with(locale, rule.frequency.key(), &number(rule.interval));
    let end = match (rule.count, rule.until) {
        (Some(count), _) => text_with(locale, "repeats-count", &number(count)),
        (None, Some(day)) => {
            text_with(locale, "repeats-until", &Arguments::from([("date".into(), i18n::date(locale, day).into())]))
        }
        (None, None) => return words,
    };
    words.push_str(", ");
    words.push_str(&end);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_that_calendars_understand_are_valid() {
        for rule in [
            "FREQ=WEEKLY;COUNT=6",
            "FREQ=DAILY;UNTIL=20261224T235959Z",
            "FREQ=DAILY;UNTIL=20261224",
            "FREQ=MONTHLY;BYDAY=-1FR,2MO;INTERVAL=2",
            "FREQ=YEARLY;BYMONTH=3,11;BYDAY=+2SU;WKST=MO",
            "FREQ=MONTHLY;BYMONTHDAY=-1",
        ] {
            assert!(parse(rule).is_some(), "{rule}");
        }
        for rule in [
            "",
            "WEEKLY",
            "COUNT=6",
            "FREQ=HOURLY",
            "FREQ=WEEKLY;BYDAY=XX",
            "FREQ=YEARLY;BYMONTH=13",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;COUNT=2;UNTIL=20261224",
            "FREQ=DAILY;FREQ=WEEKLY",
            "FREQ=DAILY;UNTIL=20261340",
            "FREQ=DAILY;COLOUR=RED",
            "FREQ=DAILY;BYDAY=",
            "FREQ=MONTHLY;BYMONTHDAY=0",
            "FREQ=WEEKLY;BYDAY=9MO",
            "FREQ=DAILY;BYDAY=1MO",
            "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO",
            "FREQ=WEEKLY;BYMONTHDAY=3",
            "FREQ=MONTHLY;BYWEEKNO=3",
            "FREQ=MONTHLY;BYYEARDAY=100",
            "FREQ=DAILY;BYSETPOS=1",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31",
            "FREQ=DAILY;COUNT=10000",
        ] {
            assert!(parse(rule).is_none(), "{rule}");
        }
    }

    #[test]
    fn a_rule_is_stored_as_calendars_read_it() {
        let starts_at = "2026-12-06T14:00:00Z".parse().unwrap();
        let canonical = |rule: &str| canonical(rule, starts_at, Zone::find("America/Toronto").unwrap());
        for (typed, stored) in [
            ("RRULE:FREQ=WEEKLY;COUNT=6", "FREQ=WEEKLY;COUNT=6"),
            (" freq=weekly ; byday=mo,we ; ", "FREQ=WEEKLY;BYDAY=MO,WE"),
            ("FREQ=DAILY;UNTIL=20261224", "FREQ=DAILY;UNTIL=20261225T045959Z"),
            ("FREQ=DAILY;UNTIL=20261206", "FREQ=DAILY;UNTIL=20261207T045959Z"),
            ("FREQ=DAILY;UNTIL=20261224T120000Z;INTERVAL=2", "FREQ=DAILY;UNTIL=20261224T120000Z;INTERVAL=2"),
            ("FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYMONTHDAY=31"),
        ] {
            assert_eq!(canonical(typed).as_deref(), Ok(stored), "{typed}");
            assert_eq!(canonical(stored).as_deref(), Ok(stored), "what is stored is stored again as it is");
        }
        assert!(canonical("FREQ=DAILY;UNTIL=20200101T000000Z").is_err_and(|why| why.contains("UNTIL")));
        assert!(canonical("FREQ=HOURLY").is_err());
    }

    #[test]
    fn a_rule_is_said_in_words() {
        for (rule, words) in [
            ("FREQ=WEEKLY;COUNT=6", "every week, 6 times"),
            ("FREQ=DAILY;INTERVAL=2", "every 2 days"),
            ("FREQ=MONTHLY;UNTIL=20261224", "every month, until December 24, 2026"),
            ("", ""),
        ] {
            assert_eq!(in_words(rule, LocaleTag::En), words);
        }
    }
}
