//! Weighted load balancing and failover over several relays.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;

use super::{
    Accepted, LeaseCheck, Message, Outbox, Pool, PoolConfig, SendError, SettingsError, SmtpSettings, pool::Clock,
};
use crate::mail::transport::MailTransport;

/// How long a relay that was not available comes last, after the others.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(30);

/// The relays of `mail.smtp_url`.
#[derive(Debug)]
pub struct Relays {
    all: Vec<Relay>,
    /// Counter for the weighted round robin.
    turns: AtomicU32,
    clock: ClockBox,
}

struct ClockBox(Clock);

impl std::fmt::Debug for ClockBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[derive(Debug)]
struct Relay {
    /// `host:port`.
    name: String,
    pool: Pool,
    weight: u32,
    unavailable_until: Mutex<Option<Instant>>,
}

impl Relay {
    fn is_unavailable(&self, now: Instant) -> bool {
        self.unavailable_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    fn set_unavailable(&self, until: Option<Instant>) {
        *self.unavailable_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Relays {
    /// Parses a list of relay URLs separated by white space (see [`SmtpSettings::parse`]).
    ///
    /// # Errors
    /// As [`SmtpSettings::parse`], for the first that is not valid; `NotAUrl` for an empty list.
    pub fn settings(urls: &str) -> Result<Vec<SmtpSettings>, SettingsError> {
        let all: Vec<SmtpSettings> = urls.split_whitespace().map(SmtpSettings::parse).collect::<Result<_, _>>()?;
        if all.is_empty() { Err(SettingsError::NotAUrl) } else { Ok(all) }
    }

    /// One pool for each relay, each with up to `config.size` connections.
    pub fn new(settings: Vec<SmtpSettings>, config: PoolConfig, clock: Clock) -> Self {
        let all = settings
            .into_iter()
            .map(|settings| Relay {
                name: settings.name(),
                weight: settings.weight(),
                pool: Pool::new(settings, config, clock.clone()),
                unavailable_until: Mutex::new(None),
            })
            .collect();
        Self { all, turns: AtomicU32::new(0), clock: ClockBox(clock) }
    }

    /// The relays' names, `host:port`.
    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|relay| relay.name.clone()).collect()
    }

    /// Sends messages, one after the other, by one of the relays, chosen round robin by weight. If a relay is not
    /// available or its quota is used up, the remaining messages, of which nothing was transmitted, go to the next.
    ///
    /// Ends when the outbox has no more, or no relay accepts more; in that case at least one message is answered with
    /// [`SendError::Refused`].
    async fn send_by_turns(
        &self,
        messages: &[Message<'_>],
        outbox: &mut dyn Outbox,
        lease_held: LeaseCheck<'_>,
        quotas: &RelayQuotas,
    ) {
        let mut refused = SendError::Refused { text: "no relay may be given mail now".to_owned() };
        let mut again = VecDeque::new();
        for relay in self.order(self.turns.fetch_add(1, Ordering::Relaxed)) {
            let mut quota_outbox =
                QuotaOutbox { outbox: &mut *outbox, relay, quotas, again, unanswered: VecDeque::new(), is_over: false };
            let ended = relay.pool.send(messages, &mut quota_outbox, lease_held).await;
            let is_over = quota_outbox.is_over;
            again = quota_outbox.back();
            match ended {
                Ok(()) if is_over => {}
                Ok(()) => return,
                Err(error) => {
                    // when a relay that refuses our account is tried again is decided by the outbox (circuit breaker)
                    if !error.is_account_refused() {
                        relay.set_unavailable(Some((self.clock.0)() + UNAVAILABLE_FOR));
                    }
                    outbox.refused_by(&relay.name, again.front().copied(), &error);
                    // the connection was lost before anything was transmitted
                    refused = match error {
                        SendError::Broken { text } => SendError::Refused { text },
                        error => error,
                    };
                }
            }
        }
        if again.is_empty() {
            again.extend(outbox.next(false));
        }
        for message in again {
            outbox.answer(message, Err(refused.clone()));
        }
    }

    /// The relay whose turn it is first, then the others; unavailable ones last.
    fn order(&self, turn: u32) -> Vec<&Relay> {
        let now = (self.clock.0)();
        let mut order: Vec<&Relay> = self.all.iter().collect();
        order.sort_by_key(|relay| relay.is_unavailable(now));
        let there = order.iter().take_while(|relay| !relay.is_unavailable(now)).count().max(1).min(order.len());
        let all: u32 = order[..there].iter().map(|relay| relay.weight).sum();
        let mut point = turn % all.max(1);
        let chosen = order[..there].iter().position(|relay| {
            let is_here = point < relay.weight;
            point = point.saturating_sub(relay.weight);
            is_here
        });
        order[..there].rotate_left(chosen.unwrap_or(0));
        order
    }

    /// Opens and closes a connection to each relay (see [`Pool::probe`]). Returns the results by name.
    pub async fn probe(&self) -> Vec<(String, Result<(), SendError>)> {
        let mut answers = Vec::new();
        for relay in &self.all {
            answers.push((relay.name.clone(), relay.pool.probe().await));
        }
        answers
    }
}

impl MailTransport for Relays {
    fn relays(&self) -> Vec<String> {
        self.names()
    }

    fn send<'a>(
        &'a self,
        messages: &'a [Message<'a>],
        outbox: &'a mut (dyn Outbox + 'a),
        lease_held: LeaseCheck<'a>,
        quotas: &'a RelayQuotas,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.send_by_turns(messages, outbox, lease_held, quotas))
    }

    fn offers_smtputf8(&self) -> Vec<(String, bool)> {
        let known = |relay: &Relay| Some((relay.name.clone(), relay.pool.offers_smtputf8()?));
        self.all.iter().filter_map(known).collect()
    }

    fn sweep(&self) {
        self.all.iter().for_each(|relay| relay.pool.sweep());
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for relay in &self.all {
                relay.pool.close().await;
            }
        })
    }
}

