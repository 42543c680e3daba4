//! What imports keep about people: the file that brought them, and their rows in files that are not read to the end.
//!
//! The rows of somebody who is erased are overwritten in the stored pieces with line feeds, which the reader skips, so that
//! all other rows stay where they are. Rows that a step of the import has read by then are refused when they are
//! submitted (`submit_signatures` compares `imports.erasures`), and the step reads again. A file that is still coming in is
//! given up: what is on its way cannot be looked through.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    csv_reader::{CsvRow, ReadResult, read_rows},
    import::{self, CHUNK_BYTES, MAX_OPEN_CHUNKS},
    import_cells,
    state::ImportState,
    store::imports::{self, Import},
    submission::Petitions,
};
use crate::{
    error::{Error, Result},
    kernel::{text::EmailAddress, vault::Vault},
    people::{PersonRecord, PersonRecords, UnreadRows},
};

/// The records of imports.
pub(super) struct ImportRecords(pub Petitions);

impl PersonRecords for ImportRecords {
    fn name(&self) -> &'static str {
        "imports"
    }

    fn label(&self) -> Option<&'static str> {
        None
    }

    fn page_label(&self) -> Option<&'static str> {
        Some("own-data-import")
    }

    fn read<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        _: &'a Vault,
        person: Uuid,
    ) -> BoxFuture<'a, Result<Vec<PersonRecord>>> {
        Box::pin(async move {
            let brought = imports::that_brought(conn, person).await?.into_iter();
            let record = |brought: imports::ImportSource| PersonRecord {
                id: brought.id,
                title: brought.title.clone(),
                at: brought.created_at,
                is_effective: true,
                own_page: None,
                confirm_page: None,
                data: json!({
                    "petition": brought.title,
                    "file": brought.name,
                    "created_date": brought.created_at,
                }),
            };
            Ok(brought.map(record).collect())
        })
    }

    fn row_ids<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<Vec<Uuid>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn erase_unread<'a>(&'a self, conn: &'a mut PgConnection, of: &'a UnreadRows<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(erase_rows(&self.0, conn, of))
    }

    fn give_up_unread<'a>(&'a self, conn: &'a mut PgConnection) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for import in imports::lock_all_unfinished(conn).await? {
                give_up(&self.0, conn, &import).await?;
            }
            Ok(())
        })
    }

    /// The signatures that it brought are erased with all others.
    fn erase<'a>(&'a self, _: &'a mut PgConnection, _: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn erase_rows(petitions: &Petitions, conn: &mut PgConnection, of: &UnreadRows<'_>) -> Result<()> {
    if of.email_index.is_empty() {
        return Ok(());
    }
    for import in imports::lock_unread(conn, of.vault_id).await? {
        match of.vault {
            Some(vault)
                if matches!(import.state, ImportState::Uploaded | ImportState::Running | ImportState::Checked) =>
            {
                overwrite_rows(petitions, conn, vault, &import, of.email_index).await?;
                imports::add_erasure(conn, import.id).await?;
            }
            _ => give_up(petitions, conn, &import).await?,
        }
    }
    Ok(())
}

/// Cancels an import that has not ended, and deletes its file.
async fn give_up(petitions: &Petitions, conn: &mut PgConnection, import: &Import) -> Result<()> {
    imports::add_erasure(conn, import.id).await?;
    if !import.state.has_ended() {
        imports::cancel(conn, import.id, petitions.kernel.env.now()).await?;
    }
    imports::delete_chunks(conn, import.id, i32::MAX, i64::MAX).await?;
    Ok(())
}

/// Pieces of a file that are open, by their number.
#[derive(Default)]
struct OpenChunks {
    chunks: BTreeMap<i32, Vec<u8>>,
    changed: BTreeSet<i32>,
}

impl OpenChunks {
    /// The bytes of the open pieces from a place in the file on.
    fn from(&self, at: usize) -> Vec<u8> {
        let bytes: Vec<&[u8]> = self.chunks.values().map(Vec::as_slice).collect();
        bytes.concat().get(at % CHUNK_BYTES..).unwrap_or_default().to_vec()
    }

