//! Keyring maintenance, which every process runs in every role: reports which keys the process has, loads which
//! generation is active, and removes the keys of destroyed vaults from this host's files.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use data_encoding::HEXLOWER;
use futures_util::FutureExt;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Vaults, store};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel, Process,
        background::{JobInfo, Jobs, Progress, RunsIn},
        env::Env,
        keyring::{KeyInfo, is_of_month, vault_key, vault_of},
    },
};

/// Time between two checks of the files for changes.
const FILE_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Time between two maintenance rounds.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(20);
/// Timeout of reading the files; then they count as unreadable.
const FILE_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay before a round that [`Vaults::destroy`] asked for, so that its transaction can commit first.
const COMMIT_WAIT: Duration = Duration::from_secs(1);
/// Time limit of one step. Statements and reading of files have shorter ones.
const ROUND_LIMIT: Duration = Duration::from_mins(5);
/// Timeout of removing this process's row at shutdown.
const DEREGISTER_TIMEOUT: Duration = Duration::from_secs(2);
/// A day ends everywhere on Earth twelve hours after it has ended in UTC (at UTC-12).
const END_OF_DAY_EVERYWHERE: TimeDelta = TimeDelta::hours(12);
/// Minimum age at which a key without a vault in the database is deleted.
const ORPHANED_KEY_GRACE: TimeDelta = TimeDelta::days(1);

/// A process that uses the keyring, as registered in `keyring_nodes`.
#[derive(Clone, Debug)]
pub struct Node {
    /// `host/random`: unique per process, since each process may see another file.
    pub name: String,
    /// Role of the process: `all`, `web` or `worker`.
    pub role: &'static str,
}

impl Node {
    /// A name for this process.
    pub fn new(env: &Env, role: &'static str) -> Self {
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
        Self { name: format!("{host}/{}", HEXLOWER.encode(&env.random::<4>())), role }
    }
}

/// Registers the maintenance of the keyring.
pub(in crate::kernel) fn register_jobs(kernel: &Arc<Kernel>, process: &Process, jobs: &mut Jobs) {
    let info = JobInfo::every(
        FILE_POLL_INTERVAL,
        RunsIn::EachProcess,
        "keyring",
        "reads changed key files; then, and every 20 s, says which keys it has, learns generations, destroys ended \
         vaults and removes their keys from this host's files",
        "",
        ROUND_LIMIT,
    );
    let node = process.node.clone();
    let round = Arc::new(KeyringRound { due: Mutex::new(kernel.env.instant()) });
    jobs.add(info, &(kernel.clone(), node, round), async |(kernel, node, round), _| round.step(&kernel, &node).await);
}

/// Removes a process's row at its end; otherwise it would block an activation for ten minutes more.
pub async fn deregister(kernel: &Kernel, node: &Node) {
    let _ = timeout(DEREGISTER_TIMEOUT, store::forget_node(&kernel.work, &node.name)).await;
}

/// When the next round of this process is due.
struct KeyringRound {
    due: Mutex<Instant>,
}

impl KeyringRound {
    async fn step(&self, kernel: &Kernel, node: &Node) -> Result<Progress> {
        let vaults = &kernel.vaults;
        let has_changed = vaults.refresh().await;
        let has_destroyed = vaults.destroyed.notified().now_or_never().is_some();
        if has_destroyed {
            sleep(COMMIT_WAIT).await;
        }
        {
            let (mut due, now) = (self.due.lock().unwrap_or_else(PoisonError::into_inner), kernel.env.instant());
            if !has_changed && !has_destroyed && now < *due {
                return Ok(Progress::Idle);
            }
            // a round that fails is made again after the usual time, too
            *due = now + MAINTENANCE_INTERVAL;
        }
        vaults.check_in(node).await?;
        Ok(Progress::Done)
    }
}

impl Vaults {
    /// One round: registers this process's keys, loads the active generations, and prunes.
    ///
    /// # Errors
    /// As [`Vaults::prune`].
    pub async fn check_in(&self, node: &Node) -> Result<()> {
        self.refresh().await;
        store::register(&self.work, &node.name, node.role, &self.keyring.fingerprints()).await?;
        self.load_generations().await?;
        self.prune().await.map(drop)
    }

