//! What holds for every request and response: who may send what, and what browsers are told to do with the answer.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, header},
};
use serde_json::json;
use sqlx::PgPool;
use tower::ServiceExt;

use crate::harness::{Reply, TestApp, signer};

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn no_page_leads_to_a_host_from_its_own_path(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for path in ["//evil.example/", "///evil.example/p/x", "/\\evil.example/"] {
        let page = app.get(path, None).await.text();
        assert!(page.contains("href=\"/evil.example/") && !page.contains("href=\"//"), "{path}: {page}");
        assert!(!page.contains("href=\"/\\"), "{path}: {page}");
    }
    assert!(app.get("/my", None).await.text().contains("href=\"/my?lang=fr\""));
}

fn mailbox(path: &str, peer: [u8; 4], headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.extension(ConnectInfo(SocketAddr::from((peer, 4000)))).body(Body::empty()).unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_mailbox_opens_on_this_machine_only(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    app.mail().await;
    let router = app.app.router();
    let status = async |request: Request<Body>| router.clone().oneshot(request).await.unwrap().status().as_u16();
    let list = app.request(Method::GET, "/mailbox", None, &[("host", "localhost:8080")], None).await.text();
    let one = list.split("href=\"/mailbox/").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    assert!(!one.is_empty(), "{list}");
    let (page, html) = (format!("/mailbox/{one}"), format!("/mailbox/{one}/html"));
    for path in ["/mailbox", &page, &html] {
        for host in ["127.0.0.1:8080", "localhost", "[::1]:8080"] {
            assert_eq!(status(mailbox(path, [127, 0, 0, 1], &[("host", host)])).await, 200, "{path} {host}");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example"] {
            assert_eq!(status(mailbox(path, [127, 0, 0, 1], &[("host", host)])).await, 404, "{path} {host}");
        }
        assert_eq!(status(mailbox(path, [192, 0, 2, 7], &[("host", "127.0.0.1:8080")])).await, 404, "{path}");
        let proxied = [("host", "127.0.0.1:8080"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(status(mailbox(path, [127, 0, 0, 1], &proxied)).await, 404, "{path}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_answer_says_what_browsers_may_do_with_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let all = [
        "/",
        "/p/status",
        "/p/status/live",
        "/p/status/poster.svg",
        "/console/sign-in",
        "/nowhere",
        "/api/v1",
        "/api/v1/petitions/status",
        "/api/v1/people",
        "/api/v1/nowhere",
        "/api/v1/openapi.json",
        "/.well-known/security.txt",
    ];
    let header = |reply: &Reply, name: &str| {
        reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    for path in all {
        let reply = app.get(path, None).await;
        let policy = header(&reply, "content-security-policy");
        let is_image = path.contains(".svg");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert_eq!(policy.contains("sandbox"), is_image, "{path}: {policy}");
        assert_eq!(header(&reply, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&reply, "cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(header(&reply, "permissions-policy").contains("geolocation=()"), "{path}");
        let readers = header(&reply, "cross-origin-resource-policy");
        assert_eq!(readers, if is_image { "cross-origin" } else { "same-origin" }, "{path}");
        assert!(!reply.headers.contains_key("strict-transport-security"), "{path}: not over http");
    }
    let page = app.get("/p/status", None).await;
    let etag = page.headers["etag"].to_str().unwrap().to_owned();
    let known = app.request(Method::GET, "/p/status", None, &[("if-none-match", &etag)], None).await;
    assert_eq!(known.status, 304);
    assert!(!known.headers.contains_key("content-security-policy"), "the page in the cache keeps its own");
    let live = app.get("/p/status/live", None).await;
    assert!(header(&live, "vary").contains("accept") && header(&live, "vary").contains("accept-language"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn https_binds_cookies_and_browsers_to_this_host(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__HTTP__PUBLIC_URL", "https://muster.example.org")]).await;
    app.owner().await;
    let page = app.get("/console/sign-in", None).await;
    assert!(page.headers["strict-transport-security"].to_str().unwrap().starts_with("max-age=63072000"));
    let form = page.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    let csrf = page.text().split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [("email", "alliance@staff.example.org"), ("password", "a long password"), ("csrf", csrf.as_str())];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post("/console/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, form.split(';').next().unwrap());
    let signed_in = app.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let mut cookies = vec![form];
    cookies.extend(signed_in.headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap().to_owned()));
    assert_eq!(cookies.len(), 3);
    for cookie in &cookies {
        assert!(cookie.starts_with("__Host-muster_"), "{cookie}");
        for attribute in ["Secure", "Path=/", "HttpOnly", "SameSite=Strict"] {
            assert!(cookie.contains(attribute) && !cookie.contains("Domain"), "{cookie}");
        }
    }
    let session = cookies[1].split(';').next().unwrap();
    app.request(Method::GET, "/api/v1/people", None, &[("cookie", session)], None).await.expect(200);
    let bare = session.trim_start_matches("__Host-");
    app.request(Method::GET, "/api/v1/people", None, &[("cookie", bare)], None).await.problem(401, "unauthorized", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_body_names_its_type(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let body = signer("amara@example.org").to_string();
    let untyped = |path: &str, body: &str| Request::post(path).body(Body::from(body.to_owned())).unwrap();
    let path = "/api/v1/petitions/status/signatures";
    app.send(untyped(path, &body)).await.problem(415, "unsupported_media_type", &[]);
    assert_eq!(app.send(untyped("/p/status", "given_name=A&email=a%40example.org")).await.status, 415);
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0);
    app.send(untyped(path, "")).await.problem(422, "validation_failed", &[""]);
    app.post(path, None, &signer("amara@example.org")).await.expect(202);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn no_other_site_sends_our_forms(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let ours = app.kernel.settings.http.public_url.clone();
    let sign = async |address: &str, headers: &[(&str, &str)]| {
        let fields = [("given_name", "Amara"), ("email", address), ("display", "hidden"), ("locale", "en")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post("/p/status").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.send(request.body(Body::from(body)).unwrap()).await.status.as_u16()
    };
    for foreign in [
        &[("sec-fetch-site", "cross-site"), ("origin", "null")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
    ] {
        assert_eq!(sign("victim@example.org", foreign).await, 403, "{foreign:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0);
    for (n, own) in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null")],
        &[("origin", ours.as_str())],
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(sign(&format!("signer{n}@example.org"), own).await, 303, "{own:?}");
    }
    // links are followed from everywhere
    let followed = app.request(Method::GET, "/p/status", None, &[("sec-fetch-site", "cross-site")], None).await;
    assert_eq!(followed.status, 200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_ended_session_sees_what_the_public_sees(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let ended = [("cookie", "muster_session=ended")];
    let public = app.get("/api/v1/petitions/status", None).await;
    let reply = app.request(Method::GET, "/api/v1/petitions/status", None, &ended, None).await;
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &public.body));
    let act = signer("amara@example.org");
    let path = "/api/v1/petitions/status/signatures";
    app.request(Method::POST, path, None, &ended, Some(&act)).await.expect(202);
    app.request(Method::GET, "/api/v1/people", None, &ended, None).await.problem(401, "unauthorized", &[]);
    let unknown = format!("mstr_{}", "a".repeat(52));
    app.post(path, Some(&unknown), &act).await.problem(401, "unauthorized", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn finders_of_defects_learn_whom_to_tell(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__HTTP__SECURITY_CONTACT", "https://example.org/security")]).await;
    let reply = app.get("/.well-known/security.txt", None).await;
    assert_eq!(reply.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    let text = reply.text();
    assert!(text.contains("Contact: https://example.org/security\n"), "{text}");
    let until = text.lines().find_map(|line| line.strip_prefix("Expires: ")).unwrap();
    let until = chrono::DateTime::parse_from_rfc3339(until).unwrap().to_utc() - app.kernel.env.now();
    assert!((150..365).contains(&until.num_days()), "{text}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_taken_address_tells_neither_whose_it_is_nor_whether_it_is_public(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (token, theirs) = (app.owner().await, app.token("Neighbours", "all").await);
    let states = ["published", "draft", "closed", "archived"];
    for state in states {
        app.petition(&theirs, json!({"muster:slug": state, "muster:status": state})).await;
    }
    let renamed = json!({"muster:slug": "renamed"});
    app.petition(&theirs, json!({"muster:slug": "former"})).await;
    app.put("/api/v1/petitions/former", Some(&theirs), &renamed).await.expect(200);
    let mut answers = Vec::new();
    for slug in states.into_iter().chain(["former", "renamed"]) {
        let asked = app.post("/api/v1/petitions", Some(&token), &json!({"title": "x", "muster:slug": slug})).await;
        asked.problem(422, "validation_failed", &["/muster:slug"]);
        let mut answer = asked.json();
        answer["request_id"] = json!(null);
        answers.push((answer, asked.body.len()));
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
}
