//! Fields and custom questions of a petition's form.
//!
//! Answers are sealed with the signature and exported as columns. A protected petition refuses questions whose
//! answers could harm, and drops all answers with the contact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use super::{store::Petition, submission::NewSignature};
use crate::{
    error::{Error, FieldError, Result},
    kernel::{
        forms::{FieldErrors, FormInput},
        text::{LocaleTag, TextError, clean_line, clean_text, required_line},
    },
};

/// Maximum number of questions of a form.
const MAX_QUESTIONS: usize = 20;
/// Maximum number of choices of a question.
const MAX_CHOICES: usize = 40;
/// Maximum length of a text answer in characters.
const MAX_ANSWER_CHARS: u16 = 2_000;

/// Whether a form has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldRequirement {
    /// Not shown; values that are sent all the same are not stored.
    Off,
    /// Shown.
    Optional,
    /// Shown, and required of the public.
    Required,
}

/// Standard fields of a form. Absent members have the default: the page shows family name, postal code, country and
/// comment, all optional, and the API stores what it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = PetitionFields)]
pub struct Fields {
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<FieldRequirement>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<FieldRequirement>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<FieldRequirement>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<FieldRequirement>,
    /// Telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<FieldRequirement>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<FieldRequirement>,
}

// names in forms, and JSON pointers into the API's body
const FAMILY_NAME: (&str, &str) = ("family_name", "/person/family_name");
const POSTAL_CODE: (&str, &str) = ("postal_code", "/person/postal_addresses/0/postal_code");
const CITY: (&str, &str) = ("city", "/person/postal_addresses/0/locality");
const COUNTRY: (&str, &str) = ("country", "/person/postal_addresses/0/country");
const PHONE: (&str, &str) = ("phone", "/person/phone_numbers");
const COMMENTS: (&str, &str) = ("comments", "/comments");

impl Fields {
    /// The fields as the page shows them.
    pub fn shown(self, protected: bool) -> Value {
        let usual = |given: Option<FieldRequirement>, usual: FieldRequirement| {
            if protected { FieldRequirement::Off } else { given.unwrap_or(usual) }
        };
        json!({
            "family_name": usual(self.family_name, FieldRequirement::Optional),
            "postal_code": usual(self.postal_code, FieldRequirement::Optional),
            "city": usual(self.city, FieldRequirement::Off),
            "country": usual(self.country, FieldRequirement::Optional),
            "phone": usual(self.phone, FieldRequirement::Off),
            "comments": usual(self.comments, FieldRequirement::Optional),
        })
    }

    /// Clears fields that are off, and refuses required ones that are missing.
    fn apply(self, new: &mut NewSignature, public: bool, errors: &mut FieldErrors) {
        let details = &mut new.person.details;
        let members = [
            (self.family_name, &mut details.family_name, FAMILY_NAME),
            (self.postal_code, &mut details.postal_code, POSTAL_CODE),
            (self.city, &mut details.locality, CITY),
            (self.country, &mut details.country, COUNTRY),
            (self.phone, &mut details.phone, PHONE),
            (self.comments, &mut new.comments, COMMENTS),
        ];
        for (wanted, value, (_, pointer)) in members {
            match wanted {
                Some(FieldRequirement::Off) => value.clear(),
                Some(FieldRequirement::Required) if public => errors.require(pointer, !value.is_empty()),
                _ => {}
            }
        }
        if self.postal_code == Some(FieldRequirement::Off) && self.country == Some(FieldRequirement::Off) {
            details.region.clear();
        }
    }

    /// Refuses required fields that are empty in a form whose person was refused.
    pub(super) fn require_in(self, form: &FormInput, errors: &mut FieldErrors) {
        let wanted = [
            (self.family_name, FAMILY_NAME),
            (self.postal_code, POSTAL_CODE),
            (self.city, CITY),
            (self.country, COUNTRY),
            (self.phone, PHONE),
            (self.comments, COMMENTS),
        ];
        for (_, (name, pointer)) in wanted.iter().filter(|(wanted, _)| *wanted == Some(FieldRequirement::Required)) {
            errors.require(pointer, !form.text(name).trim().is_empty());
        }
    }
}

/// The kinds of question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Text.
    #[default]
    Text,
    /// One of several choices.
    Choice,
    /// A checkbox.
    Checkbox,
}

