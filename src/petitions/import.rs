//! Imports of signatures from CSV files: upload in encrypted chunks, preview, dry run, import row by row.
//!
//! The file is never in memory as a whole nor stored in plain text: [`super::signer_file`] makes rows in one form of
//! whatever arrives, and chunks of [`CHUNK_BYTES`] bytes of them are sealed and opened a few at a time. Each step of the
//! job reads some rows from the stored offset, submits them through the same group commit as other signatures, and
//! stores the new offset. A row that is processed again after a crash finds its signature and counts once.
//! [`super::csv_reader`] parses the stored rows, [`super::import_cells`] their cells.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, future::BoxFuture, stream};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    csv_reader::{self, CsvRow, MAX_LINE_BYTES, ReadResult},
    import_cells::{self, DigitsLost},
    import_columns::ColumnMapping,
    import_dates::{self, DateProblem},
    import_headers::is_zip_header,
    signer_file::PREVIEW_ROWS,
    state::{ImportState, SignatureState},
    store::{
        self, Petition,
        imports::{self, Import, RowError},
    },
    submission::{MAX_COMMENT, NewSignature, Petitions},
};
use crate::{
    campaigns::SubmissionOutcome,
    error::{Error, FieldError, Result},
    kernel::{
        Kernel,
        countries::OTHER,
        forms::{FieldErrors, FormInput},
        jobs::{self, Job, JobKind, NextStep},
        text::{EmailAddress, LocaleTag, clean_text},
        vault::Vault,
    },
    people::{Consents, PersonBody},
};

/// Name of the table, part of the associated data of a sealed chunk.
const TABLE: &str = "import_chunks";
/// Size of a chunk in bytes: about what a step reads, since every step decrypts the chunks that it reads from.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// Maximum number of chunks that are open at once; a line, with its quotation marks doubled, must be shorter than all but one.
pub(super) const MAX_OPEN_CHUNKS: i32 = 4;
/// Name of the job that imports the rows.
pub(super) const JOB: &str = "import";
const FILE_CLEANUP_JOB: &str = "import_file";
/// Chunks deleted in one step.
const CHUNKS_DELETED_PER_STEP: i64 = 160;
/// Rows submitted concurrently, so that they share commits.
const MAX_PARALLEL_ROWS: usize = 32;
/// Maximum number of stored row errors of an import.
const MAX_STORED_ROW_ERRORS: i64 = 10_000;
/// Days after which an import that was not started is cancelled.
const MAX_UNSTARTED_DAYS: i64 = 7;
/// Hours without progress after which an upload is cancelled.
const UPLOAD_TIMEOUT_HOURS: i64 = 1;

/// Seals a chunk.
pub(super) fn seal_chunk(petitions: &Petitions, vault: &Vault, import: Uuid, chunk: &[u8]) -> Vec<u8> {
    vault.seal(&petitions.kernel.env, TABLE, import, &SealedChunk(chunk.to_vec()))
}

/// Opens a chunk.
///
/// # Errors
/// `internal` when the vault does not open it.
pub(super) fn open_chunk(vault: &Vault, import: Uuid, sealed: &[u8]) -> Result<Vec<u8>> {
    let SealedChunk(bytes) = vault.open(TABLE, import, sealed)?;
    Ok(bytes)
}

/// The first rows of an import that was not started yet, cell by cell.
pub(super) async fn preview(
    petitions: &Petitions,
    petition: &Petition,
    conn: &mut PgConnection,
    import: &Import,
) -> Result<Vec<Vec<String>>> {
    let chunks = imports::chunks(conn, import.id, 0, 1).await?;
    let Some((_, sealed)) = chunks.first() else { return Ok(Vec::new()) };
    let vault = petition.action.open_vault(&petitions.kernel).await?;
    let chunk = open_chunk(&vault, import.id, sealed)?;
    let is_whole = i64::try_from(chunk.len()).map_err(Error::internal)? >= import.bytes;
    let ReadResult::Rows { rows, .. } = csv_reader::read_rows(&chunk, is_whole)? else { return Ok(Vec::new()) };
    Ok(rows.into_iter().filter_map(|row| row.cells.ok()).take(PREVIEW_ROWS).collect())
}

