//! What events bring to the life of submissions: theirs are registrations.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use minijinja::context;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    confirmation, links,
    ops::{self, AttendancePayload},
    plan::Event,
    state::AttendanceState,
    store::{self, ATTENDANCES, AttendanceRow},
};
use crate::{
    actions::submission::{
        DueReminder, Loaded, Locked, LockedRows, Outcomes, Standing, SubmissionKey, SubmissionKind, SubmissionPayload,
        Submissions, submission_row,
    },
    campaigns::{Action, Kind},
    error::Result,
    kernel::{
        Kernel,
        group_commit::BatchError,
        links::{Detail, LinkPage, Purpose},
        text::LocaleTag,
    },
    people::{Consents, Details},
};

/// Registrations, as a kind of submission.
#[derive(Debug)]
pub enum AttendanceKind {}

/// A registration with its event and opened content.
pub(super) type LoadedAttendance = Loaded<AttendanceKind>;

/// A registration whose button was pressed.
#[derive(Clone, Debug)]
pub struct ConfirmedAttendance {
    /// The registration.
    pub registration: LoadedAttendance,
    /// It was declined, and an earlier one of the person stays, with this party: there was no room for a larger one.
    pub kept_party: Option<i16>,
}

impl ConfirmedAttendance {
    /// Registrations as they are now, in this order.
    pub(super) async fn all(conn: &mut PgConnection, registrations: Vec<LoadedAttendance>) -> Result<Vec<Self>> {
        let declined = registrations.iter().map(|c| &c.row).filter(|row| row.state == AttendanceState::Declined);
        let declined: Vec<Uuid> = declined.map(|row| row.id).collect();
        let kept = if declined.is_empty() { HashMap::new() } else { store::parties_kept(conn, &declined).await? };
        let confirmed = |registration: LoadedAttendance| {
            let kept_party = kept.get(&registration.row.id).copied();
            Self { registration, kept_party }
        };
        Ok(registrations.into_iter().map(confirmed).collect())
    }
}

/// Group commits of registrations.
pub(super) type AttendanceSubmissions = Submissions<AttendanceKind>;

submission_row!(AttendanceRow, event_id, AttendanceState::Pending);

impl SubmissionPayload for AttendancePayload {
    fn details(&self) -> &Details {
        &self.details
    }

    fn consents(&self) -> &Consents {
        &self.consents
    }

    fn locale(&self) -> Option<LocaleTag> {
        self.locale
    }

    fn identifiers_mut(&mut self) -> &mut Vec<String> {
        &mut self.identifiers
    }
}

impl AsRef<Action> for Event {
    fn as_ref(&self) -> &Action {
        &self.action
    }
}

