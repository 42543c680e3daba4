//! Confirming registrations by the owners of their addresses: many in one transaction ([`super::batch`]).
//!
//! A batch: the registrations are read, and each link is checked against its registration. Then, in rounds in which
//! each person has one ([`people::rounds`]): people and registrations are locked, details are merged and sealed, seats
//! are allocated under the locks of the events in the order in which the buttons were pressed, and everybody is told.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    mail::EventMailKind,
    ops::{self, LoadedAttendance},
    state::AttendanceState,
    store::{self, AttendanceRow},
};
use crate::{
    error::{Code, Error, Result},
    kernel::{
        Kernel,
        db::force_index_plan,
        group_commit::BatchError,
        links::{Token, expired},
    },
    mail::{self, Class, NewEmail},
    people::{self, DetailsChange, PersonRow},
};

/// Confirms the registrations of links in one transaction: each becomes accepted, waitlisted or declined. Each has an
/// outcome of its own, in this order: `link_expired` when the link is not the registration's, when that does not exist
/// any more, or was not confirmed in time; `action_closed` when the event is cancelled or over. Idempotent.
pub(super) async fn confirm(kernel: &Kernel, links: &[Token]) -> Result<Vec<Result<LoadedAttendance>>, BatchError> {
    let mut tx = kernel.hot.begin().await?;
    force_index_plan(&mut tx).await?;
    let ids: Vec<Uuid> = links.iter().map(|link| link.row).collect();
    let found = store::attendances_by_id(&mut tx, &ids).await?;
    let found: HashMap<Uuid, AttendanceRow> = found.into_iter().map(|row| (row.id, row)).collect();
    let row_of = |link: &Token| found.get(&link.row).filter(|row| link.check(row.link_generation).is_ok());
    let valid: Vec<Option<&AttendanceRow>> = links.iter().map(row_of).collect();
    let mut once = HashSet::new();
    let rows: Vec<&AttendanceRow> = valid.iter().flatten().filter(|row| once.insert(row.id)).copied().collect();
    let mut outcomes: HashMap<Uuid, Result<LoadedAttendance>> = HashMap::new();
    for round in people::rounds(rows, |row| row.person_id) {
        confirm_round(kernel, &mut tx, &round, &mut outcomes).await?;
    }
    tx.commit().await?;
    let outcome = |row: Option<&AttendanceRow>| match row.and_then(|row| outcomes.get(&row.id)) {
        Some(Ok(c)) => Ok(c.clone()),
        Some(Err(error)) => Err(error.repeated()),
        // a forged link, or a registration that was deleted
        None => Err(expired()),
    };
    Ok(valid.into_iter().map(outcome).collect())
}

/// A pending registration that is being confirmed, under the locks of its person and its own.
struct Step {
    c: LoadedAttendance,
    details: DetailsChange,
}

impl Step {
    /// `None` for one that was confirmed before, or has ended: its page says so.
    fn new(kernel: &Kernel, c: &LoadedAttendance, people: &HashMap<Uuid, PersonRow>) -> Result<Option<Self>> {
        let now = kernel.env.now();
        if c.row.state != AttendanceState::Pending {
            return Ok(None);
        }
        if c.row.confirm_expires_at.is_none_or(|at| at <= now) {
            return Err(expired());
        }
        if !c.event.is_on(now) {
            return Err(Error::problem(Code::ActionClosed, "It is over or was called off."));
        }
        let person = people.get(&c.row.person_id).ok_or_else(Error::not_found)?;
        let (newer, locale) = (c.payload.details.clone(), c.row.locale.as_deref());
        let details = person.merged(kernel, &c.vault, newer, locale, c.event.action.protected)?;
        Ok(Some(Self { c: c.clone(), details }))
    }
}

async fn confirm_round(
    kernel: &Kernel,
    conn: &mut PgConnection,
    round: &[&AttendanceRow],
    outcomes: &mut HashMap<Uuid, Result<LoadedAttendance>>,
) -> Result<(), BatchError> {
    let people: Vec<Uuid> = round.iter().map(|row| row.person_id).collect();
    let people = people::lock_people(conn, &people).await?;
    let people: HashMap<Uuid, PersonRow> = people.into_iter().map(|person| (person.id, person)).collect();
    let ids: Vec<Uuid> = round.iter().map(|row| row.id).collect();
    let locked = store::lock_attendances(conn, &ids).await?;
    let mut locked: HashMap<Uuid, AttendanceRow> = locked.into_iter().map(|row| (row.id, row)).collect();
    // in the order of the round; the link may have been replaced before the locks were held
    let own = round
        .iter()
        .filter_map(|seen| locked.remove(&seen.id).filter(|row| row.link_generation == seen.link_generation));
    let rows: Vec<AttendanceRow> = own.collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let (mut steps, mut confirmed) = (Vec::new(), Vec::new());
    for (id, loaded) in ids.iter().zip(ops::load_attendances(kernel, conn, rows).await?) {
        match loaded.and_then(|c| Ok((Step::new(kernel, &c, &people)?, c))) {
            Ok((step, c)) => {
                steps.extend(step);
                confirmed.push(c);
            }
            Err(error) => drop(outcomes.insert(*id, Err(error))),
        }
    }
    let states = write_round(kernel, conn, &steps).await?;
    for mut c in confirmed {
        if let Some(state) = states.get(&c.row.id) {
            c.row.state = *state;
        }
        outcomes.insert(c.row.id, Ok(c));
    }
    Ok(())
}

/// Writes registrations of different people, with one statement for each table and the allocation of each event;
/// returns their states.
async fn write_round(
    kernel: &Kernel,
    conn: &mut PgConnection,
    steps: &[Step],
) -> Result<HashMap<Uuid, AttendanceState>, BatchError> {
    people::save_details(conn, &steps.iter().map(|step| &step.details).collect::<Vec<_>>()).await?;
    let consents: Vec<_> = steps.iter().map(|Step { c, .. }| ops::Consent::of(c)).collect();
    let given: Vec<_> = consents.iter().map(ops::Consent::given).collect();
    people::append_all_consents(conn, kernel, &given).await?;
    // events in lock order
    let mut by_event: BTreeMap<Uuid, (DateTime<Utc>, Vec<Uuid>)> = BTreeMap::new();
    for Step { c, .. } in steps {
        let action = &c.event.action;
        let at = kernel.env.recorded_now(action.protected);
        by_event.entry(action.id).or_insert((at, Vec::new())).1.push(c.row.id);
    }
    let mut states = HashMap::new();
    for (event, (at, ids)) in &by_event {
        states.extend(store::allocate_seats(conn, *event, ids, *at, kernel.env.now()).await?);
    }
    let mails: Vec<NewEmail<'_>> = steps.iter().map(|Step { c, .. }| told(c, states.get(&c.row.id).copied())).collect();
    mail::enqueue_all(conn, &kernel.env, &mails).await?;
    Ok(states)
}

/// The mail that tells what became of a registration.
fn told(c: &LoadedAttendance, state: Option<AttendanceState>) -> NewEmail<'static> {
    let (class, kind) = match state {
        Some(AttendanceState::Accepted) => (Class::Confirmation, EventMailKind::Registered),
        Some(AttendanceState::Waitlisted) => (Class::Notice, EventMailKind::Waitlisted),
        _ => (Class::Notice, EventMailKind::Declined),
    };
    ops::about(&c.event, class, kind, c.row.id)
}
