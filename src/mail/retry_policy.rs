//! The retry policy: rules that turn the result of an attempt (reply of the relay, lost connection, error in
//! composing) into the next state of the mail. Pure.
//!
//! A fault of ours (a template, a key, a relay that refuses our account) does not fail a mail at once: it is retried.
//! A permanent refusal is final the second time, if the same relay accepted other mail in between; the first time
//! only if its code is about the address and the relay is known to accept mail. An address is dead by such a code, or
//! after two strikes at least two days apart (`suppression`).

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    bounce_cause::{self, FailureCause, is_dead},
    circuit_breaker::RelayHealth,
    kinds::{Claimed, Class, DeliveryStatus},
    smtp::{SendError, without_addresses},
    store::{NOT_COMPOSED, RetryNote},
};

/// Counted attempts after which a mail is given up: about three days of growing delays.
///
/// Not by the row's age: a letter may have waited longer than that for the rate limit of its lane.
const MAX_ATTEMPTS: i16 = 20;
/// Number of connections lost during one mail after which it is given up: about two days.
const MAX_LOST_CONNECTIONS: i16 = 50;
/// Age after which mail of a class is of no use any more; `None`: never. Letters are sent however late; so are
/// confirmations, until the act itself has expired, because without them it would be lost.
pub(super) fn max_age(class: Class) -> Option<TimeDelta> {
    match class {
        Class::Confirmation | Class::Letter => None,
        Class::Urgent => Some(TimeDelta::days(3)),
        Class::Notice | Class::Update => Some(TimeDelta::days(7)),
    }
}

/// Cancels a mail that is older than [`max_age`]. The age counts from when it was last queued, less the time for
/// which its class was `paused`.
pub(super) fn cancel_if_stale(email: &Claimed, paused: TimeDelta, now: DateTime<Utc>) -> Option<NextState> {
    // protected rows have the day only, so such a mail is cancelled up to a day too early
    let age = now - queued_at(email) - paused;
    let is_stale = max_age(email.class).is_some_and(|useful| age > useful);
    is_stale.then(|| NextState::Settle(DeliveryStatus::Cancelled, Some("too late to be of use".to_owned())))
}

/// The time from which a mail's age counts: when it was last queued again, else when it was created.
pub(super) fn queued_at(email: &Claimed) -> DateTime<Utc> {
    email.history.queued_at.unwrap_or(email.created_at)
}

/// Maximum length of `emails.failure`, in characters.
const MAX_FAILURE: usize = 500;

/// Next state of a mail after an attempt. The text is the failure kept on the row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NextState {
    /// Final, with this status.
    Settle(DeliveryStatus, Option<String>),
    /// Failed, and the address does not exist: it is suppressed.
    AddressDead(String),
    /// Failed, and the failure is a strike against the address.
    AddressStrike(String),
    /// Failed by a fault of ours: the row is kept, also of a protected action, so that it can be queued again.
    OurFault(String),
    /// Back into the queue, not before `due_at`; `counted`: the attempt counts.
    Retry { due_at: DateTime<Utc>, counted: bool, why: Option<String>, note: RetryNote },
}

