//! Dates as forms, spreadsheets and people write them.
//!
//! Of a date of digits the file does not say whether day or month is first. The whole column does, where one of its
//! dates has a day above 12 ([`OrderEvidence`]); otherwise the language of the file's header is taken, which the
//! preview tells. In a column that has both orders a date is decided by itself, or by nobody.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use utoipa::ToSchema;

/// What comes first in a date such as 03/04/2026.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum DateOrder {
    /// 31/03/2026.
    DayFirst,
    /// 03/31/2026.
    MonthFirst,
}

/// Why a date cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateProblem {
    /// Nothing that is known as a date.
    Unknown,
    /// Day and month may be either, and other dates of the column have both orders.
    Ambiguous,
}

/// What the dates of a column tell of their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OrderEvidence {
    is_day_first: bool,
    is_month_first: bool,
    /// There are dates that may be either.
    may_be_either: bool,
}

/// Names of months by their beginning, without accents, in English, French, Spanish, Portuguese, German and Punjabi. A
/// name that begins another one stands after it.
const MONTHS: [(&str, u32); 46] = [
    ("jan", 1),
    ("ene", 1),
    ("ਜਨਵਰ", 1),
    ("feb", 2),
    ("fev", 2),
    ("ਫਰਵਰ", 2),
    ("mar", 3),
    ("mrz", 3),
    ("maerz", 3),
    ("ਮਾਰਚ", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("ਅਪਰੈਲ", 4),
    ("ਅਪ੍ਰੈਲ", 4),
    ("may", 5),
    ("mai", 5),
    ("ਮਈ", 5),
    ("juil", 7),
    ("juin", 6),
    ("jun", 6),
    ("ਜੂਨ", 6),
    ("jul", 7),
    ("ਜੁਲਾਈ", 7),
    ("aug", 8),
    ("aou", 8),
    ("ago", 8),
    ("ਅਗਸਤ", 8),
    ("sep", 9),
    ("set", 9),
    ("ਸਤੰਬਰ", 9),
    ("ਸਿਤੰਬਰ", 9),
    ("oct", 10),
    ("okt", 10),
    ("out", 10),
    ("ਅਕਤੂਬਰ", 10),
    ("nov", 11),
    ("ਨਵੰਬਰ", 11),
    ("dec", 12),
    ("dez", 12),
    ("dic", 12),
    ("ਦਸੰਬਰ", 12),
    ("janv", 1),
    ("fevr", 2),
    ("mars", 3),
    ("ਫ਼ਰਵਰ", 2),
];

/// Numbers and words of a date, in their order.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Number of digits, and value.
    Number(usize, u32),
    Month(u32),
    /// A sign of a time of day: `h`, `PM`, a colon.
    Time,
}

/// A date of three numbers and its separator.
struct Digits {
    first: u32,
    second: u32,
    year: i32,
    separator: char,
}

impl OrderEvidence {
    /// Looks at another cell of the column.
    pub(super) fn see(&mut self, cell: &str) {
        // most cells are no dates
        if cell.len() > 80 || !cell.trim_start().starts_with(|c: char| c.is_numeric() || c == '\'' || c == '=') {
            return;
        }
        let is_plain = cell.is_ascii() && !cell.starts_with('=');
        let cell = if is_plain { Cow::Borrowed(cell) } else { Cow::Owned(western(&super::import_cells::text(cell))) };
        let Some(digits) = digits(without_time_before(cell.trim_start_matches('\''))) else { return };
        match (digits.first > 12, digits.second > 12) {
            (true, false) => self.is_day_first = true,
            (false, true) => self.is_month_first = true,
            (false, false) if digits.separator == '.' => self.is_day_first = true,
            (false, false) => self.may_be_either |= digits.first != digits.second,
            (true, true) => {}
        }
    }

    /// The order of the column: of its dates, `otherwise` where none of them tells; `None` where they have both orders.
    pub(super) fn order(self, otherwise: DateOrder) -> Option<DateOrder> {
        match (self.is_day_first, self.is_month_first) {
            (true, true) => None,
            (true, false) => Some(DateOrder::DayFirst),
            (false, true) => Some(DateOrder::MonthFirst),
            (false, false) => Some(otherwise),
        }
    }

    /// Are there dates in the column whose order matters?
    pub(super) fn matters(self) -> bool {
        self.is_day_first || self.is_month_first || self.may_be_either
    }
}

