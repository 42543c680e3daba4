//! Replies of relays: enhanced status codes, and removal of e-mail addresses from texts.

use std::fmt;

/// Maximum length of a reply's text that is kept, in characters; some relays send whole pages.
const MAX_TEXT_CHARS: usize = 500;

/// Placeholder for a removed address.
const REDACTED: &str = "[address]";

/// An enhanced status code such as `5.2.2` (RFC 3463 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    /// 2, 4 or 5.
    pub class: u8,
    /// Subject: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// Detail within the subject.
    pub detail: u16,
}

impl EnhancedCode {
    /// Parses the code at the start of a reply's text (or of a DSN's `Status` field, RFC 3464 section 2.3.4).
    pub fn at_start_of(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        let mut parts = word.split('.');
        let mut number = || {
            let part = parts.next()?;
            let plain = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (class, subject, detail) = (number()?, number()?, number()?);
        let class = u8::try_from(class).ok().filter(|c| matches!(c, 2 | 4 | 5))?;
        parts.next().is_none().then_some(Self { class, subject, detail })
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Whether a refusal is about a quota or rate (temporary) and not about a policy (permanent).
pub(super) fn speaks_of_quota(text: &str) -> bool {
    let text = text.to_lowercase();
    ["quota", "limit", "rate", "exceed", "too many", "too much", "full", "storage", "throttl"]
        .iter()
        .any(|word| text.contains(word))
}

/// The text of a reply as it may be stored: without its enhanced code, addresses and control characters, shortened.
///
/// `locals` are the local parts of the envelope's addresses: "no such user jane.doe" names a person without an `@`.
pub(super) fn clean(text: &str, locals: &[&str]) -> String {
    let text = match EnhancedCode::at_start_of(text) {
        Some(_) => text.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest),
        None => text,
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut text = without_addresses(text.trim());
    for local in locals {
        text = without_word(&text, local);
    }
    text.chars().take(MAX_TEXT_CHARS).collect()
}

/// Removes local parts of addresses from a text, with and without the part after a plus sign, and each name in them:
/// for `jane.doe+news` also "jane.doe" and "Doe".
pub fn without_locals(text: &str, locals: &[impl AsRef<str>]) -> String {
    let mut text = text.to_owned();
    for local in locals.iter().map(AsRef::as_ref) {
        let base = local.split('+').next().unwrap_or(local);
        for word in [local, base].into_iter().chain(base.split(['.', '_', '-'])) {
            text = without_word(&text, word);
        }
    }
    text
}

/// Replaces `word` (whole words, in any case) by the placeholder. Words of less than three characters identify nobody
/// and stay.
fn without_word(text: &str, word: &str) -> String {
    if word.chars().count() < 3 {
        return text.to_owned();
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = find_ignoring_case(rest, word) {
        let end = at + word.len();
        let alone = !rest[..at].ends_with(char::is_alphanumeric) && !rest[end..].starts_with(char::is_alphanumeric);
        out.push_str(&rest[..at]);
        out.push_str(if alone { REDACTED } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// Byte position of `word` in `text`, ASCII letters compared without case (which keeps positions valid).
fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(&word.to_ascii_lowercase())
}

/// Removes every e-mail address from an untrusted text, so that it may be stored or logged.
///
/// Recognises `jane@example.org` in any script, quoted local parts, address literals, the `@` written as `%40`,
/// `&#64;` or full width, and VERP's `jane=example.org`. When in doubt it removes too much. Idempotent.
pub fn without_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, sign)) = next_sign(rest) {
        let (before, after) = (&rest[..at], &rest[at + sign.len()..]);
        let local = local_length(before);
        let domain = domain_length(after);
        let is_address = match sign {
            // only before a domain with a top-level domain: `size=10.5` and `reason=spam` stay
            "=" => local > 0 && ends_like_a_name(&after[..domain]),
            _ => local > 0 || domain > 0,
        };
        if is_address {
            out.push_str(&before[..before.len() - local]);
            out.push_str(REDACTED);
            rest = &after[domain..];
        } else {
            out.push_str(&rest[..at + sign.len()]);
            rest = after;
        }
    }
    out + rest
}

/// Separators between local part and domain: the ways an `@` is written; `=` is VERP's.
const AT_SIGNS: [&str; 5] = ["@", "\u{ff20}", "%40", "&#64;", "="];

/// Maximum lookahead in characters (the longest possible address), so that hostile texts take time in proportion to
/// their length.
const MAX_ADDRESS_BYTES: usize = 320;

/// Position and kind of the next separator that may be within an address.
fn next_sign(text: &str) -> Option<(usize, &'static str)> {
    let sign_at = |at: usize| AT_SIGNS.into_iter().find(|sign| text[at..].starts_with(sign));
    let (at, sign) = text.char_indices().find_map(|(at, _)| sign_at(at).map(|sign| (at, sign)))?;
    if sign == "=" {
        // in `bounce-jane=example.org@relay.net` the later `@` is the separator
        let strong = text[at..].char_indices().take(MAX_ADDRESS_BYTES).take_while(|(_, c)| !ends_a_word(*c)).find_map(
            |(more, _)| {
                let sign = sign_at(at + more).filter(|sign| *sign != "=")?;
                Some((at + more, sign))
            },
        );
        return strong.or(Some((at, sign)));
    }
    Some((at, sign))
}

/// Characters that cannot be inside an unquoted address. All of RFC 5321's atext can.
fn ends_a_word(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>()[],;:\"\\".contains(c)
}

/// Length in bytes of the local part at the end of `before`.
fn local_length(before: &str) -> usize {
    if let Some(inner) = before.strip_suffix('"') {
        return before.len() - inner.rfind('"').unwrap_or(0);
    }
    let start =
        before.char_indices().rev().take_while(|(_, c)| !ends_a_word(*c)).last().map_or(before.len(), |(at, _)| at);
    before.len() - start
}

/// Length in bytes of the domain or address literal at the start of `after`.
fn domain_length(after: &str) -> usize {
    if after.starts_with('[') {
        return after.find(']').map_or(after.len(), |at| at + 1);
    }
    let inside = |c: char| match c {
        '-' | '.' | '_' => true,
        c if c.is_ascii() => c.is_ascii_alphanumeric(),
        c => !c.is_whitespace(),
    };
    let end = after.find(|c| !inside(c)).unwrap_or(after.len());
    after[..end].trim_end_matches(['.', '-']).len()
}

/// Whether a word ends in what may be a top-level domain.
fn ends_like_a_name(domain: &str) -> bool {
    domain.rsplit_once('.').is_some_and(|(_, top)| top.chars().count() >= 2 && top.chars().all(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out() {
        for (before, after) in [
            ("no such user jane@example.org", "no such user [address]"),
            ("<jane.doe+x@sub.example.org>: full", "<[address]>: full"),
            ("a@b.org, c@d.org; e@f.org.", "[address], [address]; [address]."),
            ("\"jane doe\"@example.org unknown", "[address] unknown"),
            ("josé@ejemplo.españa no", "[address] no"),
            ("用户@例子。公司 no", "[address] no"),
            ("jane@[192.0.2.1] no", "[address] no"),
            ("x@[IPv6:2001:db8::1] no", "[address] no"),
            ("https://x.org/?id=jane%40example.org&a", "https:[address]&a"),
            ("jane&#64;example.org", "[address]"),
            ("jane＠example.org", "[address]"),
            ("b-jane=example.org@relay.net said", "[address] said"),
            ("bounce+jane=example.org failed", "[address] failed"),
            ("<@a.org,@b.org:jane@c.org>", "<[address],[address]:[address]>"),
            ("root@localhost", "[address]"),
            ("rfc822;jane=example.org;jane@example.org", "rfc822;[address];[address]"),
            ("size=10.5 reason=spam. ip=1.2.3.4", "size=10.5 reason=spam. ip=1.2.3.4"),
            ("at 10 @ noon", "at 10 @ noon"),
            ("queued as 4XyZ12", "queued as 4XyZ12"),
            ("", ""),
            ("@", "@"),
            ("jane@", "[address]"),
        ] {
            assert_eq!(without_addresses(before), after);
            assert_eq!(without_addresses(after), after);
        }
    }

    #[test]
    fn known_local_parts_are_taken_out_too() {
        let text = clean("5.1.1 User Jane.Doe unknown; janet\r\nstays", &["jane.doe", "jan"]);
        assert_eq!(text, "User [address] unknown; janet  stays");
    }

    #[test]
    fn texts_are_short_and_on_one_line() {
        assert_eq!(clean(&"é".repeat(2000), &[]).chars().count(), MAX_TEXT_CHARS);
        assert_eq!(clean("5.1.1", &[]), "");
        assert_eq!(clean("a\r\nb\0c", &[]), "a  b c");
    }

    #[test]
    fn enhanced_codes() {
        let code = EnhancedCode::at_start_of("5.7.509 no").expect("a code");
        assert_eq!((code.class, code.subject, code.detail), (5, 7, 509));
        assert_eq!(code.to_string(), "5.7.509");
        for none in ["", "5.7", "5.7.1.1 x", "3.1.1 x", "5.1234.1", "a.b.c", "5..1", "+5.1.1", "10.0.0.1"] {
            assert_eq!(EnhancedCode::at_start_of(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_with_an_at_sign_survives(text in "\\PC{0,60}", local in "[a-z.]{1,8}", domain in "[a-z]{1,8}\\.org") {
            let cleaned = without_addresses(&format!("{text} {local}@{domain} {text}"));
            let address = format!("{local}@{domain}");
            proptest::prop_assert!(!cleaned.contains(&address));
        }
    }
}
