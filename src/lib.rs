//! Muster: petitions, registrations and letters for campaigns whose supporters must not be found out.
pub mod config;
pub mod error;
pub mod kernel;
pub mod mail;
pub mod telemetry;
