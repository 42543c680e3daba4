//! Lists as CSV: whole, safe to open, for whoever may, and never without a trace.

use muster::{
    kernel::text::EmailAddress,
    people::Details,
    petitions::{SIGNATURES, SignaturePayload},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{confirm, event, letter_action, office},
    harness::{Reply, TestApp, merge, signer},
};

/// More than two of the batches that the list is read in.
const MANY: usize = 2_500;

/// A file's header, and its lines by column.
struct Csv {
    header: Vec<String>,
    lines: Vec<Vec<String>>,
}

impl Csv {
    #[track_caller]
    fn read(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8; header=present");
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert!(reply.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\""));
        let mut reader = csv::Reader::from_reader(&reply.body[..]);
        let row = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = row(reader.headers().unwrap());
        let lines = reader.records().map(|record| row(&record.unwrap())).collect();
        let csv = Self { header, lines };
        for cell in csv.lines.iter().flatten() {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']),
                "a spreadsheet would run {cell:?}"
            );
        }
        csv
    }

    #[track_caller]
    fn column(&self, name: &str) -> Vec<&str> {
        let at = self
            .header
            .iter()
            .position(|h| h == name)
            .unwrap_or_else(|| panic!("no column {name} in {:?}", self.header));
        self.lines.iter().map(|line| line[at].as_str()).collect()
    }
}

/// Comments, and the cell that each becomes.
const COMMENTS: [(&str, &str); 10] = [
    ("=1+1", "'=1+1"),
    ("+1 for this", "'+1 for this"),
    ("-2+3", "'-2+3"),
    ("@SUM(A1:A2)", "'@SUM(A1:A2)"),
    ("a\n=cmd|' /C calc'!A0", "a\n'=cmd|' /C calc'!A0"),
    ("first line\nsecond, \"quoted\" line", "first line\nsecond, \"quoted\" line"),
    ("Zoë 👩🏽‍🌾 Ōsaka ਪੰਜਾਬੀ", "Zoë 👩🏽‍🌾 Ōsaka ਪੰਜਾਬੀ"),
    ("a=b, 1-2, me@example.org", "a=b, 1-2, me@example.org"),
    ("\"", "\""),
    ("", ""),
];

