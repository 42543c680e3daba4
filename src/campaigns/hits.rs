//! How often short links are followed: counted in memory, written every few seconds. A crash may lose the last seconds;
//! no visitor waits for the database, and nothing about a visitor is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::NaiveDate;
use sqlx::PgPool;
use tokio::time::sleep;

use super::store;

/// How long hits gather before they are written.
const GATHER: Duration = Duration::from_secs(2);
/// Time between attempts while the database is away.
const RETRY: Duration = Duration::from_secs(15);

/// Hits that are not written yet.
#[derive(Debug)]
pub struct Hits {
    db: PgPool,
    waiting: Mutex<HashMap<(String, NaiveDate), i64>>,
}

impl Hits {
    /// Counts into this database.
    pub fn new(db: PgPool) -> Arc<Self> {
        Arc::new(Self { db, waiting: Mutex::default() })
    }

    /// Counts one visit of a short link.
    pub fn count(self: &Arc<Self>, word: &str, day: NaiveDate) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        *waiting.entry((word.to_owned(), day)).or_default() += 1;
        if first {
            let hits = self.clone();
            tokio::spawn(async move { hits.write().await });
        }
    }

    /// Writes what gathers until nothing is left.
    async fn write(&self) {
        sleep(GATHER).await;
        loop {
            let gathered: Vec<_> = {
                let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.iter().map(|((word, day), hits)| (word.clone(), *day, *hits)).collect()
            };
            match store::add_hits(&self.db, &gathered).await {
                Ok(()) => {
                    let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    for (word, day, hits) in gathered {
                        let key = (word, day);
                        if let Some(left) = waiting.get_mut(&key) {
                            *left -= hits;
                            if *left == 0 {
                                waiting.remove(&key);
                            }
                        }
                    }
                    if waiting.is_empty() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "visits of short links wait to be written");
                    sleep(RETRY).await;
                }
            }
            sleep(GATHER).await;
        }
    }
}
