//! The registry of background jobs: everything that runs beside the requests, periodically or in steps.
//!
//! A job ([`BackgroundJob`]) has a name, a schedule, a rule in which processes it runs, and one bounded step. Slices
//! register theirs in one function each, which `app` lists; this module knows none of them. It runs the loops and the
//! rounds, elects the leader of a round, opens a span, takes the time, and logs and counts what failed ([`run`](Jobs)).
//! `docs/jobs.md` lists all jobs and is compared with the registry by a test.
//!
//! A step that fails, panics or takes longer than its limit is logged with the job's name, counted, and made again at
//! the job's next turn. It stops no other job: jobs with a schedule of their own have a loop each, and in a round the
//! others follow.
//!
//! Rows of the table `jobs` (imports, broadcasts) are worked off by [`super::jobs`]; each kind is a job here, too.

mod daily;
mod run;

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{
    Kernel,
    jobs::{JobKind, QueuedJob},
};
use crate::error::Result;
use run::Registered;

/// When a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// In each tick: every `counts.tick_seconds`, aligned with the clock, so that the time at which a number is
    /// published does not reveal the time of an act.
    Tick(Stage),
    /// In the first tick of each such period since 1970 (UTC).
    SlowTick(Stage, Duration),
    /// In the first tick of each day (UTC) that it succeeds in. The day is stored, so that a restart at midnight skips none.
    Daily(Stage),
    /// In each maintenance round ([`MAINTENANCE_INTERVAL`]).
    Maintenance,
    /// Again and again, with this pause whenever nothing is left to do.
    Every(Duration),
    /// One step that runs until the process stops.
    Continuous,
}

/// Order of the jobs of a tick; those of one stage run in the order of their registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What changes by the passing of time.
    Change,
    /// Counts are brought up to date.
    Count,
    /// Counts are published.
    Publish,
    /// What follows from published counts.
    Follow,
}

/// In which processes a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsIn {
    /// In one worker at a time, which holds the lease of the round.
    Leader,
    /// In all workers; each claims what it works on.
    Claim,
    /// In each worker for itself.
    EachWorker,
    /// In each process for itself, web servers included.
    EachProcess,
}

/// Time between two maintenance rounds.
pub const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(15);
/// Time limit of one step of a maintenance job. What is left is done by the next step.
pub const BATCH_LIMIT: Duration = Duration::from_secs(40);
/// Time limit of a job's turn in a round, with all its steps. What is left is done in the next round.
pub const TURN_LIMIT: Duration = Duration::from_hours(1);

/// What is known of a job without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobInfo {
    /// Unique; the label `job` of metrics and the field `job` of log lines.
    pub name: &'static str,
    /// When it runs.
    pub schedule: Schedule,
    /// In which processes it runs.
    pub runs_in: RunsIn,
    /// What one step does, for `docs/jobs.md`.
    pub step: &'static str,
    /// The most that one step does, or one of its transactions, for `docs/jobs.md`; empty: the limit of time only.
    pub bound: &'static str,
    /// Time limit of one step; `None` for [`Schedule::Continuous`].
    pub limit: Option<Duration>,
    /// A step ends soon after its database connection was lost. Not where its statements have limits of their own.
    pub ends_when_lost: bool,
}

impl JobInfo {
    /// A job of the tick, made by its leader.
    pub const fn tick(name: &'static str, stage: Stage, step: &'static str, bound: &'static str) -> Self {
        let schedule = Schedule::Tick(stage);
        Self { name, schedule, runs_in: RunsIn::Leader, step, bound, limit: Some(TURN_LIMIT), ends_when_lost: true }
    }

    /// A job of the maintenance round, made by its leader.
    pub const fn maintenance(name: &'static str, step: &'static str, bound: &'static str) -> Self {
        let schedule = Schedule::Maintenance;
        Self { name, schedule, runs_in: RunsIn::Leader, step, bound, limit: Some(BATCH_LIMIT), ends_when_lost: true }
    }

    /// A job with a loop of its own.
    pub const fn every(
        pause: Duration,
        runs_in: RunsIn,
        name: &'static str,
        step: &'static str,
        bound: &'static str,
        limit: Duration,
    ) -> Self {
        Self { name, schedule: Schedule::Every(pause), runs_in, step, bound, limit: Some(limit), ends_when_lost: true }
    }

    /// A job that runs until the process stops.
    pub const fn continuous(runs_in: RunsIn, name: &'static str, step: &'static str, bound: &'static str) -> Self {
        Self { name, schedule: Schedule::Continuous, runs_in, step, bound, limit: None, ends_when_lost: false }
    }

    /// The same job in each worker for itself instead of in the leader.
    #[must_use]
    pub const fn in_each_worker(self) -> Self {
        Self { runs_in: RunsIn::EachWorker, ..self }
    }

