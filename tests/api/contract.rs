//! The API keeps to its own description: `openapi.json` is valid, types every answer, and every reply that any test gets
//! fits it. [`check`] is called by the harness for each reply.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, Mutex},
};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use jsonschema::Validator;
use muster::organizers::Role;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::create_all_resources,
    harness::{TestApp, merge, signer},
};

/// The document, as it is served.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&muster::app::openapi()).unwrap());
/// Its schemas, with unknown members refused.
static COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
    let flattened = flattened(&DOCUMENT);
    let mut components = DOCUMENT["components"].clone();
    for (name, schema) in components["schemas"].as_object_mut().unwrap() {
        close(schema, flattened.contains(name.as_str()));
    }
    components
});
/// Validators by operation and status; `None` for an answer without a body.
static VALIDATORS: LazyLock<Mutex<BTreeMap<String, Option<&'static Validator>>>> = LazyLock::new(Mutex::default);

/// Names of the schemas that are a part of others (`allOf`), and so do not know all members.
fn flattened(document: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        if let Some(parts) = value.get("allOf").and_then(Value::as_array) {
            let name = |part: &Value| Some(part.get("$ref")?.as_str()?.rsplit('/').next()?.to_owned());
            found.extend(parts.iter().filter_map(name));
        }
        match value {
            Value::Object(members) => members.values().for_each(|v| walk(v, found)),
            Value::Array(items) => items.iter().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(document, &mut found);
    found
}

/// Refuses members that a schema does not name, in it and in all that it holds.
fn close(schema: &mut Value, is_part: bool) {
    let Value::Object(members) = schema else { return };
    let is_object = members.contains_key("properties") || members.contains_key("allOf");
    for (key, inner) in members.iter_mut() {
        match (key.as_str(), inner) {
            ("allOf", Value::Array(parts)) => parts.iter_mut().for_each(|part| close(part, true)),
            ("oneOf" | "anyOf", Value::Array(parts)) => parts.iter_mut().for_each(|part| close(part, false)),
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(|p| close(p, false)),
            ("items" | "additionalProperties", inner) => close(inner, false),
            _ => {}
        }
    }
    if is_object && !is_part && !members.contains_key("additionalProperties") {
        members.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
}

/// The template of the description that a path fits; fixed segments go before parameters.
fn template(path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let expected: Vec<&str> = template.split('/').collect();
        expected.len() == segments.len()
            && expected.iter().zip(&segments).all(|(expected, given)| expected.starts_with('{') || expected == given)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

/// The validator of an answer's JSON.
fn validator(method: &Method, template: &str, status: StatusCode) -> Result<Option<&'static Validator>, String> {
    let key = format!("{method} {template} {}", status.as_u16());
    let mut validators = VALIDATORS.lock().unwrap();
    if let Some(validator) = validators.get(&key) {
        return Ok(*validator);
    }
    let operation = &DOCUMENT["paths"][template][method.as_str().to_lowercase()];
    let responses = operation["responses"].as_object().ok_or_else(|| format!("{key}: no such operation"))?;
    let response = responses
        .get(&status.as_u16().to_string())
        .or_else(|| status.is_client_error().then(|| responses.get("default"))?)
        .or_else(|| status.is_server_error().then(|| responses.get("default"))?)
        .ok_or_else(|| format!("{key}: this status is not described"))?;
    let content = response.get("content").and_then(Value::as_object).cloned().unwrap_or_default();
    let schema = content.iter().find(|(kind, _)| is_json(kind)).map(|(_, media)| media["schema"].clone());
    let validator = schema.map(|mut schema| {
        close(&mut schema, false);
        let mut root: Map<String, Value> = schema.as_object().cloned().unwrap_or_default();
        root.insert("components".to_owned(), COMPONENTS.clone());
        let built = jsonschema::draft202012::new(&Value::Object(root)).unwrap_or_else(|e| panic!("{key}: {e}"));
        &*Box::leak(Box::new(built))
    });
    validators.insert(key, validator);
    Ok(validator)
}

/// Is it one JSON document? JSON Lines are a file of lines, none of them described.
fn is_json(kind: &str) -> bool {
    kind.contains("json") && !kind.starts_with("application/jsonl")
}

/// Does an answer of the API fit the description?
#[track_caller]
pub fn check(method: &Method, path: &str, status: StatusCode, content_type: &str, body: &[u8]) {
    let path = path.split('?').next().unwrap_or(path);
    // further slashes change nothing
    let path = &path.split('/').filter(|s| !s.is_empty()).flat_map(|s| ["/", s]).collect::<String>();
    // an address or a method that is not there has no description
    let Some(template) = path.starts_with("/api/v1").then(|| template(path)).flatten() else { return };
    if [StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_MODIFIED].contains(&status)
        || [Method::HEAD, Method::OPTIONS].contains(method)
    {
        return;
    }
    let validator = validator(method, template, status).unwrap_or_else(|why| panic!("{why}"));
    if !is_json(content_type) {
        return;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|e| panic!("{method} {path}: not JSON: {e}"));
    let Some(validator) = validator else { panic!("{method} {template} {status}: a body is not described: {body}") };
    let faults: Vec<String> =
        validator.iter_errors(&body).map(|e| format!("{} at {}", e, e.instance_path())).take(5).collect();
    assert!(faults.is_empty(), "{method} {template} {status} does not fit openapi.json: {faults:#?}\n{body:#}");
}

fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let methods = |item: &'static Value| item.as_object().unwrap().iter();
    DOCUMENT["paths"].as_object().unwrap().iter().flat_map(move |(path, item)| {
        let is_method = |name: &str| ["get", "put", "post", "delete", "patch"].contains(&name);
        methods(item)
            .filter(move |(name, _)| is_method(name))
            .map(move |(name, operation)| (format!("{} {path}", name.to_uppercase()), operation))
    })
}

/// By a reader of OpenAPI documents that is not the one that wrote it.
#[test]
fn openapi_json_is_valid() {
    use roas::{v3_1::spec::Spec, validation::Validate};

    let spec: Spec = serde_json::from_value(DOCUMENT.clone()).unwrap();
    // it does not find references in the items of a list that may be null, and takes their schemas for unused
    spec.validate(roas::validation::Options::IgnoreUnusedSchemas.only(), None).unwrap();
}

#[test]
fn operation_ids_are_unique() {
    let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, operation) in operations() {
        seen.entry(operation["operationId"].as_str().unwrap()).or_default().push(name);
    }
    seen.retain(|_, names| names.len() > 1);
    assert!(seen.is_empty(), "{seen:#?}");
}

