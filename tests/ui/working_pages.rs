//! The working pages: lists of those who took part with filters and decisions, the audit log, and what each role sees.

use axum::http::header;
use muster::organizers::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures,
    harness::{TestApp, merge, signer},
    ui::{
        forms::{HtmlForm, forms},
        sessions::{csrf, get, send, sign_in},
    },
};

/// Rows of a list's table.
fn rows(page: &str) -> usize {
    page.matches("<th scope=\"row\">").count()
}

/// The form that has this field.
#[track_caller]
fn form_with(page: &str, field: &str) -> HtmlForm {
    let found = forms(page).into_iter().find(|form| form.names.iter().any(|name| name == field));
    found.unwrap_or_else(|| panic!("no form with {field} in {page}"))
}

async fn look(app: &TestApp, session: &str, address: &str) -> String {
    let page = get(app, address, session).await;
    assert_eq!(page.status, 200, "{address}: {}", page.text());
    page.text()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn signers_are_filtered_counted_and_decided_about_after_a_question(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({})).await;
    app.post("/api/v1/sources", Some(&token), &json!({"word": "hall"})).await.expect(201);
    for n in 0..53 {
        let mut body = signer(&format!("s{n}@example.org"));
        let source = if n % 2 == 0 { "hall" } else { "" };
        merge(&mut body, json!({"comments": format!("Why {n}"), "referrer_data": {"source": source}}));
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    let session = sign_in(&app).await;
    let list = format!("/console/petitions/{id}/signatures");
    assert!(look(&app, &session, &format!("/console/petitions/{id}")).await.contains(&format!("href=\"{list}\"")));
    let first = look(&app, &session, &list).await;
    assert!(first.contains("53 in all") && rows(&first) == 50, "{first}");
    let (_, next) = first.split_once("rel=\"next\" href=\"").unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    assert!(next.contains("after="), "the next page begins at a key: {next}");
    assert_eq!(rows(&look(&app, &session, &next).await), 3);

    let one = look(&app, &session, &format!("{list}?email=s7%40example.org")).await;
    assert!(rows(&one) == 1 && one.contains("1 matches the filter") && one.contains("s7@example.org"), "{one}");
    assert!(one.contains("<a href=\"/console/people/"), "a row leads to the person");
    let hall = look(&app, &session, &format!("{list}?state=counted&source=hall")).await;
    assert!(hall.contains("27 match the filter"), "{hall}");
    assert!(hall.contains("reviews/new?%2Frule%2Fsource=hall"), "the rule of a bulk review is filled in: {hall}");
    let review = look(&app, &session, &format!("/console/petitions/{id}/reviews/new?%2Frule%2Fsource=hall")).await;
    assert_eq!(form_with(&review, "/rule/source").value("/rule/source"), Some("hall"));
    assert!(
        look(&app, &session, &format!("{list}?from=2001-01-01&until=2001-01-02")).await.contains("Nothing matches")
    );
    assert!(look(&app, &session, &format!("{list}?state=nonsense")).await.contains("field-error"));

    // several at once: asked with their number first
    let form = form_with(&hall, "decision");
    let chosen: Vec<&str> = hall.split("name=\"row\" value=\"").skip(1).take(2).map(|rest| &rest[..36]).collect();
    let hidden = csrf(&get(&app, &list, &session).await);
    let fields = [
        ("csrf", hidden.as_str()),
        ("query", form.value("query").unwrap()),
        ("row", chosen[0]),
        ("row", chosen[1]),
        ("decision", "invalid"),
    ];
    let question = send(&app, &list, &session, &fields).await;
    assert!(question.text().contains("Reject 2 signatures?"), "{}", question.text());
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'invalid'").await, 0, "not done yet");
    let done = form_with(&question.text(), "is_sure").send(&app, &session).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let to = done.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(to, format!("{list}?state=counted&source=hall&done=page&n=2"));
    assert!(look(&app, &session, &to).await.contains("2 changed."));
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'invalid'").await, 2);
    let forged = send(&app, &list, &session, &[("csrf", "x"), ("row", chosen[0]), ("decision", "counted")]).await;
    assert_eq!(forged.status, 403);
    // comments, too
    let fields = [("csrf", hidden.as_str()), ("row", chosen[0]), ("decision", "shown"), ("is_sure", "yes")];
    assert_eq!(send(&app, &list, &session, &fields).await.status, 303);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE comment_state = 'shown'").await, 1);
    // reading was noted
    assert!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'people.read'").await >= 6);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn registrations_and_letters_are_listed_and_registrations_cancelled(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    let session = sign_in(&app).await;
    let registrations = format!("/console/events/{}/registrations", all.event);
    let page = look(&app, &session, &registrations).await;
    assert_eq!(rows(&page), 1, "{page}");
    let hidden = csrf(&get(&app, &registrations, &session).await);
    let id = all.attendance.to_string();
    let fields = [("csrf", hidden.as_str()), ("row", id.as_str()), ("decision", "cancel"), ("is_sure", "yes")];
    assert_eq!(send(&app, &registrations, &session, &fields).await.status, 303);
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE state = 'cancelled'").await, 1);
    let letters = look(&app, &session, &format!("/console/letters/{}/outreaches", all.letter_action)).await;
    assert!(rows(&letters) >= 1 && !letters.contains("name=\"decision\""), "{letters}");
    let calls = look(&app, &session, &format!("/console/calls/{}/outreaches?outcome=other", all.call_action)).await;
    assert!(rows(&calls) == 1 && calls.contains("Minister of Immigration"), "{calls}");
    // a neighbour's list is none
    let theirs = fixtures::create_all_resources(&app, "Neighbours").await;
    let drafted = app
        .put(
            &format!("/api/v1/petitions/{}", theirs.petition),
            Some(&theirs.token),
            &json!({"muster:status": "archived"}),
        )
        .await;
    drafted.expect(200);
    assert_eq!(get(&app, &format!("/console/petitions/{}/signatures", theirs.petition), &session).await.status, 404);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_lists_show_no_person_and_offer_no_question_about_one(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = app.petition(&token, json!({"muster:privacy": "protected", "muster:destroy_after": "2027-06-01"})).await;
    app.post("/api/v1/petitions/status/signatures", None, &signer("ana@example.org")).await.expect(202);
    let session = sign_in(&app).await;
    let page = look(&app, &session, &format!("/console/petitions/{id}/signatures")).await;
    assert!(page.contains("Not shown") && !page.contains("ana@example.org") && !page.contains("/console/people/"));
    for name in ["email", "source", "country", "region", "language", "comments"] {
        assert!(!page.contains(&format!("name=\"{name}\"")), "{name}: {page}");
    }
    let asked = look(&app, &session, &format!("/console/petitions/{id}/signatures?email=ana%40example.org")).await;
    assert_eq!(rows(&asked), rows(&page), "a condition that is not offered is not asked");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn who_may_not_read_contacts_sees_numbers_and_decides_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    for role in [Role::Viewer, Role::Host] {
        let colleague = app.colleague("Alliance", role.as_str(), role).await;
        let session = app.session_of(&colleague).await;
        let cookie = session.headers()[0].1.to_owned();
        for address in [
            format!("/console/petitions/{}/signatures", all.petition),
            format!("/console/events/{}/registrations", all.event),
            format!("/console/letters/{}/outreaches", all.letter_action),
            format!("/console/calls/{}/outreaches", all.call_action),
        ] {
            let page = look(&app, &cookie, &address).await;
            assert!(page.contains("your role may not read contact details"), "{role} {address}: {page}");
            assert!(!page.contains("example.org</"), "{role} {address}: {page}");
            let fields = [("csrf", csrf(&get(&app, "/console", &cookie).await)), ("decision", "invalid".to_owned())];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(send(&app, &address, &cookie, &fields).await.status, 403, "{role} decides nothing");
        }
        assert_eq!(get(&app, "/console/audit", &cookie).await.status, 403);
    }
    let organizer = app.colleague("Alliance", "karim", Role::Organizer).await;
    let cookie = app.session_of(&organizer).await.headers()[0].1.to_owned();
    let list = format!("/console/petitions/{}/signatures", all.petition);
    assert!(rows(&look(&app, &cookie, &list).await) >= 1);
    assert_eq!(get(&app, "/console/audit", &cookie).await.status, 403, "for owners");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn audit_log_is_filtered_exported_and_verified(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    let token = Some(all.token.as_str());
    let session = sign_in(&app).await;
    let settings = look(&app, &session, "/console/settings").await;
    assert!(settings.contains("href=\"/console/audit\""));
    let page = look(&app, &session, "/console/audit").await;
    assert!(page.contains("petition.create") && page.contains("event.create"), "{page}");
    let events = look(&app, &session, "/console/audit?what=events&from=2001-01-01").await;
    assert!(events.contains("event.create") && !events.contains("petition.create"), "{events}");
    let object = look(&app, &session, &format!("/console/audit?object={}", all.petition)).await;
    assert!(object.contains("petition.create") && !object.contains("event.create"));
    assert!(look(&app, &session, "/console/audit?until=2001-01-01").await.contains("Nothing matches"));

    let csv = app.get("/api/v1/audit/entries.csv?filter=verb%20eq%20'event.create'", token).await;
    assert_eq!(csv.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8; header=present");
    let lines: Vec<String> = csv.text().lines().map(ToOwned::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("id,created_date,verb,") && lines[1].contains(",event.create,"));
    for _ in 0..110 {
        app.get("/api/v1/people", token).await.expect(200);
    }
    let all_lines = app.get("/api/v1/audit/entries.csv", token).await.text();
    let of_organization: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit_entries e JOIN organizations o ON o.id = e.organization_id WHERE o.name = 'Alliance'",
    )
    .fetch_one(&app.kernel.db)
    .await
    .unwrap();
    assert_eq!(
        i64::try_from(all_lines.lines().count()).unwrap(),
        of_organization + 1,
        "several pages, and its own entry"
    );
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'audit.export'").await, 2);
    let shown = look(&app, &session, "/console/audit").await;
    for personal in ["example.org", "Bela", "Ana"] {
        assert!(!all_lines.contains(personal), "{personal}");
        assert!(personal == "Ana" || !shown.contains(personal), "{personal}");
    }

    let verified = form_with(&page, "csrf");
    assert!(!verified.fields.is_empty());
    let hidden = csrf(&get(&app, "/console/audit", &session).await);
    let whole = send(&app, "/console/audit", &session, &[("csrf", &hidden)]).await;
    assert!(whole.text().contains("The log is intact"), "{}", whole.text());
    assert_eq!(send(&app, "/console/audit", &session, &[("csrf", "x")]).await.status, 403);
    for statement in [
        "ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only",
        "UPDATE audit_entries SET verb = 'nothing.happened' WHERE verb = 'event.create'",
    ] {
        sqlx::query(statement).execute(&app.kernel.db).await.unwrap();
    }
    let broken = send(&app, "/console/audit", &session, &[("csrf", &hidden)]).await.text();
    assert!(broken.contains("not as it was written") && broken.contains("was changed or removed"), "{broken}");
    let answer: Value = app.post("/api/v1/audit/verify", token, &json!({})).await.expect(200);
    assert_eq!((&answer["is_whole"], answer["faults"].as_array().unwrap().len()), (&json!(false), 1));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn filters_are_saved_under_a_name_and_hold_nothing_about_a_person(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    let session = sign_in(&app).await;
    let list = format!("/console/petitions/{}/signatures", all.petition);
    let page = look(&app, &session, &format!("{list}?state=counted&email=ana%40example.org")).await;
    let form = form_with(&page, "/list");
    assert!(!form.names.iter().any(|name| name == "/conditions/email"), "{:?}", form.names);
    let refused = form.clone().with(&[("/name", "Ana ana@example.org")]).send(&app, &session).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(form.with(&[("/name", "Those who count")]).send(&app, &session).await.status, 303);
    let page = look(&app, &session, &list).await;
    assert!(page.contains("?state=counted\">Those who count</a>"), "{page}");
    let kept: Value =
        sqlx::query_scalar("SELECT conditions FROM saved_filters").fetch_one(&app.kernel.db).await.unwrap();
    assert_eq!(kept, json!({"state": "counted"}));
    let token = Some(all.token.as_str());
    for conditions in [json!({"email": "a@b.example"}), json!({"source": "a@b.example"}), json!({})] {
        let body = json!({"name": "X", "list": "signatures", "conditions": conditions});
        assert_eq!(app.post("/api/v1/saved_filters", token, &body).await.status, 422, "{conditions}");
    }
    let again = json!({"name": "Those who count", "list": "signatures", "conditions": {"state": "invalid"}});
    app.post("/api/v1/saved_filters", token, &again).await.problem(409, "conflict", &[]);
    // of the organization, and of no other
    let neighbour = app.token("Neighbours", "all").await;
    let theirs = app.get("/api/v1/saved_filters", Some(&neighbour)).await.expect(200);
    assert_eq!(theirs["total_records"], 0);
    let ours = app.get("/api/v1/saved_filters", token).await.expect(200);
    let id = ours["_embedded"]["muster:saved_filters"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    app.delete(&format!("/api/v1/saved_filters/{id}"), Some(&neighbour)).await.problem(404, "not_found", &[]);
    app.delete(&format!("/api/v1/saved_filters/{id}"), token).await.expect(200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_export_asks_why_and_for_the_password_and_leads_to_the_file(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    let session = sign_in(&app).await;
    let petition = look(&app, &session, &format!("/console/petitions/{}/signatures", all.petition)).await;
    let address = format!("/console/exports?list=signatures&action={}", all.petition);
    assert!(petition.contains(&format!("href=\"{}\"", address.replace('&', "&amp;"))), "{petition}");
    let form = form_with(&look(&app, &session, &address).await, "column");
    assert_eq!(form.value("action"), Some(all.petition.to_string().as_str()));
    let silent = form.clone().send(&app, &session).await;
    assert!(silent.text().contains("Say why you export this list."), "{}", silent.text());
    let asked = form.with(&[("reason", "Handing over"), ("format", "xlsx")]).send(&app, &session).await;
    let to = asked.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(to, format!("/api/v1/exports/petitions/{}/signatures?format=xlsx&reason=Handing+over", all.petition));
    let file = get(&app, &to, &session).await;
    assert!(file.body.starts_with(b"PK"), "{}", file.text());
    // after a while the password is asked first, and what was filled in is kept
    app.kernel.env.advance(chrono::TimeDelta::minutes(11));
    let form = form_with(&look(&app, &session, &address).await, "column");
    let asked = form.with(&[("reason", "Again")]).send(&app, &session).await;
    let to = asked.headers[header::LOCATION].to_str().unwrap();
    assert!(to.starts_with("/console/confirm?back=%2Fconsole%2Fexports%3F") && to.contains("reason%3DAgain"), "{to}");
    assert_eq!(send(&app, "/console/exports", &session, &[("csrf", "x"), ("list", "people")]).await.status, 403);
    let people = look(&app, &session, "/console/exports?list=people").await;
    assert!(people.contains("name=\"column\" value=\"tags\"") && !people.contains("name=\"action\""));
    for role in [Role::Viewer, Role::Host] {
        let colleague = app.colleague("Alliance", role.as_str(), role).await;
        let cookie = app.session_of(&colleague).await.headers()[0].1.to_owned();
        assert_eq!(get(&app, "/console/exports?list=people", &cookie).await.status, 403, "{role}");
        assert!(!look(&app, &cookie, "/console").await.contains("/console/exports"), "{role}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn overview_names_what_waits_and_draws_days_beside_their_table(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let session = sign_in(&app).await;
    let id = app.petition(&token, json!({})).await;
    let empty = look(&app, &session, "/console").await;
    assert!(empty.contains("Nothing needs you right now.") && !empty.contains("<svg viewBox=\"0 0 600"), "{empty}");
    app.post("/api/v1/sources", Some(&token), &json!({"word": "hall"})).await.expect(201);
    for n in 0..3 {
        let mut body = signer(&format!("s{n}@example.org"));
        merge(&mut body, json!({"comments": "Why", "referrer_data": {"source": "hall"}}));
        app.post("/api/v1/petitions/status/signatures", Some(&token), &body).await.expect(201);
    }
    let list = app.get("/api/v1/petitions/status/signatures", Some(&token)).await.expect(200);
    let one = list["_embedded"]["osdi:signatures"][0]["identifiers"][0].as_str().unwrap().replace("muster:", "");
    let held = json!({"muster:state": "quarantined"});
    app.put(&format!("/api/v1/petitions/status/signatures/{one}"), Some(&token), &held).await.expect(200);
    app.tick().await;
    let page = look(&app, &session, "/console").await;
    assert!(page.contains(&format!("/console/petitions/{id}/signatures?state=quarantined")), "{page}");
    assert!(page.contains(": 3 comments to moderate") && page.contains(": 1 signatures held for review"), "{page}");
    let (_, chart) = page.split_once("<svg viewBox=\"0 0 600 160\"").unwrap();
    assert_eq!(chart.split("</svg>").next().unwrap().matches("<rect").count(), 30);
    assert!(page.contains("hall <strong>2</strong>") && page.contains("<td class=\"n\">2</td>"), "{page}");
    // who may decide nothing is not told what waits
    let viewer = app.colleague("Alliance", "vera", Role::Viewer).await;
    let cookie = app.session_of(&viewer).await.headers()[0].1.to_owned();
    assert!(!look(&app, &cookie, "/console").await.contains("held for review"));
    // protected numbers are not drawn
    app.put("/api/v1/petitions/status", Some(&token), &json!({"muster:status": "archived"})).await;
    app.petition(
        &token,
        json!({"muster:slug": "quiet", "muster:privacy": "protected", "muster:destroy_after": "2027-06-01"}),
    )
    .await;
    app.post("/api/v1/petitions/quiet/signatures", None, &signer("ana@example.org")).await.expect(202);
    fixtures::confirm(&app, "ana@example.org").await;
    app.tick().await;
    assert!(!look(&app, &session, "/console").await.contains("<svg viewBox=\"0 0 600"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_email_update_says_where_its_sender_is_and_greets_once(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    let token = Some(all.token.as_str());
    let session = sign_in(&app).await;
    let nowhere = json!({"postal_address": ""});
    app.put("/api/v1/organization", token, &nowhere).await.expect(200);
    let send_path = format!("/api/v1/broadcasts/{}/send", all.broadcast);
    app.post(&send_path, token, &json!({})).await.problem(409, "conflict", &[]);
    let page = look(&app, &session, &format!("/console/broadcasts/{}", all.broadcast)).await;
    assert!(page.contains("href=\"/console/organization\"") && !page.contains("/send\""), "{page}");
    let form = crate::ui::forms::declared_form(&look(&app, &session, "/console/organization").await);
    let saved = form.with(&[("/postal_address", "7 Union Street\nToronto")]).send(&app, &session).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    app.post(&format!("/api/v1/broadcasts/{}/test", all.broadcast), token, &json!({})).await.expect(200);
    app.jobs().await;
    let mails = app.mail_to("alliance@staff.example.org").await;
    let mail = format!("{:?}", mails.last().unwrap());
    assert!(mail.contains("7 Union Street") && !mail.contains("Hello,"), "{mail}");
    app.post(&send_path, token, &json!({})).await.expect(202);
    let viewer = app.token("Neighbours", "actions:read").await;
    app.put("/api/v1/organization", Some(&viewer), &nowhere).await.problem(403, "forbidden", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_wrong_key_of_a_translation_is_refused_and_the_base_s_own_is_understood(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let texts =
        |key: &str| json!({"title": "Status", "muster:texts": {"fr": {"title": "Statut", key: "Nous demandons"}}});
    let refused = app.post("/api/v1/petitions", Some(&token), &texts("nonsense")).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let made = app.post("/api/v1/petitions", Some(&token), &texts("petition_text")).await.expect(201);
    assert_eq!(made["muster:texts"]["fr"]["body"], "Nous demandons");
}
