//! What is done with broadcasts.

use std::sync::Arc;

use super::store::{self, Broadcast};
use crate::{error::Result, kernel::Kernel};

/// Mails of one broadcast that wait in the queue at a time: enough for a second of sending at full speed, so little that a
/// pause is felt at once and the queue stays small.
const WINDOW: i64 = 5_000;

/// Goes on with one broadcast: gathers its recipients, or feeds the queue. True when there may be more to do at once.
///
/// # Errors
/// A database error; nothing of the step was done then.
pub async fn work(kernel: &Arc<Kernel>) -> Result<bool> {
    let mut tx = kernel.db.begin().await?;
    let Some(broadcast) = store::take(&mut tx, kernel.cx.now()).await? else {
        tx.commit().await?;
        return Ok(false);
    };
    let more = step(kernel, &mut tx, &broadcast).await?;
    tx.commit().await?;
    Ok(more)
}

async fn step(kernel: &Kernel, conn: &mut sqlx::PgConnection, broadcast: &Broadcast) -> Result<bool> {
    if !broadcast.gathered {
        let vault = kernel.vaults.of_organization(conn, broadcast.organization_id).await?;
        store::gather(conn, vault, broadcast).await?;
        return Ok(true);
    }
    let (queued, there) = store::feed(conn, broadcast, WINDOW, kernel.cx.now()).await?;
    if queued == 0 && there == 0 {
        store::set_state(conn, broadcast.id, "done", None, Some(kernel.cx.now())).await?;
    }
    // a full window empties at the relay's pace
    Ok(queued > 0 && there + queued < WINDOW)
}
