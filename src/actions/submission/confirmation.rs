//! Confirming submissions: people and submissions are locked, then the kind decides and writes.

use std::{collections::HashMap, marker::PhantomData};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{Outcomes, SubmissionKey, SubmissionKind, SubmissionPayload, SubmissionRow},
    loaded::{Loaded, load},
    owner_acts::OwnerAct,
};
use crate::{
    error::Result,
    kernel::{Kernel, group_commit::BatchError, links::Purpose},
    people::{self, ConsentContext, DetailsChange, GivenConsents, PersonRow},
};

/// A submission to confirm, under the locks of its person and its own.
pub struct Locked<K: SubmissionKind> {
    /// The submission.
    pub c: Loaded<K>,
    /// What was locked and read with it.
    pub beside: K::Beside,
    /// Its person.
    pub person: PersonRow,
}

/// The owner confirms.
pub(super) struct Confirming<K>(PhantomData<K>);

impl<K: SubmissionKind> OwnerAct for Confirming<K> {
    type Kind = K;
    type Outcome = K::Confirmed;
    const NAME: &'static str = K::GROUP_COMMITS[0];
    const LINK: Purpose = K::CONFIRM_LINK;

    async fn write(
        kernel: &Kernel,
        conn: &mut PgConnection,
        round: &[SubmissionKey],
    ) -> Result<Outcomes<K::Confirmed>, BatchError> {
        let people: Vec<Uuid> = round.iter().map(|key| key.person_id).collect();
        let people = people::lock_people(conn, &people).await?;
        let mut people: HashMap<Uuid, PersonRow> = people.into_iter().map(|person| (person.id, person)).collect();
        let locked = K::lock(conn, round).await?;
        let mut locked: HashMap<Uuid, _> = locked.into_iter().map(|(row, beside)| (row.id(), (row, beside))).collect();
        // in the order of the round; the link may have been replaced, or the submission deleted, before the locks were held
        let own = round
            .iter()
            .filter_map(|key| locked.remove(&key.id).filter(|(row, _)| row.link_generation() == key.link_generation));
        let (rows, besides): (Vec<K::Row>, Vec<K::Beside>) = own.unzip();
        let keys: Vec<(Uuid, Uuid)> = rows.iter().map(|row| (row.id(), row.person_id())).collect();
        let (mut ready, mut outcomes) = (Vec::with_capacity(rows.len()), Vec::new());
        for (((id, person), c), beside) in keys.into_iter().zip(load::<K>(kernel, conn, rows).await?).zip(besides) {
            let Some(person) = people.remove(&person) else { continue };
            match c {
                Ok(c) => ready.push(Locked { c, beside, person }),
                Err(error) => outcomes.push((id, Err(error))),
            }
        }
        outcomes.extend(K::confirm(kernel, conn, ready).await?);
        Ok(outcomes)
    }

    fn after_commit(kernel: &Kernel, outcome: &K::Confirmed) {
        K::after_commit(kernel, outcome);
    }
}

/// Stores what confirmed submissions of different people change about them: merged details, and consents.
pub async fn save_confirmed<'a, K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    confirmed: impl Iterator<Item = (&'a Loaded<K>, &'a DetailsChange)>,
) -> Result<(), sqlx::Error> {
    let (confirmed, details): (Vec<&Loaded<K>>, Vec<&DetailsChange>) = confirmed.unzip();
    people::save_details(conn, &details).await?;
    let sources: Vec<String> = confirmed.iter().map(|c| format!("{}:{}", K::NAME, c.action().slug)).collect();
    let given = confirmed.iter().zip(&sources).map(|(c, source)| {
        let action = c.action();
        let context = ConsentContext {
            organization: action.organization_id,
            organization_name: &action.organization_name,
            locale: c.locale,
            source,
            updates_wording: None,
        };
        let consents = c.payload.consents();
        GivenConsents { person: c.row.person_id(), consents, context, protected: action.protected }
    });
    people::append_all_consents(conn, kernel, &given.collect::<Vec<_>>()).await
}
