//! The outgoing SMTP client against a real socket: what each behaviour of a relay means to the queue.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use muster::mail::smtp::{
    Accepted, Clock, EnhancedCode, Message, Outbox, Pool, PoolConfig, SendError, SettingsError, SmtpSettings, Timeouts,
    TlsMode,
};

use tokio_rustls::rustls;

use crate::{
    process::until,
    smtp_sink::{Behaviour, SmtpSink, Step, closed_url},
};

const RAW: &[u8] = b"Subject: Hello\r\n\r\nDear Minister,\r\n";
const MAIL: Message<'static> =
    Message { kind: "letter_deliver", from: "b-mzxw6@muster.test", to: "minister@example.org", raw: RAW };

/// A clock that stands still until moved.
#[derive(Clone)]
struct HandClock(Arc<Mutex<Instant>>);

impl HandClock {
    #[expect(clippy::disallowed_methods, reason = "some instant to start from; std has no other")]
    fn new() -> Self {
        Self(Arc::new(Mutex::new(tokio::time::Instant::now().into_std())))
    }

    fn forward(&self, by: Duration) {
        *self.0.lock().expect("clock") += by;
    }

    fn clock(&self) -> Clock {
        let now = self.0.clone();
        Arc::new(move || *now.lock().expect("clock"))
    }
}

fn config() -> PoolConfig {
    PoolConfig {
        size: 2,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            greeting: Duration::from_secs(5),
            command: Duration::from_secs(5),
            content: Duration::from_secs(5),
            farewell: Duration::from_secs(5),
        },
        ..PoolConfig::default()
    }
}

fn pool_with(url: &str, config: PoolConfig) -> (Pool, HandClock) {
    let clock = HandClock::new();
    let settings = SmtpSettings::parse(url).expect("a relay");
    (Pool::new(settings, config, clock.clock()), clock)
}

fn pool(url: &str) -> Pool {
    pool_with(url, config()).0
}

/// Messages in their order, and what became of them.
struct InTurn {
    left: std::ops::Range<usize>,
    answers: Vec<Result<Accepted, SendError>>,
}

impl Outbox for InTurn {
    fn next(&mut self, _: bool) -> Option<usize> {
        self.left.next()
    }

    fn answer(&mut self, message: usize, answer: Result<Accepted, SendError>) {
        assert_eq!(message, self.answers.len());
        self.answers.push(answer);
    }
}

async fn send_all(
    pool: &Pool,
    messages: &[Message<'_>],
    lease_held: &(dyn Fn() -> bool + Sync),
) -> Vec<Result<Accepted, SendError>> {
    let mut outbox = InTurn { left: 0..messages.len(), answers: Vec::new() };
    let ended = pool.send(messages, &mut outbox, &|_| lease_held()).await;
    outbox.answers.extend(ended.err().map(Err));
    outbox.answers
}

async fn send(pool: &Pool, message: Message<'_>) -> Result<Accepted, SendError> {
    send_all(pool, &[message], &|| true).await.pop().expect("an answer")
}

/// Sends one message to a relay whose first step is `step`; to one that takes commands in one go and to one that does not.
async fn outcome(step: Step) -> (SendError, SmtpSink) {
    let slow = Behaviour { pipelining: false, ..Behaviour::accept() }.script([step.clone()]);
    let slow = SmtpSink::start(slow).await;
    let in_steps = send(&pool(&slow.url()), MAIL).await.expect_err("a failure");
    let sink = SmtpSink::start(Behaviour::accept().script([step])).await;
    let error = send(&pool(&sink.url()), MAIL).await.expect_err("a failure");
    assert_eq!(in_steps, error, "however it was said");
    assert_eq!(slow.messages(), sink.messages());
    (error, sink)
}

#[tokio::test]
async fn commands_are_pipelined_where_the_relay_supports_it() {
    for pipelining in [true, false] {
        let sink = SmtpSink::start(Behaviour { pipelining, ..Behaviour::accept() }).await;
        let pool = pool(&sink.url());
        for _ in 0..2 {
            send(&pool, MAIL).await.expect("sent");
        }
        assert_eq!(sink.ahead(), if pipelining { 4 } else { 0 }, "RCPT and DATA were there before MAIL was answered");
        assert_eq!(sink.messages().len(), 2);
    }
    // refused, and yet asked for content: whatever were said next would be taken for it
    let behaviour = Behaviour { data_anyway: true, ..Behaviour::accept() };
    let sink = SmtpSink::start(behaviour.script([Step::RejectRcpt("550 5.1.1 who?")])).await;
    let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, ..config() });
    let error = send(&pool, MAIL).await.expect_err("refused");
    assert_eq!((error.code(), error.enhanced()), (Some(550), enhanced("5.1.1")));
    send(&pool, MAIL).await.expect("on another connection");
    assert_eq!((sink.connections(), sink.messages().len()), (2, 1));
    assert!(!sink.commands().iter().any(|command| command == "RSET"));
}

