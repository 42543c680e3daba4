//! What was given can be taken back: tokens, sessions, roles; who reads people, and whose mail somebody may stop.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use chrono::{NaiveDate, TimeDelta};
use muster::organizers::{self, AccountChange, Role};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::harness::{Reply, TestApp, signer};

const EMAIL: &str = "alliance@staff.example.org";
const PASSWORD: &str = "a long password";
const SIGNATURES: &str = "/api/v1/petitions/status/signatures";

async fn change(app: &TestApp, email: &str, change: AccountChange) -> u64 {
    let mut tx = app.kernel.db.begin().await.unwrap();
    let ended = organizers::change_account(&mut tx, &app.kernel, email, change).await.unwrap();
    tx.commit().await.unwrap();
    // known credentials are cached that long
    app.expire_caches();
    ended
}

/// Signs in at the console.
async fn sign_in(app: &TestApp, password: &str) -> Reply {
    let page = app.get("/console/sign-in", None).await;
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = page.text().split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("email", EMAIL), ("password", password), ("csrf", csrf.as_str())];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post("/console/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie);
    app.send(request.body(Body::from(body)).unwrap()).await
}

fn session(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text());
    let all = reply.headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap());
    all.filter(|c| c.starts_with("muster_session")).map(|c| c.split(';').next().unwrap().to_owned()).next().unwrap()
}

async fn status(app: &TestApp, cookie: &str) -> u16 {
    app.request(Method::GET, "/api/v1/people", None, &[("cookie", cookie)], None).await.status.as_u16()
}

