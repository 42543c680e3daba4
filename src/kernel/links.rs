//! Links in mail: derived, not stored.
//!
//! A token is base32 of `purpose (1) | row id (16) | HMAC(links key, purpose | row id | generation) (15)`. The row keeps
//! the generation (raising it voids the links mailed before) and the expiry. New links are made with the links key that
//! writes; those made with an older one hold until their own end. What a link shows and does is known to the
//! slice that mails it; slices register a [`LinkHandler`] each, and one route, `/t/{token}`, serves them all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use serde::Serialize;
use uuid::Uuid;

use super::{
    crypto::{Key, base32, from_base32},
    i18n::text,
    keyring::SigningKeys,
    text::LocaleTag,
};
use crate::error::{Code, Error, Result};

const MAC_BYTES: usize = 15;

/// The box of "this was not me": never mail this address again.
pub const NEVER_AGAIN: &str = "never_again";

/// What a link is for; each has its own byte, which never changes, since old mail carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Confirms a signature.
    ConfirmSignature = 1,
    /// The signer's own page: what was signed, withdraw.
    ManageSignature = 2,
    /// Confirms a registration.
    ConfirmAttendance = 3,
    /// The attendee's own page: cancel.
    ManageAttendance = 4,
    /// Confirms a letter.
    ConfirmLetter = 5,
    /// The writer's own page.
    ManageLetter = 6,
    /// "This was not me", for a signature.
    RejectSignature = 7,
    /// "This was not me", for a registration.
    RejectAttendance = 8,
    /// "This was not me", for a letter.
    RejectLetter = 9,
    /// Shows an action that nobody else sees yet. Not mailed: given out by organizers, and not under `/t/`.
    PreviewAction = 10,
    /// Changes how a signer's name is shown.
    ShowName = 11,
    /// Hands a signer everything that is held of them.
    MyData = 12,
    /// Erases a signer.
    EraseSigner = 13,
    /// No news any more, with one press (RFC 8058).
    Unsubscribe = 14,
    /// Which mail is wanted.
    Preferences = 15,
}

impl Purpose {
    const ALL: [Self; 15] = [
        Self::ConfirmSignature,
        Self::ManageSignature,
        Self::ConfirmAttendance,
        Self::ManageAttendance,
        Self::ConfirmLetter,
        Self::ManageLetter,
        Self::RejectSignature,
        Self::RejectAttendance,
        Self::RejectLetter,
        Self::PreviewAction,
        Self::ShowName,
        Self::MyData,
        Self::EraseSigner,
        Self::Unsubscribe,
        Self::Preferences,
    ];
}

/// Derives and checks link tokens.
#[derive(Clone, Debug)]
pub struct Links {
    keys: SigningKeys,
    public_url: Arc<str>,
}

impl Links {
    /// Links of this installation.
    pub fn new(keys: SigningKeys, public_url: &str) -> Self {
        Self { keys, public_url: public_url.into() }
    }

    /// The full address of a link to a row.
    pub fn url(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        format!("{}/t/{}", self.public_url, self.token(purpose, row, generation))
    }

    /// The token alone.
    pub fn token(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        let mut token = Vec::with_capacity(17 + MAC_BYTES);
        token.push(purpose as u8);
        token.extend_from_slice(row.as_bytes());
        token.extend_from_slice(&mac(&self.keys.current(), purpose, row, generation));
        base32(&token)
    }

    /// A short code for those who would rather type than follow a link: eight characters that stand for the row as the
    /// link of this purpose does. Forty bits: whoever checks one limits the attempts.
    pub fn code(&self, purpose: Purpose, row: Uuid, generation: i16) -> String {
        code(&self.keys.current(), purpose, row, generation)
    }

    /// Is this the code, however it was typed?
    pub fn is_code(&self, typed: &str, purpose: Purpose, row: Uuid, generation: i16) -> bool {
        let typed: String = typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let is_of = |key: &Key| -> bool {
            subtle::ConstantTimeEq::ct_eq(typed.as_bytes(), code(key, purpose, row, generation).as_bytes()).into()
        };
        self.keys.all().iter().any(is_of)
    }

    /// Reads a token. Its MAC can be checked only against the row's generation: see [`Token::check`].
    pub fn parse(&self, token: &str) -> Option<Token> {
        let bytes = from_base32(token)?;
        let (&purpose, rest) = bytes.split_first()?;
        let (row, mac) = rest.split_first_chunk::<16>()?;
        let purpose = Purpose::ALL.into_iter().find(|p| *p as u8 == purpose)?;
        Some(Token { purpose, row: Uuid::from_bytes(*row), mac: mac.try_into().ok()?, links: self.clone() })
    }
}

fn mac(key: &Key, purpose: Purpose, row: Uuid, generation: i16) -> [u8; MAC_BYTES] {
    let mac = key.mac(&[&[purpose as u8], row.as_bytes(), &generation.to_be_bytes()]);
    *mac.first_chunk().expect("an HMAC has 32 bytes")
}

fn code(key: &Key, purpose: Purpose, row: Uuid, generation: i16) -> String {
    let mac = key.mac(&[b"code", &[purpose as u8], row.as_bytes(), &generation.to_be_bytes()]);
    base32(&mac[..5])
}

/// A token as it came in; believe its row id only after [`Token::check`].
#[derive(Clone, Debug)]
pub struct Token {
    /// What it claims to be for.
    pub purpose: Purpose,
    /// The row it claims to be for.
    pub row: Uuid,
    mac: [u8; MAC_BYTES],
    links: Links,
}

