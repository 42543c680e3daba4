//! Operations on petitions and signatures: create, confirm, withdraw, reject.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    document::{NewPetition, PetitionDocument, last_segment},
    mail::ThanksMail,
    state::{CommentState, SignatureState},
    store::{self, Petition, SignatureRow},
    submission::{Petitions, SIGNATURES, SignaturePayload},
};
use crate::{
    campaigns::{self, Confirmation, Kind, NewAction, Privacy, State},
    error::{Code, Error, Result},
    kernel::{Kernel, links::expired, text::LocaleTag, vault::Vault},
    letters,
    mail::{self, Class, NewEmail},
    people::{self, ConsentContext},
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
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<SignatureRow> {
    let row = store::signature(conn, id).await?;
    people::lock_person(conn, row.person_id).await?;
    store::lock_signature(conn, id).await
}

/// Loads what the link or mail of a signature needs.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn load_signature(
    petitions: &Petitions,
    conn: &mut PgConnection,
    row: SignatureRow,
) -> Result<LoadedSignature> {
    load_signatures(petitions, conn, vec![row]).await?.pop().unwrap_or_else(|| Err(Error::not_found()))
}

/// As [`load_signature`] for many, in their order; each petition is read once.
///
/// # Errors
/// As [`load_signature`]; the error of one row is its item.
pub async fn load_signatures(
    petitions: &Petitions,
    conn: &mut PgConnection,
    rows: Vec<SignatureRow>,
) -> Result<Vec<Result<LoadedSignature>>> {
    let mut known: HashMap<Uuid, (Arc<Petition>, Arc<Vault>)> = HashMap::new();
    for row in &rows {
        if let Entry::Vacant(place) = known.entry(row.petition_id) {
            let petition = store::petition(conn, row.petition_id).await?;
            let vault = petitions.kernel.vaults.open(petition.action.vault_id).await?;
            place.insert((Arc::new(petition), vault));
        }
    }
    let open = |row: SignatureRow| {
        let (petition, vault) = known[&row.petition_id].clone();
        let payload: SignaturePayload =
            row.sealed.as_deref().map(|sealed| vault.open(SIGNATURES, row.id, sealed)).transpose()?.unwrap_or_default();
        let locale = payload
            .locale
            .or_else(|| row.locale.as_deref().and_then(|l| LocaleTag::parse(l).ok()))
            .unwrap_or(petition.action.locale);
        Ok(LoadedSignature { row, petition, vault, payload, locale })
    };
    Ok(rows.into_iter().map(open).collect())
}