/// The moment that a cell names: to the second where it has a zone (RFC 3339, RFC 5322, Unix time), else the day, as
/// midnight UTC.
///
/// # Errors
/// For what is no date, and for one that may be two.
pub(super) fn moment(cell: &str, order: Option<DateOrder>) -> Result<DateTime<Utc>, DateProblem> {
    let cell = western(cell);
    // an apostrophe marks a text in a spreadsheet
    let cell = cell.trim().trim_start_matches('\'').trim_start();
    if let Ok(at) = DateTime::parse_from_rfc3339(cell).or_else(|_| DateTime::parse_from_rfc2822(cell)) {
        return Ok(at.to_utc());
    }
    if let Some(at) = of_number(cell) {
        return Ok(at);
    }
    let cell = without_time_before(cell);
    let day = year_first(cell).or_else(|| with_month_name(cell));
    let day = match (day, digits(cell)) {
        (Some(day), _) => Some(day),
        (None, Some(digits)) => Some(digits.day(order)?),
        (None, None) => None,
    };
    day.map(|day| day.and_time(NaiveTime::MIN).and_utc()).ok_or(DateProblem::Unknown)
}

/// With digits of other scripts as ASCII ones, and full-width signs as usual ones.
fn western(cell: &str) -> String {
    const ZEROS: [char; 5] = ['\u{660}', '\u{6F0}', '\u{966}', '\u{9E6}', '\u{A66}'];
    let digit = |c: char| {
        let value =
            ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10));
        value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
    };
    cell.nfkc().map(digit).collect()
}

/// Unix time in seconds or milliseconds; the days since 1899-12-30 as spreadsheets count them; `20260331`.
fn of_number(cell: &str) -> Option<DateTime<Utc>> {
    // the basic form of ISO 8601: 20260331T140522Z
    if let Some((day, time)) = cell.split_once('T')
        && day.len() == 8
    {
        let has_zone = time.ends_with('Z');
        let formats = ["%Y%m%dT%H%M%S", "%Y%m%dT%H%M"].into_iter();
        let mut found =
            formats.filter_map(|format| NaiveDateTime::parse_from_str(cell.trim_end_matches('Z'), format).ok());
        let at = found.next()?;
        let at = if has_zone { at } else { at.date().and_time(NaiveTime::MIN) };
        return Some(at.and_utc());
    }
    let whole = cell.split(['.', ',']).next()?;
    if cell.matches(['.', ',']).count() > 1 || !cell.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match whole.len() {
        5 => {
            let days = u64::try_from(number).ok()?;
            let day = NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(chrono::Days::new(days))?;
            Some(day.and_time(NaiveTime::MIN).and_utc())
        }
        8 | 14 => {
            NaiveDate::parse_from_str(&whole[..8], "%Y%m%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc())
        }
        10 => DateTime::from_timestamp(number, 0),
        13 => DateTime::from_timestamp_millis(number),
        _ => None,
    }
}

/// A date without the time before it, as in `14:05 31/03/2026`.
fn without_time_before(cell: &str) -> &str {
    let is_time = |word: &str| {
        let mut numbers = word.split(':');
        word.contains(':')
            && numbers.all(|number| matches!(number.len(), 1 | 2) && number.bytes().all(|b| b.is_ascii_digit()))
    };
    match cell.split_once([' ', ',']) {
        Some((time, rest)) if is_time(time) => {
            let rest = rest.trim_start_matches([' ', ',']);
            let half = rest.split(' ').next().unwrap_or_default();
            let is_half = matches!(half.to_ascii_lowercase().as_str(), "am" | "pm" | "a.m." | "p.m.");
            if is_half { rest[half.len()..].trim_start() } else { rest }
        }
        _ => cell,
    }
}

/// A time after a date, as in `2026-03-31T14:05:22` or `3/31/2026 2:05 PM`, is no part of the day.
fn is_end_of_day(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_digit())
}

/// A number at the beginning, with its digits' count, and what follows.
fn number(text: &str) -> Option<(usize, u32, &str)> {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (1..=4).contains(&length).then(|| text[..length].parse().ok().map(|value| (length, value, &text[length..])))?
}

/// What stands between two numbers, white space where there is nothing else, and what follows.
fn separator(text: &str) -> Option<(char, &str)> {
    let trimmed = text.trim_start();
    match trimmed.chars().next()? {
        c @ ('/' | '.') => Some((c, trimmed[1..].trim_start())),
        c @ ('-' | '\u{2010}'..='\u{2015}' | '\u{2212}') => Some(('-', trimmed[c.len_utf8()..].trim_start())),
        _ => (trimmed.len() < text.len()).then_some((' ', trimmed)),
    }
}

