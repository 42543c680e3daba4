//! Holding floods back without turning a crowd away: an act that looks like one of a flood is taken like any other and
//! waits for an organizer before it counts.
//!
//! Who is looked at: one network, or one mail domain, that within an hour brings more than its limit, more than the
//! petition usually gets in an hour, and a large share of what the petition gets in this one; a form sent faster than
//! anybody types; a box filled in that nobody sees. Networks and domains are known by tags only, under the secret of the
//! day and for one petition, for at most 72 hours; a protected petition keeps none and judges nobody.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    store::{self, Petition},
    submission::Petitions,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{crypto::Key, day_secret, env::Env, network::Network, rate_limit::Source, text::EmailAddress},
};

/// The part of an hour's signatures, in percent, that one network may bring whatever the limits say.
const NETWORK_SHARE_PERCENT: u64 = 10;
/// Likewise for one mail domain.
const DOMAIN_SHARE_PERCENT: u64 = 25;
/// Tags counted at once in one process; beyond it the hour starts anew.
const MAX_TRACKED_TAGS: usize = 500_000;
/// Bytes of a tag.
const TAG_BYTES: usize = 16;
/// Seconds between two folds of one process.
const SYNC_INTERVAL_SECONDS: i64 = 2;
/// Tags that one fold tells and asks about.
const MAX_TAGS_PER_SYNC: usize = 4_000;
/// Processes up to which a network that each of them keeps to itself, because it brings too little to be told, cannot
/// exceed its limit in all.
const MAX_PROCESSES: u64 = 16;
/// Time that an act waits for a fold; the numbers of this process alone have to do then.
const SYNC_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits and switches of an organization, as they stand in `organizations.abuse`. They take effect at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AbuseLimits {
    /// Signatures of one network in an hour before the next ones are held.
    pub per_network_hour: u32,
    /// Signatures of one mail domain in an hour, likewise. Providers of mail for everybody have no limit.
    pub per_domain_hour: u32,
    /// Seconds below which nobody fills the form in; 0 switches this off.
    pub least_form_seconds: u32,
    /// Takes no signatures at all for the moment.
    pub signing_paused: bool,
    /// Shows no breakdowns of any petition.
    pub breakdowns_paused: bool,
}

impl Default for AbuseLimits {
    fn default() -> Self {
        Self {
            per_network_hour: 60,
            per_domain_hour: 200,
            least_form_seconds: 2,
            signing_paused: false,
            breakdowns_paused: false,
        }
    }
}

/// An organization's limits, and who is never held.
#[derive(Debug, Default)]
pub struct AbuseSettings {
    /// Limits and switches.
    pub limits: AbuseLimits,
    /// Networks of shelters, union halls, campuses.
    pub networks: Vec<Network>,
    /// Mail domains, likewise.
    pub domains: Vec<String>,
}

/// What a public act shows of how it was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestSignals {
    /// Where it came from; nobody asks for acts that an organizer vouches for.
    pub source: Option<Source>,
    /// Seconds from opening the form to sending it, as the page's script says.
    pub form_seconds: Option<u32>,
    /// The box that no person sees was filled in.
    pub honeypot_filled: bool,
}

/// What was found about an act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AbuseAssessment {
    /// Why it is to be held, if it is: `network`, `domain` or `form`.
    pub quarantine_reason: Option<&'static str>,
    /// The sender's network, on this petition and day.
    pub network_tag: Option<Vec<u8>>,
    /// The address's domain, likewise.
    pub domain_tag: Option<Vec<u8>>,
}

/// How many acts each tag brought within the present hour: those of this process, and, folded through the database every
/// few seconds, those of the others.
#[derive(Debug)]
pub struct BurstCounter {
    env: Env,
    hour: Mutex<HourCounts>,
    /// When this process last folded, in Unix seconds.
    synced_at: AtomicI64,
}

#[derive(Debug)]
struct HourCounts {
    number: i64,
    /// Whose counts these are. A new one when they start anew within an hour, so that what was folded before still counts.
    process: Uuid,
    acts: HashMap<Tag, TagCount>,
    /// Tags that were counted since the last fold.
    dirty: Vec<Tag>,
}

