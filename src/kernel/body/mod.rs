//! Bodies of requests: read as JSON or as a form into one tree, then converted to the type that a handler takes, so that
//! an error names the member by its JSON pointer and says what is expected in the words of the API.

mod form;
mod node;

use std::{borrow::Cow, fmt, fmt::Write};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

pub(super) use form::{as_utf8, is_form};

use self::{form::parse_form, node::Node};
use crate::error::{Error, FieldError, Result};

/// A body as a tree: an object's members.
#[derive(Clone, Debug)]
pub(super) struct Members {
    /// The object.
    pub(super) object: Map<String, Value>,
    /// Was it a form? Its numbers and truth values are texts.
    pub(super) is_form: bool,
}

impl Members {
    /// Reads a JSON object. Further members of the same name are refused: readers differ in which they take.
    ///
    /// # Errors
    /// 422 `invalid_json`, or `invalid_type` for another value than an object.
    pub(super) fn of_json(bytes: &[u8]) -> Result<Self> {
        // some clients write a byte order mark, which RFC 8259 allows to be ignored
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut text = serde_json::Deserializer::from_slice(bytes);
        let Unique(value) = serde_path_to_error::deserialize(&mut text).map_err(|e| {
            let (inner, pointer) = (e.inner(), pointer(e.path()));
            let detail = format!("The JSON breaks at line {} column {}.", inner.line(), inner.column());
            if inner.is_data() {
                Error::field(pointer, "invalid_value", "This member stands twice.")
            } else {
                Error::field("", "invalid_json", detail)
            }
        })?;
        text.end().map_err(|e| {
            let (line, column) = (e.line(), e.column());
            let detail = format!("There is more after the JSON document, at line {line} column {column}.");
            Error::field("", "invalid_json", detail)
        })?;
        match value {
            Value::Object(object) => Ok(Self { object, is_form: false }),
            _ => Err(Error::field("", "invalid_type", "Expected an object.")),
        }
    }

    /// Reads a form.
    pub(super) fn of_form(bytes: &[u8]) -> Self {
        Self { object: parse_form(bytes), is_form: true }
    }

    /// Leaves out members that are null, at any depth: many clients send all they know of, and null for what they do
    /// not have.
    pub(super) fn drop_nulls(&mut self) {
        drop_nulls_of(&mut self.object);
    }

    /// Leaves out members that are null in the values of the object, but not its own.
    pub(super) fn drop_inner_nulls(&mut self) {
        self.object.values_mut().for_each(drop_nulls_in);
    }
}

fn drop_nulls_of(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    object.values_mut().for_each(drop_nulls_in);
}

fn drop_nulls_in(value: &mut Value) {
    match value {
        Value::Object(object) => drop_nulls_of(object),
        // entries of lists stay, so that pointers count them as the client does
        Value::Array(items) => items.iter_mut().for_each(drop_nulls_in),
        _ => {}
    }
}

/// Converts an object to a type.
///
/// # Errors
/// 422 with the pointer of the first member that does not fit.
pub(super) fn convert<T: DeserializeOwned>(members: &Members) -> Result<T> {
    serde_path_to_error::deserialize(Node::of(&members.object, members.is_form)).map_err(|e| {
        let pointer = pointer(e.path());
        Error::Fields(vec![e.into_inner().at(pointer)])
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(pointer, "/{index}");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// A segment of a JSON pointer (RFC 6901).
pub(super) fn escape(segment: &str) -> Cow<'_, str> {
    if segment.contains(['~', '/']) { segment.replace('~', "~0").replace('/', "~1").into() } else { segment.into() }
}

/// Any JSON in which no object has two members of one name.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                map.next_value_seed(Refused)?;
            }
            let Unique(value) = map.next_value()?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

/// Refuses a value, so that the error has its path.
struct Refused;

impl<'de> DeserializeSeed<'de> for Refused {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom("duplicate"))
    }
}

/// What a conversion says of a value that does not fit; [`Fault::at`] makes it the error of a member.
#[derive(Debug)]
pub(super) struct Fault {
    code: &'static str,
    detail: String,
    /// The member that is missing in the value.
    missing: Option<&'static str>,
}

