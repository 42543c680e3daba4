//! Settling: results are written in batches, guarded by the claim's token, and the settlement callbacks of the slices
//! run in the same transaction. A callback that fails does not block the settling: it is recorded in
//! `mail_pending_callbacks` in that transaction, and retried.

use std::{
    collections::{BTreeMap, HashSet},
    panic::AssertUnwindSafe,
};

use chrono::{Datelike, TimeDelta};
use futures_util::FutureExt;
use sqlx::{Acquire, PgConnection};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    bounces,
    engine::{Engine, STATEMENTS_LIMIT},
    kinds::{Claimed, DeliveryStatus, MailKind, QueuedEmail},
    monitoring::as_gauge,
    progress::Progress,
    retry_policy::NextState,
    send_round::SHUTDOWN_GRACE,
    store::{self, AddressEffect, ClaimEnd, ClaimOutcome, Copy, PendingCallback},
    suppression::{self, SuppressionReason},
};
use crate::{
    error::{Error, Result},
    kernel::db::with_timeout,
};

/// Delay before the first retry of a failed settlement callback.
const CALLBACK_RETRY_DELAY: TimeDelta = TimeDelta::seconds(30);
/// Maximum number of callbacks retried in one transaction.
const CALLBACK_BATCH_SIZE: i64 = 100;

/// A mail and the next state to be written on its row.
pub(super) struct Settlement {
    pub(super) email: Claimed,
    pub(super) token: Uuid,
    pub(super) next_state: NextState,
    /// Further recipients, each to get a copy once the mail is sent: the copy's id, and the keyed hash of its
    /// recipient.
    pub(super) copies: Vec<(Uuid, String)>,
}

/// A settled mail, as passed to its kind's callback.
struct SettledMail<'a> {
    email: &'a QueuedEmail,
    status: DeliveryStatus,
    address_effect: AddressEffect,
}

impl Engine {
    /// Settles mails, waiting for the database as long as it takes: what was sent must not be sent again.
    pub(super) async fn settle(&self, items: &[Settlement], cancel: &CancellationToken) -> Progress {
        // first with the callbacks run for the whole batch; if that fails, one by one, recording those that fail
        for is_careful in [false, true] {
            match self.persist(items, is_careful, cancel).await {
                Ok(held) => return progress_of(items, &held),
                Err(error) if is_careful => {
                    tracing::error!(
                        event = "mail.batch_not_settled",
                        mails = items.len(),
                        %error,
                        "mails could not be settled"
                    );
                }
                Err(error) => {
                    tracing::warn!(
                        event = "mail.settling_one_by_one",
                        %error,
                        "settlement callbacks are run one by one"
                    );
                }
            }
        }
        // each mail alone, so that one that the database refuses does not block the others
        let mut progress = Progress::default();
        for item in items.iter().filter(|_| items.len() > 1) {
            match self.persist(std::slice::from_ref(item), true, cancel).await {
                Ok(held) => progress.add(progress_of(std::slice::from_ref(item), &held)),
                Err(error) => {
                    tracing::error!(
                        event = "mail.not_settled",
                        mail = %item.email.id,
                        %error,
                        "a mail could not be settled"
                    );
                }
            }
        }
        progress
    }

