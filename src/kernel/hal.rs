//! HAL (draft-kelly-json-hal) and OSDI building blocks that every resource repeats.

use serde_json::{Value, json};
use uuid::Uuid;

/// Documentation of `osdi:` relations (RFC 6570 template).
const OSDI_DOCS: &str = "https://opensupporter.github.io/osdi-docs/{rel}";
/// Documentation of `muster:` relations: the OpenAPI document, relative to the host that answered.
const MUSTER_DOCS: &str = "/api/v1/openapi.json#{rel}";

/// A HAL link object.
pub fn link(href: impl Into<String>) -> Value {
    json!({ "href": href.into() })
}

/// A HAL link object whose `href` is an RFC 6570 template.
pub fn templated(href: impl Into<String>) -> Value {
    json!({ "href": href.into(), "templated": true })
}

/// The value of `_links.curies`: documentation templates for the prefixes `osdi:` and `muster:`.
pub fn curies() -> Value {
    json!([
        { "name": "osdi", "href": OSDI_DOCS, "templated": true },
        { "name": "muster", "href": MUSTER_DOCS, "templated": true },
    ])
}

/// The value of OSDI's `identifiers`: `muster:<uuid>` first.
pub fn identifiers(id: Uuid) -> Vec<String> {
    vec![format!("muster:{id}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(link("/x"), json!({"href": "/x"}));
        assert_eq!(templated("/x{?q}")["templated"], true);
        assert_eq!(identifiers(Uuid::nil()), ["muster:00000000-0000-0000-0000-000000000000"]);
        for curie in curies().as_array().unwrap() {
            assert!(curie["href"].as_str().unwrap().ends_with("{rel}"));
        }
    }
}
