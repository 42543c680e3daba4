//! A send round: the mails of one claim are composed in batches, sent over several connections, and settled as the
//! relays' answers come in.

use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures_util::{StreamExt, future::join, stream};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    bounce_cause::is_dead,
    circuit_breaker::RelayHealth,
    engine::{Engine, STATEMENTS_LIMIT},
    kinds::{Claimed, Class, DeliveryStatus},
    progress::Progress,
    provider_counts::ProviderOutcome,
    retry_policy::{self, NextState},
    settle::Settlement,
    store,
    transport::{Accepted, Message, Outbox, RelayQuotas, SendError},
};
use crate::kernel::{db::with_timeout, text::EmailAddress};

/// Grace period for messages being sent, once the engine is told to stop.
pub(super) const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Consecutive refused connections after which the rest of a round is put back untried.
const MAX_REFUSED_CONNECTIONS: usize = 3;
/// Maximum number of mails composed together. A larger batch reads shared rows less often, but what was read gets
/// stale while the mails wait to be sent.
const COMPOSE_BATCH_SIZE: usize = 128;
/// Maximum number of letters marked as begun (`data_at`) together; so many become `uncertain` if the process dies.
const BEGIN_BATCH_SIZE: usize = 64;
/// Maximum number of results settled in one transaction.
const SETTLE_BATCH_SIZE: usize = 256;
/// How long results are collected before they are settled.
const SETTLE_DELAY: Duration = Duration::from_millis(40);

/// State shared by the mails of a round.
pub(super) struct SendRound<'a> {
    quotas: &'a RelayQuotas,
    /// The claim's token.
    token: Uuid,
    /// Consecutive refused connections.
    refusals: AtomicUsize,
    /// Relays with an open circuit breaker that may be offered one mail of this round, as a probe.
    probed: Mutex<HashSet<String>>,
    cancel: &'a CancellationToken,
    lease: &'a Lease,
}

impl SendRound<'_> {
    /// No further mail is tried: the engine is stopping, or connections were refused too often.
    fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.refusals.load(Ordering::Relaxed) >= MAX_REFUSED_CONNECTIONS
    }

    fn probed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lease on the mails of a round, by this process's own monotonic clock: a process that was stopped for longer
/// (SIGSTOP) must not go on to send mails that another has recovered.
struct Lease {
    until: Mutex<Instant>,
}

impl Lease {
    fn new(until: Instant) -> Self {
        Self { until: Mutex::new(until) }
    }

    fn renew(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn holds(&self, now: Instant) -> bool {
        now < *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A composed mail, ready to be sent.
pub(super) struct Ready {
    pub(super) email: Claimed,
    pub(super) outgoing: OutgoingMessage,
}

/// Messages shared by several connections; each takes the next one when it is free.
struct SendBatch {
    mails: Vec<OutgoingMessage>,
    /// The rows of the messages, by position; `None` once a message has a result.
    emails: Mutex<Vec<Option<Claimed>>>,
    /// Position of the next message to hand out.
    next: AtomicUsize,
    /// Messages that were not sent because their class was paused after they were handed out, by position.
    stopped: Mutex<HashSet<usize>>,
    /// Connections assigned to this batch that have not begun.
    idle: AtomicUsize,
}

/// An outgoing message, without its row.
pub(super) struct OutgoingMessage {
    pub(super) organization_id: Uuid,
    pub(super) class: Class,
    pub(super) kind: String,
    /// Envelope sender (VERP): bounces come back to it.
    pub(super) from: String,
    /// Envelope recipient.
    pub(super) to: EmailAddress,
    /// The bytes (RFC 5322).
    pub(super) raw: Vec<u8>,
    /// Further recipients, each to get a copy: the copy's id, and the keyed hash of its recipient.
    pub(super) copies: Vec<(Uuid, String)>,
}

impl OutgoingMessage {
    fn message(&self) -> Message<'_> {
        Message { kind: &self.kind, from: &self.from, to: self.to.as_str(), raw: &self.raw }
    }
}

impl SendBatch {
    fn left(&self) -> usize {
        self.mails.len().saturating_sub(self.next.load(Ordering::Relaxed))
    }

    fn next(&self) -> Option<usize> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        (next < self.mails.len()).then_some(next)
    }

    fn stopped(&self) -> MutexGuard<'_, HashSet<usize>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn email(&self, number: usize) -> Option<Claimed> {
        self.emails.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number)?.take()
    }
}

