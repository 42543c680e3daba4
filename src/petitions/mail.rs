//! Mails of petitions: confirmation, thanks, reminder, own page, milestones.

use futures_util::future::BoxFuture;
use minijinja::context;
use sqlx::PgConnection;

use super::{
    links::{CONFIRM_SIGNATURE, MANAGE_SIGNATURE},
    ops::{self, LoadedSignature},
    state::SignatureState,
    store,
    submission::Petitions,
};
use crate::{
    error::Result,
    kernel::text::EmailAddress,
    mail::{self, Addressee, Composed, Composition, Draft, MailKind, QueuedEmail, SendBasis},
    organizers,
};

/// Asks the owner of an address to confirm a signature; contains nothing that was typed into the form.
pub(super) struct ConfirmMail(pub Petitions);
/// Thanks for a signature that counts.
pub(super) struct ThanksMail(pub Petitions);
/// Reminds once of a pending signature.
pub(super) struct ReminderMail(pub Petitions);
/// Sends the link of the own page to the owner of an address.
pub(super) struct OwnPageMail(pub Petitions);
/// Tells an organizer of a milestone.
pub(super) struct MilestoneMail(pub Petitions);

/// The signature of each mail; `None` when it does not exist any more.
async fn find(petitions: &Petitions, emails: &[QueuedEmail]) -> Result<Vec<Result<Option<LoadedSignature>>>> {
    find_with(petitions, &mut *petitions.kernel.work.acquire().await?, emails).await
}

async fn find_with(
    petitions: &Petitions,
    conn: &mut PgConnection,
    emails: &[QueuedEmail],
) -> Result<Vec<Result<Option<LoadedSignature>>>> {
    let ids = QueuedEmail::ref_ids(emails, "signature")?;
    let rows = store::signatures_by_id(conn, &ids).await?;
    let found: Vec<Option<usize>> = ids.iter().map(|id| rows.iter().position(|row| row.id == *id)).collect();
    let rows = found.iter().flatten().map(|&n| rows[n].clone()).collect();
    let mut loaded = ops::load_signatures(&petitions.kernel, conn, rows).await?.into_iter();
    Ok(found.into_iter().map(|found| found.and_then(|_| loaded.next()).transpose()).collect())
}

/// The recipient.
async fn signer(petitions: &Petitions, conn: &mut PgConnection, email: &QueuedEmail) -> Result<Option<Addressee>> {
    let mut found = find_with(petitions, conn, std::slice::from_ref(email)).await?;
    let Some(c) = found.pop().transpose()?.flatten() else { return Ok(None) };
    Ok(c.payload.details.address().map(|address| Addressee { address, vault: c.vault }))
}

/// A mail about this signature, unless it has no address (any more).
fn draft(c: LoadedSignature, basis: SendBasis) -> Option<Draft<LoadedSignature>> {
    let to = c.payload.details.address()?;
    Some(Draft { to, vault: c.vault.clone(), basis, about: c })
}

/// Composes mails to unconfirmed addresses, about signatures that satisfy a condition.
async fn compose_unrequested(
    petitions: &Petitions,
    emails: &[QueuedEmail],
    holds: impl Fn(&LoadedSignature) -> bool,
    write: impl Fn(LoadedSignature, EmailAddress) -> Composition,
) -> Result<Vec<Composition>> {
    let found = find(petitions, emails).await?.into_iter();
    let drafts = found.map(|c| Ok(c?.filter(&holds).and_then(|c| draft(c, SendBasis::FirstContact))));
    mail::compose_permitted(&petitions.kernel, emails, drafts.collect(), write).await
}

fn compose(
    petitions: &Petitions,
    c: &LoadedSignature,
    to: EmailAddress,
    kind: &str,
    page: minijinja::Value,
) -> Composition {
    let action = &c.petition.action;
    let common = context! { organization => action.organization_name.as_str(), action_title => action.text(c.locale, "").0.title };
    let rendered = mail::render(&petitions.kernel, kind, c.locale, action.protected, context! { ..page, ..common })?;
    let from_name = if action.protected { String::new() } else { action.organization_name.clone() };
    let mut composed = Composed::new(to, from_name, rendered.subject, rendered.text);
    composed.html = rendered.html;
    Ok(Some(composed))
}