/// A chunk as it is sealed: base64, since sealed values are JSON.
#[derive(Serialize, Deserialize)]
struct SealedChunk(#[serde(with = "base64_bytes")] Vec<u8>);

mod base64_bytes {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(deserializer)?.as_bytes()).map_err(D::Error::custom)
    }
}

/// The next rows of the file, and the number of bytes that were opened for them: one chunk, and the following ones while the first row
/// goes on in them.
async fn next_rows(kernel: &Kernel, vault: &Vault, import: &Import) -> Result<(ReadResult, usize)> {
    let offset = usize::try_from(import.offset_bytes).map_err(Error::internal)?;
    let bytes = usize::try_from(import.bytes).map_err(Error::internal)?;
    let first = i32::try_from(offset / CHUNK_BYTES).map_err(Error::internal)?;
    let mut opened = Vec::new();
    let mut number = first;
    loop {
        let chunk = imports::chunks(&mut *kernel.work.acquire().await?, import.id, number, 1).await?.pop();
        if let Some((_, sealed)) = &chunk {
            opened.extend(open_chunk(vault, import.id, sealed).map_err(jobs::failing_with("unreadable"))?);
        }
        let part: &[u8] = opened.get(offset % CHUNK_BYTES..).unwrap_or_default();
        let read = csv_reader::read_rows(part, offset + part.len() >= bytes)?;
        number += 1;
        if !matches!(read, ReadResult::Incomplete) || chunk.is_none() || number == first + MAX_OPEN_CHUNKS {
            return Ok((read, part.len()));
        }
    }
}

/// Groups rows by address, in their order: of several rows of an address the first one counts, with its date.
fn group_by_address(lines: Vec<CsvRow>, email: Option<usize>) -> Vec<Vec<CsvRow>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut together: Vec<Vec<CsvRow>> = Vec::with_capacity(lines.len());
    for line in lines {
        let cell = line.cells.as_ref().ok().and_then(|cells| cells.get(email?));
        let address = cell.and_then(|cell| EmailAddress::parse(&import_cells::address(cell)).ok());
        let place = address.map(|address| *places.entry(address.index_form()).or_insert(together.len()));
        match place.and_then(|place| together.get_mut(place)) {
            Some(lines) => lines.push(line),
            None => together.push(vec![line]),
        }
    }
    together
}

/// Result of a row.
enum RowOutcome {
    Imported,
    Duplicate,
    Refused(Vec<RowError>),
    /// Somebody was erased since the row was read: nothing was written.
    Stale,
}

/// The import job: each step imports some rows.
pub(super) struct ImportJob(pub Petitions);

impl JobKind for ImportJob {
    fn kind(&self) -> &'static str {
        JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(step(&self.0, job))
    }

    fn on_failed<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        job: &'a Job,
        why: &'static str,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(fail(&self.0, conn, job, why))
    }
}

