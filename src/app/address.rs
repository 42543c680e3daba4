//! Addresses as they arrive: printed and typed by hand, copied from office documents, taken from a text by a mail
//! program together with what stands around them, decorated by trackers, or put together by a client from a base that
//! ends in a slash. [`canonical`] gives the one address of a page, to which others are redirected; [`api_path`] the path
//! of the API that a client means. Both look at nothing but the address: what there is under it does not matter.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;
use url::form_urlencoded;

use crate::{campaigns::Kind, kernel::text::is_invisible};

/// First segments of public pages other than those of actions, whose paths have small letters, digits, hyphens and dots only.
const PUBLIC: [&str; 6] = ["c", "go", "images", "my", "t", "u"];
/// First segments of organizers' pages; only slashes of their paths are mended.
const ORGANIZERS: [&str; 2] = ["console", "mailbox"];
/// Letters in the token of a mailed link (`kernel::links`).
const TOKEN_LETTERS: usize = 52;
/// Longest address that is looked at, in bytes.
const MAX_BYTES: usize = 8_000;

/// Names of query parameters by which advertisers, mail senders and social networks follow people from page to page.
const TRACKING: [&str; 44] = [
    "__tn__",
    "sfnsn",
    "si",
    "__hsfp",
    "__hssc",
    "__hstc",
    "__s",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "_ke",
    "_kx",
    "_openstat",
    "cvid",
    "dclid",
    "epik",
    "fbclid",
    "gad_campaignid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "hsctatracking",
    "igsh",
    "igshid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mibextid",
    "mkt_tok",
    "msclkid",
    "oly_anon_id",
    "oly_enc_id",
    "rb_clickid",
    "ref_src",
    "scid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
];
/// Beginnings of such names.
const TRACKING_PREFIXES: [&str; 8] = ["__cft__", "utm_", "fb_", "mtm_", "pk_", "piwik_", "hsa_", "sc_"];
/// Parameters of ours whose values have letters, digits and hyphens only.
const WORDS: [&str; 3] = ["lang", "ref", "source"];

/// The canonical address of a page, if it is another than this one: small letters, no slash at the end, none of the
/// punctuation, white space and invisible characters that copying, wrapping and recognising links add, no tracking
/// parameters. The query is looked at where `is_read` (GET and HEAD).
pub(super) fn canonical(path: &str, query: Option<&str>, is_read: bool) -> Option<String> {
    if path.len() + query.map_or(0, str::len) > MAX_BYTES {
        return None;
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let added = decoded.find(['?', '&']).map(|at| decoded[at + 1..].split('#').next().unwrap_or_default());
    let added = added.filter(|added| added.bytes().all(|b| b.is_ascii_graphic()) && added.contains('='));
    let (right_path, is_public) = page_path(path)?;
    let right_query = if is_public && is_read { query.and_then(own_query) } else { query.map(Cow::Borrowed) };
    // what a copied link has lost before its parameters: `/p/heat&source=poster`
    let right_query = match added.and_then(own_query).filter(|_| is_read) {
        Some(added) => Some(Cow::Owned(right_query.map_or(String::new(), |query| format!("{query}&")) + &added)),
        None => right_query,
    };
    if right_path == path && right_query.as_deref() == query {
        return None;
    }
    Some(right_query.map_or_else(|| right_path.clone(), |query| format!("{right_path}?{query}")))
}

/// The canonical form of a page's path, and whether the page is public; `None` where no such page can be meant.
fn page_path(path: &str) -> Option<(String, bool)> {
    if path == "/" {
        return Some((path.to_owned(), true));
    }
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    if let Some(first) = segments.next()
        && ORGANIZERS.contains(&first.to_ascii_lowercase().as_str())
    {
        let path = without_double_slashes(path);
        let rest = path[1..].find('/').map_or("", |at| &path[at + 1..]);
        return Some((format!("/{}{rest}", first.to_ascii_lowercase()), false));
    }
    let plain = plain_path(path)?;
    // parameters, a fragment or a session that an encoder has made a part of the path, a tag, quoted-printable
    let plain = plain.find(['?', '&', '#', ';']).map_or(plain.as_str(), |at| &plain[..at]);
    let tags = plain.match_indices('<').map(|(at, _)| at);
    let tag = tags.into_iter().find(|at| plain[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()));
    let plain = tag.map_or(plain, |at| &plain[..at]);
    // a token may follow the sign as quoted-printable has it
    let plain = if plain.contains("/t/") { plain } else { plain.split('=').next().unwrap_or_default() };
    let mut segments: Vec<Cow<'_, str>> =
        plain.split('/').map(|s| Cow::Borrowed(without_page_ending(s))).filter(|s| !s.is_empty()).collect();
    let first = segments.first()?;
    let is_of_action = |kind: Kind| kind.page_prefix().trim_matches('/') == first;
    if !PUBLIC.contains(&first.as_ref()) && !Kind::ALL.into_iter().any(is_of_action) {
        return None;
    }
    if first == "t" {
        // the end of a tag may follow: `</a>`
        let token = token_in(segments.get(1)?)?;
        segments.truncate(1);
        segments.push(Cow::Owned(token));
    }
    let is_possible = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    segments.iter().all(|segment| segment.chars().all(is_possible)).then(|| {
        let path: String = segments.iter().flat_map(|segment| ["/", segment.as_ref()]).collect();
        (path, true)
    })
}

/// A path decoded, in small letters, with plain hyphens, and without white space and invisible characters, which stand
/// in it where a mail program has wrapped a line; `None` if it has control characters.
fn plain_path(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    if decoded.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let is_kept = |c: &char| !c.is_whitespace() && !is_invisible(*c);
    let plain = decoded.nfkc().filter(is_kept).flat_map(char::to_lowercase).map(|c| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '_' => '-',
        c => c,
    });
    Some(plain.collect())
}

