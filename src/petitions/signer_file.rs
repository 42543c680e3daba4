//! Reads a file of signers as it arrives: encoding, separator, header row, rows. Workbooks are read by [`sheet`].
//!
//! What the file does not say is guessed from its beginning, and the preview tells the guess: UTF-8, UTF-16,
//! Windows-1252 or Mac OS Roman; comma, semicolon, tab or vertical bar; the row with the names of the columns. Rows are
//! numbered as spreadsheets show them: empty lines count, line breaks within quotes do not, and a first line `sep=;` is
//! not shown. At most [`MAX_OPEN_BYTES`] of a file are in memory.

use std::cmp::Reverse;

use csv::{ByteRecord, ReaderBuilder};
use encoding_rs::{Decoder, Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{
    csv_reader::{MAX_LINE_BYTES, write_row},
    import_columns::ColumnFacts,
    import_headers::known_headers,
};
use crate::error::{Error, Result};

pub(super) mod sheet;

mod header;
mod problem;

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
    /// Only ASCII so far: UTF-8, Windows-1252 or Mac OS Roman.
    Ascii,
    /// Passed on as it is; rows that are not UTF-8 are named.
    Utf8,
    Other(Box<Decoder>),
}

/// Reads a file that arrives in pieces.
#[derive(Debug)]
pub struct FileReader {
    asked_separator: Option<u8>,
    asked_encoding: Option<&'static Encoding>,
    decoding: Decoding,
    encoding: &'static Encoding,
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
    pub fn new(separator: Option<u8>, encoding: Option<&'static Encoding>) -> Self {
        Self {
            asked_separator: separator,
            asked_encoding: encoding,
            decoding: Decoding::Unknown,
            encoding: UTF_8,
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
        self.encoding.name()
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
                        self.encoding = if is_mac_roman(&self.raw) { MACINTOSH } else { WINDOWS_1252 };
                        self.decoding = Decoding::Other(Box::new(self.encoding.new_decoder_without_bom_handling()));
                    }
                }
                _ => self.decoding = Decoding::Utf8,
            }
        }
        match &mut self.decoding {
            Decoding::Other(decoder) => {
                let room = decoder.max_utf8_buffer_length(self.raw.len()).unwrap_or(self.raw.len() * 3 + 16);
                let mut text = String::with_capacity(room);
                let _ = decoder.decode_to_string(&self.raw, &mut text, is_end);
                self.text.extend_from_slice(text.as_bytes());
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
        let marked = Encoding::for_bom(&self.raw);
        let encoding = match (self.asked_encoding, marked) {
            (Some(asked), _) => Some(asked),
            (None, Some((marked, _))) => Some(marked),
            // without a mark: in UTF-16 every other byte of Latin letters and separators is zero
            (None, None) if odd >= 4 && odd * 4 > half && even * 20 < odd.max(1) * 2 => Some(UTF_16LE),
            (None, None) if even >= 4 && even * 4 > half && odd * 20 < even.max(1) * 2 => Some(UTF_16BE),
            (None, None) => None,
        };
        self.encoding = encoding.unwrap_or(UTF_8);
        if let Some((marked, length)) = marked
            && marked == self.encoding
        {
            self.raw.drain(..length);
        }
        let is_utf16 = [UTF_16LE, UTF_16BE].contains(&self.encoding);
        if !is_utf16 && self.raw.contains(&0) {
            return Err(FileProblem::NotText.into());
        }
        self.decoding = match encoding {
            None => Decoding::Ascii,
            Some(encoding) if encoding == UTF_8 => Decoding::Utf8,
            Some(encoding) => Decoding::Other(Box::new(encoding.new_decoder_without_bom_handling())),
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
            .map(|separator| Header::find(&self.text, is_end, separator))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        // the first of equals: the comma
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
                let cells = fit(&record, format.columns.len(), &row);
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

/// Are the letters with accents those of Mac OS, in which Excel for the Mac writes CSV? It has them where Windows-1252
/// has signs, capitals with a caron and nothing (0x83 to 0x9F), and signs where Windows-1252 has letters.
fn is_mac_roman(bytes: &[u8]) -> bool {
    let is_mac_letter = |byte: u8| matches!(byte, 0x81 | 0x83 | 0x86..=0x8B | 0x8D..=0x90 | 0x9A | 0x9C..=0x9F);
    let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let high = bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
    let (mut mac, mut windows) = (0_usize, 0_usize);
    for (at, byte) in high {
        // œ, š and ž are rare in Windows-1252 where there are no other letters with accents
        mac += usize::from(is_mac_letter(*byte) && (is_letter(at.checked_sub(1)) || is_letter(Some(at + 1))));
        windows += usize::from(*byte >= 0xC0 && *byte != 0xD5);
    }
    mac > windows
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
    fn find(text: &[u8], is_end: bool, separator: u8) -> Result<Option<Self>> {
        let mut rows = Rows::new(text, separator, is_end, 0);
        let mut record = ByteRecord::new();
        let mut found: Vec<(i64, usize, usize, ByteRecord)> = Vec::new();
        let mut start = 0;
        while found.len() < HEAD_ROWS
            && let Some(row) = rows.next(&mut record)?
        {
            if !is_blank(&record) {
                found.push((row.number, start, rows.at, record.clone()));
            }
            start = rows.at;
        }
        let texts: Vec<Vec<String>> = found
            .iter()
            .map(|(.., record)| record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect())
            .collect();
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
        Ok(Some(Self {
            separator,
            row: *row,
            last_row,
            end: body_at,
            cells,
            preview: texts[after..].iter().take(PREVIEW_ROWS).cloned().collect(),
            known: known_headers(&texts[at]),
            has_rows_alike: width > 1 && texts[at + 1..].iter().any(|row| row.len() == width),
            separators: count_outside_quotes(&text[*start..*end], separator),
        }))
    }

    /// How well its separator fits the file. Texts may have more semicolons or tabs than the header has commas; a table
    /// that begins with the first row of the file and has rows of one length counts for more.
    fn rank(&self) -> (usize, bool, Reverse<i64>, usize) {
        (self.known, self.has_rows_alike, Reverse(self.row), self.separators)
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
