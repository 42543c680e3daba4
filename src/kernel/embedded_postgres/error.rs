//! Errors of the embedded Postgres, with messages for operators.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use super::binaries::MINIMUM_MAJOR;

/// Why the embedded Postgres did not start or stop. The messages are for operators and say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No pair of `initdb` and `postgres` that the server's user may run.
    #[error(
        "no Postgres server (version {} or newer) is installed. Install one:\n    \
         apt-get install postgresql      (Debian, Ubuntu)\n    \
         dnf install postgresql-server   (Fedora)\n    \
         brew install postgresql         (Homebrew)\n\
         or set DATABASE_URL to a Postgres that is running. Looked in PATH and in {searched}",
        MINIMUM_MAJOR
    )]
    NotInstalled {
        /// The folders outside PATH that were searched.
        searched: String,
    },
    /// No client program that is new enough.
    #[error(
        "no {name} of version {at_least} or newer is installed (Debian: apt-get install postgresql-client-{at_least}). \
         Looked in PATH and in {searched}"
    )]
    NoClient {
        /// Name of the program.
        name: String,
        /// The major version of the server.
        at_least: u32,
        /// The folders outside PATH that were searched.
        searched: String,
    },
    /// The cluster was created by a major version that is not installed.
    #[error(
        "the database in {} was made by Postgres {found}, but only {installed} is installed. Ways out:\n  \
         - install the one that made it as well:  apt-get install postgresql-{found}\n    \
         then `muster postgres upgrade` moves the database to the newest\n  \
         - restore a backup into an empty database:  mv {} {}.{found}; muster restore …",
        .data_dir.display(), .data_dir.display(), .data_dir.display()
    )]
    OtherMajor {
        /// The cluster.
        data_dir: PathBuf,
        /// Its major version.
        found: u32,
        /// The installed major versions, as a list for the message.
        installed: String,
    },
    /// There is nothing to upgrade.
    #[error("there is no database in {}", .data_dir.display())]
    NoCluster {
        /// Where it would be.
        data_dir: PathBuf,
    },
    /// No other major version is installed that the cluster could move to.
    #[error(
        "the database was made by Postgres {found}, and there is none to move it to: {installed} is installed. Install a \
         newer one beside it (Debian: apt-get install postgresql), or name another by --to"
    )]
    NothingNewer {
        /// The cluster's major version.
        found: u32,
        /// The installed major versions, as a list for the message.
        installed: String,
    },
    /// What an earlier upgrade left, or somebody put there, has the name that is needed.
    #[error("{} is in the way. {advice}", .path.display())]
    Leftover {
        /// The folder.
        path: PathBuf,
        /// What to do.
        advice: &'static str,
    },
    /// There is no database from before an upgrade.
    #[error("there is no way back: {} does not exist", .path.display())]
    NoWayBack {
        /// Where it would be.
        path: PathBuf,
    },
    /// An upgrade, or the way back, ended between its two steps.
    #[error(
        "an upgrade was broken off while the folders changed names: {} is the database as it was before. \
         `muster postgres upgrade --back` puts it back in place",
        .path.display()
    )]
    UpgradeBrokenOff {
        /// The cluster from before the upgrade.
        path: PathBuf,
    },
    /// Another running Muster holds the lock.
    #[error(
        "another muster ({holder}) is using {}. Stop it first, or give this one another folder \
         (MUSTER__POSTGRES__DATA_ROOT) or a Postgres of its own (DATABASE_URL)",
        .data_root.display()
    )]
    InUse {
        /// The data root.
        data_root: PathBuf,
        /// `process 123`, or `process unknown`.
        holder: String,
    },
    /// Started as root, and there is no other user to run the server as.
    #[error(
        "Postgres does not run as root, and there is neither a user `postgres` nor `nobody` to run it as; \
         run muster as an ordinary user"
    )]
    NoAccount,
    /// The cluster belongs to another user.
    #[error("{} belongs to user {owner}; run muster as that user (or as root), or move it away", .path.display())]
    Foreign {
        /// The path that belongs to another user.
        path: PathBuf,
        /// Name or number of its owner.
        owner: String,
    },
    /// Something else has the name of the socket's folder.
    #[error(
        "{} is in the way (it belongs to {owner}): the database's socket needs a folder of that name that only \
         {wanted} may enter. Remove it, then start again",
        .path.display()
    )]
    InTheWay {
        /// The path.
        path: PathBuf,
        /// Owner of what exists there.
        owner: String,
        /// The server's user.
        wanted: String,
    },
    /// The server's user has no access to the cluster's folder.
    #[error(
        "user {user} cannot enter {}: allow it (chmod a+x on each folder above), or move the cluster", .path.display()
    )]
    CannotEnter {
        /// The cluster.
        path: PathBuf,
        /// The server's user.
        user: String,
    },
    /// A database name that would need quoting.
    #[error("{name:?} is no name for a database: use lower-case letters, digits and _ (at most 63)")]
    DatabaseName {
        /// The name.
        name: String,
    },
    /// A file operation failed: disk full, no permission.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// The verb for the message.
        doing: &'static str,
        /// The path concerned.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A helper program (`initdb`, `psql`, ...) failed.
    #[error("{program} failed for {} ({status}):\n{output}", .path.display())]
    Program {
        /// Name of the program.
        program: String,
        /// The cluster it worked on.
        path: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// The last lines of its output.
        output: String,
    },
    /// The server exited before it was ready.
    #[error("Postgres on {} ended at once ({status}). The last lines of {}:\n{tail}", .data_dir.display(), .log.display())]
    Died {
        /// The cluster.
        data_dir: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The server logged nothing for a minute and did not become ready.
    #[error("Postgres on {} did not become ready. The last lines of {}:\n{tail}", .data_dir.display(), .log.display())]
    NotReady {
        /// The cluster.
        data_dir: PathBuf,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The server ended neither after a fast nor after an immediate shutdown.
    #[error("Postgres (process {pid}) on {} does not stop; look into it, then start again", .data_dir.display())]
    DoesNotStop {
        /// The cluster.
        data_dir: PathBuf,
        /// Process id of the server.
        pid: i32,
    },
}

impl EmbeddedError {
    /// For `map_err`: adds the path, which [`io::Error`] lacks.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
