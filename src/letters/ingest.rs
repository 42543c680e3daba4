//! The hot path of writing: acts gather and are written in one statement (see `kernel::group_commit`).

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use uuid::Uuid;

use super::store::{self, LetterAct, LetterActTarget, Written};
use crate::kernel::group_commit::Batch;

/// A letter with its targets.
#[derive(Clone, Debug)]
pub struct NewLetterAct {
    /// The letter.
    pub act: LetterAct,
    /// Where it goes.
    pub targets: Vec<LetterActTarget>,
}

/// Writes letters.
#[derive(Debug)]
pub struct WriteBatch {
    /// The database.
    pub db: PgPool,
}

impl Batch for WriteBatch {
    type Act = NewLetterAct;
    type Outcome = Written;
    const NAME: &'static str = "write";

    fn write<'a>(&'a self, acts: &'a [NewLetterAct]) -> BoxFuture<'a, Result<Vec<Written>, sqlx::Error>> {
        Box::pin(async move {
            let letters: Vec<LetterAct> = acts.iter().map(|a| a.act.clone()).collect();
            let targets: Vec<LetterActTarget> = acts.iter().flat_map(|a| a.targets.iter().copied()).collect();
            let written = store::write_batch(&self.db, &letters, &targets).await?;
            let mut by_act: HashMap<Uuid, Written> = written.into_iter().map(|w| (w.act_id, w)).collect();
            // a pending letter pushed out by three newer ones of the same address in this very batch has no row: it was
            // taken all the same
            let gone = |id| Written { act_id: id, letter_id: id, holder_id: None, outcome: "created".to_owned() };
            Ok(acts.iter().map(|a| by_act.remove(&a.act.id).unwrap_or_else(|| gone(a.act.id))).collect())
        })
    }
}
