//! `muster check-config` connects to what the settings name, and looks up what mail servers look up.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt};

use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};
use tokio::net::UdpSocket;

use crate::{
    process::{Installation, until},
    smtp_sink::{Behaviour, SmtpSink, closed_url},
};

const TXT: u16 = 16;
const MX: u16 = 15;

/// A name server (RFC 1035) on this machine that knows these records and nothing else; it ends with the test's runtime.
async fn name_server(records: &'static [(&'static str, u16, &'static str)]) -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let answer = answer(&buffer[..length], records);
            let _ = socket.send_to(&answer, from).await;
        }
    });
    address
}

fn answer(query: &[u8], records: &[(&str, u16, &str)]) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..=at + length].to_vec()).unwrap().to_lowercase());
        at += 1 + length;
    }
    let question_end = at + 5;
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let name = labels.join(".");
    let found: Vec<_> = records.iter().filter(|(of, record, _)| *of == name && *record == kind).collect();
    let known = records.iter().any(|(of, ..)| *of == name);
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, if known { 0x80 } else { 0x83 }]); // a response, recursion; NXDOMAIN for names nobody knows
    answer.extend(1_u16.to_be_bytes());
    answer.extend(u16::try_from(found.len()).unwrap().to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(&query[12..question_end]);
    for (_, _, text) in found {
        let data = if kind == MX {
            let mut data = vec![0, 10];
            for label in text.split('.') {
                data.push(u8::try_from(label.len()).unwrap());
                data.extend(label.bytes());
            }
            data.push(0);
            data
        } else {
            let mut data = vec![u8::try_from(text.len()).unwrap()];
            data.extend(text.bytes());
            data
        };
        answer.extend([0xc0, 12]); // the name of the question
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    answer
}

fn installation(pool: &PgPool, relay: &str) -> Installation {
    Installation::new(pool)
        .with("MUSTER__MAIL__TRANSPORT", "smtp")
        .with("MUSTER__MAIL__SMTP_URL", relay)
        .with("MUSTER__MAIL__FROM_DOMAIN", "mail.alliance.example")
        .with("MUSTER__MAIL__DKIM_SELECTOR", "relay1")
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn check_config_connects_and_checks_the_sender_domain(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let house = installation(&pool, &sink.url());
    house.run(&["keyring", "init"]).await.ok();
    let dns = name_server(&[
        ("mail.alliance.example", TXT, "google-site-verification=x"),
        ("mail.alliance.example", TXT, "v=spf1 include:relay.example -all"),
        ("mail.alliance.example", MX, "mx.alliance.example"),
        ("relay1._domainkey.mail.alliance.example", TXT, "v=DKIM1; k=ed25519; p=abc"),
        ("_dmarc.alliance.example", TXT, "v=DMARC1; p=reject"),
    ])
    .await;
    let found = house.run(&["check-config", "--resolver", &dns.to_string()]).await;
    let out = found.ok();
    for fine in [
        "database.url: answers",
        "mail.smtp_url: 127.0.0.1",
        "keyring.file:",
        "SPF is there",
        "DKIM key is there",
        "MX is there",
    ] {
        assert!(out.lines().any(|line| line.starts_with("fine: ") && line.contains(fine)), "{fine} is not in {out}");
    }
    assert!(out.contains("DMARC is there (_dmarc.alliance.example)"), "the domain above speaks for it: {out}");
    assert!(sink.messages().is_empty(), "nothing is sent");

    // a revoked key and a domain that nobody set up
    let dns = name_server(&[
        ("mail.alliance.example", TXT, "v=spf10 not this"),
        ("relay1._domainkey.mail.alliance.example", TXT, "v=DKIM1; p="),
    ])
    .await;
    let bare = house.run(&["check-config", "--resolver", &dns.to_string()]).await;
    for missing in
        ["no SPF at mail.alliance.example", "no DMARC at _dmarc.mail.alliance.example", "no DKIM key at", "no MX at"]
    {
        assert!(bare.ok().contains(&format!("warning: mail.from_domain: {missing}")), "{missing} is not in {bare:?}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn check_config_reports_missing_records(pool: PgPool) {
    let mut house = installation(&pool, &closed_url().await);
    let dns = name_server(&[]).await;
    house.set("MUSTER__KEYRING__FILE", &house.path("keyring.json"));
    house.run(&["keyring", "init"]).await.ok();
    std::fs::set_permissions(house.path("keyring.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = house.run(&["check-config", "--resolver", &dns.to_string()]).await;
    found_faults(&found, &["mail.smtp_url: 127.0.0.1", "chmod 600"]);
    assert!(!found.stderr.contains("database.url"), "{found:?}");
    house.set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let found = house.run(&["check-config", "--resolver", &dns.to_string()]).await;
    found_faults(&found, &["database.url:"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn missing_privilege_on_pg_control_system_is_reported(pool: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let mut house = installation(&pool, &sink.url());
    house.run(&["keyring", "init"]).await.ok();
    let dns = name_server(&[]).await.to_string();
    let words = "may not read the system identifier of the database";
    assert!(!house.run(&["check-config", "--resolver", &dns]).await.ok().contains(words));

    let role = format!("muster_{}", muster::kernel::env::Env::system().id().simple());
    let run = async |sql: String| sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    run(format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role};
         REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"
    ))
    .await;
    let url = (*pool.connect_options()).clone().username(&role).to_url_lossy();
    house.set("DATABASE_URL", url.as_str());
    let found = house.run(&["check-config", "--resolver", &dns]).await;
    assert!(
        found.ok().lines().any(|line| line.starts_with("warning: database.url") && line.contains(words)),
        "{found:?}"
    );
    assert!(found.ok().contains("GRANT EXECUTE ON FUNCTION pg_control_system()"));
    let server = house.serve(&["serve"]).await;
    until("the gauge", async || {
        let metrics = server.admin("/metrics").await.text();
        metrics.contains("muster_mail_restore_guard_knows_server 0").then_some(())
    })
    .await;
    assert_eq!(server.log().matches(words).count(), 1, "said once: {}", server.log());
    assert!(house.run(&["mail", "epoch"]).await.ok().contains("cluster: unknown"));
    server.stop().await;
    run(format!("GRANT EXECUTE ON FUNCTION pg_control_system() TO {role}")).await;
    assert!(!house.run(&["check-config", "--resolver", &dns]).await.ok().contains(words));
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[track_caller]
fn found_faults(ran: &crate::process::Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in {ran:?}");
    }
}
