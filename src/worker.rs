//! Background loops: the mail engine, the tick (closing, counting, publishing), long jobs, the bounce spool, and
//! maintenance. Any number of processes may run them: they share mail and jobs; each tick and each maintenance round
//! runs in one of them.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    broadcasts,
    campaigns::{Tick, close_due, fold_deltas, publish_breakdowns, publish_counts},
    console,
    error::{Error, Result},
    events,
    kernel::{
        db::with_timeout,
        idempotency,
        jobs::{self, JobKind},
        leader_election::run_as_leader,
        rate_limit, table_stats,
    },
    letters,
    mail::{self, Engine},
    organizers, people, petitions,
};

/// UTC hour after which the nightly recount is due (02:30 in St. John's, 22:00 in Vancouver: lowest traffic).
const RECOUNT_HOUR_UTC: u32 = 6;
/// Time between two maintenance rounds.
const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(15);
/// Time between two checks whether a round is due.
const MAINTENANCE_CHECK_INTERVAL: Duration = Duration::from_secs(20);
/// Time between two scans of the bounce spool.
const BOUNCE_SPOOL_INTERVAL: Duration = Duration::from_secs(5);
/// Timeout of one batch of a maintenance step. What is left is done in the next round.
const BATCH_TIMEOUT: Duration = Duration::from_secs(40);
/// Timeout of one step with all its batches.
const STEP_TIMEOUT: Duration = Duration::from_hours(1);
/// How long abuse signals are kept.
const SIGNAL_RETENTION: TimeDelta = TimeDelta::hours(72);

/// The registry of job kinds.
pub fn job_kinds(app: &App) -> Vec<Arc<dyn JobKind>> {
    vec![
        Arc::new(petitions::InvalidationJob(app.petitions.clone())),
        Arc::new(petitions::ImportJob(app.petitions.clone())),
        Arc::new(petitions::ImportFileCleanupJob(app.petitions.clone())),
        Arc::new(letters::DispatchJob(app.letters.clone())),
        Arc::new(broadcasts::AudienceCountJob(app.kernel.clone())),
        Arc::new(broadcasts::SendJob(app.kernel.clone())),
        Arc::new(console::MailRetryJob(app.kernel.clone())),
        Arc::new(events::MovedJob(app.kernel.clone())),
    ]
}

/// Runs steps of all kinds of jobs until none is due (tests). Returns their number.
///
/// # Errors
/// `unavailable` while the database cannot be reached.
pub async fn run_jobs(app: &App) -> Result<usize> {
    let mut steps = 0;
    for kind in job_kinds(app) {
        while jobs::run_step(&app.kernel, &*kind).await? {
            steps += 1;
        }
    }
    Ok(steps)
}

/// Runs all loops until cancelled.
///
/// # Errors
/// When the mail transport cannot be configured.
pub async fn run(app: App, cancel: CancellationToken) -> Result<()> {
    let engine = Arc::new(Engine::new(app.kernel.clone(), app.mail_kinds())?);
    let tick_loop = supervise("tick loop", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { tick_loop(&app, &cancel).await }
    });
    let maintenance = supervise("maintenance", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { maintenance_loop(&app, &cancel).await }
    });
    // one loop per kind, so that a slow step of one does not delay the others
    let job_loops = join_all(job_kinds(&app).into_iter().map(|kind| {
        let (kernel, cancel) = (app.kernel.clone(), cancel.clone());
        async move {
            supervise(kind.kind(), &cancel, || jobs::run(kernel.clone(), kind.clone(), cancel.clone())).await;
        }
    }));
    let bounces = supervise("bounce spool", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { poll_bounce_spool(&app, &cancel).await }
    });
    tokio::join!(engine.run(cancel.clone()), tick_loop, maintenance, job_loops, bounces);
    Ok(())
}

/// Runs a loop until it ends; restarts it after a panic.
async fn supervise<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    cancel: &CancellationToken,
    run: impl Fn() -> F,
) {
    while tokio::spawn(run()).await.is_err() && !cancel.is_cancelled() {
        tracing::error!("{name} panicked; it starts again");
        sleep(Duration::from_secs(1)).await;
    }
}

