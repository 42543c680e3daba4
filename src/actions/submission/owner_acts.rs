//! Group commits of what the owners of addresses do to their submissions by a mailed link or code.
//!
//! A batch: the keys of all submissions are read, and each link or code is checked against its submission. Then, in
//! rounds in which each person has one submission ([`people::rounds`]), the act locks, decides and writes. All of it is
//! one transaction; each request has an outcome of its own.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::kind::{Outcomes, SubmissionKey, SubmissionKind};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        db::force_index_plan,
        group_commit::{Batch, BatchError, write_apart},
        links::{Links, Purpose, Token, expired},
    },
    people,
};

/// What was mailed to the owner of an address.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The token of a link.
    Link(Token),
    /// The code to type.
    Code(String),
}

/// A submission, and what shows that the owner of its address acts.
#[derive(Clone, Debug)]
pub struct OwnerRequest {
    /// The submission.
    pub id: Uuid,
    /// The link or the code that was mailed.
    pub credential: Credential,
}

impl OwnerRequest {
    fn is_valid(&self, links: &Links, purpose: Purpose, generation: i16) -> bool {
        match &self.credential {
            Credential::Link(token) => {
                token.purpose == purpose && token.row == self.id && token.check(generation).is_ok()
            }
            Credential::Code(code) => links.is_code(code, purpose, self.id, generation),
        }
    }
}

/// An act of the owner of an address.
pub(super) trait OwnerAct: Send + Sync + 'static {
    /// The kind of submission.
    type Kind: SubmissionKind;
    /// What the owner is told.
    type Outcome: Clone + Send + Sync;
    /// Name of the group commit in metrics.
    const NAME: &'static str;
    /// Purpose of the link.
    const LINK: Purpose;

    /// Does it to submissions of different people: each by its id with an outcome of its own. One that is left out does
    /// not exist (any more).
    fn write(
        kernel: &Kernel,
        conn: &mut PgConnection,
        round: &[SubmissionKey],
    ) -> impl Future<Output = Result<Outcomes<Self::Outcome>, BatchError>> + Send;

    /// Called with each outcome once it is committed.
    fn after_commit(_: &Kernel, _: &Self::Outcome) {}
}

/// Writes batches of an act.
pub(super) struct OwnerActs<A> {
    kernel: Arc<Kernel>,
    act: std::marker::PhantomData<A>,
}

impl<A: OwnerAct> OwnerActs<A> {
    pub(super) fn new(kernel: Arc<Kernel>) -> Self {
        Self { kernel, act: std::marker::PhantomData }
    }
}

impl<A: OwnerAct> Batch for OwnerActs<A> {
    type Act = OwnerRequest;
    type Outcome = Result<A::Outcome>;
    const NAME: &'static str = A::NAME;

    fn write<'a>(
        &'a self,
        requests: &'a [OwnerRequest],
    ) -> BoxFuture<'a, Result<Vec<Result<A::Outcome>>, sqlx::Error>> {
        Box::pin(write_apart(requests, |requests| Box::pin(write::<A>(&self.kernel, requests))))
    }
}

async fn write<A: OwnerAct>(kernel: &Kernel, requests: &[OwnerRequest]) -> Result<Vec<Result<A::Outcome>>, BatchError> {
    let mut tx = kernel.hot.begin().await?;
    force_index_plan(&mut tx).await?;
    let ids: Vec<Uuid> = requests.iter().map(|request| request.id).collect();
    let found = A::Kind::keys(&mut tx, &ids).await?;
    let found: HashMap<Uuid, SubmissionKey> = found.into_iter().map(|key| (key.id, key)).collect();
    let key_of = |request: &OwnerRequest| {
        found.get(&request.id).filter(|key| request.is_valid(&kernel.links, A::LINK, key.link_generation))
    };
    let valid: Vec<Option<&SubmissionKey>> = requests.iter().map(key_of).collect();
    let mut once = HashSet::new();
    let keys: Vec<SubmissionKey> = valid.iter().flatten().filter(|key| once.insert(key.id)).map(|key| **key).collect();
    let mut outcomes: HashMap<Uuid, Result<A::Outcome>> = HashMap::new();
    for round in people::rounds(keys, |key| key.person_id) {
        outcomes.extend(A::write(kernel, &mut tx, &round).await?);
    }
    tx.commit().await?;
    for outcome in outcomes.values().flatten() {
        A::after_commit(kernel, outcome);
    }
    let outcome = |key: Option<&SubmissionKey>| match key.and_then(|key| outcomes.get(&key.id)) {
        Some(Ok(outcome)) => Ok(outcome.clone()),
        Some(Err(error)) => Err(Error::repeated(error)),
        // a forged link, or a submission that was deleted
        None => Err(expired()),
    };
    Ok(valid.into_iter().map(outcome).collect())
}