    /// Settles mails in one transaction, retried through an outage; once the engine is stopping, for
    /// [`SHUTDOWN_GRACE`] only.
    async fn persist(&self, items: &[Settlement], is_careful: bool, cancel: &CancellationToken) -> Result<Vec<Uuid>> {
        let (mut troubles, mut left) = (0, SHUTDOWN_GRACE);
        loop {
            let written = async {
                let _permit = self.db_permit().await;
                with_timeout(STATEMENTS_LIMIT, "settling mails", async {
                    let mut tx = self.kernel.work.begin().await?;
                    let held = self.write(&mut tx, items, is_careful).await?;
                    tx.commit().await?;
                    Ok(held)
                })
                .await
            };
            match written.await {
                // it may be a callback that is not available, and not the database: run them one by one
                Err(Error::Unavailable { .. }) if !is_careful && troubles > 0 => return Err(outage()),
                Err(error @ Error::Unavailable { .. }) if !left.is_zero() => {
                    if troubles == 0 {
                        tracing::warn!(
                            event = "mail.settling_waits",
                            %error,
                            "mails cannot be settled; trying until they can"
                        );
                    }
                    troubles += 1;
                    let mut pause = self.backoff(troubles);
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

    /// Ends the claims of these mails and runs the settlement callbacks. With `is_careful` the callbacks run one by
    /// one, and one that fails is recorded for a retry. Returns the ids that the claims still held.
    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        items: &[Settlement],
        is_careful: bool,
    ) -> Result<Vec<Uuid>> {
        let now = self.now();
        let ends: Vec<ClaimEnd> = items.iter().map(claim_end_of).collect();
        let held = store::end(conn, now, &ends).await?;
        let known: HashSet<&Uuid> = held.iter().collect();
        let items: Vec<&Settlement> = items.iter().filter(|item| known.contains(&item.email.id)).collect();
        let copies: Vec<Copy<'_>> = items
            .iter()
            .filter(|item| matches!(item.next_state, NextState::Settle(DeliveryStatus::Sent, _)))
            .flat_map(|item| item.copies.iter().map(|(id, to)| Copy { of: &item.email, id: *id, to: to.clone() }))
            .collect();
        store::add_copies(conn, now, &copies).await?;
        let mut by_kind: BTreeMap<&str, Vec<SettledMail<'_>>> = BTreeMap::new();
        for item in items.iter().filter(|item| !item.email.is_copy()) {
            if let Some((status, address_effect)) = delivery_status_of(&item.next_state) {
                by_kind.entry(&item.email.kind).or_default().push(SettledMail {
                    email: &item.email,
                    status,
                    address_effect,
                });
            }
        }
        for (kind, ended) in by_kind {
            let Some(kind) = self.kinds.get(kind) else { continue };
            if !is_careful {
                self.run_callbacks(conn, kind, &ended).await?;
                continue;
            }
            for one in self.run_callbacks_one_by_one(conn, kind, ended).await? {
                tracing::error!(
                    event = "mail.callback_postponed",
                    mail = %one.email.id,
                    kind = one.email.kind,
                    "a settlement callback failed; it is retried later"
                );
                store::add_pending_callback(
                    conn,
                    one.email,
                    one.status,
                    one.address_effect,
                    now + CALLBACK_RETRY_DELAY,
                )
                .await?;
            }
        }
        Ok(held)
    }

    /// Runs the callback for each mail alone, in a savepoint. Returns those for which it failed.
    async fn run_callbacks_one_by_one<'a>(
        &self,
        conn: &mut PgConnection,
        kind: &dyn MailKind,
        ended: Vec<SettledMail<'a>>,
    ) -> Result<Vec<SettledMail<'a>>> {
        let mut pending_callbacks = Vec::new();
        for one in ended {
            let mut savepoint = conn.begin().await?;
            match self.run_callbacks(&mut savepoint, kind, std::slice::from_ref(&one)).await {
                Ok(()) => savepoint.commit().await?,
                Err(error) => {
                    // in an outage of the database this fails, too, and the whole transaction is retried
                    savepoint.rollback().await?;
                    tracing::warn!(
                        event = "mail.callback_failed",
                        mail = %one.email.id,
                        kind = one.email.kind,
                        %error,
                        "a settlement callback failed"
                    );
                    pending_callbacks.push(one);
                }
            }
        }
        Ok(pending_callbacks)
    }

    async fn run_callbacks(
        &self,
        conn: &mut PgConnection,
        kind: &dyn MailKind,
        ended: &[SettledMail<'_>],
    ) -> Result<()> {
        let callbacks = AssertUnwindSafe(async {
            for one in ended {
                match one.address_effect {
                    AddressEffect::Dead => {
                        let reason = SuppressionReason::Bounced;
                        bounces::suppress_dead_address(&self.kernel, kind, conn, one.email, reason).await?;
                    }
                    AddressEffect::Strike => suppression::strike_addressee(&self.kernel, kind, conn, one.email).await?,
                    AddressEffect::None => {}
                }
            }
            let statuses: Vec<(&QueuedEmail, DeliveryStatus)> =
                ended.iter().map(|one| (one.email, one.status)).collect();
            kind.on_settled(conn, &statuses).await
        });
        callbacks.catch_unwind().await.unwrap_or_else(|_| Err(Error::internal("settling panicked")))
    }

    /// Retries settlement callbacks that failed when their mails were settled. Returns how many succeeded.
    pub async fn retry_callbacks(&self) -> Result<usize> {
        let mut tx = self.kernel.work.begin().await?;
        let now = self.now();
        let waiting = store::pending_callbacks(&mut tx, now, CALLBACK_BATCH_SIZE).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let mut failed: Vec<Uuid> = Vec::new();
        for PendingCallback { email, state, address_effect } in &waiting {
            // a process of a newer release may know this kind
            let Some(kind) = self.kinds.get(&email.kind) else {
                failed.push(email.id);
                continue;
            };
            let Some(status) = state.delivery_status() else { continue };
            let ended = vec![SettledMail { email, status, address_effect: *address_effect }];
            failed.extend(self.run_callbacks_one_by_one(&mut tx, kind, ended).await?.iter().map(|one| one.email.id));
        }
        let told: Vec<Uuid> = waiting.iter().map(|one| one.email.id).filter(|id| !failed.contains(id)).collect();
        store::delete_callbacks(&mut tx, &told).await?;
        let left = store::postpone_callbacks(&mut tx, &failed, now).await?;
        tx.commit().await?;
        metrics::gauge!("muster_mail_pending_callbacks").set(as_gauge(left));
        Ok(told.len())
    }

    /// Creates this month's partition of settled mail before the first mail is settled in it.
    pub(super) async fn ensure_partition(&self) {
        let today = self.now().date_naive();
        let month = today.year() * 12 + i32::try_from(today.month0()).unwrap_or_default();
        if self.current_partition.load(std::sync::atomic::Ordering::Relaxed) == month {
            return;
        }
        let made = async { store::create_partition(&mut *self.kernel.work.acquire().await?, today).await };
        match with_timeout(STATEMENTS_LIMIT, "creating a partition", made).await {
            Ok(()) => self.current_partition.store(month, std::sync::atomic::Ordering::Relaxed),
            // settled mail goes to the default partition; `create_mail_partition` moves it when it succeeds
            Err(error) => {
                tracing::warn!(
                    event = "mail.partition_failed",
                    %error,
                    "the partition of this month's settled mail could not be created yet"
                );
            }
        }
    }
}

fn outage() -> Error {
    Error::internal("a settlement callback or the database is not available")
}

/// The delivery status and the effect on the address that follow from a next state; `None` for a mail that is retried.
fn delivery_status_of(next_state: &NextState) -> Option<(DeliveryStatus, AddressEffect)> {
    match next_state {
        NextState::Settle(status, _) => Some((*status, AddressEffect::None)),
        NextState::OurFault(_) => Some((DeliveryStatus::Failed, AddressEffect::None)),
        NextState::AddressDead(_) => Some((DeliveryStatus::Failed, AddressEffect::Dead)),
        NextState::AddressStrike(_) => Some((DeliveryStatus::Failed, AddressEffect::Strike)),
        NextState::Retry { .. } => None,
    }
}

fn claim_end_of(item: &Settlement) -> ClaimEnd {
    let (ending, failure) = match &item.next_state {
        NextState::Settle(status, why) => (ClaimOutcome::Settled(*status), why.clone()),
        NextState::AddressDead(why) | NextState::AddressStrike(why) | NextState::OurFault(why) => {
            (ClaimOutcome::Settled(DeliveryStatus::Failed), Some(why.clone()))
        }
        NextState::Retry { due_at, counted, why, note } => {
            (ClaimOutcome::Queued { due_at: *due_at, counted: *counted, note: *note }, why.clone())
        }
    };
    ClaimEnd {
        id: item.email.id,
        token: item.token,
        ending,
        failure: failure.map(|why| if item.email.is_copy() { format!("a copy: {why}") } else { why }),
        is_ours: matches!(item.next_state, NextState::OurFault(_)),
        first_counted: item.email.history.first_counted,
    }
}

/// Counters of the settlements whose claims were still held.
pub(super) fn progress_of(items: &[Settlement], held: &[Uuid]) -> Progress {
    let held: HashSet<&Uuid> = held.iter().collect();
    let mut progress = Progress::default();
    for item in items.iter().filter(|item| held.contains(&item.email.id)) {
        progress.note(item.email.class, &item.next_state);
    }
    progress
}
