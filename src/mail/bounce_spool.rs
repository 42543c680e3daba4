//! The bounce spool: a folder into which a mail delivery agent or `fetchmail` writes returned mail, one file per
//! message.
//!
//! A file is moved to `working/` before it is read, so that two processes do not process the same one, and one that
//! crashed its process is not read again: files left in `working/` are moved to `unknown/` after ten minutes. A file
//! is removed after its consequences are committed, and moved back if they could not be. One that is not about a mail
//! of ours, or cannot be parsed, is moved to `unknown/`, for a human, and kept there for a week.

use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::{fs, io::AsyncReadExt};

use super::{
    bounce_reader::MAX_MESSAGE_BYTES,
    bounce_report::BounceReport,
    bounces::{BounceOutcome, process_bounce},
    kinds::MailKinds,
};
use crate::{
    error::{Error, Result},
    kernel::Kernel,
};

/// Time between two scans of the folder.
pub(super) const SCAN_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum age of a file that is read, so that a writer that does not rename files into place has finished.
const MIN_FILE_AGE: Duration = Duration::from_secs(2);
/// Age at which a file about an unknown mail is put aside. Until then its sender may not have settled the mail yet.
const UNKNOWN_MAIL_WAIT: Duration = Duration::from_hours(1);
/// Time in `working/` after which a file is put aside: the process that read it has ended.
const ABANDONED_AFTER: Duration = Duration::from_mins(10);
/// Age at which files in `unknown/` are deleted: they may contain personal data.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// Maximum number of files kept in `unknown/`, the newest of them: anybody may send mail to our addresses.
const MAX_KEPT_FILES: usize = 2_000;
/// Maximum length of a file's name to which a prefix is added (a name may have 255 bytes).
const MAX_FILE_NAME_BYTES: usize = 200;
/// Subfolder of files being read.
const WORKING_DIRECTORY: &str = "working";
/// Subfolder of files put aside.
const UNKNOWN_DIRECTORY: &str = "unknown";

