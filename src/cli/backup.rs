//! `muster backup` and `muster restore`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::{Database, keyring, settings};
use crate::{
    backup::{self, RestoreOptions, archive},
    kernel::env::Env,
    mail::SetAside,
};

/// What is done with backups; without a verb one is made.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct BackupArguments {
    #[command(subcommand)]
    verb: Option<BackupVerb>,
    /// Folder to write into, instead of `backup.folder`
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Public key to encrypt for, instead of `backup.recipients`; may be given several times
    #[arg(long, value_name = "age1…")]
    recipient: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum BackupVerb {
    /// Make a key pair: the secret key goes into a new file, the public key is printed. Do this on another machine than the server
    Keygen {
        /// The new file
        file: PathBuf,
    },
    /// Read a backup to its end, and say what it is; changes nothing and needs no database
    Verify {
        /// The backup
        file: PathBuf,
        /// The file with its secret key
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
        /// Do not verify with the keyring whose backup it is: on a machine that has none
        #[arg(long)]
        without_keyring: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The backup
    file: PathBuf,
    /// The file with its secret key
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Destroy what is in the database, if it is not empty
    #[arg(long)]
    replace: bool,
    /// When the lost database last sent mail (2026-11-28T21:00:00Z): what was due later is sent as usual. Without it, everything that
    /// was due by now is set aside
    #[arg(long, value_name = "TIME")]
    stopped_at: Option<DateTime<Utc>>,
    /// Also a backup that is older than the log of erasures
    #[arg(long)]
    ignore_age: bool,
}

pub(super) async fn backup(arguments: BackupArguments) -> anyhow::Result<()> {
    match arguments.verb {
        Some(BackupVerb::Keygen { file }) => {
            println!("{}", backup::make_identity(&file)?);
            eprintln!(
                "Keep {} where the backups are not, and not on the server: without it no backup opens.",
                file.display()
            );
            Ok(())
        }
        Some(BackupVerb::Verify { file, identity, without_keyring }) => verify(file, identity, without_keyring).await,
        None => create(arguments.folder, arguments.recipient).await,
    }
}

async fn create(folder: Option<PathBuf>, recipients: Vec<String>) -> anyhow::Result<()> {
    let settings = settings()?;
    let env = Env::system();
    let folder = folder.unwrap_or_else(|| settings.backup.folder.clone());
    ensure!(!folder.as_os_str().is_empty(), "backup.folder: is empty; set it, or name a folder by --folder");
    let recipients = if recipients.is_empty() { settings.backup.recipients.clone() } else { recipients };
    let recipients =
        recipients.iter().map(|text| archive::parse_recipient(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let keyring = Arc::new(keyring::open(&settings, &env)?);
    let database = Database::open_or_attach(&settings).await?;
    let created = backup::create(&settings, &env, &keyring, database.direct(), &folder, recipients).await;
    database.close().await?;
    let created = created?;
    println!("{}", created.file.display());
    eprintln!("Backed up: {}.", speed(created.bytes, created.took));
    if created.deleted > 0 {
        eprintln!("Deleted {} old backup(s) (backup.keep_days).", created.deleted);
    }
    if let Some(error) = created.not_recorded {
        eprintln!("warning: the backup is complete, but the database could not note it for the metrics: {error}");
    }
    Ok(())
}

async fn verify(file: PathBuf, identity: PathBuf, without_keyring: bool) -> anyhow::Result<()> {
    let keys = if without_keyring {
        None
    } else {
        let (settings, env) = (settings()?, Env::system());
        Some(backup::keys_of(&Arc::new(keyring::open_existing(&settings)?), &env))
    };
    let verified = backup::verify(&file, &identity, keys).await?;
    println!("{}", serde_json::to_string_pretty(&verified.manifest)?);
    let whose = if without_keyring { "; whose it is was not verified" } else { ", made with this keyring" };
    eprintln!("Whole: {} of dump{whose}.", megabytes(verified.bytes));
    Ok(())
}

pub(super) async fn restore(arguments: RestoreArguments) -> anyhow::Result<()> {
    let RestoreArguments { file, identity, replace, stopped_at, ignore_age } = arguments;
    let (settings, env) = (settings()?, Env::system());
    let options = RestoreOptions { file, identity, replace, stopped_at, ignore_age };
    let keyring = Arc::new(keyring::open_existing(&settings).context("restoring needs the keyring of the backup")?);
    let verified = backup::check(&settings, &env, &keyring, &options).await?;
    eprintln!(
        "The backup of {} is whole ({} of dump). Restoring it …",
        verified.manifest.taken_at.format("%Y-%m-%d %H:%M:%S UTC"),
        megabytes(verified.bytes)
    );
    let database = Database::open(&settings).await?.with_administrator();
    let restored = backup::restore(settings, env, keyring, database.direct(), database.administrator(), &options).await;
    database.close().await?;
    let restored = restored?;
    eprintln!("Restored: {}.", speed(restored.bytes, restored.took));
    println!("restored: {}", restored.manifest.taken_at.to_rfc3339());
    for aside in &restored.set_aside {
        println!("set aside: {}", described(aside));
    }
    for (what, number) in [
        ("erased again: people", u64::try_from(restored.erased).unwrap_or(0)),
        ("stopped: broadcasts", u64::try_from(restored.broadcasts).unwrap_or(0)),
        ("switched off: letter actions with held letters", u64::try_from(restored.letter_actions).unwrap_or(0)),
        ("dropped: announcements of events and retries of mail", u64::try_from(restored.dropped).unwrap_or(0)),
        ("not reminded: submissions", restored.reminders),
        ("without a key on this host: vaults", u64::try_from(restored.closed_vaults).unwrap_or(0)),
    ] {
        if number > 0 {
            println!("{what}: {number}");
        }
    }
    if !restored.has_erasure_log {
        eprintln!(
            "warning: there is no log of erasures here (retention.erasure_log), so whoever was erased since the backup is back. If \
             another host has one, put it in place and restore again with --replace"
        );
    }
    eprintln!(
        "All mail is paused. What was revoked or disabled since the backup is valid again: revoke it anew. \
         Then `muster serve`, look, and `muster mail epoch --accept`; mail that may have been sent stays set aside until \
         `muster mail release`. See docs/operations.md."
    );
    Ok(())
}

/// Mails that are set aside, in words.
pub(super) fn described(aside: &SetAside) -> String {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "{} {} mail(s), due from {} to {}",
        aside.mails,
        aside.class.as_str(),
        time(aside.first_due),
        time(aside.last_due)
    )
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn speed(bytes: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(0.001);
    format!("{} in {seconds:.1} s ({:.1} MB/s)", megabytes(bytes), bytes as f64 / 1e6 / seconds)
}
