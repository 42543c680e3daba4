//! The recount: compares the counters of an action with its rows, for any number of rows, while submissions go on.
//!
//! All rows are counted range by range in short statements, each with a digest of its row versions (`xmin`). Then the
//! counters are read, and the digests are taken again: a row version that exists before and after existed all the
//! time, so a range with the same digest had the same count in the snapshot of the counters, too. A range with
//! another digest is read in the same statement as the counters in the next round; if those are more than
//! [`MAX_OPEN_RANGES`] ranges, they are counted again right before the next round and checked first after it. No lock
//! is held, and no snapshot is older than a statement over [`ROWS_PER_RANGE`] rows, or over [`MAX_OPEN_RANGES`]
//! ranges for the comparison.
//!
//! A difference is repaired by a delta, which stays correct at any later time: submissions change rows and counters
//! alike.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use sqlx::{Acquire, PgConnection, PgPool};
use uuid::Uuid;

use super::action::Kind;
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, TURN_LIMIT},
        db::with_timeout,
        keyset_pagination::force_index_scans,
    },
};

/// Rows that one statement counts. A small machine without any of them in memory reads ten thousand a second, so a
/// statement takes two seconds there; and the smaller a range, the fewer rows are read again because one of them
/// changed.
pub const ROWS_PER_RANGE: i64 = 20_000;
/// Ranges that one statement compares with the counts, at most: 300,000 rows, which the same machine reads in 30
/// seconds, the limit of a statement in the background ([`crate::kernel::db::PoolKind::statement_limit`]).
const MAX_OPEN_RANGES: usize = 15;
/// Maximum number of rounds before the recount of an action is postponed.
const MAX_ROUNDS: usize = 8;
/// Timeout of one statement.
const STATEMENT_LIMIT: Duration = Duration::from_secs(40);
/// Duration of a lease, unless it is renewed.
const LEASE: &str = "10 minutes";
/// Time until a postponed recount is tried again.
const RETRY_DELAY: &str = "6 hours";

/// UTC hour after which the nightly recount is due (02:30 in St. John's, 22:00 in Vancouver: lowest traffic).
const START_HOUR_UTC: u32 = 6;

/// Counts by dimension and key.
pub type CountsByCell = BTreeMap<(String, String), i64>;

/// Rows whose ids are larger than `after`, up to `upto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The last id before the range.
    pub after: Uuid,
    /// The last id of the range.
    pub upto: Uuid,
}

/// What a number that a store reads is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CellKind {
    /// What rows count for.
    Rows,
    /// What is kept of it.
    Kept,
    /// Rows that are gone for good.
    Erased,
    /// Digest of the row versions.
    Digest,
}

crate::kernel::text_enum!(CellKind);

/// A number that a store reads.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Cell {
    /// What it is.
    pub kind: CellKind,
    /// By what it is counted; empty for the last two.
    pub dimension: String,
    /// Its key there.
    pub key: String,
    /// The number.
    pub n: i64,
}

/// What the rows of a range count for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeCounts {
    /// Digest of the row versions.
    pub digest: i64,
    /// What they count for.
    pub cells: CountsByCell,
}

impl From<Vec<Cell>> for RangeCounts {
    fn from(read: Vec<Cell>) -> Self {
        let mut slice = Self::default();
        for cell in read {
            if cell.kind == CellKind::Digest {
                slice.digest = cell.n;
            } else {
                slice.cells.insert((cell.dimension, cell.key), cell.n);
            }
        }
        slice
    }
}

/// Rows and counts in one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What the rows of the ranges count for.
    pub rows: CountsByCell,
    /// What is kept: folded counts and deltas; rows that were erased for good are taken off.
    pub kept: CountsByCell,
    /// Rows of it were erased: only the total still includes them.
    pub has_erased: bool,
}

impl From<Vec<Cell>> for Comparison {
    fn from(read: Vec<Cell>) -> Self {
        let mut compared = Self::default();
        for cell in read {
            match cell.kind {
                CellKind::Rows => {
                    compared.rows.insert((cell.dimension, cell.key), cell.n);
                }
                CellKind::Kept => {
                    compared.kept.insert((cell.dimension, cell.key), cell.n);
                }
                _ => compared.has_erased = cell.n > 0,
            }
        }
        compared
    }
}

