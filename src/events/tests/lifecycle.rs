//! A registration from submission to cancellation with a real keyring and real templates: what mails and pages say,
//! and to whom.

use std::sync::Arc;

use chrono::TimeDelta;
use minijinja::context;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    campaigns::Campaigns,
    config::Settings,
    error::Code,
    events::{Event, Events, NewEvent, create_event, register_links, register_mail, submission::NewAttendance},
    kernel::{
        Kernel,
        env::Env,
        forms::FormInput,
        keyring::Keyring,
        links::{LinkHandlers, LinkPage},
        text::LocaleTag,
    },
    mail::{Class, Composed, MailKinds, QueuedEmail, compose_one},
    organizers::Authenticator,
    people::{AllRecords, Consents, PersonBody},
};

/// The names of the files of a mail.
fn names(mail: &Composed) -> Vec<&str> {
    mail.attachments.iter().map(|file| file.name.as_str()).collect()
}

struct TestApp {
    events: Events,
    organization: Uuid,
    _keys: tempdir::Dir,
}

mod tempdir {
    pub(super) struct Dir(pub std::path::PathBuf);
    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl TestApp {
    async fn start(db: &PgPool) -> Self {
        let env = Env::system();
        let dir = std::env::temp_dir().join(format!("muster-events-{}", env.id()));
        std::fs::create_dir_all(&dir).unwrap();
        let keyring = Arc::new(Keyring::init(&dir.join("keyring"), &env).unwrap());
        let settings = Settings::read("test", &[]).unwrap();
        let kernel = Kernel::new(settings, env, db.clone(), keyring);
        let organization = kernel.env.id();
        let now = kernel.env.now();
        sqlx::query("INSERT INTO organizations (id, name, slug, created_at) VALUES ($1, 'Alliance', 'alliance', $2)")
            .bind(organization)
            .bind(now)
            .execute(db)
            .await
            .unwrap();
        let mut conn = db.acquire().await.unwrap();
        kernel.vaults.create_for_organization(&mut conn, organization).await.unwrap();
        let authenticator = Authenticator::new(kernel.clone());
        let campaigns = Campaigns::new(kernel.clone(), authenticator.clone());
        Self { events: Events::new(kernel, authenticator, campaigns), organization, _keys: tempdir::Dir(dir) }
    }

    fn kernel(&self) -> &Arc<Kernel> {
        &self.events.kernel
    }

    async fn event(&self, body: serde_json::Value) -> Arc<Event> {
        let kernel = self.kernel();
        let new = NewEvent::parse(body.to_string().as_bytes(), kernel.env.now()).unwrap();
        let id = kernel.env.id();
        create_event(&mut kernel.db.acquire().await.unwrap(), kernel, self.organization, id, new).await.unwrap();
        self.events.event(&id.to_string()).await.unwrap()
    }

    fn attendance(email: &str, party_size: i16) -> NewAttendance {
        let form = FormInput::of(format!("given_name=Amara&family_name=Diaz&email={email}").as_bytes());
        let person = PersonBody::of_form(&form, LocaleTag::Fr).parse("").unwrap();
        NewAttendance {
            person,
            party_size,
            interpretation: "es".into(),
            access_needs: "ramp".into(),
            consents: Consents { updates: true, ..Consents::default() },
            source: None,
            from: None,
        }
    }

    /// Takes the newest mail out of the queue and composes it.
    async fn mail(&self) -> Option<(String, Composed)> {
        let (id, kind, class, refs): (Uuid, String, Class, serde_json::Value) =
            sqlx::query_as("DELETE FROM emails WHERE id = (SELECT id FROM emails ORDER BY created_at, id LIMIT 1) RETURNING id, kind, class, refs").fetch_one(&self.kernel().db).await.unwrap();
        let now = self.kernel().env.now();
        let email = QueuedEmail {
            id,
            organization_id: self.organization,
            class,
            kind: kind.clone(),
            lane: String::new(),
            refs,
            protected: false,
            attempts: 1,
            created_at: now,
            due_at: now,
        };
        let mut kinds = MailKinds::new();
        register_mail(&self.events, &crate::people::AllRecords::default(), &mut kinds);
        compose_one(kinds.get(&kind).unwrap(), &email).await.unwrap().map(|composed| (kind, composed))
    }

    async fn open(&self, mail: &Composed, press: bool) -> LinkPage {
        let token = mail.text.split("/t/").nth(1).unwrap().split_whitespace().next().unwrap();
        let token = self.kernel().links.parse(token).unwrap();
        let mut handlers = LinkHandlers::default();
        register_links(&self.events, &AllRecords::default(), &mut handlers);
        let handler = handlers.of(&token).unwrap();
        let page =
            if press { handler.act(&token, &FormInput::default()).await } else { handler.show(&token).await }.unwrap();
        let context = context! { languages => Vec::<String>::new(), canonical => "", action => "", ..minijinja::Value::from(minijinja::value::Serde(&page)) };
        self.kernel().pages.render("pages/token.html", page.locale, context).unwrap();
        page
    }
}

fn tomorrow(body: serde_json::Value) -> serde_json::Value {
    let mut body = body;
    body["start_date"] = json!(Env::system().now() + TimeDelta::days(30));
    body["muster:status"] = json!("published");
    body
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn registration_from_form_to_cancellation(db: PgPool) {
    let test_app = TestApp::start(&db).await;
    let event = test_app.event(tomorrow(json!({"title": "Asamblea", "capacity": 2, "instructions": "https://meet.example.org/secret", "muster:format": "hybrid", "location": {"venue": "Hall"}}))).await;
    test_app.events.submit(&event, TestApp::attendance("amara@example.org", 2)).await.unwrap();
    let (kind, confirm) = test_app.mail().await.unwrap();
    assert_eq!(kind, "event_confirm");
    // nothing that was typed, no private link, no file
    assert!(
        !confirm.text.contains("Amara")
            && !confirm.text.contains("secret")
            && confirm.attachments.is_empty()
            && confirm.html.is_some()
    );
    let page = test_app.open(&confirm, false).await;
    assert!(
        page.button.is_some() && page.locale == LocaleTag::Fr && page.details.iter().any(|d| d.value == "Amara Diaz")
    );
    for _ in 0..2 {
        let page = test_app.open(&confirm, true).await;
        assert!(page.done && page.button.is_none() && !page.lines.iter().any(|l| l.contains("secret")), "{page:?}");
    }
    let (kind, registered) = test_app.mail().await.unwrap();
    assert_eq!(kind, "event_registered");
    assert!(registered.text.contains("https://meet.example.org/secret"));
    assert_eq!(names(&registered), ["ticket.svg", "asamblea.ics"]);
    assert!(!registered.attachments.iter().any(|file| String::from_utf8_lossy(&file.body).contains("secret")));
    // somebody else waits, and moves up when the first one cancels
    test_app.events.submit(&event, TestApp::attendance("bo@example.org", 1)).await.unwrap();
    let (_, confirm) = test_app.mail().await.unwrap();
    test_app.open(&confirm, true).await;
    let (kind, waiting) = test_app.mail().await.unwrap();
    assert!(kind == "event_waitlisted" && !waiting.text.contains("secret"));
    let own_page = test_app.open(&registered, false).await;
    assert!(own_page.opens && own_page.details.is_empty(), "what it is about is shown after a press");
    for _ in 0..2 {
        assert!(test_app.open(&registered, true).await.done);
    }
    let mut kinds = Vec::new();
    for _ in 0..2 {
        kinds.push(test_app.mail().await.unwrap().0);
    }
    kinds.sort();
    assert_eq!(kinds, ["event_cancelled_by_you", "event_promoted"]);
    let consents: i64 = sqlx::query_scalar("SELECT count(*) FROM consents").fetch_one(&db).await.unwrap();
    assert_eq!(consents, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn protected_event_link_page_is_neutral_until_confirmed(db: PgPool) {
    let test_app = TestApp::start(&db).await;
    let event = test_app.event(tomorrow(json!({"title": "Asamblea", "muster:privacy": "protected"}))).await;
    test_app.events.submit(&event, TestApp::attendance("amara@example.org", 1)).await.unwrap();
    let (_, confirm) = test_app.mail().await.unwrap();
    assert!(
        !confirm.text.contains("Asamblea")
            && !confirm.subject.contains("Asamblea")
            && confirm.html.is_none()
            && confirm.from_name.is_empty()
    );
    let page = test_app.open(&confirm, false).await;
    assert!(
        page.neutral
            && page.details.is_empty()
            && !format!("{page:?}").contains("Asamblea")
            && page.locale == LocaleTag::Fr
    );
    assert!(test_app.open(&confirm, true).await.done);
    let (kind, registered) = test_app.mail().await.unwrap();
    assert!(
        kind == "event_registered"
            && registered.attachments.is_empty()
            && registered.html.is_none()
            && !registered.text.contains("Asamblea")
    );
    let clear: (Option<String>, Option<String>) =
        sqlx::query_as("SELECT locale, source FROM attendances").fetch_one(&db).await.unwrap();
    assert_eq!(clear, (None, None));
    // nobody is registered by an organizer, who would learn whether she was there before
    for address in ["amara@example.org", "nobody@example.org"] {
        let refused = test_app.events.submit_vouched(&event, TestApp::attendance(address, 1), None).await.unwrap_err();
        assert_eq!(refused.code(), Code::Forbidden);
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn vouched_registration_is_idempotent(db: PgPool) {
    let test_app = TestApp::start(&db).await;
    let event = test_app.event(tomorrow(json!({"title": "Asamblea", "muster:confirmation": "none"}))).await;
    let first =
        test_app.events.submit_vouched(&event, TestApp::attendance("amara@example.org", 1), None).await.unwrap();
    let again =
        test_app.events.submit_vouched(&event, TestApp::attendance("amara@example.org", 1), None).await.unwrap();
    assert!(first.is_new && !again.is_new && first.attendance == again.attendance);
    test_app.mail().await;
    // the public cannot find out: it is told the same, and the owner hears by mail that she is registered
    test_app.events.submit(&event, TestApp::attendance("amara@example.org", 5)).await.unwrap();
    let (kind, told) = test_app.mail().await.unwrap();
    assert_eq!((kind.as_str(), names(&told)), ("event_declined", vec!["ticket.svg", "asamblea.ics"]));
    let seats: i32 = sqlx::query_scalar("SELECT seats_taken FROM events").fetch_one(&db).await.unwrap();
    assert_eq!(seats, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn event_page_has_a_form_and_a_calendar_file(db: PgPool) {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    let test_app = TestApp::start(&db).await;
    let body = json!({"title": "Asamblea", "muster:slug": "asamblea", "instructions": "https://meet.example.org/secret",
                      "muster:interpretation": ["es", "asl"], "muster:contacts": [{"name": "Ana", "phone": "1"}]});
    let event = test_app.event(tomorrow(body)).await;
    let app = crate::events::pages(test_app.events.clone());
    let ask = async |request: Request<Body>| {
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    };
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let post = |form: &str| {
        let kind = "application/x-www-form-urlencoded";
        Request::post("/e/asamblea").header("content-type", kind).body(Body::from(form.to_owned())).unwrap()
    };
    let (status, page) = ask(get("/e/asamblea?lang=es")).await;
    assert!(
        status == 200 && page.contains("Asamblea") && page.contains("ASL") && !page.contains("secret"),
        "{status} {page}"
    );
    let (status, file) = ask(get("/e/asamblea.ics")).await;
    assert!(status == 200 && file.starts_with("BEGIN:VCALENDAR") && !file.contains("secret"));
    assert_eq!(ask(get("/e/nothing")).await.0, 404);
    let (status, page) = ask(post("given_name=Amara&email=nobody&party_size=50&interpretation=fr&locale=fr")).await;
    assert!(status == 422 && page.contains("Amara") && page.matches("field-error").count() >= 3, "{status} {page}");
    let valid = "given_name=Amara&email=amara%40example.org&party_size=2&interpretation=es&access_needs=&locale=fr";
    let (status, first) = ask(post(valid)).await;
    assert_eq!((status, &ask(post(valid)).await.1), (303, &first));
    let (status, page) = ask(post(&format!("{valid}&website=x"))).await;
    assert!(status == 428 && page.contains("amara@example.org"), "{status} {page}");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM attendances").fetch_one(&db).await.unwrap();
    assert_eq!(rows, 2);
    assert!(event.action.confirms);
}