/// Next state after a failed attempt to send. `jitter` is in `[0, 1)`.
pub(super) fn after_send(
    email: &Claimed,
    error: &SendError,
    relay: RelayHealth,
    now: DateTime<Utc>,
    jitter: f64,
) -> NextState {
    let why = error.to_string();
    match error {
        SendError::Refused { .. } | SendError::LeaseLost => retry_later(now, jitter, why),
        SendError::Temporary { .. } if relay.is_open => retry_later(now, jitter, why),
        SendError::Broken { .. } => after_lost_connection(email, now, jitter, &why),
        SendError::Unknown { .. } if email.class == Class::Letter => {
            NextState::Settle(DeliveryStatus::Uncertain, Some(failure(&why)))
        }
        SendError::Permanent { enhanced, text, .. } if error.is_unsendable() => {
            if is_dead(*enhanced, text) {
                NextState::AddressDead(failure(&why))
            } else {
                NextState::Settle(DeliveryStatus::Failed, Some(failure(&why)))
            }
        }
        SendError::Permanent { .. } if relay.is_open => {
            // a longer delay, so that the next probes of the relay are made with other mails
            let wait = TimeDelta::minutes(10) + scaled(TimeDelta::minutes(10), jitter);
            let why = Some(failure(&format!("the relay refuses everything: {why}")));
            NextState::Retry { due_at: now + wait, counted: false, why, note: RetryNote::None }
        }
        SendError::Permanent { enhanced, text, .. } if !error.retryable() => {
            let is_second = email.history.refused_at.is_some_and(|at| relay.accepted_at.is_some_and(|took| took > at));
            let speaks_of_address = is_dead(*enhanced, text);
            if (relay.is_trusted && (speaks_of_address || is_second)) || (is_second && speaks_of_address) {
                return if speaks_of_address {
                    NextState::AddressDead(failure(&why))
                } else if bounce_cause::cause(*enhanced, text) == FailureCause::Doubtful {
                    NextState::AddressStrike(failure(&why))
                } else {
                    NextState::Settle(DeliveryStatus::Failed, Some(failure(&why)))
                };
            }
            retry_or_give_up(email, relay, now, jitter, &why, RetryNote::Refused)
        }
        SendError::Unknown { .. } | SendError::Temporary { .. } | SendError::Permanent { .. } => {
            retry_or_give_up(email, relay, now, jitter, &why, RetryNote::None)
        }
    }
}

/// A counted attempt that failed: retried, or given up after [`MAX_ATTEMPTS`]. If the relay has not accepted any mail
/// within the last hour, it may be the cause: then after twice as many, and as a fault of ours.
fn retry_or_give_up(
    email: &Claimed,
    relay: RelayHealth,
    now: DateTime<Utc>,
    jitter: f64,
    why: &str,
    note: RetryNote,
) -> NextState {
    let given_up = failure(&format!("given up: {why}"));
    if relay.is_recent && email.attempts >= MAX_ATTEMPTS {
        return NextState::Settle(DeliveryStatus::Failed, Some(given_up));
    }
    if email.attempts >= 2 * MAX_ATTEMPTS {
        return NextState::OurFault(given_up);
    }
    let due_at = now + backoff(email.attempts, jitter);
    NextState::Retry { due_at, counted: true, why: Some(failure(why)), note }
}

/// The connection was lost during a mail, or the relay refused it at MAIL while accepting others: retried without
/// counting the attempt, and given up as a fault of ours after [`MAX_LOST_CONNECTIONS`].
pub(super) fn after_lost_connection(email: &Claimed, now: DateTime<Utc>, jitter: f64, why: &str) -> NextState {
    let breaks = email.history.breaks.saturating_add(1);
    if breaks >= MAX_LOST_CONNECTIONS {
        return NextState::OurFault(failure(&format!(
            "set aside: the connection was lost over it {breaks} times: {why}"
        )));
    }
    // at first the delay of an unavailable relay, then up to an hour
    let wait = if breaks <= 5 {
        TimeDelta::seconds(30) + scaled(TimeDelta::seconds(270), jitter)
    } else {
        let minutes = 5 << (breaks - 5).min(4);
        let longest = TimeDelta::minutes(minutes.min(60));
        longest / 2 + scaled(longest / 2, jitter)
    };
    NextState::Retry { due_at: now + wait, counted: false, why: Some(failure(why)), note: RetryNote::LostConnection }
}

/// A mail could not be composed for a fault of ours: a counted attempt, retried for about three days.
pub(super) fn after_compose(email: &Claimed, why: &str, now: DateTime<Utc>, jitter: f64) -> NextState {
    let why = format!("{NOT_COMPOSED}{why}");
    if email.attempts >= MAX_ATTEMPTS {
        return NextState::OurFault(failure(&format!("given up: {why}")));
    }
    let due_at = now + backoff(email.attempts, jitter);
    NextState::Retry { due_at, counted: true, why: Some(failure(&why)), note: RetryNote::None }
}

/// The relay, the database or this process is not available: retried in 30 to 300 seconds, without counting the
/// attempt.
pub(super) fn retry_later(now: DateTime<Utc>, jitter: f64, why: impl AsRef<str>) -> NextState {
    let due_at = now + TimeDelta::seconds(30) + scaled(TimeDelta::seconds(270), jitter);
    NextState::Retry { due_at, counted: false, why: Some(failure(why.as_ref())), note: RetryNote::None }
}

