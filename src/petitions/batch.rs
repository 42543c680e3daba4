//! Group commit of signatures: what is submitted at once is written in one transaction (see `kernel::group_commit`).

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::{self, SignatureSubmission, SubmissionResult};
use crate::{
    kernel::group_commit::Batch,
    letters::{LetterSubmission, LetterSubmissionTarget, PreparedLetter},
};

/// A signature, and the letter attached to it.
#[derive(Clone, Debug)]
pub(super) struct PreparedSignature {
    /// The signature.
    pub submission: SignatureSubmission,
    /// The letter.
    pub letter: Option<PreparedLetter>,
}

/// Writes batches of signatures.
#[derive(Debug)]
pub(super) struct SignatureBatch {
    /// Pool of the database.
    pub db: PgPool,
}

impl Batch for SignatureBatch {
    type Act = PreparedSignature;
    type Outcome = SubmissionResult;
    const NAME: &'static str = "signatures";

    fn write<'a>(
        &'a self,
        submissions: &'a [PreparedSignature],
    ) -> BoxFuture<'a, Result<Vec<SubmissionResult>, sqlx::Error>> {
        Box::pin(async move {
            let signatures: Vec<SignatureSubmission> = submissions.iter().map(|a| a.submission.clone()).collect();
            let letters: Vec<LetterSubmission> =
                submissions.iter().filter_map(|a| Some(a.letter.as_ref()?.submission.clone())).collect();
            let targets: Vec<LetterSubmissionTarget> =
                submissions.iter().filter_map(|a| a.letter.as_ref()).flat_map(|l| l.targets.iter().copied()).collect();
            let written = store::submit_signatures(&self.db, &signatures, &letters, &targets).await?;
            let mut by_id: HashMap<Uuid, SubmissionResult> =
                written.into_iter().map(|w| (w.submission_id, w)).collect();
            let missing = || sqlx::Error::Protocol("submit_signatures left an act without its outcome".to_owned());
            submissions.iter().map(|a| by_id.remove(&a.submission.id).ok_or_else(missing)).collect()
        })
    }
}
