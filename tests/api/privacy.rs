//! Nobody can find out who took part: not from a stolen database, not from an answer, not from a log.

use std::{
    io::Write,
    process::Command,
    sync::{Arc, Mutex},
};

use muster::{
    kernel::{Kernel, keyring::Keyring, text::EmailAddress},
    mail::global_suppression_key,
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, PgPool};
use uuid::Uuid;

use crate::{
    fixtures::{call_action, confirm, event, letter_action, office},
    harness::{CACHE_LIFETIME, Reply, TestApp, merge, signer},
};

/// What people type in these tests; none of it may be found anywhere.
const TYPED: [&str; 12] = [
    "Xochiquetzal",
    "Quetzalcoatlus",
    "flutterwort",
    "nightshade.example",
    "5550177",
    "saffron marmalade",
    "velvet ramp",
    "cobalt hedgehog",
    "Umbrellaville",
    "M5V 3L9",
    "M5V3L9",
    "Flutterwort@",
];

/// Somebody, with everything that all kinds of action take.
fn somebody(address: &str) -> Value {
    json!({
        "person": {"given_name": "Xochiquetzal", "family_name": "Quetzalcoatlus", "email_addresses": [{"address": address}], "preferred_language": "fr",
                   "postal_addresses": [{"postal_code": "M5V 3L9", "locality": "Umbrellaville", "country": "CA"}], "phone_numbers": [{"number": "+1 416 5550177"}]},
        "comments": "saffron marmalade", "subject": "cobalt hedgehog", "message": "cobalt hedgehog, please",
        "muster:consents": {"updates": true}, "referrer_data": {"source": "flutterwort", "website": "https://nightshade.example/x"},
    })
}

/// Somebody, with everything that an action of this kind takes.
fn submitter(kind: &str, address: &str) -> Value {
    let mut body = somebody(address);
    match kind {
        "petition" => merge(&mut body, json!({"muster:display": "full_name"})),
        "event" => merge(&mut body, json!({"muster:access_needs": "velvet ramp"})),
        _ => {}
    }
    body
}

