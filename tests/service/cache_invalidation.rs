//! Public reads come from memory: own writes are seen at once, other processes' as soon as Postgres tells.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{TestApp, table_reads},
    process::until,
};

const JSON: &str = "/api/v1/petitions/status";

/// Starts to listen, as `muster serve` does; ends with the guard.
pub async fn hearing(app: &TestApp) -> tokio_util::sync::DropGuard {
    let stop = CancellationToken::new();
    let (invalidator, options, stopped) =
        (app.kernel.cache_invalidator.clone(), (*app.kernel.db.connect_options()).clone(), stop.clone());
    tokio::spawn(async move { invalidator.listen(options, stopped).await });
    until("the listener connects", async || (app.kernel.cache_invalidator.is_listening()).then_some(())).await;
    stop.drop_guard()
}

async fn title(app: &TestApp) -> String {
    app.get(JSON, None).await.expect(200)["title"].as_str().unwrap().to_owned()
}

/// A connection beside the pool that keeps everybody from reading the table of petitions.
async fn lock_petitions(pool: &PgPool) -> PgConnection {
    let mut conn = PgConnection::connect_with(&pool.connect_options()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE petitions IN ACCESS EXCLUSIVE MODE").execute(&mut conn).await.unwrap();
    conn
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn concurrent_requests_for_an_uncached_petition_make_one_query(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let scans = async || {
        let mut scans = 0;
        for table in table_reads(&pool).await {
            scans += if table.name == "petitions" { table.scans } else { 0 };
        }
        scans
    };
    let before = scans().await;
    app.get(JSON, None).await.expect(200);
    let one_load = scans().await - before;
    assert!(one_load > 0);

    app.expire_caches();
    let before = scans().await;
    let mut locked = lock_petitions(&pool).await;
    let requests = futures_util::future::join_all((0..200).map(|_| app.get(JSON, None)));
    let unlock = async {
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("the request that loads", async || {
            sqlx::query(waiting).fetch_optional(&mut locked).await.unwrap().map(|_| ())
        })
        .await;
        sqlx::raw_sql("ROLLBACK").execute(&mut locked).await.unwrap();
    };
    let (replies, ()) = tokio::join!(requests, unlock);
    assert!(replies.iter().all(|r| r.status == 200 && r.body == replies[0].body));
    assert_eq!(scans().await - before, one_load, "one request asks the database, the others wait for its answer");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn cached_answers_need_no_database(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let _hearing = hearing(&app).await;
    let token = app.owner().await;
    let campaign = json!({"title": "Status now", "muster:slug": "status-now"});
    TestApp::created(&app.post("/api/v1/campaigns", Some(&token), &campaign).await);
    app.petition(&token, json!({"muster:campaign": "status-now"})).await;
    let paths = [JSON, "/p/status", "/c/status-now", "/"];
    for path in paths {
        assert_eq!(app.get(path, None).await.status, 200, "{path}");
    }
    app.expire_caches(); // as if no invalidation could be received
    // no connection can be had
    let mut all = Vec::new();
    while let Ok(Ok(conn)) = tokio::time::timeout(Duration::from_millis(300), pool.acquire()).await {
        all.push(conn);
    }
    for path in paths {
        let reply = tokio::time::timeout(Duration::from_secs(1), app.get(path, None)).await;
        assert_eq!(reply.unwrap_or_else(|_| panic!("{path} asked the database")).status, 200, "{path}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn changes_of_another_process_invalidate_the_cache(pool: PgPool) {
    let (one, other) = (TestApp::new(pool.clone()).await, TestApp::new(pool.clone()).await);
    let _hearing = hearing(&other).await;
    let token = one.owner().await;
    one.petition(&token, json!({})).await;
    for (n, changed) in ["First", "Second", "Third"].into_iter().enumerate() {
        let before = title(&other).await;
        one.put(JSON, Some(&token), &json!({"title": changed})).await.expect(200);
        assert_eq!(title(&one).await, changed, "an own write is seen at once");
        until("the change is heard", async || (title(&other).await == changed).then_some(())).await;
        assert_ne!(before, changed);
        if n == 1 {
            // the connection breaks: it comes back by itself, and nothing that was missed is shown
            let broken: i64 = sqlx::query_scalar(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            assert_eq!(broken, 1);
            one.put(JSON, Some(&token), &json!({"title": "Missed"})).await.expect(200);
            until("nothing is missed", async || (title(&other).await == "Missed").then_some(())).await;
            until("it listens again", async || other.kernel.cache_invalidator.is_listening().then_some(())).await;
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_listen_the_cache_expires_after_two_seconds(pool: PgPool) {
    let (one, other) = (TestApp::new(pool.clone()).await, TestApp::new(pool).await);
    let token = one.owner().await;
    one.petition(&token, json!({})).await;
    assert_eq!(title(&other).await, "Status for all");
    one.put(JSON, Some(&token), &json!({"title": "Changed"})).await.expect(200);
    assert_eq!(title(&other).await, "Status for all", "not aged yet");
    other.expire_caches();
    assert_eq!(title(&other).await, "Changed");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn if_none_match_returns_304(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let page = app.get("/p/status", None).await;
    let etag = page.headers["etag"].to_str().unwrap().to_owned();
    let known = [("if-none-match", etag.as_str())];
    let again = app.request(Method::GET, "/p/status", None, &known, None).await;
    assert_eq!((again.status.as_u16(), again.body.len(), &again.headers["etag"]), (304, 0, &page.headers["etag"]));
    let french = app.request(Method::GET, "/p/status?lang=fr", None, &known, None).await;
    assert_eq!(french.status, 200, "another language is another page");
    app.put(JSON, Some(&token), &json!({"title": "Changed"})).await.expect(200);
    assert_eq!(app.request(Method::GET, "/p/status", None, &known, None).await.status, 200);
}
