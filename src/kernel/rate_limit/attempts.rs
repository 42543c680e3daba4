//! Limits on attempts at secrets: passwords, typed codes, requests for the own page.
//!
//! Failures within a window of 15 minutes are counted for all processes, in an unlogged table. The keys are HMACs,
//! under the daily secret, of what is tried and where from: neither an account nor an IP address can be read from
//! them. An attempt is counted before it is checked, so that concurrent attempts cannot exceed a limit; a successful
//! one removes its count, and all failures of its subject from the same source.
//!
//! There are three counters, so that nobody can lock anybody out:
//! - one subject from one source: after a few failures, wait until the window ends;
//! - one source, any subject: then a proof of work or a wait is required, which is bearable for a shelter behind one
//!   address and costly for a machine;
//! - one subject, any source: likewise. Failures elsewhere slow the owner at most, and not at all on a device on which
//!   the subject has signed in before, which has a counter of its own.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{Proof, RateLimiter, Source};
use crate::{
    config::{self, GuardMode},
    error::{Code, Error, Result},
    kernel::{crypto::Key, day_secret},
};

/// Length of a window in seconds. Windows are aligned with midnight (UTC), so that one daily secret holds for a whole
/// window.
const WINDOW_SECONDS: i64 = 900;
/// Wait in seconds instead of a proof of work, when the counter has just reached its limit.
const WAIT_INSTEAD_OF_PROOF_SECONDS: i64 = 15;
/// Maximum number of times that work and wait double as the count grows.
const MAX_DOUBLINGS: u32 = 3;
/// Factor on the limit per source: from this many failures for a subject, from all sources, a proof is required.
const ALL_SOURCES_FACTOR: u32 = 3;
/// Factor on the limit that requires a proof: from this many failures attempts are refused even with a proof.
const REFUSAL_FACTOR: u32 = 10;
/// How long a response waits for an attempt to be uncounted.
const UNCOUNT_TIMEOUT: Duration = Duration::from_secs(1);
/// A limit that is never reached.
const NO_LIMIT: u32 = u32::MAX;

/// What is attempted. Each purpose has its own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AttemptPurpose {
    /// A password.
    SignIn,
    /// A code of a second factor.
    SecondFactor,
    /// The code in a mail, typed instead of following the mail's link.
    TypedCode,
    /// A request for the mail that leads to the own page. Nothing is guessed, but each request sends a mail.
    OwnPage,
    /// A request for the mail with the link to a new password. Likewise.
    PasswordReset,
}

impl AttemptPurpose {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An attempt that is about to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What is attempted.
    pub purpose: AttemptPurpose,
    /// The account or address whose secret is tried, in its normalised form.
    pub subject: &'a str,
    /// Where the request comes from.
    pub source: Source,
    /// Hash of the cookie of a device on which the subject has signed in before.
    pub known_device: Option<[u8; 32]>,
    /// The proof of work or ticket sent along.
    pub proof: Proof<'a>,
}

/// An attempt that was counted as a failure; stays one if dropped.
#[must_use = "an attempt that is not told to have succeeded counts as a failure"]
#[derive(Debug)]
pub struct CountedAttempt<'a> {
    limiter: &'a RateLimiter,
    /// Keys of its counters: that of the subject at this source or device first, then the wider ones.
    keys: Vec<Vec<u8>>,
}

/// A counter with its limits: the numbers of failures from which an attempt needs a proof, or is refused.
#[derive(Clone, Debug)]
struct Counter {
    key: Vec<u8>,
    proof_from: u32,
    refused_from: u32,
}

/// Whether an attempt is allowed, given the failures before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Admission {
    Allowed,
    /// A proof is required; its work and wait are doubled this many times.
    NeedsProof(u32),
    Refused,
}

impl Counter {
    fn admission(&self, failures: u32) -> Admission {
        if failures >= self.refused_from {
            Admission::Refused
        } else if failures >= self.proof_from {
            Admission::NeedsProof((failures / self.proof_from.max(1)).ilog2().min(MAX_DOUBLINGS))
        } else {
            Admission::Allowed
        }
    }
}

