//! People and actions that two transactions want at the same time.

use chrono::TimeDelta;
use futures_util::future::join_all;
use muster::people::ERASE_PERSON;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::{Duration, sleep};

use crate::{
    fixtures::{event, letter_action, office},
    harness::{TestApp, signer},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn resubmission_during_expiry_keeps_the_person(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let sign = async |n: usize| {
        app.post(SIGN, None, &signer(&format!("p{n}@example.org"))).await.expect(202);
    };
    for n in 0..60 {
        sign(n).await;
    }
    app.kernel.env.advance(TimeDelta::days(60));
    // batches go on while expired acts, and the people behind them, are deleted
    let deleting = async {
        for _ in 0..20 {
            muster::worker::run_maintenance(&app.app).await.unwrap();
        }
    };
    let signing = async {
        for wave in 0..6 {
            join_all((wave * 10..wave * 10 + 10).map(sign)).await;
        }
    };
    futures_util::join!(deleting, signing);
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 60, "the new acts, and only they");
    assert_eq!(app.count("SELECT count(*) FROM people").await, 60);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn expiry_skips_people_locked_by_a_batch(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for address in ["ana@example.org", "bo@example.org"] {
        app.post(SIGN, None, &signer(address)).await.expect(202);
    }
    app.kernel.env.advance(TimeDelta::days(60));
    // as a batch does: the person first, then her act, which is committed after the other transaction has looked
    let mut batch = app.kernel.db.begin().await.unwrap();
    let person: uuid::Uuid = sqlx::query_scalar(
        "UPDATE people SET modified_at = now() WHERE id = (SELECT id FROM people ORDER BY id LIMIT 1) RETURNING id",
    )
    .fetch_one(&mut *batch)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO signatures (id, petition_id, person_id, state, created_at, confirm_expires_at)
         SELECT gen_random_uuid(), (SELECT id FROM petitions), $1, 'pending', now(), now() + interval '90 days'",
    )
    .bind(person)
    .execute(&mut *batch)
    .await
    .unwrap();
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1, "the other one is gone, and nothing has waited");
    batch.commit().await.unwrap();
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn concurrent_action_changes_are_not_overwritten(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    for path in ["/api/v1/petitions/status", "/api/v1/events/assembly"] {
        for delete in [false, true] {
            sqlx::query("UPDATE actions SET state = 'published', title = 'Before'")
                .execute(&app.kernel.db)
                .await
                .unwrap();
            let mut other = app.kernel.db.begin().await.unwrap();
            sqlx::query("UPDATE actions SET state = 'closed', title = 'Meanwhile'").execute(&mut *other).await.unwrap();
            let changed = async {
                if delete {
                    app.delete(path, Some(&token)).await.expect(200)
                } else {
                    app.put(path, Some(&token), &json!({"muster:summary": "New"})).await.expect(200)
                }
            };
            let committed = async {
                sleep(Duration::from_millis(200)).await;
                other.commit().await.unwrap();
            };
            futures_util::join!(changed, committed);
            let kept = "SELECT count(*) FROM actions WHERE title = 'Meanwhile' AND state = ANY ('{closed,archived}')";
            assert_eq!(app.count(kept).await, 2, "{path}");
        }
    }
    // what somebody changes at this moment does not keep the others from being closed
    sqlx::query("UPDATE actions SET state = 'published', closes_at = now() - interval '1 minute', opens_at = NULL")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    let mut other = app.kernel.db.begin().await.unwrap();
    sqlx::query("SELECT FROM actions WHERE kind = 'event' FOR NO KEY UPDATE").execute(&mut *other).await.unwrap();
    let closed = muster::campaigns::close_due(&app.kernel.work, app.kernel.env.now()).await.unwrap();
    assert_eq!(closed, 1);
    other.rollback().await.unwrap();
    assert_eq!(muster::campaigns::close_due(&app.kernel.work, app.kernel.env.now()).await.unwrap(), 1);
}

/// The table of a kind of act, and where it is made.
const KINDS: [(&str, &str); 3] = [
    ("signatures", SIGN),
    ("attendances", "/api/v1/events/assembly/attendances"),
    ("letters", "/api/v1/advocacy_campaigns/write/outreaches"),
];

