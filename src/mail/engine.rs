//! The mail engine: claims, composes, sends and settles queued mail. Any number of processes may run one.
//!
//! Crash safety comes from the order: a claim is committed before anything is sent, and the results are settled in a
//! second transaction. A process killed in between leaves a lease that expires (`retry_policy::after_expiry`). The
//! engine never gives up because of an outage and never logs a recipient.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::{Mutex, Notify, Semaphore, SemaphorePermit},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    circuit_breaker::{BreakerChange, CircuitBreakers},
    kinds::{Claimed, MailKind, MailKinds},
    maintenance,
    message::Sender,
    paused::Paused,
    progress::Progress,
    provider_counts::ProviderCounts,
    restore_guard::RestoreGuard,
    retry_policy,
    settle::{Settlement, progress_of},
    store::{self, Claim, ClaimRequest},
    transport::{RelayQuotas, Transport},
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        background::{self, JobInfo, Jobs, RunsIn},
        db::with_timeout,
    },
};

/// Maximum number of worker loops of one process. Each works on one round at a time, so a slow mail delays only its
/// own round, and while one round waits for the disk another sends.
const MAX_WORKERS: usize = 6;
/// Maximum number of database transactions (claims, compositions, settlements) that the engine runs at once. More of
/// them would spread over more connections, each with a colder plan cache, and take pool connections from page
/// requests (`bench/README.md`, row `drain`).
const DB_CONCURRENCY: usize = 5;
/// Longest duration that a round should have; the claim size adapts to it ([`next_limit`]).
const TARGET_ROUND_DURATION: Duration = Duration::from_secs(1);
/// Lower bound of the adapted claim size, in mails.
const MIN_CLAIM: i64 = 8;
/// Interval of the check whether `emails_waiting` needs a VACUUM.
const VACUUM_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Time limit of a VACUUM; the statement's own is shorter.
const VACUUM_LIMIT: Duration = Duration::from_mins(1);
/// Interval of what the engine stores and reports of itself.
const REPORT_INTERVAL: Duration = Duration::from_secs(15);
/// Mails claimed since the last VACUUM after which the next one is run.
const VACUUM_AFTER_MAILS: usize = 20_000;
/// Time limit of all statements run under one database permit, so that a connection whose network is gone does not
/// hold the permit longer.
pub(super) const STATEMENTS_LIMIT: Duration = Duration::from_secs(12);
/// Maximum number of expired leases recovered in one round.
const RECOVERY_BATCH_SIZE: i64 = 200;

/// Sends queued mail; see the module's documentation.
#[derive(Debug)]
pub struct Engine {
    pub(super) kernel: Arc<Kernel>,
    pub(super) kinds: MailKinds,
    pub(super) transport: Transport,
    pub(super) sender: Sender,
    /// Limits concurrent SMTP connections to `mail.connections`, over all rounds of this process.
    pub(super) send_permits: Semaphore,
    /// Limits concurrent database transactions; see [`Engine::db_permit`].
    db_permits: Semaphore,
    /// Wakes idle workers when a claim returned a full batch.
    more_work: Notify,
    pub(super) provider_counts: ProviderCounts,
    /// Circuit breaker state of each relay.
    pub(super) breakers: CircuitBreakers,
    pub(super) restore_guard: RestoreGuard,
    /// The paused classes, as last read.
    pub(super) paused: Paused,
    /// Microseconds by which the database's clock is ahead of this process's. Leases and due times are the database's.
    pub(super) clock_skew: AtomicI64,
    /// The last month whose partition of settled mail is known to exist, as months since year 0.
    pub(super) current_partition: AtomicI32,
    pub(super) durability_checked_at: Mutex<Option<Instant>>,
    /// First contacts are held back by the rate limit, and that has been logged.
    is_first_contact_limited: AtomicBool,
    /// Mails claimed since the last VACUUM of the queue's table.
    settled: AtomicUsize,
}

