//! Erasure over the whole database: every foreign key to a person, and every column that may lead to one without.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use base64::Engine as _;
use muster::{kernel::text::EmailAddress, people::ERASE_PERSON};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::{
    fixtures::{call_action, confirm, event, letter_action, office},
    harness::{TestApp, merge, signer},
};

const ZENO: &str = "zenobie.q@example.org";
const IMPORTS: &str = "/api/v1/petitions/status/imports";

/// What erasure does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The row is deleted.
    RowGoes,
    /// The row stays without what led to the person.
    Emptied,
    /// It never holds what leads to a person: a keyed hash under a secret of the day, or a hash of an id.
    Hashed,
    /// It stays, for the reason.
    Stays(&'static str),
}
use Fate::{Emptied, Hashed, RowGoes, Stays};

/// Every column of ids, bytes or JSON without a foreign key that can lead to a person, and what erasure does with it.
const LEADS: [(&str, Fate); 53] = [
    ("people.id", RowGoes),
    ("people.email_index", RowGoes),
    ("people.sealed", RowGoes),
    ("person_labels.label_index", RowGoes),
    ("submission_labels.label_index", RowGoes),
    ("submission_labels.submission_id", RowGoes),
    ("consents.id", RowGoes),
    ("signatures.id", RowGoes),
    ("signatures.sealed", RowGoes),
    ("signatures.name_index", RowGoes),
    ("signatures.import_id", RowGoes),
    ("signatures.invalidation_id", RowGoes),
    ("signature_signals.signature_id", RowGoes),
    ("signature_signals.network_tag", RowGoes),
    ("signature_signals.domain_tag", RowGoes),
    ("attendances.id", RowGoes),
    ("attendances.sealed", RowGoes),
    ("seat_holds.attendance_id", RowGoes),
    ("event_join_marks.mark", Hashed),
    ("letters.id", RowGoes),
    ("letters.sealed", RowGoes),
    ("outreaches.id", RowGoes),
    ("outreaches.email_id", RowGoes),
    ("calls.id", RowGoes),
    ("calls.sealed", RowGoes),
    ("broadcast_recipients.email_id", RowGoes),
    ("broadcasts.audience_cursor", Emptied),
    ("broadcasts.freeze_cursor", Emptied),
    ("broadcasts.enqueue_cursor", Emptied),
    // a mail that waits is cancelled; its id leads to nothing without its refs
    ("emails.refs", Emptied),
    ("emails.id", Stays("of a mail that was sent, kind, state and time stay, for the counts")),
    ("mail_bounce_lookups.id", RowGoes),
    ("mail_bounce_lookups.refs", RowGoes),
    ("mail_pending_callbacks.email_id", RowGoes),
    ("mail_pending_callbacks.refs", RowGoes),
    ("mail_lane_bounces.mail_id", Stays("the id of a mail without refs, counted for the official's mailbox")),
    ("address_strikes.address_index", RowGoes),
    ("suppressions.address_index", Stays("keeps the promise never to write again")),
    ("suppressions.trial", Emptied),
    ("idempotency_keys.resource_id", Emptied),
    ("idempotency_keys.key", Hashed),
    ("idempotency_keys.request", Hashed),
    ("audit_entries.object_id", Hashed),
    ("invalidations.after_id", Emptied),
    ("invalidations.rule", Emptied),
    ("jobs.cursor", Emptied),
    ("import_chunks.sealed", Emptied),
    ("confirmation_caps.address_hash", Hashed),
    ("attempts.key", Hashed),
    ("signature_bursts.tag", Hashed),
    ("erasures.id_hash", Hashed),
    ("delivery_receipts.receipts", Stays("handed over; without the row nobody can tell whose it was")),
    ("delivery_buckets.receipts", Stays("as delivery_receipts")),
];

