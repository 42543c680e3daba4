//! The database: pools and migrations.

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    config,
    error::{Error, Result},
};

/// All migrations, compiled in.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// A pool that connects when first used, and again by itself after the database was away.
///
/// # Errors
/// `internal` when the URL is not understood; the message does not repeat it.
pub fn pool(settings: &config::Database, url: &str) -> Result<PgPool> {
    let mut options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::internal("database.url: not a Postgres URL"))?
        .application_name("muster");
    if !settings.prepared_statements {
        options = options.statement_cache_capacity(0);
    }
    // an answer means durable, whatever the server's default
    let options = options.options([("synchronous_commit", "on"), ("timezone", "UTC")]);
    Ok(PgPoolOptions::new()
        .max_connections(settings.pool_size)
        .acquire_timeout(Duration::from_secs(settings.acquire_timeout_seconds))
        .connect_lazy_with(options))
}

/// Brings the schema up to date; several processes may call it at once.
///
/// # Errors
/// `unavailable` while the database is away, `internal` when a migration fails or was changed after it ran.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    match MIGRATOR.run(pool).await {
        Ok(()) => Ok(()),
        Err(sqlx::migrate::MigrateError::Execute(error)) => Err(error.into()),
        Err(error) => Err(Error::internal(error)),
    }
}
