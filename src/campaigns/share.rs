//! Sharing: links that open social networks and messengers with an action's text, and a poster with a QR code.

use std::fmt::Write;

use super::action::Action;
use crate::{
    error::Result,
    kernel::{i18n::text, links::PageLink, qr::Qr, text::LocaleTag},
};

/// Sharing targets: key of the label, and URL template; `{words}` and `{link}` are filled in, percent-encoded.
const NETWORKS: [(&str, &str); 6] = [
    ("share-whatsapp", "https://wa.me/?text={words}"),
    ("share-telegram", "https://t.me/share/url?url={link}&text={text}"),
    ("share-facebook", "https://www.facebook.com/sharer/sharer.php?u={link}"),
    ("share-bluesky", "https://bsky.app/intent/compose?text={words}"),
    ("share-x", "https://x.com/intent/post?text={words}"),
    ("share-email", "mailto:?subject={text}&body={words}"),
];

fn encoded(text: &str) -> String {
    // `+` would be read as a space by some targets and as a plus sign by others
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Sharing links of an action in a language; `url` is that of its page.
pub fn links(action: &Action, url: &str, locale: LocaleTag) -> Vec<PageLink> {
    let texts = action.text(locale, "").0;
    let say = if texts.share.is_empty() { texts.title } else { texts.share };
    let (words, link, say) = (encoded(&format!("{say} {url}")), encoded(url), encoded(&say));
    NETWORKS
        .iter()
        .map(|(label, address)| PageLink {
            label: text(locale, label),
            href: address.replace("{words}", &words).replace("{link}", &link).replace("{text}", &say),
        })
        .collect()
}

/// Sizes of paper: `paper` in the query of a poster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum PaperSize {
    /// 210 by 297 mm.
    A4,
    /// 8.5 by 11 inches.
    Letter,
}

impl PaperSize {
    /// Width and height as SVG lengths, and in tenths of a millimetre.
    fn size(self) -> (&'static str, &'static str, u32, u32) {
        match self {
            Self::A4 => ("210mm", "297mm", 2100, 2970),
            Self::Letter => ("8.5in", "11in", 2159, 2794),
        }
    }
}

/// A poster as SVG, ready to print: title, QR code, address.
///
/// # Errors
/// `internal` for an address that is too long for a QR code.
pub fn poster(action: &Action, url: &str, locale: LocaleTag, paper: PaperSize) -> Result<String> {
    let code = Qr::of(url)?;
    let (width, height, w, h) = paper.size();
    let middle = w / 2;
    let (title, _) = action.text(locale, "");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {w} {h}\" lang=\"{}\"><rect width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>",
        locale.as_str()
    );
    let mut line = |y: u32, size: u32, weight: &str, words: &str| {
        let _ = write!(
            svg,
            "<text x=\"{middle}\" y=\"{y}\" font-family=\"sans-serif\" font-size=\"{size}\" font-weight=\"{weight}\" text-anchor=\"middle\">{}</text>",
            escaped(words)
        );
    };
    // a long title is set in a smaller size before it is truncated
    let set = [(150, 24, 4), (120, 30, 5), (90, 40, 6)];
    let fits = |&(_, longest, lines): &(u32, usize, usize)| wrapped(&title.title, longest, usize::MAX).len() <= lines;
    let (size, longest, lines) = set.into_iter().find(fits).unwrap_or((90, 40, 6));
    let mut y = 330;
    for words in wrapped(&title.title, longest, lines) {
        line(y, size, "bold", &words);
        y += size * 7 / 6;
    }
    for words in wrapped(&title.summary, 54, 4) {
        line(y, 68, "normal", &words);
        y += 92;
    }
    let square = (h - y - 620).min(w - 600);
    let below = y + square + 160;
    line(below, 80, "bold", &text(locale, &format!("poster-scan-{}", action.kind.as_str())));
    line(below + 110, 60, "normal", url.trim_start_matches("https://").trim_start_matches("http://"));
    line(h - 110, 56, "normal", &action.organization_name);
    svg.push_str(&code.at(middle - square / 2, y, square));
    svg.push_str("</svg>");
    Ok(svg)
}

/// Wraps words into lines of at most so many characters; what does not fit into the lines is truncated.
fn wrapped(words: &str, longest: usize, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match wrapped.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= longest => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            last.push('…');
        }
    }
    wrapped
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_wrapped_and_cut() {
        assert_eq!(wrapped("Status for all migrants now", 12, 4), ["Status for", "all migrants", "now"]);
        assert_eq!(wrapped("one two three", 3, 2), ["one", "two…"]);
        assert_eq!(wrapped("", 3, 2), Vec::<String>::new());
    }

    #[test]
    fn markup_in_a_title_stays_text() {
        assert_eq!(escaped("a<script> & \"b\""), "a&lt;script&gt; &amp; &quot;b&quot;");
    }
}
