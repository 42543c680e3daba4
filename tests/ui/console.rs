//! One petition at the console: its forms speak to the API as the session, and nothing goes past the API's rules.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures,
    harness::{Reply, TestApp, merge, signer},
    ui::{
        forms::{declared_form, fill_in},
        sessions::{csrf, get, send, sign_in},
    },
};

/// A browser at the page of the petition.
struct ConsolePage<'a> {
    app: &'a TestApp,
    session: String,
    page: String,
}

impl<'a> ConsolePage<'a> {
    async fn at(app: &'a TestApp, petition: uuid::Uuid) -> Self {
        ConsolePage { app, session: sign_in(app).await, page: format!("/console/petitions/{petition}") }
    }

    async fn look(&self) -> Reply {
        let page = get(self.app, &self.page, &self.session).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page
    }

    /// The hidden fields of the form whose call ends like this.
    fn form(page: &str, path_ends: &str) -> Vec<(String, String)> {
        let forms = page.split("<form ").skip(1).map(|f| f.split("</form>").next().unwrap());
        let hidden = |form: &str| {
            form.split("<input type=\"hidden\" name=\"")
                .skip(1)
                .map(|input| {
                    let (name, rest) = input.split_once("\" value=\"").unwrap();
                    (name.to_owned(), rest.split('"').next().unwrap().to_owned())
                })
                .collect::<Vec<_>>()
        };
        let fits = |fields: &Vec<(String, String)>| {
            fields.iter().any(|(name, value)| name == "path" && value.ends_with(path_ends))
        };
        forms.map(hidden).find(fits).unwrap_or_else(|| panic!("no form calls …{path_ends} in {page}"))
    }

    /// Sends that form with what is typed; where the browser is sent, or the refusal's text.
    async fn fill(&self, path_ends: &str, input: &[(&str, &str)]) -> Result<String, String> {
        let page = self.look().await.text();
        let hidden = Self::form(&page, path_ends);
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        fields.extend_from_slice(input);
        let reply = send(self.app, "/console/act", &self.session, &fields).await;
        match reply.status.as_u16() {
            303 => Ok(reply.headers[header::LOCATION].to_str().unwrap().to_owned()),
            _ => Err(reply.text()),
        }
    }

    /// Fills in the form of a page below this one.
    async fn fill_in(&self, below: &str, input: &[(&str, &str)]) -> Result<String, Reply> {
        fill_in(self.app, &self.session, &format!("{}{below}", self.page), input).await
    }

