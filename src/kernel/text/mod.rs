//! Parsing of user input: newtypes that can only hold valid values, and cleaning of free text.
//!
//! Values of these types are trimmed and normalised, so later code need not check again. The types for personal data
//! ([`EmailAddress`], [`PostalCode`]) have a redacted `Debug` and no `Display`, and no [`TextError`] quotes the input,
//! since errors reach logs.

mod email;
mod locale;
mod nothing;
mod phone;
mod postal_code;
mod providers;
mod slips;
mod slug;

pub use email::EmailAddress;
pub use locale::LocaleTag;
pub use nothing::is_nothing;
pub use phone::{international_phone, is_no_number};
pub use postal_code::{PostalCode, postal_code_of};
pub use slug::Slug;

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Every code a [`TextError`] can carry.
const CODES: [&str; 8] = [
    "required",
    "too_long",
    "invalid_characters",
    "invalid_email",
    "misspelled_email",
    "invalid_slug",
    "invalid_postal_code",
    "unsupported_locale",
];

/// Why a text was refused; does not quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct TextError {
    /// Stable and machine-readable, the `code` of an RFC 9457 error item.
    pub code: &'static str,
    /// What is wrong, in one English sentence for the client.
    pub detail: String,
}

impl TextError {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    fn required() -> Self {
        Self::new("required", "This field must not be empty.")
    }

    fn too_long(max_chars: usize) -> Self {
        Self::new("too_long", format!("At most {max_chars} characters are possible."))
    }

    fn invalid_characters() -> Self {
        Self::new("invalid_characters", "Control characters are not possible here.")
    }

    /// Encodes the error in a serde error, which is only a string, so that [`TextError::from_serde`] can restore the
    /// code.
    fn into_serde<E: serde::de::Error>(self) -> E {
        E::custom(format_args!("{}: {}", self.code, self.detail))
    }

    /// Restores the error from the message of a deserialization error; `None` if it was not a `TextError`.
    pub fn from_serde(message: &str) -> Option<Self> {
        let (code, detail) = message.split_once(": ")?;
        let code = CODES.into_iter().find(|known| *known == code)?;
        // serde_json appends line and column; the caller has the JSON pointer, which is more useful
        let detail = detail.rsplit_once(" at line ").map_or(detail, |(d, _)| d);
        Some(Self::new(code, detail))
    }
}

/// Cleans a single-line text that may be empty: NFC, trimmed, each run of white space (including line breaks) one
/// space, without the invisible marks that come along when a name or number is copied ([`without_marks`]).
///
/// # Errors
/// `invalid_characters` for control characters, `too_long` above `max_chars` characters.
pub fn clean_line(text: &str, max_chars: usize) -> Result<String, TextError> {
    let text = without_office_marks(text);
    if text.chars().any(|c| c.is_control() && !is_break(c)) {
        return Err(TextError::invalid_characters());
    }
    let normal = without_marks(&text);
    let mut line = String::with_capacity(normal.len());
    for word in normal.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    limit(line, max_chars)
}

/// Without the control characters that Word and PDFs leave in copied text: its mark of a hyphen that must not break is a
/// hyphen, that of the end of a table's cell a space; nobody sees its optional hyphens, anchors and marks of fields.
fn without_office_marks(text: &str) -> Cow<'_, str> {
    let replaced = |c: char| match c {
        '\u{7}' => Some(" "),
        '\u{1E}' => Some("-"),
        '\u{1}'..='\u{6}' | '\u{8}' | '\u{13}'..='\u{15}' | '\u{1F}' => Some(""),
        _ => None,
    };
    if !text.contains(|c| replaced(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match replaced(c) {
            Some(instead) => kept.push_str(instead),
            None => kept.push(c),
        }
    }
    Cow::Owned(kept)
}

