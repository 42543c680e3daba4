//! Which classes are paused, as last read from the database: checked before each message and again before its content
//! is transmitted, when a query would be too slow.
//!
//! It is read before each batch is sent (`Engine::mark_letters_begun`) and, while messages are being sent, every second
//! and on each notification of this or another process.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::{
    engine::{Engine, STATEMENTS_LIMIT},
    kinds::Class,
    store::{self, Pause},
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        cache_invalidation::{CacheInvalidation, CacheInvalidator},
        db::with_timeout,
    },
};

/// Poll interval while messages are being sent.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The paused classes, as last read.
#[derive(Debug, Default)]
pub(super) struct Paused {
    /// One bit for each class.
    classes: AtomicU8,
    /// Notified when mail was paused or resumed.
    changed: Arc<Notify>,
}

impl Paused {
    /// Nothing is paused until the first read.
    pub(super) fn new(invalidator: &CacheInvalidator) -> Self {
        let paused = Self::default();
        let changed = Arc::downgrade(&paused.changed);
        invalidator.subscribe(move |invalidation| {
            if matches!(invalidation, CacheInvalidation::Mail | CacheInvalidation::All)
                && let Some(changed) = changed.upgrade()
            {
                changed.notify_waiters();
            }
        });
        paused
    }

    /// Is this class paused?
    pub(super) fn is_paused(&self, class: Class) -> bool {
        self.classes.load(Ordering::Acquire) & bit(class) != 0
    }

    /// Reads the pauses in effect.
    async fn read(&self, kernel: &Kernel) -> Result<()> {
        let reading = async { store::pauses(&mut *kernel.work.acquire().await?).await };
        self.set(&with_timeout(STATEMENTS_LIMIT, "reading pauses", reading).await?);
        Ok(())
    }

    fn set(&self, pauses: &[Pause]) {
        let stopped = |class: &Class| pauses.iter().any(|p| store::is_stopped_by(&p.scope, *class));
        let classes = Class::ALL.into_iter().filter(stopped).map(bit).sum();
        self.classes.store(classes, Ordering::Release);
    }
}

fn bit(class: Class) -> u8 {
    1 << class as u8
}

impl Engine {
    /// Reads the pauses in effect into the engine's state.
    pub(super) async fn read_pauses(&self) -> Result<()> {
        self.paused.read(&self.kernel).await
    }

    /// Reads the pauses periodically and on each notification.
    pub(super) async fn poll_pauses(&self) -> Infallible {
        let changed = self.paused.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        loop {
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = changed.as_mut() => {
                    changed.set(self.paused.changed.notified());
                    changed.as_mut().enable();
                }
            }
            // the last state stays in effect; no batch begins while it cannot be read
            if let Err(error) = self.read_pauses().await {
                tracing::debug!(event = "mail.pauses_not_read", %error, "the mail pauses could not be read");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::env::Env;

    #[test]
    fn a_class_stops_alone_and_everything_stops_all() {
        let paused = Paused::default();
        let pause =
            |scope: &str| Pause { scope: scope.to_owned(), reason: String::new(), created_at: Env::system().now() };
        let stopped = || Class::ALL.map(|class| paused.is_paused(class));
        assert_eq!(stopped(), [false; 5]);
        paused.set(&[pause("letter"), pause("update")]);
        assert_eq!(stopped(), [false, false, true, false, true]);
        paused.set(&[pause("everything")]);
        assert_eq!(stopped(), [true; 5]);
        paused.set(&[]);
        assert_eq!(stopped(), [false; 5]);
    }
}
