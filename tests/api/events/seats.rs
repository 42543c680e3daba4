//! Seats through HTTP: no seat stays empty while somebody waits whom it fits, whatever happens in whatever order.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures_util::future::join_all;
use muster::{
    events::{CONFIRM_ATTENDANCE, MANAGE_ATTENDANCE, REJECT_ATTENDANCE},
    kernel::links::Purpose,
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
    fixtures,
    harness::{Reply, TestApp, merge},
};

#[path = "../../../src/events/tests/seat_model.rs"]
#[expect(dead_code, reason = "the unit tests use all of it")]
mod seat_model;
use seat_model::{Model, Party};

const EVENT: &str = "/api/v1/events/assembly";
const REGISTER: &str = "/api/v1/events/assembly/attendances";

fn party(name: &str, size: i16) -> Value {
    json!({"person": {"given_name": "Amara", "email_addresses": [{"address": format!("{name}@example.org")}]},
           "muster:party_size": size})
}

async fn event(app: &TestApp, token: &str, more: Value) -> Uuid {
    fixtures::event(app, token, more).await
}

/// Registers as an organizer does; returns the registration.
async fn vouch(app: &TestApp, token: &str, name: &str, size: i16) -> Value {
    let reply = app.post(REGISTER, Some(token), &party(name, size)).await;
    assert!(matches!(reply.status.as_u16(), 200 | 201), "{}", reply.text());
    reply.json()
}

