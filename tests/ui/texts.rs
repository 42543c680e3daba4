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
            if line.starts_with([' ', '}']) {
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
    let is_needed = |key: &&String| LANGUAGES[1..].iter().any(|l| messages(l).get(*key) == english.get(*key));
    let stale: Vec<&String> = allowed.iter().filter(|key| !is_needed(key)).collect();
    assert!(stale.is_empty(), "no longer equal in any language: {stale:?}");
}

#[test]
fn a_text_uses_the_same_arguments_in_every_language() {
    let arguments = |text: &str| -> BTreeSet<String> {
        text.split('$').skip(1).map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
    };
    // how a time is written is each language's own
    let is_free = |key: &str| ["time-of-day", "zone-name"].contains(&key);
    let english = messages("en");
    for language in &LANGUAGES[1..] {
        for (key, text) in messages(language).iter().filter(|(key, _)| !is_free(key)) {
            assert_eq!(arguments(text), arguments(&english[key]), "{language}: {key}");
        }
    }
}

/// Canadian French (Office québécois de la langue française): a no-break space before a colon and inside guillemets, none
/// before other double punctuation, curly apostrophes.
#[test]
fn french_is_set_as_in_canada() {
    for (key, text) in messages("fr") {
        for wrong in [" :", "\u{202f}:", "« ", " »", " ?", " !", " ;", "\u{a0}?", "\u{a0}!", "\u{a0};", "'", "\""] {
            assert!(!text.contains(wrong), "{key}: {wrong:?} in {text:?}");
        }
        let bare = |at: usize| text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '}');
        let followed = |at: usize| text[at + 1..].chars().next().is_none_or(char::is_whitespace);
        for (at, _) in text.match_indices(':') {
            assert!(!(bare(at) && followed(at)), "{key}: no space before the colon of {text:?}");
        }
    }
}

/// What people read says nothing in the language of machines: no commands, no times as they are stored.
#[test]
fn public_texts_have_no_commands_and_no_machine_times() {
    for language in LANGUAGES {
        for (key, text) in messages(language).iter().filter(|(key, _)| !key.starts_with("console-")) {
            for machine in ["UTC", "wc -l", "sha256sum", "JSON", "HTTP"] {
                assert!(!text.contains(machine), "{language}: {key}: {text}");
            }
        }
    }
}

/// Keys that a file asks for by name: `t("key"` in templates, `text(locale, "key"` and the like in Rust.
fn asked_for(source: &str, calls: &[&str]) -> Vec<String> {
    let mut keys = Vec::new();
    for call in calls {
        for (at, _) in source.match_indices(call) {
            let rest = &source[at + call.len()..];
            let key: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
            // a key that goes on (`"state-" ~ state`) is made at run time
            if !key.is_empty() && !key.ends_with('-') && rest[key.len()..].starts_with('"') {
                keys.push(key);
            }
        }
    }
    keys
}

/// Beginning and end of the keys that a file makes at run time: `text(locale, &format!("state-{state}"))` in Rust,
/// `t("state-" ~ state)` in templates.
fn made(source: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if extension == "rs" {
        for (at, quoted) in source.match_indices("&format!(\"") {
            let before = source[..at].trim_end();
            let is_text = before.ends_with(',')
                && before.rfind(['(', ';', '{']).is_some_and(|open| {
                    ["text", "text_of", "text_with"].iter().any(|call| before[..open].ends_with(call))
                });
            let pattern = source[at + quoted.len()..].split('"').next().unwrap_or_default();
            if is_text && pattern.starts_with(|c: char| c.is_ascii_lowercase()) {
                let (begin, end) = (pattern.split('{').next(), pattern.rsplit('}').next());
                found.push((begin.unwrap_or_default().to_owned(), end.unwrap_or_default().to_owned()));
            }
        }
    } else {
        for (at, quoted) in source.match_indices("t(\"") {
            let is_call = !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let (begin, rest) = source[at + quoted.len()..].split_once('"').unwrap_or_default();
            let Some(rest) = rest.trim_start().strip_prefix('~').filter(|_| is_call) else { continue };
            // `"a-" ~ b ~ "-c"`, and no other argument
            let argument = rest.split([',', ')']).next().unwrap_or_default().trim_end();
            let end = argument.strip_suffix('"').and_then(|more| more.rsplit_once('"')).map_or("", |(_, end)| end);
            found.push((begin.to_owned(), end.to_owned()));
        }
    }
    found
}

fn files(folder: &Path, extension: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_text_that_is_asked_for_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let english = messages("en");
    let mut missing = Vec::new();
    let (mut asked, mut asked_by_parts) = (0, 0);
    for (folder, extension, calls) in [
        ("templates", "html", &["t(\"", "t('"][..]),
        ("templates", "txt", &["t(\""][..]),
        ("src", "rs", &["text(locale, \"", "text(c.locale, \"", "text(visitor.locale, \""][..]),
    ] {
        let mut sources = Vec::new();
        files(&root.join(folder), extension, &mut sources);
        for (file, source) in sources {
            for (begin, end) in made(&source, extension) {
                asked_by_parts += 1;
                if !english.keys().any(|key| key.starts_with(&begin) && key.ends_with(&end)) {
                    missing.push(format!("{file}: {begin}…{end}"));
                }
            }
            for key in asked_for(&source, calls) {
                asked += 1;
                if !english.contains_key(&key) {
                    missing.push(format!("{file}: {key}"));
                }
            }
        }
    }
    assert!(asked > 200 && asked_by_parts > 80, "only {asked} and {asked_by_parts} keys were found");
    assert!(missing.is_empty(), "{missing:#?}");
}
