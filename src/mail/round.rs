//! What one round claimed, on its way: composed together, sent a few at a time, settled as the answers come.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::join, stream};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    domains::Count,
    engine::Engine,
    kinds::{Class, Composition, Fate, MailKind, QueuedEmail},
    message::Composed,
    progress::Progress,
    settling::Item,
    smtp::{Accepted, Message, Outbox, Permits, SendError},
    store,
    verdict::{self, Verdict},
};
use crate::{error::Error, kernel::text::EmailAddress};

/// How long mails under way may still take once the engine is to stop.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// Refusals of a connection in a row after which the rest of a round is put back untried.
const AWAY: usize = 3;
/// Mails that are composed together at most: what they share is read once, but what is read grows old while they wait.
const COMPOSED_AT_ONCE: usize = 128;
/// Letters that are noted as begun together at most, and so uncertain when the process dies.
const BEGUN_AT_ONCE: usize = 64;
/// Outcomes that are settled in one transaction at most, and the time in which they gather.
const SETTLED_AT_ONCE: usize = 256;
const GATHERED_FOR: Duration = Duration::from_millis(40);

/// What the mails of a round share.
struct Round<'a> {
    permits: &'a Permits,
    token: Uuid,
    /// Refused connections in a row.
    refusals: AtomicUsize,
    cancel: &'a CancellationToken,
    lease: &'a Lease,
}

impl Round<'_> {
    /// Is no mail to be tried any more, because the engine stops or the relay is away?
    fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.refusals.load(Ordering::Relaxed) >= AWAY
    }
}

/// Until when the mails of a round are this process's, by its own clock: one that was stopped for longer must not go on to
/// send what another has taken over.
struct Lease {
    until: Mutex<Instant>,
}

impl Lease {
    fn new(until: Instant) -> Self {
        Self { until: Mutex::new(until) }
    }

    fn prolong(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn holds(&self, now: Instant) -> bool {
        now < *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A mail ready to be sent.
struct Ready {
    email: QueuedEmail,
    leaving: Leaving,
}

/// Mails of which each connection takes the next one when it is free.
struct Part {
    mails: Vec<Leaving>,
    /// Their rows, until they have ended.
    emails: Mutex<Vec<Option<QueuedEmail>>>,
    /// The first that nobody has taken.
    next: AtomicUsize,
    /// Connections that are to take from it and have not begun.
    idle: AtomicUsize,
}

/// A mail on its way, without its row.
struct Leaving {
    kind: String,
    /// Where it comes back to.
    from: String,
    mail: Composed,
    raw: Vec<u8>,
}

impl Leaving {
    fn to<'a>(&'a self, address: &'a EmailAddress) -> Message<'a> {
        Message { kind: &self.kind, from: &self.from, to: address.as_str(), raw: &self.raw }
    }
}

impl Part {
    fn left(&self) -> usize {
        self.mails.len().saturating_sub(self.next.load(Ordering::Relaxed))
    }

    fn next(&self) -> Option<usize> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        (next < self.mails.len()).then_some(next)
    }

    fn email(&self, number: usize) -> Option<QueuedEmail> {
        self.emails.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number)?.take()
    }
}

/// What one connection takes out of a part.
struct Share<'a> {
    engine: &'a Engine,
    round: &'a Round<'a>,
    part: &'a Part,
    done: &'a mpsc::UnboundedSender<Ended>,
    /// Those taken that have no answer yet.
    in_hand: VecDeque<usize>,
    /// Those that the relay took and that have copies to be sent.
    copied: Vec<usize>,
    /// A relay could not be reached.
    is_refused: bool,
}

impl Share<'_> {
    fn end(&self, number: usize, verdict: impl FnOnce(&QueuedEmail) -> Option<Verdict>) {
        if let Some(email) = self.part.email(number) {
            let verdict = verdict(&email);
            let _ = self.done.send((email, verdict));
        }
    }
}

impl Outbox for Share<'_> {
    fn next(&mut self, waits: bool) -> Option<usize> {
        let another_is_free = waits && self.part.left() <= self.part.idle.load(Ordering::Relaxed);
        // copies come first
        let next = if another_is_free || !self.copied.is_empty() { None } else { self.part.next() };
        self.in_hand.extend(next);
        next
    }

    fn answer(&mut self, message: usize, answer: Result<Accepted, SendError>) {
        self.in_hand.retain(|other| *other != message);
        let mail = &self.part.mails[message].mail;
        self.is_refused |= matches!(answer, Err(SendError::Refused { .. }));
        if answer.is_ok() && !mail.cc.is_empty() {
            self.copied.push(message);
        }
        self.end(message, |email| self.engine.verdict(self.round, email, mail, answer.err()));
    }
}

/// The copies of a mail.
struct Copies<'a> {
    of: &'a Leaving,
    next: usize,
}

