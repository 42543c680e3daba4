//! The worker: runs the background jobs that the slices register. Any number of processes may be workers: they share
//! mail and queued jobs; each tick and each maintenance round is made by one of them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{app::App, error::Result, kernel::jobs::JobKind};

/// Runs all background jobs until cancelled.
///
/// # Errors
/// When the mail transport cannot be configured.
pub async fn run(app: App, cancel: CancellationToken) -> Result<()> {
    app.worker_jobs()?.run(cancel).await;
    Ok(())
}

/// The registered kinds of rows of the table `jobs` (tests).
pub fn job_kinds(app: &App) -> Vec<Arc<dyn JobKind>> {
    app.jobs().queue_kinds().to_vec()
}

/// Makes steps of all kinds of queued jobs until none is due (tests). Returns their number.
///
/// # Errors
/// `unavailable` while the database cannot be reached.
pub async fn run_jobs(app: &App) -> Result<usize> {
    app.jobs().work_off_queues().await
}

/// One tick, whoever leads (tests); `is_slow` says whether unconfirmed counts are published, too.
///
/// # Errors
/// The first error of a job.
pub async fn tick(app: &App, is_slow: bool) -> Result<()> {
    app.jobs().tick(is_slow).await
}

/// One maintenance round, whoever leads, and one of the keyring, which has a job of its own in every process (tests).
///
/// # Errors
/// The first error of a job, for example of a keyring that cannot be written.
pub async fn run_maintenance(app: &App) -> Result<()> {
    let pruned = app.kernel.vaults.prune().await.map(drop);
    let maintained = app.jobs().maintain().await;
    pruned.and(maintained)
}
