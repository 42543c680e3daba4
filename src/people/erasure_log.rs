//! The log of erasures: a file outside the database (`retention.erasure_log`), so that whoever was erased is erased again
//! in a database that is put back from a backup, before anything of it is served.
//!
//! Also noted are actions whose data was ended, so that what was destroyed does not come back either.
//!
//! A line holds a day and the SHA-256 of the id that the row had: nothing that leads to anybody without a backup
//! that has the row. It is written durably before the erasure is committed. A process that is killed between the two leaves
//! a line whose person is erased at the next start.
//!
//! The table `erasures` holds the same. What only the file has means that the database is older than the file: those people
//! are erased again, those actions ended again, and imports that are not read to the end are given up, since their files may hold them. What only the
//! table has was erased by another machine, or while the file could not be written: it is added to the file. So each machine
//! that runs a worker has the whole log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{Days, NaiveDate};
use data_encoding::HEXLOWER;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{records::AllRecords, store};
use crate::{
    error::{Error, Result},
    kernel::{
        Kernel,
        background::{JobInfo, Jobs, Progress, RunsIn, TURN_LIMIT},
        crypto::sha256,
    },
};

/// How often a worker compares its file with the table.
const SYNC_INTERVAL: Duration = Duration::from_mins(1);
const SYNC_JOB: JobInfo = JobInfo::every(
    SYNC_INTERVAL,
    RunsIn::EachWorker,
    "sync_erasure_log",
    "compares the log of erasures (`retention.erasure_log`) with the table: erases again who is in the log only, adds to the log who is \
     in the table only, drops entries after `retention.erasure_log_days` (400)",
    "one transaction for each person",
    TURN_LIMIT,
);

/// Hash of a person's id, and the day of the erasure.
type Entries = BTreeMap<Vec<u8>, NaiveDate>;

/// Registers the comparison of file and table.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, records: &AllRecords, jobs: &mut Jobs) {
    jobs.add(SYNC_JOB, &(kernel.clone(), records.clone()), async |(kernel, records), _| {
        replay_erasures(&kernel, &records).await?;
        Ok(Progress::Idle)
    });
}

fn file_of(kernel: &Kernel) -> PathBuf {
    let set = &kernel.settings.retention.erasure_log;
    if set.as_os_str().is_empty() { kernel.settings.keyring.file.with_extension("erasures") } else { set.clone() }
}

/// Is there a log of erasures on this host? Without one nobody can know who was erased since a backup was made.
pub fn has_erasure_log(kernel: &Kernel) -> bool {
    file_of(kernel).exists()
}

fn hash_of(id: Uuid) -> Vec<u8> {
    sha256(id.as_bytes()).to_vec()
}

/// Notes that a person was erased, or the data of an action ended, in the caller's transaction and, durably, in the file. If the
/// file cannot be written, that is logged, and a worker adds the entry later from the table.
pub async fn record(kernel: &Kernel, conn: &mut PgConnection, id: Uuid) -> Result<()> {
    let (hash, today) = (hash_of(id), kernel.env.now().date_naive());
    store::insert_erasures(conn, std::slice::from_ref(&hash), &[today]).await?;
    write(kernel, Entries::from([(hash, today)])).await;
    Ok(())
}

/// Compares the file with the table, both ways (see the module): to be called before a process serves anything. Returns how
/// many people were erased again.
///
/// # Errors
/// `internal` when the file is there and cannot be read; those of [`AllRecords::erase`].
pub async fn replay_erasures(kernel: &Kernel, records: &AllRecords) -> Result<usize> {
    let file = file_of(kernel);
    let first_day = kernel.env.now().date_naive() - Days::new(kernel.settings.retention.erasure_log_days.into());
    let path = file.clone();
    let read = tokio::task::spawn_blocking(move || read_now(&path)).await.map_err(Error::internal)?;
    let all = read.map_err(|error| Error::internal(format!("retention.erasure_log: {}: {error}", file.display())))?;
    let entries = all.len();
    let in_file: Entries = all.into_iter().filter(|(_, day)| *day >= first_day).collect();
    let has_old = in_file.len() < entries;
    let mut conn = kernel.work.acquire().await?;
    let in_table: Entries = store::erasures(&mut conn).await?.into_iter().collect();
    let only_in = |one: &Entries, other: &Entries| -> Entries {
        one.iter().filter(|(hash, _)| !other.contains_key(*hash)).map(|(hash, day)| (hash.clone(), *day)).collect()
    };
    let erased = replay(kernel, records, &mut conn, &only_in(&in_file, &in_table)).await?;
    store::delete_erasures(&mut conn, first_day).await?;
    drop(conn);
    let mut missing = only_in(&in_table, &in_file);
    missing.retain(|_, day| *day >= first_day);
    if !missing.is_empty() {
        write(kernel, missing).await;
    }
    if has_old {
        let dropped = tokio::task::spawn_blocking(move || drop_old_now(&file, first_day)).await;
        note_written(kernel, dropped.unwrap_or_else(|error| Err(io::Error::other(error))));
    }
    Ok(erased)
}

