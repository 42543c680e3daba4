//! Tokens of links in mail: derived, not stored.
//!
//! A token is base32 of `purpose (1) | row id (16) | HMAC(links key, purpose | row id | generation) (15)`. The row
//! stores the generation (raising it invalidates the links mailed before) and the expiry. New links are signed with
//! the active links key; older ones stay valid until they expire. The slice that mails a link knows what it shows and
//! does: it registers a [`LinkHandler`], and one route, `/t/{token}`, serves them all.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::{
    crypto::{Key, base32, from_base32},
    forms::FormInput,
    i18n::text,
    keyring::SigningKeys,
    text::LocaleTag,
};
use crate::error::{Code, Error, Result};

const MAC_BYTES: usize = 15;

/// Name of the checkbox "never mail this address again" on the page of "this was not me".
pub const NEVER_AGAIN: &str = "never_again";
/// Name of the hidden field of a button that only opens the page.
pub const OPEN: &str = "open";

/// What a link is for: a byte of its own, which must never change, since mailed links contain it. The slice that mails a
/// link declares its purpose; none may use the byte of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Purpose(u8);

impl Purpose {
    /// The purpose with this byte.
    pub const fn new(byte: u8) -> Self {
        Self(byte)
    }

    /// Its byte.
    pub const fn byte(self) -> u8 {
        self.0
    }
}

/// Derives and verifies link tokens.
#[derive(Clone, Debug)]
pub struct Links {
    keys: SigningKeys,
    public_url: Arc<str>,
}

impl Links {
    /// Links under this installation's public URL.
    pub fn new(keys: SigningKeys, public_url: &str) -> Self {
        Self { keys, public_url: public_url.into() }
    }

    /// The absolute URL of a link to a row.
    pub fn url(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        format!("{}/t/{}", self.public_url, self.token(purpose, row, generation))
    }

    /// The token without the URL.
    pub fn token(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        let mut token = Vec::with_capacity(17 + MAC_BYTES);
        token.push(purpose.byte());
        token.extend_from_slice(row.as_bytes());
        token.extend_from_slice(&mac(&self.keys.current(), purpose, row, generation));
        base32(&token)
    }

    /// A short code to type instead of following a link: eight characters that authorise the same as the link. Only 40
    /// bits: callers must limit the attempts.
    pub fn code(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        code(&self.keys.current(), purpose, row, generation)
    }

    /// Does `typed` contain the code: in any case, with spaces, punctuation and words around, with digits that are in no
    /// code for the letters they look like?
    pub fn is_code(&self, typed: &str, purpose: Purpose, row: Uuid, generation: i16) -> bool {
        // a capital I and a small L look alike, and 1 is typed for both
        let compared = |code: &str| code.replace('i', "l");
        let typed: Vec<String> = codes_in(typed).iter().map(|typed| compared(typed)).collect();
        let is_of = |key: &Key| {
            let code = compared(&code(key, purpose, row, generation));
            typed.iter().any(|typed| bool::from(subtle::ConstantTimeEq::ct_eq(typed.as_bytes(), code.as_bytes())))
        };
        self.keys.all().iter().any(is_of)
    }

    /// A code of 60 bits that stands for a row where it is shown, `abcd-efgh-ij23`. It is not a link.
    pub fn ticket(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        ticket(&self.keys.current(), purpose, row, generation)
    }

    /// The codes that may have been shown: one for each signing key.
    pub fn tickets(&self, purpose: Purpose, row: Uuid, generation: i16) -> Vec<String> {
        self.keys.all().iter().map(|key| ticket(key, purpose, row, generation)).collect()
    }

    /// Parses a token. Its HMAC can be verified only with the row's generation: see [`Token::check`].
    pub fn parse(&self, token: &str) -> Option<Token> {
        let bytes = from_base32(token)?;
        let (&purpose, rest) = bytes.split_first()?;
        let (row, mac) = rest.split_first_chunk::<16>()?;
        Some(Token {
            purpose: Purpose::new(purpose),
            row: Uuid::from_bytes(*row),
            mac: mac.try_into().ok()?,
            links: self.clone(),
        })
    }
}

fn mac(key: &Key, purpose: Purpose, row: Uuid, generation: i16) -> [u8; MAC_BYTES] {
    let mac = key.mac(&[&[purpose.byte()], row.as_bytes(), &generation.to_be_bytes()]);
    *mac.first_chunk().expect("an HMAC has 32 bytes")
}

