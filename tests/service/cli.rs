//! Every verb of the command line changes something, and here it is seen to.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use axum::http::header;
use muster::{
    config::Settings,
    error::Code,
    kernel::{Kernel, env::Env, keyring::Keyring},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    harness::signer,
    process::{Installation, Server, exchange, until},
    smtp_sink::{Behaviour, SmtpSink},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn tables(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetch_one(pool).await.unwrap()
}

fn keys(house: &Installation) -> BTreeMap<String, String> {
    let file: Value = serde_json::from_slice(&std::fs::read(house.path("keys/keyring.json")).unwrap()).unwrap();
    serde_json::from_value(file["keys"].clone()).unwrap()
}

fn write_keys(house: &Installation, keys: &BTreeMap<String, String>) {
    std::fs::write(house.path("keys/keyring.json"), json!({"format": 2, "keys": keys}).to_string()).unwrap();
}

/// The names in the file of vault keys.
fn vault_keys(house: &Installation) -> Vec<String> {
    let file: Value = serde_json::from_slice(&std::fs::read(house.path("keys/vault-keys.json")).unwrap()).unwrap();
    file["keys"].as_object().unwrap().keys().cloned().collect()
}

/// The tools of a process that starts now on this installation.
fn kernel(house: &Installation, pool: &PgPool) -> Arc<Kernel> {
    let settings = Settings::read("development", house.environment()).unwrap();
    let keyring = Keyring::open(&settings.keyring.file).unwrap();
    Kernel::new(settings, Env::system(), pool.clone(), Arc::new(keyring))
}

async fn given_name(server: &Server, token: &str) -> Value {
    let list = server.get(SIGN, Some(token)).await.expect(200);
    list["_embedded"]["osdi:signatures"][0]["person"]["given_name"].clone()
}

#[sqlx::test(migrations = false)]
async fn migrate_makes_the_tables_and_a_second_run_changes_nothing(pool: PgPool) {
    // a test's database is a copy of template1, which may have the tables (scripts/test.sh)
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").execute(&pool).await.unwrap();
    assert_eq!(tables(&pool).await, 0);
    let house = Installation::new(&pool);
    house.run(&["migrate"]).await.ok();
    let made = tables(&pool).await;
    assert!(made > 20, "{made} tables");
    house.run(&["migrate"]).await.ok();
    assert_eq!(tables(&pool).await, made);
    let applied: i64 =
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success").fetch_one(&pool).await.unwrap();
    assert_eq!(applied, i64::try_from(muster::MIGRATOR.iter().count()).unwrap());
}

#[tokio::test]
async fn migrate_without_a_server_says_so_and_fails() {
    let house = Installation::bare().with("DATABASE_URL", "postgres://nobody:secretword@127.0.0.1:1/none");
    let ran = house.run(&["migrate"]).await;
    ran.refused(&["muster: database.url:"]);
    house.run(&["serve"]).await.refused(&["muster: database.url:"]);
    assert!(!ran.stderr.contains("secretword"), "{}", ran.stderr);
}

#[tokio::test]
async fn keyring_init_makes_private_files_and_never_overwrites_them() {
    let house = Installation::bare().with("MUSTER_PROFILE", "test");
    house.run(&["keyring", "init"]).await.ok();
    let file = house.path("keys/keyring.json");
    for name in ["keys/keyring.json", "keys/vault-keys.json"] {
        assert_eq!(std::fs::metadata(house.path(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let keys = keys(&house);
    assert!(keys.contains_key("root-1") && keys.contains_key("links-1"), "{:?}", keys.keys());
    assert!(vault_keys(&house).is_empty());
    let before = std::fs::read(&file).unwrap();
    house.run(&["keyring", "init"]).await.refused(&["exists already"]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert!(!Path::new(&house.path("var/postgres")).exists(), "a key needs no database");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn keyring_rotate_and_activate_wrap_with_a_new_key_and_everything_still_opens(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({})).await;
    server.post(SIGN, Some(&token), &signer("amara@example.org")).await.expect(201);
    // a host on which somebody made new keys instead of copying these
    Installation::new(&pool).run(&["serve"]).await.refused(&["keyring.file", "is not the one"]);
    house.run(&["keyring", "activate"]).await.refused(&["Generation 1 writes already"]);
    let ran = house.run(&["keyring", "rotate"]).await;
    ran.ok();
    assert!(ran.stderr.contains("root-2, links-2, requests-2, suppressions-2"), "{}", ran.stderr);
    let wrapped = async || -> Vec<String> {
        sqlx::query_scalar("SELECT DISTINCT wrapping_key FROM vaults WHERE kind = 'organization'")
            .fetch_all(&pool)
            .await
            .unwrap()
    };
    assert_eq!(wrapped().await, ["root-1"], "not used yet");
    let status = house.run(&["keyring", "status"]).await.ok().to_owned();
    assert!(
        status.contains("root-1") && status.contains("wraps 1 vault(s)") && status.contains("not used yet"),
        "{status}"
    );
    // the running server notices the file by itself
    until("a server that has the new keys", async || {
        (house.run(&["keyring", "activate"]).await.code == Some(0)).then_some(())
    })
    .await;
    assert_eq!(wrapped().await, ["root-2"]);
    // once its opened vault has aged, it opens with the new key or not at all
    let mut left = keys(&house);
    assert!(left.remove("root-1").is_some() && left.contains_key("root-2"));
    write_keys(&house, &left);
    // opened vaults are used for two seconds: no answer before or after that moment fails
    let aged = Env::system().instant() + Duration::from_millis(2100);
    while Env::system().instant() < aged {
        assert_eq!(given_name(&server, &token).await, "Amara");
    }
    server.stop().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    assert_eq!(given_name(&server, &token).await, "Amara");
    assert_eq!(std::fs::metadata(house.path("keys/keyring.json")).unwrap().permissions().mode() & 0o777, 0o600);
    server.stop().await;
    let nodes: i64 = sqlx::query_scalar("SELECT count(*) FROM keyring_nodes").fetch_one(&pool).await.unwrap();
    assert_eq!(nodes, 0, "a process that stops does not count any more");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn keyring_prune_ends_a_protected_vault_whose_day_has_passed_in_every_backup(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({"muster:privacy": "protected"})).await;
    server.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    server.stop().await;

    let (vault, name): (Uuid, String) =
        sqlx::query_as("SELECT id, wrapping_key FROM vaults WHERE kind = 'protected'").fetch_one(&pool).await.unwrap();
    assert_eq!((&name, vault_keys(&house)), (&format!("vault-{vault}"), vec![name.clone()]));
    assert!(!keys(&house).contains_key(&name), "not in the file that is copied into backups");
    let backup: Vec<u8> =
        sqlx::query_scalar("SELECT wrapped_keys FROM vaults WHERE id = $1").bind(vault).fetch_one(&pool).await.unwrap();
    let (signature, sealed): (Uuid, Vec<u8>) =
        sqlx::query_as("SELECT id, sealed FROM signatures").fetch_one(&pool).await.unwrap();
    let opened = kernel(&house, &pool).vaults.open(vault).await.unwrap();
    let typed: Value = opened.open("signatures", signature, &sealed).unwrap();
    assert!(typed.to_string().contains("amara@example.org"), "until then it opens");

    // shortening one action is enough: the others of the same month keep their keys
    sqlx::query("UPDATE vaults SET destroy_after = '2025-01-31' WHERE id = $1")
        .bind(vault)
        .execute(&pool)
        .await
        .unwrap();
    let ran = house.run(&["keyring", "prune"]).await;
    ran.ok();
    assert!(ran.stderr.contains("Destroyed 1") && ran.stderr.contains(&name), "{}", ran.stderr);
    assert!(vault_keys(&house).is_empty());
    let gone: bool =
        sqlx::query_scalar("SELECT wrapped_keys IS NULL AND destroyed_at IS NOT NULL FROM vaults WHERE id = $1")
            .bind(vault)
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(gone);
    assert_eq!(kernel(&house, &pool).vaults.open(vault).await.unwrap_err().code(), Code::ActionEnded);
    let restore = "UPDATE vaults SET wrapping_key = $3, wrapped_keys = $2, destroyed_at = NULL WHERE id = $1";
    sqlx::query(restore).bind(vault).bind(&backup).bind(&name).execute(&pool).await.unwrap();
    kernel(&house, &pool).vaults.open(vault).await.unwrap_err();

    let own: Uuid =
        sqlx::query_scalar("SELECT id FROM vaults WHERE kind = 'organization'").fetch_one(&pool).await.unwrap();
    kernel(&house, &pool).vaults.open(own).await.unwrap();
    let again = house.run(&["keyring", "retire"]).await;
    again.ok();
    assert!(again.stderr.contains("Destroyed 0"), "{}", again.stderr);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn keyring_check_says_what_is_wrong_and_fails(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({"muster:privacy": "protected"})).await;
    until("a process that has seen the new key", async || {
        (house.run(&["keyring", "check"]).await.code == Some(0)).then_some(())
    })
    .await;
    server.stop().await;
    let name = vault_keys(&house).remove(0);
    let (root, vault) = (house.path("keys/keyring.json"), house.path("keys/vault-keys.json"));
    let whole = std::fs::read(&vault).unwrap();

    std::fs::write(&vault, json!({"format": 2, "keys": {}}).to_string()).unwrap();
    house.run(&["keyring", "check"]).await.refused(&[&format!("key `{name}`: 1 vault(s) need it")]);
    let status = house.run(&["keyring", "status"]).await.ok().to_owned();
    assert!(status.contains(&format!("Not on this host: {name}")), "{status}");

    // the file that was saved elsewhere brings the key back, and nothing that was destroyed
    let saved = house.path("saved.json");
    std::fs::write(&saved, &whole).unwrap();
    let imported = house.run(&["keyring", "import", &saved]).await;
    imported.ok();
    assert!(imported.stderr.contains("Took over 1") && vault_keys(&house) == [name.clone()], "{}", imported.stderr);
    house.run(&["keyring", "check"]).await.ok();
    sqlx::query(
        "UPDATE vaults SET wrapping_key = NULL, wrapped_keys = NULL, destroyed_at = now() WHERE kind = 'protected'",
    )
    .execute(&pool)
    .await
    .unwrap();
    house.run(&["keyring", "check"]).await.refused(&["destroyed", &name, "muster keyring prune"]);
    house.run(&["keyring", "prune"]).await.ok();
    house.run(&["keyring", "check"]).await.ok();
    let imported = house.run(&["keyring", "import", &saved]).await;
    assert!(imported.code == Some(0) && vault_keys(&house).is_empty(), "it stays destroyed: {}", imported.stderr);

    // a process that has another key by the same name, or lacks one
    let node = "INSERT INTO keyring_nodes (node, role, keys, seen_at) VALUES ('other/1', 'web', $1, now())";
    sqlx::query(node).bind(["root-1:0000000000000000"]).execute(&pool).await.unwrap();
    let check = house.run(&["keyring", "check"]).await;
    check.refused(&["other/1 (web): lacks keys of this host: links-1", "other keys under the same names: root-1"]);
    sqlx::query("UPDATE keyring_nodes SET seen_at = now() - interval '11 minutes'").execute(&pool).await.unwrap();
    house.run(&["keyring", "check"]).await.ok();

    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o640)).unwrap();
    house.run(&["keyring", "check"]).await.refused(&["keyring.file", "640"]);
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o604)).unwrap();
    house.run(&["keyring", "check"]).await.refused(&["keyring.vault_keys_file", "604"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn vault_destroy_and_panic_end_actions_at_once(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    for (slug, privacy) in
        [("first", "protected"), ("second", "protected"), ("third", "protected"), ("plain", "standard")]
    {
        server.petition(&token, json!({"muster:slug": slug, "muster:privacy": privacy})).await;
    }
    server.stop().await;
    assert_eq!(vault_keys(&house).len(), 3);
    // nobody types the slug
    house.run(&["vault", "destroy", "--action", "first"]).await.refused(&["nothing was done"]);
    house.run(&["panic"]).await.refused(&["nothing was done"]);
    house.run(&["vault", "destroy", "--action", "nonsense", "--yes"]).await.refused(&["there is no action"]);
    house.run(&["panic", "--organization", "nonsense", "--yes"]).await.refused(&["there is no organization"]);
    assert_eq!(vault_keys(&house).len(), 3);

    house.run(&["vault", "destroy", "--action", "/p/first", "--yes"]).await.ok();
    assert_eq!(vault_keys(&house).len(), 2);
    let again = house.run(&["vault", "destroy", "--action", "first", "--yes"]).await;
    again.ok();
    assert!(again.stderr.contains("had ended before"), "{}", again.stderr);
    let all = house.run(&["panic", "--yes"]).await;
    all.ok();
    assert!(all.stderr.contains("Ended 2 action(s)"), "{}", all.stderr);
    assert!(vault_keys(&house).is_empty());
    let left: Vec<String> =
        sqlx::query_scalar("SELECT slug FROM actions WHERE state <> 'ended'").fetch_all(&pool).await.unwrap();
    assert_eq!(left, ["plain"]);
    let audited: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_entries WHERE verb = 'petition.destroy'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(audited, 3);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn keyring_commands_that_run_at_once_lose_no_key(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    for slug in ["first", "second"] {
        server.petition(&token, json!({"muster:slug": slug, "muster:privacy": "protected"})).await;
    }
    sqlx::query(
        "UPDATE vaults SET destroy_after = '2025-01-31' WHERE id = (SELECT vault_id FROM actions WHERE slug = 'first')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let run = async |verb| house.run(&["keyring", verb]).await;
    let third = json!({"muster:slug": "third", "muster:privacy": "protected"});
    let (a, b, c, d, _) =
        tokio::join!(run("rotate"), run("prune"), run("rotate"), run("prune"), server.petition(&token, third));
    for ran in [a, b, c, d] {
        ran.ok();
    }
    let names = keys(&house);
    assert!(
        ["root-1", "root-2", "root-3", "links-3"].iter().all(|name| names.contains_key(*name)),
        "{:?}",
        names.keys()
    );
    let live: Vec<String> = sqlx::query_scalar(
        "SELECT wrapping_key FROM vaults WHERE kind = 'protected' AND destroyed_at IS NULL ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!((live.len(), vault_keys(&house)), (2, live));
    server.stop().await;
}

fn add<'a>(email: &'a str, role: &'a str) -> [&'a str; 9] {
    ["organizer", "add", "--email", email, "--name", "Olu Owner", "--role", role, "--password-stdin"]
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn organizer_add_makes_the_organization_and_lets_its_owner_sign_in(pool: PgPool) {
    let house = Installation::new(&pool);
    house.run_with(&add("olu@example.org", "owner"), "correct horse\n").await.ok();
    let rows: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM organizations), (SELECT count(*) FROM vaults WHERE kind = 'organization')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(rows, (1, 1), "the first one makes the organization and its vault");
    house.run_with(&add("vera@example.org", "viewer"), "another horse\n").await.ok();
    let organizations: i64 = sqlx::query_scalar("SELECT count(*) FROM organizations").fetch_one(&pool).await.unwrap();
    assert_eq!(organizations, 1, "the second one joins it");

    let server = house.serve(&["serve", "--role", "web"]).await;
    let sign_in = async |password: &str| {
        let page = server.get("/console/sign-in", None).await;
        let cookie = page.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let csrf = page
            .text()
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap()
            .to_owned();
        server
            .form(
                "/console/sign-in",
                &[("cookie", &cookie)],
                &[("email", "olu@example.org"), ("password", password), ("csrf", &csrf)],
            )
            .await
    };
    assert_eq!(sign_in("correct horse\n").await.status, 401, "the line's end is not part of the password");
    let signed_in = sign_in("correct horse").await;
    assert_eq!(
        (signed_in.status.as_u16(), &signed_in.headers[header::LOCATION]),
        (303, &header::HeaderValue::from_static("/console"))
    );
    let session = signed_in.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let console = exchange(server.http, "GET", "/console", &[("cookie", &session)], b"").await.unwrap();
    assert_eq!(console.status, 200);
    assert!(console.text().contains("Olu Owner"));
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn organizer_add_says_what_is_wrong(pool: PgPool) {
    let house = Installation::new(&pool);
    house.run_with(&add("olu@example.org", "owner"), "short\n").await.refused(&["at least 12 characters"]);
    house.run_with(&add("nobody", "owner"), "correct horse\n").await.refused(&["email"]);
    house.run_with(&add("olu@example.org", "owner"), "").await.refused(&["at least 12 characters"]);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM organizations").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0, "a refused owner leaves nothing behind");
    let usage = house.run_with(&add("olu@example.org", "boss"), "correct horse\n").await;
    assert_eq!(usage.code, Some(2), "a command line that is not understood");
    assert!(
        ["boss", "owner", "organizer", "host", "viewer"].iter().all(|word| usage.stderr.contains(word)),
        "{}",
        usage.stderr
    );
    house.run_with(&add("olu@example.org", "owner"), "correct horse\n").await.ok();
    house.run_with(&add("OLU@example.org", "viewer"), "correct horse\n").await.refused(&["exists already"]);
    let no_password = house.run(&add("new@example.org", "viewer")[..8]).await;
    no_password.refused(&["--password-stdin"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn token_add_prints_the_token_and_nothing_else(pool: PgPool) {
    let house = Installation::new(&pool);
    house.run_with(&add("olu@example.org", "owner"), "correct horse\n").await.ok();
    house.run_with(&add("vera@example.org", "viewer"), "correct horse\n").await.ok();
    let token = async |organizer: &str, scopes: &str| {
        house.run(&["token", "add", "--organizer", organizer, "--name", "CRM", "--scopes", scopes]).await
    };
    let ran = token("olu@example.org", "actions:read,actions:write").await;
    let printed = ran.ok();
    let value = printed.strip_suffix('\n').unwrap();
    assert!(
        value.starts_with("mstr_") && value.len() > 40 && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "{printed:?}"
    );
    assert!(!ran.stderr.contains(value));

    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(value, json!({})).await;
    server.get("/api/v1/people", Some(value)).await.problem(403, "forbidden", &[]);
    server.get("/api/v1/people", None).await.problem(401, "unauthorized", &[]);
    server.get("/api/v1/petitions", Some("mstr_nonsense")).await.problem(401, "unauthorized", &[]);
    let all = token("olu@example.org", "all").await.ok().trim().to_owned();
    server.get("/api/v1/people", Some(&all)).await.expect(200);
    server.stop().await;

    token("olu@example.org", "everything").await.refused(&["everything", "actions:read"]);
    token("vera@example.org", "letters:golive").await.refused(&["viewer", "letters:golive"]);
    token("nobody@example.org", "all").await.refused(&["no organizer"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_was_given_is_listed_and_taken_back(pool: PgPool) {
    let house = Installation::new(&pool);
    house.run_with(&add("olu@example.org", "owner"), "correct horse\n").await.ok();
    let token_add = async |more: &[&str]| {
        let given = ["token", "add", "--organizer", "olu@example.org", "--name", "CRM", "--scopes", "all"];
        house.run(&[&given[..], more].concat()).await
    };
    let usual = token_add(&[]).await.ok().trim().to_owned();
    let days: Option<i32> = sqlx::query_scalar("SELECT (expires_at::date - created_at::date) FROM api_tokens")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(days, Some(90));
    token_add(&["--expires", "yesterday"]).await.refused(&["--expires", "never"]);
    let lasting = token_add(&["--expires", "never"]).await.ok().trim().to_owned();
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.get("/api/v1/people", Some(&lasting)).await.expect(200);
    let listed = house.run(&["token", "list"]).await;
    let list = listed.ok();
    assert_eq!((list.lines().count(), list.matches("valid").count()), (2, 2), "{list}");
    assert!(list.contains("ends never") && list.contains("last used never") && !list.contains("mstr_"), "{list}");
    let id = list.lines().find(|line| line.contains("ends never")).unwrap().split('\t').next().unwrap().to_owned();
    house.run(&["token", "revoke", &id]).await.ok();
    assert!(house.run(&["token", "list", "--organizer", "OLU@example.org"]).await.ok().contains("revoked"));
    until("the revoked token is refused", async || {
        (server.get("/api/v1/people", Some(&lasting)).await.status == 401).then_some(())
    })
    .await;

    house.run(&["organizer", "role", "--email", "olu@example.org", "--role", "viewer"]).await.ok();
    house.run(&["organizer", "operator", "--email", "olu@example.org"]).await.ok();
    assert!(house.run(&["organizer", "list"]).await.ok().contains("olu@example.org\tOlu Owner\tviewer, operator"));
    until("the role counts", async || (server.get("/api/v1/people", Some(&usual)).await.status == 403).then_some(()))
        .await;
    house
        .run_with(&["organizer", "password", "--email", "olu@example.org", "--password-stdin"], "short\n")
        .await
        .refused(&["12"]);
    house
        .run_with(&["organizer", "password", "--email", "olu@example.org", "--password-stdin"], "battery staple\n")
        .await
        .ok();
    assert_eq!(house.run(&["organizer", "sessions", "--email", "olu@example.org"]).await.ok(), "");
    house
        .run(&["organizer", "sessions", "--email", "olu@example.org", "--end", "abc"])
        .await
        .refused(&["no such session"]);
    house.run(&["organizer", "sessions", "--email", "olu@example.org", "--end-all"]).await.ok();
    house.run(&["organizer", "disable", "--email", "olu@example.org"]).await.ok();
    assert!(house.run(&["organizer", "list"]).await.ok().contains("disabled 20"));
    until("the organizer is disabled", async || {
        (server.get("/api/v1/petitions", Some(&usual)).await.status == 401).then_some(())
    })
    .await;
    house.run(&["organizer", "enable", "--email", "olu@example.org"]).await.ok();
    house.run(&["organizer", "disable", "--email", "nobody@example.org"]).await.refused(&["no organizer"]);
    server.stop().await;
    let verbs: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT verb FROM audit_entries ORDER BY verb").fetch_all(&pool).await.unwrap();
    for verb in [
        "organizer.disable",
        "organizer.enable",
        "organizer.operator",
        "organizer.password",
        "organizer.role",
        "session.end",
        "token.add",
        "token.revoke",
    ] {
        assert!(verbs.iter().any(|known| known == verb), "{verb} is not among {verbs:?}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn audit_verify_finds_what_was_changed_past_the_triggers(pool: PgPool) {
    let house = Installation::new(&pool);
    house.run_with(&add("olu@example.org", "owner"), "correct horse\n").await.ok();
    house.run_with(&add("vera@example.org", "viewer"), "correct horse\n").await.ok();
    let verify = async |more: &[&str]| house.run(&[&["audit", "verify"][..], more].concat()).await;
    let ran = verify(&[]).await;
    assert!(ran.ok().starts_with("entries: 2\nhead: "), "{ran:?}");
    let head = ran.ok().lines().last().unwrap().trim_start_matches("head: ").to_owned();
    house.run(&["organizer", "disable", "--email", "vera@example.org"]).await.ok();
    assert!(verify(&["--head", &head]).await.ok().starts_with("entries: 3\n"), "what was there is still there");
    verify(&["--head", &"0".repeat(64)]).await.refused(&["does not have this head"]);
    let past = async |sql: &str| {
        let sql = format!("SET session_replication_role = replica; {sql}; RESET session_replication_role");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    };
    past("UPDATE audit_entries SET verb = 'organizer.removed' WHERE verb = 'organizer.disable'").await;
    verify(&[]).await.refused(&["link 3", "changed or removed"]);
    past("UPDATE audit_entries SET verb = 'organizer.disable' WHERE verb = 'organizer.removed'").await;
    verify(&[]).await.ok();
    past("INSERT INTO audit_entries (id, organization_id, verb, created_at) SELECT gen_random_uuid(), id, 'x', now() FROM organizations").await;
    verify(&[]).await.refused(&["1 entries were added past the chain"]);
    past("DELETE FROM audit_entries WHERE verb = 'x'").await;
    past("DELETE FROM audit_seals WHERE number = 3; DELETE FROM audit_entries WHERE verb = 'organizer.disable'").await;
    verify(&["--head", &head]).await.ok();
    past("DELETE FROM audit_entries WHERE id = (SELECT entry_id FROM audit_seals WHERE number = 1)").await;
    verify(&[]).await.refused(&["link 1"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn openapi_prints_the_committed_document_that_the_server_serves(pool: PgPool) {
    let house = Installation::new(&pool);
    let printed = house.run(&["openapi"]).await.ok().to_owned();
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let server = house.serve(&["serve", "--role", "web"]).await;
    assert_eq!(server.get("/api/v1/openapi.json", None).await.expect(200), document);
    server.stop().await;
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"))
        .expect("openapi.json: run `make openapi`");
    assert!(committed == printed, "openapi.json is stale: run `make openapi`");
}

#[tokio::test]
async fn check_config_names_each_key_that_is_unfit() {
    let house = Installation::bare();
    assert!(house.run(&["check-config"]).await.ok().contains("fit"));
    let mut house = house
        .with("MUSTER_PROFILE", "production")
        .with("MUSTER__KEYRING__FILE", &Installation::bare().path("none.json"));
    house.run(&["check-config"]).await.refused(&["http.public_url", "mail.from_domain"]);
    for (name, value) in [
        ("MAIL__TRANSPORT", "mailbox"),
        ("KEYRING__GENERATE", "true"),
        ("GUARD__MODE", "off"),
        ("DATABASE__POOL_SIZE", "1"),
        ("HTTP__PUBLIC_URL", "http://muster.example.org"),
    ] {
        house.set(&format!("MUSTER__{name}"), value);
    }
    let all = [
        "http.public_url: production needs https",
        "mail.transport:",
        "keyring.generate:",
        "guard.mode:",
        "database.pool_size:",
        "mail.from_domain:",
    ];
    house.run(&["check-config"]).await.refused(&all);
    house.run(&["serve"]).await.refused(&all);

    for (name, value) in [
        ("MAIL__TRANSPORT", "smtp"),
        ("KEYRING__GENERATE", "false"),
        ("GUARD__MODE", "on"),
        ("DATABASE__POOL_SIZE", "8"),
        ("HTTP__PUBLIC_URL", "https://muster.example.org"),
        ("MAIL__FROM_DOMAIN", "muster.example.org"),
    ] {
        house.set(&format!("MUSTER__{name}"), value);
    }
    let no_key = house.run(&["check-config"]).await;
    assert!(no_key.code == Some(1) && no_key.stderr.contains("muster keyring init"), "{no_key:?}");
    house.set("MUSTER__KEYRING__FILE", &house.path("keys/keyring.json"));
    house.run(&["keyring", "init"]).await.ok();
    let fit = house.run(&["check-config", "--offline"]).await;
    assert!(fit.ok().contains("fit") && fit.stdout.contains("warning: keyring.file:"), "{fit:?}");
    house.set("MUSTER__GUARD__MODES", "on");
    house.run(&["check-config"]).await.refused(&["modes"]);
}

#[tokio::test]
async fn postgres_run_gives_a_command_a_database_and_passes_its_exit_code_on() {
    let house = Installation::bare();
    let run = async |script: &str| house.run(&["postgres", "run", "--", "sh", "-c", script]).await;
    let ran = run(r#"psql "$DATABASE_URL" -qAtc "CREATE TABLE kept AS SELECT 42 AS n" && psql "$DATABASE_URL" -Atc "SHOW fsync" && exit 7"#).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(7), "on\n"), "{}", ran.stderr);
    assert_eq!(run(r#"psql "$DATABASE_URL" -Atc "SELECT n FROM kept""#).await.ok(), "42\n", "the cluster stays");
    let data = std::fs::read_dir(house.path("var")).unwrap().map(|entry| entry.unwrap().path());
    let cluster = data.filter(|path| path.join("PG_VERSION").exists()).collect::<Vec<_>>();
    assert_eq!(cluster, [Path::new(&house.path("var/postgres"))], "in the data root");
    assert!(!cluster[0].join("postmaster.pid").exists(), "it was stopped");
    let quick = ["postgres", "run", "--no-fsync", "--", "sh", "-c", r#"psql "$DATABASE_URL" -Atc "SHOW fsync" "#];
    assert_eq!(house.run(&quick).await.ok(), "off\n");
    let missing = house.run(&["postgres", "run", "--", "no-such-program"]).await;
    missing.refused(&["no-such-program"]);
    assert!(!cluster[0].join("postmaster.pid").exists(), "stopped after a failure, too");
}

#[tokio::test]
async fn demo_prints_the_same_sign_in_and_token_at_a_second_start_and_keeps_its_data() {
    let house = Installation::bare();
    let start = async || {
        // the first start makes a cluster, and lets three weeks pass
        let server = house.serve_within(Duration::from_mins(4), &["demo"]).await;
        let greeting =
            until("the greeting", async || Some(server.stdout()).filter(|out| out.contains("API token"))).await;
        let value = |name: &str| {
            greeting
                .lines()
                .find_map(|line| line.trim().strip_prefix(name))
                .unwrap_or_else(|| panic!("no {name} in {greeting}"))
                .trim()
                .to_owned()
        };
        let words = ["organizer", "password", "API token"].map(value);
        for (name, path) in [
            ("site", "/"),
            ("petition", "/p/stop-deportations"),
            ("event", "/e/open-assembly"),
            ("letter", "/l/renewable-work-permit"),
            ("call", "/call/renew-the-permits"),
            ("mailbox", "/mailbox"),
        ] {
            assert_eq!(value(name), format!("http://{}{path}", server.http));
            assert_eq!(server.get(path, None).await.status, 200, "{path}");
        }
        (server, words)
    };
    let (server, first) = start().await;
    let token = first[2].clone();
    // beside a running server, a short command uses its database; a second server is refused
    let further = house
        .run(&["token", "add", "--organizer", &first[0], "--name", "beside", "--scopes", "all"])
        .await
        .ok()
        .trim()
        .to_owned();
    server.get("/api/v1/people", Some(&further)).await.expect(200);
    house.run(&["serve"]).await.refused(&["var"]);
    let actions = server.get("/api/v1/petitions", Some(&token)).await.expect(200)["total_records"].clone();
    // three weeks of a campaign, so that lists and charts show what they are for
    let past = async |server: &Server| {
        let petition = server.get("/api/v1/petitions/stop-deportations", Some(&token)).await.expect(200);
        let letter = server.get("/api/v1/advocacy_campaigns/renewable-work-permit", Some(&token)).await.expect(200);
        let party = server.get("/api/v1/events/art-party", Some(&token)).await.expect(200);
        let news = server.get("/api/v1/broadcasts", Some(&token)).await.expect(200);
        let waits = server
            .get(
                "/api/v1/petitions/stop-deportations/signatures?filter=muster:state%20eq%20%27pending%27",
                Some(&token),
            )
            .await
            .expect(200);
        assert_eq!(party["total_accepted"], party["capacity"], "an event that is full");
        assert!(party["muster:waitlisted"].as_i64() > Some(0), "{party}");
        assert_eq!(news["_embedded"]["muster:broadcasts"][0]["muster:state"], "done", "{news}");
        [&petition["total_signatures"], &letter["total_outreaches"], &waits["total_records"]]
            .map(|n| n.as_i64().unwrap())
    };
    let before = past(&server).await;
    assert!(before[0] > 200 && before[1] > 100 && before[2] > 10, "{before:?}");
    server.post("/api/v1/petitions/fix-express-entry/signatures", None, &signer("amara@example.org")).await.expect(202);
    until("the mail in the mailbox", async || {
        server.get("/mailbox", None).await.text().contains("amara@example.org").then_some(())
    })
    .await;
    server.stop().await;

    let (server, second) = start().await;
    assert_eq!(first, second);
    assert_eq!(
        server.get("/api/v1/petitions", Some(&token)).await.expect(200)["total_records"],
        actions,
        "nothing twice"
    );
    assert_eq!(past(&server).await, before, "nor does it happen again");
    let kept = server.get("/api/v1/petitions/fix-express-entry/signatures", Some(&token)).await.expect(200);
    assert_eq!(kept["total_records"], 1);
    server.stop().await;
    assert_eq!(std::fs::metadata(house.path("var/demo-access.json")).unwrap().permissions().mode() & 0o777, 0o600);
    let public = house.with("MUSTER__HTTP__BIND", "0.0.0.0:0");
    public.run(&["demo"]).await.refused(&["http.bind"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn web_sends_no_mail_and_a_worker_answers_no_requests(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house =
        Installation::new(&pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    let token = house.owner().await;
    let web = house.serve(&["serve", "--role", "web"]).await;
    web.petition(&token, json!({})).await;
    web.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    // an engine looks at the queue when it starts
    let claims = "muster_mail_claim_seconds";
    assert!(!web.admin("/metrics").await.text().contains(claims));
    let untouched: i64 = sqlx::query_scalar("SELECT count(*) FROM emails WHERE state = 'queued' AND attempts = 0")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!((untouched, sink.connections()), (1, 0));

    let worker = house.serve(&["serve", "--role", "worker"]).await;
    let mail = sink.wait_for(1).await;
    assert_eq!(mail[0].to, ["amara@example.org"]);
    assert!(worker.admin("/metrics").await.text().contains(claims));
    assert!(!web.admin("/metrics").await.text().contains(claims));
    let refused = exchange(worker.http, "GET", "/", &[], b"").await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(worker.admin("/healthz").await.status, 200);
    web.stop().await;
    worker.stop().await;
}
