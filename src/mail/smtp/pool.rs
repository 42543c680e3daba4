//! The connection pool of one relay: a limited number of connections, reused, each used by one caller at a time.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::{
    Accepted, LeaseCheck, Message, Outbox, SendError, SmtpSettings,
    connection::{Connection, Failure, Phase},
};

/// If a relay answered within this time, the next message is pipelined; behind a slower reply it would wait too long.
const QUICK_REPLY: Duration = Duration::from_millis(250);

/// Monotonic clock; passed in, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Timeouts of each step (RFC 5321 section 4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Name resolution and TCP.
    pub connect: Duration,
    /// Greeting, EHLO, TLS and AUTH together.
    pub greeting: Duration,
    /// Each of MAIL, RCPT and DATA.
    pub command: Duration,
    /// The content and the reply to its final dot. The RFC asks for ten minutes: a client that gives up earlier,
    /// while the relay still scans the message, sends it twice. A lease in the queue has to last longer, or be
    /// renewed.
    pub content: Duration,
    /// QUIT and RSET.
    pub farewell: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_mins(1),
            command: Duration::from_mins(2),
            content: Duration::from_mins(10),
            farewell: Duration::from_secs(5),
        }
    }
}

/// Configuration of a [`Pool`].
#[derive(Clone, Copy, Debug)]
pub struct PoolConfig {
    /// Maximum number of connections, at least one.
    pub size: usize,
    /// Number of messages after which a connection is closed; relays limit it (Postfix and Exim: 100 and more).
    pub messages_per_connection: u32,
    /// How long a connection may be idle before it is closed.
    pub idle: Duration,
    /// Timeouts of each step.
    pub timeouts: Timeouts,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { size: 8, messages_per_connection: 100, idle: Duration::from_mins(1), timeouts: Timeouts::default() }
    }
}

/// A bounded set of connections to one relay. Share it behind an `Arc`.
pub struct Pool {
    settings: SmtpSettings,
    config: PoolConfig,
    clock: Clock,
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
    /// Whether the relay offered SMTPUTF8 at the last connection.
    smtputf8: Mutex<Option<bool>>,
}

/// An idle connection.
struct Idle {
    connection: Connection,
    since: Instant,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("settings", &self.settings).field("config", &self.config).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool without connections; they are opened on demand.
    pub fn new(settings: SmtpSettings, config: PoolConfig, clock: Clock) -> Self {
        Self {
            settings,
            slots: Semaphore::new(config.size.max(1)),
            config,
            clock,
            idle: Mutex::new(Vec::new()),
            smtputf8: Mutex::new(None),
        }
    }