#[tokio::test]
async fn the_next_message_is_pipelined_behind_the_content() {
    let many = [MAIL; 5];
    for pipelining in [true, false] {
        let sink = SmtpSink::start(Behaviour { pipelining, ..Behaviour::accept() }).await;
        let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, messages_per_connection: 3, ..config() });
        let answers = send_all(&pool, &many, &|| true).await;
        assert!(answers.len() == 5 && answers.iter().all(Result::is_ok), "{answers:?}");
        // RCPT and DATA of each, and MAIL of one: on a new connection nothing comes before the first, and the second shows
        // that the relay is quick
        assert_eq!(sink.ahead(), if pipelining { 10 + 1 } else { 0 });
        assert_eq!((sink.connections(), sink.messages().len()), (2, 5));
        assert!(sink.messages().iter().all(|message| message.data == RAW));
        assert!(!sink.commands().iter().any(|command| command == "RSET"));
    }
}

#[tokio::test]
async fn nothing_is_pipelined_behind_a_slow_reply() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let (start, seconds) = (HandClock::new().clock()(), AtomicU64::new(0));
    // each look at it is a second later
    let clock: Clock = Arc::new(move || start + Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed)));
    let pool = Pool::new(SmtpSettings::parse(&sink.url()).expect("a relay"), config(), clock);
    let answers = send_all(&pool, &[MAIL; 5], &|| true).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((sink.ahead(), sink.connections()), (10, 1));
}

#[tokio::test]
async fn a_pipelined_message_is_sent_once_whatever_happens_before() {
    let accepted = |answer: &Result<Accepted, SendError>| answer.is_ok();
    let steps = [
        (Step::RejectMail("451 4.3.0 later"), Some(451)),
        (Step::RejectRcpt("550 5.1.1 who?"), Some(550)),
        (Step::RejectData("554 5.7.0 no"), Some(554)),
        (Step::RejectContent("452 4.3.1 full"), Some(452)),
        (Step::HangUpAtRcpt, None),
        (Step::HangUpAtData, None),
        (Step::HangUpAfterContent { counted: false }, None),
        (Step::RejectContent("421 4.3.0 closing"), None),
        (Step::RejectRcpt("421 4.3.0 closing"), None),
    ];
    for (step, code) in steps {
        for data_anyway in [true, false] {
            let script = [Step::Accept, Step::Accept, step.clone()];
            let sink = SmtpSink::start(Behaviour { data_anyway, ..Behaviour::accept() }.script(script)).await;
            let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, ..config() });
            let to = ["first@example.org", "a@example.org", "b@example.org", "c@example.org", "d@example.org"];
            let answers = send_all(&pool, &to.map(|to| Message { to, ..MAIL }), &|| true).await;
            assert_eq!(answers.iter().map(accepted).collect::<Vec<_>>(), [true, true, false, true, true], "{step:?}");
            assert_eq!(answers[2].as_ref().expect_err("the step").code(), code, "{step:?}");
            let taken: Vec<_> = sink.messages().into_iter().flat_map(|message| message.to).collect();
            assert_eq!(taken, [to[0], to[1], to[3], to[4]], "{step:?}");
            send(&pool, MAIL).await.expect("and whatever comes later");
        }
    }
    // gone when the next one begins: a fresh connection, as for one that lay idle
    let sink = SmtpSink::start(Behaviour::accept().script([Step::Accept, Step::Accept, Step::HangUpAtMail])).await;
    let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, ..config() });
    assert!(send_all(&pool, &[MAIL; 4], &|| true).await.iter().all(accepted));
    assert_eq!((sink.connections(), sink.messages().len()), (2, 4));
    // a message that cannot be sent is not begun early, nor in the way
    let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, ..config() });
    let impossible = Message { to: "no address", ..MAIL };
    let answers = send_all(&pool, &[MAIL, MAIL, impossible, MAIL], &|| true).await;
    assert_eq!(answers.iter().map(accepted).collect::<Vec<_>>(), [true, true, false, true]);
}