    /// Destroys the vaults whose last day is over everywhere on Earth, then removes the keys of all destroyed vaults
    /// from this host's files, so that no copy of the database can be decrypted. Returns the names of the removed
    /// keys.
    ///
    /// A key without a vault (its transaction never committed) is removed once this process has seen it for a day.
    /// Keys made for another database are not touched.
    ///
    /// # Errors
    /// `unavailable` when the files cannot be read or written; retried in the next round.
    pub async fn prune(&self) -> Result<Vec<String>> {
        self.refresh().await;
        let now = self.env.now();
        for vault in store::destroy_ended(&self.work, (now - END_OF_DAY_EVERYWHERE).date_naive(), now).await? {
            tracing::info!(event = "vault.destroyed", %vault, "a protected vault was destroyed: its last day is over");
            self.opened.invalidate(&vault);
        }
        let needed = store::needed(&self.work).await?;
        let missing = needed.iter().filter(|name| self.keyring.wrapping(name).is_err()).count();
        gauge("muster_keyring_missing_keys", missing);

        let here = self.keyring.vault_keys()?;
        let ids: Vec<Uuid> = here.iter().filter_map(|key| vault_of(&key.name)).collect();
        let known = store::known(&self.work, &ids).await?;
        let mut gone: Vec<String> = known.iter().filter(|(_, gone)| *gone).map(|(id, _)| vault_key(*id)).collect();
        gauge("muster_keyring_destroyed_keys_present", gone.len());
        let known: HashSet<Uuid> = known.into_iter().map(|(id, _)| id).collect();
        gone.extend(self.orphaned_keys(here, &known).await?);
        let months = self.keyring.root_keys()?.into_iter().filter(|key| is_of_month(&key.name));
        gone.extend(months.map(|key| key.name).filter(|name| !needed.contains(name)));
        if gone.is_empty() {
            return Ok(gone);
        }
        let names = gone.clone();
        self.with_files(move |keyring| keyring.destroy(&names)).await?;
        gauge("muster_keyring_destroyed_keys_present", 0);
        tracing::info!(
            event = "vault.keys_destroyed",
            keys = gone.len(),
            "keys of vaults that have ended were destroyed"
        );
        Ok(gone)
    }

    /// Number of keys that vaults of this database need, and this host lacks.
    pub async fn missing_keys(&self) -> Result<usize> {
        self.refresh().await;
        let needed = store::needed(&self.work).await?;
        Ok(needed.iter().filter(|name| self.keyring.wrapping(name).is_err()).count())
    }

    /// This database's keys without a vault that are older than [`ORPHANED_KEY_GRACE`].
    async fn orphaned_keys(&self, here: Vec<KeyInfo>, known: &HashSet<Uuid>) -> Result<Vec<String>> {
        let ours = store::database(&mut *self.work.acquire().await?).await?;
        let is_left = |key: &KeyInfo| {
            vault_of(&key.name).is_some_and(|id| !known.contains(&id)) && key.database.as_ref() == Some(&ours)
        };
        let left: Vec<KeyInfo> = here.into_iter().filter(is_left).collect();
        let before = self.env.now() - ORPHANED_KEY_GRACE;
        let mut seen = self.orphaned_keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.retain(|name, _| left.iter().any(|key| key.name == *name));
        let mut old = Vec::new();
        for key in left {
            let seen_at = *seen.entry(key.name.clone()).or_insert(self.env.now());
            if seen_at < before && key.created_at.is_some_and(|at| at < before) {
                old.push(key.name);
            }
        }
        Ok(old)
    }

    /// Reads the files again if they changed; true if one did. A file system that does not answer blocks one thread
    /// only.
    pub(super) async fn refresh(&self) -> bool {
        let keyring = self.keyring.clone();
        let file_lock = async {
            let alone = self.file_lock.clone().lock_owned().await;
            let look = move || {
                let changed = keyring.refresh();
                drop(alone);
                changed
            };
            tokio::task::spawn_blocking(look).await.unwrap_or(false)
        };
        let looked = timeout(FILE_TIMEOUT, file_lock).await;
        looked.unwrap_or_else(|_| {
            self.keyring.not_answering();
            false
        })
    }

    /// Runs a change of the key files on a blocking thread.
    pub(super) async fn with_files<T: Send + 'static, E: Into<Error> + Send + 'static>(
        &self,
        change: impl FnOnce(&crate::kernel::keyring::Keyring) -> Result<T, E> + Send + 'static,
    ) -> Result<T> {
        let keyring = self.keyring.clone();
        let changed = tokio::task::spawn_blocking(move || change(&keyring)).await.map_err(Error::internal)?;
        changed.map_err(Into::into)
    }
}

fn gauge(name: &'static str, keys: usize) {
    metrics::gauge!(name).set(f64::from(u32::try_from(keys).unwrap_or(u32::MAX)));
}
