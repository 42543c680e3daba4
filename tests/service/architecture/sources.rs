//! Rust sources, parsed: which modules there are, and what each refers to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A module's path below the crate: `petitions::store::acts`.
pub type ModulePath = Vec<String>;

/// A source file.
pub struct Source {
    /// The module that it is.
    pub module: ModulePath,
    /// What it says.
    pub file: syn::File,
}

/// A path in the code, as written, with what `crate`, `self` and `super` mean resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Segments below the crate.
    pub path: Vec<String>,
    /// Is it a `pub use`, which offers something under another path and does nothing with it?
    pub is_reexport: bool,
}

/// All sources below a folder, without those that only tests use.
pub fn read(folder: &Path) -> BTreeMap<ModulePath, Source> {
    let mut found = BTreeMap::new();
    read_folder(folder, &[], &mut found);
    let of_tests: BTreeSet<ModulePath> = found.values().flat_map(test_modules).collect();
    found.retain(|module, _| !of_tests.iter().any(|test| module.starts_with(test)));
    found
}

fn read_folder(folder: &Path, at: &[String], found: &mut BTreeMap<ModulePath, Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut module = at.to_vec();
        if path.is_dir() {
            module.push(name);
            read_folder(&path, &module, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            if !["mod", "lib", "main"].contains(&name.as_str()) {
                module.push(name);
            }
            let text = fs::read_to_string(&path).unwrap();
            found.insert(module.clone(), parse(module, &text));
        }
    }
}

/// Parses one file.
pub fn parse(module: ModulePath, text: &str) -> Source {
    let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{module:?}: {e}"));
    Source { module, file }
}

/// Is it there for tests only?
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

/// The modules in files of their own that are declared for tests only.
fn test_modules(source: &Source) -> Vec<ModulePath> {
    let declared = source.file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && is_for_tests(&module.attrs) => Some(module),
        _ => None,
    });
    declared
        .map(|module| {
            let mut path = source.module.clone();
            let file = module.attrs.iter().find_map(|a| match &a.meta {
                syn::Meta::NameValue(pair) if pair.path.is_ident("path") => Some(&pair.value),
                _ => None,
            });
            if let Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. })) = file {
                // beside the declaring file
                path.pop();
                path.push(file.value().trim_end_matches(".rs").to_owned());
            } else {
                path.push(module.ident.to_string());
            }
            path
        })
        .collect()
}

impl Source {
    /// Every path in the code that begins in this crate, in imports, expressions, types and macros, at any depth.
    pub fn references(&self) -> BTreeSet<Reference> {
        let mut visitor = References { module: self.module.clone(), found: BTreeSet::new() };
        visitor.visit_file(&self.file);
        visitor.found
    }

    /// Every text in quotes, also within macros.
    pub fn texts(&self) -> Vec<String> {
        let mut visitor = Texts(Vec::new());
        visitor.visit_file(&self.file);
        visitor.0
    }
}

struct References {
    module: ModulePath,
    found: BTreeSet<Reference>,
}

impl References {
    fn add(&mut self, segments: &[String], is_reexport: bool) {
        let (mut path, mut rest) = match segments.first().map(String::as_str) {
            Some("crate" | "muster") => (Vec::new(), &segments[1..]),
            Some("self" | "super") => (self.module.clone(), segments),
            _ => return,
        };
        while let Some(first) = rest.first() {
            match first.as_str() {
                "self" => {}
                "super" => {
                    path.pop();
                }
                _ => break,
            }
            rest = &rest[1..];
        }
        path.extend(rest.iter().cloned());
        self.found.insert(Reference { path, is_reexport });
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String], is_reexport: bool) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(path.ident.to_string()), is_reexport),
            syn::UseTree::Name(name) if name.ident == "self" => self.add(before, is_reexport),
            syn::UseTree::Name(name) => self.add(&with(name.ident.to_string()), is_reexport),
            syn::UseTree::Rename(name) => self.add(&with(name.ident.to_string()), is_reexport),
            syn::UseTree::Glob(_) => self.add(before, is_reexport),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before, is_reexport)),
        }
    }

    /// What macros are given is not parsed: paths in it are found by their tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) if colons == 2 && !segments.is_empty() => {
                    segments.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.add(&std::mem::take(&mut segments), false);
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) => segments.push(ident.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.add(&segments, false);
    }
}

impl<'ast> Visit<'ast> for References {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if is_for_tests(&module.attrs) {
            return;
        }
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.tree(&item.tree, &[], !matches!(item.vis, syn::Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

struct Texts(Vec<String>);

impl Texts {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.0.push(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.0.push(text.value());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }

    // documentation is not SQL
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}
