//! Who may do what: every operation of the OpenAPI document, with every kind of caller.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{AllResources, create_all_resources},
    harness::{Reply, TestApp, signer},
};

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing, and it looks at no credentials.
    Nothing,
    /// Nothing; a token shows more.
    NoToken,
    /// The public act; a token vouches, which needs these.
    NoTokenOr(&'static [&'static str]),
    /// A token with these scopes.
    Scopes(&'static [&'static str]),
    /// A session of the console; no token will do.
    Session,
}
pub use Needs::{NoToken, NoTokenOr, Nothing, Scopes, Session};

const READ: Needs = Scopes(&["contacts:read"]);
const WRITE: Needs = Scopes(&["contacts:write"]);
const EDIT: Needs = Scopes(&["actions:write"]);
const MAIL: Needs = Scopes(&["mail:manage"]);
const EXPORT: Needs = Scopes(&["contacts:export"]);

/// Every operation. One that is not listed here fails the tests: decide who may call it.
const OPERATIONS: &[(&str, &str, Needs)] = &[
    ("GET", "/api/v1", Nothing),
    ("GET", "/api/v1/problems", Nothing),
    ("GET", "/api/v1/advocacy_campaigns", NoToken),
    ("POST", "/api/v1/advocacy_campaigns", EDIT),
    ("GET", "/api/v1/advocacy_campaigns/{id}", NoToken),
    ("PUT", "/api/v1/advocacy_campaigns/{id}", EDIT),
    ("DELETE", "/api/v1/advocacy_campaigns/{id}", EDIT),
    ("GET", "/api/v1/advocacy_campaigns/{id}/history", Scopes(&["actions:read"])),
    ("GET", "/api/v1/advocacy_campaigns/{id}/outreaches", READ),
    ("POST", "/api/v1/advocacy_campaigns/{id}/outreaches", NoTokenOr(&["actions:write", "contacts:write"])),
    ("GET", "/api/v1/advocacy_campaigns/{id}/outreaches/{outreach}", READ),
    ("POST", "/api/v1/advocacy_campaigns/{id}/preview", Scopes(&["actions:read"])),
    ("DELETE", "/api/v1/advocacy_campaigns/{id}/preview", EDIT),
    ("POST", "/api/v1/advocacy_campaigns/{id}/recount", EDIT),
    ("POST", "/api/v1/advocacy_campaigns/{id}/destroy", EDIT),
    ("GET", "/api/v1/advocacy_campaigns/{id}/short_links", Scopes(&["actions:read"])),
    ("POST", "/api/v1/advocacy_campaigns/{id}/short_links", EDIT),
    ("DELETE", "/api/v1/advocacy_campaigns/{id}/short_links/{word}", EDIT),
    ("GET", "/api/v1/audit", Scopes(&["audit:read"])),
    ("GET", "/api/v1/audit/entries.csv", Scopes(&["audit:read"])),
    ("POST", "/api/v1/audit/verify", Scopes(&["audit:read"])),
    ("GET", "/api/v1/organizers", Session),
    ("GET", "/api/v1/organizers/{id}", Session),
    ("PUT", "/api/v1/organizers/{id}", Session),
    ("DELETE", "/api/v1/organizers/{id}/sessions", Session),
    ("GET", "/api/v1/invitations", Session),
    ("POST", "/api/v1/invitations", Session),
    ("DELETE", "/api/v1/invitations/{id}", Session),
    ("GET", "/api/v1/profile", Scopes(&[])),
    ("PUT", "/api/v1/profile", Session),
    ("PUT", "/api/v1/profile/password", Session),
    ("GET", "/api/v1/profile/sessions", Session),
    ("DELETE", "/api/v1/profile/sessions", Session),
    ("DELETE", "/api/v1/profile/sessions/{session}", Session),
    ("GET", "/api/v1/tokens", Session),
    ("POST", "/api/v1/tokens", Session),
    ("DELETE", "/api/v1/tokens/{id}", Session),
    ("POST", "/api/v1/images", EDIT),
    ("DELETE", "/api/v1/images/{image}", EDIT),
    ("DELETE", "/api/v1/people/{id}", WRITE),
    ("GET", "/api/v1/partners", Scopes(&["actions:read"])),
    ("POST", "/api/v1/partners", EDIT),
    ("DELETE", "/api/v1/partners/{slug}", EDIT),
    ("PUT", "/api/v1/campaigns/{id}", EDIT),
    ("DELETE", "/api/v1/campaigns/{id}", EDIT),
    ("PUT", "/api/v1/updates/{id}", EDIT),
    ("DELETE", "/api/v1/updates/{id}", EDIT),
    ("POST", "/api/v1/updates/figures.csv", EDIT),
    ("GET", "/api/v1/campaigns", NoToken),
    ("POST", "/api/v1/campaigns", EDIT),
    ("GET", "/api/v1/campaigns/{id}", NoToken),
    ("GET", "/api/v1/events", NoToken),
    ("POST", "/api/v1/events", EDIT),
    ("GET", "/api/v1/events/{id}", NoToken),
    ("PUT", "/api/v1/events/{id}", EDIT),
    ("DELETE", "/api/v1/events/{id}", EDIT),
    ("GET", "/api/v1/events/{id}/door", Scopes(&["events:checkin"])),
    ("POST", "/api/v1/events/{id}/door", Scopes(&["events:checkin"])),
    ("GET", "/api/v1/events/{id}/joining", EDIT),
    ("PUT", "/api/v1/events/{id}/joining", EDIT),
    ("DELETE", "/api/v1/events/{id}/joining", EDIT),
    ("GET", "/api/v1/events/{id}/attendances", READ),
    ("POST", "/api/v1/events/{id}/attendances", NoTokenOr(&["contacts:write"])),
    ("GET", "/api/v1/events/{id}/attendances/{attendance}", READ),
    ("PUT", "/api/v1/events/{id}/attendances/{attendance}", WRITE),
    ("DELETE", "/api/v1/events/{id}/attendances/{attendance}", WRITE),
    ("GET", "/api/v1/events/{id}/history", Scopes(&["actions:read"])),
    ("POST", "/api/v1/events/{id}/preview", Scopes(&["actions:read"])),
    ("DELETE", "/api/v1/events/{id}/preview", EDIT),
    ("POST", "/api/v1/events/{id}/recount", EDIT),
    ("POST", "/api/v1/events/{id}/destroy", EDIT),
    ("GET", "/api/v1/events/{id}/short_links", Scopes(&["actions:read"])),
    ("POST", "/api/v1/events/{id}/short_links", EDIT),
    ("DELETE", "/api/v1/events/{id}/short_links/{word}", EDIT),
    ("GET", "/api/v1/exports", Scopes(&[])),
    ("GET", "/api/v1/exports/advocacy_campaigns/{id}/outreaches.csv", EXPORT),
    ("GET", "/api/v1/exports/events/{id}/attendances.csv", EXPORT),
    ("GET", "/api/v1/exports/petitions/{id}/signatures.csv", EXPORT),
    ("GET", "/api/v1/exports/petitions/{id}/signatures", EXPORT),
    ("GET", "/api/v1/exports/events/{id}/attendances", EXPORT),
    ("GET", "/api/v1/exports/advocacy_campaigns/{id}/outreaches", EXPORT),
    ("GET", "/api/v1/exports/phone_campaigns/{id}/calls.csv", EXPORT),
    ("GET", "/api/v1/exports/phone_campaigns/{id}/calls", EXPORT),
    ("GET", "/api/v1/exports/people", EXPORT),
    ("GET", "/api/v1/exports/consents", EXPORT),
    ("GET", "/api/v1/exports/petitions/{id}/deliveries/{delivery}/names.csv", EXPORT),
    ("GET", "/api/v1/exports/petitions/{id}/deliveries/{delivery}/names.xlsx", EXPORT),
    ("GET", "/api/v1/broadcasts", MAIL),
    ("POST", "/api/v1/broadcasts", MAIL),
    ("GET", "/api/v1/broadcasts/{id}", MAIL),
    ("PUT", "/api/v1/broadcasts/{id}", MAIL),
    ("DELETE", "/api/v1/broadcasts/{id}", MAIL),
    ("POST", "/api/v1/broadcasts/{id}/test", MAIL),
    ("POST", "/api/v1/broadcasts/{id}/send", MAIL),
    ("POST", "/api/v1/broadcasts/{id}/pause", MAIL),
    ("POST", "/api/v1/broadcasts/{id}/resume", MAIL),
    ("POST", "/api/v1/broadcasts/{id}/cancel", MAIL),
    ("GET", "/api/v1/broadcasts/{id}/recipients", MAIL),
    ("GET", "/api/v1/mail", MAIL),
    ("GET", "/api/v1/mail/summary", MAIL),
    ("PUT", "/api/v1/mail/pauses", MAIL),
    ("PUT", "/api/v1/mail/first_contacts", MAIL),
    ("POST", "/api/v1/mail/unsuppress", MAIL),
    ("PUT", "/api/v1/mail/lanes/{lane}", MAIL),
    ("PUT", "/api/v1/mail/relays/{relay}", MAIL),
    ("POST", "/api/v1/mail/retry", MAIL),
    ("POST", "/api/v1/mail/bounces", MAIL),
    ("POST", "/api/v1/mail/{id}/retry", MAIL),
    ("POST", "/api/v1/mail/{id}/cancel", MAIL),
    ("GET", "/api/v1/organization", Scopes(&["actions:read"])),
    ("PUT", "/api/v1/organization", EDIT),
    ("GET", "/api/v1/retention", Scopes(&["actions:read"])),
    ("PUT", "/api/v1/retention", EDIT),
    ("GET", "/api/v1/offices", NoToken),
    ("POST", "/api/v1/offices", EDIT),
    ("GET", "/api/v1/offices/{id}", NoToken),
    ("PUT", "/api/v1/offices/{id}", EDIT),
    ("GET", "/api/v1/officials", NoToken),
    ("POST", "/api/v1/officials", EDIT),
    ("GET", "/api/v1/officials/{id}", NoToken),
    ("GET", "/api/v1/people", READ),
    ("POST", "/api/v1/people", WRITE),
    ("GET", "/api/v1/people/{id}", READ),
    ("PUT", "/api/v1/people/{id}", WRITE),
    ("GET", "/api/v1/phone_campaigns", NoToken),
    ("POST", "/api/v1/phone_campaigns", EDIT),
    ("GET", "/api/v1/phone_campaigns/{id}", NoToken),
    ("PUT", "/api/v1/phone_campaigns/{id}", EDIT),
    ("DELETE", "/api/v1/phone_campaigns/{id}", EDIT),
    ("GET", "/api/v1/phone_campaigns/{id}/history", Scopes(&["actions:read"])),
    ("GET", "/api/v1/phone_campaigns/{id}/outreaches", READ),
    ("POST", "/api/v1/phone_campaigns/{id}/outreaches", NoTokenOr(&["actions:write", "contacts:write"])),
    ("GET", "/api/v1/phone_campaigns/{id}/outreaches/{outreach}", READ),
    ("POST", "/api/v1/phone_campaigns/{id}/preview", Scopes(&["actions:read"])),
    ("DELETE", "/api/v1/phone_campaigns/{id}/preview", EDIT),
    ("POST", "/api/v1/phone_campaigns/{id}/recount", EDIT),
    ("POST", "/api/v1/phone_campaigns/{id}/destroy", EDIT),
    ("GET", "/api/v1/phone_campaigns/{id}/short_links", Scopes(&["actions:read"])),
    ("POST", "/api/v1/phone_campaigns/{id}/short_links", EDIT),
    ("DELETE", "/api/v1/phone_campaigns/{id}/short_links/{word}", EDIT),
    ("GET", "/api/v1/petitions", NoToken),
    ("POST", "/api/v1/petitions", EDIT),
    ("GET", "/api/v1/petitions/{id}", NoToken),
    ("PUT", "/api/v1/petitions/{id}", EDIT),
    ("DELETE", "/api/v1/petitions/{id}", EDIT),
    ("GET", "/api/v1/petitions/{id}/counts", NoToken),
    ("GET", "/api/v1/petitions/{id}/deliveries", Scopes(&["actions:read"])),
    ("POST", "/api/v1/petitions/{id}/deliveries", EDIT),
    ("PUT", "/api/v1/petitions/{id}/deliveries/{delivery}", EDIT),
    ("DELETE", "/api/v1/petitions/{id}/deliveries/{delivery}", EDIT),
    ("POST", "/api/v1/petitions/{id}/deliveries/{delivery}/statement", EDIT),
    ("GET", "/api/v1/petitions/{id}/history", Scopes(&["actions:read"])),
    ("GET", "/api/v1/petitions/{id}/imports", READ),
    ("POST", "/api/v1/petitions/{id}/imports", WRITE),
    ("POST", "/api/v1/petitions/{id}/imports/{import}/start", WRITE),
    ("POST", "/api/v1/petitions/{id}/imports/{import}/cancel", WRITE),
    ("GET", "/api/v1/petitions/{id}/imports/{import}/faults.csv", READ),
    ("GET", "/api/v1/petitions/{id}/invalidations", READ),
    ("POST", "/api/v1/petitions/{id}/invalidations", WRITE),
    ("POST", "/api/v1/petitions/{id}/invalidations/{job}/cancel", WRITE),
    ("POST", "/api/v1/petitions/{id}/invalidations/{job}/undo", WRITE),
    ("GET", "/api/v1/petitions/{id}/paper_batches", Scopes(&["actions:read"])),
    ("POST", "/api/v1/petitions/{id}/paper_batches", EDIT),
    ("DELETE", "/api/v1/petitions/{id}/paper_batches/{batch}", EDIT),
    ("POST", "/api/v1/petitions/{id}/preview", Scopes(&["actions:read"])),
    ("DELETE", "/api/v1/petitions/{id}/preview", EDIT),
    ("POST", "/api/v1/petitions/{id}/recount", EDIT),
    ("POST", "/api/v1/petitions/{id}/destroy", EDIT),
    ("GET", "/api/v1/petitions/{id}/short_links", Scopes(&["actions:read"])),
    ("POST", "/api/v1/petitions/{id}/short_links", EDIT),
    ("DELETE", "/api/v1/petitions/{id}/short_links/{word}", EDIT),
    ("GET", "/api/v1/petitions/{id}/signatures", READ),
    ("POST", "/api/v1/petitions/{id}/signatures", NoTokenOr(&["contacts:write"])),
    ("GET", "/api/v1/petitions/{id}/signatures/{signature}", READ),
    ("PUT", "/api/v1/petitions/{id}/signatures/{signature}", WRITE),
    ("DELETE", "/api/v1/petitions/{id}/signatures/{signature}", WRITE),
    ("GET", "/api/v1/integrity", Scopes(&["actions:read"])),
    ("PUT", "/api/v1/integrity", EDIT),
    ("GET", "/api/v1/integrity/allowances", Scopes(&["actions:read"])),
    ("POST", "/api/v1/integrity/allowances", EDIT),
    ("DELETE", "/api/v1/integrity/allowances/{allowance}", EDIT),
    ("GET", "/api/v1/saved_filters", Scopes(&["actions:read"])),
    ("POST", "/api/v1/saved_filters", EDIT),
    ("DELETE", "/api/v1/saved_filters/{saved_filter}", EDIT),
    ("GET", "/api/v1/sources", Scopes(&["actions:read"])),
    ("POST", "/api/v1/sources", EDIT),
    ("DELETE", "/api/v1/sources/{word}", EDIT),
    ("GET", "/api/v1/updates", NoToken),
    ("POST", "/api/v1/updates", EDIT),
    ("GET", "/api/v1/updates/{id}", NoToken),
];

