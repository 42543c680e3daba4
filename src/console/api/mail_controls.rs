//! Operations on the mail queue: summary, pauses, retries, rate limits of lanes and relays, suppressions, bounces.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Acquire;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;
use validator::Validate;

use super::super::{Console, mail_retry, store};
use crate::{
    error::{Code, Error, FieldError, Result},
    kernel::{
        extract::{ListQuery, PathParams, too_large},
        hal::{Links, Notice},
        http_cache::private_json,
        patch::{NewBody, Patch},
        text::{EmailAddress, clean_line},
        zones::Zone,
    },
    mail::{self, BounceReport, Class, EmailState, Hours, Lane, LaneLimits, MailCount, Pause, RelayStatus, Retry},
    organizers::{Actor, Scope, audit},
};

/// Number of past days in the counts by provider.
const SUMMARY_DAYS: i64 = 7;

/// Maximum number of batches of first contacts released at once when their limit changes; the others stay due in a
/// later hour.
const MAX_RELEASES: usize = 20;

/// Number of batches of failed mails queued again within the request; a job does the others.
const RETRY_BATCHES: usize = 3;

/// Maximum size of a submitted bounce, in bytes.
const MAX_BOUNCE_BYTES: usize = 4 * 1024 * 1024;

/// API routes of the mail queue, except its list.
pub(super) fn router() -> OpenApiRouter<Console> {
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

/// Summary of the mail queue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MailSummary {
    /// The organization's mails by class and state, in the order of priority.
    #[serde(rename = "muster:queue")]
    muster_queue: Vec<QueueCount>,
    /// The mailboxes for which letters of the organization wait, or that are paused.
    #[serde(rename = "muster:lanes")]
    muster_lanes: Vec<LaneResource>,
    /// The relays of the installation; for operators.
    #[serde(rename = "muster:relays")]
    muster_relays: Vec<RelayResource>,
    /// First mails to an address, of the whole installation.
    #[serde(rename = "muster:first_contacts")]
    muster_first_contacts: FirstContactCounts,
    /// What is paused in the whole installation, or in the organization.
    #[serde(rename = "muster:pauses")]
    muster_pauses: Vec<PauseResource>,
    /// Mails of the organization that were sent within the last hour.
    #[serde(rename = "muster:sent_last_hour")]
    muster_sent_last_hour: i64,
    /// Mails of the organization that are more than an hour late.
    #[serde(rename = "muster:late")]
    muster_late: i64,
    /// Letters that may or may not have been delivered: an organizer decides about each.
    #[serde(rename = "muster:uncertain")]
    muster_uncertain: i64,
    /// What became of mail within seven days, by provider, of the whole installation; for operators.
    #[serde(rename = "muster:providers")]
    muster_providers: Vec<ProviderCounts>,
    #[serde(rename = "_links")]
    links: Links,
}

/// Number of mails of a class in a state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QueueCount {
    /// The priority.
    class: Class,
    /// The state.
    state: EmailState,
    /// How many.
    count: i64,
    /// More mails wait than are counted one by one; the number is extrapolated.
    is_estimate: bool,
    /// When the oldest was queued; of settled mails, the first day of which some are kept.
    oldest_date: DateTime<Utc>,
}

impl From<MailCount> for QueueCount {
    fn from(c: MailCount) -> Self {
        Self { class: c.class, state: c.state, count: c.count, is_estimate: c.is_estimate, oldest_date: c.oldest }
    }
}

/// What can be written of a lane: an official's mailbox in the queue. In a PUT, absent members stay.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct LaneDocument {
    /// Letters per hour.
    #[validate(range(min = 1, max = 100_000))]
    rate_per_hour: i32,
    /// Letters that may be sent at once when none was sent for a while.
    #[validate(range(min = 1, max = 1000))]
    burst: i32,
    /// Nothing is sent. A pause after bounces ends only when an organizer sets false.
    paused: bool,
    /// The hours of each day in which letters are sent; null: at any time.
    #[serde(default)]
    hours: Option<DailyHours>,
}