/// Whether a row can be locked at this moment.
async fn is_free(app: &TestApp, sql: &str) -> bool {
    let mut tx = app.kernel.db.begin().await.unwrap();
    sqlx::query(AssertSqlSafe(format!("{sql} FOR UPDATE NOWAIT"))).fetch_all(&mut *tx).await.is_ok()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn maintenance_locks_people_before_their_submissions(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    for (_, path) in KINDS {
        app.post(path, None, &signer("ana@example.org")).await.expect(202);
    }
    app.kernel.env.advance(TimeDelta::days(60));
    for (table, _) in KINDS {
        let mut other = app.kernel.db.begin().await.unwrap();
        let row = AssertSqlSafe(format!("SELECT FROM {table} FOR UPDATE"));
        sqlx::query(row).fetch_one(&mut *other).await.unwrap();
        let deleting = muster::people::delete_unconfirmed(&app.kernel.work, table, app.kernel.env.now());
        let looking = async {
            app.lock_is_waited_for().await;
            assert!(!is_free(&app, "SELECT FROM people").await, "{table}: the act was locked first");
            other.rollback().await.unwrap();
        };
        let (gone, ()) = futures_util::join!(deleting, looking);
        assert_eq!(gone.unwrap(), 1, "{table}");
    }
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn signature_changes_lock_the_person_first(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let id = TestApp::created(&app.post(SIGN, Some(&token), &signer("ana@example.org")).await);
    let path = format!("{SIGN}/{id}");
    // an organizer decides, an organizer withdraws
    for n in 0..2 {
        // as who confirms does: the person first, and then the act
        let mut other = app.kernel.db.begin().await.unwrap();
        sqlx::query("SELECT FROM people FOR NO KEY UPDATE").fetch_all(&mut *other).await.unwrap();
        let changing = async {
            match n {
                0 => app.put(&path, Some(&token), &json!({"muster:state": "quarantined"})).await.expect(200),
                _ => app.delete(&path, Some(&token)).await.expect(200),
            }
        };
        let looking = async {
            app.lock_is_waited_for().await;
            let signatures = sqlx::query("SELECT FROM signatures FOR UPDATE NOWAIT").fetch_all(&mut *other).await;
            assert!(signatures.is_ok(), "{n}: the act was locked first");
            other.rollback().await.unwrap();
        };
        futures_util::join!(changing, looking);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn several_actions_are_locked_in_id_order(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for n in 0..12 {
        let slug = format!("p{n}");
        app.petition(&token, json!({"muster:slug": slug})).await;
        app.post(&format!("/api/v1/petitions/{slug}/signatures"), Some(&token), &signer("ana@example.org"))
            .await
            .expect(201);
    }
    let person: uuid::Uuid = sqlx::query_scalar("SELECT id FROM people").fetch_one(&app.kernel.db).await.unwrap();
    // whoever holds the first may have all others
    let mut other = app.kernel.db.begin().await.unwrap();
    sqlx::query("SELECT FROM actions ORDER BY id LIMIT 1 FOR NO KEY UPDATE").fetch_one(&mut *other).await.unwrap();
    let erasing = async {
        let url = app.kernel.links.url(ERASE_PERSON, person, 0);
        assert_eq!(app.press(&url).await.status, 200);
    };
    let looking = async {
        app.lock_is_waited_for().await;
        let all = sqlx::query("SELECT FROM actions ORDER BY id FOR NO KEY UPDATE NOWAIT").fetch_all(&mut *other).await;
        assert!(all.is_ok(), "another one was locked before the first");
        other.rollback().await.unwrap();
    };
    futures_util::join!(erasing, looking);
    assert_eq!(app.count("SELECT sum(erased_count)::bigint FROM actions").await, 12);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn letter_being_withdrawn_is_not_released(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for slug in ["minister", "deputy"] {
        office(&app, &token, slug).await;
    }
    letter_action(&app, &token, json!({"muster:targets": ["minister", "deputy"]})).await;
    app.post(KINDS[2].1, Some(&token), &signer("ana@example.org")).await.expect(201);
    app.put("/api/v1/advocacy_campaigns/write", Some(&token), &json!({"muster:live": true})).await.expect(200);
    // as who takes it back does: the letter first, then its parts
    let mut other = app.kernel.db.begin().await.unwrap();
    sqlx::query("SELECT FROM letters FOR UPDATE").fetch_one(&mut *other).await.unwrap();
    let looking = async {
        app.lock_is_waited_for().await;
        let parts = sqlx::query("SELECT FROM outreaches FOR UPDATE NOWAIT").fetch_all(&mut *other).await;
        assert_eq!(parts.expect("free").len(), 2);
        other.rollback().await.unwrap();
    };
    futures_util::join!(app.step("letters"), looking);
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'queued'").await, 2);
}
