//! Abuse detection without refusing real people: a suspicious signature is accepted like any other, quarantined, and
//! counts only when an organizer releases it.
//!
//! Suspicious are: signatures of one network or one mail domain that within an hour exceed its limit, the petition's
//! usual rate per hour, and a share of the petition's signatures in this hour; a form submitted faster than anybody
//! types; a filled-in honeypot field. Networks and domains are stored only as tags, keyed with the secret of the day
//! and bound to one petition, for at most 72 hours. A protected petition stores none and quarantines nothing.

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
    state::QuarantineReason,
    store::{self, Petition},
    submission::Petitions,
};
use crate::{
    error::{Code, Error, Result},
    kernel::{crypto::Key, day_secret, env::Env, network::Network, rate_limit::Source, text::EmailAddress},
};

/// Share of an hour's signatures, in percent, up to which one network is never a burst.
const NETWORK_SHARE_PERCENT: u64 = 10;
/// Share of an hour's signatures, in percent, up to which one mail domain is never a burst.
const DOMAIN_SHARE_PERCENT: u64 = 25;
/// Maximum number of tags that a process counts; beyond it the counters of the hour are reset.
const MAX_TRACKED_TAGS: usize = 500_000;
/// Length of a tag in bytes.
const TAG_BYTES: usize = 16;
/// Seconds between two syncs of a process with the database.
const SYNC_INTERVAL_SECONDS: i64 = 2;
/// Maximum number of tags in one sync.
const MAX_TAGS_PER_SYNC: usize = 4_000;
/// Number of processes up to which counts that are too small to be synced cannot exceed the limit in total.
const MAX_PROCESSES: u64 = 16;
/// Timeout of a sync that a request waits for; afterwards only the counts of this process are used.
const SYNC_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits and switches of an organization: `organizations.abuse_settings`. They take effect at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AbuseLimits {
    /// Signatures of one network in an hour before further ones are quarantined.
    pub per_network_hour: u32,
    /// Signatures of one mail domain in an hour before further ones are quarantined. Public mail providers have no
    /// limit.
    pub per_domain_hour: u32,
    /// Minimum seconds in which a person fills in the form; 0 disables the check.
    pub least_form_seconds: u32,
    /// No petition accepts signatures.
    pub signing_paused: bool,
    /// No breakdowns are public.
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

/// An organization's limits and allowances.
#[derive(Debug, Default)]
pub struct AbuseSettings {
    /// Limits and switches.
    pub limits: AbuseLimits,
    /// Allowed networks, such as those of shelters, union halls, campuses.
    pub networks: Vec<Network>,
    /// Allowed mail domains.
    pub domains: Vec<String>,
}

/// How a signature was submitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestSignals {
    /// Client address; `None` for signatures that an organizer vouches for.
    pub source: Option<Source>,
    /// Seconds from opening the form to submitting it, as measured by the page's script.
    pub form_seconds: Option<u32>,
    /// The honeypot field was filled in.
    pub honeypot_filled: bool,
}

/// Result of the abuse checks of a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AbuseAssessment {
    /// Why it is to be quarantined, if it is.
    pub quarantine_reason: Option<QuarantineReason>,
    /// Tag of the client's network.
    pub network_tag: Option<Vec<u8>>,
    /// Tag of the e-mail address's domain.
    pub domain_tag: Option<Vec<u8>>,
}

/// Signatures by tag within the current hour: those of this process, and those of the others as of the last sync
/// through the database.
#[derive(Debug)]
pub(super) struct BurstCounter {
    env: Env,
    hour: Mutex<HourCounts>,
    /// Unix time of the last sync, in seconds.
    synced_at: AtomicI64,
}

#[derive(Debug)]
struct HourCounts {
    number: i64,
    /// Id of this process's counters. A new one after a reset within an hour, so that what was synced before still
    /// counts.
    process: Uuid,
    acts: HashMap<Tag, TagCount>,
    /// Tags that were counted since the last sync.
    dirty: Vec<Tag>,
}

