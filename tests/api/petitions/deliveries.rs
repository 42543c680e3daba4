//! Handing over: the record, the statement that proves the number without names, and the names of those who said so.

use axum::http::header;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::harness::{TestApp, merge, signer};

const DELIVERIES: &str = "/api/v1/petitions/status/deliveries";

/// Vouches for a signature.
async fn sign(app: &TestApp, token: &str, address: &str, more: Value) -> Value {
    let mut body = signer(address);
    merge(&mut body, more);
    app.post("/api/v1/petitions/status/signatures", Some(token), &body).await.expect(201)
}

fn named(name: &str, address: &str) -> Value {
    json!({"muster:deliver_name": true, "person": {
        "given_name": name, "family_name": "Okafor", "email_addresses": [{"address": address}],
        "postal_addresses": [{"postal_code": "M5V 3L9", "region": "ON", "country": "CA"}],
    }})
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn delivery_statement_proves_the_total_without_names(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for i in 0..14 {
        let place = json!({"postal_code": "M5V 3L9", "region": if i < 12 { "ON" } else { "QC" }, "country": "CA"});
        let mut body = signer(&format!("s{i}@example.org"));
        body["person"]["postal_addresses"] = json!([place]);
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    app.press(&app.mail_to("amara@example.org").await.pop().unwrap().links[0]).await;
    let manage = app.mail_to("amara@example.org").await.pop().unwrap();
    let manage = manage.links.iter().find(|l| l.contains("/t/")).unwrap().clone();
    app.post("/api/v1/petitions/status/signatures", None, &signer("pending@example.org")).await.expect(202);
    let sheet = json!({"reference": "Box 1", "sheets": 3, "count": 41});
    app.post("/api/v1/petitions/status/paper_batches", Some(&token), &sheet).await.expect(201);

    let body = json!({"date": "2026-12-10", "place": "Parliament Hill", "received_by": "The Minister's office"});
    let planned = app.post(DELIVERIES, Some(&token), &body).await.expect(201);
    assert_eq!((&planned["muster:status"], &planned["muster:statement"]), (&json!("planned"), &Value::Null));
    let api = app.path_of(planned["_links"]["self"]["href"].as_str().unwrap()).to_owned();
    let list = app.path_of(planned["_links"]["muster:receipts"]["href"].as_str().unwrap()).to_owned();
    let page = list.trim_end_matches("/receipts.txt").to_owned();
    let stated = app.post(&format!("{api}/statement"), Some(&token), &json!({})).await.expect(200);
    assert_eq!(stated["muster:statement"]["total"], 15);
    assert_eq!(stated["muster:statement"]["paper"], 41);
    // two in Quebec would be few enough to guess
    assert!(stated["muster:statement"]["regions"].get("CA-QC").is_none(), "{stated}");
    for unseen in [&list, &page] {
        assert_eq!(app.get(unseen, None).await.status, 404, "planned");
    }

    // the number can be fixed again until it is handed over, and not afterwards
    sign(&app, &token, "late@example.org", json!({})).await;
    let again = app.post(&format!("{api}/statement"), Some(&token), &json!({})).await.expect(200);
    assert_eq!(again["muster:statement"]["total"], 16);
    app.put(&api, Some(&token), &json!({"muster:status": "delivered"})).await.expect(200);
    app.post(&format!("{api}/statement"), Some(&token), &json!({})).await.problem(409, "conflict", &[]);
    sign(&app, &token, "later@example.org", json!({})).await;
    let kept = app.put(&api, Some(&token), &json!({"note": "It rained.\nWe sang."})).await.expect(200);
    assert_eq!(kept["muster:statement"], again["muster:statement"]);
    assert_eq!(kept["place"], "Parliament Hill");

    // the list: as long as claimed, the one that was handed over, without anything that leads to a person
    let reply = app.get(&list, None).await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 16);
    assert!(lines.iter().all(|l| l.len() == 32 && l.bytes().all(|b| b.is_ascii_hexdigit())));
    assert!(lines.is_sorted(), "no line's place tells when its owner signed");
    let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
    assert_eq!(kept["muster:statement"]["receipts_sha256"], sha256);
    let public = app.get(&page, None).await;
    assert!(public.text().contains(&sha256) && public.text().contains("We sang."));
    let petition = app.get("/api/v1/petitions/status", None).await.expect(200);
    assert_eq!(petition["muster:deliveries"][0]["muster:statement"]["total"], 16);
    assert!(app.get("/p/status", None).await.text().contains(&page));

    // a signer finds the own line, and nobody else's
    let own = app.open_page(&manage).await.text();
    let mine: Vec<&&str> = lines.iter().filter(|line| own.contains(**line)).collect();
    assert_eq!(mine.len(), 1);

    // who is erased keeps the number, not the data; the next statement has no receipt for them
    let erase = own[own[..own.find("Delete my data").unwrap()].rfind("/t/").unwrap()..].split('"').next().unwrap();
    assert_eq!(app.form(erase, &[]).await.status, 200);
    let next = json!({"date": "2026-12-11", "muster:status": "delivered"});
    let next = app.post(DELIVERIES, Some(&token), &next).await.expect(201);
    assert_eq!(["total", "receipts", "erased"].map(|n| next["muster:statement"][n].as_i64().unwrap()), [17, 16, 1]);
    app.delete(&api, Some(&token)).await.expect(200);
    assert_eq!(app.get(&page, None).await.status, 404);
    assert_eq!(app.get(&list, None).await.status, 404);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn only_names_with_consent_are_exported(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    sign(&app, &token, "", named("Ana", "ana@example.org")).await;
    sign(&app, &token, "", named("=Bo", "bo@example.org")).await;
    let doubted = sign(&app, &token, "", named("Cy", "cy@example.org")).await;
    let withdrawn = sign(&app, &token, "", named("Di", "di@example.org")).await;
    sign(&app, &token, "silent@example.org", json!({})).await;
    let path_of = |signature: &Value| app.path_of(signature["_links"]["self"]["href"].as_str().unwrap()).to_owned();
    app.put(&path_of(&doubted), Some(&token), &json!({"muster:vetted": "doubtful"})).await.expect(200);
    app.delete(&path_of(&withdrawn), Some(&token)).await.expect(200);
    let made = app.post(DELIVERIES, Some(&token), &json!({"date": "2026-12-10"})).await.expect(201);
    let id = made["identifiers"][0].as_str().unwrap().trim_start_matches("muster:").to_owned();
    let names = format!("/api/v1/exports/petitions/status/deliveries/{id}/names");

    let csv = app.get(&format!("{names}.csv"), Some(&token)).await;
    assert_eq!(csv.status, 200);
    assert_eq!(csv.text(), "name,region\r\nAna Okafor,CA-ON\r\n'=Bo Okafor,CA-ON\r\n");
    let book = app.get(&format!("{names}.xlsx"), Some(&token)).await;
    assert_eq!((book.status.as_u16(), &book.body[..4]), (200, &b"PK\x03\x04"[..]));
    assert!(book.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains("status-2026-12-10.xlsx"));
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'names.export'").await, 2);

    let reader = app.token("Riverside", "actions:read,actions:write").await;
    app.get(&format!("{names}.csv"), Some(&reader)).await.problem(403, "forbidden", &[]);
    app.petition(&token, json!({"muster:slug": "quiet", "muster:privacy": "protected"})).await;
    let quiet = app.post("/api/v1/petitions/quiet/deliveries", Some(&token), &json!({"date": "2026-12-10"})).await;
    let quiet = quiet.expect(201)["identifiers"][0].as_str().unwrap().trim_start_matches("muster:").to_owned();
    let path = format!("/api/v1/exports/petitions/quiet/deliveries/{quiet}/names.csv");
    app.get(&path, Some(&token)).await.problem(403, "forbidden", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn invalid_delivery_fields_return_422_with_pointers(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let nowhere = "0190b8d0-0000-7000-8000-000000000000";
    for (body, pointer) in [
        (json!({}), "/date"),
        (json!({"date": "tomorrow"}), "/date"),
        (json!({"date": "2026-12-10", "muster:event": "no-such"}), "/muster:event"),
        (json!({"date": "2026-12-10", "muster:image": nowhere}), "/muster:image"),
        (json!({"date": "2026-12-10", "place": "x".repeat(201)}), "/place"),
        (json!({"date": "2026-12-10", "muster:status": "done"}), "/muster:status"),
    ] {
        app.post(DELIVERIES, Some(&token), &body).await.problem(422, "validation_failed", &[pointer]);
    }
    let event = json!({"title": "Handing over", "start_date": "2026-12-10T15:00:00Z", "muster:slug": "hand-over", "muster:status": "published"});
    app.post("/api/v1/events", Some(&token), &event).await.expect(201);
    let body = json!({"date": "2026-12-10", "muster:event": "hand-over", "muster:status": "delivered"});
    let made = app.post(DELIVERIES, Some(&token), &body).await.expect(201);
    assert_eq!(made["muster:event"], "hand-over");
    let page = app.path_of(made["browser_url"].as_str().unwrap()).to_owned();
    assert!(app.get(&page, None).await.text().contains("/e/hand-over"));
    app.put(&format!("{DELIVERIES}/{nowhere}"), Some(&token), &json!({})).await.problem(404, "not_found", &[]);
    app.delete(&format!("{DELIVERIES}/{nowhere}"), Some(&token)).await.problem(404, "not_found", &[]);
}
