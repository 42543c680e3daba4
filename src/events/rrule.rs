//! Recurrence rules (RFC 5545, section 3.3.10): which are valid, and what pages say of them.

use chrono::{NaiveDate, NaiveDateTime};

use crate::kernel::{
    i18n::{self, Arguments, text_with},
    text::LocaleTag,
};

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

fn parse(rule: &str) -> Option<Rule> {
    let mut seen: Vec<&str> = Vec::new();
    let (mut frequency, mut interval, mut count, mut last) = (None, 1, None, None);
    for part in rule.split(';') {
        let (name, value) = part.split_once('=')?;
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
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
                count > Some(0)
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
    if count.is_some() && last.is_some() {
        return None;
    }
    Some(Rule { frequency: frequency?, interval, count, until: last })
}

/// Is this a valid rule?
pub(super) fn is_valid(rule: &str) -> bool {
    parse(rule).is_some()
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
            assert!(is_valid(rule), "{rule}");
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
        ] {
            assert!(!is_valid(rule), "{rule}");
        }
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
