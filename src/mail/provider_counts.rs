//! What became of mail by provider, counted in memory and written down now and then: a hint for organizers, not a record.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::NaiveDate;

use super::store;
use crate::{error::Result, kernel::Kernel};

/// Time between two writings.
const FLUSH_INTERVAL: Duration = Duration::from_secs(15);

/// Providers so large that their name says nothing about a person.
const PROVIDERS: [&str; 24] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "hotmail.ca",
    "hotmail.fr",
    "live.com",
    "live.ca",
    "msn.com",
    "yahoo.com",
    "yahoo.ca",
    "yahoo.fr",
    "ymail.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "proton.me",
    "protonmail.com",
    "videotron.ca",
    "sympatico.ca",
    "rogers.com",
    "shaw.ca",
    "telus.net",
];
/// All other domains.
const OTHER: &str = "other";

/// A domain as it may be kept.
pub(super) fn provider(domain: &str) -> &'static str {
    PROVIDERS.iter().find(|known| known.eq_ignore_ascii_case(domain)).copied().unwrap_or(OTHER)
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ProviderOutcome {
    /// The relay took it.
    Sent,
    /// The relay refused it for good.
    Failed,
}

/// Counts that wait to be written.
#[derive(Debug, Default)]
pub(super) struct ProviderCounts {
    waiting: Mutex<HashMap<&'static str, [i64; 2]>>,
    written: Mutex<Option<Instant>>,
}

impl ProviderCounts {
    pub(super) fn count(&self, domain: &str, what: ProviderOutcome) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(provider(domain)).or_default()[what as usize] += 1;
    }

    /// Is it time to write again?
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = written.is_none_or(|at| now.saturating_duration_since(at) >= FLUSH_INTERVAL);
        if is_due {
            *written = Some(now);
        }
        is_due
    }

    /// Writes what waits; what cannot be written waits on.
    pub(super) async fn flush(&self, kernel: &Kernel) -> Result<()> {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let day: NaiveDate = kernel.env.now().date_naive();
        let mut rows: Vec<(&str, [i64; 2])> = taken.iter().map(|(domain, counts)| (*domain, *counts)).collect();
        rows.sort_unstable(); // one order for all processes
        let written = async { store::add_provider_counts(&mut *kernel.work.acquire().await?, day, &rows).await };
        if let Err(error) = written.await {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for (domain, counts) in taken {
                let sum = waiting.entry(domain).or_default();
                sum.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
            return Err(error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_providers_are_counted_as_other() {
        assert_eq!(provider("Gmail.com"), "gmail.com");
        assert_eq!(provider("jane-doe.example"), "other");
    }
}
