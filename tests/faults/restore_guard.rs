//! Databases that are not the newest: put back under a running worker, copied to another server, or with nothing to compare
//! them with. Nothing is sent until somebody has looked.

use std::time::Duration;

use serde_json::json;
use sqlx::PgPool;

use crate::{
    harness::signer,
    process::{Installation, Server, until},
    smtp_sink::{Behaviour, SmtpSink},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";
const JANE: &str = "jane@example.org";

async fn paused(server: &Server, token: &str, reason: &str) {
    until(reason, async || {
        let summary = server.get("/api/v1/mail/summary", Some(token)).await.expect(200);
        let pause = summary["muster:pauses"].as_array().unwrap().first().cloned()?;
        Some(()).filter(|()| pause["scope"] == "everything" && pause["reason"] == reason)
    })
    .await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_restore_guard_pauses_a_database_that_is_not_the_newest(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house =
        Installation::new(&pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    server.post(SIGN, None, &signer(JANE)).await.expect(202);
    let file = house.path("keys/keyring.mail-epoch");
    until("the mail, and the number beside the keyring", async || {
        let noted = std::fs::read_to_string(&file).unwrap_or_default();
        let number: i64 = noted.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Some(()).filter(|()| number > 0 && sink.messages_to(JANE).len() == 1)
    })
    .await;

    // restored to a point in time, while the worker runs
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("UPDATE emails SET state = 'queued', settled_at = NULL").execute(&mut *tx).await.unwrap();
    sqlx::query("UPDATE mail_epoch SET number = 0").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    paused(&server, &token, "restored").await;
    until("the metrics", async || {
        let metrics = server.admin("/metrics").await.text();
        Some(()).filter(|()| {
            metrics.contains("muster_mail_paused{scope=\"everything\"} 1")
                && metrics.contains("muster_mail_restore_guard_ok 0")
        })
    })
    .await;
    assert_eq!(sink.messages_to(JANE).len(), 1, "not sent again");
    let shown = house.run(&["mail", "epoch"]).await;
    assert!(shown.ok().contains("paused: restored"), "{shown:?}");
    let accepted = house.run(&["mail", "epoch", "--accept"]).await;
    assert!(accepted.ok().contains("paused: no") && accepted.stderr.contains("goes on"), "{accepted:?}");
    until("the mail again, as the operator wished", async || Some(()).filter(|()| sink.messages_to(JANE).len() == 2))
        .await;
    server.stop().await;

    let number: i64 = sqlx::query_scalar("SELECT number FROM mail_epoch").fetch_one(&pool).await.unwrap();
    let garbled = "number?".to_owned();
    let elsewhere = format!("{number} 42 1");
    for (contents, reason) in [(None, "unverified"), (Some(garbled), "unverified"), (Some(elsewhere), "other_database")]
    {
        match contents {
            Some(contents) => std::fs::write(&file, contents).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let server = house.serve(&["serve"]).await;
        paused(&server, &token, reason).await;
        house.run(&["mail", "epoch", "--accept"]).await.ok();
        let summary = server.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
        assert_eq!(summary["muster:pauses"], json!([]), "{reason}");
        server.stop().await;
    }
    // accepted once, it stays accepted
    let server = house.serve(&["serve"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let summary = server.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
    assert_eq!(summary["muster:pauses"], json!([]));
    server.stop().await;

    for (verb, told) in
        [(&["mail", "unsuppress", JANE][..], "Lifted 0"), (&["mail", "retry", "--not-composed"][..], "Queued 0")]
    {
        let ran = house.run(verb).await;
        ran.ok();
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
    house.run(&["mail", "unsuppress", "nobody"]).await.refused(&["ADDRESS"]);
    let remote = house.with("MUSTER__DATABASE__DURABILITY", "remote");
    remote.run(&["serve"]).await.refused(&["database.durability", "synchronous_standby_names"]);
}
