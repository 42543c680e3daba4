//! The countries of the world by name, in each language.

use std::{collections::HashMap, sync::LazyLock};

use serde::Serialize;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::text::{LocaleTag, TextError};

/// ISO 3166 codes with names in English, French, Spanish and Punjabi, from CLDR (`scripts/country-names.py`).
const NAMES: &str = include_str!("countries.txt");
/// Countries that stand first in menus: where most supporters are, or come from.
const COMMON: [&str; 14] = ["CA", "US", "MX", "GT", "CO", "HT", "JM", "PH", "IN", "PK", "BD", "NG", "FR", "GB"];
/// The code for a country that no list has; ISO 3166 leaves it to its users.
pub const OTHER: &str = "ZZ";

/// ISO 3166 codes of two letters with those of three, and the names by which countries are called in many languages
/// (`scripts/country-names.py`).
const ALL_NAMES: &str = include_str!("country_names.txt");

/// The code of a country that is named in any language, or by its code of two or three letters; `None` for what is none.
pub fn code_of(name: &str) -> Option<&'static str> {
    static CODES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
        let mut codes = HashMap::new();
        for line in ALL_NAMES.lines() {
            let code = line.split('\t').next().unwrap_or_default();
            for name in line.split('\t') {
                codes.entry(plain(name)).or_insert(code);
            }
        }
        codes.remove("");
        codes
    });
    CODES.get(&plain(name)).copied()
}

/// The code of a country that is typed: by its name, by a code of two or three letters, or [`OTHER`]; empty where nothing is.
///
/// # Errors
/// `unknown_value`.
pub fn parse(typed: &str) -> Result<String, TextError> {
    let code = match typed.trim().to_ascii_uppercase().as_str() {
        "" => "",
        OTHER => OTHER,
        // as the British and the European Union write them
        "UK" => "GB",
        "EL" => "GR",
        _ => code_of(typed).ok_or_else(|| {
            let detail = "This is no country that we know. Write its name, or two letters such as CA (ISO 3166).";
            TextError { code: "unknown_value", detail: detail.to_owned() }
        })?,
    };
    Ok(code.to_owned())
}

/// A name without case, accents and punctuation.
fn plain(name: &str) -> String {
    let is_accent = |c: char| ('\u{300}'..='\u{36F}').contains(&c);
    let kept = |c: &char| !is_accent(*c) && (c.is_alphanumeric() || is_combining_mark(*c));
    name.nfkd().filter(kept).flat_map(char::to_lowercase).collect()
}

/// A country in a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Country {
    /// Two letters (ISO 3166-1).
    pub code: &'static str,
    /// Its name in the menu's language.
    pub name: &'static str,
}

/// All countries in a language: common ones first, then by name.
pub fn menu(locale: LocaleTag) -> &'static [Country] {
    static MENUS: LazyLock<HashMap<LocaleTag, Vec<Country>>> =
        LazyLock::new(|| LocaleTag::ALL.into_iter().map(|locale| (locale, sorted(locale))).collect());
    MENUS.get(&locale).map_or(&[], Vec::as_slice)
}

/// The name of a country in a language; `None` for a code that no country has.
pub fn name(code: &str, locale: LocaleTag) -> Option<&'static str> {
    menu(locale).iter().find(|country| country.code == code).map(|country| country.name)
}

fn sorted(locale: LocaleTag) -> Vec<Country> {
    let column = match locale {
        LocaleTag::En => 1,
        LocaleTag::Fr => 2,
        LocaleTag::Es => 3,
        LocaleTag::Pa => 4,
    };
    let of_line = |line: &'static str| {
        let mut cells = line.split('\t');
        Some(Country { code: cells.next()?, name: cells.nth(column - 1)? })
    };
    let mut countries: Vec<Country> = NAMES.lines().filter_map(of_line).collect();
    countries.sort_by_cached_key(|country| {
        let common = COMMON.iter().position(|code| *code == country.code).unwrap_or(COMMON.len());
        // É stands with E; Gurmukhi signs are not accents
        let accent = |c: &char| ('\u{300}'..='\u{36F}').contains(c) && is_combining_mark(*c);
        let plain: String = country.name.nfd().filter(|c| !accent(c)).flat_map(char::to_lowercase).collect();
        (common, plain)
    });
    countries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_known_by_its_names_and_codes() {
        for (name, code) in [
            ("Canada", "CA"),
            ("canada ", "CA"),
            ("CAN", "CA"),
            ("ca", "CA"),
            ("UK", "GB"),
            ("U.S.A.", "US"),
            ("États-Unis", "US"),
            ("etats unis", "US"),
            ("ਕੈਨੇਡਾ", "CA"),
            ("México", "MX"),
        ] {
            assert_eq!(code_of(name), Some(code), "{name}");
        }
        for name in ["", " ", "XX", "Atlantis", "-"] {
            assert_eq!(code_of(name), None, "{name}");
        }
        assert!(menu(LocaleTag::En).iter().all(|country| code_of(country.code) == Some(country.code)));
    }

    #[test]
    fn menus_have_all_countries_and_common_ones_first() {
        for locale in LocaleTag::ALL {
            let menu = menu(locale);
            assert_eq!((menu.len(), menu[0].code), (249, "CA"));
            assert!(menu.iter().all(|country| !country.name.is_empty() && country.code.len() == 2));
        }
        let codes: Vec<&str> = menu(LocaleTag::Fr).iter().skip(COMMON.len()).map(|country| country.code).collect();
        assert_eq!(codes[..3], ["AF", "ZA", "AL"], "Afghanistan, Afrique du Sud, Albanie");
        assert!(codes.iter().position(|code| *code == "ET") < codes.iter().position(|code| *code == "FJ"), "Éthiopie");
        for (code, locale, expected) in [
            ("DE", LocaleTag::En, "Germany"),
            ("DE", LocaleTag::Fr, "Allemagne"),
            ("LK", LocaleTag::Es, "Sri Lanka"),
            ("CI", LocaleTag::Fr, "Côte d’Ivoire"),
            ("US", LocaleTag::Pa, "ਅਮਰੀਕਾ"),
        ] {
            assert_eq!(name(code, locale), Some(expected));
        }
        assert_eq!(name(OTHER, LocaleTag::En), None);
    }
}
