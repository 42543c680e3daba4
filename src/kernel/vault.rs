//! Vaults: who owns whose data, and the keys that open it.
//!
//! A vault has a data key, which seals, and an index key, which makes a blind index of an e-mail address, so that two
//! vaults cannot be joined on it. Both stand in the database only wrapped by a key of the [`Keyring`]. An opened vault is
//! kept for at most two seconds: one that was destroyed is shut in every process soon after.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use super::{
    cache::Cache,
    crypto::{CannotOpen, Key, Place},
    cx::Cx,
    keyring::{Keyring, month_key},
    text::EmailAddress,
};
use crate::error::{Error, Result};

/// How long an opened vault is used before the database and the keyring are asked again.
const OPEN_FOR: Duration = Duration::from_secs(2);
/// Connections for opening vaults; each is asked at most once in two seconds for each vault.
const DOORS: u32 = 2;
/// How long opening waits for one of them.
const DOOR_TIMEOUT: Duration = Duration::from_secs(5);

/// An opened vault.
#[derive(Debug)]
pub struct Vault {
    /// The vault's row.
    pub id: Uuid,
    data: Key,
    index: Key,
}

impl Vault {
    /// Seals `value` (as JSON) for row `row` of `table`.
    ///
    /// # Panics
    /// If `value` cannot be JSON, which plain structs always can.
    pub fn seal<T: Serialize>(&self, cx: &Cx, table: &str, row: Uuid, value: &T) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(value).expect("plain structs are JSON"));
        self.data.seal(cx, &Place { table, row, vault: self.id }, &plain)
    }

    /// Opens what [`Vault::seal`] sealed for the same row.
    ///
    /// # Errors
    /// [`CannotOpen`] for another row, another vault, or damaged bytes.
    pub fn open<T: DeserializeOwned>(&self, table: &str, row: Uuid, sealed: &[u8]) -> Result<T, CannotOpen> {
        let plain = self.data.open(&Place { table, row, vault: self.id }, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| CannotOpen)
    }

    /// The blind index of an address: equal for equal mailboxes, within this vault only.
    pub fn email_index(&self, address: &EmailAddress) -> Vec<u8> {
        self.index.mac(&[b"email", address.index_form().as_bytes()]).to_vec()
    }

    /// The blind index of a normalised name, for people who share an address.
    pub fn name_index(&self, name_key: &str) -> Vec<u8> {
        self.index.mac(&[b"name", name_key.as_bytes()]).to_vec()
    }

    /// What stands for a signature in the list of a delivery: nobody without the vault's key can tell whose it is.
    pub fn receipt(&self, delivery: Uuid, signature: Uuid) -> [u8; 16] {
        let mac = self.index.mac(&[b"receipt", delivery.as_bytes(), signature.as_bytes()]);
        std::array::from_fn(|i| mac[i])
    }
}

/// Makes, opens and destroys vaults.
#[derive(Debug)]
pub struct Vaults {
    db: PgPool,
    /// Where wrapped keys are read. Whoever opens a vault may hold a connection of `db`, and all who hold one may wait
    /// for the same vault: if it were read through `db`, they would wait for each other.
    doors: PgPool,
    cx: Cx,
    keyring: Arc<Keyring>,
    opened: Cache<Uuid, Arc<Vault>>,
}

impl Vaults {
    /// Vaults of this database, opened with this keyring.
    pub fn new(db: PgPool, cx: Cx, keyring: Arc<Keyring>) -> Self {
        let doors = PgPoolOptions::new().max_connections(DOORS).acquire_timeout(DOOR_TIMEOUT);
        let doors = doors.connect_lazy_with(PgConnectOptions::clone(&db.connect_options()));
        Self { db, doors, opened: Cache::new(cx.clone(), OPEN_FOR), cx, keyring }
    }

    /// The keyring behind the vaults.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Makes the vault of an organization.
    ///
    /// # Errors
    /// `internal` without a root key, or a database error.
    pub async fn create_for_organization(&self, conn: &mut PgConnection, organization: Uuid) -> Result<Uuid> {
        self.keyring.refresh();
        let (name, key) = self.keyring.newest_root().ok_or_else(|| Error::internal("the keyring has no root key"))?;
        self.create(conn, organization, "organization", None, &name, &key).await
    }

    /// Makes a vault of its own for a protected action, which ends with the month of `destroy_after`.
    ///
    /// # Errors
    /// 422 at `/muster:destroy_after` when the keyring has no key for that month, or a database error.
    pub async fn create_protected(
        &self,
        conn: &mut PgConnection,
        organization: Uuid,
        destroy_after: NaiveDate,
    ) -> Result<Uuid> {
        let name = month_key(destroy_after);
        let key = self.keyring.wrapping(&name).ok_or_else(|| {
            Error::field("/muster:destroy_after", "out_of_range", format!("The keyring has no key for {destroy_after}; choose a month within the next five years, or run `muster keyring rotate`."))
        })?;
        self.create(conn, organization, "protected", Some(destroy_after), &name, &key).await
    }

