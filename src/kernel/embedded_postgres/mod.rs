//! A Postgres of Muster's own, for machines where nobody has set one up (no `DATABASE_URL`).
//!
//! It uses the installed binaries and never downloads any. One start, top to bottom: take the lock on the data root
//! (one Muster for each) -> choose place and user (`location`) -> find binaries of the right major (`binaries`) ->
//! stop a server that a killed Muster left behind (`postmaster`) -> `initdb` if there is no cluster yet
//! (`cluster`) -> start `postgres` -> wait until it says it is ready -> make the database.
//!
//! * **Durable.** `fsync`, `synchronous_commit` and `full_page_writes` are on: a 2xx promises that nothing is lost.
//! * **Private.** It listens on a Unix socket only, in a 0700 directory of the server's user, which is what `trust`
//!   relies on: root may enter, nobody else. Its log holds no statements and no values. Muster works as a role that is no superuser
//!   ([`Urls`]), so that no statement of its own can take the audit trail away.
//! * **Ends with us.** It runs in a process group of its own, so that Ctrl-C reaches Muster alone, which drains and
//!   then calls [`EmbeddedPostgres::stop`]. Should Muster be killed, a watchdog shell sees its pipe close and stops the
//!   server; should that fail too, the next start takes over. Under systemd use `KillMode=mixed`: otherwise the
//!   SIGTERM meant for Muster makes Postgres refuse connections while requests are still draining.
//!
//! It must not be used for a second process on the same data: that one is refused. Use a real Postgres then.

mod binaries;
mod cluster;
mod error;
mod location;
mod postmaster;
mod run;
mod upgrade;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use self::binaries::Programs;
use self::location::{Account, ClusterLocation};
use self::postmaster::PidFile;
use crate::config;

pub use self::error::EmbeddedError;
pub use self::run::run_with;
pub use self::upgrade::{Undone, Upgraded, undo_upgrade, upgrade};

/// Name of the superuser that `initdb` creates.
const SUPERUSER: &str = "muster";
/// Name of the role as which Muster works.
const SERVICE: &str = "muster_service";
/// Only a part of the socket's file name; no TCP port is opened.
const PORT: u16 = 5432;
/// How long a starting server may log nothing before the start fails. Each new log line restarts the time, because
/// aborting a long crash recovery would restart it from the beginning.
const STARTUP_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a fast shutdown, which writes a checkpoint, may take before an immediate one.
const FAST_SHUTDOWN_TIMEOUT: Duration = Duration::from_mins(1);
/// How long an immediate shutdown may take.
const IMMEDIATE_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);
const SH: &str = "/bin/sh";
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Size of the log from which a start rotates it; one old file is kept.
const MAX_LOG_BYTES: u64 = 10 * 1024 * 1024;

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for the cluster, its log and the lock; created if missing. Usually `var/`.
    pub data_root: PathBuf,
    /// Folder for the folder of its socket. Not the system's temporary one: the path must not depend on `TMPDIR`.
    pub socket_root: PathBuf,
    /// Database to connect to; created if missing. Lower-case letters, digits and `_`.
    pub database: String,
    /// Server settings (`name`, `value`) that override the built-in ones.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// The database `muster` in the folders of these settings, with the server's built-in settings.
    pub fn new(settings: &config::EmbeddedPostgres) -> Self {
        Self {
            data_root: settings.data_root.clone(),
            socket_root: settings.socket_root.clone(),
            database: "muster".to_owned(),
            settings: Vec::new(),
        }
    }

    /// The folder for the data, which is created if it is missing: its canonical path.
    fn data_root(&self) -> Result<PathBuf, EmbeddedError> {
        std::fs::create_dir_all(&self.data_root).map_err(EmbeddedError::io("create", &self.data_root))?;
        self.data_root.canonicalize().map_err(EmbeddedError::io("resolve", &self.data_root))
    }
}

/// A running server. Call [`stop`](Self::stop); dropping it asks the server to stop too, but cannot wait for it.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: Child,
    watchdog: Child,
    data_dir: PathBuf,
    socket_dir: PathBuf,
    database: String,
    /// Held until the server has ended (declared last, so dropped last).
    _lock: File,
}

