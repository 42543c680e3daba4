//! The end of an action's data: on its last day in its time zone, or at once; of every kind, down to the bytes in files.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use muster::{
    calls::MANAGE_CALL,
    campaigns,
    events::{CONFIRM_ATTENDANCE, MANAGE_ATTENDANCE},
    kernel::zones,
    letters::MANAGE_LETTER,
    petitions::MANAGE_SIGNATURE,
    worker,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{call_action, confirm, event, letter_action, office},
    harness::{TestApp, merge, signer},
};

const PETITIONS: &str = "/api/v1/petitions";
const ENDED: [(&str, &str); 4] = [
    ("en", "This action has ended"),
    ("fr", "Cette action a pris fin"),
    ("es", "Esta acción ha terminado"),
    ("pa", "ਇਹ ਕਾਰਵਾਈ ਸਮਾਪਤ ਹੋ ਗਈ ਹੈ"),
];

/// Collection, path of its pages and end of its slug here, list of submissions.
const KINDS: [(&str, &str, &str); 4] = [
    ("petitions", "p", "signatures"),
    ("events", "e", "attendances"),
    ("advocacy_campaigns", "l", "outreaches"),
    ("phone_campaigns", "call", "outreaches"),
];

/// The first moment after a day in the default zone.
fn end_of(day: NaiveDate) -> DateTime<Utc> {
    let midnight = (day + Days::new(1)).and_hms_opt(0, 0, 0).unwrap();
    zones::DEFAULT.from_local_datetime(&midnight).unwrap().to_utc()
}

fn move_to(app: &TestApp, at: DateTime<Utc>) {
    app.kernel.env.advance(at - app.kernel.env.now());
}

async fn column<T>(app: &TestApp, sql: &'static str) -> Vec<T>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(sql).fetch_all(&app.kernel.db).await.unwrap()
}

/// Those of the needles that a file of the database holds.
async fn in_files(app: &TestApp, needles: &[Vec<u8>]) -> Vec<String> {
    sqlx::query("CHECKPOINT").execute(&app.kernel.db).await.unwrap();
    sqlx::query_scalar(
        "SELECT DISTINCT d.file || ': ' || encode(substr(n.needle, 1, 12), 'hex')
         FROM (SELECT 'base/' || oid AS folder FROM pg_database WHERE datname = current_database()) b,
              LATERAL (SELECT b.folder || '/' || f AS file, pg_read_binary_file(b.folder || '/' || f, 0, 1000000000, true) AS content
                       FROM pg_ls_dir(b.folder) f WHERE f ~ '^[0-9]') d,
              unnest($1::bytea[]) n (needle)
         WHERE position(n.needle IN d.content) > 0 ORDER BY 1",
    )
    .bind(needles)
    .fetch_all(&app.kernel.db)
    .await
    .unwrap()
}

