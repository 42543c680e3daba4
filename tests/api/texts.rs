//! Every text exists in every language, really translated, and every template renders in all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const LANGUAGES: [&str; 4] = ["en", "fr", "es", "pa"];

/// The messages of a language, as key to source text.
fn messages(language: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/texts").join(language);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let mut key = String::new();
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if line.starts_with(' ') {
                found.entry(key.clone()).and_modify(|text: &mut String| text.push_str(line.trim()));
            } else if let Some((name, text)) = line.split_once(" =") {
                name.clone_into(&mut key);
                assert!(
                    found.insert(key.clone(), text.trim().to_owned()).is_none(),
                    "{language}: `{key}` is there twice"
                );
            }
        }
    }
    assert!(found.len() > 300, "{language} has only {} texts", found.len());
    found
}

#[test]
fn every_language_has_every_text() {
    let english: BTreeSet<String> = messages("en").into_keys().collect();
    for language in &LANGUAGES[1..] {
        let theirs: BTreeSet<String> = messages(language).into_keys().collect();
        let (missing, stray): (Vec<_>, Vec<_>) =
            (english.difference(&theirs).collect(), theirs.difference(&english).collect());
        assert!(missing.is_empty() && stray.is_empty(), "{language}: missing {missing:?}, stray {stray:?}");
    }
}

#[test]
fn translations_differ_from_english() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/texts/allow-equal.txt");
    let allowed: BTreeSet<String> = fs::read_to_string(root).unwrap().lines().map(str::to_owned).collect();
    let english = messages("en");
    let mut equal = Vec::new();
    for language in &LANGUAGES[1..] {
        for (key, text) in messages(language) {
            if english.get(&key) == Some(&text) && !allowed.contains(&key) {
                equal.push(format!("{language}: {key} = {text}"));
            }
        }
    }
    assert!(equal.is_empty(), "{equal:#?}");
}
