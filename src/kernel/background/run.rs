//! Runs registered jobs: their loops, the tick and the maintenance round, each step in a span, timed, counted and
//! logged.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Timelike, Utc};
use futures_util::FutureExt;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{BackgroundJob, JobInfo, Jobs, MAINTENANCE_INTERVAL, Progress, RunsIn, Schedule, TURN_LIMIT, Turn, daily};
use crate::{
    error::{Error, Result},
    kernel::{
        db::{LOST_GRACE, connections_lost_for},
        jobs,
        leader_election::run_as_leader,
    },
};

/// Time between two checks whether a maintenance round is due.
const MAINTENANCE_CHECK_INTERVAL: Duration = Duration::from_secs(20);
/// While a job keeps failing, it is logged once in this time.
const LOG_INTERVAL: Duration = Duration::from_mins(10);
/// Pause before a continuous job that ended is started again; doubles up to [`MAX_RESTART_PAUSE`].
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const MAX_RESTART_PAUSE: Duration = Duration::from_secs(30);

/// A job and what its last steps were like.
pub(super) struct Registered {
    pub(super) info: JobInfo,
    job: Box<dyn BackgroundJob>,
    failure_log: FailureLog,
}

impl Registered {
    pub(super) fn new(job: Box<dyn BackgroundJob>) -> Self {
        Self { info: job.info(), job, failure_log: FailureLog::default() }
    }
}

/// When a failure was last logged; `None` after a success.
#[derive(Debug, Default)]
struct FailureLog(Mutex<Option<Instant>>);

