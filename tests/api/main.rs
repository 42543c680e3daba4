//! The integration tests: through HTTP on a real Postgres, a database of its own for each test.

mod abuse;
mod access;
mod architecture;
mod attached_letters;
mod attempt_limits;
mod background_jobs;
mod bounces;
mod broadcasts;
mod browser;
mod cache_commit;
mod cache_invalidation;
mod campaigns;
mod check_config;
mod cli;
mod comments;
mod confirmation;
mod console;
mod contract;
mod counters;
mod counts;
mod dependencies;
mod events_and_letters;
mod exports;
#[path = "../faults/database.rs"]
mod fault_database;
#[path = "../faults/fault_injection.rs"]
mod fault_injection;
#[path = "../faults/proxy.rs"]
mod fault_proxy;
#[path = "../faults/exports.rs"]
mod faults_exports;
#[path = "../faults/imports.rs"]
mod faults_imports;
#[path = "../faults/people.rs"]
mod faults_people;
mod fixtures;
mod group_commit;
mod harness;
mod hot_path_load;
mod images;
mod imports;
mod jobs;
mod keep_nothing;
mod keyring;
#[path = "../faults/keyring.rs"]
mod keyring_faults;
mod letter_dispatch;
mod lifecycle;
#[path = "../faults/lists.rs"]
mod lists;
mod logging;
mod mail_queue;
#[path = "../faults/mail_relay.rs"]
mod mail_relay;
mod mail_retry_policy;
mod milestones;
mod operations;
mod own_page;
mod paging;
mod pending_submissions;
mod people;
mod petition_deliveries;
mod petitions;
mod privacy;
mod process;
mod questions;
mod rate_limit;
mod recount;
mod referral;
#[path = "../faults/restore_guard.rs"]
mod restore_guard;
mod round_trips;
mod schema;
mod seats;
mod sessions;
#[path = "../faults/slow_clients.rs"]
mod slow_clients;
mod smtp_client;
mod smtp_sink;
mod templates;
mod texts;
#[path = "../faults/worker_crash.rs"]
mod worker_crash;
mod zones;