    /// Sends messages one after the other over one connection, after waiting for a free one, until the outbox has no
    /// more.
    ///
    /// Dropping the future closes the connection; the outcome of the message being sent is then uncertain, as with
    /// [`SendError::Unknown`].
    ///
    /// A relay may have closed an idle connection. If a connection that was used before fails at MAIL, a new one is
    /// opened and tried once; nothing was transmitted, so nothing can be sent twice.
    ///
    /// # Errors
    /// Results of messages go to [`Outbox::answer`]. [`SendError::Refused`] or [`SendError::Broken`] when no
    /// connection could be opened, `Refused` when the relay refuses our account: messages that were handed out and
    /// have no answer were then not transmitted.
    pub async fn send(
        &self,
        messages: &[Message<'_>],
        outbox: &mut dyn Outbox,
        lease_held: LeaseCheck<'_>,
    ) -> Result<(), SendError> {
        let Ok(_permit) = self.slots.acquire().await else {
            return Err(closed());
        };
        let (mut kept, mut begun) = (self.take_idle(), None);
        while let Some(n) = begun.take().or_else(|| outbox.next(false)) {
            if !lease_held(n) {
                // this message may be pipelined already, so the connection is dropped
                kept = None;
                outbox.answer(n, Err(SendError::LeaseLost));
                continue;
            }
            let connection = match kept {
                Some(connection) => connection,
                None => self.open().await?,
            };
            let can_pipeline = connection.can_pipeline(self.config.messages_per_connection);
            begun = if can_pipeline { outbox.next(true) } else { None };
            let next = begun.map(|next| &messages[next]);
            let (usable, answer) = self.send_one(connection, &messages[n], next, &|| lease_held(n)).await?;
            kept = usable.and_then(|connection| self.unless_exhausted(connection));
            outbox.answer(n, answer);
        }
        if let Some(connection) = kept {
            self.put_back(connection);
        }
        Ok(())
    }

    /// Sends one message, and pipelines the next. Returns the connection, unless it cannot be used any more, and the
    /// result.
    async fn send_one(
        &self,
        mut connection: Connection,
        message: &Message<'_>,
        next: Option<&Message<'_>>,
        lease_held: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Option<Connection>, Result<Accepted, SendError>), SendError> {
        let timeouts = &self.config.timeouts;
        loop {
            let (served_before, began) = (connection.messages > 0, (self.clock)());
            let sent = connection.transact(message, next, lease_held, timeouts).await;
            connection.is_quick = (self.clock)().saturating_duration_since(began) < QUICK_REPLY;
            let Failure { phase, error } = match sent {
                Ok(accepted) => return Ok((Some(connection), Ok(accepted))),
                Err(failure) => failure,
            };
            let usable = match error {
                SendError::Broken { .. } if served_before && phase == Phase::Mail => {
                    connection = self.open().await?;
                    continue;
                }
                // not the result of this message: another relay may accept it
                SendError::Refused { .. } => return Err(error),
                SendError::Temporary { .. } | SendError::Permanent { .. } => {
                    phase == Phase::Unsent || connection.reset(timeouts).await
                }
                _ => false,
            };
            return Ok((usable.then_some(connection), Err(error)));
        }
    }

    /// Closes connections that were idle for too long. [`Pool::send`] does so, too; this is for times without mail.
    pub fn sweep(&self) {
        let now = (self.clock)();
        let expired: Vec<Idle> =
            self.idle().extract_if(.., |idle| now.saturating_duration_since(idle.since) >= self.config.idle).collect();
        for idle in expired {
            self.dismiss(idle.connection);
        }
    }

    /// Closes the pool: accepts no more messages, and sends QUIT on every idle connection. Does not wait for messages
    /// being sent; their connections are closed afterwards.
    pub async fn close(&self) {
        self.slots.close();
        let idle = std::mem::take(&mut *self.idle());
        for Idle { connection, .. } in idle {
            connection.quit(&self.config.timeouts).await;
        }
    }

    /// Opens a connection, with TLS and AUTH, and closes it with QUIT.
    ///
    /// # Errors
    /// [`SendError::Refused`] or [`SendError::Broken`].
    pub async fn probe(&self) -> Result<(), SendError> {
        self.open().await?.quit(&self.config.timeouts).await;
        Ok(())
    }

    async fn open(&self) -> Result<Connection, SendError> {
        let connection = Connection::open(&self.settings, &self.config.timeouts).await?;
        *self.smtputf8.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.offers_smtputf8());
        Ok(connection)
    }

    /// Whether the relay offered SMTPUTF8 at the last connection, if there was one.
    pub fn offers_smtputf8(&self) -> Option<bool> {
        *self.smtputf8.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle connection used last (LIFO), so that under low load the others reach the idle limit and are closed.
    fn take_idle(&self) -> Option<Connection> {
        self.sweep();
        self.idle().pop().map(|idle| idle.connection)
    }

    /// The connection, unless it has reached its maximum of messages; then it is closed.
    fn unless_exhausted(&self, connection: Connection) -> Option<Connection> {
        if connection.messages < self.config.messages_per_connection {
            return Some(connection);
        }
        self.dismiss(connection);
        None
    }

    fn put_back(&self, connection: Connection) {
        if self.slots.is_closed() {
            return self.dismiss(connection);
        }
        let since = (self.clock)();
        self.idle().push(Idle { connection, since });
    }

    /// Sends QUIT in a task of its own, so that the caller does not wait for the reply.
    fn dismiss(&self, connection: Connection) {
        let timeouts = self.config.timeouts;
        tokio::spawn(async move { connection.quit(&timeouts).await });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // a poisoned lock is fine: no operation on the list can leave it half changed
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> SendError {
    SendError::Refused { text: "the pool is closed".to_owned() }
}
