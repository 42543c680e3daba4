//! `muster postgres run -- CMD`: runs a command with `DATABASE_URL` set.

use std::io::{self, IsTerminal};
use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Runs `cmd` with `DATABASE_URL=url` and returns its exit status (see [`exit_code`](super::exit_code)).
///
/// SIGTERM and SIGINT are forwarded, so that the caller survives to stop Postgres after `cmd` has ended. From a
/// terminal, Ctrl-C reaches `cmd` directly and is not forwarded a second time.
///
/// # Errors
/// An empty `cmd`, or a program that cannot be started.
pub async fn run_with(url: &str, cmd: &[String]) -> io::Result<ExitStatus> {
    let Some((program, args)) = cmd.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command was given"));
    };
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut child = Command::new(program)
        .args(args)
        .env("DATABASE_URL", url)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot run {program}: {error}")))?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let pass_on = |signal| {
        if let Some(pid) = pid {
            // fails only if the process has just exited, which `wait` reports
            let _ = kill(Pid::from_raw(pid), signal);
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = terminations.recv() => pass_on(Signal::SIGTERM),
            _ = interrupts.recv() => if !io::stdin().is_terminal() { pass_on(Signal::SIGINT) },
        }
    }
}