/// Worker of one connection: takes the next message of a batch and records its result.
struct ConnectionWorker<'a> {
    engine: &'a Engine,
    round: &'a SendRound<'a>,
    batch: &'a SendBatch,
    done: &'a mpsc::UnboundedSender<SendResult>,
    /// Messages taken that have no answer yet, by position.
    in_hand: VecDeque<usize>,
    /// The relay whose answer comes next.
    relay: String,
    /// A message refused at MAIL by a relay that accepted other mail within the last hour.
    singled_out: Option<usize>,
    /// No relay accepted a connection.
    is_refused: bool,
}

impl ConnectionWorker<'_> {
    fn end(&self, number: usize, next_state: impl FnOnce(&Claimed) -> Option<NextState>) {
        if let Some(email) = self.batch.email(number) {
            let next_state = next_state(&email);
            let copies = self.batch.mails[number].copies.clone();
            let _ = self.done.send(SendResult { email, next_state, copies });
        }
    }
}

impl Outbox for ConnectionWorker<'_> {
    fn next(&mut self, waits: bool) -> Option<usize> {
        let another_is_free = waits && self.batch.left() <= self.batch.idle.load(Ordering::Relaxed);
        let mut next = if another_is_free { None } else { self.batch.next() };
        while let Some(number) = next.filter(|number| self.engine.is_paused(&self.batch.mails[*number])) {
            self.end(number, |email| Some(retry_policy::requeue_unchanged(email.due_at)));
            next = self.batch.next();
        }
        self.in_hand.extend(next);
        next
    }

    fn answer(&mut self, message: usize, answer: Result<Accepted, SendError>) {
        self.in_hand.retain(|other| *other != message);
        if answer == Err(SendError::LeaseLost) && self.batch.stopped().remove(&message) {
            return self.end(message, |email| Some(retry_policy::requeue_unchanged(email.due_at)));
        }
        let to = &self.batch.mails[message].to;
        self.is_refused |= matches!(answer, Err(SendError::Refused { .. }));
        let is_singled_out = self.singled_out.take_if(|other| *other == message).is_some();
        self.end(message, |email| {
            self.engine.next_state(self.round, email, to, &self.relay, answer.err().as_ref(), is_singled_out)
        });
    }

    fn allows(&mut self, relay: &str) -> bool {
        !self.engine.breakers.is_open(relay) || self.round.probed().contains(relay)
    }

    fn answered_by(&mut self, relay: &str) {
        relay.clone_into(&mut self.relay);
    }

    fn refused_by(&mut self, relay: &str, begun: Option<usize>, error: &SendError) {
        self.round.probed().remove(relay);
        let breakers = &self.engine.breakers;
        if !error.is_account_refused() {
            breakers.unreachable(relay, error.text());
        } else if breakers.account_refused(relay, error.text(), self.engine.now()) {
            self.singled_out = begun;
        }
    }
}

/// A mail and the result of its attempt.
pub(super) struct SendResult {
    email: Claimed,
    /// `None` when the claim was lost and nothing was sent.
    next_state: Option<NextState>,
    /// Further recipients, each to get a copy if the mail was sent.
    copies: Vec<(Uuid, String)>,
}

impl SendResult {
    fn untried(email: Claimed, next_state: Option<NextState>) -> Self {
        Self { email, next_state, copies: Vec::new() }
    }
}

/// A mail that is ready to be sent, or already has a result without being sent.
pub(super) enum Prepared {
    Ready(Box<Ready>),
    Ended(Box<SendResult>),
}

impl Prepared {
    pub(super) fn ended(email: Claimed, next_state: Option<NextState>) -> Self {
        Self::Ended(Box::new(SendResult::untried(email, next_state)))
    }
}

/// Splits a vector into chunks of `size`; the last may be smaller.
fn in_chunks<T>(all: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut chunks = Vec::with_capacity(all.len().div_ceil(size));
    let mut all = all.into_iter().peekable();
    while all.peek().is_some() {
        chunks.push(all.by_ref().take(size).collect());
    }
    chunks
}