/// A segment without marks around it, and without the ending of static pages; nothing for the first page of a folder.
fn without_page_ending(segment: &str) -> &str {
    let mut bare = trim_marks(segment);
    if matches!(bare, "index.html" | "index.htm") {
        return "";
    }
    while let Some(less) = bare.strip_suffix(".html").or_else(|| bare.strip_suffix(".htm")) {
        bare = trim_marks(less);
    }
    bare
}

fn trim_marks(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_ascii_alphanumeric())
}

/// The token at the beginning of a segment; what follows, and whatever is in no token, was added on the way.
fn token_in(segment: &str) -> Option<String> {
    let is_letter = |c: char| matches!(c, 'a'..='z' | '2'..='7');
    let mut runs = segment.split(|c| !is_letter(c));
    // the equals sign before it as quoted-printable has it: `=3D`
    let is_encoded = |run: &&str| run.len() == TOKEN_LETTERS + 2 && run.starts_with("3d");
    if let Some(run) = runs.clone().find(|run| run.len() == TOKEN_LETTERS) {
        return Some(run.to_owned());
    }
    if let Some(run) = runs.find(is_encoded) {
        return Some(run[2..].to_owned());
    }
    let token: String = segment.chars().filter(|c| is_letter(*c)).take(TOKEN_LETTERS).collect();
    (token.len() == TOKEN_LETTERS).then_some(token)
}

/// A query without tracking parameters, and without what was added to the words of ours in it; `None` when nothing is
/// left.
fn own_query(query: &str) -> Option<Cow<'_, str>> {
    let kept: Vec<Cow<'_, str>> = query.split('&').filter_map(own_parameter).collect();
    let whole = kept.join("&");
    if whole == query { Some(Cow::Borrowed(query)) } else { Some(whole).filter(|q| !q.is_empty()).map(Cow::Owned) }
}

fn own_parameter(pair: &str) -> Option<Cow<'_, str>> {
    // `&amp;`, copied from the source of a page
    let bare = pair.strip_prefix("amp;").unwrap_or(pair);
    let (name, value) = form_urlencoded::parse(bare.as_bytes()).next()?;
    let lower = name.to_ascii_lowercase();
    if TRACKING.contains(&lower.as_str()) || TRACKING_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return None;
    }
    let word = trim_marks(&value);
    if WORDS.contains(&name.as_ref()) && word != value && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Some(Cow::Owned(format!("{name}={word}")));
    }
    Some(Cow::Borrowed(bare))
}

fn without_double_slashes(path: &str) -> String {
    path.split('/').filter(|segment| !segment.is_empty()).flat_map(|segment| ["/", segment]).collect()
}

