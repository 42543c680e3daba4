//! `muster demo`: a campaign on this machine, out of `config/demo.toml`, through the same domain code as the API.
//!
//! Fills what is missing and leaves what is there, so that a second start continues with the same data; only events that
//! have passed are moved ahead again. The sign-in and the token stand in a file of mode 0600 in the data root.

mod history;

use std::{collections::BTreeMap, fs, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use anyhow::{Context, bail};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    app::App,
    calls,
    campaigns::{self, ActionDocument, Kind, UpdateDocument},
    config::{GuardMode, Settings, Transport},
    error::Code,
    events::{self, NewEvent},
    kernel::{
        Kernel,
        crypto::base32,
        extract::parse,
        text::{EmailAddress, LocaleTag, Slug},
        zones::{self, Zone},
    },
    letters::{self, Holder, LetterTemplateBody, NewLetterAction, NewOffice, OfficeHours, OfficePhone, OfficialName},
    organizers::{self, NewOrganizer, Role},
    petitions::{self, NewPetition},
};

const CONTENT: &str = include_str!("../../config/demo.toml");

type Words = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Content {
    organization: Named,
    organizer: Staff,
    partners: Vec<Partner>,
    campaign: Campaign,
    offices: Vec<Office>,
    petitions: Vec<Petition>,
    letters: Vec<Letter>,
    calls: Vec<CallAction>,
    events: Vec<Event>,
    updates: Vec<Update>,
}

/// Postal address of the demo's organization: of nobody.
const DEMO_ADDRESS: &str = "100 Example Street\nToronto ON  M5V 0A0\nCanada";

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Staff {
    name: String,
    email: String,
}

#[derive(Deserialize)]
struct Partner {
    slug: String,
    name: String,
    source_code: String,
    consent: Words,
}

#[derive(Deserialize)]
struct Campaign {
    slug: String,
    title: Words,
    summary: Words,
    description: String,
}

#[derive(Deserialize)]
struct Office {
    slug: String,
    locale: String,
    title: Words,
    mailboxes: Vec<String>,
    holders: Vec<Person>,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    hours: OfficeHours,
}

#[derive(Deserialize)]
struct Person {
    honorific_prefix: String,
    given_name: String,
    family_name: String,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

#[derive(Deserialize)]
struct Petition {
    slug: String,
    privacy: String,
    confirmation: String,
    goal: i64,
    targets: Vec<String>,
    title: Words,
    summary: Words,
    #[serde(default)]
    button: Words,
    description: String,
    #[serde(rename = "petition_text")]
    text: String,
    short_link: Option<String>,
    letter: Option<String>,
}

#[derive(Deserialize)]
struct Letter {
    slug: String,
    offices: Vec<String>,
    title: Words,
    summary: Words,
    #[serde(default)]
    button: Words,
    description: String,
    editable: bool,
    templates: Vec<LetterTemplateBody>,
}

#[derive(Deserialize)]
struct CallAction {
    slug: String,
    offices: Vec<String>,
    title: Words,
    summary: Words,
    #[serde(default)]
    button: Words,
    description: String,
    script: Words,
}

#[derive(Deserialize)]
struct Event {
    slug: String,
    kind: String,
    format: String,
    privacy: String,
    days_ahead: u64,
    weekday: Option<Weekday>,
    time: String,
    duration_minutes: Option<i64>,
    end_time: Option<String>,
    timezone: Zone,
    title: Words,
    summary: Words,
    #[serde(default)]
    button: Words,
    description: String,
    location: Option<Location>,
    #[serde(default)]
    map_url: String,
    #[serde(default)]
    instructions: String,
    capacity: Option<i64>,
    #[serde(default)]
    waitlist: bool,
    #[serde(default)]
    contacts: Vec<Value>,
    #[serde(default)]
    accessibility: String,
    #[serde(default)]
    hosted_by: String,
    #[serde(default)]
    sessions: Vec<Session>,
    #[serde(default)]
    interpretation: Vec<String>,
}

#[derive(Deserialize)]
struct Location {
    venue: String,
    address_line: String,
    locality: String,
    region: String,
    #[serde(default)]
    postal_code: String,
    country: String,
}

#[derive(Deserialize)]
struct Session {
    title: String,
    days_after: u64,
    time: String,
    duration_minutes: i64,
    rrule: Option<String>,
}

#[derive(Deserialize)]
struct Update {
    kind: String,
    date: NaiveDate,
    title: Words,
    body: String,
    figures: Vec<Value>,
    #[serde(default)]
    source_url: String,
}

/// The settings of a demo: this machine only, mail stays in the mailbox.
///
/// # Errors
/// When the settings name a public address or are those of production.
pub fn settings(mut settings: Settings) -> anyhow::Result<Settings> {
    if settings.is_production() {
        bail!("MUSTER_PROFILE: the demo does not run in production");
    }
    if !settings.http.bind.ip().is_loopback() || !settings.admin.bind.ip().is_loopback() {
        bail!("http.bind: the demo listens on this machine only (127.0.0.1 or ::1)");
    }
    settings.mail.transport = Transport::Mailbox;
    settings.guard.mode = GuardMode::On;
    settings.keyring.generate = true;
    Ok(settings)
}

/// The demo's sign-in and token.
#[derive(Serialize, Deserialize)]
struct Access {
    email: String,
    password: String,
    token: String,
}

fn access_file(kernel: &Kernel) -> PathBuf {
    kernel.settings.postgres.data_root.join("demo-access.json")
}

fn read_access(kernel: &Kernel) -> anyhow::Result<Option<Access>> {
    match fs::read(access_file(kernel)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).context("demo-access.json is not readable")?)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).context("demo-access.json is not readable"),
    }
}

