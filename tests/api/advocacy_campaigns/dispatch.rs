//! Letters that are held and let go: at once in the request, in steps by the job, none left behind and none twice.

use std::collections::BTreeMap;

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{letter_action, office},
    harness::{TestApp, signer},
};

const ACTION: &str = "/api/v1/advocacy_campaigns/write";

/// Letters that are held, written past the front door: so many with two parts each.
async fn held(app: &TestApp, action: Uuid, letters: i64) {
    sqlx::query(
        "WITH p AS (
             INSERT INTO people (id, vault_id, email_index, sealed, origin, created_at, modified_at, confirmed_at)
             SELECT uuid_v7(now()), a.vault_id, sha256(n::text::bytea), '\\x00', 'act', now(), now(), now()
             FROM actions a, generate_series(1, $2) n WHERE a.id = $1 RETURNING id
         ), l AS (
             INSERT INTO letters (id, letter_action_id, person_id, state, locale, created_at, confirmed_at)
             SELECT uuid_v7(now()), $1, id, 'confirmed', 'en', now(), now() FROM p RETURNING id
         )
         INSERT INTO outreaches (id, letter_id, letter_action_id, office_id, state, email_id, created_at)
         SELECT uuid_v7(now()), l.id, $1, t.office_id, 'held', uuid_v7(now()), now() FROM l, letter_targets t WHERE t.letter_action_id = $1",
    )
    .bind(action)
    .bind(letters)
    .execute(&app.kernel.db)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
         SELECT letter_action_id, 'total', '', count(*) FROM outreaches WHERE letter_action_id = $1 GROUP BY 1",
    )
    .bind(action)
    .execute(&app.kernel.db)
    .await
    .unwrap();
    sqlx::query("ANALYZE outreaches").execute(&app.kernel.db).await.unwrap();
}

async fn two_offices(app: &TestApp, token: &str) -> Uuid {
    for slug in ["minister", "deputy"] {
        office(app, token, slug).await;
    }
    letter_action(app, token, json!({"muster:targets": ["minister", "deputy"]})).await
}

async fn states(app: &TestApp) -> Value {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM outreaches GROUP BY 1").fetch_all(&app.kernel.db).await.unwrap();
    json!(rows.into_iter().collect::<BTreeMap<_, _>>())
}

