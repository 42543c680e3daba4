//! Many acts for one address at once: nobody else is harmed, and no mailed link is taken away by strangers.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::{event, letter_action, office},
    harness::{TestApp, merge, signer},
};

/// Sends one act many times at once, and others' in between; asserts that each is answered alike.
async fn flood(app: &TestApp, path: &str, more: &Value) {
    let body = |address: &str| {
        let mut body = signer(address);
        merge(&mut body, more.clone());
        body
    };
    app.post(path, None, &body("victim@example.org")).await.expect(202);
    let bodies: Vec<Value> = (0..48)
        .map(|i| body(&if i % 6 == 0 { format!("other{i}@example.org") } else { "victim@example.org".to_owned() }))
        .collect();
    let replies = join_all(bodies.iter().map(|b| app.post(path, None, b))).await;
    for reply in replies {
        reply.expect(202);
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn many_submissions_for_one_address_keep_the_owners_signature(pool: PgPool) {
    let app = Arc::new(TestApp::new(pool).await);
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({"muster:slug": "rally"})).await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    for path in [
        "/api/v1/petitions/status/signatures",
        "/api/v1/events/rally/attendances",
        "/api/v1/advocacy_campaigns/letter/outreaches",
    ] {
        flood(&app, path, &json!({})).await;
        // one more act of hers leaves the newest three
        app.post(path, None, &signer("victim@example.org")).await.expect(202);
    }
    for (table, others) in [("signatures", 8), ("attendances", 8), ("letters", 8)] {
        let per_person = format!("SELECT count(*) FROM {table} GROUP BY person_id ORDER BY 1 DESC");
        let counts: Vec<i64> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(per_person)).fetch_all(&app.kernel.db).await.unwrap();
        assert_eq!(counts.len(), others + 1, "{table}");
        assert!(counts[1..].iter().all(|n| *n == 1), "{table}: {counts:?}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn newest_pending_signature_of_a_protected_petition_keeps_its_link(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    for round in 0..9 {
        app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
        let newest = app.mail_to("amara@example.org").await.pop().unwrap();
        let page = app.get(app.path_of(&newest.links[0]), None).await;
        assert_eq!(page.status, 200, "round {round}: the link that was just mailed is dead");
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 3);
}

#[sqlx::test(migrations = "./migrations")]
async fn pending_letters_of_strangers_do_not_delete_an_attached_letter(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.petition(&token, json!({"muster:letter": "letter"})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("victim@example.org")).await.expect(202);
    let link = app.mail_to("victim@example.org").await[0].links[0].clone();
    for _ in 0..5 {
        app.post("/api/v1/advocacy_campaigns/letter/outreaches", None, &signer("victim@example.org")).await.expect(202);
    }
    assert_eq!(app.press(&link).await.status, 200);
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn letters_are_held_while_the_action_is_not_published(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.petition(&token, json!({"muster:letter": "letter"})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    let link = app.mail_to("amara@example.org").await[0].links[0].clone();
    app.press(&link).await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'held'").await, 1);
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "published"}))
        .await
        .expect(200);
    app.jobs().await;
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn withdrawal_erases_all_payloads_and_old_links_report_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for _ in 0..2 {
        app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    }
    let mails = app.mail_to("amara@example.org").await;
    app.press(&mails[0].links[0]).await;
    assert_eq!(app.press(&mails[1].links[0]).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'duplicate' AND sealed IS NULL").await, 1);
    let manage = app.mail_to("amara@example.org").await.into_iter().find(|m| m.kind == "petition_thanks").unwrap();
    let manage = manage.links.iter().find(|l| l.contains("/t/")).unwrap().clone();
    app.press(&manage).await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE sealed IS NOT NULL").await, 0);
    for mail in &mails[..2] {
        assert_eq!(app.get(app.path_of(&mail.links[0]), None).await.status, 410);
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn vouched_submission_does_not_reveal_signers_of_a_protected_petition(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    let path = "/api/v1/petitions/status/signatures";
    let first = app.post(path, Some(&token), &signer("amara@example.org")).await;
    let again = app.post(path, Some(&token), &signer("amara@example.org")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_ne!(first.id(), again.id());
    assert_eq!(first.json()["muster:state"], again.json()["muster:state"]);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 1);
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn confirmation_in_time_counts_after_the_petition_closed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    let link = app.mail_to("amara@example.org").await[0].links[0].clone();
    app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:status": "closed"})).await.expect(200);
    assert_eq!(app.press(&link).await.status, 200);
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn short_links_are_scoped_by_organization_and_nul_is_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (token, neighbour) = (app.owner().await, app.token("Neighbours", "all").await);
    app.petition(&token, json!({"muster:short_link": "fairness"})).await;
    let taken = json!({"title": "Mine now", "muster:status": "published", "muster:short_link": "fairness"});
    app.post("/api/v1/petitions", Some(&neighbour), &taken).await.problem(
        422,
        "validation_failed",
        &["/muster:short_link"],
    );
    assert_eq!(app.get("/go/fairness", None).await.headers["location"], "/p/status");
    for path in [
        "/p/%00",
        "/e/%00",
        "/l/%00",
        "/c/%00",
        "/go/%00",
        "/api/v1/petitions/%00",
        "/api/v1/events/%00",
        "/api/v1/advocacy_campaigns/%00",
        "/api/v1/campaigns/%00",
    ] {
        assert_eq!(app.get(path, None).await.status, 404, "{path}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn unconfirmed_submission_leaves_no_rows(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    app.kernel.env.advance(chrono::TimeDelta::days(22));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn retried_letter_of_a_paused_action_is_held(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.post("/api/v1/advocacy_campaigns/letter/outreaches", Some(&token), &signer("amara@example.org"))
        .await
        .expect(201);
    // under way when the action is paused, and put back by the relay afterwards
    let db = &app.kernel.db;
    sqlx::query("UPDATE emails SET state = 'sending', claim_token = gen_random_uuid(), lease_until = now() + interval '1 minute' WHERE class = 'letter'")
        .execute(db)
        .await
        .unwrap();
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    sqlx::query("UPDATE emails SET state = 'queued', claim_token = NULL, lease_until = NULL WHERE class = 'letter'")
        .execute(db)
        .await
        .unwrap();
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'held'").await, 1);
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "published"}))
        .await
        .expect(200);
    app.jobs().await;
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 1);
}
