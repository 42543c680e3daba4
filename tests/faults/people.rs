//! People and actions that two transactions want at the same time.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Duration, sleep};

use crate::{
    fixtures::event,
    harness::{TestApp, signer},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

#[sqlx::test(migrations = "./migrations")]
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
    let tidying = async {
        for _ in 0..20 {
            muster::worker::run_maintenance(&app.app).await.unwrap();
        }
    };
    let signing = async {
        for wave in 0..6 {
            join_all((wave * 10..wave * 10 + 10).map(sign)).await;
        }
    };
    futures_util::join!(tidying, signing);
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 60, "the new acts, and only they");
    assert_eq!(app.count("SELECT count(*) FROM people").await, 60);
}

#[sqlx::test(migrations = "./migrations")]
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

#[sqlx::test(migrations = "./migrations")]
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
