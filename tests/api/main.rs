//! The integration tests: through HTTP on a real Postgres, a database of its own for each test.

mod abuse;
mod access;
mod attached_letters;
mod attempt_limits;
mod bounces;
mod broadcasts;
mod browser;
mod cache_invalidation;
mod campaigns;
mod check_config;
mod cli;
mod comments;
mod confirmation;
mod console;
mod counters;
mod counts;
mod exports;
#[path = "../faults/database.rs"]
mod fault_database;
#[path = "../faults/proxy.rs"]
mod fault_proxy;
mod fixtures;
mod group_commit;
mod rate_limit;
mod harness;
mod images;
mod imports;
mod worker_crash;
mod jobs;
mod keep_nothing;
mod keyring;
#[path = "../faults/keyring.rs"]
mod keyring_faults;
mod architecture;
mod letter_dispatch;
mod lifecycle;
#[path = "../faults/lists.rs"]
mod lists;
mod hot_path_load;
#[path = "../faults/restore_guard.rs"]
mod restore_guard;
mod mail_queue;
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
mod recount;
mod referral;
mod mail_relay;
mod schema;
mod seats;
mod sessions;
#[path = "../faults/slow_clients.rs"]
mod slow_clients;
mod smtp_client;
mod smtp_sink;
mod templates;
mod texts;
mod fault_injection;

#[path = "../faults/exports.rs"]
mod faults_exports;
#[path = "../faults/imports.rs"]
mod faults_imports;
#[path = "../faults/people.rs"]
mod faults_people;
mod zones;
