//! A relay for tests: a real SMTP conversation (RFC 5321) on a loopback port, misbehaving as told.
//!
//! ```ignore
//! let sink = SmtpSink::start(Behaviour::default().script([Step::Accept, Step::RejectRcpt("550 5.1.1 who?")])).await;
//! sink.on("full@example.org", Step::RejectRcpt("452 4.2.2 full"));
//! // ... send to sink.url() ...
//! assert_eq!(sink.messages()[0].to, ["jane@example.org"]);
//! ```
//!
//! Each MAIL takes the next step of the script, then `Accept` for ever; a step for a recipient wins over the script.
//! Everything ends when the sink is dropped.

#![allow(dead_code, reason = "a tool for several test files")]

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_rustls::{TlsAcceptor, rustls};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

/// What happens to one message. Replies are whole lines without their end, such as `"451 4.3.0 later"`; a reply that
/// begins with 421 is followed by hanging up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Taken.
    Accept,
    /// This reply to MAIL.
    RejectMail(&'static str),
    /// This reply to RCPT.
    RejectRcpt(&'static str),
    /// This reply to DATA, before any content.
    RejectData(&'static str),
    /// This reply to the final dot.
    RejectContent(&'static str),
    /// The connection ends at MAIL, without a reply.
    HangUpAtMail,
    /// The connection ends at RCPT, without a reply.
    HangUpAtRcpt,
    /// The connection ends at DATA, without a reply.
    HangUpAtData,
    /// The connection ends after the final dot, before the reply.
    HangUpAfterContent {
        /// Whether the message was taken all the same.
        counted: bool,
    },
    /// The reply to RCPT comes this late.
    SlowRcpt(Duration),
    /// The message is taken, the reply to the final dot comes this late.
    SlowContent(Duration),
}

/// How a sink behaves.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each for itself")]
pub struct Behaviour {
    /// Offers 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// Offers SMTPUTF8 (RFC 6531).
    pub smtp_utf8: bool,
    /// Offers PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// Says 354 to DATA though no recipient was taken.
    pub data_anyway: bool,
    /// Offers STARTTLS (RFC 3207); without a certificate the handshake fails.
    pub starttls: bool,
    /// Its certificate and key.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Speaks TLS from the first byte (RFC 8314).
    pub implicit_tls: bool,
    /// Mechanisms to offer, such as `"PLAIN LOGIN"`; then MAIL without AUTH is a 530.
    pub auth: Option<&'static str>,
    /// The reply to credentials.
    pub auth_reply: &'static str,
    /// Time before the greeting.
    pub greeting_delay: Duration,
    /// The greeting; 4xx and 5xx are followed by hanging up.
    pub greeting: &'static str,
    /// The reply to RSET.
    pub rset_reply: &'static str,
    /// Hangs up after so many messages on one connection, as relays do with idle ones: without a word.
    pub messages_per_connection: usize,
    /// Refuses each recipient the first time (greylisting).
    pub greylists: bool,
    /// One step per message, in the order of MAIL over all connections.
    pub script: VecDeque<Step>,
    /// Steps by recipient (lower case), for tests in which the order is open.
    pub by_recipient: HashMap<String, Step>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            eight_bit_mime: true,
            smtp_utf8: true,
            pipelining: true,
            data_anyway: false,
            starttls: false,
            tls: None,
            implicit_tls: false,
            auth: None,
            auth_reply: "235 2.7.0 ok",
            greeting_delay: Duration::ZERO,
            greeting: "220 sink.test ESMTP",
            rset_reply: "250 2.0.0 ok",
            messages_per_connection: usize::MAX,
            greylists: false,
            script: VecDeque::new(),
            by_recipient: HashMap::new(),
        }
    }
}

impl Behaviour {
    /// Takes everything.
    pub fn accept() -> Self {
        Self::default()
    }

    /// Appends steps to the script.
    #[must_use]
    pub fn script(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.script.extend(steps);
        self
    }
}

/// A message that the sink took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The reverse path, empty for `<>`.
    pub from: String,
    /// Every accepted recipient.
    pub to: Vec<String>,
    /// The content: doubled dots undone, the final dot's line not included.
    pub data: Vec<u8>,
    /// What followed the path in MAIL, such as `"SMTPUTF8 BODY=8BITMIME"`.
    pub parameters: String,
    /// The connection it came on, counted from 1.
    pub connection: usize,
}