    /// The same job with another time limit.
    #[must_use]
    pub const fn with_limit(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// What a step leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More is left: the next step follows at once.
    More,
    /// It was the last step of this turn.
    Done,
    /// There was nothing to do.
    Idle,
}

impl Progress {
    /// Of a batch that is repeated until it finds nothing.
    pub const fn of_batch(rows: u64) -> Self {
        if rows > 0 { Self::More } else { Self::Done }
    }
}

/// What a step is given.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The present time.
    pub now: DateTime<Utc>,
    /// Cancelled when the process stops.
    pub cancel: CancellationToken,
}

/// A job that runs beside the requests.
pub trait BackgroundJob: Send + Sync {
    /// Name, schedule, processes, step and bounds; asked for once, at registration.
    fn info(&self) -> JobInfo;

    /// Makes one step. It must be safe to repeat: after a failure it is made again, and two processes may make it at
    /// once when a lease expires.
    ///
    /// # Errors
    /// `unavailable` for an outage; anything else is a defect. Both are logged and counted, and the job's next turn
    /// tries again.
    fn step(&self, turn: Turn) -> BoxFuture<'_, Result<Progress>>;
}

/// A job made of a state and a function.
struct JobFn<S, F> {
    info: JobInfo,
    state: S,
    step: F,
}

impl<S, F, Fut> BackgroundJob for JobFn<S, F>
where
    S: Clone + Send + Sync,
    F: Fn(S, Turn) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Progress>> + Send + 'static,
{
    fn info(&self) -> JobInfo {
        self.info
    }

    fn step(&self, turn: Turn) -> BoxFuture<'_, Result<Progress>> {
        Box::pin((self.step)(self.state.clone(), turn))
    }
}

/// The registry.
pub struct Jobs {
    kernel: Arc<Kernel>,
    registered: Vec<Registered>,
    queue_kinds: Vec<Arc<dyn JobKind>>,
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.infos().map(|info| info.name)).finish()
    }
}

impl Jobs {
    /// An empty registry.
    pub fn new(kernel: Arc<Kernel>) -> Self {
        Self { kernel, registered: Vec::new(), queue_kinds: Vec::new() }
    }

    /// Registers a job.
    pub fn register(&mut self, job: impl BackgroundJob + 'static) {
        self.registered.push(Registered::new(Box::new(job)));
    }

    /// Registers a function as a job; `state` is cloned for each step.
    pub fn add<S, F, Fut>(&mut self, info: JobInfo, state: &S, step: F)
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, Turn) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Progress>> + Send + 'static,
    {
        self.register(JobFn { info, state: state.clone(), step });
    }

    /// Registers a kind of rows of the table `jobs`, with what one step does and its bound.
    pub fn add_queue(&mut self, kind: impl JobKind + 'static, step: &'static str, bound: &'static str) {
        let kind: Arc<dyn JobKind> = Arc::new(kind);
        self.queue_kinds.push(kind.clone());
        self.register(QueuedJob::new(self.kernel.clone(), kind, step, bound));
    }

    /// The registered kinds of rows of the table `jobs`.
    pub fn queue_kinds(&self) -> &[Arc<dyn JobKind>] {
        &self.queue_kinds
    }

    /// All registered jobs.
    pub fn infos(&self) -> impl Iterator<Item = JobInfo> {
        self.registered.iter().map(|registered| registered.info)
    }
}

impl fmt::Display for Schedule {
    /// As `docs/jobs.md` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick(stage) => write!(f, "tick, {stage}"),
            Self::Daily(stage) => write!(f, "tick, {stage}, once a day"),
            Self::SlowTick(stage, period) => write!(f, "tick, {stage}, every {}", describe(*period)),
            Self::Maintenance => f.write_str("maintenance"),
            Self::Every(pause) => write!(f, "every {}", describe(*pause)),
            Self::Continuous => f.write_str("always"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Change => "change",
            Self::Count => "count",
            Self::Publish => "publish",
            Self::Follow => "follow",
        })
    }
}

impl fmt::Display for RunsIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "leader",
            Self::Claim => "workers, by claim",
            Self::EachWorker => "every worker",
            Self::EachProcess => "every process",
        })
    }
}

/// A job's row of the table in `docs/jobs.md`.
impl fmt::Display for JobInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, schedule, runs_in, step, bound, limit, .. } = self;
        let limit = limit.map(describe);
        let bounds: Vec<&str> =
            [Some(*bound), limit.as_deref()].into_iter().flatten().filter(|b| !b.is_empty()).collect();
        write!(f, "| `{name}` | {schedule} | {runs_in} | {step} | {} |", bounds.join("; "))
    }
}

/// A duration in its largest whole unit.
fn describe(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        hours if hours % 3600 == 0 => format!("{} h", hours / 3600),
        minutes if minutes % 60 == 0 => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}
