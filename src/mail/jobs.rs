//! The background jobs of this slice, but those of the engine ([`super::Engine::register_jobs`]).

use std::sync::Arc;

use chrono::TimeDelta;

use super::{
    bounce_spool::{SCAN_INTERVAL, process_bounce_spool},
    kinds::MailKinds,
    maintenance::delete_expired,
    store::fold_counts,
};
use crate::kernel::{
    Kernel,
    background::{JobInfo, Jobs, Progress, RunsIn, Stage, TURN_LIMIT},
};

/// Registers the background jobs of this slice, but those of the [`Engine`](super::Engine).
pub fn register_jobs(kernel: &Arc<Kernel>, kinds: &MailKinds, jobs: &mut Jobs) {
    let fold = JobInfo::tick(
        "fold_mail_counts",
        Stage::Count,
        "adds the deltas that settled mail has left to `mail_counts`",
        "20,000 deltas in a transaction",
    );
    jobs.add(fold, kernel, async |kernel, _| {
        fold_counts(&kernel.work).await?;
        Ok(Progress::Done)
    });
    let spool = JobInfo::every(
        SCAN_INTERVAL,
        RunsIn::Claim,
        "bounce_spool",
        "reads returned mail from `mail.bounce_spool`, if it is set; claims a file by renaming it",
        "all files that are 2 s old",
        TURN_LIMIT,
    );
    jobs.add(spool, &(kernel.clone(), kinds.clone()), async |(kernel, kinds), _| {
        let read = process_bounce_spool(&kernel, &kinds).await?;
        Ok(if read == 0 { Progress::Idle } else { Progress::Done })
    });
    let expired = JobInfo::maintenance(
        "delete_expired_mail",
        "drops months of settled mail after `retention.mail_days` (30) and makes the partitions of the next; deletes \
         expired lookups of bounces, suppressions, counts and day secrets",
        "5,000 rows of a table, or a partition",
    );
    jobs.add(expired, kernel, async |kernel, turn| {
        let keep = TimeDelta::days(kernel.settings.retention.mail_days.into());
        Ok(Progress::of_batch(delete_expired(&mut *kernel.work.acquire().await?, turn.now, keep).await?))
    });
}