    /// Overwrites a range of the file.
    fn overwrite(&mut self, range: Range<usize>) {
        for (number, bytes) in &mut self.chunks {
            let begins = usize::try_from(*number).unwrap_or_default() * CHUNK_BYTES;
            let start = range.start.max(begins) - begins;
            let end = range.end.min(begins + bytes.len()).saturating_sub(begins);
            if let Some(rows) = bytes.get_mut(start..end).filter(|rows| !rows.is_empty()) {
                rows.fill(b'\n');
                self.changed.insert(*number);
            }
        }
    }

    /// Takes the pieces below a number out; those that were changed, with their bytes.
    fn take_below(&mut self, number: i32) -> Vec<(i32, Vec<u8>)> {
        let kept = self.chunks.split_off(&number);
        let done = std::mem::replace(&mut self.chunks, kept);
        done.into_iter().filter(|(number, _)| self.changed.remove(number)).collect()
    }
}

/// Overwrites the rows with an address, and in an import that signs also all rows that were read before.
async fn overwrite_rows(
    petitions: &Petitions,
    conn: &mut PgConnection,
    vault: &Vault,
    import: &Import,
    email_index: &[u8],
) -> Result<()> {
    let is_hers = |row: &CsvRow| {
        let mut addresses = row.cells.iter().flatten().filter(|cell| cell.contains('@'));
        addresses.any(|cell| {
            EmailAddress::parse(&import_cells::address(cell))
                .is_ok_and(|address| vault.email_index(&address) == email_index)
        })
    };
    // a dry run reads the file again
    let done = if import.state == ImportState::Running && !import.dry_run { import.offset_bytes } else { 0 };
    let mut at = usize::try_from(done).map_err(Error::internal)?;
    let bytes = usize::try_from(import.bytes).map_err(Error::internal)?;
    let mut open = OpenChunks::default();
    let mut is_first = true;
    loop {
        let first = i32::try_from(at / CHUNK_BYTES).map_err(Error::internal)?;
        for (number, bytes) in open.take_below(first) {
            save(petitions, conn, vault, import.id, number, &bytes).await?;
        }
        let next = open.chunks.keys().next_back().map_or(first, |last| last + 1);
        let most = i64::from(MAX_OPEN_CHUNKS) - i64::try_from(open.chunks.len()).map_err(Error::internal)?;
        for (number, sealed) in imports::chunks(conn, import.id, next, most).await? {
            open.chunks.insert(number, import::open_chunk(vault, import.id, &sealed)?);
        }
        if std::mem::take(&mut is_first) {
            open.overwrite(at - at % CHUNK_BYTES..at);
        }
        let part = open.from(at);
        match read_rows(&part, at + part.len() >= bytes)? {
            ReadResult::Rows { rows, used, is_last } => {
                for row in rows.iter().filter(|row| is_hers(row)) {
                    open.overwrite(at + row.bytes.start..at + row.bytes.end);
                }
                at += used.get();
                if is_last {
                    break;
                }
            }
            // one that is not readable the import finds, too
            ReadResult::End | ReadResult::Incomplete => break,
        }
    }
    for (number, bytes) in open.take_below(i32::MAX) {
        save(petitions, conn, vault, import.id, number, &bytes).await?;
    }
    Ok(())
}

async fn save(
    petitions: &Petitions,
    conn: &mut PgConnection,
    vault: &Vault,
    import: Uuid,
    number: i32,
    bytes: &[u8],
) -> Result<()> {
    imports::replace_chunk(conn, import, number, &import::seal_chunk(petitions, vault, import, bytes)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_overwritten_across_pieces() {
        let mut open = OpenChunks::default();
        for number in 3..6 {
            open.chunks.insert(number, vec![b'x'; CHUNK_BYTES]);
        }
        let start = 3 * CHUNK_BYTES;
        assert_eq!(open.from(start + 10).len(), 3 * CHUNK_BYTES - 10);
        open.overwrite(start + CHUNK_BYTES - 2..start + CHUNK_BYTES + 3);
        open.overwrite(start..start);
        let changed = open.take_below(6);
        assert_eq!(changed.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(changed[0].1[CHUNK_BYTES - 3..], *b"x\n\n");
        assert_eq!(changed[1].1[..4], *b"\n\n\nx");
        assert!(open.chunks.is_empty());
    }
}
