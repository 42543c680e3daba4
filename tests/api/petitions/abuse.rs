//! Integrity: floods are held, not refused; jobs take out what does not belong, and can be taken back; limits change live.

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    api::petitions::signatures::confirm_link,
    harness::{TestApp, merge, signer},
};

const PETITION: &str = "/api/v1/petitions/status";
const SIGN: &str = "/api/v1/petitions/status/signatures";
const JOBS: &str = "/api/v1/petitions/status/invalidations";

async fn limits(app: &TestApp, token: &str, limits: Value) {
    app.put("/api/v1/integrity", Some(token), &limits).await.expect(200);
}

/// Signs `n` addresses of a domain and confirms each that gets a mail.
async fn sign(app: &TestApp, n: usize, domain: &str, more: Value) {
    let confirmed = app.get(PETITION, None).await.expect(200)["muster:confirmation"] == "email";
    for i in 0..n {
        let mut body = signer(&format!("s{i}@{domain}"));
        merge(&mut body["person"], more.clone());
        app.post(SIGN, None, &body).await.expect(202);
    }
    for i in 0..n {
        let address = format!("s{i}@{domain}");
        let mails = app.mail_to(&address).await;
        let asks = mails.iter().rfind(|mail| mail.subject.contains("Please confirm"));
        if let Some(link) = asks.and_then(|mail| mail.links.first()).filter(|_| confirmed) {
            assert_eq!(app.press(link).await.status, 200);
        }
    }
}

async fn states(app: &TestApp) -> Value {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT state, count(*) FROM signatures GROUP BY 1 ORDER BY 1")
        .fetch_all(&app.kernel.db)
        .await
        .unwrap();
    Value::Object(rows.into_iter().map(|(state, n)| (state, n.into())).collect())
}

async fn exact(app: &TestApp, token: &str) -> i64 {
    let recount = app.post(&format!("{PETITION}/recount"), Some(token), &json!({})).await.expect(200);
    assert_eq!(recount["muster:repaired"], json!([]), "the counts are what the rows say");
    app.get(PETITION, Some(token)).await.expect(200)["total_signatures"].as_i64().unwrap()
}

/// Works until no job has anything to do.
async fn work(app: &TestApp) {
    app.jobs().await;
}

async fn job(app: &TestApp, token: &str, body: Value) -> Value {
    let begun = app.post(JOBS, Some(token), &body).await.expect(202);
    work(app).await;
    begun
}

