//! The background jobs of this slice.

use chrono::TimeDelta;

use super::{Petitions, breakdowns, counts, import, invalidation, kind::SignatureKind, milestones, store};
use crate::{
    actions::submission,
    kernel::background::{JobInfo, Jobs, Progress, Stage},
};

/// How long abuse signals are kept.
const SIGNAL_RETENTION: TimeDelta = TimeDelta::hours(72);

/// Registers the background jobs of this slice.
pub fn register_jobs(petitions: &Petitions, jobs: &mut Jobs) {
    let kernel = &petitions.kernel;
    jobs.add_queue(
        invalidation::InvalidationJob(petitions.clone()),
        "counts the signatures that a rule matches, then invalidates or releases them",
        "10,000 counted or 500 changed",
    );
    jobs.add_queue(
        import::ImportJob(petitions.clone()),
        "signs the lines of an uploaded file through the hot path, 32 at a time",
        "400 lines, of up to four pieces of 64 KiB",
    );
    jobs.add_queue(
        import::ImportFileCleanupJob(petitions.clone()),
        "deletes the file of an import that has ended",
        "160 pieces",
    );
    let milestones = JobInfo::tick(
        "record_milestones",
        Stage::Follow,
        "marks milestones, raises goals, mails organizers",
        "500 petitions in a transaction",
    );
    jobs.add(milestones, petitions, async |petitions, _| {
        milestones::record_milestones(&petitions).await?;
        Ok(Progress::Done)
    });
    let breakdowns = JobInfo::tick(
        "publish_breakdowns",
        Stage::Follow,
        "publishes breakdowns once a day, from 100 on, small cells merged, rounded",
        "one petition in a transaction, 1,000 in a tick",
    );
    jobs.add(breakdowns, petitions, async |petitions, _| {
        breakdowns::publish_due(&petitions).await?;
        Ok(Progress::Done)
    });
    let bursts = JobInfo::tick(
        "sync_bursts",
        Stage::Follow,
        "exchanges with other processes how many acts each network and domain brought",
        "",
    );
    jobs.add(bursts.in_each_worker(), petitions, async |petitions, _| {
        petitions.sync_bursts().await;
        Ok(Progress::Done)
    });
    register_maintenance(petitions, jobs);
    counts::register_job(kernel, jobs);
}

fn register_maintenance(petitions: &Petitions, jobs: &mut Jobs) {
    let kernel = &petitions.kernel;
    submission::register_jobs::<SignatureKind>(kernel, jobs);
    let signals =
        JobInfo::maintenance("delete_abuse_signals", "deletes `signature_signals` after 72 hours", "10,000 signals");
    jobs.add(signals, kernel, async |kernel, turn| {
        let before = turn.now - SIGNAL_RETENTION;
        Ok(Progress::of_batch(store::abuse::delete_old_signals(&kernel.work, before).await?))
    });
    let bursts = JobInfo::maintenance(
        "delete_burst_counts",
        "deletes `signature_bursts` of before the last hour",
        "10,000 counts",
    );
    jobs.add(bursts, kernel, async |kernel, turn| {
        Ok(Progress::of_batch(store::abuse::delete_old_burst_counts(&kernel.work, turn.now).await?))
    });
    let invalid = JobInfo::maintenance(
        "erase_invalid_signatures",
        "empties what was said in signatures that have been invalid for 30 days",
        "1,000 signatures",
    );
    jobs.add(invalid, petitions, async |petitions, _| {
        Ok(Progress::of_batch(invalidation::erase_invalid_signatures(&petitions).await?))
    });
    let uploads = JobInfo::maintenance(
        "cancel_abandoned_uploads",
        "cancels imports whose upload broke off an hour ago, or that nobody started for 7 days",
        "100 imports",
    );
    jobs.add(uploads, petitions, async |petitions, _| {
        Ok(Progress::of_batch(import::delete_abandoned_uploads(&petitions).await?))
    });
}