/// Writes into a buffer that the test reads.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The whole database as `pg_dump` writes it: what a thief of a backup has.
fn dump(app: &TestApp) -> String {
    let options = app.kernel.db.connect_options();
    let host =
        options.get_socket().map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    let beside = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path().join("bin/pg_dump")))
        .filter(|p| p.exists());
    let binary = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("pg_dump"))
        .find(|p| p.exists())
        .or(beside.max());
    let mut command = Command::new(binary.expect("pg_dump stands beside psql"));
    if let Some(password) = options.to_url_lossy().password() {
        command.env("PGPASSWORD", password);
    }
    command.args([
        "--no-password",
        "--host",
        &host,
        "--port",
        &options.get_port().to_string(),
        "--username",
        options.get_username(),
    ]);
    let output = command.arg(options.get_database().unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The path of an action's acts.
fn acts(kind: &str, privacy: &str) -> String {
    match kind {
        "petition" => format!("/api/v1/petitions/status-{privacy}/signatures"),
        "event" => format!("/api/v1/events/assembly-{privacy}/attendances"),
        "call" => format!("/api/v1/phone_campaigns/phone-{privacy}/outreaches"),
        _ => format!("/api/v1/advocacy_campaigns/write-{privacy}/outreaches"),
    }
}

const KINDS: [&str; 4] = ["petition", "event", "letter", "call"];

/// A petition, an event, a call action and a letter action of this privacy, the last one live.
async fn actions(app: &TestApp, token: &str, privacy: &str) {
    let more = |slug: &str| json!({"muster:privacy": privacy, "muster:slug": format!("{slug}-{privacy}")});
    app.petition(token, more("status")).await;
    event(app, token, more("assembly")).await;
    call_action(app, token, more("phone")).await;
    letter_action(app, token, more("write")).await;
    app.put(&format!("/api/v1/advocacy_campaigns/write-{privacy}"), Some(token), &json!({"muster:live": true}))
        .await
        .expect(200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn database_dump_and_log_contain_no_personal_data(pool: PgPool) {
    let log = Buffer::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // while there is only one, `tracing` asks the thread that first meets an event whether anybody listens, and that may be
    // another test's
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    for privacy in ["standard", "protected"] {
        actions(&app, &token, privacy).await;
        for kind in KINDS {
            let path = acts(kind, privacy);
            for stage in ["typed", "confirmed", "withdrawn"] {
                let address = format!("Flutterwort+{stage}.{kind}.{privacy}@nightshade.example");
                app.post(&path, None, &submitter(kind, &address)).await.expect(202);
                if stage != "typed" {
                    confirm(&app, &address).await;
                }
                if stage == "withdrawn" {
                    let mail = app.mail_to(&address).await.pop().unwrap();
                    if let Some(manage) = mail.links.iter().rev().find(|l| l.contains("/t/")) {
                        app.press(manage).await;
                    }
                }
            }
            let vouched = submitter(kind, &format!("Flutterwort+vouched.{kind}@nightshade.example"));
            let expected = if privacy == "standard" { 201 } else { 403 };
            app.post(&path, Some(&token), &vouched).await.expect(expected);
        }
        let address = format!("Flutterwort+form.{privacy}@nightshade.example");
        let form = [
            ("given_name", "Xochiquetzal"),
            ("family_name", "Quetzalcoatlus"),
            ("email", &*address),
            ("comments", "saffron marmalade"),
            ("source", "flutterwort"),
            ("locale", "en"),
        ];
        assert_eq!(app.form(&format!("/p/status-{privacy}"), &form).await.status, 200);
    }
    let person = json!({"person": somebody("Flutterwort+person@nightshade.example")["person"]});
    app.post("/api/v1/people", Some(&token), &person).await.expect(200);
    app.post(
        "/api/v1/people",
        Some(&token),
        &json!({"person": {"given_name": "Xochiquetzal", "email_addresses": [{"address": "Flutterwort nobody"}]}}),
    )
    .await
    .expect(422);
    app.get("/api/v1/people?filter=email_address%20eq%20'Flutterwort%2Bperson%40nightshade.example'", Some(&token))
        .await
        .expect(200);
    app.tick().await;
    let mails = app.mail().await;
    assert!(mails.iter().any(|mail| mail.to.contains("minister@office.example.org")), "letters went out");

    // links as mail programs mangle them lead to the right ones, and are not logged either
    for link in mails.iter().flat_map(|mail| &mail.links).filter(|link| link.contains("/t/")) {
        let path = app.path_of(link);
        let reply = app.get(&format!("{}./?utm_source=mail", path.replacen("/t/", "//T/", 1)), None).await;
        assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str().unwrap()), (308, path));
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    }
    let dumped = dump(&app).to_lowercase();
    assert!(
        dumped.contains("alliance@staff.example.org")
            && dumped.contains("copy public.signatures")
            && dumped.contains("\\\\x"),
        "this is no dump of it all"
    );
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("/t/{token}") && logged.contains("sqlx"), "the log was not kept");
    for typed in TYPED {
        let hex = hex::encode(typed);
        for (place, text) in [("the dump", &dumped), ("the log", &logged.to_lowercase())] {
            assert!(!text.contains(&typed.to_lowercase()), "{place} says {typed}");
            assert!(
                !text.contains(&hex) && !text.contains(&hex::encode(typed.to_lowercase())),
                "{place} says {typed}, in hex"
            );
        }
    }
    let links: Vec<&str> = mails
        .iter()
        .flat_map(|mail| &mail.links)
        .filter_map(|link| link.split_once("/t/"))
        .map(|(_, token)| token)
        .collect();
    assert!(links.len() > 10);
    for link in links {
        assert!(!logged.contains(link) && !dumped.contains(link), "a mailed link was kept or logged");
    }
}