#[tokio::test]
async fn the_lease_is_checked_before_each_message() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, ..config() });
    let answers = send_all(&pool, &[MAIL; 4], &|| sink.messages().len() < 2).await;
    let held = || Err(SendError::LeaseLost);
    assert_eq!((answers[1].is_ok(), &answers[2..]), (true, &[held(), held()][..]));
    assert_eq!(sink.messages().len(), 2);
    send(&pool, MAIL).await.expect("on another connection");
}

#[tokio::test]
async fn a_message_whose_lease_was_lost_is_not_sent() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let (pool, _) = pool_with(&sink.url(), PoolConfig { size: 1, ..config() });
    assert_eq!(send_all(&pool, &[MAIL], &|| false).await, [Err(SendError::LeaseLost)]);
    assert_eq!(sink.connections(), 0);
    let asked = AtomicUsize::new(0);
    let until_the_content = || asked.fetch_add(1, Ordering::Relaxed) == 0;
    assert_eq!(send_all(&pool, &[MAIL], &until_the_content).await, [Err(SendError::LeaseLost)]);
    send(&pool, MAIL).await.expect("the next one, on another connection");
    assert_eq!((sink.connections(), sink.messages().len()), (2, 1));
}

fn enhanced(code: &str) -> Option<EnhancedCode> {
    EnhancedCode::at_start_of(code)
}

#[tokio::test]
async fn a_message_arrives_as_it_was_given() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let accepted = send(&pool(&sink.url()), MAIL).await.expect("accepted");
    assert_eq!((accepted.code, accepted.text.as_str()), (250, "ok: queued as 4XyZ12"));
    let messages = sink.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].from, MAIL.from);
    assert_eq!(messages[0].to, [MAIL.to]);
    assert_eq!(messages[0].data, RAW);
    assert_eq!(messages[0].parameters, "");
    assert_eq!(messages[0].header("subject").as_deref(), Some("Hello"));
}

#[tokio::test]
async fn dots_long_lines_and_line_ends() {
    let long = "x".repeat(5000);
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let pool = pool(&sink.url());
    let given = [
        ".\r\n..\r\n.hidden\r\na.b\r\n.".to_owned(),
        format!("{long}\r\n.{long}\r\n"),
        "\r\n\r\n.\r\n\r\n".to_owned(),
        String::new(),
        // whoever smuggles: no relay may see an end of data in these
        "a\n.\nMAIL FROM:<x@y.org>\r\n".to_owned(),
        "a\r.\rb\n.\r\nc\r\r\n.\nd".to_owned(),
    ];
    for raw in &given {
        send(&pool, Message { raw: raw.as_bytes(), ..MAIL }).await.expect("accepted");
    }
    let taken: Vec<String> = sink.messages().iter().map(crate::smtp_sink::Received::text).collect();
    let expected = [
        ".\r\n..\r\n.hidden\r\na.b\r\n.\r\n".to_owned(),
        given[1].clone(),
        given[2].clone(),
        "\r\n".to_owned(),
        "a\r\n.\r\nMAIL FROM:<x@y.org>\r\n".to_owned(),
        "a\r\n.\r\nb\r\n.\r\nc\r\n\r\n.\r\nd\r\n".to_owned(),
    ];
    assert_eq!(taken, expected);
    assert_eq!(sink.connections(), 1);
}

