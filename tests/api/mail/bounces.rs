//! Mail that came back: what each system's report means, and what follows from it.

use std::{fs, path::Path, time::Duration};

use axum::{
    body::Body,
    http::{Request, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use muster::mail::Sender;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures,
    harness::{Reply, TestApp, signer},
};

const TOKEN: &str = "abcdefghijklmnopqrstuvwxy2";

/// A sample of the corpus about the mail of this token.
fn sample(name: &str, token: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(format!("{name}.eml"));
    let raw = fs::read(path).unwrap();
    let original = STANDARD.encode(format!("Return-Path: <bounce+{token}@muster.test>\r\nSubject: Please confirm\r\n"));
    // not by text: one sample is no UTF-8
    let replaced = |raw: &[u8], from: &[u8], to: &[u8]| {
        let mut out = Vec::new();
        let mut at = 0;
        while at < raw.len() {
            if raw[at..].starts_with(from) {
                out.extend_from_slice(to);
                at += from.len();
            } else {
                out.push(raw[at]);
                at += 1;
            }
        }
        out
    };
    replaced(&replaced(&raw, b"{token}", token.as_bytes()), b"@@B64@@", original.as_bytes())
}

/// What each sample says: file, report, enhanced status, whether the address is dead.
fn corpus() -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>, bool)> {
    include_str!("../../bounces/expected.tsv").lines().skip(1).map(|line| {
        let [name, kind, status, ..] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let report = match kind {
            "underway" | "complaint" | "other" => kind,
            "auto-reply" => "auto_reply",
            _ => "bounce",
        };
        (name, report, (status != "-").then_some(status), kind == "dead")
    })
}

async fn hand_in(app: &TestApp, token: &str, raw: Vec<u8>, query: &str) -> Reply {
    let request = Request::post(format!("/api/v1/mail/bounces{query}"))
        .header("OSDI-API-Token", token)
        .header(header::CONTENT_TYPE, "message/rfc822");
    app.send(request.body(Body::from(raw)).unwrap()).await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn bounce_reports_of_every_mail_system_are_parsed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    assert!(corpus().count() > 200);
    for (name, report, status, is_dead) in corpus() {
        let reply = hand_in(&app, &token, sample(name, TOKEN), "").await.expect(200);
        let expected = json!({"muster:report": report, "muster:status": status, "muster:is_dead": is_dead, "muster:is_known": false});
        assert_eq!(reply, expected, "{name}");
        let raw = sample(name, TOKEN);
        assert!(!String::from_utf8_lossy(&raw).contains("{token}"), "{name}");
    }
    hand_in(&app, &token, vec![b'x'; 5 * 1024 * 1024], "").await.problem(413, "payload_too_large", &[]);
    app.post("/api/v1/mail/bounces", Some(&token), &json!({})).await.problem(415, "unsupported_media_type", &[]);
}

/// Signs, so that a mail goes out; its token, and the mail's id.
async fn sent_to(app: &TestApp, address: &str) -> (String, uuid::Uuid) {
    app.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
    assert!(!app.mail_to(address).await.is_empty());
    let id = sqlx::query_scalar("SELECT id FROM emails WHERE state = 'sent' ORDER BY id DESC LIMIT 1")
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    (Sender::of(&app.kernel).return_token(id), id)
}

async fn state(app: &TestApp, id: uuid::Uuid) -> (String, Option<String>) {
    sqlx::query_as("SELECT state, failure FROM emails WHERE id = $1").bind(id).fetch_one(&app.kernel.db).await.unwrap()
}