/// What of an answer a stranger can compare.
fn comparable(reply: &Reply) -> (u16, Vec<(String, Vec<u8>)>, String) {
    let mut headers: Vec<_> =
        reply.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    headers.retain(|(name, _)| name != "x-request-id" && name != "date");
    headers.sort();
    (reply.status.as_u16(), headers, reply.text())
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn public_responses_are_identical_for_known_and_unknown_people(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "open", "muster:confirmation": "none"})).await;
    event(&app, &token, json!({"capacity": 1, "muster:waitlist": false})).await;
    letter_action(&app, &token, json!({})).await;
    let suppressed = global_suppression_key(&app.kernel, &EmailAddress::parse("suppressed@example.org").unwrap());
    sqlx::query(
        "INSERT INTO suppressions (id, address_index, reason, created_at) VALUES ($1, $2, 'never_again', now())",
    )
    .bind(app.kernel.env.id())
    .bind(suppressed)
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let kinds = [
        ("/api/v1/petitions/status", "signatures", "/p/status"),
        ("/api/v1/petitions/open", "signatures", "/p/open"),
        ("/api/v1/events/assembly", "attendances", "/e/assembly"),
        ("/api/v1/advocacy_campaigns/write", "outreaches", "/l/write"),
    ];
    for (action, acts, _) in kinds {
        app.post(&format!("{action}/{acts}"), None, &signer("counted@example.org")).await.expect(202);
        app.mail().await;
        if action != "/api/v1/petitions/open" {
            confirm(&app, "counted@example.org").await;
        }
        app.post(&format!("{action}/{acts}"), None, &signer("pending@example.org")).await.expect(202);
    }
    assert_eq!(
        app.get("/api/v1/events/assembly", Some(&token)).await.expect(200)["total_accepted"],
        1,
        "the only seat is taken"
    );
    app.tick().await;
    app.expire_caches();

    let mut before = Vec::new();
    for (action, ..) in kinds {
        let reply = app.get(action, None).await;
        assert!(reply.headers.contains_key("etag"), "{action}");
        before.push(comparable(&reply));
    }
    for ((action, acts, page), before) in kinds.iter().zip(&before) {
        let (mut first_post, mut first_form) = (None, None);
        for who in ["new", "pending", "counted", "suppressed", "late"] {
            let address = format!("{who}@example.org");
            let posted = comparable(&app.post(&format!("{action}/{acts}"), None, &signer(&address)).await);
            assert_eq!(posted.0, 202, "{}", posted.2);
            assert_eq!(first_post.get_or_insert(posted.clone()), &posted, "{who} at {action}");
            let form = [
                ("given_name", "Amara"),
                ("family_name", "Okafor"),
                ("email", &*address),
                ("country", "CA"),
                ("party_size", "1"),
                ("locale", "en"),
            ];
            let sent = comparable(&app.form(page, &form).await);
            assert_eq!(sent.0, 200, "{}", sent.2);
            assert_eq!(first_form.get_or_insert(sent.clone()), &sent, "{who} at {page}");
            assert_eq!(&comparable(&app.get(action, None).await), before, "{who} moved what the public sees");
        }
    }
    app.tick().await;
    app.expire_caches();
    for ((action, ..), before) in
        kinds.iter().zip(&before).filter(|((action, ..), _)| *action != "/api/v1/petitions/open")
    {
        assert_eq!(&comparable(&app.get(action, None).await), before, "an unconfirmed act moved a number");
    }
    let mut kinds_of_mail: Vec<String> =
        app.mail_to("new@example.org").await.into_iter().map(|mail| mail.kind).collect();
    kinds_of_mail.sort_unstable();
    kinds_of_mail.dedup();
    assert!(
        ["petition_confirm", "event_confirm", "letter_confirm"].iter().all(|k| kinds_of_mail.iter().any(|m| m == k)),
        "{kinds_of_mail:?}"
    );
    assert_eq!(app.mail_to("suppressed@example.org").await.len(), 0, "the acts differed where it matters");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn sealed_value_does_not_open_in_another_row(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let list = "/api/v1/petitions/status/signatures";
    for address in ["one@nightshade.example", "two@nightshade.example"] {
        app.post(list, Some(&token), &submitter("petition", address)).await.expect(201);
    }
    assert!(app.get(list, Some(&token)).await.text().contains("one@nightshade.example"));
    for table in ["signatures", "people"] {
        let swap = format!("UPDATE {table} t SET sealed = o.sealed FROM {table} o WHERE o.id <> t.id");
        assert_eq!(
            sqlx::query(sqlx::AssertSqlSafe(swap.clone())).execute(&app.kernel.db).await.unwrap().rows_affected(),
            2
        );
        let path = if table == "people" { "/api/v1/people" } else { list };
        let refused = app.get(path, Some(&token)).await;
        refused.problem(500, "internal", &[]);
        for typed in TYPED {
            assert!(!refused.text().contains(typed), "{}", refused.text());
        }
        sqlx::query(sqlx::AssertSqlSafe(swap)).execute(&app.kernel.db).await.unwrap();
        app.get(path, Some(&token)).await.expect(200);
    }
    let export = "/api/v1/exports/petitions/status/signatures.csv";
    sqlx::query("UPDATE signatures t SET sealed = o.sealed FROM signatures o WHERE o.id <> t.id")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    app.get(export, Some(&token)).await.problem(500, "internal", &[]);
}

