//! What follows from an attempt: the rules that turn an answer of the relay into the next state. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    kinds::{Class, Fate, QueuedEmail},
    report::is_dead,
    smtp::{SendError, without_addresses},
};

/// Counted attempts after which a mail is given up: about three days of growing waiting times.
///
/// Not the row's age: a letter may have waited longer than that for its turn in its lane.
const TRIES: i16 = 20;
/// Time after which mail of a class is of no use any more. Letters are sent however late; so are confirmations: until the
/// act itself has expired, without them it would be lost.
fn useful_for(class: Class) -> Option<TimeDelta> {
    match class {
        Class::Confirmation | Class::Letter => None,
        Class::Urgent => Some(TimeDelta::days(3)),
        Class::Notice | Class::Update => Some(TimeDelta::days(7)),
    }
}

/// A stale mail is cancelled, not sent.
pub(super) fn when_stale(email: &QueuedEmail, now: DateTime<Utc>) -> Option<Verdict> {
    // protected rows know the day only, which errs towards cancelling by less than one
    let is_stale = useful_for(email.class).is_some_and(|useful| now - email.created_at > useful);
    is_stale.then(|| Verdict::Settle(Fate::Cancelled, Some("too late to be of use".to_owned())))
}

/// Longest failure kept, in characters.
const MAX_FAILURE: usize = 500;

/// What is to be done with a mail after an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It ends.
    Settle(Fate, Option<String>),
    /// It ends as failed, and its address will never take mail.
    Dead(String),
    /// It goes again.
    Retry { due_at: DateTime<Utc>, counted: bool, why: Option<String> },
}

/// After the relay's answer. `jitter` lies in `[0, 1)`.
pub(super) fn after_send(email: &QueuedEmail, error: &SendError, now: DateTime<Utc>, jitter: f64) -> Verdict {
    let why = error.to_string();
    match error {
        SendError::Refused { .. } | SendError::Broken { .. } | SendError::HeldBack => later(now, jitter, why),
        SendError::Unknown { .. } if email.class == Class::Letter => {
            Verdict::Settle(Fate::Uncertain, Some(failure(&why)))
        }
        SendError::Permanent { enhanced, text, .. } if !error.retryable() && is_dead(*enhanced, text) => {
            Verdict::Dead(failure(&why))
        }
        SendError::Permanent { .. } if !error.retryable() => Verdict::Settle(Fate::Failed, Some(failure(&why))),
        SendError::Unknown { .. } | SendError::Temporary { .. } | SendError::Permanent { .. } => {
            if email.attempts >= TRIES {
                return Verdict::Settle(Fate::Failed, Some(failure(&format!("given up: {why}"))));
            }
            let due_at = now + backoff(email.attempts, jitter);
            Verdict::Retry { due_at, counted: true, why: Some(failure(&why)) }
        }
    }
}

/// The relay, the database or this process is not able now; the mail is not to blame and no attempt is counted.
pub(super) fn later(now: DateTime<Utc>, jitter: f64, why: impl AsRef<str>) -> Verdict {
    let wait = TimeDelta::seconds(30) + scaled(TimeDelta::seconds(270), jitter);
    Verdict::Retry { due_at: now + wait, counted: false, why: Some(failure(why.as_ref())) }
}

/// After a lease ran out.
pub(super) fn after_expiry(email: &QueuedEmail, data_began: bool, now: DateTime<Utc>) -> Verdict {
    let why = "interrupted while it was being sent";
    if data_began && email.class == Class::Letter {
        Verdict::Settle(Fate::Uncertain, Some(why.to_owned()))
    } else if email.attempts >= TRIES {
        Verdict::Settle(Fate::Failed, Some(format!("given up: {why}")))
    } else {
        Verdict::Retry { due_at: now, counted: true, why: Some(why.to_owned()) }
    }
}

/// One minute, doubled with each attempt up to six hours, times 0.5 to 1.5.
fn backoff(attempts: i16, jitter: f64) -> TimeDelta {
    let doublings = u32::from(attempts.max(1).unsigned_abs() - 1).min(9);
    let wait = TimeDelta::minutes(1 << doublings).min(TimeDelta::hours(6));
    wait / 2 + scaled(wait, jitter)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "waiting times of hours")]
fn scaled(span: TimeDelta, by: f64) -> TimeDelta {
    TimeDelta::milliseconds((span.num_milliseconds() as f64 * by) as i64)
}

