//! `/api/v1/petitions` and what belongs to them.

pub mod abuse;
pub mod attached_letters;
pub mod comments;
pub mod confirmation;
pub mod counts;
pub mod deliveries;
pub mod imports;
pub mod keep_nothing;
pub mod lifecycle;
pub mod milestones;
pub mod own_page;
pub mod questions;
pub mod signatures;
pub mod sources;
