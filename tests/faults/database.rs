//! The database in bad weather: connections that become black holes, a primary that turns read-only, locks, short limits.
//! Signing, confirming, registering, writing and mail go on within fifteen seconds of the way being free, without a restart,
//! and nobody is answered 500.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use muster::kernel::env::Env;
use serde_json::json;
use sqlx::PgPool;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    faults::proxy::Proxy,
    harness::signer,
    process::{Installation, Server, exchange, json_exchange, until},
    smtp_sink::{Behaviour, SmtpSink},
};

/// Within this time of the way being free everything goes on: fifteen seconds, and room for the other tests on the same cores.
const GOES_ON_WITHIN: Duration = Duration::from_secs(25);

const ACTS: [(&str, &str); 3] = [
    ("signatures", "/api/v1/petitions/status/signatures"),
    ("attendances", "/api/v1/events/assembly/attendances"),
    ("letters", "/api/v1/advocacy_campaigns/write/outreaches"),
];

/// A petition, an event and a letter action, with a relay, over this address of the database.
async fn installation(pool: &PgPool, url: Option<&str>) -> (Installation, SmtpSink) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let mut house = Installation::new(pool)
        .with("MUSTER__MAIL__TRANSPORT", "smtp")
        .with("MUSTER__MAIL__SMTP_URL", &sink.url())
        .with("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "10000");
    if let Some(url) = url {
        house.set("DATABASE_URL", url);
    }
    (house, sink)
}

async fn fill(house: &Installation, server: &Server) -> String {
    let token = house.owner().await;
    server.petition(&token, json!({})).await;
    let event = json!({"title": "Assembly", "muster:slug": "assembly", "muster:status": "published",
                       "start_date": "2030-05-01T18:00:00Z", "timezone_identifier": "America/Toronto"});
    server.post("/api/v1/events", Some(&token), &event).await.expect(201);
    let office = json!({"title": "Minister", "muster:slug": "minister", "muster:mailboxes": ["minister@gov.example"]});
    server.post("/api/v1/offices", Some(&token), &office).await.expect(201);
    let letter = json!({"title": "Write", "muster:slug": "write", "muster:status": "published", "muster:targets": ["minister"],
                        "muster:letters": [{"locale": "en", "subjects": ["Status for all"], "body": "Please act."}]});
    server.post("/api/v1/advocacy_campaigns", Some(&token), &letter).await.expect(201);
    token
}

