//! States of calls (docs/states.md), and how they went.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// State of a call: `calls.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CallState {
    /// Not confirmed by the owner of the address.
    Pending,
    /// It counts.
    Counted,
    /// A later one of the same person to the same office took its place.
    Replaced,
    /// Withdrawn by its owner.
    Withdrawn,
}

crate::kernel::text_enum!(CallState);

impl CallState {
    /// The values that lists show: all but [`Self::Pending`].
    pub const LISTED_NAMES: &'static [&'static str] = Self::NAMES.split_at(1).1;

    /// May it become `next`?
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Counted | Self::Replaced),
            Self::Counted => matches!(next, Self::Replaced | Self::Withdrawn),
            Self::Replaced | Self::Withdrawn => false,
        }
    }
}

/// How a call went: `calls.outcome`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CallResult {
    /// Somebody answered and listened.
    Reached,
    /// A message was left.
    Message,
    /// Nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// Something else, or nothing was said.
    #[default]
    Other,
}

crate::kernel::text_enum!(CallResult);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_stays_ended_and_nothing_is_pending_again() {
        for from in CallState::ALL {
            assert!(!from.may_become(CallState::Pending) && !from.may_become(from), "{from:?}");
            assert!(!CallState::Replaced.may_become(from) && !CallState::Withdrawn.may_become(from), "{from:?}");
        }
        assert!(CallState::Pending.may_become(CallState::Counted));
        let words: Vec<_> = CallResult::ALL.map(|outcome| serde_json::to_value(outcome).unwrap()).into();
        assert_eq!(words, CallResult::NAMES);
    }
}
