//! What a form asks: chosen fields, questions of the organizers' own, and whether the name is handed over.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    api::petitions::signatures::confirm_link,
    harness::{TestApp, merge, signer},
};

const PETITION: &str = "/api/v1/petitions/status";
const SIGN: &str = "/api/v1/petitions/status/signatures";

fn questions() -> Value {
    json!([
        {"key": "sector", "kind": "choice", "label": "Where do you work?", "labels": {"fr": "Où travaillez-vous ?"}, "required": true,
         "choices": [{"value": "farm", "label": "On a farm", "labels": {"fr": "Dans une ferme"}}, {"value": "care", "label": "In care"}]},
        {"key": "story", "label": "Your story", "max_length": 200},
        {"key": "help", "kind": "checkbox", "label": "I want to help"},
    ])
}

fn answering(address: &str, answers: &Value) -> Value {
    let mut body = signer(address);
    merge(&mut body, json!({"muster:answers": answers}));
    body
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn answers_are_validated_encrypted_shown_and_exported(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:questions": questions()})).await;
    let shown = app.get(PETITION, None).await.expect(200);
    assert_eq!(shown["muster:questions"][0]["choices"][1]["value"], "care", "what is asked is public");

    app.post(SIGN, None, &signer("a@example.org")).await.problem(422, "validation_failed", &["/muster:answers/sector"]);
    let wrong = json!({"sector": "mine", "story": "x".repeat(201), "help": 3});
    app.post(SIGN, None, &answering("a@example.org", &wrong)).await.problem(
        422,
        "validation_failed",
        &["/muster:answers/sector", "/muster:answers/story", "/muster:answers/help"],
    );
    let right = json!({"sector": "farm", "story": "=HYPERLINK(\"x\")", "help": true, "unasked": "no"});
    app.post(SIGN, None, &answering("amara@example.org", &right)).await.expect(202);
    let page = app.get(app.path_of(&confirm_link(&app, "amara@example.org").await), None).await.text();
    assert!(page.contains("On a farm") && page.contains("I want to help"), "the owner sees what will be kept");
    app.press(&confirm_link(&app, "amara@example.org").await).await;

    let list = app.get(SIGN, Some(&token)).await.expect(200);
    let answers = &list["_embedded"]["osdi:signatures"][0]["muster:answers"];
    assert_eq!(*answers, json!({"sector": "farm", "story": "=HYPERLINK(\"x\")", "help": "true"}));
    let csv = app.get("/api/v1/exports/petitions/status/signatures.csv", Some(&token)).await.text();
    assert!(csv.lines().next().unwrap().ends_with("deliver_name,answer_sector,answer_story,answer_help"), "{csv}");
    assert!(csv.contains(",false,farm,\"'=HYPERLINK(\"\"x\"\")\",true"), "{csv}");
    assert_eq!(
        app.count("SELECT count(*) FROM signatures WHERE position('HYPERLINK' IN encode(sealed, 'escape')) > 0").await,
        0
    );

    // an organizer who vouches need not know the answers
    app.post(SIGN, Some(&token), &signer("vouched@example.org")).await.expect(201);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn questions_are_localized_and_input_is_kept_after_errors(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let fields =
        json!({"postal_code": "off", "country": "off", "comments": "off", "phone": "required", "city": "optional"});
    app.petition(
        &token,
        json!({"muster:questions": questions(), "muster:fields": fields, "target": [{"name": "The Minister"}]}),
    )
    .await;
    let page = app.get("/p/status?lang=fr", None).await.text();
    assert!(page.contains("Où travaillez-vous ?") && page.contains("Dans une ferme"), "{page}");
    assert!(
        page.contains("id=\"f-phone\"") && page.contains("id=\"f-city\"") && page.contains("id=\"f-deliver_name\"")
    );
    for gone in ["f-postal_code", "f-country", "f-comments"] {
        assert!(!page.contains(gone), "{gone}");
    }
    let form = [
        ("given_name", "Amara"),
        ("email", "amara@example.org"),
        ("postal_code", "M5V 3L9"),
        ("answer-story", "I pick apples"),
        ("answer-sector", "mine"),
        ("deliver_name", "true"),
    ];
    let again = app.form("/p/status", &form).await;
    let text = again.text();
    assert_eq!(again.status, 422);
    assert!(text.contains("I pick apples") && text.contains("e-answer-sector") && text.contains("e-phone"), "{text}");

    let mut right = form.to_vec();
    right.retain(|(name, _)| *name != "answer-sector");
    right.extend([("answer-sector", "care"), ("answer-help", "true"), ("phone", "+1 416 555 0100")]);
    assert_eq!(app.form("/p/status", &right).await.status, 200);
    app.press(&confirm_link(&app, "amara@example.org").await).await;
    let list = app.get(SIGN, Some(&token)).await.expect(200);
    let signed = &list["_embedded"]["osdi:signatures"][0];
    assert_eq!(signed["muster:answers"], json!({"sector": "care", "story": "I pick apples", "help": "true"}));
    assert_eq!(signed["muster:deliver_name"], true);
    assert_eq!(signed["person"]["postal_addresses"], json!([]), "what is not asked is not kept");
    assert_eq!(
        app.count("SELECT count(*) FROM signatures WHERE postal_prefix IS NOT NULL OR country IS NOT NULL").await,
        0
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_petition_refuses_sensitive_questions_and_stores_no_answers(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let harmful = json!([{"key": "papers", "label": "What is your immigration status?"}]);
    let new = json!({"title": "Quiet", "muster:privacy": "protected", "muster:questions": harmful});
    app.post("/api/v1/petitions", Some(&token), &new).await.problem(
        422,
        "validation_failed",
        &["/muster:questions/0/label"],
    );
    app.petition(&token, json!({"muster:privacy": "protected", "muster:questions": [{"key": "hear", "label": "How did you hear of us?"}]})).await;
    app.put(PETITION, Some(&token), &json!({"muster:questions": harmful})).await.problem(
        422,
        "validation_failed",
        &["/muster:questions/0/label"],
    );
    app.post(SIGN, None, &answering("amara@example.org", &json!({"hear": "A friend"}))).await.expect(202);
    app.press(&confirm_link(&app, "amara@example.org").await).await;
    assert_eq!(
        app.count("SELECT count(*) FROM signatures WHERE state = 'counted' AND sealed IS NULL AND NOT delivers_name")
            .await,
        1
    );
}
