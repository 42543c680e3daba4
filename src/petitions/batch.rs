//! Group commits of signatures and of their confirmations: what is submitted at once is written in one transaction (see
//! `kernel::group_commit`).

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    confirmation::{self, SignatureConfirmation},
    ops::LoadedSignature,
    store::{self, SignatureSubmission, SubmissionResult},
};
use crate::{
    error,
    kernel::{
        Kernel,
        group_commit::{Batch, write_apart},
    },
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

/// Confirms batches of signatures.
#[derive(Debug)]
pub(super) struct SignatureConfirmations {
    /// Pools, vaults, clock.
    pub kernel: Arc<Kernel>,
}

impl Batch for SignatureConfirmations {
    type Act = SignatureConfirmation;
    type Outcome = error::Result<LoadedSignature>;
    const NAME: &'static str = "signature_confirmations";

    fn write<'a>(
        &'a self,
        acts: &'a [SignatureConfirmation],
    ) -> BoxFuture<'a, Result<Vec<error::Result<LoadedSignature>>, sqlx::Error>> {
        Box::pin(write_apart(acts, |acts| Box::pin(confirmation::confirm(&self.kernel, acts))))
    }
}
