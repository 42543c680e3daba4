//! Withdrawing submissions: their people are locked, then the kind withdraws one after the other, in the order of their
//! actions, since a kind may lock those.

use std::marker::PhantomData;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{Outcomes, SubmissionKey, SubmissionKind, SubmissionRow},
    loaded::{Loaded, load},
    owner_acts::OwnerAct,
};
use crate::{
    error::{Error, Result},
    kernel::{Kernel, group_commit::BatchError, links::Purpose},
    people,
};

/// The owner withdraws; the outcome is the submission as it was before.
pub(super) struct Withdrawing<K>(PhantomData<K>);

impl<K: SubmissionKind> OwnerAct for Withdrawing<K> {
    type Kind = K;
    type Outcome = Loaded<K>;
    const NAME: &'static str = K::GROUP_COMMITS[1];
    const LINK: Purpose = K::MANAGE_LINK;

    async fn write(
        kernel: &Kernel,
        conn: &mut PgConnection,
        round: &[SubmissionKey],
    ) -> Result<Outcomes<Loaded<K>>, BatchError> {
        let (ids, people): (Vec<Uuid>, Vec<Uuid>) = round.iter().map(|key| (key.id, key.person_id)).unzip();
        people::lock_people(conn, &people).await?;
        let mut rows = K::rows(conn, &ids).await?;
        rows.retain(|row| round.iter().any(|key| key.id == row.id() && key.link_generation == row.link_generation()));
        rows.sort_unstable_by_key(|row| (row.action_id(), row.id()));
        let ids: Vec<Uuid> = rows.iter().map(SubmissionRow::id).collect();
        let mut outcomes = Vec::with_capacity(ids.len());
        for (id, c) in ids.into_iter().zip(load::<K>(kernel, conn, rows).await?) {
            let outcome = match c {
                Ok(c) => match K::withdraw(kernel, conn, &c).await {
                    Ok(()) => Ok(c),
                    // refused before anything was written; all else ends the transaction
                    Err(BatchError::Other(refused @ Error::Problem { .. })) => Err(refused),
                    Err(error) => return Err(error),
                },
                Err(error) => Err(error),
            };
            outcomes.push((id, outcome));
        }
        Ok(outcomes)
    }
}
