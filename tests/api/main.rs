//! The integration tests: through HTTP on a real Postgres, a database of its own for each test.

mod harness;
mod layers;
mod mail_queue;
mod petitions;
mod smtp_client;
mod smtp_sink;
mod texts;