#[tokio::test]
async fn the_null_path_and_extensions() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let pool = pool(&sink.url());
    let bounce = Message { from: "", ..MAIL };
    send(&pool, Message { raw: "é\r\n".as_bytes(), ..bounce }).await.expect("8 bit");
    let utf8 = Message { to: "josé@ejemplo.españa", ..MAIL };
    send(&pool, utf8).await.expect("UTF-8");
    let domain = Message { to: "jose@ejemplo.españa", ..MAIL };
    send(&pool, domain).await.expect("IDN");
    let messages = sink.messages();
    assert_eq!((messages[0].from.as_str(), messages[0].parameters.as_str()), ("", "BODY=8BITMIME"));
    assert_eq!(messages[1].parameters, "SMTPUTF8");
    assert_eq!(messages[1].to, ["josé@ejemplo.xn--espaa-rta"]);
    assert_eq!(messages[2].parameters, "");
    assert_eq!(messages[2].to, ["jose@ejemplo.xn--espaa-rta"]);
}

#[tokio::test]
async fn what_the_relay_cannot_carry_is_final_and_costs_no_connection() {
    let behaviour = Behaviour { eight_bit_mime: false, smtp_utf8: false, ..Behaviour::accept() };
    let sink = SmtpSink::start(behaviour).await;
    let pool = pool(&sink.url());
    let utf8 = Message { to: "josé@example.org", ..MAIL };
    let error = send(&pool, utf8).await.expect_err("no SMTPUTF8");
    assert_eq!((error.code(), error.enhanced()), (Some(550), enhanced("5.6.7")));
    assert!(error.text().contains("SMTPUTF8") && !error.retryable());
    let error = send(&pool, Message { raw: "é".as_bytes(), ..MAIL }).await.expect_err("no 8BITMIME");
    assert_eq!((error.code(), error.enhanced()), (Some(554), enhanced("5.6.3")));
    for to in ["", "nobody", "@example.org", "a@", "a@b.org\r\nRCPT TO:<x@y.org>", "a b@c.org", "a@b.org>"] {
        let error = send(&pool, Message { to, ..MAIL }).await.expect_err(to);
        assert_eq!((error.code(), error.enhanced()), (Some(553), enhanced("5.1.3")), "{to}");
    }
    send(&pool, MAIL).await.expect("still in use");
    assert_eq!(sink.connections(), 1);
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test]
async fn temporary_refusals() {
    for step in [
        Step::RejectMail("451 4.3.0 later"),
        Step::RejectRcpt("451 4.3.0 later"),
        Step::RejectData("451 4.3.0 later"),
        Step::RejectContent("451 4.3.0 later"),
    ] {
        let (error, sink) = outcome(step.clone()).await;
        let expected = SendError::Temporary { code: 451, enhanced: enhanced("4.3.0"), text: "later".to_owned() };
        assert_eq!(error, expected, "{step:?}");
        assert!(error.retryable());
        assert!(sink.messages().is_empty());
    }
}

#[tokio::test]
async fn final_refusals_name_nobody() {
    let reply = "550-5.1.1 <minister@example.org>:\r\n550 5.1.1 user Minister unknown";
    // MAIL names the sender only: whatever is said to it, it is said of us
    let (error, _sink) = outcome(Step::RejectMail(reply)).await;
    assert!(error.is_account_refused() && error.retryable() && !error.to_string().contains('@'), "{error:?}");
    for step in [Step::RejectRcpt(reply), Step::RejectData(reply), Step::RejectContent(reply)] {
        let (error, _sink) = outcome(step.clone()).await;
        let expected = SendError::Permanent {
            code: 550,
            enhanced: enhanced("5.1.1"),
            text: "<[address]>: user [address] unknown".to_owned(),
        };
        assert_eq!(error, expected, "{step:?}");
        assert!(!error.retryable());
        assert_eq!(error.to_string(), "refused: 550 5.1.1 <[address]>: user [address] unknown");
    }
}

