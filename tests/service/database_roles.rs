//! What the service's role cannot do to the audit trail once the roles are separated, and that everything else works.

use axum::http::Method;
use chrono::TimeDelta;
use muster::{
    kernel::{env::Env, migrations},
    worker,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::{
    faults::backup::EmptyDatabase,
    fixtures::confirm,
    harness::{TestApp, signer},
    process::Installation,
};

const SIGN: &str = "/api/v1/petitions/status/signatures";
const WARNING: &str = "could delete rows of the audit trail";

/// What would change the trail, take it away, make room for that, or make the service's role one that may.
const REFUSED: &[&str] = &[
    "DELETE FROM audit_entries",
    "UPDATE audit_entries SET verb = 'nothing'",
    "TRUNCATE audit_entries, audit_seals, audit_unsealed",
    "TRUNCATE organizations CASCADE",
    "DROP TABLE audit_entries",
    "DROP TABLE audit_entries CASCADE",
    "INSERT INTO audit_seals (number, entry_id, hash) SELECT 1000, id, sha256('') FROM audit_entries LIMIT 1",
    "UPDATE audit_seals SET hash = sha256('')",
    "DELETE FROM audit_seals",
    "DROP TABLE audit_seals",
    "INSERT INTO audit_unsealed (entry_id) SELECT id FROM audit_entries",
    "DELETE FROM audit_unsealed",
    "DROP TABLE audit_unsealed",
    "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
    "ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only",
    "ALTER TABLE audit_seals DISABLE TRIGGER USER",
    "DROP TRIGGER audit_entries_append_only ON audit_entries",
    "DROP TRIGGER audit_entries_queued ON audit_entries",
    "DROP TRIGGER audit_seals_append_only ON audit_seals",
    "CREATE TRIGGER audit_entries_lost BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE lost AS ON INSERT TO audit_entries DO INSTEAD NOTHING",
    "ALTER TABLE audit_entries ADD COLUMN more text",
    "ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_pkey CASCADE",
    "ALTER TABLE audit_entries RENAME TO entries",
    "ALTER TABLE audit_entries ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE audit_entries OWNER TO CURRENT_USER",
    "LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE",
    "DROP FUNCTION refuse_change() CASCADE",
    "DROP FUNCTION queue_audit_entry() CASCADE",
    "DROP FUNCTION audit_entry_hash(bytea, audit_entries)",
    "DROP FUNCTION seal_audit_entries(integer)",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE OR REPLACE FUNCTION queue_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE OR REPLACE FUNCTION seal_audit_entries(most integer) RETURNS integer LANGUAGE sql AS $$ SELECT 0 $$",
    "CREATE OR REPLACE FUNCTION audit_entry_hash(before bytea, entry audit_entries) RETURNS bytea LANGUAGE sql AS $$ SELECT before $$",
    "ALTER FUNCTION seal_audit_entries(integer) OWNER TO CURRENT_USER",
    "ALTER FUNCTION seal_audit_entries(integer) RESET search_path",
    "COMMENT ON FUNCTION seal_audit_entries(integer) IS 'another'",
    "DROP SCHEMA public CASCADE",
    "ALTER SCHEMA public OWNER TO CURRENT_USER",
    "ALTER SCHEMA public RENAME TO other",
    "CREATE SCHEMA other",
    "SET ROLE muster_audit",
    "SET ROLE pg_database_owner",
    "GRANT muster_audit TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE more SUPERUSER",
    "SET session_replication_role = replica",
];

/// A database, and the two roles that connect to it.
struct Roles {
    role: String,
    service: String,
    administrator: String,
}

impl Roles {
    /// A role of the service that may do nothing yet; the administrator is the role of the test.
    async fn create(pool: &PgPool) -> Self {
        let role = format!("service_{}", Env::system().id().simple());
        run(pool, format!("CREATE ROLE {role} LOGIN PASSWORD 'a long password'")).await;
        let options: PgConnectOptions = pool.connect_options().as_ref().clone();
        let service = options.clone().username(&role).password("a long password").to_url_lossy().to_string();
        Self { role, service, administrator: options.to_url_lossy().to_string() }
    }

    async fn refuses_everything(&self) {
        let mut conn = PgConnection::connect(&self.service).await.unwrap();
        for statement in REFUSED {
            let mut tx = conn.begin().await.unwrap();
            let error = sqlx::query(*statement).execute(&mut *tx).await.expect_err(statement);
            let code =
                error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned);
            assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
            tx.rollback().await.unwrap();
        }
        // what cannot be in a transaction
        let database =
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()); END $$";
        assert!(sqlx::query(database).execute(&mut conn).await.unwrap_err().to_string().contains("must be owner"));
        conn.close().await.unwrap();
    }
}

