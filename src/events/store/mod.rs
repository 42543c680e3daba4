//! All SQL over `events` and `attendances`. Seats are given by the SQL functions of the migration; whatever else changes
//! them here does so under the lock of the event's row.

//!
//! `events` has the events' own columns, `attendances` the registrations, `seats` what moves places and the batch.

mod attendances;
mod counts;
mod events;
mod seats;
mod submissions;
mod waitlist;

pub use attendances::{
    ATTENDANCE_FIELDS, ATTENDANCES, AttendanceRow, PROTECTED_ATTENDANCE_FIELDS, accepted_after, active, attendance,
    attendances, attendances_by_id, delete_pending, enqueue_all, lock_attendance, lock_person, set_sealed,
    waiting_parties,
};
pub use counts::Attendances;
pub use events::{EVENT_FIELDS, by_key, event, insert, list, move_if_past, save};
pub use seats::{add_seats, allocate_seats, cancel_active, cancel_pending, lock_seats, resize};
pub use submissions::{AttendanceSubmission, SubmissionResult, submit_attendances};
pub use waitlist::{events_to_promote, promote_waitlist};
