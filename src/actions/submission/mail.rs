//! Mails that ask to confirm a submission: the request, and one reminder. They go to an address that nobody has
//! confirmed, so they contain nothing that was typed. And the mail that thanks, with the link of the own page.

use std::{marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use minijinja::{Value, context};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    kind::{SubmissionKind, SubmissionPayload, SubmissionRow},
    loaded::{Loaded, load_found},
};
use crate::{
    error::Result,
    kernel::Kernel,
    mail::{self, Addressee, Composition, Draft, MailKind, MailKinds, MergedWith, QueuedEmail, SendBasis},
    people::AllRecords,
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
    Ok(c.address().map(|address| Addressee { address, vault: c.vault }))
}

/// Registers the mails that ask to confirm.
pub fn register_mail<K: SubmissionKind>(kernel: &Arc<Kernel>, records: &AllRecords, kinds: &mut MailKinds) {
    for (kind, is_first_contact) in [(K::CONFIRM_MAIL, true), (K::REMINDER_MAIL, false)] {
        let (kernel, records) = (kernel.clone(), records.clone());
        kinds.register(AskingMail::<K> { kernel, records, kind, is_first_contact, of: PhantomData });
    }
    if !K::THANKS_MAIL.is_empty() {
        kinds.register(ThanksMail::<K> { kernel: kernel.clone(), of: PhantomData });
    }
}

/// The mail that thanks for a submission that stands ([`SubmissionKind::THANKS_MAIL`]).
struct ThanksMail<K> {
    kernel: Arc<Kernel>,
    of: PhantomData<K>,
}

impl<K: SubmissionKind> MailKind for ThanksMail<K> {
    fn kind(&self) -> &'static str {
        K::THANKS_MAIL
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(addressee::<K>(&self.kernel, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(async move {
            let kernel = &self.kernel;
            let ids = QueuedEmail::ref_ids(emails, K::REF)?;
            let found = load_found::<K>(kernel, &mut *kernel.work.acquire().await?, &ids).await?.into_iter();
            let drafts = found.map(|c| {
                Ok(c?.filter(|c| K::is_effective(&c.row)).and_then(|c| {
                    // without confirmation nobody has confirmed the address
                    let basis = if c.action().confirms { SendBasis::Notice } else { c.first_contact(MergedWith::Same) };
                    c.draft(basis)
                }))
            });
            mail::compose_permitted(kernel, emails, drafts.collect(), |c, to| {
                let (text, _) = c.action().text(c.locale, "");
                let page = context! {
                    manage_url => c.link(kernel, K::MANAGE_LINK), thanks => text.thanks,
                    unconfirmed => !c.action().confirms,
                };
                c.compose(kernel, K::THANKS_MAIL, to, page)
            })
            .await
        })
    }
}

struct AskingMail<K> {
    kernel: Arc<Kernel>,
    records: AllRecords,
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
        let mut conn = kernel.work.acquire().await?;
        let found = load_found::<K>(kernel, &mut conn, &ids).await?;
        let now = kernel.env.now();
        let mut drafts = Vec::with_capacity(found.len());
        for (c, email) in found.into_iter().zip(emails) {
            drafts.push(match c {
                Ok(Some(c)) if c.waits(now) => self.draft(&mut conn, email, c).await,
                Ok(_) => Ok(None),
                Err(error) => Err(error),
            });
        }
        drop(conn);
        let write = |asking: Asking<K>, to| {
            let c = asking.submission;
            let confirm_url = c.link(kernel, K::CONFIRM_LINK);
            // the page for codes names the action, so a neutral mail contains no code
            let mut code = String::new();
            if !c.is_neutral() {
                code = kernel.links.code(K::CONFIRM_LINK, c.row.id(), c.row.link_generation());
                code.insert(code.len() / 2, '-');
            }
            let code_url = kernel.url(&format!("{}/code", c.action().path()));
            let waiting: Vec<Value> = asking.waiting.into_iter().map(|(title, url)| context! { title, url }).collect();
            c.compose(kernel, self.kind, to, context! { confirm_url, code, code_url, waiting })
        };
        mail::compose_permitted(kernel, emails, drafts, write).await
    }

    async fn draft(
        &self,
        conn: &mut PgConnection,
        email: &QueuedEmail,
        c: Loaded<K>,
    ) -> Result<Option<Draft<Asking<K>>>> {
        let Some(to) = c.payload.details().address() else { return Ok(None) };
        // those that were put off are merged into one, which names all that waits; a protected action has a vault of
        // its own, whose mails name nothing
        let waiting = if email.is_put_off() && !c.is_neutral() {
            self.records.waiting(conn, &c.vault, c.row.person_id(), &c.title()).await?
        } else {
            Vec::new()
        };
        let (vault, basis) = (c.vault.clone(), c.first_contact(MergedWith::Vault));
        Ok(Some(Draft { to, vault, basis, about: Asking { submission: c, waiting } }))
    }
}

/// What a mail asks to confirm.
struct Asking<K: SubmissionKind> {
    submission: Loaded<K>,
    /// Titles and pages of what else waits.
    waiting: Vec<(String, String)>,
}