pub const SCOPES: [&str; 9] = [
    "actions:read",
    "actions:write",
    "contacts:read",
    "contacts:write",
    "contacts:export",
    "events:checkin",
    "letters:golive",
    "mail:manage",
    "audit:read",
];

/// The operations of the document, each with what it needs.
pub async fn operations(app: &TestApp) -> Vec<(Method, String, Needs)> {
    let document = app.get("/api/v1/openapi.json", None).await.expect(200);
    let table: BTreeMap<(&str, &str), Needs> =
        OPERATIONS.iter().map(|(method, path, needs)| ((*method, *path), *needs)).collect();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let needs = table
                .get(&(method.as_str(), path.as_str()))
                .unwrap_or_else(|| panic!("{method} {path}: who may call it?"));
            found.push((method.parse().unwrap(), path.clone(), *needs));
        }
    }
    assert_eq!(found.len(), table.len(), "the table names an operation that is gone");
    found
}

/// The path to these things; `within` names what the collection belongs to.
fn path_to(template: &str, resources: &AllResources, within: &AllResources) -> String {
    let own = match template.trim_start_matches("/api/v1/").trim_start_matches("exports/").split('/').next().unwrap() {
        "petitions" => within.petition,
        "events" => within.event,
        "advocacy_campaigns" => within.letter_action,
        "phone_campaigns" => within.call_action,
        "campaigns" => within.campaign,
        "updates" => within.update,
        "offices" => within.office,
        "officials" => within.official,
        "people" => within.person,
        "broadcasts" => within.broadcast,
        _ => Uuid::nil(),
    };
    let sub = [
        ("{batch}", Uuid::nil()),
        ("{job}", Uuid::nil()),
        ("{import}", Uuid::nil()),
        ("{delivery}", resources.delivery),
        ("{image}", Uuid::nil()),
        ("{allowance}", Uuid::nil()),
        ("{saved_filter}", Uuid::nil()),
        ("{signature}", resources.signature),
        ("{attendance}", resources.attendance),
        ("{outreach}", if template.contains("phone_campaigns") { resources.call } else { resources.outreach }),
    ];
    sub.iter().fold(template.replace("{id}", &own.to_string()), |path, (name, id)| path.replace(name, &id.to_string()))
}

