//! Counts: published ones for everybody, exact ones with a token, breakdowns that give nobody away, and the recount.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::confirm,
    harness::{TestApp, signer},
};

const COUNTS: &str = "/api/v1/petitions/status/counts";
const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn vouch(app: &TestApp, token: &str, address: &str, country: &str) {
    let mut body = signer(address);
    body["person"]["postal_addresses"] = json!([{"country": country}]);
    app.post(SIGN, Some(token), &body).await.expect(201);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn public_total_is_published_and_organizer_total_is_exact(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:goal": 500})).await;
    vouch(&app, &token, "amara@example.org", "CA").await;

    let public = app.get(COUNTS, None).await;
    let body = public.expect(200);
    assert_eq!(
        (body["total_signatures"].as_i64(), body["muster:goal"].as_i64()),
        (Some(0), Some(500)),
        "not before its tick"
    );
    assert!(public.headers["cache-control"].to_str().unwrap().contains("stale-while-revalidate"));
    assert!(public.headers.contains_key("etag"));
    let own = app.get(&format!("{COUNTS}?by=country"), Some(&token)).await.expect(200);
    assert_eq!((&own["total_signatures"], &own["muster:counts"]), (&json!(1), &json!({"CA": 1})), "read your writes");
    assert!(!own.to_string().contains("etag"));

    app.tick().await;
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
    assert_eq!(app.get(COUNTS, None).await.expect(200)["total_signatures"], 1);
    let few = app.get(&format!("{COUNTS}?by=country"), None).await.expect(200);
    assert_eq!(
        (&few["muster:counts"], &few["muster:counts_date"]),
        (&Value::Null, &Value::Null),
        "too few to break down"
    );
    app.get(&format!("{COUNTS}?by=source"), None).await.problem(400, "invalid_parameter", &[]);
    app.get(&format!("{COUNTS}?by=name"), None).await.problem(400, "invalid_parameter", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn public_breakdowns_are_daily_rounded_and_can_be_disabled(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for n in 0..104 {
        let country = if n < 88 {
            "CA"
        } else if n < 101 {
            "US"
        } else {
            "MX"
        };
        vouch(&app, &token, &format!("s{n}@example.org"), country).await;
    }
    app.tick().await;
    app.tick().await; // the first one made the number public, with 104 there are enough
    let path = format!("{COUNTS}?by=country");
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
    let shown = app.get(&path, None).await.expect(200);
    // three from Mexico would be found by subtraction, so they take the next larger cell along
    assert_eq!(shown["muster:counts"], json!({"CA": 90, "other": 15}));

    for n in 104..130 {
        vouch(&app, &token, &format!("s{n}@example.org"), "MX").await;
    }
    app.tick().await;
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
    let later = app.get(&path, None).await.expect(200);
    assert_eq!(
        (&later["total_signatures"], &later["muster:counts"]),
        (&json!(130), &shown["muster:counts"]),
        "once a day"
    );

    sqlx::query("UPDATE petitions SET shows_breakdowns = false").execute(&app.kernel.db).await.unwrap();
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
    assert_eq!(app.get(&path, None).await.expect(200)["muster:counts"], Value::Null);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn breakdowns_are_published_again_each_day_and_once_they_are_shown(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:shows_breakdowns": false})).await;
    for n in 0..100 {
        vouch(&app, &token, &format!("s{n}@example.org"), "CA").await;
    }
    let published = async || {
        app.tick().await;
        app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
        app.get(&format!("{COUNTS}?by=country"), None).await.expect(200)["muster:counts"].clone()
    };
    assert_eq!((published().await, published().await), (Value::Null, Value::Null), "switched off");
    let shown = json!({"muster:shows_breakdowns": true});
    app.put("/api/v1/petitions/status", Some(&token), &shown).await.expect(200);
    assert_eq!(published().await, json!({"CA": 100}));

    for n in 100..120 {
        vouch(&app, &token, &format!("s{n}@example.org"), "US").await;
    }
    assert_eq!(published().await, json!({"CA": 100}), "not on the same day");
    app.kernel.env.advance(chrono::TimeDelta::days(1));
    assert_eq!(published().await, json!({"CA": 100, "US": 20}));

    let pause = async |paused: bool| {
        let limits = json!({"muster:breakdowns_paused": paused});
        app.put("/api/v1/integrity", Some(&token), &limits).await.expect(200);
    };
    pause(true).await;
    app.kernel.env.advance(chrono::TimeDelta::days(1));
    for n in 120..140 {
        vouch(&app, &token, &format!("s{n}@example.org"), "MX").await;
    }
    assert_eq!((published().await, published().await), (Value::Null, Value::Null), "paused");
    pause(false).await;
    assert_eq!(published().await, json!({"CA": 100, "MX": 20, "US": 20}));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_petition_publishes_only_its_total(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    confirm(&app, "amara@example.org").await;
    for path in [COUNTS.to_owned(), format!("{COUNTS}?by=day"), format!("{COUNTS}?by=country")] {
        assert_eq!(app.get(&path, None).await.expect(200).get("muster:counts").unwrap_or(&Value::Null), &Value::Null);
    }
    let own = app.get(&format!("{COUNTS}?by=country"), Some(&token)).await.expect(200);
    assert_eq!(
        (&own["total_signatures"], own.get("muster:counts")),
        (&json!(0), None),
        "not before its day, nor by one"
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn recount_repairs_wrong_counts(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for n in 0..5 {
        vouch(&app, &token, &format!("s{n}@example.org"), "CA").await;
    }
    app.tick().await;
    let recount = async || app.post("/api/v1/petitions/status/recount", Some(&token), &json!({})).await;
    assert_eq!(recount().await.expect(200)["muster:repaired"], json!([]));
    sqlx::raw_sql(
        "UPDATE action_counts SET value = value + 3 WHERE dimension = 'total';
         DELETE FROM action_counts WHERE dimension = 'country';
         INSERT INTO action_counts SELECT id, 'region', 'CA-ZZ', 2 FROM actions",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let repaired = recount().await.expect(200)["muster:repaired"].clone();
    let expected = json!([
        {"by": "country", "key": "CA", "off": 5}, {"by": "region", "key": "CA-ZZ", "off": -2}, {"by": "total", "key": "", "off": -3},
    ]);
    assert_eq!(repaired, expected);
    assert_eq!(recount().await.expect(200)["muster:repaired"], json!([]));
    let own = app.get(&format!("{COUNTS}?by=country"), Some(&token)).await.expect(200);
    assert_eq!((&own["total_signatures"], &own["muster:counts"]), (&json!(5), &json!({"CA": 5})));
    assert!(own["muster:verified_date"].is_string());

    // rows that were erased for good are known by their number
    sqlx::raw_sql(
        "DELETE FROM signatures WHERE id = (SELECT id FROM signatures LIMIT 1); UPDATE actions SET erased_count = 1",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    assert_eq!(recount().await.expect(200)["muster:repaired"], json!([]), "they still count");
    // the worker's nightly round does it by itself, once
    sqlx::raw_sql(
        "UPDATE actions SET verified_at = NULL; UPDATE action_counts SET value = 9 WHERE dimension = 'total'",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.get(COUNTS, Some(&token)).await.expect(200)["total_signatures"], 5);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn live_count_stream_sends_new_numbers(pool: PgPool) {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    let house = crate::process::Installation::new(&pool).with("MUSTER__COUNTS__TICK_SECONDS", "1");
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({"muster:goal": 4})).await;
    let page = server.get("/p/status", None).await.text();
    assert!(page.contains("data-live=\"/p/status/live?lang=en\"") && page.contains("live-"));
    assert_eq!(server.get("/p/status/live", None).await.json()["count"], 0, "who polls gets it once");
    assert_eq!(server.get("/p/none/live", None).await.status, 404);

    let mut stream = tokio::net::TcpStream::connect(server.http).await.unwrap();
    stream
        .write_all(b"GET /p/status/live?lang=fr HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n")
        .await
        .unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut number = async || loop {
        let line = lines.next_line().await.unwrap().expect("the stream is open");
        if let Some(data) = line.strip_prefix("data: ") {
            break serde_json::from_str::<Value>(data).unwrap();
        }
    };
    assert_eq!(number().await["count"], 0);
    server.post(SIGN, Some(&token), &signer("amara@example.org")).await.expect(201);
    let moved = tokio::time::timeout(std::time::Duration::from_secs(20), number()).await.expect("it is told");
    assert_eq!((&moved["count"], &moved["percent"]), (&json!(1), &json!(25)));
    assert!(moved["text"].as_str().unwrap().starts_with("1 "), "{moved}");
    let begun = muster::kernel::env::Env::system().instant();
    server.stop().await;
    assert!(begun.elapsed().as_secs() < 10, "an open stream does not keep the server from stopping");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn paper_signatures_are_counted_separately(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let path = "/api/v1/petitions/status/paper_batches";
    let batch = json!({"reference": "May Day", "sheets": 12, "count": 240, "collected_on": "2026-05-01"});
    app.post(path, Some(&token), &batch).await.expect(201);
    app.post(path, Some(&token), &batch).await.problem(422, "validation_failed", &["/reference"]);
    app.post(path, Some(&token), &json!({"reference": "x", "sheets": 0, "count": 0})).await.problem(
        422,
        "validation_failed",
        &["/count", "/sheets"],
    );
    let two =
        app.post(path, Some(&token), &json!({"reference": "Union hall", "sheets": 1, "count": 1000})).await.expect(201);
    assert_eq!(two["muster:extra"], 1240);
    let public = app.get(COUNTS, None).await.expect(200);
    assert_eq!((&public["total_signatures"], &public["muster:extra"]), (&json!(0), &json!(1240)));
    assert!(app.get("/p/status", None).await.text().contains("plus 1,240 on paper"));
    let first =
        two["muster:paper_batches"][1]["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap().to_owned();
    app.delete(&format!("{path}/{first}"), Some(&token)).await.expect(200);
    assert_eq!(app.get(COUNTS, None).await.expect(200)["muster:extra"], 1000);
}
