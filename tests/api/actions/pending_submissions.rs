//! Many acts for one address at once: nobody else is harmed, and no mailed link is taken away by strangers.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::submissions::{KINDS, all_kinds};
use crate::{
    fixtures::{event, letter_action, office},
    harness::{TestApp, merge, signer},
};

/// Sends one act many times at once, and others' in between; asserts that each is answered alike.
async fn flood(app: &TestApp, path: &str, more: &Value) {
    let body = |address: &str| {
        let mut body = signer(address);
        merge(&mut body, more.clone());
        body
    };
    app.post(path, None, &body("victim@example.org")).await.expect(202);
    let bodies: Vec<Value> = (0..48)
        .map(|i| body(&if i % 6 == 0 { format!("other{i}@example.org") } else { "victim@example.org".to_owned() }))
        .collect();
    let replies = join_all(bodies.iter().map(|b| app.post(path, None, b))).await;
    for reply in replies {
        reply.expect(202);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn many_submissions_for_one_address_keep_the_owners_signature(pool: PgPool) {
    let app = Arc::new(TestApp::new(pool).await);
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({"muster:slug": "rally"})).await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    for path in [
        "/api/v1/petitions/status/signatures",
        "/api/v1/events/rally/attendances",
        "/api/v1/advocacy_campaigns/letter/outreaches",
    ] {
        flood(&app, path, &json!({})).await;
    }
    for (table, others) in [("signatures", 8), ("attendances", 8), ("letters", 8)] {
        let per_person = format!("SELECT count(*) FROM {table} GROUP BY person_id ORDER BY 1 DESC");
        let counts: Vec<i64> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(per_person)).fetch_all(&app.kernel.db).await.unwrap();
        assert_eq!(counts.len(), others + 1, "{table}");
        assert!(counts[1..].iter().all(|n| *n == 1), "{table}: {counts:?}");
    }
}

