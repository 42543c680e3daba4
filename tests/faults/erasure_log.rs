//! Databases that are put back from a backup: whoever was erased since is erased before the first request is answered.

use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};

use crate::{
    harness::signer,
    process::{Installation, Server},
};

const SIGN: &str = "/api/v1/petitions/status/signatures";
const EMAILS: [&str; 3] = ["amara@example.org", "bo@example.org", "cy@example.org"];

/// The ids of all people, by the address's place in [`EMAILS`].
async fn add_people(server: &Server, token: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for email in EMAILS {
        server.post(SIGN, Some(token), &signer(email)).await.expect(201);
        let added = server.post("/api/v1/people", Some(token), &signer(email)).await.expect(200);
        ids.push(added["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap().to_owned());
    }
    ids
}

async fn run(pool: &PgPool, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

async fn people(database: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM people").fetch_one(database).await.unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn who_was_erased_stays_erased_in_a_restored_database(pool: PgPool) {
    let mut house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    let ids = add_people(&server, &token).await;
    // a file that nobody read to the end, as of the day of the backup
    let import = "INSERT INTO imports (id, petition_id, organizer_id, name, bytes, delimiter, columns, state, touched_at, created_at)
                  SELECT gen_random_uuid(), p.id, o.id, 'x', 0, ',', '{}', 'uploaded', now(), now() FROM petitions p, organizers o";
    run(&pool, import.to_owned()).await;
    server.stop().await;

    // a backup
    let options = pool.connect_options();
    let name = options.get_database().unwrap().to_owned();
    // names of databases are cut at 63 bytes
    let backup = format!("backup_{}", &name[name.len() - 40..]);
    pool.close().await;
    let mut other = PgConnection::connect_with(&options.as_ref().clone().database("postgres")).await.unwrap();
    let sql = format!("CREATE DATABASE \"{backup}\" TEMPLATE \"{name}\"");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut other).await.unwrap();
    let restored = PgPool::connect_with(options.as_ref().clone().database(&backup)).await.unwrap();

    // Amara is erased by an organizer, Bo at the command line; Cy's erasure is in the log, and was not committed any more
    let server = house.serve(&["serve"]).await;
    let path = |n: usize| format!("/api/v1/people/{}", ids[n]);
    assert_eq!(server.try_json("DELETE", &path(0), Some(&token), &json!(null)).await.unwrap().status, 200);
    house.run(&["people", "erase", "--email", EMAILS[1]]).await.ok();
    assert_eq!(server.get(&path(1), Some(&token)).await.status, 404);
    server.stop().await;
    let log = house.path("keys/keyring.erasures");
    let cys: String = sqlx::query_scalar("SELECT encode(sha256(uuid_send($1::uuid)), 'hex')")
        .bind(ids[2].parse::<uuid::Uuid>().unwrap())
        .fetch_one(&restored)
        .await
        .unwrap();
    let mut lines = std::fs::read_to_string(&log).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(ids.iter().all(|id| !lines.contains(id)), "no id of anybody: {lines}");
    let today = lines.split(' ').next().unwrap().to_owned();
    lines = format!("{lines}{today} {cys}\n{today} cut off");
    std::fs::write(&log, &lines).unwrap();

    // the backup is put back
    assert_eq!(people(&restored).await, 3);
    let url = options.as_ref().clone().database(&backup).to_url_lossy().to_string();
    house.set("DATABASE_URL", &url);
    for role in ["web", "all", "worker"] {
        let server = house.serve(&["serve", "--role", role]).await;
        assert_eq!(people(&restored).await, 0, "before {role} is ready");
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM signatures").fetch_one(&restored).await.unwrap();
        let given_up: i64 = sqlx::query_scalar("SELECT count(*) FROM imports WHERE state = 'cancelled'")
            .fetch_one(&restored)
            .await
            .unwrap();
        assert_eq!((left, given_up), (0, 1));
        server.stop().await;
    }

    // a machine without the log gets it from the database
    std::fs::remove_file(&log).unwrap();
    house.serve(&["serve"]).await.stop().await;
    let lines = std::fs::read_to_string(&log).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains(&cys));

    restored.close().await;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE \"{backup}\""))).execute(&mut other).await.unwrap();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_command_line_shows_and_erases_a_person(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    let ids = add_people(&server, &token).await;
    let shown = house.run(&["people", "show", "--id", &ids[0]]).await;
    let shown: serde_json::Value = serde_json::from_str(shown.ok()).unwrap();
    assert_eq!(shown[0]["person"]["email_addresses"][0]["address"], EMAILS[0]);
    assert_eq!(shown[0]["identifiers"], json!([format!("muster:{}", ids[0])]));
    assert_eq!(shown[0]["signatures"].as_array().unwrap().len(), 1);
    house.run(&["people", "erase", "--id", &ids[0]]).await.ok();
    for verb in ["show", "erase"] {
        house.run(&["people", verb, "--email", EMAILS[0]]).await.refused(&["no such person"]);
        assert_eq!(house.run(&["people", verb]).await.code, Some(2), "says whom");
    }
    assert_eq!(people(&pool).await, 2);
    let audited =
        "SELECT count(*) FROM audit_entries WHERE organizer_id IS NULL AND verb IN ('people.read', 'person.erase')";
    assert_eq!(sqlx::query_scalar::<_, i64>(audited).fetch_one(&pool).await.unwrap(), 2);
    server.stop().await;
}
