//! Jobs that make many signatures invalid by a rule, or let held ones count: a batch at a time, with progress, to be
//! cancelled and taken back.
//!
//! First the signatures are counted that it looks at, also in steps. Each batch is one transaction with its counts and its
//! place, so a job goes on where it was after any interruption, and any process may go on with it. What a signature said is kept for [`INVALID_RETENTION_DAYS`] after it was made invalid; a letter that
//! was stopped with it stays stopped.

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sqlx::{Acquire, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::{
    ops,
    store::{
        self, Petition, comments,
        invalidations::{self, Candidate, CandidateFilter, Invalidation, SignatureStateChange},
    },
    submission::{Petitions, SIGNATURES, SignaturePayload},
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
const MAX_CHANGES_PER_STEP: i64 = 500;
/// Signatures that one statement looks at, at most.
const MAX_SCANNED_PER_STEP: i64 = 10_000;
/// Signatures that are looked at while somebody waits for a number, where the row tells, and where what was typed is read.
const MAX_SCANNED_FOR_PREVIEW: i64 = 1_000_000;
const MAX_DECRYPTED_FOR_PREVIEW: i64 = 100_000;
/// Days for which an invalid signature keeps what it said.
pub const INVALID_RETENTION_DAYS: i64 = 30;

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
struct SealedRule {
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
            let tag = store::abuse::network_tag(conn, petition.action.id, signature).await?;
            let tag = tag.ok_or_else(|| {
                Error::field(
                    "/rule/network_of",
                    "unknown_value",
                    "Where this signature came from is not known any more.",
                )
            })?;
            self.network_tag = Some(HEXLOWER.encode(&tag));
        }
        Ok(self)
    }

    fn candidate_filter(&self, petition: Uuid, effect: Effect) -> CandidateFilter {
        CandidateFilter {
            petition,
            states: effect.from().iter().map(|&s| s.to_owned()).collect(),
            after: self.after,
            before: self.before,
            country: self.country.clone(),
            source: self.source.clone(),
            network_tag: self.network_tag.as_ref().and_then(|tag| HEXLOWER_PERMISSIVE.decode(tag.as_bytes()).ok()),
        }
    }

    /// Does the rule need to read what was typed?
    fn needs_payload(&self) -> bool {
        self.domain.is_some() || self.name.is_some()
    }

    fn matches_payload(&self, vault: &Vault, candidate: &Candidate) -> Result<bool> {
        if !self.needs_payload() {
            return Ok(true);
        }
        let Some(sealed) = &candidate.sealed else { return Ok(false) };
        let payload: SignaturePayload = vault.open(SIGNATURES, candidate.id, sealed)?;
        let of_domain = |domain: &String| payload.details.address().is_some_and(|a| a.domain() == domain);
        let named = |name: &String| payload.details.full_name().to_lowercase() == name.trim().to_lowercase();
        Ok(self.domain.as_ref().is_none_or(of_domain) && self.name.as_ref().is_none_or(named))
    }
}

