//! What call actions bring to the life of submissions: theirs are calls.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use minijinja::context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    state::CallState,
    store::{self, CallAction, CallRow, CallSubmission},
};
use crate::{
    actions::{
        ActionKind,
        submission::{
            Loaded, Locked, LockedRows, Outcomes, Standing, SubmissionHeader, SubmissionKey, SubmissionKind,
            SubmissionPayload, WrittenSubmission, lock_rows, rows, save_confirmed, submission_row,
        },
    },
    campaigns::{self, Action, Kind},
    error::Result,
    kernel::{
        Kernel,
        group_commit::BatchError,
        i18n::text,
        links::{Detail, LinkPage, PageLink, Purpose, expired},
        text::LocaleTag,
    },
    mail::{self, Class},
    people::{Consents, Details},
};

/// Purpose of links that confirm a call.
pub const CONFIRM_CALL: Purpose = Purpose::new(24);
/// Purpose of links to the caller's own page.
pub const MANAGE_CALL: Purpose = Purpose::new(25);
/// Purpose of "this was not me" links.
pub const REJECT_CALL: Purpose = Purpose::new(26);
/// Purpose of links to what else of the same address waits to be confirmed.
pub const WAITING_CALLS: Purpose = Purpose::new(27);

/// Calls, as a kind of submission.
#[derive(Debug)]
pub enum CallKind {}

/// A call with its action and opened content.
type LoadedCall = Loaded<CallKind>;

/// The sealed content of a call's row: what was typed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallPayload {
    /// The person's details.
    pub details: Details,
    /// Identifiers in other systems, which only organizers give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
    /// The caller's own points.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub points: String,
    /// Consent boxes.
    pub consents: Consents,
    /// Language of the form.
    pub locale: LocaleTag,
}

impl SubmissionPayload for CallPayload {
    fn details(&self) -> &Details {
        &self.details
    }

    fn consents(&self) -> &Consents {
        &self.consents
    }

    fn locale(&self) -> Option<LocaleTag> {
        Some(self.locale)
    }

    fn identifiers_mut(&mut self) -> &mut Vec<String> {
        &mut self.identifiers
    }
}

submission_row!(CallRow, call_action_id, CallState::Pending);

/// The title of the office that was called, unless the action does not name it any more.
fn office(c: &LoadedCall) -> Option<String> {
    let target = c.parent.targets.iter().find(|target| target.office.office_id == c.row.office_id)?;
    Some(target.office.title_in(c.locale))
}

/// What was typed.
fn details(c: &LoadedCall) -> Vec<Detail> {
    let outcome = text(c.locale, &format!("call-outcome-{}", c.row.outcome.as_str()));
    let updates = c.payload.consents.updates.then(|| text(c.locale, "value-yes"));
    let all = [
        ("detail-office", office(c).unwrap_or_default()),
        ("detail-outcome", outcome),
        ("detail-points", c.payload.points.clone()),
        ("detail-name", c.payload.details.full_name()),
        ("detail-updates", updates.unwrap_or_default()),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(label, value)| Detail { label: text(c.locale, label), value }).collect()
}

impl ActionKind for CallKind {
    type Act = CallSubmission;
    const SUBMITTING: &'static str = "calls";
    const RECOUNT: &'static str = "recount_calls";

    fn header(act: &CallSubmission) -> &SubmissionHeader {
        &act.header
    }

    async fn write(db: &PgPool, acts: &[CallSubmission]) -> Result<Vec<WrittenSubmission>, sqlx::Error> {
        store::submit(db, acts).await
    }

    async fn load(conn: &mut PgConnection, action: Action, today: NaiveDate) -> Result<CallAction> {
        store::load(conn, action, today).await
    }
}

