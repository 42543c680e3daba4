//! Cache invalidation: a process's own writes invalidate its caches when they commit ([`super::transaction`]), those of
//! other processes through Postgres' LISTEN/NOTIFY.
//!
//! The SQL function `invalidate_cache`, which triggers call, sends, on the channel `muster_cache_invalidation`, the id
//! of a changed action or campaign, or `*`, or `image:` and the id of a removed picture, or `mail` when mail was paused
//! or resumed. While the process listens,
//! cached values may be used for a minute; while it does not (PgBouncer has no LISTEN, or the connection was lost), for
//! two seconds. Each time listening starts, all caches are cleared, since messages were missed.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Kernel, Process,
    background::{JobInfo, Jobs, Progress, RunsIn},
    db,
};

/// The NOTIFY channel of `invalidate_cache` in `migrations/functions/campaigns.sql`.
const CHANNEL: &str = "muster_cache_invalidation";
/// Lifetime of cached values while the process listens.
const TTL_LISTENING: Duration = Duration::from_mins(1);
/// Lifetime of cached values while it does not.
const TTL_POLLING: Duration = Duration::from_secs(2);
/// After this long without a notification, the LISTEN connection is probed with `SELECT 1`.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
/// Timeout of connecting and of the probe; also the pause between two attempts to connect.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);

/// What changed, and so which cached values are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheInvalidation {
    /// The action or campaign with this id, or something else that its page shows.
    Row(Uuid),
    /// The picture with this id was removed.
    ImageRemoved(Uuid),
    /// Mail was paused or resumed.
    Mail,
    /// Something shown by many pages (an office, a partner), or an unknown payload.
    All,
}

impl CacheInvalidation {
    /// Parses the payload of a notification.
    pub(super) fn parse(payload: &str) -> Self {
        if payload == "mail" {
            return Self::Mail;
        }
        let id = |text| Uuid::try_parse(text).ok();
        match payload.strip_prefix("image:") {
            Some(image) => id(image).map(Self::ImageRemoved),
            None => id(payload).map(Self::Row),
        }
        .unwrap_or(Self::All)
    }

    /// Is a value built from the row `id` stale?
    pub fn affects(self, id: Uuid) -> bool {
        self == Self::All || self == Self::Row(id)
    }
}

/// The payload of its notification.
impl std::fmt::Display for CacheInvalidation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row(id) => write!(f, "{id}"),
            Self::ImageRemoved(id) => write!(f, "image:{id}"),
            Self::Mail => f.write_str("mail"),
            Self::All => f.write_str("*"),
        }
    }
}

type Subscriber = Box<dyn Fn(CacheInvalidation) + Send + Sync>;

/// The subscribed caches, and whether notifications of other processes arrive.
#[derive(Default)]
pub struct CacheInvalidator {
    subscribers: RwLock<Vec<Subscriber>>,
    listening: AtomicBool,
}

impl std::fmt::Debug for CacheInvalidator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CacheInvalidator(heard: {:?})", self.listening)
    }
}

impl CacheInvalidator {
    /// Calls `subscriber` on every invalidation from now on.
    pub fn subscribe(&self, subscriber: impl Fn(CacheInvalidation) + Send + Sync + 'static) {
        self.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(subscriber));
    }

    /// Tells every cache of this process: of its own writes when they commit, of others' as they are heard.
    pub fn publish(&self, invalidation: CacheInvalidation) {
        for subscriber in self.subscribers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            subscriber(invalidation);
        }
    }

    /// How long a cached value may be used at present.
    pub fn ttl(&self) -> Duration {
        if self.is_listening() { TTL_LISTENING } else { TTL_POLLING }
    }

    /// Do notifications of other processes arrive?
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// Listens until cancelled; reconnects whenever the connection is lost.
    pub async fn listen(&self, options: PgConnectOptions, cancel: CancellationToken) {
        let mut trouble = false;
        while !cancel.is_cancelled() {
            let ended = tokio::select! {
                ended = self.listen_once(options.clone()) => ended,
                () = cancel.cancelled() => Ok(()),
            };
            self.listening.store(false, Ordering::Release);
            if let Err(error) = ended {
                if !trouble {
                    tracing::warn!(
                        event = "cache.not_listening",
                        %error,
                        "cache invalidation is not listening; cached pages may be two seconds old"
                    );
                }
                trouble = true;
                tokio::select! { () = sleep(REPLY_TIMEOUT) => {}, () = cancel.cancelled() => {} }
            } else {
                trouble = false;
            }
        }
    }

    /// Listens until the connection is lost (`Ok`) or cannot be made.
    async fn listen_once(&self, options: PgConnectOptions) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(REPLY_TIMEOUT).connect_lazy_with(options);
        let listening = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(true);
            listener.listen(CHANNEL).await?;
            Ok(listener)
        };
        let mut listener = timeout(REPLY_TIMEOUT * 2, listening).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        self.listening.store(true, Ordering::Release);
        // values read before this moment may be stale: their notifications were missed
        self.publish(CacheInvalidation::All);
        loop {
            match timeout(KEEPALIVE_AFTER, listener.try_recv()).await {
                Ok(Ok(Some(message))) => {
                    self.publish(CacheInvalidation::parse(message.payload()));
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => {
                    let there = timeout(REPLY_TIMEOUT, sqlx::query("SELECT 1").execute(&mut listener)).await;
                    there.map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }
}

/// Registers the listening to other processes.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, process: &Process, jobs: &mut Jobs) {
    let info = JobInfo::continuous(
        RunsIn::EachProcess,
        "cache_invalidation",
        "listens on `muster_cache_invalidation`; connects again after 3 s",
        "",
    );
    jobs.add(info, &(kernel.clone(), process.direct_url.clone()), async |(kernel, url), turn| {
        kernel.cache_invalidator.listen(db::options(&url)?, turn.cancel).await;
        Ok(Progress::Done)
    });
}
