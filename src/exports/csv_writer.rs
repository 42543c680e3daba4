//! CSV (RFC 4180) that is safe to open: what somebody typed never reaches a spreadsheet as a formula.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`
//! (<https://owasp.org/www-community/attacks/CSV_Injection>). Quoting does not help, so a single quote is put before it.
//! Where the list separator is a semicolon (French Canada, most of Europe) a spreadsheet cuts our lines at other places
//! and heeds no quotes that stand within a cell; so the same is done after each semicolon, tab and line break in a text.

use std::borrow::Cow;

use ::csv::{Terminator, Writer, WriterBuilder};
use bytes::Bytes;

use crate::error::{Error, Result};

/// UTF-8's byte order mark, without which Excel takes the file for Windows-1252.
pub const BOM: &[u8] = "\u{FEFF}".as_bytes();

/// One cell.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// Ours: an id, a time, a number, a word of the code.
    Ours(Cow<'a, str>),
    /// Somebody typed it.
    Typed(Cow<'a, str>),
}

/// A cell of ours.
pub fn trusted<'a>(text: impl Into<Cow<'a, str>>) -> Cell<'a> {
    Cell::Ours(text.into())
}

/// A cell that somebody typed.
pub fn untrusted<'a>(text: impl Into<Cow<'a, str>>) -> Cell<'a> {
    Cell::Typed(text.into())
}

/// Lines of a CSV file on their way out.
#[derive(Debug)]
pub struct CsvWriter(Writer<Vec<u8>>);

impl CsvWriter {
    /// A sheet that begins with these bytes: nothing, or [`BOM`].
    pub fn beginning_with(bytes: &[u8]) -> Self {
        Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(bytes.to_vec()))
    }

    /// Adds a line.
    ///
    /// # Errors
    /// `internal` when it has another length than the line before.
    pub fn write_row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<()> {
        let cells = cells.into_iter().map(|cell| match cell {
            Cell::Ours(text) => text,
            Cell::Typed(text) => match guard(&text) {
                Cow::Borrowed(_) => text,
                Cow::Owned(guarded) => Cow::Owned(guarded),
            },
        });
        for cell in cells {
            self.0.write_field(cell.as_bytes()).map_err(Error::internal)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(Error::internal)
    }

    /// The lines as bytes.
    ///
    /// # Errors
    /// `internal`; writing to memory does not fail.
    pub fn into_bytes(self) -> Result<Bytes> {
        // the cause would carry the buffer, and with it what people typed
        self.0.into_inner().map(Bytes::from).map_err(|_| Error::internal("a CSV buffer could not be finished"))
    }
}

/// The text, with a single quote wherever a spreadsheet could begin a formula in it.
pub fn guard(text: &str) -> Cow<'_, str> {
    let begins =
        text.chars().find(|c| !is_passed_over(*c)).is_some_and(|c| is_formula(c) || matches!(c, '\t' | '\r' | '\n'));
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