impl From<&LaneLimits> for LaneDocument {
    fn from(limits: &LaneLimits) -> Self {
        let hours = |hours: Hours| DailyHours {
            opens_at: hours.opens_at.format(TIME_FORMAT).to_string(),
            closes_at: hours.closes_at.format(TIME_FORMAT).to_string(),
            timezone: hours.timezone.name().to_owned(),
        };
        Self {
            rate_per_hour: limits.rate_per_hour,
            burst: limits.burst,
            paused: limits.paused,
            hours: limits.hours.map(hours),
        }
    }
}

/// A lane: an official's mailbox for which letters of the organization wait, or that is paused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaneResource {
    /// Its id in the paths of the API.
    lane: String,
    /// Titles of the organization's offices that it belongs to.
    offices: Vec<String>,
    /// The members that can be written.
    #[serde(flatten)]
    document: LaneDocument,
    /// Why it is paused: `bounced`, `complained`, `unknown_time_zone`, or empty where an organizer did it.
    pause_reason: String,
    /// Waiting letters of the organization, counted up to 10,000.
    waiting: i64,
    /// When the first of them is due.
    oldest_due_at: Option<DateTime<Utc>>,
}

impl LaneResource {
    fn of(lane: &Lane, offices: &[String]) -> Self {
        Self {
            lane: lane.lane.clone(),
            offices: offices.to_vec(),
            document: (&lane.limits).into(),
            pause_reason: lane.pause_reason.clone(),
            waiting: lane.waiting,
            oldest_due_at: lane.oldest,
        }
    }
}

/// A relay. The last three members are there only while it refuses mail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RelayResource {
    /// `host:port`.
    relay: String,
    /// Mails an hour, all processes together; null: as fast as it takes them.
    rate_per_hour: Option<i32>,
    /// Since when it refuses our account, or everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_since: Option<DateTime<Utc>>,
    /// What it replied, without addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// When it is offered the next mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    #[expect(clippy::option_option, reason = "null where it is not set, absent where it is not shown")]
    retry_at: Option<Option<DateTime<Utc>>>,
}

impl From<RelayStatus> for RelayResource {
    fn from(relay: RelayStatus) -> Self {
        let is_refusing = relay.refused_since.is_some();
        Self {
            relay: relay.relay,
            rate_per_hour: relay.rate_per_hour,
            refused_since: relay.refused_since,
            refusal: is_refusing.then_some(relay.refusal),
            retry_at: is_refusing.then_some(relay.retry_at),
        }
    }
}

/// First mails to an address, of the whole installation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FirstContactCounts {
    /// Sent in the present hour (UTC); for operators, else 0.
    this_hour: i64,
    /// At most so many go out in an hour.
    per_hour: i64,
    /// Is the limit of this hour reached? The others then wait for the next one.
    is_braked: bool,
    /// How many wait for a later hour, counted up to 50,000; for operators, else 0.
    held: i64,
}

/// A pause, for the whole installation or the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PauseResource {
    /// `everything`, or a class of mail.
    scope: String,
    /// `restored`, `other_database` or `unverified` (the restore guard), or what an organizer wrote.
    reason: String,
    /// When it began.
    created_date: DateTime<Utc>,
}

/// What became of mail to the addresses of a provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderCounts {
    /// The provider's domain.
    domain: String,
    /// Accepted by the relay.
    sent: i64,
    /// Refused or given up.
    failed: i64,
    /// Came back.
    bounced: i64,
    /// Reported as spam.
    complained: i64,
    /// Failed or bounced ones among 10,000.
    bounced_per_10000: i64,
    /// Complaints among 10,000 that were sent.
    complained_per_10000: i64,
}

impl From<store::DomainRow> for ProviderCounts {
    fn from(d: store::DomainRow) -> Self {
        let share = |part: i64, of: i64| if of > 0 { part * 10_000 / of } else { 0 };
        Self {
            bounced_per_10000: share(d.bounced + d.failed, d.sent + d.failed),
            complained_per_10000: share(d.complained, d.sent),
            domain: d.domain,
            sent: d.sent,
            failed: d.failed,
            bounced: d.bounced,
            complained: d.complained,
        }
    }
}

