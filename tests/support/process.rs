//! The binary itself, as the process that runs in production: what no in-process test can show (exit codes, signals, kills,
//! sockets) is shown with it.
//!
//! ```ignore
//! let house = Installation::new(&pool);
//! let token = house.owner().await;
//! let server = house.serve(&["serve"]).await;
//! server.post("/api/v1/petitions", Some(&token), &json!({"title": "x"})).await.expect(201);
//! server.kill().await;
//! ```
//!
//! Every process ends with the value that stands for it.

use std::{
    io,
    net::SocketAddr,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use muster::kernel::env::Env;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, PgPool};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::harness::{Reply, merge};

/// The binary under test.
pub const MUSTER: &str = env!("CARGO_BIN_EXE_muster");
/// Any single step of a process takes less, even on a busy machine in a debug build.
const PATIENCE: Duration = Duration::from_secs(40);

/// Asks until there is an answer.
///
/// # Panics
/// After 40 seconds, saying what did not come.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, ask).await
}

/// Asks until there is an answer, for at most so long.
///
/// # Panics
/// After that, saying what did not come.
pub async fn until_within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(patience, asking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A folder and an environment for processes that belong together.
pub struct Installation {
    pub folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The standard output of a command that succeeded.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.stdout
    }

    /// Asserts that it failed with exit code 1, said so in these words, and showed no innards.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "an error goes to standard error");
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("Backtrace"), "{}", self.stderr);
    }
}

impl Installation {
    /// On this database.
    pub fn new(pool: &PgPool) -> Self {
        let mut installation = Self::bare();
        installation.set("DATABASE_URL", pool.connect_options().to_url_lossy().as_str());
        installation
    }

    /// Without a database: what needs one starts the embedded one.
    pub fn bare() -> Self {
        let folder = std::env::temp_dir().join(format!("muster-process-{}", Env::system().id()));
        std::fs::create_dir_all(&folder).unwrap();
        // the server's user may pass through, and see nothing
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).unwrap();
        let mut this = Self { folder, environment: Vec::new() };
        this.set("MUSTER_PROFILE", "development");
        this.set("MUSTER__HTTP__BIND", "127.0.0.1:0");
        this.set("MUSTER__ADMIN__BIND", "127.0.0.1:0");
        this.set("MUSTER__POSTGRES__DATA_ROOT", &this.path("var"));
        this.set("MUSTER__KEYRING__FILE", &this.path("keys/keyring.json"));
        this.set("MUSTER__GUARD__FREE_PER_MINUTE", "1000000");
        this.set("MUSTER__DATABASE__ACQUIRE_TIMEOUT_SECONDS", "3");
        this
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The environment as the settings read it.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(MUSTER);
        // nothing of the developer's own settings gets in: no variables, no config/ folder
        let kept =
            ["PATH", "HOME", "LD_LIBRARY_PATH"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.args(arguments).env_clear().envs(kept).envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.current_dir(&self.folder).kill_on_drop(true);
        command
    }

