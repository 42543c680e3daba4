//! The formats of an export: CSV, JSON Lines, and a workbook (Office Open XML), in constant memory each.

use std::{
    io::{self, Write},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream::unfold};
use rust_xlsxwriter::{Format as CellFormat, Workbook, XlsxError};
use tokio::sync::mpsc;

use super::csv_writer::{Cell, CsvWriter, trusted};
use crate::error::{Code, Error, Result};

/// Maximum number of rows of a worksheet, without the header (a limit of Excel).
pub(super) const MAX_WORKSHEET_ROWS: u32 = 1_048_575;
/// Maximum length of a cell's text, in characters (a limit of Excel).
const MAX_CELL_CHARS: usize = 32_767;
/// Number of pieces of a workbook that wait to be sent.
const WAITING_PIECES: usize = 4;
/// Size of a piece, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// A format of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 4180.
    Csv,
    /// A JSON object on each line.
    JsonLines,
    /// Office Open XML.
    Workbook,
}

impl Format {
    /// The format of this name; also the ending of its files.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines, Self::Workbook].into_iter().find(|format| format.ending() == name)
    }

    /// The first format that an `Accept` header names; CSV if it names none.
    pub(super) fn accepted(accept: &str) -> Self {
        let mut kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let known = |kind: &str| match kind {
            "text/csv" => Some(Self::Csv),
            "application/jsonl" | "application/x-ndjson" => Some(Self::JsonLines),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Some(Self::Workbook),
            _ => None,
        };
        kinds.find_map(known).unwrap_or(Self::Csv)
    }

    /// The ending of its files.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Workbook => "xlsx",
        }
    }

    /// Its media type.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
            Self::Workbook => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// What the rows of an export are written to.
pub(super) trait RowSink {
    /// Adds a row, whose cells stand in the order of the columns.
    ///
    /// # Errors
    /// `internal` when it has another number of cells than there are columns; `conflict` for one row too many.
    fn write_row(&mut self, cells: Vec<Cell<'_>>) -> Result<()>;
}

impl RowSink for CsvWriter {
    fn write_row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        self.write_cells(cells)
    }
}

/// Writes JSON objects into memory, one on each line. Texts stand as they are: no spreadsheet reads them.
#[derive(Debug)]
pub(super) struct JsonLinesWriter {
    columns: Arc<[String]>,
    lines: Vec<u8>,
}

impl RowSink for JsonLinesWriter {
    fn write_row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        let mut mark = b'{';
        for (name, cell) in self.columns.iter().zip(cells) {
            self.lines.push(mark);
            mark = b',';
            serde_json::to_writer(&mut self.lines, name).map_err(Error::internal)?;
            self.lines.push(b':');
            match cell {
                Cell::Ours(text) | Cell::Typed(text) => serde_json::to_writer(&mut self.lines, &text),
                Cell::Flag(is) => serde_json::to_writer(&mut self.lines, &is),
                Cell::Number(number) => serde_json::to_writer(&mut self.lines, &number),
            }
            .map_err(Error::internal)?;
        }
        self.lines.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// Writes rows as text into memory.
#[derive(Debug)]
pub(super) enum TextWriter {
    Csv(Box<CsvWriter>),
    JsonLines(JsonLinesWriter),
}

impl TextWriter {
    /// A piece of a file, without its beginning.
    pub(super) fn new(format: Format, columns: &Arc<[String]>) -> Self {
        match format {
            Format::JsonLines => Self::JsonLines(JsonLinesWriter { columns: columns.clone(), lines: Vec::new() }),
            Format::Csv | Format::Workbook => Self::Csv(Box::new(CsvWriter::beginning_with(b""))),
        }
    }

    /// The first piece of a file: of CSV, with the header after these bytes.
    ///
    /// # Errors
    /// `internal`; writing to memory does not fail.
    pub(super) fn beginning(format: Format, columns: &Arc<[String]>, bytes: &[u8]) -> Result<Self> {
        if format == Format::JsonLines {
            return Ok(Self::new(format, columns));
        }
        let mut writer = CsvWriter::beginning_with(bytes);
        writer.write_cells(columns.iter().map(|name| trusted(name.as_str())))?;
        Ok(Self::Csv(Box::new(writer)))
    }

    /// The piece as bytes.
    ///
    /// # Errors
    /// `internal`; writing to memory does not fail.
    pub(super) fn into_bytes(self) -> Result<Bytes> {
        match self {
            Self::Csv(writer) => writer.into_bytes(),
            Self::JsonLines(writer) => Ok(writer.lines.into()),
        }
    }
}

impl RowSink for TextWriter {
    fn write_row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        match self {
            Self::Csv(writer) => writer.write_row(cells),
            Self::JsonLines(writer) => writer.write_row(cells),
        }
    }
}