/// Mails that ask to confirm pending signatures.
async fn asking(petitions: &Petitions, emails: &[QueuedEmail], kind: &str) -> Result<Vec<Composition>> {
    let links = &petitions.kernel.links;
    let write = |c: LoadedSignature, to| {
        let action = &c.petition.action;
        let confirm_url = links.url(CONFIRM_SIGNATURE, c.row.id, c.row.link_generation);
        // the page for codes names the petition, so a neutral mail contains no code
        let mut code = String::new();
        if !action.protected {
            code = links.code(CONFIRM_SIGNATURE, c.row.id, c.row.link_generation);
            code.insert(code.len() / 2, '-');
        }
        let code_url = petitions.kernel.url(&format!("{}/code", action.path()));
        compose(petitions, &c, to, kind, context! { confirm_url, code, code_url })
    };
    compose_unrequested(petitions, emails, |c| c.row.state == SignatureState::Pending, write).await
}

impl ConfirmMail {
    /// Its name.
    pub(super) const KIND: &'static str = "petition_confirm";
}

impl MailKind for ConfirmMail {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(asking(&self.0, emails, Self::KIND))
    }
}

impl ReminderMail {
    /// Its name.
    pub(super) const KIND: &'static str = "petition_reminder";
}

impl MailKind for ReminderMail {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(asking(&self.0, emails, Self::KIND))
    }
}

impl OwnPageMail {
    /// Its name.
    pub(super) const KIND: &'static str = "petition_own_page";
}

impl MailKind for OwnPageMail {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn is_first_contact(&self) -> bool {
        true
    }

    fn addressee<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        email: &'a QueuedEmail,
    ) -> BoxFuture<'a, Result<Option<Addressee>>> {
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        let write = |c: LoadedSignature, to| {
            let manage_url = self.0.kernel.links.url(MANAGE_SIGNATURE, c.row.id, c.row.link_generation);
            compose(&self.0, &c, to, Self::KIND, context! { manage_url })
        };
        Box::pin(compose_unrequested(&self.0, emails, |c| c.row.is_effective(), write))
    }
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
        Box::pin(signer(&self.0, conn, email))
    }

    fn compose<'a>(&'a self, emails: &'a [QueuedEmail]) -> BoxFuture<'a, Result<Vec<Composition>>> {
        Box::pin(self.thank(emails))
    }
}

impl ThanksMail {
    async fn thank(&self, emails: &[QueuedEmail]) -> Result<Vec<Composition>> {
        let kernel = &self.0.kernel;
        let mut found = find(&self.0, emails).await?;
        // signed before, without confirmation: the mail contains the link of the signature that counts
        for c in found.iter_mut().filter_map(|found| found.as_mut().ok()?.as_mut()) {
            if c.row.state == SignatureState::Duplicate
                && let Some(counted) = store::find_effective(&mut *kernel.work.acquire().await?, &c.row).await?
            {
                c.row = counted;
            }
        }
        // without confirmation the mail goes to an unconfirmed address and is limited as a first contact
        let basis =
            |c: &LoadedSignature| if c.petition.action.confirms { SendBasis::Notice } else { SendBasis::FirstContact };
        let drafts = found.into_iter().map(|c| {
            Ok(c?.filter(|c| c.row.is_effective()).and_then(|c| {
                let basis = basis(&c);
                draft(c, basis)
            }))
        });
        let write = |c: LoadedSignature, to| {
            let action = &c.petition.action;
            let (text, _) = action.text(c.locale, "");
            let manage_url = kernel.links.url(MANAGE_SIGNATURE, c.row.id, c.row.link_generation);
            let petition_url = kernel.url(&action.path());
            let page =
                context! { manage_url, petition_url, share_text => text.thanks, unconfirmed => !action.confirms };
            compose(&self.0, &c, to, Self::KIND, page)
        };
        mail::compose_permitted(kernel, emails, drafts.collect(), write).await
    }
}