/// The rows behind the counts of one kind of action.
pub trait Countable: Send + Sync {
    /// The kind.
    const KIND: Kind;

    /// The id of the row that is `rows` rows after this id, if there are so many.
    fn boundary(
        &self,
        conn: &mut PgConnection,
        action: Uuid,
        after: Uuid,
        rows: i64,
    ) -> impl Future<Output = Result<Option<Uuid>>> + Send;

    /// Counts a range.
    fn slice(
        &self,
        conn: &mut PgConnection,
        action: Uuid,
        range: Range,
    ) -> impl Future<Output = Result<RangeCounts>> + Send;

    /// Takes the digest of a range.
    fn digest(&self, conn: &mut PgConnection, action: Uuid, range: Range) -> impl Future<Output = Result<i64>> + Send;

    /// Reads these ranges, and the counts, in one statement.
    fn compare(
        &self,
        conn: &mut PgConnection,
        action: Uuid,
        ranges: &[Range],
    ) -> impl Future<Output = Result<Comparison>> + Send;

    /// Is this number a column of the action's own row instead of a counter? Then [`Countable::repair`] repairs it.
    fn is_on_action_row(_dimension: &str) -> bool {
        false
    }

    /// Repairs columns of the action's own row, in the transaction that repairs its counters.
    fn repair(
        &self,
        _conn: &mut PgConnection,
        _action: Uuid,
        _wrong: &[&CountDifference],
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// A counter that was wrong: dimension, key, difference.
pub type CountDifference = (String, String, i64);

/// The repair of an action's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The action.
    pub action: Uuid,
    /// The counters that were wrong.
    pub cells: Vec<CountDifference>,
}

/// Registers the nightly recount of a kind of action. A step compares one action.
pub fn register_job<C: Countable + Copy + 'static>(
    kernel: &Arc<Kernel>,
    jobs: &mut Jobs,
    name: &'static str,
    countable: C,
) {
    // its statements have limits of their own: counting a hundred million rows takes longer than a batch may
    let info = JobInfo::maintenance(
        name,
        "compares the counts of one action with its rows and mends them, each night from 06:00 UTC; put off for 6 h \
         when the rows change too fast",
        "20,000 rows in a statement",
    )
    .with_limit(TURN_LIMIT);
    jobs.add(info, &(kernel.clone(), countable), async |(kernel, countable), turn| {
        let verified = verify_next(&kernel.work, &countable, last_due(turn.now), turn.now).await?;
        Ok(if verified.is_some() { Progress::More } else { Progress::Done })
    });
}

/// The last time at which a nightly recount became due.
fn last_due(now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(START_HOUR_UTC.into());
    if now >= today { today } else { today - TimeDelta::days(1) }
}

/// Compares the counts of the action of a kind that was verified longest ago with its rows, repairs them and notes the
/// time. `None` when all were verified after `since`, or another process recounts it.
async fn verify_next<C: Countable>(
    db: &PgPool,
    countable: &C,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Repair>> {
    let next = sqlx::query_scalar!(
        "SELECT a.id FROM actions a WHERE a.kind = $2 AND (a.verified_at IS NULL OR a.verified_at < $1)
           AND NOT EXISTS (SELECT FROM action_ends e WHERE e.action_id = a.id)
           AND NOT EXISTS (SELECT FROM recounts r WHERE r.action_id = a.id AND r.leased_until > now())
         ORDER BY a.verified_at NULLS FIRST, a.id LIMIT 1",
        since,
        C::KIND.as_str()
    )
    .fetch_optional(db)
    .await?;
    let Some(action) = next else { return Ok(None) };
    let cells = match recount(db, countable, action, ROWS_PER_RANGE, now).await {
        Ok(cells) => cells,
        // another process recounts it, or it changes too fast: continue with the next one
        Err(error) if error.code() == Code::Conflict => Vec::new(),
        Err(error) => return Err(error),
    };
    if !cells.is_empty() {
        metrics::counter!("muster_counts_repaired").increment(cells.len() as u64);
        tracing::error!(event = "recount.repaired", %action, ?cells, "counts repaired");
    }
    Ok(Some(Repair { action, cells }))
}

/// Compares the counts of one action with its rows, repairs them and notes the time. Ranges have `rows` rows
/// ([`ROWS_PER_RANGE`]).
///
/// # Errors
/// `conflict` while another process recounts it, or when the rows changed too fast to be counted.
pub async fn recount<C: Countable>(
    db: &PgPool,
    countable: &C,
    action: Uuid,
    rows: i64,
    now: DateTime<Utc>,
) -> Result<Vec<CountDifference>> {
    let claim = RecountLease::take(db, action).await?;
    let found = match differences(db, countable, &claim, rows).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            claim.postpone(db).await?;
            tracing::warn!(event = "recount.postponed", %action, "recount postponed: the rows change too fast");
            metrics::counter!("muster_recounts_postponed").increment(1);
            return Err(Error::problem(
                Code::Conflict,
                "The signatures change too fast to be counted. Try again later.",
            ));
        }
        Err(error) => {
            // if this fails the lease expires
            let _ = claim.give_up(db).await;
            return Err(error);
        }
    };
    claim.finish(db, countable, &found, now).await?;
    Ok(found)
}

