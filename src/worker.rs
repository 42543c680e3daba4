//! What runs beside the requests: the mail engine, the tick of published numbers, long jobs, and upkeep. Any number of processes
//! may run it at once: mail and jobs are shared among them, each tick and each round of upkeep is made by one.

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
    organizers, petitions,
};

/// The hour (UTC) from which a night's recount is due: between Newfoundland's 2:30 and the Pacific's 22:00 few sign.
const RECOUNT_HOUR_UTC: u32 = 6;
/// Time between rounds of upkeep, and between looks whether one is due.
const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(15);
const MAINTENANCE_CHECK_INTERVAL: Duration = Duration::from_secs(20);
/// Time between looks for mail that came back.
const BOUNCE_SPOOL_INTERVAL: Duration = Duration::from_secs(5);
/// Time that one batch of a step may take, and a step with all its batches: what is left comes in the next round.
const BATCH_TIMEOUT: Duration = Duration::from_secs(40);
const STEP_TIMEOUT: Duration = Duration::from_hours(1);
/// Time for which signals are kept.
const SIGNAL_RETENTION: TimeDelta = TimeDelta::hours(72);

/// The kinds of long jobs.
pub fn job_kinds(app: &App) -> Vec<Arc<dyn JobKind>> {
    vec![
        Arc::new(petitions::InvalidationJob(app.petitions.clone())),
        Arc::new(petitions::ImportJob(app.petitions.clone())),
        Arc::new(petitions::ImportFileCleanupJob(app.petitions.clone())),
        Arc::new(letters::DispatchJob(app.letters.clone())),
        Arc::new(broadcasts::AudienceCountJob(app.kernel.clone())),
        Arc::new(broadcasts::SendJob(app.kernel.clone())),
    ]
}

/// Makes steps of all kinds of jobs until none is due (tests). Returns how many.
///
/// # Errors
/// `unavailable` while the database is away.
pub async fn run_jobs(app: &App) -> Result<usize> {
    let mut steps = 0;
    for kind in job_kinds(app) {
        while jobs::run_step(&app.kernel, &*kind).await? {
            steps += 1;
        }
    }
    Ok(steps)
}

/// Runs everything until cancelled.
///
/// # Errors
/// When the mail transport cannot be set up.
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
    // each kind by itself: a slow step of one does not keep the others waiting
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

/// Runs a loop to its end; one that panics starts again.
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

/// Folds and publishes on ticks that stand on the clock, so that the moment of publication says nothing about the moment
/// of an act.
async fn tick_loop(app: &App, cancel: &CancellationToken) {
    let counts = &app.kernel.settings.counts;
    let slow_now = || app.kernel.env.now().timestamp() / i64::from(counts.unconfirmed_tick_seconds);
    let mut slow = slow_now();
    let mut trouble = false;
    while sleep_unless_cancelled(until_next(app, counts.tick_seconds), cancel).await {
        let crossed = slow_now() != slow;
        slow = slow_now();
        // each process has numbers of its own
        app.petitions.sync_bursts().await;
        // half a tick later nobody has it any more: whoever comes first makes the next one
        let rest = Duration::from_secs(counts.tick_seconds.into()) / 2;
        match run_as_leader(&app.kernel, "tick", rest, tick(app, crossed)).await {
            Ok(Some(Ok(())) | None) => trouble = false,
            Ok(Some(Err(error))) | Err(error) => {
                if !trouble {
                    tracing::warn!(%error, "the published numbers stand still until the database answers");
                }
                trouble = true;
            }
        }
    }
}

/// One tick: closes what is due, folds what was counted, publishes it and marks milestones; the first one of a day publishes the
/// breakdowns too. A part that fails does not keep the others from being done.
///
/// # Errors
/// The first error of a part.
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

/// Waits; false when it is time to stop.
async fn sleep_unless_cancelled(time: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        () = cancel.cancelled() => false,
    }
}

/// Takes back what lies in the folder of returned mail.
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

/// Makes rounds of upkeep, each by one process for all.
async fn maintenance_loop(app: &App, cancel: &CancellationToken) {
    loop {
        // what failed is logged by its step, and tried again in the next round
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

/// The newest moment at which a night's recount fell due.
fn last_recount_due(now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(RECOUNT_HOUR_UTC.into());
    if now >= today { today } else { today - TimeDelta::days(1) }
}

/// One round of upkeep, and of the keyring's (tests; a process does the latter beside, in every role).
///
/// # Errors
/// The first error of a step: of the database, or of a keyring that cannot be written.
pub async fn run_maintenance(app: &App) -> Result<()> {
    let pruned = app.kernel.vaults.prune().await.map(drop);
    let tidied = run_maintenance_steps(app, &CancellationToken::new()).await;
    pruned.and(tidied)
}

/// Batches of one step of upkeep, until there is none left or it is time to stop.
async fn run_batches<F: Future<Output = Result<u64>>>(
    cancel: &CancellationToken,
    mut batch: impl FnMut() -> F,
) -> Result<()> {
    while !cancel.is_cancelled() && with_timeout(BATCH_TIMEOUT, "a maintenance batch", batch()).await? > 0 {}
    Ok(())
}

/// The steps of upkeep: what nobody confirmed, letters that were held, the night's recount, expired sessions, spent proofs and keys,
/// settled mail. A step that fails, or panics, does not keep the others from being done.
async fn run_maintenance_steps(app: &App, cancel: &CancellationToken) -> Result<()> {
    let (kernel, now) = (&app.kernel, app.kernel.env.now());
    let db = &kernel.work;
    let remind_before = now - TimeDelta::days(kernel.settings.retention.reminder_days.into());
    let keep_mail = TimeDelta::days(kernel.settings.retention.mail_days.into());
    let kinds: Vec<&'static str> = job_kinds(app).iter().map(|kind| kind.kind()).collect();
    let steps: Vec<(&'static str, BoxFuture<'_, Result<()>>)> = vec![
        ("reminders", Box::pin(run_batches(cancel, move || petitions::queue_reminders(db, remind_before, now)))),
        ("unconfirmed signatures", Box::pin(run_batches(cancel, move || petitions::delete_unconfirmed(db, now)))),
        ("unconfirmed registrations", Box::pin(run_batches(cancel, move || events::delete_unconfirmed(db, now)))),
        ("unconfirmed letters", Box::pin(run_batches(cancel, move || letters::delete_unconfirmed(db, now)))),
        ("held letters", Box::pin(async { letters::release_unreleased(kernel).await.map(drop) })),
        (
            "recount",
            Box::pin(async move {
                // its statements have limits of their own: a petition of a hundred million takes longer than a batch may
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
        ("invalid signatures", Box::pin(run_batches(cancel, move || petitions::erase_invalid_signatures(&app.petitions)))),
        ("uploads", Box::pin(run_batches(cancel, move || petitions::delete_abandoned_uploads(&app.petitions)))),
        ("sessions", Box::pin(async { organizers::delete_expired_sessions(db, now).await.map(drop) })),
        ("spent proofs and attempts", Box::pin(rate_limit::delete_expired(db, now))),
        ("bursts", Box::pin(run_batches(cancel, move || petitions::delete_old_burst_counts(db, now)))),
        (
            "idempotency keys",
            Box::pin(async { idempotency::delete_older(db, now - idempotency::RETENTION).await.map(drop) }),
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

/// Makes steps one after the other, whatever becomes of each. Returns the first error.
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
