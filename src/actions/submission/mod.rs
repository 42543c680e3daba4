//! The life of a submission between its form and its end, for all kinds.
//!
//! [`kind`] is what a kind brings, [`loaded`] a submission with its action, vault and opened content. What the owner of
//! an address does by a mailed link or code is written in group commits ([`owner_acts`]): [`confirmation`] and
//! [`withdrawal`]. [`links`] are the pages of mailed links, [`code`] the page on which the code of a mail is typed,
//! [`mail`] the mails that ask to confirm and that thank, [`body`] what every submission has in the API, [`submit`] what is written of it, [`store`] the statements over the
//! columns that all submissions have, [`counts`] their recount, [`identifiers`] those in other systems, [`jobs`] the reminder and the deletion of what
//! nobody confirmed, [`records`] what is kept about a person.

mod attempt_form;
mod body;
mod code;
mod confirmation;
mod counts;
mod identifiers;
mod jobs;
mod kind;
mod links;
mod loaded;
mod mail;
mod owner_acts;
mod records;
mod store;
mod submit;
mod withdrawal;

use std::sync::Arc;

pub use attempt_form::{FormState, form_page, rate_limited_page};
pub use body::{SubmissionBody, SubmissionReferrer, SubmittedPerson};
pub use code::code_pages;
pub use confirmation::{Locked, save_confirmed};
pub use counts::CountedSubmissions;
pub use identifiers::add_identifiers;
pub use jobs::{register_jobs, skip_reminders};
pub(crate) use kind::submission_row;
pub use kind::{
    IdentifiersMember, LockedRows, Outcomes, Standing, SubmissionKey, SubmissionKind, SubmissionPayload, SubmissionRow,
};
pub use links::{find, find_locked, register_links};
pub use loaded::{Loaded, load, load_found};
pub use mail::{DueReminder, addressee, register_mail};
pub use owner_acts::{Credential, OwnerRequest};
pub use records::register_records;
pub use store::{lock_rows, rows};
pub use submit::{SubmissionHeader, Submitter, WrittenSubmission, header, vouch};

use self::{confirmation::Confirming, owner_acts::OwnerActs, withdrawal::Withdrawing};
use crate::{
    error::Result,
    kernel::{Kernel, group_commit::GroupCommit, links::Token},
};

/// The submissions of a kind: the group commits of what their owners do.
pub struct Submissions<K: SubmissionKind> {
    kernel: Arc<Kernel>,
    confirming: Arc<GroupCommit<OwnerActs<Confirming<K>>>>,
    withdrawing: Arc<GroupCommit<OwnerActs<Withdrawing<K>>>>,
}

// derived, it would ask K to be Clone
impl<K: SubmissionKind> Clone for Submissions<K> {
    fn clone(&self) -> Self {
        let Self { kernel, confirming, withdrawing } = self;
        Self { kernel: kernel.clone(), confirming: confirming.clone(), withdrawing: withdrawing.clone() }
    }
}

impl<K: SubmissionKind> std::fmt::Debug for Submissions<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submissions").field("kind", &K::NAME).finish_non_exhaustive()
    }
}

impl<K: SubmissionKind> Submissions<K> {
    /// Starts the group commits.
    pub fn start(kernel: Arc<Kernel>) -> Self {
        let (settings, env) = (kernel.settings.hot_path, &kernel.env);
        Self {
            confirming: Arc::new(GroupCommit::start(OwnerActs::new(kernel.clone()), settings, env.clone())),
            withdrawing: Arc::new(GroupCommit::start(OwnerActs::new(kernel.clone()), settings, env.clone())),
            kernel,
        }
    }

    /// Writes what is queued and stops.
    pub async fn close(&self) {
        tokio::join!(self.confirming.close(), self.withdrawing.close());
    }

    /// Confirms a submission on behalf of the owner of its address. Idempotent.
    ///
    /// # Errors
    /// `link_expired` for a wrong link or code, for a submission that was not confirmed in time, or has ended; what the
    /// kind refuses; 503 while it cannot be written.
    pub async fn confirm(&self, id: uuid::Uuid, credential: Credential) -> Result<K::Confirmed> {
        self.confirming.submit(OwnerRequest { id, credential }).await?
    }

    /// Withdraws a submission on behalf of its owner; answers with what it was. Idempotent.
    ///
    /// # Errors
    /// `link_expired` for a wrong link, and what the kind refuses; 503 while it cannot be written.
    pub async fn withdraw(&self, link: Token) -> Result<Loaded<K>> {
        self.withdrawing.submit(OwnerRequest { id: link.row, credential: Credential::Link(link) }).await?
    }
}
