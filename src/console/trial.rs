use std::sync::Arc;
use axum::{body::Body, http::{Request, StatusCode}, Router};
use sqlx::PgPool;
use tower::ServiceExt;
use crate::{config::Settings, kernel::{Kernel, cx::Cx, keyring::Keyring}, organizers::*, console::{self, Console}};

async fn send(app: &Router, req: Request<Body>) -> (StatusCode, axum::http::HeaderMap, String) {
    let r = app.clone().oneshot(req).await.unwrap();
    let (p, b) = r.into_parts();
    let b = axum::body::to_bytes(b, 1 << 20).await.unwrap();
    (p.status, p.headers, String::from_utf8_lossy(&b).into_owned())
}
fn get(p: &str) -> axum::http::request::Builder { Request::get(p) }
fn hidden(html: &str) -> String { html.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned() }

#[sqlx::test]
async fn trial(pool: PgPool) {
    let cx = Cx::system();
    let dir = std::path::PathBuf::from(format!("/tmp/access-{}", cx.id()));
    std::fs::create_dir_all(&dir).unwrap();
    let ring = Keyring::init(&dir.join("k.json"), &cx).unwrap();
    let settings = Settings::read("test", &[]).unwrap();
    let kernel = Kernel::new(settings, cx.clone(), pool.clone(), Arc::new(ring));
    let new = |email: &str, role, org: Option<&str>| NewOrganizer { email: email.into(), name: "Amara".into(), role, password: "correct horse".to_owned().into(), organization: org.map(Into::into) };
    let mut tx = pool.begin().await.unwrap();
    let a = add_organizer(&mut tx, &kernel, new("Amara@Example.org", Role::Owner, None)).await.unwrap();
    let b = add_organizer(&mut tx, &kernel, new("viewer@example.org", Role::Viewer, None)).await.unwrap();
    assert_eq!(a.organization_id, b.organization_id);
    let c = add_organizer(&mut tx, &kernel, new("c@example.org", Role::Owner, Some("Neighbours"))).await.unwrap();
    assert_ne!(a.organization_id, c.organization_id);
    let d = add_organizer(&mut tx, &kernel, new("d@example.org", Role::Host, Some("neighbours "))).await.unwrap();
    assert_eq!(d.organization_id, c.organization_id);
    println!("{}", add_organizer(&mut tx, &kernel, new("e@example.org", Role::Host, None)).await.err().unwrap());
    println!("{}", add_organizer(&mut tx, &kernel, new("e@example.org", Role::Host, Some("typo"))).await.err().unwrap());
    println!("{}", add_token(&mut tx, &kernel, "viewer@example.org", "t", &["actions:write".into()]).await.err().unwrap());
    println!("{}", add_token(&mut tx, &kernel, "viewer@example.org", "t", &["nope".into()]).await.err().unwrap());
    let token = add_token(&mut tx, &kernel, "AMARA@example.org", "t", &["all".into()]).await.unwrap();
    let vtoken = add_token(&mut tx, &kernel, "viewer@example.org", "t", &["all".into()]).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let e = add_organizer(&mut tx, &kernel, new("amara@EXAMPLE.org", Role::Host, Some("Neighbours"))).await.err().unwrap();
    println!("{e}"); drop(tx);
    println!("{token}");
    sqlx::query("insert into emails (id, organization_id, class, kind, refs, state, due_at, created_at) values (gen_random_uuid(), $1, 'letter', 'x', '{}', 'queued', now(), now())").bind(a.organization_id).execute(&pool).await.unwrap();
    sqlx::query("with v as (select id, organization_id from vaults where organization_id = $1) insert into actions (id, organization_id, vault_id, kind, slug, title, state, created_at, modified_at) select gen_random_uuid(), organization_id, id, k, 's', 'Status <now>', 'won', now(), now() from v, unnest(array['petition','event','letter']) k").bind(a.organization_id).execute(&pool).await.unwrap();
    sqlx::query("insert into events (id, starts_at, ends_at, timezone) select id, now(), now(), 'America/Toronto' from actions where kind = 'event'").execute(&pool).await.unwrap();
    sqlx::query("insert into letter_actions (id) select id from actions where kind = 'letter'").execute(&pool).await.unwrap();
    sqlx::query("insert into action_count_deltas (action_id, dimension, key, delta) select id, 'total', '', 4 from actions").execute(&pool).await.unwrap();
    let access = Access::new(kernel.clone());
    let state = Console::new(access.clone());
    let (api, doc) = crate::organizers::router::<()>(access).merge(console::api_router(state.clone())).split_for_parts();
    println!("{}", doc.to_json().unwrap().len());
    let app = api.merge(console::router(state));
    for (path, t, want) in [("/api/v1/audit", &token, 200), ("/api/v1/mail?filter=state%20eq%20'queued'", &token, 200), ("/api/v1/audit?filter=verb%20eq%20'token.add'&per_page=1", &token, 200), ("/api/v1/audit", &vtoken, 403), ("/api/v1/audit", &"mstr_x".to_owned(), 401), ("/api/v1/mail?filter=state%20eq%20'nope'", &token, 400)] {
        let (s, h, b) = send(&app, get(path).header("osdi-api-token", t).body(Body::empty()).unwrap()).await;
        println!("{path} {s} {b} {h:?}\n"); assert_eq!(s, want);
    }
    assert_eq!(send(&app, get("/api/v1/audit").body(Body::empty()).unwrap()).await.0, 401);
    let (s, h, _) = send(&app, get("/console").body(Body::empty()).unwrap()).await;
    println!("{s} {h:?}"); assert_eq!(s, 303);
    let (s, h, b) = send(&app, get("/console/sign-in").body(Body::empty()).unwrap()).await;
    assert_eq!(s, 200);
    let cookie = h["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = hidden(&b);
    let post = |pw: &str, csrf: &str, cookie: &str| Request::post("/console/sign-in").header("cookie", cookie).header("content-type", "application/x-www-form-urlencoded").body(Body::from(format!("email=amara%40example.org&password={pw}&csrf={csrf}"))).unwrap();
    assert_eq!(send(&app, post("correct+horse", "x", &cookie)).await.0, 403);
    assert_eq!(send(&app, post("correct+horse", &csrf, "")).await.0, 403);
    let (s, _, b) = send(&app, post("wrong", &csrf, &cookie)).await;
    assert_eq!(s, 401); assert!(b.contains("is wrong"));
    let (s, h, _) = send(&app, post("correct+horse", &csrf, &cookie)).await;
    assert_eq!(s, 303); println!("{h:?}");
    let sc = h["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let (s, h, b) = send(&app, get("/console").header("cookie", &sc).body(Body::empty()).unwrap()).await;
    println!("{s} {h:?}\n{b}"); assert_eq!(s, 200);
    assert_eq!(send(&app, get("/api/v1/audit").header("cookie", &sc).body(Body::empty()).unwrap()).await.0, 200);
    let out = |csrf: &str| Request::post("/console/sign-out").header("cookie", &sc).header("content-type", "application/x-www-form-urlencoded").body(Body::from(format!("csrf={csrf}"))).unwrap();
    assert_eq!(send(&app, out("x")).await.0, 403);
    assert_eq!(send(&app, out(&hidden(&b))).await.0, 303);
    assert_eq!(send(&app, get("/console").header("cookie", &sc).body(Body::empty()).unwrap()).await.0, 303);
    assert_eq!(send(&app, get("/api/v1/audit").header("cookie", &sc).body(Body::empty()).unwrap()).await.0, 401);
    std::fs::remove_dir_all(dir).unwrap();
}
