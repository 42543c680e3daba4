//! The keyring: the two files outside the database (mode 0600) that every other secret hangs on.
//!
//! * `keyring.file` holds what is copied off the machine, in numbered generations: `root-2` wraps the vaults of
//!   organizations, `links-2`, `requests-2` and `suppressions-2` sign and index. A rotation adds a generation; no key of
//!   this file is ever removed, since older backups and links need it.
//! * `keyring.vault_keys_file` holds one key for each protected vault, `vault-<id>`. It is copied between the hosts of an
//!   installation and never into a backup: destroying a vault's key ends the vault in every copy of the database.
//!
//! Knows no database: what depends on one (who needs which key, which generation writes) is in [`super::vault`]. A key that
//! is not here, or a file that cannot be read, is an outage ([`Error::Unavailable`]) and not a failure.

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
use uuid::Uuid;

pub use self::signing::{Activation, Family, SigningKeys};
use self::{
    file::{KeyEntry, KeyFile, KeyFileKind, Keys},
    signing::Signing,
};
use super::{crypto::Key, env::Env};
use crate::error::Error;

/// The name of root keys, before the generation.
const ROOT: &str = "root";
/// The names of vault keys begin so; the vault's id follows.
const VAULT: &str = "vault-";
/// Format 1 wrapped protected vaults with the key of the month in which they ended.
const MONTH: &str = "month-";
/// Seconds after which somebody who ran into a missing key may try again.
const RETRY_AFTER: u32 = 5;

/// What can go wrong with the key files. Each message names the setting and says what to do; none has key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no file, and this profile does not make one by itself.
    #[error("{setting}: {path} does not exist; put it back, or make one with `muster keyring init`")]
    Missing {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// `keyring init` does not overwrite.
    #[error("{setting}: {path} exists already; it is never overwritten, since every vault would be lost")]
    Exists {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error("{setting}: {path} has mode {mode:o}; only its owner may read it: chmod 600 {path}")]
    Exposed {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key file of ours.
    #[error("{setting}: {path} cannot be read as a keyring: {reason}")]
    Malformed {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What was wrong; never key material.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{setting}: {path}: {source}")]
    Io {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Another process holds the lock for too long.
    #[error("{setting}: another process holds the lock {path}")]
    Busy {
        /// The setting that names the file.
        setting: &'static str,
        /// The lock's file.
        path: PathBuf,
    },
    /// The file could not be read for longer than the last good keys may be used.
    #[error("nothing can be opened: {why}")]
    Unreadable {
        /// What the last attempt to read it said.
        why: String,
    },
    /// This host's files do not have a key.
    #[error("this host has no key `{name}`: copy the key file from a host that has it, or use `muster keyring import`")]
    Lacks {
        /// The key.
        name: String,
    },
    /// Two files have different keys of one name.
    #[error(
        "the key `{name}` is another one here than there; find out which of the two is in use before anything is changed"
    )]
    Differs {
        /// The key.
        name: String,
    },
}

impl From<KeyringError> for Error {
    /// Every trouble with the key files passes once somebody has put them right: try again.
    fn from(error: KeyringError) -> Self {
        Self::Unavailable { retry_after: RETRY_AFTER, cause: error.to_string() }
    }
}

/// What is known of a key, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub name: String,
    /// When it was made; not known of keys from a file of format 1.
    pub created_at: Option<DateTime<Utc>>,
    /// The database for which a vault's key was made.
    pub database: Option<String>,
}

/// Keys read from another host's file, to be taken over.
#[derive(Debug)]
pub struct ImportedKeys(Keys);

impl ImportedKeys {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`KeyringError::Malformed`].
    pub fn read(text: &str, from: &Path) -> Result<Self, KeyringError> {
        let malformed = |reason| KeyringError::Malformed { setting: "keyring import", path: from.to_owned(), reason };
        file::parse(text).map(Self).map_err(malformed)
    }

    /// The vaults whose keys it has.
    pub fn vaults(&self) -> Vec<Uuid> {
        self.0.keys().filter_map(|name| vault_of(name)).collect()
    }

    /// Leaves out the key of a vault.
    pub fn leave_out(&mut self, vault: Uuid) {
        self.0.remove(&vault_key(vault));
    }
}

/// The opened key files. Notices when another process changed them.
#[derive(Debug)]
pub struct Keyring {
    root: KeyFile,
    vault: KeyFile,
    signing: RwLock<Signing>,
}

impl Keyring {
    /// Makes what is missing of the key files: the root keys at `path`, the vault keys beside it.
    ///
    /// # Errors
    /// [`KeyringError::Exists`] when both are there, or [`KeyringError::Io`].
    pub fn init(path: &Path, env: &Env) -> Result<Self, KeyringError> {
        Self::init_files(path, &vault_keys_beside(path), env)
    }

