//! Deletes the rows of actions whose data has ended, for all kinds ([`SubmissionKind`]).
//!
//! Submissions go in batches, each with its mails, what hangs on it and the people of whom nothing is left; then the people
//! of the action's own vault, its suppressions, and what else the kind keeps. Each batch is a transaction, and what is left
//! is found again from the rows, so a step that was interrupted goes on where it was. An act that was accepted just before
//! the end may be written after it: an end is closed only when nothing was found [`IN_FLIGHT`] after it. Then the tables
//! are written anew ([`crate::kernel::table_sweep`]).

use std::{marker::PhantomData, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::submission::SubmissionKind;
use crate::{
    campaigns::{self, Kind, OpenEnd, Privacy},
    error::Result,
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, Turn},
        table_sweep,
    },
    mail, people,
};

/// Submissions, or people, that one transaction deletes.
const BATCH: i32 = 1000;
/// The longest that an act takes from being accepted to being written: the time limits of a request and of the group
/// commit, and the two seconds for which an opened vault is kept.
const IN_FLIGHT: TimeDelta = TimeDelta::minutes(2);

/// What one kind keeps of an action that has ended.
trait EndedRows: Send + Sync {
    fn kind(&self) -> Kind;

    /// Deletes the next submissions. Returns how many.
    fn delete<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        action: Uuid,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<usize>>;

    /// Deletes what else there is.
    fn clear<'a>(&'a self, conn: &'a mut PgConnection, action: Uuid) -> BoxFuture<'a, Result<()>>;

    /// The tables from which both delete.
    fn tables(&self) -> Vec<&'static str>;
}

struct RowsOf<K>(PhantomData<fn() -> K>);

impl<K: SubmissionKind> EndedRows for RowsOf<K> {
    fn kind(&self) -> Kind {
        K::KIND
    }

    fn delete<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        action: Uuid,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let ids = people::lock_ended_submissions(conn, K::TABLE, K::ACTION_COLUMN, action, BATCH).await?;
            if !ids.is_empty() {
                mail::forget_mail_about(conn, now, K::REF, &ids).await?;
                K::delete_beside(conn, &ids, now).await?;
                people::delete_ended_submissions(conn, K::TABLE, &ids).await?;
            }
            Ok(ids.len())
        })
    }

    fn clear<'a>(&'a self, conn: &'a mut PgConnection, action: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(K::clear_ended(conn, action))
    }

    fn tables(&self) -> Vec<&'static str> {
        [&[K::TABLE], K::TABLES_BESIDE].concat()
    }
}

/// The registered kinds of action.
#[derive(Clone, Default)]
pub struct EndedKinds(Vec<Arc<dyn EndedRows>>);

impl std::fmt::Debug for EndedKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|rows| rows.kind())).finish()
    }
}

impl EndedKinds {
    /// Registers a kind.
    pub fn register<K: SubmissionKind>(&mut self) {
        self.0.push(Arc::new(RowsOf::<K>(PhantomData)));
    }
}

/// Registers the job.
pub fn register_jobs(kernel: &Arc<Kernel>, kinds: EndedKinds, jobs: &mut Jobs) {
    let info = JobInfo::maintenance(
        "delete_ended_rows",
        "deletes everything of those who took part in an action that has ended; counts stay",
        "1,000 submissions or people",
    );
    jobs.add(info, &(kernel.clone(), Arc::new(kinds)), async |(kernel, kinds), turn| {
        delete_ended_rows(&kernel, &kinds, turn).await
    });
}

/// Makes one step for the first end for which there is one.
async fn delete_ended_rows(kernel: &Kernel, kinds: &EndedKinds, turn: Turn) -> Result<Progress> {
    let mut conn = kernel.work.acquire().await?;
    for end in campaigns::open_ends(&mut conn).await? {
        let Some(rows) = kinds.0.iter().find(|rows| rows.kind() == end.kind) else { continue };
        let mut tx = kernel.begin_on(&mut conn).await?;
        if delete_some(&mut tx, &**rows, &end, turn.now).await? {
            tx.commit().await?;
            return Ok(Progress::More);
        }
        if end.ended_at + IN_FLIGHT <= turn.now {
            let mut tables: Vec<String> = rows.tables().into_iter().map(str::to_owned).collect();
            tables.extend(people::tables_about_people(&mut tx).await?);
            tables.extend(
                ["suppressions", "address_strikes", "emails_waiting", "mail_bounce_lookups"].map(str::to_owned),
            );
            table_sweep::request(&mut tx, &tables, turn.now).await?;
            campaigns::close_end(&mut tx, end.action, turn.now).await?;
            tx.commit().await?;
            tracing::info!(event = "retention.rows_gone", action = %end.action, "nothing is left of those who took part");
            return Ok(Progress::More);
        }
        tx.commit().await?;
    }
    Ok(Progress::Done)
}

/// Deletes the next batch; false when there is none.
async fn delete_some(conn: &mut PgConnection, rows: &dyn EndedRows, end: &OpenEnd, now: DateTime<Utc>) -> Result<bool> {
    if rows.delete(conn, end.action, now).await? > 0 {
        return Ok(true);
    }
    if end.privacy == Privacy::Protected {
        if people::delete_people_of_vault(conn, end.vault, BATCH.into()).await? > 0 {
            return Ok(true);
        }
        mail::forget_vault(conn, end.vault).await?;
    }
    rows.clear(conn, end.action).await?;
    Ok(false)
}
