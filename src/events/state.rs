//! States of registrations and of an event's seats (docs/states.md).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Code, Error, Result};

/// State of a registration: `attendances.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AttendanceState {
    /// Not confirmed by the owner of the address.
    Pending,
    /// Has its seats.
    Accepted,
    /// Waits for seats.
    Waitlisted,
    /// Ended by its person or an organizer, or replaced by a newer registration of the same person.
    Cancelled,
    /// There were no seats for it.
    Declined,
}

crate::kernel::text_enum!(AttendanceState);

impl AttendanceState {
    /// Has it seats, or does it wait for them? A person has at most one such registration for an event.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Accepted | Self::Waitlisted)
    }

    /// May it become `next`?
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => !matches!(next, Self::Pending),
            Self::Waitlisted => matches!(next, Self::Accepted | Self::Cancelled),
            Self::Accepted => matches!(next, Self::Cancelled),
            Self::Cancelled | Self::Declined => false,
        }
    }

    /// Refuses a change of a registration that is not active.
    ///
    /// # Errors
    /// `conflict`: it is not confirmed, or has ended.
    pub fn require_active(self) -> Result<()> {
        if self.is_active() {
            return Ok(());
        }
        Err(Error::problem(Code::Conflict, "Only a registration that has a place or waits for one can be changed."))
    }

    /// OSDI's `status` of an attendance.
    pub const fn osdi_status(self) -> AttendanceStatus {
        match self {
            Self::Accepted => AttendanceStatus::Accepted,
            Self::Waitlisted => AttendanceStatus::Tentative,
            Self::Pending => AttendanceStatus::NeedsAction,
            Self::Cancelled | Self::Declined => AttendanceStatus::Declined,
        }
    }
}

/// OSDI's `status` of an attendance; made from [`AttendanceState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttendanceStatus {
    /// Has its seats.
    Accepted,
    /// Waits for seats.
    Tentative,
    /// Not confirmed by the owner of the address.
    #[serde(rename = "needs action")]
    NeedsAction,
    /// Cancelled, or there were no seats.
    Declined,
}

/// What the public may know of an event's seats: `events.published_status`, written by the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SeatStatus {
    /// Somebody who registers alone would get a seat at once.
    Open,
    /// Somebody who registers would wait.
    Waitlist,
    /// Nobody can register.
    Closed,
}

crate::kernel::text_enum!(SeatStatus);

/// What an event's page says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// See [`SeatStatus::Open`].
    Open,
    /// See [`SeatStatus::Waitlist`].
    Waitlist,
    /// See [`SeatStatus::Closed`].
    Closed,
    /// It was called off.
    Cancelled,
    /// It is over.
    Past,
}

#[cfg(test)]
mod tests {
    use super::{AttendanceState::*, *};

    #[test]
    fn a_registration_that_has_ended_stays_so() {
        for from in AttendanceState::ALL {
            assert!(!from.may_become(from) && !from.may_become(Pending), "{from:?}");
            assert_eq!(from.is_active(), from.require_active().is_ok());
            assert_eq!(from.is_active(), from != Pending && from.may_become(Cancelled));
        }
        assert!(Waitlisted.may_become(Accepted) && !Accepted.may_become(Waitlisted) && !Declined.may_become(Accepted));
        let words: Vec<_> = AttendanceState::ALL.map(|s| serde_json::to_value(s).unwrap()).into();
        assert_eq!(words, AttendanceState::NAMES);
        assert_eq!(serde_json::to_value(Pending.osdi_status()).unwrap(), "needs action");
        for status in SeatStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
