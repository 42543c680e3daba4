//! Data of the console's dashboard (`templates/console/dashboard.html`).

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{exports, store};
use crate::{
    campaigns::{
        Kind, State,
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
    /// What needs somebody.
    attention: Vec<Attention>,
    /// The last weeks.
    days: Days,
}

/// Something that needs somebody, with the page where it is done.
#[derive(Debug, Serialize)]
struct Attention {
    text: String,
    href: String,
}

/// Number of days that are drawn.
const DAYS: u32 = 30;
/// Width and height of the chart, in units of its own.
const CHART: (f64, f64) = (600.0, 160.0);
/// Number of sources that are told; the rest is one number.
const MAX_SOURCES: usize = 10;

/// How many took part, by day and by source.
#[derive(Debug, Default, Serialize)]
struct Days {
    /// A bar for each day, oldest first; those on which nobody took part, too.
    bars: Vec<Day>,
    sources: Vec<Source>,
    total: i64,
    /// The largest number of a day.
    most: i64,
}

/// A day, with its bar.
#[derive(Debug, Serialize)]
struct Day {
    date: String,
    signatures: i64,
    letters: i64,
    /// The bar's place in the chart.
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

#[derive(Debug, Serialize)]
struct Source {
    word: String,
    count: i64,
}

impl Days {
    fn of(rows: &[store::CountRow], locale: LocaleTag, today: NaiveDate) -> Self {
        let of_days = || rows.iter().filter(|row| row.dimension == "day");
        let most = of_days().map(|row| row.signatures + row.letters).max().unwrap_or_default();
        let (width, height) = (CHART.0 / f64::from(DAYS), CHART.1);
        let bars: Vec<Day> = (0..DAYS)
            .filter_map(|n| Some((n, today.checked_sub_days(chrono::Days::new((DAYS - 1 - n).into()))?)))
            .map(|(n, day)| {
                let key = day.to_string();
                let row = of_days().find(|row| row.key == key);
                let (signatures, letters) = row.map_or((0, 0), |row| (row.signatures, row.letters));
                let bar = share(signatures + letters, most) * height;
                Day {
                    date: i18n::date(locale, day),
                    signatures,
                    letters,
                    x: f64::from(n) * width + 1.0,
                    y: height - bar,
                    width: width - 2.0,
                    height: bar,
                }
            })
            .collect();
        let named = rows.iter().filter(|row| row.dimension == "source" && row.key != "other");
        let mut sources: Vec<Source> =
            named.map(|row| Source { word: row.key.clone(), count: row.signatures + row.letters }).collect();
        sources.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
        let rest: i64 = sources.iter().skip(MAX_SOURCES).map(|source| source.count).sum::<i64>()
            + rows.iter().filter(|row| row.key == "other").map(|row| row.signatures + row.letters).sum::<i64>();
        sources.truncate(MAX_SOURCES);
        if rest > 0 && !sources.is_empty() {
            sources.push(Source { word: i18n::text(locale, "overview-other"), count: rest });
        }
        Self { total: bars.iter().map(|day| day.signatures + day.letters).sum(), bars, sources, most }
    }
}

/// A part of a whole, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a height of pixels")]
fn share(part: i64, whole: i64) -> f64 {
    if whole <= 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What needs somebody, as far as the actor may do it.
async fn attention(
    conn: &mut PgConnection,
    actor: &Actor,
    locale: LocaleTag,
    mail: &[MailCount],
    retention: &RetentionStatus,
) -> Result<Vec<Attention>> {
    let mut found = Vec::new();
    let mut add = |key: &str, n: i64, title: &str, href: String| {
        if n > 0 {
            let more = if n >= store::MAX_COUNTED { "+" } else { "" };
            let n = i18n::number(locale, n) + more;
            let arguments = i18n::Arguments::from([("n".into(), n.into()), ("title".into(), title.into())]);
            found.push(Attention { text: i18n::text_with(locale, key, &arguments), href });
        }
    };
    if actor.allows(Scope::ContactsWrite) {
        for row in store::waiting(&mut *conn, actor.organization_id).await? {
            let (id, title) = (row.id, &*row.title);
            add("attention-held", row.held, title, format!("/console/petitions/{id}/signatures?state=quarantined"));
            add(
                "attention-comments",
                row.comments,
                title,
                format!("/console/petitions/{id}/signatures?comments=waiting"),
            );
            add("attention-imports", row.imports, title, format!("/console/petitions/{id}#import"));
        }
    }
    if actor.allows(Scope::MailManage) {
        let of = |state: EmailState| mail.iter().filter(|row| row.state == state).map(|row| row.count).sum::<i64>();
        let paused = store::paused_mailboxes(&mut *conn, actor.organization_id).await?;
        add("attention-paused", paused, "", "/console/mail#lanes".to_owned());
        add("attention-uncertain", of(EmailState::Uncertain), "", "/console/mail".to_owned());
        add("attention-failed", of(EmailState::Failed), "", "/console/mail".to_owned());
    }
    add("attention-overdue", retention.overdue, "", "/console/retention".to_owned());
    add("attention-retention", retention.ahead, "", "/console/retention".to_owned());
    Ok(found)
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
        let export = |is_protected: bool, kind: Kind, id: Uuid| {
            // contacts of protected actions are not exported
            if may_export && !is_protected { exports::address_of(kind, &id.to_string()) } else { String::new() }
        };
        let petitions = store::petitions(&mut *conn, organization).await?.into_iter().map(|row| Petition {
            url: format!("/p/{}", row.slug),
            export_url: export(row.is_protected, Kind::Petition, row.id),
            id: row.id,
            title: row.title,
            state: row.state,
            total: row.total,
            published_total: row.published_total,
        });
        let events = store::events(&mut *conn, organization).await?.into_iter().map(|row| Event {
            url: format!("/e/{}", row.slug),
            export_url: export(row.is_protected, Kind::Event, row.id),
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
            export_url: export(row.is_protected, Kind::Letter, row.id),
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
        let mail: Vec<MailCount> = mail.collect();
        let retention = retention::retention_status(&mut *conn, Some(organization), now).await?;
        let today = now.date_naive();
        let since = today.checked_sub_days(chrono::Days::new(DAYS.into())).unwrap_or(today);
        let counts = store::counts_of_days(&mut *conn, organization, since).await?;
        Ok(Self {
            attention: attention(conn, actor, locale, &mail, &retention).await?,
            days: Days::of(&counts, locale, today),
            petitions: petitions.collect(),
            events: events.collect(),
            letters: letters.collect(),
            mail,
            retention,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_the_chart_and_small_sources_are_one() {
        let row = |dimension: &str, key: &str, signatures| store::CountRow {
            dimension: dimension.to_owned(),
            key: key.to_owned(),
            signatures,
            letters: 1,
        };
        let today = NaiveDate::from_ymd_opt(2026, 11, 29).unwrap();
        let mut rows = vec![row("day", "2026-11-29", 9), row("day", "2026-11-28", 4), row("day", "2026-10-01", 99)];
        rows.pop();
        rows.extend((0..12).map(|n| row("source", &format!("s{n:02}"), n)));
        rows.push(row("source", "other", 5));
        let drawn = Days::of(&rows, LocaleTag::En, today);
        assert_eq!((drawn.bars.len(), drawn.total, drawn.most), (30, 15, 10));
        let last = &drawn.bars[29];
        assert!(last.y.abs() < 1e-9 && (last.height - CHART.1).abs() < 1e-9, "{last:?}");
        assert!((drawn.bars[28].height - CHART.1 / 2.0).abs() < 1e-9);
        assert_eq!(drawn.sources.len(), MAX_SOURCES + 1);
        assert_eq!((drawn.sources[0].count, drawn.sources[MAX_SOURCES].count), (12, 1 + 2 + 6));
        assert!(Days::of(&[], LocaleTag::Fr, today).bars.iter().all(|day| day.height.abs() < 1e-9));
    }
}