/// A choice of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = QuestionChoice)]
pub struct Choice {
    /// The stored value.
    #[validate(length(min = 1, max = 60))]
    pub value: String,
    /// The label in the form.
    #[validate(length(min = 1, max = 200))]
    pub label: String,
    /// The label in other languages, by BCP 47 tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A custom question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = PetitionQuestion)]
pub struct Question {
    /// Its name in answers and exports: lower-case letters, digits and `_`.
    #[validate(length(min = 1, max = 40))]
    pub key: String,
    /// Its kind.
    #[serde(default)]
    pub kind: QuestionKind,
    /// The label in the form.
    #[validate(length(min = 1, max = 300))]
    pub label: String,
    /// The label in other languages, by BCP 47 tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The choices, for the kind `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[validate(nested)]
    pub choices: Vec<Choice>,
    /// Must the public answer it?
    #[serde(default)]
    pub required: bool,
    /// Maximum length of a text answer in characters.
    #[serde(default = "default_max_length")]
    pub max_length: u16,
}

fn default_max_length() -> u16 {
    500
}

/// Words that a protected petition refuses in questions, since the answers tell who could be deported and where to
/// find them. Searched in lower-case keys and labels.
const FORBIDDEN_TOPICS: &[&str] = &[
    "status",
    "visa",
    "permit",
    "citizen",
    "nationalit",
    "passport",
    "undocumented",
    "country of",
    "born",
    "birth",
    "immigra",
    "refugee",
    "asylum",
    "deport",
    "address",
    "street",
    "where do you live",
    "employer",
    "social insurance",
    "statut",
    "permis",
    "citoyen",
    "passeport",
    "sans-papiers",
    "pays d",
    "né",
    "naissance",
    "réfugié",
    "asile",
    "adresse",
    "rue",
    "où habitez",
    "employeur",
    "estatus",
    "ciudadan",
    "nacionalidad",
    "pasaporte",
    "indocumentad",
    "país de",
    "nacid",
    "nacimiento",
    "refugiad",
    "asilo",
    "dirección",
    "domicilio",
    "calle",
    "empleador",
    "ਸਟੇਟਸ",
    "ਵੀਜ਼ਾ",
    "ਪਰਮਿਟ",
    "ਨਾਗਰਿਕ",
    "ਪਾਸਪੋਰਟ",
    "ਪਤਾ",
    "ਜਨਮ",
];

fn asks_forbidden_topic(question: &Question) -> bool {
    let texts = question.labels.values().chain([&question.key, &question.label]);
    texts.map(|text| text.to_lowercase().replace('_', " ")).any(|text| {
        FORBIDDEN_TOPICS.iter().any(|word| {
            // a short word matches whole words only
            if word.chars().count() > 3 {
                text.contains(word)
            } else {
                text.split(|c: char| !c.is_alphanumeric()).any(|part| part == *word)
            }
        })
    })
}

/// Checks and cleans the questions of a form.
///
/// # Errors
/// 422 with a pointer for each refused member.
pub(super) fn parse(questions: Vec<Question>, protected: bool) -> Result<Vec<Question>> {
    let mut errors = Vec::new();
    if questions.len() > MAX_QUESTIONS {
        let detail = format!("At most {MAX_QUESTIONS} questions.");
        return Err(Error::Fields(vec![FieldError::new("/muster:questions", "too_long", detail)]));
    }
    let mut seen: Vec<String> = Vec::new();
    let mut parsed = Vec::with_capacity(questions.len());
    for (i, mut question) in questions.into_iter().enumerate() {
        let at = |member: &str| format!("/muster:questions/{i}/{member}");
        let mut refuse =
            |member: &str, error: TextError| errors.push(FieldError::new(at(member), error.code, error.detail));
        let known = |code: &'static str, detail: &str| TextError { code, detail: detail.to_owned() };
        if !question.key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            refuse("key", known("unknown_value", "Small letters, digits and _ only."));
        } else if seen.contains(&question.key) {
            refuse("key", known("taken", "Another question has this key."));
        }
        seen.push(question.key.clone());
        match required_line(&question.label, 300) {
            Ok(label) => question.label = label,
            Err(error) => refuse("label", error),
        }
        if let Err(error) = clean_labels(&mut question.labels) {
            refuse("labels", error);
        }
        if !(1..=MAX_ANSWER_CHARS).contains(&question.max_length) {
            refuse("max_length", known("out_of_range", &format!("1 to {MAX_ANSWER_CHARS}.")));
        }
        match question.kind {
            QuestionKind::Choice if question.choices.len() < 2 || question.choices.len() > MAX_CHOICES => {
                refuse("choices", known("out_of_range", &format!("2 to {MAX_CHOICES} choices.")));
            }
            QuestionKind::Text | QuestionKind::Checkbox if !question.choices.is_empty() => {
                refuse("choices", known("not_allowed", "Only a choice has choices."));
            }
            _ => {}
        }
        let mut values: Vec<&str> = Vec::new();
        for (j, choice) in question.choices.iter_mut().enumerate() {
            let cleaned =
                required_line(&choice.value, 60).and_then(|value| Ok((value, required_line(&choice.label, 200)?)));
            match cleaned.and_then(|cleaned| clean_labels(&mut choice.labels).map(|()| cleaned)) {
                Ok((value, label)) => (choice.value, choice.label) = (value, label),
                Err(error) => refuse(&format!("choices/{j}"), error),
            }
        }
        for (j, choice) in question.choices.iter().enumerate() {
            if values.contains(&choice.value.as_str()) {
                refuse(&format!("choices/{j}/value"), known("taken", "Another choice has this value."));
            }
            values.push(&choice.value);
        }
        if protected && asks_forbidden_topic(&question) {
            refuse(
                "label",
                known("not_allowed", "A protected petition asks nobody for status, nationality or where they live."),
            );
        }
        parsed.push(question);
    }
    if errors.is_empty() { Ok(parsed) } else { Err(Error::Fields(errors)) }
}

