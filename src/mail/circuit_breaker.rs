//! The circuit breaker of each relay: a relay that refuses our account, or everything, gets no mail but probes.
//!
//! A refusal of the account (5xx at the greeting, to AUTH or to MAIL) opens it at once. So do permanent refusals at
//! RCPT or DATA for three recipient domains in a row without a success between them, or of ten mails in a row with
//! codes that are not about the address; and connections lost over three mails in a row. Refusals while it is open do
//! not count against a mail. While it is open the relay is offered one mail at a time, after 1, 2, 4 and then every 5
//! minutes, after an hour every 15 (`store::relays`, shared by all processes); the first success closes it.
//!
//! The counts of consecutive failures are kept in this process; the open state is stored in `mail_relays`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Number of recipient domains refused in a row that opens the breaker.
const MAX_REFUSED_DOMAINS: usize = 3;
/// Number of mails refused in a row that opens it, counting refusals whose code is not about the address.
const MAX_REFUSED_MAILS: usize = 10;
/// Number of mails in a row during which the connection was lost that opens it.
const MAX_LOST_CONNECTIONS: usize = 3;
/// How long a success is evidence that a relay accepts mail from us.
const RECENT_SUCCESS: TimeDelta = TimeDelta::hours(1);

/// The circuit breakers of the relays that this process sends to, by relay name.
#[derive(Debug, Default)]
pub(super) struct CircuitBreakers(Mutex<HashMap<String, RelayState>>);

/// State of one relay's breaker.
#[derive(Debug, Default)]
struct RelayState {
    is_open: bool,
    accepted_at: Option<DateTime<Utc>>,
    /// Recipient domains refused since the last success.
    refused_domains: HashSet<String>,
    /// Mails refused since the last success with a code that is not about the address.
    refused_mails: HashSet<Uuid>,
    /// Mails during which the connection was lost since the last success.
    lost_connections: HashSet<Uuid>,
    /// A change that is not stored in `mail_relays` yet.
    change: Option<BreakerChange>,
}

/// A change of a breaker that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BreakerChange {
    /// The relay refused, with this reply: open, or still open after a probe.
    Refused(String),
    /// The relay accepted mail: closed.
    Accepted,
}

/// Health of a relay at the moment it refuses a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RelayHealth {
    /// The breaker is open: the refusal says nothing about the mail.
    pub(super) is_open: bool,
    /// It accepted mail within the last hour ([`RECENT_SUCCESS`]).
    pub(super) is_recent: bool,
    /// It accepted mail within the last hour and has refused no other recipient domain since.
    pub(super) is_trusted: bool,
    /// When it last accepted a mail.
    pub(super) accepted_at: Option<DateTime<Utc>>,
}

impl CircuitBreakers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, RelayState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is the breaker of this relay open?
    pub(super) fn is_open(&self, relay: &str) -> bool {
        self.lock().get(relay).is_some_and(|relay| relay.is_open)
    }

    /// Records that a relay accepted a mail; closes its breaker.
    pub(super) fn accepted(&self, relay: &str, now: DateTime<Utc>) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.accepted_at = Some(now);
        relay.refused_domains.clear();
        relay.refused_mails.clear();
        relay.lost_connections.clear();
        if relay.is_open {
            relay.is_open = false;
            relay.change = Some(BreakerChange::Accepted);
        }
    }

    /// Records a permanent refusal of a mail at RCPT or later. `speaks_of_address`: the code is about the address.
    pub(super) fn refused(
        &self,
        relay: &str,
        mail: Uuid,
        domain: &str,
        speaks_of_address: bool,
        text: &str,
        now: DateTime<Utc>,
    ) -> RelayHealth {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.refused_domains.insert(domain.to_lowercase());
        if !speaks_of_address {
            relay.refused_mails.insert(mail);
        }
        if relay.is_open
            || relay.refused_domains.len() >= MAX_REFUSED_DOMAINS
            || relay.refused_mails.len() >= MAX_REFUSED_MAILS
        {
            relay.open(text);
        }
        let health = relay.health(now);
        RelayHealth { is_trusted: health.is_recent && relay.refused_domains.len() == 1, ..health }
    }

    /// Health of a relay that has not just refused a mail permanently.
    pub(super) fn health(&self, relay: &str, now: DateTime<Utc>) -> RelayHealth {
        self.lock().get(relay).map(|relay| relay.health(now)).unwrap_or_default()
    }

    /// Records that the connection was lost during a mail.
    pub(super) fn connection_lost(&self, relay: &str, mail: Uuid, text: &str) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.lost_connections.insert(mail);
        if relay.is_open || relay.lost_connections.len() >= MAX_LOST_CONNECTIONS {
            relay.open(text);
        }
    }

    /// Records that a relay refused our account; opens its breaker. True when it had accepted mail within the last
    /// hour.
    pub(super) fn account_refused(&self, relay: &str, text: &str, now: DateTime<Utc>) -> bool {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.open(text);
        relay.health(now).is_recent
    }

    /// Records that a relay could not be reached. Counts as a failed probe while the breaker is open, else as nothing.
    pub(super) fn unreachable(&self, relay: &str, text: &str) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        if relay.is_open {
            relay.open(text);
        }
    }

    /// Takes over the stored state, which other processes may have changed, unless this process has an unstored change.
    pub(super) fn sync(&self, relay: &str, is_open: bool) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        if relay.change.is_none() {
            relay.is_open = is_open;
        }
    }

    /// Takes the unstored changes. The caller puts back those it cannot store ([`CircuitBreakers::put_back`]).
    pub(super) fn take_changes(&self) -> Vec<(String, BreakerChange)> {
        let mut all = self.lock();
        all.iter_mut().filter_map(|(name, relay)| Some((name.clone(), relay.change.take()?))).collect()
    }

    /// Puts back a change that could not be stored, unless there is a newer one.
    pub(super) fn put_back(&self, relay: &str, change: BreakerChange) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.change.get_or_insert(change);
    }
}