impl SubmissionKind for CallKind {
    const KIND: Kind = Kind::Call;
    const NAME: &'static str = "call";
    const TABLE: &'static str = "calls";
    const ACTION_COLUMN: &'static str = "call_action_id";
    const EFFECTIVE_STATE: &'static str = CallState::Counted.as_str();
    const COUNTED_BY: &'static [(&'static str, &'static str)] = &[("office", "office_id"), ("outcome", "outcome")];
    const REF: &'static str = "call";
    const CONFIRM_LINK: Purpose = CONFIRM_CALL;
    const MANAGE_LINK: Purpose = MANAGE_CALL;
    const REJECT_LINK: Purpose = REJECT_CALL;
    const WAITING_LINK: Purpose = WAITING_CALLS;
    const CONFIRM_MAIL: &'static str = "call_confirm";
    const REMINDER_MAIL: &'static str = "call_reminder";
    const THANKS_MAIL: &'static str = "call_thanks";
    const OWN_LABEL: &'static str = "own-called";
    const GROUP_COMMITS: [&'static str; 2] = ["call_confirmations", "call_withdrawals"];
    const JOBS: [&'static str; 2] = ["queue_call_reminders", "delete_unconfirmed_calls"];

    type Row = CallRow;
    type Parent = CallAction;
    type Payload = CallPayload;
    type Beside = ();
    type Confirmed = LoadedCall;

    async fn parents(kernel: &Kernel, conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<CallAction>> {
        let today = kernel.env.now().date_naive();
        let mut loaded = Vec::with_capacity(ids.len());
        for action in campaigns::by_ids(conn, ids).await? {
            loaded.push(store::load(conn, action, today).await?);
        }
        Ok(loaded)
    }

    async fn rows(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<CallRow>> {
        rows::<Self, _>(conn, ids).await
    }

    async fn lock(conn: &mut PgConnection, keys: &[SubmissionKey]) -> Result<LockedRows<Self>, sqlx::Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
        Ok(lock_rows::<Self, _>(conn, &ids).await?.into_iter().map(|row| (row, ())).collect())
    }

    async fn standing(kernel: &Kernel, _: &mut PgConnection, c: &LoadedCall) -> Result<Standing<LoadedCall>> {
        Ok(match c.row.state {
            CallState::Pending if !c.has_expired(kernel.env.now()) => Standing::Pending,
            CallState::Counted => Standing::Confirmed(c.clone()),
            _ => Standing::Over,
        })
    }

    async fn confirm(
        kernel: &Kernel,
        conn: &mut PgConnection,
        locked: Vec<Locked<Self>>,
    ) -> Result<Outcomes<LoadedCall>, BatchError> {
        let (mut counting, mut outcomes) = (Vec::new(), Vec::new());
        for Locked { c, person, .. } in locked {
            if c.row.state == CallState::Counted {
                outcomes.push((c.row.id, Ok(c)));
                continue;
            }
            let details = c.require_confirmable(kernel.env.now()).and_then(|()| c.merged_details(kernel, &person));
            match details {
                Ok(details) => counting.push((c, details)),
                Err(error) => outcomes.push((c.row.id, Err(error))),
            }
        }
        save_confirmed(kernel, conn, counting.iter().map(|(c, details)| (c, details))).await?;
        // the times of protected actions are whole days
        let mut by_time: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
        for (c, _) in &counting {
            by_time.entry(kernel.env.recorded_now(c.action().protected)).or_default().push(c.row.id);
        }
        for (at, ids) in &by_time {
            store::count(conn, ids, *at).await?;
        }
        let thanked = counting.iter().map(|(c, _)| c).filter(|c| c.action().send_thanks);
        let thanks: Vec<_> = thanked.map(|c| c.email(Class::Notice, Self::THANKS_MAIL)).collect();
        mail::enqueue_all(conn, &kernel.env, &thanks).await?;
        outcomes.extend(counting.into_iter().map(|(mut c, _)| {
            c.row.state = CallState::Counted;
            (c.row.id, Ok(c))
        }));
        Ok(outcomes)
    }

    async fn withdraw(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedCall) -> Result<(), BatchError> {
        // its state may have changed before its person was locked
        let row = lock_rows::<Self, CallRow>(conn, &[c.row.id]).await?.pop();
        match row.map(|row| row.state) {
            Some(CallState::Counted) => {
                let at = kernel.env.recorded_now(c.action().protected);
                Ok(store::withdraw(conn, c.row.id, at).await?)
            }
            Some(CallState::Withdrawn | CallState::Replaced) => Ok(()),
            Some(CallState::Pending) | None => Err(expired().into()),
        }
    }

    fn is_effective(row: &CallRow) -> bool {
        row.state == CallState::Counted
    }

    fn record(c: &LoadedCall) -> Value {
        json!({
            "state": c.row.state,
            "identifiers": c.payload.identifiers,
            "office": office(c),
            "outcome": c.row.outcome,
            "message": c.payload.points,
            "counted_date": c.row.counted_at,
        })
    }

    fn details(c: &LoadedCall) -> Result<Vec<Detail>> {
        Ok(details(c))
    }

    fn confirmed_page(kernel: &Kernel, c: &LoadedCall) -> LinkPage {
        let mut page = c.done_page("confirm");
        if !c.is_neutral() {
            page.share = campaigns::share_links(c.action(), &kernel.url(&c.action().path()), c.locale);
            page.links = vec![PageLink { label: c.title(), href: c.action().path() }];
            page.links.push(c.page_link(kernel, MANAGE_CALL, "mail-call-thanks-manage-button"));
        }
        page
    }

    async fn own_page(_: &Kernel, _: &mut PgConnection, c: &LoadedCall) -> Result<LinkPage> {
        match c.row.state {
            CallState::Pending => return Err(expired()),
            CallState::Replaced | CallState::Withdrawn => return Ok(c.done_page("manage")),
            CallState::Counted => {}
        }
        let mut page = LinkPage { danger: true, ..c.button_page("manage") };
        if !c.is_neutral() {
            page.details = details(c);
            page.links = vec![PageLink { label: c.title(), href: c.action().path() }];
        }
        Ok(page)
    }

    fn mail_context(c: &LoadedCall, _: DateTime<Utc>) -> minijinja::Value {
        context! { office => office(c).unwrap_or_default() }
    }
}
