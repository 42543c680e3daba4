//! Events: people register, nobody is seated twice over, and nobody but the organizers can find out who comes.
//!
//! The way of a registration: [`api`] or [`mod@pages`] checks what was typed, [`submission`] seals it on the registration's
//! own row and hands the act to [`batch`], which writes it in a batch with its mail (`submit_attendances` in the
//! migrations). Where a confirmation is asked, [`links`] shows the mailed page and [`ops::confirm`] gives the seats, a
//! place in the line, or neither, under the lock of the event's row. Whatever frees seats or moves the line ends with
//! `promote_waitlist` in the migrations, so that no seat stays empty while somebody waits whom it fits. [`mail`] composes the messages, [`ics`] the calendar
//! files. What an event is beyond an action stands in [`plan`], how it is typed in [`fields`] and [`times`].
//!
//! What the public may not learn: how many have come (an event is open, has a waiting list, or is closed), and the join
//! link (`instructions`): it is mailed to those who have a place, and pages show it to them on the day itself.

mod api;
mod batch;
mod counts;
mod fields;
mod ics;
mod links;
mod mail;
mod moved;
mod ops;
mod pages;
mod plan;
mod store;
mod submission;
#[cfg(test)]
mod tests;
mod times;

pub use api::router;
pub use fields::{EventFields, NewEvent};
pub use mail::EventMail;
pub use ops::{AttendancePayload, create_event};
pub use pages::pages;
pub use plan::{Contact, Event, EventKind, Format, Plan, Session, Venue};
pub use store::{ATTENDANCES, AttendanceRow, move_if_past};
pub use submission::{Events, NewAttendance, VouchedAttendance};

use crate::{
    kernel::{
        background::{JobInfo, Jobs, Progress, Stage},
        links::LinkHandlers,
    },
    mail::MailKinds,
    people,
};

/// Registers the messages of this slice.
pub fn register_mail(events: &Events, kinds: &mut MailKinds) {
    for kind in EventMail::all(&events.kernel) {
        kinds.register(kind);
    }
}

/// Registers what the links of this slice do.
pub fn register_links(events: &Events, purposes: &mut LinkHandlers) {
    purposes.register(links::ConfirmLink(events.kernel.clone()));
    purposes.register(links::ManageLink(events.kernel.clone()));
    purposes.register(links::RejectLink(events.kernel.clone()));
}

/// Registers the background jobs of this slice.
pub fn register_jobs(events: &Events, jobs: &mut Jobs) {
    let kernel = &events.kernel;
    jobs.add_queue(
        moved::MovedJob(kernel.clone()),
        "mails those who have a place that their event has moved",
        "2,000 registrations",
    );
    let promote = JobInfo::tick(
        "promote_waitlists",
        Stage::Change,
        "gives away seats that no change has given away",
        "5,000 parties in a transaction",
    );
    jobs.add(promote, kernel, async |kernel, _| {
        ops::promote_waitlists(&kernel).await?;
        Ok(Progress::Done)
    });
    let unconfirmed = JobInfo::maintenance(
        "delete_unconfirmed_attendances",
        "deletes registrations pending for `retention.unconfirmed_days` (21), and people of whom nothing else is left",
        "2,000 registrations",
    );
    jobs.add(unconfirmed, kernel, async |kernel, turn| {
        Ok(Progress::of_batch(people::delete_unconfirmed(&kernel.work, "attendances", turn.now).await?))
    });
    counts::register_job(kernel, jobs);
}
