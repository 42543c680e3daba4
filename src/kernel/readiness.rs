//! Readiness: is a durable write possible?
//!
//! A process writes its row of `process_heartbeats` every two seconds, on a connection of its own, so that busy pools
//! and slow pages do not influence the result. `/readyz` answers 200 while the last write is recent: it turns 503 at
//! most ten seconds after the database stops accepting writes (unreachable, half-open connection, read-only, disk
//! full), and 200 again soon after it accepts them. The row needs no new page of its table: that the disk is full is known
//! from what other writes were answered, and that it has room again from a file that is written for it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    Kernel, Process,
    background::{JobInfo, Jobs, Progress, RunsIn},
    db,
    env::Env,
};
use crate::error::{Error, Result, breaks_connections, is_disk_full, note_disk_full, note_lost_connections};

/// Time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);
/// Timeout of one write, including connecting.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an answer on the open connection is waited for, once a write on a new one has worked.
const LATE_ANSWER: Duration = Duration::from_secs(1);
/// Timeout of writing a file on a disk that was full.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum age of the last write while ready. A refused write ends readiness at once, one that hangs after this time,
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
            Some(_) if is_disk_full() => Err("the database's disk is full"),
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

    /// Writes the heartbeat, and is ready if that works. If it works on a new connection after an open one stopped
    /// working, the other open connections are lost, too.
    async fn beat(&self, process: &Heartbeat) -> Result<()> {
        let mut conn = process.conn.lock().await;
        let written = match conn.take() {
            Some(open) => self.write_on_open(process, open).await,
            None => self.write_on_new(process).await,
        };
        let written = written.map(|used| *conn = Some(used));
        if written.is_ok() && process.lost_connection.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                event = "database.connections_lost",
                "an open database connection stopped working and a new one works: whatever waits on the others is ended"
            );
            note_lost_connections();
        }
        if written.is_ok()
            && is_disk_full()
            && let Some(open) = conn.as_mut()
        {
            let tried = timeout(ROOM_TIMEOUT, has_room(open)).await;
            if tried.is_ok_and(|tried| tried.is_ok()) {
                note_disk_full(false);
            } else {
                *conn = None;
            }
        }
        self.note(written.is_ok().then(|| self.env.instant()));
        metrics::gauge!("muster_ready").set(if self.check().is_ok() { 1.0 } else { 0.0 });
        written
    }

    /// Writes on the open connection; on a new one if that does not answer or is broken. Returns the connection that
    /// worked.
    async fn write_on_open(&self, process: &Heartbeat, open: PgConnection) -> Result<PgConnection> {
        let mut pending = Box::pin(process.write(&self.env, open));
        let answered = timeout(WRITE_TIMEOUT, &mut pending).await;
        match answered {
            Ok(Ok(used)) => return Ok(used),
            // the server answered: the network is there
            Ok(Err(error)) if !breaks_connections(&error) => return Err(error.into()),
            Ok(Err(_)) | Err(_) => process.lost_connection.store(true, Ordering::Relaxed),
        }
        let written = self.write_on_new(process).await;
        // a server that is slow answers both, the older statement first
        if answered.is_err() && written.is_ok() && timeout(LATE_ANSWER, pending).await.is_ok() {
            process.lost_connection.store(false, Ordering::Relaxed);
        }
        written
    }

    async fn write_on_new(&self, process: &Heartbeat) -> Result<PgConnection> {
        let writing = async {
            let conn = db::connect(&process.url, db::PoolKind::Background).await?;
            Ok(process.write(&self.env, conn).await?)
        };
        timeout(WRITE_TIMEOUT, writing)
            .await
            .unwrap_or_else(|_| Err(Error::uncertain(2, "no durable write within three seconds")))
    }
}

/// Writes a file of some pages, which is gone at once.
async fn has_room(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut tx = conn.begin().await?;
    let fill = "CREATE TEMPORARY TABLE room AS SELECT repeat('x', 1000) AS filling FROM generate_series(1, 100)";
    sqlx::raw_sql(fill).execute(&mut *tx).await?;
    tx.rollback().await
}

/// Registers the heartbeat.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, process: &Process, jobs: &mut Jobs) {
    let (id, role, url) = (kernel.env.id(), process.node.role, process.url.clone());
    let heartbeat = Arc::new(Heartbeat {
        id,
        role,
        url,
        conn: tokio::sync::Mutex::default(),
        lost_connection: AtomicBool::new(false),
    });
    let info = JobInfo::every(
        WRITE_INTERVAL,
        RunsIn::EachProcess,
        "heartbeat",
        "writes the process's row of `process_heartbeats`, which makes `/readyz` ready",
        "one row",
        // its two writes and the wait for a late answer have shorter limits of their own
        WRITE_TIMEOUT * 3,
    );
    jobs.add(info, &(kernel.clone(), heartbeat), async |(kernel, heartbeat), _| {
        kernel.readiness.beat(&heartbeat).await?;
        Ok(Progress::Done)
    });
}

struct Heartbeat {
    id: Uuid,
    role: &'static str,
    url: String,
    conn: tokio::sync::Mutex<Option<PgConnection>>,
    /// An open connection stopped working, and no new one has worked since.
    lost_connection: AtomicBool,
}

impl Heartbeat {
    /// Writes the row; returns the connection, to be used again.
    async fn write(&self, env: &Env, mut conn: PgConnection) -> Result<PgConnection, sqlx::Error> {
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
        .execute(&mut conn)
        .await?;
        Ok(conn)
    }
}