/// One statement over the rows, in a transaction whose plan does not read a whole table.
async fn with_index_scans<T>(db: &PgPool, query: impl AsyncFnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
    let mut conn = db.acquire().await?;
    let mut tx = conn.begin().await?;
    force_index_scans(&mut tx).await?;
    let result = with_timeout(STATEMENT_LIMIT, "a recount", query(&mut tx)).await?;
    tx.commit().await?;
    Ok(result)
}

/// What is wrong; `None` when it cannot be told.
async fn differences<C: Countable>(
    db: &PgPool,
    countable: &C,
    claim: &RecountLease,
    rows: i64,
) -> Result<Option<Vec<CountDifference>>> {
    let action = claim.action;
    let mut closed: Vec<(Range, RangeCounts)> = Vec::new();
    let mut open: Vec<Range> = Vec::new();
    let mut after = Uuid::nil();
    for _ in 0..MAX_ROUNDS {
        // the ranges that are full; before a further round those that have filled meanwhile
        while let Some(upto) =
            with_index_scans(db, async |conn| countable.boundary(conn, action, after, rows).await).await?
        {
            let range = Range { after, upto };
            closed.push((range, with_index_scans(db, async |conn| countable.slice(conn, action, range).await).await?));
            claim.renew(db).await?;
            after = upto;
        }
        // the rest is smaller than a range
        let compare: Vec<Range> = open.iter().copied().chain([Range { after, upto: Uuid::max() }]).collect();
        let compared = with_index_scans(db, async |conn| countable.compare(conn, action, &compare).await).await?;
        claim.renew(db).await?;
        let (mut same, mut changed) = (Vec::with_capacity(closed.len()), Vec::new());
        // the newest, and those that were counted last, change most
        for (range, slice) in closed.into_iter().rev() {
            let digest = with_index_scans(db, async |conn| countable.digest(conn, action, range).await).await?;
            claim.renew(db).await?;
            if digest == slice.digest { same.push((range, slice)) } else { changed.push(range) }
        }
        if changed.is_empty() {
            return Ok(Some(differences_of(same.iter().map(|(_, slice)| &slice.cells), &compared)));
        }
        same.reverse();
        closed = same;
        if compare.len() + changed.len() <= MAX_OPEN_RANGES {
            open.extend(changed);
            continue;
        }
        for range in changed.into_iter().rev() {
            closed.push((range, with_index_scans(db, async |conn| countable.slice(conn, action, range).await).await?));
            claim.renew(db).await?;
        }
    }
    Ok(None)
}

fn differences_of<'a>(
    closed: impl Iterator<Item = &'a CountsByCell>,
    compared: &'a Comparison,
) -> Vec<CountDifference> {
    let mut cells = CountsByCell::new();
    for (cell, n) in closed.flatten().chain(&compared.rows) {
        *cells.entry(cell.clone()).or_default() += n;
    }
    for (cell, n) in &compared.kept {
        *cells.entry(cell.clone()).or_default() -= n;
    }
    let is_known = |dimension: &str| dimension == "total" || !compared.has_erased;
    let wrong = cells.into_iter().filter(|((dimension, _), n)| *n != 0 && is_known(dimension));
    wrong.map(|((dimension, key), n)| (dimension, key, n)).collect()
}

