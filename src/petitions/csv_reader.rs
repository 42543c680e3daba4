//! Reads a CSV file part by part: first a preview, then the rows.

use std::num::NonZeroUsize;

use csv::{ByteRecord, ReaderBuilder};

use crate::error::{Error, Result};

/// Maximum length of a line in bytes.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;
/// Maximum number of rows of one read.
const MAX_ROWS_PER_READ: usize = 400;
/// Number of rows in the preview.
const PREVIEW_ROWS: usize = 5;

/// Preview of a file: its delimiter, header, first rows, and where the first row begins.
pub struct CsvPreview {
    /// Comma, semicolon or tab.
    pub delimiter: u8,
    /// The header.
    pub columns: Vec<String>,
    /// The first rows.
    pub preview: Vec<Vec<String>>,
    /// Length of byte order mark and header in bytes.
    pub offset: u64,
}

/// Reads the preview of a file.
///
/// # Errors
/// 422 for what is not CSV in UTF-8 with a header.
pub fn preview_csv(head: &[u8]) -> Result<CsvPreview> {
    let refuse = |detail: &str| Error::field("", "invalid_value", detail);
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") || head.contains(&0) {
        return Err(refuse("This file is not UTF-8. Save it as “CSV UTF-8”."));
    }
    let mark = if head.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let rest = &head[mark..];
    let first = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    if first.len() > MAX_LINE_BYTES {
        return Err(refuse("The header is too long."));
    }
    let count = |delimiter: u8| first.split(|b| *b == delimiter).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| (count(*d), *d == b',')).unwrap_or(b',');
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(rest);
    let mut record = ByteRecord::new();
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut offset = 0;
    while lines.len() <= PREVIEW_ROWS
        && reader.read_byte_record(&mut record).map_err(|_| refuse("This is not a CSV file."))?
    {
        if lines.is_empty() {
            if record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
                return Err(refuse("This file is not UTF-8. Save it as “CSV UTF-8”."));
            }
            offset = reader.position().byte();
        }
        lines.push(record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect());
    }
    if lines.is_empty() || lines[0].iter().all(String::is_empty) {
        return Err(refuse("The file is empty."));
    }
    let columns = lines.remove(0);
    Ok(CsvPreview { delimiter, columns, preview: lines, offset: offset + mark as u64 })
}

/// A line of the file, with its number.
pub struct CsvRow {
    /// Its number; the header is 1.
    pub number: i64,
    /// Its cells, or the code of why they cannot be read.
    pub cells: Result<Vec<String>, &'static str>,
}

/// Result of reading a part of the file. Reading on after the used bytes always reaches the end, whatever the file
/// contains.
pub enum ReadResult {
    /// Complete rows, at most [`MAX_ROWS_PER_READ`]; none where there are only empty lines.
    Rows {
        /// The rows.
        rows: Vec<CsvRow>,
        /// Their length in bytes, including the empty lines that follow.
        used: NonZeroUsize,
        /// Nothing follows them.
        is_last: bool,
    },
    /// The end of the file.
    End,
    /// The part contains no complete row, and the file goes on.
    Incomplete,
}

