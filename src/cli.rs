//! The command line: parses and runs the verbs.

mod accounts;
mod backup;
mod keyring;
mod people;
mod postgres;
mod service_manager;
mod vault;

use std::{io::Write, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, App},
    checks,
    config::Settings,
    demo,
    kernel::{
        self, Kernel, Process, backups, database_roles, db, durability,
        embedded_postgres::{EmbeddedError, EmbeddedPostgres, Options, Urls},
        env::Env,
        migrations,
        text::EmailAddress,
        vault::maintenance::{self, Node},
        zones,
    },
    mail, organizers,
    people::replay_erasures,
    telemetry, worker,
};

/// Error context that tells an operator what to check when migrations fail.
const MIGRATION_FAILED: &str = "database.url: the schema cannot be brought up to date";
/// How long a process may take to end after a stop was requested; 25 seconds in all, with the delay for load balancers.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(18);

/// Muster: petitions, registrations and letters for campaigns whose supporters must not be found out.
///
/// Settings come from config/*.toml, the file that `MUSTER_CONFIG` names, and the environment (`MUSTER__SECTION__KEY`); without
/// `DATABASE_URL` an embedded Postgres is started.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the site and the API, and work through the mail queue
    Serve {
        /// Which part of the work this process does
        #[arg(long, env = "MUSTER_ROLE", value_enum, default_value = "all")]
        role: ServeRole,
    },
    /// Bring the database's schema up to date; with `database.migrate_url` also separate the database's roles
    Migrate,
    /// Serve on this machine with a demo campaign; nothing leaves it
    Demo,
    /// Print the OpenAPI document of the API
    Openapi,
    /// Say whether the settings are fit: connects to the database and the relays, opens the keyring, and looks up SPF, DKIM,
    /// DMARC and MX of the sender's domain
    CheckConfig {
        /// Look at the settings only, connect to nothing
        #[arg(long)]
        offline: bool,
        /// Name server to ask instead of the system's
        #[arg(long, value_name = "ADDRESS:PORT")]
        resolver: Option<SocketAddr>,
    },
    /// The keyring, which everything sealed hangs on
    Keyring {
        #[command(subcommand)]
        verb: keyring::Verb,
    },
    /// The data of those who took part in an action
    Vault {
        #[command(subcommand)]
        verb: vault::Verb,
    },
    /// End the data of all protected actions at once: their keys first, then everything about those who took part
    Panic {
        /// Only those of the organization with this slug; else of all
        #[arg(long, value_name = "SLUG")]
        organization: Option<String>,
        /// Do not ask first: for scripts
        #[arg(long)]
        yes: bool,
    },
    /// Organizers, who sign in at the console
    Organizer {
        #[command(subcommand)]
        verb: accounts::OrganizerVerb,
    },
    /// API tokens
    Token {
        #[command(subcommand)]
        verb: accounts::TokenVerb,
    },
    /// The audit trail
    Audit {
        #[command(subcommand)]
        verb: accounts::AuditVerb,
    },
    /// What is kept about a person
    People {
        #[command(subcommand)]
        verb: people::PeopleVerb,
    },
    /// The mail queue
    Mail {
        #[command(subcommand)]
        verb: MailVerb,
    },
    /// Back up the database into an encrypted file, also while it is served
    Backup(backup::BackupArguments),
    /// Restore a backup; nothing is served before, and no mail is sent after it until somebody has looked
    Restore(backup::RestoreArguments),
    /// The embedded Postgres
    Postgres {
        #[command(subcommand)]
        verb: postgres::Verb,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum ServeRole {
    /// Requests and background work
    All,
    /// Requests only
    Web,
    /// Background work only: mail, published numbers, retention
    Worker,
}

impl ServeRole {
    fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Debug, Subcommand)]
enum MailVerb {
    /// Let an address that bounced be written to again, in every organization; who unsubscribed or complained stays so
    Unsuppress {
        /// The address
        address: String,
    },
    /// Queue failed mails again, of all organizations; letters of which nobody knows whether they arrived are not among them
    Retry {
        /// Only those that could not be composed for a fault of ours (a key, a template)
        #[arg(long)]
        not_composed: bool,
    },
    /// Show the mail that was set aside when a backup was restored, since it may have been sent; or queue it again
    Release {
        /// Only this class: confirmation, urgent, letter, notice or update; may be given several times
        #[arg(long)]
        class: Vec<mail::Class>,
        /// Only what was due at this time or later (2026-11-28T21:00:00Z): what was due after the lost database had stopped was not
        /// sent
        #[arg(long, value_name = "TIME")]
        due_from: Option<DateTime<Utc>>,
        /// Only what was due before this time
        #[arg(long, value_name = "TIME")]
        due_until: Option<DateTime<Utc>>,
        /// Everything
        #[arg(long, conflicts_with_all = ["class", "due_from", "due_until"])]
        all: bool,
    },
    /// Show how the database stands to the mail that went out, or take it for the newest
    Epoch {
        /// This database is the newest, and this machine may send from it: writes the file and lifts the pause
        #[arg(long)]
        accept: bool,
    },
}

