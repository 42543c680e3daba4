//! The drill: a backup is made under load, the database is lost, the backup is restored into an empty one. What was acknowledged
//! before is there, who was erased stays erased, and nobody gets a mail twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use muster::kernel::env::Env;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    harness::signer,
    process::{Installation, Server, json_exchange, until},
    smtp_sink::{Behaviour, SmtpSink},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";
/// What stands in the database in the clear, as the petition's title.
const CANARY: &str = "Canary title in the clear";

/// Signs for as long as the process lives; what was acknowledged, by id or address.
struct Load {
    signed: Arc<Mutex<Vec<Uuid>>>,
    received: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(server: &Server, token: &str) -> Self {
        let mut this =
            Self { signed: Arc::default(), received: Arc::default(), is_over: Arc::default(), tasks: Vec::new() };
        for task in 0..4 {
            let (to, token) = (server.http, token.to_owned());
            let (signed, received, is_over) = (this.signed.clone(), this.received.clone(), this.is_over.clone());
            this.tasks.push(tokio::spawn(async move {
                for n in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let email = format!("load{n}@task{task}.example.org");
                    let token = (n % 2 == 0).then_some(token.as_str());
                    let Ok(reply) = json_exchange(to, "POST", SIGN, token, &signer(&email)).await else { continue };
                    match reply.status.as_u16() {
                        201 => signed.lock().unwrap().push(id_of(&reply.expect(201))),
                        202 => received.lock().unwrap().push(email),
                        _ => {}
                    }
                }
            }));
        }
        this
    }

    fn acknowledged(&self) -> (Vec<Uuid>, usize) {
        (self.signed.lock().unwrap().clone(), self.received.lock().unwrap().len())
    }

    async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

