//! Confirming letters: details are merged and sealed, and the outreaches queued, or held until the action sends. A letter
//! that is attached to a signature is confirmed with it ([`super::attached`]).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{ConfirmedLetter, LetterKind, LoadedLetter},
    mail::ThanksMail,
    state::LetterState,
    store,
};
use crate::{
    actions::submission::{Locked, Outcomes, save_confirmed},
    error::Result,
    kernel::{Kernel, group_commit::BatchError},
    mail::{self, Class},
    people::{DetailsChange, PersonRow},
};

/// Confirms letters of different people, which are locked. Each has an outcome of its own: `link_expired` when it was not
/// confirmed in time, or was withdrawn.
pub(super) async fn confirm(
    kernel: &Kernel,
    conn: &mut PgConnection,
    locked: Vec<Locked<LetterKind>>,
) -> Result<Outcomes<ConfirmedLetter>, BatchError> {
    let ids: Vec<Uuid> = locked.iter().map(|locked| locked.c.row.id).collect();
    let (mut steps, mut confirmed, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for Locked { c, person, .. } in locked {
        if c.row.state == LetterState::Confirmed {
            confirmed.push(c);
            continue;
        }
        let step = c.require_confirmable(kernel.env.now()).and_then(|()| LetterStep::new(kernel, c.clone(), &person));
        match step {
            Ok(step) => {
                steps.push(step);
                confirmed.push(c);
            }
            Err(error) => outcomes.push((c.row.id, Err(error))),
        }
    }
    write_round(kernel, conn, &steps).await?;
    let held = store::with_held(conn, &ids).await?;
    outcomes.extend(confirmed.into_iter().map(|loaded| {
        let (id, is_held) = (loaded.row.id, held.contains(&loaded.row.id));
        (id, Ok(ConfirmedLetter { loaded, is_held }))
    }));
    Ok(outcomes)
}

/// A pending letter that is being confirmed, under the locks of its person and its own.
pub(super) struct LetterStep {
    loaded: LoadedLetter,
    at: DateTime<Utc>,
    details: DetailsChange,
}

impl LetterStep {
    /// Merges the details of a letter into its person.
    ///
    /// # Errors
    /// `internal` when the vault does not open the person.
    pub(super) fn new(kernel: &Kernel, loaded: LoadedLetter, person: &PersonRow) -> Result<Self> {
        let details = loaded.merged_details(kernel, person)?;
        Ok(Self { at: kernel.env.recorded_now(loaded.action().protected), details, loaded })
    }
}

/// Confirms letters of different people, with one statement for each table: stores details and consents, queues the
/// outreaches or holds them, counts them, thanks.
pub(super) async fn write_round(
    kernel: &Kernel,
    conn: &mut PgConnection,
    steps: &[LetterStep],
) -> Result<(), BatchError> {
    if steps.is_empty() {
        return Ok(());
    }
    save_confirmed(kernel, conn, steps.iter().map(|step| (&step.loaded, &step.details))).await?;
    let confirmed: Vec<_> = steps.iter().map(|step| (step.loaded.row.id, step.at)).collect();
    store::set_confirmed(conn, &confirmed).await?;
    // the times of protected actions are whole days
    let mut by_time: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
    for (id, at) in &confirmed {
        by_time.entry(*at).or_default().push(*id);
    }
    for (at, letters) in &by_time {
        store::dispatch(conn, letters, *at).await?;
    }
    store::count_confirmed(conn, &confirmed.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    let thanked = steps.iter().map(|step| &step.loaded).filter(|c| c.action().send_thanks);
    let thanks = thanked.map(|c| c.email(Class::Notice, ThanksMail::KIND)).collect::<Vec<_>>();
    mail::enqueue_all(conn, &kernel.env, &thanks).await?;
    Ok(())
}