/// A second process cannot open a vault any more, once what it had opened has aged.
async fn shut(app: &TestApp, other: &Kernel, vault: Uuid) {
    other.env.advance(CACHE_LIFETIME);
    assert!(other.vaults.open(vault).await.is_err(), "it opens in another process");
    assert!(app.kernel.vaults.open(vault).await.is_err(), "it opens where it was destroyed");
}

async fn vault_of(app: &TestApp, slug: &str) -> Uuid {
    sqlx::query_scalar("SELECT vault_id FROM actions WHERE slug = $1")
        .bind(slug)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn destroyed_vault_is_closed_in_every_process(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for slug in ["first", "second"] {
        app.petition(&token, json!({"muster:slug": slug, "muster:privacy": "protected"})).await;
    }
    let ring = || Keyring::open(&app.keyring_file()).unwrap();
    let other =
        Kernel::new(app.kernel.settings.clone(), app.kernel.env.clone(), app.kernel.db.clone(), Arc::new(ring()));
    let (first, second) = (vault_of(&app, "first").await, vault_of(&app, "second").await);
    for vault in [first, second] {
        other.vaults.open(vault).await.unwrap();
    }

    let mut tx = app.kernel.db.begin().await.unwrap();
    app.kernel.vaults.destroy(&mut tx, first).await.unwrap();
    tx.commit().await.unwrap();
    shut(&app, &other, first).await;
    let refused = app.post("/api/v1/petitions/first/signatures", None, &signer("a@example.org")).await;
    refused.problem(410, "action_ended", &[]);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0, "nothing falls back to plain text");

    let key: String = sqlx::query_scalar("SELECT wrapping_key FROM vaults WHERE id = $1")
        .bind(second)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    assert_eq!(key, format!("vault-{second}"));
    ring().destroy(&[key]).unwrap();
    shut(&app, &other, second).await;
    let refused = app.post("/api/v1/petitions/second/signatures", None, &signer("a@example.org")).await;
    refused.problem(503, "unavailable", &[]);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0, "nothing falls back to plain text");
}