impl EmbeddedPostgres {
    /// Starts the server, creating cluster and database if missing; returns when it accepts connections.
    ///
    /// # Errors
    /// [`EmbeddedError`]: no Postgres installed, another Muster on the same folder, another major version, missing
    /// permissions, disk full, or a server that exits at once (with the last lines of its log).
    pub async fn start(opts: Options) -> Result<Self, EmbeddedError> {
        cluster::check_name(&opts.database)?;
        let data_root = opts.data_root()?;
        let lock = lock(&data_root)?;
        let location = ClusterLocation::choose(&data_root, &opts.socket_root).await?;
        let account = location.account.as_ref();
        let programs = binaries::find(account, &location.data_dir).await?;
        postmaster::stop_orphan(&location.data_dir).await?;
        if !location.has_cluster() {
            upgrade::refuse_broken_off(&location)?;
            cluster::create(&programs, &location).await?;
        }
        location.prepare_socket_dir()?;
        let log = data_root.join("postgres.log");
        rotate(&log)?;
        let launch = Launch {
            programs: &programs,
            location: &location,
            settings: cluster::settings(&programs, &location, &opts.settings).await,
            log_start: size(&log),
            log,
        };
        let (server, watchdog) = launch.spawn()?;
        let mut this = Self {
            server,
            watchdog,
            data_dir: location.data_dir.clone(),
            socket_dir: location.socket_dir.clone(),
            database: opts.database,
            _lock: lock,
        };
        this.until_ready(&launch).await?;
        cluster::ensure_database(&programs, &location, &this.database).await?;
        tracing::info!(
            event = "postgres.ready",
            version = programs.major,
            data = %this.data_dir.display(),
            socket = %this.socket_dir.display(),
            "embedded Postgres is ready"
        );
        Ok(this)
    }

    /// The URLs of the server that another Muster runs on this data root, for short commands; `None` if there is none.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the data root cannot be created or read.
    pub async fn urls_of_running(opts: &Options) -> Result<Option<Urls>, EmbeddedError> {
        let data_root = opts.data_root()?;
        match lock(&data_root) {
            Ok(_freed_at_once) => Ok(None),
            Err(EmbeddedError::InUse { .. }) => {
                let location = ClusterLocation::choose(&data_root, &opts.socket_root).await?;
                Ok(Some(Urls::new(&location.socket_dir, &opts.database)))
            }
            Err(error) => Err(error),
        }
    }

    /// How it is connected to.
    pub fn urls(&self) -> Urls {
        Urls::new(&self.socket_dir, &self.database)
    }

