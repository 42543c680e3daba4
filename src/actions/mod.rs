//! What all kinds of action share: the public page with its form, the API of an action, the life of a submission.
//!
//! A signature, a registration and a letter are submissions: somebody submits, confirms by the link or the code of a
//! mail, is reminded once, withdraws, or says "this was not me". [`submission`] does that for every kind; a kind says
//! by [`submission::SubmissionKind`] what differs, and by [`ActionPage`] what its page and form have of their own
//! ([`public_page`]). [`ActionState`] is the state of a kind's handlers, for those that bring an [`ActionKind`]. Nothing here names a kind. [`api`] are the operations that every action has in the API: history,
//! preview links, short links. [`retention`] deletes what an action leaves when its data ends. [`my_page()`] is where people ask for the link of their own page.

pub mod api;
mod my_page;
mod public_page;
pub mod retention;
mod state;
pub mod submission;

pub use my_page::{my_page, register_mail};
pub use public_page::{ActionPage, action_pages};
pub use state::{ActionKind, ActionState};

use crate::kernel::links::Purpose;

/// Purpose of links that show an action before it is public. Not mailed: organizers share them, and they are not under
/// `/t/`.
pub const PREVIEW: Purpose = Purpose::new(10);