/// A network's or a domain's name within one petition and day.
type Tag = [u8; TAG_BYTES];

#[derive(Clone, Copy, Debug, Default)]
struct TagCount {
    local: u64,
    remote: u64,
    /// Fewer than this are not worth telling the others.
    report_threshold: u64,
    dirty: bool,
}

/// What one process tells the others and asks them.
#[derive(Debug)]
pub(super) struct BurstSync {
    /// The hour's number since 1970.
    pub hour: i64,
    /// Whose counts these are.
    pub process: Uuid,
    /// Tags and how many acts they brought in this process so far.
    pub reported: Vec<(Tag, i64)>,
    /// Tags of which the others' acts are asked for.
    pub requested: Vec<Tag>,
}

impl BurstCounter {
    /// Counts of a process that has just begun.
    pub fn new(env: Env) -> Self {
        let hour = Mutex::new(HourCounts::new(0, &env));
        Self { env, hour, synced_at: AtomicI64::new(0) }
    }

    /// Counts an act under each tag, with how many are worth telling the other processes.
    fn count<const N: usize>(&self, hour: i64, tags: [(Tag, u64); N]) {
        let mut now = self.lock();
        if now.number != hour || now.acts.len() >= MAX_TRACKED_TAGS {
            *now = HourCounts::new(hour, &self.env);
        }
        for (tag, report_threshold) in tags {
            let acts = now.acts.entry(tag).or_default();
            acts.local += 1;
            acts.report_threshold = report_threshold;
            if !std::mem::replace(&mut acts.dirty, true) {
                now.dirty.push(tag);
            }
        }
    }

    /// How many acts each tag brought in all processes, as far as is known here.
    fn seen<const N: usize>(&self, tags: [Tag; N]) -> [u64; N] {
        let now = self.lock();
        tags.map(|tag| now.acts.get(&tag).map_or(0, |acts| acts.local + acts.remote))
    }

    /// Is it time to fold? Yes once in [`SYNC_INTERVAL_SECONDS`], to one caller.
    fn is_sync_due(&self) -> bool {
        let (now, before) = (self.env.now().timestamp(), self.synced_at.load(Ordering::Relaxed));
        now - before >= SYNC_INTERVAL_SECONDS
            && self.synced_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What is to be folded, if anything was counted since the last time; the largest counts first.
    fn begin_sync(&self) -> Option<BurstSync> {
        let mut now = self.lock();
        let mut dirty: Vec<(Tag, TagCount)> =
            std::mem::take(&mut now.dirty).into_iter().filter_map(|tag| Some((tag, *now.acts.get(&tag)?))).collect();
        dirty.sort_unstable_by_key(|(_, acts)| std::cmp::Reverse(acts.local));
        let later = dirty.split_off(dirty.len().min(MAX_TAGS_PER_SYNC));
        now.dirty = later.into_iter().map(|(tag, _)| tag).collect();
        for (tag, _) in &dirty {
            if let Some(acts) = now.acts.get_mut(tag) {
                acts.dirty = false;
            }
        }
        let to_report = dirty.iter().filter(|(_, acts)| acts.local >= acts.report_threshold);
        let reported = to_report.map(|(tag, acts)| (*tag, i64::try_from(acts.local).unwrap_or(i64::MAX))).collect();
        let requested: Vec<Tag> = dirty.into_iter().map(|(tag, _)| tag).collect();
        (!requested.is_empty()).then_some(BurstSync { hour: now.number, process: now.process, reported, requested })
    }

    /// Takes over what the others have; without their answer the tags are folded again next time.
    fn end_sync(&self, sync: &BurstSync, remote: Option<&HashMap<Tag, u64>>) {
        let mut now = self.lock();
        if now.process != sync.process {
            return; // the hour has changed meanwhile
        }
        let mut again = Vec::new();
        for tag in &sync.requested {
            let Some(acts) = now.acts.get_mut(tag) else { continue };
            match remote {
                Some(remote) => acts.remote = remote.get(tag).copied().unwrap_or(0),
                None if !std::mem::replace(&mut acts.dirty, true) => again.push(*tag),
                None => {}
            }
        }
        now.dirty.append(&mut again);
    }

    fn lock(&self) -> MutexGuard<'_, HourCounts> {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HourCounts {
    fn new(number: i64, env: &Env) -> Self {
        Self { number, process: env.id(), acts: HashMap::new(), dirty: Vec::new() }
    }
}

/// Is this many of one kind a burst? Beyond the limit, beyond the petition's usual hour, and a large share of this hour.
fn is_burst(acts: u64, limit: u32, usual: u64, all: u64, share: u64) -> bool {
    acts > u64::from(limit) && acts > usual && acts * 100 > all * share
}

impl Petitions {
    /// An organization's limits and allowances, from memory if they are there.
    ///
    /// # Errors
    /// A database error.
    pub async fn abuse(&self, organization: Uuid) -> Result<Arc<AbuseSettings>> {
        let load =
            async || store::abuse::load(&mut *self.kernel.public.acquire().await?, organization).await.map(Arc::new);
        self.abuse.get(&organization, load).await
    }

