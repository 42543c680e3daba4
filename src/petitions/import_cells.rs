//! What spreadsheets and people make of a cell, and what it was before: formulas that hold text, numbers whose end or
//! beginning was lost, addresses with a name, countries and languages in words.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use percent_encoding::percent_decode_str;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::kernel::{
    countries::{self, OTHER},
    formulas::unguard,
    text::{LocaleTag, is_no_number, is_nothing as says_nothing},
};

/// ISO 3166 codes with names in English, French and Spanish (`scripts/country-names.py`).
const COUNTRY_NAMES: &str = include_str!("../kernel/country_names.txt");

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

/// Countries whose postal codes are digits only and may begin with 0, with their length.
const POSTAL_DIGITS: [(&str, usize); 22] = [
    ("US", 5),
    ("PR", 5),
    ("MX", 5),
    ("FR", 5),
    ("DE", 5),
    ("ES", 5),
    ("IT", 5),
    ("FI", 5),
    ("EE", 5),
    ("KR", 5),
    ("PE", 5),
    ("MY", 5),
    ("TR", 5),
    ("LK", 5),
    ("DO", 5),
    ("AU", 4),
    ("NO", 4),
    ("DK", 4),
    ("CN", 6),
    ("CO", 6),
    ("BR", 8),
    ("JP", 7),
];

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

/// The country of a postal code that stands alone: none if it may be Canadian or there is none, the United States for a
/// ZIP code in a column that is called so, otherwise one that is not known.
pub(super) fn country_of_code(cell: &str, is_zip_column: bool) -> Option<&'static str> {
    let code = digits(cell).ok().filter(|code| !code.is_empty())?;
    if code.chars().any(|c| !c.is_ascii_digit() && !matches!(c, ' ' | '-' | '.')) {
        return None;
    }
    // of three digits, two zeros were lost
    let is_zip = matches!(code.bytes().filter(u8::is_ascii_digit).count(), 3..=5 | 9);
    Some(if is_zip_column && is_zip { "US" } else { OTHER })
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

/// An address as it is pasted: `Ana <ana@example.org>`, `mailto:…`, `ana@example.org (Ana)`, a link of a spreadsheet or
/// of Markdown, with words, punctuation or invisible marks around it. Of several addresses, and of words that may
/// belong to an address with a space in it, it stays as it is, to be refused.
pub(super) fn address(cell: &str) -> String {
    let seen: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    let seen = without_entities(&seen);
    let whole = first_value(&seen).trim();
    let mut found: Vec<(usize, usize, String)> = Vec::new();
    for (start, end) in tokens(whole) {
        if let Some(address) = bare_address(&whole[start..end]) {
            found.push((start, end, address));
        }
    }
    let same = |(_, _, address): &(usize, usize, String)| address.eq_ignore_ascii_case(&found[0].2);
    let Some((start, _, address)) = found.first() else { return trim_marks(whole).to_owned() };
    let end = found.last().map_or(whole.len(), |(_, end, _)| *end);
    let (before, after) = (&whole[..*start], &whole[end..]);
    if found.iter().all(same) && is_apart(before, true) && is_apart(after, false) {
        return address.clone();
    }
    whole.to_owned()
}

/// A cell of a web page's table with the characters that HTML escapes.
fn without_entities(text: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, &str); 5] = [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&#64;", "@"), ("&amp;", "&")];
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(ENTITIES.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign)))
}

/// Places of what stands between white space, brackets, quotation marks and the marks of lists.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let is_edge = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>'
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | '"'
                    | '«'
                    | '»'
                    | ','
                    | ';'
                    | '|'
                    | '#'
                    | '•'
                    | '·'
                    | '…'
            )
            || matches!(c, '\u{2039}' | '\u{203A}' | '\u{2018}'..='\u{201F}' | '\u{2013}' | '\u{2014}')
    };
    let mut places = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
        match (start, is_edge(c)) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                places.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    places
}

