//! `/t/{token}` of confirmations under load: many buttons pressed at once are written in one transaction, and each
//! comes out as if it had been pressed alone.

use futures_util::future::join_all;
use muster::{
    events::CONFIRM_ATTENDANCE, kernel::links::Purpose, letters::CONFIRM_LETTER, petitions::CONFIRM_SIGNATURE,
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{event, letter_action, office},
    harness::{TestApp, signer},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn pending(app: &TestApp, path: &str, people: std::ops::Range<u32>) {
    for n in people {
        app.post(path, None, &signer(&format!("n{n}@example.org"))).await.expect(202);
    }
}

/// The paths of the links that confirm the pending rows of a table, oldest first.
async fn links(app: &TestApp, table: &str, purpose: Purpose) -> Vec<String> {
    let sql = format!("SELECT id FROM {table} WHERE state = 'pending' ORDER BY created_at, id");
    let ids: Vec<Uuid> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap();
    ids.into_iter().map(|id| format!("/t/{}", app.kernel.links.token(purpose, id, 0))).collect()
}

async fn signature_links(app: &TestApp) -> Vec<String> {
    links(app, "signatures", CONFIRM_SIGNATURE).await
}

/// Presses all buttons at once; the statuses.
async fn press_all(app: &TestApp, links: &[String]) -> Vec<u16> {
    join_all(links.iter().map(|link| app.form(link, &[]))).await.iter().map(|reply| reply.status.as_u16()).collect()
}

/// Statements executed so far by all connections of the pool, those of batches among them.
async fn executed(db: &PgPool) -> i64 {
    let (mut conns, mut sum) = (Vec::new(), 0);
    while conns.len() < usize::try_from(db.size()).unwrap() {
        conns.push(db.acquire().await.unwrap());
    }
    for conn in &mut conns {
        let sql = "SELECT coalesce(sum(generic_plans + custom_plans), 0)::bigint FROM pg_prepared_statements";
        sum += sqlx::query_scalar::<_, i64>(sql).persistent(false).fetch_one(&mut **conn).await.unwrap();
    }
    sum
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn each_signature_confirmed_at_once_counts_once_and_is_thanked_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    pending(&app, SIGN, 0..33).await;
    let mut pressed = signature_links(&app).await;
    // one of them 32 times
    pressed.extend(vec![pressed[0].clone(); 31]);
    let statuses = press_all(&app, &pressed).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 33);
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 33);
    let thanks = "SELECT count(*) FROM emails WHERE kind = 'petition_thanks'";
    assert_eq!(app.count(thanks).await, 33);
    let thanked = "SELECT count(DISTINCT refs ->> 'signature') FROM emails WHERE kind = 'petition_thanks'";
    assert_eq!(app.count(thanked).await, 33);
    assert_eq!(app.count("SELECT count(*) FROM people WHERE sealed IS NOT NULL").await, 33);
    app.tick().await;
    assert_eq!(app.count("SELECT sum(value)::bigint FROM action_counts WHERE dimension = 'country'").await, 33);
    // and once more
    assert!(press_all(&app, &pressed).await.iter().all(|status| *status == 200));
    assert_eq!(app.count(thanks).await, 33);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn confirmations_of_one_person_in_a_batch_are_one_after_the_other(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "drops", "muster:keeps_contacts": false})).await;
    for comment in ["first", "second"] {
        let mut body = signer("amara@example.org");
        body["comments"] = json!(comment);
        app.post(SIGN, None, &body).await.expect(202);
    }
    let statuses = press_all(&app, &signature_links(&app).await).await;
    assert_eq!(statuses, [200, 200], "the second replaces the data of the first");
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 1);
    let states =
        "SELECT count(*) FROM signatures WHERE (state, sealed IS NULL) IN (('counted', false), ('duplicate', true))";
    assert_eq!(app.count(states).await, 2);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'petition_thanks'").await, 1);

    // where no contact is kept, the first erases the second
    for _ in 0..2 {
        app.post("/api/v1/petitions/drops/signatures", None, &signer("bo@example.org")).await.expect(202);
    }
    let mut statuses = press_all(&app, &signature_links(&app).await).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(app.get("/api/v1/petitions/drops", Some(&token)).await.expect(200)["total_signatures"], 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn each_confirmation_of_a_batch_is_answered_for_itself(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    pending(&app, SIGN, 0..12).await;
    let mut pressed = signature_links(&app).await;
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM signatures ORDER BY created_at, id")
        .fetch_all(&app.kernel.db)
        .await
        .unwrap();
    let change = async |sql: &'static str, id: Uuid| {
        assert_eq!(sqlx::query(sql).bind(id).execute(&app.kernel.db).await.unwrap().rows_affected(), 1, "{sql}");
    };
    change("UPDATE signatures SET confirm_expires_at = now() - interval '1 hour' WHERE id = $1", ids[1]).await;
    change("UPDATE signatures SET sealed = '\\x00' WHERE id = $1", ids[3]).await;
    // the database refuses this one, whatever it is written with
    change("UPDATE signatures SET postal_prefix = 'BAD' WHERE id = $1", ids[5]).await;
    sqlx::raw_sql("ALTER TABLE signatures ADD CONSTRAINT refused CHECK (state <> 'counted' OR postal_prefix <> 'BAD')")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    change("DELETE FROM signatures WHERE id = $1", ids[7]).await;
    // a link of another signature, made up
    pressed[9] = format!("/t/{}", app.kernel.links.token(CONFIRM_SIGNATURE, ids[9], 1));
    let statuses = press_all(&app, &pressed).await;
    assert_eq!(statuses, [200, 410, 200, 500, 200, 500, 200, 410, 200, 410, 200, 200]);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 7);
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 7);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'petition_thanks'").await, 7);
    assert_eq!(app.count("SELECT count(*) FROM people WHERE sealed IS NOT NULL").await, 7, "nothing of the others");
    sqlx::raw_sql("ALTER TABLE signatures DROP CONSTRAINT refused").execute(&app.kernel.db).await.unwrap();
    assert_eq!(press_all(&app, &pressed[5..6]).await, [200]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_lost_connection_or_key_answers_503_and_pressing_again_confirms(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    pending(&app, SIGN, 0..8).await;
    let pressed = signature_links(&app).await;
    let run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&app.kernel.db).await.unwrap();

    run("CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
         CREATE TRIGGER lose AFTER UPDATE ON signatures FOR EACH ROW EXECUTE FUNCTION lose()")
    .await;
    let statuses = press_all(&app, &pressed).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    run("DROP TRIGGER lose ON signatures").await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'pending'").await, 8);

    run("UPDATE vaults SET wrapping_key = 'root-7'").await;
    app.expire_caches();
    let statuses = press_all(&app, &pressed).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    let written = "SELECT (SELECT count(*) FROM signatures WHERE state <> 'pending') + (SELECT count(*) FROM people WHERE sealed IS NOT NULL)";
    assert_eq!(app.count(written).await, 0);
    run("UPDATE vaults SET wrapping_key = 'root-1'").await;
    app.expire_caches();

    let statuses = press_all(&app, &pressed).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(app.get("/api/v1/petitions/status", Some(&token)).await.expect(200)["total_signatures"], 8);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'petition_thanks'").await, 8);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_batch_takes_as_many_statements_for_many_as_for_few(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    pending(&app, SIGN, 0..84).await;
    let pressed = signature_links(&app).await;
    let cost = async |links: &[String]| {
        let before = executed(&app.kernel.db).await;
        assert!(press_all(&app, links).await.iter().all(|status| *status == 200));
        executed(&app.kernel.db).await - before
    };
    cost(&pressed[..2]).await;
    let (few, many) = (cost(&pressed[2..4]).await, cost(&pressed[4..]).await);
    assert!(few > 5, "{few} statements");
    assert!(many <= 4 * few, "{many} statements for 80 confirmations, {few} for two");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_crowd_at_a_full_event_takes_no_statement_for_each(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 1, "muster:waitlist": false})).await;
    pending(&app, "/api/v1/events/assembly/attendances", 0..84).await;
    let pressed = links(&app, "attendances", CONFIRM_ATTENDANCE).await;
    let cost = async |links: &[String]| {
        let before = executed(&app.kernel.db).await;
        assert!(press_all(&app, links).await.iter().all(|status| *status == 200));
        executed(&app.kernel.db).await - before
    };
    cost(&pressed[..2]).await;
    let (few, many) = (cost(&pressed[2..4]).await, cost(&pressed[4..]).await);
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE state = 'declined'").await, 83);
    assert!(many <= 4 * few, "{many} statements for 80 who were declined, {few} for two");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn registrations_confirmed_at_once_get_exactly_the_seats(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 10})).await;
    pending(&app, "/api/v1/events/assembly/attendances", 0..32).await;
    let pressed = links(&app, "attendances", CONFIRM_ATTENDANCE).await;
    let mut twice = pressed.clone();
    twice.extend(pressed.clone());
    let statuses = press_all(&app, &twice).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let count = async |state: &str, kind: &str| {
        let sql = "SELECT (SELECT count(*) FROM attendances WHERE state = $1), (SELECT count(DISTINCT refs) FROM emails WHERE kind = $2),
                          (SELECT count(*) FROM emails WHERE kind = $2)";
        sqlx::query_as::<_, (i64, i64, i64)>(sql).bind(state).bind(kind).fetch_one(&app.kernel.db).await.unwrap()
    };
    assert_eq!(count("accepted", "event_registered").await, (10, 10, 10));
    assert_eq!(count("waitlisted", "event_waitlisted").await, (22, 22, 22));
    assert_eq!(app.count("SELECT count(*) FROM people WHERE sealed IS NOT NULL").await, 32);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn letters_confirmed_at_once_go_out_once_to_each_office(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for slug in ["minister", "premier"] {
        office(&app, &token, slug).await;
    }
    letter_action(&app, &token, json!({"muster:targets": ["minister", "premier"]})).await;
    let live = json!({"muster:live": true});
    app.put("/api/v1/advocacy_campaigns/write", Some(&token), &live).await.expect(200);
    // written alone, and with a signature
    pending(&app, "/api/v1/advocacy_campaigns/write/outreaches", 0..20).await;
    app.petition(&token, json!({"muster:letter": "write"})).await;
    pending(&app, SIGN, 20..32).await;
    let mut pressed = signature_links(&app).await;
    let sql = "SELECT id FROM letters WHERE id NOT IN (SELECT letter_id FROM signatures)";
    let alone: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(&app.kernel.db).await.unwrap();
    assert_eq!((pressed.len(), alone.len()), (12, 20));
    let link = |id: &Uuid| format!("/t/{}", app.kernel.links.token(CONFIRM_LETTER, *id, 0));
    pressed.extend(alone.iter().chain(&alone).map(link));
    let statuses = press_all(&app, &pressed).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(app.count("SELECT count(*) FROM letters WHERE state = 'confirmed'").await, 32);
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'queued'").await, 64);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'letter_deliver'").await, 64);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'letter_thanks'").await, 32);
    let total = app.get("/api/v1/advocacy_campaigns/write", Some(&token)).await.expect(200)["total_outreaches"].clone();
    assert_eq!(total, 64);
}
