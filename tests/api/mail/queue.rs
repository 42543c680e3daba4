//! The mail queue on a real database and a real SMTP conversation.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{Datelike, Days, Months, NaiveTime, TimeDelta};
use futures_util::future::BoxFuture;
use minijinja::context;
use muster::{
    config::{Settings, Transport},
    error::{Error, Result},
    kernel::{
        Kernel,
        env::Env,
        keyring::Keyring,
        text::{EmailAddress, LocaleTag},
        zones::Zone,
    },
    mail::{
        self, Class, Composed, Composition, DeliveryStatus, Draft, Engine, FileMailbox, Hours, LaneLimits, MailKind,
        MailKinds, MergedWith, NewEmail, Progress, QueuedEmail, SendBasis, Sender, cancel, compose_permitted,
        delete_expired, enqueue, one_by_one, render, requeue, set_lane, set_relay,
    },
};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::smtp_sink::{Behaviour, SmtpSink, Step, closed_url};

/// A queue with a relay of its own.
pub struct MailHarness {
    pub kernel: Arc<Kernel>,
    pub organization: Uuid,
    delivery_statuses: DeliveryStatuses,
    folder: Arc<Folder>,
}

/// A temporary folder.
pub struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub type DeliveryStatuses = Arc<Mutex<Vec<(Uuid, DeliveryStatus)>>>;

/// Composes a mail to the address in `refs`, and does as `refs.mode` says.
struct TestKind {
    kernel: Arc<Kernel>,
    delivery_statuses: DeliveryStatuses,
}

impl MailKind for TestKind {
    fn kind(&self) -> &'static str {
        "test_mail"
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(one_by_one(emails, move |email| async move {
            let to = EmailAddress::parse(email.refs["to"].as_str().unwrap_or_default()).expect("an address");
            match email.refs["mode"].as_str() {
                Some("error") => return Err(Error::internal("no such row for jane@example.org")),
                Some("panic") => panic!("a mistake"),
                Some("outage") => return Err(Error::uncertain(1, "away")),
                Some("nothing") => return Ok(None),
                Some("paused") => return Err(mail::paused("a test")),
                Some("confirm") => {
                    let vault = self.kernel.vaults.open(email.ref_id("vault")?).await?;
                    let basis =
                        SendBasis::FirstContact { about: email.organization_id, merged_with: MergedWith::Vault };
                    let draft = Draft { about: (), to, vault, basis };
                    let write = |(), to| Ok(Some(Composed::new(to, "Test", "A mail", "Hello\n")));
                    let drafts = vec![Ok(Some(draft))];
                    let email = std::slice::from_ref(email);
                    return compose_permitted(&self.kernel, email, drafts, write).await?.remove(0);
                }
                _ => {}
            }
            let mut composed = Composed::new(to, "Test", format!("{} mail", email.class.as_str()), "Hello\n");
            composed.cc =
                email.refs["cc"].as_str().map(|cc| EmailAddress::parse(cc).expect("an address")).into_iter().collect();
            Ok(Some(composed))
        }))
    }

    fn on_settled<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        ended: &'a [(&'a QueuedEmail, DeliveryStatus)],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if ended.iter().any(|(email, _)| email.refs["mode"] == "poison") {
                sqlx::query("SELECT 1 / 0").execute(conn).await?;
            }
            self.delivery_statuses
                .lock()
                .expect("fates")
                .extend(ended.iter().map(|(email, delivery_status)| (email.id, *delivery_status)));
            Ok(())
        })
    }
}

/// The same, as the first that an address hears of us.
struct FirstContact(TestKind);

impl MailKind for FirstContact {
    fn kind(&self) -> &'static str {
        "test_first_contact"
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        self.0.compose(emails)
    }
}

impl MailHarness {
    pub async fn new(db: PgPool, url: &str) -> Self {
        let env = Env::system();
        let folder = std::env::temp_dir().join(format!("muster-mail-{}", env.id()));
        let mut settings = Settings::read("test", &[]).expect("settings");
        url.clone_into(&mut settings.mail.smtp_url);
        settings.mail.transport = Transport::Smtp;
        "muster.test".clone_into(&mut settings.mail.from_domain);
        settings.mail.poll_seconds = 1;
        settings.postgres.data_root.clone_from(&folder);
        settings.keyring.file = folder.join("keyring");
        let keyring = Arc::new(Keyring::init(&folder.join("keyring"), &env).expect("a keyring"));
        let organization = env.id();
        sqlx::query("INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, 'A', 'a', $2)")
            .bind(organization)
            .bind(env.now())
            .execute(&db)
            .await
            .expect("an organization");
        let kernel = Kernel::new(settings, env, db, keyring);
        Self { kernel, organization, delivery_statuses: DeliveryStatuses::default(), folder: Arc::new(Folder(folder)) }
    }