/// Keyed hash of a network or domain, for one petition and day.
type Tag = [u8; TAG_BYTES];

#[derive(Clone, Copy, Debug, Default)]
struct TagCount {
    local: u64,
    remote: u64,
    /// Counts below this are not synced.
    report_threshold: u64,
    dirty: bool,
}

/// One sync: what a process writes and what it reads.
#[derive(Debug)]
pub(super) struct BurstSync {
    /// Hours since 1970.
    pub hour: i64,
    /// Id of the process's counters.
    pub process: Uuid,
    /// Tags and their counts in this process.
    pub reported: Vec<(Tag, i64)>,
    /// Tags whose counts in other processes are read.
    pub requested: Vec<Tag>,
}

impl BurstCounter {
    /// Empty counters.
    pub(super) fn new(env: Env) -> Self {
        let hour = Mutex::new(HourCounts::new(0, &env));
        Self { env, hour, synced_at: AtomicI64::new(0) }
    }

    /// Counts a signature under each tag; the number beside it is the count from which the tag is synced.
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

    /// Counts of the tags in all processes, as of the last sync.
    fn seen<const N: usize>(&self, tags: [Tag; N]) -> [u64; N] {
        let now = self.lock();
        tags.map(|tag| now.acts.get(&tag).map_or(0, |acts| acts.local + acts.remote))
    }

    /// Is a sync due? True once in [`SYNC_INTERVAL_SECONDS`], for one caller.
    fn is_sync_due(&self) -> bool {
        let (now, before) = (self.env.now().timestamp(), self.synced_at.load(Ordering::Relaxed));
        now - before >= SYNC_INTERVAL_SECONDS
            && self.synced_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The next sync, largest counts first; `None` if nothing was counted since the last one.
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

    /// Stores the counts of the other processes; after a failed sync (`None`) the tags are synced again next time.
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

/// Is a count a burst: above the limit, above the petition's usual rate, and above a share of this hour's signatures?
fn is_burst(acts: u64, limit: u32, usual: u64, all: u64, share: u64) -> bool {
    acts > u64::from(limit) && acts > usual && acts * 100 > all * share
}

impl Petitions {
    /// An organization's limits and allowances, cached.
    pub async fn abuse(&self, organization: Uuid) -> Result<Arc<AbuseSettings>> {
        let load =
            async || store::abuse::load(&mut *self.kernel.public.acquire().await?, organization).await.map(Arc::new);
        self.abuse.get(&organization, load).await
    }

    /// Refuses a signature if the petition is not open or signing is paused.
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

    /// Checks a public signature: its tags, and whether it is to be quarantined.
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
            Some(QuarantineReason::Form)
        } else if network.is_some()
            && is_burst(of_network, limits.per_network_hour, usual, all, NETWORK_SHARE_PERCENT)
            && !signals.source.is_some_and(|source| source.is_in(&known.networks))
        {
            Some(QuarantineReason::Network)
        } else if is_burst(of_domain, limits.per_domain_hour, usual, all, DOMAIN_SHARE_PERCENT)
            && !email.is_at_public_provider()
            && !known.domains.iter().any(|domain| domain == email.domain())
        {
            Some(QuarantineReason::Domain)
        } else {
            None
        };
        if let Some(reason) = quarantine_reason {
            metrics::counter!("muster_signatures_quarantined", "reason" => reason.as_str()).increment(1);
        }
        Ok(AbuseAssessment {
            quarantine_reason,
            network_tag: network.map(|_| network_tag.to_vec()),
            domain_tag: Some(domain_tag.to_vec()),
        })
    }

    /// Syncs the counts with the other processes through the database. While it is unavailable each process uses its
    /// own counts.
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

    /// The secret of a day, cached.
    async fn day_secret(&self, day: NaiveDate) -> Result<Arc<Key>> {
        let load = async || {
            day_secret::for_day(&mut *self.kernel.public.acquire().await?, &self.kernel.env, day).await.map(Arc::new)
        };
        self.day_secrets.get(&day, load).await
    }
}

/// Hours since 1970.
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
