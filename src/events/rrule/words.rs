//! What pages say of a rule: how often and on which days it repeats, or the next dates where no words here say it truly.

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};

use super::{End, Frequency, Rule};
use crate::kernel::{
    i18n::{self, Arguments, text, text_of, text_with},
    text::LocaleTag,
    zones::Zone,
};

/// Dates shown of a rule that words do not say.
const DATES: usize = 6;

impl Frequency {
    const fn key(self) -> &'static str {
        match self {
            Self::Daily => "repeats-daily",
            Self::Weekly => "repeats-weekly",
            Self::Monthly => "repeats-monthly",
            Self::Yearly => "repeats-yearly",
        }
    }
}

/// How a session that first takes place at this time repeats: "every 2 weeks, 6 times"; empty without a rule.
pub(in crate::events) fn in_words(
    rule: &str,
    starts_at: DateTime<Utc>,
    zone: Zone,
    locale: LocaleTag,
    now: DateTime<Utc>,
) -> String {
    let Ok(rule) = Rule::parse(rule, zone) else { return String::new() };
    let first = starts_at.with_timezone(&zone).date_naive();
    let Some((frequency, days)) = pattern(&rule, first, locale) else {
        let today = now.with_timezone(&zone).date_naive();
        return next_dates(rule.days(starts_at, zone).filter(|day| *day > first && *day >= today), locale);
    };
    let every = text_with(locale, frequency.key(), &counted(locale, rule.interval));
    let words = if days.is_empty() {
        every
    } else {
        let days_of = i18n::list(locale, &days);
        text_with(
            locale,
            "repeats-on",
            &Arguments::from([("every".into(), every.into()), ("days".into(), days_of.into())]),
        )
    };
    let end = match rule.end {
        End::Never => return words,
        End::Count(count) if days.len() < 2 => text_with(locale, "repeats-count", &counted(locale, count)),
        // six times on two days a week is three weeks: the last day says it better
        End::Count(_) | End::Until(_) => match rule.days(starts_at, zone).last() {
            Some(last) => text_of(locale, "repeats-until", "date", i18n::date(locale, last)),
            None => return words,
        },
    };
    format!("{words}, {end}")
}

fn counted(locale: LocaleTag, n: u32) -> Arguments<'static> {
    Arguments::from([("count".into(), n.into()), ("n".into(), i18n::number(locale, n.into()).into())])
}

/// The unit by which a rule repeats and the days in it, in words; no days: those of the first date. `None` where that would say too
/// little.
fn pattern(rule: &Rule, first: NaiveDate, locale: LocaleTag) -> Option<(Frequency, Vec<String>)> {
    let is_empty = |lists: &[&[i32]]| lists.iter().all(|list| list.is_empty());
    let (month_days, year_days) = (rule.month_days.as_slice(), rule.year_days.as_slice());
    let (months, positions) = (rule.months.as_slice(), rule.positions.as_slice());
    let weekdays = rule.weekdays.as_slice();
    // a day that every month has
    let is_usual = first.day() <= 28;
    let days = match rule.frequency {
        _ if !year_days.is_empty() => return None,
        Frequency::Daily | Frequency::Weekly if is_empty(&[months, month_days, positions]) => {
            if rule.frequency == Frequency::Daily && !weekdays.is_empty() && rule.interval > 1 {
                return None;
            }
            let mut weekdays: Vec<Weekday> = weekdays.iter().map(|(_, day)| *day).collect();
            weekdays.sort_by_key(Weekday::num_days_from_monday);
            weekdays
                .into_iter()
                .map(|day| text_of(locale, "repeats-weekday", "weekday", weekday(locale, day)))
                .collect()
        }
        Frequency::Monthly if is_empty(&[months, month_days, positions]) && !weekdays.is_empty() => {
            weekdays.iter().map(|(nth, day)| nth_weekday(locale, *nth, *day)).collect::<Option<_>>()?
        }
        Frequency::Monthly if is_empty(&[months, month_days]) => match (weekdays, positions) {
            ([], []) if is_usual => Vec::new(),
            ([(0, day)], [nth]) => vec![nth_weekday(locale, *nth, *day)?],
            _ => return None,
        },
        Frequency::Monthly if is_empty(&[months, positions]) && weekdays.is_empty() => {
            month_days.iter().map(|day| month_day(locale, *day)).collect::<Option<_>>()?
        }
        Frequency::Yearly if positions.is_empty() && weekdays.is_empty() => {
            let is_that_day = (month_days.is_empty() || month_days == [first.day().cast_signed()])
                && (months == [first.month().cast_signed()] || months.is_empty() && month_days.is_empty());
            // 29 February does not come every year
            if !is_that_day || (first.month(), first.day()) == (2, 29) {
                return None;
            }
            Vec::new()
        }
        _ => return None,
    };
    let is_weekly = rule.frequency == Frequency::Daily && !weekdays.is_empty();
    Some((if is_weekly { Frequency::Weekly } else { rule.frequency }, days))
}

fn weekday(locale: LocaleTag, day: Weekday) -> String {
    text(locale, &format!("weekday-{}", day.number_from_monday()))
}

/// "the first Tuesday", of those that every month has.
fn nth_weekday(locale: LocaleTag, nth: i32, day: Weekday) -> Option<String> {
    let nth = match nth {
        1..=4 => nth.into(),
        -1 => "last".into(),
        _ => return None,
    };
    let arguments = Arguments::from([("nth".into(), nth), ("weekday".into(), weekday(locale, day).into())]);
    Some(text_with(locale, "repeats-nth-weekday", &arguments))
}

