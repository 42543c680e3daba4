//! Jobs that make many signatures invalid by a rule, or let held ones count: a batch at a time, with progress, to be
//! cancelled and taken back.
//!
//! First the signatures are counted that it looks at, also in steps. Each batch is one transaction with its counts and its
//! place, so a job goes on where it was after any interruption, and any process may go on with it. What a signature said is kept for [`KEPT_DAYS`] after it was made invalid; a letter that
//! was stopped with it stays stopped.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sqlx::{Acquire, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    ops,
    signing::{Petitions, SIGNATURES, Typed},
    store::{
        self, Petition, comments,
        invalidations::{self, Bounds, Candidate, Changed, Job},
    },
};
use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::{
        jobs::{self, JobKind, NextStep},
        text::EmailAddress,
        vault::Vault,
    },
};

/// Name of the table, part of what a sealed rule is bound to.
const TABLE: &str = "invalidations";
/// Name of the job.
pub const JOB: &str = "invalidation";
/// Signatures that are changed in one transaction, at most.
const BATCH: i64 = 500;
/// Signatures that one statement looks at, at most.
const SCANNED: i64 = 10_000;
/// Signatures that are looked at while somebody waits for a number, where the row tells, and where what was typed is read.
const MOST_LOOKED_AT: i64 = 1_000_000;
const MOST_READ: i64 = 100_000;
/// Days for which an invalid signature keeps what it said.
pub const KEPT_DAYS: i64 = 30;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvalidationEffect)]
pub enum Effect {
    /// Signatures that count, are held or wait to be confirmed become invalid.
    Invalidate,
    /// Signatures that are held count.
    Release,
}

impl Effect {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalidate => "invalidate",
            Self::Release => "release",
        }
    }

    fn parse(text: &str) -> Self {
        if text == "release" { Self::Release } else { Self::Invalidate }
    }

    fn from(self) -> &'static [&'static str] {
        match self {
            Self::Invalidate => &["pending", "counted", "quarantined"],
            Self::Release => &["quarantined"],
        }
    }

    fn to(self) -> &'static str {
        match self {
            Self::Invalidate => "invalid",
            Self::Release => "counted",
        }
    }
}

/// Which signatures: those to which every given criterion applies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = InvalidationRule)]
pub struct Rule {
    /// The address's domain.
    #[validate(length(max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Id of a signature: all that came from the same network on the same day. Networks are forgotten after 72 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_of: Option<Uuid>,
    /// Given and family name, whatever the case.
    #[validate(length(max = 201))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Given at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<DateTime<Utc>>,
    /// Given before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<DateTime<Utc>>,
    /// Country code.
    #[validate(length(equal = 2))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Registered word of origin, or "other".
    #[validate(length(max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The network's tag, found by `network_of`.
    #[serde(skip)]
    network_tag: Option<String>,
}

/// A rule as it is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    rule: Rule,
    network_tag: Option<String>,
}

impl Rule {
    /// Checks the rule against the petition and finds the tag of the network it names.
    ///
    /// # Errors
    /// 422 with a pointer for each refused criterion, or a database error.
    pub async fn parse(mut self, conn: &mut PgConnection, petition: &Petition, effect: Effect) -> Result<Self> {
        let empty = self.domain.is_none()
            && self.network_of.is_none()
            && self.name.is_none()
            && self.after.is_none()
            && self.before.is_none()
            && self.country.is_none()
            && self.source.is_none();
        if empty && effect == Effect::Invalidate {
            return Err(Error::field("/rule", "required", "Say which signatures: one criterion at least."));
        }
        if petition.action.protected {
            let personal = [
                ("/rule/domain", self.domain.is_some()),
                ("/rule/network_of", self.network_of.is_some()),
                ("/rule/name", self.name.is_some()),
                ("/rule/country", self.country.is_some()),
                ("/rule/source", self.source.is_some()),
            ];
            let refuse = |pointer| FieldError::new(pointer, "not_allowed", "A protected petition does not keep this.");
            let errors: Vec<FieldError> =
                personal.into_iter().filter(|(_, given)| *given).map(|(pointer, _)| refuse(pointer)).collect();
            if !errors.is_empty() {
                return Err(Error::Fields(errors));
            }
        }
        if let Some(domain) = &mut self.domain {
            let address = EmailAddress::parse(&format!("a@{}", domain.trim().trim_start_matches('@')))
                .map_err(|e| Error::field("/rule/domain", e.code, e.detail))?;
            address.domain().clone_into(domain);
        }
        self.country = self.country.map(|country| country.to_ascii_uppercase());
        if let Some(signature) = self.network_of {
            let tag = store::integrity::network_tag(conn, petition.action.id, signature).await?;
            let tag = tag.ok_or_else(|| {
                Error::field(
                    "/rule/network_of",
                    "unknown_value",
                    "Where this signature came from is not known any more.",
                )
            })?;
            self.network_tag = Some(hex::encode(tag));
        }
        Ok(self)
    }

