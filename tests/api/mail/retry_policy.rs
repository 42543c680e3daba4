//! Our own fault never fails a mail: relays that refuse our account or everything, in whatever words; mails that cannot be
//! composed for a while; pauses. On a real database and real SMTP conversations.

use std::time::Duration;

use chrono::{Months, TimeDelta};
use muster::{
    kernel::cache_invalidation::CacheInvalidation,
    mail::{self, Class, DeliveryStatus, LaneLimits, NewEmail, Retry, cancel, enqueue, requeue, retry_all},
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    api::mail::queue::{MailHarness, harness},
    smtp_sink::{Behaviour, SmtpSink, Step},
};

async fn number(harness: &MailHarness, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&harness.kernel.db).await.expect("a number")
}

/// Everything is answered like this.
fn always(step: Step) -> Behaviour {
    Behaviour::accept().script(vec![step; 1000])
}

/// From now on everything is taken.
fn heal(sink: &SmtpSink) {
    sink.change(|behaviour| behaviour.script.clear());
}

/// Confirmations and a letter, to many domains.
async fn fill(harness: &MailHarness, domains: usize) -> Vec<Uuid> {
    let mut mails = Vec::new();
    for n in 0..12 {
        mails.push(harness.queue(Class::Confirmation, &format!("p{n}@domain{}.example", n % domains)).await);
    }
    let lane = harness.kernel.env.id().to_string();
    mails.push(harness.put(Class::Letter, &lane, false, json!({ "to": "minister@gov.example" })).await);
    mails
}

/// Nothing has failed or was counted, and the relay is known to refuse.
async fn assert_waiting(harness: &MailHarness, mails: &[Uuid], words: &str) {
    for id in mails {
        let (state, _, failure) = harness.row(*id).await.expect("a row");
        assert_eq!(state, "queued", "{words}: {failure:?}");
        assert!(harness.delivery_status(*id).is_empty(), "{words}");
    }
    assert_eq!(number(harness, "SELECT count(*) FROM suppressions").await, 0, "{words}");
}