/// Imports the next rows. No transaction is open meanwhile: a row that is processed again, because the offset was not
/// stored, finds its signature.
async fn step(petitions: &Petitions, job: &Job) -> Result<NextStep> {
    let kernel = &petitions.kernel;
    let mut conn = kernel.work.acquire().await?;
    let Some(import) = imports::by_id(&mut conn, job.id).await?.filter(|import| import.state == ImportState::Running)
    else {
        return Ok(NextStep::Done);
    };
    let petition = store::petition(&mut conn, import.petition_id).await?;
    let vault = petition.action.open_vault(kernel).await.map_err(jobs::failing_with("vault_closed"))?;
    drop(conn);
    let (rows, used, is_last) = match next_rows(kernel, &vault, &import).await? {
        (ReadResult::Rows { rows, used, is_last }, _) => (rows, used.get(), is_last),
        (ReadResult::End, _) => (Vec::new(), 0, true),
        (ReadResult::Incomplete, opened) if opened < MAX_LINE_BYTES => return Ok(NextStep::Failed("unreadable")),
        (ReadResult::Incomplete, _) => return Ok(NextStep::Failed("too_long")),
    };
    let mapping: ColumnMapping = serde_json::from_value(import.mapping.clone())
        .map_err(Error::internal)
        .map_err(jobs::failing_with("not_understood"))?;
    let column_indexes = mapping.column_indexes(&import.columns);
    let rows_read = rows.len();
    let outcomes: Vec<Vec<RowOutcome>> = stream::iter(group_by_address(rows, column_indexes.get("email").copied()))
        .map(async |lines| {
            let mut outcomes = Vec::with_capacity(lines.len());
            for line in lines {
                outcomes.push(process_row(petitions, &petition, &import, &mapping, &column_indexes, line).await?);
            }
            Ok(outcomes)
        })
        .buffer_unordered(MAX_PARALLEL_ROWS)
        .collect::<Vec<Result<_>>>()
        .await
        .into_iter()
        .collect::<Result<_>>()?;

    let outcomes: Vec<RowOutcome> = outcomes.into_iter().flatten().collect();
    if outcomes.iter().any(|outcome| matches!(outcome, RowOutcome::Stale)) {
        return Ok(NextStep::Again);
    }
    let mut tx = kernel.work.begin().await?;
    let mut row = imports::lock(&mut tx, import.petition_id, import.id).await?;
    if row.state != ImportState::Running {
        return Ok(NextStep::Done);
    }
    if (row.offset_bytes, row.seen) != (import.offset_bytes, import.seen) {
        return Err(jobs::lease_lost());
    }
    let mut row_errors = Vec::new();
    for outcome in outcomes {
        match outcome {
            RowOutcome::Stale => {}
            RowOutcome::Imported => row.imported += 1,
            RowOutcome::Duplicate => row.duplicates += 1,
            RowOutcome::Refused(why) => {
                row.refused += 1;
                if row.refused <= MAX_STORED_ROW_ERRORS {
                    row_errors.extend(why);
                }
            }
        }
    }
    imports::insert_row_errors(&mut tx, row.id, &row_errors).await?;
    row.seen += i64::try_from(rows_read).map_err(Error::internal)?;
    row.offset_bytes += i64::try_from(used).map_err(Error::internal)?;
    if !row.dry_run {
        let done = usize::try_from(row.offset_bytes).map_err(Error::internal)? / CHUNK_BYTES;
        let done = i32::try_from(done).map_err(Error::internal)?;
        imports::delete_chunks(&mut tx, row.id, if is_last { i32::MAX } else { done }, i64::MAX).await?;
    }
    if is_last {
        row.finished_at = Some(kernel.env.now());
        if row.dry_run {
            row.state = ImportState::Checked;
        } else {
            row.state = ImportState::Done;
            recount_import(&mut tx, &mut row).await?;
        }
    }
    imports::save(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(if is_last { NextStep::Done } else { NextStep::Again })
}

/// Corrects the counts of a finished import: rows of a repeated step were counted as duplicates of their own
/// signatures.
async fn recount_import(conn: &mut PgConnection, import: &mut Import) -> Result<()> {
    if !import.dry_run {
        import.imported = imports::count_imported_signatures(conn, import.id).await?;
        import.duplicates = (import.seen - import.refused - import.imported).max(0);
    }
    Ok(())
}

/// Ends an import that failed; imported signatures stay, and the error is added to the row errors.
async fn fail(petitions: &Petitions, conn: &mut PgConnection, job: &Job, why: &'static str) -> Result<()> {
    let Some(row) = imports::by_id(conn, job.id).await? else { return Ok(()) };
    let mut import = imports::lock(conn, row.petition_id, row.id).await?;
    if !import.state.may_become(ImportState::Failed) {
        return Ok(());
    }
    import.state = ImportState::Failed;
    import.finished_at = Some(petitions.kernel.env.now());
    let detail = jobs::failure_message(why).to_owned();
    let row_error = RowError { line: import.seen + 2, field: String::new(), code: why.to_owned(), detail };
    imports::insert_row_errors(conn, import.id, &[row_error]).await?;
    recount_import(conn, &mut import).await?;
    imports::save(conn, &import).await?;
    begin_file_cleanup(petitions, conn, job.organization_id, import.id).await
}

/// Enqueues the deletion of the chunks of a finished import.
pub(super) async fn begin_file_cleanup(
    petitions: &Petitions,
    conn: &mut PgConnection,
    organization: Uuid,
    import: Uuid,
) -> Result<()> {
    jobs::enqueue(conn, FILE_CLEANUP_JOB, organization, import, petitions.kernel.env.now()).await
}

/// The job that deletes the chunks of finished imports, some in each step.
pub(super) struct ImportFileCleanupJob(pub Petitions);

impl JobKind for ImportFileCleanupJob {
    fn kind(&self) -> &'static str {
        FILE_CLEANUP_JOB
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            let mut conn = self.0.kernel.work.acquire().await?;
            match imports::by_id(&mut conn, job.id).await? {
                Some(import) if import.state.has_ended() => {}
                _ => return Ok(NextStep::Done),
            }
            let gone = imports::delete_chunks(&mut conn, job.id, i32::MAX, CHUNKS_DELETED_PER_STEP).await?;
            Ok(if gone == 0 { NextStep::Done } else { NextStep::Again })
        })
    }
}

