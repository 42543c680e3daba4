//! The guard in front of public acts: proof of work, waiting tickets, sources.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{Method, Request, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use muster::kernel::{
    Kernel,
    keyring::Keyring,
    rate_limit::{Proof, Source},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::harness::{Reply, TestApp, merge, signer};

const SIGN: &str = "/api/v1/petitions/status/signatures";

/// Brute force, as any client does it (ALTCHA v1).
pub fn solve(challenge: &Value) -> String {
    assert_eq!(challenge["algorithm"], "SHA-256");
    let (salt, wanted) = (challenge["salt"].as_str().unwrap(), challenge["challenge"].as_str().unwrap());
    let most = challenge["maxnumber"].as_u64().unwrap();
    let number = (0..=most).find(|n| hex::encode(Sha256::digest(format!("{salt}{n}"))) == wanted).expect("a solution");
    payload(challenge, number)
}

fn payload(challenge: &Value, number: u64) -> String {
    let solution = json!({"algorithm": "SHA-256", "challenge": challenge["challenge"], "number": number, "salt": challenge["salt"], "signature": challenge["signature"]});
    STANDARD.encode(solution.to_string())
}

/// A petition behind a guard that lets one act a minute pass freely.
struct Gate {
    app: TestApp,
    people: std::cell::Cell<u32>,
}

impl Gate {
    async fn new(pool: PgPool, environment: &[(&str, &str)]) -> Self {
        let strict = [("MUSTER__GUARD__FREE_PER_MINUTE", "1"), ("MUSTER__GUARD__CHALLENGE_WORK", "1000")];
        let app = TestApp::with(pool, &[&strict, environment].concat()).await;
        let token = app.owner().await;
        app.petition(&token, json!({})).await;
        let gate = Self { app, people: std::cell::Cell::new(0) };
        gate.next_quarter();
        gate
    }

    /// Moves the clock to the start of a quarter of an hour, so that no minute ends in the middle of a test.
    fn next_quarter(&self) {
        let env = &self.app.kernel.env;
        env.advance(TimeDelta::seconds(900 - env.now().timestamp() % 900));
    }

    async fn sign(&self, headers: &[(&str, &str)], more: Value) -> Reply {
        self.people.set(self.people.get() + 1);
        let mut body = signer(&format!("person{}@example.org", self.people.get()));
        merge(&mut body, more);
        self.app.request(Method::POST, SIGN, None, headers, Some(&body)).await
    }

    async fn with_proof(&self, proof: &str) -> Reply {
        self.sign(&[], json!({"muster:challenge": proof})).await
    }

    /// Spends the free act and returns the challenge for the next.
    async fn challenge(&self) -> Value {
        self.sign(&[], json!({})).await.expect(202);
        self.demanded().await
    }

    async fn demanded(&self) -> Value {
        let refused = self.sign(&[], json!({})).await;
        refused.problem(428, "challenge_required", &[]);
        refused.json()["muster:challenge"].clone()
    }

