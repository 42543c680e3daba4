//! What organizers and their other systems note of a person: identifiers there, tags, languages, fields of their own. It
//! is sealed with the details, and found by keyed indexes of identifiers and tags (`person_labels`). The public cannot
//! write any of it, and protected vaults have none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        text::{TextError, required_line},
        vault::Vault,
    },
};

/// Maximum number of identifiers, tags and languages of a person, each.
const MAX_LABELS: usize = 100;
/// Maximum length of one, in characters.
const MAX_CHARS: usize = 200;
/// Maximum size of all own fields of a person, as JSON, in bytes.
const MAX_FIELD_BYTES: usize = 16 * 1024;

/// The labels of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// Identifiers in other systems, such as `newsletter:17`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Languages that the person speaks, as other systems write them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Fields of other systems, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_fields: BTreeMap<String, Value>,
}

/// What an organizer says of a person beside the details.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Labels to add; fields replace those of the same name.
    pub labels: Labels,
    /// Tags to take away.
    pub removed_tags: Vec<String>,
    /// Another system says that the person wants no updates.
    pub is_unsubscribed: bool,
}

impl Extras {
    /// Adds the member `add_tags` of a helper's body.
    ///
    /// # Errors
    /// 422 with a pointer for each refused tag.
    pub fn add_tags(&mut self, tags: &[String]) -> Result<()> {
        let mut errors = Vec::new();
        self.labels.tags.extend(lines(tags, "/add_tags", &mut errors));
        if errors.is_empty() { Ok(()) } else { Err(Error::Fields(errors)) }
    }
}

/// Checks the identifiers in other systems that a document names; each is kept once, and ours are left out.
pub fn other_identifiers(typed: &[String], errors: &mut Vec<FieldError>) -> Vec<String> {
    let mut kept = Vec::new();
    add(&mut kept, &lines(typed, "/identifiers", errors));
    kept
}

/// As [`other_identifiers`], of a body's member `identifiers`.
///
/// # Errors
/// 422 with a pointer for each refused one.
pub fn parse_identifiers(typed: &[String]) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    let identifiers = other_identifiers(typed, &mut errors);
    if errors.is_empty() { Ok(identifiers) } else { Err(Error::Fields(errors)) }
}

/// Adds labels that are not there; the newest are kept when they become too many.
pub fn add(own: &mut Vec<String>, newer: &[String]) {
    for label in newer {
        if !own.iter().any(|known| same(known, label)) {
            own.push(label.clone());
        }
    }
    own.drain(..own.len().saturating_sub(MAX_LABELS));
}

/// Checks a list of labels. Empty ones say nothing, and identifiers of ours what is known: both are left out.
pub(super) fn lines(typed: &[String], at: &str, errors: &mut Vec<FieldError>) -> Vec<String> {
    if typed.len() > MAX_LABELS {
        errors.push(FieldError::new(at, "too_long", format!("At most {MAX_LABELS}.")));
        return Vec::new();
    }
    let mut refuse = |i: usize, e: TextError| errors.push(FieldError::new(format!("{at}/{i}"), e.code, e.detail));
    let each = typed.iter().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with("muster:"));
    each.filter_map(|(i, line)| required_line(line, MAX_CHARS).map_err(|e| refuse(i, e)).ok()).collect()
}

/// Checks fields of other systems.
pub(super) fn fields(typed: &BTreeMap<String, Value>, at: &str, errors: &mut Vec<FieldError>) {
    let size = serde_json::to_vec(typed).map_or(usize::MAX, |json| json.len());
    let has_nul = |text: &str| text.contains('\0');
    if size > MAX_FIELD_BYTES || typed.len() > MAX_LABELS {
        errors.push(FieldError::new(at, "too_long", format!("At most {MAX_LABELS} fields and 16 KiB.")));
        return;
    }
    for (name, value) in typed {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        if has_nul(name) || value.as_str().is_some_and(has_nul) {
            errors.push(FieldError::new(at, "invalid_characters", "This contains characters that we cannot use."));
        } else if !(value.is_string() || value.is_number() || value.is_boolean()) {
            errors.push(FieldError::new(at, "invalid_type", "Expected a text, a number, true or false."));
        }
    }
}

