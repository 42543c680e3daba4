//! Tests of this slice on a database: a letter from its submission to its mail.

use std::{path::PathBuf, sync::Arc};

use chrono::{NaiveDate, TimeDelta};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    mail::{LetterMail, reply_address},
    store, *,
};
use crate::{
    campaigns::{ActionDocument, Campaigns, Kind, SubmissionOutcome, exact_total},
    config::Settings,
    kernel::{
        Kernel,
        env::Env,
        forms::FormInput,
        jobs,
        keyring::Keyring,
        links::{LinkHandlers, Purpose},
        text::{EmailAddress, LocaleTag, Slug},
    },
    mail::{Class, Composed, DeliveryStatus, MailKind, MailKinds, QueuedEmail, compose_one},
    organizers::Authenticator,
    people::{AllRecords, PersonBody},
};

struct LetterFixture {
    letters: Letters,
    organization: Uuid,
    purposes: LinkHandlers,
    /// Folder of its keyring.
    folder: PathBuf,
}

impl Drop for LetterFixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const BODY: &str = "Dear {{ target.salutation }},\n\nPlease act, {{ target.title }}.";

impl LetterFixture {
    async fn new(db: PgPool) -> Self {
        let env = Env::system();
        let folder = std::env::temp_dir().join(format!("muster-letters-{}", env.id()));
        let settings = Settings::read("test", &[]).expect("settings");
        let keyring = Keyring::init(&folder.join("keyring.json"), &env).expect("a keyring");
        let kernel = Kernel::new(settings, env, db, Arc::new(keyring));
        let organization = kernel.env.id();
        sqlx::query(
            "INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, 'Alliance', 'alliance', now())",
        )
        .bind(organization)
        .execute(&kernel.db)
        .await
        .expect("an organization");
        let mut conn = kernel.db.acquire().await.expect("a connection");
        kernel.vaults.create_for_organization(&mut conn, organization).await.expect("a vault");
        drop(conn);
        let authenticator = Authenticator::new(kernel.clone());
        let letters = Letters::new(kernel.clone(), authenticator.clone(), Campaigns::new(kernel, authenticator));
        let mut purposes = LinkHandlers::default();
        register_links(&letters, &AllRecords::default(), &mut purposes);
        let fixture = Self { letters, organization, purposes, folder };
        fixture.office("immigration", &["minister@example.org", "Office@example.org"], Some("Roy")).await;
        fixture.office("safety", &["safety@example.org"], None).await;
        fixture
    }

    fn kernel(&self) -> &Kernel {
        &self.letters.kernel
    }

    async fn office(&self, slug: &str, mailboxes: &[&str], family_name: Option<&str>) {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let name = |family: &str| OfficialName {
            honorific_prefix: "Minister".to_owned(),
            given_name: "Ana".to_owned(),
            family_name: family.to_owned(),
        };
        let mut holders =
            vec![Holder { name: name("Before"), starts_on: day("2019-01-01"), ends_on: Some(day("2020-01-01")) }];
        holders.extend(family_name.map(|family| Holder {
            name: name(family),
            starts_on: day("2020-01-02"),
            ends_on: None,
        }));
        let new = NewOffice {
            slug: Slug::parse(slug).expect("a slug"),
            title: format!("Minister of {slug}"),
            titles: std::collections::BTreeMap::from([(LocaleTag::Fr, format!("Ministre {slug}"))]),
            locale: LocaleTag::En,
            mailboxes: mailboxes.iter().map(|a| EmailAddress::parse(a).expect("an address")).collect(),
            holders,
        };
        let mut tx = self.kernel().db.begin().await.expect("a transaction");
        create_office(&mut tx, self.kernel(), self.organization, self.kernel().env.id(), &new)
            .await
            .expect("an office");
        tx.commit().await.expect("a commit");
    }

