//! Reading a list page by page so that nobody is missed.
//!
//! Pages are short statements of their own, continued by id; together they see everything that was committed before the first
//! one. Ids are made before their rows are committed, so while the pages are read a row may appear behind them. An id carries
//! the time at which it was made, and a row is written within a short time of that or not at all: so at the end the young part
//! is read once more, from [`RECENT_MINUTES`] before the beginning on, and rows that are met for the first time are taken too.
//!
//! A page that an outage interrupts is read again; what was given out before stays as it was.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;
use uuid::Uuid;

use super::store::BATCH;
use crate::{
    error::{Error, Result},
    kernel::env::Env,
};

/// Minutes within which a row is committed, or is not, once its id was made: much longer than any request may take.
const RECENT_MINUTES: i64 = 5;
/// How often a page is tried again while the database is away; the pauses grow by a second.
const MAX_ATTEMPTS: u64 = 10;

/// How far a list was read.
#[derive(Clone, Debug)]
pub struct KeysetPages {
    after: Uuid,
    /// No id below this belongs to a row that may still appear.
    recent_from: Uuid,
    /// Young rows that were read, by id.
    recent: Vec<Uuid>,
    is_second: bool,
}

impl KeysetPages {
    /// From the beginning.
    pub fn new(env: &Env) -> Self {
        let since = (env.now() - TimeDelta::minutes(RECENT_MINUTES)).timestamp_millis();
        // the first 48 bits of an id are its time
        let recent_from = Uuid::from_u128(u128::from(since.unsigned_abs()) << 80);
        Self { after: Uuid::nil(), recent_from, recent: Vec::new(), is_second: false }
    }

    /// The id after which the next page begins.
    pub fn after(&self) -> Uuid {
        self.after
    }

    /// Goes on behind a page: its rows that were not read before, and whether there is another page.
    pub fn take<R>(&mut self, page: Vec<R>, id: impl Fn(&R) -> Uuid) -> (Vec<R>, bool) {
        let is_full = i64::try_from(page.len()).is_ok_and(|read| read >= BATCH);
        if let Some(last) = page.last() {
            self.after = id(last);
        }
        let rows = if self.is_second {
            page.into_iter().filter(|row| self.recent.binary_search(&id(row)).is_err()).collect()
        } else {
            self.recent.extend(page.iter().map(&id).filter(|id| *id > self.recent_from));
            page
        };
        if is_full {
            return (rows, true);
        }
        let was_second = std::mem::replace(&mut self.is_second, true);
        self.after = self.recent_from;
        (rows, !was_second)
    }
}

/// Reads a page, again and again through an outage that is not too long.
///
/// # Errors
/// The page's, the last of an outage.
pub async fn with_retries<T, F: Future<Output = Result<T>> + Send>(page: impl Fn() -> F + Send) -> Result<T> {
    for tries in 1..=MAX_ATTEMPTS {
        match page().await {
            Err(Error::Unavailable { cause, .. }) => {
                tracing::warn!(event = "export.page_failed", cause, "export page could not be read; retrying");
                sleep(Duration::from_secs(tries)).await;
            }
            read => return read,
        }
    }
    page().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(from: u128, to: u128) -> Vec<Uuid> {
        (from..to).map(Uuid::from_u128).collect()
    }

    #[test]
    fn rows_appearing_behind_a_page_are_read_once_at_the_end() {
        let env = Env::system();
        let mut pages = KeysetPages::new(&env);
        let old = pages.recent_from.as_u128() - 5_000;
        let batch = u128::from(BATCH.unsigned_abs());
        assert_eq!(pages.after(), Uuid::nil());
        let (rows, more) = pages.take(page(old, old + batch), |id| *id);
        assert_eq!((rows.len(), more, pages.after()), (1_000, true, Uuid::from_u128(old + batch - 1)));
        // ids that come in now, every second one
        let now = env.id().as_u128() & !0xFFFF;
        let every_second: Vec<Uuid> = page(now, now + 400).into_iter().step_by(2).collect();
        let (rows, more) = pages.take(every_second, |id| *id);
        assert_eq!((rows.len(), more, pages.after()), (200, true, pages.recent_from));
        // the young part again, with those between them that were committed since
        let (rows, more) = pages.take(page(now, now + 400), |id| *id);
        assert_eq!((rows.len(), more), (200, false));
        assert!(rows.iter().all(|id| id.as_u128() % 2 == 1));
    }

    #[test]
    fn empty_list_is_read_twice() {
        let mut pages = KeysetPages::new(&Env::system());
        assert!(pages.take(Vec::<Uuid>::new(), |id| *id).1);
        assert!(!pages.take(Vec::<Uuid>::new(), |id| *id).1);
    }
}
