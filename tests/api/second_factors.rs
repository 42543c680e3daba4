//! The second factor: who must have one, codes that count once, recovery, and what a session may do before its second step.

use axum::http::{Method, header};
use chrono::TimeDelta;
use muster::organizers::{self, AccountChange, Role};
use sqlx::PgPool;
use totp_rs::{Builder, Secret};

use crate::harness::{Reply, TestApp};

const OWNER: &str = "alliance@staff.example.org";
const PASSWORD: &str = "a long password";
const REQUIRED: [(&str, &str); 1] = [("MUSTER__ORGANIZERS__SECOND_FACTOR", "required")];

async fn page(app: &TestApp, path: &str, cookie: &str) -> Reply {
    app.request(Method::GET, path, None, &[("cookie", cookie)], None).await
}

/// Sends the code on the form of a page.
async fn send(app: &TestApp, path: &str, cookie: &str, code: &str) -> Reply {
    let csrf = page(app, path, cookie).await.field("csrf");
    app.post_form_with(path, &[("cookie", cookie)], &[("csrf", &csrf), ("code", code)]).await
}

#[track_caller]
fn leads_to(reply: &Reply, to: &str) {
    assert_eq!(reply.status, 303, "{}", reply.text());
    assert_eq!(reply.headers[header::LOCATION], to);
}

/// The key that a page shows.
fn key(reply: &Reply) -> String {
    let text = reply.text();
    let shown = text.split("<code class=\"hash\">").nth(1).unwrap_or_else(|| panic!("no key: {text}"));
    shown.split('<').next().unwrap().replace(' ', "")
}

/// The code that the app shows now, or so many half minutes later.
fn code(app: &TestApp, key: &str, steps: u64) -> String {
    let secret = data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    let totp = Builder::new().with_secret(Secret::new_stack(secret.try_into().unwrap())).build().unwrap();
    let now = u64::try_from(app.kernel.env.now().timestamp()).unwrap();
    totp.generate(now + 30 * steps).to_string()
}

async fn sign_in(app: &TestApp, to: &str) -> String {
    let reply = app.sign_in(OWNER, PASSWORD, "").await;
    leads_to(&reply, to);
    reply.cookie("muster_session").unwrap()
}

/// A second factor that was set up at the first sign-in.
struct Enrolled {
    key: String,
    /// The code with which it was set up.
    used: String,
    recovery: Vec<String>,
    /// The session's cookie.
    cookie: String,
}

async fn enrol(app: &TestApp) -> Enrolled {
    let pending = sign_in(app, "/console/second-factor").await;
    let key = key(&page(app, "/console/second-factor", &pending).await);
    let used = code(app, &key, 0);
    let done = send(app, "/console/second-factor", &pending, &used).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let text = done.text();
    let recovery = text.split("<li><code>").skip(1).map(|code| code.split('<').next().unwrap().to_owned()).collect();
    Enrolled { key, used, recovery, cookie: done.cookie("muster_session").unwrap() }
}

