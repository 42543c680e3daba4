//! Counts of sent and failed mail by provider, collected in memory and flushed periodically. Approximate: counts that
//! are not flushed are lost with the process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::NaiveDate;

use super::store;
use crate::{error::Result, kernel::Kernel};

/// Providers so large that their domain does not identify a person.
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

/// The name under which mail to a domain is counted: the domain of a large provider, or `other`.
pub(super) fn provider(domain: &str) -> &'static str {
    PROVIDERS.iter().find(|known| known.eq_ignore_ascii_case(domain)).copied().unwrap_or(OTHER)
}

/// Result of a mail, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ProviderOutcome {
    /// Accepted by the relay.
    Sent,
    /// Failed for good.
    Failed,
}

/// Counts that are not flushed yet: `[sent, failed]` by provider.
#[derive(Debug, Default)]
pub(super) struct ProviderCounts {
    waiting: Mutex<HashMap<&'static str, [i64; 2]>>,
}

impl ProviderCounts {
    pub(super) fn count(&self, domain: &str, what: ProviderOutcome) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(provider(domain)).or_default()[what as usize] += 1;
    }

    /// Writes the counts to the database; after an error they are kept for the next flush.
    pub(super) async fn flush(&self, kernel: &Kernel) -> Result<()> {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let day: NaiveDate = kernel.env.now().date_naive();
        let mut rows: Vec<(&str, [i64; 2])> = taken.iter().map(|(domain, counts)| (*domain, *counts)).collect();
        rows.sort_unstable(); // the same lock order in all processes, against deadlocks
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
