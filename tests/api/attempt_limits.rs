//! Attempts at secrets: passwords, typed codes, asking for the own page. Counted for all processes, failures only; a
//! machine is slowed, and nobody locks an organizer or a shelter out.

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{Request, header},
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use muster::{
    error::Code,
    kernel::rate_limit::{Proof, Source},
};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    api::rate_limit::solve,
    harness::{Reply, TestApp, signer},
    ui::sessions::csrf,
};

const OWNER: &str = "alliance@staff.example.org";
const PASSWORD: &str = "a long password";
const BEHIND_PROXY: (&str, &str) = ("MUSTER__HTTP__TRUSTED_PROXIES", "127.0.0.1");
const EASY_WORK: (&str, &str) = ("MUSTER__GUARD__CHALLENGE_WORK", "1000");

/// An installation behind a proxy, with an organizer, at the start of a quarter of an hour.
async fn installation(pool: PgPool, environment: &[(&str, &str)]) -> TestApp {
    let app = TestApp::with(pool, &[&[BEHIND_PROXY, EASY_WORK], environment].concat()).await;
    app.owner().await;
    next_quarter(&app);
    app
}

fn next_quarter(app: &TestApp) {
    let env = &app.kernel.env;
    env.advance(TimeDelta::seconds(900 - env.now().timestamp().rem_euclid(900)));
}

/// A form as sent from an address.
async fn send(app: &TestApp, path: &str, from: &str, cookies: &str, fields: &[(&str, &str)]) -> Reply {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-forwarded-for", from)
        .header(header::COOKIE, cookies);
    app.send(request.body(Body::from(body)).unwrap()).await
}

/// A sign-in form that lies open in a browser; every process of the installation takes it.
struct Form {
    cookie: String,
    csrf: String,
}

impl Form {
    async fn open(app: &TestApp) -> Self {
        let page = app.get("/console/sign-in", None).await;
        Self { cookie: set_cookie(&page, "muster_form").unwrap(), csrf: csrf(&page) }
    }

    async fn send(&self, app: &TestApp, from: &str, device: &str, fields: &[(&str, &str)]) -> Reply {
        let fields = [fields, &[("csrf", self.csrf.as_str())]].concat();
        send(app, "/console/sign-in", from, &format!("{}; {device}", self.cookie), &fields).await
    }

    async fn sign_in(&self, app: &TestApp, from: &str, email: &str, password: &str) -> Reply {
        self.send(app, from, "", &[("email", email), ("password", password)]).await
    }

    async fn status(&self, app: &TestApp, from: &str, email: &str, password: &str) -> u16 {
        self.sign_in(app, from, email, password).await.status.as_u16()
    }
}

/// `name=value` of a cookie that an answer sets.
fn set_cookie(reply: &Reply, name: &str) -> Option<String> {
    let all = reply.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap());
    all.filter(|c| c.starts_with(&format!("{name}="))).find_map(|c| c.split(';').next()).map(str::to_owned)
}

fn attribute(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next()?.replace("&quot;", "\"").replace("&#x2f;", "/").replace("&amp;", "&"))
}

/// The solution of the puzzle on a page, if there is one.
fn solution(reply: &Reply) -> Option<String> {
    Some(solve(&serde_json::from_str(&attribute(&reply.text(), "data-challenge")?).unwrap()))
}

