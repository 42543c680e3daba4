//! Connection pools, session settings and timeouts.
//!
//! Every statement has a time limit. On the server, each session has a `statement_timeout`
//! ([`PoolKind::statement_limit`]). In the process, every wait has a timeout ([`with_timeout`], the group commit's,
//! the request's), and a connection whose statement overran is closed instead of returned: sqlx has no read timeout,
//! and a connection whose network was lost would never answer. Connections are checked: pinged (with a timeout) after
//! being idle and when returned to the pool; those older than the last broken connection are closed. The heartbeat
//! ([`super::readiness`]) finds out when a network forgot the open connections; whatever waits on them then ends
//! ([`connections_lost_for`]), however long its own limit.

use std::{fmt::Write as _, str::FromStr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use sqlx::{
    Connection, PgConnection, PgPool, Postgres, Row,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

use super::{
    Kernel,
    background::{JobInfo, Jobs, Progress, RunsIn},
};
use crate::{
    config,
    error::{Error, Result, connections_lost, is_suspect, note_broken_connection},
};

/// Idle time after which a connection is pinged before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);
/// Timeout of a ping; setting up a session may take twice this.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// After connections were found lost, what runs on one that is not has this time to end.
pub const LOST_GRACE: Duration = Duration::from_secs(3);
/// Time limit of reading one part of an answer that is streamed; the limit of requests ends when their headers are sent.
pub const STREAM_PART_LIMIT: Duration = Duration::from_mins(1);
/// Maximum age of a connection, so that a session on a wrong server (behind a load balancer) ends.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
/// Time between two updates of the pools' gauges.
const METRICS_INTERVAL: Duration = Duration::from_secs(5);

/// What a pool's connections are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum PoolKind {
    /// Pages, the API, the console: a person waits for the answer.
    Interactive,
    /// Group commits.
    #[strum(serialize = "hot")]
    HotPath,
    /// Background work: mail, ticks, jobs, maintenance.
    #[strum(serialize = "work")]
    Background,
}

impl PoolKind {
    /// `statement_timeout` of its sessions; shorter than the process's own timeout for the same work.
    pub const fn statement_limit(self) -> Duration {
        match self {
            Self::Interactive | Self::HotPath => Duration::from_secs(8),
            Self::Background => Duration::from_secs(30),
        }
    }

    /// Name in metrics and in `application_name`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The connection pools of one process: three, so that none of them can starve another.
#[derive(Clone, Debug)]
pub struct Pools {
    /// Pages, the API, the console.
    pub interactive: PgPool,
    /// Group commits.
    pub hot: PgPool,
    /// Background work: mail, ticks, jobs, maintenance.
    pub work: PgPool,
}

impl From<PgPool> for Pools {
    /// One pool for everything (short commands, tests).
    fn from(pool: PgPool) -> Self {
        Self { interactive: pool.clone(), hot: pool.clone(), work: pool }
    }
}

impl Pools {
    /// Pools as configured; connections are opened on first use.
    ///
    /// # Errors
    /// As [`pool`].
    pub fn new(settings: &config::Settings, url: &str) -> Result<Self> {
        let database = &settings.database;
        let flushers = u32::try_from(settings.hot_path.flushers).unwrap_or(u32::MAX);
        Ok(Self {
            interactive: pool(database, url, PoolKind::Interactive, database.pool_size)?,
            // one connection for each flusher of the group commits
            hot: pool(database, url, PoolKind::HotPath, flushers.saturating_mul(GROUP_COMMITS))?,
            work: pool(database, url, PoolKind::Background, database.work_pool_size)?,
        })
    }

    /// Each pool with its kind.
    pub fn each(&self) -> [(PoolKind, &PgPool); 3] {
        [(PoolKind::Interactive, &self.interactive), (PoolKind::HotPath, &self.hot), (PoolKind::Background, &self.work)]
    }

    /// Updates the gauges of used, idle and maximum connections of each pool.
    fn report_metrics(&self) {
        for (purpose, pool) in self.each() {
            let (open, idle) = (pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
            let set_gauge = |state: &'static str, number: u32| {
                metrics::gauge!("muster_pool_connections", "pool" => purpose.as_str(), "state" => state).set(number);
            };
            set_gauge("idle", idle);
            set_gauge("used", open.saturating_sub(idle));
            set_gauge("max", pool.options().get_max_connections());
        }
    }

    /// Closes all pools; waits at most `limit`.
    pub async fn close(&self, limit: Duration) {
        let all = [self.interactive.close(), self.hot.close(), self.work.close()];
        let _ = timeout(limit, join_all(all)).await;
    }
}

/// Registers the report of the pools.
pub(super) fn register_jobs(kernel: &Arc<Kernel>, jobs: &mut Jobs) {
    let info = JobInfo::every(
        METRICS_INTERVAL,
        RunsIn::EachProcess,
        "report_pools",
        "sets the gauges of the connection pools",
        "",
        METRICS_INTERVAL,
    );
    jobs.add(info, kernel, async |kernel, _| {
        kernel.pools().report_metrics();
        Ok(Progress::Done)
    });
}

/// Group commits of a process: of submissions, confirmations and withdrawals, for each of three kinds of action.
pub const GROUP_COMMITS: u32 = 9;

/// Connections reserved for public requests.
const RESERVED_CONNECTIONS: u32 = 2;
/// How long a public request waits for the interactive pool alone before it also waits for a reserved connection.
const RESERVE_AFTER: Duration = Duration::from_millis(20);

/// Connections for public requests (sign, register, write, confirm): those of the interactive pool, and, while slow
/// pages of organizers hold all of it, a few that are reserved.
#[derive(Clone, Debug)]
pub struct PublicDb {
    interactive: PgPool,
    reserve: PgPool,
}

impl PublicDb {
    /// Adds a reserve to the interactive pool; connects to nothing.
    pub fn new(interactive: PgPool) -> Self {
        Self { reserve: pool_like(&interactive, PoolKind::Interactive, RESERVED_CONNECTIONS), interactive }
    }

    /// The first connection that is free.
    ///
    /// # Errors
    /// `unavailable` when none is in time.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>> {
        tokio::select! {
            conn = self.interactive.acquire() => Ok(conn?),
            conn = async { sleep(RESERVE_AFTER).await; self.reserve.acquire().await } => Ok(conn?),
        }
    }
}

/// A pool that connects on first use and reconnects after an outage.
///
/// # Errors
/// `internal` when the URL cannot be parsed; the message does not repeat it, since it may contain a password.
pub fn pool(settings: &config::Database, url: &str, purpose: PoolKind, connections: u32) -> Result<PgPool> {
    let options = options(url)?.application_name(&format!("muster {}", purpose.as_str()));
    let acquire_timeout = Duration::from_secs(settings.acquire_timeout_seconds);
    Ok(pool_options(purpose, connections, acquire_timeout).connect_lazy_with(options))
}

/// Another pool for the database of `pool`, for work that must not queue behind that pool's.
pub fn pool_like(pool: &PgPool, purpose: PoolKind, connections: u32) -> PgPool {
    let options = PgConnectOptions::clone(&pool.connect_options());
    pool_options(purpose, connections, pool.options().get_acquire_timeout()).connect_lazy_with(options)
}

fn pool_options(purpose: PoolKind, connections: u32, acquire_timeout: Duration) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections.max(1))
        .max_lifetime(MAX_LIFETIME)
        .acquire_timeout(acquire_timeout)
        // sqlx would ping before every use: one more round trip for each
        .test_before_acquire(false)
        .after_connect(move |conn, _| Box::pin(prepare_session(conn, purpose)))
        .before_acquire(|conn, connection| {
            Box::pin(async move {
                if is_suspect(connection.age) {
                    return Err(connection_error("it is older than one that proved broken"));
                }
                if connection.idle_for >= PING_AFTER_IDLE { ping_in_time(conn).await } else { Ok(true) }
            })
        })
        // sqlx pings as well, but without a timeout: a connection that never answers would occupy its slot for ever
        .after_release(|conn, connection| {
            Box::pin(async move {
                if is_suspect(connection.age) {
                    return Err(connection_error("it is older than one that proved broken"));
                }
                ping_in_time(conn).await
            })
        })
}