#[tokio::test]
async fn refusals_that_pass_by_themselves() {
    for (reply, retryable) in [
        ("552 5.2.2 mailbox full", true),
        ("550 5.2.2 no", true),
        ("550 5.7.0 daily sending quota exceeded", true),
        ("550 5.7.0 not wanted", false),
        ("552 mailbox is full", true),
        ("552 5.3.4 message exceeds the size limit", false),
        ("554 5.7.1 rate limit", false),
        // the class does not agree: RFC 2034
        ("550 4.2.2 quota", false),
    ] {
        let (error, _sink) = outcome(Step::RejectRcpt(reply)).await;
        assert!(matches!(error, SendError::Permanent { .. }), "{reply}");
        assert_eq!(error.retryable(), retryable, "{reply}");
    }
}

#[tokio::test]
async fn a_refusal_is_forgotten_with_rset_and_the_connection_serves_on() {
    let steps = [Step::RejectRcpt("550 5.1.1 no"), Step::RejectContent("451 4.3.0 no"), Step::Accept];
    let sink = SmtpSink::start(Behaviour::accept().script(steps)).await;
    let pool = pool(&sink.url());
    send(&pool, MAIL).await.expect_err("5xx");
    send(&pool, MAIL).await.expect_err("4xx");
    send(&pool, MAIL).await.expect("accepted");
    assert_eq!(sink.connections(), 1);
    assert_eq!(sink.commands().iter().filter(|c| *c == "RSET").count(), 2);
}

