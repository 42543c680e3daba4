//! Reads a file of signers as it arrives: encoding, separator, header row, rows. Workbooks are read by [`sheet`].
//!
//! What the file does not say is guessed from its beginning, and the preview tells the guess: UTF-8, UTF-16 or an older
//! [`Charset`]; comma, semicolon, tab or vertical bar; the row with the names of the columns. Rows are numbered as
//! spreadsheets show them: empty lines count, line breaks within quotes do not, and a first line `sep=;` is not shown.
//! Rows that a spreadsheet took for one cell, and put into quotes as a whole, are unwrapped. At most
//! [`MAX_OPEN_BYTES`] of a file are in memory.

use std::cmp::Reverse;

use csv::ByteRecord;
use encoding_rs::Encoding;

use super::{
    csv_reader::{MAX_LINE_BYTES, write_row},
    import_columns::ColumnFacts,
    import_headers::{known_headers, looks_like_address},
};
use crate::error::Result;

pub(super) mod sheet;

mod charset;
mod header;
mod problem;

pub(super) use self::charset::Charset;
use self::charset::Decoder;
pub use self::header::FileFormat;
pub(super) use self::header::PREVIEW_ROWS;
use self::header::{HEAD_ROWS, header_index, with_second_row};
pub use self::problem::FileProblem;

/// Bytes from which encoding, separator and header are guessed.
const HEAD_BYTES: usize = 128 * 1024;
/// Bytes without the end of a row after which the rest is taken for one endless row.
const MAX_OPEN_BYTES: usize = 1024 * 1024;
/// Separators that are tried.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

#[derive(Debug)]
enum Decoding {
    Unknown,
    /// Only ASCII so far: UTF-8 or one of the older encodings.
    Ascii,
    /// Passed on as it is; rows that are not UTF-8 are named.
    Utf8,
    Other(Decoder),
}

/// Reads a file that arrives in pieces.
#[derive(Debug)]
pub struct FileReader {
    asked_separator: Option<u8>,
    asked_charset: Option<Charset>,
    decoding: Decoding,
    charset: Charset,
    /// Not decoded yet.
    raw: Vec<u8>,
    /// Decoded, not split into rows yet.
    text: Vec<u8>,
    format: Option<FileFormat>,
    /// Number of rows before `text`.
    rows_before: i64,
    is_endless: bool,
    padding: Option<char>,
    facts: Vec<ColumnFacts>,
}

impl FileReader {
    /// A reader; separator and encoding are guessed unless given.
    pub fn new(separator: Option<u8>, charset: Option<Charset>) -> Self {
        Self {
            asked_separator: separator,
            asked_charset: charset,
            decoding: Decoding::Unknown,
            charset: Charset::Utf8,
            raw: Vec::new(),
            text: Vec::new(),
            format: None,
            rows_before: 0,
            is_endless: false,
            padding: None,
            facts: Vec::new(),
        }
    }

    /// The format, known once enough of the file was read.
    pub fn format(&self) -> Option<&FileFormat> {
        self.format.as_ref()
    }

    /// What the rows so far tell about their columns.
    pub(super) fn facts(&self) -> &[ColumnFacts] {
        &self.facts
    }