    async fn create(
        &self,
        conn: &mut PgConnection,
        organization: Uuid,
        kind: &str,
        destroy_after: Option<NaiveDate>,
        wrapping_key: &str,
        key: &Key,
    ) -> Result<Uuid> {
        let id = self.cx.id();
        let wrapped = wrap(&self.cx, key, id, &Key::random(&self.cx), &Key::random(&self.cx));
        sqlx::query!(
            "INSERT INTO vaults (id, organization_id, kind, wrapping_key, wrapped_keys, destroy_after, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            id, organization, kind, wrapping_key, wrapped, destroy_after, self.cx.now()
        )
        .execute(conn)
        .await?;
        Ok(id)
    }

    /// An organization's own vault.
    ///
    /// # Errors
    /// A database error.
    pub async fn of_organization(&self, conn: &mut PgConnection, organization: Uuid) -> Result<Uuid> {
        Ok(sqlx::query_scalar!(
            "SELECT id FROM vaults WHERE organization_id = $1 AND kind = 'organization'",
            organization
        )
        .fetch_one(conn)
        .await?)
    }

    /// Opens a vault.
    ///
    /// # Errors
    /// `internal` when it was destroyed or its key is gone: refuse, never fall back to plain text.
    pub async fn open(&self, id: Uuid) -> Result<Arc<Vault>> {
        self.opened
            .get(&id, async || {
                self.keyring.refresh();
                let row = sqlx::query!("SELECT wrapping_key, wrapped_keys FROM vaults WHERE id = $1", id)
                    .fetch_one(&self.doors)
                    .await?;
                let (Some(name), Some(wrapped)) = (row.wrapping_key, row.wrapped_keys) else {
                    return Err(Error::internal(format!("vault {id} was destroyed")));
                };
                let key = self
                    .keyring
                    .wrapping(&name)
                    .ok_or_else(|| Error::internal(format!("the keyring has no key `{name}` for vault {id}")))?;
                let (data, index) = unwrap(&key, id, &wrapped)?;
                Ok(Arc::new(Vault { id, data, index }))
            })
            .await
    }

    /// Destroys a vault: its keys are gone with this transaction, and what it sealed opens nowhere any more.
    ///
    /// # Errors
    /// A database error.
    pub async fn destroy(&self, conn: &mut PgConnection, id: Uuid) -> Result<()> {
        sqlx::query!("UPDATE vaults SET wrapped_keys = NULL, wrapping_key = NULL, destroyed_at = $2 WHERE id = $1 AND destroyed_at IS NULL", id, self.cx.now()).execute(conn).await?;
        self.opened.forget(&id);
        Ok(())
    }

    /// Wraps every organization vault with the newest root key. Returns how many were changed.
    ///
    /// # Errors
    /// `internal` when a vault does not open with the key it names, or a database error; then nothing is changed.
    pub async fn rewrap(&self) -> Result<usize> {
        let (newest, key) = self.keyring.newest_root().ok_or_else(|| Error::internal("the keyring has no root key"))?;
        let mut tx = self.db.begin().await?;
        let rows = sqlx::query!(
            r#"SELECT id, wrapping_key AS "wrapping_key!", wrapped_keys AS "wrapped_keys!" FROM vaults
               WHERE kind = 'organization' AND destroyed_at IS NULL AND wrapping_key <> $1 ORDER BY id FOR UPDATE"#,
            newest
        )
        .fetch_all(&mut *tx)
        .await?;
        for row in &rows {
            let old = self
                .keyring
                .wrapping(&row.wrapping_key)
                .ok_or_else(|| Error::internal(format!("the keyring has no key `{}`", row.wrapping_key)))?;
            let (data, index) = unwrap(&old, row.id, &row.wrapped_keys)?;
            sqlx::query!(
                "UPDATE vaults SET wrapping_key = $2, wrapped_keys = $3 WHERE id = $1",
                row.id,
                newest,
                wrap(&self.cx, &key, row.id, &data, &index)
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(rows.len())
    }

    /// Destroys what must have ended by `today`: the vaults of past months, then the keys that wrapped them, so that no
    /// backup opens them either. Returns the names of the destroyed keys. Old root keys stay: older backups need them.
    ///
    /// # Errors
    /// `internal` when the keyring file cannot be written, or a database error.
    pub async fn retire(&self, today: NaiveDate) -> Result<Vec<String>> {
        self.keyring.refresh();
        let names = self.keyring.past_months(today);
        if names.is_empty() {
            return Ok(names);
        }
        sqlx::query!(
            "UPDATE vaults SET wrapped_keys = NULL, wrapping_key = NULL, destroyed_at = $2 WHERE wrapping_key = ANY ($1)",
            &names,
            self.cx.now()
        )
        .execute(&self.db)
        .await?;
        self.keyring.destroy(&names).map_err(Error::internal)?;
        self.opened.clear();
        Ok(names)
    }
}

fn wrap(cx: &Cx, key: &Key, vault: Uuid, data: &Key, index: &Key) -> Vec<u8> {
    let both = zeroize::Zeroizing::new([data.expose().as_slice(), index.expose()].concat());
    key.seal(cx, &Place { table: "vaults", row: vault, vault }, &both)
}

fn unwrap(key: &Key, vault: Uuid, wrapped: &[u8]) -> Result<(Key, Key), CannotOpen> {
    let both = key.open(&Place { table: "vaults", row: vault, vault }, wrapped)?;
    let (data, index) = both.split_at_checked(32).ok_or(CannotOpen)?;
    Ok((Key::from_slice(data).ok_or(CannotOpen)?, Key::from_slice(index).ok_or(CannotOpen)?))
}
