//! Restoring a backup.

use std::{
    fs::File,
    io::{BufReader, Write},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use age::x25519;
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Days, Utc};
use data_encoding::HEXLOWER;
use sqlx::{Connection, PgConnection};

use super::{
    archive::{self, Manifest, Verified},
    create::signing_keys,
    postgres,
};
use crate::{
    actions::submission::skip_reminders,
    app::App,
    broadcasts, calls,
    config::Settings,
    console, events,
    kernel::{
        Kernel,
        backups::{self, Target},
        crypto::Key,
        database_roles, db,
        embedded_postgres::client_program,
        env::Env,
        keyring::Keyring,
        migrations, table_sweep,
    },
    letters,
    mail::{self, SetAside},
    people::{self, replay_erasures},
    petitions,
};

/// What is restored, and how.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The backup.
    pub file: PathBuf,
    /// The file with its secret key.
    pub identity: PathBuf,
    /// Empty the database first if it is not empty.
    pub replace: bool,
    /// When the lost database last sent mail; `None`: perhaps until now.
    pub stopped_at: Option<DateTime<Utc>>,
    /// Also restore a backup that is older than the log of erasures.
    pub ignore_age: bool,
}

/// A restore that succeeded.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// Size of the dump in bytes.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// Mails that may have been sent since the backup, by class.
    pub set_aside: Vec<SetAside>,
    /// Whether this host had a log of erasures.
    pub has_erasure_log: bool,
    /// People who were erased again.
    pub erased: usize,
    /// Broadcasts that were stopped.
    pub broadcasts: usize,
    /// Letter actions that were switched off.
    pub letter_actions: usize,
    /// Announcements of changed events, and retries of failed mail, that were dropped.
    pub dropped: usize,
    /// Submissions that get no reminder.
    pub reminders: u64,
    /// Vaults whose key is not on this host.
    pub closed_vaults: usize,
}

/// Verifies a backup to its last byte: that it is whole, opens with the identity, and, with a keyring, whose it is.
///
/// # Errors
/// As [`archive::read`], or when a file cannot be read.
pub async fn verify(file: &Path, identity: &Path, keys: Option<Vec<Key>>) -> anyhow::Result<Verified> {
    let identities = archive::read_identities(identity)?;
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || read(&file, &identities, keys.as_deref(), |_| Ok(()))).await?
}

/// The keys that may vouch for a backup of this installation.
pub fn keys_of(keyring: &Arc<Keyring>, env: &Env) -> Vec<Key> {
    signing_keys(keyring, env).all()
}

