//! Making a backup.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use age::x25519;
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Days, NaiveDateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::{
    archive::{self, Manifest},
    postgres,
};
use crate::{
    config::Settings,
    kernel::{
        backups::{self, BackupMade},
        crypto::Key,
        db,
        embedded_postgres::client_program,
        env::Env,
        keyring::{Family, Keyring, SigningKeys},
    },
    mail,
};

/// Tables of which a backup has no rows: who is signed in, and which processes run. Unlogged tables (secrets of the day, counters
/// of attempts) have none either.
const WITHOUT_ROWS: [&str; 4] = ["sessions", "process_heartbeats", "keyring_nodes", "leases"];
/// How long `pg_dump` waits for the locks on all tables.
const LOCK_WAIT: &str = "60s";
/// Names of backups: `muster-20261128T220000Z.age`, the time of the snapshot.
const NAME_FORMAT: &str = "muster-%Y%m%dT%H%M%SZ.age";
/// Ending of a file that is not complete.
const PARTIAL: &str = ".partial";

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// Backups that were deleted for their age (`backup.keep_days`).
    pub deleted: usize,
    /// Why the database could not note that it was made, if it could not.
    pub not_recorded: Option<String>,
}

/// The keys of the keyring that vouch for backups. They are those of the first generation that this host has: every copy of the root
/// key file has it.
pub(super) fn signing_keys(keyring: &Arc<Keyring>, env: &Env) -> SigningKeys {
    SigningKeys::of(keyring, Family::Requests, env).derive("backup")
}

/// Backs up the database at `url` (a direct one, no pooler's) into a file in `folder`, encrypted for `recipients`. May be called while
/// Muster serves.
///
/// # Errors
/// No recipient, no `pg_dump` that is new enough, a database that is gone, a full disk. No file with the name of a backup is left then.
pub async fn create(
    settings: &Settings,
    env: &Env,
    keyring: &Arc<Keyring>,
    url: &str,
    folder: &Path,
    recipients: Vec<x25519::Recipient>,
) -> anyhow::Result<Created> {
    ensure!(
        !recipients.is_empty(),
        "backup.recipients: names no public key; make one with `muster backup keygen` on another machine"
    );
    let began = env.instant();
    let mut conn = PgConnection::connect_with(&db::options(url)?).await.context("database.url")?;
    ensure!(
        !backups::is_unfinished(&mut conn).await?,
        "a restore of this database was begun and not ended: run `muster restore` again"
    );
    let major = backups::server_version(&mut conn).await? / 10_000;
    let (pg_dump, dumped_by) = client_program("pg_dump", major).await?;
    let identity = mail::identity(&mut conn).await?;
    // ended by closing the connection: `pg_dump` reads the same snapshot for as long as this transaction is open
    sqlx::raw_sql(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         SET LOCAL idle_in_transaction_session_timeout = 0;
         SET LOCAL statement_timeout = 0",
    )
    .execute(&mut conn)
    .await?;
    let source = backups::export_snapshot(&mut conn).await?;
    let manifest = Manifest {
        format: Manifest::FORMAT,
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: source.taken_at,
        database: source.database,
        migrations: source.migrations,
        pg_dump: dumped_by,
        cluster: identity.cluster,
        mail_epoch: identity.epoch,
    };
    let mut arguments = vec![
        "--format=custom".to_owned(),
        "--compress=1".to_owned(),
        "--no-unlogged-table-data".to_owned(),
        format!("--lock-wait-timeout={LOCK_WAIT}"),
        format!("--snapshot={}", source.snapshot),
    ];
    arguments.extend(WITHOUT_ROWS.map(|table| format!("--exclude-table-data=public.{table}")));
    let taken_at = source.taken_at;
    let work = Work {
        program: pg_dump,
        arguments,
        url: url.to_owned(),
        folder: folder.to_owned(),
        recipients,
        manifest,
        key: signing_keys(keyring, env).all().pop().context("keyring.file: has no signing keys")?,
    };
    let (file, bytes) = tokio::task::spawn_blocking(move || work.write()).await??;
    let _ = conn.close().await;
    let recorded = record(url, BackupMade { taken_at, finished_at: env.now(), bytes }).await;
    let keep = Days::new(settings.backup.keep_days.into());
    Ok(Created {
        deleted: delete_old(folder, &file, taken_at - keep)?,
        file,
        bytes,
        took: env.instant().saturating_duration_since(began),
        not_recorded: recorded.err().map(|error| format!("{error:#}")),
    })
}

