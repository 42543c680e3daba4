//! The root keyring: a versioned file outside the database (mode 0600) that every other secret hangs on.
//!
//! It holds numbered root keys (the newest wraps, older ones still unwrap), one key for each month in which a protected
//! vault may have to end, and three keys that never rotate with them: links, tokens of requests, and the global list of
//! suppressed addresses. Destroying a month's key makes the vaults of that month unreadable everywhere, in backups too.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::RwLock,
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{Datelike, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{crypto::Key, cx::Cx};

/// How many months ahead a keyring carries keys for protected vaults.
const MONTHS_AHEAD: u32 = 60;

/// What can go wrong with the keyring file. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no file, and this profile does not make one by itself.
    #[error("keyring.file: {0} does not exist; make one with `muster keyring init`")]
    Missing(PathBuf),
    /// `keyring init` does not overwrite.
    #[error("keyring.file: {0} exists already; it is never overwritten, since every vault would be lost")]
    Exists(PathBuf),
    /// Others may read the file.
    #[error("keyring.file: {path} has mode {mode:o}; only its owner may read it: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a keyring of ours.
    #[error("keyring.file: {path} cannot be read as a keyring: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was wrong; never key material.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("keyring.file: {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    keys: BTreeMap<String, String>,
}

/// An opened keyring. Notices when another process changed the file (rotated, retired).
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    loaded: RwLock<Loaded>,
}

#[derive(Debug, Clone)]
struct Loaded {
    keys: BTreeMap<String, Key>,
    stamp: Option<(SystemTime, u64)>,
}

/// Keys that are not wrapping keys and stay for the life of the installation.
const LASTING: [&str; 3] = ["links", "requests", "suppressions"];

impl Keyring {
    /// Makes a new keyring file.
    ///
    /// # Errors
    /// [`KeyringError::Exists`], or [`KeyringError::Io`].
    pub fn init(path: &Path, cx: &Cx) -> Result<Self, KeyringError> {
        if path.exists() {
            return Err(KeyringError::Exists(path.to_owned()));
        }
        let mut keys = BTreeMap::from([("root-1".to_owned(), Key::random(cx))]);
        keys.extend(LASTING.map(|name| (name.to_owned(), Key::random(cx))));
        add_months(&mut keys, cx);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| KeyringError::Io { path: folder.to_owned(), source })?;
        }
        write(path, &keys)?;
        Self::open(path)
    }

    /// Opens an existing keyring file.
    ///
    /// # Errors
    /// [`KeyringError`], when it is missing, readable by others, or not a keyring.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        Ok(Self { path: path.to_owned(), loaded: RwLock::new(load(path)?) })
    }

    /// Reads the file again if it changed. A file that cannot be read any more leaves no keys: fail closed.
    pub fn refresh(&self) {
        let stamp = fs::metadata(&self.path).ok().and_then(|m| stamp(&m));
        if stamp.is_some() && self.read().stamp == stamp {
            return;
        }
        let fresh = load(&self.path).unwrap_or_else(|error| {
            tracing::error!(%error, "the keyring cannot be read; nothing can be opened until it can");
            Loaded { keys: BTreeMap::new(), stamp: None }
        });
        *self.loaded.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
    }

    /// A wrapping key by name, if the keyring still has it.
    pub fn wrapping(&self, name: &str) -> Option<Key> {
        self.read().keys.get(name).filter(|_| !LASTING.contains(&name)).cloned()
    }

    /// The key that wraps new organization vaults, with its name.
    pub fn newest_root(&self) -> Option<(String, Key)> {
        let loaded = self.read();
        loaded
            .keys
            .iter()
            .filter_map(|(name, key)| Some((root_number(name)?, name, key)))
            .max_by_key(|(n, ..)| *n)
            .map(|(_, name, key)| (name.clone(), key.clone()))
    }

    /// One of the lasting keys.
    ///
    /// # Panics
    /// Never: [`Keyring::open`] refuses a file without them, and a keyring lost later answers with a key that fits nothing.
    pub fn lasting(&self, name: &'static str) -> Key {
        self.read().keys.get(name).cloned().unwrap_or_else(|| Key::from_slice(&[0; 32]).expect("32 bytes"))
    }

    /// Adds a new root key, which wraps from now on, and keys for further months. Returns the new key's name.
    ///
    /// # Errors
    /// [`KeyringError::Io`]; the old file then stands unchanged.
    pub fn rotate(&self, cx: &Cx) -> Result<String, KeyringError> {
        let mut keys = self.read().keys.clone();
        let next = keys.keys().filter_map(|name| root_number(name)).max().unwrap_or(0) + 1;
        let name = format!("root-{next}");
        keys.insert(name.clone(), Key::random(cx));
        add_months(&mut keys, cx);
        self.replace(&keys)?;
        Ok(name)
    }

    /// Destroys keys by name, for good. Lasting keys and the newest root key are kept.
    ///
    /// # Errors
    /// [`KeyringError::Io`]; the old file then stands unchanged.
    pub fn destroy(&self, names: &[String]) -> Result<(), KeyringError> {
        let newest = self.newest_root().map(|(name, _)| name);
        let mut keys = self.read().keys.clone();
        keys.retain(|name, _| {
            !names.contains(name) || LASTING.contains(&name.as_str()) || Some(name) == newest.as_ref()
        });
        self.replace(&keys)
    }

    /// Names of the month keys whose month lies before `today`'s.
    pub fn past_months(&self, today: NaiveDate) -> Vec<String> {
        let this = month_key(today);
        self.read().keys.keys().filter(|name| name.starts_with("month-") && **name < this).cloned().collect()
    }

    fn replace(&self, keys: &BTreeMap<String, Key>) -> Result<(), KeyringError> {
        write(&self.path, keys)?;
        *self.loaded.write().unwrap_or_else(std::sync::PoisonError::into_inner) = load(&self.path)?;
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Loaded> {
        self.loaded.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What tells one version of the file from another: clocks of file systems are coarse, but each version is a new inode.
fn stamp(metadata: &fs::Metadata) -> Option<(SystemTime, u64)> {
    Some((metadata.modified().ok()?, metadata.ino()))
}

/// The name of the key for protected vaults that end in the month of `day`.
pub fn month_key(day: NaiveDate) -> String {
    format!("month-{:04}-{:02}", day.year(), day.month())
}

fn root_number(name: &str) -> Option<u32> {
    name.strip_prefix("root-")?.parse().ok()
}

fn add_months(keys: &mut BTreeMap<String, Key>, cx: &Cx) {
    let today = cx.now().date_naive();
    for ahead in 0..=MONTHS_AHEAD {
        if let Some(day) = today.checked_add_months(Months::new(ahead)) {
            keys.entry(month_key(day)).or_insert_with(|| Key::random(cx));
        }
    }
}

fn load(path: &Path) -> Result<Loaded, KeyringError> {
    let malformed = |reason: String| KeyringError::Malformed { path: path.to_owned(), reason };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(KeyringError::Missing(path.to_owned())),
        Err(source) => return Err(KeyringError::Io { path: path.to_owned(), source }),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyringError::Exposed { path: path.to_owned(), mode });
    }
    let text = fs::read_to_string(path).map_err(|source| KeyringError::Io { path: path.to_owned(), source })?;
    // serde's messages may quote the input, which is secret: say only that it failed
    let stored: Stored =
        serde_json::from_str(&text).map_err(|e| malformed(format!("not the expected JSON (line {})", e.line())))?;
    if stored.format != 1 {
        return Err(malformed(format!("format {} is not known to this version", stored.format)));
    }
    let mut keys = BTreeMap::new();
    for (name, value) in &stored.keys {
        let key = STANDARD.decode(value).ok().and_then(|bytes| Key::from_slice(&bytes));
        keys.insert(name.clone(), key.ok_or_else(|| malformed(format!("key `{name}` is not 32 bytes of base64")))?);
    }
    if let Some(absent) = LASTING.iter().find(|name| !keys.contains_key(**name)) {
        return Err(malformed(format!("key `{absent}` is missing")));
    }
    if !keys.keys().any(|name| root_number(name).is_some()) {
        return Err(malformed("no root key".to_owned()));
    }
    Ok(Loaded { keys, stamp: stamp(&metadata) })
}

