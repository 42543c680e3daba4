//! Seats: allocation, waitlist and promotion, sequentially and concurrently.

mod lifecycle;
mod seat_model;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::PgPool;
use uuid::Uuid;

use self::seat_model::Model;
use super::{
    batch::AttendanceBatch,
    plan::{Event, Plan},
    state::{AttendanceState, EventStatus, SeatStatus},
    store::{self, AttendanceOutcome, AttendanceSubmission},
};
use crate::{
    campaigns::{
        Action, Kind, State,
        SubmissionMode::{self, Immediate},
    },
    config::HotPath,
    kernel::{env::Env, group_commit::GroupCommit, text::LocaleTag},
};

/// An event without a database row.
pub(super) fn event() -> Event {
    let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let action = Action {
        id: Uuid::from_u128(1),
        organization_id: Uuid::from_u128(2),
        organization_name: "Alliance".into(),
        campaign_id: None,
        vault_id: Uuid::from_u128(3),
        kind: Kind::Event,
        slug: "assembly".into(),
        locale: LocaleTag::En,
        title: "Assembly".into(),
        summary: String::new(),
        description: String::new(),
        texts: std::collections::BTreeMap::new(),
        button: String::new(),
        thanks: String::new(),
        share_text: String::new(),
        image: None,
        hosted_by: String::new(),
        protected: false,
        campaign: None,
        destroy_after: None,
        fixed_end: None,
        ended_at: None,
        zone: *crate::kernel::zones::DEFAULT,
        confirms: true,
        state: State::Published,
        state_reason: String::new(),
        state_since: None,
        identifiers: Vec::new(),
        opens_at: None,
        closes_at: None,
        next: None,
        preview_generation: 0,
        send_thanks: true,
        published_count: 0,
        published_at: None,
        verified_at: None,
        created_at: at,
        modified_at: at,
    };
    Event {
        action,
        plan: Plan { has_date: true, ..Plan::empty(at) },
        seats_taken: 0,
        published_status: SeatStatus::Open,
        calendar_sequence: 0,
        joining: None,
        joining_opens: TimeDelta::minutes(30),
        reminded_until: at,
        known: None,
        dropped_sessions: Vec::new(),
    }
}

#[test]
fn public_status_is_open_waitlist_or_closed() {
    let mut event = event();
    let before = event.plan.starts_at - TimeDelta::days(1);
    assert_eq!((event.status(before), event.availability(before)), (EventStatus::Open, SeatStatus::Open));
    event.published_status = SeatStatus::Waitlist;
    assert_eq!(event.availability(before), SeatStatus::Waitlist);
    assert_eq!(
        (event.status(event.plan.ends_at), event.availability(event.plan.ends_at)),
        (EventStatus::Past, SeatStatus::Closed)
    );
    event.action.state = State::Paused;
    assert_eq!(event.status(before), EventStatus::Closed);
    event.action.state = State::Cancelled;
    assert_eq!((event.status(before), event.availability(before)), (EventStatus::Cancelled, SeatStatus::Closed));
}

#[test]
fn the_join_link_is_shown_on_the_day_itself() {
    let event = event();
    assert!(!event.is_today(event.plan.starts_at - TimeDelta::days(1)));
    assert!(event.is_today(event.plan.starts_at - TimeDelta::hours(2)) && event.is_today(event.plan.starts_at));
    assert!(!event.is_today(event.plan.ends_at));
}

struct TestEvent {
    db: PgPool,
    env: Env,
    organization: Uuid,
    vault: Uuid,
    event: Uuid,
    now: DateTime<Utc>,
}

