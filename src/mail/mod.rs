//! The mail queue.
pub mod smtp;
