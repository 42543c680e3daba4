//! The rows of an import as they are stored: CSV with commas and line feeds; the first cell is the row's number in the
//! spreadsheet, followed by a code if the row cannot be used. [`super::signer_file`] writes them, the import job reads
//! them part by part.

use std::{num::NonZeroUsize, ops::Range};

use csv::{ByteRecord, ReaderBuilder};

use crate::error::{Error, Result};

/// Maximum length of a row in bytes.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;
/// Maximum number of rows of one read.
const MAX_ROWS_PER_READ: usize = 400;
/// Codes of rows that cannot be used.
const CODES: [&str; 4] = ["too_long", "invalid_characters", "invalid_value", "unclosed_quote"];

/// A row of the file.
pub struct CsvRow {
    /// Its number, as the spreadsheet shows it.
    pub number: i64,
    /// Its cells, or the code of why they cannot be read.
    pub cells: Result<Vec<String>, &'static str>,
    /// Its place in the part that was read, with what separates it from the row before.
    pub bytes: Range<usize>,
}

/// Result of reading a part of the rows. Reading on after the used bytes always reaches the end, whatever they contain.
pub enum ReadResult {
    /// Complete rows, at most [`MAX_ROWS_PER_READ`].
    Rows {
        /// The rows.
        rows: Vec<CsvRow>,
        /// Their length in bytes.
        used: NonZeroUsize,
        /// Nothing follows them.
        is_last: bool,
    },
    /// The end of the rows.
    End,
    /// The part contains no complete row, and more follows.
    Incomplete,
}

/// Appends a row with its number; without `cells`, the code of why it cannot be used.
pub(super) fn write_row<'a>(
    out: &mut Vec<u8>,
    number: i64,
    cells: Result<impl IntoIterator<Item = &'a str>, &'static str>,
) -> Result<()> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
    match cells {
        Ok(cells) => {
            writer.write_field(number.to_string()).map_err(Error::internal)?;
            for cell in cells {
                writer.write_field(cell).map_err(Error::internal)?;
            }
        }
        Err(code) => writer.write_field(format!("{number} {code}")).map_err(Error::internal)?,
    }
    writer.write_record(None::<&[u8]>).map_err(Error::internal)?;
    writer.flush().map_err(Error::internal)
}

/// Reads rows from a part of the stored rows.
///
/// # Errors
/// `internal` for unexpected errors of the CSV parser; bad rows are part of the result.
pub fn read_rows(part: &[u8], is_end: bool) -> Result<ReadResult> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(part);
    let mut record = ByteRecord::new();
    let (mut rows, mut used) = (Vec::new(), 0);
    while rows.len() < MAX_ROWS_PER_READ {
        if !reader.read_byte_record(&mut record).map_err(Error::internal)? {
            used = part.len();
            break;
        }
        let end = usize::try_from(reader.position().byte()).map_err(Error::internal)?;
        // the last row of a part may continue in the next one
        if end <= used || (end >= part.len() && !is_end) {
            break;
        }
        rows.push(parse_row(&record, used..end));
        used = end;
    }
    let is_last = is_end && used >= part.len();
    Ok(match NonZeroUsize::new(used) {
        Some(used) => ReadResult::Rows { rows, used, is_last },
        None if is_last => ReadResult::End,
        None => ReadResult::Incomplete,
    })
}

fn parse_row(record: &ByteRecord, bytes: Range<usize>) -> CsvRow {
    let head = record.get(0).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default();
    let (number, code) = head.split_once(' ').unwrap_or((head, ""));
    let cells = if record.as_slice().len() > MAX_LINE_BYTES {
        Err("too_long")
    } else if let Some(code) = CODES.into_iter().find(|known| *known == code) {
        Err(code)
    } else {
        let cells = record.iter().skip(1).map(|cell| std::str::from_utf8(cell).map(str::to_owned));
        cells.collect::<Result<Vec<_>, _>>().map_err(|_| "invalid_characters")
    };
    CsvRow { number: number.parse().unwrap_or_default(), cells, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(part: &[u8], is_end: bool) -> (Vec<CsvRow>, usize, bool) {
        match read_rows(part, is_end).unwrap() {
            ReadResult::Rows { rows, used, is_last } => (rows, used.get(), is_last),
            ReadResult::End => (Vec::new(), 0, true),
            ReadResult::Incomplete => (Vec::new(), 0, false),
        }
    }

    #[test]
    fn incomplete_row_waits_for_the_next_chunk() {
        let (rows, used, _) = some(b"2,a,b\n3,\"c\nc\",d\n4,e,", false);
        assert_eq!((rows.len(), used), (2, 16));
        assert_eq!((rows[1].number, rows[1].cells.as_ref().unwrap()), (3, &vec!["c\nc".to_owned(), "d".to_owned()]));
        assert_eq!((rows[0].bytes.clone(), rows[1].bytes.clone()), (0..6, 6..16));
        // rows that were overwritten
        let (rows, used, is_last) = some(b"\n\n\n2,a\n\n\n\n\n", false);
        assert_eq!((rows.len(), rows[0].number, used, is_last), (1, 2, 11, false));
        assert!(some(b"\n\n\n", true).2);
        let (rows, used, is_last) = some(b"2,a,b\n7,e,f", true);
        assert_eq!((rows.len(), rows[1].number, used, is_last), (2, 7, 11, true));
        assert!(matches!(read_rows(b"2,\"a,b\n", false).unwrap(), ReadResult::Incomplete));
        assert!(some(b"", true).2);
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let mut out = Vec::new();
        write_row(&mut out, 5, Ok(["a", "", "b,\"c\"\nd"])).unwrap();
        write_row(&mut out, 9, Err::<[&str; 0], _>("invalid_value")).unwrap();
        let (rows, ..) = some(&out, true);
        assert_eq!(
            (rows[0].number, rows[0].cells.as_ref().unwrap().as_slice()),
            (5, &["a".to_owned(), String::new(), "b,\"c\"\nd".to_owned()][..])
        );
        assert!(matches!((rows[1].number, &rows[1].cells), (9, Err("invalid_value"))));
    }
}
