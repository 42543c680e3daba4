//! The background jobs of this slice.

use std::{sync::Arc, time::Duration};

use super::{
    counts::{Tick, fold_deltas, publish_counts, settle_repeated},
    retention, store,
};
use crate::{
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, Schedule, Stage},
    },
    people::AllRecords,
};

/// Time between two looks for actions whose last day is over.
const END_INTERVAL: Duration = Duration::from_mins(1);

/// Registers the ends of actions' data, which are made again in a database that is put back.
pub fn register_records(kernel: &Arc<Kernel>, records: &mut AllRecords) {
    records.register(retention::EndRecords(kernel.clone()));
}

/// Registers the background jobs of this slice.
pub fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let close =
        JobInfo::tick("close_due_actions", Stage::Change, "closes published actions past their `closes_at`", "");
    jobs.add(close, kernel, async |kernel, turn| {
        store::close_due(&kernel.work, turn.now).await?;
        Ok(Progress::Done)
    });
    let end = JobInfo::tick(
        "end_actions",
        Stage::Change,
        "ends the data of actions whose last day is over in their time zone: nobody can take part any more; protected: the \
         vault's keys are destroyed",
        "one action in a transaction",
    );
    let end = JobInfo { schedule: Schedule::SlowTick(Stage::Change, END_INTERVAL), ..end };
    jobs.add(end, kernel, async |kernel, turn| {
        retention::end_due(&kernel, turn.now).await?;
        Ok(Progress::Done)
    });
    let fold = JobInfo::tick(
        "fold_action_counts",
        Stage::Count,
        "adds the deltas that acts have left to `action_counts`",
        "20,000 deltas in a transaction",
    );
    jobs.add(fold, kernel, async |kernel, _| {
        fold_deltas(&kernel.work).await?;
        Ok(Progress::Done)
    });
    let settle = JobInfo {
        schedule: Schedule::Daily(Stage::Count),
        ..JobInfo::tick(
            "settle_repeated_submissions",
            Stage::Count,
            "takes submissions of people who had taken part before out of the published numbers of actions that ask for no \
             confirmation",
            "",
        )
    };
    jobs.add(settle, kernel, async |kernel, _| {
        settle_repeated(&kernel.work).await?;
        Ok(Progress::Done)
    });
    let confirmed = JobInfo::tick(
        "publish_counts",
        Stage::Publish,
        "publishes the totals of actions that ask for confirmation",
        "",
    );
    jobs.add(confirmed, kernel, async |kernel, turn| {
        publish_counts(&kernel.work, Tick::Confirmed, turn.now).await?;
        Ok(Progress::Done)
    });
    let unconfirmed = JobInfo::tick(
        "publish_unconfirmed_counts",
        Stage::Publish,
        "publishes the totals of actions that ask for none, floored to ten",
        "",
    );
    // `counts.unconfirmed_tick_seconds`
    let period = Duration::from_secs(kernel.settings.counts.unconfirmed_tick_seconds.into());
    let unconfirmed = JobInfo { schedule: Schedule::SlowTick(Stage::Publish, period), ..unconfirmed };
    jobs.add(unconfirmed, kernel, async |kernel, turn| {
        publish_counts(&kernel.work, Tick::Unconfirmed, turn.now).await?;
        Ok(Progress::Done)
    });
    let protected = JobInfo {
        schedule: Schedule::Daily(Stage::Publish),
        ..JobInfo::tick(
            "publish_protected_counts",
            Stage::Publish,
            "publishes the totals of protected actions, floored to ten",
            "",
        )
    };
    jobs.add(protected, kernel, async |kernel, turn| {
        publish_counts(&kernel.work, Tick::Protected, turn.now).await?;
        Ok(Progress::Done)
    });
}
