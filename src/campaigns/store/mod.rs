//! SQL of this slice, except that of counters, by table.

mod actions;
mod campaigns;
pub mod images;
mod landing;
mod lifecycle;
mod short_links;
mod sources;
mod updates;

pub use actions::*;
pub use campaigns::*;
pub use landing::*;
pub use lifecycle::*;
pub use short_links::*;
pub use sources::*;
pub use updates::*;
