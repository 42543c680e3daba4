//! Confirming signatures by the owners of their addresses: many in one transaction ([`super::batch`]).
//!
//! A batch: the keys of all signatures are read, and each link or code is checked against its signature; the petitions
//! are read and their vaults opened. Then, in rounds in which each person has one signature ([`people::rounds`]):
//! people and signatures are locked, [`effect`] decides about each, details are merged and sealed, and one statement
//! for each table writes the round. The rare merge into a signature that counts already is written one by one.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    links::CONFIRM_SIGNATURE,
    mail::ThanksMail,
    ops::{self, LoadedSignature, OpenedPetitions},
    state::SignatureState,
    store::{
        self, SignatureRow,
        confirmations::{self, SignatureKey},
    },
    submission::{SIGNATURES, SignaturePayload},
};
use crate::{
    campaigns::State,
    error::Result,
    kernel::{
        Kernel,
        cache_invalidation::CacheInvalidation,
        db::force_index_plan,
        group_commit::BatchError,
        links::{Links, Token, expired},
    },
    letters,
    mail::{self, Class, NewEmail},
    people::{self, ConsentContext, DetailsChange, GivenConsents, PersonRow},
};

/// A signature to confirm, and what shows that the owner of its address wants that.
#[derive(Clone, Debug)]
pub struct SignatureConfirmation {
    /// The signature.
    pub id: Uuid,
    /// The link or the code that was mailed.
    pub credential: Credential,
}

/// What was mailed to the owner of the address.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The token of the link.
    Link(Token),
    /// The code to type.
    Code(String),
}

impl SignatureConfirmation {
    fn is_valid(&self, links: &Links, generation: i16) -> bool {
        match &self.credential {
            Credential::Link(token) => token.row == self.id && token.check(generation).is_ok(),
            Credential::Code(code) => links.is_code(code, CONFIRM_SIGNATURE, self.id, generation),
        }
    }
}

/// What confirming does to a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing: it was confirmed before.
    Nothing,
    /// It becomes counted or quarantined.
    Takes(SignatureState),
    /// Its signer has an effective one, which takes over its data.
    Merges,
}

/// Decides what confirming does to a signature; `effective` is the state of the signer's effective signature.
///
/// # Errors
/// `link_expired` when it was not confirmed in time, or has ended.
fn effect(
    row: &SignatureRow,
    petition: State,
    effective: Option<SignatureState>,
    now: DateTime<Utc>,
) -> Result<Effect> {
    match row.state {
        SignatureState::Counted | SignatureState::Quarantined => Ok(Effect::Nothing),
        // confirmed only while the signature into which it was merged is effective
        SignatureState::Duplicate if effective.is_some() => Ok(Effect::Nothing),
        // a signature given in time counts, also when the petition has closed since
        SignatureState::Pending
            if row.confirm_expires_at.is_some_and(|at| at > now)
                && !matches!(petition, State::Draft | State::Archived) =>
        {
            // a suspicious signature is quarantined: it does not count, and its letter is not sent
            let into =
                if row.quarantine_reason.is_none() { SignatureState::Counted } else { SignatureState::Quarantined };
            Ok(match effective {
                None => Effect::Takes(into),
                // one that counts replaces a quarantined one
                Some(SignatureState::Quarantined) if into == SignatureState::Counted => Effect::Takes(into),
                Some(_) => Effect::Merges,
            })
        }
        _ => Err(expired()),
    }
}