    /// Name of the encoding that is assumed.
    pub fn encoding(&self) -> &'static str {
        self.charset.into()
    }

    /// Is the encoding known, or was everything so far the same in several?
    pub fn knows_encoding(&self) -> bool {
        !matches!(self.decoding, Decoding::Unknown | Decoding::Ascii)
    }

    /// Reads on, and appends complete rows in the form of `csv_reader`. The last call has `is_end`.
    ///
    /// # Errors
    /// 422 for what is not a table with a header, 415 for other kinds of file.
    pub fn push(&mut self, bytes: &[u8], is_end: bool, out: &mut Vec<u8>) -> Result<()> {
        self.raw.extend_from_slice(bytes);
        if self.raw.len() + self.text.len() < HEAD_BYTES && self.format.is_none() && !is_end {
            return Ok(());
        }
        self.decode(is_end)?;
        // the end of a file in programs of DOS
        while is_end && self.text.last() == Some(&0x1A) {
            self.text.pop();
        }
        if self.format.is_none() {
            self.find_header(is_end)?;
        }
        self.split(is_end, out)
    }

    /// Moves what arrived to `text`, as UTF-8.
    fn decode(&mut self, is_end: bool) -> Result<()> {
        if matches!(self.decoding, Decoding::Unknown) {
            self.find_encoding()?;
        }
        if matches!(self.decoding, Decoding::Ascii) && !self.raw.is_ascii() {
            match std::str::from_utf8(&self.raw) {
                Err(error) if self.raw[..error.valid_up_to()].is_ascii() => {
                    // a character that the next piece may complete
                    if error.error_len().is_none() && !is_end {
                        return Ok(());
                    }
                    if has_utf8_letters(&self.raw) {
                        self.decoding = Decoding::Utf8;
                    } else {
                        self.charset = Charset::of_letters(&self.raw);
                        self.decoding = Decoding::Other(self.charset.decoder());
                    }
                }
                _ => self.decoding = Decoding::Utf8,
            }
        }
        match &mut self.decoding {
            Decoding::Other(decoder) => {
                decoder.decode(&self.raw, is_end, &mut self.text);
                self.raw.clear();
            }
            _ => self.text.append(&mut self.raw),
        }
        Ok(())
    }

    fn find_encoding(&mut self) -> Result<()> {
        refuse_other_kinds(&self.raw)?;
        let nul = |parity: usize| self.raw.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
        let (even, odd, half) = (nul(0), nul(1), self.raw.len() / 2);
        let marked =
            Encoding::for_bom(&self.raw).and_then(|(encoding, length)| Some((encoding.name().parse().ok()?, length)));
        let charset = match (self.asked_charset, marked) {
            (Some(asked), _) => Some(asked),
            (None, Some((marked, _))) => Some(marked),
            // without a mark: in UTF-16 every other byte of Latin letters and separators is zero
            (None, None) if odd >= 4 && odd * 4 > half && even * 20 < odd.max(1) * 2 => Some(Charset::Utf16Le),
            (None, None) if even >= 4 && even * 4 > half && odd * 20 < even.max(1) * 2 => Some(Charset::Utf16Be),
            (None, None) => None,
        };
        self.charset = charset.unwrap_or(Charset::Utf8);
        if let Some((marked, length)) = marked
            && marked == self.charset
        {
            self.raw.drain(..length);
        }
        let is_utf16 = matches!(self.charset, Charset::Utf16Le | Charset::Utf16Be);
        if !is_utf16 && self.raw.contains(&0) {
            return Err(FileProblem::NotText.into());
        }
        self.decoding = match charset {
            None => Decoding::Ascii,
            Some(Charset::Utf8) => Decoding::Utf8,
            Some(charset) => Decoding::Other(charset.decoder()),
        };
        Ok(())
    }

    fn find_header(&mut self, is_end: bool) -> Result<()> {
        if self.text.contains(&0) {
            return Err(FileProblem::NotText.into());
        }
        // some programs write a second mark
        while self.text.starts_with("\u{FEFF}".as_bytes()) {
            self.text.drain(..3);
        }
        if self.text.iter().all(|byte| SEPARATORS.contains(byte) || b" \"\r\n".contains(byte)) {
            return Err(FileProblem::Empty.into());
        }
        let declared = declared_separator(&self.text);
        if let Some((_, length)) = declared {
            self.text.drain(..length);
        }
        let fixed = self.asked_separator.or(declared.map(|(separator, _)| separator));
        let tried: Vec<Header> = SEPARATORS
            .into_iter()
            .filter(|separator| fixed.is_none_or(|fixed| fixed == *separator))
            .flat_map(|separator| [(separator, false), (separator, true)])
            .map(|(separator, is_wrapped)| Header::find(&self.text, is_end, separator, is_wrapped))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        // the first of equals: the comma, rows as they are
        let best = tried.into_iter().rev().max_by_key(Header::rank);
        let header = best.ok_or(FileProblem::HeaderTooLong)?;
        self.text.drain(..header.end);
        self.rows_before = header.last_row;
        self.padding = header.padding;
        self.format = Some(header.format()?);
        Ok(())
    }

    /// Splits `text` into rows.
    fn split(&mut self, is_end: bool, out: &mut Vec<u8>) -> Result<()> {
        let Some(format) = &self.format else { return Ok(()) };
        if self.is_endless {
            out.extend(self.text.drain(..).map(|byte| if byte == b'"' { b' ' } else { byte }));
            return Ok(());
        }
        let separator = format.separator.unwrap_or(b',');
        let columns = format.columns.len();
        let mut rows = Rows::new(&self.text, separator, is_end, self.rows_before);
        rows.columns = Some(columns);
        let mut record = ByteRecord::new();
        while let Some(row) = rows.next(&mut record) {
            if !is_blank(&record) {
                if let Some(cells) = unwrapped(&record, separator, Some(columns)) {
                    record = cells;
                }
                let cells = fit(&record, columns, &row, self.padding);
                if let Ok(cells) = &cells {
                    ColumnFacts::see(&mut self.facts, cells);
                }
                write_row(out, row.number, cells)?;
            }
        }
        let (used, number) = (rows.at, rows.number);
        self.rows_before = number;
        self.text.drain(..used);
        if self.text.len() > MAX_OPEN_BYTES {
            self.is_endless = true;
            out.extend(format!("{},\"", self.rows_before + 1).bytes());
            return self.split(is_end, out);
        }
        Ok(())
    }
}

