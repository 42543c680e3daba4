//! Finds an installed Postgres: first in PATH, then in the usual folders of packages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::location::Account;
use super::{EmbeddedError, command, output};

/// The oldest supported major version (the newest one of Ubuntu 22.04).
pub(super) const MINIMUM_MAJOR: u32 = 14;

/// Folders where packages install the programs; `*` stands for a version.
const PACKAGE_DIRECTORIES: [&str; 9] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];

/// One installation: `initdb`, `postgres` and the clients beside them.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    dir: PathBuf,
    pub major: u32,
}

impl Programs {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// The installation for `data_dir`: for an existing cluster, one of its major version; for a new one, the first in
/// PATH, else the newest.
pub(super) async fn find(account: Option<&Account>, data_dir: &Path) -> Result<Programs, EmbeddedError> {
    let found = installed(account).await?;
    let Some(made_by) = major_of(data_dir)? else { return first(&found).cloned() };
    of_major(&found, made_by, data_dir)
}

/// The installations for an upgrade: of the existing cluster's major version, and the one that it moves to, which is the
/// newest unless it is said.
pub(super) async fn find_for_upgrade(
    account: Option<&Account>,
    data_dir: &Path,
    to: Option<u32>,
) -> Result<(Programs, Programs), EmbeddedError> {
    let found = installed(account).await?;
    let made_by = major_of(data_dir)?.ok_or_else(|| EmbeddedError::NoCluster { data_dir: data_dir.to_owned() })?;
    let old = of_major(&found, made_by, data_dir)?;
    let new = match to {
        Some(major) => found.iter().find(|programs| programs.major == major && major >= made_by),
        None => found.iter().max_by_key(|programs| programs.major).filter(|programs| programs.major > made_by),
    };
    let new = new.cloned().ok_or_else(|| EmbeddedError::NothingNewer { found: made_by, installed: majors(&found) })?;
    Ok((old, new))
}

/// All installations: those in PATH, then those of packages, the newest first.
async fn installed(account: Option<&Account>) -> Result<Vec<Programs>, EmbeddedError> {
    let mut found = Vec::new();
    for dir in in_path() {
        found.extend(probe(dir, account).await);
    }
    let in_path = found.len();
    for dir in packaged() {
        found.extend(probe(dir, account).await);
    }
    found[in_path..].sort_by_key(|programs| std::cmp::Reverse(programs.major));
    first(&found)?;
    Ok(found)
}

/// The first that is new enough.
fn first(found: &[Programs]) -> Result<&Programs, EmbeddedError> {
    let new_enough = found.iter().find(|programs| programs.major >= MINIMUM_MAJOR);
    new_enough.ok_or_else(|| EmbeddedError::NotInstalled { searched: PACKAGE_DIRECTORIES.join(", ") })
}

/// The major version that made a cluster (0: unknown); `None` where there is no cluster.
pub(super) fn major_of(data_dir: &Path) -> Result<Option<u32>, EmbeddedError> {
    let file = data_dir.join("PG_VERSION");
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(parse_major(&text).unwrap_or(0))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::io("read", &file)(error)),
    }
}

fn of_major(found: &[Programs], made_by: u32, data_dir: &Path) -> Result<Programs, EmbeddedError> {
    let same = found.iter().find(|programs| programs.major == made_by);
    same.cloned().ok_or_else(|| EmbeddedError::OtherMajor {
        data_dir: data_dir.to_owned(),
        found: made_by,
        installed: majors(found),
    })
}

/// A client program (`pg_dump`, `pg_restore`) for a server of a major version: of the same one, or else of the next newer one
/// that is installed. Returns its path and its own major version.
pub(super) async fn find_client(name: &str, at_least: u32) -> Result<(PathBuf, u32), EmbeddedError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = Vec::new();
    for dir in in_path().into_iter().chain(packaged()).chain(std::env::split_paths(&path)) {
        let program = dir.join(name);
        if !program.is_file() {
            continue;
        }
        let mut version = command(&program, None);
        version.arg("--version");
        let major = output(version, &dir).await.ok().and_then(|text| parse_major(&text));
        found.extend(major.filter(|major| *major >= at_least).map(|major| (major, program)));
    }
    let nearest = found.into_iter().min_by_key(|(major, _)| *major);
    nearest.map(|(major, program)| (program, major)).ok_or_else(|| EmbeddedError::NoClient {
        name: name.to_owned(),
        at_least,
        searched: PACKAGE_DIRECTORIES.join(", "),
    })
}

/// Runs `postgres --version` as the server's user; an installation that this user cannot run is skipped.
async fn probe(dir: PathBuf, account: Option<&Account>) -> Option<Programs> {
    let postgres = dir.join("postgres");
    if !postgres.is_file() || !dir.join("initdb").is_file() {
        return None;
    }
    let mut version = command(&postgres, account);
    version.arg("--version");
    let text = output(version, &dir).await.ok()?;
    let major = parse_major(&text)?;
    Some(Programs { dir, major })
}

/// Folders of the `initdb`s in PATH, with symbolic links resolved: distributions link single programs into PATH, and
/// the others are beside the link's target.
fn in_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = Vec::new();
    for dir in std::env::split_paths(&path) {
        let target = dir.join("initdb").canonicalize();
        if let Some(dir) = target.ok().and_then(|file| Some(file.parent()?.to_owned()))
            && !dirs.contains(&dir)
        {
            dirs.push(dir);
        }
    }
    dirs
}

fn packaged() -> Vec<PathBuf> {
    PACKAGE_DIRECTORIES.iter().flat_map(|pattern| expand(pattern)).collect()
}

/// The existing folders that match a pattern with at most one `*` (inside one path component).
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect()
}

/// Parses `postgres (PostgreSQL) 15.13 (Debian ...)`, `postgres (PostgreSQL) 18beta1` or the content of `PG_VERSION`.
fn parse_major(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| {
        let digits = word.find(|c: char| !c.is_ascii_digit());
        word[..digits.unwrap_or(word.len())].parse().ok()
    })
}

fn majors(found: &[Programs]) -> String {
    let majors: BTreeSet<u32> = found.iter().map(|programs| programs.major).collect();
    let majors: Vec<String> = majors.iter().map(u32::to_string).collect();
    majors.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_read_from_every_form() {
        let debian = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n";
        assert_eq!(parse_major(debian), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("17\n"), Some(17));
        assert_eq!(parse_major("9.6\n"), Some(9));
        assert_eq!(parse_major("postgres"), None);
        assert_eq!(parse_major(""), None);
    }

    #[test]
    fn patterns_expand_to_what_exists() {
        assert_eq!(expand("/usr/bin"), [PathBuf::from("/usr/bin")]);
        assert!(expand("/usr/b*/env").contains(&PathBuf::from("/usr/bin/env")));
        assert!(expand("/no-such-folder/*/bin").is_empty());
    }

    #[test]
    fn majors_are_listed_once_and_in_order() {
        let found = [18, 15, 18].map(|major| Programs { dir: PathBuf::new(), major });
        assert_eq!(majors(&found), "15, 18");
    }
}
