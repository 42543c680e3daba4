//! Creates the cluster and its database, and chooses the server's settings.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::binaries::Programs;
use super::location::ClusterLocation;
use super::{EmbeddedError, PORT, SERVICE, SUPERUSER, command, output};

const MIB: u64 = 1024 * 1024;

/// Makes the cluster in a temporary folder and renames it: a folder called `postgres` is always a complete cluster.
pub(super) async fn create(programs: &Programs, location: &ClusterLocation) -> Result<(), EmbeddedError> {
    let data_dir = &location.data_dir;
    let new = initialize(programs, location).await?;
    // `rename` replaces an empty folder of that name (a mount point, a backup being restored by hand) and fails on any
    // other, which is somebody's data.
    std::fs::rename(&new, data_dir).map_err(EmbeddedError::io("create", data_dir))?;
    sync_parent(data_dir)
}

/// Makes an empty cluster in `postgres.new`, and returns that folder.
pub(super) async fn initialize(programs: &Programs, location: &ClusterLocation) -> Result<PathBuf, EmbeddedError> {
    let data_dir = &location.data_dir;
    let new = data_dir.with_extension("new");
    remove_dir_all(&new)?;
    location.make_private_dir(&new)?;
    tracing::info!(
        event = "postgres.creating",
        version = programs.major,
        data = %data_dir.display(),
        "creating a Postgres cluster"
    );
    let mut initdb = command(&programs.path("initdb"), location.account.as_ref());
    initdb
        .arg("--pgdata")
        .arg(&new)
        .args(["--username", SUPERUSER])
        .args(["--auth-local=trust", "--auth-host=reject"])
        .args(["--encoding=UTF8", "--data-checksums", "--lc-messages=C"]);
    if cfg!(target_os = "macos") {
        // macOS has no C.UTF-8: bytewise collation with UTF-8 character classes
        initdb.args(["--lc-collate=C", "--lc-ctype=en_US.UTF-8"]);
    } else {
        initdb.arg("--locale=C.UTF-8");
    }
    output(initdb, data_dir).await?;
    Ok(new)
}

/// Makes the renaming of a folder durable.
pub(super) fn sync_parent(dir: &Path) -> Result<(), EmbeddedError> {
    let parent = dir.parent().unwrap_or(dir);
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(EmbeddedError::io("sync", parent))
}

