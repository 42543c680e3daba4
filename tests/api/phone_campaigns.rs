//! Phone calls to offices: whom to call and when, what is reported, and what of it counts.

use std::collections::BTreeMap;

use axum::http::Method;
use muster::{
    calls::{CONFIRM_CALL, CallResult, MANAGE_CALL},
    kernel::links::Purpose,
    people::ERASE_PERSON,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    fixtures::{call_action, confirm, office},
    harness::{TestApp, merge, signer},
};

const CALLS: &str = "/api/v1/phone_campaigns/phone/outreaches";

fn caller(address: &str, office: &str, outcome: &str) -> Value {
    let mut body = signer(address);
    merge(&mut body, json!({"muster:office": office, "muster:outcome": outcome, "message": "My sister waits."}));
    body
}

/// Two offices with numbers; the first is open on weekdays in St. John's.
async fn offices(app: &TestApp, token: &str) {
    office(app, token, "minister").await;
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    let hours = json!({"timezone_identifier": "America/St_Johns", "periods": [{"days": days, "opens": "9:00", "closes": "17:00"}]});
    let change = json!({"muster:phone": "(613) 555-0142 ", "muster:hours": hours, "muster:texts": {"fr": {"title": "Ministre"}}});
    let changed = app.put("/api/v1/offices/minister", Some(token), &change).await.expect(200);
    assert_eq!(changed["muster:phone"], "+16135550142");
    assert_eq!(changed["muster:hours"]["periods"][0]["opens"], "09:00");
    let premier = json!({"title": "Premier", "muster:slug": "premier", "muster:phone": "1-800-NO-CAGES"});
    app.post("/api/v1/offices", Some(token), &premier).await.expect(201);
}