/// The verbs of the audit trail, oldest first.
async fn verbs(app: &TestApp) -> Vec<String> {
    sqlx::query_scalar("SELECT verb FROM audit_entries ORDER BY created_at, id")
        .fetch_all(&app.kernel.db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_token_ends_shows_its_last_use_and_is_revoked(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    let (now, day) = (app.kernel.env.now(), TimeDelta::days(1));
    let scopes = ["all".to_owned()];
    let mut conn = app.kernel.db.acquire().await.unwrap();
    let token = organizers::add_token(&mut conn, &app.kernel, EMAIL, "CRM", &scopes, Some(now + day)).await.unwrap();
    let tokens = async || organizers::list_tokens(&mut app.kernel.db.acquire().await.unwrap(), None).await.unwrap();
    let of = |tokens: Vec<organizers::Token>| tokens.into_iter().find(|token| token.name == "CRM").unwrap();
    assert_eq!((of(tokens().await).last_used_on, of(tokens().await).state(now)), (None, "valid"));
    app.get("/api/v1/people", Some(&token)).await.expect(200);
    let used: Option<NaiveDate> = of(tokens().await).last_used_on;
    assert_eq!(used, Some(app.kernel.env.now().date_naive()));
    app.kernel.env.advance(day);
    app.get("/api/v1/people", Some(&token)).await.problem(401, "unauthorized", &[]);
    assert_eq!(of(tokens().await).state(app.kernel.env.now()), "expired");

    let lasting = organizers::add_token(&mut conn, &app.kernel, EMAIL, "Site", &scopes, None).await.unwrap();
    app.get("/api/v1/people", Some(&lasting)).await.expect(200);
    let id = tokens().await.into_iter().find(|token| token.name == "Site").unwrap().id;
    let revoke = async |id: Uuid| {
        let mut tx = app.kernel.db.begin().await.unwrap();
        let revoked = organizers::revoke_token(&mut tx, &app.kernel, id).await;
        tx.commit().await.unwrap();
        app.expire_caches();
        revoked
    };
    assert!(revoke(id).await.unwrap());
    assert!(!revoke(id).await.unwrap(), "once");
    app.get("/api/v1/people", Some(&lasting)).await.problem(401, "unauthorized", &[]);
    assert_eq!(verbs(&app).await.iter().filter(|verb| *verb == "token.revoke").count(), 1);
    assert!(revoke(Uuid::nil()).await.is_err());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_disabled_organizer_has_neither_session_nor_token(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let cookie = session(&sign_in(&app, PASSWORD).await);
    assert_eq!(status(&app, &cookie).await, 200);
    assert_eq!(change(&app, EMAIL, AccountChange::Disable).await, 1);
    assert_eq!(status(&app, &cookie).await, 401);
    app.get("/api/v1/people", Some(&token)).await.problem(401, "unauthorized", &[]);
    assert_eq!(sign_in(&app, PASSWORD).await.status, 401);
    change(&app, EMAIL, AccountChange::Enable).await;
    app.get("/api/v1/people", Some(&token)).await.expect(200);
    assert_eq!(status(&app, &cookie).await, 401, "ended is ended");
    session(&sign_in(&app, PASSWORD).await);
    let told = verbs(&app).await;
    assert!(
        told.contains(&"organizer.disable".to_owned()) && told.contains(&"organizer.enable".to_owned()),
        "{told:?}"
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn sessions_end_with_role_and_password_and_when_asked(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let first = session(&sign_in(&app, PASSWORD).await);
    app.kernel.env.advance(TimeDelta::minutes(1));
    let second = session(&sign_in(&app, PASSWORD).await);
    let now = app.kernel.env.now();
    let listed = organizers::list_sessions(&mut app.kernel.db.acquire().await.unwrap(), now, EMAIL).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(change(&app, EMAIL, AccountChange::EndSessions(Some(listed[0].id()))).await, 1);
    assert_eq!((status(&app, &first).await, status(&app, &second).await), (200, 401), "the newest stands first");
    assert_eq!(change(&app, EMAIL, AccountChange::EndSessions(None)).await, 1);
    assert_eq!(status(&app, &first).await, 401);

    let third = session(&sign_in(&app, PASSWORD).await);
    change(&app, EMAIL, AccountChange::Role(Role::Viewer)).await;
    assert_eq!(status(&app, &third).await, 401);
    app.get("/api/v1/people", Some(&token)).await.problem(403, "forbidden", &[]);
    change(&app, EMAIL, AccountChange::Role(Role::Owner)).await;
    app.get("/api/v1/people", Some(&token)).await.expect(200);

    let fourth = session(&sign_in(&app, PASSWORD).await);
    change(&app, EMAIL, AccountChange::Password("another long one".to_owned().into())).await;
    assert_eq!(status(&app, &fourth).await, 401);
    assert_eq!(sign_in(&app, PASSWORD).await.status, 401);
    session(&sign_in(&app, "another long one").await);
    let list = app.get("/api/v1/audit?filter=verb%20eq%20'session.refused'", Some(&token)).await.expect(200);
    assert_eq!(list["total_records"], 1, "a failed sign-in stands in the audit trail");
    let mut conn = app.kernel.db.acquire().await.unwrap();
    let nobody = organizers::change_account(&mut conn, &app.kernel, "nobody@example.org", AccountChange::Disable).await;
    assert!(nobody.is_err());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_viewer_sees_numbers_only(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post(SIGNATURES, Some(&token), &signer("amara@example.org")).await.expect(201);
    for role in [Role::Viewer, Role::Host] {
        change(&app, EMAIL, AccountChange::Role(role)).await;
        let seen = app.get("/api/v1/petitions/status", Some(&token)).await.expect(200);
        assert_eq!(seen["total_signatures"], 1, "{role}");
        for path in ["/api/v1/people", SIGNATURES, "/api/v1/exports/petitions/status/signatures.csv"] {
            app.get(path, Some(&token)).await.problem(403, "forbidden", &[]);
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn reading_people_is_audited_and_limited(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__GUARD__PEOPLE_PER_DAY", "100")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for n in 0..40 {
        app.post(SIGNATURES, Some(&token), &signer(&format!("signer{n}@example.org"))).await.expect(201);
    }
    let reader = app.token("Alliance", "contacts:read").await;
    app.get(&format!("{SIGNATURES}?per_page=40"), Some(&reader)).await.expect(200);
    let people = app.get("/api/v1/people?per_page=40&page=1", Some(&reader)).await.expect(200);
    let entries: Vec<Value> =
        sqlx::query_scalar("SELECT detail FROM audit_entries WHERE verb = 'people.read' ORDER BY created_at, id")
            .fetch_all(&app.kernel.db)
            .await
            .unwrap();
    assert_eq!(entries, [json!({"list": "signatures", "records": 40}), json!({"list": "people", "records": 40})]);
    // 80 of 100: no other page of 40, but single ones; another token of the account changes nothing
    app.get("/api/v1/people?per_page=40", Some(&reader)).await.problem(429, "too_many_requests", &[]);
    let other = app.token("Alliance", "contacts:read,contacts:write").await;
    app.get("/api/v1/people?per_page=40", Some(&other)).await.problem(429, "too_many_requests", &[]);
    let one = people["_embedded"]["osdi:people"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    app.get(&format!("/api/v1/people/{one}"), Some(&reader)).await.expect(200);
    app.get("/api/v1/people?per_page=40", Some(&token)).await.expect(200);
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'people.read'").await, 4, "all are audited");
    app.kernel.env.advance(TimeDelta::days(1));
    app.get("/api/v1/people?per_page=40", Some(&reader)).await.expect(200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn organizations_stop_their_own_mail_only(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let others = app.token("Others", "all").await;
    app.petition(&token, json!({})).await;
    app.petition(&others, json!({"muster:slug": "theirs"})).await;
    let sign = async |slug: &str, address: &str| {
        app.post(&format!("/api/v1/petitions/{slug}/signatures"), None, &signer(address)).await.expect(202);
    };
    let pause = async |token: &str, body: Value| app.put("/api/v1/mail/pauses", Some(token), &body).await.expect(200);
    let scopes = |summary: &Value| summary["muster:pauses"].as_array().unwrap().len();
    let summary = pause(&others, json!({"everything": true, "reason": "We look"})).await;
    assert_eq!((scopes(&summary), &summary["muster:pauses"][0]["reason"]), (1, &json!("We look")));
    assert_eq!(app.count("SELECT count(*) FROM mail_pauses").await, 0);
    assert_eq!(scopes(&app.get("/api/v1/mail/summary", Some(&token)).await.expect(200)), 0, "not of others");
    sign("status", "amara@example.org").await;
    sign("theirs", "bo@example.org").await;
    assert_eq!(app.mail_to("amara@example.org").await.len(), 1);
    assert!(app.mail_to("bo@example.org").await.is_empty());

    // what is global is for operators
    let relay = "relay.example.org:587";
    sqlx::query("INSERT INTO mail_relays (relay) VALUES ($1)").bind(relay).execute(&app.kernel.db).await.unwrap();
    for (path, body) in [
        ("/api/v1/mail/first_contacts", json!({"per_hour": 1})),
        ("/api/v1/mail/relays/relay.example.org:587", json!({"rate_per_hour": 1})),
        ("/api/v1/mail/lanes/any", json!({"paused": true})),
    ] {
        app.put(path, Some(&others), &body).await.problem(403, "forbidden", &[]);
    }
    let (seen, all) = (
        app.get("/api/v1/mail/summary", Some(&others)).await.expect(200),
        app.get("/api/v1/mail/summary", Some(&token)).await.expect(200),
    );
    assert_eq!((&seen["muster:relays"], &seen["muster:providers"]), (&json!([]), &json!([])));
    assert_eq!(seen["muster:first_contacts"]["this_hour"], 0);
    assert_eq!(all["muster:relays"][0]["relay"], relay);

    // the pause of all mail, as the restore guard makes it, is lifted by an operator only
    sqlx::query("INSERT INTO mail_pauses (scope, reason, created_at) VALUES ('everything', 'restored', now())")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    let summary = pause(&others, json!({"everything": false})).await;
    assert_eq!(summary["muster:pauses"][0]["reason"], "restored");
    assert!(app.mail_to("bo@example.org").await.is_empty());
    pause(&token, json!({"everything": false})).await;
    assert_eq!(app.mail_to("bo@example.org").await.len(), 1, "nothing was lost");

    change(&app, "others@staff.example.org", AccountChange::Operator(true)).await;
    pause(&others, json!({"everything": true})).await;
    assert_eq!(app.count("SELECT count(*) FROM mail_pauses").await, 1);
}
