//! The log: each line has an event's name, lines of a request its id, and none says who took part.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::http::Method;
use futures_util::future::BoxFuture;
use muster::{
    config::{Log, LogFormat},
    error::{Error, Result},
    kernel::jobs::{self, Job, JobKind, NextStep},
    telemetry,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tracing::{
    Dispatch,
    dispatcher::{DefaultGuard, set_default},
};
use uuid::Uuid;

use crate::harness::{Reply, TestApp, signer};

/// Lines of the log, for the thread that holds the guard.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Captured {
    /// Begins to capture what this thread logs, in the form of production.
    pub fn begin(filter: &str, access_lines_per_second: u32) -> (Self, Guard) {
        let captured = Self::default();
        let writer = captured.clone();
        let settings = Log { filter: filter.to_owned(), format: LogFormat::Json, access_lines_per_second };
        let dispatch = telemetry::log_to(&settings, move || writer.clone());
        // while there is only one, `tracing` asks the thread that first meets an event whether anybody listens, and
        // that may be another test's
        let second = Dispatch::new(tracing_subscriber::registry());
        (captured, Guard { _default: set_default(&dispatch), _second: second })
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines of an event.
    fn of(&self, event: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["fields"]["event"] == event).collect()
    }

    /// The access line of a reply.
    #[track_caller]
    fn access(&self, reply: &Reply) -> Value {
        let lines = self.of("http.request");
        let found: Vec<_> = lines.iter().filter(|line| line["spans"][0]["request_id"] == request_id(reply)).collect();
        assert_eq!(found.len(), 1, "{lines:#?}");
        found[0].clone()
    }
}

/// Ends the capture when dropped.
pub struct Guard {
    _default: DefaultGuard,
    _second: Dispatch,
}

/// A job whose steps fail.
struct FailingJob;

impl JobKind for FailingJob {
    fn kind(&self) -> &'static str {
        "import"
    }

    fn step<'a>(&'a self, _: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async { Err(Error::internal("the disk is full")) })
    }
}

