//! Writes the rows of those who took part in protected actions anew each night, in random order.
//!
//! Such rows have a day where others have a time, and ids that tell no more. But Postgres keeps the id of the transaction that
//! wrote a row (`xmin`), and rows lie in a table, and in a dump of it, in about the order in which they were written: between
//! two neighbours with a time, a protected act had one too. After the night, all rows of a day have few transaction ids,
//! all of the night, and lie in random order ([ADR 21](../../../docs/adr/0021-rows-are-rewritten-at-night.md)).
//!
//! Which tables: `people` and whatever leads to it by foreign keys, asked of the schema (`rows_of_people`). Each night lists the
//! people of whom a row was written since the night before (`list_people_to_rewrite`), and takes [`BATCH`] at a time
//! (`rewrite_people`), in a transaction that keeps writers away from the tables; it gives up when it has to wait for them for
//! longer than [`LOCK_TIMEOUT`], and the next tick tries again. At the end the old versions of the rows are vacuumed.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::store;
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, Schedule, Stage, Turn},
        table_sweep,
    },
    mail,
};

/// People whose rows are written anew in one transaction: some ten milliseconds in which nobody else writes.
const BATCH: i32 = 200;
/// The longest that writers queue behind a batch that waits for the tables.
const LOCK_TIMEOUT: &str = "500ms";
/// Pause between two batches, and two attempts at one, in which others write.
const PAUSE: Duration = Duration::from_millis(50);
/// Attempts at a batch in one step, each of which ends when it does not get the tables in time.
const ATTEMPTS: u32 = 20;

/// Registers the job.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let info = JobInfo {
        schedule: Schedule::Daily(Stage::Follow),
        ..JobInfo::tick(
            "rewrite_protected_rows",
            Stage::Follow,
            "writes the rows of those who took part in protected actions anew, in random order, so that no transaction id \
             and no order of rows tells a time within the day",
            "200 people in a transaction, which waits for the tables for at most 500 ms",
        )
    };
    jobs.add(info, kernel, async |kernel, turn| rewrite(&kernel, turn).await);
}

async fn rewrite(kernel: &Kernel, turn: Turn) -> Result<Progress> {
    let mut tried = 0;
    let rewritten = loop {
        tried += 1;
        match rewrite_batch(kernel).await {
            // what holds a table may also wait for one that this batch has: the batch gives way
            Err(Error::Unavailable { .. }) if tried < ATTEMPTS && !turn.cancel.is_cancelled() => sleep(PAUSE).await,
            made => break made?,
        }
    };
    if rewritten > 0 {
        sleep(PAUSE).await;
        return Ok(Progress::More);
    }
    let today = turn.now.date_naive();
    let mut conn = kernel.work.acquire().await?;
    let mut tx = kernel.begin_on(&mut conn).await?;
    if store::people_listed_on(&mut tx).await?.is_none_or(|day| day < today) {
        store::set_lock_timeout(&mut tx, LOCK_TIMEOUT).await?;
        mail::rewrite_bounce_lookups(&mut tx).await?;
        store::list_people_to_rewrite(&mut tx, today).await?;
        tx.commit().await?;
        return Ok(Progress::More);
    }
    let tables = store::rewritten_tables(&mut tx).await?;
    tx.commit().await?;
    drop(conn);
    table_sweep::vacuum(&kernel.work, &tables).await?;
    Ok(Progress::Done)
}

/// Returns how many people.
async fn rewrite_batch(kernel: &Kernel) -> Result<i32> {
    let mut conn = kernel.work.acquire().await?;
    let mut tx = kernel.begin_on(&mut conn).await?;
    store::set_lock_timeout(&mut tx, LOCK_TIMEOUT).await?;
    let rewritten = store::rewrite_people(&mut tx, BATCH).await?;
    tx.commit().await?;
    Ok(rewritten)
}
