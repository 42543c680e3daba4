//! What changed, told to the caches: by own writes at once, by other processes through Postgres' NOTIFY.
//!
//! Triggers send the id of a changed action or campaign (or `*`, or `image:` and the id of a picture that was removed) on the
//! channel `muster_cache_invalidation`. While a process hears
//! them, its caches may keep values for a minute; while it does not (PgBouncer has no LISTEN, the connection broke), for
//! two seconds. After each new start of listening everything is forgotten, since messages were missed.

use std::{
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The channel of the triggers in `migrations/0004_campaigns.sql`.
const CHANNEL: &str = "muster_cache_invalidation";
/// How long values are kept while changes are heard.
const TTL_LISTENING: Duration = Duration::from_mins(1);
/// How long otherwise.
const TTL_POLLING: Duration = Duration::from_secs(2);
/// A connection that is silent for so long is asked whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
/// Time for an answer, and between two attempts to connect.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheInvalidation {
    /// The action or campaign of this id, or what its page shows beside it.
    Row(Uuid),
    /// The picture of this id was removed.
    ImageRemoved(Uuid),
    /// Something that many show: an office, a partner; or it is not known what.
    All,
}

impl CacheInvalidation {
    /// Reads what a trigger sends.
    fn parse(payload: &str) -> Self {
        let id = |text| Uuid::try_parse(text).ok();
        match payload.strip_prefix("image:") {
            Some(image) => id(image).map(Self::ImageRemoved),
            None => id(payload).map(Self::Row),
        }
        .unwrap_or(Self::All)
    }

    /// Does it concern what was made from this row?
    pub fn affects(self, id: Uuid) -> bool {
        self == Self::All || self == Self::Row(id)
    }
}

type Subscriber = Box<dyn Fn(CacheInvalidation) + Send + Sync>;

/// Those who want to know, and whether other processes are heard.
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
    /// Calls `subscriber` on each change from now on.
    pub fn subscribe(&self, subscriber: impl Fn(CacheInvalidation) + Send + Sync + 'static) {
        self.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(subscriber));
    }

    /// Tells every cache of this process, after a write of its own.
    pub fn publish(&self, invalidation: CacheInvalidation) {
        for subscriber in self.subscribers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            subscriber(invalidation);
        }
    }

    /// How long a cached value may be used now.
    pub fn ttl(&self) -> Duration {
        if self.is_listening() { TTL_LISTENING } else { TTL_POLLING }
    }

    /// Are other processes' changes heard?
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// Listens until cancelled; connects again by itself whenever the connection is lost.
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
                    tracing::warn!(%error, "cache invalidation is not listening; pages may be two seconds old");
                }
                trouble = true;
                tokio::select! { () = sleep(REPLY_TIMEOUT) => {}, () = cancel.cancelled() => {} }
            } else {
                trouble = false;
            }
        }
    }

    /// Hears changes until the connection is lost (`Ok`), or cannot be made.
    async fn listen_once(&self, options: PgConnectOptions) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(REPLY_TIMEOUT).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.listen(CHANNEL).await?;
        self.listening.store(true, Ordering::Release);
        // whatever was read before this moment may have missed a change
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
