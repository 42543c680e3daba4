//! The restore guard: a database that went back in time (restored from a backup, failed over to a standby that
//! lagged) must not send mail again that was sent since.
//!
//! While mail is sent, a counter in the database, the *mail epoch*, goes up. It is also written, with the cluster's
//! system identifier and timeline, to a file beside the keyring (`mail.epoch_file`), which is not part of a database
//! backup. The database is compared with the file and with the highest epoch seen by this process: at start, whenever
//! the epoch is advanced, and when a claim finds that the server was restarted or the epoch went down. A mismatch
//! pauses all mail and is logged; after a look an organizer lifts the pause (`PUT /api/v1/mail/pauses`), or an
//! operator (`muster mail epoch --accept`). The reason of the pause:
//! - `restored`: the epoch is lower than it was;
//! - `other_database`: the system identifier is another one, so this is a copy on another cluster, and it is not empty;
//! - `unverified`: mail was sent from this database, and the file is missing or cannot be read.
//!
//! A new timeline with an epoch that is not lower is a failover that lost nothing: it is only logged. The file is
//! never set to a lower epoch, except when an empty database of another cluster takes the place of the old one. Mail
//! sent in the seconds since the last advance may be sent again, with the same Message-ID.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::{Acquire, PgConnection, PgPool};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    engine::STATEMENTS_LIMIT,
    store::{self, Server},
};
use crate::{
    error::{Error, Result},
    kernel::{Kernel, db::with_timeout},
};

/// Why the restore guard pauses mail: `mail_pauses.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(super) enum GuardReason {
    /// The epoch is lower than it was.
    Restored,
    /// The system identifier is another one.
    OtherDatabase,
    /// The file is missing or cannot be read.
    Unverified,
}

crate::kernel::text_enum!(GuardReason);

/// Warning for a database role that may not read the system identifier.
const NO_PRIVILEGE: &str = "the restore guard may not read the system identifier of the database, so it notices a copy on another server only by a lower mail epoch: \
     GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() TO the role of database.url, or make it a member of pg_monitor";

/// Contents of the epoch file: `<number>`, or `<number> <system identifier> <timeline>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EpochRecord {
    number: i64,
    /// Missing in files of older releases, and where the database role may not read it.
    server: Option<Server>,
}

/// Result of reading the epoch file.
#[derive(Debug)]
enum EpochFile {
    Known(EpochRecord),
    Missing,
    Unreadable(String),
}

/// The epoch as this process has seen it in the database.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ObservedEpoch {
    /// The highest epoch seen.
    pub(super) number: i64,
    /// Start time of the server it was last read from (`pg_postmaster_start_time`).
    pub(super) started: Option<DateTime<Utc>>,
}

/// State of the restore guard in this process.
#[derive(Debug)]
pub(super) struct RestoreGuard {
    file: PathBuf,
    seen: Mutex<ObservedEpoch>,
    /// The file was compared with the database since this process started.
    is_verified: AtomicBool,
    /// Mail was claimed since the epoch was advanced.
    is_dirty: AtomicBool,
    /// The last write of the file succeeded; a failure is logged only when this changes.
    is_written: AtomicBool,
    /// The database role may read the system identifier; that it may not is logged only when this changes.
    knows_server: AtomicBool,
}

/// Result of comparing the database with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EpochCheck {
    Proceed,
    /// A failover or a restore after which the epoch is not lower.
    NewTimeline,
    Pause(GuardReason),
}

/// Compares a database with the file and with `remembered`, the highest epoch seen by this process (`None` until it has
/// compared the file). `is_fresh`: the database has never had a mail.
fn compare_epochs(
    contents: &EpochFile,
    remembered: Option<i64>,
    number: i64,
    server: Option<Server>,
    is_fresh: bool,
) -> EpochCheck {
    let is_lower = |than: i64| number < than.max(remembered.unwrap_or(0));
    match contents {
        EpochFile::Known(record) => match record.server.zip(server) {
            Some((then, now)) if then.system != now.system => {
                if is_fresh {
                    EpochCheck::Proceed
                } else {
                    EpochCheck::Pause(GuardReason::OtherDatabase)
                }
            }
            _ if is_lower(record.number) => EpochCheck::Pause(GuardReason::Restored),
            Some((then, now)) if then.timeline != now.timeline => EpochCheck::NewTimeline,
            _ => EpochCheck::Proceed,
        },
        _ if is_lower(0) => EpochCheck::Pause(GuardReason::Restored),
        EpochFile::Missing if number == 0 || remembered.is_some() => EpochCheck::Proceed,
        EpochFile::Unreadable(_) if is_fresh || remembered.is_some() => EpochCheck::Proceed,
        EpochFile::Missing | EpochFile::Unreadable(_) => EpochCheck::Pause(GuardReason::Unverified),
    }
}