/// Objects whose members are data: keyed by language, slug, target and so on.
fn is_open(schema: &Value) -> bool {
    let is_object =
        schema["type"] == "object" || schema["type"].as_array().is_some_and(|t| t.contains(&json!("object")));
    let names_members = ["properties", "allOf", "oneOf", "$ref"].iter().any(|key| schema.get(key).is_some());
    let has_typed_values =
        schema.get("additionalProperties").is_some_and(|values| values.as_object().is_some_and(|v| !v.is_empty()));
    is_object && !names_members && !has_typed_values
}

/// Members that hold any JSON, by the schema that has them, and why.
const FREE_FORM: [(&str, &str); 1] = [("AuditEntry/detail", "each verb notes its own numbers and ids")];

#[test]
fn every_answer_is_typed() {
    fn walk(schema: &Value, at: &str, found: &mut Vec<String>) {
        if schema.as_object().is_some_and(Map::is_empty) || is_open(schema) {
            found.push(at.to_owned());
        }
        for key in ["properties", "items", "additionalProperties", "allOf", "oneOf", "anyOf"] {
            match schema.get(key) {
                Some(Value::Object(members)) if key == "properties" => {
                    members.iter().for_each(|(name, inner)| walk(inner, &format!("{at}/{name}"), found));
                }
                Some(Value::Array(parts)) => parts.iter().for_each(|inner| walk(inner, at, found)),
                Some(inner @ Value::Object(_)) => walk(inner, at, found),
                _ => {}
            }
        }
    }
    let mut untyped = Vec::new();
    for (name, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (kind, media) in response.get("content").and_then(Value::as_object).into_iter().flatten() {
                if is_json(kind) {
                    walk(&media["schema"], &format!("{name} {status}"), &mut untyped);
                }
            }
        }
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        walk(schema, name, &mut untyped);
    }
    untyped.retain(|at| !FREE_FORM.iter().any(|(known, _)| known == at));
    assert!(untyped.is_empty(), "{} untyped: {untyped:#?}", untyped.len());
}

