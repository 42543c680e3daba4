//! Operations on events: create and change an event; resize and cancel a registration; promote the waitlist.
//! Confirming is in [`super::confirmation`].
//!
//! Lock order (documented in [`people`]): the person, the pending registration, the event, active registrations.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    announcement::announce,
    fields::{EventDocument, NewEvent, require_date, set_dates},
    mail::EventMailKind,
    plan::Event,
    reminders,
    state::AttendanceState,
    store::{self, ATTENDANCES, AttendanceRow},
};
use crate::{
    campaigns::{self, ActionDocument, Kind},
    error::{Error, OnConstraint, Result},
    kernel::{Kernel, patch::both, text::LocaleTag, vault::Vault},
    mail::{self, Class, NewEmail},
    organizers::Actor,
    people::{self, ConsentContext, Consents, Details},
};

/// The sealed content of a registration's row: everything that was typed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AttendancePayload {
    /// The person's details.
    pub details: Details,
    /// Identifiers in other systems, which only organizers give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
    /// Requested language of interpretation (BCP 47), or "".
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interpretation: String,
    /// What the person needs to take part.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access_needs: String,
    /// Consent boxes.
    pub consents: Consents,
    /// Language of the submission; protected rows have no clear column for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<LocaleTag>,
}

/// Creates an event with id `id`.
///
/// # Errors
/// 422 with a pointer for each refused field.
pub async fn create_event(
    conn: &mut PgConnection,
    kernel: &Kernel,
    organization: Uuid,
    id: Uuid,
    mut new: NewEvent,
) -> Result<()> {
    new.plan.identify_sessions([].iter(), || kernel.env.id());
    campaigns::create_action(conn, kernel, organization, id, &new.action).await?;
    store::insert(conn, id, &new.plan, kernel.env.now()).await?;
    let event = store::event(conn, id).await?;
    reminders::schedule(conn, kernel, None, &event).await
}

/// Changes an event, which was read under both its locks. Those who are registered or wait are told when it moves
/// or is called off; those who wait move up when there is room.
///
/// # Errors
/// 422 with a pointer for each refused field (fewer seats than are taken: `/capacity`), or `conflict`.
pub(super) async fn update_event(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    event: Event,
    action: ActionDocument,
    document: EventDocument,
) -> Result<Event> {
    let now = kernel.env.now();
    let id = event.action.id;
    let (mut new, mut plan) = both(action.parse(Kind::Event, true), document.parse(&event.plan, now))?;
    set_dates(&mut new, &plan);
    let link = if plan.instructions.0.is_empty() || event.action.confirms {
        Ok(())
    } else {
        Err(Error::field(
            "/instructions",
            "not_allowed",
            "This event asks for no confirmation, so it cannot have a private link.",
        ))
    };
    both(link, if new.state.is_public() { require_date(&plan) } else { Ok(()) })?;
    // the entry of the whole event is no session's
    let earlier = event.plan.sessions.iter().chain(event.dropped_sessions.iter().filter(|entry| entry.id != id));
    plan.identify_sessions(earlier, || kernel.env.id());
    let changed = event.plan.changes(&plan);
    campaigns::put_action(conn, kernel, actor, &event.action, new).await?;
    store::save(conn, id, &plan, &event.dropped_by(&plan, now), &changed)
        .await
        .on_constraint("events_seats_check", || {
            Error::field("/capacity", "out_of_range", "More seats than that are taken.")
        })?;
    after_change(conn, kernel, &event).await?;
    store::promote_waitlist(conn, id, now).await?;
    store::event(conn, id).await
}

/// Archives an event, which was read under both its locks.
pub(super) async fn archive_event(
    conn: &mut PgConnection,
    kernel: &Kernel,
    actor: &Actor,
    event: &Event,
) -> Result<()> {
    campaigns::archive_action(conn, kernel, actor, &event.action).await?;
    after_change(conn, kernel, event).await
}

/// What follows from a change: everybody is told, and calendars take the new copy.
async fn after_change(conn: &mut PgConnection, kernel: &Kernel, before: &Event) -> Result<()> {
    let after = store::event(conn, before.action.id).await?;
    if before.is_called_off() != after.is_called_off() && after.calendar_sequence == before.calendar_sequence {
        store::raise_sequence(conn, after.action.id).await?;
    }
    reminders::schedule(conn, kernel, Some(before), &after).await?;
    announce(conn, kernel, before, &after).await
}

/// Queues one mail of this kind for each of these registrations, by the mails' `refs`.
pub(super) async fn notify_attendees(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    class: Class,
    kind: EventMailKind,
    refs: Vec<Value>,
) -> Result<()> {
    let about = |refs: Value| NewEmail {
        organization_id: event.action.organization_id,
        class,
        kind: kind.as_str(),
        lane: "",
        refs,
        protected: event.action.protected,
        due_at: None,
    };
    let mails: Vec<NewEmail<'_>> = refs.into_iter().map(about).collect();
    mail::enqueue_all(conn, &kernel.env, &mails).await?;
    Ok(())
}

