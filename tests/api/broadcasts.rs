//! News to those who agreed: who gets it, in which language, how it is stopped, and how a reader changes her mind.

use axum::http::header;
use serde_json::{Value, json};
use sqlx::PgPool;

use muster::mail::Mail;

use crate::harness::{TestApp, merge, signer};

const BROADCASTS: &str = "/api/v1/broadcasts";

/// Signs, ticks the box for news or not, and confirms.
async fn sign(app: &TestApp, slug: &str, address: &str, news: bool, more: Value) {
    let mut body = signer(address);
    body["muster:consents"] = json!({"updates": news});
    merge(&mut body["person"], more);
    app.post(&format!("/api/v1/petitions/{slug}/signatures"), None, &body).await.expect(202);
    let confirm = app.mail_to(address).await.into_iter().rev().find(|m| m.kind == "petition_confirm").unwrap();
    app.press(&confirm.links[0]).await;
}

fn news(actions: &[&str]) -> Value {
    json!({"muster:texts": {"en": {"subject": "We won", "body": "It is **done**. <script>"}, "fr": {"subject": "Nous avons gagné", "body": "C’est **fait**."}},
           "muster:audience": {"actions": actions}})
}

/// A draft, with its audience counted.
async fn write(app: &TestApp, token: &str, body: &Value) -> (String, Value) {
    let made = app.post(BROADCASTS, Some(token), body).await.expect(201);
    let path = app.path_of(made["_links"]["self"]["href"].as_str().unwrap()).to_owned();
    assert_eq!((&made["muster:recipients"], &made["muster:recipients_counted_date"]), (&Value::Null, &Value::Null));
    app.jobs().await;
    let counted = app.get(&path, Some(token)).await.expect(200);
    assert!(counted["muster:recipients_counted_date"].is_string(), "{counted}");
    (path, counted)
}

async fn run(app: &TestApp) {
    app.jobs().await;
    app.mail().await;
    // the queue is looked at again a second later
    app.kernel.env.advance(chrono::TimeDelta::seconds(2));
    app.jobs().await;
}

