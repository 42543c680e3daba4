//! Purposes and pages of the links in mails to attendees.

use sqlx::PgConnection;

use super::{
    kind::{ConfirmedAttendance, LoadedAttendance},
    state::{AttendanceState, EventStatus},
    store, tickets,
};
use crate::{
    error::Result,
    kernel::{
        Kernel,
        i18n::text,
        links::{Detail, LinkPage, PageLink, Purpose, expired},
        qr::Qr,
    },
};

/// Purpose of links that confirm a registration.
pub const CONFIRM_ATTENDANCE: Purpose = Purpose::new(3);
/// Purpose of links to the attendee's own page.
pub const MANAGE_ATTENDANCE: Purpose = Purpose::new(4);
/// Purpose of "this was not me" links.
pub const REJECT_ATTENDANCE: Purpose = Purpose::new(8);
/// Purpose of links to what else of the same address waits to be confirmed.
pub const WAITING_ATTENDANCES: Purpose = Purpose::new(19);
/// Purpose of the page of somebody who is registered, with the button that joins online.
pub const JOIN_EVENT: Purpose = Purpose::new(30);
/// Purpose of the same page for the browser that has just sent the form.
pub const JOIN_AT_ONCE: Purpose = Purpose::new(31);

/// Side of the picture of a ticket, in pixels.
const QR_SIDE: u32 = 220;

/// What was typed; the party is the one that counts.
pub(super) fn details(c: &LoadedAttendance, party_size: i16) -> Vec<Detail> {
    let mut details = Vec::new();
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            details.push(Detail { label: text(c.locale, label), value });
        }
    };
    add("detail-when", c.parent.when(c.locale));
    add("detail-place", c.parent.place());
    add("detail-name", c.payload.details.full_name());
    add("detail-party_size", party_size.to_string());
    add("detail-interpretation", c.payload.interpretation.clone());
    add("detail-access_needs", c.payload.access_needs.clone());
    if c.payload.consents.updates {
        add("detail-updates", text(c.locale, "value-yes"));
    }
    details
}

/// What only the registered are told, on the day of the event.
fn instructions(kernel: &Kernel, c: &LoadedAttendance) -> Option<String> {
    let link = &c.parent.plan.instructions.0;
    let shown = !link.is_empty()
        && c.row.state == AttendanceState::Accepted
        && c.parent.is_on(kernel.env.now())
        && c.parent.is_today(kernel.env.now());
    shown.then(|| format!("{} {link}", text(c.locale, "mail-event-join")))
}

/// The page with the join button, for accepted registrations.
fn join_page(kernel: &Kernel, c: &LoadedAttendance) -> Option<PageLink> {
    let can_join = c.parent.has_joining() && c.row.state == AttendanceState::Accepted && c.row.may_join;
    can_join.then(|| c.page_link(kernel, JOIN_EVENT, "join-page-link"))
}

fn event_link(c: &LoadedAttendance) -> Vec<PageLink> {
    vec![PageLink { label: c.title(), href: c.parent.action.path() }]
}

/// The page of a registration whose event was called off or is over; `None` while it can take place.
pub(super) fn closed_page(kernel: &Kernel, c: &LoadedAttendance) -> Option<LinkPage> {
    let (event, now) = (&c.parent, kernel.env.now());
    let key = match event.status(now) {
        _ if event.is_called_off() => "event-status-cancelled",
        EventStatus::Past => "event-status-past",
        _ => return None,
    };
    let mut page = c.text_page("event-manage", "heading", &[]);
    page.lines.push(text(c.locale, key));
    if !c.is_neutral() {
        let reason = &event.action.state_reason;
        page.lines.extend((event.is_called_off() && !reason.is_empty()).then(|| reason.clone()));
    }
    if !event.is_called_off() && c.row.state == AttendanceState::Accepted && !event.plan.follow_up.is_empty() {
        page.lines.push(event.plan.follow_up.clone());
        let next = event.action.next.as_ref();
        page.links.extend(next.map(|next| PageLink { label: next.title.clone(), href: next.path() }));
    }
    if !c.is_neutral() {
        page.details = details(c, c.row.party_size);
        page.links.extend(event_link(c));
    }
    Some(page)
}

/// The page of a confirmed registration. It says what became of it, also at a protected event: its button was pressed.
pub(super) fn confirmed_page(kernel: &Kernel, confirmed: &ConfirmedAttendance) -> LinkPage {
    let c = &confirmed.registration;
    if c.row.state.is_active()
        && let Some(page) = closed_page(kernel, c)
    {
        return page;
    }
    let state = match c.row.state {
        AttendanceState::Pending | AttendanceState::Cancelled => return c.done_page("manage"),
        AttendanceState::Declined if confirmed.kept_party.is_some() => "kept",
        state => state.as_str(),
    };
    let mut page = c.text_page("event-confirm", &format!("done-heading-{state}"), &[&format!("done-line-{state}")]);
    page.done = true;
    page.lines.extend(instructions(kernel, c));
    page.links.extend(join_page(kernel, c));
    if !c.is_neutral() {
        page.details = details(c, confirmed.kept_party.unwrap_or(c.row.party_size));
        page.links.extend(event_link(c));
    }
    page
}

/// The attendee's own page.
pub(super) async fn own_page(kernel: &Kernel, conn: &mut PgConnection, c: &LoadedAttendance) -> Result<LinkPage> {
    if !c.row.state.is_active() {
        refuse_replaced(conn, c).await?;
        return Ok(c.done_page("manage"));
    }
    if let Some(page) = closed_page(kernel, c) {
        return Ok(page);
    }
    let mut page = c.button_page("manage");
    page.danger = true;
    page.lines.extend(instructions(kernel, c));
    page.links.extend(join_page(kernel, c));
    if let Some(code) = tickets::of(kernel, c) {
        page.qr = Some(Qr::of(&code)?.picture(QR_SIDE, &text(c.locale, "ticket-label")));
        page.lines.push(text(c.locale, "ticket-line"));
        page.details.push(Detail { label: text(c.locale, "ticket-label"), value: code });
    }
    let value = text(c.locale, &format!("event-state-{}", c.row.state.as_str()));
    page.details.push(Detail { label: text(c.locale, "detail-status"), value });
    page.details.extend(details(c, c.row.party_size));
    if !c.is_neutral() {
        page.links.extend(event_link(c));
    }
    Ok(page)
}

/// Refuses the link of a registration that was replaced by a newer one of the same person, instead of showing it as
/// cancelled.
pub(super) async fn refuse_replaced(conn: &mut PgConnection, c: &LoadedAttendance) -> Result<()> {
    match store::active(conn, c.row.event_id, c.row.person_id).await? {
        Some(_) => Err(expired()),
        None => Ok(()),
    }
}
