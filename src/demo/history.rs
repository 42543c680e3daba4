//! Three weeks of a campaign for the demo, so that every list, chart and page shows what it is for.
//!
//! Everything goes through the API's routes, as organizers' tools and supporters' forms do, and through the mail engine, with the
//! clock set back and moved on day by day. Names are put together from lists, addresses are under `example.org`; what happens is the
//! same in every demo. The protected actions stay empty: nobody can be entered there by somebody else.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use chrono::{NaiveDate, TimeDelta};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::{app::App, mail::Engine, worker};

/// Days of it, up to now.
const DAYS: usize = 21;
/// Signatures of each day, from the first: a launch, a quiet time, a rally.
const SIGNATURES: [usize; DAYS] = [38, 31, 22, 14, 9, 7, 6, 12, 8, 5, 4, 6, 5, 9, 26, 19, 11, 8, 6, 10, 4];
/// One in so many signs the form and never confirms.
const UNCONFIRMED: usize = 9;
/// Signatures that are sent at once.
const CONCURRENCY: usize = 8;
/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 1 << 20;
/// Attempts at a request that is answered 503, as a busy machine does, and the pause between them.
const MAX_ATTEMPTS: usize = 20;
const RETRY_PAUSE: Duration = Duration::from_millis(500);

const PETITION: &str = "/api/v1/petitions/stop-deportations";
const LETTER: &str = "/api/v1/advocacy_campaigns/renewable-work-permit";
/// An event that fills, and one with room.
const EVENTS: [&str; 2] = ["/api/v1/events/art-party", "/api/v1/events/emergency-rally"];

const GIVEN: [&str; 24] = [
    "Amara", "Benoît", "Carmen", "Dilpreet", "Elif", "Farid", "Gurleen", "Hana", "Ines", "Jaspreet", "Khadija", "Luz",
    "Mateo", "Nadia", "Odile", "Priya", "Quentin", "Rosa", "Sunita", "Tomás", "Uma", "Violeta", "Wei", "Ximena",
];
const FAMILY: [&str; 20] = [
    "Okafor", "Gagnon", "Reyes", "Sandhu", "Demir", "Haddad", "Brar", "Suzuki", "Moreau", "Dhillon", "Benali", "Cruz",
    "Vargas", "Petrova", "Lavoie", "Sharma", "Roy", "Mendoza", "Thapa", "Ortega",
];
/// Language, city, region, postal code.
const PLACES: [(&str, &str, &str, &str); 8] = [
    ("en", "Toronto", "ON", "M5V 2T6"),
    ("fr", "Montréal", "QC", "H2X 1Y4"),
    ("en", "Brampton", "ON", "L6Y 1M5"),
    ("en", "Vancouver", "BC", "V6B 1A1"),
    ("pa", "Surrey", "BC", "V3T 1V9"),
    ("es", "Toronto", "ON", "M6E 2Y4"),
    ("en", "Edmonton", "AB", "T5J 2R7"),
    ("fr", "Sudbury", "ON", "P3E 5J1"),
];
const SOURCES: [&str; 4] = ["newsletter", "campus-table", "flyer", "radio"];
const COMMENTS: [&str; 5] = [
    "My classmate was told to leave three weeks before her exams.",
    "They paid the fees, they did the work. Let them stay.",
    "Une lettre falsifiée par un recruteur n'est pas leur faute.",
    "I teach them. They are the best part of this college.",
    "Nadie estudia cuatro años para que lo engañen dos veces.",
];

/// Requests to the demo from within.
struct Client<'a> {
    app: &'a App,
    router: Router,
    token: String,
}

impl Client<'_> {
    /// Sends a request, by the organizer or by a supporter, and returns its answer. As a good client does, it tries again while the
    /// service is busy.
    async fn send(&self, method: Method, path: &str, is_organizer: bool, body: &Value) -> anyhow::Result<Value> {
        let key = self.app.kernel.env.id().to_string();
        let mut attempts = 1;
        loop {
            let mut request =
                Request::builder().method(&method).uri(path).header(header::CONTENT_TYPE, "application/json");
            if is_organizer {
                request = request.header("OSDI-API-Token", &self.token).header("Idempotency-Key", &key);
            }
            let Ok(answer) = self.router.clone().oneshot(request.body(Body::from(body.to_string()))?).await;
            let status = answer.status();
            let bytes = to_bytes(answer.into_body(), ANSWER_LIMIT).await?;
            let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            match status {
                status if status.is_success() => return Ok(answer),
                StatusCode::SERVICE_UNAVAILABLE if attempts < MAX_ATTEMPTS => sleep(RETRY_PAUSE).await,
                _ => bail!("{path}: {status} {answer}"),
            }
            attempts += 1;
        }
    }

    async fn organizer(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, true, &body).await
    }
}

