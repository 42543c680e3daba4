//! States of signatures and of the jobs over them (docs/states.md).

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// State of a signature: `signatures.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SignatureState {
    /// Not confirmed by the owner of the address.
    Pending,
    /// It counts.
    Counted,
    /// Another signature of the same signer counts.
    Duplicate,
    /// Suspicious: it does not count until an organizer releases it.
    Quarantined,
    /// An organizer took it out.
    Invalid,
    /// Its signer, or an organizer on the signer's behalf, took it back.
    Withdrawn,
}

crate::kernel::text_enum!(SignatureState);

impl SignatureState {
    /// Has it taken effect for its signer? A quarantined one looks signed to whoever gave it.
    pub const fn is_effective(self) -> bool {
        matches!(self, Self::Counted | Self::Quarantined)
    }

    /// May an organizer bring a signature into `next`? `was_confirmed`: it has counted or been quarantined before. A
    /// pending one can only be made invalid, since nobody but the owner of the address confirms it; what was
    /// withdrawn or is a duplicate stays as it is.
    pub const fn may_be_set_to(self, next: Self, was_confirmed: bool) -> bool {
        match (self, next) {
            (Self::Pending, Self::Invalid) => true,
            (Self::Counted | Self::Quarantined | Self::Invalid, Self::Counted | Self::Quarantined | Self::Invalid) => {
                was_confirmed
            }
            _ => false,
        }
    }
}

/// State of a signature's comment: `signatures.comment_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CommentState {
    /// There is no comment.
    None,
    /// No organizer has read it.
    Waiting,
    /// It may be shown.
    Shown,
    /// It may not be shown.
    Hidden,
}

crate::kernel::text_enum!(CommentState);

impl CommentState {
    /// May an organizer decide so about a comment in this state?
    pub const fn may_become(self, next: Self) -> bool {
        !matches!(self, Self::None) && matches!(next, Self::Shown | Self::Hidden)
    }
}

/// What an organizer's look at a signature has shown: `signatures.vetted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Vetting {
    /// Nobody has looked (the empty string).
    #[serde(rename = "")]
    #[strum(serialize = "")]
    Unvetted,
    /// A real person's.
    Genuine,
    /// Perhaps not.
    Doubtful,
}

crate::kernel::text_enum!(Vetting);

// the derive does not know an empty name
impl PartialSchema for Vetting {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What an organizer's look at a signature has shown; empty: nobody has looked."))
            .enum_values(Some(Self::NAMES.iter().copied()))
            .into()
    }
}

impl ToSchema for Vetting {}

/// Why a signature is quarantined: `signatures.quarantine_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum QuarantineReason {
    /// Too many from one network.
    Network,
    /// Too many from one mail domain.
    Domain,
    /// The form was filled in as no person does.
    Form,
    /// An organizer held it back.
    Organizer,
}

crate::kernel::text_enum!(QuarantineReason);

/// State of a job that changes many signatures: `invalidations.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum InvalidationState {
    /// It counts or changes signatures.
    Running,
    /// It has changed all signatures.
    Done,
    /// An organizer stopped it; what it had changed stays changed.
    Cancelled,
    /// Its signatures get their former states back.
    Undoing,
    /// They have them back.
    Undone,
    /// A step failed for good.
    Failed,
}

crate::kernel::text_enum!(InvalidationState);

impl InvalidationState {
    /// May it become `next`?
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Running => matches!(next, Self::Done | Self::Cancelled | Self::Failed),
            Self::Done | Self::Cancelled | Self::Failed => matches!(next, Self::Undoing),
            Self::Undoing => matches!(next, Self::Undone | Self::Failed),
            Self::Undone => false,
        }
    }
}

/// State of an import: `imports.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ImportState {
    /// The file comes in.
    Uploading,
    /// The file is complete.
    Uploaded,
    /// Its lines are checked or signed.
    Running,
    /// A dry run has ended.
    Checked,
    /// All lines are signed or refused.
    Done,
    /// An organizer stopped it, or it was never started.
    Cancelled,
    /// A step failed for good.
    Failed,
}

crate::kernel::text_enum!(ImportState);

impl ImportState {
    /// Has it ended for good?
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }

    /// May it become `next`?
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Uploading => matches!(next, Self::Uploaded | Self::Cancelled),
            Self::Uploaded | Self::Checked => matches!(next, Self::Running | Self::Cancelled),
            Self::Running => matches!(next, Self::Checked | Self::Done | Self::Cancelled | Self::Failed),
            Self::Done | Self::Cancelled | Self::Failed => false,
        }
    }
}

/// State of a delivery: `petition_deliveries.state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PetitionDeliveryStatus {
    /// It will be done; only organizers see it.
    #[default]
    Planned,
    /// It was done: the petition's page says so, and the statement is public. The number is fixed if it was not before.
    Delivered,
}

crate::kernel::text_enum!(PetitionDeliveryStatus);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizers_confirm_nothing_and_restore_nothing_withdrawn() {
        use SignatureState::{Counted, Duplicate, Invalid, Pending, Quarantined, Withdrawn};
        assert!(Pending.may_be_set_to(Invalid, false) && !Pending.may_be_set_to(Counted, false));
        assert!(Invalid.may_be_set_to(Counted, true) && !Invalid.may_be_set_to(Counted, false));
        assert!(Quarantined.may_be_set_to(Counted, true) && Counted.may_be_set_to(Quarantined, true));
        for next in SignatureState::ALL {
            assert!(!Withdrawn.may_be_set_to(next, true) && !Duplicate.may_be_set_to(next, true));
            assert!(!next.may_be_set_to(Withdrawn, true) && !next.may_be_set_to(Pending, true));
        }
    }

    #[test]
    fn finished_jobs_do_not_run_again() {
        assert!(ImportState::ALL.iter().all(|next| !ImportState::Done.may_become(*next)));
        assert!(InvalidationState::ALL.iter().all(|next| !InvalidationState::Undone.may_become(*next)));
        assert!(ImportState::Checked.may_become(ImportState::Running));
        assert!(InvalidationState::Failed.may_become(InvalidationState::Undoing));
    }

    #[test]
    fn names_are_those_of_the_api() {
        for state in SignatureState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for state in ImportState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for state in InvalidationState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for vetting in Vetting::ALL {
            assert_eq!(serde_json::to_value(vetting).unwrap(), vetting.as_str());
        }
    }
}
