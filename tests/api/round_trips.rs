//! What can be written can be read: each member of each resource is PUT and read back, and a whole answer can be PUT as it is.

use axum::http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures::create_all_resources,
    harness::{TestApp, merge, signer},
};

/// PUTs each of these values and reads it back; then PUTs the whole answer, which changes nothing.
pub async fn put_each_member_then_the_whole(app: &TestApp, token: &str, path: &str, changes: &[(&str, Value)]) {
    for (member, value) in changes {
        let body = json!({(*member): value});
        let put = app.put(path, Some(token), &body).await.expect(200);
        let read = app.get(path, Some(token)).await.expect(200);
        assert_eq!((&put[*member], &read[*member]), (value, value), "{path}: {member}");
    }
    let whole = app.get(path, Some(token)).await.expect(200);
    let without_date = |mut body: Value| {
        body.as_object_mut().unwrap().remove("modified_date");
        body
    };
    let put = app.put(path, Some(token), &whole).await.expect(200);
    assert_eq!(without_date(put), without_date(whole.clone()), "{path}");
    let read = app.get(path, Some(token)).await.expect(200);
    assert_eq!(without_date(read), without_date(whole), "{path}");
}

/// Values for the members that organizers write of every action but a state, another campaign and an image of theirs.
pub fn of_every_action(campaign: &str, next: &str, image: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("title", json!("Another title")),
        ("description", json!("Another *description*")),
        ("muster:summary", json!("In short")),
        ("muster:slug", json!("another-address")),
        ("muster:status", json!("paused")),
        ("muster:status_reason", json!("We are counting.")),
        ("muster:status", json!("published")),
        ("muster:texts", json!({"fr": {"title": "Un autre titre", "button": "Signer"}})),
        ("muster:button", json!("Act")),
        ("muster:thanks", json!("Thank you all")),
        ("muster:share_text", json!("Join us")),
        ("muster:image", json!(image)),
        ("muster:hosted_by", json!("The Alliance")),
        ("muster:campaign", json!(campaign)),
        ("muster:opens_at", json!("2020-01-01T08:00:00Z")),
        ("muster:closes_at", json!("2099-01-01T08:00:00Z")),
        ("muster:next_action", json!(next)),
    ]
}

