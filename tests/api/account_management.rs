//! Accounts at the console: colleagues and their roles, the own profile and sessions, API tokens, and the password once more.

use axum::http::{Method, StatusCode, header};
use chrono::TimeDelta;
use muster::organizers::Role;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::harness::{ConsoleSession, Reply, TestApp, signer};

const PASSWORD: &str = "a long password";

async fn call(app: &TestApp, session: &ConsoleSession, method: Method, path: &str, body: Option<&Value>) -> Reply {
    app.request(method, path, None, &session.headers(), body).await
}

async fn get(app: &TestApp, session: &ConsoleSession, path: &str) -> Reply {
    call(app, session, Method::GET, path, None).await
}

async fn put(app: &TestApp, session: &ConsoleSession, path: &str, body: Value) -> Reply {
    let reply = call(app, session, Method::PUT, path, Some(&body)).await;
    // known credentials are cached that long
    app.expire_caches();
    reply
}

async fn id(app: &TestApp, email: &str) -> Uuid {
    let found = sqlx::query_scalar("SELECT id FROM organizers WHERE email = $1").bind(email);
    found.fetch_one(&app.kernel.db).await.unwrap()
}

async fn is_signed_in(app: &TestApp, session: &ConsoleSession) -> bool {
    get(app, session, "/api/v1/profile").await.status == 200
}

/// Every operation that takes a session only, with a body that it takes, and whether it is for owners.
fn operations(organizer: Uuid, invitation: Uuid) -> Vec<(Method, String, Option<Value>, bool)> {
    let invitee = json!({"email": "new@example.org", "name": "New", "role": "owner"});
    vec![
        (Method::GET, "/api/v1/organizers".to_owned(), None, true),
        (Method::GET, format!("/api/v1/organizers/{organizer}"), None, true),
        (Method::PUT, format!("/api/v1/organizers/{organizer}"), Some(json!({"role": "owner"})), true),
        (Method::DELETE, format!("/api/v1/organizers/{organizer}/sessions"), None, true),
        (Method::GET, "/api/v1/invitations".to_owned(), None, true),
        (Method::POST, "/api/v1/invitations".to_owned(), Some(invitee), true),
        (Method::DELETE, format!("/api/v1/invitations/{invitation}"), None, true),
        (Method::PUT, "/api/v1/profile".to_owned(), Some(json!({"name": "New"})), false),
        (Method::GET, "/api/v1/profile/sessions".to_owned(), None, false),
        (Method::GET, "/api/v1/tokens".to_owned(), None, false),
        (Method::DELETE, "/api/v1/profile/sessions".to_owned(), None, false),
    ]
}

