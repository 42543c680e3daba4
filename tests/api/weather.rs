//! Bad weather: the process is killed, the database goes away, the relay misbehaves. What was acknowledged is still there.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mail_parser::MessageParser;
use muster::{
    config::Settings,
    kernel::{
        Kernel,
        cx::Cx,
        embedded_postgres::{EmbeddedPostgres, Options},
        keyring::Keyring,
        text::EmailAddress,
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{net::TcpStream, task::JoinSet};
use uuid::Uuid;

use crate::{
    harness::{Reply, signer},
    process::{Installation, Server, json_exchange, until},
    smtp_sink::{Behaviour, Received, SmtpSink, Step},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

fn message_id(message: &Received) -> String {
    message.header("message-id").expect("a Message-ID")
}

/// Asserts a 503 that a client can act on and that tells a reader nothing about our insides.
#[track_caller]
fn assert_unavailable(reply: &Reply, kind: &str) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with(kind), "{:?}", reply.headers);
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let text = reply.text().to_lowercase();
    for inside in ["sqlx", "postgres", "pool", "panick", ".rs", "socket", "connection"] {
        assert!(!text.contains(inside), "`{inside}` is in {text}");
    }
}

/// An immediate shutdown, as of a machine that loses power: nothing is written down any more.
async fn crash(mut postgres: EmbeddedPostgres) {
    let file = std::fs::read_to_string(postgres.data_dir().join("postmaster.pid")).unwrap();
    let pid = file.lines().next().unwrap().trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGQUIT).unwrap();
    postgres.exited().await.unwrap();
}

#[tokio::test]
async fn without_its_database_it_answers_503_and_recovers_by_itself() {
    let mut house = Installation::bare();
    let options = Options::new(house.path("elsewhere"));
    let postgres = EmbeddedPostgres::start(options.clone()).await.unwrap();
    house.set("DATABASE_URL", &postgres.url());
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    server.post(SIGN, None, &signer("before@example.org")).await.expect(202);

    crash(postgres).await;
    let body = signer("during@example.org");
    let signing = (0..8).map(|_| json_exchange(server.http, "POST", SIGN, None, &body));
    for reply in futures_util::future::join_all(signing).await {
        let reply = reply.unwrap();
        reply.problem(503, "unavailable", &[]);
        assert_unavailable(&reply, "application/problem+json");
    }
    assert_unavailable(&server.get("/p/status", None).await, "text/html");
    assert_unavailable(&server.get("/api/v1/people", Some(&token)).await, "application/problem+json");
    let form = server
        .form(
            "/p/status",
            &[],
            &[("given_name", "Amara"), ("email", "during@example.org"), ("country", "CA"), ("locale", "en")],
        )
        .await;
    assert_unavailable(&form, "text/html");
    assert_eq!(server.admin("/readyz").await.status, 503);
    assert_eq!(server.admin("/healthz").await.status, 200, "it lives, so nobody needs to restart it");

    let postgres = EmbeddedPostgres::start(options).await.unwrap();
    until("readiness", async || (server.admin("/readyz").await.status == 200).then_some(())).await;
    server.post(SIGN, None, &signer("after@example.org")).await.expect(202);
    assert_eq!(server.get("/p/status", None).await.status, 200);
    let pool = PgPoolOptions::new().connect(&postgres.url()).await.unwrap();
    assert_eq!(
        count(&pool, "SELECT count(*) FROM signatures").await,
        2,
        "before and after; what got a 503 was not written"
    );
    until("both mails", async || {
        (count(&pool, "SELECT count(*) FROM emails WHERE state = 'sent'").await == 2).then_some(())
    })
    .await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    pool.close().await;
    server.stop().await;
    postgres.stop().await.unwrap();
}

#[sqlx::test(migrations = "./migrations")]
async fn a_database_that_hangs_is_a_503_in_time(pool: PgPool) {
    let house = Installation::new(&pool).with("MUSTER__HTTP__TIMEOUT_SECONDS", "1");
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({})).await;
    let mut hold = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE signatures, updates IN ACCESS EXCLUSIVE MODE").execute(&mut *hold).await.unwrap();
    let late = server.post(SIGN, None, &signer("late@example.org")).await;
    late.problem(503, "unavailable", &[]);
    assert_unavailable(&late, "application/problem+json");
    let form = server
        .form(
            "/p/status",
            &[],
            &[("given_name", "Amara"), ("email", "form@example.org"), ("country", "CA"), ("locale", "en")],
        )
        .await;
    assert_unavailable(&form, "text/html");
    hold.commit().await.unwrap();
    until("what was queued", async || (count(&pool, "SELECT count(*) FROM signatures").await == 2).then_some(())).await;
    server.post(SIGN, None, &signer("late@example.org")).await.expect(202);
    server.stop().await;
}

