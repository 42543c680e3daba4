//! Campaigns and their updates, the landing pages, short links, and what caches may keep.

use axum::http::Method;
use muster::campaigns;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    fixtures::{event, letter_action, office},
    harness::TestApp,
};

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn campaign_page_lists_actions_and_updates(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let new = json!({"title": "Status for all", "muster:slug": "status-for-all", "muster:summary": "One law for everybody", "description": "We **demand** it. <script>alert(1)</script>",
                     "muster:texts": {"fr": {"title": "Un statut pour tous"}}});
    let made = app.post("/api/v1/campaigns", t, &new).await;
    let id = TestApp::created(&made);
    app.post("/api/v1/campaigns", t, &new).await.problem(422, "validation_failed", &["/muster:slug"]);
    app.post("/api/v1/campaigns", t, &json!({"title": ""})).await.problem(422, "validation_failed", &["/title"]);
    for key in [id.to_string(), "status-for-all".to_owned()] {
        assert_eq!(app.get(&format!("/api/v1/campaigns/{key}"), None).await.expect(200), made.json());
    }
    let within =
        |slug: &str| json!({"title": format!("Our {slug}"), "muster:slug": slug, "muster:campaign": "status-for-all"});
    office(&app, &token, "minister").await;
    app.petition(&token, within("petition")).await;
    event(&app, &token, within("rally")).await;
    letter_action(&app, &token, within("letter")).await;
    app.petition(
        &token,
        json!({"title": "Our draft", "muster:slug": "draft", "muster:campaign": id, "muster:status": "draft"}),
    )
    .await;
    app.petition(&token, json!({"title": "Another petition", "muster:slug": "another"})).await;
    app.post("/api/v1/petitions", t, &json!({"title": "x", "muster:campaign": "nowhere"})).await.problem(
        422,
        "validation_failed",
        &["/muster:campaign"],
    );

    let update = json!({"title": "A thousand", "body": "*Thank you* all", "muster:campaign": "status-for-all", "muster:kind": "win", "date": "2026-03-01", "source_url": "https://example.org/source",
                        "figures": [{"series": "Signatures", "value": 1000.0, "unit": "people"}]});
    let posted = app.post("/api/v1/updates", t, &update).await;
    let posted_id = TestApp::created(&posted);
    assert_eq!(
        (
            posted.json()["muster:kind"].as_str(),
            posted.json()["date"].as_str(),
            posted.json()["figures"][0]["value"].as_f64()
        ),
        (Some("win"), Some("2026-03-01"), Some(1000.0))
    );
    let own = app.get(&format!("/api/v1/updates/{posted_id}"), t).await.expect(200);
    assert_eq!(own, posted.json());
    let mut public = own;
    for own in ["muster:embargo_until", "muster:consent"] {
        public.as_object_mut().unwrap().remove(own);
    }
    assert_eq!(app.get(&format!("/api/v1/updates/{posted_id}"), None).await.expect(200), public);
    app.post("/api/v1/updates", t, &update).await.problem(422, "validation_failed", &["/title"]);
    for (member, value) in [
        ("muster:kind", json!("rumour")),
        ("muster:campaign", json!("nowhere")),
        ("source_url", json!("javascript:alert(1)")),
        ("date", json!("soon")),
    ] {
        let mut wrong = update.clone();
        wrong[member] = value;
        app.post("/api/v1/updates", t, &wrong).await.problem(422, "validation_failed", &[&format!("/{member}")]);
    }

    for (path, there, absent) in [
        (
            "/c/status-for-all",
            &[
                "Status for all",
                "/p/petition",
                "Our rally",
                "/l/letter",
                "A thousand",
                "<strong>demand</strong>",
                "https://example.org/source",
            ][..],
            &["Our draft", "Another petition", "<script>alert"][..],
        ),
        ("/", &["Our petition", "/e/rally", "Our letter", "Another petition", "/c/status-for-all"], &["Our draft"]),
        ("/p/petition", &["/c/status-for-all", "A thousand"], &[]),
        ("/c/status-for-all?lang=fr", &["Un statut pour tous", "lang=\"fr\""], &[]),
    ] {
        let page = app.get(path, None).await;
        assert_eq!(page.status, 200);
        for text in there {
            assert!(page.text().contains(text), "{path} lacks {text}");
        }
        for text in absent {
            assert!(!page.text().contains(text), "{path} shows {text}");
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn drafts_of_other_organizations_are_hidden(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let other = app.token("Neighbours", "all").await;
    let draft = TestApp::created(
        &app.post("/api/v1/campaigns", Some(&token), &json!({"title": "Draft", "muster:status": "draft"})).await,
    );
    let update = TestApp::created(
        &app.post("/api/v1/updates", Some(&token), &json!({"title": "Early", "muster:campaign": draft})).await,
    );
    for path in [
        format!("/api/v1/campaigns/{draft}"),
        "/api/v1/campaigns/draft".to_owned(),
        format!("/api/v1/updates/{update}"),
    ] {
        app.get(&path, Some(&token)).await.expect(200);
        app.get(&path, None).await.problem(404, "not_found", &[]);
        app.get(&path, Some(&other)).await.problem(404, "not_found", &[]);
    }
    assert_eq!(app.get("/c/draft", None).await.status, 404);
    for list in ["campaigns", "updates"] {
        let of = async |token: Option<&str>| {
            app.get(&format!("/api/v1/{list}"), token).await.expect(200)["total_records"].as_i64()
        };
        assert_eq!(
            (of(Some(&token)).await, of(None).await, of(Some(&other)).await),
            (Some(1), Some(0), Some(0)),
            "{list}"
        );
    }
    app.post("/api/v1/updates", Some(&other), &json!({"title": "x", "muster:campaign": draft})).await.problem(
        422,
        "validation_failed",
        &["/muster:campaign"],
    );
    let key = [("Idempotency-Key", "k")];
    let make = async || {
        app.request(
            Method::POST,
            "/api/v1/updates",
            Some(&token),
            &key,
            Some(&json!({"title": "Once", "muster:campaign": draft})),
        )
        .await
    };
    assert_eq!(TestApp::created(&make().await), TestApp::created(&make().await));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn short_link_redirects_to_its_action(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    let rally = event(&app, &token, json!({"muster:slug": "rally"})).await;
    let draft = app.petition(&token, json!({"muster:slug": "hidden", "muster:status": "draft"})).await;
    let mut conn = app.kernel.db.acquire().await.unwrap();
    for (word, action) in [("sign", petition), ("come", rally), ("later", draft)] {
        campaigns::register_short_link(&mut conn, &app.kernel, word, action).await.unwrap();
    }
    assert!(campaigns::register_short_link(&mut conn, &app.kernel, "No Word!", petition).await.is_err());
    for (word, to) in [("sign", "/p/status"), ("come", "/e/rally")] {
        let reply = app.get(&format!("/go/{word}"), None).await;
        assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str().unwrap()), (303, to));
    }
    assert_eq!(
        (app.get("/go/later", None).await.status, app.get("/go/nowhere", None).await.status),
        (404.try_into().unwrap(), 404.try_into().unwrap())
    );
    campaigns::register_short_link(&mut conn, &app.kernel, "sign", petition).await.unwrap();
    assert!(campaigns::register_short_link(&mut conn, &app.kernel, "sign", rally).await.is_err(), "it is on posters");
    assert_eq!(app.get("/go/sign", None).await.headers["location"], "/p/status");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn if_none_match_returns_304(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    letter_action(&app, &token, json!({})).await;
    for (list, slug) in [("petitions", "status"), ("events", "assembly"), ("advocacy_campaigns", "write")] {
        let one = format!("/api/v1/{list}/{slug}");
        for path in [format!("/api/v1/{list}"), one.clone()] {
            let first = app.get(&path, None).await;
            first.expect(200);
            assert!(first.headers["cache-control"].to_str().unwrap().starts_with("public, max-age="));
            let vary = first.headers["vary"].to_str().unwrap().to_lowercase();
            assert!(vary.contains("osdi-api-token") && vary.contains("authorization"), "{vary}");
            let etag = first.headers["etag"].to_str().unwrap().to_owned();
            for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
                let reply = app.request(Method::GET, &path, None, &[("if-none-match", &known)], None).await;
                assert_eq!(
                    (reply.status.as_u16(), reply.body.len(), reply.headers["etag"].to_str().unwrap()),
                    (304, 0, etag.as_str()),
                    "{path} {known}"
                );
            }
            assert_eq!(
                app.request(Method::GET, &path, None, &[("if-none-match", "\"x\"")], None).await.body,
                first.body
            );
            let own = app.request(Method::GET, &path, Some(&token), &[("if-none-match", &etag)], None).await;
            own.expect(200);
            assert!(
                !own.headers.contains_key("etag")
                    && own.headers["cache-control"].to_str().unwrap().contains("no-store")
            );
            // an edit makes other bytes
            if path == one {
                app.put(&one, Some(&token), &json!({"title": "Another title"})).await.expect(200);
                let reply = app.request(Method::GET, &path, None, &[("if-none-match", &etag)], None).await;
                assert_eq!(reply.expect(200)["title"], "Another title");
            }
        }
    }
}
