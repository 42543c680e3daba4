//! The mail queue, the SMTP client and bounces.

pub mod bounces;
pub mod queue;
pub mod retry_policy;
pub mod smtp_client;
pub mod smtputf8;
