//! Cache of image files, bounded by their size in bytes.
//!
//! An image never changes under its id, so a cached one is valid until it is removed. Its removal is announced to
//! every process by Postgres (a trigger notifies its id; see `kernel::transaction`). A process whose
//! connection for notifications is down, or that has not verified an image for the lifetime of caches, asks the
//! database whether the image still exists before it serves it again.

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

/// Maximum size of the cache in bytes.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Estimated overhead of an entry in bytes.
const ENTRY_OVERHEAD_BYTES: u64 = 200;
/// Expected number of entries, of 200 kB each.
const EXPECTED_ENTRIES: usize = 320;

/// An image file.
#[derive(Clone, Debug)]
pub(super) struct CachedImage {
    /// Its media type.
    pub content_type: HeaderValue,
    /// The file.
    pub bytes: Bytes,
}

#[derive(Clone)]
enum CacheEntry {
    PresentImage(Arc<PresentImage>),
    /// The image was removed.
    Gone,
}

struct PresentImage {
    shown: CachedImage,
    /// When the image was last known to exist, and the value of `unsure` at that time.
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

/// The cache, by image id.
pub(super) struct ImageCache {
    env: Env,
    invalidator: Arc<CacheInvalidator>,
    known: Cache<Uuid, CacheEntry, WeighByBytes>,
    /// Incremented when notifications may have been missed: every image is then verified again.
    unsure: AtomicU64,
}

impl fmt::Debug for ImageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageCache").field("pictures", &self.known.len()).finish_non_exhaustive()
    }
}

impl ImageCache {
    /// An empty cache, told of removed images by the invalidator.
    ///
    /// # Panics
    /// Never: its options are set.
    pub(super) fn watching(env: &Env, invalidator: &Arc<CacheInvalidator>) -> Arc<Self> {
        // few shards: the largest image must fit into one
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

    /// Is it known that this image was removed?
    pub(super) fn is_gone(&self, id: Uuid) -> bool {
        matches!(self.known.get(&id), Some(CacheEntry::Gone))
    }

    /// An image, from the cache or the database; concurrent requests for the same one share one query.
    ///
    /// # Errors
    /// `not_found`.
    pub(super) async fn get(&self, kernel: &Kernel, id: Uuid) -> Result<CachedImage> {
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
                // while the database is unavailable no image can be removed
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
