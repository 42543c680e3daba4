//! Holding floods back without turning a crowd away: an act that looks like one of a flood is taken like any other and
//! waits for an organizer before it counts.
//!
//! Who is looked at: one network, or one mail domain, that within an hour brings more than its limit, more than the
//! petition usually gets in an hour, and a large share of what the petition gets in this one; a form sent faster than
//! anybody types; a box filled in that nobody sees. Networks and domains are known by tags only, under the secret of the
//! day and for one petition, for at most 72 hours; a protected petition keeps none and judges nobody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    signing::Petitions,
    store::{self, Petition},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{crypto::Key, day_secret, guard::Source, network::Network, text::EmailAddress},
};

/// The part of an hour's signatures, in percent, that one network may bring whatever the limits say.
const NETWORK_SHARE: u64 = 10;
/// Likewise for one mail domain.
const DOMAIN_SHARE: u64 = 25;
/// Tags counted at once in one process; beyond it the hour starts anew.
const MANY: usize = 500_000;
/// Bytes of a tag.
const TAG: usize = 16;

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

/// How many acts each tag brought within the present hour, in this process.
#[derive(Debug, Default)]
pub struct Bursts(Mutex<Hour>);

#[derive(Debug, Default)]
struct Hour {
    number: i64,
    acts: HashMap<[u8; TAG], u64>,
}

impl Bursts {
    /// Counts an act under each tag; returns how many each has now, this one included.
    fn count<const N: usize>(&self, hour: i64, tags: [[u8; TAG]; N]) -> [u64; N] {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.number != hour || now.acts.len() >= MANY {
            *now = Hour { number: hour, acts: HashMap::new() };
        }
        tags.map(|tag| {
            let acts = now.acts.entry(tag).or_default();
            *acts += 1;
            *acts
        })
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
        petition.action.require_open(self.kernel.cx.now())?;
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
        let now = self.kernel.cx.now();
        let secret = self.day_secret(now.date_naive()).await?;
        let tag = |what: &[u8], value: &[u8]| -> [u8; TAG] {
            let mac = secret.mac(&[what, action.id.as_bytes(), value]);
            std::array::from_fn(|i| mac[i])
        };
        let network = trace.source.and_then(Source::network);
        let network_tag = tag(b"network", &network.map(|n| n.bytes()).unwrap_or_default());
        let domain_tag = tag(b"domain", email.domain().as_bytes());
        let [all, of_network, of_domain] =
            self.bursts.count(now.timestamp() / 3600, [tag(b"all", b""), network_tag, domain_tag]);
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

    /// The secret of a day, from memory if it is there.
    async fn day_secret(&self, day: NaiveDate) -> Result<Arc<Key>> {
        let load = async || day_secret::of(&self.kernel.db, &self.kernel.cx, day).await.map(Arc::new);
        self.day_secrets.get(&day, load).await
    }
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

    #[test]
    fn an_hour_starts_anew() {
        let bursts = Bursts::default();
        let (a, b) = ([1; TAG], [2; TAG]);
        assert_eq!(bursts.count(1, [a, b]), [1, 1]);
        assert_eq!(bursts.count(1, [a, a]), [2, 3]);
        assert_eq!(bursts.count(2, [a, b]), [1, 1]);
    }
}