/// All other columns of these types: of actions, offices, organizers, mail lanes, jobs, keys, secrets. What organizers publish
/// (contacts of an event, quotes) is theirs to change.
const OTHERS: [&str; 86] = [
    "action_count_deltas.action_id",
    "action_state_changes.id",
    "actions.id",
    "actions.texts",
    "allowances.id",
    "api_tokens.id",
    "api_tokens.token_hash",
    "audit_entries.detail",
    "audit_entries.id",
    "audit_seals.hash",
    "broadcasts.actions",
    "broadcasts.id",
    "broadcasts.texts",
    "campaigns.id",
    "campaigns.texts",
    "day_secrets.secret",
    "delivery_buckets.list_id",
    "delivery_receipts.list_id",
    "emails.claim_token",
    "emails.organization_id",
    "events.contacts",
    "event_walk_ins.device",
    "events.dropped_sessions",
    "events.joining",
    "events.known",
    "events.sessions",
    "images.bytes",
    "images.id",
    "imports.id",
    "imports.mapping",
    "imports.suggested",
    "invalidations.id",
    "invitations.id",
    "jobs.claim_token",
    "jobs.id",
    "keyring_database.id",
    "known_devices.token_hash",
    "leases.holder",
    "mail_bounce_lookups.organization_id",
    "mail_count_deltas.organization_id",
    "mail_counts.organization_id",
    "mail_lane_users.organization_id",
    "mail_minutes.organization_id",
    "mail_pauses_ended.organization_id",
    "mail_pending_callbacks.organization_id",
    "mail_retries.id",
    "mailboxes.id",
    "offices.hours",
    "offices.id",
    "offices.texts",
    "officials.id",
    "organizations.abuse_settings",
    "organizations.id",
    "organizers.id",
    "outreaches.official_id",
    "paper_batches.id",
    "partners.id",
    "partners.wording",
    "password_resets.id",
    "petition_deliveries.id",
    "petition_deliveries.receipts_list",
    "petition_deliveries.receipts_sha256",
    "petition_deliveries.regions",
    "petition_deliveries.stating_list",
    "petitions.fields",
    "petitions.questions",
    "process_heartbeats.process_id",
    "recounts.lease_token",
    "recovery_codes.code_hash",
    "second_factors.sealed",
    "sessions.id",
    "sessions.token_hash",
    "signature_bursts.process",
    "signature_signals.petition_id",
    "sources.id",
    "suppressions.id",
    "terms.id",
    "updates.figures",
    "updates.id",
    "updates.quotes",
    "updates.texts",
    "vaults.id",
    "vaults.wrapped_keys",
    "_sqlx_migrations.checksum",
    "saved_filters.conditions",
    "saved_filters.id",
];

async fn texts(app: &TestApp, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&app.kernel.db).await.unwrap()
}

async fn run(app: &TestApp, sql: &str) {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&app.kernel.db).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
}

/// Where something of a person is found: `table.column`, with what was found there.
type Found = BTreeMap<String, BTreeSet<String>>;

/// Looks for texts in every value of every table: in what is text or JSON, in ids, in bytes as hexadecimal digits, and in
/// all that the keyring opens.
async fn find(app: &TestApp, needles: &[String]) -> Found {
    let tables = texts(
        app,
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND c.relnamespace = 'public'::regnamespace ORDER BY 1",
    )
    .await;
    let mut vaults = Vec::new();
    for vault in texts(app, "SELECT id::text FROM vaults").await {
        vaults.push(app.kernel.vaults.open(vault.parse().unwrap()).await.unwrap());
    }
    let (mut found, mut opened) = (Found::new(), 0);
    for table in tables {
        for row in texts(app, &format!("SELECT to_jsonb(t)::text FROM {table} t")).await {
            let row: Value = serde_json::from_str(&row).unwrap();
            let columns = row.as_object().unwrap();
            let ids: Vec<Uuid> = columns.values().filter_map(|value| value.as_str()?.parse().ok()).collect();
            for (column, value) in columns {
                let mut said = vec![value.to_string().to_lowercase()];
                if let Some(bytes) = value.as_str().and_then(|value| hex::decode(value.strip_prefix("\\x")?).ok()) {
                    let one = ids.iter().flat_map(|id| vaults.iter().map(move |vault| (id, vault)));
                    for opens in one.filter_map(|(id, vault)| vault.open::<Value>(&table, *id, &bytes).ok()) {
                        opened += 1;
                        said.push(opens.to_string().to_lowercase());
                        let text = opens.as_str().and_then(|text| base64::prelude::BASE64_STANDARD.decode(text).ok());
                        said.extend(text.map(|text| String::from_utf8_lossy(&text).to_lowercase()));
                    }
                }
                let hits = needles.iter().filter(|needle| said.iter().any(|text| text.contains(needle.as_str())));
                for hit in hits {
                    found.entry(format!("{table}.{column}")).or_default().insert(hit.clone());
                }
            }
        }
    }
    assert!(opened > 8, "the others' rows are opened: {opened}");
    found
}