/// Fills what is missing of the demo campaign.
///
/// # Errors
/// When the content does not fit, or the database is away.
pub async fn fill(kernel: &Kernel) -> anyhow::Result<()> {
    let content: Content = toml::from_str(CONTENT).context("config/demo.toml")?;
    let mut tx = kernel.db.begin().await?;
    let organization = organizer(&mut tx, kernel, &content).await?;
    for partner in &content.partners {
        campaigns::register_partner(
            &mut tx,
            kernel,
            organization,
            &partner.slug,
            &partner.name,
            &json!(partner.consent),
            &partner.source_code,
        )
        .await?;
    }
    campaign(&mut tx, kernel, organization, &content).await?;
    for office in &content.offices {
        make_office(&mut tx, kernel, organization, office).await.with_context(|| office.slug.clone())?;
    }
    for letter in &content.letters {
        make_letter(&mut tx, kernel, organization, &content.campaign.slug, letter)
            .await
            .with_context(|| letter.slug.clone())?;
    }
    for call in &content.calls {
        make_call(&mut tx, kernel, organization, &content.campaign.slug, call)
            .await
            .with_context(|| call.slug.clone())?;
    }
    for petition in &content.petitions {
        make_petition(&mut tx, kernel, organization, &content.campaign.slug, petition)
            .await
            .with_context(|| petition.slug.clone())?;
    }
    for event in &content.events {
        make_event(&mut tx, kernel, organization, &content.campaign.slug, event)
            .await
            .with_context(|| event.slug.clone())?;
    }
    tx.commit().await?;
    Ok(())
}

/// Lets the campaign have a past, unless it has one ([`history`]).
///
/// # Errors
/// When the demo does not take its own content, or the database is away.
pub async fn live(app: &App) -> anyhow::Result<()> {
    let access = read_access(&app.kernel)?.context("demo-access.json is missing")?;
    history::fill(app, access.token).await.context("the demo's past")
}