fn code(key: &Key, purpose: Purpose, row: Uuid, generation: i16) -> String {
    let mac = key.mac(&[b"code", &[purpose.byte()], row.as_bytes(), &generation.to_be_bytes()]);
    base32(&mac[..5])
}

fn ticket(key: &Key, purpose: Purpose, row: Uuid, generation: i16) -> String {
    let mac = key.mac(&[b"ticket", &[purpose.byte()], row.as_bytes(), &generation.to_be_bytes()]);
    let code = base32(&mac[..8]);
    format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..12])
}

/// Generations of a row for which a link is looked at when it is refused.
const MAX_GENERATIONS: i16 = 31;

/// Length of a typed code.
const CODE_CHARS: usize = 8;
/// Maximum number of words of a typed text in which a code is looked for.
const MAX_CODE_WORDS: usize = 8;

/// Maximum number of codes that one attempt tries.
const MAX_CODES: usize = 3;

/// What may be a code in a typed text, in base32: one word, or two that are a code together (`hoty 2n2b`). Base32 has
/// no 0, 1 and 8, so they are read as O, L and B.
fn codes_in(typed: &str) -> Vec<String> {
    let is_gap = |c: char| c.is_whitespace() || matches!(c, ':' | '=' | ',' | ';');
    let typed: String = typed.nfkc().collect();
    let words = typed.split(is_gap).map(|word| {
        let kept = word.chars().filter(char::is_ascii_alphanumeric).map(|c| match c.to_ascii_lowercase() {
            '0' => 'o',
            '1' => 'l',
            '8' => 'b',
            c => c,
        });
        kept.collect::<String>()
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).take(MAX_CODE_WORDS).collect();
    let pairs = words.windows(2).map(<[String]>::concat);
    let whole = std::iter::once(words.concat());
    let all = words.iter().cloned().chain(pairs).chain(whole);
    all.filter(|code| code.len() == CODE_CHARS).take(MAX_CODES).collect()
}

/// A parsed token; its row id is trustworthy only after [`Token::check`].
#[derive(Clone, Debug)]
pub struct Token {
    /// Purpose that the token claims.
    pub purpose: Purpose,
    /// Row that the token claims.
    pub row: Uuid,
    mac: [u8; MAC_BYTES],
    links: Links,
}

impl Token {
    /// Verifies that the token was made for this row and generation.
    ///
    /// # Errors
    /// `link_expired` (410) when the generation was raised or the token is forged: the two are indistinguishable.
    pub fn check(&self, generation: i16) -> Result<()> {
        let is_of = |key: &Key| -> bool {
            let right = mac(key, self.purpose, self.row, generation);
            subtle::ConstantTimeEq::ct_eq(&right[..], &self.mac[..]).into()
        };
        if self.links.keys.all().iter().any(is_of) { Ok(()) } else { Err(expired()) }
    }
}

impl Token {
    /// Says of an error about this link whether it was ours once, or was not copied as it was mailed.
    pub fn explain(&self, error: Error) -> Error {
        // nobody voids the links of one submission more often
        let is_ours = (0..=MAX_GENERATIONS).any(|generation| self.check(generation).is_ok());
        if error.code() == Code::LinkExpired && !is_ours { incomplete() } else { error }
    }

    /// The page of a "this was not me" link whose act was already deleted. The row is gone, and with it its generation
    /// (always 0 for a pending act) and its language (the default one is used).
    ///
    /// # Errors
    /// `link_expired` (410) for a forged token.
    pub fn dropped_before(&self) -> Result<LinkPage> {
        self.check(0).map(|()| LinkPage::not_me(LocaleTag::default(), true))
    }
}

/// The 410 of a link that expired or was replaced; [`Token::explain`] tells those that were never valid.
pub fn expired() -> Error {
    Error::problem(Code::LinkExpired, "This link has expired or was replaced by a newer one.")
}

/// The 410 of a link that was not copied as it was mailed, or never was one.
pub fn incomplete() -> Error {
    Error::problem(Code::LinkIncomplete, "This link is not complete, or was changed when it was copied.")
}

/// Content of a link's page: at most one button, which POSTs to the same URL.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question that the template asks")]
pub struct LinkPage {
    /// Language of the page.
    #[serde(skip)]
    pub locale: LocaleTag,
    /// The heading.
    pub heading: String,
    /// Paragraphs of text.
    pub lines: Vec<String>,
    /// Label of the button; `None` if there is none.
    pub button: Option<String>,
    /// Does the button only show what the link is about? It then sends [`OPEN`].
    pub opens: bool,
    /// Is the button's action destructive?
    pub danger: bool,
    /// Is this the page after the button was pressed?
    pub done: bool,
    /// Label and value pairs about the act.
    pub details: Vec<Detail>,
    /// Further links.
    pub links: Vec<PageLink>,
    /// Does the page name neither the action nor the organization, until the button is pressed?
    pub neutral: bool,
    /// A QR code (SVG), with what it says among the details.
    pub qr: Option<String>,
    /// Links for sharing the action.
    pub share: Vec<PageLink>,
    /// The published number, with the person's own act included.
    pub own_count: Option<i64>,
    /// A checkbox beside the button.
    pub checkbox: Option<Checkbox>,
    /// Radio buttons beside the button.
    pub choice_list: Option<ChoiceList>,
    /// A file to download instead of the page.
    #[serde(skip)]
    pub download: Option<Download>,
    /// Is the button answered by a redirect to another site?
    #[serde(skip)]
    pub leads_away: bool,
    /// Where the browser is sent instead of the page.
    #[serde(skip)]
    pub destination: Option<ExternalUrl>,
}

/// The address of another site that is never logged.
#[derive(Clone)]
pub struct ExternalUrl(pub String);

impl std::fmt::Debug for ExternalUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExternalUrl(..)")
    }
}

