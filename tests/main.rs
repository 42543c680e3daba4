//! The integration tests, in one binary: `api` by URL, `faults`, `service`, `ui`; `support` has what they share.

#![expect(unreachable_pub, reason = "nothing outside of this binary sees it")]

mod api;
mod faults;
#[path = "support/fixtures.rs"]
mod fixtures;
#[path = "support/harness.rs"]
mod harness;
#[path = "support/process.rs"]
mod process;
mod service;
#[path = "support/smtp_sink.rs"]
mod smtp_sink;
#[path = "support/statements.rs"]
mod statements;
mod ui;
