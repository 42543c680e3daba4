//! States of letters and of their outreaches (docs/states.md).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mail::DeliveryStatus;

/// State of a letter: `letters.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum LetterState {
    /// Not confirmed by the owner of the address; its outreaches are pending, too.
    Pending,
    /// Confirmed by the owner of the address, or vouched for by an organizer.
    Confirmed,
    /// Allowed by the schema, written by nothing: who stops a letter cancels its outreaches.
    Withdrawn,
}

crate::kernel::text_enum!(LetterState);

impl LetterState {
    /// May it become `next`?
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Confirmed),
            Self::Confirmed => matches!(next, Self::Withdrawn),
            Self::Withdrawn => false,
        }
    }
}

/// State of an outreach: `outreaches.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum OutreachState {
    /// Its letter is not confirmed.
    Pending,
    /// Confirmed; waits until its action sends letters.
    Held,
    /// Its mail is in the queue.
    Queued,
    /// The relay took its mail.
    Sent,
    /// The relay refused its mail, or it was given up.
    Failed,
    /// The connection was lost after the content of its mail had begun: it may have arrived.
    Uncertain,
    /// A report came back that it could not be delivered.
    Bounced,
    /// Stopped by its writer, or there was nothing to send.
    Cancelled,
}

crate::kernel::text_enum!(OutreachState);

impl OutreachState {
    /// The values that lists show: all but [`Self::Pending`].
    pub const LISTED_NAMES: &'static [&'static str] = Self::NAMES.split_at(1).1;

    /// The state that follows from what became of its mail; `None` for a report that moves no outreach.
    pub const fn of_delivery(status: DeliveryStatus) -> Option<Self> {
        match status {
            DeliveryStatus::Sent => Some(Self::Sent),
            DeliveryStatus::Failed => Some(Self::Failed),
            DeliveryStatus::Uncertain => Some(Self::Uncertain),
            DeliveryStatus::Bounced => Some(Self::Bounced),
            DeliveryStatus::Cancelled => Some(Self::Cancelled),
            // a letter that its reader called spam has arrived
            DeliveryStatus::Complained => None,
        }
    }

    /// Can its writer still stop it?
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::Held | Self::Queued)
    }

    /// May its mail go out? An organizer may have decided that a failed, uncertain or bounced one goes again.
    pub const fn may_be_sent(self) -> bool {
        matches!(self, Self::Queued | Self::Failed | Self::Uncertain | Self::Bounced)
    }

    /// May it become `next`?
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Held | Self::Queued),
            Self::Held => matches!(next, Self::Queued | Self::Cancelled),
            Self::Queued => !matches!(next, Self::Pending | Self::Queued),
            Self::Sent => matches!(next, Self::Bounced),
            Self::Failed | Self::Uncertain | Self::Bounced => !matches!(next, Self::Pending | Self::Queued),
            Self::Cancelled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OutreachState::*, *};

    #[test]
    fn what_went_out_or_was_stopped_is_not_stopped_again() {
        for from in OutreachState::ALL {
            assert!(!from.may_become(Pending), "{from:?}");
            assert!(!from.is_unsent() || from.may_become(Cancelled), "{from:?}");
            assert!(!from.may_be_sent() || (from.may_become(Sent) && from.may_become(Held)), "{from:?}");
            assert!(!Cancelled.may_become(from), "{from:?}");
        }
        assert!(Sent.may_become(Bounced) && !Sent.may_become(Held) && !Held.may_become(Sent));
        assert!(LetterState::Pending.may_become(LetterState::Confirmed));
        assert!(!LetterState::Confirmed.may_become(LetterState::Pending));
        let words: Vec<_> = OutreachState::ALL.map(|s| serde_json::to_value(s).unwrap()).into();
        assert_eq!(words, OutreachState::NAMES);
        assert_eq!(LetterState::ALL.map(LetterState::as_str), ["pending", "confirmed", "withdrawn"]);
    }
}