/// The address that a token is, without the scheme of a link and the marks around it.
fn bare_address(token: &str) -> Option<String> {
    let mut rest = trim_marks(token);
    let mut is_link = false;
    // Exchange's "SMTP:", a label such as "Email:", a link
    while let Some((scheme, after)) = rest.split_once(':').filter(|(scheme, _)| !scheme.contains('@')) {
        is_link |= scheme.eq_ignore_ascii_case("mailto");
        rest = trim_marks(after);
        // a spreadsheet makes a link of an address: http://ana@example.org
        if let Some(page) = rest.strip_prefix("//") {
            rest = Some(page.trim_end_matches('/')).filter(|page| !page.contains(['/', '?', '=']))?;
        }
    }
    let decoded = is_link.then(|| percent_decode_str(rest).decode_utf8_lossy().into_owned());
    let mut rest = decoded.as_deref().map_or(rest, |decoded| decoded.split('?').next().unwrap_or_default());
    // white space, brackets and quotation marks at the ends of a part of a link
    let coded = ["%20", "%22", "%3C", "%3c", "%3E", "%3e", "%0A", "%0a", "%0D", "%0d", "%09", "%C2%A0"];
    while let Some(less) = coded.iter().find_map(|code| rest.strip_suffix(code).or_else(|| rest.strip_prefix(code))) {
        rest = trim_marks(less);
    }
    let rest = trim_marks(rest);
    let rest = match rest.strip_prefix('*').and_then(|inner| inner.strip_suffix('*')) {
        Some(inner) => inner.trim_matches('*'),
        None => rest.trim_end_matches(['*', '!', '?']),
    };
    let rest = trim_marks(rest);
    // a spreadsheet's mark of a text
    let rest = rest.trim_start_matches('\'');
    let (local, domain) = rest.rsplit_once('@')?;
    let is_whole = !local.is_empty() && !local.contains('@') && domain.contains('.') && !domain.ends_with('.');
    is_whole.then(|| rest.to_owned())
}

/// Is what stands before or after an address no part of it: nothing, something after a mark, or a name?
fn is_apart(text: &str, is_before: bool) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let names = |words: &[&str]| {
        words.iter().all(|word| {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            word.is_empty() || word.starts_with(|c: char| !c.is_lowercase())
        })
    };
    // the character beside the address, and that beside white space
    let (beside, far) = if is_before {
        (text.chars().next_back(), text.trim_end().chars().next_back())
    } else {
        (text.chars().next(), text.trim_start().chars().next())
    };
    let (Some(beside), Some(far)) = (beside, far) else { return true };
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() {
        return true;
    }
    // the number of an item in a list
    if is_before && bare.bytes().all(|byte| byte.is_ascii_digit()) && beside.is_whitespace() {
        return true;
    }
    // "ana. lee@example.org" is one address with a slip, as "a@example.co,uk" is; "a@example.org,Ana" is not
    let is_slip = if is_before {
        let rest = text.trim_end().strip_suffix(far).unwrap_or_default();
        matches!(far, '.' | '-' | '_' | '+') && rest.ends_with(char::is_alphanumeric)
    } else {
        let is_end = bare.len() <= 3 && bare.bytes().all(|b| b.is_ascii_lowercase());
        let is_adjoined = beside == far && !text[far.len_utf8()..].starts_with(char::is_whitespace);
        matches!(far, ',' | '.') && (is_end || (is_adjoined && !names(&[bare])))
    };
    if !far.is_alphanumeric() && !is_slip {
        return true;
    }
    beside.is_whitespace() && words.len() > 1 && names(&words)
}

fn trim_marks(text: &str) -> &str {
    let is_mark = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ';' | ',' | '.' | ':' | '<' | '>' | '"' | '(' | ')' | '[' | ']' | '«' | '»' | '•' | '·' | '…' | '\\'
            )
            || matches!(c, '\u{2018}'..='\u{201F}')
    };
    // these begin and end no address, but an apostrophe may begin one
    let text = text.trim_matches(is_mark);
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner,
        None => text,
    }
}

/// A number of which a spreadsheet kept only the first digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DigitsLost;

