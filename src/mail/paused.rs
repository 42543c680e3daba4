//! Which classes are paused, for everybody or for an organization, as last read from the database: checked before each message and again before its content
//! is transmitted, when a query would be too slow.
//!
//! It is read before each batch is sent (`Engine::mark_letters_begun`) and, while messages are being sent, every second
//! and on each notification of this or another process.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};
use uuid::Uuid;

use super::{
    engine::{Engine, STATEMENTS_LIMIT},
    kinds::Class,
    store::{self, OrganizationPause, Pause},
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
    /// Of all mail: one bit for each class.
    classes: AtomicU8,
    /// The same of the mail of organizations.
    organizations: RwLock<HashMap<Uuid, u8>>,
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

    /// Is this class paused, for everybody or for this organization?
    pub(super) fn is_paused(&self, organization: Uuid, class: Class) -> bool {
        let organizations = self.organizations.read().unwrap_or_else(PoisonError::into_inner);
        let own = organizations.get(&organization).copied().unwrap_or_default();
        (self.classes.load(Ordering::Acquire) | own) & bit(class) != 0
    }

    /// Reads the pauses in effect.
    async fn read(&self, kernel: &Kernel) -> Result<()> {
        let reading = async {
            let mut conn = kernel.work.acquire().await?;
            Ok((store::pauses(&mut conn).await?, store::organization_pauses(&mut conn, None).await?))
        };
        let (pauses, own) = with_timeout(STATEMENTS_LIMIT, "reading pauses", reading).await?;
        self.set(&pauses, &own);
        Ok(())
    }

    fn set(&self, pauses: &[Pause], own: &[OrganizationPause]) {
        let mut organizations = HashMap::<Uuid, u8>::new();
        for pause in own {
            *organizations.entry(pause.organization_id).or_default() |= stopped_by(&pause.scope);
        }
        *self.organizations.write().unwrap_or_else(PoisonError::into_inner) = organizations;
        let classes = pauses.iter().fold(0, |classes, pause| classes | stopped_by(&pause.scope));
        self.classes.store(classes, Ordering::Release);
    }
}

/// The classes that a pause of this scope stops.
fn stopped_by(scope: &str) -> u8 {
    Class::ALL.into_iter().filter(|class| store::is_stopped_by(scope, *class)).map(bit).sum()
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
        let (env, ours, others) = (Env::system(), Uuid::from_u128(1), Uuid::from_u128(2));
        let pause = |scope: &str| Pause { scope: scope.to_owned(), reason: String::new(), created_at: env.now() };
        let own = |scope: &str| OrganizationPause {
            organization_id: ours,
            scope: scope.to_owned(),
            reason: String::new(),
            created_at: env.now(),
        };
        let stopped = |organization| Class::ALL.map(|class| paused.is_paused(organization, class));
        assert_eq!(stopped(ours), [false; 5]);
        paused.set(&[pause("letter"), pause("update")], &[]);
        assert_eq!(stopped(ours), [false, false, true, false, true]);
        paused.set(&[pause("everything")], &[]);
        assert_eq!(stopped(ours), [true; 5]);
        paused.set(&[pause("letter")], &[own("notice"), own("urgent")]);
        assert_eq!(stopped(ours), [false, true, true, true, false]);
        assert_eq!(stopped(others), [false, false, true, false, false]);
        paused.set(&[], &[own("everything")]);
        assert_eq!((stopped(ours), stopped(others)), ([true; 5], [false; 5]));
        paused.set(&[], &[]);
        assert_eq!(stopped(ours), [false; 5]);
    }
}