fn refused(line: i64, errors: Vec<FieldError>) -> RowOutcome {
    let row_error = |e: FieldError| {
        let field =
            e.pointer.rsplit('/').find(|part| part.parse::<u32>().is_err() && *part != "address" && *part != "number");
        let field = match field.unwrap_or_default() {
            "email_addresses" => "email",
            "locality" => "city",
            "phone_numbers" => "phone",
            other => other,
        };
        RowError { line, field: field.to_owned(), code: e.code.into_owned(), detail: e.detail }
    };
    RowOutcome::Refused(errors.into_iter().map(row_error).collect())
}

/// Checks a row and, unless this is a dry run, submits it.
async fn process_row(
    petitions: &Petitions,
    petition: &Petition,
    import: &Import,
    mapping: &ColumnMapping,
    column_indexes: &BTreeMap<&'static str, usize>,
    line: CsvRow,
) -> Result<RowOutcome> {
    let number = line.number;
    let cells = match line.cells {
        Ok(cells) => cells,
        Err(code) => {
            let detail = match code {
                "too_long" => "The line is too long.".to_owned(),
                "invalid_characters" => "Not UTF-8.".to_owned(),
                "unclosed_quote" => "A quotation mark in it is never closed.".to_owned(),
                _ => format!("It has more cells than the {} columns of the header.", import.columns.len()),
            };
            // the API's code for what has no code of its own
            let code = if code == "unclosed_quote" { "invalid_value" } else { code };
            return Ok(refused(number, vec![FieldError::new("", code, detail)]));
        }
    };
    let cell = |field: &str| column_indexes.get(field).and_then(|at| cells.get(*at)).map_or("", String::as_str);
    let (new, signed_at) = match parse_row(petitions, petition, import, mapping, cell) {
        Ok(parsed) => parsed,
        Err(Error::Fields(errors)) => return Ok(refused(number, errors)),
        Err(error) => return Err(error),
    };
    if import.dry_run {
        let vault = petition.action.open_vault(&petitions.kernel).await?;
        let index = vault.email_index(&new.person.email);
        let conn = &mut *petitions.kernel.work.acquire().await?;
        let states = store::signers::states_by_address(conn, petition.action.id, vault.id, &index).await?;
        let is_there = |state| states.contains(&state);
        let has_signed = is_there(SignatureState::Counted) || is_there(SignatureState::Withdrawn);
        return Ok(if has_signed { RowOutcome::Duplicate } else { RowOutcome::Imported });
    }
    match petitions.submit_imported(petition, new, import, signed_at).await {
        Ok(outcome) => Ok(match outcome {
            SubmissionOutcome::Created => RowOutcome::Imported,
            SubmissionOutcome::Stale => RowOutcome::Stale,
            // also who has withdrawn: an import does not restore it, and does not tell it
            _ => RowOutcome::Duplicate,
        }),
        Err(Error::Fields(errors)) => Ok(refused(number, errors)),
        Err(error) => Err(error),
    }
}

