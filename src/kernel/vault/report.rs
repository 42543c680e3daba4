//! Reports about the keyring for operators: `muster keyring status` and `check`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{Vaults, store, unwrap};
use crate::{
    error::{Error, Result},
    kernel::keyring::{KeyInfo, names_of, vault_key, vault_of},
};

/// Maximum number of names listed in one line of a report.
const MAX_LISTED_NAMES: usize = 5;

impl Vaults {
    /// The state of the keyring as text: keys and their ages, which of them are active, how many vaults need each, and
    /// which keys each process has.
    ///
    /// # Errors
    /// `unavailable` when the files cannot be read.
    pub async fn status(&self) -> Result<String> {
        self.refresh().await;
        let vaults = store::live(&self.work).await?;
        let generations = store::generations(&self.work).await?;
        let nodes = store::nodes(&mut *self.work.acquire().await?).await?;
        let [root, vault] = self.keyring.paths().map(|path| path.display().to_string());
        let mut needed: BTreeMap<&str, usize> = BTreeMap::new();
        for vault in &vaults {
            *needed.entry(&vault.wrapping_key).or_default() += 1;
        }
        let last = generations.last().map_or(0, |activation| activation.generation);
        let unused = last + 1..=self.keyring.newest_generation()?;
        let mut text = format!("Root keys: {root}\n");
        for key in self.keyring.root_keys()? {
            let wraps = needed.get(key.name.as_str()).map(|n| format!("wraps {n} vault(s)"));
            let writing = generations.iter().rev().find(|g| g.writes_from <= self.env.now());
            let writes = writing.filter(|g| names_of(g.generation).contains(&key.name)).map(|_| "writes".to_owned());
            let is_unused = unused.clone().any(|generation| names_of(generation).contains(&key.name));
            let waits = is_unused.then(|| "not used yet: `muster keyring activate`".to_owned());
            self.line(&mut text, &key, [writes, wraps, waits].into_iter().flatten().collect());
        }
        let _ = writeln!(text, "Vault keys: {vault}");
        let ends: BTreeMap<String, _> = vaults.iter().map(|v| (vault_key(v.id), v.destroy_after)).collect();
        for key in self.keyring.vault_keys()? {
            let about = match ends.get(&key.name) {
                Some(Some(day)) => format!("ends after {day}"),
                Some(None) => "has no end".to_owned(),
                None => "of no vault of this database that is left".to_owned(),
            };
            self.line(&mut text, &key, vec![about]);
        }
        let lacking: Vec<String> =
            needed.keys().filter(|name| self.keyring.wrapping(name).is_err()).map(ToString::to_string).collect();
        if !lacking.is_empty() {
            let _ = writeln!(text, "Not on this host: {}", listed(&lacking));
        }
        let _ = writeln!(text, "Processes seen within ten minutes:");
        let ours = self.keyring.fingerprints();
        let ours = by_name(&ours);
        for node in nodes {
            let theirs = by_name(&node.keys);
            let same = ours.iter().filter(|(name, print)| theirs.get(*name) == Some(print)).count();
            let _ = writeln!(
                text,
                "  {}  {}  seen {:.0} s ago  has {same} of the {} keys here, {} in all",
                node.node,
                node.role,
                node.age,
                ours.len(),
                theirs.len()
            );
        }
        Ok(text)
    }

    fn line(&self, text: &mut String, key: &KeyInfo, about: Vec<String>) {
        let age = key.created_at.map_or("age not known".to_owned(), |at| {
            format!("{} day(s) old", self.env.now().signed_duration_since(at).num_days())
        });
        let _ = writeln!(text, "  {}  {}", key.name, [vec![age], about].concat().join(", "));
    }

