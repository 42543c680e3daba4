//! Phone calls: people call offices, with a script in their language, and say how it went. Muster places no calls.
//!
//! A report of a call is a submission as any other ([`crate::actions::submission`]): [`api`] or [`mod@pages`] validates the
//! input, [`submission`] seals it and queues it, `submit_calls` (`migrations/functions/calls.sql`) writes a batch.
//! [`kind`] says what is particular: one call of a person counts for each office, and a later one takes its place
//! (`count_calls`). Whom to call, the number and the hours are those of the offices of [`crate::letters`].

mod api;
mod kind;
mod pages;
mod state;
mod store;
mod submission;

pub use api::router;
pub use kind::{CONFIRM_CALL, CallKind, CallPayload, MANAGE_CALL, REJECT_CALL, WAITING_CALLS};
pub use pages::pages;
pub use state::{CallResult, CallState};
pub use store::{CallAction, CallRow, CallSubmission, CallTarget, create_call_action};
pub use submission::{Calls, NewCall};