    fn bounds(&self, petition: Uuid, effect: Effect) -> Bounds {
        Bounds {
            petition,
            states: effect.from().iter().map(|&s| s.to_owned()).collect(),
            after: self.after,
            before: self.before,
            country: self.country.clone(),
            source: self.source.clone(),
            network_tag: self.network_tag.as_ref().and_then(|tag| hex::decode(tag).ok()),
        }
    }

    /// Does the rule need to read what was typed?
    fn reads(&self) -> bool {
        self.domain.is_some() || self.name.is_some()
    }

    fn fits(&self, vault: &Vault, candidate: &Candidate) -> Result<bool> {
        if !self.reads() {
            return Ok(true);
        }
        let Some(sealed) = &candidate.sealed else { return Ok(false) };
        let typed: Typed = vault.open(SIGNATURES, candidate.id, sealed)?;
        let of_domain = |domain: &String| typed.details.address().is_some_and(|a| a.domain() == domain);
        let named = |name: &String| typed.details.full_name().to_lowercase() == name.trim().to_lowercase();
        Ok(self.domain.as_ref().is_none_or(of_domain) && self.name.as_ref().is_none_or(named))
    }
}

/// How many signatures a rule would change now, as far as that is found while somebody waits; and whether that is all.
///
/// # Errors
/// `internal` when the vault does not open, or a database error.
pub async fn dry_count(petitions: &Petitions, petition: &Petition, rule: &Rule, effect: Effect) -> Result<(i64, bool)> {
    let bounds = rule.bounds(petition.action.id, effect);
    let mut conn = petitions.kernel.db.acquire().await?;
    let vault = petitions.kernel.vaults.open(petition.action.vault_id).await?;
    let pages = if rule.reads() { MOST_READ } else { MOST_LOOKED_AT } / SCANNED;
    let (mut after, mut fit) = (Uuid::nil(), 0);
    for _ in 0..pages {
        let up_to = invalidations::range_end(&mut conn, bounds.petition, after, SCANNED).await?;
        if rule.reads() {
            for candidate in invalidations::candidates(&mut conn, &bounds, after, up_to, SCANNED).await? {
                fit += i64::from(rule.fits(&vault, &candidate)?);
            }
        } else {
            fit += invalidations::count_candidates(&mut conn, &bounds, after, up_to).await?;
        }
        match up_to {
            Some(up_to) => after = up_to,
            None => return Ok((fit, true)),
        }
    }
    Ok((fit, false))
}

