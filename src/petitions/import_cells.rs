//! What spreadsheets and people make of a cell, and what it was before: formulas that hold text, numbers whose end or
//! beginning was lost, addresses with a name, countries and languages in words.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::kernel::formulas::unguard;

/// ISO 3166 codes with names in English, French and Spanish (`scripts/country-names.py`).
const COUNTRY_NAMES: &str = include_str!("country_names.txt");

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

/// Languages in words and ISO 639-2, for those that Muster speaks.
const LANGUAGES: [(&str, &[&str]); 4] = [
    ("en", &["english", "anglais", "ingles", "eng"]),
    ("fr", &["french", "francais", "frances", "fre", "fra"]),
    ("es", &["spanish", "espanol", "espagnol", "castellano", "spa"]),
    ("pa", &["punjabi", "panjabi", "pendjabi", "penyabi", "pan", "ਪੰਜਾਬੀ"]),
];

/// The text that a cell stands for: `="text"` is text, and the quote that guards a formula is none of it.
pub(super) fn text(cell: &str) -> String {
    let cell = cell.trim();
    let held = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    match held {
        Some(held) if !held.replace("\"\"", "").contains('"') => held.replace("\"\"", "\"").trim().to_owned(),
        _ => unguard(cell).trim().to_owned(),
    }
}

/// Characters that are not seen: soft hyphen, zero width, direction marks, variation selectors.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// An address as it is pasted: `Ana <ana@example.org>`, `mailto:…`, `ana@example.org (Ana)`, with punctuation or
/// invisible marks around it. What is not understood stays as it is.
pub(super) fn address(cell: &str) -> String {
    let seen: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    let mut rest = seen.trim();
    if let Some((before, after)) = rest.split_once('<')
        && let Some((inner, after)) = after.split_once('>')
        && inner.contains('@')
        && !before.contains('@')
        && !after.contains('@')
    {
        rest = inner;
    }
    if let Some((before, after)) = rest.split_once('(')
        && before.contains('@')
        && after.trim_end().ends_with(')')
        && !after.contains('@')
    {
        rest = before;
    }
    rest = trim_marks(rest);
    if let Some(scheme) = rest.get(..7)
        && scheme.eq_ignore_ascii_case("mailto:")
    {
        rest = rest[7..].split('?').next().unwrap_or_default();
    }
    trim_marks(rest).to_owned()
}

fn trim_marks(text: &str) -> &str {
    let is_mark = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ';' | ',' | '.' | ':' | '<' | '>' | '"' | '(' | ')' | '[' | ']' | '«' | '»' | '•' | '·' | '…'
            )
            || matches!(c, '\u{2018}'..='\u{201F}')
    };
    // these begin and end no address, but an apostrophe may begin one
    let text = text.trim_matches(is_mark);
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner,
        None => text,
    }
}

/// A number of which a spreadsheet kept only the first digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DigitsLost;

