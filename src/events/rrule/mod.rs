//! Recurrence rules (RFC 5545, section 3.3.10): which are valid, and the dates on which they fall. What pages say of them is in
//! [`words`].

mod words;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeZone, Utc, Weekday};

use crate::kernel::zones::Zone;

pub(super) use words::in_words;

/// The most repetitions: one a day for ten years.
const MAX_COUNT: u32 = 3660;
const MAX_INTERVAL: u32 = 1000;
/// Events lie before the year 2200.
const LAST_YEAR: i32 = 2199;

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
}

/// When a repetition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Never,
    Count(u32),
    Until(DateTime<Utc>),
}

/// A rule. An empty list restricts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: u32,
    end: End,
    months: Vec<i32>,
    /// Negative ones count from the end of the month, the year, or the period.
    month_days: Vec<i32>,
    year_days: Vec<i32>,
    positions: Vec<i32>,
    /// Which of these weekdays in the month or year; 0: each.
    weekdays: Vec<(i32, Weekday)>,
    week_start: Weekday,
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// The two letters of a weekday.
pub(super) fn day_code(day: Weekday) -> &'static str {
    DAYS[day.num_days_from_monday() as usize]
}

fn weekday(code: &str) -> Option<Weekday> {
    let n = DAYS.iter().position(|day| *day == code)?;
    u8::try_from(n).ok()?.try_into().ok()
}

/// A number without a sign, in a range.
fn number(value: &str, most: u32) -> Option<u32> {
    let number = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten();
    number.filter(|n| (1..=most).contains(n))
}

/// A number that may count from the end.
fn signed(value: &str, most: u32) -> Option<i32> {
    let (sign, digits) = match value.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, value.strip_prefix('+').unwrap_or(value)),
    };
    number(digits, most).and_then(|n| i32::try_from(n).ok()).map(|n| sign * n)
}

/// A list whose values are different ones.
fn list<T: PartialEq>(value: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut values = Vec::new();
    for value in value.split(',') {
        let value = read(value)?;
        if values.contains(&value) {
            return None;
        }
        values.push(value);
    }
    Some(values)
}

/// A weekday with its number before it: `-1FR`.
fn numbered_weekday(value: &str) -> Option<(i32, Weekday)> {
    let (nth, day) = value.split_at_checked(value.len().checked_sub(2)?)?;
    let nth = if nth.is_empty() { 0 } else { signed(nth, 53)? };
    Some((nth, weekday(day)?))
}

/// The end of a repetition: a day, which counts whole, a local time, or a time in UTC.
fn until(value: &str, zone: Zone) -> Option<DateTime<Utc>> {
    let time = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok();
    if let Some(utc) = value.strip_suffix('Z') {
        return time(utc).map(|at| at.and_utc());
    }
    let day = || NaiveDate::parse_from_str(value, "%Y%m%d").ok()?.and_hms_opt(23, 59, 59);
    let local = time(value).or_else(day)?;
    zone.from_local_datetime(&local).latest().map(|at| at.to_utc())
}

