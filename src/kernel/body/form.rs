//! Bodies as HTML forms and the HTTP libraries of scripts encode them: `person[given_name]=Ana`,
//! `person[email_addresses][0][address]=…` or `[][address]`, `person.given_name=Ana`, `person={"given_name":"Ana"}`.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use url::form_urlencoded;

/// Maximum number of fields.
const MAX_FIELDS: usize = 500;
/// Maximum depth of a field's name.
const MAX_DEPTH: usize = 8;

/// Is this a form, whatever it is called? Some clients send one under the type of JSON.
pub(in crate::kernel) fn is_form(bytes: &[u8]) -> bool {
    let name = bytes.split(|b| *b == b'=').next().unwrap_or_default();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_:%[].-+".contains(b);
    name.len() < bytes.len()
        && name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && name.iter().all(is_name)
}

/// A form in UTF-8: one that is not is taken for Windows-1252, in which older pages and mail programs send theirs.
pub(in crate::kernel) fn as_utf8(form: &[u8]) -> Cow<'_, [u8]> {
    if percent_decode(form).decode_utf8().is_ok() {
        return Cow::Borrowed(form);
    }
    let mut text = Vec::with_capacity(form.len() * 2);
    let mut at = 0;
    while let Some(byte) = form.get(at) {
        let coded = form.get(at..at + 3).filter(|_| *byte == b'%').and_then(|coded| percent_decode(&coded[..3]).next());
        let high = [coded.unwrap_or(*byte)];
        if high.is_ascii() {
            text.push(*byte);
            at += 1;
        } else {
            text.extend_from_slice(WINDOWS_1252.decode_without_bom_handling(&high).0.as_bytes());
            at += if *byte == b'%' { 3 } else { 1 };
        }
    }
    Cow::Owned(text)
}

/// The tree of a form. Fields without a value are as if absent; of two of the same name the last one counts; what is
/// nested deeper or stands behind more fields than any form has is left out.
pub(super) fn parse_form(bytes: &[u8]) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in form_urlencoded::parse(&as_utf8(bytes)).take(MAX_FIELDS) {
        let path = path_of(&name);
        let is_named = path.first().is_some_and(|first| !first.is_empty());
        if value.is_empty() || !is_named || path.len() > MAX_DEPTH {
            continue;
        }
        insert(&mut root, &path, value_of(&value));
    }
    for value in root.values_mut() {
        make_lists(value);
    }
    root
}

/// The segments of a field's name; an empty one stands for the next entry of a list.
fn path_of(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[') else { return name.trim().split('.').collect() };
    let mut path: Vec<&str> = first.trim().split('.').collect();
    for segment in rest.split('[') {
        let (segment, after) = segment.split_once(']').unwrap_or((segment, ""));
        path.push(segment);
        path.extend(after.split('.').filter(|segment| !segment.is_empty()));
    }
    path
}

/// A field's value: a text, or the JSON object or list of objects that it is.
fn value_of(text: &str) -> Value {
    if !text.trim_start().starts_with(['{', '[']) {
        return text.into();
    }
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => object,
        Ok(Value::Array(items)) if !items.is_empty() && items.iter().all(Value::is_object) => items.into(),
        _ => text.into(),
    }
}

fn insert(into: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    let name = if first.is_empty() { into.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        into.insert(name, value);
        return;
    }
    let inner = into.entry(name).or_insert_with(|| Map::new().into());
    if !inner.is_object() {
        *inner = Map::new().into();
    }
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

/// Makes lists of what has numbers for names.
fn make_lists(value: &mut Value) {
    let Value::Object(members) = value else { return };
    members.values_mut().for_each(make_lists);
    let numbers: Option<Vec<usize>> = members.keys().map(|name| name.parse().ok()).collect();
    let Some(mut numbers) = numbers.filter(|numbers| !numbers.is_empty()) else { return };
    numbers.sort_unstable();
    let items = numbers.into_iter().filter_map(|number| members.remove(&number.to_string())).collect();
    *value = Value::Array(items);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_become_members() {
        for (form, tree) in [
            ("person[given_name]=Ana+Mar%C3%ADa", json!({"person": {"given_name": "Ana María"}})),
            ("person.given_name=Ana", json!({"person": {"given_name": "Ana"}})),
            (
                "person%5Bemail_addresses%5D%5B0%5D%5Baddress%5D=a%40example.org",
                json!({"person": {"email_addresses": [{"address": "a@example.org"}]}}),
            ),
            (
                "person[email_addresses][][address]=a@example.org&add_tags[]=x&add_tags[]=y",
                json!({"person": {"email_addresses": [{"address": "a@example.org"}]}, "add_tags": ["x", "y"]}),
            ),
            ("person.email_addresses[0].address=a", json!({"person": {"email_addresses": [{"address": "a"}]}})),
            ("a[10]=k&a[2]=b&a[0]=a", json!({"a": ["a", "b", "k"]})),
            (
                r#"person={"given_name":"Ana"}&comments=[sic]&more=[{"a":1}]"#,
                json!({"person": {"given_name": "Ana"}, "comments": "[sic]", "more": [{"a": 1}]}),
            ),
            ("muster%3Aparty_size=2&x=&x=1", json!({"muster:party_size": "2", "x": "1"})),
            (
                "_links[osdi:person][href]=https://m.example/a",
                json!({"_links": {"osdi:person": {"href": "https://m.example/a"}}}),
            ),
            ("a=1&a[b]=2", json!({"a": {"b": "2"}})),
            ("a[b][c][d][e][f][g][h][i]=too+deep&=x&&", json!({})),
        ] {
            assert_eq!(Value::Object(parse_form(form.as_bytes())), tree, "{form}");
        }
    }

    #[test]
    fn form_is_told_from_json() {
        for (body, told) in [
            ("title=New+title&description=x", true),
            ("person[given_name]=Ana", true),
            ("_links%5Bself%5D=x", true),
            ("{\"title\": \"a=b\"}", false),
            ("[\"a=b\"]", false),
            ("\"a=b\"", false),
            ("title", false),
            ("=x", false),
            ("", false),
            ("true", false),
        ] {
            assert_eq!(is_form(body.as_bytes()), told, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_form_is_read(form in "([a-c\\[\\].0-2]{0,12}=[{\\[\\]}\":a]{0,6}&){0,8}") {
            let _ = parse_form(form.as_bytes());
        }
    }
}