/// The digits of a number as a spreadsheet shows it: `4.165550142E+09`, `14165550142.0`; other text as it is.
///
/// # Errors
/// When digits are missing: `1.41656E+10`, `####`.
pub(super) fn digits(cell: &str) -> Result<String, DigitsLost> {
    let text: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    // an apostrophe marks a number as text
    let text = first_value(&text).trim().trim_start_matches('\'').trim_end_matches('\'').trim();
    // so Meta marks the numbers of its lead ads as text
    let text = ["p:", "z:"].iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text).trim();
    if is_no_number(text) {
        return Ok(String::new());
    }
    if text.len() >= 2 && text.bytes().all(|byte| byte == b'#') {
        return Err(DigitsLost);
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // what stands after it in a list, and thousands
    let text = text.trim_end_matches([',', ';']).trim_end();
    let groups = || {
        text.split(',')
            .enumerate()
            .all(|(at, group)| is_number(group) && (group.len() == 3 || (at == 0 && group.len() < 3)))
    };
    if text.matches(',').count() >= 2 && groups() {
        return Ok(text.replace(',', ""));
    }
    if let Some((mantissa, exponent)) = text.split_once(['E', 'e'])
        && let Ok(exponent) = exponent.trim_start_matches('+').trim().parse::<usize>()
        && exponent < 40
    {
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
        if is_number(whole) && (fraction.is_empty() || is_number(fraction)) {
            return if fraction.len() == exponent { Ok(format!("{whole}{fraction}")) } else { Err(DigitsLost) };
        }
    }
    if let Some((whole, fraction)) = text.split_once(['.', ','])
        && is_number(whole)
        && whole.len() > 3
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0')
        && fraction.len() < 3
    {
        return Ok(whole.to_owned());
    }
    Ok(text.to_owned())
}

/// A postal code; zeros that a spreadsheet took from its beginning are put back where the country's codes have as many
/// digits.
///
/// # Errors
/// As [`digits`].
pub(super) fn postal_code(cell: &str, country: &str) -> Result<String, DigitsLost> {
    let code = digits(cell)?;
    let length = POSTAL_DIGITS.into_iter().find(|(known, _)| *known == country).map(|(_, length)| length);
    let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    Ok(match length {
        // two zeros at most: 501 is 00501 in New York
        Some(length) if is_number && code.len() < length && code.len() + 2 >= length => format!("{code:0>length$}"),
        _ => code,
    })
}

/// Without case, accents and punctuation; vowel signs of Indic scripts are kept.
fn plain(text: &str) -> String {
    let is_accent = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    let kept = |c: &char| !is_accent(*c) && (c.is_alphanumeric() || is_combining_mark(*c));
    text.nfkd().filter(kept).flat_map(char::to_lowercase).collect()
}

/// Codes by the names of countries; `None` for what several are called by a part of their name.
static COUNTRY_CODES: LazyLock<HashMap<String, Option<&str>>> = LazyLock::new(|| {
    let (mut codes, mut short_names) = (HashMap::new(), HashMap::new());
    for line in COUNTRY_NAMES.lines() {
        let mut names = line.split('\t');
        let Some(code) = names.next() else { continue };
        for name in names {
            // a country before the state of the same name
            codes.entry(plain(name)).or_insert(Some(code));
            // "Bolivia, Plurinational State of", "Myanmar (Burma)"
            if let Some((short, _)) = name.split_once([',', '(']) {
                let of = short_names.entry(plain(short)).or_insert(Some(code));
                *of = of.filter(|known| *known == code);
            }
        }
    }
    for (code, names) in MORE_NAMES {
        for name in names {
            codes.entry(plain(name)).or_insert(Some(code));
        }
    }
    short_names.remove("");
    for (name, code) in short_names {
        codes.entry(name).or_insert(code);
    }
    codes
});

