//! Examples in the OpenAPI document: one for each JSON body of a request and each answer, made from its schema.
//!
//! What people would write stands in `examples.json`: `bodies` by schema, `members` by name (`Schema/member` goes before
//! `member`), and `links` by schema; all else follows from the types. A request has the members that its schema
//! requires or that are written there, an answer has all. `tests/api/contract.rs` validates them and sends the requests.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::{Content, OpenApi, RefOr};

use crate::kernel::hal::Links;

/// The host of all examples.
const HOST: &str = "https://muster.example.org";
/// The id of everything in them.
const ID: &str = "0192f3a0-5c1e-7b60-9d7a-3f1e2a4b5c6d";
/// A text for which nothing is written; the tests do not let it pass.
const UNWRITTEN: &str = "…";

#[derive(Deserialize)]
struct Written {
    bodies: BTreeMap<String, Map<String, Value>>,
    links: BTreeMap<String, BTreeMap<String, String>>,
    members: BTreeMap<String, Value>,
}

static WRITTEN: LazyLock<Written> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).expect("the file is a part of the program"));

/// Gives each body of a complete document its example.
pub(super) fn insert(document: &mut OpenApi) {
    let schemas = document.components.as_ref().map(|components| json!(components.schemas)).unwrap_or_default();
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            let builder = |is_request| Builder { schemas: &schemas, path, is_request };
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.iter_mut().for_each(|content| builder(true).complete(content));
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && status.starts_with('2')
                {
                    response.content.iter_mut().for_each(|content| builder(false).complete(content));
                }
            }
        }
    }
}

/// Makes the example of a body.
struct Builder<'a> {
    /// The document's schemas, by name.
    schemas: &'a Value,
    /// The operation's path.
    path: &'a str,
    is_request: bool,
}

impl Builder<'_> {
    fn complete(&self, (kind, content): (&String, &mut RefOr<Content>)) {
        if let RefOr::T(content) = content
            && kind.contains("json")
            && kind != "application/jsonl"
            && let Some(schema) = &content.schema
        {
            content.example = Some(self.value(&json!(schema), ""));
        }
    }

    /// A value of a schema; `owner` is the name of the schema that it stands in.
    fn value(&self, schema: &Value, owner: &str) -> Value {
        let parts = |key: &str| schema[key].as_array().map(|parts| parts.iter());
        if let Some(name) = schema["$ref"].as_str().and_then(|link| link.rsplit('/').next()) {
            let mut value = self.value(&self.schemas[name], name);
            if let Some(members) = value.as_object_mut() {
                members.extend(WRITTEN.bodies.get(name).cloned().unwrap_or_default());
                // a part of the schema does not know the links of the whole
                if WRITTEN.links.contains_key(name) && members.contains_key("_links") {
                    members.insert("_links".to_owned(), self.links(name));
                }
            }
            return value;
        }
        if let Some(parts) = parts("allOf") {
            let members = parts.filter_map(|part| self.value(part, owner).as_object().cloned()).flatten();
            return Value::Object(members.collect());
        }
        if let Some(part) = parts("oneOf").and_then(|mut parts| parts.find(|part| part["type"] != "null")) {
            return self.value(part, owner);
        }
        if let Some(first) = parts("enum").and_then(|mut values| values.next()) {
            return first.clone();
        }
        if let Some(properties) = schema["properties"].as_object() {
            let is_required = |name: &str| parts("required").is_some_and(|mut names| names.any(|known| known == name));
            let shown = properties.iter().filter(|(name, _)| !self.is_request || is_required(name));
            return shown
                .filter_map(|(name, schema)| Some((name.clone(), self.member(name, schema, owner)?)))
                .collect();
        }
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("array"), _) => json!([self.value(&schema["items"], owner)]),
            (Some("object"), _) => json!({}),
            (Some("boolean"), _) => json!(false),
            (Some("integer" | "number"), _) => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
            (Some(_), Some("date-time")) => json!("2026-12-01T15:04:05Z"),
            (Some(_), Some("date")) => json!("2026-12-10"),
            (Some(_), Some("uuid")) => json!(ID),
            (Some(_), _) => json!(UNWRITTEN),
            // a list of types: the value may be null
            (None, _) => Value::Null,
        }
    }

    /// The value of a member; `None` where an answer has it in special cases only.
    fn member(&self, name: &str, schema: &Value, owner: &str) -> Option<Value> {
        let written = WRITTEN.bodies.get(owner).and_then(|body| body.get(name));
        let written = written.or_else(|| WRITTEN.members.get(&format!("{owner}/{name}")));
        match written.or_else(|| WRITTEN.members.get(name)) {
            Some(value) => Some(value.clone()),
            None if name == "_links" => Some(self.links(owner)),
            None if ["muster:total_is_estimate", "muster:is_partial"].contains(&name) => None,
            None => Some(self.value(schema, owner)),
        }
    }

    /// The links of a resource; where none are written, to the operation itself.
    fn links(&self, owner: &str) -> Value {
        let page = if owner.starts_with("PageOf") { "?page=1&per_page=25" } else { "" };
        let filled = |path: &str| {
            let segments = path.split('/').map(|segment| if segment.starts_with('{') { ID } else { segment });
            format!("{HOST}{}", segments.collect::<Vec<_>>().join("/"))
        };
        let links = match WRITTEN.links.get(owner) {
            Some(written) => written.iter().fold(Links::default(), |links, (rel, path)| links.to(rel, filled(path))),
            None => Links::to_self(filled(&format!("{}{page}", self.path))),
        };
        json!(links.with_curies())
    }
}