impl Received {
    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }

    /// A header's unfolded value, as it stands (not decoded).
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?.to_owned() + "\r\n";
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    messages: Vec<Received>,
    commands: Vec<String>,
    ahead: usize,
    connections: usize,
    open: usize,
    seen: HashSet<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running relay.
pub struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl SmtpSink {
    /// Listens on a free loopback port.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        shared.lock().behaviour = behaviour;
        let task = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// For `mail.smtp_url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All messages taken so far, in order.
    pub fn messages(&self) -> Vec<Received> {
        self.shared.lock().messages.clone()
    }

    /// Messages taken for one recipient.
    pub fn messages_to(&self, recipient: &str) -> Vec<Received> {
        let mut messages = self.messages();
        messages.retain(|message| message.to.iter().any(|to| to.eq_ignore_ascii_case(recipient)));
        messages
    }

    /// Waits until `count` messages were taken.
    ///
    /// # Panics
    /// After 20 seconds.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                let messages = self.messages();
                if messages.len() >= count {
                    return messages;
                }
                arrived.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), enough).await;
        waited.unwrap_or_else(|_| panic!("{} of {count} messages came", self.messages().len()))
    }

    /// Every command line heard, over all connections.
    pub fn commands(&self) -> Vec<String> {
        self.shared.lock().commands.clone()
    }

    /// Commands that came before the one in front of them was answered.
    pub fn ahead(&self) -> usize {
        self.shared.lock().ahead
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.shared.lock().open
    }

    /// Forgets messages and commands.
    pub fn clear(&self) {
        let mut state = self.shared.lock();
        state.messages.clear();
        state.commands.clear();
    }

    /// Appends a step to the script.
    pub fn push(&self, step: Step) {
        self.shared.lock().behaviour.script.push_back(step);
    }

    /// From now on, what happens to mail for one recipient; `Accept` ends it.
    pub fn on(&self, recipient: &str, step: Step) {
        let recipient = recipient.to_lowercase();
        self.shared.lock().behaviour.by_recipient.insert(recipient, step);
    }

    /// Changes anything else about the behaviour, for commands to come.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.lock().behaviour);
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        // the listening task owns the connections' tasks
        self.task.abort();
    }
}

/// The URL of a relay that refuses connections: a port that was free a moment ago.
pub async fn closed_url() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    format!("smtp://{}", listener.local_addr().expect("an address"))
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let shared = Arc::clone(&shared);
                conversations.spawn(async move {
                    let number = {
                        let mut state = shared.lock();
                        state.connections += 1;
                        state.open += 1;
                        state.connections
                    };
                    let _ = converse(stream, &shared, number).await;
                    shared.lock().open -= 1;
                });
            }
            Some(_) = conversations.join_next() => {}
        }
    }
}

/// A transaction under way.
struct Transaction {
    message: Received,
    step: Step,
}

/// A connection, in clear text or not.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

async fn encrypted(stream: Box<dyn Socket>, shared: &Shared) -> io::Result<Box<dyn Socket>> {
    let tls = shared.lock().behaviour.tls.clone().ok_or(io::ErrorKind::Unsupported)?;
    Ok(Box::new(TlsAcceptor::from(tls).accept(stream).await?))
}

