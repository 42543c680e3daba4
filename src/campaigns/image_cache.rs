//! Pictures in memory: those that are asked for most, as many bytes as there is room for.
//!
//! A picture never changes under its id, so one in memory is right for as long as it exists. That one was removed is told to
//! every process by Postgres (a trigger sends its id; see `kernel::transaction`): it is then known to be gone. A process that does
//! not hear the others, or has heard nothing of a picture for the caches' lifetime, asks whether it is still there before it
//! shows it again.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{body::Bytes, http::HeaderValue};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use uuid::Uuid;

use super::store;
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        cache_invalidation::{CacheInvalidation, CacheInvalidator},
        env::Env,
    },
};

/// Bytes of pictures in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// What one takes beside its bytes.
const ENTRY_OVERHEAD_BYTES: u64 = 200;
/// Pictures that are likely to be in it, of 200 kB each.
const EXPECTED_ENTRIES: usize = 320;

/// A picture as it is shown.
#[derive(Clone, Debug)]
pub struct CachedImage {
    /// Its media type.
    pub content_type: HeaderValue,
    /// The file.
    pub bytes: Bytes,
}

#[derive(Clone)]
enum CacheEntry {
    PresentImage(Arc<PresentImage>),
    /// It was removed.
    Gone,
}

struct PresentImage {
    shown: CachedImage,
    /// When it was last known to be in the database, and how often all pictures had to be looked for until then.
    seen: Mutex<(Instant, u64)>,
}

#[derive(Clone)]
struct WeighByBytes;

impl Weighter<Uuid, CacheEntry> for WeighByBytes {
    fn weight(&self, _: &Uuid, known: &CacheEntry) -> u64 {
        match known {
            CacheEntry::PresentImage(there) => ENTRY_OVERHEAD_BYTES + there.shown.bytes.len() as u64,
            CacheEntry::Gone => ENTRY_OVERHEAD_BYTES,
        }
    }
}

/// Pictures by id.
pub struct ImageCache {
    env: Env,
    invalidator: Arc<CacheInvalidator>,
    known: Cache<Uuid, CacheEntry, WeighByBytes>,
    /// How often all pictures had to be looked for: what was removed meanwhile may not have been heard.
    unsure: AtomicU64,
}

impl fmt::Debug for ImageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageCache").field("pictures", &self.known.len()).finish_non_exhaustive()
    }
}

impl ImageCache {
    /// A cache that hears of removed pictures.
    ///
    /// # Panics
    /// Never: its options are set.
    pub fn watching(env: &Env, invalidator: &Arc<CacheInvalidator>) -> Arc<Self> {
        // few parts: the largest picture must fit into one
        let options = OptionsBuilder::new()
            .estimated_items_capacity(EXPECTED_ENTRIES)
            .weight_capacity(CACHE_BYTES)
            .shards(4)
            .build();
        let options = options.expect("the capacities are set");
        let known =
            Cache::with_options(options, WeighByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let cache = Self { env: env.clone(), invalidator: invalidator.clone(), known, unsure: AtomicU64::default() };
        let cache = Arc::new(cache);
        let watching = Arc::downgrade(&cache);
        invalidator.subscribe(move |change| {
            let Some(cache) = watching.upgrade() else { return };
            match change {
                CacheInvalidation::ImageRemoved(id) => cache.known.insert(id, CacheEntry::Gone),
                CacheInvalidation::All => _ = cache.unsure.fetch_add(1, Ordering::AcqRel),
                CacheInvalidation::Row(_) | CacheInvalidation::Mail => {}
            }
        });
        cache
    }

    /// Is it known that this picture was removed?
    pub fn is_gone(&self, id: Uuid) -> bool {
        matches!(self.known.get(&id), Some(CacheEntry::Gone))
    }

    /// A picture, from memory or from the database; those who ask for the same at once wait for one query.
    ///
    /// # Errors
    /// `not_found`, or a database error.
    pub async fn get(&self, kernel: &Kernel, id: Uuid) -> Result<CachedImage> {
        let asked_at = (self.env.instant(), self.unsure.load(Ordering::Acquire));
        let load = async {
            metrics::counter!("muster_image_loads").increment(1);
            let row = store::images::bytes(&mut *kernel.db.acquire().await?, id).await?;
            let content_type = HeaderValue::try_from(row.content_type).map_err(Error::internal)?;
            let shown = CachedImage { content_type, bytes: row.bytes.into() };
            Ok::<_, Error>(CacheEntry::PresentImage(Arc::new(PresentImage { shown, seen: Mutex::new(asked_at) })))
        };
        let CacheEntry::PresentImage(there) = self.known.get_or_insert_async(&id, load).await? else {
            return Err(Error::not_found());
        };
        if self.needs_recheck(&there) {
            let Ok(mut conn) = kernel.db.acquire().await else {
                // a database that is away removes nothing
                return Ok(there.shown.clone());
            };
            if let Ok(false) = store::images::exists(&mut conn, id).await {
                self.known.insert(id, CacheEntry::Gone);
                return Err(Error::not_found());
            }
        }
        Ok(there.shown.clone())
    }

    /// Has it not been looked for, for longer than things may be kept? One of those who ask is told so.
    fn needs_recheck(&self, there: &PresentImage) -> bool {
        let now = (self.env.instant(), self.unsure.load(Ordering::Acquire));
        let mut seen = there.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let needs_recheck = now.1 != seen.1 || now.0.saturating_duration_since(seen.0) >= self.invalidator.ttl();
        if needs_recheck {
            *seen = now;
        }
        needs_recheck
    }
}
