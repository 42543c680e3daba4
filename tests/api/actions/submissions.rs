//! What every kind of action does with a submission: one table, each capability with each kind, through pages and API.

use futures_util::future::join_all;
use muster::{
    calls::{CONFIRM_CALL, MANAGE_CALL},
    events::{CONFIRM_ATTENDANCE, MANAGE_ATTENDANCE},
    kernel::links::Purpose,
    letters::{CONFIRM_LETTER, MANAGE_LETTER},
    mail::Mail,
    petitions::{CONFIRM_SIGNATURE, MANAGE_SIGNATURE},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::{
    fixtures::{call_action, event, letter_action, office},
    harness::{TestApp, signer},
};

pub struct Kind {
    /// Prefix of its mails.
    pub name: &'static str,
    /// Its page.
    pub page: &'static str,
    /// Where one submits.
    pub submit: &'static str,
    pub table: &'static str,
    /// States of a submission that was confirmed.
    pub effective: &'static str,
    pub confirm: Purpose,
    pub manage: Purpose,
    /// States after withdrawing.
    pub withdrawn: &'static str,
}

pub const KINDS: [Kind; 4] = [
    Kind {
        name: "petition",
        page: "/p/status",
        submit: "/api/v1/petitions/status/signatures",
        table: "signatures",
        effective: "state = 'counted'",
        confirm: CONFIRM_SIGNATURE,
        manage: MANAGE_SIGNATURE,
        withdrawn: "state = 'withdrawn'",
    },
    Kind {
        name: "event",
        page: "/e/assembly",
        submit: "/api/v1/events/assembly/attendances",
        table: "attendances",
        effective: "state = 'accepted'",
        confirm: CONFIRM_ATTENDANCE,
        manage: MANAGE_ATTENDANCE,
        withdrawn: "state = 'cancelled'",
    },
    Kind {
        name: "letter",
        page: "/l/write",
        submit: "/api/v1/advocacy_campaigns/write/outreaches",
        table: "letters",
        effective: "state = 'confirmed'",
        confirm: CONFIRM_LETTER,
        manage: MANAGE_LETTER,
        withdrawn: "id IN (SELECT letter_id FROM outreaches WHERE state = 'cancelled')",
    },
    Kind {
        name: "call",
        page: "/call/phone",
        submit: "/api/v1/phone_campaigns/phone/outreaches",
        table: "calls",
        effective: "state = 'counted'",
        confirm: CONFIRM_CALL,
        manage: MANAGE_CALL,
        withdrawn: "state = 'withdrawn'",
    },
];

impl Kind {
    pub async fn create(&self, app: &TestApp, token: &str, more: Value) {
        match self.name {
            "petition" => drop(app.petition(token, more).await),
            "event" => drop(event(app, token, more).await),
            name => {
                if app.count("SELECT count(*) FROM offices").await == 0 {
                    office(app, token, "minister").await;
                }
                match name {
                    "letter" => drop(letter_action(app, token, more).await),
                    _ => drop(call_action(app, token, more).await),
                }
            }
        }
    }

    pub async fn submit(&self, app: &TestApp, address: &str) {
        app.post(self.submit, None, &signer(address)).await.expect(202);
    }

    pub async fn count(&self, app: &TestApp, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {} WHERE {condition}", self.table);
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&app.kernel.db).await.unwrap()
    }

    async fn run(&self, app: &TestApp, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.replace("TABLE", self.table))).execute(&app.kernel.db).await.unwrap();
    }

    async fn reminders(&self, app: &TestApp) -> i64 {
        let sql = "SELECT count(*) FROM emails WHERE kind = $1";
        sqlx::query_scalar(sql).bind(format!("{}_reminder", self.name)).fetch_one(&app.kernel.db).await.unwrap()
    }
}

async fn newest_mail(app: &TestApp, address: &str) -> Mail {
    app.mail_to(address).await.pop().unwrap_or_else(|| panic!("no mail to {address}"))
}

/// The code to type in a mail: four letters, a hyphen, four letters.
fn code_in(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| word.len() == 9 && word.as_bytes()[4] == b'-' && word.is_ascii())
}

/// The path of the "this was not me" link on a page.
fn reject_link(page: &str) -> &str {
    let end = page.find("This was not me").expect("a link to reject it");
    page[page[..end].rfind("/t/").unwrap()..].split('"').next().unwrap()
}

