//! The upload of a file of signers: read as it arrives, its rows sealed and written in chunks.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use crate::{
    error::{Code, Error, Result},
    kernel::{text::LocaleTag, vault::Vault},
    petitions::{
        Petitions,
        import::{self, CHUNK_BYTES},
        import_columns::{ColumnFacts, suggest_mapping},
        import_headers::usual_date_order,
        signer_file::{
            FileFormat, FileProblem, FileReader, is_archive,
            sheet::{SheetPiece, read_workbook},
        },
        store::{
            Petition,
            imports::{self, Import},
        },
    },
};

/// Maximum size of a file in bytes, and of the rows of a workbook.
const MAX_UPLOAD_BYTES: usize = 200 * 1024 * 1024;
/// Maximum size of a workbook in bytes. It is kept in memory until it is complete, since its index is at its end;
/// packed as it is, it has as many rows as a CSV file of the maximum size.
const MAX_WORKBOOK_BYTES: usize = 48 * 1024 * 1024;
/// Workbooks of a process that are uploaded at once.
static WORKBOOK_PERMITS: Semaphore = Semaphore::const_new(4);
/// Reads one workbook at a time in a process, since each may take the time of a core and 200 MiB.
static READING_PERMIT: Semaphore = Semaphore::const_new(1);
/// Maximum number of retries of a chunk while the database is unavailable, after 1, 2, 3 ... seconds.
const MAX_CHUNK_RETRIES: u64 = 6;

/// The upload was cancelled meanwhile.
pub(super) fn upload_cancelled() -> Error {
    Error::problem(Code::Conflict, "This upload was cancelled.")
}

/// An upload. Each chunk is written by its own statement, so that no connection is held while the client is slow; an
/// aborted upload is deleted, at once or by maintenance.
pub(super) struct Upload<'a> {
    petitions: &'a Petitions,
    vault: Arc<Vault>,
    pub(super) import: Import,
    /// Language of the petition.
    locale: LocaleTag,
    /// Number of written chunks.
    number: i32,
    reader: FileReader,
    /// Known once its beginning was read.
    pub(super) format: Option<FileFormat>,
    /// Rows that are not written yet.
    rows: Vec<u8>,
    /// What the rows tell about their columns.
    facts: Vec<ColumnFacts>,
}

