//! Links by mail that lead into an account: invitations, and links for a new password. Each works once.

use axum::http::Method;
use chrono::TimeDelta;
use muster::organizers::{self, AccountChange};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{ConsoleSession, Reply, TestApp};

const PASSWORD: &str = "a long password";
const OWNER: &str = "alliance@staff.example.org";
const GUEST: &str = "karim@example.org";

/// The path of the newest link of this kind in the mails to an address.
async fn link(app: &TestApp, address: &str, kind: &str) -> String {
    let mails = app.mail_to(address).await;
    let at = app.kernel.url(&format!("/console/{kind}/"));
    let mut links = mails.iter().filter_map(|mail| mail.text.split_whitespace().find(|word| word.starts_with(&at)));
    app.path_of(links.next_back().unwrap_or_else(|| panic!("no link: {mails:?}"))).to_owned()
}

async fn invite(app: &TestApp, owner: &ConsoleSession, role: &str) -> Value {
    let body = json!({"email": "Karim@example.org", "name": "Karim Haddad", "role": role});
    app.request(Method::POST, "/api/v1/invitations", None, &owner.headers(), Some(&body)).await.expect(201)
}

async fn accept(app: &TestApp, path: &str) -> Reply {
    app.post_form(path, &[("name", "Karim H."), ("password", PASSWORD)]).await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_invitation_makes_one_account_with_its_role(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    invite(&app, &owner, "viewer").await;
    let path = link(&app, GUEST, "invitation").await;
    let page = app.get(&path, None).await;
    assert!(page.status == 200 && page.text().contains("Karim Haddad") && page.text().contains(GUEST));
    assert_eq!(app.count("SELECT count(*) FROM invitations").await, 1, "opening it changes nothing");
    for (fields, said) in [
        ([("name", "Karim"), ("password", "short")], "at least 12"),
        ([("name", "Karim"), ("password", "password1234")], "one of the first"),
        ([("name", ""), ("password", PASSWORD)], "required"),
    ] {
        let reply = app.post_form(&path, &fields).await;
        assert_eq!(reply.status, 422, "{}", reply.text());
        assert!(reply.text().contains(said), "{}", reply.text());
    }
    // a page of another site cannot press the button
    let foreign = [("origin", "https://evil.example.org"), ("sec-fetch-site", "cross-site")];
    let fields = [("name", "Karim"), ("password", PASSWORD)];
    assert_eq!(app.post_form_with(&path, &foreign, &fields).await.status, 403);
    assert_eq!(app.count("SELECT count(*) FROM organizers").await, 1);

    // two at once: one is made
    let (a, b) = tokio::join!(accept(&app, &path), accept(&app, &path));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410], "{} {}", a.text(), b.text());
    assert_eq!(accept(&app, &path).await.status, 410, "replayed");
    assert_eq!(app.get(&path, None).await.status, 410);
    assert_eq!(app.count("SELECT count(*) FROM organizers").await, 2);
    let guest = app.session_of(GUEST).await;
    let profile = app.request(Method::GET, "/api/v1/profile", None, &guest.headers(), None).await.expect(200);
    assert_eq!((&profile["name"], &profile["role"]), (&json!("Karim H."), &json!("viewer")));
    let again = json!({"email": GUEST, "name": "Karim", "role": "owner"});
    let again = app.request(Method::POST, "/api/v1/invitations", None, &owner.headers(), Some(&again)).await;
    again.problem(409, "conflict", &[]);
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'invitation.accept'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_invitation_ends_is_withdrawn_and_is_replaced(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    let made = invite(&app, &owner, "viewer").await;
    let first = link(&app, GUEST, "invitation").await;
    app.kernel.env.advance(TimeDelta::minutes(1));
    assert_eq!(invite(&app, &owner, "organizer").await["identifiers"], made["identifiers"]);
    let second = link(&app, GUEST, "invitation").await;
    assert_ne!(first, second);
    assert_eq!(accept(&app, &first).await.status, 410, "the earlier link is void");
    let id = made["identifiers"][0].as_str().unwrap().trim_start_matches("muster:");
    let path = format!("/api/v1/invitations/{id}");
    app.request(Method::DELETE, &path, None, &owner.headers(), None).await.expect(200);
    app.request(Method::DELETE, &path, None, &owner.headers(), None).await.problem(404, "not_found", &[]);
    assert_eq!(accept(&app, &second).await.status, 410, "withdrawn");

    invite(&app, &owner, "organizer").await;
    let third = link(&app, GUEST, "invitation").await;
    app.kernel.env.advance(TimeDelta::days(7));
    assert_eq!(accept(&app, &third).await.status, 410, "its time is over");
    assert_eq!(app.get("/console/invitation/nonsense", None).await.status, 410);
    // a token of another purpose opens nothing
    app.post_form("/console/forgot", &[("email", OWNER)]).await;
    let reset = link(&app, OWNER, "password").await;
    let token = reset.rsplit('/').next().unwrap();
    assert_eq!(app.get(&format!("/console/invitation/{token}"), None).await.status, 410);
    assert_eq!(app.count("SELECT count(*) FROM organizers").await, 1);
    // what has ended is deleted
    app.kernel.env.advance(TimeDelta::days(1));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(
        app.count("SELECT (SELECT count(*) FROM invitations) + (SELECT count(*) FROM password_resets)").await,
        0
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_invitation_tells_nothing_of_other_organizations(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    app.token("Others", "all").await;
    let body = json!({"email": "others@staff.example.org", "name": "Oti", "role": "host"});
    let reply = app.request(Method::POST, "/api/v1/invitations", None, &owner.headers(), Some(&body)).await;
    reply.expect(201);
    let path = link(&app, "others@staff.example.org", "invitation").await;
    let told = accept(&app, &path).await;
    assert_eq!(told.status, 409, "only the owner of the address learns it");
    assert!(told.text().contains("already"), "{}", told.text());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn asking_for_a_new_password_tells_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    let ask = async |email: &str| app.post_form("/console/forgot", &[("email", email)]).await;
    let (known, unknown) = (ask(OWNER).await, ask("nobody@staff.example.org").await);
    assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
    assert_eq!(known.status, 200);
    // the same is written for both, and one is sent
    let rows = "SELECT count(*) FROM password_resets";
    assert_eq!(
        (app.count(rows).await, app.count("SELECT count(*) FROM emails WHERE kind = 'password_reset'").await),
        (2, 2)
    );
    assert_eq!((app.mail_to(OWNER).await.len(), app.mail_to("nobody@staff.example.org").await.len()), (1, 0));
    assert_eq!(ask("nonsense").await.status, 422);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn many_requests_for_a_new_password_are_slowed_down_and_lock_nobody_out(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__GUARD__OWN_PAGE_REQUESTS", "2")]).await;
    app.owner().await;
    let mut replies = Vec::new();
    for email in [OWNER, "nobody@staff.example.org"] {
        for _ in 0..3 {
            replies.push(app.post_form("/console/forgot", &[("email", email)]).await);
        }
    }
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429]);
    assert!(replies[2].text().contains("wait_ticket"), "{}", replies[2].text());
    app.session_of(OWNER).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_link_for_a_new_password_works_once_within_an_hour(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let session = app.session("Alliance").await;
    let ask = async || {
        app.post_form("/console/forgot", &[("email", OWNER)]).await;
        link(&app, OWNER, "password").await
    };
    let reset = async |path: &str, password: &str| app.post_form(path, &[("password", password)]).await;
    let path = ask().await;
    assert_eq!(app.get(&path, None).await.status, 200);
    assert_eq!(reset(&path, "short").await.status, 422);
    app.kernel.env.advance(TimeDelta::hours(1));
    assert_eq!(app.get(&path, None).await.status, 410);
    assert_eq!(reset(&path, "seven cats on a roof").await.status, 410, "its time is over");
    assert_eq!(app.sign_in(OWNER, PASSWORD, "").await.status, 303);

    let session_after = app.session_of(OWNER).await;
    app.kernel.env.advance(TimeDelta::minutes(1));
    let (first, second) = (ask().await, {
        app.kernel.env.advance(TimeDelta::minutes(1));
        ask().await
    });
    assert_ne!(first, second);
    let (a, b) = tokio::join!(reset(&second, "seven cats on a roof"), reset(&second, "eight cats on a roof"));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410], "{} {}", a.text(), b.text());
    assert_eq!(reset(&second, "nine cats on a roof").await.status, 410, "replayed");
    assert_eq!(reset(&first, "nine cats on a roof").await.status, 410, "the others are void, too");
    app.expire_caches();
    for session in [&session, &session_after] {
        let seen = app.request(Method::GET, "/api/v1/profile", None, &session.headers(), None).await;
        assert_eq!(seen.status, 401, "all sessions have ended");
    }
    assert_eq!(app.sign_in(OWNER, PASSWORD, "").await.status, 401);
    let new = if a.status == 303 { "seven cats on a roof" } else { "eight cats on a roof" };
    assert_eq!(app.sign_in(OWNER, new, "").await.status, 303);
    let told = app.mail_to(OWNER).await;
    assert!(told.iter().any(|mail| mail.text.contains("was changed")), "{told:?}");

    // who was disabled meanwhile gets in by no link
    let path = ask().await;
    let mut tx = app.kernel.db.begin().await.unwrap();
    organizers::change_account(&mut tx, &app.kernel, OWNER, AccountChange::Disable).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.get(&path, None).await.status, 410);
    assert_eq!(reset(&path, "nine cats on a roof").await.status, 410);
}

/// What the command line or the organizer changes voids links that are under way.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn another_password_voids_links_under_way(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    app.post_form("/console/forgot", &[("email", OWNER)]).await;
    let path = link(&app, OWNER, "password").await;
    let mut tx = app.kernel.db.begin().await.unwrap();
    let change = AccountChange::Password("seven cats on a roof".to_owned().into());
    organizers::change_account(&mut tx, &app.kernel, OWNER, change).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.get(&path, None).await.status, 410);
}
