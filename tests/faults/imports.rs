//! Uploads of clients that take their time or go away, and files that cannot be worked on.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Request, header},
};
use chrono::TimeDelta;
use muster::{app::from_loopback, petitions::MANAGE_SIGNATURE};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    fixtures::confirm,
    harness::{Reply, TestApp, signer},
    process::until,
};

const IMPORTS: &str = "/api/v1/petitions/status/imports";

fn upload(token: &str, path: &str, body: Body) -> Request<Body> {
    let request = Request::post(path).header("OSDI-API-Token", token).header(header::CONTENT_TYPE, "text/csv");
    from_loopback(request.body(body).unwrap())
}

async fn uploaded(app: &TestApp, token: &str, csv: impl Into<Body>) -> Value {
    app.send(upload(token, IMPORTS, csv.into())).await.expect(201)
}

async fn start(app: &TestApp, token: &str, import: &Value, dry_run: bool) {
    let path = app.path_of(import["_links"]["muster:start"]["href"].as_str().unwrap()).to_owned();
    let body = json!({"mapping": {"email": import["columns"][0]}, "dry_run": dry_run});
    app.post(&path, Some(token), &body).await.expect(202);
}

async fn listed(app: &TestApp, token: &str) -> Value {
    app.get(IMPORTS, Some(token)).await.expect(200)["muster:imports"].clone()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn slow_upload_holds_no_connection_and_aborted_upload_is_cleaned_up(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__HTTP__TIMEOUT_SECONDS", "2")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let pieces = async || app.count("SELECT count(*) FROM import_chunks").await;
    let send = || {
        let (parts, coming) = mpsc::channel::<Result<Bytes, io::Error>>(1);
        let coming = futures_util::stream::unfold(coming, async |mut coming| Some((coming.recv().await?, coming)));
        let answer = tokio::spawn(app.app.router().oneshot(upload(&token, IMPORTS, Body::from_stream(coming))));
        (parts, answer)
    };
    let part = || Ok(Bytes::from(format!("email\n{}", "ana@example.org\n".repeat(20_000))));

    let (parts, answer) = send();
    parts.send(part()).await.unwrap();
    until("the pieces of the first part", async || (pieces().await >= 6).then_some(())).await;
    let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(app.count(held).await, 0, "nothing is open while the client takes its time");
    assert_eq!(listed(&app, &token).await[0]["muster:state"], "uploading");
    // longer than a request may take, but never silent for so long
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        parts.send(part()).await.unwrap();
    }
    drop(parts);
    assert_eq!(answer.await.unwrap().unwrap().status(), 201);
    assert_eq!(listed(&app, &token).await[0]["muster:state"], "uploaded");
    let whole = pieces().await;
    assert_eq!(whole, 27, "1.7 MB of rows with their numbers");

    // broken off by the client
    let (parts, answer) = send();
    parts.send(part()).await.unwrap();
    parts.send(Err(io::Error::from(io::ErrorKind::ConnectionReset))).await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), 422);
    // silent for too long
    let (parts, answer) = send();
    parts.send(part()).await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), 422);
    app.jobs().await;
    assert_eq!(pieces().await, whole);

    // its process was killed: upkeep finds it
    sqlx::query("UPDATE imports SET state = 'uploading' WHERE state = 'uploaded'")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    muster::worker::run_maintenance(&app.app).await.unwrap();
    app.jobs().await;
    assert_eq!(pieces().await, whole, "not while something may still come in");
    app.kernel.env.advance(TimeDelta::hours(2));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    app.jobs().await;
    assert_eq!(pieces().await, 0);
    assert!(listed(&app, &token).await.as_array().unwrap().iter().all(|import| import["muster:state"] == "cancelled"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn import_accepts_every_line_ending_at_end_of_file(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for (n, end) in ["\r\n", "\n", "", "\n\n", "\r\n\r\n", "\r", "\r\n\n"].into_iter().enumerate() {
        for dry_run in [true, false] {
            for lines in [0, 1, 401] {
                let line = |i: usize| format!("\r\np{n}-{dry_run}-{lines}-{i}@example.org");
                let body: String = (0..lines).map(line).collect();
                let import = uploaded(&app, &token, format!("email{body}{end}")).await;
                start(&app, &token, &import, dry_run).await;
                app.jobs().await;
                let done = listed(&app, &token).await[0].clone();
                let state = if dry_run { "checked" } else { "done" };
                assert_eq!(
                    (&done["muster:state"], &done["muster:progress"]["lines"]),
                    (&json!(state), &json!(lines)),
                    "{end:?}"
                );
                assert_eq!(done["muster:progress"]["done_bytes"], done["muster:progress"]["bytes"]);
            }
        }
    }
    // nothing but empty lines, more of them than are open at once
    let import = uploaded(&app, &token, format!("email{}a@example.org\r\n", "\r\n".repeat(600_000))).await;
    start(&app, &token, &import, false).await;
    app.jobs().await;
    let done = listed(&app, &token).await[0].clone();
    assert_eq!((&done["muster:state"], &done["muster:progress"]["imported"]), (&json!("done"), &json!(1)));
    assert_eq!(app.count("SELECT count(*) FROM jobs").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn corrupt_import_fails_with_its_reason_without_blocking_others(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for (poison, why) in [
        ("UPDATE import_chunks SET sealed = '\\x00'", "unreadable"),
        ("UPDATE imports SET mapping = '{\"email\": 7}' WHERE state = 'running'", "not_understood"),
        ("DELETE FROM import_chunks", "unreadable"),
    ] {
        let import = uploaded(&app, &token, "email\r\nana@example.org\r\n").await;
        start(&app, &token, &import, false).await;
        sqlx::query(poison).execute(&app.kernel.db).await.unwrap();
        app.step("import").await;
        // somebody else's goes on meanwhile
        let neighbour = app.token("Neighbours", "all").await;
        let slug = format!("theirs-{}", app.kernel.env.id());
        app.petition(&neighbour, json!({"muster:slug": slug})).await;
        let theirs = format!("/api/v1/petitions/{slug}/imports");
        let other = app.send(upload(&neighbour, &theirs, Body::from("email\r\nbo@example.org\r\n"))).await.expect(201);
        start(&app, &neighbour, &other, false).await;
        app.jobs().await;
        let all = app.get(&theirs, Some(&neighbour)).await.expect(200);
        assert_eq!(all["muster:imports"][0]["muster:state"], "done");
        for _ in 0..12 {
            app.kernel.env.advance(TimeDelta::minutes(6));
            app.jobs().await;
        }
        let failed = listed(&app, &token).await[0].clone();
        assert_eq!((&failed["muster:state"], &failed["muster:job"]["error"]["code"]), (&json!("failed"), &json!(why)));
        assert_eq!(app.count("SELECT count(*) FROM import_chunks").await, 0, "its file is gone");
        sqlx::query("DELETE FROM jobs").execute(&app.kernel.db).await.unwrap();
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn import_skips_withdrawn_signatures(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let sign = async |address: &str| -> Uuid {
        app.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
        confirm(&app, address).await;
        let newest = "SELECT id FROM signatures ORDER BY id DESC LIMIT 1";
        sqlx::query_scalar(newest).fetch_one(&app.kernel.db).await.unwrap()
    };
    let gone = sign("gone@example.org").await;
    let back = sign("back@example.org").await;
    sign("here@example.org").await;
    for signature in [gone, back] {
        app.press(&app.kernel.links.url(MANAGE_SIGNATURE, signature, 0)).await;
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'withdrawn'").await, 2);
    sign("back@example.org").await;
    let lines = "email\r\ngone@example.org\r\nback@example.org\r\nhere@example.org\r\nnew@example.org\r\n";
    for dry_run in [true, false] {
        let import = uploaded(&app, &token, lines).await;
        start(&app, &token, &import, dry_run).await;
        app.jobs().await;
        let done = listed(&app, &token).await[0].clone();
        let progress = &done["muster:progress"];
        // who has withdrawn is not told from who has signed (ADR 17)
        assert_eq!([&progress["imported"], &progress["duplicates"], &progress["refused"]], [1, 3, 0], "{done}");
        let faults: Reply =
            app.get(app.path_of(done["_links"]["muster:faults"]["href"].as_str().unwrap()), Some(&token)).await;
        assert!(!faults.text().contains("withdrawn"), "{}", faults.text());
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 3);
}