/// Collects results for up to [`SETTLE_DELAY`], so that many are settled in one commit; ends early when no more can
/// come.
async fn collect_results(ready: &mut Vec<SendResult>, outcomes: &mut mpsc::UnboundedReceiver<SendResult>) {
    let over = sleep(SETTLE_DELAY);
    tokio::pin!(over);
    while ready.len() < SETTLE_BATCH_SIZE {
        tokio::select! {
            biased;
            next = outcomes.recv() => match next {
                Some(next) => ready.push(next),
                None => return,
            },
            () = &mut over => return,
        }
    }
}

impl Engine {
    /// Composes and sends the claimed mails, and settles results as they come in.
    pub(super) async fn send_claimed(
        &self,
        token: Uuid,
        leased_at: Instant,
        emails: Vec<Claimed>,
        quotas: &RelayQuotas,
        probed: HashSet<String>,
        cancel: &CancellationToken,
    ) -> Progress {
        let held: Mutex<HashSet<Uuid>> = Mutex::new(emails.iter().map(|email| email.id).collect());
        // `send_all` owns the sender, so the channel closes when sending is done
        let (done, outcomes) = mpsc::unbounded_channel();
        let lease = Lease::new(leased_at + self.lease());
        let refusals = AtomicUsize::new(0);
        let round = SendRound { token, quotas, refusals, probed: Mutex::new(probed), cancel, lease: &lease };
        let sending = self.send_all(round, emails, done);
        let settling = self.settle_all(token, outcomes, &held, cancel);
        tokio::select! {
            ((), progress) = join(sending, settling) => progress,
            never = self.renew_leases(token, &held, &lease) => match never {},
            never = self.poll_pauses() => match never {},
        }
    }

    async fn send_all(&self, round: SendRound<'_>, emails: Vec<Claimed>, done: mpsc::UnboundedSender<SendResult>) {
        let (round, done) = (&round, &done);
        let at_once = self.kernel.settings.mail.connections.max(1);
        stream::iter(in_chunks(emails, COMPOSE_BATCH_SIZE))
            .then(|batch| Box::pin(self.prepare(round, batch)))
            .flat_map(|prepared| stream::iter(in_chunks(prepared, BEGIN_BATCH_SIZE)))
            .then(|batch| Box::pin(self.mark_letters_begun(round, batch)))
            .flat_map(|prepared| {
                let batch = Arc::new(Self::batch_of(prepared, at_once, done));
                let connections = batch.idle.load(Ordering::Relaxed);
                stream::iter(std::iter::repeat_n(batch, connections))
            })
            .for_each_concurrent(at_once, |batch| async move { self.send(round, &batch, done).await })
            .await;
    }

    /// A batch of the mails that are ready, for at most `connections` connections. Results of the others go to `done`.
    fn batch_of(prepared: Vec<Prepared>, connections: usize, done: &mpsc::UnboundedSender<SendResult>) -> SendBatch {
        let (mut mails, mut emails) = (Vec::with_capacity(prepared.len()), Vec::with_capacity(prepared.len()));
        for prepared in prepared {
            match prepared {
                Prepared::Ready(ready) => {
                    mails.push(ready.outgoing);
                    emails.push(Some(ready.email));
                }
                Prepared::Ended(ended) => drop(done.send(*ended)),
            }
        }
        let idle = AtomicUsize::new(mails.len().min(connections));
        let (emails, next, stopped) = (Mutex::new(emails), AtomicUsize::new(0), Mutex::default());
        SendBatch { mails, emails, next, stopped, idle }
    }