/// Tries again and again, until everything is sent.
async fn assert_sent_in_the_end(harness: &MailHarness, mails: &[Uuid], words: &str) {
    let engine = harness.engine();
    for _ in 0..12 {
        harness.advance(TimeDelta::minutes(20));
        engine.drain().await.expect("a round");
    }
    for id in mails {
        assert_eq!(harness.state(*id).await, "sent", "{words}");
    }
    assert_eq!(number(harness, "SELECT count(*) FROM mail_relays WHERE refused_since IS NOT NULL").await, 0, "{words}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_relay_that_refuses_the_account_opens_the_circuit_breaker(db: PgPool) {
    let first = MailHarness::new(db, "smtp://127.0.0.1:1").await;
    for words in [
        "550 5.4.5 Daily user sending quota exceeded",
        "550 5.7.1 Account suspended",
        "550 5.1.8 Sender address rejected: Domain not found",
        "550 5.1.1 user unknown",
        "553 5.7.1 Der Absender ist gesperrt",
        "554 Votre compte est suspendu",
        "535 5.7.8 authentication credentials invalid",
    ] {
        let sink = SmtpSink::start(always(Step::RejectMail(words))).await;
        let harness = first.with(|settings| settings.mail.smtp_url = sink.url());
        let mails = fill(&harness, 5).await;
        let engine = harness.engine();
        for _ in 0..6 {
            engine.drain().await.expect("a round");
            harness.advance(TimeDelta::minutes(30));
        }
        assert_waiting(&harness, &mails, words).await;
        for id in &mails {
            assert_eq!(harness.row(*id).await.expect("a row").1, 0, "{words}: no attempt is counted");
        }
        let relays = mail::relays(&mut harness.kernel.db.acquire().await.expect("a connection")).await.expect("relays");
        let relay = relays.iter().find(|relay| relay.relay == sink.address().to_string()).expect("it is known");
        assert!(relay.refused_since.is_some() && relay.refusal.starts_with(&words[..3]), "{relay:?}");
        let asked = sink.commands().iter().filter(|command| command.starts_with("MAIL")).count();
        assert!(asked <= 8 + 6, "{words}: it is offered one at a time, not {asked}");
        heal(&sink);
        assert_sent_in_the_end(&harness, &mails, words).await;
        for message in sink.messages() {
            assert_eq!(sink.messages_to(&message.to[0]).len(), 1, "{words}");
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_relay_that_refuses_every_recipient_opens_the_circuit_breaker(db: PgPool) {
    let first = MailHarness::new(db, "smtp://127.0.0.1:1").await;
    for (domains, step, words) in [
        (5, Step::RejectRcpt("550 5.1.1 Utilisateur inconnu"), "5.1.1 in French"),
        (5, Step::RejectRcpt("550 Empfänger existiert nicht"), "German without a code"),
        (4, Step::RejectRcpt("550 user unknown"), "words of an unknown user"),
        (5, Step::RejectRcpt("550 5.7.1 Relaying denied"), "5.7.1"),
        (5, Step::RejectData("554 5.7.1 Votre compte est suspendu"), "at DATA"),
        (5, Step::RejectContent("550 5.4.5 Quota dépassé"), "at the content"),
        (1, Step::RejectRcpt("550 5.7.26 unauthenticated sender"), "one domain only"),
    ] {
        let sink = SmtpSink::start(always(step)).await;
        let harness = first.with(|settings| settings.mail.smtp_url = sink.url());
        let mails = fill(&harness, domains).await;
        let engine = harness.engine();
        for _ in 0..8 {
            engine.drain().await.expect("a round");
            harness.advance(TimeDelta::minutes(45));
        }
        assert_waiting(&harness, &mails, words).await;
        let refused = "SELECT count(*) FROM mail_relays WHERE refused_since IS NOT NULL";
        assert_eq!(number(&harness, refused).await, 1, "{words}");
        heal(&sink);
        assert_sent_in_the_end(&harness, &mails, words).await;
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_unknown_recipient_fails_while_the_breaker_is_closed(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let engine = harness.engine();
    sink.on("who@gmail.com", Step::RejectRcpt("550 5.1.1 no such user"));
    sink.on("spam@gmail.com", Step::RejectContent("550 5.7.1 looks like spam"));
    let (who, spam) =
        (harness.queue(Class::Notice, "who@gmail.com").await, harness.queue(Class::Notice, "spam@gmail.com").await);
    engine.drain().await.expect("a round");
    assert_eq!(
        (harness.state(who).await, harness.state(spam).await),
        ("queued".to_owned(), "queued".to_owned()),
        "nothing is known of the relay"
    );
    harness.advance(TimeDelta::minutes(10));
    harness.queue(Class::Confirmation, "jane@gmail.com").await;
    engine.drain().await.expect("a round");
    harness.advance(TimeDelta::minutes(10));
    harness.queue(Class::Confirmation, "john@gmail.com").await;
    engine.drain().await.expect("a round");
    assert_eq!((harness.state(who).await, harness.state(spam).await), ("failed".to_owned(), "failed".to_owned()));
    assert_eq!(harness.delivery_status(who), [DeliveryStatus::Failed]);
    assert_eq!(number(&harness, "SELECT count(*) FROM mail_relays WHERE refused_since IS NOT NULL").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn relays_fail_over_while_a_breaker_is_open_and_it_closes_again(db: PgPool) {
    let one = SmtpSink::start(always(Step::RejectMail("550 5.7.1 Account suspended"))).await;
    let two = SmtpSink::start(Behaviour::accept()).await;
    let harness = MailHarness::new(db, &format!("{}?weight=9 {}", one.url(), two.url())).await;
    let engine = harness.engine();
    for n in 0..40 {
        harness.queue(Class::Notice, &format!("n{n}@domain{n}.example")).await;
    }
    let progress = engine.drain().await.expect("sent");
    assert_eq!((progress.sent, two.messages().len()), (40, 40), "nothing waits for the one that refuses");
    assert_eq!(number(&harness, "SELECT count(*) FROM mail_relays WHERE refused_since IS NOT NULL").await, 1);
    heal(&one);
    for n in 0..4 {
        harness.advance(TimeDelta::minutes(6));
        for m in 0..10 {
            harness.queue(Class::Notice, &format!("n{n}{m}@example.org")).await;
        }
        assert_eq!(engine.drain().await.expect("sent").sent, 10);
    }
    assert!(!one.messages().is_empty(), "it was tried again");
    assert_eq!(number(&harness, "SELECT count(*) FROM mail_relays WHERE refused_since IS NOT NULL").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_mail_that_breaks_connections_is_set_aside(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let engine = harness.engine();
    sink.on("poison@example.org", Step::HangUpAtRcpt);
    let poison = harness.queue(Class::Notice, "poison@example.org").await;
    for n in 0..60 {
        let good = harness.queue(Class::Confirmation, &format!("good{n}@example.org")).await;
        engine.drain().await.expect("a round");
        assert_eq!(harness.state(good).await, "sent");
        harness.advance(TimeDelta::hours(1));
    }
    let (state, _, failure) = harness.row(poison).await.expect("a row");
    assert!(state == "failed" && failure.as_deref().is_some_and(|why| why.starts_with("set aside")), "{failure:?}");
    // mended, and sent again by an organizer
    sink.on("poison@example.org", Step::Accept);
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    assert!(requeue(&mut conn, harness.kernel.env.now(), harness.organization, poison).await.expect("queued"));
    engine.drain().await.expect("a round");
    assert_eq!(harness.state(poison).await, "sent");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn compose_errors_are_retried_and_can_be_requeued(db: PgPool) {
    let (harness, _sink) = harness(db, Behaviour::accept()).await;
    let engine = harness.engine();
    let refs = json!({ "to": "jane@example.org", "mode": "error" });
    let mended = harness.put(Class::Confirmation, "", false, refs.clone()).await;
    let protected = harness.put(Class::Confirmation, "", true, refs).await;
    for _ in 0..19 {
        engine.drain().await.expect("a round");
        harness.advance(TimeDelta::hours(10));
    }
    assert_eq!(harness.row(mended).await.map(|row| (row.0, row.1)), Some(("queued".to_owned(), 19)));
    engine.drain().await.expect("the last one");
    for id in [mended, protected] {
        let (state, _, failure) = harness.row(id).await.expect("it is kept, the protected one, too");
        assert_eq!(
            (state.as_str(), failure.as_deref()),
            ("failed", Some("given up: not composed: internal: no such row for [address]"))
        );
    }
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let which = Retry { not_composed: true, ..Retry::default() };
    assert_eq!(retry_all(&mut conn, harness.kernel.env.now(), which).await.expect("queued"), 2);
    sqlx::query("UPDATE emails_waiting SET refs = refs - 'mode'").execute(&harness.kernel.db).await.expect("mended");
    assert_eq!(engine.drain().await.expect("sent").sent, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_copy_is_a_separate_mail_and_sent_once(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let engine = harness.engine();
    sink.on("deputy@gov.example", Step::RejectRcpt("451 4.3.0 later"));
    let refs = json!({ "to": "minister@gov.example", "cc": "deputy@gov.example" });
    let letter = harness.put(Class::Letter, "office", false, refs.clone()).await;
    engine.drain().await.expect("a round");
    let copy = async || -> (Uuid, String, i16) {
        sqlx::query_as("SELECT id, state, attempts FROM emails WHERE refs ? 'copy'")
            .fetch_one(&harness.kernel.db)
            .await
            .expect("one copy")
    };
    let (id, state, attempts) = copy().await;
    assert_eq!((harness.state(letter).await.as_str(), state.as_str(), attempts), ("sent", "queued", 1));
    let to: String = sqlx::query_scalar("SELECT refs->>'copy' FROM emails WHERE refs ? 'copy'")
        .fetch_one(&harness.kernel.db)
        .await
        .expect("refs");
    assert!(!to.contains("deputy"), "it names nobody: {to}");
    sink.on("deputy@gov.example", Step::Accept);
    harness.advance(TimeDelta::minutes(5));
    engine.drain().await.expect("a round");
    assert_eq!(copy().await.1, "sent");
    assert_eq!(harness.delivery_status(letter), [DeliveryStatus::Sent], "the letter's state is its own");
    assert!(harness.delivery_status(id).is_empty());
    let (to, cc) = (sink.messages_to("minister@gov.example"), sink.messages_to("deputy@gov.example"));
    assert_eq!((to.len(), cc.len()), (1, 1));
    assert_eq!(to[0].header("Message-ID"), cc[0].header("Message-ID"));
    assert_ne!(to[0].from, cc[0].from, "each comes back for itself");

    // the letter came back and goes again; the copy had arrived
    sqlx::query("UPDATE emails_settled SET state = 'bounced' WHERE id = $1")
        .bind(letter)
        .execute(&harness.kernel.db)
        .await
        .expect("bounced");
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    assert!(requeue(&mut conn, harness.kernel.env.now(), harness.organization, letter).await.expect("queued"));
    harness.advance(TimeDelta::hours(1));
    engine.drain().await.expect("a round");
    assert_eq!((sink.messages_to("minister@gov.example").len(), sink.messages_to("deputy@gov.example").len()), (2, 1));

    // one that waits can be cancelled, and one that fails is seen
    sink.on("deputy@gov.example", Step::RejectRcpt("451 4.3.0 later"));
    harness.put(Class::Letter, "office", false, refs.clone()).await;
    engine.drain().await.expect("a round");
    let waiting: Uuid = sqlx::query_scalar("SELECT id FROM emails_waiting WHERE refs ? 'copy'")
        .fetch_one(&harness.kernel.db)
        .await
        .expect("a copy");
    assert_eq!(cancel(&mut conn, harness.kernel.env.now(), &[waiting]).await.expect("cancelled"), [waiting]);
    sink.on("deputy@gov.example", Step::RejectRcpt("550 5.1.1 who?"));
    harness.put(Class::Letter, "office", false, refs).await;
    harness.advance(TimeDelta::hours(1));
    engine.drain().await.expect("a round");
    let failure: Option<String> =
        sqlx::query_scalar("SELECT failure FROM emails_settled WHERE state = 'failed' AND refs ? 'copy'")
            .fetch_one(&harness.kernel.db)
            .await
            .expect("a failed copy");
    assert_eq!(failure.as_deref(), Some("a copy: refused: 550 5.1.1 who?"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn requeued_and_paused_mail_does_not_expire(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let engine = harness.engine();
    let day = TimeDelta::days(1);
    // failed, and queued again after it would have been too late
    let again = harness.queue(Class::Notice, "again@example.org").await;
    sqlx::query("UPDATE emails_waiting SET due_at = due_at + interval '9 days'")
        .execute(&harness.kernel.db)
        .await
        .expect("later");
    harness.advance(day * 8);
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    sqlx::query("WITH w AS (DELETE FROM emails_waiting RETURNING id, organization_id, class, kind, refs, due_at, created_at)
                 INSERT INTO emails_settled (id, organization_id, class, kind, refs, state, due_at, created_at, settled_at)
                 SELECT id, organization_id, class, kind, refs, 'failed', due_at, created_at, $1 FROM w")
        .bind(harness.kernel.env.now())
        .execute(&mut *conn)
        .await
        .expect("failed");
    assert!(requeue(&mut conn, harness.kernel.env.now(), harness.organization, again).await.expect("queued"));
    engine.drain().await.expect("a round");
    assert_eq!(harness.state(again).await, "sent");

    // a class that is paused for weeks
    let paused = harness.queue(Class::Update, "paused@example.org").await;
    mail::pause(&mut conn, "update", "", harness.kernel.env.now()).await.expect("paused");
    harness.advance(day * 20);
    engine.drain().await.expect("a round");
    mail::resume_at(&mut conn, "update", harness.kernel.env.now()).await.expect("goes on");
    engine.drain().await.expect("a round");
    assert_eq!(harness.state(paused).await, "sent");

    // what it belongs to is paused for weeks: no trouble, no attempt, and nobody is lost
    let refs = json!({ "to": "news@example.org", "mode": "paused" });
    let news = harness.put(Class::Update, "", false, refs).await;
    for _ in 0..20 {
        let progress = engine.drain().await.expect("a round");
        assert_eq!((progress.released, progress.paused), (1, 1));
        harness.advance(day);
    }
    sqlx::query("UPDATE emails_waiting SET refs = refs - 'mode'").execute(&mut *conn).await.expect("goes on");
    assert_eq!(engine.drain().await.expect("sent").sent, 1);
    assert_eq!(harness.state(news).await, "sent");
    // and one that nobody paused is cancelled
    let old = harness.queue(Class::Notice, "old@example.org").await;
    harness.advance(day * 8);
    engine.drain().await.expect("a round");
    assert_eq!((harness.state(old).await.as_str(), sink.messages_to("old@example.org").len()), ("cancelled", 0));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn unreadable_pauses_hold_all_mail(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    for n in 0..200 {
        harness.queue(Class::Update, &format!("a{n}@example.org")).await;
    }
    // one connection, and a relay that takes its time with the first of them
    sink.push(Step::SlowContent(std::time::Duration::from_millis(500)));
    let slow = harness.with(|settings| settings.mail.connections = 1);
    let engine = slow.engine();
    let round = tokio::spawn(async move { engine.tick().await.expect("a round") });
    sink.wait_for(1).await;
    let rename = async |sql: &'static str| sqlx::query(sql).execute(&harness.kernel.db).await.expect("renamed");
    rename("ALTER TABLE mail_pauses RENAME TO away").await;
    let progress = round.await.expect("a round");
    assert_eq!((progress.sent, progress.released), (64, 136), "the part under way, and no more");
    rename("ALTER TABLE away RENAME TO mail_pauses").await;
    harness.advance(TimeDelta::minutes(6));
    assert_eq!(harness.engine().drain().await.expect("the others").sent, 136);
}

async fn first_contact(harness: &MailHarness, to: &str) -> Uuid {
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let email = NewEmail {
        organization_id: harness.organization,
        class: Class::Confirmation,
        kind: "test_first_contact",
        lane: "",
        refs: json!({ "to": to }),
        protected: false,
        due_at: None,
    };
    enqueue(&mut conn, &harness.kernel.env, email).await.expect("queued")
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_first_contact_rate_limit_is_fifo_and_adjustable(db: PgPool) {
    let sink = SmtpSink::start(always(Step::RejectMail("451 4.3.0 later"))).await;
    let harness = MailHarness::new(db, &sink.url()).await.with(|settings| settings.mail.first_contacts_per_hour = 3);
    let engine = harness.engine();
    // from the start of an hour on, so that none ends in between
    harness.advance(TimeDelta::seconds(3610 - harness.kernel.env.now().timestamp() % 3600));
    let mut mails = Vec::new();
    for n in 0..5 {
        mails.push(first_contact(&harness, &format!("n{n}@example.org")).await);
        harness.advance(TimeDelta::seconds(1));
    }
    let standing = async || {
        let mut conn = harness.kernel.db.acquire().await.expect("a connection");
        mail::first_contacts(&mut conn, harness.kernel.env.now()).await.expect("numbers")
    };
    // the relay takes nothing yet: tried often, counted once
    for _ in 0..3 {
        engine.drain().await.expect("a round");
        harness.advance(TimeDelta::minutes(4));
    }
    let now = standing().await;
    assert_eq!((now.this_hour, now.held), (3, 2));
    heal(&sink);
    harness.advance(TimeDelta::minutes(8));
    engine.drain().await.expect("a round");
    let to = |n: usize| sink.messages_to(&format!("n{n}@example.org")).len();
    assert_eq!([0, 1, 2, 3, 4].map(to), [1, 1, 1, 0, 0], "the first three");
    // one more, at once
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    mail::set_first_contacts(&mut conn, Some(4), harness.kernel.env.now()).await.expect("set");
    engine.drain().await.expect("a round");
    assert_eq!(([3, 4].map(to), standing().await.held), ([1, 0], 1), "the older of the two");
    // in the next hour the one that waits goes before those that come then
    harness.advance(TimeDelta::hours(1));
    mail::set_first_contacts(&mut conn, Some(1), harness.kernel.env.now()).await.expect("set");
    let new = first_contact(&harness, "new@example.org").await;
    engine.drain().await.expect("a round");
    assert_eq!((to(4), harness.state(new).await.as_str()), (1, "queued"));
    mail::set_first_contacts(&mut conn, None, harness.kernel.env.now()).await.expect("as in the settings");
    engine.drain().await.expect("a round");
    assert_eq!(harness.state(new).await, "sent");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn leases_use_the_database_clock_and_partitions_are_created_in_time(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    sink.on("slow@example.org", Step::SlowContent(std::time::Duration::from_secs(20)));
    harness.queue(Class::Notice, "slow@example.org").await;
    let engine = harness.engine();
    let sending = tokio::spawn(async move { engine.tick().await });
    sink.wait_for(1).await;
    let lease = i64::from(harness.kernel.settings.mail.lease_seconds);
    let left = number(
        &harness,
        "SELECT ceil(extract(epoch FROM lease_until - clock_timestamp()))::bigint FROM emails_waiting WHERE state = 'sending'",
    )
    .await;
    assert!((lease - 20..=lease).contains(&left), "{left} of {lease} seconds are left");
    sending.abort();

    // settled in a month that nobody has tidied yet
    let now = harness.kernel.env.now();
    harness.advance(now + Months::new(4) - now);
    harness.queue(Class::Confirmation, "jane@example.org").await;
    sink.on("slow@example.org", Step::Accept);
    harness.engine().drain().await.expect("sent");
    assert_eq!(number(&harness, "SELECT count(*) FROM emails_settled_other").await, 0);
    let month = harness.kernel.env.now().format("emails_settled_%Y_%m").to_string();
    let place: String = sqlx::query_scalar("SELECT tableoid::regclass::text FROM emails WHERE class = 'confirmation'")
        .fetch_one(&harness.kernel.db)
        .await
        .expect("a place");
    assert_eq!(place, month);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pause_stops_letters_that_are_already_composed(db: PgPool) {
    let slow = Step::SlowContent(Duration::from_millis(50));
    let (harness, sink) = harness(db, always(slow)).await;
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let limits = LaneLimits { rate_per_hour: 100_000, burst: 1000, ..LaneLimits::default() };
    mail::set_lane(&mut conn, "office", &limits).await.expect("a lane");
    let mut letters = Vec::new();
    for n in 0..300 {
        letters.push(harness.put(Class::Letter, "office", false, json!({ "to": format!("m{n}@gov.example") })).await);
    }
    let engine = harness.engine();
    let round = tokio::spawn(async move { engine.tick().await });
    sink.wait_for(20).await;
    mail::pause(&mut conn, "letter", "", harness.kernel.env.now()).await.expect("paused");
    harness.kernel.cache_invalidator.publish(CacheInvalidation::Mail);
    let before = sink.messages().len();
    let progress = round.await.expect("a round").expect("a round");
    let sent = sink.messages().len();
    // what each of the eight connections has begun is ended, and one more while the pause is read
    assert!(sent - before <= 24, "{} went out after the pause", sent - before);
    assert_eq!((progress.sent, progress.released, progress.uncertain), (sent, 300 - sent, 0));
    let put_back = "SELECT count(*) FROM emails_waiting WHERE state = 'queued' AND attempts = 0 AND data_at IS NULL";
    assert_eq!(number(&harness, put_back).await, i64::try_from(300 - sent).expect("a number"));
    // what is not paused goes on meanwhile
    harness.queue(Class::Notice, "jane@example.org").await;
    heal(&sink);
    let engine = harness.engine();
    assert_eq!(engine.drain().await.expect("a round").sent, 1);
    mail::resume_at(&mut conn, "letter", harness.kernel.env.now()).await.expect("resumed");
    harness.advance(TimeDelta::hours(1));
    engine.drain().await.expect("a round");
    for (n, letter) in letters.iter().enumerate() {
        assert_eq!(harness.state(*letter).await, "sent");
        assert_eq!(sink.messages_to(&format!("m{n}@gov.example")).len(), 1, "each goes once");
    }
}