/// Pings a connection with a timeout. This also waits for the end of a statement whose future was dropped.
async fn ping_in_time(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let Ok(answer) = timeout(PING_TIMEOUT, conn.ping()).await else {
        // idle connections of the same age are likely broken as well: do not ping them one after the other
        note_broken_connection();
        return Err(connection_error("no answer in time"));
    };
    answer.map(|()| true)
}

fn connection_error(why: &str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        format!("a database connection is closed: {why}"),
    ))
}

/// Settings of every session.
///
/// - `synchronous_commit = on`: an answer means durable, whatever the server's default.
/// - `timezone = UTC`: days are UTC days.
/// - `jit = off`: no statement runs long enough to gain by compilation, but the cost estimates of plans that avoid
///   sequential scans are high enough to trigger it.
/// - the others: a client whose network was lost is noticed while a statement runs
///   (`client_connection_check_interval`), while the session idles in a transaction, and by TCP keepalives.
const SESSION_SETTINGS: &[(&str, &str)] = &[
    ("synchronous_commit", "on"),
    ("timezone", "UTC"),
    ("jit", "off"),
    ("lock_timeout", "6s"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("client_connection_check_interval", "2s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];

/// The first settings are mandatory: without them an acknowledged act could be lost or a day be wrong. A server may not
/// know the others.
const ESSENTIAL_SETTINGS: usize = 3;

/// Configures a new session, and refuses a server that cannot write: a standby, or a primary that was demoted.
async fn prepare_session(conn: &mut PgConnection, purpose: PoolKind) -> Result<(), sqlx::Error> {
    let limit = purpose.statement_limit().as_millis().to_string();
    let begun = async {
        let read_only = match apply_settings(conn, SESSION_SETTINGS, &limit).await {
            // the server does not know all of them
            Err(sqlx::Error::Database(_)) => {
                apply_settings(conn, &SESSION_SETTINGS[..ESSENTIAL_SETTINGS], &limit).await?
            }
            other => other?,
        };
        if read_only { Err(connection_error("the server is a standby or read-only")) } else { Ok(()) }
    };
    timeout(PING_TIMEOUT * 2, begun)
        .await
        .unwrap_or_else(|_| Err(connection_error("the session could not be set up in time")))
}

/// Applies settings in one message, which a pooler cannot divide between two server connections; returns whether the session is
/// read-only.
pub(super) async fn apply_settings(
    conn: &mut PgConnection,
    settings: &[(&str, &str)],
    limit: &str,
) -> Result<bool, sqlx::Error> {
    let settings = settings.iter().copied().chain([("statement_timeout", limit)]);
    let values: Vec<String> = settings.map(|(name, value)| format!("('{name}', '{value}')")).collect();
    let set = format!(
        "SELECT count(set_config(s.name, s.value, false)) >= 0 AND current_setting('transaction_read_only') = 'on'
         FROM (VALUES {}) AS s (name, value)",
        values.join(", ")
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(set)).fetch_one(conn).await?.try_get(0)
}

/// Connect options of `url`.
///
/// # Errors
/// As [`pool`].
pub fn options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).map_err(|_| Error::internal("database.url: not a Postgres URL"))?;
    Ok(options.application_name("muster"))
}

/// A single connection outside the pools, configured like theirs.
///
/// # Errors
/// `unavailable` when it cannot be made in time, or the server is read-only.
pub async fn connect(url: &str, purpose: PoolKind) -> Result<PgConnection> {
    let connecting = async {
        let mut conn = PgConnection::connect_with(&options(url)?).await?;
        prepare_session(&mut conn, purpose).await?;
        Ok(conn)
    };
    with_timeout(PING_TIMEOUT * 2, "connecting", connecting).await
}

/// Waits for `work` at most `limit`, and at most [`LOST_GRACE`] after connections were found lost. Then the future is
/// dropped; the pool's hooks close a connection that it used.
///
/// # Errors
/// `unavailable` when it was dropped; otherwise what `work` returns.
pub fn with_timeout<T, F: Future<Output = Result<T>>>(
    limit: Duration,
    what: &'static str,
    work: F,
) -> impl Future<Output = Result<T>> {
    // boxed: otherwise every future that awaits this one contains the whole of `work`
    let work = Box::pin(work);
    async move {
        let cause = tokio::select! {
            done = timeout(limit, work) => match done {
                Ok(done) => return done,
                Err(_) => format!("{what}: not done within {limit:?}"),
            },
            () = connections_lost_for(LOST_GRACE) => format!("{what}: its database connection was lost"),
        };
        metrics::counter!("muster_timeouts", "operation" => what).increment(1);
        Err(Error::uncertain(5, cause))
    }
}

/// Completes this long after connections that were open at the call were found lost. sqlx has no read timeout, so
/// whoever waits for a statement without a short limit of their own waits for this as well.
pub fn connections_lost_for(grace: Duration) -> impl Future<Output = ()> {
    let lost = connections_lost();
    async move {
        lost.await;
        sleep(grace).await;
    }
}

/// Planner settings for the rest of a transaction: generic plans, so that no statement is planned each time, and no
/// sequential scans, so that a plan made while a table was small does not scan it when it has grown.
pub async fn force_index_plan(tx: &mut PgConnection) -> Result<()> {
    // no JIT, which the high cost of plans without sequential scans would trigger; repeated here for connection
    // poolers that drop the start-up options (`options`)
    sqlx::query!(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', true) AS plans, set_config('enable_seqscan', 'off', true) AS seqscan,
                set_config('jit', 'off', true) AS jit"
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}

/// Refuses a database that cannot keep Muster's promises: `synchronous_commit` off, a session time zone other than
/// UTC, or a pooler that mixes up the prepared statements of its clients. Returns warnings about session settings that
/// a pooler in transaction mode may drop.
///
/// # Errors
/// `internal`, naming the setting to change.
pub async fn check_server(pool: &PgPool) -> Result<Vec<String>> {
    let ask = async || {
        sqlx::query!(
            r#"SELECT current_setting('synchronous_commit') AS "synchronous_commit!", current_setting('TimeZone') AS "timezone!",
                      current_setting('statement_timeout') AS "statement_timeout!", current_setting('lock_timeout') AS "lock_timeout!",
                      current_setting('idle_in_transaction_session_timeout') AS "idle_timeout!""#
        )
        .fetch_one(pool)
        .await
    };
    // concurrently and twice, so that a pooler in transaction mode moves sessions between server connections
    let answers = [join_all((0..4).map(|_| ask())).await, join_all((0..4).map(|_| ask())).await];
    let mut unlimited = std::collections::BTreeSet::new();
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(row) => {
                if matches!(&*row.synchronous_commit, "off" | "local") {
                    return Err(Error::internal(format!(
                        "database.url: synchronous_commit is {:?}, so an acknowledged act could be lost; set it to on",
                        row.synchronous_commit
                    )));
                }
                if !matches!(&*row.timezone, "UTC" | "Etc/UTC" | "GMT") {
                    return Err(Error::internal(format!(
                        "database.url: the session's TimeZone is {:?}; set it to UTC: ALTER ROLE CURRENT_USER SET timezone = 'UTC'",
                        row.timezone
                    )));
                }
                let limits = [
                    ("statement_timeout", row.statement_timeout),
                    ("lock_timeout", row.lock_timeout),
                    ("idle_in_transaction_session_timeout", row.idle_timeout),
                ];
                unlimited.extend(limits.into_iter().filter(|(_, value)| value == "0").map(|(name, _)| name));
            }
            Err(sqlx::Error::Database(e)) if matches!(e.code().as_deref(), Some("26000" | "42P05" | "08P01")) => {
                return Err(Error::internal(format!(
                    "database.url: its pooler does not carry prepared statements ({}); PgBouncer does from 1.21 on with max_prepared_statements",
                    e.message()
                )));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(unlimited
        .into_iter()
        .map(|name| format!("database.url: {name} does not hold in every session, as behind a pooler in transaction mode; `muster migrate` sets it for the role, or: ALTER ROLE CURRENT_USER SET {name} = '{}'", role_setting_value(name)))
        .collect())
}

/// Compares the server's `max_connections` (and the role's limit) with what one process may open; returns warnings.
pub async fn check_connection_capacity(pools: &Pools) -> Result<Vec<String>> {
    let row = sqlx::query!(
        r#"SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer AS "most!",
                  (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS "of_role!""#
    )
    .fetch_one(&pools.work)
    .await?;
    let most = if row.of_role >= 0 { row.most.min(row.of_role) } else { row.most };
    // two for reading keys, one for LISTEN, one for the readiness probe, and those reserved
    // for public requests
    let beside = 4 + RESERVED_CONNECTIONS;
    let needed = pools.each().into_iter().map(|(_, pool)| pool.options().get_max_connections()).sum::<u32>() + beside;
    Ok(match u32::try_from(most).unwrap_or(0) {
        most if needed > most => vec![format!(
            "database: one process may open {needed} connections, the server takes {most}; lower database.pool_size or raise max_connections"
        )],
        most if needed * 2 > most => vec![format!(
            "database: one process may open {needed} connections of the {most} that the server takes; a second process does not fit"
        )],
        _ => Vec::new(),
    })
}

/// The value for `ALTER ROLE ... SET`, for poolers in transaction mode, where session settings do not hold.
fn role_setting_value(name: &str) -> &'static str {
    SESSION_SETTINGS.iter().find(|(known, _)| *known == name).map_or("30s", |(_, value)| value)
}

/// Stores the session settings as the role's defaults in this database (`ALTER ROLE ... SET`), because settings of a
/// session do not hold behind a pooler in transaction mode.
pub async fn set_role_settings(url: &str) -> Result<()> {
    let mut statements = "DO $$ BEGIN ".to_owned();
    for (name, value) in SESSION_SETTINGS.iter().chain([&("statement_timeout", "30s")]) {
        let _ = write!(
            statements,
            "EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET {name} = %L', current_database(), '{value}'); "
        );
    }
    statements.push_str("END $$");
    let work = async {
        let mut conn = PgConnection::connect_with(&options(url)?).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut conn).await?;
        Ok(conn.close().await?)
    };
    with_timeout(Duration::from_secs(10), "role settings", work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::note_lost_connections, kernel::env::Env};

    #[tokio::test]
    async fn work_on_a_lost_connection_ends_before_its_limit() {
        let env = Env::system();
        let began = env.instant();
        let waiting = with_timeout(Duration::from_hours(1), "waiting", std::future::pending::<Result<()>>());
        let lost = async {
            sleep(Duration::from_secs(1)).await;
            note_lost_connections();
        };
        let (ended, ()) = tokio::join!(waiting, lost);
        assert!(matches!(ended, Err(Error::Unavailable { .. })), "{ended:?}");
        let took = env.instant().saturating_duration_since(began);
        assert!(took < Duration::from_mins(1), "{took:?}");
        // and what ends in time is not disturbed
        let quick = async {
            sleep(LOST_GRACE / 2).await;
            Ok(7)
        };
        let (ended, ()) = tokio::join!(with_timeout(Duration::from_hours(1), "working", quick), async {
            sleep(Duration::from_millis(1)).await;
            note_lost_connections();
        });
        assert_eq!(ended.expect("it was in time"), 7);
    }
}