/// Every time and every id of a row, but of what it belongs to.
fn traces(row: &Value) -> Vec<(String, i64)> {
    const BELONGS_TO: [&str; 9] = [
        "petition_id",
        "event_id",
        "letter_action_id",
        "call_action_id",
        "vault_id",
        "organization_id",
        "office_id",
        "official_id",
        "lane",
    ];
    let mut found = Vec::new();
    for (name, value) in row.as_object().unwrap() {
        let Some(text) = value.as_str().filter(|_| !BELONGS_TO.contains(&name.as_str())) else { continue };
        if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
            found.push((name.clone(), at.timestamp_millis()));
        } else if let Ok(id) = text.parse::<Uuid>() {
            let (seconds, nanos) = id.get_timestamp().unwrap_or_else(|| panic!("{name} is no v7")).to_unix();
            found.push((name.clone(), i64::try_from(seconds).unwrap() * 1000 + i64::from(nanos / 1_000_000)));
        }
    }
    found
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_rows_store_only_the_day(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    actions(&app, &token, "protected").await;
    let check = async |least: usize| {
        let mut seen = 0;
        for table in [
            "people",
            "consents",
            "signatures",
            "attendances",
            "letters",
            "outreaches",
            "calls",
            "emails",
            "idempotency_keys",
        ] {
            let rows: Vec<Value> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT to_jsonb(t) FROM {table} t")))
                    .fetch_all(&app.kernel.db)
                    .await
                    .unwrap();
            for row in rows {
                for (name, millis) in traces(&row) {
                    seen += 1;
                    assert_eq!(millis % 86_400_000, 0, "{table}.{name} tells the hour: {row}");
                }
                for clear in ["locale", "country", "region", "postal_prefix", "source"] {
                    assert!(
                        table == "consents" || row.get(clear).is_none_or(Value::is_null),
                        "{table}.{clear} is kept: {row}"
                    );
                }
            }
        }
        assert!(seen >= least, "{seen} ids and times were looked at");
    };
    for kind in KINDS {
        for stage in ["typed", "confirmed"] {
            app.post(&acts(kind, "protected"), None, &submitter(kind, &format!("{stage}@nightshade.example")))
                .await
                .expect(202);
        }
    }
    check(20).await;
    for kind in KINDS {
        let mails = app.mail_to("confirmed@nightshade.example").await;
        let mail = mails.iter().find(|mail| mail.kind == format!("{kind}_confirm")).unwrap();
        assert_eq!(app.press(&mail.links[0]).await.status, 200);
        check(20).await;
    }
    app.mail().await;
    check(20).await;
    assert_eq!(
        app.count("SELECT count(*) FROM emails WHERE state NOT IN ('queued', 'sending')").await,
        0,
        "settled mail of protected actions is gone"
    );
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE NOT protected").await, 0);
    assert!(app.count("SELECT count(*) FROM outreaches WHERE state = 'sent'").await > 0, "a letter was sent");
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn contacts_of_a_protected_action_are_never_returned_by_token(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    for privacy in ["protected", "standard"] {
        actions(&app, &token, privacy).await;
    }
    let silent = |reply: &Reply| {
        TYPED.iter().all(|typed| !reply.text().contains(typed))
            && !reply.text().contains("\"person\"")
            && !reply.text().contains("osdi:person")
    };
    for kind in KINDS {
        let path = acts(kind, "protected");
        let submitted = submitter(kind, "flutterwort@nightshade.example");
        let vouched = app.post(&path, Some(&token), &submitted).await;
        vouched.problem(403, "forbidden", &[]);
        app.post(&path, None, &submitted).await.expect(202);
        confirm(&app, "flutterwort@nightshade.example").await;
        let list = app.get(&path, Some(&token)).await;
        assert_eq!(list.expect(200)["total_records"], 1);
        assert!(silent(&list), "{}", list.text());
        let own = list.json()["_links"]
            .as_object()
            .unwrap()
            .iter()
            .find_map(|(rel, l)| rel.starts_with("osdi:").then(|| l[0]["href"].as_str().unwrap().to_owned()))
            .unwrap();
        let one = app.get(app.path_of(&own), Some(&token)).await;
        one.expect(200);
        assert!(silent(&one), "{}", one.text());
        // nor does a filter tell whether one address is among them
        let asked = format!("{path}?filter=email_address%20eq%20'flutterwort%40nightshade.example'");
        let told = app.get(&asked, Some(&token)).await;
        assert!(told.status == 400 || told.expect(200)["total_records"] == 0, "{}", told.text());
        let csv = path.replace("/api/v1/", "/api/v1/exports/") + ".csv";
        let csv = if path.contains("/phone_campaigns/") { csv.replace("/outreaches.csv", "/calls.csv") } else { csv };
        app.get(&csv, Some(&token)).await.problem(403, "forbidden", &[]);

        // the same of a standard action is there, so the silence above is not an empty list
        app.post(&acts(kind, "standard"), Some(&token), &submitter(kind, "flutterwort@nightshade.example"))
            .await
            .expect(201);
        assert!(!silent(&app.get(&acts(kind, "standard"), Some(&token)).await), "{kind}");
    }
    let attendance: Uuid = sqlx::query_scalar(
        "SELECT t.id FROM attendances t JOIN actions a ON a.id = t.event_id WHERE a.privacy = 'protected'",
    )
    .fetch_one(&app.kernel.db)
    .await
    .unwrap();
    let changed = app
        .put(
            &format!("{}/{attendance}", acts("event", "protected")),
            Some(&token),
            &json!({"muster:access_needs": "velvet ramp"}),
        )
        .await;
    assert!(changed.status == 200 && silent(&changed), "{}", changed.text());

    let people = app.get("/api/v1/people", Some(&token)).await.expect(200);
    assert_eq!(people["total_records"], 1, "only the person of the organization's own vault");
    let hidden: Vec<Uuid> =
        sqlx::query_scalar("SELECT p.id FROM people p JOIN vaults v ON v.id = p.vault_id WHERE v.kind = 'protected'")
            .fetch_all(&app.kernel.db)
            .await
            .unwrap();
    assert_eq!(hidden.len(), KINDS.len());
    for person in hidden {
        let mut body = json!({"given_name": "Mallory"});
        merge(&mut body, json!({"family_name": "Liar"}));
        app.get(&format!("/api/v1/people/{person}"), Some(&token)).await.problem(404, "not_found", &[]);
        app.put(&format!("/api/v1/people/{person}"), Some(&token), &body).await.problem(404, "not_found", &[]);
    }
}
