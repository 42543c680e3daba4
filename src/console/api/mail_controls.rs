//! What organizers may do about mail: see how it goes, pause and resume it, send again, set the pace of a mailbox, hand in
//! what came back.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use chrono::{NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Acquire;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::super::{Console, mail_retry, store};
use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::{
        extract::{ListQuery, PathParams, Valid, too_large},
        hal::{curies, link},
        http_cache::private_json,
        text::{EmailAddress, clean_line},
        zones::Zone,
    },
    mail::{self, BounceReport, Class, Hours, Lane, LaneLimits, MailCount, RelayStatus, Retry},
    organizers::{Actor, Scope, audit},
};

/// Days that the numbers by provider are about.
const SUMMARY_DAYS: i64 = 7;

/// Maximum number of batches of first contacts released at once when their limit changes; the others stay due in a later
/// hour.
const MAX_RELEASES: usize = 20;

/// Number of batches of failed mails queued again within the request; a job does the others.
const RETRY_BATCHES: usize = 3;

/// Bytes of a mail that came back, at most.
const MAX_BOUNCE_BYTES: usize = 4 * 1024 * 1024;

/// Routes of the controls.
pub fn router() -> OpenApiRouter<Console> {
    let intake = OpenApiRouter::new().routes(routes!(create_bounce)).layer(DefaultBodyLimit::max(MAX_BOUNCE_BYTES));
    intake
        .routes(routes!(get_mail_summary))
        .routes(routes!(update_mail_pauses))
        .routes(routes!(update_mail_lane))
        .routes(routes!(update_mail_relay))
        .routes(routes!(update_first_contact_limit))
        .routes(routes!(unsuppress))
        .routes(routes!(retry_mail))
        .routes(routes!(cancel_mail))
        .routes(routes!(retry_mails))
}

fn lane(lane: &Lane, offices: &[String]) -> Value {
    json!({
        "offices": offices,
        "lane": lane.lane, "rate_per_hour": lane.limits.rate_per_hour, "burst": lane.limits.burst, "paused": lane.limits.paused,
        "hours": lane.limits.hours.map(|hours| json!({
            "opens_at": hours.opens_at.format(TIME_FORMAT).to_string(), "closes_at": hours.closes_at.format(TIME_FORMAT).to_string(),
            "timezone": hours.timezone.name(),
        })),
        "pause_reason": lane.pause_reason, "waiting": lane.waiting, "oldest_due_at": lane.oldest,
    })
}

fn count(c: &MailCount) -> Value {
    json!({"class": c.class, "state": c.state, "count": c.count, "is_estimate": c.is_estimate, "oldest_date": c.oldest})
}

/// A relay; what stands about its refusals only while it refuses.
fn relay(relay: &RelayStatus) -> Value {
    let mut shown = json!({"relay": relay.relay, "rate_per_hour": relay.rate_per_hour});
    if let Some(since) = relay.refused_since {
        shown["refused_since"] = json!(since);
        shown["refusal"] = json!(relay.refusal);
        shown["retry_at"] = json!(relay.retry_at);
    }
    shown
}