/// A fresh database for each kind would be a test for each kind and capability: they do not meet in one.
pub async fn all_kinds(pool: PgPool, more: Value) -> (TestApp, String) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    for kind in &KINDS {
        kind.create(&app, &token, more.clone()).await;
    }
    (app, token)
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn the_code_of_a_mail_confirms_like_its_link(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    for kind in &KINDS {
        let (amara, bo) = (format!("amara-{}@example.org", kind.name), format!("bo-{}@example.org", kind.name));
        let mut codes = Vec::new();
        for address in [&amara, &bo] {
            kind.submit(&app, address).await;
            let mail = newest_mail(&app, address).await;
            let page = format!("{}{}/code", app.kernel.settings.http.public_url, kind.page);
            assert!(mail.text.contains(&page), "{}: {}", kind.name, mail.text);
            codes.push(code_in(&mail.text).unwrap_or_else(|| panic!("{}: {}", kind.name, mail.text)).to_owned());
        }
        let page = format!("{}/code", kind.page);
        assert!(app.get(&page, None).await.text().contains("name=\"code\""));
        let enter = async |address: &str, code: &str| app.form(&page, &[("email", address), ("code", code)]).await;
        let wrong = enter(&amara, &codes[1]).await;
        assert_eq!(wrong.status, 422, "{}: somebody else's code", kind.name);
        let unknown = enter("nobody@example.org", &codes[1]).await.text();
        assert_eq!(wrong.text().replace(&amara, "nobody@example.org"), unknown, "{}", kind.name);
        assert_eq!(kind.count(&app, kind.effective).await, 0);
        for _ in 0..2 {
            let typed = codes[0].to_uppercase().replace('-', " ");
            assert_eq!(enter(&amara, &typed).await.status, 200, "{}", kind.name);
        }
        assert_eq!(kind.count(&app, kind.effective).await, 1, "{}", kind.name);
        assert_eq!(enter("no address", &codes[0]).await.status, 422);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn mails_and_pages_of_protected_actions_name_nothing_before_the_button(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({"title": "Undocumented assembly", "muster:privacy": "protected"})).await;
    for kind in &KINDS {
        let address = format!("amara-{}@example.org", kind.name);
        kind.submit(&app, &address).await;
        let mail = newest_mail(&app, &address).await;
        for named in ["Undocumented", kind.page, "code"] {
            assert!(!mail.text.contains(named) && !mail.subject.contains(named), "{}: {}", kind.name, mail.text);
        }
        let typed = app.form(&format!("{}/code", kind.page), &[("email", &address), ("code", "aaaa-aaaa")]).await;
        assert_eq!(typed.status, 404, "{}", kind.name);
        let link = app.path_of(&mail.links[0]);
        let before = app.get(link, None).await.text();
        assert!(!before.contains("Undocumented") && before.contains("This was not me"), "{}", kind.name);
        assert_eq!(app.form(link, &[]).await.status, 200);
        assert_eq!(kind.count(&app, kind.effective).await, 1, "{}", kind.name);
        let after = app.get(link, None).await.text();
        assert!(!after.contains("Undocumented"), "{}: also when it was confirmed already", kind.name);
        assert!(after.contains("<button"), "{}: the same page", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn whoever_has_not_confirmed_is_reminded_once(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    for kind in &KINDS {
        let address = |who: &str| format!("{who}-{}@example.org", kind.name);
        for who in ["forgot", "twice", "twice", "done", "never"] {
            kind.submit(&app, &address(who)).await;
        }
        app.press(&newest_mail(&app, &address("done")).await.links[0]).await;
        let link = newest_mail(&app, &address("never")).await.links[0].clone();
        let page = app.get(app.path_of(&link), None).await.text();
        app.form(reject_link(&page), &[("never_again", "true")]).await;
        muster::worker::run_maintenance(&app.app).await.unwrap();
        assert_eq!(kind.reminders(&app).await, 0, "{}: not before three days have passed", kind.name);
        kind.run(&app, "UPDATE TABLE SET created_at = created_at - interval '4 days'").await;
        for _ in 0..2 {
            muster::worker::run_maintenance(&app.app).await.unwrap();
        }
        assert_eq!(kind.reminders(&app).await, 2, "{}: once for each person who forgot", kind.name);
        let mail = newest_mail(&app, &address("forgot")).await;
        assert_eq!(mail.kind, format!("{}_reminder", kind.name));
        assert!(!mail.text.contains("Amara"), "an unconfirmed address gets nothing that was typed");
        let before = kind.count(&app, kind.effective).await;
        app.press(&mail.links[0]).await;
        assert_eq!(kind.count(&app, kind.effective).await, before + 1, "{}", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn reminders_of_protected_actions_are_neutral_and_none_comes_when_it_is_closed(pool: PgPool) {
    let (app, token) = all_kinds(pool, json!({"title": "Undocumented assembly", "muster:privacy": "protected"})).await;
    for kind in &KINDS {
        let address = format!("amara-{}@example.org", kind.name);
        kind.submit(&app, &address).await;
        app.mail().await;
        kind.run(&app, "UPDATE TABLE SET created_at = created_at - interval '4 days'").await;
        muster::worker::run_maintenance(&app.app).await.unwrap();
        let mail = newest_mail(&app, &address).await;
        assert_eq!(mail.kind, format!("{}_reminder", kind.name));
        for named in ["Undocumented", kind.page, "code"] {
            assert!(!mail.text.contains(named) && !mail.subject.contains(named), "{}: {}", kind.name, mail.text);
        }
    }
    for kind in &KINDS {
        kind.submit(&app, &format!("late-{}@example.org", kind.name)).await;
        kind.run(&app, "UPDATE TABLE SET created_at = created_at - interval '4 days'").await;
    }
    for path in ["petitions/status", "events/assembly", "advocacy_campaigns/write", "phone_campaigns/phone"] {
        let body = json!({"muster:status": "closed"});
        app.put(&format!("/api/v1/{path}"), Some(&token), &body).await.expect(200);
    }
    muster::worker::run_maintenance(&app.app).await.unwrap();
    for kind in &KINDS {
        assert_eq!(kind.reminders(&app).await, 0, "{}", kind.name);
        let mails = app.mail_to(&format!("late-{}@example.org", kind.name)).await;
        assert!(mails.iter().all(|mail| !mail.kind.ends_with("_reminder")), "{}", kind.name);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn owners_withdraw_at_once_and_each_only_their_own(pool: PgPool) {
    let (app, _) = all_kinds(pool, json!({})).await;
    for kind in &KINDS {
        for n in 0..34 {
            kind.submit(&app, &format!("n{n}-{}@example.org", kind.name)).await;
        }
        let confirm: Vec<String> = app
            .mail()
            .await
            .into_iter()
            .filter(|mail| mail.kind == format!("{}_confirm", kind.name))
            .map(|mail| app.path_of(&mail.links[0]).to_owned())
            .collect();
        assert!(join_all(confirm.iter().map(|link| app.form(link, &[]))).await.iter().all(|r| r.status == 200));
        assert_eq!(kind.count(&app, kind.effective).await, 34, "{}", kind.name);
        let sql = format!("SELECT id FROM {} ORDER BY id", kind.table);
        let mut ids: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&app.kernel.db).await.unwrap();
        let stays = ids.pop().unwrap();
        let link = |id: &Uuid| format!("/t/{}", app.kernel.links.token(kind.manage, *id, 0));
        let mut pressed: Vec<String> = ids.iter().map(link).collect();
        // the own page is shown before, and changes nothing
        assert!(app.get(&pressed[0], None).await.text().contains("<button"), "{}", kind.name);
        // one of them many times, and one with a token of another row
        pressed.extend(vec![pressed[0].clone(); 15]);
        let replies = join_all(pressed.iter().map(|link| app.form(link, &[]))).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{}", kind.name);
        assert_eq!(kind.count(&app, kind.withdrawn).await, 33, "{}", kind.name);
        let forged = app.kernel.links.token(kind.manage, Uuid::from_u128(7), 0);
        assert_eq!(app.form(&format!("/t/{forged}"), &[]).await.status, 410);
        // a link to confirm is no link to withdraw
        let confirm = app.kernel.links.token(kind.confirm, stays, 0);
        assert_eq!(app.form(&format!("/t/{confirm}"), &[]).await.status, 200);
        assert_eq!(kind.count(&app, kind.withdrawn).await, 33, "{}", kind.name);
    }
    app.tick().await;
    let totals = "SELECT sum(value)::bigint FROM action_counts WHERE dimension = 'total'";
    assert_eq!(app.count(totals).await, 4, "one signature, one seat, one letter, one call");
}
