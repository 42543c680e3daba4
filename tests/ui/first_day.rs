//! An organizer's first day in a real browser, on an empty installation, by what the labels say: a campaign, a
//! petition in two languages, an event, a letter to two offices; published, and a signature arrives.

use serde_json::json;
use sqlx::PgPool;

use crate::{
    harness::signer,
    process::{Installation, Server},
    ui::browser::Browser,
};

/// The words of the pages, in the organizer's language.
struct Words {
    language: &'static str,
    email: &'static str,
    password: &'static str,
    sign_in: &'static str,
    new_campaign: &'static str,
    new_petition: &'static str,
    new_event: &'static str,
    new_office: &'static str,
    new_letter: &'static str,
    title: &'static str,
    create: &'static str,
    add_language: &'static str,
    title_translated: &'static str,
    text: &'static str,
    text_translated: &'static str,
    campaign: &'static str,
    starts: &'static str,
    venue: &'static str,
    office_title: &'static str,
    mailboxes: &'static str,
    subjects: &'static str,
    body: &'static str,
    publish: &'static str,
    go_live: &'static str,
    published: &'static str,
    menu: &'static str,
    new: &'static str,
    petitions: &'static str,
    live_total: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    email: "Email address",
    password: "Password",
    sign_in: "Sign in",
    new_campaign: "New campaign",
    new_petition: "New petition",
    new_event: "New event",
    new_office: "New office",
    new_letter: "New letter",
    title: "Title",
    create: "Create",
    add_language: "Add a translation: Français",
    title_translated: "Title (Français)",
    text: "Petition text",
    text_translated: "Petition text (Français)",
    campaign: "Campaign",
    starts: "Starts",
    venue: "Name of the place",
    office_title: "Title of the office",
    mailboxes: "Email addresses",
    subjects: "Subjects",
    body: "Text",
    publish: "Publish",
    go_live: "Start sending letters",
    published: "Published",
    menu: "Menu",
    new: "New",
    petitions: "Petitions",
    live_total: "Live total (internal)",
};

const FRENCH: Words = Words {
    language: "fr",
    email: "Adresse courriel",
    password: "Mot de passe",
    sign_in: "Se connecter",
    new_campaign: "Nouvelle campagne",
    new_petition: "Nouvelle pétition",
    new_event: "Nouvel événement",
    new_office: "Nouveau bureau",
    new_letter: "Nouvelle lettre",
    title: "Titre",
    create: "Créer",
    add_language: "Ajouter une traduction : English",
    title_translated: "Titre (English)",
    text: "Texte de la pétition",
    text_translated: "Texte de la pétition (English)",
    campaign: "Campagne",
    starts: "Début",
    venue: "Nom du lieu",
    office_title: "Nom du bureau",
    mailboxes: "Adresses courriel",
    subjects: "Objets",
    body: "Texte",
    publish: "Publier",
    go_live: "Commencer l’envoi des lettres",
    published: "Publiée",
    menu: "Navigation",
    new: "Nouveau",
    petitions: "Pétitions",
    live_total: "Total en temps réel (interne)",
};

/// Finds what is visible by what it says, as a person does.
const EYES: &str = r"
    const words = (element) => element.innerText.replace(/\s+/g, ' ').trim();
    const seen = (element) => element.checkVisibility();
    const first = (selector, text) => [...document.querySelectorAll(selector)]
        .find((element) => seen(element) && (words(element) === text || words(element).startsWith(text + ' (')));
";

/// An organizer with a browser.
struct Organizer<'a> {
    browser: Browser,
    server: &'a Server,
    token: String,
    words: &'static Words,
    is_phone: bool,
}

