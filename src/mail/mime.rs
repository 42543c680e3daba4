//! A MIME parser for untrusted messages (RFC 5322, RFC 2045, RFC 2046).
//!
//! Anybody may send mail to our bounce addresses, so parsing must take time in proportion to the length, whatever the
//! message looks like. Our own code splits the parts, with limits on depth and number, and reads each byte once per
//! level; a general parser builds trees as deep as the sender likes. `mail_parser` only decodes the leaves.

use std::borrow::Cow;

use mail_parser::decoders::{
    base64::base64_decode, charsets::map::charset_decoder, html::html_to_text,
    quoted_printable::quoted_printable_decode,
};

/// Maximum nesting depth of multiparts and messages that are opened.
const MAX_DEPTH: usize = 8;
/// Maximum nesting depth of messages (`message/rfc822`) that are opened.
const MAX_MESSAGES: usize = 3;
/// Maximum number of parts that are read; further ones are ignored.
const MAX_PARTS: usize = 100;
/// Maximum number of header fields that are kept.
const MAX_FIELDS: usize = 500;
/// Maximum length of a field's value that is kept, in bytes.
const MAX_VALUE: usize = 8 * 1024;
/// Maximum length of a decoded part that is kept, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Header fields: names in lower case, values unfolded.
#[derive(Debug, Default)]
pub(super) struct Header(Vec<(String, String)>);

impl Header {
    /// The value of the last field of this name (in lower case).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Has the header no fields?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A leaf part: neither a multipart nor an opened message.
#[derive(Debug)]
pub(super) struct MimePart {
    /// Media type, `type/subtype`, in lower case.
    pub(super) kind: String,
    /// Number of messages that it is nested in, besides the outermost.
    pub(super) messages: usize,
    /// Is its multipart a `multipart/alternative`?
    pub(super) is_alternative: bool,
    /// Is its Content-Disposition `attachment`?
    pub(super) is_attachment: bool,
    /// Has it the name of a file?
    pub(super) is_named: bool,
    /// The beginning of its decoded content, at most [`MAX_TEXT`] bytes.
    pub(super) text: String,
}

impl MimePart {
    /// The human-readable text, if it is a text of the outermost message and not an attachment.
    pub(super) fn readable(&self) -> Option<Cow<'_, str>> {
        match self.kind.as_str() {
            _ if self.is_attachment || self.messages > 0 => None,
            "text/plain" => Some(Cow::Borrowed(&self.text)),
            "text/html" => Some(Cow::Owned(html_to_text(&self.text))),
            _ => None,
        }
    }
}

/// A parsed message.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// The outermost header.
    pub(super) header: Header,
    /// The headers of nested messages.
    pub(super) inner_headers: Vec<Header>,
    /// The leaf parts in order, those of nested messages included.
    pub(super) parts: Vec<MimePart>,
}

impl Message {
    /// Parses a message. `decoded` is called with the whole content of each part that had a transfer encoding.
    pub(super) fn read(raw: &[u8], decoded: &mut dyn FnMut(&[u8])) -> Self {
        // splitters of mailboxes leave empty lines, and some programs a byte order mark
        let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw).trim_ascii_start();
        // line ends of CR alone
        let raw = if !raw.contains(&b'\n') && raw.contains(&b'\r') {
            Cow::Owned(raw.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect())
        } else {
            Cow::Borrowed(raw)
        };
        let mut message = Self::default();
        let (header, body) = split_header(&raw);
        message.entity(&header, body, PartContext::default(), decoded);
        message.header = header;
        message
    }

    fn entity(&mut self, header: &Header, body: &[u8], nesting: PartContext, decoded: &mut dyn FnMut(&[u8])) {
        if self.parts.len() >= MAX_PARTS {
            return;
        }
        let content_type = header.get("content-type").unwrap_or_default();
        let kind = kind_of(content_type);
        let opens = nesting.depth < MAX_DEPTH;
        if opens
            && kind.starts_with("multipart/")
            && let Some(boundary) = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())
        {
            let parts = split_parts(body, boundary.as_bytes());
            let nested =
                PartContext { depth: nesting.depth + 1, is_alternative: kind == "multipart/alternative", ..nesting };
            for part in &parts {
                let (header, body) = split_header(part);
                self.entity(&header, body, nested, decoded);
            }
            if !parts.is_empty() {
                return;
            }
        }
        let content = decode(header.get("content-transfer-encoding").unwrap_or_default(), body);
        if let Cow::Owned(content) = &content {
            decoded(content);
        }
        if opens && kind == "message/rfc822" && nesting.messages < MAX_MESSAGES {
            let (header, body) = split_header(&content);
            let nested =
                PartContext { depth: nesting.depth + 1, messages: nesting.messages + 1, is_alternative: false };
            self.entity(&header, body, nested, decoded);
            self.inner_headers.push(header);
            return;
        }
        let content = &content[..content.len().min(MAX_TEXT)];
        let charset = parameter(content_type, "charset").filter(|_| kind.starts_with("text/"));
        let charset = charset.filter(|name| !["us-ascii", "utf-8"].contains(&name.to_ascii_lowercase().as_str()));
        let to_text = charset.and_then(|charset| charset_decoder(charset.as_bytes()));
        let disposition = header.get("content-disposition").unwrap_or_default().trim_start();
        self.parts.push(MimePart {
            messages: nesting.messages,
            is_alternative: nesting.is_alternative,
            is_attachment: disposition.get(..10).is_some_and(|word| word.eq_ignore_ascii_case("attachment")),
            is_named: parameter(disposition, "filename").or_else(|| parameter(content_type, "name")).is_some(),
            text: to_text.map_or_else(|| unlabelled(content).into_owned(), |to_text| to_text(content)),
            kind,
        });
    }
}