/// What the mail belongs to is paused: as [`retry_later`], and the mail's age counts from the retry.
pub(super) fn while_paused(now: DateTime<Utc>, jitter: f64, why: impl AsRef<str>) -> NextState {
    let due_at = now + TimeDelta::seconds(30) + scaled(TimeDelta::seconds(270), jitter);
    NextState::Retry { due_at, counted: false, why: Some(failure(why.as_ref())), note: RetryNote::Paused }
}

/// To the start of the next day (UTC), before the mails that are queued then, in the order in which they were queued.
pub(super) fn next_day(email: &Claimed, now: DateTime<Utc>, why: impl AsRef<str>) -> NextState {
    let today = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    // of a protected mail the time of day is not known
    let order = (email.created_at - today).max(TimeDelta::zero()) / 100_000;
    let due_at = today + TimeDelta::days(1) + order;
    NextState::Retry { due_at, counted: false, why: Some(failure(why.as_ref())), note: RetryNote::None }
}

/// Puts a mail back as it was.
pub(super) fn requeue_unchanged(due_at: DateTime<Utc>) -> NextState {
    NextState::Retry { due_at, counted: false, why: None, note: RetryNote::None }
}

/// Total time of the pauses (begin, end) after `since`; pauses may overlap.
pub(super) fn paused_since(since: DateTime<Utc>, pauses: &[(DateTime<Utc>, DateTime<Utc>)]) -> TimeDelta {
    let mut pauses = pauses.to_vec();
    pauses.sort_unstable();
    let (mut until, mut total) = (since, TimeDelta::zero());
    for (began, ended) in pauses {
        let from = began.max(until);
        if ended > from {
            total += ended - from;
            until = ended;
        }
    }
    total
}

/// Next state of a mail whose lease has expired. `data_began`: its content may have been transmitted.
pub(super) fn after_expiry(email: &Claimed, data_began: bool, now: DateTime<Utc>) -> NextState {
    let why = "interrupted while it was being sent";
    if data_began && email.class == Class::Letter {
        NextState::Settle(DeliveryStatus::Uncertain, Some(why.to_owned()))
    } else if email.attempts >= MAX_ATTEMPTS {
        NextState::OurFault(format!("given up: {why}"))
    } else {
        NextState::Retry { due_at: now, counted: true, why: Some(why.to_owned()), note: RetryNote::None }
    }
}

/// Exponential backoff: one minute, doubled with each attempt up to six hours, times 0.5 to 1.5 (jitter).
fn backoff(attempts: i16, jitter: f64) -> TimeDelta {
    let doublings = u32::from(attempts.max(1).unsigned_abs() - 1).min(9);
    let wait = TimeDelta::minutes(1 << doublings).min(TimeDelta::hours(6));
    wait / 2 + scaled(wait, jitter)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "waiting times of hours")]
fn scaled(span: TimeDelta, by: f64) -> TimeDelta {
    TimeDelta::milliseconds((span.num_milliseconds() as f64 * by) as i64)
}

