//! What spreadsheets and people make of a cell, and what it was before: formulas that hold text, numbers whose end or
//! beginning was lost, addresses with a name, countries and languages in words.

mod address;
mod numbers;
mod words;

pub(super) use address::address;
pub(super) use numbers::{DigitsLost, country_of_code, digits, postal_code};
pub(super) use words::{country, is_yes, language};

use crate::kernel::{formulas::unguard, text::is_nothing as says_nothing};

/// The text that a cell stands for: `="text"` is text, and the quote that guards a formula is none of it.
pub(super) fn text(cell: &str) -> String {
    let cell = cell.trim();
    let held = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    match held {
        Some(held) if !held.replace("\"\"", "").contains('"') => held.replace("\"\"", "\"").trim().to_owned(),
        _ => unguard(cell).trim().to_owned(),
    }
}

/// The first of several values, as Google's contacts write them: `a@example.org ::: b@example.org`.
fn first_value(text: &str) -> &str {
    text.split(" ::: ").next().unwrap_or(text)
}

/// Characters that are not seen: soft hyphen, zero width, direction marks, variation selectors.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Does a cell say that there is nothing?
pub(super) fn is_nothing(cell: &str) -> bool {
    says_nothing(&text(cell))
}

/// As [`is_nothing`], where the text may be a name: Null, Na and Nil are names of people.
pub(super) fn is_no_name(cell: &str) -> bool {
    let text = text(cell);
    let is_word = text.chars().all(char::is_alphanumeric);
    is_nothing(&text) && !(is_word && text.chars().any(char::is_alphabetic) && text.is_ascii() && text.len() <= 6)
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
    fn names_that_are_words_for_nothing() {
        for name in ["Null", "Na", "Nil", "None", "So", "Blank", "X"] {
            assert!(!is_no_name(name), "{name}");
        }
        for name in ["-", "N/A", "n.a.", "#N/A", "Not provided", "(blank)", "Inconnu"] {
            assert!(is_no_name(name), "{name}");
        }
    }
}
