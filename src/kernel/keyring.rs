//! The keyring: two files outside the database (mode 0600) with the keys that protect all other secrets.
//!
//! * `keyring.file` has the keys that belong into a backup, in numbered generations: `root-2` wraps the vaults of
//!   organizations; `links-2`, `requests-2` and `suppressions-2` sign and index. A rotation adds a generation. No key
//!   of this file is ever removed, since older backups and links need it.
//! * `keyring.vault_keys_file` has one key for each protected vault, `vault-<id>`. It is copied between the hosts of
//!   an installation and never into a backup: destroying a vault's key makes the vault unreadable in every copy of the
//!   database.
//!
//! Independent of the database: what needs it (which vault needs which key, which generation is active) is in
//! [`super::vault`]. A missing key or an unreadable file is an outage ([`Error::Unavailable`]), not a permanent
//! failure.

mod file;
mod signing;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard},
    time::Instant,
};

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use uuid::Uuid;

pub use self::signing::{Activation, Family, SigningKeys};
use self::{
    file::{KeyEntry, KeyFile, KeyFileKind, Keys},
    signing::Signing,
};
use super::{crypto::Key, env::Env};
use crate::error::Error;

/// Name of root keys, before the generation.
const ROOT: &str = "root";
/// Prefix of vault keys' names; the vault's id follows.
const VAULT: &str = "vault-";
/// Prefix of keys of format 1, which wrapped protected vaults by the month in which they ended.
const MONTH: &str = "month-";
/// `Retry-After` of the 503 for a missing key, in seconds.
const RETRY_AFTER: u32 = 5;

