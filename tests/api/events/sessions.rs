//! Sessions: their entries in calendars, and their last day.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::event,
    harness::{TestApp, signer},
};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";

/// The entries of the calendar file: by title the UID, and whether it is cancelled.
async fn entries(app: &TestApp) -> BTreeMap<String, (String, bool)> {
    app.expire_caches();
    let file = app.get("/e/assembly.ics", None).await.text().replace("\r\n ", "");
    let value = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} {entry}")).to_owned()
    };
    let entries = file.split("BEGIN:VEVENT").skip(1);
    entries
        .map(|entry| (value(entry, "SUMMARY:"), (value(entry, "UID:"), value(entry, "STATUS:") == "CANCELLED")))
        .collect()
}

async fn sequence(app: &TestApp) -> i64 {
    app.count("SELECT calendar_sequence::bigint FROM events").await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn changes_of_sessions_are_told_and_their_entries_stay_the_same(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    let day = app.kernel.env.now() + TimeDelta::days(7);
    // a session may begin with the event, whose own entry it does not take over
    event(&app, &token, json!({"start_date": day.to_rfc3339()})).await;
    app.post(REGISTER, Some(&token), &signer("ana@example.org")).await.expect(201);
    let session = |title: &str, hours: i64| {
        let [start, end] = [hours, hours + 2].map(|hours| (day + TimeDelta::hours(hours)).to_rfc3339());
        json!({"title": title, "start_date": start, "end_date": end, "rrule": "FREQ=WEEKLY;COUNT=3"})
    };
    let put = async |sessions: Value| {
        app.put(EVENT, Some(&token), &json!({"muster:sessions": sessions})).await.expect(200);
        app.kernel.env.advance(TimeDelta::minutes(2));
        app.jobs().await;
    };
    let whole = entries(&app).await["Assembly"].clone();
    assert!(!whole.1);

    put(json!([session("Vigil", 1)])).await;
    assert_eq!(sequence(&app).await, 1);
    let first = entries(&app).await;
    let vigil = first["Assembly – Vigil"].clone();
    assert_eq!((&first["Assembly"], vigil.1), (&whole, false), "the event beside a session that is shorter");

    // moved, and another one before it
    put(json!([session("Opening", 0), session("Vigil", 2)])).await;
    let second = entries(&app).await;
    assert_eq!(second["Assembly – Vigil"], vigil);
    assert_eq!(second["Assembly"], (whole.0.clone(), true), "the entry that a session replaces ends");
    let opening = second["Assembly – Opening"].clone();
    assert!(opening.0 != vigil.0 && !opening.1);
    put(json!([session("Opening", 0), session("Vigil", 2)])).await;
    assert_eq!(sequence(&app).await, 2, "the same again is no change");

    put(json!([session("Opening of the vigil", 0)])).await;
    let third = entries(&app).await;
    assert_eq!(third["Assembly – Opening of the vigil"], opening, "renamed at its time");
    assert_eq!(third["Assembly – Vigil"], (vigil.0.clone(), true), "dropped");
    put(json!([])).await;
    let last = entries(&app).await;
    assert_eq!(last["Assembly"], whole);
    assert_eq!(last.values().filter(|(_, is_cancelled)| *is_cancelled).count(), 2, "{last:?}");

    let mails = app.mail_to("ana@example.org").await;
    let changed: Vec<&str> =
        mails.iter().filter(|mail| mail.kind == "event_changed").map(|mail| mail.text.as_str()).collect();
    assert_eq!(changed.len(), 4);
    assert!(changed.iter().all(|text| text.contains("- program") && !text.contains("- date and time")), "{changed:?}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_draft_leaves_no_entries_behind(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let day = app.kernel.env.now() + TimeDelta::days(7);
    let [start, end] = [day, day + TimeDelta::hours(2)].map(|at| at.to_rfc3339());
    event(&app, &token, json!({"muster:status": "draft", "start_date": start})).await;
    let sessions = json!({"muster:sessions": [{"title": "Vigil", "start_date": start, "end_date": end}], "muster:status": "published"});
    app.put(EVENT, Some(&token), &sessions).await.expect(200);
    assert_eq!(entries(&app).await.len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn no_repetition_goes_on_after_the_last_day(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let start = (app.kernel.env.now() + TimeDelta::days(7)).to_rfc3339();
    let last = (app.kernel.env.now() + TimeDelta::days(30)).date_naive().to_string();
    let protected = |rule: &str| {
        json!({"title": "Long", "start_date": start, "muster:destroy_after": last, "muster:privacy": "protected",
               "muster:sessions": [{"title": "Vigil", "start_date": start, "rrule": rule}]})
    };
    for rule in ["FREQ=WEEKLY;COUNT=6", "FREQ=WEEKLY"] {
        let refused = app.post("/api/v1/events", Some(&token), &protected(rule)).await;
        refused.problem(422, "validation_failed", &["/muster:destroy_after"]);
    }
    app.post("/api/v1/events", Some(&token), &protected("FREQ=WEEKLY;COUNT=3")).await.expect(201);
}