/// The code of a country that is named, alone or with its code, a place or a flag (`CA - Canada`, `Toronto, Canada`),
/// or what stands there; nothing for "N/A" and the like.
pub(super) fn country(cell: &str) -> String {
    let text: String = text(cell).chars().filter(|c| !is_unseen(*c)).collect();
    let text = text.trim();
    if let Some(code) = country_code(text) {
        return code;
    }
    if is_nothing(text) {
        return String::new();
    }
    let parts = text.split(['(', ')', '-', '/', '|', ':', ',', ';', '[', ']', '\u{2013}', '\u{2014}']);
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    // "Los Angeles, CA, USA": after a place and a state the country stands last
    if let [_, _, .., last] = parts.as_slice()
        && last.len() > 2
        && let Some(code) = country_code(last)
    {
        return code;
    }
    let mut codes: Vec<String> = parts.into_iter().filter_map(country_code).collect();
    codes.dedup();
    match codes.as_slice() {
        [code] => code.clone(),
        _ => text.to_owned(),
    }
}

/// The code that two letters are: a country's, that of the country whose province or state is called so, or they
/// themselves, which are then refused.
fn code_of_letters<'a>(letters: &'a str, text: &str) -> &'a str {
    // those that are no country's code
    const PROVINCES: [&str; 8] = ["AB", "BC", "MB", "NB", "NS", "NT", "ON", "QC"];
    const STATES: [&str; 25] = [
        "AK", "CT", "DC", "FL", "HI", "IA", "KS", "MI", "ND", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "RI",
        "TX", "UT", "VT", "WA", "WI", "WV", "WY",
    ];
    match letters {
        "UK" => "GB",
        // "É.-U.", and not the European Union
        "EU" if text.contains('.') => "US",
        _ if countries::name(letters, LocaleTag::En).is_some() => letters,
        _ if PROVINCES.contains(&letters) => "CA",
        _ if STATES.contains(&letters) => "US",
        _ => letters,
    }
}

fn country_code(text: &str) -> Option<String> {
    let flag: String = text
        .chars()
        .filter_map(|c| {
            u32::from(c).checked_sub(0x1F1E6).filter(|n| *n < 26).and_then(|n| char::from_digit(n + 10, 36))
        })
        .collect();
    let name = plain(text);
    if name.is_empty() && flag.len() == 2 {
        return Some(flag.to_ascii_uppercase());
    }
    if name.len() == 2 && name.is_ascii() && !text.contains(char::is_whitespace) && !text.contains('/') {
        return Some(code_of_letters(&name.to_ascii_uppercase(), text).to_owned());
    }
    let articles = ["the", "les", "le", "la", "los", "el", "l"].iter().filter_map(|article| name.strip_prefix(article));
    let mut names = std::iter::once(name.as_str()).chain(articles);
    let code = names.find_map(|name| COUNTRY_CODES.get(name));
    code.copied().flatten().map(str::to_owned)
}

/// The tag of a language that is named, or what stands there.
pub(super) fn language(cell: &str) -> String {
    let text = text(cell).replace('_', "-");
    // "fr,en": the first of several
    let tag = text.split(['(', '/', ',', ';']).next().unwrap_or_default().trim();
    if tag.len() < text.len() && LocaleTag::parse(tag).is_ok() {
        return tag.to_owned();
    }
    // "Français (Canada)", "English / anglais"
    let first = text.split(['(', '/', ',', ';', '-']).next().unwrap_or_default();
    let name = plain(first);
    let known_as = |name: &str| LANGUAGES.into_iter().find(|(_, names)| names.iter().any(|known| plain(known) == name));
    // "Canadian French": one of its words
    let known = known_as(&name).or_else(|| first.split_whitespace().find_map(|word| known_as(&plain(word))));
    known.map_or(text, |(tag, _)| tag.to_owned())
}

