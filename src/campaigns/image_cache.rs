//! Pictures in memory: those that are asked for most, as many bytes as there is room for.
//!
//! A picture never changes under its id, so one in memory is right for as long as it exists. That one was removed is told to
//! every process by Postgres (a trigger sends its id; see `kernel::invalidator`): it is then known to be gone. A process that does
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
const ROOM: u64 = 64 * 1024 * 1024;
/// What one takes beside its bytes.
const FRAME: u64 = 200;
/// Pictures that are likely to be in it, of 200 kB each.
const USUAL: usize = 320;

/// A picture as it is shown.
#[derive(Clone, Debug)]
pub struct ShownImage {
    /// Its media type.
    pub content_type: HeaderValue,
    /// The file.
    pub bytes: Bytes,
}

#[derive(Clone)]
enum Known {
    There(Arc<There>),
    /// It was removed.
    Gone,
}

struct There {
    shown: ShownImage,
    /// When it was last known to be in the database, and how often all pictures had to be looked for until then.
    seen: Mutex<(Instant, u64)>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Uuid, Known> for ByBytes {
    fn weight(&self, _: &Uuid, known: &Known) -> u64 {
        match known {
            Known::There(there) => FRAME + there.shown.bytes.len() as u64,
            Known::Gone => FRAME,
        }
    }
}

/// Pictures by id.
pub struct ImageCache {
    env: Env,
    invalidator: Arc<CacheInvalidator>,
    known: Cache<Uuid, Known, ByBytes>,
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
        let options = OptionsBuilder::new().estimated_items_capacity(USUAL).weight_capacity(ROOM).shards(4).build();
        let options = options.expect("the capacities are set");
        let known = Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let cache = Self { env: env.clone(), invalidator: invalidator.clone(), known, unsure: AtomicU64::default() };
        let cache = Arc::new(cache);
        let watching = Arc::downgrade(&cache);
        invalidator.subscribe(move |change| {
            let Some(cache) = watching.upgrade() else { return };
            match change {
                CacheInvalidation::ImageRemoved(id) => cache.known.insert(id, Known::Gone),
                CacheInvalidation::All => _ = cache.unsure.fetch_add(1, Ordering::AcqRel),
                CacheInvalidation::Row(_) => {}
            }
        });
        cache
    }

    /// Is it known that this picture was removed?
    pub fn is_gone(&self, id: Uuid) -> bool {
        matches!(self.known.get(&id), Some(Known::Gone))
    }

    /// A picture, from memory or from the database; those who ask for the same at once wait for one query.
    ///
    /// # Errors
    /// `not_found`, or a database error.
    pub async fn get(&self, kernel: &Kernel, id: Uuid) -> Result<ShownImage> {
        let asked_at = (self.env.instant(), self.unsure.load(Ordering::Acquire));
        let load = async {
            metrics::counter!("muster_image_loads").increment(1);
            let row = store::images::bytes(&mut *kernel.db.acquire().await?, id).await?;
            let content_type = HeaderValue::try_from(row.content_type).map_err(Error::internal)?;
            let shown = ShownImage { content_type, bytes: row.bytes.into() };
            Ok::<_, Error>(Known::There(Arc::new(There { shown, seen: Mutex::new(asked_at) })))
        };
        let Known::There(there) = self.known.get_or_insert_async(&id, load).await? else {
            return Err(Error::not_found());
        };
        if self.is_due(&there) {
            let Ok(mut conn) = kernel.db.acquire().await else {
                // a database that is away removes nothing
                return Ok(there.shown.clone());
            };
            if let Ok(false) = store::images::exists(&mut conn, id).await {
                self.known.insert(id, Known::Gone);
                return Err(Error::not_found());
            }
        }
        Ok(there.shown.clone())
    }

    /// Has it not been looked for, for longer than things may be kept? One of those who ask is told so.
    fn is_due(&self, there: &There) -> bool {
        let now = (self.env.instant(), self.unsure.load(Ordering::Acquire));
        let mut seen = there.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.1 != seen.1 || now.0.saturating_duration_since(seen.0) >= self.invalidator.ttl();
        if is_due {
            *seen = now;
        }
        is_due
    }
}
