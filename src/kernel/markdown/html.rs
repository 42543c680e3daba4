//! HTML as Markdown: what editors of other systems write, of which Markdown has the same.

use std::{borrow::Cow, ops::Range};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// Elements whose content is not shown.
const HIDDEN: [&str; 7] = ["script", "style", "head", "title", "template", "iframe", "noscript"];
/// Lists within lists that are indented.
const MAX_INDENT: usize = 5;
/// Elements that begin and end a paragraph.
const BLOCKS: [&str; 27] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tr",
    "ul",
];
/// Of further elements only the content is read.
const OTHERS: [&str; 52] = [
    "abbr", "audio", "b", "base", "bdi", "bdo", "big", "body", "button", "caption", "cite", "code", "col", "colgroup",
    "data", "del", "dfn", "em", "embed", "font", "html", "i", "img", "input", "ins", "kbd", "label", "legend", "link",
    "mark", "meta", "object", "option", "picture", "q", "s", "samp", "select", "small", "source", "span", "strike",
    "strong", "sub", "sup", "svg", "textarea", "tfoot", "thead", "time", "u", "video",
];

/// A text in which HTML, as far as it is known, is written as Markdown; what else is in angle brackets stays as text.
pub(super) fn as_markdown(text: &str) -> Cow<'_, str> {
    let mut in_table = 0_usize;
    let mut found: Vec<(Range<usize>, bool)> = Vec::new();
    for (event, range) in Parser::new_ext(text, super::OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::Table(_)) => in_table += 1,
            Event::End(TagEnd::Table) => in_table = in_table.saturating_sub(1),
            Event::Html(_) | Event::InlineHtml(_) => match found.last_mut() {
                // the lines of a block
                Some((last, _)) if last.end == range.start => last.end = range.end,
                _ => found.push((range, in_table > 0)),
            },
            _ => {}
        }
    }
    if found.is_empty() {
        return text.into();
    }
    let mut markdown = Writer::default();
    let mut at = 0;
    for (range, in_table) in found {
        markdown.out.push_str(&text[at..range.start]);
        markdown.in_table = in_table;
        markdown.write(&text[range.clone()]);
        at = range.end;
    }
    markdown.out.push_str(&text[at..]);
    markdown.drop_link();
    markdown.out.into()
}

/// What is written so far.
#[derive(Default)]
struct Writer {
    out: String,
    /// A line of a Markdown table has no breaks.
    in_table: bool,
    /// Where the text of the open link begins, and where it leads.
    link: Option<(usize, String)>,
    /// The next number of each open list; `None` for bullets.
    lists: Vec<Option<usize>>,
}