/// An invented supporter.
fn person(n: usize) -> Value {
    let (given, family) = (GIVEN[n % GIVEN.len()], FAMILY[(n * 7 + n / GIVEN.len()) % FAMILY.len()]);
    let (language, locality, region, postal_code) = PLACES[(n * 5 + n / 11) % PLACES.len()];
    json!({
        "given_name": given, "family_name": family, "preferred_language": language,
        "email_addresses": [{"address": format!("supporter-{n}@example.org")}],
        "postal_addresses": [{"locality": locality, "region": region, "postal_code": postal_code, "country": "CA"}],
    })
}

fn signature(n: usize) -> Value {
    let mut body = json!({
        "person": person(n),
        "muster:display": (["full_name", "first_name", "initials", "hidden"][n % 4]),
        "muster:consents": {"updates": !n.is_multiple_of(3)},
        "referrer_data": {"source": SOURCES[n * 3 % SOURCES.len()]},
    });
    if n % 12 == 5 {
        body["comments"] = json!(COMMENTS[n / 12 % COMMENTS.len()]);
    }
    body
}

/// Lets three weeks pass, unless they have.
///
/// # Errors
/// When the demo does not take what its own content sends.
pub(super) async fn fill(app: &App, token: String) -> anyhow::Result<()> {
    let client = Client { app, router: app.router(), token };
    let signatures = client.send(Method::GET, &format!("{PETITION}/signatures"), true, &Value::Null).await?;
    if signatures["total_records"].as_i64() != Some(0) {
        return Ok(());
    }
    let env = &app.kernel.env;
    let day = TimeDelta::days(1);
    let all: TimeDelta = SIGNATURES.iter().map(|_| day).sum();
    env.advance(-all);
    let lived = async {
        let engine = Engine::new(app.kernel.clone(), app.mail_kinds())?;
        before(&client).await.context("before the first day")?;
        let mut signed = 0;
        for (number, signatures) in SIGNATURES.into_iter().enumerate() {
            one_day(&client, number, env.now().date_naive(), signed, signatures)
                .await
                .with_context(|| format!("day {number}"))?;
            signed += signatures;
            worker::run_jobs(app).await?;
            engine.drain().await?;
            env.advance(day);
            worker::tick(app, true).await?;
        }
        anyhow::Ok(())
    };
    let lived = lived.await;
    // whatever happened, the demo goes on in the present
    env.advance(-env.ahead());
    lived
}

/// What an organizer prepares.
async fn before(client: &Client<'_>) -> anyhow::Result<()> {
    for source in SOURCES {
        client.organizer("/api/v1/sources", json!({"word": source})).await?;
    }
    client
        .organizer(
            &format!("{PETITION}/paper_batches"),
            json!({"reference": "Library table 1", "sheets": 4, "count": 61}),
        )
        .await?;
    Ok(())
}

/// A supporter signs the petition, and one in four writes a letter.
async fn sign(client: &Client<'_>, n: usize) -> anyhow::Result<()> {
    let is_vouched = n % UNCONFIRMED != 4;
    client.send(Method::POST, &format!("{PETITION}/signatures"), is_vouched, &signature(n)).await?;
    if n % 4 == 1 {
        let body = json!({"person": person(n), "muster:consents": {"updates": true}});
        client.organizer(&format!("{LETTER}/outreaches"), body).await?;
    }
    Ok(())
}

/// What people do on one day, from the first (0). `first`: the number of the day's first signer.
async fn one_day(
    client: &Client<'_>,
    day: usize,
    today: NaiveDate,
    first: usize,
    signatures: usize,
) -> anyhow::Result<()> {
    stream::iter(first..first + signatures).map(|n| sign(client, n)).buffered(CONCURRENCY).try_collect::<()>().await?;
    for (event, each_day) in EVENTS.into_iter().zip([4, 2]) {
        for n in 0..each_day {
            let n = 1000 + day * each_day + n;
            let body = json!({"person": person(n), "muster:party_size": n % 3 + 1});
            client.organizer(&format!("{event}/attendances"), body).await?;
        }
    }
    match day {
        7 => {
            news(
                client,
                "One week, and we are many",
                "Thank you. Two hundred of us have signed. Bring a friend on Sunday.",
            )
            .await
        }
        17 => {
            let delivery = json!({"date": today, "place": "The minister's local office", "received_by": "The office's front desk", "muster:status": "delivered",
                                  "note": "Forty of us brought the first names."});
            client.organizer(&format!("{PETITION}/deliveries"), delivery).await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// An email update to those who agreed.
async fn news(client: &Client<'_>, subject: &str, body: &str) -> anyhow::Result<()> {
    let update = json!({
        "muster:texts": {"en": {"subject": subject, "body": body}}, "muster:audience": {"actions": ["stop-deportations"]},
    });
    let made = client.organizer("/api/v1/broadcasts", update).await?;
    let id = made["identifiers"][0].as_str().and_then(|id| id.strip_prefix("muster:")).context("no id")?;
    client.organizer(&format!("/api/v1/broadcasts/{id}/send"), json!({})).await?;
    Ok(())
}
