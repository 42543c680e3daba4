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
    signing::Petitions,
    store::{self, Petition},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{crypto::Key, env::Env, day_secret, network::Network, rate_limit::Source, text::EmailAddress},
};

/// The part of an hour's signatures, in percent, that one network may bring whatever the limits say.
const NETWORK_SHARE: u64 = 10;
/// Likewise for one mail domain.
const DOMAIN_SHARE: u64 = 25;
/// Tags counted at once in one process; beyond it the hour starts anew.
const MANY: usize = 500_000;
/// Bytes of a tag.
const TAG: usize = 16;
/// Seconds between two folds of one process.
const FOLD_SECONDS: i64 = 2;
/// Tags that one fold tells and asks about.
const FOLDED_AT_ONCE: usize = 4_000;
/// Processes up to which a network that each of them keeps to itself, because it brings too little to be told, cannot
/// exceed its limit in all.
const PROCESSES: u64 = 16;
/// Time that an act waits for a fold; the numbers of this process alone have to do then.
const FOLD_PATIENCE: Duration = Duration::from_secs(1);

/// Limits and switches of an organization, as they stand in `organizations.integrity`. They take effect at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
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

impl Default for Limits {
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
pub struct Integrity {
    /// Limits and switches.
    pub limits: Limits,
    /// Networks of shelters, union halls, campuses.
    pub networks: Vec<Network>,
    /// Mail domains, likewise.
    pub domains: Vec<String>,
}

/// What a public act shows of how it was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trace {
    /// Where it came from; nobody asks for acts that an organizer vouches for.
    pub source: Option<Source>,
    /// Seconds from opening the form to sending it, as the page's script says.
    pub form_seconds: Option<u32>,
    /// The box that no person sees was filled in.
    pub trapped: bool,
}

/// What was found about an act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it is to be held, if it is: `network`, `domain` or `form`.
    pub suspicion: Option<&'static str>,
    /// The sender's network, on this petition and day.
    pub network_tag: Option<Vec<u8>>,
    /// The address's domain, likewise.
    pub domain_tag: Option<Vec<u8>>,
}

/// How many acts each tag brought within the present hour: those of this process, and, folded through the database every
/// few seconds, those of the others.
#[derive(Debug)]
pub struct Bursts {
    env: Env,
    hour: Mutex<Hour>,
    /// When this process last folded, in Unix seconds.
    folded_at: AtomicI64,
}

#[derive(Debug)]
struct Hour {
    number: i64,
    /// Whose counts these are. A new one when they start anew within an hour, so that what was folded before still counts.
    process: Uuid,
    acts: HashMap<Tag, Acts>,
    /// Tags that were counted since the last fold.
    touched: Vec<Tag>,
}

/// A network's or a domain's name within one petition and day.
type Tag = [u8; TAG];

#[derive(Clone, Copy, Debug, Default)]
struct Acts {
    here: u64,
    elsewhere: u64,
    /// Fewer than this are not worth telling the others.
    worth: u64,
    touched: bool,
}

/// What one process tells the others and asks them.
#[derive(Debug)]
pub(super) struct Fold {
    /// The hour's number since 1970.
    pub hour: i64,
    /// Whose counts these are.
    pub process: Uuid,
    /// Tags and how many acts they brought in this process so far.
    pub told: Vec<(Tag, i64)>,
    /// Tags of which the others' acts are asked for.
    pub asked: Vec<Tag>,
}

impl Bursts {
    /// Counts of a process that has just begun.
    pub fn new(env: Env) -> Self {
        let hour = Mutex::new(Hour::new(0, &env));
        Self { env, hour, folded_at: AtomicI64::new(0) }
    }

    /// Counts an act under each tag, with how many are worth telling the other processes.
    fn count<const N: usize>(&self, hour: i64, tags: [(Tag, u64); N]) {
        let mut now = self.lock();
        if now.number != hour || now.acts.len() >= MANY {
            *now = Hour::new(hour, &self.env);
        }
        for (tag, worth) in tags {
            let acts = now.acts.entry(tag).or_default();
            acts.here += 1;
            acts.worth = worth;
            if !std::mem::replace(&mut acts.touched, true) {
                now.touched.push(tag);
            }
        }
    }

    /// How many acts each tag brought in all processes, as far as is known here.
    fn seen<const N: usize>(&self, tags: [Tag; N]) -> [u64; N] {
        let now = self.lock();
        tags.map(|tag| now.acts.get(&tag).map_or(0, |acts| acts.here + acts.elsewhere))
    }

