//! Handing a petition over: a number that can be proved without names.
//!
//! The statement fixes the number at one moment together with a list of receipts, one line for each signature that
//! counts: a keyed hash of its id, which tells nobody anything but its owner, who finds the own line on the own page. The
//! list is public as a text file, its SHA-256 stands on the statement: `sha256sum` shows that the list is the one that was
//! handed over, `wc -l` that it is as long as claimed. Names go only where their owners said so (`exports`).

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    ops::LoadedSignature,
    store::{
        Petition,
        deliveries::{self, PetitionDelivery, RECEIPT_BYTES, RECEIPTS_PER_CHUNK, Statement},
    },
    submission::Petitions,
};
use crate::{
    campaigns::{Action, Cells, Dimension, exact_cells, exact_total, merge_small_cells},
    error::{Code, Error, Result},
    kernel::{
        i18n::{self, text_of},
        links::Detail,
    },
    telemetry,
};

/// A petition's delivery.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn find(conn: &mut PgConnection, petition: &Petition, id: Uuid) -> Result<PetitionDelivery> {
    deliveries::deliveries(conn, petition.action.id, Some(id)).await?.pop().ok_or_else(Error::not_found)
}

/// Signatures that are read, and put aside, in one transaction.
const SIGNATURES_PER_TRANSACTION: i64 = 20_000;
/// Time for which making a list keeps its caller waiting.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Fixes the number of a planned delivery, with the list of receipts, as [`make_statement`] does. False when that takes longer than
/// a caller waits: it goes on meanwhile, and the number is there when it is done.
///
/// # Errors
/// As [`make_statement`].
pub async fn fix_count(petitions: &Petitions, action: &Action, id: Uuid) -> Result<bool> {
    let making = telemetry::spawn_in_span({
        let (petitions, petition, vault) = (petitions.clone(), action.id, action.vault_id);
        async move { make_statement(&petitions, petition, vault, id).await }
    });
    match timeout(RESPONSE_TIMEOUT, making).await {
        Ok(made) => made.map_err(Error::internal)?.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Fixes the number of a planned delivery, with the list of receipts, in short transactions: a signature is on the list if
/// it counts when its page is read, and the number is that of the lines. Those that were erased are taken before, so
/// that none stands in both.
///
/// # Errors
/// `conflict` while a list is made already or when the delivery was done; `unavailable` without the vault's key; or a
/// database error.
pub async fn make_statement(petitions: &Petitions, petition: Uuid, vault: Uuid, id: Uuid) -> Result<()> {
    let kernel = &petitions.kernel;
    let list = kernel.env.id();
    if !deliveries::begin_list(&kernel.work, petition, id, list).await? {
        return Err(Error::problem(Code::Conflict, "Its number is being fixed at the moment, or it was handed over."));
    }
    let made = write_statement(petitions, petition, vault, id, list).await;
    if made.is_err() {
        // if this fails, too, the list's time runs out
        let _ = deliveries::delete_list(&kernel.work, id, list).await;
    }
    made
}

async fn write_statement(petitions: &Petitions, petition: Uuid, vault: Uuid, id: Uuid, list: Uuid) -> Result<()> {
    let kernel = &petitions.kernel;
    let vault = kernel.vaults.open(vault).await?;
    let taken_over = || Error::problem(Code::Conflict, "Another process has taken this over. Try again later.");
    let (erased, paper) = deliveries::erased_and_paper_counts(&mut *kernel.work.acquire().await?, petition).await?;
    let mut regions = Cells::new();
    let mut after = Uuid::nil();
    for number in 0_i32.. {
        let mut tx = kernel.work.begin().await?;
        let rows = deliveries::counted_signatures(&mut tx, petition, after, SIGNATURES_PER_TRANSACTION).await?;
        let Some(newest) = rows.last() else { break };
        after = newest.id;
        let mut receipts: Vec<_> = rows.iter().map(|row| vault.receipt(id, row.id)).collect();
        for region in rows.into_iter().filter_map(|row| row.region) {
            *regions.entry(region).or_default() += 1;
        }
        deliveries::insert_buckets(&mut tx, id, list, number, &mut receipts).await?;
        if !deliveries::lock_list(&mut tx, id, list).await? {
            return Err(taken_over());
        }
        tx.commit().await?;
    }
    // by hash, so that a line's place tells nothing about when its owner signed
    let mut hasher = Sha256::new();
    let (mut lines, mut number) = (0_usize, 0_i32);
    let mut chunk: Vec<[u8; RECEIPT_BYTES]> = Vec::with_capacity(RECEIPTS_PER_CHUNK);
    for first in 0..=u8::MAX {
        let mut tx = kernel.work.begin().await?;
        for receipt in deliveries::bucket(&mut tx, list, first).await? {
            hasher.update(receipt_line(&receipt));
            lines += 1;
            chunk.push(receipt);
            if chunk.len() == RECEIPTS_PER_CHUNK {
                deliveries::insert_chunk(&mut tx, id, list, number, &chunk).await?;
                number += 1;
                chunk.clear();
            }
        }
        if first == u8::MAX && !chunk.is_empty() {
            deliveries::insert_chunk(&mut tx, id, list, number, &chunk).await?;
        }
        if !deliveries::lock_list(&mut tx, id, list).await? {
            return Err(taken_over());
        }
        tx.commit().await?;
    }
    let statement = Statement {
        at: kernel.env.now(),
        receipts: i64::try_from(lines).map_err(Error::internal)?,
        erased,
        paper,
        regions: merge_small_cells(regions),
        sha256: hasher.finalize().to_vec(),
        list,
    };
    if deliveries::save_statement(&kernel.work, id, &statement).await? { Ok(()) } else { Err(taken_over()) }
}

/// A receipt's line in the list: 32 hexadecimal digits.
pub fn receipt_line(receipt: &[u8; RECEIPT_BYTES]) -> String {
    HEXLOWER.encode(receipt) + "\n"
}

/// The lines of a signer in the lists of the deliveries that were done, for the own page.
///
/// # Errors
/// A database error.
pub async fn signer_receipts(conn: &mut PgConnection, c: &LoadedSignature) -> Result<Vec<Detail>> {
    let mut lines = Vec::new();
    for delivery in &c.petition.deliveries {
        let Some(statement) = &delivery.statement else { continue };
        let receipt = c.vault.receipt(delivery.id, c.row.id);
        if deliveries::contains_receipt(conn, statement.list, receipt).await? {
            let label = text_of(c.locale, "own-receipt", "date", i18n::date(c.locale, delivery.date));
            lines.push(Detail { label, value: HEXLOWER.encode(&receipt) });
        }
    }
    Ok(lines)
}

/// What counts of a petition at this moment, or counted when the number was fixed.
#[derive(Debug)]
pub struct DeliveryCounts {
    /// Signatures given here.
    pub total: i64,
    /// Signatures on paper.
    pub paper: i64,
    /// By country and region, small cells merged.
    pub regions: Cells,
}

/// The numbers of a delivery: fixed ones, or as they stand while none are.
///
/// # Errors
/// A database error.
pub async fn delivery_counts(
    conn: &mut PgConnection,
    petition: &Petition,
    delivery: &PetitionDelivery,
) -> Result<DeliveryCounts> {
    Ok(match &delivery.statement {
        Some(s) => DeliveryCounts { total: s.total(), paper: s.paper, regions: s.regions.clone() },
        None => DeliveryCounts {
            total: exact_total(conn, petition.action.id).await?,
            paper: petition.paper_count,
            regions: merge_small_cells(exact_cells(conn, petition.action.id, Dimension::Region).await?),
        },
    })
}
