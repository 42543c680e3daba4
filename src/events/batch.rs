//! Group commit of registrations: what is submitted at once is written in one transaction (see `kernel::group_commit`).

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::{self, AttendanceSubmission, SubmissionResult};
use crate::kernel::{env::Env, group_commit::Batch};

/// Writes batches of registrations.
#[derive(Debug)]
pub(super) struct AttendanceBatch {
    /// Pool of the hot path.
    pub db: PgPool,
    /// Clock, ids and randomness.
    pub env: Env,
}

impl Batch for AttendanceBatch {
    type Act = AttendanceSubmission;
    type Outcome = SubmissionResult;
    const NAME: &'static str = "attendances";

    fn write<'a>(
        &'a self,
        acts: &'a [AttendanceSubmission],
    ) -> BoxFuture<'a, Result<Vec<SubmissionResult>, sqlx::Error>> {
        Box::pin(async move {
            let written = store::submit_attendances(&self.db, acts, self.env.now()).await?;
            let mut by_id: HashMap<Uuid, SubmissionResult> =
                written.into_iter().map(|w| (w.submission_id, w)).collect();
            let lost = || sqlx::Error::Protocol("submit_attendances left an act without its outcome".to_owned());
            acts.iter().map(|act| by_id.remove(&act.id).ok_or_else(lost)).collect()
        })
    }
}