    /// Refuses a signature where none are taken: the petition is not open, or signing is switched off.
    ///
    /// # Errors
    /// `not_found`, or `action_closed` (409) with the reason.
    pub async fn ensure_open(&self, petition: &Petition) -> Result<()> {
        petition.action.require_open(self.kernel.env.now())?;
        if self.abuse(petition.action.organization_id).await?.limits.signing_paused {
            return Err(Error::problem(Code::ActionClosed, "paused: no signatures are taken for the moment."));
        }
        Ok(())
    }

    /// Looks at a public act: its tags, and whether it is to be held.
    ///
    /// # Errors
    /// A database error.
    pub async fn assess(
        &self,
        petition: &Petition,
        email: &EmailAddress,
        signals: RequestSignals,
    ) -> Result<AbuseAssessment> {
        let action = &petition.action;
        if action.protected {
            return Ok(AbuseAssessment::default());
        }
        let known = self.abuse(action.organization_id).await?;
        let limits = &known.limits;
        let now = self.kernel.env.now();
        let secret = self.day_secret(now.date_naive()).await?;
        let tag = |what: &[u8], value: &[u8]| -> Tag {
            let mac = secret.mac(&[what, action.id.as_bytes(), value]);
            std::array::from_fn(|i| mac[i])
        };
        let network = signals.source.and_then(Source::network);
        let network_tag = tag(b"network", &network.map(|n| n.bytes()).unwrap_or_default());
        let domain_tag = tag(b"domain", email.domain().as_bytes());
        let all_tag = tag(b"all", b"");
        let report_threshold = |limit: u32| u64::from(limit) / MAX_PROCESSES;
        self.burst_counter.count(
            hour_of(now),
            [
                (all_tag, 0),
                (network_tag, report_threshold(limits.per_network_hour)),
                (domain_tag, report_threshold(limits.per_domain_hour)),
            ],
        );
        if self.burst_counter.is_sync_due() {
            self.sync_bursts().await;
        }
        let [all, of_network, of_domain] = self.burst_counter.seen([all_tag, network_tag, domain_tag]);
        let usual = petition.average_per_hour;
        let is_too_fast = signals.form_seconds.is_some_and(|s| s < limits.least_form_seconds);
        let quarantine_reason = if signals.honeypot_filled || is_too_fast {
            Some("form")
        } else if network.is_some()
            && is_burst(of_network, limits.per_network_hour, usual, all, NETWORK_SHARE_PERCENT)
            && !signals.source.is_some_and(|source| source.is_in(&known.networks))
        {
            Some("network")
        } else if is_burst(of_domain, limits.per_domain_hour, usual, all, DOMAIN_SHARE_PERCENT)
            && !email.is_at_public_provider()
            && !known.domains.iter().any(|domain| domain == email.domain())
        {
            Some("domain")
        } else {
            None
        };
        if let Some(reason) = quarantine_reason {
            metrics::counter!("muster_signatures_quarantined", "reason" => reason).increment(1);
        }
        Ok(AbuseAssessment {
            quarantine_reason,
            network_tag: network.map(|_| network_tag.to_vec()),
            domain_tag: Some(domain_tag.to_vec()),
        })
    }

