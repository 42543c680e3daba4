//! Letters attached to another slice's submission (a signature): one form, one confirmation, both or neither take
//! effect.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{ops, state::LetterState, store, submission::LETTERS};
use crate::{
    campaigns,
    error::{Code, Result},
    kernel::Kernel,
};

/// Confirms a letter whose signature was confirmed. One that is not pending stays as it is.
///
/// # Errors
/// `internal` when the vault does not open.
pub async fn confirm_attached_letter(conn: &mut PgConnection, kernel: &Kernel, id: Uuid) -> Result<()> {
    let Some((row, letter)) = find(conn, kernel, id).await? else { return Ok(()) };
    let (Some(sealed), LetterState::Pending) = (&row.sealed, row.state) else { return Ok(()) };
    let vault = kernel.vaults.open(row.vault_id).await?;
    let payload = vault.open(LETTERS, row.id, sealed)?;
    ops::confirm(conn, kernel, &vault, &letter, &row, payload).await
}

/// Deletes a pending letter whose signature does not count.
pub async fn drop_attached_letter(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    store::delete_pending(conn, id).await
}

/// Cancels the unsent outreaches of a letter whose signature was withdrawn.
pub async fn withdraw_attached_letter(conn: &mut PgConnection, kernel: &Kernel, id: Uuid) -> Result<()> {
    let Some((row, letter)) = find(conn, kernel, id).await? else { return Ok(()) };
    ops::withdraw(conn, kernel, &letter, &row).await.map(|_| ())
}

async fn find(
    conn: &mut PgConnection,
    kernel: &Kernel,
    id: Uuid,
) -> Result<Option<(store::LetterRow, store::LetterAction)>> {
    let row = match store::lock_letter(conn, id).await {
        Err(error) if error.code() == Code::NotFound => return Ok(None),
        row => row?,
    };
    let action = campaigns::by_id(conn, row.letter_action_id).await?;
    let letter = store::load_for_action(conn, action, kernel.env.now().date_naive()).await?;
    Ok(Some((row, letter)))
}