/// What `make demo` prints when it is ready.
///
/// # Errors
/// When the access file is gone.
pub fn greeting(kernel: &Kernel) -> anyhow::Result<String> {
    let access = read_access(kernel)?.context("demo-access.json is missing")?;
    let line = |name: &str, path: &str| format!("  {name:<11}{}{path}\n", kernel.settings.http.public_url);
    Ok([
        "\nMuster is ready. Everything stays on this machine; Ctrl-C stops it.\n\n".to_owned(),
        line("site", "/"),
        line("petition", "/p/stop-deportations"),
        line("event", "/e/open-assembly"),
        line("letter", "/l/renewable-work-permit"),
        line("call", "/call/renew-the-permits"),
        line("mailbox", "/mailbox"),
        line("console", "/console"),
        line("API", "/api/v1"),
        format!("\n  organizer  {}\n  password   {}\n  API token  {}\n", access.email, access.password, access.token),
    ]
    .concat())
}

async fn organizer(conn: &mut PgConnection, kernel: &Kernel, content: &Content) -> anyhow::Result<Uuid> {
    if let Some(known) = organizers::organization_of(conn, &content.organizer.email).await? {
        if read_access(kernel)?.is_some() {
            return Ok(known);
        }
        bail!(
            "the database has the demo's organizer, but {} is gone; `make clean-demo` starts afresh",
            access_file(kernel).display()
        );
    }
    let password = base32(&kernel.env.random::<10>());
    let new = NewOrganizer {
        email: content.organizer.email.clone(),
        name: content.organizer.name.clone(),
        role: Role::Owner,
        password: password.clone().into(),
        organization: Some(content.organization.name.clone()),
    };
    let organizer = organizers::add_organizer(conn, kernel, new).await?;
    organizers::set_postal_address(conn, organizer.organization_id, DEMO_ADDRESS).await?;
    let token =
        organizers::add_token(conn, kernel, &content.organizer.email, "demo", &["all".to_owned()], None).await?;
    // written before the commit: a crash in between leaves a file that the next start overwrites
    let access = serde_json::to_vec_pretty(&Access { email: content.organizer.email.clone(), password, token })?;
    let path = access_file(kernel);
    let _ = fs::remove_file(&path);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    file.write_all(&access)?;
    file.sync_all()?;
    Ok(organizer.organization_id)
}

/// The texts of other languages, as the API takes them.
fn texts(title: &Words, summary: &Words, button: &Words) -> Value {
    let mut texts = serde_json::Map::new();
    for language in ["fr", "es", "pa"] {
        let word = |words: &Words| words.get(language).cloned().unwrap_or_default();
        texts.insert(
            language.to_owned(),
            json!({"title": word(title), "summary": word(summary), "button": word(button)}),
        );
    }
    Value::Object(texts)
}

fn english(words: &Words) -> &str {
    words.get("en").map_or("", String::as_str)
}

/// The members that every action has.
fn shared(slug: &str, campaign: &str, title: &Words, summary: &Words, button: &Words, description: &str) -> Value {
    json!({
        "title": english(title), "description": description, "muster:summary": english(summary), "muster:button": english(button), "muster:slug": slug,
        "muster:campaign": campaign, "muster:status": "published", "muster:locale": "en", "muster:texts": texts(title, summary, button),
    })
}