/// The lease under which one process recounts an action, for as long as it renews it.
struct RecountLease {
    action: Uuid,
    token: Uuid,
}

impl RecountLease {
    async fn take(db: &PgPool, action: Uuid) -> Result<Self> {
        let token = sqlx::query_scalar!(
            "INSERT INTO recounts AS r (action_id, lease_token, leased_until) VALUES ($1, gen_random_uuid(), now() + $2::text::interval)
             ON CONFLICT (action_id) DO UPDATE SET lease_token = excluded.lease_token, leased_until = excluded.leased_until
             WHERE r.leased_until <= now()
             RETURNING lease_token",
            action,
            LEASE
        )
        .fetch_optional(db)
        .await?;
        let busy = || {
            Error::problem(
                Code::Conflict,
                "These are being counted, or change too fast to be counted. Try again later.",
            )
        };
        Ok(Self { action, token: token.ok_or_else(busy)? })
    }

    async fn renew(&self, db: &PgPool) -> Result<()> {
        self.until(db, LEASE).await
    }

    async fn postpone(&self, db: &PgPool) -> Result<()> {
        self.until(db, RETRY_DELAY).await
    }

    async fn until(&self, db: &PgPool, time: &str) -> Result<()> {
        let held = sqlx::query!(
            "UPDATE recounts SET leased_until = now() + $3::text::interval WHERE action_id = $1 AND lease_token = $2",
            self.action,
            self.token,
            time
        )
        .execute(db)
        .await?;
        if held.rows_affected() == 1 { Ok(()) } else { Err(lease_lost()) }
    }

    async fn give_up(&self, db: &PgPool) -> Result<()> {
        sqlx::query!("DELETE FROM recounts WHERE action_id = $1 AND lease_token = $2", self.action, self.token)
            .execute(db)
            .await?;
        Ok(())
    }

    /// Repairs the counters and ends the lease. Does nothing when the lease was lost: another process repairs them.
    async fn finish<C: Countable>(
        &self,
        db: &PgPool,
        countable: &C,
        wrong: &[CountDifference],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut tx = db.begin().await?;
        let held =
            sqlx::query!("DELETE FROM recounts WHERE action_id = $1 AND lease_token = $2", self.action, self.token)
                .execute(&mut *tx)
                .await?;
        if held.rows_affected() == 0 {
            return Err(lease_lost());
        }
        let (own, counts): (Vec<&CountDifference>, Vec<&CountDifference>) =
            wrong.iter().partition(|(dimension, ..)| C::is_on_action_row(dimension));
        if !own.is_empty() {
            countable.repair(&mut tx, self.action, &own).await?;
        }
        let (dimensions, (keys, deltas)): (Vec<String>, (Vec<String>, Vec<i64>)) =
            counts.into_iter().map(|(dimension, key, n)| (dimension.clone(), (key.clone(), *n))).unzip();
        sqlx::query!(
            "INSERT INTO action_count_deltas (action_id, dimension, key, delta)
             SELECT $1, w.dimension, w.key, w.delta FROM unnest($2::text[], $3::text[], $4::bigint[]) w (dimension, key, delta)",
            self.action,
            &dimensions,
            &keys,
            &deltas
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("UPDATE actions SET verified_at = $2 WHERE id = $1", self.action, now).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn lease_lost() -> Error {
    Error::problem(Code::Conflict, "Another process has taken this recount over. Try again later.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(of: &[(&str, i64)]) -> CountsByCell {
        of.iter().map(|(dimension, n)| (((*dimension).to_owned(), String::new()), *n)).collect()
    }

    #[test]
    fn count_difference_is_rows_minus_kept() {
        let closed = [cells(&[("total", 3), ("day", 3)]), cells(&[("total", 2), ("day", 2)])];
        let mut compared =
            Comparison { rows: cells(&[("total", 1)]), kept: cells(&[("total", 6), ("day", 4)]), has_erased: false };
        let wrong = |compared: &Comparison| differences_of(closed.iter(), compared);
        assert_eq!(wrong(&compared), [("day".to_owned(), String::new(), 1)]);
        compared.has_erased = true;
        assert_eq!(wrong(&compared), []);
        compared.kept = cells(&[("total", 7), ("day", 4)]);
        assert_eq!(wrong(&compared), [("total".to_owned(), String::new(), -1)]);
    }
}
