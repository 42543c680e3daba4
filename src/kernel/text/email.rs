//! E-mail addresses (RFC 5321, RFC 6531): a form to send mail to, and a normalised form for the index.

use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::providers::{PROVIDERS, PUBLIC_PROVIDERS};
use super::{TextError, is_invisible, slips, without_marks};

/// ISO 3166 codes, each at the beginning of a line.
const COUNTRIES: &str = include_str!("../countries.txt");
/// Maximum length of the local part in octets (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Maximum length of the address in octets (RFC 5321, section 4.5.3.1.3: a path of 256 with its angle brackets).
const MAX_ADDRESS: usize = 254;

/// An address that mail can be sent to: the local part as typed, the domain in lower-case ASCII (punycode).
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct EmailAddress {
    address: String,
}

impl EmailAddress {
    /// Parses typed text: surrounding white space is removed, and characters that nobody sees; full-width letters are
    /// converted (NFKC), an internationalised domain is converted to ASCII (UTS 46).
    ///
    /// Quoted local parts and address literals are valid in RFC 5321 but refused: hardly anybody has one, and they are
    /// used for header injection. So is what no mail can be addressed to, and domains that are common slips: mail to
    /// them reaches nobody, or whoever registered the slip.
    ///
    /// # Errors
    /// `required` when empty, `too_long` above RFC 5321's limits, `misspelled_email` for a slip, otherwise
    /// `invalid_email`.
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        let bare: String = typed.nfkc().filter(|c| !matches!(c, '\u{FE00}'..='\u{FE0F}')).collect();
        let normal: String = without_marks(&bare).nfkc().collect();
        let typed = normal.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if typed.is_empty() {
            return Err(TextError::required());
        }
        let (local, domain) = typed.rsplit_once('@').ok_or_else(|| invalid("An e-mail address needs an @."))?;
        if !is_dot_atom(local) {
            return Err(invalid("The part before the @ is not possible."));
        }
        if let Some(meant) = slips::meant_by(domain).filter(|meant| ascii_domain(meant).is_some()) {
            return Err(TextError::new("misspelled_email", format!("Did you mean {meant} after the @?")));
        }
        let domain =
            ascii_domain(domain).ok_or_else(|| invalid("The part after the @ is not the name of a mail domain."))?;
        if local.len() > MAX_LOCAL {
            return Err(TextError::too_long(MAX_LOCAL));
        }
        let address = format!("{local}@{domain}");
        // of other scripts, only what a message can be addressed to
        if !local.is_ascii() && lettre::Address::new(local, &domain).is_err() {
            return Err(invalid("The part before the @ is not possible."));
        }
        if address.len() > MAX_ADDRESS {
            return Err(TextError::too_long(MAX_ADDRESS));
        }
        Ok(Self { address })
    }

    /// The address to send mail to. Personal data: never log it.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The part before the @, as typed; may be UTF-8.
    pub fn local(&self) -> &str {
        self.split().0
    }

    /// The part after the @, lower-case ASCII.
    pub fn domain(&self) -> &str {
        self.split().1
    }

    /// Is the domain that of a public mail provider, rather than an organization's own?
    pub fn is_at_public_provider(&self) -> bool {
        let domain = self.domain();
        PUBLIC_PROVIDERS.contains(&domain) || PROVIDERS.iter().any(|p| p.domains.contains(&domain))
    }

    /// The normalised form for the index: lower case, without what the provider ignores (dots, tags), so that variants
    /// of one mailbox are equal.
    ///
    /// For keyed hashes only. Mail sent to it might reach nobody, or somebody else.
    pub fn index_form(&self) -> String {
        let (local, domain) = self.split();
        let lower = lower_case(local);
        let Some(provider) = PROVIDERS.iter().find(|p| p.domains.contains(&domain)) else {
            return format!("{lower}@{domain}");
        };
        let base = match provider.tag.and_then(|tag| lower.find(tag)) {
            Some(at) if at > 0 => &lower[..at],
            _ => &lower[..],
        };
        let kept = base.replace(provider.skipped, "");
        let local = if kept.is_empty() { base } else { &kept };
        format!("{local}@{}", provider.domains[0])
    }

    /// The mailbox for limits: as [`Self::index_form`], and without tag and dots whatever the provider does with them.
    pub fn mailbox(&self) -> String {
        let form = self.index_form();
        let (local, domain) = form.rsplit_once('@').unwrap_or((&form, ""));
        let base = local.split('+').next().filter(|base| !base.is_empty()).unwrap_or(local);
        format!("{}@{domain}", base.replace('.', ""))
    }

    fn split(&self) -> (&str, &str) {
        // `parse` accepts no address without an @
        self.address.rsplit_once('@').unwrap_or((&self.address, ""))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(TextError::into_serde)
    }
}

