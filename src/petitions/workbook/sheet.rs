//! The rows of a sheet.

use super::{
    WorkbookError,
    numbers::NumberFormat,
    parts::{MAX_CELL_BYTES, SharedTexts, TextContent, push_bounded, unescape},
    xml::{Element, Node, Part, local},
};

/// Maximum number of cells of a sheet.
const MAX_CELLS: usize = 20_000_000;
/// Maximum number of columns (Excel's limit).
const MAX_COLUMNS: usize = 16_384;
/// Largest number of a row, and of rows (Excel's limit).
const MAX_ROWS: i64 = 1_048_576;

/// A row of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its number, as the spreadsheet shows it.
    pub number: i64,
    /// Its cells that are not empty, each with the index of its column.
    pub cells: Vec<(usize, String)>,
    /// Bytes of all cells. Cells after [`MAX_CELL_BYTES`] are counted and left away.
    pub bytes: usize,
}

impl Row {
    /// Its cells from the first column on, up to the last one that is not empty.
    pub(crate) fn dense(&self) -> Vec<String> {
        let mut cells = vec![String::new(); self.cells.iter().map(|(column, _)| column + 1).max().unwrap_or_default()];
        for (column, text) in &self.cells {
            cells[*column].clone_from(text);
        }
        cells
    }
}

/// What the cells of sheets refer to.
pub(super) struct Cells<'a> {
    pub(super) texts: &'a SharedTexts,
    pub(super) formats: &'a [NumberFormat],
    pub(super) is_from_1904: bool,
}

/// A cell that is being read.
#[derive(Default)]
struct Cell {
    column: usize,
    /// What its value is: `s` the number of a shared text, `str` and `inlineStr` a text, `b` a truth value, `e` an
    /// error, `d` a day; otherwise a number.
    kind: String,
    style: usize,
    is_value: bool,
    value: String,
    inline: TextContent,
}

impl Cells<'_> {
    /// Reads the rows that have cells with a value, until `each` answers `false`.
    pub(super) fn rows<E: From<WorkbookError>>(
        &self,
        mut part: Part<'_>,
        mut each: impl FnMut(&Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut row = Row::default();
        let mut cell = Cell::default();
        let (mut next_column, mut count, mut rows) = (0, 0, 0);
        loop {
            match part.next()? {
                Node::Start(element) => match element.name() {
                    "row" => {
                        (row.bytes, next_column, rows) = (0, 0, rows + 1);
                        row.cells.clear();
                        if rows > MAX_ROWS {
                            return Err(WorkbookError::TooLarge.into());
                        }
                        let number = element.attribute("r").and_then(|number| number.trim().parse().ok());
                        row.number = number.unwrap_or(row.number + 1);
                        if !(1..=MAX_ROWS).contains(&row.number) {
                            return Err(WorkbookError::Damaged.into());
                        }
                    }
                    "c" => {
                        cell = Cell::of(&element, next_column);
                        count += 1;
                        if count > MAX_CELLS || cell.column >= MAX_COLUMNS {
                            return Err(WorkbookError::TooLarge.into());
                        }
                        next_column = cell.column + 1;
                    }
                    "v" => cell.is_value = true,
                    name => cell.inline.start(name),
                },
                Node::Text(text) if cell.is_value => push_bounded(&mut cell.value, &text),
                Node::Text(text) => cell.inline.push(&text),
                Node::End(element) => match local(element.name().0) {
                    "v" => cell.is_value = false,
                    "c" => self.put(&mut row, &std::mem::take(&mut cell)),
                    "row" if !row.cells.is_empty() => {
                        if !each(&row)? {
                            return Ok(());
                        }
                        // cells that stand in no row belong to none
                        row.cells.clear();
                    }
                    "sheetData" => return Ok(()),
                    name => cell.inline.end(name),
                },
                Node::Other => {}
                // a sheet that breaks off would be imported in part
                Node::Eof => return Err(WorkbookError::Damaged.into()),
            }
        }
    }

    /// Puts a cell into its row.
    fn put(&self, row: &mut Row, cell: &Cell) {
        let text = self.text(cell);
        if text.trim().is_empty() {
            return;
        }
        row.bytes += text.len();
        if row.bytes <= MAX_CELL_BYTES {
            row.cells.push((cell.column, text));
        }
    }

    /// A cell as the spreadsheet shows it.
    fn text(&self, cell: &Cell) -> String {
        match cell.kind.as_str() {
            "s" => {
                let text = cell.value.trim().parse().ok().and_then(|number| self.texts.get(number));
                text.unwrap_or_default().to_owned()
            }
            "inlineStr" => unescape(&cell.inline.text),
            "str" => unescape(&cell.value),
            "b" => if cell.value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "e" | "d" => cell.value.clone(),
            _ => {
                let format = self.formats.get(cell.style).unwrap_or(&NumberFormat::General);
                format.show(&cell.value, self.is_from_1904)
            }
        }
    }
}

impl Cell {
    fn of(element: &Element, next_column: usize) -> Self {
        let place = element.attribute("r");
        Self {
            column: place.and_then(|place| column(&place)).unwrap_or(next_column),
            kind: element.attribute("t").unwrap_or_default(),
            style: element.attribute("s").and_then(|style| style.parse().ok()).unwrap_or(0),
            ..Self::default()
        }
    }
}

/// The index of the column of a place such as `AB12`.
fn column(place: &str) -> Option<usize> {
    let mut number = 0_usize;
    for letter in place.bytes().take_while(u8::is_ascii_alphabetic).take(4) {
        number = number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    }
    number.checked_sub(1)
}
