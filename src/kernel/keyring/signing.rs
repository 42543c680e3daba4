//! Keys for signatures and indexes, in all their generations: for links in mail, for tokens of requests and mails, and
//! for the global list of suppressed addresses.
//!
//! A rotation adds a generation to the file; the database says since when it is active, for all processes alike.
//! Values made under an older generation stay valid for as long as the file has that generation's key.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use strum::{VariantArray, VariantNames};
use uuid::Uuid;

use super::Keyring;
use crate::kernel::{crypto::Key, env::Env};

/// What a signing key is used for. The name is that of the family's keys in the file, before the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Family {
    /// Tokens of links in mail.
    Links,
    /// Idempotency keys, form tokens, challenges, ids of mails.
    Requests,
    /// The global list of suppressed addresses.
    Suppressions,
}

crate::kernel::text_enum!(Family);

/// The activation of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The generation's number.
    pub generation: u32,
    /// From when on new values are made with it.
    pub writes_from: DateTime<Utc>,
}

/// The signing keys that this process has read. None is ever dropped, so an unreadable key file invalidates no mailed
/// link.
#[derive(Debug, Default)]
pub(super) struct Signing {
    pub(super) keys: BTreeMap<Family, BTreeMap<u32, Key>>,
    /// Sorted by generation.
    pub(super) history: Vec<Activation>,
}

impl Signing {
    /// The newest generation that was active at `time` and whose key is known; if there is none, the oldest known.
    fn at(&self, family: Family, time: DateTime<Utc>) -> Option<u32> {
        let keys = self.keys.get(&family)?;
        let wrote = self.history.iter().rev().filter(|activation| activation.writes_from <= time);
        wrote.map(|activation| activation.generation).find(|n| keys.contains_key(n)).or(keys.keys().next().copied())
    }

    /// The generations that were active at any time between `from` and `to`.
    fn between(&self, family: Family, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<u32> {
        let begun = self.history.iter().filter(|a| a.writes_from > from && a.writes_from <= to);
        let mut all: Vec<u32> = begun.filter_map(|a| self.at(family, a.writes_from)).collect();
        all.extend(self.at(family, from));
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The keys of one family, or keys derived from them. Reads the keyring at each use, so that a rotation takes effect
/// everywhere.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    source: KeySource,
    env: Env,
    purposes: Vec<String>,
}

#[derive(Clone, Debug)]
enum KeySource {
    Keyring(Arc<Keyring>, Family),
    One(Key),
}

impl SigningKeys {
    /// The keys of a family.
    pub fn of(keyring: &Arc<Keyring>, family: Family, env: &Env) -> Self {
        Self { source: KeySource::Keyring(keyring.clone(), family), env: env.clone(), purposes: Vec::new() }
    }

    /// A single key that never changes (tests, tools).
    pub fn fixed(key: Key) -> Self {
        Self { source: KeySource::One(key), env: Env::system(), purposes: Vec::new() }
    }

    /// Keys for one purpose, derived from these.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let mut derived = self.clone();
        derived.purposes.push(purpose.to_owned());
        derived
    }

    /// The key that is active now.
    pub fn current(&self) -> Key {
        self.at(self.env.now())
    }

    /// The key that was active at `time`.
    pub fn at(&self, time: DateTime<Utc>) -> Key {
        self.derived(match &self.source {
            KeySource::One(key) => key.clone(),
            KeySource::Keyring(keyring, family) => keyring.signing(|signing| signing.at(*family, time), *family),
        })
    }

    /// The key for values that must be reproducible for a row, such as the Message-ID of a mail that is sent again:
    /// the one that was active when the row's id (a `UUIDv7`) was made.
    pub fn of_row(&self, id: Uuid) -> Key {
        self.at(time_of(id).unwrap_or_default())
    }

    /// Finds the row for which `make` gives `wanted`: applies `undo` with each key and keeps the candidate that `make`
    /// confirms under the row's own key.
    pub fn row_of<T: PartialEq>(
        &self,
        wanted: &T,
        undo: impl Fn(&Key) -> Uuid,
        make: impl Fn(&Key, Uuid) -> T,
    ) -> Option<Uuid> {
        let all = self.all();
        if let [only] = all.as_slice() {
            return Some(undo(only));
        }
        // undone with a wrong key, an id is random: not of version 7, or with a time far in the future
        let latest = self.env.now() + TimeDelta::days(1);
        all.iter()
            .map(undo)
            .find(|id| time_of(*id).is_some_and(|time| time < latest) && make(&self.of_row(*id), *id) == *wanted)
    }

    /// All keys that may have signed an incoming value, the newest first.
    pub fn all(&self) -> Vec<Key> {
        match &self.source {
            KeySource::One(key) => vec![self.derived(key.clone())],
            KeySource::Keyring(keyring, family) => {
                keyring.signing_keys(*family).into_iter().rev().map(|key| self.derived(key)).collect()
            }
        }
    }

    /// The keys that were active within the last `time`, or become active within the next hour (other processes'
    /// clocks may be ahead); the key active now comes first.
    pub fn used_within(&self, time: TimeDelta) -> Vec<Key> {
        let now = self.env.now();
        let KeySource::Keyring(keyring, family) = &self.source else { return self.all() };
        let keys = keyring.signing_between(*family, now - time, now + TimeDelta::hours(1));
        let writing = self.current();
        let others = keys.into_iter().map(|key| self.derived(key)).filter(|key| key.expose() != writing.expose());
        let mut all: Vec<Key> = others.collect();
        all.insert(0, writing);
        all
    }

    /// HMAC-SHA256 of the parts under the key that is active now.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.current().mac(parts)
    }

    fn derived(&self, key: Key) -> Key {
        self.purposes.iter().fold(key, |key, purpose| key.derive(purpose))
    }
}

/// The timestamp of a `UUIDv7`.
fn time_of(id: Uuid) -> Option<DateTime<Utc>> {
    if id.get_version_num() != 7 {
        return None;
    }
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

impl Keyring {
    fn signing(&self, which: impl FnOnce(&Signing) -> Option<u32>, family: Family) -> Key {
        let signing = self.read_signing();
        let key = which(&signing).and_then(|n| signing.keys.get(&family)?.get(&n).cloned());
        key.expect("a keyring without keys of each family does not open")
    }

    fn signing_keys(&self, family: Family) -> Vec<Key> {
        self.read_signing().keys.get(&family).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    fn signing_between(&self, family: Family, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Key> {
        let signing = self.read_signing();
        let keys = signing.keys.get(&family);
        signing.between(family, from, to).iter().filter_map(|n| keys?.get(n).cloned()).collect()
    }
}