/// Confirms signatures in one transaction. Each has an outcome of its own, in this order: the signature as it is now,
/// or `link_expired`, or the error of its vault. Idempotent.
pub(super) async fn confirm(
    kernel: &Kernel,
    acts: &[SignatureConfirmation],
) -> Result<Vec<Result<LoadedSignature>>, BatchError> {
    let mut tx = kernel.hot.begin().await?;
    force_index_plan(&mut tx).await?;
    let ids: Vec<Uuid> = acts.iter().map(|act| act.id).collect();
    let found = confirmations::keys(&mut tx, &ids).await?;
    let key_of =
        |act: &SignatureConfirmation| found.get(&act.id).filter(|key| act.is_valid(&kernel.links, key.link_generation));
    let valid: Vec<Option<&SignatureKey>> = acts.iter().map(key_of).collect();
    let mut once = HashSet::new();
    let keys: Vec<SignatureKey> = valid.iter().flatten().filter(|key| once.insert(key.id)).map(|key| **key).collect();
    let petitions: BTreeSet<Uuid> = keys.iter().map(|key| key.petition_id).collect();
    let opened = ops::open_petitions(kernel, &mut tx, &petitions.into_iter().collect::<Vec<_>>()).await?;
    let mut outcomes: HashMap<Uuid, Result<LoadedSignature>> = HashMap::new();
    let mut changed = BTreeSet::new();
    for round in people::rounds(keys, |key| key.person_id) {
        let steps = lock_round(kernel, &mut tx, &opened, &round, &mut outcomes).await?;
        write_round(kernel, &mut tx, &steps).await?;
        changed.extend(steps.iter().filter(|s| s.effect == Effect::Merges).map(|s| s.c.row.petition_id));
        outcomes.extend(steps.into_iter().map(|step| (step.c.row.id, Ok(step.outcome()))));
    }
    tx.commit().await?;
    for petition in changed {
        kernel.cache_invalidator.publish(CacheInvalidation::Row(petition));
    }
    let outcome = |key: Option<&SignatureKey>| match key.and_then(|key| outcomes.get(&key.id)) {
        Some(Ok(c)) => Ok(c.clone()),
        Some(Err(error)) => Err(error.repeated()),
        // a forged link, or a signature that was deleted
        None => Err(expired()),
    };
    Ok(valid.into_iter().map(outcome).collect())
}

/// A signature that is being confirmed, under the locks of its person and its own.
struct Step {
    /// The signature before.
    c: LoadedSignature,
    effect: Effect,
    at: DateTime<Utc>,
    /// The signer's effective signatures.
    effective: Vec<SignatureRow>,
    /// Details to store; `None` where no contact is kept.
    details: Option<DetailsChange>,
    /// [`Effect::Merges`]: the data of both, sealed for the effective one; `None` where no contact is kept.
    merged: Option<Vec<u8>>,
}

impl Step {
    fn new(kernel: &Kernel, c: LoadedSignature, person: &PersonRow, effective: Vec<SignatureRow>) -> Result<Self> {
        let action = &c.petition.action;
        // at most one counts, and it comes before those that are quarantined
        let other = effective.first();
        let effect = effect(&c.row, action.state, other.map(|row| row.state), kernel.env.now())?;
        let (mut details, mut merged) = (None, None);
        if effect != Effect::Nothing && !c.petition.drops_contact(c.payload.keep_nothing) {
            let newer = c.payload.details.clone();
            details = Some(person.merged(kernel, &c.vault, newer, c.row.locale.as_deref(), action.protected)?);
            if effect == Effect::Merges {
                merged = other.map(|other| merged_payload(kernel, &c, other)).transpose()?;
            }
        }
        Ok(Self { effect, at: kernel.env.recorded_now(action.protected), effective, details, merged, c })
    }

    fn drops_contact(&self) -> bool {
        self.effect != Effect::Nothing && self.details.is_none()
    }

    fn takes(&self) -> Option<SignatureState> {
        match self.effect {
            Effect::Takes(into) => Some(into),
            Effect::Nothing | Effect::Merges => None,
        }
    }

    fn counts(&self) -> bool {
        self.takes() == Some(SignatureState::Counted)
    }

    /// The signature as it is now.
    fn outcome(mut self) -> LoadedSignature {
        let drops_contact = self.drops_contact();
        let row = &mut self.c.row;
        match self.effect {
            Effect::Nothing => {}
            Effect::Takes(into) => {
                row.state = into;
                row.counted_at = Some(self.at);
                if drops_contact {
                    row.sealed = None;
                }
            }
            Effect::Merges => {
                row.state = SignatureState::Duplicate;
                row.sealed = None;
            }
        }
        self.c
    }
}

/// The data of the effective signature of a signer with that of a newer one over it, sealed for the effective one.
fn merged_payload(kernel: &Kernel, newer: &LoadedSignature, effective: &SignatureRow) -> Result<Vec<u8>> {
    let sealed = effective.sealed.as_deref();
    let before: SignaturePayload =
        sealed.map(|sealed| newer.vault.open(SIGNATURES, effective.id, sealed)).transpose()?.unwrap_or_default();
    let payload = &newer.payload;
    let now = SignaturePayload {
        details: before.details.merged(payload.details.clone()),
        comments: if payload.comments.is_empty() { before.comments } else { payload.comments.clone() },
        answers: before.answers.into_iter().chain(payload.answers.clone()).collect(),
        ..payload.clone()
    };
    Ok(newer.vault.seal(&kernel.env, SIGNATURES, effective.id, &now))
}