async fn summary(console: &Console, actor: &Actor) -> Result<Value> {
    let (kernel, now) = (&console.kernel, console.kernel.env.now());
    let mut conn = kernel.db.acquire().await?;
    let hour = now - TimeDelta::hours(1);
    let counts = mail::mail_counts(&mut conn, actor.organization_id, hour).await?;
    let lanes = mail::lanes(&mut conn, actor.organization_id).await?;
    let names: Vec<String> = lanes.iter().map(|l| l.lane.clone()).collect();
    let offices = store::offices_of_lanes(&mut conn, actor.organization_id, &names).await?;
    let pauses = mail::pauses(&mut conn).await?;
    let domains = store::domains(&mut conn, now.date_naive() - TimeDelta::days(SUMMARY_DAYS)).await?;
    let relays = mail::relays(&mut conn).await?;
    let first_contacts = mail::first_contacts(&mut conn, now).await?;
    let most = first_contacts.per_hour.unwrap_or(kernel.settings.mail.first_contacts_per_hour);
    let sent_last_hour = mail::sent_since(&mut conn, actor.organization_id, hour).await?;
    let uncertain: i64 = counts.rows.iter().filter(|c| c.state == "uncertain").map(|c| c.count).sum();
    let share = |part: i64, of: i64| if of > 0 { part * 10_000 / of } else { 0 };
    Ok(json!({
        "muster:queue": counts.rows.iter().map(count).collect::<Vec<_>>(),
        "muster:lanes": lanes.iter().map(|l| lane(l, offices.get(&l.lane).map_or(&[], Vec::as_slice))).collect::<Vec<_>>(),
        "muster:relays": relays.iter().map(relay).collect::<Vec<_>>(),
        // beyond so many, first mails to an address wait for the next hour
        "muster:first_contacts": {
            "this_hour": first_contacts.this_hour, "per_hour": most, "is_braked": first_contacts.this_hour >= most, "held": first_contacts.held,
        },
        "muster:pauses": pauses.iter().map(|p| json!({"scope": p.scope, "reason": p.reason, "created_date": p.created_at})).collect::<Vec<_>>(),
        "muster:sent_last_hour": sent_last_hour,
        "muster:late": counts.late,
        "muster:uncertain": uncertain,
        "muster:providers": domains.iter().map(|d| json!({
            "domain": d.domain, "sent": d.sent, "failed": d.failed, "bounced": d.bounced, "complained": d.complained,
            "bounced_per_10000": share(d.bounced + d.failed, d.sent + d.failed), "complained_per_10000": share(d.complained, d.sent),
        })).collect::<Vec<_>>(),
        "_links": {
            "self": link(kernel.url("/api/v1/mail/summary")),
            "muster:mail": link(kernel.url("/api/v1/mail")),
            "curies": curies(),
        },
    }))
}

/// How mail goes: by class and state, by mailbox, by provider over seven days, what is paused and what is late.
#[utoipa::path(
    get,
    path = "/api/v1/mail/summary",
    tag = "mail",
    responses(
        (status = 200, description = "The numbers. Scope `mail:manage`.", body = Value),
        (status = 401),
        (status = 403),
    ),
)]
async fn get_mail_summary(State(console): State<Console>, actor: Actor) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// What is to be paused or to go on. Absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct PauseChanges {
    /// All mail of the installation.
    everything: Option<bool>,
    /// Single classes: `{"update": true}`.
    classes: BTreeMap<String, bool>,
    /// Why.
    #[validate(length(max = 200))]
    reason: String,
}

/// Pauses mail, or lets it go on: everything, or classes; at once, for the whole installation. After a database was restored from a copy
/// everything is paused until this lifts it.
#[utoipa::path(
    put,
    path = "/api/v1/mail/pauses",
    tag = "mail",
    request_body = PauseChanges,
    responses(
        (status = 200, description = "How mail goes now", body = Value),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn update_mail_pauses(
    State(console): State<Console>,
    actor: Actor,
    Valid(Json(body)): Valid<Json<PauseChanges>>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let reason = clean_line(&body.reason, 200).map_err(|e| Error::field("/reason", e.code, e.detail))?;
    let unknown = body.classes.keys().find(|class| Class::parse(class).is_none());
    if let Some(class) = unknown {
        let pointer = format!("/classes/{}", class.replace('~', "~0").replace('/', "~1"));
        return Err(Error::field(&pointer, "unknown_value", "Classes: confirmation, urgent, letter, notice, update."));
    }
    let mut tx = kernel.db.begin().await?;
    let everything = body.everything.map(|paused| ("everything".to_owned(), paused));
    for (scope, paused) in everything.into_iter().chain(body.classes) {
        if paused {
            mail::pause(&mut tx, &scope, &reason, kernel.env.now()).await?;
        } else {
            mail::resume_at(&mut tx, &scope, kernel.env.now()).await?;
        }
        let verb = if paused { "mail.pause" } else { "mail.resume" };
        audit(&mut tx, &kernel.env, &actor, verb, None, json!({"scope": scope, "reason": reason})).await?;
    }
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// The pace of a mailbox. Absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct LaneChanges {
    /// Letters an hour.
    #[validate(range(min = 1, max = 100_000))]
    rate_per_hour: Option<i32>,
    /// Letters that may go at once after a quiet time.
    #[validate(range(min = 1, max = 1000))]
    burst: Option<i32>,
    /// Does nothing go out? A pause after a bounce ends when an organizer says false.
    paused: Option<bool>,
    /// The hours of every day in which letters go.
    hours: Option<DailyHours>,
}

/// Hours of every day, past midnight when they close before they open; without times, any hour.
#[derive(Debug, Default, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub struct DailyHours {
    /// `09:00`.
    opens_at: String,
    /// `17:30`.
    closes_at: String,
    /// `America/Toronto`.
    timezone: String,
}

