//! The integration tests: through HTTP on a real Postgres, a database of its own for each test.

mod access;
mod browser;
mod campaigns;
mod cli;
mod exports;
mod floods;
mod group_commit;
mod guard;
mod harness;
mod layers;
mod mail_queue;
mod paging;
mod people;
mod petitions;
mod privacy;
mod process;
mod relay;
mod schema;
mod sessions;
mod sign_and_send;
mod smtp_client;
mod smtp_sink;
mod templates;
mod texts;
mod things;
mod weather;
