//! States of a broadcast and of its recipients, with the transitions that exist (`docs/states.md`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{Code, Error, Result},
    mail::DeliveryStatus,
};

/// State of a broadcast: `broadcasts.state`, `muster:state` in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum BroadcastState {
    /// Being written; only drafts can be changed or deleted.
    Draft,
    /// To be sent at `due_at`.
    Scheduled,
    /// Recipients are determined, and their mails queued.
    Sending,
    /// Queued mails are withdrawn; can be resumed.
    Paused,
    /// Everybody's mail has left the queue.
    Done,
    /// Ended by an organizer.
    Cancelled,
    /// The job failed for good; can be resumed.
    Failed,
}

crate::kernel::text_enum!(BroadcastState);

impl BroadcastState {
    /// Is there a transition to `next`?
    pub fn may_become(self, next: Self) -> bool {
        match next {
            Self::Draft => false,
            Self::Scheduled => self == Self::Draft,
            Self::Sending => matches!(self, Self::Scheduled | Self::Paused | Self::Failed),
            Self::Paused | Self::Done => self == Self::Sending,
            Self::Cancelled => matches!(self, Self::Scheduled | Self::Sending | Self::Paused | Self::Failed),
            Self::Failed => matches!(self, Self::Scheduled | Self::Sending),
        }
    }

    /// Goes on only where the transition exists.
    ///
    /// # Errors
    /// `conflict` (409), naming the present state.
    pub fn require_transition(self, next: Self) -> Result<()> {
        if self.may_become(next) { Ok(()) } else { Err(self.conflict()) }
    }

    /// Goes on only for a broadcast that can be changed.
    ///
    /// # Errors
    /// `conflict` (409), naming the present state.
    pub fn require_draft(self) -> Result<()> {
        if self == Self::Draft { Ok(()) } else { Err(self.conflict()) }
    }

    /// The answer to a change that its present state does not allow.
    pub fn conflict(self) -> Error {
        Error::problem(Code::Conflict, format!("This broadcast is {}.", self.as_str()))
    }
}

/// State of a recipient's mail: `broadcast_recipients.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RecipientState {
    /// No mail was queued yet, or it was withdrawn by a pause.
    Waiting,
    /// The mail is in the queue, or being sent.
    Queued,
    /// The relay accepted it.
    Sent,
    /// Refused permanently, or given up.
    Failed,
    /// It may or may not have been delivered.
    Uncertain,
    /// It was not sent: cancelled, suppressed, too old, or the consent was withdrawn.
    Cancelled,
    /// Reported as undeliverable.
    Bounced,
    /// Reported as spam by its reader.
    Complained,
}

crate::kernel::text_enum!(RecipientState);

impl From<DeliveryStatus> for RecipientState {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Sent => Self::Sent,
            DeliveryStatus::Failed => Self::Failed,
            DeliveryStatus::Uncertain => Self::Uncertain,
            DeliveryStatus::Cancelled => Self::Cancelled,
            DeliveryStatus::Bounced => Self::Bounced,
            DeliveryStatus::Complained => Self::Complained,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_are_those_of_the_diagram() {
        let arrows: Vec<String> = BroadcastState::ALL
            .into_iter()
            .flat_map(|from| BroadcastState::ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .map(|(from, to)| format!("{} > {}", from.as_str(), to.as_str()))
            .collect();
        assert_eq!(
            arrows,
            [
                "draft > scheduled",
                "scheduled > sending",
                "scheduled > cancelled",
                "scheduled > failed",
                "sending > paused",
                "sending > done",
                "sending > cancelled",
                "sending > failed",
                "paused > sending",
                "paused > cancelled",
                "failed > sending",
                "failed > cancelled",
            ]
        );
        assert!(BroadcastState::Done.require_draft().unwrap_err().to_string().contains("This broadcast is done."));
    }
}
