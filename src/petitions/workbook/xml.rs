//! The XML parts of a workbook, read event by event within limits.

use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, Read},
};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesEnd, BytesStart, Event},
};

use super::WorkbookError;

/// Maximum size of one tag, text or comment in bytes. A cell holds 32,767 characters (Excel's limit).
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// Maximum number of elements within each other.
const MAX_DEPTH: usize = 64;

/// Text of the errors by which [`Metered`] stops the parser.
const TOO_LARGE: &str = "too large";

/// Counts what the parser takes: all that is unpacked, and what it keeps in memory at once.
struct Metered<'a> {
    inner: BufReader<Box<dyn Read + 'a>>,
    /// Bytes that may still be unpacked of the workbook.
    budget: &'a mut u64,
    /// Bytes since the last event.
    event: usize,
}

impl Read for Metered<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let taken = available.len().min(out.len());
        out[..taken].copy_from_slice(&available[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.event > MAX_EVENT_BYTES || *self.budget == 0 {
            return Err(io::Error::other(TOO_LARGE));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, taken: usize) {
        self.event += taken;
        *self.budget = self.budget.saturating_sub(taken as u64);
        self.inner.consume(taken);
    }
}

/// What stands next in a part. Names are without their namespace's prefix.
pub(super) enum Node<'b> {
    /// A beginning element. One without content is followed by its end like any other.
    Start(Element<'b>),
    /// The end of an element.
    End(BytesEnd<'b>),
    /// Text, or a part of it.
    Text(Cow<'b, str>),
    /// What says nothing: a comment, a declaration.
    Other,
    /// The end of the part.
    Eof,
}

/// The beginning of an element.
pub(super) struct Element<'b>(BytesStart<'b>);

impl Element<'_> {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        local(self.0.name().0)
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        let attributes = attributes.with_checks(false).flatten();
        let found = attributes.into_iter().find(|attribute| local(attribute.key.0) == name)?;
        found.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
    }
}

/// A name without the prefix of its namespace.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// A part of a workbook.
pub(super) struct Part<'a> {
    reader: Reader<Metered<'a>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<'a> Part<'a> {
    /// Reads what is unpacked, as long as the budget of bytes allows it.
    pub(super) fn new(unpacked: impl Read + 'a, budget: &'a mut u64) -> Self {
        let unpacked: Box<dyn Read + 'a> = Box::new(unpacked);
        let mut reader = Reader::from_reader(Metered { inner: BufReader::new(unpacked), budget, event: 0 });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    /// The next node.
    ///
    /// # Errors
    /// When the part is too large, no XML, or has entities of its own.
    pub(super) fn next(&mut self) -> Result<Node<'_>, WorkbookError> {
        self.buffer.clear();
        self.reader.get_mut().event = 0;
        Ok(match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::Start(element)) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(WorkbookError::TooLarge);
                }
                Node::Start(Element(element))
            }
            Ok(Event::End(element)) => {
                self.depth = self.depth.saturating_sub(1);
                Node::End(element)
            }
            Ok(Event::Text(text)) => Node::Text(text.xml10_content()),
            Ok(Event::CData(text)) => Node::Text(text.xml10_content()),
            Ok(Event::GeneralRef(entity)) => match entity.resolve_char_ref() {
                Ok(Some(c)) => Node::Text(c.to_string().into()),
                _ => match quick_xml::escape::resolve_xml_entity(&entity.xml10_content()) {
                    Some(text) => Node::Text(text.into()),
                    None => return Err(WorkbookError::Damaged),
                },
            },
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_)) => Node::Other,
            Ok(Event::Eof) => Node::Eof,
            Err(quick_xml::Error::Io(error)) if error.to_string() == TOO_LARGE => return Err(WorkbookError::TooLarge),
            // a document type may define entities of any size
            Ok(Event::DocType(_)) | Err(_) => return Err(WorkbookError::Damaged),
        })
    }
}