/// A body that the operation takes.
fn body_for(method: &Method, template: &str, resources: &AllResources) -> Option<Value> {
    if template.ends_with("/retention") && *method == Method::PUT {
        return Some(json!({"muster:retention_months": 12}));
    }
    if *method == Method::POST {
        let mut who = signer("vouched@example.org");
        if template.ends_with("/people") {
            return Some(who);
        } else if template.ends_with("/short_links") || template.ends_with("/sources") {
            return Some(json!({"word": "changed"}));
        } else if template.ends_with("/destroy") {
            return Some(json!({"slug": "changed"}));
        } else if template.ends_with("/paper_batches") {
            return Some(json!({"reference": "Changed", "sheets": 1, "count": 1}));
        } else if template.ends_with("/broadcasts") {
            return Some(
                json!({"muster:texts": {"en": {"subject": "Changed", "body": "Changed"}}, "muster:audience": {"actions": [resources.petition]}}),
            );
        } else if template.ends_with("/deliveries") {
            return Some(json!({"date": "2026-12-10"}));
        } else if template.ends_with("/partners") {
            return Some(json!({"name": "Changed", "muster:wording": {"en": "Changed"}}));
        } else if template.ends_with("/unsuppress") {
            return Some(json!({"address": "vouched@example.org"}));
        } else if template.ends_with("/allowances") {
            return Some(json!({"domain": "changed.example"}));
        } else if template.ends_with("/saved_filters") {
            return Some(json!({"name": "Changed", "list": "signatures", "conditions": {"state": "counted"}}));
        } else if template.ends_with("/invalidations") {
            return Some(json!({"effect": "release", "reason": "Changed"}));
        } else if template.contains("{id}") {
            who["comments"] = json!("");
            return Some(who);
        }
    } else if *method != Method::PUT {
        return None;
    }
    if ["people", "broadcasts", "mail"].iter().any(|of| template.starts_with(&format!("/api/v1/{of}/"))) {
        return Some(json!({"family_name": "Changed", "given_name": "Changed"}));
    }
    let mut body = json!({
        "title": "Changed", "family_name": "Changed", "given_name": "Changed", "start_date": "2099-01-01 12:00:00",
    });
    if template.ends_with("/updates") {
        body["muster:campaign"] = json!(resources.campaign);
    }
    Some(body)
}

