//! Letters that another slice's act writes along: one form, one confirmation, both or neither.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{ops, store, submission::LETTERS};
use crate::{
    campaigns,
    error::{Code, Result},
    kernel::Kernel,
};

/// The act that carries the letter was confirmed: the letter goes on its way. One that went before stays as it is.
///
/// # Errors
/// `internal` when the vault does not open, or a database error.
pub async fn confirm_attached_letter(conn: &mut PgConnection, kernel: &Kernel, id: Uuid) -> Result<()> {
    let Some((row, letter)) = find(conn, kernel, id).await? else { return Ok(()) };
    let (Some(sealed), "pending") = (&row.sealed, row.state.as_str()) else { return Ok(()) };
    let vault = kernel.vaults.open(row.vault_id).await?;
    let payload = vault.open(LETTERS, row.id, sealed)?;
    ops::confirm(conn, kernel, &vault, &letter, &row, payload).await
}

/// The act that carries the letter does not count: the letter is not sent.
///
/// # Errors
/// A database error.
pub async fn drop_attached_letter(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    store::delete_pending(conn, id).await
}

/// The act that carries the letter was taken back: what has not gone out yet is stopped.
///
/// # Errors
/// A database error.
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