const QUEUED: &str = "SELECT count(*) FROM emails_waiting WHERE kind = 'letter_deliver'";

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn going_live_releases_held_letters_in_job_steps(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let action = two_offices(&app, &token).await;
    held(&app, action, 20_000).await;
    let before = app.get(ACTION, Some(&token)).await.expect(200);
    assert_eq!((&before["muster:held"], &before["muster:held_is_minimum"]), (&json!(10_000), &json!(true)));

    // nobody may write outreaches at this moment, nor lock one, and the answer is there all the same
    let mut locked = app.kernel.db.begin().await.unwrap();
    sqlx::query("LOCK TABLE outreaches, emails_waiting IN EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
    let live = app.put(ACTION, Some(&token), &json!({"muster:live": true})).await.expect(200);
    assert_eq!((&live["muster:live"], &live["muster:job"]["doing"]), (&json!(true), &json!("releasing")));
    assert_eq!((&live["muster:held"], &live["muster:held_is_minimum"]), (&json!(10_000), &json!(true)));
    locked.rollback().await.unwrap();
    assert_eq!(states(&app).await, json!({"held": 40_000}));

    // a thousand letters in a step, and no more
    for n in 1..=3 {
        assert!(app.step("letters").await);
        assert_eq!(states(&app).await, json!({"held": 40_000 - n * 2_000, "queued": n * 2_000}));
    }
    let under_way = app.get(ACTION, Some(&token)).await.expect(200);
    assert_eq!(under_way["muster:job"]["done"], 3_000);

    // stopped in the middle: what is queued is held again, in steps too
    let mut locked = app.kernel.db.begin().await.unwrap();
    sqlx::query("LOCK TABLE outreaches, emails_waiting IN EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
    let paused = app.put(ACTION, Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    assert_eq!(paused["muster:job"]["doing"], "holding");
    locked.rollback().await.unwrap();
    assert!(app.step("letters").await);
    assert_eq!(states(&app).await, json!({"held": 35_000, "queued": 5_000}));
    app.jobs().await;
    assert_eq!((states(&app).await, app.count(QUEUED).await), (json!({"held": 40_000}), 0));

    app.put(ACTION, Some(&token), &json!({"muster:status": "published"})).await.expect(200);
    app.jobs().await;
    assert_eq!((states(&app).await, app.count(QUEUED).await), (json!({"queued": 40_000}), 40_000));
    assert_eq!(
        app.count("SELECT count(DISTINCT refs) FROM emails_waiting WHERE kind = 'letter_deliver'").await,
        40_000
    );
    let done = app.get(ACTION, Some(&token)).await.expect(200);
    assert_eq!((&done["muster:held"], &done["muster:held_is_minimum"]), (&json!(0), &json!(false)));
    assert_eq!(done["muster:job"], Value::Null);
    let public = app.get(ACTION, None).await.expect(200);
    assert!(public.get("muster:held").is_none() && public.get("muster:job").is_none(), "{public}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn held_count_is_known_before_the_first_step(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    two_offices(&app, &token).await;
    for n in 0..3 {
        let path = format!("{ACTION}/outreaches");
        app.post(&path, Some(&token), &signer(&format!("p{n}@example.org"))).await.expect(201);
    }
    let held = |body: &Value| (body["muster:held"].clone(), body["muster:held_is_minimum"].clone());
    assert_eq!(held(&app.get(ACTION, Some(&token)).await.expect(200)), (json!(6), json!(false)));
    let live = app.put(ACTION, Some(&token), &json!({"muster:live": true})).await.expect(200);
    assert_eq!(live["muster:job"]["doing"], "releasing");
    assert_eq!(held(&live), (json!(6), json!(false)));
    app.jobs().await;
    app.mail().await;
    assert_eq!(held(&app.get(ACTION, Some(&token)).await.expect(200)), (json!(0), json!(false)));
    // released anew: nothing is held, since all has gone out
    let again = app.put(ACTION, Some(&token), &json!({"muster:live": true})).await.expect(200);
    assert_eq!(held(&again), (json!(0), json!(false)));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn concurrent_confirmation_and_going_live_queues_each_letter_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    two_offices(&app, &token).await;
    let write = async |n: usize| {
        let path = format!("{ACTION}/outreaches");
        app.post(&path, Some(&token), &signer(&format!("p{n}@example.org"))).await.expect(201);
    };
    let change = async |n: usize| {
        let body = match n % 4 {
            0 => json!({"muster:live": true}),
            1 => json!({"muster:status": "paused"}),
            2 => json!({"muster:status": "published"}),
            _ => json!({"muster:live": n % 8 == 3}),
        };
        app.request(Method::PUT, ACTION, Some(&token), &[], Some(&body)).await.expect(200);
    };
    let work = async |_: usize| {
        app.jobs().await;
    };
    for wave in 0..12 {
        let numbers = (0..10).map(|n| wave * 10 + n);
        let writing = join_all(numbers.clone().map(write));
        let changing = async {
            for n in numbers.clone().take(3) {
                change(n).await;
            }
        };
        let working = join_all((0..3).map(work));
        futures_util::join!(writing, changing, working);
    }
    app.put(ACTION, Some(&token), &json!({"muster:live": true, "muster:status": "published"})).await.expect(200);
    app.jobs().await;
    assert_eq!(states(&app).await, json!({"queued": 240}), "none is left behind");
    assert_eq!(app.count(QUEUED).await, 240);
    let theirs = "SELECT count(*) FROM outreaches o JOIN emails_waiting e ON e.id = o.email_id AND e.refs ->> 'outreach' = o.id::text";
    assert_eq!(app.count(theirs).await, 240, "each has one mail, its own");
    app.put(ACTION, Some(&token), &json!({"muster:live": false})).await.expect(200);
    app.jobs().await;
    assert_eq!((states(&app).await, app.count(QUEUED).await), (json!({"held": 240}), 0));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pause_holds_letters_before_the_job_starts(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    two_offices(&app, &token).await;
    app.put(ACTION, Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.jobs().await;
    app.post(&format!("{ACTION}/outreaches"), Some(&token), &signer("ana@example.org")).await.expect(201);
    assert_eq!(states(&app).await, json!({"queued": 2}));
    app.put(ACTION, Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    let letters = async || app.mail().await.into_iter().filter(|mail| mail.kind == "letter_deliver").count();
    assert_eq!(letters().await, 0);
    assert_eq!(states(&app).await, json!({"held": 2}), "the sender has held them");
    app.put(ACTION, Some(&token), &json!({"muster:status": "published"})).await.expect(200);
    app.jobs().await;
    assert_eq!(letters().await, 2);
    assert_eq!(states(&app).await, json!({"sent": 2}));
    app.put(ACTION, Some(&token), &json!({"muster:live": false})).await.expect(200);
    app.put(ACTION, Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.jobs().await;
    assert_eq!(letters().await, 2, "and never again");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn late_delivery_status_does_not_overwrite_a_newer_mail(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    two_offices(&app, &token).await;
    app.put(ACTION, Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.post(&format!("{ACTION}/outreaches"), Some(&token), &signer("ana@example.org")).await.expect(201);
    // a mail of before, given up by a sender that had read that the action is stopped, is settled after the letter was released
    sqlx::query("UPDATE outreaches SET email_id = gen_random_uuid()").execute(&app.kernel.db).await.unwrap();
    sqlx::query("UPDATE letters SET state = 'withdrawn'").execute(&app.kernel.db).await.unwrap();
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'letter_deliver' AND state = 'cancelled'").await, 2);
    assert_eq!(states(&app).await, json!({"queued": 2}));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn action_closed_at_its_date_holds_queued_letters(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    two_offices(&app, &token).await;
    let closes = (app.kernel.env.now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let body = json!({"muster:live": true, "muster:closes_at": closes});
    app.put(ACTION, Some(&token), &body).await.expect(200);
    app.post(&format!("{ACTION}/outreaches"), Some(&token), &signer("ana@example.org")).await.expect(201);
    app.kernel.env.advance(chrono::TimeDelta::hours(2));
    app.tick().await;
    app.jobs().await;
    assert_eq!((states(&app).await, app.count(QUEUED).await), (json!({"held": 2}), 0));
}
