//! Muster: petitions, registrations and letters for campaigns whose supporters must not be found out.
//!
//! The house has slices, and each slice the same rooms; imports go down only (a test reads them):
//!
//! | from the ground up | what it owns |
//! |---|---|
//! | [`error`] [`config`] [`telemetry`] | problems, settings, logs and metrics |
//! | [`kernel`] | leaf tools: clock, crypto, vaults, links in mail, rate limits, group commit, pages, texts |
//! | [`mail`] | the queue: claim, send, settle; knows no slice |
//! | [`organizers`] | who runs campaigns: accounts, tokens, sessions, audit |
//! | [`people`] | who takes part: sealed details, consents |
//! | [`campaigns`] | what all actions share: texts, life, counts, landing pages, the route behind mailed links |
//! | [`letters`] | offices, officials, letters to them |
//! | [`petitions`] [`events`] | signatures; registrations and seats |
//! | [`exports`] [`broadcasts`] | lists, taken out as CSV; news to those who agreed |
//! | [`console`] | the organizers' pages, routes about mail |
//! | [`app`] [`worker`] | the routes put together; what runs beside the requests |
//! | [`demo`] [`checks`] [`cli`] | the demo campaign; what `check-config` looks at; the command line's verbs |
//!
//! A slice's rooms: `mod` (tour, router) · `api` (JSON, handlers) · `pages` (HTML) · `ops` (the verbs) · `store` (all SQL)
//! · `mail` (its messages) · `submission` (a public act, from what was typed to the batch) · `batch` (group commit) · `links` (what its mailed links do).
//!
//! One request, top to bottom: `api` validates, opens a transaction, calls `ops`, which calls `store` and queues mail in
//! the same transaction; commit; reply. A public act takes the hot path instead: sealed, queued in memory, and written in
//! a batch by one SQL function (`kernel::group_commit`). What points upward goes through registries that [`app`] fills:
//! [`mail::MailKind`], [`kernel::links::LinkHandler`].

pub mod app;
pub mod broadcasts;
pub mod campaigns;
pub mod checks;
pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
pub mod error;
pub mod events;
pub mod exports;
pub mod kernel;
pub mod letters;
pub mod mail;
pub mod organizers;
pub mod people;
pub mod petitions;
pub mod telemetry;
pub mod worker;
