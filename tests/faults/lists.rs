//! Lists, dashboards, upkeep and the tick over large tables: nothing reads a whole one.

use std::{collections::BTreeMap, sync::Arc};

use muster::{kernel::cache_invalidation::CacheInvalidation, mail::Engine};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    fixtures::{AllResources, create_all_resources},
    harness::{Reply, TestApp, table_reads},
    ui::sessions,
};

/// Rows in each large table.
const ROWS: i64 = 300_000;
/// Rows that a request may read in scans of whole tables: small tables are read so.
const SMALL: i64 = 2_000;

/// Fills the large tables: all rows belong to one petition, event, letter action, broadcast and organization.
async fn fill(app: &TestApp, ours: &AllResources) {
    let mut conn = app.kernel.db.acquire().await.unwrap();
    let sql = format!(
        "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '256MB';
         CREATE TEMP TABLE seed AS SELECT uuid_v7(now() - n * interval '7 seconds') AS id, n, now() - n * interval '7 seconds' AS at
             FROM generate_series(1, {ROWS}) n;
         INSERT INTO people (id, vault_id, email_index, sealed, locale, created_at, modified_at, confirmed_at)
             SELECT s.id, v.id, sha256(s.id::text::bytea), '\\x00', (ARRAY['en', 'fr', 'es'])[1 + s.n % 3], s.at, s.at, s.at
             FROM seed s, vaults v WHERE v.kind = 'organization';
         INSERT INTO signatures (id, petition_id, person_id, state, comment_state, country, region, source, reminded, created_at, counted_at, confirm_expires_at, ended_at)
             SELECT s.id, '{petition}', s.id, CASE WHEN s.n % 1000 = 0 THEN 'quarantined' WHEN s.n % 1000 = 1 THEN 'invalid' WHEN s.n % 5 = 0 THEN 'pending' ELSE 'counted' END,
                    CASE WHEN s.n % 1000 = 2 THEN 'waiting' ELSE 'none' END, (ARRAY['CA', 'MX', 'PH'])[1 + s.n % 3], 'ON', CASE WHEN s.n % 7 = 0 THEN 'flyer' END, s.n % 50 <> 0,
                    s.at, CASE WHEN s.n % 5 = 0 AND s.n % 1000 <> 0 THEN NULL ELSE s.at END, now() + interval '1 day', CASE WHEN s.n % 1000 = 1 THEN s.at END
             FROM seed s;
         INSERT INTO attendances (id, event_id, person_id, state, party_size, waitlist_position, created_at, accepted_at)
             SELECT s.id, '{event}', s.id, CASE WHEN s.n % 100 = 0 THEN 'waitlisted' WHEN s.n % 100 = 1 THEN 'cancelled' ELSE 'accepted' END, 1 + s.n % 3, s.n, s.at, s.at FROM seed s;
         INSERT INTO letters (id, letter_action_id, person_id, state, locale, created_at, confirmed_at)
             SELECT s.id, '{letter}', s.id, 'confirmed', 'en', s.at, s.at FROM seed s;
         INSERT INTO outreaches (id, letter_id, letter_action_id, office_id, state, created_at, sent_at)
             SELECT s.id, s.id, '{letter}', '{office}', CASE WHEN s.n % 1000 = 0 THEN 'failed' ELSE 'sent' END, s.at, s.at FROM seed s;
         INSERT INTO emails_settled (id, organization_id, class, kind, refs, state, due_at, created_at, settled_at)
             SELECT s.id, v.organization_id, (ARRAY['confirmation', 'notice', 'update'])[1 + s.n % 3], 'petition_confirm', '{{}}',
                    CASE WHEN s.n % 1000 = 0 THEN 'failed' WHEN s.n % 1000 = 1 THEN 'uncertain' ELSE 'sent' END, s.at, s.at, s.at
             FROM seed s, vaults v WHERE v.kind = 'organization';
         INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, state, due_at, created_at)
             SELECT gen_random_uuid(), v.organization_id, CASE WHEN s.n % 2 = 0 THEN 'letter' ELSE 'notice' END, 'letter_deliver',
                    CASE WHEN s.n % 2 = 0 THEN 'lane-' || s.n % 20 ELSE '' END, '{{}}', 'queued', now() + interval '1 day', s.at
             FROM seed s, vaults v WHERE v.kind = 'organization';
         INSERT INTO audit_entries (id, organization_id, organizer_id, verb, object_id, created_at)
             SELECT s.id, r.organization_id, r.id, (ARRAY['petition.edit', 'signature.add', 'mail.retry'])[1 + s.n % 3], s.id, s.at FROM seed s, (SELECT * FROM organizers LIMIT 1) r;
         INSERT INTO broadcast_recipients (broadcast_id, person_id, state)
             SELECT '{broadcast}', s.id, CASE WHEN s.n % 1000 = 0 THEN 'failed' ELSE 'sent' END FROM seed s;
         INSERT INTO action_counts (action_id, dimension, key, value, unpublished)
             SELECT s.id, 'total', '', 1, false FROM seed s;
         RESET session_replication_role; RESET synchronous_commit; RESET maintenance_work_mem; DROP TABLE seed;",
        petition = ours.petition,
        event = ours.event,
        letter = ours.letter_action,
        office = ours.office,
        broadcast = ours.broadcast,
    );
    // details that open, like those of somebody who is there
    let known = "SELECT vault_id, id, sealed FROM people WHERE sealed IS NOT NULL ORDER BY id LIMIT 1";
    let (vault, person, sealed): (Uuid, Uuid, Vec<u8>) = sqlx::query_as(known).fetch_one(&mut *conn).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *conn).await.unwrap();
    let vault = app.kernel.vaults.open(vault).await.unwrap();
    let details: Value = vault.open("people", person, &sealed).unwrap();
    let made = "SELECT id FROM people WHERE sealed = '\\x00'";
    let ids: Vec<Uuid> = sqlx::query_scalar(made).fetch_all(&mut *conn).await.unwrap();
    for some in ids.chunks(20_000) {
        let sealed: Vec<Vec<u8>> = some.iter().map(|id| vault.seal(&app.kernel.env, "people", *id, &details)).collect();
        sqlx::query("UPDATE people p SET sealed = v.sealed FROM unnest($1::uuid[], $2::bytea[]) v (id, sealed) WHERE p.id = v.id")
            .bind(some)
            .bind(&sealed)
            .execute(&mut *conn)
            .await
            .unwrap();
    }
    for table in BIG {
        sqlx::raw_sql(AssertSqlSafe(format!("VACUUM (ANALYZE) {table}"))).execute(&mut *conn).await.unwrap();
    }
}