impl TestEvent {
    async fn build(db: &PgPool, capacity: i32, waitlist: bool) -> Self {
        let env = Env::system();
        let (organization, vault, event, now) = (env.id(), env.id(), env.id(), env.now());
        sqlx::query("INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, 'Alliance', 'alliance', $2)")
            .bind(organization)
            .bind(now)
            .execute(db)
            .await
            .unwrap();
        sqlx::query("INSERT INTO vaults (id, organization_id, kind, wrapping_key, wrapped_keys, created_at) VALUES ($1, $2, 'organization', 'root-1', 'x', $3)")
            .bind(vault)
            .bind(organization)
            .bind(now)
            .execute(db)
            .await
            .unwrap();
        sqlx::query("INSERT INTO actions (id, organization_id, vault_id, kind, slug, title, state, confirmation, created_at, modified_at) VALUES ($1, $2, $3, 'event', 'assembly', 'Assembly', 'published', 'none', $4, $4)")
            .bind(event)
            .bind(organization)
            .bind(vault)
            .bind(now)
            .execute(db)
            .await
            .unwrap();
        let mut conn = db.acquire().await.unwrap();
        store::insert(
            &mut conn,
            event,
            &Plan { capacity: Some(capacity), waitlist, has_date: true, ..Plan::empty(now) },
            now,
        )
        .await
        .unwrap();
        Self { db: db.clone(), env, organization, vault, event, now }
    }

    fn act(&self, person: u64, mode: SubmissionMode, party_size: i16) -> AttendanceSubmission {
        let mut email_index = vec![0; 32];
        email_index[..8].copy_from_slice(&person.to_be_bytes());
        AttendanceSubmission {
            id: self.env.id(),
            event_id: self.event,
            vault_id: self.vault,
            person_id: self.env.id(),
            email_index,
            person_sealed: None,
            mode,
            party_size,
            sealed: b"sealed".to_vec(),
            locale: None,
            source: None,
            created_at: self.now,
            confirm_expires_at: (mode == SubmissionMode::Pending).then(|| self.now + TimeDelta::days(1)),
            held_until: None,
            email_id: Some(self.env.id()),
            organization_id: self.organization,
            protected: false,
            idempotency_key: None,
            idempotency_request: None,
        }
    }

    async fn submit(&self, acts: &[AttendanceSubmission]) -> Vec<AttendanceOutcome> {
        let written = store::submit_attendances(&self.db, acts, self.now).await.unwrap();
        acts.iter().map(|act| written.iter().find(|w| w.submission_id == act.id).unwrap().outcome).collect()
    }