async fn suppressed(app: &TestApp) -> Vec<String> {
    sqlx::query_scalar("SELECT reason FROM suppressions WHERE vault_id IS NOT NULL ORDER BY created_at")
        .fetch_all(&app.kernel.db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_dead_address_is_suppressed_and_a_full_mailbox_is_not(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let (full, id) = sent_to(&app, "jane.doe@example.org").await;
    let reply = hand_in(&app, &token, sample("postfix-full", &full), "").await.expect(200);
    assert_eq!(reply["muster:is_known"], true);
    let (now, why) = state(&app, id).await;
    assert_eq!(now, "bounced");
    assert!(why.as_deref().unwrap().starts_with("5.2.2 ") && !why.unwrap().contains("jane"), "nobody is named");
    assert!(suppressed(&app).await.is_empty());

    // again, now with a dead one: only then no more
    let (dead, id) = sent_to(&app, "jane.doe@example.org").await;
    let taken = hand_in(&app, &token, sample("auto-rfc3834", &dead), "").await.expect(200);
    assert_eq!(
        (&taken["muster:is_known"], state(&app, id).await.0.as_str()),
        (&json!(true), "sent"),
        "an answer is no bounce"
    );
    for _ in 0..2 {
        hand_in(&app, &token, sample("gmail-unknown", &dead), "").await.expect(200);
        assert_eq!((state(&app, id).await.0.as_str(), suppressed(&app).await), ("bounced", vec!["bounced".to_owned()]));
    }
    let before = app.mail_to("jane.doe@example.org").await.len();
    for _ in 0..3 {
        app.post("/api/v1/petitions/status/signatures", None, &signer("jane.doe@example.org")).await.expect(202);
        assert_eq!(app.mail_to("jane.doe@example.org").await.len(), before + 1, "one is tried, and no more");
    }

    // a complaint weighs more than a bounce; the token may come by the envelope alone
    let (spam, id) = sent_to(&app, "john@example.org").await;
    let query = format!("?recipient=bounce%2B{spam}%40muster.test");
    let raw = sample("arf-abuse", "").replace_all(b"bounce+", b"nobody+");
    hand_in(&app, &token, raw, &query).await.expect(200);
    assert_eq!((state(&app, id).await.0.as_str(), suppressed(&app).await.len()), ("complained", 2));
    let summary = app.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
    let other = &summary["muster:providers"][0];
    assert_eq!((&other["domain"], &other["bounced"], &other["complained"]), (&json!("other"), &json!(2), &json!(1)));
    // tokens are forgotten after a week
    app.kernel.env.advance(chrono::TimeDelta::days(8));
    assert_eq!(hand_in(&app, &token, sample("gmail-unknown", &spam), "").await.expect(200)["muster:is_known"], false);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_bounce_suppression_expires_and_can_be_lifted(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let address = "jane.doe@example.org";
    let mails = async || app.mail_to(address).await.len();
    let sign = async || {
        app.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
    };
    // a disabled mailbox: two strikes days apart
    for expected in [vec![], vec![], vec!["bounced".to_owned()]] {
        let (back, _) = sent_to(&app, address).await;
        hand_in(&app, &token, sample("icloud-closed", &back), "").await.expect(200);
        assert_eq!(suppressed(&app).await, expected);
        app.kernel.env.advance(chrono::TimeDelta::hours(if expected.is_empty() { 30 } else { 1 }));
    }
    // somebody acts again: one is tried; it comes back, and no other is
    let (back, _) = sent_to(&app, address).await;
    let before = mails().await;
    sign().await;
    assert_eq!(mails().await, before);
    hand_in(&app, &token, sample("gmail-unknown", &back), "").await.expect(200);
    app.kernel.env.advance(chrono::TimeDelta::days(10));
    sign().await;
    assert_eq!((mails().await, suppressed(&app).await), (before, vec!["bounced".to_owned()]));

    // lifted by an organizer, which tells nobody whether there was anything to lift
    let few = app.token("Alliance", "mail:manage").await;
    let unsuppress = async |token: &str, address: &str| {
        app.post("/api/v1/mail/unsuppress", Some(token), &json!({"address": address})).await
    };
    unsuppress(&few, "nobody").await.problem(422, "validation_failed", &["/address"]);
    let none = unsuppress(&few, "nobody@example.org").await.expect(200);
    assert_eq!(unsuppress(&few, address).await.expect(200), none);
    assert!(suppressed(&app).await.is_empty());
    assert_eq!(unsuppress(&token, address).await.expect(200)["muster:lifted"], false);
    assert_eq!(
        app.count("SELECT count(*) FROM audit_entries WHERE verb = 'mail.unsuppress' AND detail = '{}'").await,
        3
    );
    let (back, _) = sent_to(&app, address).await;
    // a bounce expires, a complaint never does
    hand_in(&app, &token, sample("gmail-unknown", &back), "").await.expect(200);
    let (spam, _) = sent_to(&app, "john@example.org").await;
    hand_in(&app, &token, sample("arf-abuse", &spam), "").await.expect(200);
    app.kernel.env.advance(chrono::TimeDelta::days(91));
    sent_to(&app, address).await;
    let now = app.kernel.env.now();
    muster::mail::delete_expired(&mut app.kernel.db.acquire().await.unwrap(), now, chrono::TimeDelta::days(30))
        .await
        .unwrap();
    unsuppress(&token, "john@example.org").await.expect(200);
    assert_eq!(suppressed(&app).await, ["complained"]);
    let mails_to_john = app.mail_to("john@example.org").await.len();
    app.post("/api/v1/petitions/status/signatures", None, &signer("john@example.org")).await.expect(202);
    assert_eq!(app.mail_to("john@example.org").await.len(), mails_to_john);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_complaint_without_return_path_is_matched_as_long_as_the_row_exists(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let complaint = |header: &str| {
        format!(
            "From: staff@provider.example\r\nMessage-ID: <x@provider.example>\r\nMIME-Version: 1.0\r\nContent-Type: \
             multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\
             --b\r\nContent-Type: text/rfc822-headers\r\n\r\nTo: redacted@example.org\r\n{header}\r\n--b--\r\n"
        )
        .into_bytes()
    };
    let (_, by_id) = sent_to(&app, "jane.doe@example.org").await;
    let (_, by_link) = sent_to(&app, "john@example.org").await;
    let sender = Sender::of(&app.kernel);
    let elsewhere = complaint("Message-ID: <aaaaaaaaaaaaaaaaaaaaaaaaaa@provider.example>");
    assert_eq!(hand_in(&app, &token, elsewhere, "").await.expect(200)["muster:is_known"], false);
    // longer than bounces are followed
    app.kernel.env.advance(chrono::TimeDelta::days(20));
    let link = sender.link_of("https://muster.test/t/abc", by_link);
    for (id, header) in
        [(by_id, format!("Message-ID: {}", sender.message_id(by_id))), (by_link, format!("List-Unsubscribe: <{link}>"))]
    {
        let known = hand_in(&app, &token, complaint(&header), "").await.expect(200);
        assert_eq!(
            (&known["muster:report"], &known["muster:is_known"]),
            (&json!("complaint"), &json!(true)),
            "{header}"
        );
        assert_eq!(state(&app, id).await.0, "complained");
    }
    assert_eq!(suppressed(&app).await, ["complained", "complained"]);
}

trait ReplaceAll {
    fn replace_all(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl ReplaceAll for Vec<u8> {
    fn replace_all(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(self.clone()).unwrap();
        text.replace(std::str::from_utf8(from).unwrap(), std::str::from_utf8(to).unwrap()).into_bytes()
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_bounces_stay_in_their_vault_for_72_hours(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for (slug, privacy) in [("open", "standard"), ("status", "protected")] {
        app.petition(&token, json!({"muster:slug": slug, "muster:privacy": privacy})).await;
    }
    let sign = async |slug: &str, address: &str| {
        app.post(&format!("/api/v1/petitions/{slug}/signatures"), None, &signer(address)).await.expect(202);
    };
    // the row is gone when the mail is; its id is taken before
    let sent_to = async |address: &str| -> String {
        sign("status", address).await;
        let id =
            sqlx::query_scalar("SELECT id FROM emails WHERE state = 'queued'").fetch_one(&app.kernel.db).await.unwrap();
        assert!(!app.mail_to(address).await.is_empty());
        assert_eq!(app.count("SELECT count(*) FROM emails WHERE protected").await, 0);
        Sender::of(&app.kernel).return_token(id)
    };
    let (gone, other) = (sent_to("jane.doe@example.org").await, sent_to("john@example.org").await);
    assert_eq!(app.count("SELECT count(*) FROM mail_bounce_lookups").await, 2);
    for known in [true, false] {
        let taken = hand_in(&app, &token, sample("gmail-unknown", &gone), "").await.expect(200);
        assert_eq!(taken["muster:is_known"], known, "with the bounce it is forgotten which mail it was");
    }
    let (vault, day): (String, bool) = sqlx::query_as(
        "SELECT v.kind, s.created_at = date_trunc('day', s.created_at, 'UTC') FROM suppressions s JOIN vaults v ON v.id = s.vault_id",
    )
    .fetch_one(&app.kernel.db)
    .await
    .unwrap();
    assert_eq!((vault.as_str(), day), ("protected", true));
    let mails = app.mail_to("jane.doe@example.org").await.len() + 1;
    for _ in 0..2 {
        sign("status", "jane.doe@example.org").await;
        assert_eq!(app.mail_to("jane.doe@example.org").await.len(), mails, "the protected action tries once");
    }
    sign("open", "jane.doe@example.org").await;
    assert_eq!(app.mail_to("jane.doe@example.org").await.len(), mails + 1, "no other action learns of it");

    app.kernel.env.advance(chrono::TimeDelta::hours(73));
    assert_eq!(hand_in(&app, &token, sample("gmail-unknown", &other), "").await.expect(200)["muster:is_known"], false);
    let now = app.kernel.env.now();
    let mut conn = app.kernel.db.acquire().await.unwrap();
    muster::mail::delete_expired(&mut conn, now, chrono::TimeDelta::days(30)).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM mail_bounce_lookups").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_lane_is_paused_after_three_bounces(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    fixtures::office(&app, &token, "minister").await;
    fixtures::letter_action(&app, &token, json!({})).await;
    app.put("/api/v1/advocacy_campaigns/write", Some(&token), &json!({"muster:live": true})).await.expect(200);
    let write = async |address: &str| {
        app.post("/api/v1/advocacy_campaigns/write/outreaches", Some(&token), &signer(address)).await.expect(201)
    };
    let returned = async |sample_name: &str| {
        write(&format!("{}@example.org", app.kernel.env.id())).await;
        app.kernel.env.advance(chrono::TimeDelta::minutes(5));
        app.mail().await;
        let newest = "SELECT id FROM emails WHERE class = 'letter' AND state = 'sent' ORDER BY id DESC LIMIT 1";
        let id: uuid::Uuid = sqlx::query_scalar(newest).fetch_one(&app.kernel.db).await.unwrap();
        let back = Sender::of(&app.kernel).return_token(id);
        for _ in 0..2 {
            hand_in(&app, &token, sample(sample_name, &back), "").await.expect(200);
        }
        id
    };
    // the token stands in the letter: who has it can write a report, so one, or an old one, says little
    let id = returned("exchange-365-unknown").await;
    assert_eq!(state(&app, id).await.0, "bounced");
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'bounced'").await, 1);
    assert!(suppressed(&app).await.is_empty(), "officials are not suppressed");
    app.kernel.env.advance(chrono::TimeDelta::hours(25));
    returned("arf-abuse").await;
    returned("exchange-365-unknown").await;
    assert_eq!(app.count("SELECT count(*) FROM mail_lanes WHERE paused").await, 0, "two letters within a day");
    returned("exchange-365-unknown").await;
    assert_eq!(app.count("SELECT count(*) FROM mail_lanes WHERE paused").await, 1, "three letters within a day");

    write("two@example.org").await;
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE class = 'letter' AND state = 'queued'").await, 1);
    let summary = app.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
    let lane = &summary["muster:lanes"][0];
    assert_eq!(
        (&lane["paused"], &lane["pause_reason"], &lane["waiting"]),
        (&json!(true), &json!("bounced"), &json!(1))
    );

    // the address was looked at: the lane goes on, and the letter that came back goes again
    let path = format!("/api/v1/mail/lanes/{}", lane["lane"].as_str().unwrap());
    app.put(&path, Some(&token), &json!({"rate_per_hour": 0})).await.problem(
        422,
        "validation_failed",
        &["/rate_per_hour"],
    );
    app.put("/api/v1/mail/lanes/none", Some(&token), &json!({})).await.problem(404, "not_found", &[]);
    app.put(&path, Some(&token), &json!({"paused": false, "rate_per_hour": 600})).await.expect(200);
    assert_eq!(app.count("SELECT count(*) FROM mail_lane_bounces").await, 0, "and those reports are done with");
    app.post(&format!("/api/v1/mail/{id}/retry"), Some(&token), &json!({})).await.expect(200);
    app.mail().await;
    // the one that came back first, the one that waited, and the one that was called spam: it arrived
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await, 3);
    app.post(&format!("/api/v1/mail/{id}/retry"), Some(&token), &json!({})).await.problem(409, "conflict", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn bounce_spool_files_are_removed_only_after_commit(pool: PgPool) {
    let folder = std::env::temp_dir().join(format!("muster-spool-{}", muster::kernel::env::Env::system().id()));
    fs::create_dir_all(&folder).unwrap();
    let app = TestApp::with(pool, &[("MUSTER__MAIL__BOUNCE_SPOOL", folder.to_str().unwrap())]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let (back, id) = sent_to(&app, "jane.doe@example.org").await;
    let drop_in = |name: &str, raw: &[u8], age: u64| {
        let path = folder.join(name);
        fs::write(&path, raw).unwrap();
        let at = std::time::SystemTime::from(app.kernel.env.now()) - Duration::from_secs(age);
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    };
    drop_in("1.eml", &sample("qmail-unknown", &back), 10);
    drop_in("2.eml", &sample("human-reply", "none"), 10);
    drop_in("3.eml", &sample("postfix-unknown", TOKEN), 10);
    drop_in("4.eml", &sample("postfix-unknown", TOKEN), 7200);
    drop_in("5.eml", &sample("auto-minister", TOKEN), 10);
    drop_in(".6.tmp", b"half a mail", 10);
    drop_in("7.eml", &sample("qmail-unknown", &back), 0);
    let kinds = app.app.mail_kinds();
    // no database: every file stays
    app.kernel.db.execute_unchecked("ALTER TABLE emails_settled RENAME TO away").await;
    assert!(muster::mail::process_bounce_spool(&app.kernel, &kinds).await.is_err());
    assert!(folder.join("1.eml").exists());
    app.kernel.db.execute_unchecked("ALTER TABLE away RENAME TO emails_settled").await;
    muster::mail::process_bounce_spool(&app.kernel, &kinds).await.unwrap();
    assert_eq!(state(&app, id).await.0, "bounced");
    let there = |name: &str| folder.join(name).exists();
    assert_eq!(
        ["1.eml", "2.eml", "3.eml", "4.eml", "5.eml", ".6.tmp", "7.eml"].map(there),
        [false, false, true, false, false, true, true],
        "what may yet be settled, what is being written and what is hidden stays"
    );
    assert!(there("unknown/2.eml") && there("unknown/4.eml"), "what nobody knows is put aside for a human");
    fs::remove_dir_all(&folder).unwrap();
}

/// `levels` messages, each the only content of the one around it.
fn nested(levels: usize) -> Vec<u8> {
    let mut raw = b"Content-Type: message/rfc822\n\n".repeat(levels);
    raw.extend_from_slice(b"Subject: x\n\nbody");
    raw
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_hostile_bounce_is_read_once_and_quarantined(pool: PgPool) {
    let folder = std::env::temp_dir().join(format!("muster-hostile-{}", muster::kernel::env::Env::system().id()));
    fs::create_dir_all(folder.join("working")).unwrap();
    let app = TestApp::with(pool, &[("MUSTER__MAIL__BOUNCE_SPOOL", folder.to_str().unwrap())]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let (back, id) = sent_to(&app, "jane.doe@example.org").await;
    let drop_in = |name: &str, raw: &[u8], age: u64| {
        let path = folder.join(name);
        fs::write(&path, raw).unwrap();
        let at = std::time::SystemTime::from(app.kernel.env.now()) - Duration::from_secs(age);
        fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    };
    let there = |name: &str| folder.join(name).exists();
    drop_in("deep.eml", &nested(34_000), 10);
    drop_in("parts.eml", &b"Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(20_000), 10);
    drop_in(
        "base64.eml",
        format!(
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{}",
            STANDARD.encode(nested(25_000))
        )
        .as_bytes(),
        10,
    );
    drop_in("long.eml", &[sample("qmail-unknown", &back), vec![b'x'; 3 << 20]].concat(), 10);
    // what other processes were reading when they ended, and one that is still at it
    drop_in("working/ended.eml", &sample("qmail-unknown", &back), 3600);
    let claimed = |ago: i64| format!("working/claimed-{}-{ago}.eml", app.kernel.env.now().timestamp() - ago);
    let (ended, busy) = (claimed(1200), claimed(60));
    drop_in(&ended, b"x", 7200);
    drop_in(&busy, b"x", 7200);
    let kinds = app.app.mail_kinds();
    assert_eq!(muster::mail::process_bounce_spool(&app.kernel, &kinds).await.unwrap(), 4);
    assert_eq!(state(&app, id).await.0, "bounced", "the head of a long one says enough");
    for aside in ["deep.eml", "parts.eml", "base64.eml", "ended.eml", "1200.eml"] {
        assert!(there(&format!("unknown/{aside}")), "{aside}");
    }
    assert!(there(&busy) && !there("working/ended.eml") && !there(&ended) && !there("deep.eml"));
    assert_eq!(muster::mail::process_bounce_spool(&app.kernel, &kinds).await.unwrap(), 0, "nothing is read twice");

    for raw in [nested(34_000), nested(130_000)] {
        let taken = hand_in(&app, &token, raw, "").await.expect(200);
        assert_eq!((&taken["muster:report"], &taken["muster:is_known"]), (&json!("other"), &json!(false)));
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn stored_bounce_reasons_contain_no_personal_data(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let (back, id) = sent_to(&app, "jane.doe@example.org").await;
    // no address anywhere, as qmail and Exim write it
    let raw = format!(
        "From: MAILER-DAEMON\nTo: bounce+{back}@muster.test\nSubject: failure notice\n\n550 5.1.1 sorry, no mailbox here for Jane.Doe (doe)\n"
    );
    hand_in(&app, &token, raw.into_bytes(), "").await.expect(200);
    let (now, why) = state(&app, id).await;
    let why = why.unwrap();
    assert_eq!(now, "bounced");
    assert!(why.contains("sorry, no mailbox here") && !why.to_lowercase().contains("doe"), "{why}");
}

trait Unchecked {
    async fn execute_unchecked(&self, sql: &'static str);
}

impl Unchecked for PgPool {
    async fn execute_unchecked(&self, sql: &'static str) {
        sqlx::query(sql).execute(self).await.unwrap();
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mail_can_be_paused_by_class_and_requeued_by_filter(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let pause = async |body: Value| app.put("/api/v1/mail/pauses", Some(&token), &body).await;
    pause(json!({"classes": {"letters": true}})).await.problem(422, "validation_failed", &["/classes/letters"]);
    let summary = pause(json!({"classes": {"confirmation": true}, "reason": "We look"})).await.expect(200);
    assert_eq!(summary["muster:pauses"][0]["scope"], "confirmation");
    app.post("/api/v1/petitions/status/signatures", None, &signer("jane@example.org")).await.expect(202);
    app.post("/api/v1/petitions/status/signatures", Some(&token), &signer("ana@example.org")).await.expect(201);
    assert!(app.mail_to("jane@example.org").await.is_empty(), "the class waits");
    assert_eq!(app.mail_to("ana@example.org").await.len(), 1, "the others go");
    pause(json!({"classes": {"confirmation": false}, "everything": true})).await.expect(200);
    assert!(app.mail_to("jane@example.org").await.is_empty());
    pause(json!({"everything": false})).await.expect(200);
    assert_eq!(app.mail_to("jane@example.org").await.len(), 1, "nothing was lost");

    app.kernel
        .db
        .execute_unchecked("UPDATE emails SET state = 'failed', failure = 'refused' WHERE kind = 'petition_thanks'")
        .await;
    let retry = async |query: &str| app.post(&format!("/api/v1/mail/retry{query}"), Some(&token), &json!({})).await;
    assert_eq!(retry("?filter=class%20eq%20%27letter%27").await.expect(200)["muster:retried"], 0);
    retry("?filter=nonsense").await.problem(400, "invalid_filter", &[]);
    assert_eq!(retry("?filter=kind%20eq%20%27petition_thanks%27").await.expect(200)["muster:retried"], 1);
    let waiting = app.get("/api/v1/mail?filter=state%20eq%20%27queued%27", Some(&token)).await.expect(200);
    let id = waiting["_embedded"]["muster:mail"][0]["id"].as_str().unwrap().to_owned();
    app.post(&format!("/api/v1/mail/{id}/cancel"), Some(&token), &json!({})).await.expect(200);
    app.post(&format!("/api/v1/mail/{id}/cancel"), Some(&token), &json!({})).await.problem(409, "conflict", &[]);
    let theirs = app.token("Neighbours", "all").await;
    app.post(&format!("/api/v1/mail/{id}/retry"), Some(&theirs), &json!({})).await.problem(404, "not_found", &[]);
}