#[tokio::test]
async fn a_relay_that_refuses_rset_is_left() {
    let mut behaviour = Behaviour::accept().script([Step::RejectRcpt("550 5.1.1 no")]);
    behaviour.rset_reply = "500 what?";
    let sink = SmtpSink::start(behaviour).await;
    let pool = pool(&sink.url());
    send(&pool, MAIL).await.expect_err("5xx");
    send(&pool, MAIL).await.expect("accepted");
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn lost_before_the_content() {
    for step in [
        Step::HangUpAtMail,
        Step::HangUpAtRcpt,
        Step::HangUpAtData,
        Step::RejectMail("421 4.7.0 too many from minister@example.org"),
        Step::RejectRcpt("421 4.7.0 too many"),
        Step::RejectData("421 4.7.0 too many"),
        Step::RejectContent("421 4.7.0 too many"),
    ] {
        let (error, sink) = outcome(step.clone()).await;
        assert!(matches!(error, SendError::Broken { .. }), "{step:?}: {error:?}");
        assert!(error.retryable() && !error.to_string().contains('@'));
        assert!(sink.messages().is_empty());
    }
}

#[tokio::test]
async fn a_slow_reply_before_the_content() {
    let mut config = config();
    config.timeouts.command = Duration::from_millis(50);
    let steps = [Step::SlowRcpt(Duration::from_secs(10))];
    let sink = SmtpSink::start(Behaviour::accept().script(steps)).await;
    let (pool, _) = pool_with(&sink.url(), config);
    let error = send(&pool, MAIL).await.expect_err("too slow");
    assert!(matches!(error, SendError::Broken { .. }), "{error:?}");
    send(&pool, MAIL).await.expect("a fresh connection");
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn lost_after_the_content_is_uncertain_either_way() {
    for counted in [false, true] {
        let (error, sink) = outcome(Step::HangUpAfterContent { counted }).await;
        assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
        assert!(!error.retryable());
        assert_eq!(sink.messages().len(), usize::from(counted));
    }
}

#[tokio::test]
async fn a_slow_reply_to_the_content_is_uncertain() {
    let mut config = config();
    config.timeouts.content = Duration::from_millis(50);
    let steps = [Step::SlowContent(Duration::from_secs(10))];
    let sink = SmtpSink::start(Behaviour::accept().script(steps)).await;
    let (pool, _) = pool_with(&sink.url(), config);
    let error = send(&pool, MAIL).await.expect_err("too slow");
    assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test]
async fn a_relay_that_is_away() {
    let error = send(&pool(&closed_url().await), MAIL).await.expect_err("closed port");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");

    for greeting in ["554 5.7.1 go away", "450 4.7.1 not now", "421 4.3.2 closing"] {
        let behaviour = Behaviour { greeting, ..Behaviour::accept() };
        let sink = SmtpSink::start(behaviour).await;
        let error = send(&pool(&sink.url()), MAIL).await.expect_err("no service");
        assert!(matches!(error, SendError::Refused { .. } | SendError::Broken { .. }), "{error:?}");
        assert!(error.text().starts_with(&greeting[..3]), "{error:?}");
    }

    let behaviour = Behaviour { greeting_delay: Duration::from_secs(10), ..Behaviour::accept() };
    let sink = SmtpSink::start(behaviour).await;
    let mut config = config();
    config.timeouts.greeting = Duration::from_millis(50);
    let error = send(&pool_with(&sink.url(), config).0, MAIL).await.expect_err("slow");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_the_relay_closed_meanwhile_is_replaced_silently() {
    let behaviour = Behaviour { messages_per_connection: 1, ..Behaviour::accept() };
    let sink = SmtpSink::start(behaviour).await;
    let pool = pool(&sink.url());
    for _ in 0..3 {
        send(&pool, MAIL).await.expect("accepted");
        until("all connections to be closed", async || (sink.open_connections() == 0).then_some(())).await;
    }
    assert_eq!((sink.messages().len(), sink.connections()), (3, 3));

    // but only once, and only when nothing was said before
    sink.change(|behaviour| behaviour.messages_per_connection = 2);
    send(&pool, MAIL).await.expect("accepted");
    sink.push(Step::RejectMail("421 4.7.0 slow down"));
    sink.push(Step::RejectMail("421 4.7.0 slow down"));
    let error = send(&pool, MAIL).await.expect_err("421 twice");
    assert!(matches!(error, SendError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn connections_grow_old() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let (pool, clock) = pool_with(&sink.url(), PoolConfig { messages_per_connection: 2, ..config() });
    for _ in 0..5 {
        send(&pool, MAIL).await.expect("accepted");
    }
    let on: Vec<usize> = sink.messages().iter().map(|m| m.connection).collect();
    assert_eq!(on, [1, 1, 2, 2, 3]);

    clock.forward(Duration::from_secs(59));
    send(&pool, MAIL).await.expect("accepted");
    send(&pool, MAIL).await.expect("accepted");
    clock.forward(Duration::from_mins(1));
    send(&pool, MAIL).await.expect("accepted");
    assert_eq!(sink.messages().last().map(|m| m.connection), Some(5));
    clock.forward(Duration::from_mins(1));
    pool.sweep();
    until("all connections to be closed", async || (sink.open_connections() == 0).then_some(())).await;
    assert_eq!(sink.commands().iter().filter(|c| *c == "QUIT").count(), 5);
}

#[tokio::test]
async fn never_more_connections_than_the_pool_is_big() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let pool = Arc::new(pool(&sink.url()));
    let senders: Vec<_> = (0..40)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { send(&pool, MAIL).await })
        })
        .collect();
    for sender in senders {
        sender.await.expect("joined").expect("accepted");
    }
    assert_eq!(sink.messages().len(), 40);
    assert!(sink.connections() <= 2);
}

#[tokio::test]
async fn a_dropped_send_takes_its_connection_along() {
    let steps = [Step::SlowContent(Duration::from_secs(20))];
    let sink = SmtpSink::start(Behaviour::accept().script(steps)).await;
    let pool = pool_with(&sink.url(), PoolConfig { size: 1, ..config() }).0;
    tokio::select! {
        _ = send(&pool, MAIL) => panic!("the relay is slow"),
        _ = sink.wait_for(1) => {}
    }
    send(&pool, MAIL).await.expect("accepted");
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn closing_says_quit_and_takes_no_more() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let pool = pool(&sink.url());
    send(&pool, MAIL).await.expect("accepted");
    pool.close().await;
    assert_eq!(sink.commands().last().map(String::as_str), Some("QUIT"));
    let error = send(&pool, MAIL).await.expect_err("closed");
    assert!(matches!(error, SendError::Refused { .. }));
}

fn with_credentials(sink: &SmtpSink) -> String {
    sink.url().replace("smtp://", "smtp://muster:p%40ss%2F%3A@")
}

#[tokio::test]
async fn signing_in() {
    for (auth, heard) in [
        // "\0muster\0p@ss/:", "muster" and "p@ss/:"
        ("LOGIN PLAIN", &["AUTH PLAIN AG11c3RlcgBwQHNzLzo="][..]),
        ("LOGIN", &["AUTH LOGIN", "bXVzdGVy", "cEBzcy86"]),
    ] {
        let behaviour = Behaviour { auth: Some(auth), ..Behaviour::accept() };
        let sink = SmtpSink::start(behaviour).await;
        send(&pool(&with_credentials(&sink)), MAIL).await.expect("accepted");
        let said: Vec<String> = sink.commands().into_iter().skip_while(|command| command.starts_with("EHLO")).collect();
        assert_eq!(said[..heard.len()], *heard);
    }
}

#[tokio::test]
async fn failing_to_sign_in_is_no_messages_fault() {
    let wrong = Behaviour { auth: Some("PLAIN"), auth_reply: "535 5.7.8 wrong", ..Behaviour::accept() };
    let unknown = Behaviour { auth: Some("GSSAPI"), ..Behaviour::accept() };
    for behaviour in [wrong, unknown] {
        let sink = SmtpSink::start(behaviour).await;
        let error = send(&pool(&with_credentials(&sink)), MAIL).await.expect_err("no");
        assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
        assert!(!format!("{error:?}{error}").contains("p@ss"));
    }
    let sink = SmtpSink::start(Behaviour { auth: Some("PLAIN"), ..Behaviour::accept() }).await;
    let error = send(&pool(&sink.url()), MAIL).await.expect_err("530");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
}

/// A certificate for `localhost` and the authority that signed it (PEM).
fn certificate(name: &str) -> (Arc<rustls::ServerConfig>, Vec<u8>) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key).expect("a certificate").pem().into_bytes();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new([name.to_owned()]).expect("parameters");
    let certificate = certificate.signed_by(&key, &issuer).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    (Arc::new(config), pem)
}

