//! The signer's own page: found by mail, shows what was signed, changes it, hands it over, erases it.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{TestApp, signer};

/// Signs, confirms, and returns the link of the own page.
async fn sign(app: &TestApp, slug: &str, address: &str) -> String {
    let mut body = signer(address);
    body["comments"] = json!("For my sister");
    body["muster:consents"] = json!({"updates": true});
    app.post(&format!("/api/v1/petitions/{slug}/signatures"), None, &body).await.expect(202);
    let link = app.mail_to(address).await.last().unwrap().links[0].clone();
    app.press(&link).await;
    let thanks = app.mail_to(address).await.pop().unwrap();
    thanks.links.iter().find(|l| l.contains("/t/")).unwrap().clone()
}

/// The address behind a link with these words on a page.
fn link_of(page: &str, words: &str) -> String {
    let end = page.find(words).unwrap_or_else(|| panic!("no {words} in {page}"));
    page[page[..end].rfind("/t/").unwrap()..].split('"').next().unwrap().to_owned()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn own_page_request_has_one_answer_for_everybody_and_mails_the_owner(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    sign(&app, "status", "amara@example.org").await;
    let ask = |address: &'static str| {
        let app = &app;
        async move { app.form("/my", &[("email", address)]).await }
    };
    let (known, unknown) = (ask("amara@example.org").await, ask("nobody@example.org").await);
    assert_eq!((known.status.as_u16(), known.text()), (200, unknown.text()));
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'own_page'").await, 2, "the same work");
    let mail = app.mail_to("amara@example.org").await.pop().unwrap();
    assert_eq!(mail.kind, "own_page");
    assert!(app.mail_to("nobody@example.org").await.is_empty());
    assert!(app.open_page(&mail.links[0]).await.text().contains("Your signature"));
    assert_eq!(
        app.count("SELECT count(*) FROM emails WHERE kind = 'own_page'").await,
        0,
        "no state tells which was sent"
    );
    assert_eq!(ask("not an address").await.status, 422);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn own_page_lists_changes_exports_and_erases_data(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "permits", "title": "Permits for all"})).await;
    sign(&app, "permits", "amara@example.org").await;
    let manage = sign(&app, "status", "amara@example.org").await;
    sign(&app, "status", "bo@example.org").await;
    // whoever only follows the link, as mail scanners do, learns nothing
    let closed = app.get(app.path_of(&manage), None).await.text();
    assert!(closed.contains("Open my page") && closed.contains("Delete my data"), "{closed}");
    for told in ["Permits", "Status", "Amara", "amara@example.org", "Alliance"] {
        assert!(!closed.contains(told), "{told}: {closed}");
    }
    let page = app.open_page(&manage).await.text();
    assert_eq!(
        app.count("SELECT count(*) FROM signatures WHERE state = 'counted'").await,
        3,
        "opening changes nothing"
    );
    assert_eq!(page.matches("<form").count(), 1);
    assert!(page.contains("Permits for all") && page.contains("Amara Okafor"));

    let display = link_of(&page, "Change how my name is shown");
    let chooser = app.get(&display, None).await.text();
    assert_eq!((chooser.matches("<form").count(), chooser.matches("type=\"radio\"").count()), (1, 4));
    let changed = app.form(&display, &[("display", "initials")]).await.text();
    assert_eq!(app.kernel.url(&link_of(&changed, "Back to my page")), manage);
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE display = 'initials'").await, 1);
    assert_eq!(app.form(&display, &[("display", "loud")]).await.status, 422);
    assert_eq!(app.form(&display, &[]).await.status, 422, "nothing chosen changes nothing");

    let data = link_of(&page, "Download my data");
    assert!(app.get(&data, None).await.text().contains("<form"), "a scanner that follows links gets no data");
    let file = app.form(&data, &[]).await;
    assert!(file.headers["content-disposition"].to_str().unwrap().contains("my-data.json"));
    assert_eq!(file.headers["cache-control"], "no-store");
    let mine: Value = file.json();
    assert_eq!(mine["person"]["given_name"], "Amara");
    let petitions: Vec<_> = mine["signatures"].as_array().unwrap().iter().map(|s| s["petition"].clone()).collect();
    assert_eq!(petitions, ["Status for all", "Permits for all"]);
    assert_eq!(
        (&mine["signatures"][0]["comments"], &mine["consents"][0]["purpose"]),
        (&json!("For my sister"), &json!("updates"))
    );
    assert!(!mine.to_string().contains("bo@example.org"));

    let erase = link_of(&page, "Delete my data");
    assert!(app.get(&erase, None).await.text().contains("button-danger"));
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 3, "GET erases nothing");
    let done = app.form(&erase, &[]).await;
    assert_eq!(done.status, 200);
    assert_eq!(app.form(&erase, &[]).await.text(), done.text(), "a second press shows the same success");
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 1, "only Bo's is left");
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM consents").await, 1);
    assert_eq!(app.get(app.path_of(&manage), None).await.status, 410);
    for (slug, total) in [("status", 2), ("permits", 1)] {
        let path = format!("/api/v1/petitions/{slug}");
        assert_eq!(app.get(&path, Some(&token)).await.expect(200)["total_signatures"], total, "what counted counts");
        let recount = app.post(&format!("{path}/recount"), Some(&token), &json!({})).await.expect(200);
        assert_eq!(recount["muster:repaired"], json!([]));
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn own_page_of_a_protected_signature_is_neutral(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:privacy": "protected"})).await;
    let address = "amara@example.org";
    app.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
    app.press(&app.mail_to(address).await[0].links[0]).await;
    let thanks = app.mail_to(address).await.pop().unwrap();
    let page = app.get(app.path_of(thanks.links.iter().find(|l| l.contains("/t/")).unwrap()), None).await.text();
    for named in ["Status for all", "Amara", "Download my data"] {
        assert!(!page.contains(named), "{named} is named");
    }
}

/// Does the link still show something?
async fn opens(app: &TestApp, link: &str) -> bool {
    let link = link.strip_prefix(&app.kernel.settings.http.public_url).unwrap_or(link);
    app.get(link, None).await.status == 200
}

async fn mailed_again(app: &TestApp, address: &str) -> String {
    app.form("/my", &[("email", address)]).await;
    app.mail_to(address).await.pop().unwrap().links[0].clone()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn earlier_links_are_voided_by_their_owner_only(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "20")]).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.petition(&token, json!({"muster:slug": "permits", "title": "Permits for all"})).await;
    let other = sign(&app, "permits", "amara@example.org").await;
    let manage = sign(&app, "status", "amara@example.org").await;
    let neighbour = sign(&app, "status", "bo@example.org").await;
    // asking for a link takes none away
    assert!(opens(&app, &mailed_again(&app, "amara@example.org").await).await && opens(&app, &manage).await);
    let page = app.get(app.path_of(&manage), None).await.text();
    let void = link_of(&page, "Make my earlier links invalid");
    let (data, delete) = (link_of(&page, "Download my data"), link_of(&page, "Delete my data"));
    assert!(opens(&app, &void).await && opens(&app, &manage).await, "looking changes nothing");
    let done = app.form(&void, &[]).await;
    assert!(done.status == 200 && done.text().contains("href=\"/my\""), "{}", done.text());
    for link in [&manage, &other, &void, &data, &delete] {
        assert!(!opens(&app, link).await, "{link}");
    }
    assert_eq!(app.form(&delete, &[]).await.status, 410);
    assert_eq!(app.count("SELECT count(*) FROM people").await, 2);
    assert!(opens(&app, &neighbour).await);
    let fresh = mailed_again(&app, "amara@example.org").await;
    let page = app.get(app.path_of(&fresh), None).await.text();
    let delete = link_of(&page, "Delete my data");
    assert!(opens(&app, &delete).await);
    app.form(&delete, &[]).await;
    assert_eq!(app.count("SELECT count(*) FROM people").await, 1);
    assert!(app.form(&delete, &[]).await.text().contains("no longer keep"), "also when nothing is left");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn links_end_after_a_year_and_a_withdrawal_still_erases(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let manage = sign(&app, "status", "amara@example.org").await;
    app.press(&manage).await;
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE state = 'withdrawn'").await, 1);
    let page = app.get(app.path_of(&manage), None).await.text();
    let delete = link_of(&page, "Delete my data");
    app.kernel.env.advance(TimeDelta::days(364));
    assert!(opens(&app, &manage).await);
    app.kernel.env.advance(TimeDelta::days(3));
    assert!(!opens(&app, &manage).await);
    assert_eq!(app.press(&manage).await.status, 410);
    assert!(opens(&app, &delete).await);
    // on demand there is a new one; the old one stays dead
    let fresh = mailed_again(&app, "amara@example.org").await;
    assert!(fresh != manage && opens(&app, &fresh).await && !opens(&app, &manage).await);
    assert_eq!(mailed_again(&app, "amara@example.org").await, fresh, "and is not made anew each time");
    let delete = link_of(&app.get(app.path_of(&fresh), None).await.text(), "Delete my data");
    app.form(&delete, &[]).await;
    assert_eq!(app.count("SELECT count(*) FROM people").await, 0);
}