async fn summary(console: &Console, actor: &Actor) -> Result<MailSummary> {
    let (kernel, now) = (&console.kernel, console.kernel.env.now());
    let mut conn = kernel.db.acquire().await?;
    let hour = now - TimeDelta::hours(1);
    let counts = mail::mail_counts(&mut conn, actor.organization_id, hour).await?;
    let lanes = mail::lanes(&mut conn, actor.organization_id).await?;
    let names: Vec<String> = lanes.iter().map(|l| l.lane.clone()).collect();
    let offices = store::offices_of_lanes(&mut conn, actor.organization_id, &names).await?;
    let lane = |l: &Lane| LaneResource::of(l, offices.get(&l.lane).map_or(&[], Vec::as_slice));
    let pause = |p: Pause| PauseResource { scope: p.scope, reason: p.reason, created_date: p.created_at };
    let mut pauses: Vec<PauseResource> = mail::pauses(&mut conn).await?.into_iter().map(pause).collect();
    for own in mail::organization_pauses(&mut conn, Some(actor.organization_id)).await? {
        if pauses.iter().all(|pause| pause.scope != own.scope) {
            pauses.push(PauseResource { scope: own.scope, reason: own.reason, created_date: own.created_at });
        }
    }
    // what tells of the mail of others is for operators
    let (domains, relays) = if actor.is_operator {
        let since = now.date_naive() - TimeDelta::days(SUMMARY_DAYS);
        (store::domains(&mut conn, since).await?, mail::relays(&mut conn).await?)
    } else {
        (Vec::new(), Vec::new())
    };
    let first_contacts = mail::first_contacts(&mut conn, now).await?;
    let most = first_contacts.per_hour.unwrap_or(kernel.settings.mail.first_contacts_per_hour);
    let uncertain = counts.rows.iter().filter(|c| c.state == EmailState::Uncertain).map(|c| c.count).sum();
    Ok(MailSummary {
        muster_late: counts.late,
        muster_uncertain: uncertain,
        muster_queue: counts.rows.into_iter().map(QueueCount::from).collect(),
        muster_lanes: lanes.iter().map(lane).collect(),
        muster_relays: relays.into_iter().map(RelayResource::from).collect(),
        muster_first_contacts: FirstContactCounts {
            this_hour: if actor.is_operator { first_contacts.this_hour } else { 0 },
            per_hour: most,
            is_braked: first_contacts.this_hour >= most,
            held: if actor.is_operator { first_contacts.held } else { 0 },
        },
        muster_pauses: pauses,
        muster_sent_last_hour: mail::sent_since(&mut conn, actor.organization_id, hour).await?,
        muster_providers: domains.into_iter().map(ProviderCounts::from).collect(),
        links: Links::to_self(kernel.url("/api/v1/mail/summary"))
            .to("muster:mail", kernel.url("/api/v1/mail"))
            .with_curies(),
    })
}

/// The mail queue in numbers: by class and state, by lane, by provider over seven days; pauses, and late mail.
#[utoipa::path(
    get,
    path = "/api/v1/mail/summary",
    tag = "mail",
    responses(
        (status = 200, description = "The numbers. Scope `mail:manage`.", body = MailSummary),
        (status = 401),
        (status = 403),
    ),
)]
async fn get_mail_summary(State(console): State<Console>, actor: Actor) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// Pauses to begin (true) or end (false). Absent members stay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct PauseChanges {
    /// All mail.
    everything: Option<bool>,
    /// Single classes: `{"update": true}`.
    classes: BTreeMap<String, bool>,
    /// Reason of the pause, shown in the summary.
    #[validate(length(max = 200))]
    reason: String,
}

