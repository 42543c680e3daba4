//! The keyring of several processes over one database: keys that are missing, vaults that end, rotation.

use std::{path::PathBuf, sync::Arc};

use chrono::{NaiveDate, TimeDelta};
use muster::{
    app::App,
    error::Code,
    kernel::{
        Kernel,
        keyring::{Keyring, vault_key},
        text::EmailAddress,
        vault::maintenance::Node,
    },
    mail::{Engine, Mail, Sender, Transport, global_suppression_key, suppress_globally},
    petitions::{CONFIRM_SIGNATURE, MANAGE_SIGNATURE},
    worker,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    harness::{TestApp, signer},
    process::until,
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

/// Another host's copy of the root file, without vault keys unless they are copied too.
fn copy_of_root(app: &TestApp, name: &str) -> PathBuf {
    let folder = app.keyring_file().with_file_name(name);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("keyring.json");
    std::fs::copy(app.keyring_file(), &file).unwrap();
    file
}

/// Another process over the same database, with the key files at this place.
fn process_with(app: &TestApp, file: &std::path::Path) -> Arc<Kernel> {
    let keyring = Keyring::open(file).unwrap();
    Kernel::new(app.kernel.settings.clone(), app.kernel.env.clone(), app.kernel.db.clone(), Arc::new(keyring))
}

fn vault_keys(app: &TestApp) -> Vec<String> {
    let file = std::fs::read(app.keyring_file().with_file_name("vault-keys.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    file["keys"].as_object().unwrap().keys().cloned().collect()
}

async fn protected_vault(app: &TestApp) -> Uuid {
    sqlx::query_scalar("SELECT id FROM vaults WHERE kind = 'protected'").fetch_one(&app.kernel.db).await.unwrap()
}

fn node(name: &str) -> Node {
    Node { name: name.to_owned(), role: "web" }
}

/// A database restored from a copy that was made before a vault ended.
async fn restore(app: &TestApp, vault: Uuid, wrapped: &[u8]) {
    sqlx::query("UPDATE vaults SET wrapping_key = $2, wrapped_keys = $3, destroyed_at = NULL WHERE id = $1")
        .bind(vault)
        .bind(vault_key(vault))
        .bind(wrapped)
        .execute(&app.kernel.db)
        .await
        .unwrap();
}

async fn wrapped(app: &TestApp, vault: Uuid) -> Vec<u8> {
    sqlx::query_scalar("SELECT wrapped_keys FROM vaults WHERE id = $1")
        .bind(vault)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mail_waits_while_the_key_is_not_here_and_none_is_lost(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for n in 0..20 {
        app.post(SIGN, None, &signer(&format!("a{n}@example.org"))).await.expect(202);
    }
    // a host whose file was replaced by one that lacks the key: believed at once
    let file = copy_of_root(&app, "behind");
    let whole = std::fs::read_to_string(&file).unwrap();
    let without = whole.replace("root-1", "root-9");
    std::fs::write(&file, &without).unwrap();
    let kernel = process_with(&app, &file);
    let house = App::new(kernel.clone());
    let engine = Engine::new(kernel.clone(), house.mail_kinds()).unwrap();
    engine.drain().await.unwrap();
    let states: Vec<(String, i16)> = sqlx::query_as("SELECT state, max(attempts) FROM emails GROUP BY state")
        .fetch_all(&app.kernel.db)
        .await
        .unwrap();
    assert_eq!(states.iter().map(|(state, _)| state.as_str()).collect::<Vec<_>>(), ["queued"]);
    let own: Uuid = sqlx::query_scalar("SELECT id FROM vaults").fetch_one(&app.kernel.db).await.unwrap();
    assert_eq!(kernel.vaults.open(own).await.unwrap_err().code(), Code::Unavailable);

    std::fs::write(&file, &whole).unwrap();
    // what was just answered to one is answered to others for a moment
    until("the key", async || kernel.vaults.open(own).await.ok()).await;
    app.kernel.env.advance(TimeDelta::hours(2));
    engine.drain().await.unwrap();
    let Transport::Mailbox(mailbox) = engine.transport() else { panic!("no mailbox") };
    assert_eq!(mailbox.list().await.unwrap().len(), 20);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_restored_copy_and_the_root_keys_open_no_vault_that_has_ended(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let last_day = app.kernel.env.now().date_naive() + TimeDelta::days(40);
    app.petition(&token, json!({"muster:privacy": "protected", "muster:destroy_after": last_day.to_string()})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    let vault = protected_vault(&app).await;
    let own: Uuid = sqlx::query_scalar("SELECT id FROM vaults WHERE kind = 'organization'")
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    let (copied, backup) = (copy_of_root(&app, "off-the-machine"), wrapped(&app, vault).await);
    assert_eq!(vault_keys(&app), [vault_key(vault)]);
    process_with(&app, &app.keyring_file()).vaults.open(vault).await.unwrap();
    // the root keys alone never open it, before its end and after
    let elsewhere = process_with(&app, &copied).vaults.open(vault).await.unwrap_err();
    assert_eq!(elsewhere.code(), Code::Unavailable);

    // an assembly on the evening of the last day keeps its list, wherever it is held
    let noon = last_day.succ_opt().unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc();
    app.kernel.env.advance(noon - TimeDelta::minutes(5) - app.kernel.env.now());
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(vault_keys(&app), [vault_key(vault)]);
    process_with(&app, &app.keyring_file()).vaults.open(vault).await.unwrap();
    app.kernel.env.advance(TimeDelta::minutes(10));
    // a process of any role does it, with a worker or without
    let web = process_with(&app, &app.keyring_file());
    web.vaults.check_in(&node("host/web")).await.unwrap();
    assert!(vault_keys(&app).is_empty());
    assert_eq!(web.vaults.open(vault).await.unwrap_err().code(), Code::ActionEnded);

    restore(&app, vault, &backup).await;
    for file in [&copied, &app.keyring_file()] {
        let process = process_with(&app, file);
        process.vaults.open(vault).await.unwrap_err();
        process.vaults.open(own).await.unwrap();
    }
    // and the restored database learns that the vault has ended
    process_with(&app, &app.keyring_file()).vaults.check_in(&node("host/new")).await.unwrap();
    assert_eq!(web.vaults.open(vault).await.unwrap_err().code(), Code::ActionEnded);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn ending_one_action_at_once_reaches_every_backup_and_no_other_action(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for slug in ["first", "second"] {
        app.petition(&token, json!({"muster:slug": slug, "muster:privacy": "protected"})).await;
    }
    let of = async |slug: &str| -> Uuid {
        let sql = "SELECT vault_id FROM actions WHERE slug = $1";
        sqlx::query_scalar(sql).bind(slug).fetch_one(&app.kernel.db).await.unwrap()
    };
    let (first, second) = (of("first").await, of("second").await);
    let backup = wrapped(&app, first).await;
    let mut tx = app.kernel.db.begin().await.unwrap();
    app.kernel.vaults.destroy(&mut tx, first).await.unwrap();
    // not before it is certain
    app.kernel.vaults.prune().await.unwrap();
    assert_eq!(vault_keys(&app).len(), 2);
    tx.commit().await.unwrap();
    assert_eq!(app.kernel.vaults.prune().await.unwrap(), [vault_key(first)]);
    assert_eq!(vault_keys(&app), [vault_key(second)]);
    restore(&app, first, &backup).await;
    let later = process_with(&app, &app.keyring_file());
    later.vaults.open(first).await.unwrap_err();
    later.vaults.open(second).await.unwrap();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_key_of_an_action_that_was_never_made_goes_after_a_day(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let mut body = json!({"muster:privacy": "protected"});
    app.petition(&token, body.clone()).await;
    body["title"] = json!("Twice");
    body["muster:slug"] = json!("status");
    app.post("/api/v1/petitions", Some(&token), &body).await.problem(422, "validation_failed", &["/muster:slug"]);
    let vault = protected_vault(&app).await;
    assert_eq!(vault_keys(&app).len(), 2, "the key was on disk before the row");
    // another database over the same files takes neither key for its own
    let file: Value =
        serde_json::from_slice(&std::fs::read(app.keyring_file().with_file_name("vault-keys.json")).unwrap()).unwrap();
    assert_eq!(file["database"].as_object().unwrap().len(), 2);
    worker::run_maintenance(&app.app).await.unwrap();
    app.kernel.env.advance(TimeDelta::hours(23));
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(vault_keys(&app).len(), 2);
    app.kernel.env.advance(TimeDelta::hours(2));
    sqlx::query("UPDATE keyring_database SET id = gen_random_uuid()").execute(&app.kernel.db).await.unwrap();
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(vault_keys(&app).len(), 2, "a database that did not make them leaves them alone");
    let own: Uuid = file["database"][vault_key(vault)].as_str().unwrap().split('/').next().unwrap().parse().unwrap();
    sqlx::query("UPDATE keyring_database SET id = $1").bind(own).execute(&app.kernel.db).await.unwrap();
    worker::run_maintenance(&app.app).await.unwrap();
    app.kernel.env.advance(TimeDelta::hours(25));
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(vault_keys(&app), [vault_key(vault)]);
    process_with(&app, &app.keyring_file()).vaults.open(vault).await.unwrap();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn activation_is_refused_while_a_process_has_not_the_new_keys(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    let vaults = &app.kernel.vaults;
    let copy = copy_of_root(&app, "other");
    std::fs::copy(app.keyring_file().with_file_name("vault-keys.json"), copy.with_file_name("vault-keys.json"))
        .unwrap();
    let other = process_with(&app, &copy);
    vaults.check_in(&node("here/1")).await.unwrap();
    other.vaults.check_in(&node("other/1")).await.unwrap();
    let root = app.keyring_file();

    assert_eq!(vaults.rotate().await.unwrap(), 2);
    vaults.check_in(&node("here/1")).await.unwrap();
    let refused = vaults.activate().await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
    assert!(refused.to_string().contains("other/1") && !refused.to_string().contains("here/1"), "{refused}");
    assert_eq!(app.count("SELECT count(*) FROM vaults WHERE wrapping_key = 'root-1'").await, 1, "nothing was changed");

    // another key under the same name is not the new key
    other.vaults.rotate().await.unwrap();
    other.vaults.check_in(&node("other/1")).await.unwrap();
    assert_eq!(vaults.activate().await.unwrap_err().code(), Code::Conflict);
    std::fs::copy(&root, other.vaults.keyring().paths()[0]).unwrap();
    other.vaults.check_in(&node("other/1")).await.unwrap();
    // one that was not seen for ten minutes does not count
    let gone = "INSERT INTO keyring_nodes (node, role, keys, seen_at) VALUES ('gone/1', 'web', '{}', now() - interval '11 minutes')";
    sqlx::query(gone).execute(&app.kernel.db).await.unwrap();
    let done = vaults.activate().await.unwrap();
    assert_eq!((done.generation, done.vaults), (2, 1));
    assert_eq!(app.count("SELECT count(*) FROM vaults WHERE wrapping_key = 'root-2'").await, 1);
    let own: Uuid = sqlx::query_scalar("SELECT id FROM vaults").fetch_one(&app.kernel.db).await.unwrap();
    other.vaults.open(own).await.unwrap();
    assert_eq!(vaults.activate().await.unwrap_err().code(), Code::Conflict, "once is enough");

    // new organizations are wrapped with it in every process, and an old copy of the file is found out
    let mut tx = app.kernel.db.begin().await.unwrap();
    let second = app.kernel.env.id();
    sqlx::query("INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, 'B', 'b', now())")
        .bind(second)
        .execute(&mut *tx)
        .await
        .unwrap();
    let made = other.vaults.create_for_organization(&mut tx, second).await.unwrap();
    let by: String = sqlx::query_scalar("SELECT wrapping_key FROM vaults WHERE id = $1")
        .bind(made)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(by, "root-2");
    tx.rollback().await.unwrap();
    let whole = std::fs::read_to_string(&root).unwrap();
    let mut old: Value = serde_json::from_str(&whole).unwrap();
    old["keys"].as_object_mut().unwrap().retain(|name, _| name.ends_with("-1"));
    std::fs::write(&root, old.to_string()).unwrap();
    let refused = vaults.rotate().await.unwrap_err();
    assert!(refused.code() == Code::Unavailable && refused.to_string().contains("root-2"), "{refused}");
    assert!(vaults.check().await.unwrap().iter().any(|fault| fault.contains("`root-2`: 1 vault(s) need it")));
    std::fs::write(&root, whole).unwrap();
    assert_eq!(vaults.rotate().await.unwrap(), 3);
}

fn link(mails: &[Mail]) -> &str {
    &mails[0].links[0]
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_was_made_before_a_rotation_holds_after_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for address in ["amara@example.org", "bo@example.org"] {
        app.post(SIGN, None, &signer(address)).await.expect(202);
    }
    let (amara, bo) = (app.mail_to("amara@example.org").await, app.mail_to("bo@example.org").await);
    app.press(link(&bo)).await;
    let sender = Sender::of(&app.kernel);
    let email: Uuid =
        sqlx::query_scalar("SELECT id FROM emails ORDER BY id LIMIT 1").fetch_one(&app.kernel.db).await.unwrap();
    let (message_id, returns) = (sender.message_id(email), sender.return_token(email));
    let never = EmailAddress::parse("never@example.org").unwrap();
    let mut conn = app.kernel.db.acquire().await.unwrap();
    suppress_globally(&mut conn, &app.kernel, &never, false).await.unwrap();
    let before = global_suppression_key(&app.kernel, &never);
    let keyed = async |key: &str, address: &str| {
        let headers = [("idempotency-key", key)];
        app.request(axum::http::Method::POST, SIGN, Some(&token), &headers, Some(&signer(address))).await
    };
    let first = keyed("k1", "cem@example.org").await;
    first.expect(201);
    let row = app.kernel.env.id();
    let old_url = app.kernel.links.url(MANAGE_SIGNATURE, row, 0);
    let old_code = app.kernel.links.code(CONFIRM_SIGNATURE, row, 0);

    app.kernel.vaults.rotate().await.unwrap();
    app.kernel.vaults.activate().await.unwrap();
    app.kernel.env.advance(TimeDelta::minutes(2));

    // links and codes
    assert_ne!(app.kernel.links.url(MANAGE_SIGNATURE, row, 0), old_url, "new links carry the new key");
    let token_of = |url: &str| app.kernel.links.parse(url.rsplit('/').next().unwrap()).unwrap();
    token_of(&old_url).check(0).unwrap();
    token_of(&old_url).check(1).unwrap_err();
    assert!(app.kernel.links.is_code(&old_code, CONFIRM_SIGNATURE, row, 0));
    assert_eq!(app.press(link(&amara)).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 3);
    app.post(SIGN, None, &signer("dee@example.org")).await.expect(202);
    assert_eq!(app.press(link(&app.mail_to("dee@example.org").await)).await.status, 200, "one made with the new key");

    // idempotency keys
    let again = keyed("k1", "cem@example.org").await;
    assert_eq!((again.status, again.id()), (first.status, first.id()));
    keyed("k1", "other@example.org").await.problem(422, "idempotency_mismatch", &[]);
    keyed("k2", "eve@example.org").await.expect(201);
    keyed("k2", "eve@example.org").await.expect(201);
    assert_eq!(app.count("SELECT count(*) FROM idempotency_keys").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 5);

    // mails that are tried again, or come back
    assert_eq!((sender.message_id(email), sender.return_token(email)), (message_id, returns.clone()));
    assert_eq!(sender.of_return_token(&returns), Some(email));
    let new = app.kernel.env.id();
    assert_eq!(sender.of_return_token(&sender.return_token(new)), Some(new));

    // suppressions
    app.post(SIGN, None, &signer("never@example.org")).await.expect(202);
    assert!(app.mail_to("never@example.org").await.is_empty());
    assert_ne!(global_suppression_key(&app.kernel, &never), before);
    suppress_globally(&mut conn, &app.kernel, &never, false).await.unwrap();
    let indexes: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT address_index FROM suppressions").fetch_all(&app.kernel.db).await.unwrap();
    assert_eq!(indexes, [global_suppression_key(&app.kernel, &never)], "under the new key once it was touched");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn forms_and_challenges_from_before_a_rotation_are_taken(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__GUARD__FREE_PER_MINUTE", "1")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post(SIGN, None, &signer("a@example.org")).await.expect(202);
    let challenge = app.post(SIGN, None, &signer("b@example.org")).await.expect(428)["muster:challenge"].clone();
    let page = app.get("/console/sign-in", None).await;
    let cookie = page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = page.text().split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    app.kernel.vaults.rotate().await.unwrap();
    app.kernel.vaults.activate().await.unwrap();
    app.kernel.env.advance(TimeDelta::seconds(90));

    let fields = [("email", "alliance@staff.example.org"), ("password", "a long password"), ("csrf", csrf.as_str())];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = axum::http::Request::post("/console/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", &cookie);
    let signed_in = app.send(request.body(axum::body::Body::from(body)).unwrap()).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());

    let mut body = signer("b@example.org");
    body["muster:challenge"] = challenge["wait_ticket"].clone();
    app.post(SIGN, None, &signer("c@example.org")).await.expect(202);
    app.post(SIGN, None, &body).await.expect(202);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn any_future_day_may_end_an_action(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__RETENTION__PROTECTED_MONTHS", "48")]).await;
    let token = app.owner().await;
    // an assembly that is held in six years
    let far = NaiveDate::from_ymd_opt(2032, 9, 1).unwrap();
    let body = json!({"title": "Assembly", "muster:slug": "far", "muster:privacy": "protected", "start_date": "2032-06-01 18:00:00",
        "timezone_identifier": "America/Toronto", "muster:destroy_after": far.to_string()});
    app.post("/api/v1/events", Some(&token), &body).await.expect(201);
    let vault = protected_vault(&app).await;
    assert_eq!(vault_keys(&app), [vault_key(vault)]);
    app.kernel.vaults.open(vault).await.unwrap();
}
