//! A form as its template needs it: labels in the reader's language, values, choices, and each error beside its field.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    field::{Choices, Field, Group, Widget},
    typed::Typed,
};
use crate::kernel::{i18n, pages::language_name, text::LocaleTag};

/// A group of fields.
#[derive(Debug, Serialize)]
pub(super) struct GroupView {
    title: String,
    is_folded: bool,
    controls: Vec<Control>,
}

/// A field.
#[derive(Debug, Default, Serialize)]
pub(super) struct Control {
    /// The widget, as the template names it.
    kind: &'static str,
    id: String,
    name: String,
    label: String,
    hint: String,
    /// Language of the value; empty: the page's or none.
    lang: &'static str,
    value: String,
    options: Vec<Choice>,
    is_required: bool,
    /// Of a choice: may there be none?
    may_be_empty: bool,
    accept: &'static str,
    errors: Vec<String>,
    /// Rows of a list, each with its fields.
    rows: Vec<Vec<Control>>,
    /// The same text in several languages.
    columns: Vec<Control>,
}

/// A choice of a field.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Choice {
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

/// An error of the API.
#[derive(Debug, Default)]
pub(in crate::console) struct Refusal {
    /// JSON pointer; empty: the form as a whole.
    pub pointer: String,
    /// What to do about it, in the reader's language.
    pub message: String,
}

/// A line of the summary of errors.
#[derive(Debug, Serialize)]
pub(super) struct SummaryLine {
    /// Id of the field; empty: none.
    id: String,
    label: String,
    message: String,
}

/// What a form is shown with.
pub(super) struct View<'a> {
    pub locale: LocaleTag,
    pub typed: &'a Typed,
    /// Language of the texts that have no language in their pointer; none while it is still to be chosen.
    pub main_language: Option<LocaleTag>,
    /// Languages with a column of their own.
    pub languages: &'a [LocaleTag],
    /// What lists of choices hold: value and label.
    pub choices: &'a HashMap<Choices, Vec<(String, String)>>,
}

impl View<'_> {
    pub(super) fn group(&self, group: &Group, fields: &[Field]) -> GroupView {
        let controls: Vec<Control> = fields.iter().map(|field| self.control(field, "")).collect();
        let is_plain = controls.iter().all(|control| !control.is_filled());
        GroupView { title: self.text(group.title), is_folded: group.is_folded && is_plain, controls }
    }

    fn text(&self, key: &str) -> String {
        if key.is_empty() { String::new() } else { i18n::text(self.locale, key) }
    }

    fn control(&self, field: &Field, prefix: &str) -> Control {
        let name = format!("{prefix}{}", field.pointer);
        let mut control = Control {
            kind: kind(field.widget),
            id: id_of(&name),
            label: self.text(field.label),
            hint: self.text(field.hint),
            value: self.typed.get(&name).to_owned(),
            is_required: field.is_required,
            may_be_empty: !field.is_required && field.initial.is_empty(),
            name,
            ..Control::default()
        };
        match field.widget {
            Widget::Choice(choices) | Widget::Many(choices) => control.options = self.options(choices, &control.name),
            Widget::File(accept) => control.accept = accept,
            Widget::Confirm => {
                control.hint =
                    i18n::text_of(self.locale, field.hint, "word", i18n::text(self.locale, "form-confirm-word"));
            }
            Widget::Rows(inner) => {
                let rows = self.typed.rows(&control.name).max(1);
                let row = |number| {
                    let prefix = format!("{}/{number}", control.name);
                    inner.iter().map(|field| self.control(field, &prefix)).collect()
                };
                control.rows = (0..rows).map(row).collect();
            }
            _ => {}
        }
        if field.languages.is_empty() {
            return control;
        }
        let column = |locale: LocaleTag, name: String, is_required| Control {
            kind: control.kind,
            id: id_of(&name),
            label: format!("{} ({})", control.label, language_name(locale)),
            lang: locale.as_str(),
            value: self.typed.get(&name).to_owned(),
            is_required,
            name,
            ..Control::default()
        };
        let others =
            self.languages.iter().filter(|locale| field.pointer.is_empty() || Some(**locale) != self.main_language);
        let mut columns: Vec<Control> = others
            .map(|locale| {
                let is_only = field.pointer.is_empty() && self.languages.len() == 1;
                column(*locale, field.language_name(prefix, locale.as_str()), field.is_required && is_only)
            })
            .collect();
        if !field.pointer.is_empty() && columns.is_empty() {
            control.lang = self.main_language.map_or("", LocaleTag::as_str);
            return control;
        }
        if !field.pointer.is_empty() {
            let main = Control {
                name: control.name.clone(),
                id: control.id.clone(),
                value: control.value.clone(),
                ..Control::default()
            };
            let main = match self.main_language {
                Some(locale) => column(locale, control.name.clone(), field.is_required),
                None => {
                    Control { kind: control.kind, label: control.label.clone(), is_required: field.is_required, ..main }
                }
            };
            columns.insert(0, main);
        }
        Control { kind: "columns", columns, name: String::new(), id: String::new(), ..control }
    }

    fn options(&self, choices: Choices, name: &str) -> Vec<Choice> {
        let chosen = self.typed.all(name);
        let mut options: Vec<Choice> = self
            .choices
            .get(&choices)
            .into_iter()
            .flatten()
            .cloned()
            .map(|(value, label)| Choice { is_chosen: chosen.contains(&value), value, label })
            .collect();
        // what is chosen already stays, even where the list is longer than what was looked up
        for value in chosen.iter().filter(|value| !value.is_empty()) {
            if options.iter().all(|option| option.value != *value) {
                options.push(Choice { value: value.clone(), label: value.clone(), is_chosen: true });
            }
        }
        options
    }
}