#[track_caller]
fn request_id(reply: &Reply) -> String {
    let id = reply.headers["x-request-id"].to_str().unwrap();
    assert_eq!(Uuid::parse_str(id).unwrap().get_version_num(), 7, "{id}");
    id.to_owned()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lines_of_requests_jobs_and_mail_rounds_have_their_ids_and_nothing_personal(pool: PgPool) {
    let (log, _guard) = Captured::begin("muster=debug,warn", 1000);
    let app = TestApp::with(pool, &[("MUSTER__HTTP__TRUSTED_PROXIES", "127.0.0.1")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;

    let from = [("x-forwarded-for", "203.0.113.77"), ("user-agent", "Flutterwort/1.0"), ("x-request-id", "chosen")];
    let address = "amara.okafor@nightshade.example";
    let path = "/api/v1/petitions/status/signatures?referrer=flutterwort";
    let signed = app.request(Method::POST, path, None, &from, Some(&signer(address))).await;
    signed.expect(202);
    let line = log.access(&signed);
    assert_eq!((&line["level"], &line["target"]), (&json!("INFO"), &json!("muster::access")));
    let span = &line["spans"][0];
    assert_eq!(
        (&span["name"], &span["method"], &span["route"], &span["status"]),
        (&json!("request"), &json!("POST"), &json!("/api/v1/petitions/{id}/signatures"), &json!(202)),
        "{line}"
    );
    assert!(span["micros"].as_u64().is_some_and(|micros| micros > 0), "{line}");
    assert_eq!(line["fields"]["message"], "request");

    // a mail round
    let mails = app.mail_to(address).await;
    let link = mails[0].links[0].clone();
    let rounds = log.of("mail.round");
    let sent: u64 = rounds.iter().map(|line| line["fields"]["sent"].as_u64().unwrap()).sum();
    assert!(sent >= 1, "{rounds:#?}");
    for line in &rounds {
        let span = line["spans"].as_array().unwrap().iter().find(|span| span["name"] == "mail_round").unwrap();
        assert!(span["round"].as_str().is_some_and(|round| Uuid::parse_str(round).is_ok()), "{line}");
    }

    // a mailed link: the route, not the path
    let confirmed = app.press(&link).await;
    assert_eq!((confirmed.status.as_u16(), &log.access(&confirmed)["spans"][0]["route"]), (200, &json!("/t/{token}")));
    let unknown = app.get("/amara/okafor?from=203.0.113.77", None).await;
    assert_eq!((unknown.status.as_u16(), &log.access(&unknown)["spans"][0]["route"]), (404, &json!("-")));

    // what goes wrong inside a request has its id
    let damage = "UPDATE people SET sealed = '\\x01' WHERE sealed IS NOT NULL";
    assert_eq!(sqlx::query(damage).execute(&app.kernel.db).await.unwrap().rows_affected(), 1);
    let broken = app.get("/api/v1/people", Some(&token)).await;
    broken.problem(500, "internal", &[]);
    let errors = log.of("http.internal_error");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(
        (&errors[0]["level"], &errors[0]["spans"][0]["request_id"], &broken.json()["request_id"]),
        (&json!("ERROR"), &json!(request_id(&broken)), &json!(request_id(&broken)))
    );

    // a step of a job
    let organization: Uuid =
        sqlx::query_scalar("SELECT id FROM organizations").fetch_one(&app.kernel.db).await.unwrap();
    let job = app.kernel.env.id();
    let mut conn = app.kernel.db.acquire().await.unwrap();
    jobs::enqueue(&mut conn, FailingJob.kind(), organization, job, app.kernel.env.now()).await.unwrap();
    drop(conn);
    assert!(jobs::run_step(&app.kernel, &FailingJob).await.unwrap());
    let of_job = |line: &Value| {
        let line = line.to_string();
        line.contains(&job.to_string()) && line.contains(FailingJob.kind()) && line.contains("the disk is full")
    };
    assert!(log.lines().iter().any(of_job), "no line of the job {job}: {}", log.text());

    let text = log.text();
    let cookie_or_token = link.rsplit('/').next().unwrap();
    for personal in [
        "amara",
        "okafor",
        "nightshade",
        "flutterwort",
        "203.0.113",
        "127.0.0.1",
        "chosen",
        "m5v",
        cookie_or_token,
        &token,
        "?referrer",
        "?from",
    ] {
        let lines: Vec<&str> =
            text.lines().filter(|line| line.to_lowercase().contains(&personal.to_lowercase())).collect();
        assert!(lines.is_empty(), "{personal}: {lines:#?}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn access_lines_are_limited_and_the_filter_may_hide_them(pool: PgPool) {
    let app = TestApp::with(pool.clone(), &[("MUSTER__LOG__ACCESS_LINES_PER_SECOND", "0")]).await;
    let (log, guard) = Captured::begin("muster=info,warn", 0);
    app.get("/api/v1", None).await.expect(200);
    assert!(log.of("http.request").is_empty(), "0 writes none");
    drop(guard);

    let app = TestApp::with(pool, &[("MUSTER__LOG__ACCESS_LINES_PER_SECOND", "2")]).await;
    let (log, guard) = Captured::begin("muster=info,warn", 2);
    let before = app.kernel.env.instant();
    for _ in 0..50 {
        app.get("/api/v1", None).await.expect(200);
    }
    let seconds = usize::try_from(before.elapsed().as_secs()).unwrap() + 2;
    let lines = log.of("http.request");
    assert!((2..=2 * seconds).contains(&lines.len()), "{} lines in {seconds} s", lines.len());
    drop(guard);

    let (log, _guard) = Captured::begin("muster=info,muster::access=warn,warn", 2);
    app.get("/api/v1", None).await.expect(200);
    assert!(log.lines().is_empty(), "{}", log.text());
}

/// How the calls of `tracing`'s event macros in a source file begin, behind the parenthesis.
fn calls(source: &str) -> Vec<&str> {
    let levels = ["error", "warn", "info", "debug", "trace"].map(|level| format!("tracing::{level}!("));
    let of_level = |level: &String| {
        let level = level.clone();
        source.match_indices(&*level).map(|(at, name)| &source[at + name.len()..]).collect::<Vec<_>>()
    };
    levels.iter().flat_map(of_level).collect()
}

/// The event's name, which comes first (behind a target).
fn name_of(call: &str) -> Option<&str> {
    let (before, rest) = call.split_once("event = \"")?;
    let before = before.trim();
    let is_first = before.is_empty() || (before.starts_with("target:") && before.matches(',').count() == 1);
    let name = rest.split('"').next()?;
    let is_name = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_');
    (is_first && name.contains('.') && name.chars().all(is_name)).then_some(name)
}

fn sources(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_event_has_a_documented_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/logging.md")).unwrap();
    let mut files = BTreeMap::new();
    sources(&root.join("src"), &mut files);
    let mut names = BTreeSet::new();
    for (file, source) in &files {
        for call in calls(source) {
            let begin: String = call.chars().take(80).collect();
            names.insert(name_of(call).unwrap_or_else(|| panic!("{file}: an event without a name: {begin}")));
        }
    }
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        assert!(document.contains(&format!("`{name}`")), "docs/logging.md does not name `{name}`");
    }
}

#[test]
fn an_event_without_a_name_is_found() {
    assert_eq!(calls("x; tracing::warn!(%error, \"told\"); y"), ["%error, \"told\"); y"]);
    for unnamed in ["%error, \"told\"", "name, event = \"a.b\"", "event = \"told\"", "event = \"A.b\"", "\"told\""] {
        assert_eq!(name_of(unnamed), None, "{unnamed}");
    }
    assert_eq!(name_of("\n    event = \"a.b_c\",\n    \"told\""), Some("a.b_c"));
    assert_eq!(name_of("target: TARGET, event = \"a.b\", \"told\""), Some("a.b"));
}
