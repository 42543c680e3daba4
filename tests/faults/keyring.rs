//! Key files that are away, exposed, half-written, or cannot be written, under a running server.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    harness::signer,
    process::{Installation, Server, until},
    smtp_sink::{Behaviour, SmtpSink},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn metric_is(server: &Server, name: &str, value: f64) {
    until(name, async || ((server.metric(name).await - value).abs() < 0.5).then_some(())).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn key_files_that_are_away_for_four_seconds_lose_no_mail(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house =
        Installation::new(&pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    metric_is(&server, "muster_keyring_readable", 2.0).await; // both files
    let (root, vault) = (house.path("keys/keyring.json"), house.path("keys/vault-keys.json"));
    let away = house.path("away.json");
    let mut acts = 0;
    for trouble in ["away", "exposed", "half-written"] {
        sqlx::query("INSERT INTO mail_pauses (scope, created_at) VALUES ('everything', now())")
            .execute(&pool)
            .await
            .unwrap();
        for n in 0..20 {
            server.post(SIGN, None, &signer(&format!("{trouble}-{n}@example.org"))).await.expect(202);
        }
        acts += 20;
        fs::rename(&root, &away).unwrap();
        match trouble {
            "exposed" => {
                fs::copy(&away, &root).unwrap();
                fs::set_permissions(&root, fs::Permissions::from_mode(0o640)).unwrap();
            }
            "half-written" => {
                let whole = fs::read(&away).unwrap();
                fs::write(&root, &whole[..whole.len() / 2]).unwrap();
                fs::set_permissions(&root, fs::Permissions::from_mode(0o600)).unwrap();
            }
            _ => {}
        }
        metric_is(&server, "muster_keyring_readable", 1.0).await;
        sqlx::query("DELETE FROM mail_pauses").execute(&pool).await.unwrap();
        sleep(Duration::from_secs(4)).await;
        assert_eq!(server.admin("/readyz").await.status, 200);
        fs::rename(&away, &root).unwrap();
        metric_is(&server, "muster_keyring_readable", 2.0).await;
        sink.wait_for(acts).await;
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM emails WHERE state NOT IN ('queued', 'sending', 'sent')").await, 0);

    // a new protected action needs a key on disk: it is refused while that cannot be, and made afterwards
    fs::rename(&vault, &away).unwrap();
    let body = json!({"title": "Hidden", "muster:slug": "hidden", "muster:privacy": "protected"});
    server.post("/api/v1/petitions", Some(&token), &body).await.problem(503, "unavailable", &[]);
    assert!(!fs::exists(&vault).unwrap(), "no other file takes the place of the one that is away");
    fs::rename(&away, &vault).unwrap();
    server.post("/api/v1/petitions", Some(&token), &body).await.expect(201);
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_destroyed_key_that_cannot_be_removed_raises_an_alert_until_it_is_gone(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({"muster:privacy": "protected"})).await;
    let vault = house.path("keys/vault-keys.json");
    let names = || {
        let file: Value = serde_json::from_slice(&fs::read(&vault).unwrap()).unwrap();
        file["keys"].as_object().unwrap().len()
    };
    assert_eq!(names(), 1);
    // as on a volume that cannot be written
    let in_the_way = format!("{vault}.new");
    fs::create_dir(&in_the_way).unwrap();
    sqlx::query(
        "UPDATE vaults SET wrapping_key = NULL, wrapped_keys = NULL, destroyed_at = now() WHERE kind = 'protected'",
    )
    .execute(&pool)
    .await
    .unwrap();
    // a change of the file that is noticed at once spares the wait for the next round
    let touch = || fs::set_permissions(&vault, fs::Permissions::from_mode(0o600)).unwrap();
    touch();
    metric_is(&server, "muster_keyring_destroyed_keys_present", 1.0).await;
    assert_eq!(names(), 1);
    fs::remove_dir(&in_the_way).unwrap();
    touch();
    metric_is(&server, "muster_keyring_destroyed_keys_present", 0.0).await;
    assert_eq!(names(), 0);
    server.stop().await;
}