    /// Folder of the cluster; not always under the data root (see `location`).
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Returns when the server exits by itself, which it should not: Muster should then exit, too.
    ///
    /// # Errors
    /// If waiting for the process fails.
    pub async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.server.wait().await
    }

    /// Stops the server (fast shutdown: sessions end, a checkpoint is written) and waits until it has ended.
    ///
    /// # Errors
    /// [`EmbeddedError::DoesNotStop`] if it ends neither after a fast nor after an immediate shutdown;
    /// [`EmbeddedError::Io`] if waiting for the process fails.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        let Some(pid) = server_pid(&self.server) else {
            return Ok(());
        };
        let mut gone = false;
        for (signal, patience) in
            [(Signal::SIGINT, FAST_SHUTDOWN_TIMEOUT), (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN_TIMEOUT)]
        {
            // fails only if the server has just exited, which `wait` reports
            let _ = kill(pid, signal);
            // signalled already: a watchdog that acts later could only hit a reused process id
            let _ = self.watchdog.start_kill();
            if let Ok(status) = timeout(patience, self.server.wait()).await {
                let status = status.map_err(EmbeddedError::io("wait for Postgres on", &self.data_dir))?;
                tracing::debug!(event = "postgres.stopped", %status, "embedded Postgres has stopped");
                gone = true;
                break;
            }
        }
        if !gone {
            return Err(EmbeddedError::DoesNotStop { data_dir: self.data_dir.clone(), pid: pid.as_raw() });
        }
        let _ = self.watchdog.wait().await;
        // optional: the next start would reuse it
        let _ = std::fs::remove_dir(&self.socket_dir);
        Ok(())
    }

    /// Polls the status in the postmaster's pid file, like `pg_ctl`: needs no client program.
    ///
    /// If the postmaster of a crashed server was killed, its sessions may live a moment longer, and Postgres correctly
    /// refuses to start while they do: hence the retries.
    async fn until_ready(&mut self, launch: &Launch<'_>) -> Result<(), EmbeddedError> {
        let log = &launch.log;
        let mut attempts = 40;
        let mut silence = Duration::ZERO;
        let mut seen = size(log);
        while silence < STARTUP_TIMEOUT {
            let own = server_pid(&self.server).map(Pid::as_raw);
            let status = self.server.try_wait().map_err(EmbeddedError::io("wait for Postgres on", &self.data_dir))?;
            if let Some(status) = status {
                let tail = tail(log, launch.log_start);
                attempts -= 1;
                if attempts == 0 || !tail.contains("pre-existing shared memory block") {
                    return Err(EmbeddedError::Died {
                        data_dir: self.data_dir.clone(),
                        status,
                        log: log.clone(),
                        tail,
                    });
                }
                let _ = self.watchdog.start_kill();
                sleep(Duration::from_millis(250)).await;
                (self.server, self.watchdog) = launch.spawn()?;
                continue;
            }
            if PidFile::read(&self.data_dir).is_some_and(|file| Some(file.pid) == own && file.ready) {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
            silence += POLL_INTERVAL;
            let now = size(log);
            if now != seen {
                (seen, silence) = (now, Duration::ZERO);
            }
        }
        Err(EmbeddedError::NotReady {
            data_dir: self.data_dir.clone(),
            log: log.clone(),
            tail: tail(log, launch.log_start),
        })
    }
}

impl Drop for EmbeddedPostgres {
    /// Last resort (a panic, an error during startup): requests a fast shutdown without waiting; the next start waits.
    fn drop(&mut self) {
        if let Some(pid) = server_pid(&self.server) {
            let _ = kill(pid, Signal::SIGINT);
            let _ = self.watchdog.start_kill();
        }
    }
}

/// A client program of Postgres for a server of this major version: its path, and its own major version.
///
/// # Errors
/// [`EmbeddedError::NoClient`] when none is installed that is new enough.
pub async fn client_program(name: &str, at_least: u32) -> Result<(PathBuf, u32), EmbeddedError> {
    binaries::find_client(name, at_least).await
}

/// The database's URLs, in a form that sqlx and libpq (`psql`, `pg_dump`) parse alike. They have every parameter, so
/// that `PGPORT` or `PGUSER` in the environment have no effect.
#[derive(Clone, Debug)]
pub struct Urls {
    /// As the role of the service, which may do nothing until the [migrations](super::migrations::migrate) have prepared the database.
    pub service: String,
    /// As the superuser.
    pub administrator: String,
}

impl Urls {
    fn new(socket_dir: &Path, database: &str) -> Self {
        // no percent-encoding needed: both parts consist of letters, digits, `/`, `-`, `_` and `.` (see
        // `config::EmbeddedPostgres`, `location` and `check_name`)
        let host = socket_dir.display();
        let url = |role| format!("postgres:///{database}?host={host}&port={PORT}&user={role}&sslmode=disable");
        Self { service: url(SERVICE), administrator: url(SUPERUSER) }
    }
}

/// `None` once the process was waited for.
fn server_pid(server: &Child) -> Option<Pid> {
    server.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
}

/// Allows one Muster per data root. The kernel releases the lock however the process ends, and children do not inherit
/// it.
fn lock(data_root: &Path) -> Result<File, EmbeddedError> {
    let path = data_root.join("muster.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(EmbeddedError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            return Err(EmbeddedError::InUse {
                data_root: data_root.to_owned(),
                holder: format!("process {}", if pid.is_empty() { "unknown" } else { pid }),
            });
        }
        Err(TryLockError::Error(source)) => return Err(EmbeddedError::io("lock", &path)(source)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(EmbeddedError::io("write", &path))?;
    Ok(file)
}

