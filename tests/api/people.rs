//! People: added by organizers, completed by their own acts, never emptied by an empty box.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, event},
    harness::{TestApp, merge, signer},
};

const PEOPLE: &str = "/api/v1/people";

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn post_person_creates_then_completes_by_address(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let added = app.post(PEOPLE, t, &signer("Amara+list@example.org")).await;
    let body = added.expect(200);
    assert_eq!(
        (body["given_name"].as_str(), body["email_addresses"][0]["address"].as_str()),
        (Some("Amara"), Some("Amara+list@example.org"))
    );
    assert_eq!(
        (body["postal_addresses"][0]["region"].as_str(), body["postal_addresses"][0]["country"].as_str()),
        (Some("ON"), Some("CA"))
    );
    assert_eq!(body["identifiers"][0], format!("muster:{}", added.id()));

    let more = json!({"person": {"given_name": "", "phone_numbers": [{"number": "416 555 0100"}], "preferred_language": "fr", "email_addresses": [{"address": "AMARA+LIST@Example.ORG"}]}});
    let again = app.post(PEOPLE, t, &more).await;
    let body = again.expect(200);
    assert_eq!(again.id(), added.id());
    assert_eq!(
        (body["given_name"].as_str(), body["family_name"].as_str()),
        (Some("Amara"), Some("Okafor")),
        "what is empty stays"
    );
    assert_eq!(
        (body["phone_numbers"][0]["number"].as_str(), body["preferred_language"].as_str()),
        (Some("+14165550100"), Some("fr"))
    );
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    assert_eq!(app.get(&format!("{PEOPLE}/{}", added.id()), t).await.expect(200), body);
    for (filter, found) in [
        ("email_address%20eq%20'amara%2Blist@example.org'", 1),
        ("email_address%20eq%20'other@example.org'", 0),
        ("preferred_language%20eq%20'fr'", 1),
    ] {
        assert_eq!(
            app.get(&format!("{PEOPLE}?filter={filter}"), t).await.expect(200)["total_records"],
            found,
            "{filter}"
        );
    }
    assert_eq!(app.mail().await.len(), 0, "an organizer's list mails nobody");
    app.post(PEOPLE, t, &json!({})).await.problem(422, "validation_failed", &["/person"]);
    app.post(PEOPLE, t, &json!({"person": {"given_name": "x"}})).await.problem(
        422,
        "validation_failed",
        &["/person/email_addresses"],
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn put_person_merges_details(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let id = app.post(PEOPLE, t, &signer("amara@example.org")).await.id();
    let path = format!("{PEOPLE}/{id}");
    let before = app.get(&path, t).await.expect(200);
    let merged = app
        .put(&path, t, &json!({"family_name": "Okafor-Roy", "given_name": "", "postal_addresses": []}))
        .await
        .expect(200);
    let mut expected = before.clone();
    expected["family_name"] = json!("Okafor-Roy");
    expected["modified_date"] = merged["modified_date"].clone();
    assert_eq!(merged, expected, "only what was said changed");
    assert_ne!(merged["modified_date"], before["modified_date"]);
    app.put(
        &path,
        t,
        &json!({"email_addresses": [{"address": "Amara@example.org"}], "phone_numbers": [{"number": "1"}]}),
    )
    .await
    .expect(200);
    app.put(&path, t, &json!({"email_addresses": [{"address": "other@example.org"}]})).await.problem(
        422,
        "validation_failed",
        &["/email_addresses/0/address"],
    );
    app.put(&path, t, &json!({"given_name": "x".repeat(101)})).await.problem(
        422,
        "validation_failed",
        &["/given_name"],
    );
    app.put(&path, t, &json!({"postal_addresses": [{"country": "CA", "postal_code": "12345"}]})).await.problem(
        422,
        "validation_failed",
        &["/postal_addresses/0/postal_code"],
    );
    let after = app.get(&path, t).await.expect(200);
    assert_eq!(
        (after["family_name"].as_str(), after["phone_numbers"][0]["number"].as_str()),
        (Some("Okafor-Roy"), Some("1"))
    );
    assert_eq!(
        app.count(
            "SELECT count(*) FROM audit_entries WHERE verb IN ('person.add', 'person.merge') AND object_id IS NOT NULL"
        )
        .await,
        3
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn idempotency_key_creates_one_person(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let send = async |body: &Value| {
        app.request(Method::POST, PEOPLE, Some(&token), &[("Idempotency-Key", "k")], Some(body)).await
    };
    let body = signer("amara@example.org");
    let (one, two) = tokio::join!(send(&body), send(&body));
    assert_eq!((one.status, one.id()), (two.status, two.id()), "a replay answers as the first did");
    assert_eq!(one.status, 200);
    assert_eq!((send(&body).await.status, send(&body).await.id()), (one.status, one.id()));
    send(&signer("other@example.org")).await.problem(422, "idempotency_mismatch", &[]);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'person.add'").await, 1);
    // known or not is not told
    let found =
        async || app.request(Method::POST, PEOPLE, Some(&token), &[("Idempotency-Key", "k-2")], Some(&body)).await;
    assert_eq!((found().await.status.as_u16(), found().await.status.as_u16()), (200, 200));
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    for (acts, key) in [("/api/v1/petitions/status/signatures", "s"), ("/api/v1/events/assembly/attendances", "a")] {
        let act = async |key: String| {
            app.request(Method::POST, acts, Some(&token), &[("Idempotency-Key", &key)], Some(&body)).await
        };
        let statuses = [
            act(format!("{key}-1")).await,
            act(format!("{key}-1")).await,
            act(format!("{key}-2")).await,
            act(format!("{key}-2")).await,
            act(format!("{key}-1")).await,
        ];
        assert_eq!(statuses.each_ref().map(|reply| reply.status.as_u16()), [201, 201, 200, 200, 201], "{acts}");
        assert!(statuses.iter().all(|reply| reply.id() == statuses[0].id()), "{acts}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn unticked_consent_withdraws_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    for slug in ["first", "second"] {
        app.petition(&token, json!({"muster:slug": slug})).await;
    }
    let mut ticked = signer("amara@example.org");
    merge(&mut ticked, json!({"muster:consents": {"updates": true}}));
    app.post("/api/v1/petitions/first/signatures", None, &ticked).await.expect(202);
    confirm(&app, "amara@example.org").await;
    let mut empty = json!({"person": {"email_addresses": [{"address": "amara@example.org"}]}});
    merge(&mut empty, json!({"muster:consents": {"updates": false}}));
    app.post("/api/v1/petitions/second/signatures", None, &empty).await.expect(202);
    confirm(&app, "amara@example.org").await;

    assert_eq!(app.count("SELECT count(*) FROM consents").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM consents WHERE granted AND purpose = 'updates' AND source = 'petition:first' AND wording <> ''").await, 1);
    let person = app.get(PEOPLE, t).await.expect(200)["_embedded"]["osdi:people"][0].clone();
    assert_eq!(
        (person["given_name"].as_str(), person["postal_addresses"][0]["postal_code"].as_str()),
        (Some("Amara"), Some("M5V 3L9")),
        "{person}"
    );
    let csv = app.get("/api/v1/exports/petitions/second/signatures.csv", t).await.text();
    assert!(csv.lines().nth(1).unwrap().contains(",true,"), "{csv}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn people_list_has_only_confirmed_or_added_people(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("pending@example.org")).await.expect(202);
    app.post(PEOPLE, t, &signer("added@example.org")).await.expect(200);
    let list = app.get(PEOPLE, t).await;
    assert_eq!(list.expect(200)["total_records"], 1);
    assert!(!list.text().contains("pending@example.org"));
    let hidden: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM people WHERE sealed IS NULL").fetch_one(&app.kernel.db).await.unwrap();
    app.get(&format!("{PEOPLE}/{hidden}"), t).await.problem(404, "not_found", &[]);
    app.put(&format!("{PEOPLE}/{hidden}"), t, &json!({"given_name": "x"})).await.problem(404, "not_found", &[]);
    confirm(&app, "pending@example.org").await;
    assert_eq!(app.get(PEOPLE, t).await.expect(200)["total_records"], 2);
    // an organizer of another organization has nobody, and adds somebody of their own at the same address
    let other = app.token("Neighbours", "all").await;
    assert_eq!(app.get(PEOPLE, Some(&other)).await.expect(200)["total_records"], 0);
    app.post(PEOPLE, Some(&other), &signer("added@example.org")).await.expect(200);
    assert_eq!(app.get(PEOPLE, t).await.expect(200)["total_records"], 2);
}