/// Are there characters of several bytes in it that are right in UTF-8? In Windows-1252 they would be pairs such as
/// `Ã©`.
fn has_utf8_letters(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

/// Is it a ZIP archive, as workbooks are? A column may be called `PK`.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.starts_with(b"PK") && head.get(2).is_none_or(|byte| *byte < 9)
}

/// Refuses files that are no tables of text by their first bytes, each with what to do.
fn refuse_other_kinds(head: &[u8]) -> Result<()> {
    let start: Vec<u8> = head.iter().copied().skip_while(u8::is_ascii_whitespace).take(32).collect();
    let start = String::from_utf8_lossy(&start).to_ascii_lowercase();
    let problem = if head.starts_with(b"\xD0\xCF\x11\xE0") {
        // a workbook with a password is put into the container that the old format uses
        let utf16: Vec<u8> = "EncryptedPackage".bytes().flat_map(|byte| [byte, 0]).collect();
        let has_password = head.windows(utf16.len()).any(|window| window == utf16);
        if has_password { FileProblem::Password } else { FileProblem::OldExcel }
    } else if is_archive(head) {
        FileProblem::of_archive(head)
    } else if start.starts_with("%pdf") {
        FileProblem::Pdf
    } else if ["<!doctype", "<html", "<table", "<?xml"].iter().any(|tag| start.starts_with(tag)) {
        FileProblem::WebPage
    } else if ["begin:vcard", "begin:vcalendar"].iter().any(|begin| start.starts_with(begin)) {
        FileProblem::Cards
    } else {
        return Ok(());
    };
    Err(problem.into())
}

/// The separator of a first line `sep=;`, with that line's length.
fn declared_separator(text: &[u8]) -> Option<(u8, usize)> {
    let line = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let length = line + if text[line..].starts_with(b"\r\n") { 2 } else { 1 };
    let line: Vec<u8> = text[..line].iter().copied().filter(|byte| *byte != b'"').collect();
    match line.as_slice() {
        [s, e, p, b'=', separator, ..] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            SEPARATORS.contains(separator).then_some((*separator, length))
        }
        _ => None,
    }
}

fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|cell| std::str::from_utf8(cell).is_ok_and(|text| text.trim().is_empty()))
}

/// The cells of a row that a spreadsheet took for one cell and put into quotes as a whole (`"ana@example.org,Ana,""Lee,
/// Jr"""`), or that has another separator than the file, if they are as many as the columns.
fn unwrapped(record: &ByteRecord, separator: u8, columns: Option<usize>) -> Option<ByteRecord> {
    let held = record.get(0).filter(|_| record.len() == 1)?;
    let split = |by: u8| {
        let mut row = ByteRecord::new();
        let mut rows = Rows::new(held, by, true, 0);
        let is_one = rows.next(&mut row).is_some_and(|read| !read.is_unclosed) && rows.at == held.len();
        is_one.then_some(row).filter(|row| row.len() > 1 && columns.is_none_or(|columns| row.len() == columns))
    };
    // another separator only where the columns are known
    let others = SEPARATORS.into_iter().filter(|by| *by != separator && columns.is_some());
    split(separator).or_else(|| others.filter_map(split).find(|row| row.iter().any(is_address)))
}

