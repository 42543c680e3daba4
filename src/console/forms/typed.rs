//! What stands in a form's fields as text, and its way into a request's body and back. A field's name is the JSON
//! pointer of its member, so that an error of the API finds its field.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDateTime, TimeZone};
use serde_json::{Map, Value};

use super::field::{Field, Widget};
use crate::kernel::{text::LocaleTag, zones::Zone};

/// The values of a form by the names of their fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed(BTreeMap<String, Vec<String>>);

impl Typed {
    /// As a browser sent them.
    pub(super) fn of(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, value) in fields {
            typed.0.entry(name).or_default().push(value.replace("\r\n", "\n"));
        }
        typed
    }

    /// The value of a field; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.all(name).first().map_or("", String::as_str)
    }

    /// All values of a field.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Is the field there, empty or not?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn set(&mut self, name: &str, values: Vec<String>) {
        self.0.insert(name.to_owned(), values);
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)?.pop()
    }

    /// The numbers of the rows of a list that are there.
    fn row_numbers(&self, name: &str) -> BTreeSet<usize> {
        let start = format!("{name}/");
        let rest = self.0.keys().filter_map(|key| key.strip_prefix(&*start));
        rest.filter_map(|rest| rest.split('/').next()?.parse().ok()).collect()
    }

    /// How many rows of a list are there.
    pub(super) fn rows(&self, name: &str) -> usize {
        self.row_numbers(name).last().map_or(0, |last| last + 1)
    }

    /// Drops the rows in which nothing was written, and numbers the others without gaps, as the API will.
    pub(super) fn drop_empty_rows(&mut self, fields: &[Field]) {
        for field in fields {
            let Widget::Rows(inner) = field.widget else { continue };
            let mut kept = 0;
            for number in self.row_numbers(field.pointer) {
                let (old, new) = (format!("{}/{number}/", field.pointer), format!("{}/{kept}/", field.pointer));
                let names: Vec<String> = self.0.keys().filter(|name| name.starts_with(&old)).cloned().collect();
                let is_written = self.is_written(inner, old.trim_end_matches('/'));
                for name in names {
                    let values = self.0.remove(&name).unwrap_or_default();
                    if is_written {
                        self.0.insert(format!("{new}{}", &name[old.len()..]), values);
                    }
                }
                kept += usize::from(is_written);
            }
        }
    }

    /// Was anything written into these fields? What is chosen says nothing: a list always has a choice.
    fn is_written(&self, fields: &[Field], prefix: &str) -> bool {
        fields.iter().filter(|field| !matches!(field.widget, Widget::Choice(_) | Widget::Flag)).any(|field| {
            let mut names = vec![format!("{prefix}{}", field.pointer)];
            names.extend(LocaleTag::ALL.map(|locale| field.language_name(prefix, locale.as_str())));
            names.iter().any(|name| !self.get(name).trim().is_empty())
        })
    }

    /// The languages that fields have columns for, beside the main one.
    pub(super) fn languages(&self, fields: &[Field]) -> Vec<LocaleTag> {
        let is_there = |locale: &LocaleTag| {
            let mut translated = fields.iter().filter(|field| !field.languages.is_empty());
            translated.any(|field| self.has(&field.language_name("", locale.as_str())))
        };
        LocaleTag::ALL.into_iter().filter(is_there).collect()
    }
}

/// Fills fields from what the API answered.
pub(super) fn fill(typed: &mut Typed, fields: &[Field], document: &Value, prefix: &str, zone: Zone) {
    for field in fields {
        let name = format!("{prefix}{}", field.pointer);
        let value = document.pointer(field.pointer).filter(|value| !value.is_null() && field.pointer.starts_with('/'));
        match (field.widget, value) {
            (Widget::Rows(inner), Some(Value::Array(rows))) => {
                for (number, row) in rows.iter().enumerate() {
                    fill(typed, inner, row, &format!("{name}/{number}"), zone);
                }
            }
            (widget, Some(value)) => typed.set(&name, texts(widget, value, zone)),
            _ => {}
        }
        for locale in LocaleTag::ALL {
            let root = field.languages.split("/*").next().unwrap_or_default();
            let is_there = !field.languages.is_empty()
                && document.pointer(root).is_some_and(|all| all.get(locale.as_str()).is_some());
            if is_there {
                let text = document.pointer(&field.language_name("", locale.as_str())).and_then(Value::as_str);
                typed.set(&field.language_name(prefix, locale.as_str()), vec![text.unwrap_or_default().to_owned()]);
            }
        }
    }
}

