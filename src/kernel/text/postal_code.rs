//! Postal codes: Canadian ones, of which only the first three characters are stored unencrypted, and those of other
//! countries, which are written as usual there.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{TextError, clean_line, is_nothing};

/// Maximum length of a code of any country.
const MAX_CODE: usize = 20;

/// Maximum length of a Canadian code with its place.
const MAX_WITH_PLACE: usize = 60;

/// A Canadian postal code in Canada Post's form, `M5V 3L9`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PostalCode(String);

impl PostalCode {
    /// Parses any spelling: lower case, without the space, with whatever marks between or around, full-width, or with
    /// the place. The letters O and I are in no code, and where a digit belongs O, I and a small L mean 0 and 1.
    ///
    /// # Errors
    /// `required` when empty, otherwise `invalid_postal_code`.
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        let plain: String = typed.nfkc().collect();
        if !plain.contains(char::is_alphanumeric) {
            return Err(TextError::required());
        }
        let found = Self::of_signs(&plain).or_else(|| Self::among_words(&plain));
        found.ok_or_else(|| TextError::new("invalid_postal_code", "A Canadian postal code looks like A1A 1A1."))
    }

    /// The code that the letters and digits of a text are.
    fn of_signs(text: &str) -> Option<Self> {
        let signs = text.chars().filter(|c| c.is_alphanumeric()).enumerate();
        // a small L looks like 1, but at the end of small letters it may be that of another country: e1w 1al
        let is_mixed = text.contains(|c: char| c.is_ascii_uppercase());
        let code: String = signs
            .map(|(i, c)| match (i % 2, if c == 'l' { c } else { c.to_ascii_uppercase() }) {
                (1, 'O') => '0',
                (1, 'I') => '1',
                (1, 'l') if i < 5 || is_mixed => '1',
                (_, 'l') => 'L',
                (_, c) => c,
            })
            .collect();
        let well_formed = code.chars().count() == 6
            && code.chars().enumerate().all(|(i, c)| match i {
                0 => is_letter(c) && !matches!(c, 'W' | 'Z'),
                2 | 4 => is_letter(c),
                _ => c.is_ascii_digit(),
            });
        well_formed.then(|| Self(format!("{} {}", &code[..3], &code[3..])))
    }

    /// The only code among words without digits, as people write it with a place: `M5V 3L9, Toronto`, `ON M5V 3L9`.
    fn among_words(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let has_digit = |word: &&str| word.contains(|c: char| c.is_numeric());
        let first = words.iter().position(has_digit)?;
        let last = words.iter().rposition(has_digit)?;
        let half = |word: &str| word.chars().count() == 3;
        match &words[first..=last] {
            [word] if !half(word) => Self::of_signs(word),
            // a half whose digit was typed as a letter: "K1A OBl"
            [word] => {
                let after = words
                    .get(last + 1)
                    .filter(|after| half(after))
                    .and_then(|after| Self::of_signs(&format!("{word}{after}")));
                let before = || first.checked_sub(1).and_then(|at| Self::of_signs(&format!("{}{word}", words[at])));
                after.or_else(before)
            }
            [a, b] if half(a) && half(b) => Self::of_signs(&format!("{a}{b}")),
            _ => None,
        }
    }

    /// The whole code, `M5V 3L9`. Personal data: it can name a single building.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The forward sortation area, `M5V`.
    pub fn prefix(&self) -> &str {
        &self.0[..3]
    }

    /// The province or territory, as Canada Post's two-letter abbreviation.
    pub fn province(&self) -> Option<&'static str> {
        Some(match self.0.as_bytes()[0] {
            b'A' => "NL",
            b'B' => "NS",
            b'C' => "PE",
            b'E' => "NB",
            b'G' | b'H' | b'J' => "QC",
            b'K'..=b'N' | b'P' => "ON",
            b'R' => "MB",
            b'S' => "SK",
            b'T' => "AB",
            b'V' => "BC",
            // the two territories share the first letter
            b'X' if matches!(self.prefix(), "X0A" | "X0B" | "X0C") => "NU",
            b'X' => "NT",
            b'Y' => "YT",
            _ => return None,
        })
    }
}