async fn state_of(app: &TestApp, token: &str, registration: &Value) -> String {
    let id = registration["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap();
    let body = app.get(&format!("{REGISTER}/{id}"), Some(token)).await.expect(200);
    body["muster:state"].as_str().unwrap().to_owned()
}

fn path_of(registration: &Value) -> String {
    format!("{REGISTER}/{}", registration["identifiers"][0].as_str().unwrap().strip_prefix("muster:").unwrap())
}

async fn availability(app: &TestApp) -> Value {
    app.tick().await;
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
    app.get(EVENT, None).await.expect(200)["muster:availability"].clone()
}

async fn kinds_of_mail(app: &TestApp, name: &str) -> Vec<String> {
    app.mail_to(&format!("{name}@example.org")).await.into_iter().map(|mail| mail.kind).collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn smaller_party_on_reregistration_promotes_the_waitlist(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 4})).await;
    // by mailed links
    app.post(REGISTER, None, &party("ana", 4)).await.expect(202);
    fixtures::confirm(&app, "ana@example.org").await;
    let bo = vouch(&app, &token, "bo", 2).await;
    assert_eq!(bo["muster:state"], "waitlisted");
    app.post(REGISTER, None, &party("ana", 1)).await.expect(202);
    fixtures::confirm(&app, "ana@example.org").await;
    assert_eq!(state_of(&app, &token, &bo).await, "accepted");
    assert_eq!(kinds_of_mail(&app, "bo").await.last().unwrap(), "event_promoted");
    let cem = vouch(&app, &token, "cem", 1).await;
    assert_eq!(cem["muster:state"], "accepted");
    // by an organizer, who shortens the line as well
    let dee = vouch(&app, &token, "dee", 3).await;
    let eve = vouch(&app, &token, "eve", 1).await;
    assert_eq!((&dee["muster:state"], &eve["muster:state"]), (&json!("waitlisted"), &json!("waitlisted")));
    vouch(&app, &token, "bo", 1).await;
    assert_eq!(state_of(&app, &token, &eve).await, "waitlisted", "the party of three is before it");
    // the head of the line comes with fewer: both fit; it is told once, as it asked itself
    let dee = vouch(&app, &token, "dee", 1).await;
    assert_eq!(dee["muster:state"], "accepted");
    assert_eq!(kinds_of_mail(&app, "dee").await, ["event_registered"]);
    app.delete(&path_of(&cem), Some(&token)).await.expect(200);
    assert_eq!(state_of(&app, &token, &eve).await, "accepted");
    assert_eq!(app.get(EVENT, Some(&token)).await.expect(200)["total_accepted"], 4);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn party_larger_than_capacity_returns_422(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 3})).await;
    for who in [None, Some(token.as_str())] {
        let reply = app.post(REGISTER, who, &party("ana", 5)).await;
        reply.problem(422, "validation_failed", &["/muster:party_size"]);
        assert_eq!(reply.json()["errors"][0]["code"], "party_too_large");
    }
    for (locale, words) in
        [("fr", "assez de places"), ("en", "not enough room"), ("es", "suficientes lugares"), ("pa", "ਸਮੂਹ ਲਈ ਥਾਂ ਨਹੀਂ")]
    {
        let form = [("given_name", "Ana"), ("email", "ana@example.org"), ("party_size", "5"), ("locale", locale)];
        let page = app.form("/e/assembly", &form).await;
        assert_eq!(page.status, 422);
        assert!(page.text().contains(words) && page.text().contains("e-party_size"), "{}", page.text());
    }
    assert_eq!(app.count("SELECT count(*) FROM attendances").await, 0);
    let bo = vouch(&app, &token, "bo", 2).await;
    let cem = vouch(&app, &token, "cem", 1).await;
    assert_eq!((&bo["muster:state"], &cem["muster:state"]), (&json!("accepted"), &json!("accepted")));
    let dee = vouch(&app, &token, "dee", 1).await;
    assert_eq!(dee["muster:state"], "waitlisted");
    for registration in [&bo, &dee] {
        let reply = app.put(&path_of(registration), Some(&token), &json!({"muster:party_size": 4})).await;
        reply.problem(422, "validation_failed", &["/muster:party_size"]);
    }
    // one seat more than are left is another matter: the event's rule
    app.put(&path_of(&bo), Some(&token), &json!({"muster:party_size": 3})).await.problem(
        422,
        "validation_failed",
        &["/muster:party_size"],
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lowered_capacity_does_not_block_the_waitlist(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 6})).await;
    let ana = vouch(&app, &token, "ana", 4).await;
    let large = vouch(&app, &token, "large", 5).await;
    let bo = vouch(&app, &token, "bo", 1).await;
    assert_eq!((&large["muster:state"], &bo["muster:state"]), (&json!("waitlisted"), &json!("waitlisted")));
    // not confirmed yet, and by then larger than the room
    app.post(REGISTER, None, &party("late", 6)).await.expect(202);
    // the party of five never fits any more: the next one gets the seat
    let changed = app.put(EVENT, Some(&token), &json!({"capacity": 5})).await.expect(200);
    assert_eq!(changed["muster:waitlisted_too_large"], 0);
    assert_eq!(state_of(&app, &token, &bo).await, "waitlisted", "it fits the room, and waits for it");
    app.delete(&path_of(&ana), Some(&token)).await.expect(200);
    assert_eq!(state_of(&app, &token, &large).await, "accepted");
    let second = vouch(&app, &token, "second", 5).await;
    app.put(&path_of(&large), Some(&token), &json!({"muster:party_size": 2})).await.expect(200);
    assert_eq!(state_of(&app, &token, &bo).await, "accepted");
    let changed = app.put(EVENT, Some(&token), &json!({"capacity": 4})).await.expect(200);
    assert_eq!((&changed["muster:waitlisted"], &changed["muster:waitlisted_too_large"]), (&json!(1), &json!(1)));
    assert_eq!(availability(&app).await, "open", "one seat is free and nobody is before whoever comes");
    let cem = vouch(&app, &token, "cem", 1).await;
    assert_eq!(cem["muster:state"], "accepted");
    assert_eq!(availability(&app).await, "waitlist");
    // nobody waits behind the one that does not fit the room
    let dee = vouch(&app, &token, "dee", 1).await;
    assert_eq!(dee["muster:state"], "waitlisted");
    app.delete(&path_of(&cem), Some(&token)).await.expect(200);
    assert_eq!(
        (state_of(&app, &token, &dee).await, state_of(&app, &token, &second).await),
        ("accepted".into(), "waitlisted".into())
    );
    // declined in the lock
    fixtures::confirm(&app, "late@example.org").await;
    assert_eq!(app.count("SELECT count(*) FROM attendances WHERE party_size = 6 AND state = 'declined'").await, 1);
    assert_eq!(kinds_of_mail(&app, "late").await.last().unwrap(), "event_declined");
    // there is room for it again: it kept its place
    app.put(EVENT, Some(&token), &json!({"capacity": 9})).await.expect(200);
    assert_eq!(state_of(&app, &token, &second).await, "accepted");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn changed_capacity_rules_promote_the_waitlist(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 3})).await;
    vouch(&app, &token, "ana", 2).await;
    let bo = vouch(&app, &token, "bo", 2).await;
    let cem = vouch(&app, &token, "cem", 1).await;
    assert_eq!(state_of(&app, &token, &cem).await, "waitlisted");
    assert_eq!(availability(&app).await, "waitlist", "a seat is free, but not for who comes now");
    app.put(EVENT, Some(&token), &json!({"muster:waitlist": false})).await.expect(200);
    assert_eq!(availability(&app).await, "closed");
    assert_eq!(vouch(&app, &token, "dee", 1).await["muster:state"], "declined");
    app.put(EVENT, Some(&token), &json!({"muster:waitlist_smaller_parties": true})).await.expect(200);
    assert_eq!(state_of(&app, &token, &cem).await, "accepted");
    assert_eq!(availability(&app).await, "closed");
    app.put(EVENT, Some(&token), &json!({"capacity": 4})).await.expect(200);
    assert_eq!(state_of(&app, &token, &bo).await, "waitlisted");
    assert_eq!(availability(&app).await, "open", "smaller parties may pass");
    app.put(EVENT, Some(&token), &json!({"capacity": null})).await.expect(200);
    assert_eq!(state_of(&app, &token, &bo).await, "accepted");
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'event_promoted'").await, 2);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn tick_promotes_a_waitlist_that_was_left_behind(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for (slug, privacy) in [("assembly", "standard"), ("vigil", "protected")] {
        event(&app, &token, json!({"muster:slug": slug, "capacity": 4, "muster:privacy": privacy})).await;
        let path = format!("/api/v1/events/{slug}/attendances");
        for (name, size) in [("ana", 4), ("bo", 2), ("cem", 3)] {
            app.post(&path, None, &party(name, size)).await.expect(202);
            fixtures::confirm(&app, &format!("{name}@example.org")).await;
        }
    }
    // as rows of an earlier version were left: seats free, nobody moved
    sqlx::raw_sql("UPDATE attendances SET party_size = 1 WHERE state = 'accepted'; UPDATE events SET seats_taken = 1")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    sqlx::query("DELETE FROM emails").execute(&app.kernel.db).await.unwrap();
    app.tick().await;
    app.tick().await;
    let taken: Vec<(i32, i64)> = sqlx::query_as(
        "SELECT seats_taken, (SELECT sum(party_size) FROM attendances t WHERE t.event_id = e.id AND t.state = 'accepted') FROM events e",
    )
    .fetch_all(&app.kernel.db)
    .await
    .unwrap();
    assert_eq!(taken, [(3, 3), (3, 3)]);
    assert_eq!(app.count("SELECT count(*) FROM emails WHERE kind = 'event_promoted'").await, 2);
    // of the protected one, days only
    let to_the_day = "SELECT count(*) FROM emails e JOIN attendances t ON t.id = (e.refs ->> 'attendance')::uuid
        WHERE e.protected AND e.created_at = date_trunc('day', e.created_at, 'UTC') AND t.accepted_at = date_trunc('day', t.accepted_at, 'UTC')";
    assert_eq!(app.count(to_the_day).await, 1);
    assert!(kinds_of_mail(&app, "bo").await.ends_with(&["event_promoted".to_owned(), "event_promoted".to_owned()]));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn past_or_cancelled_event_promotes_nobody(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    event(&app, &token, json!({"capacity": 2})).await;
    let ana = vouch(&app, &token, "ana", 2).await;
    let bo = vouch(&app, &token, "bo", 1).await;
    app.kernel.env.advance(TimeDelta::days(8));
    app.delete(&path_of(&ana), Some(&token)).await.expect(200);
    app.tick().await;
    assert_eq!(state_of(&app, &token, &bo).await, "waitlisted");
    // put off: it is ahead again
    let later = (app.kernel.env.now() + TimeDelta::days(7)).to_rfc3339();
    app.put(EVENT, Some(&token), &json!({"start_date": later})).await.expect(200);
    assert_eq!(state_of(&app, &token, &bo).await, "accepted");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn each_attendee_is_notified_once_of_a_move(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let id = event(&app, &token, json!({})).await;
    sqlx::query(
        "WITH p AS (
             INSERT INTO people (id, vault_id, email_index, sealed, origin, created_at, modified_at, confirmed_at)
             SELECT uuid_v7(now()), a.vault_id, sha256(n::text::bytea), '\\x00', 'act', now(), now(), now()
             FROM actions a, generate_series(1, 5000) n RETURNING id
         )
         INSERT INTO attendances (id, event_id, person_id, state, created_at, accepted_at)
         SELECT uuid_v7(now()), $1, p.id, 'accepted', now(), now() FROM p",
    )
    .bind(id)
    .execute(&app.kernel.db)
    .await
    .unwrap();
    let told = "SELECT count(DISTINCT refs) FROM emails_waiting WHERE kind = 'event_changed'";
    let all = "SELECT count(*) FROM emails_waiting WHERE kind = 'event_changed'";
    let later = (app.kernel.env.now() + TimeDelta::days(9)).to_rfc3339();
    app.put(EVENT, Some(&token), &json!({"start_date": later})).await.expect(200);
    assert!(!app.step("announce_event_change").await, "it may be put right at once");
    app.kernel.env.advance(TimeDelta::minutes(1));
    assert!(app.step("announce_event_change").await);
    assert_eq!(app.count(all).await, 2000, "the others follow");
    app.jobs().await;
    assert_eq!((app.count(all).await, app.count(told).await), (5000, 5000));
    app.delete(EVENT, Some(&token)).await.expect(200);
    app.kernel.env.advance(TimeDelta::minutes(1));
    app.jobs().await;
    assert_eq!(app.count(all).await, 5000);
    assert_eq!(app.count("SELECT count(*) FROM emails_waiting WHERE kind = 'event_called_off'").await, 5000);
}

