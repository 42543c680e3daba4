//! Milestones: told once, taken back when the number falls, goals that rise. And the brake on first mails.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{TestApp, signer};

const PETITION: &str = "/api/v1/petitions/status";
const SIGN: &str = "/api/v1/petitions/status/signatures";
const STAFF: &str = "alliance@staff.example.org";

async fn vouch(app: &TestApp, token: &str, from: usize, to: usize) {
    for n in from..to {
        app.post(SIGN, Some(token), &signer(&format!("s{n}@example.org"))).await.expect(201);
    }
    app.tick().await;
}

async fn reached(app: &TestApp, token: &str) -> Vec<i64> {
    let own = app.get(PETITION, Some(token)).await.expect(200);
    own["muster:milestones_reached"].as_array().unwrap().iter().map(|m| m["step"].as_i64().unwrap()).collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn milestone_mail_is_sent_once_and_again_after_a_reset(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:goal": 8, "muster:milestones": [3], "title": "Status for all"})).await;
    vouch(&app, &token, 0, 1).await;
    assert_eq!((reached(&app, &token).await, app.mail_to(STAFF).await.len()), (vec![], 0));
    vouch(&app, &token, 1, 3).await;
    // two steps at once make one mail, about the higher one
    assert_eq!(reached(&app, &token).await, [2, 3]);
    let mails = app.mail_to(STAFF).await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.contains("Status for all") && mails[0].text.contains("reached 3 signatures"),
        "{}",
        mails[0].text
    );
    assert!(mails[0].text.contains("The public total is 3."));
    app.tick().await;
    assert_eq!(app.mail_to(STAFF).await.len(), 1, "once");

    // one is taken out: the step is not reached any more, and is told anew when it is
    let list = app.get(&format!("{SIGN}?per_page=1"), Some(&token)).await.expect(200);
    let id = list["_embedded"]["osdi:signatures"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    app.put(&format!("{SIGN}/{id}"), Some(&token), &json!({"muster:state": "invalid"})).await.expect(200);
    app.tick().await;
    assert_eq!(reached(&app, &token).await, [2]);
    app.put(&format!("{SIGN}/{id}"), Some(&token), &json!({"muster:state": "counted"})).await.expect(200);
    app.tick().await;
    assert_eq!((reached(&app, &token).await, app.mail_to(STAFF).await.len()), (vec![2, 3], 2));
    assert_eq!(
        app.get(PETITION, None).await.expect(200)["muster:milestones_reached"],
        Value::Null,
        "not for the public"
    );

    for bad in [json!([0]), json!(vec![1; 21])] {
        let refused = app.put(PETITION, Some(&token), &json!({"muster:milestones": bad})).await;
        refused.problem(422, "validation_failed", &["/muster:milestones"]);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn goal_is_raised_and_lowered_with_its_milestone(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:goal": 4, "muster:raises_goal": true})).await;
    vouch(&app, &token, 0, 4).await;
    let goal = async || {
        app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
        app.get(PETITION, None).await.expect(200)["muster:goal"].clone()
    };
    assert_eq!(goal().await, 10);
    assert_eq!(reached(&app, &token).await, [1, 2, 3, 4], "3 of 10 is passed already");
    assert_eq!(app.mail_to(STAFF).await.len(), 1);
    app.post(
        &format!("{PETITION}/invalidations"),
        Some(&token),
        &json!({"rule": {"domain": "example.org"}, "reason": "A flood"}),
    )
    .await
    .expect(202);
    app.jobs().await;
    app.tick().await;
    assert_eq!((goal().await, reached(&app, &token).await), (json!(4), vec![]));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn first_contact_limit_defers_mails_to_the_next_hour(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__FIRST_CONTACTS_PER_HOUR", "3")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for n in 0..5 {
        app.post(SIGN, None, &signer(&format!("s{n}@example.org"))).await.expect(202);
    }
    assert_eq!(app.mail().await.len(), 3);
    let held = "SELECT count(*) FROM emails WHERE state = 'queued' AND attempts = 0 AND due_at > now() AND due_at < now() + interval '2 hours'";
    assert_eq!(app.count(held).await, 2, "none is lost");
    // what is not a first mail goes all the same
    app.post(SIGN, Some(&token), &signer("vouched@example.org")).await.expect(201);
    assert_eq!(app.mail().await.len(), 4);
    // the hour passes
    sqlx::raw_sql("TRUNCATE first_contacts; UPDATE emails SET due_at = now() WHERE state = 'queued'")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    assert_eq!(app.mail().await.len(), 6);
}