/// The cells of a row for so many columns: missing ones are empty, empty ones too many are left away.
fn fit<'a>(
    record: &'a ByteRecord,
    columns: usize,
    row: &Row,
    padding: Option<char>,
) -> Result<Vec<&'a str>, &'static str> {
    if record.as_slice().len() > MAX_LINE_BYTES {
        return Err("too_long");
    }
    if row.is_unclosed {
        return Err("unclosed_quote");
    }
    let cells: Result<Vec<&str>, _> = record.iter().map(|cell| std::str::from_utf8(cell).map(str::trim)).collect();
    let mut cells = cells.map_err(|_| "invalid_characters")?;
    if let (Some(padding), Some(last)) = (padding, cells.last_mut()) {
        *last = last.trim_end_matches(padding);
    }
    if cells.iter().skip(columns).any(|cell| !cell.is_empty()) {
        return Err("invalid_value");
    }
    cells.resize(columns, "");
    Ok(cells)
}

/// A row: its number, and whether a quotation mark in it opens a cell that is never closed.
struct Row {
    number: i64,
    is_unclosed: bool,
}

/// How a cell is read that begins with a quotation mark.
enum Quoted {
    /// The end of its text, and where the next separator or line end stands.
    Closed(usize, usize),
    /// The mark is a part of the text: `"6" tall`.
    Text,
    /// Nothing closes it where a cell can end.
    Unclosed,
    /// The next piece of the file may close it.
    Incomplete,
}

/// The complete rows of a text (RFC 4180), and what programs and people write instead: spaces between separators and
/// quotation marks, quotation marks that are not doubled or have a backslash before them. A mark that is never closed
/// costs its own row only: the lines after it are rows again.
struct Rows<'a> {
    text: &'a [u8],
    separator: u8,
    is_end: bool,
    /// Number of columns, once they are known.
    columns: Option<usize>,
    /// Bytes that are done.
    at: usize,
    /// Rows that are done.
    number: i64,
    /// The end of a line in which no further mark closes a cell, so that it is searched once only.
    no_closing_before: usize,
}

impl<'a> Rows<'a> {
    fn new(text: &'a [u8], separator: u8, is_end: bool, number: i64) -> Self {
        Self { text, separator, is_end, columns: None, at: 0, number, no_closing_before: 0 }
    }

    /// Reads the next row; `None` at the end, or where the next piece may continue it.
    fn next(&mut self, record: &mut ByteRecord) -> Option<Row> {
        // empty lines are no rows, but the spreadsheet counts them
        while let Some(end) = self.line_end(self.at) {
            self.at = end;
            self.number += 1;
        }
        record.clear();
        let mut at = self.at;
        if at >= self.text.len() {
            return None;
        }
        let mut is_unclosed = false;
        loop {
            let quote = at + self.spaces(at);
            let quoted = if self.text.get(quote) == Some(&b'"') { self.quoted(quote) } else { Quoted::Text };
            match quoted {
                Quoted::Closed(end, next) => {
                    record.push_field(&unescaped(&self.text[quote + 1..end]));
                    at = next;
                }
                Quoted::Text | Quoted::Unclosed => {
                    is_unclosed |= matches!(quoted, Quoted::Unclosed);
                    let rest = &self.text[at..];
                    let is_cell_end = |byte: &u8| *byte == self.separator || matches!(byte, b'\r' | b'\n');
                    let length = rest.iter().position(is_cell_end).unwrap_or(rest.len());
                    record.push_field(&rest[..length]);
                    at += length;
                }
                Quoted::Incomplete => return None,
            }
            match self.text.get(at) {
                Some(byte) if *byte == self.separator => at += 1,
                Some(_) => {
                    self.at = self.line_end(at)?;
                    break;
                }
                None if self.is_end => {
                    self.at = at;
                    break;
                }
                None => return None,
            }
        }
        self.number += 1;
        Some(Row { number: self.number, is_unclosed })
    }

