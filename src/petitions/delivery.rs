//! Handing a petition over: a number that can be proved without names.
//!
//! The statement fixes the number at one moment together with a list of receipts, one line for each signature that
//! counts: a keyed hash of its id, which tells nobody anything but its owner, who finds the own line on the own page. The
//! list is public as a text file, its SHA-256 stands on the statement: `sha256sum` shows that the list is the one that was
//! handed over, `wc -l` that it is as long as claimed. Names go only where their owners said so (`exports`).

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::{
    ops::Context,
    signing::Petitions,
    store::{
        Petition,
        deliveries::{self, Delivery, RECEIPT, Statement},
    },
};
use crate::{
    campaigns::{Cells, Dimension, exact_cells, exact_total, merge_small},
    error::{Error, Result},
    kernel::{
        i18n::{self, text_of},
        links::Detail,
    },
};

/// A petition's delivery.
///
/// # Errors
/// `not_found`, or a database error.
pub async fn find(conn: &mut PgConnection, petition: &Petition, id: uuid::Uuid) -> Result<Delivery> {
    deliveries::deliveries(conn, petition.action.id, Some(id)).await?.pop().ok_or_else(Error::not_found)
}

/// Fixes the number of a delivery as it is now, with the list of receipts.
///
/// # Errors
/// A database error, or `internal` when the vault was destroyed.
pub async fn state(petitions: &Petitions, conn: &mut PgConnection, petition: &Petition, id: uuid::Uuid) -> Result<()> {
    let (kernel, petition_id) = (&petitions.kernel, petition.action.id);
    let vault = kernel.vaults.open(petition.action.vault_id).await?;
    let (mut receipts, mut regions) = (Vec::new(), Cells::new());
    let mut rows = Box::pin(deliveries::counted(&mut *conn, petition_id));
    while let Some(row) = rows.try_next().await? {
        receipts.push(vault.receipt(id, row.id));
        if let Some(region) = row.region {
            *regions.entry(region).or_default() += 1;
        }
    }
    drop(rows);
    // by hash, so that a line's place tells nothing about when its owner signed
    receipts.sort_unstable();
    let (erased, paper) = deliveries::beside(conn, petition_id).await?;
    let mut hasher = Sha256::new();
    for receipt in &receipts {
        hasher.update(line(receipt));
    }
    let statement = Statement {
        at: kernel.cx.now(),
        receipts: i64::try_from(receipts.len()).map_err(Error::internal)?,
        erased,
        paper,
        regions: merge_small(regions),
        sha256: hasher.finalize().to_vec(),
    };
    deliveries::state(conn, id, &statement, &receipts).await
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
        let receipt = c.vault.receipt(delivery.id, c.row.id);
        if deliveries::holds(conn, delivery.id, receipt).await? {
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