fn zeno() -> Value {
    let mut body = signer(ZENO);
    merge(
        &mut body["person"],
        json!({"given_name": "Zenobie", "family_name": "Quarshie", "phone_numbers": [{"number": "+1 416 555 0123"}]}),
    );
    body
}

async fn upload(app: &TestApp, token: &str, csv: String) -> Value {
    let request = Request::post(format!("{IMPORTS}?name=members.csv"))
        .header("OSDI-API-Token", token)
        .header(header::CONTENT_TYPE, "text/csv");
    app.send(request.body(Body::from(csv)).unwrap()).await.expect(201)
}

/// A file with her in the second line and near the end.
fn file(lines: usize) -> String {
    let line = |n: usize| match n {
        1 => format!("Zenobie,\"Quarshie\",{ZENO}\n"),
        n if n == lines - 3 => format!("\"Zenobie\nA.\",Quarshie,Zenobie Quarshie <{}>\n", ZENO.to_uppercase()),
        n => format!("Ana,Lopez,ana{n}@example.org\n"),
    };
    std::iter::once("given,family,email\n".to_owned()).chain((0..lines).map(line)).collect()
}

async fn start(app: &TestApp, token: &str, import: &Value, dry_run: bool) {
    let path = app.path_of(import["_links"]["muster:start"]["href"].as_str().unwrap()).to_owned();
    let mapping = json!({"email": "email", "given_name": "given", "family_name": "family"});
    app.post(&path, Some(token), &json!({"mapping": mapping, "dry_run": dry_run})).await.expect(202);
}

/// A person with everything of every kind, beside others. Returns her id.
async fn everything(app: &TestApp, token: &str) -> Uuid {
    let t = Some(token);
    office(app, token, "minister").await;
    letter_action(app, token, json!({})).await;
    app.put("/api/v1/advocacy_campaigns/write", t, &json!({"muster:live": true})).await.expect(200);
    letter_action(app, token, json!({"muster:slug": "held"})).await;
    app.petition(token, json!({})).await;
    app.petition(token, json!({"muster:slug": "both", "muster:letter": "held"})).await;
    event(app, token, json!({"capacity": 20})).await;
    call_action(app, token, json!({})).await;
    for body in [zeno(), signer("bo@example.org")] {
        let address = body["person"]["email_addresses"][0]["address"].as_str().unwrap().to_owned();
        let mut body = body;
        merge(&mut body, json!({"muster:consents": {"updates": true}, "comments": "For my sister"}));
        for path in [
            "petitions/status/signatures",
            "events/assembly/attendances",
            "advocacy_campaigns/write/outreaches",
            "phone_campaigns/phone/outreaches",
            "petitions/both/signatures",
        ] {
            app.post(&format!("/api/v1/{path}"), None, &body).await.expect(202);
            confirm(app, &address).await;
        }
        app.post("/api/v1/petitions/status/signatures", None, &body).await.expect(202);
    }
    // by organizers: labels, a vouched registration with a key, reading, editing, a broadcast, a rule
    let mut noted = zeno();
    merge(&mut noted, json!({"add_tags": ["night shift"]}));
    merge(&mut noted["person"], json!({"identifiers": ["crm:4"], "custom_fields": {"shirt": "L"}}));
    let key = [("Idempotency-Key", "one")];
    let person = app.request(Method::POST, "/api/v1/people", t, &key, Some(&noted)).await.id();
    app.get(&format!("/api/v1/people/{person}"), t).await.expect(200);
    let mut entered = zeno();
    merge(&mut entered, json!({"identifiers": ["crm:4"]}));
    app.post("/api/v1/events/assembly/attendances", t, &entered).await.expect(200);
    app.put(&format!("/api/v1/people/{person}"), t, &json!({"family_name": "Quarshie-Ba"})).await.expect(200);
    let news = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": {"actions": ["status"]}});
    let broadcast = TestApp::created(&app.post("/api/v1/broadcasts", t, &news).await);
    app.post(&format!("/api/v1/broadcasts/{broadcast}/send"), t, &json!({})).await.expect(202);
    let rule = json!({"rule": {"name": "Zenobie Quarshie-Ba"}, "reason": "Asked for", "effect": "release"});
    app.post("/api/v1/petitions/status/invalidations", t, &rule).await.expect(202);
    app.jobs().await;
    app.mail().await;
    app.tick().await;
    run(app, "INSERT INTO people_to_rewrite SELECT id FROM people").await;
    run(app, "INSERT INTO seat_holds SELECT event_id, id, 1, now() + interval '1 hour' FROM attendances").await;
    // three files: one is half read, one is not begun, one was tried
    let half_read = upload(app, token, file(420)).await;
    start(app, token, &half_read, false).await;
    assert!(app.step("import").await);
    upload(app, token, file(6)).await;
    let tried = upload(app, token, file(6)).await;
    start(app, token, &tried, true).await;
    while app.count("SELECT count(*) FROM imports WHERE state = 'checked'").await == 0 {
        // the other job has its turn, too
        run(app, "UPDATE jobs SET next_at = now() + interval '1 hour' WHERE kind = 'import' AND id IN (SELECT id FROM imports WHERE seen = 400)").await;
        assert!(app.step("import").await);
    }
    assert_eq!(app.count("SELECT count(*) FROM imports WHERE state = 'running' AND seen = 400").await, 1);
    // a mail that waits, one that is being sent
    app.form("/my", &[("email", ZENO)]).await;
    person
}