    /// Where the line end at a place ends; none if there is none, or if the next piece may continue it.
    fn line_end(&self, at: usize) -> Option<usize> {
        match (self.text.get(at)?, self.text.get(at + 1)) {
            (b'\r', Some(b'\n')) => Some(at + 2),
            (b'\r', None) if !self.is_end => None,
            (b'\n' | b'\r', _) => Some(at + 1),
            _ => None,
        }
    }

    fn spaces(&self, at: usize) -> usize {
        self.text[at..].iter().take_while(|byte| **byte == b' ').count()
    }

    /// Does a cell end after a place, apart from spaces? `None` if the next piece tells.
    fn ends_after(&self, at: usize) -> Option<bool> {
        match self.text.get(at + self.spaces(at)) {
            Some(byte) => Some(*byte == self.separator || matches!(byte, b'\r' | b'\n')),
            None => self.is_end.then_some(true),
        }
    }

    /// The cell whose quotation mark stands at `open`.
    fn quoted(&mut self, open: usize) -> Quoted {
        let (mut at, mut has_escapes) = (open + 1, false);
        let limit = self.text.len().min(at + MAX_LINE_BYTES);
        while at < limit
            && let Some(mark) = self.text[at..limit].iter().position(|byte| *byte == b'"').map(|length| at + length)
        {
            if self.text.get(mark + 1) == Some(&b'"') {
                at = mark + 2;
                continue;
            }
            match self.ends_after(mark + 1) {
                None => return Quoted::Incomplete,
                // MySQL writes \" for a mark within the text
                Some(is_end) if self.text[mark - 1] == b'\\' && mark > open + 1 && (has_escapes || !is_end) => {
                    has_escapes = true;
                    at = mark + 1;
                }
                Some(true) if self.holds_rows(open + 1, mark) => return Quoted::Unclosed,
                Some(true) => return Quoted::Closed(mark, mark + 1 + self.spaces(mark + 1)),
                Some(false) => return self.closed_in_line(open, mark),
            }
        }
        if limit < self.text.len() || self.is_end { Quoted::Unclosed } else { Quoted::Incomplete }
    }

    /// The cell whose text has a quotation mark that is not doubled: `"he said "no" to it"`. It ends in its line, or is
    /// no quoted one.
    fn closed_in_line(&mut self, open: usize, first: usize) -> Quoted {
        if self.text[open..first].iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Quoted::Unclosed;
        }
        if first < self.no_closing_before {
            return Quoted::Text;
        }
        let end = self.text[first..].iter().position(|byte| matches!(byte, b'\r' | b'\n')).map(|length| first + length);
        let Some(end) = end.or(self.is_end.then_some(self.text.len())) else { return Quoted::Incomplete };
        let mut marks = (first..end).filter(|at| self.text[*at] == b'"');
        let Some(mark) = marks.find(|mark| self.ends_after(mark + 1) == Some(true)) else {
            self.no_closing_before = end;
            return Quoted::Text;
        };
        Quoted::Closed(mark, mark + 1 + self.spaces(mark + 1))
    }

    /// Are further rows with an address in the text of a cell? Then the mark before it was no opening one: they would
    /// become a part of somebody's comment.
    fn holds_rows(&self, from: usize, to: usize) -> bool {
        let Some(columns) = self.columns.filter(|columns| *columns > 1) else { return false };
        let lines = self.text[from..to].split(|byte| matches!(byte, b'\r' | b'\n')).skip(1);
        lines.into_iter().any(|line| {
            let mut cells = line.split(|byte| *byte == self.separator);
            cells.clone().count() >= columns && cells.any(is_address)
        })
    }
}

/// Is a cell an address, and nothing else?
fn is_address(cell: &[u8]) -> bool {
    let text = std::str::from_utf8(cell).unwrap_or_default().trim().trim_matches('"');
    !text.contains(char::is_whitespace) && looks_like_address(text)
}

/// The text of a quoted cell.
fn unescaped(held: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(held.len());
    let mut at = 0;
    while let Some(byte) = held.get(at) {
        if matches!(byte, b'"' | b'\\') && held.get(at + 1) == Some(&b'"') {
            at += 1;
        }
        text.push(held[at]);
        at += 1;
    }
    text
}