/// A text in NFC without marks that nobody sees and that do not belong to its spelling: text direction, soft hyphens,
/// spaces of no width. Joiners and variants of signs are kept where a script or an emoji needs them: Persian, Punjabi,
/// families.
fn without_marks(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut joins = false;
    for c in text.nfc() {
        let is_variant = matches!(c, '\u{FE00}'..='\u{FE0F}');
        let is_joiner = is_variant || matches!(c, '\u{200C}' | '\u{200D}' | '\u{34F}' | '\u{180E}');
        if is_direction(c) || (is_joiner && !joins) || is_mark_of_no_width(c) {
            continue;
        }
        // Hebrew is the first script, by code point, whose letters may be joined
        let may_join = c >= '\u{0590}' && !c.is_whitespace() && !('\u{1E00}'..='\u{206F}').contains(&c);
        joins = is_variant || (!is_joiner && may_join);
        kept.push(c);
    }
    // what a mark separated may compose
    if kept.is_ascii() { kept } else { kept.nfc().collect() }
}

/// Like [`clean_line`], but something visible must remain.
///
/// # Errors
/// Those of [`clean_line`], and `required` when nothing visible is left.
pub fn required_line(text: &str, max_chars: usize) -> Result<String, TextError> {
    clean_line(text, max_chars).and_then(visible)
}

/// Cleans a multi-line text that may be empty: NFC, trimmed, line breaks become `\n` (also Word's soft break, a vertical
/// tab); newlines and tabs are kept. Embedded text directions are removed: they could reach beyond the text.
///
/// # Errors
/// `invalid_characters` for other control characters, `too_long` above `max_chars`.
pub fn clean_text(text: &str, max_chars: usize) -> Result<String, TextError> {
    let text = without_office_marks(text);
    let unix = text.replace("\r\n", "\n").replace(|c| is_break(c) && c != '\t', "\n");
    if unix.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n')) {
        return Err(TextError::invalid_characters());
    }
    let normal: String = unix.chars().filter(|c| !is_embedding(*c)).nfc().collect();
    limit(trim(&normal).to_owned(), max_chars)
}

/// Like [`clean_text`], but something visible must remain.
///
/// # Errors
/// Those of [`clean_text`], and `required` when nothing visible is left.
pub fn required_text(text: &str, max_chars: usize) -> Result<String, TextError> {
    clean_text(text, max_chars).and_then(visible)
}

/// The normalised form of a name, which distinguishes acts by people who share an e-mail address.
///
/// Accents, case, punctuation and spacing are ignored. Vowel signs of Gurmukhi and other Indic scripts are kept:
/// Unicode classifies them as marks, too, but without them different names would be equal.
pub fn name_key(given: &str, family: &str) -> String {
    let mut key = String::with_capacity(given.len() + family.len() + 1);
    let mut gap = false;
    for c in format!("{given} {family}").nfkd().flat_map(char::to_lowercase) {
        if c.is_whitespace() || is_dash(c) {
            gap = !key.is_empty();
        } else if !is_optional_mark(c) && (c.is_alphanumeric() || is_combining_mark(c)) {
            if std::mem::take(&mut gap) {
                key.push(' ');
            }
            match latin(c) {
                Some(letters) => key.push_str(letters),
                None => key.push(c),
            }
        }
    }
    // removed characters may have separated marks that have a canonical order
    key.nfkd().collect()
}

fn limit(text: String, max_chars: usize) -> Result<String, TextError> {
    if text.chars().count() > max_chars {
        return Err(TextError::too_long(max_chars));
    }
    Ok(text)
}

fn visible(text: String) -> Result<String, TextError> {
    if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return Err(TextError::required());
    }
    Ok(text)
}

/// A text to be compared by its words: without case, accents, white space and punctuation; vowel signs of Indic scripts are kept.
pub fn folded(text: &str) -> String {
    let is_accent = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    let kept = |c: &char| !is_accent(*c) && (c.is_alphanumeric() || is_combining_mark(*c));
    text.nfkc().nfd().filter(kept).flat_map(char::to_lowercase).nfc().collect()
}

/// Trims white space, and the zero-width characters that copying from web pages and office documents leaves.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{200B}' | '\u{FEFF}'))
}

