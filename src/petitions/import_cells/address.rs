//! Addresses as they are pasted.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{first_value, is_unseen, text};

/// An address as it is pasted: `Ana <ana@example.org>`, `mailto:…`, `ana@example.org (Ana)`, a link of a spreadsheet or
/// of Markdown, with words, punctuation or invisible marks around it. Of several addresses, and of words that may
/// belong to an address with a space in it, it stays as it is, to be refused.
pub(in crate::petitions) fn address(cell: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