impl Engine {
    /// An engine with the settings of the kernel.
    ///
    /// # Errors
    /// As [`Transport::new`].
    pub fn new(kernel: Arc<Kernel>, kinds: MailKinds) -> Result<Self> {
        let transport = Transport::new(&kernel)?;
        let sender = Sender::of(&kernel);
        let send_permits = Semaphore::new(kernel.settings.mail.connections.max(1));
        let restore_guard = RestoreGuard::new(&kernel);
        let paused = Paused::new(&kernel.cache_invalidator);
        Ok(Self {
            sender,
            send_permits,
            db_permits: Semaphore::new(DB_CONCURRENCY),
            transport,
            kinds,
            kernel,
            restore_guard,
            paused,
            more_work: Notify::new(),
            provider_counts: ProviderCounts::default(),
            breakers: CircuitBreakers::default(),
            clock_skew: AtomicI64::new(0),
            current_partition: AtomicI32::new(0),
            durability_checked_at: Mutex::new(None),
            is_first_contact_limited: AtomicBool::new(false),
            settled: AtomicUsize::new(0),
        })
    }

    /// The transport that this engine sends by.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Sends until cancelled. Then messages being sent may finish (`SHUTDOWN_GRACE`), and the rest is put back into
    /// the queue.
    pub async fn run(self: Arc<Self>, cancel: CancellationToken) {
        self.restore_guard.check_until_known(&self.kernel, self.now(), &cancel).await;
        self.register_relays().await;
        let workers = self.kernel.settings.mail.connections.clamp(1, MAX_WORKERS);
        let mut running = JoinSet::new();
        for first in (0..workers).map(|worker| worker == 0) {
            running.spawn(self.clone().run_worker(first, workers, cancel.clone()));
        }
        while let Some(ended) = running.join_next().await {
            if ended.is_err() && !cancel.is_cancelled() {
                tracing::error!(event = "mail.worker_panicked", "a mail worker panicked; it is restarted");
                sleep(Duration::from_secs(1)).await;
                running.spawn(self.clone().run_worker(true, workers, cancel.clone()));
            }
        }
        // what was counted since the last report; a failure was logged
        let _ = self.persist_and_report().await;
        self.transport.as_dyn().close().await;
    }

    /// Adds a row to `mail_relays` for each relay, so that organizers can set a rate limit for it.
    async fn register_relays(&self) {
        let registered = async {
            store::register_relays(&mut *self.kernel.work.acquire().await?, &self.transport.as_dyn().relays()).await
        };
        if let Err(error) = with_timeout(STATEMENTS_LIMIT, "registering relays", registered).await {
            tracing::warn!(
                event = "relay.not_registered",
                %error,
                "the relays could not be registered: they have no rate limit of their own until the next start"
            );
        }
    }

    /// Registers the engine and what it does periodically.
    pub fn register_jobs(self: &Arc<Self>, jobs: &mut Jobs) {
        let sending = JobInfo::continuous(
            RunsIn::Claim,
            "mail_engine",
            "sends queued mail: recovers expired leases, claims, composes, sends, settles; polls every \
             `mail.poll_seconds` (1) while none is due",
            "`mail.batch` (512) mails in a round, 200 expired leases, 256 settled in a transaction",
        );
        jobs.add(sending, self, async |engine, turn| {
            engine.run(turn.cancel).await;
            Ok(background::Progress::Done)
        });
        let reports = JobInfo::every(
            REPORT_INTERVAL,
            RunsIn::EachWorker,
            "mail_reports",
            "stores counts by provider, advances the restore guard, retries settlement callbacks, sets the gauges of the \
             queue, checks durability, stores what relays offer",
            "100 callbacks",
            STATEMENTS_LIMIT * 6,
        );
        jobs.add(reports, self, async |engine, _| {
            engine.persist_and_report().await?;
            Ok(background::Progress::Done)
        });
        let vacuum = JobInfo::every(
            VACUUM_CHECK_INTERVAL,
            RunsIn::EachWorker,
            "vacuum_mail_queue",
            "runs VACUUM on `emails_waiting` after 20,000 mails",
            "",
            VACUUM_LIMIT,
        );
        jobs.add(vacuum, self, async |engine, _| engine.vacuum().await);
    }

    /// Runs VACUUM on the queue's table after every [`VACUUM_AFTER_MAILS`] mails.
    async fn vacuum(&self) -> Result<background::Progress> {
        if self.settled.load(Ordering::Relaxed) < VACUUM_AFTER_MAILS {
            return Ok(background::Progress::Idle);
        }
        self.settled.store(0, Ordering::Relaxed);
        maintenance::vacuum_queue(&self.kernel.work).await?;
        Ok(background::Progress::Done)
    }

