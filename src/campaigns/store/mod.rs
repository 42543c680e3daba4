//! SQL of this slice, except that of counters, by table.

mod actions;
mod campaigns;
mod ends;
pub(super) mod images;
mod lifecycle;
mod partners;
mod short_links;
mod sources;
mod updates;

pub use actions::*;
pub use campaigns::*;
pub use ends::*;
pub use lifecycle::*;
pub use partners::*;
pub use short_links::*;
pub(super) use sources::*;
pub(super) use updates::*;
