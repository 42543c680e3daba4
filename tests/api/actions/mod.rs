//! What petitions, events and letter actions share.

pub mod counters;
pub mod pending_submissions;
pub mod recount;
pub mod submissions;
