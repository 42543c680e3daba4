//! Slugs: readable identifiers in the URLs of pages.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::{TextError, is_optional_mark, latin};

const MAX_CHARS: usize = 80;

/// 1 to 80 characters `[a-z0-9]+(-[a-z0-9]+)*`, never in the form of a UUID, because `{id}` in paths accepts either.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// Accepts a valid slug, apart from white space around it.
    ///
    /// # Errors
    /// `required`, `too_long` or `invalid_slug`.
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(TextError::required());
        }
        let well_formed = typed
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9')));
        if !well_formed || Uuid::try_parse(typed).is_ok() {
            return Err(TextError::new(
                "invalid_slug",
                "Possible are small letters a to z, digits and single hyphens between them; not a UUID.",
            ));
        }
        if typed.len() > MAX_CHARS {
            return Err(TextError::too_long(MAX_CHARS));
        }
        Ok(Self(typed.to_owned()))
    }

    /// Derives a slug from a title in Latin script, cut at a word boundary; `None` if no character remains (other
    /// scripts).
    pub fn from_title(title: &str) -> Option<Self> {
        let mut slug = String::new();
        for word in words(title) {
            if slug.len() + 1 + word.len() > MAX_CHARS {
                if slug.is_empty() {
                    slug.push_str(&word[..MAX_CHARS]);
                }
                break;
            }
            if !slug.is_empty() {
                slug.push('-');
            }
            slug.push_str(&word);
        }
        Self::parse(&slug).ok()
    }

    /// This slug, or if it is taken the first of its numbered forms (`weekly-meeting-2`) that is not.
    #[must_use]
    pub fn first_free(self, taken: &[String]) -> Self {
        let is_free = |slug: &Self| !taken.contains(&slug.0);
        let numbered = (2..=taken.len() + 2).map(|number| self.numbered(number)).find(is_free);
        if is_free(&self) { self } else { numbered.unwrap_or(self) }
    }

    fn numbered(&self, number: usize) -> Self {
        let end = format!("-{number}");
        let stem = &self.0[..self.0.len().min(MAX_CHARS - end.len())];
        Self(format!("{}{end}", stem.trim_end_matches('-')))
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The title's words in a-z and 0-9; an apostrophe does not separate words ("dont", "lasile").
fn words(title: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in title.nfkd().flat_map(char::to_lowercase) {
        let Some(word) = words.last_mut() else { break };
        if c.is_ascii_alphanumeric() {
            word.push(c);
        } else if let Some(letters) = latin(c) {
            word.push_str(letters);
        } else if !is_optional_mark(c) && !matches!(c, '\'' | '’' | '\u{AD}') {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(TextError::into_serde)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_takes_slugs_only() {
        assert_eq!(Slug::parse(" status-for-all ").unwrap().as_str(), "status-for-all");
        assert!(Slug::parse(&"a".repeat(80)).is_ok());
        assert_eq!(Slug::parse(&"a".repeat(81)).unwrap_err().code, "too_long");
        assert_eq!(Slug::parse("").unwrap_err().code, "required");
        for bad in [
            "A",
            "a--b",
            "-a",
            "a-",
            "a b",
            "a/b",
            "é",
            "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
            "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        ] {
            assert_eq!(Slug::parse(bad).unwrap_err().code, "invalid_slug", "{bad}");
        }
    }

    #[test]
    fn titles_become_slugs() {
        for (title, slug) in [
            ("Status for All!", "status-for-all"),
            ("Égalité — dès aujourd’hui, à l'œuvre", "egalite-des-aujourdhui-a-loeuvre"),
            ("¡Ni una más! ﬁn", "ni-una-mas-fin"),
            ("Łódź & Straße 2026", "lodz-strasse-2026"),
        ] {
            assert_eq!(Slug::from_title(title).unwrap().as_str(), slug);
        }
        assert_eq!(Slug::from_title("ਸਭ ਲਈ"), None);
        let long = Slug::from_title(&"deport nobody ".repeat(20)).unwrap();
        assert!(long.as_str().len() <= 80 && long.as_str().ends_with("deport"));
        assert_eq!(Slug::from_title(&"x".repeat(200)).unwrap().as_str().len(), 80);
    }

    #[test]
    fn taken_slug_gets_a_number() {
        let free = |slug: &str, taken: &[&str]| {
            let taken: Vec<String> = taken.iter().map(|slug| (*slug).to_owned()).collect();
            Slug::parse(slug).unwrap().first_free(&taken).0
        };
        assert_eq!(free("meeting", &[]), "meeting");
        assert_eq!(free("meeting", &["meeting-2", "meetings"]), "meeting");
        assert_eq!(free("meeting", &["meeting"]), "meeting-2");
        assert_eq!(free("meeting", &["meeting", "meeting-2", "meeting-4"]), "meeting-3");
        assert_eq!(free("march-2", &["march-2"]), "march-2-2");
        let long = "x".repeat(80);
        assert_eq!(free(&long, &[&long]), format!("{}-2", "x".repeat(78)));
        let hyphen = format!("{}-y", "x".repeat(77));
        assert_eq!(free(&format!("{hyphen}y"), &[&format!("{hyphen}y")]), format!("{}-2", "x".repeat(77)));
    }

    proptest! {
        #[test]
        fn derived_slugs_are_valid_and_stable(title in "(?s).{0,120}|[a-zé ]{0,120}") {
            if let Some(slug) = Slug::from_title(&title) {
                prop_assert_eq!(&Slug::parse(slug.as_str()).unwrap(), &slug);
                prop_assert_eq!(Slug::from_title(slug.as_str()), Some(slug));
            }
        }
    }
}
