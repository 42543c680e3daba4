//! `/api/v1/events`.

pub mod announcements;
pub mod door;
pub mod joining;
pub mod programme;
pub mod reminders;
pub mod seats;
pub mod sessions;
pub mod time_zones;
