//! Reminders before a start and the message after the end: once, at the right time, to those who are registered, and none that is
//! of no use any more.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, event},
    harness::{TestApp, merge, signer},
};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";

/// An event five days ahead for which Ana is registered, Bo waits, and Cem has not confirmed.
async fn hall(pool: PgPool, more: Value) -> (TestApp, String) {
    let app =
        TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50"), ("MUSTER__GUARD__MODE", "off")]).await;
    let token = app.owner().await;
    let mut body = json!({"capacity": 1, "start_date": in_hours(&app, 120), "muster:reminders": [1440, 60, 10]});
    merge(&mut body, more);
    event(&app, &token, body).await;
    for name in ["ana", "bo", "cem"] {
        app.post(REGISTER, None, &signer(&format!("{name}@example.org"))).await.expect(202);
        if name != "cem" {
            confirm(&app, &format!("{name}@example.org")).await;
        }
    }
    app.jobs().await;
    (app, token)
}

fn in_hours(app: &TestApp, hours: i64) -> Value {
    json!((app.kernel.env.now() + TimeDelta::hours(hours)).to_rfc3339())
}

/// The worker's part after the clock has moved on.
async fn after(app: &TestApp, by: TimeDelta) {
    app.kernel.env.advance(by);
    app.jobs().await;
}