    /// Tells the other processes how many signatures this one has taken, and learns theirs. While the database is away
    /// each process goes by its own numbers.
    pub async fn sync_bursts(&self) {
        let Some(sync) = self.burst_counter.begin_sync() else { return };
        let syncing = store::abuse::sync_bursts(&self.kernel.db, &sync);
        if let Ok(Ok(remote)) = tokio::time::timeout(SYNC_TIMEOUT, syncing).await {
            self.burst_counter.end_sync(&sync, Some(&remote));
        } else {
            metrics::counter!("muster_burst_sync_failures").increment(1);
            self.burst_counter.end_sync(&sync, None);
        }
    }

    /// The secret of a day, from memory if it is there.
    async fn day_secret(&self, day: NaiveDate) -> Result<Arc<Key>> {
        let load = async || {
            day_secret::for_day(&mut *self.kernel.public.acquire().await?, &self.kernel.env, day).await.map(Arc::new)
        };
        self.day_secrets.get(&day, load).await
    }
}

/// The number of a moment's hour since 1970.
pub(super) fn hour_of(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_above_its_limit_the_usual_hour_and_its_share() {
        assert!(is_burst(61, 60, 0, 61, NETWORK_SHARE_PERCENT));
        assert!(!is_burst(60, 60, 0, 60, NETWORK_SHARE_PERCENT));
        assert!(!is_burst(61, 60, 500, 61, NETWORK_SHARE_PERCENT), "the petition usually gets more than that");
        assert!(!is_burst(500, 60, 10, 10_000, NETWORK_SHARE_PERCENT), "one of many networks on a great day");
        assert!(is_burst(1_001, 60, 10, 10_000, NETWORK_SHARE_PERCENT));
    }

    fn count(burst_counter: &BurstCounter, hour: i64, tags: [Tag; 2]) -> [u64; 2] {
        burst_counter.count(hour, tags.map(|tag| (tag, 2)));
        burst_counter.seen(tags)
    }

    #[test]
    fn counts_reset_each_hour() {
        let burst_counter = BurstCounter::new(Env::system());
        let (a, b) = ([1; TAG_BYTES], [2; TAG_BYTES]);
        assert_eq!(count(&burst_counter, 1, [a, b]), [1, 1]);
        assert_eq!(count(&burst_counter, 1, [a, a]), [3, 3]);
        assert_eq!(count(&burst_counter, 2, [a, b]), [1, 1]);
    }

    #[test]
    fn sync_reports_counts_above_threshold_and_retries_failures() {
        let burst_counter = BurstCounter::new(Env::system());
        let (a, b) = ([1; TAG_BYTES], [2; TAG_BYTES]);
        assert!(burst_counter.begin_sync().is_none(), "nothing was counted");
        count(&burst_counter, 1, [a, b]);
        count(&burst_counter, 1, [a, a]);
        let lost = burst_counter.begin_sync().unwrap();
        assert_eq!(
            (&lost.reported, &lost.requested),
            (&vec![(a, 3)], &vec![a, b]),
            "the one act of the other stays here"
        );
        assert!(burst_counter.begin_sync().is_none(), "nothing new");
        burst_counter.end_sync(&lost, None);
        let sync = burst_counter.begin_sync().unwrap();
        assert_eq!(sync.reported, lost.reported, "a total, so that telling it twice does no harm");
        burst_counter.end_sync(&sync, Some(&HashMap::from([(a, 40)])));
        assert_eq!(burst_counter.seen([a, b]), [43, 1]);
        count(&burst_counter, 2, [b, b]);
        burst_counter.end_sync(&sync, Some(&HashMap::from([(b, 40)])));
        assert_eq!(burst_counter.seen([b]), [2], "what was asked in another hour is no answer");
    }

    #[test]
    fn only_one_caller_syncs_at_a_time() {
        let env = Env::system();
        let burst_counter = BurstCounter::new(env.clone());
        assert!(burst_counter.is_sync_due() && !burst_counter.is_sync_due());
        env.advance(chrono::TimeDelta::seconds(SYNC_INTERVAL_SECONDS));
        assert!(burst_counter.is_sync_due());
    }
}
