//! The names that are handed over with a petition: those of counted signatures whose owners agreed to it, without those
//! that an organizer marked as doubtful. As CSV, as a workbook, and for the page to be printed.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{Stream, TryStreamExt, stream::try_unfold};
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::{
    csv_writer::{BOM, CsvWriter, trusted, untrusted},
    format::MAX_WORKSHEET_ROWS,
    keyset_pages::{KeysetPages, with_retries},
    store::{self, NameLine},
};
use crate::{
    campaigns::Action,
    error::{Code, Error, Result},
    kernel::Kernel,
    petitions::{self, DeliveryCounts, Petition, PetitionDelivery},
};

/// A name to hand over.
#[derive(Debug)]
pub struct Name {
    /// Given and family name.
    pub name: String,
    /// Country and region, `CA-ON`; empty where unknown.
    pub region: String,
}

/// A petition's names in batches, by the ids of their signatures; names that were committed meanwhile come last
/// (see `keyset_pages`). Of a protected petition there are none.
///
/// # Errors
/// In the stream: `internal` when the vault was destroyed.
pub fn names(kernel: Arc<Kernel>, action: &Action) -> impl Stream<Item = Result<Vec<Name>>> + Send + 'static {
    let start = (!action.protected).then(|| KeysetPages::new(&kernel.env));
    let (id, vault_id) = (action.id, action.vault_id);
    try_unfold((kernel, start), move |(kernel, pages)| async move {
        let Some(mut pages) = pages else { return Ok(None) };
        let (reading, after) = (kernel.clone(), pages.after());
        let read = with_retries(move || {
            let kernel = reading.clone();
            async move {
                let rows = store::names(&mut *kernel.db.acquire().await?, id, after).await?;
                Ok((rows, kernel.vaults.open(vault_id).await?))
            }
        });
        let (rows, vault) = read.await?;
        let (rows, more) = pages.take(rows, |row| row.id);
        let open = |row: NameLine| {
            let opened: petitions::SignaturePayload = vault.open(petitions::SIGNATURES, row.id, &row.sealed)?;
            Ok(Name { name: opened.details.full_name(), region: row.region.unwrap_or_default() })
        };
        let batch = rows.into_iter().map(open).collect::<Result<Vec<_>>>()?;
        Ok(Some((batch.into_iter().filter(|n| !n.name.is_empty()).collect(), (kernel, more.then_some(pages)))))
    })
}

/// The names as a CSV stream.
pub(super) fn csv(
    kernel: Arc<Kernel>,
    action: &Action,
    bom: bool,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let head = std::future::ready({
        let mut writer = CsvWriter::beginning_with(if bom { BOM } else { b"" });
        writer.write_cells([trusted("name"), trusted("region")]).and_then(|()| writer.into_bytes())
    });
    let rest = names(kernel, action).and_then(|batch| {
        let mut writer = CsvWriter::beginning_with(b"");
        let lines = batch.iter().try_for_each(|n| writer.write_cells([untrusted(&*n.name), trusted(&*n.region)]));
        std::future::ready(lines.and_then(|()| writer.into_bytes()))
    });
    futures_util::StreamExt::chain(futures_util::stream::once(head), rest)
}

/// The numbers and the names as a workbook (Office Open XML). Rows are written to an unnamed file in the folder for
/// temporary files, so memory does not grow with their number.
///
/// # Errors
/// `conflict` for more names than a worksheet holds.
pub(super) async fn workbook(
    kernel: Arc<Kernel>,
    petition: &Petition,
    delivery: &PetitionDelivery,
    figures: &DeliveryCounts,
) -> Result<Vec<u8>> {
    let mut workbook = Workbook::new();
    numbers(&mut workbook, petition, delivery, figures).map_err(Error::internal)?;
    let bold = Format::new().set_bold();
    let sheet = workbook.add_worksheet_with_constant_memory().map_err(Error::internal)?;
    sheet.set_name("Names").map_err(Error::internal)?;
    sheet.write_with_format(0, 0, "Name", &bold).map_err(Error::internal)?;
    sheet.write_with_format(0, 1, "Region", &bold).map_err(Error::internal)?;
    let mut row = 0_u32;
    let mut batches = Box::pin(names(kernel, &petition.action));
    while let Some(batch) = batches.try_next().await? {
        for name in batch {
            row += 1;
            if row > MAX_WORKSHEET_ROWS {
                return Err(Error::problem(
                    Code::Conflict,
                    "These are more names than a worksheet holds. Take the CSV.",
                ));
            }
            // a string cell is not evaluated as a formula
            sheet.write_string(row, 0, name.name).map_err(Error::internal)?;
            sheet.write_string(row, 1, name.region).map_err(Error::internal)?;
        }
    }
    tokio::task::spawn_blocking(move || workbook.save_to_buffer())
        .await
        .map_err(Error::internal)?
        .map_err(Error::internal)
}

/// The first worksheet: the petition, the numbers, and the hash of the receipts.
fn numbers(
    workbook: &mut Workbook,
    petition: &Petition,
    delivery: &PetitionDelivery,
    figures: &DeliveryCounts,
) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    sheet.set_name("Numbers")?;
    let mut row = 0;
    let mut line = |label: &str, value: &str, number: Option<i64>| -> Result<(), XlsxError> {
        sheet.write_with_format(row, 0, label, &bold)?;
        match number {
            #[expect(clippy::cast_precision_loss, reason = "a spreadsheet knows no other numbers")]
            Some(number) => sheet.write_number(row, 1, number as f64)?,
            None => sheet.write_string(row, 1, value)?,
        };
        row += 1;
        Ok(())
    };
    line("Petition", &petition.action.title, None)?;
    line("To", &petition.targets.join(", "), None)?;
    line("Date", &delivery.date.to_string(), None)?;
    line("Place", &delivery.place, None)?;
    line("Signatures", "", Some(figures.total))?;
    line("Signatures on paper", "", Some(figures.paper))?;
    if let Some(statement) = &delivery.statement {
        line("Number fixed at", &statement.at.to_rfc3339(), None)?;
        line("SHA-256 of the list of receipts", &HEXLOWER.encode(&statement.sha256), None)?;
    }
    for (region, count) in &figures.regions {
        line(region, "", Some(*count))?;
    }
    Ok(())
}
