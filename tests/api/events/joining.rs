//! Joining online: who gets to the link, when, and that it stands nowhere.

use axum::http::{Method, header};
use chrono::TimeDelta;
use muster::{
    events::{JOIN_AT_ONCE, JOIN_EVENT},
    kernel::links::Purpose,
    mail::Mail,
    organizers::Role,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::{
    fixtures::{confirm, event},
    harness::{Reply, TestApp, merge, signer},
    service::logging::Captured,
};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";
const JOINING: &str = "/api/v1/events/assembly/joining";
const LINK: &str = "https://meet.example.org/canary7f3a?pwd=canary7f3a";
const INTERPRETATION: &str = "https://meet.example.org/es/canary7f3a";

/// An assembly a week ahead that lasts two hours, with all that it can be joined with.
async fn online(pool: PgPool, more: Value) -> (TestApp, String) {
    let app =
        TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50"), ("MUSTER__GUARD__MODE", "off")]).await;
    let token = app.owner().await;
    let mut body = json!({"muster:format": "online"});
    merge(&mut body, more);
    event(&app, &token, body).await;
    let joining = json!({
        "muster:join_url": LINK, "muster:interpretation_url": INTERPRETATION, "muster:dial_in": "+1 416 555 0100, code canary7f3a",
        "muster:note": "Press the dots to change your name.",
    });
    app.put(JOINING, Some(&token), &joining).await.expect(200);
    // nobody is registered who could be told
    app.kernel.env.advance(TimeDelta::seconds(20));
    app.jobs().await;
    (app, token)
}

/// Moves the clock to so many minutes before the start.
fn before_start(app: &TestApp, minutes: i64) {
    let start = TimeDelta::days(7) - app.kernel.env.ahead();
    app.kernel.env.advance(start - TimeDelta::minutes(minutes));
    app.expire_caches();
}

async fn register(app: &TestApp, name: &str) {
    let address = format!("{name}@example.org");
    app.post(REGISTER, None, &signer(&address)).await.expect(202);
    confirm(app, &address).await;
}

/// The link of a purpose in a mail.
fn link_of(app: &TestApp, mail: &Mail, purpose: Purpose) -> Option<String> {
    let is_of = |link: &&String| {
        let token = link.split_once("/t/").and_then(|(_, token)| app.kernel.links.parse(token));
        token.is_some_and(|token| token.purpose == purpose)
    };
    mail.links.iter().find(is_of).cloned()
}

/// The page with the join button of somebody who is registered.
async fn join_page(app: &TestApp, name: &str) -> String {
    let mails = app.mail_to(&format!("{name}@example.org")).await;
    let registered = mails.iter().rev().find(|mail| mail.kind == "event_registered").unwrap();
    link_of(app, registered, JOIN_EVENT).unwrap_or_else(|| panic!("{}", registered.text))
}

/// Presses the button of a page; the answer itself, not the page that it leads to.
async fn press(app: &TestApp, url: &str) -> Reply {
    app.post_form(app.path_of(url), &[]).await
}

fn leads_to(reply: &Reply) -> Option<&str> {
    (reply.status == 303).then(|| reply.headers[header::LOCATION].to_str().unwrap())
}

/// Sends the form of the event's page.
async fn send_form(app: &TestApp, name: &str) -> Reply {
    let address = format!("{name}@example.org");
    app.post_form("/e/assembly", &[("given_name", "Ana"), ("email", &address), ("party_size", "1")]).await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_button_leads_the_registered_to_the_link_while_it_is_open(pool: PgPool) {
    let (app, _) = online(pool, json!({})).await;
    register(&app, "ana").await;
    let page = join_page(&app, "ana").await;
    let path = app.path_of(&page).to_owned();
    let early = app.get(&path, None).await.text();
    assert!(early.contains("You can join from") && !early.contains("<button"), "{early}");
    assert_eq!(press(&app, &page).await.status, 200);
    before_start(&app, 31);
    assert_eq!(press(&app, &page).await.status, 200);

    before_start(&app, 29);
    let open = app.get(&path, None).await;
    let text = open.text();
    assert!(text.contains("Join now") && text.contains("Press the dots to change your name."), "{text}");
    assert!(text.contains("+1 416 555 0100") && !text.contains("meet.example.org"), "{text}");
    let policy = open.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https:;"), "browsers refuse the redirect otherwise: {policy}");
    let pressed = press(&app, &page).await;
    assert_eq!(leads_to(&pressed), Some(LINK));
    assert_eq!(pressed.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(pressed.headers[header::REFERRER_POLICY], "no-referrer");
    assert!(pressed.text().is_empty());
    assert_eq!(leads_to(&app.post_form(&path, &[("to", "interpretation")]).await), Some(INTERPRETATION));
    before_start(&app, -119);
    assert_eq!(leads_to(&press(&app, &page).await), Some(LINK), "whoever is late joins, too");
    before_start(&app, -121);
    let over = press(&app, &page).await;
    assert!(over.status == 200 && over.text().contains("This event has ended."), "{}", over.text());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_link_is_replaced_for_all_and_taken_away_from_one(pool: PgPool) {
    let (app, token) = online(pool, json!({})).await;
    let t = Some(token.as_str());
    for name in ["ana", "bo", "cem"] {
        register(&app, name).await;
    }
    let mut pages = Vec::new();
    for name in ["ana", "bo", "cem"] {
        pages.push(join_page(&app, name).await);
    }
    before_start(&app, 20);
    app.put(JOINING, t, &json!({"muster:join_url": "https://other.example.org/room"})).await.expect(200);
    app.kernel.env.advance(TimeDelta::seconds(20));
    app.jobs().await;
    for page in &pages {
        assert_eq!(leads_to(&press(&app, page).await), Some("https://other.example.org/room"));
    }
    assert!(
        app.mail_to("ana@example.org").await.iter().all(|mail| mail.kind != "event_changed"),
        "the page is the same"
    );

    let list = app
        .get(&format!("{REGISTER}?filter=email_address eq 'bo@example.org'").replace(' ', "%20"), t)
        .await
        .expect(200);
    let bo = list["_embedded"]["osdi:attendances"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    let one = app.put(&format!("{REGISTER}/{bo}"), t, &json!({"muster:may_join": false})).await.expect(200);
    assert_eq!((&one["muster:may_join"], &one["muster:state"]), (&json!(false), &json!("accepted")));
    assert!(press(&app, &pages[1]).await.text().contains("You cannot join with this page."));
    assert_eq!(leads_to(&press(&app, &pages[0]).await), Some("https://other.example.org/room"));
    app.put(&format!("{REGISTER}/{bo}"), t, &json!({"muster:may_join": true})).await.expect(200);
    assert!(leads_to(&press(&app, &pages[1]).await).is_some());

    // whoever cancels does not join any more
    let mails = app.mail_to("cem@example.org").await;
    let own = mails.iter().find_map(|mail| link_of(&app, mail, muster::events::MANAGE_ATTENDANCE)).unwrap();
    app.press(&own).await;
    assert!(press(&app, &pages[2]).await.text().contains("You cannot join with this page."));

    app.put(EVENT, t, &json!({"muster:status": "cancelled"})).await.expect(200);
    let off = press(&app, &pages[0]).await;
    assert!(off.status == 200 && off.text().contains("This event has been cancelled."), "{}", off.text());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn those_who_are_registered_are_told_of_the_first_link_only(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"muster:format": "online", "muster:reminders": []})).await;
    register(&app, "ana").await;
    let changed = async || {
        app.kernel.env.advance(TimeDelta::seconds(20));
        app.jobs().await;
        let mails = app.mail_to("ana@example.org").await;
        mails.into_iter().filter(|mail| mail.kind == "event_changed").collect::<Vec<_>>()
    };
    assert!(changed().await.is_empty());
    for (n, url) in ["https://meet.example.org/a", "https://meet.example.org/b"].iter().enumerate() {
        app.put(JOINING, Some(&token), &json!({"muster:join_url": url})).await.expect(200);
        let told = changed().await;
        assert_eq!(told.len(), 1, "{n}");
        assert!(told[0].text.contains("- how to join"), "{}", told[0].text);
        assert!(link_of(&app, &told[0], JOIN_EVENT).is_some());
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn from_half_an_hour_before_the_form_leads_to_the_button_at_once(pool: PgPool) {
    let (app, _) = online(pool, json!({})).await;
    register(&app, "ana").await;
    before_start(&app, 31);
    let early = send_form(&app, "dee").await;
    assert!(leads_to(&early).unwrap().starts_with("/e/assembly/received"), "{early:?}");
    before_start(&app, 29);
    // ana is registered, bo is not, and nobody sees which
    for name in ["ana", "bo"] {
        let sent = send_form(&app, name).await;
        let to = leads_to(&sent).unwrap().to_owned();
        let token = app.kernel.links.parse(to.strip_prefix("/t/").unwrap_or_else(|| panic!("{to}"))).unwrap();
        assert_eq!(token.purpose, JOIN_AT_ONCE);
        let page = app.get(&to, None).await.text();
        assert!(page.contains("Join now") && !page.contains("@example.org"), "{page}");
        assert_eq!(leads_to(&app.post_form(&to, &[]).await), Some(LINK));
    }
    // it still waits to be confirmed, and the button goes on working then
    assert_eq!(app.mail_to("bo@example.org").await.last().unwrap().kind, "event_confirm");
    confirm(&app, "bo").await;
    assert!(leads_to(&press(&app, &join_page(&app, "bo").await).await).is_some());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_button_at_once_depends_on_free_seats_only(pool: PgPool) {
    let (app, _) = online(pool, json!({"capacity": 8})).await;
    for n in 0..5 {
        register(&app, &format!("r{n}")).await;
    }
    before_start(&app, 20);
    let at_once = async |name: &str| leads_to(&send_form(&app, name).await).unwrap().starts_with("/t/");
    // three seats are free, of which two, a quarter of the room, are held for those who have not confirmed
    assert!(at_once("r0").await, "who is registered sees what others see");
    assert!(at_once("bo").await);
    assert!(!at_once("cem").await);
    confirm(&app, "bo").await;
    assert!(at_once("dee").await, "a seat that is confirmed is held no more");
    assert!(!at_once("eva").await && !at_once("r1").await);
    let taken = app.count("SELECT seats_taken + held_seats(id, now() + '6 days') FROM events").await;
    assert!(taken <= 8, "{taken}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_protected_page_shows_nothing_before_a_press(pool: PgPool) {
    let (app, _) = online(pool, json!({"muster:privacy": "protected"})).await;
    register(&app, "ana").await;
    let page = join_page(&app, "ana").await;
    let path = app.path_of(&page).to_owned();
    let early = app.get(&path, None).await.text();
    before_start(&app, 20);
    assert_eq!(early, app.get(&path, None).await.text(), "it tells neither what it is about nor whether it is open");
    assert!(!early.contains("Assembly") && !early.contains("Join"), "{early}");
    let opened = app.open_page(&page).await.text();
    assert!(opened.contains("Join now") && !opened.contains("Assembly"), "{opened}");
    assert_eq!(leads_to(&press(&app, &page).await), Some(LINK));
    let sent = send_form(&app, "bo").await;
    let at_once = app.get(leads_to(&sent).unwrap(), None).await.text();
    assert!(at_once.contains("Join now") && !at_once.contains("Assembly"), "{at_once}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn those_who_join_are_counted_once_and_without_a_name(pool: PgPool) {
    let (app, token) = online(pool, json!({})).await;
    let mut pages = Vec::new();
    for n in 0..11 {
        register(&app, &format!("r{n}")).await;
        pages.push(join_page(&app, &format!("r{n}")).await);
    }
    before_start(&app, 10);
    let joined = async || app.get(JOINING, Some(&token)).await.expect(200)["muster:joined"].clone();
    assert_eq!(joined().await, json!([]));
    for page in &pages[..9] {
        press(&app, page).await;
        press(&app, page).await;
    }
    assert_eq!(joined().await, json!([{"date": null, "joined": null}]), "fewer than ten");
    for page in &pages {
        press(&app, page).await;
    }
    assert_eq!(joined().await[0]["joined"], 11);
    assert_eq!(app.count("SELECT count(*) FROM event_join_marks").await, 11);
    // the marks end with their day
    app.kernel.env.advance(TimeDelta::days(1));
    assert_eq!(app.count("SELECT count(*) FROM information_schema.columns WHERE table_name = 'attendances' AND column_name LIKE '%join%'").await, 1, "no row says who joined");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_an_event_is_joined_with_is_written_and_never_read(pool: PgPool) {
    let (app, token) = online(pool, json!({})).await;
    let t = Some(token.as_str());
    let shown = app.get(JOINING, t).await.expect(200);
    assert_eq!(
        (
            &shown["muster:has_join_url"],
            &shown["muster:join_host"],
            &shown["muster:has_dial_in"],
            &shown["muster:opens_minutes"]
        ),
        (&json!(true), &json!("meet.example.org"), &json!(true), &json!(30))
    );
    assert_eq!(app.put(JOINING, t, &shown).await.expect(200), shown, "an answer that is sent back changes nothing");
    let later = app.put(JOINING, t, &json!({"muster:opens_minutes": 60, "muster:dial_in": ""})).await.expect(200);
    assert_eq!((&later["muster:has_join_url"], &later["muster:has_dial_in"]), (&json!(true), &json!(false)));
    for (member, value) in [
        ("muster:join_url", json!("http://meet.example.org/x")),
        ("muster:join_url", json!("javascript:alert(1)")),
        ("muster:interpretation_url", json!("meet.example.org")),
        ("muster:opens_minutes", json!(4)),
        ("muster:opens_minutes", json!(10_081)),
    ] {
        let refused = app.put(JOINING, t, &json!({member: value})).await;
        refused.problem(422, refused.json()["code"].as_str().unwrap(), &[&format!("/{member}")]);
    }
    let others = app.token("Neighbours", "all").await;
    app.get(JOINING, Some(&others)).await.problem(404, "not_found", &[]);
    app.put(JOINING, Some(&others), &json!({"muster:note": "x"})).await.problem(404, "not_found", &[]);
    event(&app, &token, json!({"muster:slug": "open", "muster:confirmation": "none"})).await;
    let open = "/api/v1/events/open/joining";
    app.put(open, t, &json!({"muster:join_url": LINK})).await.problem(422, "validation_failed", &["/muster:join_url"]);
}

/// Everything that the program answers to whoever may ask, everything that it logs, stores and mails to others.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_link_stands_nowhere(pool: PgPool) {
    let (log, _guard) = Captured::begin("trace", 1_000_000);
    let (app, token) = online(pool, json!({"capacity": 3, "muster:campaign": null})).await;
    for name in ["ana", "bo", "cem", "dee"] {
        register(&app, name).await;
    }
    let page = join_page(&app, "ana").await;
    before_start(&app, 20);
    send_form(&app, "eva").await;
    assert_eq!(leads_to(&press(&app, &page).await), Some(LINK));
    app.jobs().await;
    app.tick().await;
    app.put(EVENT, Some(&token), &json!({"title": "Renamed"})).await.expect(200);
    app.put(JOINING, Some(&token), &json!({"muster:note": "Other", "muster:join_url": LINK})).await.expect(200);

    let mut places: Vec<(String, String)> = Vec::new();
    let mut tokens = vec![(None, "the public".to_owned()), (Some(token.clone()), "the owner".to_owned())];
    for scope in ["actions:read", "actions:write", "contacts:read,contacts:export", "audit:read"] {
        tokens.push((Some(app.token("Alliance", scope).await), scope.to_owned()));
    }
    let document = app.get("/api/v1/openapi.json", None).await.expect(200);
    let paths: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, path)| path["get"].is_object())
        .map(|(path, _)| path.clone())
        .collect();
    let id = app.get(EVENT, None).await.id().to_string();
    let list = app.get(REGISTER, Some(&token)).await.expect(200);
    let attendance =
        list["_embedded"]["osdi:attendances"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    for (token, role) in &tokens {
        for path in &paths {
            let path = path.replace("{id}", &id).replace("{attendance}", &attendance);
            if !path.contains('{') {
                places.push((format!("GET {path} for {role}"), app.get(&path, token.as_deref()).await.text()));
            }
        }
    }
    for path in ["/", "/e/assembly", "/e/assembly.ics", "/e/assembly/received", "/e/assembly?lang=pa"] {
        places.push((path.to_owned(), app.get(path, None).await.text()));
    }
    app.colleague("Alliance", "ed", Role::Organizer).await;
    let sessions = [app.session("Alliance").await, app.session_of("ed@staff.example.org").await];
    for session in &sessions {
        for path in ["", "/edit", "/joining", "/status", "/registrations/new"] {
            let path = format!("/console/events/{id}{path}");
            let shown = app.request(Method::GET, &path, None, &session.headers(), None).await;
            assert_eq!(shown.status, 200, "{path}");
            places.push((path, shown.text()));
        }
    }
    places.push((page.clone(), app.get(app.path_of(&page), None).await.text().replace("code canary7f3a", "")));
    for mail in app.mail().await {
        places.push((format!("the mail {} to {:?}", mail.kind, mail.to), format!("{mail:?}")));
    }
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&app.kernel.db)
    .await
    .unwrap();
    for table in tables {
        let sql = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        let rows: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&app.kernel.db).await.unwrap();
        places.push((format!("the table {table}"), rows));
    }
    let logged = log.text();
    assert!(logged.contains("http.request"), "the log was not kept");
    places.push(("the log".to_owned(), logged));
    assert!(places.len() > 250, "{}", places.len());
    for (place, text) in &places {
        assert!(!text.to_lowercase().contains("canary7f3a"), "{place}: {text}");
    }
}
