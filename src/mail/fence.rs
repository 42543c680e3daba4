//! The fence: a database that was restored from a copy does not send again what had gone out since.
//!
//! While mail goes out, a number in the database counts up and is written to a file beside the keyring, which no copy of the
//! database holds. A worker that finds the database behind its file pauses everything and says so; an organizer who has
//! looked lifts the pause (`PUT /api/v1/mail/pauses`). A copy that is at most a few seconds old is not noticed: what was
//! settled in them may go again, with the same Message-ID.

use std::{
    io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{fs, time::sleep};
use tokio_util::sync::CancellationToken;

use super::store;
use crate::{error::Result, kernel::Kernel};

/// The file and whether anything has gone out since it was written.
#[derive(Debug)]
pub(super) struct Fence {
    file: PathBuf,
    has_moved: AtomicBool,
}

impl Fence {
    pub(super) fn new(kernel: &Kernel) -> Self {
        let file = kernel.settings.keyring.file.with_extension("mail-epoch");
        Self { file, has_moved: AtomicBool::new(false) }
    }

    /// Mail has been claimed: the number is to go up.
    pub(super) fn moved(&self) {
        self.has_moved.store(true, Ordering::Relaxed);
    }

    /// Compares the database with the file before the first mail goes out, waiting for the database.
    pub(super) async fn check_until_known(&self, kernel: &Kernel, cancel: &CancellationToken) {
        while let Err(error) = self.check(kernel).await {
            tracing::warn!(%error, "the mail queue waits until it knows whether this database is the newest");
            tokio::select! {
                () = sleep(Duration::from_secs(2)) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    async fn check(&self, kernel: &Kernel) -> Result<()> {
        let ours = match fs::read_to_string(&self.file).await {
            Ok(text) => text.trim().parse::<i64>().unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::warn!(file = %self.file.display(), %error, "the mail epoch cannot be read: a restored database will not be noticed");
                return Ok(());
            }
        };
        let mut tx = kernel.db.begin().await?;
        if store::is_behind(&mut tx, ours, kernel.cx.now()).await? {
            tracing::error!(
                "this database is older than the mail that went out: it was restored from a copy. Nothing is sent until an organizer lifts the pause (PUT /api/v1/mail/pauses)"
            );
        }
        tx.commit().await?;
        Ok(())
    }

    /// Counts up and writes the file, if anything has gone out.
    pub(super) async fn advance(&self, kernel: &Kernel) -> Result<()> {
        if !self.has_moved.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let counted = async { store::next_epoch(&mut *kernel.db.acquire().await?).await };
        let number = counted.await.inspect_err(|_| self.moved())?;
        // in one piece, or a kill in between would leave an empty file
        let new = self.file.with_extension("mail-epoch.new");
        let written = async {
            fs::write(&new, format!("{number}\n")).await?;
            fs::rename(&new, &self.file).await
        };
        if let Err(error) = written.await {
            tracing::warn!(file = %self.file.display(), %error, "the mail epoch cannot be written: a restored database will not be noticed");
        }
        Ok(())
    }
}
