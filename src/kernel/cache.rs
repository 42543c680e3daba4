//! A per-process cache: values live at most a set time, invalidations remove what they affect, and concurrent requests
//! for a missing key run one load (no cache stampede).

use std::{
    convert::Infallible,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use quick_cache::sync::Cache as Slots;

use super::{
    cache_invalidation::{CacheInvalidation, CacheInvalidator},
    db::with_timeout,
    env::Env,
};
use crate::error::{Error, Result};

/// Keys of a cache at most. Beyond, those go that are asked for least (S3-FIFO).
const MAX_KEYS: usize = 10_000;
/// Age at which a value is dropped that nobody asked for: longer than any value may be used.
const STALE_AFTER: Duration = Duration::from_mins(2);
/// Timeout of a load.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which callers that did not wait for a failed load are answered with its outage, too.
const OUTAGE_TTL: Duration = Duration::from_millis(250);

/// A cache shared by several owners.
pub type SharedCache<K, V> = Arc<Cache<K, V>>;

/// Values by key; each key is loaded by one caller at a time.
///
/// `quick_cache` keeps the keys, bounds their number and lets many read at once. What it does not know is in a slot:
/// that an invalidation concerns a load in progress (its result must not be kept), that a load's time counts from its
/// start, by [`Env`]'s clock, that an outage is remembered and another error is not.
pub struct Cache<K, V> {
    env: Env,
    ttl: Ttl,
    slots: Slots<K, Arc<Slot<V>>>,
    /// When values older than [`STALE_AFTER`] were last dropped.
    stale_dropped_at: Mutex<Instant>,
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Ttl {
    Fixed(Duration),
    /// As long as [`CacheInvalidator::ttl`] says.
    UntilInvalidated(Arc<CacheInvalidator>),
}

struct Slot<V> {
    value: RwLock<SlotValue<V>>,
    loading: tokio::sync::Mutex<()>,
    /// Cause and time of the last load that failed by an outage.
    outage: Mutex<Option<(String, Instant)>>,
}

enum SlotValue<V> {
    /// Not loaded yet.
    Missing,
    /// With the time at which its load began.
    Loaded(V, Instant),
    /// The slot was removed: a load in progress must not be kept.
    Removed,
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        let value = RwLock::new(SlotValue::Missing);
        Self { value, loading: tokio::sync::Mutex::default(), outage: Mutex::default() }
    }
}

impl<V> Slot<V> {
    fn read(&self) -> RwLockReadGuard<'_, SlotValue<V>> {
        self.value.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a loaded value, or that the slot was removed; not after it was.
    fn set(&self, new: SlotValue<V>) {
        let mut value = self.value.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*value, SlotValue::Removed) {
            *value = new;
        }
    }

    fn is_removed(&self) -> bool {
        matches!(*self.read(), SlotValue::Removed)
    }

    fn set_outage(&self, cause: String, at: Instant) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = Some((cause, at));
    }

    fn outage(&self, now: Instant) -> Option<Error> {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        *outage = outage.take().filter(|(_, at)| now.saturating_duration_since(*at) < OUTAGE_TTL);
        outage.as_ref().map(|(cause, _)| Error::not_done(2, cause.clone()))
    }
}