/// `2026-03-31`, `2026/3/31`, `2026.03.31.`, `2026年3月31日`.
fn year_first(cell: &str) -> Option<NaiveDate> {
    let plain: String =
        cell.chars().filter(|c| *c != '日').map(|c| if matches!(c, '年' | '月') { '-' } else { c }).collect();
    let (4, year, rest) = number(&plain)? else { return None };
    let (1 | 2, month, rest) = number(separator(rest)?.1)? else { return None };
    let (1 | 2, day, rest) = number(separator(rest)?.1)? else { return None };
    let year = i32::try_from(year).ok()?;
    is_end_of_day(rest).then(|| NaiveDate::from_ymd_opt(year, month, day))?
}

/// Three numbers of which the last is the year, at the beginning of a cell.
fn digits(cell: &str) -> Option<Digits> {
    let (1 | 2, first, rest) = number(cell.trim())? else { return None };
    let (between, rest) = separator(rest)?;
    let (1 | 2, second, rest) = number(rest)? else { return None };
    let (again, rest) = separator(rest)?;
    let (length @ (2 | 4), year, rest) = number(rest)? else { return None };
    let is_date = again == between && is_end_of_day(rest) && (first, second) != (0, 0);
    is_date.then(|| Some(Digits { first, second, year: whole_year(length, year)?, separator: between }))?
}

/// A year of two digits is one of this century: nobody signed before.
fn whole_year(length: usize, year: u32) -> Option<i32> {
    i32::try_from(if length == 2 { year + 2000 } else { year }).ok()
}

impl Digits {
    fn day(&self, order: Option<DateOrder>) -> Result<NaiveDate, DateProblem> {
        let of = |month, day| NaiveDate::from_ymd_opt(self.year, month, day);
        let (day_first, month_first) = (of(self.second, self.first), of(self.first, self.second));
        match (day_first, month_first, order) {
            (Some(day), Some(other), _) if day == other || self.separator == '.' => Ok(day),
            (Some(day), None, _)
            | (None, Some(day), _)
            | (Some(day), _, Some(DateOrder::DayFirst))
            | (_, Some(day), Some(DateOrder::MonthFirst)) => Ok(day),
            (Some(_), Some(_), None) => Err(DateProblem::Ambiguous),
            _ => Err(DateProblem::Unknown),
        }
    }
}

/// Numbers, months and signs of a time in their order; `None` if a number is too long for any of them.
fn parts_of(cell: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let is_between = |c: char| !c.is_alphanumeric() && !is_combining_mark(c);
    // 14:05:22
    let is_clock = |word: &str| word.contains(':') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let words = cell.split([' ', ',']).flat_map(|word| {
        let (clock, other) = if is_clock(word) { (Some(word), "") } else { (None, word) };
        clock.into_iter().chain(other.split(is_between))
    });
    for word in words.filter(|word| !word.is_empty()) {
        if is_clock(word) {
            parts.push(Part::Time);
            continue;
        }
        // 1er, 31st, 1º, 14h05, 2PM
        let mut rest = word;
        while !rest.is_empty() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at(length);
            let (letters, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
            if length > 4 {
                return None;
            }
            parts.extend(digits.parse().ok().map(|value| Part::Number(length, value)));
            if let Some(month) = month(letters) {
                parts.push(Part::Month(month));
            } else if ["h", "hs", "hrs", "am", "pm"].contains(&letters.to_lowercase().as_str()) {
                parts.push(Part::Time);
            }
            rest = next;
        }
    }
    Some(parts)
}

