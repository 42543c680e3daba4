//! How a public act takes effect and what becomes of it: an argument and the result of the SQL functions that write
//! acts in batches (`submit_signatures`, `submit_attendances`, `submit_letters`).

use super::action::Action;

/// When an act takes effect: `mode` of the functions' composite types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SubmissionMode {
    /// When the owner of the e-mail address confirms it.
    Pending,
    /// At once, since the action asks for no confirmation.
    Immediate,
    /// At once, since an organizer vouches for it.
    Vouched,
}

crate::kernel::text_enum!(SubmissionMode);

impl Action {
    /// When an act of the public takes effect.
    pub fn submission_mode(&self) -> SubmissionMode {
        if self.confirms { SubmissionMode::Pending } else { SubmissionMode::Immediate }
    }
}

/// What became of a signature or a letter: `outcome` of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SubmissionOutcome {
    /// It was written.
    Created,
    /// The person has given one before: this one is kept uncounted, or not written if an organizer vouched for it.
    Duplicate,
    /// Imports only: the person has withdrawn it, which an import does not undo.
    Withdrawn,
    /// Imports only: somebody was erased since the row was read, maybe its owner.
    Stale,
    /// The request was executed before, with this idempotency key.
    Replayed,
    /// The idempotency key was used with another request; nothing was written.
    Mismatch,
}

crate::kernel::text_enum!(SubmissionOutcome);
