//! The recount by ranges, while people act: it finds what is wrong, all of it, and nothing else.

use chrono::TimeDelta;
use muster::{campaigns::recount::recount, kernel::links::Purpose, petitions::Signatures};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures,
    harness::{TestApp, merge, signer},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

fn body(person: usize) -> Value {
    let mut body = signer(&format!("p{person}@example.org"));
    let country = ["CA", "MX", "PH"][person % 3];
    body["person"]["postal_addresses"] = json!([{"country": country}]);
    merge(&mut body, json!({"muster:form_seconds": 30}));
    body
}

async fn press_each(app: &TestApp, purpose: Purpose, sql: &'static str) {
    let rows: Vec<(Uuid, i16)> = sqlx::query_as(sql).fetch_all(&app.kernel.db).await.unwrap();
    for (id, generation) in rows {
        let status = app.press(&app.kernel.links.url(purpose, id, generation)).await.status.as_u16();
        assert!(matches!(status, 200 | 410), "{status}");
    }
}

/// Signs, confirms, withdraws and erases.
async fn act(app: &TestApp, token: &str, from: usize) {
    for person in from..from + 12 {
        app.post(SIGN, None, &body(person)).await.expect(202);
        app.post(SIGN, Some(token), &body(person + 1000)).await.expect(201);
    }
    press_each(
        app,
        Purpose::ConfirmSignature,
        "SELECT id, link_generation FROM signatures WHERE state = 'pending' ORDER BY random() LIMIT 10",
    )
    .await;
    press_each(
        app,
        Purpose::ManageSignature,
        "SELECT id, link_generation FROM signatures WHERE state = 'counted' ORDER BY random() LIMIT 4",
    )
    .await;
}

#[sqlx::test(migrations = "./migrations")]
async fn recount_is_exact_during_concurrent_submissions(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    for round in 0..4 {
        act(&app, &token, round * 12).await;
    }
    // two days later all these lie in ranges of their own
    app.kernel.env.advance(TimeDelta::days(3));
    let wrong = [("total", "", 2_i64), ("country", "MX", -3)];
    sqlx::raw_sql(
        "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT id, v.d, v.k, v.n FROM actions, (VALUES ('total', '', -2), ('country', 'MX', 3)) v (d, k, n)",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let mut found = Vec::new();
    let acting = async {
        for round in 4..9 {
            act(&app, &token, round * 12).await;
            app.tick().await;
        }
    };
    let counting = async {
        // again and again: whatever is found while people act is right
        for _ in 0..12 {
            match recount(&app.kernel.work, &Signatures, petition, 7, app.kernel.env.now()).await {
                Ok(cells) => found.extend(cells),
                Err(error) => assert_eq!(error.code(), muster::error::Code::Conflict, "{error}"),
            }
            sqlx::query("DELETE FROM recounts").execute(&app.kernel.db).await.unwrap();
        }
    };
    tokio::join!(acting, counting);
    found.extend(recount(&app.kernel.work, &Signatures, petition, 7, app.kernel.env.now()).await.unwrap());
    found.sort();
    let mut expected: Vec<_> = wrong.iter().map(|(d, k, n)| ((*d).to_owned(), (*k).to_owned(), *n)).collect();
    expected.sort();
    assert_eq!(found, expected);
    let all = recount(&app.kernel.work, &Signatures, petition, 1_000_000, app.kernel.env.now()).await.unwrap();
    assert_eq!(all, [], "as one range they say the same");
    let claims = app.count("SELECT count(*) FROM recounts").await;
    assert_eq!(claims, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn recount_lease_allows_one_process_without_locks(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    let path = "/api/v1/petitions/status/recount";
    sqlx::query("INSERT INTO recounts SELECT id, id, now() + interval '1 minute' FROM actions")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    app.post(path, Some(&token), &json!({})).await.problem(409, "conflict", &[]);
    sqlx::query("UPDATE recounts SET leased_until = now()").execute(&app.kernel.db).await.unwrap();
    app.post(path, Some(&token), &json!({})).await.expect(200);
    // numbers of other petitions move while somebody holds one
    app.petition(&token, json!({"muster:slug": "other"})).await;
    for slug in ["status", "other"] {
        app.post(&format!("/api/v1/petitions/{slug}/signatures"), Some(&token), &body(1)).await.expect(201);
    }
    let mut tx = app.kernel.db.begin().await.unwrap();
    sqlx::query("SELECT id FROM actions WHERE id = $1 FOR NO KEY UPDATE")
        .bind(petition)
        .execute(&mut *tx)
        .await
        .unwrap();
    app.tick().await;
    let numbers = "SELECT sum(published_count)::bigint FROM actions";
    assert_eq!(app.count(numbers).await, 1);
    tx.rollback().await.unwrap();
    app.tick().await;
    assert_eq!(app.count(numbers).await, 2, "the one that was held follows");
}

#[sqlx::test(migrations = "./migrations")]
async fn seats_and_letters_are_recounted(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = fixtures::create_all_resources(&app, "Alliance").await;
    let verify = async || muster::worker::run_maintenance(&app.app).await.unwrap();
    let off =
        "SELECT count(*) FROM action_count_deltas d JOIN actions a ON a.id = d.action_id WHERE a.kind <> 'petition'";
    app.tick().await;
    verify().await;
    assert_eq!(app.count(off).await, 0, "what the slices count is what the recount counts");
    let letters = format!("/api/v1/advocacy_campaigns/{}", ours.letter_action);
    app.put(&letters, Some(&ours.token), &json!({"muster:live": true})).await.expect(200);
    verify().await;
    app.jobs().await;
    app.mail().await;
    app.tick().await;
    sqlx::raw_sql("UPDATE actions SET verified_at = NULL").execute(&app.kernel.db).await.unwrap();
    verify().await;
    assert_eq!(app.count(off).await, 0, "nor is anything off once letters were sent");
    assert_eq!(app.count("SELECT value FROM action_counts WHERE dimension = 'state' AND key = 'sent'").await, 1);
    sqlx::raw_sql(
        "UPDATE actions SET verified_at = NULL; UPDATE events SET seats_taken = 5;
         UPDATE action_counts SET value = 9 WHERE dimension IN ('total', 'state')",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    verify().await;
    app.tick().await;
    assert_eq!(app.count("SELECT seats_taken::bigint FROM events").await, 1);
    let event = app.get(&format!("/api/v1/events/{}", ours.event), Some(&ours.token)).await.expect(200);
    assert_eq!(event["total_accepted"], 1);
    assert_eq!(app.get(&letters, Some(&ours.token)).await.expect(200)["total_outreaches"], 1);
    assert_eq!(app.count("SELECT value FROM action_counts WHERE dimension = 'state' AND key = 'sent'").await, 1);
}
