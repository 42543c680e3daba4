//! Keys that sign and index, in all their generations: those behind mailed links, behind tokens of requests and mails, and
//! behind the global list of suppressed addresses.
//!
//! A rotation adds a generation to the file; the database says from when on it writes, for all processes alike. What was
//! made under an older generation is recognised for as long as the file has that generation's key.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Keyring;
use crate::kernel::{crypto::Key, env::Env};

/// What a signing key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Links in mail.
    Links,
    /// Idempotency keys, form tokens, challenges, ids of mails.
    Requests,
    /// The global list of suppressed addresses.
    Suppressions,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Links, Self::Requests, Self::Suppressions];

    /// The name of its keys in the file, before the generation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Requests => "requests",
            Self::Suppressions => "suppressions",
        }
    }
}

/// When a generation began to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Its number.
    pub generation: u32,
    /// From when on it writes.
    pub writes_from: DateTime<Utc>,
}

/// The signing keys that this process has seen. It forgets none: a key file that is away for a while stops no mailed link.
#[derive(Debug, Default)]
pub(super) struct Signing {
    pub(super) keys: BTreeMap<Family, BTreeMap<u32, Key>>,
    /// By generation.
    pub(super) history: Vec<Activation>,
}

impl Signing {
    /// The newest generation that wrote at a time and whose key is here; before the first one, or without any, the oldest.
    fn at(&self, family: Family, time: DateTime<Utc>) -> Option<u32> {
        let keys = self.keys.get(&family)?;
        let wrote = self.history.iter().rev().filter(|activation| activation.writes_from <= time);
        wrote.map(|activation| activation.generation).find(|n| keys.contains_key(n)).or(keys.keys().next().copied())
    }

    /// The generations that wrote at any time in between.
    fn between(&self, family: Family, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<u32> {
        let begun = self.history.iter().filter(|a| a.writes_from > from && a.writes_from <= to);
        let mut all: Vec<u32> = begun.filter_map(|a| self.at(family, a.writes_from)).collect();
        all.extend(self.at(family, from));
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The keys of one family, or keys derived from them. Asks the keyring at each use, so that a rotation reaches every holder.
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

    /// One key that never changes.
    pub fn fixed(key: Key) -> Self {
        Self { source: KeySource::One(key), env: Env::system(), purposes: Vec::new() }
    }

    /// The keys for one purpose, derived from these.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let mut derived = self.clone();
        derived.purposes.push(purpose.to_owned());
        derived
    }

    /// The key that writes now.
    pub fn current(&self) -> Key {
        self.at(self.env.now())
    }

    /// The key that wrote at a time.
    pub fn at(&self, time: DateTime<Utc>) -> Key {
        self.derived(match &self.source {
            KeySource::One(key) => key.clone(),
            KeySource::Keyring(keyring, family) => keyring.signing(|signing| signing.at(*family, time), *family),
        })
    }

    /// The key for what must come out alike whenever it is made again for a row, such as the Message-ID of a mail that is
    /// tried twice: the one that wrote when the row was made.
    pub fn of_row(&self, id: Uuid) -> Key {
        self.at(time_of(id).unwrap_or_default())
    }

    /// The row from which `make` makes this under the row's own key, out of those that `undo` finds under each key.
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
        // under another key than its own a row comes out at random: not of version 7, or of a time far away
        let latest = self.env.now() + TimeDelta::days(1);
        all.iter()
            .map(undo)
            .find(|id| time_of(*id).is_some_and(|time| time < latest) && make(&self.of_row(*id), *id) == *wanted)
    }

    /// Every key that may have signed what comes in, the newest first.
    pub fn all(&self) -> Vec<Key> {
        match &self.source {
            KeySource::One(key) => vec![self.derived(key.clone())],
            KeySource::Keyring(keyring, family) => {
                keyring.signing_keys(*family).into_iter().rev().map(|key| self.derived(key)).collect()
            }
        }
    }

    /// The keys that wrote within this time, or will within as much again as a clock may be off; the one that writes now
    /// comes first.
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

    /// HMAC-SHA256 of the parts under the key that writes now.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.current().mac(parts)
    }

    fn derived(&self, key: Key) -> Key {
        self.purposes.iter().fold(key, |key, purpose| key.derive(purpose))
    }
}

/// The time in a `UUIDv7`.
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
