//! `/api/v1/events`.

pub mod announcements;
pub mod programme;
pub mod seats;
pub mod sessions;
pub mod time_zones;
