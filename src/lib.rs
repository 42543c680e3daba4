//! Muster: petitions, registrations and letters for campaigns whose supporters must not be found out.
pub mod campaigns;
pub mod config;
pub mod console;
pub mod error;
pub mod kernel;
pub mod mail;
pub mod organizers;
pub mod people;
pub mod petitions;
pub mod telemetry;