    async fn action(&self, privacy: &str) -> Arc<LetterAction> {
        let fields =
            json!({"title": format!("Write {privacy}"), "muster:status": "published", "muster:privacy": privacy});
        let shared = serde_json::from_value::<ActionDocument>(fields)
            .expect("fields")
            .parse(Kind::Letter, false)
            .expect("an action");
        let new = NewLetterAction {
            editable: true,
            targets: vec!["immigration".to_owned(), "safety".to_owned()],
            templates: vec![TemplateText {
                locale: LocaleTag::En,
                subjects: vec!["One".to_owned(), "Two".to_owned()],
                body: BODY.to_owned(),
            }],
        };
        let id = self.kernel().env.id();
        let mut tx = self.kernel().db.begin().await.expect("a transaction");
        create_letter_action(&mut tx, self.kernel(), self.organization, id, &shared, &new)
            .await
            .expect("a letter action");
        tx.commit().await.expect("a commit");
        self.letters.letter(&id.to_string()).await.expect("the action")
    }

    fn letter(name: &str, message: &str) -> NewLetter {
        let person = json!({"given_name": name, "family_name": "Singh", "email_addresses": [{"address": format!("{name}@example.org")}],
            "postal_addresses": [{"postal_code": "M5V 3L9", "locality": "Toronto"}]});
        let person: PersonBody = serde_json::from_value(person).expect("a person");
        NewLetter {
            person: person.parse("/person").expect("a valid person"),
            subject: String::new(),
            message: message.to_owned(),
            greeting: false,
            variant: Some(1),
            show_email: false,
            consents: crate::people::Consents::default(),
            source: None,
        }
    }

    /// Presses the button of the only letter's link.
    async fn press(&self, purpose: Purpose) -> crate::error::Result<crate::kernel::links::LinkPage> {
        let row: (Uuid,) =
            sqlx::query_as("SELECT id FROM letters ORDER BY id DESC LIMIT 1").fetch_one(&self.kernel().db).await?;
        self.press_of(purpose, row.0).await
    }

    async fn press_of(&self, purpose: Purpose, letter: Uuid) -> crate::error::Result<crate::kernel::links::LinkPage> {
        let url = self.kernel().links.url(purpose, letter, 0);
        let token = self.kernel().links.parse(url.rsplit('/').next().expect("a token")).expect("a token");
        self.purposes.of(&token)?.show(&token).await?;
        self.purposes.of(&token)?.act(&token, &FormInput::default()).await
    }

    async fn go_live(&self, letter: &LetterAction, live: bool) {
        let mut tx = self.kernel().db.begin().await.expect("a transaction");
        set_live(&mut tx, self.kernel(), letter.action.id, live).await.expect("live");
        tx.commit().await.expect("a commit");
        let dispatch_jobs = dispatch::DispatchJob(self.letters.clone());
        while jobs::run_step(self.kernel(), &dispatch_jobs).await.expect("a step") {}
    }

    async fn states(&self) -> Vec<String> {
        let sql = "SELECT o.state FROM outreaches o JOIN offices f ON f.id = o.office_id ORDER BY f.slug";
        sqlx::query_scalar(sql).fetch_all(&self.kernel().db).await.expect("states")
    }

    async fn total(&self, letter: &LetterAction) -> i64 {
        let mut conn = self.kernel().db.acquire().await.expect("a connection");
        exact_total(&mut conn, letter.action.id).await.expect("a total")
    }

    /// Mails of a kind that are queued, in the order of their offices.
    async fn queued(&self, kind: &str) -> Vec<QueuedEmail> {
        let sql = "SELECT e.id, e.organization_id, e.lane, e.refs, e.protected, e.created_at, e.due_at FROM emails e
                   LEFT JOIN outreaches o ON o.email_id = e.id LEFT JOIN offices f ON f.id = o.office_id
                   WHERE e.kind = $1 AND e.state = 'queued' ORDER BY f.slug";
        let rows: Vec<Row> = sqlx::query_as(sql).bind(kind).fetch_all(&self.kernel().db).await.expect("mails");
        let email = |row: Row| QueuedEmail {
            id: row.0,
            organization_id: row.1,
            class: Class::Letter,
            kind: kind.to_owned(),
            lane: row.2,
            refs: row.3,
            protected: row.4,
            attempts: 1,
            created_at: row.5,
            due_at: row.6,
        };
        rows.into_iter().map(email).collect()
    }