/// Position of a part: nesting depth, number of enclosing messages, and whether its multipart is an alternative.
#[derive(Clone, Copy, Default)]
struct PartContext {
    depth: usize,
    messages: usize,
    is_alternative: bool,
}

/// The lines of a text, each with its line end.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

/// Splits a message into its header and its body, at the first empty line. A line that is not a field is ignored.
fn split_header(raw: &[u8]) -> (Header, &[u8]) {
    let mut fields: Vec<(String, String)> = Vec::new();
    let (mut at, mut folds) = (0, false);
    for line in lines(raw) {
        at += line.len();
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return (Header(fields), &raw[at..]);
        }
        if line[0].is_ascii_whitespace() {
            if folds && let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                add(value, line);
            }
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':').filter(|_| fields.len() < MAX_FIELDS);
        let name = colon.map(|colon| line[..colon].trim_ascii_end());
        // a name is printable ASCII without spaces, so the mbox line `From jane Mon Nov 23 10:00` is not a field
        let name = name.filter(|name| !name.is_empty() && name.len() <= 80 && name.iter().all(u8::is_ascii_graphic));
        folds = name.is_some();
        if let (Some(colon), Some(name)) = (colon, name) {
            let mut value = String::new();
            add(&mut value, &line[colon + 1..]);
            fields.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value));
        }
    }
    (Header(fields), &[])
}

/// Appends to a value, up to [`MAX_VALUE`] bytes.
fn add(value: &mut String, more: &[u8]) {
    let more = more.trim_ascii();
    let room = MAX_VALUE.saturating_sub(value.len());
    value.push_str(&unlabelled(&more[..more.len().min(room)]));
}

/// The text of bytes whose charset is not told, or is told wrong: UTF-8, else Windows-1252, as programs of the West write
/// without saying so.
pub(super) fn unlabelled(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => match charset_decoder(b"windows-1252") {
            Some(to_text) if error.error_len().is_some() => Cow::Owned(to_text(bytes)),
            // cut within a character
            _ => String::from_utf8_lossy(bytes),
        },
    }
}

/// The media type of a `Content-Type`, in lower case; `text/plain` if it is not valid.
fn kind_of(content_type: &str) -> String {
    let kind = content_type.split(';').next().unwrap_or_default();
    let kind: String = kind.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    if kind.contains('/') { kind } else { "text/plain".to_owned() }
}

/// A parameter of a `Content-Type`, quoted or not.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (found, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (text, next) = if let Some(quoted) = after.strip_prefix('"') {
            let (mut text, mut end, mut chars) = (String::new(), quoted.len(), quoted.char_indices());
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = at;
                        break;
                    }
                    '\\' => text.extend(chars.next().map(|(_, c)| c)),
                    c => text.push(c),
                }
            }
            (text, &quoted[end..])
        } else {
            let end = after.find(|c: char| c == ';' || c.is_whitespace()).unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        if found.trim().trim_start_matches(';').trim().eq_ignore_ascii_case(name) {
            return Some(text);
        }
        rest = next.split_once(';')?.1;
    }
}

/// The parts of a multipart body. The closing boundary may be missing.
fn split_parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let (mut at, mut begun) = (0, None);
    for line in lines(body) {
        let start = at;
        at += line.len();
        let Some(after) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary)) else { continue };
        let after = after.trim_ascii_end();
        let is_last = after.starts_with(b"--");
        if !after.is_empty() && !is_last {
            continue; // another, longer boundary with the same beginning
        }
        if let Some(begun) = begun.take() {
            parts.push(without_line_end(&body[begun..start]));
        }
        if is_last || parts.len() >= MAX_PARTS {
            return parts;
        }
        begun = Some(at);
    }
    parts.extend(begun.map(|begun| &body[begun..]));
    parts
}