async fn is_open(app: &TestApp, cookie: &str) -> bool {
    let api = page(app, "/api/v1/profile", cookie).await.status == 200;
    assert_eq!(page(app, "/console", cookie).await.status == 200, api);
    api
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn who_may_export_sets_one_up_before_anything_else(pool: PgPool) {
    let app = TestApp::with(pool, &REQUIRED).await;
    app.owner().await;
    let pending = sign_in(&app, "/console/second-factor").await;
    assert!(!is_open(&app, &pending).await, "the password alone opens nothing");
    for path in ["/console/account", "/console/team", "/console/tokens", "/console/confirm", "/console/code"] {
        leads_to(&page(&app, path, &pending).await, "/console/sign-in");
    }
    let form = page(&app, "/console/second-factor", &pending).await;
    assert!(form.status == 200 && form.text().contains("<svg"), "{}", form.text());
    let key = key(&form);
    assert_eq!(send(&app, "/console/second-factor", &pending, "000000").await.status, 422);
    let forged = [("csrf", "x"), ("code", &code(&app, &key, 0))];
    assert_eq!(app.post_form_with("/console/second-factor", &[("cookie", &pending)], &forged).await.status, 403);
    assert_eq!(app.count("SELECT count(*) FROM second_factors").await, 0);
    let done = send(&app, "/console/second-factor", &pending, &code(&app, &key, 0)).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.text().matches("<li><code>").count(), 10);
    let open = done.cookie("muster_session").unwrap();
    assert!(open != pending && is_open(&app, &open).await && !is_open(&app, &pending).await);
    // the secret lies sealed
    let secret = data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT sealed FROM second_factors").fetch_one(&app.kernel.db).await.unwrap();
    assert!(!sealed.windows(secret.len()).any(|window| window == secret));
    // whoever sees numbers only needs none
    let viewer = app.colleague("Alliance", "viewer", Role::Viewer).await;
    app.session_of(&viewer).await;
    let organizer = app.colleague("Alliance", "organizer", Role::Organizer).await;
    leads_to(&app.sign_in(&organizer, PASSWORD, "").await, "/console/second-factor");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_code_and_a_recovery_code_count_once(pool: PgPool) {
    let app = TestApp::with(pool, &REQUIRED).await;
    app.owner().await;
    let Enrolled { key, used, recovery, .. } = enrol(&app).await;
    let pending = sign_in(&app, "/console/code").await;
    assert!(!is_open(&app, &pending).await);
    leads_to(&page(&app, "/console/second-factor", &pending).await, "/console/sign-in");
    assert_eq!(send(&app, "/console/code", &pending, &used).await.status, 422, "it set the second factor up");
    // two sessions, one code, at once
    let other = sign_in(&app, "/console/code").await;
    let next = code(&app, &key, 1);
    let spaced = format!("{} {}", &next[..3], &next[3..]);
    let (a, b) =
        tokio::join!(send(&app, "/console/code", &pending, &next), send(&app, "/console/code", &other, &spaced));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422], "{} {}", a.text(), b.text());
    let opened = [&a, &b].into_iter().find(|reply| reply.status == 303).unwrap();
    leads_to(opened, "/console");
    assert!(is_open(&app, &opened.cookie("muster_session").unwrap()).await);

    let pending = sign_in(&app, "/console/code").await;
    let opened = send(&app, "/console/code", &pending, &recovery[0].to_uppercase()).await;
    leads_to(&opened, "/console");
    let pending = sign_in(&app, "/console/code").await;
    assert_eq!(send(&app, "/console/code", &pending, &recovery[0]).await.status, 422, "once");
    leads_to(&send(&app, "/console/code", &pending, &recovery[1]).await, "/console");
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 8);
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'second_factor.recovery'").await, 2);

    // the second step is done within ten minutes, or the password is typed again
    let pending = sign_in(&app, "/console/code").await;
    app.kernel.env.advance(TimeDelta::minutes(10));
    leads_to(&page(&app, "/console/code", &pending).await, "/console/sign-in");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn guessing_codes_is_limited_for_the_account(pool: PgPool) {
    let app = TestApp::with(pool, &REQUIRED).await;
    app.owner().await;
    let key = enrol(&app).await.key;
    let mut last = 0;
    for _ in 0..4 {
        let pending = sign_in(&app, "/console/code").await;
        for _ in 0..5 {
            last = send(&app, "/console/code", &pending, "000000").await.status.as_u16();
        }
    }
    assert_eq!(last, 429, "another session does not help");
    let pending = sign_in(&app, "/console/code").await;
    assert_eq!(send(&app, "/console/code", &pending, &code(&app, &key, 1)).await.status, 429);
    app.kernel.env.advance(TimeDelta::minutes(15));
    let pending = sign_in(&app, "/console/code").await;
    leads_to(&send(&app, "/console/code", &pending, &code(&app, &key, 0)).await, "/console");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn it_is_set_up_replaced_and_removed_by_who_is_signed_in(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let session = app.session("Alliance").await;
    let form = page(&app, "/console/second-factor", &session.cookie).await;
    let first = key(&form);
    assert_eq!(key(&page(&app, "/console/second-factor", &session.cookie).await), first, "looking changes nothing");
    assert_eq!(send(&app, "/console/second-factor", &session.cookie, &code(&app, &first, 0)).await.status, 200);
    assert!(page(&app, "/console/account", &session.cookie).await.text().contains("second-factor/remove"));
    let pending = sign_in(&app, "/console/code").await;
    leads_to(&send(&app, "/console/code", &pending, &code(&app, &first, 1)).await, "/console");
    // an unattended device is not enough
    app.kernel.env.advance(TimeDelta::minutes(10));
    let confirm = "/console/confirm?back=%2Fconsole%2Fsecond-factor";
    leads_to(&page(&app, "/console/second-factor", &session.cookie).await, confirm);
    let csrf = page(&app, "/console/account", &session.cookie).await.field("csrf");
    let fields = [("csrf", csrf.as_str())];
    let cookie = [("cookie", session.cookie.as_str())];
    let removed = app.post_form_with("/console/second-factor/remove", &cookie, &fields).await;
    leads_to(&removed, "/console/confirm?back=%2Fconsole%2Faccount%23second-factor");
    assert_eq!(app.count("SELECT count(*) FROM second_factors").await, 1);

    let pending = sign_in(&app, "/console/code").await;
    let opened = send(&app, "/console/code", &pending, &code(&app, &first, 0)).await;
    let cookie = opened.cookie("muster_session").unwrap();
    let csrf = page(&app, "/console/account", &cookie).await.field("csrf");
    let (headers, fields) = ([("cookie", cookie.as_str())], [("csrf", csrf.as_str())]);
    let removed = app.post_form_with("/console/second-factor/remove", &headers, &fields).await;
    leads_to(&removed, "/console/account?done=second-factor#second-factor");
    assert_eq!(
        app.count("SELECT (SELECT count(*) FROM second_factors) + (SELECT count(*) FROM recovery_codes)").await,
        0
    );
    sign_in(&app, "/console").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn whoever_has_lost_it_is_let_in_by_the_command_line(pool: PgPool) {
    let app = TestApp::with(pool, &REQUIRED).await;
    app.owner().await;
    let cookie = enrol(&app).await.cookie;
    // who needs one cannot remove it
    let csrf = page(&app, "/console/account", &cookie).await.field("csrf");
    let fields = [("csrf", csrf.as_str())];
    let refused = app.post_form_with("/console/second-factor/remove", &[("cookie", &cookie)], &fields).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    let mut tx = app.kernel.db.begin().await.unwrap();
    let ended = organizers::change_account(&mut tx, &app.kernel, OWNER, AccountChange::ResetSecondFactor).await;
    assert_eq!(ended.unwrap(), 1);
    tx.commit().await.unwrap();
    app.expire_caches();
    assert!(!is_open(&app, &cookie).await);
    enrol(&app).await;
}