/// The tables that are filled.
const BIG: [&str; 10] = [
    "people",
    "signatures",
    "attendances",
    "letters",
    "outreaches",
    "emails_settled",
    "emails_waiting",
    "audit_entries",
    "broadcast_recipients",
    "action_counts",
];

/// How many rows were read in scans of whole tables, by table.
async fn scanned(db: &PgPool) -> BTreeMap<String, i64> {
    let mut scanned = BTreeMap::new();
    for table in table_reads(db).await {
        let name = if table.name.starts_with("emails_settled") { "emails_settled".to_owned() } else { table.name };
        *scanned.entry(name).or_default() += table.scanned_rows;
    }
    scanned
}

/// Watches what is scanned between two looks.
struct Watch<'a> {
    app: &'a TestApp,
    before: BTreeMap<String, i64>,
}

impl<'a> Watch<'a> {
    async fn over(app: &'a TestApp) -> Self {
        Self { app, before: scanned(&app.kernel.db).await }
    }

    async fn nothing_was_scanned(&mut self, what: &str) {
        let now = scanned(&self.app.kernel.db).await;
        for table in BIG {
            let read = now[table] - self.before.get(table).copied().unwrap_or(0);
            assert!(read <= SMALL, "{what} reads {read} rows of {table} in a scan of the whole table");
        }
        self.before = now;
    }
}

