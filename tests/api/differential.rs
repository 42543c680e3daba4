//! Nobody but who may read contacts can find out whether a person has taken part: two installations that differ only in
//! that answer alike, whatever is asked of them, and run the same statements for it. What is asked comes from the description of the
//! API; what may differ is listed with its reason.

use std::{collections::HashMap, fmt::Write as _};

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use chrono::{DateTime, TimeDelta};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, postgres::PgConnectOptions};

use super::{
    access::{NoToken, NoTokenOr, Nothing, SCOPES, Scopes, Session, operations},
    actions::submissions::{KINDS, Kind},
};
use crate::{
    fixtures::confirm,
    harness::{Reply, TestApp, signer},
    statements::Statements,
};

/// Who is asked about. She took part in one installation; in the other [`OTHER`] did.
const AMARA: &str = "amara@example.org";
/// As many characters as [`AMARA`] has.
const OTHER: &str = "zoraa@example.org";
/// Tokens with one of these may read who took part.
const READERS: [&str; 2] = ["contacts:read", "contacts:export"];

/// The scopes that show the most; after each question only their answers are read.
const TELLING: [&str; 4] = ["", "actions:read", "contacts:write", "mail:manage"];

/// An action on which everything is tried.
struct Case {
    kind: &'static Kind,
    privacy: &'static str,
    confirmation: &'static str,
    /// Are all its seats taken?
    full: bool,
}

impl Case {
    /// Does the number move when an organizer enters somebody who was not there? On standard actions that ask for
    /// confirmation it does: it is right within 15 seconds, and whoever enters people is trusted with that (ADR 17).
    fn counts_who_is_entered(&self) -> bool {
        self.privacy == "standard" && self.confirmation == "email"
    }
}

/// What may differ, and why: a part of the question, the privacy of the action, the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "GET /api/v1/mail",
        "standard",
        "whoever manages the mail queue sees of each mail what it is and whether it was sent; those of protected actions are deleted",
    ),
    (
        "person: statements",
        "standard",
        "a token that enters people: of who is there details are merged, another is new; the answer is the same, its time is one \
         statement longer (ADR 17)",
    ),
    (
        "vouching at the end: statements",
        "standard",
        "likewise, with the submission; on protected actions nobody is vouched for",
    ),
];

/// What an answer tells, without what differs between any two answers: ids, tokens and times.
fn told(reply: &Reply) -> String {
    let mut headers: Vec<String> = Vec::new();
    for (name, value) in &reply.headers {
        let value = value.to_str().unwrap();
        match *name {
            header::DATE => {}
            // of the body, with its ids
            header::ETAG | header::CONTENT_LENGTH => headers.push(format!("{name}: {} bytes", value.len())),
            _ => headers.push(format!("{name}: {value}")),
        }
    }
    headers.sort();
    without_ids(&format!("{}\n{}\n{}", reply.status, headers.join("\n"), reply.text()))
}

/// A text with its length for each word that is long enough to be random, and with `*` for each time.
fn without_ids(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_:.+%/=".contains(c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, word) = rest.split_at(start);
        let (word, after) = word.split_at(word.find(|c| !is_word(c)).unwrap_or(word.len()));
        out.push_str(before);
        for (n, part) in word.split('/').enumerate() {
            let is_time = part.len() >= 16 && part.as_bytes()[4] == b'-' && part.contains('T') && part.contains(':');
            let digits = part.chars().filter(char::is_ascii_digit).count();
            let is_random = part.len() >= 20 && digits >= 2;
            out.push_str(if n > 0 { "/" } else { "" });
            match (is_time, is_random) {
                (true, _) => out.push('*'),
                (_, true) => write!(out, "*{}", part.len()).unwrap(),
                _ => out.push_str(part),
            }
        }
        rest = after;
    }
    out + rest
}

