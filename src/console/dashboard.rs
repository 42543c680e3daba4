//! Data of the console's dashboard (`templates/console/dashboard.html`).

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use crate::{
    campaigns::{
        State,
        retention::{self, RetentionStatus},
    },
    error::Result,
    kernel::{
        i18n,
        jobs::JobState,
        text::LocaleTag,
        zones::{self, Zone},
    },
    letters,
    mail::{self, Class, EmailState},
    organizers::{Actor, Scope},
};

/// The tables of the dashboard.
#[derive(Debug, Serialize)]
pub(super) struct Dashboard {
    petitions: Vec<Petition>,
    events: Vec<Event>,
    letters: Vec<Letter>,
    mail: Vec<MailCount>,
    /// How the ends of actions stand.
    retention: RetentionStatus,
}

#[derive(Debug, Serialize)]
struct Petition {
    id: Uuid,
    title: String,
    url: String,
    state: State,
    total: i64,
    published_total: i64,
    export_url: String,
}

#[derive(Debug, Serialize)]
struct Event {
    id: Uuid,
    title: String,
    url: String,
    when: String,
    capacity: Option<i32>,
    accepted: i64,
    waitlisted: Option<i32>,
    export_url: String,
}

#[derive(Debug, Serialize)]
struct Letter {
    id: Uuid,
    title: String,
    url: String,
    live: bool,
    total: i64,
    sent: Option<i64>,
    failed: Option<i64>,
    export_url: String,
    /// The job that releases or holds its letters.
    dispatch: Option<DispatchState>,
    dispatched: i64,
}

/// What a job that releases or holds letters does; the ends of the names of texts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum DispatchState {
    Releasing,
    Holding,
    Failed,
}

#[derive(Debug, Serialize)]
struct MailCount {
    class: Class,
    state: EmailState,
    count: i64,
    is_estimate: bool,
    oldest: String,
}

/// A step of a first campaign.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// End of the names of its texts.
    name: &'static str,
    /// Where it is done.
    href: &'static str,
    is_done: bool,
}

impl Dashboard {
    /// What to do on the way to a first campaign; empty once all is done, or people have taken part.
    pub(super) fn first_steps(&self, has_campaign: bool, has_office: bool) -> Vec<Step> {
        let took_part = self.petitions.iter().any(|petition| petition.total > 0)
            || self.events.iter().any(|event| event.accepted > 0)
            || self.letters.iter().any(|letter| letter.total > 0);
        if took_part {
            return Vec::new();
        }
        let is_published = self.petitions.iter().any(|petition| petition.state.is_public());
        let has_action = !(self.petitions.is_empty() && self.events.is_empty() && self.letters.is_empty());
        let step = |name, href, is_done| Step { name, href, is_done };
        let steps = vec![
            step("campaign", "/console/campaigns/new", has_campaign),
            step("petition", "/console/petitions/new", has_action),
            step("office", "/console/offices/new", has_office),
            step("publish", "/console/petitions", is_published),
        ];
        if steps.iter().all(|step| step.is_done) { Vec::new() } else { steps }
    }

    /// Reads the tables of the actor's organization.
    ///
    /// # Errors
    /// `forbidden` without `actions:read`.
    pub(super) async fn read(
        conn: &mut PgConnection,
        actor: &Actor,
        locale: LocaleTag,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        actor.require(Scope::ActionsRead)?;
        let organization = actor.organization_id;
        let may_export = actor.allows(Scope::ContactsExport);
        let export = |is_protected: bool, list: &str, id: Uuid, file: &str| {
            // contacts of protected actions are not exported
            if may_export && !is_protected { format!("/api/v1/exports/{list}/{id}/{file}.csv") } else { String::new() }
        };
        let petitions = store::petitions(&mut *conn, organization).await?.into_iter().map(|row| Petition {
            url: format!("/p/{}", row.slug),
            export_url: export(row.is_protected, "petitions", row.id, "signatures"),
            id: row.id,
            title: row.title,
            state: row.state,
            total: row.total,
            published_total: row.published_total,
        });
        let events = store::events(&mut *conn, organization).await?.into_iter().map(|row| Event {
            url: format!("/e/{}", row.slug),
            export_url: export(row.is_protected, "events", row.id, "attendances"),
            when: i18n::period(locale, row.starts_at, row.ends_at, Zone::stored(&row.timezone)),
            id: row.id,
            title: row.title,
            capacity: row.capacity,
            accepted: row.accepted,
            waitlisted: row.waitlisted,
        });
        let letters = store::letters(&mut *conn, organization).await?;
        let ids: Vec<Uuid> = letters.iter().map(|row| row.id).collect();
        let jobs = letters::dispatch_jobs(&mut *conn, &ids).await?;
        let letters = letters.into_iter().map(|row| Letter {
            dispatch: jobs.get(&row.id).map(|job| match (job.state, row.live) {
                (JobState::Failed, _) => DispatchState::Failed,
                (JobState::Running, true) => DispatchState::Releasing,
                (JobState::Running, false) => DispatchState::Holding,
            }),
            dispatched: jobs.get(&row.id).map_or(0, |job| job.done),
            url: format!("/l/{}", row.slug),
            export_url: export(row.is_protected, "advocacy_campaigns", row.id, "outreaches"),
            id: row.id,
            title: row.title,
            live: row.live,
            total: row.total,
            sent: row.sent,
            failed: row.failed,
        });
        let mail = mail::mail_counts(&mut *conn, organization, now).await?.rows.into_iter().map(|row| MailCount {
            oldest: i18n::date_time(locale, row.oldest, *zones::DEFAULT),
            class: row.class,
            state: row.state,
            count: row.count,
            is_estimate: row.is_estimate,
        });
        Ok(Self {
            petitions: petitions.collect(),
            events: events.collect(),
            letters: letters.collect(),
            mail: mail.collect(),
            retention: retention::retention_status(conn, Some(organization), now).await?,
        })
    }
}
