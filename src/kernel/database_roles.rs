//! Separate roles for one database: the service's role owns the tables, but the audit trail belongs to [`AUDIT_ROLE`], which nobody can
//! log in as and the service's role is no member of. It cannot change what is in the trail, nor take it away, nor replace what
//! guards it (`docs/adr/0022-database-roles.md`).
//!
//! An administrator's connection sets that up around the migrations, which themselves run as the service's role. It executes no
//! statement that would run what the service's role may have created: functions, triggers, views.

use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};

use super::db::{options, with_timeout};
use crate::error::{Error, Result};

/// Timeout of an administrator's connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Owner of the audit trail's tables and functions.
const AUDIT_ROLE: &str = "muster_audit";

const PREPARE: &str = include_str!("../../migrations/roles/prepare.sql");
const TAKE_OVER: &str = include_str!("../../migrations/roles/take_over.sql");

/// Advisory lock of whoever separates the roles of a database.
const LOCK: i64 = 0x6d75_7374_6572_0001;

/// Name of the role that a connection was made as.
pub async fn role_of(conn: &mut PgConnection) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT session_user::text").fetch_one(conn).await?)
}

/// A connection of an administrator, on which nothing that the service's role has created in `public` is found by its bare name: not even
/// a function that fits better than that of Postgres.
///
/// # Errors
/// `unavailable` when it cannot be made in time.
pub async fn connect(url: &str) -> Result<PgConnection> {
    let options = options(url)?.options([("search_path", "pg_catalog")]);
    let connecting = async { Ok(PgConnection::connect_with(&options).await?) };
    with_timeout(CONNECT_TIMEOUT, "connecting", connecting).await
}

/// Keeps other administrators waiting until this connection is closed.
pub(super) async fn lock(administrator: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_catalog.pg_advisory_lock($1)").bind(LOCK).execute(administrator).await?;
    Ok(())
}

/// Before the migrations: gives the role of the service what it needs, and takes the database and the schema from it.
///
/// # Errors
/// `internal` when `service` is a role that nothing can be kept from.
pub(super) async fn prepare(administrator: &mut PgConnection, service: &str) -> Result<()> {
    let is_ordinary: bool = sqlx::query_scalar(
        "SELECT NOT rolsuper AND NOT rolcreaterole AND rolname <> session_user FROM pg_catalog.pg_roles WHERE rolname = $1",
    )
    .bind(service)
    .fetch_one(&mut *administrator)
    .await?;
    if !is_ordinary {
        return Err(Error::internal(format!(
            "database.url: the roles cannot be separated, because {service} is a superuser, may create roles, or is the role of \
             database.migrate_url; connect as an ordinary role (docs/operations.md)"
        )));
    }
    let mut tx = administrator.begin().await?;
    set(&mut tx, "muster.service_role", service).await?;
    sqlx::raw_sql(PREPARE).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// After the migrations: creates the functions of the audit trail, and makes all of it [`AUDIT_ROLE`]'s.
pub(super) async fn take_over(
    administrator: &mut PgConnection,
    service: &str,
    functions: &AuditFunctions,
) -> Result<()> {
    let mut tx = administrator.begin().await?;
    set(&mut tx, "search_path", "public").await?;
    sqlx::raw_sql(functions.text).execute(&mut *tx).await?;
    set(&mut tx, "search_path", "pg_catalog").await?;
    set(&mut tx, "muster.service_role", service).await?;
    set(&mut tx, "muster.audit_functions", &functions.version).await?;
    sqlx::raw_sql(TAKE_OVER).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// Sets a setting for the rest of the transaction.
async fn set(tx: &mut PgConnection, name: &str, value: &str) -> Result<()> {
    sqlx::query("SELECT pg_catalog.set_config($1, $2, true)").bind(name).bind(value).execute(tx).await?;
    Ok(())
}

/// The functions and triggers of the audit trail that a release has.
#[derive(Clone, Debug)]
pub(super) struct AuditFunctions {
    /// The statements that create them.
    pub text: &'static str,
    /// Tells them from those of other releases.
    pub version: String,
}

/// Does the audit trail belong to a role that this connection cannot be?
pub async fn are_separate(conn: &mut PgConnection) -> Result<bool> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                        WHERE c.relnamespace = to_regnamespace('public') AND r.rolname = $1 AND NOT pg_has_role(session_user, r.oid, 'MEMBER'))",
    );
    Ok(found.bind(AUDIT_ROLE).fetch_one(conn).await?)
}

/// Is there nothing for an administrator to do?
pub(super) async fn is_set_up(conn: &mut PgConnection, functions: &AuditFunctions) -> Result<bool> {
    Ok(are_separate(conn).await? && has_functions(conn, functions).await? && warning_on(conn).await?.is_none())
}

/// Are the functions of the audit trail these?
pub(super) async fn has_functions(conn: &mut PgConnection, functions: &AuditFunctions) -> Result<bool> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
                        WHERE p.pronamespace = to_regnamespace('public') AND r.rolname = $1 AND obj_description(p.oid, 'pg_proc') = $2)",
    );
    Ok(found.bind(AUDIT_ROLE).bind(&functions.version).fetch_one(conn).await?)
}

/// A warning when the role of a connection could delete rows of the audit trail, or become one that can; none about a database
/// without tables.
pub async fn warning(db: &PgPool) -> Result<Option<String>> {
    warning_on(&mut *db.acquire().await?).await
}

pub(super) async fn warning_on(conn: &mut PgConnection) -> Result<Option<String>> {
    let role: Option<String> = sqlx::query_scalar(
        "WITH trail AS (SELECT c.oid, c.relowner FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                        WHERE c.relnamespace = to_regnamespace('public') AND c.relkind = 'r' AND r.rolname = $1)
         SELECT me.rolname::text FROM pg_roles me
         WHERE me.rolname = session_user AND to_regclass('public._sqlx_migrations') IS NOT NULL
           AND (me.rolsuper OR me.rolcreaterole OR NOT EXISTS (SELECT FROM trail)
             OR EXISTS (SELECT FROM trail WHERE pg_has_role(me.oid, relowner, 'MEMBER')
                                             OR has_table_privilege(me.oid, oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER'))
             OR EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(me.oid, nspowner, 'MEMBER'))
             OR EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND pg_has_role(me.oid, datdba, 'MEMBER'))
             OR EXISTS (SELECT FROM pg_roles WHERE rolname IN ('pg_execute_server_program', 'pg_write_server_files')
                                               AND pg_has_role(me.oid, oid, 'MEMBER')))",
    )
    .bind(AUDIT_ROLE)
    .fetch_optional(conn)
    .await?;
    Ok(role.map(|role| {
        format!(
            "database.url: the role {role} could delete rows of the audit trail, and so could whoever gets hold of it; separate the \
             roles by `muster migrate` with database.migrate_url (docs/operations.md)"
        )
    }))
}
