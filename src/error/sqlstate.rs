//! Classification of database errors: one table of SQLSTATEs (Postgres manual, appendix A).

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::postgres::{PgDatabaseError, PgSeverity};
use tokio::sync::watch;

/// How to handle a database error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Postgres rejects a value or row for good: only the act that contains it fails.
    Data,
    /// The statement was rolled back because of concurrent transactions (deadlock, serialization failure) or an invalid
    /// prepared statement: repeating it may succeed at once.
    Retry,
    /// The database cannot do it now: unreachable, restarting, read-only, full, or slower than the timeouts. Also every
    /// state that this table does not list: an innocent act must not fail for good because of one.
    Outage,
    /// The requested row does not exist.
    NotFound,
    /// An error of this program: a column that cannot be decoded, an invalid configuration.
    Program,
}

/// Classes (two characters) or whole SQLSTATEs (five) with their meaning. The longest match counts.
const SQLSTATE_CLASSES: &[(&str, ErrorClass)] = &[
    // classes in which every state is about the data
    ("21", ErrorClass::Data), // cardinality violation: a row twice in one ON CONFLICT DO UPDATE
    ("22", ErrorClass::Data), // data exception: NUL in a text, a number out of range
    ("23", ErrorClass::Data), // integrity constraint violation
    ("44", ErrorClass::Data), // WITH CHECK OPTION violation
    ("54", ErrorClass::Data), // program limit exceeded: a value too large for its index
    ("P0", ErrorClass::Data), // raised by a function of the schema
    // states after which the same statement may be repeated at once
    ("40001", ErrorClass::Retry), // serialization failure
    ("40P01", ErrorClass::Retry), // deadlock
    ("0A000", ErrorClass::Retry), // "cached plan must not change result type", after a migration
    ("26000", ErrorClass::Retry), // prepared statement does not exist: a pooler switched to another server connection
    ("42P05", ErrorClass::Retry), // prepared statement exists already: likewise
    // states in which the server or the connection is temporarily unable
    ("08", ErrorClass::Outage), // connection exception
    ("25", ErrorClass::Outage), // read-only (25006), idle in transaction too long (25P03), aborted transaction (25P02)
    ("40", ErrorClass::Outage), // other rollbacks; with 40003 it is unknown whether the statement completed
    ("53", ErrorClass::Outage), // disk full, out of memory, too many connections
    ("55", ErrorClass::Outage), // lock not available (55P03), object in use
    ("57", ErrorClass::Outage), // cancelled by a limit (57014), shutdown (57P01 to 57P03), idle session (57P05)
    ("58", ErrorClass::Outage), // system error: I/O
    ("42", ErrorClass::Outage), // the schema of another version during a deployment; a missing privilege
    ("XX", ErrorClass::Outage), // internal error of Postgres
];

impl ErrorClass {
    /// The class of a SQLSTATE.
    pub fn of_sqlstate(state: &str) -> Self {
        let matching = SQLSTATE_CLASSES.iter().filter(|(prefix, _)| state.starts_with(prefix));
        matching.max_by_key(|(prefix, _)| prefix.len()).map_or(Self::Outage, |(_, class)| *class)
    }

    /// The class of a database error.
    pub fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(e) => e.code().map_or(Self::Outage, |code| Self::of_sqlstate(&code)),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Outage,
            sqlx::Error::RowNotFound => Self::NotFound,
            _ => Self::Program,
        }
    }
}

/// What became of a transaction that a database error ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that commits was sent, or the server said that it rolled back: it was not done.
    None,
    /// A statement that commits may have been executed before the answer was lost.
    Unknown,
}

/// What PgBouncer answers, with SQLSTATE 08P01, to a client whose statement it has not sent on.
const REFUSED_BY_POOLER: [&str; 4] = [
    "query_wait_timeout",
    "server login has been failing",
    "pgbouncer cannot connect to server",
    "no more connections allowed",
];

