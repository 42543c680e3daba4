//! Renders organizers' Markdown as safe HTML for pages and as plain text for mails.
//!
//! Organizers' editors and other systems write HTML, too: its paragraphs, headings, lists and links are read as Markdown
//! ([`html`]).
//!
//! Two independent protections: raw HTML and images are dropped from the parser's events, and the resulting HTML is
//! sanitized against a list of allowed elements. Images are excluded because their host would see who reads the page.

mod html;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html};

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h2",
            "h3",
            "h4",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href", "title"])), ("ol", HashSet::from(["start"]))]))
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Custom(Box::new(own_path)))
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

/// Keeps only those relative links that are paths of this site (`/p/slug`); `//host` is another site.
fn own_path(url: &str) -> Option<std::borrow::Cow<'_, str>> {
    (url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\")).then(|| url.into())
}

/// Renders safe HTML. Headings start at level two, since level one belongs to the page.
///
/// HTML is read as far as Markdown has the same, an image is replaced by its description, links must be `http`, `https`, `mailto` or a path of
/// this site.
pub fn render(markdown: &str) -> String {
    let mut raw = String::with_capacity(markdown.len() * 3 / 2);
    push_html(&mut raw, events(&html::as_markdown(markdown)).map(shift_heading));
    SANITIZER.clean(&raw).to_string()
}

/// What of `CommonMark`'s extensions is read.
const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(markdown, OPTIONS).filter(|event| {
        !matches!(
            event,
            Event::Html(_)
                | Event::InlineHtml(_)
                | Event::Start(Tag::HtmlBlock | Tag::Image { .. })
                | Event::End(TagEnd::HtmlBlock | TagEnd::Image)
        )
    })
}

fn shift_heading(event: Event<'_>) -> Event<'_> {
    let shifted = |level| match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        _ => HeadingLevel::H4,
    };
    match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: shifted(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(shifted(level))),
        other => other,
    }
}

/// Plain text for mails: empty lines between paragraphs, list items with markers, links followed by their URL.
pub fn plain(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    // the next number of each open list; `None` for bullets
    let mut lists: Vec<Option<u64>> = Vec::new();
    // where the text of each open link begins, and its URL
    let mut links: Vec<(usize, String)> = Vec::new();
    for event in events(&html::as_markdown(markdown)) {
        match event {
            Event::Text(words) | Event::Code(words) => text.push_str(&words),
            Event::SoftBreak => text.push(' '),
            Event::HardBreak => text.push('\n'),
            Event::Rule => text.push_str("---\n\n"),
            Event::Start(Tag::List(first)) => {
                end_line(&mut text);
                lists.push(first);
            }
            Event::Start(Tag::Item) => {
                end_line(&mut text);
                text.push_str(&"  ".repeat(lists.len().clamp(1, 10) - 1));
                match lists.last_mut() {
                    Some(Some(number)) => {
                        let _ = write!(text, "{number}. ");
                        *number += 1;
                    }
                    _ => text.push_str("- "),
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                links.push((text.len(), dest_url.to_string()));
            }
            Event::End(TagEnd::Link) => {
                if let Some((start, address)) = links.pop()
                    && is_allowed(&address)
                    && !address.trim_start_matches("mailto:").eq(&text[start..])
                {
                    let _ = write!(text, " ({address})");
                }
            }
            Event::End(TagEnd::TableCell) => text.push_str("  "),
            Event::End(TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead) => end_line(&mut text),
            Event::End(TagEnd::List(_)) => {
                lists.pop();
                end_line(&mut text);
                if lists.is_empty() {
                    text.push('\n');
                }
            }
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::Table | TagEnd::BlockQuote(_),
            ) => {
                end_line(&mut text);
                text.push('\n');
            }
            _ => {}
        }
    }
    tidy(&text)
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Removes trailing white space from lines and text, and collapses several empty lines into one.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy.trim().to_owned()
}