/// Begins a job.
///
/// # Errors
/// `internal` when the vault does not open, or a database error.
pub async fn begin(
    petitions: &Petitions,
    conn: &mut PgConnection,
    petition: &Petition,
    organizer: Uuid,
    rule: Rule,
    effect: Effect,
    reason: String,
) -> Result<Job> {
    let kernel = &petitions.kernel;
    let id = kernel.env.id();
    let vault = kernel.vaults.open(petition.action.vault_id).await?;
    let sealed = Sealed { network_tag: rule.network_tag.clone(), rule };
    let job = Job {
        id,
        petition_id: petition.action.id,
        organizer_id: organizer,
        effect: effect.as_str().to_owned(),
        rule: vault.seal(&kernel.env, TABLE, id, &sealed),
        reason,
        state: "running".to_owned(),
        after_id: Uuid::nil(),
        total: 0,
        is_counted: false,
        seen: 0,
        changed: 0,
        created_at: kernel.env.now(),
        finished_at: None,
    };
    invalidations::insert(conn, &job).await?;
    jobs::enqueue(conn, JOB, petition.action.organization_id, id, kernel.env.now()).await?;
    Ok(job)
}

/// The rule of a job.
///
/// # Errors
/// `internal` when the vault does not open it.
pub fn rule_of(vault: &Vault, job: &Job) -> Result<Rule> {
    let sealed: Sealed = vault.open(TABLE, job.id, &job.rule)?;
    Ok(Rule { network_tag: sealed.network_tag, ..sealed.rule })
}

/// These jobs, a batch at a time.
pub struct Invalidations(pub Petitions);

impl JobKind for Invalidations {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a jobs::Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(step(&self.0, job.id))
    }

    fn on_failed<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        job: &'a jobs::Job,
        _: &'static str,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(mut job) = invalidations::lock_by_id(conn, job.id).await? else { return Ok(()) };
            if matches!(job.state.as_str(), "running" | "undoing") {
                "failed".clone_into(&mut job.state);
                job.finished_at = Some(self.0.kernel.env.now());
                invalidations::save(conn, &job).await?;
            }
            Ok(())
        })
    }
}

/// Makes one step of a job, in one transaction: counts some signatures first, later changes some.
async fn step(petitions: &Petitions, id: Uuid) -> Result<NextStep> {
    let kernel = &petitions.kernel;
    let mut tx = kernel.work.begin().await?;
    let Some(mut job) = invalidations::lock_by_id(&mut tx, id).await? else { return Ok(NextStep::Done) };
    let undoing = match job.state.as_str() {
        "running" => false,
        "undoing" => true,
        _ => return Ok(NextStep::Done),
    };
    let petition = store::petition(&mut tx, job.petition_id).await?;
    let now = kernel.env.recorded_now(petition.action.protected);
    let (chosen, seen, place) = if undoing {
        let batch = invalidations::changed_by(&mut tx, job.id, job.after_id, BATCH).await?;
        let place = batch.last().map(|last| last.id).filter(|_| is_full(&batch));
        (batch, 0, place)
    } else {
        // what was destroyed with its vault leaves nothing to judge by
        let vault = kernel.vaults.open(petition.action.vault_id).await.map_err(jobs::failing_with("vault_closed"))?;
        let rule = rule_of(&vault, &job).map_err(jobs::failing_with("not_understood"))?;
        let bounds = rule.bounds(job.petition_id, Effect::parse(&job.effect));
        let up_to = invalidations::range_end(&mut tx, job.petition_id, job.after_id, SCANNED).await?;
        if !job.is_counted {
            job.total += invalidations::count_candidates(&mut tx, &bounds, job.after_id, up_to).await?;
            job.is_counted = up_to.is_none();
            job.after_id = up_to.unwrap_or_default();
            invalidations::save(&mut tx, &job).await?;
            tx.commit().await?;
            return Ok(NextStep::Again);
        }
        let batch = invalidations::candidates(&mut tx, &bounds, job.after_id, up_to, BATCH).await?;
        let place = if is_full(&batch) { batch.last().map(|last| last.id) } else { up_to };
        let seen = i64::try_from(batch.len()).unwrap_or_default();
        let mut chosen = Vec::new();
        for candidate in batch {
            if rule.fits(&vault, &candidate)? {
                chosen.push(candidate);
            }
        }
        (chosen, seen, place)
    };
    let (ids, people): (Vec<Uuid>, Vec<Uuid>) = chosen.iter().map(|c| (c.id, c.person_id)).unzip();
    invalidations::lock_people(&mut tx, &people).await?;
    let changed = if undoing {
        invalidations::restore(&mut tx, &ids, now).await?
    } else {
        invalidations::change(&mut tx, Some(job.id), &ids, Effect::parse(&job.effect).to(), now).await?
    };
    take_effect(petitions, &mut tx, &changed).await?;
    let many = i64::try_from(changed.len()).unwrap_or_default();
    job.changed += if undoing { -many } else { many };
    job.seen += seen;
    if let Some(place) = place {
        job.after_id = place;
    } else {
        if undoing { "undone" } else { "done" }.clone_into(&mut job.state);
        job.finished_at = Some(kernel.env.now());
    }
    invalidations::save(&mut tx, &job).await?;
    if !changed.is_empty() {
        comments::announce(&mut tx, job.petition_id).await?;
    }
    tx.commit().await?;
    petitions.forget(&petition);
    Ok(if place.is_some() { NextStep::Again } else { NextStep::Done })
}

