//! Group commit on its own: what it promises, with a table of lines instead of signatures.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use chrono::TimeDelta;
use futures_util::future::{BoxFuture, join_all};
use muster::{
    config::HotPath,
    error::{Effect, Error},
    kernel::{
        env::Env,
        group_commit::{Batch, GroupCommit, MIN_PARALLEL_BATCH},
    },
};
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::process::until;

#[derive(Clone)]
struct Line {
    n: i32,
    text: String,
}

/// What the tests know and steer of a batch.
#[derive(Clone)]
struct Book {
    db: PgPool,
    env: Env,
    /// Batches pass one permit each.
    gate: Arc<Semaphore>,
    /// Sizes of the batches that were begun.
    begun: Arc<Mutex<Vec<usize>>>,
    /// SQL that goes wrong in the next batches, one each.
    trouble: Arc<Mutex<VecDeque<&'static str>>>,
}

const DEADLOCK: &str = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$";
const LOST: &str = "SELECT pg_terminate_backend(pg_backend_pid())";

impl Book {
    async fn new(db: PgPool) -> Self {
        sqlx::query("CREATE TABLE lines (n integer PRIMARY KEY, text text NOT NULL)").execute(&db).await.unwrap();
        Self {
            db,
            env: Env::system(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            begun: Arc::default(),
            trouble: Arc::default(),
        }
    }

    /// Batches wait before they write, until [`Book::open`].
    async fn closed(db: PgPool) -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), ..Self::new(db).await }
    }

    fn open(&self) {
        self.gate.add_permits(1000);
    }

    fn start(&self, settings: HotPath) -> Arc<GroupCommit<Book>> {
        Arc::new(GroupCommit::start(self.clone(), settings, self.env.clone()))
    }

    fn begun(&self) -> Vec<usize> {
        self.begun.lock().unwrap().clone()
    }

    async fn written(&self) -> Vec<i32> {
        sqlx::query_scalar("SELECT n FROM lines ORDER BY n").fetch_all(&self.db).await.unwrap()
    }

    /// Waits until this many batches were begun.
    async fn wait_for_batches(&self, count: usize) {
        until("a batch that begins", async || (self.begun().len() >= count).then_some(())).await;
    }
}

impl Batch for Book {
    type Act = Line;
    type Outcome = i32;
    const NAME: &'static str = "test";