    /// The same house under other settings.
    pub fn with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.kernel.settings.clone();
        change(&mut settings);
        let keyring = Arc::new(Keyring::open(&self.folder.0.join("keyring")).expect("the keyring"));
        let kernel = Kernel::new(settings, self.kernel.env.clone(), self.kernel.db.clone(), keyring);
        let (delivery_statuses, folder) = (self.delivery_statuses.clone(), self.folder.clone());
        Self { kernel, organization: self.organization, delivery_statuses, folder }
    }

    /// One more process.
    pub fn engine(&self) -> Arc<Engine> {
        let mut kinds = MailKinds::new();
        let kind = || TestKind { kernel: self.kernel.clone(), delivery_statuses: self.delivery_statuses.clone() };
        kinds.register(kind());
        kinds.register(FirstContact(kind()));
        Arc::new(Engine::new(self.kernel.clone(), kinds).expect("an engine"))
    }

    pub async fn put(&self, class: Class, lane: &str, protected: bool, refs: Value) -> Uuid {
        let mut conn = self.kernel.db.acquire().await.expect("a connection");
        let organization_id = self.organization;
        let email = NewEmail { organization_id, class, kind: "test_mail", lane, refs, protected, due_at: None };
        enqueue(&mut conn, &self.kernel.env, email).await.expect("queued")
    }

    pub async fn queue(&self, class: Class, to: &str) -> Uuid {
        self.put(class, "", false, json!({ "to": to })).await
    }

    async fn with_mode(&self, mode: &str) -> Uuid {
        self.put(Class::Notice, "", false, json!({ "to": format!("{mode}@example.org"), "mode": mode })).await
    }

    /// State, attempts and failure of a row, if it is still there.
    pub async fn row(&self, id: Uuid) -> Option<(String, i16, Option<String>)> {
        sqlx::query_as("SELECT state, attempts, failure FROM emails WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.kernel.db)
            .await
            .expect("a row")
    }

    pub async fn state(&self, id: Uuid) -> String {
        self.row(id).await.map_or_else(|| "gone".to_owned(), |row| row.0)
    }

    pub fn delivery_status(&self, id: Uuid) -> Vec<DeliveryStatus> {
        self.delivery_statuses
            .lock()
            .expect("fates")
            .iter()
            .filter(|(of, _)| *of == id)
            .map(|(_, delivery_status)| *delivery_status)
            .collect()
    }

    pub fn advance(&self, by: TimeDelta) {
        self.kernel.env.advance(by);
    }
}

