//! Letters attached to another slice's submission (a signature): one form, one confirmation, both or neither take
//! effect.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    confirmation::{self, LetterStep},
    kind::{LetterKind, LoadedLetter},
    ops,
    state::LetterState,
    store,
};
use crate::{
    actions::submission::load,
    error::{Code, Result},
    kernel::{Kernel, group_commit::BatchError},
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