/// What was tried, how it was answered (0: not at all), and when.
type Attempt = (&'static str, u16, Instant);

/// What people do again and again, each with a new address, and how each attempt ended.
struct Traffic {
    people: JoinSet<()>,
    seen: Arc<Mutex<Vec<Attempt>>>,
    over: Arc<AtomicBool>,
    env: Env,
}

impl Traffic {
    fn start(server: &Server, people_each: usize) -> Self {
        let (mut people, seen, over, env) =
            (JoinSet::new(), Arc::default(), Arc::new(AtomicBool::new(false)), Env::system());
        let at = server.http;
        for (kind, path) in ACTS {
            for person in 0..people_each {
                let (seen, over, env): (Arc<Mutex<Vec<_>>>, _, _) = (Arc::clone(&seen), over.clone(), env.clone());
                people.spawn(async move {
                    for act in 0.. {
                        if over.load(Ordering::Relaxed) {
                            return;
                        }
                        let body = signer(&format!("{kind}{person}x{act}@example.org"));
                        let status =
                            json_exchange(at, "POST", path, None, &body).await.map_or(0, |r| r.status.as_u16());
                        seen.lock().unwrap().push((kind, status, env.instant()));
                        sleep(Duration::from_millis(50)).await;
                    }
                });
            }
        }
        Self { people, seen, over, env }
    }

    /// Waits until each kind of act has succeeded after `since`; panics when one took longer than it may.
    async fn goes_on(&self, what: &str, since: Instant) {
        until(what, async || {
            let seen = self.seen.lock().unwrap();
            let all = ACTS.iter().all(|(kind, _)| seen.iter().any(|(k, s, at)| k == kind && *s == 202 && *at > since));
            all.then_some(())
        })
        .await;
        let took = self.env.instant() - since;
        assert!(took < GOES_ON_WITHIN, "{what}: it took {took:?}");
    }

    /// Ends it; nobody was answered anything but 202 and 503.
    async fn end(mut self) {
        self.over.store(true, Ordering::Relaxed);
        while self.people.join_next().await.is_some() {}
        let seen = self.seen.lock().unwrap();
        let other: Vec<_> = seen.iter().filter(|(_, status, _)| !matches!(status, 202 | 503)).collect();
        assert!(other.is_empty(), "{other:?} of {}", seen.len());
    }
}

/// The link of the newest mail that asks this address to confirm.
pub async fn link_to(sink: &SmtpSink, address: &str) -> String {
    until("a mail that asks to confirm", async || {
        let text = sink.messages_to(address).last()?.text().replace("=\r\n", "");
        let at = text.find("/t/")?;
        let path: String =
            text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-')).collect();
        Some(path)
    })
    .await
}

pub async fn press(server: &Server, path: &str) -> u16 {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    exchange(server.http, "POST", path, &form, b"").await.map_or(0, |reply| reply.status.as_u16())
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn network_black_holes_are_survived_under_load_and_while_idle(pool: PgPool) {
    let proxy = Proxy::start(&pool).await;
    let (house, sink) = installation(&pool, Some(&proxy.url())).await;
    let server = house.serve(&["serve"]).await;
    fill(&house, &server).await;
    for name in ["early", "late"] {
        server.post(ACTS[0].1, None, &signer(&format!("{name}@example.org"))).await.expect(202);
    }
    let (early, late) = (link_to(&sink, "early@example.org").await, link_to(&sink, "late@example.org").await);

    // under load
    let traffic = Traffic::start(&server, 4);
    traffic.goes_on("acts before", Env::system().instant()).await;
    proxy.hole();
    let hole = Env::system().instant();
    traffic.goes_on("acts after a black hole under load", hole).await;
    assert_eq!(press(&server, &early).await, 200);
    let mailed = sink.messages().len();
    until("mail after a black hole", async || (sink.messages().len() > mailed).then_some(())).await;
    until("readiness", async || (server.admin("/readyz").await.status == 200).then_some(())).await;
    assert!(Env::system().instant() - hole < GOES_ON_WITHIN * 2, "mail took too long");
    traffic.end().await;

    // idle pools: nothing was under way when the network vanished
    sleep(Duration::from_secs(3)).await;
    proxy.hole();
    let hole = Env::system().instant();
    let traffic = Traffic::start(&server, 1);
    traffic.goes_on("acts after a black hole while idle", hole).await;
    until("a confirmation", async || (press(&server, &late).await == 200).then_some(())).await;
    assert!(Env::system().instant() - hole < GOES_ON_WITHIN);
    traffic.end().await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.stop().await;
    let confirmed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM signatures WHERE state = 'counted'").fetch_one(&pool).await.unwrap();
    assert_eq!(confirmed, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn web_and_worker_survive_network_black_holes(pool: PgPool) {
    let (web_proxy, work_proxy) = (Proxy::start(&pool).await, Proxy::start(&pool).await);
    let (mut house, sink) = installation(&pool, Some(&web_proxy.url())).await;
    let web = house.serve(&["serve", "--role", "web"]).await;
    house.set("DATABASE_URL", &work_proxy.url());
    let worker = house.serve(&["serve", "--role", "worker"]).await;
    fill(&house, &web).await;
    let traffic = Traffic::start(&web, 1);
    traffic.goes_on("acts before", Env::system().instant()).await;
    until("mail before", async || (!sink.messages().is_empty()).then_some(())).await;
    work_proxy.hole();
    let hole = Env::system().instant();
    let mailed = sink.messages().len();
    // what was under way when the network vanished is waited for; then the queue goes on
    until("mail after a black hole of the worker", async || (sink.messages().len() > mailed + 5).then_some(())).await;
    assert!(Env::system().instant() - hole < GOES_ON_WITHIN);
    traffic.end().await;
    web.stop().await;
    worker.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_primary_that_turns_read_only_is_not_ready_and_answers_no_500(pool: PgPool) {
    let (house, _sink) = installation(&pool, None).await;
    let server = house.serve(&["serve"]).await;
    fill(&house, &server).await;
    let traffic = Traffic::start(&server, 2);
    traffic.goes_on("acts before", Env::system().instant()).await;
    // as after a switchover: sessions that stay open lead to a server that takes no writes, and so do new ones
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&pool).await.unwrap();
    let read_only =
        |on: &str| sqlx::AssertSqlSafe(format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {on}"));
    let mut admin = pool.acquire().await.unwrap();
    sqlx::query("SET default_transaction_read_only = off").execute(&mut *admin).await.unwrap();
    sqlx::query(read_only("on")).execute(&mut *admin).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'muster%'";
    sqlx::query(end).execute(&mut *admin).await.unwrap();
    until("no readiness", async || (server.admin("/readyz").await.status == 503).then_some(())).await;
    sleep(Duration::from_secs(2)).await;
    sqlx::query(read_only("off")).execute(&mut *admin).await.unwrap();
    let free = Env::system().instant();
    traffic.goes_on("acts on the new primary", free).await;
    until("readiness", async || (server.admin("/readyz").await.status == 200).then_some(())).await;
    traffic.end().await;
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_role_with_a_short_limit_and_a_locked_table_answer_no_500(pool: PgPool) {
    let (house, _sink) = installation(&pool, None).await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&pool).await.unwrap();
    let short = sqlx::AssertSqlSafe(format!("ALTER DATABASE \"{name}\" SET statement_timeout = '400ms'"));
    sqlx::query(short).execute(&pool).await.unwrap();
    let server = house.serve(&["serve"]).await;
    fill(&house, &server).await;
    let traffic = Traffic::start(&server, 3);
    traffic.goes_on("acts before", Env::system().instant()).await;
    // each in a transaction of its own: one that held a table and waited for the next could deadlock with an act
    let mut held = Vec::new();
    for lock in ["signatures", "attendances", "letters"] {
        let mut hold = pool.begin().await.unwrap();
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *hold).await.unwrap();
        let lock = sqlx::AssertSqlSafe(format!("LOCK TABLE {lock} IN ACCESS EXCLUSIVE MODE"));
        sqlx::query(lock).execute(&mut *hold).await.unwrap();
        held.push(hold);
    }
    sleep(Duration::from_secs(12)).await;
    for hold in held {
        hold.commit().await.unwrap();
    }
    traffic.goes_on("acts after the lock", Env::system().instant()).await;
    traffic.end().await;
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn sixteen_slow_organizer_pages_do_not_delay_submissions(pool: PgPool) {
    let (mut house, sink) = installation(&pool, None).await;
    // a page waits for a connection for as long as its request may take
    house.set("MUSTER__DATABASE__ACQUIRE_TIMEOUT_SECONDS", "9");
    let server = house.serve(&["serve"]).await;
    let token = fill(&house, &server).await;
    let path = ACTS[0].1;
    server.post(path, None, &signer("first@example.org")).await.expect(202);
    let link = link_to(&sink, "first@example.org").await;

    // only organizers' pages read the audit trail
    let mut held = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let mut pages = JoinSet::new();
    for _ in 0..16 {
        let (at, token) = (server.http, token.clone());
        pages.spawn(async move { exchange(at, "GET", "/api/v1/audit", &[("osdi-api-token", &token)], b"").await });
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'muster interactive'
                   AND wait_event_type = 'Lock'";
    until("all connections of the interactive pool to wait", async || {
        let hung: i64 = sqlx::query_scalar(waiting).fetch_one(&pool).await.unwrap();
        (hung >= 8).then_some(())
    })
    .await;
    // what public acts go by is not in memory either
    sqlx::query("UPDATE organizations SET name = name").execute(&pool).await.unwrap();
    sqlx::query("UPDATE actions SET summary = 'Now'").execute(&pool).await.unwrap();
    let mut signing = JoinSet::new();
    for n in 0..10 {
        for (kind, path) in ACTS {
            let at = server.http;
            signing.spawn(async move {
                let body = signer(&format!("{kind}{n}@example.org"));
                json_exchange(at, "POST", path, None, &body).await.unwrap().status.as_u16()
            });
        }
    }
    while let Some(status) = signing.join_next().await {
        assert_eq!(status.unwrap(), 202);
    }
    assert_eq!(press(&server, &link).await, 200);
    assert!(pages.try_join_next().is_none(), "a page was answered before those who signed");
    let written: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM signatures WHERE state = 'pending') + (SELECT count(*) FROM attendances) + (SELECT count(*) FROM letters)
                + (SELECT count(*) FROM signatures WHERE state = 'counted')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(written, 31);
    held.rollback().await.unwrap();
    while let Some(page) = pages.join_next().await {
        assert_eq!(page.unwrap().unwrap().status, 200, "each is answered in the end");
    }
    server.stop().await;
}
