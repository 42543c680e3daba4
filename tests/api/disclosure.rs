//! Nothing tells who took part: not what a write answers, not a number, a seat or a mail.

use chrono::TimeDelta;
use muster::kernel::cache_invalidation::CacheInvalidation;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, event, letter_action, office},
    harness::{TestApp, signer},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

/// A write-only token of the organization that `owner` belongs to, such as a website has.
async fn website(app: &TestApp) -> String {
    app.token("Alliance", "contacts:write,actions:read,actions:write").await
}

fn registration(address: &str, size: i64) -> Value {
    json!({"person": signer(address)["person"], "muster:party_size": size})
}

/// An answer without what differs between any two answers.
fn comparable(reply: &Value, address: &str) -> String {
    let mut reply = reply.clone();
    for member in ["created_date", "modified_date"] {
        if reply.get(member).is_some() {
            reply[member] = json!("a date");
        }
    }
    reply.to_string().replace(address, "an address")
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn writes_of_who_may_not_read_contacts_are_answered_with_what_was_sent(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.token("Alliance", "all").await;
    let website = website(&app).await;
    app.petition(&owner, json!({})).await;
    event(&app, &owner, json!({})).await;
    office(&app, &owner, "minister").await;
    letter_action(&app, &owner, json!({})).await;
    // one is known, with more than will be sent, and has taken part in everything
    let mut known = signer("known@example.org");
    known["person"]["phone_numbers"] = json!([{"number": "+1 514 555 0100"}]);
    known["person"]["identifiers"] = json!(["newsletter:17"]);
    app.post(SIGN, Some(&owner), &known).await.expect(201);
    app.post("/api/v1/events/assembly/attendances", Some(&owner), &known).await.expect(201);
    app.post("/api/v1/advocacy_campaigns/write/outreaches", Some(&owner), &known).await.expect(201);
    app.kernel.env.advance(TimeDelta::days(3));

    for (path, status) in [
        ("/api/v1/people", 200),
        (SIGN, 201),
        ("/api/v1/events/assembly/attendances", 201),
        ("/api/v1/advocacy_campaigns/write/outreaches", 201),
    ] {
        let mut answers = Vec::new();
        for address in ["known@example.org", "other@example.org"] {
            let reply = app.post(path, Some(&website), &signer(address)).await;
            let body = reply.expect(status);
            assert_eq!(body.get("identifiers"), Some(&json!([])), "{path}");
            let body = comparable(&body, address);
            // the whole number: a few of its digits may stand in a date or in an id by chance
            assert!(
                !["+1 514 555 0100", "+15145550100", "newsletter"].iter().any(|text| body.contains(text)),
                "{path} {body}"
            );
            answers.push(body);
        }
        assert_eq!(answers[0], answers[1], "{path}");
        // nor does the number of an action: to a second signature it does not move
        let numbers = ["petitions/status", "petitions/status/counts", "events/assembly", "advocacy_campaigns/write"];
        for action in numbers {
            let path = format!("/api/v1/{action}");
            let body = app.get(&path, Some(&website)).await.expect(200);
            let number = ["total_signatures", "total_accepted", "total_outreaches"].map(|name| body[name].as_i64());
            assert_eq!(number.into_iter().flatten().collect::<Vec<_>>(), [0], "{path} {body}");
        }
    }
    let seen = app.get("/api/v1/petitions/status", Some(&owner)).await.expect(200);
    assert_eq!(seen["total_signatures"], 2, "who may read contacts sees the exact number");

    // a person's id does not lead to the address
    let person = app.get("/api/v1/people", Some(&owner)).await.expect(200)["_embedded"]["osdi:people"][0].clone();
    let path = person["_links"]["self"]["href"].as_str().map(|href| app.path_of(href).to_owned()).unwrap();
    let told = app.put(&path, Some(&website), &json!({"given_name": "New"})).await.expect(200);
    assert_eq!((&told["given_name"], &told["family_name"]), (&json!("New"), &json!("")));
    for address in ["known@example.org", "nobody@example.org"] {
        let body = json!({"email_addresses": [{"address": address}]});
        app.put(&path, Some(&website), &body).await.problem(422, "validation_failed", &["/email_addresses/0/address"]);
    }
    // nor does a link to a person give away the details
    let body = json!({"_links": {"osdi:person": {"href": path}}});
    let told = app.post(SIGN, Some(&website), &body).await.expect(201);
    assert_eq!(told.get("person"), None, "{told}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nobody_is_entered_at_a_protected_action_by_somebody_else(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.owner().await;
    let protected = json!({"muster:privacy": "protected"});
    app.petition(&owner, protected.clone()).await;
    event(&app, &owner, protected.clone()).await;
    office(&app, &owner, "minister").await;
    letter_action(&app, &owner, protected).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    confirm(&app, "amara@example.org").await;
    for path in [SIGN, "/api/v1/events/assembly/attendances", "/api/v1/advocacy_campaigns/write/outreaches"] {
        for address in ["amara@example.org", "other@example.org"] {
            app.post(path, Some(&owner), &signer(address)).await.problem(403, "forbidden", &[]);
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 1, "hers stays as it was");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn numbers_of_protected_actions_move_once_a_day_and_in_tens(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__GUARD__MODE", "off")]).await;
    let owner = app.owner().await;
    app.petition(&owner, json!({"muster:privacy": "protected"})).await;
    event(&app, &owner, json!({"muster:privacy": "protected", "capacity": 100})).await;
    app.tick().await;
    let take_part = async |from: u32, to: u32| {
        for n in from..to {
            let address = format!("s{n}@example.org");
            app.post(SIGN, None, &signer(&address)).await.expect(202);
            confirm(&app, &address).await;
            app.post("/api/v1/events/assembly/attendances", None, &registration(&address, 1)).await.expect(202);
            confirm(&app, &address).await;
        }
    };
    let numbers = async || {
        app.tick().await;
        app.kernel.cache_invalidator.publish(CacheInvalidation::All);
        let number = async |path: &str, token: Option<&str>, member: &str| {
            app.get(path, token).await.expect(200)[member].as_i64().unwrap()
        };
        let numbers = [
            number("/api/v1/petitions/status", None, "total_signatures").await,
            number("/api/v1/petitions/status/counts", None, "total_signatures").await,
            number("/api/v1/petitions/status", Some(&owner), "total_signatures").await,
            number("/api/v1/petitions/status/counts", Some(&owner), "total_signatures").await,
            number("/api/v1/events/assembly", Some(&owner), "total_accepted").await,
        ];
        assert!(numbers.iter().all(|n| *n == numbers[0]), "{numbers:?}");
        numbers[0]
    };
    take_part(0, 12).await;
    assert_eq!(numbers().await, 0, "not on the same day");
    app.kernel.env.advance(TimeDelta::days(1));
    assert_eq!(numbers().await, 10);
    take_part(12, 20).await;
    assert_eq!(numbers().await, 10);
    app.kernel.env.advance(TimeDelta::days(1));
    assert_eq!(numbers().await, 20);
    let event = app.get("/api/v1/events/assembly", Some(&owner)).await.expect(200);
    assert_eq!((event.get("muster:waitlisted"), event.get("muster:waitlisted_too_large")), (None, None));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_confirmation_a_second_signature_counts_until_the_night_and_mails_once(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let owner = app.owner().await;
    let mut published = Vec::new();
    for (slug, last) in [("status", "s1@example.org"), ("other", "new@example.org")] {
        app.petition(&owner, json!({"muster:slug": slug, "muster:confirmation": "none"})).await;
        let sign = format!("/api/v1/petitions/{slug}/signatures");
        for n in 1..10 {
            app.post(&sign, None, &signer(&format!("s{n}@example.org"))).await.expect(202);
        }
        app.tick().await;
        app.post(&sign, None, &signer(last)).await.expect(202);
        app.tick().await;
        app.kernel.cache_invalidator.publish(CacheInvalidation::All);
        let counts = app.get(&format!("/api/v1/petitions/{slug}/counts"), None).await.expect(200);
        published.push(counts["total_signatures"].as_i64().unwrap());
        let exact = app.get(&format!("/api/v1/petitions/{slug}"), Some(&owner)).await.expect(200);
        assert_eq!(exact["total_signatures"], if slug == "status" { 9 } else { 10 }, "rows are what they are");
    }
    assert_eq!(published, [10, 10], "the number does not tell whether the tenth was there before");

    let mails = app.mail_to("s1@example.org").await.len();
    for _ in 0..4 {
        app.post(SIGN, None, &signer("s1@example.org")).await.expect(202);
    }
    assert_eq!(app.mail_to("s1@example.org").await.len(), mails, "one mail a day for all that are given again");
    app.kernel.env.advance(TimeDelta::days(1));
    app.tick().await;
    app.kernel.cache_invalidator.publish(CacheInvalidation::All);
    assert_eq!(app.get("/api/v1/petitions/status/counts", None).await.expect(200)["total_signatures"], 0);
    assert_eq!(app.get("/api/v1/petitions/other/counts", None).await.expect(200)["total_signatures"], 10);
    app.post(SIGN, None, &signer("s1@example.org")).await.expect(202);
    assert_eq!(app.mail_to("s1@example.org").await.len(), mails + 1);
    // the recount knows them
    app.post("/api/v1/petitions/status/recount", Some(&owner), &json!({})).await;
    app.jobs().await;
    assert_eq!(
        app.count(
            "SELECT value FROM action_counts c JOIN actions a ON a.id = c.action_id AND a.slug = 'status'
                          WHERE dimension = 'total'"
        )
        .await,
        9
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_confirmation_a_second_registration_keeps_a_seat_until_the_night(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let owner = app.owner().await;
    let mut told = Vec::new();
    for (slug, second) in [("known", "victim@example.org"), ("unknown", "other@example.org")] {
        event(&app, &owner, json!({"muster:slug": slug, "muster:confirmation": "none", "capacity": 2})).await;
        let path = format!("/api/v1/events/{slug}/attendances");
        app.post(&path, None, &registration("victim@example.org", 1)).await.expect(202);
        app.tick().await;
        app.post(&path, None, &registration(second, 1)).await.expect(202);
        app.tick().await;
        app.kernel.cache_invalidator.publish(CacheInvalidation::All);
        let availability =
            app.get(&format!("/api/v1/events/{slug}"), None).await.expect(200)["muster:availability"].clone();
        // what somebody sees who registers next
        let next = format!("{slug}@example.org");
        app.post(&path, None, &registration(&next, 1)).await.expect(202);
        let kinds: Vec<String> = app.mail_to(&next).await.into_iter().map(|mail| mail.kind).collect();
        told.push((availability, kinds));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], (json!("waitlist"), vec!["event_waitlisted".to_owned()]));
    let seats = "SELECT seats_taken::bigint FROM events e JOIN actions a ON a.id = e.id AND a.slug = 'known'";
    assert_eq!(app.count(seats).await, 1);
    app.kernel.env.advance(TimeDelta::days(1));
    app.tick().await;
    assert_eq!(app.count(seats).await, 2, "the night gives the seat to who waits");
    assert!(app.mail_to("known@example.org").await.iter().any(|mail| mail.kind == "event_promoted"));
}