fn is_allowed(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| SCHEMES.contains(&url.scheme()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_markdown() {
        let html = render(
            "# One\n\n## Two\n\n###### Six\n\nHello *dear* **all**, [us](https://example.org \"t\")\n\n- a\n- b\n",
        );
        assert!(
            html.starts_with("<h2>One</h2>\n<h3>Two</h3>\n<h4>Six</h4>\n<p>Hello <em>dear</em> <strong>all</strong>")
        );
        assert!(
            html.contains("<a href=\"https://example.org\" title=\"t\" rel=\"noopener noreferrer nofollow\">us</a>")
        );
        assert!(html.contains("<ul>\n<li>a</li>\n<li>b</li>\n</ul>"));
        let table = render("|a|b|\n|-|:-:|\n|1|~~2~~|\n");
        assert!(table.contains("<th>b</th>") && table.contains("<td><del>2</del></td>"));
        assert!(render("3. c\n4. d").contains("<ol start=\"3\">"));
        assert!(render("<ana@example.org>").contains("href=\"mailto:ana@example.org\""));
        assert!(render("a < b & c").contains("a &lt; b &amp; c"));
    }

    #[test]
    fn hostile_markdown() {
        for hostile in [
            "<script>alert(1)</script>",
            "hello <script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <b onclick=alert(1)>b</b>",
            "<svg/onload=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](&#106;avascript:alert(1))",
            "[x](java&#10;script:alert(1))",
            "[x](\u{1}javascript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x)",
            "[x](//evil.example)",
            "[x](//evil.example/t)",
            "[x](t/token)",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "![x](https://evil.example/pixel.png)",
            "![x\" onerror=\"alert(1)](x)",
            "[![a [b](javascript:c) d](e)](javascript:f)",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            "<iframe srcdoc='<script>x</script>'></iframe>",
            "<style>*{background:url(//evil.example)}</style>",
            "<form action=//evil.example><button>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--><img src=1 onerror=alert(1)>\">",
            "<!-- x --><noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        ] {
            let html = render(hostile).to_ascii_lowercase();
            assert_safe(&html);
            assert!(!html.contains("href="), "{hostile}: {html}");
        }
        assert_eq!(render("a ![ein Bild](https://x.example/i.png) b"), "<p>a ein Bild b</p>\n");
        assert!(render("```\n<script>x</script>\n```").contains("&lt;script&gt;x"));
        let kept = render("[x](https://a.example/?q=\"onload=1)");
        assert!(kept.contains("%22onload=1\"") || kept.contains("&quot;onload=1\""), "{kept}");
    }

    #[test]
    fn html_is_shown_as_text() {
        for (html, shown, text) in [
            (
                "<p>Event with <b>html</b> &amp; a <a href=\"https://x.org\">link</a></p>",
                "<p>Event with html &amp; a <a href=\"https://x.org\" rel=\"noopener noreferrer nofollow\">link</a></p>\n",
                "Event with html & a link (https://x.org)",
            ),
            ("<p>One</p>\n\n<p>Two</p>", "<p>One</p>\n<p>Two</p>\n", "One\n\nTwo"),
            ("<p>One</p><p>Two</p>", "<p>One</p>\n<p>Two</p>\n", "One\n\nTwo"),
            (
                "<div>\n        <p>Indented</p>\n</div>\nText after",
                "<p>Indented</p>\n<p>Text after</p>\n",
                "Indented\n\nText after",
            ),
            ("text<br>line two", "<p>text<br>\nline two</p>\n", "text\nline two"),
            ("<ul><li>a</li><li>b</li></ul>", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n", "- a\n- b"),
            ("<h1>Title</h1>x", "<h2>Title</h2>\n<p>x</p>\n", "Title\n\nx"),
            ("<!-- wp:paragraph -->\n<p class='a'>x</p>\n<!-- /wp:paragraph -->", "<p>x</p>\n", "x"),
            ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>\n", "ab"),
            ("Dear <name>, hello", "<p>Dear &lt;name&gt;, hello</p>\n", "Dear <name>, hello"),
            ("<p>3 < 4 & 5 > 4</p>", "<p>3 &lt; 4 &amp; 5 &gt; 4</p>\n", "3 < 4 & 5 > 4"),
            ("<a href='javascript:alert(1)'>x</a>", "<p>x</p>\n", "x"),
            ("<a href=https://x.org/a_b>unclosed", "<p>unclosed</p>\n", "unclosed"),
            (
                "`<p>code</p>` & **bold**",
                "<p><code>&lt;p&gt;code&lt;/p&gt;</code> &amp; <strong>bold</strong></p>\n",
                "<p>code</p> & bold",
            ),
        ] {
            assert_eq!(render(html), shown, "{html}");
            assert_eq!(plain(html), text, "{html}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        for deep in [
            "<div>".repeat(5_000),
            "<a href=x:>".repeat(3_000),
            "<".repeat(20_000),
            "> ".repeat(2_000),
            "[".repeat(20_000),
            "*a ".repeat(10_000),
            "- ".repeat(2_000),
        ] {
            assert_safe(&render(&deep));
            let _ = plain(&deep);
        }
    }

    #[test]
    fn plain_text() {
        assert_eq!(
            plain(
                "# Hi\n\nfirst\nline  \nbreak [us](https://a.example) <https://b.example> <ana@c.example> [bad](javascript:x)\n\n1. a\n2. b\n   - c\n\nend <b>bold</b>"
            ),
            "Hi\n\nfirst line\nbreak us (https://a.example) https://b.example ana@c.example bad\n\n1. a\n2. b\n  - c\n\nend bold"
        );
        assert_eq!(plain("|a|b|\n|-|-|\n|1|2|\n"), "a  b\n1  2");
        assert_eq!(plain("<script>x</script>\n\n> quoted\n"), "quoted");
    }

    #[test]
    fn of_relative_links_only_paths_of_this_site_stay() {
        assert!(render("[x](/p/status)").contains("href=\"/p/status\""));
        for elsewhere in ["[x](//evil.example)", "[x](p/status)", "[x](?a=b)", "[x](#top)"] {
            assert!(!render(elsewhere).contains("href"), "{elsewhere}: {}", render(elsewhere));
        }
    }

    fn assert_safe(html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let tag = &rest[..rest.find('>').unwrap()];
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            assert!(
                [
                    "a",
                    "blockquote",
                    "br",
                    "code",
                    "del",
                    "em",
                    "h2",
                    "h3",
                    "h4",
                    "hr",
                    "li",
                    "ol",
                    "p",
                    "pre",
                    "strong",
                    "table",
                    "tbody",
                    "td",
                    "th",
                    "thead",
                    "tr",
                    "ul"
                ]
                .contains(&name),
                "<{tag}> in {html}"
            );
            if let Some(attributes) = tag.strip_prefix("a ") {
                let href = attributes.strip_prefix("href=\"").unwrap_or("https:");
                assert!(
                    ["http:", "https:", "mailto:"].iter().any(|s| href.to_ascii_lowercase().starts_with(s))
                        || (href.starts_with('/') && !href.starts_with("//") && !href.starts_with("/\\")),
                    "{html}"
                );
            } else if name != "ol" {
                assert!(!tag.contains('='), "<{tag}> in {html}");
            }
        }
    }

    proptest! {
        #[test]
        fn everything_renders_safely(text in "(?s).{0,60}|[<>a-h\\[\\]()!:/\"'=&;#*`| \\n-]{0,80}") {
            assert_safe(&render(&text));
            let _ = plain(&text);
        }
    }
}