async fn counted(app: &TestApp) -> i64 {
    app.count("SELECT coalesce(sum(failures), 0)::bigint FROM attempts").await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn failed_sign_ins_are_limited_across_processes(pool: PgPool) {
    let app = installation(pool, &[]).await;
    let beside = app.beside();
    let form = Form::open(&app).await;
    // one account in several spellings
    let spellings =
        [OWNER, "Alliance@STAFF.example.org", "\u{ff41}lliance@staff.example.org", " alliance@staff.example.org"];
    let attack = (0..300).map(|n| {
        let (process, form, email) = (if n % 2 == 0 { &app } else { &beside }, &form, spellings[n % 4]);
        async move { form.status(process, "198.51.100.7", email, &format!("guess number {n}")).await }
    });
    let owner = async { form.status(&beside, "203.0.113.1", OWNER, PASSWORD).await };
    let (attacked, owner) = tokio::join!(join_all(attack), owner);
    let looked_at = attacked.iter().filter(|status| **status == 401).count();
    assert_eq!(looked_at, 10);
    assert!(attacked.iter().all(|status| [401, 429].contains(status)), "{attacked:?}");
    assert_eq!(owner, 303, "the organizer signs in from elsewhere in the middle of it");
    // what was refused is not counted: after the attack as little stands in her way
    assert_eq!(form.status(&app, "203.0.113.2", OWNER, PASSWORD).await, 303);
    assert_eq!(form.status(&app, "198.51.100.7", OWNER, PASSWORD).await, 429, "not from there, the right one included");
    next_quarter(&app);
    assert_eq!(form.status(&app, "198.51.100.7", OWNER, PASSWORD).await, 303);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_successful_sign_in_resets_the_failures(pool: PgPool) {
    let app = installation(pool, &[("MUSTER__GUARD__SIGN_IN_ATTEMPTS", "3")]).await;
    let beside = app.beside();
    let form = Form::open(&app).await;
    for round in 0..4 {
        for process in [&app, &beside] {
            assert_eq!(form.status(process, "203.0.113.1", OWNER, "mistyped today").await, 401, "round {round}");
        }
        assert!(counted(&app).await > 0);
        assert_eq!(form.status(&app, "203.0.113.1", OWNER, PASSWORD).await, 303, "round {round}");
        assert_eq!(counted(&app).await, 0, "in no counter is anything left of it");
    }
    for _ in 0..20 {
        assert_eq!(form.status(&app, "203.0.113.1", OWNER, PASSWORD).await, 303, "successes are no attempts");
    }
    // one's own account gives no budget back for others'
    let other = "somebody@staff.example.org";
    for _ in 0..2 {
        assert_eq!(form.status(&app, "203.0.113.1", other, "guess at random").await, 401);
    }
    assert_eq!(form.status(&app, "203.0.113.1", OWNER, PASSWORD).await, 303);
    assert_eq!(form.status(&app, "203.0.113.1", other, "guess at random").await, 401);
    assert_eq!(form.status(&app, "203.0.113.1", other, "guess at random").await, 429);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn one_source_trying_many_accounts_is_limited(pool: PgPool) {
    let app = installation(pool, &[("MUSTER__GUARD__SIGN_IN_ATTEMPTS", "2")]).await;
    let form = Form::open(&app).await;
    let from = "2001:db8:1:1::1";
    let account = |n: usize| format!("nobody{n}@staff.example.org");
    for n in 0..2 {
        assert_eq!(form.status(&app, from, &account(n), "guess at random").await, 401);
    }
    let mut looked_at = 2;
    for n in 2..60 {
        // another /64 of the same customer does not help
        let from = format!("2001:db8:1:{n:x}::1");
        let asked = form.sign_in(&app, &from, &account(n), "guess at random").await;
        assert_eq!(asked.status, 429, "a source may not try account after account");
        assert!(asked.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() > 0);
        let Some(altcha) = solution(&asked) else { break };
        let email = account(n);
        let fields = [("email", email.as_str()), ("password", "guess at random"), ("altcha", altcha.as_str())];
        assert_eq!(form.send(&app, &from, "", &fields).await.status, 401);
        looked_at += 1;
        assert_eq!(form.send(&app, &from, "", &fields).await.status, 429, "a proof is good once");
    }
    assert_eq!(looked_at, 20, "no amount of work buys any number of slow hashes");
    assert_eq!(form.status(&app, "2001:db8:2::1", &account(99), "guess at random").await, 401, "its neighbour may");
    assert_eq!(form.status(&app, "2001:db8:2::1", OWNER, PASSWORD).await, 303);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_distributed_attack_does_not_lock_out_a_known_device(pool: PgPool) {
    let app = installation(pool, &[]).await;
    let form = Form::open(&app).await;
    let first = form.sign_in(&app, "203.0.113.1", OWNER, PASSWORD).await;
    let device = set_cookie(&first, "muster_device").unwrap();
    let mut looked_at = 0;
    for n in 0..100 {
        let from = format!("198.51.100.{n}");
        looked_at += usize::from(form.status(&app, &from, OWNER, "guess at random").await == 401);
    }
    assert_eq!(looked_at, 30);
    let credentials = [("email", OWNER), ("password", PASSWORD)];
    assert_eq!(form.send(&app, "203.0.113.9", &device, &credentials).await.status, 303, "no work, wherever she is");
    let strange = "muster_device=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    for other in [strange, "muster_device=x"] {
        assert_eq!(form.send(&app, "203.0.113.9", other, &credentials).await.status, 429, "{other}");
    }
    // on a new device she proves some work
    let asked = form.sign_in(&app, "203.0.113.9", OWNER, PASSWORD).await;
    let altcha = solution(&asked).unwrap();
    let proven = [credentials[0], credentials[1], ("altcha", altcha.as_str())];
    assert_eq!(form.send(&app, "203.0.113.9", "", &proven).await.status, 303);
    // or, without JavaScript, she waits
    let asked = form.sign_in(&app, "203.0.113.9", OWNER, PASSWORD).await;
    let ticket = attribute(&asked.text(), "name=\"wait_ticket\" value").unwrap();
    let waited = [credentials[0], credentials[1], ("wait_ticket", ticket.as_str())];
    assert_eq!(form.send(&app, "203.0.113.9", "", &waited).await.status, 429, "too early");
    let seconds: i64 = asked.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    app.kernel.env.advance(TimeDelta::seconds(seconds));
    assert_eq!(form.send(&app, "203.0.113.9", "", &waited).await.status, 303);
    // a device has its own counter, and it ends too
    for _ in 0..10 {
        let guess = [("email", OWNER), ("password", "guess at random")];
        assert_eq!(form.send(&app, "203.0.113.9", &device, &guess).await.status, 401);
    }
    assert_eq!(form.send(&app, "203.0.113.9", &device, &credentials).await.status, 429);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_device_is_known_only_to_accounts_that_signed_in_on_it(pool: PgPool) {
    let app = installation(pool, &[("MUSTER__GUARD__SIGN_IN_ATTEMPTS", "2")]).await;
    app.token("Neighbours", "all").await;
    let form = Form::open(&app).await;
    let neighbour = "neighbours@staff.example.org";
    let signed_in = form.sign_in(&app, "203.0.113.1", neighbour, PASSWORD).await;
    let whole = signed_in.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap());
    let whole = whole.filter(|c| c.starts_with("muster_device=")).collect::<String>();
    for part in ["; Path=/;", "HttpOnly", "SameSite=Strict", "Max-Age=15552000"] {
        assert!(whole.contains(part), "{whole}");
    }
    let device = set_cookie(&signed_in, "muster_device").unwrap();
    let owner = [("email", OWNER), ("password", PASSWORD)];
    for n in 0..6 {
        form.status(&app, &format!("198.51.100.{n}"), OWNER, "guess at random").await;
    }
    assert_eq!(form.send(&app, "203.0.113.1", &device, &owner).await.status, 429, "a neighbour's does not help");
    next_quarter(&app);
    let both = form.send(&app, "203.0.113.1", &device, &owner).await;
    assert_eq!(set_cookie(&both, "muster_device").unwrap(), device, "two organizers share a laptop");
    assert_eq!(app.count("SELECT count(*) FROM known_devices").await, 2);
    for _ in 0..12 {
        assert_eq!(form.send(&app, "203.0.113.1", "", &owner).await.status, 303);
        app.kernel.env.advance(TimeDelta::seconds(1));
    }
    let newest = "SELECT count(*) FROM known_devices d JOIN organizers r ON r.id = d.organizer_id WHERE r.email = 'alliance@staff.example.org'";
    assert_eq!(app.count(newest).await, 10);
    app.kernel.env.advance(TimeDelta::days(181));
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM known_devices").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn many_people_behind_one_address_are_not_locked_out(pool: PgPool) {
    let app = installation(pool, &[]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let beside = app.beside();
    let shelter = "203.0.113.50";
    for n in 0..100 {
        let (process, email) = (if n % 2 == 0 { &app } else { &beside }, format!("guest{n}@example.org"));
        let asked = send(process, "/my", shelter, "", &[("email", &email)]).await;
        assert_eq!(asked.status, 200, "guest {n}");
        let typed = send(process, "/p/status/code", shelter, "", &[("email", &email), ("code", "aaaa-aaaa")]).await;
        assert_eq!(typed.status, 422, "guest {n}");
    }
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'own_page'").await, 100);
    let form = Form::open(&app).await;
    for _ in 0..3 {
        assert_eq!(form.status(&app, shelter, OWNER, "mistyped today").await, 401);
    }
    assert_eq!(form.status(&app, shelter, OWNER, PASSWORD).await, 303, "each purpose counts by itself");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn beyond_the_limit_a_proof_is_required_and_the_form_is_kept(pool: PgPool) {
    let app =
        installation(pool, &[("MUSTER__GUARD__ATTEMPTS_PER_NETWORK", "5"), ("MUSTER__GUARD__OWN_PAGE_REQUESTS", "2")])
            .await;
    let crowd = "203.0.113.50";
    for n in 0..5 {
        assert_eq!(send(&app, "/my", crowd, "", &[("email", &format!("guest{n}@example.org"))]).await.status, 200);
    }
    for n in 5..12 {
        let email = format!("guest{n}@example.org");
        let asked = send(&app, "/my", crowd, "", &[("email", &email)]).await;
        assert_eq!(asked.status, 429);
        assert!(asked.text().contains(&format!("value=\"{email}\"")), "nothing has to be typed again");
        let altcha = solution(&asked).unwrap();
        let done = send(&app, "/my", crowd, "", &[("email", &email), ("altcha", &altcha)]).await;
        assert_eq!(done.status, 200, "a crowd is slowed and not turned away");
    }
    // a proof for this is none for that
    let asked = send(&app, "/my", crowd, "", &[("email", "bo@example.org")]).await;
    let altcha = solution(&asked).unwrap();
    let form = Form::open(&app).await;
    for _ in 0..10 {
        form.status(&app, "203.0.113.60", "bo@example.org", "guess at random").await;
    }
    let fields = [("email", "amara@example.org"), ("password", "guess at random"), ("altcha", altcha.as_str())];
    assert_eq!(form.send(&app, "203.0.113.60", "", &fields).await.status, 429);
    assert_eq!(send(&app, "/my", crowd, "", &[("email", "bo@example.org"), ("altcha", &altcha)]).await.status, 200);
    // mail for one address: a proof after two, an end at twenty
    let mut mails = 0;
    let mut altcha = String::new();
    for _ in 0..60 {
        let reply =
            send(&app, "/my", "198.51.100.1", "", &[("email", "victim@example.org"), ("altcha", &altcha)]).await;
        mails += usize::from(reply.status == 200);
        altcha = solution(&reply).unwrap_or_default();
    }
    assert_eq!(mails, 20);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn attempts_of_others_do_not_block_a_typed_code(pool: PgPool) {
    let app = installation(pool, &[]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let address = "amara@example.org";
    app.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
    let text = app.mail_to(address).await.pop().unwrap().text;
    let code = text.split_whitespace().find(|w| w.len() == 9 && w.as_bytes()[4] == b'-').unwrap().to_owned();
    let type_code = async |from: &str, code: &str, altcha: &str| {
        send(&app, "/p/status/code", from, "", &[("email", address), ("code", code), ("altcha", altcha)]).await
    };
    for n in 0..40 {
        type_code(&format!("198.51.100.{n}"), "aaaa-aaaa", "").await;
    }
    let asked = type_code("203.0.113.1", &code, "").await;
    assert_eq!(asked.status, 429);
    let page = asked.text();
    assert!(page.contains(&format!("value=\"{code}\"")) && page.contains(address), "the form is still there");
    assert_eq!(type_code("203.0.113.1", &code, &solution(&asked).unwrap()).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn attempt_counters_are_hashed_and_expire(pool: PgPool) {
    let app = installation(pool, &[]).await;
    let form = Form::open(&app).await;
    form.status(&app, "203.0.113.1", OWNER, "guess at random").await;
    send(&app, "/my", "203.0.113.1", "", &[("email", "amara@example.org")]).await;
    assert_eq!(app.count("SELECT count(*) FROM attempts").await, 6);
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'attempts'";
    assert_eq!(app.count(columns).await, 3, "a keyed hash, a number, the end of the window");
    let kind =
        "SELECT count(*) FROM pg_class WHERE relname IN ('attempts', 'signature_bursts') AND relpersistence = 'u'";
    assert_eq!(app.count(kind).await, 2, "in no backup");
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM attempts").await, 6);
    next_quarter(&app);
    muster::worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM attempts").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_a_database_sign_in_fails_closed_and_public_acts_pass(pool: PgPool) {
    let app = installation(pool, &[("MUSTER__GUARD__FREE_PER_MINUTE", "1")]).await;
    let form = Form::open(&app).await;
    let Ok(source) = Source::from_request_parts(&mut Request::new(()).into_parts().0, &()).await;
    app.kernel.db.close().await;
    assert_eq!(form.status(&app, "203.0.113.1", OWNER, PASSWORD).await, 503);
    app.kernel.rate_limiter.admit(source, Proof::default(), false).await.unwrap();
    let asked = app.kernel.rate_limiter.admit(source, Proof::default(), false).await.unwrap_err();
    assert_eq!(asked.code(), Code::ChallengeRequired);
}
