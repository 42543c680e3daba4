//! A whole Muster for one test: the real router on a database of its own, mail drained by hand into a mailbox, a clock
//! that can be moved.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use chrono::TimeDelta;
use http_body_util::BodyExt;
use muster::{
    app::{App, from_loopback},
    config::Settings,
    kernel::{Kernel, env::Env, jobs, keyring::Keyring},
    mail::{Engine, Mail, Transport},
    organizers::{self, NewOrganizer, Role},
    worker,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt;
use uuid::Uuid;

use crate::{api::contract, process::until};

/// Longer than cached values (two seconds) and opened vaults are used while no invalidations are received.
pub const CACHE_LIFETIME: TimeDelta = TimeDelta::seconds(3);

/// A Muster and its outside.
pub struct TestApp {
    pub app: App,
    pub kernel: Arc<Kernel>,
    pub engine: Engine,
    router: Router,
    folder: PathBuf,
}

/// A session of the console, as a browser has it.
#[derive(Clone, Debug)]
pub struct ConsoleSession {
    /// `name=value` of the session's cookie.
    pub cookie: String,
    /// `name=value` of the known device's cookie.
    pub device: String,
    /// The console's own origin.
    pub origin: String,
}

impl ConsoleSession {
    /// The headers of a request of the console's own pages.
    pub fn headers(&self) -> [(&str, &str); 2] {
        [("cookie", &self.cookie), ("origin", &self.origin)]
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{} is not JSON ({e}): {}", self.status, self.text()))
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// Asserts a problem with its code and, for 422, the pointers of its fields.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str, pointers: &[&str]) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text());
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status);
        assert!(body["request_id"].is_string(), "{body}");
        let named: Vec<&str> =
            body["errors"].as_array().into_iter().flatten().filter_map(|e| e["pointer"].as_str()).collect();
        assert_eq!(named, pointers, "{body}");
    }

    /// `name=value` of a cookie that the answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
        let mut own = all.filter(|cookie| cookie.starts_with(&format!("{name}=")));
        own.next().map(|cookie| cookie.split(';').next().unwrap().to_owned())
    }

    /// The value of the first hidden field of this name on a page.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let text = self.text();
        let Some((_, rest)) = text.split_once(&format!("name=\"{name}\" value=\"")) else {
            panic!("no {name}: {text}")
        };
        rest.split('"').next().unwrap().to_owned()
    }

    /// The UUID in `identifiers[0]`.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        let body = self.json();
        body["identifiers"][0]
            .as_str()
            .and_then(|id| id.strip_prefix("muster:")?.parse().ok())
            .unwrap_or_else(|| panic!("no id in {body}"))
    }
}

impl TestApp {
    pub async fn new(pool: PgPool) -> Self {
        Self::with(pool, &[]).await
    }

