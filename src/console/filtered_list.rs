//! The lists of those who took part, whose filters can be saved.

use serde::{Deserialize, Serialize};
use strum::{VariantArray, VariantNames};
use utoipa::ToSchema;

/// The list that a filter is for: `saved_filters.list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, VariantArray, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = SavedFilterList)]
pub enum FilteredList {
    /// The signatures of a petition.
    Signatures,
    /// The registrations for an event.
    Attendances,
    /// The letters of a letter action.
    Outreaches,
    /// The calls of a call action.
    Calls,
}

crate::kernel::text_enum!(FilteredList);
