//! Signers from CSV: mapping, trial, faults by line, duplicates, hostile files, a kill in the middle, and many lines.

use std::fmt::Write as _;

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    harness::{Reply, TestApp, signer},
    process::{Installation, exchange, until},
};

const IMPORTS: &str = "/api/v1/petitions/status/imports";

async fn upload(app: &TestApp, token: &str, csv: impl Into<Vec<u8>>) -> Reply {
    let request = Request::post(format!("{IMPORTS}?name=list.csv"))
        .header("OSDI-API-Token", token)
        .header(header::CONTENT_TYPE, "text/csv; charset=utf-8");
    app.send(request.body(Body::from(csv.into())).unwrap()).await
}

async fn work(app: &TestApp) {
    app.jobs().await;
}

async fn run(app: &TestApp, token: &str, import: &Value, body: &Value) -> Value {
    let start = import["_links"]["muster:start"]["href"].as_str().unwrap();
    app.post(app.path_of(start), Some(token), body).await.expect(202);
    work(app).await;
    let all = app.get(IMPORTS, Some(token)).await.expect(200);
    let found = all["muster:imports"].as_array().unwrap().iter().find(|i| i["identifiers"] == import["identifiers"]);
    found.unwrap().clone()
}

fn numbers(import: &Value) -> [i64; 4] {
    ["lines", "imported", "duplicates", "refused"].map(|name| import["muster:progress"][name].as_i64().unwrap())
}

