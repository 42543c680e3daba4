//! Long jobs: who comes next, what a failure costs, what an outage does not, and whose round it is.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::future::{BoxFuture, join_all};
use muster::{
    error::{Error, Result},
    kernel::{
        Kernel,
        jobs::{self, Job, JobKind, NextStep},
        leader_election::run_as_leader,
    },
};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::harness::TestApp;

const KIND: &str = "test";

type Step = fn() -> Result<NextStep>;

/// A kind whose steps are written down, and end as they are told.
#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    made: Mutex<Vec<(Uuid, Uuid)>>,
    failed: Mutex<Vec<&'static str>>,
}

impl Script {
    fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: Mutex::new(steps.into_iter().collect()), ..Self::default() }
    }
}

impl JobKind for Script {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            self.made.lock().unwrap().push((job.organization_id, job.id));
            let step = self.steps.lock().unwrap().pop_front();
            step.map_or(Ok(NextStep::Done), |step| step())
        })
    }

    fn on_failed<'a>(&'a self, _: &'a mut PgConnection, _: &'a Job, why: &'static str) -> BoxFuture<'a, Result<()>> {
        self.failed.lock().unwrap().push(why);
        Box::pin(async { Ok(()) })
    }
}

async fn organization(app: &TestApp, name: &str) -> Uuid {
    app.token(name, "all").await;
    sqlx::query_scalar("SELECT id FROM organizations WHERE name = $1")
        .bind(name)
        .fetch_one(&app.kernel.db)
        .await
        .unwrap()
}

async fn begin(kernel: &Kernel, organization: Uuid) -> Uuid {
    let id = kernel.env.id();
    jobs::enqueue(&mut kernel.db.acquire().await.unwrap(), KIND, organization, id, kernel.env.now()).await.unwrap();
    id
}

async fn row(app: &TestApp) -> Option<(String, i32, Option<String>)> {
    sqlx::query_as("SELECT state, attempts, last_error FROM jobs").fetch_optional(&app.kernel.db).await.unwrap()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn jobs_are_scheduled_fairly_across_organizations(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let busy = organization(&app, "Busy").await;
    for _ in 0..5 {
        begin(&app.kernel, busy).await;
    }
    let (small, late) = (organization(&app, "Small").await, organization(&app, "Late").await);
    begin(&app.kernel, small).await;
    let script = Script::of(std::iter::repeat_n::<Step>(|| Ok(NextStep::Again), 8));
    for _ in 0..4 {
        assert!(jobs::run_step(&app.kernel, &script).await.unwrap());
    }
    // who comes later does not wait for the queue of the busy one either
    begin(&app.kernel, late).await;
    while jobs::run_step(&app.kernel, &script).await.unwrap() {}
    let made: Vec<Uuid> = script.made.lock().unwrap().iter().map(|(organization, _)| *organization).collect();
    assert_eq!(made[..4], [busy, small, busy, small]);
    assert_eq!(made[4], late, "who never had a turn comes first");
    assert_eq!(made.len(), 15, "8 steps that were not the last, and 7 that were");
    assert!(row(&app).await.is_none());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_job_fails_after_ten_consecutive_failures(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organization = organization(&app, "Alliance").await;
    let id = begin(&app.kernel, organization).await;
    let fails: Step = || Err(Error::internal("amara@example.org is in the way"));
    let mut steps: Vec<Step> = vec![fails; 9];
    steps.push(|| Ok(NextStep::Again));
    steps.extend(vec![fails; 9]);
    steps.push(|| panic!("on purpose"));
    let script = Script::of(steps);
    for n in 1..=20 {
        assert!(jobs::run_step(&app.kernel, &script).await.unwrap(), "attempt {n}");
        let (state, attempts, why) = row(&app).await.unwrap();
        match n {
            10 => assert_eq!((&*state, attempts, why), ("running", 0, None)),
            20 => assert_eq!((&*state, attempts, why.as_deref()), ("failed", 10, Some("panicked"))),
            _ => {
                assert_eq!((&*state, attempts, why.as_deref()), ("running", n % 10, Some("internal")));
                assert!(!jobs::run_step(&app.kernel, &script).await.unwrap(), "not at once");
                app.kernel.env.advance(TimeDelta::minutes(6));
            }
        }
    }
    assert_eq!(*script.failed.lock().unwrap(), ["panicked"]);
    app.kernel.env.advance(TimeDelta::hours(9));
    assert!(!jobs::run_step(&app.kernel, &script).await.unwrap(), "nobody tries it any more");
    // what organizers read names nobody
    let mut conn = app.kernel.db.acquire().await.unwrap();
    let body = json!(jobs::status(&mut conn, KIND, id).await.unwrap().unwrap().resource());
    assert_eq!((&body["state"], &body["error"]["code"]), (&json!("failed"), &json!("panicked")));
    assert!(!body.to_string().contains('@'));
    // until it is asked for again
    jobs::enqueue(&mut conn, KIND, organization, id, app.kernel.env.now()).await.unwrap();
    assert!(jobs::run_step(&app.kernel, &script).await.unwrap());
    assert!(row(&app).await.is_none());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_outage_costs_no_attempt_and_a_dead_worker_does(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organization = organization(&app, "Alliance").await;
    begin(&app.kernel, organization).await;
    let away: Step = || Err(Error::uncertain(1, "away"));
    let script = Script::of(vec![away; 30]);
    for _ in 0..30 {
        assert!(jobs::run_step(&app.kernel, &script).await.unwrap());
        assert!(!jobs::run_step(&app.kernel, &script).await.unwrap(), "it lets others go first");
        app.kernel.env.advance(TimeDelta::seconds(6));
    }
    assert_eq!(row(&app).await.unwrap(), ("running".to_owned(), 0, None));

    let claim = async |lease: &str| {
        sqlx::query("UPDATE jobs SET claim_token = gen_random_uuid(), lease_until = clock_timestamp() + $1::interval")
            .bind(lease)
            .execute(&app.kernel.db)
            .await
            .unwrap();
    };
    claim("10 seconds").await;
    assert!(!jobs::run_step(&app.kernel, &script).await.unwrap(), "another process has it");
    for n in 1..=10 {
        claim("-1 second").await;
        script.steps.lock().unwrap().push_front(away);
        assert!(jobs::run_step(&app.kernel, &script).await.unwrap());
        let (state, attempts, why) = row(&app).await.unwrap();
        assert_eq!((attempts, why.as_deref()), (n, Some("worker_died")));
        assert_eq!(state, if n == 10 { "failed" } else { "running" });
        app.kernel.env.advance(TimeDelta::seconds(6));
    }
    assert_eq!(script.made.lock().unwrap().len(), 30 + 9, "the tenth process is spared");
}

/// A kind during whose first step the job is asked for again.
struct AskedAgain<'a>(&'a Kernel, AtomicUsize);

impl JobKind for AskedAgain<'_> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                let mut conn = self.0.db.acquire().await?;
                jobs::enqueue(&mut conn, KIND, job.organization_id, job.id, self.0.env.now()).await?;
                let moved = jobs::save_progress(&mut conn, job, job.id, 1).await;
                assert!(moved.is_err(), "a step of before moves nothing on");
            }
            Ok(NextStep::Done)
        })
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_job_enqueued_during_its_last_step_runs_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organization = organization(&app, "Alliance").await;
    begin(&app.kernel, organization).await;
    let kind = AskedAgain(&app.kernel, AtomicUsize::new(0));
    assert!(jobs::run_step(&app.kernel, &kind).await.unwrap());
    assert!(jobs::run_step(&app.kernel, &kind).await.unwrap(), "there is more");
    assert!(!jobs::run_step(&app.kernel, &kind).await.unwrap());
}

