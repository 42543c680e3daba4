//! Seats: who gets them, who waits, who moves up; alone and with many at once.

mod flow;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    ingest::RegisterBatch,
    ops::who_moves_up,
    plan::{Event, Plan},
    store::{self, AttendanceAct},
};
use crate::{
    campaigns::{Action, Kind, State},
    config::HotPath,
    kernel::{cx::Cx, group_commit::GroupCommit, text::LocaleTag},
};

/// An event that is nowhere in a database.
pub fn event() -> Event {
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
        confirms: true,
        state: State::Published,
        state_reason: String::new(),
        state_since: None,
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
        plan: Plan { dated: true, ..Plan::empty(at) },
        seats_taken: 0,
        published_status: "open".into(),
        calendar_sequence: 0,
    }
}

#[test]
fn the_public_learns_only_open_waitlist_or_closed() {
    let mut event = event();
    let before = event.plan.starts_at - TimeDelta::days(1);
    assert_eq!((event.status(before), event.availability(before)), ("open", "open"));
    event.published_status = "waitlist".into();
    assert_eq!(event.availability(before), "waitlist");
    assert_eq!((event.status(event.plan.ends_at), event.availability(event.plan.ends_at)), ("past", "closed"));
    event.action.state = State::Paused;
    assert_eq!(event.status(before), "closed");
    event.action.state = State::Cancelled;
    assert_eq!((event.status(before), event.availability(before)), ("cancelled", "closed"));
}

#[test]
fn the_join_link_is_shown_on_the_day_itself() {
    let event = event();
    assert!(!event.is_today(event.plan.starts_at - TimeDelta::days(1)));
    assert!(event.is_today(event.plan.starts_at - TimeDelta::hours(2)) && event.is_today(event.plan.starts_at));
    assert!(!event.is_today(event.plan.ends_at));
}

fn line(sizes: &[i16]) -> Vec<(Uuid, i16)> {
    sizes.iter().zip(1..).map(|(size, id)| (Uuid::from_u128(id), *size)).collect()
}

#[test]
fn nobody_passes_a_larger_party_unless_the_event_says_so() {
    let sizes = |moving: Vec<(Uuid, i16)>| moving.into_iter().map(|(_, size)| size).collect::<Vec<_>>();
    assert_eq!(sizes(who_moves_up(&line(&[1, 4, 1]), 3, false)), [1]);
    assert_eq!(sizes(who_moves_up(&line(&[1, 4, 1]), 3, true)), [1, 1]);
    assert_eq!(sizes(who_moves_up(&line(&[3, 1]), 3, false)), [3]);
    assert_eq!(sizes(who_moves_up(&line(&[3, 1]), 0, true)), [0_i16; 0]);
}

proptest! {
    #[test]
    fn promotion_never_oversells_and_keeps_the_order(sizes in prop::collection::vec(1_i16..=10, 0..40), free in 0_i64..60, pass: bool) {
        let line = line(&sizes);
        let moving = who_moves_up(&line, free, pass);
        prop_assert!(moving.iter().map(|(_, size)| i64::from(*size)).sum::<i64>() <= free);
        if pass {
            prop_assert!(moving.is_sorted());
        } else {
            prop_assert!(line.starts_with(&moving));
            let next = line.get(moving.len()).map(|(_, size)| i64::from(*size));
            prop_assert!(next.is_none_or(|size| size > free - moving.iter().map(|(_, s)| i64::from(*s)).sum::<i64>()));
        }
    }
}

struct House {
    db: PgPool,
    cx: Cx,
    organization: Uuid,
    vault: Uuid,
    event: Uuid,
    now: DateTime<Utc>,
}

impl House {
    async fn build(db: &PgPool, capacity: i32, waitlist: bool) -> Self {
        let cx = Cx::system();
        let (organization, vault, event, now) = (cx.id(), cx.id(), cx.id(), cx.now());
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
        store::insert(&mut conn, event, &Plan { capacity: Some(capacity), waitlist, dated: true, ..Plan::empty(now) })
            .await
            .unwrap();
        Self { db: db.clone(), cx, organization, vault, event, now }
    }

    fn act(&self, person: u64, wish: &str, party_size: i16) -> AttendanceAct {
        let mut email_index = vec![0; 32];
        email_index[..8].copy_from_slice(&person.to_be_bytes());
        AttendanceAct {
            id: self.cx.id(),
            event_id: self.event,
            vault_id: self.vault,
            person_id: self.cx.id(),
            email_index,
            person_sealed: None,
            wish: wish.to_owned(),
            party_size,
            sealed: b"sealed".to_vec(),
            locale: None,
            source: None,
            created_at: self.now,
            confirm_expires_at: (wish == "pending").then(|| self.now + TimeDelta::days(1)),
            email_id: Some(self.cx.id()),
            organization_id: self.organization,
            protected: false,
            idempotency_key: None,
            idempotency_request: None,
        }
    }

    async fn register(&self, acts: &[AttendanceAct]) -> Vec<String> {
        let written = store::register_batch(&self.db, acts).await.unwrap();
        acts.iter().map(|act| written.iter().find(|w| w.act_id == act.id).unwrap().outcome.clone()).collect()
    }

