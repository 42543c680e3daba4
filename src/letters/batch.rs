//! Group commits of letters and of their confirmations: what is submitted at once is written in one transaction (see
//! `kernel::group_commit`).

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    confirmation::{self, ConfirmedLetter},
    store::{self, LetterSubmission, LetterSubmissionTarget, SubmissionResult},
};
use crate::{
    campaigns::SubmissionOutcome,
    error,
    kernel::{
        Kernel,
        group_commit::{Batch, write_apart},
        links::Token,
    },
};

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

/// Confirms batches of letters; an act is the link.
#[derive(Debug)]
pub(super) struct LetterConfirmations {
    /// Pools, vaults, clock.
    pub kernel: Arc<Kernel>,
}

impl Batch for LetterConfirmations {
    type Act = Token;
    type Outcome = error::Result<ConfirmedLetter>;
    const NAME: &'static str = "letter_confirmations";

    fn write<'a>(
        &'a self,
        links: &'a [Token],
    ) -> BoxFuture<'a, Result<Vec<error::Result<ConfirmedLetter>>, sqlx::Error>> {
        Box::pin(write_apart(links, |links| Box::pin(confirmation::confirm(&self.kernel, links))))
    }
}
