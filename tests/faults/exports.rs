//! Exports while others write and the database goes away for a moment.

use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::Response,
};
use futures_util::StreamExt;
use muster::app::from_loopback;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use tower::ServiceExt;
use uuid::Uuid;

use crate::harness::TestApp;

/// Signatures that count, with ids of an hour ago.
async fn fill(app: &TestApp, signatures: i32) {
    sqlx::query(
        "WITH p AS (
             INSERT INTO people (id, vault_id, email_index, origin, created_at, modified_at)
             SELECT uuid_v7(now()), v.id, sha256(n::text::bytea), 'act', now(), now() FROM vaults v, generate_series(1, $1) n RETURNING id
         )
         INSERT INTO signatures (id, petition_id, person_id, state, created_at, counted_at)
         SELECT uuid_v7(now() - interval '1 hour'), (SELECT id FROM petitions), id, 'counted', now(), now() FROM p",
    )
    .bind(signatures)
    .execute(&app.kernel.db)
    .await
    .unwrap();
}

/// More of them, under these ids.
async fn sign(conn: &mut PgConnection, ids: &[Uuid]) {
    sqlx::query(
        "WITH p AS (
             INSERT INTO people (id, vault_id, email_index, origin, created_at, modified_at)
             SELECT u.id, v.id, sha256(u.id::text::bytea), 'act', now(), now() FROM vaults v, unnest($1::uuid[]) u (id) RETURNING id
         )
         INSERT INTO signatures (id, petition_id, person_id, state, created_at, counted_at)
         SELECT id, (SELECT id FROM petitions), id, 'counted', now(), now() FROM p",
    )
    .bind(ids)
    .execute(conn)
    .await
    .unwrap();
}

async fn begin(app: &TestApp, token: &str) -> Response {
    let request = Request::get("/api/v1/exports/petitions/status/signatures.csv").header("OSDI-API-Token", token);
    let request = from_loopback(request.body(Body::empty()).unwrap());
    let response = app.app.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response
}

/// The ids in a file, each once.
#[track_caller]
fn ids(csv: &[u8]) -> Vec<Uuid> {
    let mut reader = csv::Reader::from_reader(csv);
    let mut ids: Vec<Uuid> = reader.records().map(|record| record.unwrap()[0].parse().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "nobody is there twice");
    ids
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn rows_committed_behind_the_cursor_are_exported(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    fill(&app, 2_500).await;
    // ids are made, and their rows written, before others that are committed earlier
    let late: Vec<Uuid> = (0..5).map(|_| app.kernel.env.id()).collect();
    let mut writer = app.kernel.db.begin().await.unwrap();
    sign(&mut writer, &late).await;
    let early: Vec<Uuid> = (0..3_000).map(|_| app.kernel.env.id()).collect();
    sign(&mut app.kernel.db.acquire().await.unwrap(), &early).await;

    let mut body = begin(&app, &token).await.into_body().into_data_stream();
    let mut csv = Vec::new();
    for _ in 0..4 {
        csv.extend(body.next().await.unwrap().unwrap());
    }
    writer.commit().await.unwrap();
    while let Some(more) = body.next().await {
        csv.extend(more.unwrap());
    }
    let ids = ids(&csv);
    assert_eq!(ids.len(), 5_505);
    assert!(late.iter().all(|id| ids.contains(id)));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn export_survives_a_short_database_outage(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    fill(&app, 4_500).await;
    let mut body = begin(&app, &token).await.into_body().into_data_stream();
    let mut csv = body.next().await.unwrap().unwrap().to_vec();
    let mut blips = 0;
    while let Some(more) = body.next().await {
        csv.extend(more.unwrap());
        if blips < 2 {
            blips += 1;
            let killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let _ = sqlx::query(killed).execute(&pool).await;
        }
    }
    assert_eq!((blips, ids(&csv).len()), (2, 4_500));
}