fn clean_labels(labels: &mut BTreeMap<String, String>) -> Result<(), TextError> {
    for (tag, label) in labels.iter_mut() {
        LocaleTag::parse(tag)?;
        *label = clean_line(label, 300)?;
    }
    labels.retain(|_, label| !label.is_empty());
    Ok(())
}

fn in_language<'a>(label: &'a str, labels: &'a BTreeMap<String, String>, locale: LocaleTag) -> &'a str {
    labels.get(locale.as_str()).map_or(label, String::as_str)
}

impl Question {
    /// The label in a language; the untranslated one if there is no translation.
    pub fn label_in(&self, locale: LocaleTag) -> &str {
        in_language(&self.label, &self.labels, locale)
    }

    /// Template context of the question.
    pub fn shown(&self, locale: LocaleTag) -> Value {
        let choice = |c: &Choice| json!({"value": c.value, "label": in_language(&c.label, &c.labels, locale)});
        json!({
            "key": self.key, "kind": self.kind, "label": self.label_in(locale), "required": self.required,
            "max_length": self.max_length, "choices": self.choices.iter().map(choice).collect::<Vec<_>>(),
        })
    }

    /// An answer in readable form.
    pub fn answer_in<'a>(&'a self, answer: &'a str, locale: LocaleTag) -> &'a str {
        let choice = self.choices.iter().find(|c| c.value == answer);
        choice.map_or(answer, |c| in_language(&c.label, &c.labels, locale))
    }

    /// Checks an answer; empty when there is none.
    fn check(&self, given: Option<&Value>) -> Result<String, TextError> {
        let unknown = |detail: &str| TextError { code: "unknown_value", detail: detail.to_owned() };
        match (self.kind, given) {
            (_, None | Some(Value::Null)) => Ok(String::new()),
            (QuestionKind::Checkbox, Some(Value::Bool(ticked))) => Ok(if *ticked { "true" } else { "" }.to_owned()),
            (QuestionKind::Checkbox, Some(Value::String(ticked))) if ticked == "true" => Ok(ticked.clone()),
            (QuestionKind::Checkbox, Some(Value::String(ticked))) if ticked.is_empty() => Ok(String::new()),
            (QuestionKind::Checkbox, Some(_)) => Err(unknown("true or false.")),
            (QuestionKind::Choice, Some(Value::String(value))) => {
                if value.is_empty() || self.choices.iter().any(|c| c.value == *value) {
                    Ok(value.clone())
                } else {
                    Err(unknown("None of the choices."))
                }
            }
            (QuestionKind::Text, Some(Value::String(text))) => clean_text(text, self.max_length.into()),
            (QuestionKind::Choice | QuestionKind::Text, Some(_)) => Err(unknown("A text.")),
        }
    }
}

/// An answer as a client sends it, for the API description; [`Question::check`] reads it.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum GivenAnswer {
    /// A text, or the value of a choice.
    Text(String),
    /// A checkbox.
    Ticked(bool),
}

/// Answers as they were sent, by key.
pub(super) type GivenAnswers = BTreeMap<String, Value>;

