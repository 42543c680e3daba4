//! All forms of the console.

mod actions;
mod campaigns;
mod letters;
mod mail;
mod people;
mod petitions;
mod settings;

use super::{
    Form,
    field::{Choices, Listing},
};
use crate::organizers::Scope;

/// All forms.
pub(super) fn forms() -> impl Iterator<Item = &'static Form> {
    [actions::FORMS, campaigns::FORMS, letters::FORMS, mail::FORMS, people::FORMS, petitions::FORMS, settings::FORMS]
        .into_iter()
        .flatten()
}

/// What most forms have: they change actions, and stand alone.
const FORM: Form = Form {
    address: "",
    title: "",
    hint: "",
    button: "console-save",
    method: "POST",
    path: "",
    reads: "",
    picks: None,
    then: "",
    back: "",
    scope: Scope::ActionsWrite,
    sets: None,
    nullable: &[],
    removes: ("", ""),
    links: &[],
    tells: "",
    counts: None,
    groups: &[],
};

/// Time zones that are offered; others stay where they are chosen already.
pub(super) const ZONES: [&str; 18] = [
    "America/St_Johns",
    "America/Halifax",
    "America/Toronto",
    "America/Winnipeg",
    "America/Regina",
    "America/Edmonton",
    "America/Vancouver",
    "America/Whitehorse",
    "America/Iqaluit",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Mexico_City",
    "Europe/London",
    "Europe/Paris",
    "Asia/Kolkata",
    "UTC",
];

const CAMPAIGNS: Choices = Choices::Listed(Listing {
    path: "/api/v1/campaigns",
    rel: "osdi:campaigns",
    value: "/muster:slug",
    label: "/title",
});
const OFFICES: Choices =
    Choices::Listed(Listing { path: "/api/v1/offices", rel: "muster:offices", value: "/muster:slug", label: "/title" });
const LETTER_ACTIONS: Choices = Choices::Listed(Listing {
    path: "/api/v1/advocacy_campaigns",
    rel: "osdi:advocacy_campaigns",
    value: "/muster:slug",
    label: "/title",
});
const EVENTS: Choices =
    Choices::Listed(Listing { path: "/api/v1/events", rel: "osdi:events", value: "/muster:slug", label: "/title" });
const SOURCES: Choices =
    Choices::Listed(Listing { path: "/api/v1/sources", rel: "muster:sources", value: "/word", label: "/word" });
const PARTNERS: Choices = Choices::Listed(Listing {
    path: "/api/v1/partners",
    rel: "muster:partners",
    value: "/muster:slug",
    label: "/name",
});

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        console::forms::field::{Field, Widget},
        kernel::{i18n, text::LocaleTag},
    };

    fn keys(fields: &[Field], found: &mut Vec<String>) {
        for field in fields {
            found.extend([field.label, field.hint].map(ToOwned::to_owned));
            match field.widget {
                Widget::Rows(inner) => keys(inner, found),
                // without a prefix the values are shown as they are
                Widget::Choice(Choices::Fixed(prefix, values)) | Widget::Many(Choices::Fixed(prefix, values))
                    if !prefix.is_empty() =>
                {
                    found.extend(values.iter().map(|value| format!("{prefix}{value}")));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_text_of_a_form_exists() {
        let mut found = Vec::new();
        for form in forms() {
            found.extend([form.title, form.hint, form.button, form.removes.1].map(ToOwned::to_owned));
            found.extend(form.links.iter().map(|(_, key)| (*key).to_owned()));
            for group in form.groups {
                found.push(group.title.to_owned());
                keys(group.fields, &mut found);
            }
        }
        let text = |key: &str| i18n::text_of(LocaleTag::En, key, "word", String::new());
        let is_missing = |key: &&String| !key.is_empty() && text(key) == **key;
        let missing: HashSet<&String> = found.iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn addresses_and_fields_are_there_once() {
        let mut addresses = HashSet::new();
        for form in forms() {
            assert!(addresses.insert(form.address), "{} is there twice", form.address);
            let mut pointers = HashSet::new();
            for field in form.groups.iter().flat_map(|group| group.fields).filter(|field| !field.pointer.is_empty()) {
                assert!(pointers.insert(field.pointer), "{}: {} is there twice", form.address, field.pointer);
            }
        }
    }
}