/// As it may be kept on the row: without addresses, short.
pub(super) fn failure(text: &str) -> String {
    let text: String = without_addresses(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.chars().take(MAX_FAILURE).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn email(class: Class, attempts: i16) -> QueuedEmail {
        QueuedEmail {
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
        }
    }

    fn permanent(code: u16, enhanced: &str, text: &str) -> SendError {
        let enhanced = super::super::smtp::EnhancedCode::at_start_of(enhanced);
        SendError::Permanent { code, enhanced, text: text.to_owned() }
    }

    #[test]
    fn rules() {
        let now = DateTime::UNIX_EPOCH;
        let of = |class, attempts, error: &SendError| after_send(&email(class, attempts), error, now, 0.5);
        let text = || "x".to_owned();
        let counts = |verdict| matches!(verdict, Verdict::Retry { counted: true, .. });
        let free = |verdict| matches!(verdict, Verdict::Retry { counted: false, .. });
        let ends = |verdict| match verdict {
            Verdict::Settle(fate, _) => Some(fate),
            Verdict::Dead(_) => Some(Fate::Failed),
            Verdict::Retry { .. } => None,
        };
        let later = SendError::Temporary { code: 451, enhanced: None, text: text() };
        assert!(counts(of(Class::Letter, 1, &later)) && counts(of(Class::Notice, TRIES - 1, &later)));
        assert_eq!(ends(of(Class::Notice, TRIES, &later)), Some(Fate::Failed));
        for away in [SendError::Refused { text: text() }, SendError::Broken { text: text() }] {
            assert!(free(of(Class::Letter, 1, &away)) && free(of(Class::Notice, TRIES, &away)));
        }
        assert!(matches!(of(Class::Notice, 1, &permanent(550, "5.1.1", "who?")), Verdict::Dead(_)));
        assert!(matches!(of(Class::Notice, 1, &permanent(550, "", "no such user")), Verdict::Dead(_)));
        assert_eq!(ends(of(Class::Notice, 1, &permanent(550, "5.7.1", "spam"))), Some(Fate::Failed));
        assert!(counts(of(Class::Notice, 1, &permanent(552, "5.2.2", "full"))));
        assert!(counts(of(Class::Notice, 1, &permanent(550, "5.7.0", "daily quota exceeded"))));
        let unknown = SendError::Unknown { text: text() };
        assert_eq!(ends(of(Class::Letter, 1, &unknown)), Some(Fate::Uncertain));
        assert!(counts(of(Class::Confirmation, 1, &unknown)));
        assert_eq!(ends(after_expiry(&email(Class::Letter, 1), true, now)), Some(Fate::Uncertain));
        assert!(counts(after_expiry(&email(Class::Letter, 1), false, now)));
        assert!(counts(after_expiry(&email(Class::Notice, 1), true, now)));
        assert_eq!(ends(after_expiry(&email(Class::Notice, TRIES), false, now)), Some(Fate::Failed));
    }

    #[test]
    fn what_is_too_late_is_cancelled_and_letters_never_are() {
        let at = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        for (class, fresh, stale) in [
            (Class::Urgent, 3, Some(4)),
            (Class::Notice, 7, Some(8)),
            (Class::Update, 7, Some(8)),
            (Class::Letter, 90, None),
            (Class::Confirmation, 20, None),
        ] {
            assert_eq!(when_stale(&email(class, 1), at(fresh)), None, "{class:?}");
            if let Some(days) = stale {
                assert!(matches!(when_stale(&email(class, 1), at(days)), Some(Verdict::Settle(Fate::Cancelled, _))));
            }
        }
    }

    #[test]
    fn all_tries_together_take_about_three_days() {
        let all: TimeDelta = (1..TRIES).map(|attempts| backoff(attempts, 0.5)).fold(TimeDelta::zero(), |a, b| a + b);
        assert!((TimeDelta::hours(60)..TimeDelta::hours(84)).contains(&all), "{all}");
        assert_eq!(backoff(1, 0.0), TimeDelta::seconds(30));
        assert!(backoff(1000, 0.999) <= TimeDelta::hours(9));
    }

    #[test]
    fn failures_name_nobody() {
        assert_eq!(failure("550 no jane@example.org\r\nhere"), "550 no [address]  here");
    }
}