impl Effect {
    /// That of a request whose one transaction ended with this error. An ERROR of the server is a rollback, also in answer to
    /// COMMIT; a FATAL one may come after the commit, while the server waits for a standby.
    pub fn of(error: &sqlx::Error) -> Self {
        let is_rolled_back = match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) | sqlx::Error::BeginFailed => {
                true
            }
            // a connection that a balancer without a server closed before it began
            sqlx::Error::Protocol(text) => text.contains("SSLRequest"),
            // only opening a connection fails so
            sqlx::Error::Io(error) => {
                matches!(error.kind(), std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound)
            }
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                let severity = error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
                Self::is_rollback(&code, error.message(), severity == Some(PgSeverity::Error))
            }
            _ => false,
        };
        if is_rolled_back { Self::None } else { Self::Unknown }
    }

    fn is_rollback(code: &str, message: &str, is_error: bool) -> bool {
        match code {
            "08P01" => REFUSED_BY_POOLER.iter().any(|text| message.starts_with(text)),
            // a connection that was not made; too many of them; a transaction that was idle
            "08001" | "08004" | "53300" | "57P03" | "25P03" => true,
            "40003" => false,
            _ => is_error && !code.starts_with("08"),
        }
    }
}

/// Does this error indicate that its connection, and all older ones, are broken? A server that was demoted to a
/// standby, is shutting down, or lost our prepared statements answers like this on each of them.
pub fn breaks_connections(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            code.starts_with("08")
                || code.starts_with("57P")
                || matches!(&*code, "25006" | "25P03" | "0A000" | "26000" | "42P05")
        }),
        _ => false,
    }
}

/// Has the server said that its disk is full, and not written a new file since?
static DISK_FULL: AtomicBool = AtomicBool::new(false);

/// Records whether the server's disk is full.
pub fn note_disk_full(is_full: bool) {
    DISK_FULL.store(is_full, Ordering::Relaxed);
}

/// Is the server's disk full, as far as is known?
pub fn is_disk_full() -> bool {
    DISK_FULL.load(Ordering::Relaxed)
}

/// Milliseconds after the start of this process at which a connection was last found broken; 0: never.
static LAST_BROKEN: AtomicU64 = AtomicU64::new(0);

#[expect(clippy::disallowed_methods, reason = "ages of connections are real time; no test moves it")]
fn since_start() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Records that a connection is broken: connections opened before this moment are not used again (`kernel::db`).
pub fn note_broken_connection() {
    LAST_BROKEN.fetch_max(since_start(), Ordering::Relaxed);
}

/// Counts how often connections were found lost.
static LOST: LazyLock<watch::Sender<u64>> = LazyLock::new(watch::Sender::default);

/// Records that open connections do not answer any more while new ones do, as after a host failed or a firewall forgot
/// them: what still waits for an answer on one of them is ended ([`connections_lost`]), and none is used again.
pub fn note_lost_connections() {
    note_broken_connection();
    LOST.send_modify(|times| *times += 1);
}

/// Completes when connections that were open at the call are found lost.
pub fn connections_lost() -> impl Future<Output = ()> {
    // subscribed before the caller's first statement is sent
    let mut lost = LOST.subscribe();
    async move {
        // the sender is never dropped
        let _ = lost.changed().await;
    }
}

/// Was a connection of this age opened before the last one that was found broken?
pub fn is_suspect(age: Duration) -> bool {
    let broken = LAST_BROKEN.load(Ordering::Relaxed);
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    broken > 0 && since_start().saturating_sub(age) <= broken
}