/// Locks the people of a round and their signatures, and prepares what is to be written. What has an error has its
/// outcome already.
async fn lock_round(
    kernel: &Kernel,
    conn: &mut PgConnection,
    opened: &OpenedPetitions,
    round: &[SignatureKey],
    outcomes: &mut HashMap<Uuid, Result<LoadedSignature>>,
) -> Result<Vec<Step>, BatchError> {
    let people: Vec<Uuid> = round.iter().map(|key| key.person_id).collect();
    let people = people::lock_people(conn, &people).await?;
    let people: HashMap<Uuid, PersonRow> = people.into_iter().map(|person| (person.id, person)).collect();
    let mut rows: HashMap<Uuid, Vec<SignatureRow>> = HashMap::new();
    for row in confirmations::lock_with_effective(conn, round).await? {
        rows.entry(row.person_id).or_default().push(row);
    }
    let mut steps = Vec::with_capacity(round.len());
    for key in round {
        let mut theirs = rows.remove(&key.person_id).unwrap_or_default();
        // the link may have been replaced, or the signature deleted, before the locks were held
        let own = theirs.iter().position(|row| row.id == key.id && row.link_generation == key.link_generation);
        let (Some(own), Some(person)) = (own, people.get(&key.person_id)) else { continue };
        let row = theirs.swap_remove(own);
        theirs.retain(|other| {
            other.petition_id == row.petition_id && other.name_index == row.name_index && other.state.is_effective()
        });
        theirs.sort_by_key(|other| other.state != SignatureState::Counted);
        match ops::open_signature(opened, row).and_then(|c| Step::new(kernel, c, person, theirs)) {
            Ok(step) => steps.push(step),
            Err(error) => drop(outcomes.insert(key.id, Err(error))),
        }
    }
    Ok(steps)
}

/// Writes a round: one statement for each table, but for merges.
async fn write_round(kernel: &Kernel, conn: &mut PgConnection, steps: &[Step]) -> Result<(), BatchError> {
    let details: Vec<&DetailsChange> = steps.iter().filter_map(|step| step.details.as_ref()).collect();
    people::save_details(conn, &details).await?;
    append_consents(kernel, conn, steps).await?;
    let superseded = steps.iter().filter(|step| step.counts());
    let superseded: Vec<_> =
        superseded.flat_map(|step| step.effective.iter().map(move |row| (row.id, step.at))).collect();
    confirmations::end_superseded(conn, &superseded).await?;
    let taken: Vec<_> = steps.iter().filter_map(|step| Some((step.c.row.id, step.takes()?, step.at))).collect();
    confirmations::set_confirmed(conn, &taken).await?;
    let counted = || steps.iter().filter(|step| step.counts());
    let ids: Vec<Uuid> = counted().map(|step| step.c.row.id).collect();
    let attached: Vec<Uuid> = counted().filter_map(|step| step.c.row.letter_id).collect();
    ops::start_counting(conn, kernel, &ids, &attached).await?;
    let dropped = steps.iter().filter(|step| step.takes().is_some() && step.drops_contact());
    confirmations::drop_contacts(conn, &dropped.map(|step| &step.c.row).collect::<Vec<_>>()).await?;
    // where the contact is erased, the next page shows what the mail would have contained
    let thanked = steps
        .iter()
        .filter(|step| step.takes().is_some() && !step.drops_contact() && step.c.petition.action.send_thanks);
    mail::enqueue_all(conn, &kernel.env, &thanked.map(|step| thanks(&step.c)).collect::<Vec<_>>()).await?;
    for step in steps.iter().filter(|step| step.effect == Effect::Merges) {
        merge(conn, step).await?;
    }
    Ok(())
}

