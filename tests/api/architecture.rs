//! Imports go down only (DESIGN 3): between the slices, and inside each between its rooms.

use std::{collections::BTreeMap, fs, path::Path};

/// Layers of the house, lowest first; modules on one line do not know each other.
const HOUSE: [&[&str]; 12] = [
    &["error", "config", "telemetry"],
    &["kernel"],
    &["mail"],
    &["organizers"],
    &["people"],
    &["campaigns"],
    &["letters"],
    &["petitions", "events"],
    &["exports", "broadcasts"],
    &["console"],
    &["app", "worker"],
    &["demo", "checks", "cli"],
];

/// Rooms of a slice, lowest first. Rooms with other names may be used by any, but not use those above `ops`.
const ROOMS: [&[&str]; 6] = [&["store"], &["mail"], &["ops"], &["batch"], &["api", "pages"], &["mod"]];

fn level(layers: &[&[&str]], name: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.contains(&name))
}

/// Source files by path below `src`, as module paths: `petitions/api.rs` is `["petitions", "api"]`.
fn sources(folder: &Path, at: &[String], found: &mut BTreeMap<Vec<String>, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut module = at.to_vec();
        module.push(name);
        if path.is_dir() {
            sources(&path, &module, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
}

/// The first path segment after every `crate::` in the code, and whether a test module brought it in.
fn used(source: &str) -> Vec<String> {
    let code: String = source.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(inside) = rest.strip_prefix('{') {
            // a grouped import: names at depth one
            let (mut depth, mut word) = (1, String::new());
            let mut fresh = true;
            for c in inside.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => fresh = true,
                    c if depth == 1 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ if depth == 1 && !word.is_empty() => {
                        names.push(std::mem::take(&mut word));
                        fresh = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            names.extend((!word.is_empty()).then_some(word));
        } else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

#[test]
fn imports_follow_the_layers() {
    let mut found = BTreeMap::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &[], &mut found);
    assert!(found.len() > 40, "the sources were not found");
    let mut breaches = Vec::new();
    for (module, source) in &found {
        let Some(own) = level(&HOUSE, &module[0]) else {
            assert!(
                ["lib", "main"].contains(&module[0].as_str()),
                "{module:?} has no place in the house: name its layer"
            );
            continue;
        };
        for name in used(source) {
            let Some(other) = level(&HOUSE, &name) else { continue };
            if other > own
                || (other == own
                    && name != module[0]
                    && own > 0
                    && !["app", "worker", "demo", "checks", "cli"].contains(&name.as_str()))
            {
                breaches.push(format!("{} uses crate::{name}", module.join("/")));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn modules_of_a_slice_follow_the_layers() {
    let mut found = BTreeMap::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &[], &mut found);
    let mut breaches = Vec::new();
    for (module, source) in found.iter().filter(|(m, _)| m.len() >= 2 && !["kernel", "mail"].contains(&m[0].as_str())) {
        let Some(own) = level(&ROOMS, &module[1]) else { continue };
        for (at, _) in source.match_indices("super::") {
            let name: String = source[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if level(&ROOMS, &name).is_some_and(|other| other > own && name != "mod") && module.len() == 2 {
                breaches.push(format!("{} uses super::{name}", module.join("/")));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn sql_lives_in_stores() {
    let mut found = BTreeMap::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &[], &mut found);
    let slices =
        ["organizers", "people", "campaigns", "petitions", "events", "letters", "exports", "broadcasts", "console"];
    let strays: Vec<String> = found
        .iter()
        .filter(|(m, source)| {
            slices.contains(&m[0].as_str())
                && !m
                    .iter()
                    .any(|part| ["store", "counts", "recount", "tests", "template_tests"].contains(&part.as_str()))
                && source.split("#[cfg(test)]").next().unwrap().contains("query")
        })
        .filter(|(_, source)| source.split("#[cfg(test)]").next().unwrap().contains("sqlx::query"))
        .map(|(m, _)| m.join("/"))
        .collect();
    assert!(strays.is_empty(), "SQL outside store.rs: {strays:?}");
}
