//! Vaults: per-owner encryption of personal data, and access to the keys.
//!
//! A vault has a data key, which encrypts ("seals") rows, and an index key for blind indexes of e-mail addresses
//! (keyed hashes), so that rows of two vaults cannot be joined by address. The database holds both only wrapped
//! (encrypted) by a key of the [`Keyring`]. An opened vault is cached for at most two seconds: after a vault is
//! destroyed, every process stops using it soon.
//!
//! A key that is missing on this host is an outage (503, retry later). Only `vaults.destroyed_at` is final (410).

pub mod maintenance;
mod report;
mod rotation;
mod store;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use uuid::Uuid;

pub use self::rotation::Activated;
use super::{
    cache::Cache,
    crypto::{DecryptionError, Key, SealContext},
    db::{PoolKind, pool_like},
    env::Env,
    keyring::Keyring,
    text::EmailAddress,
};
use crate::error::{Code, Error, Result};

/// Lifetime of an opened vault in the cache; then its row and its wrapping key are read again.
const OPEN_VAULT_TTL: Duration = Duration::from_secs(2);
/// Size of the separate pool that reads wrapped keys, so that key reads never queue behind other queries. At most one
/// read per vault and [`OPEN_VAULT_TTL`] (2 s).
const KEY_POOL_SIZE: u32 = 2;

/// A vault with its decrypted keys.
#[derive(Debug)]
pub struct Vault {
    /// Id of the vault's row.
    pub id: Uuid,
    data: Key,
    index: Key,
}

impl Vault {
    /// Encrypts `value` (as JSON) for row `row` of `table`.
    ///
    /// # Panics
    /// If `value` cannot be serialized as JSON, which plain structs always can.
    pub fn seal<T: Serialize>(&self, env: &Env, table: &str, row: Uuid, value: &T) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(value).expect("plain structs are JSON"));
        self.data.seal(env, &SealContext { table, row, vault: self.id }, &plain)
    }

    /// Decrypts what [`Vault::seal`] encrypted for the same row.
    ///
    /// # Errors
    /// [`DecryptionError`] for another row, another vault, or changed bytes.
    pub fn open<T: DeserializeOwned>(&self, table: &str, row: Uuid, sealed: &[u8]) -> Result<T, DecryptionError> {
        let plain = self.data.open(&SealContext { table, row, vault: self.id }, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| DecryptionError)
    }

    /// Like [`Vault::open`], for a row whose text may have been dropped; the default then.
    ///
    /// # Errors
    /// [`DecryptionError`], see [`Vault::open`].
    pub fn open_or_default<T: DeserializeOwned + Default>(
        &self,
        table: &str,
        row: Uuid,
        sealed: Option<&[u8]>,
    ) -> Result<T, DecryptionError> {
        sealed.map_or_else(|| Ok(T::default()), |sealed| self.open(table, row, sealed))
    }

    /// The blind index of an address: equal for equal mailboxes within this vault, unrelated between vaults.
    pub fn email_index(&self, address: &EmailAddress) -> Vec<u8> {
        self.index.mac(&[b"email", address.index_form().as_bytes()]).to_vec()
    }

    /// The blind index of a normalised name; tells people apart who share an address.
    pub fn name_index(&self, name_key: &str) -> Vec<u8> {
        self.index.mac(&[b"name", name_key.as_bytes()]).to_vec()
    }

    /// The blind index of a label of people: a tag, or an identifier in another system.
    pub fn label_index(&self, kind: &str, label: &str) -> Vec<u8> {
        self.index.mac(&[b"label", kind.as_bytes(), label.as_bytes()]).to_vec()
    }

    /// A value that stands for a row in a list of another one: without the vault's key nobody can tell which row it is.
    /// `kind` is the kind of list.
    pub fn pseudonym(&self, kind: &str, list: Uuid, row: Uuid) -> [u8; 16] {
        let mac = self.index.mac(&[kind.as_bytes(), list.as_bytes(), row.as_bytes()]);
        std::array::from_fn(|i| mac[i])
    }
}

/// Creates, opens and destroys vaults.
#[derive(Debug)]
pub struct Vaults {
    /// Pool for rotation and maintenance.
    work: PgPool,
    /// Separate pool for reading wrapped keys. A caller that opens a vault may hold a connection of another pool, and
    /// all holders may wait for the same vault: reading it through that pool could deadlock.
    key_pool: PgPool,
    env: Env,
    keyring: Arc<Keyring>,
    opened: Cache<Uuid, Arc<Vault>>,
    /// Serialises the reading of the key files.
    file_lock: Arc<tokio::sync::Mutex<()>>,
    /// Wakes the maintenance loop: a vault was destroyed.
    destroyed: Notify,
    /// Keys in the file without a vault in the database, and when this process first saw them.
    orphaned_keys: Mutex<HashMap<String, DateTime<Utc>>>,
}

