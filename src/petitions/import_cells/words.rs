//! Countries, languages and agreement in words.

use super::{is_nothing, is_unseen, text};
use crate::kernel::{
    countries::code_of,
    text::{LocaleTag, folded},
};

/// Languages in words and ISO 639-2, for those that Muster speaks.
const LANGUAGES: [(&str, &[&str]); 4] = [
    ("en", &["english", "anglais", "ingles", "eng", "englisch", "ਅੰਗਰੇਜ਼ੀ", "ਅੰਗਰੇਜੀ", "英语", "英語", "英文"]),
    (
        "fr",
        &[
            "french",
            "francais",
            "frances",
            "fre",
            "fra",
            "franzosisch",
            "ਫ਼ਰਾਂਸੀਸੀ",
            "ਫਰਾਂਸੀਸੀ",
            "ਫਰੈਂਚ",
            "法语",
            "法語",
            "法文",
        ],
    ),
    (
        "es",
        &[
            "spanish",
            "espanol",
            "espagnol",
            "espanhol",
            "castellano",
            "spa",
            "spanisch",
            "ਸਪੇਨੀ",
            "ਸਪੈਨਿਸ਼",
            "西班牙语",
            "西班牙語",
        ],
    ),
    ("pa", &["punjabi", "panjabi", "pendjabi", "penyabi", "pan", "ਪੰਜਾਬੀ", "旁遮普语"]),
];

/// The code of a country that is named, alone or with its code, a place or a flag (`CA - Canada`, `Toronto, Canada`),
/// empty for "N/A" and the like; `None` for what is no country, or may be several.
pub(in crate::petitions) fn country(cell: &str) -> Option<String> {
    let text: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    let text = text.trim();
    if let Some(code) = code_of(text) {
        return Some(code.to_owned());
    }
    if is_nothing(text) {
        return Some(String::new());
    }
    let parts = text.split(['(', ')', '-', '/', '|', ':', ',', ';', '[', ']', '\u{2013}', '\u{2014}']);
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    // "Los Angeles, CA, USA": after a place and a state the country stands last
    if let [_, _, .., last] = parts.as_slice()
        && last.len() > 2
        && let Some(code) = code_of(last)
    {
        return Some(code.to_owned());
    }
    let mut codes: Vec<&str> = parts.into_iter().filter_map(code_of).collect();
    codes.dedup();
    match codes.as_slice() {
        [code] => Some((*code).to_owned()),
        _ => None,
    }
}

/// The tag of a language that is named, or what stands there.
pub(in crate::petitions) fn language(cell: &str) -> String {
    let text = text(cell).replace('_', "-");
    // "fr,en": the first of several
    let tag = text.split(['(', '/', ',', ';']).next().unwrap_or_default().trim();
    if tag.len() < text.len() && LocaleTag::parse(tag).is_ok() {
        return tag.to_owned();
    }
    // "Français (Canada)", "English / anglais"
    let first = text.split(['(', '/', ',', ';', '-']).next().unwrap_or_default();
    let name = folded(first);
    let known_as =
        |name: &str| LANGUAGES.into_iter().find(|(_, names)| names.iter().any(|known| folded(known) == name));
    // "Canadian French": one of its words
    let known = known_as(&name).or_else(|| first.split_whitespace().find_map(|word| known_as(&folded(word))));
    known.map_or(text, |(tag, _)| tag.to_owned())
}

/// Is it a yes: of a list, a checkbox, or the beginning of an answer such as "Yes, keep me posted"?
pub(in crate::petitions) fn is_yes(cell: &str) -> bool {
    const YES: [&str; 41] = [
        "1.0",
        "t",
        "v",
        "✅",
        "☒",
        "yes please",
        "yes, please",
        "oui s'il vous plaît",
        "sí por favor",
        "acepto",
        "accepte",
        "agreed",
        "opt-in",
        "opted in",
        "opted-in",
        "sim",
        "ja",
        "是",
        "on",
        "checked",
        "agree",
        "i agree",
        "j’accepte",
        "j'accepte",
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
            ("Atlantis", "unknown"),
            ("", ""),
            ("N/A", ""),
            ("n/a", ""),
            ("NA", "NA"),
            ("Unknown", ""),
            ("-", ""),
            ("Inconnu", ""),
            ("(blank)", ""),
            ("Québec", "CA"),
            ("Ontario", "CA"),
            ("Texas", "US"),
            ("Georgia", "GE"),
            ("CA - Canada", "CA"),
            ("canada (ca)", "CA"),
            ("Canada/CA", "CA"),
            ("Toronto, Canada", "CA"),
            ("CA - California", "unknown"),
            ("ON", "CA"),
            ("QC", "CA"),
            ("B.C.", "CA"),
            ("N.Y.", "US"),
            ("E.U.", "US"),
            ("EU", "unknown"),
            ("CA-ON", "CA"),
            ("Toronto, ON, Canada", "CA"),
            ("Los Angeles, CA, USA", "US"),
            ("Other", "ZZ"),
            ("Autre", "ZZ"),
            ("U.A.E.", "AE"),
            ("Vatican", "VA"),
            ("Rep. Dominicana", "DO"),
            ("Hong Kong SAR", "HK"),
            ("Éire", "IE"),
            ("Phillipines", "PH"),
            ("DR Congo", "CD"),
            ("Congo (DRC)", "CD"),
            ("République démocratique du Congo", "CD"),
            ("Congo-Brazzaville", "CG"),
            ("Congo", "unknown"),
            ("Korea", "KR"),
            ("ਕੈਨੇਡਾ", "CA"),
            ("ਭਾਰਤ", "IN"),
            ("Brasil", "BR"),
            ("Canadá", "CA"),
            ("加拿大", "CA"),
            ("🇨🇦 Canada", "CA"),
            ("🇨🇦", "CA"),
            ("U.K.", "GB"),
            ("Le Canada", "CA"),
            ("L’Inde", "IN"),
        ] {
            assert_eq!(country(cell).unwrap_or_else(|| "unknown".to_owned()), expected, "{cell}");
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
            ("ਅੰਗਰੇਜ਼ੀ", "en"),
            ("Français / French", "fr"),
            ("français canadien", "fr"),
            ("Canadian French", "fr"),
            ("fr,en", "fr"),
            ("EN/FR", "EN"),
        ] {
            assert_eq!(language(cell), expected, "{cell}");
        }
    }

    #[test]
    fn yes_in_words() {
        for yes in [
            "Yes",
            "T",
            "1.0",
            "✅",
            "Yes please",
            "Acepto",
            "opted in",
            "OUI",
            "sí",
            "TRUE",
            "VRAI",
            "VERDADERO",
            "1",
            "x",
            "Oui, tenez-moi au courant",
            "subscribed",
        ] {
            assert!(is_yes(yes), "{yes}");
        }
        for no in ["", "no", "false", "0", "unsubscribed", "non", "yesterday", "si no"] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
