//! All SQL of letters, by what it is about.

mod actions;
mod offices;
mod outreaches;

pub use actions::*;
pub use offices::*;
pub use outreaches::*;
