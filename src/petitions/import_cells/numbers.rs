//! Numbers of which a spreadsheet lost the beginning or the end: telephone numbers and postal codes.

use super::{first_value, is_unseen, text};
use crate::kernel::{countries::OTHER, text::is_no_number};

/// Countries whose postal codes are digits only and may begin with 0, with their length.
const POSTAL_DIGITS: [(&str, usize); 22] = [
    ("US", 5),
    ("PR", 5),
    ("MX", 5),
    ("FR", 5),
    ("DE", 5),
    ("ES", 5),
    ("IT", 5),
    ("FI", 5),
    ("EE", 5),
    ("KR", 5),
    ("PE", 5),
    ("MY", 5),
    ("TR", 5),
    ("LK", 5),
    ("DO", 5),
    ("AU", 4),
    ("NO", 4),
    ("DK", 4),
    ("CN", 6),
    ("CO", 6),
    ("BR", 8),
    ("JP", 7),
];

/// A number of which a spreadsheet kept only the first digits.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::petitions) struct DigitsLost;

/// The digits of a number as a spreadsheet shows it: `4.165550142E+09`, `14165550142.0`; other text as it is.
///
/// # Errors
/// When digits are missing: `1.41656E+10`, `####`.
pub(in crate::petitions) fn digits(cell: &str) -> Result<String, DigitsLost> {
    let text: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    // an apostrophe marks a number as text
    let text = first_value(&text).trim().trim_start_matches('\'').trim_end_matches('\'').trim();
    // so Meta marks the numbers of its lead ads as text
    let text = ["p:", "z:"].iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text).trim();
    if is_no_number(text) {
        return Ok(String::new());
    }
    if text.len() >= 2 && text.bytes().all(|byte| byte == b'#') {
        return Err(DigitsLost);
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // what stands after it in a list, and thousands
    let text = text.trim_end_matches([',', ';']).trim_end();
    let groups = || {
        text.split(',')
            .enumerate()
            .all(|(at, group)| is_number(group) && (group.len() == 3 || (at == 0 && group.len() < 3)))
    };
    if text.matches(',').count() >= 2 && groups() {
        return Ok(text.replace(',', ""));
    }
    if let Some((mantissa, exponent)) = text.split_once(['E', 'e'])
        && let Ok(exponent) = exponent.trim_start_matches('+').trim().parse::<usize>()
        && exponent < 40
    {
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
        if is_number(whole) && (fraction.is_empty() || is_number(fraction)) {
            return if fraction.len() == exponent { Ok(format!("{whole}{fraction}")) } else { Err(DigitsLost) };
        }
    }
    if let Some((whole, fraction)) = text.split_once(['.', ','])
        && is_number(whole)
        && whole.len() > 3
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0')
        && fraction.len() < 3
    {
        return Ok(whole.to_owned());
    }
    Ok(text.to_owned())
}

/// A postal code; zeros that a spreadsheet took from its beginning are put back where the country's codes have as many
/// digits.
///
/// # Errors
/// As [`digits`].
pub(in crate::petitions) fn postal_code(cell: &str, country: &str) -> Result<String, DigitsLost> {
    let code = digits(cell)?;
    let length = POSTAL_DIGITS.into_iter().find(|(known, _)| *known == country).map(|(_, length)| length);
    let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    Ok(match length {
        // two zeros at most: 501 is 00501 in New York
        Some(length) if is_number && code.len() < length && code.len() + 2 >= length => format!("{code:0>length$}"),
        _ => code,
    })
}

/// The country of a postal code that stands alone: none if it may be Canadian or there is none, the United States for a
/// ZIP code in a column that is called so, otherwise one that is not known.
pub(in crate::petitions) fn country_of_code(cell: &str, is_zip_column: bool) -> Option<&'static str> {
    let code = digits(cell).ok().filter(|code| !code.is_empty())?;
    if code.chars().any(|c| !c.is_ascii_digit() && !matches!(c, ' ' | '-' | '.')) {
        return None;
    }
    // of three digits, two zeros were lost
    let is_zip = matches!(code.bytes().filter(u8::is_ascii_digit).count(), 3..=5 | 9);
    Some(if is_zip_column && is_zip { "US" } else { OTHER })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_spreadsheets() {
        for (cell, expected) in [
            ("1.41656E+10", Err(DigitsLost)),
            ("1,64155E+10", Err(DigitsLost)),
            ("4,16E+09", Err(DigitsLost)),
            ("5E+09", Err(DigitsLost)),
            ("#########", Err(DigitsLost)),
            ("4.165550142E+09", Ok("4165550142")),
            ("1,4165550142e10", Ok("14165550142")),
            ("14165550142.0", Ok("14165550142")),
            ("=\"4165550142\"", Ok("4165550142")),
            ("'+1 416 555 0145", Ok("+1 416 555 0145")),
            ("\u{202D}+1 416-555-0142\u{202C}", Ok("+1 416-555-0142")),
            ("416.555.0142", Ok("416.555.0142")),
            ("416-555-0142 ext. 2", Ok("416-555-0142 ext. 2")),
            ("٤١٦٥٥٥٠١٤٢", Ok("٤١٦٥٥٥٠١٤٢")),
            ("", Ok("")),
            ("416-555-0142 ::: 416-555-0143", Ok("416-555-0142")),
            ("n/a", Ok("")),
            ("-", Ok("")),
            ("000-000-0000", Ok("")),
            ("p:+14165550142", Ok("+14165550142")),
            ("z:M5V 3L9", Ok("M5V 3L9")),
            ("non", Ok("")),
            ("#ERROR!", Ok("")),
            ("4,165,550,142", Ok("4165550142")),
            ("416-555-0142,", Ok("416-555-0142")),
            ("416-555-0142;", Ok("416-555-0142")),
            ("'4165550142", Ok("4165550142")),
        ] {
            assert_eq!(digits(cell), expected.map(str::to_owned), "{cell}");
        }
    }

    #[test]
    fn postal_codes_get_their_zeros_back() {
        for (cell, country, expected) in [
            ("2139", "US", "02139"),
            ("501", "US", "00501"),
            ("2139.0", "US", "02139"),
            ("98101", "US", "98101"),
            ("2139-1234", "US", "2139-1234"),
            ("1000", "FR", "01000"),
            ("6100", "MX", "06100"),
            ("800", "AU", "0800"),
            ("21", "US", "21"),
            ("2139", "", "2139"),
            ("=\"M5V 3L9\"", "CA", "M5V 3L9"),
        ] {
            assert_eq!(postal_code(cell, country).unwrap(), expected, "{cell} {country}");
        }
    }

    #[test]
    fn country_of_a_code_alone() {
        for (cell, is_zip, expected) in [
            ("98101", true, Some("US")),
            ("98101-1234", true, Some("US")),
            ("2139", true, Some("US")),
            ("2139.0", true, Some("US")),
            ("98101", false, Some("ZZ")),
            ("110001", true, Some("ZZ")),
            ("M5V 3L9", true, None),
            ("M5V", false, None),
            ("n/a", true, None),
            ("00000", true, None),
            ("", false, None),
        ] {
            assert_eq!(country_of_code(cell, is_zip), expected, "{cell}");
        }
    }
}
