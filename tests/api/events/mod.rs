//! `/api/v1/events`.

pub mod seats;
pub mod time_zones;
