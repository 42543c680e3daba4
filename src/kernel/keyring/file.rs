//! Reading and atomically replacing one key file.
//!
//! A change takes `flock` on a side file (the key file itself is replaced by each change), reads the file again under
//! the lock, changes what it read, writes a new file beside it, syncs file and folder, and renames. So two processes
//! cannot undo each other's change, and a crash leaves either the old file or the new one.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Family, KeyringError, generation_of};
use crate::kernel::crypto::Key;

/// How long the last good keys stay in use while the file cannot be read: longer than replacing a file or remounting a
/// volume takes. Afterwards no vault can be opened until the file is readable again.
pub(super) const STALE_KEYS_GRACE: Duration = Duration::from_mins(1);
/// Attempts to take the lock, 20 ms apart: 10 seconds.
const MAX_LOCK_ATTEMPTS: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Format version that is written. Format 1 had no generation numbers for signing keys and no creation times.
const FORMAT: u32 = 2;

/// Which of the two key files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFileKind {
    /// `keyring.file`
    Root,
    /// `keyring.vault_keys_file`
    Vault,
}

impl KeyFileKind {
    /// Name of the setting with the file's path.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Root => "keyring.file",
            Self::Vault => "keyring.vault_keys_file",
        }
    }

    /// Value of the label `file` in metrics.
    fn label(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Vault => "vault",
        }
    }
}

/// A key with its metadata.
#[derive(Clone, Debug)]
pub(super) struct KeyEntry {
    pub(super) key: Key,
    /// Unknown for keys from a file of format 1.
    pub(super) created_at: Option<DateTime<Utc>>,
    /// For a vault's key, the database it was made for.
    pub(super) database: Option<String>,
}

impl KeyEntry {
    pub(super) fn new(key: Key, created_at: DateTime<Utc>) -> Self {
        Self { key, created_at: Some(created_at), database: None }
    }
}

/// The keys of a file by name.
pub(super) type Keys = BTreeMap<String, KeyEntry>;

#[derive(Serialize, Deserialize)]
struct KeyFileJson {
    format: u32,
    keys: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    created_at: BTreeMap<String, DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    database: BTreeMap<String, String>,
}

/// Identifies a version of the file. File system clocks are coarse, but each version that is written has a new inode,
/// and a change of mode or owner changes ctime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileVersion {
    modified: Option<SystemTime>,
    changed: (i64, i64),
    inode: u64,
    length: u64,
}

impl FileVersion {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            length: metadata.len(),
        }
    }
}

/// A key file, with the content that this process last read.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    kind: KeyFileKind,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The keys of the last version that could be read.
    keys: Option<Arc<Keys>>,
    stamp: Option<FileVersion>,
    failing: Option<ReadFailure>,
}

#[derive(Debug)]
struct ReadFailure {
    since: Instant,
    why: String,
}