    async fn run_worker(self: Arc<Self>, first: bool, workers: usize, cancel: CancellationToken) {
        let settings = &self.kernel.settings.mail;
        let mut limit = (settings.batch / i64::try_from(workers).unwrap_or(1)).max(1);
        let poll = Duration::from_secs(settings.poll_seconds.max(1));
        // the first worker polls; the others are woken by `more_work`, and poll less often in case the first is busy
        let idle = if first { poll } else { poll * 5 };
        let mut troubles = 0;
        while !cancel.is_cancelled() {
            let began = self.kernel.env.instant();
            let pause = match Box::pin(self.round(limit, &cancel)).await {
                Ok(progress) if progress.released > progress.paused && progress.sent == 0 => {
                    troubles += 1;
                    self.backoff(troubles)
                }
                Ok(progress) => {
                    troubles = 0;
                    if progress.claimed > 0 {
                        let is_full = i64::try_from(progress.claimed).is_ok_and(|n| n >= limit);
                        limit = next_limit(limit, is_full, self.kernel.env.instant() - began, settings.batch);
                        self.restore_guard.mark_dirty();
                        self.settled.fetch_add(progress.claimed, Ordering::Relaxed);
                    }
                    if progress.claimed + progress.recovered > 0 {
                        continue;
                    }
                    self.transport.as_dyn().sweep();
                    idle
                }
                Err(error) => {
                    if troubles == 0 {
                        tracing::warn!(
                            event = "mail.queue_unavailable",
                            %error,
                            "the mail queue cannot be read; trying until it can"
                        );
                    }
                    troubles += 1;
                    self.backoff(troubles)
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.more_work.notified(), if troubles == 0 && !first => {}
                () = cancel.cancelled() => {}
            }
        }
    }

    /// Delay after so many failures in a row: 2 seconds, doubled up to 30, times 0.5 to 1 (jitter).
    pub(super) fn backoff(&self, troubles: u32) -> Duration {
        Duration::from_secs(1 << troubles.min(5))
            .min(Duration::from_secs(30))
            .mul_f64(0.5 + self.kernel.env.fraction() / 2.0)
    }

    /// One round of claiming, sending and settling, for tests.
    ///
    /// # Errors
    /// `unavailable` while the database is not available; nothing was claimed then.
    pub async fn tick(&self) -> Result<Progress> {
        self.retry_callbacks().await?;
        Box::pin(self.round(self.kernel.settings.mail.batch, &CancellationToken::new())).await
    }

    /// Runs rounds until no mail is due, for tests.
    ///
    /// # Errors
    /// As [`Engine::tick`].
    pub async fn drain(&self) -> Result<Progress> {
        let mut all = Progress::default();
        loop {
            let progress = Box::pin(self.tick()).await?;
            if progress.claimed + progress.recovered == 0 {
                return Ok(all);
            }
            all.add(progress);
        }
    }

    /// One round, in a span of its own.
    async fn round(&self, limit: i64, cancel: &CancellationToken) -> Result<Progress> {
        let token = self.kernel.env.id();
        // the level of errors: a filter that lets warnings through lets through what they belong to
        let span = tracing::error_span!("mail_round", round = %token);
        Box::pin(self.claim_and_send(token, limit, cancel)).instrument(span).await
    }

    /// A round: recovers expired leases, claims mails under the token `round`, sends and settles them.
    async fn claim_and_send(&self, round: Uuid, limit: i64, cancel: &CancellationToken) -> Result<Progress> {
        let permit = self.db_permit().await;
        self.persist_relay_changes().await;
        let mut progress = with_timeout(STATEMENTS_LIMIT, "recovering leases", self.recover()).await?;
        let (env, db) = (&self.kernel.env, &self.kernel.work);
        let (instant, seen, lease) = (env.instant(), self.restore_guard.seen(), delta(self.lease()));
        let (epoch, started) = (seen.number, seen.started);
        let request = ClaimRequest { token: round, lease, ahead: env.ahead(), epoch, started };
        let relays = self.transport.as_dyn().relays();
        let taken = with_timeout(STATEMENTS_LIMIT, "claiming mails", async {
            let mut conn = db.acquire().await?;
            store::claim(&mut conn, request, limit, env.fraction(), &relays).await
        })
        .await?;
        drop(permit);
        self.set_clock(taken.now);
        if taken.is_suspect {
            // the server was restarted, or is another one: nothing is sent before it is known not to be an old copy
            self.restore_guard.check(&self.kernel, self.now()).await?;
            return Ok(progress);
        }
        self.restore_guard.observe(taken.epoch, taken.started);
        for relay in &relays {
            let is_refused = taken.allowances.iter().any(|a| a.relay == *relay && a.is_refused);
            self.breakers.sync(relay, is_refused);
        }
        let mut emails = taken.emails;
        if emails.is_empty() {
            return Ok(progress);
        }
        metrics::histogram!("muster_mail_claim_seconds").record((env.instant() - instant).as_secs_f64());
        let is_full = i64::try_from(emails.len()).is_ok_and(|n| n >= limit);
        let claim = Claim { token: request.token, now: taken.now, lease_until: taken.now + lease };
        self.limit_first_contacts(claim, &mut emails).await;
        if is_full {
            self.more_work.notify_waiters();
        }
        progress.claimed = emails.len();
        // relays with an open breaker that this claim took a probe for: each may be offered one mail
        let probed = taken.allowances.iter().filter(|a| a.is_refused && a.mails > 0).map(|a| a.relay.clone()).collect();
        let quotas = RelayQuotas::new(taken.allowances.into_iter().map(|a| (a.relay, a.mails)));
        progress.add(Box::pin(self.send_claimed(request.token, instant, emails, &quotas, probed, cancel)).await);
        self.persist_relay_changes().await;
        for (relay, mails) in quotas.left() {
            let released = async { store::release_quota(&mut *db.acquire().await?, relay, mails).await };
            if let Err(error) = with_timeout(STATEMENTS_LIMIT, "releasing a relay's quota", released).await {
                tracing::warn!(
                    event = "relay.quota_not_released",
                    %error,
                    "the unused quota of a relay could not be released"
                );
            }
        }
        progress.log();
        Ok(progress)
    }

    /// Stores breaker changes in `mail_relays`, for all processes. Changes that cannot be stored are kept for the
    /// next round.
    async fn persist_relay_changes(&self) {
        for (relay, change) in self.breakers.take_changes() {
            let written = async {
                let mut conn = self.kernel.work.acquire().await?;
                match &change {
                    BreakerChange::Refused(refusal) => {
                        store::relay_refused(&mut conn, &relay, refusal, self.now()).await
                    }
                    BreakerChange::Accepted => store::relay_accepted(&mut conn, &relay).await,
                }
            };
            match (with_timeout(STATEMENTS_LIMIT, "storing breaker state", written).await, &change) {
                (Ok(true), BreakerChange::Refused(refusal)) => tracing::error!(
                    event = "relay.circuit_open",
                    relay,
                    refusal,
                    "circuit breaker open: the relay refuses our mail and is offered one mail at a time until it takes one; nothing is lost"
                ),
                (Ok(true), BreakerChange::Accepted) => {
                    tracing::info!(
                        event = "relay.circuit_closed",
                        relay,
                        "circuit breaker closed: the relay takes our mail again"
                    );
                }
                (Ok(false), _) => {}
                (Err(error), _) => {
                    tracing::warn!(
                        event = "relay.circuit_not_stored",
                        relay,
                        %error,
                        "the state of a circuit breaker could not be stored; it is retried"
                    );
                    self.breakers.put_back(&relay, change);
                }
            }
        }
    }

    /// Rate limit on first contacts: removes from a claimed batch those beyond this hour's limit; they are due in the
    /// next.
    async fn limit_first_contacts(&self, claim: Claim, emails: &mut Vec<Claimed>) {
        let is_first = |email: &Claimed| self.kinds.get(&email.kind).is_some_and(MailKind::is_first_contact);
        let mut first: Vec<(DateTime<Utc>, Uuid)> =
            emails.iter().filter(|e| !e.history.first_counted && is_first(e)).map(|e| (e.created_at, e.id)).collect();
        if first.is_empty() {
            return;
        }
        // oldest first
        first.sort_unstable();
        let first: Vec<Uuid> = first.into_iter().map(|(_, id)| id).collect();
        let default = self.kernel.settings.mail.first_contacts_per_hour;
        let held = async {
            let mut conn = self.kernel.work.acquire().await?;
            store::reserve_first_contacts(&mut conn, claim, &first, default).await
        };
        match with_timeout(STATEMENTS_LIMIT, "counting first contacts", held).await {
            Ok((held, most)) => {
                metrics::gauge!("muster_mail_first_contacts_limited").set(if held.is_empty() { 0.0 } else { 1.0 });
                if !held.is_empty() && !self.is_first_contact_limited.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        event = "mail.first_contacts_limited",
                        most,
                        "the rate limit on first contacts is reached: further ones wait for the next hour. Is a form being abused? (PUT /api/v1/mail/first_contacts)"
                    );
                } else if held.is_empty() {
                    self.is_first_contact_limited.store(false, Ordering::Relaxed);
                }
                emails.retain(|email| !held.contains(&email.id));
                for email in emails.iter_mut().filter(|email| first.contains(&email.id)) {
                    email.history.first_counted = true;
                }
            }
            // fail open: mails are sent uncounted rather than not at all
            Err(error) => {
                tracing::warn!(event = "mail.first_contacts_not_counted", %error, "first contacts could not be counted");
            }
        }
    }

    /// Waits for one of the [`DB_CONCURRENCY`] permits to run a database transaction.
    pub(super) async fn db_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.db_permits.acquire().await.ok()
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.kernel.settings.mail.lease_seconds.max(1).into())
    }

    /// Recovers mails whose lease has expired: settles them or puts them back.
    async fn recover(&self) -> Result<Progress> {
        self.ensure_partition().await;
        match self.try_recover(false).await {
            Err(error) => {
                tracing::warn!(
                    event = "mail.recovery_one_by_one",
                    %error,
                    "settlement callbacks of recovered mails are run one by one"
                );
                self.try_recover(true).await
            }
            recovered => recovered,
        }
    }

    async fn try_recover(&self, is_careful: bool) -> Result<Progress> {
        let mut tx = self.kernel.work.begin().await?;
        let expired = store::expired(&mut tx, self.kernel.env.ahead(), RECOVERY_BATCH_SIZE).await?;
        if expired.is_empty() {
            return Ok(Progress::default());
        }
        let now = self.now();
        let items: Vec<Settlement> = expired
            .into_iter()
            .map(|lost| {
                let next_state = retry_policy::after_expiry(&lost.email, lost.data_began, now);
                Settlement { email: lost.email, token: lost.token, next_state, copies: Vec::new() }
            })
            .collect();
        let held = self.write(&mut tx, &items, is_careful).await?;
        tx.commit().await?;
        let mut progress = progress_of(&items, &held);
        // these were attempts of another round
        (progress.retried, progress.recovered) = (0, held.len());
        tracing::warn!(event = "mail.leases_recovered", mails = held.len(), "expired mail leases were recovered");
        Ok(progress)
    }
}