async fn run(pool: &PgPool, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// The names in one column.
async fn names(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

const NOT_THE_SERVICES: &str = "SELECT relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S') AND rolname = 'muster_audit' ORDER BY 1";

/// A database of one role, which owns it, as before.
#[sqlx::test(migrations = false)]
async fn a_database_of_one_role_is_converted(pool: PgPool) {
    let database = EmptyDatabase::create(&pool).await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    let roles = Roles::create(&pool).await;
    let role = &roles.role;
    let owned = format!("ALTER DATABASE {} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}", database.name);
    run(&pool, owned).await;
    let mut house = Installation::bare().with("DATABASE_URL", &roles.service);
    let token = house.owner().await;
    let checked = house.run(&["check-config"]).await;
    assert!(checked.ok().contains(WARNING) && checked.stdout.contains(&roles.role), "{checked:?}");
    assert_eq!(names(&pool, NOT_THE_SERVICES).await, Vec::<String>::new());
    let verified = house.run(&["audit", "verify"]).await.ok().to_owned();
    // left by somebody who waits for it to be run as another role
    let trap = "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
                CREATE TRIGGER trap BEFORE INSERT OR DELETE ON audit_unsealed FOR EACH ROW EXECUTE FUNCTION trap()";
    let mut service = PgConnection::connect(&roles.service).await.unwrap();
    sqlx::raw_sql(trap).execute(&mut service).await.unwrap();
    service.close().await.unwrap();

    for _ in 0..2 {
        house.set("MUSTER__DATABASE__MIGRATE_URL", &roles.administrator);
        house.run(&["migrate"]).await.ok();
        house.set("MUSTER__DATABASE__MIGRATE_URL", "");
        assert_eq!(names(&pool, NOT_THE_SERVICES).await, ["audit_entries", "audit_seals", "audit_unsealed"]);
        assert_eq!(
            names(&pool, "SELECT tgname::text FROM pg_trigger WHERE tgname = 'trap'").await,
            Vec::<String>::new()
        );
        let checked = house.run(&["check-config"]).await;
        assert!(!checked.ok().contains(WARNING), "{checked:?}");
        assert_eq!(house.run(&["audit", "verify"]).await.ok(), verified, "the trail is what it was");
        roles.refuses_everything().await;
    }

    // and the service goes on as before: a start migrates, everything that is done is audited and chained
    house.run(&["migrate"]).await.ok();
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    server.post(SIGN, Some(&token), &signer("amara@example.org")).await.expect(201);
    let list = server.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await;
    assert!(list.status == 200 && list.text().contains("amara@example.org"), "{} {}", list.status, list.text());
    server.stop().await;
    let verbs = names(&pool, "SELECT DISTINCT verb FROM audit_entries ORDER BY verb").await;
    assert!(verbs.iter().any(|verb| verb == "signatures.export"), "{verbs:?}");
    let after = house.run(&["audit", "verify"]).await.ok().to_owned();
    assert_ne!(after, verified);
    roles.refuses_everything().await;

    // a release with other functions of the trail cannot create them as the service's role, and says who can
    run(&pool, "COMMENT ON FUNCTION seal_audit_entries(integer) IS 'another release'".to_owned()).await;
    house.run(&["audit", "verify"]).await.refused(&["muster migrate", "database.migrate_url"]);
    house.set("MUSTER__DATABASE__MIGRATE_URL", &roles.administrator);
    house.run(&["migrate"]).await.ok();
    assert_eq!(house.run(&["audit", "verify"]).await.ok(), after);
    pool.close().await;
    database.drop().await;
}

/// Where an administrator's role was the only one, as the superuser of an embedded Postgres.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_service_works_as_a_role_that_cannot_touch_the_trail(pool: PgPool) {
    let roles = Roles::create(&pool).await;
    migrations::migrate(&roles.service, Some(&roles.administrator)).await.unwrap();
    let others = "SELECT DISTINCT rolname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'c') ORDER BY 1";
    assert_eq!(names(&pool, others).await, ["muster_audit", &*roles.role]);
    let app = TestApp::new(PgPool::connect(&roles.service).await.unwrap()).await;
    let token = app.owner().await;
    let session = app.session("Alliance").await;
    let console = app.request(Method::GET, "/console", None, &session.headers(), None).await;
    assert_eq!(console.status, 200);
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    for address in ["amara@example.org", "bo@example.org"] {
        app.post(SIGN, None, &signer(address)).await.expect(202);
        confirm(&app, address).await;
    }
    // nightly jobs: rows are rewritten, partitions made, statistics gathered
    for _ in 0..3 {
        app.kernel.env.advance(TimeDelta::days(1));
        app.tick().await;
        app.jobs().await;
        worker::run_maintenance(&app.app).await.unwrap();
    }
    // the end of its data, down to the tables, which are written anew
    let file = "SELECT pg_relation_filenode('people')::bigint";
    let before = app.count(file).await;
    app.post("/api/v1/petitions/status/destroy", Some(&token), &json!({"slug": "status"})).await.expect(200);
    app.kernel.env.advance(TimeDelta::minutes(15));
    for _ in 0..20 {
        worker::run_maintenance(&app.app).await.unwrap();
        if app.count("SELECT count(*) FROM table_sweeps").await == 0 {
            break;
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM table_sweeps").await, 0);
    assert_ne!(app.count(file).await, before, "written anew");
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0);

    app.tick().await;
    let mut conn = app.kernel.db.acquire().await.unwrap();
    let verified = muster::organizers::verify_audit(&mut conn, None).await.unwrap();
    assert!(verified.entries > 3 && verified.faults.is_empty(), "{verified:?}");
    drop(conn);
    roles.refuses_everything().await;
}

/// A role from which nothing can be kept.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn roles_that_may_do_everything_are_not_separated(pool: PgPool) {
    let roles = Roles::create(&pool).await;
    for right in ["SUPERUSER", "NOSUPERUSER CREATEROLE"] {
        run(&pool, format!("ALTER ROLE {} {right}", roles.role)).await;
        let refused = migrations::migrate(&roles.service, Some(&roles.administrator)).await.unwrap_err().to_string();
        assert!(refused.contains("connect as an ordinary role"), "{refused}");
    }
    let refused = migrations::migrate(&roles.administrator, Some(&roles.administrator)).await.unwrap_err().to_string();
    assert!(refused.contains("connect as an ordinary role"), "{refused}");
    // one that may become a role that owns the database
    run(&pool, format!("ALTER ROLE {0} NOCREATEROLE; GRANT pg_write_server_files TO {0}", roles.role)).await;
    let refused = migrations::migrate(&roles.service, Some(&roles.administrator)).await.unwrap_err().to_string();
    assert!(refused.contains("to no effect"), "{refused}");
}

#[tokio::test]
async fn an_embedded_postgres_has_separate_roles_from_its_first_start() {
    let house = Installation::bare();
    let psql = async |sql: &str| house.run(&["postgres", "psql", "--", "-qAtc", sql]).await;
    house.owner().await;
    assert_eq!(psql("SELECT current_user").await.ok(), "muster_service\n");
    let as_superuser = ["postgres", "psql", "--administrator", "--", "-qAtc", "SELECT current_user"];
    assert_eq!(house.run(&as_superuser).await.ok(), "muster\n");
    let server = house.serve(&["serve"]).await;
    for statement in ["DELETE FROM audit_entries", "DROP TABLE audit_seals", "SET ROLE muster"] {
        let refused = psql(statement).await;
        assert!(refused.code == Some(1) && refused.stderr.contains("ERROR"), "{refused:?}");
    }
    house.run(&["audit", "verify"]).await.ok();
    server.stop().await;
}

/// As before there were two roles: everything is the superuser's.
#[tokio::test]
async fn an_embedded_postgres_of_one_role_is_converted_at_its_start() {
    let house = Installation::bare();
    let run_it = format!(
        "{} organizer add --email owner@example.org --name Olu --role owner --password-stdin",
        crate::process::MUSTER
    );
    let before = ["postgres", "run", "--", "sh", "-c", &run_it];
    house.run_with(&before, "a long password\n").await.ok();
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'people'";
    let psql =
        async |sql: &str| house.run(&["postgres", "psql", "--administrator", "--", "-qAtc", sql]).await.ok().to_owned();
    assert_eq!(psql(owner).await, "muster\n");
    let server = house.serve(&["serve"]).await;
    assert_eq!(psql(owner).await, "muster_service\n");
    assert_eq!(psql("SELECT tableowner FROM pg_tables WHERE tablename = 'audit_entries'").await, "muster_audit\n");
    assert!(house.run(&["organizer", "list"]).await.ok().contains("owner@example.org"));
    server.stop().await;
}

#[sqlx::test(migrations = false)]
async fn a_backup_is_made_as_the_services_role_and_restored_with_an_administrator(pool: PgPool) {
    let database = EmptyDatabase::create(&pool).await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    let roles = Roles::create(&pool).await;
    let mut house = Installation::bare().with("DATABASE_URL", &roles.service);
    house.set("MUSTER__BACKUP__FOLDER", &house.path("backups"));
    let public = house.run(&["backup", "keygen", &house.path("identity")]).await.ok().trim().to_owned();
    house.set("MUSTER__BACKUP__RECIPIENTS", &public);
    // only an unused database is restored into
    pool.close().await;
    house.set("MUSTER__DATABASE__MIGRATE_URL", &roles.administrator);
    house.run(&["migrate"]).await.ok();
    house.set("MUSTER__DATABASE__MIGRATE_URL", "");
    house.owner().await;
    let verified = house.run(&["audit", "verify"]).await.ok().to_owned();
    let file = house.run(&["backup"]).await.ok().trim().to_owned();
    let identity = house.path("identity");
    let restore = ["restore", &file, "--identity", &identity, "--replace"];
    let refused = house.run(&restore).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("database.migrate_url"), "{refused:?}");
    assert_eq!(house.run(&["audit", "verify"]).await.ok(), verified, "nothing was touched");
    house.set("MUSTER__DATABASE__MIGRATE_URL", &roles.administrator);
    house.run(&restore).await.ok();
    house.set("MUSTER__DATABASE__MIGRATE_URL", "");
    assert_eq!(house.run(&["audit", "verify"]).await.ok(), verified);
    roles.refuses_everything().await;
    house.run(&["backup"]).await.ok();
    database.drop().await;
}