/// Appends the consents of those whose contact is kept.
async fn append_consents(kernel: &Kernel, conn: &mut PgConnection, steps: &[Step]) -> Result<(), sqlx::Error> {
    let kept = || steps.iter().filter(|step| step.details.is_some());
    let sources: Vec<String> = kept().map(|step| format!("petition:{}", step.c.petition.action.slug)).collect();
    let given = kept().zip(&sources).map(|(Step { c, .. }, source)| {
        let action = &c.petition.action;
        let context = ConsentContext {
            organization: action.organization_id,
            organization_name: &action.organization_name,
            locale: c.locale,
            source,
            updates_wording: None,
        };
        GivenConsents { person: c.row.person_id, consents: &c.payload.consents, context, protected: action.protected }
    });
    people::append_all_consents(conn, kernel, &given.collect::<Vec<_>>()).await
}

fn thanks(c: &LoadedSignature) -> NewEmail<'static> {
    let action = &c.petition.action;
    NewEmail {
        organization_id: action.organization_id,
        class: Class::Notice,
        kind: ThanksMail::KIND,
        lane: "",
        refs: json!({"signature": c.row.id}),
        protected: action.protected,
        due_at: None,
    }
}

/// Ends a signature whose signer signed before: its data replaces the former.
async fn merge(conn: &mut PgConnection, step: &Step) -> Result<(), BatchError> {
    let (row, Some(effective)) = (&step.c.row, step.effective.first()) else { return Ok(()) };
    store::end_signature(conn, row.id, SignatureState::Duplicate, step.at).await?;
    if let Some(letter) = row.letter_id {
        letters::drop_attached_letter(conn, letter).await?;
    }
    let Some(sealed) = &step.merged else { return Ok(confirmations::drop_contacts(conn, &[effective]).await?) };
    let has_comment = !step.c.payload.comments.is_empty();
    confirmations::update_counted(conn, effective.id, sealed, row, has_comment).await?;
    Ok(store::comments::notify_changed(conn, row.petition_id).await?)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::{
        kernel::env::Env,
        petitions::{
            state::{CommentState, QuarantineReason, Vetting},
            submission::Display,
        },
    };

    fn row(state: SignatureState, at: DateTime<Utc>) -> SignatureRow {
        SignatureRow {
            id: Uuid::from_u128(1),
            petition_id: Uuid::from_u128(2),
            person_id: Uuid::from_u128(3),
            state,
            sealed: None,
            display: Display::Hidden,
            comment_state: CommentState::None,
            vetted: Vetting::Unvetted,
            locale: None,
            country: None,
            region: None,
            source: None,
            letter_id: None,
            link_generation: 0,
            quarantine_reason: None,
            name_index: Vec::new(),
            delivers_name: false,
            confirm_expires_at: (state == SignatureState::Pending).then_some(at),
            created_at: at,
            counted_at: state.is_effective().then_some(at),
        }
    }

    #[test]
    fn what_confirming_does_depends_on_the_state_and_on_the_signers_other_signature() {
        use SignatureState::{Counted, Duplicate, Invalid, Pending, Quarantined, Withdrawn};
        let now = Env::system().now();
        let soon = now + TimeDelta::hours(1);
        let decide = |row: &SignatureRow, petition, other| effect(row, petition, other, now).ok();
        let (plain, mut suspect) = (row(Pending, soon), row(Pending, soon));
        suspect.quarantine_reason = Some(QuarantineReason::Network);
        for (one, other, expected) in [
            (&plain, None, Effect::Takes(Counted)),
            (&plain, Some(Quarantined), Effect::Takes(Counted)),
            (&plain, Some(Counted), Effect::Merges),
            (&suspect, None, Effect::Takes(Quarantined)),
            (&suspect, Some(Quarantined), Effect::Merges),
            (&suspect, Some(Counted), Effect::Merges),
        ] {
            assert_eq!(decide(one, State::Published, other), Some(expected));
            assert_eq!(decide(one, State::Closed, other), Some(expected), "given in time");
            assert_eq!(decide(one, State::Draft, other), None);
            assert_eq!(decide(one, State::Archived, other), None);
        }
        assert_eq!(decide(&row(Pending, now), State::Published, None), None, "too late");
        for (state, other, expected) in [
            (Counted, None, Some(Effect::Nothing)),
            (Quarantined, None, Some(Effect::Nothing)),
            (Duplicate, Some(Counted), Some(Effect::Nothing)),
            (Duplicate, None, None),
            (Invalid, None, None),
            (Withdrawn, Some(Counted), None),
        ] {
            assert_eq!(decide(&row(state, now), State::Published, other), expected, "{state:?}");
        }
    }
}
