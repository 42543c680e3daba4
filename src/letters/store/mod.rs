//! All SQL of letters, by what it is about.

mod actions;
mod counts;
mod offices;
mod outreaches;
mod submissions;

pub use actions::*;
pub use counts::Outreaches;
pub use offices::*;
pub use outreaches::*;
pub use submissions::*;
