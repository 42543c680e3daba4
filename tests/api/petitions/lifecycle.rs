//! The life of a petition: dates, reasons, previews, addresses, short links.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness::{TestApp, signer},
    process::until,
};

const PETITION: &str = "/api/v1/petitions/status";
const SIGN: &str = "/api/v1/petitions/status/signatures";

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn history_lists_states_with_date_organizer_and_reason(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:status": "draft"})).await;
    app.petition(&token, json!({"muster:slug": "next", "title": "Permits for all"})).await;
    let change = |body: Value| {
        let (app, token) = (&app, &token);
        async move { app.put(PETITION, Some(token), &body).await }
    };
    change(json!({"muster:status": "paused"})).await.problem(409, "conflict", &[]);
    change(json!({"muster:status": "published"})).await.expect(200);
    let reason = "We are talking with the ministry.";
    let paused = json!({"muster:status": "paused", "muster:status_reason": reason, "muster:next_action": "/p/next"});
    let shown = change(paused).await.expect(200);
    assert_eq!(
        (shown["muster:status_reason"].as_str(), shown["muster:next_action"].as_str()),
        (Some(reason), Some("/p/next"))
    );

    let refused = app.post(SIGN, None, &signer("amara@example.org")).await;
    refused.problem(409, "action_closed", &[]);
    assert!(refused.text().contains(reason), "{}", refused.text());
    let page = app.get("/p/status", None).await.text();
    assert!(page.contains(reason) && page.contains("href=\"/p/next\"") && page.contains("Permits for all"));
    assert!(page.contains("Since ") && !page.contains("<form class=\"panel\""));
    assert!(app.get("/p/status?lang=pa", None).await.text().contains("ਰੋਕੀ ਹੋਈ"));

    change(json!({"muster:status": "won"})).await.expect(200);
    assert!(app.get("/p/status", None).await.text().contains("We won!"), "a new state has no old reason");
    let history = app.get(&format!("{PETITION}/history"), Some(&token)).await.expect(200)["muster:history"].clone();
    let states: Vec<_> = history.as_array().unwrap().iter().map(|c| c["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["draft", "published", "paused", "won"]);
    assert_eq!((&history[2]["reason"], &history[2]["organizer"]), (&json!(reason), &json!("Org Anizer")));
    assert!(history[2]["created_date"].is_string());
    let stranger = app.token("Others", "all").await;
    app.get(&format!("{PETITION}/history"), Some(&stranger)).await.problem(404, "not_found", &[]);

    for (body, pointer) in [
        (json!({"muster:next_action": "/p/status"}), "/muster:next_action"),
        (json!({"muster:next_action": "/p/none"}), "/muster:next_action"),
        (json!({"muster:status_reason": "x".repeat(501)}), "/muster:status_reason"),
        (
            json!({"muster:opens_at": "2027-01-02T00:00:00Z", "muster:closes_at": "2027-01-01T00:00:00Z"}),
            "/muster:closes_at",
        ),
        (json!({"muster:slug": "not a slug!"}), "/muster:slug"),
    ] {
        change(body).await.problem(422, "validation_failed", &[pointer]);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn petition_opens_and_closes_at_its_dates(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let (tomorrow, yesterday) = (app.kernel.env.now() + TimeDelta::days(1), app.kernel.env.now() - TimeDelta::days(1));
    app.petition(&token, json!({"muster:opens_at": tomorrow, "muster:closes_at": tomorrow + TimeDelta::days(1)})).await;
    let early = app.post(SIGN, None, &signer("amara@example.org")).await;
    early.problem(409, "action_closed", &[]);
    assert!(early.text().contains("it opens at"));
    assert!(app.get("/p/status", None).await.text().contains("Opens on"));

    app.put(PETITION, Some(&token), &json!({"muster:opens_at": yesterday})).await.expect(200);
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);

    app.put(PETITION, Some(&token), &json!({"muster:opens_at": null, "muster:closes_at": yesterday})).await.expect(200);
    app.post(SIGN, None, &signer("late@example.org")).await.problem(409, "action_closed", &[]);
    assert!(app.get("/p/status", None).await.text().contains("This action is closed."));
    app.tick().await;
    let own = app.get(PETITION, Some(&token)).await.expect(200);
    assert_eq!((&own["muster:status"], &own["muster:opens_at"]), (&json!("closed"), &Value::Null));
    let history = app.get(&format!("{PETITION}/history"), Some(&token)).await.expect(200)["muster:history"].clone();
    assert_eq!((&history[1]["status"], &history[1]["organizer"]), (&json!("closed"), &Value::Null), "by itself");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn preview_link_shows_a_draft(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:status": "draft"})).await;
    app.petition(&token, json!({"muster:slug": "other", "muster:status": "draft"})).await;
    let link = app.post(&format!("{PETITION}/preview"), Some(&token), &json!({})).await.expect(200);
    let path = app.path_of(link["muster:preview_url"].as_str().unwrap()).to_owned();
    let page = app.get(&path, None).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Preview:") && page.text().contains("disabled"));
    assert_eq!(
        (&page.headers["cache-control"], &page.headers["x-robots-tag"]),
        (&"no-store".parse().unwrap(), &"noindex".parse().unwrap())
    );
    assert_eq!(app.get("/p/status", None).await.status, 404);
    assert_eq!(app.get(&path.replace("/status/", "/other/"), None).await.status, 410, "of this petition only");
    app.post(&format!("{PETITION}/preview"), None, &json!({})).await.problem(401, "unauthorized", &[]);
    app.delete(&format!("{PETITION}/preview"), Some(&token)).await.expect(200);
    assert_eq!(app.get(&path, None).await.status, 410, "voided");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn former_slug_redirects_to_the_new_one(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "other"})).await;
    app.put(PETITION, Some(&token), &json!({"muster:slug": "other"})).await.problem(
        422,
        "validation_failed",
        &["/muster:slug"],
    );
    app.put(PETITION, Some(&token), &json!({"muster:slug": "status-now"})).await.expect(200);
    for (from, to) in [
        ("/p/status?lang=fr&s=radio".to_owned(), "/p/status-now?lang=fr&s=radio"),
        (format!("/p/{id}"), "/p/status-now"),
    ] {
        let moved = app.get(&from, None).await;
        assert_eq!((moved.status.as_u16(), moved.headers["location"].to_str().unwrap()), (308, to));
    }
    assert_eq!(app.get(PETITION, None).await.expect(200)["muster:slug"], "status-now", "API clients keep working");
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    let again = json!({"title": "Again", "muster:slug": "status"});
    app.post("/api/v1/petitions", Some(&token), &again).await.problem(422, "validation_failed", &["/muster:slug"]);
    app.put("/api/v1/petitions/other", Some(&token), &json!({"muster:slug": "status"})).await.problem(
        422,
        "validation_failed",
        &["/muster:slug"],
    );
    // back again: the address is its own, and the one in between leads to it
    app.put(PETITION, Some(&token), &json!({"muster:slug": "status"})).await.expect(200);
    assert_eq!(app.get("/p/status", None).await.status, 200);
    assert_eq!(app.get("/p/status-now", None).await.headers["location"], "/p/status");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn short_links_redirect_and_clicks_are_counted(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:short_link": "status"})).await;
    let path = format!("{PETITION}/short_links");
    app.post(&path, Some(&token), &json!({"word": "radio"})).await.expect(201);
    app.post(&path, Some(&token), &json!({"word": "No Word"})).await.problem(422, "validation_failed", &["/word"]);
    for _ in 0..3 {
        assert_eq!(app.get("/go/radio?lang=es", None).await.headers["location"], "/p/status?lang=es");
    }
    app.get("/go/status", None).await;
    until("the hits, which are written a few seconds later", async || {
        let links = app.get(&path, Some(&token)).await.expect(200)["muster:short_links"].clone();
        let of = |word: &str| links.as_array().unwrap().iter().find(|l| l["word"] == word).unwrap()["hits"].clone();
        (of("radio") == 3 && of("status") == 1).then_some(())
    })
    .await;
    app.delete(&format!("{path}/radio"), Some(&token)).await.expect(200);
    assert_eq!(app.get("/go/radio", None).await.status, 404);
    app.delete(&format!("{path}/radio"), Some(&token)).await.problem(404, "not_found", &[]);
}