impl Token {
    /// Was this token mailed for the row at this generation?
    ///
    /// # Errors
    /// `link_expired` (410) when the generation has moved on or the token is forged: the two look alike.
    pub fn check(&self, generation: i16) -> Result<()> {
        let is_of = |key: &Key| -> bool {
            let right = mac(key, self.purpose, self.row, generation);
            subtle::ConstantTimeEq::ct_eq(&right[..], &self.mac[..]).into()
        };
        if self.links.keys.all().iter().any(is_of) { Ok(()) } else { Err(expired()) }
    }
}

impl Token {
    /// The page of a "this was not me" whose act was dropped before: the row is gone, and with it its generation (a
    /// pending act never had another than the first) and its language.
    ///
    /// # Errors
    /// `link_expired` (410) for a forged token.
    pub fn dropped_before(&self) -> Result<LinkPage> {
        self.check(0).map(|()| LinkPage::not_me(LocaleTag::default(), true))
    }
}

/// 410 for a link that does not work any more (or never did).
pub fn expired() -> Error {
    Error::problem(Code::LinkExpired, "This link has expired or was replaced by a newer one.")
}

/// What the page of a link shows: at most one button, which POSTs to the same address.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LinkPage {
    /// Language of the page.
    #[serde(skip)]
    pub locale: LocaleTag,
    /// The heading.
    pub heading: String,
    /// Paragraphs.
    pub lines: Vec<String>,
    /// The button's words; `None`: nothing to press.
    pub button: Option<String>,
    /// Does the button take something away?
    pub danger: bool,
    /// Shown after the button was pressed.
    pub done: bool,
    /// What the page is about, line by line.
    pub details: Vec<Detail>,
    /// Where to go next.
    pub links: Vec<PageLink>,
    /// Names neither the action nor the organization until the button is pressed.
    pub neutral: bool,
    /// Where to pass it on.
    pub share: Vec<PageLink>,
    /// The number with the own act in it.
    pub own_count: Option<i64>,
    /// A box beside the button.
    pub checkbox: Option<Checkbox>,
    /// Several to choose from.
    pub choice_list: Option<ChoiceList>,
    /// A file instead of the page.
    #[serde(skip)]
    pub download: Option<Download>,
}

impl LinkPage {
    /// The page of "this was not me", before and after the button.
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

/// What was chosen in the form of a link's page; empty when only the button was pressed.
#[derive(Clone, Debug, Default)]
pub struct FormInput(BTreeMap<String, String>);

impl FormInput {
    /// The fields of a form, `application/x-www-form-urlencoded`.
    pub fn of(form: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(form).into_owned().collect())
    }

    /// Was this box ticked?
    pub fn ticked(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == "true")
    }

    /// What was chosen among several.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// A box beside the button.
#[derive(Clone, Debug, Serialize)]
pub struct Checkbox {
    /// Name of the field; its value is `true`.
    pub name: &'static str,
    /// What ticking it does.
    pub label: String,
}

/// Several to choose from, beside the button.
#[derive(Clone, Debug, Serialize)]
pub struct ChoiceList {
    /// Name of the field.
    pub name: &'static str,
    /// What is chosen.
    pub legend: String,
    /// Value, label, and whether it is chosen now.
    pub options: Vec<(String, String, bool)>,
}

/// What a pressed button hands over instead of a page.
#[derive(Clone, Debug)]
pub struct Download {
    /// Name of the file.
    pub name: String,
    /// JSON.
    pub json: serde_json::Value,
}

/// One line of what a link's page is about.
#[derive(Clone, Debug, Serialize)]
pub struct Detail {
    /// What.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// A link on a link's page.
#[derive(Clone, Debug, Serialize)]
pub struct PageLink {
    /// Its words.
    pub label: String,
    /// Its address.
    pub href: String,
}

/// What one kind of link shows and does.
pub trait LinkHandler: Send + Sync {
    /// Which links.
    fn purpose(&self) -> Purpose;

    /// What the page shows; changes nothing (mail scanners follow links).
    fn show<'a>(&'a self, token: &'a Token) -> BoxFuture<'a, Result<LinkPage>>;

    /// Does what the page said, as the form chose; a second time shows the same success.
    fn act<'a>(&'a self, token: &'a Token, choices: &'a FormInput) -> BoxFuture<'a, Result<LinkPage>>;
}

/// The registered purposes.
#[derive(Clone, Default)]
pub struct LinkHandlers(HashMap<Purpose, Arc<dyn LinkHandler>>);

impl LinkHandlers {
    /// Adds one.
    pub fn register(&mut self, purpose: impl LinkHandler + 'static) {
        self.0.insert(purpose.purpose(), Arc::new(purpose));
    }

    /// The one that serves a token.
    ///
    /// # Errors
    /// `link_expired` when none does.
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

    #[test]
    fn a_link_holds_for_its_purpose_row_and_generation() {
        let env = Env::system();
        let links = Links::new(SigningKeys::fixed(Key::random(&env)), "https://muster.example.org");
        let row = env.id();
        let url = links.url(Purpose::ConfirmSignature, row, 0);
        let token = links.parse(url.rsplit('/').next().unwrap()).unwrap();
        assert_eq!((token.purpose, token.row), (Purpose::ConfirmSignature, row));
        assert!(token.check(0).is_ok());
        assert!(token.check(1).is_err());
        let other = Links::new(SigningKeys::fixed(Key::random(&env)), "https://muster.example.org");
        assert!(other.parse(url.rsplit('/').next().unwrap()).unwrap().check(0).is_err());
        assert!(links.parse("short").is_none());
    }
}
