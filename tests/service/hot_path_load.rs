//! Under load every kind of act is written in batches, and nothing has to fall back to being written singly: with and
//! without capacity, with a letter, with an idempotency key.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness::signer,
    process::{Installation, Server, exchange},
};

/// Requests at once, as from as many connections.
const CROWD: usize = 64;

async fn post(server: &Server, token: Option<&str>, key: Option<String>, path: &str, body: &Value) -> u16 {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(token.map(|token| ("osdi-api-token", token)));
    headers.extend(key.as_deref().map(|key| ("idempotency-key", key)));
    exchange(server.http, "POST", path, &headers, body.to_string().as_bytes()).await.unwrap().status.as_u16()
}

/// Three crowds, one after the other; all are answered as expected.
async fn crowds(server: &Server, token: Option<&str>, path: &str, expected: u16) {
    for round in 0..3 {
        let bodies: Vec<Value> = (0..CROWD).map(|n| signer(&format!("{round}-{n}@example.org"))).collect();
        let key = |n: usize| token.map(|_| format!("{path}-{round}-{n}"));
        let all = join_all(bodies.iter().enumerate().map(|(n, body)| post(server, token, key(n), path, body))).await;
        assert!(all.iter().all(|status| *status == expected), "{path}: {all:?}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_kind_of_act_is_batched_and_none_falls_back(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    let make = async |path: &str, body: Value| {
        assert_eq!(server.post(path, Some(&token), &body).await.status, 201, "{path}");
    };
    let office = json!({"title": "Minister", "muster:slug": "minister", "muster:mailboxes": ["minister@example.org"],
                        "muster:holder": {"given_name": "Robin", "family_name": "Vandel"}});
    make("/api/v1/offices", office).await;
    let letter = json!({"title": "Write", "muster:slug": "write", "type": "email", "muster:status": "published", "muster:targets": ["minister"],
                        "muster:letters": [{"locale": "en", "subjects": ["Please act"], "body": "Dear {{ target.salutation }},\n\nAct."}]});
    make("/api/v1/advocacy_campaigns", letter).await;
    for (slug, more) in [
        ("plain", json!({})),
        ("open", json!({"muster:confirmation": "none"})),
        ("carrying", json!({"muster:letter": "write"})),
    ] {
        let mut body = json!({"title": slug, "muster:slug": slug, "muster:status": "published"});
        crate::harness::merge(&mut body, more);
        make("/api/v1/petitions", body).await;
    }
    let event = json!({"title": "Assembly", "muster:slug": "assembly", "muster:status": "published", "muster:confirmation": "none",
                       "capacity": 100, "start_date": "2099-05-01T18:00:00Z", "end_date": "2099-05-01T20:00:00Z"});
    make("/api/v1/events", event).await;

    for path in ["petitions/plain/signatures", "petitions/open/signatures", "petitions/carrying/signatures"] {
        crowds(&server, None, &format!("/api/v1/{path}"), 202).await;
    }
    crowds(&server, None, "/api/v1/events/assembly/attendances", 202).await;
    crowds(&server, None, "/api/v1/advocacy_campaigns/write/outreaches", 202).await;
    crowds(&server, Some(&token), "/api/v1/petitions/plain/signatures", 201).await;

    for action in ["signatures", "attendances", "letters"] {
        let of = async |name: &str| server.metric(&format!("muster_group_commit_{name}{{action=\"{action}\"}}")).await;
        let mean = of("batch_sum").await / of("batch_count").await;
        assert!(mean > 5.0, "{action}: a mean batch of {mean}");
    }
    for trouble in ["fallback_rows", "retries"] {
        assert!(server.metric(&format!("muster_group_commit_{trouble}")).await.abs() < 0.5, "{trouble}");
    }
    let seated: i64 =
        sqlx::query_scalar("SELECT count(*) FROM attendances WHERE state = 'accepted'").fetch_one(&pool).await.unwrap();
    assert_eq!(seated, 100);
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM signatures").fetch_one(&pool).await.unwrap();
    assert_eq!(written, 4 * 3 * 64);
    server.stop().await;
}
