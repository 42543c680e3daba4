//! The engine: claims mails, has them composed, sends them, settles what became of them. Any number of processes may run one.
//!
//! Crash-safe by order: a claim commits before anything is sent, and what was sent is settled in a second transaction. A
//! kill in between leaves a lease that runs out (`verdict::after_expiry`). It never gives up over an outage and never logs
//! whom a mail is for.

use std::{
    collections::HashSet,
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::{FutureExt, StreamExt, future::join, stream};
use sqlx::PgConnection;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    domains::{Count, Domains},
    fence::Fence,
    kinds::{Class, Fate, MailKind, MailKinds, QueuedEmail},
    message::{Composed, Sender},
    progress::Progress,
    returned,
    smtp::{Envelope, SendError},
    store::{self, Claim, End, Ending},
    transport::Transport,
    verdict::{self, Verdict},
};
use crate::{
    error::{Error, Result},
    kernel::Kernel,
};

/// How long mails under way may still take once the engine is to stop.
const GRACE: Duration = Duration::from_secs(10);
/// Refusals of a connection in a row after which the rest of a batch is put back untried.
const AWAY: usize = 3;
/// Rounds under way at once, so that one slow mail holds up only its own round.
const LINES: usize = 4;
/// Leases that one round recovers at most.
const RECOVERED_AT_ONCE: i64 = 200;
/// Outcomes that are settled in one transaction at most.
const SETTLED_AT_ONCE: usize = 256;

/// A mail and what is to be written on its row.
struct Item {
    email: QueuedEmail,
    token: Uuid,
    verdict: Verdict,
}

/// Sends what is queued.
#[derive(Debug)]
pub struct Engine {
    kernel: Arc<Kernel>,
    kinds: MailKinds,
    transport: Transport,
    sender: Sender,
    /// One for each mail being sent, whichever round it belongs to.
    slots: Semaphore,
    /// Says to idle lines that there is more than one can take.
    more: Notify,
    domains: Domains,
    fence: Fence,
}

impl Engine {
    /// An engine of these settings.
    ///
    /// # Errors
    /// As [`Transport::new`].
    pub fn new(kernel: Arc<Kernel>, kinds: MailKinds) -> Result<Self> {
        let transport = Transport::new(&kernel)?;
        let key = kernel.requests_key.derive("mail");
        let settings = &kernel.settings.mail;
        let sender = Sender::new(key, &settings.from_domain);
        let slots = Semaphore::new(settings.connections.max(1));
        let fence = Fence::new(&kernel);
        Ok(Self { sender, slots, transport, kinds, kernel, fence, more: Notify::new(), domains: Domains::default() })
    }

    /// Where mail goes.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Sends until cancelled; then what is being sent may finish, and the rest goes back into the queue.
    pub async fn run(self: Arc<Self>, cancel: CancellationToken) {
        self.fence.check_until_known(&self.kernel, &cancel).await;
        let lines = self.kernel.settings.mail.connections.clamp(1, LINES);
        let mut running = JoinSet::new();
        for first in (0..lines).map(|line| line == 0) {
            running.spawn(self.clone().line(first, lines, cancel.clone()));
        }
        while let Some(ended) = running.join_next().await {
            if ended.is_err() && !cancel.is_cancelled() {
                tracing::error!("a line of the mail engine panicked; it starts again");
                sleep(Duration::from_secs(1)).await;
                running.spawn(self.clone().line(true, lines, cancel.clone()));
            }
        }
        self.note_down().await;
        if let Transport::Smtp(pool) = &self.transport {
            pool.close().await;
        }
    }

    /// Writes down what is counted in memory: mail by domain, and the fence's number.
    async fn note_down(&self) {
        let noted = async {
            self.domains.flush(&self.kernel).await?;
            self.fence.advance(&self.kernel).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the mail counters could not be written; they are kept");
        }
    }