/// Publishes counts on ticks aligned with the clock, so that the time of publication does not reveal the time of an
/// act.
async fn tick_loop(app: &App, cancel: &CancellationToken) {
    let counts = &app.kernel.settings.counts;
    let slow_now = || app.kernel.env.now().timestamp() / i64::from(counts.unconfirmed_tick_seconds);
    let mut slow = slow_now();
    let mut trouble = false;
    while sleep_unless_cancelled(until_next(app, counts.tick_seconds), cancel).await {
        let crossed = slow_now() != slow;
        slow = slow_now();
        // each process has its own burst counters
        app.petitions.sync_bursts().await;
        // the lease ends half a tick later, so that any process can run the next tick
        let rest = Duration::from_secs(counts.tick_seconds.into()) / 2;
        match run_as_leader(&app.kernel, "tick", rest, tick(app, crossed)).await {
            Ok(Some(Ok(())) | None) => trouble = false,
            Ok(Some(Err(error))) | Err(error) => {
                if !trouble {
                    tracing::warn!(%error, "tick: counts could not be published; it is retried");
                }
                trouble = true;
            }
        }
    }
}

/// One tick: closes actions that are due, folds count deltas, publishes counts and marks milestones; the first tick of
/// a day also publishes breakdowns. A failing step does not prevent the others.
///
/// # Errors
/// The first error of a step.
pub async fn tick(app: &App, unconfirmed_too: bool) -> Result<()> {
    let (db, now) = (&app.kernel.work, app.kernel.env.now());
    let mut steps: Vec<(&'static str, BoxFuture<'_, Result<()>>)> = vec![
        ("closing dates", Box::pin(async { close_due(db, now).await.map(drop) })),
        (
            "letters of closed actions",
            Box::pin(async { letters::apply_changed_sending_states(&app.kernel).await.map(drop) }),
        ),
        ("free seats", Box::pin(async { events::promote_waitlists(&app.kernel).await.map(drop) })),
        ("counts", Box::pin(async { fold_deltas(db).await.map(drop) })),
        ("counts of mail", Box::pin(async { mail::fold_counts(db).await.map(drop) })),
        ("published numbers", Box::pin(async { publish_counts(db, Tick::Confirmed, now).await.map(drop) })),
    ];
    if unconfirmed_too {
        steps.push((
            "unconfirmed numbers",
            Box::pin(async { publish_counts(db, Tick::Unconfirmed, now).await.map(drop) }),
        ));
    }
    steps.push(("breakdowns", Box::pin(async { publish_breakdowns(db, now.date_naive()).await.map(drop) })));
    steps.push(("milestones", Box::pin(async { petitions::record_milestones(&app.petitions).await.map(drop) })));
    steps.push((
        "bursts",
        Box::pin(async {
            app.petitions.sync_bursts().await;
            Ok(())
        }),
    ));
    run_steps(steps, &CancellationToken::new()).await
}

fn until_next(app: &App, seconds: u32) -> Duration {
    let now = app.kernel.env.now();
    let into = now.timestamp().unsigned_abs() % u64::from(seconds);
    Duration::from_secs(u64::from(seconds) - into).saturating_sub(Duration::from_nanos(now.nanosecond().into()))
}

/// Sleeps; false when it was cancelled.
async fn sleep_unless_cancelled(time: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        () = cancel.cancelled() => false,
    }
}

/// Scans the bounce spool repeatedly.
async fn poll_bounce_spool(app: &App, cancel: &CancellationToken) {
    let kinds = app.mail_kinds();
    if app.kernel.settings.mail.bounce_spool.is_empty() {
        return;
    }
    while sleep_unless_cancelled(BOUNCE_SPOOL_INTERVAL, cancel).await {
        if let Err(error) = mail::process_bounce_spool(&app.kernel, &kinds).await {
            tracing::warn!(%error, "processing the bounce spool failed; it is retried");
        }
    }
}

/// Runs maintenance rounds, each in one process for all.
async fn maintenance_loop(app: &App, cancel: &CancellationToken) {
    loop {
        // a failed step is logged by `run_steps` and retried in the next round
        if let Err(error) =
            run_as_leader(&app.kernel, "maintenance", MAINTENANCE_INTERVAL, run_maintenance_steps(app, cancel)).await
        {
            tracing::warn!(%error, "maintenance could not start; it is retried");
        }
        if !sleep_unless_cancelled(MAINTENANCE_CHECK_INTERVAL, cancel).await {
            return;
        }
    }
}

/// The last time at which a nightly recount became due.
fn last_recount_due(now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(RECOUNT_HOUR_UTC.into());
    if now >= today { today } else { today - TimeDelta::days(1) }
}

/// One maintenance round, including that of the keyring (tests; in production the keyring's runs separately, in every
/// role).
///
/// # Errors
/// The first error of a step, for example of a keyring that cannot be written.
pub async fn run_maintenance(app: &App) -> Result<()> {
    let pruned = app.kernel.vaults.prune().await.map(drop);
    let tidied = run_maintenance_steps(app, &CancellationToken::new()).await;
    pruned.and(tidied)
}