    async fn signatures(&self) -> i64 {
        self.app.count("SELECT count(*) FROM signatures").await
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_busy_source_needs_one_proof_of_work_per_act(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    let proof = solve(&gate.challenge().await);
    assert_eq!(gate.signatures().await, 1, "the refused act was not written");
    gate.with_proof(&proof).await.expect(202);
    gate.with_proof(&proof).await.problem(428, "challenge_required", &[]);
    assert_eq!(gate.signatures().await, 2);
    let fresh = solve(&gate.demanded().await);
    let twice = tokio::join!(gate.with_proof(&fresh), gate.with_proof(&fresh));
    let mut statuses = [twice.0.status.as_u16(), twice.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 428], "of two at once with one proof, one passes");
    gate.app.kernel.env.advance(TimeDelta::minutes(1));
    gate.sign(&[], json!({})).await.expect(202);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn forged_foreign_and_expired_proofs_are_rejected(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    let challenge = gate.challenge().await;
    let refused = async |proof: &str| gate.with_proof(proof).await.problem(428, "challenge_required", &[]);
    refused("nonsense").await;
    refused(&STANDARD.encode("{}")).await;
    let right = solve(&challenge);
    let number =
        serde_json::from_slice::<Value>(&STANDARD.decode(&right).unwrap()).unwrap()["number"].as_u64().unwrap();
    refused(&payload(&challenge, number + 1)).await;

    // an easy puzzle of one's own, and a later expiry for ours: neither carries our signature
    let mut own = challenge.clone();
    own["salt"] = json!("mine?expires=99999999999&");
    own["challenge"] = json!(hex::encode(Sha256::digest("mine?expires=99999999999&1")));
    refused(&payload(&own, 1)).await;
    let mut later = challenge.clone();
    later["salt"] = json!(challenge["salt"].as_str().unwrap().replace("?expires=", "?expires=9"));
    refused(&payload(&later, number)).await;

    let mut swapped = challenge.clone();
    swapped["signature"] = gate.demanded().await["signature"].clone();
    refused(&payload(&swapped, number)).await;

    gate.app.kernel.env.advance(TimeDelta::minutes(21));
    gate.sign(&[], json!({})).await.expect(202);
    refused(&right).await;
    assert_eq!(gate.signatures().await, 2, "only the free ones");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_proof_is_valid_in_every_process_but_only_once(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    let proof = solve(&gate.challenge().await);
    let kernel = &gate.app.kernel;
    let keyring = Keyring::open(&kernel.settings.postgres.data_root.join("keyring.json")).unwrap();
    let beside = Kernel::new(kernel.settings.clone(), kernel.env.clone(), kernel.db.clone(), Arc::new(keyring));
    let source = Source::from_request_parts(&mut Request::new(()).into_parts().0, &()).await.unwrap();
    let with = |altcha| Proof { altcha, ticket: None };
    beside.rate_limiter.admit(source, with(None), false).await.unwrap();
    beside.rate_limiter.admit(source, with(None), false).await.unwrap_err();
    beside.rate_limiter.admit(source, with(Some(&proof)), false).await.unwrap();
    gate.with_proof(&proof).await.problem(428, "challenge_required", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_javascript_a_wait_ticket_replaces_the_proof(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    gate.sign(&[], json!({})).await.expect(202);
    let fields = |ticket: String| {
        vec![
            ("given_name".to_owned(), "Amara".to_owned()),
            ("email".to_owned(), "amara@example.org".to_owned()),
            ("locale".to_owned(), "en".to_owned()),
            ("wait_ticket".to_owned(), ticket),
        ]
    };
    let press = async |ticket: &str| {
        let fields = fields(ticket.to_owned());
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        gate.app.form("/p/status", &fields).await
    };
    let asked = press("").await;
    assert_eq!(asked.status, 428);
    assert!(asked.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    let page = asked.text();
    assert!(page.contains("value=\"Amara\""), "nothing has to be typed again");
    assert!(page.contains("data-challenge=") && page.contains("/assets/sign-"));
    let ticket =
        page.split("name=\"wait_ticket\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();

    assert_eq!(press(&ticket).await.status, 428, "too early");
    gate.app.kernel.env.advance(TimeDelta::seconds(15));
    assert_eq!(press(&ticket).await.status, 200);
    assert_eq!(press(&ticket).await.status, 428, "a ticket is good for one act");
    assert_eq!(press(&ticket.to_uppercase()).await.status, 428, "in whatever case");
    let mut forged = ticket.clone();
    forged.replace_range(0..1, if ticket.starts_with('a') { "b" } else { "a" });
    assert_eq!(press(&forged).await.status, 428);
    assert_eq!(gate.signatures().await, 2);
    // a crowd waits longer, so that waiting does not replace the work of a machine
    let waits: Vec<i64> =
        [gate.demanded().await, gate.demanded().await].iter().map(|c| c["wait_seconds"].as_i64().unwrap()).collect();
    assert!(waits[1] > waits[0], "{waits:?}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_wait_ticket_works_in_the_api(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    let challenge = gate.challenge().await;
    let ticket = challenge["wait_ticket"].as_str().unwrap();
    gate.with_proof(ticket).await.problem(428, "challenge_required", &[]);
    gate.app.kernel.env.advance(TimeDelta::seconds(challenge["wait_seconds"].as_i64().unwrap()));
    gate.with_proof(ticket).await.expect(202);
    gate.with_proof(ticket).await.problem(428, "challenge_required", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_validation_error_does_not_consume_the_proof(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    let proof = solve(&gate.challenge().await);
    gate.app
        .post(SIGN, None, &json!({"person": {"email_addresses": [{"address": "nobody"}]}, "muster:challenge": proof}))
        .await
        .problem(422, "validation_failed", &["/person/email_addresses/0/address"]);
    gate.with_proof(&proof).await.expect(202);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn x_forwarded_for_of_a_trusted_proxy_distinguishes_sources(pool: PgPool) {
    let gate = Gate::new(pool, &[("MUSTER__HTTP__TRUSTED_PROXIES", "127.0.0.1,10.0.0.9")]).await;
    let from = async |forwarded: &str| gate.sign(&[("x-forwarded-for", forwarded)], json!({})).await.status.as_u16();
    assert_eq!(from("203.0.113.5").await, 202);
    assert_eq!(from("203.0.113.6").await, 202);
    assert_eq!(from("203.0.113.5").await, 428);
    assert_eq!(
        from("198.51.100.1, 203.0.113.5").await,
        428,
        "what the client itself wrote in front counts for nothing"
    );
    assert_eq!(from("203.0.113.5, 10.0.0.9").await, 428, "a second proxy of ours is seen through");
    assert_eq!(from("2001:db8:1:1::1").await, 202);
    assert_eq!(from("2001:db8:1:1::2").await, 428, "one customer has a whole /64");
    assert_eq!(from("2001:db8:1:2::1").await, 202);
    assert_eq!(from("::ffff:203.0.113.5").await, 428, "the same address in other clothes");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn proxies_are_trusted_by_network_and_invalid_hops_are_ignored(pool: PgPool) {
    let gate = Gate::new(pool, &[("MUSTER__HTTP__TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8,2001:db8:9::/48")]).await;
    let from = async |lines: &[&str]| {
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        gate.sign(&headers, json!({})).await.status.as_u16()
    };
    assert_eq!(from(&["203.0.113.5"]).await, 202);
    assert_eq!(from(&["203.0.113.5, 10.250.1.1, 2001:db8:9:ffff::1"]).await, 428, "any proxy of these networks");
    assert_eq!(from(&["198.51.100.77", "203.0.113.5"]).await, 428, "the header of the nearest hop is the last one");
    assert_eq!(from(&["203.0.113.5:40000"]).await, 428, "with a port");
    assert_eq!(from(&["[2001:db8:1::1]:40000"]).await, 202);
    assert_eq!(from(&["2001:db8:1::1"]).await, 428);
    assert_eq!(from(&["11.0.0.1"]).await, 202, "outside of 10.0.0.0/8");
    // one source for all who send garbage to one proxy, whatever they invent beside it
    assert_eq!(from(&["198.51.100.1, garbage, 10.0.0.3"]).await, 202);
    for n in 2..5 {
        assert_eq!(from(&[&format!("198.51.100.{n}, garbage{n}, 10.0.0.3")]).await, 428);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn x_forwarded_for_of_an_untrusted_peer_is_ignored(pool: PgPool) {
    let gate = Gate::new(pool, &[]).await;
    let from = async |forwarded: &str| {
        gate.sign(
            &[("x-forwarded-for", forwarded), ("forwarded", "for=192.0.2.1"), ("x-real-ip", forwarded)],
            json!({}),
        )
        .await
        .status
        .as_u16()
    };
    assert_eq!(from("203.0.113.5").await, 202);
    assert_eq!(from("203.0.113.6").await, 428);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn tokens_and_mode_off_bypass_the_rate_limit(pool: PgPool) {
    let gate = Gate::new(pool.clone(), &[]).await;
    let token = gate.app.owner().await;
    for n in 0..3 {
        gate.app.post(SIGN, Some(&token), &signer(&format!("vouched{n}@example.org"))).await.expect(201);
    }
    let open = TestApp::with(pool, &[("MUSTER__GUARD__FREE_PER_MINUTE", "1"), ("MUSTER__GUARD__MODE", "off")]).await;
    let token = open.token("Elsewhere", "all").await;
    open.petition(&token, json!({"muster:slug": "open"})).await;
    for n in 0..3 {
        open.post("/api/v1/petitions/open/signatures", None, &signer(&format!("open{n}@example.org")))
            .await
            .expect(202);
    }
}