    /// Is it time to fold? Yes once in [`FOLD_SECONDS`], to one caller.
    fn is_fold_due(&self) -> bool {
        let (now, before) = (self.env.now().timestamp(), self.folded_at.load(Ordering::Relaxed));
        now - before >= FOLD_SECONDS
            && self.folded_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What is to be folded, if anything was counted since the last time; the largest counts first.
    fn begin_fold(&self) -> Option<Fold> {
        let mut now = self.lock();
        let mut touched: Vec<(Tag, Acts)> =
            std::mem::take(&mut now.touched).into_iter().filter_map(|tag| Some((tag, *now.acts.get(&tag)?))).collect();
        touched.sort_unstable_by_key(|(_, acts)| std::cmp::Reverse(acts.here));
        let later = touched.split_off(touched.len().min(FOLDED_AT_ONCE));
        now.touched = later.into_iter().map(|(tag, _)| tag).collect();
        for (tag, _) in &touched {
            if let Some(acts) = now.acts.get_mut(tag) {
                acts.touched = false;
            }
        }
        let worth_telling = touched.iter().filter(|(_, acts)| acts.here >= acts.worth);
        let told = worth_telling.map(|(tag, acts)| (*tag, i64::try_from(acts.here).unwrap_or(i64::MAX))).collect();
        let asked: Vec<Tag> = touched.into_iter().map(|(tag, _)| tag).collect();
        (!asked.is_empty()).then_some(Fold { hour: now.number, process: now.process, told, asked })
    }

    /// Takes over what the others have; without their answer the tags are folded again next time.
    fn end_fold(&self, fold: &Fold, elsewhere: Option<&HashMap<Tag, u64>>) {
        let mut now = self.lock();
        if now.process != fold.process {
            return; // the hour has changed meanwhile
        }
        let mut again = Vec::new();
        for tag in &fold.asked {
            let Some(acts) = now.acts.get_mut(tag) else { continue };
            match elsewhere {
                Some(elsewhere) => acts.elsewhere = elsewhere.get(tag).copied().unwrap_or(0),
                None if !std::mem::replace(&mut acts.touched, true) => again.push(*tag),
                None => {}
            }
        }
        now.touched.append(&mut again);
    }

    fn lock(&self) -> MutexGuard<'_, Hour> {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hour {
    fn new(number: i64, env: &Env) -> Self {
        Self { number, process: env.id(), acts: HashMap::new(), touched: Vec::new() }
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
    pub async fn integrity(&self, organization: Uuid) -> Result<Arc<Integrity>> {
        let load =
            async || store::integrity::load(&mut *self.kernel.db.acquire().await?, organization).await.map(Arc::new);
        self.integrity.get(&organization, load).await
    }

    /// Refuses a signature where none are taken: the petition is not open, or signing is switched off.
    ///
    /// # Errors
    /// `not_found`, or `action_closed` (409) with the reason.
    pub async fn require_open(&self, petition: &Petition) -> Result<()> {
        petition.action.require_open(self.kernel.env.now())?;
        if self.integrity(petition.action.organization_id).await?.limits.signing_paused {
            return Err(Error::problem(Code::ActionClosed, "paused: no signatures are taken for the moment."));
        }
        Ok(())
    }

    /// Looks at a public act: its tags, and whether it is to be held.
    ///
    /// # Errors
    /// A database error.
    pub async fn judge(&self, petition: &Petition, email: &EmailAddress, trace: Trace) -> Result<Judgement> {
        let action = &petition.action;
        if action.protected {
            return Ok(Judgement::default());
        }
        let known = self.integrity(action.organization_id).await?;
        let limits = &known.limits;
        let now = self.kernel.env.now();
        let secret = self.day_secret(now.date_naive()).await?;
        let tag = |what: &[u8], value: &[u8]| -> Tag {
            let mac = secret.mac(&[what, action.id.as_bytes(), value]);
            std::array::from_fn(|i| mac[i])
        };
        let network = trace.source.and_then(Source::network);
        let network_tag = tag(b"network", &network.map(|n| n.bytes()).unwrap_or_default());
        let domain_tag = tag(b"domain", email.domain().as_bytes());
        let all_tag = tag(b"all", b"");
        let worth = |limit: u32| u64::from(limit) / PROCESSES;
        self.bursts.count(
            hour_of(now),
            [(all_tag, 0), (network_tag, worth(limits.per_network_hour)), (domain_tag, worth(limits.per_domain_hour))],
        );
        if self.bursts.is_fold_due() {
            self.fold_bursts().await;
        }
        let [all, of_network, of_domain] = self.bursts.seen([all_tag, network_tag, domain_tag]);
        let usual = petition.usual_hour;
        let hasty = trace.form_seconds.is_some_and(|s| s < limits.least_form_seconds);
        let suspicion = if trace.trapped || hasty {
            Some("form")
        } else if network.is_some()
            && is_burst(of_network, limits.per_network_hour, usual, all, NETWORK_SHARE)
            && !trace.source.is_some_and(|source| source.is_in(&known.networks))
        {
            Some("network")
        } else if is_burst(of_domain, limits.per_domain_hour, usual, all, DOMAIN_SHARE)
            && !email.is_at_public_provider()
            && !known.domains.iter().any(|domain| domain == email.domain())
        {
            Some("domain")
        } else {
            None
        };
        if let Some(reason) = suspicion {
            metrics::counter!("muster_signatures_held", "reason" => reason).increment(1);
        }
        Ok(Judgement {
            suspicion,
            network_tag: network.map(|_| network_tag.to_vec()),
            domain_tag: Some(domain_tag.to_vec()),
        })
    }

    /// Tells the other processes how many signatures this one has taken, and learns theirs. While the database is away
    /// each process goes by its own numbers.
    pub async fn fold_bursts(&self) {
        let Some(fold) = self.bursts.begin_fold() else { return };
        let folding = store::integrity::fold_bursts(&self.kernel.db, &fold);
        if let Ok(Ok(elsewhere)) = tokio::time::timeout(FOLD_PATIENCE, folding).await {
            self.bursts.end_fold(&fold, Some(&elsewhere));
        } else {
            metrics::counter!("muster_burst_folds_failed").increment(1);
            self.bursts.end_fold(&fold, None);
        }
    }

    /// The secret of a day, from memory if it is there.
    async fn day_secret(&self, day: NaiveDate) -> Result<Arc<Key>> {
        let load = async || day_secret::for_day(&self.kernel.db, &self.kernel.env, day).await.map(Arc::new);
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
        assert!(is_burst(61, 60, 0, 61, NETWORK_SHARE));
        assert!(!is_burst(60, 60, 0, 60, NETWORK_SHARE));
        assert!(!is_burst(61, 60, 500, 61, NETWORK_SHARE), "the petition usually gets more than that");
        assert!(!is_burst(500, 60, 10, 10_000, NETWORK_SHARE), "one of many networks on a great day");
        assert!(is_burst(1_001, 60, 10, 10_000, NETWORK_SHARE));
    }

    fn count(bursts: &Bursts, hour: i64, tags: [Tag; 2]) -> [u64; 2] {
        bursts.count(hour, tags.map(|tag| (tag, 2)));
        bursts.seen(tags)
    }

    #[test]
    fn an_hour_starts_anew() {
        let bursts = Bursts::new(Env::system());
        let (a, b) = ([1; TAG], [2; TAG]);
        assert_eq!(count(&bursts, 1, [a, b]), [1, 1]);
        assert_eq!(count(&bursts, 1, [a, a]), [3, 3]);
        assert_eq!(count(&bursts, 2, [a, b]), [1, 1]);
    }

    #[test]
    fn a_fold_tells_what_is_worth_it_and_what_failed_is_told_again() {
        let bursts = Bursts::new(Env::system());
        let (a, b) = ([1; TAG], [2; TAG]);
        assert!(bursts.begin_fold().is_none(), "nothing was counted");
        count(&bursts, 1, [a, b]);
        count(&bursts, 1, [a, a]);
        let lost = bursts.begin_fold().unwrap();
        assert_eq!((&lost.told, &lost.asked), (&vec![(a, 3)], &vec![a, b]), "the one act of the other stays here");
        assert!(bursts.begin_fold().is_none(), "nothing new");
        bursts.end_fold(&lost, None);
        let fold = bursts.begin_fold().unwrap();
        assert_eq!(fold.told, lost.told, "a total, so that telling it twice does no harm");
        bursts.end_fold(&fold, Some(&HashMap::from([(a, 40)])));
        assert_eq!(bursts.seen([a, b]), [43, 1]);
        count(&bursts, 2, [b, b]);
        bursts.end_fold(&fold, Some(&HashMap::from([(b, 40)])));
        assert_eq!(bursts.seen([b]), [2], "what was asked in another hour is no answer");
    }

    #[test]
    fn one_caller_folds_at_a_time() {
        let env = Env::system();
        let bursts = Bursts::new(env.clone());
        assert!(bursts.is_fold_due() && !bursts.is_fold_due());
        env.advance(chrono::TimeDelta::seconds(FOLD_SECONDS));
        assert!(bursts.is_fold_due());
    }
}
