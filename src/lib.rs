//! Muster: petitions, event registrations and letters to officials, for campaigns whose supporters must not be
//! identified.
//!
//! The code is divided into vertical slices with the same modules in each. Dependencies between slices point downwards
//! only (checked by a test). From the lowest layer to the highest:
//!
//! | Modules | Responsibility |
//! |---|---|
//! | [`error`] [`config`] [`telemetry`] | problem responses and SQLSTATEs, settings, logs and metrics |
//! | [`kernel`] | tools without a domain: clock, crypto, vaults, mailed links, rate limits, group commit, pages |
//! | [`mail`] | the mail queue (claim, send, settle) and the SMTP client; depends on no slice |
//! | [`organizers`] | organizations, accounts, API tokens, sessions, audit trail |
//! | [`people`] | supporters: sealed personal data, consents |
//! | [`campaigns`] | what all actions share: texts, status, counts, short links, the route `/t/{token}` |
//! | [`actions`] | the life of a submission of any kind: confirming, reminding, withdrawing, its pages and mails |
//! | [`letters`] | offices, officials, letter actions, letters |
//! | [`petitions`] [`events`] [`calls`] | signatures; registrations and seats; phone calls to offices |
//! | [`exports`] [`broadcasts`] [`landing`] | CSV lists; email updates to participants who agreed; home and campaign pages |
//! | [`console`] | the organizers' pages; the API's routes about mail |
//! | [`app`] [`worker`] | all routes together; background loops |
//! | [`demo`] [`checks`] [`backup`] [`cli`] | the demo campaign; `check-config`; backups; the command line |
//!
//! Modules of a slice: `mod` (overview, router) · `api` (JSON handlers) · `pages` (HTML handlers) · `ops` (the
//! operations) · `store` (all SQL) · `mail` (its kinds of mail) · `submission` (validates and seals a public act) ·
//! `batch` (group commit) · `confirmation` (confirms acts, many at once) · `links` (what its mailed links do).
//!
//! A request: `api` or `pages` validates, opens a transaction and calls `ops`, which calls `store` and enqueues mail
//! in the same transaction; commit; response. Public acts (sign, register, write a letter) take the hot path instead:
//! sealed, queued in memory, and written in batches by one SQL function ([`kernel::group_commit`]); so are their
//! confirmations, in the slices' `confirmation`. Lower layers call higher ones through registries, filled by [`app`]:
//! [`mail::MailKind`], [`kernel::links::LinkHandler`], [`kernel::background::BackgroundJob`].

pub mod actions;
pub mod app;
pub mod backup;
pub mod broadcasts;
pub mod calls;
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
pub mod landing;
pub mod letters;
pub mod mail;
pub mod organizers;
pub mod people;
pub mod petitions;
pub mod telemetry;
pub mod worker;

pub use kernel::migrations::MIGRATOR;