/// Errors of the key files. Each message names the setting and what to do; none contains key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file does not exist, and this profile does not create it by itself.
    #[error("{setting}: {path} does not exist; put it back, or make one with `muster keyring init`")]
    Missing {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file exists: `keyring init` does not overwrite it.
    #[error("{setting}: {path} exists already; it is never overwritten, since every vault would be lost")]
    Exists {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is readable by others than its owner.
    #[error("{setting}: {path} has mode {mode:o}; only its owner may read it: chmod 600 {path}")]
    Exposed {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a key file.
    #[error("{setting}: {path} cannot be read as a keyring: {reason}")]
    Malformed {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong; never key material.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{setting}: {path}: {source}")]
    Io {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Another process held the lock for the whole waiting time.
    #[error("{setting}: another process holds the lock {path}")]
    Busy {
        /// The setting that names the file.
        setting: &'static str,
        /// The lock file.
        path: PathBuf,
    },
    /// The file has been unreadable for longer than the last good keys may be used.
    #[error("nothing can be opened: {why}")]
    Unreadable {
        /// Error of the last attempt to read it.
        why: String,
    },
    /// This host's files lack a key.
    #[error("this host has no key `{name}`: copy the key file from a host that has it, or use `muster keyring import`")]
    Lacks {
        /// The key's name.
        name: String,
    },
    /// Two files have different keys of the same name.
    #[error(
        "the key `{name}` is another one here than there; find out which of the two is in use before anything is changed"
    )]
    Differs {
        /// The key's name.
        name: String,
    },
}

impl From<KeyringError> for Error {
    /// All errors of the key files are temporary from the outside: an operator can repair the files, so clients may
    /// retry.
    fn from(error: KeyringError) -> Self {
        Self::not_done(RETRY_AFTER, error.to_string())
    }
}

/// Metadata of a key, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key's name.
    pub name: String,
    /// When it was created; unknown for keys from a file of format 1.
    pub created_at: Option<DateTime<Utc>>,
    /// For a vault's key, the database it was made for.
    pub database: Option<String>,
}

/// Keys parsed from another host's file, to be imported.
#[derive(Debug)]
pub struct ImportedKeys(Keys);

impl ImportedKeys {
    /// Parses the text of a key file.
    ///
    /// # Errors
    /// [`KeyringError::Malformed`].
    pub fn read(text: &str, from: &Path) -> Result<Self, KeyringError> {
        let malformed = |reason| KeyringError::Malformed { setting: "keyring import", path: from.to_owned(), reason };
        file::parse(text).map(Self).map_err(malformed)
    }

    /// The vaults whose keys the file has.
    pub fn vaults(&self) -> Vec<Uuid> {
        self.0.keys().filter_map(|name| vault_of(name)).collect()
    }

    /// Excludes the key of a vault from the import.
    pub fn leave_out(&mut self, vault: Uuid) {
        self.0.remove(&vault_key(vault));
    }
}

/// The opened key files. Detects changes by other processes.
#[derive(Debug)]
pub struct Keyring {
    root: KeyFile,
    vault: KeyFile,
    signing: RwLock<Signing>,
}

impl Keyring {
    /// Creates those of the two key files that are missing: the root keys at `path`, the vault keys beside it.
    ///
    /// # Errors
    /// [`KeyringError::Exists`] when both exist, or [`KeyringError::Io`].
    pub fn init(path: &Path, env: &Env) -> Result<Self, KeyringError> {
        Self::init_files(path, &vault_keys_beside(path), env)
    }

    /// Like [`Keyring::init`], with the vault keys at a path of their own.
    ///
    /// # Errors
    /// As [`Keyring::init`].
    pub fn init_files(root: &Path, vault: &Path, env: &Env) -> Result<Self, KeyringError> {
        let is_there = |made: Result<(), KeyringError>| match made {
            Ok(()) => Ok(None),
            Err(error @ KeyringError::Exists { .. }) => Ok(Some(error)),
            Err(error) => Err(error),
        };
        let mut first = Keys::new();
        add_generation(&mut first, 1, env);
        let root_was_there = is_there(file::create(root, KeyFileKind::Root, &first))?;
        let vault_was_there = is_there(file::create(vault, KeyFileKind::Vault, &Keys::new()))?;
        match (root_was_there, vault_was_there) {
            (Some(exists), Some(_)) => Err(exists),
            _ => Self::open_files(root, vault),
        }
    }

    /// Opens the root keys at `path` and the vault keys beside it.
    ///
    /// # Errors
    /// [`KeyringError`] when a file is readable by others or not a keyring, or the root keys are missing. A missing
    /// file of vault keys is no error: protected vaults cannot be opened then.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        Self::open_files(path, &vault_keys_beside(path))
    }

    /// Like [`Keyring::open`], with the vault keys at a path of their own.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_files(root: &Path, vault: &Path) -> Result<Self, KeyringError> {
        let keyring = Self {
            root: KeyFile::new(root, KeyFileKind::Root),
            vault: KeyFile::new(vault, KeyFileKind::Vault),
            signing: RwLock::default(),
        };
        keyring.root.open()?;
        match keyring.vault.open() {
            Err(error @ KeyringError::Missing { .. }) => keyring.vault.failed(instant(), error.to_string()),
            opened => opened?,
        }
        keyring.adopt();
        Ok(keyring)
    }

    /// Creates the file of vault keys when it is missing. Call it only where no other host can have one: an empty file
    /// created while the real one is temporarily absent would collect keys that are lost when the real one returns.
    ///
    /// # Errors
    /// [`KeyringError::Io`].
    pub fn make_vault_keys(&self) -> Result<(), KeyringError> {
        match file::create(self.vault.path(), KeyFileKind::Vault, &Keys::new()) {
            Err(KeyringError::Exists { .. }) => Ok(()),
            made => {
                self.vault.refresh(instant());
                made
            }
        }
    }

    /// Reads the files again if they changed; true if a new version of one was read. While a file cannot be read, its
    /// last good keys are used for a minute, then none.
    pub fn refresh(&self) -> bool {
        let now = instant();
        let root = self.root.refresh(now);
        let vault = self.vault.refresh(now);
        if root {
            self.adopt();
        }
        root || vault
    }

    /// Reading the files timed out: they count as unreadable.
    pub fn not_answering(&self) {
        for file in [&self.root, &self.vault] {
            file.failed(instant(), format!("{} does not answer", file.path().display()));
        }
    }

    /// A key that wraps vaults, by name.
    ///
    /// # Errors
    /// [`KeyringError::Lacks`] or [`KeyringError::Unreadable`].
    pub fn wrapping(&self, name: &str) -> Result<Key, KeyringError> {
        let keys = if name.starts_with(VAULT) { &self.vault } else { &self.root }.keys(instant())?;
        let is_wrapping = name.starts_with(VAULT) || name.starts_with(MONTH) || generation_of(name, ROOT).is_some();
        let entry = keys.get(name).filter(|_| is_wrapping);
        entry.map(|entry| entry.key.clone()).ok_or_else(|| KeyringError::Lacks { name: name.to_owned() })
    }

    /// The root key of a generation, with its name.
    ///
    /// # Errors
    /// As [`Keyring::wrapping`].
    pub fn root(&self, generation: u32) -> Result<(String, Key), KeyringError> {
        let name = format!("{ROOT}-{generation}");
        let key = self.wrapping(&name)?;
        Ok((name, key))
    }

    /// The newest generation of which this file has all keys.
    ///
    /// # Errors
    /// [`KeyringError::Lacks`] or [`KeyringError::Unreadable`].
    pub fn newest_generation(&self) -> Result<u32, KeyringError> {
        let keys = self.root.keys(instant())?;
        let numbers = keys.keys().filter_map(|name| generation_of(name, ROOT));
        let whole = numbers.filter(|n| names_of(*n).iter().all(|name| keys.contains_key(name))).max();
        whole.ok_or_else(|| KeyringError::Lacks { name: format!("{ROOT}-1") })
    }

    /// Adds a generation of root and signing keys; it is not used before it is activated. Refuses while the file lacks
    /// one of the `needed` keys: then it is an old copy, and a generation number could be assigned twice. Returns the
    /// new generation.
    ///
    /// # Errors
    /// [`KeyringError`]; the file is unchanged then.
    pub fn rotate(&self, env: &Env, needed: &[String]) -> Result<u32, KeyringError> {
        let added = self.root.update(instant(), |keys| {
            if let Some(name) = needed.iter().find(|name| !keys.contains_key(*name)) {
                return Err(KeyringError::Lacks { name: name.clone() });
            }
            let prefixes = || [ROOT].into_iter().chain(Family::NAMES.iter().copied());
            let newest = keys.keys().filter_map(|name| prefixes().find_map(|prefix| generation_of(name, prefix))).max();
            let generation = newest.unwrap_or(0) + 1;
            add_generation(keys, generation, env);
            Ok(generation)
        });
        self.adopt();
        added
    }

    /// Adds the key of a new protected vault; it is synced to disk on return.
    ///
    /// # Errors
    /// [`KeyringError`]; the file is unchanged then.
    pub fn add_vault_key(&self, env: &Env, vault: Uuid, database: &str) -> Result<(String, Key), KeyringError> {
        let name = vault_key(vault);
        self.vault.update(instant(), |keys| {
            let entry = keys.entry(name.clone()).or_insert_with(|| KeyEntry {
                database: Some(database.to_owned()),
                ..KeyEntry::new(Key::random(env), env.now())
            });
            Ok((name.clone(), entry.key.clone()))
        })
    }

    /// Imports the keys of another host's file that are missing here. Returns their names.
    ///
    /// # Errors
    /// [`KeyringError::Differs`] when a key differs from the one of the same name here, or another [`KeyringError`];
    /// the files are unchanged then.
    pub fn import(&self, import: ImportedKeys) -> Result<Vec<String>, KeyringError> {
        let is_of_a_vault = |name: &String| vault_of(name).is_some();
        let (of_vaults, of_root): (Keys, Keys) = import.0.into_iter().partition(|(name, _)| is_of_a_vault(name));
        let mut names = Vec::new();
        for (file, keys) in [(&self.root, of_root), (&self.vault, of_vaults)] {
            if !keys.is_empty() {
                names.extend(file.update(instant(), |here| merge(here, keys))?);
            }
        }
        self.adopt();
        Ok(names)
    }

    /// Removes vault keys by name, permanently. Root and signing keys are never removed: older backups and links need
    /// them.
    ///
    /// # Errors
    /// [`KeyringError`]; the keys still exist then.
    pub fn destroy(&self, names: &[String]) -> Result<(), KeyringError> {
        for (file, prefix) in [(&self.vault, VAULT), (&self.root, MONTH)] {
            let names: Vec<&String> = names.iter().filter(|name| name.starts_with(prefix)).collect();
            if !names.is_empty() {
                file.update(instant(), |keys| {
                    keys.retain(|name, _| !names.contains(&name));
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Metadata of the root and signing keys.
    ///
    /// # Errors
    /// [`KeyringError::Unreadable`].
    pub fn root_keys(&self) -> Result<Vec<KeyInfo>, KeyringError> {
        self.root.keys(instant()).map(|keys| infos(&keys))
    }

    /// Metadata of the protected vaults' keys.
    ///
    /// # Errors
    /// [`KeyringError::Unreadable`].
    pub fn vault_keys(&self) -> Result<Vec<KeyInfo>, KeyringError> {
        self.vault.keys(instant()).map(|keys| infos(&keys))
    }

    /// Names and fingerprints of all keys on this host, as `root-2:91c3…`. Equal fingerprints mean equal keys; a
    /// fingerprint reveals nothing about its key.
    pub fn fingerprints(&self) -> Vec<String> {
        let files = [&self.root, &self.vault].map(|file| file.keys(instant()).unwrap_or_default());
        let entries = files.iter().flat_map(|keys| keys.iter());
        entries.map(|(name, entry)| fingerprint(name, &entry.key)).collect()
    }

    /// The fingerprints of a generation's keys.
    ///
    /// # Errors
    /// [`KeyringError::Lacks`] or [`KeyringError::Unreadable`].
    pub fn fingerprints_of(&self, generation: u32) -> Result<Vec<String>, KeyringError> {
        let keys = self.root.keys(instant())?;
        let of = |name: &String| keys.get(name).map(|entry| fingerprint(name, &entry.key));
        let lacks = |name: String| KeyringError::Lacks { name };
        names_of(generation).into_iter().map(|name| of(&name).ok_or_else(|| lacks(name))).collect()
    }

    /// Why files cannot be read at present, one line each.
    pub fn failing(&self) -> Vec<String> {
        [&self.root, &self.vault].iter().filter_map(|file| file.failing()).collect()
    }

    /// The paths of the two files: root keys, vault keys.
    pub fn paths(&self) -> [&Path; 2] {
        [self.root.path(), self.vault.path()]
    }

    /// Sets which generations are active since when, as read from the database.
    pub fn set_history(&self, mut history: Vec<Activation>) {
        history.sort_by_key(|activation| activation.generation);
        self.signing.write().unwrap_or_else(PoisonError::into_inner).history = history;
    }

    /// Copies the signing keys from the file into memory.
    fn adopt(&self) {
        let Ok(keys) = self.root.keys(instant()) else { return };
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        for family in Family::ALL {
            let known = signing.keys.entry(family).or_default();
            known.extend(
                keys.iter().filter_map(|(name, e)| Some((generation_of(name, family.as_str())?, e.key.clone()))),
            );
        }
    }

    fn read_signing(&self) -> RwLockReadGuard<'_, Signing> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Default path of the vault keys: `vault-keys.json` beside the root keys.
pub fn vault_keys_beside(root: &Path) -> PathBuf {
    root.with_file_name("vault-keys.json")
}

/// The name of a protected vault's key.
pub fn vault_key(vault: Uuid) -> String {
    format!("{VAULT}{vault}")
}

/// The vault whose key has this name; `None` for other keys.
pub fn vault_of(name: &str) -> Option<Uuid> {
    name.strip_prefix(VAULT)?.parse().ok()
}

/// Is this the name of a monthly key of format 1?
pub fn is_of_month(name: &str) -> bool {
    name.starts_with(MONTH)
}

/// The names of a generation's keys.
pub fn names_of(generation: u32) -> [String; 4] {
    let [links, requests, suppressions] = Family::ALL.map(Family::as_str);
    [ROOT, links, requests, suppressions].map(|prefix| format!("{prefix}-{generation}"))
}

fn generation_of(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.strip_prefix('-')?.parse().ok().filter(|n| *n > 0)
}

fn add_generation(keys: &mut Keys, generation: u32, env: &Env) {
    for name in names_of(generation) {
        keys.insert(name, KeyEntry::new(Key::random(env), env.now()));
    }
}

fn merge(here: &mut Keys, there: Keys) -> Result<Vec<String>, KeyringError> {
    let differs =
        |name: &String, entry: &KeyEntry| here.get(name).is_some_and(|e| e.key.expose() != entry.key.expose());
    if let Some((name, _)) = there.iter().find(|(name, entry)| differs(name, entry)) {
        return Err(KeyringError::Differs { name: name.clone() });
    }
    let names = there.keys().filter(|name| !here.contains_key(*name)).cloned().collect();
    for (name, entry) in there {
        here.entry(name).or_insert(entry);
    }
    Ok(names)
}

fn infos(keys: &Keys) -> Vec<KeyInfo> {
    let info = |(name, entry): (&String, &KeyEntry)| KeyInfo {
        name: name.clone(),
        created_at: entry.created_at,
        database: entry.database.clone(),
    };
    keys.iter().map(info).collect()
}

fn fingerprint(name: &str, key: &Key) -> String {
    let mac = key.mac(&[b"fingerprint", name.as_bytes()]);
    format!("{name}:{}", HEXLOWER.encode(&mac[..8]))
}

fn instant() -> Instant {
    Env::system().instant()
}
