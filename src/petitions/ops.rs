//! Operations on petitions and signatures: create, load, count, withdraw, reject. Confirming is in
//! [`super::confirmation`].

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    document::{NewPetition, PetitionDocument, last_segment},
    state::{CommentState, SignatureState},
    store::{self, Petition, SignatureRow},
    submission::{SIGNATURES, SignaturePayload},
};
use crate::{
    campaigns::{self, Confirmation, Kind, NewAction, Privacy},
    error::{Code, Error, Result},
    kernel::{Kernel, group_commit::BatchError, text::LocaleTag, vault::Vault},
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

/// A signature with its petition and decrypted data, for links and mails.
#[derive(Clone, Debug)]
pub struct LoadedSignature {
    /// The row.
    pub row: SignatureRow,
    /// Its petition.
    pub petition: Arc<Petition>,
    /// The opened vault.
    pub vault: Arc<Vault>,
    /// The decrypted data of the row.
    pub payload: SignaturePayload,
    /// The language of the submission.
    pub locale: LocaleTag,
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

/// Petitions with their vaults, by id. A vault that does not open is the error of its petition alone.
pub(super) type OpenedPetitions = HashMap<Uuid, (Arc<Petition>, Result<Arc<Vault>>)>;

/// Reads petitions and opens their vaults.
pub(super) async fn open_petitions(kernel: &Kernel, conn: &mut PgConnection, ids: &[Uuid]) -> Result<OpenedPetitions> {
    let mut opened = HashMap::new();
    for petition in store::petitions(conn, ids).await? {
        let vault = kernel.vaults.open(petition.action.vault_id).await;
        opened.insert(petition.action.id, (Arc::new(petition), vault));
    }
    Ok(opened)
}

/// Opens a signature of one of these petitions.
///
/// # Errors
/// `internal` when the vault does not open the row, or the error of the vault.
pub(super) fn open_signature(opened: &OpenedPetitions, row: SignatureRow) -> Result<LoadedSignature> {
    let (petition, vault) = opened.get(&row.petition_id).ok_or_else(Error::not_found)?;
    let (petition, vault) = (petition.clone(), vault.as_ref().map_err(Error::repeated)?.clone());
    let payload: SignaturePayload =
        row.sealed.as_deref().map(|sealed| vault.open(SIGNATURES, row.id, sealed)).transpose()?.unwrap_or_default();
    let locale = payload
        .locale
        .or_else(|| row.locale.as_deref().and_then(|l| LocaleTag::parse(l).ok()))
        .unwrap_or(petition.action.locale);
    Ok(LoadedSignature { row, petition, vault, payload, locale })
}

/// Loads what the link or mail of a signature needs.
///
/// # Errors
/// `internal` when the vault does not open.
pub(super) async fn load_signature(
    kernel: &Kernel,
    conn: &mut PgConnection,
    row: SignatureRow,
) -> Result<LoadedSignature> {
    load_signatures(kernel, conn, vec![row]).await?.pop().unwrap_or_else(|| Err(Error::not_found()))
}

/// As [`load_signature`] for many, in their order; each petition is read once.
///
/// # Errors
/// As [`load_signature`]; the error of one row is its item.
pub(super) async fn load_signatures(
    kernel: &Kernel,
    conn: &mut PgConnection,
    rows: Vec<SignatureRow>,
) -> Result<Vec<Result<LoadedSignature>>> {
    let ids: BTreeSet<Uuid> = rows.iter().map(|row| row.petition_id).collect();
    let opened = open_petitions(kernel, conn, &ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(rows.into_iter().map(|row| open_signature(&opened, row)).collect())
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
) -> Result<()> {
    store::add_deltas(conn, signatures, -1).await?;
    for letter in attached_letters {
        letters::withdraw_attached_letter(conn, kernel, *letter).await?;
    }
    Ok(())
}

/// Deletes a pending signature, with its letter.
pub(super) async fn drop_pending(conn: &mut PgConnection, row: &SignatureRow) -> Result<()> {
    store::delete_pending(conn, row.id).await?;
    if let Some(letter) = row.letter_id {
        letters::drop_attached_letter(conn, letter).await?;
    }
    people::delete_unconfirmed_people(conn, &[row.person_id]).await
}

/// Withdraws a signature and erases its data. Idempotent.
pub(super) async fn withdraw(
    conn: &mut PgConnection,
    kernel: &Kernel,
    row: &SignatureRow,
    protected: bool,
) -> Result<()> {
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
