//! Breakdowns of the counts for the public, published once a day.
//!
//! `petitions.breakdowns_due_on` says when a petition's are due. One that shows none (too few signatures, switched off, not
//! public) has no date until its number or its settings change: such changes are noted in `count_moves`.

use chrono::Days;

use super::{store::breakdowns, submission::Petitions};
use crate::{campaigns, error::Result};

/// Maximum number of petitions in one tick.
const PETITIONS_PER_TICK: i64 = 1_000;

/// Publishes the breakdowns that are due, each petition in its own transaction. One that is locked is left for the next
/// tick.
pub(super) async fn publish_due(petitions: &Petitions) -> Result<()> {
    let kernel = &petitions.kernel;
    let today = kernel.env.now().date_naive();
    let mut tx = kernel.work.begin().await?;
    let due = breakdowns::due(&mut tx, today, PETITIONS_PER_TICK).await?;
    tx.commit().await?;
    for petition in due {
        let mut tx = kernel.work.begin().await?;
        if !campaigns::try_lock(&mut tx, petition).await? {
            continue;
        }
        let shown = breakdowns::schedule(&mut tx, &[petition], today + Days::new(1)).await?;
        if shown.contains(&petition) {
            campaigns::publish_breakdowns(&mut tx, petition, today).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
