//! Complete reads of a list in pages by key.
//!
//! Each page is a statement of its own, continued by id; together they return every row that was committed before the
//! first one. Ids are generated before their rows are committed, so a row may appear behind the position while pages
//! are read. An id (`UUIDv7`) contains its time, and a row is committed within a short time of it or not at all.
//! Therefore the recent part is read a second time at the end, from [`RECENT_MINUTES`] before the beginning, and rows
//! that are new are returned, too.
//!
//! A page that fails in an outage is read again.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tokio::time::sleep;
use uuid::Uuid;

use super::store::BATCH;
use crate::{
    error::{Error, Result},
    kernel::{
        db::{STREAM_PART_LIMIT, with_timeout},
        env::Env,
    },
};

/// Maximum age of an id, in minutes, at which its row may still be committed: much longer than any request may take.
const RECENT_MINUTES: i64 = 5;
/// Maximum number of retries of a page while the database is not available; the pause grows by one second each.
const MAX_ATTEMPTS: u64 = 10;

/// Position in a list.
#[derive(Clone, Debug)]
pub(super) struct KeysetPages {
    after: Uuid,
    /// Rows with ids below this are all committed or never will be.
    recent_from: Uuid,
    /// Ids from `recent_from` on that were read, ascending: those of each page. Shared, since the position is cloned for
    /// each page, and on the day of a peak these are a million.
    recent: Vec<Arc<[Uuid]>>,
    is_second: bool,
}

impl KeysetPages {
    /// The beginning of the list.
    pub(super) fn new(env: &Env) -> Self {
        let since = (env.now() - TimeDelta::minutes(RECENT_MINUTES)).timestamp_millis();
        // the first 48 bits of an id are its time
        let recent_from = Uuid::from_u128(u128::from(since.unsigned_abs()) << 80);
        Self { after: Uuid::nil(), recent_from, recent: Vec::new(), is_second: false }
    }

    /// The id after which the next page begins.
    pub(super) fn after(&self) -> Uuid {
        self.after
    }

    /// Moves the position behind a page. Returns its rows that were not read before, and whether there is another page.
    pub(super) fn take<R>(&mut self, page: Vec<R>, id: impl Fn(&R) -> Uuid) -> (Vec<R>, bool) {
        let is_full = i64::try_from(page.len()).is_ok_and(|read| read >= BATCH);
        if let Some(last) = page.last() {
            self.after = id(last);
        }
        let rows = if self.is_second {
            page.into_iter().filter(|row| !self.was_read(&id(row))).collect()
        } else {
            let recent: Arc<[Uuid]> = page.iter().map(&id).filter(|id| *id > self.recent_from).collect();
            self.recent.extend((!recent.is_empty()).then_some(recent));
            page
        };
        if is_full {
            return (rows, true);
        }
        let was_second = std::mem::replace(&mut self.is_second, true);
        self.after = self.recent_from;
        (rows, !was_second)
    }

    fn was_read(&self, id: &Uuid) -> bool {
        let of_its_page = self.recent.partition_point(|page| page.last().is_some_and(|last| last < id));
        self.recent.get(of_its_page).is_some_and(|page| page.binary_search(id).is_ok())
    }
}

/// Reads a page, with up to [`MAX_ATTEMPTS`] retries in an outage.
///
/// # Errors
/// That of the page, after the last retry.
pub(super) async fn with_retries<T, F: Future<Output = Result<T>> + Send>(page: impl Fn() -> F + Send) -> Result<T> {
    for tries in 1..=MAX_ATTEMPTS {
        match with_timeout(STREAM_PART_LIMIT, "a page of an export", page()).await {
            Err(Error::Unavailable { cause, .. }) => {
                tracing::warn!(event = "export.page_failed", cause, "export page could not be read; retrying");
                sleep(Duration::from_secs(tries)).await;
            }
            read => return read,
        }
    }
    with_timeout(STREAM_PART_LIMIT, "a page of an export", page()).await
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
