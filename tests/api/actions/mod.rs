//! What petitions, events, letter actions and call actions share.

pub mod counters;
pub mod pages;
pub mod pending_submissions;
pub mod recount;
pub mod submissions;
