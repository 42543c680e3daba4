//! Enums that are text in the database (`kernel::text_enum`): their values are spelled once, and nowhere else.

use std::{collections::BTreeMap, path::Path};

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::{
    punctuated::Punctuated,
    visit::{self, Visit},
};

use super::sources::{ModulePath, Source, is_for_tests, parse, read};

fn sources() -> BTreeMap<ModulePath, Source> {
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
}

/// The items of a file, also in its inline modules, without those for tests.
fn items(items: &[syn::Item]) -> Vec<&syn::Item> {
    items
        .iter()
        .flat_map(|item| match item {
            syn::Item::Mod(module) if is_for_tests(&module.attrs) => Vec::new(),
            syn::Item::Mod(module) => module.content.as_ref().map_or(Vec::new(), |(_, inner)| self::items(inner)),
            item => vec![item],
        })
        .collect()
}

/// The value of `name = "value"` in an attribute `#[attribute(…)]`.
fn value_of(attributes: &[syn::Attribute], attribute: &str, name: &str) -> Option<String> {
    attributes.iter().filter(|a| a.path().is_ident(attribute)).find_map(|a| {
        let metas = a.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated).ok()?;
        metas.iter().find_map(|meta| match meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident(name) => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
    })
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// How the variants of an enum are called by one of its derives: by the name of the variant's attribute, or else in
/// the case that the enum's attribute says.
fn values(item: &syn::ItemEnum, attribute: &str, all: &str, one: &str) -> Vec<String> {
    let is_snake = value_of(&item.attrs, attribute, all).as_deref() == Some("snake_case");
    let prefix = value_of(&item.attrs, attribute, "prefix").unwrap_or_default();
    let called = |variant: &syn::Variant| {
        value_of(&variant.attrs, attribute, one).unwrap_or_else(|| {
            let name = variant.ident.to_string();
            if is_snake { snake_case(&name) } else { name }
        })
    };
    item.variants.iter().map(|variant| format!("{prefix}{}", called(variant))).collect()
}

/// An enum that is text: its module, its name, its values.
struct TextEnum {
    module: ModulePath,
    name: String,
    values: Vec<String>,
    /// How serde calls them, if it does.
    in_json: Option<Vec<String>>,
}

fn text_enums(sources: &BTreeMap<ModulePath, Source>) -> Vec<TextEnum> {
    let mut found = Vec::new();
    for source in sources.values() {
        let items = items(&source.file.items);
        for item in &items {
            let syn::Item::Macro(call) = item else { continue };
            if call.mac.path.segments.last().is_none_or(|segment| segment.ident != "text_enum") {
                continue;
            }
            let name = call.mac.tokens.to_string();
            let item = items.iter().find_map(|item| match item {
                syn::Item::Enum(item) if item.ident == name.as_str() => Some(item),
                _ => None,
            });
            let item = item
                .unwrap_or_else(|| panic!("{}: text_enum!({name}) is not beside its enum", source.module.join("::")));
            let derives = |wanted: &str| {
                item.attrs.iter().filter(|a| a.path().is_ident("derive")).any(|a| {
                    a.parse_args_with(Punctuated::<syn::Path, syn::Token![,]>::parse_terminated)
                        .is_ok_and(|all| all.iter().any(|path| path.segments.last().is_some_and(|s| s.ident == wanted)))
                })
            };
            found.push(TextEnum {
                module: source.module.clone(),
                values: values(item, "strum", "serialize_all", "serialize"),
                in_json: derives("Serialize").then(|| values(item, "serde", "rename_all", "rename")),
                name,
            });
        }
    }
    found
}

fn misspelled(enums: &[TextEnum]) -> Vec<String> {
    enums
        .iter()
        .filter(|found| found.in_json.as_ref().is_some_and(|in_json| *in_json != found.values))
        .map(|found| {
            format!(
                "{}::{}: {:?} in JSON, {:?} elsewhere",
                found.module.join("::"),
                found.name,
                found.in_json,
                found.values
            )
        })
        .collect()
}

#[test]
fn enums_have_the_same_values_in_json_and_in_the_database() {
    let enums = text_enums(&sources());
    assert!(enums.len() > 30, "only {} enums were found", enums.len());
    let breaches = misspelled(&enums);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// Texts that code compares with, or chooses from.
#[derive(Default)]
struct Compared {
    found: Vec<String>,
    /// Lists of two texts or more.
    lists: Vec<Vec<String>>,
}

impl Compared {
    fn add(&mut self, expression: &syn::Expr) {
        match expression {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => self.found.push(text.value()),
            syn::Expr::Reference(reference) => self.add(&reference.expr),
            syn::Expr::Paren(inner) => self.add(&inner.expr),
            _ => {}
        }
    }

    /// What macros are given is not parsed: texts beside `==` and `!=`, and all of `matches!`.
    fn tokens(&mut self, tokens: TokenStream, is_pattern: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_comparison = |at: usize| {
            let punct = |n: usize, wanted: &str| matches!(tokens.get(n), Some(TokenTree::Punct(p)) if wanted.contains(p.as_char()));
            let is_joint = matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.spacing() == Spacing::Joint);
            is_joint && punct(at, "=!") && punct(at + 1, "=")
        };
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream(), is_pattern),
                TokenTree::Literal(literal)
                    if is_pattern || is_comparison(at + 1) || at >= 2 && is_comparison(at - 2) =>
                {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal.clone()) {
                        self.found.push(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Compared {
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

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        if let syn::Pat::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = pattern {
            self.found.push(text.value());
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        if matches!(binary.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_)) {
            self.add(&binary.left);
            self.add(&binary.right);
        }
        visit::visit_expr_binary(self, binary);
    }

    /// `mode: "pending"`.
    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if let syn::Member::Named(name) = &field.member
            && ["state", "status", "mode", "outcome"].iter().any(|end| name.to_string().ends_with(end))
        {
            self.add(&field.expr);
        }
        visit::visit_field_value(self, field);
    }

    fn visit_expr_array(&mut self, array: &'ast syn::ExprArray) {
        let mut texts = Self::default();
        array.elems.iter().for_each(|element| texts.add(element));
        if texts.found.len() > 1 && texts.found.len() == array.elems.len() {
            self.lists.push(texts.found);
        }
        visit::visit_expr_array(self, array);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone(), call.path.is_ident("matches"));
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// Texts outside of an enum's file that are values of it. Only of enums that say how something is: other words, such
/// as `email` and `other`, have too many meanings.
fn repeated(sources: &BTreeMap<ModulePath, Source>) -> Vec<String> {
    let mut enums = text_enums(sources);
    enums.retain(|found| ["State", "Status", "Mode", "Outcome"].iter().any(|end| found.name.ends_with(end)));
    let mut breaches = Vec::new();
    for source in sources.values() {
        let mut compared = Compared::default();
        compared.visit_file(&source.file);
        for found in enums.iter().filter(|found| found.module != source.module) {
            let is_value = |text: &String| !text.is_empty() && found.values.contains(text);
            let here = source.module.join("::");
            for text in compared.found.iter().filter(|text| is_value(text)) {
                breaches.push(format!("{here}: `{text}` of {}", found.name));
            }
            for list in compared.lists.iter().filter(|list| list.iter().all(is_value)) {
                breaches.push(format!("{here}: {list:?} of {}", found.name));
            }
        }
    }
    breaches
}

#[test]
fn values_of_states_stand_in_their_enums_only() {
    let breaches = repeated(&sources());
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// The checks above find what they are for.
#[test]
fn breaches_by_text_are_found() {
    let module = |path: &[&str], text: &str| {
        let path: ModulePath = path.iter().map(|&part| part.to_owned()).collect();
        (path.clone(), parse(path, text))
    };
    let states = "#[derive(Serialize)] #[serde(rename_all = \"snake_case\")] #[strum(serialize_all = \"snake_case\")]
                  pub enum SeatState { Open, #[serde(rename = \"on line\")] #[strum(serialize = \"on line\")] Waitlisted }
                  crate::kernel::text_enum!(SeatState);
                  fn f(text: &str) -> bool { text == \"open\" }";
    let beside =
        |text: &str| repeated(&BTreeMap::from([module(&["events", "state"], states), module(&["events"], text)]));
    for text in [
        "fn f() { match word { \"open\" => 1, _ => 2 }; }",
        "fn f() { match pair { (Some(\"a\" | \"on line\"), _) => 1, _ => 2 }; }",
        "fn f() { if let Some(\"open\") = word {} }",
        "fn f() -> bool { row.state == \"open\" }",
        "fn f() -> bool { \"on line\" != word }",
        "fn f() -> bool { word == &\"open\" }",
        "fn f() { ensure!(row.state == \"open\", \"closed\"); }",
        "fn f() -> bool { matches!(word, Some(\"open\" | \"shut\")) }",
        "fn f() -> Row { Row { seat_state: \"open\" } }",
        "const OF: &[&str] = &[\"open\", \"on line\"];",
        "mod inner { impl A { fn f() -> bool { word == \"open\" } } }",
    ] {
        assert_eq!(beside(text).len(), 1, "{text}: {:?}", beside(text));
    }
    for text in [
        "fn f() -> bool { word == \"opened\" }",
        "fn f() { println!(\"open\"); g(\"open\"); }",
        "/// Is it `== \"open\"`?\nfn f() {}",
        "const OF: &[&str] = &[\"open\", \"other\"];",
        "#[cfg(test)] mod tests { fn f() -> bool { word == \"open\" } }",
    ] {
        assert_eq!(beside(text), Vec::<String>::new(), "{text}");
    }
    let spelled = |text: &str| misspelled(&text_enums(&BTreeMap::from([module(&["events", "state"], text)])));
    assert_eq!(spelled(states), Vec::<String>::new());
    assert_eq!(
        spelled(&states.replacen("serde(rename_all = \"snake_case\")", "serde(rename_all = \"lowercase\")", 1)).len(),
        1
    );
    assert_eq!(spelled(&states.replacen("serde(rename = \"on line\")", "serde(rename = \"online\")", 1)).len(), 1);
    assert_eq!(spelled(&states.replacen("strum(serialize = \"on line\")", "doc(hidden)", 1)).len(), 1);
}