/// Runs of verbs, and verbs in each.
const RUNS: u32 = 8;
const VERBS: usize = 40;

#[derive(Clone, Debug)]
enum Verb {
    /// The public act.
    Register(u64, i16),
    /// The n-th registration that nobody confirmed is confirmed, or was not made by its owner.
    Confirm(usize),
    Reject(usize),
    /// An organizer registers somebody.
    Vouch(u64, i16),
    /// The n-th of those who have or wait for a place: cancelled by an organizer or by link, or another size.
    Cancel(usize, bool),
    Resize(usize, i16),
    Capacity(Option<i16>),
    Rules(bool, bool),
}

fn verb() -> impl Strategy<Value = Verb> {
    let act = (0_u64..12, 1_i16..=4);
    prop_oneof![
        4 => act.clone().prop_map(|(person, size)| Verb::Register(person, size)),
        4 => any::<usize>().prop_map(Verb::Confirm),
        1 => any::<usize>().prop_map(Verb::Reject),
        7 => act.prop_map(|(person, size)| Verb::Vouch(person, size)),
        2 => any::<(usize, bool)>().prop_map(|(n, link)| Verb::Cancel(n, link)),
        2 => (any::<usize>(), 1_i16..=5).prop_map(|(n, size)| Verb::Resize(n, size)),
        1 => prop::option::weighted(0.95, 1_i16..=8).prop_map(Verb::Capacity),
        1 => any::<(bool, bool)>().prop_map(|(waitlist, pass)| Verb::Rules(waitlist, pass)),
    ]
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct Row {
    id: Uuid,
    person_id: Uuid,
    state: String,
    party_size: i16,
    waitlist_position: Option<i64>,
    link_generation: i16,
}

async fn rows(app: &TestApp) -> Vec<Row> {
    let sql = "SELECT id, person_id, state, party_size, waitlist_position, link_generation FROM attendances
               WHERE state IN ('pending', 'accepted', 'waitlisted') ORDER BY waitlist_position, id";
    sqlx::query_as(sql).fetch_all(&app.kernel.db).await.unwrap()
}

async fn nth(app: &TestApp, states: &[&str], n: usize) -> Option<Row> {
    let rows: Vec<Row> = rows(app).await.into_iter().filter(|row| states.contains(&row.state.as_str())).collect();
    (!rows.is_empty()).then(|| rows[n % rows.len()].clone())
}

async fn press(app: &TestApp, purpose: Purpose, row: &Row) -> Reply {
    app.press(&app.kernel.links.url(purpose, row.id, row.link_generation)).await
}

/// What an act is answered, whatever else goes on at the same time.
async fn act(app: &TestApp, token: &str, verb: &Verb) -> Option<(Reply, Option<Row>)> {
    const ACTIVE: [&str; 2] = ["accepted", "waitlisted"];
    let t = Some(token);
    let name = |person: &u64| format!("p{person}");
    Some(match verb {
        Verb::Register(person, size) => (app.post(REGISTER, None, &party(&name(person), *size)).await, None),
        Verb::Vouch(person, size) => (app.post(REGISTER, t, &party(&name(person), *size)).await, None),
        Verb::Confirm(n) => {
            let row = nth(app, &["pending"], *n).await?;
            (press(app, CONFIRM_ATTENDANCE, &row).await, Some(row))
        }
        Verb::Reject(n) => {
            let row = nth(app, &["pending"], *n).await?;
            (press(app, REJECT_ATTENDANCE, &row).await, Some(row))
        }
        Verb::Cancel(n, true) => {
            let row = nth(app, &ACTIVE, *n).await?;
            (press(app, MANAGE_ATTENDANCE, &row).await, Some(row))
        }
        Verb::Cancel(n, false) => {
            let row = nth(app, &ACTIVE, *n).await?;
            (app.delete(&format!("{REGISTER}/{}", row.id), t).await, Some(row))
        }
        Verb::Resize(n, size) => {
            let row = nth(app, &ACTIVE, *n).await?;
            let body = json!({"muster:party_size": size});
            (app.put(&format!("{REGISTER}/{}", row.id), t, &body).await, Some(row))
        }
        Verb::Capacity(seats) => (app.put(EVENT, t, &json!({"capacity": seats})).await, None),
        Verb::Rules(waitlist, pass) => {
            let body = json!({"muster:waitlist": waitlist, "muster:waitlist_smaller_parties": pass});
            (app.put(EVENT, t, &body).await, None)
        }
    })
}

/// The model of what happened, and the number of mails that tell somebody of a seat.
struct Told {
    model: Model,
    people: BTreeMap<Uuid, u64>,
    promoted: usize,
}

impl Told {
    fn note(&mut self, verb: &Verb, reply: &Reply, row: Option<&Row>) {
        let (model, status) = (&mut self.model, reply.status.as_u16());
        let person = row.map(|row| self.people[&row.person_id]);
        let too_large = |size: i16| model.capacity.is_some_and(|capacity| size > capacity);
        let mut moved = Vec::new();
        let expected = match verb {
            Verb::Register(_, size) => {
                if too_large(*size) {
                    422
                } else {
                    202
                }
            }
            Verb::Vouch(_, size) if too_large(*size) => 422,
            Verb::Vouch(person, size) => {
                if model.parties.get(person).is_some_and(|party| party.size == *size) {
                    200
                } else {
                    let (state, promoted) = model.seat(*person, *size);
                    assert_eq!(reply.json()["muster:state"], state);
                    moved = promoted;
                    201
                }
            }
            Verb::Confirm(_) => {
                moved = model.seat(person.unwrap(), row.unwrap().party_size).1;
                200
            }
            Verb::Reject(_) => 200,
            Verb::Cancel(..) => {
                moved = model.cancel(person.unwrap());
                200
            }
            Verb::Resize(_, size) => match model.resize(person.unwrap(), *size) {
                Some(promoted) => {
                    moved = promoted;
                    200
                }
                None => 422,
            },
            Verb::Capacity(seats) if seats.is_some_and(|seats| seats < model.taken()) => 422,
            Verb::Capacity(seats) => {
                model.capacity = *seats;
                moved = model.promote();
                200
            }
            Verb::Rules(waitlist, pass) => {
                (model.waitlist, model.allow_smaller_parties_first) = (*waitlist, *pass);
                moved = model.promote();
                200
            }
        };
        assert_eq!(status, expected, "{verb:?}: {}", reply.text());
        self.promoted += moved.len();
    }
}

/// The event as its rows have it, by person's numbers.
async fn model_of_rows(app: &TestApp, people: &BTreeMap<Uuid, u64>) -> Model {
    let (capacity, waitlist, pass): (Option<i32>, bool, bool) =
        sqlx::query_as("SELECT capacity, waitlist, allow_smaller_parties_first FROM events")
            .fetch_one(&app.kernel.db)
            .await
            .unwrap();
    let mut model = Model::new(capacity.map(|seats| seats.try_into().unwrap()));
    (model.waitlist, model.allow_smaller_parties_first) = (waitlist, pass);
    for row in rows(app).await.into_iter().filter(|row| row.state != "pending") {
        let place = (row.state == "waitlisted").then(|| row.waitlist_position.unwrap().try_into().unwrap());
        let held = model.parties.insert(people[&row.person_id], Party { size: row.party_size, place });
        assert_eq!(held, None, "nobody has two places");
    }
    let taken = app.count("SELECT seats_taken::bigint FROM events").await;
    assert_eq!(taken, i64::from(model.taken()));
    let waiting = "SELECT waiting_parties::bigint FROM events";
    assert_eq!(app.count(waiting).await, i64::try_from(model.line().len()).unwrap());
    model.next_waitlist_position = 1 << 40;
    model
}

/// Gives new people the number of whoever just acted.
async fn learn(app: &TestApp, people: &mut BTreeMap<Uuid, u64>, person: u64) {
    for row in rows(app).await {
        people.entry(row.person_id).or_insert(person);
    }
}

async fn status(app: &TestApp) -> String {
    app.tick().await;
    sqlx::query_scalar("SELECT published_status FROM events").fetch_one(&app.kernel.db).await.unwrap()
}

async fn begin(app: &TestApp, token: &str) {
    sqlx::raw_sql("TRUNCATE actions, people CASCADE; TRUNCATE action_count_deltas, emails")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    app.kernel.cache_invalidator.publish(muster::kernel::cache_invalidation::CacheInvalidation::All);
    let mut more = json!({"capacity": 6});
    merge(&mut more, json!({"muster:waitlist": true}));
    event(app, token, more).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn seats_match_the_model_after_every_step(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let mut runner = TestRunner::new(Config::default());
    let (mut waited, mut moved_up) = (0, 0);
    for _ in 0..RUNS {
        begin(&app, &token).await;
        let mut told = Told { model: Model::new(Some(6)), people: BTreeMap::new(), promoted: 0 };
        let verbs = prop::collection::vec(verb(), VERBS).new_tree(&mut runner).unwrap().current();
        for (n, verb) in verbs.iter().enumerate() {
            let Some((reply, row)) = act(&app, &token, verb).await else { continue };
            if let Verb::Register(person, _) | Verb::Vouch(person, _) = verb {
                learn(&app, &mut told.people, *person).await;
            }
            told.note(verb, &reply, row.as_ref());
            let so_far = || format!("after {:?}", &verbs[..=n]);
            told.model.assert_sound();
            let found = model_of_rows(&app, &told.people).await;
            let seats = |model: &Model| (model.capacity, model.seated(), model.line());
            assert_eq!(seats(&found), seats(&told.model), "{}", so_far());
            assert_eq!(status(&app).await, told.model.status(), "{}", so_far());
            let mails = app.count("SELECT count(*) FROM emails WHERE kind = 'event_promoted'").await;
            assert_eq!(usize::try_from(mails), Ok(told.promoted), "{}", so_far());
            waited += found.line().len();
        }
        moved_up += told.promoted;
        let total = app.get(EVENT, Some(&token)).await.expect(200)["total_accepted"].clone();
        assert_eq!(total, told.model.taken());
    }
    assert!(waited > 40 && moved_up > 0, "the verbs do make lines, and move them: {waited}, {moved_up}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn concurrent_requests_keep_seat_invariants(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    let mut runner = TestRunner::new(Config::default());
    let mut waited = 0;
    for _ in 0..4 {
        begin(&app, &token).await;
        for _ in 0..8 {
            let verbs = prop::collection::vec(verb(), 16).new_tree(&mut runner).unwrap().current();
            for done in join_all(verbs.iter().map(|verb| act(&app, &token, verb))).await {
                let Some((reply, _)) = done else { continue };
                assert!(reply.status.as_u16() < 500, "{} {verbs:?}: {}", reply.status, reply.text());
            }
            // numbers in the order of their ids: who it is does not matter here
            let ids = rows(&app).await.into_iter().map(|row| row.person_id);
            let people: BTreeMap<Uuid, u64> = ids.zip(0..).collect();
            let found = model_of_rows(&app, &people).await;
            found.assert_sound();
            assert_eq!(status(&app).await, found.status(), "{verbs:?}");
            waited += found.line().len();
        }
    }
    assert!(waited > 0, "the verbs do make lines");
}