/// Reads rows from a part of a file; `first` is the number of its first line.
///
/// # Errors
/// `internal` for unexpected errors of the CSV parser; bad rows are part of the result.
pub fn read_rows(part: &[u8], is_end: bool, delimiter: u8, columns: usize, first: i64) -> Result<ReadResult> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(part);
    let mut record = ByteRecord::new();
    let (mut rows, mut used) = (Vec::new(), 0);
    while rows.len() < MAX_ROWS_PER_READ {
        if !reader.read_byte_record(&mut record).map_err(Error::internal)? {
            // only line ends: the second half of a CRLF, empty lines
            used = part.len();
            break;
        }
        let end = usize::try_from(reader.position().byte()).map_err(Error::internal)?;
        // the last line of a part may continue in the next one
        if end <= used || (end >= part.len() && !is_end) {
            break;
        }
        let number = first + i64::try_from(rows.len()).map_err(Error::internal)?;
        // without the empty lines before it
        let cells = if record.as_slice().len() > MAX_LINE_BYTES {
            Err("too_long")
        } else if record.len() == columns {
            let cells = record.iter().map(|cell| std::str::from_utf8(cell).map(|text| text.trim().to_owned()));
            cells.collect::<Result<Vec<_>, _>>().map_err(|_| "invalid_characters")
        } else {
            Err("invalid_value")
        };
        rows.push(CsvRow { number, cells });
        used = end;
    }
    let is_last = is_end && used >= part.len();
    Ok(match NonZeroUsize::new(used) {
        Some(used) => ReadResult::Rows { rows, used, is_last },
        None if is_last => ReadResult::End,
        None => ReadResult::Incomplete,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_beginning_tells_delimiter_header_and_first_lines() {
        let b = preview_csv("\u{FEFF}Prénom;Courriel\r\nAna;a@example.org\r\n\"B;o\";b@example.org\r\n".as_bytes())
            .unwrap();
        // the parser stops after CR; the LF that is left is an empty line, which is skipped
        assert_eq!((b.delimiter, b.columns, b.offset), (b';', vec!["Prénom".to_owned(), "Courriel".to_owned()], 20));
        assert_eq!(b.preview, [["Ana", "a@example.org"], ["B;o", "b@example.org"]]);
        for bad in [&b""[..], b"\xFF\xFEa\0", b"Qu\xE9bec,x\n", b"\n\n", b",,\n"] {
            assert!(preview_csv(bad).is_err(), "{bad:?}");
        }
    }

    fn some(part: &[u8], is_end: bool) -> (Vec<CsvRow>, usize, bool) {
        match read_rows(part, is_end, b',', 2, 2).unwrap() {
            ReadResult::Rows { rows, used, is_last } => (rows, used.get(), is_last),
            ReadResult::End => (Vec::new(), 0, true),
            ReadResult::Incomplete => (Vec::new(), 0, false),
        }
    }

    #[test]
    fn incomplete_row_waits_for_the_next_chunk() {
        let (rows, used, _) = some(b"a,b\n\"c\nc\",d\ne,", false);
        assert_eq!((rows.len(), used), (2, 12));
        assert_eq!(rows[1].cells.as_ref().unwrap(), &["c\nc", "d"]);
        let (rows, used, is_last) = some(b"a,b\ne,f", true);
        assert_eq!((rows.len(), used, is_last), (2, 7, true));
        let (rows, ..) = some(b"a\n\xE9,b\n", true);
        assert!(matches!((&rows[0].cells, &rows[1].cells), (Err("invalid_value"), Err("invalid_characters"))));
        assert!(matches!(super::read_rows(b"\"a,b\n", false, b',', 2, 2).unwrap(), ReadResult::Incomplete));
    }

    #[test]
    fn every_line_ending_terminates_the_file() {
        for end in ["", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n\r\n", "\n\r\n", "\r\r"] {
            let (rows, used, is_last) = some(format!("a,b\r\nc,d{end}").as_bytes(), true);
            let again = rows.len() == 2 && !is_last && some(&format!("a,b\r\nc,d{end}").as_bytes()[used..], true).2;
            assert!(rows.len() == 2 && (is_last || again), "{end:?}");
            // only a header
            let (rows, _, is_last) = some(end.as_bytes(), true);
            assert!(rows.is_empty() && is_last, "{end:?}");
        }
    }

    /// All rows of a file that is read in parts, as by an import.
    fn in_parts(file: &[u8], piece: usize, open: usize) -> Option<Vec<Vec<String>>> {
        let (mut at, mut found, mut rounds) = (0, Vec::new(), 0);
        loop {
            rounds += 1;
            assert!(rounds <= file.len() + 2, "no progress");
            let end = ((at / piece + open) * piece).min(file.len());
            match read_rows(&file[at..end], end >= file.len(), b',', 2, 2).unwrap() {
                ReadResult::Rows { rows, used, is_last } => {
                    found.extend(rows.into_iter().map(|line| line.cells.unwrap_or_default()));
                    at += used.get();
                    if is_last {
                        return Some(found);
                    }
                }
                ReadResult::End => return Some(found),
                ReadResult::Incomplete => return None,
            }
        }
    }

    proptest! {
        #[test]
        fn reading_comes_to_an_end_and_pieces_change_nothing(file in "[ab,\"\r\n]{0,60}", piece in 1_usize..20, open in 1_usize..4) {
            let whole = in_parts(file.as_bytes(), 1000, 1);
            let parts = in_parts(file.as_bytes(), piece, open);
            // only a line that is longer than a part is refused
            if let Some(parts) = parts {
                prop_assert_eq!(Some(parts), whole);
            }
        }
    }
}
