//! The editors: what an organizer types arrives whole at the API, can be cleared again, and is never lost on an error.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    fixtures,
    harness::{Reply, TestApp},
    ui::{
        forms::{declared_form, fill_in, forms},
        sessions::{get, sign_in},
    },
};

/// An organizer at the console.
struct Organizer<'a> {
    app: &'a TestApp,
    token: String,
    session: String,
}

impl<'a> Organizer<'a> {
    async fn of(app: &'a TestApp) -> Self {
        let token = app.owner().await;
        Self { app, token, session: sign_in(app).await }
    }

    async fn look(&self, address: &str) -> String {
        let page = get(self.app, address, &self.session).await;
        assert_eq!(page.status, 200, "{address}: {}", page.text());
        page.text()
    }

    /// Fills in the form of a page; the id in the address that follows.
    async fn make(&self, address: &str, input: &[(&str, &str)]) -> String {
        let then = self.fill_in(address, input).await.unwrap_or_else(|page| panic!("{address}: {}", page.text()));
        then.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    async fn fill_in(&self, address: &str, input: &[(&str, &str)]) -> Result<String, Reply> {
        fill_in(self.app, &self.session, address, input).await
    }

    async fn read(&self, path: &str) -> Value {
        self.app.get(&format!("/api/v1/{path}"), Some(&self.token)).await.expect(200)
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn petition_in_two_languages_is_made_and_every_date_and_goal_is_cleared_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let campaign = organizer
        .make("/console/campaigns/new", &[("/title", "Status for all"), ("/muster:slug", "status-for-all")])
        .await;
    assert_eq!(organizer.read(&format!("campaigns/{campaign}")).await["muster:status"], "published");

    // a column for French, with what was typed still there
    let form = declared_form(&organizer.look("/console/petitions/new").await);
    let form = form.with(&[("/title", "Status now"), ("/muster:locale", "en"), ("add_language", "fr")]);
    let page = form.send(&app, &organizer.session).await;
    assert_eq!(page.status, 200);
    let form = declared_form(&page.text());
    assert_eq!(form.value("/title"), Some("Status now"));
    let form = form.with(&[
        ("/muster:texts/fr/title", "Un statut maintenant"),
        ("/petition_text", "We demand status."),
        ("/muster:texts/fr/body", "Nous demandons un statut."),
        ("/muster:campaign", "status-for-all"),
        ("/muster:goal", "500"),
        ("/muster:closes_at", "2027-03-01T12:00"),
        ("/muster:demands", "One\r\nTwo"),
        ("/target", "The Minister"),
        ("/muster:fields/city", "required"),
        ("/muster:questions/0/label", "Are you in a union?"),
        ("/muster:questions/0/key", "union"),
        ("/muster:questions/0/kind", "choice"),
        ("/muster:questions/0/choices", "yes = Yes | fr = Oui\r\nno = No | fr = Non"),
    ]);
    let reply = form.send(&app, &organizer.session).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let id =
        reply.headers["location"].to_str().unwrap().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let made = organizer.read(&format!("petitions/{id}")).await;
    assert_eq!(made["muster:status"], "draft");
    assert_eq!(made["muster:texts"]["fr"]["body"], "Nous demandons un statut.");
    // noon in Toronto, where petitions are at home
    assert_eq!((&made["muster:goal"], &made["muster:closes_at"]), (&json!(500), &json!("2027-03-01T17:00:00Z")));
    assert_eq!((&made["muster:demands"], &made["target"][0]["name"]), (&json!(["One", "Two"]), &json!("The Minister")));
    assert_eq!(made["muster:fields"]["city"], "required");
    assert_eq!(made["muster:questions"][0]["choices"][1]["labels"]["fr"], "Non");

    // saved as it stands, it is the same
    let edit = format!("/console/petitions/{id}/edit");
    let unchanged = |mut petition: Value| {
        petition.as_object_mut().unwrap().remove("modified_date");
        petition
    };
    organizer.fill_in(&edit, &[]).await.unwrap();
    assert_eq!(unchanged(organizer.read(&format!("petitions/{id}")).await), unchanged(made));

    organizer
        .fill_in(&edit, &[("/muster:goal", ""), ("/muster:closes_at", ""), ("/muster:campaign", "")])
        .await
        .unwrap();
    let cleared = organizer.read(&format!("petitions/{id}")).await;
    assert!(
        cleared["muster:goal"].is_null()
            && cleared["muster:closes_at"].is_null()
            && cleared["muster:campaign"].is_null()
    );

    // what is missing is said, and the button publishes
    let page = organizer.look(&format!("/console/petitions/{id}")).await;
    assert!(page.contains("There is no end date.") && page.contains("There is no goal."), "{page}");
    let publish = forms(&page).into_iter().find(|form| form.value("/muster:status") == Some("published")).unwrap();
    let reply = publish.send(&app, &organizer.session).await;
    assert_eq!(reply.headers["location"], format!("/console/petitions/{id}?done=status#status"));
    assert_eq!(organizer.read(&format!("petitions/{id}")).await["muster:status"], "published");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn refused_form_comes_again_with_everything_typed_and_its_errors_in_the_reader_s_language(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let form = declared_form(&organizer.look("/console/events/new?lang=fr").await);
    let mut form = form.with(&[
        ("/title", ""),
        ("/capacity", "beaucoup"),
        ("/instructions", "<b>Sonnez</b>\r\n\r\ndeux fois"),
        ("/muster:sessions/0/title", "Accueil"),
        ("/muster:waitlist", ""),
    ]);
    form.action += "?lang=fr";
    let page = form.send(&app, &organizer.session).await;
    assert_eq!(page.status, 422);
    let page = page.text();
    for expected in ["id=\"errors\"", "autofocus", "href=\"#f-capacity\"", "Ceci n’a pas la bonne forme"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let form = declared_form(&page);
    for (name, value) in [
        ("/capacity", Some("beaucoup")),
        ("/instructions", Some("<b>Sonnez</b>\n\ndeux fois")),
        ("/muster:sessions/0/title", Some("Accueil")),
        ("/muster:waitlist", None),
    ] {
        assert_eq!(form.value(name), value, "{name}");
    }
    assert_eq!(app.count("SELECT count(*) FROM events").await, 0);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_was_typed_outlives_the_session(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let form = declared_form(&organizer.look("/console/petitions/new").await);
    let form = form.with(&[("/title", "An hour of \"writing\""), ("/petition_text", "One\r\nTwo")]);
    let kept = form.send(&app, "").await;
    assert_eq!(kept.status, 401);
    let kept = forms(&kept.text()).into_iter().find(|form| form.action == "/console/petitions/new").unwrap();
    // signed in again: another session, whose form comes with everything typed, and is sent by its own button only
    let session = sign_in(&app).await;
    let again = kept.send(&app, &session).await;
    assert_eq!(again.status, 403);
    let again = declared_form(&again.text());
    assert_eq!(
        (again.value("/title"), again.value("/petition_text")),
        (Some("An hour of \"writing\""), Some("One\nTwo"))
    );
    assert_eq!(app.count("SELECT count(*) FROM petitions").await, 0);
    assert_eq!(again.send(&app, &session).await.status, 303);
    assert_eq!(app.count("SELECT count(*) FROM petitions").await, 1);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn event_letter_and_offices_are_made_and_saved_unchanged(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let event = organizer
        .make(
            "/console/events/new",
            &[
                ("/title", "Assembly"),
                ("/timezone_identifier", "America/Vancouver"),
                ("/start_date", "2027-01-15T18:00"),
                ("/location/venue", "Union hall"),
                ("/location/address_lines", "1 Main Street"),
                ("/instructions", "https://meet.example.org/x"),
                ("/capacity", "40"),
                ("/muster:sessions/0/title", "Welcome"),
                ("/muster:sessions/0/start_date", "2027-01-15T18:15"),
                ("/muster:contacts/0/name", "Ana"),
            ],
        )
        .await;
    let made = organizer.read(&format!("events/{event}")).await;
    assert_eq!(made["start_date"], "2027-01-16T01:00:00Z", "in the event's zone");
    assert_eq!((&made["capacity"], &made["muster:waitlist"]), (&json!(40), &json!(true)));
    assert_eq!(made["muster:sessions"][0]["start_date"], "2027-01-16T01:15:00Z");
    let page = organizer.look(&format!("/console/events/{event}")).await;
    assert!(page.contains("6:00") && !page.contains("2027-01-16T01"), "{page}");
    organizer.fill_in(&format!("/console/events/{event}/edit"), &[]).await.unwrap();
    let saved = organizer.read(&format!("events/{event}")).await;
    for member in
        ["start_date", "end_date", "location", "muster:sessions", "muster:contacts", "instructions", "muster:format"]
    {
        assert_eq!(saved[member], made[member], "{member}");
    }

    let offices = [("Minister of Immigration", "immigration"), ("Minister of Labour", "labour")];
    for (title, slug) in offices {
        let mailbox = format!("{slug}@office.example.org");
        let input = [("/title", title), ("/muster:slug", slug), ("/muster:mailboxes", &*mailbox)];
        organizer.fill_in("/console/offices/new", &input).await.unwrap();
    }
    assert!(organizer.read("offices/labour").await["muster:holder"].is_null(), "vacant");
    let holder = [("/muster:holder/given_name", "Ana"), ("/muster:holder/family_name", "Roy")];
    organizer.fill_in("/console/offices/labour", &holder).await.unwrap();
    assert_eq!(organizer.read("offices/labour").await["muster:holder"]["family_name"], "Roy");

    let form = declared_form(&organizer.look("/console/letters/new").await);
    let mut form = form.with(&[
        ("/title", "Write to the ministers"),
        ("/muster:targets", "immigration"),
        ("/muster:letters/0/locale", "en"),
        ("/muster:letters/0/subjects", "Status now"),
        ("/muster:letters/0/body", "Dear {{ target.salutation }},\r\n\r\nplease act."),
    ]);
    form.fields.push(("/muster:targets".to_owned(), "labour".to_owned()));
    let reply = form.send(&app, &organizer.session).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let letter =
        reply.headers["location"].to_str().unwrap().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let made = organizer.read(&format!("advocacy_campaigns/{letter}")).await;
    assert_eq!(made["muster:targets"], json!(["immigration", "labour"]));
    assert_eq!((&made["muster:live"], &made["muster:editable"]), (&json!(false), &json!(true)));
    let page = organizer.look(&format!("/console/letters/{letter}")).await;
    assert!(page.contains("Letters wait: sending is not switched on."), "{page}");
    organizer.fill_in(&format!("/console/letters/{letter}/edit"), &[("/muster:live", "true")]).await.unwrap();
    let live = organizer.read(&format!("advocacy_campaigns/{letter}")).await;
    assert_eq!((&live["muster:live"], &live["muster:letters"]), (&json!(true), &made["muster:letters"]));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn call_action_and_phone_hours_are_made_and_saved_unchanged(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let office = [
        ("/title", "Minister of Labour"),
        ("/muster:slug", "labour"),
        ("/muster:holder/honorific_prefix", "The Honourable"),
        ("/muster:holder/family_name", "Roy"),
        ("/muster:phone", "613 555 0142"),
        ("/muster:hours/timezone_identifier", "America/Toronto"),
        ("/muster:hours/periods/0/days", "monday"),
        ("/muster:hours/periods/0/opens", "9:00"),
        ("/muster:hours/periods/0/closes", "17:00"),
    ];
    organizer.fill_in("/console/offices/new", &office).await.unwrap();
    let made = organizer.read("offices/labour").await;
    assert_eq!(made["muster:phone"], "+16135550142");
    assert_eq!(made["muster:hours"]["periods"], json!([{"days": ["monday"], "opens": "09:00", "closes": "17:00"}]));
    organizer.fill_in("/console/offices/labour", &[]).await.unwrap();
    assert_eq!(organizer.read("offices/labour").await["muster:hours"], made["muster:hours"]);

    let call = [
        ("/title", "Call the minister"),
        ("/muster:targets", "labour"),
        ("/muster:script", "Hello, I ask for *status*."),
    ];
    let call = organizer.make("/console/calls/new", &call).await;
    let made = organizer.read(&format!("phone_campaigns/{call}")).await;
    assert_eq!((&made["muster:targets"], &made["type"]), (&json!(["labour"]), &json!("phone")));
    let page = organizer.look(&format!("/console/calls/{call}")).await;
    assert!(page.contains("· The Honourable  Roy · +16135550142") && page.contains("0 calls made"), "{page}");
    let french = json!({"muster:texts": {"fr": {"title": "Appelez la ministre"}}});
    organizer.app.put(&format!("/api/v1/phone_campaigns/{call}"), Some(&organizer.token), &french).await.expect(200);
    let script = [("/muster:texts/fr/body", "Bonjour, je demande *un statut*.")];
    organizer.fill_in(&format!("/console/calls/{call}/edit"), &script).await.unwrap();
    let saved = organizer.read(&format!("phone_campaigns/{call}")).await;
    assert_eq!(saved["muster:texts"]["fr"]["body"], "Bonjour, je demande *un statut*.");
    assert_eq!(saved["muster:script"], made["muster:script"]);
    let list = organizer.look("/console/calls").await;
    assert!(list.contains("Call the minister"), "{list}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_word_that_leads_elsewhere_is_refused_beside_its_field(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let first = app.petition(&organizer.token, json!({})).await;
    let other = app.petition(&organizer.token, json!({"muster:slug": "other"})).await;
    organizer.fill_in(&format!("/console/petitions/{first}/short-links/new"), &[("/word", "now")]).await.unwrap();
    let refused = organizer.fill_in(&format!("/console/petitions/{other}/short-links/new"), &[("/word", "now")]).await;
    let page = refused.unwrap_err().text();
    assert!(page.contains("id=\"f-word-e1\"") && declared_form(&page).value("/word") == Some("now"), "{page}");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn person_is_found_shown_and_deleted_only_with_the_word_typed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let all = fixtures::create_all_resources(&app, "Alliance").await;
    let organizer = Organizer::of(&app).await;
    let list = organizer.look("/console/people?q=alliance-bela%40example.org").await;
    assert_eq!(list.matches("<tr><th scope=\"row\"><a href=\"/console/people/").count(), 1, "{list}");
    let page = organizer.look(&format!("/console/people/{}", all.person)).await;
    assert!(page.contains("alliance-bela@example.org"), "{page}");
    let delete = format!("/console/people/{}/delete", all.person);
    let refused = organizer.fill_in(&delete, &[("#confirm", "yes")]).await.unwrap_err();
    assert_eq!(refused.status, 422);
    app.get(&format!("/api/v1/people/{}", all.person), Some(&organizer.token)).await.expect(200);
    organizer.fill_in(&delete, &[("#confirm", "delete")]).await.unwrap();
    app.get(&format!("/api/v1/people/{}", all.person), Some(&organizer.token)).await.problem(404, "not_found", &[]);
    // a neighbour's person is none
    let theirs = fixtures::create_all_resources(&app, "Neighbours").await;
    assert_eq!(get(&app, &format!("/console/people/{}", theirs.person), &organizer.session).await.status, 404);
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn lists_have_pages_and_an_empty_installation_says_what_to_do(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let organizer = Organizer::of(&app).await;
    let overview = organizer.look("/console").await;
    assert!(
        overview.contains("Your first campaign") && overview.contains("href=\"/console/campaigns/new\""),
        "{overview}"
    );
    assert!(organizer.look("/console/petitions").await.contains("No petitions yet."));
    for n in 0..53 {
        app.petition(&organizer.token, json!({"title": format!("Petition {n}"), "muster:slug": format!("p-{n}")}))
            .await;
    }
    let rows = |page: &str| page.matches("<tr><th scope=\"row\">").count();
    let first = organizer.look("/console/petitions").await;
    assert_eq!(rows(&first), 50);
    assert!(
        first.contains("aria-current=\"true\">Petitions<") && first.contains("href=\"/console/petitions?page=2#main\"")
    );
    assert_eq!(rows(&organizer.look("/console/petitions?page=2").await), 3);
}