pub async fn harness(db: PgPool, behaviour: Behaviour) -> (MailHarness, SmtpSink) {
    let sink = SmtpSink::start(behaviour).await;
    (MailHarness::new(db, &sink.url()).await, sink)
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_mail_is_sent_once_and_its_callback_runs(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let engine = harness.engine();
    let id = harness.queue(Class::Confirmation, "jane@example.org").await;
    let progress = engine.drain().await.expect("sent");
    assert_eq!(progress, Progress { claimed: 1, sent: 1, ..Progress::default() });
    assert_eq!(harness.row(id).await, Some(("sent".to_owned(), 1, None)));
    assert_eq!(harness.delivery_status(id), [DeliveryStatus::Sent]);
    assert_eq!(engine.drain().await.expect("nothing"), Progress::default());
    let messages = sink.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].from.starts_with("bounce+") && messages[0].from.ends_with("@muster.test"));
    let token = Sender::of(&harness.kernel).return_token(id);
    assert_eq!(messages[0].from, format!("bounce+{token}@muster.test"));
    assert_eq!(messages[0].header("From").as_deref(), Some("Test <no-reply@muster.test>"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn protected_mail_is_deleted_when_sent(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let sent = harness.put(Class::Notice, "", true, json!({ "to": "jane@example.org" })).await;
    let nothing = harness.put(Class::Notice, "", true, json!({ "to": "jane@example.org", "mode": "nothing" })).await;
    // a relay that is known to take mail is believed
    let engine = harness.engine();
    engine.drain().await.expect("sent");
    sink.on("who@example.org", Step::RejectRcpt("550 5.1.1 who?"));
    let failed = harness.put(Class::Notice, "", true, json!({ "to": "who@example.org" })).await;
    let letter = harness.put(Class::Letter, "mailbox-1", true, json!({ "to": "who@example.org" })).await;
    engine.drain().await.expect("sent");
    assert_eq!((harness.state(sent).await, harness.state(nothing).await), ("gone".to_owned(), "gone".to_owned()));
    assert_eq!(
        (harness.delivery_status(sent), harness.delivery_status(nothing)),
        (vec![DeliveryStatus::Sent], vec![DeliveryStatus::Cancelled])
    );
    assert_eq!(
        (harness.state(failed).await, harness.delivery_status(failed)),
        ("gone".to_owned(), vec![DeliveryStatus::Failed])
    );
    // an organizer has to see, and decide, what became of a letter
    assert_eq!(harness.state(letter).await, "failed");
    let whole_day: bool = sqlx::query_scalar("SELECT settled_at = date_trunc('day', settled_at, 'UTC') FROM emails")
        .fetch_one(&harness.kernel.db)
        .await
        .expect("a time");
    assert!(whole_day);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_4xx_reply_is_retried(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept().script([Step::RejectRcpt("451 4.3.0 later")])).await;
    let engine = harness.engine();
    let id = harness.queue(Class::Notice, "jane@example.org").await;
    assert_eq!(engine.drain().await.expect("tried").retried, 1);
    assert_eq!(
        harness.row(id).await,
        Some(("queued".to_owned(), 1, Some("refused for now: 451 4.3.0 later".to_owned())))
    );
    assert_eq!(engine.drain().await.expect("waiting").claimed, 0);
    harness.advance(TimeDelta::minutes(2));
    assert_eq!(engine.drain().await.expect("sent").sent, 1);
    assert_eq!(harness.row(id).await, Some(("sent".to_owned(), 2, None)));
    assert_eq!(sink.messages().len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_5xx_reply_fails(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    // a relay that is known to take mail is believed
    let engine = harness.engine();
    harness.queue(Class::Notice, "jane@example.org").await;
    engine.drain().await.expect("sent");
    sink.on("who@example.org", Step::RejectRcpt("550 5.1.1 no such user who@example.org"));
    sink.on("full@example.org", Step::RejectRcpt("552 5.2.2 mailbox full"));
    let who = harness.queue(Class::Notice, "who@example.org").await;
    let full = harness.queue(Class::Notice, "full@example.org").await;
    let progress = engine.drain().await.expect("tried");
    assert_eq!((progress.failed, progress.retried), (1, 1));
    let (state, _, failure) = harness.row(who).await.expect("a row");
    assert_eq!((state.as_str(), failure.as_deref()), ("failed", Some("refused: 550 5.1.1 no such user [address]")));
    assert_eq!(harness.delivery_status(who), [DeliveryStatus::Failed]);
    assert_eq!(harness.state(full).await, "queued");
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let now = harness.kernel.env.now();
    assert!(!requeue(&mut conn, now, Uuid::nil(), who).await.expect("a neighbour"));
    assert!(requeue(&mut conn, now, harness.organization, who).await.expect("again"));
    assert!(!requeue(&mut conn, now, harness.organization, who).await.expect("twice"));
    assert_eq!(harness.state(who).await, "queued");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_unreachable_relay_costs_no_attempt(db: PgPool) {
    let harness = MailHarness::new(db, &closed_url().await).await;
    let id = harness.queue(Class::Letter, "minister@example.org").await;
    for _ in 0..3 {
        assert_eq!(harness.engine().drain().await.expect("tried").released, 1);
        assert_eq!(harness.row(id).await.expect("a row").1, 0);
        harness.advance(TimeDelta::minutes(6));
    }
    let sink = SmtpSink::start(Behaviour::accept().script([Step::RejectMail("421 4.3.2 closing")])).await;
    let harness = harness.with(|settings| settings.mail.smtp_url = sink.url());
    assert_eq!(harness.engine().drain().await.expect("closed").released, 1);
    assert_eq!(harness.row(id).await.expect("a row").1, 0);
    harness.advance(TimeDelta::minutes(6));
    assert_eq!(harness.engine().drain().await.expect("sent").sent, 1);
    assert_eq!(harness.row(id).await.expect("a row").1, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_connection_lost_after_data_is_uncertain_for_letters_only(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    sink.on("minister@example.org", Step::HangUpAfterContent { counted: true });
    sink.on("jane@example.org", Step::HangUpAfterContent { counted: true });
    let letter = harness.queue(Class::Letter, "minister@example.org").await;
    let notice = harness.queue(Class::Notice, "jane@example.org").await;
    let engine = harness.engine();
    let progress = engine.drain().await.expect("tried");
    assert_eq!((progress.uncertain, progress.retried), (1, 1));
    assert_eq!(
        (harness.state(letter).await, harness.delivery_status(letter)),
        ("uncertain".to_owned(), vec![DeliveryStatus::Uncertain])
    );
    sink.on("jane@example.org", Step::Accept);
    harness.advance(TimeDelta::minutes(3));
    assert_eq!(engine.drain().await.expect("sent").sent, 1);
    assert_eq!(harness.state(notice).await, "sent");
    assert_eq!(sink.messages_to("minister@example.org").len(), 1);
    let copies = sink.messages_to("jane@example.org");
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0].header("Message-ID"), copies[1].header("Message-ID"));
    assert!(copies[0].header("Message-ID").is_some());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn expired_leases_are_recovered(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let notice = harness.queue(Class::Notice, "jane@example.org").await;
    let letter = harness.queue(Class::Letter, "minister@example.org").await;
    for to in ["jane@example.org", "minister@example.org"] {
        sink.on(to, Step::SlowContent(Duration::from_mins(1)));
    }
    let engine = harness.engine();
    let dying = tokio::spawn(async move { engine.tick().await });
    sink.wait_for(2).await;
    dying.abort();
    assert!(dying.await.expect_err("killed").is_cancelled());
    assert_eq!(harness.state(notice).await, "sending");
    assert_eq!(harness.engine().drain().await.expect("still held").claimed, 0);
    for to in ["jane@example.org", "minister@example.org"] {
        sink.on(to, Step::Accept);
    }
    harness.advance(TimeDelta::minutes(10));
    let progress = harness.engine().drain().await.expect("recovered");
    assert_eq!((progress.recovered, progress.sent, progress.uncertain), (2, 1, 1));
    assert_eq!(harness.row(notice).await.expect("a row").1, 2);
    assert_eq!(
        (harness.state(letter).await, harness.delivery_status(letter)),
        ("uncertain".to_owned(), vec![DeliveryStatus::Uncertain])
    );
    assert_eq!(sink.messages_to("minister@example.org").len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn concurrent_engines_send_each_mail_once(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    for n in 0..200 {
        harness.queue(Class::ALL[n % 5], &format!("p{n}@example.org")).await;
    }
    let stop = CancellationToken::new();
    let running: Vec<_> = (0..2).map(|_| tokio::spawn(harness.engine().run(stop.clone()))).collect();
    sink.wait_for(200).await;
    stop.cancel();
    for engine in running {
        engine.await.expect("stopped");
    }
    let messages = sink.messages();
    let recipients: HashSet<&String> = messages.iter().flat_map(|m| &m.to).collect();
    assert_eq!((messages.len(), recipients.len()), (200, 200));
    let sent: i64 = sqlx::query_scalar("SELECT count(*) FROM emails WHERE state = 'sent' AND attempts = 1")
        .fetch_one(&harness.kernel.db)
        .await
        .expect("a count");
    assert_eq!(sent, 200);
    assert_eq!(harness.delivery_statuses.lock().expect("fates").len(), 200);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn classes_are_prioritised_without_starvation(db: PgPool) {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let harness = MailHarness::new(db, &sink.url()).await.with(|settings| settings.mail.batch = 64);
    for class in [Class::Update, Class::Notice, Class::Letter, Class::Urgent] {
        for n in 0..20 {
            harness.queue(class, &format!("{}{n}@example.org", class.as_str())).await;
        }
    }
    for n in 0..100 {
        harness.queue(Class::Confirmation, &format!("c{n}@example.org")).await;
    }
    assert_eq!(harness.engine().tick().await.expect("sent").sent, 64);
    let subjects: Vec<String> = sink.messages().iter().filter_map(|m| m.header("Subject")).collect();
    let count = |class: Class| subjects.iter().filter(|s| **s == format!("{} mail", class.as_str())).count();
    assert_eq!(Class::ALL.map(count), [32, 8, 8, 8, 8]);
    let first = subjects.iter().position(|s| s == "update mail").expect("an update");
    assert!(first > 40, "updates go last");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_lane_keeps_its_rate_limit_across_processes(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    for n in 0..40 {
        let lane = if n % 2 == 0 { "a" } else { "b" };
        harness.put(Class::Letter, lane, false, json!({ "to": format!("{lane}@example.org") })).await;
    }
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    set_lane(&mut conn, "b", &LaneLimits { rate_per_hour: 120, burst: 2, paused: true, ..LaneLimits::default() })
        .await
        .expect("paused");
    let (one, two) = (harness.engine(), harness.engine());
    let drain = |engine: &Arc<Engine>| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.drain().await.expect("drained").sent })
    };
    let both = async || {
        let (one, two) = (drain(&one), drain(&two));
        (one.await.expect("one") + two.await.expect("two"), sink.messages_to("b@example.org").len())
    };
    assert_eq!(both().await, (5, 0), "the burst, and nothing of the paused lane");
    harness.advance(TimeDelta::seconds(50));
    assert_eq!(both().await, (0, 0));
    harness.advance(TimeDelta::seconds(11));
    assert_eq!(both().await, (1, 0));
    set_lane(&mut conn, "b", &LaneLimits { rate_per_hour: 120, burst: 2, ..LaneLimits::default() })
        .await
        .expect("open");
    harness.advance(TimeDelta::minutes(3));
    assert_eq!(both().await, (5, 2), "three of one, two of the other");
    harness.advance(TimeDelta::hours(2));
    assert_eq!(both().await, (7, 4), "a quiet time gathers no more than the burst");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_lane_keeps_its_hours_in_its_time_zone(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let st_johns: Zone = "America/St_Johns".parse().expect("a zone");
    let hours = |opens: u32, closes: u32| {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).expect("a time");
        let hours = Hours { opens_at: at(opens), closes_at: at(closes), timezone: st_johns };
        LaneLimits { hours: Some(hours), ..LaneLimits::default() }
    };
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    set_lane(&mut conn, "office", &hours(9, 17)).await.expect("by day");
    set_lane(&mut conn, "nightly", &hours(22, 6)).await.expect("by night");
    let engine = harness.engine();
    // at 7:59, 9:01, 16:59, 17:01, 21:59, 22:01, 5:59 and 6:01 in Newfoundland, which is half an hour off
    let mut at = harness.kernel.env.now().with_timezone(&st_johns).date_naive() + Days::new(1);
    for (hour, minute, expected) in [
        (7, 59, (0, 0)),
        (9, 1, (1, 0)),
        (16, 59, (1, 0)),
        (17, 1, (0, 0)),
        (21, 59, (0, 0)),
        (22, 1, (0, 1)),
        (5, 59, (0, 1)),
        (6, 1, (0, 0)),
    ] {
        if hour == 5 {
            at = at + Days::new(1);
        }
        let clock = at.and_hms_opt(hour, minute, 0).expect("a time");
        let clock = clock.and_local_timezone(st_johns).single().expect("a time").to_utc();
        harness.advance(clock - harness.kernel.env.now());
        for lane in ["office", "nightly"] {
            harness.put(Class::Letter, lane, false, json!({ "to": format!("{lane}@example.org") })).await;
        }
        sink.clear();
        engine.tick().await.expect("a round");
        let sent = ["office", "nightly"].map(|lane| sink.messages_to(&format!("{lane}@example.org")).len().min(1));
        assert_eq!((sent[0], sent[1]), expected, "at {hour}:{minute:02}");
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_relay_keeps_its_rate_limit_across_processes(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    for n in 0..100 {
        harness.queue(Class::Notice, &format!("a{n}@example.org")).await;
        harness.put(Class::Letter, &format!("lane-{n}"), false, json!({ "to": "minister@example.org" })).await;
    }
    let relay = sink.address().to_string();
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    assert!(!set_relay(&mut conn, &relay, Some(1200)).await.expect("nobody knows it yet"));
    let cancel = CancellationToken::new();
    cancel.cancel();
    harness.engine().run(cancel).await;
    assert!(set_relay(&mut conn, &relay, Some(1200)).await.expect("a pace"));
    // two new processes each time, without idle connections
    let both = async || {
        let drain = |engine: Arc<Engine>| tokio::spawn(async move { engine.drain().await.expect("drained").sent });
        let (one, two) = (drain(harness.engine()), drain(harness.engine()));
        one.await.expect("one") + two.await.expect("two")
    };
    assert_eq!(both().await, 20, "a minute's worth");
    assert_eq!(both().await, 0);
    harness.advance(TimeDelta::seconds(31));
    assert_eq!(both().await, 10);
    let letters = sink.messages_to("minister@example.org").len();
    assert!((1..30).contains(&letters), "{letters} letters: neither kind starves the other");
    harness.advance(TimeDelta::hours(1));
    assert_eq!(both().await, 20, "a quiet time gathers no more than a minute's worth");
    // a relay that is away costs nothing of the pace
    harness.advance(TimeDelta::hours(1));
    sink.change(|behaviour| behaviour.greeting = "421 4.3.2 not now");
    assert_eq!(both().await, 0);
    sink.change(|behaviour| behaviour.greeting = "220 sink.test ESMTP");
    sqlx::query("UPDATE emails SET due_at = now() WHERE state = 'queued'")
        .execute(&harness.kernel.db)
        .await
        .expect("due");
    assert_eq!(both().await, 20);
    set_relay(&mut conn, &relay, None).await.expect("no pace any more");
    assert_eq!(both().await, 200 - 70);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn each_mail_ends_in_one_correct_state_whatever_the_relay_does(db: PgPool) {
    let first = |step: Step| Behaviour::accept().script(vec![step; 10]);
    let moods = [
        ("refuses", Behaviour { greeting: "554 5.3.2 no", ..Behaviour::accept() }, ("sent", 1), ("sent", 1)),
        ("greylists", Behaviour { greylists: true, ..Behaviour::accept() }, ("sent", 1), ("sent", 1)),
        ("4xx on RCPT", first(Step::RejectRcpt("450 4.2.0 later")), ("sent", 1), ("sent", 1)),
        // of all ten, so it may be us whom it refuses
        ("5xx on DATA", first(Step::RejectData("554 5.7.1 no")), ("sent", 1), ("sent", 1)),
        ("421 mid-session", first(Step::RejectRcpt("421 4.3.2 closing")), ("sent", 1), ("sent", 1)),
        ("hangs up with it", first(Step::HangUpAfterContent { counted: true }), ("sent", 2), ("uncertain", 1)),
        ("hangs up without", first(Step::HangUpAfterContent { counted: false }), ("sent", 1), ("uncertain", 0)),
        ("answers slowly", first(Step::SlowRcpt(Duration::from_millis(100))), ("sent", 1), ("sent", 1)),
        ("takes it slowly", first(Step::SlowContent(Duration::from_millis(100))), ("sent", 1), ("sent", 1)),
        (
            "closes idle lines",
            Behaviour { messages_per_connection: 1, ..Behaviour::accept() },
            ("sent", 1),
            ("sent", 1),
        ),
    ];
    let first_house = MailHarness::new(db, "smtp://127.0.0.1:1").await;
    for (n, (mood, behaviour, notice, letter)) in moods.into_iter().enumerate() {
        let sink = SmtpSink::start(behaviour).await;
        let harness = first_house.with(|settings| settings.mail.smtp_url = sink.url());
        let mut mails = Vec::new();
        for m in 0..10 {
            let (class, lane) =
                if m < 8 { (Class::Notice, String::new()) } else { (Class::Letter, format!("{n}-{m}")) };
            let to = format!("{n}-{m}@example.org");
            mails.push((
                harness.put(class, &lane, false, json!({ "to": to })).await,
                to,
                if m < 8 { notice } else { letter },
            ));
        }
        let engine = harness.engine();
        for round in 0..40 {
            engine.drain().await.expect("a round");
            if round == 2 {
                sink.change(|behaviour| behaviour.greeting = "220 sink.test ESMTP");
            }
            harness.advance(TimeDelta::minutes(20));
        }
        for (id, to, (state, copies)) in mails {
            assert_eq!(harness.state(id).await, state, "{mood}: {to}");
            let arrived = sink.messages_to(&to);
            assert_eq!(arrived.len(), copies, "{mood}: {to}");
            assert!(arrived.iter().all(|copy| copy.header("Message-ID") == arrived[0].header("Message-ID")), "{mood}");
            assert_eq!(harness.delivery_status(id).len(), 1, "{mood}: its kind is told once");
        }
    }
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM emails").fetch_one(&first_house.kernel.db).await.expect("rows");
    assert_eq!(rows, 100, "none is lost, none is there twice");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_pause_applies_to_claimed_mail(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    for n in 0..200 {
        harness.queue(Class::Update, &format!("a{n}@example.org")).await;
    }
    // one connection, and a relay that takes its time with the first of them
    sink.push(Step::SlowContent(Duration::from_millis(500)));
    let slow = harness.with(|settings| settings.mail.connections = 1);
    let engine = slow.engine();
    let round = tokio::spawn(async move { engine.tick().await.expect("a round") });
    sink.wait_for(1).await;
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    mail::pause(&mut conn, "update", "", harness.kernel.env.now()).await.expect("paused");
    let progress = round.await.expect("a round");
    assert_eq!((progress.claimed, progress.sent, progress.released), (200, 64, 136), "the part under way, and no more");
    assert_eq!(harness.engine().tick().await.expect("nothing"), Progress::default());
    mail::resume(&mut conn, "update").await.expect("goes on");
    assert_eq!(harness.engine().drain().await.expect("the others").sent, 136);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn one_failing_mail_does_not_block_others(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let error = harness.with_mode("error").await;
    let panic = harness.with_mode("panic").await;
    let outage = harness.with_mode("outage").await;
    let nothing = harness.with_mode("nothing").await;
    let poison = harness.with_mode("poison").await;
    let good = harness.queue(Class::Notice, "jane@example.org").await;
    let organization_id = harness.organization;
    let stranger = NewEmail {
        organization_id,
        class: Class::Notice,
        kind: "unknown",
        lane: "",
        refs: json!({}),
        protected: false,
        due_at: None,
    };
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let stranger = enqueue(&mut conn, &harness.kernel.env, stranger).await.expect("queued");
    let progress = harness.engine().drain().await.expect("sent");
    assert_eq!(
        (progress.claimed, progress.sent, progress.retried, progress.cancelled, progress.released),
        (7, 2, 2, 1, 2)
    );
    let (state, attempts, failure) = harness.row(error).await.expect("a row");
    assert_eq!(
        (state.as_str(), attempts, failure.as_deref()),
        ("queued", 1, Some("not composed: internal: no such row for [address]"))
    );
    assert_eq!(harness.state(panic).await, "queued");
    assert_eq!(harness.row(outage).await.map(|row| (row.0, row.1)), Some(("queued".to_owned(), 0)));
    assert_eq!(harness.row(stranger).await.map(|row| (row.0, row.1)), Some(("queued".to_owned(), 0)));
    assert_eq!(
        (harness.state(nothing).await, harness.delivery_status(nothing)),
        ("cancelled".to_owned(), vec![DeliveryStatus::Cancelled])
    );
    // its kind could not be told, but it was sent
    assert_eq!((harness.state(poison).await, harness.delivery_status(poison)), ("sent".to_owned(), vec![]));
    assert_eq!(
        (harness.state(good).await, harness.delivery_status(good)),
        ("sent".to_owned(), vec![DeliveryStatus::Sent])
    );
    assert_eq!(sink.messages().len(), 2);
    // and is told later, until that works
    let engine = harness.engine();
    harness.advance(TimeDelta::minutes(1));
    assert_eq!(engine.retry_callbacks().await.expect("still poison"), 0);
    sqlx::query("UPDATE mail_pending_callbacks SET refs = refs - 'mode'")
        .execute(&harness.kernel.db)
        .await
        .expect("mended");
    harness.advance(TimeDelta::minutes(2));
    assert_eq!(engine.retry_callbacks().await.expect("told"), 1);
    assert_eq!(harness.delivery_status(poison), [DeliveryStatus::Sent]);
    assert_eq!(engine.retry_callbacks().await.expect("nothing"), 0);
}

async fn vault(harness: &MailHarness) -> Uuid {
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    harness.kernel.vaults.create_for_organization(&mut conn, harness.organization).await.expect("a vault")
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn confirmations_over_the_daily_number_are_put_off_and_merged(db: PgPool) {
    let (harness, sink) = harness(
        db,
        Behaviour::accept().script([Step::RejectRcpt("451 4.3.0 later"), Step::RejectMail("421 4.3.2 bye")]),
    )
    .await;
    let vault = vault(&harness).await;
    // from noon on, so that no day ends in between
    let noon = TimeDelta::hours(36) - harness.kernel.env.now().time().signed_duration_since(chrono::NaiveTime::MIN);
    harness.advance(noon);
    let confirm = async |to: &str| {
        harness.put(Class::Confirmation, "", false, json!({ "to": to, "mode": "confirm", "vault": vault })).await
    };
    confirm("jane@example.org").await;
    confirm("JANE@example.org").await;
    let engine = harness.engine();
    let first = engine.drain().await.expect("tried");
    assert_eq!(first.sent + first.retried + first.released, 2, "{first:?}");
    harness.advance(TimeDelta::minutes(7));
    // tried again, counted once
    engine.drain().await.expect("sent");
    assert_eq!(sink.messages().len(), 2);
    for _ in 0..4 {
        confirm("jane@example.org").await;
    }
    confirm("other@example.org").await;
    let rest = engine.drain().await.expect("sent");
    assert_eq!((rest.sent, rest.cancelled), (2, 0));
    let put_off =
        "SELECT count(*) FROM emails_waiting WHERE state = 'queued' AND failure LIKE 'waits: the daily number%'";
    let waiting: i64 = sqlx::query_scalar(put_off).fetch_one(&harness.kernel.db).await.expect("a count");
    assert_eq!(waiting, 3, "none is dropped");
    harness.advance(TimeDelta::hours(11));
    assert_eq!(engine.drain().await.expect("nothing is due").claimed, 0);
    harness.advance(TimeDelta::hours(1));
    confirm("jane@example.org").await;
    let next = engine.drain().await.expect("a new day");
    assert_eq!((next.sent, next.cancelled), (2, 2), "one for those of yesterday, and one of today");
    let secrets: i64 =
        sqlx::query_scalar("SELECT count(*) FROM day_secrets").fetch_one(&harness.kernel.db).await.expect("a count");
    assert_eq!(secrets, 1, "yesterday's secret is thrown away");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn suppressed_addresses_get_no_mail(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let id = vault(&harness).await;
    let vault = harness.kernel.vaults.open(id).await.expect("a vault");
    let address = |text: &str| EmailAddress::parse(text).expect("an address");
    let rows = [
        (None, mail::global_suppression_key(&harness.kernel, &address("never@example.org")), "never_again"),
        (Some(id), vault.email_index(&address("bounced@example.org")), "bounced"),
        (Some(id), vault.email_index(&address("news@example.org")), "unsubscribed"),
    ];
    for (vault_id, index, reason) in rows {
        sqlx::query(
            "INSERT INTO suppressions (id, vault_id, address_index, reason, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(harness.kernel.env.id())
        .bind(vault_id)
        .bind(index)
        .bind(reason)
        .bind(harness.kernel.env.now())
        .execute(&harness.kernel.db)
        .await
        .expect("suppressed");
    }
    for name in ["never", "bounced", "news", "jane"] {
        let refs = json!({ "to": format!("{name}@example.org"), "mode": "confirm", "vault": id });
        harness.put(Class::Confirmation, "", false, refs).await;
        let suppressed = mail::suppressed(&harness.kernel, &[(&address(&format!("{name}@example.org")), &vault)]).await;
        assert_eq!(suppressed.expect("an answer"), [name != "jane"]);
    }
    let engine = harness.engine();
    let progress = engine.drain().await.expect("sent");
    assert_eq!((progress.sent, progress.cancelled), (3, 1));
    assert_eq!(sink.messages_to("news@example.org").len() + sink.messages_to("jane@example.org").len(), 2);
    // to an address that had bounced one is tried, and only one
    assert_eq!(sink.messages_to("bounced@example.org").len(), 1);
    let refs = json!({ "to": "bounced@example.org", "mode": "confirm", "vault": id });
    harness.put(Class::Confirmation, "", false, refs).await;
    assert_eq!(engine.drain().await.expect("not sent").cancelled, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn shutdown_requeues_unsent_mail(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    for n in 0..60 {
        sink.on(&format!("p{n}@example.org"), Step::SlowRcpt(Duration::from_millis(300)));
        harness.queue(Class::Notice, &format!("p{n}@example.org")).await;
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(harness.engine().run(stop.clone()));
    sink.wait_for(1).await;
    stop.cancel();
    running.await.expect("stopped");
    let states: Vec<(String, i16, i64)> =
        sqlx::query_as("SELECT state, attempts, count(*) FROM emails GROUP BY 1, 2 ORDER BY 1")
            .fetch_all(&harness.kernel.db)
            .await
            .expect("states");
    let sent = i64::try_from(sink.messages().len()).expect("few");
    assert!(sent < 60);
    assert_eq!(states, [("queued".to_owned(), 0, 60 - sent), ("sent".to_owned(), 1, sent)]);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn cancelled_mail_is_not_sent(db: PgPool) {
    let (harness, sink) = harness(db, Behaviour::accept()).await;
    let kept = harness.queue(Class::Letter, "a@example.org").await;
    let protected = harness.put(Class::Letter, "m", true, json!({ "to": "b@example.org" })).await;
    let sent = harness.queue(Class::Confirmation, "c@example.org").await;
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let mut cancelled = cancel(&mut conn, harness.kernel.env.now(), &[kept, protected]).await.expect("cancelled");
    cancelled.sort_unstable();
    let mut both = [kept, protected];
    both.sort_unstable();
    assert_eq!(cancelled, both);
    harness.engine().drain().await.expect("sent");
    assert!(cancel(&mut conn, harness.kernel.env.now(), &[sent, kept]).await.expect("too late").is_empty());
    assert_eq!(
        (harness.state(kept).await, harness.state(protected).await),
        ("cancelled".to_owned(), "gone".to_owned())
    );
    assert_eq!(sink.messages().len(), 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn old_partitions_are_dropped(db: PgPool) {
    let (harness, _sink) = harness(db, Behaviour::accept()).await;
    let id = harness.queue(Class::Notice, "jane@example.org").await;
    harness.engine().drain().await.expect("sent");
    let waiting = harness.queue(Class::Notice, "jane@example.org").await;
    let months = async || -> Vec<String> {
        let sql =
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'emails_settled'::regclass ORDER BY 1";
        sqlx::query_scalar(sql).fetch_all(&harness.kernel.db).await.expect("the months")
    };
    let month = |at: chrono::DateTime<chrono::Utc>| at.format("emails_settled_%Y_%m").to_string();
    let (sent, keep) = (harness.kernel.env.now(), TimeDelta::days(30));
    let mut conn = harness.kernel.db.acquire().await.expect("a connection");
    let ends = (sent.date_naive().with_day(1).expect("a first") + Months::new(1)).and_time(NaiveTime::MIN).and_utc();
    harness.advance(ends - sent + TimeDelta::days(29));
    delete_expired(&mut conn, harness.kernel.env.now(), keep).await.expect("nothing yet");
    assert_eq!(harness.state(id).await, "sent", "its month ended less than thirty days ago");
    assert!(
        months().await.contains(&month(harness.kernel.env.now() + Months::new(1))),
        "there is room for the next one"
    );
    harness.advance(TimeDelta::days(2));
    delete_expired(&mut conn, harness.kernel.env.now(), keep).await.expect("the month");
    assert_eq!((harness.state(id).await, harness.state(waiting).await), ("gone".to_owned(), "queued".to_owned()));
    assert!(!months().await.contains(&month(sent)));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_mailbox_transport_writes_files(db: PgPool) {
    let harness = MailHarness::new(db, "smtp://127.0.0.1:1").await;
    let here = harness.with(|settings| settings.mail.transport = Transport::Mailbox);
    here.queue(Class::Notice, "jane@example.org").await;
    assert_eq!(here.engine().drain().await.expect("written").sent, 1);
    let mailbox = FileMailbox::open(&here.kernel.settings, &here.kernel.env).expect("a mailbox");
    let mails = mailbox.list().await.expect("a list");
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].kind.as_str(), mails[0].to.as_str(), mails[0].subject.as_str()),
        ("test_mail", "jane@example.org", "notice mail")
    );
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn subject_and_texts_come_from_templates(db: PgPool) {
    let harness = MailHarness::new(db, "smtp://127.0.0.1:1").await;
    let page = || {
        context! {
            organization => "Alliance", action_title => "Status for all", manage_url => "https://x.example/t/abc",
            petition_url => "https://x.example/p/status", share_text => "",
        }
    };
    let open = render(&harness.kernel, "petition_thanks", LocaleTag::En, false, page()).expect("a mail");
    assert_eq!(open.subject, "Thank you for signing: Status for all");
    assert!(open.text.contains("https://x.example/t/abc") && open.html.is_some_and(|html| html.contains("/t/abc")));
    for locale in LocaleTag::ALL {
        let neutral = render(&harness.kernel, "petition_thanks", locale, true, page()).expect("a mail");
        assert!(neutral.html.is_none() && neutral.text.contains("https://x.example/t/abc"));
        assert!(![&neutral.subject, &neutral.text].iter().any(|text| text.contains("Status for all")));
    }
    assert!(render(&harness.kernel, "no_such_kind", LocaleTag::En, false, page()).is_err());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn relays_fail_over(db: PgPool) {
    let (one, two) = (SmtpSink::start(Behaviour::accept()).await, SmtpSink::start(Behaviour::accept()).await);
    let harness = MailHarness::new(db, &format!("{}?weight=3 {} {}", one.url(), two.url(), closed_url().await)).await;
    for n in 0..60 {
        harness.queue(Class::Notice, &format!("n{n}@example.org")).await;
    }
    let progress = harness.engine().drain().await.expect("sent");
    assert_eq!((progress.sent, progress.released), (60, 0), "nothing waits for the one that is away");
    let (first, second) = (one.messages().len(), two.messages().len());
    assert_eq!(first + second, 60);
    assert!(first > second && second > 0, "{first} and {second}: three to one");
}
