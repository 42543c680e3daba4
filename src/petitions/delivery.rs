//! Handing a petition over: a number that can be proved without names.
//!
//! The statement fixes the number at one moment together with a list of receipts, one line for each signature that
//! counts: a keyed hash of its id, which tells nobody anything but its owner, who finds the own line on the own page. The
//! list is public as a text file, its SHA-256 stands on the statement: `sha256sum` shows that the list is the one that was
//! handed over, `wc -l` that it is as long as claimed. Names go only where their owners said so (`exports`).

use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    ops::Context,
    signing::Petitions,
    store::{
        Petition,
        deliveries::{self, Delivery, PIECE, RECEIPT, Statement},
    },
};
use crate::{
    campaigns::{Action, Cells, Dimension, exact_cells, exact_total, merge_small},
    error::{Code, Error, Result},
    kernel::{
        i18n::{self, text_of},
        links::Detail,
    },
};

/// A petition's delivery.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn find(conn: &mut PgConnection, petition: &Petition, id: Uuid) -> Result<Delivery> {
    deliveries::deliveries(conn, petition.action.id, Some(id)).await?.pop().ok_or_else(Error::not_found)
}

/// Signatures that are read, and put aside, in one transaction.
const PAGE: i64 = 20_000;
/// Time for which making a list keeps its caller waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fixes the number of a planned delivery, with the list of receipts, as [`make`] does. False when that takes longer than
/// a caller waits: it goes on meanwhile, and the number is there when it is done.
///
/// # Errors
/// As [`make`].
pub async fn fix(petitions: &Petitions, action: &Action, id: Uuid) -> Result<bool> {
    let making = tokio::spawn({
        let (petitions, petition, vault) = (petitions.clone(), action.id, action.vault_id);
        async move { make(&petitions, petition, vault, id).await }
    });
    match timeout(PATIENCE, making).await {
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
pub async fn make(petitions: &Petitions, petition: Uuid, vault: Uuid, id: Uuid) -> Result<()> {
    let kernel = &petitions.kernel;
    let list = kernel.env.id();
    if !deliveries::begin_list(&kernel.work, petition, id, list).await? {
        return Err(Error::problem(Code::Conflict, "Its number is being fixed at the moment, or it was handed over."));
    }
    let made = write(petitions, petition, vault, id, list).await;
    if made.is_err() {
        // if this fails, too, the list's time runs out
        let _ = deliveries::drop_list(&kernel.work, id, list).await;
    }
    made
}

async fn write(petitions: &Petitions, petition: Uuid, vault: Uuid, id: Uuid, list: Uuid) -> Result<()> {
    let kernel = &petitions.kernel;
    let vault = kernel.vaults.open(vault).await?;
    let taken_over = || Error::problem(Code::Conflict, "Another process has taken this over. Try again later.");
    let (erased, paper) = deliveries::beside(&mut *kernel.work.acquire().await?, petition).await?;
    let mut regions = Cells::new();
    let mut after = Uuid::nil();
    for number in 0_i32.. {
        let mut tx = kernel.work.begin().await?;
        let rows = deliveries::counted(&mut tx, petition, after, PAGE).await?;
        let Some(newest) = rows.last() else { break };
        after = newest.id;
        let mut receipts: Vec<_> = rows.iter().map(|row| vault.receipt(id, row.id)).collect();
        for region in rows.into_iter().filter_map(|row| row.region) {
            *regions.entry(region).or_default() += 1;
        }
        deliveries::put_aside(&mut tx, id, list, number, &mut receipts).await?;
        if !deliveries::hold_list(&mut tx, id, list).await? {
            return Err(taken_over());
        }
        tx.commit().await?;
    }
    // by hash, so that a line's place tells nothing about when its owner signed
    let mut hasher = Sha256::new();
    let (mut lines, mut number) = (0_usize, 0_i32);
    let mut piece: Vec<[u8; RECEIPT]> = Vec::with_capacity(PIECE);
    for first in 0..=u8::MAX {
        let mut tx = kernel.work.begin().await?;
        for receipt in deliveries::bucket(&mut tx, list, first).await? {
            hasher.update(line(&receipt));
            lines += 1;
            piece.push(receipt);
            if piece.len() == PIECE {
                deliveries::add_piece(&mut tx, id, list, number, &piece).await?;
                number += 1;
                piece.clear();
            }
        }
        if first == u8::MAX && !piece.is_empty() {
            deliveries::add_piece(&mut tx, id, list, number, &piece).await?;
        }
        if !deliveries::hold_list(&mut tx, id, list).await? {
            return Err(taken_over());
        }
        tx.commit().await?;
    }
    let statement = Statement {
        at: kernel.env.now(),
        receipts: i64::try_from(lines).map_err(Error::internal)?,
        erased,
        paper,
        regions: merge_small(regions),
        sha256: hasher.finalize().to_vec(),
        list,
    };
    if deliveries::state(&kernel.work, id, &statement).await? { Ok(()) } else { Err(taken_over()) }
}

/// A receipt's line in the list: 32 hexadecimal digits.
pub fn line(receipt: &[u8; RECEIPT]) -> String {
    hex::encode(receipt) + "\n"
}

/// The lines of a signer in the lists of the deliveries that were done, for the own page.
///
/// # Errors
/// A database error.
pub async fn own_receipts(conn: &mut PgConnection, c: &Context) -> Result<Vec<Detail>> {
    let mut lines = Vec::new();
    for delivery in &c.petition.deliveries {
        let Some(statement) = &delivery.statement else { continue };
        let receipt = c.vault.receipt(delivery.id, c.row.id);
        if deliveries::holds(conn, statement.list, receipt).await? {
            let label = text_of(c.locale, "own-receipt", "date", i18n::date(c.locale, delivery.date));
            lines.push(Detail { label, value: hex::encode(receipt) });
        }
    }
    Ok(lines)
}

/// What counts of a petition at this moment, or counted when the number was fixed.
#[derive(Debug)]
pub struct Figures {
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
pub async fn figures(conn: &mut PgConnection, petition: &Petition, delivery: &Delivery) -> Result<Figures> {
    Ok(match &delivery.statement {
        Some(s) => Figures { total: s.total(), paper: s.paper, regions: s.regions.clone() },
        None => Figures {
            total: exact_total(conn, petition.action.id).await?,
            paper: petition.extra,
            regions: merge_small(exact_cells(conn, petition.action.id, Dimension::Region).await?),
        },
    })
}
