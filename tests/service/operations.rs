//! What operators are told is all there: each metric and alert has its line in docs/operations.md.

use std::{collections::BTreeSet, fs, path::Path};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Words that begin so, of letters, digits and underscores.
fn words(text: &str, start: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|word| word.starts_with(start) && word.len() > start.len()).map(str::to_owned).collect()
}

fn metrics_of(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            metrics_of(&path, found);
        } else {
            let source = fs::read_to_string(&path).unwrap();
            for call in ["metrics::counter!(", "metrics::gauge!(", "metrics::histogram!("] {
                for (at, _) in source.match_indices(call) {
                    let rest = source[at + call.len()..].trim_start();
                    if let Some(name) = rest.strip_prefix('"') {
                        found.extend(name.split('"').next().map(str::to_owned));
                    } else {
                        // its name is handed to it: all that the file names
                        found.extend(source.split('"').filter(|text| text.starts_with("muster_")).map(str::to_owned));
                    }
                }
            }
        }
    }
}

#[test]
fn each_metric_and_alert_is_documented() {
    let (operations, alerts) = (read("docs/operations.md"), read("docs/prometheus-alerts.yml"));
    let mut made = BTreeSet::new();
    metrics_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut made);
    assert!(made.len() > 40, "{made:?}");
    let documented = words(&operations, "muster_");
    let missing: Vec<&String> = made.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    let unknown: Vec<String> = words(&alerts, "muster_").difference(&made).cloned().collect();
    assert!(unknown.is_empty(), "alerts on metrics that nobody makes: {unknown:?}");
    let named: BTreeSet<String> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect();
    assert!(named.len() > 15);
    let undocumented: Vec<&String> = named.iter().filter(|alert| !operations.contains(alert.as_str())).collect();
    assert!(undocumented.is_empty(), "alerts that docs/operations.md does not explain: {undocumented:?}");
}
