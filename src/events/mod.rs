//! Events: registrations, seats and waitlists. Seats are never oversold, and only organizers can find out who
//! registered.
//!
//! A registration: [`api`] or [`mod@pages`] validates the input, [`submission`] seals it on the registration's own
//! row and hands it to [`batch`], which writes it with its mail (`submit_attendances` in the migrations). Where
//! confirmation is required, [`links`] shows the mailed page and [`confirmation`] makes the registration accepted,
//! waitlisted or declined, under the lock of the event's row. Every operation that frees seats or shortens the
//! waitlist ends with `promote_waitlist` (migrations), so that no seat stays empty while a party waits that fits.
//! [`mail`] composes the mails, [`ics`] the calendar files. [`plan`] is the event beyond its action, [`fields`] and
//! [`times`] its document in the API, [`state`] the states.
//!
//! [`joining`] is how an event is joined online, [`gatherings`] when people meet at it, and [`reminders`] what they are mailed
//! before and after.
//!
//! Not public: the number of registrations (the public sees open, waitlist or closed), what is mailed to accepted registrations
//! only and shown on their page on the day of the event (`instructions`), and the join link, which nothing shows.

mod announcement;
mod api;
mod batch;
mod confirmation;
mod counts;
mod fields;
mod gatherings;
mod ics;
mod joining;
mod kind;
mod links;
mod mail;
mod ops;
mod pages;
mod plan;
mod reminders;
mod rrule;
mod state;
mod store;
mod submission;
#[cfg(test)]
mod tests;
mod tickets;
mod times;

pub use announcement::stop_announcements;
pub use api::router;
pub use fields::{EventDocument, NewEvent};
pub use kind::{AttendanceKind, ConfirmedAttendance};
pub use links::{
    CONFIRM_ATTENDANCE, JOIN_AT_ONCE, JOIN_EVENT, MANAGE_ATTENDANCE, REJECT_ATTENDANCE, WAITING_ATTENDANCES,
};
pub use mail::EventMail;
pub use ops::{AttendancePayload, create_event};
pub use pages::pages;
pub use plan::{Contact, Event, EventKind, Format, Plan, Session, Venue};
pub use state::{AttendanceState, SeatStatus};
pub(crate) use store::{ATTENDANCES, move_if_past};
pub use submission::{Events, NewAttendance, VouchedAttendance};

use std::time::Duration;

use self::{announcement::AnnouncementJob, reminders::ReminderJob};
use crate::{
    actions,
    campaigns::Confirmation,
    kernel::{
        background::{JobInfo, Jobs, Progress, Schedule, Stage},
        links::LinkHandlers,
    },
    mail::MailKinds,
    people::AllRecords,
};

/// Registers what this slice deletes when an action's data ends.
pub fn register_ended(kinds: &mut actions::retention::EndedKinds) {
    kinds.register::<AttendanceKind>();
}

/// Registers what this slice keeps about people.
pub fn register_records(events: &Events, records: &mut AllRecords) {
    actions::submission::register_records::<AttendanceKind>(&events.kernel, records);
}

/// Registers the kinds of mail of this slice.
pub fn register_mail(events: &Events, records: &AllRecords, kinds: &mut MailKinds) {
    actions::submission::register_mail::<AttendanceKind>(&events.kernel, records, kinds);
    for kind in EventMail::all(&events.kernel) {
        kinds.register(kind);
    }
}

/// Registers the handlers of this slice's mailed links.
pub fn register_links(events: &Events, records: &AllRecords, purposes: &mut LinkHandlers) {
    actions::submission::register_links(&events.submissions, records, purposes);
    for handler in joining::link_handlers(&events.kernel) {
        purposes.register(handler);
    }
}

/// Registers the background jobs of this slice.
pub fn register_jobs(events: &Events, jobs: &mut Jobs) {
    let kernel = &events.kernel;
    let about = "mails those who are registered or wait what has changed, or that the event was called off";
    jobs.add_queue(AnnouncementJob(kernel.clone()), about, "2,000 registrations");
    let about = "reminds those who are registered before each start, and writes to them after the end";
    jobs.add_queue(ReminderJob(kernel.clone()), about, "2,000 registrations");
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
    let settle = JobInfo {
        schedule: Schedule::Daily(Stage::Count),
        ..JobInfo::tick(
            "settle_repeated_seats",
            Stage::Count,
            "frees the seats kept for people who registered again at events that ask for no confirmation",
            "",
        )
    };
    jobs.add(settle, kernel, async |kernel, _| {
        ops::settle_repeated_seats(&kernel).await?;
        Ok(Progress::Done)
    });
    let confirmed = JobInfo::tick(
        "publish_seat_status",
        Stage::Publish,
        "publishes whether there are seats at events that ask for confirmation",
        "",
    );
    jobs.add(confirmed, kernel, async |kernel, turn| {
        store::publish_seat_status(&kernel.work, Confirmation::Email, turn.now).await?;
        Ok(Progress::Done)
    });
    let unconfirmed =
        JobInfo::tick("publish_unconfirmed_seat_status", Stage::Publish, "publishes the same of the other events", "");
    let period = Duration::from_secs(kernel.settings.counts.unconfirmed_tick_seconds.into());
    let unconfirmed = JobInfo { schedule: Schedule::SlowTick(Stage::Publish, period), ..unconfirmed };
    jobs.add(unconfirmed, kernel, async |kernel, turn| {
        store::publish_seat_status(&kernel.work, Confirmation::None, turn.now).await?;
        Ok(Progress::Done)
    });
    actions::submission::register_jobs::<AttendanceKind>(kernel, jobs);
    counts::register_job(kernel, jobs);
}
