//! Transactions that tell the caches of this process what they changed, when they commit.
//!
//! There is one way in which caches learn of a change: the SQL function `invalidate_cache`, which triggers call on
//! every table that something cached is read from, and [`invalidate`] for rows of the hot path, whose tables have no
//! such triggers. It sends a notification, which Postgres delivers to all processes when the transaction commits, so a
//! process that dies after the commit loses none; and it notes the change in a setting of the transaction.
//! [`Transaction::commit`] reads that setting, commits, and then tells this process' own caches, so that who changed
//! something sees it at once, whether the process listens or not. A rollback, also to a savepoint, undoes both.
//!
//! Requests have their transactions from [`Db`] or [`Kernel::begin_on`](super::Kernel::begin_on). Group commits, the
//! mail engine and ticks use plain transactions, without the query that reads the setting: what they change is heard by
//! notification, or expires.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use futures_util::{future::BoxFuture, stream::BoxStream};
use sqlx::{
    Acquire, Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::{
    cache_invalidation::{CacheInvalidation, CacheInvalidator},
    db::Pools,
};
use crate::error::Result;

/// A pool whose transactions tell the caches of this process what they changed.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    invalidator: Arc<CacheInvalidator>,
}

impl Db {
    /// A pool over `pool`.
    pub(super) fn new(pool: PgPool, invalidator: Arc<CacheInvalidator>) -> Self {
        Self { pool, invalidator }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// `unavailable` when no connection is free in time.
    pub async fn begin(&self) -> Result<Transaction<'static>> {
        Ok(Transaction { inner: self.pool.begin().await?, invalidator: self.invalidator.clone() })
    }
}

impl From<Db> for Pools {
    fn from(db: Db) -> Self {
        db.pool.into()
    }
}

impl Deref for Db {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.pool
    }
}

/// A transaction that tells the caches of this process what it changed when it commits. Dropped, it is rolled back.
#[derive(Debug)]
pub struct Transaction<'c> {
    inner: sqlx::Transaction<'c, Postgres>,
    invalidator: Arc<CacheInvalidator>,
}

impl<'c> Transaction<'c> {
    /// Begins one on a connection that somebody holds.
    pub(super) async fn begin(conn: &'c mut PgConnection, invalidator: Arc<CacheInvalidator>) -> Result<Self> {
        Ok(Self { inner: conn.begin().await?, invalidator })
    }

    /// Commits, then tells the caches of this process what was changed.
    ///
    /// # Errors
    /// A database error. After a lost connection it is unknown whether the transaction was committed.
    pub async fn commit(mut self) -> Result<()> {
        let noted = sqlx::query_scalar!("SELECT current_setting('muster.invalidated', true)")
            .fetch_one(&mut *self.inner)
            .await?
            .unwrap_or_default();
        // told also when the caller is cancelled from here on, or the connection is lost: it may have been committed
        let mut telling = Telling { changed: parse(&noted), invalidator: self.invalidator };
        self.inner.commit().await.inspect_err(|error| {
            if matches!(error, sqlx::Error::Database(_)) {
                telling.changed.clear();
            }
        })?;
        Ok(())
    }

    /// Undoes everything.
    pub async fn rollback(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for Transaction<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

/// Tells the caches when it is dropped.
struct Telling {
    changed: Vec<CacheInvalidation>,
    invalidator: Arc<CacheInvalidator>,
}

impl Drop for Telling {
    fn drop(&mut self) {
        for change in self.changed.drain(..) {
            self.invalidator.publish(change);
        }
    }
}

/// What the setting `muster.invalidated` names: payloads of notifications, separated by spaces.
fn parse(noted: &str) -> Vec<CacheInvalidation> {
    let mut changed: Vec<_> = noted.split_whitespace().map(CacheInvalidation::parse).collect();
    // a picture is gone before the pages that showed it are made again
    changed.sort_by_key(|change| !matches!(change, CacheInvalidation::ImageRemoved(_)));
    changed
}

/// Notes, in the caller's transaction, that something cached was changed that no trigger watches.
pub async fn invalidate(conn: &mut PgConnection, change: CacheInvalidation) -> Result<()> {
    sqlx::query!("SELECT invalidate_cache($1)", change.to_string()).fetch_one(conn).await?;
    Ok(())
}

/// Single statements run as on the pool, without a transaction of this kind.
impl<'p> Executor<'p> for &'p Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.pool.fetch_many(query)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.pool.fetch_optional(query)
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'p: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'p: 'e,
    {
        self.pool.describe(sql)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn noted_changes_are_parsed_pictures_first() {
        let (row, image) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let noted = format!("{row} mail image:{image} *");
        let expected = [
            CacheInvalidation::ImageRemoved(image),
            CacheInvalidation::Row(row),
            CacheInvalidation::Mail,
            CacheInvalidation::All,
        ];
        assert_eq!(parse(&noted), expected);
        assert!(expected.iter().all(|change| CacheInvalidation::parse(&change.to_string()) == *change));
        assert!(parse("").is_empty());
    }
}