/// A kind whose steps meet each other.
struct Slow(tokio::sync::Barrier, Mutex<Vec<Uuid>>);

impl JobKind for Slow {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn step<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<NextStep>> {
        Box::pin(async move {
            self.0.wait().await;
            self.1.lock().unwrap().push(job.id);
            Ok(NextStep::Done)
        })
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn several_workers_share_the_jobs(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organization = organization(&app, "Alliance").await;
    for _ in 0..4 {
        begin(&app.kernel, organization).await;
    }
    // each of the four is in a step at the same time as the others, or this would never end
    let slow = Slow(tokio::sync::Barrier::new(4), Mutex::default());
    let made = join_all((0..4).map(|_| jobs::run_step(&app.kernel, &slow))).await;
    assert!(made.into_iter().all(|made| made.unwrap()));
    let mut done = slow.1.into_inner().unwrap();
    done.sort_unstable();
    done.dedup();
    assert_eq!(done.len(), 4);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn one_leader_runs_each_round(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let rounds = AtomicUsize::new(0);
    let round = || async {
        rounds.fetch_add(1, Ordering::Relaxed);
    };
    let made = join_all((0..6).map(|_| run_as_leader(&app.kernel, "round", Duration::from_hours(1), round()))).await;
    assert_eq!(made.into_iter().filter(|made| made.as_ref().unwrap().is_some()).count(), 1);
    assert_eq!(
        run_as_leader(&app.kernel, "round", Duration::ZERO, round()).await.unwrap(),
        None,
        "not before an hour has passed"
    );
    assert_eq!(run_as_leader(&app.kernel, "another", Duration::ZERO, round()).await.unwrap(), Some(()));
    assert_eq!(rounds.load(Ordering::Relaxed), 2);
    // its leader died in the middle, and was last heard of some time ago
    sqlx::query("UPDATE leases SET holder = gen_random_uuid(), until = clock_timestamp() - interval '1 second'")
        .execute(&app.kernel.db)
        .await
        .unwrap();
    assert_eq!(run_as_leader(&app.kernel, "round", Duration::ZERO, round()).await.unwrap(), Some(()));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_failing_maintenance_step_does_not_stop_the_others(pool: PgPool) {
    let app = TestApp::new(pool).await;
    sqlx::raw_sql(
        "INSERT INTO used_challenges VALUES ('spent', now() - interval '1 day');
         ALTER TABLE signatures RENAME COLUMN reminded TO away",
    )
    .execute(&app.kernel.db)
    .await
    .unwrap();
    assert!(muster::worker::run_maintenance(&app.app).await.is_err());
    assert_eq!(app.count("SELECT count(*) FROM used_challenges").await, 0);
}
