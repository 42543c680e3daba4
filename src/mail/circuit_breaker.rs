//! The circuit breaker of each relay: one that refuses our account, or everything, is not given the queue.
//!
//! A refusal of the account (5xx at the greeting, when signing in or at MAIL) opens it at once. So do permanent refusals at
//! RCPT or DATA for three recipient domains in a row without one success between them, or of ten mails in a row with codes
//! that do not speak of the address; and connections lost over three mails in a row. Nothing that was refused meanwhile is
//! held against a mail. While it is open the relay is offered one mail at a time, after 1, 2, 4 and then every 5 minutes, after
//! an hour every 15 (`store::relays`, shared by all processes); the first success closes it.
//!
//! What happens in a row is remembered in this process; that a relay is refused is written to `mail_relays`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Recipient domains refused in a row that open the breaker.
const DOMAINS: usize = 3;
/// Mails refused in a row that open it, where no code speaks of an address.
const MAILS: usize = 10;
/// Mails in a row over which the connection was lost that open it.
const BROKEN: usize = 3;
/// Time for which a success shows that a relay takes mail from us.
const RECENT: TimeDelta = TimeDelta::hours(1);

/// The breakers of the relays that this process sends to.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<String, Relay>>);

/// What a relay did lately.
#[derive(Debug, Default)]
struct Relay {
    is_open: bool,
    accepted_at: Option<DateTime<Utc>>,
    /// Recipient domains refused since the last success.
    domains: HashSet<String>,
    /// Mails refused since the last success with a code that does not speak of the address.
    mails: HashSet<Uuid>,
    /// Mails over which the connection was lost since the last success.
    broken: HashSet<Uuid>,
    /// What is not written down yet.
    change: Option<Change>,
}

/// What is to be written down about a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It refused, in these words.
    Refused(String),
    /// It takes mail again.
    Accepted,
}

/// How a relay stands when it refuses a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The breaker is open: the refusal says nothing about the mail.
    pub(super) is_open: bool,
    /// It took some mail within the last hour.
    pub(super) is_recent: bool,
    /// And has refused no other domain since.
    pub(super) is_trusted: bool,
    /// When it last took a mail.
    pub(super) accepted_at: Option<DateTime<Utc>>,
}

impl Breakers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Relay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is this relay given no mail but one at a time?
    pub(super) fn is_open(&self, relay: &str) -> bool {
        self.lock().get(relay).is_some_and(|relay| relay.is_open)
    }

    /// A relay took a mail.
    pub(super) fn accepted(&self, relay: &str, now: DateTime<Utc>) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.accepted_at = Some(now);
        relay.domains.clear();
        relay.mails.clear();
        relay.broken.clear();
        if relay.is_open {
            relay.is_open = false;
            relay.change = Some(Change::Accepted);
        }
    }

    /// A relay refused a mail for good, at RCPT or later. `speaks_of_address`: the code blames the address.
    pub(super) fn refused(
        &self,
        relay: &str,
        mail: Uuid,
        domain: &str,
        speaks_of_address: bool,
        text: &str,
        now: DateTime<Utc>,
    ) -> Standing {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.domains.insert(domain.to_lowercase());
        if !speaks_of_address {
            relay.mails.insert(mail);
        }
        if relay.is_open || relay.domains.len() >= DOMAINS || relay.mails.len() >= MAILS {
            relay.open(text);
        }
        let standing = relay.standing(now);
        Standing { is_trusted: standing.is_recent && relay.domains.len() == 1, ..standing }
    }

    /// How a relay stands that did not refuse a mail for good.
    pub(super) fn standing(&self, relay: &str, now: DateTime<Utc>) -> Standing {
        self.lock().get(relay).map(|relay| relay.standing(now)).unwrap_or_default()
    }

    /// A connection was lost over a mail.
    pub(super) fn broken(&self, relay: &str, mail: Uuid, text: &str) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.broken.insert(mail);
        if relay.is_open || relay.broken.len() >= BROKEN {
            relay.open(text);
        }
    }

    /// A relay takes no mail from us. True when it took some within the last hour.
    pub(super) fn account_refused(&self, relay: &str, text: &str, now: DateTime<Utc>) -> bool {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.open(text);
        relay.standing(now).is_recent
    }

    /// A relay that could not be reached at all: while its breaker is open, that is another vain try.
    pub(super) fn away(&self, relay: &str, text: &str) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        if relay.is_open {
            relay.open(text);
        }
    }

    /// Takes over what other processes have found out, where this one has nothing of its own to write down.
    pub(super) fn take_over(&self, relay: &str, is_open: bool) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        if relay.change.is_none() {
            relay.is_open = is_open;
        }
    }

    /// What is to be written down; what cannot be is put back ([`Breakers::put_back`]).
    pub(super) fn take_changes(&self) -> Vec<(String, Change)> {
        let mut all = self.lock();
        all.iter_mut().filter_map(|(name, relay)| Some((name.clone(), relay.change.take()?))).collect()
    }

    /// Something could not be written down, unless it has been overtaken since.
    pub(super) fn put_back(&self, relay: &str, change: Change) {
        let mut all = self.lock();
        let relay = entry(&mut all, relay);
        relay.change.get_or_insert(change);
    }
}

