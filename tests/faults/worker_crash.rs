//! Workers that are killed or stopped at each step of a mail's way: none is lost, none is sent behind another's back, and each
//! ends in one honest state.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::time::sleep;

use crate::{
    harness::signer,
    process::{Installation, Server, until},
    smtp_sink::{Behaviour, SmtpSink, Step},
};

const MINISTER: &str = "minister@gov.example";

/// A petition, and a letter action that is live.
struct MailHarness {
    installation: Installation,
    token: String,
    pool: PgPool,
    sink: SmtpSink,
}

impl MailHarness {
    async fn new(pool: PgPool) -> (Self, Server) {
        let sink = SmtpSink::start(Behaviour::accept()).await;
        let installation = Installation::new(&pool)
            .with("MUSTER__MAIL__TRANSPORT", "smtp")
            .with("MUSTER__MAIL__SMTP_URL", &sink.url())
            .with("MUSTER__MAIL__LEASE_SECONDS", "5");
        let token = installation.owner().await;
        let server = installation.serve(&["serve"]).await;
        server.petition(&token, json!({})).await;
        let office = json!({"title": "Minister", "muster:slug": "minister", "muster:mailboxes": [MINISTER]});
        server.post("/api/v1/offices", Some(&token), &office).await.expect(201);
        let letter = json!({"title": "Write", "muster:slug": "write", "muster:status": "published", "muster:targets": ["minister"],
                            "muster:letters": [{"locale": "en", "subjects": ["Status for all"], "body": "Please act."}]});
        server.post("/api/v1/advocacy_campaigns", Some(&token), &letter).await.expect(201);
        server.put("/api/v1/advocacy_campaigns/write", Some(&token), &json!({"muster:live": true})).await.expect(200);
        (Self { installation, token, pool, sink }, server)
    }

    /// Queues a mail that asks to confirm and a letter, while nothing goes out.
    async fn queue_both(&self, server: &Server, address: &str) {
        self.pause(true).await;
        server.post("/api/v1/petitions/status/signatures", None, &signer(address)).await.expect(202);
        self.queue_letter(server, address).await;
    }

    async fn queue_letter(&self, server: &Server, address: &str) {
        let path = "/api/v1/advocacy_campaigns/write/outreaches";
        server.post(path, Some(&self.token), &signer(address)).await.expect(201);
    }

    async fn pause(&self, paused: bool) {
        let sql = if paused {
            "INSERT INTO mail_pauses (scope, created_at) VALUES ('everything', now())"
        } else {
            "DELETE FROM mail_pauses"
        };
        sqlx::query(sql).execute(&self.pool).await.unwrap();
        // thanks to the writer are another matter
        sqlx::query("DELETE FROM emails_waiting WHERE class = 'notice'").execute(&self.pool).await.unwrap();
    }

    async fn states(&self) -> Vec<(String, String)> {
        let sql = "SELECT class, state FROM emails WHERE class IN ('confirmation', 'letter') ORDER BY class";
        sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap()
    }

