//! Petitions that carry a letter: one form, one acknowledgement, signature and letters both or neither.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{TestApp, merge, signer};

const SIGN: &str = "/api/v1/petitions/status/signatures";

/// A published petition that carries a live letter to two offices. Returns the organizer's token.
async fn carrying(app: &TestApp) -> String {
    let token = app.owner().await;
    for (slug, title, family) in
        [("safety", "Minister of Safety", "Vandel"), ("status-minister", "Minister of Status", "Oyelar")]
    {
        let office = json!({"title": title, "muster:slug": slug, "muster:mailboxes": [format!("{slug}@example.org")],
                            "muster:holder": {"given_name": "Robin", "family_name": family, "honorific_prefix": "The Honourable"}});
        app.post("/api/v1/offices", Some(&token), &office).await.expect(201);
    }
    let letter = json!({"title": "Write to both", "muster:slug": "both", "type": "email", "muster:status": "published", "muster:targets": ["safety", "status-minister"],
                        "muster:letters": [{"locale": "en", "subjects": ["Please act"], "body": "Dear {{ target.salutation }},\n\nStop every deportation."}]});
    app.post("/api/v1/advocacy_campaigns", Some(&token), &letter).await.expect(201);
    app.put("/api/v1/advocacy_campaigns/both", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.petition(&token, json!({"muster:letter": "both"})).await;
    token
}

async fn totals(app: &TestApp, token: &str) -> (Value, Value) {
    let petition = app.get("/api/v1/petitions/status", Some(token)).await.expect(200);
    let letter = app.get("/api/v1/advocacy_campaigns/both", Some(token)).await.expect(200);
    (petition["total_signatures"].clone(), letter["total_outreaches"].clone())
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn confirming_the_signature_sends_its_attached_letters(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = carrying(&app).await;
    let page = app.get("/p/status", None).await.text();
    for said in ["Minister of Safety", "Minister of Status", "Stop every deportation.", "name=\"message\""] {
        assert!(page.contains(said), "the page does not show {said}");
    }
    let form = [
        ("given_name", "Amara"),
        ("family_name", "Okafor"),
        ("email", "amara@example.org"),
        ("country", "CA"),
        ("locale", "en"),
        ("subject", "Please act"),
        ("message", "My own words: {{ target.salutation }} stays as typed."),
    ];
    assert_eq!(app.form("/p/status", &form).await.status, 200);
    let mails = app.mail_to("amara@example.org").await;
    assert_eq!(mails.len(), 1, "one mail asks for both");
    assert!(mails[0].text.contains("Your letter goes out with it."), "{}", mails[0].text);
    // the page shows what its button does
    let page = app.get(app.path_of(&mails[0].links[0]), None).await.text();
    for said in [
        "Sign and send my letter",
        "Minister of Safety, Minister of Status",
        "Please act",
        "stays as typed.",
        "Amara Okafor",
    ] {
        assert!(page.contains(said), "the page to confirm does not show {said}: {page}");
    }
    assert_eq!(totals(&app, &token).await, (json!(0), json!(0)));
    let done = app.press(&mails[0].links[0]).await.text();
    assert!(done.contains("Your letter is confirmed, too."), "{done}");
    app.press(&mails[0].links[0]).await;
    assert_eq!(totals(&app, &token).await, (json!(1), json!(2)));
    for (mailbox, name) in [("safety@example.org", "Vandel"), ("status-minister@example.org", "Oyelar")] {
        let letters = app.mail_to(mailbox).await;
        assert_eq!(letters.len(), 1);
        assert!(
            letters[0].text.contains("My own words: {{ target.salutation }} stays as typed."),
            "{}",
            letters[0].text
        );
        assert!(letters[0].text.contains(name) && letters[0].text.contains("Amara Okafor"), "{}", letters[0].text);
    }
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 2);

    // signing once more sends no second letter
    assert_eq!(app.form("/p/status", &form).await.status, 200);
    let link =
        app.mail_to("amara@example.org").await.into_iter().rev().find(|m| m.kind == "petition_confirm").unwrap().links
            [0]
        .clone();
    app.press(&link).await;
    app.mail().await;
    assert_eq!(totals(&app, &token).await, (json!(1), json!(2)));
    assert_eq!(app.count("SELECT count(*) FROM outreaches").await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn attached_letter_requires_a_full_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    carrying(&app).await;
    let mut body = signer("amara@example.org");
    body["person"]["family_name"] = json!("");
    app.post(SIGN, None, &body).await.problem(422, "validation_failed", &["/person/family_name"]);
    let mut body = signer("amara@example.org");
    merge(&mut body, json!({"muster:letter": {"message": "x".repeat(10_001)}}));
    app.post(SIGN, None, &body).await.problem(422, "validation_failed", &["/muster:letter/message"]);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await + app.count("SELECT count(*) FROM letters").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn vouched_signature_sends_its_attached_letters_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = carrying(&app).await;
    app.post(SIGN, Some(&token), &signer("amara@example.org")).await.expect(201);
    app.post(SIGN, Some(&token), &signer("amara@example.org")).await.expect(200);
    assert_eq!(totals(&app, &token).await, (json!(1), json!(2)));
    app.mail().await;
    assert_eq!(app.mail_to("safety@example.org").await.len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn withdrawing_or_rejecting_cancels_the_attached_letter(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = carrying(&app).await;
    app.put("/api/v1/advocacy_campaigns/both", Some(&token), &json!({"muster:live": false})).await.expect(200);
    let signed = app.post(SIGN, Some(&token), &signer("amara@example.org")).await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'held'").await, 2);
    app.delete(&format!("{SIGN}/{}", signed.id()), Some(&token)).await.expect(200);
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'cancelled'").await, 2);
    assert_eq!(totals(&app, &token).await, (json!(0), json!(0)));

    app.post(SIGN, None, &signer("bela@example.org")).await.expect(202);
    assert_eq!(app.count("SELECT count(*) FROM letters WHERE state = 'pending'").await, 1);
    app.kernel.env.advance(chrono::TimeDelta::days(22));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(
        app.count("SELECT count(*) FROM letters WHERE state = 'pending'").await,
        0,
        "what nobody confirmed is deleted, both parts"
    );
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'pending'").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_petition_cannot_attach_a_letter(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = carrying(&app).await;
    let body = json!({"title": "Quiet", "muster:privacy": "protected", "muster:letter": "both"});
    app.post("/api/v1/petitions", Some(&token), &body).await.problem(422, "validation_failed", &["/muster:letter"]);
    let body = json!({"title": "Fast", "muster:confirmation": "none", "muster:letter": "both"});
    app.post("/api/v1/petitions", Some(&token), &body).await.problem(
        422,
        "validation_failed",
        &["/muster:confirmation"],
    );
    let body = json!({"title": "Lost", "muster:letter": "nowhere"});
    app.post("/api/v1/petitions", Some(&token), &body).await.problem(422, "validation_failed", &["/muster:letter"]);
}