/// The links of a page with this label, by path.
fn links_with(page: &str, label: &str) -> Vec<String> {
    let links = page.split("<a href=\"").skip(1).filter(|rest| rest.split("</a>").next().unwrap().contains(label));
    links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_mailed_link_survives_whatever_strangers_submit(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    for kind in &KINDS {
        let address = format!("amara-{}@example.org", kind.name);
        kind.submit(&app, &address).await;
        let own = app.mail_to(&address).await.pop().unwrap();
        let own = app.path_of(&own.links[0]).to_owned();
        assert!(links_with(&app.get(&own, None).await.text(), "Other forms").is_empty(), "{}", kind.name);
        for _ in 0..6 {
            kind.submit(&app, &address).await;
        }
        let page = app.get(&own, None).await;
        assert_eq!(page.status, 200, "{}", kind.name);
        let others = links_with(&page.text(), "Other forms").pop().expect("a link to the others");
        let others = app.path_of(&others).to_owned();
        let closed = app.get(&others, None).await.text();
        assert!(links_with(&closed, "This is mine").is_empty(), "{}: they stand behind a press", kind.name);
        let open = app.press_path(&others).await.text();
        let (mine, not_mine) = (links_with(&open, "This is mine"), links_with(&open, "This was not me"));
        assert_eq!((mine.len(), not_mine.len()), (6, 6), "{}: {open}", kind.name);
        for link in &not_mine[1..] {
            assert_eq!(app.press(link).await.status, 200);
        }
        assert_eq!(app.press(&mine[0]).await.status, 200, "one of the others can be confirmed");
        if kind.name != "event" {
            // a later registration takes the place of an earlier one
            assert_eq!(app.press_path(&own).await.status, 200, "{}", kind.name);
        }
        // somebody may write more than one letter
        let counted = if kind.name == "letter" { 2 } else { 1 };
        assert_eq!(kind.count(&app, kind.effective).await, counted, "{}", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_protected_action_tells_of_other_submissions_only_after_a_press(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({"muster:privacy": "protected"})).await;
    for kind in &KINDS {
        let (one, two) = (format!("one-{}@example.org", kind.name), format!("two-{}@example.org", kind.name));
        for address in [&one, &two, &two] {
            kind.submit(&app, address).await;
        }
        let mut pages = Vec::new();
        for (address, others) in [(&one, 0), (&two, 1)] {
            let mail = app.mail_to(address).await.remove(0);
            let page = app.get(app.path_of(&mail.links[0]), None).await.text();
            let link = links_with(&page, "Other forms").pop().expect("always there");
            let path = app.path_of(&link).to_owned();
            let shown = app.get(&path, None).await.text();
            pages.push((page.replace(app.path_of(&mail.links[0]), ""), shown));
            let open = app.press_path(&path).await.text();
            assert_eq!(links_with(&open, "This is mine").len(), others, "{}: {open}", kind.name);
            assert!(!open.contains("Jane") && !open.contains("Status"), "{}: {open}", kind.name);
        }
        assert_eq!(pages[0].1, pages[1].1, "{}", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mails_over_the_daily_number_come_as_one_the_next_day(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    // from noon on, so that no day ends in between
    let noon = chrono::TimeDelta::hours(36) - app.kernel.env.now().time().signed_duration_since(chrono::NaiveTime::MIN);
    app.kernel.env.advance(noon);
    let [petition, event, letter, _] = &KINDS;
    let address = "amara@example.org";
    for kind in [petition, petition, petition, petition, event, event, letter, letter, petition] {
        kind.submit(&app, address).await;
        app.mail().await;
    }
    let mails = app.mail_to(address).await;
    let kinds: Vec<&str> = mails.iter().map(|mail| mail.kind.as_str()).collect();
    let mut sent = kinds.clone();
    sent.sort_unstable();
    let first_of_each = ["event_confirm", "letter_confirm", "petition_confirm", "petition_confirm", "petition_confirm"];
    assert_eq!(sent, first_of_each, "the number, and the first of each action");
    for table in ["signatures", "attendances", "letters"] {
        let kept = format!("SELECT count(*) FROM {table} WHERE state = 'pending'");
        let kept: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(kept)).fetch_one(&app.kernel.db).await.unwrap();
        assert!(kept >= 2, "{table}: nothing acknowledged is gone");
    }

    app.kernel.env.advance(chrono::TimeDelta::hours(13));
    let next = app.mail_to(address).await;
    assert_eq!(next.len(), 6, "one mail for all that was put off");
    let merged = &next[5];
    let titles = ["Status for all", "Assembly", "Write to the minister"];
    assert!(titles.iter().all(|title| merged.text.contains(title)), "{}", merged.text);
    let links: Vec<&String> = merged.links.iter().filter(|link| link.contains("/t/")).collect();
    assert_eq!(links.len(), 3, "{:?}", merged.links);
    for link in links {
        assert_eq!(app.press(link).await.status, 200, "{link}");
    }
    assert_eq!(app.count("SELECT count(*) FROM emails_waiting WHERE kind LIKE '%\\_confirm'").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn tags_and_dots_are_one_mailbox_for_the_daily_number(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for address in ["am.ara", "amara", "amara+1", "amara+2", "a.m.a.r.a+news", "amara+3"] {
        let body = signer(&format!("{address}@union.example"));
        app.post("/api/v1/petitions/status/signatures", None, &body).await.expect(202);
    }
    let sent = app.mail().await;
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(sent.iter().any(|mail| mail.to.contains("am.ara@union.example")), "written to as it was typed");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pending_letters_of_strangers_do_not_delete_an_attached_letter(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.petition(&token, json!({"muster:letter": "letter"})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("victim@example.org")).await.expect(202);
    let link = app.mail_to("victim@example.org").await[0].links[0].clone();
    for _ in 0..5 {
        app.post("/api/v1/advocacy_campaigns/letter/outreaches", None, &signer("victim@example.org")).await.expect(202);
    }
    assert_eq!(app.press(&link).await.status, 200);
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn letters_are_held_while_the_action_is_not_published(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.petition(&token, json!({"muster:letter": "letter"})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    let link = app.mail_to("amara@example.org").await[0].links[0].clone();
    app.press(&link).await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'held'").await, 1);
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "published"}))
        .await
        .expect(200);
    app.jobs().await;
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn withdrawal_erases_all_payloads_and_old_links_report_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for _ in 0..2 {
        app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    }
    let mails = app.mail_to("amara@example.org").await;
    app.press(&mails[0].links[0]).await;
    assert_eq!(app.press(&mails[1].links[0]).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'duplicate' AND sealed IS NULL").await, 1);
    let manage = app.mail_to("amara@example.org").await.into_iter().find(|m| m.kind == "petition_thanks").unwrap();
    let manage = manage.links.iter().find(|l| l.contains("/t/")).unwrap().clone();
    app.press(&manage).await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE sealed IS NOT NULL").await, 0);
    for mail in &mails[..2] {
        assert_eq!(app.get(app.path_of(&mail.links[0]), None).await.status, 410);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn confirmation_in_time_counts_after_the_petition_closed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    let link = app.mail_to("amara@example.org").await[0].links[0].clone();
    app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:status": "closed"})).await.expect(200);
    assert_eq!(app.press(&link).await.status, 200);
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn short_links_are_scoped_by_organization_and_nul_is_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (token, neighbour) = (app.owner().await, app.token("Neighbours", "all").await);
    app.petition(&token, json!({"muster:short_link": "fairness"})).await;
    let taken = json!({"title": "Mine now", "muster:status": "published", "muster:short_link": "fairness"});
    app.post("/api/v1/petitions", Some(&neighbour), &taken).await.problem(
        422,
        "validation_failed",
        &["/muster:short_link"],
    );
    assert_eq!(app.get("/go/fairness", None).await.headers["location"], "/p/status");
    for path in [
        "/p/%00",
        "/e/%00",
        "/l/%00",
        "/c/%00",
        "/go/%00",
        "/api/v1/petitions/%00",
        "/api/v1/events/%00",
        "/api/v1/advocacy_campaigns/%00",
        "/api/v1/campaigns/%00",
    ] {
        assert_eq!(app.get(path, None).await.status, 404, "{path}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn unconfirmed_submission_leaves_no_rows(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    app.kernel.env.advance(chrono::TimeDelta::days(22));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn retried_letter_of_a_paused_action_is_held(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    office(&app, &token, "office").await;
    letter_action(&app, &token, json!({"muster:slug": "letter", "muster:targets": ["office"]})).await;
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:live": true})).await.expect(200);
    app.post("/api/v1/advocacy_campaigns/letter/outreaches", Some(&token), &signer("amara@example.org"))
        .await
        .expect(201);
    // under way when the action is paused, and put back by the relay afterwards
    let db = &app.kernel.db;
    sqlx::query("UPDATE emails SET state = 'sending', claim_token = gen_random_uuid(), lease_until = now() + interval '1 minute' WHERE class = 'letter'")
        .execute(db)
        .await
        .unwrap();
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    sqlx::query("UPDATE emails SET state = 'queued', claim_token = NULL, lease_until = NULL WHERE class = 'letter'")
        .execute(db)
        .await
        .unwrap();
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'held'").await, 1);
    app.put("/api/v1/advocacy_campaigns/letter", Some(&token), &json!({"muster:status": "published"}))
        .await
        .expect(200);
    app.jobs().await;
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 1);
}
