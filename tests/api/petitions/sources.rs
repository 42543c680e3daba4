//! Where people come from: registered words, counted for organizers; everything else is "other".

use serde_json::json;
use sqlx::PgPool;

use crate::harness::{TestApp, merge, signer};

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn registered_sources_are_counted_and_unknown_ones_are_other(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({"muster:confirmation": "none"})).await;
    let register = async |body: serde_json::Value| app.post("/api/v1/sources", Some(&token), &body).await;
    register(json!({"word": "radio"})).await.expect(201);
    let words = register(json!({"word": "union-hall"})).await.expect(201)["muster:sources"].clone();
    assert_eq!(
        words,
        json!([{"word": "radio", "muster:partner": null}, {"word": "union-hall", "muster:partner": null}])
    );
    register(json!({"word": "Not A Word"})).await.problem(422, "validation_failed", &["/word"]);
    register(json!({"word": "other"})).await.problem(422, "validation_failed", &["/word"]);
    register(json!({"word": "x", "muster:partner": "nobody"})).await.problem(
        422,
        "validation_failed",
        &["/muster:partner"],
    );

    // a link carries the word into the form, and the form back
    let page = app.get("/p/status?source=radio", None).await.text();
    assert!(page.contains("<input type=\"hidden\" name=\"source\" value=\"radio\">"));
    let fields =
        [("given_name", "Amara"), ("email", "a@example.org"), ("country", "CA"), ("locale", "en"), ("source", "radio")];
    assert_eq!(app.form("/p/status", &fields).await.status, 200);
    for (n, source) in ["radio", "union-hall", "https://tracker.example/?id=7"].into_iter().enumerate() {
        let mut body = signer(&format!("s{n}@example.org"));
        merge(&mut body, json!({"referrer_data": {"source": source}}));
        app.post("/api/v1/petitions/status/signatures", None, &body).await.expect(202);
    }
    let counts = app.get("/api/v1/petitions/status/counts?by=source", Some(&token)).await.expect(200);
    assert_eq!(counts["muster:counts"], json!({"radio": 2, "union-hall": 1, "other": 1}));
    assert_eq!(app.count("SELECT count(*) FROM signatures WHERE source LIKE '%tracker%'").await, 0);

    app.delete("/api/v1/sources/radio", Some(&token)).await.expect(200);
    app.delete("/api/v1/sources/radio", Some(&token)).await.problem(404, "not_found", &[]);
    let stranger = app.token("Others", "all").await;
    assert_eq!(app.get("/api/v1/sources", Some(&stranger)).await.expect(200)["muster:sources"], json!([]));
}