/// How a time of day is written.
const TIME_FORMAT: &str = "%H:%M";

impl DailyHours {
    fn read(&self) -> Result<Option<Hours>> {
        if self.opens_at.is_empty() && self.closes_at.is_empty() {
            return Ok(None);
        }
        let mut errors = Vec::new();
        let mut time = |name: &str, typed: &str| {
            NaiveTime::parse_from_str(typed, TIME_FORMAT).unwrap_or_else(|_| {
                errors.push(FieldError::new(
                    format!("/hours/{name}"),
                    "invalid_time",
                    "Hours and minutes, as in 09:30.",
                ));
                NaiveTime::MIN
            })
        };
        let (opens_at, closes_at) = (time("opens_at", &self.opens_at), time("closes_at", &self.closes_at));
        if errors.is_empty() && opens_at == closes_at {
            errors.push(FieldError::new("/hours/closes_at", "invalid_time", "This is when they open."));
        }
        let timezone = self.timezone.parse().unwrap_or_else(|_| {
            errors.push(FieldError::new("/hours/timezone", "unknown_value", "A time zone, as in America/Toronto."));
            Zone::UTC
        });
        if errors.is_empty() { Ok(Some(Hours { opens_at, closes_at, timezone })) } else { Err(Error::Fields(errors)) }
    }
}

/// Sets the pace of an official's mailbox that letters of the organization wait for, or pauses it.
#[utoipa::path(
    put,
    path = "/api/v1/mail/lanes/{lane}",
    tag = "mail",
    params(("lane" = String, Path, description = "As in the summary")),
    request_body = LaneChanges,
    responses(
        (status = 200, description = "How mail goes now", body = Value),
        (status = 401),
        (status = 403),
        (status = 404),
        (status = 422),
    ),
)]
async fn update_mail_lane(
    State(console): State<Console>,
    actor: Actor,
    PathParams(name): PathParams<String>,
    Valid(Json(body)): Valid<Json<LaneChanges>>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let all = mail::lanes(&mut tx, actor.organization_id).await?;
    let found = all.iter().find(|l| l.lane == name).ok_or_else(Error::not_found)?;
    let hours = body.hours.as_ref().map(DailyHours::read).transpose()?;
    let limits = LaneLimits {
        rate_per_hour: body.rate_per_hour.unwrap_or(found.limits.rate_per_hour),
        burst: body.burst.unwrap_or(found.limits.burst),
        paused: body.paused.unwrap_or(found.limits.paused),
        hours: hours.unwrap_or(found.limits.hours),
    };
    // those that stay may be in a zone that is unknown by now: the mailbox would be paused again at once
    if limits.hours.is_some_and(|hours| !hours.timezone.is_known()) && !limits.paused {
        return Err(Error::field(
            "/hours/timezone",
            "unknown_value",
            "The time zone of this mailbox is unknown here: send its hours anew, with one such as America/Toronto.",
        ));
    }
    mail::set_lane(&mut tx, &name, &limits).await?;
    let details = lane(&Lane { limits, ..found.clone() }, &[]);
    audit(&mut tx, &kernel.env, &actor, "mail.lane", None, details).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// The pace of a relay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct RelayChanges {
    /// Mails an hour, all processes together; `null`: as fast as it takes them.
    #[validate(range(min = 1, max = 100_000_000))]
    rate_per_hour: Option<i32>,
}