/// Checks a signature against the petition's fields and questions: fields that are off are cleared, required ones
/// must be there (`public`: organizers who vouch may leave them out), answers to unknown questions are dropped.
///
/// # Errors
/// 422 with a pointer for each refused field.
pub(super) fn check(petition: &Petition, new: &mut NewSignature, given: &GivenAnswers, public: bool) -> Result<()> {
    let mut errors = FieldErrors::default();
    petition.fields.apply(new, public, &mut errors);
    new.answers = check_answers(petition, given, public, &mut errors);
    errors.finish(Some(()))
}

/// The answers to the petition's questions.
pub(super) fn check_answers(
    petition: &Petition,
    given: &GivenAnswers,
    public: bool,
    errors: &mut FieldErrors,
) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for question in &petition.questions {
        let pointer = format!("/muster:answers/{}", question.key);
        match question.check(given.get(&question.key)) {
            Ok(answer) if answer.is_empty() => errors.require(&pointer, !(question.required && public)),
            Ok(answer) => {
                answers.insert(question.key.clone(), answer);
            }
            Err(error) => errors.push(FieldError::new(pointer, error.code, error.detail)),
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(json: Value) -> Question {
        serde_json::from_value(json).unwrap()
    }

    fn pointers(refused: Result<Vec<Question>>) -> Vec<String> {
        let Err(Error::Fields(fields)) = refused else { panic!("{refused:?}") };
        fields.into_iter().map(|f| f.pointer).collect()
    }

    #[test]
    fn protected_petition_refuses_sensitive_questions() {
        for label in [
            "What is your immigration status?",
            "Nationality",
            "Home address",
            "Quel est votre statut ?",
            "¿Cuál es su dirección?",
            "In which street do you work?",
            "Votre rue",
        ] {
            let asked = question(json!({"key": "q", "label": label}));
            assert_eq!(pointers(parse(vec![asked.clone()], true)), ["/muster:questions/0/label"], "{label}");
            assert!(parse(vec![asked], false).is_ok());
        }
        for label in ["How did you hear of us?", "Do you want to help?", "Construction or truepenny?"] {
            assert!(parse(vec![question(json!({"key": "q", "label": label}))], true).is_ok(), "{label}");
        }
        let hidden = question(json!({"key": "q", "label": "Quick one", "labels": {"es": "Nacionalidad"}}));
        assert_eq!(pointers(parse(vec![hidden], true)), ["/muster:questions/0/label"]);
    }

    #[test]
    fn invalid_members_have_pointers() {
        let questions = vec![
            question(json!({"key": "Bad Key", "label": " "})),
            question(
                json!({"key": "a", "label": "A", "kind": "choice", "choices": [{"value": "x", "label": "X"}, {"value": "x", "label": "Y"}]}),
            ),
            question(json!({"key": "a", "label": "A", "choices": [{"value": "x", "label": "X"}], "max_length": 0})),
            question(json!({"key": "b", "label": "B", "labels": {"xx": "?"}})),
        ];
        assert_eq!(
            pointers(parse(questions, false)),
            [
                "/muster:questions/0/key",
                "/muster:questions/0/label",
                "/muster:questions/1/choices/1/value",
                "/muster:questions/2/key",
                "/muster:questions/2/max_length",
                "/muster:questions/2/choices",
                "/muster:questions/3/labels",
            ]
        );
    }

    #[test]
    fn answers_are_validated_by_kind() {
        let choice = question(
            json!({"key": "q", "label": "Q", "kind": "choice", "choices": [{"value": "a", "label": "A"}, {"value": "b", "label": "B", "labels": {"fr": "Bé"}}]}),
        );
        assert_eq!(choice.check(Some(&json!("a"))).unwrap(), "a");
        assert!(choice.check(Some(&json!("c"))).is_err() && choice.check(Some(&json!(1))).is_err());
        assert_eq!(choice.answer_in("b", LocaleTag::Fr), "Bé");
        let text = question(json!({"key": "q", "label": "Q", "max_length": 3}));
        assert_eq!(text.check(Some(&json!(" abc "))).unwrap(), "abc");
        assert_eq!(text.check(Some(&json!("abcd"))).unwrap_err().code, "too_long");
        let tick = question(json!({"key": "q", "label": "Q", "kind": "checkbox"}));
        assert_eq!(
            (tick.check(Some(&json!(true))).unwrap(), tick.check(Some(&json!(false))).unwrap()),
            ("true".into(), String::new())
        );
        assert!(tick.check(Some(&json!("perhaps"))).is_err());
    }
}