async fn invite(app: &TestApp, owner: &ConsoleSession, email: &str, role: &str) -> Reply {
    let body = json!({"email": email, "name": "Karim Haddad", "role": role});
    call(app, owner, Method::POST, "/api/v1/invitations", Some(&body)).await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn only_owners_manage_others_and_no_token_manages_anybody(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    let token = app.owner().await;
    let invitation = invite(&app, &owner, "karim@example.org", "organizer").await.id();
    let target = id(&app, &app.colleague("Alliance", "target", Role::Viewer).await).await;
    for role in [Role::Organizer, Role::Host, Role::Viewer] {
        let session = app.session_of(&app.colleague("Alliance", role.as_str(), role).await).await;
        for (method, path, body, is_for_owners) in operations(target, invitation) {
            let reply = call(&app, &session, method.clone(), &path, body.as_ref()).await;
            let expected = if is_for_owners { 403 } else { 200 };
            assert_eq!(reply.status, expected, "{role} {method} {path}: {}", reply.text());
        }
    }
    for (method, path, body, _) in operations(target, invitation) {
        let reply = app.request(method.clone(), &path, Some(&token), &[], body.as_ref()).await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
        // nor does a page of another site by the cookie
        if method != Method::GET {
            for headers in [
                vec![("cookie", owner.cookie.as_str())],
                vec![("cookie", owner.cookie.as_str()), ("origin", "https://evil.example.org")],
            ] {
                let reply = app.request(method.clone(), &path, None, &headers, body.as_ref()).await;
                assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
            }
        }
    }
    let role: String = sqlx::query_scalar("SELECT role FROM organizers WHERE id = $1")
        .bind(target)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    assert_eq!(role, "viewer");
    assert_eq!(app.count("SELECT count(*) FROM invitations").await, 1);

    // an owner of another organization finds nobody
    let others = app.session("Others").await;
    for (method, path, body, _) in operations(target, invitation)
        .into_iter()
        .filter(|(_, path, ..)| path.contains(&target.to_string()) || path.contains(&invitation.to_string()))
    {
        call(&app, &others, method, &path, body.as_ref()).await.problem(404, "not_found", &[]);
    }
    for path in ["/api/v1/organizers", "/api/v1/invitations", "/api/v1/tokens"] {
        let text = get(&app, &others, path).await.text();
        assert!(!text.contains("alliance@") && !text.contains("karim@"), "{path}: {text}");
    }
    // and for the owner they are there
    let listed = get(&app, &owner, "/api/v1/organizers?per_page=2").await.expect(200);
    assert_eq!((&listed["total_records"], &listed["total_pages"]), (&json!(5), &json!(3)));
    let one = get(&app, &owner, &format!("/api/v1/organizers/{target}")).await.expect(200);
    assert_eq!((&one["email"], &one["role"]), (&json!("target@staff.example.org"), &json!("viewer")));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_role_takes_effect_at_once_and_the_last_owner_stays(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    let own = format!("/api/v1/organizers/{}", id(&app, "alliance@staff.example.org").await);
    for change in [json!({"role": "organizer"}), json!({"is_disabled": true})] {
        put(&app, &owner, &own, change).await.problem(409, "conflict", &[]);
    }
    put(&app, &owner, &own, json!({"role": "boss"})).await.problem(422, "validation_failed", &["/role"]);
    put(&app, &owner, &own, json!({"muster:role": "owner"})).await.problem(422, "validation_failed", &["/muster:role"]);
    let email = app.colleague("Alliance", "second", Role::Organizer).await;
    let (second, path) = (app.session_of(&email).await, format!("/api/v1/organizers/{}", id(&app, &email).await));
    assert!(is_signed_in(&app, &second).await);
    let changed = put(&app, &owner, &path, json!({"role": "owner"})).await.expect(200);
    assert_eq!((&changed["role"], &changed["sessions"]), (&json!("owner"), &json!(0)));
    assert!(!is_signed_in(&app, &second).await, "with another role one signs in anew");
    // a whole answer can be put back
    let whole = get(&app, &owner, &path).await.expect(200);
    assert_eq!(put(&app, &owner, &path, whole.clone()).await.expect(200), whole);

    // two owners who lower each other at once: one is left
    let second = app.session_of(&email).await;
    let lower = json!({"role": "viewer"});
    let (a, b) = tokio::join!(
        call(&app, &owner, Method::PUT, &path, Some(&lower)),
        call(&app, &second, Method::PUT, &own, Some(&lower))
    );
    assert!([a.status, b.status].contains(&StatusCode::OK), "{} {}", a.text(), b.text());
    let owners = "SELECT count(*) FROM organizers WHERE role = 'owner' AND disabled_at IS NULL";
    assert_eq!(app.count(owners).await, 1, "{} {}", a.text(), b.text());
    let told = "SELECT count(*) FROM audit_entries WHERE verb = 'organizer.role' AND organizer_id IS NOT NULL";
    assert_eq!(app.count(told).await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_disabled_colleague_has_neither_session_nor_token(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    let email = app.colleague("Alliance", "second", Role::Owner).await;
    let (second, path) = (app.session_of(&email).await, format!("/api/v1/organizers/{}", id(&app, &email).await));
    let new = json!({"name": "CRM", "preset": "crm_sync"});
    let made = call(&app, &second, Method::POST, "/api/v1/tokens", Some(&new)).await.expect(201);
    let token = made["token"].as_str().unwrap().to_owned();
    app.get("/api/v1/people", Some(&token)).await.expect(200);
    put(&app, &owner, &path, json!({"is_disabled": true})).await.expect(200);
    assert!(!is_signed_in(&app, &second).await);
    app.get("/api/v1/people", Some(&token)).await.problem(401, "unauthorized", &[]);
    assert_eq!(app.sign_in(&email, PASSWORD, "").await.status, 401);
    put(&app, &owner, &path, json!({"is_disabled": false})).await.expect(200);
    assert!(!is_signed_in(&app, &second).await, "ended is ended");
    let second = app.session_of(&email).await;
    let ended = call(&app, &owner, Method::DELETE, &format!("{path}/sessions"), None).await;
    ended.expect(200);
    app.expire_caches();
    assert!(!is_signed_in(&app, &second).await && is_signed_in(&app, &owner).await);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn own_sessions_are_listed_with_their_device_and_ended(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let first = app.session("Alliance").await;
    app.kernel.env.advance(TimeDelta::minutes(2));
    let page = app.get("/console/sign-in", None).await;
    let (form, csrf) = (page.cookie("muster_form").unwrap(), page.field("csrf"));
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let fields = [("email", "alliance@staff.example.org"), ("password", PASSWORD), ("csrf", csrf.as_str())];
    let headers = [("cookie", form.as_str()), ("user-agent", agent)];
    let reply = app.post_form_with("/console/sign-in", &headers, &fields).await;
    let second = ConsoleSession { cookie: reply.cookie("muster_session").unwrap(), ..first.clone() };
    let listed = get(&app, &second, "/api/v1/profile/sessions").await.expect(200);
    let sessions = listed["_embedded"]["muster:sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    assert_eq!((&sessions[0]["device"], &sessions[0]["is_current"]), (&json!("Firefox, Linux"), &json!(true)));
    assert_eq!((&sessions[1]["device"], &sessions[1]["is_current"]), (&json!(""), &json!(false)));
    let path_of = |session: &Value| app.path_of(session["_links"]["self"]["href"].as_str().unwrap()).to_owned();

    // nobody else ends it
    let other = app.session_of(&app.colleague("Alliance", "second", Role::Owner).await).await;
    call(&app, &other, Method::DELETE, &path_of(&sessions[1]), None).await.problem(404, "not_found", &[]);
    call(&app, &second, Method::DELETE, &path_of(&sessions[1]), None).await.expect(200);
    app.expire_caches();
    assert!(!is_signed_in(&app, &first).await && is_signed_in(&app, &second).await);
    call(&app, &second, Method::DELETE, &path_of(&sessions[1]), None).await.problem(404, "not_found", &[]);

    let third = app.session("Alliance").await;
    call(&app, &third, Method::DELETE, "/api/v1/profile/sessions", None).await.expect(200);
    app.expire_caches();
    assert!(!is_signed_in(&app, &second).await && is_signed_in(&app, &third).await && is_signed_in(&app, &other).await);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_session_ends_unused_after_half_an_hour_and_used_after_twelve(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let session = app.session("Alliance").await;
    for _ in 0..25 {
        app.kernel.env.advance(TimeDelta::minutes(28));
        assert!(is_signed_in(&app, &session).await);
    }
    app.kernel.env.advance(TimeDelta::minutes(28));
    assert!(!is_signed_in(&app, &session).await, "twelve hours are over");
    let session = app.session("Alliance").await;
    app.kernel.env.advance(TimeDelta::minutes(31));
    assert!(!is_signed_in(&app, &session).await);
    assert_eq!(app.request(Method::GET, "/console", None, &session.headers(), None).await.status, 303);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_gives_access_or_cannot_be_undone_asks_for_the_password_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let session = app.session("Alliance").await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", Some(&token), &signer("amara@example.org")).await.expect(201);
    let colleague = id(&app, &app.colleague("Alliance", "second", Role::Viewer).await).await;
    app.kernel.env.advance(TimeDelta::minutes(10));
    let export = "/api/v1/exports/petitions/status/signatures.csv".to_owned();
    for (method, path, body) in [
        (Method::POST, "/api/v1/tokens".to_owned(), Some(json!({"name": "x", "preset": "numbers"}))),
        (
            Method::POST,
            "/api/v1/invitations".to_owned(),
            Some(json!({"email": "a@b.org", "name": "A", "role": "host"})),
        ),
        (Method::PUT, format!("/api/v1/organizers/{colleague}"), Some(json!({"role": "owner"}))),
        (Method::POST, format!("/api/v1/petitions/{petition}/destroy"), Some(json!({"slug": "status"}))),
        (Method::GET, export.clone(), None),
    ] {
        let reply = call(&app, &session, method, &path, body.as_ref()).await;
        reply.problem(403, "confirmation_required", &[]);
    }
    // a browser that follows the link to a file is led to the form
    let accept = [("cookie", session.cookie.as_str()), ("accept", "text/html,*/*;q=0.8")];
    let led = app.request(Method::GET, &export, None, &accept, None).await;
    assert_eq!(
        (led.status.as_u16(), &led.headers[header::LOCATION]),
        (303, &"/console/confirm?back=/console".parse().unwrap())
    );
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb LIKE '%.export'").await, 0);

    let cookie = [("cookie", session.cookie.as_str())];
    let page = app.request(Method::GET, "/console/confirm?back=%2Fconsole%2Ftokens", None, &cookie, None).await;
    let (csrf, back) = (page.field("csrf"), page.field("back"));
    assert_eq!(back, "/console/tokens");
    let confirm = async |csrf: &str, back: &str, password: &str| {
        let fields = [("csrf", csrf), ("back", back), ("password", password)];
        app.post_form_with("/console/confirm", &cookie, &fields).await
    };
    assert_eq!(confirm("x", &back, PASSWORD).await.status, 403, "a forged form");
    let wrong = confirm(&csrf, &back, "a wrong password").await;
    assert_eq!((wrong.status.as_u16(), wrong.cookie("muster_session")), (422, None), "{}", wrong.text());
    let right = confirm(&csrf, "https://evil.example.org", PASSWORD).await;
    assert_eq!((right.status.as_u16(), &right.headers[header::LOCATION]), (303, &"/console".parse().unwrap()));
    let renewed = ConsoleSession { cookie: right.cookie("muster_session").unwrap(), ..session.clone() };
    assert_ne!(renewed.cookie, session.cookie);
    assert!(!is_signed_in(&app, &session).await, "whoever has the former cookie has nothing");
    assert_eq!(get(&app, &renewed, &export).await.status, 200);
    let path = format!("/api/v1/petitions/{petition}/destroy");
    call(&app, &renewed, Method::POST, &path, Some(&json!({"slug": "status"}))).await.expect(200);
    app.kernel.env.advance(TimeDelta::minutes(10));
    let new = json!({"name": "x", "preset": "numbers"});
    let late = call(&app, &renewed, Method::POST, "/api/v1/tokens", Some(&new)).await;
    late.problem(403, "confirmation_required", &[]);
    // guesses in a session are limited, and end nobody else's
    let cookie = [("cookie", renewed.cookie.as_str())];
    let mut last = 0;
    for _ in 0..20 {
        let fields = [("csrf", csrf.as_str()), ("back", "/console"), ("password", "a wrong password")];
        last = app.post_form_with("/console/confirm", &cookie, &fields).await.status.as_u16();
    }
    assert_eq!(last, 429);
    app.session("Alliance").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn tokens_have_an_end_little_rights_and_are_revoked_by_whom_they_concern(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.session("Alliance").await;
    let organizer = app.session_of(&app.colleague("Alliance", "second", Role::Organizer).await).await;
    let viewer = app.session_of(&app.colleague("Alliance", "third", Role::Viewer).await).await;
    let create = async |session: &ConsoleSession, body: Value| {
        call(&app, session, Method::POST, "/api/v1/tokens", Some(&body)).await
    };
    let made = create(&organizer, json!({"name": "Site", "preset": "website"})).await.expect(201);
    let (token, path) = (
        made["token"].as_str().unwrap().to_owned(),
        app.path_of(made["_links"]["self"]["href"].as_str().unwrap()).to_owned(),
    );
    assert_eq!((&made["state"], &made["scopes"]), (&json!("valid"), &json!(["actions:read", "contacts:write"])));
    app.get("/api/v1/people", Some(&token)).await.problem(403, "forbidden", &[]);
    app.post("/api/v1/people", Some(&token), &signer("amara@example.org")).await.expect(200);
    for (session, body, pointer) in [
        (&viewer, json!({"name": "x", "preset": "crm_sync"}), "/scopes"),
        (&viewer, json!({"name": "x", "scopes": ["contacts:export"]}), "/scopes"),
        (&organizer, json!({"name": "x", "scopes": ["audit:read"]}), "/scopes"),
        (&organizer, json!({"name": "x"}), "/scopes"),
        (&organizer, json!({"name": "x", "preset": "numbers", "scopes": ["all"]}), "/scopes"),
        (&organizer, json!({"name": "x", "scopes": ["everything"]}), "/scopes/0"),
        (&organizer, json!({"name": "", "preset": "numbers"}), "/name"),
        (&organizer, json!({"name": "x", "preset": "numbers", "expires_date": "2020-01-01"}), "/expires_date"),
        (&organizer, json!({"name": "x", "preset": "numbers", "expires_date": "2999-01-01"}), "/expires_date"),
    ] {
        create(session, body).await.problem(422, "validation_failed", &[pointer]);
    }
    create(&viewer, json!({"name": "Numbers", "preset": "numbers"})).await.expect(201);

    // an owner sees all, others their own
    let names = async |session: &ConsoleSession| -> Vec<String> {
        let listed = get(&app, session, "/api/v1/tokens").await.expect(200);
        let tokens = listed["_embedded"]["muster:tokens"].as_array().unwrap();
        tokens.iter().map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&owner).await, ["Numbers", "Site", "test"]);
    assert_eq!((names(&organizer).await, names(&viewer).await), (vec!["Site".to_owned()], vec!["Numbers".to_owned()]));
    let listed = get(&app, &organizer, "/api/v1/tokens").await.expect(200);
    let today = app.kernel.env.now().date_naive().to_string();
    assert_eq!(listed["_embedded"]["muster:tokens"][0]["last_used_date"], today);
    assert!(!listed.to_string().contains(&token), "the token is shown once");
    call(&app, &viewer, Method::DELETE, &path, None).await.problem(404, "not_found", &[]);
    call(&app, &owner, Method::DELETE, &path, None).await.expect(200);
    call(&app, &owner, Method::DELETE, &path, None).await.expect(200);
    app.expire_caches();
    app.get("/api/v1/petitions", Some(&token)).await.problem(401, "unauthorized", &[]);
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'token.revoke'").await, 1);
    // the owner is told of tokens of others
    let told = app.mail_to("alliance@staff.example.org").await;
    assert!(told.iter().any(|mail| mail.text.contains("second created an API token")), "{told:?}");
    assert!(app.mail_to("third@staff.example.org").await.iter().all(|mail| !mail.text.contains("second")));

    let made = create(&organizer, json!({"name": "Lasting", "preset": "numbers"})).await.expect(201);
    let token = made["token"].as_str().unwrap().to_owned();
    app.kernel.env.advance(TimeDelta::days(89));
    app.get("/api/v1/petitions", Some(&token)).await.expect(200);
    app.kernel.env.advance(TimeDelta::days(1));
    app.get("/api/v1/petitions", Some(&token)).await.problem(401, "unauthorized", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_own_password_is_changed_by_who_knows_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (session, other) = (app.session("Alliance").await, app.session("Alliance").await);
    let path = "/api/v1/profile/password";
    let new = "seven cats on a roof";
    for (current, password, pointer) in [
        ("a wrong password", new, "/current_password"),
        (PASSWORD, "short", "/password"),
        (PASSWORD, "manchesterunited1", "/password"),
    ] {
        let body = json!({"current_password": current, "password": password});
        put(&app, &session, path, body).await.problem(422, "validation_failed", &[pointer]);
    }
    put(&app, &session, path, json!({"current_password": PASSWORD, "password": new})).await.expect(200);
    assert!(is_signed_in(&app, &session).await && !is_signed_in(&app, &other).await);
    assert_eq!(app.sign_in("alliance@staff.example.org", PASSWORD, "").await.status, 401);
    assert_eq!(app.sign_in("alliance@staff.example.org", new, "").await.status, 303);
    let told = app.mail_to("alliance@staff.example.org").await;
    assert!(told.iter().any(|mail| mail.text.contains("The password of Org Anizer was changed")), "{told:?}");

    let profile = put(&app, &session, "/api/v1/profile", json!({"name": " Rosa Delgado "})).await.expect(200);
    assert_eq!(profile["name"], "Rosa Delgado");
    assert_eq!(get(&app, &session, "/api/v1/profile").await.expect(200)["name"], "Rosa Delgado");
    put(&app, &session, "/api/v1/profile", json!({"name": ""})).await.problem(422, "validation_failed", &["/name"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn owners_are_told_of_new_devices_and_exports(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let email = app.colleague("Alliance", "second", Role::Organizer).await;
    let told = async |of: &str| {
        let mails = app.mail_to("alliance@staff.example.org").await;
        mails.iter().filter(|mail| mail.text.contains(of)).count()
    };
    let first = app.session_of(&email).await;
    assert_eq!(told("on a new device").await, 0, "the first device is no news");
    assert_eq!(app.sign_in(&email, PASSWORD, &first.device).await.status, 303);
    assert_eq!(told("on a new device").await, 0, "nor is a known one");
    app.session_of(&email).await;
    assert_eq!(told("second signed in on a new device").await, 1);
    assert_eq!(app.mail_to(&email).await.len(), 1, "and to whom it concerns");

    let export = "/api/v1/exports/petitions/status/signatures.csv";
    assert_eq!(get(&app, &first, export).await.status, 200);
    assert_eq!(told("second exported personal data").await, 1);
    // of a token's exports once a day
    for _ in 0..3 {
        assert_eq!(app.get(export, Some(&token)).await.status, 200);
    }
    assert_eq!(told("Org Anizer exported personal data").await, 1);
    app.kernel.env.advance(TimeDelta::days(2));
    assert_eq!(app.get(export, Some(&token)).await.status, 200);
    assert_eq!(told("Org Anizer exported personal data").await, 2);
}

/// The hidden fields of the form on a page that calls this path with this method.
fn form(page: &str, method: &str, path: &str) -> Vec<(String, String)> {
    let forms = page.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
    let hidden = |form: &str| -> Vec<(String, String)> {
        let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
        let pair = |input: &str| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split('"').next().unwrap().to_owned())
        };
        inputs.map(pair).collect()
    };
    let has =
        |fields: &[(String, String)], name: &str, value: &str| fields.iter().any(|(n, v)| n == name && v == value);
    let mut fitting = forms.map(hidden).filter(|fields| has(fields, "method", method) && has(fields, "path", path));
    fitting.next().unwrap_or_else(|| panic!("no form: {method} {path} in {page}"))
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_console_has_a_form_for_each_of_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let session = app.session("Alliance").await;
    let colleague = id(&app, &app.colleague("Alliance", "second", Role::Viewer).await).await;
    let cookie = [("cookie", session.cookie.as_str())];
    let page = async |path: &str| {
        let page = app.request(Method::GET, path, None, &cookie, None).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        page.text()
    };
    let send = async |on: &str, method: &str, path: &str, input: &[(&str, &str)]| {
        let hidden = form(&page(on).await, method, path);
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        fields.extend_from_slice(input);
        let reply = app.post_form_with("/console/act", &cookie, &fields).await;
        assert_eq!(reply.status, 303, "{method} {path}: {}", reply.text());
        let to = reply.headers[header::LOCATION].to_str().unwrap().to_owned();
        app.expire_caches();
        to
    };
    let invitee = [("/name", "Karim"), ("/email", "karim@example.org"), ("/role", "host")];
    let back = send("/console/team", "POST", "/api/v1/invitations", &invitee).await;
    assert_eq!(back, "/console/team?done=invitations#invitations");
    assert!(page("/console/team").await.contains("karim@example.org"));
    let invitation: Uuid = sqlx::query_scalar("SELECT id FROM invitations").fetch_one(&app.kernel.db).await.unwrap();
    send("/console/team", "DELETE", &format!("/api/v1/invitations/{invitation}"), &[]).await;
    let at = format!("/api/v1/organizers/{colleague}");
    send("/console/team", "PUT", &at, &[("/role", "organizer")]).await;
    send("/console/account", "PUT", "/api/v1/profile", &[("/name", "Rosa Delgado")]).await;
    assert!(page("/console/account").await.contains("Rosa Delgado"));
    let passwords = [("/current_password", PASSWORD), ("/password", "seven cats on a roof")];
    send("/console/account", "PUT", "/api/v1/profile/password", &passwords).await;
    send("/console/account", "DELETE", "/api/v1/profile/sessions", &[]).await;

    let csrf = page("/console/tokens").await;
    let csrf = csrf.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let token = |csrf| [("csrf", csrf), ("name", "Our website"), ("preset", "website"), ("expires_date", "")];
    assert_eq!(app.post_form_with("/console/tokens", &cookie, &token("x")).await.status, 403);
    let made = app.post_form_with("/console/tokens", &cookie, &token(csrf)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = format!("mstr_{}", &made.text().split("mstr_").nth(1).unwrap()[..52]);
    app.get("/api/v1/profile", Some(&secret)).await.expect(200);
    let listed = page("/console/tokens").await;
    assert!(listed.contains("Our website") && !listed.contains(&secret), "it is shown once");
    let made: Uuid = sqlx::query_scalar("SELECT id FROM api_tokens WHERE name = 'Our website'")
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    send("/console/tokens", "DELETE", &format!("/api/v1/tokens/{made}"), &[]).await;
    app.get("/api/v1/profile", Some(&secret)).await.problem(401, "unauthorized", &[]);

    // after ten minutes the form asks for the password first
    app.kernel.env.advance(TimeDelta::minutes(10));
    let back = send("/console/team", "PUT", &at, &[("/role", "viewer")]).await;
    assert_eq!(back, "/console/confirm?back=%2Fconsole%2Fteam%23organizers");
    // the team is the owners'
    let email = app.colleague("Alliance", "third", Role::Organizer).await;
    let third = app.session_of(&email).await;
    let seen = app.request(Method::GET, "/console/team", None, &third.headers(), None).await;
    assert_eq!(seen.status, 403);
}
