//! Converts a JSON tree to a type, as `serde_json` does, but for three things: an array is no object, faults are
//! described in the words of the API, and the texts of a form are read as the number or truth value that is asked for.

use std::{fmt::Display, slice};

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, map};

use super::Fault;
use crate::kernel::text::TextError;

/// A value of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    value: Tree<'a>,
    is_form: bool,
}

#[derive(Clone, Copy, Debug)]
enum Tree<'a> {
    Object(&'a Map<String, Value>),
    Other(&'a Value),
}

impl<'a> Node<'a> {
    pub(super) fn of(object: &'a Map<String, Value>, is_form: bool) -> Self {
        Self { value: Tree::Object(object), is_form }
    }

    fn child(&self, value: &'a Value) -> Self {
        let value = match value {
            Value::Object(object) => Tree::Object(object),
            other => Tree::Other(other),
        };
        Self { value, is_form: self.is_form }
    }

    fn unexpected(&self) -> Unexpected<'a> {
        match self.value {
            Tree::Object(_) => Unexpected::Map,
            Tree::Other(Value::Array(_)) => Unexpected::Seq,
            Tree::Other(Value::String(text)) => Unexpected::Str(text),
            Tree::Other(Value::Bool(truth)) => Unexpected::Bool(*truth),
            Tree::Other(_) => Unexpected::Unit,
        }
    }

    /// The text of a form's field.
    fn typed(&self) -> Option<&'a str> {
        match self.value {
            Tree::Other(Value::String(text)) if self.is_form => Some(text.trim()),
            _ => None,
        }
    }
}

/// A number in a form is what its text says.
macro_rules! number {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.typed().and_then(|text| text.parse::<$type>().ok()) {
                Some(number) => visitor.$visit(number),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    number!(
        deserialize_i8 visit_i64 i64, deserialize_i16 visit_i64 i64, deserialize_i32 visit_i64 i64,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u64 u64, deserialize_u16 visit_u64 u64,
        deserialize_u32 visit_u64 u64, deserialize_u64 visit_u64 u64, deserialize_f32 visit_f64 f64,
        deserialize_f64 visit_f64 f64
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Tree::Object(object) => visitor.visit_map(Entries { node: self, left: object.iter(), value: None }),
            Tree::Other(Value::Array(items)) => {
                let mut items = Items { node: self, left: items.iter() };
                let list = visitor.visit_seq(&mut items)?;
                if items.left.len() == 0 { Ok(list) } else { Err(Fault::invalid_length(0, &"fewer")) }
            }
            Tree::Other(Value::String(text)) => visitor.visit_borrowed_str(text),
            Tree::Other(Value::Bool(truth)) => visitor.visit_bool(*truth),
            Tree::Other(Value::Number(number)) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => visitor.visit_unit(),
            },
            Tree::Other(_) => visitor.visit_unit(),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.typed().map(str::to_ascii_lowercase).as_deref() {
            Some("1" | "on" | "true" | "yes") => visitor.visit_bool(true),
            Some("0" | "off" | "false" | "no") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Tree::Other(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// serde would take an array for a struct, member by member.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Tree::Object(_) => self.deserialize_any(visitor),
            Tree::Other(_) => Err(Fault::invalid_type(self.unexpected(), &"a map")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Tree::Other(Value::String(text)) => {
                let variant: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            Tree::Object(object) => object.deserialize_enum(name, variants, visitor).map_err(Fault::custom),
            Tree::Other(_) => Err(Fault::invalid_type(self.unexpected(), &"variant identifier")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Items<'a> {
    node: Node<'a>,
    left: slice::Iter<'a, Value>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.left.next().map(|item| seed.deserialize(self.node.child(item))).transpose()
    }
}

struct Entries<'a> {
    node: Node<'a>,
    left: map::Iter<'a>,
    value: Option<&'a Value>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(value);
        let name: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let value = self.value.take().unwrap_or(&Value::Null);
        seed.deserialize(self.node.child(value))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        match TextError::from_serde(&message.to_string()) {
            Some(text) => Self { code: text.code, detail: text.detail, missing: None },
            None => Self::new("invalid_value", "This value is not understood."),
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("invalid_type", format!("Expected {}.", in_words(&expected.to_string())))
    }

    fn invalid_value(unexpected: Unexpected<'_>, _: &dyn Expected) -> Self {
        match unexpected {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_) => {
                Self::new("out_of_range", "This number is too small or too large.")
            }
            _ => Self::new("invalid_value", "This value is not understood."),
        }
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::new("out_of_range", "This list is too short or too long.")
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new("unknown_value", format!("Expected one of `{}`.", expected.join("`, `")))
    }

    fn missing_field(member: &'static str) -> Self {
        Self { missing: Some(member), ..Self::new("required", "This member is required.") }
    }
}

impl Fault {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), missing: None }
    }
}

/// What serde and the libraries call a type, in the words of the API.
fn in_words(expected: &str) -> &'static str {
    let is = |part: &str| expected.contains(part);
    match expected {
        "a boolean" => "true or false",
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "variant identifier" => "one of its values, as a text",
        _ if is("UUID") => "a UUID",
        _ if is("date and time") || is("RFC 3339") => "a time such as 2027-05-01T18:00:00Z",
        _ if is("date") => "a date such as 2027-05-01",
        _ if expected.starts_with("enum ") => "one of its values, as a text",
        _ if is("sequence") || is("array") || is("tuple") => "a list",
        _ if is("map") || is("struct ") => "an object",
        _ if is("str") => "a text",
        _ => "another value",
    }
}
