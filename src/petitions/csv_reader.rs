//! A file of signers as lines: its beginning, and the lines of one open part after the other.

use std::num::NonZeroUsize;

use csv::{ByteRecord, ReaderBuilder};

use crate::error::{Error, Result};

/// Bytes of a line, at most.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Lines that are read at a time.
const MAX_ROWS_PER_READ: usize = 400;
/// Lines shown before anything is done.
const PREVIEW_ROWS: usize = 5;

/// The beginning of a file: its delimiter, header, first lines, and where the first line begins.
pub struct CsvPreview {
    /// Comma, semicolon or tab.
    pub delimiter: u8,
    /// The header.
    pub columns: Vec<String>,
    /// The first lines.
    pub preview: Vec<Vec<String>>,
    /// Bytes of mark and header.
    pub offset: u64,
}

/// Reads the beginning of a file.
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
    /// What stands in it, or why that is refused.
    pub cells: Result<Vec<String>, &'static str>,
}

/// What stands in an open part of the file. Whoever goes on behind what was used comes to the end, whatever the file holds.
pub enum ReadResult {
    /// Whole lines, at most [`MAX_ROWS_PER_READ`]: none where there are only empty ones.
    Rows {
        /// The lines.
        rows: Vec<CsvRow>,
        /// Bytes that they take, with the empty lines that follow.
        used: NonZeroUsize,
        /// There is nothing behind them.
        is_last: bool,
    },
    /// The file is at its end.
    End,
    /// The part is not the end of the file, and holds no whole line.
    Incomplete,
}

/// Reads lines of a file from an open part of it, which is its last one or is not. `first` is the number of its first line.
///
/// # Errors
/// Never for what stands in it; `internal` for what the reader of CSV makes of it.
pub fn read_rows(part: &[u8], is_end: bool, delimiter: u8, columns: usize, first: i64) -> Result<ReadResult> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(part);
    let mut record = ByteRecord::new();
    let (mut rows, mut used) = (Vec::new(), 0);
    while rows.len() < MAX_ROWS_PER_READ {
        if !reader.read_byte_record(&mut record).map_err(Error::internal)? {
            // ends of lines and nothing else: the second half of a CRLF, empty rows
            used = part.len();
            break;
        }
        let end = usize::try_from(reader.position().byte()).map_err(Error::internal)?;
        // the last line of an open part may go on in the next piece
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
        // the reader stops after CR; the LF left over is an empty line, which is passed over
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
            // a header alone
            let (rows, _, is_last) = some(end.as_bytes(), true);
            assert!(rows.is_empty() && is_last, "{end:?}");
        }
    }

    /// All lines of a file that is opened in parts of some pieces at a time, as an import does it.
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
            // a line that is longer than what is open is refused, and nothing else differs
            if let Some(parts) = parts {
                prop_assert_eq!(Some(parts), whole);
            }
        }
    }
}