/// Runs a parsed command line; returns the exit code.
pub fn run(cli: Cli) -> ExitCode {
    forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome =
        runtime.context("the async runtime does not start").and_then(|runtime| runtime.block_on(dispatch(cli.command)));
    telemetry::flush_log();
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("muster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Keeps keys and names out of core files: of this process, and of the Postgres that it starts. On Linux also keeps other
/// processes of the same user from reading its memory and environment.
fn forbid_core_dumps() {
    use nix::sys::resource::{Resource, setrlimit};
    let limited = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let limited = limited.and(nix::sys::prctl::set_dumpable(false));
    if let Err(error) = limited {
        eprintln!("warning: core dumps cannot be forbidden ({error})");
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Openapi => print!("{}", app::openapi()),
        Command::CheckConfig { offline, resolver } => check_config(offline, resolver).await?,
        Command::Postgres { verb } => return postgres::run(verb).await,
        Command::Serve { role } => serve(settings()?, role, false).await?,
        Command::Demo => serve(demo::settings(settings()?)?, ServeRole::All, true).await?,
        Command::Migrate => {
            let database = Database::open(&settings()?).await?.with_administrator();
            let migrated = database.migrate().await;
            let role = db::set_role_settings(database.direct()).await;
            database.close().await?;
            migrated?;
            if let Err(error) = role {
                eprintln!(
                    "warning: the database role's own limits could not be set ({error}); behind a pooler in transaction mode they do not hold."
                );
            }
            eprintln!("The schema is up to date.");
        }
        Command::Keyring { verb: keyring::Verb::Init } => keyring::init(&settings()?)?,
        Command::Keyring { verb } => with_kernel(async |kernel| keyring::run(&kernel, verb).await).await?,
        Command::Vault { verb } => with_kernel(async |kernel| vault::run(&kernel, verb).await).await?,
        Command::Panic { organization, yes } => {
            with_kernel(async |kernel| vault::panic(&kernel, organization, yes).await).await?;
        }
        Command::Mail { verb } => with_kernel(async |kernel| mail_verb(&kernel, verb).await).await?,
        Command::Organizer { verb } => accounts::organizer(verb).await?,
        Command::Token { verb } => accounts::token(verb).await?,
        Command::Audit { verb } => accounts::audit(verb).await?,
        Command::People { verb } => people::run(verb).await?,
        Command::Backup(arguments) => backup::backup(arguments).await?,
        Command::Restore(arguments) => backup::restore(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn mail_verb(kernel: &Kernel, verb: MailVerb) -> anyhow::Result<()> {
    match verb {
        MailVerb::Unsuppress { address } => {
            let address = EmailAddress::parse(&address).map_err(|error| anyhow::anyhow!("ADDRESS: {error}"))?;
            let mut tx = kernel.db.begin().await?;
            let lifted = mail::unsuppress(&mut tx, kernel, None, &address).await?;
            let mut organizations: Vec<_> = lifted.iter().map(|lifted| lifted.organization).collect();
            organizations.dedup();
            for organization in organizations {
                let detail = serde_json::json!({});
                organizers::audit_by_service(&mut tx, &kernel.env, organization, "mail.unsuppress", None, detail)
                    .await?;
            }
            tx.commit().await?;
            eprintln!("Lifted {} suppression(s) for bouncing.", lifted.len());
        }
        MailVerb::Retry { not_composed } => {
            let which = mail::Retry { not_composed, ..mail::Retry::default() };
            let mails = mail::retry_all(&mut *kernel.db.acquire().await?, kernel.env.now(), which).await?;
            eprintln!("Queued {mails} mail(s) again.");
        }
        MailVerb::Release { class, due_from, due_until, all } => {
            let mut conn = kernel.work.acquire().await?;
            if all || !class.is_empty() || due_from.is_some() || due_until.is_some() {
                let which = mail::Release { classes: class, due_from, due_until };
                let mails = mail::release_set_aside(&mut conn, &which, kernel.env.now()).await?;
                eprintln!("Queued {mails} mail(s) again.");
            }
            for aside in mail::set_aside_waiting(&mut conn).await? {
                println!("set aside: {}", backup::described(&aside));
            }
        }
        MailVerb::Epoch { accept } => {
            if accept {
                let lifted = mail::accept_epoch(kernel).await?;
                eprintln!("This database is taken for the newest{}.", if lifted { "; mail goes on" } else { "" });
            }
            let epoch = mail::epoch(kernel).await?;
            let noted = epoch.recorded.map_or_else(|| "none".to_owned(), |number| number.to_string());
            println!("database: {}", epoch.number);
            println!("file: {noted} ({})", epoch.file.display());
            match epoch.cluster {
                Some((system, timeline)) => println!("cluster: {system}, timeline {timeline}"),
                None => println!("cluster: unknown, this role may not read it (see `muster check-config`)"),
            }
            println!("paused: {}", epoch.paused.as_deref().unwrap_or("no"));
        }
    }
    Ok(())
}

/// Asks for a word to be typed.
fn ask(yes: bool, word: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    eprint!("Type {word} to go on: ");
    std::io::stderr().flush()?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    if typed.trim() != word {
        bail!("nothing was done");
    }
    Ok(())
}

fn settings() -> anyhow::Result<Settings> {
    let settings = Settings::load()?;
    let errors = mail::validate_settings(&settings);
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    telemetry::init_logging(&settings.log);
    Ok(settings)
}

async fn check_config(offline: bool, resolver: Option<SocketAddr>) -> anyhow::Result<()> {
    let settings = settings()?;
    let keyring = keyring::check_files(&settings);
    let mut findings = if offline { checks::Findings::default() } else { checks::run(&settings, resolver).await };
    match keyring {
        Some(fault) => findings.errors.insert(0, fault.to_string()),
        None => findings.passed.insert(
            0,
            format!("keyring.file: {} opens or is made at the first start", settings.keyring.file.display()),
        ),
    }
    for passed in &findings.passed {
        println!("fine: {passed}");
    }
    for warning in settings.warnings().iter().chain(&mail::settings_warnings(&settings)).chain(&findings.warnings) {
        println!("warning: {warning}");
    }
    println!("Time zones: {}.", zones::describe());
    if !findings.errors.is_empty() {
        bail!("{}", findings.errors.join("\n"));
    }
    println!("The settings of profile `{}` are fit.", settings.profile);
    Ok(())
}

/// The database of this process: an external one, that of another Muster on the same data root, or an embedded one.
struct Database {
    settings: Settings,
    url: String,
    /// URL of a role that may separate the roles; always known of an embedded Postgres.
    administrator: Option<String>,
    own: Option<EmbeddedPostgres>,
}

impl Database {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if !settings.database.url.is_empty() {
            let url = settings.database.url.clone();
            return Ok(Self { settings: settings.clone(), url, administrator: None, own: None });
        }
        let own = EmbeddedPostgres::start(Options::new(&settings.postgres)).await?;
        Ok(Self::embedded(settings, own.urls(), Some(own)))
    }

    fn embedded(settings: &Settings, urls: Urls, own: Option<EmbeddedPostgres>) -> Self {
        Self { settings: settings.clone(), url: urls.service, administrator: Some(urls.administrator), own }
    }

    /// With the administrator of an external database (`database.migrate_url`), whom the service itself does not use.
    fn with_administrator(mut self) -> Self {
        let url = &self.settings.database.migrate_url;
        if self.administrator.is_none() && !url.is_empty() {
            self.administrator = Some(url.clone());
        }
        self
    }

    fn administrator(&self) -> Option<&str> {
        self.administrator.as_deref()
    }

    /// For short commands: uses the Postgres of a server that runs on the same data root, if there is one.
    async fn open_or_attach(settings: &Settings) -> anyhow::Result<Self> {
        if settings.database.url.is_empty()
            && let Some(urls) = EmbeddedPostgres::urls_of_running(&Options::new(&settings.postgres)).await?
        {
            return Ok(Self::embedded(settings, urls, None));
        }
        Self::open(settings).await
    }

    /// A small pool for a short command.
    fn pool(&self) -> anyhow::Result<sqlx::PgPool> {
        Ok(db::pool(&self.settings.database, &self.url, db::PoolKind::Background, 4)?)
    }

    /// The URL that bypasses a pooler: for migrations and for LISTEN.
    fn direct(&self) -> &str {
        let direct = &self.settings.database.direct_url;
        if direct.is_empty() { &self.url } else { direct }
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        self.refuse_unfinished_restore().await?;
        migrations::migrate(self.direct(), self.administrator()).await.context(MIGRATION_FAILED)
    }

    /// A database whose restore was broken off may hold half of it, with mail that may have been sent.
    async fn refuse_unfinished_restore(&self) -> anyhow::Result<()> {
        let unfinished = async {
            let mut conn = db::connect(self.direct(), db::PoolKind::Background).await?;
            backups::is_unfinished(&mut conn).await
        };
        // a database that cannot be reached is waited for by the migration
        if unfinished.await.unwrap_or(false) {
            bail!("database.url: a restore of this database was begun and not ended; run `muster restore` again");
        }
        Ok(())
    }

    async fn close(self) -> Result<(), EmbeddedError> {
        match self.own {
            Some(own) => own.stop().await,
            None => Ok(()),
        }
    }
}

/// Runs a short command with a kernel on a migrated database.
async fn with_kernel(command: impl AsyncFnOnce(Arc<Kernel>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let settings = settings()?;
    let env = Env::system();
    let keyring = keyring::open(&settings, &env)?;
    let database = Database::open_or_attach(&settings).await?;
    let done = async {
        database.migrate().await?;
        let pool = database.pool()?;
        let kernel = Kernel::new(settings, env, pool.clone(), Arc::new(keyring));
        let done = async {
            kernel.vaults.load_generations().await?;
            command(kernel.clone()).await
        };
        let done = done.await;
        pool.close().await;
        done
    }
    .await;
    database.close().await?;
    done
}

async fn listen(setting: &str, address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind(address).await;
    listener.with_context(|| format!("{setting}: cannot listen on {address}"))
}

/// Logs what is unwise in the settings of a process that serves.
fn log_settings(settings: &Settings) {
    let migrate_url = (!settings.database.migrate_url.is_empty()).then(|| {
        "database.migrate_url: the service does not need an administrator; give it to `muster migrate` and `muster restore` only"
            .to_owned()
    });
    for warning in settings.warnings().into_iter().chain(mail::settings_warnings(settings)).chain(migrate_url) {
        tracing::warn!(event = "settings.warning", "{warning}");
    }
    tracing::info!(event = "process.time_zones", "time zones: {}", zones::describe());
}

/// Refuses a database that cannot keep what is promised, and logs what is unwise about it.
async fn check_database(settings: &Settings, db: &sqlx::PgPool) -> anyhow::Result<()> {
    let mut warnings = db::check_server(db).await?;
    if settings.is_production() {
        warnings.extend(database_roles::warning(db).await?);
    }
    for warning in warnings {
        tracing::warn!(event = "database.warning", "{warning}");
    }
    Ok(durability::check_at_startup(settings, db).await?)
}

async fn serve(settings: Settings, role: ServeRole, with_demo: bool) -> anyhow::Result<()> {
    let metrics = telemetry::init_metrics()?;
    log_settings(&settings);
    let env = Env::system();
    let keyring = Arc::new(keyring::open(&settings, &env)?);
    // before anything is started: a port in use should not cost a database start
    let listener = match role {
        ServeRole::Worker => None,
        _ => Some(listen("http.bind", settings.http.bind).await?),
    };
    let admin = listen("admin.bind", settings.admin.bind).await?;
    let mut database = Database::open(&settings).await?;
    let served = async {
        database.migrate().await?;
        let pools = db::Pools::new(&settings, &database.url)?;
        check_database(&settings, &pools.work).await.context("this database cannot be used")?;
        let kernel = Kernel::new(settings, env, pools, keyring);
        kernel.vaults.load_generations().await?;
        kernel.vaults.refuse_foreign_keys().await?;
        if with_demo {
            demo::fill(&kernel).await?;
        }
        let app = App::new(kernel.clone());
        replay_erasures(&kernel, &app.records()).await.context("erasures cannot be made again in this database")?;
        if with_demo {
            demo::live(&app).await?;
        }
        let stop = CancellationToken::new();
        // answers until everything else has ended, so that a shutdown can be observed
        let admin_stop = CancellationToken::new();
        let admin = axum::serve(admin, app.admin_router(Some(metrics.clone())));
        let admin = tokio::spawn(admin.with_graceful_shutdown(admin_stop.clone().cancelled_owned()).into_future());
        let process = Process {
            url: database.url.clone(),
            direct_url: database.direct().to_owned(),
            node: Node::new(&kernel.env, role.as_str()),
            metrics,
        };
        let (of, own, cancel) = (kernel.clone(), process.clone(), stop.clone());
        let background = supervise("background jobs", &stop, move || {
            let (mut jobs, cancel) = (kernel::process_jobs(&of, &own), cancel.clone());
            mail::register_process_jobs(&of, &mut jobs);
            async move {
                jobs.run(cancel).await;
                Ok(())
            }
        });
        let worker = (role != ServeRole::Web).then(|| {
            let (app, cancel) = (app.clone(), stop.clone());
            supervise("worker", &stop, move || worker::run(app.clone(), cancel.clone()))
        });
        stop_on_signal(kernel.clone(), stop.clone());
        if with_demo {
            println!("{}", demo::greeting(&kernel)?);
        }
        tracing::info!(event = "process.ready", http = %kernel.settings.http.bind, "ready");
        service_manager::notify("READY=1");
        let http = async {
            if let Some(listener) = listener {
                return app.serve(listener, stop.clone()).await;
            }
            stop.cancelled().await;
            app.close().await;
            Ok(())
        };
        let working = async {
            let served = http.await;
            stop.cancel();
            if let Some(worker) = worker {
                let _ = worker.await;
            }
            let _ = background.await;
            maintenance::deregister(&kernel, &process.node).await;
            served
        };
        let ended = tokio::select! {
            ended = working => ended,
            ended = database_ended(&mut database.own) => ended,
            () = async { stop.cancelled().await; sleep(SHUTDOWN_TIMEOUT).await } => {
                tracing::warn!(
                    event = "process.shutdown_incomplete",
                    "shutdown: not everything ended in time; interrupted work is resumed at the next start"
                );
                Ok(())
            }
        };
        stop.cancel();
        admin_stop.cancel();
        let _ = timeout(Duration::from_secs(1), admin).await;
        kernel.pools().close(Duration::from_secs(2)).await;
        ended
    }
    .await;
    database.close().await?;
    served
}

/// Runs a task until it is cancelled; if it ends, fails or panics before, logs and counts that and restarts it.
fn supervise<F: Future<Output = Result<(), crate::error::Error>> + Send + 'static>(
    name: &'static str,
    cancel: &CancellationToken,
    run: impl Fn() -> F + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    let cancel = cancel.clone();
    tokio::spawn(async move {
        let mut pause = Duration::from_secs(1);
        loop {
            let ended = tokio::spawn(run()).await;
            if cancel.is_cancelled() {
                return;
            }
            metrics::counter!("muster_task_restarts", "task" => name).increment(1);
            match ended {
                Ok(Ok(())) => {
                    tracing::error!(event = "task.ended", task = name, "a background task ended; it starts again");
                }
                Ok(Err(error)) => {
                    tracing::error!(
                        event = "task.failed",
                        task = name,
                        %error,
                        "a background task failed; it starts again"
                    );
                }
                Err(_) => {
                    tracing::error!(
                        event = "task.panicked",
                        task = name,
                        "a background task panicked; it starts again"
                    );
                }
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = cancel.cancelled() => return,
            }
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    })
}

/// Returns when the embedded Postgres exits by itself; never returns without one.
async fn database_ended(own: &mut Option<EmbeddedPostgres>) -> anyhow::Result<()> {
    match own {
        Some(postgres) => {
            let status = postgres.exited().await?;
            bail!("the embedded Postgres has ended ({status}); start Muster again, it recovers by itself")
        }
        None => std::future::pending().await,
    }
}

/// On SIGINT (Ctrl-C) or SIGTERM: reports "not ready", waits until load balancers have noticed
/// (`http.shutdown_delay_seconds`), then cancels `stop`. A second signal exits at once with code 130.
fn stop_on_signal(kernel: Arc<Kernel>, stop: CancellationToken) {
    tokio::spawn(async move {
        wait_for_signal().await;
        kernel.readiness.stop();
        service_manager::notify("STOPPING=1");
        tracing::info!(event = "process.stopping", "stopping: answering what was accepted");
        let delay = Duration::from_secs(kernel.settings.http.shutdown_delay_seconds);
        tokio::select! {
            () = async { sleep(delay).await; stop.cancel(); wait_for_signal().await } => {}
            () = wait_for_signal() => {}
        }
        telemetry::flush_log();
        std::process::exit(130);
    });
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}