    /// Starts a command whose end the caller waits for, or brings about.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "").await
    }

    /// Runs a command that reads `input`.
    pub async fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // a command that reads nothing may have ended already
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let ended = timeout(PATIENCE, child.wait_with_output()).await;
        let output = ended.unwrap_or_else(|_| panic!("muster {arguments:?} does not end")).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Adds an owner and a token with all scopes; returns the token.
    pub async fn owner(&self) -> String {
        let add = [
            "organizer",
            "add",
            "--email",
            "owner@example.org",
            "--name",
            "Olu Owner",
            "--role",
            "owner",
            "--password-stdin",
        ];
        self.run_with(&add, "a long password\n").await.ok();
        let token =
            self.run(&["token", "add", "--organizer", "owner@example.org", "--name", "tests", "--scopes", "all"]).await;
        token.ok().trim().to_owned()
    }

    /// Starts a process that serves, on free ports, and waits until it is ready.
    pub async fn serve(&self, arguments: &[&str]) -> Server {
        self.serve_within(PATIENCE, arguments).await
    }

    /// Like [`Installation::serve`], for a start that may take so long.
    pub async fn serve_within(&self, patience: Duration, arguments: &[&str]) -> Server {
        for _ in 0..5 {
            let (http, admin) = (free_address(), free_address());
            let log = self.folder.join(format!("server-{}", http.port()));
            let file = |end: &str| std::fs::File::create(log.with_extension(end)).unwrap();
            let mut command = self.command(arguments);
            command.env("MUSTER__HTTP__BIND", http.to_string()).env("MUSTER__ADMIN__BIND", admin.to_string());
            command.env("MUSTER__HTTP__PUBLIC_URL", format!("http://{http}"));
            let child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn().unwrap();
            let mut server = Server { child, http, admin, log };
            let ready = until_within(patience, "a server that is ready", async || {
                if let Some(status) = server.child.try_wait().unwrap() {
                    return Some(Err(status));
                }
                let ready = exchange(admin, "GET", "/readyz", &[], b"").await;
                ready.is_ok_and(|reply| reply.status == 200).then_some(Ok(()))
            });
            match ready.await {
                Ok(()) => return server,
                // somebody else took the port in between
                Err(_) if server.log().contains("cannot listen") => {}
                Err(status) => panic!("the server ended ({status}): {}", server.log()),
            }
        }
        panic!("no free port in five attempts");
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A process that serves.
pub struct Server {
    child: Child,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    pub fn pid(&self) -> i32 {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).expect("it runs")
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("the server does not end").unwrap()
    }

    /// kill -9.
    pub async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        assert_eq!(self.ended().await.signal(), Some(9));
    }

    /// SIGTERM, and a clean end.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended().await;
        let log = self.log();
        assert!(status.success(), "{status}: {log}");
        assert!(!log.contains('\u{1b}'), "no colours in a file: {log}");
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        read(&self.log.with_extension("err"))
    }

    /// What it wrote to standard output.
    pub fn stdout(&self) -> String {
        read(&self.log.with_extension("out"))
    }

    /// The status of an admin route.
    pub async fn admin(&self, path: &str) -> Reply {
        exchange(self.admin, "GET", path, &[], b"").await.unwrap()
    }

    /// The sum of a metric over its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.admin("/metrics").await.text();
        let lines = text.lines().filter(|line| line.starts_with(name) && !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        exchange(self.http, "GET", path, &credentials(token), b"").await.unwrap()
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.try_json("POST", path, token, body).await.unwrap()
    }

    pub async fn put(&self, path: &str, token: Option<&str>, body: &Value) -> Reply {
        self.try_json("PUT", path, token, body).await.unwrap()
    }

    /// A JSON request that may go unanswered.
    pub async fn try_json(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> io::Result<Reply> {
        json_exchange(self.http, method, path, token, body).await
    }

    pub async fn form(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [headers, &[("content-type", "application/x-www-form-urlencoded")]].concat();
        exchange(self.http, "POST", path, &headers, body.as_bytes()).await.unwrap()
    }

    /// A published petition with the slug `status`.
    pub async fn petition(&self, token: &str, more: Value) -> Reply {
        let mut body = json!({"title": "Status for all", "muster:slug": "status", "muster:status": "published"});
        merge(&mut body, more);
        let reply = self.post("/api/v1/petitions", Some(token), &body).await;
        reply.expect(201);
        reply
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn credentials(token: Option<&str>) -> Vec<(&str, &str)> {
    token.into_iter().map(|token| ("osdi-api-token", token)).collect()
}

/// A JSON request on a connection of its own.
pub async fn json_exchange(
    to: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> io::Result<Reply> {
    let headers = [credentials(token), vec![("content-type", "application/json")]].concat();
    exchange(to, method, path, &headers, body.to_string().as_bytes()).await
}

/// One request on a connection of its own. An answer that was cut short is an error, as is none.
pub async fn exchange(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Reply> {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let talk = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(&[head.as_bytes(), b"\r\n", body].concat()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        parse(&answer)
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, format!("{} bytes of an answer", answer.len())))
    };
    timeout(PATIENCE, talk).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// An answer (RFC 9112) that is whole.
fn parse(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok().and_then(|code| StatusCode::from_u16(code).ok())?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    let rest = &answer[end + 4..];
    let chunked = headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked");
    let body = if chunked {
        unchunk(rest)?
    } else {
        let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
        (rest.len() == length).then(|| rest.to_vec())?
    };
    Some(Reply { status, headers, body })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + size)?;
        rest = rest.get(line + 4 + size..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
    }
}

#[test]
fn the_client_tells_whole_answers_from_those_cut_short() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nmust\r\n2\r\ner\r\n0\r\n\r\n";
    assert_eq!(parse(chunked).unwrap().body, b"muster");
    let sized = b"HTTP/1.1 202 Accepted\r\ncontent-length: 6\r\n\r\nmuster";
    assert_eq!((parse(sized).unwrap().status.as_u16(), parse(sized).unwrap().body), (202, b"muster".to_vec()));
    for whole in [&chunked[..], &sized[..]] {
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_none(), "{end} bytes are not whole");
        }
    }
}
