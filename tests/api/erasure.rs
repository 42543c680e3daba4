//! "Delete my data" and "Download my data": over everything that is kept about a person, from every own page, and for
//! organizers.

use std::collections::BTreeSet;

use muster::{
    events::MANAGE_ATTENDANCE, kernel::links::Purpose, letters::MANAGE_LETTER, people::ERASE_PERSON,
    petitions::MANAGE_SIGNATURE,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::{
    fixtures::{confirm, event, letter_action, office},
    harness::{TestApp, merge, signer},
};

const AMARA: &str = "amara@example.org";
const ACTS: [(&str, &str, Purpose); 3] = [
    ("/api/v1/petitions/status/signatures", "signatures", MANAGE_SIGNATURE),
    ("/api/v1/events/assembly/attendances", "attendances", MANAGE_ATTENDANCE),
    ("/api/v1/advocacy_campaigns/write/outreaches", "letters", MANAGE_LETTER),
];

/// Tables that refer to people, but by no foreign key: what they keep is a row's id, which leads to nobody once the row is
/// gone.
const IDS_ONLY: [&str; 3] = ["audit_entries", "emails", "idempotency_keys"];

async fn ids(app: &TestApp, sql: &str) -> Vec<Uuid> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&app.kernel.db).await.unwrap()
}

/// One of everything: a signature with a comment and an attached letter, a registration, a letter of her own that was sent
/// to one office and is held for none, consents, and an update that is being sent. And the same by another person.
async fn everything(app: &TestApp, token: &str) {
    let t = Some(token);
    office(app, token, "minister").await;
    letter_action(app, token, json!({})).await;
    app.put("/api/v1/advocacy_campaigns/write", t, &json!({"muster:live": true})).await.expect(200);
    letter_action(app, token, json!({"muster:slug": "held"})).await;
    app.petition(token, json!({})).await;
    app.petition(token, json!({"muster:slug": "both", "muster:letter": "held"})).await;
    event(app, token, json!({"capacity": 2})).await;
    for address in [AMARA, "bo@example.org"] {
        let mut body = signer(address);
        merge(&mut body, json!({"muster:consents": {"updates": true}}));
        for (path, ..) in ACTS {
            app.post(path, None, &body).await.expect(202);
            confirm(app, address).await;
        }
        let mut both = body.clone();
        both["comments"] = json!("For my sister");
        app.post("/api/v1/petitions/both/signatures", None, &both).await.expect(202);
        confirm(app, address).await;
        // and one that is not confirmed
        app.post(ACTS[0].0, None, &body).await.expect(202);
    }
    let mut noted = signer(AMARA);
    merge(&mut noted, json!({"add_tags": ["night shift"]}));
    merge(&mut noted["person"], json!({"identifiers": ["crm:4"], "custom_fields": {"shirt": "L"}}));
    app.post("/api/v1/people", t, &noted).await.expect(200);
    // Cy waits for a seat
    app.post(ACTS[1].0, None, &signer("cy@example.org")).await.expect(202);
    confirm(app, "cy@example.org").await;
    let news = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": {"actions": ["status"]}});
    let broadcast = TestApp::created(&app.post("/api/v1/broadcasts", t, &news).await);
    app.post(&format!("/api/v1/broadcasts/{broadcast}/send"), t, &json!({})).await.expect(202);
    app.jobs().await;
    assert_eq!(app.count("SELECT count(*) FROM broadcast_recipients").await, 2);
    app.mail().await;
    app.tick().await;
}

/// The path of a link on a page, by its text.
fn link_of(page: &str, label: &str) -> String {
    let end = page.find(label).unwrap_or_else(|| panic!("no link {label}"));
    page[page[..end].rfind("/t/").unwrap()..].split('"').next().unwrap().to_owned()
}

/// Every value of every table of the database as text, by table.
async fn dump(app: &TestApp) -> Vec<(String, String)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND c.relnamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(&app.kernel.db)
    .await
    .unwrap();
    let mut rows = Vec::new();
    for table in tables {
        let sql = format!("SELECT t::text FROM {table} t");
        for row in sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap() {
            rows.push((table.clone(), row));
        }
    }
    rows
}

