//! Verbs of events: create, change, confirm a registration, cancel it, let those who wait move up.
//!
//! The lock order is documented in [`people`]: the person, the pending registration, the event, registrations that hold or wait for
//! a place.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    fields::{EventFields, NewEvent, both, require_date},
    plan::Event,
    store::{self, ATTENDANCES, AttendanceRow},
};
use crate::{
    campaigns::{self, ActionChanges},
    error::{Code, Error, OnConstraint, Result},
    kernel::{Kernel, jobs, links::expired, text::LocaleTag, vault::Vault},
    mail::{self, Class, NewEmail},
    organizers::Actor,
    people::{self, ConsentContext, Consents, Details},
};

/// What is sealed on a registration's row: everything that was typed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AttendancePayload {
    /// The person's details.
    pub details: Details,
    /// The language that is to be interpreted, or "".
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interpretation: String,
    /// What the person needs to take part.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access_needs: String,
    /// What was ticked.
    pub consents: Consents,
    /// The language of the act; protected rows have it nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<LocaleTag>,
}

/// Creates an event with id `id`.
///
/// # Errors
/// 422 with a pointer for each refused field, or a database error.
pub async fn create_event(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    new: NewEvent,
) -> Result<()> {
    campaigns::create_action(conn, kernel, organization, id, &new.action).await?;
    store::insert(conn, id, &new.plan).await
}

/// Changes an event. Those who have a place are told when it moves; those who wait move up when there is room.
///
/// # Errors
/// 422 with a pointer for each refused field (fewer seats than are taken: `/capacity`), `conflict`, or a database error.
pub async fn update_event(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    event: Event,
    changes: ActionChanges,
    fields: EventFields,
) -> Result<Event> {
    let now = kernel.env.now();
    let id = event.action.id;
    let link = |plan: &super::plan::Plan| {
        if plan.instructions.0.is_empty() || event.action.confirms {
            return Ok(());
        }
        Err(Error::field(
            "/instructions",
            "not_allowed",
            "This event asks for no confirmation, so it cannot have a private link.",
        ))
    };
    let state = changes.muster_status.unwrap_or(event.action.state);
    let plan = fields.apply(event.plan.clone(), now)?;
    both(link(&plan), if state.is_public() { require_date(&plan) } else { Ok(()) })?;
    let moved = event.plan.moves(&plan);
    campaigns::update_action(conn, kernel, actor, event.action.clone(), changes).await?;
    store::save(conn, id, &plan, moved).await.on_constraint("events_seats_check", || {
        Error::field("/capacity", "out_of_range", "More seats than that are taken.")
    })?;
    let event = store::event(conn, id).await?;
    if moved && event.is_on(now) {
        match notify_moved(conn, kernel, &event, Uuid::nil()).await?.1 {
            Some(last) => jobs::enqueue_from(conn, MOVED_JOB, event.action.organization_id, id, now, last).await?,
            None => jobs::remove(conn, MOVED_JOB, id).await?,
        }
    }
    store::promote_waitlist(conn, id, now).await?;
    store::event(conn, id).await
}

/// Name of the job that tells those who have a place that their event has moved, where they are too many for one request.
pub const MOVED_JOB: &str = "event_moved";
/// Registrations that are looked at in one transaction.
const REGISTRATIONS_PER_STEP: i64 = 2_000;

/// Tells the next of those who have a place, after an id, that the event has moved. Returns how many, and the last that was
/// looked at if there may be more.
///
/// # Errors
/// A database error.
pub async fn notify_moved(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    after: Uuid,
) -> Result<(usize, Option<Uuid>)> {
    let (accepted, next) = store::accepted_after(conn, event.action.id, after, REGISTRATIONS_PER_STEP).await?;
    notify_attendees(conn, kernel, event, Class::Urgent, "event_registered", &accepted).await?;
    Ok((accepted.len(), next))
}

/// Queues one mail for each of these registrations.
async fn notify_attendees(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    class: Class,
    kind: &str,
    attendances: &[Uuid],
) -> Result<()> {
    let protected = event.action.protected;
    let mails: Vec<(Uuid, Uuid)> = attendances.iter().map(|id| (kernel.env.recorded_id(protected), *id)).collect();
    if mails.is_empty() {
        Ok(())
    } else {
        store::enqueue_all(conn, &event.action, class, kind, &mails, kernel.env.recorded_now(protected)).await
    }
}

