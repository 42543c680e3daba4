//! Time zones by the rules of today: in the JSON, on the page, in the calendar file, and in the hours of mailboxes.

use chrono::TimeDelta;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    fixtures,
    harness::{TestApp, signer},
};

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_west_of_canada_changes_its_clocks_no_more(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for (zone, at) in [
        ("America/Vancouver", "2027-03-02T01:00:00Z"),
        ("America/Edmonton", "2027-03-02T00:00:00Z"),
        ("America/Winnipeg", "2027-03-01T23:00:00Z"),
        ("America/Toronto", "2027-03-01T23:00:00Z"),
    ] {
        let slug = zone.rsplit('/').next().unwrap().to_lowercase();
        let more =
            json!({"muster:slug": slug, "start_date": "2027-03-01 18:00:00.000123", "timezone_identifier": zone});
        fixtures::event(&app, &token, more).await;
        let event = app.get(&format!("/api/v1/events/{slug}"), None).await.expect(200);
        assert_eq!((&event["start_date"], &event["timezone_identifier"]), (&json!(at), &json!(zone)));
        let page = app.get(&format!("/e/{slug}"), None).await.text();
        assert!(page.contains("6:00\u{a0}p.m.") && page.contains("8:00\u{a0}p.m."), "{zone} {page}");
        let file = app.get(&format!("/e/{slug}.ics"), None).await.text();
        assert!(file.contains(&format!("DTSTART;TZID={zone}:20270301T180000\r\n")), "{file}");
        assert!(file.contains("BEGIN:VTIMEZONE"), "{file}");
    }
    let file = app.get("/e/vancouver.ics", None).await.text();
    assert!(file.contains("DTSTART:20261101T020000\r\nTZOFFSETFROM:-0700\r\nTZOFFSETTO:-0700\r\n"), "{file}");
    for zone in ["Mars/Base", "america/toronto", "Eastern Standard Time", "-05:00", "right/America/Toronto"] {
        let body = json!({"title": "March", "timezone_identifier": zone});
        app.post("/api/v1/events", Some(&token), &body).await.problem(
            422,
            "validation_failed",
            &["/timezone_identifier"],
        );
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_unknown_zone_pauses_its_mailbox_and_no_other(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    fixtures::office(&app, &token, "minister").await;
    let other =
        json!({"title": "Premier", "muster:slug": "premier", "muster:mailboxes": ["premier@office.example.org"]});
    app.post("/api/v1/offices", Some(&token), &other).await.expect(201);
    fixtures::letter_action(&app, &token, json!({"muster:targets": ["minister", "premier"]})).await;
    app.put("/api/v1/advocacy_campaigns/write", Some(&token), &json!({"muster:live": true})).await.expect(200);
    let write = async |address: &str| {
        app.post("/api/v1/advocacy_campaigns/write/outreaches", Some(&token), &signer(address)).await.expect(201)
    };
    write("one@example.org").await;
    assert_eq!(app.mail_to("@office.example.org").await.len(), 2);
    // as after a move to a machine with an older database of zones
    let lane: String = sqlx::query_scalar(
        "UPDATE mail_lanes SET timezone = 'America/Atlantis', opens_at = '00:00', closes_at = '23:59:59'
         WHERE lane = (SELECT min(lane) FROM mail_lanes) RETURNING lane",
    )
    .fetch_one(&app.kernel.db)
    .await
    .unwrap();
    write("two@example.org").await;
    app.post(
        "/api/v1/petitions",
        Some(&token),
        &json!({"title": "Status", "muster:slug": "status", "muster:status": "published"}),
    )
    .await
    .expect(201);
    app.post("/api/v1/petitions/status/signatures", None, &signer("three@example.org")).await.expect(202);
    let mails = app.mail().await;
    let to = |part: &str| mails.iter().filter(|mail| mail.to.contains(part)).count();
    assert_eq!((to("@office.example.org"), to("three@example.org")), (3, 1), "all but the one mailbox");
    let paused = async || {
        let summary = app.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
        let lanes = summary["muster:lanes"].as_array().unwrap().clone();
        lanes.into_iter().find(|l| l["lane"] == lane.as_str()).unwrap_or_default()
    };
    let found = paused().await;
    assert_eq!(
        (&found["paused"], &found["pause_reason"], &found["hours"]["timezone"]),
        (&json!(true), &json!("unknown_time_zone"), &json!("America/Atlantis"))
    );
    // it goes on once its hours are in a zone that is known
    let path = format!("/api/v1/mail/lanes/{lane}");
    let clock = |hours: i64| (app.kernel.env.now() + TimeDelta::hours(hours)).format("%H:%M").to_string();
    let hours = |zone: &str| json!({"paused": false, "hours": {"opens_at": clock(-1), "closes_at": clock(1), "timezone": zone}});
    for body in [json!({"paused": false}), hours("America/Atlantis"), hours("Canada/Nowhere")] {
        app.put(&path, Some(&token), &body).await.problem(422, "validation_failed", &["/hours/timezone"]);
    }
    assert_eq!(paused().await["pause_reason"], "unknown_time_zone");
    app.put(&path, Some(&token), &hours("UTC")).await.expect(200);
    assert_eq!(app.mail_to("@office.example.org").await.len(), 4);
}

#[test]
fn the_rules_in_force_say_what_they_are() {
    let rules = muster::kernel::zones::describe();
    assert!(rules.starts_with("IANA 2"), "{rules}");
}