/// A failure's text as it may be stored: without addresses and control characters, at most [`MAX_FAILURE`] characters.
pub(super) fn failure(text: &str) -> String {
    let text: String = without_addresses(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.chars().take(MAX_FAILURE).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{
        super::{
            kinds::{History, QueuedEmail},
            smtp::EnhancedCode,
        },
        *,
    };

    fn email(class: Class, attempts: i16) -> Claimed {
        let email = QueuedEmail {
            id: Uuid::nil(),
            organization_id: Uuid::nil(),
            class,
            kind: "test".to_owned(),
            lane: String::new(),
            refs: serde_json::json!({}),
            protected: false,
            attempts,
            created_at: DateTime::UNIX_EPOCH,
            due_at: DateTime::UNIX_EPOCH,
        };
        Claimed { email, history: History::default() }
    }

    fn permanent(code: u16, enhanced: &str, text: &str) -> SendError {
        let enhanced = EnhancedCode::at_start_of(enhanced);
        SendError::Permanent { code, enhanced, text: text.to_owned() }
    }

    fn counts(next_state: &NextState) -> bool {
        matches!(next_state, NextState::Retry { counted: true, .. })
    }

    fn free(next_state: &NextState) -> bool {
        matches!(next_state, NextState::Retry { counted: false, .. })
    }

    fn status(next_state: &NextState) -> Option<DeliveryStatus> {
        match next_state {
            NextState::Settle(status, _) => Some(*status),
            NextState::AddressDead(_) | NextState::AddressStrike(_) | NextState::OurFault(_) => {
                Some(DeliveryStatus::Failed)
            }
            NextState::Retry { .. } => None,
        }
    }

    /// Health of a relay that has just accepted mail.
    fn well() -> RelayHealth {
        RelayHealth { is_open: false, is_recent: true, is_trusted: true, accepted_at: Some(DateTime::UNIX_EPOCH) }
    }

    #[test]
    fn rules() {
        let now = DateTime::UNIX_EPOCH;
        let of = |class, attempts, error: &SendError| after_send(&email(class, attempts), error, well(), now, 0.5);
        let text = || "x".to_owned();
        let later = SendError::Temporary { code: 451, enhanced: None, text: text() };
        assert!(counts(&of(Class::Letter, 1, &later)) && counts(&of(Class::Notice, MAX_ATTEMPTS - 1, &later)));
        assert_eq!(status(&of(Class::Notice, MAX_ATTEMPTS, &later)), Some(DeliveryStatus::Failed));
        let silent = |attempts| after_send(&email(Class::Letter, attempts), &later, RelayHealth::default(), now, 0.5);
        assert!(counts(&silent(2 * MAX_ATTEMPTS - 1)), "the relay takes nothing at all");
        assert!(matches!(silent(2 * MAX_ATTEMPTS), NextState::OurFault(_)));
        for away in [SendError::Refused { text: text() }, SendError::Broken { text: text() }] {
            assert!(free(&of(Class::Letter, 1, &away)) && free(&of(Class::Notice, MAX_ATTEMPTS, &away)));
        }
        assert!(counts(&of(Class::Notice, 1, &permanent(552, "5.2.2", "full"))));
        assert!(counts(&of(Class::Notice, 1, &permanent(550, "5.7.0", "daily quota exceeded"))));
        let unknown = SendError::Unknown { text: text() };
        assert_eq!(status(&of(Class::Letter, 1, &unknown)), Some(DeliveryStatus::Uncertain));
        assert!(counts(&of(Class::Confirmation, 1, &unknown)));
        assert_eq!(status(&after_expiry(&email(Class::Letter, 1), true, now)), Some(DeliveryStatus::Uncertain));
        assert!(counts(&after_expiry(&email(Class::Letter, 1), false, now)));
        assert!(counts(&after_expiry(&email(Class::Notice, 1), true, now)));
        assert!(matches!(after_expiry(&email(Class::Notice, MAX_ATTEMPTS), false, now), NextState::OurFault(_)));
    }

    #[test]
    fn a_refusal_is_final_at_once_only_where_it_speaks_of_the_address_and_the_relay_is_well() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::minutes(5);
        let of = |relay, enhanced: &str, text: &str| {
            after_send(&email(Class::Notice, 1), &permanent(550, enhanced, text), relay, now, 0.5)
        };
        for code in ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4"] {
            assert!(matches!(of(well(), code, ""), NextState::AddressDead(_)), "{code}");
            assert!(counts(&of(RelayHealth::default(), code, "")), "{code}: nothing is known of the relay");
        }
        assert!(matches!(of(well(), "", "no such user"), NextState::AddressDead(_)));
        for (code, text) in [("5.7.1", "user unknown"), ("5.1.7", ""), ("5.1.8", ""), ("5.2.1", ""), ("", "Nein")] {
            let next_state = of(well(), code, text);
            assert!(
                matches!(next_state, NextState::Retry { counted: true, note: RetryNote::Refused, .. }),
                "{code} {text}"
            );
        }
        let open = RelayHealth { is_open: true, ..well() };
        assert!(free(&of(open, "5.1.1", "")), "it refuses everything");
        assert!(
            matches!(of(open, "5.1.3", "not a valid e-mail address"), NextState::AddressDead(_)),
            "no relay was asked"
        );
    }

    #[test]
    fn the_second_refusal_is_final_when_the_relay_took_other_mail_in_between() {
        let (refused, now) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::minutes(5));
        let mut email = email(Class::Notice, 2);
        email.history.refused_at = Some(refused);
        let of = |relay, enhanced: &str| after_send(&email, &permanent(550, enhanced, "no"), relay, now, 0.5);
        let took = |at| RelayHealth { accepted_at: Some(at), ..well() };
        assert!(counts(&of(took(refused - TimeDelta::minutes(1)), "5.7.1")), "it may refuse everything since");
        assert!(
            counts(&of(RelayHealth { is_trusted: false, ..took(now) }, "5.7.1")),
            "another domain was refused since"
        );
        assert_eq!(
            of(took(now), "5.7.1"),
            NextState::Settle(DeliveryStatus::Failed, Some("refused: 550 5.7.1 no".to_owned()))
        );
        assert!(matches!(of(took(now), "5.2.1"), NextState::AddressStrike(_)));
        assert!(matches!(of(RelayHealth { is_trusted: false, ..took(now) }, "5.1.1"), NextState::AddressDead(_)));
    }

    #[test]
    fn compose_errors_are_retried_for_days() {
        let now = DateTime::UNIX_EPOCH;
        assert!(counts(&after_compose(&email(Class::Confirmation, 1), "internal: no key", now, 0.5)));
        let NextState::OurFault(why) =
            after_compose(&email(Class::Confirmation, MAX_ATTEMPTS), "internal: no key", now, 0.5)
        else {
            panic!("it ends")
        };
        assert_eq!(why, "given up: not composed: internal: no key");
    }

    #[test]
    fn a_mail_that_breaks_connections_is_set_aside_after_fifty() {
        let mut email = email(Class::Letter, 0);
        let (mut at, mut all) = (DateTime::UNIX_EPOCH, 0);
        let why = loop {
            all += 1;
            match after_lost_connection(&email, at, 0.999, "lost") {
                NextState::Retry { due_at, counted: false, note: RetryNote::LostConnection, .. } => {
                    assert!(due_at - at <= TimeDelta::hours(1));
                    at = due_at;
                    email.history.breaks += 1;
                }
                NextState::OurFault(why) => break why,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((all, why.as_str()), (50, "set aside: the connection was lost over it 50 times: lost"));
        assert!(at - DateTime::UNIX_EPOCH > TimeDelta::days(1), "an outage of a day sets nothing aside");
    }

    #[test]
    fn overlapping_pauses_are_counted_once() {
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let pauses = [(at(10), at(20)), (at(0), at(6)), (at(15), at(25)), (at(12), at(13))];
        assert_eq!(paused_since(at(4), &pauses), TimeDelta::hours(2 + 15));
        assert_eq!(paused_since(at(30), &pauses), TimeDelta::zero());
    }

    #[test]
    fn stale_mail_is_cancelled_except_letters() {
        let at = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        let none = TimeDelta::zero();
        for (class, fresh, stale) in [
            (Class::Urgent, 3, Some(4)),
            (Class::Notice, 7, Some(8)),
            (Class::Update, 7, Some(8)),
            (Class::Letter, 90, None),
            (Class::Confirmation, 20, None),
        ] {
            assert_eq!(cancel_if_stale(&email(class, 1), none, at(fresh)), None, "{class:?}");
            if let Some(days) = stale {
                let next_state = cancel_if_stale(&email(class, 1), none, at(days));
                assert!(matches!(next_state, Some(NextState::Settle(DeliveryStatus::Cancelled, _))));
                assert_eq!(cancel_if_stale(&email(class, 1), TimeDelta::days(2), at(days)), None, "it was paused");
                let mut again = email(class, 1);
                again.history.queued_at = Some(at(days - 1));
                assert_eq!(cancel_if_stale(&again, none, at(days)), None, "somebody queued it again");
            }
        }
    }

    #[test]
    fn all_tries_together_take_about_three_days() {
        let all: TimeDelta =
            (1..MAX_ATTEMPTS).map(|attempts| backoff(attempts, 0.5)).fold(TimeDelta::zero(), |a, b| a + b);
        assert!((TimeDelta::hours(60)..TimeDelta::hours(84)).contains(&all), "{all}");
        assert_eq!(backoff(1, 0.0), TimeDelta::seconds(30));
        assert!(backoff(1000, 0.999) <= TimeDelta::hours(9));
    }

    #[test]
    fn failures_name_nobody() {
        assert_eq!(failure("550 no jane@example.org\r\nhere"), "550 no [address]  here");
    }
}
