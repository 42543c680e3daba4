//! A per-process cache: values live at most a set time, invalidations remove what they affect, and concurrent requests
//! for a missing key run one load (no cache stampede).

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard},
    time::{Duration, Instant},
};

use super::{
    cache_invalidation::{CacheInvalidation, CacheInvalidator},
    db::with_timeout,
    env::Env,
};
use crate::error::{Error, Result};

/// From this many keys on, expired ones are dropped before another is added.
const MAX_KEYS: usize = 10_000;
/// Timeout of a load.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which callers that did not wait for a failed load are answered with its outage, too.
const OUTAGE_TTL: Duration = Duration::from_millis(250);

/// A cache shared by several owners.
pub type SharedCache<K, V> = Arc<Cache<K, V>>;

/// Values by key; each key is loaded by one caller at a time.
#[derive(Debug)]
pub struct Cache<K, V> {
    env: Env,
    ttl: Ttl,
    slots: RwLock<HashMap<K, Arc<Slot<V>>>>,
}

#[derive(Debug)]
enum Ttl {
    Fixed(Duration),
    /// As long as [`CacheInvalidator::ttl`] says.
    UntilInvalidated(Arc<CacheInvalidator>),
}

#[derive(Debug)]
struct Slot<V> {
    value: RwLock<Option<(V, Instant)>>,
    loading: tokio::sync::Mutex<()>,
    /// Cause and time of the last load that failed by an outage.
    outage: Mutex<Option<(String, Instant)>>,
}

impl<V> Slot<V> {
    fn outage(&self, now: Instant) -> Option<Error> {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        *outage = outage.take().filter(|(_, at)| now.saturating_duration_since(*at) < OUTAGE_TTL);
        outage.as_ref().map(|(cause, _)| Error::Unavailable { retry_after: 2, cause: cause.clone() })
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// A cache whose values live at most `ttl`.
    pub fn new(env: Env, ttl: Duration) -> Self {
        Self { env, ttl: Ttl::Fixed(ttl), slots: RwLock::default() }
    }

    /// A cache of what public pages show; drops the values for which `affects` is true.
    pub fn invalidated_by(
        env: Env,
        invalidator: &Arc<CacheInvalidator>,
        affects: impl Fn(&K, &V, CacheInvalidation) -> bool + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let cache = Arc::new(Self { env, ttl: Ttl::UntilInvalidated(invalidator.clone()), slots: RwLock::default() });
        let weak = Arc::downgrade(&cache);
        invalidator.subscribe(move |invalidation| {
            if let Some(cache) = weak.upgrade() {
                cache.lock().retain(|key, slot| {
                    let value = slot.value.read().unwrap_or_else(PoisonError::into_inner);
                    // a value that is being loaded may have been read before the change, so its slot is dropped, too
                    value.as_ref().is_some_and(|(value, _)| !affects(key, value, invalidation))
                });
            }
        });
        cache
    }

    /// The cached value of `key`, or what `load` returns. While one caller loads, others that ask for the same key
    /// wait.
    ///
    /// An outage is returned to all callers that waited for the load, and to later ones for [`OUTAGE_TTL`] (250 ms),
    /// so that they do not each wait for the database.
    ///
    /// # Errors
    /// What `load` returns (not cached, except for outages as above); `unavailable` when it took longer than
    /// [`LOAD_TIMEOUT`].
    pub async fn get(&self, key: &K, load: impl AsyncFnOnce() -> Result<V>) -> Result<V> {
        // popular keys are requested concurrently: hits take a read lock only
        let known =
            self.slots.read().unwrap_or_else(PoisonError::into_inner).get(key).and_then(|slot| self.fresh(slot));
        if let Some(value) = known {
            return Ok(value);
        }
        let slot = self.slot(key);
        let _one_at_a_time = slot.loading.lock().await;
        if let Some(value) = self.fresh(&slot) {
            return Ok(value);
        }
        let asked_at = self.env.instant();
        if let Some(outage) = slot.outage(asked_at) {
            return Err(outage);
        }
        metrics::counter!("muster_cache_loads").increment(1);
        let loaded = with_timeout(LOAD_TIMEOUT, "a cache's load", load()).await;
        match &loaded {
            Ok(value) => {
                *slot.value.write().unwrap_or_else(PoisonError::into_inner) = Some((value.clone(), asked_at));
            }
            Err(Error::Unavailable { cause, .. }) => {
                *slot.outage.lock().unwrap_or_else(PoisonError::into_inner) = Some((cause.clone(), self.env.instant()));
            }
            Err(_) => {}
        }
        loaded
    }

    /// Removes a key, after a write that changed it.
    pub fn invalidate(&self, key: &K) {
        self.lock().remove(key);
    }

    /// Removes all values.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn fresh(&self, slot: &Slot<V>) -> Option<V> {
        let value = slot.value.read().unwrap_or_else(PoisonError::into_inner);
        let ttl = match &self.ttl {
            Ttl::Fixed(time) => *time,
            Ttl::UntilInvalidated(invalidator) => invalidator.ttl(),
        };
        value.as_ref().filter(|(_, at)| self.env.instant().duration_since(*at) < ttl).map(|(v, _)| v.clone())
    }

    fn slot(&self, key: &K) -> Arc<Slot<V>> {
        let mut slots = self.lock();
        if slots.len() >= MAX_KEYS && !slots.contains_key(key) {
            slots.retain(|_, slot| self.fresh(slot).is_some());
        }
        slots
            .entry(key.clone())
            .or_insert_with(|| {
                Arc::new(Slot {
                    value: RwLock::new(None),
                    loading: tokio::sync::Mutex::default(),
                    outage: Mutex::default(),
                })
            })
            .clone()
    }

    fn lock(&self) -> RwLockWriteGuard<'_, HashMap<K, Arc<Slot<V>>>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn concurrent_gets_of_a_missing_key_load_once() {
        let cache = Arc::new(Cache::new(Env::system(), Duration::from_mins(1)));
        let loads = Arc::new(AtomicU32::new(0));
        let herd = (0..50).map(|_| {
            let (cache, loads) = (cache.clone(), loads.clone());
            tokio::spawn(async move {
                cache
                    .get(&1, async || {
                        loads.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        Ok(7)
                    })
                    .await
            })
        });
        for one in herd.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().unwrap(), 7);
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        cache.invalidate(&1);
        assert_eq!(cache.get(&1, async || Ok(8)).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn concurrent_gets_share_an_outage() {
        let cache = Arc::new(Cache::<u8, u8>::new(Env::system(), Duration::from_mins(1)));
        let loads = Arc::new(AtomicU32::new(0));
        let waiting = (0..50).map(|_| {
            let (cache, loads) = (cache.clone(), loads.clone());
            tokio::spawn(async move {
                cache
                    .get(&1, async || {
                        loads.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Err(sqlx::Error::PoolTimedOut.into())
                    })
                    .await
            })
        });
        for one in waiting.collect::<Vec<_>>() {
            assert!(matches!(one.await.unwrap(), Err(Error::Unavailable { .. })));
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }
}