    /// With settings of its own, as environment variables.
    #[expect(clippy::unused_async, reason = "asynchronous like everything else that tests call")]
    pub async fn with(pool: PgPool, environment: &[(&str, &str)]) -> Self {
        let env = Env::system();
        let folder = std::env::temp_dir().join(format!("muster-test-{}", env.id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut variables = vec![
            ("MUSTER__POSTGRES__DATA_ROOT".to_owned(), folder.display().to_string()),
            ("MUSTER__KEYRING__FILE".to_owned(), folder.join("keyring.json").display().to_string()),
            ("MUSTER__GUARD__FREE_PER_MINUTE".to_owned(), "1000".to_owned()),
        ];
        variables.retain(|(name, _)| environment.iter().all(|(given, _)| given != name));
        variables.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read("test", &variables).unwrap();
        assert_eq!(settings.validate(), Vec::<String>::new());
        let keyring = Keyring::init(&folder.join("keyring.json"), &env).unwrap();
        let kernel = Kernel::new(settings, env, pool, Arc::new(keyring));
        let app = App::new(kernel.clone());
        let engine = Engine::new(kernel.clone(), app.mail_kinds()).unwrap();
        Self { router: app.router(), app, engine, kernel, folder }
    }

    /// A second process of the same installation: the same database, keyring, settings and clock.
    pub fn beside(&self) -> Self {
        let folder = std::env::temp_dir().join(format!("muster-test-{}", self.kernel.env.id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keyring = Keyring::open(&self.keyring_file()).unwrap();
        let (settings, env, db) = (self.kernel.settings.clone(), self.kernel.env.clone(), self.kernel.db.clone());
        let kernel = Kernel::new(settings, env, db, Arc::new(keyring));
        let app = App::new(kernel.clone());
        let engine = Engine::new(kernel.clone(), app.mail_kinds()).unwrap();
        Self { router: app.router(), app, engine, kernel, folder }
    }

    /// Lets cached values and opened vaults pass the age to which they are used while no invalidations are received.
    pub fn expire_caches(&self) {
        self.kernel.env.advance(CACHE_LIFETIME);
    }

    /// Where the keyring's file is, for a second process over the same database.
    pub fn keyring_file(&self) -> PathBuf {
        self.folder.join("keyring.json")
    }

    /// A token of an organizer of an organization; both are made on first use.
    pub async fn token(&self, organization: &str, scopes: &str) -> String {
        let email = format!("{}@staff.example.org", organization.to_lowercase());
        let mut tx = self.kernel.db.begin().await.unwrap();
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM organizers WHERE email = $1)")
            .bind(&email)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        if !known {
            let new = NewOrganizer {
                email: email.clone(),
                name: "Org Anizer".into(),
                role: Role::Owner,
                password: "a long password".to_owned().into(),
                organization: Some(organization.to_owned()),
            };
            let owner = organizers::add_organizer(&mut tx, &self.kernel, new).await.unwrap();
            organizers::set_postal_address(&mut tx, owner.organization_id, "1 Main Street, Toronto").await.unwrap();
            // runs the installation
            sqlx::query("UPDATE organizers SET is_operator = true WHERE email = 'alliance@staff.example.org'")
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        let scopes: Vec<String> = scopes.split(',').map(str::to_owned).collect();
        let token = organizers::add_token(&mut tx, &self.kernel, &email, "test", &scopes, None).await.unwrap();
        tx.commit().await.unwrap();
        token
    }

    /// The token of the organization that most tests need, with all scopes.
    pub async fn owner(&self) -> String {
        self.token("Alliance", "all").await
    }

    /// Signs in at the console; `cookies` are those that the browser has.
    pub async fn sign_in(&self, email: &str, password: &str, cookies: &str) -> Reply {
        let page = self.request(Method::GET, "/console/sign-in", None, &[("cookie", cookies)], None).await;
        let (form, csrf) = (page.cookie("muster_form").unwrap(), page.field("csrf"));
        let fields = [("email", email), ("password", password), ("csrf", &csrf)];
        self.post_form_with("/console/sign-in", &[("cookie", &format!("{form}; {cookies}"))], &fields).await
    }

    /// A session of the owner of an organization, who is made on first use.
    pub async fn session(&self, organization: &str) -> ConsoleSession {
        self.token(organization, "all").await;
        self.session_of(&format!("{}@staff.example.org", organization.to_lowercase())).await
    }

    /// A session of an organizer with the password of all that the tests make.
    pub async fn session_of(&self, email: &str) -> ConsoleSession {
        let reply = self.sign_in(email, "a long password", "").await;
        assert_eq!(reply.status, 303, "{}", reply.text());
        ConsoleSession {
            cookie: reply.cookie("muster_session").unwrap(),
            device: reply.cookie("muster_device").unwrap(),
            origin: self.kernel.settings.http.public_url.clone(),
        }
    }

    /// A colleague of the owner of an organization. Returns the address.
    pub async fn colleague(&self, organization: &str, name: &str, role: Role) -> String {
        let email = format!("{name}@staff.example.org");
        let new = NewOrganizer {
            email: email.clone(),
            name: name.to_owned(),
            role,
            password: "a long password".to_owned().into(),
            organization: Some(organization.to_owned()),
        };
        let mut tx = self.kernel.db.begin().await.unwrap();
        organizers::add_organizer(&mut tx, &self.kernel, new).await.unwrap();
        tx.commit().await.unwrap();
        email
    }

    /// Sends any request.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(from_loopback(request)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
        contract::check(&method, &path, parts.status, content_type, &body);
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A JSON request with further headers.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("OSDI-API-Token", token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.request(Method::GET, path, token, &[], None).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.request(Method::POST, path, token, &[], Some(body)).await
    }

    pub async fn put(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.request(Method::PUT, path, token, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str, token: Option<&str>) -> Reply {
        self.request(Method::DELETE, path, token, &[], None).await
    }

    /// A form of a page, and the page to which an accepted one leads.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let reply = self.post_form(path, fields).await;
        if reply.status != 303 {
            return reply;
        }
        let location = reply.headers[header::LOCATION].to_str().unwrap();
        self.get(location.split('#').next().unwrap(), None).await
    }

    /// A form of a page.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.post_form_with(path, &[], fields).await
    }

    /// A form of a page, with further headers.
    pub async fn post_form_with(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Presses the button of a mailed link.
    pub async fn press(&self, url: &str) -> Reply {
        self.form(self.path_of(url), &[]).await
    }

    /// Presses the button that shows an own page.
    pub async fn open_page(&self, url: &str) -> Reply {
        let path = if url.starts_with('/') { url } else { self.path_of(url) };
        self.form(path, &[("open", "true")]).await
    }

    /// Presses the button of the page at a path.
    pub async fn press_path(&self, path: &str) -> Reply {
        self.form(path, &[]).await
    }

    /// The path of an address of ours.
    #[track_caller]
    pub fn path_of<'a>(&self, url: &'a str) -> &'a str {
        url.strip_prefix(&self.kernel.settings.http.public_url).unwrap_or_else(|| panic!("{url} is not ours"))
    }

    /// Sends all due mail and returns what the mailbox holds now, oldest first.
    pub async fn mail(&self) -> Vec<Mail> {
        self.engine.drain().await.unwrap();
        let Transport::Mailbox(mailbox) = self.engine.transport() else { panic!("no mailbox") };
        let mut mails = Vec::new();
        for listed in mailbox.list().await.unwrap().into_iter().rev() {
            mails.push(mailbox.read(&listed.id).await.unwrap());
        }
        mails
    }

    /// The mails to an address so far.
    pub async fn mail_to(&self, address: &str) -> Vec<Mail> {
        self.mail().await.into_iter().filter(|mail| mail.to.contains(address)).collect()
    }

    /// Folds and publishes all numbers, as the worker's tick does.
    pub async fn tick(&self) {
        worker::tick(&self.app, true).await.unwrap();
    }

    /// Makes steps of all jobs until none is due, as the worker does. Returns how many.
    pub async fn jobs(&self) -> usize {
        worker::run_jobs(&self.app).await.unwrap()
    }

    /// Claims one job of a kind and makes one step of it; false where none is due.
    pub async fn step(&self, kind: &str) -> bool {
        let kinds = worker::job_kinds(&self.app);
        let kind = kinds.iter().find(|k| k.kind() == kind).unwrap_or_else(|| panic!("no job is called {kind}"));
        jobs::run_step(&self.kernel, &**kind).await.unwrap()
    }

    /// Creates something, asserting 201.
    #[track_caller]
    pub fn created(reply: &Reply) -> Uuid {
        reply.expect(201);
        reply.id()
    }

    /// A published petition.
    pub async fn petition(&self, token: &str, more: Value) -> Uuid {
        let mut body = json!({"title": "Status for all", "muster:slug": "status", "muster:status": "published"});
        merge(&mut body, more);
        Self::created(&self.post("/api/v1/petitions", Some(token), &body).await)
    }

    /// Waits until a statement waits for a lock.
    pub async fn lock_is_waited_for(&self) {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("a lock that is waited for", async || (self.count(waiting).await > 0).then_some(())).await;
    }

    /// The number in one cell.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.kernel.db).await.unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Overwrites members of one object with those of another.
pub fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

/// A body that signs.
pub fn signer(address: &str) -> Value {
    json!({"person": {"given_name": "Amara", "family_name": "Okafor", "email_addresses": [{"address": address}],
                      "postal_addresses": [{"postal_code": "M5V 3L9", "country": "CA"}]}})
}

/// What was read of a table since its database was created.
pub struct TableReads {
    pub name: String,
    /// Scans of the whole table and of its indexes.
    pub scans: i64,
    /// Rows read in scans of the whole table.
    pub scanned_rows: i64,
    /// Rows found by an index.
    pub fetched_rows: i64,
}

/// The statistics of all tables, after each connection of the pool has reported its own.
pub async fn table_reads(db: &PgPool) -> Vec<TableReads> {
    let mut conns = Vec::new();
    while conns.len() < usize::try_from(db.size()).unwrap() {
        let mut conn = db.acquire().await.unwrap();
        sqlx::query("SELECT pg_stat_force_next_flush()").execute(&mut *conn).await.unwrap();
        conns.push(conn);
    }
    // what was forced is written when the next transaction ends
    for conn in &mut conns {
        sqlx::query("SELECT pg_stat_clear_snapshot()").execute(&mut **conn).await.unwrap();
    }
    let sql = "SELECT relname::text, seq_scan + coalesce(idx_scan, 0), seq_tup_read, coalesce(idx_tup_fetch, 0)
               FROM pg_stat_user_tables";
    let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut *conns[0]).await.unwrap();
    rows.into_iter()
        .map(|(name, scans, scanned_rows, fetched_rows)| TableReads { name, scans, scanned_rows, fetched_rows })
        .collect()
}
