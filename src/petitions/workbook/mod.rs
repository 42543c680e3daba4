//! Reads workbooks (Office Open XML, `.xlsx`): the cells of a sheet as its spreadsheet shows them, row by row.
//!
//! A workbook is a ZIP archive of XML parts: the list of the sheets, the texts that cells share, the formats of
//! numbers, and each sheet. Files may be made to harm, so everything is bounded before it is kept: the number of parts,
//! what is unpacked of them, the shared texts in memory, elements within each other, the size of a tag. Sheets are
//! never in memory as a whole. Libraries that read all of a workbook at once, or reserve memory for as many cells or
//! texts as it claims to have, are not used for that reason.

mod numbers;
mod parts;
mod sheet;
mod xml;

use std::{collections::HashMap, io::Cursor};

use zip::ZipArchive;

pub(super) use self::sheet::Row;
use self::{
    numbers::NumberFormat,
    parts::{SharedTexts, join_path},
    xml::Part,
};

/// Maximum number of parts of a workbook.
const MAX_PARTS: usize = 10_000;
/// Maximum number of bytes that are unpacked to read a workbook.
pub(super) const MAX_UNPACKED_BYTES: u64 = 1024 * 1024 * 1024;

/// Why a file is not read as a workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkbookError {
    /// More than the limits allow.
    #[error("too large")]
    TooLarge,
    /// Not as the format demands.
    #[error("damaged")]
    Damaged,
    /// Its cells are not XML (`.xlsb`).
    #[error("binary")]
    Binary,
    /// An archive of something else.
    #[error("no workbook")]
    NoWorkbook,
}

/// A sheet that can be seen.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    /// Its name.
    pub name: String,
    path: String,
}

/// A workbook whose sheets can be read.
pub(super) struct Workbook<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Number of each part by its path in lower case: some programs write other capitals in references.
    parts: HashMap<String, usize>,
    /// Bytes that may still be unpacked.
    budget: u64,
    sheets: Vec<Sheet>,
    texts: SharedTexts,
    /// Formats of numbers, in the order of the cells' styles.
    formats: Vec<NumberFormat>,
    /// Days are counted from 1904, as on old Macs.
    is_from_1904: bool,
}

impl<'a> Workbook<'a> {
    /// Opens a workbook, and reads all but its sheets. At most `budget` bytes are unpacked of it, now and later.
    ///
    /// # Errors
    /// When it is none, damaged, or too large.
    pub(super) fn open(file: &'a [u8], budget: u64) -> Result<Self, WorkbookError> {
        // each entry of the directory has its signature; the library keeps all of them in memory
        if file.windows(4).filter(|window| window == b"PK\x01\x02").count() > MAX_PARTS {
            return Err(WorkbookError::TooLarge);
        }
        let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|_| WorkbookError::Damaged)?;
        let mut parts = HashMap::new();
        for number in 0..archive.len() {
            let entry = archive.by_index_raw(number).map_err(|_| WorkbookError::Damaged)?;
            parts.insert(
                entry
                    .name()
                    .map_err(|_| WorkbookError::Damaged)?
                    .replace('\\', "/")
                    .trim_start_matches('/')
                    .to_lowercase(),
                number,
            );
        }
        let mut workbook = Self {
            archive,
            parts,
            budget,
            sheets: Vec::new(),
            texts: SharedTexts::default(),
            formats: Vec::new(),
            is_from_1904: false,
        };
        workbook.read_parts()?;
        Ok(workbook)
    }

    /// The sheets that can be seen, in the order of their tabs.
    pub(super) fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    fn read_parts(&mut self) -> Result<(), WorkbookError> {
        let package = self.part("_rels/.rels", parts::relationships)?.unwrap_or_default();
        let main = package.into_iter().find(|relation| relation.is("officeDocument"));
        let path = main.map_or_else(|| "xl/workbook.xml".to_owned(), |main| join_path("", &main.target));
        if path.to_lowercase().ends_with(".bin") {
            return Err(WorkbookError::Binary);
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let (sheets, is_from_1904) = self.part(&path, parts::sheets)?.ok_or(WorkbookError::NoWorkbook)?;
        self.is_from_1904 = is_from_1904;
        let relations = join_path(folder, &format!("_rels/{name}.rels"));
        let relations = self.part(&relations, parts::relationships)?.unwrap_or_default();
        let target = |relation: &parts::Relationship| join_path(folder, &relation.target);
        for listed in sheets.into_iter().filter(|sheet| !sheet.is_hidden) {
            // others are charts and macros
            if let Some(relation) = relations.iter().find(|r| r.id == listed.relationship && r.is("worksheet")) {
                self.sheets.push(Sheet { name: listed.name, path: target(relation) });
            }
        }
        if let Some(path) = relations.iter().find(|relation| relation.is("sharedStrings")).map(target) {
            self.texts = self.part(&path, parts::shared_texts)?.unwrap_or_default();
        }
        if let Some(path) = relations.iter().find(|relation| relation.is("styles")).map(target) {
            self.formats = self.part(&path, parts::number_formats)?.unwrap_or_default();
        }
        Ok(())
    }

    /// Reads a part of the archive; `None` if there is none.
    fn part<T>(
        &mut self,
        path: &str,
        read: impl FnOnce(Part<'_>) -> Result<T, WorkbookError>,
    ) -> Result<Option<T>, WorkbookError> {
        let Some(number) = self.parts.get(&path.to_lowercase()) else { return Ok(None) };
        let entry = self.archive.by_index(*number).map_err(|_| WorkbookError::Damaged)?;
        read(Part::new(entry, &mut self.budget)).map(Some)
    }

    /// Reads the rows of a sheet that have cells, until `each` answers `false`.
    ///
    /// # Errors
    /// When the sheet is damaged or too large, and those of `each`.
    pub(super) fn rows<E: From<WorkbookError>>(
        &mut self,
        sheet: &Sheet,
        each: impl FnMut(&Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        let Some(number) = self.parts.get(&sheet.path.to_lowercase()) else {
            return Err(WorkbookError::Damaged.into());
        };
        let entry = self.archive.by_index(*number).map_err(|_| WorkbookError::Damaged)?;
        let cells = sheet::Cells { texts: &self.texts, formats: &self.formats, is_from_1904: self.is_from_1904 };
        cells.rows(Part::new(entry, &mut self.budget), each)
    }
}