/// Frees the seats that were kept for people who registered again without confirmation, and promotes the waitlists; once a
/// day, all at once, so that it does not tell who they were. An event that fails is logged and skipped.
///
/// # Errors
/// `unavailable` during an outage.
pub(super) async fn settle_repeated_seats(kernel: &Kernel) -> Result<()> {
    let mut conn = kernel.work.acquire().await?;
    for event in store::events_with_repeated_seats(&mut conn).await? {
        match settle_repeated_seats_of(&mut conn, event, kernel.env.now()).await {
            Ok(()) => {}
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(error) => {
                tracing::error!(event = "seats.repeated_failed", event_id = %event, %error, "seats were not freed");
            }
        }
    }
    Ok(())
}

async fn settle_repeated_seats_of(conn: &mut PgConnection, event: Uuid, now: DateTime<Utc>) -> Result<()> {
    let mut tx = conn.begin().await?;
    store::lock_seats(&mut tx, event).await?;
    store::release_repeated_seats(&mut tx, event).await?;
    store::promote_waitlist(&mut tx, event, now).await?;
    Ok(tx.commit().await?)
}

/// Promotes the waitlists of all events; called by the tick. Every change of seats does so in its own transaction;
/// this covers what no request did: an event that is published again, rows that were repaired by hand. An event that
/// fails is logged and skipped. Returns the number of parties that got seats.
///
/// # Errors
/// `unavailable` during an outage.
pub(super) async fn promote_waitlists(kernel: &Kernel) -> Result<i32> {
    let now = kernel.env.now();
    let mut conn = kernel.work.acquire().await?;
    let mut tx = conn.begin().await?;
    let waiting = store::events_to_promote(&mut tx, now).await?;
    tx.commit().await?;
    let mut promoted = 0;
    for event in waiting {
        loop {
            match store::promote_waitlist(&mut conn, event, now).await.map_err(Error::from) {
                // at most 5,000 parties a call
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

/// Opens a registration's `sealed` column; empty once the contact was erased.
///
/// # Errors
/// `internal` when the vault does not open it.
pub(super) fn open_payload(vault: &Vault, row: &AttendanceRow) -> Result<AttendancePayload> {
    Ok(vault.open_or_default(ATTENDANCES, row.id, row.sealed.as_deref())?)
}

/// Appends the consents of a registration.
pub(super) async fn append_consents(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    person: Uuid,
    consents: &Consents,
    locale: LocaleTag,
) -> Result<()> {
    let action = &event.action;
    let source = format!("event:{}", action.slug);
    let context = ConsentContext {
        organization: action.organization_id,
        organization_name: &action.organization_name,
        locale,
        source: &source,
        updates_wording: None,
    };
    people::append_consents(conn, kernel, person, consents, context, action.protected).await
}

/// Cancels a registration and promotes the waitlist. False when it had ended before.
pub(super) async fn cancel(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    attendance: Uuid,
) -> Result<bool, sqlx::Error> {
    let at = kernel.env.recorded_now(event.action.protected);
    // A pending one holds no seat, so the event is not locked: a concurrent confirmation holds this row and waits for
    // the event.
    if store::cancel_pending(conn, attendance, at).await? {
        return Ok(true);
    }
    store::lock_seats(conn, event.action.id).await?;
    let Some(freed) = store::cancel_active(conn, attendance, at).await? else { return Ok(false) };
    store::add_seats(conn, event.action.id, -freed).await?;
    // also after a waitlisted party left: it may have blocked a smaller one behind it
    store::promote_waitlist(conn, event.action.id, kernel.env.now()).await?;
    Ok(true)
}

/// Erases the registrations of a person, whose lock the caller holds. Their seats are free for others.
pub(super) async fn erase(kernel: &Kernel, conn: &mut PgConnection, person: Uuid) -> Result<()> {
    // events in lock order
    for (event, attendance) in store::active_of_person(conn, person).await? {
        let event = store::event(conn, event).await?;
        cancel(conn, kernel, &event, attendance).await?;
    }
    store::delete_of_person(conn, person).await
}

/// Queues the mail that acknowledges a cancellation by link.
pub(super) async fn notify_cancelled(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    attendance: Uuid,
) -> Result<()> {
    notify_attendees(
        conn,
        kernel,
        event,
        Class::Notice,
        EventMailKind::CancelledByYou,
        vec![json!({"attendance": attendance})],
    )
    .await
}

/// Changes the party size of an active registration. The caller holds the event's lock.
///
/// # Errors
/// 422 at `/muster:party_size` when the larger party does not fit, `conflict` when the registration is not active.
pub(super) async fn resize(
    conn: &mut PgConnection,
    kernel: &Kernel,
    event: &Event,
    row: &AttendanceRow,
    party_size: i16,
) -> Result<()> {
    let more = i32::from(party_size) - i32::from(row.party_size);
    row.state.require_active()?;
    if row.state == AttendanceState::Accepted {
        store::add_seats(conn, event.action.id, more).await.on_constraint("events_seats_check", || {
            Error::field("/muster:party_size", "out_of_range", "There are not enough seats left for this party.")
        })?;
    }
    store::resize(conn, row.id, party_size).await?;
    store::promote_waitlist(conn, event.action.id, kernel.env.now()).await?;
    Ok(())
}
