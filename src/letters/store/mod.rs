//! All SQL of letters: `offices`, letter `actions`, `outreaches` (with letters), `submissions` (the batch), `counts`
//! (the recount).

mod actions;
mod counts;
mod offices;
mod outreaches;
mod submissions;

pub use actions::*;
pub(super) use counts::Outreaches;
pub use offices::*;
pub use outreaches::*;
pub use submissions::*;