impl LinkPage {
    /// The page before what a link is about is shown: whoever only follows the link, as mail scanners do, learns nothing.
    pub fn closed(locale: LocaleTag) -> Self {
        let part = |key: &str| text(locale, &format!("token-own-{key}"));
        let button = Some(part("button"));
        Self {
            locale,
            heading: part("heading"),
            lines: vec![part("line")],
            button,
            opens: true,
            neutral: true,
            ..Self::default()
        }
    }

    /// The page of "this was not me", before and after the button was pressed.
    pub fn not_me(locale: LocaleTag, done: bool) -> Self {
        let part = |key: &str| text(locale, &format!("token-not-me-{key}"));
        let page = Self { locale, neutral: true, done, ..Self::default() };
        if done {
            Self { heading: part("done-heading"), lines: vec![part("done-line-1")], ..page }
        } else {
            let lines = vec![part("line-1"), part("line-2")];
            let checkbox = Some(Checkbox { name: NEVER_AGAIN, label: part("never-again") });
            Self { heading: part("heading"), lines, button: Some(part("button")), danger: true, checkbox, ..page }
        }
    }
}

/// A checkbox beside the button.
#[derive(Clone, Debug, Serialize)]
pub struct Checkbox {
    /// Name of the field; its value is `true`.
    pub name: &'static str,
    /// The checkbox's label.
    pub label: String,
}

/// Radio buttons beside the button.
#[derive(Clone, Debug, Serialize)]
pub struct ChoiceList {
    /// Name of the field.
    pub name: &'static str,
    /// The group's label.
    pub legend: String,
    /// Value, label, and whether it is the current choice.
    pub options: Vec<(String, String, bool)>,
}

/// A file that the response contains instead of a page.
#[derive(Clone, Debug)]
pub struct Download {
    /// Name of the file.
    pub name: String,
    /// Content of the file.
    pub json: serde_json::Value,
}

/// A label and value pair on a link's page.
#[derive(Clone, Debug, Serialize)]
pub struct Detail {
    /// Its label.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// A link on a link's page.
#[derive(Clone, Debug, Serialize)]
pub struct PageLink {
    /// Its text.
    pub label: String,
    /// Its URL.
    pub href: String,
}

/// What the links of one purpose show and do.
pub trait LinkHandler: Send + Sync {
    /// The purpose that it handles.
    fn purpose(&self) -> Purpose;

    /// The page for a GET. Must not change anything, since mail scanners follow links.
    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>>;

    /// Handles the POST of the page's form. Idempotent: a second POST shows the same success.
    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>>;
}

/// The registered handlers by purpose.
#[derive(Clone, Default)]
pub struct LinkHandlers(HashMap<Purpose, Arc<dyn LinkHandler>>);

impl LinkHandlers {
    /// Registers a handler.
    ///
    /// # Panics
    /// When another one has the same purpose.
    pub fn register(&mut self, handler: impl LinkHandler + 'static) {
        let purpose = handler.purpose();
        let other = self.0.insert(purpose, Arc::new(handler));
        assert!(other.is_none(), "two link handlers with {purpose:?}");
    }

