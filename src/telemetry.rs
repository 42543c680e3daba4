//! Logging and metrics. Log lines contain routes, codes, ids and durations: never e-mail addresses, names, IP
//! addresses, or the path of a request (links in mail have tokens in their path). Form and rules: `docs/logging.md`.
//!
//! Lines go to standard error through a thread of their own, so that nobody who is answered waits for a slow reader of
//! the log. Lines of a request, a step of a job and a mail round stand in a span, whose fields each of them repeats.

mod access_log;
mod span_fields;

use std::{
    io::{IsTerminal, stderr},
    sync::{Mutex, PoisonError},
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::task::JoinHandle;
use tracing::{Dispatch, Instrument};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};
pub use access_log::AccessLog;
use span_fields::JsonSpanFields;

/// Lines that wait for the log's reader at most; further ones are dropped and counted (`muster_log_lines_dropped`).
const BUFFERED_LINES: usize = 10_000;

/// The thread that writes the log, and its count of dropped lines; `None` before [`init_logging`] and after
/// [`flush_log`].
static LOG_WRITER: Mutex<Option<(WorkerGuard, ErrorCounter)>> = Mutex::new(None);

/// Starts logging to standard error. A second call (tests) has no effect. [`flush_log`] must run before the process
/// ends.
pub fn init_logging(settings: &Log) {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(BUFFERED_LINES)
        .thread_name("log")
        .finish(stderr());
    let dropped = writer.error_counter();
    if log_to(settings, writer).try_init().is_ok() {
        *LOG_WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some((guard, dropped));
    }
}

/// Writes the lines that still wait. Later ones are lost.
pub fn flush_log() {
    // dropping the guard waits for the thread, for a second at most
    drop(LOG_WRITER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Counts the lines that were dropped so far, for `/metrics`.
pub fn report_dropped_lines() {
    if let Some((_, dropped)) = &*LOG_WRITER.lock().unwrap_or_else(PoisonError::into_inner) {
        let lines = u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX);
        metrics::counter!("muster_log_lines_dropped").absolute(lines);
    }
}

/// Spawns a task whose lines belong to the span (the request, the step of a job) that spawns it.
pub fn spawn_in_span<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(task.in_current_span())
}

/// What formats the lines that the filter lets through, and writes them to `writer`.
pub fn log_to<W>(settings: &Log, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // no escape sequences in files and pipes: nobody could search them, and each span would pay for them
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(stderr().is_terminal());
    match settings.format {
        LogFormat::Text => log.with_target(false).into(),
        // `spans` holds the fields of all spans; `span` would repeat those of the innermost
        LogFormat::Json => log.json().with_current_span(false).fmt_fields(JsonSpanFields).into(),
    }
}

/// Installs the metrics recorder; [`PrometheusHandle::render`] renders the response of `/metrics`. Its histograms grow
/// until they are drained (`kernel::process_jobs`).
///
/// # Errors
/// When a recorder is already installed.
pub fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Suffix("_seconds".to_owned()),
            &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
        )?
        .set_buckets_for_metric(
            Matcher::Suffix("_batch".to_owned()),
            &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0],
        )?
        .install_recorder()?)
}