async fn call(app: &TestApp, method: &Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Reply {
    app.request(method.clone(), path, None, headers, body).await
}

/// Makes the newest token of all as useless as `set` says.
async fn spoil(app: &TestApp, set: &'static str) {
    sqlx::query(set).execute(&app.kernel.db).await.unwrap();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_operation_is_public_by_name_or_wants_a_token_that_counts(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let expired = app.token("Alliance", "all").await;
    spoil(
        &app,
        "UPDATE api_tokens SET expires_at = created_at WHERE id = (SELECT id FROM api_tokens ORDER BY id DESC LIMIT 1)",
    )
    .await;
    let revoked = app.token("Alliance", "all").await;
    spoil(
        &app,
        "UPDATE api_tokens SET revoked_at = created_at WHERE id = (SELECT id FROM api_tokens ORDER BY id DESC LIMIT 1)",
    )
    .await;
    let disabled = app.token("Gone", "all").await;
    spoil(&app, "UPDATE organizers SET disabled_at = created_at WHERE email = 'gone@staff.example.org'").await;
    let unknown = format!("mstr_{}", "a".repeat(52));
    let bearer = format!("Bearer {revoked}");
    let callers = [
        ("osdi-api-token", unknown.as_str()),
        ("osdi-api-token", "nonsense"),
        ("osdi-api-token", ""),
        ("osdi-api-token", &expired),
        ("osdi-api-token", &revoked),
        ("osdi-api-token", &disabled),
        ("authorization", &bearer),
        ("authorization", "Basic YTpi"),
    ];
    for (method, template, needs) in operations(&app).await {
        let path = path_to(&template, &ours, &ours);
        let body = body_for(&method, &template, &ours);
        let anonymous = call(&app, &method, &path, &[], body.as_ref()).await;
        match needs {
            Nothing | NoToken => assert_eq!(anonymous.status, 200, "{method} {path}: {}", anonymous.text()),
            NoTokenOr(_) => assert_eq!(anonymous.status, 202, "{method} {path}: {}", anonymous.text()),
            Scopes(_) | Session => refused(&anonymous, &format!("{method} {path}")),
        }
        if needs != Nothing {
            for credentials in &callers {
                refused(
                    &call(&app, &method, &path, &[*credentials], body.as_ref()).await,
                    &format!("{method} {path} {credentials:?}"),
                );
            }
        }
    }
}

#[track_caller]
fn refused(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 401, "{what}: {}", reply.text());
    reply.problem(401, "unauthorized", &[]);
    assert_eq!(reply.headers[header::WWW_AUTHENTICATE], "Bearer", "{what}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_missing_scope_is_named_and_nothing_happens(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let state = async || -> Vec<Value> {
        let sql = "SELECT to_jsonb(a) FROM actions a UNION ALL SELECT to_jsonb(s) FROM signatures s UNION ALL SELECT to_jsonb(t) FROM attendances t
                   UNION ALL SELECT to_jsonb(p) FROM people p UNION ALL SELECT to_jsonb(o) FROM offices o UNION ALL SELECT to_jsonb(l) FROM letters l
                   UNION ALL SELECT to_jsonb(c) FROM campaigns c UNION ALL SELECT to_jsonb(u) FROM updates u UNION ALL SELECT to_jsonb(f) FROM officials f
                   UNION ALL SELECT to_jsonb(e) FROM audit_entries e WHERE verb NOT LIKE 'token.%'";
        sqlx::query_scalar(sql).fetch_all(&app.kernel.db).await.unwrap()
    };
    let before = state().await;
    for (method, template, needs) in operations(&app).await {
        let (NoTokenOr(scopes) | Scopes(scopes)) = needs else { continue };
        let path = path_to(&template, &ours, &ours);
        let body = body_for(&method, &template, &ours);
        for missing in scopes {
            let others: Vec<&str> = SCOPES.into_iter().filter(|scope| scope != missing).collect();
            let token = app.token("Alliance", &others.join(",")).await;
            let reply = app.request(method.clone(), &path, Some(&token), &[], body.as_ref()).await;
            assert_eq!(reply.status, 403, "{method} {path} without {missing}: {}", reply.text());
            reply.problem(403, "forbidden", &[]);
            assert!(reply.json()["detail"].as_str().unwrap().contains(missing), "{}", reply.text());
        }
    }
    assert_eq!(state().await, before, "something was changed without a scope");
    for (method, template, needs) in operations(&app).await {
        let (NoTokenOr(scopes) | Scopes(scopes)) = needs else { continue };
        let token =
            app.token("Alliance", &if scopes.is_empty() { "audit:read".to_owned() } else { scopes.join(",") }).await;
        let path = template
            .replace("{id}", "nowhere")
            .replace("{signature}", "nowhere")
            .replace("{attendance}", "nowhere")
            .replace("{outreach}", "nowhere");
        let reply =
            app.request(method.clone(), &path, Some(&token), &[], body_for(&method, &template, &ours).as_ref()).await;
        // files are asked for after the scope
        let takes_a_file = ["/images", "/figures.csv", "/bounces"].iter().any(|name| template.ends_with(name));
        let expected: &[u16] = match (template.contains('{'), takes_a_file) {
            (true, _) => &[404],
            (false, true) => &[415],
            (false, false) => &[200, 201],
        };
        assert!(expected.contains(&reply.status.as_u16()), "{method} {path} with {scopes:?}: {}", reply.text());
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn drafts_and_exact_numbers_need_a_scope(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    for path in ["/api/v1/petitions", "/api/v1/events", "/api/v1/advocacy_campaigns"] {
        app.post(path, Some(&ours.token), &json!({"title": "Hidden draft"})).await.expect(201);
    }
    app.post("/api/v1/campaigns", Some(&ours.token), &json!({"title": "Hidden draft", "muster:status": "draft"}))
        .await
        .expect(201);
    let mailer = app.token("Alliance", "mail:manage").await;
    for list in ["petitions", "events", "advocacy_campaigns", "campaigns"] {
        let path = format!("/api/v1/{list}");
        assert_eq!(app.get(&path, Some(&ours.token)).await.expect(200)["total_records"], 2, "{list}");
        assert_eq!(app.get(&path, Some(&mailer)).await.expect(200), app.get(&path, None).await.expect(200), "{list}");
    }
    for path in [
        format!("/api/v1/petitions/{}", ours.petition),
        format!("/api/v1/events/{}", ours.event),
        format!("/api/v1/advocacy_campaigns/{}", ours.letter_action),
    ] {
        assert_eq!(app.get(&path, Some(&mailer)).await.expect(200), app.get(&path, None).await.expect(200), "{path}");
        assert_ne!(
            app.get(&path, Some(&ours.token)).await.expect(200),
            app.get(&path, None).await.expect(200),
            "{path}"
        );
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_neighbours_things_look_like_none(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let theirs = create_all_resources(&app, "Neighbours").await;
    let unknown = AllResources {
        token: String::new(),
        petition: app.kernel.env.id(),
        signature: app.kernel.env.id(),
        event: app.kernel.env.id(),
        attendance: app.kernel.env.id(),
        letter_action: app.kernel.env.id(),
        outreach: app.kernel.env.id(),
        call_action: app.kernel.env.id(),
        call: app.kernel.env.id(),
        office: app.kernel.env.id(),
        official: app.kernel.env.id(),
        campaign: app.kernel.env.id(),
        update: app.kernel.env.id(),
        person: app.kernel.env.id(),
        delivery: app.kernel.env.id(),
        broadcast: app.kernel.env.id(),
    };
    let counts = "SELECT (SELECT count(*) FROM signatures) + (SELECT count(*) FROM attendances) + (SELECT count(*) FROM letters) + (SELECT count(*) FROM people)
                       + (SELECT count(*) FROM audit_entries) + (SELECT count(*) FROM actions WHERE state = 'published' AND title <> 'Changed')";
    let before = app.count(counts).await;
    let mut walked = 0;
    let of_tokens = |(_, template, needs): &(Method, String, Needs)| template.contains('{') && *needs != Session;
    for (method, template, _) in operations(&app).await.into_iter().filter(of_tokens) {
        let body = body_for(&method, &template, &ours);
        let mut paths = vec![
            path_to(&template, &theirs, &theirs),
            path_to(&template, &unknown, &unknown),
            template.replace('{', "%7B").replace('}', "%7D"),
        ];
        if template.matches('{').count() == 2 {
            // another's signature within one's own petition, and one's own within another's
            paths.extend([
                path_to(&template, &theirs, &ours),
                path_to(&template, &ours, &theirs),
                path_to(&template, &unknown, &ours),
            ]);
        }
        for path in paths {
            let reply = app.request(method.clone(), &path, Some(&ours.token), &[], body.as_ref()).await;
            assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text());
            reply.problem(404, "not_found", &[]);
            walked += 1;
        }
    }
    assert!(walked > 80, "{walked}");
    assert_eq!(app.count(counts).await, before, "a neighbour changed something");
    // what names a neighbour's thing in a body finds none either
    let t = Some(ours.token.as_str());
    app.post("/api/v1/petitions", t, &json!({"title": "x", "muster:campaign": theirs.campaign})).await.problem(
        422,
        "validation_failed",
        &["/muster:campaign"],
    );
    app.post("/api/v1/updates", t, &json!({"title": "x", "muster:campaign": theirs.campaign})).await.problem(
        422,
        "validation_failed",
        &["/muster:campaign"],
    );
    app.post("/api/v1/officials", t, &json!({"family_name": "x", "muster:office": theirs.office})).await.problem(
        422,
        "validation_failed",
        &["/muster:office"],
    );
    app.post("/api/v1/advocacy_campaigns", t, &json!({"title": "x", "muster:targets": [theirs.office]})).await.problem(
        422,
        "validation_failed",
        &["/muster:targets/0"],
    );
    for list in [
        "people",
        "mail",
        "audit",
        "campaigns",
        "updates",
        "offices",
        "officials",
        "petitions",
        "events",
        "advocacy_campaigns",
    ] {
        let text = app.get(&format!("/api/v1/{list}?per_page=100"), t).await.text();
        for id in [
            theirs.petition,
            theirs.event,
            theirs.letter_action,
            theirs.campaign,
            theirs.update,
            theirs.office,
            theirs.official,
            theirs.person,
        ] {
            assert!(!text.contains(&id.to_string()), "{list} shows a neighbour's {id}");
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_is_not_understood_is_refused_by_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let session = app.session("Alliance").await;
    let (of_session, of_token) = (session.headers(), [("OSDI-API-Token", ours.token.as_str())]);
    let large = format!("{{\"title\":\"{}\"}}", "x".repeat(65 * 1024));
    for (method, template, needs) in operations(&app).await {
        let path = path_to(&template, &ours, &ours);
        let caller: &[(&str, &str)] = match needs {
            NoTokenOr(_) => &[],
            Session => &of_session,
            _ => &of_token,
        };
        let get = async |path: &str| call(&app, &Method::GET, path, caller, None).await;
        let whole = [
            "/joining",
            "/door",
            "/exports",
            "/summary",
            "/integrity",
            "/faults.csv",
            "/retention",
            "/profile",
            "/organization",
        ]
        .iter()
        .any(|name| template.ends_with(name));
        if method == Method::GET && !template.ends_with('}') && needs != Nothing && !whole {
            get(&format!("{path}?nonsense=1")).await.problem(400, "invalid_parameter", &[]);
            if !template.contains("/exports/") && !template.ends_with("/counts") {
                for query in ["page=0", "page=x", "per_page=0", "per_page=101"] {
                    get(&format!("{path}?{query}")).await.problem(400, "invalid_parameter", &[]);
                }
                for filter in [
                    "nonsense%20eq%20'x'",
                    "created_date",
                    "created_date%20eq%20'never'",
                    "(created_date%20gt%20'2026-01-01'",
                ] {
                    get(&format!("{path}?filter={filter}")).await.problem(400, "invalid_filter", &[]);
                }
            }
        }
        let bare = [
            "/preview",
            "/verify",
            "/recount",
            "/cancel",
            "/undo",
            "/test",
            "/pause",
            "/resume",
            "/statement",
            "/retry",
            "/bounces",
            "/images",
            "/figures.csv",
            "/imports",
        ]
        .iter()
        .any(|name| template.ends_with(name)); // take no body
        if (method == Method::POST || method == Method::PUT) && !bare {
            let send = async |kind: &str, body: String| {
                let mut request =
                    Request::builder().method(method.clone()).uri(&path).header(header::CONTENT_TYPE, kind);
                for (name, value) in caller {
                    request = request.header(*name, *value);
                }
                app.send(request.body(Body::from(body)).unwrap()).await
            };
            let reply = send("text/plain", "{}".to_owned()).await;
            assert_eq!(reply.status, 415, "{method} {path}: {}", reply.text());
            reply.problem(415, "unsupported_media_type", &[]);
            let form = send("application/x-www-form-urlencoded", "a=b".to_owned()).await;
            let helpers = ["/people", "/signatures", "/attendances", "/outreaches"];
            if method == Method::POST && helpers.iter().any(|helper| template.ends_with(helper)) {
                form.problem(422, "validation_failed", &["/person"]);
            } else {
                form.problem(415, "unsupported_media_type", &[]);
            }
            let reply = send("application/json", large.clone()).await;
            assert_eq!(reply.status, 413, "{method} {path}: {}", reply.text());
            reply.problem(413, "payload_too_large", &[]);
            send("application/json", "{\"title\": ".to_owned()).await.problem(422, "validation_failed", &[""]);
            send("application/json", "[]".to_owned()).await.expect(422);
        }
        let reply = call(&app, &Method::PATCH, &path, &[], None).await;
        reply.problem(405, "method_not_allowed", &[]);
        assert!(
            reply.headers[header::ALLOW].to_str().unwrap().contains(method.as_str()),
            "{path}: {:?}",
            reply.headers
        );
    }
    app.get("/api/v1/nowhere", Some(&ours.token)).await.problem(404, "not_found", &[]);
    for page in ["/p/alliance-petition", "/e/alliance-event", "/l/alliance-write"] {
        let reply = call(&app, &Method::DELETE, page, &[], None).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.headers[header::CONTENT_TYPE]),
            (405, &"text/html; charset=utf-8".parse().unwrap())
        );
        for (kind, body, status) in [
            ("application/json", "{}".to_owned(), 415),
            ("application/x-www-form-urlencoded", format!("email={}", "x".repeat(300_000)), 413),
        ] {
            let reply =
                app.send(Request::post(page).header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()).await;
            assert_eq!(
                (reply.status.as_u16(), &reply.headers[header::CONTENT_TYPE]),
                (status, &"text/html; charset=utf-8".parse().unwrap()),
                "{page}: {}",
                reply.text()
            );
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_organizers_answers_are_kept_by_nobody(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let session = app.session("Alliance").await;
    let own = app.get("/api/v1/profile", Some(&ours.token)).await.id();
    for (method, template, needs) in operations(&app).await.into_iter().filter(|(method, ..)| *method == Method::GET) {
        let path = path_to(&template, &ours, &ours);
        let headers =
            if needs == Session { session.headers().to_vec() } else { vec![("osdi-api-token", ours.token.as_str())] };
        let path = path.replace("/organizers/00000000-0000-0000-0000-000000000000", &format!("/organizers/{own}"));
        let reply = call(&app, &method, &path, &headers, None).await;
        let there = if template.contains("{import}") { 404 } else { 200 }; // nothing was imported here
        assert_eq!(reply.status, there, "{path}: {}", reply.text());
        let kept = reply.headers.get(header::CACHE_CONTROL).map_or("", |v| v.to_str().unwrap());
        assert!(needs == Nothing || kept.contains("no-store"), "{path}: `{kept}`");
    }
}
