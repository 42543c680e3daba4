//! Confirming registrations: seats are allocated under the locks of the events, in the order in which the buttons were
//! pressed, and everybody is told.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{AttendanceKind, ConfirmedAttendance, LoadedAttendance},
    mail::EventMailKind,
    state::AttendanceState,
    store,
};
use crate::{
    actions::submission::{Locked, Outcomes, save_confirmed},
    error::{Code, Error, Result},
    kernel::{Kernel, group_commit::BatchError},
    mail::{self, Class, NewEmail},
    people::DetailsChange,
};

/// Confirms registrations of different people, which are locked: each becomes accepted, waitlisted or declined. Each has
/// an outcome of its own: `link_expired` when it was not confirmed in time, `action_closed` when the event is cancelled
/// or over. One that was confirmed before, or has ended, stays as it is: its page says so.
pub(super) async fn confirm(
    kernel: &Kernel,
    conn: &mut PgConnection,
    locked: Vec<Locked<AttendanceKind>>,
) -> Result<Outcomes<ConfirmedAttendance>, BatchError> {
    let (mut pending, mut done, mut outcomes) = (Vec::with_capacity(locked.len()), Vec::new(), Vec::new());
    for locked in locked {
        if locked.c.row.state == AttendanceState::Pending {
            match require_open(kernel, &locked).and_then(|()| locked.c.merged_details(kernel, &locked.person)) {
                Ok(details) => pending.push((locked.c, details)),
                Err(error) => outcomes.push((locked.c.row.id, Err(error))),
            }
        } else {
            done.push(locked.c);
        }
    }
    let states = write(kernel, conn, &pending).await?;
    done.extend(pending.into_iter().map(|(mut c, _)| {
        if let Some(state) = states.get(&c.row.id) {
            c.row.state = *state;
        }
        c
    }));
    let confirmed = ConfirmedAttendance::all(conn, done).await?;
    outcomes.extend(confirmed.into_iter().map(|confirmed| (confirmed.registration.row.id, Ok(confirmed))));
    Ok(outcomes)
}

fn require_open(kernel: &Kernel, Locked { c, .. }: &Locked<AttendanceKind>) -> Result<()> {
    let now = kernel.env.now();
    c.require_confirmable(now)?;
    if c.parent.is_on(now) { Ok(()) } else { Err(Error::problem(Code::ActionClosed, "It is over or was called off.")) }
}

/// Writes registrations of different people, with one statement for each table and the allocation of each event;
/// returns their states.
async fn write(
    kernel: &Kernel,
    conn: &mut PgConnection,
    pending: &[(LoadedAttendance, DetailsChange)],
) -> Result<HashMap<Uuid, AttendanceState>, BatchError> {
    save_confirmed(kernel, conn, pending.iter().map(|(c, details)| (c, details))).await?;
    // events in lock order
    let mut by_event: BTreeMap<Uuid, (DateTime<Utc>, Vec<Uuid>)> = BTreeMap::new();
    for (c, _) in pending {
        let action = c.action();
        let at = kernel.env.recorded_now(action.protected);
        by_event.entry(action.id).or_insert((at, Vec::new())).1.push(c.row.id);
    }
    let mut states = HashMap::new();
    for (event, (at, ids)) in &by_event {
        states.extend(store::allocate_seats(conn, *event, ids, *at, kernel.env.now()).await?);
    }
    let mails: Vec<NewEmail<'_>> = pending.iter().map(|(c, _)| told(c, states.get(&c.row.id).copied())).collect();
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
    c.email(class, kind.as_str())
}