/// Creates the database and the service's role if they do not exist.
pub(super) async fn ensure_database(
    programs: &Programs,
    location: &ClusterLocation,
    database: &str,
) -> Result<(), EmbeddedError> {
    let psql = |sql: String| {
        let mut psql = command(&programs.path("psql"), location.account.as_ref());
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .arg("--host")
            .arg(&location.socket_dir)
            .args(["--port", &PORT.to_string(), "--username", SUPERUSER])
            .args(["--dbname", "postgres", "--command", &sql]);
        output(psql, &location.data_dir)
    };
    // `check_name` has verified that the name needs no quoting.
    let known = psql(format!(
        "DO $$ BEGIN
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SERVICE}') THEN CREATE ROLE {SERVICE} LOGIN; END IF;
         END $$;
         SELECT 1 FROM pg_database WHERE datname = '{database}'"
    ))
    .await?;
    if known.trim().is_empty() {
        psql(format!(r#"CREATE DATABASE "{database}""#)).await?;
    }
    Ok(())
}

/// The server's settings, passed on its command line, so that each start uses those of this version of Muster.
pub(super) async fn settings(
    programs: &Programs,
    location: &ClusterLocation,
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let mut settings = built_in(&location.socket_dir, memory());
    // Halves the WAL. Builds without lz4, and Postgres 14, refuse to start with it, hence the probe.
    let lz4 = ("wal_compression".to_owned(), "lz4".to_owned());
    let mut probe = command(&programs.path("postgres"), location.account.as_ref());
    probe.arg("-D").arg(&location.data_dir).args(["-c", "wal_compression=lz4", "-C", "wal_compression"]);
    if output(probe, &location.data_dir).await.is_ok() {
        settings.push(lz4);
    }
    settings.extend_from_slice(extra);
    settings
}

fn built_in(socket_dir: &Path, memory: u64) -> Vec<(String, String)> {
    let megabytes = |bytes: u64| format!("{}MB", bytes / MIB);
    // An eighth, since Muster, its build and a mail relay share the machine.
    let buffers = (memory / 8).clamp(64 * MIB, 512 * MIB);
    [
        // Only the socket in the private directory.
        ("listen_addresses", String::new()),
        ("unix_socket_directories", socket_dir.display().to_string()),
        ("unix_socket_permissions", "0700".to_owned()),
        ("port", PORT.to_string()),
        // An acknowledged act depends on these three. The command line overrides the cluster's own files.
        ("fsync", "on".to_owned()),
        ("synchronous_commit", "on".to_owned()),
        ("full_page_writes", "on".to_owned()),
        ("max_connections", "200".to_owned()),
        ("shared_buffers", megabytes(buffers)),
        ("effective_cache_size", megabytes((memory / 2).max(256 * MIB))),
        ("work_mem", "8MB".to_owned()),
        ("maintenance_work_mem", megabytes((memory / 32).clamp(32 * MIB, 256 * MIB))),
        ("min_wal_size", "256MB".to_owned()),
        ("max_wal_size", "2GB".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("random_page_cost", "1.1".to_owned()),
        // Queries are short: JIT compilation costs more than it saves.
        ("jit", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        // To stderr, which is redirected to our log file.
        ("log_destination", "stderr".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_line_prefix", "%m [%p] ".to_owned()),
        // Statements and error details contain personal data (`Key (email)=(...)`), which must not be logged.
        ("log_statement", "none".to_owned()),
        ("log_min_error_statement", "panic".to_owned()),
        ("log_error_verbosity", "terse".to_owned()),
        ("log_parameter_max_length", "0".to_owned()),
        ("log_parameter_max_length_on_error", "0".to_owned()),
        ("log_min_duration_statement", "-1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Available memory in bytes: the smaller of the machine's and the container's (cgroup v2); 1 GiB if unknown.
fn memory() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = parse_meminfo(&read("/proc/meminfo")).unwrap_or(1024 * MIB);
    let container = read("/sys/fs/cgroup/memory.max").trim().parse();
    machine.min(container.unwrap_or(u64::MAX))
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Accepts only names that need no quoting in SQL, in the URL, and in a shell.
pub(super) fn check_name(name: &str) -> Result<(), EmbeddedError> {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts_well && name.len() <= 63 && name.chars().all(plain) {
        return Ok(());
    }
    Err(EmbeddedError::DatabaseName { name: name.to_owned() })
}

/// Removes a folder with all that is in it, if it exists.
pub(super) fn remove_dir_all(dir: &Path) -> Result<(), EmbeddedError> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(EmbeddedError::io("remove", dir)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_need_quoting_are_refused() {
        for good in ["muster", "_a", "m2_test"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "2m", "Muster", "a-b", "a'b", "a b", "ä", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn buffers_follow_the_memory_within_bounds() {
        let buffers = |memory: u64| {
            let settings = built_in(Path::new("/tmp/x"), memory);
            let found = settings.iter().find(|(name, _)| name == "shared_buffers");
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(buffers(256 * MIB), "64MB");
        assert_eq!(buffers(2048 * MIB), "256MB");
        assert_eq!(buffers(64 * 1024 * MIB), "512MB");
    }

    #[test]
    fn durability_is_on() {
        let settings = built_in(Path::new("/tmp/x"), 1024 * MIB);
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            assert!(settings.contains(&(name.to_owned(), "on".to_owned())), "{name}");
        }
    }

    #[test]
    fn meminfo_is_in_kibibytes() {
        let text = "MemTotal:        2048 kB\nMemFree: 1 kB\n";
        assert_eq!(parse_meminfo(text), Some(2 * MIB));
        assert_eq!(parse_meminfo(""), None);
    }
}