/// Everything that was asked in an installation, with its answer.
struct Play<'a> {
    app: &'a TestApp,
    case: &'a Case,
    /// One token for each scope.
    tokens: Vec<(&'static str, String)>,
    /// Readable addresses, each with the scope of the token (empty: none).
    readable: Vec<(&'static str, String)>,
    /// The last `ETag` of each of them.
    etags: HashMap<(&'static str, String), Vec<u8>>,
    statements: Statements,
    answers: Vec<(String, String)>,
}

impl<'a> Play<'a> {
    async fn begin(app: &'a TestApp, case: &'a Case, took_part: &str) -> Self {
        // at the same time of the day in both, far from a change of the hour or the day
        let until_tomorrow = chrono::NaiveTime::MIN - app.kernel.env.now().time() + TimeDelta::hours(34);
        app.kernel.env.advance(until_tomorrow);
        let owner = app.owner().await;
        let mut more = json!({"muster:privacy": case.privacy});
        if case.confirmation == "none" {
            more["muster:confirmation"] = json!("none");
        }
        if case.kind.name == "event" {
            more["capacity"] = json!(if case.full { 12 } else { 100 });
            more["start_date"] = json!("2031-05-01T18:00:00Z");
        }
        case.kind.create(app, &owner, more).await;
        let others: Vec<String> = (0..11).map(|n| format!("person{n}@example.org")).collect();
        for address in others.iter().map(String::as_str).chain([took_part]) {
            app.post(case.kind.submit, None, &signer(address)).await.expect(202);
            if case.confirmation == "email" {
                confirm(app, address).await;
            }
        }
        let mut tokens = Vec::new();
        for scope in SCOPES.into_iter().filter(|scope| !READERS.contains(scope)) {
            tokens.push((scope, app.token("Alliance", scope).await));
        }
        let readable = readable(app, case.kind, &tokens).await;
        let (etags, statements) = (HashMap::new(), Statements::capture());
        let mut play = Self { app, case, tokens, readable, etags, statements, answers: Vec::new() };
        play.look("before").await;
        play
    }

    fn token(&self, scope: &str) -> Option<&str> {
        self.tokens.iter().find(|(name, _)| *name == scope).map(|(_, token)| token.as_str())
    }

    /// Whether what was read is what it was, by its `ETag`: who keeps a copy asks that again and again.
    fn etag(&mut self, scope: &'static str, path: &str, reply: &Reply) -> &'static str {
        let Some(etag) = reply.headers.get(header::ETAG) else { return "no ETag" };
        let last = self.etags.insert((scope, path.to_owned()), etag.as_bytes().to_vec());
        match last {
            None => "first ETag",
            Some(last) if last == etag.as_bytes() => "same ETag",
            Some(_) => "another ETag",
        }
    }

    /// Lets everything happen that follows, and reads everything that can be read.
    async fn look(&mut self, when: &str) {
        self.app.mail().await;
        self.app.jobs().await;
        self.app.tick().await;
        self.app.expire_caches();
        let all = when == "before" || when == "next week";
        for (scope, path) in self.readable.clone().into_iter().filter(|(scope, _)| all || TELLING.contains(scope)) {
            let question = format!("{when}: GET {path} {scope}");
            let reply = if scope.is_empty() {
                self.answer(&question, self.app.get(&path, None)).await
            } else {
                let reply = self.app.get(&path, self.token(scope)).await;
                self.answers.push((format!("{question}: answer"), told(&reply)));
                reply
            };
            let etag = self.etag(scope, &path, &reply);
            self.answers.push((format!("{question}: ETag"), etag.to_owned()));
        }
        let mut mails = Vec::new();
        for mail in self.app.mail().await {
            if ![AMARA, OTHER].iter().any(|address| mail.to.contains(address)) {
                mails.push(format!("{} {}", mail.to, mail.subject));
            }
        }
        mails.sort();
        self.answers.push((format!("{when}: mails to others"), mails.join("\n")));
    }

    async fn ask(&mut self, question: &str, request: impl Future<Output = Reply>) {
        self.answer(question, request).await;
        self.look(question).await;
    }

    /// Notes an answer, and the statements that were run for it.
    async fn answer(&mut self, question: &str, request: impl Future<Output = Reply>) -> Reply {
        // nothing is remembered, so that nothing depends on how long the last look took
        self.app.expire_caches();
        self.statements.take();
        let reply = request.await;
        let statements = self.statements.take();
        self.answers.push((format!("{question}: answer"), told(&reply)));
        self.answers.push((format!("{question}: statements"), statements.join("\n")));
        reply
    }

    /// Uploads a file in which she stands, and starts it.
    async fn import(&mut self, dry_run: bool) {
        let (app, token) = (self.app, self.token("contacts:write").unwrap().to_owned());
        let list = self.case.kind.submit.replace("/signatures", "/imports");
        let request = Request::post(format!("{list}?name=list.csv"))
            .header("OSDI-API-Token", &token)
            .header(header::CONTENT_TYPE, "text/csv; charset=utf-8")
            .body(Body::from(format!("Name,E-mail\nAmara,{AMARA}\nBo,bo@example.org\n")))
            .unwrap();
        let question = format!("import, dry run {dry_run}");
        let uploaded = self.answer(&format!("{question}, upload"), app.send(request)).await;
        if uploaded.status == 201 {
            let links = &uploaded.json()["_links"];
            let start = app.path_of(links["muster:start"]["href"].as_str().unwrap()).to_owned();
            let mapping = json!({"mapping": {"given_name": "Name", "email": "E-mail"}, "dry_run": dry_run});
            self.answer(&format!("{question}, start"), app.post(&start, Some(&token), &mapping)).await.expect(202);
            app.jobs().await;
            let faults = app.path_of(links["muster:faults"]["href"].as_str().unwrap()).to_owned();
            self.answer(&format!("{question}, faults"), app.get(&faults, Some(&token))).await;
        }
        self.answer(&format!("{question}, list"), app.get(&list, Some(&token))).await;
    }

    /// All that can be asked about Amara by who has neither her mailbox nor may read contacts.
    async fn ask_everything(mut self) -> Vec<(String, String)> {
        let (app, kind) = (self.app, self.case.kind);
        let writes = self.token("contacts:write").unwrap().to_owned();
        let manages = self.token("mail:manage").unwrap().to_owned();
        let body = signer(AMARA);
        self.ask("public request", app.post(kind.submit, None, &body)).await;
        let fields = [
            ("given_name", "Amara"),
            ("family_name", "Okafor"),
            ("email", AMARA),
            ("postal_code", "M5V 3L9"),
            ("outcome", "reached"),
        ];
        self.ask("form", app.post_form(kind.page, &fields)).await;
        self.ask("own page", app.post_form("/my", &[("email", AMARA)])).await;
        let code = [("email", AMARA), ("code", "aaaabbbb")];
        self.ask("code", app.post_form(&format!("{}/code", kind.page), &code)).await;
        self.ask("person", app.post("/api/v1/people", Some(&writes), &body)).await;
        self.ask("unsuppress", app.post("/api/v1/mail/unsuppress", Some(&manages), &json!({"address": AMARA}))).await;
        if kind.name == "petition" {
            self.import(true).await;
            self.look("dry run").await;
        }
        if !self.case.counts_who_is_entered() {
            self.ask("vouching", app.post(kind.submit, Some(&writes), &body)).await;
        }
        let now: DateTime<_> = app.kernel.env.now();
        app.kernel.env.advance(TimeDelta::days(1) - now.time().signed_duration_since(chrono::NaiveTime::MIN));
        self.look("next day").await;
        app.kernel.env.advance(TimeDelta::days(7));
        self.look("next week").await;
        self.answer("vouching at the end", app.post(kind.submit, Some(&writes), &body)).await;
        if kind.name == "petition" {
            self.import(false).await;
        }
        self.answers
    }
}

/// What a token of each single scope, and somebody without one, can read of an action: the operations of the API, and the
/// pages.
async fn readable(app: &TestApp, kind: &Kind, tokens: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let slug = kind.page.rsplit('/').next().unwrap();
    let collection = kind.submit.split('/').nth(3).unwrap();
    let mut readable = Vec::new();
    for (method, template, needs) in operations(app).await {
        let is_own = template.split('/').nth(3).is_none_or(|first| first == collection)
            || !["petitions", "events", "advocacy_campaigns", "phone_campaigns"]
                .iter()
                .any(|other| template.contains(other));
        // streams for ever, or is of no action
        let skipped = ["/openapi.json", "/problems", "/exports"].iter().any(|part| template.contains(part));
        if method != Method::GET || !is_own || skipped || template.matches('{').count() > 1 {
            continue;
        }
        let path = template.replace("{id}", slug);
        let may: Vec<&'static str> = match needs {
            Nothing => vec![""],
            // of the account that asks
            Session => Vec::new(),
            NoToken | NoTokenOr(_) => [""].into_iter().chain(tokens.iter().map(|(scope, _)| *scope)).collect(),
            Scopes(scopes) if scopes.iter().any(|scope| READERS.contains(scope)) => Vec::new(),
            Scopes(scopes) => tokens.iter().map(|(scope, _)| *scope).filter(|scope| scopes.contains(scope)).collect(),
        };
        readable.extend(may.into_iter().map(|scope| (scope, path.clone())));
    }
    for page in ["", "/received", "/code", ".ics"] {
        readable.push(("", format!("{}{page}", kind.page)));
    }
    readable.push(("", "/".to_owned()));
    assert!(readable.len() > 20, "{readable:?}");
    readable
}

/// A further database beside that of the test, which [`drop_database`] drops.
async fn create_database(options: &PgConnectOptions, number: usize) -> String {
    let name = options.get_database().unwrap();
    // names of databases are cut at 63 bytes
    let name = format!("{number}_{}", &name[name.len().saturating_sub(50)..]);
    let mut conn = options.clone().database("postgres").connect().await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE \"{name}\""))).execute(&mut conn).await.unwrap();
    name
}