/// One connection. `Err` and `Ok` both mean that it is over.
async fn converse(stream: TcpStream, shared: &Shared, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream: Box<dyn Socket> = Box::new(stream);
    if shared.lock().behaviour.implicit_tls {
        stream = encrypted(stream, shared).await?;
    }
    let mut stream = BufReader::new(stream);
    let mut is_encrypted = shared.lock().behaviour.implicit_tls;
    let (delay, greeting) = {
        let behaviour = &shared.lock().behaviour;
        (behaviour.greeting_delay, behaviour.greeting)
    };
    tokio::time::sleep(delay).await;
    say(&mut stream, greeting).await?;
    if !greeting.starts_with('2') {
        return Ok(());
    }
    let (mut signed_in, mut taken) = (false, 0);
    let mut transaction: Option<Transaction> = None;
    while let Some(command) = hear(&mut stream).await? {
        {
            let mut state = shared.lock();
            state.commands.push(command.clone());
            state.ahead += usize::from(!stream.buffer().is_empty());
        }
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => extensions(&shared.lock().behaviour, is_encrypted),
            "HELO" | "NOOP" => "250 ok".to_owned(),
            "RSET" => {
                transaction = None;
                shared.lock().behaviour.rset_reply.to_owned()
            }
            "QUIT" => {
                say(&mut stream, "221 2.0.0 bye").await?;
                return Ok(());
            }
            "STARTTLS" if shared.lock().behaviour.starttls => {
                say(&mut stream, "220 2.0.0 go ahead").await?;
                stream = BufReader::new(encrypted(stream.into_inner(), shared).await?);
                is_encrypted = true;
                continue;
            }
            "AUTH" => {
                let reply = sign_in(&mut stream, shared, &command).await?;
                signed_in = reply.starts_with('2');
                reply
            }
            "MAIL" if !signed_in && shared.lock().behaviour.auth.is_some() => {
                "530 5.7.0 authentication required".to_owned()
            }
            "MAIL" => match begin(shared, &command, number) {
                Transaction { step: Step::HangUpAtMail, .. } => return Ok(()),
                Transaction { step: Step::RejectMail(reply), .. } => reply.to_owned(),
                begun => {
                    transaction = Some(begun);
                    "250 2.1.0 ok".to_owned()
                }
            },
            "RCPT" => match &mut transaction {
                Some(transaction) => match recipient(shared, transaction, &command).await {
                    Some(reply) => reply.to_owned(),
                    None => return Ok(()),
                },
                None => "503 5.5.1 MAIL first".to_owned(),
            },
            "DATA" => match transaction.take_if(|t| !t.message.to.is_empty()) {
                Some(transaction) => match data(&mut stream, shared, transaction).await? {
                    Some(reply) => {
                        shared.lock().ahead += usize::from(!stream.buffer().is_empty());
                        taken += 1;
                        if taken >= shared.lock().behaviour.messages_per_connection {
                            say(&mut stream, reply).await?;
                            return Ok(());
                        }
                        reply.to_owned()
                    }
                    None => return Ok(()),
                },
                None if shared.lock().behaviour.data_anyway => "354 go ahead".to_owned(),
                None => "503 5.5.1 RCPT first".to_owned(),
            },
            _ => "502 5.5.2 no such command".to_owned(),
        };
        say(&mut stream, &reply).await?;
        if reply.starts_with("421") {
            return Ok(());
        }
    }
    Ok(())
}

fn extensions(behaviour: &Behaviour, is_encrypted: bool) -> String {
    let mut lines = vec!["sink.test".to_owned()];
    lines.extend(behaviour.eight_bit_mime.then(|| "8BITMIME".to_owned()));
    lines.extend(behaviour.smtp_utf8.then(|| "SMTPUTF8".to_owned()));
    lines.extend(behaviour.pipelining.then(|| "PIPELINING".to_owned()));
    lines.extend((behaviour.starttls && !is_encrypted).then(|| "STARTTLS".to_owned()));
    lines.extend(behaviour.auth.map(|mechanisms| format!("AUTH {mechanisms}")));
    let last = lines.len() - 1;
    let lines: Vec<String> = lines
        .into_iter()
        .enumerate()
        .map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }))
        .collect();
    lines.join("\r\n")
}

