//! Leaf tools that every slice uses and that know no slice.
//!
//! [`Kernel`] is what they share at run time: settings, clock, database, vaults, links, guard, pages. It is made once and
//! handed to each slice.

pub mod cache;
pub mod caching;
pub mod changes;
pub mod crypto;
pub mod cx;
pub mod day_secret;
pub mod db;
pub mod embedded_postgres;
pub mod extract;
pub mod filter;
pub mod forms;
pub mod group_commit;
pub mod guard;
pub mod hal;
pub mod i18n;
pub mod idempotency;
pub mod keyring;
pub mod links;
pub mod markdown;
pub mod network;
pub mod pages;
pub mod paging;
pub mod text;
pub mod vault;

use std::sync::Arc;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use changes::Changes;
use crypto::Key;
use cx::Cx;
use guard::Guard;
use keyring::Keyring;
use links::Links;
use pages::Pages;
use vault::Vaults;

/// The tools at run time.
#[derive(Debug)]
pub struct Kernel {
    /// Settings.
    pub settings: Settings,
    /// Clock, ids, randomness.
    pub cx: Cx,
    /// The database.
    pub db: PgPool,
    /// Vaults.
    pub vaults: Vaults,
    /// Links in mail.
    pub links: Links,
    /// Limits on public acts.
    pub guard: Guard,
    /// Templates.
    pub pages: Pages,
    /// What changed, for the caches.
    pub changes: Arc<Changes>,
    /// Cancelled when the server is asked to stop: streams end then.
    pub stopping: CancellationToken,
    /// Keys idempotency HMACs.
    pub requests_key: Key,
    /// Keys the global list of suppressed addresses.
    pub suppressions_key: Key,
}

impl Kernel {
    /// Puts the tools together.
    pub fn new(settings: Settings, cx: Cx, db: PgPool, keyring: Arc<Keyring>) -> Arc<Self> {
        Arc::new(Self {
            links: Links::new(keyring.lasting("links"), &settings.http.public_url),
            guard: Guard::new(
                settings.guard.clone(),
                cx.clone(),
                db.clone(),
                keyring.lasting("requests").derive("guard"),
            ),
            pages: Pages::new(&settings.http.public_url),
            changes: Arc::default(),
            stopping: CancellationToken::new(),
            requests_key: keyring.lasting("requests").derive("idempotency"),
            suppressions_key: keyring.lasting("suppressions"),
            vaults: Vaults::new(db.clone(), cx.clone(), keyring),
            settings,
            cx,
            db,
        })
    }

    /// A full address of ours.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.http.public_url)
    }
}
