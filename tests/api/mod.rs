//! The API, by its URLs: through HTTP on a real Postgres, a database of its own for each test.

pub mod access;
pub mod accounts;
pub mod actions;
pub mod addresses;
pub mod advocacy_campaigns;
pub mod attempt_limits;
pub mod broadcasts;
pub mod campaigns;
pub mod confirmations;
pub mod contract;
pub mod edges;
pub mod erasure;
pub mod event_and_letter_round_trips;
pub mod events;
pub mod exports;
pub mod images;
pub mod mail;
pub mod osdi_clients;
pub mod paging;
pub mod people;
pub mod petitions;
pub mod privacy;
pub mod rate_limit;
pub mod retention;
pub mod round_trips;
