//! Identifiers in other systems that organizers give a submission: sealed in its row, and found by keyed indexes. Submissions of
//! protected actions have none, because nobody vouches for them.

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{SubmissionKey, SubmissionKind, SubmissionPayload, SubmissionRow};
use crate::{
    error::{Error, Result},
    kernel::{Kernel, vault::Vault},
    people,
};

/// Adds identifiers to those of a submission, unless its contact was dropped.
///
/// # Errors
/// `not_found`; `internal` when the vault does not open its row.
pub async fn add_identifiers<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    vault: &Vault,
    submission: Uuid,
    identifiers: &[String],
) -> Result<()> {
    if identifiers.is_empty() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    let row = K::rows(&mut tx, &[submission]).await?.pop().ok_or_else(Error::not_found)?;
    people::lock_people(&mut tx, &[row.person_id()]).await?;
    let key = SubmissionKey { id: submission, person_id: row.person_id(), link_generation: row.link_generation() };
    let (row, _) = K::lock(&mut tx, &[key]).await?.pop().ok_or_else(Error::not_found)?;
    let Some(sealed) = row.sealed() else { return Ok(()) };
    let mut payload: K::Payload = vault.open(K::TABLE, submission, sealed)?;
    people::add_labels(payload.identifiers_mut(), identifiers);
    if !K::replace_sealed(&mut tx, submission, &vault.seal(&kernel.env, K::TABLE, submission, &payload)).await? {
        return Ok(());
    }
    people::index_submission(&mut tx, vault, row.person_id(), submission, payload.identifiers_mut()).await?;
    Ok(tx.commit().await?)
}