/// The only code of the United Kingdom that has another form.
const GIRO: &str = "GIR 0AA";

/// Postal codes of countries (Universal Postal Union, addressing systems): `9` is a digit, `A` a letter; the rest is
/// written as it stands. Of several forms of a country, the first that fits.
const FORMS: &[(&str, &[&str])] = &[
    ("AR", &["9999", "A9999AAA"]),
    ("AT", &["9999"]),
    ("AU", &["9999"]),
    ("BD", &["9999"]),
    ("BE", &["9999"]),
    ("BR", &["99999-999"]),
    ("CH", &["9999"]),
    ("CL", &["9999999"]),
    ("CN", &["999999"]),
    ("CO", &["999999"]),
    ("CR", &["99999"]),
    ("CU", &["99999"]),
    ("CZ", &["999 99"]),
    ("DE", &["99999"]),
    ("DK", &["9999"]),
    ("DO", &["99999"]),
    ("DZ", &["99999"]),
    ("EC", &["999999"]),
    ("EE", &["99999"]),
    ("EG", &["99999"]),
    ("ES", &["99999"]),
    ("FI", &["99999"]),
    ("FR", &["99999"]),
    ("GB", &["A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA", GIRO]),
    ("GR", &["999 99"]),
    ("GT", &["99999"]),
    ("HN", &["99999"]),
    ("HR", &["99999"]),
    ("HU", &["9999"]),
    ("ID", &["99999"]),
    ("IL", &["9999999", "99999"]),
    ("IN", &["999999"]),
    ("IQ", &["99999"]),
    ("IR", &["99999-99999"]),
    ("IT", &["99999"]),
    ("JP", &["999-9999"]),
    ("KE", &["99999"]),
    ("KR", &["99999"]),
    ("LK", &["99999"]),
    ("MA", &["99999"]),
    ("MX", &["99999"]),
    ("MY", &["99999"]),
    ("NG", &["999999"]),
    ("NI", &["99999"]),
    ("NL", &["9999 AA"]),
    ("NO", &["9999"]),
    ("NP", &["99999"]),
    ("NZ", &["9999"]),
    ("PE", &["99999"]),
    ("PH", &["9999"]),
    ("PK", &["99999"]),
    ("PL", &["99-999"]),
    ("PR", &["99999", "99999-9999"]),
    ("PT", &["9999-999"]),
    ("RO", &["999999"]),
    ("RU", &["999999"]),
    ("SA", &["99999", "99999-9999"]),
    ("SE", &["999 99"]),
    ("SG", &["999999"]),
    ("SN", &["99999"]),
    ("SV", &["9999"]),
    ("TH", &["99999"]),
    ("TN", &["9999"]),
    ("TR", &["99999"]),
    ("TW", &["999", "99999", "999999"]),
    ("UA", &["99999"]),
    ("US", &["99999", "99999-9999"]),
    ("UY", &["99999"]),
    ("VE", &["9999"]),
    ("VN", &["99999", "999999"]),
    ("ZA", &["9999"]),
];

/// The postal code of a country (ISO 3166-1, two letters; Canada where it is empty), in any spelling: with other marks
/// between, digits of other scripts, O for 0 and I or L for 1 and the other way round. What does not fit the country's
/// form is kept as it was typed, since people write more into the field than a code; only
/// for Canada it is refused. Texts that say that there is none, such as `n/a`, are empty.
///
/// # Errors
/// `invalid_postal_code`, and those of [`clean_line`].
pub fn postal_code_of(country: &str, typed: &str) -> Result<String, TextError> {
    let is_canadian = matches!(country, "" | "CA");
    // with the place it may be longer
    let plain = clean_line(typed, if is_canadian { MAX_WITH_PLACE } else { MAX_CODE })?;
    if is_nothing(&plain) {
        return Ok(String::new());
    }
    if is_canadian {
        return PostalCode::parse(typed).map(|code| code.as_str().to_owned());
    }
    let signs: Vec<char> = typed.nfkc().filter(|c| c.is_alphanumeric()).map(ascii_digit).collect();
    let forms = FORMS.iter().find(|(known, _)| *known == country).map_or(&[][..], |(_, forms)| forms);
    // exactly first: an O may be a letter of another form
    let fitting = |may_differ| forms.iter().find_map(|form| fit(&signs, form, may_differ));
    Ok(fitting(false).or_else(|| fitting(true)).unwrap_or(plain))
}