/// One action of each kind, of which Amara and Bo took part in each, confirmed and not; Bo's texts are long.
async fn everything(app: &TestApp, token: &str, prefix: &str, more: &Value) -> Vec<Uuid> {
    let with = |slug: &str| {
        let mut body = json!({"muster:slug": format!("{prefix}-{slug}")});
        merge(&mut body, more.clone());
        body
    };
    let ids = vec![
        app.petition(token, with("p")).await,
        event(app, token, with("e")).await,
        letter_action(app, token, with("l")).await,
        call_action(app, token, with("call")).await,
    ];
    for (collection, kind, list) in KINDS {
        let path = format!("/api/v1/{collection}/{prefix}-{kind}/{list}");
        for (name, is_long) in [("amara", false), ("bo", true)] {
            let address = format!("{name}-{prefix}@example.org");
            let mut body = signer(&address);
            body["muster:consents"] = json!({"updates": true});
            if is_long && list == "signatures" {
                body["comments"] = json!("status ".repeat(500));
            }
            app.post(&path, None, &body).await.expect(202);
            confirm(app, &address).await;
            app.post(&path, None, &body).await.expect(202);
        }
    }
    ids
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
#[allow(clippy::too_many_lines, reason = "one life, from the first act to the last byte")]
async fn nothing_of_those_who_took_part_is_left_in_any_file(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    office(&app, &token, "minister").await;
    let today = app.kernel.env.now().with_timezone(&*zones::DEFAULT).date_naive();
    let last_day = today + Days::new(20);
    let mut ended = Vec::new();
    for (prefix, privacy) in [("safe", "protected"), ("plain", "standard")] {
        let more = json!({"muster:privacy": privacy, "muster:destroy_after": last_day.to_string()});
        ended.extend(everything(&app, &token, prefix, &more).await);
    }
    // an import that was not started, a rule, suppressions; and somebody who took part in what goes on
    let import = axum::http::Request::post("/api/v1/petitions/plain-p/imports?name=list.csv")
        .header("OSDI-API-Token", &token)
        .header("content-type", "text/csv; charset=utf-8");
    let csv = "Name,E-mail\nCeleste,celeste@example.org\n";
    app.send(import.body(axum::body::Body::from(csv)).unwrap()).await.expect(201);
    let rule = json!({"effect": "invalidate", "rule": {"name": "nobody"}, "reason": "test", "dry_run": false});
    app.post("/api/v1/petitions/plain-p/invalidations", t, &rule).await.expect(202);
    sqlx::query(
        "INSERT INTO suppressions (id, vault_id, address_index, reason, created_at)
         SELECT gen_random_uuid(), p.vault_id, p.email_index, 'unsubscribed', now() FROM people p
         JOIN vaults v ON v.id = p.vault_id WHERE v.kind = 'protected'",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    app.petition(&token, json!({"muster:slug": "stays"})).await;
    for address in ["dana@example.org", "amara-plain@example.org"] {
        app.post("/api/v1/petitions/stays/signatures", None, &signer(address)).await.expect(202);
        confirm(&app, address).await;
    }
    app.tick().await;
    // as autovacuum does at some time: the planner's statistics are files, too
    sqlx::raw_sql("ANALYZE").execute(&app.kernel.db).await.unwrap();
    let total = async |(collection, kind, _): (&str, &str, &str), prefix: &str| {
        let shown = app.get(&format!("/api/v1/{collection}/{prefix}-{kind}"), t).await.expect(200);
        ["total_signatures", "total_accepted", "total_outreaches"].iter().find_map(|name| shown[*name].as_i64())
    };
    let mut totals = Vec::new();
    for kind in KINDS {
        for prefix in ["safe", "plain"] {
            totals.push(total(kind, prefix).await);
        }
    }
    // those of the protected ones are published, in tens
    assert_eq!(totals, [Some(0), Some(2)].repeat(KINDS.len()));

    // what is planted: all that is sealed for these actions, the indexes of the addresses, and the addresses
    let kept = "SELECT p.email_index FROM people p JOIN signatures s ON s.person_id = p.id
                JOIN actions a ON a.id = s.petition_id WHERE a.slug = 'stays'";
    let stays: Vec<Vec<u8>> = column(&app, kept).await;
    let sealed = "SELECT s.sealed FROM signatures s JOIN actions a ON a.id = s.petition_id WHERE a.slug <> 'stays'
                  UNION SELECT sealed FROM attendances UNION SELECT sealed FROM letters UNION SELECT sealed FROM calls UNION SELECT sealed FROM import_chunks
                  UNION SELECT rule FROM invalidations
                  UNION SELECT p.sealed FROM people p JOIN vaults v ON v.id = p.vault_id WHERE v.kind = 'protected'
                  UNION SELECT p.sealed FROM people p WHERE p.vault_id IN (SELECT id FROM vaults WHERE kind = 'organization')
                        AND NOT EXISTS (SELECT FROM signatures s JOIN actions a ON a.id = s.petition_id
                                        WHERE s.person_id = p.id AND a.slug = 'stays')";
    let sealed: Vec<Vec<u8>> = column::<Option<Vec<u8>>>(&app, sealed).await.into_iter().flatten().collect();
    assert!(sealed.len() >= 34, "{}", sealed.len());
    assert!(sealed.iter().any(|bytes| bytes.len() > 2000), "one that stands in the TOAST table");
    let mut indexes: Vec<Vec<u8>> = column(&app, "SELECT email_index FROM people WHERE email_index IS NOT NULL").await;
    indexes.retain(|index| !stays.contains(index));
    assert_eq!(indexes.len(), 9, "two in each protected vault, and Bo");
    let mut needles: Vec<Vec<u8>> = sealed.iter().map(|bytes| bytes[8..72].to_vec()).collect();
    needles.extend(indexes);
    assert!(in_files(&app, &needles).await.len() >= needles.len(), "they are found before");
    needles.extend(["amara-safe@example.org", "bo-plain@example.org", "celeste@"].map(|text| text.as_bytes().to_vec()));
    let own_pages = [
        ("signatures", MANAGE_SIGNATURE),
        ("attendances", MANAGE_ATTENDANCE),
        ("letters", MANAGE_LETTER),
        ("calls", MANAGE_CALL),
    ];
    let mut links = Vec::new();
    for (table, purpose) in own_pages {
        let sql = format!("SELECT id, link_generation FROM {table} WHERE sealed IS NOT NULL");
        let rows: Vec<(Uuid, i16)> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap();
        links.extend(rows.into_iter().map(|(id, generation)| app.kernel.links.url(purpose, id, generation)));
    }
    let of_stays = "SELECT s.id FROM signatures s JOIN actions a ON a.id = s.petition_id WHERE a.slug = 'stays'";
    let of_stays: Vec<Uuid> = column(&app, of_stays).await;
    links.retain(|link| of_stays.iter().all(|id| *link != app.kernel.links.url(MANAGE_SIGNATURE, *id, 0)));

    // until midnight of the last day, in the zone of the action, nothing ends
    move_to(&app, end_of(last_day) - TimeDelta::minutes(2));
    // what was put off over the daily number of mails was due long ago
    app.mail().await;
    app.tick().await;
    assert_eq!(app.count("SELECT count(*) FROM action_ends").await, 0);
    assert_eq!(app.get("/p/safe-p", None).await.status, 200);
    let wrapped = "SELECT count(*) FROM vaults WHERE wrapped_keys IS NOT NULL";
    assert_eq!(app.count(wrapped).await, 5);

    move_to(&app, end_of(last_day) + TimeDelta::seconds(10));
    app.tick().await;
    // the keys first, from the file of this host, too
    assert_eq!(app.count(wrapped).await, 1);
    assert!(app.kernel.vaults.keyring().vault_keys().unwrap().is_empty());
    assert_eq!(app.count("SELECT count(*) FROM actions WHERE state = 'ended'").await, 8);
    assert_eq!(
        app.count("SELECT count(*) FROM action_state_changes WHERE state = 'ended' AND organizer_id IS NULL").await,
        8
    );
    app.expire_caches();
    let gone = async |with_rows: bool| {
        for (kind, prefix) in KINDS.into_iter().flat_map(|kind| ["safe", "plain"].map(|prefix| (kind, prefix))) {
            let (collection, page, list) = kind;
            for (locale, words) in ENDED {
                let shown = app.get(&format!("/{page}/{prefix}-{page}?lang={locale}"), None).await;
                assert_eq!(shown.status, 410, "/{page}/{prefix}-{page}");
                assert!(shown.text().contains(words) && !shown.text().contains("method=\"post\""), "{}", shown.text());
            }
            let path = format!("/api/v1/{collection}/{prefix}-{page}");
            let body = signer("late@example.org");
            for (method, path, caller, body) in [
                ("POST", format!("{path}/{list}"), None, &body),
                ("POST", format!("{path}/{list}"), t, &body),
                ("PUT", path.clone(), t, &json!({"title": "Again"})),
                ("DELETE", path.clone(), t, &Value::Null),
                ("POST", format!("{path}/destroy"), t, &json!({"slug": format!("{prefix}-{page}")})),
            ] {
                let reply = match method {
                    "PUT" => app.put(&path, caller, body).await,
                    "DELETE" => app.delete(&path, caller).await,
                    _ => app.post(&path, caller, body).await,
                };
                assert_eq!(reply.status, 410, "{method} {path} {:?}: {}", caller.is_some(), reply.text());
                reply.problem(410, "action_ended", &[]);
            }
            let shown = app.get(&path, t).await.expect(200);
            assert_eq!(shown["muster:status"], "ended");
            assert!(shown["muster:ended_date"].is_string());
            assert_eq!(total(kind, prefix).await, Some(if prefix == "safe" { 0 } else { 2 }), "{path}");
            if !with_rows {
                let list = app.get(&format!("{path}/{list}"), t).await.expect(200);
                assert_eq!(list["total_records"], 0);
            }
        }
        for link in &links {
            let path = app.path_of(link);
            for reply in [app.get(path, None).await, app.press_path(path).await] {
                assert_eq!(reply.status, 410, "{}", reply.text());
            }
        }
    };
    gone(true).await;

    // rows, after what was accepted before the end has been written; the job may be killed between any two steps
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM action_ends WHERE rows_gone_at IS NULL").await, 8);
    app.kernel.env.advance(TimeDelta::minutes(15));
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM action_ends WHERE rows_gone_at IS NULL").await, 0);
    // a table that autovacuum looks at in this moment waits for the next round
    let mut waiting: Vec<String> = Vec::new();
    for _ in 0..20 {
        worker::run_maintenance(&app.app).await.unwrap();
        waiting = column(&app, "SELECT name FROM table_sweeps ORDER BY name").await;
        if waiting.is_empty() {
            break;
        }
    }
    assert_eq!(waiting, Vec::<String>::new());
    assert_eq!(in_files(&app, &needles).await, Vec::<String>::new());
    assert_eq!(app.count("SELECT count(*) FROM people").await, 2, "who took part in what goes on");
    let waiting = "SELECT kind FROM emails_waiting WHERE kind LIKE '%confirm'";
    assert_eq!(column::<String>(&app, waiting).await, Vec::<String>::new());
    for table in
        ["attendances", "letters", "outreaches", "calls", "imports", "import_chunks", "invalidations", "suppressions"]
    {
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&app.kernel.db)
            .await
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    gone(false).await;

    // what goes on is whole
    app.tick().await;
    let list = app.get("/api/v1/petitions/stays/signatures", t).await.expect(200);
    assert_eq!(list["total_records"], 2);
    assert!(list.to_string().contains("amara-plain@example.org") && list.to_string().contains("dana@example.org"));
    assert_eq!(campaigns::open_ends(&mut app.kernel.db.acquire().await.unwrap()).await.unwrap().len(), 0);
    assert_eq!(ended.len(), 8);
}

/// A person, her vault, what is sealed of her, and how the vault's keys are wrapped.
type Dumped = (Uuid, Uuid, Option<Vec<u8>>, Option<String>, Option<Vec<u8>>);

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_old_dump_opens_nothing_with_the_keys_of_today(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    // protected petitions keep no contact of who has confirmed; events do
    event(&app, &token, json!({"muster:slug": "safe", "muster:privacy": "protected"})).await;
    app.post("/api/v1/events/safe/attendances", None, &signer("amara@example.org")).await.expect(202);
    confirm(&app, "amara@example.org").await;
    // the dump: the rows, and the wrapped keys of the vault
    let dump: Vec<Dumped> = sqlx::query_as(
        "SELECT p.id, v.id, p.sealed, v.wrapping_key, v.wrapped_keys FROM people p JOIN vaults v ON v.id = p.vault_id",
    )
    .fetch_all(&app.kernel.db)
    .await
    .unwrap();
    let [(person, vault, Some(sealed), Some(name), Some(wrapped))] = &dump[..] else { panic!("{dump:?}") };
    let opened: Value = app.kernel.vaults.open(*vault).await.unwrap().open("people", *person, sealed).unwrap();
    assert!(opened.to_string().contains("amara@example.org"));

    let destroy = app.post("/api/v1/events/safe/destroy", Some(&token), &json!({"slug": "safe"})).await;
    destroy.expect(200);
    // restored, beside the key files as they are now
    sqlx::query("UPDATE vaults SET wrapping_key = $2, wrapped_keys = $3, destroyed_at = NULL WHERE id = $1")
        .bind(vault)
        .bind(name)
        .bind(wrapped)
        .execute(&app.kernel.db)
        .await
        .unwrap();
    app.beside().kernel.vaults.open(*vault).await.unwrap_err();
    app.expire_caches();
    app.kernel.vaults.open(*vault).await.unwrap_err();
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn dates_do_not_move_beyond_the_last_day(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let now = app.kernel.env.now();
    let day = |days: u64| (now.with_timezone(&*zones::DEFAULT).date_naive() + Days::new(days)).to_string();
    let at = |days: i64| (now + TimeDelta::days(days)).to_rfc3339();
    let more = json!({"muster:privacy": "protected", "muster:destroy_after": day(20)});
    event(&app, &token, more.clone()).await;
    let path = "/api/v1/events/assembly";
    for (body, pointers) in [
        (json!({"end_date": at(30)}), &["/end_date"][..]),
        (json!({"start_date": at(30)}), &["/start_date", "/end_date"]),
        (json!({"muster:closes_at": at(25)}), &["/muster:closes_at"]),
        (
            json!({"muster:sessions": [{"title": "a", "start_date": at(8)}, {"title": "b", "start_date": at(28)}]}),
            &["/muster:sessions/1/end_date"],
        ),
        // and the last day does not come before a date
        (json!({"muster:destroy_after": day(3)}), &["/muster:destroy_after"]),
        (json!({"muster:destroy_after": day(21)}), &["/muster:destroy_after"]),
        (json!({"muster:status": "ended"}), &["/muster:status"]),
    ] {
        let put = app.put(path, t, &body).await;
        assert_eq!(put.status, 422, "{body}: {}", put.text());
        put.problem(422, "validation_failed", pointers);
    }
    app.put(path, t, &json!({"end_date": at(19), "muster:closes_at": at(6)})).await.expect(200);
    app.put(path, t, &json!({"muster:destroy_after": day(19)})).await.expect(200);
    let body =
        json!({"title": "Late", "muster:privacy": "protected", "start_date": at(30), "muster:destroy_after": day(20)});
    app.post("/api/v1/events", t, &body).await.problem(422, "validation_failed", &["/muster:destroy_after"]);

    // standard: a day of its own may move both ways, and holds the dates as well
    app.petition(&token, json!({"muster:closes_at": at(5)})).await;
    let path = "/api/v1/petitions/status";
    let shown = async || app.get(path, t).await.expect(200)["muster:destroy_after"].clone();
    let in_a_year = (now + TimeDelta::days(5)).with_timezone(&*zones::DEFAULT).date_naive() + chrono::Months::new(12);
    assert_eq!(shown().await, in_a_year.to_string(), "the organization's default");
    app.put(path, t, &json!({"muster:closes_at": at(400)})).await.expect(200);
    app.put(path, t, &json!({"muster:closes_at": null})).await.expect(200);
    assert_eq!(shown().await, Value::Null, "open, and nobody said when it closes");
    for days in [40, 60, 30] {
        app.put(path, t, &json!({"muster:destroy_after": day(days)})).await.expect(200);
        assert_eq!(shown().await, day(days));
    }
    let put = app.put(path, t, &json!({"muster:closes_at": at(33)})).await;
    put.problem(422, "validation_failed", &["/muster:closes_at"]);
    let whole = app.get(path, t).await.expect(200);
    assert_eq!(app.put(path, t, &whole).await.expect(200)["muster:destroy_after"], day(30));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn standard_actions_end_after_the_months_of_their_organization(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let retention = async || app.get("/api/v1/retention", t).await.expect(200);
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "open"})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("amara@example.org")).await.expect(202);
    confirm(&app, "amara@example.org").await;
    app.put("/api/v1/petitions/status", t, &json!({"muster:status": "closed"})).await.expect(200);
    assert_eq!(retention().await["muster:retention_months"], 12);
    assert_eq!(retention().await["muster:ends_ahead"], 0);
    for months in [0, 121] {
        let put = app.put("/api/v1/retention", t, &json!({"muster:retention_months": months})).await;
        put.problem(422, "validation_failed", &["/muster:retention_months"]);
    }
    app.put("/api/v1/retention", t, &json!({"muster:retention_months": 2})).await.expect(200);
    app.kernel.env.advance(TimeDelta::days(40));
    assert_eq!(retention().await["muster:ends_ahead"], 1);
    app.tick().await;
    assert_eq!(app.count("SELECT count(*) FROM action_ends").await, 0);
    app.kernel.env.advance(TimeDelta::days(25));
    let late = retention().await;
    assert_eq!((&late["muster:ends_ahead"], &late["muster:ends_overdue"]), (&json!(0), &json!(1)));
    app.tick().await;
    assert_eq!(app.count("SELECT count(*) FROM action_ends").await, 1);
    assert_eq!(retention().await["muster:ends_overdue"], 0);
    app.kernel.env.advance(TimeDelta::minutes(3));
    worker::run_maintenance(&app.app).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0);
    let shown = app.get("/api/v1/petitions/status", None).await.expect(200);
    assert_eq!((&shown["muster:status"], &shown["total_signatures"]), (&json!("ended"), &json!(1)));
    assert_eq!(app.get("/api/v1/petitions/open", None).await.expect(200)["muster:status"], "published");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn destroying_at_once_needs_an_owner_and_the_slug(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    app.petition(&token, json!({"muster:slug": "draft", "muster:status": "draft"})).await;
    let destroy = async |slug: &str, typed: &str, caller: Option<&str>| {
        app.post(&format!("{PETITIONS}/{slug}/destroy"), caller, &json!({"slug": typed})).await
    };
    destroy("status", "other", t).await.problem(422, "validation_failed", &["/slug"]);
    assert_eq!(destroy("status", "status", None).await.status, 401);
    let theirs = app.token("Neighbours", "all").await;
    assert_eq!(destroy("status", "status", Some(&theirs)).await.status, 404);
    sqlx::query("UPDATE organizers SET role = 'organizer'").execute(&app.kernel.db).await.unwrap();
    app.expire_caches();
    destroy("status", "status", t).await.problem(403, "forbidden", &[]);
    let put = app.put("/api/v1/retention", t, &json!({"muster:retention_months": 2})).await;
    put.problem(403, "forbidden", &[]);
    sqlx::query("UPDATE organizers SET role = 'owner'").execute(&app.kernel.db).await.unwrap();
    app.expire_caches();
    assert_eq!(app.count("SELECT count(*) FROM action_ends").await, 0);

    destroy("status", "status", t).await.expect(200);
    assert!(app.kernel.vaults.keyring().vault_keys().unwrap().is_empty(), "at once");
    destroy("status", "status", t).await.problem(410, "action_ended", &[]);
    // a draft was never public, and does not become so
    destroy("draft", "draft", t).await.expect(200);
    assert_eq!(app.get("/p/draft", None).await.status, 404);
    let state = app.get("/api/v1/petitions/draft", t).await.expect(200)["muster:status"].clone();
    assert_eq!(state, "archived");
    let put = app.put("/api/v1/petitions/draft", t, &json!({"muster:status": "published"})).await;
    put.problem(410, "action_ended", &[]);
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'petition.destroy'").await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_has_ended_keeps_no_text(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    let kept = "SELECT count(*) FROM (SELECT state, sealed FROM attendances WHERE state IN ('cancelled', 'declined')
                    UNION ALL SELECT state, sealed FROM signatures WHERE state IN ('duplicate', 'withdrawn')
                    UNION ALL SELECT o.state, l.sealed FROM letters l JOIN outreaches o ON o.letter_id = l.id WHERE o.state = 'cancelled') x
                WHERE sealed IS NOT NULL";
    for (slug, privacy) in [("open", "standard"), ("safe", "protected")] {
        let more = json!({"muster:slug": slug, "muster:privacy": privacy, "capacity": 1, "muster:waitlist": false});
        event(&app, &token, more).await;
        let path = format!("/api/v1/events/{slug}/attendances");
        for address in ["amara@example.org", "bo@example.org", "amara@example.org"] {
            app.post(&path, None, &signer(address)).await.expect(202);
            let pending: Vec<Uuid> = column(&app, "SELECT id FROM attendances WHERE state = 'pending'").await;
            assert_eq!(app.press(&app.kernel.links.url(CONFIRM_ATTENDANCE, pending[0], 0)).await.status, 200);
        }
        // Bo was declined, and Amara's second registration has replaced the first
        let sql = format!(
            "SELECT array_agg(a.state ORDER BY a.state) FROM attendances a JOIN actions e ON e.id = a.event_id WHERE e.slug = '{slug}'"
        );
        let states: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&app.kernel.db).await.unwrap();
        assert_eq!(states, ["accepted", "cancelled", "declined"]);
        assert_eq!(app.count(kept).await, 0, "at once: {slug}");
        assert!(app.mail_to("bo@example.org").await.iter().any(|mail| mail.kind == "event_declined"), "and is told");

        // cancelled by link
        let sql = "SELECT a.id FROM attendances a WHERE a.state = 'accepted'";
        let own: Vec<Uuid> = column(&app, sql).await;
        let link = app.kernel.links.url(MANAGE_ATTENDANCE, own[0], 0);
        assert_eq!(app.press(&link).await.status, 200);
        assert_eq!(app.count("SELECT count(*) FROM attendances WHERE state = 'accepted'").await, 0);
        assert_eq!(app.count(kept).await, 0, "before the mail has gone");
        let told = app.mail_to("amara@example.org").await;
        assert_eq!(
            told.iter().filter(|mail| mail.kind == "event_cancelled_by_you").count(),
            if slug == "open" { 1 } else { 2 }
        );
    }
    // without confirmation: a second signature, whose mail speaks of the first
    for _ in 0..2 {
        app.post("/api/v1/petitions/status/signatures", None, &signer("dana@example.org")).await.expect(202);
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'duplicate'").await, 1);
    assert_eq!(app.count(kept).await, 0);
    assert_eq!(app.mail_to("dana@example.org").await.len(), 2);
    // a letter that was not sent
    app.post("/api/v1/advocacy_campaigns/write/outreaches", None, &signer("amara@example.org")).await.expect(202);
    confirm(&app, "amara@example.org").await;
    let letters: Vec<Uuid> = column(&app, "SELECT id FROM letters").await;
    let link = app.kernel.links.url(MANAGE_LETTER, letters[0], 0);
    assert_eq!(app.press(&link).await.status, 200);
    assert_eq!(app.get(app.path_of(&link), None).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM outreaches WHERE state = 'cancelled'").await, 1);
    assert_eq!(app.count(kept).await, 0);
    app.get("/api/v1/advocacy_campaigns/write/outreaches", t).await.expect(200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_change_that_races_a_cancellation_brings_nothing_back(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({})).await;
    for n in 0..20 {
        let body = signer(&format!("amara{n}@example.org"));
        let made = app.post("/api/v1/events/assembly/attendances", Some(&token), &body).await;
        let path = format!("/api/v1/events/assembly/attendances/{}", TestApp::created(&made));
        let change = json!({"muster:access_needs": "a ramp"});
        let (put, deleted) = tokio::join!(app.put(&path, Some(&token), &change), app.delete(&path, Some(&token)));
        assert!([200, 409].contains(&put.status.as_u16()), "{}", put.text());
        deleted.expect(200);
    }
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE state = 'cancelled' AND sealed IS NULL").await, 20);
}
