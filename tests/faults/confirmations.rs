//! A server that is killed while many confirm: whoever was told that it is done is counted, nobody twice, each with one
//! thank-you.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    faults::database::{link_to, press},
    harness::signer,
    process::{Installation, exchange},
    smtp_sink::{Behaviour, SmtpSink},
};

const PEOPLE: usize = 96;

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_kill_in_the_middle_of_confirmations_loses_and_doubles_none(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house =
        Installation::new(&pool).with("MUSTER__MAIL__TRANSPORT", "smtp").with("MUSTER__MAIL__SMTP_URL", &sink.url());
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    // so many from one network are no burst here
    let limits = json!({"muster:per_network_hour": 100_000, "muster:per_domain_hour": 100_000});
    server.put("/api/v1/integrity", Some(&token), &limits).await.expect(200);
    let addresses: Vec<String> = (0..PEOPLE).map(|n| format!("n{n}@example.org")).collect();
    for address in &addresses {
        server.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
    }
    let links = join_all(addresses.iter().map(|address| link_to(&sink, address))).await;
    assert_eq!(links.iter().collect::<BTreeSet<_>>().len(), PEOPLE);

    // each commit takes a while, so that some have committed and some have not when the process is killed
    let slow =
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END';
                CREATE TRIGGER slow AFTER UPDATE ON signatures FOR EACH STATEMENT EXECUTE FUNCTION slow()";
    sqlx::raw_sql(slow).execute(&pool).await.unwrap();
    let mut presses = JoinSet::new();
    for link in &links {
        let (at, link) = (server.http, link.clone());
        presses.spawn(async move {
            let form = [("content-type", "application/x-www-form-urlencoded")];
            exchange(at, "POST", &link, &form, b"").await.is_ok_and(|reply| reply.status == 200)
        });
    }
    let mut done = 0;
    while done == 0 {
        done += usize::from(presses.join_next().await.expect("one is answered").unwrap());
    }
    server.kill().await;
    while let Some(pressed) = presses.join_next().await {
        done += usize::from(pressed.unwrap());
    }
    sqlx::raw_sql("DROP TRIGGER slow ON signatures").execute(&pool).await.unwrap();
    let numbers = async || -> (i64, i64, i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM signatures WHERE state = 'counted'),
                          (SELECT count(*) FROM people WHERE sealed IS NOT NULL),
                          (SELECT count(*) FROM emails WHERE kind = 'petition_thanks'),
                          (SELECT count(DISTINCT refs) FROM emails WHERE kind = 'petition_thanks')";
        sqlx::query_as(sql).fetch_one(&pool).await.unwrap()
    };
    let (counted, people, thanks, thanked) = numbers().await;
    assert!(counted >= i64::try_from(done).unwrap(), "{done} were told so, {counted} count");
    assert_eq!((counted, counted, counted), (people, thanks, thanked), "all of a batch, or nothing");

    let server = house.serve(&["serve"]).await;
    let again = join_all(links.iter().map(|link| press(&server, link))).await;
    assert!(again.iter().all(|status| *status == 200), "{again:?}");
    let all = i64::try_from(PEOPLE).unwrap();
    assert_eq!(numbers().await, (all, all, all, all));
    let total = "SELECT (SELECT coalesce(sum(value), 0) FROM action_counts WHERE dimension = 'total')::bigint
                      + (SELECT coalesce(sum(delta), 0) FROM action_count_deltas WHERE dimension = 'total')::bigint";
    assert_eq!(sqlx::query_scalar::<_, i64>(total).fetch_one(&pool).await.unwrap(), all);
    let petition: Uuid = sqlx::query_scalar("SELECT id FROM petitions").fetch_one(&pool).await.unwrap();
    let shown = server.get(&format!("/api/v1/petitions/{petition}"), Some(&token)).await.expect(200);
    assert_eq!(shown["total_signatures"], all);
    server.stop().await;
}
