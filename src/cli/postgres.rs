//! `muster postgres`: the embedded Postgres.

use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::{Database, ask, settings, with_kernel};
use crate::{
    config::Settings,
    kernel::embedded_postgres::{self, EmbeddedPostgres, Options, exit_code, run_with},
    mail,
};

/// What is done with the embedded Postgres.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Start the embedded Postgres, run a command with `DATABASE_URL` set (as its superuser), stop it, and exit as the command did
    Run {
        /// Do not wait for the disk: for tests. A killed process loses nothing, a power failure may break the cluster
        #[arg(long)]
        no_fsync: bool,
        /// The command and its arguments, after `--`
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Open psql on the database; beside a running Muster on the Postgres that it runs
    Psql {
        /// As the administrator (`database.migrate_url`; the superuser of the embedded Postgres) and not as the service's role
        #[arg(long)]
        administrator: bool,
        /// Arguments of psql, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Move the database to the newest installed major version of Postgres, while Muster is stopped. It is copied: the disk must
    /// have room for it twice, and the old one is kept
    Upgrade {
        /// Not to the newest but to this major version
        #[arg(long, value_name = "VERSION", conflicts_with = "back")]
        to: Option<u32>,
        /// The way back: take the database as it was before the upgrade. What was written since is not in it
        #[arg(long)]
        back: bool,
        /// Do not ask first: for scripts
        #[arg(long, requires = "back")]
        yes: bool,
    },
}

pub(super) async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Run { no_fsync, command } => run_command(no_fsync, &command).await,
        Verb::Psql { administrator, arguments } => psql(administrator, arguments).await,
        Verb::Upgrade { back: true, yes, .. } => undo_upgrade(yes).await.map(|()| ExitCode::SUCCESS),
        Verb::Upgrade { to, .. } => upgrade(to).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn run_command(no_fsync: bool, command: &[String]) -> anyhow::Result<ExitCode> {
    let mut options = Options::new(&settings()?.postgres);
    if no_fsync {
        options.settings.extend(["fsync", "full_page_writes"].map(|name| (name.to_owned(), "off".to_owned())));
    }
    let postgres = EmbeddedPostgres::start(options).await?;
    let status =
        run_with(&postgres.urls().administrator, command).await.with_context(|| format!("cannot run {}", command[0]));
    postgres.stop().await?;
    Ok(ExitCode::from(u8::try_from(exit_code(status?)).unwrap_or(1)))
}

async fn psql(administrator: bool, arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    let database = Database::open_or_attach(&settings()?).await?.with_administrator();
    let url = if administrator { database.administrator() } else { Some(database.direct()) };
    let status = match url {
        // before the user's arguments, which may name another database
        Some(url) => run_with(url, &[vec!["psql".to_owned(), url.to_owned()], arguments].concat()).await,
        None => Err(std::io::Error::other("database.migrate_url: is empty")),
    };
    let status = status.context("cannot run psql");
    database.close().await?;
    Ok(ExitCode::from(u8::try_from(exit_code(status?)).unwrap_or(1)))
}

async fn upgrade(to: Option<u32>) -> anyhow::Result<()> {
    let options = Options::new(&embedded(&settings()?)?.postgres);
    // its start and stop also leave the cluster in order, which pg_upgrade asks for after a crash
    let mut is_newest = false;
    with_kernel(async |kernel| {
        is_newest = mail::is_newest(&kernel).await?;
        Ok(())
    })
    .await?;
    eprintln!("Copying the database; the time depends on its size …");
    let upgraded = embedded_postgres::upgrade(&options, to).await?;
    if let Err(error) = accept_upgrade(options.clone(), is_newest).await {
        embedded_postgres::undo_upgrade(&options).await?;
        return Err(error.context("the database does not work on the new version; the old one is in place again"));
    }
    println!("{} -> {}", upgraded.from, upgraded.to);
    eprintln!(
        "The database is on Postgres {}. As it was before it is kept in {}: delete that once all is well. Until then \
         `muster postgres upgrade --back` returns to it, without what is written from now on.",
        upgraded.to,
        upgraded.kept.display()
    );
    Ok(())
}

/// Starts the new cluster once, and tells the restore guard that it is no copy: its system identifier is another one.
async fn accept_upgrade(options: Options, is_newest: bool) -> anyhow::Result<()> {
    let postgres = EmbeddedPostgres::start(options).await?;
    let accepted: anyhow::Result<()> = async {
        postgres.analyze().await?;
        if is_newest {
            with_kernel(async |kernel| Ok(mail::accept_epoch(&kernel).await.map(drop)?)).await?;
        }
        Ok(())
    }
    .await;
    postgres.stop().await?;
    accepted
}

async fn undo_upgrade(yes: bool) -> anyhow::Result<()> {
    let options = Options::new(&embedded(&settings()?)?.postgres);
    if !yes {
        eprintln!(
            "What was signed, confirmed and changed since the upgrade is not in the old database. It stays in the new one, \
             which is kept."
        );
    }
    ask(yes, "back")?;
    let undone = embedded_postgres::undo_upgrade(&options).await?;
    eprintln!("The database is as it was before the upgrade.");
    if let Some(kept) = undone.kept {
        eprintln!(
            "The newer one is kept in {}. Mail is paused at the next start, since what went out meanwhile is not known: look, then \
             `muster mail epoch --accept`.",
            kept.display()
        );
    }
    Ok(())
}

/// Refuses settings with a Postgres of somebody's own.
fn embedded(settings: &Settings) -> anyhow::Result<&Settings> {
    ensure!(
        settings.database.url.is_empty(),
        "database.url: names a Postgres that is not Muster's; upgrade it with its own tools"
    );
    Ok(settings)
}
