//! All SQL of campaigns but the counts, by what it is about.

mod actions;
mod campaigns;
mod landing;

pub use actions::*;
pub use campaigns::*;
pub use landing::*;
