//! Group commit of letters: what is submitted at once is written in one transaction (see `kernel::group_commit`).

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::{self, LetterSubmission, LetterSubmissionTarget, SubmissionResult};
use crate::{campaigns::SubmissionOutcome, kernel::group_commit::Batch};

/// A letter with its targets.
#[derive(Clone, Debug)]
pub struct PreparedLetter {
    /// The letter.
    pub submission: LetterSubmission,
    /// One entry for each office.
    pub targets: Vec<LetterSubmissionTarget>,
}

/// Writes batches of letters.
#[derive(Debug)]
pub(super) struct LetterBatch {
    /// Pool of the hot path.
    pub db: PgPool,
}

impl Batch for LetterBatch {
    type Act = PreparedLetter;
    type Outcome = SubmissionResult;
    const NAME: &'static str = "letters";

    fn write<'a>(
        &'a self,
        submissions: &'a [PreparedLetter],
    ) -> BoxFuture<'a, Result<Vec<SubmissionResult>, sqlx::Error>> {
        Box::pin(async move {
            let letters: Vec<LetterSubmission> = submissions.iter().map(|a| a.submission.clone()).collect();
            let targets: Vec<LetterSubmissionTarget> =
                submissions.iter().flat_map(|a| a.targets.iter().copied()).collect();
            let written = store::submit_letters(&self.db, &letters, &targets).await?;
            let mut by_id: HashMap<Uuid, SubmissionResult> =
                written.into_iter().map(|w| (w.submission_id, w)).collect();
            // A pending letter that was pruned because the same batch has three newer ones of its person has no row;
            // it counts as created.
            let gone = |id| SubmissionResult {
                submission_id: id,
                letter_id: id,
                person_id: None,
                outcome: SubmissionOutcome::Created,
            };
            Ok(submissions
                .iter()
                .map(|a| by_id.remove(&a.submission.id).unwrap_or_else(|| gone(a.submission.id)))
                .collect())
        })
    }
}
