//! Mails of petitions besides those that ask to confirm: thanks, milestones.

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;

use super::{
    kind::{LoadedSignature, SignatureKind},
    links::MANAGE_SIGNATURE,
    state::SignatureState,
    store,
    submission::Petitions,
};
use crate::{
    actions::submission::{SubmissionKind, addressee, load, load_found},
    error::Result,
    kernel::Kernel,
    mail::{self, Addressee, Composed, Composition, MailKind, MergedWith, QueuedEmail, SendBasis},
    organizers,
};

/// The mail that asks to confirm a signature.
pub(super) const CONFIRM_MAIL: &str = "petition_confirm";
/// Its reminder.
pub(super) const REMINDER_MAIL: &str = "petition_reminder";

/// Thanks for a signature that counts.
pub(super) struct ThanksMail(pub Petitions);
/// Tells an organizer of a milestone.
pub(super) struct MilestoneMail(pub Petitions);

/// The signature of each mail; `None` when it does not exist any more.
async fn find(kernel: &Kernel, emails: &[QueuedEmail]) -> Result<Vec<Result<Option<LoadedSignature>>>> {
    let ids = QueuedEmail::ref_ids(emails, SignatureKind::REF)?;
    load_found(kernel, &mut *kernel.work.acquire().await?, &ids).await
}

impl MilestoneMail {
    /// Its name.
    pub(super) const KIND: &'static str = "petition_milestone";
}

impl MailKind for MilestoneMail {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(mail::one_by_one(emails, |email| self.write(email)))
    }
}

impl MilestoneMail {
    async fn write(&self, email: &QueuedEmail) -> Composition {
        let kernel = &self.0.kernel;
        let mut conn = kernel.work.acquire().await?;
        let petition = store::petition(&mut conn, email.ref_id("petition")?).await?;
        let step = email.refs.get("step").and_then(serde_json::Value::as_i64).unwrap_or_default();
        let organizer = email.ref_id("organizer")?;
        let staff = organizers::list_staff(&mut conn, email.organization_id).await?;
        let to = staff.into_iter().find(|(id, _)| *id == organizer).map(|(_, address)| address);
        let action = &petition.action;
        // no mail about one that was withdrawn meanwhile
        let Some(to) = to.filter(|_| action.published_count >= step) else { return Ok(None) };
        let locale = action.locale;
        let page = context! {
            organization => action.organization_name.as_str(),
            action_title => action.title.as_str(),
            petition_url => kernel.url(&action.path()),
            count => action.published_count,
            step,
            goal => petition.goal,
        };
        let rendered = mail::render(kernel, Self::KIND, locale, false, page)?;
        let mut composed = Composed::new(to, action.organization_name.clone(), rendered.subject, rendered.text);
        composed.html = rendered.html;
        Ok(Some(composed))
    }
}

impl ThanksMail {
    /// Its name.
    pub(super) const KIND: &'static str = "petition_thanks";
}

impl MailKind for ThanksMail {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(addressee::<SignatureKind>(&self.0.kernel, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.thank(emails))
    }
}

impl ThanksMail {
    async fn thank(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let kernel = &self.0.kernel;
        let mut found = find(kernel, emails).await?;
        // signed before, without confirmation: the mail contains the link of the signature that counts
        for c in found.iter_mut().filter_map(|found| found.as_mut().ok()?.as_mut()) {
            if c.row.state == SignatureState::Duplicate
                && let Some(counted) = store::find_effective(&mut *kernel.work.acquire().await?, &c.row).await?
            {
                let mut loaded =
                    load::<SignatureKind>(kernel, &mut *kernel.work.acquire().await?, vec![counted]).await?;
                if let Some(Ok(counted)) = loaded.pop() {
                    *c = counted;
                }
            }
        }
        // without confirmation the mail goes to an unconfirmed address and is limited as a first contact
        let basis = |c: &LoadedSignature| {
            if c.action().confirms { SendBasis::Notice } else { c.first_contact(MergedWith::Same) }
        };
        let drafts = found.into_iter().map(|c| {
            Ok(c?.filter(|c| c.row.is_effective()).and_then(|c| {
                let basis = basis(&c);
                c.draft(basis)
            }))
        });
        let write = |c: LoadedSignature, to| {
            let action = c.action();
            let (text, _) = action.text(c.locale, "");
            let manage_url = c.link(kernel, MANAGE_SIGNATURE);
            let petition_url = kernel.url(&action.path());
            let page =
                context! { manage_url, petition_url, share_text => text.thanks, unconfirmed => !action.confirms };
            c.compose(kernel, Self::KIND, to, page)
        };
        mail::compose_permitted(kernel, emails, drafts.collect(), write).await
    }
}