/// "the 4th", of those that every month has.
fn month_day(locale: LocaleTag, day: i32) -> Option<String> {
    match day {
        1..=28 => Some(text_of(locale, "repeats-month-day", "day", day)),
        -1 => Some(text(locale, "repeats-last-day")),
        _ => None,
    }
}

fn next_dates(days: impl Iterator<Item = NaiveDate>, locale: LocaleTag) -> String {
    let mut dates: Vec<String> = days.take(DATES + 1).map(|day| i18n::date(locale, day)).collect();
    let key = if dates.len() > DATES { "repeats-dates-more" } else { "repeats-dates" };
    dates.truncate(DATES);
    if dates.is_empty() { String::new() } else { text_of(locale, key, "dates", dates.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(locale: LocaleTag, start: &str, rule: &str) -> String {
        let zone = Zone::find("America/Toronto").unwrap();
        let starts_at: DateTime<Utc> = format!("{start}T22:00:00Z").parse().unwrap();
        let stored = super::super::canonical(rule, starts_at, zone).unwrap();
        in_words(&stored, starts_at, zone, locale, starts_at).replace('\u{a0}', " ")
    }

    #[test]
    fn a_rule_is_said_in_words() {
        for (start, rule, said) in [
            ("2027-05-04", "FREQ=WEEKLY;COUNT=6", "every week, 6 times"),
            ("2027-05-04", "FREQ=DAILY;INTERVAL=2", "every 2 days"),
            ("2027-05-04", "FREQ=WEEKLY;UNTIL=20270601", "every week, until June 1, 2027"),
            ("2027-05-04", "FREQ=WEEKLY;UNTIL=20270602T035959Z", "every week, until June 1, 2027"),
            ("2027-05-04", "FREQ=WEEKLY;UNTIL=20270531", "every week, until May 25, 2027"),
            ("2027-05-04", "FREQ=WEEKLY;BYDAY=TU", "every week on Tuesday"),
            ("2027-05-04", "FREQ=WEEKLY;BYDAY=TH,TU;COUNT=6", "every week on Tuesday and Thursday, until May 20, 2027"),
            (
                "2027-05-04",
                "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=10",
                "every week on Monday, Tuesday, Wednesday, Thursday and Friday, until May 17, 2027",
            ),
            ("2027-05-04", "FREQ=MONTHLY", "every month"),
            ("2027-05-04", "FREQ=MONTHLY;BYDAY=1TU;COUNT=3", "every month on the first Tuesday, 3 times"),
            ("2027-05-04", "FREQ=MONTHLY;BYDAY=1TU,3TU", "every month on the first Tuesday and the third Tuesday"),
            ("2027-05-25", "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=-1", "every month on the last Tuesday"),
            ("2027-05-04", "FREQ=MONTHLY;BYMONTHDAY=4", "every month on the 4th"),
            ("2027-05-21", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=21,-1", "every 2 months on the 21st and the last day"),
            ("2027-05-04", "FREQ=YEARLY", "every year"),
            ("2027-05-04", "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=4;COUNT=3", "every year, 3 times"),
            // what the words do not say
            (
                "2028-02-29",
                "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3",
                "next dates: February 29, 2032; February 29, 2036",
            ),
            ("2027-05-31", "FREQ=MONTHLY;COUNT=2", "next dates: July 31, 2027"),
            ("2027-05-04", "FREQ=WEEKLY;BYMONTH=5;COUNT=3", "next dates: May 11, 2027; May 18, 2027"),
            (
                "2027-05-04",
                "FREQ=MONTHLY;BYDAY=TU",
                "next dates: May 11, 2027; May 18, 2027; May 25, 2027; June 1, 2027; June 8, 2027; June 15, 2027; and later",
            ),
            ("2027-05-04", "FREQ=DAILY;COUNT=1", "every day, once"),
        ] {
            assert_eq!(words(LocaleTag::En, start, rule), said, "{rule}");
        }
        let zone = Zone::find("America/Toronto").unwrap();
        assert_eq!(in_words("", DateTime::UNIX_EPOCH, zone, LocaleTag::En, DateTime::UNIX_EPOCH), "");
    }

    #[test]
    fn each_language_says_the_days() {
        for (locale, weekly, nth, day) in [
            (
                LocaleTag::Fr,
                "chaque semaine, le mardi et le jeudi, jusqu’au 20 mai 2027",
                "tous les 2 mois, le premier mardi",
                "chaque mois, le 1er et le dernier jour",
            ),
            (
                LocaleTag::Es,
                "cada semana, el martes y el jueves, hasta el 20 de mayo de 2027",
                "cada 2 meses, el primer martes",
                "cada mes, el día 1 y el último día",
            ),
            (
                LocaleTag::Pa,
                "ਹਰ ਹਫ਼ਤੇ ਮੰਗਲਵਾਰ ਅਤੇ ਵੀਰਵਾਰ ਨੂੰ, 20 ਮਈ 2027 ਤੱਕ",
                "ਹਰ 2 ਮਹੀਨਿਆਂ ਬਾਅਦ ਪਹਿਲੇ ਮੰਗਲਵਾਰ ਨੂੰ",
                "ਹਰ ਮਹੀਨੇ 1 ਤਾਰੀਖ਼ ਅਤੇ ਆਖ਼ਰੀ ਦਿਨ ਨੂੰ",
            ),
        ] {
            assert_eq!(words(locale, "2027-05-04", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=6"), weekly);
            assert_eq!(words(locale, "2027-05-04", "FREQ=MONTHLY;INTERVAL=2;BYDAY=1TU"), nth);
            assert_eq!(words(locale, "2027-06-01", "FREQ=MONTHLY;BYMONTHDAY=1,-1"), day);
        }
    }
}