impl Vaults {
    /// Vaults of a database, whose keys `keyring` unwraps; `work` is the pool for background work.
    pub fn new(work: PgPool, env: Env, keyring: Arc<Keyring>) -> Self {
        let key_pool = pool_like(&work, PoolKind::Interactive, KEY_POOL_SIZE);
        let opened = Cache::new(env.clone(), OPEN_VAULT_TTL);
        Self {
            work,
            key_pool,
            opened,
            env,
            keyring,
            file_lock: Arc::default(),
            destroyed: Notify::new(),
            orphaned_keys: Mutex::default(),
        }
    }

    /// The keyring that wraps the vaults' keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Creates the vault of an organization.
    ///
    /// # Errors
    /// `unavailable` when this host lacks the current root key.
    pub async fn create_for_organization(&self, conn: &mut PgConnection, organization: Uuid) -> Result<Uuid> {
        self.refresh().await;
        let generation = store::current_generation(conn).await?;
        let (name, key) = self.keyring.root(generation)?;
        self.create(conn, self.env.id(), organization, None, &name, &key).await
    }

    /// Creates the vault of a protected action, to be destroyed after the day `destroy_after`. Its key is on disk
    /// before the row can be committed; if the transaction does not commit, [`Vaults::prune`] removes the key a day
    /// later.
    ///
    /// # Errors
    /// `unavailable` when the file of vault keys cannot be written.
    pub async fn create_protected(
        &self,
        conn: &mut PgConnection,
        organization: Uuid,
        destroy_after: NaiveDate,
    ) -> Result<Uuid> {
        let id = self.env.id();
        let database = store::database(conn).await?;
        let env = self.env.clone();
        let (name, key) = self.with_files(move |keyring| keyring.add_vault_key(&env, id, &database)).await?;
        self.create(conn, id, organization, Some(destroy_after), &name, &key).await
    }

    async fn create(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        organization: Uuid,
        destroy_after: Option<NaiveDate>,
        wrapping_key: &str,
        key: &Key,
    ) -> Result<Uuid> {
        let wrapped_keys = &wrap(&self.env, key, id, &Key::random(&self.env), &Key::random(&self.env));
        let new = store::New { id, organization, destroy_after, wrapping_key, wrapped_keys };
        store::insert(conn, new, self.env.now()).await?;
        Ok(id)
    }

    /// Moves the end of a protected vault to an earlier day; a later one changes nothing.
    pub async fn shorten(&self, conn: &mut PgConnection, id: Uuid, destroy_after: NaiveDate) -> Result<()> {
        store::shorten(conn, id, destroy_after).await
    }

    /// The id of an organization's own vault.
    pub async fn of_organization(&self, conn: &mut PgConnection, organization: Uuid) -> Result<Uuid> {
        store::of_organization(conn, organization).await
    }

    /// Opens a vault; cached for [`OPEN_VAULT_TTL`].
    ///
    /// # Errors
    /// `action_ended` (410) when it was destroyed, which is final; `unavailable` (503) when this host lacks its key at
    /// present. Callers must then refuse the request, never store plain text.
    pub async fn open(&self, id: Uuid) -> Result<Arc<Vault>> {
        self.opened
            .get(&id, async || {
                self.refresh().await;
                let (name, wrapped) = store::wrapped(&self.key_pool, id).await?.ok_or_else(destroyed)?;
                let key = self.keyring.wrapping(&name)?;
                let (data, index) = unwrap(&key, id, &wrapped).map_err(|_| wrong_key(id, &name))?;
                Ok(Arc::new(Vault { id, data, index }))
            })
            .await
    }

    /// Destroys a vault: once this transaction commits, no process opens it any more; a moment later its key is
    /// removed from the hosts' files ([`maintenance`]), so that no copy of the database can be decrypted either.
    pub async fn destroy(&self, conn: &mut PgConnection, id: Uuid) -> Result<()> {
        store::destroy(conn, id, self.env.now()).await?;
        self.opened.invalidate(&id);
        self.destroyed.notify_one();
        Ok(())
    }
}

/// The 410 for data of a destroyed vault.
pub fn destroyed() -> Error {
    Error::problem(Code::ActionEnded, "This action has ended, and the data of those who took part was destroyed.")
}

/// The key on this host has the right name but does not decrypt: a wrong key, which an operator must replace, or
/// damaged bytes in the database.
fn wrong_key(vault: Uuid, name: &str) -> Error {
    tracing::error!(
        event = "vault.wrong_key",
        %vault,
        key = name,
        "a vault does not open with the key that is on this host"
    );
    Error::not_done(60, format!("vault {vault} does not open with the key `{name}`"))
}

fn wrap(env: &Env, key: &Key, vault: Uuid, data: &Key, index: &Key) -> Vec<u8> {
    let both = zeroize::Zeroizing::new([data.expose().as_slice(), index.expose()].concat());
    key.seal(env, &SealContext { table: "vaults", row: vault, vault }, &both)
}

fn unwrap(key: &Key, vault: Uuid, wrapped: &[u8]) -> Result<(Key, Key), DecryptionError> {
    let both = key.open(&SealContext { table: "vaults", row: vault, vault }, wrapped)?;
    let (data, index) = both.split_at_checked(32).ok_or(DecryptionError)?;
    Ok((Key::from_slice(data).ok_or(DecryptionError)?, Key::from_slice(index).ok_or(DecryptionError)?))
}