/// What time would bring about: cursors that stand at her, bounces, mails that are being sent.
async fn plant(app: &TestApp, person: Uuid, vault: Uuid, index: &str, signature: &str) {
    for sql in [
        format!("UPDATE broadcasts SET enqueue_cursor = '{person}', audience_cursor = '\\x{index}', freeze_cursor = '\\x{index}'"),
        format!("UPDATE invalidations SET after_id = '{signature}'"),
        format!("INSERT INTO jobs (kind, id, organization_id, state, last_error, next_at, cursor, created_at)
                 SELECT 'mail_retry', gen_random_uuid(), id, 'failed', 'internal', now(), '{signature}', now() FROM organizations"),
        format!("INSERT INTO address_strikes (vault_id, address_index, struck_at) VALUES ('{vault}', '\\x{index}', now())"),
        format!("INSERT INTO suppressions (id, vault_id, address_index, reason, created_at, expires_at, tried_at, trial, unsubscribed)
                 SELECT gen_random_uuid(), '{vault}', '\\x{index}', 'bounced', now(), now(), now(), id, true FROM emails LIMIT 1"),
        format!("INSERT INTO mail_bounce_lookups (id, organization_id, class, kind, lane, refs, forget_on)
                 SELECT gen_random_uuid(), id, 'notice', 'petition_thanks', '', '{{\"signature\": \"{signature}\"}}', current_date + 3 FROM organizations"),
        format!("INSERT INTO mail_pending_callbacks (email_id, organization_id, class, kind, lane, refs, protected, status, due_at)
                 SELECT gen_random_uuid(), id, 'notice', 'petition_thanks', '', '{{\"signature\": \"{signature}\"}}', false, 'sent', now() FROM organizations"),
        format!("INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at, claim_token, lease_until)
                 SELECT gen_random_uuid(), id, 'notice', 'petition_thanks', '{{\"signature\": \"{signature}\"}}', 'sending', now(), now(),
                        gen_random_uuid(), now() - interval '1 hour' FROM organizations"),
        format!("UPDATE emails_settled SET failure = '550 no mailbox Zenobie Quarshie' WHERE refs ->> 'signature' = '{signature}'"),
    ] {
        run(app, &sql).await;
    }
}

/// Reads the files of all imports to the end and works through the mails.
async fn read_all_files(app: &TestApp, token: &str) {
    for import in texts(app, "SELECT id::text FROM imports WHERE state IN ('uploaded', 'checked')").await {
        let list = app.get(IMPORTS, Some(token)).await.expect(200);
        let found = list["muster:imports"]
            .as_array()
            .unwrap()
            .iter()
            .find(|i| i["identifiers"][0] == format!("muster:{import}"));
        start(app, token, found.unwrap(), false).await;
    }
    run(app, "UPDATE jobs SET next_at = now() - interval '1 minute' WHERE kind = 'import'").await;
    app.jobs().await;
    app.mail().await;
    app.tick().await;
    assert_eq!(app.count("SELECT count(*) FROM imports WHERE state = 'done'").await, 3);
    assert_eq!(app.count("SELECT count(*) FROM imports WHERE state = 'done' AND refused > 0").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE state = 'cancelled' AND refs <> '{}'").await, 0);
    // 418 others of the first file; those of the short ones are among them
    assert_eq!(
        app.count("SELECT count(*) FROM signatures s JOIN imports i ON i.id = s.import_id WHERE s.state = 'counted'")
            .await,
        418
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_column_that_may_lead_to_a_person_is_on_the_list(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let there: BTreeSet<String> = texts(
        &app,
        "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
           AND a.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype, 'bytea'::regtype, 'json'::regtype, 'jsonb'::regtype)
           AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = c.oid AND a.attnum = ANY (k.conkey))",
    )
    .await
    .into_iter()
    .collect();
    let listed: BTreeSet<String> = LEADS.iter().map(|(column, _)| *column).chain(OTHERS).map(str::to_owned).collect();
    let missing: Vec<_> = there.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&there).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not on the list: {missing:?}; not there: {gone:?}");
    // whoever refers to people by a foreign key deletes its rows, or PostgreSQL does
    let refers = texts(
        &app,
        "WITH RECURSIVE refers AS (
             SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = 'people'::regclass
             UNION SELECT c.conrelid FROM pg_constraint c JOIN refers r ON c.confrelid = r.conrelid WHERE c.contype = 'f'
         ) SELECT conrelid::regclass::text FROM refers ORDER BY 1",
    )
    .await;
    let known = [
        "attendances",
        "broadcast_recipients",
        "calls",
        "consents",
        "letters",
        "outreaches",
        "people_to_rewrite",
        "person_labels",
        "signatures",
        "submission_labels",
    ];
    assert_eq!(refers, known, "a new table that refers to people: everything() has to fill it");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_of_an_erased_person_is_left_anywhere(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    let person = everything(&app, &token).await;
    let vault: Uuid = sqlx::query_scalar("SELECT vault_id FROM people WHERE id = $1")
        .bind(person)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
    let opened = app.kernel.vaults.open(vault).await.unwrap();
    let index = opened.email_index(&EmailAddress::parse(ZENO).unwrap());
    let index = hex::encode(index);
    let ids = texts(
        &app,
        &format!(
            "SELECT id::text FROM signatures WHERE person_id = '{person}' UNION ALL SELECT id::text FROM attendances WHERE person_id = '{person}'
             UNION ALL SELECT id::text FROM letters WHERE person_id = '{person}' UNION ALL SELECT id::text FROM calls WHERE person_id = '{person}'
             UNION ALL SELECT id::text FROM consents WHERE person_id = '{person}'
             UNION ALL SELECT o.id::text FROM outreaches o JOIN letters l ON l.id = o.letter_id WHERE l.person_id = '{person}'
             UNION ALL SELECT encode(label_index, 'hex') FROM person_labels WHERE person_id = '{person}'
             UNION ALL SELECT encode(label_index, 'hex') FROM submission_labels WHERE person_id = '{person}'"
        ),
    )
    .await;
    plant(&app, person, vault, &index, &ids[0]).await;
    let mut needles = ids.clone();
    needles.extend(["zenobie", "quarshie", "+14165550123", "night shift", "crm:4"].map(str::to_owned));
    needles.extend([person.to_string(), index.clone(), ZENO.to_owned()]);

    let before = find(&app, &needles).await;
    for (column, fate) in LEADS {
        let is_planted = matches!(fate, RowGoes | Emptied)
            && !column.ends_with("email_id")
            && !["signatures.name_index", "signatures.import_id", "signatures.invalidation_id", "suppressions.trial"]
                .contains(&column)
            && !column.starts_with("signature_signals.")
            && column != "mail_bounce_lookups.id";
        assert!(!is_planted || before.contains_key(column), "nothing in {column} leads to her: {:?}", before.keys());
        assert!(fate != Hashed || !before.contains_key(column), "{column} leads to her: {:?}", before[column]);
    }
    assert_eq!(app.count("SELECT count(*) FROM emails_waiting WHERE state = 'queued' AND refs ? 'person'").await, 1);
    let seats = app.count("SELECT seats_taken::bigint FROM events").await;

    let link = format!("/t/{}", app.kernel.links.token(ERASE_PERSON, person, 0));
    let done = app.form(&link, &[]).await.text();
    assert!(done.contains("has been deleted"), "{done}");

    let kept = |found: &Found| found.keys().cloned().collect::<Vec<_>>();
    let after = find(&app, &needles).await;
    assert_eq!(kept(&after), ["suppressions.address_index"], "{after:?}");
    let suppressed = texts(&app, "SELECT reason || coalesce(trial::text, '') || (created_at = date_trunc('day', created_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')::text FROM suppressions").await;
    assert_eq!(suppressed, ["unsubscribedtrue"], "the keyed hash, the reason, the day of the erasure");
    assert_eq!(app.count("SELECT seats_taken::bigint FROM events").await, seats - 1);

    read_all_files(&app, &token).await;
    let after = find(&app, &needles).await;
    assert_eq!(kept(&after), ["suppressions.address_index"], "{after:?}");
    // what the key created is not created again
    let mut again = zeno();
    merge(&mut again, json!({"add_tags": ["night shift"]}));
    merge(&mut again["person"], json!({"identifiers": ["crm:4"], "custom_fields": {"shirt": "L"}}));
    let replayed =
        app.request(Method::POST, "/api/v1/people", Some(&token), &[("Idempotency-Key", "one")], Some(&again)).await;
    assert_eq!(replayed.status, 404);

    // signing anew is a first contact of today
    let yesterday =
        "UPDATE people SET created_at = created_at - interval '1 day', modified_at = modified_at - interval '1 day'";
    run(&app, yesterday).await;
    app.post("/api/v1/petitions/status/signatures", None, &zeno()).await.expect(202);
    confirm(&app, ZENO).await;
    let sql = format!(
        "SELECT count(*) FROM people WHERE email_index = '\\x{index}' AND id <> '{person}' AND created_at > now() - interval '1 hour'"
    );
    let fresh: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&app.kernel.db).await.unwrap();
    assert_eq!(fresh, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn rows_that_were_read_before_an_erasure_are_read_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let import = upload(&app, &token, "email\nana@example.org\nbo@example.org\n".to_owned()).await;
    let path = app.path_of(import["_links"]["muster:start"]["href"].as_str().unwrap()).to_owned();
    app.post(&path, Some(&token), &json!({"mapping": {"email": "email"}})).await.expect(202);
    // somebody is being erased while a step has read its rows
    let mut tx = app.kernel.work.begin().await.unwrap();
    sqlx::query("SELECT FROM imports FOR UPDATE").execute(&mut *tx).await.unwrap();
    sqlx::query("UPDATE imports SET erasures = erasures + 1").execute(&mut *tx).await.unwrap();
    let erasing = async {
        app.lock_is_waited_for().await;
        tx.commit().await.unwrap();
    };
    let (stepped, ()) = tokio::join!(app.step("import"), erasing);
    assert!(stepped);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0, "nothing of the first reading is written");
    assert_eq!(app.count("SELECT seen FROM imports").await, 0);
    app.jobs().await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 2);
    assert_eq!(app.count("SELECT duplicates + refused FROM imports WHERE state = 'done'").await, 0);
}