/// `March 31, 2026`, `31 mars 2026 14 h 05`, `31-Mar-26`, `Tue, 31 de marzo de 2026 2:05 PM`.
fn with_month_name(cell: &str) -> Option<NaiveDate> {
    let (times, parts): (Vec<Part>, Vec<Part>) = parts_of(cell)?.into_iter().partition(|part| *part == Part::Time);
    // a year of four digits first: in "31 Mar 2026 14 h 05" the hour is none
    let (at, date) = [4, 2].into_iter().find_map(|length| {
        let mut dates = parts.windows(3).enumerate().filter_map(|(at, parts)| Some((at, date_of(parts, length)?)));
        dates.next()
    })?;
    let (before, after) = (&parts[..at], &parts[at + 3..]);
    let rest = || before.iter().chain(after);
    let numbers = rest().filter(|part| matches!(part, Part::Number(..))).count();
    // numbers are those of a time, if there is one
    let is_time = numbers == 0 || numbers >= 2 || !times.is_empty();
    // "mar. 31 mars 2026": the first is a day of the week
    let is_week_day = |part: &Part| *part == Part::Month(3);
    let has_one_date = after.iter().all(|part| !matches!(part, Part::Month(_)))
        && before.iter().filter(|part| matches!(part, Part::Month(_))).all(is_week_day);
    (is_time && has_one_date).then_some(date)
}

/// The day that three parts of a text are, with a year of so many digits.
fn date_of(parts: &[Part], length: usize) -> Option<NaiveDate> {
    let (month, day, year) = match *parts {
        [Part::Month(month), Part::Number(1 | 2, day), Part::Number(found, year)]
        | [Part::Number(1 | 2, day), Part::Month(month), Part::Number(found, year)]
            if found == length =>
        {
            (month, day, year)
        }
        [Part::Number(4, year), Part::Month(month), Part::Number(1 | 2, day)] if length == 4 => (month, day, year),
        _ => return None,
    };
    NaiveDate::from_ymd_opt(whole_year(length, year)?, month, day)
}