    async fn line(self: Arc<Self>, first: bool, lines: usize, cancel: CancellationToken) {
        let settings = &self.kernel.settings.mail;
        let limit = (settings.batch / i64::try_from(lines).unwrap_or(1)).max(1);
        let poll = Duration::from_secs(settings.poll_seconds.max(1));
        // one line asks often; the others are woken, and ask now and then in case that one is stuck in a slow mail
        let idle = if first { poll } else { poll * 5 };
        let mut troubles = 0;
        while !cancel.is_cancelled() {
            let pause = match self.round(limit, &cancel).await {
                Ok(progress) if progress.released > 0 && progress.sent == 0 => {
                    troubles += 1;
                    self.pause_after(troubles)
                }
                Ok(progress) => {
                    troubles = 0;
                    if progress.claimed > 0 {
                        self.fence.moved();
                    }
                    if first && self.domains.is_due(self.kernel.cx.instant()) {
                        self.note_down().await;
                    }
                    if progress.claimed + progress.recovered > 0 {
                        continue;
                    }
                    if let Transport::Smtp(pool) = &self.transport {
                        pool.sweep();
                    }
                    idle
                }
                Err(error) => {
                    if troubles == 0 {
                        tracing::warn!(%error, "the mail queue cannot be read; trying until it can");
                    }
                    troubles += 1;
                    self.pause_after(troubles)
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.more.notified(), if troubles == 0 && !first => {}
                () = cancel.cancelled() => {}
            }
        }
    }

    /// 1 to 30 seconds, jittered.
    fn pause_after(&self, troubles: u32) -> Duration {
        Duration::from_secs(1 << troubles.min(5))
            .min(Duration::from_secs(30))
            .mul_f64(0.5 + self.kernel.cx.fraction() / 2.0)
    }

    /// One round of claiming, sending and settling (tests drive the engine by this).
    ///
    /// # Errors
    /// `unavailable` while the database is away; nothing was claimed then.
    pub async fn tick(&self) -> Result<Progress> {
        self.round(self.kernel.settings.mail.batch, &CancellationToken::new()).await
    }

    /// Rounds until nothing is due any more.
    ///
    /// # Errors
    /// As [`Engine::tick`].
    pub async fn drain(&self) -> Result<Progress> {
        let mut all = Progress::default();
        loop {
            let progress = self.tick().await?;
            if progress.claimed + progress.recovered == 0 {
                return Ok(all);
            }
            all.add(progress);
        }
    }

    async fn round(&self, limit: i64, cancel: &CancellationToken) -> Result<Progress> {
        let mut progress = self.recover().await?;
        let (cx, db) = (&self.kernel.cx, &self.kernel.db);
        let now = cx.now();
        let claim = Claim { token: cx.id(), now, lease_until: now + self.lease() };
        let mut emails = {
            let mut conn = db.acquire().await?;
            store::claim(&mut conn, claim, limit).await?
        };
        match store::claim_letters(db, claim, limit).await {
            Ok(letters) => emails.extend(letters),
            Err(error) if emails.is_empty() => return Err(error),
            // the others are claimed already and have to go out
            Err(error) => tracing::warn!(%error, "letters could not be claimed"),
        }
        if emails.is_empty() {
            return Ok(progress);
        }
        self.brake(claim, &mut emails).await;
        if i64::try_from(emails.len()).is_ok_and(|n| n >= limit) {
            self.more.notify_waiters();
        }
        emails.sort_by_key(|email| email.class);
        progress.claimed = emails.len();
        progress.add(self.deliver(claim.token, emails, cancel).await);
        Ok(progress)
    }

    /// Takes those first mails out of a batch that are too many for this hour; they wait for the next one.
    async fn brake(&self, claim: Claim, emails: &mut Vec<QueuedEmail>) {
        let is_first = |email: &QueuedEmail| self.kinds.get(&email.kind).is_some_and(MailKind::is_first_contact);
        // what goes again was let through before
        let first: Vec<Uuid> = emails.iter().filter(|e| e.attempts <= 1 && is_first(e)).map(|e| e.id).collect();
        if first.is_empty() {
            return;
        }
        let most = self.kernel.settings.mail.first_contacts_per_hour;
        let held = async {
            let mut conn = self.kernel.db.acquire().await?;
            store::brake(&mut conn, claim, &first, most).await
        };
        match held.await {
            Ok(held) => {
                metrics::gauge!("muster_mail_brake").set(if held.is_empty() { 0.0 } else { 1.0 });
                if !held.is_empty() {
                    tracing::error!(
                        held = held.len(),
                        "mail.first_contacts_per_hour is reached: first mails wait for the next hour. Is a form being abused?"
                    );
                    emails.retain(|email| !held.contains(&email.id));
                }
            }
            // better one mail too many than none
            Err(error) => tracing::warn!(%error, "first mails could not be counted"),
        }
    }

    fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.kernel.settings.mail.lease_seconds.max(1)))
    }

    /// Sends what was claimed, settling as the answers come.
    async fn deliver(&self, token: Uuid, emails: Vec<QueuedEmail>, cancel: &CancellationToken) -> Progress {
        let held: Mutex<HashSet<Uuid>> = Mutex::new(emails.iter().map(|email| email.id).collect());
        let refusals = &AtomicUsize::new(0);
        let (done, mut outcomes) = mpsc::unbounded_channel();
        // takes `done` along, so that the channel ends with the sending
        let sending = async move {
            let done = &done;
            stream::iter(emails)
                .for_each_concurrent(self.kernel.settings.mail.connections.max(1), |email| async move {
                    let verdict = self.attempt(token, &email, refusals, cancel).await;
                    let _ = done.send((email, verdict));
                })
                .await;
        };
        let settling = async {
            let mut progress = Progress::default();
            let mut ready = Vec::new();
            while outcomes.recv_many(&mut ready, SETTLED_AT_ONCE).await > 0 {
                let ids: Vec<Uuid> = ready.iter().map(|(email, _)| email.id).collect();
                let items: Vec<Item> = ready
                    .drain(..)
                    .filter_map(|(email, verdict)| Some(Item { email, token, verdict: verdict? }))
                    .collect();
                progress.add(self.settle(&items, cancel).await);
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                held.retain(|id| !ids.contains(id));
            }
            progress
        };
        tokio::select! {
            ((), progress) = join(sending, settling) => progress,
            never = self.beat(token, &held) => match never {},
        }
    }

    /// Prolongs the leases of mails under way.
    async fn beat(&self, token: Uuid, held: &Mutex<HashSet<Uuid>>) -> Infallible {
        let every =
            Duration::from_secs(u64::from(self.kernel.settings.mail.lease_seconds)).max(Duration::from_secs(1)) / 3;
        loop {
            sleep(every).await;
            let ids: Vec<Uuid> = held.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            let beaten = async {
                let mut conn = self.kernel.db.acquire().await?;
                store::heartbeat(&mut conn, token, &ids, self.kernel.cx.now() + self.lease()).await
            };
            if let Err(error) = beaten.await {
                tracing::warn!(%error, "a mail lease could not be prolonged");
            }
        }
    }

    /// One attempt at one mail; `None` when the claim was lost and nothing was sent.
    async fn attempt(
        &self,
        token: Uuid,
        email: &QueuedEmail,
        refusals: &AtomicUsize,
        cancel: &CancellationToken,
    ) -> Option<Verdict> {
        // composing, too, holds a database connection
        let Ok(_slot) = self.slots.acquire().await else { return None };
        if let Some(verdict) = self.held_back(email, refusals, cancel) {
            return Some(verdict);
        }
        if let Some(verdict) = verdict::when_stale(email, self.kernel.cx.now()) {
            return Some(verdict);
        }
        let (mail, raw) = match self.compose(email).await {
            Ok(composed) => composed,
            Err(verdict) => return Some(verdict),
        };
        let return_token = self.sender.return_token(email.id);
        if email.class == Class::Letter {
            let begun = async {
                let mut conn = self.kernel.db.acquire().await?;
                store::begin_data(&mut conn, token, email.id, self.kernel.cx.now(), &return_token).await
            };
            match begun.await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(self.later(&error)),
            }
        }
        let return_path = self.sender.return_path(&return_token);
        let envelope = Envelope { from: &return_path, to: mail.to.as_str() };
        let sent = tokio::select! {
            sent = self.transport.send(&self.kernel, &email.kind, envelope, &raw) => sent,
            () = async { cancel.cancelled().await; sleep(GRACE).await } => {
                Err(SendError::Unknown { text: "this process had to stop".to_owned() })
            }
        };
        if let Err(error) = sent {
            match error {
                SendError::Refused { .. } => refusals.fetch_add(1, Ordering::Relaxed),
                _ => refusals.swap(0, Ordering::Relaxed),
            };
            let verdict = verdict::after_send(email, &error, self.kernel.cx.now(), self.kernel.cx.fraction());
            if !matches!(verdict, Verdict::Retry { .. }) {
                self.domains.count(mail.to.domain(), Count::Failed);
            }
            return Some(verdict);
        }
        refusals.store(0, Ordering::Relaxed);
        self.domains.count(mail.to.domain(), Count::Sent);
        for cc in &mail.cc {
            let copy = Envelope { from: &return_path, to: cc.as_str() };
            if let Err(error) = self.transport.send(&self.kernel, &email.kind, copy, &raw).await {
                tracing::info!(mail = %email.id, %error, "a copy was not taken");
            }
        }
        Some(Verdict::Settle(Fate::Sent, None))
    }

    /// The verdict on a mail that is not to be tried: the engine stops, or the relay is away.
    fn held_back(&self, email: &QueuedEmail, refusals: &AtomicUsize, cancel: &CancellationToken) -> Option<Verdict> {
        if cancel.is_cancelled() {
            return Some(Verdict::Retry { due_at: email.due_at, counted: false, why: None });
        }
        (refusals.load(Ordering::Relaxed) >= AWAY).then(|| self.later(&"relay not available"))
    }

    fn later(&self, why: &impl std::fmt::Display) -> Verdict {
        verdict::later(self.kernel.cx.now(), self.kernel.cx.fraction(), why.to_string())
    }

    /// Has a mail composed; `Err` is the verdict when there is nothing to send.
    async fn compose(&self, email: &QueuedEmail) -> Result<(Composed, Vec<u8>), Verdict> {
        let failed = |error: Error| {
            tracing::warn!(mail = %email.id, kind = email.kind, %error, "a mail could not be composed");
            Verdict::Settle(Fate::Failed, Some(verdict::failure(&format!("not composed: {error}"))))
        };
        let Some(kind) = self.kinds.get(&email.kind) else {
            // a newer process may know it
            tracing::error!(kind = email.kind, "nobody here composes this kind of mail");
            return Err(self.later(&"nobody composes this kind of mail"));
        };
        // one slice's mistake must not stop everybody's mail
        let composed = AssertUnwindSafe(async { kind.compose(email).await }).catch_unwind().await;
        match composed.unwrap_or_else(|_| Err(Error::internal("composing panicked"))) {
            Ok(Some(mail)) => {
                let raw = self.sender.message(email.id, self.kernel.cx.now(), &mail).map_err(failed)?;
                Ok((mail, raw))
            }
            Ok(None) => Err(Verdict::Settle(Fate::Cancelled, None)),
            Err(error @ Error::Unavailable { .. }) => Err(self.later(&error)),
            Err(error) => Err(failed(error)),
        }
    }

    /// Deals with leases that ran out.
    async fn recover(&self) -> Result<Progress> {
        match self.try_recover(true).await {
            Err(error @ Error::Unavailable { .. }) => Err(error),
            Err(error) => {
                tracing::error!(%error, "a slice could not be told of a mail's fate");
                self.try_recover(false).await
            }
            recovered => recovered,
        }
    }

    async fn try_recover(&self, tell: bool) -> Result<Progress> {
        let now = self.kernel.cx.now();
        let mut tx = self.kernel.db.begin().await?;
        let expired = store::expired(&mut tx, now, RECOVERED_AT_ONCE).await?;
        if expired.is_empty() {
            return Ok(Progress::default());
        }
        let items: Vec<Item> = expired
            .into_iter()
            .map(|lost| {
                let verdict = verdict::after_expiry(&lost.email, lost.data_began, now);
                Item { email: lost.email, token: lost.token, verdict }
            })
            .collect();
        let held = self.write(&mut tx, &items, tell).await?;
        tx.commit().await?;
        let mut progress = noted(&items, &held);
        // not attempts of this round
        (progress.retried, progress.recovered) = (0, held.len());
        tracing::warn!(mails = held.len(), "mails were left behind by a process that went away");
        Ok(progress)
    }

    /// Writes down what became of mails, waiting for the database as long as it takes: what was sent must not go again.
    async fn settle(&self, items: &[Item], cancel: &CancellationToken) -> Progress {
        match self.persist(items, true, cancel).await {
            Ok(held) => return noted(items, &held),
            Err(error) if items.len() > 1 => tracing::warn!(%error, "mails are settled one by one"),
            Err(_) => {}
        }
        let mut progress = Progress::default();
        for item in items {
            let alone = std::slice::from_ref(item);
            let settled = match self.persist(alone, true, cancel).await {
                Ok(held) => Ok(held),
                Err(error) => {
                    tracing::error!(mail = %item.email.id, kind = item.email.kind, %error, "a slice could not be told of a mail's fate");
                    self.persist(alone, false, cancel).await
                }
            };
            match settled {
                Ok(held) => progress.add(noted(alone, &held)),
                Err(error) => tracing::error!(mail = %item.email.id, %error, "a mail could not be settled"),
            }
        }
        progress
    }

    /// One transaction, again and again through an outage. When the engine stops, only for a while.
    async fn persist(&self, items: &[Item], tell: bool, cancel: &CancellationToken) -> Result<Vec<Uuid>> {
        let (mut troubles, mut left) = (0, GRACE);
        loop {
            let written = async {
                let mut tx = self.kernel.db.begin().await?;
                let held = self.write(&mut tx, items, tell).await?;
                tx.commit().await?;
                Ok(held)
            };
            match written.await {
                Err(error @ Error::Unavailable { .. }) if !left.is_zero() => {
                    if troubles == 0 {
                        tracing::warn!(%error, "mails cannot be settled; trying until they can");
                    }
                    troubles += 1;
                    let mut pause = self.pause_after(troubles);
                    if cancel.is_cancelled() {
                        pause = pause.min(left);
                        left -= pause;
                    }
                    sleep(pause).await;
                }
                written => return written,
            }
        }
    }

    async fn write(&self, conn: &mut PgConnection, items: &[Item], tell: bool) -> Result<Vec<Uuid>> {
        let ends: Vec<End> = items.iter().map(|item| self.end_of(item)).collect();
        let held = store::end(conn, self.kernel.cx.now(), &ends).await?;
        if tell {
            let known: HashSet<&Uuid> = held.iter().collect();
            for item in items.iter().filter(|item| known.contains(&item.email.id)) {
                let fate = match &item.verdict {
                    Verdict::Settle(fate, _) => *fate,
                    Verdict::Dead(_) => Fate::Failed,
                    Verdict::Retry { .. } => continue,
                };
                if let Some(kind) = self.kinds.get(&item.email.kind) {
                    let told = async {
                        if matches!(item.verdict, Verdict::Dead(_)) {
                            returned::bury(&self.kernel, kind, &mut *conn, &item.email, "bounced").await?;
                        }
                        kind.settled(&mut *conn, &item.email, fate).await
                    };
                    let told = AssertUnwindSafe(told).catch_unwind().await;
                    told.unwrap_or_else(|_| Err(Error::internal("settling panicked")))?;
                }
            }
        }
        Ok(held)
    }

    fn end_of(&self, item: &Item) -> End {
        let (ending, failure) = match &item.verdict {
            Verdict::Settle(fate, why) => (Ending::Settled(fate.as_str()), why.clone()),
            Verdict::Dead(why) => (Ending::Settled(Fate::Failed.as_str()), Some(why.clone())),
            Verdict::Retry { due_at, counted, why } => {
                (Ending::Queued { due_at: *due_at, counted: *counted }, why.clone())
            }
        };
        let may_bounce = matches!(item.verdict, Verdict::Settle(Fate::Sent | Fate::Uncertain, _));
        let return_token = may_bounce.then(|| self.sender.return_token(item.email.id));
        End { id: item.email.id, token: item.token, ending, failure, return_token }
    }
}

fn noted(items: &[Item], held: &[Uuid]) -> Progress {
    let held: HashSet<&Uuid> = held.iter().collect();
    let mut progress = Progress::default();
    for item in items.iter().filter(|item| held.contains(&item.email.id)) {
        progress.note(item.email.class, &item.verdict);
    }
    progress
}