impl KeyFile {
    /// A file that has not been read yet.
    pub(super) fn new(path: &Path, kind: KeyFileKind) -> Self {
        Self { path: path.to_owned(), kind, state: RwLock::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file for the first time.
    pub(super) fn open(&self) -> Result<(), KeyringError> {
        let (keys, stamp) = load(&self.path, self.kind)?;
        *self.lock_state() = State { keys: Some(Arc::new(keys)), stamp: Some(stamp), failing: None };
        self.show(true);
        Ok(())
    }

    /// Reads the file again if it changed; true if a new version was read.
    pub(super) fn refresh(&self, now: Instant) -> bool {
        let stamp = fs::metadata(&self.path).ok().map(|metadata| FileVersion::of(&metadata));
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if stamp.is_some() && state.stamp == stamp && state.failing.is_none() {
                self.show(true);
                return false;
            }
        }
        match load(&self.path, self.kind) {
            Ok((keys, stamp)) => {
                let mut state = self.lock_state();
                if state.failing.take().is_some() {
                    tracing::info!(
                        event = "keyring.file_readable",
                        file = %self.path.display(),
                        "the key file can be read again"
                    );
                }
                state.keys = Some(Arc::new(keys));
                state.stamp = Some(stamp);
                self.show(true);
                true
            }
            Err(error) => {
                self.failed(now, error.to_string());
                false
            }
        }
    }

    /// Records that the file cannot be read. The last good keys are used for [`STALE_KEYS_GRACE`] from the first
    /// failure on.
    pub(super) fn failed(&self, now: Instant, why: String) {
        let mut state = self.lock_state();
        if let Some(failing) = &mut state.failing {
            failing.why = why;
        } else {
            tracing::error!(
                event = "keyring.file_unreadable",
                error = why,
                grace_seconds = STALE_KEYS_GRACE.as_secs(),
                "a key file cannot be read"
            );
            state.failing = Some(ReadFailure { since: now, why });
        }
        self.show(false);
    }

    /// The keys that may be used at `now`.
    pub(super) fn keys(&self, now: Instant) -> Result<Arc<Keys>, KeyringError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let failing = state.failing.as_ref();
        let in_grace = failing.is_none_or(|failing| now.duration_since(failing.since) < STALE_KEYS_GRACE);
        match &state.keys {
            Some(keys) if in_grace => Ok(keys.clone()),
            _ => Err(KeyringError::Unreadable { why: failing.map(|failing| failing.why.clone()).unwrap_or_default() }),
        }
    }

    /// Why the file cannot be read at present.
    pub(super) fn failing(&self) -> Option<String> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.failing.as_ref().map(|failing| failing.why.clone())
    }

    /// Applies `change` to the file's current keys, under the lock. Writes only if a key was added or removed.
    pub(super) fn update<T>(
        &self,
        now: Instant,
        change: impl FnOnce(&mut Keys) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        let target = target(&self.path, self.kind)?;
        let lock = lock(&target, self.kind)?;
        let (mut keys, _) = load(&target, self.kind)?;
        let before: Vec<String> = keys.keys().cloned().collect();
        let done = change(&mut keys)?;
        if !keys.keys().eq(&before) {
            check(&keys, self.kind, &target)?;
            write(&target, self.kind, &keys)?;
        }
        drop(lock);
        self.refresh(now);
        Ok(done)
    }

    fn show(&self, readable: bool) {
        metrics::gauge!("muster_keyring_readable", "file" => self.kind.label()).set(u32::from(readable));
    }

    fn lock_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates a file that does not exist yet, and its folder.
pub(super) fn create(path: &Path, kind: KeyFileKind, keys: &Keys) -> Result<(), KeyringError> {
    let refuse_existing = || match fs::symlink_metadata(path) {
        Ok(_) => Err(KeyringError::Exists { setting: kind.setting(), path: path.to_owned() }),
        Err(_) => Ok(()),
    };
    refuse_existing()?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| io(kind, folder, source))?;
    }
    let _lock = lock(path, kind)?;
    // another process may have created it while this one waited for the lock
    refuse_existing()?;
    write(path, kind, keys)
}