/// The digits of a number as a spreadsheet shows it: `4.165550142E+09`, `14165550142.0`; other text as it is.
///
/// # Errors
/// When digits are missing: `1.41656E+10`, `####`.
pub(super) fn digits(cell: &str) -> Result<String, DigitsLost> {
    let text: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    let text = text.trim();
    if text.len() >= 2 && text.bytes().all(|byte| byte == b'#') {
        return Err(DigitsLost);
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
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
pub(super) fn postal_code(cell: &str, country: &str) -> Result<String, DigitsLost> {
    let code = digits(cell)?;
    let length = POSTAL_DIGITS.into_iter().find(|(known, _)| *known == country).map(|(_, length)| length);
    let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    Ok(match length {
        // two zeros at most: 501 is 00501 in New York
        Some(length) if is_number && code.len() < length && code.len() + 2 >= length => format!("{code:0>length$}"),
        _ => code,
    })
}

/// Without case, accents and punctuation.
fn plain(text: &str) -> String {
    let letters: String = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    letters.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The code of a country that is named, or what stands there.
pub(super) fn country(cell: &str) -> String {
    static CODES: LazyLock<HashMap<String, &str>> = LazyLock::new(|| {
        let mut codes = HashMap::new();
        for line in COUNTRY_NAMES.lines() {
            let mut names = line.split('\t');
            let Some(code) = names.next() else { continue };
            for name in names {
                codes.entry(plain(name)).or_insert(code);
                // "Bolivia, Plurinational State of", "Myanmar (Burma)"
                if let Some((short, _)) = name.split_once([',', '(']) {
                    codes.entry(plain(short)).or_insert(code);
                }
            }
        }
        codes
    });
    let text: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    let text = text.trim();
    if text.len() == 2 && text.is_ascii() {
        return if text.eq_ignore_ascii_case("uk") { "GB".to_owned() } else { text.to_ascii_uppercase() };
    }
    let name = plain(text);
    let without_article = name.strip_prefix("the").unwrap_or(&name);
    CODES.get(&name).or_else(|| CODES.get(without_article)).map_or_else(|| text.to_owned(), |code| (*code).to_owned())
}

/// The tag of a language that is named, or what stands there.
pub(super) fn language(cell: &str) -> String {
    let text = text(cell).replace('_', "-");
    // "Français (Canada)", "English / anglais"
    let first = text.split(['(', '/', ',', ';', '-']).next().unwrap_or_default();
    let name = plain(first);
    let known = LANGUAGES.into_iter().find(|(_, names)| names.iter().any(|known| plain(known) == name));
    known.map_or(text, |(tag, _)| tag.to_owned())
}

/// Is it a yes: of a list, a checkbox, or the beginning of an answer such as "Yes, keep me posted"?
pub(super) fn is_yes(cell: &str) -> bool {
    const YES: [&str; 17] = [
        "yes",
        "y",
        "true",
        "1",
        "x",
        "oui",
        "o",
        "sí",
        "si",
        "s",
        "ਹਾਂ",
        "vrai",
        "verdadero",
        "✓",
        "✔",
        "☑",
        "subscribed",
    ];
    let text = text(cell).to_lowercase();
    let first = text.split([',', '.', '!', ';']).next().unwrap_or_default().trim();
    YES.contains(&text.as_str()) || ["yes", "oui", "sí", "si", "ਹਾਂ"].contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_text() {
        for (cell, expected) in [
            ("=\"4165550142\"", "4165550142"),
            ("=\"say \"\"hi\"\"\"", "say \"hi\""),
            ("'+1 416 555 0145", "+1 416 555 0145"),
            ("''=x", "'=x"),
            ("O'Brien", "O'Brien"),
            ("=\"a\"&\"b\"", "=\"a\"&\"b\""),
            (" x ", "x"),
        ] {
            assert_eq!(text(cell), expected, "{cell}");
        }
    }

    #[test]
    fn pasted_addresses() {
        for (cell, expected) in [
            ("Ana Lee <ana@example.org>", "ana@example.org"),
            ("\"Lee, Ana\" <ana@example.org>;", "ana@example.org"),
            ("<ana@example.org>", "ana@example.org"),
            ("mailto:ana@example.org", "ana@example.org"),
            ("MAILTO:ana@example.org?subject=Hi", "ana@example.org"),
            ("<mailto:ana@example.org>", "ana@example.org"),
            ("ana@example.org;", "ana@example.org"),
            ("ana@example.org,", "ana@example.org"),
            ("ana@example.org.", "ana@example.org"),
            ("an\u{200B}a@exam\u{AD}ple.org", "ana@example.org"),
            ("\u{202A}ana@example.org\u{202C}", "ana@example.org"),
            ("\u{A0} ana@example.org\u{A0} ", "ana@example.org"),
            ("ana@example.org (Ana)", "ana@example.org"),
            ("“ana@example.org”", "ana@example.org"),
            ("'ana@example.org'", "ana@example.org"),
            ("o'brien@example.org", "o'brien@example.org"),
            // two addresses are nobody's
            ("ana@example.org; bo@example.org", "ana@example.org; bo@example.org"),
            ("ana @example.org", "ana @example.org"),
        ] {
            assert_eq!(address(cell), expected, "{cell}");
        }
    }

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
    fn countries_and_languages_in_words() {
        for (cell, expected) in [
            ("Canada", "CA"),
            ("canada ", "CA"),
            ("CAN", "CA"),
            ("ca", "CA"),
            ("United States", "US"),
            ("USA", "US"),
            ("U.S.A.", "US"),
            ("The United States", "US"),
            ("États-Unis", "US"),
            ("Etats-Unis", "US"),
            ("EE.UU.", "US"),
            ("Estados Unidos", "US"),
            ("México", "MX"),
            ("MEXIQUE", "MX"),
            ("Royaume-Uni", "GB"),
            ("UK", "GB"),
            ("Allemagne", "DE"),
            ("Corea del Sur", "KR"),
            ("Bolivia", "BO"),
            ("Ivory Coast", "CI"),
            ("Viet Nam", "VN"),
            ("Atlantis", "Atlantis"),
            ("", ""),
        ] {
            assert_eq!(country(cell), expected, "{cell}");
        }
        for (cell, expected) in [
            ("English", "en"),
            ("Français (Canada)", "fr"),
            ("fr_CA", "fr-CA"),
            ("Anglais", "en"),
            ("Español", "es"),
            ("Inglés", "en"),
            ("ਪੰਜਾਬੀ", "pa"),
            ("FRA", "fr"),
            ("en", "en"),
            ("Klingon", "Klingon"),
        ] {
            assert_eq!(language(cell), expected, "{cell}");
        }
    }

    #[test]
    fn yes_in_words() {
        for yes in
            ["Yes", "OUI", "sí", "TRUE", "VRAI", "VERDADERO", "1", "x", "Oui, tenez-moi au courant", "subscribed"]
        {
            assert!(is_yes(yes), "{yes}");
        }
        for no in ["", "no", "false", "0", "unsubscribed", "non", "yesterday", "si no"] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