/// The texts of the reminders that somebody got so far.
async fn reminders(app: &TestApp, name: &str) -> Vec<String> {
    let mails = app.mail_to(&format!("{name}@example.org")).await.into_iter();
    mails.filter(|mail| mail.kind == "event_upcoming").map(|mail| mail.text).collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_registered_are_reminded_once_at_each_time(pool: PgPool) {
    let (app, _) = hall(pool, json!({})).await;
    assert!(reminders(&app, "ana").await.is_empty());
    for (by, reminded) in [
        (TimeDelta::minutes(95 * 60), 0),
        (TimeDelta::minutes(61), 1),
        (TimeDelta::minutes(30), 1),
        (TimeDelta::minutes(22 * 60 + 30), 2),
        (TimeDelta::minutes(49), 3),
        (TimeDelta::minutes(20), 3),
        (TimeDelta::days(2), 3),
    ] {
        after(&app, by).await;
        app.jobs().await;
        assert_eq!(reminders(&app, "ana").await.len(), reminded, "{by}");
    }
    let mails = app.mail_to("ana@example.org").await;
    let first = mails.iter().find(|mail| mail.kind == "event_upcoming").unwrap();
    assert_eq!(first.subject, "Reminder: Assembly");
    assert!(first.text.contains("“Assembly” begins soon:"), "{}", first.text);
    for name in ["bo", "cem"] {
        assert!(reminders(&app, name).await.is_empty(), "{name} has no seat");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn after_a_while_without_a_worker_only_the_nearest_is_sent(pool: PgPool) {
    let (app, _) = hall(pool, json!({})).await;
    after(&app, TimeDelta::minutes(119 * 60 + 30)).await;
    assert_eq!(reminders(&app, "ana").await.len(), 1, "the day's would say the same");
    after(&app, TimeDelta::minutes(21)).await;
    assert_eq!(reminders(&app, "ana").await.len(), 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nobody_is_reminded_of_what_has_begun(pool: PgPool) {
    let (app, _) = hall(pool, json!({})).await;
    after(&app, TimeDelta::minutes(120 * 60 + 1)).await;
    assert!(reminders(&app, "ana").await.is_empty());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_mail_that_waited_until_it_was_of_no_use_is_dropped(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    // queued, and not sent before the event was moved
    after(&app, TimeDelta::minutes(96 * 60 + 1)).await;
    assert_eq!(app.count("SELECT count(*) FROM emails_waiting WHERE kind = 'event_upcoming'").await, 1);
    app.put(EVENT, Some(&token), &json!({"start_date": in_hours(&app, 48)})).await.expect(200);
    after(&app, TimeDelta::minutes(1)).await;
    assert!(reminders(&app, "ana").await.is_empty());
    // it is due again, for the new time
    after(&app, TimeDelta::hours(24)).await;
    assert_eq!(reminders(&app, "ana").await.len(), 1);
    // the hour's was queued, and the relay was away until ten minutes before
    after(&app, TimeDelta::minutes(23 * 60)).await;
    app.kernel.env.advance(TimeDelta::minutes(51));
    app.jobs().await;
    assert_eq!(reminders(&app, "ana").await.len(), 2, "the nearest says it");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_is_moved_into_the_time_of_a_reminder_is_announced_and_not_reminded_of(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    app.put(EVENT, Some(&token), &json!({"start_date": in_hours(&app, 3)})).await.expect(200);
    after(&app, TimeDelta::minutes(2)).await;
    let kinds: Vec<String> = app.mail_to("ana@example.org").await.into_iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds.last().unwrap(), "event_changed");
    assert!(reminders(&app, "ana").await.is_empty());
    after(&app, TimeDelta::minutes(2 * 60)).await;
    assert_eq!(reminders(&app, "ana").await.len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_is_called_off_is_not_reminded_of_unless_it_takes_place_after_all(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    app.put(EVENT, t, &json!({"muster:status": "cancelled"})).await.expect(200);
    after(&app, TimeDelta::minutes(96 * 60 + 1)).await;
    assert!(reminders(&app, "ana").await.is_empty());
    app.put(EVENT, t, &json!({"muster:status": "published"})).await.expect(200);
    after(&app, TimeDelta::minutes(1)).await;
    assert_eq!(reminders(&app, "ana").await.len(), 1);
    app.put(EVENT, t, &json!({"muster:status": "paused"})).await.expect(200);
    app.put(EVENT, t, &json!({"muster:status": "published"})).await.expect(200);
    after(&app, TimeDelta::minutes(1)).await;
    assert_eq!(reminders(&app, "ana").await.len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn each_day_of_repeated_sessions_is_reminded_of_in_its_own_time(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    // two weeks of evenings in Toronto, where the clocks change in the night to 14 March 2027
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let to = async |time: DateTime<Utc>| {
        app.kernel.env.advance(time - app.kernel.env.now());
        app.jobs().await;
    };
    let body = json!({
        "start_date": "2027-03-12 19:00:00", "end_date": "2027-03-12 20:00:00", "muster:reminders": [60],
        "muster:sessions": [
            {"title": "Evening", "start_date": "2027-03-12 19:00:00", "end_date": "2027-03-12 20:00:00", "rrule": "FREQ=DAILY;COUNT=4"},
            {"title": "Night", "start_date": "2027-03-12 22:00:00"},
        ],
    });
    event(&app, &token, body).await;
    app.post(REGISTER, None, &signer("ana@example.org")).await.expect(202);
    confirm(&app, "ana@example.org").await;
    for (time, reminded) in [
        ("2027-03-12T22:59:00Z", 0),
        ("2027-03-12T23:01:00Z", 1),
        // the second session of a day is none of its own
        ("2027-03-13T02:30:00Z", 1),
        ("2027-03-13T23:01:00Z", 2),
        // 18:00 is an hour earlier in UTC from now on
        ("2027-03-14T21:59:00Z", 2),
        ("2027-03-14T22:01:00Z", 3),
        ("2027-03-15T22:01:00Z", 4),
        ("2027-03-20T00:00:00Z", 4),
    ] {
        to(at(time)).await;
        assert_eq!(reminders(&app, "ana").await.len(), reminded, "{time}");
    }
    let last = reminders(&app, "ana").await.pop().unwrap().replace(['\u{a0}', '\u{202f}'], " ");
    assert!(last.contains("March 15, 2027, 7:00 p.m. EDT"), "{last}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_long_list_is_gone_through_once_also_when_it_changes_meanwhile(pool: PgPool) {
    let (app, token) = hall(pool, json!({"capacity": null})).await;
    // more than one step reads
    sqlx::query(
        "INSERT INTO people (id, vault_id, email_index, created_at, modified_at)
         SELECT md5('p' || n)::uuid, (SELECT vault_id FROM actions LIMIT 1), decode(md5('p' || n) || md5('q' || n), 'hex'), now(), now() FROM generate_series(1, 4500) n",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO attendances (id, event_id, person_id, state, accepted_at, created_at)
         SELECT md5('a' || n)::uuid, (SELECT id FROM events), md5('p' || n)::uuid, 'accepted', now(), now() FROM generate_series(1, 4500) n",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    app.kernel.env.advance(TimeDelta::minutes(96 * 60 + 1));
    assert!(app.step("remind_attendees").await);
    app.put(EVENT, Some(&token), &json!({"title": "Renamed"})).await.expect(200);
    app.jobs().await;
    let queued = "SELECT count(*) FROM emails_waiting WHERE kind = 'event_upcoming'";
    assert_eq!(app.count(queued).await, 4502);
    let twice = "SELECT count(*) FROM (SELECT FROM emails_waiting WHERE kind = 'event_upcoming' GROUP BY refs HAVING count(*) > 1) t";
    assert_eq!(app.count(twice).await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn after_the_end_they_read_what_comes_next(pool: PgPool) {
    let (app, token) = hall(pool, json!({"muster:reminders": []})).await;
    app.petition(&token, json!({})).await;
    let body = json!({"muster:follow_up": "Thank you for coming.", "muster:next_action": "/p/status"});
    app.put(EVENT, Some(&token), &body).await.expect(200);
    after(&app, TimeDelta::minutes(122 * 60 + 30)).await;
    let follow_ups = async |name: &str| {
        let mails = app.mail_to(&format!("{name}@example.org")).await;
        mails.into_iter().filter(|mail| mail.kind == "event_follow_up").collect::<Vec<_>>()
    };
    assert!(follow_ups("ana").await.is_empty());
    after(&app, TimeDelta::minutes(31)).await;
    after(&app, TimeDelta::hours(5)).await;
    let mails = follow_ups("ana").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "After “Assembly”");
    assert!(
        mails[0].text.contains("Thank you for coming.") && mails[0].text.contains("/p/status"),
        "{}",
        mails[0].text
    );
    assert!(follow_ups("bo").await.is_empty() && follow_ups("cem").await.is_empty());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mails_about_a_protected_event_name_nothing(pool: PgPool) {
    let more =
        json!({"muster:privacy": "protected", "muster:reminders": [60], "muster:follow_up": "Thank you, all of you."});
    let (app, _) = hall(pool, more).await;
    after(&app, TimeDelta::minutes(119 * 60 + 1)).await;
    app.mail().await;
    after(&app, TimeDelta::hours(4)).await;
    let mails = app.mail_to("ana@example.org").await;
    let of = |kind: &str| mails.iter().find(|mail| mail.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
    for mail in [of("event_upcoming"), of("event_follow_up")] {
        assert!(mail.attachments.is_empty() && mail.html.is_none(), "{mail:?}");
        assert!(!mail.subject.contains("Assembly") && !mail.text.contains("Assembly"), "{}", mail.text);
        assert!(!mail.text.contains("Thank you, all of you."), "{}", mail.text);
    }
    let own = of("event_follow_up").links.iter().find(|link| link.contains("/t/")).unwrap().clone();
    assert!(!app.get(app.path_of(&own), None).await.text().contains("Thank you"));
    assert!(app.open_page(&own).await.text().contains("Thank you, all of you."));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn reminders_are_a_short_list_of_minutes(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    event(&app, &token, json!({})).await;
    let shown = app.get(EVENT, t).await.expect(200);
    assert_eq!(shown["muster:reminders"], json!([1440, 60]));
    assert!(app.get(EVENT, None).await.expect(200).get("muster:reminders").is_none(), "organizers only");
    let set = app.put(EVENT, t, &json!({"muster:reminders": [10, 1440, 10]})).await.expect(200);
    assert_eq!(set["muster:reminders"], json!([1440, 10]));
    for (value, pointer) in [
        (json!([60, 4]), "/muster:reminders/1"),
        (json!([10_081]), "/muster:reminders/0"),
        (json!([5, 6, 7, 8, 9, 10]), "/muster:reminders"),
    ] {
        app.put(EVENT, t, &json!({"muster:reminders": value})).await.problem(422, "validation_failed", &[pointer]);
    }
}