fn id_of(resource: &Value) -> Uuid {
    resource["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap().parse().unwrap()
}

/// A database of its own on the server of another, without tables.
pub struct EmptyDatabase {
    pub name: String,
    pub url: String,
    server: PgConnection,
}

impl EmptyDatabase {
    pub async fn create(pool: &PgPool) -> Self {
        let options = pool.connect_options().as_ref().clone();
        let name = format!("restored_{}", Env::system().id().simple());
        let mut server = PgConnection::connect_with(&options.clone().database("postgres")).await.unwrap();
        run(&mut server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let url = options.database(&name).to_url_lossy().to_string();
        Self { name, url, server }
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    async fn tables(&self) -> i64 {
        let mut conn = self.connect().await;
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        let tables = sqlx::query_scalar(tables).fetch_one(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        tables
    }

    pub async fn drop(mut self) {
        run(&mut self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn run(conn: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(conn).await.unwrap();
}

async fn number(conn: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
}

/// The names in the folder of backups.
fn backups(house: &Installation) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(house.path("backups")) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn with_recipient(mut house: Installation) -> Installation {
    let public = house.run(&["backup", "keygen", &house.path("identity")]).await.ok().trim().to_owned();
    house.set("MUSTER__BACKUP__RECIPIENTS", &public);
    house.set("MUSTER__BACKUP__FOLDER", &house.path("backups"));
    house
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_backup_made_under_load_is_restored_and_nothing_goes_twice(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house =
        Installation::new(&pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    let mut house = with_recipient(house).await;
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({"title": CANARY})).await;
    server.post(SIGN, Some(&token), &signer("amara@example.org")).await.expect(201);
    let amara = id_of(&server.post("/api/v1/people", Some(&token), &signer("amara@example.org")).await.expect(200));
    let ended = json!({"title": "To be ended", "muster:slug": "ended", "muster:status": "published"});
    server.post("/api/v1/petitions", Some(&token), &ended).await.expect(201);
    let load = Load::start(&server, &token);
    until("some load", async || (load.acknowledged().0.len() > 20 && load.acknowledged().1 > 20).then_some(())).await;

    // waits in the queue while the backup is made, and is sent afterwards
    let pause = async |is_paused: bool| {
        let change = json!({"everything": is_paused, "reason": "a backup"});
        server.put("/api/v1/mail/pauses", Some(&token), &change).await.expect(200);
    };
    pause(true).await;
    server.post(SIGN, None, &signer("jane@example.org")).await.expect(202);
    let (signed, received) = load.acknowledged();
    let made = house.run(&["backup"]).await;
    let file = made.ok().trim().to_owned();
    assert!(made.stderr.contains("MB/s"), "{made:?}");
    pause(false).await;
    until("jane's mail", async || (sink.messages_to("jane@example.org").len() == 1).then_some(())).await;
    assert_eq!(
        server.try_json("DELETE", &format!("/api/v1/people/{amara}"), Some(&token), &json!(null)).await.unwrap().status,
        200
    );
    server.post("/api/v1/petitions/ended/destroy", Some(&token), &json!({"slug": "ended"})).await.expect(200);
    until("the metric", async || (server.metric("muster_backup_last_success_seconds").await > 1.7e9).then_some(()))
        .await;
    server.kill().await;
    load.stop().await;

    // nothing is in the clear, and nothing but a whole file with the right key is restored
    let bytes = std::fs::read(&file).unwrap();
    for clear in [CANARY, "example.org", "CREATE TABLE", "signatures"] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear.as_bytes()), "{clear}");
    }
    let target = EmptyDatabase::create(&pool).await;
    house.set("DATABASE_URL", &target.url);
    let identity = house.path("identity");
    house.run(&["backup", "keygen", &house.path("other")]).await.ok();
    let (cut, changed) = (house.path("cut.age"), house.path("changed.age"));
    std::fs::write(&cut, &bytes[..bytes.len() - 100]).unwrap();
    let mut other = bytes.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    std::fs::write(&changed, other).unwrap();
    let wrong = house.run(&["restore", &file, "--identity", &house.path("other")]).await;
    wrong.refused(&["another key"]);
    house.run(&["restore", &cut, "--identity", &identity]).await.refused(&["cut or changed"]);
    house.run(&["restore", &changed, "--identity", &identity]).await.refused(&["cut or changed"]);
    let foreign = with_recipient(Installation::new(&pool)).await;
    foreign.run(&["keyring", "init"]).await.ok();
    foreign.run(&["restore", &file, "--identity", &identity]).await.refused(&["not made with these keys"]);
    assert_eq!(target.tables().await, 0, "nothing was touched");
    let shown: Value =
        serde_json::from_str(house.run(&["backup", "verify", &file, "--identity", &identity]).await.ok()).unwrap();
    assert!(shown["mail_epoch"].is_number() && shown["cluster"].is_array(), "{shown}");

    let restored = house.run(&["restore", &file, "--identity", &identity]).await;
    assert!(
        restored.ok().contains("set aside: ") && restored.stdout.contains("erased again: people: 1"),
        "{restored:?}"
    );
    house.run(&["restore", &file, "--identity", &identity]).await.refused(&["not empty", "--replace"]);
    let mut conn = target.connect().await;
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM signatures WHERE id = ANY ($1)")
        .bind(&signed)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(usize::try_from(there).unwrap(), signed.len(), "every act that was acknowledged before");
    let pending = number(&mut conn, "SELECT count(*) FROM signatures WHERE state = 'pending'").await;
    assert!(usize::try_from(pending).unwrap() > received, "{pending} of more than {received}");
    for unlogged in ["SELECT count(*) FROM day_secrets", "SELECT count(*) FROM confirmation_caps"] {
        assert_eq!(number(&mut conn, unlogged).await, 0, "{unlogged}");
    }
    conn.close().await.unwrap();

    let before = sink.messages().len();
    let server = house.serve(&["serve"]).await;
    assert_eq!(server.get(&format!("/api/v1/people/{amara}"), Some(&token)).await.status, 404);
    let ended = server.get("/api/v1/petitions/ended", Some(&token)).await.expect(200);
    assert_eq!(ended["muster:status"], "ended", "what was destroyed stays destroyed");
    server.post(SIGN, None, &signer("zoe@example.org")).await.expect(202);
    let summary = server.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
    assert_eq!(summary["muster:pauses"][0]["reason"], "restored");
    assert_eq!(sink.messages().len(), before, "no mail before somebody has looked");
    house.run(&["mail", "epoch", "--accept"]).await.ok();
    until("zoe's mail", async || (sink.messages_to("zoe@example.org").len() == 1).then_some(())).await;
    let mut mails: BTreeMap<String, usize> = BTreeMap::new();
    for message in sink.messages() {
        *mails.entry(message.to.join(",")).or_default() += 1;
    }
    let twice: Vec<_> = mails.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty() && mails.len() > 20, "{twice:?}");

    // on purpose only, and only what is meant
    let listed = house.run(&["mail", "release"]).await;
    assert!(listed.ok().contains("confirmation mail(s)"), "{listed:?}");
    let later = house.run(&["mail", "release", "--due-from", "2999-01-01T00:00:00Z"]).await;
    assert!(later.stderr.contains("Queued 0") && later.stdout == listed.stdout, "{later:?}");
    let released = house.run(&["mail", "release", "--class", "confirmation"]).await;
    assert!(!released.ok().contains("confirmation"), "{released:?}");
    until("jane's mail again, as the operator wished", async || {
        (sink.messages_to("jane@example.org").len() == 2).then_some(())
    })
    .await;
    server.stop().await;
    target.drop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_backup_that_breaks_off_is_none_and_neither_is_a_restore(pool: PgPool) {
    let mut house = with_recipient(Installation::new(&pool)).await;
    house.owner().await;
    house.run(&["backup", "--recipient", "nobody"]).await.refused(&["not a public key"]);
    // pg_dump waits for this lock
    let mut blocker = PgConnection::connect_with(&pool.connect_options()).await.unwrap();
    run(&mut blocker, "BEGIN".to_owned()).await;
    run(&mut blocker, "LOCK TABLE signatures IN ACCESS EXCLUSIVE MODE".to_owned()).await;
    let waiting = async |what: &str| {
        until(what, async || {
            let dumps =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            (sqlx::query_scalar::<_, i64>(dumps).fetch_one(&pool).await.unwrap() > 0).then_some(())
        })
        .await;
    };

    let mut killed = house.spawn(&["backup"]);
    waiting("a dump that waits").await;
    killed.kill().await.unwrap();
    let left = backups(&house);
    assert!(left.len() == 1 && left[0].ends_with(".age.partial"), "{left:?}");
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'muster pg_dump'";
    sqlx::query(ended).execute(&pool).await.unwrap();

    let lost = house.spawn(&["backup"]);
    waiting("another dump that waits").await;
    sqlx::query(ended).execute(&pool).await.unwrap();
    let lost = lost.wait_with_output().await.unwrap();
    assert_eq!(lost.status.code(), Some(1), "{lost:?}");
    assert!(String::from_utf8_lossy(&lost.stderr).contains("pg_dump failed"), "{lost:?}");
    assert_eq!(backups(&house), Vec::<String>::new(), "and what the killed one had left is gone");

    blocker.close().await.unwrap();
    let file = house.run(&["backup"]).await.ok().trim().to_owned();
    assert_eq!(backups(&house).len(), 1);

    // a restore that was killed: nothing uses its database, and it is made again
    let target = EmptyDatabase::create(&pool).await;
    house.set("DATABASE_URL", &target.url);
    let mut conn = target.connect().await;
    let restore = ["restore", &file, "--identity", &house.path("identity")];
    house.run(&restore).await.refused(&["1 other session"]);
    run(&mut conn, "CREATE TABLE restore_unfinished ()".to_owned()).await;
    run(&mut conn, "CREATE TABLE half ()".to_owned()).await;
    conn.close().await.unwrap();
    for refused in [&["serve"][..], &["migrate"], &["mail", "epoch"], &["backup"]] {
        house.run(refused).await.refused(&["restore of this database was begun and not ended"]);
    }
    let restored = house.run(&restore).await;
    restored.ok();
    assert!(restored.stderr.contains("no log of erasures"), "{restored:?}");
    assert!(house.run(&["mail", "epoch"]).await.ok().contains("paused: restored"));
    target.drop().await;
}

/// What would make mails anew that may have gone out since the backup.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_restored_database_makes_no_mail_that_may_have_gone_out(pool: PgPool) {
    let mut house = with_recipient(Installation::new(&pool)).await;
    let token = house.owner().await;
    let t = Some(token.as_str());
    let server = house.serve(&["serve", "--role", "web"]).await;
    let petition = id_of(&server.petition(&token, json!({})).await.json());
    server.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    let office =
        json!({"title": "Minister", "muster:slug": "minister", "muster:mailboxes": ["minister@office.example.org"]});
    server.post("/api/v1/offices", t, &office).await.expect(201);
    let action = json!({"title": "Write", "muster:slug": "write", "muster:status": "published", "muster:targets": ["minister"],
                        "muster:letters": [{"locale": "en", "subjects": ["Status"], "body": "Dear {{ target.salutation }},"}]});
    server.post("/api/v1/advocacy_campaigns", t, &action).await.expect(201);
    server.post("/api/v1/advocacy_campaigns/write/outreaches", t, &signer("bo@example.org")).await.expect(201);
    let texts = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": {"actions": [petition]}});
    let mut broadcasts = Vec::new();
    for day in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        let id = id_of(&server.post("/api/v1/broadcasts", t, &texts).await.expect(201));
        let sql = "UPDATE broadcasts SET state = 'scheduled', due_at = $2 WHERE id = $1";
        sqlx::query(sql)
            .bind(id)
            .bind(day.parse::<chrono::DateTime<chrono::Utc>>().unwrap())
            .execute(&pool)
            .await
            .unwrap();
        broadcasts.push(id);
    }
    server.stop().await;
    let mut conn = PgConnection::connect_with(&pool.connect_options()).await.unwrap();
    for sql in [
        // as if the letters had been switched live a moment ago, and the form been sent long ago
        "UPDATE letter_actions SET live = true, live_at = now()",
        "UPDATE signatures SET created_at = now() - interval '4 days'",
        "INSERT INTO jobs (kind, id, organization_id, next_at, created_at)
         SELECT kind, gen_random_uuid(), o.id, now(), now() FROM organizations o, unnest(ARRAY['announce_event_change', 'mail_retry']) kind",
        "INSERT INTO imports (id, petition_id, organizer_id, name, bytes, delimiter, columns, state, touched_at, created_at)
         SELECT gen_random_uuid(), p.id, o.id, 'x', 0, ',', '{}', 'uploaded', now(), now() FROM petitions p, organizers o",
        // one is due after the lost database has stopped, one was being sent
        "UPDATE emails_waiting SET due_at = now() + interval '3 hours' WHERE kind = 'petition_confirm'",
        "INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at, claim_token, lease_until)
         SELECT gen_random_uuid(), id, 'notice', 'petition_thanks', '{}', 'sending', now(), now(), gen_random_uuid(), now() FROM organizations",
    ] {
        run(&mut conn, sql.to_owned()).await;
    }
    assert_eq!(number(&mut conn, "SELECT count(*) FROM outreaches WHERE state = 'held'").await, 1);
    conn.close().await.unwrap();

    let file = house.run(&["backup"]).await.ok().trim().to_owned();
    let target = EmptyDatabase::create(&pool).await;
    house.set("DATABASE_URL", &target.url);
    let restored = house.run(&["restore", &file, "--identity", &house.path("identity")]).await;
    for line in [
        "set aside: 1 notice mail(s)",
        "stopped: broadcasts: 1",
        "switched off: letter actions with held letters: 1",
        "dropped: announcements of events and retries of mail: 2",
        "not reminded: submissions: 1",
    ] {
        assert!(restored.ok().contains(line), "{line}: {restored:?}");
    }
    let mut conn = target.connect().await;
    for (sql, expected) in [
        ("SELECT count(*) FROM emails_waiting WHERE kind = 'petition_confirm' AND state = 'queued'", 1),
        ("SELECT count(*) FROM emails WHERE kind = 'petition_thanks' AND state = 'uncertain'", 1),
        ("SELECT count(*) FROM letter_actions WHERE live", 0),
        ("SELECT count(*) FROM signatures WHERE state = 'pending' AND NOT reminded", 0),
        ("SELECT count(*) FROM imports WHERE state = 'cancelled'", 1),
        ("SELECT count(*) FROM jobs WHERE kind IN ('announce_event_change', 'mail_retry', 'broadcast')", 0),
    ] {
        assert_eq!(number(&mut conn, sql).await, expected, "{sql}");
    }
    let states: Vec<String> = sqlx::query_scalar("SELECT state FROM broadcasts ORDER BY array_position($1, id)")
        .bind(&broadcasts)
        .fetch_all(&mut conn)
        .await
        .unwrap();
    assert_eq!(states, ["failed", "scheduled"]);
    conn.close().await.unwrap();
    target.drop().await;
}
