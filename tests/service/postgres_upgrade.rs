//! The embedded Postgres moves to another major version and back. Only one version need be installed: `--to` the same one
//! copies the cluster like any other.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    harness::signer,
    process::{Installation, Server, until},
    smtp_sink::{Behaviour, SmtpSink},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn as_superuser(house: &Installation, sql: &str) -> String {
    let arguments = ["postgres", "psql", "--administrator", "--", "-qAtc", sql];
    house.run(&arguments).await.ok().trim().to_owned()
}

async fn major(house: &Installation) -> String {
    as_superuser(house, "SELECT current_setting('server_version_num')::integer / 10000").await
}

async fn sign(server: &Server, sink: &SmtpSink, address: &str) {
    server.post(SIGN, None, &signer(address)).await.expect(202);
    until("the mail to a signer", async || (sink.messages_to(address).len() == 1).then_some(())).await;
}

async fn signatures(server: &Server, token: &str) -> Value {
    server.get(SIGN, Some(token)).await.expect(200)["total_records"].clone()
}

async fn pauses(server: &Server, token: &str) -> Value {
    server.get("/api/v1/mail/summary", Some(token)).await.expect(200)["muster:pauses"].clone()
}

#[tokio::test]
async fn an_upgrade_keeps_everything_and_has_a_way_back() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house =
        Installation::bare().with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    sign(&server, &sink, "before@example.org").await;
    let major = major(&house).await;
    let upgrade = ["postgres", "upgrade", "--to", &major];
    house.run(&upgrade).await.refused(&["another muster", "Stop it first"]);
    until("the number of the mail epoch", async || {
        let noted = fs::read_to_string(house.path("keys/keyring.mail-epoch")).unwrap_or_default();
        (noted.split_whitespace().count() == 3).then_some(())
    })
    .await;
    server.stop().await;
    house.run(&["postgres", "upgrade", "--to", "9"]).await.refused(&["none to move it to"]);
    house.run(&["postgres", "upgrade", "--back", "--yes"]).await.refused(&["there is no way back"]);

    let system = "SELECT system_identifier FROM pg_control_system()";
    let before = as_superuser(&house, system).await;
    assert_eq!(house.run(&upgrade).await.ok(), format!("{major} -> {major}\n"));
    assert_ne!(as_superuser(&house, system).await, before, "a cluster of its own");
    assert!(Path::new(&house.path("var/postgres.old/PG_VERSION")).exists());
    let analyzed = "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'signatures'";
    assert_eq!(as_superuser(&house, analyzed).await, "t");
    let server = house.serve(&["serve"]).await;
    assert_eq!(signatures(&server, &token).await, 1);
    sign(&server, &sink, "after@example.org").await;
    assert_eq!(pauses(&server, &token).await, json!([]), "the restore guard knows the new cluster");
    assert_eq!(sink.messages_to("before@example.org").len(), 1, "not sent again");
    server.stop().await;
    house.run(&upgrade).await.refused(&["postgres.old is in the way"]);

    house.run_with(&["postgres", "upgrade", "--back"], "no\n").await.refused(&["nothing was done"]);
    house.run(&["postgres", "upgrade", "--back", "--yes"]).await.ok();
    assert_eq!(as_superuser(&house, system).await, before);
    assert!(Path::new(&house.path("var/postgres.undone/PG_VERSION")).exists(), "what was written since is kept");
    let server = house.serve(&["serve"]).await;
    assert_eq!(signatures(&server, &token).await, 1, "as it was before");
    until("a pause, since mail went out meanwhile", async || {
        (pauses(&server, &token).await[0]["reason"] == "other_database").then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn an_upgrade_that_was_broken_off_is_never_replaced_by_an_empty_database() {
    let house = Installation::bare();
    house.owner().await;
    fs::rename(house.path("var/postgres"), house.path("var/postgres.old")).unwrap();
    for arguments in [&["organizer", "list"][..], &["serve"], &["postgres", "upgrade"]] {
        house.run(arguments).await.refused(&["broken off", "--back"]);
    }
    house.run(&["postgres", "upgrade", "--back", "--yes"]).await.ok();
    assert!(!Path::new(&house.path("var/postgres.old")).exists());
    assert!(house.run(&["organizer", "list"]).await.ok().contains("owner@example.org"));
}

#[tokio::test]
async fn only_the_embedded_postgres_is_upgraded() {
    let house = Installation::bare().with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    for arguments in [&["postgres", "upgrade"][..], &["postgres", "upgrade", "--back", "--yes"]] {
        house.run(arguments).await.refused(&["database.url", "not Muster's"]);
    }
}
