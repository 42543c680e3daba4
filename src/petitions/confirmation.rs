//! Confirming signatures: [`effect`] decides about each, under the locks of its person, its own and those of the person's
//! effective signatures; then one statement for each table writes all of them. The rare merge into a signature that
//! counts already is written one by one.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{LoadedSignature, SignatureKind},
    mail::ThanksMail,
    ops,
    state::SignatureState,
    store::{self, SignatureRow, confirmations},
    submission::{SIGNATURES, SignaturePayload},
};
use crate::{
    actions::submission::{Locked, Outcomes, save_confirmed},
    campaigns::State,
    error::Result,
    kernel::{Kernel, group_commit::BatchError, links::expired},
    letters,
    mail::{self, Class},
    people::DetailsChange,
};

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
                && !matches!(petition, State::Draft | State::Archived | State::Ended) =>
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

/// Confirms signatures of different people, which are locked. Each has an outcome of its own: the signature as it is
/// now, or `link_expired`.
pub(super) async fn confirm(
    kernel: &Kernel,
    conn: &mut PgConnection,
    locked: Vec<Locked<SignatureKind>>,
) -> Result<Outcomes<LoadedSignature>, BatchError> {
    let (mut steps, mut outcomes) = (Vec::with_capacity(locked.len()), Vec::new());
    for locked in locked {
        let id = locked.c.row.id;
        match Step::new(kernel, locked) {
            Ok(step) => steps.push(step),
            Err(error) => outcomes.push((id, Err(error))),
        }
    }
    write_round(kernel, conn, &steps).await?;
    outcomes.extend(steps.into_iter().map(|step| (step.c.row.id, Ok(step.outcome()))));
    Ok(outcomes)
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
    fn new(kernel: &Kernel, Locked { c, beside: effective, person }: Locked<SignatureKind>) -> Result<Self> {
        let action = c.action();
        // at most one counts, and it comes before those that are quarantined
        let other = effective.first();
        let effect = effect(&c.row, action.state, other.map(|row| row.state), kernel.env.now())?;
        let (mut details, mut merged) = (None, None);
        if effect != Effect::Nothing && !c.parent.drops_contact(c.payload.keep_nothing) {
            details = Some(c.merged_details(kernel, &person)?);
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
    let before: SignaturePayload = newer.vault.open_or_default(SIGNATURES, effective.id, sealed)?;
    let payload = &newer.payload;
    let now = SignaturePayload {
        details: before.details.merged(payload.details.clone()),
        identifiers: before.identifiers,
        comments: if payload.comments.is_empty() { before.comments } else { payload.comments.clone() },
        answers: before.answers.into_iter().chain(payload.answers.clone()).collect(),
        ..payload.clone()
    };
    Ok(newer.vault.seal(&kernel.env, SIGNATURES, effective.id, &now))
}

/// Writes a round: one statement for each table, but for merges.
async fn write_round(kernel: &Kernel, conn: &mut PgConnection, steps: &[Step]) -> Result<(), BatchError> {
    // those whose contact is kept
    let kept = steps.iter().filter_map(|step| Some((&step.c, step.details.as_ref()?)));
    save_confirmed(kernel, conn, kept).await?;
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
    let thanked =
        steps.iter().filter(|step| step.takes().is_some() && !step.drops_contact() && step.c.action().send_thanks);
    mail::enqueue_all(
        conn,
        &kernel.env,
        &thanked.map(|step| step.c.email(Class::Notice, ThanksMail::KIND)).collect::<Vec<_>>(),
    )
    .await?;
    for step in steps.iter().filter(|step| step.effect == Effect::Merges) {
        merge(conn, step).await?;
    }
    Ok(())
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
