//! Environment passed to every operation: clock, id generator, randomness.
//!
//! No other code asks the operating system for these (`clippy.toml` forbids it), so that tests can move the clock.
//! Cheap to clone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use rand::Rng;
use uuid::{Builder, Uuid};

/// Clock, ids and randomness.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// Microseconds by which this clock is ahead of the system's; changed by tests only.
    ahead: Arc<AtomicI64>,
}

impl Env {
    /// An environment on the system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// The current time, truncated to microseconds, which is what Postgres stores.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> DateTime<Utc> {
        let now = Utc::now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed));
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// A monotonic instant, for durations and the age of cached values. Moves with [`Env::advance`].
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn instant(&self) -> Instant {
        let ahead = self.ahead.load(Ordering::Relaxed);
        Instant::now() + Duration::from_micros(ahead.try_into().unwrap_or(0))
    }

    /// Offset of this clock from the system's; zero outside tests. Code that reads the database's clock adds it.
    pub fn ahead(&self) -> TimeDelta {
        TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Moves this clock and all its clones forward (tests).
    pub fn advance(&self, by: TimeDelta) {
        self.ahead.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::Relaxed);
    }

    /// The current time as a row may store it: floored to the day for rows of protected actions.
    pub fn recorded_now(&self, protected: bool) -> DateTime<Utc> {
        let now = self.now();
        if protected { floor_to_day(now) } else { now }
    }

    /// A new `UUIDv7` (RFC 9562), time-ordered.
    pub fn id(&self) -> Uuid {
        self.id_at(self.now())
    }

    /// A new id for a row. For rows of protected actions its timestamp is floored to the day, so that the id does not
    /// tell at what hour somebody took part.
    pub fn recorded_id(&self, protected: bool) -> Uuid {
        self.id_at(self.recorded_now(protected))
    }

    fn id_at(&self, at: DateTime<Utc>) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Fills `bytes` from the thread's cryptographically secure generator, which is seeded by the operating system.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
    pub fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A random number in `[0, 1)`, for jitter.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn fraction(&self) -> f64 {
        (u64::from_le_bytes(self.random()) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Midnight (UTC) of the day that contains `at`.
pub fn floor_to_day(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_protected_rows_tell_only_the_day() {
        let env = Env::system();
        let (millis, _) = env.recorded_id(true).get_timestamp().unwrap().to_unix();
        assert_eq!(millis % 86_400, 0);
        assert_ne!(env.recorded_id(true), env.recorded_id(true));
    }

    #[test]
    fn the_clock_moves_for_all_clones() {
        let env = Env::system();
        let before = (env.now(), env.instant());
        env.clone().advance(TimeDelta::days(3));
        assert!(env.now() - before.0 >= TimeDelta::days(3));
        assert!(env.instant() - before.1 >= Duration::from_hours(72));
    }
}
