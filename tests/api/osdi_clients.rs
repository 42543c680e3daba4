//! What OSDI clients, plugins of content management systems and scripts really send, and what they read in the answers.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::{confirm, create_all_resources, event, letter_action, office},
    harness::{Reply, TestApp, merge, signer},
};

const PEOPLE: &str = "/api/v1/people";
const SIGN: &str = "/api/v1/petitions/status/signatures";
const ATTEND: &str = "/api/v1/events/assembly/attendances";

/// Sends a body of any type.
async fn send(app: &TestApp, method: Method, path: &str, token: Option<&str>, kind: &str, body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
    if let Some(token) = token {
        request = request.header("OSDI-API-Token", token);
    }
    app.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn null_is_as_if_absent(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let person = json!({
        "given_name": "Amara", "family_name": null, "email_addresses": [{"address": "amara@example.org", "primary": null}],
        "postal_addresses": [{"postal_code": null, "locality": null, "region": null, "country": null}],
        "phone_numbers": [{"number": null}], "preferred_language": null,
    });
    let added = app.post(PEOPLE, t, &json!({"person": person})).await;
    assert_eq!(added.expect(200)["given_name"], "Amara");
    app.petition(&token, json!({"description": null, "muster:goal": null, "muster:fields": null})).await;
    event(&app, &token, json!({"location": {"venue": "Hall", "address_lines": null, "locality": null}})).await;
    let act = json!({"person": person, "comments": null, "referrer_data": null, "muster:consents": null});
    app.post(SIGN, None, &act).await.expect(202);
    app.post(SIGN, None, &json!({"person": person, "referrer_data": {"source": null}})).await.expect(202);
    app.post(ATTEND, t, &act).await.expect(201);
    let own = format!("{PEOPLE}/{}", added.id());
    let changed = json!({"given_name": null, "family_name": "Okafor", "postal_addresses": null, "phone_numbers": null});
    let changed = app.put(&own, t, &changed).await.expect(200);
    assert_eq!((&changed["given_name"], &changed["family_name"]), (&json!("Amara"), &json!("Okafor")));
    let place = json!({"location": {"venue": "Square", "address_lines": null}});
    app.put("/api/v1/events/assembly", t, &place).await.expect(200);
    // where a member can be emptied, null does so; where it cannot, it is named
    app.put("/api/v1/petitions/status", t, &json!({"title": null})).await.problem(
        422,
        "validation_failed",
        &["/title"],
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn helpers_take_forms(pool: PgPool) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    let person = |name: &str| {
        format!(
            "person[given_name]={name}&person[family_name]=Okafor&person[email_addresses][0][address]={name}%40example.org\
             &person[email_addresses][0][primary]=1&person[postal_addresses][0][postal_code]=&person[preferred_language]=fr"
        )
    };
    let added = send(&app, Method::POST, PEOPLE, t, FORM, &person("ana")).await.expect(200);
    assert_eq!(
        (&added["given_name"], &added["email_addresses"][0]["address"], &added["preferred_language"]),
        (&json!("ana"), &json!("ana@example.org"), &json!("fr"))
    );
    let signed = format!("{}&comments=For+all&muster%3Aconsents[updates]=true", person("bela"));
    send(&app, Method::POST, SIGN, None, FORM, &signed).await.expect(202);
    confirm(&app, "bela@example.org").await;
    assert_eq!(app.count("SELECT count(*) FROM consents WHERE granted").await, 1);
    let party = format!("{}&muster:party_size=3", person("chidi"));
    assert_eq!(send(&app, Method::POST, ATTEND, t, FORM, &party).await.expect(201)["muster:party_size"], 3);
    let letter = format!("{}&subject=Status+now&message=Please", person("dara"));
    send(&app, Method::POST, "/api/v1/advocacy_campaigns/write/outreaches", None, FORM, &letter).await.expect(202);
    // faults have their pointers all the same
    let many = format!("{}&muster:party_size=many", person("ebele"));
    send(&app, Method::POST, ATTEND, t, FORM, &many).await.problem(422, "validation_failed", &["/muster:party_size"]);
    send(&app, Method::POST, SIGN, None, FORM, "a=b").await.problem(422, "validation_failed", &["/person"]);
    send(&app, Method::POST, SIGN, None, FORM, "").await.problem(422, "validation_failed", &["/person"]);
    // a form under the type of JSON, as some libraries send it
    let renamed = send(&app, Method::PUT, "/api/v1/petitions/status", t, "application/json", "title=Status+now").await;
    assert_eq!(renamed.expect(200)["title"], "Status now");
    send(&app, Method::POST, SIGN, None, "application/json", &person("femi")).await.expect(202);
    send(&app, Method::POST, "/api/v1/petitions", t, FORM, "title=x").await.problem(415, "unsupported_media_type", &[]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn faults_of_a_body_are_named_in_the_words_of_the_api(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    let with = |more: Value| {
        let mut body = signer("amara@example.org");
        merge(&mut body, more);
        body
    };
    for (method, path, body, pointer) in [
        (Method::POST, SIGN, with(json!({"muster:display": "loud"})), "/muster:display"),
        (Method::POST, SIGN, with(json!({"muster:display": 7})), "/muster:display"),
        (
            Method::POST,
            SIGN,
            json!({"person": {"email_addresses": [["a@example.org", true]]}}),
            "/person/email_addresses/0",
        ),
        (Method::POST, SIGN, json!({"person": ["Ana"]}), "/person"),
        (Method::POST, SIGN, Value::Null, ""),
        (Method::POST, ATTEND, Value::Null, ""),
        (Method::POST, ATTEND, with(json!({"muster:party_size": "3"})), "/muster:party_size"),
        (Method::PUT, "/api/v1/events/assembly", json!({"capacity": "50"}), "/capacity"),
        (Method::PUT, "/api/v1/events/assembly", json!({"muster:status": null}), "/muster:status"),
        (Method::PUT, "/api/v1/petitions/status", json!({"muster:closes_at": "soon"}), "/muster:closes_at"),
        (Method::PUT, "/api/v1/petitions/status", json!({"muster:image": 1}), "/muster:image"),
    ] {
        let token = if method == Method::PUT { t } else { None };
        let reply = app.request(method, path, token, &[], Some(&body)).await;
        reply.problem(422, "validation_failed", &[pointer]);
        let detail = reply.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        for rust in ["struct", "enum", "i64", "i16", "Option", "visitor", "sequence", "Body", "::"] {
            assert!(!detail.contains(rust), "{path} {pointer}: {detail}");
        }
    }
    let twice = r#"{"person": {"given_name": "a", "given_name": "b"}}"#;
    let reply = send(&app, Method::POST, SIGN, None, "application/json", twice).await;
    reply.problem(422, "validation_failed", &["/person/given_name"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn known_person_acts_by_link(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (token, theirs) = (app.owner().await, app.token("Neighbours", "all").await);
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    let known = app.post(PEOPLE, t, &signer("amara@example.org")).await.id();
    let neighbour = app.post(PEOPLE, Some(&theirs), &signer("bela@example.org")).await.id();
    let link = |href: String| json!({"_links": {"osdi:person": {"href": href}}});
    let outreaches = "/api/v1/advocacy_campaigns/write/outreaches";
    for path in [SIGN, ATTEND, outreaches] {
        let made = app.post(path, t, &link(format!("https://muster.example{PEOPLE}/{known}/"))).await.expect(201);
        let person = if path == outreaches {
            &made["_embedded"]["osdi:outreaches"][0]["_embedded"]["osdi:person"]
        } else {
            &made["person"]
        };
        assert_eq!(person["email_addresses"][0]["address"], "amara@example.org", "{path}");
        assert!(made["_links"]["osdi:person"]["href"].as_str().unwrap().ends_with(&known.to_string()), "{path}");
        for href in [format!("{PEOPLE}/{neighbour}"), format!("{PEOPLE}/{}", app.kernel.env.id()), "x".to_owned()] {
            let reply = app.post(path, t, &link(href)).await;
            reply.problem(422, "validation_failed", &["/_links/osdi:person/href"]);
        }
        // to the public nobody is known
        let reply = app.post(path, None, &link(format!("{PEOPLE}/{known}"))).await;
        reply.problem(422, "validation_failed", &["/person"]);
    }
    assert_eq!(app.count("SELECT count(*) FROM people").await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn letter_is_found_under_the_id_of_its_answer(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    office(&app, &token, "minister").await;
    office(&app, &token, "deputy").await;
    letter_action(&app, &token, json!({"muster:targets": ["minister", "deputy"]})).await;
    let outreaches = "/api/v1/advocacy_campaigns/write/outreaches";
    let reply = app.post(outreaches, t, &signer("amara@example.org")).await;
    let made = reply.expect(201);
    let itself = made["_links"]["self"]["href"].as_str().unwrap();
    assert!(itself.ends_with(&reply.id().to_string()));
    let found = app.get(app.path_of(itself), t).await.expect(200);
    assert_eq!((&found["identifiers"], &found["muster:office"]), (&made["identifiers"], &json!("minister")));
    assert_eq!(found["muster:letter"], made["muster:letter"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn titles_make_addresses(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    for collection in ["events", "petitions", "advocacy_campaigns", "campaigns"] {
        let path = format!("/api/v1/{collection}");
        let slug_of = async |body: Value| app.post(&path, t, &body).await.expect(201)["muster:slug"].clone();
        for slug in ["weekly-meeting", "weekly-meeting-2", "weekly-meeting-3"] {
            assert_eq!(slug_of(json!({"title": "Weekly meeting"})).await, slug, "{collection}");
        }
        let punjabi = json!({"title": "ਸਟੇਟਸ ਲਈ ਮਾਰਚ"});
        let (one, two) = (slug_of(punjabi.clone()).await, slug_of(punjabi).await);
        assert_eq!(two, format!("{}-2", one.as_str().unwrap()), "{collection}");
        app.get(&format!("{path}/{}", one.as_str().unwrap()), t).await.expect(200);
        // an address that was asked for is another matter
        let asked = json!({"title": "x", "muster:slug": "weekly-meeting"});
        app.post(&path, t, &asked).await.problem(422, "validation_failed", &["/muster:slug"]);
    }
    // a former address still leads somewhere
    app.put("/api/v1/events/weekly-meeting", t, &json!({"muster:slug": "moved"})).await.expect(200);
    let next = app.post("/api/v1/events", t, &json!({"title": "Weekly meeting"})).await.expect(201);
    assert_eq!(next["muster:slug"], "weekly-meeting-4");
    for body in [json!({"title": "集会"}), json!({"title": "وضع"})] {
        app.post("/api/v1/offices", t, &body).await.expect(201);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nobody_is_registered_as_somebody_who_does_not_come(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    event(&app, &token, json!({})).await;
    let path = "/api/v1/events/assembly/attendances";
    for status in ["declined", "tentative", "needs action"] {
        for t in [None, t] {
            let mut body = signer("amara@example.org");
            body["status"] = json!(status);
            app.post(path, t, &body).await.problem(422, "validation_failed", &["/status"]);
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM attendances").await, 0);
    for (address, status) in [("amara@example.org", json!("accepted")), ("bo@example.org", Value::Null)] {
        let mut body = signer(address);
        body["status"] = status;
        app.post(path, t, &body).await.expect(201);
    }
    // with the byte order mark that some programs write
    let body = format!("\u{feff}{}", signer("cy@example.org"));
    send(&app, Method::POST, path, t, "application/json", &body).await.expect(201);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn status_of_an_event_is_understood(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let path = "/api/v1/events/assembly";
    event(&app, &token, json!({"muster:status": "draft"})).await;
    let draft = app.get(path, t).await.expect(200);
    assert_eq!(draft["status"], "tentative");
    app.put(path, t, &draft).await.expect(200);
    app.put(path, t, &json!({"status": "confirmed"})).await.problem(422, "validation_failed", &["/status"]);
    app.put(path, t, &json!({"status": "perhaps"})).await.problem(422, "validation_failed", &["/status"]);
    assert_eq!(app.put(path, t, &json!({"muster:status": "published"})).await.expect(200)["status"], "confirmed");
    let coming = app.post(ATTEND, t, &signer("amara@example.org")).await.id();
    let off = app.put(path, t, &json!({"status": "cancelled", "muster:status_reason": "Storm"})).await.expect(200);
    assert_eq!(
        (&off["status"], &off["muster:status"], &off["muster:status_reason"]),
        (&json!("cancelled"), &json!("cancelled"), &json!("Storm"))
    );
    app.put(path, t, &json!({"status": "cancelled"})).await.expect(200);
    // nobody can come, whoever says so
    app.post(ATTEND, t, &signer("bela@example.org")).await.problem(409, "action_closed", &[]);
    app.post(ATTEND, None, &signer("bela@example.org")).await.problem(409, "action_closed", &[]);
    assert_eq!(app.get(&format!("{ATTEND}/{coming}"), t).await.expect(200)["status"], "accepted");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn declined_attendance_is_cancelled(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    event(&app, &token, json!({"capacity": 1})).await;
    let first = format!("{ATTEND}/{}", app.post(ATTEND, t, &signer("amara@example.org")).await.id());
    let second = format!("{ATTEND}/{}", app.post(ATTEND, t, &signer("bela@example.org")).await.id());
    assert_eq!(app.get(&second, t).await.expect(200)["status"], "tentative");
    app.put(&second, t, &json!({"status": "accepted"})).await.problem(422, "validation_failed", &["/status"]);
    let whole = app.get(&first, t).await.expect(200);
    assert_eq!(app.put(&first, t, &whole).await.expect(200), whole);
    for _ in 0..2 {
        let gone = app.put(&first, t, &json!({"status": "declined"})).await.expect(200);
        assert_eq!((&gone["status"], &gone["muster:state"]), (&json!("declined"), &json!("cancelled")));
    }
    assert_eq!(app.get(&second, t).await.expect(200)["status"], "accepted", "the seat went on");
    assert_eq!(app.count("SELECT count(*) FROM audit_entries WHERE verb = 'attendance.cancel'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE sealed IS NULL").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn empty_entries_single_values_and_names_of_countries_are_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let address = json!({"address": "amara@example.org"});
    for (more, member, shown) in [
        (json!({"postal_addresses": [{"country": "Canada"}]}), "/postal_addresses/0/country", json!("CA")),
        (json!({"postal_addresses": [{"country": "USA"}]}), "/postal_addresses/0/country", json!("US")),
        (json!({"postal_addresses": [{"country": "états-unis"}]}), "/postal_addresses/0/country", json!("US")),
        (json!({"postal_addresses": [{"country": "uk"}]}), "/postal_addresses/0/country", json!("GB")),
        (
            json!({"postal_addresses": [null, {"country": "US", "postal_code": 90210}]}),
            "/postal_addresses/0/postal_code",
            json!("90210"),
        ),
        (
            json!({"phone_numbers": [null, {"number": 4_165_550_142_u64}]}),
            "/phone_numbers/0/number",
            json!("+14165550142"),
        ),
        (json!({"phone_numbers": [{"number": 4_165_550_142.0}]}), "/phone_numbers/0/number", json!("+14165550142")),
        (json!({"languages_spoken": [null, "", "fr"]}), "/languages_spoken", json!(["fr"])),
        (json!({"languages_spoken": "fr"}), "/languages_spoken", json!(["fr"])),
        (json!({"add_tags": [null, "x", "", "  "]}), "/muster:tags", json!(["x"])),
        (json!({"add_tags": "x"}), "/muster:tags", json!(["x"])),
        (json!({"custom_fields": []}), "/given_name", json!("")),
        (json!({"custom_fields": {"shifts": ["day", "night"]}}), "/custom_fields/shifts", json!("day, night")),
        (json!({"email_addresses": [null, address]}), "/email_addresses/0/address", json!("amara@example.org")),
    ] {
        let mut person = json!({"email_addresses": [address]});
        merge(&mut person, more.clone());
        // the tags stand beside the person, too
        let tags = person.as_object_mut().and_then(|person| person.remove("add_tags")).unwrap_or_default();
        let reply = app.post("/api/v1/people", t, &json!({"person": person, "add_tags": tags})).await;
        let person = reply.expect(200);
        assert_eq!(person.pointer(member), Some(&shown), "{more}: {person}");
    }
    let nowhere = json!({"person": {"email_addresses": [address], "postal_addresses": [{"country": "Atlantis"}]}});
    let refused = app.post("/api/v1/people", t, &nowhere).await;
    refused.problem(422, "validation_failed", &["/person/postal_addresses/0/country"]);
    event(&app, &token, json!({"location": {"country": "Mexico"}})).await;
    let shown = app.get("/api/v1/events/assembly", t).await.expect(200);
    assert_eq!(shown["location"]["country"], "MX");
    for nowhere in ["XX", "Atlantis"] {
        let place = json!({"location": {"country": nowhere}});
        let refused = app.put("/api/v1/events/assembly", t, &place).await;
        refused.problem(422, "validation_failed", &["/location/country"]);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn symbol_for_null_empties_a_field_of_a_person(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    let path = format!("{PEOPLE}/{}", app.post(PEOPLE, t, &signer("amara@example.org")).await.id());
    let mark = "\u{2400}";
    let erase =
        json!({"family_name": mark, "postal_addresses": [{"postal_code": mark, "region": mark, "country": mark}]});
    let left = app.put(&path, t, &erase).await.expect(200);
    assert_eq!((&left["given_name"], &left["family_name"]), (&json!("Amara"), &json!("")));
    assert_eq!(left["postal_addresses"], json!([]));
    // in public it empties nothing
    app.petition(&token, json!({})).await;
    let mut act = signer("amara@example.org");
    act["person"]["given_name"] = json!(mark);
    app.post(SIGN, None, &act).await.expect(202);
    confirm(&app, "amara@example.org").await;
    assert_eq!(app.get(&path, t).await.expect(200)["given_name"], "Amara");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lists_are_filtered_by_their_modified_date(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    app.post("/api/v1/campaigns", t, &json!({"title": "Status"})).await.expect(201);
    let outreaches = "/api/v1/advocacy_campaigns/write/outreaches";
    for path in [SIGN, ATTEND, outreaches] {
        app.post(path, t, &signer("amara@example.org")).await.expect(201);
    }
    for path in [SIGN, ATTEND, outreaches, "/api/v1/campaigns", PEOPLE, "/api/v1/petitions"] {
        for (filter, found) in [("gt%20'2020-01-01'", true), ("lt%20'2020-01-01'", false)] {
            let page = app.get(&format!("{path}?filter=modified_date%20{filter}"), t).await.expect(200);
            assert_eq!(page["total_records"].as_u64().unwrap() > 0, found, "{path} {filter}");
        }
    }
    let named = app.get("/api/v1/campaigns?filter=title%20eq%20'Status'", None).await.expect(200);
    assert_eq!(named["total_records"], 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pages_of_listed_origins_may_send_forms(pool: PgPool) {
    let listed = [("MUSTER__HTTP__FORM_ORIGINS", "https://union.example,https://allies.example")];
    let app = TestApp::with(pool.clone(), &listed).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let origin = ("origin", "https://union.example");
    let asks = [origin, ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")];
    let preflight = app.request(Method::OPTIONS, SIGN, None, &asks, None).await;
    assert_eq!(preflight.status, 204);
    let granted = |reply: &Reply, name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    for (name, value) in [
        ("access-control-allow-origin", "https://union.example"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "content-type"),
        ("vary", "origin"),
    ] {
        assert_eq!(granted(&preflight, name).as_deref(), Some(value));
    }
    let body = signer("amara@example.org");
    let signed = app.request(Method::POST, SIGN, None, &[origin], Some(&body)).await;
    signed.expect(202);
    let refused = app.request(Method::POST, SIGN, None, &[origin], Some(&json!({}))).await;
    refused.expect(422);
    let read = app.request(Method::GET, "/api/v1/petitions/status", None, &[origin], None).await;
    for reply in [&preflight, &signed, &refused, &read] {
        assert_eq!(granted(reply, "access-control-allow-origin").as_deref(), Some("https://union.example"));
        assert_eq!(granted(reply, "access-control-allow-credentials"), None, "never with a session");
    }
    // other origins, and pages, are as before
    for (path, origin) in [(SIGN, "https://evil.example"), (SIGN, "null"), ("/p/status", "https://union.example")] {
        let asks = [("origin", origin), ("access-control-request-method", "POST")];
        let reply = app.request(Method::OPTIONS, path, None, &asks, None).await;
        assert_eq!((reply.status.as_u16(), granted(&reply, "access-control-allow-origin")), (405, None), "{path}");
    }
    let unlisted = TestApp::new(pool).await;
    let reply = unlisted.request(Method::OPTIONS, SIGN, None, &asks, None).await;
    assert_eq!((reply.status.as_u16(), granted(&reply, "access-control-allow-origin")), (405, None));
    assert_eq!(granted(&unlisted.get("/api/v1/petitions/status", None).await, "access-control-allow-origin"), None);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn headers_that_ask_for_what_is_not_done_are_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    let path = "/api/v1/petitions/status";
    for coding in ["gzip", "br", "zstd", "deflate", "identity, gzip"] {
        let headers = [("content-encoding", coding)];
        let reply = app.request(Method::POST, SIGN, None, &headers, Some(&signer("amara@example.org"))).await;
        reply.problem(415, "unsupported_media_type", &[]);
    }
    let plain = [("content-encoding", "identity")];
    app.request(Method::POST, SIGN, None, &plain, Some(&signer("amara@example.org"))).await.expect(202);
    let change = json!({"title": "Changed"});
    for tag in ["\"nonsense\"", "W/\"a\", \"b\""] {
        let reply = app.request(Method::PUT, path, t, &[("if-match", tag)], Some(&change)).await;
        reply.problem(412, "precondition_failed", &[]);
        app.request(Method::DELETE, path, t, &[("if-match", tag)], None).await.problem(412, "precondition_failed", &[]);
    }
    assert_eq!(app.get(path, t).await.expect(200)["title"], "Status for all");
    app.request(Method::PUT, path, t, &[("if-match", "*")], Some(&change)).await.expect(200);
    app.request(Method::GET, path, None, &[("if-match", "\"x\"")], None).await.expect(200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn request_without_host_is_refused(pool: PgPool) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let house = crate::process::Installation::new(&pool);
    let server = house.serve(&["serve", "--role", "web"]).await;
    for (head, status) in [
        ("GET /api/v1 HTTP/1.1\r\n", "HTTP/1.1 400"),
        ("GET /p/nowhere HTTP/1.1\r\n", "HTTP/1.1 400"),
        ("GET /api/v1 HTTP/1.1\r\nhost: a\r\nhost: b\r\n", "HTTP/1.1 400"),
        ("GET /api/v1 HTTP/1.1\r\nhost: a\r\n", "HTTP/1.1 200"),
        ("GET /api/v1 HTTP/1.0\r\n", "HTTP/1.0 200"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(server.http).await.unwrap();
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(status), "{head}: {answer}");
    }
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn unsubscribed_elsewhere_is_unsubscribed_here(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    office(&app, &token, "minister").await;
    letter_action(&app, &token, json!({})).await;
    let news = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": {"actions": ["status"]}});
    let audience = async || {
        let made = app.post("/api/v1/broadcasts", t, &news).await.expect(201);
        app.jobs().await;
        let path = app.path_of(made["_links"]["self"]["href"].as_str().unwrap()).to_owned();
        app.get(&path, t).await.expect(200)["muster:recipients"].clone()
    };
    let agreed = async |address: &str| {
        let mut body = signer(address);
        merge(&mut body, json!({"muster:consents": {"updates": true}}));
        app.post(SIGN, None, &body).await.expect(202);
        confirm(&app, address).await;
        let filter = format!("{PEOPLE}?filter=email_address%20eq%20'{address}'");
        let found = app.get(&filter, t).await.expect(200)["_embedded"]["osdi:people"][0].clone();
        assert_eq!(found["email_addresses"][0]["status"], "subscribed");
        app.path_of(found["_links"]["self"]["href"].as_str().unwrap()).to_owned()
    };
    let status = async |path: &str| app.get(path, t).await.expect(200)["email_addresses"][0]["status"].clone();
    let (by_put, by_id, by_post) =
        (agreed("a@example.org").await, agreed("b@example.org").await, agreed("c@example.org").await);
    let mut by_act = Vec::new();
    for address in ["d@example.org", "e@example.org", "f@example.org"] {
        by_act.push(agreed(address).await);
    }
    assert_eq!(audience().await, 6);
    let said = |address: &str| json!({"email_addresses": [{"address": address, "status": "unsubscribed"}]});
    app.put(&by_put, t, &said("a@example.org")).await.expect(200);
    let unknown = json!({"email_addresses": [{"status": "nonsense"}]});
    app.put(&by_id, t, &unknown).await.problem(422, "validation_failed", &["/email_addresses/0/status"]);
    let gone = app.put(&by_id, t, &json!({"email_addresses": [{"status": "Unsubscribed"}]})).await.expect(200);
    assert_eq!(gone["email_addresses"][0]["address"], "b@example.org");
    app.post(PEOPLE, t, &json!({"person": said("c@example.org")})).await.expect(200);
    for path in [&by_put, &by_id, &by_post] {
        assert_eq!(status(path).await, "unsubscribed", "{path}");
    }
    assert_eq!(audience().await, 3);
    // organizers say it with what people do, too; the public says nothing by it
    let public = json!({"person": said("d@example.org")});
    app.post(SIGN, None, &public).await.expect(202);
    confirm(&app, "d@example.org").await;
    assert_eq!(status(&by_act[0]).await, "subscribed");
    let mut written = signer("f@example.org");
    written["person"]["email_addresses"][0]["status"] = json!("unsubscribed");
    app.post(SIGN, t, &public).await.expect(200);
    app.post(ATTEND, t, &json!({"person": said("e@example.org")})).await.expect(201);
    app.post("/api/v1/advocacy_campaigns/write/outreaches", t, &written).await.expect(201);
    for path in &by_act {
        assert_eq!(status(path).await, "unsubscribed", "{path}");
    }
    assert_eq!(audience().await, 0);
    // again changes nothing; only the person agrees again
    let whole = app.get(&by_put, t).await.expect(200);
    assert_eq!(app.put(&by_put, t, &whole).await.expect(200), whole);
    app.put(&by_put, t, &json!({"email_addresses": [{"status": "subscribed"}]})).await.expect(200);
    let mut vouched = signer("a@example.org");
    merge(&mut vouched, json!({"muster:consents": {"updates": true}}));
    app.post(SIGN, t, &vouched).await.expect(200);
    assert_eq!(status(&by_put).await, "unsubscribed");
    assert_eq!(app.count("SELECT count(*) FROM consents WHERE NOT granted").await, 6);
    app.post(SIGN, None, &vouched).await.expect(202);
    confirm(&app, "a@example.org").await;
    assert_eq!((status(&by_put).await, audience().await), (json!("subscribed"), json!(1)));
    // somebody who was never asked is not asked by an import either
    let added = app.post(PEOPLE, t, &json!({"person": said("new@example.org")})).await.expect(200);
    assert_eq!(added["email_addresses"][0]["status"], "unsubscribed");
    let silent = app.post(PEOPLE, t, &signer("silent@example.org")).await.expect(200);
    assert_eq!(silent["email_addresses"][0].get("status"), None);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn labels_are_kept_sealed_found_and_mailed_to(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let (token, theirs) = (app.owner().await, app.token("Neighbours", "all").await);
    let t = Some(token.as_str());
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "quiet", "muster:privacy": "protected"})).await;
    let mut body = signer("amara@example.org");
    merge(&mut body, json!({"add_tags": ["Volunteer", "Night-shift Okra"]}));
    merge(
        &mut body["person"],
        json!({"identifiers": ["newsletter:okra-17"], "languages_spoken": ["pa", "Okra"], "custom_fields": {"shirt": "Okra L", "n": 2}}),
    );
    let added = app.post(PEOPLE, t, &body).await;
    let (made, id) = (added.expect(200), added.id());
    let path = format!("{PEOPLE}/{id}");
    assert_eq!(made["identifiers"], json!([format!("muster:{id}"), "newsletter:okra-17"]));
    assert_eq!(made["muster:tags"], json!(["Volunteer", "Night-shift Okra"]));
    assert_eq!(
        (&made["languages_spoken"], &made["custom_fields"]["shirt"]),
        (&json!(["pa", "Okra"]), &json!("Okra L"))
    );
    // what comes back is sent back; more is added, one is taken away
    assert_eq!(app.put(&path, t, &made).await.expect(200), made);
    let more = json!({"identifiers": ["crm:4"], "add_tags": ["volunteer", "cook"], "remove_tags": ["night-shift okra"], "custom_fields": {"n": 3}});
    let changed = app.put(&path, t, &more).await.expect(200);
    assert_eq!(changed["identifiers"], json!([format!("muster:{id}"), "newsletter:okra-17", "crm:4"]));
    assert_eq!(changed["muster:tags"], json!(["Volunteer", "cook"]));
    assert_eq!(changed["custom_fields"], json!({"shirt": "Okra L", "n": 3}));
    app.post(PEOPLE, t, &signer("bela@example.org")).await.expect(200);
    app.post(PEOPLE, Some(&theirs), &body).await.expect(200);
    for (filter, found) in [
        ("identifiers%20eq%20'newsletter:okra-17'", 1),
        ("identifiers%20eq%20'CRM:4'", 1),
        ("identifiers%20eq%20'volunteer'", 0),
        ("muster:tags%20eq%20'volunteer'", 1),
        ("muster:tags%20eq%20'Night-shift%20Okra'", 0),
        ("muster:tags%20ne%20'volunteer'", 1),
        ("muster:tags%20eq%20'cook'%20and%20identifiers%20eq%20'crm:4'", 1),
    ] {
        let page = app.get(&format!("{PEOPLE}?filter={filter}"), t).await.expect(200);
        assert_eq!(page["total_records"], found, "{filter}");
    }
    for refused in ["muster:tags%20gt%20'a'", "identifiers%20eq%20null"] {
        app.get(&format!("{PEOPLE}?filter={refused}"), t).await.problem(400, "invalid_filter", &[]);
    }
    let too_long = json!({"person": signer("x@example.org")["person"], "add_tags": ["ok", "x".repeat(201)]});
    app.post(PEOPLE, t, &too_long).await.problem(422, "validation_failed", &["/add_tags/1"]);
    app.put(&path, t, &json!({"identifiers": ["x".repeat(201)]})).await.problem(
        422,
        "validation_failed",
        &["/identifiers/0"],
    );

    // with what people do, but not by the public, and never in a vault of its own
    let mut act = signer("bela@example.org");
    merge(&mut act, json!({"add_tags": ["driver"]}));
    merge(&mut act["person"], json!({"identifiers": ["public:1"], "custom_fields": {"from": "outside"}}));
    app.post(SIGN, None, &act).await.expect(202);
    confirm(&app, "bela@example.org").await;
    let tagged = async |tag: &str| {
        app.get(&format!("{PEOPLE}?filter=muster:tags%20eq%20'{tag}'"), t).await.expect(200)["total_records"].clone()
    };
    assert_eq!(tagged("driver").await, 0);
    app.post("/api/v1/petitions/quiet/signatures", t, &act).await.problem(403, "forbidden", &[]);
    app.post("/api/v1/petitions/quiet/signatures", None, &act).await.expect(202);
    confirm(&app, act["person"]["email_addresses"][0]["address"].as_str().unwrap()).await;
    assert_eq!(app.count("SELECT count(*) FROM person_labels l JOIN people p ON p.id = l.person_id JOIN vaults v ON v.id = p.vault_id WHERE v.kind = 'protected'").await, 0);
    assert_eq!(tagged("driver").await, 0);
    app.post(SIGN, t, &act).await.expect(200);
    assert_eq!(tagged("Driver").await, 1);

    // those who have a tag and agreed to updates
    let audience = async |audience: Value| {
        let news = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": audience});
        let made = app.post("/api/v1/broadcasts", t, &news).await.expect(201);
        app.jobs().await;
        let path = app.path_of(made["_links"]["self"]["href"].as_str().unwrap()).to_owned();
        let read = app.get(&path, t).await.expect(200);
        assert_eq!(read["muster:audience"]["tags"], audience["tags"]);
        (path, read["muster:recipients"].clone())
    };
    assert_eq!(audience(json!({"actions": [], "tags": ["volunteer", "driver"]})).await.1, 0, "nobody agreed");
    for address in ["amara@example.org", "bela@example.org"] {
        let mut agreed = signer(address);
        merge(&mut agreed, json!({"muster:consents": {"updates": true}}));
        app.post(SIGN, None, &agreed).await.expect(202);
        confirm(&app, address).await;
    }
    assert_eq!(audience(json!({"actions": [], "tags": ["volunteer", "driver"]})).await.1, 2);
    assert_eq!(audience(json!({"actions": ["status"], "tags": ["cook"]})).await.1, 1);
    assert_eq!(audience(json!({"actions": ["status"], "tags": []})).await.1, 2);
    let (path, _) = audience(json!({"actions": [], "tags": ["DRIVER"]})).await;
    app.post(&format!("{path}/send"), t, &json!({})).await.expect(202);
    app.jobs().await;
    assert_eq!(app.mail_to("bela@example.org").await.iter().filter(|m| m.kind == "broadcast").count(), 1);
    assert!(app.mail_to("amara@example.org").await.iter().all(|m| m.kind != "broadcast"));
    for (refused, pointer) in [
        (json!({"actions": [], "tags": []}), "/muster:audience/actions"),
        (json!({"actions": [], "tags": ["a"], "regions": ["CA-ON"]}), "/muster:audience/actions"),
        (json!({"actions": ["status"], "tags": [""]}), "/muster:audience/tags/0"),
    ] {
        let news = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": refused});
        app.post("/api/v1/broadcasts", t, &news).await.problem(422, "validation_failed", &[pointer]);
    }

    // nothing of it is readable in the database, and it goes with the person
    for table in ["people", "person_labels", "consents", "audit_entries", "signatures", "emails"] {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT x::text FROM {table} x")))
            .fetch_all(&app.kernel.db)
            .await
            .unwrap();
        assert!(rows.iter().all(|row| !row.to_lowercase().contains("okra")), "{table}");
    }
    app.delete(&format!("{PEOPLE}/{id}"), t).await.expect(200);
    let left = "SELECT count(*) FROM person_labels l JOIN people p ON p.id = l.person_id JOIN vaults v ON v.id = p.vault_id JOIN organizations o ON o.id = v.organization_id WHERE o.name = 'Alliance'";
    assert_eq!(app.count(left).await, 2, "those of the driver are left");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn identifiers_in_other_systems_are_kept_and_found(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let neighbour = app.token("Neighbours", "all").await;
    let own = Some(resources.token.as_str());
    for (path, id) in [
        ("/api/v1/events", resources.event),
        ("/api/v1/petitions", resources.petition),
        ("/api/v1/advocacy_campaigns", resources.letter_action),
    ] {
        let one = format!("{path}/{id}");
        let kept = json!([format!("muster:{id}"), "google_id_x:abc", "CRM:4"]);
        let typed = json!({"identifiers": [format!("muster:{id}"), "google_id_x:abc", "CRM:4", "crm:4"]});
        assert_eq!(app.put(&one, own, &typed).await.expect(200)["identifiers"], kept, "{path}");
        // another change leaves them, and an answer can be sent back
        let whole = app.put(&one, own, &json!({"title": "Another title"})).await.expect(200);
        assert_eq!(whole["identifiers"], kept, "{path}");
        assert_eq!(app.put(&one, own, &whole).await.expect(200)["identifiers"], kept, "{path}");
        let found = async |filter: &str, token: Option<&str>| {
            let list = app.get(&format!("{path}?filter={filter}"), token).await.expect(200);
            list["total_records"].as_i64().unwrap()
        };
        for (filter, records) in [
            ("identifiers%20eq%20'google_id_x:abc'".to_owned(), 1),
            ("identifier%20eq%20'crm:4'".to_owned(), 1),
            (format!("identifiers%20eq%20'muster:{id}'"), 1),
            (format!("identifiers%20eq%20'{id}'"), 1),
            ("identifiers%20eq%20'google_id_x:abcd'".to_owned(), 0),
        ] {
            assert_eq!(found(&filter, own).await, records, "{path} {filter}");
        }
        // they are nobody else's
        assert_eq!(found("identifiers%20eq%20'google_id_x:abc'", Some(&neighbour)).await, 0, "the neighbour {path}");
        assert_eq!(found("identifiers%20eq%20'google_id_x:abc'", None).await, 0, "the public {path}");
        assert_eq!(app.get(&one, None).await.expect(200)["identifiers"], json!([format!("muster:{id}")]));
        app.put(&one, own, &json!({"identifiers": ["x".repeat(201)]})).await.problem(
            422,
            "validation_failed",
            &["/identifiers/0"],
        );
        assert_eq!(app.put(&one, own, &json!({"identifiers": []})).await.expect(200)["identifiers"], json!([kept[0]]));
    }
    let new = json!({"title": "Weekly meeting", "identifiers": ["google_id_x:new"]});
    let made = app.post("/api/v1/events", own, &new).await.expect(201);
    assert_eq!(made["identifiers"][1], "google_id_x:new");
    let people = async |filter: String| {
        app.get(&format!("/api/v1/people?filter={filter}"), own).await.expect(200)["total_records"].clone()
    };
    for alike in ["identifiers%20eq%20'muster:", "identifier%20eq%20'muster:", "identifiers%20eq%20'"] {
        assert_eq!(people(format!("{alike}{}'", resources.person)).await, 1, "{alike}");
    }
    let attendances = format!(
        "/api/v1/events/{}/attendances?filter=identifiers%20eq%20'muster:{}'",
        resources.event, resources.attendance
    );
    assert_eq!(app.get(&attendances, own).await.expect(200)["total_records"], 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn identifiers_of_acts_are_kept_sealed_and_found(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    let t = Some(token.as_str());
    office(&app, &token, "minister").await;
    app.petition(&token, json!({})).await;
    event(&app, &token, json!({})).await;
    letter_action(&app, &token, json!({})).await;
    let mut act = signer("okra@example.org");
    merge(&mut act["person"], json!({"family_name": "Okra"}));
    merge(&mut act, json!({"identifiers": ["muster:1", "crm:okra-1", "CRM:Okra-1"]}));
    for path in [SIGN, ATTEND, "/api/v1/advocacy_campaigns/write/outreaches"] {
        let made = app.post(path, t, &act).await.expect(201);
        let id = made["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap().to_owned();
        assert_eq!(made["identifiers"], json!([format!("muster:{id}"), "crm:okra-1"]), "{path}");
        let one = format!("{path}/{id}");
        assert_eq!(app.get(&one, t).await.expect(200)["identifiers"], made["identifiers"], "{path}");
        let found = async |filter: &str| {
            app.get(&format!("{path}?filter=identifiers%20eq%20'{filter}'"), t).await.expect(200)["total_records"]
                .clone()
        };
        for (filter, records) in [("crm:OKRA-1", 1), ("crm:okra-2", 0), (format!("muster:{id}").as_str(), 1)] {
            assert_eq!(found(filter).await, records, "{path} {filter}");
        }
        if path != "/api/v1/advocacy_campaigns/write/outreaches" {
            // added to, as those of a person, and an answer can be sent back
            let both = json!([format!("muster:{id}"), "crm:okra-1", "sheet:okra-2"]);
            let put = app.put(&one, t, &json!({"identifiers": ["sheet:okra-2"]})).await.expect(200);
            assert_eq!(put["identifiers"], both, "{path}");
            assert_eq!(app.put(&one, t, &put).await.expect(200)["identifiers"], both, "{path}");
            assert_eq!((found("sheet:okra-2").await, found("crm:okra-1").await), (json!(1), json!(1)), "{path}");
            app.put(&one, t, &json!({"identifiers": ["x".repeat(201)]})).await.problem(
                422,
                "validation_failed",
                &["/identifiers/0"],
            );
        }
        // whoever may not read contacts learns what was sent
        let writer = app.token("Alliance", "contacts:write,actions:write").await;
        let sent = app.post(path, Some(&writer), &act).await.expect(201);
        assert!(!sent.to_string().contains(&id), "{path} {sent}");
    }
    // the public gives none
    let mut public = signer("bela@example.org");
    merge(&mut public, json!({"identifiers": ["public:1"]}));
    app.post(SIGN, None, &public).await.expect(202);
    confirm(&app, "bela@example.org").await;
    let filter = format!("{SIGN}?filter=identifiers%20eq%20'public:1'");
    assert_eq!(app.get(&filter, t).await.expect(200)["total_records"], 0);
    let of_signatures = "SELECT count(*) FROM submission_labels l JOIN signatures s ON s.id = l.submission_id";
    assert_eq!(app.count(of_signatures).await, 2);
    // what it was found by goes with what was typed, and with the row
    sqlx::query("UPDATE signatures SET sealed = NULL").execute(&app.kernel.db).await.unwrap();
    assert_eq!(app.count(of_signatures).await, 0);
    sqlx::query("DELETE FROM attendances").execute(&app.kernel.db).await.unwrap();
    let without_letter = "SELECT count(*) FROM submission_labels WHERE submission_id NOT IN (SELECT id FROM letters)";
    assert_eq!(app.count(without_letter).await, 0);
}
