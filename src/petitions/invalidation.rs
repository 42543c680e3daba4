//! Bulk changes of signatures by a rule: make them invalid, or release quarantined ones. Processed in batches, with
//! progress; can be cancelled and undone.
//!
//! First the matching signatures are counted, also in steps. Each batch is one transaction with its counters and its
//! position, so a job continues after any interruption, in any process. The data of an invalid signature is kept for
//! [`INVALID_RETENTION_DAYS`]; a letter that was stopped with it stays stopped.

use std::collections::BTreeSet;

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
    state::{InvalidationState, SignatureState},
    store::{
        self, Petition, comments,
        invalidations::{self, Candidate, CandidateFilter, Invalidation, SignatureStateChange},
    },
    submission::{Petitions, SIGNATURES, SignaturePayload},
};
use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::{
        env::Env,
        jobs::{self, JobKind, NextStep},
        text::EmailAddress,
        vault::Vault,
    },
    people::{self, UnreadRows},
};

/// Name of the table, part of the associated data of a sealed rule.
const TABLE: &str = "invalidations";
/// Name of the job.
pub(super) const JOB: &str = "invalidation";
/// Maximum number of signatures changed in one transaction.
const MAX_CHANGES_PER_STEP: i64 = 500;
/// Maximum number of signatures read by one statement.
const MAX_SCANNED_PER_STEP: i64 = 10_000;
/// Maximum number of signatures read for a dry run: by plain columns, and where they must be decrypted.
const MAX_SCANNED_FOR_PREVIEW: i64 = 1_000_000;
const MAX_DECRYPTED_FOR_PREVIEW: i64 = 100_000;
/// Days for which the data of an invalid signature is kept.
pub(super) const INVALID_RETENTION_DAYS: i64 = 30;

/// What a job does: `invalidations.effect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
#[schema(as = InvalidationEffect)]
pub enum Effect {
    /// Pending, counted and quarantined signatures become invalid.
    Invalidate,
    /// Quarantined signatures count.
    Release,
}

crate::kernel::text_enum!(Effect);

impl Effect {
    fn from(self) -> &'static [SignatureState] {
        match self {
            Self::Invalidate => &[SignatureState::Pending, SignatureState::Counted, SignatureState::Quarantined],
            Self::Release => &[SignatureState::Quarantined],
        }
    }

    fn to(self) -> SignatureState {
        match self {
            Self::Invalidate => SignatureState::Invalid,
            Self::Release => SignatureState::Counted,
        }
    }
}

/// Selects signatures: those to which every given criterion applies.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(as = InvalidationRule)]
pub(super) struct Rule {
    /// Domain of the e-mail address.
    #[validate(length(max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Id of a signature: all from the same network on the same day. Networks are stored for 72 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_of: Option<Uuid>,
    /// Given and family name, case-insensitive.
    #[validate(length(max = 201))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Given at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<DateTime<Utc>>,
    /// Given before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<DateTime<Utc>>,
    /// Country code.
    #[validate(length(equal = 2))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Registered word of origin, or `other`.
    #[validate(length(max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Tag of the network of `network_of`.
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
    /// Checks the rule against the petition and resolves `network_of`.
    ///
    /// # Errors
    /// 422 with a pointer for each refused criterion.
    pub(super) async fn parse(mut self, conn: &mut PgConnection, petition: &Petition, effect: Effect) -> Result<Self> {
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
            states: effect.from().iter().map(|state| state.as_str().to_owned()).collect(),
            after: self.after,
            before: self.before,
            country: self.country.clone(),
            source: self.source.clone(),
            network_tag: self.network_tag.as_ref().and_then(|tag| HEXLOWER_PERMISSIVE.decode(tag.as_bytes()).ok()),
        }
    }

    /// Must the sealed data be decrypted to evaluate the rule?
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