/// Begins a formula, in ASCII or as the full-width or small form that spreadsheets fold into it.
fn is_formula(c: char) -> bool {
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

/// May a cell begin after it, in some locale?
fn is_break(c: char) -> bool {
    matches!(c, '\t' | '\r' | '\n' | ';')
}

/// Stands before a formula without keeping it from being one: spaces, quotes, what cannot be seen.
fn is_passed_over(c: char) -> bool {
    let quote = matches!(c, '"' | '\'' | '\u{2018}'..='\u{201F}' | '\u{FF02}' | '\u{FF07}' | '`');
    let invisible = matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    !is_break(c) && (c.is_whitespace() || c.is_control() || quote || invisible)
}

#[cfg(test)]
mod tests {
    use ::csv::ReaderBuilder;
    use proptest::prelude::*;

    use super::*;

    fn writer(cells: &[String]) -> Bytes {
        let mut writer = CsvWriter::beginning_with(b"");
        writer.write_row([trusted("id"), trusted("a"), trusted("b"), trusted("c")]).unwrap();
        writer.write_row([trusted("-7")].into_iter().chain(cells.iter().map(|c| untrusted(c.as_str())))).unwrap();
        writer.into_bytes().unwrap()
    }

    fn read(bytes: &[u8], delimiter: u8, quoting: bool) -> Vec<Vec<String>> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(quoting)
            .from_reader(bytes);
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn formula_prefixes_are_escaped() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1 416 555 0199", "'+1 416 555 0199"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("  =1", "'  =1"),
            ("\"=1", "'\"=1"),
            ("'=1", "''=1"),
            ("\u{200B}=1", "'\u{200B}=1"),
            ("\u{FF1D}1", "'\u{FF1D}1"),
            ("\u{FF0B}1", "'\u{FF0B}1"),
            ("\u{FF0D}1", "'\u{FF0D}1"),
            ("\u{FF20}a", "'\u{FF20}a"),
            ("hello\r\n=1", "hello\r\n'=1"),
            ("hello; =1", "hello;' =1"),
        ] {
            assert_eq!(guard(text), expected);
        }
        for text in [
            "",
            "Amara",
            "O'Neill",
            "Jean-Luc",
            "a@example.org",
            "1 = 1",
            "\"Al\" Khan",
            "one\ntwo",
            "ਸਿਮਰਨ",
            "'s-Gravenhage",
        ] {
            assert_eq!(guard(text), text);
        }
    }

    #[test]
    fn lines_end_in_crlf_and_our_own_cells_stay() {
        let bytes = writer(&["a,b".to_owned(), "say \"hi\"".to_owned(), "=1".to_owned()]);
        assert_eq!(bytes, "id,a,b,c\r\n-7,\"a,b\",\"say \"\"hi\"\"\",'=1\r\n".as_bytes());
        let mut writer = CsvWriter::beginning_with(BOM);
        writer.write_row([trusted("id")]).unwrap();
        assert_eq!(writer.into_bytes().unwrap(), "\u{FEFF}id\r\n".as_bytes());
    }

    #[test]
    fn a_line_of_another_length_is_an_error() {
        let mut writer = CsvWriter::beginning_with(b"");
        writer.write_row([trusted("id"), trusted("a")]).unwrap();
        assert!(writer.write_row([trusted("1")]).is_err());
    }

    /// Any text, and texts dense in what matters here.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[=+@\\-\t\r\n;,'\" a\u{FF1D}\u{FEFF}]{0,12}"]
    }

    proptest! {
        #[test]
        fn no_cell_begins_a_formula_whatever_the_separator(cells in proptest::array::uniform3(text())) {
            let bytes = writer(&cells);
            for delimiter in [b',', b';', b'\t'] {
                // spreadsheets differ in what they make of quotes at unexpected places; with commas they agree
                for quoting in if delimiter == b',' { &[true][..] } else { &[true, false][..] } {
                    for cell in read(&bytes, delimiter, *quoting).iter().skip(1).flatten().filter(|cell| !cell.starts_with("-7")) {
                        let first = cell.chars().find(|c| !c.is_whitespace() && *c != '"');
                        prop_assert!(!first.is_some_and(is_formula), "{cell:?}");
                        prop_assert!(delimiter != b',' || !cell.starts_with(['\t', '\r', '\n']), "{cell:?}");
                    }
                }
            }
        }

        #[test]
        fn a_reader_gets_the_text_or_the_quoted_text(cells in proptest::array::uniform3(text())) {
            let rows = read(&writer(&cells), b',', true);
            prop_assert_eq!(rows.len(), 2);
            for (cell, text) in rows[1][1..].iter().zip(&cells) {
                prop_assert_eq!(cell, &guard(text));
                if !text.chars().any(|c| is_formula(c) || is_break(c)) {
                    prop_assert_eq!(cell, text);
                }
            }
        }
    }
}