    fn write<'a>(&'a self, acts: &'a [Line]) -> BoxFuture<'a, Result<Vec<i32>, sqlx::Error>> {
        Box::pin(async move {
            self.begun.lock().unwrap().push(acts.len());
            self.gate.acquire().await.expect("the gate").forget();
            let (numbers, texts): (Vec<i32>, Vec<&str>) = acts.iter().map(|act| (act.n, act.text.as_str())).unzip();
            let mut tx = self.db.begin().await?;
            sqlx::query("INSERT INTO lines SELECT * FROM unnest($1::int[], $2::text[])")
                .bind(numbers)
                .bind(texts)
                .execute(&mut *tx)
                .await?;
            let trouble = self.trouble.lock().unwrap().pop_front();
            if let Some(trouble) = trouble {
                sqlx::query(trouble).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(acts.iter().map(|act| act.n * 10).collect())
        })
    }
}

fn settings(flushers: usize) -> HotPath {
    HotPath { flushers, batch_limit: 512, queue_limit: 1000, deadline_seconds: 10, write_seconds: 10 }
}

fn line(n: i32) -> Line {
    Line { n, text: format!("line {n}") }
}

#[track_caller]
fn assert_busy(outcome: &Result<i32, Error>, why: &str, expected: Effect) {
    match outcome {
        Err(Error::Unavailable { retry_after, effect, cause }) => {
            assert!(*retry_after > 0);
            assert_eq!(*effect, expected, "{cause}");
            assert!(cause.contains(why), "{cause}");
        }
        other => panic!("expected 503, not {other:?}"),
    }
}

#[sqlx::test(migrations = false)]
async fn concurrent_acts_share_commits_and_get_their_own_answers(pool: PgPool) {
    let book = Book::new(pool).await;
    let commits = book.start(settings(2));
    join_all((0..64).map(|caller| {
        let commits = commits.clone();
        async move {
            for act in 0..20 {
                let n = caller * 100 + act;
                assert_eq!(commits.submit(line(n)).await.unwrap(), n * 10);
            }
        }
    }))
    .await;
    let batches = book.begun();
    assert_eq!(batches.iter().sum::<usize>(), 64 * 20, "each act was written once");
    assert_eq!(book.written().await.len(), 64 * 20);
    assert!(batches.iter().sum::<usize>() > 5 * batches.len(), "more than five share a commit: {batches:?}");
}

#[sqlx::test(migrations = false)]
async fn a_single_act_is_written_without_delay(pool: PgPool) {
    let book = Book::new(pool).await;
    let commits = book.start(settings(1));
    for n in 0..5 {
        commits.submit(line(n)).await.unwrap();
    }
    assert_eq!(book.begun(), [1, 1, 1, 1, 1]);
}

#[sqlx::test(migrations = false)]
async fn a_poison_row_fails_alone(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(settings(1));
    let first = tokio::spawn({
        let commits = commits.clone();
        async move { commits.submit(line(100)).await }
    });
    book.wait_for_batches(1).await;
    // these 32 gather behind the first and make one batch
    let acts = (0..32).map(|n| if n == 13 { Line { n, text: "a\0b".to_owned() } } else { line(n) });
    let gathered = join_all(acts.map(|act| commits.submit(act)));
    let ((), outcomes) = tokio::join!(async { book.open() }, gathered);
    assert_eq!(first.await.unwrap().unwrap(), 1000);
    assert_eq!(book.begun()[..2], [1, 32], "one batch held them all");
    for (n, outcome) in (0..).zip(&outcomes) {
        match outcome {
            Ok(answer) => assert_eq!((n != 13, *answer), (true, n * 10)),
            Err(error) => assert!(n == 13 && matches!(error, Error::Internal(_)), "{n}: {error}"),
        }
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 31);
    assert_eq!(book.written().await.len(), 32);
}

#[sqlx::test(migrations = false)]
async fn a_deadlock_retries_the_whole_batch(pool: PgPool) {
    let book = Book::new(pool).await;
    book.trouble.lock().unwrap().extend([DEADLOCK, DEADLOCK]);
    let commits = book.start(settings(1));
    let outcomes = join_all((0..8).map(|n| commits.submit(line(n)))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let begun = book.begun();
    assert!(begun[0] == begun[1] && begun[1] == begun[2], "a batch stays whole: {begun:?}");
    assert_eq!(book.written().await.len(), 8);
}

#[sqlx::test(migrations = false)]
async fn endless_deadlocks_return_503(pool: PgPool) {
    let book = Book::new(pool).await;
    book.trouble.lock().unwrap().extend([DEADLOCK; 20]);
    let commits = book.start(settings(1));
    assert_busy(&commits.submit(line(1)).await, "deadlock", Effect::None);
    assert_eq!(book.begun().len(), 5);
    book.trouble.lock().unwrap().clear();
    assert_eq!(commits.submit(line(1)).await.unwrap(), 10, "the same again later");
}

#[sqlx::test(migrations = false)]
async fn a_lost_connection_returns_503_for_the_whole_batch(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(settings(1));
    let first = commits.submit(line(100));
    let gathered = async {
        book.wait_for_batches(1).await;
        let rest = join_all((0..16).map(|n| commits.submit(line(n))));
        let lose = async {
            // the first batch passes, the second loses its connection before it commits
            book.gate.add_permits(1);
            book.wait_for_batches(2).await;
            book.trouble.lock().unwrap().push_back(LOST);
            book.open();
        };
        tokio::join!(rest, lose).0
    };
    let (first, outcomes) = tokio::join!(first, gathered);
    assert_eq!(first.unwrap(), 1000);
    assert_eq!(book.begun(), [1, 16]);
    for outcome in &outcomes {
        assert_busy(outcome, "", Effect::Unknown);
    }
    assert_eq!(book.written().await, [100]);
    assert_eq!(commits.submit(line(1)).await.unwrap(), 10, "it goes on with another connection");
}

#[sqlx::test(migrations = false)]
async fn a_full_queue_returns_503(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(HotPath { queue_limit: 2, ..settings(1) });
    let submit = |n: i32| {
        let commits = commits.clone();
        tokio::spawn(async move { commits.submit(line(n)).await })
    };
    let first = submit(0);
    book.wait_for_batches(1).await;
    // one is being written, two fit the queue, and so one is too many; whichever comes last
    let mut waiting: Vec<_> = (1..4).map(submit).collect();
    let full = until("a refusal", async || waiting.iter().position(tokio::task::JoinHandle::is_finished)).await;
    assert_busy(&waiting.remove(full).await.unwrap(), "full", Effect::None);
    assert_eq!(book.written().await, [0; 0], "it did not have to wait for a commit");
    book.open();
    assert!(first.await.unwrap().is_ok());
    for one in waiting {
        assert!(one.await.unwrap().is_ok(), "what was queued is written");
    }
    assert_eq!(book.written().await.len(), 3);
}

#[sqlx::test(migrations = false)]
async fn an_act_past_its_deadline_is_rejected(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(HotPath { deadline_seconds: 1, ..settings(1) });
    let first = commits.submit(line(1));
    let late = async {
        book.wait_for_batches(1).await;
        let open_too_late = async {
            tokio::task::yield_now().await;
            book.env.advance(TimeDelta::milliseconds(1200));
            book.open();
        };
        tokio::join!(commits.submit(line(2)), open_too_late).0
    };
    let (first, late) = tokio::join!(first, late);
    assert_eq!(first.unwrap(), 10, "what is being written already is not given up");
    assert_busy(&late, "waited", Effect::None);
    assert_eq!(book.written().await, [1]);
}

#[sqlx::test(migrations = false)]
async fn a_cancelled_caller_does_not_cancel_its_act(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(settings(1));
    let submit = |n: i32| {
        let commits = commits.clone();
        tokio::spawn(async move { commits.submit(line(n)).await })
    };
    let (being_written, queued) = (submit(1), submit(2));
    book.wait_for_batches(1).await;
    let last = submit(3);
    tokio::task::yield_now().await;
    being_written.abort();
    queued.abort();
    book.open();
    assert_eq!(last.await.unwrap().unwrap(), 30);
    commits.close().await;
    assert_eq!(book.written().await, [1, 2, 3]);
}

#[sqlx::test(migrations = false)]
async fn close_drains_the_queue(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(HotPath { batch_limit: 4, ..settings(2) });
    let queued = join_all((0..60).map(|n| commits.submit(line(n))));
    let close = async {
        book.wait_for_batches(2).await;
        let closing = tokio::spawn({
            let commits = commits.clone();
            async move { commits.close().await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished(), "it waits for the rest");
        assert_busy(&commits.submit(line(99)).await, "shutting down", Effect::None);
        book.open();
        closing.await.unwrap();
        assert_eq!(book.written().await.len(), 60, "all is written when it returns");
    };
    let (outcomes, ()) = tokio::join!(queued, close);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

#[sqlx::test(migrations = false)]
async fn a_second_batch_runs_in_parallel_only_when_large_enough(pool: PgPool) {
    let book = Book::closed(pool).await;
    let commits = book.start(settings(2));
    let company = i32::try_from(MIN_PARALLEL_BATCH).unwrap();
    let first = tokio::spawn({
        let commits = commits.clone();
        async move { commits.submit(line(0)).await }
    });
    book.wait_for_batches(1).await;
    let few = join_all((1..company).map(|n| commits.submit(line(n))));
    let more = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(book.begun().len(), 1, "too few wait for the batch that is being written");
        let last = tokio::spawn({
            let commits = commits.clone();
            async move { commits.submit(line(company)).await }
        });
        book.wait_for_batches(2).await;
        book.open();
        last.await.unwrap().unwrap();
    };
    let (few, ()) = tokio::join!(few, more);
    assert!(few.iter().all(Result::is_ok) && first.await.unwrap().is_ok());
    assert_eq!(book.begun()[..2], [1, MIN_PARALLEL_BATCH]);
    commits.close().await;
}
