//! Faults: databases, relays, workers and clients that fail, stop or are slow.

pub mod backup;
pub mod confirmations;
pub mod database;
pub mod erasure_log;
pub mod exports;
pub mod fault_injection;
pub mod imports;
pub mod keyring;
pub mod lists;
pub mod mail_relay;
pub mod people;
pub mod proxy;
pub mod restore_guard;
pub mod slow_clients;
pub mod worker_crash;