/// Gives the free seats of all events to those who wait. Every change of seats does so itself, in its own transaction; this
/// finds what none has: an event that is on again, rows that were put right by hand. Returns how many parties got seats.
///
/// # Errors
/// A database error; one event that fails does not keep the others from theirs.
pub async fn promote_waitlists(kernel: &Kernel) -> Result<i32> {
    let now = kernel.env.now();
    let mut conn = kernel.work.acquire().await?;
    let mut promoted = 0;
    for event in store::events_to_promote(&mut conn, now).await? {
        loop {
            match store::promote_waitlist(&mut conn, event, now).await {
                // a long line moves in parts
                Ok(parties) if parties > 0 => promoted += parties,
                Ok(_) => break,
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    tracing::error!(
                        event = "seats.promotion_failed",
                        event_id = %event,
                        %error,
                        "waitlist promotion failed"
                    );
                    break;
                }
            }
        }
    }
    if promoted > 0 {
        tracing::info!(event = "seats.promoted", parties = promoted, "waitlist promoted");
    }
    Ok(promoted)
}

/// A registration with what it belongs to, for links and mails.
pub struct LoadedAttendance {
    /// The row.
    pub row: AttendanceRow,
    /// Its event.
    pub event: Arc<Event>,
    /// The opened vault.
    pub vault: Arc<Vault>,
    /// What is sealed on the row.
    pub payload: AttendancePayload,
    /// The language of the act.
    pub locale: LocaleTag,
}

/// Opens a registration's row with all that its link or mail needs.
///
/// # Errors
/// `internal` when the vault does not open, or a database error.
pub async fn load_attendance(kernel: &Kernel, conn: &mut PgConnection, row: AttendanceRow) -> Result<LoadedAttendance> {
    load_attendances(kernel, conn, vec![row]).await?.pop().unwrap_or_else(|| Err(Error::not_found()))
}

/// The same for many, in their order; each event is read once.
///
/// # Errors
/// As [`load_attendance`]; that of a row that does not open stands in its place.
pub async fn load_attendances(
    kernel: &Kernel,
    conn: &mut PgConnection,
    rows: Vec<AttendanceRow>,
) -> Result<Vec<Result<LoadedAttendance>>> {
    let mut known: HashMap<Uuid, (Arc<Event>, Arc<Vault>)> = HashMap::new();
    for row in &rows {
        if let Entry::Vacant(place) = known.entry(row.event_id) {
            let event = store::event(conn, row.event_id).await?;
            let vault = kernel.vaults.open(event.action.vault_id).await?;
            place.insert((Arc::new(event), vault));
        }
    }
    let open = |row: AttendanceRow| {
        let (event, vault) = known[&row.event_id].clone();
        let payload = open_payload(&vault, &row)?;
        let locale = payload
            .locale
            .or_else(|| row.locale.as_deref().and_then(|l| LocaleTag::parse(l).ok()))
            .unwrap_or(event.action.locale);
        Ok(LoadedAttendance { row, event, vault, payload, locale })
    };
    Ok(rows.into_iter().map(open).collect())
}

/// What a registration's row has sealed; empty once it was dropped.
///
/// # Errors
/// `internal` when the vault does not open it.
pub fn open_payload(vault: &Vault, row: &AttendanceRow) -> Result<AttendancePayload> {
    Ok(row.sealed.as_deref().map(|sealed| vault.open(ATTENDANCES, row.id, sealed)).transpose()?.unwrap_or_default())
}

