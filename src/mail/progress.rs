//! What the engine did, for its callers and for the metrics.

use super::{
    kinds::{Class, Fate},
    store::Mark,
    verdict::Verdict,
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
    pub(super) fn note(&mut self, class: Class, verdict: &Verdict) {
        let (count, outcome) = match verdict {
            Verdict::Settle(Fate::Sent, _) => (&mut self.sent, "sent"),
            Verdict::Settle(Fate::Failed | Fate::Bounced | Fate::Complained, _)
            | Verdict::Dead(_)
            | Verdict::Strike(_)
            | Verdict::Ours(_) => (&mut self.failed, "failed"),
            Verdict::Settle(Fate::Uncertain, _) => (&mut self.uncertain, "uncertain"),
            Verdict::Settle(Fate::Cancelled, _) => (&mut self.cancelled, "cancelled"),
            Verdict::Retry { counted: true, .. } => (&mut self.retried, "retried"),
            Verdict::Retry { counted: false, .. } => (&mut self.released, "released"),
        };
        *count += 1;
        self.paused += usize::from(matches!(verdict, Verdict::Retry { mark: Mark::Paused, .. }));
        metrics::counter!("muster_mails", "class" => class.as_str(), "outcome" => outcome).increment(1);
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