    /// As [`Keyring::init`], with the vault keys at a path of their own.
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
    /// [`KeyringError`], when a file is readable by others or not a keyring, or the root keys are missing. Without vault keys
    /// protected vaults stay shut.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        Self::open_files(path, &vault_keys_beside(path))
    }

    /// As [`Keyring::open`], with the vault keys at a path of their own.
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

    /// Makes the file of vault keys when it is missing. Only where no other host can have one: an empty file in place of
    /// one that is away for a while would take keys that are lost when the other comes back.
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

    /// Reads the files again if they changed; true when there is another version of one. While a file cannot be read, the
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

    /// The files do not even answer: counts as not readable.
    pub fn not_answering(&self) {
        for file in [&self.root, &self.vault] {
            file.failed(instant(), format!("{} does not answer", file.path().display()));
        }
    }

    /// A wrapping key by name.
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

    /// The newest generation of which all keys are here.
    ///
    /// # Errors
    /// [`KeyringError::Lacks`] or [`KeyringError::Unreadable`].
    pub fn newest_generation(&self) -> Result<u32, KeyringError> {
        let keys = self.root.keys(instant())?;
        let numbers = keys.keys().filter_map(|name| generation_of(name, ROOT));
        let whole = numbers.filter(|n| names_of(*n).iter().all(|name| keys.contains_key(name))).max();
        whole.ok_or_else(|| KeyringError::Lacks { name: format!("{ROOT}-1") })
    }

    /// Adds a generation of root and signing keys, which nothing uses before it is activated. Refuses while the file lacks a
    /// key that is `needed`: it is not the newest copy then, and a number could be given twice. Returns the new generation.
    ///
    /// # Errors
    /// [`KeyringError`]; the file then stands unchanged.
    pub fn rotate(&self, env: &Env, needed: &[String]) -> Result<u32, KeyringError> {
        let added = self.root.update(instant(), |keys| {
            if let Some(name) = needed.iter().find(|name| !keys.contains_key(*name)) {
                return Err(KeyringError::Lacks { name: name.clone() });
            }
            let prefixes = || [ROOT].into_iter().chain(Family::ALL.map(Family::name));
            let newest = keys.keys().filter_map(|name| prefixes().find_map(|prefix| generation_of(name, prefix))).max();
            let generation = newest.unwrap_or(0) + 1;
            add_generation(keys, generation, env);
            Ok(generation)
        });
        self.adopt();
        added
    }

    /// Adds the key of a new protected vault; it is on disk when this returns.
    ///
    /// # Errors
    /// [`KeyringError`]; the file then stands unchanged.
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

    /// Takes over the keys of another host's file that are not here. Returns their names.
    ///
    /// # Errors
    /// [`KeyringError::Differs`] when a key of the same name is another one here, or [`KeyringError`]; the files then stand
    /// unchanged.
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

    /// Destroys keys of vaults by name, for good. Root and signing keys stay: older backups and links need them.
    ///
    /// # Errors
    /// [`KeyringError`]; the keys are then still there.
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

    /// What is known of the root and signing keys.
    ///
    /// # Errors
    /// [`KeyringError::Unreadable`].
    pub fn root_keys(&self) -> Result<Vec<KeyInfo>, KeyringError> {
        self.root.keys(instant()).map(|keys| infos(&keys))
    }

    /// What is known of the keys of protected vaults.
    ///
    /// # Errors
    /// [`KeyringError::Unreadable`].
    pub fn vault_keys(&self) -> Result<Vec<KeyInfo>, KeyringError> {
        self.vault.keys(instant()).map(|keys| infos(&keys))
    }

    /// Names and fingerprints of all keys that are here, `root-2:91c3…`: equal fingerprints mean equal keys, and nothing about
    /// a key can be learned from them.
    pub fn fingerprints(&self) -> Vec<String> {
        let files = [&self.root, &self.vault].map(|file| file.keys(instant()).unwrap_or_default());
        let entries = files.iter().flat_map(|keys| keys.iter());
        entries.map(|(name, entry)| fingerprint(name, &entry.key)).collect()
    }

    /// The fingerprints of a generation.
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

    /// The two files: root keys, vault keys.
    pub fn paths(&self) -> [&Path; 2] {
        [self.root.path(), self.vault.path()]
    }

    /// Which generations have written from when on, as the database says.
    pub fn set_history(&self, mut history: Vec<Activation>) {
        history.sort_by_key(|activation| activation.generation);
        self.signing.write().unwrap_or_else(PoisonError::into_inner).history = history;
    }

    /// Takes the signing keys over that the file has.
    fn adopt(&self) {
        let Ok(keys) = self.root.keys(instant()) else { return };
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        for family in Family::ALL {
            let known = signing.keys.entry(family).or_default();
            known
                .extend(keys.iter().filter_map(|(name, e)| Some((generation_of(name, family.name())?, e.key.clone()))));
        }
    }

    fn read_signing(&self) -> RwLockReadGuard<'_, Signing> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the vault keys are when nothing else is set: beside the root keys.
pub fn vault_keys_beside(root: &Path) -> PathBuf {
    root.with_file_name("vault-keys.json")
}

/// The name of a protected vault's key.
pub fn vault_key(vault: Uuid) -> String {
    format!("{VAULT}{vault}")
}

/// The vault whose key has this name.
pub fn vault_of(name: &str) -> Option<Uuid> {
    name.strip_prefix(VAULT)?.parse().ok()
}

/// Is this the name of a month's key of format 1?
pub fn is_of_month(name: &str) -> bool {
    name.starts_with(MONTH)
}

/// The names of the keys of a generation.
pub fn names_of(generation: u32) -> [String; 4] {
    let [links, requests, suppressions] = Family::ALL.map(Family::name);
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
    format!("{name}:{}", hex::encode(&mac[..8]))
}

fn instant() -> Instant {
    Env::system().instant()
}