async fn total(app: &TestApp, token: &str) -> i64 {
    let recount = app.post("/api/v1/petitions/status/recount", Some(token), &json!({})).await.expect(200);
    assert_eq!(recount["muster:repaired"], json!([]));
    app.get("/api/v1/petitions/status", Some(token)).await.expect(200)["total_signatures"].as_i64().unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn import_preview_dry_run_and_run(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.post("/api/v1/sources", Some(&token), &json!({"word": "union-hall"})).await.expect(201);
    app.post("/api/v1/petitions/status/signatures", Some(&token), &signer("there@example.org")).await.expect(201);
    let csv = "\u{FEFF}Prénom;Nom;Courriel;Code postal;Date;Infolettre;Commentaire\r\n\
        Ana;López;Ana@Example.org;M5V 3L9;2026-03-31;oui;=HYPERLINK(\"x\")\r\n\
        Bo;;bo@example.org;;;non;\"deux\nlignes\"\r\n\
        There;;there@example.org;;;;\r\n\
        Ana;López;ana@example.org;;;;\r\n\
        Nobody;;not an address;;;;\r\n\
        Short;line\r\n\
        Cy;;cy@example.org;M5V 3L;31/03/2026;;\r\n\
        Nul\u{0};;nul@example.org;;;;";
    let refused = upload(&app, &token, csv).await;
    refused.problem(422, "validation_failed", &[""]);
    let csv = csv.replace('\u{0}', "\u{10}");
    let uploaded = upload(&app, &token, csv).await.expect(201);
    assert_eq!(uploaded["columns"][2], "Courriel");
    assert_eq!(uploaded["muster:preview"][0][0], "Ana");
    let imports = async || {
        app.get("/api/v1/petitions/status/imports", Some(&token)).await.expect(200)["_embedded"]["muster:imports"]
            .clone()
    };
    let listed = imports().await[0].clone();
    assert_eq!((&listed["muster:preview"], &listed["columns"]), (&uploaded["muster:preview"], &uploaded["columns"]));
    assert_eq!(
        uploaded["muster:suggested_mapping"],
        json!({"email": "Courriel", "given_name": "Prénom", "family_name": "Nom", "postal_code": "Code postal", "comments": "Commentaire", "signed_on": "Date", "date_order": "day_first"})
    );
    let mut mapping = uploaded["muster:suggested_mapping"].clone();
    mapping["consent_updates"] = json!("Infolettre");
    let start = app.path_of(uploaded["_links"]["muster:start"]["href"].as_str().unwrap()).to_owned();
    for (body, pointer) in [
        (json!({"mapping": {}}), "/mapping/email"),
        (json!({"mapping": {"email": "Adresse"}}), "/mapping/email"),
        (json!({"mapping": mapping}), "/consent_wording"),
    ] {
        app.post(&start, Some(&token), &body).await.problem(422, "validation_failed", &[pointer]);
    }

    let mut body = json!({"mapping": mapping, "consent_wording": "J’accepte l’infolettre", "source": "union-hall", "dry_run": true});
    let tried = run(&app, &token, &uploaded, &body).await;
    assert_eq!((tried["muster:state"].as_str(), numbers(&tried)), (Some("checked"), [8, 3, 1, 4]));
    assert_eq!(total(&app, &token).await, 1, "a trial signs nothing");

    body["dry_run"] = json!(false);
    let done = run(&app, &token, &uploaded, &body).await;
    assert_eq!((done["muster:state"].as_str(), numbers(&done)), (Some("done"), [8, 2, 2, 4]));
    assert!(imports().await[0].get("muster:preview").is_none(), "what was imported is deleted");
    assert_eq!(total(&app, &token).await, 3);
    let faults = app.path_of(done["_links"]["muster:faults"]["href"].as_str().unwrap()).to_owned();
    let faults = app.get(&faults, Some(&token)).await.text();
    let lines: Vec<&str> = faults.lines().collect();
    assert_eq!(lines[0], "line,field,code,detail");
    for (line, expected) in
        lines[1..].iter().zip(["6,email,invalid_email", "7,email,required", "8,postal_code,", "9,given_name,"])
    {
        assert!(line.starts_with(expected), "{line}");
    }
    assert!(!faults.contains("not an address"), "what stood there is not repeated");

    let days = app.get("/api/v1/petitions/status/counts?by=day", Some(&token)).await.expect(200);
    assert_eq!(days["muster:counts"]["2026-03-31"], 1, "{days}");
    let sources = app.get("/api/v1/petitions/status/counts?by=source", Some(&token)).await.expect(200);
    assert_eq!(sources["muster:counts"], json!({"union-hall": 2}));
    let agreed = "SELECT count(*) FROM consents WHERE purpose = 'updates' AND granted AND wording = 'J’accepte l’infolettre' AND source LIKE 'import:%'";
    assert_eq!(app.count(agreed).await, 1, "who said yes, and nobody else");
    assert_eq!(app.count("SELECT count(*) FROM import_chunks").await, 0, "the file is gone");
    assert_eq!(app.mail().await.len(), 1, "only the one who was vouched for was thanked");
    app.post(&start, Some(&token), &body).await.problem(409, "conflict", &[]);

    // the whole import can be taken out again by its source, and taken back
    let rule = json!({"rule": {"source": "union-hall"}, "reason": "The wrong list"});
    app.post("/api/v1/petitions/status/invalidations", Some(&token), &rule).await.expect(202);
    app.jobs().await;
    assert_eq!(total(&app, &token).await, 1);
}

/// Who may enter people but not read them would find out by a file of one line.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn who_has_withdrawn_is_a_duplicate(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let signed = app.post("/api/v1/petitions/status/signatures", Some(&token), &signer("gone@example.org")).await;
    signed.expect(201);
    let thanks = app.mail_to("gone@example.org").await.pop().unwrap();
    app.press(thanks.links.iter().find(|link| link.contains("/t/")).unwrap()).await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'withdrawn'").await, 1);
    app.post("/api/v1/petitions/status/signatures", Some(&token), &signer("there@example.org")).await.expect(201);
    for dry_run in [true, false] {
        let csv = "Name,E-mail\nGo,gone@example.org\nThere,there@example.org\n";
        let uploaded = upload(&app, &token, csv).await.expect(201);
        let body = json!({"mapping": {"given_name": "Name", "email": "E-mail"}, "dry_run": dry_run});
        let done = run(&app, &token, &uploaded, &body).await;
        assert_eq!(numbers(&done), [2, 0, 2, 0]);
        let faults = app.path_of(done["_links"]["muster:faults"]["href"].as_str().unwrap()).to_owned();
        assert_eq!(app.get(&faults, Some(&token)).await.text().lines().count(), 1, "no line is named");
    }
    assert_eq!(total(&app, &token).await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn malformed_files_are_refused_with_errors(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for bad in
        [b"".to_vec(), b"\n,,\n".to_vec(), b"ana@example.org,Ana\nbo@example.org,Bo\n".to_vec(), vec![b'x'; 300 * 1024]]
    {
        upload(&app, &token, bad).await.problem(422, "validation_failed", &[""]);
    }
    assert_eq!(app.count("SELECT count(*) FROM imports").await, 0);

    // one line that never ends, after two good ones
    let mut endless = b"email\na@example.org\nb@example.org\n\"".to_vec();
    endless.resize(endless.len() + 3 * 1024 * 1024, b'y');
    let uploaded = upload(&app, &token, endless).await.expect(201);
    let failed = run(&app, &token, &uploaded, &json!({"mapping": {"email": "email"}})).await;
    assert_eq!((failed["muster:state"].as_str(), numbers(&failed)), (Some("failed"), [2, 2, 0, 0]));
    let faults = app.path_of(failed["_links"]["muster:faults"]["href"].as_str().unwrap()).to_owned();
    assert!(app.get(&faults, Some(&token)).await.text().contains("4,,too_long,"));
    assert_eq!(total(&app, &token).await, 2, "what was signed is counted, and said");

    // a file in another encoding from some line on: those lines are named
    let mixed = b"email,name\na1@example.org,Zo\xC3\xA9\na2@example.org,Ren\xE9e\n".to_vec();
    let uploaded = upload(&app, &token, mixed).await.expect(201);
    let done = run(&app, &token, &uploaded, &json!({"mapping": {"email": "email", "given_name": "name"}})).await;
    assert_eq!(numbers(&done), [2, 1, 0, 1]);

    let kind = Request::post(IMPORTS)
        .header("OSDI-API-Token", &token)
        .header(header::CONTENT_TYPE, "application/vnd.ms-excel");
    app.send(kind.body(Body::from("PK")).unwrap()).await.problem(415, "unsupported_media_type", &[]);
    app.petition(&token, json!({"muster:slug": "quiet", "muster:privacy": "protected"})).await;
    let quiet = Request::post("/api/v1/petitions/quiet/imports")
        .header("OSDI-API-Token", &token)
        .header(header::CONTENT_TYPE, "text/csv");
    app.send(quiet.body(Body::from("email\na@example.org\n")).unwrap()).await.problem(422, "validation_failed", &[""]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn files_and_cells_are_read_as_programs_write_them(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    // the answer tells what was assumed; any label that a browser puts on a file is taken
    let latin = b"Liste du rallye;;\r\n;;\r\nPr\xE9nom;Courriel;Pays;Code postal;T\xE9l\xE9phone\r\n\
        Ren\xE9;Ren\xE9 <rene@example.org>;Canada;=\"H2X 1Y4\";'+1 514 555 0142\r\n\
        ;;;;\r\n\
        Bo;mailto:bo@example.org;\xC9tats-Unis;2139;\r\n\
        Cy;cy@example.org;Atlantis;;4,16E+09\r\n"
        .to_vec();
    for kind in ["application/vnd.ms-excel", "text/plain", "application/octet-stream", "text/comma-separated-values"] {
        let request = Request::post(format!("{IMPORTS}?name=liste.xls"))
            .header("OSDI-API-Token", &token)
            .header(header::CONTENT_TYPE, kind);
        let uploaded = app.send(request.body(Body::from(latin.clone())).unwrap()).await.expect(201);
        let assumed = ["muster:separator", "muster:encoding", "muster:header_row"].map(|name| uploaded[name].clone());
        assert_eq!(assumed, [json!(";"), json!("windows-1252"), json!(3)]);
        assert_eq!(uploaded["muster:preview"][0][0], "René");
        let list = app.get(IMPORTS, Some(&token)).await.expect(200);
        assert_eq!(list["muster:imports"][0]["muster:encoding"], "windows-1252");
    }
    let uploaded = upload(&app, &token, latin).await.expect(201);
    let mapping = uploaded["muster:suggested_mapping"].clone();
    let done = run(&app, &token, &uploaded, &json!({"mapping": mapping})).await;
    assert_eq!((done["muster:state"].as_str(), numbers(&done)), (Some("done"), [3, 2, 0, 1]));
    let faults = app.path_of(done["_links"]["muster:faults"]["href"].as_str().unwrap()).to_owned();
    let faults = app.get(&faults, Some(&token)).await.text();
    assert!(faults.contains("7,country,unknown_value,") && faults.contains("7,phone,invalid_value,"), "{faults}");
    let list = app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await.text();
    for expected in ["René,,rene@example.org,'+15145550142,H2X 1Y4,,QC,CA", "Bo,,bo@example.org,,02139,,,US"] {
        assert!(list.contains(expected), "{list}");
    }

    // an export comes back as it was: everybody in it has signed, and nothing is refused
    let uploaded = upload(&app, &token, list).await.expect(201);
    let mapping = uploaded["muster:suggested_mapping"].clone();
    let body = json!({"mapping": mapping, "consent_wording": "They agreed"});
    assert_eq!(numbers(&run(&app, &token, &uploaded, &body).await), [2, 0, 2, 0]);

    let given = Request::post(format!("{IMPORTS}?separator=%3B&encoding=utf-8"))
        .header("OSDI-API-Token", &token)
        .header(header::CONTENT_TYPE, "text/csv");
    let given = app.send(given.body(Body::from("email,a;b\nx@example.org;1\n")).unwrap()).await.expect(201);
    assert_eq!(given["columns"], json!(["email,a", "b"]));
    for wrong in ["separator=x", "encoding=ebcdic"] {
        let request = Request::post(format!("{IMPORTS}?{wrong}"))
            .header("OSDI-API-Token", &token)
            .header(header::CONTENT_TYPE, "text/csv");
        app.send(request.body(Body::from("email\n")).unwrap()).await.problem(400, "invalid_parameter", &[]);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn workbooks_are_read_like_csv(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let workbook = include_bytes!("../../workbooks/excel.xlsx");
    let send = async |kind: &str, file: &[u8]| {
        let request = Request::post(format!("{IMPORTS}?name=rally.xlsx"))
            .header("OSDI-API-Token", &token)
            .header(header::CONTENT_TYPE, kind);
        app.send(request.body(Body::from(file.to_vec())).unwrap()).await
    };
    // whatever the browser calls it
    for kind in ["application/octet-stream", "application/vnd.ms-excel", "application/zip", "text/csv"] {
        send(kind, workbook).await.expect(201);
    }
    let label = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let uploaded = send(label, workbook).await.expect(201);
    let assumed = ["muster:sheet", "muster:header_row", "muster:separator", "muster:encoding"];
    let assumed = assumed.map(|name| uploaded[name].clone());
    assert_eq!(assumed, [json!("Signers"), json!(3), Value::Null, Value::Null]);
    assert_eq!(uploaded["muster:preview"][0][3], "02139");
    assert_eq!(
        uploaded["muster:suggested_mapping"],
        json!({"email": "Email", "given_name": "First Name", "phone": "Phone", "postal_code": "Postal Code", "country": "Country", "signed_on": "Signed On", "consent_updates": "Updates"})
    );
    let body = json!({"mapping": uploaded["muster:suggested_mapping"], "consent_wording": "I agree"});
    let done = run(&app, &token, &uploaded, &body).await;
    assert_eq!((done["muster:state"].as_str(), numbers(&done)), (Some("done"), [3, 3, 0, 0]));
    assert_eq!(done["muster:sheet"], "Signers");
    let list = app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await.text();
    for expected in ["Ana,,ana@example.org,'+14165550142,02139,,,US", "BO,,bo@example.org,'+14165550143,M5V 3L9,,ON,CA"]
    {
        assert!(list.contains(expected), "{list}");
    }
    let agreed = "SELECT count(*) FROM consents WHERE purpose = 'updates' AND granted";
    assert_eq!(app.count(agreed).await, 1, "TRUE is a yes, an error is none");

    // what is refused says what it is and what to do, and leaves nothing
    let before: i64 = app.count("SELECT count(*) FROM imports").await;
    let old = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    for (file, status, reason) in [
        (old, 415, "old_excel"),
        (workbook[..workbook.len() / 2].to_vec(), 415, "archive"),
        (b"%PDF-1.7".to_vec(), 415, "pdf"),
    ] {
        let refused = send(label, &file).await.expect(status);
        assert_eq!(refused["muster:reason"], reason);
        assert!(refused["detail"].as_str().unwrap().contains("CSV"), "{refused}");
    }
    let mut huge = workbook.to_vec();
    huge.resize(49 * 1024 * 1024, 0);
    assert_eq!(send(label, &huge).await.expect(413)["muster:reason"], "workbook_too_large");
    assert_eq!(app.count("SELECT count(*) FROM imports").await, before);
}

/// Lines with addresses of their own.
fn many(lines: usize) -> String {
    let mut csv = "email,given_name,postal_code\n".to_owned();
    for n in 0..lines {
        writeln!(csv, "person{n}@example.org,Person {n},M5V 3L9").unwrap();
    }
    csv
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn import_resumes_and_repeated_steps_are_idempotent(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let uploaded = upload(&app, &token, many(1_000)).await.expect(201);
    let start = app.path_of(uploaded["_links"]["muster:start"]["href"].as_str().unwrap()).to_owned();
    app.post(&start, Some(&token), &json!({"mapping": {"email": "email"}})).await.expect(202);
    assert!(app.step("import").await);
    let before: i64 = app.count("SELECT offset_bytes FROM imports").await;
    assert!(app.step("import").await);
    // as if the process had been killed after signing and before noting its place
    sqlx::query("UPDATE imports SET offset_bytes = $1, seen = 400").bind(before).execute(&app.kernel.db).await.unwrap();
    work(&app).await;
    let all = app.get(IMPORTS, Some(&token)).await.expect(200);
    assert_eq!(numbers(&all["muster:imports"][0]), [1_000, 1_000, 0, 0]);
    assert_eq!(total(&app, &token).await, 1_000);

    let again = upload(&app, &token, many(1_001)).await.expect(201);
    let done = run(&app, &token, &again, &json!({"mapping": {"email": "email"}})).await;
    assert_eq!(numbers(&done), [1_001, 1, 1_000, 0]);

    let third = upload(&app, &token, many(2)).await.expect(201);
    let cancel = app.path_of(third["_links"]["muster:cancel"]["href"].as_str().unwrap()).to_owned();
    assert_eq!(app.post(&cancel, Some(&token), &json!({})).await.expect(200)["muster:state"], "cancelled");
    app.post(&cancel, Some(&token), &json!({})).await.problem(409, "conflict", &[]);
}

/// Kilobytes of memory that a process holds, without what files and libraries share.
fn memory(pid: i32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn import_of_100000_rows_uses_constant_memory(pool: PgPool) {
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    server.petition(&token, json!({})).await;
    let lines = 100_000;
    let headers = [("osdi-api-token", token.as_str()), ("content-type", "text/csv")];
    let uploaded = exchange(server.http, "POST", IMPORTS, &headers, many(lines).as_bytes()).await.unwrap().expect(201);
    let href = uploaded["_links"]["muster:start"]["href"].as_str().unwrap();
    let start = &href[href.find("/api/").unwrap()..];
    let mapping = json!({"email": "email", "given_name": "given_name", "postal_code": "postal_code"});
    server.post(start, Some(&token), &json!({"mapping": mapping, "dry_run": true})).await.expect(202);
    let progress = async || server.get(IMPORTS, Some(&token)).await.expect(200)["muster:imports"][0].clone();
    until("the first thousand lines", async || (numbers(&progress().await)[0] > 1_000).then_some(())).await;
    let warm = memory(server.pid());
    let mut most = warm;
    let mut seen = 0;
    let done = loop {
        let import = until("further lines", async || {
            let import = progress().await;
            most = most.max(memory(server.pid()));
            Some(import).filter(|import| import["muster:state"] != "running" || numbers(import)[0] > seen)
        })
        .await;
        if import["muster:state"] != "running" {
            break import;
        }
        seen = numbers(&import)[0];
    };
    assert_eq!((done["muster:state"].as_str(), numbers(&done)), (Some("checked"), [100_000, 100_000, 0, 0]));
    assert!(most - warm < 32 * 1024, "grew by {} KiB", most - warm);
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn dates_are_read_in_the_order_of_their_column(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for (name, file, order, imported, expected) in [
        (
            "Google Forms in French",
            "Horodateur,Adresse e-mail,Prénom\n03/04/2026 14:05:22,a1@example.org,Ana\n31/03/2026 14:05:22,b1@example.org,Bo\n",
            json!("day_first"),
            [2, 2, 0, 0],
            "2026-04-03T00:00:00Z",
        ),
        (
            "Google Forms in English",
            "Timestamp,Email Address,First Name\n3/4/2026 14:05:22,a2@example.org,Ana\n3/31/2026 14:05:22,b2@example.org,Bo\n",
            json!("month_first"),
            [2, 2, 0, 0],
            "2026-03-04T00:00:00Z",
        ),
        (
            "the language of the header",
            "Marca temporal,Correo electrónico,Nombre\n3/4/2026 14:05:22,a3@example.org,Ana\n",
            json!("day_first"),
            [1, 1, 0, 0],
            "2026-04-03T00:00:00Z",
        ),
        (
            "both orders",
            "Timestamp,Email Address,First Name\n31/03/2026,a4@example.org,Ana\n3/31/2026,b4@example.org,Bo\n3/4/2026,c4@example.org,Cy\n",
            json!(null),
            [3, 2, 0, 1],
            "2026-03-31T00:00:00Z",
        ),
        (
            "words and nothing",
            "Date,Email,Name\n\"March 31, 2026\",a5@example.org,Ana\n31 mars 2026,b5@example.org,Bo\nn/a,c5@example.org,Cy\n",
            json!(null),
            [3, 3, 0, 0],
            "2026-03-31T00:00:00Z",
        ),
    ] {
        let uploaded = upload(&app, &token, file).await.expect(201);
        let mapping = uploaded["muster:suggested_mapping"].clone();
        assert_eq!(mapping["date_order"], order, "{name}");
        let list = app.get(IMPORTS, Some(&token)).await.expect(200);
        assert_eq!(list["muster:imports"][0]["muster:suggested_mapping"], mapping, "{name}");
        let done = run(&app, &token, &uploaded, &json!({"mapping": mapping})).await;
        assert_eq!(numbers(&done), imported, "{name}");
        let list = app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await.text();
        let address = file.split(',').find(|cell| cell.starts_with('a') && cell.contains('@')).unwrap();
        let row = list.lines().find(|row| row.contains(address)).unwrap();
        assert!(row.contains(expected), "{name}: {row}");
        if imported[3] > 0 {
            let faults = app.path_of(done["_links"]["muster:faults"]["href"].as_str().unwrap()).to_owned();
            let faults = app.get(&faults, Some(&token)).await.text();
            assert!(faults.contains("4,signed_on,invalid_value,\"Day and month may be either"), "{faults}");
        }
    }
    // the organizer knows better
    let file = "Timestamp,Email Address\n3/4/2026,a6@example.org\n";
    let uploaded = upload(&app, &token, file).await.expect(201);
    let mut mapping = uploaded["muster:suggested_mapping"].clone();
    assert_eq!(mapping["date_order"], "month_first");
    mapping["date_order"] = json!("day_first");
    let done = run(&app, &token, &uploaded, &json!({"mapping": mapping})).await;
    assert_eq!((numbers(&done), &done["mapping"]["date_order"]), ([1, 1, 0, 0], &json!("day_first")));
    let list = app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await.text();
    assert!(list.lines().any(|row| row.contains("a6@") && row.contains("2026-04-03")), "{list}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn cells_that_say_nothing_are_empty(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let file = "First,Last,PreferredEmail,Home Phone,Zip,Country Name,Comments\n\
        Ana,N/A,Ana Lee em@example.org,n/a,n/a,N/A,none\n\
        Null,-,f@example.org <mailto:f@example.org>,000-000-0000,98101,,\n\
        Cy,Na,g@example.org,-,-,Québec,n/a\n\
        Di,Day,h@example.org,,10115,Unknown,\n\
        Ed,Em,none,,,,\n";
    let uploaded = upload(&app, &token, file).await.expect(201);
    let mapping = uploaded["muster:suggested_mapping"].clone();
    let expected = json!({"email": "PreferredEmail", "given_name": "First", "family_name": "Last", "phone": "Home Phone",
        "postal_code": "Zip", "country": "Country Name", "comments": "Comments"});
    assert_eq!(mapping, expected);
    let done = run(&app, &token, &uploaded, &json!({"mapping": mapping})).await;
    let faults = app.path_of(done["_links"]["muster:faults"]["href"].as_str().unwrap()).to_owned();
    let faults = app.get(&faults, Some(&token)).await.text();
    assert_eq!(numbers(&done), [5, 4, 0, 1], "{faults}");
    assert!(faults.contains("6,email,required,"), "{faults}");
    let list = app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await.text();
    for expected in [
        "Ana,,em@example.org,,,,,,",
        "Null,,f@example.org,,98101,,,US",
        "Cy,Na,g@example.org,,,,,CA",
        "Di,Day,h@example.org,,10115,,,US",
    ] {
        assert!(list.contains(expected), "{expected}: {list}");
    }
}