impl<K, V> Cache<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache whose values live at most `ttl`.
    pub fn new(env: Env, ttl: Duration) -> Self {
        Self::with_ttl(env, Ttl::Fixed(ttl))
    }

    fn with_ttl(env: Env, ttl: Ttl) -> Self {
        let stale_dropped_at = Mutex::new(env.instant());
        Self { env, ttl, slots: Slots::new(MAX_KEYS), stale_dropped_at }
    }

    /// A cache of what public pages show; drops the values for which `affects` is true.
    pub fn invalidated_by(
        env: Env,
        invalidator: &Arc<CacheInvalidator>,
        affects: impl Fn(&K, &V, CacheInvalidation) -> bool + Send + Sync + 'static,
    ) -> Arc<Self> {
        let cache = Arc::new(Self::with_ttl(env, Ttl::UntilInvalidated(invalidator.clone())));
        let weak = Arc::downgrade(&cache);
        invalidator.subscribe(move |invalidation| {
            let Some(cache) = weak.upgrade() else { return };
            // slots that are added meanwhile are loaded after the change
            for (key, slot) in cache.slots.iter() {
                let is_affected = match &*slot.read() {
                    SlotValue::Loaded(value, _) => affects(&key, value, invalidation),
                    // what is being loaded may have been read before the change
                    SlotValue::Missing | SlotValue::Removed => true,
                };
                if is_affected {
                    cache.remove(&key, &slot);
                }
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
        loop {
            let Ok(slot) = self.slots.get_or_insert_with(key, || Ok::<_, Infallible>(Arc::default()));
            if let Some(value) = self.fresh(&slot) {
                return Ok(value);
            }
            let _one_at_a_time = slot.loading.lock().await;
            if let Some(value) = self.fresh(&slot) {
                return Ok(value);
            }
            if slot.is_removed() {
                // what was loaded meanwhile is not kept: those who waited for it wait for its successor
                continue;
            }
            let asked_at = self.env.instant();
            if let Some(outage) = slot.outage(asked_at) {
                return Err(outage);
            }
            self.drop_stale(asked_at);
            metrics::counter!("muster_cache_loads").increment(1);
            let loaded = with_timeout(LOAD_TIMEOUT, "a cache's load", load()).await;
            match &loaded {
                Ok(value) => slot.set(SlotValue::Loaded(value.clone(), asked_at)),
                Err(Error::Unavailable { cause, .. }) => slot.set_outage(cause.clone(), self.env.instant()),
                Err(_) => {}
            }
            return loaded;
        }
    }

    /// Removes a key, after a write that changed it.
    pub fn invalidate(&self, key: &K) {
        if let Some(slot) = self.slots.get(key) {
            self.remove(key, &slot);
        }
    }

    fn remove(&self, key: &K, slot: &Arc<Slot<V>>) {
        // first the key: who finds the slot without its value would load into it
        self.slots.remove_if(key, |there| Arc::ptr_eq(there, slot));
        slot.set(SlotValue::Removed);
    }

    /// Drops the values that nobody may use any more, so that opened keys do not stay in memory. At most once in
    /// [`STALE_AFTER`].
    fn drop_stale(&self, now: Instant) {
        {
            let mut last = self.stale_dropped_at.lock().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_duration_since(*last) < STALE_AFTER {
                return;
            }
            *last = now;
        }
        let is_stale = |slot: &Slot<V>| match &*slot.read() {
            SlotValue::Loaded(_, at) => now.saturating_duration_since(*at) >= STALE_AFTER,
            SlotValue::Missing | SlotValue::Removed => false,
        };
        // a slot whose next value is being loaded stays
        self.slots.retain(|_, slot| slot.loading.try_lock().is_err() || !is_stale(slot));
    }

    fn fresh(&self, slot: &Slot<V>) -> Option<V> {
        let ttl = match &self.ttl {
            Ttl::Fixed(time) => *time,
            Ttl::UntilInvalidated(invalidator) => invalidator.ttl(),
        };
        match &*slot.read() {
            SlotValue::Loaded(value, at) if self.env.instant().duration_since(*at) < ttl => Some(value.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use chrono::TimeDelta;

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
    async fn a_load_that_an_invalidation_overtakes_is_not_kept() {
        let invalidator = Arc::<CacheInvalidator>::default();
        let cache = Cache::<u8, u8>::invalidated_by(Env::system(), &invalidator, |key, _, _| *key == 1);
        let change = || invalidator.publish(CacheInvalidation::All);
        let overtaken = async || {
            change();
            Ok(7)
        };
        assert_eq!(cache.get(&1, overtaken).await.unwrap(), 7);
        assert_eq!(cache.get(&1, async || Ok(8)).await.unwrap(), 8);
        assert_eq!(cache.get(&2, async || Ok(2)).await.unwrap(), 2);
        change();
        assert_eq!(cache.get(&1, async || Ok(9)).await.unwrap(), 9);
        assert_eq!(cache.get(&2, async || Ok(3)).await.unwrap(), 2, "what the change does not affect stays");
        cache.invalidate(&2);
        assert_eq!(cache.get(&2, async || Ok(3)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn callers_that_waited_for_an_overtaken_load_share_the_next() {
        let invalidator = Arc::<CacheInvalidator>::default();
        let cache = Cache::<u8, u32>::invalidated_by(Env::system(), &invalidator, |_, _, _| true);
        let loads = Arc::new(AtomicU32::new(0));
        let herd = (0..50).map(|_| {
            let (cache, loads, invalidator) = (cache.clone(), loads.clone(), invalidator.clone());
            tokio::spawn(async move {
                let load = async || {
                    let number = loads.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if number == 0 {
                        invalidator.publish(CacheInvalidation::All);
                    }
                    Ok(number)
                };
                cache.get(&1, load).await.unwrap()
            })
        });
        let mut seen = Vec::new();
        for one in herd.collect::<Vec<_>>() {
            seen.push(one.await.unwrap());
        }
        assert_eq!((loads.load(Ordering::SeqCst), seen.iter().filter(|number| **number == 0).count()), (2, 1));
    }

    #[tokio::test]
    async fn an_error_is_not_kept_and_the_number_of_keys_is_limited() {
        let cache = Cache::<u64, u64>::new(Env::system(), Duration::from_mins(1));
        assert!(matches!(cache.get(&1, async || Err(Error::not_found())).await, Err(Error::Problem { .. })));
        assert_eq!(cache.get(&1, async || Ok(1)).await.unwrap(), 1);
        for key in 0..2 * MAX_KEYS as u64 {
            cache.get(&key, async || Ok(key)).await.unwrap();
        }
        // each shard may round its part up
        assert!(cache.slots.len() <= MAX_KEYS + cache.slots.num_shards());
    }

    #[tokio::test]
    async fn a_value_that_nobody_asks_for_leaves_the_memory() {
        let env = Env::system();
        let cache = Cache::<u8, Arc<u8>>::new(env.clone(), Duration::from_secs(2));
        let value = Arc::new(7);
        cache.get(&1, async || Ok(value.clone())).await.unwrap();
        env.advance(TimeDelta::seconds(119));
        cache.get(&2, async || Ok(Arc::default())).await.unwrap();
        assert_eq!(Arc::strong_count(&value), 2, "not stale yet");
        env.advance(TimeDelta::seconds(2));
        cache.get(&3, async || Ok(Arc::default())).await.unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(cache.slots.len(), 2);
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