impl Control {
    /// Was something filled in, or refused?
    fn is_filled(&self) -> bool {
        let inner = || self.rows.iter().flatten().chain(&self.columns);
        !self.errors.is_empty()
            || (!self.value.trim().is_empty() && !matches!(self.kind, "choice" | "flag"))
            || (self.kind == "many" && self.options.iter().any(|option| option.is_chosen))
            || inner().any(Self::is_filled)
    }

    fn each<'a>(&'a mut self, found: &mut Vec<&'a mut Self>) {
        if self.rows.is_empty() && self.columns.is_empty() {
            found.push(self);
        } else {
            for control in self.rows.iter_mut().flatten().chain(&mut self.columns) {
                control.each(found);
            }
        }
    }
}

/// Puts each error beside its field, and lists them in the order of the form. An error of a whole belongs to its first
/// field, one of a part to the field that holds it.
pub(super) fn place(groups: &mut [GroupView], refusals: Vec<Refusal>) -> Vec<SummaryLine> {
    let mut controls = Vec::new();
    for control in groups.iter_mut().flat_map(|group| &mut group.controls) {
        control.each(&mut controls);
    }
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut lines: Vec<(usize, SummaryLine)> = Vec::new();
    for refusal in refusals {
        let pointer = &*refusal.pointer;
        let names = || controls.iter().map(|control| &*control.name).enumerate().filter(|(_, name)| !name.is_empty());
        let at =
            names().filter(|(_, name)| !pointer.is_empty() && holds(name, pointer)).max_by_key(|(_, name)| name.len());
        let at = at.or_else(|| names().find(|(_, name)| !pointer.is_empty() && holds(pointer, name)));
        let at = at.map(|(number, _)| number);
        let line = match at {
            Some(number) => {
                let control = &mut *controls[number];
                control.errors.push(refusal.message.clone());
                SummaryLine { id: control.id.clone(), label: control.label.clone(), message: refusal.message }
            }
            None => SummaryLine { id: String::new(), label: String::new(), message: refusal.message },
        };
        lines.push((at.map_or(0, |number| number + 1), line));
    }
    lines.sort_by_key(|(number, _)| *number);
    for group in groups.iter_mut() {
        group.is_folded &= group.controls.iter().all(|control| !control.is_filled());
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn kind(widget: Widget) -> &'static str {
    match widget {
        Widget::Line | Widget::Word | Widget::Numbers | Widget::Confirm => "line",
        Widget::Text => "text",
        Widget::Lines | Widget::LinesOf(_) | Widget::Answers => "lines",
        Widget::Number => "number",
        Widget::Flag => "flag",
        Widget::Day => "day",
        Widget::Moment => "moment",
        Widget::Choice(_) => "choice",
        Widget::Many(_) => "many",
        Widget::Rows(_) => "rows",
        Widget::File(_) => "file",
    }
}

fn id_of(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("f{}", name.chars().map(plain).collect::<String>())
}

/// What a problem of the API says, in the reader's language: the texts `field-error-*` for fields, `error-*-detail`
/// for the whole, and `file-*` for files. The API's own sentence is more exact, but English.
pub(in crate::console) fn refusals(locale: LocaleTag, problem: &Value) -> Vec<Refusal> {
    let known = |key: String| Some(i18n::text(locale, &key)).filter(|text| *text != key);
    let detail = |of: &Value| of["detail"].as_str().filter(|_| locale == LocaleTag::En).map(ToOwned::to_owned);
    let code = |of: &Value| of["code"].as_str().unwrap_or_default().to_owned();
    let fields = problem["errors"].as_array().into_iter().flatten().map(|error| {
        let code = code(error);
        let file = known(code.replace('_', "-")).filter(|_| code.starts_with("file_"));
        let message = file.or_else(|| detail(error)).or_else(|| known(format!("field-error-{code}")));
        Refusal {
            pointer: error["pointer"].as_str().unwrap_or_default().to_owned(),
            message: message.unwrap_or_else(|| i18n::text(locale, "field-error-invalid_value")),
        }
    });
    let fields: Vec<Refusal> = fields.collect();
    if !fields.is_empty() {
        return fields;
    }
    let reason =
        problem["muster:reason"].as_str().and_then(|reason| known(format!("file-{}", reason.replace('_', "-"))));
    let message = reason.or_else(|| detail(problem)).or_else(|| known(format!("error-{}-detail", code(problem))));
    vec![Refusal {
        pointer: String::new(),
        message: message.unwrap_or_else(|| i18n::text(locale, "error-internal-detail")),
    }]
}