/// Pauses or resumes mail, everything or by class, at once: of the whole installation for operators, else of one's own
/// organization. After a database was restored from a backup everything is paused until an operator resumes it here.
#[utoipa::path(
    put,
    path = "/api/v1/mail/pauses",
    tag = "mail",
    request_body = PauseChanges,
    responses(
        (status = 200, description = "How mail goes now", body = MailSummary),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn update_mail_pauses(
    State(console): State<Console>,
    actor: Actor,
    body: NewBody<PauseChanges>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let body: PauseChanges = body.part()?;
    let kernel = &console.kernel;
    let reason = clean_line(&body.reason, 200).map_err(|e| Error::field("/reason", e.code, e.detail))?;
    let unknown = body.classes.keys().find(|class| !Class::NAMES.contains(&class.as_str()));
    if let Some(class) = unknown {
        let pointer = format!("/classes/{}", class.replace('~', "~0").replace('/', "~1"));
        return Err(Error::field(&pointer, "unknown_value", format!("Classes: {}.", Class::NAMES.join(", "))));
    }
    let mut tx = kernel.db.begin().await?;
    let everything = body.everything.map(|paused| (mail::EVERYTHING.to_owned(), paused));
    for (scope, paused) in everything.into_iter().chain(body.classes) {
        let (organization, now) = (actor.organization_id, kernel.env.now());
        match (paused, actor.is_operator) {
            (true, true) => mail::pause(&mut tx, &scope, &reason, now).await?,
            (true, false) => mail::pause_organization(&mut tx, organization, &scope, &reason, now).await?,
            (false, is_operator) => {
                if is_operator {
                    mail::resume_at(&mut tx, &scope, now).await?;
                }
                mail::resume_organization(&mut tx, organization, &scope, now).await?;
            }
        }
        let verb = if paused { "mail.pause" } else { "mail.resume" };
        let detail = json!({"scope": scope, "reason": reason, "is_global": actor.is_operator});
        audit(&mut tx, &kernel.env, &actor, verb, None, detail).await?;
    }
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// Hours of each day; a window that closes before it opens goes past midnight. Without times: any hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct DailyHours {
    /// Start, inclusive, as `09:00`.
    opens_at: String,
    /// End, exclusive, as `17:30`.
    closes_at: String,
    /// IANA time zone, as `America/Toronto`.
    timezone: String,
}

/// Format of a time of day.
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

/// Sets rate, burst, hours or pause of a lane in which letters of the organization wait. For operators: others may write
/// to the same mailbox.
#[utoipa::path(
    put,
    path = "/api/v1/mail/lanes/{lane}",
    tag = "mail",
    params(("lane" = String, Path, description = "As in the summary")),
    request_body = LaneDocument,
    responses(
        (status = 200, description = "How mail goes now", body = MailSummary),
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
    changes: Patch<LaneResource>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    actor.require_operator()?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let all = mail::lanes(&mut tx, actor.organization_id).await?;
    let found = all.iter().find(|l| l.lane == name).ok_or_else(Error::not_found)?;
    let present = LaneDocument::from(&found.limits);
    let document = changes.apply(&present)?;
    let hours = if document.hours == present.hours {
        found.limits.hours
    } else {
        document.hours.as_ref().map(DailyHours::read).transpose()?.flatten()
    };
    let LaneDocument { rate_per_hour, burst, paused, .. } = document;
    let limits = LaneLimits { rate_per_hour, burst, hours, paused };
    // the stored hours may be in a time zone that is unknown by now: the lane would be paused again at once
    if limits.hours.is_some_and(|hours| !hours.timezone.is_known()) && !limits.paused {
        return Err(Error::field(
            "/hours/timezone",
            "unknown_value",
            "The time zone of this mailbox is unknown here: send its hours anew, with one such as America/Toronto.",
        ));
    }
    // a lane that stays paused keeps its reason; one that is not paused is saved anyway, which forgets earlier bounces
    if limits != found.limits || !limits.paused {
        mail::set_lane(&mut tx, &name, &limits).await?;
        let details = json!(LaneResource::of(&Lane { limits, ..found.clone() }, &[]));
        audit(&mut tx, &kernel.env, &actor, "mail.lane", None, details).await?;
    }
    tx.commit().await?;
    Ok(private_json(StatusCode::OK, &summary(&console, &actor).await?))
}

/// Rate limit of a relay.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct RelayChanges {
    /// Mails per hour, all processes together; null: as fast as the relay accepts them.
    #[validate(range(min = 1, max = 100_000_000))]
    rate_per_hour: Option<i32>,
}

