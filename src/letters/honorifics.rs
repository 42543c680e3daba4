//! Honorifics of officials in each language. They are typed in one; those that are the same for everybody of an office
//! and for every gender are known in the others.

use crate::kernel::text::LocaleTag;

/// English, French, Spanish and Punjabi. French and Spanish without an article that tells a gender.
const HONORIFICS: &[[&str; 4]] = &[
    ["The Honourable", "L’honorable", "Honorable", "ਮਾਣਯੋਗ"],
    ["The Right Honourable", "Très honorable", "Muy Honorable", "ਅਤਿ ਮਾਣਯੋਗ"],
    ["Mr.", "M.", "Sr.", "ਸ਼੍ਰੀ"],
    ["Mrs.", "Mme", "Sra.", "ਸ਼੍ਰੀਮਤੀ"],
    ["Ms.", "Mme", "Sra.", "ਸ਼੍ਰੀਮਤੀ"],
    ["Her Excellency", "Son Excellence", "Su Excelencia", "ਮਹਾਮਹਿਮ"],
    ["His Excellency", "Son Excellence", "Su Excelencia", "ਮਹਾਮਹਿਮ"],
    ["The Hon.", "L’hon.", "Hon.", "ਮਾਣਯੋਗ"],
    ["The Rt. Hon.", "Très hon.", "Muy Hon.", "ਅਤਿ ਮਾਣਯੋਗ"],
];

/// An honorific in a language; as it was typed if it is not known.
pub(super) fn honorific_in(typed: &str, locale: LocaleTag) -> String {
    let column = match locale {
        LocaleTag::En => 0,
        LocaleTag::Fr => 1,
        LocaleTag::Es => 2,
        LocaleTag::Pa => 3,
    };
    let sought = key(typed);
    let is_same = |form: &str| key(form) == sought;
    // one that is known in the language itself comes first: "M." is several English ones
    let known = HONORIFICS.iter().find(|forms| is_same(forms[column]));
    let known = known.or_else(|| HONORIFICS.iter().find(|forms| forms.iter().any(|form| is_same(form))));
    match known {
        // English may be American
        Some(forms) if locale != LocaleTag::En || !is_same(forms[column]) => forms[column].to_owned(),
        _ => typed.to_owned(),
    }
}

/// Without case, points, article, and the American spelling.
fn key(typed: &str) -> String {
    let plain = typed.to_lowercase().replace(['.', '’', '\'', ' ', '\u{a0}'], "");
    let plain = plain.strip_prefix("the").unwrap_or(&plain);
    plain.replace("honour", "honor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honorifics_follow_the_language() {
        use LocaleTag::{En, Es, Fr, Pa};
        for (typed, locale, shown) in [
            ("The Honourable", En, "The Honourable"),
            ("The Honourable", Fr, "L’honorable"),
            ("Honourable", Fr, "L’honorable"),
            ("the honorable", Fr, "L’honorable"),
            ("Hon.", Fr, "L’hon."),
            ("The Honourable", Es, "Honorable"),
            ("The Honourable", Pa, "ਮਾਣਯੋਗ"),
            ("The Right Honourable", Fr, "Très honorable"),
            ("L'honorable", En, "The Honourable"),
            ("L’honorable", Fr, "L’honorable"),
            ("L'honorable", Fr, "L’honorable"),
            ("The Honorable", En, "The Honorable"),
            ("Honorable", Es, "Honorable"),
            ("Mr.", Fr, "M."),
            ("Ms", Fr, "Mme"),
            ("Mme", Fr, "Mme"),
            ("Mr", Es, "Sr."),
            // not the same for every gender, or not known
            ("Minister", Fr, "Minister"),
            ("Dr.", Fr, "Dr."),
            ("", Fr, ""),
        ] {
            assert_eq!(honorific_in(typed, locale), shown, "{typed} {locale:?}");
        }
    }
}