async fn received(app: &TestApp, address: &str) -> Vec<Mail> {
    app.mail_to(address).await.into_iter().filter(|m| m.kind == "broadcast").collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn those_who_agreed_get_it_in_their_language_and_nobody_else(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for slug in ["status", "other"] {
        app.petition(&token, json!({"muster:slug": slug})).await;
    }
    app.petition(&token, json!({"muster:slug": "quiet", "muster:privacy": "protected"})).await;
    sign(&app, "status", "yes@example.org", true, json!({})).await;
    sign(&app, "status", "oui@example.org", true, json!({"preferred_language": "fr"})).await;
    sign(&app, "status", "no@example.org", false, json!({})).await;
    sign(&app, "other", "elsewhere@example.org", true, json!({})).await;
    sign(&app, "status", "never@example.org", true, json!({})).await;
    let address = muster::kernel::text::EmailAddress::parse("never@example.org").unwrap();
    let mut conn = app.kernel.db.acquire().await.unwrap();
    muster::mail::suppress_globally(&mut conn, &app.kernel, &address, false).await.unwrap();
    drop(conn);

    app.post(BROADCASTS, Some(&token), &news(&["quiet"])).await.problem(
        422,
        "validation_failed",
        &["/muster:audience/actions/0"],
    );
    let mut bad = news(&["status"]);
    bad["muster:texts"] = json!({"en": {"subject": "", "body": ""}, "xx": {"subject": "x", "body": "x"}});
    let pointers = ["/muster:texts/en/subject", "/muster:texts/en/body", "/muster:texts/xx"];
    app.post(BROADCASTS, Some(&token), &bad).await.problem(422, "validation_failed", &pointers);

    let (path, made) = write(&app, &token, &news(&["status"])).await;
    assert_eq!(made["muster:recipients"], 3, "the one who wants no mail at all is known only by the other index");
    let only = json!({"muster:audience": {"actions": ["status"], "locales": ["fr"]}});
    assert_eq!(app.put(&path, Some(&token), &only).await.expect(200)["muster:recipients"], Value::Null);
    app.jobs().await;
    assert_eq!(app.get(&path, Some(&token)).await.expect(200)["muster:recipients"], 1);
    app.put(&path, Some(&token), &json!({"muster:audience": {"actions": ["status"], "regions": ["CA-QC"]}}))
        .await
        .expect(200);
    app.put(&path, Some(&token), &json!({"muster:audience": {"actions": ["status"]}})).await.expect(200);

    // to oneself first
    app.post(&format!("{path}/test"), Some(&token), &json!({})).await.expect(200);
    let trial: Vec<Mail> = app.mail().await.into_iter().filter(|m| m.kind == "broadcast_test").collect();
    assert_eq!(trial.len(), 2, "one in each language");
    assert!(received(&app, "yes@example.org").await.is_empty());

    app.post(&format!("{path}/send"), Some(&token), &json!({})).await.expect(202);
    run(&app).await;
    let mails = received(&app, "yes@example.org").await;
    assert_eq!((mails.len(), mails[0].subject.as_str()), (1, "We won"));
    assert_eq!(received(&app, "oui@example.org").await[0].subject, "Nous avons gagné");
    for nobody in ["no@example.org", "elsewhere@example.org", "never@example.org"] {
        assert!(received(&app, nobody).await.is_empty(), "{nobody}");
    }
    let mail = &mails[0];
    let html = mail.html.as_deref().unwrap();
    assert!(html.contains("<strong>done</strong>") && !html.contains("<script") && !html.contains("<img"));
    let head = |name: &str| mail.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).unwrap().value.clone();
    assert_eq!(head("List-Unsubscribe-Post").trim(), "List-Unsubscribe=One-Click");
    let done = app.get(&path, Some(&token)).await.expect(200);
    assert_eq!(done["muster:state"], "done");
    assert_eq!(done["muster:progress"], json!({"sent": 2, "cancelled": 1}));
    app.post(&format!("{path}/send"), Some(&token), &json!({})).await.problem(409, "conflict", &[]);

    // a bounce is told in the numbers
    let sent = sqlx::query_scalar("SELECT id FROM emails WHERE kind = 'broadcast' AND state = 'sent' LIMIT 1")
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    let back = muster::mail::Sender::of(&app.kernel).return_token(sent);
    let raw = format!(
        "From: MAILER-DAEMON@x\r\nTo: bounce+{back}@muster.test\r\nSubject: Undelivered Mail\r\n\r\n550 5.1.1 no such user"
    );
    muster::mail::process_bounce(&app.kernel, &app.app.mail_kinds(), raw.as_bytes(), None).await.unwrap();
    let told = app.get(&path, Some(&token)).await.expect(200);
    assert_eq!(told["muster:progress"], json!({"sent": 1, "bounced": 1, "cancelled": 1}));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_reader_leaves_with_one_press_and_chooses_again(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__BROADCASTS_PER_MONTH", "9")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    sign(&app, "status", "jane@example.org", true, json!({})).await;
    let send = async || {
        let (path, made) = write(&app, &token, &news(&["status"])).await;
        app.post(&format!("{path}/send"), Some(&token), &json!({})).await.expect(202);
        run(&app).await;
        made["muster:recipients"].as_i64().unwrap()
    };
    assert_eq!(send().await, 1);
    let mail = received(&app, "jane@example.org").await.pop().unwrap();
    let head = mail.headers.iter().find(|h| h.name.eq_ignore_ascii_case("List-Unsubscribe")).unwrap().value.clone();
    let leave = app.path_of(head.trim().trim_matches(['<', '>'])).to_owned();
    let choose = mail.links.iter().rev().find(|l| l.contains("/t/") && !l.ends_with(&leave)).unwrap().clone();

    // a scanner that follows the link changes nothing; the mail program's post needs no cookie and no page
    let page = app.get(&leave, None).await;
    assert_eq!((page.status.as_u16(), &page.headers[header::CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    assert_eq!(send().await, 1);
    for _ in 0..2 {
        assert_eq!(app.form(&leave, &[("List-Unsubscribe", "One-Click")]).await.status, 200);
    }
    assert_eq!(app.count("SELECT count(*) FROM consents WHERE NOT granted").await, 1, "said once");
    assert_eq!(send().await, 0);
    // also from a mail program that is part of a browser; other forms of other sites stay refused
    for (headers, status) in [
        ([("origin", "https://mail.example"), ("sec-fetch-site", "cross-site")], 200),
        ([("origin", "moz-extension://b1"), ("accept", "*/*")], 200),
    ] {
        let reply = app.post_form_with(&leave, &headers, &[("List-Unsubscribe", "One-Click")]).await;
        assert_eq!(reply.status, status, "{headers:?}");
        let reply = app.post_form_with(&leave, &headers, &[("mail", "never")]).await;
        assert_eq!(reply.status, 403, "{headers:?}");
    }
    // nobody else gives back what she took away
    let mut vouched = signer("jane@example.org");
    vouched["muster:consents"] = json!({"updates": true});
    app.post("/api/v1/petitions/status/signatures", Some(&token), &vouched).await;
    assert_eq!(send().await, 0);
    // thanks for what she does still come
    app.petition(&token, json!({"muster:slug": "second"})).await;
    sign(&app, "second", "jane@example.org", false, json!({})).await;
    assert!(app.mail_to("jane@example.org").await.iter().filter(|m| m.kind == "petition_thanks").count() >= 2);

    let page = app.get(app.path_of(&choose), None).await.text();
    assert!(page.contains("value=\"none\" checked") || page.contains("checked"), "{page}");
    assert_eq!(app.form(app.path_of(&choose), &[("mail", "news")]).await.status, 200);
    assert_eq!(send().await, 1);
    assert_eq!(app.form(app.path_of(&choose), &[("mail", "never")]).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM suppressions WHERE reason = 'never_again'").await, 1);
    assert_eq!(send().await, 0);
    assert_eq!(app.form(app.path_of(&choose), &[("mail", "x")]).await.status, 422);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn it_is_scheduled_paused_resumed_cancelled_and_not_too_often(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__BROADCASTS_PER_MONTH", "2")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    // many, quickly: the queue holds a window of them
    sqlx::query(
        "WITH v AS (SELECT id, organization_id FROM vaults WHERE kind = 'organization'), p AS (
             INSERT INTO people (id, vault_id, email_index, sealed, origin, created_at, modified_at, confirmed_at)
             SELECT gen_random_uuid(), v.id, sha256(n::text::bytea), '\\x00', 'act', now(), now(), now() FROM v, generate_series(1, 12000) n RETURNING id
         ), c AS (
             INSERT INTO consents (id, person_id, purpose, granted, wording, wording_version, locale, source, created_at)
             SELECT gen_random_uuid(), id, 'updates', true, 'Yes', '1', 'en', 'petition:status', now() FROM p
         )
         INSERT INTO signatures (id, petition_id, person_id, state, created_at, counted_at)
         SELECT gen_random_uuid(), (SELECT id FROM actions WHERE slug = 'status'), id, 'counted', now(), now() FROM p",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let (path, made) = write(&app, &token, &news(&["status"])).await;
    assert_eq!(made["muster:recipients"], 12_000);
    let later = app.kernel.env.now() + chrono::TimeDelta::hours(2);
    app.post(&format!("{path}/send"), Some(&token), &json!({"at": later})).await.expect(202);
    app.put(&path, Some(&token), &json!({})).await.problem(409, "conflict", &[]);
    assert!(!app.step("broadcast").await, "not yet");
    app.kernel.env.advance(chrono::TimeDelta::hours(3));
    app.jobs().await;
    let queued = "SELECT count(*) FROM emails WHERE kind = 'broadcast' AND state = 'queued'";
    assert_eq!(app.count(queued).await, 5_000, "the queue stays small");
    let progress = async || app.get(&path, Some(&token)).await.expect(200)["muster:progress"].clone();
    assert_eq!(progress().await, json!({"queued": 5_000, "waiting": 7_000}));
    let switch = async |verb: &str| app.post(&format!("{path}/{verb}"), Some(&token), &json!({})).await;
    switch("pause").await.expect(200);
    switch("pause").await.problem(409, "conflict", &[]);
    app.jobs().await;
    assert_eq!(app.count(queued).await, 0, "what waits is taken back");
    assert_eq!(progress().await, json!({"waiting": 12_000}));
    // however long the pause, nobody is lost
    app.kernel.env.advance(chrono::TimeDelta::days(40));
    switch("resume").await.expect(200);
    app.jobs().await;
    assert_eq!(progress().await, json!({"queued": 5_000, "waiting": 7_000}));
    let ended = switch("cancel").await.expect(200);
    assert_eq!(ended["muster:state"], "cancelled");
    app.jobs().await;
    assert_eq!(app.count(queued).await, 0);
    assert_eq!(progress().await, json!({"cancelled": 5_000, "waiting": 7_000}));
    assert_eq!(app.count("SELECT count(*) FROM jobs").await, 0, "nothing is left to do");
    let states = "SELECT count(*) FROM broadcast_recipients WHERE state = 'cancelled' AND email_id IS NULL";
    assert_eq!(app.count(states).await, 5_000);

    // two a month
    for status in [202, 202, 409] {
        let (path, _) = write(&app, &token, &news(&["status"])).await;
        let reply = app
            .post(
                &format!("{path}/send"),
                Some(&token),
                &json!({"at": app.kernel.env.now() + chrono::TimeDelta::days(1)}),
            )
            .await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn whoever_was_given_up_during_a_pause_is_asked_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for name in ["ana", "bo", "cy"] {
        sign(&app, "status", &format!("{name}@example.org"), true, json!({})).await;
    }
    let (path, _) = write(&app, &token, &news(&["status"])).await;
    app.post(&format!("{path}/send"), Some(&token), &json!({})).await.expect(202);
    app.jobs().await;
    let switch = async |verb: &str| app.post(&format!("{path}/{verb}"), Some(&token), &json!({})).await.expect(200);
    switch("pause").await;
    // as if one had been given up as stale before it was taken back, while another's mail was being sent
    let sql = "UPDATE broadcast_recipients SET state = 'cancelled' WHERE person_id = (SELECT min(person_id::text)::uuid FROM broadcast_recipients)";
    sqlx::query(sql).execute(&app.kernel.db).await.unwrap();
    let gone =
        "DELETE FROM emails_waiting WHERE id = (SELECT email_id FROM broadcast_recipients WHERE state = 'cancelled')";
    sqlx::query(gone).execute(&app.kernel.db).await.unwrap();
    let counts = "INSERT INTO broadcast_counts (broadcast_id, state, delta) SELECT id, s, d FROM broadcasts, (VALUES ('queued', -1), ('cancelled', 1)) v (s, d)";
    sqlx::query(counts).execute(&app.kernel.db).await.unwrap();
    let sending = "UPDATE emails_waiting SET state = 'sending', claim_token = gen_random_uuid(), lease_until = now() + interval '1 hour'
                   WHERE id = (SELECT email_id FROM broadcast_recipients WHERE state = 'queued' LIMIT 1)";
    sqlx::query(sending).execute(&app.kernel.db).await.unwrap();
    app.jobs().await;
    let progress = async || app.get(&path, Some(&token)).await.expect(200)["muster:progress"].clone();
    assert_eq!(progress().await, json!({"cancelled": 1, "queued": 1, "waiting": 1}));
    sqlx::query("UPDATE emails_waiting SET state = 'queued', claim_token = NULL, lease_until = NULL")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    app.kernel.env.advance(chrono::TimeDelta::seconds(2));
    app.jobs().await;
    assert_eq!(progress().await, json!({"cancelled": 1, "waiting": 2}), "that one is taken back as soon as it can be");

    // one withdraws her consent meanwhile
    app.kernel.env.advance(chrono::TimeDelta::days(30));
    sqlx::query(
        "INSERT INTO consents (id, person_id, purpose, granted, wording, wording_version, locale, source, created_at)
         SELECT gen_random_uuid(), max(person_id::text)::uuid, 'updates', false, 'No', '1', 'en', 'preferences', now() + interval '60 days' FROM broadcast_recipients",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    switch("resume").await;
    run(&app).await;
    let end = app.get(&path, Some(&token)).await.expect(200);
    assert_eq!((&end["muster:state"], &end["muster:progress"]), (&json!("done"), &json!({"sent": 2, "cancelled": 1})));
}