/// A header as one separator gives it.
struct Header {
    separator: u8,
    row: i64,
    /// The row after which the table begins: this one, or a second row of names.
    last_row: i64,
    /// Bytes up to the end of that row.
    end: usize,
    cells: Vec<Result<String, ()>>,
    /// The separator of another program at the end of each line, which had taken the lines for one cell.
    padding: Option<char>,
    preview: Vec<Vec<String>>,
    /// How many names of columns are known.
    known: usize,
    /// Does a row after it have as many cells, and several?
    has_rows_alike: bool,
    /// How many separators stand outside of quotes in it.
    separators: usize,
}

impl Header {
    /// Finds it among the first rows; with `is_wrapped`, in rows that stand in quotes as a whole.
    fn find(text: &[u8], is_end: bool, separator: u8, is_wrapped: bool) -> Result<Option<Self>> {
        let mut rows = Rows::new(text, separator, is_end, 0);
        let mut record = ByteRecord::new();
        let mut found: Vec<(i64, usize, usize, ByteRecord)> = Vec::new();
        let mut start = 0;
        while found.len() < HEAD_ROWS
            && let Some(row) = rows.next(&mut record)
        {
            if !is_blank(&record) {
                let unwrapped = if is_wrapped { unwrapped(&record, separator, None) } else { None };
                found.push((row.number, start, rows.at, unwrapped.unwrap_or_else(|| record.clone())));
            }
            start = rows.at;
        }
        let trimmed = |record: &ByteRecord| -> Vec<String> {
            record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect()
        };
        let texts: Vec<Vec<String>> = found.iter().map(|(.., record)| trimmed(record)).collect();
        let at = header_index(&texts);
        let Some((row, start, end, record)) = found.get(at) else { return Ok(None) };
        if end - start > MAX_LINE_BYTES {
            return Err(FileProblem::HeaderTooLong.into());
        }
        let width = texts[at].len();
        let cells = record.iter().map(|cell| std::str::from_utf8(cell).map(str::to_owned).map_err(|_| ()));
        let second = texts.get(at + 1).and_then(|next| Some((with_second_row(&texts[at], next)?, found.get(at + 1)?)));
        let (cells, last_row, body_at, after) = match second {
            Some((names, (row, _, end, _))) => (names.into_iter().map(Ok).collect(), *row, *end, at + 2),
            None => (cells.collect(), *row, *end, at + 1),
        };
        let others = SEPARATORS.into_iter().filter(|by| *by != separator).map(char::from);
        let padding = texts[at].last().and_then(|last| others.into_iter().find(|by| last.ends_with(*by)));
        let preview = |(.., record): &(_, _, _, ByteRecord)| {
            trimmed(unwrapped(record, separator, Some(width)).as_ref().unwrap_or(record))
        };
        Ok(Some(Self {
            separator,
            row: *row,
            last_row,
            end: body_at,
            cells,
            padding,
            preview: found[after..].iter().take(PREVIEW_ROWS).map(preview).collect(),
            known: known_headers(&texts[at]),
            has_rows_alike: width > 1 && texts[at + 1..].iter().any(|row| row.len() == width),
            separators: count_outside_quotes(&text[*start..*end], separator),
        }))
    }

    /// How well its separator fits the file. A header in two languages may have more bars than it has columns, and
    /// texts more semicolons or tabs than the header has commas: rows of its length count first, then known names, then
    /// a table that begins with the first row of the file.
    fn rank(&self) -> (bool, usize, Reverse<i64>, usize) {
        (self.has_rows_alike, self.known, Reverse(self.row), self.separators)
    }

    fn format(self) -> Result<FileFormat> {
        let cells: Result<Vec<String>, ()> = self.cells.into_iter().collect();
        let mut cells = cells.map_err(|()| FileProblem::NotUtf8)?;
        if let (Some(padding), Some(last)) = (self.padding, cells.last_mut()) {
            last.truncate(last.trim_end_matches(padding).len());
        }
        FileFormat::new(Some(self.separator), self.row, &cells, self.preview)
    }
}

fn count_outside_quotes(row: &[u8], separator: u8) -> usize {
    let mut quoted = false;
    row.iter()
        .filter(|byte| {
            quoted ^= **byte == b'"';
            !quoted && **byte == separator
        })
        .count()
}

#[cfg(test)]
mod tests;