fn entry<'a>(all: &'a mut HashMap<String, Relay>, relay: &str) -> &'a mut Relay {
    all.entry(relay.to_owned()).or_default()
}

impl Relay {
    fn standing(&self, now: DateTime<Utc>) -> Standing {
        let is_recent = self.accepted_at.is_some_and(|at| now - at <= RECENT);
        Standing { is_open: self.is_open, is_recent, is_trusted: false, accepted_at: self.accepted_at }
    }

    fn open(&mut self, text: &str) {
        self.is_open = true;
        self.change = Some(Change::Refused(text.to_owned()));
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
        let breakers = Breakers::default();
        let refuse = |domain: &str| breakers.refused(R, Uuid::from_u128(7), domain, true, "550 no", at(1));
        assert_eq!(refuse("a.org"), Standing::default(), "nothing is known of the relay");
        assert!(!refuse("A.org").is_open && !refuse("b.org").is_open);
        breakers.accepted(R, at(0));
        assert_eq!(
            refuse("a.org"),
            Standing { is_open: false, is_recent: true, is_trusted: true, accepted_at: Some(at(0)) }
        );
        assert!(!refuse("b.org").is_trusted, "another domain was refused since");
        assert!(breakers.take_changes().is_empty());
        assert!(refuse("c.org").is_open && breakers.is_open(R));
        assert_eq!(breakers.take_changes(), [(R.to_owned(), Change::Refused("550 no".to_owned()))]);
        breakers.accepted(R, at(2));
        assert!(!breakers.is_open(R));
        assert_eq!(breakers.take_changes(), [(R.to_owned(), Change::Accepted)]);
        assert!(!breakers.refused(R, Uuid::nil(), "a.org", true, "550", at(63)).is_trusted, "that was an hour ago");
    }

    #[test]
    fn ten_mails_to_one_domain_open_it_unless_the_codes_speak_of_addresses() {
        let breakers = Breakers::default();
        let open = |speaks: bool| {
            let each = |n| breakers.refused(R, Uuid::from_u128(n), "gmail.com", speaks, "550", at(0)).is_open;
            (0..10).map(each).collect::<Vec<_>>()
        };
        assert!(open(true).iter().all(|open| !open));
        assert_eq!(open(false).iter().filter(|open| **open).count(), 1);
    }

    #[test]
    fn what_this_process_has_not_written_down_stays() {
        let breakers = Breakers::default();
        breakers.broken(R, Uuid::from_u128(1), "lost");
        breakers.broken(R, Uuid::from_u128(1), "lost");
        assert!(!breakers.is_open(R), "one mail alone may be to blame");
        assert!(!breakers.account_refused(R, "550 5.7.1 suspended", at(0)));
        breakers.take_over(R, false);
        assert!(breakers.is_open(R));
        for (relay, change) in breakers.take_changes() {
            breakers.put_back(&relay, change);
        }
        assert_eq!(breakers.take_changes().len(), 1);
        breakers.take_over(R, false);
        assert!(!breakers.is_open(R), "another process saw it take mail");
    }
}