impl RateLimiter {
    /// Counts an attempt, and decides whether its secret may be checked.
    ///
    /// # Errors
    /// `challenge_required` with a challenge when a proof is needed; `too_many_requests` when the attempt must wait
    /// for the end of the window; `unavailable` when the database cannot be reached, since nothing can be counted
    /// then.
    pub async fn begin(&self, attempt: Attempt<'_>) -> Result<CountedAttempt<'_>> {
        let mut counted = CountedAttempt { limiter: self, keys: Vec::new() };
        if self.settings.mode == GuardMode::Off {
            return Ok(counted);
        }
        let day = self.env.now().date_naive();
        let load = async || day_secret::for_day(&mut *self.db.acquire().await?, &self.env, day).await.map(Arc::new);
        let secret = self.day_secrets.get(&day, load).await?;
        let counters = counters(&self.settings, &secret, self.window(), &attempt);
        let keys: Vec<Vec<u8>> = counters.iter().map(|counter| counter.key.clone()).collect();

        let purpose = attempt.purpose.as_str();
        let limited = |answer: &'static str| {
            metrics::counter!("muster_rate_limited_attempts", "purpose" => purpose, "response" => answer).increment(1);
        };
        let refuse = || {
            limited("refused");
            Error::problem(Code::TooManyRequests, "Too many attempts. Please wait up to a quarter of an hour.")
        };
        let ask = |doublings: u32| {
            limited("proof");
            self.challenge(
                purpose,
                self.settings.challenge_work << doublings,
                WAIT_INSTEAD_OF_PROOF_SECONDS << doublings,
            )
        };
        let proven = match strictest(&counters, &Box::pin(self.failures(&keys)).await?) {
            Admission::Allowed => false,
            Admission::NeedsProof(doublings) => {
                if !self.redeem(attempt.proof, purpose, self.settings.challenge_work << doublings).await? {
                    return Err(ask(doublings));
                }
                true
            }
            Admission::Refused => return Err(refuse()),
        };
        // The narrowest counter first: an attempt that it stops is not counted in the wider ones, so that many
        // concurrent attempts from one source do not affect others.
        for counter in &counters {
            let limit = if proven { counter.refused_from } else { counter.refused_from.min(counter.proof_from) };
            if Box::pin(self.count_below(&counter.key, limit)).await? {
                counted.keys.push(counter.key.clone());
                continue;
            }
            counted.cancel().await;
            return Err(match counter.admission(limit) {
                Admission::NeedsProof(doublings) => ask(doublings),
                Admission::Allowed | Admission::Refused => refuse(),
            });
        }
        Ok(counted)
    }

    /// Seconds until the current window ends, when refused attempts are accepted again.
    pub fn seconds_until_next_window(&self) -> i64 {
        WINDOW_SECONDS - self.env.now().timestamp().rem_euclid(WINDOW_SECONDS)
    }

    fn window(&self) -> i64 {
        self.env.now().timestamp().div_euclid(WINDOW_SECONDS)
    }

    async fn failures(&self, keys: &[Vec<u8>]) -> Result<Vec<(Vec<u8>, u32)>> {
        let rows = sqlx::query!("SELECT key, failures FROM attempts WHERE key = ANY($1)", keys);
        let rows = rows.fetch_all(&mut *self.db.acquire().await?).await?;
        Ok(rows.into_iter().map(|row| (row.key, number(row.failures))).collect())
    }

    /// Increments a counter unless it has reached `limit`; atomic, so that concurrent attempts cannot exceed it.
    async fn count_below(&self, key: &[u8], limit: u32) -> Result<bool> {
        let ends_at = DateTime::from_timestamp((self.window() + 1) * WINDOW_SECONDS, 0).unwrap_or_default();
        let done = sqlx::query!(
            "INSERT INTO attempts AS a (key, failures, ends_at) VALUES ($1, 1, $2)
             ON CONFLICT (key) DO UPDATE SET failures = a.failures + 1 WHERE a.failures < $3",
            key,
            ends_at,
            i64::from(limit)
        );
        Ok(done.execute(&mut *self.db.acquire().await?).await?.rows_affected() == 1)
    }

    /// Subtracts failures, one row per statement, so that two of these cannot deadlock.
    async fn uncount(&self, keys: &[Vec<u8>], failures: i64) -> Result<()> {
        for key in keys {
            sqlx::query!(
                "UPDATE attempts SET failures = greatest(failures - $2, 0) WHERE key = $1",
                key.as_slice(),
                failures
            )
            .execute(&mut *self.db.acquire().await?)
            .await?;
        }
        Ok(())
    }
}