#[tokio::test]
async fn killed_with_a_database_of_its_own_it_starts_again_with_everything() {
    let house = Installation::bare();
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({})).await;
    let signing = (0..20).map(async |n| server.post(SIGN, None, &signer(&format!("own{n}@example.org"))).await);
    for reply in futures_util::future::join_all(signing).await {
        reply.expect(202);
    }
    server.kill().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    assert_eq!(server.get(SIGN, Some(&token)).await.expect(200)["total_records"], 20);
    server.post(SIGN, None, &signer("after@example.org")).await.expect(202);
    server.stop().await;
}

fn with_relay(pool: &PgPool, sink: &SmtpSink) -> Installation {
    let house =
        Installation::new(pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    house.with("MUSTER__MAIL__LEASE_SECONDS", "5").with("MUSTER__MAIL__FROM_DOMAIN", "muster.test")
}

#[sqlx::test(migrations = "./migrations")]
async fn killed_with_mail_in_flight_it_loses_none_and_writes_to_no_official_twice(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept().script(vec![Step::SlowContent(Duration::from_secs(30)); 5])).await;
    sink.on("minister@gov.example", Step::SlowContent(Duration::from_secs(30)));
    let house = with_relay(&pool, &sink);
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

#[sqlx::test(migrations = "./migrations")]
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

#[sqlx::test(migrations = "./migrations")]
async fn each_mood_of_the_relay_ends_well(pool: PgPool) {
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
    assert!(attempts == 1 && failure.contains("550") && !failure.contains("never@"), "{failure}");
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

/// Many people who sign one after the other until told to stop.
struct Crowd {
    signers: JoinSet<()>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    acknowledged: Mutex<Vec<String>>,
    otherwise: Mutex<Vec<String>>,
    unanswered: Mutex<Vec<io::Error>>,
    enough: AtomicBool,
}

impl Crowd {
    /// 64 people at once, half of them at the petition that asks for no confirmation.
    fn gather(at: SocketAddr, names: &'static str) -> Self {
        let (mut signers, seen) = (JoinSet::new(), Arc::new(Seen::default()));
        for person in 0..64 {
            let seen = seen.clone();
            signers.spawn(async move {
                let path = if person % 2 == 0 { SIGN } else { "/api/v1/petitions/open/signatures" };
                for act in 0.. {
                    if seen.enough.load(Ordering::Relaxed) {
                        return;
                    }
                    let address = format!("{names}{person}x{act}@example.org");
                    match json_exchange(at, "POST", path, None, &signer(&address)).await {
                        Ok(reply) if reply.status == 202 => seen.acknowledged.lock().unwrap().push(address),
                        Ok(reply) => seen.otherwise.lock().unwrap().push(format!("{} {}", reply.status, reply.text())),
                        Err(error) => {
                            seen.unanswered.lock().unwrap().push(error);
                            return;
                        }
                    }
                }
            });
        }
        Self { signers, seen }
    }

    async fn wait_for(&self, acknowledged: usize) {
        until("acknowledgements", async || {
            (self.seen.acknowledged.lock().unwrap().len() >= acknowledged).then_some(())
        })
        .await;
    }

    /// Sends everybody home and says what they were told.
    async fn disperse(mut self) -> Seen {
        self.seen.enough.store(true, Ordering::Relaxed);
        while self.signers.join_next().await.is_some() {}
        Arc::into_inner(self.seen).expect("nobody is left")
    }
}

/// How many of these addresses have no signature with a mail.
async fn missing(house: &Installation, pool: &PgPool, addresses: &[String]) -> i64 {
    let settings = Settings::read("development", house.environment()).unwrap();
    let keyring = Keyring::open(&settings.keyring.file).unwrap();
    let kernel = Kernel::new(settings, Cx::system(), pool.clone(), Arc::new(keyring));
    let vault = sqlx::query_scalar("SELECT id FROM vaults").fetch_one(pool).await.unwrap();
    let vault = kernel.vaults.open(vault).await.unwrap();
    let indexes: Vec<Vec<u8>> =
        addresses.iter().map(|address| vault.email_index(&EmailAddress::parse(address).unwrap())).collect();
    let sql = "SELECT count(*) FROM unnest($1::bytea[]) AS acknowledged (email_index)
               WHERE NOT EXISTS (SELECT FROM people p JOIN signatures s ON s.person_id = p.id JOIN emails e ON (e.refs ->> 'signature')::uuid = s.id
                                 WHERE p.email_index = acknowledged.email_index)";
    sqlx::query_scalar(sql).bind(indexes).fetch_one(pool).await.unwrap()
}

async fn two_petitions(server: &Server, token: &str) {
    server.petition(token, json!({})).await;
    server.petition(token, json!({"muster:slug": "open", "muster:confirmation": "none"})).await;
}

async fn assert_nothing_torn(pool: &PgPool) {
    assert_eq!(count(pool, "SELECT count(*) FROM signatures s WHERE NOT EXISTS (SELECT FROM emails e WHERE (e.refs ->> 'signature')::uuid = s.id)").await, 0, "a signature without its mail");
    assert_eq!(count(pool, "SELECT count(*) FROM emails e WHERE NOT EXISTS (SELECT FROM signatures s WHERE (e.refs ->> 'signature')::uuid = s.id)").await, 0, "a mail without its signature");
    assert_eq!(
        count(
            pool,
            "SELECT count(*) FROM people p WHERE NOT EXISTS (SELECT FROM signatures s WHERE s.person_id = p.id)"
        )
        .await,
        0,
        "a person who did nothing"
    );
}

#[sqlx::test(migrations = "./migrations")]
async fn killed_amid_64_signers_it_has_every_signature_that_it_acknowledged(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    two_petitions(&server, &token).await;
    let crowd = Crowd::gather(server.http, "before");
    crowd.wait_for(400).await;
    server.kill().await;
    let seen = crowd.disperse().await;
    let acknowledged = seen.acknowledged.into_inner().unwrap();
    assert_eq!(seen.otherwise.into_inner().unwrap(), Vec::<String>::new());
    assert!(!seen.unanswered.into_inner().unwrap().is_empty(), "the kill came in the middle");

    let server = house.serve(&["serve", "--role", "web"]).await;
    assert_eq!(missing(&house, &pool, &acknowledged).await, 0, "of {}", acknowledged.len());
    assert_nothing_torn(&pool).await;
    let written = count(&pool, "SELECT count(*) FROM signatures").await;
    let unanswered = written - i64::try_from(acknowledged.len()).unwrap();
    assert!((0..=64).contains(&unanswered), "{unanswered} were written and not acknowledged");
    let counted = count(&pool, "SELECT count(*) FROM signatures WHERE state = 'counted'").await;
    assert_eq!(server.get("/api/v1/petitions/open", Some(&token)).await.expect(200)["total_signatures"], counted);

    let crowd = Crowd::gather(server.http, "after");
    crowd.wait_for(100).await;
    let seen = crowd.disperse().await;
    assert!(seen.unanswered.into_inner().unwrap().is_empty());
    assert_eq!(missing(&house, &pool, &seen.acknowledged.into_inner().unwrap()).await, 0);
    server.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn asked_to_stop_under_load_it_answers_whatever_it_writes(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let mut server = house.serve(&["serve", "--role", "web"]).await;
    two_petitions(&server, &token).await;
    let crowd = Crowd::gather(server.http, "loud");
    crowd.wait_for(300).await;
    server.signal(Signal::SIGTERM);
    let status = server.ended().await;
    assert!(status.success(), "{status}: {}", server.log());
    let seen = crowd.disperse().await;
    let acknowledged = seen.acknowledged.into_inner().unwrap();
    assert_eq!(seen.otherwise.into_inner().unwrap(), Vec::<String>::new(), "who got in got through");
    assert_eq!(missing(&house, &pool, &acknowledged).await, 0);
    assert_eq!(
        count(&pool, "SELECT count(*) FROM signatures").await,
        i64::try_from(acknowledged.len()).unwrap(),
        "nothing was written without an answer"
    );
    assert_nothing_torn(&pool).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn asked_to_stop_it_answers_every_request_that_it_holds_and_takes_no_more(pool: PgPool) {
    let house = Installation::new(&pool).with("MUSTER__HOT_PATH__FLUSHERS", "1");
    let token = house.owner().await;
    let mut server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({})).await;
    // the database holds the first signature up, so that 63 wait behind it
    let mut hold = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE signatures IN ACCESS EXCLUSIVE MODE").execute(&mut *hold).await.unwrap();
    let mut signers = JoinSet::new();
    let at = server.http;
    let mut sign = |n: i32| {
        signers
            .spawn(async move { json_exchange(at, "POST", SIGN, None, &signer(&format!("held{n}@example.org"))).await })
    };
    sign(0);
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("the first to wait", async || (count(&pool, waiting).await == 1).then_some(())).await;
    for n in 1..64 {
        sign(n);
    }
    until("63 in the queue", async || {
        (server.metric("muster_group_commit_queue{action=\"sign\"}").await > 62.5).then_some(())
    })
    .await;

    server.signal(Signal::SIGTERM);
    until("a closed door", async || {
        TcpStream::connect(at).await.err().filter(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    })
    .await;
    assert!(signers.try_join_next().is_none(), "nobody was sent away");
    hold.commit().await.unwrap();
    let mut answers: Vec<Value> = Vec::new();
    while let Some(answer) = signers.join_next().await {
        answers.push(answer.unwrap().expect("an answer").expect(202));
    }
    assert_eq!(answers.len(), 64);
    assert!(server.ended().await.success(), "{}", server.log());
    assert_eq!(count(&pool, "SELECT count(*) FROM signatures").await, 64);
    assert_nothing_torn(&pool).await;
}
