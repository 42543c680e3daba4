//! Reads `postmaster.pid`, and stops a server that a killed Muster left running.
//!
//! Must be called with the lock on the data root held: then no live Muster owns a server that is found here.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::sleep;

use super::{EmbeddedError, FAST_SHUTDOWN_TIMEOUT, IMMEDIATE_SHUTDOWN_TIMEOUT, POLL_INTERVAL};

const PID_FILE: &str = "postmaster.pid";

/// Content of `postmaster.pid`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub pid: i32,
    /// Does the server accept connections?
    pub ready: bool,
}

impl PidFile {
    pub(super) fn read(data_dir: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(data_dir.join(PID_FILE)).ok()?)
    }

    /// The lines: pid, data directory, start time, port, socket directory, address, shared memory key, status.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        // a single-user server writes a negative process id
        let pid = lines.next()?.trim().parse::<i32>().ok()?.checked_abs()?;
        let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
        (pid > 0).then_some(Self { pid, ready })
    }
}

/// Ensures that no server runs on `data_dir` and that no pid file prevents one from starting.
pub(super) async fn stop_orphan(data_dir: &Path) -> Result<(), EmbeddedError> {
    let file = data_dir.join(PID_FILE);
    if !file.exists() {
        return Ok(());
    }
    match PidFile::read(data_dir) {
        Some(PidFile { pid, .. }) if serves(pid, data_dir).await => {
            tracing::warn!(
                event = "postgres.stopping_leftover",
                pid,
                data = %data_dir.display(),
                "stopping a Postgres server left by a killed process"
            );
            stop(pid, data_dir).await
        }
        // Dead: the file stays, because Postgres reads from it which shared memory segment to check, in case sessions
        // of the dead server are still writing.
        Some(PidFile { pid, .. }) if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) => Ok(()),
        // An empty file (a crash while it was written), or a process id that another program has now: Postgres would
        // refuse to start with either.
        _ => std::fs::remove_file(&file).map_err(EmbeddedError::io("remove", &file)),
    }
}

async fn stop(pid: i32, data_dir: &Path) -> Result<(), EmbeddedError> {
    for (signal, patience) in [(Signal::SIGINT, FAST_SHUTDOWN_TIMEOUT), (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN_TIMEOUT)] {
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                return Err(EmbeddedError::io("stop Postgres on", data_dir)(error.into()));
            }
        }
        let mut waited = Duration::ZERO;
        while waited < patience {
            if !serves(pid, data_dir).await {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
            waited += POLL_INTERVAL;
        }
    }
    Err(EmbeddedError::DoesNotStop { data_dir: data_dir.to_owned(), pid })
}

/// Is process `pid` a postmaster on exactly this cluster? A zombie is not: it has no command line.
async fn serves(pid: i32, data_dir: &Path) -> bool {
    let proc = Path::new("/proc").join(pid.to_string());
    if let Ok(line) = std::fs::read(proc.join("cmdline")) {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        return is_postmaster(&words, data_dir);
    }
    if Path::new("/proc/self").exists() {
        return false;
    }
    let ps = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().await;
    ps.is_ok_and(|ps| {
        let words: Vec<&[u8]> = ps.stdout.trim_ascii().split(u8::is_ascii_whitespace).collect();
        is_postmaster(&words, data_dir)
    })
}

/// Matches `postgres -D <data_dir> ...`, which is how Muster and `pg_ctl` start it.
fn is_postmaster(words: &[&[u8]], data_dir: &Path) -> bool {
    let Some((program, args)) = words.split_first() else {
        return false;
    };
    let name = program.rsplit(|byte| *byte == b'/').next();
    let wanted = data_dir.as_os_str().as_encoded_bytes();
    matches!(name, Some(b"postgres" | b"postmaster"))
        && (args.contains(&wanted) || args.iter().any(|arg| arg.strip_prefix(b"-D").is_some_and(|dir| dir == wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_file_is_parsed_in_every_stage() {
        let text = "4711\n/srv/var/postgres\n1763812345\n5432\n/tmp/muster-0\n\n  5432001  32769\nready   \n";
        let ready = PidFile { pid: 4711, ready: true };
        assert_eq!(PidFile::parse(text), Some(ready));
        let starting = PidFile { pid: 4711, ready: false };
        assert_eq!(PidFile::parse(&text.replace("ready", "starting")), Some(starting));
        let short = PidFile { pid: 12, ready: false };
        assert_eq!(PidFile::parse("-12\n/srv"), Some(short));
        for broken in ["", "\n", "abc\n", "0\n", "99999999999\n"] {
            assert_eq!(PidFile::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn only_a_postmaster_of_this_very_cluster_counts() {
        let dir = Path::new("/srv/var/postgres");
        let is = |words: &[&str]| {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            is_postmaster(&words, dir)
        };
        assert!(is(&["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/var/postgres", "-c", "x=y"]));
        assert!(is(&["postgres", "-D/srv/var/postgres"]));
        assert!(!is(&["postgres", "-D", "/srv/var/postgres2"]));
        assert!(!is(&["vim", "/srv/var/postgres"]));
        assert!(!is(&[""]));
        assert!(!is(&[]));
    }
}
