//! Every template renders with a sample of its context, in every language, strict about undefined names.

use std::{collections::BTreeMap, fmt::Write as _};

use minijinja::{Value, context, value::Serde};
use muster::kernel::{i18n, pages::Pages, text::LocaleTag};
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

/// Each mail as its reader gets it, subject first, in all languages. After a wanted change: `INSTA_UPDATE=always`.
#[test]
fn every_mail_reads_as_it_was_approved() {
    let pages = Pages::new("https://muster.example.org");
    let mut seen = 0;
    for (name, sample) in samples().iter().filter(|(name, _)| name.starts_with("mail_")) {
        let (kind, extension) = sample.template.trim_start_matches("mail/").rsplit_once('.').unwrap();
        let is_neutral = sample.context["neutral"] == true;
        let mut all = String::new();
        for locale in LocaleTag::ALL {
            let key = format!("{kind}-subject{}", if is_neutral { "-neutral" } else { "" });
            let arguments = i18n::Arguments::from([
                ("title".into(), sample.context["action_title"].as_str().unwrap_or("").into()),
                ("organization".into(), sample.context["organization"].as_str().unwrap_or("").into()),
            ]);
            let page = context! { ..Value::from(Serde(&sample.context)), ..frame() };
            let body = pages.render(&sample.template, locale, page).unwrap();
            // what all formatted mails share would only be noise here
            let body = body.split_once("</style>").map_or(&*body, |(_, rest)| rest);
            // officials read the writer's own subject
            let subject =
                if kind == "letter_deliver" { String::new() } else { i18n::text_with(locale, &key, &arguments) };
            assert!(!is_neutral || !subject.contains("Status"), "{name}: a neutral subject names the action");
            writeln!(all, "== {} ==\nSubject: {subject}\n\n{}\n", locale.as_str(), body.trim()).unwrap();
        }
        insta::assert_snapshot!(format!("{}.{extension}", name.trim_end_matches(&format!(".{extension}"))), all);
        seen += 1;
    }
    assert!(seen >= 25, "{seen}");
}
