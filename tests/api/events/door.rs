//! At the door: tickets are checked in once, whoever scans them how often, and people are counted.

use axum::http::header;
use data_encoding::HEXLOWER;
use muster::{kernel::crypto::sha256, organizers::Role};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{confirm, event},
    harness::{TestApp, merge, signer},
};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";
const DOOR: &str = "/api/v1/events/assembly/door";

async fn hall(pool: PgPool, more: Value) -> (TestApp, String, Uuid) {
    let app =
        TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50"), ("MUSTER__GUARD__MODE", "off")]).await;
    let token = app.owner().await;
    let id = event(&app, &token, more).await;
    (app, token, id)
}

/// Registers somebody; the code of the mailed ticket.
async fn ticket(app: &TestApp, name: &str, party_size: i64) -> String {
    let address = format!("{name}@example.org");
    let mut body = signer(&address);
    merge(&mut body, json!({"muster:party_size": party_size}));
    app.post(REGISTER, None, &body).await.expect(202);
    confirm(app, &address).await;
    let mails = app.mail_to(&address).await;
    let mail = mails.iter().rev().find(|mail| mail.kind == "event_registered").unwrap();
    assert!(mail.attachments.iter().any(|file| file.name == "ticket.svg"));
    mail.text.split_once("show at the door: ").unwrap().1.split_whitespace().next().unwrap().to_owned()
}

fn hash(event: Uuid, code: &str) -> String {
    HEXLOWER.encode(&sha256(format!("muster-ticket:{event}:{}", code.replace('-', "")).as_bytes()))[..32].to_owned()
}