    async fn delivered(&self) -> Vec<Composed> {
        let mut composed = Vec::new();
        for email in self.queued("letter_deliver").await {
            composed.extend(compose_one(&LetterMail(self.letters.clone()), &email).await.expect("a letter"));
        }
        composed
    }
}

/// A row of the queue as the test reads it.
type Row = (Uuid, Uuid, String, serde_json::Value, bool, chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>);

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn letter_is_held_until_the_action_goes_live(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    fixture.letters.submit(&action, LetterFixture::letter("Amara", "")).await.unwrap();
    assert_eq!(fixture.states().await, ["pending", "pending"]);
    assert_eq!(fixture.queued("letter_confirm").await.len(), 1);
    let mut kinds = MailKinds::new();
    register_mail(&fixture.letters, &crate::people::AllRecords::default(), &mut kinds);
    let composed = compose_one(kinds.get("letter_confirm").unwrap(), &fixture.queued("letter_confirm").await[0])
        .await
        .unwrap()
        .unwrap();
    assert!(
        !composed.text.contains("Amara")
            && composed.text.contains("/t/")
            && composed.text.contains("Minister of safety")
    );

    let page = fixture.press(CONFIRM_LETTER).await.unwrap();
    assert!(page.done && page.lines[0].contains("keep it safe"), "{page:?}");
    assert_eq!((fixture.states().await, fixture.total(&action).await), (vec!["held".to_owned(); 2], 2));
    fixture.press(CONFIRM_LETTER).await.unwrap();
    assert_eq!((fixture.total(&action).await, fixture.queued("letter_thanks").await.len()), (2, 1));
    assert!(fixture.queued("letter_deliver").await.is_empty());

    fixture.go_live(&action, true).await;
    assert_eq!(fixture.states().await, ["queued", "queued"]);
    let letters = fixture.delivered().await;
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].to.as_str(), "minister@example.org");
    assert_eq!(letters[0].cc.iter().map(EmailAddress::as_str).collect::<Vec<_>>(), ["office@example.org"]);
    assert_eq!(letters[0].to_name.as_deref(), Some("Minister Ana Roy"));
    assert_eq!((letters[0].from_name.as_str(), letters[0].from_local.as_str()), ("Amara Singh", "letters"));
    assert_eq!(letters[0].subject, "Two");
    assert!(
        letters[0].text.starts_with("Dear Minister Roy,\n\nPlease act, Minister of immigration."),
        "{}",
        letters[0].text
    );
    assert!(letters[0].text.contains("Amara Singh") && letters[0].text.contains("Toronto, M5V 3L9"));
    assert!(!letters[0].text.contains("amara@") && letters[0].html.is_none() && letters[0].headers.is_empty());
    assert!(letters[1].text.starts_with("Dear Minister of safety,"));
    assert_eq!(letters[1].to_name.as_deref(), Some("Minister of safety"));
    let emails = fixture.queued("letter_deliver").await;
    let reply_to = letters[0].reply_to.clone().unwrap();
    assert_eq!(reply_to, reply_address(fixture.kernel(), emails[0].ref_id("outreach").unwrap()));
    assert!(reply_to.starts_with("reply+") && emails[0].lane != emails[1].lane && !emails[0].lane.is_empty());

    let mut conn = fixture.kernel().db.acquire().await.unwrap();
    let ended = [(&emails[0], DeliveryStatus::Sent), (&emails[1], DeliveryStatus::Failed)];
    LetterMail(fixture.letters.clone()).on_settled(&mut conn, &ended).await.unwrap();
    assert_eq!(fixture.states().await, ["sent", "failed"]);
    let sent: (Option<String>,) = sqlx::query_as("SELECT h.family_name FROM outreaches o LEFT JOIN officials h ON h.id = o.official_id WHERE o.state = 'sent' AND o.sent_at IS NOT NULL")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(sent.0.as_deref(), Some("Roy"));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn custom_text_is_sent_unchanged_and_can_be_withdrawn(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    fixture.go_live(&action, true).await;
    let typed = "Please, {{ target.salutation }}, {% raw %}\nstay {# with #} us.";
    let new = NewLetter { show_email: true, ..LetterFixture::letter("Amara", typed) };
    fixture.letters.submit(&action, new).await.unwrap();
    let page = fixture.press(CONFIRM_LETTER).await.unwrap();
    assert!(page.lines[0].contains("steady pace"));
    let letters = fixture.delivered().await;
    assert!(
        letters.iter().all(|l| l.text.starts_with(typed) && l.reply_to.as_deref() == Some("Amara@example.org")),
        "{:?}",
        letters[0].text
    );
    assert!(letters[0].text.contains("Amara@example.org"));

    let emails = fixture.queued("letter_deliver").await;
    sqlx::query("UPDATE emails SET state = 'sending', claim_token = $2, lease_until = now() WHERE id = $1")
        .bind(emails[0].id)
        .bind(fixture.kernel().env.id())
        .execute(&fixture.kernel().db)
        .await
        .unwrap();
    for _ in 0..2 {
        assert!(fixture.press(MANAGE_LETTER).await.unwrap().done);
        assert_eq!(
            (fixture.states().await, fixture.total(&action).await),
            (vec!["queued".to_owned(), "cancelled".to_owned()], 1)
        );
    }
    assert!(fixture.queued("letter_deliver").await.is_empty());
    assert!(compose_one(&LetterMail(fixture.letters.clone()), &emails[1]).await.unwrap().is_none());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_office_is_addressed_in_the_language_of_the_letter(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    fixture.go_live(&action, true).await;
    // the template is in English only
    for (message, greeting, expected) in [
        ("", false, ["Minister Ana Roy", "Minister of safety"]),
        ("Agissez.", true, ["Minister Ana Roy", "Minister of safety"]),
        ("Agissez.", false, ["Minister Ana Roy", "Ministre safety"]),
    ] {
        let mut new = NewLetter { greeting, ..LetterFixture::letter("Zoe", message) };
        new.person.locale = Some(LocaleTag::Fr);
        fixture.letters.submit(&action, new).await.unwrap();
        fixture.press(CONFIRM_LETTER).await.unwrap();
        let letters = fixture.delivered().await;
        let names: Vec<&str> = letters.iter().filter_map(|letter| letter.to_name.as_deref()).collect();
        assert_eq!(names, expected, "{message} {greeting}");
        sqlx::query("DELETE FROM emails").execute(&fixture.kernel().db).await.unwrap();
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_answer_to_an_address_in_utf8_comes_to_the_derived_address(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    fixture.go_live(&action, true).await;
    let new = NewLetter { show_email: true, ..LetterFixture::letter("José", "Please act.") };
    fixture.letters.submit(&action, new).await.unwrap();
    fixture.press(CONFIRM_LETTER).await.unwrap();
    let (emails, letters) = (fixture.queued("letter_deliver").await, fixture.delivered().await);
    let derived = reply_address(fixture.kernel(), emails[0].ref_id("outreach").unwrap());
    assert_eq!(letters[0].reply_to.as_deref(), Some(derived.as_str()));
    assert!(letters[0].text.contains("José@example.org"), "{}", letters[0].text);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn pausing_an_action_holds_queued_letters(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    fixture.go_live(&action, true).await;
    let written = fixture.letters.submit_vouched(&action, LetterFixture::letter("Amara", ""), None).await.unwrap();
    assert_eq!((written.outcome, fixture.total(&action).await), (SubmissionOutcome::Created, 2));
    assert_eq!(fixture.states().await, ["queued", "queued"]);
    fixture.go_live(&action, false).await;
    assert_eq!(fixture.states().await, ["held", "held"]);
    assert!(fixture.queued("letter_deliver").await.is_empty());
    fixture.go_live(&action, true).await;
    fixture.go_live(&action, true).await;
    assert_eq!((fixture.states().await, fixture.delivered().await.len()), (vec!["queued".to_owned(); 2], 2));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn going_live_releases_every_held_letter(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    for n in 0..12 {
        fixture.letters.submit(&action, LetterFixture::letter(&format!("p{n}"), "")).await.unwrap();
    }
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM letters").fetch_all(&fixture.kernel().db).await.unwrap();
    let confirm = async {
        for wave in ids.chunks(4) {
            futures_util::future::join_all(wave.iter().map(|id| fixture.press_of(CONFIRM_LETTER, *id))).await;
        }
    };
    futures_util::future::join(confirm, fixture.go_live(&action, true)).await;
    assert_eq!(fixture.states().await, vec!["queued"; 24]);
    assert_eq!((fixture.queued("letter_deliver").await.len(), fixture.total(&action).await), (24, 24));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn protected_letter_mail_is_neutral_and_rows_store_only_the_day(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("protected").await;
    fixture.letters.submit(&action, LetterFixture::letter("Amara", "")).await.unwrap();
    let mut kinds = MailKinds::new();
    register_mail(&fixture.letters, &crate::people::AllRecords::default(), &mut kinds);
    let composed = compose_one(kinds.get("letter_confirm").unwrap(), &fixture.queued("letter_confirm").await[0])
        .await
        .unwrap()
        .unwrap();
    assert!(!composed.text.contains("Write protected") && !composed.subject.contains("letter"), "{}", composed.subject);
    let page = fixture.press(CONFIRM_LETTER).await.unwrap();
    assert!(page.neutral && page.done);
    let row: (Option<String>, bool) = sqlx::query_as(
        "SELECT locale, created_at = date_trunc('day', created_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' FROM letters",
    )
    .fetch_one(&fixture.kernel().db)
    .await
    .unwrap();
    assert_eq!(row, (None, true));
    fixture.go_live(&action, true).await;
    assert_eq!(fixture.delivered().await.len(), 2);
    assert!(fixture.press(MANAGE_LETTER).await.unwrap().neutral);
    assert_eq!(fixture.states().await, ["cancelled", "cancelled"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn reject_link_deletes_the_pending_letter(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let action = fixture.action("standard").await;
    fixture.letters.submit(&action, LetterFixture::letter("Amara", "")).await.unwrap();
    let id: Uuid = sqlx::query_scalar("SELECT id FROM letters").fetch_one(&fixture.kernel().db).await.unwrap();
    for _ in 0..2 {
        assert!(fixture.press_of(REJECT_LETTER, id).await.unwrap().done);
    }
    assert!(fixture.press_of(CONFIRM_LETTER, id).await.is_err());
    assert!(fixture.states().await.is_empty());
    fixture.letters.submit(&action, LetterFixture::letter("Amara", "")).await.unwrap();
    fixture.kernel().env.advance(TimeDelta::days(30));
    assert!(fixture.press(CONFIRM_LETTER).await.is_err());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn new_office_holder_gets_new_letters_and_history_is_kept(db: PgPool) {
    let fixture = LetterFixture::new(db).await;
    let kernel = fixture.kernel();
    let mut tx = kernel.db.begin().await.unwrap();
    let today = fixture.letters.today();
    let office = store::office(&mut tx, Some(fixture.organization), "immigration", today).await.unwrap();
    let name = |family: &str| OfficialName {
        honorific_prefix: String::new(),
        given_name: "Bo".to_owned(),
        family_name: family.to_owned(),
    };
    ops::set_holder(&mut tx, kernel, &office, Some(&name("Wrong"))).await.unwrap();
    let office = store::office(&mut tx, Some(fixture.organization), "immigration", today).await.unwrap();
    ops::set_holder(&mut tx, kernel, &office, Some(&name("Lee"))).await.unwrap();
    let office = store::office(&mut tx, Some(fixture.organization), "immigration", today).await.unwrap();
    assert_eq!((office.family_name.as_deref(), office.starts_on), (Some("Lee"), Some(today)));
    let terms: Vec<(String, Option<NaiveDate>)> = sqlx::query_as("SELECT h.family_name, t.ends_on FROM terms t JOIN officials h ON h.id = t.official_id WHERE t.office_id = $1 ORDER BY t.starts_on")
        .bind(office.id)
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(terms.iter().map(|t| t.0.as_str()).collect::<Vec<_>>(), ["Before", "Roy", "Lee"]);
    assert_eq!((terms[1].1, terms[2].1), (today.pred_opt(), None));
    ops::set_holder(&mut tx, kernel, &office, None).await.unwrap();
    let office = store::office(&mut tx, Some(fixture.organization), "immigration", today).await.unwrap();
    assert!(office.family_name.is_none() && office.mailboxes.len() == 2);
}