impl Outbox for Copies<'_> {
    fn next(&mut self, _: bool) -> Option<usize> {
        let next = self.next;
        self.next += 1;
        (next < self.of.mail.cc.len()).then_some(next)
    }

    fn answer(&mut self, _: usize, answer: Result<Accepted, SendError>) {
        if let Err(error) = answer {
            tracing::info!(kind = self.of.kind, %error, "a copy was not taken");
        }
    }
}

/// A mail with its end; `None` when the claim was lost and nothing was sent.
type Ended = (QueuedEmail, Option<Verdict>);

/// A mail that is ready to be sent, or has ended before.
enum Prepared {
    Ready(Box<Ready>),
    Ended(Ended),
}

/// The same in parts of a size, the last one perhaps smaller.
fn in_parts<T>(all: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut parts = Vec::with_capacity(all.len().div_ceil(size));
    let mut all = all.into_iter().peekable();
    while all.peek().is_some() {
        parts.push(all.by_ref().take(size).collect());
    }
    parts
}

/// Waits a little for more outcomes, so that many are settled in one commit; not longer than there are some to come.
async fn gather(ready: &mut Vec<Ended>, outcomes: &mut mpsc::UnboundedReceiver<Ended>) {
    let over = sleep(GATHERED_FOR);
    tokio::pin!(over);
    while ready.len() < SETTLED_AT_ONCE {
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
    /// Sends what was claimed, settling as the answers come.
    pub(super) async fn deliver(
        &self,
        token: Uuid,
        leased_at: Instant,
        emails: Vec<QueuedEmail>,
        permits: &Permits,
        cancel: &CancellationToken,
    ) -> Progress {
        let held: Mutex<HashSet<Uuid>> = Mutex::new(emails.iter().map(|email| email.id).collect());
        // the channel ends with the sending, which takes its end along
        let (done, outcomes) = mpsc::unbounded_channel();
        let lease = Lease::new(leased_at + self.lease());
        let round = Round { token, permits, refusals: AtomicUsize::new(0), cancel, lease: &lease };
        let sending = self.send_all(round, emails, done);
        let settling = self.settle_all(token, outcomes, &held, cancel);
        tokio::select! {
            ((), progress) = join(sending, settling) => progress,
            never = self.beat(token, &held, &lease) => match never {},
        }
    }

    async fn send_all(&self, round: Round<'_>, emails: Vec<QueuedEmail>, done: mpsc::UnboundedSender<Ended>) {
        let (round, done) = (&round, &done);
        let at_once = self.kernel.settings.mail.connections.max(1);
        stream::iter(in_parts(emails, COMPOSED_AT_ONCE))
            .then(|part| self.prepare(round, part))
            .flat_map(|prepared| stream::iter(in_parts(prepared, BEGUN_AT_ONCE)))
            .then(|part| self.begin(round, part))
            .flat_map(|prepared| {
                let part = Arc::new(Self::part(prepared, at_once, done));
                let connections = part.idle.load(Ordering::Relaxed);
                stream::iter(std::iter::repeat_n(part, connections))
            })
            .for_each_concurrent(at_once, |part| async move { self.send(round, &part, done).await })
            .await;
    }

    /// The mails that are ready, for so many connections at most; the others have ended.
    fn part(prepared: Vec<Prepared>, connections: usize, done: &mpsc::UnboundedSender<Ended>) -> Part {
        let (mut mails, mut emails) = (Vec::with_capacity(prepared.len()), Vec::with_capacity(prepared.len()));
        for prepared in prepared {
            match prepared {
                Prepared::Ready(ready) => {
                    mails.push(ready.leaving);
                    emails.push(Some(ready.email));
                }
                Prepared::Ended(ended) => drop(done.send(ended)),
            }
        }
        let idle = AtomicUsize::new(mails.len().min(connections));
        Part { mails, emails: Mutex::new(emails), next: AtomicUsize::new(0), idle }
    }

    async fn settle_all(
        &self,
        token: Uuid,
        mut outcomes: mpsc::UnboundedReceiver<Ended>,
        held: &Mutex<HashSet<Uuid>>,
        cancel: &CancellationToken,
    ) -> Progress {
        let mut progress = Progress::default();
        let mut ready = Vec::new();
        while let Some(first) = outcomes.recv().await {
            ready.push(first);
            gather(&mut ready, &mut outcomes).await;
            let ids: Vec<Uuid> = ready.iter().map(|(email, _)| email.id).collect();
            let items: Vec<Item> =
                ready.drain(..).filter_map(|(email, verdict)| Some(Item { email, token, verdict: verdict? })).collect();
            progress.add(self.settle(&items, cancel).await);
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                held.remove(&id);
            }
        }
        progress
    }

    /// Prolongs the leases of mails under way.
    async fn beat(&self, token: Uuid, held: &Mutex<HashSet<Uuid>>, lease: &Lease) -> Infallible {
        loop {
            sleep(self.lease() / 3).await;
            let ids: Vec<Uuid> = held.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
            let (now, instant) = (self.kernel.cx.now(), self.kernel.cx.instant());
            let beaten = async {
                let mut conn = self.kernel.db.acquire().await?;
                store::heartbeat(&mut conn, token, &ids, now + self.lease()).await
            };
            match beaten.await {
                // one that has lapsed stays so: part of the mails may be another process's by now
                Ok(()) if lease.holds(self.kernel.cx.instant()) => lease.prolong(instant + self.lease()),
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "a mail lease could not be prolonged"),
            }
        }
    }

    /// Composes mails.
    async fn prepare(&self, round: &Round<'_>, emails: Vec<QueuedEmail>) -> Vec<Prepared> {
        let mut prepared = Vec::with_capacity(emails.len());
        let mut by_kind: BTreeMap<(Class, String), Vec<QueuedEmail>> = BTreeMap::new();
        for email in emails {
            let held_back = self.held_back(round, &email);
            match held_back.or_else(|| verdict::when_stale(&email, self.kernel.cx.now())) {
                Some(verdict) => prepared.push(Prepared::Ended((email, Some(verdict)))),
                None => by_kind.entry((email.class, email.kind.clone())).or_default().push(email),
            }
        }
        for ((_, kind), emails) in by_kind {
            let Some(kind) = self.kinds.get(&kind) else {
                // a newer process may know it
                tracing::error!(kind, "nobody here composes this kind of mail");
                let verdict = self.later(&"nobody composes this kind of mail");
                prepared.extend(emails.into_iter().map(|email| Prepared::Ended((email, Some(verdict.clone())))));
                continue;
            };
            let turn = self.turn().await;
            let composed = self.compose(kind, &emails).await;
            drop(turn);
            prepared.extend(emails.into_iter().zip(composed).map(|(email, composed)| self.pack(email, composed)));
        }
        prepared
    }

    /// Last words before some go out. What was paused since it was claimed goes back; and it is noted on the rows of letters, in
    /// one commit, that their content is about to go out: a process that dies from here on leaves them uncertain.
    async fn begin(&self, round: &Round<'_>, prepared: Vec<Prepared>) -> Vec<Prepared> {
        let _turn = self.turn().await;
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
            let mut conn = self.kernel.db.acquire().await?;
            store::begin_data(&mut conn, round.token, &letters, self.kernel.cx.now()).await
        };
        let begun = begun.await.map(HashSet::<Uuid>::from_iter);
        let leave = |prepared: Prepared| match prepared {
            Prepared::Ready(ready) if ready.email.class == Class::Letter => match &begun {
                Ok(held) if held.contains(&ready.email.id) => Prepared::Ready(ready),
                Ok(_) => Prepared::Ended((ready.email, None)),
                Err(error) => Prepared::Ended((ready.email, Some(self.later(error)))),
            },
            other => other,
        };
        prepared.into_iter().map(leave).collect()
    }

    async fn without_paused(&self, prepared: Vec<Prepared>) -> Vec<Prepared> {
        let paused = async { store::pauses(&mut *self.kernel.db.acquire().await?).await };
        // where that cannot be read, what was claimed goes out
        let paused = paused.await.unwrap_or_default();
        let is_paused =
            |class: Class| paused.iter().any(|pause| pause.scope == "everything" || pause.scope == class.as_str());
        let put_back = |prepared: Prepared| match prepared {
            Prepared::Ready(ready) if is_paused(ready.email.class) => {
                let verdict = Verdict::Retry { due_at: ready.email.due_at, counted: false, why: None };
                Prepared::Ended((ready.email, Some(verdict)))
            }
            other => other,
        };
        prepared.into_iter().map(put_back).collect()
    }

    /// Has mails of a kind composed; where that fails as a whole, each alone, so that one stops no other.
    async fn compose(&self, kind: &dyn MailKind, emails: &[QueuedEmail]) -> Vec<Composition> {
        let composed = AssertUnwindSafe(async { kind.compose(emails).await }).catch_unwind().await;
        let error = match composed.unwrap_or_else(|_| Err(Error::internal("composing panicked"))) {
            Ok(composed) if composed.len() == emails.len() => return composed,
            Ok(_) => Error::internal("not every mail was composed"),
            Err(error) => error,
        };
        if let Error::Unavailable { retry_after, cause } = error {
            let away = || Err(Error::Unavailable { retry_after, cause: cause.clone() });
            return emails.iter().map(|_| away()).collect();
        }
        if emails.len() == 1 {
            return vec![Err(error)];
        }
        let mut alone = Vec::with_capacity(emails.len());
        for email in emails {
            alone.extend(Box::pin(self.compose(kind, std::slice::from_ref(email))).await);
        }
        alone
    }

    /// A composed mail as its bytes.
    fn pack(&self, email: QueuedEmail, composed: Composition) -> Prepared {
        let built = composed.and_then(|mail| match mail {
            Some(mail) => Ok(Some((self.sender.message(email.id, self.kernel.cx.now(), &mail)?, mail))),
            None => Ok(None),
        });
        let verdict = match built {
            Ok(Some((raw, mail))) => {
                let from = self.sender.return_path(&self.sender.return_token(email.id));
                let leaving = Leaving { kind: email.kind.clone(), from, mail, raw };
                return Prepared::Ready(Box::new(Ready { email, leaving }));
            }
            Ok(None) => Verdict::Settle(Fate::Cancelled, None),
            Err(error @ Error::Unavailable { .. }) => self.later(&error),
            Err(error) => {
                tracing::warn!(mail = %email.id, kind = email.kind, %error, "a mail could not be composed");
                Verdict::Settle(Fate::Failed, Some(verdict::failure(&format!("not composed: {error}"))))
            }
        };
        Prepared::Ended((email, Some(verdict)))
    }

    /// One attempt at each mail of a part, beside other connections that take from it.
    async fn send(&self, round: &Round<'_>, part: &Part, done: &mpsc::UnboundedSender<Ended>) {
        let _slot = self.slots.acquire().await;
        part.idle.fetch_sub(1, Ordering::Relaxed);
        let messages: Vec<Message<'_>> = part.mails.iter().map(|leaving| leaving.to(&leaving.mail.to)).collect();
        let leave = || !round.cancel.is_cancelled() && round.lease.holds(self.kernel.cx.instant());
        let mut share =
            Share { engine: self, round, part, done, in_hand: VecDeque::new(), copied: Vec::new(), is_refused: false };
        while part.left() > 0 && !round.is_over() {
            let sending = self.transport.send(&messages, &mut share, &leave, round.permits);
            let is_over = tokio::select! {
                () = sending => true,
                () = async { round.cancel.cancelled().await; sleep(GRACE).await } => false,
            };
            if let Some(number) = share.in_hand.pop_front().filter(|_| !is_over) {
                share.answer(number, Err(SendError::Unknown { text: "this process had to stop".to_owned() }));
            }
            if std::mem::take(&mut share.is_refused) {
                round.refusals.fetch_add(1, Ordering::Relaxed);
            }
            for number in std::mem::take(&mut share.copied) {
                self.copy(round, &part.mails[number]).await;
            }
        }
        let rest = std::iter::from_fn(|| part.next());
        for number in std::mem::take(&mut share.in_hand).into_iter().chain(rest) {
            share.end(number, |email| self.held_back(round, email));
        }
    }

    /// What a relay's answer to a mail, or its failure, means; `None` when the claim was lost and nothing was sent.
    fn verdict(
        &self,
        round: &Round<'_>,
        email: &QueuedEmail,
        mail: &Composed,
        failure: Option<SendError>,
    ) -> Option<Verdict> {
        match failure {
            Some(SendError::HeldBack) => return self.held_back(round, email),
            Some(SendError::Refused { .. }) => {}
            _ => round.refusals.store(0, Ordering::Relaxed),
        }
        let Some(error) = failure else {
            self.domains.count(mail.to.domain(), Count::Sent);
            return Some(Verdict::Settle(Fate::Sent, None));
        };
        let verdict = verdict::after_send(email, &error, self.kernel.cx.now(), self.kernel.cx.fraction());
        if !matches!(verdict, Verdict::Retry { .. }) {
            self.domains.count(mail.to.domain(), Count::Failed);
        }
        Some(verdict)
    }

    /// Sends a mail's copies: now or never, so they may take permits that are not there yet.
    async fn copy(&self, round: &Round<'_>, leaving: &Leaving) {
        let messages: Vec<Message<'_>> = leaving.mail.cc.iter().map(|cc| leaving.to(cc)).collect();
        let mut copies = Copies { of: leaving, next: 0 };
        while copies.next < messages.len() {
            self.transport.send(&messages, &mut copies, &|| true, &round.permits.overdrawn()).await;
        }
    }

    /// The verdict on a mail that is not to be tried.
    fn held_back(&self, round: &Round<'_>, email: &QueuedEmail) -> Option<Verdict> {
        if round.cancel.is_cancelled() {
            return Some(Verdict::Retry { due_at: email.due_at, counted: false, why: None });
        }
        round.is_over().then(|| self.later(&"relay not available"))
    }

    fn later(&self, why: &impl std::fmt::Display) -> Verdict {
        verdict::later(self.kernel.cx.now(), self.kernel.cx.fraction(), why.to_string())
    }
}
