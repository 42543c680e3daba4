//! What runs beside the requests: the mail engine, the tick of published numbers, and upkeep. Any number of processes
//! may run it at once.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Timelike};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    campaigns::{Tick, fold, publish},
    error::Result,
    events,
    kernel::{guard, idempotency},
    letters,
    mail::{self, Engine},
    organizers, petitions,
};

/// Time between rounds of upkeep.
const UPKEEP: Duration = Duration::from_mins(15);
/// Time for which an idempotency key is remembered.
const KEYS_FOR: TimeDelta = TimeDelta::hours(48);

/// Runs everything until cancelled.
///
/// # Errors
/// When the mail transport cannot be set up.
pub async fn run(app: App, cancel: CancellationToken) -> Result<()> {
    let engine = Arc::new(Engine::new(app.kernel.clone(), app.mail_kinds())?);
    tokio::join!(engine.run(cancel.clone()), tick_counts(&app, &cancel), upkeep(&app, &cancel));
    Ok(())
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

/// One tick: folds what was counted and publishes it.
///
/// # Errors
/// A database error.
pub async fn tick(app: &App, unconfirmed_too: bool) -> Result<()> {
    let (db, now) = (&app.kernel.db, app.kernel.cx.now());
    fold(db).await?;
    publish(db, Tick::Confirmed, now).await?;
    if unconfirmed_too {
        publish(db, Tick::Unconfirmed, now).await?;
    }
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

/// One round of upkeep: what nobody confirmed, expired sessions, spent proofs and keys, settled mail, vaults whose month
/// has passed.
///
/// # Errors
/// A database error, or a keyring that cannot be written.
pub async fn tidy(app: &App) -> Result<()> {
    let (kernel, now) = (&app.kernel, app.kernel.cx.now());
    while petitions::forget_unconfirmed(&kernel.db, now).await? > 0 {}
    while events::forget_unconfirmed(&kernel.db, now).await? > 0 {}
    while letters::forget_unconfirmed(&kernel.db, now).await? > 0 {}
    organizers::forget_expired_sessions(&kernel.db, now).await?;
    guard::forget_spent(&kernel.db, now).await?;
    idempotency::forget(&kernel.db, now - KEYS_FOR).await?;
    while mail::forget(&mut *kernel.db.acquire().await?, now).await? > 0 {}
    let retired = kernel.vaults.retire(now.date_naive()).await?;
    if !retired.is_empty() {
        tracing::info!(keys = retired.len(), "keys whose time had come were destroyed");
    }
    Ok(())
}
