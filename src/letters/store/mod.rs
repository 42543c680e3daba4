//! All SQL of letters, by what it is about.

mod actions;
mod acts;
mod counts;
mod offices;
mod outreaches;

pub use actions::*;
pub use acts::*;
pub use counts::Outreaches;
pub use offices::*;
pub use outreaches::*;
