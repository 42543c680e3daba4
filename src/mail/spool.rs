//! A folder in which mail that came back is dropped, one file for each, as a delivery agent or `fetchmail` does. A file is
//! removed after what follows from it was committed; one that is about no mail of ours moves to `unknown/`, for a human, and
//! stays there for a week.

use std::{
    fs::Metadata,
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::fs;

use super::{
    kinds::MailKinds,
    report::Report,
    returned::{Taken, take_back},
};
use crate::{
    error::{Error, Result},
    kernel::Kernel,
};

/// Bytes of a file that are read, at most; the head of a longer one says enough.
const LARGEST: usize = 1024 * 1024;
/// Age that a file must have: whoever writes it without renaming it into place has finished then.
const SETTLED: Duration = Duration::from_secs(2);
/// Age at which a file about a mail that nobody knows (yet) is put aside: its sender may not have settled it.
const PATIENCE: Duration = Duration::from_hours(1);
/// Age at which what was put aside is removed: it holds what somebody wrote.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// Where they are put aside.
const UNKNOWN: &str = "unknown";

/// Takes back what lies in the folder of `mail.bounce_spool`; returns how many files were dealt with. Nothing is removed
/// before it was committed. Several processes may read one folder.
///
/// # Errors
/// The first file's that could not be dealt with; the others are not held up by it. `internal` when the folder cannot be read.
pub async fn read_spool(kernel: &Kernel, kinds: &MailKinds) -> Result<usize> {
    let folder = Path::new(&kernel.settings.mail.bounce_spool);
    if folder.as_os_str().is_empty() {
        return Ok(0);
    }
    let cannot = |error: std::io::Error| Error::internal(format!("mail.bounce_spool: {error}"));
    let (mut done, mut trouble) = (0, None);
    let mut files = fs::read_dir(folder).await.map_err(cannot)?;
    while let Some(file) = files.next_entry().await.map_err(cannot)? {
        let is_hidden = file.file_name().as_encoded_bytes().starts_with(b".");
        let Ok(metadata) = file.metadata().await else { continue };
        let age = age_of(kernel, &metadata);
        if is_hidden || !metadata.is_file() || age < SETTLED {
            continue;
        }
        match one(kernel, kinds, &file.path(), age).await {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    forget(kernel, &folder.join(UNKNOWN)).await;
    trouble.map_or(Ok(done), Err)
}

/// Deals with one file; false when it is to stay for now.
async fn one(kernel: &Kernel, kinds: &MailKinds, path: &Path, age: Duration) -> Result<bool> {
    let mut raw = match fs::read(path).await {
        Ok(raw) => raw,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false), // another process was faster
        Err(error) => return Err(Error::internal(format!("mail.bounce_spool: {error}"))),
    };
    raw.truncate(LARGEST);
    let Taken { report, is_known } = take_back(kernel, kinds, &raw, None).await?;
    let is_ours = is_known || matches!(report, Report::AutoReply | Report::Underway);
    let moved = if is_ours {
        fs::remove_file(path).await
    } else if age < PATIENCE && report != Report::Other {
        return Ok(false);
    } else {
        put_aside(path).await
    };
    match moved {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::internal(format!("mail.bounce_spool: {error}")))
        }
        _ => Ok(true),
    }
}

async fn put_aside(path: &Path) -> std::io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let aside = folder.join(UNKNOWN);
    fs::create_dir_all(&aside).await?;
    fs::rename(path, aside.join(name)).await
}

fn age_of(kernel: &Kernel, file: &Metadata) -> Duration {
    let now = SystemTime::from(kernel.cx.now());
    file.modified().ok().and_then(|at| now.duration_since(at).ok()).unwrap_or_default()
}

async fn forget(kernel: &Kernel, aside: &Path) {
    let Ok(mut files) = fs::read_dir(aside).await else { return };
    while let Ok(Some(file)) = files.next_entry().await {
        if file.metadata().await.is_ok_and(|metadata| age_of(kernel, &metadata) > KEPT) {
            let _ = fs::remove_file(file.path()).await;
        }
    }
}
