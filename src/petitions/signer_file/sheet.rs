//! Reads the signers of a workbook: which of its sheets has them, its header, and its rows in the form of `csv_reader`.

use super::{
    header::{FileFormat, HEAD_ROWS, PREVIEW_ROWS, header_index, with_second_row},
    problem::FileProblem,
};
use crate::{
    error::{Error, Result},
    petitions::{
        csv_reader::{MAX_LINE_BYTES, write_row},
        import_columns::ColumnFacts,
        import_headers::is_email_header,
        workbook::{MAX_UNPACKED_BYTES, Row, Sheet, Workbook, WorkbookError},
    },
};

/// Bytes of rows that are passed on at once.
const PIECE_BYTES: usize = 256 * 1024;

/// What is read of a workbook: first its format, then rows in the form of `csv_reader`.
#[derive(Debug)]
pub enum SheetPiece {
    /// The sheet and its header.
    Format(FileFormat),
    /// Complete rows.
    Rows(Vec<u8>),
    /// What the rows tell about their columns; the last piece.
    Facts(Vec<ColumnFacts>),
}

/// Reads the sheet that has the signers: of those that can be seen the first whose header names an address, otherwise
/// the first with several columns. `take` gets each piece. This takes seconds for a large workbook: call it on a thread
/// where it may block. At most `max_bytes` of rows are made, however small the file is that asks for them.
///
/// # Errors
/// 415 for what is no workbook, 413 for one that is too large, 422 for one without a header, and those of `take`.
pub fn read_workbook(file: &[u8], max_bytes: usize, mut take: impl FnMut(SheetPiece) -> Result<()>) -> Result<()> {
    let mut workbook = Workbook::open(file, MAX_UNPACKED_BYTES).map_err(|error| match error {
        WorkbookError::Damaged | WorkbookError::NoWorkbook => FileProblem::of_archive(file).into(),
        error => Error::from(error),
    })?;
    let (sheet, format, last_row) = find_sheet(&mut workbook)?;
    let columns = format.columns.len();
    take(SheetPiece::Format(format))?;
    let (mut out, mut bytes, mut is_body) = (Vec::with_capacity(PIECE_BYTES), 0, false);
    let mut facts = Vec::new();
    workbook.rows(&sheet, |row| {
        if is_body {
            let cells = fit(row, columns);
            if let Ok(cells) = &cells {
                ColumnFacts::see(&mut facts, cells);
            }
            write_row(&mut out, row.number, cells)?;
        }
        is_body |= row.number == last_row;
        if out.len() >= PIECE_BYTES {
            bytes += out.len();
            if bytes > max_bytes {
                return Err(FileProblem::WorkbookTooLarge.into());
            }
            take(SheetPiece::Rows(std::mem::take(&mut out)))?;
        }
        Ok::<_, Error>(true)
    })?;
    if !out.is_empty() {
        take(SheetPiece::Rows(out))?;
    }
    take(SheetPiece::Facts(facts))
}

/// The sheet, its format, and the last row of its header.
fn find_sheet(workbook: &mut Workbook) -> Result<(Sheet, FileFormat, i64)> {
    let mut first = None;
    for sheet in workbook.sheets().to_vec() {
        let (mut numbers, mut rows) = (Vec::new(), Vec::new());
        workbook.rows(&sheet, |row| {
            numbers.push(row.number);
            rows.push(row.dense().iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
            Ok::<_, Error>(rows.len() < HEAD_ROWS)
        })?;
        let at = header_index(&rows);
        let Some(header) = rows.get(at) else { continue };
        let names_address = header.iter().any(|cell| is_email_header(cell));
        let has_columns = header.iter().filter(|cell| !cell.is_empty()).count() > 1;
        if names_address || (has_columns && first.is_none()) {
            first = Some((sheet, numbers, at, rows));
        }
        if names_address {
            break;
        }
    }
    let (sheet, numbers, at, rows) = first.ok_or(FileProblem::Empty)?;
    if rows[at].iter().map(String::len).sum::<usize>() > MAX_LINE_BYTES {
        return Err(FileProblem::HeaderTooLong.into());
    }
    let second = rows.get(at + 1).and_then(|next| with_second_row(&rows[at], next));
    let last = if second.is_some() { at + 1 } else { at };
    let preview = rows[last + 1..].iter().take(PREVIEW_ROWS).cloned().collect();
    let mut format = FileFormat::new(None, numbers[at], second.as_deref().unwrap_or(rows[at].as_slice()), preview)?;
    format.sheet = Some(sheet.name.clone());
    Ok((sheet, format, numbers[last]))
}

/// The cells of a row for so many columns.
fn fit(row: &Row, columns: usize) -> Result<Vec<&str>, &'static str> {
    if row.bytes > MAX_LINE_BYTES {
        return Err("too_long");
    }
    let mut cells = vec![""; columns];
    for (column, text) in &row.cells {
        *cells.get_mut(*column).ok_or("invalid_value")? = text.trim();
    }
    Ok(cells)
}

#[cfg(test)]
mod tests;
