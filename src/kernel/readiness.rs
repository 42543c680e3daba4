//! Readiness: is a durable write possible?
//!
//! A process writes its row of `process_heartbeats` every two seconds, on a connection of its own, so that busy pools
//! and slow pages do not influence the result. `/readyz` answers 200 while the last write is recent: it turns 503 at
//! most ten seconds after the database stops accepting writes (unreachable, half-open connection, read-only, disk
//! full), and 200 again soon after it accepts them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::PgConnection;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{db, env::Env};
use crate::error::{Error, Result};

/// Time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);
/// Timeout of one write, including connecting.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum age of the last write while ready. A failed write ends readiness at once, one that hangs after this time,
/// so that `/readyz` is wrong for at most ten seconds.
const MAX_WRITE_AGE: Duration = Duration::from_secs(7);

/// Readiness of this process.
#[derive(Debug)]
pub struct Readiness {
    env: Env,
    last_write: Mutex<Option<Instant>>,
    stopping: AtomicBool,
}

impl Readiness {
    /// Not ready until a write has worked.
    pub fn new(env: Env) -> Self {
        Self { env, last_write: Mutex::new(None), stopping: AtomicBool::new(false) }
    }

    /// Is this process ready?
    ///
    /// # Errors
    /// Why not, in one line for an operator.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("stopping");
        }
        let last = *self.last_write.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(at) if self.env.instant().saturating_duration_since(at) <= MAX_WRITE_AGE => Ok(()),
            _ => Err("a durable write does not work"),
        }
    }

    /// Reports "not ready" from now on, so that load balancers stop sending requests.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn note(&self, last_write: Option<Instant>) {
        *self.last_write.lock().unwrap_or_else(PoisonError::into_inner) = last_write;
    }

    /// Writes the heartbeat until cancelled.
    pub async fn run_heartbeat(&self, url: &str, role: &'static str, cancel: CancellationToken) {
        let process = Heartbeat { id: self.env.id(), role };
        let (mut conn, mut trouble) = (None, false);
        loop {
            let written = timeout(WRITE_TIMEOUT, process.write(&self.env, url, &mut conn)).await;
            match written.unwrap_or_else(|_| {
                Err(Error::Unavailable { retry_after: 2, cause: "no durable write within three seconds".to_owned() })
            }) {
                Ok(()) => {
                    self.note(Some(self.env.instant()));
                    trouble = false;
                }
                Err(error) => {
                    conn = None;
                    self.note(None);
                    if !trouble {
                        tracing::warn!(
                            event = "readiness.write_failed",
                            %error,
                            "not ready: a durable write does not work"
                        );
                    }
                    trouble = true;
                }
            }
            metrics::gauge!("muster_ready").set(if self.check().is_ok() { 1.0 } else { 0.0 });
            tokio::select! {
                () = sleep(WRITE_INTERVAL) => {}
                () = cancel.cancelled() => return,
            }
        }
    }
}

struct Heartbeat {
    id: Uuid,
    role: &'static str,
}

impl Heartbeat {
    async fn write(&self, env: &Env, url: &str, conn: &mut Option<PgConnection>) -> Result<()> {
        // taken out while in use: a connection whose write timed out is not used again
        let mut used = match conn.take() {
            Some(conn) => conn,
            None => db::connect(url, db::PoolKind::Background).await?,
        };
        let now = env.now();
        sqlx::query!(
            "WITH gone AS (DELETE FROM process_heartbeats WHERE seen_at < $4::timestamptz - interval '1 day')
             INSERT INTO process_heartbeats AS h (process_id, role, version, started_at, seen_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (process_id) DO UPDATE SET seen_at = excluded.seen_at",
            self.id,
            self.role,
            env!("CARGO_PKG_VERSION"),
            now
        )
        .execute(&mut used)
        .await?;
        *conn = Some(used);
        Ok(())
    }
}
