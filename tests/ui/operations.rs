//! Whatever the API can do, the console does: every operation that writes has a form or a button that a reader without
//! scripts reaches from the overview, or a line in `operations.txt` that says why not.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::Body,
    http::{Request, header},
};
use muster::organizers::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::create_all_resources,
    harness::TestApp,
    ui::{
        forms::{attribute, forms},
        sessions::{csrf, get, send, sign_in},
    },
};

/// The operations of the API's document that write: `PUT /api/v1/...`.
fn writes() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut found = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            if ["POST", "PUT", "DELETE", "PATCH"].contains(&method.as_str()) {
                found.insert(format!("{method} {path}"));
            }
        }
    }
    found
}

/// The operation that a request is one of.
fn operation_of(method: &str, path: &str, known: &BTreeSet<String>) -> String {
    let fits = |pattern: &str| {
        let (asked, parts): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
        asked.len() == parts.len()
            && parts.iter().zip(&asked).all(|(part, asked)| part.starts_with('{') || part == asked)
    };
    let mut found: Vec<&String> =
        known.iter().filter(|known| known.split_once(' ').is_some_and(|(m, p)| m == method && fits(p))).collect();
    // of two that fit, the one that names more
    found.sort_by_key(|operation| operation.matches('{').count());
    let first = found.first().unwrap_or_else(|| panic!("a form issues what the API does not have: {method} {path}"));
    (*first).clone()
}

/// Follows the links of the console's pages, and adds the operations that their forms issue.
async fn walk(app: &TestApp, session: &str, known: &BTreeSet<String>, found: &mut BTreeMap<String, String>) {
    let mut seen = BTreeSet::from(["/console".to_owned()]);
    let mut waiting = vec!["/console".to_owned()];
    while let Some(address) = waiting.pop() {
        let page = get(app, &address, session).await;
        assert_eq!(page.status, 200, "{address}: {}", page.text());
        let page = page.text();
        for form in forms(&page).iter().filter(|form| form.method == "post") {
            let operation = match form.action.as_str() {
                "/console/act" => {
                    let path = form.value("path").unwrap();
                    operation_of(form.value("method").unwrap(), path, known)
                }
                _ if form.operation.is_empty() => continue,
                action => {
                    assert_eq!(action, address.split('?').next().unwrap(), "a declared form is sent to its own page");
                    form.operation.clone()
                }
            };
            found.entry(operation).or_insert_with(|| address.clone());
        }
        for tag in page.split("<a ").skip(1) {
            let to = attribute(tag.split('>').next().unwrap(), "href").unwrap_or_default();
            let to = to.split('#').next().unwrap().to_owned();
            let is_ours = to.strip_prefix("/console").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if is_ours && !to.contains("lang=") && seen.insert(to.clone()) {
                waiting.push(to);
            }
        }
    }
    assert!(seen.len() > 60, "only {} pages are linked: {seen:?}", seen.len());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_operation_that_writes_has_a_form_or_a_reason(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = create_all_resources(&app, "Alliance").await;
    let token = Some(all.token.as_str());
    let post = async |path: String, body: Value| app.post(&path, token, &body).await;
    let put = async |path: String, body: Value| app.put(&path, token, &body).await.expect(200);
    let petition = format!("/api/v1/petitions/{}", all.petition);
    let broadcast = format!("/api/v1/broadcasts/{}", all.broadcast);
    for (kind, id) in [
        ("petitions", all.petition),
        ("events", all.event),
        ("advocacy_campaigns", all.letter_action),
        ("phone_campaigns", all.call_action),
    ] {
        post(format!("/api/v1/{kind}/{id}/short_links"), json!({"word": format!("go-{kind}").replace('_', "-")}))
            .await
            .expect(201);
    }
    for (path, body) in [
        ("sources", json!({"word": "hall"})),
        ("partners", json!({"name": "Union", "muster:wording": {"en": "Yes"}})),
        ("integrity/allowances", json!({"domain": "union.example"})),
        ("saved_filters", json!({"name": "Held", "list": "signatures", "conditions": {"state": "quarantined"}})),
    ] {
        post(format!("/api/v1/{path}"), body).await.expect(201);
    }
    post(format!("{petition}/paper_batches"), json!({"reference": "Box", "sheets": 1, "count": 3})).await.expect(201);
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let upload = async |path: String, kind: &str, body: Vec<u8>| {
        let request = Request::post(path).header("OSDI-API-Token", &all.token).header(header::CONTENT_TYPE, kind);
        app.send(request.body(Body::from(body)).unwrap()).await
    };
    let image = upload("/api/v1/images?alt=A".to_owned(), "image/png", png.into_inner()).await;
    put(petition.clone(), json!({"muster:image": image.id()})).await;
    let csv = b"email\nana@example.org\n".to_vec();
    upload(format!("{petition}/imports?name=a.csv"), "text/csv", csv).await.expect(201);
    put(format!("{petition}/signatures/{}", all.signature), json!({"muster:state": "quarantined"})).await;
    put(format!("/api/v1/advocacy_campaigns/{}", all.letter_action), json!({"muster:live": true})).await;
    app.jobs().await;
    sqlx::query("INSERT INTO mail_relays (relay) VALUES ('relay.example.org:587')")
        .execute(&app.kernel.db)
        .await
        .unwrap();

    // a second session of one's own, a colleague who is signed in, and somebody who is invited
    sign_in(&app).await;
    let colleague = app.colleague("Alliance", "karim", Role::Organizer).await;
    app.session_of(&colleague).await;
    let session = sign_in(&app).await;
    let invited = [
        ("csrf", csrf(&get(&app, "/console/team", &session).await)),
        ("method", "POST".to_owned()),
        ("path", "/api/v1/invitations".to_owned()),
        ("/name", "Olu".to_owned()),
        ("/email", "olu@example.org".to_owned()),
        ("/role", "host".to_owned()),
    ];
    let invited: Vec<(&str, &str)> = invited.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(send(&app, "/console/act", &session, &invited).await.status, 303);
    let known = writes();
    let mut found = BTreeMap::new();
    // a draft, a job that has not begun, mail that waits
    let rule = json!({"reason": "Flood", "effect": "release", "rule": {"domain": "example.org"}});
    post(format!("{petition}/invalidations"), rule).await.expect(202);
    walk(&app, &session, &known, &mut found).await;
    // what can be done afterwards
    app.jobs().await;
    post(format!("{broadcast}/send"), json!({})).await;
    app.jobs().await;
    sqlx::query("UPDATE emails SET state = 'failed', settled_at = now(), failure = '550 no' WHERE state = 'queued'")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    walk(&app, &session, &known, &mut found).await;
    for (state, set) in [("sending", "'sending'"), ("paused", "'paused'")] {
        let update = sqlx::AssertSqlSafe(format!("UPDATE broadcasts SET state = {set}"));
        sqlx::query(update).execute(&app.kernel.db).await.unwrap_or_else(|error| panic!("{state}: {error}"));
        walk(&app, &session, &known, &mut found).await;
    }

    let reasons: BTreeSet<String> = include_str!("operations.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}")).0.to_owned())
        .collect();
    let issued: BTreeSet<String> = found.keys().cloned().collect();
    let without: Vec<&String> = known.iter().filter(|of| !issued.contains(*of) && !reasons.contains(*of)).collect();
    assert!(without.is_empty(), "no form issues these: {without:#?}");
    let stale: Vec<&String> = reasons.iter().filter(|of| issued.contains(*of) || !known.contains(*of)).collect();
    assert!(stale.is_empty(), "lines that are no longer true: {stale:#?}");
}