fn read(
    file: &Path,
    identities: &[x25519::Identity],
    keys: Option<&[Key]>,
    sink: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> anyhow::Result<Verified> {
    let opened = File::open(file).with_context(|| file.display().to_string())?;
    archive::read(BufReader::with_capacity(256 * 1024, opened), identities, keys, sink)
        .with_context(|| file.display().to_string())
}

/// Verifies a backup, before the database is started or touched.
///
/// # Errors
/// As [`verify`]; a backup of another release's schema; one that is older than the log of erasures.
pub async fn check(
    settings: &Settings,
    env: &Env,
    keyring: &Arc<Keyring>,
    options: &RestoreOptions,
) -> anyhow::Result<Verified> {
    let verified = verify(&options.file, &options.identity, Some(keys_of(keyring, env))).await?;
    require_known_schema(&verified.manifest)?;
    let first = env.now() - Days::new(settings.retention.erasure_log_days.into());
    ensure!(
        options.ignore_age || verified.manifest.taken_at >= first,
        "this backup is older than the log of erasures (retention.erasure_log_days), so it would bring back people who were erased; \
         --ignore-age restores it all the same"
    );
    Ok(verified)
}

/// Restores a backup that was [checked](check) into the database at `url`, a direct one, which nobody else may use. `administrator`: the
/// URL by which the roles are separated, and without which a database with separate roles is not restored.
///
/// # Errors
/// A database that is not empty or in use; `pg_restore`, which changes nothing when it fails; a failure afterwards, after which the
/// database is refused by every command until it is restored again.
pub async fn restore(
    settings: Settings,
    env: Env,
    keyring: Arc<Keyring>,
    url: &str,
    administrator: Option<&str>,
    options: &RestoreOptions,
) -> anyhow::Result<Restored> {
    let began = env.instant();
    let mut conn = match administrator {
        Some(administrator) => database_roles::connect(administrator).await.context("database.migrate_url")?,
        None => PgConnection::connect_with(&db::options(url)?).await.context("database.url")?,
    };
    require_usable(backups::target(&mut conn).await?, options)?;
    ensure!(
        administrator.is_some() || !database_roles::are_separate(&mut conn).await?,
        "database.migrate_url: this database has separate roles, so restoring into it needs the URL of an administrator"
    );
    let identities = archive::read_identities(&options.identity)?;
    let keys = keys_of(&keyring, &env);
    let major = backups::server_version(&mut conn).await? / 10_000;
    let (program, _) = client_program("pg_restore", major).await?;
    let mut own = PgConnection::connect_with(&db::options(url)?).await.context("database.url")?;
    backups::begin_restore(&mut conn, &database_roles::role_of(&mut own).await?).await?;
    let _ = own.close().await;
    let _ = conn.close().await;
    let work = Work { program, major, url: url.to_owned(), file: options.file.clone() };
    let verified = tokio::task::spawn_blocking(move || work.run(&identities, &keys)).await??;
    migrations::migrate(url, administrator).await.context("database.url: the schema cannot be brought up to date")?;
    let pool = db::pool(&settings.database, url, db::PoolKind::Background, 4)?;
    let kernel = Kernel::new(settings, env, pool.clone(), keyring);
    let until = options.stopped_at.unwrap_or_else(|| kernel.env.now());
    let done = make_safe(&kernel, &verified, until).await;
    pool.close().await;
    let mut restored = done?;
    let mut conn = db::connect(url, db::PoolKind::Background).await?;
    backups::end_restore(&mut conn).await?;
    let _ = conn.close().await;
    restored.took = kernel.env.instant().saturating_duration_since(began);
    Ok(restored)
}

/// Refuses a backup of a schema that this release does not know.
fn require_known_schema(manifest: &Manifest) -> anyhow::Result<()> {
    let known: Vec<(i64, String)> = migrations::MIGRATOR
        .iter()
        .map(|migration| (migration.version, HEXLOWER.encode(&migration.checksum)))
        .collect();
    let unknown = manifest.migrations.iter().find(|applied| !known.contains(applied));
    if let Some((version, _)) = unknown {
        bail!(
            "this backup was made by Muster {}, whose schema (migration {version}) this release does not know; \
             restore it with that release, then upgrade",
            manifest.muster
        );
    }
    Ok(())
}

fn require_usable(target: Target, options: &RestoreOptions) -> anyhow::Result<()> {
    ensure!(
        target.sessions == 0,
        "database.url: {} other session(s) are connected: stop every Muster and whoever else uses it",
        target.sessions
    );
    ensure!(
        target.is_empty || target.is_unfinished || options.replace,
        "database.url: this database is not empty. Restore into an empty one, or say --replace, which destroys what is in it"
    );
    Ok(())
}

/// Everything that the blocking part needs.
struct Work {
    program: PathBuf,
    major: u32,
    url: String,
    file: PathBuf,
}

impl Work {
    /// Runs `pg_restore` in one transaction, which is committed only when the file was read to its end and is verified.
    fn run(&self, identities: &[x25519::Identity], keys: &[Key]) -> anyhow::Result<Verified> {
        let database = postgres::variables(&self.url)?.into_iter().find(|(name, _)| *name == "PGDATABASE");
        let database = database.map(|(_, name)| name).context("database.url: names no database")?;
        let arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"].map(str::to_owned);
        let arguments = [&arguments[..], &[format!("--dbname={database}")]].concat();
        let mut restore =
            postgres::start(&self.program, "pg_restore", &arguments, &self.url, Stdio::piped(), Stdio::null())?;
        let Some(mut stdin) = restore.child.stdin.take() else { bail!("pg_restore has no input") };
        let mut has_ended = false;
        let read =
            read(&self.file, identities, Some(keys), |part| stdin.write_all(part).inspect_err(|_| has_ended = true));
        match read {
            Ok(verified) => {
                drop(stdin);
                restore.end().with_context(|| self.hint(&verified.manifest))?;
                Ok(verified)
            }
            Err(error) => {
                // before its input ends: what it has read by then may be a whole dump
                let _ = restore.child.kill();
                drop(stdin);
                match restore.end() {
                    Err(said) if has_ended => Err(said),
                    _ => Err(error),
                }
            }
        }
    }

    fn hint(&self, manifest: &Manifest) -> String {
        if manifest.pg_dump > self.major {
            format!(
                "the dump was written by pg_dump {}, and the server is Postgres {}: restore it into Postgres {} or newer",
                manifest.pg_dump, self.major, manifest.pg_dump
            )
        } else {
            "nothing was restored".to_owned()
        }
    }
}

/// Sees to it that nothing goes twice, and that nobody comes back who was erased.
async fn make_safe(kernel: &Arc<Kernel>, verified: &Verified, until: DateTime<Utc>) -> anyhow::Result<Restored> {
    kernel.vaults.load_generations().await?;
    kernel.vaults.refuse_foreign_keys().await?;
    let now = kernel.env.now();
    let records = App::new(kernel.clone()).records();
    let mut tx = kernel.work.begin().await?;
    sqlx::raw_sql("SET LOCAL statement_timeout = 0").execute(&mut *tx).await?;
    mail::pause_restored(&mut tx, kernel).await?;
    let set_aside = mail::set_aside(&mut tx, verified.manifest.taken_at, until, now).await?;
    let broadcasts = broadcasts::stop_begun(&mut tx, until).await?;
    let letter_actions = letters::stop_releasing(&mut tx, kernel).await?;
    let dropped = events::stop_announcements(&mut tx, now).await? + console::drop_retries(&mut tx).await?;
    let reminders = skip_reminders::<petitions::SignatureKind>(kernel, &mut tx, until).await?
        + skip_reminders::<events::AttendanceKind>(kernel, &mut tx, until).await?
        + skip_reminders::<letters::LetterKind>(kernel, &mut tx, until).await?
        + skip_reminders::<calls::CallKind>(kernel, &mut tx, until).await?;
    records.give_up_unread(&mut tx).await?;
    table_sweep::forget(&mut tx).await?;
    people::forget_rewrites(&mut tx).await?;
    tx.commit().await?;
    // before it is made from what the backup knows
    let has_erasure_log = people::has_erasure_log(kernel);
    let erased = replay_erasures(kernel, &records).await?;
    Ok(Restored {
        manifest: verified.manifest.clone(),
        bytes: verified.bytes,
        took: Duration::ZERO,
        set_aside,
        has_erasure_log,
        erased,
        broadcasts,
        letter_actions,
        dropped,
        reminders,
        closed_vaults: kernel.vaults.missing_keys().await?,
    })
}