impl RestoreGuard {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self {
            file: file_of(kernel),
            seen: Mutex::default(),
            is_verified: AtomicBool::new(false),
            is_dirty: AtomicBool::new(false),
            is_written: AtomicBool::new(true),
            knows_server: AtomicBool::new(true),
        }
    }

    /// System identifier and timeline of the database, where the role may read them. Where it may not, a copy on
    /// another server is noticed only by a lower epoch, which a gauge shows and the log says once.
    async fn server(&self, conn: &mut PgConnection) -> Result<Option<Server>> {
        let server = store::server(conn).await?;
        metrics::gauge!("muster_mail_restore_guard_knows_server").set(if server.is_some() { 1.0 } else { 0.0 });
        if self.knows_server.swap(server.is_some(), Ordering::Relaxed) && server.is_none() {
            tracing::warn!(event = "restore_guard.no_privilege", "{NO_PRIVILEGE}");
        }
        Ok(server)
    }

    fn lock(&self) -> MutexGuard<'_, ObservedEpoch> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch that this process has seen.
    pub(super) fn seen(&self) -> ObservedEpoch {
        *self.lock()
    }

    /// Records the epoch that a claim has read, on a server with this start time.
    pub(super) fn observe(&self, number: i64, started: DateTime<Utc>) {
        let mut seen = self.lock();
        seen.number = seen.number.max(number);
        seen.started = Some(started);
    }

    fn observe_number(&self, number: i64) {
        let mut seen = self.lock();
        seen.number = seen.number.max(number);
    }

    /// Records that mail was claimed, so that the epoch is advanced.
    pub(super) fn mark_dirty(&self) {
        self.is_dirty.store(true, Ordering::Relaxed);
    }

    /// Runs [`RestoreGuard::check`] before the first mail is sent, retrying until it succeeds or the engine stops.
    pub(super) async fn check_until_known(&self, kernel: &Kernel, now: DateTime<Utc>, cancel: &CancellationToken) {
        while let Err(error) = self.check(kernel, now).await {
            tracing::warn!(
                event = "restore_guard.cannot_check",
                %error,
                "restore guard: the mail epoch cannot be checked yet; the mail queue waits"
            );
            tokio::select! {
                () = sleep(Duration::from_secs(2)) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Compares the database with the file and with the epoch seen, and pauses all mail on a mismatch.
    pub(super) async fn check(&self, kernel: &Kernel, now: DateTime<Utc>) -> Result<()> {
        with_timeout(STATEMENTS_LIMIT, "checking the mail epoch", self.compare(kernel, now)).await
    }

    async fn compare(&self, kernel: &Kernel, now: DateTime<Utc>) -> Result<()> {
        // the file is read before the database, whose epoch is always advanced before the file is written
        let contents = read(&self.file).await;
        let remembered = self.is_verified.load(Ordering::Acquire).then(|| self.seen().number);
        let mut conn = kernel.work.acquire().await?;
        let server = self.server(&mut conn).await?;
        let (number, started) = store::number(&mut conn).await?;
        let is_fresh = store::is_fresh(&mut conn).await?;
        let check = compare_epochs(&contents, remembered, number, server, is_fresh);
        if let EpochFile::Unreadable(error) = &contents {
            tracing::error!(
                event = "restore_guard.epoch_unreadable",
                file = %self.file.display(),
                error,
                "the mail epoch cannot be read"
            );
        }
        let known = match &contents {
            EpochFile::Known(record) => record.number,
            _ => 0,
        };
        let mut reached = number.max(known).max(remembered.unwrap_or(0));
        match check {
            EpochCheck::Proceed if known > number => reached = number, // an empty database beside an old file
            EpochCheck::Proceed => {}
            EpochCheck::NewTimeline => {
                tracing::warn!(
                    event = "restore_guard.new_timeline",
                    number,
                    "restore guard: new timeline, and the mail epoch is not lower: mail is sent"
                );
            }
            EpochCheck::Pause(reason) => {
                let mut tx = conn.begin().await?;
                store::pause_behind(&mut tx, reached, reason.as_str(), now).await?;
                tx.commit().await?;
                log_pause(reason, reached);
            }
        }
        drop(conn);
        self.write(EpochRecord { number: reached, server }, check == EpochCheck::Proceed && known > number).await;
        *self.lock() = ObservedEpoch { number: reached, started: Some(started) };
        self.is_verified.store(true, Ordering::Release);
        Ok(())
    }

    /// Advances the epoch and writes the file, if mail was claimed since the last time.
    pub(super) async fn advance(&self, kernel: &Kernel, now: DateTime<Utc>) -> Result<()> {
        if !self.is_dirty.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let advanced = async {
            let contents = read(&self.file).await;
            let reached = match contents {
                EpochFile::Known(record) => record.number,
                _ => 0,
            }
            .max(self.seen().number);
            let mut conn = kernel.work.acquire().await?;
            let mut tx = conn.begin().await?;
            let number = store::next_number(&mut tx).await?;
            if number <= reached {
                // the database's epoch had gone down: no claim may see it raised again without the pause
                store::pause_behind(&mut tx, reached, GuardReason::Restored.as_str(), now).await?;
                tx.commit().await?;
                log_pause(GuardReason::Restored, reached);
                return Ok(());
            }
            tx.commit().await?;
            let server = self.server(&mut conn).await?;
            drop(conn);
            self.observe_number(number);
            self.write(EpochRecord { number, server }, false).await;
            Ok(())
        };
        advanced.await.inspect_err(|_: &Error| self.mark_dirty())
    }

    /// Writes the file; a lower epoch only with `anew`. If it cannot be written, the epoch seen by this process is
    /// all that the database can be compared with.
    async fn write(&self, record: EpochRecord, anew: bool) {
        let written = write(&self.file, record, anew).await;
        metrics::gauge!("muster_mail_epoch_file_writable").set(if written.is_ok() { 1.0 } else { 0.0 });
        let was_written = self.is_written.swap(written.is_ok(), Ordering::Relaxed);
        if let Err(error) = written
            && was_written
        {
            tracing::error!(
                event = "restore_guard.epoch_not_written",
                file = %self.file.display(),
                %error,
                "the mail epoch cannot be written: after the next start a restored database would not be noticed (mail.epoch_file)"
            );
        }
    }
}

fn log_pause(reason: GuardReason, reached: i64) {
    tracing::error!(
        event = "restore_guard.paused",
        reason = reason.as_str(),
        reached,
        "restore guard: this database may be older than the mail that went out: nothing is sent until an organizer lifts the pause (PUT /api/v1/mail/pauses) or `muster mail epoch --accept` is run"
    );
}

/// Path of the epoch file: the setting `mail.epoch_file`, else the keyring's path with the extension `mail-epoch`.
fn file_of(kernel: &Kernel) -> PathBuf {
    let set = &kernel.settings.mail.epoch_file;
    if set.as_os_str().is_empty() { kernel.settings.keyring.file.with_extension("mail-epoch") } else { set.clone() }
}

impl std::str::FromStr for EpochRecord {
    type Err = ();

    /// Parses the file's format; see [`EpochRecord`].
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let mut words = text.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).filter(|n| *n >= 0).ok_or(())?;
        let server = match (words.next(), words.next()) {
            (None, _) => None,
            (Some(system), Some(timeline)) => {
                Some(Server { system: system.parse().map_err(|_| ())?, timeline: timeline.parse().map_err(|_| ())? })
            }
            _ => return Err(()),
        };
        if words.next().is_some() { Err(()) } else { Ok(Self { number, server }) }
    }
}

