//! All SQL over `events` and `attendances`. Seats are allocated by the SQL functions of the migration; every other
//! change of seats here is made under the lock of the event's row.
//!
//! `events`: the events' own columns · `attendances`: registrations · `seats`: changes of seats · `waitlist`:
//! promotion · `submissions`: the batch · `joins`: who joins online, counted · `door`: who
//! has come · `counts`: the recount · `ended`: what retention deletes besides.

mod attendances;
mod counts;
mod door;
mod ended;
mod events;
mod joins;
mod seats;
mod submissions;
mod waitlist;

pub(crate) use attendances::{
    ATTENDANCE_FIELDS, ATTENDANCES, AttendanceRow, PROTECTED_ATTENDANCE_FIELDS, accepted_after, active, active_after,
    active_of_person, attendance, attendances, attendances_by_id, by_address, delete_of_person, delete_pending,
    erase_declined, keys, lock_attendance, lock_attendances, of_person, parties_kept, replace_sealed, set_may_join,
    take_due_reminders, void_links, waiting_parties,
};
pub(crate) use counts::Attendances;
pub(crate) use door::{TicketRow, check_in, count_walk_ins, tickets, walk_ins};
pub(crate) use ended::clear_ended;
pub(crate) use events::{
    EVENT_FIELDS, by_key, event, events_by_id, forget_known, forget_reminders, insert, list, move_if_past,
    raise_sequence, save, save_joining, save_known, save_reminded,
};
pub(crate) use joins::{count_join, joins};
pub(crate) use seats::{
    add_seats, allocate_seats, cancel_active, cancel_pending, events_with_repeated_seats, lock_seats,
    publish_seat_status, release_repeated_seats, resize,
};
pub(crate) use submissions::{AttendanceOutcome, AttendanceSubmission, SubmissionResult, submit_attendances};
pub(crate) use waitlist::{events_to_promote, promote_waitlist};