    /// Seats taken by the event's row, by its registrations, and by its counts: they must agree.
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
        taken
    }

    async fn state(&self, id: Uuid) -> String {
        store::attendance(&mut self.db.acquire().await.unwrap(), id).await.unwrap().unwrap().state
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_hundred_seats_are_sold_a_hundred_times(db: PgPool) {
    let house = Arc::new(House::build(&db, 100, true).await);
    let settings = HotPath { flushers: 4, batch_limit: 64, queue_limit: 10_000, deadline_seconds: 60 };
    let ingest = Arc::new(GroupCommit::start(RegisterBatch { db: db.clone() }, settings, house.cx.clone()));
    let tasks = (0..40_u64).map(|task| {
        let (house, ingest) = (house.clone(), ingest.clone());
        tokio::spawn(async move {
            let mut accepted = 0;
            for i in 0..25 {
                let written = ingest.submit(house.act(task * 100 + i, "seat", 1)).await.unwrap();
                accepted += i32::from(written.outcome == "accepted");
            }
            accepted
        })
    });
    let mut accepted = 0;
    for task in tasks.collect::<Vec<_>>() {
        accepted += task.await.unwrap();
    }
    ingest.close().await;
    assert_eq!((accepted, house.seats().await), (100, 100));
    let mut conn = db.acquire().await.unwrap();
    assert_eq!(store::waitlisted(&mut conn, house.event).await.unwrap(), 900);
}

#[sqlx::test(migrations = "./migrations")]
async fn confirming_at_once_never_oversells(db: PgPool) {
    let house = Arc::new(House::build(&db, 20, false).await);
    let acts: Vec<AttendanceAct> = (0..30).map(|person| house.act(person, "pending", 3)).collect();
    assert!(house.register(&acts).await.iter().all(|outcome| outcome == "pending"));
    assert_eq!(house.seats().await, 0);
    let tasks = acts.iter().map(|act| {
        let (house, id) = (house.clone(), act.id);
        tokio::spawn(async move {
            let mut conn = house.db.acquire().await.unwrap();
            store::seat(&mut conn, house.event, &[id], house.now).await.unwrap()[0].1.clone()
        })
    });
    let mut outcomes = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        outcomes.push(task.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|o| *o == "accepted").count(), 6);
    assert_eq!(outcomes.iter().filter(|o| *o == "declined").count(), 24);
    assert_eq!(house.seats().await, 18);
}

#[sqlx::test(migrations = "./migrations")]
async fn those_who_wait_move_up_in_their_order(db: PgPool) {
    let house = House::build(&db, 4, true).await;
    let acts = [house.act(1, "seat", 4), house.act(2, "seat", 2), house.act(3, "seat", 3), house.act(4, "seat", 1)];
    assert_eq!(house.register(&acts).await, ["accepted", "waitlisted", "waitlisted", "waitlisted"]);
    let mut tx = db.begin().await.unwrap();
    let seats = store::lock_seats(&mut tx, house.event).await.unwrap();
    assert_eq!(seats.free(), 0);
    let freed = store::cancel_active(&mut tx, acts[0].id, house.now).await.unwrap().unwrap();
    store::add_seats(&mut tx, house.event, -freed).await.unwrap();
    let waiting = store::waiting_line(&mut tx, house.event).await.unwrap();
    assert_eq!(waiting.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [acts[1].id, acts[2].id, acts[3].id]);
    let moving = who_moves_up(&waiting, 4, false);
    let ids: Vec<Uuid> = moving.iter().map(|(id, _)| *id).collect();
    store::accept_waiting(&mut tx, &ids, house.now).await.unwrap();
    store::add_seats(&mut tx, house.event, 2).await.unwrap();
    tx.commit().await.unwrap();
    // a party of one would fit, but the party of three stands before it
    assert_eq!(
        (house.state(acts[1].id).await, house.state(acts[2].id).await, house.state(acts[3].id).await),
        ("accepted".into(), "waitlisted".into(), "waitlisted".into())
    );
    assert_eq!(house.seats().await, 2);
    let smaller = store::save(
        &mut db.acquire().await.unwrap(),
        house.event,
        &Plan { capacity: Some(1), dated: true, ..Plan::empty(house.now) },
        false,
    )
    .await;
    assert!(matches!(smaller, Err(sqlx::Error::Database(e)) if e.constraint() == Some("events_seats_check")));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_second_registration_changes_no_place_until_it_is_confirmed(db: PgPool) {
    let house = House::build(&db, 4, true).await;
    let (first, second, third) = (house.act(1, "seat", 2), house.act(1, "seat", 1), house.act(1, "pending", 4));
    assert_eq!(house.register(std::slice::from_ref(&first)).await, ["accepted"]);
    assert_eq!(house.register(&[second]).await, ["declined"]);
    assert_eq!(house.register(std::slice::from_ref(&third)).await, ["pending"]);
    assert_eq!((house.seats().await, house.state(first.id).await), (2, "accepted".into()));
    let mut conn = db.acquire().await.unwrap();
    assert_eq!(store::seat(&mut conn, house.event, &[third.id], house.now).await.unwrap()[0].1, "accepted");
    assert_eq!((house.seats().await, house.state(first.id).await), (4, "cancelled".into()));
}
