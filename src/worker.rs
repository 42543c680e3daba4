//! What runs beside the requests: the mail engine, the tick of published numbers, and upkeep. Any number of processes
//! may run it at once.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    broadcasts,
    campaigns::{Tick, close_due, fold, publish, publish_breakdowns},
    error::Result,
    events,
    kernel::{guard, idempotency},
    letters,
    mail::{self, Engine},
    organizers, petitions,
};

/// The hour (UTC) from which a night's recount is due: between Newfoundland's 2:30 and the Pacific's 22:00 few sign.
const RECOUNT_HOUR: u32 = 6;
/// Time between rounds of upkeep.
const UPKEEP: Duration = Duration::from_mins(15);
/// Time between looks for mail that came back.
const SPOOL: Duration = Duration::from_secs(5);
/// Time between looks for jobs.
const JOBS: Duration = Duration::from_secs(1);
/// Time for which signals are kept.
const SIGNALS_FOR: TimeDelta = TimeDelta::hours(72);
/// Time for which an idempotency key is remembered.
const KEYS_FOR: TimeDelta = TimeDelta::hours(48);

/// Runs everything until cancelled.
///
/// # Errors
/// When the mail transport cannot be set up.
pub async fn run(app: App, cancel: CancellationToken) -> Result<()> {
    let engine = Arc::new(Engine::new(app.kernel.clone(), app.mail_kinds())?);
    let ticking = restarted("the tick", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { tick_counts(&app, &cancel).await }
    });
    let tidying = restarted("upkeep", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { upkeep(&app, &cancel).await }
    });
    let working = restarted("jobs", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { work(&app, &cancel).await }
    });
    let taking_back = restarted("the intake of returned mail", &cancel, || {
        let (app, cancel) = (app.clone(), cancel.clone());
        async move { take_back(&app, &cancel).await }
    });
    tokio::join!(engine.run(cancel.clone()), ticking, tidying, working, taking_back);
    Ok(())
}

/// Runs a loop to its end; one that panics starts again.
async fn restarted<F: Future<Output = ()> + Send + 'static>(
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
async fn tick_counts(app: &App, cancel: &CancellationToken) {
    let counts = &app.kernel.settings.counts;
    let slow_now = || app.kernel.cx.now().timestamp() / i64::from(counts.unconfirmed_tick_seconds);
    let mut slow = slow_now();
    let mut trouble = false;
    while pause(until_next(app, counts.tick_seconds), cancel).await {
        let crossed = slow_now() != slow;
        slow = slow_now();
        match tick(app, crossed).await {
            Ok(()) => trouble = false,
            Err(error) => {
                if !trouble {
                    tracing::warn!(%error, "the published numbers stand still until the database answers");
                }
                trouble = true;
            }
        }
    }
}

/// One tick: closes what is due, folds what was counted, publishes it and marks milestones; the first one of a day publishes the breakdowns too.
///
/// # Errors
/// A database error.
pub async fn tick(app: &App, unconfirmed_too: bool) -> Result<()> {
    let (db, now) = (&app.kernel.db, app.kernel.cx.now());
    close_due(db, now).await?;
    fold(db).await?;
    publish(db, Tick::Confirmed, now).await?;
    if unconfirmed_too {
        publish(db, Tick::Unconfirmed, now).await?;
    }
    publish_breakdowns(db, now.date_naive()).await?;
    petitions::mark_milestones(&app.petitions).await?;
    Ok(())
}

fn until_next(app: &App, seconds: u32) -> Duration {
    let now = app.kernel.cx.now();
    let into = now.timestamp().unsigned_abs() % u64::from(seconds);
    Duration::from_secs(u64::from(seconds) - into).saturating_sub(Duration::from_nanos(now.nanosecond().into()))
}

/// Waits; false when it is time to stop.
async fn pause(time: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        () = cancel.cancelled() => false,
    }
}

/// Takes back what lies in the folder of returned mail.
async fn take_back(app: &App, cancel: &CancellationToken) {
    let kinds = app.mail_kinds();
    if app.kernel.settings.mail.bounce_spool.is_empty() {
        return;
    }
    while pause(SPOOL, cancel).await {
        if let Err(error) = mail::read_spool(&app.kernel, &kinds).await {
            tracing::warn!(%error, "mail that came back was not taken in; it is tried again");
        }
    }
}

/// Does the jobs that organizers begin, a batch at a time, each as soon as it is there.
async fn work(app: &App, cancel: &CancellationToken) {
    loop {
        let mut more = false;
        for done in [
            petitions::work_invalidations(&app.petitions).await,
            petitions::work_imports(&app.petitions).await,
            broadcasts::work(&app.kernel).await,
        ] {
            match done {
                Ok(done) => more |= done,
                Err(error) => tracing::warn!(%error, "a job did not go on; it is tried again"),
            }
        }
        if !pause(if more { Duration::ZERO } else { JOBS }, cancel).await {
            return;
        }
    }
}

async fn upkeep(app: &App, cancel: &CancellationToken) {
    loop {
        if let Err(error) = tidy(app).await {
            tracing::warn!(%error, "upkeep did not finish; it is tried again");
        }
        if !pause(UPKEEP, cancel).await {
            return;
        }
    }
}

/// The newest moment at which a night's recount fell due.
fn night_before(now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(RECOUNT_HOUR.into());
    if now >= today { today } else { today - TimeDelta::days(1) }
}

/// One round of upkeep: the night's recount, vaults whose month has passed, what nobody confirmed, letters that were held, expired sessions,
/// spent proofs and keys, settled mail. A step that fails does not keep the others from being done.
///
/// # Errors
/// The first error of a step: of the database, or of a keyring that cannot be written.
pub async fn tidy(app: &App) -> Result<()> {
    let (kernel, now) = (&app.kernel, app.kernel.cx.now());
    let retired = kernel.vaults.retire(now.date_naive()).await.map(|keys| {
        if !keys.is_empty() {
            tracing::info!(keys = keys.len(), "keys whose time had come were destroyed");
        }
    });
    let steps = [
        retired,
        async {
            let before = now - TimeDelta::days(kernel.settings.retention.reminder_days.into());
            while petitions::remind(&kernel.db, before, now).await? > 0 {}
            Ok(())
        }
        .await,
        async {
            while petitions::forget_unconfirmed(&kernel.db, now).await? > 0 {}
            Ok(())
        }
        .await,
        async {
            while events::forget_unconfirmed(&kernel.db, now).await? > 0 {}
            Ok(())
        }
        .await,
        async {
            while letters::forget_unconfirmed(&kernel.db, now).await? > 0 {}
            Ok(())
        }
        .await,
        letters::release_held(kernel).await,
        async {
            while petitions::verify_next(&kernel.db, night_before(now), now).await?.is_some() {}
            Ok(())
        }
        .await,
        async {
            while petitions::forget_signals(&kernel.db, now - SIGNALS_FOR).await? > 0 {}
            while petitions::forget_invalid(&app.petitions).await? > 0 {}
            petitions::forget_uploads(&app.petitions).await?;
            Ok(())
        }
        .await,
        organizers::forget_expired_sessions(&kernel.db, now).await.map(drop),
        guard::forget_spent(&kernel.db, now).await.map(drop),
        idempotency::forget(&kernel.db, now - KEYS_FOR).await.map(drop),
        async {
            let keep = TimeDelta::days(kernel.settings.retention.mail_days.into());
            while mail::forget(&mut *kernel.db.acquire().await?, now, keep).await? > 0 {}
            Ok(())
        }
        .await,
    ];
    steps.into_iter().collect()
}