#[tokio::test]
async fn mail_is_encrypted_to_a_relay_that_proves_its_name() {
    let (tls, authority) = certificate("localhost");
    let (_, somebody_else) = certificate("localhost");
    for (implicit_tls, scheme, query) in
        [(false, "smtp", "?tls=required"), (false, "smtp", "?tls=opportunistic"), (true, "smtps", "")]
    {
        let behaviour = Behaviour {
            starttls: !implicit_tls,
            implicit_tls,
            tls: Some(tls.clone()),
            auth: Some("PLAIN"),
            ..Behaviour::accept()
        };
        let sink = SmtpSink::start(behaviour).await;
        let relay = |host: &str, authority: Option<&[u8]>| {
            let url = format!("{scheme}://muster:secret@{host}:{}{query}", sink.address().port());
            let settings = SmtpSettings::parse(&url).expect("a relay");
            let settings = authority.map_or(Ok(settings.clone()), |pem| settings.trust(pem)).expect("an authority");
            Pool::new(settings, config(), HandClock::new().clock())
        };
        let pool = relay("localhost", Some(&authority));
        for _ in 0..2 {
            send(&pool, MAIL).await.expect("sent");
        }
        assert_eq!((sink.messages().len(), sink.connections()), (2, 1), "{scheme}{query}");
        let said = sink.commands();
        let signed_in = said.iter().position(|command| command.starts_with("AUTH")).expect("signed in");
        let began = said.iter().position(|command| command == "STARTTLS");
        assert!(implicit_tls || began.is_some_and(|began| began < signed_in), "no password in clear text: {said:?}");
        // nobody vouches for it, somebody else does, or it has another name
        for (host, authority) in
            [("localhost", None), ("localhost", Some(&somebody_else)), ("127.0.0.1", Some(&authority))]
        {
            let error = send(&relay(host, authority.map(Vec::as_slice)), MAIL).await.expect_err("not to this one");
            assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
        }
        assert_eq!(sink.messages().len(), 2, "{scheme}{query}");
    }
}

