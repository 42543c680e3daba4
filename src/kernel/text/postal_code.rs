//! Canadian postal codes. Only their first three characters are stored unencrypted.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::TextError;

/// A Canadian postal code in Canada Post's form, `M5V 3L9`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PostalCode(String);

impl PostalCode {
    /// Parses any spelling: lower case, without the space, with whatever marks between or around, full-width. The
    /// letters O and I are in no code, so where a digit belongs they mean 0 and 1.
    ///
    /// # Errors
    /// `required` when empty, otherwise `invalid_postal_code`.
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        let signs = typed.nfkc().filter(|c| c.is_alphanumeric()).enumerate();
        let code: String = signs
            .map(|(i, c)| match (i % 2, c.to_ascii_uppercase()) {
                (1, 'O') => '0',
                (1, 'I') => '1',
                (_, c) => c,
            })
            .collect();
        if code.is_empty() {
            return Err(TextError::required());
        }
        let well_formed = code.chars().count() == 6
            && code.chars().enumerate().all(|(i, c)| match i {
                0 => is_letter(c) && !matches!(c, 'W' | 'Z'),
                2 | 4 => is_letter(c),
                _ => c.is_ascii_digit(),
            });
        if !well_formed {
            return Err(TextError::new("invalid_postal_code", "A Canadian postal code looks like A1A 1A1."));
        }
        Ok(Self(format!("{} {}", &code[..3], &code[3..])))
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
    fn letters_where_digits_belong() {
        for typed in ["K1A OB1", "k1a ob1", "KIA 0BI", "K1AOBI"] {
            assert_eq!(PostalCode::parse(typed).unwrap().as_str(), "K1A 0B1", "{typed}");
        }
    }

    #[test]
    fn refused() {
        assert_eq!(PostalCode::parse(" ").unwrap_err().code, "required");
        for typed in [
            "M5V", "M5V 3L", "M5V 3L99", "E1W 1AL", "O5V 3L9", "D5V 3L9", "W5V 3L9", "Z5V 3L9", "M5O 3L9", "90210",
            "é5V 3L9", "M5V 3Lé",
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