fn numbers(door: &Value) -> [i64; 3] {
    ["expected", "checked_in", "walk_ins"].map(|name| door[name].as_i64().unwrap_or(-1))
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn two_devices_check_in_each_ticket_once(pool: PgPool) {
    let (app, token, id) = hall(pool, json!({})).await;
    let t = Some(token.as_str());
    let codes = [ticket(&app, "ana", 1).await, ticket(&app, "bo", 3).await, ticket(&app, "cem", 1).await];
    let hashes = codes.clone().map(|code| hash(id, &code));
    let door = app.get(DOOR, t).await.expect(200);
    assert_eq!((numbers(&door), door["tickets"].as_array().unwrap().len()), ([5, 0, 0], 3));
    let known: Vec<&str> = door["tickets"].as_array().unwrap().iter().map(|t| t["hash"].as_str().unwrap()).collect();
    assert!(hashes.iter().all(|hash| known.contains(&hash.as_str())));
    let text = door.to_string();
    assert!(codes.iter().all(|code| !text.contains(code.as_str())) && !text.contains("Amara"), "hashes only: {text}");

    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let send = async |device: Uuid, tickets: &[&str], walk_ins: Value| {
        let body = json!({"device": device, "tickets": tickets, "walk_ins": walk_ins});
        app.post(DOOR, t, &body).await.expect(200)
    };
    assert_eq!(numbers(&send(first, &[&hashes[0]], json!(4)).await), [5, 1, 4]);
    assert_eq!(numbers(&send(second, &[&hashes[0], &hashes[1]], json!(2)).await), [5, 4, 6], "a double scan");
    assert_eq!(numbers(&send(first, &[&hashes[0]], json!(4)).await), [5, 4, 6], "sent once more");
    assert_eq!(numbers(&send(first, &[], json!(3)).await), [5, 4, 5], "one press too many was taken back");
    assert_eq!(numbers(&send(second, &[], Value::Null).await), [5, 4, 5]);
    let other = send(second, &["0123", &hashes[2]], Value::Null).await;
    assert_eq!((numbers(&other), &other["unknown"]), ([5, 5, 5], &json!(["0123"])));

    // who cancelled has no ticket any more
    let list = app.get(&format!("{REGISTER}?filter=muster:party_size%20eq%203"), t).await.expect(200);
    let bo = list["_embedded"]["osdi:attendances"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    app.delete(&format!("{REGISTER}/{bo}"), t).await.expect(200);
    assert_eq!(send(first, &[&hashes[1]], Value::Null).await["unknown"], json!([hashes[1]]));

    for (body, pointer) in [
        (json!({"device": first, "walk_ins": -1}), "/walk_ins"),
        (json!({"device": first, "walk_ins": 1_000_001}), "/walk_ins"),
        (json!({"device": first, "tickets": vec!["x"; 1001]}), "/tickets"),
    ] {
        let refused = app.post(DOOR, t, &body).await;
        refused.problem(422, refused.json()["code"].as_str().unwrap(), &[pointer]);
    }
    app.put(EVENT, t, &json!({"muster:status": "cancelled"})).await.expect(200);
    app.post(DOOR, t, &json!({"device": first})).await.problem(409, "action_closed", &[]);
    let others = app.token("Neighbours", "all").await;
    app.get(DOOR, Some(&others)).await.problem(404, "not_found", &[]);
    app.post(DOOR, Some(&others), &json!({"device": first})).await.problem(404, "not_found", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn who_could_ask_with_the_number_of_tickets_does_not_see_it(pool: PgPool) {
    let (app, _, _) = hall(pool, json!({})).await;
    let narrow = app.token("Alliance", "events:checkin").await;
    app.get(DOOR, Some(&narrow)).await.expect(200);
    let website = app.token("Alliance", "events:checkin,contacts:write").await;
    app.get(DOOR, Some(&website)).await.problem(403, "forbidden", &[]);
    let reader = app.token("Alliance", "actions:read").await;
    app.get(DOOR, Some(&reader)).await.problem(403, "forbidden", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn at_a_protected_event_people_are_only_counted(pool: PgPool) {
    let (app, token, id) = hall(pool, json!({"muster:privacy": "protected"})).await;
    let t = Some(token.as_str());
    app.post(REGISTER, None, &signer("ana@example.org")).await.expect(202);
    confirm(&app, "ana@example.org").await;
    let mail = app.mail_to("ana@example.org").await.pop().unwrap();
    assert!(mail.attachments.is_empty() && !mail.text.contains("ticket"), "{}", mail.text);
    let door = app.get(DOOR, t).await.expect(200);
    assert_eq!((&door["has_tickets"], &door["tickets"], &door["expected"]), (&json!(false), &json!([]), &Value::Null));
    let body = json!({"device": Uuid::from_u128(1), "tickets": ["x"]});
    app.post(DOOR, t, &body).await.problem(422, "validation_failed", &["/tickets"]);
    let counted = app.post(DOOR, t, &json!({"device": Uuid::from_u128(1), "walk_ins": 12})).await.expect(200);
    assert_eq!(numbers(&counted), [-1, 0, 12]);
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE checked_in_at IS NOT NULL").await, 0);
    let session = app.session("Alliance").await;
    let page = app
        .request(axum::http::Method::GET, &format!("/console/events/{id}/door"), None, &session.headers(), None)
        .await;
    assert!(
        page.status == 200 && !page.text().contains("data-code") && page.text().contains("data-more"),
        "{}",
        page.text()
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_own_page_shows_the_ticket_after_a_press(pool: PgPool) {
    let (app, _, _) = hall(pool, json!({})).await;
    let code = ticket(&app, "ana", 1).await;
    let mails = app.mail_to("ana@example.org").await;
    let links = &mails.iter().rev().find(|mail| mail.kind == "event_registered").unwrap().links;
    let own = links.iter().find(|link| link.contains("/t/")).unwrap();
    assert!(!app.get(app.path_of(own), None).await.text().contains(&code));
    let opened = app.open_page(own).await.text();
    assert!(opened.contains(&code) && opened.contains("<svg"), "{opened}");
    app.press(own).await;
    assert!(!app.open_page(own).await.text().contains(&code), "a cancelled registration has none");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_host_stands_at_the_door_and_sees_no_name(pool: PgPool) {
    let (app, _, id) = hall(pool, json!({})).await;
    let code = ticket(&app, "ana", 2).await;
    app.colleague("Alliance", "hana", Role::Host).await;
    app.colleague("Alliance", "vera", Role::Viewer).await;
    let (host, viewer) =
        (app.session_of("hana@staff.example.org").await, app.session_of("vera@staff.example.org").await);
    let path = format!("/console/events/{id}/door");
    let look = async |session: &crate::harness::ConsoleSession, path: &str| {
        app.request(axum::http::Method::GET, path, None, &session.headers(), None).await
    };
    assert_eq!(look(&viewer, &path).await.status, 403);
    let page = look(&host, &path).await;
    assert!(page.status == 200 && !page.text().contains("Amara"), "{}", page.text());
    assert!(page.headers["permissions-policy"].to_str().unwrap().contains("camera=(self)"));
    let csrf = look(&host, &format!("{path}.json")).await.expect(200)["csrf"].as_str().unwrap().to_owned();
    let data = json!({"device": Uuid::from_u128(1), "tickets": [hash(id, &code)], "walk_ins": 1}).to_string();
    let send = async |csrf: &str| app.post_form_with(&path, &host.headers(), &[("csrf", csrf), ("data", &data)]).await;
    assert_eq!(send("wrong").await.status, 403);
    assert_eq!(numbers(&send(&csrf).await.expect(200)), [2, 2, 1]);
    let worker = look(&host, "/console/door-worker.js").await;
    assert_eq!(worker.headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    let overview = look(&host, &format!("/console/events/{id}")).await.text();
    assert!(overview.contains(&format!("href=\"{path}\"")), "{overview}");
}