/// Runs batches of a maintenance step until nothing is left or it is cancelled.
async fn run_batches<F: Future<Output = Result<u64>>>(
    cancel: &CancellationToken,
    mut batch: impl FnMut() -> F,
) -> Result<()> {
    while !cancel.is_cancelled() && with_timeout(BATCH_TIMEOUT, "a maintenance batch", batch()).await? > 0 {}
    Ok(())
}

/// The maintenance steps: reminders, deletion of unconfirmed acts, held letters, the nightly recount, expired
/// sessions, proofs, keys and settled mail, and metrics. A step that fails or panics does not prevent the others.
async fn run_maintenance_steps(app: &App, cancel: &CancellationToken) -> Result<()> {
    let (kernel, now) = (&app.kernel, app.kernel.env.now());
    let db = &kernel.work;
    let remind_before = now - TimeDelta::days(kernel.settings.retention.reminder_days.into());
    let keep_mail = TimeDelta::days(kernel.settings.retention.mail_days.into());
    let kinds: Vec<&'static str> = job_kinds(app).iter().map(|kind| kind.kind()).collect();
    let steps: Vec<(&'static str, BoxFuture<'_, Result<()>>)> = vec![
        ("reminders", Box::pin(run_batches(cancel, move || petitions::queue_reminders(db, remind_before, now)))),
        (
            "unconfirmed signatures",
            Box::pin(run_batches(cancel, move || people::delete_unconfirmed(db, "signatures", now))),
        ),
        (
            "unconfirmed registrations",
            Box::pin(run_batches(cancel, move || people::delete_unconfirmed(db, "attendances", now))),
        ),
        ("unconfirmed letters", Box::pin(run_batches(cancel, move || people::delete_unconfirmed(db, "letters", now)))),
        ("held letters", Box::pin(async { letters::release_unreleased(kernel).await.map(drop) })),
        (
            "recount",
            Box::pin(async move {
                // its statements have timeouts of their own: counting 100 million signatures takes longer than a batch
                // may
                let night = last_recount_due(now);
                while !cancel.is_cancelled()
                    && (petitions::verify_next(db, night, now).await?.is_some()
                        | events::verify_next(db, night, now).await?.is_some()
                        | letters::verify_next(db, night, now).await?.is_some())
                {}
                Ok(())
            }),
        ),
        ("dead rows", Box::pin(table_stats::gauge(db))),
        ("signals", Box::pin(run_batches(cancel, move || petitions::delete_old_signals(db, now - SIGNAL_RETENTION)))),
        (
            "invalid signatures",
            Box::pin(run_batches(cancel, move || petitions::erase_invalid_signatures(&app.petitions))),
        ),
        ("uploads", Box::pin(run_batches(cancel, move || petitions::delete_abandoned_uploads(&app.petitions)))),
        ("sessions", Box::pin(async { organizers::delete_expired_sessions(db, now).await.map(drop) })),
        ("spent proofs and attempts", Box::pin(rate_limit::delete_expired(db, now))),
        ("bursts", Box::pin(run_batches(cancel, move || petitions::delete_old_burst_counts(db, now)))),
        (
            "idempotency keys",
            Box::pin(run_batches(cancel, move || idempotency::delete_older(db, now - idempotency::RETENTION))),
        ),
        (
            "settled mail",
            Box::pin(run_batches(cancel, move || async move {
                mail::delete_expired(&mut *db.acquire().await?, now, keep_mail).await
            })),
        ),
        (
            "jobs",
            Box::pin(async {
                jobs::delete_old_failures(db, now).await?;
                jobs::report_metrics(db, &kinds, now).await
            }),
        ),
    ];
    run_steps(steps, cancel).await
}

/// Runs all steps one after the other, even if some fail. Returns the first error.
async fn run_steps(steps: Vec<(&'static str, BoxFuture<'_, Result<()>>)>, cancel: &CancellationToken) -> Result<()> {
    let mut first = Ok(());
    for (name, step) in steps {
        if cancel.is_cancelled() {
            break;
        }
        let made = AssertUnwindSafe(with_timeout(STEP_TIMEOUT, name, step)).catch_unwind().await;
        let made = made.unwrap_or_else(|_| Err(Error::internal(format!("{name}: a maintenance step panicked"))));
        if let Err(error) = made {
            tracing::warn!(%error, step = name, "a maintenance step failed; it is retried");
            metrics::counter!("muster_maintenance_failures_total", "step" => name).increment(1);
            first = first.and(Err(error));
        }
    }
    first
}