/// Removes the line end before a boundary, which belongs to the boundary (RFC 2046 section 5.1.1).
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Decodes base64 or quoted-printable: `Owned` when decoded, `Borrowed` when there was no such encoding or it is not
/// valid.
fn decode<'a>(encoding: &str, body: &'a [u8]) -> Cow<'a, [u8]> {
    let decoded = match encoding.trim() {
        word if word.eq_ignore_ascii_case("base64") => base64_decode(body),
        word if word.eq_ignore_ascii_case("quoted-printable") => quoted_printable_decode(body),
        _ => None,
    };
    decoded.map_or(Cow::Borrowed(body), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Message {
        Message::read(raw.as_bytes(), &mut |_| {})
    }

    #[test]
    fn fields_are_unfolded_and_found_by_name() {
        let (header, body) =
            split_header(b"From x Mon 10:00\r\nSubject: one\r\n  two\r\nno field\r\n three\r\nX : y\r\n\r\nbody");
        assert_eq!((header.get("subject"), header.get("x"), body), (Some("one two"), Some("y"), &b"body"[..]));
        assert!(split_header(b"\r\n\r\n").0.is_empty());
    }

    #[test]
    fn text_without_a_charset_is_utf8_or_windows_1252() {
        let read = |body: &[u8], charset: &str| {
            let raw = [format!("\n\nSubject: x\nContent-Type: text/plain{charset}\n\n").as_bytes(), body].concat();
            Message::read(&raw, &mut |_| {}).parts.remove(0).text
        };
        for charset in ["", "; charset=us-ascii", "; charset=UTF-8"] {
            assert_eq!(read(b"Bo\xeete inconnue", charset), "Boîte inconnue", "{charset}");
            assert_eq!(read("Boîte inconnue".as_bytes(), charset), "Boîte inconnue", "{charset}");
        }
        assert_eq!(read(b"cut \xc3", ""), "cut \u{fffd}");
        assert_eq!(split_header(b"Subject: \xc9chec\n\n").0.get("subject"), Some("Échec"));
    }

    #[test]
    fn parameters_are_quoted_or_not() {
        let value = "multipart/report; report-type=delivery-status; BOUNDARY=\"a \\\"b;c\" ; charset=utf-8";
        assert_eq!(parameter(value, "boundary").as_deref(), Some("a \"b;c"));
        assert_eq!(parameter(value, "charset").as_deref(), Some("utf-8"));
        assert_eq!(parameter(value, "report-type").as_deref(), Some("delivery-status"));
        for none in ["", "text/plain", "text/plain;", "text/plain; =", "a; boundary", "a; x=\"open"] {
            assert_eq!(parameter(none, "boundary"), None, "{none}");
        }
    }

    #[test]
    fn parts_end_at_their_boundary_and_at_no_longer_one() {
        let raw = "Content-Type: multipart/mixed; boundary=cut\n\nbefore\n--cut\n\none\n--cutter\n--cut  \nContent-Type: text/html\n\n<p>two\n--cut--\nafter";
        let message = read(raw);
        let parts: Vec<(&str, &str)> = message.parts.iter().map(|p| (p.kind.as_str(), p.text.as_str())).collect();
        assert_eq!(parts, [("text/plain", "one\n--cutter"), ("text/html", "<p>two")]);
    }

    #[test]
    fn messages_are_opened_to_a_set_depth_however_they_are_encoded() {
        let mut raw = "To: x@example.org\n\ninnermost".to_owned();
        for n in 0..10 {
            raw = if n % 2 == 0 {
                format!("Content-Type: message/rfc822\n\n{raw}")
            } else {
                let encoded = data_encoding::BASE64.encode(raw.as_bytes());
                format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}")
            };
        }
        let message = read(&raw);
        assert_eq!((message.parts.len(), message.inner_headers.len()), (1, MAX_MESSAGES));
        assert_eq!(message.parts[0].kind, "message/rfc822");
    }

    #[test]
    fn depth_and_number_of_parts_are_limited() {
        let deep = (0..30_000).map(|n| format!("Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n"));
        assert_eq!(read(&deep.collect::<Vec<_>>().concat()).parts.len(), 1);
        let wide = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(100_000));
        assert_eq!(read(&wide).parts.len(), MAX_PARTS);
        let header = "Content-Type: message/rfc822\n\n".repeat(34_000);
        assert!(read(&header).inner_headers.len() <= MAX_MESSAGES);
        let fields = format!("{}\n\nx", "a: b\n".repeat(200_000));
        assert_eq!(read(&fields).header.0.len(), MAX_FIELDS);
    }
}
