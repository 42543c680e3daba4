//! Reads a file of signers as it arrives: encoding, separator, header row, rows. Workbooks are read by [`sheet`].
//!
//! What the file does not say is guessed from its beginning, and the preview tells the guess: UTF-8, UTF-16 or an older
//! [`Charset`]; comma, semicolon, tab or vertical bar; the row with the names of the columns. Rows are numbered as
//! spreadsheets show them: empty lines count, line breaks within quotes do not, and a first line `sep=;` is not shown.
//! Rows that a spreadsheet took for one cell, and put into quotes as a whole, are unwrapped. At most
//! [`MAX_OPEN_BYTES`] of a file are in memory.

use std::cmp::Reverse;

use csv::{ByteRecord, ReaderBuilder};
use encoding_rs::Encoding;

use super::{
    csv_reader::{MAX_LINE_BYTES, write_row},
    import_columns::ColumnFacts,
    import_headers::known_headers,
};
use crate::error::{Error, Result};

pub(super) mod sheet;

mod charset;
mod header;
mod problem;

pub(super) use self::charset::Charset;
use self::charset::Decoder;
pub use self::header::FileFormat;
use self::header::{HEAD_ROWS, PREVIEW_ROWS, header_index, with_second_row};
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
        let mut rows = Rows::new(&self.text, separator, is_end, self.rows_before);
        let mut record = ByteRecord::new();
        while let Some(row) = rows.next(&mut record)? {
            if !is_blank(&record) {
                let columns = format.columns.len();
                if let Some(cells) = unwrapped(&record, separator, Some(columns)) {
                    record = cells;
                }
                let cells = fit(&record, columns, &row);
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

/// The cells of a row that stands in quotes as a whole, if they are as many as the columns: `"ana@example.org,Ana,""Lee, Jr"""`. So a
/// spreadsheet writes a row that it took for one cell.
fn unwrapped(record: &ByteRecord, separator: u8, columns: Option<usize>) -> Option<ByteRecord> {
    let held = record.get(0).filter(|held| record.len() == 1 && held.contains(&separator))?;
    let mut reader = ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(held);
    let mut row = ByteRecord::new();
    let is_read = matches!(reader.read_byte_record(&mut row), Ok(true));
    (is_read && columns.is_none_or(|columns| row.len() == columns)).then_some(row)
}

/// The cells of a row for so many columns: missing ones are empty, empty ones too many are left away.
fn fit<'a>(record: &'a ByteRecord, columns: usize, row: &Row) -> Result<Vec<&'a str>, &'static str> {
    if record.as_slice().len() > MAX_LINE_BYTES {
        return Err("too_long");
    }
    if row.is_unclosed {
        return Err("unclosed_quote");
    }
    let cells: Result<Vec<&str>, _> = record.iter().map(|cell| std::str::from_utf8(cell).map(str::trim)).collect();
    let mut cells = cells.map_err(|_| "invalid_characters")?;
    if cells.iter().skip(columns).any(|cell| !cell.is_empty()) {
        return Err("invalid_value");
    }
    cells.resize(columns, "");
    Ok(cells)
}

/// A row: its number, and whether a quote in it is never closed.
struct Row {
    number: i64,
    is_unclosed: bool,
}

/// The complete rows of a text.
struct Rows<'a> {
    text: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    separator: u8,
    is_end: bool,
    /// Bytes that are done.
    at: usize,
    /// Rows that are done.
    number: i64,
}

impl<'a> Rows<'a> {
    fn new(text: &'a [u8], separator: u8, is_end: bool, number: i64) -> Self {
        let reader = ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text);
        Self { text, reader, separator, is_end, at: 0, number }
    }

    fn next(&mut self, record: &mut ByteRecord) -> Result<Option<Row>> {
        // the parser skips empty lines; the spreadsheet counts them
        while let Some(end) = self.line_end(self.at) {
            self.at = end;
            self.number += 1;
        }
        if !self.reader.read_byte_record(record).map_err(Error::internal)? {
            return Ok(None);
        }
        let mut end = usize::try_from(self.reader.position().byte()).map_err(Error::internal)?;
        // the last row of a piece may continue in the next one
        if end >= self.text.len() && !self.is_end {
            return Ok(None);
        }
        if self.text[end - 1] == b'\r' && self.text.get(end) == Some(&b'\n') {
            end += 1;
        }
        let is_unclosed = end >= self.text.len() && self.is_unclosed(&self.text[self.at..]);
        if let Some(plain) = without_spaces_at_quotes(&self.text[self.at..end], self.separator)
            && !is_unclosed
        {
            let mut reader =
                ReaderBuilder::new().delimiter(self.separator).has_headers(false).flexible(true).from_reader(&*plain);
            reader.read_byte_record(record).map_err(Error::internal)?;
        }
        self.at = end;
        self.number += 1;
        Ok(Some(Row { number: self.number, is_unclosed }))
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

    /// Does the last row end within quotes? Then a row that is put after it becomes a part of it.
    fn is_unclosed(&self, row: &[u8]) -> bool {
        let more = [row, b"\nx\n"].concat();
        let mut reader =
            ReaderBuilder::new().delimiter(self.separator).has_headers(false).flexible(true).from_reader(&*more);
        let mut record = ByteRecord::new();
        let mut rows = 0;
        while rows < 2 && matches!(reader.read_byte_record(&mut record), Ok(true)) {
            rows += 1;
        }
        rows < 2
    }
}

/// A row whose quoted cells are set off from the separators by spaces (`a, "b, c" , d`), without these spaces; `None`
/// for any other row.
fn without_spaces_at_quotes(row: &[u8], separator: u8) -> Option<Vec<u8>> {
    if separator == b' ' || !row.windows(2).any(|pair| pair == b" \"" || pair == b"\" ") {
        return None;
    }
    let is_end = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == separator || matches!(byte, b'\r' | b'\n'));
    let spaces = |from: usize| row[from..].iter().take_while(|byte| **byte == b' ').count();
    let mut plain = Vec::with_capacity(row.len());
    let (mut at, mut is_changed) = (0, false);
    loop {
        let quote = at + spaces(at);
        let mut end = if row.get(quote) == Some(&b'"') {
            // the quote that closes the cell, after pairs of them
            let mut close = quote + 1;
            while let Some(byte) = row.get(close) {
                match (byte, row.get(close + 1)) {
                    (b'"', Some(b'"')) => close += 2,
                    (b'"', _) => break,
                    _ => close += 1,
                }
            }
            row.get(close).map(|_| close + 1).filter(|after| is_end(row.get(after + spaces(*after))))
        } else {
            None
        };
        if let Some(after) = end {
            plain.extend_from_slice(&row[quote..after]);
            let rest = after + spaces(after);
            is_changed |= quote > at || rest > after;
            end = Some(rest);
        }
        let end = end.unwrap_or_else(|| {
            let end = row[at..].iter().position(|byte| *byte == separator).map_or(row.len(), |length| at + length);
            plain.extend_from_slice(&row[at..end]);
            end
        });
        match row.get(end) {
            Some(byte) => plain.push(*byte),
            None => break,
        }
        at = end + 1;
    }
    is_changed.then_some(plain)
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
            && let Some(row) = rows.next(&mut record)?
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
        let preview = |(.., record): &(_, _, _, ByteRecord)| {
            trimmed(unwrapped(record, separator, Some(width)).as_ref().unwrap_or(record))
        };
        Ok(Some(Self {
            separator,
            row: *row,
            last_row,
            end: body_at,
            cells,
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
        let cells = cells.map_err(|()| FileProblem::NotUtf8)?;
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