/// Is the action there already?
async fn known(conn: &mut PgConnection, kind: Kind, slug: &str) -> anyhow::Result<Option<Uuid>> {
    match campaigns::by_key(conn, kind, slug).await {
        Ok(action) => Ok(Some(action.id)),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn campaign(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    content: &Content,
) -> anyhow::Result<()> {
    let campaign = &content.campaign;
    if campaigns::campaign_exists(conn, organization, &campaign.slug).await? {
        return Ok(());
    }
    let body = json!({
        "title": english(&campaign.title), "muster:summary": english(&campaign.summary), "description": campaign.description, "muster:slug": campaign.slug,
        "muster:locale": "en", "muster:texts": texts(&campaign.title, &campaign.summary, &Words::new()),
    });
    campaigns::save_new_campaign(conn, kernel, organization, kernel.env.id(), parse(body.to_string().as_bytes())?)
        .await?;
    for update in &content.updates {
        let body = json!({
            "title": english(&update.title), "body": update.body, "muster:campaign": campaign.slug, "muster:kind": update.kind, "date": update.date,
            "figures": update.figures, "source_url": update.source_url, "muster:texts": texts(&update.title, &Words::new(), &Words::new()),
        });
        let update = UpdateDocument::parse(body.to_string().as_bytes())?;
        campaigns::save_update(conn, kernel, organization, kernel.env.id(), update).await?;
    }
    Ok(())
}

async fn make_office(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    office: &Office,
) -> anyhow::Result<()> {
    if letters::office_exists(conn, organization, &office.slug).await? {
        return Ok(());
    }
    let text = |e: crate::kernel::text::TextError| anyhow::anyhow!("{e}");
    let holders = office.holders.iter().map(|h| Holder {
        name: OfficialName {
            honorific_prefix: h.honorific_prefix.clone(),
            given_name: h.given_name.clone(),
            family_name: h.family_name.clone(),
        },
        starts_on: h.from,
        ends_on: h.to,
    });
    let titles = office
        .title
        .iter()
        .filter(|(tag, _)| *tag != "en")
        .map(|(tag, title)| Ok((LocaleTag::parse(tag).map_err(text)?, title.clone())));
    let new = NewOffice {
        slug: Slug::parse(&office.slug).map_err(text)?,
        title: english(&office.title).to_owned(),
        titles: titles.collect::<anyhow::Result<_>>()?,
        locale: LocaleTag::parse(&office.locale).map_err(text)?,
        mailboxes: office
            .mailboxes
            .iter()
            .map(|m| EmailAddress::parse(m).map_err(text))
            .collect::<anyhow::Result<_>>()?,
        holders: holders.collect(),
    };
    let id = kernel.env.id();
    letters::create_office(conn, kernel, organization, id, &new).await?;
    let phone = OfficePhone { phone: office.phone.clone(), hours: office.hours.clone() };
    letters::set_office_phone(conn, id, &phone, kernel.env.now()).await?;
    Ok(())
}

async fn make_letter(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    campaign: &str,
    letter: &Letter,
) -> anyhow::Result<()> {
    if known(conn, Kind::Letter, &letter.slug).await?.is_some() {
        return Ok(());
    }
    let body = shared(&letter.slug, campaign, &letter.title, &letter.summary, &letter.button, &letter.description);
    let fields: ActionDocument = parse(body.to_string().as_bytes())?;
    let templates = letters::check_templates(letter.templates.clone(), LocaleTag::En)?;
    let new = NewLetterAction { editable: letter.editable, targets: letter.offices.clone(), templates };
    let id = kernel.env.id();
    letters::create_letter_action(conn, kernel, organization, id, &fields.parse(Kind::Letter, false)?, &new).await?;
    letters::set_live(conn, kernel, id, true).await?;
    Ok(())
}

async fn make_call(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    campaign: &str,
    call: &CallAction,
) -> anyhow::Result<()> {
    if known(conn, Kind::Call, &call.slug).await?.is_some() {
        return Ok(());
    }
    let mut body = shared(&call.slug, campaign, &call.title, &call.summary, &call.button, &call.description);
    for (language, script) in call.script.iter().filter(|(language, _)| *language != "en") {
        body["muster:texts"][language]["body"] = json!(script);
    }
    let fields: ActionDocument = parse(body.to_string().as_bytes())?;
    let (shared, script) = (fields.parse(Kind::Call, true)?, english(&call.script));
    calls::create_call_action(conn, kernel, organization, kernel.env.id(), &shared, script, &call.offices).await?;
    Ok(())
}

async fn make_petition(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    campaign: &str,
    petition: &Petition,
) -> anyhow::Result<()> {
    if known(conn, Kind::Petition, &petition.slug).await?.is_some() {
        return Ok(());
    }
    let mut body =
        shared(&petition.slug, campaign, &petition.title, &petition.summary, &petition.button, &petition.description);
    body["muster:privacy"] = json!(petition.privacy);
    body["muster:confirmation"] = json!(petition.confirmation);
    body["petition_text"] = json!(petition.text);
    body["target"] = petition.targets.iter().map(|name| json!({"name": name})).collect();
    body["muster:goal"] = json!(petition.goal);
    body["muster:short_link"] = json!(petition.short_link);
    body["muster:letter"] = json!(petition.letter);
    let bytes = body.to_string();
    let new = NewPetition::parse(bytes.as_bytes())?;
    petitions::create_petition(conn, kernel, organization, kernel.env.id(), new).await?;
    Ok(())
}

async fn make_event(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    campaign: &str,
    event: &Event,
) -> anyhow::Result<()> {
    let now = kernel.env.now();
    let (starts_at, ends_at) = when(event, now)?;
    if let Some(id) = known(conn, Kind::Event, &event.slug).await? {
        events::move_if_past(conn, id, starts_at, ends_at, now).await?;
        return Ok(());
    }
    let mut body = shared(&event.slug, campaign, &event.title, &event.summary, &event.button, &event.description);
    let more = json!({
        "muster:privacy": event.privacy, "muster:kind": event.kind, "muster:format": event.format, "muster:hosted_by": event.hosted_by,
        "start_date": starts_at, "end_date": ends_at, "timezone_identifier": event.timezone.name(), "capacity": event.capacity,
        "instructions": event.instructions, "muster:waitlist": event.waitlist, "muster:contacts": event.contacts, "muster:map_url": event.map_url,
        "muster:accessibility": event.accessibility, "muster:interpretation": event.interpretation,
        "muster:sessions": event.sessions.iter().map(|s| session(event, s, starts_at)).collect::<anyhow::Result<Vec<Value>>>()?,
    });
    if let (Some(into), Value::Object(more)) = (body.as_object_mut(), more) {
        into.extend(more);
    }
    if let Some(at) = &event.location {
        body["location"] = json!({"venue": at.venue, "address_lines": [at.address_line], "locality": at.locality, "region": at.region, "postal_code": at.postal_code, "country": at.country});
    }
    let new = NewEvent::parse(body.to_string().as_bytes(), now)?;
    events::create_event(conn, kernel, organization, kernel.env.id(), new).await?;
    Ok(())
}

/// When a demo event is, seen from today.
fn when(event: &Event, now: DateTime<Utc>) -> anyhow::Result<(DateTime<Utc>, DateTime<Utc>)> {
    // "today" is taken in one zone, so that the march is on one weekend in all cities
    let mut day = now.with_timezone(&*zones::DEFAULT).date_naive() + Days::new(event.days_ahead);
    while event.weekday.is_some_and(|weekday| day.weekday() != weekday) {
        day = day + Days::new(1);
    }
    let starts_at = at(event.timezone, day, &event.time)?;
    let ends_at = match (&event.end_time, event.duration_minutes) {
        (Some(end), _) => at(event.timezone, day, end)?,
        (None, Some(minutes)) => starts_at + TimeDelta::minutes(minutes),
        (None, None) => bail!("an event needs end_time or duration_minutes"),
    };
    Ok((starts_at, ends_at))
}

fn session(event: &Event, session: &Session, starts_at: DateTime<Utc>) -> anyhow::Result<Value> {
    let day = starts_at.with_timezone(&event.timezone).date_naive() + Days::new(session.days_after);
    let starts_at = at(event.timezone, day, &session.time)?;
    Ok(
        json!({"title": session.title, "start_date": starts_at, "end_date": starts_at + TimeDelta::minutes(session.duration_minutes), "rrule": session.rrule}),
    )
}

fn at(zone: Zone, day: NaiveDate, time: &str) -> anyhow::Result<DateTime<Utc>> {
    let time = NaiveTime::parse_from_str(time, "%H:%M").with_context(|| format!("{time} is not a time"))?;
    // an hour that a clock change leaves out begins one hour later
    let local = day.and_time(time);
    let moment = local
        .and_local_timezone(zone)
        .earliest()
        .or_else(|| (local + TimeDelta::hours(1)).and_local_timezone(zone).earliest());
    moment.map(|m| m.with_timezone(&Utc)).context("no such local time")
}
