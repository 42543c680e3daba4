//! Letters attached to another slice's submission (a signature): one form, one confirmation, both or neither take
//! effect.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    confirmation::{self, LetterStep},
    kind::{LetterKind, LoadedLetter},
    links, ops,
    state::LetterState,
    store,
};
use crate::{
    actions::submission::load,
    error::{Code, Result},
    kernel::{Kernel, group_commit::BatchError, links::Detail},
    people,
};

/// Confirms letters whose signatures were confirmed. One that is not pending stays as it is. The caller holds the locks
/// of the people.
///
/// # Errors
/// `internal` when a vault does not open.
pub async fn confirm_attached_letters(
    conn: &mut PgConnection,
    kernel: &Kernel,
    ids: &[Uuid],
) -> Result<(), BatchError> {
    if ids.is_empty() {
        return Ok(());
    }
    let rows = store::lock_letters(conn, ids).await?;
    let pending = rows.into_iter().filter(|row| row.state == LetterState::Pending && row.sealed.is_some());
    let mut loaded = Vec::new();
    for letter in load::<LetterKind>(kernel, conn, pending.collect()).await? {
        loaded.push(letter?);
    }
    for round in people::rounds(loaded, |letter| letter.row.person_id) {
        let people: Vec<Uuid> = round.iter().map(|letter| letter.row.person_id).collect();
        let people = people::lock_people(conn, &people).await?;
        let find = |letter: LoadedLetter| -> Result<Option<LetterStep>> {
            let person = people.iter().find(|person| person.id == letter.row.person_id);
            person.map(|person| LetterStep::new(kernel, letter, person)).transpose()
        };
        let steps = round.into_iter().filter_map(|letter| find(letter).transpose()).collect::<Result<Vec<_>>>()?;
        confirmation::write_round(kernel, conn, &steps).await?;
    }
    Ok(())
}

/// The offices of an attached letter, and what they will read; nothing when there is none any more.
///
/// # Errors
/// `internal` when the vault or the template does not open.
pub async fn attached_letter_details(kernel: &Kernel, conn: &mut PgConnection, id: Uuid) -> Result<Vec<Detail>> {
    let rows = store::letters(conn, &[id]).await?;
    let Some(letter) = load::<LetterKind>(kernel, conn, rows).await?.pop() else { return Ok(Vec::new()) };
    links::attached_details(&letter?)
}

/// Deletes a pending letter whose signature does not count.
pub async fn drop_attached_letter(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    store::delete_pending(conn, id).await
}

/// Cancels the unsent outreaches of a letter whose signature was withdrawn.
pub async fn withdraw_attached_letter(conn: &mut PgConnection, kernel: &Kernel, id: Uuid) -> Result<()> {
    let row = match store::lock_letter(conn, id).await {
        Err(error) if error.code() == Code::NotFound => return Ok(()),
        row => row?,
    };
    let letter = ops::load_actions(kernel, conn, &[row.letter_action_id]).await?.pop();
    let Some(letter) = letter else { return Ok(()) };
    ops::withdraw(conn, kernel, &letter, &row).await.map(|_| ())
}
