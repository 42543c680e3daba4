//! Caches are told of changes in one place, when a transaction commits: this process by the commit, others by NOTIFY.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use muster::kernel::{
    cache_invalidation::CacheInvalidation,
    transaction::{Db, invalidate},
};
use serde_json::json;
use sqlx::{Acquire, PgConnection, PgPool, postgres::PgListener};
use uuid::Uuid;

use crate::harness::TestApp;

const NOTHING: [CacheInvalidation; 0] = [];

/// What the caches of this process, and those that listen, are told.
struct Told {
    here: Arc<Mutex<Vec<CacheInvalidation>>>,
    listener: PgListener,
    db: Db,
}

impl Told {
    async fn of(app: &TestApp) -> Self {
        let here = Arc::<Mutex<Vec<CacheInvalidation>>>::default();
        let seen = here.clone();
        app.kernel.cache_invalidator.subscribe(move |change| seen.lock().unwrap().push(change));
        let mut listener = PgListener::connect_with(&app.kernel.work).await.unwrap();
        listener.listen("muster_cache_invalidation").await.unwrap();
        Self { here, listener, db: app.kernel.db.clone() }
    }

    fn here(&self) -> Vec<CacheInvalidation> {
        std::mem::take(&mut *self.here.lock().unwrap())
    }

    /// The payloads that were delivered since the last call.
    async fn elsewhere(&mut self) -> Vec<String> {
        let last = Uuid::from_u128(9).to_string();
        sqlx::query("SELECT pg_notify('muster_cache_invalidation', $1)").bind(&last).execute(&self.db).await.unwrap();
        let mut payloads = Vec::new();
        loop {
            let message = tokio::time::timeout(Duration::from_secs(5), self.listener.recv()).await.unwrap().unwrap();
            if message.payload() == last {
                return payloads;
            }
            payloads.push(message.payload().to_owned());
        }
    }
}