async fn drop_database(options: &PgConnectOptions, name: &str) {
    let mut conn = options.clone().database("postgres").connect().await.unwrap();
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE \"{name}\" WITH (FORCE)"))).execute(&mut conn).await.unwrap();
}

async fn nothing_differs(pool: PgPool, kind: &'static Kind, privacy: &'static str) {
    let mut found = Vec::new();
    let (mut asked, mut ran) = (0, 0);
    let is_event = kind.name == "event";
    let asks_nothing = privacy == "standard" && kind.name != "letter";
    let cases = [("email", false), ("email", true), ("none", false), ("none", true)].into_iter();
    let cases = cases.filter(|(confirmation, full)| (*confirmation == "email" || asks_nothing) && (!full || is_event));
    let options: PgConnectOptions = (*pool.connect_options()).clone();
    for (confirmation, full) in cases {
        let case = Case { kind, privacy, confirmation, full };
        let mut plays = Vec::new();
        for took_part in [AMARA, OTHER] {
            let name = create_database(&options, plays.len()).await;
            let database = PgPool::connect_with(options.clone().database(&name)).await.unwrap();
            muster::MIGRATOR.run(&database).await.unwrap();
            let settings = [("MUSTER__GUARD__MODE", "off"), ("MUSTER__MAIL__CONFIRMATIONS_PER_DAY", "50")];
            let app = TestApp::with(database.clone(), &settings).await;
            plays.push(Play::begin(&app, &case, took_part).await.ask_everything().await);
            drop(app);
            database.close().await;
            drop_database(&options, &name).await;
        }
        let [took_part, did_not] = plays.try_into().unwrap_or_else(|_| panic!("two"));
        assert_eq!(took_part.len(), did_not.len());
        asked += took_part.len();
        ran += took_part.iter().filter(|(question, said)| question.ends_with("statements") && !said.is_empty()).count();
        for ((question, one), (_, other)) in took_part.into_iter().zip(did_not) {
            let is_excepted = EXCEPTIONS.iter().any(|(part, only, _)| question.contains(part) && *only == privacy);
            if one != other && !is_excepted {
                found.push(format!(
                    "{} {privacy} {confirmation} full={full}: {question}\n{}",
                    kind.name,
                    difference(&one, &other)
                ));
            }
        }
    }
    assert!(asked > 400, "{asked} answers");
    assert!(ran > 100, "{ran} answers of which statements were seen");
    assert!(found.is_empty(), "{} of {asked} answers tell who took part:\n{}", found.len(), found.join("\n"));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_signed(pool: PgPool) {
    nothing_differs(pool, &KINDS[0], "standard").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_signed_a_protected_petition(pool: PgPool) {
    nothing_differs(pool, &KINDS[0], "protected").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_is_registered(pool: PgPool) {
    nothing_differs(pool, &KINDS[1], "standard").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_is_registered_for_a_protected_event(pool: PgPool) {
    nothing_differs(pool, &KINDS[1], "protected").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_wrote_a_letter(pool: PgPool) {
    nothing_differs(pool, &KINDS[2], "standard").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_wrote_a_letter_of_a_protected_action(pool: PgPool) {
    nothing_differs(pool, &KINDS[2], "protected").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_called(pool: PgPool) {
    nothing_differs(pool, &KINDS[3], "standard").await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn nothing_tells_who_called_for_a_protected_action(pool: PgPool) {
    nothing_differs(pool, &KINDS[3], "protected").await;
}

/// The lines in which two answers differ.
fn difference(one: &str, other: &str) -> String {
    let differ = one.lines().zip(other.lines()).filter(|(a, b)| a != b).take(3);
    let shown = differ.map(|(a, b)| {
        let at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(60);
        let cut = |line: &str| line.chars().skip(at).take(160).collect::<String>();
        format!("  took part: …{}\n  did not:   …{}\n", cut(a), cut(b))
    });
    shown.collect()
}
