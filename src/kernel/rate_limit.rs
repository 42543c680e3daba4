//! Rate limiting of public acts and of attempts at secrets. It slows floods and never turns a crowd away.
//!
//! A shelter or a union hall shares one IP address, so many acts from one address are legitimate: up to a set rate
//! nothing is asked; beyond it a proof of work (ALTCHA) or, without JavaScript, a short wait. Public acts are counted
//! in this process's memory, so that they need no query and work during a database outage; N processes allow N times
//! the free rate. Attempts at secrets (passwords, typed codes) are counted in the database, for all processes
//! ([`attempts`]).
//!
//! Sources are identified only by a hash whose key is deleted soon after; no IP address is stored or logged.

pub mod attempts;
mod proof;
mod source;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgPool;
use uuid::Uuid;

pub use attempts::{Attempt, AttemptPurpose};
pub use proof::Proof;
pub use source::{Source, TrustedProxies};

use super::{
    Kernel,
    background::{JobInfo, Jobs, Progress},
    cache::Cache,
    crypto::Key,
    db::PublicDb,
    env::Env,
    keyring::SigningKeys,
};
use crate::{
    config::{self, GuardMode},
    error::Result,
};

/// Seconds that a client without JavaScript waits; each further waiting request of the same source adds as many (at
/// most 60 in all).
const WAIT_SECONDS: i64 = 5;
/// Maximum number of sources counted in one minute; acts of further sources all count as first acts.
const MAX_TRACKED_SOURCES: usize = 200_000;
/// Purpose in proofs for public acts.
const PUBLIC_ACT_PURPOSE: &str = "act";
/// Time for which the daily secret is cached.
const DAY_SECRET_TTL: Duration = Duration::from_mins(5);
/// Time for which registrations of one network hold at most [`HELD_SEATS`] seats of an event.
const HOLD_SECONDS: i64 = 1800;
/// Seats of an event that registrations of one network may hold until they are confirmed.
const HELD_SEATS: u32 = 10;
/// Rows deleted by one statement.
const DELETE_BATCH: i64 = 10_000;

/// What a source did in the current minute.
#[derive(Clone, Copy, Default)]
struct SourceCount {
    acts: u32,
    waiting: i64,
}

/// Counts of a time. When it is over, all of it is dropped, including the key of its hashes.
struct Window<T> {
    seconds: i64,
    number: i64,
    key: Key,
    sources: HashMap<[u8; 32], T>,
}

impl<T: Default> Window<T> {
    fn new(seconds: i64, env: &Env) -> Self {
        let number = env.now().timestamp() / seconds;
        Self { seconds, number, key: Key::random(env), sources: HashMap::new() }
    }

    /// Counts for what these parts identify.
    fn count<R>(&mut self, env: &Env, parts: &[&[u8]], with: impl FnOnce(&mut T) -> R) -> R {
        if self.number != env.now().timestamp() / self.seconds {
            *self = Self::new(self.seconds, env);
        }
        let hash = self.key.mac(parts);
        if self.sources.len() >= MAX_TRACKED_SOURCES && !self.sources.contains_key(&hash) {
            return with(&mut T::default());
        }
        with(self.sources.entry(hash).or_default())
    }
}

/// Limits by source.
pub struct RateLimiter {
    settings: config::Guard,
    env: Env,
    db: PublicDb,
    secret: SigningKeys,
    window: Mutex<Window<SourceCount>>,
    held: Mutex<Window<u32>>,
    day_secrets: Cache<NaiveDate, Arc<Key>>,
}

impl std::fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RateLimiter(..)")
    }
}

impl RateLimiter {
    /// A rate limiter. `secret` signs challenges, so that any process of the installation can verify them.
    pub fn new(settings: config::Guard, env: Env, db: PublicDb, secret: SigningKeys) -> Self {
        let window = Mutex::new(Window::new(60, &env));
        let held = Mutex::new(Window::new(HOLD_SECONDS, &env));
        let day_secrets = Cache::new(env.clone(), DAY_SECRET_TTL);
        Self { settings, env, db, secret, window, held, day_secrets }
    }