/// Confirms a signature on behalf of the owner of its address. Idempotent.
///
/// # Errors
/// `link_expired` when the signature does not exist any more or was not confirmed in time.
pub async fn confirm(petitions: &Petitions, conn: &mut PgConnection, c: &LoadedSignature) -> Result<()> {
    let kernel = &petitions.kernel;
    let action = &c.petition.action;
    match c.row.state {
        SignatureState::Counted | SignatureState::Quarantined => return Ok(()),
        SignatureState::Duplicate => {
            // confirmed only while the signature into which it was merged is effective
            return store::find_effective(conn, &c.row).await?.map(|_| ()).ok_or_else(expired);
        }
        SignatureState::Pending if c.row.confirm_expires_at.is_some_and(|at| at > kernel.env.now()) => {}
        _ => return Err(expired()),
    }
    // a signature given in time counts, also when the petition has closed since
    if matches!(action.state, State::Draft | State::Archived) {
        return Err(expired());
    }
    let at = kernel.env.recorded_now(action.protected);
    let dropped = c.petition.drops_contact(c.payload.keep_nothing);
    // the lock of the person's row ensures one counted signature for each address
    if dropped {
        people::lock_person(conn, c.row.person_id).await?;
    } else {
        merge_into_person(conn, kernel, c).await?;
    }
    // a suspicious signature is quarantined: it does not count, and its letter is not sent
    let counts = c.row.quarantine_reason.is_none();
    let into = if counts { SignatureState::Counted } else { SignatureState::Quarantined };
    if store::confirm_pending(conn, &c.row, into, at).await? {
        if counts {
            start_counting(conn, kernel, &[c.row.id], c.row.letter_id.as_slice()).await?;
        }
        if dropped {
            // the address is erased, so the next page shows what the mail would have contained
            store::drop_contact(conn, &c.row).await?;
        } else if action.send_thanks {
            let email = NewEmail {
                organization_id: action.organization_id,
                class: Class::Notice,
                kind: ThanksMail::KIND,
                lane: "",
                refs: json!({"signature": c.row.id}),
                protected: action.protected,
                due_at: None,
            };
            mail::enqueue(conn, &kernel.env, email).await?;
        }
    } else if let Some(counted) = store::lock_effective(conn, &c.row).await? {
        store::end_signature(conn, c.row.id, SignatureState::Duplicate, at).await?;
        if let Some(letter) = c.row.letter_id {
            letters::drop_attached_letter(conn, letter).await?;
        }
        if dropped {
            return store::drop_contact(conn, &counted).await;
        }
        // signed before: the new data replaces the former
        let before: SignaturePayload = counted
            .sealed
            .as_deref()
            .map(|sealed| c.vault.open(SIGNATURES, counted.id, sealed))
            .transpose()?
            .unwrap_or_default();
        let now = SignaturePayload {
            details: before.details.merged(c.payload.details.clone()),
            comments: if c.payload.comments.is_empty() { before.comments } else { c.payload.comments.clone() },
            answers: before.answers.into_iter().chain(c.payload.answers.clone()).collect(),
            ..c.payload.clone()
        };
        let sealed = c.vault.seal(&kernel.env, SIGNATURES, counted.id, &now);
        store::update_counted(conn, counted.id, &sealed, &c.row, !c.payload.comments.is_empty()).await?;
        store::comments::notify_changed(conn, action.id).await?;
    }
    Ok(())
}

/// Adds signatures to the counters and confirms their attached letters.
///
/// # Errors
/// `internal` when a vault does not open.
pub async fn start_counting(
    conn: &mut PgConnection,
    kernel: &Kernel,
    signatures: &[Uuid],
    attached_letters: &[Uuid],
) -> Result<()> {
    store::add_deltas(conn, signatures, 1).await?;
    for letter in attached_letters {
        letters::confirm_attached_letter(conn, kernel, *letter).await?;
    }
    Ok(())
}

/// Subtracts signatures from the counters and stops what was not sent of their attached letters.
pub async fn stop_counting(
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

/// Merges details and consents into the person.
async fn merge_into_person(conn: &mut PgConnection, kernel: &Kernel, c: &LoadedSignature) -> Result<()> {
    let action = &c.petition.action;
    people::merge_confirmed_details(
        conn,
        kernel,
        &c.vault,
        c.row.person_id,
        c.payload.details.clone(),
        c.row.locale.as_deref(),
        action.protected,
    )
    .await?;
    let source = format!("petition:{}", action.slug);
    let consent_context = ConsentContext {
        organization: action.organization_id,
        organization_name: &action.organization_name,
        locale: c.locale,
        source: &source,
        updates_wording: None,
    };
    people::append_consents(conn, kernel, c.row.person_id, &c.payload.consents, consent_context, action.protected).await
}

/// Deletes a pending signature, with its letter.
pub async fn drop_pending(conn: &mut PgConnection, row: &SignatureRow) -> Result<()> {
    store::delete_pending(conn, row.id).await?;
    if let Some(letter) = row.letter_id {
        letters::drop_attached_letter(conn, letter).await?;
    }
    people::delete_unconfirmed_people(conn, &[row.person_id]).await
}

/// Withdraws a signature and erases its data. Idempotent.
pub async fn withdraw(conn: &mut PgConnection, kernel: &Kernel, row: &SignatureRow, protected: bool) -> Result<()> {
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
        store::erase_duplicate_payloads(conn, row.petition_id, row.person_id).await?;
    }
    Ok(())
}