    /// Problems of the keyring, one line each; empty if there are none.
    pub async fn check(&self) -> Result<Vec<String>> {
        self.refresh().await;
        let mut faults = self.keyring.failing();
        let vaults = store::live(&self.work).await?;
        let mut lacking: BTreeMap<&str, usize> = BTreeMap::new();
        for vault in &vaults {
            match self.keyring.wrapping(&vault.wrapping_key) {
                Err(_) => *lacking.entry(&vault.wrapping_key).or_default() += 1,
                Ok(key) if unwrap(&key, vault.id, &vault.wrapped_keys).is_err() => faults.push(format!(
                    "vault {}: does not open with the key `{}` that is here; another host may have another key of this name",
                    vault.id, vault.wrapping_key
                )),
                Ok(_) => {}
            }
        }
        let lacks = |(name, n): (&str, usize)| format!("key `{name}`: {n} vault(s) need it, and this host lacks it");
        faults.extend(lacking.into_iter().map(lacks));
        if let Some(current) = store::generations(&self.work).await?.last()
            && let Err(error) = self.keyring.fingerprints_of(current.generation)
        {
            faults.push(format!("generation {} writes: {error}", current.generation));
        }
        let here: Vec<KeyInfo> = self.keyring.vault_keys().unwrap_or_default();
        let ids: Vec<_> = here.iter().filter_map(|key| vault_of(&key.name)).collect();
        let known = store::known(&self.work, &ids).await?;
        let destroyed: Vec<String> = known.iter().filter(|(_, gone)| *gone).map(|(id, _)| vault_key(*id)).collect();
        if !destroyed.is_empty() {
            faults.push(format!(
                "destroyed vaults: their keys are still in {}, run `muster keyring prune`: {}",
                self.keyring.paths()[1].display(),
                listed(&destroyed)
            ));
        }
        self.compare(&mut faults).await?;
        Ok(faults)
    }

    /// Refuses root keys of another installation: this host has root keys that vaults name, and none of those vaults
    /// can be decrypted. A process with such keys would sign links and index addresses differently from all others.
    ///
    /// # Errors
    /// `internal`, naming the setting.
    pub async fn refuse_foreign_keys(&self) -> Result<()> {
        let mut foreign = None;
        for vault in store::live(&self.work).await? {
            if vault_of(&vault.wrapping_key).is_some() {
                continue;
            }
            let Ok(key) = self.keyring.wrapping(&vault.wrapping_key) else { continue };
            if unwrap(&key, vault.id, &vault.wrapped_keys).is_ok() {
                return Ok(());
            }
            foreign = Some(vault.wrapping_key);
        }
        let Some(name) = foreign else { return Ok(()) };
        Err(Error::internal(format!(
            "keyring.file: the key `{name}` in {} is not the one that the vaults of this database were wrapped with",
            self.keyring.paths()[0].display()
        )))
    }

    /// Compares this host's keys with those of the other processes.
    async fn compare(&self, faults: &mut Vec<String>) -> Result<()> {
        let ours = self.keyring.fingerprints();
        let ours = by_name(&ours);
        for node in store::nodes(&mut *self.work.acquire().await?).await? {
            let theirs = by_name(&node.keys);
            let (of_ours, of_theirs): (BTreeSet<&str>, BTreeSet<&str>) =
                (ours.keys().copied().collect(), theirs.keys().copied().collect());
            let differing = of_ours.intersection(&of_theirs).filter(|name| ours[**name] != theirs[**name]);
            for (names, what) in [
                (
                    of_ours.difference(&of_theirs).map(ToString::to_string).collect::<Vec<_>>(),
                    "lacks keys of this host",
                ),
                (of_theirs.difference(&of_ours).map(ToString::to_string).collect(), "has keys that this host lacks"),
                (differing.map(ToString::to_string).collect(), "has other keys under the same names"),
            ] {
                if !names.is_empty() {
                    faults.push(format!("process {} ({}): {what}: {}", node.node, node.role, listed(&names)));
                }
            }
        }
        Ok(())
    }
}

/// Splits `name:fingerprint` strings into a map by name.
fn by_name(fingerprints: &[String]) -> BTreeMap<&str, &str> {
    fingerprints.iter().filter_map(|fingerprint| fingerprint.rsplit_once(':')).collect()
}

fn listed(names: &[String]) -> String {
    match names.get(..MAX_LISTED_NAMES) {
        Some(first) if names.len() > MAX_LISTED_NAMES => {
            format!("{} and {} more", first.join(", "), names.len() - MAX_LISTED_NAMES)
        }
        _ => names.join(", "),
    }
}