    async fn settle_all(
        &self,
        token: Uuid,
        mut outcomes: mpsc::UnboundedReceiver<SendResult>,
        held: &Mutex<HashSet<Uuid>>,
        cancel: &CancellationToken,
    ) -> Progress {
        let mut progress = Progress::default();
        let mut ready = Vec::new();
        while let Some(first) = outcomes.recv().await {
            ready.push(first);
            collect_results(&mut ready, &mut outcomes).await;
            let ids: Vec<Uuid> = ready.iter().map(|ended| ended.email.id).collect();
            let item = |SendResult { email, next_state, copies }| {
                Some(Settlement { email, token, next_state: next_state?, copies })
            };
            let items: Vec<Settlement> = ready.drain(..).filter_map(item).collect();
            progress.add(self.settle(&items, cancel).await);
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                held.remove(&id);
            }
        }
        progress
    }

    /// Heartbeat: renews the leases of mails without a result, each third of the lease.
    async fn renew_leases(&self, token: Uuid, held: &Mutex<HashSet<Uuid>>, lease: &Lease) -> Infallible {
        loop {
            sleep(self.lease() / 3).await;
            let ids: Vec<Uuid> = held.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            let instant = self.kernel.env.instant();
            let lease_for = TimeDelta::from_std(self.lease()).unwrap_or_default();
            let beaten = async {
                let mut conn = self.kernel.work.acquire().await?;
                store::heartbeat(&mut conn, token, &ids, lease_for, self.kernel.env.ahead()).await
            };
            match with_timeout(STATEMENTS_LIMIT, "renewing leases", beaten).await {
                // an expired lease stays expired: another process may have recovered some of the mails
                Ok(()) if lease.holds(self.kernel.env.instant()) => lease.renew(instant + self.lease()),
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(event = "mail.lease_not_renewed", %error, "a mail lease could not be renewed");
                }
            }
        }
    }

    /// Runs right before a batch is sent. (1) Puts back mails whose class was paused since they were claimed; from here
    /// on the engine's own state is checked before each message ([`mod@super::paused`]). (2) Sets `emails.data_at` for
    /// letters, in one commit: a crash after this point leaves them `uncertain`.
    async fn mark_letters_begun(&self, round: &SendRound<'_>, prepared: Vec<Prepared>) -> Vec<Prepared> {
        let _permit = self.db_permit().await;
        let prepared = self.without_paused(prepared).await;
        let letter = |prepared: &Prepared| match prepared {
            Prepared::Ready(ready) if ready.email.class == Class::Letter => Some(ready.email.id),
            _ => None,
        };
        let letters: Vec<Uuid> = prepared.iter().filter_map(letter).collect();
        if letters.is_empty() {
            return prepared;
        }
        let begun = async {
            let mut conn = self.kernel.work.acquire().await?;
            store::begin_data(&mut conn, round.token, &letters, self.now()).await
        };
        let begun = with_timeout(STATEMENTS_LIMIT, "beginning letters", begun).await.map(HashSet::<Uuid>::from_iter);
        let still_held = |prepared: Prepared| match prepared {
            Prepared::Ready(ready) if ready.email.class == Class::Letter => match &begun {
                Ok(held) if held.contains(&ready.email.id) => Prepared::Ready(ready),
                Ok(_) => Prepared::ended(ready.email, None),
                Err(error) => Prepared::ended(ready.email, Some(self.later(error))),
            },
            other => other,
        };
        prepared.into_iter().map(still_held).collect()
    }

    /// Is the mail of this message paused?
    fn is_paused(&self, message: &OutgoingMessage) -> bool {
        self.paused.is_paused(message.organization_id, message.class)
    }

    async fn without_paused(&self, prepared: Vec<Prepared>) -> Vec<Prepared> {
        let read = self.read_pauses().await;
        let next_state = |email: &Claimed| match &read {
            // fail closed: while the pauses cannot be read, everything may be paused
            Err(error) => Some(self.later(error)),
            Ok(()) => self
                .paused
                .is_paused(email.organization_id, email.class)
                .then(|| retry_policy::requeue_unchanged(email.due_at)),
        };
        let put_back = |prepared: Prepared| match prepared {
            Prepared::Ready(ready) => match next_state(&ready.email) {
                Some(next_state) => Prepared::ended(ready.email, Some(next_state)),
                None => Prepared::Ready(ready),
            },
            other @ Prepared::Ended(_) => other,
        };
        prepared.into_iter().map(put_back).collect()
    }

    /// Runs one connection's share of a batch: one attempt at each message it takes.
    async fn send(&self, round: &SendRound<'_>, batch: &SendBatch, done: &mpsc::UnboundedSender<SendResult>) {
        let _permit = self.send_permits.acquire().await;
        batch.idle.fetch_sub(1, Ordering::Relaxed);
        let messages: Vec<Message<'_>> = batch.mails.iter().map(OutgoingMessage::message).collect();
        let lease_held = |number: usize| {
            let is_paused = self.is_paused(&batch.mails[number]);
            if is_paused {
                batch.stopped().insert(number);
            }
            !is_paused && !round.cancel.is_cancelled() && round.lease.holds(self.kernel.env.instant())
        };
        let (in_hand, relay) = (VecDeque::new(), String::new());
        let mut worker =
            ConnectionWorker { engine: self, round, batch, done, in_hand, relay, singled_out: None, is_refused: false };
        while batch.left() > 0 && !round.is_over() {
            let sending = self.transport.as_dyn().send(&messages, &mut worker, &lease_held, round.quotas);
            let is_over = tokio::select! {
                () = sending => true,
                () = async { round.cancel.cancelled().await; sleep(SHUTDOWN_GRACE).await } => false,
            };
            if let Some(number) = worker.in_hand.pop_front().filter(|_| !is_over) {
                worker.answer(number, Err(SendError::Unknown { text: "this process had to stop".to_owned() }));
            }
            if std::mem::take(&mut worker.is_refused) {
                round.refusals.fetch_add(1, Ordering::Relaxed);
            }
        }
        let rest = std::iter::from_fn(|| batch.next());
        for number in std::mem::take(&mut worker.in_hand).into_iter().chain(rest) {
            worker.end(number, |email| self.requeue_if_over(round, email));
        }
    }

    /// The next state of a mail after an attempt (`failure` is `None`: accepted). `None` when the claim was lost and
    /// nothing was sent.
    fn next_state(
        &self,
        round: &SendRound<'_>,
        email: &Claimed,
        to: &EmailAddress,
        relay: &str,
        failure: Option<&SendError>,
        is_singled_out: bool,
    ) -> Option<NextState> {
        match failure {
            Some(SendError::LeaseLost) => return self.requeue_if_over(round, email),
            Some(SendError::Refused { .. }) => {}
            _ => round.refusals.store(0, Ordering::Relaxed),
        }
        let (now, jitter) = (self.now(), self.kernel.env.fraction());
        let Some(error) = failure else {
            self.breakers.accepted(relay, now);
            self.provider_counts.count(to.domain(), ProviderOutcome::Sent);
            return Some(NextState::Settle(DeliveryStatus::Sent, None));
        };
        let health = self.record_relay_failure(round, email, to, relay, error);
        let next_state = match error {
            SendError::Refused { text } if is_singled_out => {
                retry_policy::after_lost_connection(email, now, jitter, text)
            }
            SendError::Broken { .. } if health.is_open => retry_policy::retry_later(now, jitter, error.to_string()),
            _ => retry_policy::after_send(email, error, health, now, jitter),
        };
        if !matches!(next_state, NextState::Retry { .. }) {
            self.provider_counts.count(to.domain(), ProviderOutcome::Failed);
        }
        Some(next_state)
    }

    /// Records a failure in the relay's circuit breaker and returns the relay's health.
    fn record_relay_failure(
        &self,
        round: &SendRound<'_>,
        email: &Claimed,
        to: &EmailAddress,
        relay: &str,
        error: &SendError,
    ) -> RelayHealth {
        let health = match error {
            SendError::Permanent { enhanced, text, .. } if !error.is_unsendable() => {
                let speaks_of_address = is_dead(*enhanced, text);
                let why = error.to_string();
                self.breakers.refused(relay, email.id, to.domain(), speaks_of_address, &why, self.now())
            }
            SendError::Broken { text } => {
                self.breakers.connection_lost(relay, email.id, text);
                self.breakers.health(relay, self.now())
            }
            _ => self.breakers.health(relay, self.now()),
        };
        if health.is_open && !matches!(error, SendError::Temporary { .. }) {
            round.probed().remove(relay);
        }
        health
    }

    /// Next state of a mail that is not tried because the round is over; `None` while the round is not over.
    pub(super) fn requeue_if_over(&self, round: &SendRound<'_>, email: &Claimed) -> Option<NextState> {
        if round.cancel.is_cancelled() {
            return Some(retry_policy::requeue_unchanged(email.due_at));
        }
        round.is_over().then(|| self.later(&"relay not available"))
    }

    pub(super) fn later(&self, why: &impl std::fmt::Display) -> NextState {
        retry_policy::retry_later(self.now(), self.kernel.env.fraction(), why.to_string())
    }
}