fn delta(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
}

/// The claim size after a round that claimed up to `limit` mails. More urgent mail is claimed only by the next round,
/// so a round should not take much longer than [`TARGET_ROUND_DURATION`], however slow the relay: after a longer one
/// the size is halved. After a full round of less than a quarter of it the size is doubled, up to `most`, so that a
/// fast relay needs few claims.
fn next_limit(limit: i64, was_full: bool, took: Duration, most: i64) -> i64 {
    if took > TARGET_ROUND_DURATION {
        (limit / 2).max(MIN_CLAIM.min(most))
    } else if was_full && took < TARGET_ROUND_DURATION / 4 {
        (limit * 2).min(most)
    } else {
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_size_adapts_to_the_round_duration() {
        let after = |limit, was_full, took| next_limit(limit, was_full, Duration::from_millis(took), 512);
        assert_eq!([after(128, true, 50), after(400, true, 50), after(512, true, 50)], [256, 512, 512]);
        assert_eq!([after(128, false, 50), after(128, true, 600)], [128, 128]);
        assert_eq!([after(128, true, 1500), after(128, false, 1500), after(9, true, 60_000)], [64, 64, 8]);
        assert_eq!(next_limit(3, true, Duration::from_secs(9), 3), 3, "an operator's own limit is kept");
    }
}
