//! The integration tests: through HTTP on a real Postgres, a database of its own for each test.

mod access;
mod browser;
mod cli;
mod group_commit;
mod guard;
mod harness;
mod layers;
mod mail_queue;
mod paging;
mod petitions;
mod privacy;
mod process;
mod sessions;
mod sign_and_send;
mod smtp_client;
mod smtp_sink;
mod texts;
mod things;
mod weather;
