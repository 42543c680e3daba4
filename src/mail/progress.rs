//! Counters of a round, for callers of the engine and for the metrics.

use super::{
    kinds::{Class, DeliveryStatus},
    retry_policy::NextState,
    store::RetryNote,
};

/// Numbers of mails that a round claimed and settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Mails claimed.
    pub claimed: usize,
    /// Mails whose expired lease was recovered.
    pub recovered: usize,
    /// Mails accepted by a relay.
    pub sent: usize,
    /// Mails put back with the attempt counted, such as after a temporary refusal.
    pub retried: usize,
    /// Mails put back without counting the attempt.
    pub released: usize,
    /// Of `released`: those that wait because what they belong to is paused. They are not a sign of an outage.
    pub paused: usize,
    /// Mails that failed for good.
    pub failed: usize,
    /// Letters whose delivery is uncertain.
    pub uncertain: usize,
    /// Mails with nothing to send any more.
    pub cancelled: usize,
}

impl Progress {
    pub(super) fn note(&mut self, class: Class, next_state: &NextState) {
        let (count, outcome) = match next_state {
            NextState::Settle(status @ DeliveryStatus::Sent, _) => (&mut self.sent, status.as_str()),
            NextState::Settle(DeliveryStatus::Failed | DeliveryStatus::Bounced | DeliveryStatus::Complained, _)
            | NextState::AddressDead(_)
            | NextState::AddressStrike(_)
            | NextState::OurFault(_) => (&mut self.failed, DeliveryStatus::Failed.as_str()),
            NextState::Settle(status @ DeliveryStatus::Uncertain, _) => (&mut self.uncertain, status.as_str()),
            NextState::Settle(status @ DeliveryStatus::Cancelled, _) => (&mut self.cancelled, status.as_str()),
            NextState::Retry { counted: true, .. } => (&mut self.retried, "retried"),
            NextState::Retry { counted: false, .. } => (&mut self.released, "released"),
        };
        *count += 1;
        self.paused += usize::from(matches!(next_state, NextState::Retry { note: RetryNote::Paused, .. }));
        metrics::counter!("muster_mails_settled", "class" => class.as_str(), "outcome" => outcome).increment(1);
    }

    /// Writes the line of a round that claimed something.
    pub(super) fn log(&self) {
        let Self { claimed, recovered, sent, retried, released, paused, failed, uncertain, cancelled } = *self;
        tracing::debug!(
            event = "mail.round",
            claimed,
            recovered,
            sent,
            retried,
            released,
            paused,
            failed,
            uncertain,
            cancelled,
            "mail round"
        );
    }

    pub(super) fn add(&mut self, other: Self) {
        self.claimed += other.claimed;
        self.recovered += other.recovered;
        self.sent += other.sent;
        self.retried += other.retried;
        self.released += other.released;
        self.paused += other.paused;
        self.failed += other.failed;
        self.uncertain += other.uncertain;
        self.cancelled += other.cancelled;
    }
}
