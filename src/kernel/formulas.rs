//! Cells that a spreadsheet would take for a formula
//! (<https://owasp.org/www-community/attacks/CSV_Injection>): guarded by a single quote when they are written, and freed
//! of it when they are read again. Quoting does not prevent it. Where the list separator is a semicolon (French Canada,
//! most of Europe) a spreadsheet splits the lines at other places and ignores quotes within a cell; therefore the same
//! is done after each semicolon, tab and line break in a text.

use std::borrow::Cow;

/// Inserts a single quote wherever a spreadsheet could read the beginning of a formula.
pub fn guard(text: &str) -> Cow<'_, str> {
    let begins = begins_formula(text);
    if !begins && !text.contains(is_break) {
        return Cow::Borrowed(text);
    }
    let mut guarded = String::with_capacity(text.len() + 8);
    if begins {
        guarded.push('\'');
    }
    for (at, c) in text.char_indices() {
        guarded.push(c);
        let rest = &text[at + c.len_utf8()..];
        if is_break(c) && rest.chars().find(|c| !is_passed_over(*c)).is_some_and(is_formula) {
            guarded.push('\'');
        }
    }
    Cow::Owned(guarded)
}

fn begins_formula(text: &str) -> bool {
    text.chars().find(|c| !is_passed_over(*c)).is_some_and(|c| is_formula(c) || matches!(c, '\t' | '\r' | '\n'))
}

/// Removes the single quotes that [`guard`] inserts, so that a list that was exported is imported as it was.
pub fn unguard(text: &str) -> Cow<'_, str> {
    if !text.contains('\'') {
        return Cow::Borrowed(text);
    }
    let mut free = String::with_capacity(text.len());
    let mut rest = match text.strip_prefix('\'') {
        Some(rest) if begins_formula(rest) => rest,
        _ => text,
    };
    while let Some(c) = rest.chars().next() {
        free.push(c);
        rest = &rest[c.len_utf8()..];
        if let Some(after) = rest.strip_prefix('\'').filter(|_| is_break(c))
            && after.chars().find(|c| !is_passed_over(*c)).is_some_and(is_formula)
        {
            rest = after;
        }
    }
    Cow::Owned(free)
}

/// Is it a character that begins a formula, in ASCII or in the full-width or small form that spreadsheets convert to
/// it?
pub(crate) fn is_formula(c: char) -> bool {
    matches!(
        c,
        '=' | '+'
            | '-'
            | '@'
            | '\u{FF1D}'
            | '\u{FF0B}'
            | '\u{FF0D}'
            | '\u{FF20}'
            | '\u{FE66}'
            | '\u{FE62}'
            | '\u{FE63}'
            | '\u{FE6B}'
    )
}

/// Is it a character after which a cell may begin, in some locale?
pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\t' | '\r' | '\n' | ';')
}

/// Is it a character that spreadsheets ignore before a formula: space, quote, invisible character?
fn is_passed_over(c: char) -> bool {
    let quote = matches!(c, '"' | '\'' | '\u{2018}'..='\u{201F}' | '\u{FF02}' | '\u{FF07}' | '`');
    let invisible = matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    !is_break(c) && (c.is_whitespace() || c.is_control() || quote || invisible)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn unguard_is_the_inverse(text in "[ab'\"=+@\\-; \t\n\r\u{200B}]{0,12}") {
            let guarded = guard(&text);
            prop_assert_eq!(unguard(&guarded), text.as_str());
        }
    }

    #[test]
    fn quotes_that_are_no_guard_stay() {
        for (read, expected) in
            [("'+1 416", "+1 416"), ("O'Brien", "O'Brien"), ("'tis", "'tis"), ("''=x", "'=x"), ("a;'=b", "a;=b")]
        {
            assert_eq!(unguard(read), expected);
        }
    }
}
