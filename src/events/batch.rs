//! Group commits of registrations and of their confirmations: what is submitted at once is written in one transaction
//! (see `kernel::group_commit`).

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    confirmation,
    ops::LoadedAttendance,
    store::{self, AttendanceSubmission, SubmissionResult},
};
use crate::{
    error,
    kernel::{
        Kernel,
        env::Env,
        group_commit::{Batch, write_apart},
        links::Token,
    },
};

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

/// Confirms batches of registrations; an act is the link.
#[derive(Debug)]
pub(super) struct AttendanceConfirmations {
    /// Pools, vaults, clock.
    pub kernel: Arc<Kernel>,
}

impl Batch for AttendanceConfirmations {
    type Act = Token;
    type Outcome = error::Result<LoadedAttendance>;
    const NAME: &'static str = "attendance_confirmations";

    fn write<'a>(
        &'a self,
        links: &'a [Token],
    ) -> BoxFuture<'a, Result<Vec<error::Result<LoadedAttendance>>, sqlx::Error>> {
        Box::pin(write_apart(links, |links| Box::pin(confirmation::confirm(&self.kernel, links))))
    }
}