fn invalid(detail: &str) -> TextError {
    TextError::new("invalid_email", detail)
}

/// Lower case, then NFKC again: some letters decompose only in lower case.
fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).nfkc().collect()
}

/// RFC 5322's dot-atom, extended to UTF-8 by RFC 6532. What begins with two slashes is a link.
fn is_dot_atom(local: &str) -> bool {
    !local.starts_with("//") && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
    } else {
        // RFC 6532 allows any character; punctuation and symbols are slips, such as a typographic apostrophe
        c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '\u{200C}' | '\u{200D}')
    }
}

/// May the character be in the name of a domain? Of other than ASCII characters, letters, digits and marks, and the
/// few signs that IDNA allows (RFC 5892 appendix A): no punctuation and no symbols, which UTS 46 would convert.
fn is_of_domain(c: char) -> bool {
    c.is_ascii() || c.is_alphanumeric() || is_combining_mark(c) || "·͵׳״・。．｡\u{200C}\u{200D}".contains(c)
}

/// Do these signs stand where IDNA allows them (RFC 5892 appendix A.3 to A.7)? Elsewhere they are bullets and quotation
/// marks that were copied along.
fn has_signs_in_place(domain: &str) -> bool {
    let is_in = |c: Option<char>, range: std::ops::RangeInclusive<char>| c.is_some_and(|c| range.contains(&c));
    let mut before = None;
    let mut signs = domain.chars().peekable();
    while let Some(c) = signs.next() {
        let after = signs.peek().copied();
        let is_in_place = match c {
            '·' => is_in(before, 'l'..='l') && is_in(after, 'l'..='l'),
            '͵' => is_in(after, '\u{370}'..='\u{3FF}'),
            '׳' | '״' => is_in(before, '\u{590}'..='\u{5FF}'),
            '・' => domain
                .split(['.', '。', '．', '｡'])
                .filter(|label| label.contains('・'))
                .all(|label| label.chars().any(|c| c != '・' && is_in(Some(c), '\u{3040}'..='\u{9FFF}'))),
            _ => true,
        };
        if !is_in_place {
            return false;
        }
        before = Some(c);
    }
    true
}

fn ascii_domain(domain: &str) -> Option<String> {
    if !domain.chars().all(is_of_domain) || !has_signs_in_place(&domain.to_lowercase()) {
        return None;
    }
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    // a top-level domain is of letters, or an internationalised one; `localhost` has no dot
    let (_, top) = ascii.rsplit_once('.')?;
    let is_of_letters = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic());
    let exists = match top.strip_prefix("xn--") {
        // these are in other scripts, but for two German words; a Latin letter with an accent is a slip
        Some(coded) => !coded.contains('-') || coded.starts_with("vermgensberat"),
        None => is_of_letters && !is_no_top_level(top),
    };
    exists.then(|| ascii.to_ascii_lowercase())
}