/// Dry run: how many signatures a rule would change, and whether all were read.
///
/// # Errors
/// `internal` when the vault does not open.
pub(super) async fn preview_count(
    petitions: &Petitions,
    petition: &Petition,
    rule: &Rule,
    effect: Effect,
) -> Result<(i64, bool)> {
    let candidate_filter = rule.candidate_filter(petition.action.id, effect);
    let mut conn = petitions.kernel.db.acquire().await?;
    let vault = petition.action.open_vault(&petitions.kernel).await?;
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
/// `internal` when the vault does not open.
pub(super) async fn begin(
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
    let vault = petition.action.open_vault(kernel).await?;
    let job = Invalidation {
        id,
        petition_id: petition.action.id,
        organizer_id: organizer,
        effect,
        rule: seal_rule(&kernel.env, &vault, id, rule),
        reason,
        state: InvalidationState::Running,
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

/// Seals a rule for the row of a job.
pub(super) fn seal_rule(env: &Env, vault: &Vault, job: Uuid, rule: Rule) -> Vec<u8> {
    vault.seal(env, TABLE, job, &SealedRule { network_tag: rule.network_tag.clone(), rule })
}

/// The rule of a job without somebody who is erased: her signature, whose network the job knows by its tag, and her name once
/// the job has ended; others may have it, too. `None`: the rule names neither.
///
/// # Errors
/// `internal` when the vault does not open it.
pub(super) fn without_person(
    vault: &Vault,
    job: &Invalidation,
    of: &UnreadRows<'_>,
    has_ended: bool,
) -> Result<Option<Rule>> {
    let mut rule = open_rule(vault, job)?;
    let names_act = rule.network_of.is_some_and(|signature| of.row_ids.contains(&signature));
    // with a name more or less, as people write theirs: no act is found by it any more
    let (hers, named) = (words(of.name), words(rule.name.as_deref().unwrap_or_default()));
    let is_her_name = !hers.is_empty() && !named.is_empty() && (hers.is_subset(&named) || named.is_subset(&hers));
    let names_her = has_ended && is_her_name;
    if names_act {
        rule.network_of = Some(Uuid::nil());
    }
    if names_her {
        rule.name = Some(String::new());
    }
    Ok((names_act || names_her).then_some(rule))
}

/// The words of a name, in lower case.
fn words(name: &str) -> BTreeSet<String> {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The rule of a job.
///
/// # Errors
/// `internal` when the vault does not open it.
pub(super) fn open_rule(vault: &Vault, job: &Invalidation) -> Result<Rule> {
    let sealed: SealedRule = vault.open(TABLE, job.id, &job.rule)?;
    Ok(Rule { network_tag: sealed.network_tag, ..sealed.rule })
}

/// The job: one batch in each step.
pub(super) struct InvalidationJob(pub Petitions);

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
            if job.state.may_become(InvalidationState::Failed) {
                job.state = InvalidationState::Failed;
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
    let undoing = match job.state {
        InvalidationState::Running => false,
        InvalidationState::Undoing => true,
        _ => return Ok(NextStep::Done),
    };
    let petition = store::petition(&mut tx, job.petition_id).await?;
    let now = kernel.env.recorded_now(petition.action.protected);
    let (chosen, seen, place) = if undoing {
        let batch = invalidations::find_changed_by(&mut tx, job.id, job.after_id, MAX_CHANGES_PER_STEP).await?;
        let place = batch.last().map(|last| last.id).filter(|_| is_full(&batch));
        (batch, 0, place)
    } else {
        // after the vault was destroyed there is nothing to match
        let vault = petition.action.open_vault(kernel).await.map_err(jobs::failing_with("vault_closed"))?;
        let rule = open_rule(&vault, &job).map_err(jobs::failing_with("not_understood"))?;
        let candidate_filter = rule.candidate_filter(job.petition_id, job.effect);
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
    people::lock_people(&mut tx, &people).await?;
    let changed = if undoing {
        invalidations::restore_state(&mut tx, &ids, now).await?
    } else {
        invalidations::set_state(&mut tx, Some(job.id), &ids, job.effect.to(), now).await?
    };
    apply_state_changes(petitions, &mut tx, &changed).await?;
    let many = i64::try_from(changed.len()).unwrap_or_default();
    job.changed += if undoing { -many } else { many };
    job.seen += seen;
    if let Some(place) = place {
        job.after_id = place;
    } else {
        job.state = if undoing { InvalidationState::Undone } else { InvalidationState::Done };
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

/// Changes the state of one signature. `None`: it already has it, or cannot get it.
///
/// # Errors
/// `internal` when a vault does not open.
pub(super) async fn change_signature_state(
    petitions: &Petitions,
    conn: &mut PgConnection,
    row: &store::SignatureRow,
    to: SignatureState,
    protected: bool,
) -> Result<Option<SignatureStateChange>> {
    let now = petitions.kernel.env.recorded_now(protected);
    let mut tx = conn.begin().await?;
    people::lock_people(&mut tx, &[row.person_id]).await?;
    let changed = invalidations::set_state(&mut tx, None, &[row.id], to, now).await?;
    apply_state_changes(petitions, &mut tx, &changed).await?;
    tx.commit().await?;
    Ok(changed.into_iter().next())
}

/// Updates counters and letters after changes of states.
async fn apply_state_changes(
    petitions: &Petitions,
    conn: &mut PgConnection,
    changed: &[SignatureStateChange],
) -> Result<()> {
    let of = |matches: fn(&SignatureStateChange) -> bool| -> (Vec<Uuid>, Vec<Uuid>) {
        let those = changed.iter().filter(|c| matches(c));
        let mut letters: Vec<Uuid> = those.clone().filter_map(|c| c.letter_id).collect();
        // in lock order
        letters.sort_unstable();
        (those.map(|c| c.id).collect(), letters)
    };
    let (began, letters) = of(|c| c.now == SignatureState::Counted);
    ops::start_counting(conn, &petitions.kernel, &began, &letters).await?;
    let (ended, letters) = of(|c| c.before == SignatureState::Counted);
    Ok(ops::stop_counting(conn, &petitions.kernel, &ended, &letters).await?)
}

/// Cancels a running job; what it has changed stays changed.
///
/// # Errors
/// 409 when it is not running.
pub(super) fn cancel(job: &mut Invalidation, now: DateTime<Utc>) -> Result<()> {
    if !job.state.may_become(InvalidationState::Cancelled) {
        return Err(Error::problem(Code::Conflict, "This job is not running."));
    }
    job.state = InvalidationState::Cancelled;
    job.finished_at = Some(now);
    Ok(())
}

/// Undoes a job: every signature it changed gets its former state back.
///
/// # Errors
/// 409 when it is still running, or was undone before.
pub(super) fn undo(job: &mut Invalidation) -> Result<()> {
    if !job.state.may_become(InvalidationState::Undoing) {
        return Err(Error::problem(Code::Conflict, "Only a job that has ended can be taken back, once."));
    }
    job.state = InvalidationState::Undoing;
    job.after_id = Uuid::nil();
    job.finished_at = None;
    Ok(())
}

/// Erases the data of signatures that have been invalid for [`INVALID_RETENTION_DAYS`] (maintenance), a batch at a
/// time. Returns how many.
pub(super) async fn erase_invalid_signatures(petitions: &Petitions) -> Result<u64> {
    let before = petitions.kernel.env.now() - TimeDelta::days(INVALID_RETENTION_DAYS);
    invalidations::erase_invalid(&mut *petitions.kernel.work.acquire().await?, before).await
}
