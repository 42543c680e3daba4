//! Texts that stand for nothing.

use super::folded;

/// What people, forms and programs write into a field for which they have nothing, in the form of [`folded`], in
/// English, French, Spanish, Portuguese, Punjabi and Chinese.
const NOTHING: [&str; 76] = [
    "na",
    "notavailable",
    "notapplicable",
    "notprovided",
    "notgiven",
    "notspecified",
    "notset",
    "notstated",
    "noanswer",
    "noresponse",
    "noneprovided",
    "nonegiven",
    "unspecified",
    "undisclosed",
    "prefernottosay",
    "prefernottoanswer",
    "declinedtoanswer",
    "declinetoanswer",
    "unknown",
    "notknown",
    "unk",
    "blank",
    "empty",
    "none",
    "nil",
    "null",
    "undefined",
    "nan",
    "nat",
    "missing",
    "tbd",
    "so",
    "sansobjet",
    "sansreponse",
    "pasdereponse",
    "aucun",
    "aucune",
    "aucunereponse",
    "neant",
    "inconnu",
    "inconnue",
    "nonfourni",
    "nonfournie",
    "nondisponible",
    "nonspecifie",
    "nonrenseigne",
    "nonapplicable",
    "jepreferenepasrepondre",
    "nd",
    "nc",
    "vide",
    "ninguno",
    "ninguna",
    "desconocido",
    "desconocida",
    "noaplica",
    "nodisponible",
    "noespecificado",
    "sindatos",
    "sinrespuesta",
    "sinespecificar",
    "sd",
    "vacio",
    "nenhum",
    "nenhuma",
    "desconhecido",
    "naoinformado",
    "naoseaplica",
    "semresposta",
    "ਕੋਈਨਹੀਂ",
    "ਪਤਾਨਹੀਂ",
    "ਲਾਗੂਨਹੀਂ",
    "ਅਣਜਾਣ",
    "不适用",
    "不適用",
    "未知",
];
/// Errors of spreadsheets.
const ERRORS: [&str; 16] = [
    "#n/a",
    "#n/d",
    "#ref!",
    "#value!",
    "#valeur!",
    "#¡valor!",
    "#name?",
    "#nom?",
    "#¿nombre?",
    "#null!",
    "#num!",
    "#nombre!",
    "#div/0!",
    "#¡div/0!",
    "#error!",
    "#erreur!",
];

/// Does a text say that there is nothing: no text, a mark such as `-`, words such as "N/A" or "inconnu", a
/// spreadsheet's error?
pub fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_lowercase();
    let has_signs = text.chars().any(char::is_alphanumeric);
    (!has_signs && !text.contains('#'))
        || ERRORS.contains(&lower.as_str())
        || lower == "\\n"
        || (text.len() <= 64 && NOTHING.contains(&folded(text).as_str()))
        || matches!(lower.as_str(), "无" | "無" | "没有" | "不详" | "不詳" | "0000-00-00" | "00/00/0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing() {
        for cell in [
            "",
            "-",
            "--",
            "—",
            ".",
            "?",
            "n/a",
            "N/A",
            "N.A.",
            "na",
            "none",
            "NULL",
            "nil",
            "Unknown",
            "#N/A",
            "#REF!",
            "(blank)",
            "\\N",
            "s.o.",
            "S/O",
            "Sans objet",
            "aucun",
            "Néant",
            "inconnue",
            "n/d",
            "ninguno",
            "Desconocido",
            "No aplica",
            "S/D",
            "não informado",
            "ਪਤਾ ਨਹੀਂ",
            "无",
            "不适用",
            "Prefer not to say",
            "0000-00-00",
        ] {
            assert!(is_nothing(cell), "{cell}");
        }
        for cell in ["No", "0", "Ana", "Nanaimo", "Nil Lane", "x", "######", "5"] {
            assert!(!is_nothing(cell), "{cell}");
        }
    }
}