fn entry<'a>(all: &'a mut HashMap<String, RelayState>, relay: &str) -> &'a mut RelayState {
    all.entry(relay.to_owned()).or_default()
}

impl RelayState {
    fn health(&self, now: DateTime<Utc>) -> RelayHealth {
        let is_recent = self.accepted_at.is_some_and(|at| now - at <= RECENT_SUCCESS);
        RelayHealth { is_open: self.is_open, is_recent, is_trusted: false, accepted_at: self.accepted_at }
    }

    fn open(&mut self, text: &str) {
        self.is_open = true;
        self.change = Some(BreakerChange::Refused(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: &str = "relay:25";

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn three_domains_in_a_row_open_it_and_a_success_closes_it() {
        let breakers = CircuitBreakers::default();
        let refuse = |domain: &str| breakers.refused(R, Uuid::from_u128(7), domain, true, "550 no", at(1));
        assert_eq!(refuse("a.org"), RelayHealth::default(), "nothing is known of the relay");
        assert!(!refuse("A.org").is_open && !refuse("b.org").is_open);
        breakers.accepted(R, at(0));
        assert_eq!(
            refuse("a.org"),
            RelayHealth { is_open: false, is_recent: true, is_trusted: true, accepted_at: Some(at(0)) }
        );
        assert!(!refuse("b.org").is_trusted, "another domain was refused since");
        assert!(breakers.take_changes().is_empty());
        assert!(refuse("c.org").is_open && breakers.is_open(R));
        assert_eq!(breakers.take_changes(), [(R.to_owned(), BreakerChange::Refused("550 no".to_owned()))]);
        breakers.accepted(R, at(2));
        assert!(!breakers.is_open(R));
        assert_eq!(breakers.take_changes(), [(R.to_owned(), BreakerChange::Accepted)]);
        assert!(!breakers.refused(R, Uuid::nil(), "a.org", true, "550", at(63)).is_trusted, "that was an hour ago");
    }

    #[test]
    fn ten_mails_to_one_domain_open_it_unless_the_codes_speak_of_addresses() {
        let breakers = CircuitBreakers::default();
        let open = |speaks: bool| {
            let each = |n| breakers.refused(R, Uuid::from_u128(n), "gmail.com", speaks, "550", at(0)).is_open;
            (0..10).map(each).collect::<Vec<_>>()
        };
        assert!(open(true).iter().all(|open| !open));
        assert_eq!(open(false).iter().filter(|open| **open).count(), 1);
    }

    #[test]
    fn what_this_process_has_not_written_down_stays() {
        let breakers = CircuitBreakers::default();
        breakers.connection_lost(R, Uuid::from_u128(1), "lost");
        breakers.connection_lost(R, Uuid::from_u128(1), "lost");
        assert!(!breakers.is_open(R), "one mail alone may be to blame");
        assert!(!breakers.account_refused(R, "550 5.7.1 suspended", at(0)));
        breakers.sync(R, false);
        assert!(breakers.is_open(R));
        for (relay, change) in breakers.take_changes() {
            breakers.put_back(&relay, change);
        }
        assert_eq!(breakers.take_changes().len(), 1);
        breakers.sync(R, false);
        assert!(!breakers.is_open(R), "another process saw it take mail");
    }
}
