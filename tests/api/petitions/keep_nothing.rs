//! "Count me, keep nothing": the contact is dropped as soon as the signature counts.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{TestApp, merge, signer};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn sign(app: &TestApp, more: Value) -> crate::harness::Reply {
    let mut body = signer("amara@example.org");
    merge(&mut body, more);
    app.post(SIGN, None, &body).await
}

/// Rows that still hold something of somebody.
async fn kept(app: &TestApp) -> i64 {
    app.count(
        "SELECT (SELECT count(*) FROM signatures WHERE sealed IS NOT NULL OR display <> 'hidden')
              + (SELECT count(*) FROM people WHERE sealed IS NOT NULL) + (SELECT count(*) FROM consents)",
    )
    .await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn signer_can_request_keep_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let both = json!({"muster:keep_nothing": true, "muster:consents": {"updates": true}});
    sign(&app, both).await.problem(422, "validation_failed", &["/muster:keep_nothing"]);
    sign(&app, json!({"comments": "first"})).await.expect(202);
    assert_eq!(app.mail_to("amara@example.org").await.len(), 1, "its mail goes first");
    sign(&app, json!({"muster:keep_nothing": true, "muster:display": "full_name", "comments": "x"})).await.expect(202);
    let mails = app.mail_to("amara@example.org").await;
    let done = app.press(&mails[1].links[0]).await.text();
    assert!(done.contains("We have deleted your name and email address."), "{done}");
    assert_eq!(kept(&app).await, 0, "of the other attempt neither");
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted' AND country = 'CA'").await, 1);
    assert_eq!(app.mail_to("amara@example.org").await.len(), 2, "there is no address to thank");

    // the same address counts once, and the page that was given instead of a mail withdraws
    sign(&app, json!({"muster:keep_nothing": true})).await.expect(202);
    let link = app.mail_to("amara@example.org").await.pop().unwrap().links[0].clone();
    app.press(&link).await;
    let total =
        async || app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"].clone();
    assert_eq!(total().await, 1);
    let end = done.find("Keep this link").unwrap();
    let manage = done[done[..end].rfind("/t/").unwrap()..].split('"').next().unwrap();
    assert_eq!(app.form(manage, &[]).await.status, 200);
    assert_eq!(total().await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_petition_always_drops_contacts(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    sign(&app, json!({})).await.expect(202);
    let link = app.mail_to("amara@example.org").await[0].links[0].clone();
    let done = app.press(&link).await.text();
    assert!(done.contains("Keep this link") && !done.contains("Status for all"), "{done}");
    assert_eq!(kept(&app).await, 0);
    assert!(app.get("/p/status", None).await.text().contains("Only the count remains"));

    app.petition(&token, json!({"muster:slug": "plain"})).await;
    let changed = app.put("/api/v1/petitions/plain", Some(&token), &json!({"muster:keeps_contacts": false})).await;
    assert_eq!(changed.expect(200)["muster:keeps_contacts"], false);
    app.post("/api/v1/petitions/plain/signatures", None, &signer("bo@example.org")).await.expect(202);
    app.press(&app.mail_to("bo@example.org").await[0].links[0].clone()).await;
    assert_eq!(kept(&app).await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn contact_is_dropped_immediately_without_confirmation(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    let page = app.form(
        "/p/status",
        &[("given_name", "Amara"), ("email", "amara@example.org"), ("keep_nothing", "true"), ("locale", "en")],
    );
    assert_eq!(page.await.status, 200);
    assert_eq!((kept(&app).await, app.count("SELECT count(*) FROM emails").await), (0, 0));
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 1);
}
