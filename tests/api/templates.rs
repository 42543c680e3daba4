//! Every template renders with a sample of its context, in every language, strict about undefined names.

use std::collections::BTreeMap;

use minijinja::{Value, context, value::Serde};
use muster::kernel::{pages::Pages, text::LocaleTag};
use serde::Deserialize;

#[derive(Deserialize)]
struct Sample {
    template: String,
    context: serde_json::Value,
}

fn samples() -> BTreeMap<String, Sample> {
    serde_json::from_str(include_str!("samples.json")).unwrap()
}

/// What every page gets beside its own context.
fn frame() -> Value {
    let languages = serde_json::json!([{"code": "en", "name": "English", "href": "?lang=en", "current": true}]);
    context! { languages => Serde(languages), canonical => "https://muster.example.org/", unconfirmed => false }
}

#[test]
fn every_template_renders_in_every_language() {
    let pages = Pages::new("https://muster.example.org");
    let samples = samples();
    for (name, sample) in &samples {
        for locale in LocaleTag::ALL {
            let page = context! { ..Value::from(Serde(&sample.context)), ..frame() };
            pages
                .render(&sample.template, locale, page)
                .unwrap_or_else(|e| panic!("{name} in {}: {e}", locale.as_str()));
        }
    }
    let covered: Vec<&str> = samples.values().map(|s| s.template.as_str()).collect();
    let missing: Vec<String> = pages
        .names()
        .into_iter()
        .filter(|name| !name.contains("/_") && !name.contains("/layout.") && !covered.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "no sample for {missing:?}");
}

#[test]
fn a_confirmation_mail_has_its_link_first_and_nothing_that_was_typed() {
    let pages = Pages::new("https://muster.example.org");
    for (name, sample) in samples().iter().filter(|(_, s)| s.template.contains("_confirm.")) {
        let page = context! { ..Value::from(Serde(&sample.context)), ..frame() };
        let text = pages.render(&sample.template, LocaleTag::En, page).unwrap();
        let confirm = sample.context["confirm_url"].as_str().unwrap();
        let first = text.find("http").unwrap();
        assert!(text[first..].starts_with(confirm), "{name}: another link stands before the confirmation");
    }
}
