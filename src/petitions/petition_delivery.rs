//! Deliveries of petitions: a number that can be verified without names.
//!
//! The statement fixes the number at one time, together with a list of receipts, one line for each counted signature:
//! a keyed hash of its id, which only its owner can recognise (the own page shows it). The list is a public text file
//! whose SHA-256 is part of the statement: `sha256sum` verifies that the list is the one that was delivered, `wc -l`
//! its length. Names are exported only with their owners' consent (`exports`).

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    kind::LoadedSignature,
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
        background::TURN_LIMIT,
        db::with_timeout,
        i18n::{self, text_of},
        links::Detail,
        vault::Vault,
    },
    telemetry,
};

/// A petition's delivery.
///
/// # Errors
/// `not_found`.
pub async fn find(conn: &mut PgConnection, petition: &Petition, id: Uuid) -> Result<PetitionDelivery> {
    deliveries::delivery(conn, petition.action.id, id).await?.ok_or_else(Error::not_found)
}

/// Signatures processed in one transaction.
const SIGNATURES_PER_TRANSACTION: i64 = 20_000;
/// Timeout of a request that fixes a number; the work continues afterwards.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Fixes the number of a planned delivery as [`make_statement`] does. False when it takes longer than
/// [`RESPONSE_TIMEOUT`]: it continues in the background.
///
/// # Errors
/// As [`make_statement`].
pub(super) async fn fix_count(petitions: &Petitions, action: &Action, id: Uuid) -> Result<bool> {
    let making = telemetry::spawn_in_span({
        let (petitions, petition, vault) = (petitions.clone(), action.id, action.vault_id);
        async move {
            let making = make_statement(&petitions, petition, vault, id);
            with_timeout(TURN_LIMIT, "a statement of a delivery", making).await
        }
    });
    match timeout(RESPONSE_TIMEOUT, making).await {
        Ok(made) => made.map_err(Error::internal)?.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Fixes the number of a planned delivery, with the list of receipts, in short transactions: a signature is listed if
/// it counts when its page is read, and the number is the length of the list. The number of erased signatures is read
/// before, so that none is in both.
///
/// # Errors
/// `conflict` while another list is made or when the delivery was done; `unavailable` without the vault's key.
pub(super) async fn make_statement(petitions: &Petitions, petition: Uuid, vault: Uuid, id: Uuid) -> Result<()> {
    let kernel = &petitions.kernel;
    let list = kernel.env.id();
    if !deliveries::begin_list(&kernel.work, petition, id, list).await? {
        return Err(Error::problem(Code::Conflict, "Its number is being fixed at the moment, or it was handed over."));
    }
    let made = write_statement(petitions, petition, vault, id, list).await;
    if made.is_err() {
        // if this fails, too, the lease of the list expires
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
        let mut receipts: Vec<_> = rows.iter().map(|row| receipt(&vault, id, row.id)).collect();
        for region in rows.into_iter().filter_map(|row| row.region) {
            *regions.entry(region).or_default() += 1;
        }
        deliveries::insert_buckets(&mut tx, id, list, number, &mut receipts).await?;
        if !deliveries::lock_list(&mut tx, id, list).await? {
            return Err(taken_over());
        }
        tx.commit().await?;
    }
    // sorted by hash, so that the order tells nothing about the time of signing
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

/// The receipt that stands for a signature in the list of a delivery: without the vault's key nobody can tell whose it is.
fn receipt(vault: &Vault, delivery: Uuid, signature: Uuid) -> [u8; RECEIPT_BYTES] {
    vault.pseudonym("receipt", delivery, signature)
}

/// A receipt as in the list: 32 hexadecimal digits.
pub(super) fn receipt_line(receipt: &[u8; RECEIPT_BYTES]) -> String {
    HEXLOWER.encode(receipt) + "\n"
}

/// The receipts of a signature in the lists of done deliveries, for the own page.
pub(super) async fn signer_receipts(conn: &mut PgConnection, c: &LoadedSignature) -> Result<Vec<Detail>> {
    let mut lines = Vec::new();
    for delivery in &c.parent.deliveries {
        let Some(statement) = &delivery.statement else { continue };
        let receipt = receipt(&c.vault, delivery.id, c.row.id);
        if deliveries::contains_receipt(conn, statement.list, receipt).await? {
            let label = text_of(c.locale, "own-receipt", "date", i18n::date(c.locale, delivery.date));
            lines.push(Detail { label, value: HEXLOWER.encode(&receipt) });
        }
    }
    Ok(lines)
}

/// Counts of a petition, now or when the number was fixed.
#[derive(Debug)]
pub struct DeliveryCounts {
    /// Signatures given here.
    pub total: i64,
    /// Signatures on paper.
    pub paper: i64,
    /// By country and region, small cells merged.
    pub regions: Cells,
}

/// The fixed counts of a delivery, or the current ones while none are fixed.
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