fn is_full(batch: &[Candidate]) -> bool {
    i64::try_from(batch.len()).is_ok_and(|read| read >= BATCH)
}

/// An organizer changes the state of one signature. `None`: there is nothing to change.
///
/// # Errors
/// `internal` when a vault does not open, or a database error.
pub async fn change_one(
    petitions: &Petitions,
    conn: &mut PgConnection,
    row: &store::SignatureRow,
    to: &str,
    protected: bool,
) -> Result<Option<Changed>> {
    let now = petitions.kernel.env.recorded_now(protected);
    let mut tx = conn.begin().await?;
    invalidations::lock_people(&mut tx, &[row.person_id]).await?;
    let changed = invalidations::change(&mut tx, None, &[row.id], to, now).await?;
    take_effect(petitions, &mut tx, &changed).await?;
    tx.commit().await?;
    Ok(changed.into_iter().next())
}

/// Counts and letters follow the states.
async fn take_effect(petitions: &Petitions, conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    let of = |fits: fn(&Changed) -> bool| -> (Vec<Uuid>, Vec<Uuid>) {
        let those = changed.iter().filter(|c| fits(c));
        (those.clone().map(|c| c.id).collect(), those.filter_map(|c| c.letter_id).collect())
    };
    let (began, letters) = of(|c| c.now == "counted");
    ops::count(conn, &petitions.kernel, &began, &letters).await?;
    let (ended, letters) = of(|c| c.before == "counted");
    ops::uncount(conn, &petitions.kernel, &ended, &letters).await
}

/// Cancels a running job; what it has done stays done.
///
/// # Errors
/// 409 when it is not running.
pub fn cancel(job: &mut Job, now: DateTime<Utc>) -> Result<()> {
    if job.state != "running" {
        return Err(Error::problem(Code::Conflict, "This job is not running."));
    }
    "cancelled".clone_into(&mut job.state);
    job.finished_at = Some(now);
    Ok(())
}

/// Takes a job back: every signature it changed gets its state back.
///
/// # Errors
/// 409 when it is still running, or was taken back before.
pub fn undo(job: &mut Job) -> Result<()> {
    if !matches!(job.state.as_str(), "done" | "cancelled" | "failed") {
        return Err(Error::problem(Code::Conflict, "Only a job that has ended can be taken back, once."));
    }
    "undoing".clone_into(&mut job.state);
    job.after_id = Uuid::nil();
    job.finished_at = None;
    Ok(())
}

/// Empties what was said in signatures that have been invalid for long (upkeep), some at a time. Returns how many.
///
/// # Errors
/// A database error.
pub async fn forget(petitions: &Petitions) -> Result<u64> {
    let before = petitions.kernel.env.now() - TimeDelta::days(KEPT_DAYS);
    invalidations::empty_invalid(&mut *petitions.kernel.work.acquire().await?, before).await
}
