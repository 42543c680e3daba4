//! Operations on petitions and signatures: create, load, count, withdraw, reject. Confirming is in
//! [`super::confirmation`].

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    document::{NewPetition, PetitionDocument, last_segment},
    state::{CommentState, SignatureState},
    store::{self, SignatureRow},
};
use crate::{
    campaigns::{self, Confirmation, Kind, NewAction, Privacy},
    error::{Code, Error, Result},
    kernel::{Kernel, group_commit::BatchError},
    letters, people,
};

/// Creates a petition with id `id`.
///
/// # Errors
/// 422 with a pointer for each refused field.
pub async fn create_petition(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: NewPetition,
) -> Result<()> {
    let NewPetition { document: PetitionDocument { action, petition }, new } = new;
    let action = action.parse(Kind::Petition, true)?;
    let letter = match &petition.muster_letter {
        Some(key) => Some(find_attached_letter(conn, kernel, organization, last_segment(key), &action).await?),
        None => None,
    };
    let columns = petition.check(action.privacy == Privacy::Protected)?;
    campaigns::create_action(conn, kernel, organization, id, &action).await?;
    store::insert(conn, id, letter, &columns).await?;
    if let Some(word) = &new.muster_short_link {
        campaigns::register_short_link(conn, kernel, word, id).await?;
    }
    Ok(())
}

/// The letter action that is attached to a new petition.
async fn find_attached_letter(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    key: &str,
    petition: &NewAction,
) -> Result<Uuid> {
    let refuse = |code: &'static str, detail: &str| Error::field("/muster:letter", code, detail);
    let letter = letters::find(conn, kernel, key).await.map_err(|e| {
        if e.code() == Code::NotFound { refuse("unknown_value", "There is no such letter action.") } else { e }
    })?;
    if letter.action.organization_id != organization {
        return Err(refuse("unknown_value", "There is no such letter action."));
    }
    if petition.privacy == Privacy::Protected || letter.action.protected {
        return Err(refuse(
            "not_allowed",
            "A letter shows who writes it; protected petitions and letters go separate ways.",
        ));
    }
    if petition.confirmation == Confirmation::None {
        return Err(Error::field("/muster:confirmation", "not_allowed", "Letters always ask for confirmation."));
    }
    Ok(letter.action.id)
}

/// Locks a signature: first the person, then the signature (see the lock order in `people`).
///
/// # Errors
/// `not_found`.
pub(super) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    let row = store::signature(conn, id).await?;
    people::lock_person(conn, row.person_id).await?;
    store::lock_signature(conn, id).await
}

/// Adds signatures to the counters and confirms their attached letters.
///
/// # Errors
/// `internal` when a vault does not open.
pub(super) async fn start_counting(
    conn: &mut PgConnection,
    kernel: &Kernel,
    signatures: &[Uuid],
    attached_letters: &[Uuid],
) -> Result<(), BatchError> {
    store::add_deltas(conn, signatures, 1).await?;
    letters::confirm_attached_letters(conn, kernel, attached_letters).await
}

/// Subtracts signatures from the counters and stops what was not sent of their attached letters.
pub(super) async fn stop_counting(
    conn: &mut PgConnection,
    kernel: &Kernel,
    signatures: &[Uuid],
    attached_letters: &[Uuid],
) -> Result<(), BatchError> {
    store::add_deltas(conn, signatures, -1).await?;
    for letter in attached_letters {
        letters::withdraw_attached_letter(conn, kernel, *letter).await?;
    }
    Ok(())
}

/// Withdraws a signature and erases its data. Idempotent.
pub(super) async fn withdraw(
    conn: &mut PgConnection,
    kernel: &Kernel,
    row: &SignatureRow,
    protected: bool,
) -> Result<(), BatchError> {
    if row.is_effective() {
        match row.state {
            SignatureState::Counted => stop_counting(conn, kernel, &[row.id], row.letter_id.as_slice()).await?,
            // quarantined, so its letter was never sent
            _ => {
                if let Some(letter) = row.letter_id {
                    letters::drop_attached_letter(conn, letter).await?;
                }
            }
        }
        store::end_signature(conn, row.id, SignatureState::Withdrawn, kernel.env.recorded_now(protected)).await?;
        if row.comment_state == CommentState::Shown {
            store::comments::notify_changed(conn, row.petition_id).await?;
        }
        store::confirmations::erase_duplicate_payloads(conn, &[(row.petition_id, row.person_id)]).await?;
    }
    Ok(())
}
