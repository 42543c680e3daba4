//! The registry of background jobs: what it lists, and what a job that fails costs the others.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusBuilder;
use muster::{
    error::Error,
    kernel::{
        self, Process,
        background::{JobInfo, Jobs, Progress, RunsIn, Stage},
        vault::maintenance::Node,
    },
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{harness::TestApp, process::until};

/// The header of the table in `docs/jobs.md`.
const TABLE: &str = "| Job | Schedule | Runs in | One step | Bound |\n|---|---|---|---|---|\n";

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn docs_jobs_md_lists_the_registry(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let process = Process {
        url: String::new(),
        direct_url: String::new(),
        node: Node::new(&app.kernel.env, "all"),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
    };
    let (worker, mut every) = (app.app.worker_jobs().unwrap(), kernel::process_jobs(&app.kernel, &process));
    muster::mail::register_process_jobs(&app.kernel, &mut every);
    let infos: Vec<JobInfo> = worker.infos().chain(every.infos()).collect();

    let mut names: Vec<&str> = infos.iter().map(|info| info.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "a name is taken twice: {names:?}");
    assert!(every.infos().all(|info| info.runs_in == RunsIn::EachProcess));
    assert!(worker.infos().all(|info| info.runs_in != RunsIn::EachProcess));

    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/jobs.md")).unwrap();
    let listed = docs.split_once(TABLE).expect("docs/jobs.md has the table of jobs").1;
    let listed: Vec<&str> = listed.lines().take_while(|line| line.starts_with('|')).collect();
    let mut expected: Vec<String> = infos.iter().map(JobInfo::to_string).collect();
    expected.sort_unstable();
    assert!(listed == expected, "docs/jobs.md must have this table:\n{TABLE}{}", expected.join("\n"));
}

/// What a subscriber of `tracing` wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures what this thread logs.
fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

/// Counts its calls.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_failing_job_is_logged_counted_retried_and_stops_no_other(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (log, _capturing) = capture();

    let mut jobs = Jobs::new(app.kernel.clone());
    let [failing, slow, panicking, outage, last] = std::array::from_fn(|_| Calls::default());
    let info = |name| JobInfo::maintenance(name, "", "").with_limit(Duration::from_millis(50));
    jobs.add(info("failing"), &failing, async |calls, _| match calls.add() {
        1 => Err(Error::internal("a defect")),
        _ => Ok(Progress::Done),
    });
    jobs.add(info("slow"), &slow, async |calls, _| {
        calls.add();
        std::future::pending().await
    });
    jobs.add(info("panicking"), &panicking, async |calls, _| {
        calls.add();
        panic!("on purpose")
    });
    jobs.add(info("outage"), &outage, async |calls, _| {
        calls.add();
        Err(Error::uncertain(1, "away"))
    });
    // three batches, then nothing is left
    jobs.add(info("last"), &last, async |calls, _| {
        Ok(if calls.add() % 4 == 0 { Progress::Done } else { Progress::More })
    });

    assert!(jobs.maintain().await.is_err());
    assert_eq!([&failing, &slow, &panicking, &outage, &last].map(Calls::number), [1, 1, 1, 1, 4]);
    assert!(jobs.maintain().await.is_err());
    assert_eq!([&failing, &slow, &panicking, &outage, &last].map(Calls::number), [2, 2, 2, 2, 8], "each has its turn");

    let metrics = rendered.render();
    for line in [
        r#"muster_job_failures_total{job="failing",outcome="failed"} 1"#,
        r#"muster_job_failures_total{job="slow",outcome="too_slow"} 2"#,
        r#"muster_job_failures_total{job="panicking",outcome="panicked"} 2"#,
        r#"muster_job_failures_total{job="outage",outcome="outage"} 2"#,
        r#"muster_maintenance_failures_total{step="slow"} 2"#,
        r#"muster_job_seconds_count{job="last",outcome="done"} 8"#,
    ] {
        assert!(metrics.lines().any(|has| has == line), "{line} is missing in:\n{metrics}");
    }
    assert!(metrics.contains(r#"muster_job_last_success_seconds{job="failing"}"#));
    assert!(!metrics.contains(r#"muster_job_last_success_seconds{job="slow"}"#));
    let failures: Vec<String> =
        log.lines().into_iter().filter(|line| line.contains("a background job failed")).collect();
    for (level, job, outcome) in [
        ("ERROR", "failing", "failed"),
        ("WARN", "slow", "too_slow"),
        ("ERROR", "panicking", "panicked"),
        ("WARN", "outage", "outage"),
    ] {
        let field = format!("outcome=\"{outcome}\"");
        let lines = failures.iter().filter(|line| line.contains(&format!("job=\"{job}\"")) && line.contains(&field));
        assert_eq!(lines.clone().count(), 1, "{job} is logged once while it keeps failing: {failures:#?}");
        assert!(lines.into_iter().all(|line| line.trim_start().starts_with(level)), "{failures:#?}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn jobs_of_a_tick_run_by_stage(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut jobs = Jobs::new(app.kernel.clone());
    for (name, stage) in [
        ("follow", Stage::Follow),
        ("publish", Stage::Publish),
        ("first change", Stage::Change),
        ("count", Stage::Count),
        ("second change", Stage::Change),
    ] {
        jobs.add(JobInfo::tick(name, stage, "", ""), &(name, order.clone()), async |(name, order), _| {
            order.lock().unwrap().push(name);
            Ok(Progress::Done)
        });
    }
    jobs.tick(false).await.unwrap();
    assert_eq!(*order.lock().unwrap(), ["first change", "second change", "count", "publish", "follow"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn loops_go_on_after_a_panic_and_end_when_cancelled(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (repeated, restarted) = (Calls::default(), Calls::default());
    let mut jobs = Jobs::new(app.kernel.clone());
    let pause = Duration::from_millis(1);
    let info = JobInfo::every(pause, RunsIn::EachWorker, "repeated", "", "", Duration::from_secs(1));
    jobs.add(info, &repeated, async |calls, _| match calls.add() {
        1 => panic!("on purpose"),
        2 => Err(Error::internal("a defect")),
        _ => Ok(Progress::Idle),
    });
    let info = JobInfo::continuous(RunsIn::EachWorker, "restarted", "", "");
    jobs.add(info, &restarted, async |calls, turn| {
        if calls.add() > 1 {
            turn.cancel.cancelled().await;
        }
        Ok(Progress::Done)
    });
    let cancel = CancellationToken::new();
    let running = tokio::spawn(jobs.run(cancel.clone()));
    until("both to run again", async || (repeated.number() > 3 && restarted.number() == 2).then_some(())).await;
    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.expect("the loops end").unwrap();
}
