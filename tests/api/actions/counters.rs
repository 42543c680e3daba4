//! The counters, whatever happens in whatever order: after each step they are what the rows say.

use muster::{
    kernel::links::Purpose,
    people::ERASE_PERSON,
    petitions::{CONFIRM_SIGNATURE, MANAGE_SIGNATURE},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::harness::{TestApp, merge, signer};

const PETITION: &str = "/api/v1/petitions/status";
const SIGN: &str = "/api/v1/petitions/status/signatures";
const JOBS: &str = "/api/v1/petitions/status/invalidations";
/// Sequences of verbs, and verbs in each.
const SEQUENCES: u32 = 12;
const VERBS: usize = 40;

#[derive(Clone, Debug)]
enum Verb {
    /// A public act of a person from a country; a hasty one is held.
    Sign {
        person: u8,
        country: &'static str,
        hasty: bool,
    },
    Vouch {
        person: u8,
        country: &'static str,
    },
    /// The n-th of what waits to be confirmed.
    Confirm(usize),
    /// The n-th of what stands is taken back by its signer.
    Withdraw(usize),
    /// The n-th signer of what stands is erased.
    Erase(usize),
    /// An organizer gives the n-th row a state.
    Rule(usize, &'static str),
    Invalidate(&'static str),
    Release,
    /// The n-th job is taken back.
    Undo(usize),
    Tick,
}

fn verb() -> impl Strategy<Value = Verb> {
    let country = prop::sample::select(vec!["CA", "MX", "PH"]);
    let state = prop::sample::select(vec!["counted", "quarantined", "invalid"]);
    prop_oneof![
        6 => (0_u8..6, country.clone(), any::<bool>()).prop_map(|(person, country, hasty)| Verb::Sign { person, country, hasty }),
        2 => (0_u8..6, country.clone()).prop_map(|(person, country)| Verb::Vouch { person, country }),
        6 => any::<usize>().prop_map(Verb::Confirm),
        2 => any::<usize>().prop_map(Verb::Withdraw),
        1 => any::<usize>().prop_map(Verb::Erase),
        3 => (any::<usize>(), state).prop_map(|(n, state)| Verb::Rule(n, state)),
        2 => country.prop_map(Verb::Invalidate),
        1 => Just(Verb::Release),
        3 => any::<usize>().prop_map(Verb::Undo),
        1 => Just(Verb::Tick),
    ]
}

/// The n-th id that a query finds, around and around.
async fn nth(app: &TestApp, sql: &'static str, n: usize) -> Option<(Uuid, i16)> {
    let rows: Vec<(Uuid, i16)> = sqlx::query_as(sql).fetch_all(&app.kernel.db).await.unwrap();
    (!rows.is_empty()).then(|| rows[n % rows.len()])
}

async fn press(app: &TestApp, purpose: Purpose, row: Option<(Uuid, i16)>) {
    if let Some((id, generation)) = row {
        let reply = app.press(&app.kernel.links.url(purpose, id, generation)).await;
        assert!(matches!(reply.status.as_u16(), 200 | 410), "{}", reply.text());
    }
}

fn body(person: u8, country: &str) -> Value {
    let mut body = signer(&format!("p{person}@example.org"));
    body["person"]["postal_addresses"] = json!([{"country": country}]);
    body
}

async fn act(app: &TestApp, token: &str, verb: &Verb) {
    const STANDING: &str =
        "SELECT id, link_generation FROM signatures WHERE state IN ('counted', 'quarantined') ORDER BY id";
    let t = Some(token);
    match verb {
        Verb::Sign { person, country, hasty } => {
            let mut body = body(*person, country);
            merge(&mut body, json!({"muster:form_seconds": if *hasty { 0 } else { 30 }}));
            app.post(SIGN, None, &body).await.expect(202);
        }
        Verb::Vouch { person, country } => {
            let status = app.post(SIGN, t, &body(*person, country)).await.status;
            assert!(matches!(status.as_u16(), 200 | 201));
        }
        Verb::Confirm(n) => {
            let sql = "SELECT id, link_generation FROM signatures WHERE state = 'pending' ORDER BY id";
            press(app, CONFIRM_SIGNATURE, nth(app, sql, *n).await).await;
        }
        Verb::Withdraw(n) => press(app, MANAGE_SIGNATURE, nth(app, STANDING, *n).await).await,
        Verb::Erase(n) => {
            let signers =
                "SELECT person_id, 0::smallint FROM signatures WHERE state IN ('counted', 'quarantined') ORDER BY id";
            press(app, ERASE_PERSON, nth(app, signers, *n).await).await;
        }
        Verb::Rule(n, state) => {
            let row = nth(app, "SELECT id, link_generation FROM signatures ORDER BY id", *n).await;
            if let Some((id, _)) = row {
                let ruled = app.put(&format!("{SIGN}/{id}"), t, &json!({"muster:state": state})).await.status;
                assert!(matches!(ruled.as_u16(), 200 | 422));
            }
        }
        Verb::Invalidate(country) => {
            let body = json!({"rule": {"country": country}, "reason": "by lot"});
            app.post(JOBS, t, &body).await.expect(202);
        }
        Verb::Release => {
            app.post(JOBS, t, &json!({"effect": "release", "reason": "by lot"})).await.expect(202);
        }
        Verb::Undo(n) => {
            if let Some((id, _)) = nth(app, "SELECT id, 0::smallint FROM invalidations ORDER BY id", *n).await {
                let undone = app.post(&format!("{JOBS}/{id}/undo"), t, &json!({})).await.status;
                assert!(matches!(undone.as_u16(), 200 | 409));
            }
        }
        Verb::Tick => app.tick().await,
    }
    app.jobs().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn counts_match_the_rows_after_every_step(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let mut runner = TestRunner::new(Config::default());
    let mut reached = 0;
    for _ in 0..SEQUENCES {
        sqlx::raw_sql("TRUNCATE actions, people CASCADE; TRUNCATE action_count_deltas")
            .execute(&app.kernel.db)
            .await
            .unwrap();
        app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
        app.petition(&token, json!({})).await;
        let verbs = prop::collection::vec(verb(), VERBS).new_tree(&mut runner).unwrap().current();
        for (n, verb) in verbs.iter().enumerate() {
            act(&app, &token, verb).await;
            let told = || format!("after {:?}", &verbs[..=n]);
            let recount = app.post(&format!("{PETITION}/recount"), Some(&token), &json!({})).await.expect(200);
            assert_eq!(recount["muster:repaired"], json!([]), "{}", told());
            let total = app.get(PETITION, Some(&token)).await.expect(200)["total_signatures"].as_i64().unwrap();
            let rows = app
                .count("SELECT (SELECT count(*) FROM signatures WHERE state = 'counted') + (SELECT sum(erased_count)::bigint FROM actions)")
                .await;
            assert_eq!(total, rows, "{}", told());
            let twice = "SELECT count(*) FROM (SELECT FROM signatures WHERE state = 'counted' GROUP BY person_id HAVING count(*) > 1) x";
            assert_eq!(app.count(twice).await, 0, "{}", told());
            reached = reached.max(total);
        }
        app.tick().await;
        let shown = app.count("SELECT published_count FROM actions").await;
        assert_eq!(shown, app.get(PETITION, Some(&token)).await.expect(200)["total_signatures"].as_i64().unwrap());
    }
    assert!(reached >= 3, "the verbs do count something");
}