fn link(job: &Value, name: &str) -> String {
    let href = job["_links"][name]["href"].as_str().unwrap();
    href[href.find("/api/").unwrap()..].to_owned()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn burst_is_quarantined_and_can_be_released(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    limits(&app, &token, json!({"muster:per_network_hour": 3})).await;
    sign(&app, 5, "example.org", json!({})).await;
    assert_eq!(states(&app).await, json!({"counted": 3, "quarantined": 2}), "the signers saw no difference");
    assert_eq!(exact(&app, &token).await, 3);
    // both read that it is confirmed; a number in which it does not count is not shown
    for (address, has_number) in [("s0@example.org", true), ("s4@example.org", false)] {
        let link = app.mail_to(address).await[0].links[0].clone();
        let page = app.get(app.path_of(&link), None).await.text();
        assert!(page.contains("Your signature is confirmed."), "{page}");
        assert_eq!(page.contains("own-count"), has_number, "{address}: {page}");
    }
    let held = app.get(&format!("{SIGN}?filter=muster:state%20eq%20'quarantined'"), Some(&token)).await.expect(200);
    let first = &held["_embedded"]["osdi:signatures"][0];
    assert_eq!((held["total_records"].as_i64(), &first["muster:suspicion"]), (Some(2), &json!("network")));

    // one by hand, the rest by a job
    let path = first["_links"]["self"]["href"].as_str().unwrap();
    let path = &path[path.find("/api/").unwrap()..];
    app.put(path, Some(&token), &json!({"muster:state": "counted"})).await.expect(200);
    assert_eq!(exact(&app, &token).await, 4);
    let begun = job(&app, &token, json!({"effect": "release", "reason": "A union hall"})).await;
    assert_eq!(exact(&app, &token).await, 5);
    app.post(&link(&begun, "muster:undo"), Some(&token), &json!({})).await.expect(200);
    work(&app).await;
    assert_eq!((states(&app).await, exact(&app, &token).await), (json!({"counted": 4, "quarantined": 1}), 4));

    // a second act of somebody who is held, when nothing is suspected any more, counts in its place
    limits(&app, &token, json!({"muster:per_network_hour": 1000})).await;
    let waiting: Vec<Uuid> = sqlx::query_scalar("SELECT person_id FROM signatures WHERE state = 'quarantined'")
        .fetch_all(&app.kernel.db)
        .await
        .unwrap();
    assert_eq!(waiting.len(), 1);
    sign(&app, 5, "example.org", json!({})).await;
    assert_eq!(exact(&app, &token).await, 5);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state IN ('quarantined', 'pending')").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn burst_across_processes_is_quarantined_and_its_counts_expire(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    limits(&app, &token, json!({"muster:per_network_hour": 40, "muster:per_domain_hour": 1000})).await;
    app.kernel.env.advance(chrono::TimeDelta::seconds(3600 - app.kernel.env.now().timestamp() % 3600));
    let processes = [app.beside(), app.beside(), app.beside()];
    for n in 0..60 {
        let process = &processes[n % processes.len()];
        process.post(SIGN, None, &signer(&format!("s{n}@spread.example"))).await.expect(202);
        app.kernel.env.advance(chrono::TimeDelta::seconds(1));
    }
    let held = app.count("SELECT count(*) FROM signatures WHERE quarantine_reason = 'network'").await;
    // each process has twenty; what the others took in the last seconds is not known yet
    assert!((12..=20).contains(&held), "{held} of the 20 above the limit are held");
    assert_eq!(app.count("SELECT count(*) FROM signature_bursts WHERE octet_length(tag) <> 16").await, 0);
    app.kernel.env.advance(chrono::TimeDelta::hours(2));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signature_bursts").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn small_counts_stay_local_until_the_tick_synchronizes_them(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    limits(&app, &token, json!({"muster:per_network_hour": 32})).await;
    app.post(SIGN, None, &signer("one@few.example")).await.expect(202);
    app.tick().await;
    assert_eq!(app.count("SELECT count(*) FROM signature_bursts").await, 1, "only that the petition has got one");
    for n in 0..3 {
        app.post(SIGN, None, &signer(&format!("s{n}@few.example"))).await.expect(202);
    }
    app.tick().await;
    assert_eq!(app.count("SELECT max(acts)::bigint FROM signature_bursts").await, 4);
    assert_eq!(app.count("SELECT count(*) FROM signature_bursts WHERE acts = 4").await, 2, "the network too");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn allowlisted_networks_and_public_providers_are_never_a_burst(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    limits(&app, &token, json!({"muster:per_domain_hour": 2, "muster:per_network_hour": 2})).await;
    let allow = async |body: Value| app.post("/api/v1/integrity/allowances", Some(&token), &body).await;
    let allowed = allow(json!({"network": "127.0.0.77/24", "note": "The shelter"})).await.expect(201);
    assert_eq!(allowed["muster:allowances"][0]["value"], "127.0.0.0/24");
    allow(json!({"domain": "@Union.example"})).await.expect(201);
    allow(json!({"network": "10.0.0.0/8"})).await.problem(422, "validation_failed", &["/network"]);
    allow(json!({"network": "everywhere"})).await.problem(422, "validation_failed", &["/network"]);
    allow(json!({})).await.problem(422, "validation_failed", &["/network"]);

    sign(&app, 4, "gmail.com", json!({})).await;
    sign(&app, 4, "union.example", json!({})).await;
    assert_eq!(states(&app).await, json!({"counted": 8}));
    sign(&app, 4, "flood.example", json!({})).await;
    assert_eq!(states(&app).await, json!({"counted": 10, "quarantined": 2}));
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE quarantine_reason = 'domain'").await, 2);

    let id = allowed["muster:allowances"][0]["id"].as_str().unwrap();
    app.delete(&format!("/api/v1/integrity/allowances/{id}"), Some(&token)).await.expect(200);
    app.delete(&format!("/api/v1/integrity/allowances/{id}"), Some(&token)).await.problem(404, "not_found", &[]);
    sign(&app, 1, "fresh.example", json!({})).await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE quarantine_reason = 'network'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn too_fast_form_and_honeypot_are_quarantined(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    app.post(SIGN, None, &{
        let mut body = signer("quick@example.org");
        merge(&mut body, json!({"muster:form_seconds": 0}));
        body
    })
    .await
    .expect(202);
    let typed = [("given_name", "Ana"), ("email", "slow@example.org"), ("seconds", "40")];
    assert_eq!(app.form("/p/status", &typed).await.status, 200);
    let trapped = [("given_name", "Bot"), ("email", "bot@example.org"), ("website", "http://spam.example")];
    assert_eq!(app.form("/p/status", &trapped).await.status, 200);
    assert_eq!(states(&app).await, json!({"counted": 1, "quarantined": 2}));
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE quarantine_reason = 'form'").await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn abuse_signals_expire_after_72_hours_and_protected_petitions_store_none(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "quiet", "muster:privacy": "protected"})).await;
    limits(&app, &token, json!({"muster:per_network_hour": 1})).await;
    for slug in ["status", "quiet"] {
        for i in 0..3 {
            let path = format!("/api/v1/petitions/{slug}/signatures");
            app.post(&path, None, &signer(&format!("s{i}@example.org"))).await.expect(202);
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM signature_signals").await, 3, "of the standard one only");
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE quarantine_reason IS NOT NULL").await, 2);
    // the same network has another tag on another petition: the two cannot be joined
    app.petition(&token, json!({"muster:slug": "other"})).await;
    app.post("/api/v1/petitions/other/signatures", None, &signer("s0@example.org")).await.expect(202);
    assert_eq!(app.count("SELECT count(DISTINCT network_tag) FROM signature_signals").await, 2);
    assert_eq!(app.count("SELECT count(DISTINCT domain_tag) FROM signature_signals").await, 2);

    sqlx::query("UPDATE signature_signals SET created_at = created_at - interval '73 hours' WHERE petition_id <> (SELECT id FROM actions WHERE slug = 'other')")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signature_signals").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn bulk_invalidation_by_rule_and_undo(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    sign(&app, 4, "example.org", json!({})).await;
    sign(&app, 3, "fake.example", json!({"given_name": "Mickey", "family_name": "Mouse"})).await;
    // one more of the domain waits to be confirmed: it is taken too
    app.post(SIGN, None, &signer("late@fake.example")).await.expect(202);
    let confirm = confirm_link(&app, "late@fake.example").await;
    assert_eq!(exact(&app, &token).await, 7);

    let rule = json!({"rule": {"domain": "FAKE.example"}, "reason": "Not people"});
    let mut dry = rule.clone();
    merge(&mut dry, json!({"dry_run": true}));
    assert_eq!(app.post(JOBS, Some(&token), &dry).await.expect(200)["muster:would_change"], 4);
    assert_eq!(exact(&app, &token).await, 7, "a dry run changes nothing");

    let begun = job(&app, &token, rule).await;
    assert_eq!((exact(&app, &token).await, states(&app).await), (4, json!({"counted": 4, "invalid": 4})));
    let list = app.get(JOBS, Some(&token)).await.expect(200);
    let shown = &list["muster:invalidations"][0];
    assert_eq!(shown["muster:state"], "done");
    assert_eq!(shown["muster:progress"], json!({"seen": 8, "total": 8, "changed": 4}));
    assert_eq!((&shown["rule"]["domain"], &shown["reason"]), (&json!("fake.example"), &json!("Not people")));
    assert_eq!(app.press(&confirm).await.status, 410, "an invalid signature cannot be confirmed");

    app.post(&link(&begun, "muster:cancel"), Some(&token), &json!({})).await.problem(409, "conflict", &[]);
    app.post(&link(&begun, "muster:undo"), Some(&token), &json!({})).await.expect(200);
    work(&app).await;
    assert_eq!(states(&app).await, json!({"counted": 7, "pending": 1}));
    assert_eq!(exact(&app, &token).await, 7);
    assert_eq!(app.press(&confirm).await.status, 200);
    assert_eq!(exact(&app, &token).await, 8);
    app.post(&link(&begun, "muster:undo"), Some(&token), &json!({})).await.problem(409, "conflict", &[]);

    let named = json!({"rule": {"name": "mickey MOUSE"}, "reason": "Not people", "dry_run": true});
    assert_eq!(app.post(JOBS, Some(&token), &named).await.expect(200)["muster:would_change"], 3);
    let one = app.get(&format!("{SIGN}?per_page=1"), Some(&token)).await.expect(200);
    let id = one["_embedded"]["osdi:signatures"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    let same = json!({"rule": {"network_of": id}, "reason": "One machine", "dry_run": true});
    assert_eq!(app.post(JOBS, Some(&token), &same).await.expect(200)["muster:would_change"], 8);

    for (rule, pointer) in [
        (json!({}), "/rule"),
        (json!({"domain": "no domain"}), "/rule/domain"),
        (json!({"network_of": Uuid::nil()}), "/rule/network_of"),
        (json!({"country": "Canada"}), "/rule/country"),
    ] {
        let refused = app.post(JOBS, Some(&token), &json!({"rule": rule, "reason": "x"})).await;
        refused.problem(422, "validation_failed", &[pointer]);
    }
    app.post(JOBS, Some(&token), &json!({"rule": {"country": "CA"}, "reason": ""})).await.problem(
        422,
        "validation_failed",
        &["/reason"],
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn undo_counts_a_person_who_signed_again_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    sign(&app, 2, "example.org", json!({})).await;
    let begun = job(&app, &token, json!({"rule": {"domain": "example.org"}, "reason": "By mistake"})).await;
    assert_eq!(exact(&app, &token).await, 0);
    sign(&app, 1, "example.org", json!({})).await;
    assert_eq!(exact(&app, &token).await, 1);
    app.post(&link(&begun, "muster:undo"), Some(&token), &json!({})).await.expect(200);
    work(&app).await;
    assert_eq!(exact(&app, &token).await, 2);
    assert_eq!(states(&app).await, json!({"counted": 2, "duplicate": 1}));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn cancelled_invalidation_keeps_what_it_changed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    limits(&app, &token, json!({"muster:per_network_hour": 10_000, "muster:per_domain_hour": 10_000})).await;
    sqlx::raw_sql(
        "INSERT INTO people (id, vault_id, origin, created_at, modified_at) SELECT gen_random_uuid(), (SELECT vault_id FROM actions), 'import', now(), now() FROM generate_series(1, 700);
         INSERT INTO signatures (id, petition_id, person_id, state, country, created_at, counted_at) SELECT gen_random_uuid(), (SELECT id FROM actions), id, 'counted', 'CA', now(), now() FROM people",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    app.post(&format!("{PETITION}/recount"), Some(&token), &json!({})).await.expect(200);
    let begun = app.post(JOBS, Some(&token), &json!({"rule": {"country": "ca"}, "reason": "x"})).await.expect(202);
    assert!(app.step("invalidation").await, "counted first");
    assert!(app.step("invalidation").await);
    assert_eq!(exact(&app, &token).await, 200, "one batch of 500");
    app.post(&link(&begun, "muster:cancel"), Some(&token), &json!({})).await.expect(200);
    work(&app).await;
    assert_eq!(exact(&app, &token).await, 200);
    app.post(&link(&begun, "muster:undo"), Some(&token), &json!({})).await.expect(200);
    work(&app).await;
    assert_eq!(exact(&app, &token).await, 700);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn signing_and_breakdown_switches_apply_immediately(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    limits(&app, &token, json!({"muster:signing_paused": true})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.problem(409, "action_closed", &[]);
    let page = app.get("/p/status", None).await.text();
    assert!(!page.contains("<form class=\"panel\"") && page.contains("h-standing"));
    limits(&app, &token, json!({"muster:signing_paused": false})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    app.put("/api/v1/integrity", Some(&token), &json!({"muster:least_form_seconds": 61})).await.problem(
        422,
        "validation_failed",
        &["/muster:least_form_seconds"],
    );
    let reader = app.token("Alliance", "actions:read").await;
    app.put("/api/v1/integrity", Some(&reader), &json!({})).await.problem(403, "forbidden", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn shared_address_counts_each_name_where_enabled(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    let named = |name: &str| {
        let mut body = signer("family@example.org");
        body["person"]["given_name"] = json!(name);
        body
    };
    app.put(PETITION, Some(&token), &json!({"muster:shares_addresses": true})).await.expect(200);
    for name in ["Amara", "Kofi", " AMARA "] {
        app.post(SIGN, None, &named(name)).await.expect(202);
    }
    assert_eq!(states(&app).await, json!({"counted": 2, "duplicate": 1}));
    assert_eq!(exact(&app, &token).await, 2);
}
