//! Numbers of cells as a spreadsheet shows them: days and times, masks such as `00000`, whole numbers.

/// Number of digits that spreadsheets know of a number.
const DIGITS: usize = 15;
/// Largest number of a day: 31 December 9999.
const MAX_DAY: f64 = 2_958_466.0;

/// How a number is shown, as far as it matters for what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NumberFormat {
    /// As it is.
    General,
    /// As a day, a time, or both.
    Time {
        /// It has a day.
        has_day: bool,
        /// It has hours.
        has_time: bool,
    },
    /// Digits put into a mask: `00000`, `(000) 000-0000`. Zeros stand for digits that are always there, number signs
    /// for others; the rest is shown as it is.
    Mask(Vec<MaskPart>),
}

/// A part of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaskPart {
    Digit,
    OptionalDigit,
    Literal(char),
}

impl NumberFormat {
    /// A format that every program has by its number (ECMA-376, part 1, 18.8.30).
    pub(super) fn of_id(id: u32) -> Self {
        match id {
            14..=17 | 27..=31 | 34..=36 | 50..=54 | 57..=58 => Self::Time { has_day: true, has_time: false },
            18..=21 | 32..=33 | 45..=47 | 55..=56 => Self::Time { has_day: false, has_time: true },
            22 => Self::Time { has_day: true, has_time: true },
            _ => Self::General,
        }
    }

    /// A format by its code.
    pub(super) fn of_code(code: &str) -> Self {
        let parts = first_section(code);
        let letters: String = parts.iter().filter(|(_, is_literal)| !is_literal).map(|(c, _)| *c).collect();
        let letters = letters.to_lowercase();
        if letters == "general" || letters == "@" {
            return Self::General;
        }
        let has = |wanted: &[char]| letters.contains(wanted);
        if has(&['y', 'd', 'h', 's', 'm']) && !has(&['0', '#', '?']) || letters.contains("ss.0") {
            let has_time = has(&['h', 's']);
            return Self::Time { has_day: has(&['y', 'd']) || !has_time, has_time };
        }
        let mut mask = Vec::new();
        for (c, is_literal) in parts {
            mask.push(match c {
                _ if is_literal => MaskPart::Literal(c),
                '0' => MaskPart::Digit,
                '#' | '?' => MaskPart::OptionalDigit,
                ' ' | '-' | '(' | ')' | '+' | '/' | '\u{A0}' => MaskPart::Literal(c),
                // groups of thousands, decimals, percents, exponents
                _ => return Self::General,
            });
        }
        let digits = mask.iter().filter(|part| **part == MaskPart::Digit).count();
        if digits < 2 { Self::General } else { Self::Mask(mask) }
    }

    /// A number, as the file has it, in this format.
    pub(super) fn show(&self, number: &str, is_from_1904: bool) -> String {
        let Ok(value) = number.trim().parse::<f64>() else { return number.to_owned() };
        match self {
            Self::Time { has_day, has_time } => {
                time(value, *has_day, *has_time, is_from_1904).unwrap_or_else(|| plain(value))
            }
            Self::Mask(mask) => masked(mask, value).unwrap_or_else(|| plain(value)),
            Self::General => plain(value),
        }
    }
}

/// The characters of a format's first section (that of positive numbers), and whether each is shown as it is. What
/// stands in brackets (colours, conditions, languages) is left away, but for `[h]`, which is a part of a duration.
fn first_section(code: &str) -> Vec<(char, bool)> {
    let mut parts = Vec::new();
    let mut rest = code.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => parts.extend(rest.by_ref().take_while(|c| *c != '"').map(|c| (c, true))),
            '\\' => parts.extend(rest.next().map(|c| (c, true))),
            // the width of a character, and a character that fills the cell
            '_' | '*' => drop(rest.next()),
            '[' => {
                let inner: String = rest.by_ref().take_while(|c| *c != ']').collect();
                if !inner.is_empty() && inner.chars().all(|c| matches!(c.to_ascii_lowercase(), 'h' | 'm' | 's')) {
                    parts.extend(inner.chars().map(|c| (c, false)));
                }
            }
            ';' => break,
            c => parts.push((c, false)),
        }
    }
    parts
}

/// Without the `.0` and the last, wrong digits of binary fractions.
fn plain(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let rounded: f64 = format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value);
    // no exponents: telephone numbers are numbers of many digits
    if rounded.abs() < 1e21 { rounded.to_string() } else { format!("{rounded:e}") }
}

