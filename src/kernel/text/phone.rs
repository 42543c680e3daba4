//! Telephone numbers in the international form, by the rules of libphonenumber.

use phonenumber::{Mode, country};
use unicode_normalization::UnicodeNormalization;

use super::{is_dash, is_invisible, is_nothing};

/// A number as E.164 (`+14165550142`) where it is one of its country (ISO 3166, two letters; Canada where it is empty), or has
/// a country's code itself. What is no such number stays as it was typed: an extension, letters for digits, a number of
/// a few digits, two numbers in one field. Words for nothing, and zeros, which people type where a number is asked for,
/// are nothing.
pub fn international_phone(typed: &str, country: &str) -> String {
    if is_no_number(typed) {
        // most people give none: the rules of all countries are loaded when somebody does
        return String::new();
    }
    let mut plain: String =
        typed.nfkc().filter(|c| !is_invisible(*c)).map(|c| if is_dash(c) { '-' } else { western_digit(c) }).collect();
    if let Some(number) = without_label(&plain) {
        plain = number.to_owned();
    }
    if plain.trim_start().starts_with('+') {
        // the trunk prefix that is dialled within the country only: +33 (0)6 …
        plain = plain.replacen("(0)", "", 1);
    }
    let written_in_digits = plain.chars().all(|c| c.is_numeric() || c.is_whitespace() || "+-.()/".contains(c));
    let country: Option<country::Id> = if country.is_empty() { Some(country::CA) } else { country.parse().ok() };
    // the prefix that is dialled for other countries in most of the world
    let abroad = plain.trim_start().strip_prefix("00").map(|rest| format!("+{rest}"));
    let valid = |plain: &str| phonenumber::parse(country, plain).ok().filter(phonenumber::PhoneNumber::is_valid);
    match valid(&plain).or_else(|| valid(abroad.as_deref()?)) {
        Some(number) if written_in_digits => number.format().mode(Mode::E164).to_string(),
        _ => typed.to_owned(),
    }
}

/// Does it say that there is no number, in words (`n/a`, `non`, `ninguno`) or zeros?
pub fn is_no_number(typed: &str) -> bool {
    // more than a text of any kind may mean with it
    const NO: [&str; 9] = ["no", "non", "nein", "não", "nao", "x", "xx", "xxx", "ਨਹੀਂ"];
    let is_zeros = typed.contains('0') && typed.chars().all(|c| matches!(c, '0' | ' ' | '-' | '.' | '(' | ')'));
    is_zeros || is_nothing(typed) || NO.contains(&typed.trim().to_lowercase().as_str())
}

/// The number after `tel:`, as in links, or after a word for a telephone and a mark: `Tel. 514…`, `Cell: …`, `☎ …`.
fn without_label(text: &str) -> Option<&str> {
    const LABELS: [&str; 16] = [
        "tel",
        "tél",
        "telephone",
        "téléphone",
        "teléfono",
        "telefono",
        "phone",
        "ph",
        "cell",
        "cellulaire",
        "cel",
        "celular",
        "mobile",
        "mob",
        "home",
        "whatsapp",
    ];
    let text = text.trim().trim_start_matches(['☎', '📞', '📱', '✆']).trim_start();
    let end = text.find(|c: char| !c.is_alphabetic())?;
    let (label, rest) = text.split_at(end);
    let number = rest.trim_start_matches(|c: char| matches!(c, '.' | ':' | '#') || c.is_whitespace());
    let is_label = label.is_empty() || (number.len() < rest.len() && LABELS.contains(&label.to_lowercase().as_str()));
    is_label.then_some(number)
}

/// Zero in the digits of Arabic, Persian and Urdu, Hindi, and Punjabi.
const ZEROS: [char; 4] = ['\u{660}', '\u{6F0}', '\u{966}', '\u{A66}'];

/// A digit of another script as 0 to 9; any other character as it is.
fn western_digit(c: char) -> char {
    let value = |zero: &char| u32::from(c).checked_sub(u32::from(*zero)).and_then(|value| char::from_digit(value, 10));
    ZEROS.iter().find_map(value).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_a_country_become_international() {
        for (typed, country, expected) in [
            ("416-555-0142", "", "+14165550142"),
            ("(416) 555-0142", "CA", "+14165550142"),
            ("1 416 555 0142", "CA", "+14165550142"),
            ("+1 416.555.0142", "FR", "+14165550142"),
            ("001 416 555 0142", "FR", "+14165550142"),
            ("06 12 34 56 78", "FR", "+33612345678"),
            ("+33 (0)6 12 34 56 78", "CA", "+33612345678"),
            ("98765 43210", "IN", "+919876543210"),
            ("098765 43210", "IN", "+919876543210"),
            ("55 1234 5678", "MX", "+525512345678"),
            ("0917 123 4567", "PH", "+639171234567"),
            ("٤١٦ ٥٥٥ ٠١٤٢", "CA", "+14165550142"),
            ("੪੧੬ ੫੫੫ ੦੧੪੨", "CA", "+14165550142"),
            ("４１６–５５５–０１４２", "CA", "+14165550142"),
            ("+1 416 555‑0142", "", "+14165550142"),
            ("416‐555‒0142", "", "+14165550142"),
            ("416−555—0142", "", "+14165550142"),
            ("tel:+1-416-555-0142", "FR", "+14165550142"),
            ("Tél. : 416 555-0142", "", "+14165550142"),
            ("Cell: (416) 555-0142", "", "+14165550142"),
            ("☎\u{fe0e} 416 555 0142", "", "+14165550142"),
            ("☎ +1 416 555 0142", "", "+14165550142"),
            ("00 33 6 12 34 56 78", "", "+33612345678"),
            ("00 1 416 555 0142", "CA", "+14165550142"),
        ] {
            assert_eq!(international_phone(typed, country), expected, "{typed} in {country}");
        }
    }

    #[test]
    fn what_is_no_number_stays_as_it_was_typed() {
        for typed in [
            "1",
            "555 0142",
            "416 555 0142 ext. 7",
            "1-800-FLOWERS",
            "416 555 0142 / 416 555 0143",
            "call in the evening",
            "home 416 555 0142 after 6",
            "+999 123 456 789",
        ] {
            assert_eq!(international_phone(typed, "CA"), typed);
        }
        assert_eq!(international_phone("416 555 0142", "ZZ"), "416 555 0142", "a country that is none");
    }

    #[test]
    fn words_for_no_telephone_are_nothing() {
        for typed in [
            "",
            " ",
            "n/a",
            "N.A.",
            "none",
            "None",
            "-",
            "--",
            "non",
            "NON",
            "no",
            "aucun",
            "ninguno",
            "ninguna",
            "s.o.",
            "x",
            "0",
            "000-000-0000",
            "ਨਹੀਂ",
        ] {
            assert_eq!(international_phone(typed, ""), "", "{typed}");
        }
    }

    proptest! {
        #[test]
        fn an_international_number_stays_what_it_is(typed in "[+]?[0-9 ().-]{0,20}", country in "(CA|US|FR|IN|PH|MX|)") {
            let once = international_phone(&typed, &country);
            prop_assert_eq!(international_phone(&once, &country), once.clone());
            prop_assert_eq!(once == typed || once.starts_with('+') || is_no_number(&typed), true);
        }

        #[test]
        fn any_text_is_taken(typed in any::<String>(), country in "[A-Z]{0,2}") {
            international_phone(&typed, &country);
        }
    }
}