impl CountedAttempt<'_> {
    /// The secret was right: removes the subject's failures from this source, in the wider counters too.
    pub async fn succeeded(self) {
        let Some((own, wider)) = self.keys.split_first() else { return };
        let forget = async {
            let gone = sqlx::query_scalar!("DELETE FROM attempts WHERE key = $1 RETURNING failures", own.as_slice());
            let failures = gone.fetch_optional(&mut *self.limiter.db.acquire().await?).await?.unwrap_or(1);
            self.limiter.uncount(wider, failures).await
        };
        Box::pin(uncount_in_time(forget)).await;
    }

    /// The attempt could not be checked: uncounts it.
    pub async fn cancel(self) {
        Box::pin(uncount_in_time(self.limiter.uncount(&self.keys, 1))).await;
    }
}

/// Waits a limited time for counts to be removed; what fails counts until its window ends.
async fn uncount_in_time(uncounting: impl Future<Output = Result<()>>) {
    let failed = match tokio::time::timeout(UNCOUNT_TIMEOUT, uncounting).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tracing::warn!(
        event = "rate_limit.not_uncounted",
        error = failed,
        "an attempt could not be uncounted: it counts as a failure until its window ends"
    );
}

fn number(failures: i64) -> u32 {
    u32::try_from(failures).unwrap_or(if failures < 0 { 0 } else { u32::MAX })
}

/// The counters of an attempt, that of its subject at its source first.
fn counters(settings: &config::Guard, secret: &Key, window: i64, attempt: &Attempt<'_>) -> Vec<Counter> {
    let (purpose, subject) = (attempt.purpose.as_str().as_bytes(), attempt.subject.as_bytes());
    let key = |what: &[u8], subject: &[u8], place: &[u8]| {
        secret.mac(&[b"attempt", purpose, &window.to_be_bytes(), what, subject, place]).to_vec()
    };
    let (few, from_source) = match attempt.purpose {
        AttemptPurpose::SignIn | AttemptPurpose::SecondFactor => (settings.sign_in_attempts, settings.sign_in_attempts),
        AttemptPurpose::TypedCode => (settings.code_attempts, settings.attempts_per_network),
        AttemptPurpose::OwnPage | AttemptPurpose::PasswordReset => {
            (settings.own_page_requests, settings.attempts_per_network)
        }
    };
    if let Some(device) = attempt.known_device {
        return vec![Counter { key: key(b"device", subject, &device), proof_from: NO_LIMIT, refused_from: few }];
    }
    let many = few.saturating_mul(REFUSAL_FACTOR);
    let is_password = attempt.purpose == AttemptPurpose::SignIn;
    vec![
        Counter {
            key: key(b"subject at source", subject, &attempt.source.customer()),
            proof_from: if is_password { NO_LIMIT } else { few },
            refused_from: if is_password { few } else { many },
        },
        Counter {
            key: key(b"subject", subject, b""),
            proof_from: few.saturating_mul(ALL_SOURCES_FACTOR),
            refused_from: NO_LIMIT,
        },
        Counter {
            key: key(b"source", b"", &attempt.source.site()),
            proof_from: from_source,
            // each password costs a slow hash, so proofs of work do not buy any number of them
            refused_from: if is_password { many } else { NO_LIMIT },
        },
    ]
}

/// The strictest admission of all counters. A counter without a row has no failures.
fn strictest(counters: &[Counter], failures: &[(Vec<u8>, u32)]) -> Admission {
    let of = |counter: &Counter| failures.iter().find(|(key, _)| *key == counter.key).map_or(0, |(_, n)| *n);
    counters.iter().map(|counter| counter.admission(of(counter))).max().unwrap_or(Admission::Allowed)
}

/// Deletes up to `limit_rows` counters whose window has ended. Returns how many.
pub(super) async fn delete_expired(db: &PgPool, now: DateTime<Utc>, limit_rows: i64) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE ends_at <= $1 LIMIT $2)",
        now,
        limit_rows
    );
    Ok(done.execute(db).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_of_work_doubles_up_to_a_maximum() {
        let counter = Counter { key: Vec::new(), proof_from: 10, refused_from: 400 };
        for (failures, admission) in [
            (0, Admission::Allowed),
            (9, Admission::Allowed),
            (10, Admission::NeedsProof(0)),
            (19, Admission::NeedsProof(0)),
            (20, Admission::NeedsProof(1)),
            (40, Admission::NeedsProof(2)),
            (80, Admission::NeedsProof(3)),
            (399, Admission::NeedsProof(3)),
            (400, Admission::Refused),
        ] {
            assert_eq!(counter.admission(failures), admission, "{failures}");
        }
        let other = Counter { key: vec![1], proof_from: 1, refused_from: NO_LIMIT };
        assert_eq!(strictest(&[counter, other], &[(vec![], 10), (vec![1], 0)]), Admission::NeedsProof(0));
    }
}
