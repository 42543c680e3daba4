//! The whole house and its relay, over real sockets: kills, refusals and broken lines. Every mail gets an honest end.

use std::time::Duration;

use mail_parser::MessageParser;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    harness::signer,
    process::{Installation, until},
    smtp_sink::{Behaviour, Received, SmtpSink, Step},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

fn message_id(message: &Received) -> String {
    message.header("message-id").expect("a Message-ID")
}

fn with_relay(pool: &PgPool, sink: &SmtpSink) -> Installation {
    let house =
        Installation::new(pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    house.with("MUSTER__MAIL__FROM_DOMAIN", "muster.test")
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_kill_with_mail_in_flight_loses_none_and_duplicates_no_letter(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept().script(vec![Step::SlowContent(Duration::from_secs(30)); 5])).await;
    sink.on("minister@gov.example", Step::SlowContent(Duration::from_secs(30)));
    // longer than a busy machine pauses a process, which would otherwise count as its death before the kill
    let house = with_relay(&pool, &sink).with("MUSTER__MAIL__LEASE_SECONDS", "15");
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    let office = json!({"title": "Minister of Immigration", "muster:slug": "minister", "muster:mailboxes": ["minister@gov.example"], "muster:holder": {"given_name": "Ana", "family_name": "Roy"}});
    server.post("/api/v1/offices", Some(&token), &office).await.expect(201);
    let letter = json!({"title": "Write", "type": "email", "muster:slug": "write", "muster:status": "published", "muster:targets": ["minister"],
                        "muster:letters": [{"locale": "en", "subjects": ["Status for all"], "body": "Dear {{ target.salutation }}, please act."}]});
    server.post("/api/v1/advocacy_campaigns", Some(&token), &letter).await.expect(201);
    server.put("/api/v1/advocacy_campaigns/write", Some(&token), &json!({"muster:live": true})).await.expect(200);
    server
        .post("/api/v1/advocacy_campaigns/write/outreaches", Some(&token), &signer("writer@example.org"))
        .await
        .expect(201);
    let addresses: Vec<String> = (0..20).map(|n| format!("signer{n}@example.org")).collect();
    for address in &addresses {
        server.post(SIGN, None, &signer(address)).await.expect(202);
    }
    // taken by the relay, which has not said so yet
    let in_flight = until("mail in flight", async || {
        Some(sink.messages()).filter(|all| all.len() >= 6 && !sink.messages_to("minister@gov.example").is_empty())
    })
    .await;
    assert_eq!(
        count(
            &pool,
            "SELECT count(*) FROM emails WHERE state = 'sending' AND class = 'letter' AND data_at IS NOT NULL"
        )
        .await,
        1
    );
    server.kill().await;

    let server = house.serve(&["serve"]).await;
    until("an end for every mail", async || {
        (count(&pool, "SELECT count(*) FROM emails WHERE state IN ('queued', 'sending')").await == 0).then_some(())
    })
    .await;
    assert_eq!(count(&pool, "SELECT count(*) FROM emails WHERE class = 'confirmation' AND state = 'sent'").await, 20);
    let mut repeated = 0;
    for address in &addresses {
        let copies = sink.messages_to(address);
        assert!(!copies.is_empty(), "{address} got none");
        assert!(copies.iter().all(|copy| message_id(copy) == message_id(&copies[0])), "a mail client shows it once");
        repeated += copies.len() - 1;
    }
    assert!((1..=in_flight.len()).contains(&repeated), "only what was in flight went again: {repeated}");
    assert_eq!(sink.messages_to("minister@gov.example").len(), 1);
    assert_eq!(
        count(&pool, "SELECT count(*) FROM emails WHERE class = 'letter' AND state = 'uncertain'").await,
        1,
        "an organizer decides"
    );
    let shown = server.get("/api/v1/advocacy_campaigns/write/outreaches", Some(&token)).await.expect(200);
    assert!(shown.to_string().contains("\"uncertain\""), "{shown}");
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn two_processes_share_one_queue_and_send_each_mail_once(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house = with_relay(&pool, &sink);
    let token = house.owner().await;
    let (one, other) = tokio::join!(house.serve(&["serve"]), house.serve(&["serve"]));
    one.petition(&token, json!({})).await;
    let addresses: Vec<String> = (0..60).map(|n| format!("signer{n}@example.org")).collect();
    let sign = async |(n, address): (usize, &String)| {
        let server = if n % 2 == 0 { &one } else { &other };
        server.post(SIGN, None, &signer(address)).await.expect(202)
    };
    futures_util::future::join_all(addresses.iter().enumerate().map(sign)).await;
    let unsent = "SELECT count(*) FROM emails WHERE state <> 'sent'";
    until("every mail", async || (count(&pool, unsent).await == 0).then_some(())).await;
    for address in &addresses {
        assert_eq!(sink.messages_to(address).len(), 1, "{address}");
    }
    one.stop().await;
    other.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_relay_behaviour_is_handled(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour { greeting: "421 4.3.2 not now", ..Behaviour::accept() }).await;
    sink.on("later@example.org", Step::RejectRcpt("451 4.7.1 greylisted"));
    sink.on("never@example.org", Step::RejectRcpt("550 5.1.1 never@example.org is unknown here"));
    sink.on("halfway@example.org", Step::HangUpAfterContent { counted: true });
    let house = with_relay(&pool, &sink);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    let sign = async |address: &str| -> Uuid {
        server.post(SIGN, None, &signer(address)).await.expect(202);
        sqlx::query_scalar("SELECT id FROM emails ORDER BY id DESC LIMIT 1").fetch_one(&pool).await.unwrap()
    };
    let (fine, later, never, halfway) = (
        sign("fine@example.org").await,
        sign("later@example.org").await,
        sign("never@example.org").await,
        sign("halfway@example.org").await,
    );
    let row = async |id: Uuid| -> (String, i16, String) {
        sqlx::query_as("SELECT state, attempts, coalesce(failure, '') FROM emails WHERE id = $1")
            .bind(id)
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    // every wait is over at once
    let hurry = async || {
        sqlx::query("UPDATE emails SET due_at = now() WHERE state = 'queued' AND due_at > now()")
            .execute(&pool)
            .await
            .unwrap()
    };

    until("a refused connection", async || {
        Some(row(fine).await).filter(|(state, _, failure)| state == "queued" && failure.contains("421"))
    })
    .await;
    for id in [fine, later, never, halfway] {
        let waiting = until("the others held back", async || {
            Some(row(id).await).filter(|(state, _, failure)| state == "queued" && !failure.is_empty())
        })
        .await;
        assert_eq!(waiting.1, 0, "a closed relay is no attempt at a mail");
    }
    sink.change(|behaviour| behaviour.greeting = "220 sink.test ESMTP");
    let reaches = async |id: Uuid, wanted: &str| {
        until(wanted, async || {
            hurry().await;
            Some(row(id).await).filter(|(state, ..)| state == wanted)
        })
        .await
    };
    reaches(fine, "sent").await;
    let (_, attempts, failure) = reaches(never, "failed").await;
    // at once where the relay had taken other mail before, else at the second time
    assert!((1..=2).contains(&attempts) && failure.contains("550") && !failure.contains("never@"), "{failure}");
    until("the relay's 451", async || {
        Some(row(later).await).filter(|(state, _, failure)| state == "queued" && failure.contains("451"))
    })
    .await;
    sink.on("later@example.org", Step::Accept);
    assert!(reaches(later, "sent").await.1 >= 2);
    until("what was taken before the line broke", async || {
        (!sink.messages_to("halfway@example.org").is_empty()).then_some(())
    })
    .await;
    sink.on("halfway@example.org", Step::Accept);
    reaches(halfway, "sent").await;
    let copies = sink.messages_to("halfway@example.org");
    assert!(copies.len() >= 2 && copies.iter().all(|copy| message_id(copy) == message_id(&copies[0])));
    assert_eq!(
        (
            sink.messages_to("fine@example.org").len(),
            sink.messages_to("later@example.org").len(),
            sink.messages_to("never@example.org").len()
        ),
        (1, 1, 0)
    );

    // and the mail that arrived is the one that counts
    let mail = sink.messages_to("fine@example.org").remove(0);
    let text = MessageParser::default().parse(&mail.data).unwrap().body_text(0).unwrap().into_owned();
    let link = text.split_whitespace().find(|word| word.contains("/t/")).unwrap();
    let path = link.strip_prefix(&format!("http://{}", server.http)).unwrap();
    assert_eq!(server.form(path, &[], &[]).await.status, 200);
    assert_eq!(server.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 1);
    until("thanks", async || (sink.messages_to("fine@example.org").len() == 2).then_some(())).await;
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_restore_guard_pauses_a_restored_database(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house = with_relay(&pool, &sink);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    server.post(SIGN, None, &signer("jane@example.org")).await.expect(202);
    until("the mail, and the number beside the keyring", async || {
        let written = count(&pool, "SELECT number FROM mail_epoch").await > 0;
        Some(()).filter(|()| written && sink.messages_to("jane@example.org").len() == 1)
    })
    .await;
    server.stop().await;
    // as it was before the mail went out
    sqlx::query("UPDATE emails SET state = 'queued', settled_at = NULL").execute(&pool).await.unwrap();
    sqlx::query("UPDATE mail_epoch SET number = 0").execute(&pool).await.unwrap();
    let server = house.serve(&["serve"]).await;
    let paused = until("the pause", async || {
        let summary = server.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
        summary["muster:pauses"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&paused["scope"], &paused["reason"]), (&json!("everything"), &json!("restored")));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sink.messages_to("jane@example.org").len(), 1, "not sent again");
    server.put("/api/v1/mail/pauses", Some(&token), &json!({"everything": false})).await.expect(200);
    until("the mail again, as the organizer wished", async || {
        Some(()).filter(|()| sink.messages_to("jane@example.org").len() == 2)
    })
    .await;
    server.stop().await;
    // lifted once, it stays lifted
    let server = house.serve(&["serve"]).await;
    let summary = server.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
    assert_eq!(summary["muster:pauses"], json!([]));
}