    /// Taken seats; asserts that the event's row, its registrations and its counters agree, also on the waitlist.
    async fn seats(&self) -> i64 {
        let (taken, held, counted): (i64, i64, i64) = sqlx::query_as(
            "SELECT seats_taken::bigint, (SELECT coalesce(sum(party_size), 0) FROM attendances WHERE event_id = e.id AND state = 'accepted'),
                    (SELECT coalesce(sum(delta), 0)::bigint FROM action_count_deltas WHERE action_id = e.id AND dimension = 'total')
             FROM events e WHERE id = $1",
        )
        .bind(self.event)
        .fetch_one(&self.db)
        .await
        .unwrap();
        assert_eq!((taken, taken), (held, counted));
        let wrong: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM events e, LATERAL (SELECT count(*) AS parties, coalesce(sum(party_size), 0) AS seats FROM attendances
                                                     WHERE event_id = e.id AND state = 'waitlisted') w
             WHERE (e.waiting_parties, e.waiting_seats) <> (w.parties, w.seats)",
        )
        .fetch_one(&self.db)
        .await
        .unwrap();
        assert_eq!(wrong, 0, "what the row says of the line is not the line");
        taken
    }

    /// As `ops::cancel` does; returns how many parties move up.
    async fn cancel(&self, id: Uuid) -> i32 {
        let mut tx = self.db.begin().await.unwrap();
        store::lock_seats(&mut tx, self.event).await.unwrap();
        let freed = store::cancel_active(&mut tx, id, self.now).await.unwrap().unwrap();
        store::add_seats(&mut tx, self.event, -freed).await.unwrap();
        let moved = store::promote_waitlist(&mut tx, self.event, self.now).await.unwrap();
        tx.commit().await.unwrap();
        moved
    }

    /// As `ops::resize` does.
    async fn resize(&self, id: Uuid, size: i16, more_seats: i32) -> i32 {
        let mut tx = self.db.begin().await.unwrap();
        store::lock_seats(&mut tx, self.event).await.unwrap();
        store::add_seats(&mut tx, self.event, more_seats).await.unwrap();
        store::resize(&mut tx, id, size).await.unwrap();
        let moved = store::promote_waitlist(&mut tx, self.event, self.now).await.unwrap();
        tx.commit().await.unwrap();
        moved
    }

    /// The n-th active registration (modulo their number), with its person.
    async fn nth_active(&self, n: usize) -> Option<(Uuid, u64)> {
        let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
            "SELECT a.id, p.email_index FROM attendances a JOIN people p ON p.id = a.person_id
             WHERE a.event_id = $1 AND a.state IN ('accepted', 'waitlisted') ORDER BY a.id",
        )
        .bind(self.event)
        .fetch_all(&self.db)
        .await
        .unwrap();
        let (id, index) = rows.get(n % rows.len().max(1))?;
        Some((*id, u64::from_be_bytes(index[..8].try_into().unwrap())))
    }

    /// Accepted parties by person, and waitlisted ones in order.
    async fn parties(&self) -> (Vec<(u64, i16)>, Vec<(u64, i16)>) {
        let rows: Vec<(Vec<u8>, i16, String)> = sqlx::query_as(
            "SELECT p.email_index, a.party_size, a.state FROM attendances a JOIN people p ON p.id = a.person_id
             WHERE a.event_id = $1 AND a.state IN ('accepted', 'waitlisted') ORDER BY a.waitlist_position",
        )
        .bind(self.event)
        .fetch_all(&self.db)
        .await
        .unwrap();
        let of = |state: &str| {
            let rows = rows.iter().filter(|row| row.2 == state);
            rows.map(|(index, size, _)| (u64::from_be_bytes(index[..8].try_into().unwrap()), *size)).collect::<Vec<_>>()
        };
        let mut seated = of("accepted");
        seated.sort_unstable();
        (seated, of("waitlisted"))
    }

    async fn state(&self, id: Uuid) -> String {
        store::attendance(&mut self.db.acquire().await.unwrap(), id).await.unwrap().unwrap().state.as_str().to_owned()
    }
}