fn read_now(file: &Path) -> EpochFile {
    match fs::read_to_string(file) {
        Ok(text) => {
            text.parse().map_or_else(|()| EpochFile::Unreadable("it holds no number".to_owned()), EpochFile::Known)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => EpochFile::Missing,
        Err(error) => EpochFile::Unreadable(error.to_string()),
    }
}

async fn read(file: &Path) -> EpochFile {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || read_now(&file)).await;
    read.unwrap_or_else(|error| EpochFile::Unreadable(error.to_string()))
}

/// Replaces the file atomically and durably (fsync, rename, fsync of the folder). A lock file serialises the
/// processes of one machine.
fn write_now(file: &Path, record: EpochRecord, anew: bool) -> io::Result<()> {
    let lock = File::create(file.with_extension("mail-epoch.lock"))?;
    lock.lock()?;
    match read_now(file) {
        EpochFile::Known(there) if !anew && there.number > record.number => return Ok(()),
        EpochFile::Known(there) if there == record => return Ok(()),
        _ => {}
    }
    let server = record.server.map_or_else(String::new, |server| format!(" {} {}", server.system, server.timeline));
    let new = file.with_extension(format!("mail-epoch.{}.new", std::process::id()));
    let written = (|| {
        let mut out = File::create(&new)?;
        out.write_all(format!("{}{server}\n", record.number).as_bytes())?;
        out.sync_all()?;
        fs::rename(&new, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

async fn write(file: &Path, record: EpochRecord, anew: bool) -> io::Result<()> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || write_now(&file, record, anew)).await.map_err(io::Error::other)?
}

/// A warning about the role of the database, for `muster check-config`.
pub async fn warning(db: &PgPool) -> Result<Option<String>> {
    let server = store::server(&mut *db.acquire().await?).await?;
    Ok(server.is_none().then(|| format!("database.url: {NO_PRIVILEGE}")))
}

/// State of the restore guard on this machine, for `muster mail epoch`.
#[derive(Clone, Debug)]
pub struct EpochStatus {
    /// The database's epoch.
    pub number: i64,
    /// Path of the epoch file.
    pub file: PathBuf,
    /// The file's epoch; `None` when it is missing or cannot be read.
    pub recorded: Option<i64>,
    /// The cluster's system identifier and timeline, where the database role may read them.
    pub cluster: Option<(i64, i32)>,
    /// The reason, if the restore guard has paused all mail.
    pub paused: Option<String>,
}

/// Reads the state without changing anything.
pub async fn epoch(kernel: &Kernel) -> Result<EpochStatus> {
    let file = file_of(kernel);
    let recorded = match read(&file).await {
        EpochFile::Known(record) => Some(record.number),
        _ => None,
    };
    let mut conn = kernel.work.acquire().await?;
    let server = store::server(&mut conn).await?;
    let (number, _) = store::number(&mut conn).await?;
    let pauses = store::pauses(&mut conn).await?;
    let ours =
        pauses.into_iter().find(|p| p.scope == store::EVERYTHING && GuardReason::NAMES.contains(&p.reason.as_str()));
    let cluster = server.map(|server| (server.system, server.timeline));
    Ok(EpochStatus { number, file, recorded, cluster, paused: ours.map(|pause| pause.reason) })
}

/// What tells a database from older and other copies of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// The mail epoch.
    pub epoch: i64,
    /// The cluster's system identifier and timeline, where the database role may read them.
    pub cluster: Option<(i64, i32)>,
}

/// Reads a database's identity; not in a transaction, which a missing privilege would break off.
pub async fn identity(conn: &mut PgConnection) -> Result<DatabaseIdentity> {
    let server = store::server(conn).await?;
    let (epoch, _) = store::number(conn).await?;
    Ok(DatabaseIdentity { epoch, cluster: server.map(|server| (server.system, server.timeline)) })
}

/// Pauses all mail of a database that was just restored, whatever the file says: until `muster mail epoch --accept`.
pub async fn pause_restored(conn: &mut PgConnection, kernel: &Kernel) -> Result<()> {
    let known = match read(&file_of(kernel)).await {
        EpochFile::Known(record) => record.number,
        _ => 0,
    };
    store::pause_behind(conn, known, GuardReason::Restored.as_str(), kernel.env.now()).await
}

/// Is this the database that mail was last sent from, as far as is known here, and has the restore guard not paused mail?
pub async fn is_newest(kernel: &Kernel) -> Result<bool> {
    let contents = read(&file_of(kernel)).await;
    if epoch(kernel).await?.paused.is_some() {
        return Ok(false);
    }
    let mut conn = kernel.work.acquire().await?;
    let server = store::server(&mut conn).await?;
    let (number, _) = store::number(&mut conn).await?;
    let check = compare_epochs(&contents, None, number, server, store::is_fresh(&mut conn).await?);
    Ok(!matches!(check, EpochCheck::Pause(_)))
}

/// Accepts this database as the current one: writes its epoch and cluster to the file of this machine and lifts a
/// pause set by the restore guard. Returns whether there was one.
///
/// # Errors
/// `internal` when the file cannot be written; the database is not changed then.
pub async fn accept_epoch(kernel: &Kernel) -> Result<bool> {
    let file = file_of(kernel);
    let reached = match read(&file).await {
        EpochFile::Known(record) => record.number,
        _ => 0,
    };
    let server = store::server(&mut *kernel.work.acquire().await?).await?;
    let mut tx = kernel.work.begin().await?;
    let reasons = GuardReason::ALL.map(|reason| reason.as_str().to_owned());
    let (number, lifted) = store::accept(&mut tx, reached, &reasons, kernel.env.now()).await?;
    write(&file, EpochRecord { number, server }, true)
        .await
        .map_err(|error| Error::internal(format!("mail.epoch_file: {}: {error}", file.display())))?;
    tx.commit().await?;
    Ok(lifted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<Server> = Some(Server { system: 7, timeline: 1 });
    const B: Option<Server> = Some(Server { system: 7, timeline: 2 });
    const OTHER: Option<Server> = Some(Server { system: 8, timeline: 1 });

    fn known(number: i64, server: Option<Server>) -> EpochFile {
        EpochFile::Known(EpochRecord { number, server })
    }

    #[test]
    fn databases_are_judged() {
        let garbled = || EpochFile::Unreadable("it holds no number".to_owned());
        for (contents, remembered, number, server, is_fresh, expected) in [
            (known(5, A), None, 5, A, false, EpochCheck::Proceed),
            (known(5, A), None, 9, A, false, EpochCheck::Proceed),
            (known(5, A), None, 4, A, false, EpochCheck::Pause(GuardReason::Restored)),
            (known(5, A), None, 0, A, true, EpochCheck::Pause(GuardReason::Restored)),
            (known(5, A), Some(8), 6, A, false, EpochCheck::Pause(GuardReason::Restored)),
            (known(5, A), None, 5, B, false, EpochCheck::NewTimeline),
            (known(5, A), None, 4, B, false, EpochCheck::Pause(GuardReason::Restored)),
            (known(5, A), None, 9, OTHER, false, EpochCheck::Pause(GuardReason::OtherDatabase)),
            (known(5, A), Some(5), 9, OTHER, false, EpochCheck::Pause(GuardReason::OtherDatabase)),
            (known(5, A), None, 0, OTHER, false, EpochCheck::Pause(GuardReason::OtherDatabase)),
            (known(5, A), None, 0, OTHER, true, EpochCheck::Proceed),
            (known(5, A), None, 9, None, false, EpochCheck::Proceed),
            (known(5, None), None, 5, A, false, EpochCheck::Proceed),
            (known(5, None), None, 4, A, false, EpochCheck::Pause(GuardReason::Restored)),
            (EpochFile::Missing, None, 0, A, false, EpochCheck::Proceed),
            (EpochFile::Missing, None, 1, A, false, EpochCheck::Pause(GuardReason::Unverified)),
            (EpochFile::Missing, Some(3), 3, A, false, EpochCheck::Proceed),
            (EpochFile::Missing, Some(3), 2, A, false, EpochCheck::Pause(GuardReason::Restored)),
            (garbled(), None, 1, A, false, EpochCheck::Pause(GuardReason::Unverified)),
            (garbled(), None, 0, A, false, EpochCheck::Pause(GuardReason::Unverified)),
            (garbled(), None, 0, A, true, EpochCheck::Proceed),
            (garbled(), Some(3), 2, A, false, EpochCheck::Pause(GuardReason::Restored)),
        ] {
            let found = compare_epochs(&contents, remembered, number, server, is_fresh);
            assert_eq!(found, expected, "{contents:?} {remembered:?} {number} {server:?} {is_fresh}");
        }
    }

    #[test]
    fn the_file_is_written_whole_and_never_lower() {
        let folder = std::env::temp_dir().join(format!("muster-epoch-{}", crate::kernel::env::Env::system().id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("keyring.mail-epoch");
        let number = || match read_now(&file) {
            EpochFile::Known(record) => record.number,
            other => panic!("{other:?}"),
        };
        assert!(matches!(read_now(&file), EpochFile::Missing));
        write_now(&file, EpochRecord { number: 7, server: A }, false).expect("written");
        write_now(&file, EpochRecord { number: 6, server: B }, false).expect("kept");
        assert_eq!((number(), fs::read_to_string(&file).expect("a text")), (7, "7 7 1\n".to_owned()));
        write_now(&file, EpochRecord { number: 0, server: OTHER }, true).expect("anew");
        assert_eq!(number(), 0);
        for garbled in ["", "x", "-1", "5 7", "5 7 1 9", "5 seven 1"] {
            fs::write(&file, garbled).expect("a text");
            assert!(matches!(read_now(&file), EpochFile::Unreadable(_)), "{garbled:?}");
        }
        fs::write(&file, "12\n").expect("as older releases wrote it");
        assert_eq!(number(), 12);
        let left = fs::read_dir(&folder).expect("a folder").count();
        assert_eq!(left, 2, "the file and its lock");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