/// Everything needed to start `postgres`, possibly several times.
struct Launch<'a> {
    programs: &'a Programs,
    location: &'a ClusterLocation,
    settings: Vec<(String, String)>,
    log: PathBuf,
    /// Size of the log before the start; older lines belong to earlier runs.
    log_start: u64,
}

impl Launch<'_> {
    /// Starts the server and its watchdog.
    fn spawn(&self) -> Result<(Child, Child), EmbeddedError> {
        let account = self.location.account.as_ref();
        let out = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(EmbeddedError::io("open", &self.log))?;
        let err = out.try_clone().map_err(EmbeddedError::io("open", &self.log))?;
        let program = self.programs.path("postgres");
        let mut command = command(&program, account);
        command.arg("-D").arg(&self.location.data_dir);
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let server =
            command.stdout(out).stderr(err).process_group(0).spawn().map_err(EmbeddedError::io("start", &program))?;
        let watchdog = watchdog(&server, account);
        if let (Err(_), Some(pid)) = (&watchdog, server_pid(&server)) {
            let _ = kill(pid, Signal::SIGINT);
        }
        let watchdog = watchdog.map_err(EmbeddedError::io("start", Path::new(SH)))?;
        Ok((server, watchdog))
    }
}

/// A shell that waits until our end of a pipe closes, however Muster ends, and then stops the server.
fn watchdog(server: &Child, account: Option<&Account>) -> io::Result<Child> {
    let pid = server_pid(server).map_or(0, Pid::as_raw);
    command(Path::new(SH), account)
        // `kill 0` would signal the shell's own group: harmless, but pointless
        .args(["-c", r#"read -r _; [ "$1" -gt 0 ] && kill -INT "$1""#, "sh"])
        .arg(pid.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// A command as the server's user, in `/`, without secrets and `PG*` variables in its environment.
fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env_clear().stdin(Stdio::null());
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // English messages, because some are matched on; the cluster's own locale is in its configuration
    command.env("LC_ALL", "C").env("HOME", "/");
    if let Some(account) = account {
        // when started as root, this also drops the supplementary groups
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// Runs a helper program and returns its stdout.
async fn output(mut command: Command, path: &Path) -> Result<String, EmbeddedError> {
    let program = PathBuf::from(command.as_std().get_program());
    let done = command.output().await.map_err(EmbeddedError::io("run", &program))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&done.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&done.stderr));
    Err(EmbeddedError::Program {
        program: program.display().to_string(),
        path: path.to_owned(),
        status: done.status,
        output: last_lines(&said),
    })
}

/// The exit code that a shell would report: the program's own, or 128 plus the signal.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |data| data.len())
}

fn rotate(log: &Path) -> Result<(), EmbeddedError> {
    if size(log) <= MAX_LOG_BYTES {
        return Ok(());
    }
    std::fs::rename(log, log.with_extension("log.old")).map_err(EmbeddedError::io("move", log))
}

/// The last lines of the log that were written after byte `from`.
fn tail(log: &Path, from: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(from.max(size(log).saturating_sub(8192))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().map_or_else(|error| format!("(cannot read it: {error})"), |text| last_lines(&text))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_gives_every_part() {
        let urls = Urls::new(Path::new("/tmp/muster-101-0123456789abcdef"), "muster");
        let all = "postgres:///muster?host=/tmp/muster-101-0123456789abcdef&port=5432&user=ROLE&sslmode=disable";
        assert_eq!(urls.administrator, all.replace("ROLE", "muster"));
        assert_eq!(urls.service, all.replace("ROLE", "muster_service"));
    }

    #[test]
    fn last_lines_keeps_the_end() {
        let lines: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
        let kept = last_lines(&lines.join("\n"));
        assert!(kept.starts_with("line 25\n"));
        assert!(kept.ends_with("line 39"));
        assert_eq!(last_lines(""), "");
    }

    #[test]
    fn exit_codes_are_the_shells() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(15)), 143);
    }
}