impl Rule {
    /// Reads a rule as calendar files have it. The error says what is wrong, for whoever typed it.
    fn parse(rule: &str, zone: Zone) -> Result<Self, &'static str> {
        let mut seen: Vec<&str> = Vec::new();
        let mut frequency = None;
        let mut parsed = Self {
            frequency: Frequency::Daily,
            interval: 1,
            end: End::Never,
            months: Vec::new(),
            month_days: Vec::new(),
            year_days: Vec::new(),
            positions: Vec::new(),
            weekdays: Vec::new(),
            week_start: Weekday::Mon,
        };
        for part in rule.split(';') {
            let (name, value) = part.split_once('=').ok_or("Must be a rule such as FREQ=WEEKLY;COUNT=6.")?;
            if seen.contains(&name) {
                return Err("A part is given twice.");
            }
            seen.push(name);
            let many = |most: u32| list(value, |n| signed(n, most));
            match name {
                "FREQ" => {
                    frequency = Some(Frequency::parse(value).ok_or("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY.")?);
                }
                "INTERVAL" => {
                    parsed.interval = number(value, MAX_INTERVAL).ok_or("INTERVAL must lie between 1 and 1000.")?;
                }
                "COUNT" => {
                    parsed.end =
                        number(value, MAX_COUNT).map(End::Count).ok_or("COUNT must lie between 1 and 3660.")?;
                }
                "UNTIL" => {
                    let end = until(value, zone);
                    parsed.end = end
                        .map(End::Until)
                        .ok_or("UNTIL must be a day such as 20261224, or a time in UTC such as 20261224T235959Z.")?;
                }
                "BYDAY" => {
                    parsed.weekdays = list(value, numbered_weekday).ok_or(
                        "BYDAY must name different days, MO, TU, WE, TH, FR, SA or SU, such as TU,TH or -1FR.",
                    )?;
                }
                "WKST" => {
                    parsed.week_start = weekday(value).ok_or("WKST must be one of MO, TU, WE, TH, FR, SA, SU.")?;
                }
                "BYMONTH" => {
                    let months = list(value, |n| number(n, 12).and_then(|n| n.try_into().ok()));
                    parsed.months = months.ok_or("BYMONTH must name different months, 1 to 12.")?;
                }
                "BYMONTHDAY" => {
                    parsed.month_days =
                        many(31).ok_or("BYMONTHDAY must name different days, 1 to 31, or -1 for the last.")?;
                }
                "BYYEARDAY" => parsed.year_days = many(366).ok_or("BYYEARDAY must name different days, 1 to 366.")?,
                "BYSETPOS" => parsed.positions = many(366).ok_or("BYSETPOS must name different places, 1 to 366.")?,
                "BYHOUR" | "BYMINUTE" | "BYSECOND" => {
                    return Err("A session begins at one time of day: add a session for each other one.");
                }
                _ => {
                    return Err("The parts of a rule are FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, \
                                BYYEARDAY, BYSETPOS and WKST.");
                }
            }
        }
        if seen.contains(&"COUNT") && seen.contains(&"UNTIL") {
            return Err("A rule ends by COUNT or by UNTIL, not by both.");
        }
        parsed.frequency = frequency.ok_or("A rule names its FREQ, as FREQ=WEEKLY;COUNT=6 does.")?;
        parsed.require_fit()?;
        Ok(parsed)
    }

    /// Parts stand beside a frequency only where RFC 5545 lets them.
    fn require_fit(&self) -> Result<(), &'static str> {
        let counts_days = self.weekdays.iter().any(|(nth, _)| *nth != 0);
        let most = if self.frequency == Frequency::Yearly && self.months.is_empty() { 53 } else { 5 };
        if counts_days && matches!(self.frequency, Frequency::Daily | Frequency::Weekly) {
            return Err("Days with a number, such as 1MO, need FREQ=MONTHLY or YEARLY.");
        }
        if self.weekdays.iter().any(|(nth, _)| nth.abs() > most) {
            return Err("A month has no more than five of each weekday.");
        }
        if !self.month_days.is_empty() && self.frequency == Frequency::Weekly {
            return Err("BYMONTHDAY does not go with FREQ=WEEKLY.");
        }
        if !self.year_days.is_empty() && self.frequency != Frequency::Yearly {
            return Err("BYYEARDAY needs FREQ=YEARLY.");
        }
        if !self.positions.is_empty() && !self.names_days() && self.months.is_empty() {
            return Err("BYSETPOS needs days to choose from, such as BYDAY.");
        }
        Ok(())
    }

    fn names_days(&self) -> bool {
        !(self.month_days.is_empty() && self.year_days.is_empty() && self.weekdays.is_empty())
    }

    /// With the days that follow from the first one, where the rule names none.
    fn completed(&self, first: NaiveDate) -> Self {
        let mut rule = self.clone();
        let (day, month) = (first.day().cast_signed(), first.month().cast_signed());
        match self.frequency {
            _ if self.names_days() => {}
            Frequency::Daily => {}
            Frequency::Weekly => rule.weekdays = vec![(0, first.weekday())],
            Frequency::Monthly => rule.month_days = vec![day],
            Frequency::Yearly => {
                rule.month_days = vec![day];
                if rule.months.is_empty() {
                    rule.months = vec![month];
                }
            }
        }
        rule
    }

    /// The first day of a period, and of the next one.
    fn period(&self, first: NaiveDate, n: u32) -> Option<(NaiveDate, NaiveDate)> {
        let n = n.checked_mul(self.interval)?;
        let days = |from: NaiveDate, count: u64| {
            let begin = from.checked_add_days(Days::new(count.checked_mul(n.into())?))?;
            Some((begin, begin.checked_add_days(Days::new(count))?))
        };
        let months = |from: NaiveDate, count: u32| {
            let begin = from.checked_add_months(Months::new(count.checked_mul(n)?))?;
            Some((begin, begin.checked_add_months(Months::new(count))?))
        };
        match self.frequency {
            Frequency::Daily => days(first, 1),
            Frequency::Weekly => days(first.week(self.week_start).first_day(), 7),
            Frequency::Monthly => months(first.with_day(1)?, 1),
            Frequency::Yearly => months(first.with_day(1)?.with_month(1)?, 12),
        }
    }

    fn includes(&self, day: NaiveDate) -> bool {
        let (month, year) = (i32::from(day.num_days_in_month()), if day.leap_year() { 366 } else { 365 });
        let listed = |list: &[i32], nth: u32, of: i32| {
            let nth = nth.cast_signed();
            list.is_empty() || list.contains(&nth) || list.contains(&(nth - of - 1))
        };
        let (before, of) = if self.frequency == Frequency::Yearly && self.months.is_empty() {
            (day.ordinal0().cast_signed(), year)
        } else {
            (day.day0().cast_signed(), month)
        };
        let nths = [0, before / 7 + 1, -((of - 1 - before) / 7 + 1)];
        (self.months.is_empty() || self.months.contains(&day.month().cast_signed()))
            && listed(&self.month_days, day.day(), month)
            && listed(&self.year_days, day.ordinal(), year)
            && (self.weekdays.is_empty()
                || self.weekdays.iter().any(|(nth, weekday)| *weekday == day.weekday() && nths.contains(nth)))
    }

    /// The days of a period on which it falls.
    fn days_in(&self, (begin, end): (NaiveDate, NaiveDate)) -> Vec<NaiveDate> {
        let days: Vec<NaiveDate> =
            begin.iter_days().take_while(|day| *day < end).filter(|day| self.includes(*day)).collect();
        if self.positions.is_empty() {
            return days;
        }
        let chosen = (1..).zip(&days).filter(|(nth, _)| {
            let from_end = nth - i32::try_from(days.len()).unwrap_or_default() - 1;
            self.positions.contains(nth) || self.positions.contains(&from_end)
        });
        chosen.map(|(_, day)| *day).collect()
    }

    /// The days on which it falls, in its zone, for a first session at this time.
    fn days(&self, starts_at: DateTime<Utc>, zone: Zone) -> impl Iterator<Item = NaiveDate> {
        let start = starts_at.with_timezone(&zone).naive_local();
        let first = start.date();
        let (most, last) = match self.end {
            End::Never => (usize::MAX, None),
            End::Count(count) => (usize::try_from(count).unwrap_or(usize::MAX), None),
            End::Until(end) => (usize::MAX, Some(end.with_timezone(&zone).naive_local())),
        };
        let rule = self.completed(first);
        let periods = {
            let rule = rule.clone();
            (0..).map_while(move |n| rule.period(first, n)).take_while(|(begin, _)| begin.year() <= LAST_YEAR)
        };
        periods
            .flat_map(move |period| rule.days_in(period))
            .skip_while(move |day| *day < first)
            .take_while(move |day| last.is_none_or(|last| day.and_time(start.time()) <= last))
            .take(most)
    }
}

