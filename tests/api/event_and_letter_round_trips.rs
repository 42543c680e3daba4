//! What can be written of events, offices and letter actions can be read: each member is PUT and read back, and a whole
//! answer can be PUT as it is.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    api::round_trips::{image, of_every_action, put_each_member_then_the_whole},
    fixtures::create_all_resources,
    harness::{TestApp, merge, signer},
};

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn events_and_registrations_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let image = image(&app, token).await;
    app.petition(token, json!({"muster:slug": "next"})).await;
    let path = format!("/api/v1/events/{}", resources.event);
    let registration = format!("{path}/attendances/{}", resources.attendance);
    let members = [
        ("muster:party_size", json!(2)),
        ("muster:interpretation", json!("es")),
        ("muster:access_needs", json!("A ramp")),
        ("muster:access_needs", json!("")),
    ];
    put_each_member_then_the_whole(&app, token, &registration, &members).await;

    let mut members = of_every_action("alliance-campaign", "/p/next", &image);
    let location = json!({
        "venue": "Union Hall", "address_lines": ["1 Main Street", "Second floor"], "locality": "Toronto", "region": "ON",
        "postal_code": "M5V 3L9", "country": "CA",
    });
    let session = json!({
        "title": "Workshop", "start_date": "2031-03-01T19:00:00Z", "end_date": "2031-03-01T20:00:00Z", "rrule": "FREQ=WEEKLY;COUNT=3",
    });
    members.extend([
        ("start_date", json!("2031-03-01T18:00:00Z")),
        ("end_date", json!("2031-03-01T21:00:00Z")),
        ("timezone_identifier", json!("America/Vancouver")),
        ("capacity", json!(40)),
        ("capacity", Value::Null),
        ("location", location),
        ("instructions", json!("https://meet.example.org/room")),
        ("muster:kind", json!("march")),
        ("muster:format", json!("hybrid")),
        ("muster:waitlist", json!(false)),
        ("muster:waitlist_smaller_parties", json!(true)),
        ("muster:contacts", json!([{"name": "Ana", "phone": "416 555 0100", "email": "ana@example.org"}])),
        ("muster:map_url", json!("https://maps.example.org/?q=1")),
        ("muster:accessibility", json!("No steps")),
        ("muster:sessions", json!([session])),
        ("muster:interpretation", json!(["es", "pa"])),
    ]);
    put_each_member_then_the_whole(&app, token, &path, &members).await;
    let public = app.get(&path, None).await.expect(200);
    assert_eq!(
        (&public["muster:campaign"], &public["muster:opens_at"]),
        (&json!("alliance-campaign"), &json!("2020-01-01T08:00:00Z"))
    );
    for hidden in ["capacity", "instructions", "muster:waitlist_smaller_parties", "total_accepted", "muster:waitlisted"]
    {
        assert!(public.get(hidden).is_none(), "{hidden}");
    }
    // a registration for a language that the event no longer offers is not refused when it is sent back
    app.put(&path, Some(token), &json!({"muster:interpretation": ["pa"]})).await.expect(200);
    let whole = app.get(&registration, Some(token)).await.expect(200);
    assert_eq!(app.put(&registration, Some(token), &whole).await.expect(200), whole);

    // nor does a draft without a date get one
    let draft = TestApp::created(&app.post("/api/v1/events", Some(token), &json!({"title": "Some day"})).await);
    let draft = format!("/api/v1/events/{draft}");
    let whole = app.get(&draft, Some(token)).await.expect(200);
    app.put(&draft, Some(token), &whole).await.expect(200);
    let published = app.put(&draft, Some(token), &json!({"muster:status": "published"})).await;
    published.problem(422, "validation_failed", &["/start_date"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn offices_and_letter_actions_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let image = image(&app, token).await;
    app.petition(token, json!({"muster:slug": "next"})).await;

    let path = format!("/api/v1/offices/{}", resources.office);
    let names = json!({"given_name": "Bo", "family_name": "Lee", "honorific_prefix": "The Honourable"});
    let put = app.put(&path, Some(token), &json!({"muster:holder": names})).await.expect(200);
    for (name, value) in names.as_object().unwrap() {
        assert_eq!(&put["muster:holder"][name], value, "{name}");
    }
    assert_eq!(app.put(&path, Some(token), &put).await.expect(200), put, "the same holder is not appointed again");
    let nulls = json!({"muster:slug": null, "muster:locale": null, "muster:mailboxes": null});
    assert_eq!(app.put(&path, Some(token), &nulls).await.expect(200), put);
    let office = [
        ("title", json!("Minister of Labour")),
        ("muster:mailboxes", json!(["labour@office.example.org", "minister@office.example.org"])),
        ("muster:locale", json!("fr")),
        ("muster:texts", json!({"es": {"title": "Ministra de Trabajo"}})),
        ("muster:holder", Value::Null),
    ];
    put_each_member_then_the_whole(&app, token, &path, &office).await;
    app.put(&path, Some(token), &json!({"muster:slug": "other"})).await.problem(
        422,
        "validation_failed",
        &["/muster:slug"],
    );
    let public = app.get(&path, None).await.expect(200);
    assert!(public.get("muster:mailboxes").is_none(), "{public}");

    let second = json!({"title": "Deputy", "muster:slug": "alliance-deputy"});
    app.post("/api/v1/offices", Some(token), &second).await.expect(201);
    let mut members = of_every_action("alliance-campaign", "/p/next", &image);
    members.extend([
        ("type", json!("email")),
        ("muster:targets", json!(["alliance-deputy", "alliance-office"])),
        ("muster:letters", json!([
            {"locale": "en", "subjects": ["Now", "Status now"], "body": "Dear {{ target.salutation }},\n\nplease act."},
            {"locale": "fr", "subjects": ["Maintenant"], "body": "Agissez."},
        ])),
        ("muster:editable", json!(false)),
        ("muster:live", json!(true)),
        ("muster:live", json!(false)),
    ]);
    let path = format!("/api/v1/advocacy_campaigns/{}", resources.letter_action);
    put_each_member_then_the_whole(&app, token, &path, &members).await;

    // who may edit, but not go live, may send an answer back
    let editor = app.token("Alliance", "actions:read,actions:write").await;
    let mut whole = app.get(&path, Some(&editor)).await.expect(200);
    app.put(&path, Some(&editor), &whole).await.expect(200);
    whole["muster:live"] = json!(true);
    for body in [whole, json!({"muster:live": true}), json!({"muster:live": false})] {
        assert_eq!(app.put(&path, Some(&editor), &body).await.status, 403, "{body}");
    }
    assert_eq!(app.get(&path, Some(token)).await.expect(200)["muster:live"], false);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn misspelled_members_of_events_and_letters_are_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let event = format!("/api/v1/events/{}", resources.event);
    let letter_action = format!("/api/v1/advocacy_campaigns/{}", resources.letter_action);
    let titled = |slug: &str| json!({"title": "T", "muster:slug": slug});
    for (method, path, body) in [
        (Method::POST, "/api/v1/events".to_owned(), titled("new-event")),
        (Method::PUT, event.clone(), json!({})),
        (Method::POST, format!("{event}/attendances"), signer("misspelled@example.org")),
        (Method::PUT, format!("{event}/attendances/{}", resources.attendance), json!({})),
        (Method::POST, "/api/v1/advocacy_campaigns".to_owned(), titled("new-letter")),
        (Method::PUT, letter_action.clone(), json!({})),
        (Method::POST, format!("{letter_action}/outreaches"), signer("misspelled@example.org")),
        (Method::POST, "/api/v1/offices".to_owned(), titled("new-office")),
        (Method::PUT, format!("/api/v1/offices/{}", resources.office), json!({})),
        (Method::POST, "/api/v1/officials".to_owned(), json!({"family_name": "Singh"})),
    ] {
        let send = async |member: &str| {
            let mut body = body.clone();
            merge(&mut body, json!({(member): 1}));
            app.request(method.clone(), &path, Some(token), &[], Some(&body)).await
        };
        let refused = send("muster:gaol").await;
        refused.problem(422, "validation_failed", &["/muster:gaol"]);
        assert_eq!(refused.json()["errors"][0]["code"], "unknown_member", "{method} {path}");
        let accepted = send("osdi:other").await;
        assert!(
            accepted.status.is_success(),
            "{method} {path}: unknown members of others are ignored: {}",
            accepted.text()
        );
    }
}
