//! The process is killed or asked to stop, the database goes away or is full. What was acknowledged is still there.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use muster::{
    config::{self, Settings},
    kernel::{
        Kernel,
        embedded_postgres::{EmbeddedPostgres, Options},
        env::Env,
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

use crate::{
    harness::{Reply, signer},
    process::{Installation, Server, json_exchange, until},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn full_disk_ends_readiness_until_there_is_room(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    // what needs a new page or a new file is refused; the heartbeat's row needs neither
    sqlx::raw_sql(
        "CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$;
         CREATE FUNCTION refuse_file() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not create file' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER refused BEFORE INSERT ON signatures FOR EACH ROW EXECUTE FUNCTION refuse_row();
         CREATE EVENT TRIGGER refused ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS') EXECUTE FUNCTION refuse_file()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let refused = server.post(SIGN, None, &signer("during@example.org")).await;
    refused.problem(503, "unavailable", &[]);
    assert!(refused.text().contains("This was not done"), "{}", refused.text());
    let beats = async || count(&pool, "SELECT extract(epoch FROM max(seen_at))::bigint FROM process_heartbeats").await;
    let begun = beats().await;
    until("two further heartbeats", async || (beats().await > begun + 4).then_some(())).await;
    let ready = server.admin("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.text().contains("disk is full")), (503, true), "{}", ready.text());

    sqlx::raw_sql("DROP EVENT TRIGGER refused; DROP TRIGGER refused ON signatures").execute(&pool).await.unwrap();
    until("readiness", async || (server.admin("/readyz").await.status == 200).then_some(())).await;
    server.post(SIGN, None, &signer("after@example.org")).await.expect(202);
    server.stop().await;
}

#[tokio::test]
async fn without_a_database_it_returns_503_and_recovers() {
    let mut house = Installation::bare();
    let options = Options::new(&config::EmbeddedPostgres {
        data_root: house.path("elsewhere").into(),
        socket_root: "/tmp".into(),
    });
    let postgres = EmbeddedPostgres::start(options.clone()).await.unwrap();
    house.set("DATABASE_URL", &postgres.urls().administrator);
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
    assert_unavailable(&server.get("/p/not-in-memory", None).await, "text/html");
    assert_unavailable(&server.get("/api/v1/people", Some(&token)).await, "application/problem+json");
    let form = server
        .form(
            "/p/status",
            &[],
            &[("given_name", "Amara"), ("email", "during@example.org"), ("country", "CA"), ("locale", "en")],
        )
        .await;
    assert_unavailable(&form, "text/html");
    let again = form.text();
    assert!(again.contains("value=\"during@example.org\"") && again.contains("could not save your form"), "{again}");
    until("no readiness", async || (server.admin("/readyz").await.status == 503).then_some(())).await;
    assert_eq!(server.admin("/healthz").await.status, 200, "it lives, so nobody needs to restart it");

    let postgres = EmbeddedPostgres::start(options).await.unwrap();
    until("readiness", async || (server.admin("/readyz").await.status == 200).then_some(())).await;
    server.post(SIGN, None, &signer("after@example.org")).await.expect(202);
    assert_eq!(server.get("/p/status", None).await.status, 200);
    let pool = PgPoolOptions::new().connect(&postgres.urls().administrator).await.unwrap();
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_hanging_database_returns_503_in_time(pool: PgPool) {
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
async fn a_kill_with_embedded_postgres_loses_nothing() {
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
    let kernel = Kernel::new(settings, Env::system(), pool.clone(), Arc::new(keyring));
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_kill_under_load_keeps_every_acknowledged_signature(pool: PgPool) {
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn shutdown_under_load_answers_every_write(pool: PgPool) {
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn graceful_shutdown_answers_accepted_requests(pool: PgPool) {
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
        (server.metric("muster_group_commit_queue{action=\"signatures\"}").await > 62.5).then_some(())
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