/// Processes the files in the folder of the setting `mail.bounce_spool`. Returns how many are done with. No file is
/// removed before its consequences are committed. Several processes may share one folder.
///
/// # Errors
/// The error of the first file that failed; the others are processed nevertheless. `internal` if the folder cannot be
/// read.
pub async fn process_bounce_spool(kernel: &Kernel, kinds: &MailKinds) -> Result<usize> {
    let folder = Path::new(&kernel.settings.mail.bounce_spool);
    if folder.as_os_str().is_empty() {
        return Ok(0);
    }
    let spool = BounceSpool { kernel, folder };
    spool.put_abandoned_aside().await.map_err(cannot)?;
    let (mut done, mut trouble) = (0, None);
    let mut files = fs::read_dir(folder).await.map_err(cannot)?;
    while let Some(file) = files.next_entry().await.map_err(cannot)? {
        let is_hidden = file.file_name().as_bytes().starts_with(b".");
        let Ok(metadata) = file.metadata().await else { continue };
        let age = spool.age_of(&metadata);
        if is_hidden || !metadata.is_file() || age < MIN_FILE_AGE {
            continue;
        }
        match spool.process_file(kinds, &file.file_name(), age).await {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    spool.delete_old().await;
    trouble.map_or(Ok(done), Err)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn cannot(error: io::Error) -> Error {
    Error::internal(format!("mail.bounce_spool: {error}"))
}

struct BounceSpool<'a> {
    kernel: &'a Kernel,
    folder: &'a Path,
}

impl BounceSpool<'_> {
    /// Processes one file. False when it stays in the folder for now.
    async fn process_file(&self, kinds: &MailKinds, name: &OsStr, age: Duration) -> Result<bool> {
        let Some(claimed) = self.claim(name).await.map_err(cannot)? else { return Ok(false) };
        let raw = match head_of(&claimed).await {
            Ok(raw) => raw,
            Err(error) => {
                tracing::warn!(event = "bounce.file_unreadable", %error, "a bounce file cannot be opened");
                return self.put_aside(&claimed, name).await.map(|()| true).map_err(cannot);
            }
        };
        let is_young = age < UNKNOWN_MAIL_WAIT;
        match process_bounce(self.kernel, kinds, &raw, None).await {
            Ok(BounceOutcome { report, is_known }) => {
                if is_known || matches!(report, BounceReport::AutoReply | BounceReport::InProgress) {
                    fs::remove_file(&claimed).await.map_err(cannot)?;
                    return Ok(true);
                }
                if is_young && report != BounceReport::Other {
                    self.release(&claimed, name).await.map_err(cannot)?;
                    return Ok(false);
                }
                self.put_aside(&claimed, name).await.map_err(cannot)?;
                Ok(true)
            }
            Err(error @ Error::Fields(_)) => {
                tracing::warn!(event = "bounce.not_parsed", %error, "a bounce cannot be parsed");
                metrics::counter!("muster_mail_bounce_spool_unreadable").increment(1);
                self.put_aside(&claimed, name).await.map_err(cannot)?;
                Ok(true)
            }
            // after an outage it is tried again; what fails otherwise for an hour is put aside for a human
            Err(error) if is_young || matches!(error, Error::Unavailable { .. }) => {
                self.release(&claimed, name).await.map_err(cannot)?;
                Err(error)
            }
            Err(error) => {
                self.put_aside(&claimed, name).await.map_err(cannot)?;
                Err(error)
            }
        }
    }

    /// Moves a file to `working/`, where no other process reads it. `None` when another process was faster.
    async fn claim(&self, name: &OsStr) -> io::Result<Option<PathBuf>> {
        let working = self.folder.join(WORKING_DIRECTORY);
        fs::create_dir_all(&working).await?;
        let mut claimed = OsString::from(format!("{CLAIMED_PREFIX}{}-", self.kernel.env.now().timestamp()));
        // long names are replaced: a name may have 255 bytes
        claimed.push(if name.len() > MAX_FILE_NAME_BYTES { self.new_name() } else { name.to_owned() });
        let claimed = working.join(claimed);
        if fs::try_exists(&claimed).await? {
            return Ok(None); // a file of this name was claimed within the same second: left for the next round
        }
        match fs::rename(self.folder.join(name), &claimed).await {
            Ok(()) => Ok(Some(claimed)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn release(&self, claimed: &Path, name: &OsStr) -> io::Result<()> {
        self.move_to(claimed, self.folder, name).await
    }

    async fn put_aside(&self, claimed: &Path, name: &OsStr) -> io::Result<()> {
        let aside = self.folder.join(UNKNOWN_DIRECTORY);
        fs::create_dir_all(&aside).await?;
        self.move_to(claimed, &aside, name).await
    }

    async fn move_to(&self, claimed: &Path, folder: &Path, name: &OsStr) -> io::Result<()> {
        match fs::rename(claimed, self.free(folder, name).await?).await {
            // a file that is gone was removed by somebody else
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// An unused path in a folder: a file of the same name may have been written meanwhile.
    async fn free(&self, folder: &Path, name: &OsStr) -> io::Result<PathBuf> {
        let path = folder.join(name);
        Ok(if fs::try_exists(&path).await? { folder.join(self.new_name()) } else { path })
    }

    fn new_name(&self) -> OsString {
        format!("{}.eml", self.kernel.env.id()).into()
    }

    /// Puts aside files that a process was reading when it ended: the file may have caused the crash.
    async fn put_abandoned_aside(&self) -> io::Result<()> {
        let mut files = match fs::read_dir(self.folder.join(WORKING_DIRECTORY)).await {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        while let Some(file) = files.next_entry().await? {
            let found = file.file_name();
            let Ok(metadata) = file.metadata().await else { continue };
            let (age, name) = match claim_of(&found) {
                Some((at, name)) => {
                    let age = self.kernel.env.now().timestamp().saturating_sub(at);
                    (Duration::from_secs(u64::try_from(age).unwrap_or(0)), name)
                }
                None => (self.age_of(&metadata), found.clone()),
            };
            if metadata.is_file() && age >= ABANDONED_AFTER {
                tracing::warn!(
                    event = "bounce.file_abandoned",
                    "an abandoned bounce file is moved to {UNKNOWN_DIRECTORY}/: its reader has ended"
                );
                metrics::counter!("muster_mail_bounce_spool_abandoned").increment(1);
                self.put_aside(&file.path(), &name).await?;
            }
        }
        Ok(())
    }

    fn age_of(&self, file: &Metadata) -> Duration {
        let now = SystemTime::from(self.kernel.env.now());
        file.modified().ok().and_then(|at| now.duration_since(at).ok()).unwrap_or_default()
    }

    /// Deletes files in `unknown/` that are older than [`RETENTION`], and the oldest beyond [`MAX_KEPT_FILES`].
    async fn delete_old(&self) {
        let Ok(mut files) = fs::read_dir(self.folder.join(UNKNOWN_DIRECTORY)).await else { return };
        let mut kept = Vec::new();
        while let Ok(Some(file)) = files.next_entry().await {
            let Ok(metadata) = file.metadata().await else { continue };
            let age = self.age_of(&metadata);
            if age > RETENTION {
                let _ = fs::remove_file(file.path()).await;
            } else {
                kept.push((age, file.path()));
            }
        }
        kept.sort_unstable();
        for (_, path) in kept.iter().skip(MAX_KEPT_FILES) {
            let _ = fs::remove_file(path).await;
        }
    }
}

/// Prefix of a file's name in `working/`: `claimed-<Unix seconds at which it was moved there>-<original name>`.
const CLAIMED_PREFIX: &str = "claimed-";

/// When a file in `working/` was claimed (Unix seconds), and its original name.
fn claim_of(name: &OsStr) -> Option<(i64, OsString)> {
    let rest = name.as_bytes().strip_prefix(CLAIMED_PREFIX.as_bytes())?;
    let dash = rest.iter().position(|&byte| byte == b'-')?;
    let at = std::str::from_utf8(&rest[..dash]).ok()?.parse().ok()?;
    Some((at, OsString::from_vec(rest[dash + 1..].to_vec())))
}

/// The first [`MAX_MESSAGE_BYTES`] of a file.
async fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    fs::File::open(path).await?.take(MAX_MESSAGE_BYTES as u64).read_to_end(&mut raw).await?;
    Ok(raw)
}