/// The owner of the address pressed the button: exactly this registration takes effect, and gets its seats, a place in
/// the line, or neither. A second press changes nothing. `c` was read under the locks of the module's order.
///
/// # Errors
/// `link_expired` when the act was not confirmed in time, `action_closed` when the event is called off or over, or a
/// database error.
pub async fn confirm(conn: &mut PgConnection, kernel: &Kernel, c: &LoadedAttendance) -> Result<()> {
    let action = &c.event.action;
    if c.row.state != "pending" {
        return Ok(());
    }
    if c.row.confirm_expires_at.is_none_or(|at| at <= kernel.env.now()) {
        return Err(expired());
    }
    if !c.event.is_on(kernel.env.now()) {
        return Err(Error::problem(Code::ActionClosed, "It is over or was called off."));
    }
    let protected = action.protected;
    people::merge_confirmed_details(
        conn,
        kernel,
        &c.vault,
        c.row.person_id,
        c.payload.details.clone(),
        c.row.locale.as_deref(),
        protected,
    )
    .await?;
    append_consents(conn, kernel, &c.event, c.row.person_id, &c.payload.consents, c.locale).await?;
    let (at, now) = (kernel.env.recorded_now(protected), kernel.env.now());
    let seated = store::allocate_seats(conn, action.id, &[c.row.id], at, now).await?;
    let (class, kind) = match seated.first().map(|(_, state)| state.as_str()) {
        Some("accepted") => (Class::Confirmation, "event_registered"),
        Some("waitlisted") => (Class::Notice, "event_waitlisted"),
        _ => (Class::Notice, "event_declined"),
    };
    let email = NewEmail {
        organization_id: action.organization_id,
        class,
        kind,
        lane: "",
        refs: json!({"attendance": c.row.id}),
        protected,
        due_at: None,
    };
    mail::enqueue(conn, &kernel.env, email).await?;
    Ok(())
}

/// Writes down what was ticked beside a registration.
///
/// # Errors
/// A database error.
pub async fn append_consents(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    person: Uuid,
    consents: &Consents,
    locale: LocaleTag,
) -> Result<()> {
    let action = &event.action;
    let source = format!("event:{}", action.slug);
    let consent_context = ConsentContext {
        organization: action.organization_id,
        organization_name: &action.organization_name,
        locale,
        source: &source,
        updates_wording: None,
    };
    people::append_consents(conn, kernel, person, consents, consent_context, action.protected).await
}

/// Cancels a registration; its seats go to those who wait. False when there was nothing left to cancel.
///
/// # Errors
/// A database error.
pub async fn cancel(conn: &mut PgConnection, kernel: &Kernel, event: &Event, attendance: Uuid) -> Result<bool> {
    let at = kernel.env.recorded_now(event.action.protected);
    // holds no seat, so it needs no lock of the event: who confirms it at this moment holds the row and wants the event
    if store::cancel_pending(conn, attendance, at).await? {
        return Ok(true);
    }
    store::lock_seats(conn, event.action.id).await?;
    let Some(freed) = store::cancel_active(conn, attendance, at).await? else { return Ok(false) };
    store::add_seats(conn, event.action.id, -freed).await?;
    // also when a party that only waited left: it may have stood in front of one that fits
    store::promote_waitlist(conn, event.action.id, kernel.env.now()).await?;
    Ok(true)
}

/// Tells the owner of the address that the registration is cancelled, as asked.
///
/// # Errors
/// A database error.
pub async fn notify_cancelled(conn: &mut PgConnection, kernel: &Kernel, event: &Event, attendance: Uuid) -> Result<()> {
    notify_attendees(conn, kernel, event, Class::Notice, "event_cancelled_by_you", &[attendance]).await
}

/// Changes the size of a party that has a place or waits for one. Under the event's lock.
///
/// # Errors
/// 422 at `/muster:party_size` when the larger party does not fit, `conflict` when the registration is not active, or a
/// database error.
pub async fn resize(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    row: &AttendanceRow,
    party_size: i16,
) -> Result<()> {
    let more = i32::from(party_size) - i32::from(row.party_size);
    match row.state.as_str() {
        "accepted" => {
            store::add_seats(conn, event.action.id, more).await.on_constraint("events_seats_check", || {
                Error::field("/muster:party_size", "out_of_range", "There are not enough seats left for this party.")
            })?;
        }
        "waitlisted" => {}
        _ => return Err(not_active()),
    }
    store::resize(conn, row.id, party_size).await?;
    store::promote_waitlist(conn, event.action.id, kernel.env.now()).await?;
    Ok(())
}

/// `conflict`: the registration was not confirmed, or has ended.
pub fn not_active() -> Error {
    Error::problem(Code::Conflict, "Only a registration that has a place or waits for one can be changed.")
}