    async fn sending(&self) -> i64 {
        let sql = "SELECT count(*) FROM emails WHERE state = 'sending'";
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    async fn lock(&self, sql: &'static str) -> Transaction<'static, Postgres> {
        let mut tx = self.pool.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx
    }
}

/// At which step the worker dies, and what must have become of both mails then.
struct Death {
    step: &'static str,
    /// Keeps the worker there.
    lock: Option<&'static str>,
    /// The relay's, until the worker is dead.
    greeting_delay: Duration,
    answer: Step,
    /// Messages that the relay has when the worker dies.
    taken: usize,
    /// What becomes of the letter.
    letter: &'static str,
    /// How often each mail arrived in the end.
    copies: (usize, usize),
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_worker_killed_at_any_step_loses_no_mail_and_duplicates_no_letter(pool: PgPool) {
    let (harness, mut server) = MailHarness::new(pool).await;
    let slow = Duration::from_mins(1);
    for (n, death) in [
        // first, while no connection lies idle
        Death {
            step: "waiting for the relay",
            lock: None,
            greeting_delay: slow,
            answer: Step::Accept,
            taken: 0,
            letter: "uncertain",
            copies: (1, 0),
        },
        Death {
            step: "claimed, being composed",
            lock: Some("LOCK TABLE signatures, letters IN ACCESS EXCLUSIVE MODE"),
            greeting_delay: Duration::ZERO,
            answer: Step::Accept,
            taken: 0,
            letter: "sent",
            copies: (1, 1),
        },
        Death {
            step: "content given, no answer yet",
            lock: None,
            greeting_delay: Duration::ZERO,
            answer: Step::SlowContent(slow),
            taken: 2,
            letter: "uncertain",
            copies: (2, 1),
        },
        Death {
            step: "taken by the relay, not written down",
            lock: Some("LOCK TABLE emails_settled IN SHARE MODE"),
            greeting_delay: Duration::ZERO,
            answer: Step::Accept,
            taken: 2,
            letter: "uncertain",
            copies: (2, 1),
        },
    ]
    .into_iter()
    .enumerate()
    {
        let step = death.step;
        let address = format!("signer{n}@example.org");
        harness.queue_both(&server, &address).await;
        let locked = match death.lock {
            Some(sql) => Some(harness.lock(sql).await),
            None => None,
        };
        harness.sink.on(&address, death.answer.clone());
        harness.sink.on(MINISTER, death.answer);
        harness.sink.change(|behaviour| behaviour.greeting_delay = death.greeting_delay);
        let connections = harness.sink.connections();
        harness.pause(false).await;
        until(step, async || {
            let waits = death.greeting_delay.is_zero() || harness.sink.connections() > connections;
            (harness.sending().await == 2 && harness.sink.messages().len() == death.taken && waits).then_some(())
        })
        .await;
        sleep(Duration::from_millis(200)).await;
        server.kill().await;

        drop(locked);
        for recipient in [&address, MINISTER] {
            harness.sink.on(recipient, Step::Accept);
        }
        harness.sink.change(|behaviour| behaviour.greeting_delay = Duration::ZERO);
        server = harness.installation.serve(&["serve"]).await;
        let states = until("an end for both", async || {
            let states = harness.states().await;
            states.iter().all(|(_, state)| state != "queued" && state != "sending").then_some(states)
        })
        .await;
        let ended = |class: &str, state: &str| (class.to_owned(), state.to_owned());
        assert_eq!(states, [ended("confirmation", "sent"), ended("letter", death.letter)], "{step}");
        let copies = (harness.sink.messages_to(&address), harness.sink.messages_to(MINISTER));
        assert_eq!((copies.0.len(), copies.1.len()), death.copies, "{step}");
        assert!(copies.0.iter().all(|copy| copy.header("message-id") == copies.0[0].header("message-id")), "{step}");
        sqlx::query("DELETE FROM emails").execute(&harness.pool).await.unwrap();
        harness.sink.clear();
    }
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_worker_whose_lease_expired_sends_and_settles_nothing(pool: PgPool) {
    let (harness, server) = MailHarness::new(pool).await;
    // stopped before the relay has said a word: the mail that another one sends meanwhile does not go again
    harness.sink.change(|behaviour| behaviour.greeting_delay = Duration::from_secs(3));
    harness.pause(true).await;
    server.post("/api/v1/petitions/status/signatures", None, &signer("jane@example.org")).await.expect(202);
    let connections = harness.sink.connections();
    harness.pause(false).await;
    until("a connection that waits for the greeting", async || {
        (harness.sending().await == 1 && harness.sink.connections() > connections).then_some(())
    })
    .await;
    server.signal(Signal::SIGSTOP);
    harness.sink.change(|behaviour| behaviour.greeting_delay = Duration::ZERO);
    let other = harness.installation.serve(&["serve"]).await;
    harness.sink.wait_for(1).await;
    let mails =
        |harness: &MailHarness| harness.sink.commands().iter().filter(|command| command.starts_with("MAIL")).count();
    assert_eq!(mails(&harness), 1);
    server.signal(Signal::SIGCONT);
    until("the stopped one to go on", async || (mails(&harness) == 2).then_some(())).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(harness.sink.messages().len(), 1, "it had no leave any more");
    assert_eq!(harness.states().await, [("confirmation".to_owned(), "sent".to_owned())]);

    // stopped while the relay has the letter: it is uncertain, and stays so whatever the stopped one hears
    other.stop().await;
    harness.sink.clear();
    harness.sink.on(MINISTER, Step::SlowContent(Duration::from_secs(12)));
    harness.queue_letter(&server, "writer@example.org").await;
    harness.sink.wait_for(1).await;
    server.signal(Signal::SIGSTOP);
    let other = harness.installation.serve(&["serve"]).await;
    let letter =
        async || harness.states().await.into_iter().find(|(class, _)| class == "letter").map(|(_, state)| state);
    until("the letter given up", async || letter().await.filter(|state| state == "uncertain")).await;
    server.signal(Signal::SIGCONT);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(letter().await.as_deref(), Some("uncertain"), "the late settling is refused");
    assert_eq!(harness.sink.messages_to(MINISTER).len(), 1, "and it did not go again");
    let outreach: String = sqlx::query_scalar("SELECT state FROM outreaches").fetch_one(&harness.pool).await.unwrap();
    assert_eq!(outreach, "uncertain");
    other.stop().await;
    server.stop().await;
}