    /// Counts and admits a public act; a suspect one, which may be a program's, only with a proof.
    ///
    /// # Errors
    /// `challenge_required` (428) when the source is above its free rate or the act is suspect, and it sent no valid
    /// proof; `unavailable` when a proof cannot be checked because the database cannot be reached.
    pub async fn admit(&self, source: Source, proof: Proof<'_>, is_suspect: bool) -> Result<()> {
        let count = |source: &mut SourceCount| {
            source.acts = source.acts.saturating_add(1);
            source.acts
        };
        if self.settings.mode == GuardMode::Off {
            return Ok(());
        }
        if self.count_source(source, count) <= self.settings.free_per_minute && !is_suspect {
            return Ok(());
        }
        let work = self.settings.challenge_work;
        if self.redeem(proof, PUBLIC_ACT_PURPOSE, work).await? {
            return Ok(());
        }
        let waiting = |source: &mut SourceCount| {
            source.waiting = (source.waiting + 1).min(12);
            source.waiting
        };
        Err(self.challenge(PUBLIC_ACT_PURPOSE, work, WAIT_SECONDS * self.count_source(source, waiting)))
    }

    fn count_source<T>(&self, source: Source, with: impl FnOnce(&mut SourceCount) -> T) -> T {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.count(&self.env, &[&source.customer()], with)
    }

    /// May a registration from this source hold so many seats of an event until it is confirmed? Counts them, if so.
    pub fn admit_hold(&self, source: Source, event: Uuid, seats: u32) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.count(&self.env, &[&source.site(), event.as_bytes()], |held| {
            let is_admitted = *held + seats <= HELD_SEATS;
            if is_admitted {
                *held += seats;
            }
            is_admitted
        })
    }
}

/// Registers the deletion of expired proofs and of attempts whose window has ended.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let proofs = JobInfo::maintenance(
        "delete_used_challenges",
        "deletes spent proofs of work that have expired",
        "10,000 proofs",
    );
    jobs.add(proofs, kernel, async |kernel, turn| {
        Ok(Progress::of_batch(delete_used_challenges(&kernel.work, turn.now).await?))
    });
    let attempts =
        JobInfo::maintenance("delete_attempts", "deletes counts of attempts whose window has ended", "10,000 counts");
    jobs.add(attempts, kernel, async |kernel, turn| {
        Ok(Progress::of_batch(attempts::delete_expired(&kernel.work, turn.now, DELETE_BATCH).await?))
    });
}

/// Deletes a batch of expired proofs. Returns how many.
async fn delete_used_challenges(db: &PgPool, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM used_challenges WHERE challenge IN (SELECT challenge FROM used_challenges WHERE expires_at < $1 LIMIT $2)",
        now,
        DELETE_BATCH
    );
    Ok(done.execute(db).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use axum::{
        extract::{ConnectInfo, FromRequestParts},
        http::Request,
    };
    use chrono::TimeDelta;

    use super::*;
    use crate::config::Settings;

    async fn from(address: [u8; 4]) -> Source {
        let mut request = Request::new(());
        request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from((address, 1))));
        let Ok(source) = Source::from_request_parts(&mut request.into_parts().0, &()).await;
        source
    }

    #[tokio::test]
    async fn tracked_sources_stay_limited_when_many_new_ones_come() {
        let settings =
            Settings::read("test", &[("MUSTER__GUARD__FREE_PER_MINUTE".to_owned(), "1".to_owned())]).unwrap();
        let env = Env::system();
        env.advance(TimeDelta::seconds(60 - env.now().timestamp() % 60));
        let nowhere = PgPool::connect_lazy("postgres://nowhere.invalid/").unwrap();
        let limiter = RateLimiter::new(
            settings.guard,
            env.clone(),
            PublicDb::new(nowhere),
            SigningKeys::fixed(Key::random(&env)),
        );
        let known = from([192, 0, 2, 1]).await;
        limiter.admit(known, Proof::default(), false).await.unwrap();
        {
            let mut window = limiter.window.lock().unwrap();
            for n in 0..MAX_TRACKED_SOURCES as u64 {
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&n.to_be_bytes());
                window.sources.insert(hash, SourceCount::default());
            }
        }
        limiter.admit(known, Proof::default(), false).await.unwrap_err();
        limiter.admit(from([192, 0, 2, 2]).await, Proof::default(), false).await.unwrap();
        assert!(limiter.window.lock().unwrap().sources.len() <= MAX_TRACKED_SOURCES + 1, "memory stays bounded");
        env.advance(TimeDelta::minutes(1));
        limiter.admit(known, Proof::default(), false).await.unwrap();
        assert_eq!(limiter.window.lock().unwrap().sources.len(), 1, "the minute before is forgotten");
    }
}