/// Erases the people of entries that the database does not know, and ends the actions.
async fn replay(kernel: &Kernel, records: &AllRecords, conn: &mut PgConnection, entries: &Entries) -> Result<usize> {
    if entries.is_empty() {
        return Ok(0);
    }
    let (hashes, days): (Vec<Vec<u8>>, Vec<NaiveDate>) = entries.iter().map(|(hash, day)| (hash.clone(), *day)).unzip();
    let mut tx = kernel.begin_on(conn).await?;
    records.give_up_unread(&mut tx).await?;
    tx.commit().await?;
    let people = store::by_hash(conn, &hashes).await?;
    for person in &people {
        let mut tx = kernel.begin_on(conn).await?;
        records.erase_again(kernel, &mut tx, *person).await?;
        tx.commit().await?;
    }
    let actions = records.end_again(&hashes).await?;
    store::insert_erasures(conn, &hashes, &days).await?;
    tracing::warn!(
        event = "erasure_log.replayed",
        entries = entries.len(),
        people = people.len(),
        actions,
        "this database did not know of erasures: those people were erased again, the data of those actions ended again, and \
         unfinished imports were cancelled"
    );
    Ok(people.len())
}

async fn write(kernel: &Kernel, entries: Entries) {
    let file = file_of(kernel);
    let written = tokio::task::spawn_blocking(move || append_now(&file, &entries)).await;
    note_written(kernel, written.unwrap_or_else(|error| Err(io::Error::other(error))));
}

fn note_written(kernel: &Kernel, written: io::Result<()>) {
    metrics::gauge!("muster_erasure_log_writable").set(if written.is_ok() { 1.0 } else { 0.0 });
    if let Err(error) = written {
        tracing::error!(
            event = "erasure_log.not_written",
            file = %file_of(kernel).display(),
            %error,
            "the log of erasures cannot be written: a database that is put back now would bring erased people back \
             (retention.erasure_log)"
        );
    }
}

/// A line: `2026-11-28 <64 hexadecimal digits>`.
fn parse_line(line: &str) -> Option<(Vec<u8>, NaiveDate)> {
    let (day, hash) = line.split_once(' ')?;
    let hash = HEXLOWER.decode(hash.as_bytes()).ok().filter(|hash| hash.len() == 32)?;
    Some((hash, day.parse().ok()?))
}

fn line(hash: &[u8], day: NaiveDate) -> String {
    format!("{day} {}\n", HEXLOWER.encode(hash))
}

/// The entries of the file; none if there is no file. A line that was not written to its end is left out.
fn read_now(file: &Path) -> io::Result<Entries> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().filter_map(parse_line).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Entries::new()),
        Err(error) => Err(error),
    }
}

/// Serialises the processes of one machine.
fn lock(file: &Path) -> io::Result<File> {
    let lock = private().create(true).truncate(false).open(with_suffix(file, ".lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Appends entries, durably.
fn append_now(file: &Path, entries: &Entries) -> io::Result<()> {
    let _lock = lock(file)?;
    let mut out = private().create(true).truncate(false).open(file)?;
    let length = out.seek(SeekFrom::End(0))?;
    let mut text = String::new();
    if length > 0 {
        let mut last = [0];
        out.seek(SeekFrom::End(-1))?;
        out.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    text.extend(entries.iter().map(|(hash, day)| line(hash, *day)));
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    if length == 0 { sync_folder(file) } else { Ok(()) }
}

/// Rewrites the file without entries of before a day: atomically and durably.
fn drop_old_now(file: &Path, first_day: NaiveDate) -> io::Result<()> {
    let _lock = lock(file)?;
    let kept: BTreeSet<String> =
        read_now(file)?.iter().filter(|(_, day)| **day >= first_day).map(|(hash, day)| line(hash, *day)).collect();
    let new = with_suffix(file, &format!(".{}.new", std::process::id()));
    let written = (|| {
        let mut out = private().create(true).truncate(true).open(&new)?;
        out.write_all(kept.into_iter().collect::<String>().as_bytes())?;
        out.sync_all()?;
        fs::rename(&new, file)?;
        sync_folder(file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_appended_read_and_dropped() {
        let folder = std::env::temp_dir().join(format!("muster-erasures-{}", crate::kernel::env::Env::system().id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("keyring.erasures");
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let entry = |n: u128, at: &str| Entries::from([(hash_of(Uuid::from_u128(n)), day(at))]);
        assert!(read_now(&file).unwrap().is_empty());
        append_now(&file, &entry(1, "2026-11-28")).unwrap();
        // a write that a power failure cut off
        OpenOptions::new().append(true).open(&file).unwrap().write_all(b"2026-11-29 ab").unwrap();
        append_now(&file, &entry(2, "2027-01-01")).unwrap();
        let mut both = entry(1, "2026-11-28");
        both.extend(entry(2, "2027-01-01"));
        assert_eq!(read_now(&file).unwrap(), both);
        drop_old_now(&file, day("2026-11-29")).unwrap();
        assert_eq!(read_now(&file).unwrap(), entry(2, "2027-01-01"));
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
