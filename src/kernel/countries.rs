//! The countries of the world by name, in each language.

use std::{collections::HashMap, sync::LazyLock};

use serde::Serialize;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::text::{LocaleTag, TextError, folded};

/// ISO 3166 codes with names in English, French, Spanish and Punjabi, from CLDR (`scripts/country-names.py`).
const NAMES: &str = include_str!("countries.txt");
/// Countries that stand first in menus: where most supporters are, or come from.
const COMMON: [&str; 14] = ["CA", "US", "MX", "GT", "CO", "HT", "JM", "PH", "IN", "PK", "BD", "NG", "FR", "GB"];
/// The code for a country that no list has; ISO 3166 leaves it to its users.
pub const OTHER: &str = "ZZ";

/// ISO 3166 codes of two letters with those of three, and the names by which countries are called in many languages
/// (`scripts/country-names.py`).
const ALL_NAMES: &str = include_str!("country_names.txt");

/// Names of countries that the list does not have: short ones, abbreviations, slips, and what forms offer beside the
/// countries.
const MORE_NAMES: [(&str, &[&str]); 19] = [
    (
        OTHER,
        &[
            "other",
            "another country",
            "autre",
            "autre pays",
            "otro",
            "otra",
            "otro país",
            "outro",
            "international",
            "kosovo",
        ],
    ),
    ("AE", &["UAE", "Emirates"]),
    ("SA", &["KSA"]),
    ("CN", &["PRC"]),
    ("ZA", &["RSA"]),
    ("CA", &["CDN"]),
    ("VA", &["Vatican", "Vatican City", "Vaticano"]),
    ("TL", &["East Timor", "Timor oriental", "Timor Oriental"]),
    ("TT", &["Trinidad"]),
    ("VC", &["Saint Vincent", "St Vincent"]),
    ("AG", &["Antigua"]),
    ("PS", &["Palestina", "Palestine"]),
    ("DO", &["Rep. Dominicana", "Dominican Rep."]),
    ("HK", &["Hong Kong SAR", "Hong Kong SAR China"]),
    ("PL", &["Polska"]),
    ("IE", &["Éire"]),
    ("HT", &["Ayiti"]),
    ("JM", &["Jamaica W.I.", "Jamaica West Indies"]),
    ("PH", &["Phillipines", "Philipines", "Pilipinas"]),
];

/// Codes by the names of countries; `None` for what several are called by a part of their name.
static CODES: LazyLock<HashMap<String, Option<&'static str>>> = LazyLock::new(|| {
    let (mut codes, mut short_names) = (HashMap::new(), HashMap::new());
    for line in ALL_NAMES.lines() {
        let mut names = line.split('\t');
        let Some(code) = names.next() else { continue };
        for name in names {
            // a country before the state of the same name
            codes.entry(folded(name)).or_insert(Some(code));
            // "Bolivia, Plurinational State of", "Myanmar (Burma)"
            if let Some((short, _)) = name.split_once([',', '(']) {
                let of = short_names.entry(folded(short)).or_insert(Some(code));
                *of = of.filter(|known| *known == code);
            }
        }
    }
    for (code, names) in MORE_NAMES {
        for name in names {
            codes.entry(folded(name)).or_insert(Some(code));
        }
    }
    short_names.remove("");
    for (name, code) in short_names {
        codes.entry(name).or_insert(code);
    }
    codes
});

/// The code of a country that is named in any language, by a part of it (Canada and the United States), by its code of two or three
/// letters, or by its flag; `None` for what is none, or may be several.
pub fn code_of(text: &str) -> Option<&'static str> {
    let letter =
        |c: char| char::from_u32(u32::from(c).checked_sub(0x1F1E6)? + u32::from('A')).filter(char::is_ascii_uppercase);
    let flag: String = text.chars().filter_map(letter).collect();
    let name = folded(text);
    if name.is_empty() && flag.len() == 2 {
        return code_of_letters(&flag, "");
    }
    if name.len() == 2 && name.is_ascii() && !text.trim().contains(char::is_whitespace) && !text.contains('/') {
        return code_of_letters(&name.to_ascii_uppercase(), text);
    }
    let articles = ["the", "les", "le", "la", "los", "el", "l"].iter().filter_map(|article| name.strip_prefix(article));
    let mut names = std::iter::once(name.as_str()).chain(articles);
    names.find_map(|name| CODES.get(name)).copied().flatten()
}

/// The code that two letters are: a country's, or that of the country whose province or state is called so.
fn code_of_letters(letters: &str, text: &str) -> Option<&'static str> {
    // those that are no country's code
    const PROVINCES: [&str; 8] = ["AB", "BC", "MB", "NB", "NS", "NT", "ON", "QC"];
    const STATES: [&str; 25] = [
        "AK", "CT", "DC", "FL", "HI", "IA", "KS", "MI", "ND", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "RI",
        "TX", "UT", "VT", "WA", "WI", "WV", "WY",
    ];
    match letters {
        OTHER => Some(OTHER),
        // as the British and the European Union write them
        "UK" => Some("GB"),
        "EL" => Some("GR"),
        // "É.-U.", and not the European Union
        "EU" if text.contains('.') => Some("US"),
        _ if PROVINCES.contains(&letters) => Some("CA"),
        _ if STATES.contains(&letters) => Some("US"),
        _ => menu(LocaleTag::En).iter().map(|country| country.code).find(|code| *code == letters),
    }
}

/// The code of a country that is typed, as [`code_of`]; empty where nothing is.
///
/// # Errors
/// `unknown_value`.
pub fn parse(typed: &str) -> Result<String, TextError> {
    if typed.trim().is_empty() {
        return Ok(String::new());
    }
    code_of(typed).map(str::to_owned).ok_or_else(|| {
        let detail = "This is no country that we know. Write its name, or two letters such as CA (ISO 3166).";
        TextError { code: "unknown_value", detail: detail.to_owned() }
    })
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
            ("UAE", "AE"),
            ("DR Congo", "CD"),
            ("Québec", "CA"),
            ("ON", "CA"),
            ("🇨🇦", "CA"),
            ("EL", "GR"),
            ("zz", "ZZ"),
        ] {
            assert_eq!(code_of(name), Some(code), "{name}");
        }
        for name in ["", " ", "XX", "EU", "Congo", "Atlantis", "-"] {
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
