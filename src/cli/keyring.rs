//! `muster keyring`: creates, rotates, checks and imports the key files.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Subcommand;
use zeroize::Zeroizing;

use crate::{
    config::Settings,
    kernel::{
        Kernel,
        env::Env,
        keyring::{Keyring, KeyringError, names_of, vault_keys_beside},
    },
};

/// What is done with the keyring.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make what is missing of the key files; refuses when both are there
    Init,
    /// Add new root and signing keys to this host's file; nothing uses them before `activate`
    Rotate,
    /// Let the newest keys write, once every process has them, and wrap every organization's vault with them
    Activate,
    /// Destroy the keys of protected actions that have ended, and with them what they protected, in every backup too
    #[command(alias = "retire")]
    Prune,
    /// Take over the keys of another host's file that are not here
    Import {
        /// The file; `-` reads standard input
        file: PathBuf,
    },
    /// Show keys and their ages, which of them write, who needs them, and what each process has
    Status,
    /// Say what is wrong with the keyring, and exit with 1 if anything is
    Check,
}

/// Creates those key files that are missing.
pub(super) fn init(settings: &Settings) -> anyhow::Result<()> {
    let keyring = Keyring::init_files(&settings.keyring.file, &vault_keys_file(settings), &Env::system())?;
    let [root, vault] = keyring.paths().map(Path::display);
    eprintln!(
        "Made {root} and {vault}. Keep a copy of the first off this machine: without it nothing sealed can be opened. The second goes to the other hosts, and never into a backup."
    );
    Ok(())
}

/// Runs the verbs that need a database.
pub(super) async fn run(kernel: &Kernel, verb: Verb) -> anyhow::Result<()> {
    let vaults = &kernel.vaults;
    let [root, vault] = vaults.keyring().paths().map(Path::display);
    match verb {
        Verb::Init => {}
        Verb::Rotate => {
            let names = names_of(vaults.rotate().await?).join(", ");
            eprintln!(
                "Added {names} to {root}. Nothing uses them yet: copy the file to every host, then run `muster keyring activate`."
            );
        }
        Verb::Activate => {
            let done = vaults.activate().await?;
            eprintln!(
                "Generation {} writes: {} vault(s) were wrapped anew, and it signs from {} on.",
                done.generation,
                done.vaults,
                done.signs_from.format("%H:%M:%S UTC")
            );
        }
        Verb::Prune => {
            let names = vaults.prune().await?;
            eprintln!("Destroyed {} key(s): {}", names.len(), names.join(", "));
        }
        Verb::Import { file } => {
            let mut text = Zeroizing::new(String::new());
            if file.as_os_str() == "-" {
                std::io::stdin().lock().read_to_string(&mut text).context("reading the keys")?;
            } else {
                let mut source = std::fs::File::open(&file).with_context(|| file.display().to_string())?;
                source.read_to_string(&mut text).with_context(|| file.display().to_string())?;
            }
            let names = vaults.import(&text, &file).await?;
            eprintln!("Took over {} key(s): {}", names.len(), names.join(", "));
        }
        Verb::Status => print!("{}", vaults.status().await?),
        Verb::Check => {
            let mut faults = vaults.check().await?;
            if kernel.settings.is_production() && kernel.settings.database.url.is_empty() {
                faults.extend(kernel.settings.keys_beside_data());
            }
            if !faults.is_empty() {
                bail!("{}", faults.join("\n"));
            }
            println!("{root} and {vault} have every key that is needed, and none that must be gone.");
        }
    }
    Ok(())
}

fn vault_keys_file(settings: &Settings) -> PathBuf {
    let file = &settings.keyring.vault_keys_file;
    if file.as_os_str().is_empty() { vault_keys_beside(&settings.keyring.file) } else { file.clone() }
}

/// Opens the key files; creates them if `keyring.generate` is set.
pub(super) fn open(settings: &Settings, env: &Env) -> Result<Keyring, KeyringError> {
    let (root, vault) = (&settings.keyring.file, &vault_keys_file(settings));
    if !settings.keyring.generate {
        return Keyring::open_files(root, vault);
    }
    match Keyring::init_files(root, vault, env) {
        Err(KeyringError::Exists { .. }) => Keyring::open_files(root, vault),
        made => made,
    }
}

/// Opens the key files; never makes any.
pub(super) fn open_existing(settings: &Settings) -> Result<Keyring, KeyringError> {
    Keyring::open_files(&settings.keyring.file, &vault_keys_file(settings))
}

/// The error of opening the key files, if there is one.
pub(super) fn check_files(settings: &Settings) -> Option<KeyringError> {
    match Keyring::open_files(&settings.keyring.file, &vault_keys_file(settings)) {
        Err(KeyringError::Missing { .. }) if settings.keyring.generate => None,
        opened => opened.err(),
    }
}