/// Reads, parses and checks a file.
fn load(path: &Path, kind: KeyFileKind) -> Result<(Keys, FileVersion), KeyringError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(KeyringError::Missing { setting: kind.setting(), path: path.to_owned() });
        }
        Err(source) => return Err(io(kind, path, source)),
    };
    let metadata = file.metadata().map_err(|source| io(kind, path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyringError::Exposed { setting: kind.setting(), path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|source| io(kind, path, source))?;
    let keys = parse(&text).map_err(|reason| malformed(kind, path, reason))?;
    check(&keys, kind, path)?;
    Ok((keys, FileVersion::of(&metadata)))
}

/// Parses the text of a key file. Names without a generation (format 1) get generation 1.
pub(super) fn parse(text: &str) -> Result<Keys, String> {
    // serde's messages may quote the input, which is secret: report the line only
    let stored: KeyFileJson =
        serde_json::from_str(text).map_err(|e| format!("not the expected JSON (line {})", e.line()))?;
    if !(1..=FORMAT).contains(&stored.format) {
        return Err(format!("format {} is not known to this version", stored.format));
    }
    let mut keys = Keys::new();
    for (name, value) in &stored.keys {
        let key = BASE64.decode(value.as_bytes()).ok().map(Zeroizing::new).and_then(|bytes| Key::from_slice(&bytes));
        let key = key.ok_or_else(|| format!("key `{name}` is not 32 bytes of base64"))?;
        let (created_at, database) = (stored.created_at.get(name).copied(), stored.database.get(name).cloned());
        let is_unnumbered = Family::NAMES.contains(&name.as_str());
        let name = if is_unnumbered { format!("{name}-1") } else { name.clone() };
        keys.insert(name, KeyEntry { key, created_at, database });
    }
    Ok(keys)
}

/// Checks that the root file has a root key and a signing key of each family.
fn check(keys: &Keys, kind: KeyFileKind, path: &Path) -> Result<(), KeyringError> {
    if kind == KeyFileKind::Vault {
        return Ok(());
    }
    for prefix in [super::ROOT].into_iter().chain(Family::NAMES.iter().copied()) {
        if !keys.keys().any(|name| generation_of(name, prefix).is_some()) {
            return Err(malformed(kind, path, format!("it has no key `{prefix}-1` or later")));
        }
    }
    Ok(())
}

/// Resolves symbolic links: the file behind a link is replaced, not the link.
fn target(path: &Path, kind: KeyFileKind) -> Result<PathBuf, KeyringError> {
    fs::canonicalize(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => KeyringError::Missing { setting: kind.setting(), path: path.to_owned() },
        _ => io(kind, path, source),
    })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Waits for the lock, which is released when the returned file is dropped.
fn lock(target: &Path, kind: KeyFileKind) -> Result<File, KeyringError> {
    let path = beside(target, ".lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|source| io(kind, &path, source))?;
    keep_owner(&file, target).map_err(|source| io(kind, &path, source))?;
    for _ in 0..MAX_LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(io(kind, &path, source)),
        }
    }
    Err(KeyringError::Busy { setting: kind.setting(), path })
}

/// Writes a new file, syncs it and renames it over the old one.
fn write(target: &Path, kind: KeyFileKind, keys: &Keys) -> Result<(), KeyringError> {
    let stored = KeyFileJson {
        format: FORMAT,
        keys: keys.iter().map(|(name, entry)| (name.clone(), BASE64.encode(entry.key.expose()))).collect(),
        created_at: keys.iter().filter_map(|(name, entry)| Some((name.clone(), entry.created_at?))).collect(),
        database: keys.iter().filter_map(|(name, entry)| Some((name.clone(), entry.database.clone()?))).collect(),
    };
    let mut text = Zeroizing::new(serde_json::to_string_pretty(&stored).expect("maps of strings are JSON"));
    text.push('\n');
    let new = beside(target, ".new");
    let written = || {
        match fs::remove_file(&new) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        keep_owner(&file, target)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    written().map_err(|source| io(kind, target, source))
}

/// Gives a new file to the owner of the key file: a command run as root must not lock the service out.
fn keep_owner(file: &File, target: &Path) -> std::io::Result<()> {
    let (Ok(ours), Ok(theirs)) = (file.metadata(), fs::metadata(target)) else { return Ok(()) };
    if (ours.uid(), ours.gid()) == (theirs.uid(), theirs.gid()) {
        return Ok(());
    }
    match fchown(file, Some(theirs.uid()), Some(theirs.gid())) {
        // the owner alone decides who can read the file; the group has no permissions
        Err(_) if ours.uid() == theirs.uid() => Ok(()),
        done => done,
    }
}

fn io(kind: KeyFileKind, path: &Path, source: std::io::Error) -> KeyringError {
    KeyringError::Io { setting: kind.setting(), path: path.to_owned(), source }
}

fn malformed(kind: KeyFileKind, path: &Path, reason: String) -> KeyringError {
    KeyringError::Malformed { setting: kind.setting(), path: path.to_owned(), reason }
}
