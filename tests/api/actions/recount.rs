//! The recount by ranges, while people act: it finds what is wrong, all of it, and nothing else.

use std::sync::Mutex;

use chrono::TimeDelta;
use muster::{
    campaigns::{
        Kind,
        recount::{Comparison, Countable, Range, RangeCounts, recount},
    },
    error::Result,
    kernel::links::Purpose,
    petitions::{CONFIRM_SIGNATURE, MANAGE_SIGNATURE, Signatures},
};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
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
        CONFIRM_SIGNATURE,
        "SELECT id, link_generation FROM signatures WHERE state = 'pending' ORDER BY random() LIMIT 10",
    )
    .await;
    press_each(
        app,
        MANAGE_SIGNATURE,
        "SELECT id, link_generation FROM signatures WHERE state = 'counted' ORDER BY random() LIMIT 4",
    )
    .await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
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
        "UPDATE actions SET verified_at = NULL; UPDATE events SET seats_taken = 5, waiting_parties = 7, waiting_seats = 9;
         UPDATE action_counts SET value = 9 WHERE dimension IN ('total', 'state')",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    verify().await;
    app.tick().await;
    assert_eq!(app.count("SELECT seats_taken::bigint FROM events").await, 1);
    assert_eq!(app.count("SELECT (waiting_parties + waiting_seats)::bigint FROM events").await, 0);
    let event = app.get(&format!("/api/v1/events/{}", ours.event), Some(&ours.token)).await.expect(200);
    assert_eq!(event["total_accepted"], 1);
    assert_eq!(app.get(&letters, Some(&ours.token)).await.expect(200)["total_outreaches"], 1);
    assert_eq!(app.count("SELECT value FROM action_counts WHERE dimension = 'state' AND key = 'sent'").await, 1);
}

/// The signatures, and how many each comparison has read together with the counts. Whenever that is done for the first times,
/// every signature changes.
struct Watched {
    db: PgPool,
    read: Mutex<Vec<i64>>,
    changes: usize,
}

impl Countable for Watched {
    const KIND: Kind = Kind::Petition;

    async fn boundary(&self, conn: &mut PgConnection, action: Uuid, after: Uuid, rows: i64) -> Result<Option<Uuid>> {
        Signatures.boundary(conn, action, after, rows).await
    }

    async fn slice(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<RangeCounts> {
        Signatures.slice(conn, action, range).await
    }

    async fn digest(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> Result<i64> {
        Signatures.digest(conn, action, range).await
    }

    async fn compare(&self, conn: &mut PgConnection, action: Uuid, ranges: &[Range]) -> Result<Comparison> {
        let mut rows = 0;
        for range in ranges {
            let sql = "SELECT count(*) FROM signatures WHERE petition_id = $1 AND id > $2 AND id <= $3";
            let read = sqlx::query_scalar::<_, i64>(sql).bind(action).bind(range.after).bind(range.upto);
            rows += read.fetch_one(&mut *conn).await.unwrap();
        }
        let compared = Signatures.compare(conn, action, ranges).await;
        let comparisons = {
            let mut read = self.read.lock().unwrap();
            read.push(rows);
            read.len()
        };
        if comparisons <= self.changes {
            sqlx::query("UPDATE signatures SET reminded = NOT reminded").execute(&self.db).await.unwrap();
        }
        compared
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn comparison_reads_few_rows_however_many_are_new_or_change(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    // all of the last hours
    sqlx::query(
        "WITH p AS (
             INSERT INTO people (id, vault_id, email_index, sealed, origin, created_at, modified_at, confirmed_at)
             SELECT uuid_v7(now() - n * interval '1 second'), a.vault_id, sha256(n::text::bytea), '\\x00', 'act', now(), now(), now()
             FROM actions a, generate_series(1, 3050) n RETURNING id
         )
         INSERT INTO signatures (id, petition_id, person_id, state, country, created_at, counted_at)
         SELECT p.id, $1, p.id, 'counted', 'CA', now(), now() FROM p",
    )
    .bind(petition)
    .execute(&app.kernel.db)
    .await
    .unwrap();
    sqlx::query("INSERT INTO action_count_deltas (action_id, dimension, key, delta) VALUES ($1, 'total', '', 3049)")
        .bind(petition)
        .execute(&app.kernel.db)
        .await
        .unwrap();
    for changes in [0, 2] {
        let watched = Watched { db: PgPool::clone(&app.kernel.db), read: Mutex::default(), changes };
        let found = recount(&app.kernel.work, &watched, petition, 100, app.kernel.env.now()).await.unwrap();
        let total: Vec<_> = found.iter().filter(|(dimension, ..)| dimension == "total").collect();
        if changes == 0 {
            assert_eq!(total, [&("total".to_owned(), String::new(), 1)]);
        } else {
            assert_eq!(found, [], "what was wrong is mended");
        }
        let read = watched.read.into_inner().unwrap();
        assert_eq!(read.len(), changes + 1);
        assert!(read.iter().all(|rows| *rows <= 1500), "{read:?} rows were compared at once");
    }
}
