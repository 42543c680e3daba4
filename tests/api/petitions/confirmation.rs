//! Confirming: the code to type, the one reminder, and "never mail me again".

use serde_json::json;
use sqlx::PgPool;

use crate::harness::{TestApp, signer};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn exact_total(app: &TestApp, token: &str) -> i64 {
    app.get("/api/v1/petitions/status", Some(token)).await.expect(200)["total_signatures"].as_i64().unwrap()
}

/// The code in the newest mail to an address.
async fn code_for(app: &TestApp, address: &str) -> String {
    let text = app.mail_to(address).await.pop().unwrap().text;
    let line = text.lines().find(|l| l.contains("enter the code")).unwrap_or_else(|| panic!("no code in {text}"));
    line.split_whitespace().find(|w| w.len() == 9 && w.as_bytes()[4] == b'-').unwrap().to_owned()
}

async fn type_code(app: &TestApp, address: &str, code: &str) -> (u16, String) {
    let reply = app.form("/p/status/code", &[("email", address), ("code", code)]).await;
    (reply.status.as_u16(), reply.text())
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn typed_code_confirms_like_the_link(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    app.post(SIGN, None, &signer("bo@example.org")).await.expect(202);
    let (amara, bo) = (code_for(&app, "amara@example.org").await, code_for(&app, "bo@example.org").await);
    assert_ne!(amara, bo);
    assert!(app.get("/p/status/code", None).await.text().contains("name=\"code\""));

    let (status, known) = type_code(&app, "amara@example.org", &bo).await;
    assert_eq!(status, 422, "somebody else's code");
    let (_, unknown) = type_code(&app, "nobody@example.org", &bo).await;
    assert_eq!(known.replace("amara@", "nobody@"), unknown, "known and unknown addresses are told alike");
    assert_eq!(exact_total(&app, &token).await, 0);

    let (status, done) = type_code(&app, "Amara@Example.org", &amara.to_uppercase().replace('-', " ")).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(exact_total(&app, &token).await, 1);
    assert_eq!(type_code(&app, "amara@example.org", &amara).await.0, 200, "a second time shows the same success");
    assert_eq!(exact_total(&app, &token).await, 1);

    for _ in 0..12 {
        type_code(&app, "bo@example.org", "aaaa-aaaa").await;
    }
    assert_eq!(type_code(&app, "bo@example.org", &bo).await.0, 429, "nobody tries all codes");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_protected_petition_sends_no_code(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    let mail = app.mail_to("amara@example.org").await.pop().unwrap();
    assert!(!mail.text.contains("/p/") && !mail.text.contains("code"), "{}", mail.text);
    assert_eq!(type_code(&app, "amara@example.org", "aaaa-aaaa").await.0, 404);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn reminder_to_confirm_is_sent_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for address in
        ["forgot@example.org", "twice@example.org", "twice@example.org", "done@example.org", "never@example.org"]
    {
        app.post(SIGN, None, &signer(address)).await.expect(202);
    }
    let link = |address: &'static str| {
        let app = &app;
        async move { app.mail_to(address).await.last().unwrap().links[0].clone() }
    };
    app.press(&link("done@example.org").await).await;
    let reject = link("never@example.org").await;
    let page = app.get(app.path_of(&reject), None).await.text();
    let at = page.find("This was not me").map(|end| page[..end].rfind("/t/").unwrap()).unwrap();
    let reject = format!("{}{}", app.kernel.settings.http.public_url, page[at..].split('"').next().unwrap());
    app.form(app.path_of(&reject), &[("never_again", "true")]).await;

    muster::worker::run_maintenance(&app.app).await.unwrap();
    let reminded = "SELECT count(*) FROM emails WHERE kind = 'petition_reminder'";
    assert_eq!(app.count(reminded).await, 0, "not before three days have passed");
    sqlx::query("UPDATE signatures SET created_at = created_at - interval '4 days'")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    for _ in 0..2 {
        muster::worker::run_maintenance(&app.app).await.unwrap();
    }
    assert_eq!(app.count(reminded).await, 2, "once for each person who forgot");
    let mail = app.mail_to("forgot@example.org").await.pop().unwrap();
    assert_eq!(mail.kind, "petition_reminder");
    assert!(!mail.text.contains("Amara"), "an unconfirmed address gets nothing that was typed");
    app.press(&mail.links[0]).await;
    assert_eq!(exact_total(&app, &token).await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn suppressed_address_gets_no_confirmation_mail(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "other", "muster:privacy": "protected"})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    let link = app.mail_to("amara@example.org").await[0].links[0].clone();
    let page = app.get(app.path_of(&link), None).await.text();
    let end = page.find("This was not me").unwrap();
    let reject = page[page[..end].rfind("/t/").unwrap()..].split('"').next().unwrap().to_owned();
    let offered = app.get(&reject, None).await.text();
    assert_eq!(offered.matches("<form").count(), 1);
    assert!(offered.contains("name=\"never_again\"") && !offered.contains("checked"));
    app.form(&reject, &[("never_again", "true")]).await;
    assert_eq!(
        app.count("SELECT count(*) FROM suppressions WHERE vault_id IS NULL AND reason = 'never_again'").await,
        1
    );

    let before = app.mail_to("amara@example.org").await.len();
    // by another spelling, on another petition, in another vault
    app.post(SIGN, None, &signer("AMARA@example.org")).await.expect(202);
    app.post("/api/v1/petitions/other/signatures", None, &signer("amara@example.org")).await.expect(202);
    assert_eq!(app.mail_to("amara@example.org").await.len(), before);
}
