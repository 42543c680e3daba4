//! Moves the cluster to another major version of Postgres, and back.
//!
//! `pg_upgrade` copies the cluster into a new one beside it; then both change their names, in two renames. The old one is
//! kept as `postgres.old`, unchanged, until somebody deletes it; on the way back the new one is kept as `postgres.undone`.
//! A start that finds `postgres.old` and no `postgres` refuses: between the two renames there is no cluster, and an empty
//! one must not take its place.

use std::path::{Path, PathBuf};

use super::location::ClusterLocation;
use super::{
    EmbeddedError, EmbeddedPostgres, Options, SUPERUSER, binaries, cluster, command, lock, output, postmaster,
};

/// What an upgrade did.
#[derive(Debug)]
pub struct Upgraded {
    /// Major version before.
    pub from: u32,
    /// Major version now.
    pub to: u32,
    /// The database as it was before.
    pub kept: PathBuf,
}

/// What the way back did.
#[derive(Debug)]
pub struct Undone {
    /// The database that was written to since the upgrade; `None` after one that was broken off.
    pub kept: Option<PathBuf>,
}

/// Copies the cluster, which was stopped in order, to the newest installed major version, or to `to`, and puts the copy in
/// its place.
///
/// # Errors
/// [`EmbeddedError`]: in use, no cluster, one from before an earlier upgrade is still there, nothing newer installed, or
/// `pg_upgrade` failed (disk full). The cluster is then as it was.
pub async fn upgrade(options: &Options, to: Option<u32>) -> Result<Upgraded, EmbeddedError> {
    let data_root = options.data_root()?;
    let _lock = lock(&data_root)?;
    let location = ClusterLocation::choose(&data_root, &options.socket_root).await?;
    let (data_dir, kept) = (&location.data_dir, kept_by_upgrade(&location));
    if !location.has_cluster() {
        refuse_broken_off(&location)?;
    }
    let advice = "It is the database from before the last upgrade: delete it once all is well, or move it away";
    refuse_leftover(&kept, advice)?;
    let (from, to) = binaries::find_for_upgrade(location.account.as_ref(), data_dir, to).await?;
    postmaster::stop_orphan(data_dir).await?;
    let new = cluster::initialize(&to, &location).await?;
    if let Err(error) = copy(&from, &to, &location, &new).await {
        // a half copy may fill the disk
        cluster::remove_dir_all(&new)?;
        return Err(error);
    }
    rename(data_dir, &kept)?;
    rename(&new, data_dir)?;
    Ok(Upgraded { from: from.major, to: to.major, kept })
}

/// Puts the cluster from before the last upgrade back in its place; what was written since is not in it.
///
/// # Errors
/// [`EmbeddedError`]: in use, or there is none.
pub async fn undo_upgrade(options: &Options) -> Result<Undone, EmbeddedError> {
    let data_root = options.data_root()?;
    let _lock = lock(&data_root)?;
    let location = ClusterLocation::choose(&data_root, &options.socket_root).await?;
    let (data_dir, old) = (&location.data_dir, kept_by_upgrade(&location));
    if !old.exists() {
        return Err(EmbeddedError::NoWayBack { path: old });
    }
    if !location.has_cluster() {
        rename(&old, data_dir)?;
        return Ok(Undone { kept: None });
    }
    let undone = data_dir.with_extension("undone");
    refuse_leftover(&undone, "It is a database from before an earlier way back: delete it, or move it away")?;
    postmaster::stop_orphan(data_dir).await?;
    rename(data_dir, &undone)?;
    rename(&old, data_dir)?;
    Ok(Undone { kept: Some(undone) })
}

impl EmbeddedPostgres {
    /// Collects the planner's statistics, which an upgrade to a version before Postgres 18 does not bring along.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `vacuumdb` is missing or fails.
    pub async fn analyze(&self) -> Result<(), EmbeddedError> {
        let major = binaries::major_of(&self.data_dir)?.unwrap_or(0);
        let (vacuumdb, _) = binaries::find_client("vacuumdb", major).await?;
        let mut analyze = command(&vacuumdb, None);
        analyze.args(["--analyze-only", "--quiet", "--dbname", &self.urls().administrator]);
        output(analyze, &self.data_dir).await.map(drop)
    }
}

/// Refuses a place where an upgrade was broken off between its two renames.
pub(super) fn refuse_broken_off(location: &ClusterLocation) -> Result<(), EmbeddedError> {
    let old = kept_by_upgrade(location);
    if old.exists() { Err(EmbeddedError::UpgradeBrokenOff { path: old }) } else { Ok(()) }
}

fn kept_by_upgrade(location: &ClusterLocation) -> PathBuf {
    location.data_dir.with_extension("old")
}

fn refuse_leftover(path: &Path, advice: &'static str) -> Result<(), EmbeddedError> {
    if path.exists() { Err(EmbeddedError::Leftover { path: path.to_owned(), advice }) } else { Ok(()) }
}

/// Runs `pg_upgrade`, which only reads the old cluster. Files are copied and not linked, so that the old one stays usable.
async fn copy(
    from: &binaries::Programs,
    to: &binaries::Programs,
    location: &ClusterLocation,
    new: &Path,
) -> Result<(), EmbeddedError> {
    // for its socket, and as its working directory, into which it writes scripts
    location.prepare_socket_dir()?;
    let mut pg_upgrade = command(&to.path("pg_upgrade"), location.account.as_ref());
    pg_upgrade
        .current_dir(&location.socket_dir)
        .arg("--old-bindir")
        .arg(from.dir())
        .arg("--new-bindir")
        .arg(to.dir())
        .arg("--old-datadir")
        .arg(&location.data_dir)
        .arg("--new-datadir")
        .arg(new)
        .arg("--socketdir")
        .arg(&location.socket_dir)
        .args(["--username", SUPERUSER]);
    let done = output(pg_upgrade, &location.data_dir).await;
    cluster::remove_dir_all(&location.socket_dir)?;
    done.map(drop)
}

fn rename(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    std::fs::rename(from, to).map_err(EmbeddedError::io("rename", from))?;
    cluster::sync_parent(to)
}