impl Organizer<'_> {
    async fn until_loaded(&mut self, then: &str) {
        self.browser.wait_for(&format!("document.readyState === 'complete' && ({then})")).await;
    }

    /// Does something on the page as it is; what is missing is named.
    async fn act(&mut self, what: &str, script: &str) {
        let done = self.browser.value(&format!("(() => {{ {EYES} {script} }})()")).await;
        let page = self.browser.value("location.href + ' ' + document.body.innerText").await;
        assert_eq!(done, Some(json!(true)), "{what} on {page:?}");
    }

    async fn type_into(&mut self, label: &str, value: &str) {
        let script = format!(
            "const label = first('label', {}); if (!label) return false;
             const control = label.control; control.focus(); control.value = {}; return control.value !== '';",
            json!(label),
            json!(value)
        );
        self.act(label, &script).await;
    }

    async fn choose(&mut self, label: &str, choice: &str) {
        let script = format!(
            "const label = first('label', {}); if (!label) return false; const control = label.control;
             const option = [...(control.options ?? [])].find((option) => option.text === {});
             if (option) option.selected = true; else control.checked = true; return true;",
            json!(label),
            json!(choice)
        );
        self.act(label, &script).await;
    }

    /// Presses a link or a button, and waits for the page that follows.
    async fn press(&mut self, text: &str) {
        let script = format!(
            "const it = first('a, button', {}); if (!it) return false; window.isOld = true; it.click(); return true;",
            json!(text)
        );
        self.act(text, &script).await;
        self.until_loaded("!window.isOld").await;
        let fits = self.browser.value("document.documentElement.scrollWidth <= innerWidth").await;
        let at = self.browser.value("location.pathname").await;
        assert_eq!(fits, Some(json!(true)), "{at:?} scrolls sideways after {text}");
    }

    /// Opens what is folded up, without leaving the page.
    async fn unfold(&mut self, text: &str) {
        let script =
            format!("const it = first('summary', {}); if (!it) return false; it.click(); return true;", json!(text));
        self.act(text, &script).await;
    }

    /// Begins something by the menu that every page has.
    async fn begin(&mut self, what: &str) {
        if self.is_phone {
            self.unfold(self.words.menu).await;
        }
        self.unfold(self.words.new).await;
        self.press(what).await;
    }

    async fn sees(&mut self, text: &str) {
        self.until_loaded(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    async fn first_day(&mut self, pool: &PgPool) {
        let words = self.words;
        let home = format!("http://{}", self.server.http);
        self.browser.open(&format!("{home}/console/sign-in")).await;
        self.type_into(words.email, "owner@example.org").await;
        self.type_into(words.password, "a long password").await;
        self.press(words.sign_in).await;

        self.begin(words.new_campaign).await;
        self.type_into(words.title, "Status for all").await;
        self.press(words.create).await;

        self.begin(words.new_petition).await;
        self.type_into(words.title, "Status now").await;
        self.press(words.add_language).await;
        self.type_into(words.title_translated, "Le statut maintenant").await;
        self.type_into(words.text, "We demand status.").await;
        self.type_into(words.text_translated, "Nous demandons un statut.").await;
        self.choose(words.campaign, "Status for all").await;
        self.press(words.create).await;
        self.press(words.publish).await;
        self.sees(words.published).await;

        self.begin(words.new_event).await;
        self.type_into(words.title, "Assembly").await;
        self.type_into(words.starts, "2031-05-01T18:00").await;
        self.type_into(words.venue, "Union hall").await;
        self.press(words.create).await;
        self.press(words.publish).await;

        for (title, mailbox) in [("Immigration", "immigration@example.org"), ("Labour", "labour@example.org")] {
            self.begin(words.new_office).await;
            self.type_into(words.office_title, title).await;
            self.type_into(words.mailboxes, mailbox).await;
            self.press(words.create).await;
        }
        self.begin(words.new_letter).await;
        self.type_into(words.title, "Write to the ministers").await;
        self.choose("Immigration", "").await;
        self.choose("Labour", "").await;
        self.type_into(words.subjects, "Status now").await;
        self.type_into(words.body, "Dear {{ target.salutation }},\n\nplease act.").await;
        self.press(words.create).await;
        self.press(words.publish).await;
        self.press(words.go_live).await;
        assert_eq!(self.browser.complaints, Vec::<String>::new());

        // somebody signs, and the organizer sees it
        let slug: String =
            sqlx::query_scalar("SELECT slug FROM actions WHERE kind = 'petition'").fetch_one(pool).await.unwrap();
        let path = format!("/api/v1/petitions/{slug}/signatures");
        self.server.post(&path, Some(&self.token), &signer("amara@example.org")).await.expect(201);
        if self.is_phone {
            self.unfold(words.menu).await;
        }
        self.press(words.petitions).await;
        self.press("Status now").await;
        let script = format!(
            "[...document.querySelectorAll('dt')].some((term) => term.innerText === {} && term.nextElementSibling.innerText === '1')",
            json!(words.live_total)
        );
        self.until_loaded(&script).await;
        let letters: (bool, i64) =
            sqlx::query_as("SELECT live, (SELECT count(*) FROM letter_targets) FROM letter_actions")
                .fetch_one(pool)
                .await
                .unwrap();
        assert_eq!(letters, (true, 2));
    }
}

async fn day(pool: PgPool, words: &'static Words, width: u32) {
    let mut browser = Browser::start().await;
    let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600});
    browser.call("Emulation.setDeviceMetricsOverride", size).await.unwrap();
    browser.call("Network.enable", json!({})).await.unwrap();
    let headers = json!({"headers": {"Accept-Language": words.language}});
    browser.call("Network.setExtraHTTPHeaders", headers).await.unwrap();
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    let mut organizer = Organizer { browser, server: &server, token, words, is_phone: width < 600 };
    organizer.first_day(&pool).await;
    drop(organizer);
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn first_day_in_english_on_a_laptop(pool: PgPool) {
    day(pool, &ENGLISH, 1280).await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn first_day_in_french_on_a_phone(pool: PgPool) {
    day(pool, &FRENCH, 390).await;
}