/// Tabs and line breaks: also the vertical tab, form feed and column break of office documents, the next line of
/// mainframes, and Unicode's separators.
fn is_break(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{E}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates of text direction, which telephones put around names and numbers.
fn is_embedding(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Marks of text direction.
fn is_direction(c: char) -> bool {
    is_embedding(c) || matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}')
}

/// Soft hyphen, zero-width space, word joiner, byte order mark, deprecated format characters and tags.
fn is_mark_of_no_width(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{E0001}')
}

/// Characters without a visible glyph. Joiners are part of emoji and of Persian and Indic spelling, so they may occur
/// in a text but cannot be all of it.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{FEFF}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}' | '\u{2800}'
    )
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '_' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Marks that writers of a script may omit: European diacritics, Arabic harakat, Hebrew points.
fn is_optional_mark(c: char) -> bool {
    matches!(
        c,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
            | '\u{FE20}'..='\u{FE2F}' | '\u{0591}'..='\u{05C7}' | '\u{064B}'..='\u{065F}' | '\u{0670}'
    )
}

/// ASCII replacements of lower-case Latin letters that Unicode does not decompose.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ł' => "l",
        'þ' => "th",
        'ŧ' => "t",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_trimmed_and_collapsed() {
        assert_eq!(clean_line("  Ana\u{a0}\t Mar\r\nía \u{feff}", 40).unwrap(), "Ana Mar ía");
        assert_eq!(clean_line("e\u{301}", 1).unwrap(), "é");
        assert_eq!(clean_line("", 1).unwrap(), "");
        for kept in ["👩‍👩‍👧", "می‌خواهم", "ਹਰਪ੍ਰੀਤ", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "مريم"]
        {
            assert_eq!(clean_line(kept, 80).unwrap(), kept);
        }
    }

    #[test]
    fn lines_refuse_what_deceives() {
        for bad in ["a\0b", "a\u{10}b", "a\u{1b}[1mb", "a\u{7f}", "a\u{86}b"] {
            assert_eq!(clean_line(bad, 80).unwrap_err().code, "invalid_characters");
            assert_eq!(clean_text(bad, 80).unwrap_err().code, "invalid_characters");
        }
        assert_eq!(clean_line("abc", 2).unwrap_err().code, "too_long");
        for empty in ["", " \n", "\u{200b}", "\u{200d}\u{2060}", "\u{3164}"] {
            assert_eq!(required_line(empty, 9).unwrap_err().code, "required");
            assert_eq!(required_text(empty, 9).unwrap_err().code, "required");
        }
        assert_eq!(required_line(" x ", 9).unwrap(), "x");
    }

    #[test]
    fn texts_keep_their_lines() {
        assert_eq!(clean_text("\r\na\r\n\r\n\tb\rc\u{2028}d  ", 80).unwrap(), "a\n\n\tb\nc\nd");
        // Word's soft break, a page break
        assert_eq!(clean_text("Bonjour\u{b}ligne deux\u{c}page", 80).unwrap(), "Bonjour\nligne deux\npage");
        assert_eq!(clean_text("one\u{85}two", 80).unwrap(), "one\ntwo");
        assert_eq!(clean_line("Ana\u{b}Lee", 80).unwrap(), "Ana Lee");
        assert_eq!(clean_line("Ana\u{85}Lee", 80).unwrap(), "Ana Lee");
        assert_eq!(required_text(" a\nb ", 3).unwrap(), "a\nb");
    }

    #[test]
    fn what_word_leaves_in_copied_text_is_no_reason_to_refuse_it() {
        for (typed, cleaned) in [
            ("op\u{1f}tion", "option"),
            ("Jean\u{1e}Luc", "Jean-Luc"),
            ("a cell\u{7}and another", "a cell and another"),
            ("a note\u{2} and\u{5} more", "a note and more"),
            ("\u{13}HYPERLINK\u{14}here\u{15}", "HYPERLINKhere"),
            ("o\u{8}ne\u{1}", "one"),
        ] {
            assert_eq!(clean_line(typed, 80).unwrap(), cleaned, "{typed:?}");
            assert_eq!(clean_text(typed, 80).unwrap(), cleaned, "{typed:?}");
        }
        assert_eq!(clean_text("one\u{e}two", 80).unwrap(), "one\ntwo");
    }

    #[test]
    fn marks_that_nobody_sees_are_removed() {
        for (typed, cleaned) in [
            // telephone numbers as copied from contacts
            ("\u{202a}+1 416-555-0142\u{202c}", "+1 416-555-0142"),
            ("\u{2068}(416) 555-0143\u{2069}", "(416) 555-0143"),
            ("\u{202d}+1 (416) 555\u{200b}-0144\u{202c}", "+1 (416) 555-0144"),
            ("\u{200e}514\u{200d}555\u{200c}0199\u{feff}", "5145550199"),
            // names and places
            ("\u{202b}مريم\u{202c}", "مريم"),
            ("\u{2068}מרים\u{2069} \u{200f}כהן", "מרים כהן"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            ("Mont\u{ad}réal\u{2060}", "Montréal"),
            ("e\u{200b}\u{301}", "é"),
            // joiners that belong to the spelling, or do not
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("ਪ੍ਰ\u{200d}ੀਤ", "ਪ੍ਰ\u{200d}ੀਤ"),
            ("ක්\u{200d}ෂ", "ක්\u{200d}ෂ"),
            ("👩\u{200d}👩\u{200d}👧", "👩\u{200d}👩\u{200d}👧"),
            ("❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("A\u{200d}na \u{200c}Lee", "Ana Lee"),
            ("Ana\u{fe0f} Lee\u{200d}\u{e0001}", "Ana Lee"),
            ("A\u{180e}na\u{34f}", "Ana"),
            ("☎\u{fe0e} 514", "☎\u{fe0e} 514"),
            ("ਹਰਪ੍ਰੀਤ ਕੌਰ 🌸", "ਹਰਪ੍ਰੀਤ ਕੌਰ 🌸"),
        ] {
            assert_eq!(clean_line(typed, 80).unwrap(), cleaned, "{typed:?}");
        }
        assert_eq!(
            clean_text("\u{202b}שלום\u{202c}\n\u{2067}سلام\u{2069} \u{200f}!", 80).unwrap(),
            "שלום\nسلام \u{200f}!"
        );
    }

    #[test]
    fn name_keys_ignore_accents_case_and_punctuation() {
        assert_eq!(name_key("José-María ", " O’Brien"), "jose maria obrien");
        assert_eq!(name_key("JOSE", "Nuñez."), name_key("José", "nunez"));
        assert_eq!(name_key("", "Đặng"), "dang");
        assert_eq!(name_key("Søren", "Weiß"), "soren weiss");
        assert_eq!(name_key("أَحمد", ""), name_key("احمد", ""));
        assert_ne!(name_key("ਕਰਨ", ""), name_key("ਕਿਰਨ", ""));
        assert_ne!(name_key("Ana", "Lee"), name_key("Bo", "Lee"));
    }

    #[test]
    fn errors_survive_serde() {
        let typed: Result<EmailAddress, _> = serde_json::from_str("\"nobody\"");
        let read = TextError::from_serde(&typed.unwrap_err().to_string()).unwrap();
        assert_eq!(read, EmailAddress::parse("nobody").unwrap_err());
        assert_eq!(TextError::from_serde("missing field: x"), None);
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent(text in "\\PC*|(?s).{0,40}|[ \\u{200b}\\u{feff}e\\u{301}\\n]{0,12}") {
            if let Ok(once) = clean_line(&text, 200) {
                prop_assert_eq!(clean_line(&once, 200).unwrap(), once);
            }
            if let Ok(once) = clean_text(&text, 200) {
                prop_assert_eq!(clean_text(&once, 200).unwrap(), once);
            }
        }

        #[test]
        fn name_keys_are_idempotent(given in "(?s).{0,20}", family in "\\PC{0,20}") {
            let once = name_key(&given, &family);
            prop_assert_eq!(name_key(&once, ""), once);
        }
    }
}