async fn retitle(conn: &mut PgConnection, action: Uuid) {
    sqlx::query("UPDATE actions SET title = title || '.' WHERE id = $1").bind(action).execute(conn).await.unwrap();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_rollback_publishes_nothing_and_a_commit_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    let mut told = Told::of(&app).await;

    let mut tx = app.kernel.db.begin().await.unwrap();
    retitle(&mut tx, petition).await;
    tx.rollback().await.unwrap();
    let mut tx = app.kernel.db.begin().await.unwrap();
    retitle(&mut tx, petition).await;
    drop(tx);
    assert_eq!(told.here(), NOTHING);

    let mut tx = app.kernel.db.begin().await.unwrap();
    retitle(&mut tx, petition).await;
    retitle(&mut tx, petition).await;
    invalidate(&mut tx, CacheInvalidation::Row(petition)).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    invalidate(&mut savepoint, CacheInvalidation::All).await.unwrap();
    savepoint.rollback().await.unwrap();
    assert_eq!(told.here(), NOTHING, "not before the commit");
    tx.commit().await.unwrap();
    assert_eq!(told.here(), [CacheInvalidation::Row(petition)]);
    assert_eq!(told.elsewhere().await, [petition.to_string()], "the only message of the three transactions");

    // the connection is used again: nothing is left of the transaction before
    let mut conn = app.kernel.db.acquire().await.unwrap();
    let tx = app.kernel.begin_on(&mut conn).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(told.here(), NOTHING);
    assert_eq!(told.elsewhere().await, Vec::<String>::new());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_commit_that_fails_publishes_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    sqlx::raw_sql(
        "CREATE TABLE checked (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO checked VALUES (1)",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let mut told = Told::of(&app).await;
    let mut tx = app.kernel.db.begin().await.unwrap();
    invalidate(&mut tx, CacheInvalidation::All).await.unwrap();
    sqlx::raw_sql("INSERT INTO checked VALUES (1)").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap_err();
    assert_eq!(told.here(), NOTHING);
    assert_eq!(told.elsewhere().await, Vec::<String>::new());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn many_changes_in_one_transaction_become_one_of_everything(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let told = Told::of(&app).await;
    let mut tx = app.kernel.db.begin().await.unwrap();
    for n in 0..200 {
        invalidate(&mut tx, CacheInvalidation::Row(Uuid::from_u128(n))).await.unwrap();
    }
    invalidate(&mut tx, CacheInvalidation::Mail).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(told.here(), [CacheInvalidation::All]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_request_tells_the_caches_what_it_changed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    let told = Told::of(&app).await;

    app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:milestones": [10]})).await.expect(200);
    assert_eq!(told.here(), [CacheInvalidation::Row(petition)]);
    let paper = json!({"reference": "A1", "sheets": 1, "count": 10});
    let reply = app.post("/api/v1/petitions/status/paper_batches", Some(&token), &paper).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    assert_eq!(told.here(), [CacheInvalidation::Row(petition)]);
    let partner = json!({"name": "Union", "muster:slug": "union", "muster:wording": {"en": "Union may write to me."}});
    let reply = app.post("/api/v1/partners", Some(&token), &partner).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    assert_eq!(told.here(), [CacheInvalidation::All]);
    app.put("/api/v1/mail/pauses", Some(&token), &json!({"everything": true, "reason": "a test"})).await.expect(200);
    assert_eq!(told.here(), [CacheInvalidation::Mail]);
    // what is refused changes nothing
    app.put("/api/v1/petitions/status", Some(&token), &json!({"title": ""})).await.expect(422);
    assert_eq!(told.here(), NOTHING);
}

/// Tables that something cached is read from, and the events of which their triggers tell. Absent are those of the hot
/// path, whose changes are told by `invalidate`, and published counts, which change with `actions`.
const CACHED: &[(&str, &str)] = &[
    ("actions", "DELETE INSERT UPDATE"),
    ("allowances", "DELETE INSERT UPDATE"),
    ("call_actions", "UPDATE"),
    ("call_targets", "DELETE INSERT UPDATE"),
    ("campaigns", "DELETE INSERT UPDATE"),
    // inserted together with the action
    ("events", "UPDATE"),
    ("images", "DELETE"),
    ("letter_actions", "UPDATE"),
    ("letter_targets", "DELETE INSERT UPDATE"),
    ("letter_templates", "DELETE INSERT UPDATE"),
    ("mail_organization_pauses", "DELETE INSERT UPDATE"),
    ("mail_pauses", "DELETE INSERT UPDATE"),
    ("milestones", "DELETE INSERT UPDATE"),
    // shown once they are a target, or somebody holds it
    ("offices", "UPDATE"),
    ("officials", "UPDATE"),
    ("organizations", "UPDATE"),
    ("paper_batches", "DELETE INSERT UPDATE"),
    ("partners", "DELETE INSERT UPDATE"),
    ("petition_deliveries", "DELETE INSERT UPDATE"),
    ("petitions", "UPDATE"),
    ("sources", "DELETE INSERT UPDATE"),
    ("terms", "DELETE INSERT UPDATE"),
    ("updates", "DELETE INSERT UPDATE"),
];

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_cached_table_invalidates(pool: PgPool) {
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.event_object_table::text,
                string_agg(DISTINCT t.event_manipulation::text, ' ' ORDER BY t.event_manipulation::text)
         FROM information_schema.triggers t JOIN pg_proc p ON t.action_statement LIKE '%FUNCTION ' || p.proname || '(%'
         WHERE p.prosrc LIKE '%invalidate_cache(%' GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let found: Vec<(&str, &str)> = triggers.iter().map(|(table, events)| (table.as_str(), events.as_str())).collect();
    assert_eq!(found, CACHED);
    let notifying: Vec<String> = sqlx::query_scalar(
        "SELECT proname::text FROM pg_proc WHERE prosrc LIKE '%pg_notify(%' AND pronamespace = 'public'::regnamespace",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(notifying, ["invalidate_cache"], "one function notifies");
}