async fn two_offices(app: &TestApp, token: &str, more: Value) -> Uuid {
    offices(app, token).await;
    let mut body = json!({"muster:targets": ["minister", "premier"]});
    merge(&mut body, more);
    call_action(app, token, body).await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn page_shows_the_script_the_numbers_and_whether_an_office_is_open(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let french =
        json!({"fr": {"title": "Appelez la ministre", "body": "Bonjour, je demande *un statut pour tout le monde*."}});
    two_offices(&app, &token, json!({"muster:texts": french})).await;
    // a Monday in winter, by the clock of St. John's (UTC-3:30)
    for (at, is_open) in
        [("2031-01-06T12:29:00Z", false), ("2031-01-06T12:31:00Z", true), ("2031-01-06T20:31:00Z", false)]
    {
        let at = chrono::DateTime::parse_from_rfc3339(at).unwrap().to_utc();
        app.kernel.env.advance(at - app.kernel.env.now());
        app.expire_caches();
        let page = app.get("/call/phone", None).await.text();
        assert!(page.contains("<em>status for all</em>") && page.contains("href=\"tel:+16135550142\""), "{page}");
        assert!(page.contains("href=\"tel:18006622437\""), "letters are dialled by their keys: {page}");
        assert!(page.contains("9:00\u{a0}a.m. – 5:00\u{a0}p.m. (St. John’s)"), "{page}");
        assert_eq!((page.contains("Open now"), page.contains("Closed now")), (is_open, !is_open), "{at}");
    }
    let home = app.get("/", None).await.text();
    assert!(home.contains("id=\"h-calls\"") && home.contains("href=\"/call/phone\""), "{home}");
    let page = app.get("/call/phone?lang=fr", None).await.text();
    assert!(page.contains("<em>un statut pour tout le monde</em>") && page.contains("Ministre"), "{page}");
    // both must be said
    let fields = [("email", "amara@example.org"), ("points", "My sister waits."), ("locale", "en")];
    let refused = app.post_form("/call/phone", &fields).await;
    assert_eq!(refused.status, 422);
    let page = refused.text();
    assert!(
        page.contains("id=\"e-office\"") && page.contains("id=\"e-outcome\"") && page.contains("My sister waits."),
        "{page}"
    );
    let fields = [("email", "amara@example.org"), ("office", "premier"), ("outcome", "busy"), ("locale", "en")];
    assert_eq!(app.post_form("/call/phone", &fields).await.status, 303, "a name is not needed");
    let other = [("email", "amara@example.org"), ("office", "elsewhere"), ("outcome", "busy"), ("locale", "en")];
    assert_eq!(app.post_form("/call/phone", &other).await.status, 422);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn calls_are_counted_by_office_and_outcome_and_a_later_one_takes_the_place(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    two_offices(&app, &token, json!({})).await;
    let amara = "amara@example.org";
    for (office, outcome) in [("minister", "no_answer"), ("premier", "reached"), ("minister", "message")] {
        app.post(CALLS, None, &caller(amara, office, outcome)).await.expect(202);
        confirm(&app, amara).await;
    }
    app.post(CALLS, None, &caller("bo@example.org", "minister", "busy")).await.expect(202);
    let shown = app.get("/api/v1/phone_campaigns/phone", Some(&token)).await.expect(200);
    assert_eq!(shown["type"], "phone");
    assert_eq!(shown["total_outreaches"], 2, "Bo has not confirmed");
    assert_eq!(shown["muster:outcomes"], json!({"message": 1, "reached": 1}));
    let by_office: Vec<_> =
        shown["targets"].as_array().unwrap().iter().map(|t| &t["muster:total_outreaches"]).collect();
    assert_eq!(by_office, [1, 1]);
    app.tick().await;
    let public = app.get("/api/v1/phone_campaigns/phone", None).await.expect(200);
    assert_eq!(public["total_outreaches"], 2);
    assert!(public.get("muster:outcomes").is_none() && public["targets"][0].get("muster:total_outreaches").is_none());
    // the list says what became of each, and what was typed of those that count
    let list = app.get(CALLS, Some(&token)).await.expect(200);
    let calls = list["_embedded"]["osdi:outreaches"].as_array().unwrap();
    let states: Vec<_> = calls.iter().map(|call| call["muster:state"].as_str().unwrap()).collect();
    assert_eq!(states, ["counted", "counted", "replaced"]);
    assert_eq!((&calls[0]["message"], &calls[0]["muster:outcome"]), (&json!("My sister waits."), &json!("message")));
    assert!(calls[2].get("message").is_none() && calls[2].get("_embedded").is_none(), "{}", calls[2]);
    let filter = format!("{CALLS}?filter=muster:office%20eq%20'premier'%20and%20muster:outcome%20eq%20'reached'");
    assert_eq!(app.get(&filter, Some(&token)).await.expect(200)["total_records"], 1);
    let csv = app.get("/api/v1/exports/phone_campaigns/phone/calls.csv", Some(&token)).await.text();
    assert_eq!((csv.lines().count(), csv.contains("My sister waits.")), (3, true), "{csv}");
    // her own page, and what she withdraws
    let mails = app.mail_to(amara).await;
    let thanks = mails.iter().rev().find(|mail| mail.kind == "call_thanks").unwrap();
    assert!(thanks.text.contains("Minister of Immigration"), "{}", thanks.text);
    let own = app.path_of(thanks.links.iter().find(|link| link.contains("/t/")).unwrap()).to_owned();
    let open = app.press_path(&own).await;
    assert_eq!(open.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM calls WHERE state = 'withdrawn' AND sealed IS NULL").await, 1);
    let shown = app.get("/api/v1/phone_campaigns/phone", Some(&token)).await.expect(200);
    assert_eq!((&shown["total_outreaches"], &shown["muster:outcomes"]), (&json!(1), &json!({"reached": 1})));
    let recount = app.post("/api/v1/phone_campaigns/phone/recount", Some(&token), &json!({})).await.expect(200);
    assert_eq!(recount["muster:repaired"], json!([]));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_is_wrong_with_a_call_or_an_action_is_named(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    two_offices(&app, &token, json!({})).await;
    app.post(CALLS, None, &signer("a@example.org")).await.problem(422, "validation_failed", &["/muster:office"]);
    let wrong = caller("a@example.org", "elsewhere", "reached");
    app.post(CALLS, None, &wrong).await.problem(422, "validation_failed", &["/muster:office"]);
    let wrong = caller("a@example.org", "minister", "shouted");
    app.post(CALLS, None, &wrong).await.problem(422, "validation_failed", &["/muster:outcome"]);
    let unknown = json!({"title": "Call", "muster:targets": ["minister", "nobody"]});
    app.post("/api/v1/phone_campaigns", Some(&token), &unknown).await.problem(
        422,
        "validation_failed",
        &["/muster:targets/1"],
    );
    let hours = json!({"muster:hours": {"timezone_identifier": "Mars", "periods": [{"days": ["monday"], "opens": "17:00", "closes": "9:00"}]}});
    let refused = ["/muster:hours/timezone_identifier", "/muster:hours/periods/0/opens"];
    app.put("/api/v1/offices/minister", Some(&token), &hours).await.problem(422, "validation_failed", &refused);
    // vouched for: once for each key, with a name or without, and not on a protected action
    let key = [("Idempotency-Key", "one")];
    let body = caller("vouched@example.org", "premier", "message");
    let ids: Vec<String> = {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let reply = app.request(Method::POST, CALLS, Some(&token), &key, Some(&body)).await;
            ids.push(reply.expect(201)["identifiers"][0].to_string());
        }
        ids
    };
    assert_eq!(ids[0], ids[1]);
    let other = caller("vouched@example.org", "minister", "message");
    let mismatch = app.request(Method::POST, CALLS, Some(&token), &key, Some(&other)).await;
    mismatch.problem(422, "idempotency_mismatch", &[]);
    let neighbour = app.token("Neighbours", "all").await;
    app.post(CALLS, Some(&neighbour), &body).await.problem(404, "not_found", &[]);
    app.put("/api/v1/phone_campaigns/phone", Some(&neighbour), &json!({"title": "Mine"})).await.problem(
        404,
        "not_found",
        &[],
    );
    let writer = app.token("Alliance", "actions:write,contacts:write").await;
    let sent = app.post(CALLS, Some(&writer), &caller("vouched@example.org", "premier", "busy")).await.expect(201);
    assert_eq!(sent["identifiers"], json!([]), "who may not read contacts learns nothing");
    assert_eq!(app.count("SELECT count(*) FROM calls WHERE state = 'counted'").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn without_confirmation_a_repeated_call_shows_until_the_night(pool: PgPool) {
    let app =
        TestApp::with(pool, &[("MUSTER__GUARD__MODE", "off"), ("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")]).await;
    let token = app.owner().await;
    two_offices(&app, &token, json!({"muster:confirmation": "none"})).await;
    app.tick().await; // the first one does what is done once a day
    for n in 0..20 {
        // ten people, each twice; the first mails have gone when they call again
        if n == 10 {
            app.mail().await;
        }
        let address = format!("p{}@example.org", n % 10);
        app.post(CALLS, None, &caller(&address, "minister", "reached")).await.expect(202);
    }
    assert_eq!(app.count("SELECT count(*) FROM calls WHERE state = 'counted'").await, 10);
    app.kernel.env.advance(chrono::TimeDelta::minutes(20));
    app.tick().await;
    app.expire_caches();
    let shown = async || app.get("/api/v1/phone_campaigns/phone", None).await.expect(200)["total_outreaches"].clone();
    assert_eq!(shown().await, 20, "nobody can tell who called before");
    app.kernel.env.advance(chrono::TimeDelta::days(1));
    app.tick().await;
    app.kernel.env.advance(chrono::TimeDelta::minutes(20));
    app.tick().await;
    app.expire_caches();
    assert_eq!(shown().await, 10);
    let thanked = app.mail().await.iter().filter(|mail| mail.kind == "call_thanks").count();
    assert_eq!(thanked, 10, "one mail a day for each person and office");
}

/// What happens to a person's calls to an office, by number.
#[derive(Clone, Debug)]
enum Verb {
    Call {
        person: usize,
        office: usize,
        outcome: usize,
    },
    /// The n-th of what waits.
    Confirm(usize),
    /// The n-th of what counts.
    Withdraw(usize),
    Erase(usize),
    Vouch {
        person: usize,
        office: usize,
        outcome: usize,
    },
}

fn verb() -> impl Strategy<Value = Verb> {
    let call = (0..4_usize, 0..2_usize, 0..CallResult::ALL.len());
    prop_oneof![
        6 => call.clone().prop_map(|(person, office, outcome)| Verb::Call { person, office, outcome }),
        3 => call.prop_map(|(person, office, outcome)| Verb::Vouch { person, office, outcome }),
        6 => any::<usize>().prop_map(Verb::Confirm),
        2 => any::<usize>().prop_map(Verb::Withdraw),
        1 => any::<usize>().prop_map(Verb::Erase),
    ]
}

async fn nth(app: &TestApp, sql: &'static str, n: usize) -> Option<Uuid> {
    let rows: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(&app.kernel.db).await.unwrap();
    rows.get(n.checked_rem(rows.len())?).copied()
}

/// The rows and the counters, beside a model that knows only who said what last.
#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn counters_are_what_the_rows_and_a_plain_model_say(pool: PgPool) {
    let settings = [("MUSTER__GUARD__MODE", "off"), ("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "500")];
    let app = TestApp::with(pool, &settings).await;
    let token = app.owner().await;
    two_offices(&app, &token, json!({})).await;
    let press =
        async |purpose: Purpose, id: Uuid| app.press(&app.kernel.links.url(purpose, id, 0)).await.status.as_u16();
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    // outcome by person and office; and those of who was erased, which stay counted
    let mut model: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut erased: Vec<String> = Vec::new();
    let of_call = async |id: Uuid| -> ((String, String), String) {
        let (person, office, outcome): (Uuid, String, String) = sqlx::query_as(
            "SELECT c.person_id, f.slug, c.outcome FROM calls c JOIN offices f ON f.id = c.office_id WHERE c.id = $1",
        )
        .bind(id)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap();
        ((person.to_string(), office), outcome)
    };
    for verb in prop::collection::vec(verb(), 80).new_tree(&mut runner).unwrap().current() {
        let body = |person: usize, office: usize, outcome: usize| {
            caller(&format!("p{person}@example.org"), ["minister", "premier"][office], CallResult::NAMES[outcome])
        };
        match verb {
            Verb::Call { person, office, outcome } => {
                app.post(CALLS, None, &body(person, office, outcome)).await.expect(202);
            }
            Verb::Vouch { person, office, outcome } => {
                let made = TestApp::created(&app.post(CALLS, Some(&token), &body(person, office, outcome)).await);
                let (key, outcome) = of_call(made).await;
                model.insert(key, outcome);
            }
            Verb::Confirm(n) => {
                let Some(id) = nth(&app, "SELECT id FROM calls WHERE state = 'pending' ORDER BY id", n).await else {
                    continue;
                };
                let (key, outcome) = of_call(id).await;
                assert_eq!(press(CONFIRM_CALL, id).await, 200);
                model.insert(key, outcome);
            }
            Verb::Withdraw(n) => {
                let Some(id) = nth(&app, "SELECT id FROM calls WHERE state = 'counted' ORDER BY id", n).await else {
                    continue;
                };
                let (key, _) = of_call(id).await;
                assert_eq!(press(MANAGE_CALL, id).await, 200);
                model.remove(&key);
            }
            Verb::Erase(n) => {
                let Some(id) =
                    nth(&app, "SELECT DISTINCT person_id FROM calls WHERE state = 'counted' ORDER BY 1", n).await
                else {
                    continue;
                };
                assert_eq!(press(ERASE_PERSON, id).await, 200);
                let (gone, stays) = model.into_iter().partition(|((person, _), _)| *person == id.to_string());
                let gone: BTreeMap<(String, String), String> = gone;
                (erased, model) = (erased.into_iter().chain(gone.into_values()).collect(), stays);
            }
        }
    }
    assert!(model.len() > 2 && !erased.is_empty(), "{model:?} {erased:?}");
    let counted = i64::try_from(model.len()).unwrap();
    assert_eq!(app.count("SELECT count(*) FROM calls WHERE state = 'counted'").await, counted);
    let shown = app.get("/api/v1/phone_campaigns/phone", Some(&token)).await.expect(200);
    assert_eq!(shown["total_outreaches"], counted + i64::try_from(erased.len()).unwrap());
    let mut by_outcome: BTreeMap<String, i64> = BTreeMap::new();
    for outcome in model.into_values().chain(erased) {
        *by_outcome.entry(outcome).or_default() += 1;
    }
    assert_eq!(shown["muster:outcomes"], json!(by_outcome));
    let recount = app.post("/api/v1/phone_campaigns/phone/recount", Some(&token), &json!({})).await.expect(200);
    assert_eq!(recount["muster:repaired"], json!([]));
}