/// Writes beside the file, syncs and renames, so that a crash leaves the old keyring or the new one.
fn write(path: &Path, keys: &BTreeMap<String, Key>) -> Result<(), KeyringError> {
    let io = |source| KeyringError::Io { path: path.to_owned(), source };
    let stored = Stored {
        format: 1,
        keys: keys.iter().map(|(name, key)| (name.clone(), STANDARD.encode(key.expose()))).collect(),
    };
    let text = serde_json::to_string_pretty(&stored).expect("a map of strings is JSON");
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&beside, path).map_err(io)?;
    if let Some(folder) = path.parent() {
        fs::File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
            .and_then(|f| f.sync_all())
            .map_err(io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let cx = Cx::system();
        std::env::temp_dir().join(format!("muster-keyring-{name}-{}", cx.id()))
    }

    #[test]
    fn init_open_rotate_retire() {
        let cx = Cx::system();
        let path = scratch("life").join("keyring.json");
        let ring = Keyring::init(&path, &cx).unwrap();
        assert!(matches!(Keyring::init(&path, &cx), Err(KeyringError::Exists(_))));
        let (first, key) = ring.newest_root().unwrap();
        assert_eq!(first, "root-1");

        let other_process = Keyring::open(&path).unwrap();
        assert_eq!(ring.rotate(&cx).unwrap(), "root-2");
        assert_eq!(ring.wrapping("root-1").unwrap().expose(), key.expose());
        other_process.refresh();
        assert_eq!(other_process.newest_root().unwrap().0, "root-2");

        let later = cx.now().date_naive().checked_add_months(Months::new(2)).unwrap();
        assert_eq!(ring.past_months(later).len(), 2);
        ring.destroy(&ring.past_months(later)).unwrap();
        assert!(ring.past_months(later).is_empty());
        ring.destroy(&["links".to_owned(), "root-2".to_owned(), "root-1".to_owned()]).unwrap();
        assert_eq!(ring.newest_root().unwrap().0, "root-2");
        assert!(ring.wrapping("root-1").is_none());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn an_exposed_or_broken_file_is_refused() {
        let cx = Cx::system();
        let path = scratch("bad").join("keyring.json");
        assert!(matches!(Keyring::open(&path), Err(KeyringError::Missing(_))));
        Keyring::init(&path, &cx).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keyring::open(&path), Err(KeyringError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, r#"{"format":1,"keys":{"root-1":"c2hvcnQ="}}"#).unwrap();
        assert!(matches!(Keyring::open(&path), Err(KeyringError::Malformed { .. })));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