impl FailureLog {
    /// Is this failure to be logged? The first one is, and then one in each [`LOG_INTERVAL`].
    fn is_due(&self, now: Instant) -> bool {
        let mut logged_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = logged_at.is_none_or(|at| now.saturating_duration_since(at) >= LOG_INTERVAL);
        if is_due {
            *logged_at = Some(now);
        }
        is_due
    }

    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Jobs {
    /// Runs all registered jobs until cancelled; returns when their last steps have ended.
    ///
    /// # Panics
    /// When a loop itself panics, which no step can cause.
    pub async fn run(self, cancel: CancellationToken) {
        let jobs = Arc::new(self);
        let mut loops = JoinSet::new();
        let has = |wanted: fn(&Schedule) -> bool| jobs.infos().any(|info| wanted(&info.schedule));
        if has(|schedule| matches!(schedule, Schedule::Tick(_) | Schedule::SlowTick(..) | Schedule::Daily(_))) {
            loops.spawn(jobs.clone().tick_loop(cancel.clone()));
        }
        if has(|schedule| *schedule == Schedule::Maintenance) {
            loops.spawn(jobs.clone().maintenance_loop(cancel.clone()));
        }
        for index in 0..jobs.registered.len() {
            match jobs.registered[index].info.schedule {
                Schedule::Every(pause) => {
                    loops.spawn(jobs.clone().repeat(index, pause, cancel.clone()));
                }
                Schedule::Continuous => {
                    loops.spawn(jobs.clone().keep_running(index, cancel.clone()));
                }
                Schedule::Tick(_) | Schedule::SlowTick(..) | Schedule::Daily(_) | Schedule::Maintenance => {}
            }
        }
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    /// Makes one tick of all its jobs, in this process and whoever leads (tests). `is_slow` says whether the jobs of
    /// [`Schedule::SlowTick`] are due.
    ///
    /// # Errors
    /// The first error of a job; the others run nevertheless.
    pub async fn tick(&self, is_slow: bool) -> Result<()> {
        self.take_turns(&self.jobs_of_tick(|_| is_slow), &CancellationToken::new()).await
    }

    /// Makes one maintenance round in this process, whoever leads (tests).
    ///
    /// # Errors
    /// As [`Jobs::tick`].
    pub async fn maintain(&self) -> Result<()> {
        self.take_turns(&self.jobs_of_maintenance(), &CancellationToken::new()).await
    }

    /// Makes steps of all kinds of rows of the table `jobs` until none is due (tests). Returns their number.
    ///
    /// # Errors
    /// `unavailable` while the database cannot be reached.
    pub async fn work_off_queues(&self) -> Result<usize> {
        let mut steps = 0;
        for kind in &self.queue_kinds {
            while jobs::run_step(&self.kernel, &**kind).await? {
                steps += 1;
            }
        }
        Ok(steps)
    }

    /// The jobs of a tick in their order; `is_due` is asked about the period of each [`Schedule::SlowTick`].
    fn jobs_of_tick(&self, is_due: impl Fn(Duration) -> bool) -> Vec<&Registered> {
        let mut due: Vec<_> = self
            .registered
            .iter()
            .filter_map(|registered| match registered.info.schedule {
                Schedule::Tick(stage) | Schedule::Daily(stage) => Some((stage, registered)),
                Schedule::SlowTick(stage, period) => is_due(period).then_some((stage, registered)),
                _ => None,
            })
            .collect();
        due.sort_by_key(|(stage, _)| *stage);
        due.into_iter().map(|(_, registered)| registered).collect()
    }

    fn jobs_of_maintenance(&self) -> Vec<&Registered> {
        self.registered.iter().filter(|registered| registered.info.schedule == Schedule::Maintenance).collect()
    }

    async fn tick_loop(self: Arc<Self>, cancel: CancellationToken) {
        let period = Duration::from_secs(self.kernel.settings.counts.tick_seconds.into());
        let (mut last, failure_log) = (self.kernel.env.now(), FailureLog::default());
        while sleep_unless_cancelled(until_next(self.kernel.env.now(), period), &cancel).await {
            let now = self.kernel.env.now();
            let due = self.jobs_of_tick(|period| number_of(now, period) != number_of(last, period));
            last = now;
            // the lease ends half a tick later, so that any process can make the next tick
            self.round("tick", period / 2, &due, &failure_log, &cancel).await;
        }
    }

    async fn maintenance_loop(self: Arc<Self>, cancel: CancellationToken) {
        let failure_log = FailureLog::default();
        loop {
            self.round("maintenance", MAINTENANCE_INTERVAL, &self.jobs_of_maintenance(), &failure_log, &cancel).await;
            if !sleep_unless_cancelled(MAINTENANCE_CHECK_INTERVAL, &cancel).await {
                return;
            }
        }
    }

    /// Makes one round: what each process does for itself, then, as the leader, what one process does for all.
    async fn round(
        &self,
        name: &'static str,
        interval: Duration,
        due: &[&Registered],
        failure_log: &FailureLog,
        cancel: &CancellationToken,
    ) {
        let (shared, own): (Vec<_>, Vec<_>) =
            due.iter().copied().partition(|registered| registered.info.runs_in == RunsIn::Leader);
        // failures are logged and counted by each turn
        let _ = self.take_turns(&own, cancel).await;
        match run_as_leader(&self.kernel, name, interval, self.take_turns(&shared, cancel)).await {
            Ok(_) => failure_log.clear(),
            Err(error) => {
                if failure_log.is_due(self.kernel.env.instant()) {
                    tracing::warn!(event = "job.round_not_started", round = name, %error, "a round of background jobs could not start; it is retried");
                }
            }
        }
    }

    /// Gives each job its turn, even if some fail. Returns the first error.
    async fn take_turns(&self, due: &[&Registered], cancel: &CancellationToken) -> Result<()> {
        let mut first = Ok(());
        for registered in due {
            if cancel.is_cancelled() {
                break;
            }
            if let Err(error) = self.take_turn(registered, cancel).await {
                metrics::counter!("muster_maintenance_failures_total", "step" => registered.info.name).increment(1);
                first = first.and(Err(error));
            }
        }
        first
    }

    /// Makes steps of a job until none is left, or its turn has lasted for [`TURN_LIMIT`].
    async fn take_turn(&self, registered: &Registered, cancel: &CancellationToken) -> Result<()> {
        let is_daily = matches!(registered.info.schedule, Schedule::Daily(_));
        let today = self.kernel.env.now().date_naive();
        if is_daily && daily::is_done(&self.kernel.work, registered.info.name, today).await? {
            return Ok(());
        }
        let started = self.kernel.env.instant();
        while self.step(registered, cancel).await? == Progress::More {
            let lasted = self.kernel.env.instant().saturating_duration_since(started);
            if cancel.is_cancelled() || lasted >= TURN_LIMIT {
                return Ok(());
            }
        }
        if is_daily { daily::set_done(&self.kernel.work, registered.info.name, today).await } else { Ok(()) }
    }

    /// The loop of a job of [`Schedule::Every`].
    async fn repeat(self: Arc<Self>, index: usize, pause: Duration, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            if !matches!(self.step(&self.registered[index], &cancel).await, Ok(Progress::More)) {
                sleep_unless_cancelled(pause, &cancel).await;
            }
        }
    }

    /// The loop of a job of [`Schedule::Continuous`]: starts it again if it ends before the process stops.
    async fn keep_running(self: Arc<Self>, index: usize, cancel: CancellationToken) {
        let (registered, mut pause) = (&self.registered[index], RESTART_PAUSE);
        while !cancel.is_cancelled() {
            let ended = self.step(registered, &cancel).await;
            if cancel.is_cancelled() {
                return;
            }
            metrics::counter!("muster_task_restarts", "task" => registered.info.name).increment(1);
            if ended.is_ok() {
                tracing::error!(
                    event = "job.ended",
                    job = registered.info.name,
                    "a continuous background job ended; it starts again"
                );
            }
            sleep_unless_cancelled(pause, &cancel).await;
            pause = (pause * 2).min(MAX_RESTART_PAUSE);
        }
    }

    /// Makes one step: in a span, within its time limit, timed, counted, and logged if it fails.
    async fn step(&self, registered: &Registered, cancel: &CancellationToken) -> Result<Progress> {
        let (env, info) = (&self.kernel.env, registered.info);
        let started = env.instant();
        let turn = Turn { now: env.now(), cancel: cancel.clone() };
        let limited = async {
            match info.limit {
                Some(limit) => tokio::select! {
                    made = timeout(limit, registered.job.step(turn)) => {
                        made.map_err(|_| format!("not done within {limit:?}"))
                    }
                    () = connections_lost_for(LOST_GRACE * 4), if info.ends_when_lost => {
                        Err("its database connection was lost".to_owned())
                    }
                },
                None => Ok(registered.job.step(turn).await),
            }
        };
        let span = tracing::error_span!("job", job = info.name);
        let (outcome, made) = match AssertUnwindSafe(limited).catch_unwind().instrument(span.clone()).await {
            Ok(Ok(Ok(progress))) => ("done", Ok(progress)),
            Ok(Ok(Err(error @ Error::Unavailable { .. }))) => ("outage", Err(error)),
            Ok(Ok(Err(error))) => ("failed", Err(error)),
            Ok(Err(cause)) => {
                metrics::counter!("muster_timeouts", "operation" => info.name).increment(1);
                ("too_slow", Err(Error::uncertain(5, cause)))
            }
            Err(_) => ("panicked", Err(Error::internal("the step panicked"))),
        };
        if info.limit.is_some() && !matches!(made, Ok(Progress::Idle)) {
            let took = env.instant().saturating_duration_since(started);
            metrics::histogram!("muster_job_seconds", "job" => info.name, "outcome" => outcome).record(took);
        }
        match &made {
            Ok(_) => {
                registered.failure_log.clear();
                metrics::gauge!("muster_job_last_success_seconds", "job" => info.name).set(unix_seconds(env.now()));
            }
            Err(error) => {
                metrics::counter!("muster_job_failures_total", "job" => info.name, "outcome" => outcome).increment(1);
                if registered.failure_log.is_due(env.instant()) {
                    let _in_span = span.enter();
                    log_failure(info.name, outcome, error);
                }
            }
        }
        made
    }
}

fn log_failure(job: &'static str, outcome: &'static str, error: &Error) {
    match error {
        Error::Unavailable { .. } => {
            tracing::warn!(event = "job.failed", job, outcome, %error, "a background job failed; it is retried at its next turn");
        }
        _ => {
            tracing::error!(event = "job.failed", job, outcome, %error, "a background job failed; it is retried at its next turn");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn unix_seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp() as f64
}

/// The number of the period in which a time lies.
fn number_of(time: DateTime<Utc>, period: Duration) -> u64 {
    time.timestamp().unsigned_abs() / period.as_secs().max(1)
}

/// Time until the next multiple of `period` by the clock.
fn until_next(now: DateTime<Utc>, period: Duration) -> Duration {
    let into = now.timestamp().unsigned_abs() % period.as_secs().max(1);
    period.saturating_sub(Duration::from_secs(into) + Duration::from_nanos(now.nanosecond().into()))
}

/// Sleeps; false when it was cancelled.
async fn sleep_unless_cancelled(time: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        () = cancel.cancelled() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn ticks_are_aligned_with_the_clock() {
        let (now, quarter) = (at("2026-11-28T10:00:07.250Z"), Duration::from_secs(15));
        assert_eq!(until_next(now, quarter), Duration::from_millis(7_750));
        assert_eq!(until_next(at("2026-11-28T10:00:15Z"), quarter), quarter);
    }

    #[test]
    fn a_slow_tick_is_the_first_of_its_period() {
        let period = Duration::from_mins(10);
        let crosses = |last, now| number_of(at(last), period) != number_of(at(now), period);
        assert!(crosses("2026-11-28T10:09:45Z", "2026-11-28T10:10:00Z"));
        assert!(!crosses("2026-11-28T10:10:00Z", "2026-11-28T10:19:45Z"));
    }

    #[test]
    fn a_failure_that_lasts_is_logged_now_and_then() {
        let (log, start) = (FailureLog::default(), crate::kernel::env::Env::system().instant());
        assert!(log.is_due(start));
        assert!(!log.is_due(start + Duration::from_secs(2)));
        assert!(log.is_due(start + LOG_INTERVAL));
        log.clear();
        assert!(log.is_due(start + LOG_INTERVAL));
    }
}
