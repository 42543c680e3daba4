//! The hot path of signing: acts gather and are written in one statement (see `kernel::group_commit`).

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::{self, SignatureAct, Written};
use crate::{
    kernel::group_commit::Batch,
    letters::{LetterAct, LetterActTarget, NewLetterAct},
};

/// A signature, and the letter that is written along.
#[derive(Clone, Debug)]
pub struct NewSignatureAct {
    /// The signature.
    pub act: SignatureAct,
    /// The letter.
    pub letter: Option<NewLetterAct>,
}

/// Writes signatures.
#[derive(Debug)]
pub struct SignBatch {
    /// The database.
    pub db: PgPool,
}

impl Batch for SignBatch {
    type Act = NewSignatureAct;
    type Outcome = Written;
    const NAME: &'static str = "sign";

    fn write<'a>(&'a self, acts: &'a [NewSignatureAct]) -> BoxFuture<'a, Result<Vec<Written>, sqlx::Error>> {
        Box::pin(async move {
            let signatures: Vec<SignatureAct> = acts.iter().map(|a| a.act.clone()).collect();
            let letters: Vec<LetterAct> = acts.iter().filter_map(|a| Some(a.letter.as_ref()?.act.clone())).collect();
            let targets: Vec<LetterActTarget> =
                acts.iter().filter_map(|a| a.letter.as_ref()).flat_map(|l| l.targets.iter().copied()).collect();
            let written = store::sign_batch(&self.db, &signatures, &letters, &targets).await?;
            let mut by_act: HashMap<Uuid, Written> = written.into_iter().map(|w| (w.act_id, w)).collect();
            let missing = || sqlx::Error::Protocol("sign_petitions left an act without its outcome".to_owned());
            acts.iter().map(|a| by_act.remove(&a.act.id).ok_or_else(missing)).collect()
        })
    }
}