/// The path and query of the API that an address with slashes too many means; `None` for any other address.
pub(super) fn api_path(path: &str, query: Option<&str>) -> Option<String> {
    let right = without_double_slashes(path);
    if right == path || !(right == "/api/v1" || right.starts_with("/api/v1/")) {
        return None;
    }
    Some(query.map_or_else(|| right.clone(), |query| format!("{right}?{query}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "qkr6t3abcdefghijklmnopqrstuvwxyz234567abcdefghijklmn";

    /// The address to which a GET is redirected.
    fn redirected(address: &str) -> Option<String> {
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        canonical(path, query, true)
    }

    #[test]
    fn canonical_addresses_stay() {
        for address in [
            "/",
            "/?lang=fr",
            "/p/fr-basic",
            "/p/fr-basic?lang=fr&source=union-hall",
            "/p/fr-basic?lang=FR",
            "/p/fr-basic?ref=a1",
            "/p/fr-basic?",
            "/p/fr-basic?%",
            "/p/fr-basic/poster.svg?paper=a4&lang=fr",
            "/e/open-assembly.ics?x=1",
            "/p/p/deliveries/0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/receipts.txt",
            "/go/fr-heat",
            "/my",
            "/t/qkr6t3abcdefghijklmnopqrstuvwxyz234567abcdefghijklmn",
            "/t/forged",
            "/p/%00",
            "/p/fr%01-basic",
            "/p/ab)cd",
            "/console/petitions/0190A1B2",
            "/console?page=2&utm_source=x",
            "/mailbox/A",
            "/assets/App.css",
            "/assets/",
            "/api/v1/people/",
            "/robots.txt",
            "/nothing/here/",
            "//evil.example/",
            "/\\evil.example/",
        ] {
            assert_eq!(redirected(address), None, "{address}");
        }
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "one table")]
    fn page_has_one_address() {
        for (address, right) in [
            ("/p/fr-basic/", "/p/fr-basic"),
            ("//p//fr-basic//", "/p/fr-basic"),
            ("/go/fr-heat/?source=poster", "/go/fr-heat?source=poster"),
            ("/go/Fr-Heat", "/go/fr-heat"),
            ("/P/FR-Basic", "/p/fr-basic"),
            ("/Go/FR-HEAT?source=Poster", "/go/fr-heat?source=Poster"),
            ("/e/OPEN-ASSEMBLY.ICS", "/e/open-assembly.ics"),
            ("/e/open-assembly.ics,", "/e/open-assembly.ics"),
            ("/c/Status%20", "/c/status"),
            ("/p/%20fr-basic", "/p/fr-basic"),
            ("/p/renewable-%20work-permit", "/p/renewable-work-permit"),
            ("/p/renewable-%0D%0A%20work-permit", "/p/renewable-work-permit"),
            ("/p/fr%E2%80%93basic", "/p/fr-basic"),
            ("/p/fr%E2%80%91basic", "/p/fr-basic"),
            ("/p/fr%C2%ADbasic", "/p/frbasic"),
            ("/p/fr-basic%E2%80%8B", "/p/fr-basic"),
            ("/p/fr-basic%E2%80%8E%E2%80%AC", "/p/fr-basic"),
            ("/p/fr-basic%EF%BB%BF/", "/p/fr-basic"),
            ("/p/fr-basic.", "/p/fr-basic"),
            ("/p/fr-basic=20", "/p/fr-basic"),
            ("/p/fr-basic=3D", "/p/fr-basic"),
            ("/p/fr-basic%3Cbr%3E", "/p/fr-basic"),
            ("/p/fr-basic%3C/a%3E", "/p/fr-basic"),
            ("/p/fr-basic.html", "/p/fr-basic"),
            ("/p/fr-basic/index.html", "/p/fr-basic"),
            ("/p/fr-basic.html.", "/p/fr-basic"),
            ("/go/fr_heat", "/go/fr-heat"),
            ("/p/fr-basic?__cft__%5B0%5D=AZ&__tn__=x&si=y&lang=fr", "/p/fr-basic?lang=fr"),
            ("/p/fr-basic,", "/p/fr-basic"),
            ("/p/fr-basic).", "/p/fr-basic"),
            ("/p/(fr-basic)", "/p/fr-basic"),
            ("/p/fr-basic%22%3E", "/p/fr-basic"),
            ("/p/fr-basic%E2%80%9D", "/p/fr-basic"),
            ("/p/fr-basic%C2%BB", "/p/fr-basic"),
            ("/p/fr-basic%E2%80%A6", "/p/fr-basic"),
            ("/p/fr-basic%EF%BC%8C", "/p/fr-basic"),
            ("/p/fr-basic/%E2%80%8B", "/p/fr-basic"),
            ("/p/%EF%BD%86%EF%BD%92-basic", "/p/fr-basic"),
            ("/l/write*;=", "/l/write"),
            ("/Call/Phone-Today/", "/call/phone-today"),
            ("/u/0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B", "/u/0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
            ("/my/", "/my"),
            ("/MY?lang=fr", "/my?lang=fr"),
            ("/console/", "/console"),
            ("/Console", "/console"),
            ("/CONSOLE/petitions/0190A1B2", "/console/petitions/0190A1B2"),
            ("/Mailbox/A", "/mailbox/A"),
            ("/p/fr-basic&utm_source=x", "/p/fr-basic"),
            ("/p/fr-basic&utm_source=x&source=poster", "/p/fr-basic?source=poster"),
            ("/p/fr-basic%3Futm_source=x", "/p/fr-basic"),
            ("/go/fr-heat%3Fsource=poster", "/go/fr-heat?source=poster"),
            ("/go/fr-heat%3Fsource%3Dposter", "/go/fr-heat?source=poster"),
            ("/go/fr-heat%3Fsource=poster?lang=fr", "/go/fr-heat?lang=fr&source=poster"),
            ("/p/fr-basic%23sign", "/p/fr-basic"),
            ("/p/fr-basic;jsessionid=1", "/p/fr-basic"),
            ("/p/fr-basic&amp;lang=fr", "/p/fr-basic?lang=fr"),
            ("/console//mail/?page=2", "/console/mail?page=2"),
            ("/?fbclid=IwAR1", "/"),
            ("/p/fr-basic?utm_source=x&utm_source=y", "/p/fr-basic"),
            ("/p/fr-basic?UTM_Medium=x&lang=fr", "/p/fr-basic?lang=fr"),
            ("/p/fr-basic?lang=fr&fbclid=IwAR1&source=poster", "/p/fr-basic?lang=fr&source=poster"),
            ("/p/fr-basic?utm_source=%E0%A4%A", "/p/fr-basic"),
            ("/p/fr-basic?lang=fr&amp;source=poster", "/p/fr-basic?lang=fr&source=poster"),
            ("/p/fr-basic?source=poster).", "/p/fr-basic?source=poster"),
            ("/p/fr-basic?lang=fr%E2%80%8B", "/p/fr-basic?lang=fr"),
            ("/go/fr-heat?gclid=1&source=a%20b", "/go/fr-heat?source=a%20b"),
        ] {
            assert_eq!(redirected(address).as_deref(), Some(right), "{address}");
        }
        let upper = TOKEN.to_uppercase();
        for debris in [
            ".",
            ",",
            ")",
            ">",
            "%3E",
            "%20",
            "%22",
            "%E2%80%9D",
            "%E2%80%8B",
            "*",
            ";",
            "=",
            "/",
            "/.",
            "%C2%A0",
            "%EF%BC%8E",
            "?utm_source=x",
            "?fbclid=1",
            ".Thanks",
            "%0D%0A",
            "&gt;",
            "]",
            "'",
            "%E2%80%99s",
        ] {
            assert_eq!(redirected(&format!("/t/{TOKEN}{debris}")), Some(format!("/t/{TOKEN}")), "{debris}");
        }
        let (begin, end) = TOKEN.split_at(30);
        for added in ["%3C/a%3E", "%3C%2Fa%3E", "/thanks", "&utm_source=x", "%3Futm_source=x", "%23top"] {
            assert_eq!(redirected(&format!("/t/{TOKEN}{added}")), Some(format!("/t/{TOKEN}")), "{added}");
        }
        for encoded in ["3D", "=3D", "3d"] {
            assert_eq!(redirected(&format!("/t/{encoded}{TOKEN}")), Some(format!("/t/{TOKEN}")), "{encoded}");
        }
        for wrapped in [format!("{begin}%20{end}"), format!("{begin}=%0D%0A{end}"), format!("%3C{TOKEN}%3E"), upper] {
            assert_eq!(redirected(&format!("/t/{wrapped}")), Some(format!("/t/{TOKEN}")), "{wrapped}");
        }
    }

    #[test]
    fn query_of_a_form_stays() {
        assert_eq!(canonical("/t/x", Some("utm_source=x"), false), None);
        assert_eq!(canonical("/p/a", Some("utm_source=x"), false), None);
        assert_eq!(canonical("/p/a/", Some("utm_source=x"), false).as_deref(), Some("/p/a?utm_source=x"));
    }

    #[test]
    fn api_is_found_with_slashes_too_many() {
        for (address, right) in [
            ("/api/v1/", Some("/api/v1")),
            ("/api/v1//", Some("/api/v1")),
            ("/api/v1/people/", Some("/api/v1/people")),
            ("//api/v1//people", Some("/api/v1/people")),
            ("/api/v1/petitions/a/signatures///", Some("/api/v1/petitions/a/signatures")),
            ("/api/v1/people", None),
            ("/api/v1", None),
            ("/api/", None),
            ("/api/v10/", None),
            ("/p/a/", None),
        ] {
            assert_eq!(api_path(address, None).as_deref(), right, "{address}");
        }
        let filtered = api_path("/api/v1/people/", Some("filter=a%20eq%20'/'"));
        assert_eq!(filtered.as_deref(), Some("/api/v1/people?filter=a%20eq%20'/'"));
    }

    proptest! {
        #[test]
        fn redirect_leads_to_an_address_of_ours_that_stays(
            path in "/(p|e|t|go|console|P|%2F|//)?/?([a-zA-Z0-9%/.()_<=\u{200b}é-]|\\.html|/index){0,50}",
            query in proptest::option::of("[a-z_=&%;A-Z0-9.]{0,40}"),
        ) {
            if let Some(to) = canonical(&path, query.as_deref(), true) {
                prop_assert!(to.starts_with('/') && !to.starts_with("//"), "{}", to);
                prop_assert_eq!(redirected(&to), None, "{}", to);
            }
        }
    }
}