#[test]
fn every_operation_says_who_may_call_it() {
    let schemes = DOCUMENT["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearer", "console_session", "osdi_api_token"]);
    for (name, operation) in operations() {
        assert!(operation["security"].is_array(), "{name} has no `security`");
    }
}

/// The JSON bodies of an operation's requests and of what it answers when all goes well, by name.
fn bodies(operation: &'static Value) -> impl Iterator<Item = (String, &'static Value)> {
    let media = |at: String, value: &'static Value| {
        let kinds = value.get("content").and_then(Value::as_object).into_iter().flatten();
        kinds.filter(|(kind, _)| is_json(kind)).map(move |(_, media)| (at.clone(), media))
    };
    let responses = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
    media("request".to_owned(), &operation["requestBody"]).chain(responses.flat_map(move |(s, r)| media(s.clone(), r)))
}

#[test]
fn every_body_has_an_example_that_fits_its_schema() {
    let mut faults = Vec::new();
    for (name, operation) in operations() {
        for (of, media) in bodies(operation) {
            let Some(example) = media.get("example") else { panic!("{name}: the body of {of} has no example") };
            let mut schema = media["schema"].clone();
            close(&mut schema, false);
            let mut root = schema.as_object().cloned().unwrap();
            root.insert("components".to_owned(), COMPONENTS.clone());
            let validator = jsonschema::draft202012::new(&Value::Object(root)).unwrap();
            faults.extend(validator.iter_errors(example).map(|e| format!("{name} {of}: {e} at {}", e.instance_path())));
            if example.to_string().contains('…') {
                faults.push(format!(
                    "{name} {of}: write a text for the member with \"…\" in src/app/examples.json: {example}"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A template with the ids of what was created at each address filled in, or the slug.
fn filled(template: &str, created: &BTreeMap<String, String>) -> String {
    let mut path = String::new();
    for (i, segment) in template.split('/').enumerate() {
        let known = segment.starts_with('{').then(|| created.get(&path)).flatten();
        let segment = known.map_or(segment, String::as_str);
        path = if i == 0 { segment.to_owned() } else { format!("{path}/{segment}") };
    }
    path
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn examples_of_requests_are_accepted(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    // relays and lanes are known once a worker has run
    let relay = "relay.example.org:587";
    sqlx::query("INSERT INTO mail_relays (relay) VALUES ($1)").bind(relay).execute(&app.kernel.db).await.unwrap();
    let session = app.session("Alliance").await;
    let colleague = app.colleague("Alliance", "karim", Role::Organizer).await;
    let colleague: Uuid = sqlx::query_scalar("SELECT id FROM organizers WHERE email = $1")
        .bind(colleague)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    let mut created = BTreeMap::from([
        ("/api/v1/mail/relays".to_owned(), relay.to_owned()),
        ("/api/v1/organizers".to_owned(), colleague.to_string()),
    ]);
    // what others refer to goes first, a POST before the PUT of what it creates, and what cannot be changed any more last
    let first = ["campaigns", "offices", "sources", "petitions", "events", "advocacy_campaigns"];
    let ends = ["/send", "/destroy"];
    let mut requests: Vec<_> = operations()
        .filter_map(|(name, operation)| {
            let (_, media) = bodies(operation).find(|(of, _)| of == "request")?;
            let (method, path) = name.split_once(' ')?;
            let of = path.split('/').nth(3)?;
            let place = first.iter().position(|first| *first == of).unwrap_or(first.len());
            Some((
                (ends.iter().position(|end| path.ends_with(end)), method != "POST", place, path.len()),
                method.to_owned(),
                path.to_owned(),
                operation["security"].as_array().is_some_and(|ways| ways.contains(&json!({"console_session": []}))),
                &media["example"],
            ))
        })
        .collect();
    requests.sort_by_key(|(place, ..)| *place);
    assert!(requests.len() > 30, "{}", requests.len());
    for (_, method, template, is_at_console, example) in requests {
        if template.ends_with("/imports/{import}/start") {
            let petition = filled(template.trim_end_matches("/imports/{import}/start"), &created);
            let file = Request::post(format!("{petition}/imports"))
                .header("content-type", "text/csv")
                .header("osdi-api-token", &token)
                .body(Body::from("Name,E-mail\nAmara,amara@example.org\n"))
                .unwrap();
            created.insert(format!("{petition}/imports"), TestApp::created(&app.send(file).await).to_string());
        }
        if template.ends_with("/lanes/{lane}") {
            // a lane is there while letters wait in it
            let live = json!({"muster:live": true});
            app.put("/api/v1/advocacy_campaigns/write-to-the-minister", Some(&token), &live).await.expect(200);
            app.jobs().await;
            let waiting = "SELECT lane FROM emails WHERE class = 'letter' AND state = 'queued' LIMIT 1";
            let lane: String = sqlx::query_scalar(waiting).fetch_one(&app.kernel.db).await.unwrap();
            created.insert("/api/v1/mail/lanes".to_owned(), lane);
        }
        let path = filled(&template, &created);
        assert!(!path.contains('{'), "nothing was created for {path}");
        let mut example = example.clone();
        if template.ends_with("/destroy") {
            // the example is of a petition; each action is destroyed by its own slug
            example["slug"] = json!(path.split('/').nth(4));
        }
        let send = async |token| {
            let (token, headers) = if is_at_console { (None, session.headers().to_vec()) } else { (token, Vec::new()) };
            let reply = app.request(method.parse().unwrap(), &path, token, &headers, Some(&example)).await;
            assert!(reply.status.is_success(), "{method} {path} refuses its example: {} {example}", reply.text());
            reply
        };
        let reply = send(Some(token.as_str())).await;
        let slug = example.get("muster:slug").and_then(Value::as_str).filter(|_| path.matches('/').count() == 3);
        let id = reply.json()["identifiers"][0].as_str().map(|id| id.trim_start_matches("muster:").to_owned());
        if let Some(id) = slug.map(str::to_owned).or(id).filter(|_| method == "POST") {
            created.entry(path.clone()).or_insert(id);
        }
        if path.ends_with("/short_links") {
            // all kinds have the same example, and a word leads to one action
            let word = example["word"].as_str().unwrap();
            app.delete(&format!("{path}/{word}"), Some(&token)).await.expect(200);
        }
        if ["/signatures", "/attendances", "/outreaches"].iter().any(|end| path.ends_with(end)) {
            assert_eq!(send(None).await.status, 202, "the same as a public act");
        }
    }
}

/// The checks above find what they are for.
#[test]
fn breaches_of_the_description_are_found() {
    let mut schema = json!({
        "allOf": [
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"b": {"type": "object", "properties": {"c": {"type": "integer"}}}}},
        ],
    });
    close(&mut schema, false);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(validator.is_valid(&json!({"a": "x", "b": {"c": 1}})));
    for wrong in [json!({}), json!({"a": 1}), json!({"a": "x", "d": 1}), json!({"a": "x", "b": {"d": 1}})] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
    assert!(
        is_open(&json!({"type": "object"}))
            && is_open(&json!({"type": ["object", "null"], "additionalProperties": {}}))
    );
    assert!(!is_open(&json!({"type": "object", "additionalProperties": {"type": "string"}})));
}

/// PUTs each of these values into a resource and reads it back; then PUTs the whole answer, which changes nothing.
async fn put_each_member_then_the_whole(app: &TestApp, token: &str, path: &str, changes: &[(&str, Value)]) {
    for (member, value) in changes {
        let body = json!({(*member): value});
        let put = app.put(path, Some(token), &body).await.expect(200);
        let read = app.get(path, Some(token)).await.expect(200);
        assert_eq!((&put[*member], &read[*member]), (value, value), "{path}: {member}");
    }
    let whole = app.get(path, Some(token)).await.expect(200);
    assert_eq!(app.put(path, Some(token), &whole).await.expect(200), whole, "{path}");
    assert_eq!(app.get(path, Some(token)).await.expect(200), whole, "{path}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn people_and_broadcasts_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let postal =
        json!({"postal_code": "H2X 1Y4", "locality": "Montréal", "region": "QC", "country": "CA", "primary": true});
    let person = [
        ("given_name", json!("Amina")),
        ("family_name", json!("Okafor-Roy")),
        ("email_addresses", json!([{"address": "Alliance-Bela@example.org", "primary": true}])),
        ("postal_addresses", json!([postal])),
        ("phone_numbers", json!([{"number": "+14165550100", "primary": true}])),
        ("preferred_language", json!("fr")),
    ];
    let path = format!("/api/v1/people/{}", resources.person);
    put_each_member_then_the_whole(&app, &resources.token, &path, &person).await;
    let changes = "SELECT count(*) FROM audit_entries WHERE verb = 'person.merge'";
    assert_eq!(app.count(changes).await, i64::try_from(person.len()).unwrap(), "what changes nothing is no change");

    let audience = json!({
        "actions": [resources.event.to_string(), resources.petition.to_string()], "locales": ["fr"], "regions": ["CA-QC"], "sources": ["flyer"], "tags": ["volunteer"],
    });
    let broadcast = [
        (
            "muster:texts",
            json!({"en": {"subject": "Won", "body": "**Won**"}, "fr": {"subject": "Gagné", "body": "Gagné"}}),
        ),
        ("muster:locale", json!("fr")),
        ("muster:audience", audience),
    ];
    let path = format!("/api/v1/broadcasts/{}", resources.broadcast);
    put_each_member_then_the_whole(&app, &resources.token, &path, &broadcast).await;
    app.jobs().await;
    let counted = app.get(&path, Some(&resources.token)).await.expect(200);
    assert_eq!(app.put(&path, Some(&resources.token), &counted).await.expect(200), counted, "it is not counted again");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mailboxes_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = Some(resources.token.as_str());
    sqlx::query("INSERT INTO mail_lanes (lane) SELECT id::text FROM mailboxes LIMIT 1 ON CONFLICT DO NOTHING")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    let lane: String = sqlx::query_scalar("SELECT lane FROM mail_lanes").fetch_one(&app.kernel.db).await.unwrap();
    let new = muster::mail::NewEmail {
        organization_id: sqlx::query_scalar("SELECT id FROM organizations").fetch_one(&app.kernel.db).await.unwrap(),
        class: muster::mail::Class::Letter,
        kind: "letter",
        lane: &lane,
        refs: json!({}),
        protected: false,
        due_at: None,
    };
    let mut conn = app.kernel.db.acquire().await.unwrap();
    muster::mail::enqueue(&mut conn, &app.kernel.env, new).await.unwrap();
    drop(conn);
    let path = format!("/api/v1/mail/lanes/{lane}");
    let read = async || {
        let summary = app.get("/api/v1/mail/summary", token).await.expect(200);
        summary["muster:lanes"].as_array().unwrap().iter().find(|found| found["lane"] == *lane).unwrap().clone()
    };
    for (member, value) in [
        ("rate_per_hour", json!(120)),
        ("burst", json!(7)),
        ("paused", json!(true)),
        ("hours", json!({"opens_at": "09:30", "closes_at": "17:00", "timezone": "America/Toronto"})),
    ] {
        app.put(&path, token, &json!({(member): value})).await.expect(200);
        assert_eq!(read().await[member], value, "{member}");
    }
    let whole = read().await;
    app.put(&path, token, &whole).await.expect(200);
    assert_eq!(read().await, whole);
    app.put(&path, token, &json!({"hours": null})).await.expect(200);
    assert_eq!(read().await["hours"], Value::Null);
    app.put(&path, token, &json!({"muster:rate": 1})).await.problem(422, "validation_failed", &["/muster:rate"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn misspelled_members_of_people_and_broadcasts_are_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let person = signer("misspelled@example.org");
    let broadcast = json!({
        "muster:texts": {"en": {"subject": "S", "body": "B"}}, "muster:audience": {"actions": [resources.petition.to_string()]},
    });
    for (method, path, body) in [
        (Method::POST, "/api/v1/people".to_owned(), person),
        (Method::PUT, format!("/api/v1/people/{}", resources.person), json!({})),
        (Method::POST, "/api/v1/broadcasts".to_owned(), broadcast),
        (Method::PUT, format!("/api/v1/broadcasts/{}", resources.broadcast), json!({})),
    ] {
        let with = |member: &str| {
            let mut body = body.clone();
            merge(&mut body, json!({(member): 1}));
            body
        };
        let send =
            async |body: &Value| app.request(method.clone(), &path, Some(&resources.token), &[], Some(body)).await;
        let refused = send(&with("muster:gaol")).await;
        refused.problem(422, "validation_failed", &["/muster:gaol"]);
        assert_eq!(refused.json()["errors"][0]["code"], "unknown_member");
        assert!(
            send(&with("donations")).await.status.is_success(),
            "{method} {path}: unknown members of others are ignored"
        );
    }
}