#[test]
fn outcomes_begin_with_the_states() {
    assert_eq!(AttendanceOutcome::NAMES[..AttendanceState::NAMES.len()], *AttendanceState::NAMES);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn concurrent_registrations_never_oversell_seats(db: PgPool) {
    let event_fixture = Arc::new(TestEvent::build(&db, 100, true).await);
    let settings =
        HotPath { flushers: 4, batch_limit: 64, queue_limit: 10_000, deadline_seconds: 60, write_seconds: 30 };
    let batch = Arc::new(GroupCommit::start(
        AttendanceBatch { db: db.clone(), env: event_fixture.env.clone() },
        settings,
        event_fixture.env.clone(),
    ));
    let tasks = (0..40_u64).map(|task| {
        let (event_fixture, batch) = (event_fixture.clone(), batch.clone());
        tokio::spawn(async move {
            let mut accepted = 0;
            for i in 0..25 {
                let written = batch.submit(event_fixture.act(task * 100 + i, Immediate, 1)).await.unwrap();
                accepted += i32::from(written.outcome == AttendanceOutcome::Accepted);
            }
            accepted
        })
    });
    let mut accepted = 0;
    for task in tasks.collect::<Vec<_>>() {
        accepted += task.await.unwrap();
    }
    batch.close().await;
    assert_eq!((accepted, event_fixture.seats().await), (100, 100));
    let mut conn = db.acquire().await.unwrap();
    assert_eq!(store::waiting_parties(&mut conn, event_fixture.event).await.unwrap(), (900, 0));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn concurrent_confirmations_never_oversell_seats(db: PgPool) {
    let event_fixture = Arc::new(TestEvent::build(&db, 20, false).await);
    let acts: Vec<AttendanceSubmission> =
        (0..30).map(|person| event_fixture.act(person, SubmissionMode::Pending, 3)).collect();
    assert!(event_fixture.submit(&acts).await.iter().all(|outcome| *outcome == AttendanceOutcome::Pending));
    assert_eq!(event_fixture.seats().await, 0);
    let tasks = acts.iter().map(|act| {
        let (event_fixture, id) = (event_fixture.clone(), act.id);
        tokio::spawn(async move {
            let mut conn = event_fixture.db.acquire().await.unwrap();
            store::allocate_seats(&mut conn, event_fixture.event, &[id], event_fixture.now, event_fixture.now)
                .await
                .unwrap()[0]
                .1
        })
    });
    let mut outcomes = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        outcomes.push(task.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|o| **o == AttendanceState::Accepted).count(), 6);
    assert_eq!(outcomes.iter().filter(|o| **o == AttendanceState::Declined).count(), 24);
    assert_eq!(event_fixture.seats().await, 18);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn waitlist_is_promoted_in_order(db: PgPool) {
    let event_fixture = TestEvent::build(&db, 4, true).await;
    let acts = [
        event_fixture.act(1, Immediate, 4),
        event_fixture.act(2, Immediate, 2),
        event_fixture.act(3, Immediate, 3),
        event_fixture.act(4, Immediate, 1),
    ];
    let waits = AttendanceOutcome::Waitlisted;
    assert_eq!(event_fixture.submit(&acts).await, [AttendanceOutcome::Accepted, waits, waits, waits]);
    assert_eq!(event_fixture.cancel(acts[0].id).await, 1);
    // a party of one would fit, but the party of three stands before it
    assert_eq!(
        (
            event_fixture.state(acts[1].id).await,
            event_fixture.state(acts[2].id).await,
            event_fixture.state(acts[3].id).await
        ),
        ("accepted".into(), "waitlisted".into(), "waitlisted".into())
    );
    assert_eq!(event_fixture.seats().await, 2);
    let smaller = store::save(
        &mut db.acquire().await.unwrap(),
        event_fixture.event,
        &Plan { capacity: Some(1), has_date: true, ..Plan::empty(event_fixture.now) },
        &[],
        &[],
    )
    .await;
    assert!(matches!(smaller, Err(sqlx::Error::Database(e)) if e.constraint() == Some("events_seats_check")));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn very_long_waitlist_is_promoted_in_batches(db: PgPool) {
    let event_fixture = TestEvent::build(&db, 1, true).await;
    for batch in 0..6 {
        let acts: Vec<AttendanceSubmission> =
            (0..1000).map(|n| event_fixture.act(batch * 1000 + n, Immediate, 1)).collect();
        event_fixture.submit(&acts).await;
    }
    let mut conn = db.acquire().await.unwrap();
    sqlx::query("UPDATE events SET capacity = NULL, allow_smaller_parties_first = true")
        .execute(&mut *conn)
        .await
        .unwrap();
    assert_eq!(store::events_to_promote(&mut conn, event_fixture.now).await.unwrap(), [event_fixture.event]);
    for parties in [5000, 999, 0] {
        assert_eq!(store::promote_waitlist(&mut conn, event_fixture.event, event_fixture.now).await.unwrap(), parties);
    }
    assert_eq!(event_fixture.seats().await, 6000);
    assert!(store::events_to_promote(&mut conn, event_fixture.now).await.unwrap().is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn pending_reregistration_keeps_the_seat_until_confirmed(db: PgPool) {
    // one seat more than the larger party needs: the second registration, which nobody confirmed, keeps one until the night
    let event_fixture = TestEvent::build(&db, 5, true).await;
    let (first, second, third) = (
        event_fixture.act(1, Immediate, 2),
        event_fixture.act(1, Immediate, 1),
        event_fixture.act(1, SubmissionMode::Pending, 4),
    );
    assert_eq!(event_fixture.submit(std::slice::from_ref(&first)).await, [AttendanceOutcome::Accepted]);
    assert_eq!(event_fixture.submit(&[second]).await, [AttendanceOutcome::Declined]);
    assert_eq!(event_fixture.submit(std::slice::from_ref(&third)).await, [AttendanceOutcome::Pending]);
    assert_eq!((event_fixture.seats().await, event_fixture.state(first.id).await), (2, "accepted".into()));
    let mut conn = db.acquire().await.unwrap();
    assert_eq!(
        store::allocate_seats(&mut conn, event_fixture.event, &[third.id], event_fixture.now, event_fixture.now)
            .await
            .unwrap()[0]
            .1,
        AttendanceState::Accepted
    );
    assert_eq!((event_fixture.seats().await, event_fixture.state(first.id).await), (4, "cancelled".into()));
}

/// Runs of batches and changes, and how many in each.
const RUNS: u32 = 16;
const STEPS: usize = 30;

#[derive(Clone, Debug)]
enum Step {
    /// One batch: who registers, with how many, and whether an organizer vouches.
    Batch(Vec<(u64, i16, bool)>),
    /// The n-th of those who have or wait for a place leaves.
    Cancel(usize),
    /// The n-th of them comes with another number.
    Resize(usize, i16),
    /// The capacity, raised to what is taken.
    Capacity(Option<i16>),
    Rules(bool, bool),
    /// Midnight passes.
    Night,
}

fn step() -> impl Strategy<Value = Step> {
    let act = (0_u64..12, 1_i16..=5, any::<bool>());
    prop_oneof![
        6 => prop::collection::vec(act, 1..8).prop_map(Step::Batch),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => (any::<usize>(), 1_i16..=5).prop_map(|(n, size)| Step::Resize(n, size)),
        3 => prop::option::weighted(0.9, 1_i16..=8).prop_map(Step::Capacity),
        1 => Just(Step::Night),
        1 => any::<(bool, bool)>().prop_map(|(waitlist, pass)| Step::Rules(waitlist, pass)),
    ]
}

async fn take(event_fixture: &TestEvent, model: &mut Model, step: &Step) {
    match step {
        Step::Batch(acts) => {
            // a person twice in one batch is one act, the later one
            let mut acts: Vec<_> = acts.iter().rev().copied().collect();
            let mut seen = std::collections::HashSet::new();
            acts.retain(|(person, ..)| seen.insert(*person));
            let mode = |vouched: bool| if vouched { SubmissionMode::Vouched } else { Immediate };
            let rows: Vec<AttendanceSubmission> =
                acts.iter().map(|(person, size, vouched)| event_fixture.act(*person, mode(*vouched), *size)).collect();
            let outcomes = event_fixture.submit(&rows).await;
            for (person, size, vouched) in &acts {
                // without a confirmation nobody changes a place that is there
                if *vouched || !model.parties.contains_key(person) {
                    model.seat(*person, *size);
                } else {
                    model.repeat(*size);
                }
            }
            for ((person, size, _), outcome) in acts.iter().zip(outcomes) {
                let party = model.parties.get(person).filter(|party| party.size == *size);
                match outcome {
                    AttendanceOutcome::Accepted => assert!(party.is_some_and(|party| party.place.is_none())),
                    AttendanceOutcome::Waitlisted => assert!(party.is_some_and(|party| party.place.is_some())),
                    other => assert_eq!(other, AttendanceOutcome::Declined),
                }
            }
        }
        Step::Cancel(n) => {
            if let Some((id, person)) = event_fixture.nth_active(*n).await {
                let moved = event_fixture.cancel(id).await;
                assert_eq!(usize::try_from(moved), Ok(model.cancel(person).len()));
            }
        }
        Step::Resize(n, size) => {
            if let Some((id, person)) = event_fixture.nth_active(*n).await {
                let before = model.parties[&person];
                if let Some(promoted) = model.resize(person, *size) {
                    let more = if before.place.is_none() { size - before.size } else { 0 };
                    let moved = event_fixture.resize(id, *size, more.into()).await;
                    assert_eq!(usize::try_from(moved), Ok(promoted.len()));
                }
            }
        }
        Step::Night => {
            let mut tx = event_fixture.db.begin().await.unwrap();
            store::lock_seats(&mut tx, event_fixture.event).await.unwrap();
            store::release_repeated_seats(&mut tx, event_fixture.event).await.unwrap();
            let moved = store::promote_waitlist(&mut tx, event_fixture.event, event_fixture.now).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(usize::try_from(moved), Ok(model.settle().len()));
        }
        Step::Capacity(_) | Step::Rules(..) => {
            match step {
                Step::Capacity(capacity) => model.capacity = capacity.map(|seats| seats.max(model.taken()).max(1)),
                Step::Rules(waitlist, pass) => (model.waitlist, model.allow_smaller_parties_first) = (*waitlist, *pass),
                _ => {}
            }
            let mut tx = event_fixture.db.begin().await.unwrap();
            sqlx::query(
                "UPDATE events SET capacity = $2, waitlist = $3, allow_smaller_parties_first = $4 WHERE id = $1",
            )
            .bind(event_fixture.event)
            .bind(model.capacity.map(i32::from))
            .bind(model.waitlist)
            .bind(model.allow_smaller_parties_first)
            .execute(&mut *tx)
            .await
            .unwrap();
            let moved = store::promote_waitlist(&mut tx, event_fixture.event, event_fixture.now).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(usize::try_from(moved), Ok(model.promote().len()));
        }
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn batch_allocates_seats_like_sequential_submissions(db: PgPool) {
    let event_fixture = TestEvent::build(&db, 8, true).await;
    let mut runner = TestRunner::new(Config::default());
    let (mut waited, mut moved_up) = (0, 0);
    for _ in 0..RUNS {
        let reset = "DELETE FROM attendances; DELETE FROM action_count_deltas; DELETE FROM emails;
             UPDATE events SET capacity = 8, seats_taken = 0, repeated_seats = 0, waiting_parties = 0, waiting_seats = 0, waitlist = true,
                 allow_smaller_parties_first = false, next_waitlist_position = 1";
        sqlx::raw_sql(reset).execute(&db).await.unwrap();
        let mut model = Model::new(Some(8));
        let steps = prop::collection::vec(step(), STEPS).new_tree(&mut runner).unwrap().current();
        for (n, step) in steps.iter().enumerate() {
            take(&event_fixture, &mut model, step).await;
            model.assert_sound();
            let told = || format!("after {:?}: {model:?}", &steps[..=n]);
            assert_eq!(event_fixture.parties().await, (model.seated(), model.line()), "{}", told());
            assert_eq!(event_fixture.seats().await, i64::from(model.taken()), "{}", told());
            let status: String =
                sqlx::query_scalar("SELECT event_status(events, now()) FROM events").fetch_one(&db).await.unwrap();
            assert_eq!(status, model.status(), "{}", told());
            let mut conn = db.acquire().await.unwrap();
            assert!(store::events_to_promote(&mut conn, event_fixture.now).await.unwrap().is_empty(), "{}", told());
            waited += model.line().len();
        }
        let promoted: i64 = sqlx::query_scalar("SELECT count(*) FROM emails WHERE kind = 'event_promoted'")
            .fetch_one(&db)
            .await
            .unwrap();
        moved_up += promoted;
    }
    assert!(waited > 100 && moved_up > 10, "the steps do make lines, and move them: {waited}, {moved_up}");
}