/// A rule as calendar files have it: without its name, spaces and an empty last part, and with a last day or a local time written
/// in UTC (RFC 5545, section 3.3.10).
///
/// # Errors
/// Why it is none, for whoever typed it.
pub(super) fn canonical(rule: &str, starts_at: DateTime<Utc>, zone: Zone) -> Result<String, &'static str> {
    let rule: String = rule.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(&rule).trim_end_matches(';');
    let parsed = Rule::parse(rule, zone)?;
    if let End::Until(end) = parsed.end
        && end < starts_at
    {
        return Err("Its end (UNTIL) is before the session.");
    }
    let mut days = parsed.days(starts_at, zone);
    // readers disagree about a first session that is none of the rule's
    if days.next() != Some(starts_at.with_timezone(&zone).date_naive()) {
        return Err("The session must start on a day of its rule.");
    }
    if parsed.end != End::Never && days.nth(MAX_COUNT as usize).is_some() {
        return Err("A session repeats at most 3660 times.");
    }
    Ok(with_until(rule, parsed.end))
}

/// A rule with an end that is written in UTC.
fn with_until(rule: &str, end: End) -> String {
    let parts = rule.split(';').map(|part| match (part.starts_with("UNTIL="), end) {
        (true, End::Until(end)) => end.format("UNTIL=%Y%m%dT%H%M%SZ").to_string(),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(";")
}

/// A canonical rule whose last time is moved.
pub(super) fn moved(rule: &str, zone: Zone, to: impl Fn(DateTime<Utc>) -> DateTime<Utc>) -> String {
    match Rule::parse(rule, zone) {
        Ok(Rule { end: End::Until(end), .. }) => with_until(rule, End::Until(to(end))),
        _ => rule.to_owned(),
    }
}

/// The last day on which a rule falls, for a first session at this time. One without an end is taken to last a year, so that what
/// is kept of those who take part does not stay for good.
pub(super) fn last_day(rule: &str, starts_at: DateTime<Utc>, zone: Zone) -> Option<NaiveDate> {
    let rule = Rule::parse(rule, zone).ok()?;
    let year = starts_at.with_timezone(&zone).date_naive().checked_add_months(Months::new(12))?;
    rule.days(starts_at, zone).take_while(|day| rule.end != End::Never || *day < year).last()
}

/// The days on which a rule falls until a time, for a first session at this time.
pub(super) fn days_until(rule: &str, starts_at: DateTime<Utc>, zone: Zone, until: DateTime<Utc>) -> Vec<NaiveDate> {
    let Ok(rule) = Rule::parse(rule, zone) else { return Vec::new() };
    let last = until.with_timezone(&zone).date_naive();
    rule.days(starts_at, zone).take_while(|day| *day <= last).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn toronto() -> Zone {
        Zone::find("America/Toronto").unwrap()
    }

    /// 18:00 in Toronto in summer.
    fn evening(day: &str) -> DateTime<Utc> {
        format!("{day}T22:00:00Z").parse().unwrap()
    }

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
            assert!(Rule::parse(rule, toronto()).is_ok(), "{rule}");
        }
        for (rule, why) in [
            ("", "Must be a rule"),
            ("WEEKLY", "Must be a rule"),
            ("COUNT=6", "FREQ"),
            ("FREQ=HOURLY", "FREQ must be"),
            ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
            ("FREQ=WEEKLY;BYDAY=MO,MO", "BYDAY must name different days"),
            ("FREQ=YEARLY;BYMONTH=13", "BYMONTH"),
            ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH"),
            ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
            ("FREQ=WEEKLY;INTERVAL=4294967295", "INTERVAL"),
            ("FREQ=DAILY;COUNT=0", "COUNT"),
            ("FREQ=WEEKLY;COUNT=+6", "COUNT"),
            ("FREQ=WEEKLY;COUNT=", "COUNT"),
            ("FREQ=DAILY;COUNT=2;UNTIL=20261224", "not by both"),
            ("FREQ=DAILY;FREQ=WEEKLY", "twice"),
            ("FREQ=DAILY;UNTIL=20261340", "UNTIL"),
            ("FREQ=DAILY;UNTIL=20270601T220000ZZZ", "UNTIL"),
            ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL"),
            ("FREQ=DAILY;COLOUR=RED", "parts of a rule"),
            ("FREQ=YEARLY;BYWEEKNO=20", "parts of a rule"),
            ("FREQ=DAILY;BYHOUR=9,18", "one time of day"),
            ("FREQ=DAILY;BYDAY=", "BYDAY"),
            ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
            ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
            ("FREQ=WEEKLY;BYDAY=9MO", "number"),
            ("FREQ=DAILY;BYDAY=1MO", "number"),
            ("FREQ=MONTHLY;BYDAY=53MO", "five"),
            ("FREQ=WEEKLY;BYMONTHDAY=3", "BYMONTHDAY"),
            ("FREQ=MONTHLY;BYYEARDAY=100", "BYYEARDAY"),
            ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS"),
            ("FREQ=DAILY;COUNT=10000", "COUNT"),
        ] {
            let refused = Rule::parse(rule, toronto()).unwrap_err();
            assert!(refused.contains(why), "{rule}: {refused}");
        }
    }

    #[test]
    fn a_rule_is_stored_as_calendars_read_it() {
        let starts_at = "2026-12-06T14:00:00Z".parse().unwrap();
        let canonical = |rule: &str| canonical(rule, starts_at, toronto());
        for (typed, stored) in [
            ("RRULE:FREQ=WEEKLY;COUNT=6", "FREQ=WEEKLY;COUNT=6"),
            (" freq=weekly ; byday=su,we ; ", "FREQ=WEEKLY;BYDAY=SU,WE"),
            ("FREQ=DAILY;UNTIL=20261224", "FREQ=DAILY;UNTIL=20261225T045959Z"),
            ("FREQ=DAILY;UNTIL=20261206", "FREQ=DAILY;UNTIL=20261207T045959Z"),
            ("FREQ=DAILY;UNTIL=20261224T090000", "FREQ=DAILY;UNTIL=20261224T140000Z"),
            ("FREQ=DAILY;UNTIL=20261224T120000Z;INTERVAL=2", "FREQ=DAILY;UNTIL=20261224T120000Z;INTERVAL=2"),
            ("FREQ=MONTHLY;BYMONTHDAY=6", "FREQ=MONTHLY;BYMONTHDAY=6"),
        ] {
            assert_eq!(canonical(typed).as_deref(), Ok(stored), "{typed}");
            assert_eq!(canonical(stored).as_deref(), Ok(stored), "what is stored is stored again as it is");
        }
        for (rule, why) in [
            ("FREQ=DAILY;UNTIL=20200101T000000Z", "UNTIL"),
            ("FREQ=DAILY;UNTIL=20261206T100000Z", "UNTIL"),
            ("FREQ=HOURLY", "FREQ"),
            ("FREQ=WEEKLY;COUNT=6;BYDAY=WE", "on a day of its rule"),
            ("FREQ=MONTHLY;BYMONTHDAY=31", "on a day of its rule"),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "on a day of its rule"),
            ("FREQ=DAILY;UNTIL=21000101", "at most"),
        ] {
            assert!(canonical(rule).is_err_and(|refused| refused.contains(why)), "{rule}: {:?}", canonical(rule));
        }
    }

    #[test]
    fn a_rule_falls_on_its_days() {
        for (start, rule, days) in [
            ("2027-05-04", "FREQ=WEEKLY;UNTIL=20270602T035959Z", "05-04 05-11 05-18 05-25 06-01"),
            // before the session of that day
            ("2027-05-04", "FREQ=WEEKLY;UNTIL=20270601T100000Z", "05-04 05-11 05-18 05-25"),
            ("2027-05-04", "FREQ=WEEKLY;UNTIL=20270601T180000", "05-04 05-11 05-18 05-25 06-01"),
            ("2027-05-04", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4", "05-04 05-06 05-11 05-13"),
            ("2027-05-04", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;COUNT=4", "05-04 05-09 05-18 05-23"),
            ("2027-05-04", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU;COUNT=4", "05-04 05-16 05-18 05-30"),
            ("2027-05-07", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=3", "05-07 05-10 05-11"),
            ("2027-05-04", "FREQ=DAILY;INTERVAL=30;COUNT=3", "05-04 06-03 07-03"),
            ("2027-05-04", "FREQ=MONTHLY;BYDAY=1TU;COUNT=3", "05-04 06-01 07-06"),
            ("2027-05-25", "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=-1;COUNT=3", "05-25 06-29 07-27"),
            ("2027-05-25", "FREQ=MONTHLY;BYDAY=-1TU;COUNT=3", "05-25 06-29 07-27"),
            ("2027-05-31", "FREQ=MONTHLY;COUNT=3", "05-31 07-31 08-31"),
            ("2027-05-31", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "05-31 06-30 07-31"),
            ("2027-05-14", "FREQ=MONTHLY;BYMONTHDAY=13,14,15;BYDAY=FR,SA;COUNT=3", "05-14 05-15 08-13"),
            ("2028-06-29", "FREQ=YEARLY;BYMONTH=6,9;BYMONTHDAY=29;COUNT=3", "06-29 09-29 06-29"),
            ("2027-05-20", "FREQ=YEARLY;BYDAY=20TH;COUNT=2", "05-20 05-18"),
            ("2027-05-04", "FREQ=YEARLY;BYYEARDAY=124,-1;COUNT=3", "05-04 12-31 05-03"),
            ("2027-05-04", "FREQ=WEEKLY;BYMONTH=5;COUNT=5", "05-04 05-11 05-18 05-25 05-02"),
        ] {
            assert!(canonical(rule, evening(start), toronto()).is_ok(), "{rule}");
            let rule_of = Rule::parse(rule, toronto()).unwrap();
            let found: Vec<String> =
                rule_of.days(evening(start), toronto()).map(|day| day.format("%m-%d").to_string()).collect();
            assert_eq!(found.join(" "), days, "{rule}");
        }
        let leap = Rule::parse("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3", toronto()).unwrap();
        let years: Vec<i32> = leap.days(evening("2028-02-29"), toronto()).map(|day| day.year()).collect();
        assert_eq!(years, [2028, 2032, 2036]);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,60}|(FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY);)?(BYDAY=-?[0-9]{0,2}(MO|TU)|INTERVAL=[0-9]{1,5}|BYMONTHDAY=-?[0-9]{1,2}|UNTIL=2[0-9]{7}(T[0-9]{6}Z?)?|;|BYSETPOS=-?[0-9]{1,3}){0,4}") {
            let starts_at = evening("2027-05-04");
            if let Ok(stored) = canonical(&text, starts_at, toronto()) {
                prop_assert_eq!(canonical(&stored, starts_at, toronto()), Ok(stored));
            }
        }
    }
}