/// The signs in a country's form; with `may_differ`, also letters for digits that look like them, and the other way
/// round.
fn fit(signs: &[char], form: &str, may_differ: bool) -> Option<String> {
    let mut signs = signs.iter().map(char::to_ascii_uppercase);
    if form == GIRO {
        return signs.eq(form.chars().filter(|c| *c != ' ')).then(|| form.to_owned());
    }
    let mut code = String::with_capacity(form.len());
    for place in form.chars() {
        let sign = match place {
            '9' => match signs.next()? {
                'O' if may_differ => '0',
                'I' | 'L' if may_differ => '1',
                c if c.is_ascii_digit() => c,
                _ => return None,
            },
            'A' => match signs.next()? {
                '0' if may_differ => 'O',
                '1' if may_differ => 'I',
                c if c.is_ascii_alphabetic() => c,
                _ => return None,
            },
            mark => mark,
        };
        code.push(sign);
    }
    signs.next().is_none().then_some(code)
}

/// A digit of another script as the ASCII one: Arabic, Persian, Devanagari, Bengali, Gurmukhi.
fn ascii_digit(c: char) -> char {
    const ZEROS: [char; 5] = ['\u{660}', '\u{6F0}', '\u{966}', '\u{9E6}', '\u{A66}'];
    let value = ZEROS.into_iter().find_map(|zero| (c as u32).checked_sub(zero as u32).filter(|value| *value < 10));
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

/// Letters that Canada Post uses: none that look like others.
fn is_letter(c: char) -> bool {
    c.is_ascii_uppercase() && !matches!(c, 'D' | 'F' | 'I' | 'O' | 'Q' | 'U')
}

impl fmt::Debug for PostalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostalCode(…)")
    }
}