/// Is a domain such a one that no mail can be sent to: of two letters that are no country's, or one that is reserved
/// (RFC 6761, RFC 6762, RFC 7686)? Those for examples and tests are possible.
fn is_no_top_level(top: &str) -> bool {
    // with a domain, but not in ISO 3166
    const FURTHER: [&str; 4] = ["uk", "eu", "su", "ac"];
    const RESERVED: &str = "invalid localhost local onion";
    let is_country = |line: &str| line.get(..2).is_some_and(|code| code.eq_ignore_ascii_case(top));
    let is_known = || FURTHER.contains(&top) || COUNTRIES.lines().any(is_country);
    (top.len() == 2 && !is_known()) || RESERVED.split(' ').any(|reserved| reserved == top)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(typed: &str) -> EmailAddress {
        EmailAddress::parse(typed).unwrap_or_else(|e| panic!("{typed:?}: {e}"))
    }

    fn index(typed: &str) -> String {
        parsed(typed).index_form()
    }

    #[test]
    fn sending_form_keeps_what_was_typed() {
        for (typed, stored) in [
            (" Ana.Lee+Rally@Example.ORG\n", "Ana.Lee+Rally@example.org"),
            ("ana@bücher.example", "ana@xn--bcher-kva.example"),
            ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
            ("ａｎａ＠example．org", "ana@example.org"),
            ("\u{200b}ana@example.org\u{feff}", "ana@example.org"),
            ("o'brien@r3---x.example.ca", "o'brien@r3---x.example.ca"),
            ("an\u{200b}a@example.org", "ana@example.org"),
            ("\u{202a}ana@example.org\u{202c}", "ana@example.org"),
            ("\u{2068}ana\u{ad}@exam\u{2060}ple.org\u{2069}\u{2028}", "ana@example.org"),
            ("ana\u{200d}@example.org", "ana@example.org"),
            ("an\u{200c}a\u{fe0f}@exam\u{200d}ple.org", "ana@example.org"),
            ("ana@example.co.uk", "ana@example.co.uk"),
            ("ana@example.eu", "ana@example.eu"),
            ("ana@example.vermögensberater", "ana@example.xn--vermgensberater-ctb"),
            ("josé@example.org", "josé@example.org"),
            ("مريم@example.org", "مريم@example.org"),
            ("ਹਰਪ੍ਰੀਤ@example.net", "ਹਰਪ੍ਰੀਤ@example.net"),
            ("தமிழ்@example.net", "தமிழ்@example.net"),
            ("ana@example.テスト", "ana@example.xn--zckzah"),
            ("ana@l·l.example", "ana@xn--ll-0ea.example"),
            ("ana@L·L.example", "ana@xn--ll-0ea.example"),
        ] {
            assert_eq!(parsed(typed).as_str(), stored);
        }
        let address = parsed("Ana@Example.org");
        assert_eq!((address.local(), address.domain()), ("Ana", "example.org"));
    }

    #[test]
    fn refused() {
        for typed in [
            "ana",
            "@example.org",
            "ana@",
            "ana@localhost",
            "ana@example.org.",
            "ana@.example.org",
            "ana@example..org",
            "ana@-example.org",
            "ana@[127.0.0.1]",
            "ana@127.0.0.1",
            "ana lee@example.org",
            "ana@exa mple.org",
            "ana@example.org,bo@example.org",
            "ana@bo@example.org",
            "<ana@example.org>",
            "\"ana\r\nBcc: x\"@example.org",
            "\"ana\"@example.org",
            "ana\r\nbcc@example.org",
            "ana@example.org\r\nBcc: bo@example.org",
            "a\0na@example.org",
            // punctuation and symbols are no domain
            "ana@example.org’",
            "“ana@example.org”",
            "ana@example.org•",
            "ana@example.org–",
            "ana@example.org✓",
            "ana@☃.example.org",
            "ana@example.org·",
            "ana@·example.org",
            "ana@exam·ple.org",
            "ana@example.org׳",
            "ana@example.org״",
            "ana@example.org・",
            "ana@example.org͵",
            "ana@example.org,Ana",
            "ana@example.org, Ana",
            "ana@example.org2",
            "ana@example.orǵ",
            "ana@example.cq",
            "ana@example.invalid",
            "ana@printer.local",
            "//ana@example.org",
            // slips
            "ana’s@example.org",
            "ana–lee@example.org",
            "ana·b@example.org",
            "ana🎉@example.org",
            ".ana@example.org",
            "ana.@example.org",
            "a..na@example.org",
            "ana@exam_ple.org",
        ] {
            let error = EmailAddress::parse(typed).expect_err(typed);
            assert_eq!(error.code, "invalid_email", "{typed:?}");
            assert!(!error.detail.contains("ana"), "{error}");
        }
        assert_eq!(EmailAddress::parse(" ").unwrap_err().code, "required");
        let long = format!("{}@example.org", "a".repeat(65));
        assert_eq!(EmailAddress::parse(&long).unwrap_err().code, "too_long");
        let domain = ["d".repeat(60), "d".repeat(60), "d".repeat(60)].join(".");
        let long = format!("{}@{domain}.example.org", "a".repeat(64));
        assert_eq!(EmailAddress::parse(&long).unwrap_err().code, "too_long");
    }

    #[test]
    fn slips_are_refused_with_a_suggestion() {
        for (typed, meant) in [
            ("ana@gmail.con", "gmail.com"),
            ("ana@Gmial.com", "gmail.com"),
            ("ana@gmail.cm", "gmail.com"),
            ("ana@gmail", "gmail.com"),
            ("ana@gmail,com", "gmail.com"),
            ("ana@hotmial.com", "hotmail.com"),
            ("ana@hotmail.fr.con", "hotmail.fr.com"),
            ("ana@yahooo.ca", "yahoo.ca"),
            ("ana@outlok.com", "outlook.com"),
            ("ana@example.ogr", "example.org"),
            ("ana@example.org,", "example.org"),
            ("ana@example,org", "example.org"),
            ("ana@example.co,uk", "example.co.uk"),
            ("ana@gmai.com", "gmail.com"),
            ("ana@hotmali.com", "hotmail.com"),
            ("ana@hotmail.co", "hotmail.com"),
            ("ana@hotmail.cm", "hotmail.com"),
            ("ana@outlook.co", "outlook.com"),
            ("ana@me.cm", "me.com"),
            ("ana@gmail.com.com", "gmail.com"),
            ("ana@gmail.com.ca", "gmail.com"),
            ("ana@example.qc", "example.qc.ca"),
            ("ana@laposte.ft", "laposte.fr"),
        ] {
            let error = EmailAddress::parse(typed).expect_err(typed);
            assert_eq!(error.code, "misspelled_email", "{typed}");
            assert!(error.detail.contains(&format!(" {meant} ")), "{error}");
        }
        for right in
            ["ana@ymail.com", "ana@mail.com", "ana@gmx.com", "ana@example.co", "ana@example.om", "ana@gmail.com"]
        {
            parsed(right);
        }
    }

    #[test]
    fn index_follows_the_providers() {
        assert_eq!(index("A.n.a+rally@GoogleMail.com"), "ana@gmail.com");
        assert_eq!(index("Ana.Lee+x@hotmail.com"), "ana.lee@hotmail.com");
        assert_ne!(index("ana@hotmail.com"), index("ana@outlook.com"));
        assert_eq!(index("ana+x@me.com"), index("Ana@icloud.com"));
        assert_eq!(index("a_n-a@pm.me"), index("ana@proton.me"));
        assert_eq!(index("ana-shop@yahoo.ca"), "ana@yahoo.ca");
        assert_eq!(index("Ana.L+x@example.org"), "ana.l+x@example.org");
        assert_eq!(index("+x@gmail.com"), "+x@gmail.com");
        assert_eq!(index("JOSÉ@example.org"), index("jose\u{301}@example.org"));
    }

    #[test]
    fn debug_is_redacted_and_serde_parses() {
        let address: EmailAddress = serde_json::from_str("\" ana@EXAMPLE.org\"").unwrap();
        assert_eq!(format!("{address:?}"), "EmailAddress(…)");
        assert_eq!(serde_json::to_string(&address).unwrap(), "\"ana@example.org\"");
        assert!(serde_json::from_str::<EmailAddress>("7").is_err());
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(typed in "(?s).{0,30}|\\PC{1,20}@\\PC{1,20}\\.\\PC{2,8}|[a-zA-Z.+-]{1,9}@[a-zé]{1,9}\\.ca") {
            if let Ok(once) = EmailAddress::parse(&typed) {
                prop_assert_eq!(EmailAddress::parse(once.as_str()).unwrap(), once);
            }
        }

        #[test]
        fn index_form_is_stable(
            local in "\\PC{1,6}|[a-zA-Z]{1,5}([.+_-][a-zA-Z]{1,3}){0,3}",
            domain in "gmail\\.com|pm\\.me|Me\\.com|yahoo\\.ca|live\\.com|example\\.org",
        ) {
            if let Ok(address) = EmailAddress::parse(&format!("{local}@{domain}")) {
                let once = address.index_form();
                if let Ok(again) = EmailAddress::parse(&once) {
                    prop_assert_eq!(again.index_form(), once);
                }
            }
        }
    }
}
