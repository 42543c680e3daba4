//! What the last release promised (docs/releases.md): its migrations are unchanged, its statements can be prepared on the present
//! schema, and the present code takes over its database.

use std::{collections::HashMap, fmt::Write as _};

use muster::{MIGRATOR, kernel::migrations::FUNCTIONS_FROM};
use serde_json::json;
use sqlx::{
    Connection, Executor, PgConnection, PgPool, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{harness::signer, process::Installation};

/// What `scripts/release.sh` kept of the last release.
struct Released {
    /// SHA-384 in hexadecimal digits, by version.
    migrations: HashMap<i64, String>,
    functions: String,
    statements: Vec<String>,
}

impl Released {
    fn read() -> Self {
        let file = |name: &str| std::fs::read_to_string(format!("migrations/released/{name}")).expect(name);
        Self {
            migrations: checksums(&file("SHA384SUMS")),
            functions: file("functions.sql"),
            statements: serde_json::from_str(&file("statements.json")).expect("an array of strings"),
        }
    }

    /// Migrations as that release had them.
    fn migrator(self) -> Migrator {
        let numbered = MIGRATOR.iter().filter(|migration| self.migrations.contains_key(&migration.version)).cloned();
        let functions = format!("SET LOCAL check_function_bodies = off;\n{}", self.functions);
        let functions = Migration::new(
            FUNCTIONS_FROM,
            "functions and triggers".into(),
            MigrationType::Simple,
            sqlx::AssertSqlSafe(functions).into_sql_str(),
            false,
        );
        Migrator::with_migrations(numbered.chain([functions]).collect())
    }
}

/// Lines of `sha384sum`, by the version in the file's name.
fn checksums(lines: &str) -> HashMap<i64, String> {
    lines
        .lines()
        .map(|line| {
            let (sum, file) = line.split_once("  ").expect("a line of sha384sum");
            let version = file.split('_').next().and_then(|version| version.parse().ok()).expect("a numbered file");
            (version, sum.to_owned())
        })
        .collect()
}

/// Versions of released migrations that are missing or differ now.
fn changed(released: &HashMap<i64, String>) -> Vec<i64> {
    let now: HashMap<i64, String> = MIGRATOR
        .iter()
        .map(|migration| {
            let digits = migration.checksum.iter().fold(String::new(), |mut digits, byte| {
                write!(digits, "{byte:02x}").expect("into a string");
                digits
            });
            (migration.version, digits)
        })
        .collect();
    let mut changed: Vec<i64> =
        released.iter().filter(|(version, sum)| now.get(version) != Some(sum)).map(|(version, _)| *version).collect();
    changed.sort_unstable();
    changed
}

/// Statements that cannot be prepared, each with the reason.
async fn unfit(conn: &mut PgConnection, statements: &[String]) -> Vec<String> {
    let mut unfit = Vec::new();
    for statement in statements {
        if let Err(error) = conn.prepare(sqlx::AssertSqlSafe(statement.clone()).into_sql_str()).await {
            unfit.push(format!("{error}: {statement}"));
        }
    }
    unfit
}

#[test]
fn released_migrations_are_unchanged() {
    let mut released = Released::read().migrations;
    assert_eq!(changed(&released), Vec::<i64>::new(), "a released migration is never edited: write a new one");
    // the check itself: an edited file, and one that is gone
    released.insert(1, "00".repeat(48));
    released.insert(9999, "00".repeat(48));
    assert_eq!(changed(&released), [1, 9999]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn statements_of_the_last_release_run_on_this_schema(pool: PgPool) {
    let released = Released::read();
    assert!(released.statements.len() > 500, "{}", released.statements.len());
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(unfit(&mut conn, &released.statements).await, Vec::<String>::new());
    // the check itself
    let mut tx = conn.begin().await.unwrap();
    tx.execute("ALTER TABLE actions RENAME COLUMN slug TO word").await.unwrap();
    let mut tx = tx.begin().await.unwrap();
    let of_slug = |statement: &&String| statement.contains("a.slug") && statement.contains("FROM actions a ");
    // another text, since the connection knows those that it has prepared
    let read_slug = format!("{}\n", released.statements.iter().find(of_slug).unwrap());
    assert_eq!(unfit(&mut tx, &[read_slug]).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn this_release_takes_over_a_database_of_the_last_one(pool: PgPool) {
    let released = Released::read();
    let statements = released.statements.clone();
    // the database may be a copy of one that has the present schema
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").execute(&pool).await.unwrap();
    released.migrator().run(&pool).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(unfit(&mut conn, &statements).await, Vec::<String>::new(), "what was kept belongs together");
    conn.close().await.unwrap();

    let house = Installation::new(&pool);
    house.run(&["migrate"]).await.ok();
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    server.post("/api/v1/petitions/status/signatures", Some(&token), &signer("amara@example.org")).await.expect(201);
    let list = server.get("/api/v1/petitions/status/signatures", Some(&token)).await.expect(200);
    assert_eq!(list["total_records"], 1);
    server.stop().await;
}
