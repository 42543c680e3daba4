//! Comments are read before they show; partner organizations have boxes of their own.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{TestApp, merge, signer};

const SIGN: &str = "/api/v1/petitions/status/signatures";

/// Signs with more members, confirms, and returns the newest signature's path.
async fn signed(app: &TestApp, token: &str, address: &str, more: Value) -> String {
    let mut body = signer(address);
    merge(&mut body, more);
    app.post(SIGN, None, &body).await.expect(202);
    let link = app.mail_to(address).await.pop().unwrap().links[0].clone();
    assert_eq!(app.press(&link).await.status, 200);
    let counted = format!("{SIGN}?filter=muster:state%20eq%20'counted'&per_page=1");
    let list = app.get(&counted, Some(token)).await.expect(200);
    let id = list["_embedded"]["osdi:signatures"][0]["identifiers"][0].as_str().unwrap().to_owned();
    format!("{SIGN}/{}", id.strip_prefix("muster:").unwrap())
}

async fn page(app: &TestApp) -> String {
    app.get("/p/status", None).await.text()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn comment_is_public_after_moderation(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let words = "For my sister 👩🏾‍🌾 <script>alert(1)</script>";
    let more = json!({"comments": words, "muster:display": "initials"});
    let amara = signed(&app, &token, "amara@example.org", more).await;
    let bo = signed(&app, &token, "bo@example.org", json!({"comments": "Anonymous words"})).await;
    let silent = signed(&app, &token, "silent@example.org", json!({})).await;
    assert!(!page(&app).await.contains("For my sister"), "not before it is read");
    let waiting = format!("{SIGN}?filter=muster:comment_state%20eq%20'waiting'");
    assert_eq!(app.get(&waiting, Some(&token)).await.expect(200)["total_records"], 2);

    let decide = |path: String, body: Value| {
        let (app, token) = (&app, &token);
        async move { app.put(&path, Some(token), &body).await }
    };
    let shown = json!({"muster:comment_state": "shown", "muster:vetted": "genuine"});
    let row = decide(amara.clone(), shown.clone()).await.expect(200);
    assert_eq!((&row["muster:comment_state"], &row["muster:vetted"]), (&json!("shown"), &json!("genuine")));
    decide(bo.clone(), shown.clone()).await.expect(200);
    let now = page(&app).await;
    assert!(now.contains("For my sister 👩🏾‍🌾 &lt;script&gt;") && !now.contains("<script>alert"));
    assert!(now.contains("A. O.") && !now.contains("Amara") && now.contains("A supporter"));

    decide(amara.clone(), json!({"muster:display": "full_name"})).await.problem(
        422,
        "validation_failed",
        &["/muster:display"],
    );
    decide(amara.clone(), json!({"muster:display": "hidden"})).await.expect(200);
    assert!(!page(&app).await.contains("A. O."));
    decide(silent, shown).await.problem(422, "validation_failed", &["/muster:comment_state"]);
    decide(amara.clone(), json!({"muster:comment_state": "waiting"})).await.problem(
        422,
        "validation_failed",
        &["/muster:comment_state"],
    );
    decide(bo, json!({"muster:comment_state": "hidden"})).await.expect(200);
    assert!(!page(&app).await.contains("Anonymous words"));

    // other words wait again
    signed(&app, &token, "amara@example.org", json!({"comments": "Other words"})).await;
    let later = page(&app).await;
    assert!(!later.contains("Other words") && !later.contains("For my sister"));
    assert_eq!(app.get(&waiting, Some(&token)).await.expect(200)["total_records"], 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn withdrawn_comment_is_removed_from_the_page(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let path = signed(&app, &token, "amara@example.org", json!({"comments": "Words"})).await;
    app.put(&path, Some(&token), &json!({"muster:comment_state": "shown"})).await.expect(200);
    assert!(page(&app).await.contains("Words"));
    app.delete(&path, Some(&token)).await.expect(200);
    app.expire_caches();
    assert!(!page(&app).await.contains("Words"));
    let mut long = signer("bo@example.org");
    long["comments"] = json!("x".repeat(10_000));
    app.post(SIGN, None, &long).await.problem(422, "validation_failed", &["/comments"]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_page_with_a_name_is_not_indexed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    for (address, display, is_indexed) in
        [("amara@example.org", "hidden", true), ("bo@example.org", "full_name", false)]
    {
        let path = signed(&app, &token, address, json!({"comments": "Words", "muster:display": display})).await;
        app.put(&path, Some(&token), &json!({"muster:comment_state": "shown"})).await.expect(200);
        app.expire_caches();
        let page = app.get("/p/status", None).await;
        assert!(page.text().contains("Words"));
        assert_eq!(!page.headers.contains_key("x-robots-tag"), is_indexed, "{display}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn each_partner_has_its_own_consent_checkbox(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    sqlx::raw_sql(
        r#"INSERT INTO partners (id, organization_id, slug, name, wording, created_at)
           SELECT gen_random_uuid(), id, 'radio', 'Radio', '{"en": "The radio may write to me.", "fr": "La radio peut m’écrire."}', now() FROM organizations;
           INSERT INTO partners (id, organization_id, slug, name, created_at) SELECT gen_random_uuid(), id, 'union', 'The Union', now() FROM organizations"#,
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let french = app.get("/p/status?lang=fr", None).await.text();
    assert!(french.contains("name=\"partner-radio\"") && french.contains("La radio peut m’écrire."));
    assert!(!french.contains("checked>\n<label for=\"f-partner"), "never ticked beforehand");
    let fields = [
        ("given_name", "Amara"),
        ("email", "amara@example.org"),
        ("country", "CA"),
        ("locale", "fr"),
        ("partner-radio", "true"),
        ("partner-nobody", "true"),
    ];
    assert_eq!(app.form("/p/status", &fields).await.status, 200);
    app.press(&app.mail_to("amara@example.org").await[0].links[0].clone()).await;
    let given: Vec<(String, String, bool)> =
        sqlx::query_as("SELECT purpose, wording, granted FROM consents").fetch_all(&app.kernel.db).await.unwrap();
    assert_eq!(given, [("partner:radio".to_owned(), "La radio peut m’écrire.".to_owned(), true)]);
}