/// How many signatures a rule would change now, as far as that is found while somebody waits; and whether that is all.
///
/// # Errors
/// `internal` when the vault does not open, or a database error.
pub async fn preview_count(
    petitions: &Petitions,
    petition: &Petition,
    rule: &Rule,
    effect: Effect,
) -> Result<(i64, bool)> {
    let candidate_filter = rule.candidate_filter(petition.action.id, effect);
    let mut conn = petitions.kernel.db.acquire().await?;
    let vault = petitions.kernel.vaults.open(petition.action.vault_id).await?;
    let pages =
        if rule.needs_payload() { MAX_DECRYPTED_FOR_PREVIEW } else { MAX_SCANNED_FOR_PREVIEW } / MAX_SCANNED_PER_STEP;
    let (mut after, mut fit) = (Uuid::nil(), 0);
    for _ in 0..pages {
        let up_to =
            invalidations::find_range_end(&mut conn, candidate_filter.petition, after, MAX_SCANNED_PER_STEP).await?;
        if rule.needs_payload() {
            for candidate in
                invalidations::candidates(&mut conn, &candidate_filter, after, up_to, MAX_SCANNED_PER_STEP).await?
            {
                fit += i64::from(rule.matches_payload(&vault, &candidate)?);
            }
        } else {
            fit += invalidations::count_candidates(&mut conn, &candidate_filter, after, up_to).await?;
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
) -> Result<Invalidation> {
    let kernel = &petitions.kernel;
    let id = kernel.env.id();
    let vault = kernel.vaults.open(petition.action.vault_id).await?;
    let sealed = SealedRule { network_tag: rule.network_tag.clone(), rule };
    let job = Invalidation {
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
pub fn open_rule(vault: &Vault, job: &Invalidation) -> Result<Rule> {
    let sealed: SealedRule = vault.open(TABLE, job.id, &job.rule)?;
    Ok(Rule { network_tag: sealed.network_tag, ..sealed.rule })
}

/// These jobs, a batch at a time.
pub struct InvalidationJob(pub Petitions);

impl JobKind for InvalidationJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a jobs::Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(run_step(&self.0, job.id))
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
async fn run_step(petitions: &Petitions, id: Uuid) -> Result<NextStep> {
    let kernel = &petitions.kernel;
    let mut conn = kernel.work.acquire().await?;
    let mut tx = kernel.begin_on(&mut conn).await?;
    let Some(mut job) = invalidations::lock_by_id(&mut tx, id).await? else { return Ok(NextStep::Done) };
    let undoing = match job.state.as_str() {
        "running" => false,
        "undoing" => true,
        _ => return Ok(NextStep::Done),
    };
    let petition = store::petition(&mut tx, job.petition_id).await?;
    let now = kernel.env.recorded_now(petition.action.protected);
    let (chosen, seen, place) = if undoing {
        let batch = invalidations::find_changed_by(&mut tx, job.id, job.after_id, MAX_CHANGES_PER_STEP).await?;
        let place = batch.last().map(|last| last.id).filter(|_| is_full(&batch));
        (batch, 0, place)
    } else {
        // what was destroyed with its vault leaves nothing to judge by
        let vault = kernel.vaults.open(petition.action.vault_id).await.map_err(jobs::failing_with("vault_closed"))?;
        let rule = open_rule(&vault, &job).map_err(jobs::failing_with("not_understood"))?;
        let candidate_filter = rule.candidate_filter(job.petition_id, Effect::parse(&job.effect));
        let up_to = invalidations::find_range_end(&mut tx, job.petition_id, job.after_id, MAX_SCANNED_PER_STEP).await?;
        if !job.is_counted {
            job.total += invalidations::count_candidates(&mut tx, &candidate_filter, job.after_id, up_to).await?;
            job.is_counted = up_to.is_none();
            job.after_id = up_to.unwrap_or_default();
            invalidations::save(&mut tx, &job).await?;
            tx.commit().await?;
            return Ok(NextStep::Again);
        }
        let batch =
            invalidations::candidates(&mut tx, &candidate_filter, job.after_id, up_to, MAX_CHANGES_PER_STEP).await?;
        let place = if is_full(&batch) { batch.last().map(|last| last.id) } else { up_to };
        let seen = i64::try_from(batch.len()).unwrap_or_default();
        let mut chosen = Vec::new();
        for candidate in batch {
            if rule.matches_payload(&vault, &candidate)? {
                chosen.push(candidate);
            }
        }
        (chosen, seen, place)
    };
    let (ids, people): (Vec<Uuid>, Vec<Uuid>) = chosen.iter().map(|c| (c.id, c.person_id)).unzip();
    invalidations::lock_people(&mut tx, &people).await?;
    let changed = if undoing {
        invalidations::restore_state(&mut tx, &ids, now).await?
    } else {
        invalidations::set_state(&mut tx, Some(job.id), &ids, Effect::parse(&job.effect).to(), now).await?
    };
    apply_state_changes(petitions, &mut tx, &changed).await?;
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
        comments::notify_changed(&mut tx, job.petition_id).await?;
    }
    tx.commit().await?;
    Ok(if place.is_some() { NextStep::Again } else { NextStep::Done })
}

fn is_full(batch: &[Candidate]) -> bool {
    i64::try_from(batch.len()).is_ok_and(|read| read >= MAX_CHANGES_PER_STEP)
}

/// An organizer changes the state of one signature. `None`: there is nothing to change.
///
/// # Errors
/// `internal` when a vault does not open, or a database error.
pub async fn change_signature_state(
    petitions: &Petitions,
    conn: &mut PgConnection,
    row: &store::SignatureRow,
    to: &str,
    protected: bool,
) -> Result<Option<SignatureStateChange>> {
    let now = petitions.kernel.env.recorded_now(protected);
    let mut tx = conn.begin().await?;
    invalidations::lock_people(&mut tx, &[row.person_id]).await?;
    let changed = invalidations::set_state(&mut tx, None, &[row.id], to, now).await?;
    apply_state_changes(petitions, &mut tx, &changed).await?;
    tx.commit().await?;
    Ok(changed.into_iter().next())
}

/// Counts and letters follow the states.
async fn apply_state_changes(
    petitions: &Petitions,
    conn: &mut PgConnection,
    changed: &[SignatureStateChange],
) -> Result<()> {
    let of = |matches: fn(&SignatureStateChange) -> bool| -> (Vec<Uuid>, Vec<Uuid>) {
        let those = changed.iter().filter(|c| matches(c));
        let mut letters: Vec<Uuid> = those.clone().filter_map(|c| c.letter_id).collect();
        // in the order in which they are locked
        letters.sort_unstable();
        (those.map(|c| c.id).collect(), letters)
    };
    let (began, letters) = of(|c| c.now == "counted");
    ops::start_counting(conn, &petitions.kernel, &began, &letters).await?;
    let (ended, letters) = of(|c| c.before == "counted");
    ops::stop_counting(conn, &petitions.kernel, &ended, &letters).await
}

/// Cancels a running job; what it has done stays done.
///
/// # Errors
/// 409 when it is not running.
pub fn cancel(job: &mut Invalidation, now: DateTime<Utc>) -> Result<()> {
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
pub fn undo(job: &mut Invalidation) -> Result<()> {
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
pub async fn erase_invalid_signatures(petitions: &Petitions) -> Result<u64> {
    let before = petitions.kernel.env.now() - TimeDelta::days(INVALID_RETENTION_DAYS);
    invalidations::erase_invalid(&mut *petitions.kernel.work.acquire().await?, before).await
}
