//! Who imports whom.

use std::{collections::BTreeMap, path::Path};

use super::{
    layer, may_use,
    sources::{ModulePath, Source, parse, read},
};

fn sources() -> BTreeMap<ModulePath, Source> {
    let found = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    assert!(found.len() > 100, "only {} sources were found", found.len());
    found
}

/// Uses of a slice by one below it or beside it.
fn upward(sources: &BTreeMap<ModulePath, Source>) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources.values().filter(|s| !s.module.is_empty()) {
        for reference in source.references() {
            let Some(other) = reference.path.first() else { continue };
            if !may_use(&source.module[0], other) {
                breaches.push(format!("{} uses {}", source.module.join("::"), reference.path.join("::")));
            }
        }
    }
    breaches
}

#[test]
fn imports_between_slices_go_down_only() {
    let sources = sources();
    for module in sources.keys().filter(|m| !m.is_empty()) {
        assert!(layer(&module[0]).is_some(), "{module:?} is in no layer: add its slice to LAYERS");
    }
    let breaches = upward(&sources);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// The module in which a path ends, through re-exports: `petitions::Signed` is `petitions::signing` when `petitions` has
/// `pub use signing::Signed`.
fn module_of(sources: &BTreeMap<ModulePath, Source>, path: &[String]) -> Option<ModulePath> {
    let mut path = path.to_vec();
    // a re-export of a re-export, and so on; a circle of them does not compile
    for _ in 0..8 {
        let length = (1..=path.len()).rev().find(|&n| sources.contains_key(&path[..n]))?;
        let (module, rest) = path.split_at(length);
        let Some(name) = rest.first() else { return Some(module.to_vec()) };
        let source = &sources[module];
        let target = reexports(source).into_iter().find(|(offered, _)| offered == name);
        let Some((_, target)) = target else { return Some(module.to_vec()) };
        path = [&target[..], &rest[1..]].concat();
    }
    None
}

/// What a module offers from elsewhere: the name, and the path it comes from.
fn reexports(source: &Source) -> Vec<(String, Vec<String>)> {
    fn collect(tree: &syn::UseTree, before: &[String], found: &mut Vec<(String, Vec<String>)>) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            syn::UseTree::Path(path) => collect(&path.tree, &with(path.ident.to_string()), found),
            syn::UseTree::Name(name) => found.push((name.ident.to_string(), with(name.ident.to_string()))),
            syn::UseTree::Rename(name) => found.push((name.rename.to_string(), with(name.ident.to_string()))),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| collect(item, before, found)),
            syn::UseTree::Glob(_) => {}
        }
    }
    let mut found = Vec::new();
    for item in &source.file.items {
        if let syn::Item::Use(item) = item {
            collect(&item.tree, &[], &mut found);
        }
    }
    found
        .into_iter()
        .map(|(name, path)| {
            let path = match path[0].as_str() {
                "crate" => path[1..].to_vec(),
                "self" => [&source.module[..], &path[1..]].concat(),
                "super" => {
                    let above = &source.module[..source.module.len().saturating_sub(1)];
                    [above, &path[1..]].concat()
                }
                _ => [&source.module[..], &path[..]].concat(),
            };
            (name, path)
        })
        .collect()
}

/// Modules of a slice by level, lowest first: what a slice stores, its rules, its batches, how it is called. Modules with
/// other names belong to no level: any may use them.
const LEVELS: [&[&str]; 4] = [&["store"], &["mail", "ops"], &["batch"], &["api", "pages"]];

fn level(module: &[String]) -> Option<usize> {
    LEVELS.iter().position(|names| module.get(1).is_some_and(|part| names.contains(&part.as_str())))
}

/// Uses of a module of a slice by one on a lower level of the same slice.
fn upward_in_slices(sources: &BTreeMap<ModulePath, Source>) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources.values() {
        let Some(own) = level(&source.module) else { continue };
        for reference in source.references().iter().filter(|r| r.path.first() == source.module.first()) {
            let target = module_of(sources, &reference.path);
            if target.as_deref().and_then(level).is_some_and(|other| other > own) {
                breaches.push(format!("{} uses {}", source.module.join("::"), reference.path.join("::")));
            }
        }
    }
    breaches
}

#[test]
fn imports_inside_a_slice_go_down_only() {
    let breaches = upward_in_slices(&sources());
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// The checks above find what they are for.
#[test]
fn breaches_by_import_are_found() {
    let with = |module: &[&str], text: &str| {
        let module: ModulePath = module.iter().map(|&part| part.to_owned()).collect();
        BTreeMap::from([(module.clone(), parse(module, text))])
    };
    for text in [
        "use crate::petitions::Signed;",
        "use crate::{error::Result, petitions::{self, store}};",
        "fn f() { use crate::{kernel, petitions}; }",
        "use super::super::petitions::store::acts;",
        "fn f() -> crate::petitions::Signed { todo!() }",
        "mod inner { fn f() { super::super::super::petitions::sign(); } }",
        "fn f() { tokio::join!(crate::petitions::sign(), async { crate::petitions::sign() }); }",
        "#[derive(X)] #[serde(with = \"x\")] struct S(Option<Vec<crate::petitions::Signed>>);",
        "fn f() { if let Some(crate::petitions::State::Counted) = x {} }",
    ] {
        assert!(!upward(&with(&["mail", "store"], text)).is_empty(), "not found: {text}");
    }
    for text in [
        "use crate::{error::Result, kernel::clock};",
        "use super::petitions;",
        "#[cfg(test)] mod tests { use crate::petitions; }",
        "// use crate::petitions;",
    ] {
        assert_eq!(upward(&with(&["mail", "store"], text)), Vec::<String>::new(), "{text}");
    }
    assert!(!upward(&with(&["events"], "use crate::petitions;")).is_empty(), "slices beside each other");

    let slice = |files: &[(&[&str], &str)]| {
        files.iter().flat_map(|(module, text)| with(module, text)).collect::<BTreeMap<_, _>>()
    };
    let through_a_reexport = slice(&[
        (&["events"], "mod store; mod ops; pub use ops::Seat;"),
        (&["events", "store"], "use super::Seat;"),
        (&["events", "ops"], "use super::store::insert; pub struct Seat;"),
    ]);
    assert_eq!(upward_in_slices(&through_a_reexport), ["events::store uses events::Seat"]);
    let deep = slice(&[
        (&["events"], ""),
        (&["events", "store", "seats"], "fn f() { super::super::api::g(); }"),
        (&["events", "api"], "use super::store;"),
    ]);
    assert_eq!(upward_in_slices(&deep), ["events::store::seats uses events::api::g"]);
    let down = slice(&[
        (&["events"], "pub use ops::Seat; pub struct Events;"),
        (&["events", "store"], ""),
        (&["events", "ops"], "use super::{Events, store}; pub struct Seat;"),
    ]);
    assert_eq!(upward_in_slices(&down), Vec::<String>::new());
}
