//! Addresses that are not written as they should be: pages are redirected to the right one, the API answers.

use axum::http::Method;
use muster::petitions::CONFIRM_SIGNATURE;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, event},
    harness::{TestApp, signer},
};

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pages_are_redirected_to_their_canonical_address(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:short_link": "fairness"})).await;
    event(&app, &token, json!({})).await;
    for (address, right) in [
        ("/p/status/", "/p/status"),
        ("/P/Status", "/p/status"),
        ("/p/status.", "/p/status"),
        ("/p/status)", "/p/status"),
        ("/p/status%20", "/p/status"),
        ("/p/status%E2%80%8B", "/p/status"),
        ("/p/status?utm_source=x&lang=fr&fbclid=y", "/p/status?lang=fr"),
        ("/p/status/?source=union-hall", "/p/status?source=union-hall"),
        ("/go/Fairness", "/go/fairness"),
        ("/go/fairness/", "/go/fairness"),
        ("/e/ASSEMBLY.ICS", "/e/assembly.ics"),
        ("/e/assembly/", "/e/assembly"),
        ("/my/", "/my"),
        ("/console/", "/console"),
    ] {
        let reply = app.get(address, None).await;
        assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str().unwrap()), (308, right), "{address}");
        assert!(reply.headers.contains_key("x-request-id"), "{address}");
        assert_ne!(app.get(right, None).await.status, 308, "{right}");
    }
    // the address alone decides, not what there is
    let (there, nowhere) = (app.get("/p/status/", None).await, app.get("/p/nowhere/", None).await);
    assert_eq!((there.status, there.body), (nowhere.status, nowhere.body));
    assert_eq!(nowhere.headers["location"], "/p/nowhere");
    // browsers send a form again to where a 308 leads
    let fields = [("email", "amara@example.org")];
    assert_eq!(app.form("/p/status/", &fields).await.headers["location"], "/p/status");
    for address in ["/nothing/", "//evil.example/", "/p/%00"] {
        assert_eq!(app.get(address, None).await.status, 404, "{address}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mailed_links_lead_on_whatever_was_added_to_them(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    let mail = app.mail_to("amara@example.org").await.pop().unwrap();
    let path = app.path_of(&mail.links[0]);
    for debris in [".", ",", ")", "%3E", "%20", "%22", "%E2%80%9D", "%E2%80%8B", "*", ";", "=", "/", "?utm_source=x"] {
        for method in [Method::GET, Method::HEAD] {
            let reply = app.request(method, &format!("{path}{debris}"), None, &[], None).await;
            assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str().unwrap()), (308, path), "{debris}");
            assert_eq!(reply.headers["cache-control"], "no-store");
        }
    }
    // one click from a mail program, which follows no redirect (RFC 8058)
    assert_eq!(app.form(&format!("{path}?utm_source=x"), &[]).await.status, 200);
    confirm(&app, "amara@example.org").await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 1);
    assert_eq!(app.get("/t/forged.", None).await.status, 410);

    // one that has ended and one that was not copied whole differ in words
    let ended = app.kernel.links.token(CONFIRM_SIGNATURE, uuid::Uuid::from_u128(7), 0);
    let other = if ended[40..].starts_with('a') { "b" } else { "a" };
    let changed = [&ended[..40], other, &ended[41..]].concat();
    for (token, words) in [
        (ended.as_str(), "This link no longer works"),
        (&ended[..ended.len() - 3], "This link is not complete"),
        (&changed, "This link is not complete"),
        ("forged", "This link is not complete"),
    ] {
        for page in [app.get(&format!("/t/{token}"), None).await, app.form(&format!("/t/{token}"), &[]).await] {
            assert_eq!(page.status, 410);
            assert!(page.text().contains(words), "{token}: {}", page.text());
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn api_answers_alike_with_further_slashes(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let petition = app.petition(&token, json!({})).await;
    let event = event(&app, &token, json!({})).await;
    for path in [
        "/api/v1".to_owned(),
        "/api/v1/people".to_owned(),
        "/api/v1/events".to_owned(),
        format!("/api/v1/petitions/{petition}"),
        format!("/api/v1/events/{event}/attendances"),
    ] {
        let plain = app.get(&path, t).await;
        for other in [format!("{path}/"), format!("{path}//"), path.replacen("/v1", "//v1", 1)] {
            let reply = app.get(&other, t).await;
            assert_eq!((reply.status, &reply.body), (plain.status, &plain.body), "{other}");
        }
    }
    let signatures = format!("/api/v1/petitions/{petition}/signatures/");
    app.post(&signatures, None, &signer("amara@example.org")).await.expect(202);
    app.post(&signatures, t, &signer("bela@example.org")).await.expect(201);
    let filtered = app.get("/api/v1/people/?filter=email_address%20eq%20'bela@example.org'&per_page=1", t).await;
    assert_eq!(filtered.expect(200)["total_records"], 1);
    app.get("/api/v1/nothing/", t).await.problem(404, "not_found", &[]);
    app.delete("/api/v1/people/", t).await.problem(405, "method_not_allowed", &[]);
}