fn encoded(filter: &str) -> String {
    url::form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The fields of a list, as its refusal of an unknown one names them.
async fn fields_of(app: &TestApp, list: &str, token: &str) -> Vec<String> {
    let refused = app.get(&format!("{list}?filter=nothing%20eq%201"), Some(token)).await;
    if refused.status != 400 {
        return Vec::new();
    }
    let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
    let Some((_, names)) = detail.split_once("one of the fields ") else { return Vec::new() };
    names.split(", ").map(|name| name.trim_end_matches('.').to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Conditions over a field, whatever it holds: those that the list takes.
async fn conditions(app: &TestApp, list: &str, token: &str, field: &str, id: Uuid) -> Vec<String> {
    let mut accepted = Vec::new();
    let ask = |condition: String| async move {
        app.get(&format!("{list}?per_page=5&filter={}", encoded(&condition)), Some(token)).await
    };
    let refused = ask(format!("{field} eq 'no such value'")).await;
    let detail = if refused.status == 400 {
        refused.json()["detail"].as_str().unwrap_or_default().to_owned()
    } else {
        String::new()
    };
    let values: Vec<String> = match detail.split_once("one of '") {
        Some((_, values)) => {
            values.trim_end_matches('.').split(", ").map(|v| format!("'{}'", v.trim_matches('\''))).collect()
        }
        None => ["'no such value'", "'2027-01-01'", "'2026-11-01'", "1", "true"]
            .iter()
            .map(|value| (*value).to_owned())
            .chain([format!("'{id}'"), format!("'muster:{id}'")])
            .collect(),
    };
    for operator in ["eq", "ne", "ge", "lt"] {
        for value in &values {
            let condition = format!("{field} {operator} {value}");
            if ask(condition.clone()).await.status == 200 {
                accepted.push(condition);
            }
        }
    }
    assert!(!accepted.is_empty(), "{list}: no condition over {field} is taken");
    accepted
}

async fn page(app: &TestApp, path: &str, token: &str) -> Value {
    let reply: Reply = app.get(path, Some(token)).await;
    assert!(reply.status == 200, "{path}: {}", reply.text());
    reply.json()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lists_and_cleanup_never_scan_a_whole_table(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__GUARD__PEOPLE_PER_DAY", "1000000")]).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let token = ours.token.as_str();
    let session = sessions::sign_in(&app).await;
    fill(&app, &ours).await;
    let api: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let lists: Vec<String> = api["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, methods)| {
            methods.get("get").is_some()
                && ![Some("csv"), Some("xlsx")].contains(&path.rsplit_once('.').map(|(_, ending)| ending))
        })
        .map(|(path, _)| {
            path.replace("{signature}", &ours.signature.to_string())
                .replace("{attendance}", &ours.attendance.to_string())
                .replace("{outreach}", &ours.outreach.to_string())
                .replace("petitions/{id}", &format!("petitions/{}", ours.petition))
                .replace("events/{id}", &format!("events/{}", ours.event))
                .replace("advocacy_campaigns/{id}", &format!("advocacy_campaigns/{}", ours.letter_action))
                .replace("phone_campaigns/{id}", &format!("phone_campaigns/{}", ours.call_action))
                .replace("broadcasts/{id}", &format!("broadcasts/{}", ours.broadcast))
                .replace("people/{id}", &format!("people/{}", ours.person))
                .replace("offices/{id}", &format!("offices/{}", ours.office))
                .replace("officials/{id}", &format!("officials/{}", ours.official))
                .replace("campaigns/{id}", &format!("campaigns/{}", ours.campaign))
                .replace("updates/{id}", &format!("updates/{}", ours.update))
        })
        .filter(|path| !path.contains('{'))
        .collect();
    assert!(lists.len() > 30, "{lists:?}");

    let mut watch = Watch::over(&app).await;
    let mut filtered = 0;
    for list in &lists {
        for who in [Some(token), None] {
            app.get(list, who).await;
            watch.nothing_was_scanned(list).await;
        }
        for field in fields_of(&app, list, token).await {
            for condition in conditions(&app, list, token, &field, ours.person).await {
                filtered += 1;
                watch.nothing_was_scanned(&format!("{list} with {condition}")).await;
            }
        }
    }
    assert!(filtered > 100, "only {filtered} filters were tried");

    let at = |list: &str, more: &str| format!("{list}?per_page=100{more}");
    for list in [
        format!("/api/v1/petitions/{}/signatures", ours.petition),
        format!("/api/v1/events/{}/attendances", ours.event),
        format!("/api/v1/advocacy_campaigns/{}/outreaches", ours.letter_action),
        format!("/api/v1/broadcasts/{}/recipients", ours.broadcast),
        "/api/v1/people".to_owned(),
        "/api/v1/audit".to_owned(),
        "/api/v1/mail".to_owned(),
    ] {
        let first = page(&app, &at(&list, ""), token).await;
        let total = first["total_records"].as_i64().unwrap();
        assert_eq!(first["muster:total_is_estimate"], true, "{list}");
        assert!((ROWS / 2..ROWS * 4).contains(&total), "{list} has about {total}");
        // a late page by its number, and the one after it by its key
        let deep = page(&app, &at(&list, "&page=2900"), token).await;
        let next = deep["_links"]["next"]["href"].as_str().unwrap_or_else(|| panic!("{list} goes on")).to_owned();
        let by_key = page(&app, app.path_of(&next), token).await;
        assert_eq!(by_key["_embedded"], page(&app, &at(&list, "&page=2901"), token).await["_embedded"], "{list}");
        let past = page(&app, &at(&list, "&page=900000000"), token).await;
        assert_eq!(past["_embedded"].as_object().unwrap().values().next().unwrap(), &json!([]), "{list}");
        watch.nothing_was_scanned(&list).await;
    }

    for path in [
        "/console".to_owned(),
        "/console/mail".to_owned(),
        "/console/broadcasts".to_owned(),
        format!("/console/broadcasts/{}", ours.broadcast),
        format!("/console/petitions/{}", ours.petition),
    ] {
        let shown = sessions::get(&app, &path, &session).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.text());
        watch.nothing_was_scanned(&path).await;
    }
    app.tick().await;
    watch.nothing_was_scanned("the tick").await;
    // the gauges of the queue, which the mail engine shows when it stops, too
    let engine = Engine::new(app.kernel.clone(), app.app.mail_kinds()).unwrap();
    let stopped = CancellationToken::new();
    stopped.cancel();
    Arc::new(engine).run(stopped).await;
    watch.nothing_was_scanned("showing the queue").await;
    let retried = app.post("/api/v1/mail/retry", Some(token), &json!({})).await.expect(200);
    assert_eq!((&retried["muster:retried"], &retried["muster:goes_on"]), (&json!(300), &json!(false)));
    watch.nothing_was_scanned("sending again").await;
    // seats that nobody counted are counted now: not more than there is room for
    muster::worker::run_maintenance(&app.app).await.unwrap();
    watch.nothing_was_scanned("upkeep").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn partial_search_continues_with_its_next_link(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    let token = ours.token.as_str();
    let sql = format!(
        "SET LOCAL session_replication_role = replica;
         INSERT INTO signatures (id, petition_id, person_id, state, region, created_at, counted_at)
         SELECT uuid_v7(now() - n * interval '1 minute'), '{}', gen_random_uuid(), 'counted', CASE WHEN n IN (100, 130000) THEN 'QC' ELSE 'ON' END, now(), now()
         FROM generate_series(1, 150000) n",
        ours.petition
    );
    let mut tx = app.kernel.db.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::raw_sql("ANALYZE signatures").execute(&app.kernel.db).await.unwrap();
    let list = format!("/api/v1/petitions/{}/signatures?filter=region%20eq%20%27QC%27", ours.petition);
    let first = page(&app, &list, token).await;
    let found = |body: &Value| body["_embedded"]["osdi:signatures"].as_array().unwrap().len();
    assert_eq!((found(&first), &first["muster:is_partial"]), (1, &json!(true)), "{first}");
    assert_eq!(first["muster:total_is_estimate"], true);
    let second = page(&app, app.path_of(first["_links"]["next"]["href"].as_str().unwrap()), token).await;
    assert_eq!((found(&second), second.get("muster:is_partial")), (1, None), "{second}");
    assert!(second["_links"].get("next").is_none());
    // a page that is not reached by trying so many is refused by name
    let far = app.get(&format!("{list}&page=50"), Some(token)).await;
    far.problem(400, "invalid_parameter", &[]);
    assert!(far.text().contains("page: "), "{}", far.text());
    // a rare condition that an index answers is found among all of them
    let rare = format!("/api/v1/petitions/{}/signatures?filter=muster:state%20eq%20%27quarantined%27", ours.petition);
    let none = page(&app, &rare, token).await;
    assert_eq!((none["total_records"].as_i64(), none.get("muster:total_is_estimate")), (Some(0), None));
    app.get(&format!("{list}&after=x"), Some(token)).await.problem(400, "invalid_parameter", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn failed_mail_is_retried_in_job_steps(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    sqlx::query(
        "INSERT INTO emails_settled (id, organization_id, class, kind, refs, state, due_at, created_at, settled_at)
         SELECT uuid_v7(now() - n * interval '1 second'), o.id, CASE WHEN n % 2 = 0 THEN 'notice' ELSE 'update' END, 'petition_thanks',
                jsonb_build_object('signature', gen_random_uuid()), 'failed', now(), now(), now() - interval '1 minute'
         FROM organizations o, generate_series(1, 20000) n",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let again =
        async |query: &str| app.post(&format!("/api/v1/mail/retry{query}"), Some(&token), &json!({})).await.expect(200);
    let queued = "SELECT count(*) FROM emails_waiting";
    let first = again("?filter=class%20eq%20%27notice%27").await;
    assert_eq!((&first["muster:retried"], &first["muster:goes_on"]), (&json!(3000), &json!(true)));
    assert_eq!(app.count(queued).await, 3000, "some at once");
    assert!(app.step("mail_retry").await);
    assert_eq!(app.count(queued).await, 3000, "it begins anew, since some may have failed again");
    // what fails from now on is not sent again by what was asked for before
    sqlx::query(
        "INSERT INTO emails_settled (id, organization_id, class, kind, refs, state, due_at, created_at, settled_at)
         SELECT uuid_v7(now()), o.id, 'notice', 'petition_thanks', '{}', 'failed', now(), now(), now() FROM organizations o",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    app.jobs().await;
    assert_eq!(app.count(queued).await, 10_000);
    assert_eq!(app.count("SELECT count(*) FROM emails_waiting WHERE class <> 'notice'").await, 0, "the filter holds");
    assert_eq!(app.count("SELECT (SELECT count(*) FROM mail_retries) + (SELECT count(*) FROM jobs)").await, 0);
    let audited = "SELECT sum((detail ->> 'mails')::bigint)::bigint FROM audit_entries WHERE verb = 'mail.retry_all'";
    assert_eq!(app.count(audited).await, 10_000);
    again("").await;
    app.jobs().await;
    assert_eq!(app.count(queued).await, 20_001);
}

/// How many rows of these tables were read, however they were found.
async fn read_of(db: &PgPool, tables: &[&str]) -> i64 {
    let of_these = table_reads(db).await.into_iter().filter(|table| tables.contains(&table.name.as_str()));
    of_these.map(|table| table.scanned_rows + table.fetched_rows).sum()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn past_actions_are_not_read_by_landing_pages_and_dashboard_nor_idle_ones_by_ticks(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let ours = create_all_resources(&app, "Alliance").await;
    sqlx::query("UPDATE actions SET campaign_id = $1").bind(ours.campaign).execute(&app.kernel.db).await.unwrap();
    let sql = "INSERT INTO actions (id, organization_id, campaign_id, vault_id, kind, slug, title, state, created_at, modified_at)
               SELECT uuid_v7(now() - n * interval '1 minute'), a.organization_id, a.campaign_id, a.vault_id, a.kind, a.kind || n, 'Over',
                      CASE WHEN a.kind = 'event' THEN 'published' ELSE 'closed' END, now() - n * interval '1 minute', now()
               FROM actions a, generate_series(1, 5000) n;
               -- large ones, whose breakdowns are published once a day
               UPDATE actions SET published_count = 150 WHERE kind = 'petition' AND title = 'Over';
               INSERT INTO petitions (id, breakdowns_due_on) SELECT id, current_date + 30 FROM actions WHERE kind = 'petition' AND title = 'Over';
               INSERT INTO letter_actions (id, live, live_at) SELECT id, true, now() FROM actions WHERE kind = 'letter' AND title = 'Over';
               INSERT INTO events (id, starts_at, ends_at, timezone, reminded_until)
               SELECT id, created_at - interval '9 days', created_at - interval '8 days', 'UTC', created_at FROM actions WHERE kind = 'event' AND title = 'Over';
               ANALYZE actions; ANALYZE events; ANALYZE petitions; ANALYZE letter_actions";
    sqlx::raw_sql(sql).execute(&app.kernel.db).await.unwrap();
    let session = sessions::sign_in(&app).await;
    let tables = ["actions", "events", "petitions", "letter_actions"];
    app.kernel.cache_invalidator.publish(CacheInvalidation::All);
    for path in ["/".to_owned(), "/c/alliance-campaign".to_owned(), "/console".to_owned()] {
        let before = read_of(&app.kernel.db, &tables).await;
        let shown = sessions::get(&app, &path, &session).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.text());
        assert!(shown.text().contains("Assembly"), "{path} shows what is ahead");
        let read = read_of(&app.kernel.db, &tables).await - before;
        assert!(read <= SMALL, "{path} reads {read} rows");
    }
    app.tick().await;
    for table in tables {
        let before = read_of(&app.kernel.db, &[table]).await;
        app.tick().await;
        let read = read_of(&app.kernel.db, &[table]).await - before;
        assert!(read <= SMALL, "a tick reads {read} rows of {table}");
    }
}
