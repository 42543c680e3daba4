//! Tools without a domain: what every slice uses and what depends on no slice.
//!
//! [`Kernel`] holds their shared runtime state: settings, clock, connection pools, vaults, link tokens, rate limiter,
//! templates. One instance per process, passed to each slice as `Arc<Kernel>`.

pub mod background;
pub mod backups;
mod body;
pub mod cache;
pub mod cache_invalidation;
pub mod connections;
pub mod countries;
pub mod crypto;
pub mod database_roles;
pub mod day_secret;
pub mod db;
pub mod durability;
pub mod embedded_postgres;
pub mod env;
pub mod extract;
pub mod filter;
pub mod forms;
pub mod formulas;
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
pub mod migrations;
pub mod network;
pub mod network_limit;
pub mod origin;
pub mod pages;
pub mod paging;
pub mod patch;
pub mod qr;
pub mod rate_limit;
pub mod readiness;
pub mod table_stats;
pub mod table_sweep;
pub mod text;
mod text_enum;
pub mod transaction;
pub mod utf8_addresses;
pub mod vault;
pub mod zones;

use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::{config::Settings, error::Result};
use background::{JobInfo, Jobs, Progress, RunsIn};
use cache_invalidation::CacheInvalidator;
use db::{Pools, PublicDb};
use env::Env;
use keyring::{Family, Keyring, SigningKeys};
use links::Links;
use pages::Pages;
use rate_limit::RateLimiter;
use readiness::Readiness;
pub(crate) use text_enum::text_enum;
use transaction::{Db, Transaction};
use utf8_addresses::Utf8Addresses;
use vault::{Vaults, maintenance::Node};

/// Shared runtime state of one process.
#[derive(Debug)]
pub struct Kernel {
    /// The validated settings.
    pub settings: Settings,
    /// Clock, id generator and source of randomness.
    pub env: Env,
    /// Connection pool for requests that somebody waits for: pages, the API, the console. Its transactions tell the
    /// caches of this process what they changed.
    pub db: Db,
    /// Connections for public requests, some of them reserved, so that organizers' pages cannot starve them.
    pub public: PublicDb,
    /// Connection pool of the group commits, so that slow page requests cannot starve them.
    pub hot: PgPool,
    /// Connection pool for background work: the mail engine, ticks, jobs, maintenance.
    pub work: PgPool,
    /// Data keys and index keys of the vaults.
    pub vaults: Vaults,
    /// Makes and verifies the tokens of links in mail.
    pub links: Links,
    /// Rate limits on public acts and on attempts (passwords, codes).
    pub rate_limiter: RateLimiter,
    /// Renders HTML pages from templates.
    pub pages: Pages,
    /// Tells the caches of this process what changed.
    pub cache_invalidator: Arc<CacheInvalidator>,
    /// Readiness of this process, as `/readyz` reports it.
    pub readiness: Readiness,
    /// Cancelled when the server is asked to stop; streaming responses end then.
    pub stopping: CancellationToken,
    /// Signing keys for the HMACs of `Idempotency-Key` requests.
    pub requests_key: SigningKeys,
    /// Signing keys for the index of globally suppressed addresses.
    pub suppressions_key: SigningKeys,
    /// Whether mail can be sent to addresses that are not ASCII.
    pub utf8_addresses: Utf8Addresses,
}

impl Kernel {
    /// Builds the shared state; connects to nothing.
    pub fn new(settings: Settings, env: Env, pools: impl Into<Pools>, keyring: Arc<Keyring>) -> Arc<Self> {
        let Pools { interactive: db, hot, work } = pools.into();
        let public = PublicDb::new(db.clone());
        let requests = SigningKeys::of(&keyring, Family::Requests, &env);
        let cache_invalidator = Arc::<CacheInvalidator>::default();
        Arc::new(Self {
            links: Links::new(SigningKeys::of(&keyring, Family::Links, &env), &settings.http.public_url),
            rate_limiter: RateLimiter::new(
                settings.guard.clone(),
                env.clone(),
                public.clone(),
                requests.derive("guard"),
            ),
            pages: Pages::new(&settings.http.public_url),
            readiness: Readiness::new(env.clone()),
            stopping: CancellationToken::new(),
            requests_key: requests.derive("idempotency"),
            suppressions_key: SigningKeys::of(&keyring, Family::Suppressions, &env),
            vaults: Vaults::new(work.clone(), env.clone(), keyring),
            utf8_addresses: Utf8Addresses::new(&settings.mail),
            settings,
            env,
            db: Db::new(db, cache_invalidator.clone()),
            cache_invalidator,
            public,
            hot,
            work,
        })
    }

    /// The three pools as one value.
    pub fn pools(&self) -> Pools {
        Pools { interactive: PgPool::clone(&self.db), hot: self.hot.clone(), work: self.work.clone() }
    }

    /// Begins, on a connection that somebody holds, a transaction that tells the caches of this process what it changed.
    pub async fn begin_on<'c>(&self, conn: &'c mut PgConnection) -> Result<Transaction<'c>> {
        Transaction::begin(conn, self.cache_invalidator.clone()).await
    }

    /// The absolute URL of `path` (which begins with `/`) under `http.public_url`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.http.public_url)
    }
}

/// Registers the background jobs of tables that belong to no slice. Called after the slices, whose kinds of rows in the
/// table `jobs` it counts.
pub fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    rate_limit::register_jobs(kernel, jobs);
    idempotency::register_jobs(kernel, jobs);
    let tables = JobInfo::maintenance("report_tables", "sets the gauges of dead and live rows of each table", "");
    jobs.add(tables, kernel, async |kernel, _| {
        table_stats::gauge(&kernel.work).await?;
        Ok(Progress::Done)
    });
    table_sweep::register_jobs(kernel, jobs);
    backups::register_jobs(kernel, jobs);
    jobs::register_jobs(kernel, jobs);
}

/// The background jobs of every process, whatever its role.
pub fn process_jobs(kernel: &Arc<Kernel>, process: &Process) -> Jobs {
    let mut jobs = Jobs::new(kernel.clone());
    readiness::register_jobs(kernel, process, &mut jobs);
    cache_invalidation::register_jobs(kernel, process, &mut jobs);
    vault::maintenance::register_jobs(kernel, process, &mut jobs);
    db::register_jobs(kernel, &mut jobs);
    // histogram samples accumulate until they are scraped or this runs: memory would grow where nobody scrapes
    let recorder = JobInfo::every(
        Duration::from_secs(5),
        RunsIn::EachProcess,
        "drain_histograms",
        "drains the histograms of the metrics recorder",
        "",
        Duration::from_secs(5),
    );
    jobs.add(recorder, &process.metrics, async |metrics, _| {
        metrics.run_upkeep();
        Ok(Progress::Done)
    });
    jobs
}

/// What the background jobs of every process need to know of it.
#[derive(Clone)]
pub struct Process {
    /// Postgres URL of the database.
    pub url: String,
    /// Postgres URL that bypasses a pooler, for LISTEN.
    pub direct_url: String,
    /// How the process is known to the keyring.
    pub node: Node,
    /// The metrics recorder.
    pub metrics: PrometheusHandle,
}
