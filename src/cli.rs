//! The command line's verbs.

use std::{
    io::{BufRead, IsTerminal},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::{
    app::{self, App},
    config::Settings,
    demo,
    kernel::{
        Kernel,
        cx::Cx,
        db,
        embedded_postgres::{EmbeddedError, EmbeddedPostgres, Options, exit_code, run_with},
        keyring::{Keyring, KeyringError},
    },
    mail,
    organizers::{self, NewOrganizer, Role},
    telemetry, worker,
};

/// What an operator has to look at when the migrations do not run.
const NO_SCHEMA: &str = "database.url: the schema cannot be brought up to date";

/// Muster: petitions, registrations and letters for campaigns whose supporters must not be found out.
///
/// Settings come from config/*.toml and the environment (`MUSTER__SECTION__KEY`); without `DATABASE_URL` an embedded
/// Postgres is started.
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
        #[arg(long, value_enum, default_value = "all")]
        role: ServeRole,
    },
    /// Bring the database's schema up to date
    Migrate,
    /// Serve on this machine with a demo campaign; nothing leaves it
    Demo,
    /// Print the OpenAPI document of the API
    Openapi,
    /// Say whether the settings are fit, and what is unwise about them
    CheckConfig,
    /// The root keyring, which everything sealed hangs on
    Keyring {
        #[command(subcommand)]
        verb: KeyringVerb,
    },
    /// Organizers, who sign in at the console
    Organizer {
        #[command(subcommand)]
        verb: OrganizerVerb,
    },
    /// API tokens
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// The embedded Postgres
    Postgres {
        #[command(subcommand)]
        verb: PostgresVerb,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
enum ServeRole {
    /// Requests and background work
    All,
    /// Requests only
    Web,
    /// Background work only: mail, published numbers, retention
    Worker,
}

#[derive(Debug, Subcommand)]
enum KeyringVerb {
    /// Make the keyring file; refuses when it is there
    Init,
    /// Add a new root key and wrap every organization's vault with it
    Rotate,
    /// Destroy the keys of past months, and with them what they protected, in every backup too
    Retire,
}

#[derive(Debug, Subcommand)]
enum OrganizerVerb {
    /// Add an organizer; the first one makes the organization
    Add {
        /// E-mail address, used to sign in
        #[arg(long)]
        email: String,
        /// Name as shown
        #[arg(long)]
        name: String,
        /// owner, organizer, host or viewer
        #[arg(long)]
        role: Role,
        /// Name of the organization, where there are several (an owner's new name makes a new one)
        #[arg(long)]
        organization: Option<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token and print it, once; nobody can read it again
    Add {
        /// E-mail address of the organizer on whose behalf it acts
        #[arg(long)]
        organizer: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// Scopes, separated by commas; `all` is one
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum PostgresVerb {
    /// Start the embedded Postgres, run a command with `DATABASE_URL` set, stop it, and exit as the command did
    Run {
        /// The command and its arguments, after `--`
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

/// Runs a command line to its exit code.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome =
        runtime.context("the async runtime does not start").and_then(|runtime| runtime.block_on(dispatch(cli.command)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("muster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Openapi => print!("{}", app::openapi()),
        Command::CheckConfig => check_config()?,
        Command::Postgres { verb: PostgresVerb::Run { command } } => return postgres_run(&command).await,
        Command::Serve { role } => serve(settings()?, role, false).await?,
        Command::Demo => serve(demo::settings(settings()?)?, ServeRole::All, true).await?,
        Command::Migrate => {
            let database = Database::open(&settings()?).await?;
            let pool = database.pool()?;
            let migrated = db::migrate(&pool).await;
            pool.close().await;
            database.close().await?;
            migrated.context(NO_SCHEMA)?;
            eprintln!("The schema is up to date.");
        }
        Command::Keyring { verb: KeyringVerb::Init } => {
            let settings = settings()?;
            Keyring::init(&settings.keyring.file, &Cx::system())?;
            eprintln!(
                "Made {}. Keep a copy off this machine: without it nothing sealed can be opened.",
                settings.keyring.file.display()
            );
        }
        Command::Keyring { verb } => {
            with_kernel(async |kernel| match verb {
                KeyringVerb::Init => Ok(()),
                KeyringVerb::Rotate => {
                    let name = kernel.vaults.keyring().rotate(&kernel.cx)?;
                    let wrapped = kernel.vaults.rewrap().await?;
                    eprintln!("The key {name} wraps from now on; {wrapped} vault(s) were wrapped anew.");
                    Ok(())
                }
                KeyringVerb::Retire => {
                    let names = kernel.vaults.retire(kernel.cx.now().date_naive()).await?;
                    eprintln!("Destroyed {} key(s): {}", names.len(), names.join(", "));
                    Ok(())
                }
            })
            .await?;
        }
        Command::Organizer { verb: OrganizerVerb::Add { email, name, role, organization, password_stdin } } => {
            let password = read_password(password_stdin)?;
            with_kernel(async |kernel| {
                let mut tx = kernel.db.begin().await?;
                let new = NewOrganizer { email, name, role, password, organization };
                let organizer = organizers::add_organizer(&mut tx, &kernel, new).await?;
                tx.commit().await?;
                eprintln!("Added {} ({}).", organizer.name, organizer.role);
                Ok(())
            })
            .await?;
        }
        Command::Token { verb: TokenVerb::Add { organizer, name, scopes } } => {
            with_kernel(async |kernel| {
                let mut tx = kernel.db.begin().await?;
                let token = organizers::add_token(&mut tx, &kernel, &organizer, &name, &scopes).await?;
                tx.commit().await?;
                println!("{token}");
                Ok(())
            })
            .await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn settings() -> anyhow::Result<Settings> {
    let settings = Settings::load()?;
    let faults = mail::faults(&settings);
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    telemetry::init_logging(&settings.log);
    Ok(settings)
}

fn check_config() -> anyhow::Result<()> {
    let settings = settings()?;
    let keyring = match Keyring::open(&settings.keyring.file) {
        Err(KeyringError::Missing(_)) if settings.keyring.generate => None,
        Err(error) => Some(error.to_string()),
        Ok(_) => None,
    };
    for warning in settings.warnings().into_iter().chain(mail::warnings(&settings)) {
        println!("warning: {warning}");
    }
    match keyring {
        Some(fault) => bail!("{fault}"),
        None => println!("The settings of profile `{}` are fit.", settings.profile),
    }
    Ok(())
}

async fn postgres_run(command: &[String]) -> anyhow::Result<ExitCode> {
    let settings = settings()?;
    let postgres = EmbeddedPostgres::start(Options::new(&settings.postgres.data_root)).await?;
    let status = run_with(&postgres.url(), command).await.with_context(|| format!("cannot run {}", command[0]));
    postgres.stop().await?;
    Ok(ExitCode::from(u8::try_from(exit_code(status?)).unwrap_or(1)))
}

fn read_password(from_stdin: bool) -> anyhow::Result<Zeroizing<String>> {
    if from_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line).context("reading the password")?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if !std::io::stdin().is_terminal() {
        bail!("give the password by --password-stdin");
    }
    Ok(Zeroizing::new(rpassword::prompt_password("Password: ")?))
}

/// The database of this run: a given one, one that another Muster on the same data root serves, or one of our own.
struct Database {
    settings: Settings,
    url: String,
    own: Option<EmbeddedPostgres>,
}

impl Database {
    async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if !settings.database.url.is_empty() {
            return Ok(Self { settings: settings.clone(), url: settings.database.url.clone(), own: None });
        }
        let own = EmbeddedPostgres::start(Options::new(&settings.postgres.data_root)).await?;
        Ok(Self { settings: settings.clone(), url: own.url(), own: Some(own) })
    }

    /// For a short command: beside a running server it uses that one's Postgres.
    async fn open_or_join(settings: &Settings) -> anyhow::Result<Self> {
        if settings.database.url.is_empty()
            && let Some(url) = EmbeddedPostgres::url_of_running(&Options::new(&settings.postgres.data_root)).await?
        {
            return Ok(Self { settings: settings.clone(), url, own: None });
        }
        Self::open(settings).await
    }

    fn pool(&self) -> anyhow::Result<sqlx::PgPool> {
        Ok(db::pool(&self.settings.database, &self.url)?)
    }

    /// Where changes of other processes are heard: not through a pooler.
    fn listening(&self) -> anyhow::Result<PgConnectOptions> {
        let direct = &self.settings.database.direct_url;
        Ok(db::options(if direct.is_empty() { &self.url } else { direct })?)
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let direct = &self.settings.database.direct_url;
        let pool = if direct.is_empty() { self.pool()? } else { db::pool(&self.settings.database, direct)? };
        let migrated = db::migrate(&pool).await;
        pool.close().await;
        migrated.context(NO_SCHEMA)
    }

    async fn close(self) -> Result<(), EmbeddedError> {
        match self.own {
            Some(own) => own.stop().await,
            None => Ok(()),
        }
    }
}

fn open_keyring(settings: &Settings, cx: &Cx) -> Result<Keyring, KeyringError> {
    match Keyring::open(&settings.keyring.file) {
        Err(KeyringError::Missing(path)) if settings.keyring.generate => Keyring::init(Path::new(&path), cx),
        other => other,
    }
}

/// Runs a short command on a migrated database.
async fn with_kernel(command: impl AsyncFnOnce(Arc<Kernel>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let settings = settings()?;
    let cx = Cx::system();
    let keyring = open_keyring(&settings, &cx)?;
    let database = Database::open_or_join(&settings).await?;
    let done = async {
        database.migrate().await?;
        let pool = database.pool()?;
        let done = command(Kernel::new(settings, cx, pool.clone(), Arc::new(keyring))).await;
        pool.close().await;
        done
    }
    .await;
    database.close().await?;
    done
}

async fn serve(settings: Settings, role: ServeRole, with_demo: bool) -> anyhow::Result<()> {
    let metrics = telemetry::init_metrics()?;
    for warning in settings.warnings().into_iter().chain(mail::warnings(&settings)) {
        tracing::warn!("{warning}");
    }
    let cx = Cx::system();
    let keyring = Arc::new(open_keyring(&settings, &cx)?);
    // before anything is started: a taken port should not cost a database start
    let listener = match role {
        ServeRole::Worker => None,
        _ => Some(
            tokio::net::TcpListener::bind(settings.http.bind)
                .await
                .with_context(|| format!("http.bind: cannot listen on {}", settings.http.bind))?,
        ),
    };
    let admin = tokio::net::TcpListener::bind(settings.admin.bind)
        .await
        .with_context(|| format!("admin.bind: cannot listen on {}", settings.admin.bind))?;
    let mut database = Database::open(&settings).await?;
    let stop = CancellationToken::new();
    let served = async {
        database.migrate().await?;
        let pool = database.pool()?;
        db::check(&pool).await.context("this database cannot be used")?;
        let kernel = Kernel::new(settings, cx, pool, keyring);
        if with_demo {
            demo::fill(&kernel).await?;
        }
        let app = App::new(kernel.clone());
        let admin = axum::serve(admin, app.admin_router(Some(metrics)));
        let admin = tokio::spawn(admin.with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
        let work = CancellationToken::new();
        let (changes, hearing, listening) = (kernel.changes.clone(), stop.clone(), database.listening()?);
        tokio::spawn(async move { changes.listen(listening, hearing).await });
        let worker = match role {
            ServeRole::Web => None,
            _ => Some(tokio::spawn(worker::run(app.clone(), work.clone()))),
        };
        stop_on_signal(stop.clone());
        if with_demo {
            println!("{}", demo::greeting(&kernel)?);
        }
        tracing::info!(http = %kernel.settings.http.bind, "ready");
        let served = tokio::select! {
            served = async { if let Some(listener) = listener { app.serve(listener, stop.clone()).await } else { stop.cancelled().await; app.close().await; Ok(()) } } => served,
            ended = database_ended(&mut database.own) => { ended }
        };
        work.cancel();
        stop.cancel();
        if let Some(worker) = worker {
            worker.await??;
        }
        let _ = admin.await;
        kernel.db.close().await;
        served
    }
    .await;
    database.close().await?;
    served
}

/// Returns when the embedded Postgres has ended by itself; never without one.
async fn database_ended(own: &mut Option<EmbeddedPostgres>) -> anyhow::Result<()> {
    match own {
        Some(postgres) => {
            let status = postgres.exited().await?;
            bail!("the embedded Postgres has ended ({status}); start Muster again, it recovers by itself")
        }
        None => std::future::pending().await,
    }
}

/// Cancels on SIGINT (Ctrl-C) or SIGTERM; a second one ends at once.
fn stop_on_signal(stop: CancellationToken) {
    tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping: answering what was accepted");
        stop.cancel();
        wait_for_signal().await;
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