/// The digits of a whole number in a mask, from its end.
fn masked(mask: &[MaskPart], value: f64) -> Option<String> {
    if value < 0.0 || value.fract() != 0.0 || value >= 1e15 {
        return None;
    }
    let digits = format!("{value:.0}");
    let mut digits: Vec<char> = if value == 0.0 { Vec::new() } else { digits.chars().collect() };
    let mut shown = Vec::new();
    let first = mask.iter().position(|part| !matches!(part, MaskPart::Literal(_)))?;
    for (at, part) in mask.iter().enumerate().rev() {
        match part {
            MaskPart::Literal(c) => shown.push(*c),
            MaskPart::Digit => shown.push(digits.pop().unwrap_or('0')),
            MaskPart::OptionalDigit => shown.extend(digits.pop()),
        }
        if at == first {
            shown.extend(digits.drain(..).rev());
        }
    }
    Some(shown.into_iter().rev().collect())
}

/// A day, a time or both: `2026-03-31`, `18:05:22`, `2026-03-31 18:05:22`.
fn time(value: f64, has_day: bool, has_time: bool, is_from_1904: bool) -> Option<String> {
    if !(0.0..MAX_DAY).contains(&value) {
        return None;
    }
    // to the second, which may be that of the next day
    let seconds = (value * 86_400.0).round();
    let (day, second) = ((seconds / 86_400.0).floor(), seconds.rem_euclid(86_400.0));
    #[expect(clippy::cast_possible_truncation, reason = "within the days of ten thousand years")]
    let (day, second) = (day as i64, second as i64);
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if !has_day {
        return Some(clock);
    }
    // the first spreadsheets took 1900 for a leap year: days before March of it are one off
    let epoch = if is_from_1904 {
        (1904, 1, 1)
    } else if day < 60 {
        (1899, 12, 31)
    } else {
        (1899, 12, 30)
    };
    let date = chrono::NaiveDate::from_ymd_opt(epoch.0, epoch.1, epoch.2)?;
    let date = date.checked_add_signed(chrono::TimeDelta::days(day))?;
    Some(if has_time || second != 0 { format!("{date} {clock}") } else { date.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_in_the_spreadsheet() {
        for (code, number, expected) in [
            ("General", "14165550142", "14165550142"),
            ("General", "1.4165550142E10", "14165550142"),
            ("General", "4165550142.0", "4165550142"),
            ("General", "0.30000000000000004", "0.3"),
            ("General", "-2.5", "-2.5"),
            ("General", "2139", "2139"),
            ("0", "14165550142", "14165550142"),
            ("#,##0.00", "1234.5", "1234.5"),
            ("@", "2139", "2139"),
            ("0%", "0.5", "0.5"),
            ("General", "NaN", ""),
            ("General", "not a number", "not a number"),
            // postal codes and telephone numbers
            ("00000", "2139", "02139"),
            ("00000", "501", "00501"),
            ("00000", "123456", "123456"),
            ("00000\\-0000", "21391234", "02139-1234"),
            ("[<=99999]00000;00000\\-0000", "2139", "02139"),
            ("000\\ 000\\ 0000", "4165550142", "416 555 0142"),
            ("\"+\"0", "14165550142", "14165550142"),
            ("\"+\"00", "14165550142", "+14165550142"),
            ("(000) 000-0000", "4165550142", "(416) 555-0142"),
            ("[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", "4165550143", "4165550143"),
            ("00000", "-1", "-1"),
            ("00000", "1.5", "1.5"),
            // days and times
            ("d-mmm-yy", "46112", "2026-03-31"),
            ("dd/mm/yyyy", "46112.753727", "2026-03-31 18:05:22"),
            ("yyyy\\-mm\\-dd\\ hh:mm", "46112.753727", "2026-03-31 18:05:22"),
            ("M/d/yyyy H:mm:ss", "46113.0", "2026-04-01 00:00:00"),
            ("[$-40C]d\" \"mmmm\\ yyyy", "46112", "2026-03-31"),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "46112", "2026-03-31"),
            ("mmmm", "46112", "2026-03-31"),
            ("h:mm AM/PM", "0.75", "18:00:00"),
            ("[h]:mm", "0.75", "18:00:00"),
            ("yyyy-mm-dd", "46111.9999999", "2026-03-31"),
            ("yyyy-mm-dd", "1", "1900-01-01"),
            ("yyyy-mm-dd", "61", "1900-03-01"),
            ("yyyy-mm-dd", "1e300", "1e300"),
            ("yyyy-mm-dd", "-5", "-5"),
        ] {
            assert_eq!(NumberFormat::of_code(code).show(number, false), expected, "{number} as {code}");
        }
        for (id, expected) in
            [(0, "46112"), (1, "46112"), (14, "2026-03-31"), (22, "2026-03-31 00:00:00"), (49, "46112")]
        {
            assert_eq!(NumberFormat::of_id(id).show("46112", false), expected, "{id}");
        }
        assert_eq!(NumberFormat::of_id(14).show("44650", true), "2026-03-31", "days from 1904");
    }
}
