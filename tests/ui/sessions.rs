//! The console's door: signing in, what the cookie may do, signing out.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::json;
use sqlx::PgPool;

use crate::harness::{Reply, TestApp};

const EMAIL: &str = "alliance@staff.example.org";
const PASSWORD: &str = "a long password";

/// A form with cookies.
pub async fn send(app: &TestApp, path: &str, cookies: &str, fields: &[(&str, &str)]) -> Reply {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookies);
    app.send(request.body(Body::from(body)).unwrap()).await
}

pub async fn get(app: &TestApp, path: &str, cookies: &str) -> Reply {
    app.request(Method::GET, path, None, &[("cookie", cookies)], None).await
}

/// `name=value` of the cookie that an answer sets, and the whole header.
#[track_caller]
fn cookie(reply: &Reply, name: &str) -> (String, String) {
    let all = reply.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap().to_owned());
    let whole = all
        .into_iter()
        .find(|c| c.starts_with(&format!("{name}=")))
        .unwrap_or_else(|| panic!("no cookie {name}: {:?}", reply.headers));
    (whole.split(';').next().unwrap().to_owned(), whole)
}

/// The hidden field of a page's forms.
#[track_caller]
pub fn csrf(reply: &Reply) -> String {
    let text = reply.text();
    let (_, rest) = text.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no csrf field: {text}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Signs in; returns the session's cookie.
pub async fn sign_in(app: &TestApp) -> String {
    let page = app.get("/console/sign-in", None).await;
    let reply = send(
        app,
        "/console/sign-in",
        &cookie(&page, "muster_form").0,
        &[("email", EMAIL), ("password", PASSWORD), ("csrf", &csrf(&page))],
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers[header::LOCATION]),
        (303, &"/console".parse().unwrap()),
        "{}",
        reply.text()
    );
    let (session, whole) = cookie(&reply, "muster_session");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(whole.contains(attribute), "{whole}");
    }
    session
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn only_the_right_password_on_our_own_form_opens_the_console(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    let away = app.get("/console", None).await;
    assert_eq!((away.status.as_u16(), &away.headers[header::LOCATION]), (303, &"/console/sign-in".parse().unwrap()));
    let page = app.get("/console/sign-in", None).await;
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    let (form, token) = (cookie(&page, "muster_form").0, csrf(&page));
    let right =
        |csrf: &str| [("email", EMAIL.to_owned()), ("password", PASSWORD.to_owned()), ("csrf", csrf.to_owned())];
    let fields = right(&token);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(send(&app, "/console/sign-in", "", &fields).await.status, 403, "without the form's cookie");
    assert_eq!(
        send(&app, "/console/sign-in", "muster_form=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", &fields).await.status,
        403,
        "with a planted one"
    );
    assert_eq!(
        send(&app, "/console/sign-in", &form, &[("email", EMAIL), ("password", PASSWORD), ("csrf", "x")]).await.status,
        403
    );
    for (email, password) in
        [(EMAIL, "a wrong password"), ("nobody@staff.example.org", PASSWORD), ("nonsense", ""), ("", PASSWORD)]
    {
        let reply =
            send(&app, "/console/sign-in", &form, &[("email", email), ("password", password), ("csrf", &token)]).await;
        assert_eq!(reply.status, 401, "{email}");
        assert!(
            reply
                .headers
                .get_all(header::SET_COOKIE)
                .iter()
                .all(|c| !c.to_str().unwrap().starts_with("muster_session"))
        );
    }
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    sign_in(&app).await;
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_session_reads_but_changes_only_from_our_own_pages(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    let session = sign_in(&app).await;
    assert_eq!(get(&app, "/console", &session).await.status, 200);
    get(&app, "/api/v1/people", &session).await.expect(200);
    let ours = app.kernel.settings.http.public_url.clone();
    let new = json!({"title": "From the console"});
    let post = async |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", session.as_str())];
        all.extend(headers);
        app.request(Method::POST, "/api/v1/petitions", None, &all, Some(&new)).await
    };
    post(&[]).await.problem(403, "forbidden", &[]);
    post(&[("origin", "https://evil.example.org")]).await.problem(403, "forbidden", &[]);
    post(&[("origin", &ours), ("sec-fetch-site", "cross-site")]).await.problem(403, "forbidden", &[]);
    assert_eq!(app.count("SELECT count(*) FROM petitions").await, 0);
    post(&[("origin", &ours)]).await.expect(201);
    // an unknown session is refused in the API, and led to the door at the console
    get(&app, "/api/v1/people", "muster_session=nonsense").await.problem(401, "unauthorized", &[]);
    assert_eq!(get(&app, "/console", "muster_session=nonsense").await.status, 303);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_session_ends_when_asked_from_its_own_page_and_by_itself(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.owner().await;
    let session = sign_in(&app).await;
    let page = get(&app, "/console", &session).await;
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(send(&app, "/console/sign-out", &session, &[("csrf", "x")]).await.status, 403);
    assert_eq!(get(&app, "/console", &session).await.status, 200, "a forged form signs nobody out");
    let out = send(&app, "/console/sign-out", &session, &[("csrf", &csrf(&page))]).await;
    assert_eq!(out.status, 303);
    assert!(cookie(&out, "muster_session").1.contains("Max-Age=0"));
    assert_eq!(get(&app, "/console", &session).await.status, 303);
    get(&app, "/api/v1/people", &session).await.problem(401, "unauthorized", &[]);

    let second = sign_in(&app).await;
    get(&app, "/api/v1/people", &second).await.expect(200);
    app.kernel.env.advance(chrono::TimeDelta::days(31));
    get(&app, "/api/v1/people", &second).await.problem(401, "unauthorized", &[]);
}