/// The tables with a foreign key to `people`, and those with one to such a table.
async fn referring(app: &TestApp) -> BTreeSet<String> {
    let sql = "WITH RECURSIVE refers AS (
                   SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = 'people'::regclass
                   UNION SELECT c.conrelid FROM pg_constraint c JOIN refers r ON c.confrelid = r.conrelid WHERE c.contype = 'f'
               ) SELECT conrelid::regclass::text FROM refers";
    sqlx::query_scalar(sql).fetch_all(&app.kernel.db).await.unwrap().into_iter().collect()
}

/// Opens what is sealed in the tables of acts and people, and fails where it says something of her.
async fn assert_nothing_opens(app: &TestApp) {
    let vault: Uuid = sqlx::query_scalar("SELECT id FROM vaults").fetch_one(&app.kernel.db).await.unwrap();
    let vault = app.kernel.vaults.open(vault).await.unwrap();
    for table in ["people", "signatures", "attendances", "letters"] {
        let sql = format!("SELECT id, sealed FROM {table} WHERE sealed IS NOT NULL");
        let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap();
        assert!(!rows.is_empty(), "{table}: the other person is still there");
        for (id, sealed) in rows {
            let opened: Value = vault.open(table, id, &sealed).unwrap();
            assert!(!opened.to_string().contains(AMARA), "{table}: {opened}");
        }
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn deleting_deletes_everything_from_every_own_page(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    everything(&app, &token).await;
    let person = ids(&app, "SELECT person_id FROM signatures ORDER BY id LIMIT 1").await[0];
    let mut hers = vec![person];
    for (_, table, _) in ACTS {
        hers.extend(ids(&app, &format!("SELECT id FROM {table} WHERE person_id = '{person}'")).await);
    }
    hers.extend(ids(&app, "SELECT o.id FROM outreaches o JOIN letters l ON l.id = o.letter_id WHERE l.person_id = (SELECT person_id FROM signatures ORDER BY id LIMIT 1)").await);
    assert_eq!(hers.len(), 9, "a person, three signatures, a registration, two letters to an office each");
    // every own page leads to the same link
    let mut links = BTreeSet::new();
    for (_, table, purpose) in ACTS {
        let id =
            ids(&app, &format!("SELECT id FROM {table} WHERE person_id = '{person}' ORDER BY id LIMIT 1")).await[0];
        let page = app.get(&format!("/t/{}", app.kernel.links.token(purpose, id, 0)), None).await.text();
        links.insert(link_of(&page, "Delete my data"));
    }
    assert_eq!(links.len(), 1);
    let erase = links.pop_first().unwrap();

    let before = app.get(&erase, None).await.text();
    assert!(
        before.contains("button-danger") && !before.contains("Amara"),
        "a scanner that follows links erases nothing"
    );
    assert_eq!(ids(&app, &format!("SELECT id FROM people WHERE id = '{person}'")).await.len(), 1);
    let done = app.form(&erase, &[]).await;
    assert_eq!((done.status.as_u16(), done.text().contains("has been deleted")), (200, true), "{}", done.text());
    assert_eq!(app.form(&erase, &[]).await.text(), done.text(), "a second press says the same");
    assert!(app.get(&erase, None).await.text().contains("has been deleted"));

    let refer = referring(&app).await;
    assert!(refer.contains("outreaches") && refer.contains("broadcast_recipients"), "{refer:?}");
    assert!(refer.contains("person_labels"), "{refer:?}");
    assert_eq!(app.count("SELECT count(*) FROM person_labels").await, 0);
    for (table, row) in dump(&app).await {
        let found: Vec<&Uuid> = hers.iter().filter(|id| row.contains(&id.to_string())).collect();
        assert!(found.is_empty() || IDS_ONLY.contains(&table.as_str()), "{table} has {found:?}: {row}");
        assert!(!refer.contains(&table) || found.is_empty(), "{table}: {row}");
    }
    assert_nothing_opens(&app).await;
    assert_eq!(app.count("SELECT count(*) FROM people").await, 2, "the others stay");

    // her seat is free for who waited, what was counted stays counted, and the recounts agree
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE state = 'accepted'").await, 2);
    app.tick().await;
    for (path, member, total) in [
        ("petitions/status", "total_signatures", 2),
        ("petitions/both", "total_signatures", 2),
        ("advocacy_campaigns/write", "total_outreaches", 2),
        // what was held will never be sent
        ("advocacy_campaigns/held", "total_outreaches", 1),
    ] {
        let path = format!("/api/v1/{path}");
        let read = app.get(&path, Some(&token)).await.expect(200);
        assert_eq!(read[member], total, "{path}");
        if path.contains("petitions") {
            let recount = app.post(&format!("{path}/recount"), Some(&token), &json!({})).await.expect(200);
            assert_eq!(recount["muster:repaired"], json!([]), "{path}");
        }
    }
    // the mails that were queued about it are not sent, and nothing breaks
    let sent = app.mail_to(AMARA).await.len();
    app.jobs().await;
    assert_eq!(app.mail_to(AMARA).await.len(), sent);

    // signing anew is a first contact of today
    app.post(ACTS[0].0, None, &signer(AMARA)).await.expect(202);
    confirm(&app, AMARA).await;
    let fresh: Vec<Uuid> = ids(&app, "SELECT id FROM people ORDER BY created_at DESC LIMIT 1").await;
    assert_ne!(fresh[0], person);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_link_erases_in_every_state_also_after_withdrawing(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    for privacy in ["standard", "protected"] {
        let more = json!({"muster:privacy": privacy, "muster:slug": privacy});
        app.petition(&token, more.clone()).await;
        event(&app, &token, more.clone()).await;
        letter_action(&app, &token, more).await;
        for (collection, table, purpose) in [
            ("petitions/{}/signatures", "signatures", MANAGE_SIGNATURE),
            ("events/{}/attendances", "attendances", MANAGE_ATTENDANCE),
            ("advocacy_campaigns/{}/outreaches", "letters", MANAGE_LETTER),
        ] {
            let path = format!("/api/v1/{}", collection.replace("{}", privacy));
            app.post(&path, None, &signer(AMARA)).await.expect(202);
            confirm(&app, AMARA).await;
            let (id, person): (Uuid, Uuid) =
                sqlx::query_as(AssertSqlSafe(format!("SELECT id, person_id FROM {table}")))
                    .fetch_one(&app.kernel.db)
                    .await
                    .unwrap();
            let own = format!("/t/{}", app.kernel.links.token(purpose, id, 0));
            let withdrawn = app.form(&own, &[]).await.text();
            let erase = link_of(&withdrawn, "Delete my data");
            if table != "letters" {
                assert_eq!(link_of(&app.get(&own, None).await.text(), "Delete my data"), erase, "{path}");
            }
            assert_eq!(erase, format!("/t/{}", app.kernel.links.token(ERASE_PERSON, person, 0)));
            let offers_file = withdrawn.contains("Download my data");
            assert_eq!(offers_file, privacy == "standard", "a file of a protected act lies in the open");
            if !offers_file {
                let data = link_of(&withdrawn, "See my data");
                assert!(!app.get(&data, None).await.text().contains(AMARA), "{path}");
                let shown = app.form(&data, &[]).await;
                assert_eq!(shown.headers.get("content-disposition"), None);
                assert!(shown.text().contains("Your details"), "{path} {}", shown.text());
            }
            assert_eq!(app.form(&erase, &[]).await.status, 200);
            assert_eq!(app.count("SELECT count(*) FROM people").await, 0, "{path}");
        }
    }
    let forged = app.kernel.links.token(MANAGE_SIGNATURE, Uuid::from_u128(1), 0);
    let forged = format!("/t/{}", forged.replacen('a', "b", 1));
    assert_eq!(app.form(&forged, &[]).await.status, 410);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn my_data_is_everything_and_only_ones_own(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    everything(&app, &token).await;
    let signature = ids(&app, "SELECT id FROM signatures ORDER BY id LIMIT 1").await[0];
    let own = app.open_page(&format!("/t/{}", app.kernel.links.token(MANAGE_SIGNATURE, signature, 0))).await.text();
    // the own page says what else she did
    for (shown, page) in [
        ("Petition signed: Status for all", "Your signature"),
        ("Registered: Assembly", "Your registration"),
        ("Letter written: Write to the minister", "Your letter"),
    ] {
        assert!(app.open_page(&link_of(&own, shown)).await.text().contains(page), "{shown}");
    }
    let data = link_of(&own, "Download my data");
    assert!(app.get(&data, None).await.text().contains("<form"), "a scanner that follows links gets no data");
    let file = app.form(&data, &[]).await;
    assert_eq!(file.headers["cache-control"], "no-store");
    let mine = file.json();
    assert_eq!(mine["person"]["email_addresses"][0]["address"], AMARA);
    let count = |member: &str| mine[member].as_array().unwrap_or_else(|| panic!("no {member}: {mine}")).len();
    assert_eq!((count("signatures"), count("attendances"), count("letters")), (3, 1, 2), "{mine}");
    let mailed: BTreeSet<&str> =
        mine["mails"].as_array().unwrap().iter().filter_map(|mail| mail["kind"].as_str()).collect();
    assert!(
        ["petition_confirm", "event_registered", "letter_thanks", "broadcast"].iter().all(|kind| mailed.contains(kind)),
        "{mailed:?}"
    );
    assert!(mine["mails"].as_array().unwrap().iter().all(|mail| mail["state"].is_string() && mail["day"].is_string()));
    assert_eq!((&mine["imports"], &mine["suppressions"]), (&json!([]), &json!([])));
    assert!(count("consents") >= 1);
    let noted = json!({"identifiers": ["crm:4"], "tags": ["night shift"], "custom_fields": {"shirt": "L"}});
    assert_eq!(mine["labels"], noted, "also what organizers noted");
    assert!(mine["signatures"].to_string().contains("For my sister"));
    assert_eq!(mine["attendances"][0]["event"], "Assembly");
    assert!(mine["letters"].to_string().contains("please act"), "{}", mine["letters"]);
    assert!(!mine.to_string().contains("bo@example.org"));
    // the same to read
    let page = app.form(&data, &[("page", "true")]).await.text();
    for shown in
        [AMARA, "Petition signed", "Assembly", "night shift", "shirt: L", "You agreed", "First contact", "News ("]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("bo@example.org"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn organizers_erase_their_people_and_nobody_elses(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    everything(&app, &token).await;
    let neighbour = app.token("Neighbours", "all").await;
    let person = ids(&app, "SELECT person_id FROM signatures ORDER BY id LIMIT 1").await[0];
    let path = format!("/api/v1/people/{person}");
    assert_eq!(app.delete(&path, Some(&neighbour)).await.status, 404);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 3);
    app.delete(&path, Some(&token)).await.expect(200);
    assert_eq!(app.delete(&path, Some(&token)).await.status, 404);
    assert_eq!(app.get(&path, Some(&token)).await.status, 404);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 2);
    assert_nothing_opens(&app).await;
    let audited = "SELECT count(*) FROM audit_entries WHERE verb = 'person.erase' AND object_id IS NULL";
    assert_eq!(app.count(audited).await, 1, "the audit trail does not keep whom");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn whoever_did_anything_finds_the_own_page_by_the_address(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    let unknown = app.form("/my", &[("email", "nobody@example.org")]).await.text();
    for ((path, table, _), heading) in ACTS.into_iter().zip(["Your signature", "Your registration", "Your letter"]) {
        let address = format!("{table}@example.org");
        app.post(path, None, &signer(&address)).await.expect(202);
        // what is not confirmed leads nowhere
        assert_eq!(app.form("/my", &[("email", &address)]).await.text(), unknown);
        assert!(app.mail_to(&address).await.iter().all(|mail| mail.kind != "own_page"), "{table}");
        confirm(&app, &address).await;
        assert_eq!(app.form("/my", &[("email", &address)]).await.text(), unknown);
        let mails = app.mail_to(&address).await;
        let mail = mails.iter().find(|mail| mail.kind == "own_page").unwrap_or_else(|| panic!("{table}"));
        assert!(app.open_page(&mail.links[0]).await.text().contains(heading), "{table}");
    }
    assert!(app.mail_to("nobody@example.org").await.is_empty());
}