/// AUTH PLAIN in one line, AUTH LOGIN in three (RFC 4954). What was said is in [`SmtpSink::commands`].
async fn sign_in(
    stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
    shared: &Shared,
    command: &str,
) -> io::Result<String> {
    if command.eq_ignore_ascii_case("AUTH LOGIN") {
        for question in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
            say(stream, question).await?;
            let answer = hear(stream).await?.unwrap_or_default();
            shared.lock().commands.push(answer);
        }
    }
    Ok(shared.lock().behaviour.auth_reply.to_owned())
}

fn begin(shared: &Shared, command: &str, connection: usize) -> Transaction {
    let (from, parameters) = path_and_rest(command);
    Transaction {
        message: Received { from, to: Vec::new(), data: Vec::new(), parameters, connection },
        step: shared.lock().behaviour.script.pop_front().unwrap_or(Step::Accept),
    }
}

/// The reply to RCPT; none hangs up.
async fn recipient(shared: &Shared, transaction: &mut Transaction, command: &str) -> Option<&'static str> {
    let (to, _) = path_and_rest(command);
    {
        let mut state = shared.lock();
        if state.behaviour.greylists && state.seen.insert(to.to_lowercase()) {
            return Some("451 4.7.1 greylisted");
        }
    }
    if let Some(step) = shared.lock().behaviour.by_recipient.get(&to.to_lowercase()) {
        transaction.step = step.clone();
    }
    match transaction.step {
        // a recipient's step comes too late for MAIL's reply
        Step::RejectRcpt(reply) | Step::RejectMail(reply) => return Some(reply),
        Step::HangUpAtRcpt | Step::HangUpAtMail => return None,
        Step::SlowRcpt(delay) => tokio::time::sleep(delay).await,
        _ => {}
    }
    transaction.message.to.push(to);
    Some("250 2.1.5 ok")
}

/// DATA and what follows; no reply hangs up.
async fn data(
    stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
    shared: &Shared,
    mut transaction: Transaction,
) -> io::Result<Option<&'static str>> {
    match transaction.step {
        Step::RejectData(reply) => return Ok(Some(reply)),
        Step::HangUpAtData => return Ok(None),
        _ => say(stream, "354 go ahead").await?,
    }
    let content = &mut transaction.message.data;
    loop {
        let start = content.len();
        if stream.read_until(b'\n', content).await? == 0 {
            return Ok(None);
        }
        // only CRLF ends a line here, so that a bare LF in the content shows
        let begins_line = start == 0 || content[..start].ends_with(b"\r\n");
        if begins_line && &content[start..] == b".\r\n" {
            content.truncate(start);
            break;
        }
        if begins_line && content[start] == b'.' {
            content.remove(start);
        }
    }
    let take = || {
        shared.lock().messages.push(transaction.message.clone());
        shared.arrived.notify_waiters();
    };
    match transaction.step {
        Step::RejectContent(reply) => return Ok(Some(reply)),
        Step::HangUpAfterContent { counted } => {
            if counted {
                take();
            }
            return Ok(None);
        }
        Step::SlowContent(delay) => {
            take();
            tokio::time::sleep(delay).await;
        }
        _ => take(),
    }
    Ok(Some("250 2.0.0 ok: queued as 4XyZ12"))
}

/// `MAIL FROM:<a@b> X=Y` gives `a@b` and `X=Y`.
fn path_and_rest(command: &str) -> (String, String) {
    let (_, after) = command.split_once('<').unwrap_or_default();
    let (path, rest) = after.rsplit_once('>').unwrap_or_default();
    (path.to_owned(), rest.trim().to_owned())
}

async fn hear(stream: &mut (impl AsyncBufReadExt + AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    let heard = line.ends_with(b"\r\n");
    Ok(heard.then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), reply: &str) -> io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await
}