/// Sets how many mails an hour a relay is given, for the whole installation.
#[utoipa::path(
    put,
    path = "/api/v1/mail/relays/{relay}",
    tag = "mail",
    params(("relay" = String, Path, description = "host:port, as in the summary")),
    request_body = RelayChanges,
    responses(
        (status = 200, description = "How mail goes now", body = Value),
        (status = 401),
        (status = 403),
        (status = 404),
        (status = 422),
    ),
)]
async fn update_mail_relay(
    State(console): State<Console>,
    actor: Actor,
    PathParams(relay): PathParams<String>,
    Valid(Json(body)): Valid<Json<RelayChanges>>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    if !mail::set_relay(&mut tx, &relay, body.rate_per_hour).await? {
        return Err(Error::not_found());
    }
    let details = json!({"relay": relay, "rate_per_hour": body.rate_per_hour});
    audit(&mut tx, &kernel.env, &actor, "mail.relay", None, details).await?;
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// The limit on first mails to an address.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct FirstContactChanges {
    /// First mails to an address that the whole installation sends in an hour; `null`: as in the settings.
    #[validate(range(min = 1, max = 1_000_000_000))]
    per_hour: Option<i64>,
}

/// Sets how many first mails to an address go out in an hour, for the whole installation, at once. What waits for the limit is
/// looked at again.
#[utoipa::path(
    put,
    path = "/api/v1/mail/first_contacts",
    tag = "mail",
    request_body = FirstContactChanges,
    responses(
        (status = 200, description = "How mail goes now", body = Value),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn update_first_contact_limit(
    State(console): State<Console>,
    actor: Actor,
    Valid(Json(body)): Valid<Json<FirstContactChanges>>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let mut has_more = mail::set_first_contacts(&mut tx, body.per_hour, kernel.env.now()).await?;
    let details = json!({"per_hour": body.per_hour});
    audit(&mut tx, &kernel.env, &actor, "mail.first_contacts", None, details).await?;
    tx.commit().await?;
    let mut releases = MAX_RELEASES;
    while has_more && releases > 0 {
        has_more = mail::release_first_contacts(&mut *kernel.db.acquire().await?, kernel.env.now()).await?;
        releases -= 1;
    }
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// An address that bounced.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct Unsuppress {
    /// The address.
    address: String,
}

/// Lets an address that bounced be written to again in the organization. Who unsubscribed, complained or wants no mail ever stays so.
/// The answer is the same whether it was suppressed or not; who may read contacts is told.
#[utoipa::path(
    post,
    path = "/api/v1/mail/unsuppress",
    tag = "mail",
    request_body = Unsuppress,
    responses(
        (status = 200, description = "It may be written to", body = Value),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn unsuppress(
    State(console): State<Console>,
    actor: Actor,
    Valid(Json(body)): Valid<Json<Unsuppress>>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let address = EmailAddress::parse(&body.address)
        .map_err(|_| Error::field("/address", "invalid_email", "This is not an e-mail address."))?;
    let mut tx = kernel.db.begin().await?;
    let lifted = mail::unsuppress(&mut tx, kernel, Some(actor.organization_id), &address).await?;
    // nothing in the entry says whether there was one
    audit(&mut tx, &kernel.env, &actor, "mail.unsuppress", None, json!({})).await?;
    tx.commit().await?;
    let mut answer = json!({"notice": "If this address was suppressed for bouncing, it may be written to again."});
    if actor.allows(Scope::ContactsRead) {
        // of protected actions nothing is told
        answer["muster:lifted"] = json!(lifted.iter().any(|lifted| !lifted.is_protected));
    }
    Ok(private_json(StatusCode::OK, &answer))
}

/// Queues a failed, uncertain or returned mail again.
#[utoipa::path(
    post,
    path = "/api/v1/mail/{id}/retry",
    tag = "mail",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Queued", body = Value),
        (status = 401),
        (status = 403),
        (status = 404),
        (status = 409, description = "In another state"),
    ),
)]
async fn retry_mail(
    State(console): State<Console>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let done = mail::requeue(&mut tx, kernel.env.now(), actor.organization_id, id).await?;
    audit_mail_decision(&mut tx, &actor, id, done).await?;
    audit(&mut tx, &kernel.env, &actor, "mail.retry", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This mail goes again."})))
}

/// Cancels a mail that waits.
#[utoipa::path(
    post,
    path = "/api/v1/mail/{id}/cancel",
    tag = "mail",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Cancelled", body = Value),
        (status = 401),
        (status = 403),
        (status = 404),
        (status = 409, description = "In another state"),
    ),
)]
async fn cancel_mail(
    State(console): State<Console>,
    actor: Actor,
    PathParams(id): PathParams<Uuid>,
) -> Result<Json<Value>> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let ours = store::has_mail(&mut tx, actor.organization_id, id).await?;
    let done = ours && !mail::cancel(&mut tx, kernel.env.now(), &[id]).await?.is_empty();
    audit_mail_decision(&mut tx, &actor, id, done).await?;
    audit(&mut tx, &kernel.env, &actor, "mail.cancel", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(json!({"notice": "This mail is cancelled."})))
}

