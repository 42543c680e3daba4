//! Everybody who is registered or waits is told once when an event is called off or changes.

use axum::http::header;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, event},
    harness::{TestApp, merge, signer},
};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";

/// An event with one seat: Ana is registered, Bo waits, Cem has not confirmed. Cleared of their mails.
async fn hall(pool: PgPool, more: Value) -> (TestApp, String) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    let mut body = json!({"capacity": 1});
    merge(&mut body, more);
    event(&app, &token, body).await;
    for name in ["ana", "bo", "cem"] {
        app.post(REGISTER, None, &signer(&format!("{name}@example.org"))).await.expect(202);
        if name != "cem" {
            confirm(&app, &format!("{name}@example.org")).await;
        }
    }
    app.mail().await;
    (app, token)
}

/// The mails of these kinds to an address, as kind, subject and text, once what has changed is announced.
async fn told(app: &TestApp, address: &str) -> Vec<(String, String, String)> {
    app.kernel.env.advance(TimeDelta::minutes(2));
    app.jobs().await;
    let mails = app.mail_to(&format!("{address}@example.org")).await.into_iter();
    let told = mails.filter(|mail| ["event_changed", "event_called_off"].contains(&mail.kind.as_str()));
    told.map(|mail| (mail.kind, mail.subject, mail.text)).collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn calling_off_tells_everybody_once_and_calendars_drop_it(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    let sequence = async || {
        let file = app.get("/e/assembly.ics", None).await.text();
        let line = file.lines().find(|line| line.starts_with("SEQUENCE:")).unwrap().to_owned();
        (line, file.contains("STATUS:CANCELLED"))
    };
    assert_eq!(sequence().await, ("SEQUENCE:0".to_owned(), false));
    let off = json!({"muster:status": "cancelled", "muster:status_reason": "The hall is flooded."});
    for _ in 0..2 {
        app.put(EVENT, t, &off).await.expect(200);
    }
    app.jobs().await;
    for name in ["ana", "bo"] {
        let told = told(&app, name).await;
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        let (kind, subject, text) = &told[0];
        assert_eq!((kind.as_str(), subject.as_str()), ("event_called_off", "Cancelled: Assembly"));
        assert!(text.contains("The hall is flooded.") && text.contains("will not take place"), "{text}");
    }
    assert!(told(&app, "cem").await.is_empty(), "who has not confirmed is not registered");
    assert_eq!(sequence().await, ("SEQUENCE:1".to_owned(), true));
    let page = app.get("/e/assembly", None).await.text();
    assert!(page.contains("The hall is flooded.") && !page.contains("name=\"email\""), "{page}");
    app.post(REGISTER, t, &signer("dee@example.org")).await.problem(409, "action_closed", &[]);

    // it takes place after all
    app.put(EVENT, t, &json!({"muster:status": "published", "muster:status_reason": ""})).await.expect(200);
    for name in ["ana", "bo"] {
        let told = told(&app, name).await;
        assert_eq!(told.len(), 2, "{name}: {told:?}");
        assert!(told[1].2.contains("takes place after all"), "{}", told[1].2);
    }
    assert_eq!(sequence().await, ("SEQUENCE:2".to_owned(), false));
    app.delete(EVENT, t).await.expect(200);
    assert_eq!(told(&app, "ana").await.pop().unwrap().0, "event_called_off", "put away, it does not take place either");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_change_is_named_and_those_who_wait_hear_of_it(pool: PgPool) {
    let (app, token) = hall(pool, json!({"muster:confirmation": "email"})).await;
    let start = (app.kernel.env.now() + TimeDelta::days(9)).to_rfc3339();
    app.put(EVENT, Some(&token), &json!({"title": "Assembly", "capacity": 1})).await.expect(200);
    assert!(told(&app, "ana").await.is_empty(), "nothing that they need to know");
    let change = json!({"start_date": start, "instructions": "https://meet.example.org/x"});
    app.put(EVENT, Some(&token), &change).await.expect(200);
    let ana = told(&app, "ana").await;
    let bo = told(&app, "bo").await;
    assert_eq!((ana.len(), bo.len()), (1, 1));
    let (kind, subject, text) = &ana[0];
    assert_eq!((kind.as_str(), subject.as_str()), ("event_changed", "Changed: Assembly"));
    assert!(text.contains("- date and time") && text.contains("- how to join") && !text.contains("- place"), "{text}");
    assert!(text.contains("https://meet.example.org/x"));
    assert!(bo[0].2.contains("You are still on the waitlist") && !bo[0].2.contains("meet.example.org"), "{}", bo[0].2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_event_that_goes_online_says_so(pool: PgPool) {
    let place = json!({"venue": "Union hall"});
    let (app, token) = hall(pool, json!({"location": place})).await;
    app.put(EVENT, Some(&token), &json!({"muster:format": "online"})).await.expect(200);
    let online = told(&app, "ana").await.pop().unwrap().2;
    assert!(online.contains("- how it takes place: in person or online"), "{online}");
    assert!(online.contains("Format: Online") && !online.contains("- place"), "{online}");
    app.put(EVENT, Some(&token), &json!({"muster:format": "in_person"})).await.expect(200);
    let back = told(&app, "ana").await.pop().unwrap().2;
    assert!(back.contains("- how it takes place: in person or online") && back.contains("Where: Union hall"), "{back}");
    assert!(!back.contains("Format:"), "{back}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_opens_later_says_so(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let now = app.kernel.env.now();
    let at = |days: i64| (now + TimeDelta::days(days)).to_rfc3339();
    event(&app, &token, json!({"start_date": "2099-05-01 18:00", "muster:opens_at": "2099-01-05T15:00:00Z"})).await;
    let availability = async || app.get(EVENT, None).await.expect(200)["muster:availability"].clone();
    assert_eq!(availability().await, "closed");
    let refused = app.post(REGISTER, None, &signer("ana@example.org")).await;
    refused.problem(409, "action_closed", &[]);
    assert!(refused.text().contains("2099-01-05T15:00:00Z"), "{}", refused.text());
    let page = app.get("/e/assembly", None).await.text().replace('\u{a0}', " ");
    assert!(page.contains("Opens on Monday, January 5, 2099, 10:00 a.m. EST."), "{page}");
    app.put(EVENT, Some(&token), &json!({"muster:opens_at": at(-1)})).await.expect(200);
    app.expire_caches();
    assert_eq!(availability().await, "open");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn changes_that_follow_one_another_are_one_mail(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    let before = app.get(EVENT, t).await.expect(200)["start_date"].clone();
    let later = json!((app.kernel.env.now() + TimeDelta::days(9)).to_rfc3339());
    app.put(EVENT, t, &json!({"start_date": later})).await.expect(200);
    app.put(EVENT, t, &json!({"location": {"venue": "New hall"}})).await.expect(200);
    let ana = told(&app, "ana").await;
    assert_eq!(ana.len(), 1, "{ana:?}");
    assert!(ana[0].2.contains("- date and time") && ana[0].2.contains("- place"), "{}", ana[0].2);
    // what is taken back was no change
    app.put(EVENT, t, &json!({"start_date": before})).await.expect(200);
    app.put(EVENT, t, &json!({"start_date": later})).await.expect(200);
    assert_eq!(told(&app, "ana").await.len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_was_called_off_takes_place_after_all_and_says_what_is_new(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    let in_days = |days| json!((app.kernel.env.now() + TimeDelta::days(days)).to_rfc3339());
    app.put(EVENT, t, &json!({"start_date": in_days(9)})).await.expect(200);
    assert_eq!(told(&app, "ana").await.len(), 1);
    let (off, on) = (json!({"muster:status": "cancelled"}), json!({"muster:status": "published"}));
    for (n, more, is_new) in [(3, json!({}), false), (5, json!({"start_date": in_days(20)}), true)] {
        app.put(EVENT, t, &off).await.expect(200);
        assert_eq!(told(&app, "ana").await.len(), n - 1);
        let mut body = on.clone();
        merge(&mut body, more);
        app.put(EVENT, t, &body).await.expect(200);
        let ana = told(&app, "ana").await;
        let (kind, _, text) = &ana[n - 1];
        assert_eq!(kind, "event_changed");
        assert!(text.contains("takes place after all") && !text.contains("has changed"), "{text}");
        assert_eq!(text.contains("- date and time"), is_new, "{text}");
    }
    // changed while it is called off, and published later
    app.put(EVENT, t, &off).await.expect(200);
    app.put(EVENT, t, &json!({"start_date": in_days(30)})).await.expect(200);
    assert_eq!(told(&app, "ana").await.len(), 6);
    app.put(EVENT, t, &on).await.expect(200);
    let ana = told(&app, "ana").await;
    assert!(ana.len() == 7 && ana[6].2.contains("takes place after all") && ana[6].2.contains("- date and time"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_date_that_was_mistyped_into_the_past_is_told_once_it_is_right(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    let in_days = |days| json!((app.kernel.env.now() + TimeDelta::days(days)).to_rfc3339());
    app.put(EVENT, t, &json!({"start_date": in_days(-60)})).await.expect(200);
    assert!(told(&app, "ana").await.is_empty(), "nobody can come to what is over");
    app.put(EVENT, t, &json!({"start_date": in_days(60)})).await.expect(200);
    let ana = told(&app, "ana").await;
    assert!(ana.len() == 1 && ana[0].2.contains("- date and time"), "{ana:?}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pages_behind_mailed_links_say_that_the_event_is_off_or_over(pool: PgPool) {
    let (app, token) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    let link = async |address: &str, kind: &str, n: usize| {
        let mails = app.mail_to(address).await;
        let mail = mails.into_iter().find(|mail| mail.kind == kind).unwrap();
        mail.links[n].clone()
    };
    let confirm = link("cem@example.org", "event_confirm", 0).await;
    let own = {
        let mails = app.mail_to("ana@example.org").await;
        let mail = mails.into_iter().find(|mail| mail.kind == "event_registered").unwrap();
        mail.links.into_iter().find(|link| link.contains("/t/")).unwrap()
    };
    let confirmed = link("ana@example.org", "event_confirm", 0).await;
    let off = json!({"muster:status": "cancelled", "muster:status_reason": "The hall is flooded."});
    app.put(EVENT, t, &off).await.expect(200);
    for said in ["This event has been cancelled.", "This event has ended."] {
        let pages = [
            app.get(app.path_of(&confirm), None).await,
            app.press(&confirm).await,
            app.get(app.path_of(&confirmed), None).await,
            app.open_page(&own).await,
        ];
        for page in pages {
            assert_eq!(page.status, 200);
            let page = page.text();
            assert!(page.contains(said), "{page}");
            assert_eq!(page.contains("The hall is flooded."), said.contains("cancelled"), "{page}");
            for invites in ["until you press", "See you at", "please cancel", "Cancel my registration"] {
                assert!(!page.contains(invites), "{invites}: {page}");
            }
        }
        let past = (app.kernel.env.now() - TimeDelta::days(3)).to_rfc3339();
        let over = json!({"muster:status": "published", "muster:status_reason": "", "start_date": past});
        app.put(EVENT, t, &over).await.expect(200);
    }
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE state = 'pending'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mails_about_a_protected_event_name_nothing(pool: PgPool) {
    let (app, token) = hall(pool, json!({"muster:privacy": "protected"})).await;
    let off = json!({"muster:status": "cancelled", "muster:status_reason": "The hall is flooded."});
    app.put(EVENT, Some(&token), &off).await.expect(200);
    assert_eq!(told(&app, "ana").await.len(), 1);
    let told = app.mail_to("ana@example.org").await.pop().unwrap();
    assert_eq!((told.kind.as_str(), told.subject.as_str()), ("event_called_off", "An update about your request"));
    assert!(!told.text.contains("Assembly") && !told.text.contains("flooded"), "{}", told.text);
    assert!(told.html.is_none() && told.attachments.is_empty(), "plain and without a file");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_larger_party_that_does_not_fit_keeps_its_seat_and_is_told_so(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 2})).await;
    for (name, size) in [("ana", 1), ("bo", 1)] {
        let mut body = signer(&format!("{name}@example.org"));
        merge(&mut body, json!({"muster:party_size": size}));
        app.post(REGISTER, Some(&token), &body).await.expect(201);
    }
    let mut larger = signer("ana@example.org");
    merge(&mut larger, json!({"muster:party_size": 2}));
    app.post(REGISTER, None, &larger).await.expect(202);
    let mail = app.mail_to("ana@example.org").await.into_iter().find(|mail| mail.kind == "event_confirm").unwrap();
    let page = app.press(&mail.links[0]).await.text();
    assert!(page.contains("Your earlier registration stays") && !page.contains("This event is full"), "{page}");
    let again = app.get(app.path_of(&mail.links[0]), None).await.text();
    assert!(again.contains("Your earlier registration stays"), "{again}");
    for page in [&page, &again] {
        assert!(page.contains("<dt>Number of people</dt><dd>1</dd>"), "the party that counts: {page}");
    }
    let mails = app.mail_to("ana@example.org").await;
    let told = &mails.iter().rfind(|mail| mail.kind == "event_declined").unwrap().text;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("no room for a larger group. Your earlier registration stays as it is: one person."),
        "{told}"
    );
    assert_eq!(app.count("SELECT seats_taken::bigint FROM events").await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn footers_say_who_entered_the_address(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 1})).await;
    let (vouched, confirmed) = ("the organizers registered you with this address", "you confirmed this address");
    app.post(REGISTER, Some(&token), &signer("ana@example.org")).await.expect(201);
    app.post(REGISTER, Some(&token), &signer("bo@example.org")).await.expect(201);
    app.post(REGISTER, None, &signer("cem@example.org")).await.expect(202);
    confirm(&app, "cem@example.org").await;
    let mut kinds = Vec::new();
    // the first mails, and later ones about the same registrations
    for capacity in [None, Some(2)] {
        if let Some(capacity) = capacity {
            app.put(EVENT, Some(&token), &json!({"capacity": capacity})).await.expect(200);
        }
        for (address, why, not) in
            [("ana", vouched, confirmed), ("bo", vouched, confirmed), ("cem", confirmed, vouched)]
        {
            let mails = app.mail_to(&format!("{address}@example.org")).await.into_iter();
            for mail in mails.filter(|mail| mail.kind != "event_confirm") {
                let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(why) && !text.contains(not), "{} {address}: {text}", mail.kind);
                assert!(mail.html.unwrap().contains(why));
                kinds.push(format!("{address} {}", mail.kind));
            }
        }
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["ana event_registered", "bo event_promoted", "bo event_waitlisted", "cem event_waitlisted"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn calendar_files_have_validators_and_rules_that_calendars_understand(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({})).await;
    let file = app.get("/e/assembly.ics", None).await;
    let etag = file.headers[header::ETAG].to_str().unwrap().to_owned();
    app.kernel.env.advance(TimeDelta::hours(1));
    let again = app.request(axum::http::Method::GET, "/e/assembly.ics", None, &[("if-none-match", &etag)], None).await;
    assert_eq!(again.status, 304, "nothing has changed");
    let session = |rule: &str| json!({"muster:sessions": [{"title": "Vigil", "start_date": "2031-03-01T19:00:00Z", "rrule": rule}]});
    for rule in ["FREQ=WEEKLY;BYDAY=XX", "FREQ=YEARLY;BYMONTH=13", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=0"] {
        let reply = app.put(EVENT, Some(&token), &session(rule)).await;
        reply.problem(422, "validation_failed", &["/muster:sessions/0/rrule"]);
    }
    app.put(EVENT, Some(&token), &session("FREQ=WEEKLY;COUNT=6")).await.expect(200);
    app.expire_caches();
    let file = app.get("/e/assembly.ics", None).await.text();
    assert!(file.contains("RRULE:FREQ=WEEKLY;COUNT=6"), "{file}");
    let page = app.get("/e/assembly", None).await.text();
    assert!(page.contains("every week, 6 times"), "{page}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_calendar_of_a_protected_event_says_when_and_nothing_else(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let soon = app.kernel.env.now() + TimeDelta::days(7);
    let sessions = json!([{"title": "Vigil", "start_date": soon.to_rfc3339()}]);
    let place = json!({"venue": "Union hall", "address_lines": ["1 Elm St"], "locality": "Toronto"});
    event(&app, &token, json!({"muster:privacy": "protected", "summary": "Undocumented", "location": place})).await;
    let page = app.get("/e/assembly", None).await.text();
    assert!(!page.contains("Add to calendar"), "no button writes its name into a telephone");
    assert!(page.contains("<a href=\"/e/assembly.ics\">Calendar entry without name and place</a>"), "{page}");
    for more in [json!({}), json!({"muster:sessions": sessions})] {
        app.put(EVENT, Some(&token), &more).await.expect(200);
        app.expire_caches();
        let reply = app.get("/e/assembly.ics", None).await;
        assert_eq!(reply.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"calendar.ics\"");
        let file = reply.text();
        assert!(file.contains("SUMMARY:Appointment\r\n") && file.contains("DTSTART"), "{file}");
        for told in
            ["Assembly", "assembly", "Undocumented", "Union", "Elm", "Vigil", "LOCATION", "DESCRIPTION", "URL", "@"]
        {
            assert!(!file.contains(told), "{told}: {file}");
        }
    }
}