    /// Sends the form of a page below this one with a file.
    async fn upload(&self, below: &str, input: &[(&str, &str)], name: &str, kind: &str, file: &[u8]) -> Reply {
        let page = get(self.app, &format!("{}{below}", self.page), &self.session).await.text();
        let form = declared_form(&page).with(input);
        let mut body = Vec::new();
        for (name, value) in &form.fields {
            body.extend(
                format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
            );
        }
        body.extend(format!("--cut\r\nContent-Disposition: form-data; name=\"#file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n").as_bytes());
        body.extend(file);
        body.extend(b"\r\n--cut--\r\n");
        let request = Request::post(&form.action)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=cut")
            .header(header::COOKIE, &self.session);
        self.app.send(request.body(Body::from(body)).unwrap()).await
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn petition_page_shows_and_edits_every_setting(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    for i in 0..3 {
        let mut body = signer(&format!("s{i}@example.org"));
        merge(&mut body, json!({"comments": format!("Comment {i} <b>")}));
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    let console_page = ConsolePage::at(&app, id).await;
    assert!(get(&app, "/console", &console_page.session).await.text().contains(&console_page.page));

    // numbers, goal, state
    app.tick().await;
    assert!(console_page.look().await.text().contains("<p class=\"press-number\">3</p>"));
    console_page.fill("/recount", &[]).await.unwrap();
    let input = [("/muster:goal", "500"), ("/muster:milestones", "10, 20"), ("/muster:raises_goal", "true")];
    console_page.fill_in("/edit", &input).await.unwrap();
    let input = [("/muster:status", "paused"), ("/muster:status_reason", "We count")];
    let back = console_page.fill_in("/status", &input).await.unwrap();
    assert_eq!(back, format!("{}?done=status#status", console_page.page));
    assert!(
        get(&app, back.split('#').next().unwrap(), &console_page.session)
            .await
            .text()
            .contains("role=\"status\">Done.<")
    );
    let petition = app.get("/api/v1/petitions/status", Some(&token)).await.expect(200);
    assert_eq!(
        [
            &petition["muster:goal"],
            &petition["muster:milestones"],
            &petition["muster:status"],
            &petition["muster:status_reason"]
        ],
        [&json!(500), &json!([10, 20]), &json!("paused"), &json!("We count")]
    );
    let refused = console_page.fill_in("/edit", &[("/muster:goal", "0")]).await.unwrap_err();
    assert_eq!(refused.status, 422);
    let refused = refused.text();
    assert!(refused.contains("href=\"#f-muster-goal\"") && refused.contains("id=\"f-muster-goal-e1\""), "{refused}");
    assert_eq!(declared_form(&refused).value("/muster:goal"), Some("0"), "what was typed is there");

    // comments: read, shown, and no markup of theirs
    let page = console_page.look().await.text();
    assert!(page.contains("Comment 1 &lt;b&gt;") && !page.contains("Comment 1 <b>"));
    let signatures = app.get("/api/v1/petitions/status/signatures", Some(&token)).await.expect(200);
    let first =
        signatures["_embedded"]["osdi:signatures"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    console_page.fill(&format!("/signatures/{first}"), &[]).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE comment_state = 'shown'").await, 1);

    // a flood: counted first, then taken out, then brought back
    let rule = [("/rule/domain", "example.org"), ("/reason", "A flood"), ("/effect", "invalidate")];
    let dry = console_page.fill_in("/reviews/new", &rule).await.unwrap();
    assert!(dry.ends_with("?done=held&n=3#held"), "{dry}");
    assert!(
        get(&app, dry.split('#').next().unwrap(), &console_page.session)
            .await
            .text()
            .contains("3 signatures would change")
    );
    console_page.fill_in("/reviews/new", &[&rule[..], &[("/dry_run", "")]].concat()).await.unwrap();
    app.jobs().await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'invalid'").await, 3);
    console_page.fill("/undo", &[]).await.unwrap();
    app.jobs().await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await, 3);

    // paper, links, limits, handing over
    let sheet = [("/reference", "Box 1"), ("/sheets", "3"), ("/count", "41"), ("/collected_on", "")];
    console_page.fill_in("/paper/new", &sheet).await.unwrap();
    console_page.fill_in("/short-links/new", &[("/word", "now")]).await.unwrap();
    let day = [("/date", "2026-12-10"), ("/place", "Parliament Hill"), ("/muster:event", "")];
    console_page.fill_in("/deliveries/new", &day).await.unwrap();
    let fill = async |address: &str, input: &[(&str, &str)]| fill_in(&app, &console_page.session, address, input).await;
    fill("/console/sources/new", &[("/word", "union-hall")]).await.unwrap();
    fill("/console/spam", &[("/muster:signing_paused", "true")]).await.unwrap();
    fill("/console/spam/allowlist/new", &[("/domain", "union.example"), ("/network", "")]).await.unwrap();
    console_page.fill("/statement", &[]).await.unwrap();
    let page = console_page.look().await.text();
    for told in ["Box 1", "/go/now", "Parliament Hill"] {
        assert!(page.contains(told), "{told}");
    }
    for (list, told) in [("/console/sources", "union-hall"), ("/console/spam/allowlist", "union.example")] {
        assert!(get(&app, list, &console_page.session).await.text().contains(told), "{told}");
    }
    assert!(
        get(&app, "/console/spam", &console_page.session)
            .await
            .text()
            .contains("id=\"f-muster-signing-paused\" name=\"/muster:signing_paused\" checked")
    );
    assert_eq!(app.count("SELECT total FROM (SELECT receipts AS total FROM petition_deliveries) d").await, 3);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn long_lists_have_pages(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    sqlx::query("INSERT INTO short_links (word, action_id, created_at) SELECT 'word-' || n, $1, now() + n * interval '1 second' FROM generate_series(1, 60) n")
        .bind(id)
        .execute(&app.kernel.db)
        .await
        .unwrap();
    let session = sign_in(&app).await;
    let look = async |query: &str| get(&app, &format!("/console/petitions/{id}{query}"), &session).await.text();
    for (query, (first, last), links) in [
        ("", (1, 25), [false, true]),
        ("?links=2", (26, 50), [true, true]),
        ("?links=3", (51, 60), [true, false]),
        ("?links=9", (61, 60), [true, false]),
        ("?links=none", (1, 25), [false, true]),
    ] {
        let page = look(query).await;
        for n in 1..=60 {
            assert_eq!(page.contains(&format!("/go/word-{n}<")), (first..=last).contains(&n), "{query}: {n}");
        }
        assert_eq!(["rel=\"prev\"", "rel=\"next\""].map(|link| page.contains(link)), links, "{query}");
    }
    let next = format!("href=\"/console/petitions/{id}?links=3#links\"");
    assert!(look("?links=2").await.contains(&next));
    assert!(look("?links=9").await.contains(&next), "from past the end, back to the last page");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn file_upload_through_the_form(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    let console_page = ConsolePage::at(&app, id).await;
    let csv = b"Courriel,Nom\nana@example.org,Ana\nnobody,Bo\n";
    let reply = console_page.upload("/imports/new", &[], "liste.csv", "text/csv", csv).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    assert!(console_page.look().await.text().contains("liste.csv"));
    let import = reply.headers[header::LOCATION].to_str().unwrap().split('?').next().unwrap().to_owned();
    let form = declared_form(&get(&app, &import, &console_page.session).await.text());
    assert_eq!((form.value("/mapping/email"), form.value("/dry_run")), (Some("Courriel"), Some("true")));
    let mapping = [("/mapping/email", "Courriel"), ("/mapping/given_name", "Nom"), ("/dry_run", "")];
    fill_in(&app, &console_page.session, &import, &mapping).await.unwrap();
    app.jobs().await;
    let page = console_page.look().await.text();
    assert!(page.contains("2 lines: 1 new, 0 already signed, 1 rejected"), "{page}");
    assert!(page.contains("faults.csv"));

    let workbook = include_bytes!("../workbooks/google.xlsx");
    let reply = console_page.upload("/imports/new", &[], "réponses.xlsx", "application/octet-stream", workbook).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let page = console_page.look().await.text();
    assert!(page.contains("Read from the sheet “Réponses au formulaire 1”."), "{page}");
    let import = reply.headers[header::LOCATION].to_str().unwrap().split('?').next().unwrap().to_owned();
    let form = declared_form(&get(&app, &import, &console_page.session).await.text());
    assert_eq!(form.value("/mapping/email"), Some("Adresse e-mail"));
    let csv = b"Courriel;Pr\xE9nom;Sign\xE9 le\nana@example.org;Zo\xE9;03/04/2026\n";
    let reply = console_page.upload("/imports/new", &[], "liste.csv", "text/csv", csv).await;
    let page = get(&app, reply.headers[header::LOCATION].to_str().unwrap(), &console_page.session).await.text();
    for told in [
        "Read as windows-1252, separated by “;”.",
        "Dates such as 03/04/2026 are read with the day first",
        "<th scope=\"col\">Prénom</th>",
        "<td>Zoé</td>",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let asked = [("?encoding", "IBM850"), ("?separator", ";")];
    let csv = b"Courriel;Nom\nana@example.org;Montr\x82al\n";
    let reply = console_page.upload("/imports/new", &asked, "liste.csv", "text/csv", csv).await;
    let page = get(&app, reply.headers[header::LOCATION].to_str().unwrap(), &console_page.session).await.text();
    assert!(page.contains("Read as IBM850") && page.contains("<td>Montréal</td>"), "{page}");
    let reply =
        console_page.upload("/imports/new", &[], "list.xls", "application/vnd.ms-excel", b"\xD0\xCF\x11\xE0").await;
    assert_eq!(reply.status, 415);
    assert!(reply.text().contains("This is a workbook of an old Excel (.xls). Save it"), "{}", reply.text());
    let reply = console_page.upload("/imports/new", &[], "list.csv", "text/csv", b"\n\n").await;
    assert_eq!(reply.status, 422);
    assert!(reply.text().contains("The file is empty."), "{}", reply.text());

    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let reply =
        console_page.upload("/image", &[("?alt", "Boxes of sheets")], "x.png", "image/png", png.get_ref()).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let petition = app.get("/api/v1/petitions/status", Some(&token)).await.expect(200);
    assert_eq!(petition["muster:image_alt"], "Boxes of sheets");
    let reply = console_page.upload("/image", &[("?alt", "Text")], "x.txt", "text/plain", b"no picture").await;
    assert_eq!(reply.status, 415, "{}", reply.text());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn forms_call_only_api_paths(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    let session = sign_in(&app).await;
    let page = get(&app, &format!("/console/petitions/{id}"), &session).await;
    let key = csrf(&page);
    let path = format!("/api/v1/petitions/{id}");
    let act = async |fields: &[(&str, &str)], cookies: &str| send(&app, "/console/act", cookies, fields).await;
    let fields = |key: &'static str| [("method", "DELETE"), ("csrf", key)];
    assert_eq!(act(&[&fields("x")[..], &[("path", &path)]].concat(), &session).await.status, 403, "forged");
    let away = act(&[("method", "DELETE"), ("csrf", &key), ("path", &path)], "").await;
    assert_eq!(away.headers[header::LOCATION], "/console/sign-in");
    for elsewhere in ["/console/sign-out", "https://evil.example/api/v1/", "/t/x", ""] {
        let reply = act(&[("csrf", &key), ("path", elsewhere)], &session).await;
        assert_eq!(reply.status, 404, "{elsewhere}");
    }
    let state = async || app.get(&path, Some(&token)).await.expect(200)["muster:status"].clone();
    assert_eq!(state().await, Value::from("published"));
    let done =
        act(&[("method", "DELETE"), ("csrf", &key), ("path", &path), ("back", "https://evil.example")], &session).await;
    assert!(done.headers[header::LOCATION].to_str().unwrap().starts_with("/console?"));
    assert_eq!(state().await, Value::from("archived"));
    // another organization's petition looks like none
    app.token("Neighbours", "all").await;
    let theirs = app.token("Neighbours", "all").await;
    let other = app.petition(&theirs, json!({"muster:slug": "theirs"})).await;
    assert_eq!(get(&app, &format!("/console/petitions/{other}"), &session).await.status, 404);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn delivery_sheet_lists_only_names_with_consent(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id =
        app.petition(&token, json!({"muster:demands": ["Status for all"], "target": [{"name": "The Minister"}]})).await;
    for (name, deliver) in [("<i>Ana</i>", true), ("Silent", false)] {
        let mut body = signer(&format!("{}@example.org", if deliver { "ana" } else { "silent" }));
        body["person"]["given_name"] = json!(name);
        body["muster:deliver_name"] = json!(deliver);
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    let made = app.post("/api/v1/petitions/status/deliveries", Some(&token), &json!({"date": "2026-12-10"})).await;
    let delivery = made.id();
    let session = sign_in(&app).await;
    let path = format!("/console/petitions/{id}/deliveries/{delivery}");
    let sheet = get(&app, &path, &session).await;
    assert_eq!((sheet.status.as_u16(), &sheet.headers[header::CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    let text = sheet.text();
    assert!(
        text.contains("&lt;i&gt;Ana&lt;/i&gt; Okafor") || text.contains("&lt;i&gt;Ana&lt;&#x2f;i&gt; Okafor"),
        "{text}"
    );
    assert!(text.contains("2 people have signed") || text.contains(">2 "), "{text}");
    assert!(!text.contains("Silent") && text.ends_with("</html>\n") || text.trim_end().ends_with("</html>"), "{text}");
    assert!(text.contains("The final count is not locked yet."));
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'names.export'").await, 1);
    assert_eq!(get(&app, &path, "").await.status, 303);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mail_page_shows_and_controls_the_queue(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    fixtures::office(&app, &token, "minister").await;
    fixtures::letter_action(&app, &token, json!({})).await;
    app.put("/api/v1/advocacy_campaigns/write", Some(&token), &json!({"muster:live": true})).await.expect(200);
    let console_page = ConsolePage { app: &app, session: sign_in(&app).await, page: "/console/mail".to_owned() };
    assert!(get(&app, "/console", &console_page.session).await.text().contains("href=\"/console/mail\""));

    // paused as a whole, by class, and on again
    let pauses = async || {
        let summary = app.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
        summary["muster:pauses"].as_array().unwrap().iter().map(|p| p["scope"].clone()).collect::<Vec<_>>()
    };
    console_page.fill("/mail/pauses", &[]).await.unwrap();
    assert_eq!(pauses().await, ["everything"]);
    assert!(console_page.look().await.text().contains("Paused: all email."));
    for n in 0..7 {
        let path = "/api/v1/advocacy_campaigns/write/outreaches";
        app.post(path, Some(&token), &signer(&format!("w{n}@example.org"))).await.expect(201);
    }
    app.mail().await;
    let page = console_page.look().await.text();
    assert!(page.contains("Minister of Immigration") && page.contains("7 letters waiting"), "{page}");
    console_page.fill("/mail/pauses", &[]).await.unwrap();
    assert!(pauses().await.is_empty());

    // hours that are no hours are refused by name; good ones stand in the form again
    let lane: String = sqlx::query_scalar("SELECT lane FROM mail_lanes").fetch_one(&app.kernel.db).await.unwrap();
    let path = format!("/mailboxes/{lane}");
    let hours = |from: &'static str, zone: &'static str| {
        [("/hours/opens_at", from), ("/hours/closes_at", "17:00"), ("/hours/timezone", zone)]
    };
    let refused = console_page.fill_in(&path, &hours("17:00", "Mars/Crater")).await.unwrap_err().text();
    assert!(
        refused.contains("id=\"f-hours-closes-at-e1\"") && refused.contains("id=\"f-hours-timezone-e1\""),
        "{refused}"
    );
    let input = [("/rate_per_hour", "120"), ("/burst", "2")];
    console_page.fill_in(&path, &[&input[..], &hours("08:30", "America/Toronto")].concat()).await.unwrap();
    let form = declared_form(&get(&app, &format!("/console/mail{path}"), &console_page.session).await.text());
    assert_eq!((form.value("/hours/opens_at"), form.value("/rate_per_hour")), (Some("08:30"), Some("120")));
    console_page
        .fill_in(&path, &[("/hours/opens_at", ""), ("/hours/closes_at", ""), ("/hours/timezone", "UTC")])
        .await
        .unwrap();
    app.mail().await;
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE class = 'letter' AND state = 'sent'").await, 2);

    // a failed one goes again, alone or with all others
    sqlx::query("UPDATE emails SET state = 'failed', settled_at = now(), failure = '550 no' WHERE class = 'letter' AND state = 'queued'")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    assert!(console_page.look().await.text().contains("550 no"));
    console_page.fill("/retry", &[]).await.unwrap();
    let back = console_page.fill("/mail/retry", &[]).await.unwrap();
    assert!(back.contains("n=4"), "{back}");
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE class = 'letter' AND state = 'queued'").await, 5);

    // relays are known once a worker has run
    sqlx::query("INSERT INTO mail_relays (relay) VALUES ('relay.example.org:587')")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    console_page.fill_in("/relays/relay.example.org:587", &[("/rate_per_hour", "3600")]).await.unwrap();
    let summary = app.get("/api/v1/mail/summary", Some(&token)).await.expect(200);
    assert_eq!(summary["muster:relays"], json!([{"relay": "relay.example.org:587", "rate_per_hour": 3600}]));
    assert_eq!(summary["muster:first_contacts"]["is_braked"], false);
    console_page.fill_in("/relays/relay.example.org:587", &[("/rate_per_hour", "")]).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM mail_relays WHERE rate_per_hour IS NULL").await, 1);
    app.put("/api/v1/mail/relays/none:25", Some(&token), &json!({})).await.problem(404, "not_found", &[]);
    let zero = app.put("/api/v1/mail/relays/relay.example.org:587", Some(&token), &json!({"rate_per_hour": 0})).await;
    zero.problem(422, "validation_failed", &["/rate_per_hour"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn broadcast_is_drafted_tested_sent_and_tracked(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let petition = app.petition(&token, json!({})).await;
    for n in 0..3 {
        let mut body = signer(&format!("s{n}@example.org"));
        merge(&mut body, json!({"muster:consents": {"updates": true}}));
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    let session = sign_in(&app).await;
    let list = ConsolePage { app: &app, session: session.clone(), page: "/console/broadcasts".to_owned() };
    let petition = petition.to_string();
    let input = [
        ("/muster:texts/en/subject", "We won"),
        ("/muster:texts/en/body", "Thank you."),
        ("/muster:audience/actions", petition.as_str()),
    ];
    let refused = list.fill_in("/new", &[&input[..2], &[("/muster:audience/actions", "nothing")]].concat()).await;
    let refused = refused.unwrap_err().text();
    assert!(refused.contains("href=\"#f-muster-audience-actions\""), "{refused}");
    assert_eq!(declared_form(&refused).value("/muster:texts/en/body"), Some("Thank you."));
    list.fill_in("/new", &input).await.unwrap();
    let page = list.look().await.text();
    let id = page
        .split("href=\"/console/broadcasts/")
        .find(|part| part.starts_with('0'))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let console_page = ConsolePage { app: &app, session, page: format!("/console/broadcasts/{id}") };
    let page = console_page.look().await.text();
    assert!(page.contains("<li>Status for all</li>"), "an action is known by its title: {page}");
    assert!(page.contains("Counting recipients…"));
    app.jobs().await;
    assert!(
        get(&app, &format!("{}/send", console_page.page), &console_page.session)
            .await
            .text()
            .contains("3 recipients at the moment")
    );

    // another language: a button of the form adds its fields, and keeps what was typed
    let edit = format!("{}/edit", console_page.page);
    let form = declared_form(&get(&app, &edit, &console_page.session).await.text());
    let adding = form.with(&[("/muster:texts/en/subject", "We won!"), ("add_language", "fr")]);
    let page = adding.send(&app, &console_page.session).await;
    assert_eq!(page.status, 200);
    let form = declared_form(&page.text());
    assert_eq!(form.value("/muster:texts/en/subject"), Some("We won!"));
    let form = form.with(&[("/muster:texts/fr/subject", "Gagné"), ("/muster:texts/fr/body", "Merci.")]);
    assert_eq!(form.send(&app, &console_page.session).await.status, 303);
    let form = declared_form(&get(&app, &edit, &console_page.session).await.text());
    let subjects = ["en", "fr"].map(|tag| form.value(&format!("/muster:texts/{tag}/subject")).unwrap().to_owned());
    assert_eq!(subjects, ["We won!", "Gagné"]);
    console_page.fill("/test", &[]).await.unwrap();
    assert_eq!(app.mail().await.iter().filter(|mail| mail.kind == "broadcast_test").count(), 2);
    console_page.fill_in("/send", &[]).await.unwrap();
    app.jobs().await;
    let under_way = console_page.look().await.text();
    assert!(under_way.contains("http-equiv=\"refresh\"") && !under_way.contains("<textarea"), "{under_way}");
    console_page.fill("/pause", &[]).await.unwrap();
    console_page.fill("/resume", &[]).await.unwrap();
    app.jobs().await;
    app.mail().await;
    app.kernel.env.advance(chrono::TimeDelta::seconds(2));
    app.jobs().await;
    let page = console_page.look().await.text();
    assert!(page.contains("<dt>Sent</dt><dd>3</dd>"), "{page}");

    // the state of each mail, for who may see it
    let path = format!("/api/v1/broadcasts/{id}/recipients");
    let all = app.get(&path, Some(&token)).await.expect(200);
    assert_eq!(all["total_records"], 3);
    let person = all["_embedded"]["muster:recipients"][0]["_links"]["osdi:person"]["href"].as_str().unwrap().to_owned();
    app.get(app.path_of(&person), Some(&token)).await.expect(200);
    let failed = app.get(&format!("{path}?filter=muster:state%20eq%20%27failed%27"), Some(&token)).await.expect(200);
    assert_eq!(failed["total_records"], 0);
    app.get(&format!("{path}?filter=nothing%20eq%201"), Some(&token)).await.problem(400, "invalid_filter", &[]);
    app.get(&path, None).await.problem(401, "unauthorized", &[]);
    let neighbour = app.token("Neighbours", "all").await;
    app.get(&path, Some(&neighbour)).await.problem(404, "not_found", &[]);
}

/// A form of parts, sent a piece at a time; the answer, and how many bytes of it were asked for.
async fn stream_form(app: &TestApp, session: &str, pieces: Vec<Vec<u8>>) -> (Reply, usize) {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = asked.clone();
    let pieces = futures_util::stream::iter(pieces.into_iter().map(move |piece| {
        counted.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece)
    }));
    let request = Request::post("/console/act")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=cut")
        .header(header::COOKIE, session);
    let reply = app.send(request.body(Body::from_stream(pieces)).unwrap()).await;
    (reply, asked.load(std::sync::atomic::Ordering::Relaxed))
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn form_body_over_its_limit_is_refused_early(pool: PgPool) {
    const KIB: usize = 1024;
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    let console_page = ConsolePage::at(&app, id).await;
    let csrf = csrf(&console_page.look().await);
    let field = |name: &str, value: &str| {
        format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes()
    };
    let open = |name: &str| format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes();
    let flood = || std::iter::repeat_n(vec![b'a'; 16 * KIB], 20 * 64);
    let sent = async |pieces: Vec<Vec<u8>>| {
        let (reply, asked) = stream_form(&app, &console_page.session, pieces).await;
        (reply.status.as_u16(), asked)
    };
    let with = |first: Vec<Vec<u8>>| first.into_iter().chain(flood()).collect::<Vec<_>>();

    for (what, first) in [
        ("a wrong token", vec![field("csrf", "wrong"), open("/title")]),
        ("a token that does not end", vec![open("csrf")]),
        ("a text before the token", vec![open("/title")]),
        ("a part's header that does not end", vec![b"--cut\r\nContent-Disposition: form-data; name=\"".to_vec()]),
        ("no part", vec![]),
        (
            "a file first",
            vec![b"--cut\r\nContent-Disposition: form-data; name=\"csrf\"; filename=\"x\"\r\n\r\n".to_vec()],
        ),
    ] {
        let (status, asked) = sent(with(first)).await;
        assert!(matches!(status, 403 | 413) && asked <= 100 * KIB, "{what}: {status} after {asked} bytes");
    }
    let (status, asked) = sent(with(vec![field("csrf", &csrf), open("/title")])).await;
    assert!(status == 413 && asked <= 128 * KIB, "a long text: {status} after {asked} bytes");
    let mut many = vec![field("csrf", &csrf)];
    many.extend(std::iter::repeat_n(field("x", "y"), 100_000));
    let (status, asked) = sent(many).await;
    assert!(status == 413 && asked <= 64 * KIB, "many fields: {status} after {asked} bytes");
    let texts: Vec<Vec<u8>> = (0..20).map(|_| field("/title", &"a".repeat(60 * KIB))).collect();
    let (status, asked) = sent([vec![field("csrf", &csrf)], texts].concat()).await;
    assert!(status == 413 && asked <= 400 * KIB, "many texts: {status} after {asked} bytes");
    // whole in memory, as a fast client's
    let whole = [field("csrf", "wrong"), open("/title"), vec![b'a'; 20 << 20]].concat();
    assert_eq!(sent(vec![whole]).await.0, 403);

    // a member within a member within …
    let deep = format!("/{}", "a/".repeat(100_000));
    let fields = [("csrf", csrf.as_str()), ("path", "/api/v1/petitions"), (&deep[..20 * KIB], "x")];
    assert_eq!(send(&app, "/console/act", &console_page.session, &fields).await.status, 415);
    assert_eq!(sent(vec![field("csrf", &csrf), field(&deep[..50 * KIB], "x"), b"--cut--".to_vec()]).await.0, 415);
    let unsigned = send(&app, "/console/act", &console_page.session, &[("path", "/api/v1/petitions")]).await;
    assert_eq!(unsigned.status, 403);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn retention_pages_show_last_days_and_destroy_with_the_slug_typed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({"muster:privacy": "protected"})).await;
    let session = sign_in(&app).await;
    let dashboard = get(&app, "/console", &session).await.text();
    assert!(dashboard.contains("href=\"/console/retention\"") && dashboard.contains("overdue: 0"), "{dashboard}");
    let list = get(&app, "/console/retention", &session).await.text();
    let form = format!("/console/retention/{id}");
    assert!(list.contains(&format!("href=\"{form}\"")) && list.contains("Last day of personal data"), "{list}");
    let page = ConsolePage { app: &app, session: session.clone(), page: form.clone() };
    let refused = page.fill_in("", &[("/slug", "other")]).await.unwrap_err().text();
    assert_eq!(declared_form(&refused).value("/slug"), Some("other"));
    assert!(refused.contains("This is not the slug of the action."), "{refused}");
    assert_eq!(app.count("SELECT count(*) FROM action_ends").await, 0);
    let back = page.fill_in("", &[("/slug", "status")]).await.unwrap();
    assert_eq!(back, "/console/retention?done=actions#actions");
    assert_eq!(app.count("SELECT count(*) FROM actions WHERE state = 'ended'").await, 1);
    app.expire_caches();
    assert_eq!(get(&app, &form, &session).await.status, 410);
    assert!(get(&app, &format!("/console/petitions/{id}"), &session).await.text().contains("Ended"));
    let list = ConsolePage { app: &app, session, page: "/console/retention".to_owned() };
    list.fill_in("/months", &[("/muster:retention_months", "6")]).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM organizations WHERE retention_months = 6").await, 1);
}