/// A member's value as a field shows it.
fn texts(widget: Widget, value: &Value, zone: Zone) -> Vec<String> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let each = |values: &Value, text: &dyn Fn(&Value) -> String| -> Vec<String> {
        values.as_array().into_iter().flatten().map(text).collect()
    };
    match widget {
        Widget::Many(_) => each(value, &plain),
        Widget::Lines => vec![each(value, &plain).join("\n")],
        Widget::LinesOf(member) => vec![each(value, &|entry| plain(&entry[member])).join("\n")],
        Widget::Numbers => vec![each(value, &plain).join(", ")],
        Widget::Answers => vec![each(value, &answer_line).join("\n")],
        Widget::Moment => {
            let at = value.as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
            vec![at.map_or_else(|| plain(value), |at| at.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string())]
        }
        _ => vec![plain(value)],
    }
}

fn answer_line(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut line = format!("{} = {}", text(&answer["value"]), text(&answer["label"]));
    for (language, label) in answer["labels"].as_object().into_iter().flatten() {
        line.extend([" | ", language, " = ", &text(label)]);
    }
    line
}

/// The members of a request's body. Those of `nullable` are null when all that they have is empty. `shown` is the document that the
/// fields were filled from, null for none: a moment that still reads the same is the same to the second.
pub(super) fn body(fields: &[Field], typed: &Typed, nullable: &[&str], zone: Zone, shown: &Value) -> Value {
    let mut body = members(fields, typed, "", zone, shown);
    for pointer in nullable {
        if let Some(member) = body.pointer_mut(pointer).filter(|member| is_empty(member)) {
            *member = Value::Null;
        }
    }
    body
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

fn members(fields: &[Field], typed: &Typed, prefix: &str, zone: Zone, shown: &Value) -> Value {
    let mut body = Value::Object(Map::new());
    let mut languages: BTreeMap<(&str, LocaleTag), Vec<(String, String)>> = BTreeMap::new();
    for field in fields {
        if field.pointer.starts_with('/') {
            let shown = shown.pointer(field.pointer).unwrap_or(&Value::Null);
            let value = value(field, typed, &format!("{prefix}{}", field.pointer), zone, shown);
            put(&mut body, field.pointer, value);
        }
        if let Some((root, member)) = field.languages.split_once("/*") {
            put(&mut body, root, Value::Object(Map::new()));
            for locale in LocaleTag::ALL {
                let name = field.language_name(prefix, locale.as_str());
                if typed.has(&name) {
                    let pointer = format!("{root}/{}{member}", locale.as_str());
                    languages.entry((root, locale)).or_default().push((pointer, typed.get(&name).to_owned()));
                }
            }
        }
    }
    // a language in which nothing is written is none
    for texts in languages.into_values().filter(|texts| texts.iter().any(|(_, text)| !text.trim().is_empty())) {
        for (pointer, text) in texts {
            put(&mut body, &pointer, text.into());
        }
    }
    body
}

/// The value of a member.
fn value(field: &Field, typed: &Typed, name: &str, zone: Zone, shown: &Value) -> Value {
    let text = typed.get(name).trim();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let or_null = |value: Value| if text.is_empty() { Value::Null } else { value };
    match field.widget {
        Widget::Line | Widget::Text | Widget::Confirm | Widget::File(_) => typed.get(name).into(),
        Widget::Word | Widget::Day | Widget::Choice(_) => or_null(text.into()),
        Widget::Number => or_null(number(text)),
        Widget::Numbers => {
            let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
            Value::Array(parts.map(number).collect())
        }
        Widget::Flag => Value::Bool(text == "true"),
        Widget::Moment if texts(field.widget, shown, zone) == [text] => shown.clone(),
        Widget::Moment => or_null(moment(text, zone)),
        Widget::Lines => lines().collect::<Vec<_>>().into(),
        Widget::LinesOf(member) => {
            lines().map(|line| Value::Object(Map::from_iter([(member.to_owned(), line.into())]))).collect()
        }
        Widget::Answers => lines().map(answer).collect(),
        Widget::Many(_) => typed.all(name).iter().filter(|value| !value.is_empty()).cloned().collect(),
        Widget::Rows(inner) => {
            let rows = (0..typed.rows(name)).map(|row| {
                let shown = shown.get(row).unwrap_or(&Value::Null);
                members(inner, typed, &format!("{name}/{row}"), zone, shown)
            });
            rows.collect()
        }
    }
}

/// A number, or else the text as it is, which the API then refuses at its pointer.
fn number(text: &str) -> Value {
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| text.parse::<f64>().ok().map(Value::from)).unwrap_or_else(|| text.into())
}

