//! Monitoring by the engine: metrics of the queue, clock skew against the database, durability of commits.

use std::{sync::atomic::Ordering, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    engine::{Engine, STATEMENTS_LIMIT},
    kinds::{Class, EmailState},
    restore_guard::GuardReason,
    store,
};
use crate::{
    error::Result,
    kernel::{db::with_timeout, durability},
};

/// Clock skew between the database and this process above which a warning is logged, in microseconds.
const MAX_CLOCK_SKEW_MICROSECONDS: i64 = 2_000_000;
/// Interval of the check whether commits are as durable as the settings require.
const DURABILITY_CHECK_INTERVAL: Duration = Duration::from_mins(1);

impl Engine {
    /// Periodic work: stores the provider counts kept in memory, advances the mail epoch (`restore_guard`), retries
    /// settlement callbacks, updates the metrics of the queue, checks durability. A step that fails does not prevent
    /// the others.
    ///
    /// # Errors
    /// The last error; all are logged.
    pub(super) async fn persist_and_report(&self) -> Result<()> {
        let steps = [
            with_timeout(STATEMENTS_LIMIT, "counting providers", self.provider_counts.flush(&self.kernel)).await,
            with_timeout(STATEMENTS_LIMIT, "the restore guard", self.restore_guard.advance(&self.kernel, self.now()))
                .await,
            with_timeout(STATEMENTS_LIMIT, "settlement callbacks", self.retry_callbacks()).await.map(drop),
            with_timeout(STATEMENTS_LIMIT, "counting the queue", self.report_queue()).await,
            with_timeout(STATEMENTS_LIMIT, "checking durability", self.check_durability()).await,
            with_timeout(STATEMENTS_LIMIT, "storing what relays offer", self.store_smtputf8()).await,
        ];
        let mut all = Ok(());
        for error in steps.into_iter().filter_map(Result::err) {
            tracing::warn!(
                event = "mail.metrics_failed",
                %error,
                "mail counters and metrics could not be updated; they are kept"
            );
            all = Err(error);
        }
        all
    }

    /// Checks that commits are still as durable as the settings require: synchronous standbys come and go at run time.
    async fn check_durability(&self) -> Result<()> {
        let mut seen = self.durability_checked_at.lock().await;
        let now = self.kernel.env.instant();
        if seen.is_none_or(|at| now.saturating_duration_since(at) >= DURABILITY_CHECK_INTERVAL) {
            durability::recheck(&self.kernel.settings, &self.kernel.work).await?;
            *seen = Some(now);
        }
        Ok(())
    }

    /// The present time by the database's clock, using the skew measured at the last claim.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.kernel.env.now() + TimeDelta::microseconds(self.clock_skew.load(Ordering::Relaxed))
    }

    /// Stores the skew between the database's clock and this process's, and warns when it gets too large.
    pub(super) fn set_clock(&self, database: DateTime<Utc>) {
        let skew = (database - self.kernel.env.now()).num_microseconds().unwrap_or(0);
        let before = self.clock_skew.swap(skew, Ordering::Relaxed);
        metrics::gauge!("muster_clock_skew_seconds").set(TimeDelta::microseconds(skew).as_seconds_f64());
        if skew.abs() > MAX_CLOCK_SKEW_MICROSECONDS && before.abs() <= MAX_CLOCK_SKEW_MICROSECONDS {
            tracing::warn!(
                event = "clock.skewed",
                seconds = skew / 1_000_000,
                "this machine's clock differs from the database's; mail goes by the database's"
            );
        }
    }

    /// Updates the gauges: waiting mails and the age of the oldest, pauses, restore guard, first-contact limit, relays.
    async fn report_queue(&self) -> Result<()> {
        let now = self.now();
        let mut conn = self.kernel.work.acquire().await?;
        let waiting = store::waiting(&mut conn).await?;
        let pauses = store::pauses(&mut conn).await?;
        let first = store::first_contacts(&mut conn, now).await?;
        let relays = store::relays(&mut conn).await?;
        drop(conn);
        for class in Class::ALL {
            for state in [EmailState::Queued, EmailState::Sending] {
                // letters have two rows, with and without a lane
                let found = waiting.iter().filter(|w| w.class == class && w.state == state);
                let mails = found.clone().map(|w| w.mails).sum();
                let oldest = found.filter_map(|w| w.oldest).min();
                let age = oldest.map_or(0, |oldest| (now - oldest).num_seconds().max(0));
                let (class, state) = (class.as_str(), state.as_str());
                metrics::gauge!("muster_mail_waiting", "class" => class, "state" => state).set(as_gauge(mails));
                metrics::gauge!("muster_mail_oldest_seconds", "class" => class, "state" => state).set(as_gauge(age));
            }
        }
        for scope in [store::EVERYTHING].into_iter().chain(Class::ALL.map(Class::as_str)) {
            let is_stopped = pauses.iter().any(|pause| pause.scope == scope);
            metrics::gauge!("muster_mail_paused", "scope" => scope).set(if is_stopped { 1.0 } else { 0.0 });
        }
        let is_fenced = pauses.iter().any(|pause| GuardReason::NAMES.contains(&pause.reason.as_str()));
        metrics::gauge!("muster_mail_restore_guard_ok").set(if is_fenced { 0.0 } else { 1.0 });
        let most = first.per_hour.unwrap_or(self.kernel.settings.mail.first_contacts_per_hour);
        metrics::gauge!("muster_mail_first_contacts").set(as_gauge(first.this_hour));
        metrics::gauge!("muster_mail_first_contacts_limit").set(as_gauge(most));
        metrics::gauge!("muster_mail_first_contacts_held").set(as_gauge(first.held));
        for relay in relays {
            let refused = if relay.refused_since.is_some() { 1.0 } else { 0.0 };
            metrics::gauge!("muster_mail_relay_refused", "relay" => relay.relay).set(refused);
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(super) fn as_gauge(number: i64) -> f64 {
    number as f64
}
