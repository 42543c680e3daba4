//! The integration tests: through HTTP on a real Postgres, a database of its own for each test.

mod access;
mod attempts;
mod bounces;
mod broadcasts;
mod browser;
mod caches;
mod campaigns;
mod check_config;
mod cli;
mod comments;
mod confirmation;
mod console;
mod counters;
mod counts;
mod deliveries;
mod dispatch;
mod exports;
#[path = "../faults/database.rs"]
mod fault_database;
#[path = "../faults/proxy.rs"]
mod fault_proxy;
mod floods;
mod group_commit;
mod guard;
mod harness;
mod imports;
mod integrity;
mod interrupted;
mod jobs;
mod keep_nothing;
mod keyring;
#[path = "../faults/keyring.rs"]
mod keyring_faults;
mod layers;
mod life;
#[path = "../faults/lists.rs"]
mod lists;
mod load;
#[path = "../faults/mail_fence.rs"]
mod mail_fence;
mod mail_queue;
mod mail_refusals;
mod milestones;
mod operations;
mod own_page;
mod paging;
mod people;
mod petitions;
mod pictures;
mod privacy;
mod process;
mod questions;
mod recount;
mod referral;
mod relay;
mod schema;
mod seats;
mod sessions;
mod sign_and_send;
#[path = "../faults/slow_clients.rs"]
mod slow_clients;
mod smtp_client;
mod smtp_sink;
mod templates;
mod texts;
mod things;
mod weather;

#[path = "../faults/exports.rs"]
mod faults_exports;
#[path = "../faults/imports.rs"]
mod faults_imports;
#[path = "../faults/people.rs"]
mod faults_people;
mod zones;