/// A moment in UTC. Of an hour that occurs twice it is the first; a time that a clock change leaves out stays as it
/// is, and the API refuses it.
fn moment(text: &str, zone: Zone) -> Value {
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let local = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let at = local.and_then(|local| zone.from_local_datetime(&local).earliest());
    at.map_or_else(|| text.into(), |at| at.to_utc().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into())
}

fn answer(line: &str) -> Value {
    let mut parts = line.split('|').map(|part| part.split_once('=').unwrap_or((part, part)));
    let mut answer = Map::new();
    let (value, label) = parts.next().unwrap_or_default();
    answer.insert("value".to_owned(), value.trim().into());
    answer.insert("label".to_owned(), label.trim().into());
    let labels: Map<String, Value> =
        parts.map(|(language, label)| (language.trim().to_owned(), label.trim().into())).collect();
    answer.insert("labels".to_owned(), Value::Object(labels));
    Value::Object(answer)
}

/// Sets the value at a pointer, creating objects on the way, and an array where the next part is `0`.
fn put(at: &mut Value, pointer: &str, value: Value) {
    let Some(rest) = pointer.strip_prefix('/') else {
        *at = value;
        return;
    };
    let (name, rest) = rest.find('/').map_or((rest, ""), |end| rest.split_at(end));
    if name == "0" {
        if !at.is_array() {
            *at = Value::Array(vec![Value::Null]);
        }
        return put(&mut at[0], rest, value);
    }
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    // what several fields share is kept
    if !(rest.is_empty() && value.as_object().is_some_and(Map::is_empty) && at[name].is_object()) {
        put(&mut at[name], rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::field::{Choices, field},
        *,
    };

    const ROW: &[Field] = &[
        field("/key", "", Widget::Line),
        field("/kind", "", Widget::Choice(Choices::Languages)),
        field("/label", "", Widget::Line).in_languages("/labels/*"),
        field("/choices", "", Widget::Answers),
    ];
    const FIELDS: &[Field] = &[
        field("/title", "", Widget::Line).in_languages("/muster:texts/*/title"),
        field("/muster:summary", "", Widget::Text).in_languages("/muster:texts/*/summary"),
        field("/muster:goal", "", Widget::Number),
        field("/muster:milestones", "", Widget::Numbers),
        field("/muster:opens_at", "", Widget::Moment),
        field("/muster:demands", "", Widget::Lines),
        field("/target", "", Widget::LinesOf("name")),
        field("/muster:raises_goal", "", Widget::Flag),
        field("/holder/family_name", "", Widget::Line),
        field("/addresses/0/city", "", Widget::Line),
        field("/addresses/0/code", "", Widget::Line),
        field("/muster:questions", "", Widget::Rows(ROW)),
    ];

    fn toronto() -> Zone {
        "America/Toronto".parse().unwrap()
    }

    #[test]
    fn what_the_api_answers_comes_back_as_it_was() {
        let document = json!({
            "title": "Status", "muster:summary": "", "muster:goal": 500, "muster:milestones": [10, 20],
            "muster:opens_at": "2026-12-01T13:00:00Z", "muster:demands": ["One", "Two"], "target": [{"name": "The Minister"}],
            "muster:raises_goal": true, "holder": {"family_name": "Singh"}, "addresses": [{"city": "Laval", "code": "H7A"}],
            "muster:texts": {"fr": {"title": "Statut", "summary": ""}},
            "muster:questions": [{"key": "union", "kind": "fr", "label": "Union?", "labels": {"fr": "Syndicat?"},
                "choices": [{"value": "a", "label": "A", "labels": {"fr": "Â"}}]}],
        });
        let mut typed = Typed::default();
        fill(&mut typed, FIELDS, &document, "", toronto());
        assert_eq!(typed.get("/muster:opens_at"), "2026-12-01T08:00");
        assert_eq!(typed.get("/muster:questions/0/choices"), "a = A | fr = Â");
        assert_eq!(typed.languages(FIELDS), [LocaleTag::Fr]);
        assert_eq!(body(FIELDS, &typed, &[], toronto(), &Value::Null), document);
    }

    #[test]
    fn what_is_cleared_is_null_and_what_is_no_number_is_sent_as_it_is() {
        let typed = Typed::of(
            [
                ("/title", "  T "),
                ("/muster:goal", ""),
                ("/muster:opens_at", " "),
                ("/muster:milestones", "10, many"),
                ("/muster:demands", "One\r\n\r\nTwo "),
                ("/holder/family_name", ""),
                ("/muster:texts/es/title", ""),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let sent = body(FIELDS, &typed, &["/holder"], toronto(), &Value::Null);
        assert_eq!(sent["title"], "  T ");
        assert_eq!(
            (&sent["muster:goal"], &sent["muster:opens_at"], &sent["holder"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(sent["muster:milestones"], json!([10, "many"]));
        assert_eq!(sent["muster:demands"], json!(["One", "Two"]));
        assert_eq!(sent["muster:texts"], json!({}), "a language without texts");
        assert_eq!(sent["muster:raises_goal"], false);
        assert_eq!(sent["muster:questions"], json!([]));
    }

    #[test]
    fn times_that_a_clock_change_leaves_out_or_repeats() {
        assert_eq!(moment("2027-03-14T02:30", toronto()), "2027-03-14T02:30");
        assert_eq!(moment("2027-11-07T01:30", toronto()), "2027-11-07T05:30:00Z");
    }

    #[test]
    fn moment_that_was_not_edited_stays_as_it_is() {
        // the second 01:30 of that night, and seconds, which the field does not show
        for at in ["2027-11-07T06:30:00Z", "2027-05-01T22:00:30Z"] {
            let document = json!({"muster:opens_at": at});
            let mut typed = Typed::default();
            fill(&mut typed, FIELDS, &document, "", toronto());
            assert_eq!(body(FIELDS, &typed, &[], toronto(), &document)["muster:opens_at"], at);
            typed.set("/muster:opens_at", vec!["2027-05-02T18:00".to_owned()]);
            let sent = body(FIELDS, &typed, &[], toronto(), &document);
            assert_eq!(sent["muster:opens_at"], "2027-05-02T22:00:00Z");
        }
    }

    #[test]
    fn empty_rows_are_dropped_and_the_others_numbered_anew() {
        let mut typed = Typed::of(
            [
                ("/muster:questions/0/key", ""),
                ("/muster:questions/0/kind", "fr"),
                ("/muster:questions/2/key", "b"),
                ("/muster:questions/2/kind", "en"),
                ("/muster:questions/10/label", "Last"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        typed.drop_empty_rows(FIELDS);
        assert_eq!(typed.rows("/muster:questions"), 2);
        assert_eq!((typed.get("/muster:questions/0/key"), typed.get("/muster:questions/0/kind")), ("b", "en"));
        assert_eq!(typed.get("/muster:questions/1/label"), "Last");
    }
}