/// Limits a log line to one per second. `Some` when it may be written now, with the number of lines suppressed since
/// the last one.
pub(super) fn once_a_second() -> Option<u64> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    static PASSED_OVER: AtomicU64 = AtomicU64::new(0);
    let second = since_start() / 1000 + 1;
    if LAST.fetch_max(second, Ordering::Relaxed) < second {
        return Some(PASSED_OVER.swap(0, Ordering::Relaxed));
    }
    PASSED_OVER.fetch_add(1, Ordering::Relaxed);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sqlstate_has_one_meaning() {
        for (state, class) in [
            ("22021", ErrorClass::Data), // invalid byte sequence
            ("22P02", ErrorClass::Data),
            ("23503", ErrorClass::Data),
            ("23505", ErrorClass::Data),
            ("23514", ErrorClass::Data),
            ("21000", ErrorClass::Data),
            ("54000", ErrorClass::Data),
            ("P0001", ErrorClass::Data),
            ("40001", ErrorClass::Retry),
            ("40P01", ErrorClass::Retry),
            ("0A000", ErrorClass::Retry),
            ("26000", ErrorClass::Retry),
            ("40003", ErrorClass::Outage),
            ("08006", ErrorClass::Outage),
            ("25006", ErrorClass::Outage),
            ("25P02", ErrorClass::Outage),
            ("25P03", ErrorClass::Outage),
            ("25P04", ErrorClass::Outage),
            ("53100", ErrorClass::Outage),
            ("53300", ErrorClass::Outage),
            ("55P03", ErrorClass::Outage),
            ("57014", ErrorClass::Outage),
            ("57P01", ErrorClass::Outage),
            ("57P05", ErrorClass::Outage),
            ("58030", ErrorClass::Outage),
            ("42P01", ErrorClass::Outage),
            ("42501", ErrorClass::Outage),
            ("42846", ErrorClass::Outage),
            ("XX000", ErrorClass::Outage),
            ("ZZ999", ErrorClass::Outage), // unknown
        ] {
            assert_eq!(ErrorClass::of_sqlstate(state), class, "{state}");
        }
        // no row is duplicated, and none is shadowed by another of the same length
        for (n, (prefix, _)) in SQLSTATE_CLASSES.iter().enumerate() {
            assert!(matches!(prefix.len(), 2 | 5), "{prefix}");
            assert!(SQLSTATE_CLASSES[n + 1..].iter().all(|(other, _)| other != prefix), "{prefix}");
        }
    }

    #[test]
    fn what_was_rolled_back_is_told_from_what_is_not_known() {
        for (code, message, is_error, expected) in [
            ("40001", "could not serialize access", true, true),
            ("25006", "cannot execute INSERT in a read-only transaction", true, true),
            ("53100", "could not extend file", true, true),
            ("53100", "could not write to file pg_wal/xlogtemp", false, false), // PANIC
            ("57014", "canceling statement due to statement timeout", true, true),
            ("57P01", "terminating connection due to administrator command", false, false),
            ("57P03", "the database system is starting up", false, true),
            ("53300", "sorry, too many clients already", false, true),
            ("40003", "statement completion unknown", true, false),
            ("08006", "connection failure", true, false),
            ("08P01", "query_wait_timeout", false, true),
            ("08P01", "server login has been failing, cached error: connect failed (server_login_retry)", false, true),
            ("08P01", "server conn crashed?", false, false),
        ] {
            assert_eq!(Effect::is_rollback(code, message, is_error), expected, "{code} {message}");
        }
        let io = |kind| sqlx::Error::Io(std::io::Error::from(kind));
        for (error, expected) in [
            (sqlx::Error::PoolTimedOut, Effect::None),
            (io(std::io::ErrorKind::ConnectionRefused), Effect::None),
            (io(std::io::ErrorKind::ConnectionReset), Effect::Unknown),
            (io(std::io::ErrorKind::TimedOut), Effect::Unknown),
            (sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned()), Effect::None),
            (sqlx::Error::Protocol("expected to read 5 bytes".to_owned()), Effect::Unknown),
            (sqlx::Error::WorkerCrashed, Effect::Unknown),
        ] {
            assert_eq!(Effect::of(&error), expected, "{error}");
        }
    }

    #[test]
    fn a_broken_connection_makes_older_ones_suspect_and_newer_ones_not() {
        std::thread::sleep(Duration::from_millis(20));
        note_broken_connection();
        std::thread::sleep(Duration::from_millis(20));
        assert!(is_suspect(Duration::from_hours(1)));
        assert!(!is_suspect(Duration::ZERO));
    }

    #[test]
    fn what_is_not_about_data_is_an_outage() {
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::Protocol("x".to_owned())] {
            assert_eq!(ErrorClass::of(&error), ErrorClass::Outage, "{error}");
        }
        assert_eq!(ErrorClass::of(&sqlx::Error::RowNotFound), ErrorClass::NotFound);
        assert!(breaks_connections(&sqlx::Error::Protocol("x".to_owned())));
        assert!(!breaks_connections(&sqlx::Error::PoolTimedOut));
    }
}