async fn total(app: &TestApp, verb: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit_entries WHERE verb = $1 AND api_token_id IS NOT NULL")
        .bind(verb)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn exported_cells_keep_text_and_escape_formulas(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let list = "/api/v1/petitions/status/signatures";
    for (i, (comment, _)) in COMMENTS.iter().enumerate() {
        let mut body = signer(&format!("p{i}@example.org"));
        merge(&mut body, json!({"comments": comment, "muster:consents": {"updates": i == 1}}));
        body["person"]["given_name"] = json!(if i == 0 { "=HYPERLINK(\"x\")" } else { "Amara" });
        body["person"]["phone_numbers"] = json!([{"number": "+1 416 555 0100"}]);
        app.post(list, None, &body).await.expect(202);
        confirm(&app, &format!("p{i}@example.org")).await;
    }
    // neither who has not confirmed, nor who withdrew
    app.post(list, None, &signer("pending@example.org")).await.expect(202);
    let gone = app.post(list, Some(&token), &signer("gone@example.org")).await.id();
    app.delete(&format!("{list}/{gone}"), Some(&token)).await.expect(200);

    let export = "/api/v1/exports/petitions/status/signatures.csv";
    let csv = Csv::read(&app.get(export, Some(&token)).await);
    assert_eq!(csv.column("comments"), COMMENTS.map(|(_, cell)| cell));
    assert_eq!(csv.column("given_name")[..2], ["'=HYPERLINK(\"x\")", "Amara"]);
    assert!(csv.column("phone").iter().all(|phone| *phone == "'+14165550100"));
    assert!(csv.column("state").iter().all(|state| *state == "counted"));
    assert_eq!(csv.column("consent_updates")[..3], ["false", "true", "false"]);
    assert_eq!(csv.column("email")[3], "p3@example.org");
    assert!(csv.column("postal_code").iter().all(|code| *code == "M5V 3L9"), "{:?}", csv.column("postal_code"));
    let all = Csv::read(&app.get(&format!("{export}?state=all"), Some(&token)).await);
    assert_eq!(
        (all.lines.len(), all.column("state").iter().filter(|s| **s == "withdrawn").count()),
        (COMMENTS.len() + 2, 1)
    );
    assert!(
        !app.get(&format!("{export}?state=withdrawn"), Some(&token)).await.text().contains("gone@example.org"),
        "the contact went with the withdrawal"
    );
    assert_eq!(total(&app, "signatures.export").await, 3);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn export_requires_its_scope_and_writes_the_audit_log(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    office(&app, &token, "minister").await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({"capacity": 2})).await;
    letter_action(&app, &token, json!({"muster:letters": [{"locale": "en", "subjects": ["=Status"], "body": "Dear {{ target.salutation }}, act."}]})).await;
    let reader =
        app.token("Alliance", "contacts:read,contacts:write,actions:read,actions:write,mail:manage,audit:read").await;
    let exporter = app.token("Alliance", "contacts:export").await;
    for (acts, verb) in [
        ("petitions/status/signatures", "signatures"),
        ("events/assembly/attendances", "attendances"),
        ("advocacy_campaigns/write/outreaches", "outreaches"),
    ] {
        let path = format!("/api/v1/{acts}");
        let mut body = signer("amara@example.org");
        if verb == "attendances" {
            merge(&mut body, json!({"muster:party_size": 2, "muster:access_needs": "=ramp\n\"and\" quiet"}));
        }
        body["person"]["family_name"] = json!("@Okafor");
        app.post(&path, Some(&token), &body).await.expect(201);
        app.post(&path, Some(&token), &signer("bela@example.org")).await.expect(201);
        app.post(&path, None, &signer("pending@example.org")).await.expect(202);

        let export = format!("/api/v1/exports/{acts}.csv");
        app.get(&export, Some(&reader)).await.problem(403, "forbidden", &[]);
        for query in ["nonsense=1", "state=nonsense", "state=", "bom=2", "page=1", "filter=x", "state=all&state=all"] {
            app.get(&format!("{export}?{query}"), Some(&exporter)).await.problem(400, "invalid_parameter", &[]);
        }
        let verb = format!("{verb}.export");
        assert_eq!(total(&app, &verb).await, 0, "what was refused left nothing");
        let csv = Csv::read(&app.get(&export, Some(&exporter)).await);
        assert_eq!(csv.column("email"), ["amara@example.org", "bela@example.org"]);
        assert_eq!(csv.column("family_name"), ["'@Okafor", "Okafor"]);
        assert_eq!(total(&app, &verb).await, 1);
        match acts {
            "events/assembly/attendances" => {
                assert_eq!(csv.column("access_needs")[0], "'=ramp\n\"and\" quiet");
                assert_eq!(
                    (csv.column("state"), csv.column("party_size")),
                    (vec!["accepted", "waitlisted"], vec!["2", "1"])
                );
            }
            "advocacy_campaigns/write/outreaches" => {
                assert_eq!(csv.column("subject"), ["'=Status", "'=Status"]);
                assert_eq!(csv.column("office")[0], "Minister of Immigration");
            }
            _ => {}
        }
        let marked = app.get(&format!("{export}?bom=1"), Some(&exporter)).await;
        assert!(marked.body.starts_with("\u{FEFF}id,state,".as_bytes()));
        let audit = app.get(&format!("/api/v1/audit?filter=verb%20eq%20'{verb}'"), Some(&token)).await.expect(200);
        assert_eq!(audit["total_records"], 2);
        assert!(audit["_embedded"]["muster:audit"][0]["object_id"].is_string());
        app.get(
            &export.replace("/status/", "/nowhere/").replace("/assembly/", "/nowhere/").replace("/write/", "/nowhere/"),
            Some(&exporter),
        )
        .await
        .problem(404, "not_found", &[]);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn long_export_streams_complete_and_ordered(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    let vault: Uuid = sqlx::query_scalar("SELECT vault_id FROM actions").fetch_one(&app.kernel.db).await.unwrap();
    let opened = app.kernel.vaults.open(vault).await.unwrap();
    let ids: Vec<Uuid> = (0..MANY).map(|_| app.kernel.env.id()).collect();
    let address = |i: usize| format!("p{i}@example.org");
    let typed = |i: usize| SignaturePayload {
        details: Details { given_name: format!("N{i}"), email: address(i), ..Details::default() },
        comments: format!("a\n\"{i}\""),
        ..SignaturePayload::default()
    };
    let sealed: Vec<Vec<u8>> =
        ids.iter().enumerate().map(|(i, id)| opened.seal(&app.kernel.env, SIGNATURES, *id, &typed(i))).collect();
    let indexes: Vec<Vec<u8>> =
        (0..MANY).map(|i| opened.email_index(&EmailAddress::parse(&address(i)).unwrap())).collect();
    sqlx::query("INSERT INTO people (id, vault_id, email_index, created_at, modified_at) SELECT u.id, $3, u.email, now(), now() FROM unnest($1::uuid[], $2::bytea[]) u (id, email)")
        .bind(&ids)
        .bind(&indexes)
        .bind(vault)
        .execute(&app.kernel.db)
        .await
        .unwrap();
    sqlx::query("INSERT INTO signatures (id, petition_id, person_id, state, sealed, created_at, counted_at) SELECT u.id, $3, u.id, 'counted', u.sealed, now(), now() FROM unnest($1::uuid[], $2::bytea[]) u (id, sealed)")
        .bind(&ids)
        .bind(&sealed)
        .bind(petition)
        .execute(&app.kernel.db)
        .await
        .unwrap();
    let csv = Csv::read(&app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await);
    assert_eq!(csv.lines.len(), MANY);
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(csv.column("id"), sorted.iter().map(ToString::to_string).collect::<Vec<_>>());
    let number = |id: &str| ids.iter().position(|known| known.to_string() == id).unwrap();
    for ((id, email), comment) in
        csv.column("id").into_iter().zip(csv.column("email")).zip(csv.column("comments")).step_by(97)
    {
        assert_eq!((email, comment), (address(number(id)).as_str(), format!("a\n\"{}\"", number(id)).as_str()));
    }
    let links: Value = app.get("/api/v1/exports", Some(&token)).await.expect(200);
    assert_eq!(links["_links"]["muster:signatures"]["templated"], true);
}

/// The rows of a workbook's only worksheet, as their XML.
fn sheet(bytes: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("xl/worksheets/sheet1.xml").unwrap(), &mut text).unwrap();
    text
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lists_come_in_three_formats_with_chosen_columns_and_a_reason(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/sources", Some(&token), &json!({"word": "hall"})).await.expect(201);
    for (name, source) in [("ana", "hall"), ("bela", "")] {
        let mut body = signer(&format!("{name}@example.org"));
        merge(&mut body, json!({"comments": "=1+1", "referrer_data": {"source": source}}));
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    let list = "/api/v1/exports/petitions/status/signatures";
    // the ending of old, and the address that asks for the format
    let csv = app.get(&format!("{list}.csv"), Some(&token)).await;
    let plain = app.get(list, Some(&token)).await;
    assert_eq!((&csv.body, &plain.headers["content-type"]), (&plain.body, &csv.headers["content-type"]));
    let chosen = Csv::read(&app.get(&format!("{list}?columns=email,comments&source=hall"), Some(&token)).await);
    assert_eq!(
        (chosen.header, chosen.lines),
        (vec!["email".to_owned(), "comments".to_owned()], vec![vec!["ana@example.org".to_owned(), "'=1+1".to_owned()]],)
    );
    let lines = app.get(&format!("{list}?format=jsonl&reason=Handing%20over"), Some(&token)).await;
    assert_eq!(lines.headers["content-type"], "application/jsonl");
    assert!(lines.headers["content-disposition"].to_str().unwrap().ends_with(".jsonl\""));
    let rows: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["comments"], &rows[0]["consent_updates"]), (2, &json!("=1+1"), &json!(false)));
    let accepted =
        app.request(axum::http::Method::GET, list, Some(&token), &[("accept", "application/jsonl")], None).await;
    assert_eq!(accepted.body, lines.body);
    let workbook = app.get(&format!("{list}?format=xlsx"), Some(&token)).await;
    assert!(workbook.headers["content-type"].to_str().unwrap().ends_with("spreadsheetml.sheet"));
    let sheet = sheet(&workbook.body);
    assert!(sheet.contains(">=1+1<") && !sheet.contains("<f>") && sheet.matches("<row ").count() == 3, "{sheet}");
    assert_eq!(Csv::read(&app.get(&format!("{list}?from=2099-01-01"), Some(&token)).await).lines.len(), 0);
    for query in ["format=pdf", "columns=shoe_size", "columns=id,id", "until=never", "reason=for%20a@b.example"] {
        app.get(&format!("{list}?{query}"), Some(&token)).await.problem(400, "invalid_parameter", &[]);
    }
    let details: Vec<Value> =
        sqlx::query_scalar("SELECT detail FROM audit_entries WHERE verb = 'signatures.export' AND detail ? 'reason'")
            .fetch_all(&app.kernel.db)
            .await
            .unwrap();
    assert_eq!(details, [json!({"format": "jsonl", "reason": "Handing over", "states": ["counted"]})]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn people_and_consents_are_exported_and_a_partner_gets_who_agreed_to_it(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let partner =
        json!({"name": "Union", "muster:slug": "union", "muster:wording": {"en": "The union may write to me."}});
    app.post("/api/v1/partners", Some(&token), &partner).await.expect(201);
    app.petition(&token, json!({})).await;
    let quiet = json!({"muster:slug": "quiet", "muster:privacy": "protected", "muster:destroy_after": "2027-06-01"});
    app.petition(&token, quiet).await;
    for (name, agrees) in [("ana", true), ("bela", false)] {
        let mut body = signer(&format!("{name}@example.org"));
        merge(&mut body, json!({"muster:consents": {"updates": true, "partners": {"union": agrees}}}));
        app.post("/api/v1/petitions/status/signatures", None, &body).await.expect(202);
        confirm(&app, &format!("{name}@example.org")).await;
    }
    app.post("/api/v1/petitions/quiet/signatures", None, &signer("secret@example.org")).await.expect(202);
    confirm(&app, "secret@example.org").await;

    let people = Csv::read(&app.get("/api/v1/exports/people", Some(&token)).await);
    let mut addresses = people.column("email");
    addresses.sort_unstable();
    assert_eq!(addresses, ["ana@example.org", "bela@example.org"], "protected actions keep theirs");
    assert_eq!(people.column("consent"), ["true", "true"]);
    let theirs = Csv::read(&app.get("/api/v1/exports/people?partner=union&reason=Agreed", Some(&token)).await);
    assert_eq!(theirs.column("email"), ["ana@example.org"]);
    assert!(!theirs.header.iter().any(|name| name == "tags" || name == "id"), "{:?}", theirs.header);
    app.get("/api/v1/exports/people?partner=union&columns=tags", Some(&token)).await.problem(
        400,
        "invalid_parameter",
        &[],
    );
    app.get("/api/v1/exports/people?partner=nobody", Some(&token)).await.problem(404, "not_found", &[]);
    let consents = Csv::read(&app.get("/api/v1/exports/consents", Some(&token)).await);
    assert!(consents.column("wording").contains(&"The union may write to me."), "{:?}", consents.lines);
    assert!(!consents.lines.concat().join(" ").contains("secret@"));
    let reader = app.token("Alliance", "contacts:read").await;
    for list in ["people", "consents"] {
        app.get(&format!("/api/v1/exports/{list}"), Some(&reader)).await.problem(403, "forbidden", &[]);
    }
    assert_eq!((total(&app, "people.export").await, total(&app, "consents.export").await), (2, 1));
    // a neighbour has nobody
    let neighbour = app.token("Neighbours", "all").await;
    assert!(Csv::read(&app.get("/api/v1/exports/people", Some(&neighbour)).await).lines.is_empty());
}
