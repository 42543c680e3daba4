//! Click counters of short links: counted in memory and written every few seconds. A crash may lose the last seconds.
//! No request waits for the database, and nothing about the visitor is stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::NaiveDate;
use sqlx::PgPool;
use tokio::time::sleep;

use super::store;
use crate::kernel::db::with_timeout;

/// Interval between writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);
/// Interval between attempts while the database is unavailable.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// Time limit of a write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Clicks that are not written yet.
#[derive(Debug)]
pub(super) struct ClickCounter {
    db: PgPool,
    pending: Mutex<HashMap<(String, NaiveDate), i64>>,
}

impl ClickCounter {
    /// Counters that are written to this database.
    pub(super) fn new(db: PgPool) -> Arc<Self> {
        Arc::new(Self { db, pending: Mutex::default() })
    }

    /// Counts one visit of a short link.
    pub(super) fn count(self: &Arc<Self>, word: &str, day: NaiveDate) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let first = pending.is_empty();
        *pending.entry((word.to_owned(), day)).or_default() += 1;
        if first {
            let clicks = self.clone();
            tokio::spawn(async move { clicks.write().await });
        }
    }

    /// Writes the counters until none is left.
    async fn write(&self) {
        sleep(WRITE_INTERVAL).await;
        loop {
            let batch: Vec<_> = {
                let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                pending.iter().map(|((word, day), clicks)| (word.clone(), *day, *clicks)).collect()
            };
            let written = async { store::add_clicks(&self.db, &batch).await };
            match with_timeout(WRITE_TIMEOUT, "writing short link clicks", written).await {
                Ok(()) => {
                    let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                    for (word, day, clicks) in batch {
                        let key = (word, day);
                        if let Some(left) = pending.get_mut(&key) {
                            *left -= clicks;
                            if *left == 0 {
                                pending.remove(&key);
                            }
                        }
                    }
                    if pending.is_empty() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        event = "short_link.write_failed",
                        %error,
                        "short link clicks could not be written; retrying"
                    );
                    sleep(RETRY_INTERVAL).await;
                }
            }
            sleep(WRITE_INTERVAL).await;
        }
    }
}
