//! The public page of every kind of action with its form, and the operations that every action has in the API.

use axum::http::header;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::submissions::{KINDS, Kind, all_kinds};
use crate::{
    api::rate_limit::solve,
    harness::{Reply, TestApp},
};

impl Kind {
    /// Its resource in the API.
    fn api(&self) -> &'static str {
        self.submit.rsplit_once('/').unwrap().0
    }
}

/// The fields of a form that is accepted, with others instead.
fn form<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("given_name", "Amara"),
        ("family_name", "Okafor"),
        ("email", "amara@example.org"),
        ("country", "CA"),
        ("party_size", "1"),
        ("outcome", "reached"),
        ("locale", "en"),
    ];
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    fields.extend(more);
    fields
}

/// The puzzle of a page.
fn challenge_in(page: &str) -> Value {
    let json = page.split("data-challenge=\"").nth(1).expect("a challenge").split('"').next().unwrap();
    let unescaped = [("&quot;", "\""), ("&#34;", "\""), ("&#x2f;", "/"), ("&amp;", "&")];
    serde_json::from_str(&unescaped.iter().fold(json.to_owned(), |json, (from, to)| json.replace(from, to))).unwrap()
}

fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.headers[header::LOCATION].to_str().unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_accepted_form_leads_to_a_page_that_can_be_loaded_again(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    for kind in &KINDS {
        let sent = app.post_form(kind.page, &form(&[("locale", "fr")])).await;
        assert_eq!(location(&sent), format!("{}/received?lang=fr#form-answer", kind.page));
        assert_eq!(sent.headers[header::CACHE_CONTROL], "no-store");
        let path = format!("{}/received?lang=fr", kind.page);
        for _ in 0..2 {
            let page = app.get(&path, None).await;
            assert_eq!(page.status, 200);
            assert!(page.text().contains("lang=\"fr\"") && page.text().contains("id=\"form-answer\""));
        }
        assert_eq!(kind.count(&app, "true").await, 1, "{}: loading the page again submits nothing", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_refused_form_comes_back_with_all_its_errors_in_order_and_everything_typed(pool: PgPool) {
    let (app, token) = all_kinds(pool, json!({})).await;
    let question = json!({"muster:questions": [{"key": "work", "label": "Where do you work?", "required": true}]});
    app.put("/api/v1/petitions/status", Some(&token), &question).await.expect(200);
    let bad =
        [("email", "nobody"), ("given_name", ""), ("phone", "514 555 0100"), ("party_size", "99"), ("city", "Laval")];
    for kind in &KINDS {
        let sent = app.post_form(kind.page, &form(&bad)).await;
        assert_eq!(sent.status, 422, "{}", kind.name);
        let page = sent.text();
        let (summary, form) = page.split_once("</ul>\n</div>").expect("a list of errors");
        let summary = summary.split("id=\"form-answer\"").nth(1).expect("where the form leads");
        let wanted: &[&str] = match kind.name {
            "petition" => &["#f-given_name", "#f-email", "#f-answer-work"],
            "event" => &["#f-given_name", "#f-email", "#f-party_size"],
            "call" => &["#f-email"],
            _ => &["#f-given_name", "#f-email"],
        };
        let listed: Vec<&str> = summary.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(listed, wanted, "{}: in the order of the form", kind.name);
        for target in wanted {
            assert!(form.contains(&format!("id=\"{}\"", &target[1..])), "{}: {target} is on the page", kind.name);
        }
        assert!(page.contains("<title>Error: ") && page.contains(&format!("action=\"{}#form-answer\"", kind.page)));
        assert!(page.contains("value=\"nobody\"") && page.contains("value=\"Okafor\""), "{}", kind.name);
        assert_eq!(kind.count(&app, "true").await, 0);
    }
    let page = app.post_form("/p/status", &form(&bad)).await.text();
    assert!(page.contains("Where do you work? – "), "an own question is named by its label");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_filled_honeypot_asks_for_a_proof_and_loses_nothing(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    for kind in &KINDS {
        let filled = [("website", "http://filled-in-by-a-browser.example")];
        let mut sent = app.post_form(kind.page, &form(&filled)).await;
        if kind.name != "petition" {
            assert_eq!(sent.status, 428, "{}", kind.name);
            let page = sent.text();
            assert!(page.contains("value=\"amara@example.org\"") && page.contains("id=\"form-answer\""));
            assert!(!page.contains("filled-in-by-a-browser"), "the field is empty again");
            let proof = solve(&challenge_in(&page));
            sent = app.post_form(kind.page, &form(&[filled[0], ("altcha", &proof)])).await;
        }
        location(&sent);
        assert_eq!(kind.count(&app, "true").await, 1, "{}", kind.name);
    }
    let held = "SELECT count(*) FROM signatures WHERE quarantine_reason = 'form'";
    assert_eq!(app.count(held).await, 1, "a petition holds it for review");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn drafts_are_shown_by_a_secret_link_that_can_be_revoked(pool: PgPool) {
    let (app, token) = all_kinds(pool, json!({"muster:status": "draft"})).await;
    let mut links = Vec::new();
    for kind in &KINDS {
        assert_eq!(app.get(kind.page, None).await.status, 404);
        let preview = format!("{}/preview", kind.api());
        app.post(&preview, None, &json!({})).await.problem(401, "unauthorized", &[]);
        let made = app.post(&preview, Some(&token), &json!({})).await.expect(200);
        let path = app.path_of(made["muster:preview_url"].as_str().unwrap()).to_owned();
        assert!(path.starts_with(&format!("{}/preview/", kind.page)), "{path}");
        let shown = app.get(&path, None).await;
        assert_eq!(shown.status, 200, "{}", kind.name);
        assert_eq!(shown.headers["x-robots-tag"], "noindex");
        let page = shown.text();
        assert!(page.contains("type=\"submit\" disabled") && page.contains("Preview"), "{}: {page}", kind.name);
        let elsewhere = path.replace("/preview/", "/preview/a");
        assert_eq!(app.get(&elsewhere, None).await.status, 410);
        links.push((kind, preview, path));
    }
    let (event, letter) = (&links[1].2, &links[2].2);
    let token_of = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let swapped = event.replace(&token_of(event), &token_of(letter));
    assert_eq!(app.get(&swapped, None).await.status, 410, "a link shows its own action only");
    for (kind, preview, path) in &links {
        app.delete(preview, Some(&token)).await.expect(200);
        assert_eq!(app.get(path, None).await.status, 410, "{}", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn every_kind_has_history_short_links_former_addresses_and_a_recount(pool: PgPool) {
    let (app, token) = all_kinds(pool, json!({})).await;
    let t = Some(token.as_str());
    for kind in &KINDS {
        let api = kind.api();
        app.put(api, t, &json!({"muster:status": "paused", "muster:status_reason": "Back in May"})).await.expect(200);
        app.put(api, t, &json!({"muster:status": "published"})).await.expect(200);
        let history = app.get(&format!("{api}/history"), t).await.expect(200)["muster:history"].clone();
        let states: Vec<(&str, &str)> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["status"].as_str().unwrap(), entry["reason"].as_str().unwrap()))
            .collect();
        assert_eq!(states, [("published", ""), ("paused", "Back in May"), ("published", "")], "{}", kind.name);

        let word = format!("go-{}", kind.name);
        let made = app.post(&format!("{api}/short_links"), t, &json!({"word": word})).await.expect(201);
        assert_eq!(made["muster:short_links"][0]["word"], word.as_str());
        let followed = app.get(&format!("/go/{word}?source=radio"), None).await;
        assert_eq!(followed.headers[header::LOCATION], format!("{}?source=radio", kind.page).as_str());
        let page = app.get(&format!("{}?source=radio", kind.page), None).await.text();
        assert!(page.contains("<input type=\"hidden\" name=\"source\" value=\"radio\">"), "{}", kind.name);
        assert!(page.contains(&format!("{}/poster.svg", kind.page)), "{}", kind.name);
        assert_eq!(app.get(&format!("{}/poster.svg", kind.page), None).await.status, 200);
        app.delete(&format!("{api}/short_links/{word}"), t).await.expect(200);
        assert_eq!(app.get(&format!("/go/{word}"), None).await.status, 404);

        let counted = app.post(&format!("{api}/recount"), t, &json!({})).await.expect(200);
        assert_eq!(counted["muster:repaired"], json!([]), "{}", kind.name);

        let id = app.get(api, t).await.expect(200)["identifiers"][0].as_str().unwrap().to_owned();
        let id = id.rsplit(':').next().unwrap();
        let renamed = format!("{}-2", kind.page);
        let slug = renamed.rsplit('/').next().unwrap();
        let path = format!("{}/{id}", api.rsplit_once('/').unwrap().0);
        app.put(&path, t, &json!({"muster:slug": slug})).await.expect(200);
        let moved = app.get(&format!("{}?source=radio", kind.page), None).await;
        assert_eq!(moved.status, 308, "{}", kind.name);
        assert_eq!(moved.headers[header::LOCATION], format!("{renamed}?source=radio").as_str());
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_page_that_takes_nothing_says_why_and_has_no_form(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let opens = (app.kernel.env.now() + chrono::TimeDelta::days(2)).to_rfc3339();
    for kind in &KINDS {
        kind.create(&app, &token, json!({"muster:opens_at": opens})).await;
        let page = app.get(kind.page, None).await.text();
        assert!(!page.contains("name=\"email\"") && page.contains("Opens on "), "{}: {page}", kind.name);
        assert_eq!(app.post_form(kind.page, &form(&[])).await.status, 409, "{}", kind.name);
        app.put(kind.api(), Some(&token), &json!({"muster:opens_at": null, "muster:status": "paused", "muster:status_reason": "The hall is being repaired"})).await.expect(200);
        let page = app.get(kind.page, None).await.text();
        assert!(!page.contains("name=\"email\"") && page.contains("The hall is being repaired"), "{}", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn descriptions_in_html_are_shown(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for (n, html, shown) in [
        (0, "<p>We ask <b>all</b> of you &amp; more</p>", "<p>We ask all of you &amp; more</p>"),
        (1, "<p>One</p>\n\n<p>Two</p>", "<p>One</p>\n<p>Two</p>"),
        (2, "<p>One</p><p>Two</p>", "<p>One</p>\n<p>Two</p>"),
        (3, "<div>..</div>\nText after", "<p>..</p>\n<p>Text after</p>"),
        (4, "<div>\n        <p>Indented</p>\n</div>", "<p>Indented</p>"),
        (5, "text<br>line two", "<p>text<br>\nline two</p>"),
        (6, "<ul>\n  <li>a</li>\n  <li>b</li>\n</ul>", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        (7, "<h2>Heading</h2>x", "<h3>Heading</h3>\n<p>x</p>"),
        (8, "<!-- wp:paragraph -->\n<p class='a'>Word</p>\n<!-- /wp:paragraph -->", "<p>Word</p>"),
        (9, "<p>a<script>alert(1)</script>b</p>", "<p>ab</p>"),
        (10, "Dear <name>, hello", "<p>Dear &lt;name&gt;, hello</p>"),
        (11, "<p>3 < 4 & 5 > 4</p>", "<p>3 &lt; 4 &amp; 5 &gt; 4</p>"),
        (12, "<a href='javascript:alert(1)'>click</a>", "<p>click</p>"),
        (
            13,
            "see <a href=\"https://x.org\">there</a>",
            "<p>see <a href=\"https://x.org\" rel=\"noopener noreferrer nofollow\">there</a></p>",
        ),
        (14, "`<p>code</p>` and **bold**", "<p><code>&lt;p&gt;code&lt;/p&gt;</code> and <strong>bold</strong></p>"),
    ] {
        let slug = format!("html-{n}");
        app.petition(&token, json!({"muster:slug": slug, "petition_text": html})).await;
        let page = app.get(&format!("/p/{slug}"), None).await.text();
        assert!(page.contains(shown), "{html}: {page}");
    }
}
