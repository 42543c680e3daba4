//! What Muster is made of, by the rules of `deny.toml`: licences, refused crates, sources. The same rules that `make deny`
//! checks with cargo-deny, for this platform, from what cargo itself reports.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use spdx::{Expression, ParseMode};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

struct Rules {
    licences: BTreeSet<String>,
    refused: BTreeSet<String>,
}

fn rules() -> Rules {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let rules: toml::Table = text.parse().unwrap();
    let list = |section: &str, key: &str| rules[section][key].as_array().unwrap().clone();
    Rules {
        licences: list("licenses", "allow").iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        refused: list("bans", "deny").iter().map(|ban| ban["name"].as_str().unwrap().to_owned()).collect(),
    }
}

/// What is wrong with a package, as `cargo metadata` describes it.
fn faults(package: &Value, rules: &Rules) -> Vec<String> {
    let name = package["name"].as_str().unwrap();
    let mut faults = Vec::new();
    if rules.refused.contains(name) {
        faults.push(format!("{name} is refused"));
    }
    let source = package["source"].as_str();
    if source.is_some_and(|source| source != REGISTRY) {
        faults.push(format!("{name} comes from {}", source.unwrap_or_default()));
    }
    let licence = package["license"].as_str().unwrap_or_default();
    let is_allowed = Expression::parse_mode(licence, ParseMode::LAX)
        .is_ok_and(|expression| expression.evaluate(|required| rules.licences.contains(&required.to_string())));
    if !is_allowed {
        faults.push(format!("{name} has the licence {licence:?}"));
    }
    faults
}

#[test]
fn dependencies_follow_deny_toml() {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let listed = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let packages = listed["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    let rules = rules();
    let faults: Vec<String> = packages.iter().flat_map(|package| faults(package, &rules)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The check above finds what it is for.
#[test]
fn breaches_of_deny_toml_are_found() {
    let rules = rules();
    let package = |name: &str, licence: Value, source: Value| {
        faults(&serde_json::json!({"name": name, "license": licence, "source": source}), &rules)
    };
    assert_eq!(package("serde", "MIT OR Apache-2.0".into(), REGISTRY.into()), Vec::<String>::new());
    assert_eq!(package("muster", "AGPL-3.0-or-later".into(), Value::Null), Vec::<String>::new());
    assert_eq!(package("x", "MIT/Apache-2.0".into(), REGISTRY.into()), Vec::<String>::new());
    assert_eq!(package("openssl", "MIT".into(), REGISTRY.into()).len(), 1);
    assert_eq!(package("x", "MIT".into(), "git+https://example.org/x".into()).len(), 1);
    for licence in ["SSPL-1.0".into(), "MIT AND SSPL-1.0".into(), "".into(), Value::Null] {
        assert_eq!(package("x", licence, REGISTRY.into()).len(), 1);
    }
}