/// 404 for a mail that is not the actor's, 409 for one whose state did not allow it.
async fn audit_mail_decision(conn: &mut sqlx::PgConnection, actor: &Actor, id: Uuid, done: bool) -> Result<()> {
    match done || store::has_mail(conn, actor.organization_id, id).await? {
        true if done => Ok(()),
        true => Err(Error::problem(Code::Conflict, "This mail is in no state for that (any more).")),
        false => Err(Error::not_found()),
    }
}

/// Queues all failed mails again, or those that a filter names (as in the list of mail). Of many, a job
/// queues the rest.
#[utoipa::path(
    post,
    path = "/api/v1/mail/retry",
    tag = "mail",
    params(("filter" = Option<String>, Query, description = "As in the list of mail")),
    responses(
        (status = 200, description = "How many were queued so far, and whether a job queues more", body = Value),
        (status = 400),
        (status = 401),
        (status = 403),
    ),
)]
async fn retry_mails(State(console): State<Console>, actor: Actor, query: ListQuery) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let filter = query.filter(store::MAIL_FIELDS)?;
    let mut conn = kernel.db.acquire().await?;
    let (now, organization) = (kernel.env.now(), actor.organization_id);
    let which = Retry { filter: filter.as_ref(), ..Retry::default() };
    let (mut mails, mut cursor) = (0, Some(Uuid::nil()));
    for batch in 1..=RETRY_BATCHES {
        let Some(after) = cursor else { break };
        let mut tx = conn.begin().await?;
        let retried = mail::retry_some(&mut tx, now, organization, which, after).await?;
        if retried.mails > 0 || batch == 1 {
            audit(&mut tx, &kernel.env, &actor, "mail.retry_all", None, json!({"mails": retried.mails})).await?;
        }
        if batch == RETRY_BATCHES && retried.next.is_some() {
            let retry = store::NewRetry { organization, filter: query.filter.as_deref().unwrap_or_default(), now };
            mail_retry::enqueue(&mut tx, &kernel.env, &retry).await?;
        }
        tx.commit().await?;
        mails += retried.mails;
        cursor = retried.next;
    }
    Ok(private_json(StatusCode::OK, &json!({"muster:retried": mails, "muster:goes_on": cursor.is_some()})))
}

/// Hands in a mail that came back, as it is: `?recipient=` is the envelope's, where it is known.
#[utoipa::path(
    post,
    path = "/api/v1/mail/bounces",
    tag = "mail",
    params(("recipient" = Option<String>, Query, description = "The envelope's recipient")),
    request_body(content = String, content_type = "message/rfc822"),
    responses(
        (status = 200, description = "What it says, and whether the mail was found that it is about", body = Value),
        (status = 401),
        (status = 403),
        (status = 413),
        (status = 415),
        (status = 503, description = "The mail is still being sent; hand it in again"),
    ),
)]
async fn create_bounce(
    State(console): State<Console>,
    actor: Actor,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("message/rfc822") {
        return Err(Error::problem(Code::UnsupportedMediaType, "Send the mail itself, as message/rfc822."));
    }
    let raw = body.map_err(too_large)?;
    let mut asked = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let recipient = asked.find(|(name, _)| name == "recipient").map(|(_, value)| value.into_owned());
    let taken = mail::process_bounce(&console.kernel, &console.kinds, &raw, recipient.as_deref()).await?;
    let (status, is_dead) = match &taken.report {
        BounceReport::Failed { status, is_dead, .. } => (status.map(|s| s.to_string()), *is_dead),
        _ => (None, false),
    };
    let body = json!({"muster:report": taken.report.as_str(), "muster:status": status, "muster:is_dead": is_dead, "muster:is_known": taken.is_known});
    Ok(private_json(StatusCode::OK, &body))
}