/// An outbox for one relay: hands out only as many messages as the relay's quota allows.
struct QuotaOutbox<'a> {
    outbox: &'a mut dyn Outbox,
    relay: &'a Relay,
    quotas: &'a RelayQuotas,
    /// Messages that were handed to another relay, which could not send them.
    again: VecDeque<usize>,
    /// Messages handed out that have no answer yet.
    unanswered: VecDeque<usize>,
    /// The relay's quota is used up, or the outbox does not allow the relay.
    is_over: bool,
}

impl QuotaOutbox<'_> {
    /// The messages that were handed out and not transmitted, for the next relay; their quota is released.
    fn back(self) -> VecDeque<usize> {
        self.unanswered.iter().for_each(|_| self.quotas.put_back(&self.relay.name));
        self.unanswered.into_iter().chain(self.again).collect()
    }
}

impl Outbox for QuotaOutbox<'_> {
    fn next(&mut self, waits: bool) -> Option<usize> {
        if !self.outbox.allows(&self.relay.name) || !self.quotas.take(&self.relay.name) {
            self.is_over = true;
            return None;
        }
        let next = self.again.pop_front().or_else(|| self.outbox.next(waits));
        match next {
            Some(message) => self.unanswered.push_back(message),
            None => self.quotas.put_back(&self.relay.name),
        }
        next
    }

    fn answer(&mut self, message: usize, answer: Result<Accepted, SendError>) {
        self.unanswered.retain(|other| *other != message);
        if matches!(answer, Err(SendError::Broken { .. } | SendError::LeaseLost)) {
            self.quotas.put_back(&self.relay.name);
        }
        self.relay.set_unavailable(None);
        self.outbox.answered_by(&self.relay.name);
        self.outbox.answer(message, answer);
    }
}

/// Remaining number of messages for each relay that has a rate limit or an open breaker; other relays are unlimited.
#[derive(Clone, Debug, Default)]
pub struct RelayQuotas {
    left: Arc<HashMap<String, AtomicI64>>,
}

impl RelayQuotas {
    /// Quotas of these numbers of messages, by relay name.
    pub fn new(numbers: impl IntoIterator<Item = (String, i64)>) -> Self {
        let left = numbers.into_iter().map(|(relay, number)| (relay, AtomicI64::new(number))).collect();
        Self { left: Arc::new(left) }
    }

    /// Quotas that are not used up.
    pub fn left(&self) -> impl Iterator<Item = (&str, i64)> {
        let left = self.left.iter().map(|(relay, left)| (relay.as_str(), left.load(Ordering::Relaxed)));
        left.filter(|(_, left)| *left != 0)
    }

    fn take(&self, relay: &str) -> bool {
        let Some(left) = self.left.get(relay) else { return true };
        let one_less = |n: i64| (n > 0).then_some(n - 1);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    fn put_back(&self, relay: &str) {
        if let Some(left) = self.left.get(relay) {
            left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_quota_is_not_exceeded() {
        let quotas = RelayQuotas::new([("a:25".to_owned(), 2)]);
        assert_eq!([(); 3].map(|()| quotas.take("a:25")), [true, true, false]);
        assert!(quotas.take("b:25"), "another has no pace");
        assert_eq!(quotas.left().count(), 0);
        quotas.put_back("a:25");
        assert_eq!(quotas.left().collect::<Vec<_>>(), [("a:25", 1)]);
    }

    #[tokio::test]
    async fn relays_are_weighted_and_unavailable_ones_come_last() {
        let start = crate::kernel::env::Env::system().instant();
        let settings = Relays::settings("smtp://127.0.0.1:1025?weight=3\n smtp://127.0.0.1:1026").expect("two relays");
        let relays = Relays::new(settings, PoolConfig::default(), Arc::new(move || start));
        let first = |turn| relays.order(turn)[0].weight;
        assert_eq!([0, 1, 2, 3, 4, 7, 8].map(first), [3, 3, 3, 1, 3, 1, 3]);
        relays.all[0].set_unavailable(Some(start + UNAVAILABLE_FOR));
        assert_eq!([0, 1, 3].map(first), [1, 1, 1]);
        assert_eq!(relays.order(0).len(), 2, "it is asked when nobody else is there");
        relays.all[1].set_unavailable(Some(start + UNAVAILABLE_FOR));
        assert_eq!(relays.order(3).len(), 2);
        for wrong in
            ["", "  ", "smtp://a http://b", "smtp://a?weight=0", "smtp://a?weight=x", "smtp://a?weight=2&weight=3"]
        {
            assert!(Relays::settings(wrong).is_err(), "{wrong}");
        }
    }
}
