//! Job that mails the attendees of a moved event, in bounded steps.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{ops, store};
use crate::{
    error::{Code, Result},
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, NextStep},
    },
};

/// The job `event_moved`.
pub(super) struct MovedJob(pub Arc<Kernel>);

impl JobKind for MovedJob {
    fn kind(&self) -> &'static str {
        ops::MOVED_JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let kernel = &self.0;
            let mut tx = kernel.work.begin().await?;
            let event = match store::event(&mut tx, job.id).await {
                Err(error) if error.code() == Code::NotFound => return Ok(NextStep::Done),
                event => event?,
            };
            // over or cancelled meanwhile: the mail would be of no use
            if !event.is_on(kernel.env.now()) {
                return Ok(NextStep::Done);
            }
            let after = job.cursor.unwrap_or_default();
            let (notified, next) = ops::notify_moved(&mut tx, kernel, &event, after).await?;
            jobs::save_progress(&mut tx, job, next.unwrap_or(after), notified).await?;
            tx.commit().await?;
            Ok(next.map_or(NextStep::Done, |_| NextStep::Again))
        })
    }
}