/// The next piece of a file.
async fn next_piece(stream: &mut BodyDataStream) -> Result<Option<Bytes>> {
    let piece = stream.next().await.transpose();
    piece.map_err(|_| Error::field("", "invalid_value", "The upload broke off."))
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        petitions: &'a Petitions,
        vault: Arc<Vault>,
        locale: LocaleTag,
        import: Import,
        reader: FileReader,
    ) -> Self {
        Self { petitions, vault, import, locale, number: 0, reader, format: None, rows: Vec::new(), facts: Vec::new() }
    }

    /// Receives the file, and writes its rows.
    ///
    /// # Errors
    /// 413, 415 and 422 for what cannot be read.
    pub(super) async fn receive(&mut self, body: Body) -> Result<()> {
        let mut stream = body.into_data_stream();
        // so many bytes tell a workbook
        let mut head = Vec::new();
        while head.len() < 4
            && let Some(piece) = next_piece(&mut stream).await?
        {
            head.extend_from_slice(&piece);
        }
        if is_archive(&head) {
            self.receive_workbook(head, &mut stream).await?;
        } else {
            self.receive_text(head, &mut stream).await?;
        }
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            self.add(&rows).await?;
        }
        self.suggest();
        Ok(())
    }

    /// Suggests which column is what, and notes the order of day and month in each.
    fn suggest(&mut self) {
        let (columns, locale) = (&self.import.columns, self.locale);
        let separator = self.format.as_ref().and_then(|format| format.separator);
        let usual = usual_date_order(columns, separator, locale);
        let order = |at: usize| self.facts.get(at).filter(|facts| facts.dates.matters())?.dates.order(usual);
        let mut suggested = suggest_mapping(columns, &self.facts);
        let dates = columns.iter().position(|column| suggested.signed_on.as_ref() == Some(column));
        suggested.date_order = dates.and_then(order);
        self.import.suggested = json!(suggested);
        let name = |at| order(at).map_or(String::new(), |order| <&str>::from(order).to_owned());
        self.import.date_orders = (0..columns.len()).map(name).collect();
    }

    async fn receive_text(&mut self, head: Vec<u8>, stream: &mut BodyDataStream) -> Result<()> {
        let mut bytes = 0;
        let mut next = Some(Bytes::from(head));
        while let Some(more) = next {
            bytes += more.len();
            if bytes > MAX_UPLOAD_BYTES {
                return Err(Error::problem(Code::PayloadTooLarge, "A file may have 200 MiB."));
            }
            // a body may arrive as one piece
            for piece in more.chunks(CHUNK_BYTES) {
                self.read(piece, false).await?;
            }
            next = next_piece(stream).await?;
        }
        self.read(b"", true).await?;
        self.facts = self.reader.facts().to_vec();
        Ok(())
    }

    /// Receives a workbook as a whole, and reads it on a thread of its own, which waits while its rows are written.
    async fn receive_workbook(&mut self, head: Vec<u8>, stream: &mut BodyDataStream) -> Result<()> {
        let busy = || Error::not_done(30, "other workbooks are being uploaded");
        let _uploading = WORKBOOK_PERMITS.try_acquire().map_err(|_| busy())?;
        let mut file = head;
        loop {
            if file.len() > MAX_WORKBOOK_BYTES {
                return Err(FileProblem::WorkbookTooLarge.into());
            }
            match next_piece(stream).await? {
                Some(more) => file.extend_from_slice(&more),
                None => break,
            }
        }
        let limit = Duration::from_secs(self.petitions.kernel.settings.http.timeout_seconds) * 4 / 5;
        let permit = READING_PERMIT.acquire().await.map_err(Error::internal)?;
        let (sender, mut pieces) = mpsc::channel(2);
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            // nobody takes further pieces when the upload has failed
            read_workbook(&file, MAX_UPLOAD_BYTES, |piece| sender.blocking_send(piece).map_err(|_| upload_cancelled()))
        });
        let writing = async {
            while let Some(piece) = pieces.recv().await {
                match piece {
                    SheetPiece::Format(format) => {
                        self.import.columns.clone_from(&format.columns);
                        self.import.sheet.clone_from(&format.sheet);
                        self.format = Some(format);
                        imports::insert(&mut *self.petitions.kernel.db.acquire().await?, &self.import).await?;
                    }
                    SheetPiece::Rows(rows) => {
                        self.rows.extend(rows);
                        self.write().await?;
                    }
                    SheetPiece::Facts(facts) => self.facts = facts,
                }
            }
            reading.await.map_err(Error::internal)?
        };
        // the request would end without an answer that helps
        timeout(limit, writing).await.unwrap_or_else(|_| Err(FileProblem::WorkbookTooLarge.into()))
    }

    /// Reads a piece of a text file, and writes the chunks that are complete.
    async fn read(&mut self, piece: &[u8], is_end: bool) -> Result<()> {
        self.reader.push(piece, is_end, &mut self.rows)?;
        if let Some(format) = self.reader.format()
            && (self.format.is_none() || is_end)
        {
            let is_new = self.format.is_none();
            self.import.columns.clone_from(&format.columns);
            // in a long file it may be seen after the beginning, which is what the list shows
            let encoding = if is_end || self.reader.knows_encoding() { self.reader.encoding() } else { "" };
            self.import.delimiter = format.separator.map(char::from).into_iter().chain(encoding.chars()).collect();
            self.format = Some(format.clone());
            if is_new {
                imports::insert(&mut *self.petitions.kernel.db.acquire().await?, &self.import).await?;
            }
        }
        self.write().await
    }

    /// Writes the chunks that are complete.
    async fn write(&mut self) -> Result<()> {
        while self.rows.len() >= CHUNK_BYTES {
            let rest = self.rows.split_off(CHUNK_BYTES);
            let chunk = std::mem::replace(&mut self.rows, rest);
            self.add(&chunk).await?;
        }
        Ok(())
    }

    /// Writes a chunk.
    async fn add(&mut self, chunk: &[u8]) -> Result<()> {
        let kernel = &self.petitions.kernel;
        self.import.bytes += i64::try_from(chunk.len()).map_err(Error::internal)?;
        let sealed = import::seal_chunk(self.petitions, &self.vault, self.import.id, chunk);
        let mut tries = 0;
        loop {
            let added = async {
                let mut conn = kernel.db.acquire().await?;
                let (id, bytes) = (self.import.id, self.import.bytes);
                imports::insert_chunk(&mut conn, id, self.number, &sealed, bytes, kernel.env.now()).await
            };
            match added.await {
                Ok(true) => break,
                Ok(false) => return Err(upload_cancelled()),
                // a short outage of the database does not abort a long upload
                Err(Error::Unavailable { .. }) if tries < MAX_CHUNK_RETRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_secs(tries)).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.number += 1;
        Ok(())
    }

    /// Deletes the written chunks; if this fails, maintenance does.
    pub(super) async fn cancel_upload(&self, petition: &Petition) {
        if self.format.is_none() {
            return;
        }
        let kernel = &self.petitions.kernel;
        let thrown = async {
            let mut tx = kernel.db.begin().await?;
            imports::cancel_upload(&mut tx, self.import.id, kernel.env.now()).await?;
            import::begin_file_cleanup(self.petitions, &mut tx, petition.action.organization_id, self.import.id)
                .await?;
            tx.commit().await
        };
        if let Err(error) = thrown.await {
            tracing::info!(
                event = "import.upload_left",
                %error,
                import = %self.import.id,
                "aborted upload is left for cleanup"
            );
        }
    }
}
