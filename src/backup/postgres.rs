//! `pg_dump` and `pg_restore` as child processes.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use anyhow::{Context, bail};
use url::Url;

/// Most that is kept of what a program says on its standard error, in bytes.
const MAX_MESSAGE: u64 = 16 * 1024;

/// Parameters of a Postgres URL, as sqlx and libpq spell them, and libpq's variable for each.
const PARAMETERS: [(&str, &str); 12] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("dbname", "PGDATABASE"),
    ("sslmode", "PGSSLMODE"),
    ("ssl-mode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("ssl-root-cert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

/// libpq's variables for a database. Not arguments, which every user of the machine can read.
///
/// # Errors
/// When the URL is none.
pub(super) fn variables(url: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let url = Url::parse(url).map_err(|_| anyhow::anyhow!("database.url: not a Postgres URL"))?;
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut found = Vec::new();
    let mut set = |name: &'static str, value: String| {
        if !value.is_empty() {
            found.push((name, value));
        }
    };
    set("PGHOST", decoded(url.host_str().unwrap_or_default().trim_matches(['[', ']'])));
    set("PGPORT", url.port().map(|port| port.to_string()).unwrap_or_default());
    set("PGUSER", decoded(url.username()));
    set("PGPASSWORD", decoded(url.password().unwrap_or_default()));
    set("PGDATABASE", decoded(url.path().trim_start_matches('/')));
    for (name, value) in url.query_pairs() {
        if let Some((_, variable)) = PARAMETERS.iter().find(|(known, _)| *known == name) {
            set(variable, value.into_owned());
        }
    }
    Ok(found)
}

/// A program that runs.
pub(super) struct Running {
    name: &'static str,
    pub(super) child: Child,
    said: JoinHandle<String>,
}

/// Starts a client program on the database at `url`, with nothing of this process's secrets in its environment.
///
/// # Errors
/// When it cannot be started.
pub(super) fn start(
    program: &Path,
    name: &'static str,
    arguments: &[String],
    url: &str,
    stdin: Stdio,
    stdout: Stdio,
) -> anyhow::Result<Running> {
    let mut command = Command::new(program);
    let kept = |name: &str| name.starts_with("PG") || ["PATH", "HOME", "LD_LIBRARY_PATH"].contains(&name);
    command.env_clear().envs(std::env::vars().filter(|(name, _)| kept(name)));
    command.env("LC_ALL", "C").env("PGAPPNAME", format!("muster {name}")).envs(variables(url)?);
    command.args(arguments).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let stderr = child.stderr.take();
    let said = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.by_ref().take(MAX_MESSAGE).read_to_end(&mut text);
            // to the end, or the program would wait for its reader
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    });
    Ok(Running { name, child, said })
}

impl Running {
    /// Waits for the program's end.
    ///
    /// # Errors
    /// When it failed, with what it said.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        let said = self.said.join().unwrap_or_default();
        if !status.success() {
            bail!("{} failed ({status}): {said}", self.name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_variables() {
        let of = |url: &str| {
            let mut all: Vec<String> =
                variables(url).unwrap().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            all.sort();
            all.join(" ")
        };
        assert_eq!(
            of("postgres:///muster?host=/tmp/x&port=5432&user=muster&sslmode=disable"),
            "PGDATABASE=muster PGHOST=/tmp/x PGPORT=5432 PGSSLMODE=disable PGUSER=muster"
        );
        assert_eq!(
            of("postgresql://us%40er:p%3Aw@[::1]:6432/db?ssl-root-cert=/ca.pem&statement-cache-capacity=7"),
            "PGDATABASE=db PGHOST=::1 PGPASSWORD=p:w PGPORT=6432 PGSSLROOTCERT=/ca.pem PGUSER=us@er"
        );
        assert_eq!(of("postgres://%2Ftmp%2Fpg/db"), "PGDATABASE=db PGHOST=/tmp/pg");
        assert!(variables("nowhere").is_err());
    }
}