#[tokio::test]
async fn tls_is_required_or_not() {
    let sink = SmtpSink::start(Behaviour::accept()).await;
    let required = pool(&format!("{}?tls=required", sink.url()));
    let error = send(&required, MAIL).await.expect_err("no STARTTLS");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
    let opportunistic = pool(&format!("{}?tls=opportunistic", sink.url()));
    send(&opportunistic, MAIL).await.expect("without");
    assert_eq!(sink.messages().len(), 1);

    // offered, but the handshake fails: no falling back to clear text
    sink.change(|behaviour| behaviour.starttls = true);
    let opportunistic = pool(&format!("{}?tls=opportunistic", sink.url()));
    let error = send(&opportunistic, MAIL).await.expect_err("no TLS");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
    let implicit = pool(&sink.url().replace("smtp://", "smtps://"));
    let error = send(&implicit, MAIL).await.expect_err("no TLS");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
    assert_eq!(sink.messages().len(), 1);
}

#[test]
fn settings_are_read() {
    for (url, host, port, mode) in [
        ("smtp://localhost", "localhost", 25, TlsMode::None),
        ("smtp://u:p@127.0.0.1:1025/", "127.0.0.1", 1025, TlsMode::None),
        ("smtp://u:p@[::1]:25", "::1", 25, TlsMode::None),
        ("smtp://relay.example.org?tls=none", "relay.example.org", 25, TlsMode::None),
        ("smtp://u:p@relay.example.org?tls=required", "relay.example.org", 587, TlsMode::Required),
        ("smtp://u:p@relay.example.org?tls=opportunistic", "relay.example.org", 587, TlsMode::Opportunistic),
        ("smtps://u:p@relay.example.org", "relay.example.org", 465, TlsMode::Implicit),
    ] {
        let settings = SmtpSettings::parse(url).expect(url);
        assert_eq!((settings.host(), settings.port(), settings.tls()), (host, port, mode), "{url}");
    }
}

#[test]
fn settings_are_refused_without_telling_the_password() {
    for (url, error) in [
        ("", SettingsError::NotAUrl),
        ("relay.example.org", SettingsError::NotAUrl),
        ("smtp://u:s3cret@relay:99999", SettingsError::NotAUrl),
        ("http://u:s3cret@relay", SettingsError::Scheme),
        ("smtp:u:s3cret@relay", SettingsError::Shape),
        ("smtp://u:s3/cret@relay", SettingsError::NotAUrl),
        ("smtp://u:s3cret@localhost/x", SettingsError::Shape),
        ("smtp://localhost?tls=maybe", SettingsError::Query),
        ("smtps://localhost?tls=required", SettingsError::Query),
        ("smtp://u@localhost", SettingsError::Credentials),
        ("smtp://:s3cret@localhost", SettingsError::Credentials),
        ("smtp://u:s3%00cret@localhost", SettingsError::Credentials),
        ("smtp://u:s3cret@relay.example.org", SettingsError::Unencrypted),
    ] {
        let refused = SmtpSettings::parse(url).expect_err(url);
        assert_eq!(refused, error, "{url}");
        let text = refused.to_string();
        assert!(text.contains("mail.smtp_url") && !text.contains("s3"), "{text}");
    }
    let settings = SmtpSettings::parse("smtp://user:s3cret@localhost").expect("a relay");
    let debug = format!("{settings:?} {MAIL:?}");
    assert!(!debug.contains("s3cret") && !debug.contains('@'), "{debug}");
}

#[tokio::test]
async fn settings_debug_of_a_pool_hides_the_password() {
    let pool = pool("smtp://user:s3cret@localhost");
    assert!(!format!("{pool:?}").contains("s3cret"));
}
