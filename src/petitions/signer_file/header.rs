//! The header of a table: which row it is, and the names of the columns.

use std::collections::{HashMap, HashSet};

use super::problem::FileProblem;
use crate::{
    error::Result,
    petitions::import_headers::{is_email_header, known_field, known_headers, looks_like_address},
};

/// Rows among which the header is looked for.
pub(super) const HEAD_ROWS: usize = 30;
/// Number of rows in the preview.
pub(in crate::petitions) const PREVIEW_ROWS: usize = 5;
/// Maximum number of columns.
const MAX_COLUMNS: usize = 1_000;

/// What is known of a file once its beginning was read.
#[derive(Clone, Debug)]
pub struct FileFormat {
    /// Comma, semicolon, tab or vertical bar; none in a workbook.
    pub separator: Option<u8>,
    /// Names of the columns, each of them different.
    pub columns: Vec<String>,
    /// The first rows after the header.
    pub preview: Vec<Vec<String>>,
    /// The header's number in the spreadsheet. Rows before it are not read.
    pub header_row: i64,
    /// The name of the sheet that is read, of a workbook.
    pub sheet: Option<String>,
}

impl FileFormat {
    /// The format of a table with this header.
    ///
    /// # Errors
    /// 422 when a signer stands in the header, or when it has too many columns.
    pub(super) fn new(
        separator: Option<u8>,
        header_row: i64,
        header: &[String],
        preview: Vec<Vec<String>>,
    ) -> Result<Self> {
        if header.iter().any(|cell| looks_like_address(cell)) {
            return Err(FileProblem::NoHeader.into());
        }
        if header.len() > MAX_COLUMNS {
            return Err(FileProblem::TooManyColumns.into());
        }
        Ok(Self { separator, columns: name_columns(header), preview, header_row, sheet: None })
    }
}

/// Which of the first rows is the header: the one with the most known names and one for an address, if no signer stands
/// before it; otherwise the first with several cells, after a title.
pub(super) fn header_index(rows: &[Vec<String>]) -> usize {
    let filled = |row: &[String]| row.iter().filter(|cell| !cell.is_empty()).count();
    // a title may contain an address, too: "Exported by ana@example.org"
    let is_title =
        |row: &[String]| filled(row) == 1 && row.iter().any(|cell| cell.contains(' ') && !cell.contains('<'));
    let is_signer = |row: &Vec<String>| row.iter().any(|cell| looks_like_address(cell)) && !is_title(row);
    // "Exported by" and "ana@example.org" in two cells before a header are no signer
    let has_address = |row: &[String]| row.iter().any(|cell| looks_like_address(cell));
    let names_columns =
        |row: &&[String]| row.iter().any(|cell| is_email_header(cell)) && known_headers(row) >= 4 && !has_address(row);
    let header = rows.iter().map(Vec::as_slice).position(|row| names_columns(&row)).unwrap_or(0);
    let preamble = if rows[..header].iter().all(|row| filled(row) <= 2) { header } else { 0 };
    let before = rows[preamble..].iter().position(is_signer).map_or(rows.len(), |at| preamble + at);
    let rows = &rows[..before];
    let names_address = |row: &[String]| row.iter().any(|cell| is_email_header(cell));
    let named = rows.iter().enumerate().rev().filter(|(_, row)| names_address(row));
    let named = named.max_by_key(|(_, row)| known_headers(row)).map(|(at, _)| at);
    named.or_else(|| rows.iter().position(|row| filled(row) > 1)).unwrap_or(0)
}

/// The names of columns whose header has two rows, as tools for surveys write it: questions, and under them the parts
/// of their answers ("Email Address"), or "Open-Ended Response". `None` where the row after the header is none of it.
pub(super) fn with_second_row(header: &[String], next: &[String]) -> Option<Vec<String>> {
    // in the form of a question without parts
    const WHOLE: [&str; 8] = [
        "Open-Ended Response",
        "Response",
        "Réponse ouverte",
        "Réponse",
        "Respuesta abierta",
        "Respuesta de tipo abierto",
        "Respuesta",
        "Resposta aberta",
    ];
    let is_whole = |cell: &str| WHOLE.iter().any(|whole| whole.eq_ignore_ascii_case(cell));
    let is_part = |cell: &String| cell.is_empty() || is_whole(cell) || known_field(cell).is_some();
    let begins_empty =
        next.first().is_some_and(String::is_empty) && header.first().is_some_and(|name| !name.is_empty());
    if !begins_empty || next.iter().all(String::is_empty) || !next.iter().all(is_part) {
        return None;
    }
    let name = |(at, name): (usize, &String)| match next.get(at) {
        Some(part) if !part.is_empty() && !is_whole(part) => part.clone(),
        _ => name.clone(),
    };
    Some(header.iter().enumerate().map(name).collect())
}

/// Names of columns, each of them different: without a name the letter of the spreadsheet, of several the number.
fn name_columns(cells: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::with_capacity(cells.len());
    let mut next: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<String> = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        // a line break in a name would not come back from a form as it was, and NUL cannot be stored
        let words = cell.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let name = words.collect::<Vec<_>>().join(" ");
        let name = if name.is_empty() { format!("Column {}", letters(index)) } else { name };
        let mut unique = name.clone();
        while !taken.insert(unique.clone()) {
            let number = next.entry(name.clone()).or_insert(1);
            *number += 1;
            unique = format!("{name} ({number})");
        }
        names.push(unique);
    }
    names
}

/// Letters of a column: A, B, …, Z, AA.
fn letters(index: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or_default());
    if index < 26 { letter.to_string() } else { format!("{}{letter}", letters(index / 26 - 1)) }
}
