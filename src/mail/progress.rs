//! What the engine did, for its callers and for the metrics.

use super::{
    kinds::{Class, DeliveryStatus},
    retry_policy::NextState,
    store::RetryNote,
};

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Mails claimed.
    pub claimed: usize,
    /// Leases found expired and dealt with.
    pub recovered: usize,
    /// Mails the relay took.
    pub sent: usize,
    /// Put back, because the relay refused for now.
    pub retried: usize,
    /// Put back without counting the attempt.
    pub released: usize,
    /// Of those: because what they belong to is paused, which is no trouble.
    pub paused: usize,
    /// Given up.
    pub failed: usize,
    /// Letters of which nobody knows.
    pub uncertain: usize,
    /// Nothing to send any more.
    pub cancelled: usize,
}

impl Progress {
    pub(super) fn note(&mut self, class: Class, next_state: &NextState) {
        let (count, outcome) = match next_state {
            NextState::Settle(DeliveryStatus::Sent, _) => (&mut self.sent, "sent"),
            NextState::Settle(DeliveryStatus::Failed | DeliveryStatus::Bounced | DeliveryStatus::Complained, _)
            | NextState::AddressDead(_)
            | NextState::AddressStrike(_)
            | NextState::OurFault(_) => (&mut self.failed, "failed"),
            NextState::Settle(DeliveryStatus::Uncertain, _) => (&mut self.uncertain, "uncertain"),
            NextState::Settle(DeliveryStatus::Cancelled, _) => (&mut self.cancelled, "cancelled"),
            NextState::Retry { counted: true, .. } => (&mut self.retried, "retried"),
            NextState::Retry { counted: false, .. } => (&mut self.released, "released"),
        };
        *count += 1;
        self.paused += usize::from(matches!(next_state, NextState::Retry { note: RetryNote::Paused, .. }));
        metrics::counter!("muster_mails_settled", "class" => class.as_str(), "outcome" => outcome).increment(1);
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