/// A workbook of one worksheet. Its rows go to an unnamed file in the folder for temporary files, so that memory does
/// not grow with their number.
pub(super) struct WorkbookWriter {
    workbook: Workbook,
    row: u32,
}

impl WorkbookWriter {
    /// A workbook with its header.
    ///
    /// # Errors
    /// `internal` when the file cannot be made.
    pub(super) fn new(sheet_name: &str, columns: &[String]) -> Result<Self> {
        let mut workbook = Workbook::new();
        let bold = CellFormat::new().set_bold();
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(Error::internal)?;
        sheet.set_name(sheet_name).map_err(Error::internal)?;
        for (at, name) in (0_u16..).zip(columns) {
            sheet.write_with_format(0, at, name, &bold).map_err(Error::internal)?;
        }
        Ok(Self { workbook, row: 0 })
    }

    /// The file as a stream: it is put together while it is sent.
    pub(super) fn stream(mut self) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(WAITING_PIECES);
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces { sender, piece: Vec::with_capacity(PIECE_BYTES) };
            let saved = self.workbook.save_to_writer(&mut pieces).map_err(Error::internal);
            match saved.and_then(|()| pieces.flush().map_err(Error::internal)) {
                Ok(()) => {}
                // nobody may be there any more to be told
                Err(error) => drop(pieces.sender.blocking_send(Err(error))),
            }
        });
        unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
    }
}

impl RowSink for WorkbookWriter {
    fn write_row(&mut self, cells: Vec<Cell<'_>>) -> Result<()> {
        self.row += 1;
        if self.row > MAX_WORKSHEET_ROWS {
            return Err(Error::problem(Code::Conflict, "These are more rows than a worksheet holds. Take the CSV."));
        }
        let sheet = self.workbook.worksheet_from_index(0).map_err(Error::internal)?;
        for (at, cell) in (0_u16..).zip(cells) {
            let written: Result<_, XlsxError> = match cell {
                // a string cell is not evaluated as a formula
                Cell::Ours(text) | Cell::Typed(text) => {
                    let is_long = text.len() > MAX_CELL_CHARS;
                    let text = if is_long { text.chars().take(MAX_CELL_CHARS).collect() } else { text };
                    sheet.write_string(self.row, at, text).map(drop)
                }
                Cell::Flag(is) => sheet.write_boolean(self.row, at, is).map(drop),
                #[expect(clippy::cast_precision_loss, reason = "a spreadsheet knows no other numbers")]
                Cell::Number(number) => sheet.write_number(self.row, at, number as f64).map(drop),
            };
            written.map_err(Error::internal)?;
        }
        Ok(())
    }
}

/// Sends what is written in pieces.
struct Pieces {
    sender: mpsc::Sender<Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::{super::csv_writer::untrusted, *};

    #[test]
    fn formats_are_named_and_accepted() {
        assert_eq!(Format::of_name("xlsx"), Some(Format::Workbook));
        assert_eq!(Format::of_name("pdf"), None);
        assert_eq!(Format::accepted("text/html, application/jsonl;q=0.9, text/csv"), Format::JsonLines);
        assert_eq!(Format::accepted("*/*"), Format::Csv);
    }

    #[test]
    fn json_lines_keep_every_text_and_type() {
        let columns: Arc<[String]> = ["a\"", "b", "c"].map(str::to_owned).into();
        let mut writer = TextWriter::beginning(Format::JsonLines, &columns, b"").unwrap();
        writer.write_row(vec![untrusted("=1\n\"é\""), Cell::Flag(true), Cell::Number(-3)]).unwrap();
        let lines = String::from_utf8(writer.into_bytes().unwrap().to_vec()).unwrap();
        assert_eq!(lines, "{\"a\\\"\":\"=1\\n\\\"é\\\"\",\"b\":true,\"c\":-3}\n");
    }

    #[tokio::test]
    async fn a_workbook_has_its_rows_as_text_and_never_as_a_formula() {
        let columns = ["name".to_owned(), "is".to_owned(), "n".to_owned()];
        let mut writer = WorkbookWriter::new("Signatures", &columns).unwrap();
        for n in 0..5_000 {
            writer.write_row(vec![untrusted("=1+1 <&>"), Cell::Flag(false), Cell::Number(n)]).unwrap();
        }
        let pieces: Vec<Bytes> = writer.stream().try_collect().await.unwrap();
        assert!(pieces.len() > 1, "{} bytes", pieces[0].len());
        let mut archive = zip::ZipArchive::new(io::Cursor::new(pieces.concat())).unwrap();
        let mut sheet = String::new();
        io::Read::read_to_string(&mut archive.by_name("xl/worksheets/sheet1.xml").unwrap(), &mut sheet).unwrap();
        assert!(!sheet.contains("<f>"), "{}", &sheet[..500]);
        assert_eq!(sheet.matches("=1+1 &lt;&amp;&gt;").count(), 5_000);
    }
}
