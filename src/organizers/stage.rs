//! The stages of a session of the console.

use strum::{VariantArray, VariantNames};

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SessionStage {
    /// Whatever the role allows.
    Open,
    /// Only give a code of the second factor.
    Challenge,
    /// Only set up the second factor.
    Enrolment,
}

crate::kernel::text_enum!(SessionStage);