impl Writer {
    fn write(&mut self, html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            self.text(&rest[..at]);
            rest = &rest[at..];
            if let Some(comment) = rest.strip_prefix("<!--") {
                rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
                continue;
            }
            if !rest.contains('>') {
                break;
            }
            let Some(tag) = TagText::parse(rest) else {
                self.out.push_str("&lt;");
                rest = &rest[1..];
                continue;
            };
            rest = &rest[tag.length..];
            if HIDDEN.contains(&tag.name.as_str()) {
                if !tag.closes {
                    let end = rest.to_ascii_lowercase().find(&format!("</{}", tag.name));
                    rest = end.map_or(rest, |end| &rest[end..]);
                }
            } else {
                self.tag(&tag);
            }
        }
        self.text(rest);
    }

    /// White space is as in HTML, but for the breaks of lines, which Markdown may need.
    fn text(&mut self, text: &str) {
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end_matches(char::is_whitespace);
            self.out.push_str(word);
            let space = &piece[word.len()..];
            if space.contains('\n') && !self.in_table {
                self.out.truncate(self.out.trim_end_matches(' ').len());
                self.out.push('\n');
            } else if !(space.is_empty() || self.out.is_empty() || self.out.ends_with(['\n', ' '])) {
                self.out.push(' ');
            }
        }
    }

    fn tag(&mut self, tag: &TagText<'_>) {
        match (tag.name.as_str(), tag.closes) {
            ("br", _) => self.line("\\\n"),
            ("hr", _) => self.paragraph("---\n\n"),
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", false) => {
                let level = tag.name[1..].parse().unwrap_or(1);
                self.paragraph(&format!("{} ", "#".repeat(level)));
            }
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", true) => self.paragraph(""),
            ("ul" | "ol", false) => {
                self.lists.push((tag.name == "ol").then_some(1));
                self.paragraph("");
            }
            ("ul" | "ol", true) => {
                self.lists.pop();
                self.paragraph("");
            }
            ("li", false) => {
                let indent = "    ".repeat(self.lists.len().saturating_sub(1).min(MAX_INDENT));
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("\n{indent}{}. ", *number - 1)
                    }
                    _ => format!("\n{indent}- "),
                };
                if !self.in_table {
                    // an empty line would make paragraphs of the entries
                    self.out.truncate(self.out.trim_end().len());
                }
                self.line(&mark);
            }
            ("li", true) => {}
            ("td" | "th", true) => self.out.push(' '),
            ("a", false) => {
                self.drop_link();
                self.link = tag.attribute("href").filter(|to| super::is_allowed(to)).map(|to| (self.out.len(), to));
            }
            ("a", true) => self.end_link(),
            (name, _) if BLOCKS.contains(&name) => self.paragraph(""),
            ("td" | "th", false) => {}
            (name, _) if OTHERS.contains(&name) || tag.has_attributes => {}
            _ => {
                self.out.push_str("&lt;");
                self.out.push_str(&tag.text[1..]);
            }
        }
    }

    /// Begins a new line with this.
    fn line(&mut self, start: &str) {
        self.drop_link();
        self.out.push_str(if self.in_table { " " } else { start });
    }

    /// Begins a new paragraph with this.
    fn paragraph(&mut self, start: &str) {
        self.line("\n\n");
        if !self.in_table {
            self.out.push_str(start);
        }
    }

    fn end_link(&mut self) {
        let Some((start, to)) = self.link.take() else { return };
        let text = self.out.get(start..).unwrap_or_default();
        if !text.trim().is_empty() && !text.contains(['[', ']', '\n']) {
            self.out.insert(start, '[');
            let to = to.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E");
            self.out.extend(["](<", &to, ">)"]);
        }
    }

    /// A link that is not closed within its line is none.
    fn drop_link(&mut self) {
        self.link = None;
    }
}

/// A tag.
struct TagText<'a> {
    text: &'a str,
    name: String,
    closes: bool,
    has_attributes: bool,
    length: usize,
}

impl<'a> TagText<'a> {
    /// The tag that a text begins with.
    fn parse(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('<')?;
        let closes = inner.starts_with('/');
        let inner = inner.trim_start_matches('/');
        let name: String = inner.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let mut quote = None;
        let end = text.char_indices().find(|(_, c)| match quote {
            Some(open) => {
                if *c == open {
                    quote = None;
                }
                false
            }
            None if matches!(c, '"' | '\'') => {
                quote = Some(*c);
                false
            }
            None => *c == '>',
        });
        // a quote that is not closed does not hide the end
        let length = end.map(|(at, _)| at).or_else(|| text.find('>'))? + 1;
        let attributes =
            text[..length - 1].trim_start_matches(['<', '/'])[name.len()..].trim_matches(['/', ' ', '\n', '\t']);
        let has_attributes = !attributes.is_empty();
        Some(Self { text: &text[..length], name: name.to_ascii_lowercase(), closes, has_attributes, length })
    }

    /// The value of an attribute.
    fn attribute(&self, name: &str) -> Option<String> {
        let lower = self.text.to_ascii_lowercase();
        let at = lower.match_indices(name).find(|(at, _)| {
            let before = lower[..*at].chars().last();
            before.is_some_and(char::is_whitespace) && lower[at + name.len()..].trim_start().starts_with('=')
        })?;
        let value = self.text[at.0 + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next()?,
            _ => value.split([' ', '>', '\n', '\t']).next()?,
        };
        Some(value.trim().replace("&amp;", "&"))
    }
}
