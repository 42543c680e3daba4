//! Rotation of the root and signing keys, in two steps, so that no process needs a key that it lacks: `rotate` adds a
//! generation to this host's file; once every host has the file, `activate` makes all processes use it from one moment
//! on.

use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{
    Vaults,
    store::{self, NodeRow},
    unwrap, wrap,
};
use crate::{
    error::{Code, Error, Result},
    kernel::keyring::{ImportedKeys, names_of},
};

/// Result of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activated {
    /// The generation that is active now.
    pub generation: u32,
    /// Number of vaults whose keys were wrapped again.
    pub vaults: usize,
    /// From when on its keys sign.
    pub signs_from: DateTime<Utc>,
}

impl Vaults {
    /// Adds a generation of keys to this host's root file. It is not used before [`Vaults::activate`]. Returns its
    /// number.
    ///
    /// # Errors
    /// `unavailable` when the file cannot be changed or lacks a key that a vault needs.
    pub async fn rotate(&self) -> Result<u32> {
        let current = store::current_generation(&mut *self.work.acquire().await?).await?;
        let mut needed = store::needed(&self.work).await?;
        needed.retain(|name| crate::kernel::keyring::vault_of(name).is_none());
        needed.extend(names_of(current));
        let env = self.env.clone();
        self.with_files(move |keyring| keyring.rotate(&env, &needed)).await
    }

    /// Activates the newest generation of this host's root file: wraps every organization's vault with it at once, and
    /// makes every process sign with it a minute later.
    ///
    /// # Errors
    /// `conflict` when it is active already, or a process seen within ten minutes lacks it; `unavailable` when this
    /// host lacks the current key of a vault. Nothing is changed then.
    pub async fn activate(&self) -> Result<Activated> {
        self.refresh().await;
        let generation = self.keyring.newest_generation()?;
        let (name, key) = self.keyring.root(generation)?;
        let wanted = self.keyring.fingerprints_of(generation)?;
        let mut tx = self.work.begin().await?;
        store::lock_generations(&mut tx).await?;
        let current = store::current_generation(&mut tx).await?;
        if generation <= current {
            return Err(Error::problem(
                Code::Conflict,
                format!("Generation {current} writes already; `muster keyring rotate` adds another."),
            ));
        }
        refuse_while_behind(&mut tx, &wanted, generation).await?;
        let vaults = store::wrapped_otherwise(&mut tx, &name).await?;
        for vault in &vaults {
            let old = self.keyring.wrapping(&vault.wrapping_key)?;
            let (data, index) = unwrap(&old, vault.id, &vault.wrapped_keys)?;
            store::rewrap(&mut tx, vault.id, &name, &wrap(&self.env, &key, vault.id, &data, &index)).await?;
        }
        // every process loads the generation before that moment (`maintenance::MAINTENANCE_INTERVAL`), so all switch
        // together
        let signs_from = store::activate(&mut tx, generation, self.env.now()).await?;
        tx.commit().await?;
        self.load_generations().await?;
        Ok(Activated { generation, vaults: vaults.len(), signs_from })
    }

    /// Loads from the database which generations are active, and since when.
    pub async fn load_generations(&self) -> Result<()> {
        self.keyring.set_history(store::generations(&self.work).await?);
        Ok(())
    }

    /// Imports keys of another host's file that are missing here, except those of destroyed vaults. Returns their
    /// names.
    ///
    /// # Errors
    /// `unavailable` when the text is not a key file, a key differs from the one of the same name here, or the files
    /// cannot be written.
    pub async fn import(&self, text: &str, from: &Path) -> Result<Vec<String>> {
        let mut import = ImportedKeys::read(text, from)?;
        for (vault, destroyed) in store::known(&self.work, &import.vaults()).await? {
            if destroyed {
                import.leave_out(vault);
            }
        }
        self.with_files(move |keyring| {
            keyring.make_vault_keys()?;
            keyring.import(import)
        })
        .await
    }
}

async fn refuse_while_behind(conn: &mut PgConnection, wanted: &[String], generation: u32) -> Result<()> {
    let behind = |node: &NodeRow| !wanted.iter().all(|key| node.keys.contains(key));
    let behind: Vec<String> = store::nodes(conn).await?.iter().filter(|node| behind(node)).map(describe).collect();
    if behind.is_empty() {
        return Ok(());
    }
    Err(Error::problem(
        Code::Conflict,
        format!(
            "These processes do not have the keys of generation {generation} of this host: {}. Copy the root file to their hosts (they notice it within seconds); one that was killed stops counting after ten minutes.",
            behind.join(", ")
        ),
    ))
}

fn describe(node: &NodeRow) -> String {
    format!("{} ({}, seen {:.0} s ago)", node.node, node.role, node.age)
}