impl SubmissionKind for AttendanceKind {
    const KIND: Kind = Kind::Event;
    const NAME: &'static str = "event";
    const TABLE: &'static str = ATTENDANCES;
    const ACTION_COLUMN: &'static str = "event_id";
    const EFFECTIVE_STATE: &'static str = AttendanceState::Accepted.as_str();
    const TABLES_BESIDE: &'static [&'static str] = &["events"];
    const REF: &'static str = "attendance";
    const CONFIRM_LINK: Purpose = links::CONFIRM_ATTENDANCE;
    const MANAGE_LINK: Purpose = links::MANAGE_ATTENDANCE;
    const REJECT_LINK: Purpose = links::REJECT_ATTENDANCE;
    const WAITING_LINK: Purpose = links::WAITING_ATTENDANCES;
    const CONFIRM_MAIL: &'static str = "event_confirm";
    const REMINDER_MAIL: &'static str = "event_reminder";
    const OWN_LABEL: &'static str = "own-registered";
    const GROUP_COMMITS: [&'static str; 2] = ["attendance_confirmations", "attendance_withdrawals"];
    const JOBS: [&'static str; 2] = ["queue_attendance_reminders", "delete_unconfirmed_attendances"];

    type Row = AttendanceRow;
    type Parent = Event;
    type Payload = AttendancePayload;
    type Beside = ();
    type Confirmed = ConfirmedAttendance;

    async fn parents(_: &Kernel, conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Event>> {
        store::events_by_id(conn, ids).await
    }

    async fn rows(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<AttendanceRow>> {
        store::attendances_by_id(conn, ids).await
    }

    async fn keys(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<SubmissionKey>, sqlx::Error> {
        store::keys(conn, ids).await
    }

    async fn lock(conn: &mut PgConnection, keys: &[SubmissionKey]) -> Result<LockedRows<Self>, sqlx::Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
        Ok(store::lock_attendances(conn, &ids).await?.into_iter().map(|row| (row, ())).collect())
    }

    async fn by_address(
        conn: &mut PgConnection,
        action: Uuid,
        vault: Uuid,
        email_index: &[u8],
    ) -> Result<Vec<SubmissionKey>> {
        store::by_address(conn, action, vault, email_index).await
    }

    async fn standing(
        kernel: &Kernel,
        conn: &mut PgConnection,
        c: &LoadedAttendance,
    ) -> Result<Standing<ConfirmedAttendance>> {
        if c.row.state == AttendanceState::Pending {
            return Ok(if c.has_expired(kernel.env.now()) { Standing::Over } else { Standing::Pending });
        }
        let confirmed = ConfirmedAttendance::all(conn, vec![c.clone()]).await?.pop();
        Ok(confirmed.map_or(Standing::Over, Standing::Confirmed))
    }

    async fn confirm(
        kernel: &Kernel,
        conn: &mut PgConnection,
        locked: Vec<Locked<Self>>,
    ) -> Result<Outcomes<ConfirmedAttendance>, BatchError> {
        confirmation::confirm(kernel, conn, locked).await
    }

    fn is_open(c: &LoadedAttendance, now: DateTime<Utc>) -> bool {
        c.parent.is_on(now)
    }

    async fn withdraw(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedAttendance) -> Result<(), BatchError> {
        if c.row.state.is_active() && ops::cancel(conn, kernel, &c.parent, c.row.id).await? {
            Ok(ops::notify_cancelled(conn, kernel, &c.parent, c.row.id).await?)
        } else {
            Ok(links::refuse_replaced(conn, c).await?)
        }
    }

    async fn delete_pending(conn: &mut PgConnection, row: &AttendanceRow) -> Result<()> {
        store::delete_pending(conn, row.id).await
    }

    async fn take_due_reminders(
        conn: &mut PgConnection,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<DueReminder>)> {
        store::take_due_reminders(conn, before, now).await
    }

    async fn of_person(conn: &mut PgConnection, person: Uuid) -> Result<Vec<Uuid>> {
        store::of_person(conn, person).await
    }

    async fn void_links(conn: &mut PgConnection, person: Uuid, before: DateTime<Utc>) -> Result<()> {
        store::void_links(conn, person, before).await
    }

    fn is_effective(row: &AttendanceRow) -> bool {
        row.state.is_active()
    }

    fn record(c: &LoadedAttendance) -> Value {
        json!({
            "state": c.row.state,
            "identifiers": c.payload.identifiers,
            "start_date": c.parent.plan.starts_at,
            "party_size": c.row.party_size,
            "interpretation": c.payload.interpretation,
            "access_needs": c.payload.access_needs,
            "accepted_date": c.row.accepted_at,
            "ended_date": c.row.ended_at,
        })
    }

    async fn erase(kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<()> {
        ops::erase(kernel, conn, person).await
    }

    async fn delete_beside(_: &mut PgConnection, _: &[Uuid], _: DateTime<Utc>) -> Result<()> {
        Ok(())
    }

    async fn clear_ended(conn: &mut PgConnection, action: Uuid) -> Result<()> {
        store::clear_ended(conn, action).await
    }

    fn details(c: &LoadedAttendance) -> Result<Vec<Detail>> {
        Ok(links::details(c, c.row.party_size))
    }

    async fn replace_sealed(conn: &mut PgConnection, id: Uuid, sealed: &[u8]) -> Result<bool> {
        store::replace_sealed(conn, id, sealed).await
    }

    fn closed_page(kernel: &Kernel, c: &LoadedAttendance) -> Option<LinkPage> {
        links::closed_page(kernel, c)
    }

    fn confirmed_page(kernel: &Kernel, confirmed: &ConfirmedAttendance) -> LinkPage {
        links::confirmed_page(kernel, confirmed)
    }

    async fn own_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedAttendance) -> Result<LinkPage> {
        links::own_page(kernel, conn, c).await
    }

    fn mail_context(c: &LoadedAttendance, now: DateTime<Utc>) -> minijinja::Value {
        let (event, locale) = (&c.parent, c.locale);
        let sessions = event.plan.sessions.iter().map(|session| {
            // a mail about a protected event does not say what it is
            let title = if c.is_neutral() { "" } else { session.title.as_str() };
            context! { title, when => event.when_session(session, locale, now) }
        });
        context! { when => event.when(locale), place => event.place(), sessions => sessions.collect::<Vec<_>>() }
    }
}
