//! Sessions: they move with the event, it is over when the last of them is, and mails and calendars name them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, event},
    harness::{TestApp, signer},
};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn sessions_move_with_the_start_by_the_clock_on_the_wall(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let sessions = json!([
        {"title": "Opening", "start_date": "2031-03-01 18:00", "end_date": "2031-03-01 19:00"},
        {"title": "Vigil", "start_date": "2031-03-02 20:00", "rrule": "FREQ=WEEKLY;UNTIL=20310401"},
    ]);
    event(&app, &token, json!({"start_date": "2031-03-01 18:00", "muster:sessions": sessions})).await;
    // the clocks were put forward in between
    app.put(EVENT, t, &json!({"start_date": "2031-07-01 18:00"})).await.expect(200);
    let moved = app.get(EVENT, t).await.expect(200);
    let session = |i: usize, member: &str| moved["muster:sessions"][i][member].as_str().unwrap().to_owned();
    assert_eq!(session(0, "start_date"), "2031-07-01T22:00:00Z");
    assert_eq!(session(0, "end_date"), "2031-07-01T23:00:00Z");
    assert_eq!(session(1, "start_date"), "2031-07-03T00:00:00Z");
    assert_eq!(session(1, "rrule"), "FREQ=WEEKLY;UNTIL=20310802T035959Z");
    app.expire_caches();
    let file = app.get("/e/assembly.ics", None).await.text();
    assert!(file.contains("DTSTART;TZID=America/Toronto:20310701T180000") && !file.contains(":20310301T"), "{file}");
    // whoever sends them says where they are
    let said = json!({"start_date": "2031-08-01 18:00", "muster:sessions": moved["muster:sessions"]});
    let kept = app.put(EVENT, t, &said).await.expect(200);
    assert_eq!(kept["muster:sessions"], moved["muster:sessions"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_series_is_over_after_its_last_session(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let start = app.kernel.env.now() - TimeDelta::days(3);
    let end = start + TimeDelta::hours(2);
    let weekly = json!([{"title": "Vigil", "start_date": rfc3339(start), "end_date": rfc3339(end), "rrule": "FREQ=WEEKLY;COUNT=6"}]);
    event(&app, &token, json!({"start_date": rfc3339(start), "end_date": rfc3339(end), "muster:sessions": weekly}))
        .await;
    let page = app.get("/e/assembly", None).await.text();
    assert!(page.contains("name=\"email\"") && !page.contains("This event has ended"), "{page}");
    app.post(REGISTER, None, &signer("ana@example.org")).await.expect(202);
    confirm(&app, "ana@example.org").await;
    app.kernel.env.advance(TimeDelta::days(34));
    app.expire_caches();
    let page = app.get("/e/assembly", None).await.text();
    assert!(page.contains("This event has ended") && !page.contains("name=\"email\""), "{page}");
    app.post(REGISTER, None, &signer("bo@example.org")).await.problem(409, "action_closed", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mails_and_calendars_name_the_sessions_and_the_event(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    let vigil = json!({"title": "Evening vigil", "start_date": "2031-03-02 19:00", "end_date": "2031-03-02 21:00", "rrule": "FREQ=DAILY;COUNT=5"});
    let camp = json!({"start_date": "2031-03-01 10:00", "end_date": "2031-03-09 10:00", "muster:sessions": [vigil]});
    event(&app, &token, camp).await;
    app.post(REGISTER, None, &signer("ana@example.org")).await.expect(202);
    confirm(&app, "ana@example.org").await;
    let mails = app.mail_to("ana@example.org").await;
    for kind in ["event_confirm", "event_registered"] {
        let text = &mails.iter().find(|mail| mail.kind == kind).unwrap().text;
        assert!(text.contains("Evening vigil") && text.contains("every day, 5 times"), "{kind}: {text}");
    }
    let file = app.get("/e/assembly.ics", None).await.text();
    for line in ["DTSTART;TZID=America/Toronto:20310301T100000\r\n", "DTSTART;TZID=America/Toronto:20310302T190000\r\n"]
    {
        assert!(file.contains(line), "{line} {file}");
    }
    // a session as long as the event is the event
    let whole = json!({"title": "Vigil", "start_date": "2031-03-01 10:00", "end_date": "2031-03-09 10:00"});
    app.put(EVENT, Some(&token), &json!({"muster:sessions": [whole]})).await.expect(200);
    app.expire_caches();
    let file = app.get("/e/assembly.ics", None).await.text();
    let entries = ["STATUS:CONFIRMED", "STATUS:CANCELLED"].map(|status| file.matches(status).count());
    assert_eq!(entries, [1, 2], "the session; the event's own entry and the vigil leave the calendars: {file}");
}
