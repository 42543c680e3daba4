//! What a stolen database tells of protected actions besides what its columns say: transaction ids, and the order of rows in tables
//! and dumps.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::{
    fixtures::{confirm, event, letter_action, office},
    harness::{TestApp, signer},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";
/// Tables with a row for each of those who took part.
const TABLES: [&str; 6] = ["people", "consents", "signatures", "attendances", "letters", "outreaches"];

/// The rows of a table as a dump has them: in the order of the file.
async fn rows(app: &TestApp, table: &str) -> Vec<(String, Value)> {
    let sql = format!("SELECT xmin::text, to_jsonb(t) FROM {table} t ORDER BY ctid");
    sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap()
}

fn ids(rows: &[(String, Value)]) -> Vec<&str> {
    rows.iter().map(|(_, row)| row["id"].as_str().unwrap()).collect()
}

fn transactions(rows: &[(String, Value)]) -> BTreeSet<&str> {
    rows.iter().map(|(xmin, _)| xmin.as_str()).collect()
}

fn by_id(rows: &[(String, Value)]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|(_, row)| row.to_string()).collect();
    rows.sort();
    rows
}

async fn all(app: &TestApp) -> Vec<Vec<(String, Value)>> {
    let mut tables = Vec::new();
    for table in TABLES {
        tables.push(rows(app, table).await);
    }
    tables
}

async fn protected_actions(app: &TestApp) {
    let owner = app.owner().await;
    let protected = json!({"muster:privacy": "protected"});
    app.petition(&owner, protected.clone()).await;
    event(app, &owner, protected.clone()).await;
    office(app, &owner, "minister").await;
    letter_action(app, &owner, protected).await;
}

/// Signs, registers and writes, with consents, and confirms each.
async fn take_part(app: &TestApp, address: &str) {
    let mut body = signer(address);
    body["muster:consents"] = json!({"updates": true});
    for path in [SIGN, "/api/v1/events/assembly/attendances", "/api/v1/advocacy_campaigns/write/outreaches"] {
        app.post(path, None, &body).await.expect(202);
        confirm(app, address).await;
    }
}

async fn night(app: &TestApp) {
    app.kernel.env.advance(TimeDelta::days(1));
    app.tick().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn after_the_night_neither_transactions_nor_the_order_of_rows_tell_a_time(pool: PgPool) {
    let app =
        TestApp::with(pool, &[("MUSTER__GUARD__MODE", "off"), ("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    protected_actions(&app).await;
    for n in 0..12 {
        take_part(&app, &format!("s{n}@example.org")).await;
    }
    let day = all(&app).await;
    for (table, rows) in TABLES.iter().zip(&day) {
        assert!(rows.len() >= 12 && transactions(rows).len() >= 12, "{table}: the day can be read from it");
    }
    night(&app).await;
    let after = all(&app).await;
    for ((table, before), after) in TABLES.iter().zip(&day).zip(&after) {
        assert_eq!(by_id(before), by_id(after), "{table}: nothing is lost or changed");
        assert_ne!(ids(before), ids(after), "{table}: the order is another");
        assert_eq!(transactions(after).len(), 1, "{table}: twelve people are one batch");
        assert!(transactions(after).is_disjoint(&transactions(before)), "{table}");
    }
    assert_eq!(app.count("SELECT count(*) FROM people_to_rewrite").await, 0);

    // what was written anew is not written anew the next night, but what was written since is
    night(&app).await;
    let quiet = all(&app).await;
    assert_eq!(after, quiet);
    take_part(&app, "late@example.org").await;
    night(&app).await;
    for ((table, before), after) in TABLES.iter().zip(&quiet).zip(all(&app).await) {
        let (old, new): (Vec<_>, Vec<_>) = after.iter().partition(|row| before.contains(row));
        assert_eq!((old.len(), new.is_empty()), (before.len(), false), "{table}");
        assert_eq!(new.iter().map(|(xmin, _)| xmin).collect::<BTreeSet<_>>().len(), 1, "{table}");
    }
}

/// Rows of other actions have times anyway, and are left alone.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn rows_of_standard_actions_are_not_rewritten(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let owner = app.owner().await;
    app.petition(&owner, json!({})).await;
    app.post(SIGN, None, &signer("amara@example.org")).await.expect(202);
    confirm(&app, "amara@example.org").await;
    let before = (rows(&app, "people").await, rows(&app, "signatures").await);
    night(&app).await;
    assert_eq!(before, (rows(&app, "people").await, rows(&app, "signatures").await));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn whoever_takes_part_meanwhile_is_not_refused(pool: PgPool) {
    let app =
        TestApp::with(pool, &[("MUSTER__GUARD__MODE", "off"), ("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    protected_actions(&app).await;
    take_part(&app, "first@example.org").await;
    let rewriting = async {
        let mut rewritten = 0;
        for _ in 0..40 {
            let mut tx = app.kernel.work.begin().await.unwrap();
            sqlx::raw_sql("DELETE FROM people_rewrites").execute(&mut *tx).await.unwrap();
            sqlx::raw_sql("SELECT list_people_to_rewrite(current_date)").execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            // as the job does: a batch that does not get the tables in time gives way
            let mut tx = app.kernel.work.begin().await.unwrap();
            sqlx::raw_sql("SET LOCAL lock_timeout = '500ms'").execute(&mut *tx).await.unwrap();
            match sqlx::query_scalar::<_, i32>("SELECT rewrite_people(200)").fetch_one(&mut *tx).await {
                Ok(batch) => {
                    tx.commit().await.unwrap();
                    rewritten += batch;
                }
                Err(error) => {
                    let code = error.as_database_error().and_then(|e| e.code().map(|code| code.to_string()));
                    assert_eq!(code.as_deref(), Some("55P03"), "{error}");
                }
            }
            tokio::task::yield_now().await;
        }
        rewritten
    };
    let taking_part = async {
        for n in 0..8 {
            take_part(&app, &format!("s{n}@example.org")).await;
        }
    };
    let (rewritten, ()) = tokio::join!(rewriting, taking_part);
    assert!(rewritten >= 40, "{rewritten}");
    for (sql, took_part) in [
        ("SELECT count(*) FROM people", 27),
        ("SELECT count(*) FROM signatures WHERE state = 'counted'", 9),
        ("SELECT count(*) FROM attendances WHERE state = 'accepted'", 9),
        ("SELECT count(*) FROM letters WHERE state = 'confirmed'", 9),
    ] {
        assert_eq!(app.count(sql).await, took_part, "{sql}");
    }
}