impl Labels {
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These with what an organizer says; of each kind the newest are kept when they become too many.
    #[must_use]
    pub(super) fn merged(mut self, said: &Extras) -> Self {
        let is_removed = |tag: &String| said.removed_tags.iter().any(|removed| same(removed, tag));
        self.tags.retain(|tag| !is_removed(tag));
        for (own, newer) in [
            (&mut self.identifiers, &said.labels.identifiers),
            (&mut self.tags, &said.labels.tags),
            (&mut self.languages, &said.labels.languages),
        ] {
            add(own, newer);
        }
        self.custom_fields.extend(said.labels.custom_fields.clone());
        while self.custom_fields.len() > MAX_LABELS {
            self.custom_fields.pop_first();
        }
        self
    }

    /// The keyed indexes under which the person is found.
    pub(super) fn indexes(&self, vault: &Vault) -> Vec<Vec<u8>> {
        let tags = self.tags.iter().map(|tag| tag_index(vault, tag));
        identifier_indexes(vault, &self.identifiers).chain(tags).collect()
    }
}

/// Kinds of labels that are found.
const IDENTIFIER: &str = "identifiers";
/// Also the name of its filter field.
const TAG: &str = "muster:tags";

/// The keyed indexes of identifiers in other systems.
pub(super) fn identifier_indexes(vault: &Vault, identifiers: &[String]) -> impl Iterator<Item = Vec<u8>> {
    identifiers.iter().map(|label| vault.label_index(IDENTIFIER, &form(label)))
}

/// The keyed index of a tag.
pub fn tag_index(vault: &Vault, tag: &str) -> Vec<u8> {
    vault.label_index(TAG, &form(tag))
}

/// The keyed index of a value of a filter field.
pub(super) fn filter_index(vault: &Vault, field: &str, typed: &str) -> Vec<u8> {
    vault.label_index(if field == TAG { TAG } else { IDENTIFIER }, &form(typed))
}

/// What is compared with an identifier in another system that is no secret: that of an action.
pub fn plain_index(typed: &str) -> Vec<u8> {
    form(typed).into_bytes()
}

/// What makes two labels the same: people write tags with and without capitals.
fn form(label: &str) -> String {
    label.trim().to_lowercase()
}

fn same(a: &str, b: &str) -> bool {
    form(a) == form(b)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(tags: &[&str], removed: &[&str]) -> Extras {
        let owned = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect();
        let labels = Labels { tags: owned(tags), ..Labels::default() };
        Extras { labels, removed_tags: owned(removed), is_unsubscribed: false }
    }

    #[test]
    fn labels_are_added_once_and_removed_in_any_case() {
        let labels = Labels::default().merged(&said(&["Volunteer", "driver", "volunteer"], &[]));
        assert_eq!(labels.tags, ["Volunteer", "driver"]);
        assert_eq!(labels.clone().merged(&said(&["cook"], &["VOLUNTEER"])).tags, ["driver", "cook"]);
        assert_eq!(labels.clone().merged(&said(&[], &[])), labels);
        let many: Vec<String> = (0..150).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let kept = Labels::default().merged(&said(&many, &[])).tags;
        assert_eq!((kept.len(), kept[0].as_str()), (MAX_LABELS, "50"));
    }

    #[test]
    fn fields_replace_those_of_the_same_name() {
        let with = |fields: Value| {
            let custom_fields = serde_json::from_value(fields).unwrap();
            Extras { labels: Labels { custom_fields, ..Labels::default() }, ..Extras::default() }
        };
        let labels = Labels::default().merged(&with(json!({"shirt": "L", "shift": 2})));
        let labels = labels.merged(&with(json!({"shirt": "M"})));
        assert_eq!(json!(labels.custom_fields), json!({"shirt": "M", "shift": 2}));
        assert!(!labels.is_empty() && Labels::default().is_empty());
    }

    #[test]
    fn labels_are_checked() {
        let mut errors = Vec::new();
        let typed = ["a:1", "muster:0190a1b2", "", "b\u{0}", &"x".repeat(201)].map(str::to_owned);
        assert_eq!(lines(&typed, "/identifiers", &mut errors), ["a:1"]);
        let pointers: Vec<&str> = errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["/identifiers/3", "/identifiers/4"]);
        let mut errors = Vec::new();
        lines(&vec!["x".to_owned(); 101], "/add_tags", &mut errors);
        fields(&BTreeMap::from([("x".to_owned(), "y".repeat(20_000).into())]), "/custom_fields", &mut errors);
        fields(&serde_json::from_value(json!({"a/b": [], "c": {}, "d": 1, "e": "x\u{0}"})).unwrap(), "", &mut errors);
        let pointers: Vec<&str> = errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["/add_tags", "/custom_fields", "/a~1b", "/c", "/e"]);
    }
}
