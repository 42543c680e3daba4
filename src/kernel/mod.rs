//! Leaf tools that every slice uses and that know no slice.
//!
//! [`Kernel`] is what they share at run time: settings, clock, database, vaults, links, guard, pages. It is made once and
//! handed to each slice.

pub mod cache;
pub mod cache_invalidation;
pub mod connections;
pub mod crypto;
pub mod day_secret;
pub mod db;
pub mod durability;
pub mod embedded_postgres;
pub mod env;
pub mod extract;
pub mod filter;
pub mod forms;
pub mod group_commit;
pub mod hal;
pub mod http_cache;
pub mod i18n;
pub mod idempotency;
pub mod jobs;
pub mod keyring;
pub mod keyset_pagination;
pub mod leader_election;
pub mod links;
pub mod markdown;
pub mod network;
pub mod network_limit;
pub mod pages;
pub mod paging;
pub mod rate_limit;
pub mod readiness;
pub mod table_stats;
pub mod text;
pub mod vault;
pub mod zones;

use std::sync::Arc;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use cache_invalidation::CacheInvalidator;
use db::Pools;
use env::Env;
use keyring::{Family, Keyring, SigningKeys};
use links::Links;
use pages::Pages;
use rate_limit::RateLimiter;
use readiness::Readiness;
use vault::Vaults;

/// The tools at run time.
#[derive(Debug)]
pub struct Kernel {
    /// Settings.
    pub settings: Settings,
    /// Clock, ids, randomness.
    pub env: Env,
    /// The database, for what people wait for: pages, the API, the console.
    pub db: PgPool,
    /// The database, for group commits: nobody's slow page takes their connections.
    pub hot: PgPool,
    /// The database, for background work: the mail engine, ticks, jobs, upkeep.
    pub work: PgPool,
    /// Vaults.
    pub vaults: Vaults,
    /// Links in mail.
    pub links: Links,
    /// Limits on public acts.
    pub rate_limiter: RateLimiter,
    /// Templates.
    pub pages: Pages,
    /// What changed, for the caches.
    pub cache_invalidator: Arc<CacheInvalidator>,
    /// Can this process do its work?
    pub readiness: Readiness,
    /// Cancelled when the server is asked to stop: streams end then.
    pub stopping: CancellationToken,
    /// Keys idempotency HMACs.
    pub requests_key: SigningKeys,
    /// Keys the global list of suppressed addresses.
    pub suppressions_key: SigningKeys,
}

impl Kernel {
    /// Puts the tools together.
    pub fn new(settings: Settings, env: Env, pools: impl Into<Pools>, keyring: Arc<Keyring>) -> Arc<Self> {
        let Pools { interactive: db, hot, work } = pools.into();
        let requests = SigningKeys::of(&keyring, Family::Requests, &env);
        Arc::new(Self {
            links: Links::new(SigningKeys::of(&keyring, Family::Links, &env), &settings.http.public_url),
            rate_limiter: RateLimiter::new(settings.guard.clone(), env.clone(), db.clone(), requests.derive("guard")),
            pages: Pages::new(&settings.http.public_url),
            cache_invalidator: Arc::default(),
            readiness: Readiness::new(env.clone()),
            stopping: CancellationToken::new(),
            requests_key: requests.derive("idempotency"),
            suppressions_key: SigningKeys::of(&keyring, Family::Suppressions, &env),
            vaults: Vaults::new(work.clone(), env.clone(), keyring),
            settings,
            env,
            db,
            hot,
            work,
        })
    }

    /// The pools with their names.
    pub fn pools(&self) -> Pools {
        Pools { interactive: self.db.clone(), hot: self.hot.clone(), work: self.work.clone() }
    }

    /// A full address of ours.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.http.public_url)
    }
}