async fn record(url: &str, made: BackupMade) -> anyhow::Result<()> {
    let mut conn = db::connect(url, db::PoolKind::Background).await?;
    backups::record(&mut conn, made).await?;
    Ok(conn.close().await?)
}

/// Everything that the blocking part needs.
struct Work {
    program: PathBuf,
    arguments: Vec<String>,
    url: String,
    folder: PathBuf,
    recipients: Vec<x25519::Recipient>,
    manifest: Manifest,
    key: Key,
}

impl Work {
    /// Writes the file under a temporary name, and renames it when it is on disk. Returns its path and size.
    fn write(&self) -> anyhow::Result<(PathBuf, u64)> {
        let folder = &self.folder;
        fs::create_dir_all(folder).with_context(|| format!("backup.folder: {}", folder.display()))?;
        remove_partial(folder)?;
        let file = folder.join(self.manifest.taken_at.format(NAME_FORMAT).to_string());
        ensure!(!file.exists(), "{} exists already", file.display());
        let partial = partial_of(&file);
        let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        let out = out.with_context(|| format!("cannot write {}", partial.display()))?;
        // held until the end, so that another backup does not take it for one that was broken off
        out.lock()?;
        let written = self.write_into(out).and_then(|bytes| {
            fs::rename(&partial, &file)?;
            File::open(folder)?.sync_all()?;
            Ok((file, bytes))
        });
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written
    }

    fn write_into(&self, out: File) -> anyhow::Result<u64> {
        let mut dump =
            postgres::start(&self.program, "pg_dump", &self.arguments, &self.url, Stdio::null(), Stdio::piped())?;
        let Some(mut stdout) = dump.child.stdout.take() else { bail!("pg_dump has no output") };
        let written = archive::write(
            BufWriter::with_capacity(256 * 1024, out),
            &self.recipients,
            &self.manifest,
            &self.key,
            &mut stdout,
            || dump.end(),
        );
        // a dump that is not read to its end is broken off by this
        drop(stdout);
        let (out, _) = written?;
        let out = out.into_inner().context("the disk")?;
        out.sync_all()?;
        Ok(out.metadata()?.len())
    }
}

fn partial_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(PARTIAL);
    PathBuf::from(name)
}

/// When the backup of this name was taken; `None` for other files.
fn taken_at(name: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(name, NAME_FORMAT).ok().map(|time| time.and_utc())
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("backup.folder: {}", folder.display()))? {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

/// Removes what was left by backups that were killed: files that nobody holds the lock of.
fn remove_partial(folder: &Path) -> anyhow::Result<()> {
    for name in names(folder)? {
        if name.strip_suffix(PARTIAL).and_then(taken_at).is_none() {
            continue;
        }
        let path = folder.join(name);
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Deletes the backups in a folder that were taken before a time, but never `newest`. Returns how many.
fn delete_old(folder: &Path, newest: &Path, before: DateTime<Utc>) -> anyhow::Result<usize> {
    let mut deleted = 0;
    for name in names(folder)? {
        let path = folder.join(&name);
        if path != newest && taken_at(&name).is_some_and(|taken_at| taken_at < before) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Makes a key pair: writes the secret key into a new file with mode 0600, and returns the public key.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn make_identity(file: &Path) -> anyhow::Result<String> {
    use age::secrecy::ExposeSecret;
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(out, "# public key: {recipient}\n{}", identity.to_string().expose_secret())?;
    out.sync_all()?;
    Ok(recipient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_and_broken_off_backups_are_removed() {
        let folder = std::env::temp_dir().join(format!("muster-backups-{}", Env::system().id()));
        fs::create_dir_all(&folder).unwrap();
        let newest = folder.join("muster-20261128T220000Z.age");
        let all = [
            "muster-20261128T220000Z.age",
            "muster-20261029T215959Z.age",
            "muster-20261029T220001Z.age",
            "muster-20261101T000000Z.age.partial",
            "muster-20261102T000000Z.age.partial",
            "muster-notes.age",
            "other.partial",
        ];
        for name in all {
            fs::write(folder.join(name), "x").unwrap();
        }
        let held = File::open(folder.join(all[4])).unwrap();
        held.lock().unwrap();
        remove_partial(&folder).unwrap();
        let taken_at = taken_at(all[0]).unwrap();
        assert_eq!(delete_old(&folder, &newest, taken_at - Days::new(30)).unwrap(), 1);
        let mut left = names(&folder).unwrap();
        left.sort();
        assert_eq!(left, [all[2], all[4], all[0], all[5], all[6]]);
        // also one that is too old itself stays, being the newest
        assert_eq!(delete_old(&folder, &newest, taken_at + Days::new(1)).unwrap(), 1);
        assert!(newest.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