impl<'de> Deserialize<'de> for PostalCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(TextError::into_serde)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_become_one() {
        for typed in [
            "m5v 3l9",
            "M5V3L9",
            " m5v-3l9 ",
            "M5V\u{a0}3L9",
            "M5V–3L9",
            "M5V.3L9",
            "M5V 3L9.",
            "(M5V 3L9)",
            "M5V 3L9\u{200b}",
            "\u{2068}M5V 3L9\u{2069}",
            "Ｍ５Ｖ　３Ｌ９",
        ] {
            let code = PostalCode::parse(typed).unwrap();
            assert_eq!(code.as_str(), "M5V 3L9");
            assert_eq!((code.prefix(), code.province()), ("M5V", Some("ON")));
            assert_eq!(format!("{code:?}"), "PostalCode(…)");
        }
    }

    #[test]
    fn codes_of_other_countries() {
        for (country, typed, code) in [
            ("US", "90210", "90210"),
            ("US", " 9O2l0 ", "90210"),
            ("US", "902101234", "90210-1234"),
            ("US", "90210–1234", "90210-1234"),
            ("US", "\u{2068}90210\u{2069}", "90210"),
            ("GB", "sw1a1aa", "SW1A 1AA"),
            ("GB", "SW1A-1AA", "SW1A 1AA"),
            ("GB", "SWIA IAA", "SW1A 1AA"),
            ("GB", "M1 1AE", "M1 1AE"),
            ("GB", "gir 0aa", "GIR 0AA"),
            ("GB", "EC1A 1BB", "EC1A 1BB"),
            ("GB", "e1w 1al", "E1W 1AL"),
            ("GB", "OX1 2JD", "OX1 2JD"),
            ("GB", "0X1 2JD", "OX1 2JD"),
            ("DE", "10115", "10115"),
            ("DE", "D-1O115", "D-1O115"),
            ("DE", "1O115.", "10115"),
            ("IN", "110 001", "110001"),
            ("IN", "੧੧੦੦੦੧", "110001"),
            ("PK", "٥٤٠٠٠", "54000"),
            ("IR", "۱۲۳۴۵۶۷۸۹۰", "12345-67890"),
            ("BR", "01310100", "01310-100"),
            ("JP", "１００－０００１", "100-0001"),
            ("NL", "1012ab", "1012 AB"),
            ("PL", "00 950", "00-950"),
            ("FR", "75011 CEDEX 11", "75011 CEDEX 11"),
            ("HT", "HT6110", "HT6110"),
            ("ZZ", "any thing", "any thing"),
            ("CA", "K1A OB1", "K1A 0B1"),
            ("", "M5V 3L9, Mississauga, Ontario", "M5V 3L9"),
            ("", "k1a-0b1", "K1A 0B1"),
            ("CA", " ", ""),
            ("CA", "n/a", ""),
            ("", "-", ""),
            ("US", "None", ""),
            ("FR", "s.o.", ""),
            ("US", "", ""),
            ("US", "9021", "9021"),
        ] {
            assert_eq!(postal_code_of(country, typed).unwrap(), code, "{country} {typed}");
        }
        for (country, typed) in [("CA", "90210"), ("", "10115")] {
            assert_eq!(postal_code_of(country, typed).unwrap_err().code, "invalid_postal_code", "{country} {typed}");
        }
        assert_eq!(postal_code_of("DE", "10115 Berlin, Mitte, Germany").unwrap_err().code, "too_long");
    }

    #[test]
    fn letters_where_digits_belong() {
        for typed in ["K1A OB1", "k1a ob1", "KIA 0BI", "K1AOBI", "KlA 0B1", "kla 0b1", "Kla Obl"] {
            assert_eq!(PostalCode::parse(typed).unwrap().as_str(), "K1A 0B1", "{typed}");
        }
    }

    #[test]
    fn codes_with_their_place() {
        for typed in [
            "M5V 3L9, Toronto",
            "ON M5V 3L9",
            "M5V 3L9 Canada",
            "M5V3L9 (home)",
            "Toronto (Ontario) m5v-3l9",
            "M5V 3l9 Toronto",
        ] {
            assert_eq!(PostalCode::parse(typed).unwrap().as_str(), "M5V 3L9", "{typed}");
        }
        assert_eq!(PostalCode::parse("Ottawa K1A OB1").unwrap().as_str(), "K1A 0B1");
        for typed in ["M5V 3L9 or M5V 3L8", "12 M5V 3L9", "M5V 3L9 apt 4", "Toronto M5V", "Toronto 5"] {
            assert_eq!(PostalCode::parse(typed).unwrap_err().code, "invalid_postal_code", "{typed}");
        }
    }

    #[test]
    fn refused() {
        assert_eq!(PostalCode::parse(" ").unwrap_err().code, "required");
        for typed in [
            "M5V", "M5V 3L", "M5V 3L99", "E1W 1AL", "e1w 1al", "O5V 3L9", "D5V 3L9", "W5V 3L9", "Z5V 3L9", "M5O 3L9",
            "90210", "é5V 3L9", "M5V 3Lé",
        ] {
            assert_eq!(PostalCode::parse(typed).unwrap_err().code, "invalid_postal_code", "{typed}");
        }
    }

    #[test]
    fn provinces() {
        for (typed, province) in
            [("H2X1Y4", "QC"), ("V6B4Y8", "BC"), ("X0A0H0", "NU"), ("X1A2B3", "NT"), ("Y1A1B1", "YT")]
        {
            assert_eq!(PostalCode::parse(typed).unwrap().province(), Some(province));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_is_idempotent(typed in "(?s).{0,9}|[A-Za-z][0-9][A-Za-z][ -]?[0-9][A-Za-z][0-9]") {
            if let Ok(code) = PostalCode::parse(&typed) {
                prop_assert!(code.province().is_some());
                prop_assert_eq!(PostalCode::parse(code.as_str()).unwrap(), code);
            }
        }
    }
}
