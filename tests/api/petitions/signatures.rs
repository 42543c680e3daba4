//! Petitions and signatures, through HTTP.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{Reply, TestApp, merge, signer};

const SIGN: &str = "/api/v1/petitions/status/signatures";

/// The first link of the only mail to an address that asks to confirm.
pub async fn confirm_link(app: &TestApp, address: &str) -> String {
    let mails = app.mail_to(address).await;
    let mail = mails.last().unwrap_or_else(|| panic!("no mail to {address}"));
    assert!(mail.links[0].contains("/t/"), "the first link is {}", mail.links[0]);
    mail.links[0].clone()
}

async fn total(app: &TestApp, token: Option<&str>) -> i64 {
    app.get("/api/v1/petitions/status", token).await.expect(200)["total_signatures"].as_i64().unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn signature_is_counted_after_confirmation(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;

    let reply = app.post(SIGN, None, &signer("amara@example.org")).await;
    let body = reply.expect(202);
    assert_eq!((body["status"].as_str(), body["confirmation"].as_str()), (Some("received"), Some("email")));
    assert_eq!(total(&app, Some(&token)).await, 0);

    let link = confirm_link(&app, "amara@example.org").await;
    let mail = &app.mail_to("amara@example.org").await[0];
    for typed in ["Amara", "Okafor", "M5V"] {
        assert!(
            !mail.text.contains(typed) && !mail.subject.contains(typed),
            "a mail to an unconfirmed address says {typed}"
        );
    }
    let page = app.get(app.path_of(&link), None).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.text().matches("<form").count(), 1);
    assert!(page.text().contains("method=\"post\"") && page.text().contains("Amara Okafor"));
    for (name, value) in
        [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-robots-tag", "noindex")]
    {
        assert_eq!(page.headers[name], value);
    }
    assert_eq!(total(&app, Some(&token)).await, 0, "GET changes nothing");

    let done = app.press(&link).await;
    assert_eq!(done.status, 200);
    assert_eq!(total(&app, Some(&token)).await, 1, "read your writes");
    assert_eq!(total(&app, None).await, 0, "the published number moves on its tick only");
    let again = app.press(&link).await;
    assert_eq!(again.text(), done.text(), "a second press shows the same success");
    assert_eq!(total(&app, Some(&token)).await, 1);
    app.tick().await;
    app.expire_caches();
    assert_eq!(total(&app, None).await, 1);
    let page = app.get("/p/status", None).await.text();
    assert!(page.contains("data-live-text>1 "), "the page shows the published number");

    let thanks = app.mail_to("amara@example.org").await.pop().unwrap();
    assert_eq!(thanks.kind, "petition_thanks");
    let manage = thanks.links.iter().find(|l| l.contains("/t/")).unwrap().clone();
    app.press(&manage).await;
    assert_eq!(total(&app, Some(&token)).await, 0, "withdrawn");
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'withdrawn' AND sealed IS NULL").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn form_submission_creates_a_signature(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(
        &token,
        json!({"petition_text": "We demand **status**.", "muster:texts": {"fr": {"title": "Un statut"}}}),
    )
    .await;
    let page = app.get("/p/status", None).await;
    assert!(page.text().contains("<strong>status</strong>"));
    let french = app.get("/p/status?lang=fr", None).await;
    assert!(french.text().contains("Un statut") && french.headers["content-language"] == "fr");

    let refused = app.form("/p/status", &[("given_name", "Amara"), ("email", "nobody"), ("locale", "en")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("value=\"Amara\"") && refused.text().contains("aria-invalid=\"true\""));

    let signed = app
        .form(
            "/p/status",
            &[
                ("given_name", "Amara"),
                ("email", "amara@example.org"),
                ("country", "CA"),
                ("locale", "fr"),
                ("updates", "true"),
            ],
        )
        .await;
    assert_eq!(signed.status, 200, "{}", signed.text());
    let link = confirm_link(&app, "amara@example.org").await;
    let done = app.press(&link).await.text();
    assert!(done.contains("lang=\"fr\""), "the link's page speaks the language of the act");
    assert_eq!(
        app.count("SELECT count(*) FROM consents WHERE purpose = 'updates' AND granted AND locale = 'fr'").await,
        1
    );

    let machine = app
        .form("/p/status", &[("given_name", "Bot"), ("email", "bot@example.org"), ("website", "http://spam.example")])
        .await;
    assert_eq!(machine.status, 200);
    let held = "SELECT count(*) FROM signatures WHERE state = 'pending' AND quarantine_reason = 'form'";
    assert_eq!(app.count(held).await, 1, "the honeypot loses nothing, and what it caught will be held");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_confirmation_a_second_signature_becomes_a_duplicate(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    let first = app.post(SIGN, None, &signer("amara@example.org")).await;
    let mut other = signer("A.MARA@EXAMPLE.ORG");
    merge(&mut other, json!({"comments": "again"}));
    let second = app.post(SIGN, None, &signer("Amara@EXAMPLE.org")).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(total(&app, Some(&token)).await, 1);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'duplicate'").await, 1);
    for i in 0..12 {
        app.post(SIGN, None, &signer(&format!("p{i}@example.org"))).await.expect(202);
    }
    app.tick().await;
    app.expire_caches();
    assert_eq!(total(&app, None).await, 10, "floored to ten");
    assert_eq!(total(&app, Some(&token)).await, 13);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn unconfirmed_signature_of_a_stranger_does_not_change_the_owners_confirmation(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let mut stranger = signer("victim@example.org");
    merge(
        &mut stranger,
        json!({"person": {"given_name": "Mallory", "family_name": "Liar", "email_addresses": [{"address": "victim@example.org"}]},
                                "comments": "I hate this", "muster:display": "full_name", "muster:consents": {"updates": true}}),
    );
    app.post(SIGN, None, &stranger).await.expect(202);
    let strangers_link = confirm_link(&app, "victim@example.org").await;
    app.post(SIGN, None, &signer("victim@example.org")).await.expect(202);
    let own_link = confirm_link(&app, "victim@example.org").await;
    assert_ne!(strangers_link, own_link);
    assert!(
        app.get(app.path_of(&strangers_link), None).await.text().contains("Mallory"),
        "each link shows its own act"
    );
    app.press(&own_link).await;

    let list = app
        .get("/api/v1/petitions/status/signatures?filter=muster:state%20eq%20'counted'", Some(&token))
        .await
        .expect(200);
    let signature = &list["_embedded"]["osdi:signatures"][0];
    assert_eq!(list["total_records"], 1);
    assert_eq!(signature["person"]["given_name"], "Amara");
    assert_eq!(signature["comments"], "");
    assert_eq!(signature["muster:display"], "hidden");
    assert_eq!(app.count("SELECT count(*) FROM consents").await, 0, "the stranger's tick is no consent");
    let people = app.get("/api/v1/people", Some(&token)).await.expect(200);
    assert_eq!(
        (people["total_records"].as_i64(), people["_embedded"]["osdi:people"][0]["given_name"].as_str()),
        (Some(1), Some("Amara"))
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_pending_signature_of_an_address_keeps_its_link(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "20")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for _ in 0..5 {
        app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
        app.mail().await;
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 5);
    let mails = app.mail_to("amara@example.org").await;
    assert_eq!(app.press(&mails[0].links[0]).await.status, 200, "also the oldest one");
    assert_eq!(app.press(&mails[3].links[0]).await.status, 200, "an earlier one of hers is a duplicate, shown alike");
    assert_eq!(total(&app, Some(&token)).await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn reject_link_deletes_the_pending_signature(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post(SIGN, None, &signer("victim@example.org")).await.expect(202);
    let link = confirm_link(&app, "victim@example.org").await;
    let page = app.get(app.path_of(&link), None).await.text();
    let reject = page
        .split("href=\"")
        .skip(1)
        .filter_map(|h| h.split('"').next())
        .find(|h| h.contains("/t/"))
        .unwrap()
        .to_owned();
    assert_eq!(app.get(app.path_of(&reject), None).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 1);
    assert_eq!(app.press(&reject).await.status, 200);
    assert_eq!(app.press(&reject).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0);
    assert_eq!(app.press(&link).await.status, 410);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn links_expire_and_forged_ones_do_not_work(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    let link = confirm_link(&app, "amara@example.org").await;
    let mut forged = link.clone();
    let last = if forged.pop() == Some('a') { 'e' } else { 'a' };
    forged.push(last);
    assert_eq!(app.press(&forged).await.status, 410);
    assert_eq!(app.get("/t/nonsense", None).await.status, 410);
    app.kernel.env.advance(chrono::TimeDelta::days(22));
    assert_eq!(app.get(app.path_of(&link), None).await.status, 410);
    assert_eq!(app.press(&link).await.status, 410);
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0, "what nobody confirmed is deleted");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn api_token_creates_a_counted_signature(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let reply = app.post(SIGN, Some(&token), &signer("amara@example.org")).await;
    let body = reply.expect(201);
    assert_eq!(body["muster:state"], "counted");
    assert_eq!(body["person"]["email_addresses"][0]["address"], "amara@example.org");
    let again = app.post(SIGN, Some(&token), &signer("amara@example.org")).await;
    again.expect(200);
    assert_eq!(again.id(), reply.id());
    assert_eq!(total(&app, Some(&token)).await, 1);
    // somebody who signed without confirming is completed by the organizer
    app.post(SIGN, None, &signer("bela@example.org")).await.expect(202);
    app.post(SIGN, Some(&token), &signer("bela@example.org")).await.expect(201);
    assert_eq!(app.count("SELECT count(*) FROM people WHERE sealed IS NULL").await, 0);
    let deleted = app.delete(&format!("{SIGN}/{}", reply.id()), Some(&token)).await.expect(200);
    assert!(deleted["notice"].is_string());
    assert_eq!(total(&app, Some(&token)).await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn idempotency_key_replays_the_first_response(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let key = [("Idempotency-Key", "k-1")];
    let send = async |body: &Value| app.request(Method::POST, SIGN, Some(&token), &key, Some(body)).await;
    let body = signer("amara@example.org");
    let (one, two) = tokio::join!(send(&body), send(&body));
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (201, 201));
    assert_eq!(one.id(), two.id());
    assert_eq!(send(&body).await.id(), one.id());
    send(&signer("other@example.org")).await.problem(422, "idempotency_mismatch", &[]);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 1);

    let create = json!({"title": "Twice"});
    let make = async || {
        app.request(Method::POST, "/api/v1/petitions", Some(&token), &[("Idempotency-Key", "k-2")], Some(&create)).await
    };
    let first = make().await;
    first.expect(201);
    assert_eq!(make().await.id(), first.id());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn invalid_fields_return_422_with_pointers(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let refused = async |body: Value| -> Reply { app.post(SIGN, None, &body).await };
    refused(json!({})).await.problem(422, "validation_failed", &["/person"]);
    refused(json!({"person": {}})).await.problem(422, "validation_failed", &["/person/email_addresses"]);
    refused(json!({"person": {"email_addresses": [{"address": "nobody"}]}})).await.problem(
        422,
        "validation_failed",
        &["/person/email_addresses/0/address"],
    );
    refused(json!({"person": {"given_name": 7, "email_addresses": []}})).await.problem(
        422,
        "validation_failed",
        &["/person/given_name"],
    );
    refused(json!({"person": {"given_name": "x".repeat(101), "email_addresses": [{"address": "a@example.org"}]}}))
        .await
        .problem(422, "validation_failed", &["/person/given_name"]);
    refused(json!({"person": {"given_name": "a\u{0}", "email_addresses": [{"address": "a@example.org"}]}}))
        .await
        .problem(422, "validation_failed", &["/person/given_name"]);
    let mut body = signer("a@example.org");
    merge(&mut body, json!({"comments": "x".repeat(10_000)}));
    refused(body.clone()).await.problem(422, "validation_failed", &["/comments"]);
    merge(&mut body, json!({"comments": "", "muster:display": "loud"}));
    refused(body).await.problem(422, "validation_failed", &["/muster:display"]);
    app.post("/api/v1/petitions", Some(&token), &json!({"title": ""})).await.problem(
        422,
        "validation_failed",
        &["/title"],
    );
    app.post("/api/v1/petitions", Some(&token), &json!({"title": "x", "muster:goal": 0})).await.problem(
        422,
        "validation_failed",
        &["/muster:goal"],
    );
    app.post("/api/v1/petitions", Some(&token), &json!({"title": "x", "muster:status": "open"})).await.problem(
        422,
        "validation_failed",
        &["/muster:status"],
    );
    app.post("/api/v1/petitions", Some(&token), &json!({"title": "x", "muster:slug": "status"})).await.problem(
        422,
        "validation_failed",
        &["/muster:slug"],
    );
    app.post(
        "/api/v1/petitions",
        Some(&token),
        &json!({"title": "x", "muster:privacy": "protected", "muster:confirmation": "none"}),
    )
    .await
    .problem(422, "validation_failed", &["/muster:confirmation"]);

    let emoji = "Zoë 👩🏽‍🌾 O\u{301}";
    let mut signs = signer("emoji@example.org");
    signs["person"]["given_name"] = json!(emoji);
    let shown = app.post(SIGN, Some(&token), &signs).await.expect(201);
    assert_eq!(shown["person"]["given_name"], "Zoë 👩🏽‍🌾 Ó", "emoji and combining characters survive, in NFC");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn closed_petition_returns_409_with_its_reason(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:status": "draft"})).await;
    app.post(SIGN, None, &signer("a@example.org")).await.problem(404, "not_found", &[]);
    assert_eq!(app.get("/p/status", None).await.status, 404);
    for (state, status, code) in [
        ("published", 202, ""),
        ("paused", 409, "action_closed"),
        ("closed", 409, "action_closed"),
        ("archived", 404, "not_found"),
    ] {
        app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:status": state})).await.expect(200);
        let reply = app.post(SIGN, None, &signer("a@example.org")).await;
        if code.is_empty() {
            reply.expect(status)
        } else {
            reply.problem(status, code, &[]);
            Value::Null
        };
    }
    app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:status": "draft"})).await.problem(
        409,
        "conflict",
        &[],
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn concurrent_submissions_and_confirmations_of_one_address_count_once(pool: PgPool) {
    let app = std::sync::Arc::new(TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "40")]).await);
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let body = signer("amara@example.org");
    let all = futures_util::future::join_all((0..32).map(|_| app.post(SIGN, None, &body))).await;
    assert!(all.iter().all(|r| r.status == 202));
    let links: Vec<String> = app.mail_to("amara@example.org").await.iter().map(|m| m.links[0].clone()).collect();
    assert!(!links.is_empty());
    let presses = links.iter().cycle().take(32);
    futures_util::future::join_all(presses.map(|link| app.press(link))).await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 1);
    assert_eq!(total(&app, Some(&token)).await, 1);
}