/// A row as a signature. Cells that say that there is nothing, such as "N/A", are empty.
fn parse_row<'a>(
    petitions: &Petitions,
    petition: &Petition,
    import: &Import,
    mapping: &ColumnMapping,
    cell: impl Fn(&str) -> &'a str,
) -> Result<(NewSignature, DateTime<Utc>)> {
    let given = |field: &str| Some(cell(field)).filter(|cell| !import_cells::is_nothing(cell)).unwrap_or_default();
    let text = |field: &str| import_cells::text(given(field));
    let name = |field: &str| {
        let cell = cell(field);
        if import_cells::is_no_name(cell) { String::new() } else { import_cells::text(cell) }
    };
    let language = LocaleTag::parse(&import_cells::language(given("language"))).unwrap_or(petition.action.locale);
    let mut errors = FieldErrors::default();
    let mut country = import_cells::country(cell("country")).unwrap_or_else(|| {
        let detail = "No country has this name, or several have. Write it in English, French or Spanish, or as two \
                      letters, such as CA.";
        errors.push(FieldError::new("/country", "unknown_value", detail));
        // a code of a country that is not known is not checked as a Canadian one
        OTHER.to_owned()
    });
    let mut whole = |field: &str, digits: Result<String, DigitsLost>| {
        let lost = |DigitsLost| {
            let detail = "The spreadsheet kept only the first digits of this number. Format the cell as text, and \
                          enter it again.";
            FieldError::new(format!("/{field}"), "invalid_value", detail)
        };
        errors.field(digits.map_err(lost)).unwrap_or_default()
    };
    if country.is_empty() {
        let is_zip = mapping.postal_code.as_deref().is_some_and(is_zip_header);
        import_cells::country_of_code(cell("postal_code"), is_zip).unwrap_or_default().clone_into(&mut country);
    }
    let mut form = FormInput::default();
    form.set("given_name", name("given_name"));
    form.set("family_name", name("family_name"));
    form.set("email", import_cells::address(given("email")));
    form.set("phone", whole("phone", import_cells::digits(cell("phone"))));
    form.set("postal_code", whole("postal_code", import_cells::postal_code(cell("postal_code"), &country)));
    form.set("city", text("city"));
    form.set("country", &country);
    let person = errors.fields(PersonBody::of_form(&form, language).parse(""))?;
    if let Some(person) = &person {
        errors.fields(petitions.kernel.utf8_addresses.check(&person.email))?;
    }
    let comments = errors.text("/comments", clean_text(&text("comments"), MAX_COMMENT));
    let now = petitions.kernel.env.now();
    let signed_at = match text("signed_on").as_str() {
        "" => Ok(now),
        input => import_dates::moment(input, mapping.date_order).map_err(date_error).and_then(|at| {
            let is_possible = at <= now + TimeDelta::days(1) && at > now - TimeDelta::days(3660);
            if is_possible { Ok(at.min(now)) } else { Err(date_error(DateProblem::Unknown)) }
        }),
    };
    let signed_at = errors.field(signed_at).unwrap_or(now);
    let person = errors.finish(person)?;
    let consents = Consents { updates: import_cells::is_yes(cell("consent_updates")), ..Consents::default() };
    let new = NewSignature { comments, consents, source: import.source.clone(), ..NewSignature::of(person) };
    Ok((new, signed_at))
}

fn date_error(problem: DateProblem) -> FieldError {
    let detail = match problem {
        DateProblem::Unknown => "Not a day such as 2026-03-31 of the last ten years.",
        DateProblem::Ambiguous => {
            "Day and month may be either, since other dates of this column have both orders. Write the date as \
             2026-03-31, or say with `date_order` which comes first."
        }
    };
    FieldError::new("/signed_on", "invalid_value", detail)
}

/// Cancels uploads without progress and imports that were not started for long (maintenance). Returns how many.
pub(super) async fn delete_abandoned_uploads(petitions: &Petitions) -> Result<u64> {
    let kernel = &petitions.kernel;
    let now = kernel.env.now();
    let mut tx = kernel.work.begin().await?;
    let broken_off = now - TimeDelta::hours(UPLOAD_TIMEOUT_HOURS);
    let cancelled =
        imports::cancel_abandoned(&mut tx, broken_off, now - TimeDelta::days(MAX_UNSTARTED_DAYS), now).await?;
    for (import, organization) in &cancelled {
        begin_file_cleanup(petitions, &mut tx, *organization, *import).await?;
    }
    tx.commit().await?;
    Ok(cancelled.len() as u64)
}