pub async fn image(app: &TestApp, token: &str) -> String {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(4, 4).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let request = axum::http::Request::post("/api/v1/images?alt=A%20march")
        .header("OSDI-API-Token", token)
        .header("Content-Type", "image/png")
        .body(axum::body::Body::from(png.into_inner()))
        .unwrap();
    let made = app.send(request).await.expect(201);
    made["identifiers"][0].as_str().unwrap().trim_start_matches("muster:").to_owned()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn petitions_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let image = image(&app, token).await;
    let next = app.petition(token, json!({"muster:slug": "next"})).await;
    assert_ne!(next, resources.petition);
    let mut members = of_every_action("alliance-campaign", "/p/next", &image);
    members.extend([
        ("petition_text", json!("We ask for **status**.")),
        ("target", json!([{"name": "The Minister"}, {"name": "Parliament"}])),
        ("muster:demands", json!(["Status for all."])),
        ("muster:goal", json!(5_000)),
        ("muster:goal", Value::Null),
        ("muster:fields", json!({"city": "required", "phone": "off"})),
        (
            "muster:questions",
            json!([{"key": "job", "kind": "text", "label": "Your job?", "required": true, "max_length": 80}]),
        ),
        ("muster:keeps_contacts", json!(false)),
        ("muster:shares_addresses", json!(true)),
        ("muster:shows_breakdowns", json!(false)),
        ("muster:milestones", json!([7, 70])),
        ("muster:raises_goal", json!(true)),
    ]);
    let path = format!("/api/v1/petitions/{}", resources.petition);
    put_each_member_then_the_whole(&app, token, &path, &members).await;
    let public = app.get(&path, None).await.expect(200);
    assert_eq!(public["muster:campaign"], "alliance-campaign");
    for hidden in ["muster:shows_breakdowns", "muster:milestones", "muster:raises_goal", "muster:milestones_reached"] {
        assert!(public.get(hidden).is_none(), "{hidden}");
    }
    app.put("/api/v1/campaigns/alliance-campaign", Some(token), &json!({"muster:status": "draft"})).await.expect(200);
    app.put(&path, Some(token), &json!({"title": "A draft's"})).await.expect(200);
    assert_eq!(
        app.get(&path, None).await.expect(200)["muster:campaign"],
        Value::Null,
        "a draft is not named to the public"
    );
    assert_eq!(app.get(&path, Some(token)).await.expect(200)["muster:campaign"], "alliance-campaign");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_is_fixed_at_creation_cannot_be_changed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = Some(resources.token.as_str());
    let path = format!("/api/v1/petitions/{}", resources.petition);
    for (member, value) in [
        ("muster:privacy", json!("protected")),
        ("muster:confirmation", json!("none")),
        ("muster:locale", json!("fr")),
        ("muster:letter", json!(resources.letter_action)),
    ] {
        let refused = app.put(&path, token, &json!({(member): value})).await;
        refused.problem(422, "validation_failed", &[&format!("/{member}")]);
        assert_eq!(refused.json()["errors"][0]["code"], "not_allowed");
    }
    // null leaves what is derived at creation as it is
    let before = app.get(&path, token).await.expect(200);
    let nulls =
        json!({"muster:slug": null, "muster:locale": null, "muster:confirmation": null, "muster:milestones": null});
    let after = app.put(&path, token, &nulls).await.expect(200);
    for member in ["muster:slug", "muster:locale", "muster:confirmation", "muster:milestones"] {
        assert_eq!(after[member], before[member], "{member}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn destroy_after_can_be_shortened_and_never_extended(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.token("Alliance", "all").await;
    let today = app.kernel.env.now().date_naive();
    let day = |days: u64| (today + chrono::Days::new(days)).to_string();
    let body = json!({"muster:privacy": "protected", "muster:destroy_after": day(90)});
    let path = format!("/api/v1/petitions/{}", app.petition(&token, body).await);
    let read = async || app.get(&path, Some(&token)).await.expect(200)["muster:destroy_after"].clone();
    assert_eq!(read().await, day(90));
    assert!(app.get(&path, None).await.expect(200).get("muster:destroy_after").is_none(), "for organizers only");
    app.put(&path, Some(&token), &json!({"muster:destroy_after": day(30)})).await.expect(200);
    assert_eq!(read().await, day(30));
    // yesterday in UTC is today in the petition's zone while it is still evening there
    for refused in [(today - chrono::Days::new(2)).to_string(), day(31), day(90)] {
        let put = app.put(&path, Some(&token), &json!({"muster:destroy_after": refused})).await;
        put.problem(422, "validation_failed", &["/muster:destroy_after"]);
    }
    let whole = app.get(&path, Some(&token)).await.expect(200);
    app.put(&path, Some(&token), &whole).await.expect(200);
    assert_eq!(read().await, day(30));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn campaigns_and_updates_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let campaign = [
        ("title", json!("Status for all")),
        ("muster:summary", json!("In short")),
        ("description", json!("*Everything*")),
        ("muster:slug", json!("status-for-all")),
        ("muster:locale", json!("fr")),
        ("muster:texts", json!({"es": {"title": "Papeles para todos"}})),
        ("muster:status", json!("draft")),
        ("muster:status", json!("published")),
    ];
    put_each_member_then_the_whole(&app, token, &format!("/api/v1/campaigns/{}", resources.campaign), &campaign).await;
    let other = json!({"title": "Other", "muster:slug": "other-campaign"});
    app.post("/api/v1/campaigns", Some(token), &other).await.expect(201);
    let update = [
        ("title", json!("We march")),
        ("body", json!("On *Sunday*")),
        ("muster:campaign", json!("other-campaign")),
        ("date", json!("2026-03-01")),
        ("figures", json!([{"series": "People", "value": 1.5, "unit": "thousands"}])),
        ("source_url", json!("https://example.org/report")),
        ("muster:texts", json!({"fr": {"title": "Nous marchons"}})),
        ("muster:image", json!(image(&app, token).await)),
        ("muster:kind", json!("press")),
        ("muster:embargo_until", json!("2026-03-02T12:00:00Z")),
        ("muster:embargo_until", Value::Null),
        ("muster:media_contact", json!("press@example.org")),
        ("muster:quotes", json!([{"text": "We are many.", "by": "Amara"}])),
        ("muster:pseudonym", json!("A.")),
        ("muster:consent", json!({"scope": "this site", "given_on": "2026-02-01"})),
        ("muster:kind", json!("story")),
    ];
    put_each_member_then_the_whole(&app, token, &format!("/api/v1/updates/{}", resources.update), &update).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn deliveries_signatures_and_limits_can_be_put_back_as_they_were_read(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let petition = format!("/api/v1/petitions/{}", resources.petition);
    let changes = [
        ("date", json!("2026-12-11")),
        ("place", json!("Ottawa")),
        ("received_by", json!("The Minister")),
        ("note", json!("It rained.")),
        ("muster:event", json!("alliance-event")),
        ("muster:image", json!(image(&app, token).await)),
    ];
    let path = format!("{petition}/deliveries/{}", resources.delivery);
    let read = async || {
        let all = app.get(&format!("{petition}/deliveries"), Some(token)).await.expect(200);
        all["muster:deliveries"][0].clone()
    };
    for (member, value) in changes {
        app.put(&path, Some(token), &json!({(member): value})).await.expect(200);
        assert_eq!(read().await[member], value, "{member}");
    }
    // an event that the public does not see is not shown, and stays all the same
    app.put("/api/v1/events/alliance-event", Some(token), &json!({"muster:status": "archived"})).await.expect(200);
    let whole = read().await;
    assert_eq!(whole["muster:event"], Value::Null);
    assert_eq!(app.put(&path, Some(token), &whole).await.expect(200), whole);
    app.put("/api/v1/events/alliance-event", Some(token), &json!({"muster:status": "published"})).await.expect(200);
    assert_eq!(read().await["muster:event"], "alliance-event");

    let signature = format!("{petition}/signatures/{}", resources.signature);
    let decisions = [
        ("muster:vetted", json!("doubtful")),
        ("muster:vetted", json!("genuine")),
        ("muster:state", json!("quarantined")),
        ("muster:state", json!("invalid")),
        ("muster:state", json!("counted")),
    ];
    put_each_member_then_the_whole(&app, token, &signature, &decisions).await;
    for (member, value) in
        [("muster:state", "withdrawn"), ("muster:display", "full_name"), ("muster:comment_state", "shown")]
    {
        let refused = app.put(&signature, Some(token), &json!({(member): value})).await;
        refused.problem(422, "validation_failed", &[&format!("/{member}")]);
    }

    let limits = [
        ("muster:per_network_hour", json!(61)),
        ("muster:per_domain_hour", json!(201)),
        ("muster:least_form_seconds", json!(3)),
        ("muster:signing_paused", json!(true)),
        ("muster:breakdowns_paused", json!(true)),
    ];
    put_each_member_then_the_whole(&app, token, "/api/v1/integrity", &limits).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn misspelled_members_of_petitions_and_campaigns_are_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let resources = create_all_resources(&app, "Alliance").await;
    let token = resources.token.as_str();
    let petition = format!("/api/v1/petitions/{}", resources.petition);
    let titled = |slug: &str| json!({"title": "T", "muster:slug": slug});
    for (method, path, body) in [
        (Method::POST, "/api/v1/petitions".to_owned(), titled("new-petition")),
        (Method::PUT, petition.clone(), json!({})),
        (Method::POST, format!("{petition}/signatures"), signer("misspelled@example.org")),
        (Method::PUT, format!("{petition}/signatures/{}", resources.signature), json!({})),
        (Method::POST, format!("{petition}/deliveries"), json!({"date": "2026-12-12"})),
        (Method::PUT, format!("{petition}/deliveries/{}", resources.delivery), json!({})),
        (Method::POST, format!("{petition}/paper_batches"), json!({"reference": "A", "sheets": 1, "count": 9})),
        (Method::POST, format!("{petition}/short_links"), json!({"word": "go"})),
        (Method::POST, "/api/v1/campaigns".to_owned(), titled("new-campaign")),
        (Method::PUT, format!("/api/v1/campaigns/{}", resources.campaign), json!({})),
        (Method::POST, "/api/v1/updates".to_owned(), json!({"title": "U", "muster:campaign": "alliance-campaign"})),
        (Method::PUT, format!("/api/v1/updates/{}", resources.update), json!({})),
        (Method::POST, "/api/v1/partners".to_owned(), json!({"name": "Union", "muster:wording": {"en": "Yes"}})),
        (Method::POST, "/api/v1/sources".to_owned(), json!({"word": "flyer"})),
        (Method::PUT, "/api/v1/integrity".to_owned(), json!({})),
        (Method::POST, "/api/v1/integrity/allowances".to_owned(), json!({"domain": "union.example"})),
        (
            Method::POST,
            "/api/v1/saved_filters".to_owned(),
            json!({"name": "Held", "list": "signatures", "conditions": {"state": "counted"}}),
        ),
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

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn null_is_absent_in_a_post_and_clears_a_next_action_that_is_hidden(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let event = json!({"title": "Rally", "start_date": "2099-01-01 12:00:00", "location": null, "capacity": null});
    app.post("/api/v1/events", Some(&token), &event).await.expect(201);
    app.petition(&token, json!({"muster:slug": "next"})).await;
    app.petition(&token, json!({"muster:next_action": "/p/next", "muster:thanks": "Join our group: secret"})).await;
    let (first, next) = ("/api/v1/petitions/status", "/api/v1/petitions/next");
    assert_eq!(app.get(first, Some(&token)).await.expect(200)["muster:thanks"], "Join our group: secret");
    let public = app.get(first, None).await.expect(200);
    assert_eq!((&public["muster:thanks"], &public["muster:next_action"]), (&json!(""), &json!("/p/next")));
    app.put(next, Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    app.put(first, Some(&token), &json!({"title": "Changed"})).await.expect(200);
    app.put(next, Some(&token), &json!({"muster:status": "published"})).await.expect(200);
    assert_eq!(app.get(first, Some(&token)).await.expect(200)["muster:next_action"], "/p/next", "it was not named");
    app.put(next, Some(&token), &json!({"muster:status": "paused"})).await.expect(200);
    app.put(first, Some(&token), &json!({"muster:next_action": null})).await.expect(200);
    app.put(next, Some(&token), &json!({"muster:status": "published"})).await.expect(200);
    assert_eq!(app.get(first, Some(&token)).await.expect(200)["muster:next_action"], json!(null));
}