/// Is it a yes: of a list, a checkbox, or the beginning of an answer such as "Yes, keep me posted"?
pub(super) fn is_yes(cell: &str) -> bool {
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
    fn pasted_addresses() {
        for (cell, expected) in [
            ("Ana Lee <ana@example.org>", "ana@example.org"),
            ("\"Lee, Ana\" <ana@example.org>;", "ana@example.org"),
            ("<ana@example.org>", "ana@example.org"),
            ("mailto:ana@example.org", "ana@example.org"),
            ("MAILTO:ana@example.org?subject=Hi", "ana@example.org"),
            ("<mailto:ana@example.org>", "ana@example.org"),
            ("ana@example.org;", "ana@example.org"),
            ("ana@example.org,", "ana@example.org"),
            ("ana@example.org.", "ana@example.org"),
            ("an\u{200B}a@exam\u{AD}ple.org", "ana@example.org"),
            ("\u{202A}ana@example.org\u{202C}", "ana@example.org"),
            ("\u{A0} ana@example.org\u{A0} ", "ana@example.org"),
            ("ana@example.org (Ana)", "ana@example.org"),
            ("“ana@example.org”", "ana@example.org"),
            ("'ana@example.org'", "ana@example.org"),
            ("o'brien@example.org", "o'brien@example.org"),
            ("em@example.org <mailto:em@example.org>", "em@example.org"),
            ("Em <em@example.org<mailto:em@example.org>>", "em@example.org"),
            ("=HYPERLINK(\"mailto:em@example.org\",\"em@example.org\")", "em@example.org"),
            ("=HYPERLINK(\"mailto:em@example.org\";\"Em\")", "em@example.org"),
            ("[Ana](mailto:ana@example.org)", "ana@example.org"),
            ("[em@example.org](mailto:em@example.org)", "em@example.org"),
            ("Ana Lee em@example.org", "em@example.org"),
            ("Ana Lee - em@example.org", "em@example.org"),
            ("em@example.org Ana Lee", "em@example.org"),
            ("em@example.org - work", "em@example.org"),
            ("em@example.org,Ana", "em@example.org"),
            ("em@example.org, Ana Lee", "em@example.org"),
            ("Lee, Ana em@example.org", "em@example.org"),
            ("SMTP:em@example.org", "em@example.org"),
            ("smtp:em@example.org;SMTP:Em@example.org", "em@example.org"),
            ("em@example.org ::: bo@example.org", "em@example.org"),
            ("Email: em@example.org", "em@example.org"),
            ("Courriel : em@example.org", "em@example.org"),
            ("e-mail:em@example.org", "em@example.org"),
            ("mailto:em%40example.org", "em@example.org"),
            ("mailto:em+x@example.org?subject=a%20b", "em+x@example.org"),
            ("em@example.org!", "em@example.org"),
            ("em@example.org*", "em@example.org"),
            ("**em@example.org**", "em@example.org"),
            ("em@example.org%20", "em@example.org"),
            ("%20em@example.org", "em@example.org"),
            ("em@example.org\\", "em@example.org"),
            ("em@example.org/", "em@example.org/"),
            ("http://em@example.org", "em@example.org"),
            ("https://em@example.org/", "em@example.org"),
            ("https://example.org/?e=em@example.org", "https://example.org/?e=em@example.org"),
            ("em@example.org#mailto:em@example.org#", "em@example.org"),
            ("#em@example.org", "em@example.org"),
            ("&lt;em@example.org&gt;", "em@example.org"),
            ("em@example.org&nbsp;", "em@example.org"),
            ("em&#64;example.org", "em@example.org"),
            ("1. em@example.org", "em@example.org"),
            ("{em@example.org}", "em@example.org"),
            ("‹em@example.org›", "em@example.org"),
            ("'em@example.org", "em@example.org"),
            // a space or a comma that slipped in
            ("ana lee@example.org", "ana lee@example.org"),
            ("Ana lee@example.org", "Ana lee@example.org"),
            ("em@example.co,uk", "em@example.co,uk"),
            ("em@example.co, uk", "em@example.co, uk"),
            ("em@example.co .uk", "em@example.co .uk"),
            ("em@example.co m", "em@example.co m"),
            ("ana. lee@example.org", "ana. lee@example.org"),
            ("ana- lee@example.org", "ana- lee@example.org"),
            ("Ana L. em@example.org", "em@example.org"),
            ("ana@gmail,com", "ana@gmail,com"),
            ("em@mail. example.org", "em@mail. example.org"),
            // two addresses are nobody's
            ("ana@example.org; bo@example.org", "ana@example.org; bo@example.org"),
            ("ana @example.org", "ana @example.org"),
        ] {
            assert_eq!(address(cell), expected, "{cell}");
        }
    }

    #[test]
    fn numbers_of_spreadsheets() {
        for (cell, expected) in [
            ("1.41656E+10", Err(DigitsLost)),
            ("1,64155E+10", Err(DigitsLost)),
            ("4,16E+09", Err(DigitsLost)),
            ("5E+09", Err(DigitsLost)),
            ("#########", Err(DigitsLost)),
            ("4.165550142E+09", Ok("4165550142")),
            ("1,4165550142e10", Ok("14165550142")),
            ("14165550142.0", Ok("14165550142")),
            ("=\"4165550142\"", Ok("4165550142")),
            ("'+1 416 555 0145", Ok("+1 416 555 0145")),
            ("\u{202D}+1 416-555-0142\u{202C}", Ok("+1 416-555-0142")),
            ("416.555.0142", Ok("416.555.0142")),
            ("416-555-0142 ext. 2", Ok("416-555-0142 ext. 2")),
            ("٤١٦٥٥٥٠١٤٢", Ok("٤١٦٥٥٥٠١٤٢")),
            ("", Ok("")),
            ("416-555-0142 ::: 416-555-0143", Ok("416-555-0142")),
            ("n/a", Ok("")),
            ("-", Ok("")),
            ("000-000-0000", Ok("")),
            ("p:+14165550142", Ok("+14165550142")),
            ("z:M5V 3L9", Ok("M5V 3L9")),
            ("non", Ok("")),
            ("#ERROR!", Ok("")),
            ("4,165,550,142", Ok("4165550142")),
            ("416-555-0142,", Ok("416-555-0142")),
            ("416-555-0142;", Ok("416-555-0142")),
            ("'4165550142", Ok("4165550142")),
        ] {
            assert_eq!(digits(cell), expected.map(str::to_owned), "{cell}");
        }
    }

    #[test]
    fn postal_codes_get_their_zeros_back() {
        for (cell, country, expected) in [
            ("2139", "US", "02139"),
            ("501", "US", "00501"),
            ("2139.0", "US", "02139"),
            ("98101", "US", "98101"),
            ("2139-1234", "US", "2139-1234"),
            ("1000", "FR", "01000"),
            ("6100", "MX", "06100"),
            ("800", "AU", "0800"),
            ("21", "US", "21"),
            ("2139", "", "2139"),
            ("=\"M5V 3L9\"", "CA", "M5V 3L9"),
        ] {
            assert_eq!(postal_code(cell, country).unwrap(), expected, "{cell} {country}");
        }
    }

    #[test]
    fn country_of_a_code_alone() {
        for (cell, is_zip, expected) in [
            ("98101", true, Some("US")),
            ("98101-1234", true, Some("US")),
            ("2139", true, Some("US")),
            ("2139.0", true, Some("US")),
            ("98101", false, Some("ZZ")),
            ("110001", true, Some("ZZ")),
            ("M5V 3L9", true, None),
            ("M5V", false, None),
            ("n/a", true, None),
            ("00000", true, None),
            ("", false, None),
        ] {
            assert_eq!(country_of_code(cell, is_zip), expected, "{cell}");
        }
    }

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
            ("Atlantis", "Atlantis"),
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
            ("CA - California", "CA - California"),
            ("ON", "CA"),
            ("QC", "CA"),
            ("B.C.", "CA"),
            ("N.Y.", "US"),
            ("E.U.", "US"),
            ("EU", "EU"),
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
            ("Congo", "Congo"),
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
            assert_eq!(country(cell), expected, "{cell}");
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
    fn names_that_are_words_for_nothing() {
        for name in ["Null", "Na", "Nil", "None", "So", "Blank", "X"] {
            assert!(!is_no_name(name), "{name}");
        }
        for name in ["-", "N/A", "n.a.", "#N/A", "Not provided", "(blank)", "Inconnu"] {
            assert!(is_no_name(name), "{name}");
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
