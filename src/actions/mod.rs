//! What all kinds of action share: the life of a submission.
//!
//! A signature, a registration and a letter are submissions: somebody submits, confirms by the link or the code of a
//! mail, is reminded once, withdraws, or says "this was not me". [`submission`] does that for every kind; a kind says
//! by [`submission::SubmissionKind`] what differs. Nothing here names a kind. [`my_page()`] is where people ask for the link of their
//! own page.

mod my_page;
pub mod submission;

pub use my_page::{my_page, register_mail};
