//! How a mail's end is written down: in batches, guarded by the claim's token, the slices told in the same transaction.

use std::{
    collections::{BTreeMap, HashSet},
    panic::AssertUnwindSafe,
};

use futures_util::FutureExt;
use sqlx::PgConnection;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    engine::Engine,
    kinds::{Fate, MailKind, QueuedEmail},
    progress::Progress,
    returned,
    round::GRACE,
    store::{self, End, Ending},
    verdict::Verdict,
};
use crate::error::{Error, Result};

/// A mail and what is to be written on its row.
pub(super) struct Item {
    pub(super) email: QueuedEmail,
    pub(super) token: Uuid,
    pub(super) verdict: Verdict,
}

impl Engine {
    /// Writes down what became of mails, waiting for the database as long as it takes: what was sent must not go again.
    pub(super) async fn settle(&self, items: &[Item], cancel: &CancellationToken) -> Progress {
        match self.persist(items, true, cancel).await {
            Ok(held) => return noted(items, &held),
            Err(error) if items.len() > 1 => tracing::warn!(%error, "mails are settled one by one"),
            Err(_) => {}
        }
        let mut progress = Progress::default();
        for item in items {
            let alone = std::slice::from_ref(item);
            let settled = match self.persist(alone, true, cancel).await {
                Ok(held) => Ok(held),
                Err(error) => {
                    tracing::error!(mail = %item.email.id, kind = item.email.kind, %error, "a slice could not be told of a mail's fate");
                    self.persist(alone, false, cancel).await
                }
            };
            match settled {
                Ok(held) => progress.add(noted(alone, &held)),
                Err(error) => tracing::error!(mail = %item.email.id, %error, "a mail could not be settled"),
            }
        }
        progress
    }

    /// One transaction, again and again through an outage. When the engine stops, only for a while.
    async fn persist(&self, items: &[Item], tell: bool, cancel: &CancellationToken) -> Result<Vec<Uuid>> {
        let (mut troubles, mut left) = (0, GRACE);
        loop {
            let written = async {
                let _turn = self.turn().await;
                let mut tx = self.kernel.db.begin().await?;
                let held = self.write(&mut tx, items, tell).await?;
                tx.commit().await?;
                Ok(held)
            };
            match written.await {
                Err(error @ Error::Unavailable { .. }) if !left.is_zero() => {
                    if troubles == 0 {
                        tracing::warn!(%error, "mails cannot be settled; trying until they can");
                    }
                    troubles += 1;
                    let mut pause = self.pause_after(troubles);
                    if cancel.is_cancelled() {
                        pause = pause.min(left);
                        left -= pause;
                    }
                    sleep(pause).await;
                }
                written => return written,
            }
        }
    }

    pub(super) async fn write(&self, conn: &mut PgConnection, items: &[Item], tell: bool) -> Result<Vec<Uuid>> {
        let ends: Vec<End> = items.iter().map(end_of).collect();
        let held = store::end(conn, self.kernel.cx.now(), &ends).await?;
        if tell {
            let known: HashSet<&Uuid> = held.iter().collect();
            let mut by_kind: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
            for item in items.iter().filter(|item| known.contains(&item.email.id)) {
                by_kind.entry(&item.email.kind).or_default().push(item);
            }
            for (kind, items) in by_kind {
                let Some(kind) = self.kinds.get(kind) else { continue };
                let told = AssertUnwindSafe(self.tell(conn, kind, &items)).catch_unwind().await;
                told.unwrap_or_else(|_| Err(Error::internal("settling panicked")))?;
            }
        }
        Ok(held)
    }

    async fn tell(&self, conn: &mut PgConnection, kind: &dyn MailKind, items: &[&Item]) -> Result<()> {
        let mut ended = Vec::with_capacity(items.len());
        for item in items {
            match &item.verdict {
                Verdict::Settle(fate, _) => ended.push((&item.email, *fate)),
                Verdict::Dead(_) => {
                    returned::bury(&self.kernel, kind, conn, &item.email, "bounced").await?;
                    ended.push((&item.email, Fate::Failed));
                }
                Verdict::Retry { .. } => {}
            }
        }
        if ended.is_empty() { Ok(()) } else { kind.settled(conn, &ended).await }
    }
}

fn end_of(item: &Item) -> End {
    let (ending, failure) = match &item.verdict {
        Verdict::Settle(fate, why) => (Ending::Settled(fate.as_str()), why.clone()),
        Verdict::Dead(why) => (Ending::Settled(Fate::Failed.as_str()), Some(why.clone())),
        Verdict::Retry { due_at, counted, why } => (Ending::Queued { due_at: *due_at, counted: *counted }, why.clone()),
    };
    End { id: item.email.id, token: item.token, ending, failure }
}

/// What settling these did.
pub(super) fn noted(items: &[Item], held: &[Uuid]) -> Progress {
    let held: HashSet<&Uuid> = held.iter().collect();
    let mut progress = Progress::default();
    for item in items.iter().filter(|item| held.contains(&item.email.id)) {
        progress.note(item.email.class, &item.verdict);
    }
    progress
}