fn month(word: &str) -> Option<u32> {
    // "mardi" and "martes" are days
    const DAYS: [&str; 4] = ["mardi", "martes", "sexta", "segunda"];
    let plain: String =
        word.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase).collect();
    if DAYS.contains(&plain.as_str()) {
        return None;
    }
    let name = |name: &str| name.nfd().collect::<String>();
    MONTHS.iter().find(|(beginning, _)| plain.starts_with(&name(beginning))).map(|(_, month)| *month)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(cell: &str, order: Option<DateOrder>) -> String {
        moment(cell, order).map_or_else(|problem| format!("{problem:?}"), |at| at.format("%F").to_string())
    }

    #[test]
    fn moments_with_a_zone_are_kept() {
        for (cell, expected) in [
            ("2026-03-31T10:00:00-04:00", "2026-03-31T14:00:00+00:00"),
            ("Tue, 31 Mar 2026 14:05:22 +0000", "2026-03-31T14:05:22+00:00"),
            ("20260331T140522Z", "2026-03-31T14:05:22+00:00"),
            ("20260331T1405", "2026-03-31T00:00:00+00:00"),
            ("1774965922", "2026-03-31T14:05:22+00:00"),
            ("1774965922000", "2026-03-31T14:05:22+00:00"),
            ("2026-03-31", "2026-03-31T00:00:00+00:00"),
        ] {
            assert_eq!(moment(cell, None).unwrap().to_rfc3339(), expected, "{cell}");
        }
    }

    #[test]
    fn dates_as_programs_and_people_write_them() {
        for cell in [
            "2026-03-31",
            "2026-3-31",
            "2026-03-31 10:00:00",
            "2026-03-31 18:05:22 UTC",
            "2026-03-31T10:00:00",
            "2026/03/31 2:05:22 PM EST",
            "2026.03.31.",
            "2026年3月31日 14:05",
            "20260331",
            "46112",
            "46112.586",
            "3/31/2026",
            "03/31/2026 02:05:22 PM",
            "3/31/26",
            "3/31/2026 14:05:22",
            "31/03/2026 14:05:22",
            "31/3/2026, 14:05:22",
            "31/03/26 14 h 05",
            "31.03.2026",
            "31. 3. 2026",
            "31-03-2026",
            "31‑03‑2026",
            "٣١/٠٣/٢٠٢٦",
            "੩੧/੦੩/੨੦੨੬",
            "３１/３/２０２６",
            "March 31, 2026",
            "March 31st, 2026 at 2:05 PM",
            "Mar 31, 2026 2:05:22 PM",
            "Tuesday, March 31, 2026",
            "31 mars 2026",
            "le mardi 31 mars 2026 à 14:05",
            "31 de marzo de 2026",
            "martes, 31 de marzo de 2026",
            "31 de março de 2026",
            "31. März 2026",
            "31-Mar-26",
            "31-Mar-2026 14:05:22",
            "31 mars 2026 14 h 05",
            "le mardi 31 mars 2026 à 14 h 05",
            "31 mars 2026 à 14h05",
            "Mardi 31 mars 2026, 14h05",
            "mar. 31 mars 2026",
            "mar, 31 mar 2026",
            "31-mar-26 14.05.22",
            "31 mars 2026 14 h",
            "31MAR2026",
            "Tue Mar 31 14:05:22 2026",
            "Tue Mar 31 14:05:22 EDT 2026",
            "20260331140522",
            "2026 03 31",
            "31 03 2026",
            "Mar 31 2026 2PM",
            "2:05 PM 31 Mar 2026",
            "14:05, March 31, 2026",
            "14:05 31/03/2026",
            "2:05:22 p.m. 31/03/2026",
            "31 mars 2026 14:05:22 GMT-0400",
            "31 ਮਾਰਚ 2026",
            "2026 Mar 31",
            "MARCH 31 2026",
            "'2026-03-31",
            "'31/03/2026",
        ] {
            assert_eq!(day(cell, None), "2026-03-31", "{cell}");
        }
        for (cell, expected) in [
            ("1er août 2025", "2025-08-01"),
            ("12 févr. 2026", "2026-02-12"),
            ("3 juillet 2025", "2025-07-03"),
            ("3 juin 2025", "2025-06-03"),
            ("15 dic 2025", "2025-12-15"),
            ("1 de enero de 2026", "2026-01-01"),
            ("5 ਅਪ੍ਰੈਲ 2026", "2026-04-05"),
            ("5 ਫ਼ਰਵਰੀ 2026", "2026-02-05"),
            ("04.05.2026", "2026-05-04"),
            ("5/5/2026", "2026-05-05"),
            ("mar. 3 mars 2026", "2026-03-03"),
        ] {
            assert_eq!(day(cell, None), expected, "{cell}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for cell in [
            "",
            "é",
            "soon",
            "2026",
            "31",
            "13/13/2026",
            "0/0/2026",
            "31/02/2026",
            "2026-13-01",
            "March 2026",
            "March",
            "1.5",
            "416-555-0142",
            "12/2026",
            "1/2/3/4",
            "2026-03-311",
            "45 mars 2026",
            "5 31 mars 2026",
            "31 mars avril 2026",
            "31 mars 2026 1 avril 2026",
            "mars 31 mai 2026 31",
        ] {
            assert_eq!(moment(cell, Some(DateOrder::DayFirst)), Err(DateProblem::Unknown), "{cell}");
        }
    }

    #[test]
    fn order_is_that_of_the_column() {
        use DateOrder::{DayFirst, MonthFirst};
        assert_eq!(day("03/04/2026", Some(DayFirst)), "2026-04-03");
        assert_eq!(day("03/04/2026", Some(MonthFirst)), "2026-03-04");
        assert_eq!(day("03/04/2026", None), "Ambiguous");
        // a day above 12 is one, whatever the others are
        assert_eq!(day("03/31/2026", Some(DayFirst)), "2026-03-31");
        for (cells, otherwise, expected, matters) in [
            (&["03/04/2026", "31/03/2026 14:05"][..], MonthFirst, Some(DayFirst), true),
            (&["3/4/2026", "3/31/2026 2:05 PM"], DayFirst, Some(MonthFirst), true),
            (&["03/04/2026", "14:05 31/03/2026"], MonthFirst, Some(DayFirst), true),
            (&["=\"03/04/2026\"", "'31/03/2026"], MonthFirst, Some(DayFirst), true),
            (&["03/04/2026"], DayFirst, Some(DayFirst), true),
            (&["03/04/2026"], MonthFirst, Some(MonthFirst), true),
            (&["31/03/2026", "03/31/2026"], MonthFirst, None, true),
            (&["2026-03-31", "5 mars 2026", "", "n/a", "46112"], MonthFirst, Some(MonthFirst), false),
            (&["416-555-0142", "1/1", "05/05/2026"], DayFirst, Some(DayFirst), false),
        ] {
            let mut evidence = OrderEvidence::default();
            for cell in cells {
                evidence.see(cell);
            }
            assert_eq!((evidence.order(otherwise), evidence.matters()), (expected, matters), "{cells:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(cell in "\\PC{0,30}|[0-9/.: -]{0,24}|[0-9]{1,2} ?[a-z]{3,9} ?[0-9]{2,4}") {
            let mut evidence = OrderEvidence::default();
            evidence.see(&cell);
            let _ = moment(&cell, None);
        }
    }
}
