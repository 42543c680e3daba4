//! What a form is made of, as data: fields, their widgets and choices.

use crate::organizers::Scope;

/// A part of a form with its own heading.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct Group {
    /// Key of its heading; empty: none.
    pub title: &'static str,
    /// Is it folded up while nothing in it was filled in or refused?
    pub is_folded: bool,
    /// Its fields, in order.
    pub fields: &'static [Field],
}

/// Fields that always stand open.
pub(super) const fn group(title: &'static str, fields: &'static [Field]) -> Group {
    Group { title, is_folded: false, fields }
}

/// Fields that few need.
pub(super) const fn folded(title: &'static str, fields: &'static [Field]) -> Group {
    Group { title, is_folded: true, fields }
}

/// A field of a form.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct Field {
    /// JSON pointer of the member in the API's body (within the row, in [`Widget::Rows`]); `?name`: a query parameter;
    /// `#name`: for the console alone; empty: the field has only texts by language.
    pub pointer: &'static str,
    /// Key of the label.
    pub label: &'static str,
    /// Key of the hint; empty: none.
    pub hint: &'static str,
    /// How it is filled in.
    pub widget: Widget,
    /// Must it be filled in?
    pub is_required: bool,
    /// Value in a new form; empty: none.
    pub initial: &'static str,
    /// In which forms it stands.
    pub shown: Shown,
    /// The scope that the member needs beside the form's.
    pub needs: Option<Scope>,
    /// Where the texts in other languages stand, as `/muster:texts/*/title`: a pointer with `*` for the language.
    pub languages: &'static str,
}

/// In which forms a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) enum Shown {
    /// In all.
    Always,
    /// Only where the resource is created: it cannot be changed.
    New,
    /// Only where it is changed.
    Edit,
    /// Only where it is changed, and not of a protected action.
    EditStandard,
}

/// How a field is filled in, and what becomes of it in the request.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) enum Widget {
    /// One line of text.
    Line,
    /// One line of text; null when empty.
    Word,
    /// Several lines of text.
    Text,
    /// One entry on each line: an array of texts.
    Lines,
    /// One entry on each line: an array of objects with this one member.
    LinesOf(&'static str),
    /// `value = label | fr = label` on each line: an array of choices with `value`, `label`, `labels`.
    Answers,
    /// A number; null when empty.
    Number,
    /// Numbers, separated by commas or spaces.
    Numbers,
    /// A box to tick.
    Flag,
    /// A day; null when empty.
    Day,
    /// A day and time in the form's time zone; null when empty.
    Moment,
    /// One of several; null when empty.
    Choice(Choices),
    /// Any of several: an array of texts.
    Many(Choices),
    /// A list of objects, each with these fields; empty ones are dropped.
    Rows(&'static [Field]),
    /// A file of these types, which becomes the request's body.
    File(&'static str),
    /// The word that confirms an act which cannot be undone, in the reader's language.
    Confirm,
}

/// What a field offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::console) enum Choices {
    /// These values; the texts' keys begin with the prefix.
    Fixed(&'static str, &'static [&'static str]),
    /// The entries of a list of the API.
    Listed(Listing),
    /// The actions that are not protected: id and title.
    Actions,
    /// The same with the path of their page.
    ActionPages,
    /// The columns of an imported file.
    Columns,
    /// The languages of texts.
    Languages,
    /// Time zones.
    Zones,
}

/// Where choices are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::console) struct Listing {
    /// Path of the list.
    pub path: &'static str,
    /// Its member in `_embedded`.
    pub rel: &'static str,
    /// Pointer of the value.
    pub value: &'static str,
    /// Pointer of the label.
    pub label: &'static str,
}

/// A field that need not be filled in.
pub(super) const fn field(pointer: &'static str, label: &'static str, widget: Widget) -> Field {
    Field {
        pointer,
        label,
        hint: "",
        widget,
        is_required: false,
        initial: "",
        shown: Shown::Always,
        needs: None,
        languages: "",
    }
}

impl Field {
    pub(super) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub(super) const fn hint(mut self, key: &'static str) -> Self {
        self.hint = key;
        self
    }

    pub(super) const fn initial(mut self, value: &'static str) -> Self {
        self.initial = value;
        self
    }

    pub(super) const fn shown(mut self, shown: Shown) -> Self {
        self.shown = shown;
        self
    }

    pub(super) const fn needs(mut self, scope: Scope) -> Self {
        self.needs = Some(scope);
        self
    }

    pub(super) const fn in_languages(mut self, pointer: &'static str) -> Self {
        self.languages = pointer;
        self
    }

    /// Name of the text in a language; `prefix` is the name of the row.
    pub(super) fn language_name(&self, prefix: &str, language: &str) -> String {
        format!("{prefix}{}", self.languages.replacen('*', language, 1))
    }
}