    /// The handler of a token's purpose.
    ///
    /// # Errors
    /// `link_expired` (410) when none is registered.
    pub fn of(&self, token: &Token) -> Result<&dyn LinkHandler> {
        self.0.get(&token.purpose).map(AsRef::as_ref).ok_or_else(expired)
    }
}

impl std::fmt::Debug for LinkHandlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::env::Env;

    const CONFIRM: Purpose = Purpose::new(1);

    #[test]
    fn a_link_holds_for_its_purpose_row_and_generation() {
        let env = Env::system();
        let links = Links::new(SigningKeys::fixed(Key::random(&env)), "https://muster.example.org");
        let row = env.id();
        let url = links.url(CONFIRM, row, 0);
        let token = links.parse(url.rsplit('/').next().unwrap()).unwrap();
        assert_eq!((token.purpose, token.row), (CONFIRM, row));
        assert!(token.check(0).is_ok());
        assert!(token.check(1).is_err());
        let other = Links::new(SigningKeys::fixed(Key::random(&env)), "https://muster.example.org");
        assert!(other.parse(url.rsplit('/').next().unwrap()).unwrap().check(0).is_err());
        assert!(links.parse("short").is_none());
    }

    #[test]
    fn a_code_is_recognised_as_people_type_it() {
        for (typed, code) in [
            ("hoty2n2b", "hoty2n2b"),
            ("h0ty-2n2b", "hoty2n2b"),
            ("HOTY 2N2B", "hoty2n2b"),
            (" hoty–2n2b\u{a0}", "hoty2n2b"),
            ("(hoty 2n28)", "hoty2n2b"),
            ("code: j6ki-khae.", "j6kikhae"),
            ("My code is J6KI KHAE", "j6kikhae"),
            ("h o t y 2 n 2 b", "hoty2n2b"),
            ("1ima-0000", "limaoooo"),
            ("ｈｏｔｙ－２ｎ２ｂ", "hoty2n2b"),
        ] {
            assert!(codes_in(typed).contains(&code.to_owned()), "{typed}: {:?}", codes_in(typed));
        }
        for typed in ["", "hoty2n2", "hoty2n2bx", "hoty2n2 bx", "ਹਰਪ੍ਰੀਤ", "----"] {
            assert!(codes_in(typed).is_empty(), "{typed}: {:?}", codes_in(typed));
        }
        assert_eq!(codes_in(&"abcdefgh ".repeat(100)).len(), MAX_CODES);
        let links = Links::new(SigningKeys::fixed(Key::from_slice(&[7; 32]).unwrap()), "https://muster.example.org");
        let row = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
        assert!(links.is_code("Code: NR2G-CPU1", Purpose::new(1), row, 0));
        assert!(
            links.is_code("NR2G-CPUI", Purpose::new(1), row, 0)
                && links.is_code("ＮＲ２Ｇ－ＣＰＵ１", Purpose::new(1), row, 0)
        );
        assert!(
            links.is_code("d1pwo2sy", Purpose::new(15), row, 0) && links.is_code("DLPWO2SY", Purpose::new(15), row, 0)
        );
        assert!(!links.is_code("nr2g-cpua", Purpose::new(1), row, 0));
    }

    /// Mailed links go on working: what is derived from a key stays the same.
    #[test]
    fn tokens_and_codes_do_not_change() {
        let key = Key::from_slice(&[7; 32]).unwrap();
        let links = Links::new(SigningKeys::fixed(key), "https://muster.example.org");
        let row = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
        for (purpose, generation, token, code) in [
            (1, 0, "aeazeaaaaaahaaeaaaaaaaaaaaayyqn5fou4fiewnlekwxzt4chq", "nr2gcpul"),
            (2, 3, "aiazeaaaaaahaaeaaaaaaaaaaaawuvm6ej6zj5li5ymhlssdcytq", "zphswv5r"),
            (15, 0, "b4azeaaaaaahaaeaaaaaaaaaaaazhet3tk7etrp4yxpv4kgiofha", "dipwo2sy"),
        ] {
            assert_eq!(links.token(Purpose::new(purpose), row, generation), token);
            assert_eq!(links.code(Purpose::new(purpose), row, generation), code);
        }
    }
}
