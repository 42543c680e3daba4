//! The parts of a workbook beside its sheets: relationships, the list of sheets, shared texts, formats of numbers.

use std::collections::HashMap;

use super::{
    WorkbookError,
    numbers::NumberFormat,
    xml::{Node, Part, local},
};
use crate::petitions::csv_reader::MAX_LINE_BYTES;

/// Maximum number of relationships, and of sheets.
const MAX_ENTRIES: usize = 10_000;
/// Maximum number of styles of cells, and of number formats. Excel allows 65,490.
const MAX_STYLES: usize = 70_000;
/// Maximum size of the shared texts in memory.
const MAX_TEXT_BYTES: usize = 128 * 1024 * 1024;
/// Maximum number of shared texts.
const MAX_TEXTS: usize = 16 * 1024 * 1024;
/// Bytes that are kept of a cell, and of the cells of a row: one more than a row may have, so that it is known to be
/// too long.
pub(super) const MAX_CELL_BYTES: usize = MAX_LINE_BYTES + 1;

/// A part that another part refers to.
pub(super) struct Relationship {
    pub(super) id: String,
    kind: String,
    pub(super) target: String,
}

impl Relationship {
    /// Is it of a kind? The kinds are URIs, which differ between the variants of the format in all but their last word.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }
}

/// The path in the archive that a part of a folder means by a target.
pub(super) fn join_path(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let whole = if target.starts_with('/') { target } else { format!("{folder}/{target}") };
    let mut path: Vec<&str> = Vec::new();
    for step in whole.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

/// Reads a part of relationships.
pub(super) fn relationships(mut part: Part<'_>) -> Result<Vec<Relationship>, WorkbookError> {
    let mut found = Vec::new();
    loop {
        match part.next()? {
            Node::Start(element) if element.name() == "Relationship" => {
                let attribute = |name| element.attribute(name).unwrap_or_default();
                found.push(Relationship { id: attribute("Id"), kind: attribute("Type"), target: attribute("Target") });
                if found.len() > MAX_ENTRIES {
                    return Err(WorkbookError::TooLarge);
                }
            }
            Node::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// A sheet as the workbook lists it.
pub(super) struct ListedSheet {
    pub(super) name: String,
    /// Id of the relationship that has its path.
    pub(super) relationship: String,
    pub(super) is_hidden: bool,
}

/// Reads the list of the sheets, and whether days are counted from 1904.
pub(super) fn sheets(mut part: Part<'_>) -> Result<(Vec<ListedSheet>, bool), WorkbookError> {
    let (mut found, mut is_from_1904) = (Vec::new(), false);
    loop {
        match part.next()? {
            Node::Start(element) if element.name() == "sheet" => {
                found.push(ListedSheet {
                    name: element.attribute("name").unwrap_or_default(),
                    relationship: element.attribute("id").unwrap_or_default(),
                    is_hidden: element.attribute("state").is_some_and(|state| state != "visible"),
                });
                if found.len() > MAX_ENTRIES {
                    return Err(WorkbookError::TooLarge);
                }
            }
            Node::Start(element) if element.name() == "workbookPr" => {
                is_from_1904 = element.attribute("date1904").is_some_and(|value| matches!(&*value, "1" | "true"));
            }
            Node::Eof => return Ok((found, is_from_1904)),
            _ => {}
        }
    }
}

/// Texts that cells refer to by number.
#[derive(Default)]
pub(super) struct SharedTexts {
    text: String,
    /// Where each text ends.
    ends: Vec<u32>,
}

impl SharedTexts {
    /// A text by its number.
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        let end = usize::try_from(*self.ends.get(number)?).ok()?;
        let start = match number.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        self.text.get(start..end)
    }
}

/// Reads the shared texts.
pub(super) fn shared_texts(mut part: Part<'_>) -> Result<SharedTexts, WorkbookError> {
    let mut texts = SharedTexts::default();
    let mut one = TextContent::default();
    loop {
        match part.next()? {
            Node::Start(element) if element.name() == "si" => one = TextContent::default(),
            Node::Start(element) => one.start(element.name()),
            Node::End(element) if local(element.name().0) == "si" => {
                texts.text.push_str(&unescape(&one.text));
                texts.ends.push(u32::try_from(texts.text.len()).map_err(|_| WorkbookError::TooLarge)?);
                if texts.text.len() > MAX_TEXT_BYTES || texts.ends.len() > MAX_TEXTS {
                    return Err(WorkbookError::TooLarge);
                }
                one.text.clear();
            }
            Node::End(element) => one.end(local(element.name().0)),
            Node::Text(text) => one.push(&text),
            Node::Other => {}
            Node::Eof => return Ok(texts),
        }
    }
}

/// Collects the text of an element with runs of formatted text, without the readings of Japanese words.
#[derive(Default)]
pub(super) struct TextContent {
    pub(super) text: String,
    is_text: bool,
    is_reading: bool,
}

impl TextContent {
    pub(super) fn start(&mut self, name: &str) {
        match name {
            "t" => self.is_text = true,
            "rPh" => self.is_reading = true,
            _ => {}
        }
    }

    pub(super) fn end(&mut self, name: &str) {
        match name {
            "t" => self.is_text = false,
            "rPh" => self.is_reading = false,
            _ => {}
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        if self.is_text && !self.is_reading {
            push_bounded(&mut self.text, text);
        }
    }
}

/// Appends a text, up to [`MAX_CELL_BYTES`].
pub(super) fn push_bounded(cell: &mut String, text: &str) {
    let room = MAX_CELL_BYTES.saturating_sub(cell.len());
    cell.push_str(&text[..text.floor_char_boundary(room)]);
}

/// Resolves `_x000D_`: the format's own way to write characters that XML cannot have.
pub(super) fn unescape(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest.get(at + 6..at + 7) == Some("_"));
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(c) = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            out.push_str(&rest[..at]);
            out.push(c);
            rest = &rest[at + 7..];
        } else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
        }
    }
    out.push_str(rest);
    out
}

/// Reads the formats of numbers, in the order of the cells' styles.
pub(super) fn number_formats(mut part: Part<'_>) -> Result<Vec<NumberFormat>, WorkbookError> {
    let mut codes: HashMap<u32, NumberFormat> = HashMap::new();
    let mut formats = Vec::new();
    let mut is_cells = false;
    loop {
        match part.next()? {
            Node::Start(element) => match element.name() {
                "numFmt" if codes.len() < MAX_STYLES => {
                    let id = element.attribute("numFmtId").and_then(|id| id.parse().ok());
                    if let (Some(id), Some(code)) = (id, element.attribute("formatCode")) {
                        codes.insert(id, NumberFormat::of_code(&code));
                    }
                }
                "cellXfs" => is_cells = true,
                "xf" if is_cells => {
                    let id = element.attribute("numFmtId").and_then(|id| id.parse().ok()).unwrap_or(0);
                    formats.push(codes.get(&id).cloned().unwrap_or_else(|| NumberFormat::of_id(id)));
                    if formats.len() > MAX_STYLES {
                        return Err(WorkbookError::TooLarge);
                    }
                }
                _ => {}
            },
            Node::End(element) if local(element.name().0) == "cellXfs" => is_cells = false,
            Node::Eof => return Ok(formats),
            _ => {}
        }
    }
}
