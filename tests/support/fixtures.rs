//! One of everything, for tests that look at all of it alike.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{TestApp, merge, signer};

/// An office with a holder and a mailbox.
pub async fn office(app: &TestApp, token: &str, slug: &str) -> Uuid {
    let body = json!({"title": "Minister of Immigration", "muster:slug": slug, "muster:mailboxes": ["minister@office.example.org"],
                      "muster:holder": {"given_name": "Ana", "family_name": "Roy", "honorific_prefix": "The Honourable"}});
    TestApp::created(&app.post("/api/v1/offices", Some(token), &body).await)
}

/// A published event, a week ahead.
pub async fn event(app: &TestApp, token: &str, more: Value) -> Uuid {
    let start = (app.kernel.env.now() + TimeDelta::days(7)).to_rfc3339();
    let mut body =
        json!({"title": "Assembly", "muster:slug": "assembly", "muster:status": "published", "start_date": start});
    merge(&mut body, more);
    TestApp::created(&app.post("/api/v1/events", Some(token), &body).await)
}

/// A published letter action to the office `minister`, which must be there.
pub async fn letter_action(app: &TestApp, token: &str, more: Value) -> Uuid {
    let mut body = json!({"title": "Write to the minister", "muster:slug": "write", "muster:status": "published", "muster:targets": ["minister"],
                          "muster:letters": [{"locale": "en", "subjects": ["Status now"], "body": "Dear {{ target.salutation }},\n\nplease act."}]});
    merge(&mut body, more);
    TestApp::created(&app.post("/api/v1/advocacy_campaigns", Some(token), &body).await)
}

/// A published call action to the office `minister`, which must be there.
pub async fn call_action(app: &TestApp, token: &str, more: Value) -> Uuid {
    let mut body = json!({"title": "Call the minister", "muster:slug": "phone", "muster:status": "published", "muster:targets": ["minister"],
                          "muster:script": "Hello, my name is … I ask for *status for all*."});
    merge(&mut body, more);
    TestApp::created(&app.post("/api/v1/phone_campaigns", Some(token), &body).await)
}

/// Presses the button of the newest mail that asks an address to confirm.
pub async fn confirm(app: &TestApp, address: &str) {
    let mails = app.mail_to(address).await;
    let asking = mails.iter().rev().find(|mail| mail.kind.ends_with("_confirm"));
    let mail = asking.unwrap_or_else(|| panic!("no mail asks {address} to confirm"));
    assert_eq!(app.press(&mail.links[0]).await.status, 200, "{}", mail.kind);
}

/// Ids of one of everything that an organization can have.
pub struct AllResources {
    pub token: String,
    pub petition: Uuid,
    pub signature: Uuid,
    pub event: Uuid,
    pub attendance: Uuid,
    pub letter_action: Uuid,
    pub outreach: Uuid,
    pub call_action: Uuid,
    pub call: Uuid,
    pub office: Uuid,
    pub official: Uuid,
    pub campaign: Uuid,
    pub update: Uuid,
    pub person: Uuid,
    pub delivery: Uuid,
    pub broadcast: Uuid,
}

/// Makes them; slugs begin with the organization's name in lower case.
pub async fn create_all_resources(app: &TestApp, organization: &str) -> AllResources {
    let token = app.token(organization, "all").await;
    let t = Some(token.as_str());
    let slug = |of: &str| format!("{}-{of}", organization.to_lowercase());
    let made = async |path: &str, body: Value| TestApp::created(&app.post(path, t, &body).await);
    let campaign = made("/api/v1/campaigns", json!({"title": "Status", "muster:slug": slug("campaign")})).await;
    let update = made("/api/v1/updates", json!({"title": "News", "muster:campaign": campaign.to_string()})).await;
    let petition = app.petition(&token, json!({"muster:slug": slug("petition")})).await;
    let delivery = made(&format!("/api/v1/petitions/{petition}/deliveries"), json!({"date": "2026-12-10"})).await;
    let news = json!({"muster:texts": {"en": {"subject": "News", "body": "News"}}, "muster:audience": {"actions": [petition]}});
    let broadcast = made("/api/v1/broadcasts", news).await;
    let event = event(app, &token, json!({"muster:slug": slug("event")})).await;
    let office = office(app, &token, &slug("office")).await;
    let official = made("/api/v1/officials", json!({"family_name": "Singh"})).await;
    let letter_action =
        letter_action(app, &token, json!({"muster:slug": slug("write"), "muster:targets": [office.to_string()]})).await;
    let call_action =
        call_action(app, &token, json!({"muster:slug": slug("phone"), "muster:targets": [office.to_string()]})).await;
    let who = signer(&format!("{}@example.org", slug("amara")));
    let signature = made(&format!("/api/v1/petitions/{petition}/signatures"), who.clone()).await;
    let attendance = made(&format!("/api/v1/events/{event}/attendances"), who.clone()).await;
    let written =
        app.post(&format!("/api/v1/advocacy_campaigns/{letter_action}/outreaches"), t, &who).await.expect(201);
    let outreach = &written["_embedded"]["osdi:outreaches"][0]["identifiers"][0];
    let outreach = outreach.as_str().unwrap().trim_start_matches("muster:").parse().unwrap();
    let call = made(&format!("/api/v1/phone_campaigns/{call_action}/outreaches"), who.clone()).await;
    let person = app.post("/api/v1/people", t, &signer(&format!("{}@example.org", slug("bela")))).await;
    person.expect(200);
    let person = person.id();
    AllResources {
        token,
        petition,
        signature,
        event,
        attendance,
        letter_action,
        outreach,
        call_action,
        call,
        office,
        official,
        campaign,
        update,
        person,
        delivery,
        broadcast,
    }
}