/// Sets the rate limit of a relay, for the whole installation. For operators.
#[utoipa::path(
    put,
    path = "/api/v1/mail/relays/{relay}",
    tag = "mail",
    params(("relay" = String, Path, description = "host:port, as in the summary")),
    request_body = RelayChanges,
    responses(
        (status = 200, description = "How mail goes now", body = MailSummary),
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
    body: NewBody<RelayChanges>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    actor.require_operator()?;
    let body: RelayChanges = body.part()?;
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

/// Limit of first contacts.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct FirstContactChanges {
    /// First mails to an address per hour, of the whole installation; null: the setting `mail.first_contacts_per_hour`.
    #[validate(range(min = 1, max = 1_000_000_000))]
    per_hour: Option<i64>,
}

/// Sets how many first mails to an address are sent in an hour, for the whole installation, at once. Mails that wait
/// for the limit become due again. For operators.
#[utoipa::path(
    put,
    path = "/api/v1/mail/first_contacts",
    tag = "mail",
    request_body = FirstContactChanges,
    responses(
        (status = 200, description = "How mail goes now", body = MailSummary),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn update_first_contact_limit(
    State(console): State<Console>,
    actor: Actor,
    body: NewBody<FirstContactChanges>,
) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    actor.require_operator()?;
    let body: FirstContactChanges = body.part()?;
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

/// What an organizer is told of an address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnsuppressAnswer {
    /// The same sentence, whether the address was suppressed or not.
    notice: &'static str,
    /// Was it suppressed? Only for those who may read contacts; of protected actions nothing is told.
    #[serde(rename = "muster:lifted", skip_serializing_if = "Option::is_none")]
    muster_lifted: Option<bool>,
}

/// An address that bounced.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub(super) struct Unsuppress {
    /// The address.
    address: String,
}

/// Lifts the suppression of an address that bounced, within the organization. Unsubscriptions, complaints and global
/// suppressions stay. The answer is the same whether it was suppressed or not, except for those who may read contacts.
#[utoipa::path(
    post,
    path = "/api/v1/mail/unsuppress",
    tag = "mail",
    request_body = Unsuppress,
    responses(
        (status = 200, description = "It may be written to", body = UnsuppressAnswer),
        (status = 401),
        (status = 403),
        (status = 422),
    ),
)]
async fn unsuppress(State(console): State<Console>, actor: Actor, body: NewBody<Unsuppress>) -> Result<Response> {
    actor.require(Scope::MailManage)?;
    let body: Unsuppress = body.part()?;
    let kernel = &console.kernel;
    let address = EmailAddress::parse(&body.address)
        .map_err(|_| Error::field("/address", "invalid_email", "This is not an e-mail address."))?;
    let mut tx = kernel.db.begin().await?;
    let lifted = mail::unsuppress(&mut tx, kernel, Some(actor.organization_id), &address).await?;
    // nothing in the entry says whether there was one
    audit(&mut tx, &kernel.env, &actor, "mail.unsuppress", None, json!({})).await?;
    tx.commit().await?;
    let answer = UnsuppressAnswer {
        notice: "If this address was suppressed for bouncing, it may be written to again.",
        muster_lifted: actor.allows(Scope::ContactsRead).then(|| lifted.iter().any(|lifted| !lifted.is_protected)),
    };
    Ok(private_json(StatusCode::OK, &answer))
}

