//! Mails that ask to confirm a submission: the request, and one reminder. They go to an address that nobody has
//! confirmed, so they contain nothing that was typed.

use std::{marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{SubmissionKind, SubmissionPayload, SubmissionRow},
    loaded::{Loaded, load_found},
};
use crate::{
    error::Result,
    kernel::Kernel,
    mail::{self, Addressee, Composition, MailKind, MailKinds, QueuedEmail, SendBasis},
};

/// A pending submission whose owner is to be reminded.
#[derive(Clone, Copy, Debug)]
pub struct DueReminder {
    /// The submission.
    pub submission: Uuid,
    /// Whose action it is.
    pub organization: Uuid,
    /// Is the action protected?
    pub protected: bool,
}

/// The recipient of a mail about a submission: its owner.
///
/// # Errors
/// As [`super::load`].
pub async fn addressee<K: SubmissionKind>(
    kernel: &Kernel,
    conn: &mut PgConnection,
    email: &QueuedEmail,
) -> Result<Option<Addressee>> {
    let mut found = load_found::<K>(kernel, conn, &[email.ref_id(K::REF)?]).await?;
    let Some(c) = found.pop().transpose()?.flatten() else { return Ok(None) };
    Ok(c.payload.details().address().map(|address| Addressee { address, vault: c.vault }))
}

/// Registers the mails that ask to confirm.
pub fn register_mail<K: SubmissionKind>(kernel: &Arc<Kernel>, kinds: &mut MailKinds) {
    for (kind, is_first_contact) in [(K::CONFIRM_MAIL, true), (K::REMINDER_MAIL, false)] {
        kinds.register(AskingMail::<K> { kernel: kernel.clone(), kind, is_first_contact, of: PhantomData });
    }
}

struct AskingMail<K> {
    kernel: Arc<Kernel>,
    kind: &'static str,
    is_first_contact: bool,
    of: PhantomData<K>,
}

impl<K: SubmissionKind> MailKind for AskingMail<K> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn is_first_contact(&self) -> bool {
        self.is_first_contact
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(addressee::<K>(&self.kernel, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.compose_all(emails))
    }
}

impl<K: SubmissionKind> AskingMail<K> {
    async fn compose_all(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let kernel = &self.kernel;
        let ids = QueuedEmail::ref_ids(emails, K::REF)?;
        let found = load_found::<K>(kernel, &mut *kernel.work.acquire().await?, &ids).await?;
        let now = kernel.env.now();
        let waits = |c: &Loaded<K>| c.row.is_pending() && !c.has_expired(now) && K::is_open(c, now);
        let drafts =
            found.into_iter().map(|c| Ok(c?.filter(waits).and_then(|c| c.draft(SendBasis::FirstContact)))).collect();
        let write = |c: Loaded<K>, to| {
            let confirm_url = c.link(kernel, K::CONFIRM_LINK);
            // the page for codes names the action, so a neutral mail contains no code
            let mut code = String::new();
            if !c.is_neutral() {
                code = kernel.links.code(K::CONFIRM_LINK, c.row.id(), c.row.link_generation());
                code.insert(code.len() / 2, '-');
            }
            let code_url = kernel.url(&format!("{}/code", c.action().path()));
            c.compose(kernel, self.kind, to, context! { confirm_url, code, code_url })
        };
        mail::compose_permitted(kernel, emails, drafts, write).await
    }
}