impl Fault {
    fn at(self, pointer: String) -> FieldError {
        let pointer = match self.missing {
            Some(member) => format!("{pointer}/{}", escape(member)),
            None => pointer,
        };
        FieldError::new(pointer, self.code, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, NaiveDate, Utc};
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        #[serde(rename = "muster:display")]
        display: Display,
        capacity: Option<i64>,
        party_size: i16,
        share: f64,
        is_open: bool,
        title: String,
        people: Vec<Person>,
        texts: BTreeMap<String, String>,
        at: Option<DateTime<Utc>>,
        day: Option<NaiveDate>,
        image: Option<Uuid>,
        pair: Option<[i16; 2]>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Display {
        #[default]
        Hidden,
        FullName,
    }

    #[derive(Debug, Deserialize)]
    struct Person {
        address: String,
        #[serde(default)]
        primary: bool,
    }

    fn refused(json: &str) -> String {
        let read = Members::of_json(json.as_bytes()).and_then(|members| convert::<Body>(&members));
        match read {
            Err(Error::Fields(mut fields)) => {
                let field = fields.remove(0);
                format!("{} {}: {}", field.pointer, field.code, field.detail)
            }
            other => panic!("{json}: {other:?}"),
        }
    }

    #[test]
    fn errors_have_a_pointer_and_the_words_of_the_api() {
        for (json, error) in [
            (r#"{"muster:display": null}"#, "/muster:display invalid_type: Expected one of its values, as a text."),
            (r#"{"muster:display": 1}"#, "/muster:display invalid_type: Expected one of its values, as a text."),
            (r#"{"muster:display": "loud"}"#, "/muster:display unknown_value: Expected one of `hidden`, `full_name`."),
            (r#"{"capacity": "50"}"#, "/capacity invalid_type: Expected a whole number."),
            (r#"{"capacity": 1.5}"#, "/capacity invalid_type: Expected a whole number."),
            (r#"{"capacity": true}"#, "/capacity invalid_type: Expected a whole number."),
            (r#"{"party_size": 70000}"#, "/party_size out_of_range: This number is too small or too large."),
            (r#"{"share": "x"}"#, "/share invalid_type: Expected a number."),
            (r#"{"is_open": "true"}"#, "/is_open invalid_type: Expected true or false."),
            (r#"{"title": 7}"#, "/title invalid_type: Expected a text."),
            (r#"{"title": null}"#, "/title invalid_type: Expected a text."),
            (r#"{"title": {}}"#, "/title invalid_type: Expected a text."),
            (r#"{"people": {}}"#, "/people invalid_type: Expected a list."),
            (r#"{"people": ["a@example.org"]}"#, "/people/0 invalid_type: Expected an object."),
            (r#"{"people": [["a@example.org", true]]}"#, "/people/0 invalid_type: Expected an object."),
            (r#"{"people": [{"address": "a"}, {}]}"#, "/people/1/address required: This member is required."),
            (r#"{"people": [{"address": 1}]}"#, "/people/0/address invalid_type: Expected a text."),
            (r#"{"texts": []}"#, "/texts invalid_type: Expected an object."),
            (r#"{"texts": {"a/b": 1}}"#, "/texts/a~1b invalid_type: Expected a text."),
            (r#"{"at": 7}"#, "/at invalid_type: Expected a time such as 2027-05-01T18:00:00Z."),
            (r#"{"at": "soon"}"#, "/at invalid_value: This value is not understood."),
            (r#"{"day": []}"#, "/day invalid_type: Expected a date such as 2027-05-01."),
            (r#"{"image": 3}"#, "/image invalid_type: Expected a UUID."),
            (r#"{"pair": [1]}"#, "/pair out_of_range: This list is too short or too long."),
            (r#"{"pair": [1, 2, 3]}"#, "/pair out_of_range: This list is too short or too long."),
            (r#"{"title": "a", "title": "b"}"#, "/title invalid_value: This member stands twice."),
            (r#"{"texts": {"en": "a", "en": "b"}}"#, "/texts/en invalid_value: This member stands twice."),
            ("null", " invalid_type: Expected an object."),
            ("[]", " invalid_type: Expected an object."),
            ("", " invalid_json: The JSON breaks at line 1 column 0."),
            ("{", " invalid_json: The JSON breaks at line 1 column 1."),
            (r#"{"share": NaN}"#, " invalid_json: The JSON breaks at line 1 column 11."),
            ("{} x", " invalid_json: There is more after the JSON document, at line 1 column 4."),
        ] {
            assert_eq!(refused(json), error, "{json}");
        }
        let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(refused(&deep).contains("invalid_json"));
    }

    #[test]
    fn null_is_as_if_absent() {
        let json =
            br#"{"title": null, "people": [{"address": "a", "primary": null}], "texts": {"en": null, "fr": "b"}}"#;
        let marked = [b"\xEF\xBB\xBF", json.as_slice()].concat();
        assert_eq!(Members::of_json(&marked).unwrap().object, Members::of_json(json).unwrap().object);
        let mut members = Members::of_json(json).unwrap();
        members.drop_inner_nulls();
        assert!(members.object["title"].is_null() && members.object["texts"].as_object().unwrap().len() == 1);
        members.drop_nulls();
        let body: Body = convert(&members).unwrap();
        assert!(body.title.is_empty() && body.people.len() == 1);
    }

    #[test]
    fn form_is_converted_to_the_types_that_are_asked() {
        let form = b"party_size=3&is_open=on&share=0.5&title=12&people[0][address]=a@example.org&people[0][primary]=1\
                     &capacity=&muster%3Adisplay=full_name";
        let members = Members::of_form(form);
        let body: Body = convert(&members).unwrap();
        assert!(body.party_size == 3 && body.is_open && body.title == "12" && body.capacity.is_none());
        assert!(body.people[0].primary && body.people[0].address == "a@example.org");
        assert!(matches!(body.display, Display::FullName) && (body.share - 0.5).abs() < f64::EPSILON);
        let wrong = Members::of_form(b"party_size=many");
        let Err(Error::Fields(fields)) = convert::<Body>(&wrong) else { panic!() };
        assert_eq!((fields[0].pointer.as_str(), &*fields[0].detail), ("/party_size", "Expected a whole number."));
    }
}
