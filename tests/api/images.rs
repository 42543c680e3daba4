//! Pictures, kinds of updates, figures from CSV; share links, posters and partners.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness::{Reply, TestApp, merge, signer},
    process::until,
};

/// The smallest PNG: one red pixel.
const PIXEL: &str = "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082";

async fn send(app: &TestApp, path: &str, token: &str, kind: &str, body: Vec<u8>) -> Reply {
    let request = Request::post(path).header("OSDI-API-Token", token).header(header::CONTENT_TYPE, kind);
    app.send(request.body(Body::from(body)).unwrap()).await
}

async fn upload(app: &TestApp, token: &str) -> String {
    let reply =
        send(app, "/api/v1/images?alt=Workers%20with%20banners", token, "image/png", hex::decode(PIXEL).unwrap()).await;
    reply.expect(201)["identifiers"][0].as_str().unwrap().replace("muster:", "")
}

async fn campaign(app: &TestApp, token: &str) {
    app.post("/api/v1/campaigns", Some(token), &json!({"title": "Status", "muster:slug": "status-for-all"}))
        .await
        .expect(201);
}

fn told(app: &TestApp) {
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn image_upload_display_and_deletion(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = upload(&app, &token).await;
    app.petition(&token, json!({"muster:image": id})).await;
    let public = app.get("/api/v1/petitions/status", None).await.expect(200);
    assert_eq!(public["muster:image_alt"], "Workers with banners");
    let page = app.get("/p/status", None).await.text();
    assert!(page.contains("alt=\"Workers with banners\"") && page.contains("og:image"), "{page}");
    let shown = app.get(&format!("/images/{id}"), None).await;
    assert_eq!((shown.status.as_u16(), shown.headers["content-type"].to_str().unwrap()), (200, "image/jpeg"));
    assert_eq!(shown.headers["x-content-type-options"], "nosniff");

    for (kind, body, status) in [
        ("application/json", b"{}".to_vec(), 415),
        ("image/png", b"<svg onload=alert(1)>".to_vec(), 422),
        ("image/png", vec![0; 13 * 1024 * 1024], 413),
    ] {
        assert_eq!(send(&app, "/api/v1/images?alt=x", &token, kind, body).await.status, status, "{kind}");
    }
    let unsaid = send(&app, "/api/v1/images", &token, "image/png", hex::decode(PIXEL).unwrap()).await;
    unsaid.problem(422, "validation_failed", &["/alt"]);
    let stranger = app.token("Others", "all").await;
    let theirs = json!({"title": "x", "muster:image": id});
    app.post("/api/v1/petitions", Some(&stranger), &theirs).await.problem(422, "validation_failed", &["/muster:image"]);
    app.delete(&format!("/api/v1/images/{id}"), Some(&stranger)).await.problem(404, "not_found", &[]);

    app.delete(&format!("/api/v1/images/{id}"), Some(&token)).await.expect(200);
    assert_eq!(app.get(&format!("/images/{id}"), None).await.status, 404);
    assert!(!app.get("/p/status", None).await.text().contains("og:image"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn image_is_cached_and_if_none_match_returns_304(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let (shown, other) = (upload(&app, &token).await, upload(&app, &token).await);
    let path = format!("/images/{shown}");
    let first = app.get(&path, None).await;
    assert_eq!(first.status, 200);
    let etag = format!("\"{shown}\"");
    assert_eq!(first.headers["etag"], etag.as_str());
    assert_eq!(first.headers["cache-control"], "public, max-age=31536000, immutable");
    assert!(first.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    sqlx::query("ALTER TABLE images RENAME TO away").execute(&app.kernel.db).await.unwrap();
    let again = app.get(&path, None).await;
    assert_eq!((again.status.as_u16(), again.body == first.body), (200, true), "without the database");
    let unseen = format!("/images/{other}");
    assert_eq!(app.get(&unseen, None).await.status, 503);
    // not even for one that was never asked for
    for (path, tag) in [(&path, etag.clone()), (&unseen, format!("W/\"x\", W/\"{other}\""))] {
        let known = app.request(Method::GET, path, None, &[("if-none-match", &tag)], None).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0), "{tag}");
        assert!(known.headers.contains_key("etag") && known.headers.contains_key("cache-control"));
    }
    let another = app.request(Method::GET, &unseen, None, &[("if-none-match", &etag)], None).await;
    assert_eq!(another.status, 503, "another picture's tag is none of this one's");
    sqlx::query("ALTER TABLE away RENAME TO images").execute(&app.kernel.db).await.unwrap();
    app.delete(&format!("/api/v1/images/{shown}"), Some(&token)).await.expect(200);
    let gone = app.request(Method::GET, &path, None, &[("if-none-match", &etag)], None).await;
    assert_eq!((gone.status.as_u16(), app.get(&path, None).await.status.as_u16()), (404, 404));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn image_deleted_by_another_process_returns_404(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let path = format!("/images/{}", upload(&app, &token).await);
    assert_eq!(app.get(&path, None).await.status, 200);
    sqlx::query("DELETE FROM images").execute(&app.kernel.db).await.unwrap();
    assert_eq!(app.get(&path, None).await.status, 200, "not heard of yet");
    // after a time without hearing, or when something may have been missed, it is looked for
    told(&app);
    assert_eq!(app.get(&path, None).await.status, 404);

    let path = format!("/images/{}", upload(&app, &token).await);
    assert_eq!(app.get(&path, None).await.status, 200);
    let _hearing = crate::service::cache_invalidation::hearing(&app).await;
    assert_eq!(app.get(&path, None).await.status, 200);
    sqlx::query("DELETE FROM images").execute(&app.kernel.db).await.unwrap();
    until("the picture to be gone", async || (app.get(&path, None).await.status == 404).then_some(())).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn story_requires_consent_and_can_be_unpublished(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    campaign(&app, &token).await;
    let mut story = json!({"title": "The farm", "muster:campaign": "status-for-all", "muster:kind": "story", "body": "They locked us in."});
    let pointers = ["/muster:pseudonym", "/muster:consent"];
    app.post("/api/v1/updates", t, &story).await.problem(422, "validation_failed", &pointers);
    let consent = json!({"scope": "this site only", "given_on": "2026-03-02"});
    merge(
        &mut story,
        json!({"muster:pseudonym": "Maria", "muster:consent": consent, "muster:image": upload(&app, &token).await}),
    );
    let id = TestApp::created(&app.post("/api/v1/updates", t, &story).await);
    assert_eq!(app.get(&format!("/api/v1/updates/{id}"), t).await.expect(200)["muster:consent"], consent);
    let public = app.get(&format!("/api/v1/updates/{id}"), None).await.expect(200);
    assert_eq!((&public["muster:consent"], &public["muster:pseudonym"]), (&Value::Null, &json!("Maria")));
    let places = ["/c/status-for-all".to_owned(), format!("/u/{id}")];
    for place in &places {
        let page = app.get(place, None).await.text();
        assert!(
            page.contains("As told by") && page.contains("Maria") && page.contains("alt=\"Workers with banners\""),
            "{place}"
        );
        assert!(!page.contains("this site only"), "{place}");
    }
    // what a PUT leaves out stays, and the whole is checked
    let changed = app.put(&format!("/api/v1/updates/{id}"), t, &json!({"title": "The farm gate"})).await.expect(200);
    assert_eq!((&changed["title"], &changed["muster:pseudonym"]), (&json!("The farm gate"), &json!("Maria")));
    let bare = json!({"muster:consent": null});
    app.put(&format!("/api/v1/updates/{id}"), t, &bare).await.problem(422, "validation_failed", &["/muster:consent"]);

    app.delete(&format!("/api/v1/updates/{id}"), t).await.expect(200);
    assert!(!app.get(&places[0], None).await.text().contains("Maria"));
    assert_eq!(app.get(&places[1], None).await.status, 404);
    assert_eq!(app.count("SELECT count(*) FROM updates").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn press_release_is_hidden_until_its_embargo(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    campaign(&app, &token).await;
    let press = json!({"title": "We march", "muster:campaign": "status-for-all", "muster:kind": "press", "muster:embargo_until": "2099-01-01T12:00:00Z",
        "muster:media_contact": "Amar, press@example.org", "muster:quotes": [{"text": "We won.", "by": "Amar Singh"}]});
    let id = TestApp::created(&app.post("/api/v1/updates", t, &press).await);
    let path = format!("/api/v1/updates/{id}");
    for hidden in [&path, &format!("/u/{id}")] {
        assert_eq!(app.get(hidden, None).await.status, 404, "{hidden}");
    }
    assert!(!app.get("/c/status-for-all", None).await.text().contains("We march"));
    assert_eq!(app.get("/api/v1/updates", None).await.expect(200)["total_records"], 0);
    assert_eq!(app.get("/api/v1/updates", t).await.expect(200)["total_records"], 1);

    app.put(&path, t, &json!({"muster:embargo_until": "2020-01-01T12:00:00Z"})).await.expect(200);
    let page = app.get(&format!("/u/{id}"), None).await.text();
    assert!(page.contains("We won.") && page.contains("Amar Singh") && page.contains("press@example.org"), "{page}");
    let news = json!({"muster:kind": "news"});
    app.put(&path, t, &news).await.problem(422, "validation_failed", &["/muster:embargo_until"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn figures_csv_import_is_atomic_and_idempotent(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    campaign(&app, &token).await;
    let path = "/api/v1/updates/figures.csv?campaign=status-for-all";
    let csv = "\u{FEFF}date,title,series,value,unit,source_url\n2026-01-10,Draw 1,Invitations,1000,people,https://example.org/1\n2026-01-10,Draw 1,Score,520,points,\n2026-01-24,Draw 2,Invitations,900,people,\n";
    for _ in 0..2 {
        let reply = send(&app, path, &token, "text/csv; charset=utf-8", csv.as_bytes().to_vec()).await;
        assert_eq!(reply.expect(200)["muster:updates"], 2);
    }
    assert_eq!(app.count("SELECT count(*) FROM updates WHERE kind = 'draw'").await, 2);
    assert_eq!(
        app.count("SELECT jsonb_array_length(figures)::bigint FROM updates ORDER BY happened_on LIMIT 1").await,
        2
    );
    assert!(app.get("/c/status-for-all", None).await.text().contains("<svg"));

    let excel = "sep=;\r\nDate;Title;Series;Value;Unit\r\n2026-01-10;Draw 1;Invitations;1,000;people\r\n;;;;\r\n2026-01-10;Draw 1;Score;520\r\n\
                 2026-01-24;Draw 2;Invitations;900;people\r\n";
    let reply = send(&app, path, &token, "application/vnd.ms-excel", excel.as_bytes().to_vec()).await;
    assert_eq!(reply.expect(200)["muster:updates"], 2);
    assert_eq!(app.count("SELECT count(*) FROM updates WHERE kind = 'draw'").await, 2);
    let unnamed = send(&app, path, &token, "text/csv", b"date,series,value\n".to_vec()).await;
    unnamed.problem(422, "validation_failed", &["/1"]);
    assert!(unnamed.text().contains("The header has no column `title`."), "{}", unnamed.text());

    let broken = "date,title,series,value\n2026-02-01,Draw 3,Invitations,12\nyesterday,Draw 4,Invitations,1\n2026-02-02,Draw 5,Invitations,many\n2026-02-03,Draw\n";
    let refused = send(&app, path, &token, "text/csv", broken.as_bytes().to_vec()).await;
    refused.problem(422, "validation_failed", &["/3", "/4", "/5"]);
    assert_eq!(app.count("SELECT count(*) FROM updates").await, 2, "all of it or nothing");
    let latin = b"date,title,series,value\n2026-02-01,Qu\xE9bec,Invitations,12\n".to_vec();
    send(&app, path, &token, "text/csv", latin).await.problem(422, "validation_failed", &["/2"]);
    let nowhere = "/api/v1/updates/figures.csv?campaign=nowhere";
    send(&app, nowhere, &token, "text/csv", csv.as_bytes().to_vec()).await.problem(
        422,
        "validation_failed",
        &["/campaign"],
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn campaign_can_be_edited_and_archived(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    campaign(&app, &token).await;
    let path = "/api/v1/campaigns/status-for-all";
    let changed = app.put(path, Some(&token), &json!({"muster:summary": "One law"})).await.expect(200);
    assert_eq!((&changed["title"], &changed["muster:summary"]), (&json!("Status"), &json!("One law")));
    app.put(path, Some(&token), &json!({"title": ""})).await.problem(422, "validation_failed", &["/title"]);
    app.delete(path, Some(&token)).await.expect(200);
    assert_eq!(app.get("/c/status-for-all", None).await.status, 404);
    assert_eq!(app.get(path, None).await.status, 404);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn share_links_are_localized_and_posters_link_back(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let texts = json!({"fr": {"title": "Un statut pour tous", "share": "Signez avec moi !"}});
    app.petition(&token, json!({"muster:share_text": "Sign with me", "muster:texts": texts, "muster:demands": ["One law", "<b>Two</b>"]})).await;
    let page = app.get("/p/status?lang=fr", None).await.text();
    assert!(page.contains("https://wa.me/?text=Signez%20avec%20moi%20%21%20http"), "{page}");
    assert!(page.contains("<li>One law</li>") && page.contains("&lt;b&gt;Two"), "demands are text");
    assert!(app.get("/p/status", None).await.text().contains("bsky.app/intent/compose?text=Sign%20with%20me%20"));
    app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:demands": [" "]})).await.problem(
        422,
        "validation_failed",
        &["/muster:demands/0"],
    );

    app.post("/api/v1/sources", Some(&token), &json!({"word": "union-hall"})).await.expect(201);
    told(&app);
    let poster = app.get("/p/status/poster.svg?paper=a4&lang=fr&source=union-hall", None).await;
    let svg = poster.text();
    assert_eq!(poster.headers["content-type"], "image/svg+xml");
    assert!(
        svg.contains("width=\"210mm\"") && svg.contains("Un statut pour tous") && svg.contains("Scannez pour signer")
    );
    assert!(svg.contains("/p/status?source=union-hall"), "{svg}");
    assert!(app.get("/p/status/poster.svg", None).await.text().contains("width=\"8.5in\""));
    app.get("/p/status/poster.svg?paper=a0", None).await.text();
    assert_eq!(app.get("/p/status/poster.svg?paper=a0", None).await.status, 400);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn partner_has_a_consent_checkbox_and_a_source(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    let partner = json!({"name": "Farm Union", "muster:wording": {"en": "The Farm Union may write to me", "fr": "L’union peut m’écrire"}});
    let made = app.post("/api/v1/partners", Some(&token), &partner).await.expect(201);
    assert_eq!(made["muster:partners"][0]["muster:slug"], "farm-union");
    assert!(app.get("/p/status?lang=fr", None).await.text().contains("L’union peut m’écrire"));
    let mut body = signer("amara@example.org");
    merge(&mut body, json!({"referrer_data": {"source": "farm-union"}}));
    app.post("/api/v1/petitions/status/signatures", None, &body).await.expect(202);
    let counts = app.get("/api/v1/petitions/status/counts?by=source", Some(&token)).await.expect(200);
    assert_eq!(counts["muster:counts"], json!({"farm-union": 1}));
    for (body, pointer) in [
        (json!({"name": "X", "muster:wording": {}}), "/muster:wording"),
        (json!({"name": "X", "muster:wording": {"xx": "y"}}), "/muster:wording/xx"),
        (json!({"name": "Other", "muster:wording": {"en": "y"}}), "/muster:slug"),
    ] {
        app.post("/api/v1/partners", Some(&token), &body).await.problem(422, "validation_failed", &[pointer]);
    }
    app.delete("/api/v1/partners/farm-union", Some(&token)).await.expect(200);
    app.delete("/api/v1/partners/farm-union", Some(&token)).await.problem(404, "not_found", &[]);
    assert!(!app.get("/p/status?lang=fr", None).await.text().contains("L’union peut"));
}