/// Queues a failed, uncertain or returned mail again.
#[utoipa::path(
    post,
    path = "/api/v1/mail/{id}/retry",
    tag = "mail",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Queued", body = Notice),
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
) -> Result<Json<Notice>> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let done = mail::requeue(&mut tx, kernel.env.now(), actor.organization_id, id).await?;
    audit_mail_decision(&mut tx, &actor, id, done).await?;
    audit(&mut tx, &kernel.env, &actor, "mail.retry", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This mail goes again." }))
}

/// Cancels a mail that waits.
#[utoipa::path(
    post,
    path = "/api/v1/mail/{id}/cancel",
    tag = "mail",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "Cancelled", body = Notice),
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
) -> Result<Json<Notice>> {
    actor.require(Scope::MailManage)?;
    let kernel = &console.kernel;
    let mut tx = kernel.db.begin().await?;
    let ours = store::has_mail(&mut tx, actor.organization_id, id).await?;
    let done = ours && !mail::cancel(&mut tx, kernel.env.now(), &[id]).await?.is_empty();
    audit_mail_decision(&mut tx, &actor, id, done).await?;
    audit(&mut tx, &kernel.env, &actor, "mail.cancel", Some(id), json!({})).await?;
    tx.commit().await?;
    Ok(Json(Notice { notice: "This mail is cancelled." }))
}

/// 404 for a mail of another organization, 409 for one whose state did not allow the operation.
async fn audit_mail_decision(conn: &mut sqlx::PgConnection, actor: &Actor, id: Uuid, done: bool) -> Result<()> {
    match done || store::has_mail(conn, actor.organization_id, id).await? {
        true if done => Ok(()),
        true => Err(Error::problem(Code::Conflict, "This mail is in no state for that (any more).")),
        false => Err(Error::not_found()),
    }
}

/// How far failed mails were queued again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetryAnswer {
    /// Mails that were queued within this request.
    #[serde(rename = "muster:retried")]
    muster_retried: i64,
    /// Does a job queue the others?
    #[serde(rename = "muster:goes_on")]
    muster_goes_on: bool,
}

/// Queues all failed mails again, or those that a filter names (as in the list of mail). Of many, a job
/// queues the rest.
#[utoipa::path(
    post,
    path = "/api/v1/mail/retry",
    tag = "mail",
    params(("filter" = Option<String>, Query, description = "As in the list of mail")),
    responses(
        (status = 200, description = "How many were queued so far", body = RetryAnswer),
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
    let answer = RetryAnswer { muster_retried: mails, muster_goes_on: cursor.is_some() };
    Ok(private_json(StatusCode::OK, &answer))
}

/// Result of processing a returned mail.
#[expect(clippy::struct_field_names, reason = "the prefix stands for `muster:`")]
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BounceAnswer {
    /// `bounce`, `underway`, `complaint`, `auto_reply` or `other`.
    #[serde(rename = "muster:report")]
    muster_report: &'static str,
    /// Enhanced status code (RFC 3463) of a bounce, where there is one.
    #[serde(rename = "muster:status")]
    muster_status: Option<String>,
    /// The address will never accept mail.
    #[serde(rename = "muster:is_dead")]
    muster_is_dead: bool,
    /// The mail was found that it is about.
    #[serde(rename = "muster:is_known")]
    muster_is_known: bool,
}

/// Processes a returned mail (RFC 5322, as received); `recipient` is the envelope recipient, where it is known.
#[utoipa::path(
    post,
    path = "/api/v1/mail/bounces",
    tag = "mail",
    params(("recipient" = Option<String>, Query, description = "The envelope's recipient")),
    request_body(content = String, content_type = "message/rfc822"),
    responses(
        (status = 200, description = "What it says", body = BounceAnswer),
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
    let status = match &taken.report {
        BounceReport::Failed { status, .. } => status.map(|s| s.to_string()),
        _ => None,
    };
    let answer = BounceAnswer {
        muster_report: taken.report.as_str(),
        muster_status: status,
        muster_is_dead: taken.report.is_dead(),
        muster_is_known: taken.is_known,
    };
    Ok(private_json(StatusCode::OK, &answer))
}
